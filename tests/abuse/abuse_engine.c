/* abuse_engine.c: models and requests that must be refused, driven through vlm.h alone on the
 * smallest golden checkpoint.  What holds for every case: an answer or one line of error, within a
 * second of CPU time and 256 MB, and every byte given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "heap.h"
#include "model.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 10
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

#define MODEL VLM_TEST_DATA "/golden/v1-tokens/model"
#define PICTURE VLM_TEST_DATA "/golden/v1-tokens/split/a.jpg"

static struct test_model good;
static char *picture;
static size_t n_picture;

/* ---- one request -------------------------------------------------------------------------------
 */

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct attempt {
    int rc;         /* 0, or the first failure */
    const char *at; /* the call that failed */
    vlm_error err;
    int32_t ids[64];
    size_t n_ids;
    double seconds;
    long long peak;
};

static int ask(vlm_engine *engine, struct attempt *a, size_t max_tokens)
{
    vlm_session_options so;
    vlm_session_options_init(&so);
    so.max_tokens = max_tokens;
    vlm_session *session = NULL;
    vlm_image *image = NULL;
    a->at = "image";
    int rc = vlm_image_decode(&image, engine, picture, n_picture, "a.jpg", &a->err);
    if (rc == VLM_OK) {
        a->at = "session";
        rc = vlm_session_open(&session, engine, &so, &a->err);
    }
    if (rc == VLM_OK) {
        vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("What is the total?")};
        vlm_message message = {.role = "user", .parts = parts, .n_parts = 2};
        a->at = "sync";
        rc = vlm_session_sync(session, &message, 1, &a->err);
    }
    vlm_token token;
    if (rc == VLM_OK)
        a->at = "next";
    while (rc == VLM_OK && (rc = vlm_session_next(session, &token, &a->err)) == VLM_OK)
        if (a->n_ids < 64)
            a->ids[a->n_ids++] = token.id;
    vlm_session_close(session);
    vlm_image_close(image);
    return rc < 0 ? rc : VLM_OK;
}

/* Opens m and, if that works, asks about a picture.  Checks what holds for every case. */
static struct attempt attempt(const struct test_model *m, size_t max_tokens)
{
    struct heap heap = {0};
    struct attempt a = {.at = "open"};
    vlm_engine_options o;
    vlm_engine *engine = NULL;
    vlm_engine_options_init(&o);
    o.n_threads = 1;
    o.allocator = heap_allocator(&heap);
    double start = cpu_seconds();
    a.rc = vlm_engine_open_files(&engine, m->files, m->n, &o, &a.err);
    if (a.rc == VLM_OK)
        a.rc = ask(engine, &a, max_tokens);
    vlm_engine_close(engine);
    a.seconds = cpu_seconds() - start;
    a.peak = heap.peak;
    assert_int_equal(heap.blocks, 0);
    assert_int_equal(heap.errors, 0);
    if (a.rc < 0) {
        assert_int_equal(a.err.status, a.rc);
        assert_true(a.err.message[0] && !strpbrk(a.err.message, "\n\r\x1b"));
    }
    return a;
}

static void assert_bounded(const struct attempt *a, const char *what)
{
    if (a->seconds > 1.0 * SLOWER || a->peak > 256 << 20)
        fail_msg("%s: %.2f s, %lld MB, %s %d %s", what, a->seconds, a->peak >> 20, a->at, a->rc,
                 a->rc < 0 ? a->err.message : "");
}

static int setup(void **state)
{
    (void)state;
    test_model_load(&good, MODEL);
    picture = test_read(PICTURE, &n_picture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_model_free(&good);
    free(picture);
    return 0;
}

static void good_model_answers(void **state)
{
    (void)state;
    struct attempt a = attempt(&good, 16);
    if (a.rc < 0)
        fail_msg("%s: %s", a.at, a.err.message);
    assert_true(a.n_ids > 0);
}

/* ---- hyper-parameters (M13 to M17) -------------------------------------------------------------
 */

static const char *const values[] = {"0",
                                     "1",
                                     "-1",
                                     "3",
                                     "2147483647",
                                     "2147483648",
                                     "9223372036854775807",
                                     "1.5",
                                     "-0.0",
                                     "1e308",
                                     "1e-320",
                                     "\"x\"",
                                     "null",
                                     "true",
                                     "[]",
                                     "{}",
                                     "[1,2]",
                                     "\"%s%n\\u001b[2J\"",
                                     "65537",
                                     "1e999",
                                     "NaN"};
enum { N_VALUES = sizeof values / sizeof *values };

struct tally {
    int refused, accepted;
};

/* Puts text where leaf was, as raw JSON: what jansson could not hold must be tried too. */
static char *with_value(json_t *root, json_t *parent, const char *key, size_t index,
                        const char *text)
{
    json_t *old = key ? json_object_get(parent, key) : json_array_get(parent, index);
    json_incref(old);
    if (key)
        json_object_set_new(parent, key, json_string("@@@"));
    else
        json_array_set_new(parent, index, json_string("@@@"));
    char *s = json_dumps(root, JSON_COMPACT), *at = strstr(s, "\"@@@\"");
    assert_non_null(at);
    size_t n = strlen(s) + strlen(text) + 1;
    char *out = malloc(n);
    snprintf(out, n, "%.*s%s%s", (int)(at - s), s, text, at + 5);
    free(s);
    if (key)
        json_object_set_new(parent, key, old);
    else
        json_array_set_new(parent, index, old);
    return out;
}

static void try_values(const char *file, json_t *root, json_t *parent, const char *key,
                       size_t index, struct tally *tally)
{
    struct test_model m = good;
    vlm_file *f = test_model_file(&m, file);
    for (size_t i = 0; i < N_VALUES; i++) {
        char *text = with_value(root, parent, key, index, values[i]);
        f->data = text;
        f->size = strlen(text);
        struct attempt a = attempt(&m, 2);
        char what[256];
        snprintf(what, sizeof what, "%s: %s[%zu] = %s", file, key ? key : "", index, values[i]);
        assert_bounded(&a, what);
        a.rc < 0 ? tally->refused++ : tally->accepted++;
        free(text);
    }
}

static void walk(const char *file, json_t *root, json_t *at, int depth, struct tally *tally)
{
    assert_true(depth < 8);
    if (json_is_object(at)) {
        /* keys are copied: the walk changes the object and puts it back */
        size_t n = json_object_size(at), i = 0;
        char **keys = calloc(n, sizeof *keys);
        const char *key;
        json_t *v;
        json_object_foreach(at, key, v) keys[i++] = strdup(key);
        for (i = 0; i < n; i++) {
            try_values(file, root, at, keys[i], 0, tally);
            walk(file, root, json_object_get(at, keys[i]), depth + 1, tally);
            free(keys[i]);
        }
        free(keys);
    } else if (json_is_array(at)) {
        for (size_t i = 0; i < json_array_size(at) && i < 4; i++) {
            try_values(file, root, at, NULL, i, tally);
            walk(file, root, json_array_get(at, i), depth + 1, tally);
        }
    }
}

static void hyper_parameters(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "generation_config.json",
                                        "processor_config.json", "tokenizer_config.json"};
    struct tally tally = {0, 0};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const vlm_file *f = test_model_file(&good, files[i]);
        if (!f)
            continue;
        json_t *root = json_loadb(f->data, f->size, 0, NULL);
        assert_non_null(root);
        walk(files[i], root, root, 0, &tally);
        json_decref(root);
    }
    printf("%d refused, %d harmless\n", tally.refused, tally.accepted);
    assert_true(tally.refused > 200);
}

/* A file is missing, empty, no JSON, far too deep, cut anywhere, or has each byte changed in turn.
 */
static void damaged_files(void **state)
{
    (void)state;
    static char deep[200001];
    memset(deep, '[', sizeof deep - 1);
    static const char *const texts[] = {
        "", " ", "[]", "nul", "{\"a\":1,\"a\":2}", "\xff\xfe{}", "{} {}", "PK\x03\x04", "{"};
    for (size_t i = 0; i < good.n; i++) {
        const char *name = good.files[i].name;
        bool weights = strcmp(name, "model.safetensors") == 0;
        struct test_model m = good;
        m.files[i] = m.files[--m.n];
        struct attempt a = attempt(&m, 2);
        assert_bounded(&a, name);
        if (weights || strcmp(name, "config.json") == 0 || strcmp(name, "tokenizer.json") == 0)
            assert_true(a.rc < 0);
        m = good;
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            m.files[i].data = texts[k];
            m.files[i].size = strlen(texts[k]);
            a = attempt(&m, 2);
            assert_bounded(&a, name);
        }
        m.files[i].data = deep;
        m.files[i].size = sizeof deep - 1;
        a = attempt(&m, 2);
        assert_bounded(&a, name);
        /* cuts: all of a small file, some of a large one */
        size_t n = good.files[i].size, step = n > 400 ? n / 200 : 2;
        for (size_t cut = 1; cut < n; cut += step) {
            char *copy = malloc(cut); /* of its exact size */
            memcpy(copy, good.files[i].data, cut);
            m.files[i].data = copy;
            m.files[i].size = cut;
            a = attempt(&m, 1);
            assert_bounded(&a, name);
            if (weights)
                assert_true(a.rc < 0);
            free(copy);
        }
        /* single bytes: of the weights only the header */
        size_t end = weights ? 3000 : n;
        char *copy = malloc(n);
        memcpy(copy, good.files[i].data, n);
        m.files[i].data = copy;
        m.files[i].size = n;
        for (size_t at = 0; at < end; at += 1 + end / 300) {
            copy[at] ^= (char)(1 << at % 8);
            a = attempt(&m, 1);
            assert_bounded(&a, name);
            copy[at] ^= (char)(1 << at % 8);
        }
        free(copy);
    }
}

/* ---- tensors (M18, M19, M23) -------------------------------------------------------------------
 */

enum { MAX_TENSORS = 256 };

static struct attempt with_tensors(const struct test_tensor *t, size_t n, size_t leave_out)
{
    struct test_model m = good;
    vlm_file *f = test_model_file(&m, "model.safetensors");
    *f = test_safetensors(t, n, leave_out);
    struct attempt a = attempt(&m, 4);
    free((void *)(uintptr_t)f->data);
    return a;
}

static void assert_names(const struct attempt *a, const char *name, const char *what)
{
    if (a->rc >= 0 || !strstr(a->err.message, name))
        fail_msg("%s, %s: %d %s", name, what, a->rc, a->rc < 0 ? a->err.message : "accepted");
    assert_bounded(a, what);
}

static void each_tensor_wrong(void **state)
{
    (void)state;
    static struct test_tensor t[MAX_TENSORS];
    size_t n = test_tensors(t, MAX_TENSORS, test_model_file(&good, "model.safetensors"));
    assert_true(n > 20);
    assert_true(with_tensors(t, n, SIZE_MAX).rc == VLM_OK);
    for (size_t i = 0; i < n; i++) {
        const struct test_tensor old = t[i];
        struct attempt a = with_tensors(t, n, i);
        assert_names(&a, old.name, "missing");

        snprintf(t[i].name, sizeof t[i].name, "%.200s_", old.name);
        a = with_tensors(t, n, SIZE_MAX);
        assert_names(&a, old.name, "renamed");
        t[i] = old;

        t[i].shape[0]++; /* one row more */
        t[i].bytes += old.bytes / old.shape[0];
        t[i].data = NULL;
        a = with_tensors(t, n, SIZE_MAX);
        assert_names(&a, old.name, "longer");
        t[i] = old;

        t[i].shape[0] = 0;
        t[i].bytes = 0;
        a = with_tensors(t, n, SIZE_MAX);
        assert_names(&a, old.name, "empty");
        t[i] = old;

        if (old.n_dims < 4) {
            t[i].shape[t[i].n_dims++] = 1;
            a = with_tensors(t, n, SIZE_MAX);
            assert_names(&a, old.name, "one dimension more");
            t[i] = old;
        }
        if (old.n_dims >= 2 && old.shape[0] != old.shape[1]) {
            t[i].shape[0] = old.shape[1];
            t[i].shape[1] = old.shape[0];
            a = with_tensors(t, n, SIZE_MAX);
            assert_names(&a, old.name, "turned");
            t[i] = old;
        }
        if (old.n_dims >= 2) {
            t[i].shape[0] *= t[i].shape[1];
            for (size_t k = 1; k + 1 < old.n_dims; k++)
                t[i].shape[k] = old.shape[k + 1];
            t[i].n_dims--;
            a = with_tensors(t, n, SIZE_MAX);
            assert_names(&a, old.name, "flattened");
            t[i] = old;
        }
        strcpy(t[i].type, strcmp(old.type, "F32") ? "I16" : "I32");
        a = with_tensors(t, n, SIZE_MAX);
        assert_names(&a, old.name, "integers");
        assert_non_null(strstr(a.err.message, t[i].type));
        t[i] = old;
        strcpy(t[i].type, "Q9_Z");
        a = with_tensors(t, n, SIZE_MAX);
        assert_names(&a, old.name, "unknown type");
        t[i] = old;
    }
}

/* Matrices of 8 bits: the forms of scales that are computed with, and those that are refused. */
static void scales(void **state)
{
    (void)state;
    static const struct {
        const char *weight, *suffix, *type;
        size_t n_dims;
        uint64_t shape[2]; /* 0: the number of rows */
        const char *says;  /* NULL: it opens */
    } cases[] = {
        {"I8", NULL, NULL, 0, {0}, NULL},
        {"F8_E4M3", "_scale", "F32", 0, {0}, NULL},
        {"F8_E4M3", "_scale_inv", "F16", 1, {1}, NULL},
        {"I8", "_scale", "BF16", 1, {0}, NULL},
        {"I8", "_scale", "F32", 2, {0, 1}, NULL},
        {"F8_E4M3", "_scale_inv", "F32", 2, {1, 1}, NULL},
        {"F8_E4M3", "_scale_inv", "F32", 2, {2, 3}, "one number or one for each of"},
        {"I8", "_scale", "F32", 1, {3}, "one number or one for each of"},
        {"I8", "_scale", "F32", 2, {1, 0}, "one number or one for each of"},
        {"I8", "_scale", "I8", 1, {0}, "expected F32, F16 or BF16"},
        {"I8", "_zero_point", "I8", 1, {0}, "is not supported beside"},
        {"F8_E5M2", NULL, NULL, 0, {0}, "type F8_E5M2"},
        {"U8", NULL, NULL, 0, {0}, "type U8"},
    };
    static struct test_tensor t[MAX_TENSORS];
    size_t n = test_tensors(t, MAX_TENSORS - 1, test_model_file(&good, "model.safetensors"));
    size_t m = 0;
    while (strcmp(t[m].name, "model.text_model.layers.0.mlp.up_proj.weight") != 0)
        m++;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct test_tensor old = t[m];
        struct test_tensor *s = &t[n];
        uint64_t count = 1, size = 0;
        t[m].data = NULL;
        t[m].bytes = old.shape[0] * old.shape[1];
        snprintf(t[m].type, sizeof t[m].type, "%s", cases[i].weight);
        if (cases[i].suffix) {
            *s = (struct test_tensor){.n_dims = cases[i].n_dims};
            snprintf(s->name, sizeof s->name, "%.200s%s", old.name, cases[i].suffix);
            snprintf(s->type, sizeof s->type, "%s", cases[i].type);
            for (size_t d = 0; d < s->n_dims; d++)
                count *= s->shape[d] = cases[i].shape[d] ? cases[i].shape[d] : old.shape[0];
            size = strcmp(s->type, "F32") == 0 ? 4 : strcmp(s->type, "I8") == 0 ? 1 : 2;
            s->bytes = count * size;
        }
        struct attempt a = with_tensors(t, n + (cases[i].suffix != NULL), SIZE_MAX);
        if (!cases[i].says && a.rc != VLM_OK)
            fail_msg("case %zu: %s", i, a.err.message);
        if (cases[i].says && (a.rc == VLM_OK || !strstr(a.err.message, cases[i].says)))
            fail_msg("case %zu: %d %s", i, a.rc, a.err.message);
        t[m] = old;
    }
    /* a norm of 8 bits */
    size_t v = 0;
    while (t[v].n_dims != 1)
        v++;
    t[v].bytes = t[v].shape[0];
    t[v].data = NULL;
    snprintf(t[v].type, sizeof t[v].type, "F8_E4M3");
    struct attempt a = with_tensors(t, n, SIZE_MAX);
    assert_true(a.rc < 0 && strstr(a.err.message, "expected F32, F16 or BF16"));
}

/* Not-a-number in each tensor in turn: the answer ends in an error.  Infinite, tiny and zero ones:
 * an error or an end, no loop. */
static void strange_numbers(void **state)
{
    (void)state;
    static struct test_tensor t[MAX_TENSORS];
    size_t n = test_tensors(t, MAX_TENSORS, test_model_file(&good, "model.safetensors"));
    static const struct {
        uint32_t f32;
        uint16_t f16, bf16;
        bool must_fail;
    } numbers[] = {{0x7fc00000, 0x7e00, 0x7fc0, true},  {0xffffffff, 0xffff, 0xffff, true},
                   {0x7f800000, 0x7c00, 0x7f80, false}, {0x00000001, 0x0001, 0x0001, false},
                   {0x7f7fffff, 0x7bff, 0x7f7f, false}, {0, 0, 0, false}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        for (size_t i = 0; i <= n; i++) { /* the last: all of them at once */
            uint8_t *blocks[MAX_TENSORS] = {NULL};
            const uint8_t *old[MAX_TENSORS];
            for (size_t j = 0; j < n; j++) {
                old[j] = t[j].data;
                if (i != j && i != n)
                    continue;
                blocks[j] = malloc(t[j].bytes);
                for (size_t at = 0; at < t[j].bytes;) {
                    bool wide = strcmp(t[j].type, "F32") == 0;
                    uint16_t h = strcmp(t[j].type, "F16") == 0 ? numbers[k].f16 : numbers[k].bf16;
                    memcpy(blocks[j] + at, wide ? (const void *)&numbers[k].f32 : &h, wide ? 4 : 2);
                    at += wide ? 4 : 2;
                }
                t[j].data = blocks[j];
            }
            struct attempt a = with_tensors(t, n, SIZE_MAX);
            assert_bounded(&a, i < n ? t[i].name : "all tensors");
            if (a.rc < 0)
                assert_int_equal(a.rc, VLM_ERR_NUMERIC);
            else if (numbers[k].must_fail)
                fail_msg("%s of NaN: an answer of %zu tokens", i < n ? t[i].name : "all", a.n_ids);
            for (size_t j = 0; j < n; j++) {
                t[j].data = old[j];
                free(blocks[j]);
            }
        }
}

/* ---- requests ----------------------------------------------------------------------------------
 */

static vlm_engine *open_good(void)
{
    vlm_engine *engine;
    vlm_engine_options o;
    vlm_error err;
    vlm_engine_options_init(&o);
    o.n_threads = 1;
    if (vlm_engine_open_files(&engine, good.files, good.n, &o, &err) < 0)
        fail_msg("%s", err.message);
    return engine;
}

static int open_with(vlm_engine *engine, const vlm_session_options *o, vlm_error *err)
{
    vlm_session *s = NULL;
    err->message[0] = 0;
    int rc = vlm_session_open(&s, engine, o, err);
    assert_true(rc == VLM_OK ? s != NULL : err->message[0] != 0);
    vlm_session_close(s);
    return rc;
}

/* Every numeric option at both ends of its range and just outside. */
static void session_option_ranges(void **state)
{
    (void)state;
    vlm_engine *e = open_good();
    vlm_session_options o;
    vlm_error err;
    float nan = strtof("nan", NULL), huge = 1e38f;
#define TRY(field, value, expected)                                                                \
    do {                                                                                           \
        vlm_session_options_init(&o);                                                              \
        o.field = value;                                                                           \
        int rc = open_with(e, &o, &err);                                                           \
        if ((rc >= 0) != (expected))                                                               \
            fail_msg("%s = %s gave %d: %s", #field, #value, rc, err.message);                      \
        if (rc < 0 && !strstr(err.message, #field))                                                \
            fail_msg("%s = %s is called: %s", #field, #value, err.message);                        \
    } while (0)
    TRY(temperature, 0, true);
    TRY(temperature, 100, true);
    TRY(temperature, -1e-6f, false);
    TRY(temperature, huge, false);
    TRY(temperature, nan, false);
    TRY(top_k, 0, true);
    TRY(top_k, (int)VLM_LIMIT_VOCAB, true);
    TRY(top_k, -1, false);
    TRY(top_k, INT32_MAX, false);
    TRY(top_p, 1, true);
    TRY(top_p, 1.01f, false);
    TRY(top_p, -0.1f, false);
    TRY(top_p, nan, false);
    TRY(min_p, 0, true);
    TRY(min_p, 1, true);
    TRY(min_p, 1.01f, false);
    TRY(min_p, nan, false);
    TRY(repeat_penalty, 1, true);
    TRY(repeat_penalty, 0, false);
    TRY(repeat_penalty, -1, false);
    TRY(repeat_penalty, nan, false);
    TRY(n_logprobs, 0, true);
    TRY(n_logprobs, (int)VLM_LIMIT_LOGPROBS, true);
    TRY(n_logprobs, (int)VLM_LIMIT_LOGPROBS + 1, false);
    TRY(n_logprobs, -1, false);
    TRY(max_tiles, 0, true);
    TRY(max_tiles, VLM_LIMIT_TILES, true);
    TRY(max_tiles, VLM_LIMIT_TILES + 1, false);
    TRY(max_tiles, SIZE_MAX, false);
    TRY(chunk, 1, true);
    TRY(chunk, 0, false);
    TRY(chunk, SIZE_MAX, false);
    TRY(context, VLM_LIMIT_CONTEXT + 1, false);
    TRY(context, SIZE_MAX, false);
    TRY(kv_type, (vlm_kv_type)7, false);
    TRY(kv_type, (vlm_kv_type)-1, false);
    TRY(detail, (vlm_detail)9, false);
#undef TRY
    static char longest[VLM_LIMIT_STOP_BYTES + 2];
    const char *stops[VLM_LIMIT_STOP_STRINGS + 1];
    for (size_t over = 0; over < 2; over++) {
        memset(longest, 's', sizeof longest);
        longest[VLM_LIMIT_STOP_BYTES + over] = 0;
        vlm_session_options_init(&o);
        for (size_t i = 0; i < VLM_LIMIT_STOP_STRINGS + 1; i++)
            stops[i] = "stop";
        o.stop = stops;
        o.n_stop = VLM_LIMIT_STOP_STRINGS + over;
        assert_int_equal(open_with(e, &o, &err) < 0, over);
        stops[0] = longest;
        o.n_stop = 1;
        assert_int_equal(open_with(e, &o, &err) < 0, over);
    }
    stops[0] = "";
    assert_true(open_with(e, &o, &err) < 0);
    stops[0] = NULL;
    assert_true(open_with(e, &o, &err) < 0);
    vlm_session_options_init(&o);
    o.size = 3;
    assert_int_equal(open_with(e, &o, &err), VLM_ERR_ARGUMENT);
    vlm_engine_close(e);
}

static void engine_option_ranges(void **state)
{
    (void)state;
    vlm_engine *e;
    vlm_engine_options o;
    vlm_error err;
    static const struct {
        int n_threads;
        const char *isa;
        uint64_t max_memory;
        int rc;
    } cases[] = {{-1, NULL, 0, VLM_ERR_ARGUMENT},
                 {INT32_MAX, NULL, 0, VLM_ERR_ARGUMENT},
                 {(int)VLM_LIMIT_THREADS + 1, NULL, 0, VLM_ERR_ARGUMENT},
                 {(int)VLM_LIMIT_THREADS, NULL, 0, VLM_OK},
                 {1, "scalar", 0, VLM_OK},
                 {1, "auto", 0, VLM_OK},
                 {1, "", 0, -1000},
                 {1, "mmx\x1b[2J", 0, -1000},
                 {1, NULL, 1, VLM_ERR_MEMORY},
                 {1, NULL, 4096, VLM_ERR_MEMORY},
                 {1, NULL, UINT64_MAX, VLM_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heap heap = {0};
        vlm_engine_options_init(&o);
        o.allocator = heap_allocator(&heap);
        o.n_threads = cases[i].n_threads;
        o.isa = cases[i].isa;
        o.max_memory = cases[i].max_memory;
        e = NULL;
        int rc = vlm_engine_open_files(&e, good.files, good.n, &o, &err);
        if (cases[i].rc == -1000 ? rc >= 0 : rc != cases[i].rc)
            fail_msg("case %zu: %d %s", i, rc, rc < 0 ? err.message : "");
        if (rc < 0)
            assert_true(e == NULL && !strpbrk(err.message, "\x1b\n"));
        vlm_engine_close(e);
        assert_int_equal(heap.blocks, 0);
    }
    assert_int_equal(vlm_engine_open(&e, NULL, NULL, &err), VLM_ERR_ARGUMENT);
    assert_int_equal(vlm_engine_open(NULL, "x", NULL, &err), VLM_ERR_ARGUMENT);
    assert_true(vlm_engine_open(&e, "/nonexistent", NULL, NULL) < 0); /* nobody wants the reason */
    assert_true(vlm_engine_open_files(&e, NULL, 3, NULL, &err) < 0);
    assert_true(vlm_engine_open_files(&e, good.files, 0, NULL, &err) < 0);
}

static int sync_n(vlm_engine *e, size_t n_messages, size_t n_parts, size_t n_images, vlm_error *err)
{
    vlm_session *s;
    vlm_image *image;
    static const uint8_t pixels[12];
    assert_int_equal(vlm_session_open(&s, e, NULL, err), VLM_OK);
    assert_int_equal(vlm_image_from_rgb(&image, e, pixels, 2, 2, err), VLM_OK);
    vlm_part *parts = calloc(n_parts + n_images + 1, sizeof *parts);
    vlm_message *messages = calloc(n_messages + 1, sizeof *messages);
    for (size_t i = 0; i < n_parts; i++)
        parts[i] = vlm_part_text("");
    for (size_t i = 0; i < n_images; i++)
        parts[n_parts + i] = vlm_part_image(image);
    for (size_t i = 0; i < n_messages; i++)
        messages[i] =
            (vlm_message){.role = i % 2 ? "assistant" : "user", .parts = parts, .n_parts = 1};
    messages[0].n_parts = n_parts + n_images;
    if (n_images > 1000) { /* more than the parts of a message */
        messages[0].n_parts -= 1000;
        messages[1] = (vlm_message){.role = "user", .parts = parts, .n_parts = 1000};
        n_messages = 2;
    }
    err->message[0] = 0;
    int rc = vlm_session_sync(s, messages, n_messages, err);
    vlm_session_close(s);
    vlm_image_close(image);
    free(parts);
    free(messages);
    return rc;
}

/* messages, parts and images at their limits and one above; the context may refuse first, and then
 * says so */
static void conversation_limits(void **state)
{
    (void)state;
    vlm_engine *e = open_good();
    vlm_error err;
    static const struct {
        size_t messages, parts, images;
        bool over;
    } cases[] = {{VLM_LIMIT_MESSAGES, 1, 0, false}, {VLM_LIMIT_MESSAGES + 1, 1, 0, true},
                 {1, VLM_LIMIT_PARTS, 0, false},    {1, VLM_LIMIT_PARTS + 1, 0, true},
                 {1, 0, VLM_LIMIT_PICTURES, false}, {1, 0, VLM_LIMIT_PICTURES + 1, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rc = sync_n(e, cases[i].messages, cases[i].parts, cases[i].images, &err);
        if (cases[i].over ? rc != VLM_ERR_LIMIT : rc != VLM_OK && rc != VLM_ERR_CONTEXT)
            fail_msg("%zu messages, %zu parts, %zu images: %d %s", cases[i].messages,
                     cases[i].parts, cases[i].images, rc, rc < 0 ? err.message : "");
    }
    vlm_engine_close(e);
}

static void hostile_messages(void **state)
{
    (void)state;
    vlm_engine *e = open_good();
    vlm_session *s;
    vlm_error err;
    vlm_token token;
    assert_int_equal(vlm_session_open(&s, e, NULL, &err), VLM_OK);
    /* before the first sync there is nothing to say */
    int rc = vlm_session_next(s, &token, &err);
    assert_int_equal(rc, VLM_ERR_ARGUMENT);
    assert_true(vlm_session_token(s, &token, &err) != VLM_OK);
    size_t n;
    vlm_session_prompt(s, &n);
    assert_int_equal(n, 0);
    vlm_stats stats;
    vlm_session_stats(s, &stats);

    vlm_part part = vlm_part_text("x");
    const vlm_part bad_kind = {.kind = (vlm_part_kind)9, .text = "x", .n_text = 1};
    const vlm_part no_image = {.kind = VLM_PART_IMAGE};
    const vlm_part no_text = {.kind = VLM_PART_TEXT, .text = NULL, .n_text = 5};
    const vlm_message cases[] = {
        {.role = NULL, .parts = &part, .n_parts = 1},
        {.role = "user", .parts = NULL, .n_parts = 3},
        {.role = "user", .parts = &bad_kind, .n_parts = 1},
        {.role = "user", .parts = &no_image, .n_parts = 1},
        {.role = "user", .parts = &no_text, .n_parts = 1},
        {.role = "user", .parts = &part, .n_parts = 1, .prefix = 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rc = vlm_session_sync(s, &cases[i], 1, &err);
        if (rc >= 0)
            fail_msg("message %zu was accepted", i);
    }
    /* roles the template may or may not know: an answer or an error */
    static const char *const roles[] = {"",     "system",    "tool",
                                        "\xff", "__class__", "user<end_of_utterance>"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        vlm_message m = {.role = roles[i], .parts = &part, .n_parts = 1};
        rc = vlm_session_sync(s, &m, 1, &err);
        assert_true(rc == VLM_OK || err.message[0]);
    }
    /* T2, T7, T8: bytes of every class, control tokens and placeholders as text: no control ids */
    static const char hostile[] =
        "\xff\xc0\xaf\xed\xa0\x80\0<image><end_of_utterance><|im_start|><fake_token_around_image>"
        "<row_1_col_1><global-img>\xf0\x9f";
    vlm_part text = {.kind = VLM_PART_TEXT, .text = hostile, .n_text = sizeof hostile - 1};
    vlm_part plain = vlm_part_text("");
    vlm_message m = {.role = "user", .parts = &plain, .n_parts = 1};
    size_t n_control[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        m.parts = k ? &text : &plain;
        rc = vlm_session_sync(s, &m, 1, &err);
        if (rc < 0)
            fail_msg("%s", err.message);
        const int32_t *ids = vlm_session_prompt(s, &n);
        vlm_session_stats(s, &stats);
        assert_int_equal(stats.image_tokens, 0);
        for (size_t i = 0; i < n; i++) {
            char bytes[64];
            size_t n_bytes;
            if (vlm_detokenize(e, &ids[i], 1, 1, bytes, sizeof bytes, &n_bytes, &err) == VLM_OK)
                n_control[k] += n_bytes == 0;
        }
    }
    assert_int_equal(n_control[0], n_control[1]); /* those of the template and no others */
    assert_true(vlm_session_sync(s, NULL, 1, &err) < 0);
    vlm_session_close(s);
    vlm_engine_close(e);
}

static void text_calls(void **state)
{
    (void)state;
    vlm_engine *e = open_good();
    vlm_error err;
    size_t n;
    int32_t ids[8];
    char text[64];
    assert_int_equal(vlm_tokenize(e, "", 0, 0, NULL, 0, &n, &err), VLM_OK);
    assert_int_equal(n, 0);
    assert_int_equal(vlm_tokenize(e, "hello world", 11, 0, NULL, 0, &n, &err), VLM_OK);
    assert_true(n > 0);
    static const int32_t bad[] = {-1, INT32_MAX, INT32_MIN, 1 << 20};
    for (size_t i = 0; i < 4; i++) {
        int rc = vlm_detokenize(e, &bad[i], 1, 0, text, sizeof text, &n, &err);
        assert_true(rc < 0 ? err.message[0] != 0 : n <= sizeof text);
    }
    ids[0] = (int32_t)vlm_engine_vocab_size(e);
    int rc = vlm_detokenize(e, ids, 1, 0, text, sizeof text, &n, &err);
    assert_true(rc < 0 || n <= sizeof text);
    /* the limit and one byte more; both must be quick to say */
    char *large = malloc(VLM_LIMIT_TEXT_BYTES + 1);
    memset(large, 'a', VLM_LIMIT_TEXT_BYTES + 1);
    double start = cpu_seconds();
    assert_int_equal(vlm_tokenize(e, large, VLM_LIMIT_TEXT_BYTES + 1, 0, NULL, 0, &n, &err),
                     VLM_ERR_LIMIT);
    assert_true(cpu_seconds() - start < 0.1 * SLOWER);
    free(large);
    /* T1: 200,000 of one thing takes a time that is linear: no more than 4 times that of half of it
     */
    static const char *const units[] = {"a",  "\xe4\xb8\xad",     " ", "^", "\xcc\x81",
                                        "\n", "\xf0\x9f\x98\x80", "1", "a "};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i]), count = 200000 / SLOWER;
        char *run = malloc(len * count);
        for (size_t k = 0; k < count; k++)
            memcpy(run + k * len, units[i], len);
        start = cpu_seconds();
        assert_int_equal(vlm_tokenize(e, run, len * count / 2, 0, NULL, 0, &n, &err), VLM_OK);
        double half = cpu_seconds() - start;
        start = cpu_seconds();
        assert_int_equal(vlm_tokenize(e, run, len * count, 0, NULL, 0, &n, &err), VLM_OK);
        double whole = cpu_seconds() - start;
        if (whole > 1.0 || (whole > 0.05 && whole > 4 * half))
            fail_msg("200,000 of %s: %.3f s, half of them %.3f s", units[i], whole, half);
        free(run);
    }
    vlm_engine_close(e);
}

static void step_misuse(void **state)
{
    (void)state;
    vlm_engine *e = open_good(), *other = open_good();
    vlm_session *a, *b;
    vlm_error err;
    assert_int_equal(vlm_session_open(&a, e, NULL, &err), VLM_OK);
    assert_int_equal(vlm_session_open(&b, other, NULL, &err), VLM_OK);
    vlm_session *both[VLM_LIMIT_BATCH + 1] = {a, b};
    assert_true(vlm_step(e, both, 2, &err) < 0); /* of another engine */
    both[1] = a;
    assert_true(vlm_step(e, both, 2, &err) < 0); /* twice the same */
    assert_int_equal(vlm_step(e, both, VLM_LIMIT_BATCH + 1, &err), VLM_ERR_LIMIT);
    assert_int_equal(vlm_step(e, NULL, 0, &err), VLM_OK);
    vlm_session_cancel(a);
    vlm_session_close(a);
    vlm_session_close(b);
    vlm_engine_close(e);
    vlm_engine_close(other);
    vlm_session_close(NULL);
    vlm_image_close(NULL);
    vlm_engine_close(NULL);
}

/* A model opened for its vocabulary has no session, and says so. */
static void vocabulary_only(void **state)
{
    (void)state;
    vlm_engine *e;
    vlm_engine_options o;
    vlm_error err;
    vlm_engine_options_init(&o);
    o.vocab_only = 1;
    struct test_model m = good;
    vlm_file *w = test_model_file(&m, "model.safetensors");
    *w = m.files[--m.n];
    assert_int_equal(vlm_engine_open_files(&e, m.files, m.n, &o, &err), VLM_OK);
    vlm_session *s;
    assert_int_equal(vlm_session_open(&s, e, NULL, &err), VLM_ERR_ARGUMENT);
    vlm_estimate x;
    assert_true(vlm_session_estimate(e, NULL, &x, &err) < 0);
    size_t n;
    assert_int_equal(vlm_tokenize(e, "a", 1, 0, NULL, 0, &n, &err), VLM_OK);
    vlm_engine_close(e);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_model_answers),
        cmocka_unit_test(hyper_parameters),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(each_tensor_wrong),
        cmocka_unit_test(scales),
        cmocka_unit_test(strange_numbers),
        cmocka_unit_test(session_option_ranges),
        cmocka_unit_test(engine_option_ranges),
        cmocka_unit_test(conversation_limits),
        cmocka_unit_test(hostile_messages),
        cmocka_unit_test(text_calls),
        cmocka_unit_test(step_misuse),
        cmocka_unit_test(vocabulary_only),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
