/* sample.c: see sample.h for the order and its sources.  Candidates are kept in a heap, so that
 * only as many are sorted as top-k or top-p look at. */
#include "engine/sample.h"

#include <math.h>

#include "base/rng.h"

static bool better(struct vlm_candidate a, struct vlm_candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift(struct vlm_candidate *heap, size_t n, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1, best = i;
        for (size_t c = child; c < child + 2 && c < n; c++)
            if (better(heap[c], heap[best]))
                best = c;
        if (best == i)
            return;
        struct vlm_candidate t = heap[i];
        heap[i] = heap[best];
        heap[best] = t;
        i = best;
    }
}

static void make_heap(struct vlm_candidate *heap, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(heap, n, i);
}

/* Moves the best of heap[0..n) behind it, to heap[n-1]. */
static void pop(struct vlm_candidate *heap, size_t n)
{
    struct vlm_candidate best = heap[0];
    heap[0] = heap[n - 1];
    heap[n - 1] = best;
    sift(heap, n - 1, 0);
}

void vlm_engine_top(struct vlm_candidate *out, size_t n_top, const float *logits, size_t n)
{
    size_t kept = 0; /* out is sorted, best first */
    for (size_t i = 0; i < n; i++) {
        struct vlm_candidate c = {logits[i], (int32_t)i};
        if (kept == n_top && (n_top == 0 || !better(c, out[kept - 1])))
            continue;
        size_t at = kept < n_top ? kept++ : kept - 1;
        for (; at > 0 && better(c, out[at - 1]); at--)
            out[at] = out[at - 1];
        out[at] = c;
    }
}

static bool has_bit(const uint8_t *bits, size_t i)
{
    return bits && (bits[i / 8] >> (i % 8) & 1);
}

/* Draws one of c[0..n) by weight exp(logit), logit <= 0. */
static int32_t draw(const struct vlm_candidate *c, size_t n, uint64_t seed, uint64_t position)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += exp((double)c[i].logit);
    struct vlm_rng rng = {.seed = seed, .stream = position};
    double left = vlm_rng_unit(&rng) * total;
    for (size_t i = 0; i + 1 < n; i++) {
        left -= exp((double)c[i].logit);
        if (left < 0)
            return c[i].id;
    }
    return c[n - 1].id;
}

/* The penalised logits as candidates; returns the best. */
static struct vlm_candidate list(struct vlm_candidate *c, const float *logits, size_t n,
                                 float repeat_penalty, const uint8_t *seen)
{
    struct vlm_candidate best = {logits[0], 0};
    for (size_t i = 0; i < n; i++) {
        float x = logits[i];
        if (repeat_penalty != 1 && has_bit(seen, i))
            x = x > 0 ? x / repeat_penalty : x * repeat_penalty;
        c[i] = (struct vlm_candidate){x, (int32_t)i};
        if (i == 0 || better(c[i], best))
            best = c[i];
    }
    return best;
}

int32_t vlm_engine_sample(const float *logits, size_t n, const struct vlm_sample_options *o,
                          const uint8_t *seen, uint64_t position, struct vlm_candidate *c)
{
    struct vlm_candidate best = list(c, logits, n, o->repeat_penalty, seen);
    if (o->temperature == 0)
        return best.id;
    /* relative to the best, so that no temperature can overflow: the largest becomes 0 */
    for (size_t i = 0; i < n; i++)
        c[i].logit = (c[i].logit - best.logit) / o->temperature;

    size_t first = 0, end = n; /* the kept candidates are c[first..end) */
    if (o->top_k > 0 || o->top_p < 1) {
        size_t limit = o->top_k > 0 && o->top_k < n ? o->top_k : n;
        double total = 0, sum = 0;
        make_heap(c, n);
        if (o->top_k > 0)
            for (first = n; first > n - limit;) /* the sorted ones gather at the end, worst first */
                pop(c, first--);
        for (size_t i = first; i < n; i++) /* top-p counts probabilities among what top-k left */
            total += exp((double)c[i].logit);
        if (o->top_p < 1) {
            size_t i = n;
            while (i > n - limit && (i == n || sum < (double)o->top_p * total)) {
                if (o->top_k == 0)
                    pop(c, i);
                sum += exp((double)c[--i].logit);
            }
            first = i;
        }
    }
    if (o->min_p > 0) {
        float floor = logf(o->min_p);
        size_t kept = first;
        for (size_t i = first; i < end; i++)
            if (c[i].logit >= floor || c[i].id == best.id)
                c[kept++] = c[i];
        end = kept;
    }
    return draw(c + first, end - first, o->seed, position);
}
