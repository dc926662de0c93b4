/* avx512.h: the vector vocabulary of AVX-512 F, BW, DQ, VL with F16C (vector.h, int8.h say what the
 * words mean), and of VNNI where a file is compiled for it. */
#ifndef VLM_KERNEL_X86_AVX512_H
#define VLM_KERNEL_X86_AVX512_H

#include "kernel/level.h"

#include <immintrin.h>
#include <string.h>

#define VL 16
#define TILE_ROWS 6
#define FEW_VECS 2
#define TILE_SUMS 24
#define INT8_ROWS 6
#define INT8_VECS 2
#define INT8_DEPTH 16            /* 16 KiB of bytes of 32 columns, 4 KiB of scales */
#define INT8_CACHED (512 * 1024) /* these machines have at least 1 MiB of second-level cache */

#include "kernel/vector.h"

typedef __m512 vf; /* VL floats */

static ALWAYS __mmask16 first_n(size_t n) { return (__mmask16)((1u << n) - 1); } /* n <= 16 */

static ALWAYS vf v_zero(void) { return _mm512_setzero_ps(); }
static ALWAYS vf v_set(float x) { return _mm512_set1_ps(x); }
static ALWAYS vf v_load(const void *p) { return _mm512_loadu_ps(p); }
static ALWAYS vf v_load_n(const void *p, size_t n) { return _mm512_maskz_loadu_ps(first_n(n), p); }
static ALWAYS void v_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
static ALWAYS void v_store_n(float *p, vf x, size_t n) { _mm512_mask_storeu_ps(p, first_n(n), x); }
static ALWAYS vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static ALWAYS vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static ALWAYS vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static ALWAYS vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static ALWAYS vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static ALWAYS vf v_nfma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
static ALWAYS vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static ALWAYS vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static ALWAYS vf v_round(vf x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT); }
static ALWAYS vf v_ldexp(vf x, vf n) { return _mm512_scalef_ps(x, n); }
static ALWAYS vf v_scale2(vf x, vf n) { return _mm512_scalef_ps(x, n); }
static ALWAYS vf v_zero_below(vf x, vf limit, vf y)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), y);
}
static ALWAYS vf v_first(size_t n, vf x, vf rest)
{
    return _mm512_mask_mov_ps(rest, first_n(n), x);
}
static ALWAYS int v_any_equal(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ) != 0; }

static ALWAYS vf from_f16(__m256i h) { return _mm512_cvtph_ps(h); }
static ALWAYS vf from_bf16(__m256i h)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
static ALWAYS vf v_load_i8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}
static ALWAYS void v_load_i4(vf *lo, vf *hi, const void *p)
{
    __m512i x = _mm512_cvtepi8_epi32(_mm_loadu_si128(p));
    *lo = _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(x, 28), 28));
    *hi = _mm512_cvtepi32_ps(_mm512_srai_epi32(x, 4));
}
static ALWAYS vf v_load_f16(const void *p) { return from_f16(_mm256_loadu_si256(p)); }
static ALWAYS vf v_load_f16_n(const void *p, size_t n)
{
    return from_f16(_mm256_maskz_loadu_epi16(first_n(n), p));
}
static ALWAYS vf v_load_bf16(const void *p) { return from_bf16(_mm256_loadu_si256(p)); }
static ALWAYS vf v_load_bf16_n(const void *p, size_t n)
{
    return from_bf16(_mm256_maskz_loadu_epi16(first_n(n), p));
}
static ALWAYS void v_store_f16_n(void *p, vf x, size_t n)
{
    _mm256_mask_storeu_epi16(p, first_n(n), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
static ALWAYS void v_store_bf16_n(void *p, vf x, size_t n)
{
    __m512i u = _mm512_castps_si512(x),
            odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    r = _mm512_mask_or_epi32(r, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), u,
                             _mm512_set1_epi32(0x400000));
    _mm256_mask_storeu_epi16(p, first_n(n), _mm512_cvtepi32_epi16(_mm512_srli_epi32(r, 16)));
}

static ALWAYS vf v_spread(const float *p) { return _mm512_broadcast_f32x4(_mm_loadu_ps(p)); }

/* 16 bytes of each of four columns */
static ALWAYS __m512i four(const char *const *col, size_t byte)
{
    __m512i x = _mm512_castsi128_si512(_mm_loadu_si128((const void *)(col[0] + byte)));
    x = _mm512_mask_broadcast_i32x4(x, 0x00f0, _mm_loadu_si128((const void *)(col[1] + byte)));
    x = _mm512_mask_broadcast_i32x4(x, 0x0f00, _mm_loadu_si128((const void *)(col[2] + byte)));
    return _mm512_mask_broadcast_i32x4(x, 0xf000, _mm_loadu_si128((const void *)(col[3] + byte)));
}

static ALWAYS void v_load_columns(vf x[2], const char *const *col, size_t i, enum vlm_num type)
{
    if (type == VLM_NUM_F32) {
        x[0] = _mm512_castsi512_ps(four(col, 4 * i));
        x[1] = _mm512_castsi512_ps(four(col, 4 * i + 16));
    } else if (type == VLM_NUM_F16) {
        /* first halves of the four columns, then second halves */
        __m512i h =
            _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), four(col, 2 * i));
        x[0] = _mm512_cvtph_ps(_mm512_castsi512_si256(h));
        x[1] = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(h, 1));
    } else { /* each element to the upper half of a float */
        __m512i h = four(col, 2 * i);
        x[0] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(_mm512_setzero_si512(), h));
        x[1] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(_mm512_setzero_si512(), h));
    }
}

/* The tree over the lanes of a quad: (0 + 2) + (1 + 3). */
static ALWAYS vf pairs(vf a, vf b) /* per quad: [a0+a2, a1+a3, b0+b2, b1+b3] */
{
    return v_add(_mm512_mask_blend_ps(0xcccc, a, b),
                 _mm512_shuffle_ps(a, b, _MM_SHUFFLE(1, 0, 3, 2)));
}
static ALWAYS vf v_sum_quads(vf a, vf b, vf c, vf d)
{
    vf ab = pairs(a, b), cd = pairs(c, d);
    return v_add(_mm512_shuffle_ps(ab, cd, _MM_SHUFFLE(2, 0, 2, 0)),
                 _mm512_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 1, 3, 1)));
}
static ALWAYS vf v_sum_few(const vf *acc)
{
    return _mm512_maskz_compress_ps(0x3333, v_sum_quads(acc[0], acc[1], acc[0], acc[1]));
}
static ALWAYS float v_sum(const vf *x) /* 16 lanes: l with l+8, l+4, l+2, l+1 */
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(*x), _mm512_extractf32x8_ps(*x, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
static ALWAYS float v_maximum(const vf *x)
{
    __m256 h = _mm256_max_ps(_mm512_castps512_ps256(*x), _mm512_extractf32x8_ps(*x, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

/* ---- integers, see int8.h ---- */

typedef __m512i vi;

static ALWAYS vi i_zero(void) { return _mm512_setzero_si512(); }
static ALWAYS vi i_load(const void *p) { return _mm512_loadu_si512(p); }
static ALWAYS void i_store(void *p, vi x) { _mm512_storeu_si512(p, x); }
static ALWAYS vi i_set8(int8_t x) { return _mm512_set1_epi8(x); }
static ALWAYS vi i_set32(int32_t x) { return _mm512_set1_epi32(x); }
static ALWAYS vi i_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static ALWAYS vi i_or(vi a, vi b) { return _mm512_or_si512(a, b); }
static ALWAYS vi i_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
static ALWAYS vi i_shl(vi x, int n) { return _mm512_slli_epi16(x, (unsigned)n); }
static ALWAYS vi i_shr(vi x, int n) { return _mm512_srli_epi16(x, (unsigned)n); }
static ALWAYS vi i_shr32(vi x, int n) { return _mm512_srli_epi32(x, (unsigned)n); }
static ALWAYS vi i_sub32(vi a, vi b) { return _mm512_sub_epi32(a, b); }
static ALWAYS vf i_to_f32(vi x) { return _mm512_cvtepi32_ps(x); }
static ALWAYS vi i_spread(const void *p)
{
    int32_t x;
    memcpy(&x, p, 4);
    return _mm512_set1_epi32(x);
}
static ALWAYS vi i_table(const int8_t *p)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)p));
}
static ALWAYS vi i_lookup(vi table, vi x) { return _mm512_shuffle_epi8(table, x); }
static ALWAYS vi i_bits(vi x, size_t s)
{
    const char b = (char)(s / 2);
    const __m128i byte = _mm_setr_epi8(b, b, b, b, b + 4, b + 4, b + 4, b + 4, b + 8, b + 8, b + 8,
                                       b + 8, b + 12, b + 12, b + 12, b + 12);
    vi bit = i_set32(s % 2 ? (int32_t)0x80402010 : 0x08040201);
    return _mm512_maskz_mov_epi8(
        _mm512_test_epi8_mask(_mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(byte)), bit),
        i_set8(16));
}
static ALWAYS vf i_half(vi x) { return from_f16(_mm512_cvtepi32_epi16(x)); }
static ALWAYS vf i_byte(vi x, size_t b)
{
    return i_to_f32(i_and(i_shr32(x, 8 * (int)b), i_set32(255)));
}
static ALWAYS vf i_signed_byte(vi x, size_t b)
{
    return i_to_f32(_mm512_srai_epi32(_mm512_slli_epi32(x, 24 - 8 * (unsigned)b), 24));
}
static ALWAYS __m128i eight_halves(const uint8_t *col, size_t ld)
{
    __m128i x[4];
    EACH(i, 4)
        x[i] = _mm_unpacklo_epi16(_mm_loadu_si128((const void *)(col + 2 * i * ld)),
                                  _mm_loadu_si128((const void *)(col + (2 * i + 1) * ld)));
    return _mm_unpacklo_epi64(_mm_unpacklo_epi32(x[0], x[1]), _mm_unpacklo_epi32(x[2], x[3]));
}
static ALWAYS vf i_halves(const uint8_t *col, size_t ld, size_t at)
{
    return from_f16(_mm256_inserti128_si256(_mm256_castsi128_si256(eight_halves(col + at, ld)),
                                            eight_halves(col + 8 * ld + at, ld), 1));
}
static ALWAYS void i_columns(vi x[4], const uint8_t *col, size_t ld, size_t at)
{
    vi a[4], lo[2], hi[2];
    EACH(i, 4) {
        const char *p = (const void *)(col + i * ld);
        const char *const every[4] = { p, p + 4 * ld, p + 8 * ld, p + 12 * ld };
        a[i] = four(every, at);
    }
    EACH(i, 2) {
        lo[i] = _mm512_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
        hi[i] = _mm512_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
    }
    x[0] = _mm512_unpacklo_epi64(lo[0], lo[1]);
    x[1] = _mm512_unpackhi_epi64(lo[0], lo[1]);
    x[2] = _mm512_unpacklo_epi64(hi[0], hi[1]);
    x[3] = _mm512_unpackhi_epi64(hi[0], hi[1]);
}
static ALWAYS vi i_words(const uint8_t *col, size_t ld, size_t at)
{
    int32_t x[16];
    EACH(i, 16)
        memcpy(x + i, col + i * ld + at, 4);
    return _mm512_setr_epi32(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10],
                             x[11], x[12], x[13], x[14], x[15]);
}
static ALWAYS void i_store_q8(int8_t *p, vf x)
{
    _mm_storeu_si128((void *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}
/* Sums of integers may be rearranged: GCC makes trees of them, and spills what waits for the end. */
#ifndef IN_ORDER
#define IN_ORDER(x) __asm__("" : "+v"(x))
#endif

#if defined(__AVX512VNNI__)

/* Unsigned times signed bytes, four products into 32 bits at once, never saturated; signed weights
 * come with 128 added. */
#define INT8_WIDE 1
#define INT8_SIGNED_ZERO 128
static ALWAYS vi i_mac4(vi acc, vi w, vi a) { return _mm512_dpbusd_epi32(acc, w, a); }
static ALWAYS vi i_mac8(vi acc, vi w, vi a) { return i_mac4(acc, w, a); }
static ALWAYS vi i_widen(vi acc, vi part) { return _mm512_add_epi32(acc, part); }
/* the lower half of each lane is the sum, the upper one its sign */
static ALWAYS vi i_start(int32_t sum, int zero)
{
    return _mm512_madd_epi16(i_set32(sum), i_set32(-zero & 0xffff));
}

#else

/* Pairs of products in 16 bits: up to 2 * 15 * 127 * 8, 2 * 31 * 127 * 4, 2 * 63 * 127 * 2 < 2^15 */
static ALWAYS vi i_mac4(vi acc, vi w, vi a)
{
    acc = _mm512_add_epi16(acc, _mm512_maddubs_epi16(w, a));
    IN_ORDER(acc);
    return acc;
}
static ALWAYS vi i_widen(vi acc, vi part)
{
    acc = _mm512_add_epi32(acc, _mm512_madd_epi16(part, _mm512_set1_epi16(1)));
    IN_ORDER(acc);
    return acc;
}
/* |w| is unsigned, 128 included, and takes its sign to a, which is never -128: pairs of products
 * are at most 2 * 128 * 127 < 2^15. */
static ALWAYS vi i_mac8(vi acc, vi w, vi a)
{
    vi turned = _mm512_mask_sub_epi8(a, _mm512_movepi8_mask(w), i_zero(), a);
    return i_widen(acc, _mm512_maddubs_epi16(_mm512_abs_epi8(w), turned));
}

#endif

#endif
