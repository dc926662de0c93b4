/* avx512.c: the vector vocabulary of AVX-512 F, BW, DQ, VL with F16C; the kernels are in the
 * headers. */
#include "kernel/level.h"

#include <immintrin.h>
#include <string.h>

#define VL 16
#define TILE_ROWS 6
#define FEW_VECS 2
#define SCORE_VECS 4
#define VALUE_VECS 5

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

#include "kernel/attention.h"
#include "kernel/matmul.h"
#include "kernel/roof_loops.h"
#include "kernel/rows.h"
#include "kernel/unpack.h"

/* The integer products stay AVX2's, bit for bit the same: those of 512 bits were never run. */
void vlm_kernel_avx512(struct vlm_kernels *k)
{
    LEVEL_TABLE(k);
    vlm_kernel_avx2_int8(k);
}

void vlm_kernel_avx512_roof(struct vlm_roof *r) { *r = (struct vlm_roof)ROOF; }
