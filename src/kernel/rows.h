/* rows.h: what works on rows of values, on the vector vocabulary of a level (vector.h).
 *
 * Sums run over 16 lanes whatever VL is: element i goes to lane i % 16, lanes are added by the
 * tree of v_sum; so every level gives the same bits. */
#ifndef VLM_KERNEL_ROWS_H
#define VLM_KERNEL_ROWS_H

#include "kernel/row.h"

/* ---- norms ---- */

static float row_sum(const float *x, size_t d)
{
    vf sum[WIDE];
    wide_zero(sum);
    BY_VECTORS(d, i, n)
        sum[i / VL % WIDE] = v_add(sum[i / VL % WIDE], get(x + i, n));
    return v_sum(sum);
}

static float row_square(const float *x, float mean, size_t d)
{
    vf sum[WIDE], m = v_set(mean);
    wide_zero(sum);
    BY_VECTORS(d, i, n) {
        vf y = v_first(n, v_sub(get(x + i, n), m), v_zero());
        sum[i / VL % WIDE] = v_fma(y, y, sum[i / VL % WIDE]);
    }
    return v_sum(sum);
}

static void layernorm(float *out, const float *x, const float *w, const float *b, float eps,
                      size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++, x += d, out += d) {
        float mean = row_sum(x, d) / (float)d;
        vf m = v_set(mean), scale = v_set(1 / sqrtf(row_square(x, mean, d) / (float)d + eps));
        BY_VECTORS(d, i, n)
            put(out + i, v_fma(v_mul(v_sub(get(x + i, n), m), scale), get(w + i, n), get(b + i, n)),
                n);
    }
}

static void rmsnorm(float *out, const float *x, const float *w, float eps, size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++, x += d, out += d) {
        vf scale = v_set(1 / sqrtf(row_square(x, 0, d) / (float)d + eps));
        BY_VECTORS(d, i, n)
            put(out + i, v_mul(v_mul(get(x + i, n), scale), get(w + i, n)), n);
    }
}

/* ---- elementwise ---- */

static void add(float *x, const float *y, size_t n)
{
    BY_VECTORS(n, i, c)
        put(x + i, v_add(get(x + i, c), get(y + i, c)), c);
}

static void mul(float *x, const float *y, size_t n)
{
    BY_VECTORS(n, i, c)
        put(x + i, v_mul(get(x + i, c), get(y + i, c)), c);
}

static void add_bias(float *x, const float *b, size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++)
        add(x + r * d, b, d);
}

static void gelu_tanh(float *x, size_t n)
{
    BY_VECTORS(n, i, c) {
        vf y = get(x + i, c);
        vf u = v_mul(y, v_fma(v_set(VLM_GELU_G3), v_mul(y, y), v_set(VLM_GELU_G1)));
        put(x + i, v_div(y, v_add(v_set(1), v_exp(u))), c);
    }
}

static void silu_mul(float *out, const float *gate, const float *up, size_t n)
{
    BY_VECTORS(n, i, c) {
        vf g = get(gate + i, c);
        vf s = v_div(g, v_add(v_set(1), v_exp(v_sub(v_zero(), g))));
        put(out + i, v_mul(s, get(up + i, c)), c);
    }
}

static void rope(float *x, const float *c, const float *s, size_t n_heads, size_t head_dim)
{
    size_t half = head_dim / 2;
    for (size_t h = 0; h < n_heads; h++, x += head_dim)
        BY_VECTORS(half, i, n) {
            vf x1 = get(x + i, n), x2 = get(x + half + i, n), ci = get(c + i, n),
               si = get(s + i, n);
            put(x + i, v_nfma(x2, si, v_mul(x1, ci)), n);
            put(x + half + i, v_fma(x1, si, v_mul(x2, ci)), n);
        }
}

/* ---- over the vocabulary ---- */

static float row_maximum(const float *x, size_t n) /* a NaN is passed over */
{
    vf max[WIDE], low = v_set(-INFINITY);
    for (size_t i = 0; i < WIDE; i++)
        max[i] = low;
    BY_VECTORS(n, i, c)
        max[i / VL % WIDE] = v_max(v_first(c, get(x + i, c), low), max[i / VL % WIDE]);
    return v_maximum(max);
}

static float logsumexp(const float *x, size_t n)
{
    float max = row_maximum(x, n);
    double total = 0;
    if (max - max != 0) /* infinite */
        return max;
    for (size_t b = 0; b < n; b += VLM_K_BLOCK) {
        vf sum[WIDE];
        wide_zero(sum);
        BY_VECTORS(n - b < VLM_K_BLOCK ? n - b : VLM_K_BLOCK, i, c) {
            vf e = v_exp(v_sub(get(x + b + i, c), v_set(max)));
            sum[i / VL % WIDE] = v_add(sum[i / VL % WIDE], v_first(c, e, v_zero()));
        }
        total += v_sum(sum);
    }
    return (float)(max + vlm_kernel_log(total));
}

static size_t argmax(const float *x, size_t n)
{
    float max = row_maximum(x, n);
    size_t i = 0;
    while (i + VL <= n && !v_any_equal(v_load(x + i), v_set(max)))
        i += VL;
    while (i < n && x[i] != max)
        i++;
    return i < n ? i : 0;
}

/* ---- conversions ---- */

static void bf16_to_f32(float *out, const void *x, size_t n)
{
    BY_VECTORS(n, i, c) {
        const char *p = (const char *)x + 2 * i;
        put(out + i, c == VL ? v_load_bf16(p) : v_load_bf16_n(p, c), c);
    }
}

static void f16_from_f32(void *out, const float *x, size_t n)
{
    BY_VECTORS(n, i, c)
        v_store_f16_n((char *)out + 2 * i, get(x + i, c), c);
}

static void bf16_from_f32(void *out, const float *x, size_t n)
{
    BY_VECTORS(n, i, c)
        v_store_bf16_n((char *)out + 2 * i, get(x + i, c), c);
}

#endif
