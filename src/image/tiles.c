/* tiles.c: from a picture of any size to the frames a tower sees, as the PIL image processor of
 * SmolVLM in transformers 5.23 (Idefics3 has the same) does it; docs/MODEL-smolvlm2.md says how.
 * Sizes are computed in doubles, in the order of operations of the reference: that decides ties. */
#include <string.h>

#include "base/limits.h"
#include "image/image.h"

/* The reference never lets a side grow beyond this, whatever the model's longest_edge. */
#define MAX_EDGE 4096

struct size {
    uint32_t w, h;
};

static uint32_t at_least_1(double v)
{
    return v < 1.0 ? 1 : (uint32_t)v;
}
static uint32_t even_up(double v)
{
    uint32_t n = v < 1.0 ? 0 : (uint32_t)v;
    n += n & 1;
    return n == 0 ? 1 : n;
}
static uint32_t multiple(uint32_t v, uint32_t tile)
{
    return (v + tile - 1) / tile * tile;
}

/* The longest edge becomes edge, the other one follows and is made even.  edge is at most 2^20, so
 * nothing overflows. */
static struct size to_edge(uint32_t w, uint32_t h, uint32_t edge)
{
    double ratio = (double)w / h;
    return w >= h ? (struct size){edge, even_up(edge / ratio)}
                  : (struct size){even_up(edge * ratio), edge};
}

/* To edge, then both sides are brought below MAX_EDGE. */
static struct size step1(uint32_t w, uint32_t h, uint32_t edge)
{
    struct size s = to_edge(w, h, edge);
    double ratio = (double)s.w / s.h;
    if (s.w >= s.h && s.w > MAX_EDGE)
        s = (struct size){MAX_EDGE, at_least_1(MAX_EDGE / ratio)};
    else if (s.h > s.w && s.h > MAX_EDGE)
        s = (struct size){at_least_1(MAX_EDGE * ratio), MAX_EDGE};
    return s;
}

/* Both sides become multiples of the tile. */
static struct size step2(struct size s, uint32_t tile)
{
    double ratio = (double)s.w / s.h;
    if (s.w >= s.h) {
        uint32_t w = multiple(s.w, tile);
        return (struct size){w, multiple(at_least_1(w / ratio), tile)};
    }
    uint32_t h = multiple(s.h, tile);
    return (struct size){multiple(at_least_1(h * ratio), tile), h};
}

static void plan_for_edge(struct vlm_tile_plan *p, uint32_t width, uint32_t height, uint32_t edge,
                          uint32_t tile, bool split)
{
    struct size s1 = step1(width, height, edge);
    struct size s2 = split ? step2(s1, tile) : (struct size){tile, tile};
    *p = (struct vlm_tile_plan){
        .step1_width = s1.w, .step1_height = s1.h, .width = s2.w, .height = s2.h, .tile = tile};
    if (s2.w > tile || s2.h > tile) {
        p->rows = s2.h / tile;
        p->cols = s2.w / tile;
    }
    p->n_frames = p->rows * p->cols + 1;
}

static int check_config(const struct vlm_image_config *c, uint32_t longest_edge, vlm_error *err)
{
    if (c->tile == 0 || c->tile > VLM_LIMIT_TILE_SIDE)
        return vlm_fail(err, VLM_ERR_LIMIT, "tiles of %u pixels: 1 to %u are possible", c->tile,
                        (unsigned)VLM_LIMIT_TILE_SIDE);
    if (longest_edge == 0 || longest_edge > (1u << 20))
        return vlm_fail(err, VLM_ERR_LIMIT, "longest edge of %u pixels: 1 to %u are possible",
                        longest_edge, 1u << 20);
    return VLM_OK;
}

static int check_sides(uint32_t width, uint32_t height, vlm_error *err)
{
    if (width == 0 || height == 0 || width > VLM_LIMIT_IMAGE_SIDE || height > VLM_LIMIT_IMAGE_SIDE)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "a picture of %ux%u pixels: sides of 1 to %u are possible", width, height,
                        (unsigned)VLM_LIMIT_IMAGE_SIDE);
    return VLM_OK;
}

/* With max_tiles the longest edge goes down by one tile at a time until the tiles are few enough,
 * but not below one tile; where even that gives more (the even rule can push the other side of an
 * odd tile over it), the picture is not split. */
int vlm_image_plan(struct vlm_tile_plan *plan, uint32_t width, uint32_t height,
                   const struct vlm_image_config *c, vlm_error *err)
{
    int rc = check_config(c, c->longest_edge, err);
    if (rc == VLM_OK)
        rc = check_sides(width, height, err);
    if (rc != VLM_OK)
        return rc;
    struct vlm_tile_plan p;
    uint32_t edge = c->longest_edge;
    plan_for_edge(&p, width, height, edge, c->tile, c->split);
    if (c->max_tiles != 0 && edge > MAX_EDGE && p.n_frames - 1 > c->max_tiles)
        edge = MAX_EDGE;
    while (c->max_tiles != 0 && p.n_frames - 1 > c->max_tiles) {
        bool last = edge <= c->tile;
        edge = edge > 2 * c->tile ? edge - c->tile : c->tile;
        plan_for_edge(&p, width, height, edge, c->tile, c->split && !last);
    }
    if (p.n_frames - 1 > VLM_LIMIT_TILES)
        return vlm_fail(
            err, VLM_ERR_LIMIT,
            "a picture of %ux%u pixels makes %ux%u tiles of %u pixels, at most %u are possible",
            width, height, p.cols, p.rows, c->tile, (unsigned)VLM_LIMIT_TILES);
    *plan = p;
    return VLM_OK;
}

/* A picture on its way through the two resizes; owned is NULL while the pixels are the caller's. */
struct stage {
    uint8_t *owned;
    const uint8_t *pixels;
    uint32_t w, h;
};

static int stage_resize(struct stage *s, uint32_t w, uint32_t h, enum vlm_resample filter,
                        const vlm_allocator *alloc, vlm_error *err)
{
    if (s->w == w && s->h == h)
        return VLM_OK;
    uint8_t *to = vlm_mem_alloc(alloc, (size_t)w * h, 3);
    if (to == NULL)
        return vlm_fail_memory(err, (size_t)w * h * 3, "a resized picture");
    int rc = vlm_image_resize(to, w, h, s->pixels, s->w, s->h, filter, alloc, err);
    if (rc != VLM_OK) {
        vlm_mem_free(alloc, to);
        return rc;
    }
    vlm_mem_free(alloc, s->owned);
    *s = (struct stage){to, to, w, h};
    return VLM_OK;
}

static void cut(uint8_t *out, const uint8_t *pixels, const struct vlm_tile_plan *p)
{
    size_t row_bytes = (size_t)p->tile * 3;
    for (uint32_t r = 0; r < p->rows; r++)
        for (uint32_t c = 0; c < p->cols; c++)
            for (uint32_t y = 0; y < p->tile; y++, out += row_bytes)
                memcpy(out,
                       pixels + (((size_t)r * p->tile + y) * p->width + (size_t)c * p->tile) * 3,
                       row_bytes);
}

int vlm_image_tiles(uint8_t *out, const struct vlm_tile_plan *plan, const struct vlm_image *image,
                    const struct vlm_image_config *c, const vlm_allocator *alloc, vlm_error *err)
{
    struct stage s = {NULL, image->rgb, image->width, image->height};
    size_t frame_bytes = (size_t)plan->tile * plan->tile * 3;
    int rc = stage_resize(&s, plan->step1_width, plan->step1_height, c->resample, alloc, err);
    if (rc == VLM_OK)
        rc = stage_resize(&s, plan->width, plan->height, c->resample, alloc, err);
    if (rc == VLM_OK) {
        cut(out, s.pixels, plan);
        rc = vlm_image_resize(out + (plan->n_frames - 1) * frame_bytes, plan->tile, plan->tile,
                              s.pixels, s.w, s.h, c->resample, alloc, err);
    }
    vlm_mem_free(alloc, s.owned);
    return rc;
}

int vlm_image_video_frame(uint8_t *out, const uint8_t *rgb, uint32_t width, uint32_t height,
                          const struct vlm_image_config *c, uint32_t longest_edge,
                          const vlm_allocator *alloc, vlm_error *err)
{
    int rc = check_config(c, longest_edge, err);
    if (rc == VLM_OK)
        rc = check_sides(width, height, err);
    if (rc != VLM_OK)
        return rc;
    struct size s = to_edge(width, height, longest_edge < MAX_EDGE ? longest_edge : MAX_EDGE);
    uint8_t *between = vlm_mem_alloc(alloc, (size_t)s.w * s.h, 3);
    if (between == NULL)
        return vlm_fail_memory(err, (size_t)s.w * s.h * 3, "a resized frame");
    rc = vlm_image_resize_video(between, s.w, s.h, rgb, width, height, c->resample, alloc, err);
    if (rc == VLM_OK)
        rc = vlm_image_resize_video(out, c->tile, c->tile, between, s.w, s.h, c->resample, alloc,
                                    err);
    vlm_mem_free(alloc, between);
    return rc;
}

static void apply_table(float *out, const uint8_t *frame, uint32_t tile, float table[3][256])
{
    size_t n = (size_t)tile * tile;
    for (int ch = 0; ch < 3; ch++)
        for (size_t i = 0; i < n; i++)
            out[ch * n + i] = table[ch][frame[3 * i + ch]];
}

/* float32(x * rescale) with the product in doubles, then (v - mean) / std in fp32. */
void vlm_image_normalise(float *out, const uint8_t *frame, uint32_t tile,
                         const struct vlm_image_config *c)
{
    float table[3][256];
    for (int ch = 0; ch < 3; ch++)
        for (int v = 0; v < 256; v++)
            table[ch][v] = ((float)(v * c->rescale) - c->mean[ch]) / c->std[ch];
    apply_table(out, frame, tile, table);
}

void vlm_image_normalise_video(float *out, const uint8_t *frame, uint32_t tile,
                               const struct vlm_image_config *c)
{
    float table[3][256], scale = (float)(1.0 / c->rescale);
    for (int ch = 0; ch < 3; ch++) {
        float mean = c->mean[ch] * scale, std = c->std[ch] * scale;
        for (int v = 0; v < 256; v++)
            table[ch][v] = ((float)v - mean) / std;
    }
    apply_table(out, frame, tile, table);
}

void vlm_image_frame_box(double box[4], const struct vlm_tile_plan *plan, uint32_t i,
                         uint32_t width, uint32_t height)
{
    if (i >= plan->rows * plan->cols) {
        memcpy(box, (double[4]){0, 0, width, height}, 4 * sizeof *box);
        return;
    }
    double w = (double)width / plan->cols, h = (double)height / plan->rows;
    box[0] = i % plan->cols * w;
    box[1] = i / plan->cols * h;
    box[2] = w;
    box[3] = h;
}
