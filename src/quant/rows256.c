/* rows256.c: the types with blocks of 256 and scales of their own for 8 or 16 groups.
 *
 * First every group by itself; then the F16 factors from which the groups' scales (and minima) are
 * small integers; then, for these factors, each group's integers among their neighbours; then the
 * best factors for those integers, as long as the error falls. */
#include <math.h>

#include "quant/fit.h"

/* ---- scales only: Q3_K, Q6_K ---- */

struct scaled {
    struct vlm_quant_block b;
    float lo, hi;   /* levels */
    float slo, shi; /* integers of the groups' scales */
    float s[16];
    float d;
    uint16_t bits;
};

static float group_error(const struct scaled *g, size_t j, float s, struct vlm_quant_sums *sums)
{
    const float *x = g->b.x + 16 * j, *w = g->b.w + 16 * j;
    float d = g->d * s;
    if (d != 0) {
        *sums = pass_scale(x, w, 16, d, g->lo, g->hi);
        return sums->error;
    }
    *sums = (struct vlm_quant_sums){.error = 0};
    for (size_t i = 0; i < 16; i++)
        sums->error += w[i] * x[i] * x[i];
    return sums->error;
}

/* The best scale of a group by itself, and the best of the other sign: near one of the two lies the
 * best integer. */
struct own {
    float s[2];
};

static struct own own_scales(const struct vlm_quant_found *found)
{
    struct own own = {{found->d[0], found->d[0]}};
    for (size_t k = 1; k < found->n; k++)
        if (found->d[k] * own.s[0] < 0) {
            own.s[1] = found->d[k];
            break;
        }
    return own;
}

/* The best integers for g->d, near the groups' own scales or (own NULL) of all; *next is then the
 * best d for them. */
static float settle_scales(struct scaled *g, const struct own *own, float *next)
{
    float total = 0, above = 0, below = 0;
    for (size_t j = 0; j < 16; j++) {
        struct vlm_quant_sums sums, best = {.error = INFINITY};
        int n = !own ? (int)(g->shi - g->slo) + 1 : own[j].s[0] == own[j].s[1] ? 3 : 6;
        for (int k = 0; k < n; k++) {
            float s = g->slo + (float)k;
            if (own)
                s = level(own[j].s[k / 3] / g->d, g->slo, g->shi) + (float)(k % 3 - 1);
            if (s < g->slo || s > g->shi)
                continue;
            if (group_error(g, j, s, &sums) < best.error) {
                best = sums;
                g->s[j] = s;
            }
        }
        total += best.error;
        above += g->s[j] * best.xq;
        below += g->s[j] * g->s[j] * best.qq;
    }
    *next = below > 0 ? above / below : 0;
    return total;
}

struct best_scaled {
    float d, s[16], error;
    uint16_t bits;
};

/* From d on, as long as the error falls. */
static void follow(struct best_scaled *best, struct scaled *g, const struct own *own, float d)
{
    for (int i = 0; i < 3; i++) {
        g->d = d;
        uint16_t bits = vlm_quant_half(&g->d, g->b.exponent);
        float error = g->d != 0 ? settle_scales(g, own, &d) : INFINITY;
        if (!(error < best->error))
            return;
        *best = (struct best_scaled){.d = g->d, .error = error, .bits = bits};
        memcpy(best->s, g->s, sizeof best->s);
    }
}

static void choose_scaled(struct scaled *g, const struct vlm_quant_search *s)
{
    const bool few = g->shi < 32; /* integers: then all are tried, and more d */
    struct vlm_quant_found found;
    struct best_scaled best = {.error = INFINITY};
    struct own own[16];
    float largest = 0;
    for (size_t j = 0; j < 16; j++) {
        vlm_quant_fit_scale(&found, g->b.x + 16 * j, g->b.w + 16 * j, 16, g->lo, g->hi, s);
        own[j] = own_scales(&found);
        largest = fabsf(own[j].s[0]) > fabsf(largest) ? own[j].s[0] : largest;
    }
    for (int k = 0; k < (few ? 40 : 8) && largest != 0; k++) {
        float fraction = 1.03f - (few ? 0.02f : 0.03f) * (float)(k / 2);
        follow(&best, g, own, largest / ((k % 2 ? g->slo : g->shi) * fraction));
    }
    if (few && best.d != 0)
        follow(&best, g, NULL, best.d);
    g->d = best.d;
    g->bits = best.bits;
    memcpy(g->s, best.s, sizeof g->s);
}

/* Levels from 0 on. */
static void scaled_levels(uint8_t q[256], const struct scaled *g)
{
    for (size_t i = 0; i < 256; i++) {
        float d = g->d * g->s[i / 16];
        q[i] = (uint8_t)((d == 0 ? 0 : level(g->b.x[i] * (1 / d), g->lo, g->hi)) - g->lo);
    }
}

static void ready_scaled(struct scaled *g, const float *x, const float *importance, float max,
                         const struct vlm_quant_search *s)
{
    vlm_quant_ready(&g->b, x, importance, 256, max);
    memset(g->s, 0, sizeof g->s);
    g->d = 0;
    g->bits = 0;
    if (!g->b.zero)
        choose_scaled(g, s);
    else
        memset(g->b.x, 0, sizeof g->b.x);
}

void vlm_quant_q6_k(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search plain = {0.9f, 1.1f, 10}, weighed = {0.9f, 1.4f, 20};
    struct scaled g = {.lo = -32, .hi = 31, .slo = -128, .shi = 127};
    uint8_t q[256];
    for (size_t i = 0; i < n; i += 256, out += 210) {
        ready_scaled(&g, x + i, importance ? importance + i : NULL, 65504 * 31.0f * 127,
                     importance ? &weighed : &plain);
        scaled_levels(q, &g);
        for (size_t h = 0; h < 2; h++) {
            const uint8_t *at = q + 128 * h;
            for (size_t j = 0; j < 64; j++)
                out[64 * h + j] = (uint8_t)((at[j] & 15) | (at[j + 64] & 15) << 4);
            for (size_t j = 0; j < 32; j++)
                out[128 + 32 * h + j] = (uint8_t)(at[j] >> 4 | at[j + 32] >> 4 << 2 |
                                                  at[j + 64] >> 4 << 4 | at[j + 96] >> 4 << 6);
        }
        for (size_t j = 0; j < 16; j++)
            out[192 + j] = (uint8_t)(int8_t)g.s[j];
        put_half(out + 208, g.bits);
    }
}

void vlm_quant_q3_k(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search plain = {0.7f, 1.45f, 20}, weighed = {0.7f, 2.2f, 36};
    struct scaled g = {.lo = -4, .hi = 3, .slo = -32, .shi = 31};
    uint8_t q[256];
    for (size_t i = 0; i < n; i += 256, out += 110) {
        ready_scaled(&g, x + i, importance ? importance + i : NULL, 65504 * 3.0f * 31,
                     importance ? &weighed : &plain);
        scaled_levels(q, &g);
        memset(out, 0, 110);
        for (size_t k = 0; k < 256; k++) {
            out[k % 32] |= (uint8_t)((q[k] >> 2) << k / 32);
            out[32 + 32 * (k / 128) + k % 32] |= (uint8_t)((q[k] & 3) << 2 * (k / 32 % 4));
        }
        for (size_t j = 0; j < 16; j++) {
            unsigned s = (unsigned)((int)g.s[j] + 32);
            out[96 + j % 8] |= (uint8_t)((s & 15) << 4 * (j / 8));
            out[104 + j % 4] |= (uint8_t)((s >> 4) << 2 * (j / 4));
        }
        put_half(out + 108, g.bits);
    }
}

/* ---- scales and minima: Q2_K, Q4_K, Q5_K ---- */

struct affine {
    struct vlm_quant_block b;
    size_t group; /* elements */
    float hi;     /* levels 0..hi */
    float most;   /* integers 0..most */
    float s[16], m[16];
    float d, dmin; /* an element is d s q - dmin m */
    uint16_t bits_d, bits_dmin;
};

/* Sums for the best d and dmin: of (s q)^2, s q m, m^2, x s q, x m. */
struct factors {
    float aa, ab, bb, xa, xb;
};

static struct vlm_quant_sums affine_pass(const struct affine *g, size_t j, float s, float m)
{
    const float *x = g->b.x + g->group * j, *w = g->b.w + g->group * j;
    float d = g->d * s, min = -(g->dmin * m);
    if (d != 0)
        return pass_affine(x, w, g->group, d, min, g->hi);
    struct vlm_quant_sums sums = {.error = 0};
    for (size_t i = 0; i < g->group; i++)
        sums.error += w[i] * (x[i] - min) * (x[i] - min);
    return sums;
}

/* The best pair of integers near (d, m) for group j. */
static struct vlm_quant_sums settle_group(struct affine *g, size_t j, float d, float m, float sw,
                                          float sx)
{
    struct vlm_quant_sums best = {.error = INFINITY};
    float middle = g->d > 0 ? level(d / g->d, 0, g->most) : 0;
    for (int k = -1; k <= 1; k++) {
        float s = middle + (float)k;
        if (s < 0 || s > g->most)
            continue;
        float min = g->dmin > 0 ? level(-m / g->dmin, 0, g->most) : 0, before = -1;
        for (int i = 0; i < 3 && min != before; i++) {
            struct vlm_quant_sums sums = affine_pass(g, j, s, min);
            if (sums.error < best.error) {
                best = sums;
                g->s[j] = s;
                g->m[j] = min;
            }
            before = min;
            if (g->dmin > 0) /* the best for these levels */
                min = level((g->d * s * sums.q - sx) / (sw * g->dmin), 0, g->most);
        }
    }
    return best;
}

static float settle_affine(struct affine *g, const float *d, const float *m, struct factors *f)
{
    float total = 0;
    *f = (struct factors){0};
    for (size_t j = 0; j < 256 / g->group; j++) {
        float sw = 0, sx = 0;
        for (size_t i = g->group * j; i < g->group * (j + 1); i++) {
            sw += g->b.w[i];
            sx += g->b.w[i] * g->b.x[i];
        }
        struct vlm_quant_sums sums = settle_group(g, j, d[j], m[j], sw, sx);
        total += sums.error;
        f->aa += g->s[j] * g->s[j] * sums.qq;
        f->ab += g->s[j] * g->m[j] * sums.q;
        f->bb += g->m[j] * g->m[j] * sw;
        f->xa += g->s[j] * sums.xq;
        f->xb += g->m[j] * sx;
    }
    return total;
}

/* The factors that leave the least error for the integers and levels there are. */
static void solve(float *d, float *dmin, const struct factors *f)
{
    float det = f->aa * f->bb - f->ab * f->ab;
    if (det > 1e-6f * f->aa * f->bb) {
        *d = (f->xa * f->bb - f->xb * f->ab) / det;
        *dmin = (f->ab * f->xa - f->aa * f->xb) / det;
    } else if (f->aa > 0 && f->bb <= 0) {
        *d = f->xa / f->aa;
    }
}

static void round_factors(struct affine *g, float d, float dmin)
{
    g->d = d > 0 ? d : 0;
    g->dmin = dmin > 0 ? dmin : 0;
    g->bits_d = vlm_quant_half(&g->d, g->b.exponent);
    g->bits_dmin = vlm_quant_half(&g->dmin, g->b.exponent);
}

static void choose_affine(struct affine *g, const struct vlm_quant_search *search)
{
    static const float fractions[][2] = {{1, 1}, {0.96f, 1}, {1, 0.96f}, {0.96f, 0.96f}};
    struct vlm_quant_found found;
    struct factors f;
    float d[16], m[16], most_d = 0, most_m = 0, least = INFINITY;
    for (size_t j = 0; j < 256 / g->group; j++) {
        size_t at = g->group * j;
        vlm_quant_fit_affine(&found, g->b.x + at, g->b.w + at, g->group, g->hi, true, search);
        d[j] = found.d[0];
        m[j] = found.m[0];
        most_d = d[j] > most_d ? d[j] : most_d;
        most_m = -m[j] > most_m ? -m[j] : most_m;
    }
    struct affine *best = &(struct affine){.d = 0};
    for (size_t k = 0; k < sizeof fractions / sizeof *fractions; k++) {
        float next_d = most_d / (g->most * fractions[k][0]),
              next_m = most_m / (g->most * fractions[k][1]);
        for (int i = 0; i < 3; i++) {
            round_factors(g, next_d, next_m);
            float error = settle_affine(g, d, m, &f);
            if (!(error < least))
                break;
            least = error;
            *best = *g;
            solve(&next_d, &next_m, &f);
        }
    }
    if (least < INFINITY)
        *g = *best;
}

static void ready_affine(struct affine *g, uint8_t q[256], const float *x, const float *importance,
                         float max, const struct vlm_quant_search *search)
{
    vlm_quant_ready(&g->b, x, importance, 256, max);
    memset(g->s, 0, sizeof g->s);
    memset(g->m, 0, sizeof g->m);
    memset(q, 0, 256);
    g->d = g->dmin = 0;
    g->bits_d = g->bits_dmin = 0;
    if (g->b.zero)
        return;
    choose_affine(g, search);
    for (size_t i = 0; i < 256; i++) {
        float d = g->d * g->s[i / g->group], min = -(g->dmin * g->m[i / g->group]);
        q[i] = (uint8_t)(d == 0 ? 0 : level((g->b.x[i] - min) * (1 / d), 0, g->hi));
    }
}

/* The 12 bytes of Q4_K and Q5_K. */
static void put_six_bits(uint8_t *p, const struct affine *g)
{
    memset(p, 0, 12);
    for (size_t j = 0; j < 8; j++) {
        unsigned s = (unsigned)g->s[j], m = (unsigned)g->m[j];
        if (j < 4) {
            p[j] |= (uint8_t)s;
            p[j + 4] |= (uint8_t)m;
        } else {
            p[j + 4] = (uint8_t)((s & 15) | (m & 15) << 4);
            p[j - 4] |= (uint8_t)(s >> 4 << 6);
            p[j] |= (uint8_t)(m >> 4 << 6);
        }
    }
}

void vlm_quant_q4_k(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search s = {-0.5f, 0.75f, 6};
    struct affine g = {.group = 32, .hi = 15, .most = 63};
    uint8_t q[256];
    for (size_t i = 0; i < n; i += 256, out += 144) {
        ready_affine(&g, q, x + i, importance ? importance + i : NULL, 65504 * 63.0f, &s);
        put_half(out, g.bits_d);
        put_half(out + 2, g.bits_dmin);
        put_six_bits(out + 4, &g);
        for (size_t k = 0; k < 128; k++) {
            const uint8_t *at = q + 64 * (k / 32) + k % 32;
            out[16 + k] = (uint8_t)(at[0] | at[32] << 4);
        }
    }
}

void vlm_quant_q5_k(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search s = {-0.5f, 0.75f, 5};
    struct affine g = {.group = 32, .hi = 31, .most = 63};
    uint8_t q[256];
    for (size_t i = 0; i < n; i += 256, out += 176) {
        ready_affine(&g, q, x + i, importance ? importance + i : NULL, 65504 * 63.0f, &s);
        put_half(out, g.bits_d);
        put_half(out + 2, g.bits_dmin);
        put_six_bits(out + 4, &g);
        memset(out + 16, 0, 32);
        for (size_t k = 0; k < 256; k++)
            out[16 + k % 32] |= (uint8_t)((q[k] >> 4) << k / 32);
        for (size_t k = 0; k < 128; k++) {
            const uint8_t *at = q + 64 * (k / 32) + k % 32;
            out[48 + k] = (uint8_t)((at[0] & 15) | (at[32] & 15) << 4);
        }
    }
}

void vlm_quant_q2_k(uint8_t *out, const float *x, const float *importance, size_t n)
{
    static const struct vlm_quant_search s = {-0.5f, 1.0f, 7};
    struct affine g = {.group = 16, .hi = 3, .most = 15};
    uint8_t q[256];
    for (size_t i = 0; i < n; i += 256, out += 84) {
        ready_affine(&g, q, x + i, importance ? importance + i : NULL, 65504 * 15.0f, &s);
        for (size_t j = 0; j < 16; j++)
            out[j] = (uint8_t)((unsigned)g.s[j] | (unsigned)g.m[j] << 4);
        memset(out + 16, 0, 64);
        for (size_t k = 0; k < 256; k++)
            out[16 + 32 * (k / 128) + k % 32] |= (uint8_t)(q[k] << 2 * (k / 32 % 4));
        put_half(out + 80, g.bits_d);
        put_half(out + 82, g.bits_dmin);
    }
}
