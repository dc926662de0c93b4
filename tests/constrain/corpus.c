/* corpus.c: the schemas of tests/data/constrain (made by tools/golden/make_schemas.py).
 *
 *   corpus FILE              every schema compiles or is refused by the name the file gives; of the
 *                            texts that a public validator judged no invalid one is taken
 *   corpus --walk FILE N     N random texts of each schema, a JSON line each (check_schemas.py)
 *   corpus --time FILE N DIR the same on the tokenizer of a model's directory: time per mask
 *
 * A walk takes any allowed token until it is long, then prefers bytes that close what is open. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "constrain/constrain.h"
#include "engine/engine.h"

static const vlm_allocator *alloc;
static vlm_error err;
static uint64_t random_state;

static uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545F4914F6CDD1D) >> 11;
}

/* ---- vocabularies ---- */

static struct vlm_vocabulary byte_vocabulary(void)
{
    static uint32_t begin[257];
    static uint8_t bytes[256];
    for (uint32_t i = 0; i < 256; i++) {
        begin[i] = i;
        bytes[i] = (uint8_t)i;
    }
    begin[256] = 256;
    return (struct vlm_vocabulary){256, begin, bytes};
}

/* Text tokens of a model's tokenizer; lives until the program ends. */
static struct vlm_vocabulary model_vocabulary(const char *dir)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.vocab_only = 1;
    if (vlm_engine_open(&e, dir, &o, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    size_t n = vlm_engine_vocab_size(e), at = 0;
    uint32_t *begin = calloc(n + 1, sizeof *begin);
    uint8_t *bytes = malloc(n * VLM_CONSTRAIN_TOKEN_BYTES);
    for (size_t id = 0; begin && bytes && id < n; id++) {
        const char *text;
        size_t n_text;
        bool special;
        begin[id] = (uint32_t)at;
        if (vlm_token_bytes(e->tok, (int32_t)id, &text, &n_text, &special) && !special &&
            n_text <= VLM_CONSTRAIN_TOKEN_BYTES) {
            memcpy(bytes + at, text, n_text);
            at += n_text;
        }
        begin[id + 1] = (uint32_t)at;
    }
    return (struct vlm_vocabulary){n, begin, bytes};
}

/* ---- one schema ---- */

struct opened {
    struct vlm_grammar *g;
    struct vlm_matcher *m;
};

static int open_schema(struct opened *o, const json_t *schema, const struct vlm_vocabulary *v)
{
    char *text = json_dumps(schema, JSON_COMPACT | JSON_ENCODE_ANY);
    memset(o, 0, sizeof *o);
    int rc = text ? vlm_grammar_from_schema(&o->g, alloc, text, strlen(text), &err) : -1;
    if (rc >= 0)
        rc = vlm_matcher_open(&o->m, alloc, o->g, v, &err);
    free(text);
    return rc;
}

static void close_schema(struct opened *o)
{
    vlm_matcher_close(o->m);
    vlm_grammar_free(o->g);
}

static bool is_word(struct vlm_matcher *m, const char *text, size_t n)
{
    struct vlm_place p;
    bool complete = false;
    return vlm_matcher_find(&p, m, text, n, NULL) >= 0 && vlm_matcher_mask(m, p, &complete) &&
           complete;
}

/* ---- the judged texts ---- */

static size_t n_schemas, n_refused, n_valid, n_taken, n_invalid, n_bad;

static void check(const char *name, const json_t *line, const struct vlm_vocabulary *v)
{
    const char *refused = json_string_value(json_object_get(line, "refused"));
    struct opened o;
    json_t *text;
    size_t i;
    n_schemas++;
    int rc = open_schema(&o, json_object_get(line, "schema"), v);
    if ((rc < 0) != (refused != NULL) || (refused && !strstr(err.message, refused))) {
        printf("%s: %s, expected %s\n", name, rc < 0 ? err.message : "compiled",
               refused ? refused : "a grammar");
        n_bad++;
    }
    n_refused += rc < 0;
    json_array_foreach(json_object_get(line, "valid"), i, text)
    {
        n_valid++;
        n_taken += o.m && is_word(o.m, json_string_value(text), json_string_length(text));
    }
    json_array_foreach(json_object_get(line, "invalid"), i, text)
    {
        n_invalid++;
        if (o.m && is_word(o.m, json_string_value(text), json_string_length(text))) {
            printf("%s takes %s, which is invalid\n", name, json_string_value(text));
            n_bad++;
        }
    }
    close_schema(&o);
}

/* ---- walks ---- */

struct walk {
    char text[8192];
    size_t n, n_masks;
    double worst_us, *us; /* of each mask that was not at hand; room for cap */
    size_t n_us, cap;
};

/* A bit of the mask, drawn evenly; n_words > 0 and some bit is set. */
static size_t draw_bit(const uint64_t *mask, size_t n)
{
    size_t words = (n + 63) / 64, set = 0;
    for (size_t i = 0; i < words; i++)
        set += (size_t)__builtin_popcountll(mask[i]);
    if (set == 0)
        return n;
    size_t k = draw() % set;
    for (size_t i = 0; i < words; i++) {
        size_t here = (size_t)__builtin_popcountll(mask[i]);
        if (k >= here) {
            k -= here;
            continue;
        }
        uint64_t x = mask[i];
        while (k-- > 0)
            x &= x - 1;
        return i * 64 + (size_t)__builtin_ctzll(x);
    }
    return n;
}

/* Processor time: the machine may be busy with other things. */
static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static const uint64_t *timed_mask(struct walk *w, struct vlm_matcher *m, struct vlm_place *p,
                                  bool *complete)
{
    double start = now_us();
    const uint64_t *mask = vlm_matcher_mask(m, *p, complete);
    if (!mask && vlm_matcher_find(p, m, w->text, w->n, NULL) >= 0)
        mask = vlm_matcher_mask(m, *p, complete);
    double us = now_us() - start;
    if (w->us && w->n_us < w->cap)
        w->us[w->n_us++] = us;
    w->worst_us = us > w->worst_us ? us : w->worst_us;
    w->n_masks++;
    return mask;
}

static bool push(struct walk *w, struct vlm_matcher *m, struct vlm_place *p, const void *bytes,
                 size_t n)
{
    if (n == 0 || w->n + n > sizeof w->text || !vlm_matcher_advance(m, p, bytes, n))
        return false;
    memcpy(w->text + w->n, bytes, n);
    w->n += n;
    return true;
}

/* Returns true when the text is complete. */
static bool walk(struct walk *w, struct vlm_matcher *m, const struct vlm_vocabulary *v,
                 size_t length)
{
    struct vlm_place p = vlm_matcher_start(m);
    w->n = 0;
    for (;;) {
        bool complete = false;
        const uint64_t *mask = timed_mask(w, m, &p, &complete);
        if (!mask)
            return false;
        bool closing = w->n > length || draw() % 6 == 0;
        if (complete && (closing || draw() % 3 == 0))
            return true;
        bool moved = false;
        for (const char *c = "\"}]"; closing && !moved && *c; c++)
            moved = push(w, m, &p, c, 1);
        size_t id = moved ? v->n : draw_bit(mask, v->n);
        if (!moved && id < v->n)
            moved = push(w, m, &p, v->bytes + v->begin[id], v->begin[id + 1] - v->begin[id]);
        if (!moved && vlm_matcher_stale(m, p) && vlm_matcher_find(&p, m, w->text, w->n, NULL) >= 0)
            continue; /* states were forgotten while it moved */
        if (!moved)
            return complete;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void walk_schema(struct walk *w, const json_t *line, size_t index, size_t n, bool timing,
                        const struct vlm_vocabulary *v)
{
    struct opened o;
    if (json_object_get(line, "refused"))
        return;
    double start = now_us();
    if (open_schema(&o, json_object_get(line, "schema"), v) < 0) {
        printf("{\"error\": \"schema %zu\"}\n", index);
        close_schema(&o);
        return;
    }
    double opened_ms = (now_us() - start) / 1000;
    w->worst_us = 0;
    size_t first = w->n_us;
    for (size_t i = 0; i < n; i++) {
        random_state = UINT64_C(0x9E3779B97F4A7C15) * (index * 1000 + i + 1);
        bool complete = walk(w, o.m, v, 20 + draw() % 200);
        if (timing)
            continue;
        json_t *out = json_pack("{sIsbss%}", "schema", (json_int_t)index, "complete", complete,
                                "text", w->text, w->n);
        char *s = out ? json_dumps(out, JSON_COMPACT) : NULL;
        if (s)
            puts(s);
        else /* cut inside a character */
            printf("{\"schema\":%zu,\"complete\":false,\"text\":\"\"}\n", index);
        free(s);
        json_decref(out);
    }
    if (timing && w->n_us > first) {
        qsort(w->us + first, w->n_us - first, sizeof *w->us, by_value);
        printf("%4zu open %6.1f ms, masks %5zu: median %7.0f us, worst %7.0f us\n", index,
               opened_ms, w->n_us - first, w->us[first + (w->n_us - first) / 2], w->worst_us);
    }
    close_schema(&o);
}

static void report_times(struct walk *w)
{
    double sum = 0;
    if (w->n_us == 0)
        return;
    qsort(w->us, w->n_us, sizeof *w->us, by_value);
    for (size_t i = 0; i < w->n_us; i++)
        sum += w->us[i];
    printf("%zu masks: mean %.0f us, median %.0f us, 99 %% below %.0f us, 99.9 %% below %.0f us, "
           "worst "
           "%.0f us\n",
           w->n_us, sum / (double)w->n_us, w->us[w->n_us / 2], w->us[w->n_us * 99 / 100],
           w->us[w->n_us * 999 / 1000], w->us[w->n_us - 1]);
}

int main(int argc, char **argv)
{
    static struct walk w;
    bool walking = argc >= 4 && strcmp(argv[1], "--walk") == 0;
    bool timing = argc >= 5 && strcmp(argv[1], "--time") == 0;
    if (argc != (walking ? 4 : timing ? 5 : 2))
        return 2;
    alloc = &vlm_mem_system;
    struct vlm_vocabulary v = timing ? model_vocabulary(argv[4]) : byte_vocabulary();
    FILE *f = fopen(argv[argc == 2 ? 1 : 2], "r");
    if (timing) {
        w.cap = 1 << 22;
        w.us = calloc(w.cap, sizeof *w.us);
    }
    for (size_t i = 0; f; i++) {
        json_error_t why;
        json_t *line = json_loadf(f, JSON_DISABLE_EOF_CHECK, &why);
        if (!line)
            break;
        char name[64];
        snprintf(name, sizeof name, "line %zu", i + 1);
        if (argc == 2)
            check(name, line, &v);
        else
            walk_schema(&w, line, i, strtoul(argv[3], NULL, 10), timing, &v);
        json_decref(line);
    }
    if (f)
        fclose(f);
    report_times(&w);
    if (argc > 2)
        return f == NULL;
    printf(
        "%zu schemas, %zu refused by name; of %zu valid texts %zu taken, of %zu invalid ones none "
        "may be\n",
        n_schemas, n_refused, n_valid, n_taken, n_invalid);
    if (n_schemas < 300 || n_valid < 1000 || n_invalid < 1000 || n_taken * 100 < n_valid * 80)
        n_bad++;
    return n_bad != 0;
}
