/* internal.h: what the files of this room share.  Decoders get the whole file and a picture whose
 * size the probe has checked against the limits; they write RGB rows and have no other effect. */
#ifndef VLM_IMAGE_INTERNAL_H
#define VLM_IMAGE_INTERNAL_H

#include "base/buf.h"
#include "image/image.h"

/* A picture being decoded. */
struct vlm_image_job {
    const vlm_allocator *alloc;
    const uint8_t *data; /* [n]: the file */
    size_t n;
    const char *name;       /* for errors */
    uint32_t width, height; /* as stored, before EXIF transposition */
    uint8_t *rgb;           /* [height][width][3] */
    vlm_error *err;
};
int vlm_image_decode_jpeg(struct vlm_image_job *job);
int vlm_image_decode_png(struct vlm_image_job *job);
int vlm_image_decode_gif(struct vlm_image_job *job);
int vlm_image_decode_webp(struct vlm_image_job *job);

int vlm_image_jpeg_size(uint32_t *width, uint32_t *height, const uint8_t *data, size_t n,
                        const char *name, vlm_error *err);
int vlm_image_png_size(uint32_t *width, uint32_t *height, const uint8_t *data, size_t n,
                       const char *name, vlm_error *err);
int vlm_image_gif_size(uint32_t *width, uint32_t *height, const uint8_t *data, size_t n,
                       const char *name, vlm_error *err);
int vlm_image_webp_size(uint32_t *width, uint32_t *height, const uint8_t *data, size_t n,
                        const char *name, vlm_error *err);
/* Whether a picture may have this size (limits.h). */
int vlm_image_check_size(uint32_t width, uint32_t height, const char *name, vlm_error *err);
/* 1..8: how the stored picture lies; 1 when the file does not say.  Fails only for lack of memory.
 */
int vlm_image_jpeg_orientation(int *orientation, const vlm_allocator *alloc, const uint8_t *data,
                               size_t n, vlm_error *err);
int vlm_image_png_orientation(int *orientation, const vlm_allocator *alloc, const uint8_t *data,
                              size_t n, vlm_error *err);
int vlm_image_webp_orientation(const uint8_t *data, size_t n);

/* Orientation out of EXIF data (a TIFF header and its first directory, "Exif\0\0" before it
 * allowed): 0: no such tag; 1..8; 9: a tag without effect. */
int vlm_image_exif_orientation(const uint8_t *data, size_t n);
/* The same out of an XMP packet. */
int vlm_image_xmp_orientation(const uint8_t *data, size_t n);

/* vlm_image_resize in full: how is 0 or a sum of these. */
enum {
    VLM_RESIZE_PLAIN = 1,  /* without vector loops: for tests, the result is the same */
    VLM_RESIZE_16_BITS = 2 /* weights as vlm_image_resize_video */
};
int vlm_image_resize_with(uint8_t *dst, uint32_t dw, uint32_t dh, const uint8_t *src, uint32_t sw,
                          uint32_t sh, enum vlm_resample filter, unsigned how,
                          const vlm_allocator *alloc, vlm_error *err);

#endif
