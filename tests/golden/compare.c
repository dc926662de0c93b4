/* compare.c: one request on one engine against the reference's tensors, rendered prompt and greedy
 * ids. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

/* The promise of the project: within this share of the tensor's largest value.  fp32 sums in
 * another order differ by up to 2e-5 on these models (check_numpy.py measures the reference against
 * float64). */
#define TOLERANCE 1e-4
#define N_GENERATE 64

/* What has arrived of one tensor. */
struct progress {
    size_t next_row;
    uint64_t hash;
    double error; /* largest difference over kept rows */
};
struct comparison {
    struct golden_case *c;
    struct progress seen[CASE_MAX_TENSORS];
    int32_t ids[N_GENERATE];
    size_t n_ids;
    char problem[300]; /* the first, or "" */
};

static void compare_row(struct comparison *x, struct golden_tensor *t, struct progress *p,
                        size_t row, const void *data)
{
    size_t first = (t->rows - 1) % t->stride;
    if (row < first || (row - first) % t->stride != 0)
        return;
    size_t at = (row - first) / t->stride * t->cols;
    for (size_t i = 0; i < t->cols; i++) {
        double have = t->is_int32 ? ((const int32_t *)data)[i] : ((const float *)data)[i];
        double want = t->is_int32 ? ((int32_t *)t->data)[at + i] : ((float *)t->data)[at + i];
        double d = fabs(have - want);
        if (!(d <= p->error)) /* also catches NaN */
            p->error = isnan(d) ? INFINITY : d;
        bool exact = t->is_int32 || strcmp(t->name, "pixels") == 0;
        if (!(d <= (exact ? 0 : TOLERANCE * t->largest)) && !x->problem[0])
            snprintf(x->problem, sizeof x->problem, "%s: row %zu column %zu is %.9g, expected %.9g",
                     t->name, row, i, have, want);
    }
}

static bool same_shape(const struct golden_tensor *t, const vlm_traced *piece)
{
    if (piece->n_dims != t->n_dims || (piece->is_int32 != 0) != t->is_int32)
        return false;
    return memcmp(piece->shape, t->shape, t->n_dims * sizeof t->shape[0]) == 0;
}

static int take(void *ctx, const vlm_traced *piece)
{
    struct comparison *x = ctx;
    if (strcmp(piece->name, "generated_ids") == 0) { /* judged later: its length may differ */
        const int32_t *ids = piece->data;
        for (size_t i = 0; i < piece->n_rows && x->n_ids < N_GENERATE; i++)
            x->ids[x->n_ids++] = ids[i];
        return 0;
    }
    struct golden_tensor *t = golden_case_tensor(x->c, piece->name);
    if (!t || !same_shape(t, piece)) {
        if (!x->problem[0])
            snprintf(x->problem, sizeof x->problem,
                     "%s: %zu dimensions, first %zu, last %zu: not what was expected", piece->name,
                     piece->n_dims, piece->shape[0],
                     piece->shape[piece->n_dims ? piece->n_dims - 1 : 0]);
        return 0;
    }
    struct progress *p = &x->seen[t - x->c->tensors];
    size_t inner = t->rows / t->shape[0], n = piece->n_rows * inner;
    if (piece->first_row * inner != p->next_row && !x->problem[0])
        snprintf(x->problem, sizeof x->problem, "%s: row %zu came after %zu rows", t->name,
                 piece->first_row, p->next_row);
    for (size_t r = 0; r < n; r++)
        compare_row(x, t, p, p->next_row + r, (const char *)piece->data + 4 * r * t->cols);
    p->hash = golden_hash(p->hash, piece->data, n * t->cols);
    p->next_row += n;
    return 0;
}

/* Everything arrived, and what must be equal is equal as a whole. */
static void check_whole(struct comparison *x)
{
    for (size_t i = 0; i < x->c->n_tensors && !x->problem[0]; i++) {
        struct golden_tensor *t = &x->c->tensors[i];
        struct progress *p = &x->seen[i];
        if (strncmp(t->name, "generated", 9) == 0)
            continue;
        if (p->next_row != t->rows)
            snprintf(x->problem, sizeof x->problem, "%s: %zu rows came, expected %zu", t->name,
                     p->next_row, t->rows);
        else if ((t->is_int32 || strcmp(t->name, "pixels") == 0) && p->hash != t->hash)
            snprintf(x->problem, sizeof x->problem, "%s: differs from the reference", t->name);
    }
}

/* Greedy ids must agree as long as the reference's margin exceeds twice the measured error of a
 * logit (both of the top two may be off); after a difference that may be, nothing can be compared.
 */
static size_t check_generated(struct comparison *x)
{
    struct golden_tensor *want = golden_case_tensor(x->c, "generated_ids");
    const float *margin = golden_case_tensor(x->c, "generated_margin")->data;
    double error = 2 * x->seen[golden_case_tensor(x->c, "logits") - x->c->tensors].error;
    size_t i = 0;
    for (; i < want->rows && i < x->n_ids; i++) {
        int32_t expected = ((int32_t *)want->data)[i];
        if (x->ids[i] == expected)
            continue;
        if (margin[i] > error && !x->problem[0])
            snprintf(x->problem, sizeof x->problem,
                     "generated_ids: id %zu is %d, expected %d (margin %g, error %g)", i,
                     (int)x->ids[i], (int)expected, (double)margin[i], error);
        return i;
    }
    if (x->n_ids != want->rows && !x->problem[0])
        snprintf(x->problem, sizeof x->problem, "generated_ids: %zu came, expected %zu", x->n_ids,
                 want->rows);
    return i;
}

/* The rendered prompt and its ids, as the session and the render tool give them. */
static void check_render(struct comparison *x, vlm_engine *engine)
{
    vlm_error err;
    vlm_rendered r;
    const struct golden_tensor *ids = golden_case_tensor(x->c, "prompt_ids");
    if (vlm_render(&r, engine, x->c->messages, x->c->n_messages, 1, NULL, &err) < 0) {
        snprintf(x->problem, sizeof x->problem, "vlm_render: %s", err.message);
        return;
    }
    if (r.n_text != strlen(x->c->rendered) || memcmp(r.text, x->c->rendered, r.n_text) != 0)
        snprintf(x->problem, sizeof x->problem,
                 "rendered prompt differs from the template's output");
    else if (r.n_ids != ids->rows || memcmp(r.ids, ids->data, 4 * r.n_ids) != 0)
        snprintf(x->problem, sizeof x->problem, "vlm_render: ids differ");
    vlm_rendered_free(&r);
}

/* The same answer through a session, token by token; the distance of the two best log-probabilities
 * is the margin of the logits, so this also measures the decoding rows. */
static double check_session(struct comparison *x, vlm_engine *engine, size_t n_equal)
{
    vlm_error err;
    vlm_session *s;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = N_GENERATE;
    o.n_logprobs = 2;
    if (vlm_session_open(&s, engine, &o, &err) < 0 ||
        vlm_session_sync(s, x->c->messages, x->c->n_messages, &err) < 0)
        golden_die("%s: %s", x->c->folder, err.message);
    const float *margin = golden_case_tensor(x->c, "generated_margin")->data;
    double largest = golden_case_tensor(x->c, "logits")->largest, worst = 0;
    vlm_token token;
    size_t n = 0;
    int rc;
    while ((rc = vlm_session_next(s, &token, &err)) == VLM_OK) {
        if ((n >= x->n_ids || token.id != x->ids[n]) && !x->problem[0])
            snprintf(x->problem, sizeof x->problem, "session: token %zu is %d, unlike the trace", n,
                     (int)token.id);
        if (n < n_equal && token.n_top == 2)
            worst =
                fmax(worst, fabs((double)token.top[0].logprob - token.top[1].logprob - margin[n]) /
                                largest);
        n++;
    }
    if ((rc < 0 || n != x->n_ids) && !x->problem[0])
        snprintf(x->problem, sizeof x->problem, "session: ended after %zu tokens, expected %zu", n,
                 x->n_ids);
    if (worst > 2 * TOLERANCE && !x->problem[0])
        snprintf(x->problem, sizeof x->problem,
                 "session: a margin is off by %.1e of the largest logit", worst);
    vlm_session_close(s);
    return worst;
}

/* A prompt without pictures can be given as ids, and its answer with it: the prompt's logits must
 * be the same bits, and each answer row must prefer the next id, as it did when decoding one by
 * one. */
struct replay {
    size_t n_prompt;
    uint64_t hash;
    int32_t best[N_GENERATE];
};

static int take_replay(void *ctx, const vlm_traced *piece)
{
    struct replay *r = ctx;
    if (strcmp(piece->name, "logits") != 0)
        return 0;
    size_t vocab = piece->shape[1];
    for (size_t i = 0; i < piece->n_rows; i++) {
        const float *row = (const float *)piece->data + i * vocab;
        size_t at = piece->first_row + i, best = 0;
        if (at < r->n_prompt)
            r->hash = golden_hash(r->hash, row, vocab);
        for (size_t k = 1; k < vocab; k++)
            best = row[k] > row[best] ? k : best;
        if (at + 1 >= r->n_prompt && at + 1 - r->n_prompt < N_GENERATE)
            r->best[at + 1 - r->n_prompt] = (int32_t)best;
    }
    return 0;
}

static void check_replay(struct comparison *x, vlm_engine *engine)
{
    vlm_error err;
    int32_t ids[1024];
    const struct golden_tensor *prompt = golden_case_tensor(x->c, "prompt_ids");
    struct replay r = {.n_prompt = prompt->rows, .hash = GOLDEN_HASH};
    if (x->n_ids == 0 || prompt->rows + N_GENERATE > sizeof ids / sizeof ids[0])
        return;
    memcpy(ids, prompt->data, 4 * prompt->rows);
    memcpy(ids + prompt->rows, x->ids, 4 * (x->n_ids - 1));
    if (vlm_trace(engine, NULL, 0, ids, prompt->rows + x->n_ids - 1, NULL, 0, take_replay, &r,
                  &err) < 0)
        snprintf(x->problem, sizeof x->problem, "vlm_trace of ids: %s", err.message);
    else if (r.hash != x->seen[golden_case_tensor(x->c, "logits") - x->c->tensors].hash)
        snprintf(x->problem, sizeof x->problem, "logits differ when ids are given");
    else if (memcmp(r.best, x->ids, 4 * x->n_ids) != 0)
        snprintf(x->problem, sizeof x->problem, "the answer as a prompt does not prefer itself");
}

bool golden_compare(struct golden_case *c, vlm_engine *engine)
{
    struct comparison x = {.c = c};
    for (size_t i = 0; i < c->n_tensors; i++)
        x.seen[i].hash = GOLDEN_HASH;
    vlm_error err;
    vlm_session_options o;
    vlm_session_options_init(&o);
    golden_case_bind(c, engine);
    if (vlm_trace(engine, c->messages, c->n_messages, NULL, 0, &o, N_GENERATE, take, &x, &err) < 0)
        snprintf(x.problem, sizeof x.problem, "vlm_trace: %s", err.message);
    check_whole(&x);
    size_t n_equal = x.problem[0] ? 0 : check_generated(&x);
    if (!x.problem[0])
        check_render(&x, engine);
    if (!x.problem[0] && !golden_case_tensor(c, "pixels"))
        check_replay(&x, engine);
    double margin_error = x.problem[0] ? 0 : check_session(&x, engine, n_equal);
    golden_case_unbind(c);

    double worst = 0;
    const char *where = "";
    for (size_t i = 0; i < c->n_tensors; i++) {
        double share = c->tensors[i].largest > 0 ? x.seen[i].error / c->tensors[i].largest : 0;
        if (share > worst) {
            worst = share;
            where = c->tensors[i].name;
        }
    }
    double logits = x.seen[golden_case_tensor(c, "logits") - c->tensors].error /
                    golden_case_tensor(c, "logits")->largest;
    printf("%-6s %-7s %s: worst %.1e (%s), logits %.1e, decoded margins %.1e, %zu of %zu greedy "
           "ids%s%s\n",
           x.problem[0] ? "FAILED" : "ok", vlm_engine_isa(engine), c->folder, worst, where, logits,
           margin_error, n_equal, golden_case_tensor(c, "generated_ids")->rows,
           x.problem[0] ? ": " : "", x.problem);
    return !x.problem[0];
}
