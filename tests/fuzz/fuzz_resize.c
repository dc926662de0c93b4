/* fuzz_resize.c: any sizes and pixels through the resize, compared with the definition written out:
 * eight bytes of sizes, one of filter and weights, then pixels (repeated as needed). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)
#define MAX_PIXELS 6000

static double kernel(double x, bool lanczos)
{
    if (lanczos) {
        if (x < -3.0 || x >= 3.0)
            return 0.0;
        return x == 0.0 ? 1.0 : sin(x * M_PI) / (x * M_PI) * (sin(x / 3 * M_PI) / (x / 3 * M_PI));
    }
    x = fabs(x);
    if (x >= 2.0)
        return 0.0;
    return x < 1.0 ? ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1
                   : (((x - 5) * x + 8) * x - 4) * -0.5;
}

/* Fraction of the weights: 22 bits, or as many as keep the largest below 2^15. */
static int bits_of(bool in_16_bits, double largest)
{
    int bits = 22;
    while (in_16_bits && bits > 0 && floor(largest * ldexp(1, bits) + 0.5) >= 32768)
        bits--;
    return bits;
}

/* One axis: n_out lines of length `line` from n_in; steps are in bytes. */
static void axis(uint8_t *to, const uint8_t *from, size_t n_out, size_t n_in, size_t out_step,
                 size_t in_step, size_t n_lines, size_t out_line, size_t in_line, bool lanczos,
                 int bits)
{
    double scale = (double)n_in / (double)n_out, stretch = scale < 1 ? 1 : scale,
           support = (lanczos ? 3 : 2) * stretch;
    double *w = malloc(n_in * sizeof *w);
    long long *k = malloc(n_in * sizeof *k);
    for (size_t i = 0; i < n_out; i++) {
        double centre = ((double)i + 0.5) * scale, sum = 0;
        long first = (long)(centre - support + 0.5), end = (long)(centre + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > (long)n_in ? (long)n_in : end;
        for (long j = first; j < end; j++)
            sum += w[j] = kernel(((double)j - centre + 0.5) * (1.0 / stretch), lanczos);
        for (long j = first; j < end; j++)
            k[j] = llround(w[j] / sum * ldexp(1, bits));
        for (size_t l = 0; l < n_lines; l++)
            for (int c = 0; c < 3; c++) {
                long long v = 1LL << (bits - 1);
                for (long j = first; j < end; j++)
                    v += k[j] * from[l * in_line + (size_t)j * in_step + (size_t)c];
                v >>= bits;
                v = v < 0 ? 0 : v > 255 ? 255 : v;
                to[l * out_line + i * out_step + (size_t)c] = (uint8_t)v;
            }
    }
    free(w);
    free(k);
}

static double largest_weight(size_t n_out, size_t n_in, bool lanczos)
{
    double scale = (double)n_in / (double)n_out, stretch = scale < 1 ? 1 : scale, largest = 0,
           support = (lanczos ? 3 : 2) * stretch;
    for (size_t i = 0; i < n_out; i++) {
        double centre = ((double)i + 0.5) * scale, sum = 0, most = 0;
        long first = (long)(centre - support + 0.5), end = (long)(centre + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > (long)n_in ? (long)n_in : end;
        for (long j = first; j < end; j++) {
            double w = kernel(((double)j - centre + 0.5) * (1.0 / stretch), lanczos);
            sum += w;
            most = w > most ? w : most;
        }
        largest = most / sum > largest ? most / sum : largest;
    }
    return largest;
}

static void by_definition(uint8_t *dst, uint32_t dw, uint32_t dh, const uint8_t *src, uint32_t sw,
                          uint32_t sh, bool lanczos, bool in_16_bits)
{
    uint8_t *between = malloc((size_t)dw * sh * 3);
    if (sw == dw)
        memcpy(between, src, (size_t)dw * sh * 3);
    else
        axis(between, src, dw, sw, 3, 3, sh, (size_t)dw * 3, (size_t)sw * 3, lanczos,
             bits_of(in_16_bits, largest_weight(dw, sw, lanczos)));
    if (sh == dh)
        memcpy(dst, between, (size_t)dw * dh * 3);
    else
        axis(dst, between, dh, sh, (size_t)dw * 3, (size_t)dw * 3, dw, 3, 3, lanczos,
             bits_of(in_16_bits, largest_weight(dh, sh, lanczos)));
    free(between);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 10)
        return 0;
    uint32_t size[4];
    for (int i = 0; i < 4; i++)
        size[i] = 1 + (data[2 * i] | (uint32_t)data[2 * i + 1] << 8) % (data[8] & 2 ? 20000 : 120);
    uint32_t sw = size[0], sh = size[1], dw = size[2], dh = size[3];
    bool lanczos = (data[8] & 1) == 0;
    unsigned how = (data[8] & 4) != 0 ? VLM_RESIZE_16_BITS : 0;
    if ((uint64_t)sw * sh > MAX_PIXELS || (uint64_t)dw * dh > MAX_PIXELS ||
        (uint64_t)dw * sh > MAX_PIXELS)
        return 0;
    enum vlm_resample filter = lanczos ? VLM_RESAMPLE_LANCZOS : VLM_RESAMPLE_BICUBIC;
    size_t n_src = (size_t)sw * sh * 3, n_dst = (size_t)dw * dh * 3;
    uint8_t *src = malloc(n_src), *a = malloc(n_dst), *b = malloc(n_dst), *c = malloc(n_dst);
    for (size_t i = 0; i < n_src; i++)
        src[i] = data[9 + i % (n - 9)];
    CHECK(vlm_image_resize_with(a, dw, dh, src, sw, sh, filter, how, &vlm_mem_system, NULL) ==
          VLM_OK);
    CHECK(vlm_image_resize_with(b, dw, dh, src, sw, sh, filter, how | VLM_RESIZE_PLAIN,
                                &vlm_mem_system, NULL) == VLM_OK);
    by_definition(c, dw, dh, src, sw, sh, lanczos, how != 0);
    CHECK(memcmp(a, b, n_dst) == 0);
    CHECK(memcmp(a, c, n_dst) == 0);
    free(src);
    free(a);
    free(b);
    free(c);
    return 0;
}
