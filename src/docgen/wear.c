/* wear.c: wear and photography of a finished page: faded print, scratches, a page that lies askew
 * on a table, light, blur, grain.
 *
 * Every effect has its own chance and amount, both growing with strength.  Boxes follow the page.
 * JPEG is not here: its library does not belong to this room (tools/pocket/docgen.py adds it). */
#include <string.h>

#include "docgen/page.h"

#define chance vlm_docgen_chance
#define between vlm_docgen_between

/* ---- the page on the table ---- */

/* u = (a x + b y + c) / (g x + h y + 1), v = (d x + e y + f) / (...) */
struct map {
    double m[9];
};

static void apply(const struct map *q, double x, double y, double *u, double *v)
{
    double w = q->m[6] * x + q->m[7] * y + q->m[8];
    *u = (q->m[0] * x + q->m[1] * y + q->m[2]) / w;
    *v = (q->m[3] * x + q->m[4] * y + q->m[5]) / w;
}

/* Takes the rectangle w x h to the corners, clockwise from the upper left (Heckbert 1989). */
static struct map to_corners(double w, double h, double c[4][2])
{
    double dx1 = c[1][0] - c[2][0], dx2 = c[3][0] - c[2][0],
           dx3 = c[0][0] - c[1][0] + c[2][0] - c[3][0];
    double dy1 = c[1][1] - c[2][1], dy2 = c[3][1] - c[2][1],
           dy3 = c[0][1] - c[1][1] + c[2][1] - c[3][1];
    double det = dx1 * dy2 - dx2 * dy1;
    double g = (dx3 * dy2 - dx2 * dy3) / det, k = (dx1 * dy3 - dx3 * dy1) / det;
    return (struct map){{(c[1][0] - c[0][0] + g * c[1][0]) / w,
                         (c[3][0] - c[0][0] + k * c[3][0]) / h, c[0][0],
                         (c[1][1] - c[0][1] + g * c[1][1]) / w,
                         (c[3][1] - c[0][1] + k * c[3][1]) / h, c[0][1], g / w, k / h, 1}};
}

static struct map inverse(const struct map *q)
{
    const double *m = q->m;
    return (struct map){
        {m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
         m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
         m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]}};
}

static void move_box(const struct map *q, float *x0, float *y0, float *x1, float *y1)
{
    double lx = 1e9, ly = 1e9, hx = -1e9, hy = -1e9;
    for (int k = 0; k < 4; k++) {
        double u, v;
        apply(q, k & 1 ? *x1 : *x0, k & 2 ? *y1 : *y0, &u, &v);
        lx = u < lx ? u : lx;
        ly = v < ly ? v : ly;
        hx = u > hx ? u : hx;
        hy = v > hy ? v : hy;
    }
    *x0 = (float)lx, *y0 = (float)ly, *x1 = (float)hx, *y1 = (float)hy;
}

static void move_truth(struct vlm_docgen_doc *doc, const struct map *q)
{
    for (uint32_t i = 0; i < doc->n_glyphs; i++) {
        struct vlm_docgen_glyph *g = &doc->glyphs[i];
        double u, v;
        apply(q, (g->x0 + g->x1) / 2, g->middle, &u, &v);
        move_box(q, &g->x0, &g->y0, &g->x1, &g->y1);
        g->middle = (float)v;
    }
    for (uint32_t i = 0; i < doc->n_lines; i++)
        move_box(q, &doc->lines[i].x0, &doc->lines[i].y0, &doc->lines[i].x1, &doc->lines[i].y1);
}

/* Where the corners of the page lie in the picture, which keeps its size. */
static void choose_corners(struct vlm_docgen_page *p, double s, double c[4][2])
{
    struct vlm_rng *r = p->r;
    double w = p->width, h = p->height;
    double t = chance(r, 0.3 + 0.5 * s) ? between(r, -0.01745, 0.01745) * s : 0; /* tan of half */
    double cosine = (1 - t * t) / (1 + t * t), sine = 2 * t / (1 + t * t);
    double bend = chance(r, 0.2 + 0.4 * s) ? 0.035 * s : 0;
    double lx = 1e9, ly = 1e9, hx = -1e9, hy = -1e9;
    for (int k = 0; k < 4; k++) {
        double x = k == 1 || k == 2 ? w / 2 : -w / 2, y = k >= 2 ? h / 2 : -h / 2;
        x *= 1 + between(r, -bend, bend);
        y *= 1 + between(r, -bend, bend);
        c[k][0] = cosine * x - sine * y;
        c[k][1] = sine * x + cosine * y;
        lx = c[k][0] < lx ? c[k][0] : lx;
        ly = c[k][1] < ly ? c[k][1] : ly;
        hx = c[k][0] > hx ? c[k][0] : hx;
        hy = c[k][1] > hy ? c[k][1] : hy;
    }
    /* the frame may cut 1 % of the page, or show the table around it */
    double most = 0.07 * s, edge = chance(r, 0.5) ? between(r, 0, most) : -0.01;
    double sx = w * (1 - 2 * edge) / (hx - lx), sy = h * (1 - 2 * edge) / (hy - ly);
    double ox = between(r, -0.5, 0.5) * edge * w, oy = between(r, -0.5, 0.5) * edge * h;
    for (int k = 0; k < 4; k++) {
        c[k][0] = (c[k][0] - lx) * sx + edge * w + (edge > 0 ? ox : 0);
        c[k][1] = (c[k][1] - ly) * sy + edge * h + (edge > 0 ? oy : 0);
    }
}

/* n pixels whose places in the page run evenly from (x, y), in 1/65536 pixel, by (dx, dy). */
static void sample(const struct vlm_docgen_page *p, uint8_t *out, int n, int64_t x, int64_t y,
                   int64_t dx, int64_t dy, const uint8_t table[3])
{
    size_t ch = (size_t)p->channels, stride = (size_t)p->width * ch;
    for (int i = 0; i < n; i++, out += ch, x += dx, y += dy) {
        int64_t ix = x >> 16, iy = y >> 16;
        if (x < 0 || y < 0 || ix >= p->width - 1 || iy >= p->height - 1) {
            memcpy(out, table, ch);
            continue;
        }
        int wx = (int)(x >> 8 & 255), wy = (int)(y >> 8 & 255);
        const uint8_t *q = p->px + (size_t)iy * stride + (size_t)ix * ch;
        for (size_t k = 0; k < ch; k++) {
            int top = q[k] * (256 - wx) + q[k + ch] * wx;
            int low = q[k + stride] * (256 - wx) + q[k + stride + ch] * wx;
            out[k] = (uint8_t)((top * (256 - wy) + low * wy + 32768) >> 16);
        }
    }
}

/* One row of the picture: from is where it comes from.  Exact at every 16th pixel, straight
 * between: the difference is far below a pixel at these angles. */
static void sample_row(const struct vlm_docgen_page *p, const struct map *from, int y, uint8_t *out,
                       const uint8_t table[3])
{
    enum { STEP = 16 };
    double u, v, next_u, next_v;
    apply(from, 0.5, y + 0.5, &u, &v);
    for (int x = 0; x < p->width; x += STEP, out += STEP * p->channels) {
        apply(from, x + STEP + 0.5, y + 0.5, &next_u, &next_v);
        sample(p, out, p->width - x < STEP ? p->width - x : STEP, (int64_t)((u - 0.5) * 65536),
               (int64_t)((v - 0.5) * 65536), (int64_t)((next_u - u) * (65536 / STEP)),
               (int64_t)((next_v - v) * (65536 / STEP)), table);
        u = next_u;
        v = next_v;
    }
}

static bool lay_askew(struct vlm_docgen_page *p, double s)
{
    double corners[4][2];
    uint8_t table[3];
    choose_corners(p, s, corners);
    int grey = 20 + vlm_docgen_pick(p->r, 180);
    for (int k = 0; k < 3; k++)
        table[k] = (uint8_t)(grey + vlm_docgen_pick(p->r, 40) * (p->channels == 3));
    size_t stride = (size_t)p->width * (size_t)p->channels;
    uint8_t *out = vlm_mem_alloc(p->gen->alloc, stride, (size_t)p->height);
    if (out == NULL)
        return false;
    struct map to = to_corners(p->width, p->height, corners), from = inverse(&to);
    for (int y = 0; y < p->height; y++)
        sample_row(p, &from, y, out + (size_t)y * stride, table);
    move_truth(p->doc, &to);
    vlm_mem_free(p->gen->alloc, p->px);
    p->px = out;
    return true;
}

/* ---- print and light ---- */

static void scratch(struct vlm_docgen_page *p, double s)
{
    struct vlm_rng *r = p->r;
    size_t ch = (size_t)p->channels, stride = (size_t)p->width * ch;
    for (int n = 1 + vlm_docgen_pick(r, 3); n > 0; n--) {
        bool across = chance(r, 0.5), dark = chance(r, 0.5);
        int at = vlm_docgen_pick(r, across ? p->height : p->width);
        int length = across ? p->width : p->height;
        int from = vlm_docgen_pick(r, length), to = from + vlm_docgen_pick(r, length);
        int share = (int)(between(r, 0.1, 0.2 + 0.3 * s) * 256);
        const uint8_t *c = dark ? p->ink : p->paper;
        for (int i = from; i < to && i < length; i++) {
            uint8_t *d = across ? p->px + (size_t)at * stride + (size_t)i * ch
                                : p->px + (size_t)i * stride + (size_t)at * ch;
            for (size_t k = 0; k < ch; k++)
                d[k] = (uint8_t)((d[k] * (256 - share) + c[k] * share) >> 8);
        }
    }
}

enum { CELL = 32, GRID = 40 };

struct light {
    float bright[GRID][GRID], ink[GRID][GRID]; /* factors at the corners of cells */
};

static void choose_light(struct vlm_docgen_page *p, double s, struct light *l)
{
    struct vlm_rng *r = p->r;
    int nx = p->width / CELL + 2, ny = p->height / CELL + 2;
    double gx = 0, gy = 0, mottle = 0, fade = 0, dark = 1, ax = 0, ay = 0, at = 0;
    bool along = chance(r, 0.5);
    if (chance(r, 0.5)) {
        gx = between(r, -0.3, 0.3) * s;
        gy = between(r, -0.3, 0.3) * s;
    }
    if (chance(r, 0.4))
        mottle = between(r, 0, 0.05) * s;
    if (chance(r, 0.35))
        fade = between(r, 0.1, 0.55) * s;
    if (chance(r, 0.25)) { /* a shadow over one side */
        dark = 1 - between(r, 0.05, 0.35) * s;
        ax = between(r, -1, 1);
        ay = between(r, -1, 1);
        at = between(r, -0.4, 0.4);
    }
    double bottom = between(r, 0, 1), gain = 1 - 0.12 * s * vlm_rng_unit(r);
    for (int j = 0; j < ny; j++)
        for (int i = 0; i < nx; i++) {
            double x = (double)i / (nx - 1), y = (double)j / (ny - 1);
            double b = gain + gx * (x - 0.5) + gy * (y - 0.5) + between(r, -mottle, mottle);
            double side = 6 * (ax * (x - 0.5) + ay * (y - 0.5) - at) + 0.5;
            side = side < 0 ? 0 : side > 1 ? 1 : side;
            b *= 1 - (1 - dark) * side;
            double from = (along ? x : y) - bottom;
            from = from < 0 ? -from : from;
            l->bright[j][i] = (float)b;
            l->ink[j][i] = (float)(1 - fade * (1 - from) - between(r, 0, mottle));
        }
}

/* n pixels: ink fades towards paper, then light; both run evenly over a cell. */
static void shine_cell(const struct vlm_docgen_page *p, uint8_t *row, int n, float bright,
                       float more_bright, float ink, float more_ink)
{
    int ch = p->channels;
    for (int k = 0; k < ch; k++) {
        float paper = p->paper[k];
        for (int x = 0; x < n; x++) {
            float u = (float)x * (1.0f / CELL), v = (float)row[x * ch + k];
            v = (paper + (v - paper) * (ink + more_ink * u)) * (bright + more_bright * u);
            v = v > 255 ? 255 : v;
            row[x * ch + k] = (uint8_t)(int)(v < 0 ? 0 : v);
        }
    }
}

static void shine(struct vlm_docgen_page *p, const struct light *l)
{
    size_t ch = (size_t)p->channels;
    for (int y = 0; y < p->height; y++) {
        uint8_t *row = p->px + (size_t)y * (size_t)p->width * ch;
        int j = y / CELL;
        float v = (float)(y % CELL) / CELL;
        for (int i = 0; i * CELL < p->width; i++) {
            float b0 = l->bright[j][i] * (1 - v) + l->bright[j + 1][i] * v,
                  b1 = l->bright[j][i + 1] * (1 - v) + l->bright[j + 1][i + 1] * v;
            float k0 = l->ink[j][i] * (1 - v) + l->ink[j + 1][i] * v,
                  k1 = l->ink[j][i + 1] * (1 - v) + l->ink[j + 1][i + 1] * v;
            int n = p->width - i * CELL < CELL ? p->width - i * CELL : CELL;
            shine_cell(p, row, n, b0, b1 - b0, k0, k1 - k0);
            row += (size_t)n * ch;
        }
    }
}

/* ---- lens and sensor ---- */

/* out = (a, 256 - 2a, a) / 256 of before, here, behind */
static void mix(uint8_t *restrict out, const uint8_t *restrict before, const uint8_t *restrict here,
                const uint8_t *restrict behind, size_t n, uint16_t a)
{
    uint16_t b = (uint16_t)(256 - 2 * a);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)((uint16_t)(here[i] * b + (before[i] + behind[i]) * a + 128) >> 8);
}

/* One pass each way: variance 2a / 256.  line: three rows and two pixels */
static void blur_once(struct vlm_docgen_page *p, uint16_t a, uint8_t *line)
{
    size_t ch = (size_t)p->channels, stride = (size_t)p->width * ch, h = (size_t)p->height;
    uint8_t *above = line + stride + 2 * ch, *here = above + stride;
    for (size_t y = 0; y < h; y++) {
        uint8_t *row = p->px + y * stride;
        memcpy(line + ch, row, stride);
        memcpy(line, row, ch);
        memcpy(line + ch + stride, row + stride - ch, ch);
        mix(row, line, line + ch, line + 2 * ch, stride, a);
    }
    memcpy(above, p->px, stride);
    for (size_t y = 0; y < h; y++) {
        uint8_t *row = p->px + y * stride, *t = above;
        memcpy(here, row, stride);
        mix(row, above, here, y + 1 < h ? row + stride : line + ch, stride, a);
        above = here;
        here = t;
    }
}

static bool blur(struct vlm_docgen_page *p, double sigma)
{
    size_t n = (3 * (size_t)p->width + 2) * (size_t)p->channels;
    uint8_t *line = vlm_mem_alloc(p->gen->alloc, n, 1);
    if (line == NULL)
        return false;
    double variance = sigma * sigma;
    int passes = (int)(variance / 0.5) + 1;
    for (int i = 0; i < passes; i++)
        blur_once(p, (uint16_t)(variance / passes * 128 + 0.5), line);
    vlm_mem_free(p->gen->alloc, line);
    return true;
}

static void grain(struct vlm_docgen_page *p, int amount)
{
    size_t n = (size_t)p->width * (size_t)p->height, ch = (size_t)p->channels;
    uint32_t state = vlm_rng_u32(p->r); /* a plain generator is enough for grain */
    int8_t bell[256];                   /* two uniform parts */
    for (int i = 0; i < 256; i++)
        bell[i] = (int8_t)(((i & 15) + (i >> 4) - 15) * amount / 16);
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        int d = bell[state >> 24];
        for (size_t k = 0; k < ch; k++) {
            int v = p->px[i * ch + k] + d;
            p->px[i * ch + k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

bool vlm_docgen_wear(struct vlm_docgen_page *p, double strength)
{
    struct vlm_rng *r = p->r;
    double s = strength < 0 ? 0 : strength > 1 ? 1 : strength;
    if (!(s > 0))
        return true;
    double longest = p->width > p->height ? p->width : p->height;
    if (chance(r, 0.3 * s))
        scratch(p, s);
    if (chance(r, 0.35 + 0.5 * s) && !lay_askew(p, s))
        return false;
    if (chance(r, 0.4 + 0.4 * s)) {
        struct light l;
        choose_light(p, s, &l);
        shine(p, &l);
    }
    /* of the picture that the model sees, 384 pixels wide */
    if (chance(r, 0.25 + 0.35 * s) && !blur(p, between(r, 0.2, 0.2 + 0.6 * s) * longest / 384))
        return false;
    if (chance(r, 0.3 + 0.4 * s))
        grain(p, 2 + (int)(between(r, 0, 18) * s));
    return true;
}
