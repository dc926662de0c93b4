/* test_resize.c: the resize equals Pillow 12.0.0's on every line of tests/data/image/resize.txt and
 * torchvision's on those of video.txt (see tools/make_image_golden.py), with and without vector
 * loops; and its limits, memory and failures. */
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

static void first_8(char text[17], const uint8_t *data, size_t n)
{
    uint8_t sum[32];
    vlm_sha256_of(sum, data, n);
    for (int i = 0; i < 8; i++)
        snprintf(text + 2 * i, 3, "%02x", sum[i]);
}

/* One line of a golden file, with vector loops and without. */
static bool line_is_equal(const char *line, uint32_t n, unsigned how)
{
    unsigned sw, sh, dw, dh;
    int filter, kind;
    char expected[17], got[17];
    assert_int_equal(
        sscanf(line, "%u %u %u %u %d %d %16s", &sw, &sh, &dw, &dh, &filter, &kind, expected), 7);
    size_t bytes = (size_t)dw * dh * 3;
    uint8_t *src = malloc((size_t)sw * sh * 3), *dst = malloc(bytes), *plain = malloc(bytes);
    fill(src, sw, sh, kind, n);
    assert_int_equal(vlm_image_resize_with(dst, dw, dh, src, sw, sh, (enum vlm_resample)filter, how,
                                           &vlm_mem_system, NULL),
                     VLM_OK);
    assert_int_equal(vlm_image_resize_with(plain, dw, dh, src, sw, sh, (enum vlm_resample)filter,
                                           how | VLM_RESIZE_PLAIN, &vlm_mem_system, NULL),
                     VLM_OK);
    first_8(got, dst, bytes);
    bool same = memcmp(plain, dst, bytes) == 0, equal = strcmp(got, expected) == 0;
    if (!same || !equal)
        print_error("line %u%s: %s", n, same ? "" : ", vector loops differ", line);
    free(plain);
    free(src);
    free(dst);
    return same && equal;
}

static void equals(const char *path, const char *prefix, unsigned how, uint32_t at_least)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char line[200];
    uint32_t n = 0, wrong = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        if (line[0] == '#' || strncmp(line, prefix, strlen(prefix)) != 0)
            continue;
        wrong += !line_is_equal(line + strlen(prefix), n, how);
        n++;
    }
    fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(n >= at_least);
}

static void equals_pillow(void **state)
{
    (void)state;
    equals(VLM_TEST_DATA "/image/resize.txt", "", 0, 4000);
}

static void equals_torchvision(void **state)
{
    (void)state;
    equals(VLM_TEST_DATA "/image/video.txt", "resize ", VLM_RESIZE_16_BITS, 1000);
}

/* Two frames of a clip, from pixels to floats. */
static bool frame_is_equal(const char *line, uint32_t n)
{
    unsigned w, h, edge, tile;
    int resample, clip, kind;
    char expected[17], got[17];
    assert_int_equal(sscanf(line, "frame %u %u %u %u %d %d %d %16s", &w, &h, &edge, &tile,
                            &resample, &clip, &kind, expected),
                     8);
    struct vlm_image_config c = {.tile = tile,
                                 .resample = (enum vlm_resample)resample,
                                 .rescale = 1.0 / 255,
                                 .mean = {0.5f, 0.5f, 0.5f},
                                 .std = {0.5f, 0.5f, 0.5f}};
    if (clip) {
        memcpy(c.mean, (float[3]){0.48145466f, 0.4578275f, 0.40821073f}, sizeof c.mean);
        memcpy(c.std, (float[3]){0.26862954f, 0.26130258f, 0.27577711f}, sizeof c.std);
    }
    size_t values = (size_t)tile * tile * 3;
    uint8_t *src = malloc((size_t)w * h * 3), *frame = malloc(values);
    float *x = malloc(2 * values * sizeof *x);
    for (uint32_t i = 0; i < 2; i++) {
        fill(src, w, h, kind, n + i);
        assert_int_equal(vlm_image_video_frame(frame, src, w, h, &c, edge, &vlm_mem_system, NULL),
                         VLM_OK);
        vlm_image_normalise_video(x + i * values, frame, tile, &c);
    }
    first_8(got, (uint8_t *)x, 2 * values * sizeof *x);
    free(src);
    free(frame);
    free(x);
    if (strcmp(got, expected) != 0)
        print_error("frame %u: %s", n, line);
    return strcmp(got, expected) == 0;
}

static void frames_equal_the_video_processor(void **state)
{
    (void)state;
    FILE *f = fopen(VLM_TEST_DATA "/image/video.txt", "r");
    assert_non_null(f);
    char line[200];
    uint32_t n = 0, wrong = 0;
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "frame ", 6) == 0)
            wrong += !frame_is_equal(line, n++);
    fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(n >= 200);
}

static void arguments_of_frames(void **state)
{
    (void)state;
    uint8_t px[12] = {0}, out[12];
    struct vlm_image_config c = {.tile = 2, .resample = VLM_RESAMPLE_LANCZOS};
    const uint32_t side = VLM_LIMIT_IMAGE_SIDE,
                   bad[][3] = {{0, 1, 4},        {1, 0, 4}, {side + 1, 1, 4},
                               {1, side + 1, 4}, {1, 1, 0}, {1, 1, (1u << 20) + 1}};
    vlm_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(vlm_image_video_frame(out, px, bad[i][0], bad[i][1], &c, bad[i][2],
                                               &vlm_mem_system, &err),
                         VLM_ERR_LIMIT);
    c.tile = VLM_LIMIT_TILE_SIDE + 1;
    assert_int_equal(vlm_image_video_frame(out, px, 2, 2, &c, 4, &vlm_mem_system, &err),
                     VLM_ERR_LIMIT);
    for (long fail_at = 1;; fail_at++) {
        struct counter count = {.fail_at = fail_at};
        vlm_allocator a = {count_resize, &count};
        c.tile = 2;
        int rc = vlm_image_video_frame(out, px, 2, 2, &c, 4, &a, &err);
        assert_int_equal(count.live, 0);
        if (rc == VLM_OK)
            break;
        assert_int_equal(rc, VLM_ERR_MEMORY);
    }
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
        cmocka_unit_test(equals_pillow),
        cmocka_unit_test(equals_torchvision),
        cmocka_unit_test(frames_equal_the_video_processor),
        cmocka_unit_test(arguments_of_frames),
        cmocka_unit_test(same_size_is_a_copy),
        cmocka_unit_test(writes_its_output_only),
        cmocka_unit_test(arguments),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
