/* docgen.c: opens fonts, gives the content of a document its shape, draws it.
 *
 * Everything is drawn with FreeType outlines at fractional sizes, 8-bit coverage, no kerning.  All
 * choices come from one Philox stream named by (seed, kind); sums are in double and in a fixed
 * order. */
#include "docgen/docgen.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "docgen/content.h"

struct vlm_docgen {
    const vlm_allocator *alloc;
    FT_Library ft;
    FT_Face *faces;
    size_t n_faces;
};

/* A page being made: sizes are in pixels. */
struct page {
    struct vlm_docgen *gen;
    struct vlm_docgen_doc *doc;
    struct vlm_rng *r;
    const struct vlm_docgen_content *c;
    FT_Face body, other;
    int load_flags;
    double size;    /* of the body text: pixels per em */
    double spacing; /* between letters, in em */
    double space;   /* width of a space, in em */
    double pitch;   /* line height, in em */
    double margin_x, margin_y;
    double tab; /* column of the second run, in em from the margin */
    uint8_t paper[3], ink[3];
};

const char *vlm_docgen_kind_name(enum vlm_docgen_kind kind)
{
    static const char *const names[] = {"label", "tag", "text"};
    return (unsigned)kind < VLM_DOCGEN_N_KINDS ? names[kind] : "?";
}

const char *vlm_docgen_family_name(enum vlm_docgen_family family)
{
    static const char *const names[] = {"value", "meaning", "line", "read", "absent"};
    return (unsigned)family < VLM_DOCGEN_N_FAMILIES ? names[family] : "?";
}

bool vlm_docgen_kind_find(enum vlm_docgen_kind *out, const char *name)
{
    for (int k = 0; k < VLM_DOCGEN_N_KINDS; k++)
        if (strcmp(name, vlm_docgen_kind_name((enum vlm_docgen_kind)k)) == 0) {
            *out = (enum vlm_docgen_kind)k;
            return true;
        }
    return false;
}

int vlm_docgen_open(struct vlm_docgen **out, const vlm_allocator *alloc, const char *const *paths,
                    size_t n_paths, vlm_error *err)
{
    *out = NULL;
    if (alloc == NULL)
        alloc = &vlm_mem_system;
    if (n_paths == 0)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "docgen: no fonts given, expected at least one");
    struct vlm_docgen *gen = vlm_mem_zalloc(alloc, 1, sizeof *gen);
    if (gen == NULL)
        return vlm_fail_memory(err, sizeof *gen, "docgen");
    gen->alloc = alloc;
    gen->faces = vlm_mem_zalloc(alloc, n_paths, sizeof *gen->faces);
    if (gen->faces == NULL || FT_Init_FreeType(&gen->ft) != 0) {
        vlm_docgen_close(gen);
        return vlm_fail_memory(err, n_paths * sizeof *gen->faces, "fonts");
    }
    for (size_t i = 0; i < n_paths; i++, gen->n_faces++)
        if (FT_New_Face(gen->ft, paths[i], 0, &gen->faces[i]) != 0 ||
            !FT_IS_SCALABLE(gen->faces[i])) {
            struct vlm_quoted q;
            gen->n_faces += gen->faces[i] != NULL;
            vlm_docgen_close(gen);
            return vlm_fail(err, VLM_ERR_IO, "%s: no scalable font could be opened",
                            vlm_base_quote(&q, paths[i], strlen(paths[i])));
        }
    *out = gen;
    return VLM_OK;
}

void vlm_docgen_close(struct vlm_docgen *gen)
{
    if (gen == NULL)
        return;
    const vlm_allocator *alloc = gen->alloc;
    for (size_t i = 0; i < gen->n_faces; i++)
        FT_Done_Face(gen->faces[i]);
    if (gen->ft != NULL)
        FT_Done_FreeType(gen->ft);
    vlm_mem_free(alloc, gen->faces);
    vlm_mem_free(alloc, gen);
}

void vlm_docgen_doc_free(struct vlm_docgen *gen, struct vlm_docgen_doc *doc)
{
    if (doc == NULL)
        return;
    vlm_mem_free(gen->alloc, doc->rgb);
    vlm_mem_free(gen->alloc, doc);
}

/* ---- measuring ---- */

static bool face_has(FT_Face face, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        uint32_t cp;
        size_t used = vlm_utf8_decode(&cp, text, n);
        if (cp > ' ' && FT_Get_Char_Index(face, cp) == 0)
            return false;
        text += used;
        n -= used;
    }
    return true;
}

static bool set_size(FT_Face face, double size)
{
    return FT_Set_Char_Size(face, 0, (FT_F26Dot6)(size * 64.0 + 0.5), 72, 72) == 0;
}

static FT_Face row_face(const struct page *p, const struct vlm_docgen_row *row)
{
    return row->other_face ? p->other : p->body;
}

/* Advance width of text in em; measured unhinted at 64 pixels. */
static double run_width(const struct page *p, FT_Face face, const char *text)
{
    double w = 0;
    if (!set_size(face, 64))
        return 0;
    for (size_t n = strlen(text); n > 0;) {
        uint32_t cp;
        size_t used = vlm_utf8_decode(&cp, text, n);
        text += used;
        n -= used;
        if (cp == ' ')
            w += p->space + p->spacing;
        else if (FT_Load_Char(face, cp, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP) == 0)
            w += (double)face->glyph->linearHoriAdvance / 65536.0 / 64.0 + p->spacing;
    }
    return w;
}

static const double gap = 0.7; /* between the two runs of a line, at least, in em */

/* Widest row and sum of line heights, in em of the body; sets the tab column. */
static void measure(struct page *p, double *width, double *height)
{
    double first = 0, widest = 0, sum = 0;
    for (int i = 0; i < p->c->n_rows; i++)
        if (p->c->rows[i].align == ALIGN_TAB) {
            double w = run_width(p, row_face(p, &p->c->rows[i]), p->c->rows[i].run[0]) *
                       p->c->rows[i].scale;
            first = w > first ? w : first;
        }
    p->tab = first + gap;
    for (int i = 0; i < p->c->n_rows; i++) {
        const struct vlm_docgen_row *row = &p->c->rows[i];
        double w = run_width(p, row_face(p, row), row->run[0]) * row->scale;
        if (row->n_runs > 1) {
            double second = run_width(p, row_face(p, row), row->run[1]) * row->scale;
            w = row->align == ALIGN_TAB ? p->tab + second : w + gap * row->scale + second;
        }
        widest = w > widest ? w : widest;
        sum += row->scale * p->pitch;
    }
    *width = widest;
    *height = sum;
}

/* ---- drawing ---- */

static void fill_rect(struct vlm_docgen_doc *doc, double x0, double y0, double x1, double y1,
                      const uint8_t rgb[3])
{
    int ix0 = x0 < 0 ? 0 : (int)x0, iy0 = y0 < 0 ? 0 : (int)y0;
    int ix1 = x1 > doc->width ? (int)doc->width : (int)x1,
        iy1 = y1 > doc->height ? (int)doc->height : (int)y1;
    for (int y = iy0; y < iy1; y++)
        for (int x = ix0; x < ix1; x++)
            memcpy(doc->rgb + ((size_t)y * doc->width + (size_t)x) * 3, rgb, 3);
}

static void blend(struct vlm_docgen_doc *doc, const FT_Bitmap *bm, int left, int top,
                  const uint8_t ink[3])
{
    for (unsigned y = 0; y < bm->rows; y++) {
        int py = top + (int)y;
        if (py < 0 || py >= (int)doc->height)
            continue;
        const uint8_t *cover = bm->buffer + (size_t)y * (size_t)bm->pitch;
        for (unsigned x = 0; x < bm->width; x++) {
            int px = left + (int)x;
            if (px < 0 || px >= (int)doc->width || cover[x] == 0)
                continue;
            uint8_t *d = doc->rgb + ((size_t)py * doc->width + (size_t)px) * 3;
            for (int k = 0; k < 3; k++)
                d[k] = (uint8_t)((d[k] * (255 - cover[x]) + ink[k] * cover[x] + 127) / 255);
        }
    }
}

/* Draws one character with its pen at (x, base); returns its advance.  line < 0: only a decoration.
 */
static double draw_char(struct page *p, FT_Face face, uint32_t cp, double x, double base,
                        double size, double middle, uint32_t line, const uint8_t ink[3],
                        bool decoration)
{
    struct vlm_docgen_doc *doc = p->doc;
    FT_Vector at = {(FT_Pos)((x - (int)x) * 64.0), 0};
    FT_Set_Transform(face, NULL, &at);
    bool loaded =
        FT_Load_Char(face, cp, (FT_Int32)(FT_LOAD_RENDER | FT_LOAD_NO_BITMAP | p->load_flags)) == 0;
    FT_Set_Transform(face, NULL, NULL);
    if (!loaded || face->glyph->bitmap.pixel_mode != FT_PIXEL_MODE_GRAY)
        return 0;
    FT_GlyphSlot slot = face->glyph;
    int left = (int)x + slot->bitmap_left, top = (int)base - slot->bitmap_top;
    blend(doc, &slot->bitmap, left, top, ink);
    if (doc->n_glyphs < VLM_DOCGEN_MAX_GLYPHS && slot->bitmap.width > 0) {
        struct vlm_docgen_glyph *g = &doc->glyphs[doc->n_glyphs++];
        g->code = decoration ? 0 : cp;
        g->line = line;
        g->x0 = (float)left;
        g->x1 = (float)(left + (int)slot->bitmap.width);
        g->y0 = (float)top;
        g->y1 = (float)(top + (int)slot->bitmap.rows);
        g->middle = (float)middle;
    }
    return (double)slot->linearHoriAdvance / 65536.0 + p->spacing * size;
}

static double draw_run(struct page *p, FT_Face face, const char *text, double x, double base,
                       double size, double middle, uint32_t line, const uint8_t ink[3])
{
    for (size_t n = strlen(text); n > 0;) {
        uint32_t cp;
        size_t used = vlm_utf8_decode(&cp, text, n);
        text += used;
        n -= used;
        if (cp == ' ')
            x += (p->space + p->spacing) * size;
        else
            x += draw_char(p, face, cp, x, base, size, middle, line, ink, false);
    }
    return x;
}

static void bound_line(struct vlm_docgen_doc *doc, uint32_t line, uint32_t first_glyph)
{
    struct vlm_docgen_line *l = &doc->lines[line];
    for (uint32_t i = first_glyph; i < doc->n_glyphs; i++) {
        const struct vlm_docgen_glyph *g = &doc->glyphs[i];
        if (g->code == 0)
            continue;
        bool first = l->x1 == 0;
        l->x0 = first || g->x0 < l->x0 ? g->x0 : l->x0;
        l->y0 = first || g->y0 < l->y0 ? g->y0 : l->y0;
        l->x1 = first || g->x1 > l->x1 ? g->x1 : l->x1;
        l->y1 = first || g->y1 > l->y1 ? g->y1 : l->y1;
    }
}

static void draw_row(struct page *p, int i, double top, double left, double right)
{
    const struct vlm_docgen_row *row = &p->c->rows[i];
    struct vlm_docgen_doc *doc = p->doc;
    FT_Face face = row_face(p, row);
    double size = p->size * row->scale, height = size * p->pitch;
    double w0 = run_width(p, face, row->run[0]) * size;
    double w1 = row->n_runs > 1 ? run_width(p, face, row->run[1]) * size : 0;
    const uint8_t *ink = p->ink;
    if (row->inverse) {
        fill_rect(doc, left - size * 0.3, top, right + size * 0.3, top + height, p->ink);
        ink = p->paper;
    }
    if (!set_size(face, size))
        return;
    double base = top + height * 0.5 + size * 0.36, x_height = size * 0.5;
    if (FT_Load_Char(face, 'x', FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP) == 0)
        x_height = (double)face->glyph->metrics.horiBearingY / 64.0;
    double middle = (int)base - x_height / 2;
    double x = row->align == ALIGN_CENTRE  ? (left + right - w0) / 2
               : row->align == ALIGN_RIGHT ? right - w0
                                           : left;
    uint32_t first = doc->n_glyphs;
    double end = draw_run(p, face, row->run[0], x, base, size, middle, (uint32_t)i, ink);
    if (row->n_runs > 1) {
        double second = row->align == ALIGN_TAB ? left + p->tab * p->size : right - w1;
        if (row->align == ALIGN_LEADER) {
            double step = size * 0.42;
            for (double d = end + size * 0.3; d + step < second - size * 0.2; d += step)
                draw_char(p, face, '.', d, base, size, middle, (uint32_t)i, ink, true);
        }
        draw_run(p, face, row->run[1], second, base, size, middle, (uint32_t)i, ink);
    }
    bound_line(doc, (uint32_t)i, first);
    if (row->rule) {
        double thick = 1 + (double)(int)(size / 24);
        fill_rect(doc, left, top + height, right, top + height + thick, p->ink);
    }
}

static void draw_border(struct page *p)
{
    struct vlm_docgen_doc *doc = p->doc;
    double shorter = doc->width < doc->height ? doc->width : doc->height;
    double at = shorter * vlm_docgen_between(p->r, 0.0, 0.02),
           t = 1 + (double)(int)(shorter * vlm_docgen_between(p->r, 0.002, 0.014));
    double w = doc->width, h = doc->height;
    fill_rect(doc, at, at, w - at, at + t, p->ink);
    fill_rect(doc, at, h - at - t, w - at, h - at, p->ink);
    fill_rect(doc, at, at, at + t, h - at, p->ink);
    fill_rect(doc, w - at - t, at, w - at, h - at, p->ink);
}

/* Light, noise and a little blur. */
static void weather(struct page *p)
{
    struct vlm_docgen_doc *doc = p->doc;
    struct vlm_rng *r = p->r;
    size_t w = doc->width, h = doc->height;
    if (vlm_docgen_chance(r, 0.2)) { /* blur: 1 2 1 along rows */
        for (size_t y = 0; y < h; y++) {
            uint8_t *row = doc->rgb + y * w * 3;
            for (int k = 0; k < 3; k++) {
                int before = row[k];
                for (size_t x = 1; x + 1 < w; x++) {
                    int here = row[x * 3 + (size_t)k];
                    row[x * 3 + (size_t)k] =
                        (uint8_t)((before + 2 * here + row[(x + 1) * 3 + (size_t)k] + 2) / 4);
                    before = here;
                }
            }
        }
    }
    bool noisy = vlm_docgen_chance(r, 0.35), slope = vlm_docgen_chance(r, 0.3);
    int amount = noisy ? 2 + (int)vlm_rng_below(r, 14) : 0;
    int gx = slope ? (int)vlm_rng_below(r, 61) - 30 : 0,
        gy = slope ? (int)vlm_rng_below(r, 61) - 30 : 0;
    uint32_t state = vlm_rng_u32(r); /* a plain generator is enough for grain */
    if (!noisy && !slope)
        return;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            state = state * 1664525u + 1013904223u;
            int d = amount ? (int)((state >> 16) % (uint32_t)(2 * amount + 1)) - amount : 0;
            d += gx * (int)x / (int)w + gy * (int)y / (int)h;
            uint8_t *px = doc->rgb + (y * w + x) * 3;
            for (int k = 0; k < 3; k++) {
                int v = px[k] + d;
                px[k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
}

/* ---- choices ---- */

static void choose_colours(struct page *p)
{
    struct vlm_rng *r = p->r;
    int paper = 200 + (int)vlm_rng_below(r, 56), ink = (int)vlm_rng_below(r, 90);
    for (int k = 0; k < 3; k++) {
        p->paper[k] = (uint8_t)paper;
        p->ink[k] = (uint8_t)ink;
    }
    if (vlm_docgen_chance(r, 0.25)) /* coloured paper */
        p->paper[vlm_rng_below(r, 3)] = (uint8_t)(150 + (int)vlm_rng_below(r, 106));
    if (vlm_docgen_chance(r, 0.15)) /* coloured ink */
        p->ink[vlm_rng_below(r, 3)] = (uint8_t)vlm_rng_below(r, 200);
    if (vlm_docgen_chance(r, 0.12))
        for (int k = 0; k < 3; k++) {
            uint8_t t = p->paper[k];
            p->paper[k] = p->ink[k];
            p->ink[k] = t;
        }
}

static bool choose_faces(struct page *p)
{
    for (int tries = 0; tries < 30; tries++) {
        uint32_t i = vlm_rng_below(p->r, (uint32_t)p->gen->n_faces);
        FT_Face face = p->gen->faces[i];
        if (!face_has(face, p->doc->text) || !face_has(face, "x."))
            continue;
        p->body = face;
        p->doc->font = i;
        p->other = p->gen->faces[vlm_rng_below(p->r, (uint32_t)p->gen->n_faces)];
        if (!face_has(p->other, p->doc->text) || !face_has(p->other, "x"))
            p->other = face;
        return true;
    }
    return false;
}

/* Page size and text size, so that after the reference processor (the page squashed to a square) a
 * letter is wide and high enough to be read there; false: this content does not fit this page. */
static bool choose_sizes(struct page *p)
{
    static const double least_width =
        1.0 / 11.5; /* of the page's width, for one em: 22 of 256 pixels */
    static const double least_height = 1.0 / 11.5; /* of the page's height */
    struct vlm_rng *r = p->r;
    double width, height, longest = vlm_docgen_between(r, 200, 900);
    double aspect = vlm_docgen_chance(r, 0.75) ? vlm_docgen_between(r, 1.0, 2.2)
                                               : vlm_docgen_between(r, 0.6, 1.0);
    measure(p, &width, &height);
    p->doc->width = (uint32_t)(aspect >= 1 ? longest : longest * aspect);
    p->doc->height = (uint32_t)(aspect >= 1 ? longest / aspect : longest);
    double w = p->doc->width, h = p->doc->height;
    p->margin_x = w * vlm_docgen_between(r, 0.03, 0.08);
    p->margin_y = h * vlm_docgen_between(r, 0.03, 0.10);
    double fit_x = (w - 2 * p->margin_x) / width, fit_y = (h - 2 * p->margin_y) / height;
    double most = fit_x < fit_y ? fit_x : fit_y;
    double least = w * least_width > h * least_height ? w * least_width : h * least_height;
    double smallest = 1;
    for (int i = 0; i < p->c->n_rows; i++)
        smallest = p->c->rows[i].scale < smallest ? p->c->rows[i].scale : smallest;
    least /= smallest;
    if (most < least)
        return false;
    double u = vlm_rng_unit(r);
    p->size = most - (most - (least > most * 0.4 ? least : most * 0.4)) * u * u;
    return true;
}

static void draw_page(struct page *p)
{
    struct vlm_docgen_doc *doc = p->doc;
    struct vlm_rng *r = p->r;
    double used = 0, w = doc->width, h = doc->height, text_width, text_height;
    measure(p, &text_width, &text_height);
    fill_rect(doc, 0, 0, w, h, p->paper);
    if (vlm_docgen_chance(r, 0.3))
        draw_border(p);
    for (int i = 0; i < p->c->n_rows; i++)
        used += p->c->rows[i].scale * p->pitch * p->size;
    double slack = h - 2 * p->margin_y - used, spread = 0, top = p->margin_y;
    if (p->c->n_rows > 1 && vlm_docgen_chance(r, 0.5))
        spread = slack * vlm_docgen_between(r, 0.3, 1.0) / (p->c->n_rows - 1);
    top += (slack - spread * (p->c->n_rows - 1)) * vlm_rng_unit(r);
    /* the block of text may be narrower than the page and stand anywhere in it */
    double free_x = w - 2 * p->margin_x - text_width * p->size;
    double take = vlm_docgen_chance(r, 0.5) ? 0 : free_x * vlm_rng_unit(r),
           shift = take * vlm_rng_unit(r);
    double left = p->margin_x + shift, right = w - p->margin_x - (take - shift);
    for (int i = 0; i < p->c->n_rows; i++) {
        draw_row(p, i, top, left, right);
        top += p->c->rows[i].scale * p->pitch * p->size + spread;
    }
    weather(p);
}

static int make_once(struct vlm_docgen_doc *doc, struct page *p, struct vlm_docgen_content *c,
                     int max_lines)
{
    static const int flags[] = {FT_LOAD_NO_HINTING, FT_LOAD_NO_HINTING, FT_LOAD_TARGET_LIGHT,
                                FT_LOAD_DEFAULT};
    vlm_docgen_write(c, doc, p->r, max_lines);
    if (doc->n_lines == 0 || !choose_faces(p))
        return 0;
    p->load_flags = flags[vlm_rng_below(p->r, 4)];
    p->spacing = vlm_docgen_chance(p->r, 0.7) ? 0 : vlm_docgen_between(p->r, -0.01, 0.08);
    p->space = vlm_docgen_between(p->r, 0.26, 0.45);
    p->pitch = vlm_docgen_between(p->r, 1.12, 1.6);
    choose_colours(p);
    for (int tries = 0; tries < 4; tries++)
        if (choose_sizes(p))
            return 1;
    return 0;
}

int vlm_docgen_make(struct vlm_docgen_doc **out, struct vlm_docgen *gen, enum vlm_docgen_kind kind,
                    uint64_t seed, int max_lines, vlm_error *err)
{
    *out = NULL;
    if (max_lines <= 0 || max_lines > VLM_DOCGEN_MAX_LINES)
        max_lines = VLM_DOCGEN_MAX_LINES;
    struct vlm_docgen_doc *doc = vlm_mem_zalloc(gen->alloc, 1, sizeof *doc);
    if (doc == NULL)
        return vlm_fail_memory(err, sizeof *doc, "a document");
    struct vlm_rng r = {.seed = seed, .stream = (uint64_t)kind + 1};
    struct vlm_docgen_content content;
    struct page p = {.gen = gen, .doc = doc, .r = &r, .c = &content};
    doc->kind = kind;
    doc->seed = seed;
    int made = 0;
    for (int tries = 0; tries < 200 && !made; tries++) {
        memset(doc->fields, 0, sizeof doc->fields);
        made = make_once(doc, &p, &content, max_lines);
    }
    if (!made) {
        vlm_docgen_doc_free(gen, doc);
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "docgen: none of the %zu fonts has the letters of a %s", gen->n_faces,
                        vlm_docgen_kind_name(kind));
    }
    size_t pixels = (size_t)doc->width * doc->height;
    doc->rgb = vlm_mem_alloc(gen->alloc, pixels, 3);
    if (doc->rgb == NULL) {
        vlm_docgen_doc_free(gen, doc);
        return vlm_fail_memory(err, pixels * 3, "a picture");
    }
    draw_page(&p);
    *out = doc;
    return VLM_OK;
}
