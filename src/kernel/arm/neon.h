/* neon.h: the vector vocabulary of AArch64 Advanced SIMD (vector.h, int8.h say what the words mean),
 * with the dot product or matrix product instructions where a file is compiled for them. */
#ifndef VLM_KERNEL_ARM_NEON_H
#define VLM_KERNEL_ARM_NEON_H

#include "kernel/level.h"

#include <arm_neon.h>
#include <string.h>

#define VL 4
#define TILE_ROWS 6
#define FEW_VECS 4
#define TILE_SUMS 24
#define INT8_ROWS 4
#define INT8_VECS 2

#include "kernel/vector.h"

typedef float32x4_t vf; /* VL floats */

static ALWAYS vf v_zero(void) { return vdupq_n_f32(0); }
static ALWAYS vf v_set(float x) { return vdupq_n_f32(x); }
static ALWAYS vf v_load(const void *p) { return vreinterpretq_f32_u8(vld1q_u8(p)); }
static ALWAYS vf v_load_n(const void *p, size_t n)
{
    float x[4] = { 0 };
    memcpy(x, p, 4 * n);
    return vld1q_f32(x);
}
static ALWAYS void v_store(float *p, vf x) { vst1q_f32(p, x); }
static ALWAYS void v_store_n(float *p, vf x, size_t n)
{
    float y[4];
    vst1q_f32(y, x);
    memcpy(p, y, 4 * n);
}
static ALWAYS vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
static ALWAYS vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
static ALWAYS vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
static ALWAYS vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
static ALWAYS vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static ALWAYS vf v_nfma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
static ALWAYS vf v_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static ALWAYS vf v_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static ALWAYS vf v_round(vf x) { return vrndnq_f32(x); }
static ALWAYS vf v_pow2(int32x4_t n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}
static ALWAYS vf v_ldexp(vf x, vf n) /* in two steps: 2^128 is no float */
{
    int32x4_t e = vcvtq_s32_f32(n), half = vshrq_n_s32(e, 1);
    return v_mul(v_mul(x, v_pow2(half)), v_pow2(vsubq_s32(e, half)));
}
static ALWAYS vf v_scale2(vf x, vf n)
{
    return vreinterpretq_f32_s32(
        vaddq_s32(vreinterpretq_s32_f32(x), vshlq_n_s32(vcvtq_s32_f32(n), 23)));
}
static ALWAYS vf v_zero_below(vf x, vf limit, vf y)
{
    return vbslq_f32(vcltq_f32(x, limit), v_zero(), y);
}
static ALWAYS vf v_first(size_t n, vf x, vf rest)
{
    const uint32_t lane[4] = { 0, 1, 2, 3 };
    return vbslq_f32(vcltq_u32(vld1q_u32(lane), vdupq_n_u32((uint32_t)n)), x, rest);
}
static ALWAYS int v_any_equal(vf a, vf b) { return vmaxvq_u32(vceqq_f32(a, b)) != 0; }

static ALWAYS vf from_f16(uint16x4_t h) { return vcvt_f32_f16(vreinterpret_f16_u16(h)); }
static ALWAYS vf from_bf16(uint16x4_t h) { return vreinterpretq_f32_u32(vshll_n_u16(h, 16)); }
static ALWAYS vf v_load_i8(const int8_t *p)
{
    uint32_t four;
    memcpy(&four, p, 4);
    int16x8_t wide = vmovl_s8(vcreate_s8(four));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}
static ALWAYS void v_load_i4(vf *lo, vf *hi, const void *p)
{
    uint32_t four;
    memcpy(&four, p, 4);
    int8x8_t x = vcreate_s8(four);
    int16x8_t l = vmovl_s8(vshr_n_s8(vshl_n_s8(x, 4), 4)), h = vmovl_s8(vshr_n_s8(x, 4));
    *lo = vcvtq_f32_s32(vmovl_s16(vget_low_s16(l)));
    *hi = vcvtq_f32_s32(vmovl_s16(vget_low_s16(h)));
}
static ALWAYS uint16x4_t load_half(const void *p) { return vreinterpret_u16_u8(vld1_u8(p)); }
static ALWAYS uint16x4_t load_half_n(const void *p, size_t n)
{
    uint16_t h[4] = { 0 };
    memcpy(h, p, 2 * n);
    return vld1_u16(h);
}
static ALWAYS void store_half_n(void *p, uint16x4_t x, size_t n)
{
    uint16_t h[4];
    vst1_u16(h, x);
    memcpy(p, h, 2 * n);
}
static ALWAYS vf v_load_f16(const void *p) { return from_f16(load_half(p)); }
static ALWAYS vf v_load_f16_n(const void *p, size_t n) { return from_f16(load_half_n(p, n)); }
static ALWAYS vf v_load_bf16(const void *p) { return from_bf16(load_half(p)); }
static ALWAYS vf v_load_bf16_n(const void *p, size_t n) { return from_bf16(load_half_n(p, n)); }
static ALWAYS void v_store_f16_n(void *p, vf x, size_t n)
{
    store_half_n(p, vreinterpret_u16_f16(vcvt_f16_f32(x)), n);
}
static ALWAYS void v_store_bf16_n(void *p, vf x, size_t n)
{
    uint32x4_t u = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
    uint32x4_t r = vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    r = vbslq_u32(vceqq_f32(x, x), r, vorrq_u32(u, vdupq_n_u32(0x400000)));
    store_half_n(p, vshrn_n_u32(r, 16), n);
}

static ALWAYS vf v_spread(const float *p) { return vld1q_f32(p); }

static ALWAYS void v_load_columns(vf x[2], const char *const *col, size_t i, enum vlm_num type)
{
    size_t size = type == VLM_NUM_F32 ? 4 : 2;
    x[0] = v_load_num(col[0] + i * size, type);
    x[1] = v_load_num(col[0] + (i + 4) * size, type);
}

/* The tree over the lanes of a quad: (0 + 2) + (1 + 3). */
static ALWAYS vf pairs(vf a, vf b) /* [a0+a2, a1+a3, b0+b2, b1+b3] */
{
    return v_add(vcombine_f32(vget_low_f32(a), vget_low_f32(b)),
                 vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
}
static ALWAYS vf v_sum_quads(vf a, vf b, vf c, vf d)
{
    return vpaddq_f32(pairs(a, b), pairs(c, d));
}
static ALWAYS vf v_sum_few(const vf *acc) { return v_sum_quads(acc[0], acc[1], acc[2], acc[3]); }

static ALWAYS float v_sum(const vf *x) /* 16 lanes: l with l+8, l+4, l+2, l+1 */
{
    vf q = v_add(v_add(x[0], x[2]), v_add(x[1], x[3]));
    return vaddv_f32(vadd_f32(vget_low_f32(q), vget_high_f32(q)));
}
static ALWAYS float v_maximum(const vf *x)
{
    vf q = v_max(v_max(x[0], x[2]), v_max(x[1], x[3])), h = vextq_f32(q, q, 2);
    q = v_max(q, h);
    return vgetq_lane_f32(v_max(q, vextq_f32(q, q, 1)), 0);
}

/* ---- integers, see int8.h ---- */

typedef int32x4_t vi;

static ALWAYS uint8x16_t bytes(vi x) { return vreinterpretq_u8_s32(x); }
static ALWAYS vi of_bytes(uint8x16_t x) { return vreinterpretq_s32_u8(x); }
static ALWAYS vi i_zero(void) { return vdupq_n_s32(0); }
static ALWAYS vi i_load(const void *p) { return of_bytes(vld1q_u8(p)); }
static ALWAYS void i_store(void *p, vi x) { vst1q_u8(p, bytes(x)); }
static ALWAYS vi i_set8(int8_t x) { return vreinterpretq_s32_s8(vdupq_n_s8(x)); }
static ALWAYS vi i_set32(int32_t x) { return vdupq_n_s32(x); }
static ALWAYS vi i_and(vi a, vi b) { return vandq_s32(a, b); }
static ALWAYS vi i_or(vi a, vi b) { return vorrq_s32(a, b); }
static ALWAYS vi i_shl(vi x, int n)
{
    return vreinterpretq_s32_u16(
        vshlq_u16(vreinterpretq_u16_s32(x), vdupq_n_s16((int16_t)n)));
}
static ALWAYS vi i_shr(vi x, int n)
{
    return vreinterpretq_s32_u16(
        vshlq_u16(vreinterpretq_u16_s32(x), vdupq_n_s16((int16_t)-n)));
}
static ALWAYS vi i_shr32(vi x, int n)
{
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(x), vdupq_n_s32(-n)));
}
static ALWAYS vi i_sub32(vi a, vi b) { return vsubq_s32(a, b); }
static ALWAYS vf i_to_f32(vi x) { return vcvtq_f32_s32(x); }
static ALWAYS vi i_spread(const void *p)
{
    int32_t x;
    memcpy(&x, p, 4);
    return vdupq_n_s32(x);
}
static ALWAYS vi i_table(const int8_t *p) { return i_load(p); }
static ALWAYS vi i_lookup(vi table, vi x) { return of_bytes(vqtbl1q_u8(bytes(table), bytes(x))); }
static ALWAYS vi i_bits(vi x, size_t s)
{
#if defined(__ARM_FEATURE_MATMUL_INT8) /* byte s / 2 of columns 0 and 1, or of 2 and 3 */
    const uint8_t b = (uint8_t)(s / 2 + s % 2 * 8), c = (uint8_t)(b + 4);
    const uint8x16_t byte = { b, b, b, b, b, b, b, b, c, c, c, c, c, c, c, c },
                     bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
#else
    const uint8_t b = (uint8_t)(s / 2);
    const uint8x16_t byte = { b,     b,     b,     b,     b + 4,  b + 4,  b + 4,  b + 4,
                              b + 8, b + 8, b + 8, b + 8, b + 12, b + 12, b + 12, b + 12 },
                     bit = bytes(i_set32(s % 2 ? (int32_t)0x80402010 : 0x08040201));
#endif
    return of_bytes(vandq_u8(vtstq_u8(vqtbl1q_u8(bytes(x), byte), bit), vdupq_n_u8(16)));
}
static ALWAYS vf i_half(vi x) { return from_f16(vmovn_u32(vreinterpretq_u32_s32(x))); }
static ALWAYS vf i_halves(const uint8_t *col, size_t ld, size_t at)
{
    uint16_t x[4];
    EACH(i, 4)
        memcpy(x + i, col + i * ld + at, 2);
    return from_f16(vld1_u16(x));
}
static ALWAYS vf i_byte(vi x, size_t b)
{
    return i_to_f32(i_and(i_shr32(x, 8 * (int)b), i_set32(255)));
}
static ALWAYS vf i_signed_byte(vi x, size_t b)
{
    return i_to_f32(vshrq_n_s32(vshlq_s32(x, vdupq_n_s32(24 - 8 * (int)b)), 24));
}
/* Bytes of four columns to where a panel wants them: four of each in a vector, or, for products of
 * two rows with two columns, eight of two columns in one and of the other two in the next. */
static ALWAYS int64x2_t longs(vi x) { return vreinterpretq_s64_s32(x); }
static ALWAYS vi of_longs(int64x2_t x) { return vreinterpretq_s32_s64(x); }
static ALWAYS void arrange(vi x[4], const vi a[4])
{
#if defined(__ARM_FEATURE_MATMUL_INT8)
    x[0] = of_longs(vzip1q_s64(longs(a[0]), longs(a[1])));
    x[1] = of_longs(vzip1q_s64(longs(a[2]), longs(a[3])));
    x[2] = of_longs(vzip2q_s64(longs(a[0]), longs(a[1])));
    x[3] = of_longs(vzip2q_s64(longs(a[2]), longs(a[3])));
#else
    vi lo0 = vzip1q_s32(a[0], a[1]), hi0 = vzip2q_s32(a[0], a[1]), lo1 = vzip1q_s32(a[2], a[3]),
       hi1 = vzip2q_s32(a[2], a[3]);
    x[0] = of_longs(vzip1q_s64(longs(lo0), longs(lo1)));
    x[1] = of_longs(vzip2q_s64(longs(lo0), longs(lo1)));
    x[2] = of_longs(vzip1q_s64(longs(hi0), longs(hi1)));
    x[3] = of_longs(vzip2q_s64(longs(hi0), longs(hi1)));
#endif
}
static ALWAYS void i_columns(vi x[4], const uint8_t *col, size_t ld, size_t at)
{
    vi a[4];
    EACH(i, 4)
        a[i] = i_load(col + i * ld + at);
    arrange(x, a);
}
static ALWAYS vi i_words(const uint8_t *col, size_t ld, size_t at)
{
    int32_t x[4];
    EACH(i, 4)
        memcpy(x + i, col + i * ld + at, 4);
    return vld1q_s32(x);
}
static ALWAYS void i_store_q8(int8_t *p, vf x)
{
    int16x4_t h = vmovn_s32(vcvtq_s32_f32(x));
    int8x8_t q = vmovn_s16(vcombine_s16(h, h));
    vst1_lane_u32((void *)p, vreinterpret_u32_s8(q), 0);
}
#if defined(__ARM_FEATURE_DOTPROD)
#define INT8_SUMS 1 /* int8_sums of its own: neon_sums.h */
#endif
/* Products of 16 bits and sums of 32. */
static ALWAYS vi i_mac8(vi acc, vi w, vi a)
{
    int8x16_t x = vreinterpretq_s8_s32(w), y = vreinterpretq_s8_s32(a);
    int16x8_t lo = vmull_s8(vget_low_s8(x), vget_low_s8(y)), hi = vmull_high_s8(x, y);
    return vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(lo), vpaddlq_s16(hi)));
}
static ALWAYS vi i_mac4(vi acc, vi w, vi a) { return i_mac8(acc, w, a); }
static ALWAYS vi i_widen(vi acc, vi part) { return vaddq_s32(acc, part); }

#endif
