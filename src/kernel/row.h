/* row.h: a row of values by vectors of a level (vector.h): what rows.h and attention.h share. */
#ifndef VLM_KERNEL_ROW_H
#define VLM_KERNEL_ROW_H

#include <math.h> /* INFINITY, sqrtf: an instruction */

#define WIDE (16 / VL) /* vectors that make the 16 lanes */

/* Runs body over x[0 .. n) by vectors: at i with VL elements, and once with the rest. */
#define BY_VECTORS(n, i, count)                                                                    \
    for (size_t i = 0, count = VL; i < (n); i += VL)                                               \
        if ((count = i + VL > (n) ? (n) % VL : VL) != 0)

static ALWAYS vf get(const float *p, size_t n) { return n == VL ? v_load(p) : v_load_n(p, n); }
static ALWAYS void put(float *p, vf x, size_t n)
{
    if (n == VL)
        v_store(p, x);
    else
        v_store_n(p, x, n);
}

/* e^x as level.h describes; 0 where it would be below the smallest normal float. */
static ALWAYS vf v_exp(vf x)
{
    vf y = v_min(v_set(VLM_EXP_HI), v_max(v_set(VLM_EXP_LO), x)); /* a NaN stays */
    vf n = v_round(v_mul(y, v_set(VLM_EXP_LOG2E)));
    vf r = v_nfma(n, v_set(VLM_EXP_LN2_LO), v_nfma(n, v_set(VLM_EXP_LN2_HI), y));
    vf q = v_fma(v_set(VLM_EXP_C6), r, v_set(VLM_EXP_C5));
    q = v_fma(q, r, v_set(VLM_EXP_C4));
    q = v_fma(q, r, v_set(VLM_EXP_C3));
    q = v_fma(q, r, v_set(VLM_EXP_C2));
    q = v_add(v_fma(v_mul(q, r), r, r), v_set(1));
    return v_zero_below(x, v_set(VLM_EXP_ZERO), v_ldexp(q, n));
}

static ALWAYS void wide_zero(vf *x)
{
    for (size_t i = 0; i < WIDE; i++)
        x[i] = v_zero();
}

static ALWAYS void f16_to_f32(float *out, const void *x, size_t n)
{
    BY_VECTORS(n, i, c) {
        const char *p = (const char *)x + 2 * i;
        put(out + i, c == VL ? v_load_f16(p) : v_load_f16_n(p, c), c);
    }
}

#endif
