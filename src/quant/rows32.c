/* rows32.c: the types with blocks of 32: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL. */
#include <math.h>

#include "quant/fit.h"

/* The scale among those found, rounded to F16, that leaves the least error; levels 0 without one.
 */
static uint16_t choose_scale(float *d, const struct vlm_quant_block *b, float lo, float hi,
                             const struct vlm_quant_search *s)
{
    struct vlm_quant_found found;
    float least = 0;
    uint16_t bits = 0;
    *d = 0;
    if (b->zero)
        return 0;
    for (size_t i = 0; i < 32; i++)
        least += b->w[i] * b->x[i] * b->x[i];
    vlm_quant_fit_scale(&found, b->x, b->w, 32, lo, hi, s);
    for (size_t k = 0; k < found.n; k++) {
        float at = found.d[k];
        for (int i = 0; i < 3 && at != 0; i++) { /* rounding moves levels, levels move the scale */
            uint16_t h = vlm_quant_half(&at, b->exponent);
            if (at == 0)
                break;
            struct vlm_quant_sums sums = pass_scale(b->x, b->w, 32, at, lo, hi);
            if (sums.error < least) {
                least = sums.error;
                *d = at;
                bits = h;
            }
            at = sums.qq > 0 ? sums.xq / sums.qq : 0;
        }
    }
    return bits;
}

static void scale_levels(uint8_t q[32], const struct vlm_quant_block *b, float d, float lo,
                         float hi)
{
    for (size_t i = 0; i < 32; i++)
        q[i] = (uint8_t)(int)(d == 0 ? 0 : level(b->x[i] * (1 / d), lo, hi));
}

static void put_nibbles(uint8_t *p, const uint8_t q[32])
{
    for (size_t j = 0; j < 16; j++)
        p[j] = (uint8_t)((q[j] & 15) | (q[j + 16] & 15) << 4);
}

static void put_fifth_bits(uint8_t *p, const uint8_t q[32])
{
    for (size_t j = 0; j < 4; j++) {
        p[j] = 0;
        for (size_t i = 0; i < 8; i++)
            p[j] |= (uint8_t)((q[8 * j + i] >> 4 & 1) << i);
    }
}

void vlm_quant_q4_0(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search plain = {0.8f, 1.25f, 19}, weighed = {0.8f, 1.9f, 34};
    struct vlm_quant_block b;
    uint8_t q[32];
    float d;
    for (size_t i = 0; i < n; i += 32, out += 18) {
        vlm_quant_ready(&b, x + i, importance ? importance + i : NULL, 32, 65504 * 7.0f);
        put_half(out, choose_scale(&d, &b, -8, 7, importance ? &weighed : &plain));
        scale_levels(q, &b, d, -8, 7);
        for (size_t k = 0; k < 32; k++)
            q[k] += 8;
        put_nibbles(out + 2, q);
    }
}

void vlm_quant_q5_0(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search plain = {0.88f, 1.15f, 14}, weighed = {0.88f, 1.6f, 28};
    struct vlm_quant_block b;
    uint8_t q[32];
    float d;
    for (size_t i = 0; i < n; i += 32, out += 22) {
        vlm_quant_ready(&b, x + i, importance ? importance + i : NULL, 32, 65504 * 15.0f);
        put_half(out, choose_scale(&d, &b, -16, 15, importance ? &weighed : &plain));
        scale_levels(q, &b, d, -16, 15);
        for (size_t k = 0; k < 32; k++)
            q[k] += 16;
        put_fifth_bits(out + 2, q);
        put_nibbles(out + 6, q);
    }
}

void vlm_quant_q8_0(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search plain = {0.975f, 1.005f, 8}, weighed = {0.975f, 1.1f, 16};
    struct vlm_quant_block b;
    float d;
    for (size_t i = 0; i < n; i += 32, out += 34) {
        vlm_quant_ready(&b, x + i, importance ? importance + i : NULL, 32, 65504 * 127.0f);
        put_half(out, choose_scale(&d, &b, -127, 127, importance ? &weighed : &plain));
        scale_levels(out + 2, &b, d, -127, 127);
    }
}

/* ---- with a minimum ---- */

struct affine {
    float d, m;
    uint16_t bits_d, bits_m;
};

static struct affine choose_affine(const struct vlm_quant_block *b, float hi,
                                   const struct vlm_quant_search *s)
{
    struct vlm_quant_found found;
    struct affine best = {0};
    float least = INFINITY;
    if (b->zero)
        return best;
    vlm_quant_fit_affine(&found, b->x, b->w, 32, hi, false, s);
    for (size_t k = 0; k < found.n; k++) {
        struct affine at = {.d = found.d[k], .m = found.m[k]};
        at.bits_d = vlm_quant_half(&at.d, b->exponent);
        at.bits_m = vlm_quant_half(&at.m, b->exponent);
        struct vlm_quant_sums sums = {.error = 0};
        if (at.d > 0)
            sums = pass_affine(b->x, b->w, 32, at.d, at.m, hi);
        else
            for (size_t i = 0; i < 32; i++)
                sums.error += b->w[i] * (b->x[i] - at.m) * (b->x[i] - at.m);
        if (sums.error < least) {
            least = sums.error;
            best = at;
        }
    }
    return best;
}

static void affine_levels(uint8_t q[32], const struct vlm_quant_block *b, const struct affine *a,
                          float hi)
{
    for (size_t i = 0; i < 32; i++)
        q[i] = (uint8_t)(b->zero || a->d == 0 ? 0 : level((b->x[i] - a->m) * (1 / a->d), 0, hi));
}

void vlm_quant_q4_1(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search s = {-0.6f, 0.8f, 8};
    struct vlm_quant_block b;
    uint8_t q[32];
    for (size_t i = 0; i < n; i += 32, out += 20) {
        vlm_quant_ready(&b, x + i, importance ? importance + i : NULL, 32, 65504);
        struct affine a = choose_affine(&b, 15, &s);
        put_half(out, a.bits_d);
        put_half(out + 2, a.bits_m);
        affine_levels(q, &b, &a, 15);
        put_nibbles(out + 4, q);
    }
}

void vlm_quant_q5_1(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search s = {-0.6f, 0.9f, 6};
    struct vlm_quant_block b;
    uint8_t q[32];
    for (size_t i = 0; i < n; i += 32, out += 24) {
        vlm_quant_ready(&b, x + i, importance ? importance + i : NULL, 32, 65504);
        struct affine a = choose_affine(&b, 31, &s);
        put_half(out, a.bits_d);
        put_half(out + 2, a.bits_m);
        affine_levels(q, &b, &a, 31);
        put_fifth_bits(out + 4, q);
        put_nibbles(out + 8, q);
    }
}

/* ---- a table of levels ---- */

static const float iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

static size_t nearest(float x)
{
    size_t k = 0;
    while (k < 15 && x > 0.5f * (iq4_levels[k] + iq4_levels[k + 1]))
        k++;
    return k;
}

/* The sum of the steps below x instead of a search: no branches. */
static struct vlm_quant_sums pass_table(const struct vlm_quant_block *b, float d)
{
    const vlm_f4 inv = f4_set(1 / d), vd = f4_set(d), none = f4_set(0);
    vlm_f4 qq = none, xq = none, error = none;
    for (size_t i = 0; i < 32; i += 4) {
        vlm_f4 x = f4_load(b->x + i), w = f4_load(b->w + i), y = x * inv, q = f4_set(iq4_levels[0]);
        for (size_t k = 0; k < 15; k++)
            q += f4_pick((vlm_i4)(y > f4_set(0.5f * (iq4_levels[k] + iq4_levels[k + 1]))),
                         f4_set(iq4_levels[k + 1] - iq4_levels[k]), none);
        vlm_f4 e = x - vd * q;
        qq += w * q * q;
        xq += w * x * q;
        error += w * e * e;
    }
    return (struct vlm_quant_sums){.qq = f4_sum(qq), .xq = f4_sum(xq), .error = f4_sum(error)};
}

static uint16_t choose_table(float *d, const struct vlm_quant_block *b)
{
    float largest = 0, least = INFINITY;
    uint16_t bits = 0;
    *d = 0;
    for (size_t i = 0; i < 32 && !b->zero; i++)
        largest = fabsf(b->x[i]) > fabsf(largest) ? b->x[i] : largest;
    for (int k = 0; k < 36 && largest != 0; k++) {
        float at = largest / ((k % 2 ? -127.0f : 113.0f) * (0.8f + 0.03f * (float)(k / 2)));
        struct vlm_quant_sums sums = pass_table(b, at);
        at = sums.xq / sums.qq; /* no level is 0 */
        uint16_t h = vlm_quant_half(&at, b->exponent);
        if (at == 0)
            continue;
        sums = pass_table(b, at);
        if (sums.error < least) {
            least = sums.error;
            *d = at;
            bits = h;
        }
    }
    return bits;
}

void vlm_quant_iq4_nl(uint8_t *out, const float *x, const float *importance, size_t n)
{
    struct vlm_quant_block b;
    uint8_t q[32];
    float d;
    for (size_t i = 0; i < n; i += 32, out += 18) {
        vlm_quant_ready(&b, x + i, importance ? importance + i : NULL, 32, 65504 * 113.0f);
        put_half(out, choose_table(&d, &b));
        for (size_t k = 0; k < 32; k++)
            q[k] = (uint8_t)nearest(d == 0 ? 0 : b.x[k] * (1 / d));
        put_nibbles(out + 2, q);
    }
}
