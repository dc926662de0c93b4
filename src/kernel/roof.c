/* roof.c: the loops of the level that is asked for; those of 8-bit integers stand here, because
 * they are nothing but one sequence of instructions per level. */
#include "kernel/level.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define CHAINS 12 /* independent sums: two products a cycle that take five each need ten */
#define FEW_CHAINS 6 /* where an instruction of one cycle ends each, and registers are 16 */
#if defined(__clang__)
#define EACH(n) _Pragma("clang loop unroll(full)") for (int c = 0; c < (n); c++)
#else
#define EACH(n) _Pragma("GCC unroll 12") for (int c = 0; c < (n); c++)
#endif

/* Says that x may have changed: nothing is computed once and for all. */
#if defined(__aarch64__)
#define OPAQUE(x) __asm__ volatile("" : "+w"(x))
#else
#define OPAQUE(x) __asm__ volatile("" : "+v"(x))
#endif

static float int8_plain(size_t iterations)
{
    int32_t sum[8] = {0};
    volatile int8_t x = 1;
    for (size_t i = 0; i < iterations; i++) {
        int32_t v = x;
        for (int l = 0; l < 8; l++)
            sum[l] += v * (v + l);
    }
    return (float)(sum[0] + sum[7]);
}

#if defined(__x86_64__)

/* As products of 8-bit integers are made there: pairs to 16 bits, pairs of those to 32, added. */
__attribute__((target("avx2"))) static float int8_avx2(size_t iterations)
{
    __m256i sum[FEW_CHAINS], a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(3),
                         ones = _mm256_set1_epi16(1);
    EACH(FEW_CHAINS)
        sum[c] = _mm256_setzero_si256();
    for (size_t i = 0; i < iterations; i++) {
        EACH(FEW_CHAINS) {
            OPAQUE(a);
            sum[c] = _mm256_add_epi32(sum[c], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
        }
    }
    EACH(FEW_CHAINS)
        if (c)
            sum[0] = _mm256_add_epi32(sum[0], sum[c]);
    return (float)_mm_cvtsi128_si32(_mm256_castsi256_si128(sum[0]));
}

__attribute__((target("avx512bw"))) static float int8_avx512(size_t iterations)
{
    __m512i sum[CHAINS], a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(3),
                         ones = _mm512_set1_epi16(1);
    EACH(CHAINS)
        sum[c] = _mm512_setzero_si512();
    for (size_t i = 0; i < iterations; i++) {
        EACH(CHAINS) {
            OPAQUE(a);
            sum[c] = _mm512_add_epi32(sum[c], _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), ones));
        }
    }
    EACH(CHAINS)
        if (c)
            sum[0] = _mm512_add_epi32(sum[0], sum[c]);
    return (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(sum[0]));
}

__attribute__((target("avx512bw,avx512vnni"))) static float int8_vnni(size_t iterations)
{
    __m512i sum[CHAINS], a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(3);
    EACH(CHAINS)
        sum[c] = _mm512_setzero_si512();
    for (size_t i = 0; i < iterations; i++) {
        EACH(CHAINS) {
            sum[c] = _mm512_dpbusd_epi32(sum[c], a, b);
            OPAQUE(sum[c]);
        }
    }
    EACH(CHAINS)
        if (c)
            sum[0] = _mm512_add_epi32(sum[0], sum[c]);
    return (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(sum[0]));
}

__attribute__((target("avxvnni"))) static float int8_vnni256(size_t iterations)
{
    __m256i sum[CHAINS], a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(3);
    EACH(CHAINS)
        sum[c] = _mm256_setzero_si256();
    for (size_t i = 0; i < iterations; i++) {
        EACH(CHAINS) {
            sum[c] = _mm256_dpbusd_avx_epi32(sum[c], a, b);
            OPAQUE(sum[c]);
        }
    }
    EACH(CHAINS)
        if (c)
            sum[0] = _mm256_add_epi32(sum[0], sum[c]);
    return (float)_mm_cvtsi128_si32(_mm256_castsi256_si128(sum[0]));
}

#elif defined(__aarch64__)

/* Products to 16 bits, two of them added, pairs to 32: what every 64-bit ARM has. */
static float int8_neon(size_t iterations)
{
    int32x4_t sum[CHAINS];
    int8x16_t a = vdupq_n_s8(1), b = vdupq_n_s8(3);
    EACH(CHAINS)
        sum[c] = vdupq_n_s32(0);
    for (size_t i = 0; i < iterations; i++) {
        EACH(CHAINS) {
            OPAQUE(a);
            int16x8_t p = vmull_s8(vget_low_s8(a), vget_low_s8(b));
            sum[c] = vpadalq_s16(sum[c], vmlal_s8(p, vget_high_s8(a), vget_high_s8(b)));
        }
    }
    EACH(CHAINS)
        if (c)
            sum[0] = vaddq_s32(sum[0], sum[c]);
    return (float)vaddvq_s32(sum[0]);
}

/* sdot has four products and their sums in every lane, smmla eight. */
__attribute__((target("arch=armv8.2-a+dotprod"))) static float int8_dotprod(size_t iterations)
{
    int32x4_t sum[CHAINS];
    int8x16_t a = vdupq_n_s8(1), b = vdupq_n_s8(3);
    EACH(CHAINS)
        sum[c] = vdupq_n_s32(0);
    for (size_t i = 0; i < iterations; i++) {
        EACH(CHAINS) {
            sum[c] = vdotq_s32(sum[c], a, b);
            OPAQUE(sum[c]);
        }
    }
    EACH(CHAINS)
        if (c)
            sum[0] = vaddq_s32(sum[0], sum[c]);
    return (float)vaddvq_s32(sum[0]);
}

__attribute__((target("arch=armv8.2-a+i8mm"))) static float int8_i8mm(size_t iterations)
{
    int32x4_t sum[CHAINS];
    int8x16_t a = vdupq_n_s8(1), b = vdupq_n_s8(3);
    EACH(CHAINS)
        sum[c] = vdupq_n_s32(0);
    for (size_t i = 0; i < iterations; i++) {
        EACH(CHAINS) {
            sum[c] = vmmlaq_s32(sum[c], a, b);
            OPAQUE(sum[c]);
        }
    }
    EACH(CHAINS)
        if (c)
            sum[0] = vaddq_s32(sum[0], sum[c]);
    return (float)vaddvq_s32(sum[0]);
}

#endif

static void set_int8(struct vlm_roof *r, const char *level)
{
    r->int8 = int8_plain;
    r->int8_ops = 2.0 * 8;
#if defined(__x86_64__)
    if (strcmp(level, "avx2") == 0) {
        r->int8 = int8_avx2;
        r->int8_ops = 2.0 * 32 * FEW_CHAINS;
    } else if (strcmp(level, "avxvnni") == 0) {
        r->int8 = int8_vnni256;
        r->int8_ops = 2.0 * 32 * CHAINS;
    } else if (strncmp(level, "avx512", 6) == 0) {
        r->int8 = level[6] ? int8_vnni : int8_avx512; /* avx512vnni and what lies above it */
        r->int8_ops = 2.0 * 64 * CHAINS;
    }
#elif defined(__aarch64__)
    if (strncmp(level, "neon", 4) == 0) {
        int mm = strcmp(level, "neon-i8mm") == 0;
        r->int8 = mm ? int8_i8mm : level[4] ? int8_dotprod : int8_neon;
        r->int8_ops = 2.0 * (mm ? 32 : 16) * CHAINS;
    }
#endif
}

int vlm_roof_init(struct vlm_roof *r, const char *level)
{
    struct vlm_kernels k;
    if (vlm_kernels_init(&k, level))
        return -1;
    vlm_kernel_scalar_roof(r);
#if defined(__x86_64__)
    if (strcmp(k.name, "avx2") == 0 || strcmp(k.name, "avxvnni") == 0)
        vlm_kernel_avx2_roof(r);
    if (strncmp(k.name, "avx512", 6) == 0)
        vlm_kernel_avx512_roof(r);
#elif defined(__aarch64__)
    if (strncmp(k.name, "neon", 4) == 0)
        vlm_kernel_neon_roof(r);
#endif
    set_int8(r, k.name);
    return 0;
}
