/* test_gguf.c: one GGUF file, from bytes; reliability groups M1 to M13 and M27. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../abuse/gguf_cases.h"
#include "base/mem.h"
#include "format/gguf.h"

#define HEAD GGUF_HEAD
#define U32 GGUF_U32
#define VECTOR GGUF_VECTOR

static uint8_t bytes[1 << 20];
static struct vlm_gguf g;
static struct vlm_weight_list l;
static vlm_error err;

/* Reads from a block of exactly n bytes, so that a sanitizer sees every byte too far. */
static int read_bytes(const uint8_t *data, size_t n)
{
    static uint8_t *block;
    free(block);
    block = malloc(n ? n : 1);
    assert_non_null(block);
    memcpy(block, data, n);
    memset(&err, 0, sizeof err);
    memset(&l, 0, sizeof l);
    return vlm_gguf_read(&g, &l, &vlm_mem_system, n ? block : NULL, n, "m.gguf", &err);
}

static int read_text(const char *text)
{
    return read_bytes(bytes, gguf_from_text(bytes, text));
}

static void done(void)
{
    vlm_gguf_free(&g);
    vlm_weight_list_free(&l);
}

/* ---- what is read -------------------------------------------------------------------------- */

static const char all_values[] = HEAD(0, 20)
    /* in no order */
    "s:v.u8 4:0 1:200 s:v.i8 4:1 1:-100 s:v.u16 4:2 2:60000 s:v.i16 4:3 2:-30000 "
    "s:v.u32 4:4 4:4000000000 s:v.i32 4:5 4:-2000000000 s:v.f32 4:6 f:1.5 s:v.true 4:7 1:1 "
    "s:v.false 4:7 1:0 s:v.string 4:8 s:h\xc3\xa9!\x1b s:v.u64 4:10 8:18446744073709551615 "
    "s:v.i64 4:11 8:-9223372036854775808 s:v.f64 4:12 d:-0.1 s:v.nan 4:6 f:nan "
    "s:a.i16 4:9 4:3 8:3 2:-1 2:2 2:-3 s:a.empty 4:9 4:4 8:0 "
    "s:a.strings 4:9 4:8 8:3 s:one s: s:three s:a.bools 4:9 4:7 8:2 1:1 1:0 s:v 4:4 4:7 "
    "s:\xc2\xa3 4:4 4:7";

static void reads_values(void **state)
{
    (void)state;
    assert_int_equal(read_text(all_values), VLM_OK);
    assert_true(g.version == 3 && g.alignment == 32 && g.n_pairs == 20 && l.n == 0);
    for (size_t i = 1; i < g.n_pairs; i++) /* sorted: "v" before "v.f32" */
        assert_true(vlm_format_gguf_compare(g.pairs[i - 1].key, g.pairs[i - 1].n_key,
                                            g.pairs[i].key, g.pairs[i].n_key) < 0);
    static const struct {
        const char *key;
        double value;
    } numbers[] = {{"v.u8", 200},     {"v.i8", -100},        {"v.u16", 60000},
                   {"v.i16", -30000}, {"v.u32", 4000000000}, {"v.i32", -2000000000},
                   {"v.f32", 1.5},    {"v.true", 1},         {"v.false", 0},
                   {"v.u64", 0x1p64}, {"v.i64", -0x1p63},    {"v.f64", -0.1},
                   {"v", 7}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const struct vlm_gguf_pair *p = vlm_gguf_find(&g, numbers[i].key);
        assert_non_null(p);
        assert_true(p->n == 1 && !p->is_array && p->n_data == vlm_format_gguf_size(p->type));
        assert_true(vlm_gguf_number(p, 0) == numbers[i].value);
        assert_true(isnan(vlm_gguf_number(p, 1)));
    }
    const struct vlm_gguf_pair *p = vlm_gguf_find(&g, "a.i16");
    assert_true(p->is_array && p->n == 3 && p->type == VLM_GGUF_I16 && p->n_data == 6);
    assert_true(vlm_gguf_number(p, 0) == -1 && vlm_gguf_number(p, 2) == -3);
    assert_true(isnan(vlm_gguf_number(p, 3)));
    p = vlm_gguf_find(&g, "a.empty");
    assert_true(p->is_array && p->n == 0 && p->n_data == 0 && isnan(vlm_gguf_number(p, 0)));
    p = vlm_gguf_find(&g, "a.strings");
    assert_true(p->is_array && p->n == 3 && p->n_data == 3 * 8 + 8);
    assert_true(isnan(vlm_gguf_number(p, 0)));
    static const char *const words[] = {"one", "", "three"};
    struct vlm_gguf_strings it = {0, 0};
    const char *s;
    size_t n;
    for (size_t i = 0; i < 3; i++) {
        assert_true(vlm_gguf_next_string(&it, &s, &n, p));
        assert_true(n == strlen(words[i]) && memcmp(s, words[i], n) == 0);
    }
    assert_false(vlm_gguf_next_string(&it, &s, &n, p));
    it = (struct vlm_gguf_strings){0, 0};
    assert_false(vlm_gguf_next_string(&it, &s, &n, vlm_gguf_find(&g, "a.i16")));
    p = vlm_gguf_find(&g, "a.bools");
    assert_true(vlm_gguf_number(p, 0) == 1 && vlm_gguf_number(p, 1) == 0);
    assert_null(vlm_gguf_find(&g, "v.u"));
    assert_null(vlm_gguf_find(&g, ""));
    assert_null(vlm_gguf_find(&g, "w"));
    done();
}

static void gets_values(void **state)
{
    (void)state;
    assert_int_equal(read_text(all_values), VLM_OK);
    uint64_t u = 5;
    double d = 5;
    bool b = true;
    const char *s = NULL;
    size_t n = 0;
    assert_int_equal(vlm_gguf_get_u64(&u, &g, "none", true, 0, 9, &err), VLM_OK);
    assert_int_equal(vlm_gguf_get_double(&d, &g, "none", true, 0, 9, &err), VLM_OK);
    assert_int_equal(vlm_gguf_get_bool(&b, &g, "none", true, &err), VLM_OK);
    assert_int_equal(vlm_gguf_get_string(&s, &n, &g, "none", true, &err), VLM_OK);
    assert_true(u == 5 && d == 5 && b && !s);
    assert_int_equal(vlm_gguf_get_u64(&u, &g, "v.u8", false, 200, 200, &err), VLM_OK);
    assert_true(u == 200);
    assert_int_equal(vlm_gguf_get_u64(&u, &g, "v.u64", false, 0, UINT64_MAX, &err), VLM_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(vlm_gguf_get_double(&d, &g, "v.f64", false, -1, 1, &err), VLM_OK);
    assert_true(d == -0.1);
    assert_int_equal(vlm_gguf_get_double(&d, &g, "v.i32", false, -3e9, 0, &err), VLM_OK);
    assert_true(d == -2e9);
    assert_int_equal(vlm_gguf_get_bool(&b, &g, "v.false", false, &err), VLM_OK);
    assert_false(b);
    assert_int_equal(vlm_gguf_get_string(&s, &n, &g, "v.string", false, &err), VLM_OK);
    assert_true(n == 5 && memcmp(s, "h\xc3\xa9!\x1b", 5) == 0);

    static const struct {
        char get; /* u, d, b, s */
        const char *key, *says;
    } cases[] = {
        {'u', "none", "m.gguf: no key none"},
        {'u', "v.u8", "m.gguf: key v.u8: 200, expected an integer from 0 to 9"},
        {'u', "v.u64", "key v.u64: 18446744073709551615, expected"},
        {'u', "v.i8", "key v.i8: -100, expected"},
        {'u', "v.i64", "key v.i64: -9223372036854775808, expected"},
        {'u', "v.f32", "key v.f32: 1.5, expected an integer"},
        {'u', "v.true", "key v.true: true, expected an integer"},
        {'u', "v.string", "key v.string: a string, expected an integer"},
        {'u', "a.i16", "key a.i16: an array of 3 i16, expected an integer"},
        {'d', "none", "no key none"},
        {'d', "v.nan", "key v.nan: nan, expected a number from 0 to 9"},
        {'d', "v.u8", "key v.u8: 200, expected a number from 0 to 9"},
        {'d', "v.f64", "key v.f64: -0.1, expected a number from 0 to 9"},
        {'d', "v.true", "key v.true: true, expected a number"},
        {'d', "v.string", "key v.string: a string, expected a number"},
        {'d', "a.empty", "key a.empty: an array of 0 u32, expected a number"},
        {'b', "none", "no key none"},
        {'b', "v.u8", "key v.u8: 200, expected a bool"},
        {'b', "a.bools", "key a.bools: an array of 2 bool, expected a bool"},
        {'s', "none", "no key none"},
        {'s', "v.false", "key v.false: false, expected a string"},
        {'s', "a.strings", "key a.strings: an array of 3 string, expected a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *key = cases[i].key;
        int rc = cases[i].get == 'u'   ? vlm_gguf_get_u64(&u, &g, key, false, 0, 9, &err)
                 : cases[i].get == 'd' ? vlm_gguf_get_double(&d, &g, key, false, 0, 9, &err)
                 : cases[i].get == 'b' ? vlm_gguf_get_bool(&b, &g, key, false, &err)
                                       : vlm_gguf_get_string(&s, &n, &g, key, false, &err);
        if (rc != VLM_ERR_FORMAT || !strstr(err.message, cases[i].says))
            fail_msg("%s\nexpected %s", err.message, cases[i].says);
    }
    done();
}

/* Every type of the format: a row of two blocks, then nothing but the next tensor. */
static void reads_types(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        const char *name;
        unsigned len, bytes;
        bool usable;
    } types[] = {{0, "F32", 1, 4, true},          {1, "F16", 1, 2, true},
                 {2, "Q4_0", 32, 18, true},       {3, "Q4_1", 32, 20, true},
                 {6, "Q5_0", 32, 22, true},       {7, "Q5_1", 32, 24, true},
                 {8, "Q8_0", 32, 34, true},       {9, "Q8_1", 32, 36, false},
                 {10, "Q2_K", 256, 84, true},     {11, "Q3_K", 256, 110, true},
                 {12, "Q4_K", 256, 144, true},    {13, "Q5_K", 256, 176, true},
                 {14, "Q6_K", 256, 210, true},    {15, "Q8_K", 256, 292, false},
                 {16, "IQ2_XXS", 256, 66, false}, {17, "IQ2_XS", 256, 74, false},
                 {18, "IQ3_XXS", 256, 98, false}, {19, "IQ1_S", 256, 50, false},
                 {20, "IQ4_NL", 32, 18, true},    {21, "IQ3_S", 256, 110, false},
                 {22, "IQ2_S", 256, 82, false},   {23, "IQ4_XS", 256, 136, true},
                 {24, "I8", 1, 1, false},         {25, "I16", 1, 2, false},
                 {26, "I32", 1, 4, false},        {27, "I64", 1, 8, false},
                 {28, "F64", 1, 8, false},        {29, "IQ1_M", 256, 56, false},
                 {30, "BF16", 1, 2, true},        {34, "TQ1_0", 256, 54, false},
                 {35, "TQ2_0", 256, 66, false},   {39, "MXFP4", 32, 17, true},
                 {40, "NVFP4", 64, 36, false},    {41, "Q1_0", 128, 18, false}};
    const size_t n_types = sizeof types / sizeof *types;
    for (unsigned number = 0; number < 300; number++) {
        size_t i = 0;
        char text[256];
        while (i < n_types && types[i].number != number)
            i++;
        unsigned len = i < n_types ? types[i].len : 256, size = i < n_types ? types[i].bytes : 4;
        for (unsigned off = 0; off < 2; off++) { /* the last byte there, or not */
            snprintf(text, sizeof text, HEAD(1, 0) "s:t 4:2 8:%u 8:3 4:%u 8:0 data:%u", 2 * len,
                     number, 6 * size - off);
            int rc = read_text(text);
            assert_int_equal(rc, i < n_types && !off ? VLM_OK : VLM_ERR_FORMAT);
            if (i == n_types)
                assert_non_null(strstr(err.message, "tensor t: type "));
            if (rc < 0)
                continue;
            assert_int_equal(l.n, 1);
            assert_string_equal(l.at[0].type, types[i].name);
            assert_int_equal(l.at[0].bytes, 6 * size);
            assert_true(l.at[0].shape[0] == 3 && l.at[0].shape[1] == 2 * len);
            assert_int_equal(l.at[0].dtype != VLM_NUM_OTHER, types[i].usable);
            if (types[i].usable)
                assert_string_equal(vlm_num_info(l.at[0].dtype)->name, types[i].name);
            done();
        }
        if (len > 1 && i < n_types) {
            snprintf(text, sizeof text, HEAD(1, 0) "s:t 4:2 8:%u 8:3 4:%u 8:0 data:4096", len + 1,
                     number);
            assert_int_equal(read_text(text), VLM_ERR_FORMAT);
            assert_non_null(strstr(err.message, "expected a multiple of"));
        }
    }
}

static void reads_tensors(void **state)
{
    (void)state;
    /* two in the wrong order, of one and four dimensions; padding between and behind */
    static const char text[] = HEAD(2, 1)
        U32("general.alignment",
            64) "s:b 4:4 8:3 8:1 8:2 8:1 4:1 8:64 " VECTOR("a", 3, 0) "pad:64 n:12 pad:64 n:12";
    size_t n = gguf_from_text(bytes, text);
    assert_int_equal(read_bytes(bytes, n), VLM_OK);
    assert_true(l.n == 2 && g.alignment == 64);
    assert_string_equal(l.at[0].name, "a"); /* in the order of the data */
    assert_string_equal(l.at[1].name, "b");
    assert_true(l.at[1].n_dims == 4 && l.at[1].shape[0] == 1 && l.at[1].shape[1] == 2 &&
                l.at[1].shape[2] == 1 && l.at[1].shape[3] == 3);
    assert_true(l.at[0].n_dims == 1 && l.at[0].shape[0] == 3 && l.at[0].shape[1] == 1);
    assert_true(l.at[1].data == l.at[0].data + 64 && l.at[1].bytes == 12);
    done();
    assert_int_equal(read_bytes(bytes, n - 1), VLM_ERR_FORMAT); /* its last byte may not (M11) */
    assert_string_equal(err.message,
                        "m.gguf: tensor b: 12 bytes at 64, expected a range within 75 bytes");
    memset(bytes + n, 0, 64); /* padding behind the last one is not needed, but may be there */
    assert_int_equal(read_bytes(bytes, n + 63), VLM_OK);
    done();
    assert_int_equal(read_bytes(bytes, n + 64), VLM_ERR_FORMAT);
    assert_string_equal(err.message, "m.gguf: 64 bytes behind the last tensor, expected less than "
                                     "the alignment of 64");
    bytes[4] = 2; /* version 2 has the same layout */
    assert_int_equal(read_bytes(bytes, n), VLM_OK);
    assert_int_equal(g.version, 2);
    done();
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof gguf_cases / sizeof *gguf_cases; i++) {
        const struct gguf_case *c = &gguf_cases[i];
        int rc = read_text(c->text);
        if (rc != c->status || strncmp(err.message, "m.gguf: ", 8) ||
            !strstr(err.message + 8, c->says))
            fail_msg("%s\ngave %d: %s\nexpected %d: %s", c->text, rc, err.message, c->status,
                     c->says);
        assert_int_equal(err.status, rc);
        assert_true(l.n == 0 && !l.at && !g.pairs && !g.file);
    }
}

/* Every truncation, and every bit changed, must end in an answer. */
static void survives_damage(void **state)
{
    (void)state;
    static uint8_t good[4096];
    static const char *const texts[] = {
        all_values,
        HEAD(3, 2) U32("general.alignment", 8) "s:s 4:9 4:8 8:2 s:ab s: "
                                               "s:b 4:2 8:32 8:2 4:2 8:16 " VECTOR("a", 4, 0)
                                                   VECTOR("c", 1, 56) "pad:8 n:52 z:4 n:4"};
    for (size_t t = 0; t < 2; t++) {
        size_t n = gguf_from_text(good, texts[t]), accepted = 0;
        assert_int_equal(read_bytes(good, n), VLM_OK);
        done();
        for (size_t cut = 0; cut < n; cut++)
            assert_true(read_bytes(good, cut) < 0);
        for (size_t i = 0; i < n; i++)
            for (int bit = 0; bit < 8; bit++) {
                good[i] ^= (uint8_t)(1 << bit);
                if (read_bytes(good, n) == VLM_OK) {
                    accepted++; /* a value or a letter of a name, say */
                    done();
                } else {
                    assert_true(strlen(err.message) > 8 && !strchr(err.message, '\n'));
                }
                good[i] ^= (uint8_t)(1 << bit);
            }
        assert_true(accepted > 100 && accepted < 6 * n);
    }
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values), cmocka_unit_test(gets_values),
        cmocka_unit_test(reads_types),  cmocka_unit_test(reads_tensors),
        cmocka_unit_test(refuses),      cmocka_unit_test(survives_damage),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
