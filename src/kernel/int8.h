/* int8.h: products of rows of 8-bit blocks (struct vlm_q8) with quantised weights, in integers,
 * written once on the vector vocabulary of a level.
 *
 * A vector of integers holds, for each of VL columns, four consecutive elements in the four bytes of
 * a lane; so a lane ends with the whole sum of its column's group (16 or 32 elements under one
 * scale) and no sum crosses lanes.  A type supplies a function that unpacks one block of VL columns
 * (int8_fill.h) and names a tile; few rows and many go the same way: a panel of INT8_COLS columns
 * is unpacked into the first-level cache, tiles of rows pass over it.
 *
 * The integers are exact.  The floats of one output have one order: for each group in increasing
 * order  acc = fma(scale_w * scale_a, (float)sum, acc), then, for types with minima,
 * acc = fma(min, total_a, acc).  Every level does the same, so all give the same bits.
 *
 * Besides vector.h's words the level defines INT8_ROWS (rows of a tile), INT8_VECS and
 *
 *   vi: VL lanes of 32 bits, also seen as bytes;  i_zero i_load i_store i_set8 i_set32 i_and i_or
 *   i_spread(p): four bytes in every lane
 *   i_shl i_shr: of each 16 bits by a constant;  i_shr32: of each lane
 *   i_sub32, i_to_f32
 *   i_table(p), i_lookup(table, x): byte i is table[x_i], x_i < 16
 *   i_bits(x, s): byte b of a lane is 16 where bit 4 s + b of the lane is set
 *   i_halves(col, ld, at): the F16 at `at` of VL columns, in f32; 16 bytes may be read there
 *   i_half(x): the lower 16 bits of each lane as F16, in f32;  i_byte(x, b), i_signed_byte: as f32
 *   i_columns(x[4], col, ld, at): bytes at .. at + 15 of VL columns, ld apart, four to a lane
 *   i_words(col, ld, at): bytes at .. at + 3 of VL columns
 *   i_store_q8(p, x): VL floats, whole numbers in [-127, 127], as bytes
 *   i_mac4(acc, w, a): products of w in [0, 63] with a, kept in 16 or 32 bits;  i_widen(acc, part)
 *   i_mac8(acc, w, a): products of signed w with a in [-127, 127]
 *
 * A level whose i_mac4 adds any unsigned bytes to 32 bits says INT8_WIDE 1, and i_start(sum, zero) is
 * what its sums begin with, -zero * sum (of 13 bits) in every lane. If signed weights come
 * with 128 added too (and i_xor), INT8_SIGNED_ZERO is 128. */
#ifndef VLM_KERNEL_INT8_H
#define VLM_KERNEL_INT8_H

#include "kernel/blocks.h"

#define INT8_COLS (INT8_VECS * VL)
#define INT8_STEP (INT8_COLS * 4) /* bytes of four elements of all columns */
#ifndef INT8_DEPTH
#define INT8_DEPTH 32            /* groups of 32 elements in a panel */
#define INT8_CACHED (192 * 1024) /* bytes of rows that stay in the second-level cache */
#endif
#ifndef INT8_WIDE
#define INT8_WIDE 0
#define i_start(sum, zero) i_zero() /* taken off at the end: no register is free */
#endif
#ifndef INT8_SIGNED_ZERO
#define INT8_SIGNED_ZERO 0
#endif

struct int8_panel {
    _Alignas(64) uint8_t w[INT8_DEPTH * 8 * INT8_STEP]; /* [step][column][4] */
    _Alignas(64) float scale[INT8_DEPTH * 2 * INT8_COLS], min[INT8_DEPTH * 2 * INT8_COLS];
};
struct int8_view { /* of a panel, or of weights that were repacked as such */
    const uint8_t *w;
    const float *scale, *min;
};

/* What a type is to a tile; always constants. bits: 4, 5 or 6: elements plus zero are less than
 * 2^bits and not negative; 8: signed. */
struct int8_type {
    size_t bits, group;
    int zero;
    int mins;
};

#include "kernel/int8_fill.h"

/* ---- rows to 8 bits ---- */

static void to_q8(struct vlm_q8 *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += VLM_Q8_LEN, out++) {
        vf v[VLM_Q8_LEN / VL], top[16 / VL], bad[16 / VL];
        EACH(j, 16 / VL)
            top[j] = bad[j] = v_zero();
        EACH(j, VLM_Q8_LEN / VL) {
            size_t at = i + j * VL, c = at >= n ? 0 : n - at < VL ? n - at : VL;
            v[j] = c == VL ? v_load(x + at) : c == 0 ? v_zero() : v_load_n(x + at, c);
            top[j % (16 / VL)] =
                v_max(top[j % (16 / VL)], v_max(v[j], v_sub(v_zero(), v[j])));
            bad[j % (16 / VL)] = v_fma(v[j], v_zero(), bad[j % (16 / VL)]);
        }
        float largest = v_maximum(top), wrong = v_sum(bad), inverse = vlm_q8_inverse(largest);
        out->scale = wrong != wrong ? wrong : inverse == 0 ? 0 : largest / 127;
        if (wrong != wrong)
            inverse = 0;
        EACH(j, VLM_Q8_LEN / VL) {
            v[j] = wrong != wrong ? v_zero() : v_round(v_mul(v[j], v_set(inverse)));
            i_store_q8(out->q + j * VL, v[j]);
        }
        out->sum[1] = (int32_t)v_sum(v);
        out->sum[2] = (int32_t)v_sum(v + 16 / VL);
        vlm_q8_totals(out);
    }
}

/* ---- products ---- */

#if defined(INT8_SUMS)
#include "kernel/arm/neon_sums.h" /* int8_sums of their own */
#else
/* Sums of one group, the g-th of 32 elements: of height rows with vecs vectors of columns. */
static ALWAYS void int8_sums(vi sum[INT8_ROWS][INT8_VECS], const uint8_t *w, const struct vlm_q8 *a,
                             size_t ld_a, size_t g, size_t height, size_t vecs, struct int8_type t)
{
    const size_t run = t.bits == 4 ? 8 : t.bits == 5 ? 4 : 2, /* sums that fit 16 bits */
        which = t.group == 32 ? 0 : 1 + g;
    vi part[INT8_ROWS][INT8_VECS];
    EACH(r, height)
        EACH(v, vecs) {
            sum[r][v] = INT8_WIDE && t.zero ? i_start(a[r * ld_a].sum[which], t.zero) : i_zero();
            part[r][v] = i_zero();
        }
    EACH(s, t.group / 4) {
        vi x[INT8_VECS];
        EACH(v, vecs)
            x[v] = i_load(w + s * INT8_STEP + v * VL * 4);
        EACH(r, height) {
            vi y = i_spread(a[r * ld_a].q + g * t.group + 4 * s);
            EACH(v, vecs) {
                if (INT8_WIDE)
                    sum[r][v] = i_mac4(sum[r][v], x[v], y);
                else if (t.bits == 8)
                    sum[r][v] = i_mac8(sum[r][v], x[v], y);
                else
                    part[r][v] = i_mac4(part[r][v], x[v], y);
                if (!INT8_WIDE && t.bits < 8 && ((s + 1) % run == 0 || s + 1 == t.group / 4)) {
                    sum[r][v] = i_widen(sum[r][v], part[r][v]);
                    part[r][v] = i_zero();
                }
            }
        }
    }
    EACH(r, height)
        EACH(v, vecs)
            if (!INT8_WIDE && t.zero)
                sum[r][v] = i_sub32(sum[r][v], i_set32(t.zero * a[r * ld_a].sum[which]));
}
#endif

/* height rows times vecs vectors of columns of a panel (constants), n groups of 32 */
static ALWAYS void int8_tile(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,
                             struct int8_view p, size_t n, size_t cols, int first,
                             size_t height, size_t vecs, struct int8_type t)
{
    vf acc[INT8_ROWS][INT8_VECS];
    const uint8_t *w = p.w;
    const float *scale = p.scale, *min = p.min;
    EACH(r, height)
        EACH(v, vecs) {
            float *o = out + r * ld_out + v * VL;
            size_t c = cols <= v * VL ? 0 : cols - v * VL;
            acc[r][v] = first || c == 0 ? v_zero() : c >= VL ? v_load(o) : v_load_n(o, c);
        }
    for (size_t b = 0; b < n; b++) {
        EACH(g, 32 / t.group) {
            vi sum[INT8_ROWS][INT8_VECS];
            int8_sums(sum, w, a + b, ld_a, g, height, vecs, t);
            w += t.group / 4 * INT8_STEP;
            EACH(r, height) {
                const struct vlm_q8 *row = a + r * ld_a + b;
                const size_t which = t.group == 32 ? 0 : 1 + g;
                vf row_scale = v_set(row->scale);
                EACH(v, vecs) {
                    acc[r][v] = v_fma(v_mul(v_load(scale + v * VL), row_scale),
                                      i_to_f32(sum[r][v]), acc[r][v]);
                    if (t.mins)
                        acc[r][v] =
                            v_fma(v_load(min + v * VL), v_set(row->total[which]), acc[r][v]);
                }
            }
            scale += INT8_COLS;
            min += INT8_COLS;
        }
    }
    EACH(r, height)
        EACH(v, vecs) {
            float *o = out + r * ld_out + v * VL;
            size_t c = cols <= v * VL ? 0 : cols - v * VL;
            if (c >= VL)
                v_store(o, acc[r][v]);
            else if (c)
                v_store_n(o, acc[r][v], c);
        }
}

static ALWAYS void int8_rows(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,
                             struct int8_view p, size_t m, size_t n, size_t cols, int first,
                             struct int8_type t)
{
    size_t i = 0;
    for (; i + INT8_ROWS <= m; i += INT8_ROWS)
        int8_tile(out + i * ld_out, ld_out, a + i * ld_a, ld_a, p, n, cols, first, INT8_ROWS,
                  INT8_VECS, t);
    for (; i + 2 <= m; i += 2)
        int8_tile(out + i * ld_out, ld_out, a + i * ld_a, ld_a, p, n, cols, first, 2, INT8_VECS, t);
    if (i < m)
        int8_tile(out + i * ld_out, ld_out, a + i * ld_a, ld_a, p, n, cols, first, 1, INT8_VECS, t);
}

/* The tiles that there are, each shared by all types alike: X(name, bits, group, zero, minima) */
#define INT8_TILES(X)                                                                              \
    X(four, 4, 32, 8, 0)                                                                           \
    X(four_min, 4, 32, 0, 1)                                                                       \
    X(five, 5, 32, 16, 0)                                                                          \
    X(five_min, 5, 32, 0, 1)                                                                       \
    X(eight, 8, 32, INT8_SIGNED_ZERO, 0)                                                           \
    X(two_min_16, 4, 16, 0, 1)                                                                     \
    X(three_16, 4, 16, 4, 0)                                                                       \
    X(six_16, 6, 16, 32, 0)

#define INT8_ROWS_OF(name, BITS, GROUP, ZERO, MINS)                                                \
    static const struct int8_type tile_##name = { BITS, GROUP, ZERO, MINS };                       \
    static __attribute__((noinline)) void rows_##name(                                             \
        float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,                            \
        struct int8_view p, size_t m, size_t n, size_t cols, int first)                            \
    {                                                                                              \
        int8_rows(out, ld_out, a, ld_a, p, m, n, cols, first, tile_##name);                        \
    }
INT8_TILES(INT8_ROWS_OF)
#undef INT8_ROWS_OF

/* What a type is to the loops around the tiles. */
typedef void int8_rows_of(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,
                          struct int8_view p, size_t m, size_t n, size_t cols, int first);
struct int8_blocks {
    size_t len, bytes, group;
    int8_rows_of *rows;
};

typedef void int8_fill(struct int8_out o, const uint8_t *col, size_t ld, const uint8_t *next);

/* Blocks of INT8_COLS columns, ld_w apart, or of the first VL as often as they fit.  next: what to
 * bring closer meanwhile, as many bytes as are read here. */
static ALWAYS void int8_panel_fill(struct int8_out p, const uint8_t *w, size_t ld_w, size_t cols,
                                   size_t n_blocks, const uint8_t *next, int8_fill *fill,
                                   struct int8_blocks t)
{
    for (size_t v = 0; v < INT8_VECS; v++) {
        const uint8_t *col = w + (cols > v * VL ? v * VL : 0) * ld_w;
        struct int8_out o = { .w = p.w + v * VL * 4,
                              .scale = p.scale + v * VL,
                              .min = p.min ? p.min + v * VL : NULL };
        for (size_t b = 0; b < n_blocks; b++, col += t.bytes, next += VL * t.bytes) {
            fill(o, col, ld_w, next);
            o.w += t.len / 4 * INT8_STEP;
            o.scale += t.len / t.group * INT8_COLS;
            o.min = p.min ? o.min + t.len / t.group * INT8_COLS : NULL;
        }
    }
}

/* Columns from j on that go at once: INT8_COLS, or VL, or one, seen as INT8_COLS. */
static ALWAYS size_t int8_width(size_t n, size_t j)
{
    return n - j >= INT8_COLS ? INT8_COLS : n - j >= VL ? VL : 1;
}

/* A pass takes as many rows, or as much of k, as the second-level cache holds. */
struct int8_pass {
    size_t few, rows, groups; /* few: all rows fit */
};
static ALWAYS struct int8_pass int8_pass(size_t m, size_t groups)
{
    const size_t bytes = sizeof(struct vlm_q8);
    struct int8_pass p = { 1, m, groups };
    if (m * groups * bytes > INT8_CACHED)
        p = (struct int8_pass){ 0, INT8_CACHED / (INT8_DEPTH * bytes) / INT8_ROWS * INT8_ROWS,
                                INT8_DEPTH };
    return p;
}

static void int8_zero(float *out, size_t ld_out, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        memset(out + i * ld_out, 0, n * sizeof *out);
}

static ALWAYS void int8_matmul(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,
                               const uint8_t *w, size_t m, size_t n, size_t k, int8_fill *fill,
                               struct int8_blocks t)
{
    struct int8_panel panel;
    const struct int8_out fresh = { .w = panel.w, .scale = panel.scale, .min = panel.min };
    const struct int8_view view = { panel.w, panel.scale, panel.min };
    const size_t ld_w = k / t.len * t.bytes, groups = k / 32;
    const struct int8_pass pass = int8_pass(m, groups);
    if (k == 0)
        int8_zero(out, ld_out, m, n);
    for (size_t from = 0; from < groups; from += pass.groups)
        for (size_t top = 0; top < m; top += pass.rows)
            for (size_t j = 0, cols; j < n; j += cols) {
                size_t to = groups - from < pass.groups ? groups : from + pass.groups;
                cols = int8_width(n, j);
                for (size_t b = from; b < to; b += INT8_DEPTH) {
                    size_t len = to - b < INT8_DEPTH ? to - b : INT8_DEPTH,
                           done = b * 32 / t.len * t.bytes;
                    const uint8_t *at = w + j * ld_w + done,
                                  *next = pass.few ? w + (j + cols) * ld_w + cols * done : at;
                    int8_panel_fill(fresh, at, cols == 1 ? 0 : ld_w, cols, len * 32 / t.len,
                                    next, fill, t);
                    t.rows(out + top * ld_out + j, ld_out, a + top * ld_a + b, ld_a, view,
                           m - top < pass.rows ? m - top : pass.rows, len, cols, b == 0);
                }
            }
}

#ifndef INT8_SUMS
/* What put_batch summed of a block, n groups, to the results of VL columns. */
static ALWAYS vf join_sums(vf acc, struct int8_out o, size_t n)
{
    const struct int8_type t = o.type;
    EACH(g, n) {
        const struct vlm_q8 *row = o.row + g * t.group / 32;
        const size_t which = t.group == 32 ? 0 : 1 + g % 2;
        vi sum = !INT8_WIDE && t.bits == 4 ? i_widen(i_zero(), o.sum[g]) : o.sum[g];
        if (!INT8_WIDE && t.zero)
            sum = i_sub32(sum, i_set32(t.zero * row->sum[which]));
        acc = v_fma(v_mul(v_load(o.scale + g * INT8_COLS), v_set(row->scale)), i_to_f32(sum), acc);
        if (t.mins)
            acc = v_fma(v_load(o.min + g * INT8_COLS), v_set(row->total[which]), acc);
    }
    return acc;
}
#endif

/* One row: a block of VL columns is unpacked and multiplied at once, so that the products of one
 * hide what the next waits for.  The same integers and floats as tiles make of panels. */
static ALWAYS void int8_one_row(float *out, const struct vlm_q8 *a, const uint8_t *w, size_t n,
                                size_t k, int8_fill *fill, struct int8_blocks t,
                                struct int8_type type)
{
    const size_t ld_w = k / t.len * t.bytes;
    struct int8_panel p; /* the beginning of it */
    for (size_t j = 0, cols; j < n; j += cols) {
        cols = n - j < VL ? 1 : VL;
        const size_t ld = cols == 1 ? 0 : ld_w;
        const uint8_t *col = w + j * ld_w, *next = col + cols * ld_w;
        _Alignas(64) float sums[VL];
        vf acc = v_zero();
        for (size_t b = 0; b * t.len < k; b++, col += t.bytes, next += VL * t.bytes) {
            struct int8_out o = { p.w, p.scale, p.min, NULL, NULL, type };
#ifdef INT8_SUMS
            v_store(sums, acc);
            fill(o, col, ld, next);
            int8_tile(sums, 0, a + b * t.len / 32, 0,
                      (struct int8_view){ p.w, p.scale, p.min }, t.len / 32, VL, 0, 1, 1, type);
            acc = v_load(sums);
#else
            vi sum[16];
            EACH(g, 16)
                sum[g] = i_zero();
            o.row = a + b * t.len / 32;
            o.sum = sum;
            fill(o, col, ld, next);
            acc = join_sums(acc, o, t.len / t.group);
#endif
        }
        v_store(sums, acc);
        if (cols == VL)
            v_store(out + j, acc);
        else
            out[j] = sums[0];
    }
}

/* ---- repacked: the panels of all columns, kept; columns come in whole vectors ---- */

/* Of INT8_COLS columns: bytes, then scales, then minima, each for all of k. */
static size_t repacked_panel(size_t k, struct int8_type t)
{
    return INT8_COLS * (k + k / t.group * sizeof(float) * (t.mins ? 2 : 1));
}

static size_t repacked_all(size_t n, size_t k, struct int8_type t)
{
    return n % VL ? 0 : (n + INT8_COLS - 1) / INT8_COLS * repacked_panel(k, t);
}

static ALWAYS void int8_repack(uint8_t *out, const uint8_t *w, size_t n, size_t k, int8_fill *fill,
                               struct int8_blocks t, struct int8_type type)
{
    const size_t ld_w = k / t.len * t.bytes, scales = k / t.group * INT8_COLS;
    for (size_t j = 0; j < n; j += INT8_COLS, out += repacked_panel(k, type)) {
        float *scale = (float *)(void *)(out + INT8_COLS * k);
        struct int8_out o = { .w = out, .scale = scale, .min = type.mins ? scale + scales : NULL };
        int8_panel_fill(o, w + j * ld_w, ld_w, n - j, k / t.len, w + j * ld_w, fill, t);
    }
}

/* In the order of int8_matmul. */
static ALWAYS void int8_repacked(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,
                                 const uint8_t *w, size_t m, size_t n, size_t k,
                                 int8_rows_of *rows, struct int8_type t)
{
    const size_t groups = k / 32, scales = 32 / t.group * INT8_COLS;
    const struct int8_pass pass = int8_pass(m, groups);
    if (k == 0)
        int8_zero(out, ld_out, m, n);
    for (size_t from = 0; from < groups; from += pass.groups)
        for (size_t top = 0; top < m; top += pass.rows)
            for (size_t j = 0; j < n; j += INT8_COLS) {
                const uint8_t *panel = w + j / INT8_COLS * repacked_panel(k, t);
                const float *scale = (const float *)(const void *)(panel + INT8_COLS * k);
                size_t to = groups - from < pass.groups ? groups : from + pass.groups,
                       height = m - top < pass.rows ? m - top : pass.rows,
                       deep = height <= INT8_ROWS ? pass.groups : INT8_DEPTH;
                for (size_t b = from; b < to; b += deep) {
                    struct int8_view view = { panel + b * 8 * INT8_STEP, scale + b * scales,
                                              scale + (groups + b) * scales };
                    rows(out + top * ld_out + j, ld_out, a + top * ld_a + b, ld_a, view, height,
                         to - b < deep ? to - b : deep, n - j < INT8_COLS ? n - j : INT8_COLS,
                         b == 0);
                }
            }
}

/* X(name, TYPE, tile): the tile's zero is what fill_NAME adds */
#define INT8_TYPES(X)                                                                              \
    X(q4_0, Q4_0, four)                                                                            \
    X(q4_1, Q4_1, four_min)                                                                        \
    X(q5_0, Q5_0, five)                                                                            \
    X(q5_1, Q5_1, five_min)                                                                        \
    X(q8_0, Q8_0, eight)                                                                           \
    X(q2_k, Q2_K, two_min_16)                                                                      \
    X(q3_k, Q3_K, three_16)                                                                        \
    X(q4_k, Q4_K, four_min)                                                                        \
    X(q5_k, Q5_K, five_min)                                                                        \
    X(q6_k, Q6_K, six_16)                                                                          \
    X(iq4_nl, IQ4_NL, eight)                                                                       \
    X(iq4_xs, IQ4_XS, eight)                                                                       \
    X(mxfp4, MXFP4, five)

#define INT8_MATMUL(name, TYPE, TILE)                                                              \
    static void matmul_##name(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,      \
                              const void *w, size_t m, size_t n, size_t k)                         \
    {                                                                                              \
        const struct int8_blocks t = {                                                             \
            LEN_##TYPE, BYTES_##TYPE, tile_##TILE.group, rows_##TILE                               \
        };                                                                                         \
        if (m == 1 && k)                                                                           \
            int8_one_row(out, a, w, n, k, fill_##name, t, tile_##TILE);                            \
        else                                                                                       \
        int8_matmul(out, ld_out, a, ld_a, w, m, n, k, fill_##name, t);                             \
    }
INT8_TYPES(INT8_MATMUL)
#undef INT8_MATMUL

/* Where it was measured to pay (docs/PERF.md): four bits are unpacked as fast as eight are read. */
#define INT8_REPACKED_TYPES(X)                                                                     \
    X(q8_0, Q8_0, eight)                                                                           \
    X(q6_k, Q6_K, six_16)

#define INT8_REPACKED(name, TYPE, TILE)                                                            \
    static size_t repacked_bytes_##name(size_t n, size_t k)                                        \
    {                                                                                              \
        return repacked_all(n, k, tile_##TILE);                                                    \
    }                                                                                              \
    static void repack_##name(void *out, const void *w, size_t n, size_t k)                        \
    {                                                                                              \
        const struct int8_blocks t = {                                                             \
            LEN_##TYPE, BYTES_##TYPE, tile_##TILE.group, rows_##TILE                               \
        };                                                                                         \
        int8_repack(out, w, n, k, fill_##name, t, tile_##TILE);                                    \
    }                                                                                              \
    static void matmul_repacked_##name(float *out, size_t ld_out, const struct vlm_q8 *a,          \
                                       size_t ld_a, const void *w, size_t m, size_t n, size_t k)   \
    {                                                                                              \
        int8_repacked(out, ld_out, a, ld_a, w, m, n, k, rows_##TILE, tile_##TILE);                 \
    }
INT8_REPACKED_TYPES(INT8_REPACKED)
#undef INT8_REPACKED

#define INT8_ENTRY(name, TYPE, TILE) i_->matmul_q8[VLM_NUM_##TYPE] = matmul_##name;
#define INT8_REPACKED_ENTRY(name, TYPE, TILE)                                                      \
    i_->repacked[VLM_NUM_##TYPE] = (struct vlm_repacked){ repacked_bytes_##name, repack_##name,    \
                                                          matmul_repacked_##name };
#define INT8_TABLE(t)                                                                              \
    do {                                                                                           \
        struct vlm_kernels *i_ = (t);                                                              \
        i_->to_q8 = to_q8;                                                                         \
        INT8_TYPES(INT8_ENTRY)                                                                     \
        INT8_REPACKED_TYPES(INT8_REPACKED_ENTRY)                                                   \
    } while (0)

#endif
