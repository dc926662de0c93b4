/* score.c: how likely given answers are, and what a prompt looks like from inside: passes over
 * known tokens, nothing sampled.  Logits are kept for a few rows at a time only. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/session.h"

enum { SLICE = 16 }; /* rows whose logits are looked at together */

/* Rows first .. first+n of the timeline, then of ids behind it. */
static void set_rows(vlm_session *s, size_t first, size_t n, const int32_t *ids, bool logits)
{
    vlm_engine *e = s->engine;
    for (size_t i = 0; i < n; i++) {
        size_t at = first + i;
        struct vlm_row *r = &e->rows[i];
        *r = (struct vlm_row){.kv = &s->kv, .position = (uint32_t)at, .logits = logits};
        if (at >= s->n_prompt) {
            r->id = ids[at - s->n_prompt];
            continue;
        }
        const struct vlm_position *p = &s->time.positions[at];
        const struct vlm_feature *f = p->picture ? s->time.pictures[p->picture - 1].features : NULL;
        r->id = p->id;
        if (f)
            r->feature = f->data + (size_t)p->token * e->config.text.hidden;
    }
}

static bool cancelled(void *ctx)
{
    const vlm_session *s = ctx;
    return atomic_load_explicit(&s->cancel, memory_order_relaxed);
}

/* A chunk, or a batch of the frames that it waits for.  The caller has entered. */
static int read_chunk(vlm_session *s, size_t end, const struct vlm_run *run)
{
    vlm_engine *e = s->engine;
    size_t n = vlm_min_size(vlm_min_size(end - s->n_done, s->options.chunk), e->text.max_rows);
    if (vlm_engine_positions_ready(s, s->n_done, n) < n) {
        vlm_engine_look(e, &s, 1);
        return cancelled(s) ? VLM_ERR_CANCELLED : VLM_OK;
    }
    set_rows(s, s->n_done, n, NULL, false);
    double start = vlm_os_now_ms();
    int rc = vlm_decoder_forward(e->model, run, &e->text, e->rows, n, e->logits);
    s->stats.prefill_ms += vlm_os_now_ms() - start;
    if (rc == VLM_OK)
        s->n_done += n;
    return rc;
}

int vlm_engine_read_prompt(vlm_session *s, size_t end, const struct vlm_tap *tap, vlm_error *err)
{
    const struct vlm_run run = {s->engine->backend, tap, cancelled, s};
    int rc = VLM_OK;
    while (rc == VLM_OK && s->n_done < end) {
        vlm_engine_enter(s->engine); /* other sessions' steps come between */
        rc = read_chunk(s, end, &run);
        vlm_engine_leave(s->engine);
    }
    return rc == VLM_OK ? rc : vlm_fail(err, VLM_ERR_CANCELLED, "cancelled");
}

static int check_ids(const vlm_session *s, const int32_t *ids, size_t n, vlm_error *err)
{
    uint32_t vocab = s->engine->config.text.vocab;
    if (s->n_prompt == 0)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "vlm_session_sync was not called");
    if (n > s->limit - s->n_prompt)
        return vlm_fail(err, VLM_ERR_CONTEXT,
                        "the prompt has %zu tokens and the answer %zu, expected at most the "
                        "context of %zu together",
                        s->n_prompt, n, s->limit);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= vocab)
            return vlm_fail(err, VLM_ERR_ARGUMENT, "id %zu is %d, expected 0 to %u", i, (int)ids[i],
                            vocab - 1);
    return VLM_OK;
}

/* logprobs of ids[first..first+n) from the rows before them */
static int score_slice(vlm_session *s, float *logprobs, const int32_t *ids, size_t first, size_t n,
                       float *logits, vlm_error *err)
{
    vlm_engine *e = s->engine;
    size_t vocab = e->config.text.vocab;
    const struct vlm_run run = {e->backend, NULL, cancelled, s};
    vlm_engine_enter(e);
    set_rows(s, s->n_prompt - 1 + first, n, ids, true);
    double start = vlm_os_now_ms();
    int rc = vlm_decoder_forward(e->model, &run, &e->text, e->rows, n, logits);
    s->stats.decode_ms += vlm_os_now_ms() - start;
    for (size_t i = 0; rc == VLM_OK && i < n; i++) {
        float total = vlm_backend_kernels(e->backend)->logsumexp(logits + i * vocab, vocab);
        if (!isfinite(total)) {
            vlm_engine_leave(e);
            return vlm_fail(err, VLM_ERR_NUMERIC,
                            "the model's logits at position %zu are not finite",
                            s->n_prompt - 1 + first + i);
        }
        logprobs[first + i] = logits[i * vocab + (size_t)ids[first + i]] - total;
    }
    vlm_engine_leave(e);
    return rc == VLM_OK ? rc : vlm_fail(err, VLM_ERR_CANCELLED, "cancelled");
}

int vlm_session_score(vlm_session *s, const int32_t *ids, size_t n, float *logprobs, vlm_error *err)
{
    vlm_engine *e = s->engine;
    int rc = check_ids(s, ids, n, err);
    if (rc < 0)
        return rc;
    if (n == 0)
        return s->n_done + 1 < s->n_prompt ? vlm_engine_read_prompt(s, s->n_prompt - 1, NULL, err)
                                           : VLM_OK;
    size_t rows = vlm_min_size(vlm_min_size(n, SLICE), e->text.max_rows);
    float *logits = vlm_mem_alloc(&e->alloc, rows, e->config.text.vocab * sizeof *logits);
    if (!logits)
        return vlm_engine_explain(
            e, vlm_fail_memory(err, rows * e->config.text.vocab * sizeof *logits, "logits"), err);
    rc = vlm_engine_blocks_rewrite(s, vlm_min_size(s->n_done, s->n_prompt - 1), s->n_prompt + n,
                                   err);
    vlm_engine_enter(e);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve(e->backend, e->config.text.head_dim, s->n_prompt + n, err);
    vlm_engine_leave(e);
    if (rc == VLM_OK) {
        /* an answer begun is forgotten: the last row of the prompt is what everything follows */
        s->n_done = vlm_min_size(s->n_done, s->n_prompt - 1);
        s->time.n = s->n_prompt;
        s->stats.completion_tokens = 0;
        vlm_engine_answer_begin(s);
        rc = vlm_engine_read_prompt(s, s->n_prompt - 1, NULL, err);
    }
    for (size_t first = 0; rc == VLM_OK && first < n; first += rows)
        rc = score_slice(s, logprobs, ids, first, vlm_min_size(rows, n - first), logits, err);
    vlm_mem_free(&e->alloc, logits);
    return vlm_engine_explain(e, rc, err);
}

/* ---- embeddings ---- */

struct pooled {
    vlm_pooling pooling;
    double *sum; /* [hidden] */
    size_t n;
};

static void pool(void *ctx, const char *name, int layer, const float *data, size_t first_row,
                 size_t n_rows, size_t n)
{
    struct pooled *p = ctx;
    (void)layer;
    (void)first_row;
    if (strcmp(name, "text.norm") != 0)
        return;
    for (size_t r = 0; r < n_rows; r++)
        for (size_t i = 0; i < n; i++)
            p->sum[i] = (double)data[r * n + i] + (p->pooling == VLM_POOL_MEAN ? p->sum[i] : 0);
    p->n += n_rows;
}

static int embed(vlm_session *s, vlm_pooling pooling, double *sum, float *out, vlm_error *err)
{
    size_t hidden = s->engine->config.text.hidden;
    struct pooled p = {pooling, sum, 0};
    const struct vlm_tap tap = {.fn = pool, .ctx = &p};
    double squares = 0;
    int rc = vlm_engine_read_prompt(s, s->n_prompt, &tap, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < hidden; i++)
        squares += sum[i] * sum[i];
    if (!(squares > 0) || !isfinite(squares))
        return vlm_fail(err, VLM_ERR_NUMERIC, "the embedding is not finite or zero");
    for (size_t i = 0; i < hidden; i++)
        out[i] = (float)(sum[i] / sqrt(squares));
    return VLM_OK;
}

size_t vlm_engine_embedding_size(const vlm_engine *e)
{
    return e->config.text.hidden;
}

int vlm_embed(vlm_engine *e, const vlm_message *messages, size_t n_messages, vlm_pooling pooling,
              const vlm_session_options *options, float *out, vlm_error *err)
{
    vlm_session *s;
    if (pooling != VLM_POOL_MEAN && pooling != VLM_POOL_LAST)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "pooling is %d, expected mean or last",
                        (int)pooling);
    int rc = vlm_session_open(&s, e, options, err);
    if (rc < 0)
        return rc;
    s->aside = true; /* a mean needs every row, those too that another session has read */
    double *sum = vlm_mem_zalloc(&e->alloc, e->config.text.hidden, sizeof *sum);
    if (!sum)
        rc = vlm_engine_explain(
            e, vlm_fail_memory(err, e->config.text.hidden * sizeof *sum, "an embedding"), err);
    if (rc == VLM_OK)
        rc = vlm_session_sync(s, messages, n_messages, err);
    if (rc == VLM_OK)
        rc = embed(s, pooling, sum, out, err);
    vlm_mem_free(&e->alloc, sum);
    vlm_session_close(s);
    return rc;
}
