/* level.h: what the ISA levels share: their entry points and the constants of their formulas. */
#ifndef VLM_KERNEL_LEVEL_H
#define VLM_KERNEL_LEVEL_H

#include "kernel/kernel.h"
#include "kernel/roof.h"

/* Each overrides the entries of *k that it has something better for. */
void vlm_kernel_scalar(struct vlm_kernels *k);
void vlm_kernel_scalar_int8(struct vlm_kernels *k); /* the part of scalar in scalar_int8.c */
void vlm_kernel_avx2(struct vlm_kernels *k);
void vlm_kernel_avx2_attention(struct vlm_kernels *k);
void vlm_kernel_avx512_attention(struct vlm_kernels *k);
void vlm_kernel_neon_attention(struct vlm_kernels *k);
void vlm_kernel_avx2_int8(struct vlm_kernels *k); /* the part in avx2_int8.c */
void vlm_kernel_avxvnni(struct vlm_kernels *k); /* avx2 with products of its own */
void vlm_kernel_avx512(struct vlm_kernels *k);
void vlm_kernel_avx512_int8(struct vlm_kernels *k);
void vlm_kernel_avx512vnni(struct vlm_kernels *k); /* avx512 with products of its own */
void vlm_kernel_neon_int8(struct vlm_kernels *k);
void vlm_kernel_neon_dotprod(struct vlm_kernels *k); /* neon with products of their own */
void vlm_kernel_neon_i8mm(struct vlm_kernels *k);
void vlm_kernel_neon(struct vlm_kernels *k);

void vlm_kernel_scalar_roof(struct vlm_roof *r);
void vlm_kernel_avx2_roof(struct vlm_roof *r);
void vlm_kernel_avx512_roof(struct vlm_roof *r);
void vlm_kernel_neon_roof(struct vlm_roof *r);

/* 127 / largest, or 0 where the block counts as zero (the quotient of smaller ones is infinite). */
static inline float vlm_q8_inverse(float largest)
{
    return largest >= 0x1p-100f ? 127.0f / largest : 0.0f;
}
/* What follows from scale and the sums of the halves. */
static inline void vlm_q8_totals(struct vlm_q8 *b)
{
    b->sum[0] = b->sum[1] + b->sum[2];
    for (int i = 0; i < 3; i++)
        b->total[i] = b->scale * (float)b->sum[i];
    b->unused = 0;
}

/* Rows of attention that a level may work on at once.  Scratch for each: the scores of a block
 * and three rows of head_dim. */
#define VLM_ATTENTION_ROWS 96

/* Natural logarithm in double, to about 2 ulp, x > 0 and normal; NaN and infinity pass through. */
double vlm_kernel_log(double x);

/* e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln2 / 2; e^r = 1 + r + r^2 (C2 + C3 r .. + C6
 * r^4). ln 2 is taken off in two parts, the first short enough that n * LN2_HI is exact.  The
 * coefficients are a minimax fit (relative error 3e-9); measured over one float in 19, the
 * result is within 1.02 ulp. Clamping to [LO, HI] keeps 2^(n/2) representable and still ends in
 * 0 and infinity; below ZERO, where e^x would be subnormal, the vector levels return 0. */
#define VLM_EXP_LO -104.0f
#define VLM_EXP_HI 89.0f
#define VLM_EXP_ZERO -87.3365402f
#define VLM_EXP_LOG2E 1.44269504f
#define VLM_EXP_LN2_HI 0.693359375f
#define VLM_EXP_LN2_LO -2.12194440e-4f
#define VLM_EXP_C2 0.49999994f
#define VLM_EXP_C3 0.16666521f
#define VLM_EXP_C4 0.04166839f
#define VLM_EXP_C5 0.008368717f
#define VLM_EXP_C6 0.0013814599f

/* 2^x = 2^n 2^f with n = round(x), |f| <= 1/2; 2^f = 1 + C1 f .. C5 f^5, a minimax fit (relative error
 * 9e-08).  Weights of attention. */
#define VLM_EXP2_C1 0.693147f
#define VLM_EXP2_C2 0.24022242f
#define VLM_EXP2_C3 0.055507336f
#define VLM_EXP2_C4 0.009671513f
#define VLM_EXP2_C5 0.0013264727f

/* gelu_tanh(x) = x / (1 + e^(x (G1 + G3 x^2))): 0.5 (1 + tanh u) = 1 / (1 + e^(-2u)) */
#define VLM_GELU_G1 -1.5957691216f    /* -2 sqrt(2/pi) */
#define VLM_GELU_G3 -0.0713548162726f /* 0.044715 G1 */

#endif
