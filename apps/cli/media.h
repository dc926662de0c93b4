/* media.h: pictures, videos and pages that a request names: what a file is, which of its pages, and
 * opening it, with progress on a terminal. */
#ifndef VLM_CLI_MEDIA_H
#define VLM_CLI_MEDIA_H

#include "options.h"
#include "vlm_media.h"

/* What the file is, by its first bytes or else its name; false: none of the kinds.  A GIF is a
 * picture here; whoever wants its frames says --video. */
bool cli_media_kind(enum cli_media_kind *out, const char *path);

/* "1-3,7", from 1 on; NULL: all pages. */
bool cli_pages_valid(const char *pages);
struct cli_pages {
    const char *at;
    size_t next, last;
};
void cli_pages_begin(struct cli_pages *p, const char *pages, size_t n_pages);
size_t cli_pages_next(struct cli_pages *p); /* 0: no more */
void cli_pages_count(const char *pages, size_t n_pages, size_t *n, size_t *largest);

/* One picture; - is standard input. */
int cli_image_open(vlm_image **out, const vlm_engine *engine, const struct cli_options *o,
                   const char *path, vlm_error *err);
int cli_video_open(vlm_video **out, const vlm_engine *engine, const struct cli_media *media,
                   vlm_error *err);
/* Each page in turn to fn, which owns the image. */
typedef int cli_page_fn(void *ctx, vlm_image *page, size_t number, vlm_error *err);
int cli_pdf_pages(const vlm_engine *engine, const struct cli_media *media, cli_page_fn *fn,
                  void *ctx, vlm_error *err);

#endif
