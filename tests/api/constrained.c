/* constrained.c MODEL PICTURE: answers held to a schema or a pattern, alone and side by side;
 * biases, penalties, the least number of tokens.  The model is random: without the constraint it
 * says noise. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vlm.h>

#include "check.h"

#include "base/limits.h"

struct answer {
    char text[16384];
    size_t n;
    int32_t ids[1024];
    size_t n_ids;
};

static void ask(struct answer *a, vlm_engine *e, const vlm_session_options *o,
                const vlm_image *image, const char *question)
{
    vlm_session *s;
    vlm_token t;
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text(question)};
    vlm_message m = {.role = "user", .parts = parts + (image ? 0 : 1), .n_parts = image ? 2 : 1};
    int rc;
    a->n = a->n_ids = 0;
    MUST(vlm_session_open(&s, e, o, &err));
    MUST(vlm_session_sync(s, &m, 1, &err));
    while ((rc = vlm_session_next(s, &t, &err)) == VLM_OK && a->n_ids < 1024) {
        memcpy(a->text + a->n, t.text, t.n_text);
        a->n += t.n_text;
        a->ids[a->n_ids++] = t.id;
    }
    a->text[a->n] = 0;
    CHECK(rc == VLM_DONE);
    vlm_session_close(s);
}

/* {"a":"x|y","n":0..99}, with the optional spaces */
static int is_pair(const char *s)
{
    char a;
    int n, used = 0;
    return sscanf(s, " {\"a\": \"%c\", \"n\": %2d}%n", &a, &n, &used) == 2 && s[used] == 0 &&
           (a == 'x' || a == 'y') && n >= 0 && n <= 99;
}

static void schemas(vlm_engine *e, const vlm_image *image)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",\"y\"]},\"n\":{\"type\":"
        "\"integer\",\"minimum\":0,\"maximum\":99}},\"required\":[\"a\",\"n\"],"
        "\"additionalProperties\":false}";
    struct answer x, y;
    vlm_constraint *c;
    vlm_session_options o;
    MUST(vlm_constraint_from_json_schema(&c, e, schema, sizeof schema - 1, &err));
    vlm_session_options_init(&o);
    o.constraint = c;
    ask(&x, e, &o, NULL, "Say it.");
    CHECK(is_pair(x.text));
    ask(&x, e, &o, image, "Say it.");
    CHECK(is_pair(x.text));
    for (o.seed = 0; o.seed < 20; o.seed++) {
        o.temperature = 5;
        ask(&x, e, &o, NULL, "Say it.");
        CHECK(is_pair(x.text));
        ask(&y, e, &o, NULL, "Say it.");
        CHECK(x.n_ids == y.n_ids && !memcmp(x.ids, y.ids, x.n_ids * sizeof *x.ids));
    }
    vlm_constraint_close(c);
    CHECK(vlm_constraint_from_json_schema(&c, e, "{\"not\":{}}", 10, &err) == VLM_ERR_UNSUPPORTED);
    CHECK(strstr(err.message, "'not'"));
}

/* A constraint that eight sessions use at once gives each what it gets alone. */
static void neighbours(vlm_engine *e)
{
    enum { N = 8 };
    static struct answer alone[N];
    vlm_session *s[N];
    vlm_constraint *c;
    vlm_session_options o;
    size_t at[N] = {0}, live = N;
    MUST(vlm_constraint_from_json_schema(&c, e, "{\"type\":\"array\",\"maxItems\":9}", 29, &err));
    vlm_session_options_init(&o);
    o.constraint = c;
    o.max_tokens = 60;
    o.temperature = 3;
    for (int i = 0; i < N; i++) {
        o.seed = (uint64_t)i;
        ask(&alone[i], e, &o, NULL, "List them.");
        vlm_part part = vlm_part_text("List them.");
        vlm_message m = {.role = "user", .parts = &part, .n_parts = 1};
        MUST(vlm_session_open(&s[i], e, &o, &err));
        MUST(vlm_session_sync(s[i], &m, 1, &err));
    }
    while (live > 0) {
        MUST(vlm_step(e, s, N, &err));
        live = 0;
        for (int i = 0; i < N; i++) {
            vlm_token t;
            int rc = vlm_session_token(s[i], &t, &err);
            live += rc == VLM_OK || rc == VLM_MORE;
            CHECK(rc >= 0);
            if (rc == VLM_OK)
                CHECK(at[i] < alone[i].n_ids && alone[i].ids[at[i]++] == t.id);
        }
    }
    for (int i = 0; i < N; i++) {
        CHECK(at[i] == alone[i].n_ids);
        vlm_session_close(s[i]);
    }
    vlm_constraint_close(c);
}

static void patterns(vlm_engine *e)
{
    struct answer x;
    vlm_constraint *c;
    vlm_session_options o;
    vlm_session_options_init(&o);
    MUST(vlm_constraint_from_regex(&c, e, "[0-9]{4}-(ab|cd){2}", 19, &err));
    o.constraint = c;
    ask(&x, e, &o, NULL, "Which?");
    CHECK(x.n == 9 && x.text[4] == '-' && strspn(x.text, "0123456789") == 4);
    CHECK(strspn(x.text + 5, "abcd") == 4);
    /* min_tokens cannot lengthen what has no longer word */
    o.min_tokens = 100;
    ask(&x, e, &o, NULL, "Which?");
    CHECK(x.n == 9);
    vlm_constraint_close(c);
    CHECK(vlm_constraint_from_regex(&c, e, "(?=a)", 5, &err) == VLM_ERR_UNSUPPORTED);
}

static size_t rest(vlm_session *s, char *text)
{
    vlm_token t;
    size_t n = 0;
    int rc;
    while ((rc = vlm_session_next(s, &t, &err)) == VLM_OK) {
        memcpy(text + n, t.text, t.n_text);
        n += t.n_text;
    }
    CHECK(rc == VLM_DONE);
    text[n] = 0;
    return n;
}

/* Forked in the midst of an answer, each goes on within the language: the same seed to the same
 * end, others to ends of their own. */
static void forks(vlm_engine *e)
{
    char begun[256], text[512], same[512];
    vlm_constraint *c;
    vlm_session *s, *twin, *other;
    vlm_token t;
    vlm_session_options o;
    vlm_part part = vlm_part_text("Say it.");
    vlm_message m = {.role = "user", .parts = &part, .n_parts = 1};
    size_t n = 0, differ = 0;
    MUST(vlm_constraint_from_regex(&c, e, "([a-f]{3}-){8}[0-9]{2}", 22, &err));
    vlm_session_options_init(&o);
    o.constraint = c;
    o.temperature = 3;
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &m, 1, &err));
    for (int i = 0; i < 5; i++) {
        MUST(vlm_session_next(s, &t, &err));
        memcpy(begun + n, t.text, t.n_text);
        n += t.n_text;
    }
    memcpy(text, begun, n);
    MUST(vlm_session_fork(&twin, s, NULL, &err));
    MUST(vlm_session_save(s, "constrained.session", &err));
    for (o.seed = 1; o.seed < 5; o.seed++) {
        MUST(vlm_session_fork(&other, s, &o, &err));
        size_t all = n + rest(other, text + n);
        CHECK(all == 34 && strspn(text, "abcdef-") == 32 && strspn(text + 32, "0123456789") == 2);
        vlm_session_close(other);
        memcpy(same, text, sizeof same);
    }
    rest(s, text + n);
    differ += strcmp(text, same) != 0;
    memcpy(same, begun, n);
    rest(twin, same + n);
    CHECK(strcmp(text, same) == 0 && differ > 0);
    vlm_session_close(twin);
    o.seed = 0; /* the same from a file */
    MUST(vlm_session_open(&twin, e, &o, &err));
    MUST(vlm_session_load(twin, "constrained.session", &err));
    memset(same + n, 0, sizeof same - n);
    rest(twin, same + n);
    CHECK(strcmp(text, same) == 0);
    remove("constrained.session");
    vlm_session_close(twin);
    vlm_session_close(s);
    o.constraint = NULL; /* a fork keeps its constraint */
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &m, 1, &err));
    o.constraint = c;
    CHECK(vlm_session_fork(&other, s, &o, &err) == VLM_ERR_ARGUMENT);
    vlm_session_close(s);
    vlm_constraint_close(c);
}

/* Other ends than the language's own: max_tokens and a stop string cut a beginning of a word. */
static void cuts(vlm_engine *e)
{
    static const char *const stop[] = {"-cd"};
    struct answer x;
    vlm_constraint *c;
    vlm_session *s;
    vlm_session_options o;
    vlm_part part = vlm_part_text("Say it.");
    vlm_message m = {.role = "user", .parts = &part, .n_parts = 1};
    MUST(vlm_constraint_from_regex(&c, e, "[0-9]{9}-cdef", 13, &err));
    vlm_session_options_init(&o);
    o.constraint = c;
    o.max_tokens = 3;
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &m, 1, &err));
    x.n = rest(s, x.text);
    CHECK(vlm_session_finish(s) == VLM_FINISH_LENGTH);
    CHECK(x.n >= 3 && x.n < 13 && strspn(x.text, "0123456789") == (x.n < 9 ? x.n : 9));
    MUST(vlm_session_sync(s, &m, 1, &err)); /* again from its beginning */
    char again[64];
    CHECK(rest(s, again) == x.n && !strcmp(again, x.text));
    vlm_session_close(s);
    o.max_tokens = 100;
    o.stop = stop;
    o.n_stop = 1;
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &m, 1, &err));
    CHECK(rest(s, x.text) == 9 && strspn(x.text, "0123456789") == 9);
    CHECK(vlm_session_finish(s) == VLM_FINISH_STOP);
    vlm_session_close(s);
    /* min_tokens: longer words while there are any */
    vlm_constraint *longer;
    MUST(vlm_constraint_from_regex(&longer, e, "a{1,40}", 7, &err));
    vlm_session_options_init(&o);
    o.constraint = longer;
    o.min_tokens = 10;
    ask(&x, e, &o, NULL, "Say it.");
    CHECK(x.n_ids >= 10 && x.n >= 10 && strspn(x.text, "a") == x.n);
    vlm_constraint_close(longer);
    vlm_constraint_close(c);
}

static void biases(vlm_engine *e)
{
    static vlm_logit_bias many[VLM_LIMIT_LOGIT_BIAS + 1];
    struct answer x, y;
    vlm_session *s;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = 5;
    ask(&x, e, &o, NULL, "Go.");
    vlm_logit_bias never = {x.ids[0], -INFINITY};
    o.logit_bias = &never;
    o.n_logit_bias = 1;
    ask(&y, e, &o, NULL, "Go.");
    for (size_t i = 0; i < y.n_ids; i++)
        CHECK(y.ids[i] != x.ids[0]);
    vlm_logit_bias always = {x.ids[0], 1000};
    o.logit_bias = &always;
    ask(&y, e, &o, NULL, "Go.");
    for (size_t i = 0; i < y.n_ids; i++)
        CHECK(y.ids[i] == x.ids[0]);
    o.frequency_penalty = 100; /* no token twice */
    o.n_logit_bias = 0;
    o.max_tokens = 30;
    ask(&y, e, &o, NULL, "Go.");
    for (size_t i = 0; i < y.n_ids; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(y.ids[i] != y.ids[k]);
    o.logit_bias = many;
    o.n_logit_bias = VLM_LIMIT_LOGIT_BIAS;
    CHECK(vlm_session_open(&s, e, &o, &err) == VLM_OK);
    vlm_session_close(s);
    o.n_logit_bias = VLM_LIMIT_LOGIT_BIAS + 1;
    CHECK(vlm_session_open(&s, e, &o, &err) == VLM_ERR_LIMIT);
    o.n_logit_bias = 1;
    many[0].id = -1;
    CHECK(vlm_session_open(&s, e, &o, &err) == VLM_ERR_ARGUMENT);
    many[0] = (vlm_logit_bias){0, NAN};
    CHECK(vlm_session_open(&s, e, &o, &err) == VLM_ERR_ARGUMENT);
}

int main(int argc, char **argv)
{
    vlm_engine *e;
    vlm_image *image;
    if (argc != 3)
        return 2;
    MUST(vlm_engine_open(&e, argv[1], NULL, &err));
    MUST(vlm_image_open(&image, e, argv[2], &err));
    schemas(e, image);
    neighbours(e);
    patterns(e);
    forks(e);
    cuts(e);
    biases(e);
    vlm_image_close(image);
    vlm_engine_close(e);
    return bad != 0;
}
