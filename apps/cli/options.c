/* options.c: the table of options and the parser that reads it. */
#include "options.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/status.h"
#include "media.h"

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const details[] = {"auto", "low", "high", NULL};
static const char *const poolings[] = {"mean", "last", NULL};
static const char *const kv_types[] = {"f32", "f16", "bf16", NULL};

#define AT(field) offsetof(struct cli_options, field)
#define MODELS (V_ALL & ~(unsigned)(V_LIMITS | V_VERSION | V_MAKE_DOCS | V_HELP))
#define LINES (V_BATCH | V_SCORE | V_EMBED) /* one request a line */
#define PICTURES (V_RUN | LINES | V_RENDER | V_TRACE | V_TILES)
#define ANSWERS (V_RUN | V_BATCH)
#define FILES (V_RUN | V_TRACE | V_TILES)

const struct cli_option cli_option_table[] = {
    {"--prompt", "-p", "TEXT", "the question; - reads it from standard input", CLI_TEXT,
     V_RUN | V_TRACE, AT(prompt), 0, 0, 0, 0, NULL},
    {"--image", NULL, "FILE", "a picture, repeatable, in order; - is standard input", CLI_MEDIA,
     FILES, AT(media), CLI_IMAGE, VLM_LIMIT_IMAGES, 0, 0, NULL},
    {"--video", NULL, "FILE", "a clip, GIF or directory of frames, repeatable, in order", CLI_MEDIA,
     FILES, AT(media), CLI_VIDEO, VLM_LIMIT_IMAGES, 0, 0, NULL},
    {"--fps", NULL, "R", "frames a second of the video before (the model's: 1)", CLI_FLOAT,
     PICTURES, AT(of_media.fps), 0, 0, 0.001, 1000, NULL},
    {"--max-frames", NULL, "N", "frames of it at most (the model's: 64)", CLI_UINT, PICTURES,
     AT(of_media.max_frames), 1, VLM_LIMIT_VIDEO_FRAMES, 0, 0, NULL},
    {"--pdf", NULL, "FILE", "a PDF file, each page a picture, repeatable, in order", CLI_MEDIA,
     FILES, AT(media), CLI_PDF, VLM_LIMIT_IMAGES, 0, 0, NULL},
    {"--pages", NULL, "LIST", "pages like 1-3,7 of the PDF before (all)", CLI_TEXT, PICTURES,
     AT(of_media.pages), 0, 0, 0, 0, NULL},
    {"--dpi", NULL, "N", "dots per inch to draw the pages with (150)", CLI_UINT, PICTURES,
     AT(of_media.dpi), 1, 2400, 0, 0, NULL},
    {"--sandbox", NULL, NULL, "decode pictures in a child that can do nothing else", CLI_FLAG,
     PICTURES, AT(sandbox), 0, 0, 0, 0, NULL},
    {"--messages", NULL, "FILE", "a conversation in JSON, instead of a prompt", CLI_TEXT,
     V_RUN | V_TRACE | V_RENDER, AT(messages), 0, 0, 0, 0, NULL},
    {"--ids", NULL, "LIST", "token ids with commas between, instead of a prompt", CLI_TEXT, V_TRACE,
     AT(ids), 0, 0, 0, 0, NULL},
    {"--system", NULL, "TEXT", "a system message before the others, repeatable", CLI_LIST,
     ANSWERS | V_SCORE | V_EMBED | V_TRACE, AT(systems), 0, CLI_LIST_MAX, 0, 0, NULL},
    {"--max-tokens", "-n", "N", "tokens to answer with at most (run, batch: 256)", CLI_UINT,
     ANSWERS | V_TRACE, AT(max_tokens), 0, VLM_LIMIT_CONTEXT, 0, 0, NULL},
    {"--temp", NULL, "T", "temperature; 0, the default, takes the likeliest token", CLI_FLOAT,
     ANSWERS, AT(temperature), 0, 0, 0, 100, NULL},
    {"--seed", NULL, "S", "of the random numbers (0)", CLI_UINT, ANSWERS | V_MAKE_DOCS, AT(seed), 0,
     UINT64_MAX, 0, 0, NULL},
    {"--top-k", NULL, "K", "sample among the K likeliest; 0: all", CLI_UINT, ANSWERS, AT(top_k), 0,
     VLM_LIMIT_VOCAB, 0, 0, NULL},
    {"--top-p", NULL, "P", "sample among the likeliest that hold this share; 1: all", CLI_FLOAT,
     ANSWERS, AT(top_p), 0, 0, 0, 1, NULL},
    {"--min-p", NULL, "P", "drop what is below this share of the likeliest; 0: none", CLI_FLOAT,
     ANSWERS, AT(min_p), 0, 0, 0, 1, NULL},
    {"--repeat-penalty", NULL, "R", "divide the logits of what was said already; 1: off", CLI_FLOAT,
     ANSWERS, AT(repeat_penalty), 0, 0, 0.01, 100, NULL},
    {"--typical-p", NULL, "P", "sample among the tokens nearest to the expected surprise; 1: all",
     CLI_FLOAT, ANSWERS, AT(typical_p), 0, 0, 0, 1, NULL},
    {"--presence-penalty", NULL, "X", "taken from the logits of what the answer holds; 0: off",
     CLI_FLOAT, ANSWERS, AT(presence_penalty), 0, 0, -100, 100, NULL},
    {"--frequency-penalty", NULL, "X", "the same, for each time it stands there; 0: off", CLI_FLOAT,
     ANSWERS, AT(frequency_penalty), 0, 0, -100, 100, NULL},
    {"--logit-bias", NULL, "ID=X", "add X (or -inf) to a token's logit, repeatable", CLI_LIST,
     ANSWERS, AT(biases), 0, CLI_LIST_MAX, 0, 0, NULL},
    {"--min-tokens", NULL, "N", "do not end the answer before so many (0)", CLI_UINT, ANSWERS,
     AT(min_tokens), 0, VLM_LIMIT_CONTEXT, 0, 0, NULL},
    {"--json-schema", NULL, "FILE", "answer with JSON that this schema allows", CLI_TEXT, ANSWERS,
     AT(json_schema), 0, 0, 0, 0, NULL},
    {"--regex", NULL, "PATTERN", "answer with text that this regular expression matches", CLI_TEXT,
     ANSWERS, AT(regex), 0, 0, 0, 0, NULL},
    {"--stop", NULL, "TEXT", "end the answer before this text, repeatable", CLI_LIST, ANSWERS,
     AT(stops), 0, VLM_LIMIT_STOP_STRINGS, 0, 0, NULL},
    {"--logprobs", NULL, "K", "with --json: log probabilities, and of K alternatives", CLI_UINT,
     ANSWERS, AT(logprobs), 0, VLM_LIMIT_LOGPROBS, 0, 0, NULL},
    {"--detail", NULL, "LEVEL", "low: one tile per picture; high, auto: the model's own tiling",
     CLI_CHOICE, PICTURES, AT(detail), 0, 0, 0, 0, details},
    {"--max-tiles", NULL, "N", "tiles per picture at most, overview not counted", CLI_UINT,
     PICTURES, AT(max_tiles), 1, VLM_LIMIT_TILES, 0, 0, NULL},
    {"--ctx", NULL, "N", "positions to reserve (what the request needs; plan: the model's)",
     CLI_UINT, ANSWERS | V_SCORE | V_EMBED | V_TRACE | V_PLAN, AT(context), 1, VLM_LIMIT_CONTEXT, 0,
     0, NULL},
    {"--chunk", NULL, "N", "rows of prompt per forward pass; changes no result", CLI_UINT,
     ANSWERS | V_SCORE | V_EMBED | V_TRACE | V_PLAN, AT(chunk), 1, 65536, 0, 0, NULL},
    {"--kv", NULL, "TYPE", "how keys and values are stored (f32)", CLI_CHOICE,
     ANSWERS | V_SCORE | V_EMBED | V_TRACE | V_PLAN, AT(kv_type), 0, 0, 0, 0, kv_types},
    {"--max-memory", NULL, "BYTES",
     "memory beside the mapped weights; K, M, G, T are powers of 1024", CLI_BYTES,
     ANSWERS | V_SCORE | V_EMBED | V_TRACE | V_PLAN, AT(max_memory), 1, INT64_MAX, 0, 0, NULL},
    {"--pooling", NULL, "HOW", "which positions: all (mean, the default) or the last", CLI_CHOICE,
     V_EMBED, AT(pooling), 0, 0, 0, 0, poolings},
    {"--output", "-o", "FILE", "write the results there", CLI_TEXT, LINES, AT(output), 0, 0, 0, 0,
     NULL},
    {"--jsonl", NULL, NULL, "one JSON value a line, in and out", CLI_FLAG,
     V_TOKENIZE | V_DETOKENIZE, AT(lines), 0, 0, 0, 0, NULL},
    {"--special", NULL, NULL, "text that looks like a control token is one", CLI_FLAG, V_TOKENIZE,
     AT(special), 0, 0, 0, 0, NULL},
    {"--jsonl", NULL, "FILE", "one {\"messages\":[...]} a line, instead of --messages", CLI_TEXT,
     V_RENDER, AT(jsonl), 0, 0, 0, 0, NULL},
    {"--no-generation-prompt", NULL, NULL, "do not open the assistant's turn", CLI_FLAG, V_RENDER,
     AT(no_generation_prompt), 0, 0, 0, 0, NULL},
    {"--out", NULL, "DIR", "write the files there", CLI_TEXT, V_TRACE | V_TILES, AT(out_dir), 0, 0,
     0, 0, NULL},
    {"--only", NULL, "NAME", "write only this tensor, repeatable", CLI_LIST, V_TRACE, AT(only), 0,
     CLI_LIST_MAX, 0, 0, NULL},
    {"--compare", NULL, "DIR", "compare what was written with the files there", CLI_TEXT, V_TRACE,
     AT(compare), 0, 0, 0, 0, NULL},
    {"--tolerance", NULL, "T", "differences allowed, of the tensor's largest value (1e-4)",
     CLI_FLOAT, V_TRACE, AT(tolerance), 0, 0, 0, 1e30, NULL},
    {"--tensors", NULL, NULL, "list every tensor", CLI_FLAG, V_INSPECT, AT(tensors), 0, 0, 0, 0,
     NULL},
    {"--kind", NULL, "KIND", "what to draw: label, receipt, form, ... (all stand above)", CLI_TEXT,
     V_MAKE_DOCS, AT(kind), 0, 0, 0, 0, NULL},
    {"--strength", NULL, "X", "of wear and photography, 0 (clean print, the default) to 1",
     CLI_FLOAT, V_MAKE_DOCS, AT(strength), 0, 0, 0, 1, NULL},
    {"--count", NULL, "N", "how many; their seeds are S, S+1, ... (1)", CLI_UINT, V_MAKE_DOCS,
     AT(count), 0, 1000000, 0, 0, NULL},
    {"--font", NULL, "FILE", "a font to draw with, repeatable (those of Debian)", CLI_LIST,
     V_MAKE_DOCS, AT(fonts), 0, CLI_LIST_MAX, 0, 0, NULL},
    {"--reps", NULL, "R", "repetitions of each measurement (5)", CLI_UINT, V_BENCH, AT(reps), 1,
     1000, 0, 0, NULL},
    {"--width", NULL, "N", "columns to draw in (the terminal's, or 80)", CLI_UINT, V_SHOW,
     AT(width), 4, 1000, 0, 0, NULL},
    {"--mmproj", NULL, "FILE", "of a GGUF MODEL: the file with its vision tower (found beside it)",
     CLI_TEXT, MODELS, AT(mmproj), 0, 0, 0, 0, NULL},
    {"--tools", NULL, "FILE", "a list of tools in JSON, for the template", CLI_TEXT, V_RENDER,
     AT(tools), 0, 0, 0, 0, NULL},
    {"--image", NULL, "WxH", "room for a picture of this size, repeatable", CLI_LIST, V_PLAN,
     AT(sizes), 0, VLM_LIMIT_IMAGES, 0, 0, NULL},
    {"--image", NULL, "WxH", NULL, CLI_LATER, V_BENCH, 0, 0, 0, 0, 0, NULL},
    {"--prompt", NULL, "N", NULL, CLI_LATER, V_BENCH, 0, 0, 0, 0, 0, NULL},
    {"--gen", NULL, "N", NULL, CLI_LATER, V_BENCH, 0, 0, 0, 0, 0, NULL},
    {"--depth", NULL, "N", NULL, CLI_LATER, V_BENCH, 0, 0, 0, 0, 0, NULL},
    {"--threads", NULL, "N", "threads to compute with (one per core)", CLI_UINT, MODELS,
     AT(threads), 1, VLM_LIMIT_THREADS, 0, 0, NULL},
    {"--isa", NULL, "LEVEL", "kernels to use; `vlm version` lists them (auto)", CLI_TEXT, MODELS,
     AT(isa), 0, 0, 0, 0, NULL},
    {"--no-mmap", NULL, NULL, "read weight files into memory instead of mapping them", CLI_FLAG,
     MODELS, AT(no_mmap), 0, 0, 0, 0, NULL},
    {"--log", NULL, "LEVEL", "error, warn (default), info or debug", CLI_CHOICE, V_ALL, AT(log), 0,
     0, 0, 0, log_levels},
    {"--json", NULL, NULL, "results as JSON", CLI_FLAG, V_ALL, AT(json), 0, 0, 0, 0, NULL},
    {"--help", "-h", NULL, "this text", CLI_FLAG, V_ALL, AT(help), 0, 0, 0, 0, NULL},
    {"--version", NULL, NULL, "the version of the program", CLI_FLAG, V_ALL, AT(version), 0, 0, 0,
     0, NULL},
    {0}};

int cli_usage(const struct cli_verb *verb, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("vlm: ", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    if (verb)
        fprintf(stderr, "\nsee 'vlm %s --help'\n", verb->name);
    else
        fputs("\nsee 'vlm --help'\n", stderr);
    return CLI_USAGE;
}

/* Digits only: no sign, no blanks, no overflow. */
static bool read_uint(uint64_t *out, const char *s, const char **end)
{
    uint64_t v = 0;
    const char *p = s;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    *end = p;
    *out = v;
    return p != s;
}

static bool read_bytes(uint64_t *out, const char *s)
{
    static const char units[] = "KMGT";
    const char *end;
    if (!read_uint(out, s, &end))
        return false;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit)
        end++;
    for (; unit && unit >= units; unit--)
        if (__builtin_mul_overflow(*out, UINT64_C(1024), out))
            return false;
    return *end == 0;
}

/* strtod also takes "nan", "inf", "0x1p3" and leading blanks: refuse what is no plain decimal. */
static bool read_float(double *out, const char *s)
{
    if (!*s || s[strspn(s, "0123456789.eE+-")])
        return false;
    char *end;
    *out = strtod(s, &end);
    return *end == 0 && isfinite(*out);
}

static int bad_number(const struct cli_verb *verb, const struct cli_option *d, const char *text)
{
    struct vlm_quoted q;
    vlm_base_quote(&q, text, strlen(text));
    if (d->type == CLI_FLOAT)
        return cli_usage(verb, "%s: found '%s', expected a number from %g to %g", d->name, q.text,
                         d->flo, d->fhi);
    return cli_usage(verb, "%s: found '%s', expected %s from %llu to %llu", d->name, q.text,
                     d->type == CLI_BYTES ? "bytes (K, M, G, T allowed)" : "a whole number",
                     (unsigned long long)d->lo, (unsigned long long)d->hi);
}

static int set_choice(struct cli_options *o, const struct cli_option *d, const char *text)
{
    char expected[64] = "";
    for (int i = 0; d->choices[i]; i++) {
        if (strcmp(d->choices[i], text) == 0) {
            *(int *)((char *)o + d->offset) = i;
            return -1;
        }
        size_t n = strlen(expected);
        snprintf(expected + n, sizeof expected - n, "%s%s", i ? ", " : "", d->choices[i]);
    }
    struct vlm_quoted q;
    return cli_usage(o->verb, "%s: found '%s', expected one of %s in this build", d->name,
                     vlm_base_quote(&q, text, strlen(text)), expected);
}

/* Options of one file belong to the last of their kind before them; with none before, to all. */
static void give_to_media(struct cli_options *o, const struct cli_option *d)
{
    struct cli_media *to = NULL, *from = &o->of_media;
    bool of_pdf = d->offset == AT(of_media.pages) || d->offset == AT(of_media.dpi),
         of_video = d->offset == AT(of_media.fps) || d->offset == AT(of_media.max_frames);
    for (size_t i = 0; i < o->media.n; i++)
        if ((of_pdf && o->media.v[i].kind == CLI_PDF) ||
            (of_video && o->media.v[i].kind == CLI_VIDEO))
            to = &o->media.v[i];
    if (!to)
        return;
    if (d->offset == AT(of_media.pages)) {
        to->pages = from->pages;
        from->pages = NULL;
    } else if (d->offset == AT(of_media.dpi)) {
        to->dpi = from->dpi;
        from->dpi = 0;
    } else if (d->offset == AT(of_media.fps)) {
        to->fps = from->fps;
        from->fps = 0;
    } else {
        to->max_frames = from->max_frames;
        from->max_frames = 0;
    }
}

static int add_media(struct cli_options *o, const struct cli_option *d, const char *text, int at)
{
    if (o->media.n >= d->hi)
        return cli_usage(o->verb, "%s: found more than %llu files, expected at most that many",
                         d->name, (unsigned long long)d->hi);
    o->media.v[o->media.n++] =
        (struct cli_media){.kind = (enum cli_media_kind)d->lo, .path = text, .at = at};
    return -1;
}

/* text is NULL only for flags. */
static int set_value(struct cli_options *o, const struct cli_option *d, const char *text, int at)
{
    void *field = (char *)o + d->offset;
    const char *end;
    uint64_t u;
    double f;
    switch (d->type) {
    case CLI_FLAG:
        *(bool *)field = true;
        return -1;
    case CLI_UINT:
        if (!read_uint(&u, text, &end) || *end || u < d->lo || u > d->hi)
            return bad_number(o->verb, d, text);
        *(uint64_t *)field = u;
        return -1;
    case CLI_BYTES:
        if (!read_bytes(&u, text) || u < d->lo || u > d->hi)
            return bad_number(o->verb, d, text);
        *(uint64_t *)field = u;
        return -1;
    case CLI_FLOAT:
        if (!read_float(&f, text) || f < d->flo || f > d->fhi)
            return bad_number(o->verb, d, text);
        *(double *)field = f;
        return -1;
    case CLI_TEXT:
        *(const char **)field = text;
        return -1;
    case CLI_LIST: {
        struct cli_list *list = field;
        if (list->n >= d->hi)
            return cli_usage(o->verb, "%s: found more than %llu, expected at most that many",
                             d->name, (unsigned long long)d->hi);
        list->v[list->n++] = text;
        return -1;
    }
    case CLI_MEDIA:
        return add_media(o, d, text, at);
    case CLI_CHOICE:
        return set_choice(o, d, text);
    case CLI_LATER:
        break;
    }
    return cli_usage(
        o->verb, "%s: found an option of a later version, which this build does not have", d->name);
}

/* Before the verb only what every verb takes, and what most take, is known. */
static const struct cli_option *find_option(const struct cli_verb *verb, const char *name, size_t n)
{
    for (const struct cli_option *d = cli_option_table; d->name; d++) {
        if (verb ? !(d->verbs & verb->bit) : (d->verbs & MODELS) != MODELS)
            continue;
        if ((strlen(d->name) == n && memcmp(d->name, name, n) == 0) ||
            (d->alias && strlen(d->alias) == n && memcmp(d->alias, name, n) == 0))
            return d;
    }
    return NULL;
}

/* The value of the option argv[*i], whose name has n bytes. */
static int take_value(struct cli_options *o, const struct cli_option *d, int argc, char **argv,
                      int *i, size_t n)
{
    const char *arg = argv[*i];
    if (d->meta == NULL) {
        if (arg[n])
            return cli_usage(o->verb, "%s: found a value, expected none", d->name);
        return set_value(o, d, NULL, *i);
    }
    if (arg[n])
        return set_value(o, d, arg + n + 1, *i);
    if (d->type == CLI_LATER)
        return set_value(o, d, NULL, *i);
    if (*i + 1 >= argc)
        return cli_usage(o->verb, "%s: found no value, expected %s", d->name, d->meta);
    ++*i;
    return set_value(o, d, argv[*i], *i);
}

/* argv[*i] begins with '-'.  Moves *i to the last argument used. */
static int parse_option(struct cli_options *o, int argc, char **argv, int *i)
{
    struct vlm_quoted q;
    const char *arg = argv[*i];
    size_t n = strcspn(arg, "=");
    const struct cli_option *d = find_option(o->verb, arg, n);
    if (!d && o->verb)
        return cli_usage(o->verb, "%s: found unknown option '%s', expected one that --help lists",
                         o->verb->name, vlm_base_quote(&q, arg, strlen(arg)));
    if (!d)
        return cli_usage(NULL, "found option '%s', expected a verb before it",
                         vlm_base_quote(&q, arg, strlen(arg)));
    int rc = take_value(o, d, argc, argv, i, n);
    if (rc < 0)
        give_to_media(o, d);
    return rc;
}

static void set_defaults(struct cli_options *o)
{
    *o = (struct cli_options){.log = VLM_LOG_WARN,
                              .max_tokens = 256,
                              .top_p = 1,
                              .repeat_penalty = 1,
                              .typical_p = 1,
                              .tolerance = 1e-4,
                              .count = 1,
                              .reps = 5};
}

static int check(const struct cli_options *o)
{
    for (size_t i = 0; i < o->stops.n; i++) {
        size_t n = strlen(o->stops.v[i]);
        if (n == 0 || n > VLM_LIMIT_STOP_BYTES)
            return cli_usage(o->verb, "--stop: found %zu bytes, expected 1 to %llu", n,
                             (unsigned long long)VLM_LIMIT_STOP_BYTES);
    }
    for (size_t i = 0; i <= o->media.n; i++) {
        const char *pages = i < o->media.n ? o->media.v[i].pages : o->of_media.pages;
        struct vlm_quoted q;
        if (pages && !cli_pages_valid(pages))
            return cli_usage(o->verb, "--pages: found '%s', expected pages like 1-3,7",
                             vlm_base_quote(&q, pages, strlen(pages)));
    }
    if (o->args.n < o->verb->min_args)
        return cli_usage(o->verb, "%s: found %zu arguments, expected %s", o->verb->name, o->args.n,
                         o->verb->args);
    return -1;
}

/* Everything after the verb. */
static int parse_rest(struct cli_options *o, int argc, char **argv, int i)
{
    bool only_args = false;
    if (o->verb->bit == V_TRACE)
        o->max_tokens = 0;
    for (; i < argc; i++) {
        if (!only_args && strcmp(argv[i], "--") == 0) {
            only_args = true;
        } else if (!only_args && argv[i][0] == '-' && argv[i][1]) {
            int rc = parse_option(o, argc, argv, &i);
            if (rc >= 0)
                return rc;
        } else {
            struct vlm_quoted q;
            if (o->args.n >= o->verb->max_args)
                return cli_usage(o->verb, "%s: found one argument too many, '%s', expected %s",
                                 o->verb->name, vlm_base_quote(&q, argv[i], strlen(argv[i])),
                                 o->verb->max_args ? o->verb->args : "none");
            o->args_at[o->args.n] = i;
            o->args.v[o->args.n++] = argv[i];
        }
        if (o->help) {
            cli_help_verb(o->verb);
            return CLI_OK;
        }
    }
    if (o->version) {
        o->verb = cli_verb_find("version");
        return -1;
    }
    return check(o);
}

int cli_options_parse(struct cli_options *o, int argc, char **argv)
{
    int i = 1;
    set_defaults(o);
    for (; i < argc && argv[i][0] == '-'; i++) {
        int rc = parse_option(o, argc, argv, &i);
        if (rc >= 0)
            return rc;
        if (o->help) {
            cli_help_all();
            return CLI_OK;
        }
    }
    if (i >= argc && o->version) {
        o->verb = cli_verb_find("version");
        return -1;
    }
    if (i >= argc)
        return cli_usage(
            NULL, "found no verb, expected one, like in: vlm run picture.png \"What is this?\"");
    o->verb = cli_verb_find(argv[i]);
    if (!o->verb) {
        struct vlm_quoted q;
        return cli_usage(NULL, "found '%s', expected a verb of this build",
                         vlm_base_quote(&q, argv[i], strlen(argv[i])));
    }
    return parse_rest(o, argc, argv, i + 1);
}
