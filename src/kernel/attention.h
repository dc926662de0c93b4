/* attention.h: attention over blocks of keys and values, on the vector vocabulary of a level
 * (vector.h); how they lie says kv.h.
 *
 * A row's sums run in one order whatever rows it is computed with: a score over d; the weights of a
 * block over 16 lanes; a weighted sum over the positions of a block; then block after block, each
 * having been summed by itself.  Positions past n_keys of a row never enter its arithmetic: their
 * scores are dropped by selects, their values are not read.
 *
 * Up to FEW rows read the cache as it lies (a decoder's step: every byte once, the next panel
 * prefetched).  For more rows a panel of keys and a stretch of values become floats once, packed in
 * the order in which tiles of TALL rows read them.  Both multiply the same floats in the same order.
 *
 * The level defines TILE_SUMS: vectors of sums of a tile, so that these, a vector of keys and one of
 * a row for each row fit the registers. */
#ifndef VLM_KERNEL_ATTENTION_H
#define VLM_KERNEL_ATTENTION_H

#include <stdbool.h>

#include "kernel/kv.h"
#include "kernel/row.h"

#define NOINLINE __attribute__((noinline)) /* what does not depend on the type of the cache */
#define FEW 4  /* rows that are computed from the cache as it lies */
#define TALL 6 /* rows of a tile of packed floats */
#define ROWS VLM_ATTENTION_ROWS
#define PANEL VLM_KV_PANEL
#define STRETCH PANEL /* positions of V that are packed at a time */
#define POWER2(x) ((x) >= 16 ? 16 : (x) >= 8 ? 8 : (x) >= 4 ? 4 : (x) >= 2 ? 2 : 1)
#define LEAST(a, b) ((a) < (b) ? (a) : (b))
#define FIT(height) ((size_t)POWER2(TILE_SUMS / (height))) /* vectors of a tile of so many rows */
#define WIDTH (FIT(TALL) * VL)                             /* of a packed tile */

struct group {
    size_t n_rows, head_dim, width; /* width: head_dim in whole vectors of 16 */
    size_t n_blocks;                /* of the longest row */
    size_t n[ROWS], most;           /* positions of this block that each row sees */
    float *q;                       /* scaled; for tiles of h rows [head_dim][h], one after the other */
    float *p;                       /* [ROWS][VLM_KV_BLOCK] scores, then weights */
    float *acc, *sum;               /* [ROWS][width]: of all blocks so far; of this block */
    float *part;                    /* a packed panel of keys, or stretch of values */
    float *scales;                  /* [groups][VLM_KV_BLOCK] of values */
    float max[ROWS], total[ROWS];
    float block_max[ROWS], block_total[ROWS];
};

/* The height of the tile that begins at row r: of few rows all, else TALL as long as there are. */
static ALWAYS size_t tile_height(const struct group *g, size_t r)
{
    size_t left = g->n_rows - r;
    return left >= TALL ? TALL : LEAST(left, FEW);
}

static ALWAYS size_t size_num(enum vlm_num type) /* of plain types */
{
    return type == VLM_NUM_F32 ? 4 : 2;
}

/* ---- scores ---- */

/* Where vector v of a tile of vecs vectors at j has its positions: those of Q4_0 in pairs. */
static ALWAYS size_t place(size_t v, size_t vecs, enum vlm_num type)
{
    return type != VLM_NUM_Q4_0 ? v * VL : v < vecs / 2 ? v * VL : PANEL / 2 + (v - vecs / 2) * VL;
}

/* Vectors v and vecs / 2 + v (Q4_0: they share bytes), or v alone, of one line of keys as numbers */
static ALWAYS void load_keys(vf *kv, const char *k, const vf *scale, size_t v, size_t vecs,
                             enum vlm_num type)
{
    if (type == VLM_NUM_Q4_0) {
        v_load_i4(kv + v, kv + vecs / 2 + v, k + v * VL);
        kv[vecs / 2 + v] = v_mul(kv[vecs / 2 + v], scale[vecs / 2 + v]);
    } else {
        kv[v] = type == VLM_NUM_Q8_0 ? v_load_i8((const void *)(k + v * VL))
                                     : v_load_num(k + v * VL * size_num(type), type);
    }
    if (vlm_kv_quantised(type))
        kv[v] = v_mul(kv[v], scale[v]);
}

/* One line of keys: acc[r] += q[r] * k.  What there is less of, rows or vectors, waits in registers. */
static ALWAYS void score_line(vf acc[TALL][16], const float *q, const char *k, const vf *scale,
                              size_t height, size_t vecs, enum vlm_num type)
{
    const size_t loads = type == VLM_NUM_Q4_0 ? vecs / 2 : vecs;
    vf kv[16], x[TALL];
    if (height > vecs) {
        EACH(v, loads)
            load_keys(kv, k, scale, v, vecs, type);
        EACH(r, height) {
            x[0] = v_set(q[r]);
            EACH(v, vecs)
                acc[r][v] = v_fma(x[0], kv[v], acc[r][v]);
        }
        return;
    }
    EACH(r, height)
        x[r] = v_set(q[r]);
    EACH(v, loads) {
        load_keys(kv, k, scale, v, vecs, type);
        EACH(r, height) {
            acc[r][v] = v_fma(x[r], kv[v], acc[r][v]);
            if (type == VLM_NUM_Q4_0)
                acc[r][loads + v] = v_fma(x[r], kv[loads + v], acc[r][loads + v]);
        }
    }
}

/* height rows (a constant) against vecs vectors of positions, from j on of a panel k whose lines are
 * ld elements apart; if ahead (a constant too) next is prefetched, as far as this reads */
static ALWAYS void score_tile(float *p, const float *q, const char *k, size_t j, size_t ld,
                              size_t head_dim, size_t height, size_t vecs, enum vlm_num type,
                              bool ahead, const char *next)
{
    const size_t line = ld * vlm_kv_half_bytes(type) / 2, used = vecs * VL * vlm_kv_half_bytes(type) / 2,
                 at = type == VLM_NUM_Q4_0 ? j : j * vlm_kv_half_bytes(type) / 2;
    vf acc[TALL][16], scale[16];
    EACH(r, height)
        EACH(v, vecs)
            acc[r][v] = v_zero();
    for (size_t start = 0; start < head_dim; start += VLM_KV_GROUP) {
        size_t n = LEAST(head_dim - start, VLM_KV_GROUP);
        if (vlm_kv_quantised(type)) {
            EACH(v, vecs)
                scale[v] = v_load_f16(k + 2 * (j + place(v, vecs, type)));
            k += vlm_kv_scales(type, PANEL);
        }
        for (size_t d = 0; d < n; d++, k += line, q += height) {
            if (ahead) {
                for (size_t x = 0; x < used; x += 64)
                    PREFETCH(next + x);
                next += used;
            }
            score_line(acc, q, k + at, scale, height, vecs, type);
        }
    }
    EACH(r, height)
        EACH(v, vecs)
            v_store(p + r * VLM_KV_BLOCK + j + place(v, vecs, type), acc[r][v]);
}

/* All rows, at most FEW, against a panel as it lies; the next one is next. */
static ALWAYS void score_few(struct group *g, const char *k, size_t panel, size_t height,
                             enum vlm_num type, const char *next)
{
    const size_t vecs = LEAST(FIT(height), PANEL / VL), tiles = PANEL / VL / vecs,
                 bytes = vlm_kv_panel_bytes(type, g->head_dim) / tiles,
                 step = vecs * VL / (type == VLM_NUM_Q4_0 ? 2 : 1);
    for (size_t i = 0; i < tiles; i++)
        score_tile(g->p + panel * PANEL, g->q, k, i * step, PANEL, g->head_dim, height, vecs, type,
                   true, next + i * bytes);
}

static ALWAYS void pack_keys(float *out, const char *k, size_t head_dim, enum vlm_num type)
{
    const size_t line = PANEL * vlm_kv_half_bytes(type) / 2,
                 loads = PANEL / VL / (type == VLM_NUM_Q4_0 ? 2 : 1);
    vf scale[PANEL / VL], kv[PANEL / VL];
    for (size_t start = 0; start < head_dim; start += VLM_KV_GROUP) {
        size_t end = LEAST(head_dim, start + VLM_KV_GROUP);
        if (vlm_kv_quantised(type)) {
            EACH(v, PANEL / VL)
                scale[v] = v_load_f16(k + 2 * (v * VL));
            k += vlm_kv_scales(type, PANEL);
        }
        for (size_t d = start; d < end; d++, k += line) {
            EACH(v, loads)
                load_keys(kv, k, scale, v, PANEL / VL, type);
            EACH(v, PANEL / VL)
                v_store(out + (v * VL / WIDTH * head_dim + d) * WIDTH + v * VL % WIDTH, kv[v]);
        }
    }
}

/* While tiles are computed, what is packed next is prefetched: each tile's share of bytes, in whole
 * lines of the cache. */
static ALWAYS size_t ahead_of(const struct group *g, ptrdiff_t bytes, size_t tiles)
{
    tiles *= (g->n_rows + TALL - 1) / TALL;
    return ((size_t)bytes / tiles / 64 + 1) * 64;
}
static ALWAYS const char *ahead(const char *next, const char *end, size_t share)
{
    const char *stop = (size_t)(end - next) < share ? end : next + share;
    for (; next < stop; next += 64)
        PREFETCH(next);
    return end < next ? end : next;
}

static ALWAYS void score_packed(float *p, const float *q, const float *k, size_t head_dim,
                                size_t height)
{
    score_tile(p, q, (const char *)k, 0, WIDTH, head_dim, height, FIT(TALL), VLM_NUM_F32, false, NULL);
}

/* All rows against packed positions, from j on of the block; end - next bytes are to be prefetched,
 * share with each tile.  Returns where the next tile goes on with that. */
static NOINLINE const char *score_tiles(struct group *g, const float *part, size_t j,
                                        const char *next, const char *end, size_t share)
{
    for (size_t r = 0, h; r < g->n_rows; r += h) {
        float *p = g->p + r * VLM_KV_BLOCK + j;
        const float *q = g->q + r * g->head_dim;
        size_t reach = 0;
        h = tile_height(g, r);
        for (size_t i = 0; i < h; i++)
            reach = g->n[r + i] > reach ? g->n[r + i] : reach;
        if (reach <= j)
            continue;
        next = ahead(next, end, share);
        if (h == 6)
            score_packed(p, q, part, g->head_dim, 6);
        else if (h == 4)
            score_packed(p, q, part, g->head_dim, 4);
        else if (h == 3)
            score_packed(p, q, part, g->head_dim, 3);
        else if (h == 2)
            score_packed(p, q, part, g->head_dim, 2);
        else
            score_packed(p, q, part, g->head_dim, 1);
    }
    return next;
}

/* All rows against a panel that starts at position start of the block; next is the one after. */
static ALWAYS void score_many(struct group *g, const char *k, size_t start, enum vlm_num type,
                              const char *next)
{
    const char *end = next + vlm_kv_panel_bytes(type, g->head_dim);
    const size_t share = ahead_of(g, end - next, PANEL / WIDTH);
    pack_keys(g->part, k, g->head_dim, type);
    for (size_t j = 0; j < PANEL && start + j < g->most; j += WIDTH)
        next = score_tiles(g, g->part + j * g->head_dim, start + j, next, end, share);
}

/* ---- weights ---- */

/* 2^x for x <= 0, and 0 below 2^-125; see level.h */
static ALWAYS vf power(vf x)
{
    vf n = v_round(x), f = v_sub(x, n), y = v_fma(v_set(VLM_EXP2_C5), f, v_set(VLM_EXP2_C4));
    y = v_fma(y, f, v_set(VLM_EXP2_C3));
    y = v_fma(y, f, v_set(VLM_EXP2_C2));
    y = v_fma(y, f, v_set(VLM_EXP2_C1));
    y = v_fma(y, f, v_set(1));
    return v_zero_below(x, v_set(-125), v_scale2(y, n));
}

static ALWAYS float largest(const float *p, size_t n) /* n > 0; a NaN is passed over */
{
    vf max[WIDE], low = v_set(-INFINITY);
    size_t whole = n / 16 * 16;
    EACH(x, WIDE)
        max[x] = low;
    for (size_t i = 0; i < whole; i += 16)
        EACH(x, WIDE)
            max[x] = v_max(v_load(p + i + x * VL), max[x]);
    BY_VECTORS(n - whole, i, c)
        max[i / VL] = v_max(v_first(c, v_load(p + whole + i), low), max[i / VL]);
    return v_maximum(max);
}

/* Scores of row r become weights. */
static NOINLINE void soften(struct group *g, size_t r)
{
    float *p = g->p + r * VLM_KV_BLOCK;
    size_t n = g->n[r], whole = n / 16 * 16;
    vf max = v_set(g->block_max[r] = largest(p, n)), sum[WIDE];
    wide_zero(sum);
    for (size_t i = 0; i < whole; i += 16)
        EACH(x, WIDE) {
            vf e = power(v_sub(v_load(p + i + x * VL), max));
            v_store(p + i + x * VL, e);
            sum[x] = v_add(sum[x], e);
        }
    BY_VECTORS(n - whole, i, c) {
        vf e = power(v_sub(v_load(p + whole + i), max));
        v_store(p + whole + i, e);
        sum[i / VL] = v_add(sum[i / VL], v_first(c, e, v_zero()));
    }
    g->block_total[r] = v_sum(sum);
}

/* ---- weighted sums ---- */

/* Vector x of the values of a position, or in Q4_0 of an even one and its successor; n of its lanes.
 * scales: of the first of the two and the tile's first group */
static ALWAYS void load_value(vf v[2], const char *at, size_t x, size_t n, const float *scales,
                              enum vlm_num type)
{
    const float *s = scales + x * VL / VLM_KV_GROUP * VLM_KV_BLOCK;
    if (type == VLM_NUM_Q4_0) {
        v_load_i4(v, v + 1, at + x * VL);
        v[0] = v_mul(v[0], v_set(s[0]));
        v[1] = v_mul(v[1], v_set(s[1]));
    } else if (type == VLM_NUM_Q8_0) {
        v[0] = v_mul(v_load_i8((const void *)(at + x * VL)), v_set(s[0]));
    } else {
        at += x * VL * size_num(type);
        v[0] = n == VL ? v_load_num(at, type) : v_load_num_n(at, n, type);
    }
}

/* acc[r] += p[r] * v for position i of those that lie at at (Q4_0: of two), or for both (i 2) in
 * order.  What there is less of, rows or vectors, waits in registers. */
static ALWAYS void value_line(vf acc[TALL][16], const float *p, const char *at, const float *scales,
                              size_t i, size_t tail, size_t height, size_t vecs, enum vlm_num type)
{
    const size_t first = i == 1, last = i == 0 ? 0 : 1;
    vf v[16][2], w[TALL][2];
    if (height > vecs) {
        EACH(x, vecs)
            load_value(v[x], at, x, x + 1 < vecs ? VL : tail, scales, type);
        for (size_t y = first; y <= last; y++)
            EACH(r, height) {
                w[0][0] = v_set(p[r * VLM_KV_BLOCK + y]);
                EACH(x, vecs)
                    acc[r][x] = v_fma(w[0][0], v[x][y], acc[r][x]);
            }
        return;
    }
    EACH(r, height)
        for (size_t y = first; y <= last; y++)
            w[r][y] = v_set(p[r * VLM_KV_BLOCK + y]);
    EACH(x, vecs) {
        load_value(v[x], at, x, x + 1 < vecs ? VL : tail, scales, type);
        EACH(r, height)
            for (size_t y = first; y <= last; y++)
                acc[r][x] = v_fma(w[r][y], v[x][y], acc[r][x]);
    }
}

/* sum[r] += p[r][j] * v[j] for from <= j < to; vecs vectors of head_dim at v, ld elements from one
 * position to the next, the last of them with tail lanes.  scales: of the tile's first group. */
static ALWAYS void value_tile(float *sum, size_t width, const float *p, const char *v, size_t ld,
                              const float *scales, size_t from, size_t to, size_t tail,
                              size_t height, size_t vecs, enum vlm_num type, bool ahead,
                              const char *next)
{
    const size_t line = type == VLM_NUM_Q4_0 ? ld : ld * vlm_kv_half_bytes(type) / 2,
                 used = vecs * VL * (type == VLM_NUM_Q4_0 ? 2 : vlm_kv_half_bytes(type)) / 2;
    vf acc[TALL][16];
    size_t j = from;
    EACH(r, height)
        EACH(x, vecs)
            acc[r][x] = v_load(sum + r * width + x * VL);
    if (type == VLM_NUM_Q4_0 && j % 2 == 1) {
        value_line(acc, p + j - 1, v + j / 2 * line, scales + j - 1, 1, tail, height, vecs, type);
        j++;
    }
    for (; type == VLM_NUM_Q4_0 && j + 1 < to; j += 2) {
        if (ahead) {
            for (size_t x = 0; x < used; x += 64)
                PREFETCH(next + x);
            next += used;
        }
        value_line(acc, p + j, v + j / 2 * line, scales + j, 2, tail, height, vecs, type);
    }
    for (; j < to; j++) {
        if (ahead && type != VLM_NUM_Q4_0) {
            for (size_t x = 0; x < used; x += 64)
                PREFETCH(next + x);
            next += used;
        }
        value_line(acc, p + j, v + (type == VLM_NUM_Q4_0 ? j / 2 : j) * line, scales + j, 0, tail,
                   height, vecs, type);
    }
    EACH(r, height)
        EACH(x, vecs)
            v_store(sum + r * width + x * VL, acc[r][x]);
}

/* A tile of the values as they lie: vecs vectors from d on. */
static ALWAYS void lying_tile(struct group *g, size_t r, const char *v, size_t d, size_t from,
                            size_t to, size_t height, size_t vecs, enum vlm_num type,
                            const char *next)
{
    size_t end = d + vecs * VL, tail = end > g->head_dim && !vlm_kv_quantised(type) ? g->head_dim % VL : VL;
    value_tile(g->sum + r * g->width + d, g->width, g->p + r * VLM_KV_BLOCK,
               v + (vlm_kv_quantised(type) ? d : d * size_num(type)),
               vlm_kv_value_stride(type, g->head_dim),
               g->scales + d / VLM_KV_GROUP * VLM_KV_BLOCK, from, to, tail, height, vecs, type,
               true, next);
}

/* All of head_dim for rows r .. r + height - 1, vectors by halves of the widest tile. */
static ALWAYS void lying_values(struct group *g, size_t r, const char *v, size_t from, size_t to,
                              size_t height, enum vlm_num type, const char *next)
{
    const size_t vecs = (g->head_dim + VL - 1) / VL, most = FIT(height),
                 bytes = VL * vlm_kv_half_bytes(type) / 2 * STRETCH;
    size_t x = 0;
    if (from >= to)
        return;
    v += vlm_kv_groups(g->head_dim) * vlm_kv_scales(type, VLM_KV_BLOCK);
    for (; x + most <= vecs; x += most)
        lying_tile(g, r, v, x * VL, from, to, height, most, type, next + x * bytes);
    for (; most > 8 && x + 8 <= vecs; x += 8)
        lying_tile(g, r, v, x * VL, from, to, height, 8, type, next + x * bytes);
    for (; most > 4 && x + 4 <= vecs; x += 4)
        lying_tile(g, r, v, x * VL, from, to, height, 4, type, next + x * bytes);
    for (; most > 2 && x + 2 <= vecs; x += 2)
        lying_tile(g, r, v, x * VL, from, to, height, 2, type, next + x * bytes);
    for (; x < vecs; x++)
        lying_tile(g, r, v, x * VL, from, to, height, 1, type, next + x * bytes);
}

static ALWAYS void values_few(struct group *g, const char *v, size_t height, enum vlm_num type,
                              const char *after)
{
    const size_t two_lines = vlm_kv_value_stride(type, g->head_dim) * vlm_kv_half_bytes(type);
    size_t all = g->n[0];
    for (size_t i = 1; i < height; i++)
        all = LEAST(all, g->n[i]);
    if (vlm_kv_quantised(type))
        f16_to_f32(g->scales, v, vlm_kv_groups(g->head_dim) * VLM_KV_BLOCK);
    for (size_t start = 0; start < all; start += STRETCH) {
        const char *next = v + (start + STRETCH) / 2 * two_lines;
        lying_values(g, 0, v, start, LEAST(all, start + STRETCH), height, type,
                   start + STRETCH < VLM_KV_BLOCK ? next : after);
    }
    for (size_t i = 0; height > 1 && i < height; i++)
        lying_values(g, i, v, all, g->n[i], 1, type, v);
}

static ALWAYS void pack_values(struct group *g, const char *v, size_t start, enum vlm_num type)
{
    const size_t vecs = (g->head_dim + VL - 1) / VL, rest = g->head_dim - (vecs - 1) * VL,
                 two_lines = vlm_kv_value_stride(type, g->head_dim) * vlm_kv_half_bytes(type),
                 end = LEAST(g->most, start + STRETCH);
    v += vlm_kv_groups(g->head_dim) * vlm_kv_scales(type, VLM_KV_BLOCK);
    for (size_t j = start; j < end; j += type == VLM_NUM_Q4_0 ? 2 : 1) {
        const char *at = v + j * two_lines / 2;
        for (size_t x = 0; x < vecs; x++) {
            float *out = g->part + x * VL / WIDTH * (STRETCH * WIDTH) + (j - start) * WIDTH +
                         x * VL % WIDTH;
            const float *scale = g->scales + x * VL / VLM_KV_GROUP * VLM_KV_BLOCK + j;
            if (type == VLM_NUM_Q4_0) {
                vf lo, hi;
                v_load_i4(&lo, &hi, at + x * VL);
                v_store(out, v_mul(lo, v_set(scale[0])));
                v_store(out + WIDTH, v_mul(hi, v_set(scale[1])));
            } else if (type == VLM_NUM_Q8_0) {
                v_store(out, v_mul(v_load_i8((const void *)(at + x * VL)), v_set(scale[0])));
            } else {
                const char *from = at + x * VL * size_num(type);
                v_store(out, x + 1 < vecs || rest == VL ? v_load_num(from, type)
                                                        : v_load_num_n(from, rest, type));
            }
        }
    }
}

/* Rows r .. r + height - 1 over positions of the packed stretch that begins at start. */
static ALWAYS void packed_rows(struct group *g, size_t r, size_t start, size_t from, size_t to,
                               size_t height)
{
    const size_t vecs = (g->head_dim + VL - 1) / VL;
    float *sum = g->sum + r * g->width;
    const float *p = g->p + r * VLM_KV_BLOCK + start, *v = g->part;
    if (from >= to)
        return;
    for (size_t x = 0; x < vecs; x += FIT(TALL), sum += WIDTH, v += STRETCH * WIDTH) {
        size_t left = vecs - x, done = 0;
        if (left >= FIT(TALL)) {
            value_tile(sum, g->width, p, (const char *)v, WIDTH, NULL, from, to, VL, height,
                       FIT(TALL), VLM_NUM_F32, false, NULL);
            continue;
        }
        if (FIT(TALL) > 2 && left >= 2) {
            value_tile(sum, g->width, p, (const char *)v, WIDTH, NULL, from, to, VL, height, 2,
                       VLM_NUM_F32, false, NULL);
            done = 2;
        }
        for (; done < left; done++)
            value_tile(sum + done * VL, g->width, p, (const char *)(v + done * VL), WIDTH, NULL,
                       from, to, VL, height, 1, VLM_NUM_F32, false, NULL);
    }
}

/* All rows over the packed stretch that begins at start; the rest as score_tiles. */
static NOINLINE void value_tiles(struct group *g, size_t start, const char *next, const char *end)
{
    const size_t share = ahead_of(g, end - next, 1);
    for (size_t r = 0, h; r < g->n_rows; r += h) {
        size_t all = STRETCH; /* seen by all of them */
        h = tile_height(g, r);
        for (size_t i = 0; i < h; i++)
            all = LEAST(all, g->n[r + i] < start ? 0 : g->n[r + i] - start);
        next = ahead(next, end, share);
        if (h == 6)
            packed_rows(g, r, start, 0, all, 6);
        else if (h == 4)
            packed_rows(g, r, start, 0, all, 4);
        else if (h == 3)
            packed_rows(g, r, start, 0, all, 3);
        else if (h == 2)
            packed_rows(g, r, start, 0, all, 2);
        else
            packed_rows(g, r, start, 0, all, 1);
        for (size_t i = 0; h > 1 && i < h; i++)
            if (g->n[r + i] > start)
                packed_rows(g, r + i, start, all, LEAST(STRETCH, g->n[r + i] - start), 1);
    }
}

static ALWAYS void values_many(struct group *g, const char *v, enum vlm_num type, const char *after)
{
    const size_t two_lines = vlm_kv_value_stride(type, g->head_dim) * vlm_kv_half_bytes(type);
    const char *lines = v + vlm_kv_groups(g->head_dim) * vlm_kv_scales(type, VLM_KV_BLOCK);
    if (vlm_kv_quantised(type))
        f16_to_f32(g->scales, v, vlm_kv_groups(g->head_dim) * VLM_KV_BLOCK);
    for (size_t start = 0; start < g->most; start += STRETCH) {
        const char *next = start + STRETCH < VLM_KV_BLOCK ? lines + (start + STRETCH) / 2 * two_lines : after;
        pack_values(g, v, start, type);
        value_tiles(g, start, next, next + STRETCH / 2 * two_lines);
    }
}

/* ---- all of it ---- */

/* What this block gave row r joins what those before it gave. */
static NOINLINE void join(struct group *g, size_t r)
{
    float before = g->max[r], here = g->block_max[r], max = before > here ? before : here, e[2 * VL];
    v_store(e, power(v_set(before - max)));
    v_store(e + VL, power(v_set(here - max)));
    g->max[r] = max;
    g->total[r] = g->total[r] * e[0] + g->block_total[r] * e[VL];
    for (size_t d = 0; d < g->width; d += VL) {
        float *acc = g->acc + r * g->width + d;
        v_store(acc, v_fma(v_load(g->sum + r * g->width + d), v_set(e[VL]),
                           v_mul(v_load(acc), v_set(e[0]))));
    }
}

static ALWAYS void attention_block(struct group *g, const struct vlm_attention *a, size_t b,
                                   enum vlm_num type)
{
    const size_t panel = vlm_kv_panel_bytes(type, g->head_dim);
    const char *k = a->k[b], *v = a->v[b],
               *after = b + 1 < g->n_blocks ? a->k[b + 1] : v;
    memset(g->sum, 0, g->n_rows * g->width * sizeof *g->sum);
    for (size_t i = 0; i * PANEL < g->most; i++) {
        const char *next = (i + 1) * PANEL < VLM_KV_BLOCK ? k + panel : v;
        if (g->n_rows > FEW)
            score_many(g, k, i * PANEL, type, next);
        else if (g->n_rows == 1)
            score_few(g, k, i, 1, type, next);
        else if (g->n_rows == 2)
            score_few(g, k, i, 2, type, next);
        else if (g->n_rows == 3)
            score_few(g, k, i, 3, type, next);
        else
            score_few(g, k, i, 4, type, next);
        k += panel;
    }
    for (size_t r = 0; r < g->n_rows; r++)
        if (g->n[r])
            soften(g, r);
    if (g->n_rows > FEW)
        values_many(g, v, type, after);
    else if (g->n_rows == 1)
        values_few(g, v, 1, type, after);
    else if (g->n_rows == 2)
        values_few(g, v, 2, type, after);
    else if (g->n_rows == 3)
        values_few(g, v, 3, type, after);
    else
        values_few(g, v, 4, type, after);
    for (size_t r = 0; r < g->n_rows; r++)
        if (g->n[r])
            join(g, r);
}

/* Rows times scale, as the tiles read them. */
static void pack_queries(struct group *g, const struct vlm_attention *a, size_t row)
{
    const float scale = a->scale * VLM_EXP_LOG2E; /* so that weights are powers of two */
    for (size_t r = 0, h; r < g->n_rows; r += h) {
        h = tile_height(g, r);
        for (size_t i = 0; i < h; i++) {
            const float *q = a->q + (row + r + i) * a->ld_q;
            for (size_t d = 0; d < g->head_dim; d++)
                g->q[r * g->head_dim + d * h + i] = q[d] * scale;
        }
    }
}

static ALWAYS void attention_rows(const struct vlm_attention *a, size_t row, size_t n_rows,
                                  enum vlm_num type)
{
    struct group g = { .n_rows = n_rows,
                       .head_dim = a->head_dim,
                       .width = (a->head_dim + 15) / 16 * 16,
                       .p = a->scratch };
    size_t longest = 0;
    g.acc = g.p + ROWS * VLM_KV_BLOCK;
    g.sum = g.acc + ROWS * g.width;
    g.q = g.sum + ROWS * g.width;
    g.part = g.q + ROWS * g.width;
    g.scales = g.part + PANEL * ((a->head_dim + PANEL - 1) / PANEL * PANEL);
    memset(g.acc, 0, n_rows * g.width * sizeof *g.acc);
    for (size_t r = 0; r < n_rows; r++) {
        g.max[r] = -INFINITY;
        longest = a->n_keys[row + r] > longest ? a->n_keys[row + r] : longest;
    }
    pack_queries(&g, a, row);
    g.n_blocks = (longest + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
    for (size_t b = 0; b < g.n_blocks; b++) {
        for (size_t r = 0; r < n_rows; r++) {
            size_t n = a->n_keys[row + r], start = b * VLM_KV_BLOCK;
            g.n[r] = n <= start ? 0 : LEAST(n - start, VLM_KV_BLOCK);
        }
        g.most = LEAST(longest - b * VLM_KV_BLOCK, VLM_KV_BLOCK);
        attention_block(&g, a, b, type);
    }
    for (size_t r = 0; r < n_rows; r++)
        BY_VECTORS(a->head_dim, d, n)
            put(a->out + (row + r) * a->ld_out + d,
                v_div(v_load(g.acc + r * g.width + d), v_set(g.total[r])), n);
}

#define ATTENTION(name, type)                                                                      \
    static void name(const struct vlm_attention *a)                                                \
    {                                                                                              \
        for (size_t row = 0; row < a->n_rows; row += ROWS)                                         \
            attention_rows(a, row, LEAST(a->n_rows - row, ROWS), type);                            \
    }
ATTENTION(attention_f32, VLM_NUM_F32)
ATTENTION(attention_f16, VLM_NUM_F16)
ATTENTION(attention_bf16, VLM_NUM_BF16)
ATTENTION(attention_q8_0, VLM_NUM_Q8_0)
ATTENTION(attention_q4_0, VLM_NUM_Q4_0)

static void attention(const struct vlm_attention *a)
{
    switch (a->kv) {
    case VLM_NUM_F32:
        attention_f32(a);
        break;
    case VLM_NUM_F16:
        attention_f16(a);
        break;
    case VLM_NUM_Q8_0:
        attention_q8_0(a);
        break;
    case VLM_NUM_Q4_0:
        attention_q4_0(a);
        break;
    default:
        attention_bf16(a);
    }
}

#endif
