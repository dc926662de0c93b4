/* The tokenizer against the reference (tools/make_token_golden.py), and what it must refuse or
 * survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/os.h"
#include "base/rng.h"
#include "format/json.h"
#include "token/internal.h"

#define DIR VLM_TEST_DATA "/tokenizer/smolvlm2"
static const vlm_allocator *const mem = &vlm_mem_system;

#define PRE "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define DEC "\"decoder\":{\"type\":\"ByteLevel\"}"
#define FILE_OF(top, pre, model) "{" top DEC ",\"pre_tokenizer\":" pre ",\"model\":{" model "}}"
#define VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}"
#define MODEL VOCAB ",\"merges\":[[\"a\",\"b\"]]"
#define ADDED(list) FILE_OF("\"added_tokens\":[" list "],", PRE, MODEL)
#define SPLIT(pattern)                                                                             \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"        \
    "\"" pattern "\"},\"behavior\":\"Isolated\",\"invert\":false}," PRE "]}"

/* ---- help
 * ----------------------------------------------------------------------------------------- */

static vlm_tokenizer *smol; /* opened once by the group */

static struct vlm_map map_file(const char *name)
{
    struct vlm_map m;
    vlm_error err;
    if (vlm_map_open(&m, mem, DIR, name, false, 1 << 26, &err) < 0)
        fail_msg("%s", err.message);
    return m;
}

static int setup(void **state)
{
    (void)state;
    struct vlm_map m = map_file("tokenizer.json");
    vlm_error err;
    int rc = vlm_tokenizer_open(&smol, mem, m.data, m.n, "tokenizer.json", &err);
    if (rc < 0)
        print_error("%s\n", err.message);
    vlm_map_close(&m, mem); /* the file is only borrowed */
    return rc;
}

static int teardown(void **state)
{
    (void)state;
    vlm_tokenizer_close(smol);
    return 0;
}

static struct vlm_ids encode(const vlm_tokenizer *t, const char *s, size_t n,
                             const struct vlm_span *plain, size_t n_plain)
{
    struct vlm_ids ids;
    vlm_error err;
    vlm_ids_init(&ids, mem);
    if (vlm_token_encode(&ids, t, s, n, plain, n_plain, &err) < 0)
        fail_msg("%s", err.message);
    return ids;
}

static struct vlm_buf decode(const vlm_tokenizer *t, const struct vlm_ids *ids, bool skip_special)
{
    struct vlm_buf b;
    vlm_error err;
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    if (vlm_token_decode(&b, t, ids->data, ids->n, skip_special, &err) < 0)
        fail_msg("%s", err.message);
    return b;
}

/* Processor time: other programs on the machine do not count. */
static double now_ms(void)
{
    return (double)clock() * 1000 / CLOCKS_PER_SEC;
}

/* Readers for the golden files: j stands before the value. */
static struct vlm_buf read_text(struct vlm_json *j)
{
    struct vlm_buf b;
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    enum vlm_json_kind kind = vlm_json_next(j);
    if (kind != VLM_JSON_NULL) {
        assert_int_equal(kind, VLM_JSON_STRING);
        assert_true(vlm_json_string(&b, j));
    }
    return b;
}

static bool read_ids(struct vlm_ids *ids, struct vlm_json *j)
{
    vlm_ids_init(ids, mem);
    enum vlm_json_kind kind = vlm_json_next(j);
    if (kind == VLM_JSON_NULL)
        return false;
    assert_int_equal(kind, VLM_JSON_ARRAY);
    while ((kind = vlm_json_next(j)) == VLM_JSON_NUMBER) {
        uint64_t id;
        assert_true(vlm_json_u64(&id, j));
        assert_true(vlm_ids_push(ids, (int32_t)id));
    }
    assert_int_equal(kind, VLM_JSON_ARRAY_END);
    return true;
}

static void assert_ids(const char *text, const struct vlm_ids *got, const struct vlm_ids *want)
{
    bool same = got->n == want->n &&
                (got->n == 0 || memcmp(got->data, want->data, got->n * sizeof *got->data) == 0);
    if (same)
        return;
    print_error("text: %s\ngot: ", text);
    for (size_t i = 0; i < got->n; i++)
        print_error(" %d", got->data[i]);
    print_error("\nwant:");
    for (size_t i = 0; i < want->n; i++)
        print_error(" %d", want->data[i]);
    print_error("\n");
    fail();
}

static void check_encode(const vlm_tokenizer *t, const char *text, size_t n,
                         const struct vlm_span *plain, size_t n_plain, const struct vlm_ids *want)
{
    char *exact = malloc(n ? n : 1); /* the sanitizer sees a read beyond the end */
    assert_non_null(exact);
    memcpy(exact, text, n);
    struct vlm_ids got = encode(t, exact, n, plain, n_plain);
    assert_ids(text, &got, want);
    vlm_ids_free(&got);
    free(exact);
}

/* Calls fn for each line of a file; returns how many. */
static size_t each_line(const char *name, void (*fn)(struct vlm_json *line))
{
    struct vlm_map m = map_file(name);
    const char *at = (const char *)m.data, *end = at + m.n;
    size_t n = 0;
    for (; at < end; n++) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(eol);
        struct vlm_json j;
        vlm_json_init(&j, at, (size_t)(eol - at));
        assert_int_equal(vlm_json_next(&j), VLM_JSON_ARRAY);
        fn(&j);
        at = eol + 1;
    }
    vlm_map_close(&m, mem);
    return n;
}

/* ---- the reference
 * -------------------------------------------------------------------------------- */

static void golden_line(struct vlm_json *j)
{
    struct vlm_buf text = read_text(j);
    struct vlm_ids ids, plain_ids;
    read_ids(&ids, j);
    bool other = read_ids(&plain_ids, j);
    struct vlm_buf decoded = read_text(j);
    const char *s = text.n ? text.data : "";
    struct vlm_span all = {0, text.n};
    check_encode(smol, s, text.n, NULL, 0, &ids);
    check_encode(smol, s, text.n, &all, 1, other ? &plain_ids : &ids);
    const struct vlm_buf *want = decoded.data ? &decoded : &text;
    struct vlm_buf got = decode(smol, &ids, false);
    assert_int_equal(got.n, want->n);
    if (got.n)
        assert_memory_equal(got.data, want->data, got.n);
    vlm_buf_free(&got);
    vlm_buf_free(&decoded);
    vlm_buf_free(&text);
    vlm_ids_free(&ids);
    vlm_ids_free(&plain_ids);
}

static void test_golden(void **state)
{
    (void)state;
    assert_int_equal(each_line("golden.jsonl", golden_line), 10000);
}

static void invalid_line(struct vlm_json *j)
{
    struct vlm_buf hex = read_text(j), raw;
    struct vlm_ids ids;
    vlm_buf_init(&raw, mem, hex.n);
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        unsigned byte;
        assert_int_equal(sscanf(hex.data + i, "%2x", &byte), 1);
        vlm_buf_putc(&raw, (char)byte);
    }
    read_ids(&ids, j);
    check_encode(smol, raw.data, raw.n, NULL, 0, &ids);
    vlm_buf_free(&hex);
    vlm_buf_free(&raw);
    vlm_ids_free(&ids);
}

static void test_invalid_utf8(void **state)
{
    (void)state;
    assert_int_equal(each_line("invalid.jsonl", invalid_line), 400);
}

static void spans_line(struct vlm_json *j)
{
    struct vlm_buf text = read_text(j);
    struct vlm_ids cuts, ids;
    struct vlm_span spans[8];
    read_ids(&cuts, j);
    read_ids(&ids, j);
    assert_true(cuts.n % 2 == 0 && cuts.n <= 16);
    for (size_t i = 0; i < cuts.n; i += 2)
        spans[i / 2] = (struct vlm_span){(size_t)cuts.data[i], (size_t)cuts.data[i + 1]};
    check_encode(smol, text.data, text.n, spans, cuts.n / 2, &ids);
    vlm_buf_free(&text);
    vlm_ids_free(&cuts);
    vlm_ids_free(&ids);
}

static void test_plain_runs(void **state)
{
    (void)state;
    assert_int_equal(each_line("spans.jsonl", spans_line), 1200);
}

static void split_line(struct vlm_json *j)
{
    vlm_tokenizer *t;
    vlm_error err;
    assert_int_equal(vlm_json_next(j), VLM_JSON_OBJECT);
    const char *begin = j->at - 1;
    assert_true(vlm_json_skip(j));
    if (vlm_tokenizer_open(&t, mem, begin, (size_t)(j->at - begin), "small", &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(vlm_json_next(j), VLM_JSON_ARRAY);
    while (vlm_json_next(j) == VLM_JSON_ARRAY) {
        struct vlm_buf text = read_text(j);
        struct vlm_ids ids;
        read_ids(&ids, j);
        check_encode(t, text.n ? text.data : "", text.n, NULL, 0, &ids);
        assert_int_equal(vlm_json_next(j), VLM_JSON_ARRAY_END);
        vlm_buf_free(&text);
        vlm_ids_free(&ids);
    }
    vlm_tokenizer_close(t);
}

static void test_small_tokenizers(void **state)
{
    (void)state;
    assert_true(each_line("split.jsonl", split_line) > 30);
}

/* The cases of an independent script (not the library), same file. */
static void test_independent_cases(void **state)
{
    (void)state;
    struct vlm_map m = map_file("independent.json");
    struct vlm_json j;
    size_t n = 0;
    vlm_json_init(&j, m.data, m.n);
    assert_int_equal(vlm_json_next(&j), VLM_JSON_OBJECT);
    while (vlm_json_next(&j) == VLM_JSON_KEY) {
        if (!vlm_json_equals(&j, "cases")) {
            vlm_json_skip(&j);
            continue;
        }
        assert_int_equal(vlm_json_next(&j), VLM_JSON_ARRAY);
        while (vlm_json_next(&j) == VLM_JSON_OBJECT) { /* text, ids, decoded, in this order */
            struct vlm_ids ids;
            vlm_json_next(&j);
            struct vlm_buf text = read_text(&j);
            vlm_json_next(&j);
            read_ids(&ids, &j);
            vlm_json_next(&j);
            struct vlm_buf decoded = read_text(&j), got = decode(smol, &ids, false);
            check_encode(smol, text.n ? text.data : "", text.n, NULL, 0, &ids);
            assert_int_equal(got.n, decoded.n);
            assert_true(got.n == 0 || memcmp(got.data, decoded.data, got.n) == 0);
            assert_int_equal(vlm_json_next(&j), VLM_JSON_OBJECT_END);
            vlm_buf_free(&text);
            vlm_buf_free(&decoded);
            vlm_buf_free(&got);
            vlm_ids_free(&ids);
            n++;
        }
    }
    assert_true(n > 50);
    vlm_map_close(&m, mem);
}

/* The class of every code point, one byte each, has the hash of what tokenizers 0.23.3 does: 'L',
 * 'N', 'S' or 'O' by the pattern, then 'd' where Digits isolates it and '-' where not. */
static void test_every_code_point(void **state)
{
    (void)state;
    static const char letters[] = "OLNS",
                      want[] = "ae74525a7ced0c7974d6af26c2d617baae2100ec9bd1ef8f9e3f98d2e286080d";
    struct vlm_sha256 s;
    uint8_t out[32];
    char hex[65];
    vlm_sha256_init(&s);
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        if (cp >= 0xD800 && cp < 0xE000)
            continue;
        char c[2] = {letters[vlm_token_class_of(cp)], vlm_token_is_numeric(cp) ? 'd' : '-'};
        vlm_sha256_add(&s, c, 2);
    }
    vlm_sha256_end(&s, out);
    for (int i = 0; i < 32; i++)
        sprintf(hex + 2 * i, "%02x", out[i]);
    assert_string_equal(hex, want);
}

/* ---- facts
 * ---------------------------------------------------------------------------------------- */

static void test_facts(void **state)
{
    (void)state;
    const char *bytes;
    size_t n;
    bool special;
    assert_int_equal(vlm_token_count(smol), 49280);
    assert_int_equal(vlm_token_added(smol), 145);
    assert_int_equal(vlm_token_find(smol, "<image>"), 49190);
    assert_int_equal(vlm_token_find(smol, "<end_of_utterance>"), 49279);
    assert_int_equal(vlm_token_find(smol, "<|im_start|>"), 1);
    assert_int_equal(vlm_token_find(smol, "<row_6_col_6>"), 49188);
    assert_int_equal(vlm_token_find(smol, "<row_7_col_1>"), -1);
    assert_int_equal(vlm_token_find(smol, "Paris"), -1);
    assert_int_equal(vlm_token_find(smol, ""), -1);
    assert_true(vlm_token_bytes(smol, 253, &bytes, &n, &special));
    assert_true(n == 2 && memcmp(bytes, " a", 2) == 0 && !special);
    assert_true(vlm_token_bytes(smol, 49190, &bytes, &n, &special));
    assert_true(n == 7 && memcmp(bytes, "<image>", 7) == 0 && special);
    assert_true(vlm_token_bytes(smol, 0, &bytes, &n, NULL));
    assert_false(vlm_token_bytes(smol, -1, &bytes, &n, NULL));
    assert_false(vlm_token_bytes(smol, 49280, &bytes, &n, NULL));
    assert_false(vlm_token_bytes(smol, INT32_MAX, &bytes, &n, NULL));
    assert_false(vlm_token_bytes(smol, INT32_MIN, &bytes, &n, NULL));
}

static void test_encode_appends(void **state)
{
    (void)state;
    struct vlm_ids ids = encode(smol, "Paris", 5, NULL, 0);
    vlm_error err;
    assert_int_equal(vlm_token_encode(&ids, smol, NULL, 0, NULL, 0, &err), VLM_OK);
    assert_int_equal(vlm_token_encode(&ids, smol, " a", 2, NULL, 0, &err), VLM_OK);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.data[0], 38634);
    assert_int_equal(ids.data[1], 253);
    /* a call that is wrong changes nothing */
    static const struct vlm_span wrong[][2] = {
        {{0, 4}, {5, 6}}, {{3, 2}, {3, 3}},        {{2, 3}, {1, 2}},
        {{0, 2}, {1, 3}}, {{0, SIZE_MAX}, {0, 0}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(vlm_token_encode(&ids, smol, "abc", 3, wrong[i], 2, &err),
                         VLM_ERR_ARGUMENT);
    assert_int_equal(ids.n, 2);
    vlm_ids_free(&ids);
}

static void test_decode(void **state)
{
    (void)state;
    const int32_t data[] = {1,       504, 49190, -5,
                            1 << 20, 173, 28120, 49279}; /* 173 is the byte 0xC3 */
    struct vlm_ids ids = {.alloc = mem, .data = (int32_t *)(uintptr_t)data, .n = 8};
    struct vlm_buf all = decode(smol, &ids, false), skipped = decode(smol, &ids, true);
    const char *bytes;
    size_t n;
    assert_true(vlm_token_bytes(smol, 173, &bytes, &n, NULL) && n == 1 &&
                (unsigned char)*bytes >= 0x80);
    assert_string_equal(all.data, "<|im_start|>The<image>\xef\xbf\xbdhello<end_of_utterance>");
    assert_string_equal(skipped.data, "The\xef\xbf\xbdhello");
    ids.n = 0;
    struct vlm_buf none = decode(smol, &ids, false);
    assert_int_equal(none.n, 0);
    vlm_buf_free(&all);
    vlm_buf_free(&skipped);
    vlm_buf_free(&none);
    /* what does not fit leaves the text as it was */
    struct vlm_buf small;
    vlm_error err;
    vlm_buf_init(&small, mem, 4);
    vlm_buf_puts(&small, "ab");
    ids.n = 8;
    assert_int_equal(vlm_token_decode(&small, smol, ids.data, ids.n, false, &err), VLM_ERR_MEMORY);
    assert_string_equal(small.data, "ab");
    vlm_buf_free(&small);
}

/* A token half of which is plain is text, whichever half; beside a plain run it is a token. */
static void test_plain_touches(void **state)
{
    (void)state;
    static const char text[] = "a<image>b";
    for (size_t begin = 0; begin <= 9; begin++)
        for (size_t end = begin; end <= 9; end++) {
            struct vlm_span plain = {begin, end};
            bool touches = begin < end && begin < 8 && end > 1;
            struct vlm_ids ids = encode(smol, text, 9, &plain, 1);
            bool found = false;
            for (size_t i = 0; i < ids.n; i++)
                found |= ids.data[i] == 49190;
            assert_int_equal(found, !touches);
            vlm_ids_free(&ids);
        }
    /* plain bytes that are not UTF-8 grow to three; a token behind them is found where it is */
    static const char bad[] = "\xff\xfe<image>\xff<image>\xe4\xb8<image>";
    static const struct vlm_span runs[] = {{0, 2}, {9, 12}, {17, 19}};
    static const int32_t want[] = {49190, 49190};
    struct vlm_ids ids = encode(smol, bad, sizeof bad - 1, runs, 3);
    size_t n = 0;
    for (size_t i = 0; i < ids.n; i++)
        if (ids.data[i] >= 49152)
            assert_true(n < 2 && ids.data[i] == want[n++]);
    assert_int_equal(n, 2);
    vlm_ids_free(&ids);
}

/* No text yields a control token while it is plain, however it is cut. */
static void test_plain_never_controls(void **state)
{
    (void)state;
    struct vlm_rng rng = {7, 0, 0};
    for (int round = 0; round < 3000; round++) {
        char text[256];
        size_t n = 0;
        while (n < 200) {
            const char *bytes;
            size_t n_bytes;
            int32_t id = (int32_t)(vlm_rng_below(&rng, 2) ? 49152 + vlm_rng_below(&rng, 128)
                                                          : vlm_rng_below(&rng, 20));
            assert_true(vlm_token_bytes(smol, id, &bytes, &n_bytes, NULL));
            size_t cut =
                vlm_rng_below(&rng, 4) ? n_bytes : vlm_rng_below(&rng, (uint32_t)n_bytes + 1);
            memcpy(text + n, bytes, cut < 256 - n ? cut : 256 - n);
            n += cut < 256 - n ? cut : 256 - n;
        }
        struct vlm_span cuts[2] = {{0, vlm_rng_below(&rng, (uint32_t)n)}, {0, n}};
        cuts[1].begin = cuts[0].end;
        struct vlm_ids ids = encode(smol, text, n, cuts, 2);
        for (size_t i = 0; i < ids.n; i++)
            assert_true(ids.data[i] > 16 && ids.data[i] < 49152);
        vlm_ids_free(&ids);
    }
}

/* Tokens that are not made of byte characters give their text, and no text gives them. */
static void test_literal_tokens(void **state)
{
    (void)state;
    static const char json[] =
        FILE_OF("\"added_tokens\":[{\"id\":9,\"content\":\"\xc4\xa0\xe4\xb8\xad\"}],", PRE,
                "\"ignore_merges\":true,\"vocab\":{\"a\":0,\"\xe4\xb8\xad\":1,\"a "
                "\":2,\"\xc4\xa0\":3},\"merges\":[]");
    static const int32_t all[] = {0, 1, 2, 3, 9, 8};
    vlm_tokenizer *t;
    vlm_error err;
    assert_int_equal(vlm_tokenizer_open(&t, mem, json, sizeof json - 1, "t.json", &err), VLM_OK);
    struct vlm_ids ids = {.alloc = mem, .data = (int32_t *)(uintptr_t)all, .n = 6};
    struct vlm_buf b = decode(t, &ids, false);
    assert_string_equal(b.data, "a\xe4\xb8\xad"
                                "a  \xc4\xa0\xe4\xb8\xad");
    vlm_buf_free(&b);
    ids = encode(t, "\xe4\xb8\xad a ", 6, NULL, 0);
    assert_true(ids.n == 3 && ids.data[0] == 3 && ids.data[1] == 0 && ids.data[2] == 3);
    vlm_ids_free(&ids);
    vlm_tokenizer_close(t);
}

/* An unk_token that is special comes for unknown bytes as in the reference, but not from a user's
 * text. */
static void test_plain_unknown(void **state)
{
    (void)state;
    static const char json[] = "{\"decoder\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":{\"type\":"
                               "\"ByteLevel\",\"add_prefix_space\":false},"
                               "\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true}"
                               "],\"model\":{\"unk_token\":\"<unk>\","
                               "\"vocab\":{\"<unk>\":0,\"a\":1},\"merges\":[]}}";
    vlm_tokenizer *t;
    vlm_error err;
    assert_int_equal(vlm_tokenizer_open(&t, mem, json, sizeof json - 1, "t.json", &err), VLM_OK);
    struct vlm_span all = {0, 4};
    struct vlm_ids ids = encode(t, "axxa", 4, NULL, 0), plain = encode(t, "axxa", 4, &all, 1);
    assert_true(ids.n == 4 && ids.data[0] == 1 && ids.data[1] == 0 && ids.data[2] == 0 &&
                ids.data[3] == 1);
    assert_true(plain.n == 2 && plain.data[0] == 1 && plain.data[1] == 1);
    vlm_ids_free(&ids);
    vlm_ids_free(&plain);
    vlm_tokenizer_close(t);
}

/* ---- time (T1)
 * ------------------------------------------------------------------------------------ */

static double encode_ms(const vlm_tokenizer *t, const char *unit, size_t n_units)
{
    size_t n_unit = strlen(unit), n = n_unit * n_units;
    char *s = malloc(n);
    assert_non_null(s);
    for (size_t i = 0; i < n_units; i++)
        memcpy(s + i * n_unit, unit, n_unit);
    double start = now_ms();
    struct vlm_ids ids = encode(t, s, n, NULL, 0);
    double ms = now_ms() - start;
    assert_true(ids.n > 0);
    vlm_ids_free(&ids);
    free(s);
    return ms;
}

static void test_long_runs(void **state)
{
    (void)state;
    static const char *const units[] = {"a",
                                        "\xe4\xb8\xad",
                                        " ",
                                        "^",
                                        "\xcc\x81",
                                        "\n",
                                        "ab",
                                        "9",
                                        "'s",
                                        "<",
                                        "<image>",
                                        "<|im_start",
                                        "\xff",
                                        "\xe4\xb8",
                                        "\xf0\x9f\x98\x80",
                                        "\t ",
                                        "A",
                                        "."};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double ms = encode_ms(smol, units[i], 200000);
        assert_true(
            ms <
            1000);    /* 10 to 100 ms on the 2-core machine; a sanitizer takes ten times as long */
        if (ms > 100) /* of twice the text it takes twice the time: four times leaves room for the
                         machine */
            assert_true(encode_ms(smol, units[i], 400000) < 4 * ms + 200);
    }
}

static void test_text_limit(void **state)
{
    (void)state;
    size_t limit = VLM_LIMIT_TEXT_BYTES;
    struct vlm_ids ids;
    vlm_error err;
    char *s = malloc(limit + 1);
    assert_non_null(s);
    memset(s, '9', limit + 1); /* the cheapest text: every digit alone */
    vlm_ids_init(&ids, mem);
    assert_int_equal(vlm_token_encode(&ids, smol, s, limit + 1, NULL, 0, &err), VLM_ERR_LIMIT);
    assert_int_equal(vlm_token_encode(&ids, smol, s, (size_t)1 << 31, NULL, 0, &err),
                     VLM_ERR_LIMIT);
    assert_int_equal(ids.n, 0);
    assert_int_equal(vlm_token_encode(&ids, smol, s, limit, NULL, 0, &err), VLM_OK);
    assert_int_equal(ids.n, limit);
    vlm_ids_free(&ids);
    free(s);
}

/* ---- files that are wrong
 * ------------------------------------------------------------------------- */

static int open_text(vlm_tokenizer **t, const char *json, size_t n, vlm_error *err)
{
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, json, n);
    *t = NULL;
    memset(err, 0, sizeof *err);
    int rc = vlm_tokenizer_open(t, mem, exact, n, "t.json", err);
    free(exact);
    if (rc < 0) {
        assert_null(*t);
        assert_memory_equal(err->message, "t.json: ", 8);
        assert_null(strchr(err->message, '\n'));
    }
    return rc;
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *says, *json;
    } cases[] = {
        {VLM_OK, "", FILE_OF("", PRE, MODEL)},
        {VLM_OK, "", FILE_OF("\"normalizer\":null,\"post_processor\":null,", PRE, MODEL)},
        {VLM_OK, "",
         FILE_OF("", PRE,
                 VOCAB
                 ",\"merges\":[\"#version: 0.2\",\"a b\"],\"continuing_subword_prefix\":\"\"")},
        {VLM_OK, "",
         FILE_OF(
             "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{}}]},",
             PRE, MODEL)},
        {VLM_OK, "",
         FILE_OF("\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":"
                 "\"ByteLevel\"}]},",
                 PRE, MODEL)},
        {VLM_OK, "", ADDED("{\"id\":7,\"content\":\"\"}")},
        {VLM_OK, "", ADDED("{\"id\":1048575,\"content\":\"x\"}")},
        {VLM_OK, "", ADDED("{\"id\":2,\"content\":\"ab\",\"special\":true}")},
        /* JSON */
        {VLM_ERR_FORMAT, "byte 0: unexpected end", ""},
        {VLM_ERR_FORMAT, "not a JSON object", "[]"},
        {VLM_ERR_FORMAT, "byte 1: unexpected end", "{"},
        {VLM_ERR_FORMAT, "behind the document", FILE_OF("", PRE, MODEL) "x"},
        /* sections */
        {VLM_ERR_UNSUPPORTED, "decoder", "{}"},
        {VLM_ERR_UNSUPPORTED, "ByteLevel", "{" DEC "}"},
        {VLM_ERR_FORMAT, "no model", "{" DEC ",\"pre_tokenizer\":" PRE "}"},
        {VLM_ERR_FORMAT, "no vocab", FILE_OF("", PRE, "")},
        {VLM_ERR_FORMAT, "no merges", FILE_OF("", PRE, VOCAB)},
        {VLM_ERR_UNSUPPORTED, "decoder \"WordPiece\"", "{\"decoder\":{\"type\":\"WordPiece\"}}"},
        {VLM_ERR_UNSUPPORTED, "normalizer \"NFC\"",
         FILE_OF("\"normalizer\":{\"type\":\"NFC\"},", PRE, MODEL)},
        {VLM_ERR_UNSUPPORTED, "normalizer \"N\\u001bX\"",
         FILE_OF("\"normalizer\":{\"type\":\"N\\u001bX\"},", PRE, MODEL)},
        {VLM_ERR_FORMAT, "normalizer has no type", FILE_OF("\"normalizer\":{},", PRE, MODEL)},
        {VLM_ERR_FORMAT, "normalizer is not", FILE_OF("\"normalizer\":[],", PRE, MODEL)},
        {VLM_ERR_UNSUPPORTED, "post_processor \"Roberta\"",
         FILE_OF("\"post_processor\":{\"type\":\"Roberta\"},", PRE, MODEL)},
        {VLM_ERR_UNSUPPORTED, "adds special",
         FILE_OF("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":"
                 "[{\"SpecialToken\":{\"id\":\"<s>\"}}]},",
                 PRE, MODEL)},
        {VLM_ERR_FORMAT, "post_processor is not", FILE_OF("\"post_processor\":3,", PRE, MODEL)},
        {VLM_ERR_UNSUPPORTED, "pre_tokenizer \"Metaspace\"",
         FILE_OF("", "{\"type\":\"Metaspace\"}", MODEL)},
        {VLM_ERR_FORMAT, "pre_tokenizer has no type", FILE_OF("", "{}", MODEL)},
        {VLM_ERR_FORMAT, "no pretokenizers", FILE_OF("", "{\"type\":\"Sequence\"}", MODEL)},
        {VLM_ERR_FORMAT, "not an object",
         FILE_OF("", "{\"type\":\"Sequence\",\"pretokenizers\":[1]}", MODEL)},
        {VLM_ERR_UNSUPPORTED, "without ByteLevel", FILE_OF("", "{\"type\":\"Digits\"}", MODEL)},
        {VLM_ERR_UNSUPPORTED, "behind ByteLevel",
         FILE_OF("", "{\"type\":\"Sequence\",\"pretokenizers\":[" PRE ",{\"type\":\"Digits\"}]}",
                 MODEL)},
        {VLM_ERR_FORMAT, "individual_digits",
         FILE_OF("", "{\"type\":\"Digits\",\"individual_digits\":1}", MODEL)},
        {VLM_ERR_FORMAT, "behavior",
         FILE_OF("", "{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"}}", MODEL)},
        {VLM_ERR_FORMAT, "no pattern",
         FILE_OF("", "{\"type\":\"Split\",\"behavior\":\"Removed\"}", MODEL)},
        {VLM_ERR_FORMAT, "no pattern",
         FILE_OF("", "{\"type\":\"Split\",\"behavior\":\"Removed\",\"pattern\":{\"String\":\"\"}}",
                 MODEL)},
        /* the model */
        {VLM_ERR_UNSUPPORTED, "model \"Unigram\"", FILE_OF("", PRE, "\"type\":\"Unigram\"," MODEL)},
        {VLM_ERR_UNSUPPORTED, "byte_fallback", FILE_OF("", PRE, "\"byte_fallback\":true," MODEL)},
        {VLM_ERR_UNSUPPORTED, "dropout", FILE_OF("", PRE, "\"dropout\":0.1," MODEL)},
        {VLM_ERR_UNSUPPORTED, "continuing_subword_prefix",
         FILE_OF("", PRE, "\"continuing_subword_prefix\":\"##\"," MODEL)},
        {VLM_ERR_UNSUPPORTED, "end_of_word_suffix",
         FILE_OF("", PRE, "\"end_of_word_suffix\":\"</w>\"," MODEL)},
        {VLM_ERR_FORMAT, "unk_token \"u\"", FILE_OF("", PRE, "\"unk_token\":\"u\"," MODEL)},
        {VLM_ERR_FORMAT, "unk_token is not", FILE_OF("", PRE, "\"unk_token\":3," MODEL)},
        {VLM_ERR_FORMAT, "fuse_unk", FILE_OF("", PRE, "\"fuse_unk\":\"yes\"," MODEL)},
        {VLM_ERR_FORMAT, "token \"a\" has no id", FILE_OF("", PRE, "\"vocab\":{\"a\":-1}")},
        {VLM_ERR_FORMAT, "token \"a\" has no id", FILE_OF("", PRE, "\"vocab\":{\"a\":1048576}")},
        {VLM_ERR_FORMAT, "token \"a\" has no id", FILE_OF("", PRE, "\"vocab\":{\"a\":4294967296}")},
        {VLM_ERR_FORMAT, "token \"a\" has no id", FILE_OF("", PRE, "\"vocab\":{\"a\":1.5}")},
        {VLM_ERR_FORMAT, "token \"a\" has no id", FILE_OF("", PRE, "\"vocab\":{\"a\":[]}")},
        {VLM_ERR_FORMAT, "\"b\" has id 0, which", FILE_OF("", PRE, "\"vocab\":{\"a\":0,\"b\":0}")},
        {VLM_ERR_FORMAT, "\"a\" is twice", FILE_OF("", PRE, "\"vocab\":{\"a\":0,\"\\u0061\":1}")},
        {VLM_ERR_FORMAT, "merge 1 needs token \"c\"",
         FILE_OF("", PRE, VOCAB ",\"merges\":[\"a b\",\"c a\"]")},
        {VLM_ERR_FORMAT, "merge 0 needs token \"ba\"",
         FILE_OF("", PRE, VOCAB ",\"merges\":[\"b a\"]")},
        {VLM_ERR_FORMAT, "merge 0 is neither", FILE_OF("", PRE, VOCAB ",\"merges\":[\"ab\"]")},
        {VLM_ERR_FORMAT, "merge 0 is neither", FILE_OF("", PRE, VOCAB ",\"merges\":[\"a b a\"]")},
        {VLM_ERR_FORMAT, "merge 0 is neither", FILE_OF("", PRE, VOCAB ",\"merges\":[[\"a\"]]")},
        {VLM_ERR_FORMAT, "merge 0 is neither",
         FILE_OF("", PRE, VOCAB ",\"merges\":[[\"a\",\"b\",\"a\"]]")},
        {VLM_ERR_FORMAT, "merge 0 is neither", FILE_OF("", PRE, VOCAB ",\"merges\":[[]]")},
        {VLM_ERR_FORMAT, "merge 0 is neither",
         FILE_OF("", PRE, VOCAB ",\"merges\":[{\"a\":\"b\"}]")},
        {VLM_ERR_FORMAT, "merge 0 is neither", FILE_OF("", PRE, VOCAB ",\"merges\":[7]")},
        /* added tokens */
        {VLM_ERR_FORMAT, "not an array", FILE_OF("\"added_tokens\":{},", PRE, MODEL)},
        {VLM_ERR_FORMAT, "added token 0 is not", ADDED("3")},
        {VLM_ERR_FORMAT, "added token 0 has no content", ADDED("{}")},
        {VLM_ERR_FORMAT, "\"x\" has no id", ADDED("{\"content\":\"x\"}")},
        {VLM_ERR_FORMAT, "\"x\" has no id", ADDED("{\"id\":1048576,\"content\":\"x\"}")},
        {VLM_ERR_FORMAT, "\"x\" has id 2, which", ADDED("{\"id\":2,\"content\":\"x\"}")},
        {VLM_ERR_FORMAT, "in the vocabulary it has 2", ADDED("{\"id\":3,\"content\":\"ab\"}")},
        {VLM_ERR_FORMAT, "which another",
         ADDED("{\"id\":2,\"content\":\"ab\"},{\"id\":2,\"content\":\"ab\"}")},
        {VLM_ERR_FORMAT, "which another",
         ADDED("{\"id\":3,\"content\":\"x\"},{\"id\":3,\"content\":\"y\"}")},
        {VLM_ERR_FORMAT, "there twice",
         ADDED("{\"id\":3,\"content\":\"x\"},{\"id\":4,\"content\":\"x\"}")},
        {VLM_ERR_FORMAT, "lstrip", ADDED("{\"id\":3,\"content\":\"x\",\"lstrip\":\"no\"}")},
        /* patterns (T6) */
        {VLM_OK, "", FILE_OF("", SPLIT("(a+)+$"), MODEL)},
        {VLM_OK, "", FILE_OF("", SPLIT("(?<=a)b|(b)\\\\1"), MODEL)},
        {VLM_ERR_UNSUPPORTED, "at byte 1: missing", FILE_OF("", SPLIT("("), MODEL)},
        {VLM_ERR_UNSUPPORTED, "look", FILE_OF("", SPLIT("(?<=a*)b"), MODEL)},
        {VLM_ERR_UNSUPPORTED, "\\h", FILE_OF("", SPLIT("\\\\h+"), MODEL)},
        {VLM_ERR_UNSUPPORTED, "&&", FILE_OF("", SPLIT("[a-z&&b]"), MODEL)},
        {VLM_ERR_UNSUPPORTED, "repeat count", FILE_OF("", SPLIT("a{60000}"), MODEL)},
        {VLM_ERR_UNSUPPORTED, "pattern", FILE_OF("", SPLIT("(((a{999}){999}){999}){999}"), MODEL)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vlm_tokenizer *t;
        vlm_error err;
        int rc = open_text(&t, cases[i].json, strlen(cases[i].json), &err);
        if (rc != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("%s\ngives %d, %s\nwant %d, %s", cases[i].json, rc, err.message,
                     cases[i].status, cases[i].says);
        vlm_tokenizer_close(t);
    }
}

/* A file of a few kilobytes: every prefix is refused; every changed byte is refused or works. */
static void test_damage(void **state)
{
    (void)state;
    static const char json[] = FILE_OF(
        "\"added_tokens\":[{\"id\":3,\"content\":\"<x>\",\"lstrip\":true,\"special\":true}],",
        SPLIT("\\\\s|b+"), MODEL ",\"unk_token\":\"b\",\"fuse_unk\":true");
    size_t n = sizeof json - 1;
    vlm_tokenizer *t;
    vlm_error err;
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(open_text(&t, json, cut, &err), VLM_ERR_FORMAT);
    struct vlm_rng rng = {11, 0, 0};
    for (size_t at = 0; at < n; at++)
        for (int round = 0; round < 12; round++) {
            char damaged[sizeof json];
            memcpy(damaged, json, n);
            damaged[at] = (char)(round < 6 ? "0\"{]x9"[round] : (int)vlm_rng_below(&rng, 256));
            if (open_text(&t, damaged, n, &err) == VLM_OK) {
                struct vlm_ids ids = encode(t,
                                            " ab <x> \xff"
                                            "b1",
                                            11, NULL, 0);
                struct vlm_buf b = decode(t, &ids, false);
                vlm_buf_free(&b);
                vlm_ids_free(&ids);
            }
            vlm_tokenizer_close(t);
        }
}

/* A growing file. */
static void add(struct vlm_buf *b, const char *fmt, ...) VLM_PRINTF(2, 3);
static void add(struct vlm_buf *b, const char *fmt, ...)
{
    char line[256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof line && vlm_buf_append(b, line, (size_t)n));
}

static int open_buf(struct vlm_buf *b)
{
    vlm_tokenizer *t;
    vlm_error err;
    double start = now_ms();
    int rc = open_text(&t, b->data, b->n, &err);
    assert_true(now_ms() - start < 10000);
    vlm_tokenizer_close(t);
    vlm_buf_free(b);
    return rc;
}

static void begin_file(struct vlm_buf *b)
{
    vlm_buf_init(b, mem, SIZE_MAX / 4);
    add(b, "{" DEC ",\"pre_tokenizer\":" PRE ",\"model\":{" VOCAB ",\"merges\":[\"a b\"");
}

static int open_n_merges(size_t n)
{
    struct vlm_buf b;
    begin_file(&b);
    for (size_t i = 1; i < n; i++)
        add(&b, ",\"a b\"");
    add(&b, "]}}");
    return open_buf(&b);
}

static int open_n_added(size_t n)
{
    struct vlm_buf b;
    begin_file(&b);
    add(&b, "]},\"added_tokens\":[{\"id\":3,\"content\":\"x0\"}");
    for (size_t i = 1; i < n; i++)
        add(&b, ",{\"id\":%zu,\"content\":\"x%zu\",\"normalized\":%s}", i + 3, i,
            i % 2 ? "true" : "false");
    add(&b, "]}");
    return open_buf(&b);
}

static int open_token_of(size_t n)
{
    struct vlm_buf b;
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    add(&b, "{" DEC ",\"pre_tokenizer\":" PRE ",\"model\":{\"vocab\":{\"");
    for (size_t i = 0; i < n; i++)
        vlm_buf_putc(&b, 'a');
    add(&b, "\":0},\"merges\":[]}}");
    return open_buf(&b);
}

static int open_pattern_of(size_t n)
{
    struct vlm_buf b;
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    add(&b, "{" DEC ",\"model\":{" MODEL
            "},\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
            "\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"");
    for (size_t i = 0; i < n; i++)
        vlm_buf_putc(&b, 'a');
    add(&b, "\"}}," PRE "]}}");
    return open_buf(&b);
}

static int open_n_steps(size_t n)
{
    struct vlm_buf b;
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    add(&b, "{" DEC ",\"model\":{" MODEL
            "},\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (size_t i = 1; i < n; i++)
        add(&b, "{\"type\":\"Digits\"},");
    add(&b, PRE "]}}");
    return open_buf(&b);
}

static int open_nested(size_t depth)
{
    struct vlm_buf b;
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    add(&b, "{" DEC ",\"model\":{" MODEL "},\"pre_tokenizer\":");
    for (size_t i = 0; i < depth; i++)
        add(&b, "{\"type\":\"Sequence\",\"pretokenizers\":[");
    add(&b, PRE);
    for (size_t i = 0; i < depth; i++)
        add(&b, "]}");
    add(&b, "}");
    return open_buf(&b);
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(open_n_merges(VLM_LIMIT_MERGES), VLM_OK);
    assert_int_equal(open_n_merges(VLM_LIMIT_MERGES + 1), VLM_ERR_LIMIT);
    assert_int_equal(open_n_added(VLM_LIMIT_ADDED_TOKENS), VLM_OK);
    assert_int_equal(open_n_added(VLM_LIMIT_ADDED_TOKENS + 1), VLM_ERR_LIMIT);
    assert_int_equal(open_token_of(VLM_LIMIT_TOKEN_BYTES), VLM_OK);
    assert_int_equal(open_token_of(VLM_LIMIT_TOKEN_BYTES + 1), VLM_ERR_LIMIT);
    assert_int_equal(open_pattern_of(VLM_LIMIT_REGEX_BYTES), VLM_OK);
    assert_int_equal(open_pattern_of(VLM_LIMIT_REGEX_BYTES + 1), VLM_ERR_LIMIT);
    assert_int_equal(open_n_steps(VLM_TOKEN_STEPS), VLM_OK);
    assert_int_equal(open_n_steps(VLM_TOKEN_STEPS + 1), VLM_ERR_UNSUPPORTED);
    assert_int_equal(open_nested(31), VLM_OK); /* 1 + 2 * 31 + 1 levels of JSON */
    assert_int_equal(open_nested(32), VLM_ERR_LIMIT);
    assert_int_equal(open_nested(10000), VLM_ERR_LIMIT);
    struct vlm_buf b;
    begin_file(&b);
    add(&b, "]}}");
    while (b.n < VLM_LIMIT_TOKENIZER_BYTES)
        vlm_buf_putc(&b, ' ');
    struct vlm_buf longer;
    vlm_buf_init(&longer, mem, SIZE_MAX / 4);
    vlm_buf_append(&longer, b.data, b.n);
    vlm_buf_putc(&longer, ' ');
    assert_int_equal(open_buf(&b), VLM_OK);
    assert_int_equal(open_buf(&longer), VLM_ERR_LIMIT);
}

/* 300 tokens, and then 300 merges, that want the same slot of a table of 1024. */
static void test_made_to_collide(void **state)
{
    (void)state;
    struct vlm_buf b;
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    add(&b, "{" DEC ",\"pre_tokenizer\":" PRE ",\"model\":{\"merges\":[],\"vocab\":{");
    for (unsigned i = 0, n = 0; n < 300; i++) {
        char word[16];
        int n_word = snprintf(word, sizeof word, "t%u", i);
        if ((vlm_hash64(word, (size_t)n_word, 0) & 1023) == 5)
            add(&b, "%s\"%s\":%u", n ? "," : "", word, n), n++;
    }
    add(&b, "}}}");
    assert_int_equal(open_buf(&b), VLM_ERR_FORMAT);

    enum { BASE = 700 };
    struct vlm_buf merges;
    vlm_buf_init(&merges, mem, SIZE_MAX / 4);
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    add(&b, "{" DEC ",\"pre_tokenizer\":" PRE ",\"model\":{\"vocab\":{\"x\":%d", BASE);
    for (int i = 0; i < BASE; i++)
        add(&b, ",\"%d.\":%d", i, i);
    for (unsigned i = 0, n = 0; n < 300; i++) {
        unsigned left = i / BASE, right = i % BASE;
        assert_true(left < BASE);
        if ((vlm_token_pair_hash(left, right) & 1023) != 9)
            continue;
        add(&b, ",\"%u.%u.\":%u", left, right, BASE + 1 + n);
        add(&merges, "%s\"%u. %u.\"", n ? "," : "", left, right);
        n++;
    }
    add(&b, "},\"merges\":[");
    vlm_buf_append(&b, merges.data, merges.n);
    add(&b, "]}}");
    assert_int_equal(open_buf(&b), VLM_ERR_FORMAT);
    vlm_buf_free(&merges);
}

/* A million tokens, all but three made by a merge: i written in base 3 with the digits abc, from
 * the end. */
static void test_million_merges(void **state)
{
    (void)state;
    struct vlm_buf b, merges;
    vlm_buf_init(&b, mem, SIZE_MAX / 4);
    vlm_buf_init(&merges, mem, SIZE_MAX / 4);
    add(&b, "{" DEC ",\"pre_tokenizer\":" PRE ",\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"c\":2");
    for (int i = 3; i < 1000000; i++) {
        char word[32];
        int n = 0;
        for (int k = i; k > 0; k /= 3)
            word[n++] = (char)('a' + k % 3);
        add(&b, ",\"%.*s\":%d", n, word, i);
        add(&merges, "%s\"%c %.*s\"", i > 3 ? "," : "", word[0], n - 1, word + 1);
    }
    add(&b, "},\"merges\":[");
    vlm_buf_append(&b, merges.data, merges.n);
    add(&b, "]}}");
    assert_int_equal(open_buf(&b), VLM_OK);
    vlm_buf_free(&merges);
}

/* A pattern that explodes on some text: that call fails, within its steps, and the next one works.
 */
static void test_exploding_pattern(void **state)
{
    (void)state;
    static const char *const files[] = {
        FILE_OF("", SPLIT("(a+)+$"), MODEL),
        FILE_OF("", SPLIT("(a|aa)*b$"), MODEL),
        FILE_OF("", SPLIT("[ab]*+x|[ab]"), MODEL),
        FILE_OF("", SPLIT("(?:a?){900}a{900}b"), MODEL),
    };
    size_t n = 400000;
    char *s = malloc(n);
    assert_non_null(s);
    memset(s, 'a', n);
    memcpy(s + n - 2, "b!", 2);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        vlm_tokenizer *t;
        vlm_error err;
        struct vlm_ids ids;
        assert_int_equal(open_text(&t, files[i], strlen(files[i]), &err), VLM_OK);
        vlm_ids_init(&ids, mem);
        double start = now_ms();
        assert_int_equal(vlm_token_encode(&ids, t, s, n, NULL, 0, &err), VLM_ERR_LIMIT);
        assert_true(now_ms() - start < 20000); /* 0.3 s on the 2-core machine */
        assert_int_equal(ids.n, 0);
        assert_int_equal(vlm_token_encode(&ids, t, "ab!", 3, NULL, 0, &err), VLM_OK);
        assert_true(ids.n >= 1);
        vlm_ids_free(&ids);
        vlm_tokenizer_close(t);
    }
    free(s);
}

/* Hostile added tokens: each a prefix of the next, and a text that nearly matches the longest. */
static void test_nested_added_tokens(void **state)
{
    (void)state;
    struct vlm_buf b;
    vlm_tokenizer *t;
    vlm_error err;
    begin_file(&b);
    add(&b, "]},\"added_tokens\":[{\"id\":3,\"content\":\"z\"}");
    struct vlm_buf run;
    vlm_buf_init(&run, mem, 100000);
    for (int i = 0; i < 3000; i++) {
        vlm_buf_putc(&run, 'a');
        add(&b, ",{\"id\":%d,\"content\":\"", i + 4);
        vlm_buf_append(&b, run.data, run.n);
        add(&b, "c\"}");
    }
    add(&b, "]}");
    assert_int_equal(open_text(&t, b.data, b.n, &err), VLM_OK);
    assert_true(encode_ms(t, "a", 200000) < 5000);
    vlm_buf_putc(&run, 'c');
    struct vlm_ids ids = encode(t, run.data, run.n, NULL, 0);
    assert_int_equal(ids.n, 1);
    assert_int_equal(ids.data[0], 3003);
    vlm_ids_free(&ids);
    vlm_tokenizer_close(t);
    vlm_buf_free(&run);
    vlm_buf_free(&b);
}

/* ---- memory
 * --------------------------------------------------------------------------------------- */

struct counted {
    size_t left;  /* allocations that still succeed */
    size_t bytes; /* now held */
    size_t peak;
};

static void *counted_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct counted *c = ctx;
    if (new_size == 0) {
        c->bytes -= old_size;
        free(ptr);
        return NULL;
    }
    if (c->left == 0)
        return NULL;
    void *p = realloc(ptr, new_size);
    if (p) {
        c->left--;
        c->bytes += new_size - old_size;
        c->peak = c->bytes > c->peak ? c->bytes : c->peak;
    }
    return p;
}

/* open, encode and decode with the first n allocations; VLM_OK when that was enough. */
static int run_with(const char *json, size_t n_json, const char *text, size_t n_text, size_t n)
{
    struct counted c = {.left = n};
    const vlm_allocator alloc = {counted_resize, &c};
    const struct vlm_span plain = {1, 3};
    vlm_tokenizer *t = NULL;
    vlm_error err;
    struct vlm_ids ids;
    struct vlm_buf b;
    vlm_ids_init(&ids, &alloc);
    vlm_buf_init(&b, &alloc, 1000000);
    int rc = vlm_tokenizer_open(&t, &alloc, json, n_json, "t.json", &err);
    if (rc == VLM_OK) {
        rc = vlm_token_encode(&ids, t, text, n_text, &plain, 1, &err);
        assert_true(rc == VLM_OK || ids.n == 0);
    }
    if (rc == VLM_OK) {
        rc = vlm_token_decode(&b, t, ids.data, ids.n, false, &err);
        assert_true(rc == VLM_OK || b.n == 0);
    }
    vlm_buf_free(&b);
    vlm_ids_free(&ids);
    vlm_tokenizer_close(t);
    assert_int_equal(c.bytes, 0); /* nothing leaked */
    if (rc < 0)
        assert_int_equal(rc, VLM_ERR_MEMORY);
    return rc;
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    static const char json[] =
        FILE_OF("\"added_tokens\":[{\"id\":3,\"content\":\"<x>\",\"special\":true},{\"id\":4,"
                "\"content\":\"<y>\",\"normalized\":true}],",
                "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
                "\"Regex\":\"\\\\s|b+\"},\"behavior\":"
                "\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"use_regex\":false}]}",
                MODEL ",\"unk_token\":\"b\",\"ignore_merges\":true");
    static const char text[] =
        "<x>ab<y><y><y><y><y><y><y><y><y><y><y><y> \xff "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    size_t n = 0;
    while (run_with(json, sizeof json - 1, text, sizeof text - 1, n) < 0)
        assert_true(++n < 1000);
    assert_true(n > 15);
    struct vlm_map m = map_file("tokenizer.json");
    for (n = 0; run_with((const char *)m.data, m.n, text, sizeof text - 1, n) < 0; n++)
        assert_true(n < 1000);
    assert_true(n > 15);
    vlm_map_close(&m, mem);
}

static void test_size_in_memory(void **state)
{
    (void)state;
    struct counted c = {.left = SIZE_MAX};
    const vlm_allocator alloc = {counted_resize, &c};
    struct vlm_map m = map_file("tokenizer.json");
    vlm_tokenizer *t;
    vlm_error err;
    double start = now_ms();
    assert_int_equal(vlm_tokenizer_open(&t, &alloc, m.data, m.n, "tokenizer.json", &err), VLM_OK);
    double ms = now_ms() - start;
    print_message("open: %.1f ms, %zu KiB, at most %zu KiB\n", ms, c.bytes / 1024, c.peak / 1024);
    assert_true(c.bytes < 3u << 20 && c.peak < 5u << 20);
    vlm_tokenizer_close(t);
    vlm_map_close(&m, mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_independent_cases),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_plain_runs),
        cmocka_unit_test(test_small_tokenizers),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_encode_appends),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_plain_touches),
        cmocka_unit_test(test_plain_never_controls),
        cmocka_unit_test(test_plain_unknown),
        cmocka_unit_test(test_literal_tokens),
        cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_text_limit),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_made_to_collide),
        cmocka_unit_test(test_million_merges),
        cmocka_unit_test(test_exploding_pattern),
        cmocka_unit_test(test_nested_added_tokens),
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_size_in_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
