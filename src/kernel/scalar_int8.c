/* scalar_int8.c: the reference of int8.h: rows rounded to 8-bit blocks, their products with quantised
 * weights.  Plain C; the same bits as every vector level, so its one fused operation is fmaf. */
#include "kernel/level.h"

#include "kernel/blocks.h"

#include <math.h>

/* |x| <= 127 to the nearest whole number, ties to even: adding it leaves no bits for a fraction. */
static float nearest(float x)
{
    return (x + 0x1.8p23f) - 0x1.8p23f;
}

static void to_q8(struct vlm_q8 *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += VLM_Q8_LEN, out++) {
        size_t len = n - i < VLM_Q8_LEN ? n - i : VLM_Q8_LEN;
        float largest = 0, wrong = 0;
        memset(out, 0, sizeof *out);
        for (size_t j = 0; j < len; j++) {
            float size = fabsf(x[i + j]);
            largest = size > largest ? size : largest;
            wrong += x[i + j] * 0.0f; /* not zero for an infinity or a NaN */
        }
        float inverse = vlm_q8_inverse(largest);
        if (wrong != wrong)
            out->scale = NAN;
        else if (inverse != 0) {
            out->scale = largest / 127;
            for (size_t j = 0; j < len; j++) {
                out->q[j] = (int8_t)nearest(x[i + j] * inverse);
                out->sum[j < VLM_Q8_LEN / 2 ? 1 : 2] += out->q[j];
            }
        }
        vlm_q8_totals(out);
    }
}

/* One block of a column with rows of a. */
static void block_rows(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a, size_t m,
                       const struct block *b, size_t len, size_t group, int mins, int first)
{
    for (size_t i = 0; i < m; i++) {
        float acc = first ? 0 : out[i * ld_out];
        for (size_t g = 0; g < len / group; g++) {
            const struct vlm_q8 *row = a + i * ld_a + g * group / VLM_Q8_LEN;
            size_t at = g * group % VLM_Q8_LEN, which = group == 32 ? 0 : 1 + at / 16;
            int32_t sum = 0;
            for (size_t j = 0; j < group; j++)
                sum += row->q[at + j] * b->q[g * group + j];
            acc = fmaf(b->scale[g] * row->scale, (float)sum, acc);
            if (mins)
                acc = fmaf(b->min[g], row->total[which], acc);
        }
        out[i * ld_out] = acc;
    }
}

#define MATMUL(name, TYPE, GROUP, MINS)                                                            \
    static void matmul_##name(float *out, size_t ld_out, const struct vlm_q8 *a, size_t ld_a,      \
                              const void *w, size_t m, size_t n, size_t k)                         \
    {                                                                                              \
        const uint8_t *p = w;                                                                      \
        struct block b;                                                                            \
        for (size_t j = 0; j < n; j++) {                                                           \
            for (size_t i = 0; i < m && k == 0; i++)                                               \
                out[i * ld_out + j] = 0;                                                           \
            for (size_t x = 0; x < k; x += LEN_##TYPE, p += BYTES_##TYPE) {                        \
                name##_ints(&b, p);                                                                \
                block_rows(out + j, ld_out, a + x / VLM_Q8_LEN, ld_a, m, &b, LEN_##TYPE, GROUP,    \
                           MINS, x == 0);                                                          \
            }                                                                                      \
        }                                                                                          \
    }
VLM_BLOCK_TYPES(MATMUL)
#undef MATMUL

#define ENTRY(name, TYPE, GROUP, MINS) k->matmul_q8[VLM_NUM_##TYPE] = matmul_##name;
void vlm_kernel_scalar_int8(struct vlm_kernels *k)
{
    k->to_q8 = to_q8;
    VLM_BLOCK_TYPES(ENTRY)
}
#undef ENTRY
