/* gif_still.c: the first frame of a GIF with the colours that the reference makes of it, through
 * Pillow: the screen grows to hold the frame; around it lies the transparent colour, or the first
 * one; what is transparent, and every colour equal to it, is white. */
#include "image/gif.h"

#include <string.h>

#include "base/checked.h"

static int first_frame(struct vlm_gif_reader *r, struct vlm_gif_frame *f, const uint8_t *data,
                       size_t n, const char *name, vlm_error *err)
{
    int rc = vlm_image_gif_open(r, data, n, name, err);
    if (rc == VLM_OK)
        rc = vlm_image_gif_frame(r, f, err);
    if (rc == VLM_DONE)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF without a picture", name);
    return rc;
}

int vlm_image_gif_size(uint32_t *width, uint32_t *height, const uint8_t *data, size_t n,
                       const char *name, vlm_error *err)
{
    struct vlm_gif_reader r;
    struct vlm_gif_frame f;
    int rc = first_frame(&r, &f, data, n, name, err);
    if (rc != VLM_OK)
        return rc;
    *width = (uint32_t)vlm_max_size(r.width, f.x + f.width);
    *height = (uint32_t)vlm_max_size(r.height, f.y + f.height);
    return VLM_OK;
}

/* Whether colour i is (i, i, i), as in a palette that is not there. */
static bool is_ramp(const struct vlm_gif_palette *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t c = 0; c < 3; c++)
            if (p->rgb[3 * i + c] != i)
                return false;
    return true;
}

/* Colours beyond a palette are black.  Pillow drops a palette that is a ramp: the frame then has
 * the colours of the screen's palette, or is grey. */
static void set_colors(uint8_t colors[256][3], const struct vlm_gif_reader *r,
                       const struct vlm_gif_frame *f)
{
    const struct vlm_gif_palette *palette = is_ramp(&f->palette) ? &r->palette : &f->palette;
    bool grey = is_ramp(palette);
    for (uint32_t i = 0; i < 256; i++)
        if (grey || i >= palette->n)
            memset(colors[i], grey ? (int)i : 0, 3);
        else
            memcpy(colors[i], palette->rgb + 3 * i, 3);
    if (f->transparent < 0)
        return;
    uint8_t key[3];
    memcpy(key, colors[f->transparent], 3);
    for (uint32_t i = 0; i < 256; i++)
        if (memcmp(colors[i], key, 3) == 0)
            memset(colors[i], 255, 3);
}

struct drawing {
    uint8_t *rgb; /* at the frame's corner */
    size_t stride;
    uint32_t width;
    uint8_t colors[256][3];
};

static void draw_row(void *ctx, uint32_t y, const uint8_t *indices)
{
    struct drawing *d = ctx;
    uint8_t *to = d->rgb + y * d->stride;
    for (uint32_t x = 0; x < d->width; x++, to += 3)
        memcpy(to, d->colors[indices[x]], 3);
}

int vlm_image_decode_gif(struct vlm_image_job *job)
{
    struct vlm_gif_reader r;
    struct vlm_gif_frame f;
    struct drawing d;
    int rc = first_frame(&r, &f, job->data, job->n, job->name, job->err);
    if (rc != VLM_OK)
        return rc;
    set_colors(d.colors, &r, &f);
    const uint8_t *around = d.colors[f.transparent < 0 ? 0 : f.transparent];
    if (f.width != job->width || f.height != job->height)
        for (size_t i = 0; i < (size_t)job->width * job->height; i++)
            memcpy(job->rgb + 3 * i, around, 3);
    d.stride = (size_t)job->width * 3;
    d.rgb = job->rgb + f.y * d.stride + 3 * (size_t)f.x;
    d.width = f.width;
    return vlm_image_gif_rows(&r, &f, draw_row, &d, job->alloc, job->err);
}
