/* unpack.h: the 8-bit and quantised weights as floats, exactly.
 *
 * One text for every level: scalar.c compiles it as plain C for any machine and is the reference,
 * the vector levels compile the same lines for their instructions (only the two loops that write
 * the floats are in the words of vector.h there).  Every product and sum is rounded once, in the
 * order of the public definition (no FMA: the build forbids contraction), so all levels give the
 * same bits; only the payload of a NaN is open.
 *
 * A block's integers (blocks.h) go to a small array first, its floats are written from there: bytes
 * may alias the output, and the loops would not become vectors otherwise. */
#ifndef VLM_KERNEL_UNPACK_H
#define VLM_KERNEL_UNPACK_H

#include "kernel/blocks.h"

/* d q, and d q + m; n a multiple of 16 */
static inline void scaled(float *out, float d, const int8_t *q, size_t n)
{
#ifdef VL
    for (size_t j = 0; j < n; j += VL)
        v_store(out + j, v_mul(v_set(d), v_load_i8(q + j)));
#else
    for (size_t j = 0; j < n; j++)
        out[j] = d * (float)q[j];
#endif
}

static inline void scaled_plus(float *out, float d, float m, const int8_t *q, size_t n)
{
#ifdef VL
    for (size_t j = 0; j < n; j += VL)
        v_store(out + j, v_add(v_mul(v_set(d), v_load_i8(q + j)), v_set(m)));
#else
    for (size_t j = 0; j < n; j++)
        out[j] = d * (float)q[j] + m;
#endif
}

/* ---- 8 bits, no block ---- */

/* Sign, 4 bits of exponent (bias 7), 3 of mantissa; subnormal at exponent 0; no infinity, all ones
 * is NaN.  Moved to the places of an F32 the value is 2^-120 too small, and the product is exact.
 */
static inline float f8_e4m3(uint8_t b)
{
    uint32_t sign = (uint32_t)(b & 0x80) << 24, rest = b & 0x7f;
    return vlm_bits_to_f32(sign | (rest == 0x7f ? 0x7fc00000u : rest << 20)) * 0x1p120f;
}

static void unpack_f8_e4m3(float *out, const void *x, size_t n)
{
    const uint8_t *p = x;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        uint8_t b[32];
        memcpy(b, p + i, 32);
        for (size_t j = 0; j < 32; j++)
            out[i + j] = f8_e4m3(b[j]);
    }
    for (; i < n; i++)
        out[i] = f8_e4m3(p[i]);
}

static void unpack_i8(float *out, const void *x, size_t n)
{
    const uint8_t *p = x;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        int8_t q[32];
        memcpy(q, p + i, 32);
        scaled(out + i, 1, q, 32);
    }
    for (; i < n; i++)
        out[i] = (float)(int8_t)p[i];
}

/* ---- rows: whole blocks ---- */

#define UNPACK(name, TYPE, GROUP, MINS)                                                            \
    static void unpack_##name(float *out, const void *x, size_t n)                                 \
    {                                                                                              \
        const uint8_t *p = x;                                                                      \
        struct block b;                                                                            \
        for (size_t i = 0; i < n; i += LEN_##TYPE, p += BYTES_##TYPE) {                            \
            name##_ints(&b, p);                                                                    \
            for (size_t g = 0; g < LEN_##TYPE / (GROUP); g++)                                      \
                if (MINS)                                                                          \
                    scaled_plus(out + i + g * (GROUP), b.scale[g], b.min[g], b.q + g * (GROUP),    \
                                GROUP);                                                            \
                else                                                                               \
                    scaled(out + i + g * (GROUP), b.scale[g], b.q + g * (GROUP), GROUP);           \
        }                                                                                          \
    }
VLM_BLOCK_TYPES(UNPACK)
#undef UNPACK

#define UNPACK_ENTRY(name, TYPE, GROUP, MINS) t_->to_f32[VLM_NUM_##TYPE] = unpack_##name;
#define UNPACK_TABLE(t)                                                                            \
    do {                                                                                           \
        struct vlm_kernels *t_ = (t);                                                              \
        t_->to_f32[VLM_NUM_F8_E4M3] = unpack_f8_e4m3;                                              \
        t_->to_f32[VLM_NUM_I8] = unpack_i8;                                                        \
        VLM_BLOCK_TYPES(UNPACK_ENTRY)                                                              \
    } while (0)

#endif
