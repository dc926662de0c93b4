/* avx2.h: the vector vocabulary of AVX2 with FMA and F16C (vector.h, int8.h say what the words
 * mean). */
#ifndef VLM_KERNEL_X86_AVX2_H
#define VLM_KERNEL_X86_AVX2_H

#include "kernel/level.h"

#include <immintrin.h>
#include <string.h>

#define VL 8
#define TILE_ROWS 3
#define FEW_VECS 4
#define FEW_ROWS 6
#define TILE_SUMS 12
#define INT8_ROWS 3
#define INT8_VECS 2

#include "kernel/vector.h"

typedef __m256 vf; /* VL floats */

static const int32_t ones_then_zeros[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };
static ALWAYS __m256i first_n(size_t n) /* n <= 8 */
{
    return _mm256_loadu_si256((const void *)(ones_then_zeros + 8 - n));
}

static ALWAYS vf v_zero(void) { return _mm256_setzero_ps(); }
static ALWAYS vf v_set(float x) { return _mm256_set1_ps(x); }
static ALWAYS vf v_load(const void *p) { return _mm256_loadu_ps(p); }
static ALWAYS vf v_load_n(const void *p, size_t n) { return _mm256_maskload_ps(p, first_n(n)); }
static ALWAYS void v_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
static ALWAYS void v_store_n(float *p, vf x, size_t n) { _mm256_maskstore_ps(p, first_n(n), x); }
static ALWAYS vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static ALWAYS vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static ALWAYS vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static ALWAYS vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static ALWAYS vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static ALWAYS vf v_nfma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static ALWAYS vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static ALWAYS vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static ALWAYS vf v_round(vf x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static ALWAYS vf v_pow2(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
static ALWAYS vf v_ldexp(vf x, vf n) /* in two steps: 2^128 is no float */
{
    __m256i e = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(e, 1);
    return v_mul(v_mul(x, v_pow2(half)), v_pow2(_mm256_sub_epi32(e, half)));
}
static ALWAYS vf v_scale2(vf x, vf n)
{
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x),
                                                _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23)));
}
static ALWAYS vf v_zero_below(vf x, vf limit, vf y)
{
    return _mm256_andnot_ps(_mm256_cmp_ps(x, limit, _CMP_LT_OQ), y);
}
static ALWAYS vf v_first(size_t n, vf x, vf rest)
{
    return _mm256_blendv_ps(rest, x, _mm256_castsi256_ps(first_n(n)));
}
static ALWAYS int v_any_equal(vf a, vf b)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ)) != 0;
}

static ALWAYS vf from_f16(__m128i h) { return _mm256_cvtph_ps(h); }
static ALWAYS vf from_bf16(__m128i h)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
static ALWAYS vf v_load_i8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}
static ALWAYS void v_load_i4(vf *lo, vf *hi, const void *p)
{
    __m256i x = _mm256_cvtepi8_epi32(_mm_loadl_epi64(p));
    *lo = _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(x, 28), 28));
    *hi = _mm256_cvtepi32_ps(_mm256_srai_epi32(x, 4));
}
static ALWAYS __m128i load_half_n(const void *p, size_t n)
{
    uint16_t h[8] = { 0 };
    memcpy(h, p, 2 * n);
    return _mm_loadu_si128((const void *)h);
}
static ALWAYS void store_half_n(void *p, __m128i x, size_t n)
{
    uint16_t h[8];
    _mm_storeu_si128((void *)h, x);
    memcpy(p, h, 2 * n);
}
static ALWAYS vf v_load_f16(const void *p) { return from_f16(_mm_loadu_si128(p)); }
static ALWAYS vf v_load_f16_n(const void *p, size_t n) { return from_f16(load_half_n(p, n)); }
static ALWAYS vf v_load_bf16(const void *p) { return from_bf16(_mm_loadu_si128(p)); }
static ALWAYS vf v_load_bf16_n(const void *p, size_t n) { return from_bf16(load_half_n(p, n)); }
static ALWAYS void v_store_f16_n(void *p, vf x, size_t n)
{
    store_half_n(p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT), n);
}
static ALWAYS void v_store_bf16_n(void *p, vf x, size_t n)
{
    __m256i u = _mm256_castps_si256(x),
            odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i nan = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
    r = _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(r), _mm256_castsi256_ps(nan),
                                             _mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    r = _mm256_srli_epi32(r, 16);
    store_half_n(p, _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1)), n);
}

static ALWAYS vf v_spread(const float *p) { return _mm256_broadcast_ps((const void *)p); }

static ALWAYS __m256i two(const char *const *col, size_t byte) /* 16 bytes of each of two columns */
{
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const void *)(col[0] + byte))),
        _mm_loadu_si128((const void *)(col[1] + byte)), 1);
}

static ALWAYS void v_load_columns(vf x[2], const char *const *col, size_t i, enum vlm_num type)
{
    if (type == VLM_NUM_F32) {
        x[0] = _mm256_castsi256_ps(two(col, 4 * i));
        x[1] = _mm256_castsi256_ps(two(col, 4 * i + 16));
    } else if (type == VLM_NUM_F16) {
        __m128i a = _mm_loadu_si128((const void *)(col[0] + 2 * i)),
                b = _mm_loadu_si128((const void *)(col[1] + 2 * i));
        x[0] = from_f16(_mm_unpacklo_epi64(a, b));
        x[1] = from_f16(_mm_unpackhi_epi64(a, b));
    } else { /* each element to the upper half of a float */
        __m256i h = two(col, 2 * i);
        x[0] = _mm256_castsi256_ps(_mm256_unpacklo_epi16(_mm256_setzero_si256(), h));
        x[1] = _mm256_castsi256_ps(_mm256_unpackhi_epi16(_mm256_setzero_si256(), h));
    }
}

/* The tree over the lanes of a quad: (0 + 2) + (1 + 3). */
static ALWAYS vf pairs(vf a, vf b) /* per quad: [a0+a2, a1+a3, b0+b2, b1+b3] */
{
    return v_add(_mm256_blend_ps(a, b, 0xcc), _mm256_shuffle_ps(a, b, _MM_SHUFFLE(1, 0, 3, 2)));
}
static ALWAYS vf v_sum_quads(vf a, vf b, vf c, vf d)
{
    vf ab = pairs(a, b), cd = pairs(c, d);
    return v_add(_mm256_shuffle_ps(ab, cd, _MM_SHUFFLE(2, 0, 2, 0)),
                 _mm256_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 1, 3, 1)));
}
static ALWAYS vf v_sum_few(const vf *acc) { return v_sum_quads(acc[0], acc[1], acc[2], acc[3]); }

static ALWAYS float v_sum(const vf *x) /* 16 lanes: l with l+8, l+4, l+2, l+1 */
{
    vf h = v_add(x[0], x[1]);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
static ALWAYS float v_maximum(const vf *x)
{
    vf h = v_max(x[0], x[1]);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

/* ---- integers, see int8.h ---- */

typedef __m256i vi;

static ALWAYS vi i_zero(void) { return _mm256_setzero_si256(); }
static ALWAYS vi i_load(const void *p) { return _mm256_loadu_si256(p); }
static ALWAYS void i_store(void *p, vi x) { _mm256_storeu_si256(p, x); }
static ALWAYS vi i_set8(int8_t x) { return _mm256_set1_epi8(x); }
static ALWAYS vi i_set32(int32_t x) { return _mm256_set1_epi32(x); }
static ALWAYS vi i_and(vi a, vi b) { return _mm256_and_si256(a, b); }
static ALWAYS vi i_or(vi a, vi b) { return _mm256_or_si256(a, b); }
static ALWAYS vi i_shl(vi x, int n) { return _mm256_slli_epi16(x, n); }
static ALWAYS vi i_shr(vi x, int n) { return _mm256_srli_epi16(x, n); }
static ALWAYS vi i_shr32(vi x, int n) { return _mm256_srli_epi32(x, n); }
static ALWAYS vi i_sub32(vi a, vi b) { return _mm256_sub_epi32(a, b); }
static ALWAYS vf i_to_f32(vi x) { return _mm256_cvtepi32_ps(x); }
static ALWAYS vi i_spread(const void *p)
{
    int32_t x;
    memcpy(&x, p, 4);
    return _mm256_set1_epi32(x);
}
static ALWAYS vi i_table(const int8_t *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p));
}
static ALWAYS vi i_lookup(vi table, vi x) { return _mm256_shuffle_epi8(table, x); }
static ALWAYS vi i_bits(vi x, size_t s)
{
    const char b = (char)(s / 2);
    const vi byte = _mm256_setr_epi8(b, b, b, b, b + 4, b + 4, b + 4, b + 4, b + 8, b + 8, b + 8,
                                     b + 8, b + 12, b + 12, b + 12, b + 12, b, b, b, b, b + 4,
                                     b + 4, b + 4, b + 4, b + 8, b + 8, b + 8, b + 8, b + 12,
                                     b + 12, b + 12, b + 12),
             bit = i_set32(s % 2 ? (int32_t)0x80402010 : 0x08040201);
    return i_and(_mm256_cmpeq_epi8(i_and(_mm256_shuffle_epi8(x, byte), bit), bit), i_set8(16));
}
static ALWAYS vf i_half(vi x)
{
    x = i_and(x, i_set32(0xffff));
    return from_f16(_mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
}
static ALWAYS vf i_halves(const uint8_t *col, size_t ld, size_t at)
{
    __m128i x[4];
    EACH(i, 4)
        x[i] = _mm_unpacklo_epi16(_mm_loadu_si128((const void *)(col + 2 * i * ld + at)),
                                  _mm_loadu_si128((const void *)(col + (2 * i + 1) * ld + at)));
    return from_f16(
        _mm_unpacklo_epi64(_mm_unpacklo_epi32(x[0], x[1]), _mm_unpacklo_epi32(x[2], x[3])));
}
static ALWAYS vf i_byte(vi x, size_t b)
{
    return i_to_f32(i_and(i_shr32(x, 8 * (int)b), i_set32(255)));
}
static ALWAYS vf i_signed_byte(vi x, size_t b)
{
    return i_to_f32(_mm256_srai_epi32(_mm256_slli_epi32(x, 24 - 8 * (int)b), 24));
}
static ALWAYS void i_columns(vi x[4], const uint8_t *col, size_t ld, size_t at)
{
    const uint8_t *third = col + 3 * ld; /* with it every column is a sum that an address can say */
    size_t thrice = 3 * ld;
    __asm__("" : "+r"(third), "+r"(thrice));
    const uint8_t *p[8] = { col,        col + ld,         col + 2 * ld,     third,
                            col + 4 * ld, third + 2 * ld, col + 2 * thrice, third + 4 * ld };
    vi a[4], lo[2], hi[2];
    EACH(i, 4)
        a[i] = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const void *)(p[i] + at))),
            _mm_loadu_si128((const void *)(p[i + 4] + at)), 1);
    EACH(i, 2) {
        lo[i] = _mm256_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
        hi[i] = _mm256_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
    }
    x[0] = _mm256_unpacklo_epi64(lo[0], lo[1]);
    x[1] = _mm256_unpackhi_epi64(lo[0], lo[1]);
    x[2] = _mm256_unpacklo_epi64(hi[0], hi[1]);
    x[3] = _mm256_unpackhi_epi64(hi[0], hi[1]);
}
static ALWAYS vi i_words(const uint8_t *col, size_t ld, size_t at)
{
    int32_t x[8];
    EACH(i, 8)
        memcpy(x + i, col + i * ld + at, 4);
    return _mm256_setr_epi32(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]);
}
static ALWAYS void i_store_q8(int8_t *p, vf x)
{
    __m256i i = _mm256_cvtps_epi32(x);
    __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storel_epi64((void *)p, _mm_packs_epi16(h, h));
}
/* Sums of integers may be rearranged: GCC makes trees of them, and spills what waits for the end. */
#define IN_ORDER(x) __asm__("" : "+x"(x))

#if defined(__AVXVNNI__)

/* Unsigned times signed bytes, four products into 32 bits at once, never saturated; signed weights
 * come with 128 added. */
#define INT8_WIDE 1
#define INT8_SIGNED_ZERO 128
static ALWAYS vi i_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
static ALWAYS vi i_mac4(vi acc, vi w, vi a) { return _mm256_dpbusd_avx_epi32(acc, w, a); }
static ALWAYS vi i_mac8(vi acc, vi w, vi a) { return i_mac4(acc, w, a); }
static ALWAYS vi i_widen(vi acc, vi part) { return _mm256_add_epi32(acc, part); }
/* the lower half of each lane is the sum, the upper one its sign */
static ALWAYS vi i_start(int32_t sum, int zero)
{
    return _mm256_madd_epi16(i_set32(sum), i_set32(-zero & 0xffff));
}

#else

/* Pairs of products in 16 bits: up to 2 * 15 * 127 * 8, 2 * 31 * 127 * 4, 2 * 63 * 127 * 2 < 2^15 */
static ALWAYS vi i_mac4(vi acc, vi w, vi a)
{
    acc = _mm256_add_epi16(acc, _mm256_maddubs_epi16(w, a));
    IN_ORDER(acc);
    return acc;
}
static ALWAYS vi i_widen(vi acc, vi part)
{
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
    IN_ORDER(acc);
    return acc;
}
/* |w| is unsigned, 128 included, and takes its sign to a, which is never -128: pairs of products
 * are at most 2 * 128 * 127 < 2^15. */
static ALWAYS vi i_mac8(vi acc, vi w, vi a)
{
    return i_widen(acc, _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w)));
}

#endif

#endif
