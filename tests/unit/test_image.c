/* test_image.c: pictures equal the reference's on every line of tests/data/image/golden.txt, from
 * file bytes to the floats of every frame (see tools/make_image_golden.py); what must be refused is
 * refused in one line; sizes, limits and failing memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"
#include "image/image.h"

static uint8_t *pack; /* pictures.bin */
static size_t n_pack;

/* ---- failing memory ----
 * An allocator that counts, and fails at a chosen call; and, as libjpeg takes its memory with
 * malloc, a malloc that does so too (not under sanitizers, which have their own). */

struct counter {
    size_t live;
    long blocks, calls, fail_at;
};
static void *count_resize(void *ctx, void *p, size_t old_size, size_t new_size)
{
    struct counter *c = ctx;
    if (new_size > 0 && ++c->calls == c->fail_at)
        return NULL;
    c->live += new_size - old_size;
    c->blocks += (new_size > 0) - (p != NULL);
    if (new_size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, new_size);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static long malloc_calls, malloc_fail_at; /* 0: never */
#if defined(__GLIBC__) && !defined(SANITIZED)
#define MALLOC_FAILS 1
void *__libc_malloc(size_t n);
__attribute__((visibility("default"))) void *malloc(size_t n)
{
    if (malloc_fail_at != 0 && ++malloc_calls == malloc_fail_at)
        return NULL;
    return __libc_malloc(n);
}
#else
#define MALLOC_FAILS 0
#endif

/* ---- helpers ---- */

static void hex(char *out, const uint8_t sum[32])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

static int read_pack(void **state)
{
    (void)state;
    FILE *f = fopen(VLM_TEST_DATA "/image/pictures.bin", "rb");
    if (f == NULL)
        return -1;
    fseek(f, 0, SEEK_END);
    n_pack = (size_t)ftell(f);
    rewind(f);
    pack = malloc(n_pack);
    size_t got = fread(pack, 1, n_pack, f);
    fclose(f);
    return got == n_pack ? 0 : -1;
}
static int free_pack(void **state)
{
    (void)state;
    free(pack);
    return 0;
}

/* A picture of golden.txt by its name; a copy of exactly its bytes, so that sanitizers see its end.
 */
static uint8_t *file_named(const char *wanted, size_t *n)
{
    FILE *f = fopen(VLM_TEST_DATA "/image/golden.txt", "r");
    char line[600], name[100];
    size_t at;
    uint8_t *copy = NULL;
    while (copy == NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "%*s %99s %zu %zu", name, &at, n) == 3 && strcmp(name, wanted) == 0) {
            copy = malloc(*n + 1);
            memcpy(copy, pack + at, *n);
        }
    fclose(f);
    assert_non_null(copy);
    return copy;
}

static const struct vlm_image_config small = {.longest_edge = 64,
                                              .tile = 16,
                                              .resample = VLM_RESAMPLE_LANCZOS,
                                              .split = true,
                                              .rescale = 1.0 / 255,
                                              .mean = {0.5f, 0.5f, 0.5f},
                                              .std = {0.5f, 0.5f, 0.5f}};

static struct vlm_image *grey_ramp(uint32_t w, uint32_t h)
{
    uint8_t *rgb = malloc((size_t)w * h * 3);
    struct vlm_image *image = NULL;
    for (size_t i = 0; i < (size_t)w * h * 3; i++)
        rgb[i] = (uint8_t)(i * 7);
    assert_int_equal(vlm_image_make(&image, &vlm_mem_system, rgb, w, h, NULL), VLM_OK);
    free(rgb);
    return image;
}

/* ---- the reference ---- */

struct golden {
    char name[100], hash[65], sum[65];
    size_t at, n;
    struct vlm_image_config c;
    unsigned width, height, rows, cols, n_frames;
};

static void read_golden(struct golden *g, const char *line)
{
    unsigned edge, tile, split, resample, clip;
    assert_int_equal(sscanf(line, "picture %99s %zu %zu %u %u %u %u %u %u %u %64s %u %u %u %64s",
                            g->name, &g->at, &g->n, &edge, &tile, &split, &resample, &clip,
                            &g->width, &g->height, g->hash, &g->rows, &g->cols, &g->n_frames,
                            g->sum),
                     15);
    g->c = small;
    g->c.longest_edge = edge;
    g->c.tile = tile;
    g->c.split = split != 0;
    g->c.resample = (enum vlm_resample)resample;
    if (clip) {
        memcpy(g->c.mean, (float[3]){0.48145466f, 0.4578275f, 0.40821073f}, sizeof g->c.mean);
        memcpy(g->c.std, (float[3]){0.26862954f, 0.26130258f, 0.27577711f}, sizeof g->c.std);
    }
}

/* NULL, or what differs */
static const char *compare(const struct golden *g)
{
    struct vlm_image *image = NULL;
    struct vlm_tile_plan plan;
    struct vlm_sha256 sha;
    vlm_error err;
    char text[65];
    uint8_t sum[32], *file = malloc(g->n + 1);
    memcpy(file, pack + g->at, g->n);
    if (vlm_image_load(&image, &vlm_mem_system, file, g->n, g->name, &err) != VLM_OK) {
        print_error("%s\n", err.message);
        free(file);
        return "loading";
    }
    free(file);
    hex(text, image->hash);
    bool same_size = image->width == g->width && image->height == g->height,
         same_pixels = strcmp(text, g->hash) == 0;
    assert_int_equal(vlm_image_plan(&plan, image->width, image->height, &g->c, &err), VLM_OK);
    size_t n = (size_t)g->c.tile * g->c.tile * 3;
    uint8_t *frames = malloc(n * plan.n_frames);
    float *x = malloc(n * sizeof *x);
    assert_int_equal(vlm_image_tiles(frames, &plan, image, &g->c, &vlm_mem_system, &err), VLM_OK);
    vlm_sha256_init(&sha);
    for (uint32_t i = 0; i < plan.n_frames; i++) {
        vlm_image_normalise(x, frames + i * n, g->c.tile, &g->c);
        vlm_sha256_add(&sha, x, n * sizeof *x); /* little-endian, as all machines we build for */
    }
    vlm_sha256_end(&sha, sum);
    hex(text, sum);
    vlm_image_free(image);
    free(frames);
    free(x);
    return !same_size     ? "its size"
           : !same_pixels ? "decoded pixels"
           : plan.rows != g->rows || plan.cols != g->cols || plan.n_frames != g->n_frames
               ? "rows and columns"
           : strcmp(text, g->sum) != 0 ? "the floats of its frames"
                                       : NULL;
}

static void equals_the_reference(void **state)
{
    (void)state;
    FILE *f = fopen(VLM_TEST_DATA "/image/golden.txt", "r");
    char line[600];
    int n = 0, wrong = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        struct golden g;
        if (strncmp(line, "picture ", 8) != 0)
            continue;
        read_golden(&g, line);
        const char *what = compare(&g);
        if (what != NULL) {
            print_error("%s: %s differ\n", g.name, what);
            wrong++;
        }
        n++;
    }
    fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(n >= 300);
}

static bool one_clean_line(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return false;
    for (const char *p = s; (p = strstr(p, "0x")) != NULL; p += 2)
        if (strspn(p + 2, "0123456789abcdef") >= 8) /* an address */
            return false;
    return s[0] != 0;
}

static void refuses_in_one_line(void **state)
{
    (void)state;
    FILE *f = fopen(VLM_TEST_DATA "/image/golden.txt", "r");
    char line[600], name[100], status[20], message[300];
    int n = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        size_t at, bytes;
        if (sscanf(line, "refused %99s %zu %zu %19s %299[^\n]", name, &at, &bytes, status,
                   message) != 5)
            continue;
        int expected = strcmp(status, "unsupported") == 0 ? VLM_ERR_UNSUPPORTED
                       : strcmp(status, "limit") == 0     ? VLM_ERR_LIMIT
                                                          : VLM_ERR_FORMAT;
        struct counter c = {0};
        vlm_allocator a = {count_resize, &c};
        struct vlm_image *image = NULL;
        vlm_error err = {0};
        uint8_t *file = malloc(bytes + 1);
        memcpy(file, pack + at, bytes);
        int rc = vlm_image_load(&image, &a, file, bytes, name, &err);
        if (rc != expected || strstr(err.message, message) == NULL)
            print_error("%s: status %d, \"%s\"; expected %d, \"%s\"\n", name, rc, err.message,
                        expected, message);
        assert_int_equal(rc, expected);
        assert_int_equal(err.status, expected);
        assert_non_null(strstr(err.message, message));
        assert_non_null(strstr(err.message, name));
        assert_true(one_clean_line(err.message));
        assert_null(image);
        assert_int_equal(c.blocks, 0);
        free(file);
        n++;
    }
    fclose(f);
    assert_true(n >= 45);
}

/* 300-scans.jpg (16 x 16) cut behind its n-th scan. */
static int load_scans(size_t n_scans)
{
    size_t n, seen = 0, end = 0;
    uint8_t *file = file_named("300-scans.jpg", &n);
    for (size_t i = 0; i + 1 < n && end == 0; i++)
        if (file[i] == 0xff && file[i + 1] == 0xda && ++seen == n_scans + 1)
            end = i;
    assert_true(end > 0);
    file[end] = 0xff;
    file[end + 1] = 0xd9;
    struct vlm_image *image = NULL;
    int rc = vlm_image_load(&image, &vlm_mem_system, file, end + 2, "scans.jpg", NULL);
    vlm_image_free(image);
    free(file);
    return rc;
}

/* Pixels times scans can only be reached by pictures of VLM_LIMIT_IMAGE_SCAN_PIXELS / 256 and more.
 */
static void limits_of_scans(void **state)
{
    (void)state;
    assert_true(VLM_LIMIT_IMAGE_SCAN_PIXELS / VLM_LIMIT_IMAGE_SCANS > 16 * 16);
    assert_int_equal(load_scans(VLM_LIMIT_IMAGE_SCANS), VLM_OK);
    assert_int_equal(load_scans(VLM_LIMIT_IMAGE_SCANS + 1), VLM_ERR_LIMIT);
}

/* Every beginning of a file: refused cleanly, or (when only an end marker is missing) the same
 * picture. */
static void every_cut(void **state)
{
    (void)state;
    static const char *const names[] = {
        "exif-6.jpg",   "jpeg-420-p-30.jpg", "jpeg-cmyk-1.jpg",      "png-2-8-adam7.png",
        "png-0-16.png", "png-3-4-trns.png",  "exif-raw-profile.png", "xmp-packed.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        uint8_t *whole = file_named(names[i], &n);
        struct vlm_image *full = NULL, *image;
        vlm_error err;
        int accepted = 0;
        assert_int_equal(vlm_image_load(&full, &vlm_mem_system, whole, n, names[i], &err), VLM_OK);
        for (size_t cut = 0; cut < n; cut++) {
            uint8_t *part = malloc(cut + 1); /* + 1: a pointer also when empty */
            memcpy(part, whole, cut);
            int rc = vlm_image_load(&image, &vlm_mem_system, part, cut, names[i], &err);
            if (rc == VLM_OK) {
                assert_memory_equal(image->hash, full->hash, sizeof full->hash);
                vlm_image_free(image);
                accepted++;
            } else {
                assert_true(one_clean_line(err.message));
            }
            free(part);
        }
        assert_true(accepted <= 4);
        vlm_image_free(full);
        free(whole);
    }
}

/* ---- sizes ---- */

static void every_small_size(void **state)
{
    (void)state;
    uint8_t *frames = malloc(17 * 16 * 16 * 3 + 32), guard[32];
    memset(guard, 0xA5, sizeof guard);
    for (uint32_t w = 1; w <= 64; w++)
        for (uint32_t h = 1; h <= 64; h++) {
            struct vlm_image *image = grey_ramp(w, h);
            struct vlm_tile_plan p;
            assert_int_equal(vlm_image_plan(&p, w, h, &small, NULL), VLM_OK);
            assert_int_equal(p.n_frames, p.rows * p.cols + 1);
            assert_true(p.n_frames > 1 && p.n_frames <= 17);
            assert_int_equal(p.width, p.cols * 16);
            assert_int_equal(p.height, p.rows * 16);
            size_t bytes = (size_t)p.n_frames * 16 * 16 * 3;
            memcpy(frames + bytes, guard, sizeof guard);
            assert_int_equal(vlm_image_tiles(frames, &p, image, &small, &vlm_mem_system, NULL),
                             VLM_OK);
            assert_memory_equal(frames + bytes, guard, sizeof guard);
            vlm_image_free(image);
        }
    free(frames);
}

static void frame_boxes(void **state)
{
    (void)state;
    struct vlm_tile_plan p;
    double box[4], area = 0;
    assert_int_equal(
        vlm_image_plan(&p, 1536, 1152,
                       &(struct vlm_image_config){.longest_edge = 1536, .tile = 384, .split = true},
                       NULL),
        VLM_OK);
    assert_int_equal(p.rows, 3);
    assert_int_equal(p.cols, 4);
    for (uint32_t i = 0; i < p.n_frames; i++) {
        vlm_image_frame_box(box, &p, i, 3000, 2000);
        if (i + 1 < p.n_frames)
            area += box[2] * box[3];
    }
    assert_true(area == 3000.0 * 2000.0);
    assert_memory_equal(box, ((double[4]){0, 0, 3000, 2000}), sizeof box);
    vlm_image_frame_box(box, &p, 6, 3000, 2000); /* row 1, column 2 */
    assert_true(box[0] == 1500 && box[2] == 750 && box[1] == 2000.0 / 3 && box[3] == 2000.0 / 3);
}

/* max_tiles: the same plan as with the first longest edge, going down by tiles, that has few
 * enough. */
static void max_tiles(void **state)
{
    (void)state;
    const uint32_t sizes[][2] = {{1, 1},     {1536, 1152}, {640, 480},  {100, 3000},
                                 {16384, 1}, {777, 778},   {3024, 4032}};
    const uint32_t configs[][2] = {{1536, 384}, {2048, 512}, {201, 57},
                                   {81, 27},    {100, 128},  {5000, 700}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t k = 0; k < sizeof configs / sizeof *configs; k++)
            for (uint32_t max = 1; max <= 40; max++) {
                struct vlm_image_config c = {.longest_edge = configs[k][0],
                                             .tile = configs[k][1],
                                             .split = true,
                                             .max_tiles = max};
                struct vlm_tile_plan p, q;
                assert_int_equal(vlm_image_plan(&p, sizes[s][0], sizes[s][1], &c, NULL), VLM_OK);
                assert_true(p.rows * p.cols <= max);
                c.max_tiles = 0;
                uint32_t edge = c.longest_edge;
                do {
                    assert_int_equal(vlm_image_plan(&q, sizes[s][0], sizes[s][1], &c, NULL),
                                     VLM_OK);
                    edge = c.longest_edge > 4096 ? 4096 : c.longest_edge;
                    c.longest_edge = edge > c.tile * 2 ? edge - c.tile : c.tile;
                } while (q.rows * q.cols > max && edge > c.tile);
                if (q.rows * q.cols <= max)
                    assert_memory_equal(&p, &q, sizeof p);
                else
                    assert_int_equal(p.n_frames, 1);
            }
}

static int plan_status(uint32_t w, uint32_t h, uint32_t edge, uint32_t tile)
{
    struct vlm_tile_plan p;
    vlm_error err = {0};
    int rc = vlm_image_plan(
        &p, w, h, &(struct vlm_image_config){.longest_edge = edge, .tile = tile, .split = true},
        &err);
    assert_true(rc == VLM_OK || one_clean_line(err.message));
    return rc;
}

static void limits_of_plans(void **state)
{
    (void)state;
    const uint32_t side = VLM_LIMIT_IMAGE_SIDE, tile = VLM_LIMIT_TILE_SIDE;
    assert_int_equal(plan_status(side, 1, 1536, 384), VLM_OK);
    assert_int_equal(plan_status(1, side, 1536, 384), VLM_OK);
    assert_int_equal(plan_status(side + 1, 1, 1536, 384), VLM_ERR_LIMIT);
    assert_int_equal(plan_status(1, side + 1, 1536, 384), VLM_ERR_LIMIT);
    assert_int_equal(plan_status(0, 1, 1536, 384), VLM_ERR_LIMIT);
    assert_int_equal(plan_status(1, 0, 1536, 384), VLM_ERR_LIMIT);
    assert_int_equal(plan_status(10, 10, 10, tile), VLM_OK);
    assert_int_equal(plan_status(10, 10, 10, tile + 1), VLM_ERR_LIMIT);
    assert_int_equal(plan_status(10, 10, 10, 0), VLM_ERR_LIMIT);
    assert_int_equal(plan_status(10, 10, 0, 10), VLM_ERR_LIMIT);
    assert_int_equal(plan_status(10, 10, 1u << 20, 512), VLM_OK); /* the reference stops at 4096 */
    assert_int_equal(plan_status(10, 10, (1u << 20) + 1, 512), VLM_ERR_LIMIT);
    assert_true(VLM_LIMIT_TILES == 1024);
    assert_int_equal(plan_status(10, 10, 320, 10), VLM_OK);        /* 32 x 32 */
    assert_int_equal(plan_status(10, 10, 330, 10), VLM_ERR_LIMIT); /* 33 x 33 */
    assert_int_equal(plan_status(10, 10, 1u << 20, 1), VLM_ERR_LIMIT);
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static int probe_png(uint32_t w, uint32_t h)
{
    uint8_t head[33] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    enum vlm_image_kind kind;
    vlm_error err = {0};
    put_u32(head + 16, w);
    put_u32(head + 20, h);
    uint32_t got_w = 0, got_h = 0;
    int rc = vlm_image_probe(&kind, &got_w, &got_h, head, sizeof head, "head.png", &err);
    if (rc == VLM_OK)
        assert_true(kind == VLM_IMAGE_PNG && got_w == w && got_h == h);
    else
        assert_true(one_clean_line(err.message) && got_w == 0);
    return rc;
}

static void limits_of_files(void **state)
{
    (void)state;
    const uint32_t side = VLM_LIMIT_IMAGE_SIDE;
    assert_int_equal(probe_png(side, 1), VLM_OK);
    assert_int_equal(probe_png(side + 1, 1), VLM_ERR_LIMIT);
    assert_int_equal(probe_png(1, side), VLM_OK);
    assert_int_equal(probe_png(1, side + 1), VLM_ERR_LIMIT);
    assert_int_equal(probe_png(side, VLM_LIMIT_IMAGE_PIXELS / side), VLM_OK);
    assert_int_equal(probe_png(side, VLM_LIMIT_IMAGE_PIXELS / side + 1), VLM_ERR_LIMIT);
    assert_int_equal(probe_png(0, 1), VLM_ERR_FORMAT);
    assert_int_equal(probe_png(1, 0), VLM_ERR_FORMAT);

    size_t n, limit = VLM_LIMIT_IMAGE_FILE_BYTES;
    uint8_t *small_file = file_named("png-2-8.png", &n), *file = calloc(1, limit + 1);
    struct vlm_image *image = NULL;
    vlm_error err;
    memcpy(file, small_file, n); /* and 32 MiB of trailing data */
    assert_int_equal(vlm_image_load(&image, &vlm_mem_system, file, limit, "long.png", &err),
                     VLM_OK);
    vlm_image_free(image);
    assert_int_equal(vlm_image_load(&image, &vlm_mem_system, file, limit + 1, "long.png", &err),
                     VLM_ERR_LIMIT);
    assert_non_null(strstr(err.message, "33554433 bytes"));
    free(small_file);
    free(file);

    uint8_t px[3] = {1, 2, 3};
    assert_int_equal(vlm_image_make(&image, &vlm_mem_system, px, side + 1, 1, &err), VLM_ERR_LIMIT);
    assert_int_equal(vlm_image_make(&image, &vlm_mem_system, px, 0, 1, &err), VLM_ERR_FORMAT);
}

/* A PNG of a million empty chunks is read, and fast: one pass over them. */
static void many_chunks(void **state)
{
    (void)state;
    size_t n, n_chunks = 1000000, at = 33;
    uint8_t *base = file_named("png-2-8.png", &n), *file = malloc(n + n_chunks * 12);
    memcpy(file, base, 33);
    for (size_t i = 0; i < n_chunks; i++, at += 12)
        memcpy(file + at, "\0\0\0\0vlMc\xBF\xB1\x13\xB2", 12);
    memcpy(file + at, base + 33, n - 33);
    struct vlm_image *image = NULL, *plain = NULL;
    vlm_error err = {0};
    int rc = vlm_image_load(&image, &vlm_mem_system, file, n + n_chunks * 12, "chunks.png", &err);
    if (rc != VLM_OK)
        print_error("%s\n", err.message);
    assert_int_equal(rc, VLM_OK);
    assert_int_equal(vlm_image_load(&plain, &vlm_mem_system, base, n, "png", NULL), VLM_OK);
    assert_memory_equal(image->hash, plain->hash, 32);
    vlm_image_free(image);
    vlm_image_free(plain);
    free(base);
    free(file);
}

/* I11: the same bytes in another shape are another picture. */
static void hash_has_the_size(void **state)
{
    (void)state;
    uint8_t px[36] = {0};
    struct vlm_image *a = NULL, *b = NULL, *c = NULL;
    vlm_image_make(&a, &vlm_mem_system, px, 3, 4, NULL);
    vlm_image_make(&b, &vlm_mem_system, px, 4, 3, NULL);
    vlm_image_make(&c, &vlm_mem_system, px, 3, 4, NULL);
    assert_memory_not_equal(a->hash, b->hash, 32);
    assert_memory_equal(a->hash, c->hash, 32);
    vlm_image_free(a);
    vlm_image_free(b);
    vlm_image_free(c);
    vlm_image_free(NULL);
}

static void png_comes_back(void **state)
{
    (void)state;
    const uint32_t sizes[][2] = {{1, 1}, {3, 1}, {1, 5}, {384, 384}, {61, 17}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct vlm_image *image = grey_ramp(sizes[i][0], sizes[i][1]), *back = NULL;
        uint8_t *png;
        size_t n;
        assert_int_equal(
            vlm_image_png(&png, &n, image->rgb, image->width, image->height, &vlm_mem_system, NULL),
            VLM_OK);
        assert_int_equal(vlm_image_load(&back, &vlm_mem_system, png, n, "back.png", NULL), VLM_OK);
        assert_memory_equal(back->hash, image->hash, 32);
        vlm_mem_free(&vlm_mem_system, png);
        vlm_image_free(back);
        vlm_image_free(image);
    }
}

/* ---- failing memory ---- */

/* Loads, tiles and writes a picture, with memory failing at call fail_at of ours or of malloc. */
static int whole_way(const uint8_t *file, size_t n, struct counter *c, uint8_t sum[32],
                     vlm_error *err)
{
    vlm_allocator a = {count_resize, c};
    struct vlm_image *image = NULL;
    struct vlm_tile_plan p;
    uint8_t *png = NULL, frames[17 * 16 * 16 * 3];
    size_t n_png = 0;
    int rc = vlm_image_load(&image, &a, file, n, "memory", err);
    if (rc != VLM_OK)
        return rc;
    assert_int_equal(vlm_image_plan(&p, image->width, image->height, &small, err), VLM_OK);
    rc = vlm_image_tiles(frames, &p, image, &small, &a, err);
    if (rc == VLM_OK)
        rc = vlm_image_png(&png, &n_png, image->rgb, image->width, image->height, &a, err);
    if (rc == VLM_OK)
        vlm_sha256_of(sum, png, n_png);
    vlm_mem_free(&a, png);
    vlm_image_free(image);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {
        "exif-6.jpg",   "jpeg-cmyk-1.jpg",  "jpeg-2x2-11.jpg",      "png-2-8-adam7.png",
        "png-0-16.png", "png-3-4-trns.png", "exif-raw-profile.png", "xmp-packed.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int of_malloc = 0; of_malloc <= MALLOC_FAILS; of_malloc++) {
            size_t n;
            uint8_t *file = file_named(names[i], &n), good[32], sum[32];
            struct counter c = {0};
            long failures = 0;
            assert_int_equal(whole_way(file, n, &c, good, NULL), VLM_OK);
            for (long at = 1;; at++) {
                vlm_error err = {0};
                c = (struct counter){.fail_at = of_malloc ? 0 : at};
                malloc_calls = 0;
                malloc_fail_at = of_malloc ? at : 0;
                int rc = whole_way(file, n, &c, sum, &err);
                bool reached = of_malloc ? malloc_calls >= at : c.calls >= at;
                malloc_fail_at = 0;
                assert_int_equal(c.blocks, 0);
                assert_int_equal(c.live, 0);
                if (rc != VLM_OK) {
                    assert_int_equal(rc, VLM_ERR_MEMORY);
                    assert_true(one_clean_line(err.message));
                    failures++;
                } else {
                    assert_memory_equal(sum, good, 32);
                }
                if (!reached)
                    break;
            }
            assert_true(of_malloc || failures >= 15);
            assert_true(!of_malloc || failures >= 5 || names[i][0] == 'p' || names[i][0] == 'x' ||
                        i == 6);
            free(file);
        }
    if (!MALLOC_FAILS)
        print_message(
            "skipped: failing malloc within libjpeg (sanitizers bring their own malloc)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_reference),
        cmocka_unit_test(refuses_in_one_line),
        cmocka_unit_test(limits_of_scans),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(every_small_size),
        cmocka_unit_test(frame_boxes),
        cmocka_unit_test(max_tiles),
        cmocka_unit_test(limits_of_plans),
        cmocka_unit_test(limits_of_files),
        cmocka_unit_test(many_chunks),
        cmocka_unit_test(hash_has_the_size),
        cmocka_unit_test(png_comes_back),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, read_pack, free_pack);
}
