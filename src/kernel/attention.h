/* attention.h: attention over blocks of keys and values, on the vector vocabulary of a level
 * (vector.h).
 *
 * Rows go in groups of GROUP so that a vector of K or V, once loaded, serves several.  Each
 * row's sums run in one order whatever its group: a score over d; a weighted sum over the
 * positions of a block, then block after block.  Positions past n_keys of a row never enter its
 * arithmetic: their scores are dropped by selects, their values are not read.
 *
 * The level defines SCORE_VECS (vectors of positions for four rows at once) and VALUE_VECS
 * (vectors of head_dim for four rows, at most 5), for which 4 x VECS + VECS + 1 vectors should
 * fit the registers. */
#ifndef VLM_KERNEL_ATTENTION_H
#define VLM_KERNEL_ATTENTION_H

#include "kernel/rows.h"

#define GROUP VLM_ATTENTION_GROUP
#define STRETCH 64 /* positions of V that stay in the first-level cache for the rows of a group */

struct group {
    size_t n_rows, width; /* width: head_dim in whole vectors of 16 */
    size_t n[GROUP];      /* positions of this block that each row sees */
    float *p;             /* [GROUP][VLM_KV_BLOCK] scores, then weights */
    float *acc, *sum;     /* [GROUP][width]: of all blocks so far; of this block */
    float max[GROUP], total[GROUP], keep[GROUP];
};

static ALWAYS const char *half_or_float(const void *p, size_t i, enum vlm_num type)
{
    return (const char *)p + i * (type == VLM_NUM_F32 ? 4 : 2);
}

/* ---- scores ---- */

/* height rows (a constant) against vecs vectors of positions from j on */
static ALWAYS void score_tile(float *p, const float *q, size_t ld_q, const void *k, size_t j,
                              size_t head_dim, float scale, size_t height, size_t vecs,
                              enum vlm_num type)
{
    vf acc[4][8], kv[8];
    EACH(r, height)
        EACH(v, vecs)
            acc[r][v] = v_zero();
    for (size_t d = 0; d < head_dim; d++) {
        EACH(v, vecs)
            kv[v] = v_load_num(half_or_float(k, d * VLM_KV_BLOCK + j + v * VL, type), type);
        EACH(r, height) {
            vf x = v_set(q[r * ld_q + d]);
            EACH(v, vecs)
                acc[r][v] = v_fma(x, kv[v], acc[r][v]);
        }
    }
    EACH(r, height)
        EACH(v, vecs)
            v_store(p + r * VLM_KV_BLOCK + j + v * VL, v_mul(acc[r][v], v_set(scale)));
}

static ALWAYS void scores(struct group *g, const struct vlm_attention *a, size_t row, const void *k,
                          enum vlm_num type)
{
    for (size_t r = 0; r < g->n_rows;) {
        const float *q = a->q + (row + r) * a->ld_q;
        float *p = g->p + r * VLM_KV_BLOCK;
        if (r + 4 <= g->n_rows) {
            size_t n = g->n[r];
            for (size_t i = 1; i < 4; i++)
                n = g->n[r + i] > n ? g->n[r + i] : n;
            for (size_t j = 0; j < n; j += SCORE_VECS * VL)
                score_tile(p, q, a->ld_q, k, j, a->head_dim, a->scale, 4, SCORE_VECS, type);
            r += 4;
        } else {
            for (size_t j = 0; j < g->n[r]; j += 4 * VL)
                score_tile(p, q, a->ld_q, k, j, a->head_dim, a->scale, 1, 4, type);
            r++;
        }
    }
}

/* Scores of row r of the group become weights; keep is what earlier blocks' sums are scaled by. */
static void soften(struct group *g, size_t r)
{
    float *p = g->p + r * VLM_KV_BLOCK, before = g->max[r], max = row_maximum(p, g->n[r]);
    float both[VL];
    vf sum[WIDE];
    wide_zero(sum);
    max = max > before ? max : before;
    BY_VECTORS(g->n[r], i, c) {
        vf e = v_exp(v_sub(v_load(p + i), v_set(max)));
        v_store(p + i, e);
        sum[i / VL % WIDE] = v_add(sum[i / VL % WIDE], v_first(c, e, v_zero()));
    }
    v_store(both, v_exp(v_set(before - max)));
    g->max[r] = max;
    g->keep[r] = both[0];
    g->total[r] = g->total[r] * both[0] + v_sum(sum);
}

/* ---- weighted sums ---- */

/* sum[r] += p[r][j] * v[j] for from <= j < to; vecs vectors of head_dim starting at d, the last
 * of them with tail lanes */
static ALWAYS void value_tile(float *sum, size_t width, const float *p, const void *v,
                              size_t head_dim, size_t d, size_t from, size_t to, size_t tail,
                              size_t height, size_t vecs, enum vlm_num type)
{
    vf acc[4][8], vv[8];
    EACH(r, height)
        EACH(x, vecs)
            acc[r][x] = v_load(sum + r * width + d + x * VL);
    for (size_t j = from; j < to; j++) {
        const char *at = half_or_float(v, j * head_dim + d, type);
        EACH(x, vecs - 1)
            vv[x] = v_load_num(half_or_float(at, x * VL, type), type);
        at = half_or_float(at, (vecs - 1) * VL, type);
        vv[vecs - 1] = tail == VL ? v_load_num(at, type) : v_load_num_n(at, tail, type);
        EACH(r, height) {
            vf w = v_set(p[r * VLM_KV_BLOCK + j]);
            EACH(x, vecs)
                acc[r][x] = v_fma(w, vv[x], acc[r][x]);
        }
    }
    EACH(r, height)
        EACH(x, vecs)
            v_store(sum + r * width + d + x * VL, acc[r][x]);
}

/* All of head_dim for rows r .. r + height - 1 of the group */
static ALWAYS void value_rows(struct group *g, size_t r, const void *v, size_t head_dim,
                              size_t from, size_t to, size_t height, enum vlm_num type)
{
    float *sum = g->sum + r * g->width;
    const float *p = g->p + r * VLM_KV_BLOCK;
    size_t d = 0, vecs, tail;
    if (from >= to)
        return;
    for (; d + VALUE_VECS * VL <= head_dim; d += VALUE_VECS * VL)
        value_tile(sum, g->width, p, v, head_dim, d, from, to, VL, height, VALUE_VECS, type);
    vecs = (head_dim - d + VL - 1) / VL;
    tail = head_dim - d - (vecs - 1) * VL;
    if (vecs == 1)
        value_tile(sum, g->width, p, v, head_dim, d, from, to, tail, height, 1, type);
    else if (vecs == 2)
        value_tile(sum, g->width, p, v, head_dim, d, from, to, tail, height, 2, type);
    else if (vecs == 3)
        value_tile(sum, g->width, p, v, head_dim, d, from, to, tail, height, 3, type);
    else if (VALUE_VECS >= 4 && vecs == 4)
        value_tile(sum, g->width, p, v, head_dim, d, from, to, tail, height, 4, type);
    else if (VALUE_VECS >= 5 && vecs == 5)
        value_tile(sum, g->width, p, v, head_dim, d, from, to, tail, height, 5, type);
}

static ALWAYS void values(struct group *g, const void *v, size_t head_dim, enum vlm_num type)
{
    memset(g->sum, 0, g->n_rows * g->width * sizeof *g->sum);
    for (size_t start = 0; start < VLM_KV_BLOCK; start += STRETCH) {
        for (size_t r = 0; r < g->n_rows;) {
            size_t height = r + 4 <= g->n_rows ? 4 : 1,
                   all = start + STRETCH; /* seen by all of them */
            for (size_t i = 0; i < height; i++)
                all = g->n[r + i] < all ? g->n[r + i] : all;
            if (height == 4)
                value_rows(g, r, v, head_dim, start, all, 4, type);
            for (size_t i = 0; i < height; i++) {
                size_t end = g->n[r + i] < start + STRETCH ? g->n[r + i] : start + STRETCH;
                size_t begin = height == 4 && all > start ? all : start;
                value_rows(g, r + i, v, head_dim, begin, end, 1, type);
            }
            r += height;
        }
    }
    for (size_t r = 0; r < g->n_rows; r++)
        if (g->n[r])
            for (size_t d = 0; d < g->width; d += VL)
                v_store(g->acc + r * g->width + d,
                        v_fma(v_load(g->acc + r * g->width + d), v_set(g->keep[r]),
                              v_load(g->sum + r * g->width + d)));
}

/* ---- all of it ---- */

static ALWAYS void attention_group(const struct vlm_attention *a, size_t row, size_t n_rows,
                                   enum vlm_num type)
{
    struct group g = { .n_rows = n_rows, .width = (a->head_dim + 15) / 16 * 16, .p = a->scratch };
    size_t longest = 0;
    g.acc = g.p + GROUP * VLM_KV_BLOCK;
    g.sum = g.acc + GROUP * g.width;
    memset(g.acc, 0, n_rows * g.width * sizeof *g.acc);
    for (size_t r = 0; r < n_rows; r++) {
        g.max[r] = -INFINITY;
        longest = a->n_keys[row + r] > longest ? a->n_keys[row + r] : longest;
    }
    for (size_t b = 0; b * VLM_KV_BLOCK < longest; b++) {
        for (size_t r = 0; r < n_rows; r++) {
            size_t n = a->n_keys[row + r], start = b * VLM_KV_BLOCK;
            g.n[r] = n <= start ? 0 : n - start < VLM_KV_BLOCK ? n - start : VLM_KV_BLOCK;
        }
        scores(&g, a, row, a->k[b], type);
        for (size_t r = 0; r < n_rows; r++)
            if (g.n[r])
                soften(&g, r);
        values(&g, a->v[b], a->head_dim, type);
    }
    for (size_t r = 0; r < n_rows; r++)
        BY_VECTORS(a->head_dim, d, n)
            put(a->out + (row + r) * a->ld_out + d,
                v_div(v_load(g.acc + r * g.width + d), v_set(g.total[r])), n);
}

static ALWAYS void attention_rows(const struct vlm_attention *a, enum vlm_num type)
{
    for (size_t row = 0; row < a->n_rows; row += GROUP)
        attention_group(a, row, a->n_rows - row < GROUP ? a->n_rows - row : GROUP, type);
}

static void attention(const struct vlm_attention *a)
{
    if (a->kv == VLM_NUM_F32)
        attention_rows(a, VLM_NUM_F32);
    else if (a->kv == VLM_NUM_F16)
        attention_rows(a, VLM_NUM_F16);
    else
        attention_rows(a, VLM_NUM_BF16);
}

#endif
