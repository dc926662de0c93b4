/* fit.h: what the files of this room share: one block of floats against one scale and minimum.
 *
 * Blocks come scaled by a power of two to a largest magnitude in [0.5, 1), so that no sum over- or
 * underflows; lengths are multiples of four.  Lanes are summed in a fixed order. */
#ifndef VLM_QUANT_FIT_H
#define VLM_QUANT_FIT_H

#include <string.h>

#include "base/half.h"
#include "quant/quant.h"

typedef float vlm_f4 __attribute__((vector_size(16)));
typedef int32_t vlm_i4 __attribute__((vector_size(16)));

static inline vlm_f4 f4_load(const float *p)
{
    vlm_f4 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline vlm_f4 f4_set(float x)
{
    return (vlm_f4){x, x, x, x};
}
static inline float f4_sum(vlm_f4 v)
{
    return (v[0] + v[1]) + (v[2] + v[3]);
}
static inline vlm_f4 f4_pick(vlm_i4 mask, vlm_f4 a, vlm_f4 b)
{
    return (vlm_f4)(((vlm_i4)a & mask) | ((vlm_i4)b & ~mask));
}
/* The nearest integer in lo..hi, ties to even. */
static inline vlm_f4 f4_level(vlm_f4 x, vlm_f4 lo, vlm_f4 hi)
{
    const vlm_f4 magic = f4_set(0x1.8p23f);
    x = f4_pick((vlm_i4)(x > lo), x, lo);
    x = f4_pick((vlm_i4)(x < hi), x, hi);
    return (x + magic) - magic;
}
static inline float level(float x, float lo, float hi)
{
    x = x > lo ? x : lo;
    x = x < hi ? x : hi;
    return (x + 0x1.8p23f) - 0x1.8p23f;
}

/* Sums of one pass: q are the levels that x takes with scale d (and minimum m). */
struct vlm_quant_sums {
    float q, qq, xq; /* of w q, w q q, w x q */
    float error;     /* of w (x - d q - m)^2 */
};

/* d is not 0. */
static inline struct vlm_quant_sums pass_scale(const float *x, const float *w, size_t n, float d,
                                               float lo, float hi)
{
    const vlm_f4 inv = f4_set(1 / d), vd = f4_set(d), vlo = f4_set(lo), vhi = f4_set(hi);
    vlm_f4 qq = f4_set(0), xq = qq, error = qq;
    for (size_t i = 0; i < n; i += 4) {
        vlm_f4 vx = f4_load(x + i), vw = f4_load(w + i), q = f4_level(vx * inv, vlo, vhi),
               wq = vw * q, e = vx - vd * q;
        qq += wq * q;
        xq += wq * vx;
        error += vw * e * e;
    }
    return (struct vlm_quant_sums){.qq = f4_sum(qq), .xq = f4_sum(xq), .error = f4_sum(error)};
}

/* Levels 0..hi above a minimum. */
static inline struct vlm_quant_sums pass_affine(const float *x, const float *w, size_t n, float d,
                                                float m, float hi)
{
    const vlm_f4 inv = f4_set(1 / d), vd = f4_set(d), vm = f4_set(m), vlo = f4_set(0),
                 vhi = f4_set(hi);
    vlm_f4 sq = f4_set(0), qq = sq, xq = sq, error = sq;
    for (size_t i = 0; i < n; i += 4) {
        vlm_f4 vx = f4_load(x + i), vw = f4_load(w + i), above = vx - vm,
               q = f4_level(above * inv, vlo, vhi), wq = vw * q, e = above - vd * q;
        sq += wq;
        qq += wq * q;
        xq += wq * vx;
        error += vw * e * e;
    }
    return (struct vlm_quant_sums){f4_sum(sq), f4_sum(qq), f4_sum(xq), f4_sum(error)};
}

/* The best few that a search found, best first; a scale of 0 stands for a block of zeros. */
enum { VLM_QUANT_KEEP = 4 };
struct vlm_quant_found {
    size_t n;
    float d[VLM_QUANT_KEEP], m[VLM_QUANT_KEEP], error[VLM_QUANT_KEEP];
};

/* How far the ends of a block are moved: for scales, factors of the largest level; for scale and
 * minimum, fractions of a step that either end is cut. */
struct vlm_quant_search {
    float from, to;
    int steps;
};

/* Scales for levels lo..hi (lo < 0 < hi). */
void vlm_quant_fit_scale(struct vlm_quant_found *out, const float *x, const float *w, size_t n,
                         float lo, float hi, const struct vlm_quant_search *s);
/* Scales and minima for levels 0..hi; below_zero: no minimum may be above 0. */
void vlm_quant_fit_affine(struct vlm_quant_found *out, const float *x, const float *w, size_t n,
                          float hi, bool below_zero, const struct vlm_quant_search *s);

/* One block of up to 256 floats, made ready. */
struct vlm_quant_block {
    float x[256], w[256];
    int exponent; /* x = original / 2^exponent */
    bool zero;    /* nothing of it can be stored */
};
void vlm_quant_ready(struct vlm_quant_block *b, const float *x, const float *importance, size_t n,
                     float max);
/* An F16 number near d * 2^exponent: its bits, and *d becomes what they mean inside the block. */
uint16_t vlm_quant_half(float *d, int exponent);

static inline void put_half(uint8_t *p, uint16_t h)
{
    p[0] = (uint8_t)h;
    p[1] = (uint8_t)(h >> 8);
}

/* Whole blocks: rows32.c, rows256.c. */
typedef void vlm_quant_rows(uint8_t *out, const float *x, const float *importance, size_t n);
vlm_quant_rows vlm_quant_q4_0, vlm_quant_q4_1, vlm_quant_q5_0, vlm_quant_q5_1, vlm_quant_q8_0,
    vlm_quant_iq4_nl, vlm_quant_q2_k, vlm_quant_q3_k, vlm_quant_q4_k, vlm_quant_q5_k,
    vlm_quant_q6_k;

#endif
