/* kernel.h: the arithmetic.  Pure functions on pointers, one table of them per ISA level.
 *
 * They never allocate, log, lock, fail or start threads; any length including 0 and tails; float
 * pointers need the alignment of a float, void pointers none; they write only their output
 * range, which overlaps no input unless the function says "in place".  Every level computes each
 * output element in ONE order of summation that depends only on the length of the reduction,
 * never on how many rows or columns a call covers: that is what makes results independent of
 * batch, chunk and threads.  The vector levels (all others) use the same order and agree
 * bit for bit; scalar has its own and differs in the last bits (but not in matmul_q8).
 *
 * The order for a dot product of length k: blocks of VLM_K_BLOCK; inside a block lane l of four
 * (scalar: eight) sums the elements i with i % 4 == l in increasing i by fused multiply-add
 * (scalar: multiply, then add), then a fixed tree adds the lanes; the blocks' sums are added in
 * increasing order.  Few lanes, because a vector then holds several columns, and one row of a
 * costs one load for all of them. */
#ifndef VLM_KERNEL_KERNEL_H
#define VLM_KERNEL_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/num.h"

#define VLM_K_BLOCK 256  /* elements of a dot product that are summed before they join the total */
#define VLM_KV_BLOCK 256 /* positions of one key/value block */

/* Attention of a group of query rows that share one key/value head.  k[b] and v[b] are the
 * keys and values of a block, both of type kv, as kv.h says.  Row r sees the keys 0 ..
 * n_keys[r]-1 (>= 1).  Softmax is taken of each block by itself, then joined in increasing order (running maximum, Milakov and Gimelshein 2018, "Online normalizer calculation
 * for softmax"), so the split is fixed. */
struct vlm_attention {
    float *out;             /* row r at out + r*ld_out: [head_dim] */
    const float *q;         /* row r at q + r*ld_q: [head_dim] */
    size_t ld_out, ld_q;    /* in floats */
    const uint32_t *n_keys; /* [n_rows] */
    size_t n_rows;
    const void *const *k, *const *v; /* [blocks] */
    enum vlm_num kv;
    size_t head_dim;
    float scale;
    float *scratch; /* vlm_attention_scratch() floats, 64-byte aligned, one per thread */
};
/* Floats of scratch that attention needs for this head size, whatever n_rows. */
size_t vlm_attention_scratch(size_t head_dim);

/* 32 consecutive values of a row rounded to 8 bits: value i is near scale * q[i], within scale / 2.
 * |q| <= 127. A block whose largest value is below 2^-100 is zero; one with an infinity or a NaN has
 * a NaN for its scale and total. */
#define VLM_Q8_LEN 32
struct vlm_q8 {
    int8_t q[VLM_Q8_LEN];
    float scale;
    int32_t sum[3]; /* of q: of all, of the first half, of the second */
    float total[3]; /* scale * sum */
    float unused;   /* 64 bytes: a cache line */
};

/* Weights as a level's matmul_q8 brings them before it multiplies, kept: faster for few rows (not
 * for one), and 1.1 (Q8_0) or 1.5 times (Q6_K) as large as the blocks.  NULL where a type or level
 * has no such form. */
struct vlm_repacked {
    /* of n rows of w; 0 for a number of rows that cannot be repacked */
    size_t (*bytes)(size_t n, size_t k);
    /* n: all rows, or from one multiple of 32 rows to another; out is 64-byte aligned, at
     * bytes(first row, k) */
    void (*repack)(void *out, const void *w, size_t n, size_t k);
    /* matmul_q8, to the same bits; w likewise at bytes(first row, k) */
    void (*matmul)(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a, const void *w,
                   size_t m, size_t n, size_t k);
};

struct vlm_kernels {
    const char *name; /* "scalar", "avx2", "neon-i8mm" ..: kernel.c */

    /* out[i*ld_out + j] = dot(a + i*ld_a, w + j*ld_w)  for i < m, j < n; length k.  ld_out, ld_a in
     * floats, ld_w in elements of w. Indexed by enum vlm_num of w. */
    void (*matmul[VLM_N_FLOAT])(float *out, size_t ld_out, const float *a, size_t ld_a, const void *w,
                              size_t ld_w, size_t m, size_t n, size_t k);
    /* x[0 .. n) to ceil(n / 32) blocks, zeros after the end; the same bits at every level */
    void (*to_q8)(struct vlm_q8 *out, const float *x, size_t n);
    /* The same as matmul for rows of 8-bit blocks, row i at a + i*ld_a, and the types in blocks; NULL
     * for others.  k is a multiple of the type's block, rows of w follow each other.  Sums of a
     * block's products are exact integers; they and the scales are joined in one order (int8.h), the
     * same at EVERY level, scalar included. */
    void (*matmul_q8[VLM_N_NUM])(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,
                                 const void *w, size_t m, size_t n, size_t k);
    struct vlm_repacked repacked[VLM_N_NUM];
    /* exact; n is a multiple of the type's block (blocks.h) */
    void (*to_f32[VLM_N_NUM])(float *out, const void *x, size_t n);
    void (*from_f32[VLM_N_FLOAT])(void *out, const float *x, size_t n); /* nearest even */

    void (*attention)(const struct vlm_attention *a);

    /* rows of d values: out = (x - mean) / sqrt(var + eps) * w + b      (biased variance) */
    void (*layernorm)(float *out, const float *x, const float *w, const float *b, float eps,
                      size_t rows, size_t d);
    /* out = x / sqrt(mean(x^2) + eps) * w */
    void (*rmsnorm)(float *out, const float *x, const float *w, float eps, size_t rows, size_t d);
    void (*add)(float *x, const float *y, size_t n);                   /* x += y */
    void (*mul)(float *x, const float *y, size_t n);                   /* x *= y */
    void (*add_bias)(float *x, const float *b, size_t rows, size_t d); /* each row += b */
    /* 0.5x(1 + tanh(sqrt(2/pi)(x + 0.044715x^3))), in place */
    void (*gelu_tanh)(float *x, size_t n);
    /* silu(gate) * up */
    void (*silu_mul)(float *out, const float *gate, const float *up, size_t n);
    /* Rotates n_heads heads of one row in place: (x1, x2) -> (x1 c - x2 s, x2 c + x1 s), x1 the
     * first half of a head, x2 the second; c, s: [head_dim/2]. */
    void (*rope)(float *x, const float *c, const float *s, size_t n_heads, size_t head_dim);
    /* log(sum exp(x)), and the index of the largest value (lowest index on ties). n > 0 */
    float (*logsumexp)(const float *x, size_t n);
    size_t (*argmax)(const float *x, size_t n);
};

/* Fills *k for the named level, or the best one usable here when name is NULL or
 * "auto".  Returns 0, or -1 for an unknown or unusable name. */
int vlm_kernels_init(struct vlm_kernels *k, const char *name);
/* Levels usable on this machine, worst first; NULL past the end. */
const char *vlm_kernels_level(size_t i);

/* RoPE angles without libm, the same on every machine: c[i], s[i] = cos, sin(pos * theta^(-2i/d)),
 * i < d/2; frequency and angle are rounded to float, as the reference computes them.  inv_freq comes
 * from vlm_rope_inv_freq. */
void vlm_rope_inv_freq(float *inv_freq, double theta, size_t d);
void vlm_rope_angles(float *c, float *s, const float *inv_freq, size_t half, uint32_t pos);

#endif
