/* media.h: what the files of this room share: sampling, and readers of what other programs say.
 * The contract is vlm_media.h.  Nothing here trusts a file or a program. */
#ifndef VLM_MEDIA_MEDIA_H
#define VLM_MEDIA_MEDIA_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/os_child.h"
#include "vlm_media.h"
#include "vlm_tools.h"

/* ---- sample.c ---- */

/* Which of total frames the model sees, as SmolVLMVideoProcessor.sample_frames of transformers 5.23
 * does it: fps frames a second, at most max.  Writes up to cap indices, strictly increasing, and
 * returns how many; 0 when a number makes no sense or cap is too small. */
size_t vlm_media_sample(uint64_t *indices, size_t cap, uint64_t total, double duration,
                        double video_fps, double fps, size_t max);

/* ---- say.c: readers; each takes bytes of any content ---- */

struct vlm_media_stream { /* a video stream, from ffprobe's packets */
    uint64_t index;
    uint64_t n_frames;
    int64_t first, end; /* the least presentation time, the largest end, in units of num/den */
    bool timed;         /* every packet had a time */
    bool described;     /* what follows is known */
    int64_t num, den;
    uint64_t width, height, bit_rate;
    bool is_default, attached;
};
struct vlm_media_clip {
    struct vlm_media_stream streams[64];
    size_t n_streams;
    double first_seconds, last_seconds; /* of packets, as printed: to stop early */
    bool any_seconds;
    size_t n_line;
    char line[1024];
    const char *what; /* what was wrong, or NULL */
};
void vlm_media_clip_begin(struct vlm_media_clip *c);
/* The next piece of ffprobe's output ("-of compact", packets and streams); false: see what. */
bool vlm_media_clip_add(struct vlm_media_clip *c, const char *bytes, size_t n);
bool vlm_media_clip_end(struct vlm_media_clip *c);
/* The stream that a player would show, or NULL. */
const struct vlm_media_stream *vlm_media_clip_best(const struct vlm_media_clip *c);

/* "P6 width height 255": 1: complete, *used bytes; 0: more bytes are needed; -1: no such header. */
int vlm_media_ppm(const uint8_t *p, size_t n, uint32_t *width, uint32_t *height, size_t *used);

/* pdfinfo's "Pages:"; false: none. */
bool vlm_media_pdf_pages(uint64_t *pages, const char *text, size_t n);
/* The size in points of a page as pdftoppm draws it, from pdfinfo -box -f N -l N. */
bool vlm_media_pdf_size(double *width, double *height, const char *text, size_t n, size_t page);

/* ---- run.c: running programs on a file ---- */

struct vlm_media_run {
    const char *shown; /* the file, for errors */
    const char *program;
    const char *package; /* Debian's, for the error when program is missing */
    struct vlm_child child;
    size_t n_kept; /* read, not yet taken */
    uint8_t kept[128];
};
struct vlm_media_task {
    const char *shown, *program, *package;
    const char *const *argv;
    int input;
    uint64_t cpu_seconds, seconds;
    bool (*cancelled)(void *ctx);
    void *ctx;
};
int vlm_media_start(struct vlm_media_run *r, const struct vlm_media_task *t, vlm_error *err);
/* Everything it prints, up to text->limit, and its good end. */
int vlm_media_collect(struct vlm_media_run *r, struct vlm_buf *text, vlm_error *err);
/* The next PPM picture into *rgb (grown as needed, at most max_pixels).  1: a picture; 0: there are
 * no more. */
int vlm_media_picture(struct vlm_media_run *r, const vlm_allocator *alloc, uint8_t **rgb,
                      size_t *n_rgb, uint64_t max_pixels, uint32_t *width, uint32_t *height,
                      vlm_error *err);
/* Its good end, or an error that repeats what it complained. */
int vlm_media_finish(struct vlm_media_run *r, vlm_error *err);
void vlm_media_close(struct vlm_media_run *r);

/* ---- frames.c: clips that need no other program ---- */
struct vlm_media_sampling {
    double fps;
    size_t max;
    int (*progress)(void *ctx, size_t done, size_t total);
    void *ctx;
};
int vlm_media_directory(vlm_video **out, const vlm_engine *engine, const char *path,
                        const struct vlm_media_sampling *s, vlm_error *err);
int vlm_media_gif(vlm_video **out, const vlm_engine *engine, const char *path,
                  const struct vlm_media_sampling *s, vlm_error *err);

#endif
