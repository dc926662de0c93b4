/* gif.h: reading GIF files, for one picture (gif_still.c) and for frames in time (gif_play.c). */
#ifndef VLM_IMAGE_GIF_H
#define VLM_IMAGE_GIF_H

#include "image/internal.h"

struct vlm_gif_palette {
    const uint8_t *rgb; /* [n][3], in the file */
    uint32_t n;         /* 0: none */
};
struct vlm_gif_reader {
    const uint8_t *data; /* [n]: the file */
    size_t n, at;
    const char *name;       /* for errors */
    uint32_t width, height; /* of the screen; may be 0 */
    uint8_t background;     /* index into palette */
    struct vlm_gif_palette palette;
    bool any; /* a frame has been found */
};
struct vlm_gif_frame {
    uint32_t x, y, width, height; /* not empty; may reach over the screen */
    bool interlaced;
    struct vlm_gif_palette palette; /* its own, or the screen's */
    int transparent;                /* index, -1: none */
    int disposal;                   /* 0..7 as stored */
    uint32_t delay;                 /* hundredths of a second as stored */
    int code_bits;
    size_t at; /* its data */
};

int vlm_image_gif_open(struct vlm_gif_reader *r, const uint8_t *data, size_t n, const char *name,
                       vlm_error *err);
/* The next frame, without its pixels.  VLM_DONE: there is none. */
int vlm_image_gif_frame(struct vlm_gif_reader *r, struct vlm_gif_frame *frame, vlm_error *err);
/* Hands every row of indices of a frame to draw, in the order of the file: width values for row y.
 */
int vlm_image_gif_rows(const struct vlm_gif_reader *r, const struct vlm_gif_frame *frame,
                       void (*draw)(void *ctx, uint32_t y, const uint8_t *indices), void *ctx,
                       const vlm_allocator *alloc, vlm_error *err);

#endif
