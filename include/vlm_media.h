/* vlm_media.h: pictures, videos and PDF files through other programs and sandboxed children.
 *
 * Clips are decoded by ffmpeg, PDF pages by pdftoppm, each a child without network, with limits on
 * memory, time and files (limits.h), one page or frame at a time.  The programs are found by absolute
 * path only; a missing one is an error that names its Debian package.  The conventions of vlm.h hold.
 * POSIX only; these functions fork, from any thread, and leave no child behind.  What a child can do
 * beside decoding depends on the kernel: docs/ARCHITECTURE.md, section 7. */
#ifndef VLM_MEDIA_H
#define VLM_MEDIA_H

#include "vlm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* vlm_image_open in a child that can neither open files nor sockets nor start programs: a decoder
 * that crashes, hangs or grows ends the child and gives one error here. */
VLM_API int vlm_image_open_sandboxed(vlm_image **out, const vlm_engine *engine, const char *path,
                                     vlm_error *err);
VLM_API int vlm_image_decode_sandboxed(vlm_image **out, const vlm_engine *engine, const void *data,
                                       size_t n, const char *name, vlm_error *err);

typedef struct vlm_video_options {
    size_t size;         /* set by init */
    double fps;          /* frames a second to sample; 0: the model's own (SmolVLM2: 1) */
    size_t max_frames;   /* 0: the model's own (SmolVLM2: 64) */
    const char *ffmpeg;  /* absolute path; default /usr/bin/ffmpeg */
    const char *ffprobe; /* absolute path; default /usr/bin/ffprobe */
    int (*progress)(void *ctx, size_t done, size_t total); /* frames; nonzero cancels */
    void *progress_ctx;
} vlm_video_options;
VLM_API void vlm_video_options_init(vlm_video_options *o);
/* path: a clip (ffmpeg), an animated GIF, or a directory of pictures (frames in name order, all taken,
 * 24 a second, as the reference treats a list of frames); GIF and directories need no ffmpeg. */
VLM_API int vlm_video_open(vlm_video **out, const vlm_engine *engine, const char *path,
                           const vlm_video_options *o, vlm_error *err);

typedef struct vlm_pdf vlm_pdf;
typedef struct vlm_pdf_options {
    size_t size;          /* set by init */
    double dpi;           /* default 150 */
    const char *pdftoppm; /* absolute path; default /usr/bin/pdftoppm */
    const char *pdfinfo;  /* absolute path; default /usr/bin/pdfinfo */
} vlm_pdf_options;
VLM_API void vlm_pdf_options_init(vlm_pdf_options *o);
VLM_API int vlm_pdf_open(vlm_pdf **out, const vlm_engine *engine, const char *path,
                         const vlm_pdf_options *o, vlm_error *err);
VLM_API size_t vlm_pdf_n_pages(const vlm_pdf *pdf);
/* Draws page number (from 1); the caller closes the image. */
VLM_API int vlm_pdf_page(vlm_image **out, const vlm_pdf *pdf, size_t number, vlm_error *err);
VLM_API void vlm_pdf_close(vlm_pdf *pdf); /* NULL allowed */

#ifdef __cplusplus
}
#endif
#endif
