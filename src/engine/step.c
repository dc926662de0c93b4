/* step.c: one step of several sessions: a batch of frames for those that wait for pictures, then a
 * forward pass with chunks of prompt and decoding rows side by side; then each session that reached
 * the end of its timeline takes its next token.  Takes no memory.
 *
 * A cancelled session stops the pass at the next layer and the pass is done again without it: rows
 * are independent and keys and values are written to the same places, so the others get the same
 * bytes, and a pass needs no way to lose rows. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/session.h"

void vlm_session_cancel(vlm_session *s)
{
    atomic_store(&s->cancel, true);
}
vlm_finish vlm_session_finish(const vlm_session *s)
{
    return s->finish;
}
void vlm_session_stats(const vlm_session *s, vlm_stats *out)
{
    *out = s->stats;
}

static void finish(vlm_session *s, vlm_finish why)
{
    s->finish = why;
    s->outcome = VLM_DONE;
}

/* Settles a session that has nothing left to compute; false when it needs rows. */
static bool settle(vlm_session *s)
{
    if (s->outcome < 0 || s->outcome == VLM_DONE)
        return true;
    if (s->finish != VLM_FINISH_NONE)
        s->outcome = VLM_DONE; /* the last token was given out by the step before */
    else if (atomic_load(&s->cancel))
        finish(s, VLM_FINISH_CANCELLED);
    else if (s->options.max_tokens == 0)
        finish(s, VLM_FINISH_LENGTH);
    return s->outcome == VLM_DONE;
}

/* Appends this session's rows: up to a chunk of prompt, or the one decoding row.  While a picture
 * of the chunk is not encoded, none: half a chunk costs nearly as much as a whole one. */
static size_t add_rows(vlm_session *s, struct vlm_row *rows, size_t room)
{
    const vlm_engine *e = s->engine;
    size_t n = vlm_min_size(vlm_min_size(s->time.n - s->n_done, s->options.chunk), room);
    if (vlm_engine_positions_ready(s, s->n_done, n) < n)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const struct vlm_position *p = &s->time.positions[s->n_done + i];
        const struct vlm_feature *f = p->picture ? s->time.pictures[p->picture - 1].features : NULL;
        rows[i] = (struct vlm_row){.kv = &s->kv,
                                   .position = (uint32_t)(s->n_done + i),
                                   .id = p->id,
                                   .feature = f ? f->data + (size_t)p->token * e->config.text.hidden
                                                : NULL,
                                   .logits = s->n_done + i + 1 == s->time.n};
    }
    return n;
}

static void add_logprobs(vlm_session *s, const float *logits, float total, int32_t id)
{
    size_t vocab = s->engine->config.text.vocab,
           n = vlm_min_size((size_t)s->options.n_logprobs, vocab);
    vlm_engine_top(s->candidates, n, logits, vocab);
    for (size_t i = 0; i < n; i++)
        s->top[i] = (vlm_logprob){s->candidates[i].id, s->candidates[i].logit - total};
    s->token.logprob = logits[id] - total;
    s->token.top = s->top;
    s->token.n_top = n;
}

/* Samples the next token from the logits of the last position and gives it out. */
static void take_token(vlm_session *s, const float *logits)
{
    vlm_engine *e = s->engine;
    const vlm_session_options *o = &s->options;
    size_t vocab = e->config.text.vocab;
    struct vlm_sample_options so = {.temperature = o->temperature,
                                    .top_k = (size_t)o->top_k,
                                    .top_p = o->top_p,
                                    .min_p = o->min_p,
                                    .typical_p = o->typical_p,
                                    .repeat_penalty = o->repeat_penalty,
                                    .presence = o->presence_penalty,
                                    .frequency = o->frequency_penalty,
                                    .counts = s->counts,
                                    .bias = o->logit_bias,
                                    .n_bias = o->n_logit_bias,
                                    .ends = e->config.eos,
                                    .n_ends = e->config.n_eos,
                                    .must_not_end = s->stats.completion_tokens < o->min_tokens,
                                    .seed = o->seed};
    float total = vlm_backend_kernels(e->backend)->logsumexp(logits, vocab);
    if (!isfinite(total)) {
        s->outcome = vlm_fail(&s->error, VLM_ERR_NUMERIC,
                              "the model's logits at position %zu are not finite", s->n_done - 1);
        return;
    }
    if (o->constraint) {
        int rc = VLM_OK;
        so.allowed = vlm_engine_constraint_mask(s, &so.may_end, &rc);
        if (!so.allowed) {
            s->outcome = rc;
            return;
        }
    }
    int32_t id = vlm_engine_sample(logits, vocab, &so, s->seen, s->n_done, s->candidates);
    if (id < 0) {
        s->outcome = vlm_fail(&s->error, VLM_ERR_UNSUPPORTED,
                              "the constraint leaves no token of the vocabulary to go on with");
        return;
    }
    s->token = (vlm_token){.id = id};
    if (o->n_logprobs > 0)
        add_logprobs(s, logits, total, id);
    s->seen[id / 8] |= (uint8_t)(1 << id % 8);
    s->stats.completion_tokens++;

    const char *bytes = "";
    size_t n = 0;
    bool special = false;
    if (!vlm_token_bytes(e->tok, id, &bytes, &n, &special) || special)
        n = 0; /* rows of the table without a token, and control tokens, have no text */
    if (s->counts && s->counts[id] < UINT16_MAX)
        s->counts[id]++;
    bool eos = vlm_config_is_eos(&e->config, id),
         full = s->stats.completion_tokens >= o->max_tokens ||
                s->n_prompt + s->stats.completion_tokens >= s->limit;
    if (o->constraint && !eos) {
        int rc = vlm_engine_constraint_add(s, bytes, n);
        if (rc < 0) {
            s->outcome = rc;
            return;
        }
    }
    if (vlm_engine_text_add(s, bytes, n, eos || full) || eos)
        s->finish = VLM_FINISH_STOP;
    else if (full)
        s->finish = VLM_FINISH_LENGTH;
    else
        s->time.positions[s->time.n++] = (struct vlm_position){id, 0, 0};
    s->token.text = s->out.data;
    s->token.n_text = s->out.n;
    s->outcome = VLM_OK;
}

/* After a pass: where the session stands now. */
static void advance(vlm_session *s, size_t n_rows, const float *logits, double ms)
{
    bool prompt = s->n_done < s->n_prompt;
    s->n_done += n_rows;
    *(prompt ? &s->stats.prefill_ms : &s->stats.decode_ms) += ms;
    vlm_engine_blocks_offer(s);
    if (prompt && s->n_done >= s->n_prompt && !s->time.positions[s->n_prompt - 1].picture)
        vlm_engine_timeline_forget(&s->time, s->engine); /* read: its pictures are in the cache */
    if (logits)
        take_token(s, logits);
    else
        s->outcome = VLM_MORE;
    if (prompt && s->options.progress &&
        s->options.progress(s->options.progress_ctx, VLM_PHASE_PREFILL,
                            s->n_done - s->stats.cached_tokens,
                            s->n_prompt - s->stats.cached_tokens) != 0)
        atomic_store(&s->cancel, true);
}

/* The sessions of a pass and how many rows each has. */
struct sharers {
    vlm_session *const *sessions;
    size_t n;
    const size_t *n_of;
};

static bool any_cancelled(void *ctx)
{
    const struct sharers *p = ctx;
    for (size_t i = 0; i < p->n; i++)
        if (p->n_of[i] && atomic_load_explicit(&p->sessions[i]->cancel, memory_order_relaxed))
            return true;
    return false;
}

/* One pass over as many of sessions[0..n) as the workspace has rows for; returns how many were
 * served: those already at their end and those that wait for pictures among them, none when one was
 * cancelled meanwhile.  The step lock is held. */
static size_t pass(vlm_engine *e, vlm_session *const *sessions, size_t n, size_t *n_of)
{
    size_t n_rows = 0, served = 0;
    for (; served < n; served++) {
        vlm_session *s = sessions[served];
        n_of[served] = 0;
        if (settle(s))
            continue;
        if (n_rows == e->text.max_rows)
            break;
        n_of[served] = add_rows(s, e->rows + n_rows, e->text.max_rows - n_rows);
        n_rows += n_of[served];
        if (n_of[served] == 0)
            s->outcome = VLM_MORE;
    }
    if (n_rows == 0)
        return served;
    struct sharers sharers = {sessions, served, n_of};
    const struct vlm_run run = {e->backend, NULL, any_cancelled, &sharers};
    double start = vlm_os_now_ms();
    if (vlm_decoder_forward(e->model, &run, &e->text, e->rows, n_rows, e->logits) < 0)
        return 0;
    double ms = vlm_os_now_ms() - start;
    const float *logits = e->logits;
    for (size_t i = 0, row = 0; i < served; i++) {
        if (n_of[i] == 0)
            continue;
        row += n_of[i];
        bool wanted = e->rows[row - 1].logits;
        advance(sessions[i], n_of[i], wanted ? logits : NULL, ms);
        logits += wanted ? e->config.text.vocab : 0;
    }
    return served;
}

/* Frames for those of the sessions that are not at their end. */
static void look(vlm_engine *e, vlm_session *const *sessions, size_t n)
{
    vlm_session *open[VLM_LIMIT_BATCH];
    size_t n_open = 0;
    for (size_t i = 0; i < n; i++)
        if (!settle(sessions[i]))
            open[n_open++] = sessions[i];
    vlm_engine_look(e, open, n_open);
}

int vlm_step(vlm_engine *e, vlm_session *const *sessions, size_t n, vlm_error *err)
{
    size_t n_of[VLM_LIMIT_BATCH];
    if (n > VLM_LIMIT_BATCH)
        return vlm_fail(err, VLM_ERR_LIMIT, "a step of %zu sessions, expected at most %u", n,
                        (unsigned)VLM_LIMIT_BATCH);
    for (size_t i = 0; i < n; i++) {
        if (sessions[i]->engine != e)
            return vlm_fail(err, VLM_ERR_ARGUMENT, "session %zu belongs to another engine", i);
        for (size_t k = 0; k < i; k++)
            if (sessions[k] == sessions[i])
                return vlm_fail(err, VLM_ERR_ARGUMENT,
                                "sessions %zu and %zu of a step are the same", k, i);
    }
    vlm_engine_enter(e);
    look(e, sessions, n);
    for (size_t first = 0; first < n;)
        first += pass(e, sessions + first, n - first, n_of);
    vlm_engine_leave(e);
    return VLM_OK;
}

int vlm_session_token(vlm_session *s, vlm_token *token, vlm_error *err)
{
    if (s->outcome < 0 && err)
        *err = s->error;
    if (s->outcome == VLM_OK)
        *token = s->token;
    return s->outcome;
}

int vlm_session_next(vlm_session *s, vlm_token *token, vlm_error *err)
{
    int rc;
    do {
        rc = vlm_step(s->engine, &s, 1, err);
        if (rc == VLM_OK)
            rc = vlm_session_token(s, token, err);
    } while (rc == VLM_MORE);
    return rc;
}
