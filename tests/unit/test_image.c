/* test_image.c: pictures equal the reference's on every line of tests/data/image/golden.txt and
 * formats.txt, from file bytes to the floats of every frame (see tools/make_image_golden.py); sizes
 * and plans.  What must be refused: tests/abuse/abuse_image.c. */
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

/* ---- helpers ---- */

static void hex(char *out, const uint8_t sum[32])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
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
static const char *compare(const struct image_pack *pack, const struct golden *g)
{
    struct vlm_image *image = NULL;
    struct vlm_tile_plan plan;
    struct vlm_sha256 sha;
    vlm_error err;
    char text[65];
    uint8_t sum[32], *file = image_pack_file(pack, g->at, g->n);
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

static void equals_on(const char *name, int at_least)
{
    struct image_pack pack = image_pack_open(name);
    char line[600];
    int n = 0, wrong = 0;
    while (fgets(line, sizeof line, pack.lines) != NULL) {
        struct golden g;
        if (strncmp(line, "picture ", 8) != 0)
            continue;
        read_golden(&g, line);
        const char *what = compare(&pack, &g);
        if (what != NULL) {
            print_error("%s: %s differ\n", g.name, what);
            wrong++;
        }
        n++;
    }
    image_pack_close(&pack);
    assert_int_equal(wrong, 0);
    assert_true(n >= at_least);
}
static void jpeg_and_png_equal_the_reference(void **state)
{
    (void)state;
    equals_on("golden", 300);
}
static void other_formats_equal_the_reference(void **state)
{
    (void)state;
    equals_on("formats", 160);
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
    assert_true(rc == VLM_OK || err.message[0] != 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_and_png_equal_the_reference),
        cmocka_unit_test(other_formats_equal_the_reference),
        cmocka_unit_test(every_small_size),
        cmocka_unit_test(frame_boxes),
        cmocka_unit_test(max_tiles),
        cmocka_unit_test(limits_of_plans),
        cmocka_unit_test(hash_has_the_size),
        cmocka_unit_test(png_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
