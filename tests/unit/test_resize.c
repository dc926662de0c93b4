/* test_resize.c: the resize equals Pillow 12.0.0's on every line of tests/data/image/resize.txt
 * (see tools/make_image_golden.py), with and without vector loops; and its limits, memory and
 * failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"
#include "image/internal.h"

static uint32_t mix(uint32_t v, uint32_t seed)
{
    v = (v + seed * 0x9E3779B1u) * 0x85EBCA6Bu;
    v ^= v >> 15;
    v *= 0xC2B2AE35u;
    return v ^ (v >> 13);
}

/* pattern() of the generator */
static uint8_t pattern(uint32_t x, uint32_t y, uint32_t c, uint32_t w, int kind, uint32_t seed)
{
    uint32_t block = 1 + seed % 13, t;
    switch (kind) {
    case 0:
        return (uint8_t)(mix((y * w + x) * 3 + c, seed) >> 24);
    case 1:
        t = (x * (1 + seed % 5) + y * (1 + seed % 3) + c * 31) & 511;
        return (uint8_t)(t < 256 ? t : 511 - t);
    default:
        return (uint8_t)((mix(y / block * 4096 + x / block + c * 7919, seed) >> 31) * 255);
    }
}

static void fill(uint8_t *p, uint32_t w, uint32_t h, int kind, uint32_t seed)
{
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (uint32_t c = 0; c < 3; c++)
                *p++ = pattern(x, y, c, w, kind, seed);
}

/* An allocator that counts, and fails at a chosen call. */
struct counter {
    size_t live, peak;
    long calls, fail_at;
};
static void *count_resize(void *ctx, void *p, size_t old_size, size_t new_size)
{
    struct counter *c = ctx;
    if (new_size > 0 && ++c->calls == c->fail_at)
        return NULL;
    c->live += new_size - old_size;
    c->peak = c->live > c->peak ? c->live : c->peak;
    if (new_size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, new_size);
}

static void equals_pillow(void **state)
{
    (void)state;
    FILE *f = fopen(VLM_TEST_DATA "/image/resize.txt", "r");
    assert_non_null(f);
    char line[200], expected[17], got[17];
    uint32_t n = 0, wrong = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned sw, sh, dw, dh;
        int filter, kind;
        if (line[0] == '#')
            continue;
        assert_int_equal(
            sscanf(line, "%u %u %u %u %d %d %16s", &sw, &sh, &dw, &dh, &filter, &kind, expected),
            7);
        uint8_t *src = malloc((size_t)sw * sh * 3), *dst = malloc((size_t)dw * dh * 3), sum[32];
        fill(src, sw, sh, kind, n);
        assert_int_equal(vlm_image_resize_with(dst, dw, dh, src, sw, sh, (enum vlm_resample)filter,
                                               true, &vlm_mem_system, NULL),
                         VLM_OK);
        vlm_sha256_of(sum, dst, (size_t)dw * dh * 3);
        for (int i = 0; i < 8; i++)
            snprintf(got + 2 * i, 3, "%02x", sum[i]);
        uint8_t *plain = malloc((size_t)dw * dh * 3);
        assert_int_equal(vlm_image_resize_with(plain, dw, dh, src, sw, sh,
                                               (enum vlm_resample)filter, false, &vlm_mem_system,
                                               NULL),
                         VLM_OK);
        bool same = memcmp(plain, dst, (size_t)dw * dh * 3) == 0;
        if (!same || strcmp(got, expected) != 0) {
            print_error("line %u%s: %s", n, same ? "" : ", vector loops differ", line);
            wrong++;
        }
        free(plain);
        free(src);
        free(dst);
        n++;
    }
    fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(n >= 4000);
}

static void same_size_is_a_copy(void **state)
{
    (void)state;
    uint8_t src[5 * 4 * 3], dst[sizeof src + 1];
    fill(src, 5, 4, 0, 1);
    dst[sizeof src] = 99;
    assert_int_equal(
        vlm_image_resize(dst, 5, 4, src, 5, 4, VLM_RESAMPLE_LANCZOS, &vlm_mem_system, NULL),
        VLM_OK);
    assert_memory_equal(dst, src, sizeof src);
    assert_int_equal(dst[sizeof src], 99);
}

/* Outputs are written exactly: nothing before or behind, for sizes around the vector widths. */
static void writes_its_output_only(void **state)
{
    (void)state;
    uint8_t src[7 * 9 * 3], buf[40 * 40 * 3 + 64], guard[32];
    memset(guard, 0xA5, sizeof guard);
    fill(src, 7, 9, 0, 3);
    for (uint32_t w = 1; w <= 40; w++)
        for (uint32_t h = 1; h <= 40; h += 3) {
            memset(buf, 0xA5, sizeof buf);
            assert_int_equal(vlm_image_resize(buf + 32, w, h, src, 7, 9, VLM_RESAMPLE_BICUBIC,
                                              &vlm_mem_system, NULL),
                             VLM_OK);
            assert_memory_equal(buf, guard, 32);
            assert_memory_equal(buf + 32 + (size_t)w * h * 3, guard, 32);
        }
}

static void arguments(void **state)
{
    (void)state;
    uint8_t px[12] = {0};
    vlm_error err;
    const uint32_t bad[][4] = {{0, 1, 1, 1}, {1, 0, 1, 1},     {1, 1, 0, 1},
                               {1, 1, 1, 0}, {65537, 1, 1, 1}, {1, 1, 1, 0xFFFFFFFF}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const uint32_t *b = bad[i];
        assert_int_equal(vlm_image_resize(px, b[0], b[1], px, b[2], b[3], VLM_RESAMPLE_LANCZOS,
                                          &vlm_mem_system, &err),
                         VLM_ERR_ARGUMENT);
    }
    assert_int_equal(
        vlm_image_resize(px, 1, 1, px, 2, 2, (enum vlm_resample)2, &vlm_mem_system, &err),
        VLM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "resampling 2"));
}

/* The widest source that the limits allow: rows flow through a ring, so what is taken is far less
 * than the 4096 x 1536 x 3 = 19 MB of a whole intermediate picture. */
static void memory_is_bounded(void **state)
{
    (void)state;
    const uint32_t sw = 16384, sh = 4096, dw = 1536, dh = 384;
    uint8_t *src = malloc((size_t)sw * sh * 3), *dst = malloc((size_t)dw * dh * 3);
    struct counter c = {0};
    vlm_allocator a = {count_resize, &c};
    memset(src, 200, (size_t)sw * sh * 3);
    assert_int_equal(vlm_image_resize(dst, dw, dh, src, sw, sh, VLM_RESAMPLE_LANCZOS, &a, NULL),
                     VLM_OK);
    size_t wrong = 0;
    for (size_t i = 0; i < (size_t)dw * dh * 3; i++)
        wrong += dst[i] != 200;
    assert_int_equal(wrong, 0);
    print_message("peak %zu bytes\n", c.peak);
    assert_int_equal(c.live, 0);
    assert_true(c.peak < 3000000); /* measured 1.76 MB */
    free(src);
    free(dst);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    uint8_t src[30 * 20 * 3], dst[13 * 17 * 3], first[sizeof dst];
    long fail_at = 0, failures = 0;
    fill(src, 30, 20, 0, 5);
    vlm_image_resize(first, 13, 17, src, 30, 20, VLM_RESAMPLE_LANCZOS, &vlm_mem_system, NULL);
    for (;;) {
        struct counter c = {.fail_at = ++fail_at};
        vlm_allocator a = {count_resize, &c};
        vlm_error err = {0};
        int rc = vlm_image_resize(dst, 13, 17, src, 30, 20, VLM_RESAMPLE_LANCZOS, &a, &err);
        assert_int_equal(c.live, 0);
        if (rc == VLM_OK)
            break;
        assert_int_equal(rc, VLM_ERR_MEMORY);
        assert_int_equal(err.status, VLM_ERR_MEMORY);
        failures++;
    }
    assert_memory_equal(dst, first, sizeof dst);
    assert_true(failures >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),          cmocka_unit_test(same_size_is_a_copy),
        cmocka_unit_test(writes_its_output_only), cmocka_unit_test(arguments),
        cmocka_unit_test(memory_is_bounded),      cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
