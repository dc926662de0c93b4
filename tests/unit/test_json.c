/* The JSON pull reader: what it accepts, what it refuses, where it says so. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "format/json.h"

/* The document's events as letters: { } [ ] k s n t f 0, then $ at the end or ! for an error. */
static const char *events(const char *json, size_t n, struct vlm_json *j)
{
    static const char letters[] = "${}[]ksntf0!";
    static char out[4096];
    size_t at = 0;
    enum vlm_json_kind kind;
    vlm_json_init(j, json, n);
    do {
        kind = vlm_json_next(j);
        out[at++] = letters[kind];
    } while (kind != VLM_JSON_END && kind != VLM_JSON_ERROR && at + 1 < sizeof out);
    out[at] = 0;
    return out;
}

static void test_documents(void **state)
{
    (void)state;
    static const struct {
        const char *json, *events;
    } cases[] = {
        {"{}", "{}$"},
        {" [ ] \n", "[]$"},
        {"0", "n$"},
        {"\"\"", "s$"},
        {"null", "0$"},
        {"true", "t$"},
        {"false", "f$"},
        {"-0.5e+10", "n$"},
        {"1E9", "n$"},
        {"-1", "n$"},
        {"{\"a\":1,\"b\":[true,{\"c\":\"d\"},null]}", "{knk[t{ks}0]}$"},
        {"[[[]],[]]", "[[[]][]]$"},
        {"[1,2 ,\t3]", "[nnn]$"},
        {"\"\\u00e9\\n\xc3\xa9\"", "s$"},
        /* refused */
        {"", "!"},
        {" ", "!"},
        {"{", "{!"},
        {"[", "[!"},
        {"[1", "[n!"},
        {"[1,", "[n!"},
        {"[1,]", "[n!"},
        {"[,1]", "[!"},
        {"{\"a\"}", "{k!"},
        {"{\"a\":}", "{k!"},
        {"{\"a\":1,}", "{kn!"},
        {"{,}", "{!"},
        {"{1:2}", "{!"},
        {"{\"a\":1 \"b\":2}", "{kn!"},
        {"[1 2]", "[n!"},
        {"[1}", "[n!"},
        {"{]", "{!"},
        {"]", "!"},
        {"1 2", "n!"},
        {"{}x", "{}!"},
        {"01", "n!"},
        {"-", "!"},
        {"+1", "!"},
        {".5", "!"},
        {"1.", "!"},
        {"1e", "!"},
        {"1e+", "!"},
        {"- 1", "!"},
        {"NaN", "!"},
        {"Infinity", "!"},
        {"nul", "!"},
        {"True", "!"},
        {"'a'", "!"},
        {"\"", "!"},
        {"\"\\", "!"},
        {"\"\\\"", "!"},
        {"\"\\x\"", "!"},
        {"\"\\u12g4\"", "!"},
        {"\"\\u12", "!"},
        {"\"\n\"", "!"},
        {"\"\t\"", "!"},
        {"\"\x01\"", "!"},
        {"\"\xff\"", "!"},
        {"\"\xed\xa0\x80\"", "!"},
        {"\"\xc0\x80\"", "!"},
        {"\xef\xbb\xbf{}", "!"},
        {"/**/1", "!"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vlm_json j;
        assert_string_equal(events(cases[i].json, strlen(cases[i].json), &j), cases[i].events);
    }
}

static void test_nul_bytes(void **state)
{
    (void)state;
    struct vlm_json j;
    assert_string_equal(events("\"a\0b\"", 5, &j), "!");
    assert_string_equal(events("\"\\\0\"", 4, &j), "!");
    assert_string_equal(events("1\0", 2, &j), "n!");
    assert_string_equal(events(NULL, 0, &j), "!");
}

static void test_errors_stay(void **state)
{
    (void)state;
    struct vlm_json j;
    vlm_error err;
    events("[1,x]", 5, &j);
    assert_int_equal(vlm_json_next(&j), VLM_JSON_ERROR);
    assert_false(vlm_json_skip(&j));
    assert_int_equal(vlm_json_fail(&j, "a.json", &err), VLM_ERR_FORMAT);
    assert_string_equal(err.message, "a.json: byte 3: unexpected character \"x\" in JSON");
    events("[\"\\q\"]", 6, &j);
    vlm_json_fail(&j, "a.json", &err);
    assert_string_equal(err.message, "a.json: byte 3: bad escape in a string in JSON");
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00E9\\u4e2d\"", "A\xc3\xa9\xe4\xb8\xad"},
        {"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!"},
        {"\"\\ud83d\"", "\xef\xbf\xbd"},
        {"\"\\ud83dx\"", "\xef\xbf\xbdx"},
        {"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
                               "A"},
        {"\"\\ud83dabcdefgh\"", "\xef\xbf\xbd"
                                "abcdefgh"},
        {"\"\\ud83d\\nabcd\"", "\xef\xbf\xbd\nabcd"},
        {"\"\\ud83d\\uffff\"", "\xef\xbf\xbd\xef\xbf\xbf"},
        {"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vlm_json j;
        struct vlm_buf b;
        vlm_json_init(&j, cases[i].json, strlen(cases[i].json));
        assert_int_equal(vlm_json_next(&j), VLM_JSON_STRING);
        vlm_buf_init(&b, &vlm_mem_system, 1000);
        assert_true(vlm_json_string(&b, &j));
        assert_int_equal(b.n, strlen(cases[i].text));
        assert_memory_equal(b.data, cases[i].text, b.n);
        assert_true(vlm_json_equals(&j, cases[i].text));
        assert_false(vlm_json_equals(&j, "something else"));
        assert_false(vlm_json_equals(&j, ""));
        b.data[b.n - 1]++;
        assert_false(vlm_json_equals(&j, b.data));
        vlm_buf_free(&b);
    }
}

/* A caller that expected something else, where the JSON itself is fine. */
static void test_unexpected(void **state)
{
    (void)state;
    struct vlm_json j;
    vlm_error err;
    vlm_json_init(&j, "[1]", 3);
    assert_int_equal(vlm_json_next(&j), VLM_JSON_ARRAY);
    assert_int_equal(vlm_json_fail(&j, "f.json", &err), VLM_ERR_FORMAT);
    assert_string_equal(err.message, "f.json: byte 1: unexpected value in JSON");
}

static bool read_double(double *d, const char *text)
{
    struct vlm_json j;
    vlm_json_init(&j, text, strlen(text));
    return vlm_json_next(&j) == VLM_JSON_NUMBER && vlm_json_double(d, &j);
}

static void test_doubles(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0.0",
        "1",
        "0.1",
        "1e-5",
        "1.0e-05",
        "273768.0",
        "0.00392156862745098",
        "123456789012345678901234567890",
        "4.9e-324",
        "2.4703282292062327208e-324",
        "1.7976931348623157e308",
        "2.2250738585072011e-308",
        "1e-400",
        "9007199254740993",
        "9007199254740993.00000000000000000000000000000001",
        "0.000000000000000000001e21",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double want = strtod(texts[i], NULL), got = 7;
        assert_true(read_double(&got, texts[i]));
        assert_memory_equal(&got, &want, sizeof got);
    }
    double d;
    assert_false(read_double(&d, "1e999"));
    assert_false(read_double(&d, "-1e400"));
    assert_true(read_double(&d, "1e-99999999999999999999999"));
    assert_true(d == 0);
    assert_true(read_double(&d, "0e99999999999999999999999"));
    assert_true(d == 0);
    struct vlm_rng rng = {1, 2, 0};
    for (int i = 0; i < 20000; i++) { /* every bit pattern prints and reads back */
        uint64_t u = (uint64_t)vlm_rng_u32(&rng) << 32 | vlm_rng_u32(&rng);
        double want;
        char text[64];
        memcpy(&want, &u, 8);
        if (want != want || want - want != 0)
            continue;
        snprintf(text, sizeof text, "%.17g", want);
        assert_true(read_double(&d, text));
        assert_memory_equal(&d, &want, sizeof d);
    }
}

static void test_long_numbers(void **state)
{
    (void)state;
    size_t n = 1000000;
    char *text = malloc(n + 8);
    double d;
    assert_non_null(text);
    memset(text, '0', n); /* 1.000...01 is above 1 only in the digit that cannot matter */
    memcpy(text, "1.", 2);
    text[n - 1] = '1';
    text[n] = 0;
    assert_true(read_double(&d, text));
    assert_true(d == 1.0);
    /* half way between 2^53 and its neighbour, and then a little more: rounds up */
    memcpy(text, "9007199254740993.0", 18);
    assert_true(read_double(&d, text));
    assert_true(d == 9007199254740994.0);
    memset(text, '9', n);
    assert_false(read_double(&d, text));
    memcpy(text, "0.", 2);
    assert_true(read_double(&d, text));
    assert_true(d == 1.0);
    free(text);
}

static void test_double_in_a_comma_locale(void **state)
{
    (void)state;
    double d;
    setlocale(LC_NUMERIC, "de_DE.UTF-8"); /* where it is not installed this repeats the C locale */
    assert_true(read_double(&d, "1.5"));
    setlocale(LC_NUMERIC, "C");
    assert_true(d == 1.5);
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"42", true, 42},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"-1", false, 0},
        {"-0", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vlm_json j;
        uint64_t u = 7;
        vlm_json_init(&j, cases[i].text, strlen(cases[i].text));
        assert_int_equal(vlm_json_next(&j), VLM_JSON_NUMBER);
        assert_int_equal(vlm_json_u64(&u, &j), cases[i].ok);
        assert_int_equal(u, cases[i].ok ? cases[i].value : 7);
    }
}

static void test_skip(void **state)
{
    (void)state;
    static const char json[] =
        "{\"a\":{\"x\":[1,{}]},\"b\":2,\"c\":[[3],4],\"d\":\"e\",\"f\":[5,6]}";
    struct vlm_json j;
    vlm_json_init(&j, json, strlen(json));
    assert_int_equal(vlm_json_next(&j), VLM_JSON_OBJECT);
    for (const char *key = "abc"; *key; key++) { /* behind a key */
        char name[2] = {*key, 0};
        assert_int_equal(vlm_json_next(&j), VLM_JSON_KEY);
        assert_true(vlm_json_equals(&j, name));
        assert_true(vlm_json_skip(&j));
    }
    assert_int_equal(vlm_json_next(&j), VLM_JSON_KEY);
    assert_int_equal(vlm_json_next(&j), VLM_JSON_STRING);
    assert_true(vlm_json_skip(&j)); /* behind a scalar: nothing left to pass */
    assert_int_equal(vlm_json_next(&j), VLM_JSON_KEY);
    assert_int_equal(vlm_json_next(&j), VLM_JSON_ARRAY);
    assert_true(vlm_json_skip(&j)); /* behind the opening of a container */
    assert_int_equal(vlm_json_next(&j), VLM_JSON_OBJECT_END);
    assert_int_equal(vlm_json_next(&j), VLM_JSON_END);
    assert_int_equal(vlm_json_next(&j), VLM_JSON_END);
}

static char *nested(size_t depth, const char *open, const char *close)
{
    size_t n_open = strlen(open), n_close = strlen(close);
    char *s = malloc(depth * (n_open + n_close) + 2), *at = s;
    assert_non_null(s);
    for (size_t i = 0; i < depth; i++, at += n_open)
        memcpy(at, open, n_open);
    *at++ = '1';
    for (size_t i = 0; i < depth; i++, at += n_close)
        memcpy(at, close, n_close);
    *at = 0;
    return s;
}

static int check_nested(size_t depth, const char *open, const char *close)
{
    vlm_error err;
    char *s = nested(depth, open, close);
    int rc = vlm_json_check(s, strlen(s), "x", &err);
    free(s);
    return rc;
}

static void test_depth(void **state)
{
    (void)state;
    size_t limit = VLM_LIMIT_JSON_DEPTH;
    assert_int_equal(check_nested(limit, "[", "]"), VLM_OK);
    assert_int_equal(check_nested(limit + 1, "[", "]"), VLM_ERR_LIMIT);
    assert_int_equal(check_nested(limit, "{\"k\":", "}"), VLM_OK);
    assert_int_equal(check_nested(limit + 1, "{\"k\":", "}"), VLM_ERR_LIMIT);
    assert_int_equal(check_nested(1000000, "[", "]"), VLM_ERR_LIMIT);
    char *s = nested(100000, "[", "]"); /* also where nobody looks */
    struct vlm_json j;
    vlm_json_init(&j, s, strlen(s));
    vlm_json_next(&j);
    assert_false(vlm_json_skip(&j));
    free(s);
}

static int check_members(size_t n)
{
    vlm_error err;
    char *s = malloc(n * 12 + 16), *at = s;
    assert_non_null(s);
    *at++ = '{';
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s\"%zu\":0", i ? "," : "", i);
    *at++ = '}';
    int rc = vlm_json_check(s, (size_t)(at - s), "x", &err);
    free(s);
    return rc;
}

static void test_members(void **state)
{
    (void)state;
    assert_int_equal(check_members(VLM_LIMIT_JSON_MEMBERS), VLM_OK);
    assert_int_equal(check_members(VLM_LIMIT_JSON_MEMBERS + 1), VLM_ERR_LIMIT);
}

static int check_string(size_t n)
{
    vlm_error err;
    char *s = malloc(n + 2);
    assert_non_null(s);
    memset(s, 'a', n + 2);
    s[0] = s[n + 1] = '"';
    int rc = vlm_json_check(s, n + 2, "x", &err);
    free(s);
    return rc;
}

static void test_string_limit(void **state)
{
    (void)state;
    assert_int_equal(check_string(VLM_LIMIT_JSON_STRING_BYTES), VLM_OK);
    assert_int_equal(check_string(VLM_LIMIT_JSON_STRING_BYTES + 1), VLM_ERR_LIMIT);
}

/* Every prefix and every changed byte of a document ends in END or ERROR, within its bytes. */
static void test_damage(void **state)
{
    (void)state;
    static const char json[] =
        "{\"a\\u00e9\":[1.5e-3,true,{\"b\":null}],\"\xc3\xa9\":\"\\ud83d\\ude00\",\"z\":-0}";
    size_t n = strlen(json);
    for (size_t cut = 0; cut < n; cut++) {
        char *s = malloc(cut + 1); /* exact size: the sanitizer sees a read beyond it */
        struct vlm_json j;
        assert_non_null(s);
        memcpy(s, json, cut);
        const char *e = events(s, cut, &j);
        assert_int_equal(e[strlen(e) - 1], '!');
        free(s);
    }
    for (size_t at = 0; at < n; at++)
        for (int c = 0; c < 256; c++) {
            char s[sizeof json];
            struct vlm_json j;
            memcpy(s, json, n);
            s[at] = (char)c;
            const char *e = events(s, n, &j);
            char last = e[strlen(e) - 1];
            assert_true(last == '!' || last == '$');
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),    cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_errors_stay),  cmocka_unit_test(test_strings),
        cmocka_unit_test(test_unexpected),   cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_long_numbers), cmocka_unit_test(test_double_in_a_comma_locale),
        cmocka_unit_test(test_integers),     cmocka_unit_test(test_skip),
        cmocka_unit_test(test_depth),        cmocka_unit_test(test_members),
        cmocka_unit_test(test_string_limit), cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
