/* image.h: from file bytes to the tiles a tower sees, with the pixels of the reference processor
 * (transformers' SmolVLMImageProcessorPil on files loaded through Pillow <= 12.0). */
#ifndef VLM_IMAGE_IMAGE_H
#define VLM_IMAGE_IMAGE_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/status.h"

struct vlm_image { /* immutable once made */
    const vlm_allocator *alloc;
    uint32_t width, height;
    uint8_t *rgb;     /* [height][width][3] */
    uint8_t hash[32]; /* SHA-256 of "vlm-rgb", width, height (u32 little-endian) and rgb */
};

/* The kind and size a file claims, from its header alone; limits of limits.h checked.  Unknown
 * kinds are refused by name where recognised (BMP, TIFF, SVG, HEIC, PDF, text ...). */
enum vlm_image_kind { VLM_IMAGE_JPEG, VLM_IMAGE_PNG, VLM_IMAGE_WEBP, VLM_IMAGE_GIF };
int vlm_image_probe(enum vlm_image_kind *kind, uint32_t *width, uint32_t *height,
                    const uint8_t *data, size_t n, const char *name, vlm_error *err);
/* Decodes the first picture of a file to RGB as Pillow's convert("RGB") after EXIF transposition
 * (alpha is dropped), but for what the reference's processor still does: a colour that a PNG's tRNS
 * or a GIF makes transparent becomes white.  name: for errors. */
int vlm_image_load(struct vlm_image **out, const vlm_allocator *alloc, const uint8_t *data,
                   size_t n, const char *name, vlm_error *err);
int vlm_image_make(struct vlm_image **out, const vlm_allocator *alloc, const uint8_t *rgb,
                   uint32_t width, uint32_t height, vlm_error *err); /* copies */
void vlm_image_free(struct vlm_image *image);                        /* NULL allowed */

/* ---- resize ---- */
enum vlm_resample { VLM_RESAMPLE_LANCZOS = 1, VLM_RESAMPLE_BICUBIC = 3 }; /* Pillow's numbers */
/* src [sh][sw][3] -> dst [dh][dw][3], bit for bit Pillow <= 12.0's Image.resize: horizontal pass
 * first, each pass rounded to 8 bits.  Same size: a copy. */
int vlm_image_resize(uint8_t *dst, uint32_t dw, uint32_t dh, const uint8_t *src, uint32_t sw,
                     uint32_t sh, enum vlm_resample filter, const vlm_allocator *alloc,
                     vlm_error *err);

/* The same as torchvision's resize of uint8 tensors on a CPU (0.27 and later, antialias), which the
 * reference uses for frames of a video: weights of 16 bits, up to 2 levels from the above. */
int vlm_image_resize_video(uint8_t *dst, uint32_t dw, uint32_t dh, const uint8_t *src, uint32_t sw,
                           uint32_t sh, enum vlm_resample filter, const vlm_allocator *alloc,
                           vlm_error *err);

/* ---- tiling ---- */
struct vlm_image_config {  /* from preprocessor_config.json */
    uint32_t longest_edge; /* size.longest_edge */
    uint32_t tile;         /* max_image_size.longest_edge */
    enum vlm_resample resample;
    bool split;         /* do_image_splitting */
    uint32_t max_tiles; /* 0: none; else the longest edge is lowered until rows*cols <= max_tiles */
    double rescale;     /* 1/255 */
    float mean[3], std[3];
};
struct vlm_tile_plan {
    uint32_t step1_width, step1_height; /* longest edge brought to longest_edge */
    uint32_t width, height;             /* what is cut into tiles */
    uint32_t rows, cols;                /* 0, 0: one frame */
    uint32_t tile;                      /* side of every frame */
    uint32_t n_frames;                  /* rows*cols + 1, or 1 */
};
int vlm_image_plan(struct vlm_tile_plan *plan, uint32_t width, uint32_t height,
                   const struct vlm_image_config *c, vlm_error *err);
/* Writes all frames: [n_frames][tile][tile][3], tiles row-major, overview last. */
int vlm_image_tiles(uint8_t *out, const struct vlm_tile_plan *plan, const struct vlm_image *image,
                    const struct vlm_image_config *c, const vlm_allocator *alloc, vlm_error *err);
/* One frame to the tower's input: out [3][tile][tile] = (x * rescale - mean) / std as the
 * reference. */
void vlm_image_normalise(float *out, const uint8_t *frame, uint32_t tile,
                         const struct vlm_image_config *c);
/* One frame of a video, RGB [height][width][3], to out [tile][tile][3]: its longest edge is brought
 * to longest_edge (the video processor's size.longest_edge, at most 4096), then it becomes square,
 * both with vlm_image_resize_video.  c: tile and resample. */
int vlm_image_video_frame(uint8_t *out, const uint8_t *rgb, uint32_t width, uint32_t height,
                          const struct vlm_image_config *c, uint32_t longest_edge,
                          const vlm_allocator *alloc, vlm_error *err);
/* One frame of a video to the tower's input, as the reference's video processor:
 * (x - mean / rescale) / (std / rescale), all in fp32. */
void vlm_image_normalise_video(float *out, const uint8_t *frame, uint32_t tile,
                               const struct vlm_image_config *c);
/* The part of the source picture (x, y, w, h in its pixels) that frame i shows. */
void vlm_image_frame_box(double box[4], const struct vlm_tile_plan *plan, uint32_t i,
                         uint32_t width, uint32_t height);

/* ---- animated GIF ---- */
/* Frames in order, each whole and on the background, as ffmpeg shows them (see gif_play.c).  data
 * and name must outlive the struct. */
struct vlm_gif;
struct vlm_gif_info {
    uint32_t width, height, n_frames;
    double seconds; /* of all frames */
};
int vlm_gif_open(struct vlm_gif **out, const vlm_allocator *alloc, const uint8_t *data, size_t n,
                 const char *name, vlm_error *err);
struct vlm_gif_info vlm_gif_info(const struct vlm_gif *g);
/* *rgb: [height][width][3], until the next call; *seconds: when it begins; *frame_seconds: how long
 * it stays.  VLM_DONE past the last one.  After an error the only thing left to do is to close. */
int vlm_gif_next(struct vlm_gif *g, const uint8_t **rgb, double *seconds, double *frame_seconds,
                 vlm_error *err);
void vlm_gif_close(struct vlm_gif *g); /* NULL allowed */

/* 8-bit RGB PNG. *out is taken from alloc. */
int vlm_image_png(uint8_t **out, size_t *n, const uint8_t *rgb, uint32_t width, uint32_t height,
                  const vlm_allocator *alloc, vlm_error *err);

#endif
