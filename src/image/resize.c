/* resize.c: separable resampling of 8-bit RGB, bit for bit Pillow's (its versions up to 12.0), and,
 * for frames of a video, torchvision's.
 *
 * Along each axis an output sample is a weighted sum of the source samples around its centre.  The
 * weights are doubles, normalised, then rounded to 22 fractional bits (torchvision: to as many as
 * let the largest weight of the axis fit into 16 bits); sums are exact integers.  The horizontal
 * pass comes first and is rounded to 8 bits.  libm's sin enters the weights: another last bit of it
 * could matter only where a weight lies at a rounding tie.
 *
 * Rows flow through a ring: the vertical pass takes its rows as the horizontal pass makes them, so
 * memory is (taps + STRIP) rows whatever the height of the source.  The loops exist in C and,
 * chosen when the processor has it, for AVX2: integer sums, so the results are the same on every
 * machine. */
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/limits.h"
#include "image/internal.h"

#define MAX_BITS 22
#define STRIP 16          /* rows of the horizontal pass taken together */
#define LANES (3 * STRIP) /* values of one column of a strip */

/* Weights of one axis: out[i] = sum over t < count[i] of weight[i][t] * source[first[i] + t] */
struct axis {
    const vlm_allocator *alloc;
    uint32_t n, taps;
    int bits;                /* fraction of the weights */
    uint32_t *first, *count; /* [n] */
    int32_t *weight;         /* [n][taps] */
};

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= M_PI;
    return sin(x) / x;
}

static double lanczos3(double x)
{
    return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

/* Keys' cubic with a = -0.5 */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

static void axis_free(struct axis *a)
{
    if (a->alloc == NULL)
        return;
    vlm_mem_free(a->alloc, a->first);
    vlm_mem_free(a->alloc, a->count);
    vlm_mem_free(a->alloc, a->weight);
}

/* The weights of output i, in the order of operations of Pillow: any other would round otherwise.
 * Returns the largest. */
static double axis_weigh(struct axis *a, uint32_t i, double *w, uint32_t n_source,
                         enum vlm_resample filter)
{
    double scale = (double)n_source / a->n, stretch = scale < 1.0 ? 1.0 : scale;
    double support = (filter == VLM_RESAMPLE_LANCZOS ? 3.0 : 2.0) * stretch;
    double centre = (i + 0.5) * scale, shrink = 1.0 / stretch, sum = 0.0, largest = 0.0;
    double low = centre - support + 0.5, high = centre + support + 0.5;
    int first = low < 0.0 ? 0 : (int)low;
    int end = high > n_source ? (int)n_source : (int)high;

    a->first[i] = (uint32_t)first;
    a->count[i] = (uint32_t)(end - first);
    for (int t = 0; t < end - first; t++) {
        double x = (t + first - centre + 0.5) * shrink;
        w[t] = filter == VLM_RESAMPLE_LANCZOS ? lanczos3(x) : cubic(x);
        sum += w[t];
    }
    for (int t = 0; t < end - first; t++) {
        w[t] = sum != 0.0 ? w[t] / sum : w[t];
        largest = w[t] > largest ? w[t] : largest;
    }
    return largest;
}

/* Away from zero. */
static void axis_round(struct axis *a, uint32_t i, const double *w)
{
    int32_t *out = a->weight + (size_t)i * a->taps;
    for (uint32_t t = 0; t < a->count[i]; t++)
        out[t] = (int32_t)(w[t] * (1 << a->bits) + (w[t] < 0 ? -0.5 : 0.5));
}

/* The most bits, up to MAX_BITS, with which a weight stays below 2^15. */
static int bits_for_16(double largest)
{
    int bits = 0;
    while (bits < MAX_BITS && (int32_t)(0.5 + largest * (1 << (bits + 1))) < 1 << 15)
        bits++;
    return bits;
}

static void axis_fill(struct axis *a, double *w, uint32_t n_source, enum vlm_resample filter,
                      bool in_16_bits)
{
    double largest = 0.0;
    for (uint32_t i = 0; in_16_bits && i < a->n; i++) {
        double v = axis_weigh(a, i, w, n_source, filter);
        largest = v > largest ? v : largest;
    }
    a->bits = in_16_bits ? bits_for_16(largest) : MAX_BITS;
    for (uint32_t i = 0; i < a->n; i++) {
        axis_weigh(a, i, w, n_source, filter);
        axis_round(a, i, w);
    }
}

static int axis_make(struct axis *a, uint32_t n, uint32_t n_source, enum vlm_resample filter,
                     bool in_16_bits, const vlm_allocator *alloc, vlm_error *err)
{
    double scale = (double)n_source / n, support = filter == VLM_RESAMPLE_LANCZOS ? 3.0 : 2.0;
    *a = (struct axis){.alloc = alloc, .n = n};
    a->taps = (uint32_t)ceil(support * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
    double *w = vlm_mem_alloc(alloc, a->taps, sizeof *w);
    size_t n_weights = (size_t)n * a->taps;
    a->first = vlm_mem_alloc(alloc, n, sizeof *a->first);
    a->count = vlm_mem_alloc(alloc, n, sizeof *a->count);
    a->weight = vlm_mem_alloc(alloc, n_weights, sizeof *a->weight);
    bool ok = w != NULL && a->first != NULL && a->count != NULL && a->weight != NULL;
    if (ok)
        axis_fill(a, w, n_source, filter, in_16_bits);
    vlm_mem_free(alloc, w);
    if (ok)
        return VLM_OK;
    axis_free(a);
    *a = (struct axis){0};
    return vlm_fail_memory(err, n_weights * sizeof *a->weight, "the weights of a resize");
}

/* ---- the two inner loops ----
 * Sums are modulo 2^32; the true ones fit into int32. */

static uint32_t half_of(int bits)
{
    return 1u << (bits - 1);
}
static uint8_t narrow(uint32_t sum, int bits)
{
    int32_t v = (int32_t)sum >> bits;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* sum[i] += weight * p[i], i < LANES */
static inline void add_lanes(uint32_t *restrict sum, uint32_t weight, const uint8_t *restrict p)
{
    for (int i = 0; i < LANES; i++)
        sum[i] += weight * p[i];
}

/* One strip: columns [sw][LANES] -> out [n][LANES]. */
static void across_c(uint8_t *out, const uint8_t *columns, const struct axis *a)
{
    for (uint32_t i = 0; i < a->n; i++, out += LANES) {
        uint32_t sum[LANES];
        const uint8_t *p = columns + (size_t)a->first[i] * LANES;
        for (int l = 0; l < LANES; l++)
            sum[l] = half_of(a->bits);
        for (uint32_t t = 0; t < a->count[i]; t++)
            add_lanes(sum, (uint32_t)a->weight[(size_t)i * a->taps + t], p + (size_t)t * LANES);
        for (int l = 0; l < LANES; l++)
            out[l] = narrow(sum[l], a->bits);
    }
}

/* One row: out[x] = sum over t < count of k[t] * rows[t][x], x < n. */
static void down_c(uint8_t *out, const uint8_t *const *rows, const int32_t *k, uint32_t count,
                   int bits, size_t n)
{
    size_t x = 0;
    for (; x + LANES <= n; x += LANES) {
        uint32_t sum[LANES];
        for (int l = 0; l < LANES; l++)
            sum[l] = half_of(bits);
        for (uint32_t t = 0; t < count; t++)
            add_lanes(sum, (uint32_t)k[t], rows[t] + x);
        for (int l = 0; l < LANES; l++)
            out[x + (size_t)l] = narrow(sum[l], bits);
    }
    for (; x < n; x++) {
        uint32_t sum = half_of(bits);
        for (uint32_t t = 0; t < count; t++)
            sum += (uint32_t)k[t] * rows[t][x];
        out[x] = narrow(sum, bits);
    }
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

/* 48 values as six vectors, in registers over all taps: about four times as fast as the above. */
AVX2 static inline void six_set(__m256i s[6], int bits)
{
    for (int i = 0; i < 6; i++)
        s[i] = _mm256_set1_epi32((int)half_of(bits));
}
AVX2 static inline void six_add(__m256i s[6], int32_t weight, const uint8_t *p)
{
    __m256i w = _mm256_set1_epi32(weight);
#pragma GCC unroll 6 /* GCC 12 at -O2 would keep the sums in memory */
    for (int i = 0; i < 6; i++) {
        __m256i v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8 * i)));
        s[i] = _mm256_add_epi32(s[i], _mm256_mullo_epi32(w, v));
    }
}
AVX2 static inline void six_narrow(uint8_t *p, const __m256i s[6], int bits)
{
    __m128i shift = _mm_cvtsi32_si128(bits);
    for (int i = 0; i < 6; i++) {
        __m256i v = _mm256_sra_epi32(s[i], shift);
        __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        _mm_storel_epi64((__m128i *)(p + 8 * i),
                         _mm_packus_epi16(w, w)); /* both saturate: that is the clamp */
    }
}

AVX2 static void across_avx2(uint8_t *out, const uint8_t *columns, const struct axis *a)
{
    for (uint32_t i = 0; i < a->n; i++, out += LANES) {
        __m256i s[6];
        const uint8_t *p = columns + (size_t)a->first[i] * LANES;
        six_set(s, a->bits);
        for (uint32_t t = 0; t < a->count[i]; t++)
            six_add(s, a->weight[(size_t)i * a->taps + t], p + (size_t)t * LANES);
        six_narrow(out, s, a->bits);
    }
}

AVX2 static void down_avx2(uint8_t *out, const uint8_t *const *rows, const int32_t *k,
                           uint32_t count, int bits, size_t n)
{
    size_t x = 0;
    for (; x + LANES <= n; x += LANES) {
        __m256i s[6];
        six_set(s, bits);
        for (uint32_t t = 0; t < count; t++)
            six_add(s, k[t], rows[t] + x);
        six_narrow(out + x, s, bits);
    }
    for (; x < n; x++) {
        uint32_t sum = half_of(bits);
        for (uint32_t t = 0; t < count; t++)
            sum += (uint32_t)k[t] * rows[t][x];
        out[x] = narrow(sum, bits);
    }
}
#endif

/* ---- one resize ---- */

struct job {
    uint8_t *dst;
    const uint8_t *src;
    uint32_t dw, dh, sw, sh;
    struct axis h, v;         /* n == 0: that size stays */
    uint8_t *columns, *strip; /* [sw][LANES], [dw][LANES] */
    uint8_t *ring;            /* [n_ring][dw][3] */
    const uint8_t **rows;     /* [v.taps] */
    uint32_t n_ring;
    void (*across)(uint8_t *out, const uint8_t *columns, const struct axis *a);
    void (*down)(uint8_t *out, const uint8_t *const *rows, const int32_t *k, uint32_t count,
                 int bits, size_t n);
};

/* Source rows y .. y + n - 1, n <= STRIP, through the horizontal pass; row y + r goes to out[r]. */
static void strip_across(struct job *j, uint8_t *const *out, uint32_t y, uint32_t n)
{
    for (uint32_t r = 0; r < n; r++) {
        const uint8_t *p = j->src + (size_t)(y + r) * j->sw * 3;
        for (uint32_t x = 0; x < j->sw; x++)
            for (int c = 0; c < 3; c++)
                j->columns[(size_t)x * LANES + r * 3 + c] = p[(size_t)x * 3 + c];
    }
    j->across(j->strip, j->columns, &j->h);
    for (uint32_t r = 0; r < n; r++)
        for (uint32_t x = 0; x < j->dw; x++)
            memcpy(out[r] + (size_t)x * 3, j->strip + (size_t)x * LANES + r * 3, 3);
}

static void run(struct job *j)
{
    size_t row_bytes = (size_t)j->dw * 3;
    uint32_t have = j->v.n != 0 ? j->v.first[0] : 0; /* rows up to here went through pass 1 */
    for (uint32_t y = 0; y < j->dh; y++) {
        uint32_t first = j->v.n != 0 ? j->v.first[y] : y;
        uint32_t count = j->v.n != 0 ? j->v.count[y] : 1;
        while (j->h.n != 0 && have < first + count) {
            uint8_t *out[STRIP];
            uint32_t n = j->sh - have < STRIP ? j->sh - have : STRIP;
            for (uint32_t r = 0; r < n; r++)
                out[r] = j->v.n != 0 ? j->ring + (have + r) % j->n_ring * row_bytes
                                     : j->dst + (have + r) * row_bytes;
            strip_across(j, out, have, n);
            have += n;
        }
        if (j->v.n == 0)
            continue;
        for (uint32_t t = 0; t < count; t++)
            j->rows[t] = j->h.n != 0 ? j->ring + (first + t) % j->n_ring * row_bytes
                                     : j->src + (first + t) * row_bytes;
        j->down(j->dst + y * row_bytes, j->rows, j->v.weight + (size_t)y * j->v.taps, count,
                j->v.bits, row_bytes);
    }
}

static int prepare(struct job *j, enum vlm_resample filter, bool in_16_bits,
                   const vlm_allocator *alloc, vlm_error *err)
{
    int rc = VLM_OK;
    if (j->sw != j->dw)
        rc = axis_make(&j->h, j->dw, j->sw, filter, in_16_bits, alloc, err);
    if (rc == VLM_OK && j->sh != j->dh)
        rc = axis_make(&j->v, j->dh, j->sh, filter, in_16_bits, alloc, err);
    if (rc != VLM_OK)
        return rc;
    if (j->h.n != 0) {
        size_t bytes = ((size_t)j->sw + j->dw) * LANES;
        /* cleared, because a short last strip leaves lanes as they are */
        j->columns = vlm_mem_zalloc(alloc, j->sw, LANES);
        j->strip = vlm_mem_alloc(alloc, j->dw, LANES);
        if (j->columns == NULL || j->strip == NULL)
            return vlm_fail_memory(err, bytes, "the strips of a resize");
    }
    if (j->v.n != 0) {
        j->rows = vlm_mem_alloc(alloc, j->v.taps, sizeof *j->rows);
        if (j->rows == NULL)
            return vlm_fail_memory(err, j->v.taps * sizeof *j->rows, "the rows of a resize");
    }
    if (j->h.n != 0 && j->v.n != 0) {
        /* A window of taps rows, of which the last may lie anywhere in its strip. */
        j->n_ring = j->v.taps + STRIP < j->sh ? j->v.taps + STRIP : j->sh;
        j->ring = vlm_mem_alloc(alloc, j->n_ring, (size_t)j->dw * 3);
        if (j->ring == NULL)
            return vlm_fail_memory(err, (size_t)j->n_ring * j->dw * 3, "the rows of a resize");
    }
    return VLM_OK;
}

static void choose_loops(struct job *j, bool simd)
{
    j->across = across_c;
    j->down = down_c;
#if defined(__x86_64__)
    if (simd && __builtin_cpu_supports("avx2")) {
        j->across = across_avx2;
        j->down = down_avx2;
    }
#else
    (void)simd;
#endif
}

int vlm_image_resize_with(uint8_t *dst, uint32_t dw, uint32_t dh, const uint8_t *src, uint32_t sw,
                          uint32_t sh, enum vlm_resample filter, unsigned how,
                          const vlm_allocator *alloc, vlm_error *err)
{
    const uint32_t side =
        4 * VLM_LIMIT_IMAGE_SIDE; /* also: int holds every index and weight count */
    if (dw == 0 || dh == 0 || sw == 0 || sh == 0 || dw > side || dh > side || sw > side ||
        sh > side)
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "resize from %ux%u to %ux%u: sides of 1 to %u are possible", sw, sh, dw, dh,
                        side);
    if (filter != VLM_RESAMPLE_LANCZOS && filter != VLM_RESAMPLE_BICUBIC)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                        "resampling %d: 1 (LANCZOS) and 3 (BICUBIC) are known", (int)filter);
    if (sw == dw && sh == dh) {
        memcpy(dst, src, (size_t)sw * sh * 3);
        return VLM_OK;
    }
    struct job j = {.dst = dst, .src = src, .dw = dw, .dh = dh, .sw = sw, .sh = sh};
    choose_loops(&j, (how & VLM_RESIZE_PLAIN) == 0);
    int rc = prepare(&j, filter, (how & VLM_RESIZE_16_BITS) != 0, alloc, err);
    if (rc == VLM_OK)
        run(&j);
    axis_free(&j.h);
    axis_free(&j.v);
    vlm_mem_free(alloc, j.columns);
    vlm_mem_free(alloc, j.strip);
    vlm_mem_free(alloc, j.ring);
    vlm_mem_free(alloc, j.rows);
    return rc;
}

int vlm_image_resize(uint8_t *dst, uint32_t dw, uint32_t dh, const uint8_t *src, uint32_t sw,
                     uint32_t sh, enum vlm_resample filter, const vlm_allocator *alloc,
                     vlm_error *err)
{
    return vlm_image_resize_with(dst, dw, dh, src, sw, sh, filter, 0, alloc, err);
}

int vlm_image_resize_video(uint8_t *dst, uint32_t dw, uint32_t dh, const uint8_t *src, uint32_t sw,
                           uint32_t sh, enum vlm_resample filter, const vlm_allocator *alloc,
                           vlm_error *err)
{
    return vlm_image_resize_with(dst, dw, dh, src, sw, sh, filter, VLM_RESIZE_16_BITS, alloc, err);
}
