/* options.c: the parser that reads the table of options (option_table.c). */
#include "options.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/status.h"
#include "media.h"
#include "steer.h"

#define AT(field) offsetof(struct cli_options, field)

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

void cli_option_range(char out[96], const struct cli_option *d)
{
    if (d->type == CLI_FLOAT)
        snprintf(out, 96, "a number from %g to %g", d->flo, d->fhi);
    else
        snprintf(out, 96, "%s from %llu to %llu",
                 d->type == CLI_BYTES ? "bytes (K, M, G, T allowed)" : "a whole number",
                 (unsigned long long)d->lo, (unsigned long long)d->hi);
}

static int bad_number(const struct cli_verb *verb, const struct cli_option *d, const char *text)
{
    struct vlm_quoted q;
    char expected[96];
    cli_option_range(expected, d);
    return cli_usage(verb, "%s: found '%s', expected %s", d->name,
                     vlm_base_quote(&q, text, strlen(text)), expected);
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

bool cli_option_number(struct cli_options *o, const struct cli_option *d, const char *text)
{
    void *field = (char *)o + d->offset;
    const char *end;
    uint64_t u = 0;
    double f = 0;
    bool good = d->type == CLI_UINT    ? read_uint(&u, text, &end) && !*end
                : d->type == CLI_BYTES ? read_bytes(&u, text)
                                       : read_float(&f, text);
    if (!good || (d->type == CLI_FLOAT ? f < d->flo || f > d->fhi : u < d->lo || u > d->hi))
        return false;
    if (d->type == CLI_FLOAT)
        *(double *)field = f;
    else
        *(uint64_t *)field = u;
    return true;
}

/* text is NULL only for flags. */
static int set_value(struct cli_options *o, const struct cli_option *d, const char *text, int at)
{
    void *field = (char *)o + d->offset;
    switch (d->type) {
    case CLI_FLAG:
        *(bool *)field = true;
        return -1;
    case CLI_UINT:
    case CLI_BYTES:
    case CLI_FLOAT:
        return cli_option_number(o, d, text) ? -1 : bad_number(o->verb, d, text);
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

const struct cli_option *cli_option_find(const struct cli_verb *verb, const char *name, size_t n)
{
    for (const struct cli_option *d = cli_option_table; d->name; d++) {
        if (verb ? !(d->verbs & verb->bit) : (d->verbs & V_MODELS) != V_MODELS)
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

/* What someone who wrote name may have meant: the option that begins like it, or NULL. */
static const char *similar_option(const struct cli_verb *verb, const char *name, size_t n)
{
    const char *best = NULL;
    size_t most = 4; /* "--" and two letters are no likeness */
    for (const struct cli_option *d = cli_option_table; d->name; d++) {
        size_t same = 0;
        while (same < n && d->name[same] == name[same])
            same++;
        if ((d->verbs & verb->bit) && d->type != CLI_LATER && same > most) {
            most = same;
            best = d->name;
        }
    }
    return best;
}

/* argv[*i] begins with '-'.  Moves *i to the last argument used. */
static int parse_option(struct cli_options *o, int argc, char **argv, int *i)
{
    struct vlm_quoted q;
    const char *arg = argv[*i];
    size_t n = strcspn(arg, "=");
    const struct cli_option *d = cli_option_find(o->verb, arg, n);
    const char *like = !d && o->verb ? similar_option(o->verb, arg, n) : NULL;
    if (!d && o->verb)
        return cli_usage(o->verb,
                         "%s: found unknown option '%s', expected one that --help lists%s%s",
                         o->verb->name, vlm_base_quote(&q, arg, strlen(arg)), like ? ", like " : "",
                         like ? like : "");
    if (!d)
        return cli_usage(NULL, "found option '%s', expected a verb before it",
                         vlm_base_quote(&q, arg, strlen(arg)));
    int rc = take_value(o, d, argc, argv, i, n);
    if (rc < 0)
        give_to_media(o, d);
    return rc;
}

static int check_steer(const struct cli_options *o)
{
    struct vlm_quoted q;
    vlm_logit_bias bias;
    for (size_t i = 0; i < o->stops.n; i++) {
        size_t n = strlen(o->stops.v[i]);
        if (n == 0 || n > VLM_LIMIT_STOP_BYTES)
            return cli_usage(o->verb, "--stop: found %zu bytes, expected 1 to %llu", n,
                             (unsigned long long)VLM_LIMIT_STOP_BYTES);
    }
    for (size_t i = 0; i < o->biases.n; i++)
        if (!cli_steer_bias(&bias, o->biases.v[i]))
            return cli_usage(o->verb, "--logit-bias: found '%s', expected ID=NUMBER or ID=-inf",
                             vlm_base_quote(&q, o->biases.v[i], strlen(o->biases.v[i])));
    if (o->json_schema && o->regex)
        return cli_usage(o->verb, "found --json-schema and --regex, expected one of them");
    return -1;
}

static int check(const struct cli_options *o)
{
    int rc = check_steer(o);
    for (size_t i = 0; i <= o->media.n && rc < 0; i++) {
        const char *pages = i < o->media.n ? o->media.v[i].pages : o->of_media.pages;
        struct vlm_quoted q;
        if (pages && !cli_pages_valid(pages))
            rc = cli_usage(o->verb, "--pages: found '%s', expected pages like 1-3,7",
                           vlm_base_quote(&q, pages, strlen(pages)));
    }
    if (rc < 0 && o->args.n < o->verb->min_args)
        rc = cli_usage(o->verb, "%s: found %s, expected %s", o->verb->name,
                       o->args.n ? "one argument" : "no argument", o->verb->args);
    return rc;
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
    cli_options_defaults(o);
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
        cli_help_short();
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
