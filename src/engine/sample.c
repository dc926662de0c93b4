/* sample.c: see sample.h for the order and its sources.  Candidates are kept in a heap, so that
 * only as many are sorted as top-k or top-p look at. */
#include "engine/sample.h"

#include <math.h>

#include "base/rng.h"

static bool better(struct vlm_candidate a, struct vlm_candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* The order of a heap: best first, or (nearest) smallest magnitude first. */
static bool before(struct vlm_candidate a, struct vlm_candidate b, bool nearest)
{
    if (!nearest)
        return better(a, b);
    float x = fabsf(a.logit), y = fabsf(b.logit);
    return x < y || (x == y && a.id < b.id);
}

static void sift(struct vlm_candidate *heap, size_t n, size_t i, bool nearest)
{
    for (;;) {
        size_t child = 2 * i + 1, first = i;
        for (size_t c = child; c < child + 2 && c < n; c++)
            if (before(heap[c], heap[first], nearest))
                first = c;
        if (first == i)
            return;
        struct vlm_candidate t = heap[i];
        heap[i] = heap[first];
        heap[first] = t;
        i = first;
    }
}

static void make_heap(struct vlm_candidate *heap, size_t n, bool nearest)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(heap, n, i, nearest);
}

/* Moves the first of heap[0..n) behind it, to heap[n-1]. */
static void pop(struct vlm_candidate *heap, size_t n, bool nearest)
{
    struct vlm_candidate first = heap[0];
    heap[0] = heap[n - 1];
    heap[n - 1] = first;
    sift(heap, n - 1, 0, nearest);
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
    size_t last = 0; /* the last that is possible, should rounding leave a rest */
    for (size_t i = 0; i < n; i++) {
        double weight = exp((double)c[i].logit);
        left -= weight;
        if (weight > 0)
            last = i;
        if (weight > 0 && left < 0)
            return c[i].id;
    }
    return c[last].id;
}

/* What a constraint forbids becomes impossible; the ends are its say, too. */
static void forbid(struct vlm_candidate *c, size_t n, const struct vlm_sample_options *o)
{
    for (size_t i = 0; i < n; i++) {
        bool end = false;
        if (o->allowed[i / 64] >> i % 64 & 1)
            continue;
        for (size_t k = 0; o->may_end && k < o->n_ends; k++)
            end = end || o->ends[k] == (int32_t)i;
        if (!end)
            c[i].logit = -INFINITY;
    }
}

static struct vlm_candidate best_of(const struct vlm_candidate *c, size_t n)
{
    struct vlm_candidate best = c[0];
    for (size_t i = 1; i < n; i++)
        if (better(c[i], best))
            best = c[i];
    return best;
}

/* The penalised logits as candidates; returns the best. */
static struct vlm_candidate list(struct vlm_candidate *c, const float *logits, size_t n,
                                 const struct vlm_sample_options *o, const uint8_t *seen)
{
    float penalty = o->repeat_penalty;
    for (size_t i = 0; i < n; i++)
        c[i] = (struct vlm_candidate){logits[i], (int32_t)i};
    for (size_t i = 0; i < o->n_bias; i++)
        c[o->bias[i].id].logit += o->bias[i].bias;
    if (penalty != 1)
        for (size_t i = 0; i < n; i++)
            if (has_bit(seen, i))
                c[i].logit = c[i].logit > 0 ? c[i].logit / penalty : c[i].logit * penalty;
    for (size_t i = 0; o->counts && i < n; i++)
        if (o->counts[i])
            c[i].logit -= o->presence + o->frequency * o->counts[i];
    if (o->allowed)
        forbid(c, n, o);
    struct vlm_candidate best = best_of(c, n);
    if (o->must_not_end) {
        struct vlm_candidate other = {-INFINITY, -1};
        for (size_t i = 0; i < n; i++) {
            bool end = false;
            for (size_t k = 0; k < o->n_ends; k++)
                end = end || o->ends[k] == (int32_t)i;
            if (!end && (other.id < 0 || better(c[i], other)))
                other = c[i];
        }
        if (other.logit > -INFINITY) {
            for (size_t k = 0; k < o->n_ends; k++)
                c[o->ends[k]].logit = -INFINITY;
            best = other;
        }
    }
    return best;
}

/* Moves the typical ones of c[0..n), logits relative to the best, to its end; returns where they
 * begin.  While they are chosen a candidate's logit is its surprise less the entropy. */
static size_t typical(struct vlm_candidate *c, size_t n, float p)
{
    double total = 0, entropy = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        total += exp((double)c[i].logit);
    double log_total = log(total);
    for (size_t i = 0; i < n; i++)
        if (c[i].logit > -INFINITY)
            entropy -= exp((double)c[i].logit - log_total) * ((double)c[i].logit - log_total);
    for (size_t i = 0; i < n; i++)
        c[i].logit = (float)(log_total - (double)c[i].logit - entropy);
    make_heap(c, n, true);
    size_t first = n;
    while (first > 0 && (first == n || sum < (double)p)) {
        pop(c, first--, true);
        sum += exp(-((double)c[first].logit + entropy));
    }
    for (size_t i = first; i < n; i++)
        c[i].logit = (float)(log_total - ((double)c[i].logit + entropy));
    return first;
}

int32_t vlm_engine_sample(const float *logits, size_t n, const struct vlm_sample_options *o,
                          const uint8_t *seen, uint64_t position, struct vlm_candidate *c)
{
    struct vlm_candidate best = list(c, logits, n, o, seen);
    if (best.logit == -INFINITY)
        return -1;
    if (o->temperature == 0)
        return best.id;
    /* relative to the best, so that no temperature can overflow: the largest becomes 0 */
    for (size_t i = 0; i < n; i++)
        c[i].logit = (c[i].logit - best.logit) / o->temperature;

    size_t first = 0, end = n; /* the kept candidates are c[first..end) */
    if (o->top_k > 0 || o->top_p < 1) {
        size_t limit = o->top_k > 0 && o->top_k < n ? o->top_k : n;
        double total = 0, sum = 0;
        make_heap(c, n, false);
        if (o->top_k > 0)
            for (first = n; first > n - limit;) /* the sorted ones gather at the end, worst first */
                pop(c, first--, false);
        for (size_t i = first; i < n; i++) /* top-p counts probabilities among what top-k left */
            total += exp((double)c[i].logit);
        if (o->top_p < 1) {
            size_t i = n;
            while (i > n - limit && (i == n || sum < (double)o->top_p * total)) {
                if (o->top_k == 0)
                    pop(c, i, false);
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
    if (o->typical_p < 1)
        first += typical(c + first, end - first, o->typical_p);
    return draw(c + first, end - first, o->seed, position);
}
