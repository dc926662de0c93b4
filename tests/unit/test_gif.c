/* test_gif.c: the frames of animated GIFs, their pixels and their times, equal ffmpeg's on every
 * line of tests/data/image/animations.txt (see tools/make_image_golden.py); limits, damage and
 * failing memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../image_pack.h"
#include "base/hash.h"
#include "base/limits.h"
#include "image/image.h"

struct file {
    char name[100];
    uint8_t *data;
    size_t n;
    unsigned width, height, n_frames, length;
    char sum[65];
};

/* Calls check for every animation, or for the one named. */
static int each_file(const char *only, void (*check)(struct file *f))
{
    struct image_pack pack = image_pack_open("animations");
    char line[600];
    int n = 0;
    while (fgets(line, sizeof line, pack.lines) != NULL) {
        struct file f;
        size_t at;
        if (sscanf(line, "animation %99s %zu %zu %u %u %u %u %64s", f.name, &at, &f.n, &f.width,
                   &f.height, &f.n_frames, &f.length, f.sum) != 8 ||
            (only != NULL && strcmp(only, f.name) != 0))
            continue;
        f.data = image_pack_file(&pack, at, f.n);
        check(&f);
        free(f.data);
        n++;
    }
    image_pack_close(&pack);
    return n;
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

static void add_u32(struct vlm_sha256 *sha, double hundredths)
{
    uint32_t v = (uint32_t)(hundredths * 100 + 0.5);
    uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    vlm_sha256_add(sha, bytes, 4);
}

/* All frames into one hash.  The status of the call that ended it. */
static int play(char sum[65], unsigned *n_frames, const uint8_t *data, size_t n,
                const vlm_allocator *alloc, vlm_error *err)
{
    struct vlm_gif *g = NULL;
    struct vlm_sha256 sha;
    uint8_t digest[32];
    int rc = vlm_gif_open(&g, alloc, data, n, "test.gif", err);
    *n_frames = 0;
    if (rc != VLM_OK)
        return rc;
    vlm_sha256_init(&sha);
    struct vlm_gif_info info = vlm_gif_info(g);
    const uint8_t *rgb;
    double begin, length;
    while ((rc = vlm_gif_next(g, &rgb, &begin, &length, err)) == VLM_OK) {
        add_u32(&sha, begin);
        add_u32(&sha, length);
        vlm_sha256_add(&sha, rgb, (size_t)info.width * info.height * 3);
        ++*n_frames;
    }
    vlm_gif_close(g);
    vlm_sha256_end(&sha, digest);
    for (int i = 0; i < 32; i++)
        snprintf(sum + 2 * i, 3, "%02x", digest[i]);
    return rc;
}

static int n_wrong;

static void check_frames(struct file *f)
{
    char sum[65];
    unsigned n_frames;
    vlm_error err = {0};
    struct vlm_gif *g = NULL;
    int rc = play(sum, &n_frames, f->data, f->n, &vlm_mem_system, &err);
    if (rc != VLM_DONE || n_frames != f->n_frames || strcmp(sum, f->sum) != 0) {
        print_error("%s: status %d, %u frames of %u, %s; %s\n", f->name, rc, n_frames, f->n_frames,
                    strcmp(sum, f->sum) == 0 ? "equal" : "not equal", err.message);
        n_wrong++;
    }
    assert_int_equal(vlm_gif_open(&g, &vlm_mem_system, f->data, f->n, f->name, NULL), VLM_OK);
    struct vlm_gif_info info = vlm_gif_info(g);
    assert_int_equal(info.width, f->width);
    assert_int_equal(info.height, f->height);
    assert_int_equal(info.n_frames, f->n_frames);
    assert_true(info.seconds == f->length / 100.0);
    vlm_gif_close(g);
}

static void equals_ffmpeg(void **state)
{
    (void)state;
    assert_true(each_file(NULL, check_frames) >= 70);
    assert_int_equal(n_wrong, 0);
}

/* Every beginning of a file: an error in one line, or a beginning of its frames. */
static void check_cuts(struct file *f)
{
    for (size_t cut = 0; cut < f->n; cut++) {
        uint8_t *part = malloc(cut + 1);
        char sum[65];
        unsigned n_frames;
        vlm_error err = {0};
        memcpy(part, f->data, cut);
        int rc = play(sum, &n_frames, part, cut, &vlm_mem_system, &err);
        assert_true(rc == VLM_DONE || (rc == VLM_ERR_FORMAT && err.message[0] != 0));
        assert_true(n_frames <= f->n_frames);
        free(part);
    }
}
static void every_cut(void **state)
{
    (void)state;
    assert_int_equal(each_file("moving-over.gif", check_cuts), 1);
    assert_int_equal(each_file("moving-own-palettes.gif", check_cuts), 1);
    assert_int_equal(each_file("moving-ffmpeg.gif", check_cuts), 1);
}

static void check_memory(struct file *f)
{
    long failures = 0;
    for (long fail_at = 1;; fail_at++) {
        struct counter c = {.fail_at = fail_at};
        vlm_allocator a = {count_resize, &c};
        char sum[65];
        unsigned n_frames;
        vlm_error err = {0};
        int rc = play(sum, &n_frames, f->data, f->n, &a, &err);
        assert_int_equal(c.live, 0);
        if (rc == VLM_DONE) {
            assert_string_equal(sum, f->sum);
            break;
        }
        assert_int_equal(rc, VLM_ERR_MEMORY);
        assert_int_equal(err.status, VLM_ERR_MEMORY);
        failures++;
    }
    assert_true(failures >= 10);
}
static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_int_equal(each_file("moving-over.gif", check_memory), 1);
}

/* ---- limits ---- */

/* A GIF of n frames of side x side pixels in a screen of that size; the pixels are missing but for
 * side 1. */
static uint8_t *many_frames(size_t *n_bytes, uint32_t side, size_t n)
{
    const uint8_t low = (uint8_t)side, high = (uint8_t)(side >> 8);
    const uint8_t head[] = {'G', 'I', 'F', '8', '9', 'a', low, high, low, high, 0, 0, 0};
    /* 2 bits a pixel; a block of two bytes: clear, 0, end */
    const uint8_t frame[] = {',', 0, 0, 0, 0, low, high, low, high, 0, 2, 2, 0x44, 1, 0};
    uint8_t *data = malloc(sizeof head + n * sizeof frame);
    memcpy(data, head, sizeof head);
    for (size_t i = 0; i < n; i++)
        memcpy(data + sizeof head + i * sizeof frame, frame, sizeof frame);
    *n_bytes = sizeof head + n * sizeof frame;
    return data;
}

static int open_many(uint32_t side, size_t n, const char *says)
{
    size_t bytes;
    uint8_t *data = many_frames(&bytes, side, n);
    struct counter c = {0};
    vlm_allocator a = {count_resize, &c};
    struct vlm_gif *g = NULL;
    vlm_error err = {0};
    int rc = vlm_gif_open(&g, &a, data, bytes, "many.gif", &err);
    if (rc != VLM_OK) {
        assert_non_null(strstr(err.message, says));
        assert_int_equal(c.calls, 0); /* refused before memory is taken */
    }
    vlm_gif_close(g);
    free(data);
    return rc;
}

static void limits(void **state)
{
    (void)state;
    char sum[65];
    unsigned n_frames;
    size_t bytes;
    uint8_t *data = many_frames(&bytes, 1, VLM_LIMIT_GIF_FRAMES);
    assert_int_equal(play(sum, &n_frames, data, bytes, &vlm_mem_system, NULL), VLM_DONE);
    assert_int_equal(n_frames, VLM_LIMIT_GIF_FRAMES);
    free(data);
    assert_int_equal(open_many(1, VLM_LIMIT_GIF_FRAMES + 1, "more than 65536 frames"),
                     VLM_ERR_LIMIT);
    const size_t n = VLM_LIMIT_GIF_PIXELS >> 24; /* of 4096 x 4096 */
    assert_int_equal(open_many(4096, n, ""), VLM_OK);
    assert_int_equal(open_many(4096, n + 1, "more than 2147483648 pixels"), VLM_ERR_LIMIT);
    assert_int_equal(open_many(8192, 1, ""), VLM_OK);
    assert_int_equal(open_many(8193, 1, "8193x8193 pixels; at most"), VLM_ERR_LIMIT);
    assert_int_equal(open_many(16385, 1, "a side may have at most 16384"), VLM_ERR_LIMIT);
    assert_int_equal(open_many(0, 1, "a picture of 0x0 pixels"), VLM_ERR_FORMAT);
    assert_int_equal(open_many(1, 0, "without a picture"), VLM_ERR_FORMAT);

    struct vlm_gif *g = NULL;
    vlm_error err;
    data = calloc(1, VLM_LIMIT_IMAGE_FILE_BYTES + 1);
    uint8_t *small = many_frames(&bytes, 1, 1);
    memcpy(data, small, bytes);
    assert_int_equal(
        vlm_gif_open(&g, &vlm_mem_system, data, VLM_LIMIT_IMAGE_FILE_BYTES, "long.gif", &err),
        VLM_OK);
    vlm_gif_close(g);
    assert_int_equal(
        vlm_gif_open(&g, &vlm_mem_system, data, VLM_LIMIT_IMAGE_FILE_BYTES + 1, "long.gif", &err),
        VLM_ERR_LIMIT);
    free(small);
    free(data);
}

/* What a frame claims, in a file that is fine else. */
static void damage(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        const char *says;
    } cases[] = {{0, 'J', "not a GIF"},
                 {14, 9, "outside of its 1x1 pixels"},
                 {18, 0, "a frame of 0x1 pixels"},
                 {20, 0, "a frame of 1x0 pixels"},
                 {22, 0x87, "cut off"},
                 {23, 0, "pixels of 0 bits"},
                 {23, 9, "pixels of 9 bits"},
                 {24, 200, "cut off"},
                 {24, 0, "too few pixels"},
                 {25, 0x7C, "does not exist"},
                 {25, 0x6C, "too few pixels"},
                 {10, 0x87, "ends within its palette"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        uint8_t *data = many_frames(&n, 1, 1);
        char sum[65];
        unsigned n_frames;
        vlm_error err = {0};
        data[cases[i].at] = cases[i].value;
        assert_int_equal(play(sum, &n_frames, data, n, &vlm_mem_system, &err), VLM_ERR_FORMAT);
        if (strstr(err.message, cases[i].says) == NULL)
            print_error("case %zu: %s\n", i, err.message);
        assert_non_null(strstr(err.message, cases[i].says));
        free(data);
    }
    vlm_gif_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_ffmpeg), cmocka_unit_test(every_cut),
                                       cmocka_unit_test(every_allocation_may_fail),
                                       cmocka_unit_test(limits), cmocka_unit_test(damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
