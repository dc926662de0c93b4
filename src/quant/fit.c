/* fit.c: the searches for one block.
 *
 * Each candidate gives levels; for these levels the best scale (and minimum) is a least-squares
 * problem with a closed form; with that scale levels are taken again.  The best few are kept, for
 * the caller rounds them to what its type can store. */
#include "quant/fit.h"

#include <math.h>

static void keep(struct vlm_quant_found *f, float d, float m, float error)
{
    size_t at = f->n;
    while (at > 0 && error < f->error[at - 1])
        at--;
    if (at >= VLM_QUANT_KEEP || (at > 0 && f->d[at - 1] == d && f->m[at - 1] == m))
        return;
    if (f->n < VLM_QUANT_KEEP)
        f->n++;
    for (size_t i = f->n - 1; i > at; i--) {
        f->d[i] = f->d[i - 1];
        f->m[i] = f->m[i - 1];
        f->error[i] = f->error[i - 1];
    }
    f->d[at] = d;
    f->m[at] = m;
    f->error[at] = error;
}

static float candidate(const struct vlm_quant_search *s, int i)
{
    return s->from + (s->to - s->from) * (float)i / (float)(s->steps - 1);
}

/* ---- a scale ---- */

void vlm_quant_fit_scale(struct vlm_quant_found *out, const float *x, const float *w, size_t n,
                         float lo, float hi, const struct vlm_quant_search *s)
{
    float largest = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        if (fabsf(x[i]) > fabsf(largest))
            largest = x[i];
        squares += w[i] * x[i] * x[i];
    }
    *out = (struct vlm_quant_found){.n = 1, .error = {squares}};
    for (int side = 0; side < 2 && fabsf(largest) > 1e-20f; side++)
        for (int i = 0; i < s->steps; i++) {
            float d = largest / ((side ? hi : lo) * candidate(s, i));
            struct vlm_quant_sums sums = pass_scale(x, w, n, d, lo, hi);
            if (sums.qq > 0 && sums.xq != 0) /* what is left when d is the best for these levels */
                keep(out, sums.xq / sums.qq, 0, squares - sums.xq * sums.xq / sums.qq);
        }
    /* levels moved with their scale: once more for each that was kept */
    struct vlm_quant_found first = *out;
    for (size_t k = 0; k < first.n; k++) {
        if (first.d[k] == 0)
            continue;
        struct vlm_quant_sums sums = pass_scale(x, w, n, first.d[k], lo, hi);
        if (sums.qq > 0 && sums.xq != 0)
            keep(out, sums.xq / sums.qq, 0, squares - sums.xq * sums.xq / sums.qq);
    }
}

/* ---- a scale and a minimum ---- */

/* y: the block less its lowest element, so that small ranges far from 0 keep their digits. */
struct affine {
    struct vlm_quant_found *out;
    float y[32];
    const float *w;
    size_t n;
    float hi, low, sw, sy, syy; /* sums of w, w y, w y y */
    float most;                 /* the minimum may not be above */
};

/* Keeps the least squares solution for the levels that d and m give; m is that of y. */
static void keep_affine(const struct affine *a, float d, float m)
{
    struct vlm_quant_sums s = pass_affine(a->y, a->w, a->n, d, m < a->most ? m : a->most, a->hi);
    float det = a->sw * s.qq - s.q * s.q, min = a->most, best;
    if (!(s.qq > 0))
        return;
    if (det > 1e-6f * a->sw * s.qq) /* else all have one level, and any minimum is as good */
        min = (s.qq * a->sy - s.q * s.xq) / det;
    min = min < a->most ? min : a->most;
    best = (s.xq - min * s.q) / s.qq;
    float error = a->syy + best * best * s.qq + min * min * a->sw - 2 * best * s.xq -
                  2 * min * a->sy + 2 * best * min * s.q;
    if (best > 0)
        keep(a->out, best, min, error);
}

static void search_affine(const struct affine *a, float range, const struct vlm_quant_search *s)
{
    float from = a->most < 0 ? a->most : 0; /* a minimum of 0 is below the lowest element */
    for (int i = 0; i < s->steps; i++)
        for (int j = 0; j < s->steps; j++) {
            float below = candidate(s, i);
            float d = (range - from) / (a->hi + below + candidate(s, j));
            keep_affine(a, d, from + below * d);
        }
    /* levels moved: once more for each that was kept */
    struct vlm_quant_found first = *a->out;
    for (size_t k = 0; k < first.n; k++)
        if (first.d[k] > 0)
            keep_affine(a, first.d[k], first.m[k]);
}

void vlm_quant_fit_affine(struct vlm_quant_found *out, const float *x, const float *w, size_t n,
                          float hi, bool below_zero, const struct vlm_quant_search *s)
{
    struct affine a = {.out = out, .w = w, .n = n, .hi = hi, .low = x[0]};
    float high = x[0];
    for (size_t i = 0; i < n; i++) {
        a.low = x[i] < a.low ? x[i] : a.low;
        high = x[i] > high ? x[i] : high;
    }
    a.most = below_zero ? -a.low : high - a.low;
    for (size_t i = 0; i < n; i++) {
        a.y[i] = x[i] - a.low;
        a.sw += w[i];
        a.sy += w[i] * a.y[i];
        a.syy += w[i] * a.y[i] * a.y[i];
    }
    /* all at one level: the mean, or the most that is allowed */
    float mean = a.sy / a.sw;
    mean = mean < a.most ? mean : a.most;
    *out = (struct vlm_quant_found){.n = 1, .m = {mean}};
    out->error[0] = a.syy + mean * mean * a.sw - 2 * mean * a.sy;
    if (high - a.low > 1e-20f || a.most < 0)
        search_affine(&a, high - a.low, s);
    for (size_t k = 0; k < out->n; k++)
        out->m[k] += a.low;
}

/* ---- blocks and halves ---- */

void vlm_quant_ready(struct vlm_quant_block *b, const float *x, const float *importance, size_t n,
                     float max)
{
    float largest = 0, heaviest = 0;
    for (size_t i = 0; i < n; i++) {
        float v = x[i] == x[i] ? x[i] : 0;
        v = v > max ? max : v < -max ? -max : v;
        b->x[i] = v;
        largest = fabsf(v) > largest ? fabsf(v) : largest;
        b->w[i] = importance && importance[i] > 0 ? importance[i] : 0;
        heaviest = b->w[i] > heaviest ? b->w[i] : heaviest;
    }
    b->zero = largest < 0x1p-60f; /* far below what an F16 scale can say */
    if (b->zero)
        return;
    frexpf(largest, &b->exponent);
    float unit = ldexpf(1, -b->exponent);
    for (size_t i = 0; i < n; i++)
        b->x[i] *= unit;
    /* weights from 0 to 1; a little for every element, lest one that never counted runs away */
    bool weighed = heaviest > 0 && heaviest <= 3e38f;
    for (size_t i = 0; i < n; i++)
        b->w[i] = weighed ? b->w[i] / heaviest + 1e-6f : 1;
}

uint16_t vlm_quant_half(float *d, int exponent)
{
    float real = ldexpf(*d, exponent);
    real = real > 65504 ? 65504 : real < -65504 ? -65504 : real;
    uint16_t h = vlm_f32_to_f16(real);
    *d = ldexpf(vlm_f16_to_f32(h), -exponent);
    return h;
}
