/* gif_play.c: the frames of a GIF in time, as ffmpeg (and so the reference's video path) shows
 * them: transparent places are white, frames are cut at the screen, a pause below 0.02 s is taken
 * for 0.1 s.  Memory is the screen, and a copy of it once a frame asks to be taken back. */
#include "image/gif.h"

#include <string.h>

#include "base/checked.h"
#include "base/limits.h"

enum { DISPOSE_BACKGROUND = 2, DISPOSE_BACK = 3 };

struct rect {
    uint32_t x, y, width, height;
};

struct vlm_gif {
    const vlm_allocator *alloc;
    struct vlm_gif_reader reader;
    uint8_t *canvas, *saved;   /* [height][width][3]; saved: NULL until needed */
    uint64_t n_frames, length; /* in all; hundredths of a second */
    bool begun;
    uint64_t time; /* of the next frame */
    /* what happens before the next frame */
    int disposal;
    struct rect area;
    uint8_t empty[3];
};

/* Hundredths of a second that a frame stays. */
static uint32_t pause_of(const struct vlm_gif_frame *f)
{
    return f->delay < 2 ? 10 : f->delay;
}

/* Walks over all frames without decoding: what must be refused is refused before memory is taken.
 */
static int walk(struct vlm_gif *g, struct vlm_gif_reader r, vlm_error *err)
{
    struct vlm_gif_frame f;
    uint64_t n_pixels = 0;
    int rc;
    while ((rc = vlm_image_gif_frame(&r, &f, err)) == VLM_OK) {
        n_pixels += (uint64_t)f.width * f.height;
        g->length += pause_of(&f);
        if (++g->n_frames > VLM_LIMIT_GIF_FRAMES)
            return vlm_fail(err, VLM_ERR_LIMIT, "%s: GIF with more than %u frames", r.name,
                            (unsigned)VLM_LIMIT_GIF_FRAMES);
        if (n_pixels > VLM_LIMIT_GIF_PIXELS)
            return vlm_fail(err, VLM_ERR_LIMIT, "%s: GIF with frames of more than %u pixels in all",
                            r.name, (unsigned)VLM_LIMIT_GIF_PIXELS);
        if (f.x >= r.width || f.y >= r.height)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF with a frame outside of its %ux%u pixels",
                            r.name, r.width, r.height);
    }
    if (rc == VLM_DONE && g->n_frames == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF without a picture", r.name);
    return rc == VLM_DONE ? VLM_OK : rc;
}

int vlm_gif_open(struct vlm_gif **out, const vlm_allocator *alloc, const uint8_t *data, size_t n,
                 const char *name, vlm_error *err)
{
    struct vlm_gif g = {.alloc = alloc};
    struct vlm_gif_reader *r = &g.reader;
    if (n > VLM_LIMIT_IMAGE_FILE_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %zu bytes; a GIF may have at most %u", name, n,
                        (unsigned)VLM_LIMIT_IMAGE_FILE_BYTES);
    if (n < 6 || (memcmp(data, "GIF87a", 6) != 0 && memcmp(data, "GIF89a", 6) != 0))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: this is not a GIF", name);
    int rc = vlm_image_gif_open(r, data, n, name, err);
    if (rc == VLM_OK)
        rc = vlm_image_check_size(r->width, r->height, name, err);
    if (rc == VLM_OK)
        rc = walk(&g, *r, err);
    if (rc != VLM_OK)
        return rc;
    struct vlm_gif *made = vlm_mem_alloc(alloc, 1, sizeof g);
    g.canvas = vlm_mem_alloc(alloc, (size_t)r->width * r->height, 3);
    if (made == NULL || g.canvas == NULL) {
        vlm_mem_free(alloc, made);
        vlm_mem_free(alloc, g.canvas);
        return vlm_fail_memory(err, (size_t)r->width * r->height * 3, "the frames of a GIF");
    }
    *made = g;
    *out = made;
    return VLM_OK;
}

void vlm_gif_close(struct vlm_gif *g)
{
    if (g == NULL)
        return;
    vlm_mem_free(g->alloc, g->canvas);
    vlm_mem_free(g->alloc, g->saved);
    vlm_mem_free(g->alloc, g);
}

struct vlm_gif_info vlm_gif_info(const struct vlm_gif *g)
{
    return (struct vlm_gif_info){g->reader.width, g->reader.height, (uint32_t)g->n_frames,
                                 (double)g->length / 100};
}

/* ---- the canvas ---- */

static void fill(struct vlm_gif *g, struct rect a, const uint8_t rgb[3])
{
    for (uint32_t y = a.y; y < a.y + a.height; y++) {
        uint8_t *p = g->canvas + ((size_t)y * g->reader.width + a.x) * 3;
        for (uint32_t x = 0; x < a.width; x++, p += 3)
            memcpy(p, rgb, 3);
    }
}

static void copy(const struct vlm_gif *g, uint8_t *to, const uint8_t *from, struct rect a)
{
    for (uint32_t y = a.y; y < a.y + a.height; y++) {
        size_t at = ((size_t)y * g->reader.width + a.x) * 3;
        memcpy(to + at, from + at, (size_t)a.width * 3);
    }
}

/* The colour of empty places: white where the frame has a transparent colour, else the screen's
 * background. */
static void set_empty(struct vlm_gif *g, const struct vlm_gif_frame *f)
{
    const struct vlm_gif_reader *r = &g->reader;
    memset(g->empty, f->transparent >= 0 ? 255 : 0, 3);
    if (f->transparent < 0 && r->background < r->palette.n)
        memcpy(g->empty, r->palette.rgb + 3 * (size_t)r->background, 3);
}

/* Before a frame is drawn: the one before goes, and what this one will cover is kept if it has to
 * come back. */
static int prepare(struct vlm_gif *g, const struct vlm_gif_frame *f, struct rect area,
                   vlm_error *err)
{
    static const uint8_t white[3] = {255, 255, 255};
    const struct rect all = {0, 0, g->reader.width, g->reader.height};
    if (!g->begun) {
        set_empty(g, f);
        fill(g, all, g->reader.palette.n == 0 ? white : g->empty);
    }
    if (g->disposal == DISPOSE_BACKGROUND)
        fill(g, g->area, g->empty);
    else if (g->disposal == DISPOSE_BACK)
        copy(g, g->canvas, g->saved, g->area);
    g->begun = true;
    g->disposal = f->disposal;
    g->area = area;
    set_empty(g, f);
    if (f->disposal != DISPOSE_BACK)
        return VLM_OK;
    size_t bytes = (size_t)all.width * all.height * 3;
    if (g->saved == NULL)
        g->saved = vlm_mem_alloc(g->alloc, bytes, 1);
    if (g->saved == NULL) {
        g->disposal = 0;
        return vlm_fail_memory(err, bytes, "the frames of a GIF");
    }
    copy(g, g->saved, g->canvas, area);
    return VLM_OK;
}

struct drawing {
    uint8_t *rgb; /* at the frame's corner */
    size_t stride;
    struct rect area;
    int transparent;
    uint8_t colors[256][3];
};

static void draw_row(void *ctx, uint32_t y, const uint8_t *indices)
{
    struct drawing *d = ctx;
    if (y >= d->area.height)
        return;
    uint8_t *to = d->rgb + y * d->stride;
    for (uint32_t x = 0; x < d->area.width; x++, to += 3)
        if (indices[x] != d->transparent)
            memcpy(to, d->colors[indices[x]], 3);
}

/* Without any palette indices are levels of grey; beyond a palette is black. */
static void set_colors(uint8_t colors[256][3], const struct vlm_gif_frame *f)
{
    if (f->palette.n != 0)
        memcpy(colors, f->palette.rgb, 3 * (size_t)f->palette.n);
    for (uint32_t i = f->palette.n; i < 256; i++)
        memset(colors[i], f->palette.n == 0 ? (int)i : 0, 3);
}

int vlm_gif_next(struct vlm_gif *g, const uint8_t **rgb, double *seconds, double *frame_seconds,
                 vlm_error *err)
{
    struct vlm_gif_frame f;
    struct drawing d;
    int rc = vlm_image_gif_frame(&g->reader, &f, err);
    if (rc != VLM_OK)
        return rc;
    d.area = (struct rect){f.x, f.y, (uint32_t)vlm_min_size(f.width, g->reader.width - f.x),
                           (uint32_t)vlm_min_size(f.height, g->reader.height - f.y)};
    rc = prepare(g, &f, d.area, err);
    if (rc != VLM_OK)
        return rc;
    d.stride = (size_t)g->reader.width * 3;
    d.rgb = g->canvas + f.y * d.stride + 3 * (size_t)f.x;
    d.transparent = f.transparent;
    set_colors(d.colors, &f);
    rc = vlm_image_gif_rows(&g->reader, &f, draw_row, &d, g->alloc, err);
    if (rc != VLM_OK)
        return rc;
    *rgb = g->canvas;
    *seconds = (double)g->time / 100;
    *frame_seconds = pause_of(&f) / 100.0;
    g->time += pause_of(&f);
    return VLM_OK;
}
