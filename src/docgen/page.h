/* page.h: a page being made, and what draws on it.  Owned by the docgen room.
 *
 * Sizes are in pixels of the page unless "em" is said; an em is page.size pixels. */
#ifndef VLM_DOCGEN_PAGE_H
#define VLM_DOCGEN_PAGE_H

#include <ft2build.h>
#include FT_FREETYPE_H

#include "base/mem.h"
#include "docgen/content.h"

#define VLM_DOCGEN_CACHE 2048       /* glyph pictures kept while one page is drawn; power of 2 */
#define VLM_DOCGEN_ARENA (3u << 20) /* bytes of their coverage */
#define VLM_DOCGEN_WIDTHS 256       /* characters below this have their widths remembered */

struct vlm_docgen_bitmap {
    uint64_t key; /* 0: free */
    uint32_t at;  /* in the arena */
    int16_t left, top, width, rows;
};

struct vlm_docgen {
    const vlm_allocator *alloc;
    FT_Library ft;
    FT_Face *faces;
    size_t n_faces;
    float *widths; /* [face][VLM_DOCGEN_WIDTHS] in em; 0: not yet known, negative: no such glyph */
    struct vlm_docgen_bitmap *cache;
    uint8_t *arena;
    uint32_t arena_used;
};

struct vlm_docgen_page {
    struct vlm_docgen *gen;
    struct vlm_docgen_doc *doc;
    struct vlm_rng *r; /* shapes; the content has its own */
    const struct vlm_docgen_content *c;
    uint32_t body, other; /* faces */
    int load_flags;
    double size;    /* of the body text: pixels per em */
    double spacing; /* between letters, in em */
    double space;   /* width of a space, in em */
    double pitch;   /* line height, in em */
    double margin_x, margin_y;
    double column[VLM_DOCGEN_GRIDS][VLM_DOCGEN_CELLS]; /* widths in em */
    double x[VLM_DOCGEN_GRIDS][VLM_DOCGEN_CELLS + 1];  /* left edges in pixels, once placed */
    uint8_t paper[3], ink[3], accent[3];
    enum vlm_docgen_frame frame; /* of the letters that are drawn next */
    uint8_t *px; /* [height][width][channels] */
    int width, height, channels;
};

/* ---- draw.c ---- */
void vlm_docgen_fill(struct vlm_docgen_page *p, double x0, double y0, double x1, double y1,
                     const uint8_t rgb[3]);
void vlm_docgen_frame(struct vlm_docgen_page *p, double x0, double y0, double x1, double y1,
                      double thick, const uint8_t rgb[3]);
void vlm_docgen_rule(struct vlm_docgen_page *p, enum vlm_docgen_rule rule, double x0, double x1,
                     double y);
void vlm_docgen_bars(struct vlm_docgen_page *p, double x0, double y0, double x1, double y1);
void vlm_docgen_logo(struct vlm_docgen_page *p, double x0, double y0, double x1, double y1);
/* Draws text with its pen at (x, base); returns where the pen ends.  Glyphs are recorded for line;
 * decoration: as signs that are not in the text. */
double vlm_docgen_run(struct vlm_docgen_page *p, uint32_t face, const char *text, double x,
                      double base, double size, double middle, uint32_t line, const uint8_t ink[3],
                      bool decoration);
void vlm_docgen_forget(struct vlm_docgen *gen); /* empties the glyph pictures */

/* ---- layout.c ---- */
bool vlm_docgen_face_has(struct vlm_docgen *gen, uint32_t face, const char *text);
double vlm_docgen_run_width(struct vlm_docgen_page *p, uint32_t face, const char *text); /* em */
double vlm_docgen_x_height(struct vlm_docgen_page *p, uint32_t face);                    /* em */
/* Page and text size; false: this content does not fit so that it could be read. */
bool vlm_docgen_choose_sizes(struct vlm_docgen_page *p);
void vlm_docgen_lay_out(struct vlm_docgen_page *p); /* draws everything */

/* ---- wear.c ---- */
/* Wear and photography: may replace px; glyph and line boxes follow.  False: no memory. */
bool vlm_docgen_wear(struct vlm_docgen_page *p, double strength);

#endif
