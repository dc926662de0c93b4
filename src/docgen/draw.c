/* draw.c: ink on a page: letters, rules, frames, bars, shapes that mean nothing.
 *
 * Letters are FreeType outlines at fractional sizes, 8-bit coverage, no kerning.  Pictures of
 * letters are kept while one page is drawn; small letters are kept at several offsets within a
 * pixel. */
#include <string.h>

#include "base/utf8.h"
#include "docgen/page.h"

void vlm_docgen_fill(struct vlm_docgen_page *p, double x0, double y0, double x1, double y1,
                     const uint8_t rgb[3])
{
    int ix0 = x0 < 0 ? 0 : (int)x0, iy0 = y0 < 0 ? 0 : (int)y0;
    int ix1 = x1 > p->width ? p->width : (int)x1, iy1 = y1 > p->height ? p->height : (int)y1;
    if (ix1 <= ix0)
        return;
    for (int y = iy0; y < iy1; y++) {
        uint8_t *row = p->px + ((size_t)y * (size_t)p->width + (size_t)ix0) * (size_t)p->channels;
        if (p->channels == 1) {
            memset(row, rgb[0], (size_t)(ix1 - ix0));
            continue;
        }
        for (int x = ix0; x < ix1; x++, row += 3)
            memcpy(row, rgb, 3);
    }
}

void vlm_docgen_frame(struct vlm_docgen_page *p, double x0, double y0, double x1, double y1,
                      double thick, const uint8_t rgb[3])
{
    double t = thick < 1 ? 1 : (double)(int)thick;
    x0 = (int)x0, y0 = (int)y0, x1 = (int)x1, y1 = (int)y1;
    vlm_docgen_fill(p, x0, y0, x1, y0 + t, rgb);
    vlm_docgen_fill(p, x0, y1 - t, x1, y1, rgb);
    vlm_docgen_fill(p, x0, y0, x0 + t, y1, rgb);
    vlm_docgen_fill(p, x1 - t, y0, x1, y1, rgb);
}

void vlm_docgen_rule(struct vlm_docgen_page *p, enum vlm_docgen_rule rule, double x0, double x1,
                     double y)
{
    double t = 1 + (double)(int)(p->size / 24), dash = p->size * 0.3;
    y = (int)y;
    if (rule == RULE_THICK)
        t *= 2.5;
    if (rule == RULE_DASHED) {
        for (double x = x0; x + dash < x1; x += 2 * dash)
            vlm_docgen_fill(p, x, y, x + dash, y + t, p->ink);
        return;
    }
    if (rule == RULE_NONE)
        return;
    vlm_docgen_fill(p, x0, y, x1, y + (double)(int)t, p->ink);
    if (rule == RULE_DOUBLE)
        vlm_docgen_fill(p, x0, y + 2 * (double)(int)t, x1, y + 3 * (double)(int)t, p->ink);
}

void vlm_docgen_bars(struct vlm_docgen_page *p, double x0, double y0, double x1, double y1)
{
    double unit = p->size * vlm_docgen_between(p->r, 0.05, 0.1);
    unit = unit < 1 ? 1 : (double)(int)(unit + 0.5);
    for (double x = (int)x0; x < x1;) {
        double w = unit * (1 + vlm_docgen_pick(p->r, 3));
        vlm_docgen_fill(p, x, y0, x + w < x1 ? x + w : x1, y1, p->ink);
        x += w + unit * (1 + vlm_docgen_pick(p->r, 3));
    }
}

static void disc(struct vlm_docgen_page *p, double cx, double cy, double rx, double ry,
                 const uint8_t rgb[3])
{
    for (int y = (int)(cy - ry); y <= (int)(cy + ry); y++) {
        double dy = (y + 0.5 - cy) / ry, s = 1 - dy * dy, w = 1;
        if (s <= 0)
            continue;
        for (int k = 0; k < 6; k++) /* Newton's root: no libm, the same everywhere */
            w = 0.5 * (w + s / w);
        vlm_docgen_fill(p, cx - rx * w, y, cx + rx * w, y + 1, rgb);
    }
}

void vlm_docgen_logo(struct vlm_docgen_page *p, double x0, double y0, double x1, double y1)
{
    struct vlm_rng *r = p->r;
    double w = x1 - x0, h = y1 - y0;
    int how = vlm_docgen_pick(r, 4);
    if (how == 0) { /* cells of noise, as a two-dimensional code */
        int n = 8 + vlm_docgen_pick(r, 14);
        double side = h < w ? h : w, cell = side / n;
        cell = cell < 1 ? 1 : (double)(int)cell;
        for (int j = 0; j < n; j++)
            for (int i = 0; i < n; i++)
                if (vlm_docgen_pick(r, 2))
                    vlm_docgen_fill(p, x0 + i * cell, y0 + j * cell, x0 + (i + 1) * cell,
                                    y0 + (j + 1) * cell, p->ink);
        return;
    }
    for (int k = 2 + vlm_docgen_pick(r, 4); k > 0; k--) {
        double a = vlm_docgen_between(r, 0.1, 0.5), cx = x0 + w * vlm_docgen_between(r, a, 1 - a),
               cy = y0 + h * vlm_docgen_between(r, a, 1 - a);
        const uint8_t *c = vlm_docgen_pick(r, 3) == 0 ? p->paper
                           : vlm_docgen_pick(r, 2)    ? p->accent
                                                      : p->ink;
        if (how == 1 || (how == 3 && k % 2))
            disc(p, cx, cy, a * w + 1, a * h + 1, c);
        else
            vlm_docgen_fill(p, cx - a * w, cy - a * h, cx + a * w, cy + a * h * 0.5, c);
    }
}

/* ---- letters ---- */

void vlm_docgen_forget(struct vlm_docgen *gen)
{
    memset(gen->cache, 0, VLM_DOCGEN_CACHE * sizeof *gen->cache);
    gen->arena_used = 0;
}

static void blend(struct vlm_docgen_page *p, const uint8_t *cover, int pitch, int w, int h,
                  int left, int top, const uint8_t ink[3])
{
    int x0 = left < 0 ? -left : 0, x1 = left + w > p->width ? p->width - left : w, ch = p->channels;
    for (int y = top < 0 ? -top : 0; y < h && top + y < p->height; y++) {
        const uint8_t *c = cover + (ptrdiff_t)y * pitch;
        uint8_t *d =
            p->px + ((size_t)(top + y) * (size_t)p->width + (size_t)(left + x0)) * (size_t)ch;
        for (int x = x0; x < x1; x++, d += ch) {
            if (c[x] == 0)
                continue;
            for (int k = 0; k < ch; k++)
                d[k] = (uint8_t)((d[k] * (255 - c[x]) + ink[k] * c[x] + 127) / 255);
        }
    }
}

/* The picture of a letter, from the cache or made now; NULL when the face has none. */
static const struct vlm_docgen_bitmap *picture(struct vlm_docgen_page *p, uint32_t face,
                                               uint32_t cp, double size, int phase, int phases,
                                               struct vlm_docgen_bitmap *own, const uint8_t **cover,
                                               int *pitch)
{
    struct vlm_docgen *gen = p->gen;
    uint64_t size26 = (uint64_t)(size * 64.0 + 0.5);
    uint64_t key = 1 | cp << 1 | (uint64_t)phase << 22 | size26 << 25 | (uint64_t)face << 43;
    uint32_t at = (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 40);
    struct vlm_docgen_bitmap *b = NULL;
    for (uint32_t i = 0; i < 8; i++) {
        b = &gen->cache[(at + i) % VLM_DOCGEN_CACHE];
        if (b->key == key) {
            *cover = gen->arena + b->at;
            *pitch = b->width;
            return b;
        }
        if (b->key == 0)
            break;
    }
    FT_Face ft = gen->faces[face];
    FT_Vector shift = {phase * 64 / phases, 0};
    if (FT_Set_Char_Size(ft, 0, (FT_F26Dot6)size26, 72, 72) != 0)
        return NULL;
    FT_Set_Transform(ft, NULL, &shift);
    bool made =
        FT_Load_Char(ft, cp, (FT_Int32)(FT_LOAD_RENDER | FT_LOAD_NO_BITMAP | p->load_flags)) == 0 &&
        ft->glyph->bitmap.pixel_mode == FT_PIXEL_MODE_GRAY;
    FT_Set_Transform(ft, NULL, NULL);
    if (!made)
        return NULL;
    const FT_Bitmap *bm = &ft->glyph->bitmap;
    struct vlm_docgen_bitmap fresh = {key,
                                      gen->arena_used,
                                      (int16_t)ft->glyph->bitmap_left,
                                      (int16_t)ft->glyph->bitmap_top,
                                      (int16_t)bm->width,
                                      (int16_t)bm->rows};
    uint32_t bytes = bm->width * bm->rows;
    *cover = bm->buffer;
    *pitch = bm->pitch;
    *own = fresh;
    if (b->key != 0 || bytes > VLM_DOCGEN_ARENA - gen->arena_used)
        return own; /* no room: drawn from FreeType's own buffer */
    for (unsigned y = 0; y < bm->rows; y++)
        memcpy(gen->arena + gen->arena_used + (size_t)y * bm->width,
               bm->buffer + (ptrdiff_t)y * bm->pitch, bm->width);
    gen->arena_used += bytes;
    *b = fresh;
    return b;
}

static void letter(struct vlm_docgen_page *p, uint32_t face, uint32_t cp, double x, double base,
                   double size, double middle, uint32_t line, const uint8_t ink[3], bool decoration)
{
    struct vlm_docgen_doc *doc = p->doc;
    int phases = size < 18 ? 4 : size < 36 ? 2 : 1;
    int slots = (int)(x * phases + 0.5), phase = slots % phases, pitch;
    struct vlm_docgen_bitmap own;
    const uint8_t *cover;
    const struct vlm_docgen_bitmap *b =
        picture(p, face, cp, size, phase, phases, &own, &cover, &pitch);
    if (b == NULL || b->width == 0)
        return;
    int left = slots / phases + b->left, top = (int)base - b->top;
    blend(p, cover, pitch, b->width, b->rows, left, top, ink);
    if (doc->n_glyphs < VLM_DOCGEN_MAX_GLYPHS) {
        struct vlm_docgen_glyph *g = &doc->glyphs[doc->n_glyphs++];
        g->code = decoration ? 0 : cp;
        g->line = line;
        g->x0 = (float)left;
        g->x1 = (float)(left + b->width);
        g->y0 = (float)top;
        g->y1 = (float)(top + b->rows);
        g->middle = (float)middle;
        g->size = (float)size;
        g->frame = p->frame;
    }
}

double vlm_docgen_run(struct vlm_docgen_page *p, uint32_t face, const char *text, double x,
                      double base, double size, double middle, uint32_t line, const uint8_t ink[3],
                      bool decoration)
{
    for (size_t n = strlen(text); n > 0;) {
        uint32_t cp;
        char one[5] = "";
        size_t used = vlm_utf8_decode(&cp, text, n);
        memcpy(one, text, used);
        text += used;
        n -= used;
        if (cp > ' ')
            letter(p, face, cp, x, base, size, middle, line, ink, decoration);
        x += vlm_docgen_run_width(p, face, one) * size;
    }
    return x;
}
