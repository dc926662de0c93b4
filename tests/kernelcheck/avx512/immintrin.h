/* immintrin.h of machines without AVX-512: what the kernels of those levels use of it, in plain C,
 * each from Intel's definition ("Intrinsics Guide"), in terms of lanes.
 *
 * For run_avx512.sh alone, which puts this folder before the compiler's.  Nothing is fast here, and
 * nothing is checked twice: what an instruction does stands in one line. */
#ifndef KERNELCHECK_AVX512_IMMINTRIN_H
#define KERNELCHECK_AVX512_IMMINTRIN_H

#include_next <immintrin.h>

#if defined(EMULATE_VNNI)
#define __AVX512VNNI__ 1
#define __AVXVNNI__ 1
#endif
#define IN_ORDER(x) (void)0 /* no register holds 64 bytes here */

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A vector of 64 bytes as lanes of any kind. */
typedef union {
    __m512i i;
    __m512 f;
    uint8_t u8[64];
    int8_t s8[64];
    uint16_t u16[32];
    int16_t s16[32];
    uint32_t u32[16];
    int32_t s32[16];
    uint64_t u64[8];
    float f32[16];
    __m256i half_i[2];
    __m256 half_f[2];
    __m128i quarter[4];
} emu;

#define EMU static __attribute__((noinline, unused)) /* minutes of compiling otherwise */
#define EACH_LANE(n) for (int i = 0; i < (n); i++)
/* _mm512_NAME of one, two or three vectors: lane i of r from those of x, y, z. */
#define EMU1(name, part, n, expression)                                                            \
    EMU __m512i emu_##name(__m512i a)                                                              \
    {                                                                                              \
        emu x = {.i = a}, r;                                                                       \
        EACH_LANE(n) r.part[i] = expression;                                                       \
        return r.i;                                                                                \
    }
#define EMU2(name, part, n, expression)                                                            \
    EMU __m512i emu_##name(__m512i a, __m512i b)                                                   \
    {                                                                                              \
        emu x = {.i = a}, y = {.i = b}, r;                                                         \
        EACH_LANE(n) r.part[i] = expression;                                                       \
        return r.i;                                                                                \
    }
#define EMU_SHIFT(name, part, n, bits, expression)                                                 \
    EMU __m512i emu_##name(__m512i a, unsigned by)                                                 \
    {                                                                                              \
        emu x = {.i = a}, r;                                                                       \
        EACH_LANE(n) r.part[i] = expression;                                                       \
        return r.i;                                                                                \
    }
#define EMU_FLOAT2(name, expression)                                                               \
    EMU __m512 emu_##name(__m512 a, __m512 b)                                                      \
    {                                                                                              \
        emu x = {.f = a}, y = {.f = b}, r;                                                         \
        EACH_LANE(16) r.f32[i] = expression;                                                       \
        return r.f;                                                                                \
    }
#define EMU_FLOAT3(name, expression)                                                               \
    EMU __m512 emu_##name(__m512 a, __m512 b, __m512 c)                                            \
    {                                                                                              \
        emu x = {.f = a}, y = {.f = b}, z = {.f = c}, r;                                           \
        EACH_LANE(16) r.f32[i] = expression;                                                       \
        return r.f;                                                                                \
    }

/* ---- constants, memory, halves ---- */

EMU __m512i emu_zero(void)
{
    return (emu){.u64 = {0}}.i;
}
EMU __m512i emu_set8(int8_t v)
{
    emu r;
    EACH_LANE(64) r.s8[i] = v;
    return r.i;
}
EMU __m512i emu_set16(int16_t v)
{
    emu r;
    EACH_LANE(32) r.s16[i] = v;
    return r.i;
}
EMU __m512i emu_set32(int32_t v)
{
    emu r;
    EACH_LANE(16) r.s32[i] = v;
    return r.i;
}
EMU __m512 emu_set_ps(float v)
{
    emu r;
    EACH_LANE(16) r.f32[i] = v;
    return r.f;
}
EMU __m512i emu_load(const void *p)
{
    emu r;
    memcpy(&r, p, 64);
    return r.i;
}
EMU void emu_store(void *p, __m512i a)
{
    memcpy(p, &a, 64);
}
EMU __m512 emu_load_some(unsigned mask, const void *p)
{
    emu r = {.u64 = {0}};
    EACH_LANE(16) if (mask >> i & 1) memcpy(r.f32 + i, (const char *)p + 4 * i, 4);
    return r.f;
}
EMU void emu_store_some(void *p, unsigned mask, __m512 a)
{
    emu x = {.f = a};
    EACH_LANE(16) if (mask >> i & 1) memcpy((char *)p + 4 * i, x.f32 + i, 4);
}
EMU __m256i emu_load_some16(unsigned mask, const void *p)
{
    uint16_t r[16] = {0};
    EACH_LANE(16) if (mask >> i & 1) memcpy(r + i, (const char *)p + 2 * i, 2);
    return _mm256_loadu_si256((const void *)r);
}
EMU void emu_store_some16(void *p, unsigned mask, __m256i a)
{
    uint16_t x[16];
    _mm256_storeu_si256((void *)x, a);
    EACH_LANE(16) if (mask >> i & 1) memcpy((char *)p + 2 * i, x + i, 2);
}
EMU __m512 emu_as_ps(__m512i a)
{
    return (emu){.i = a}.f;
}
EMU __m512i emu_as_int(__m512 a)
{
    return (emu){.f = a}.i;
}
EMU __m256 emu_half_ps(__m512 a, int h)
{
    return (emu){.f = a}.half_f[h];
}
EMU __m256i emu_half_int(__m512i a, int h)
{
    return (emu){.i = a}.half_i[h];
}
/* the lanes of mask from the four of q, the others from a */
EMU __m512i emu_broadcast4(__m512i a, unsigned mask, __m128i q)
{
    emu x = {.i = a};
    emu y = {.quarter = {q, q, q, q}};
    EACH_LANE(16) if (mask >> i & 1) x.u32[i] = y.u32[i];
    return x.i;
}

/* ---- floats ---- */

EMU_FLOAT2(add_ps, x.f32[i] + y.f32[i])
EMU_FLOAT2(sub_ps, x.f32[i] - y.f32[i])
EMU_FLOAT2(mul_ps, x.f32[i] * y.f32[i])
EMU_FLOAT2(div_ps, x.f32[i] / y.f32[i])
EMU_FLOAT2(min_ps, x.f32[i] < y.f32[i] ? x.f32[i] : y.f32[i])
EMU_FLOAT2(max_ps, x.f32[i] > y.f32[i] ? x.f32[i] : y.f32[i])
/* x 2^floor(y) */
EMU_FLOAT2(scalef_ps, ldexpf(x.f32[i], (int)fmaxf(fminf(floorf(y.f32[i]), 999), -999)))
EMU_FLOAT3(fmadd_ps, fmaf(x.f32[i], y.f32[i], z.f32[i]))
EMU_FLOAT3(fnmadd_ps, fmaf(-x.f32[i], y.f32[i], z.f32[i]))
EMU __m512 emu_round_ps(__m512 a) /* nearest even */
{
    emu x = {.f = a};
    EACH_LANE(16) x.f32[i] = rintf(x.f32[i]);
    return x.f;
}
/* the lanes of mask from b, the others from a */
EMU __m512 emu_blend_ps(unsigned mask, __m512 a, __m512 b)
{
    emu x = {.f = a}, y = {.f = b};
    EACH_LANE(16) if (mask >> i & 1) x.u32[i] = y.u32[i];
    return x.f;
}
EMU __mmask16 emu_compare(__m512 a, __m512 b, int how)
{
    emu x = {.f = a}, y = {.f = b};
    unsigned r = 0;
    EACH_LANE(16)
    {
        float p = x.f32[i], q = y.f32[i];
        int yes = how == _CMP_EQ_OQ    ? p == q
                  : how == _CMP_NLT_UQ ? !(p < q)
                                       : isnan(p) || isnan(q); /* _CMP_UNORD_Q */
        r |= (unsigned)yes << i;
    }
    return (__mmask16)r;
}
EMU __m512 emu_shuffle_ps(__m512 a, __m512 b, int how)
{
    emu x = {.f = a}, y = {.f = b}, r;
    EACH_LANE(16)
    {
        int from = (i & ~3) | (how >> 2 * (i & 3) & 3);
        r.u32[i] = (i & 2) ? y.u32[from] : x.u32[from];
    }
    return r.f;
}
EMU __m512 emu_compress_ps(unsigned mask, __m512 a)
{
    emu x = {.f = a}, r = {.u64 = {0}};
    int n = 0;
    EACH_LANE(16) if (mask >> i & 1) r.u32[n++] = x.u32[i];
    return r.f;
}

/* ---- conversions; those of F16 by F16C ---- */

EMU __m512 emu_from_f16(__m256i h)
{
    return (emu){.half_f = {_mm256_cvtph_ps(_mm256_castsi256_si128(h)),
                            _mm256_cvtph_ps(_mm256_extracti128_si256(h, 1))}}
        .f;
}
EMU __m256i emu_to_f16(__m512 a)
{
    emu x = {.f = a};
    return _mm256_setr_m128i(_mm256_cvtps_ph(x.half_f[0], _MM_FROUND_TO_NEAREST_INT),
                             _mm256_cvtps_ph(x.half_f[1], _MM_FROUND_TO_NEAREST_INT));
}
EMU __m512i emu_widen_u16(__m256i a)
{
    emu x = {.half_i = {a}}, r;
    EACH_LANE(16) r.u32[i] = x.u16[i];
    return r.i;
}
EMU __m512i emu_widen_s8(__m128i a)
{
    emu x = {.quarter = {a}}, r;
    EACH_LANE(16) r.s32[i] = x.s8[i];
    return r.i;
}
EMU __m256i emu_narrow16(__m512i a)
{
    emu x = {.i = a}, r;
    EACH_LANE(16) r.u16[i] = (uint16_t)x.u32[i];
    return r.half_i[0];
}
EMU __m128i emu_narrow8(__m512i a)
{
    emu x = {.i = a}, r;
    EACH_LANE(16) r.u8[i] = (uint8_t)x.u32[i];
    return r.quarter[0];
}
EMU __m512i emu_to_int(__m512 a)
{
    emu x = {.f = a}, r;
    EACH_LANE(16) r.s32[i] = _mm_cvtss_si32(_mm_set_ss(x.f32[i]));
    return r.i;
}
EMU __m512 emu_to_ps(__m512i a)
{
    emu x = {.i = a}, r;
    EACH_LANE(16) r.f32[i] = (float)x.s32[i];
    return r.f;
}

/* ---- integers ---- */

EMU2(and, u64, 8, x.u64[i] & y.u64[i])
EMU2(or, u64, 8, x.u64[i] | y.u64[i])
EMU2(xor, u64, 8, x.u64[i] ^ y.u64[i])
EMU2(add16, u16, 32, (uint16_t)(x.u16[i] + y.u16[i]))
EMU2(add32, u32, 16, x.u32[i] + y.u32[i])
EMU2(sub32, u32, 16, x.u32[i] - y.u32[i])
EMU1(abs8, u8, 64, (uint8_t)(x.s8[i] < 0 ? -x.s8[i] : x.s8[i]))
EMU_SHIFT(shl16, u16, 32, 16, by > 15 ? 0 : (uint16_t)(x.u16[i] << by))
EMU_SHIFT(shr16, u16, 32, 16, by > 15 ? 0 : (uint16_t)(x.u16[i] >> by))
EMU_SHIFT(shl32, u32, 16, 32, by > 31 ? 0 : x.u32[i] << by)
EMU_SHIFT(shr32, u32, 16, 32, by > 31 ? 0 : x.u32[i] >> by)
EMU_SHIFT(sar32, s32, 16, 32, x.s32[i] >> (by > 31 ? 31 : by))
/* within quarters of 16 bytes */
EMU2(lookup8, u8, 64, y.u8[i] & 128 ? 0 : x.u8[(i & ~15) | (y.u8[i] & 15)])
EMU2(low16, u16, 32, (i & 1 ? y.u16 : x.u16)[(i & ~7) | (i & 7) / 2])
EMU2(low32, u32, 16, (i & 1 ? y.u32 : x.u32)[(i & ~3) | (i & 3) / 2])
EMU2(high32, u32, 16, (i & 1 ? y.u32 : x.u32)[(i & ~3) | (2 + (i & 3) / 2)])
EMU2(low64, u64, 8, (i & 1 ? y.u64 : x.u64)[i & ~1])
EMU2(high64, u64, 8, (i & 1 ? y.u64 : x.u64)[i | 1])
EMU2(high16, u16, 32, (i & 1 ? y.u16 : x.u16)[(i & ~7) | (4 + (i & 7) / 2)])
EMU2(permute64, u64, 8, y.u64[x.u64[i] & 7])

EMU int16_t emu_saturate(int x)
{
    return (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
}
/* unsigned x signed, two sums of 16 bits, saturated */
EMU2(maddubs, s16, 32, emu_saturate(x.u8[2 * i] * y.s8[2 * i] + x.u8[2 * i + 1] * y.s8[2 * i + 1]))
EMU2(madd16, s32, 16,
     (int32_t)((uint32_t)(x.s16[2 * i] * y.s16[2 * i]) +
               (uint32_t)(x.s16[2 * i + 1] * y.s16[2 * i + 1])))
/* unsigned x signed, four products of 16 bits added to 32, wrapping */
EMU __m512i emu_dpbusd(__m512i acc, __m512i a, __m512i b)
{
    emu r = {.i = acc}, x = {.i = a}, y = {.i = b};
    EACH_LANE(16)
    for (int j = 4 * i; j < 4 * i + 4; j++)
        r.u32[i] += (uint32_t)(x.u8[j] * y.s8[j]);
    return r.i;
}
EMU __m512i emu_mask_sub8(__m512i rest, uint64_t mask, __m512i a, __m512i b)
{
    emu r = {.i = rest}, x = {.i = a}, y = {.i = b};
    EACH_LANE(64) if (mask >> i & 1) r.u8[i] = (uint8_t)(x.u8[i] - y.u8[i]);
    return r.i;
}
EMU uint64_t emu_negative8(__m512i a)
{
    emu x = {.i = a};
    uint64_t r = 0;
    EACH_LANE(64) r |= (uint64_t)(x.u8[i] >> 7) << i;
    return r;
}
EMU uint64_t emu_test8(__m512i a, __m512i b)
{
    emu x = {.i = a}, y = {.i = b};
    uint64_t r = 0;
    EACH_LANE(64) r |= (uint64_t)((x.u8[i] & y.u8[i]) != 0) << i;
    return r;
}
EMU __m512i emu_only8(uint64_t mask, __m512i a)
{
    emu x = {.i = a};
    EACH_LANE(64) if (!(mask >> i & 1)) x.u8[i] = 0;
    return x.i;
}
EMU __m512i emu_mask_or32(__m512i rest, unsigned mask, __m512i a, __m512i b)
{
    emu r = {.i = rest}, x = {.i = a}, y = {.i = b};
    EACH_LANE(16) if (mask >> i & 1) r.u32[i] = x.u32[i] | y.u32[i];
    return r.i;
}
/* Four products more for a level of 256 bits. */
EMU __m256i emu_dpbusd256(__m256i acc, __m256i a, __m256i b)
{
    emu r = {.half_i = {acc}}, x = {.half_i = {a}}, y = {.half_i = {b}};
    EACH_LANE(8)
    for (int j = 4 * i; j < 4 * i + 4; j++)
        r.u32[i] += (uint32_t)(x.u8[j] * y.s8[j]);
    return r.half_i[0];
}

/* ---- names ---- */

#define _mm512_abs_epi8(a) emu_abs8(a)
#define _mm512_add_epi16(a, b) emu_add16(a, b)
#define _mm512_add_epi32(a, b) emu_add32(a, b)
#define _mm512_add_ps(a, b) emu_add_ps(a, b)
#define _mm512_and_si512(a, b) emu_and(a, b)
#define _mm512_broadcast_f32x4(q) emu_as_ps(emu_broadcast4(emu_zero(), 0xffff, _mm_castps_si128(q)))
#define _mm512_broadcast_i32x4(q) emu_broadcast4(emu_zero(), 0xffff, q)
#define _mm512_castps512_ps256(a) emu_half_ps(a, 0)
#define _mm512_castps_si512(a) emu_as_int(a)
#define _mm512_castsi128_si512(q) emu_broadcast4(emu_set8(0x5a), 0x000f, q)
#define _mm512_castsi512_ps(a) emu_as_ps(a)
#define _mm512_castsi512_si256(a) emu_half_int(a, 0)
#define _mm512_cmp_ps_mask(a, b, how) emu_compare(a, b, how)
#define _mm512_cvtepi32_epi16(a) emu_narrow16(a)
#define _mm512_cvtepi32_epi8(a) emu_narrow8(a)
#define _mm512_cvtepi32_ps(a) emu_to_ps(a)
#define _mm512_cvtepi8_epi32(q) emu_widen_s8(q)
#define _mm512_cvtepu16_epi32(h) emu_widen_u16(h)
#define _mm512_cvtph_ps(h) emu_from_f16(h)
#define _mm512_cvtps_epi32(a) emu_to_int(a)
#define _mm512_cvtps_ph(a, how) emu_to_f16(a)
#define _mm512_div_ps(a, b) emu_div_ps(a, b)
#define _mm512_dpbusd_epi32(acc, a, b) emu_dpbusd(acc, a, b)
#define _mm512_extractf32x8_ps(a, h) emu_half_ps(a, h)
#define _mm512_extracti64x4_epi64(a, h) emu_half_int(a, h)
#define _mm512_fmadd_ps(a, b, c) emu_fmadd_ps(a, b, c)
#define _mm512_fnmadd_ps(a, b, c) emu_fnmadd_ps(a, b, c)
#define _mm512_loadu_ps(p) emu_as_ps(emu_load(p))
#define _mm512_loadu_si512(p) emu_load(p)
#define _mm512_madd_epi16(a, b) emu_madd16(a, b)
#define _mm512_maddubs_epi16(a, b) emu_maddubs(a, b)
#define _mm512_mask_blend_ps(mask, a, b) emu_blend_ps(mask, a, b)
#define _mm512_mask_broadcast_i32x4(a, mask, q) emu_broadcast4(a, mask, q)
#define _mm512_mask_mov_ps(a, mask, b) emu_blend_ps(mask, a, b)
#define _mm512_mask_or_epi32(rest, mask, a, b) emu_mask_or32(rest, mask, a, b)
#define _mm512_mask_storeu_ps(p, mask, a) emu_store_some(p, mask, a)
#define _mm512_mask_sub_epi8(rest, mask, a, b) emu_mask_sub8(rest, mask, a, b)
#define _mm512_maskz_compress_ps(mask, a) emu_compress_ps(mask, a)
#define _mm512_maskz_loadu_ps(mask, p) emu_load_some(mask, p)
#define _mm512_maskz_mov_epi8(mask, a) emu_only8(mask, a)
#define _mm512_maskz_mov_ps(mask, a) emu_blend_ps(mask, emu_as_ps(emu_zero()), a)
#define _mm512_max_ps(a, b) emu_max_ps(a, b)
#define _mm512_min_ps(a, b) emu_min_ps(a, b)
#define _mm512_movepi8_mask(a) emu_negative8(a)
#define _mm512_mul_ps(a, b) emu_mul_ps(a, b)
#define _mm512_or_si512(a, b) emu_or(a, b)
#define _mm512_permutexvar_epi64(index, a) emu_permute64(index, a)
#define _mm512_roundscale_ps(a, how) emu_round_ps(a)
#define _mm512_scalef_ps(a, b) emu_scalef_ps(a, b)
#define _mm512_set1_epi16(v) emu_set16(v)
#define _mm512_set1_epi32(v) emu_set32(v)
#define _mm512_set1_epi8(v) emu_set8(v)
#define _mm512_set1_ps(v) emu_set_ps(v)
#define _mm512_setr_epi32(...) ((emu){.s32 = {__VA_ARGS__}}.i)
#define _mm512_setr_epi64(...) ((emu){.u64 = {__VA_ARGS__}}.i)
#define _mm512_setzero_ps() emu_as_ps(emu_zero())
#define _mm512_setzero_si512() emu_zero()
#define _mm512_shuffle_epi8(a, b) emu_lookup8(a, b)
#define _mm512_shuffle_ps(a, b, how) emu_shuffle_ps(a, b, how)
#define _mm512_slli_epi16(a, by) emu_shl16(a, by)
#define _mm512_slli_epi32(a, by) emu_shl32(a, by)
#define _mm512_srai_epi32(a, by) emu_sar32(a, by)
#define _mm512_srli_epi16(a, by) emu_shr16(a, by)
#define _mm512_srli_epi32(a, by) emu_shr32(a, by)
#define _mm512_storeu_ps(p, a) emu_store(p, emu_as_int(a))
#define _mm512_storeu_si512(p, a) emu_store(p, a)
#define _mm512_sub_epi32(a, b) emu_sub32(a, b)
#define _mm512_sub_ps(a, b) emu_sub_ps(a, b)
#define _mm512_test_epi8_mask(a, b) emu_test8(a, b)
#define _mm512_unpackhi_epi16(a, b) emu_high16(a, b)
#define _mm512_unpackhi_epi32(a, b) emu_high32(a, b)
#define _mm512_unpackhi_epi64(a, b) emu_high64(a, b)
#define _mm512_unpacklo_epi16(a, b) emu_low16(a, b)
#define _mm512_unpacklo_epi32(a, b) emu_low32(a, b)
#define _mm512_unpacklo_epi64(a, b) emu_low64(a, b)
#define _mm512_xor_si512(a, b) emu_xor(a, b)
#define _mm256_mask_storeu_epi16(p, mask, a) emu_store_some16(p, mask, a)
#define _mm256_maskz_loadu_epi16(mask, p) emu_load_some16(mask, p)
#define _mm256_dpbusd_avx_epi32(acc, a, b) emu_dpbusd256(acc, a, b)

#endif
