/* layout.c: gives the content of a document its shape: faces measured, columns, page size, rows.
 *
 * The page will be squashed to a square for the model; sizes are chosen so that letters are wide
 * and high enough to be read there. */
#include <string.h>

#include "base/utf8.h"
#include "docgen/page.h"

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance
#define between vlm_docgen_between

/* ---- measuring ---- */

static double width_of(struct vlm_docgen *gen, uint32_t face, uint32_t cp)
{
    FT_Face ft = gen->faces[face];
    float *known = cp < VLM_DOCGEN_WIDTHS ? &gen->widths[face * VLM_DOCGEN_WIDTHS + cp] : NULL;
    if (known != NULL && *known != 0)
        return *known;
    double w = -1;
    if (FT_Get_Char_Index(ft, cp) != 0 && FT_Set_Char_Size(ft, 0, 64 * 64, 72, 72) == 0 &&
        FT_Load_Char(ft, cp, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP) == 0)
        w = (double)ft->glyph->linearHoriAdvance / 65536.0 / 64.0;
    w = w == 0 ? 1e-6 : (float)w;
    if (known != NULL)
        *known = (float)w;
    return (float)w;
}

bool vlm_docgen_face_has(struct vlm_docgen *gen, uint32_t face, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        uint32_t cp;
        size_t used = vlm_utf8_decode(&cp, text, n);
        if (cp > ' ' && width_of(gen, face, cp) < 0)
            return false;
        text += used;
        n -= used;
    }
    return true;
}

double vlm_docgen_run_width(struct vlm_docgen_page *p, uint32_t face, const char *text)
{
    double w = 0;
    for (size_t n = strlen(text); n > 0;) {
        uint32_t cp;
        size_t used = vlm_utf8_decode(&cp, text, n);
        text += used;
        n -= used;
        double one = cp == ' ' ? p->space : width_of(p->gen, face, cp);
        w += (one < 0 ? 0 : one) + p->spacing;
    }
    return w;
}

double vlm_docgen_x_height(struct vlm_docgen_page *p, uint32_t face)
{
    FT_Face ft = p->gen->faces[face];
    if (FT_Set_Char_Size(ft, 0, 64 * 64, 72, 72) != 0 ||
        FT_Load_Char(ft, 'x', FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP) != 0)
        return 0.5;
    return (double)ft->glyph->metrics.horiBearingY / 64.0 / 64.0;
}

static uint32_t face_of(const struct vlm_docgen_page *p, const struct vlm_docgen_row *row)
{
    return row->other_face ? p->other : p->body;
}

static const double least_gap = 0.7; /* between two cells of a line, in em */

static double row_height(const struct vlm_docgen_page *p, const struct vlm_docgen_row *row)
{
    double framed = 0;
    for (int j = 0; j < row->n; j++)
        if (row->cell[j].frame == FRAME_BOX || row->cell[j].frame == FRAME_GREY)
            framed = 0.25;
    return row->gap + row->scale * (row->kind == ROW_TEXT ? p->pitch : 1) + framed;
}

/* Widest row and sum of heights, in em of the body; sets the columns. */
static void measure(struct vlm_docgen_page *p, double *width, double *height)
{
    const struct vlm_docgen_content *c = p->c;
    double widest = 0, sum = 0;
    memset(p->column, 0, sizeof p->column);
    for (int i = 0; i < c->n_rows; i++) {
        const struct vlm_docgen_row *row = &c->rows[i];
        double w = row->indent;
        sum += row_height(p, row);
        for (int j = 0; j < row->n && row->kind == ROW_TEXT; j++) {
            double one = vlm_docgen_run_width(p, face_of(p, row), row->cell[j].text) * row->scale;
            if (row->cell[j].frame)
                one += 0.5;
            w += one + (j ? least_gap : 0);
            if (row->grid && one > p->column[row->grid - 1][j])
                p->column[row->grid - 1][j] = one;
        }
        if (!row->grid && w > widest)
            widest = w;
    }
    for (int g = 0; g < c->n_grids; g++) {
        const struct vlm_docgen_grid *grid = &c->grids[g];
        double w = (grid->frame ? grid->gap : 0) + grid->gap * (grid->n_columns - 1), most = 0;
        for (int j = 0; j < grid->n_columns; j++)
            most = p->column[g][j] > most ? p->column[g][j] : most;
        for (int j = 0; j < grid->n_columns; j++) {
            if (grid->equal)
                p->column[g][j] = most;
            w += p->column[g][j];
        }
        widest = w > widest ? w : widest;
    }
    *width = widest < 1 ? 1 : widest;
    *height = sum < 1 ? 1 : sum;
}

bool vlm_docgen_choose_sizes(struct vlm_docgen_page *p)
{
    static const double least_width = 1.0 / 21.5; /* of the page's width, for one em */
    static const double least_height = 1.0 / 29;  /* of the page's height */
    struct vlm_rng *r = p->r;
    const struct vlm_docgen_content *c = p->c;
    double width, height, longest = between(r, 240, 720),
                          strip = c->strip < 0 ? -c->strip : c->strip;
    measure(p, &width, &height);
    double mx = between(r, 0.02, 0.07), my = between(r, 0.02, 0.07);
    double aspect = width / (1 - 2 * mx - strip) / (height / (1 - 2 * my)) *
                    between(r, c->aspect_low, c->aspect_high);
    if (p->doc->kind == VLM_DOCGEN_BLANK)
        aspect = between(r, 0.5, 2);
    aspect = aspect < 0.45 ? between(r, 0.45, 0.6) : aspect > 2.4 ? between(r, 1.6, 2.4) : aspect;
    p->width = (int)(aspect >= 1 ? longest : longest * aspect);
    p->height = (int)(aspect >= 1 ? longest / aspect : longest);
    p->margin_x = p->width * mx;
    p->margin_y = p->height * my;
    double fit_x = (p->width * (1 - strip) - 2 * p->margin_x) / width,
           fit_y = (p->height - 2 * p->margin_y) / height;
    double most = fit_x < fit_y ? fit_x : fit_y;
    double least = p->width * least_width > p->height * least_height ? p->width * least_width
                                                                     : p->height * least_height;
    double smallest = 1;
    for (int i = 0; i < c->n_rows; i++)
        if (c->rows[i].kind == ROW_TEXT && c->rows[i].scale < smallest)
            smallest = c->rows[i].scale;
    least /= smallest;
    if (p->doc->kind == VLM_DOCGEN_BLANK)
        least = 0;
    if (most < least)
        return false;
    most = most > p->height * 0.3 ? p->height * 0.3 : most;
    double u = vlm_rng_unit(r), low = least > most * 0.4 ? least : most * 0.4;
    p->size = low > most ? most : most - (most - low) * u * u;
    return true;
}

/* ---- placing ---- */

static void bound_line(struct vlm_docgen_doc *doc, uint32_t line, uint32_t first_glyph)
{
    struct vlm_docgen_line *l = &doc->lines[line];
    bool first = true;
    for (uint32_t i = first_glyph; i < doc->n_glyphs; i++) {
        const struct vlm_docgen_glyph *g = &doc->glyphs[i];
        if (g->code == 0)
            continue;
        l->x0 = first || g->x0 < l->x0 ? g->x0 : l->x0;
        l->y0 = first || g->y0 < l->y0 ? g->y0 : l->y0;
        l->x1 = first || g->x1 > l->x1 ? g->x1 : l->x1;
        l->y1 = first || g->y1 > l->y1 ? g->y1 : l->y1;
        first = false;
    }
}

/* Left edges of the columns between left and right. */
static void place_columns(struct vlm_docgen_page *p, double left, double right)
{
    for (int g = 0; g < p->c->n_grids; g++) {
        const struct vlm_docgen_grid *grid = &p->c->grids[g];
        double edge = grid->frame ? grid->gap / 2 : 0, sum = 2 * edge;
        for (int j = 0; j < grid->n_columns; j++)
            sum += p->column[g][j] + (j ? grid->gap : 0);
        double spare = (right - left) / p->size - sum, each = 0;
        if (grid->full && spare > 0)
            each = spare / grid->n_columns;
        double x = left + edge * p->size;
        for (int j = 0; j < grid->n_columns; j++) {
            p->x[g][j] = x;
            x += (p->column[g][j] + each + grid->gap) * p->size;
        }
        p->x[g][grid->n_columns] = x;
    }
}

struct spot {
    double top, height, left, right, size, base, middle;
};

static void draw_cell(struct vlm_docgen_page *p, const struct vlm_docgen_row *row, int j,
                      const struct spot *s, const uint8_t *ink)
{
    const struct vlm_docgen_cell *cell = &row->cell[j];
    uint32_t face = face_of(p, row);
    double gap = p->c->grids[row->grid - 1].gap * p->size;
    double x0 = p->x[row->grid - 1][j], x1 = p->x[row->grid - 1][j + 1] - gap;
    double w = vlm_docgen_run_width(p, face, cell->text) * s->size, pad = 0;
    if (cell->frame) {
        double y0 = s->top + 0.06 * s->size, y1 = s->top + s->height - 0.06 * s->size;
        pad = 0.25 * p->size;
        if (cell->frame == FRAME_BOX)
            vlm_docgen_frame(p, x0, y0, x1, y1, p->size / 22, p->ink);
        else if (cell->frame == FRAME_UNDERLINE)
            vlm_docgen_rule(p, RULE_THIN, x0, x1, s->base + s->size * 0.27);
        else
            vlm_docgen_fill(p, x0, y0, x1, y1, p->accent);
    }
    double x = cell->align == ALIGN_RIGHT    ? x1 - w - pad
               : cell->align == ALIGN_CENTRE ? (x0 + x1 - w) / 2
                                             : x0 + pad;
    enum vlm_docgen_frame around = p->frame;
    p->frame = cell->frame ? cell->frame : around;
    vlm_docgen_run(p, face, cell->text, x, s->base, s->size, s->middle, (uint32_t)row->line, ink,
                   false);
    p->frame = around;
}

static void draw_plain(struct vlm_docgen_page *p, const struct vlm_docgen_row *row,
                       const struct spot *s, const uint8_t *ink)
{
    uint32_t face = face_of(p, row), line = (uint32_t)row->line;
    double left = s->left + row->indent * s->size;
    double w = vlm_docgen_run_width(p, face, row->cell[0].text) * s->size;
    double x = row->align == ALIGN_CENTRE  ? (left + s->right - w) / 2
               : row->align == ALIGN_RIGHT ? s->right - w
                                           : left;
    double end = vlm_docgen_run(p, face, row->cell[0].text, x, s->base, s->size, s->middle, line,
                                ink, false);
    if (row->n < 2)
        return;
    double second = s->right - vlm_docgen_run_width(p, face, row->cell[1].text) * s->size;
    if (row->align == ALIGN_LEADER)
        for (double d = end + s->size * 0.3; d + 0.42 * s->size < second - s->size * 0.2;
             d += s->size * 0.42)
            vlm_docgen_run(p, face, ".", d, s->base, s->size, s->middle, line, ink, true);
    vlm_docgen_run(p, face, row->cell[1].text, second, s->base, s->size, s->middle, line, ink,
                   false);
}

static void draw_text(struct vlm_docgen_page *p, const struct vlm_docgen_row *row, struct spot *s)
{
    const uint8_t *ink = p->ink;
    uint32_t first = p->doc->n_glyphs;
    s->size = p->size * row->scale;
    if (row->inverse) {
        vlm_docgen_fill(p, s->left - s->size * 0.25, s->top, s->right + s->size * 0.25,
                        s->top + s->height, p->ink);
        ink = p->paper;
    }
    p->frame = row->inverse ? FRAME_INVERSE : row->rule ? FRAME_UNDERLINE : FRAME_NONE;
    s->base = s->top + s->height * 0.5 + s->size * 0.36;
    s->middle = (int)s->base - vlm_docgen_x_height(p, face_of(p, row)) * s->size / 2;
    if (row->grid)
        for (int j = 0; j < row->n; j++)
            draw_cell(p, row, j, s, ink);
    else
        draw_plain(p, row, s, ink);
    p->frame = FRAME_NONE;
    bound_line(p->doc, (uint32_t)row->line, first);
    if (row->rule)
        vlm_docgen_rule(p, row->rule, s->left, s->right, s->top + s->height);
}

static void draw_signs(struct vlm_docgen_page *p, const struct vlm_docgen_row *row,
                       const struct spot *s)
{
    uint32_t line = (uint32_t)(row->line ? row->line - 1 : 0);
    double size = p->size * row->scale;
    double w = vlm_docgen_run_width(p, p->body, row->cell[0].text) * size;
    if (w < size * 0.1)
        return;
    double base = s->top + s->height * 0.5 + size * 0.3;
    for (double x = s->left; x + w <= s->right; x += w)
        vlm_docgen_run(p, p->body, row->cell[0].text, x, base, size, base - size * 0.25, line,
                       p->ink, true);
}

static void draw_row(struct vlm_docgen_page *p, const struct vlm_docgen_row *row, struct spot *s)
{
    double w = s->right - s->left;
    if (row->kind == ROW_TEXT) {
        draw_text(p, row, s);
    } else if (row->kind == ROW_RULE) {
        if (row->rule == RULE_SIGNS && row->cell[0].text[0])
            draw_signs(p, row, s);
        else
            vlm_docgen_rule(p, row->rule == RULE_SIGNS ? RULE_DASHED : row->rule, s->left, s->right,
                            s->top + s->height / 2);
    } else {
        double most = row->kind == ROW_LOGO ? s->height * between(p->r, 0.9, 2.5) : w;
        double use = w * between(p->r, 0.4, 1.0);
        use = use < most ? use : most;
        double x = row->align == ALIGN_LEFT    ? s->left
                   : row->align == ALIGN_RIGHT ? s->right - use
                                               : (s->left + s->right - use) / 2;
        if (row->kind == ROW_BARS)
            vlm_docgen_bars(p, x, s->top, x + use, s->top + s->height);
        else
            vlm_docgen_logo(p, x, s->top, x + use, s->top + s->height);
    }
}

/* Rules of grid g between the tops of its first row and the bottom of its last. */
static void draw_grid(struct vlm_docgen_page *p, int g, const double *tops, double left)
{
    const struct vlm_docgen_grid *grid = &p->c->grids[g];
    double t = 1 + (double)(int)(p->size / 28), gap = grid->gap * p->size;
    double right = p->x[g][grid->n_columns] - (grid->frame ? gap / 2 : gap), top = -1, bottom = 0;
    for (int i = 0; i < p->c->n_rows; i++) {
        const struct vlm_docgen_row *row = &p->c->rows[i];
        if (row->kind != ROW_TEXT || row->grid != g + 1)
            continue;
        if (top < 0)
            top = tops[i];
        else if (grid->rows)
            vlm_docgen_fill(p, left, (int)tops[i], right, (int)tops[i] + t, p->ink);
        bottom = tops[i] + row_height(p, row) * p->size;
    }
    if (top < 0)
        return;
    for (int j = 1; j < grid->n_columns && grid->columns; j++) {
        double x = (int)(p->x[g][j] - gap / 2);
        vlm_docgen_fill(p, x, top, x + t, bottom, p->ink);
    }
    if (grid->frame)
        vlm_docgen_frame(p, left, top, right, bottom + t, t, p->ink);
}

static void draw_border(struct vlm_docgen_page *p)
{
    double shorter = p->width < p->height ? p->width : p->height;
    double at = shorter * between(p->r, 0.0, 0.012), t = shorter * between(p->r, 0.002, 0.01);
    vlm_docgen_frame(p, at, at, p->width - at, p->height - at, 1 + t, p->ink);
}

static void draw_strip(struct vlm_docgen_page *p, double *left, double *right)
{
    double w = p->width, share = p->c->strip;
    double x0 = share < 0 ? 0 : w * (1 - share), x1 = share < 0 ? -w * share : w;
    int how = pick(p->r, 4);
    if (how == 0)
        vlm_docgen_fill(p, x0, 0, x1, p->height, p->accent);
    else if (how == 1)
        vlm_docgen_fill(p, x0, 0, x1, p->height, p->ink);
    else if (how == 2)
        vlm_docgen_logo(p, x0 + 2, p->height * 0.1, x1 - 2, p->height * 0.9);
    else
        for (double y = 0; y < p->height; y += p->size * 0.6)
            vlm_docgen_fill(p, share < 0 ? x1 - 2 : x0, y, share < 0 ? x1 : x0 + 2,
                            y + p->size * 0.3, p->ink);
    if (share < 0)
        *left += x1;
    else
        *right -= x1 - x0;
}

void vlm_docgen_lay_out(struct vlm_docgen_page *p)
{
    const struct vlm_docgen_content *c = p->c;
    struct vlm_rng *r = p->r;
    double tops[VLM_DOCGEN_ROWS], text_width, text_height;
    measure(p, &text_width, &text_height);
    vlm_docgen_fill(p, 0, 0, p->width, p->height, p->paper);
    if (c->framed)
        draw_border(p);
    double left = p->margin_x, right = p->width - p->margin_x;
    if (c->strip != 0)
        draw_strip(p, &left, &right);
    double slack = p->height - 2 * p->margin_y - text_height * p->size, spread = 0;
    slack = slack < 0 ? 0 : slack;
    if (c->n_rows > 1 && chance(r, 0.4))
        spread = slack * between(r, 0.3, 1.0) / (c->n_rows - 1);
    double top = p->margin_y + (slack - spread * (c->n_rows - 1)) * vlm_rng_unit(r);
    /* the block of text may be narrower than the page and stand anywhere in it */
    double free_x = right - left - text_width * p->size, take = 0;
    if (free_x > 0 && chance(r, 0.5))
        take = free_x * vlm_rng_unit(r);
    left += take * vlm_rng_unit(r);
    right = left + (free_x > 0 ? text_width * p->size + free_x - take : text_width * p->size);
    place_columns(p, left, right);
    for (int i = 0; i < c->n_rows; i++) {
        const struct vlm_docgen_row *row = &c->rows[i];
        double gap = row->gap * p->size, h = row_height(p, row) * p->size - gap;
        struct spot s = {.top = top + gap, .height = h, .left = left, .right = right};
        tops[i] = top;
        draw_row(p, row, &s);
        top += gap + h + spread;
    }
    for (int g = 0; g < c->n_grids; g++)
        draw_grid(p, g, tops, left);
}
