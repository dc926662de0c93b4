/* roof_loops.h: the loops of roof.h on the vector vocabulary of a level (see vector.h). */
#ifndef VLM_KERNEL_ROOF_LOOPS_H
#define VLM_KERNEL_ROOF_LOOPS_H

#include "kernel/roof.h"

#define ROOF_CHAINS 12 /* independent, to cover the latency of an FMA on every port */

static ALWAYS float collapse(const vf *acc, size_t n)
{
    vf sum[16 / VL];
    EACH(c, 16 / VL)
        sum[c] = acc[c];
    EACH(c, n - 16 / VL)
        sum[0] = v_add(sum[0], acc[16 / VL + c]);
    return v_sum(sum);
}

static float roof_fma(size_t iterations)
{
    vf acc[ROOF_CHAINS], a = v_set(0.5f), b = v_set(0.25f);
    EACH(c, ROOF_CHAINS)
        acc[c] = v_set((float)c);
    for (size_t i = 0; i < iterations; i++) {
        EACH(c, ROOF_CHAINS)
            acc[c] = v_fma(acc[c], a, b);
    }
    return collapse(acc, ROOF_CHAINS);
}

static float roof_read(const void *p, size_t bytes)
{
    const float *x = p;
    size_t n = bytes / sizeof(float), i = 0;
    vf acc[4] = { v_zero(), v_zero(), v_zero(), v_zero() };
    for (; i + 4 * VL <= n; i += 4 * VL) {
        PREFETCH(x + i + 1024);
        EACH(c, 4)
            acc[c] = v_add(acc[c], v_load(x + i + c * VL));
    }
    for (; i < n; i += VL)
        acc[0] = v_add(acc[0], v_load_n(x + i, n - i < VL ? n - i : VL));
    return collapse(acc, 4);
}

#define ROOF                                                                                       \
    {                                                                                              \
        .flops = 2.0 * VL * ROOF_CHAINS, .fma = roof_fma, .read = roof_read                        \
    }

#endif
