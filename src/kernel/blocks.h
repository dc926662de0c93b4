/* blocks.h: what the quantised weights mean: each block as small integers with scales.
 *
 *   element i of a block = scale[i / GROUP] * q[i]              (+ min[i / GROUP] where MINS)
 *
 * One text for every level.  The scales are products of two factors, each rounded once, so all
 * levels have the same bits.  Any bytes are a valid block.  unpack.h makes the floats of it,
 * int8.h has the same integers by columns, scalar_int8.c multiplies these.
 *
 * lo and hi are the halves of a byte, d, m and dmin F16 numbers, little end first; elements are
 * numbered in the order of the row. */
#ifndef VLM_KERNEL_BLOCKS_H
#define VLM_KERNEL_BLOCKS_H

#include <string.h>

#include "base/half.h"
#include "kernel/kernel.h"

/* The types in blocks: X(name, TYPE, elements under one scale, whether there are minima) */
#define VLM_BLOCK_TYPES(X)                                                                         \
    X(q4_0, Q4_0, 32, 0)                                                                           \
    X(q4_1, Q4_1, 32, 1)                                                                           \
    X(q5_0, Q5_0, 32, 0)                                                                           \
    X(q5_1, Q5_1, 32, 1)                                                                           \
    X(q8_0, Q8_0, 32, 0)                                                                           \
    X(q2_k, Q2_K, 16, 1)                                                                           \
    X(q3_k, Q3_K, 16, 0)                                                                           \
    X(q4_k, Q4_K, 32, 1)                                                                           \
    X(q5_k, Q5_K, 32, 1)                                                                           \
    X(q6_k, Q6_K, 16, 0)                                                                           \
    X(iq4_nl, IQ4_NL, 32, 0)                                                                       \
    X(iq4_xs, IQ4_XS, 32, 0)                                                                       \
    X(mxfp4, MXFP4, 32, 0)

#define BLOCK_SIZES(name, len, bytes) enum { LEN_##name = len, BYTES_##name = bytes };
VLM_NUMS(BLOCK_SIZES)
#undef BLOCK_SIZES

#define BLOCK_MAX 256 /* elements of the longest block */

struct block {
    int8_t q[BLOCK_MAX];
    float scale[16], min[16];
};

static inline float half_at(const uint8_t *p)
{
    return vlm_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

/* Sixteen bytes at once in plain C: the compilers unroll a loop of sixteen before they see a
 * vector. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
static inline bytes16 load_bytes16(const void *p)
{
    bytes16 x;
    memcpy(&x, p, 16);
    return x;
}
static inline void store_bytes16(int8_t *p, bytes16 x)
{
    memcpy(p, &x, 16);
}

/* q[0 .. n) = lo - zero, q[n .. 2n) = hi - zero; n a multiple of 16 */
static inline void nibbles(int8_t *q, const uint8_t *qs, size_t n, uint8_t zero)
{
    for (size_t j = 0; j < n; j += 16) {
        bytes16 x = load_bytes16(qs + j);
        store_bytes16(q + j, (x & 15) - zero);
        store_bytes16(q + n + j, (x >> 4) - zero);
    }
}

static inline void look_up(int8_t *q, const int8_t *table, size_t n)
{
    for (size_t j = 0; j < n; j++)
        q[j] = table[q[j]];
}

static const int8_t iq4_values[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113 };
/* twice the E2M1 numbers */
static const int8_t e2m1_twice[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

/* ---- 32 elements ---- */

/* d, qs[16]: element j = d (lo_j - 8), j + 16 = d (hi_j - 8) */
static inline void q4_0_ints(struct block *b, const uint8_t *p)
{
    nibbles(b->q, p + 2, 16, 8);
    b->scale[0] = half_at(p);
}

/* d, m, qs[16]: d lo_j + m, d hi_j + m */
static inline void q4_1_ints(struct block *b, const uint8_t *p)
{
    nibbles(b->q, p + 4, 16, 0);
    b->scale[0] = half_at(p);
    b->min[0] = half_at(p + 2);
}

static inline bytes16 eight_of_each(const uint8_t *p) /* p[0] eight times, p[1] eight times */
{
    typedef uint64_t words2 __attribute__((vector_size(16)));
    const uint64_t ones = 0x0101010101010101;
    return (bytes16)(words2){ p[0] * ones, p[1] * ones };
}

/* q = nibbles, bit j of qh being worth 16 in element j, less zero */
static inline void five_bits(int8_t *q, const uint8_t *qs, const uint8_t *qh, uint8_t zero)
{
    static const uint8_t bit[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
    bytes16 x = load_bytes16(qs), b = load_bytes16(bit),
            low = (bytes16)((eight_of_each(qh) & b) == b) & 16,
            high = (bytes16)((eight_of_each(qh + 2) & b) == b) & 16;
    store_bytes16(q, ((x & 15) | low) - zero);
    store_bytes16(q + 16, ((x >> 4) | high) - zero);
}

/* d, qh[4], qs[16]: d (5 bits - 16) */
static inline void q5_0_ints(struct block *b, const uint8_t *p)
{
    five_bits(b->q, p + 6, p + 2, 16);
    b->scale[0] = half_at(p);
}

/* d, m, qh[4], qs[16]: d (5 bits) + m */
static inline void q5_1_ints(struct block *b, const uint8_t *p)
{
    five_bits(b->q, p + 8, p + 4, 0);
    b->scale[0] = half_at(p);
    b->min[0] = half_at(p + 2);
}

/* d, signed qs[32]: d q */
static inline void q8_0_ints(struct block *b, const uint8_t *p)
{
    memcpy(b->q, p + 2, 32);
    b->scale[0] = half_at(p);
}

/* d, qs[16]: d T[lo_j], d T[hi_j] */
static inline void iq4_nl_ints(struct block *b, const uint8_t *p)
{
    nibbles(b->q, p + 2, 16, 0);
    look_up(b->q, iq4_values, 32);
    b->scale[0] = half_at(p);
}

/* e, qs[16]: 2^(e - 128) T[lo_j], .. T[hi_j]; T is twice the E2M1 number, so its scale is half of
 * E8M0's.  The scales of e < 2 are subnormal floats. */
static inline void mxfp4_ints(struct block *b, const uint8_t *p)
{
    uint32_t e = p[0];
    nibbles(b->q, p + 1, 16, 0);
    look_up(b->q, e2m1_twice, 32);
    b->scale[0] = vlm_bits_to_f32(e < 2 ? 0x00200000u << e : (e - 1) << 23);
}

/* ---- 256 elements ---- */

/* Element 128 n + 32 j + i (i < 32) from two bits of byte 32 n + i. */
static inline void pairs_of_bits(int8_t *q, const uint8_t *qs)
{
    for (size_t n = 0; n < 2; n++)
        for (int j = 0; j < 4; j++)
            for (size_t i = 0; i < 32; i++)
                q[128 * n + 32 * (size_t)j + i] = (int8_t)(qs[32 * n + i] >> 2 * j & 3);
}

/* scales[16], qs[64], d, dmin: sixteen groups of 16, (d lo) q - (dmin hi) of the group's scale byte
 */
static inline void q2_k_ints(struct block *b, const uint8_t *p)
{
    float d = half_at(p + 80), dmin = half_at(p + 82);
    pairs_of_bits(b->q, p + 16);
    for (size_t g = 0; g < 16; g++) {
        b->scale[g] = d * (float)(p[g] & 15);
        b->min[g] = -(dmin * (float)(p[g] >> 4));
    }
}

/* hmask[32], qs[64], scales[12], d: sixteen groups of 16, (d s) (q - 4), the third bit of q in
 * hmask: bit 4 n + j of byte i for element 128 n + 32 j + i.  The scales have 6 bits less 32: the
 * low four in the lower (groups 0 .. 7) and upper halves of the first eight bytes, the high two in
 * the last four bytes, two bits further for each four groups. */
static inline void q3_k_ints(struct block *b, const uint8_t *p)
{
    const uint8_t *s = p + 96;
    float d = half_at(p + 108);
    pairs_of_bits(b->q, p + 32);
    for (int c = 0; c < 8; c++)
        for (size_t i = 0; i < 32; i++) {
            int8_t *at = b->q + 32 * c + i;
            *at = (int8_t)((*at | (p[i] >> c & 1) << 2) - 4);
        }
    for (size_t g = 0; g < 16; g++) {
        int low = g < 8 ? s[g] & 15 : s[g - 8] >> 4, high = s[8 + g % 4] >> 2 * (g / 4) & 3;
        b->scale[g] = d * (float)((low | high << 4) - 32);
    }
}

/* Eight groups of 32, (d sc) q - (dmin mn).  The twelve bytes s hold 6 bits of sc and of mn for
 * each group: for g < 4 in s[g] and s[g + 4]; for the others four bits in the halves of s[g + 4]
 * and two more on top of s[g - 4] and s[g]. */
static inline void k_scales(struct block *b, const uint8_t *p)
{
    const uint8_t *s = p + 4;
    float d = half_at(p), dmin = half_at(p + 2);
    for (size_t g = 0; g < 8; g++) {
        int sc = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | s[g - 4] >> 6 << 4;
        int mn = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | s[g] >> 6 << 4;
        b->scale[g] = d * (float)sc;
        b->min[g] = -(dmin * (float)mn);
    }
}

/* d, dmin, scales[12], qs[128]: 64 elements from 32 bytes, lo first */
static inline void q4_k_ints(struct block *b, const uint8_t *p)
{
    for (size_t c = 0; c < 4; c++)
        nibbles(b->q + 64 * c, p + 16 + 32 * c, 32, 0);
    k_scales(b, p);
}

/* d, dmin, scales[12], qh[32], qs[128]: as Q4_K, and bit g of qh[i] is worth 16 in element 32 g + i
 */
static inline void q5_k_ints(struct block *b, const uint8_t *p)
{
    for (size_t c = 0; c < 4; c++)
        nibbles(b->q + 64 * c, p + 48 + 32 * c, 32, 0);
    for (int g = 0; g < 8; g++)
        for (size_t i = 0; i < 32; i++)
            b->q[32 * g + i] = (int8_t)(b->q[32 * g + i] | (p[16 + i] >> g & 1) << 4);
    k_scales(b, p);
}

/* ql[128], qh[64], signed scales[16], d: sixteen groups of 16, (d s) (q - 32).  Of each half: 64
 * bytes of ql give 64 lo, then 64 hi; its 32 bytes of qh two more bits for each 32 elements. */
static inline void q6_k_ints(struct block *b, const uint8_t *p)
{
    float d = half_at(p + 208);
    for (size_t h = 0; h < 2; h++) {
        int8_t *at = b->q + 128 * h;
        nibbles(at, p + 64 * h, 64, 0);
        for (int j = 0; j < 4; j++)
            for (size_t i = 0; i < 32; i++) {
                int high = p[128 + 32 * h + i] >> 2 * j & 3;
                at[32 * j + i] = (int8_t)((at[32 * j + i] | high << 4) - 32);
            }
    }
    for (size_t g = 0; g < 16; g++)
        b->scale[g] = d * (float)(int8_t)p[192 + g];
}

/* d, scales_h[2], scales_l[4], qs[128]: eight groups of 32 as IQ4_NL, each with 16 bytes and a
 * scale d (s - 32) of 6 bits: four in a half of scales_l[g / 2], lo first, two in bits 2 g of
 * scales_h */
static inline void iq4_xs_ints(struct block *b, const uint8_t *p)
{
    float d = half_at(p);
    int scales_h = p[2] | p[3] << 8;
    for (size_t g = 0; g < 8; g++)
        nibbles(b->q + 32 * g, p + 8 + 16 * g, 16, 0);
    look_up(b->q, iq4_values, 256);
    for (size_t g = 0; g < 8; g++) {
        int s = (p[4 + g / 2] >> 4 * (g % 2) & 15) | (scales_h >> 2 * g & 3) << 4;
        b->scale[g] = d * (float)(s - 32);
    }
}

#endif
