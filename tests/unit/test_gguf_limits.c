/* test_gguf_limits.c: the limits of a GGUF file, at and above; reliability group M30. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../abuse/gguf_text.h"
#include "../abuse/heap.h"
#include "base/limits.h"
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

/* Header, then n times the words of item with %zx for its number, then end. */
static uint8_t *many(size_t *size, size_t n_tensors, size_t n_pairs, const char *item, size_t room,
                     const char *end)
{
    size_t n = n_tensors + n_pairs, at;
    uint8_t *p = malloc(64 + n * room + 64);
    char text[256];
    assert_non_null(p);
    snprintf(text, sizeof text, "r:GGUF 4:3 8:%zu 8:%zu", n_tensors, n_pairs);
    at = gguf_from_text(p, text);
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, item, i, 8 * i);
        at += gguf_from_text(p + at, text);
    }
    at += gguf_from_text(p + at, end);
    *size = at;
    return p;
}

static void expect_limit(const uint8_t *data, size_t n, size_t over, const char *says)
{
    int rc = read_bytes(data, n);
    if (rc != (over ? VLM_ERR_LIMIT : VLM_OK) || (over && !strstr(err.message, says)))
        fail_msg("%zu over: %d %s", over, rc, err.message);
    if (rc == VLM_OK)
        done();
}

static void limits(void **state)
{
    (void)state;
    char text[400];
    size_t n;
    for (size_t over = 0; over < 2; over++) {
        uint8_t *p = many(&n, 0, VLM_LIMIT_GGUF_PAIRS + over, "s:%zx 4:0 1:1", 24, "");
        expect_limit(p, n, over, "65537 key-value pairs, the limit is 65536");
        free(p);
        /* as many tensors as may be, 8 bytes apart */
        size_t n_tensors = VLM_LIMIT_TENSORS + over;
        p = malloc(200 + n_tensors * 60);
        snprintf(text, sizeof text, "r:GGUF 4:3 8:%zu 8:1 " U32("general.alignment", 8), n_tensors);
        n = gguf_from_text(p, text);
        for (size_t i = 0; i < n_tensors; i++) {
            snprintf(text, sizeof text, "s:%zx 4:1 8:2 4:0 8:%zu", i, 8 * i);
            n += gguf_from_text(p + n, text);
        }
        size_t pad = (8 - n % 8) % 8 + 8 * n_tensors;
        memset(p + n, 0, pad);
        expect_limit(p, n + pad, over, "65537 tensors, the limit is 65536");
        free(p);
        /* one string, one key, one name */
        n = VLM_LIMIT_GGUF_STRING_BYTES + over;
        p = malloc(n + 100);
        snprintf(text, sizeof text, HEAD(0, 1) "s:a 4:8 8:%zu n:%zu", n, n);
        expect_limit(p, gguf_from_text(p, text), over, "16777217 bytes, the limit is 16777216");
        n = VLM_LIMIT_GGUF_KEY_BYTES + over;
        snprintf(text, sizeof text, HEAD(0, 1) "8:%zu n:%zu 4:0 1:0", n, n);
        expect_limit(p, gguf_from_text(p, text), over, "65536 bytes, the limit is 65535");
        n = VLM_LIMIT_GGUF_NAME_BYTES + over;
        snprintf(text, sizeof text, HEAD(1, 0) "8:%zu n:%zu 4:1 8:1 4:0 8:0 data:4", n, n);
        expect_limit(p, gguf_from_text(p, text), over, "65 bytes, the limit is 64");
        free(p);
        /* strings of all arrays together */
        n = VLM_LIMIT_GGUF_STRINGS;
        p = malloc(8 * n + 200);
        snprintf(text, sizeof text, HEAD(0, 2) "s:a 4:9 4:8 8:%zu z:%zu s:b 4:9 4:8 8:%zu z:%zu",
                 n - 1, 8 * (n - 1), 1 + over, 8 * (1 + over));
        expect_limit(p, gguf_from_text(p, text), over, "2 strings, the limit of all is 8388608");
        free(p);
        /* pairs and table together: an array of zeros fills them up */
        p = calloc(1, VLM_LIMIT_GGUF_HEADER_BYTES + 2);
        assert_non_null(p);
        n = VLM_LIMIT_GGUF_HEADER_BYTES + over;
        snprintf(text, sizeof text, HEAD(0, 1) "s:a 4:9 4:0 8:%zu", n - 24 - 9 - 16);
        gguf_from_text(p, text);
        expect_limit(p, n, over, "header of more than 100000000 bytes");
        snprintf(text, sizeof text, HEAD(0, 2) "s:a 4:9 4:0 8:%zu", n - 24 - 9 - 16 - 14);
        gguf_from_text(p, text);
        gguf_from_text(p + n - 14, "s:b 4:0 1:7");
        expect_limit(p, n, over, "header of more than 100000000 bytes");
        free(p);
        /* alignment: the limit is a power of two, the next one lies above */
        snprintf(text, sizeof text, HEAD(0, 1) "s:general.alignment 4:4 4:%llu",
                 (unsigned long long)VLM_LIMIT_GGUF_ALIGNMENT << over);
        assert_int_equal(read_text(text), over ? VLM_ERR_FORMAT : VLM_OK);
        if (!over)
            done();
        /* elements: known by what is said of the range, as 2^50 bytes are not at hand */
        snprintf(text, sizeof text, HEAD(1, 0) "s:t 4:3 8:%s 4:24 8:0 data:4",
                 over ? "65536 8:65536 8:65536" : "16777215 8:16777217 8:1");
        assert_int_equal(read_text(text), over ? VLM_ERR_LIMIT : VLM_ERR_FORMAT);
        assert_non_null(
            strstr(err.message, over ? "more than" : "expected a range within 4 bytes"));
        snprintf(text, sizeof text, HEAD(1, 0) "s:t 4:1 8:%llu 4:24 8:0 data:4",
                 (unsigned long long)(VLM_LIMIT_TENSOR_DIM + over));
        assert_int_equal(read_text(text), over ? VLM_ERR_LIMIT : VLM_ERR_FORMAT);
        assert_non_null(strstr(err.message, over ? "dimension 0" : "expected a range"));
    }
}

/* Tensors of all parts together. */
static void parts(void **state)
{
    (void)state;
    size_t n[2];
    uint8_t *p[2];
    char text[400];
    for (size_t over = 0; over < 2; over++) {
        size_t total = VLM_LIMIT_TENSORS + over;
        for (size_t k = 0; k < 2; k++) {
            size_t n_tensors = k ? total - total / 2 : total / 2;
            p[k] = calloc(1, 400 + n_tensors * 60);
            assert_non_null(p[k]);
            snprintf(text, sizeof text,
                     "r:GGUF 4:3 8:%zu 8:4 " U32(
                         "general.alignment",
                         8) "s:split.no 4:2 2:%zu " GGUF_U16("split.count",
                                                             2) "s:split.tensors.count 4:5 4:%llu",
                     n_tensors, k, (unsigned long long)VLM_LIMIT_TENSORS);
            n[k] = gguf_from_text(p[k], text);
            for (size_t i = 0; i < n_tensors; i++) {
                snprintf(text, sizeof text, "s:%zu.%zx 4:1 8:2 4:0 8:%zu", k, i, 8 * i);
                n[k] += gguf_from_text(p[k] + n[k], text);
            }
            n[k] += (8 - n[k] % 8) % 8 + 8 * n_tensors;
        }
        vlm_file memory[] = {{"m-00001-of-00002.gguf", p[0], n[0]},
                             {"m-00002-of-00002.gguf", p[1], n[1]}};
        struct vlm_files files;
        struct vlm_weights w;
        assert_int_equal(vlm_files_init(&files, &vlm_mem_system, NULL, memory, 2, false, &err), 0);
        int rc = vlm_weights_open_gguf(&w, &g, &files, memory[0].name, &err);
        assert_int_equal(rc, over ? VLM_ERR_LIMIT : VLM_OK);
        if (over)
            assert_non_null(strstr(err.message, "more than 65536 tensors in all files"));
        else
            vlm_gguf_free(&g);
        vlm_weights_close(&w);
        vlm_files_free(&files);
        free(p[0]);
        free(p[1]);
    }
}

/* M30: memory for tiny pairs stays below four times the file's size. */
static void tiny_pairs(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = many(&n, 0, VLM_LIMIT_GGUF_PAIRS, "s:%zx 4:0 1:1", 24, "");
    struct heap heap = {.fail_count = 0};
    vlm_allocator a = heap_allocator(&heap);
    memset(&l, 0, sizeof l);
    assert_int_equal(vlm_gguf_read(&g, &l, &a, p, n, "m.gguf", &err), VLM_OK);
    assert_true((size_t)heap.peak < 3 * n);
    done();
    assert_int_equal(heap.blocks, 0);
    free(p);
    p = many(&n, 0, 1000000, "s:%zx 4:0 1:1", 24, "");
    assert_int_equal(vlm_gguf_read(&g, &l, &a, p, n, "m.gguf", &err), VLM_ERR_LIMIT);
    assert_string_equal(err.message, "m.gguf: 1000000 key-value pairs, the limit is 65536");
    assert_int_equal(heap.blocks, 0);
    free(p);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),
        cmocka_unit_test(parts),
        cmocka_unit_test(tiny_pairs),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
