/* answer.c: see answer.h. */
#include "answer.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "io.h"
#include "signals.h"

void cli_answer_free(struct cli_answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        struct cli_choice *c = &a->choices[i];
        vlm_buf_free(&c->text);
        json_decref(c->ids);
        json_decref(c->logprobs);
        if (i)
            vlm_session_close(c->session);
    }
    vlm_mem_free(&vlm_mem_system, a->choices);
    *a = (struct cli_answer){0};
}

/* A float as JSON: infinities have no spelling there, so the smallest number stands for -inf. */
static json_t *number(float x)
{
    return json_real(x < -1e30f ? -1e30 : (double)x);
}

static json_t *logprob_of(const vlm_token *t)
{
    json_t *top = json_array();
    for (size_t i = 0; i < t->n_top; i++)
        json_array_append_new(top, json_pack("{s:i, s:o}", "id", (int)t->top[i].id, "logprob",
                                             number(t->top[i].logprob)));
    return json_pack("{s:i, s:o, s:o}", "id", (int)t->id, "logprob", number(t->logprob), "top",
                     top);
}

/* ---- asking ---- */

static int add_choice(struct cli_answer *a, vlm_session *session, bool logprobs, vlm_error *err)
{
    struct cli_choice *c = &a->choices[a->n++];
    *c = (struct cli_choice){
        .session = session, .ids = json_array(), .logprobs = logprobs ? json_array() : NULL};
    vlm_buf_init(&c->text, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    return c->ids && (c->logprobs || !logprobs) ? VLM_OK : vlm_fail_memory(err, 0, "the answer");
}

/* Another session for the same question, with a seed of its own. */
static int open_choice(struct cli_answer *a, vlm_engine *engine, const struct cli_request *r,
                       const vlm_session_options *so, size_t i, vlm_error *err)
{
    vlm_session *session;
    vlm_session_options other = *so;
    other.seed += i;
    int rc = vlm_session_open(&session, engine, &other, err);
    if (rc >= 0)
        rc = add_choice(a, session, so->n_logprobs > 0, err); /* which closes it */
    return rc < 0 ? rc : vlm_session_sync(session, r->messages, r->n_messages, err);
}

/* The others begin when the first has read the prompt: they find its blocks in the engine.  (A fork
 * of the first would come too early, before the prompt is read, or too late, with its token.) */
static int open_others(struct cli_answer *a, vlm_engine *engine, const struct cli_request *r,
                       const vlm_session_options *so, size_t n_choices, vlm_error *err)
{
    struct cli_choice *c = &a->choices[0];
    int rc = VLM_OK;
    while (rc == VLM_OK && json_array_size(c->ids) == 0) {
        rc = vlm_step(engine, &c->session, 1, err);
        if (rc >= 0)
            rc = cli_answer_collect(a, NULL, err);
    }
    for (size_t i = 1; i < n_choices && rc >= 0; i++)
        rc = open_choice(a, engine, r, so, i, err);
    return rc;
}

int cli_answer_begin(struct cli_answer *a, vlm_engine *engine, vlm_session *session,
                     const struct cli_request *r, const vlm_session_options *so, size_t n_choices,
                     vlm_error *err)
{
    *a = (struct cli_answer){0};
    a->choices = vlm_mem_zalloc(&vlm_mem_system, n_choices, sizeof *a->choices);
    if (!a->choices)
        return vlm_fail_memory(err, n_choices * sizeof *a->choices, "the answer");
    int rc = add_choice(a, session, so->n_logprobs > 0, err);
    cli_signals_sessions(&session, 1); /* reading pictures may take long */
    if (rc == VLM_OK)
        rc = vlm_session_sync(session, r->messages, r->n_messages, err);
    if (rc >= 0 && n_choices > 1)
        rc = open_others(a, engine, r, so, n_choices, err);
    return rc < 0 ? rc : VLM_OK;
}

size_t cli_answer_sessions(const struct cli_answer *a, vlm_session **out)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (!a->choices[i].done)
            out[n++] = a->choices[i].session;
    return n;
}

static int keep(struct cli_choice *c, const vlm_token *t, vlm_error *err)
{
    vlm_buf_append(&c->text, t->text, t->n_text);
    int rc = json_array_append_new(c->ids, json_integer(t->id));
    if (c->logprobs)
        rc |= json_array_append_new(c->logprobs, logprob_of(t));
    return rc == 0 && c->text.ok ? VLM_OK : vlm_fail_memory(err, c->text.n, "the answer");
}

/* What the choices took together: they decode side by side. */
static void tally(struct cli_answer *a)
{
    vlm_session_stats(a->choices[0].session, &a->stats);
    for (size_t i = 1; i < a->n; i++) {
        vlm_stats s;
        vlm_session_stats(a->choices[i].session, &s);
        a->stats.completion_tokens += s.completion_tokens;
        if (s.decode_ms > a->stats.decode_ms)
            a->stats.decode_ms = s.decode_ms;
    }
}

int cli_answer_collect(struct cli_answer *a, FILE *stream, vlm_error *err)
{
    vlm_token token;
    size_t n_running = 0;
    for (size_t i = 0; i < a->n; i++) {
        struct cli_choice *c = &a->choices[i];
        if (c->done)
            continue;
        int rc = vlm_session_token(c->session, &token, err);
        if (rc == VLM_OK) {
            if (json_array_size(c->ids) == 0)
                cli_progress_clear();
            if (stream && i == 0) {
                cli_put_text(stream, token.text, token.n_text);
                rc = cli_flush(stream, "standard output", err);
            }
            if (rc == VLM_OK)
                rc = keep(c, &token, err);
        } else if (rc == VLM_DONE) {
            c->done = true;
            c->finish = vlm_session_finish(c->session);
        }
        if (rc < 0)
            return rc;
        n_running += !c->done;
    }
    if (n_running)
        return VLM_OK;
    tally(a);
    return VLM_DONE;
}

int cli_answer_make(struct cli_answer *a, vlm_engine *engine, vlm_session *session,
                    const struct cli_request *r, const vlm_session_options *so, size_t n_choices,
                    FILE *stream, vlm_error *err)
{
    vlm_session *running[VLM_LIMIT_BATCH];
    int rc = cli_answer_begin(a, engine, session, r, so, n_choices, err);
    while (rc == VLM_OK) {
        size_t n = cli_answer_sessions(a, running);
        cli_signals_sessions(running, n);
        rc = vlm_step(engine, running, n, err);
        if (rc >= 0)
            rc = cli_answer_collect(a, stream, err);
    }
    cli_signals_sessions(NULL, 0);
    cli_progress_clear();
    return rc < 0 ? rc : VLM_OK;
}

/* ---- telling ---- */

static const char *finish_name(vlm_finish finish)
{
    return finish == VLM_FINISH_LENGTH      ? "length"
           : finish == VLM_FINISH_CANCELLED ? "cancelled"
                                            : "stop";
}

static json_t *usage_json(const vlm_stats *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "prompt_tokens", (json_int_t)s->prompt_tokens,
                     "image_tokens", (json_int_t)s->image_tokens, "text_tokens",
                     (json_int_t)s->text_tokens, "cached_tokens", (json_int_t)s->cached_tokens,
                     "completion_tokens", (json_int_t)s->completion_tokens);
}

static double per_second(size_t n, double ms)
{
    return ms > 0 ? (double)n * 1000 / ms : 0;
}

/* The prompt gives each choice its first token. */
static double decode_rate(const struct cli_answer *a)
{
    const vlm_stats *s = &a->stats;
    size_t decoded = s->completion_tokens > a->n ? s->completion_tokens - a->n : 0;
    return per_second(decoded, s->decode_ms);
}

static size_t n_read(const vlm_stats *s)
{
    return s->prompt_tokens > s->cached_tokens ? s->prompt_tokens - s->cached_tokens : 0;
}

static json_t *timings_json(const struct cli_answer *a, const struct cli_request *r, double load_ms,
                            double total_ms)
{
    const vlm_stats *s = &a->stats;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "load_ms", cli_json_ms(load_ms),
                     "preprocess_ms", cli_json_ms(r->decode_ms + s->preprocess_ms), "vision_ms",
                     cli_json_ms(s->vision_ms), "prefill_ms", cli_json_ms(s->prefill_ms),
                     "decode_ms", cli_json_ms(s->decode_ms), "total_ms", cli_json_ms(total_ms),
                     "prefill_tokens_per_s", cli_json_ms(per_second(n_read(s), s->prefill_ms)),
                     "decode_tokens_per_s", cli_json_ms(decode_rate(a)));
}

static json_t *choice_json(const struct cli_choice *c)
{
    json_t *j = json_pack("{s:o, s:O, s:s}", "text", cli_json_string(c->text.data, c->text.n),
                          "tokens", c->ids, "finish_reason", finish_name(c->finish));
    if (j && c->logprobs)
        json_object_set(j, "logprobs", c->logprobs);
    return j;
}

static json_t *choices_json(const struct cli_answer *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->n; i++)
        if (json_array_append_new(list, choice_json(&a->choices[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

json_t *cli_answer_json(const struct cli_answer *a, const struct cli_model *m,
                        const struct cli_request *r, double load_ms, double total_ms)
{
    json_t *j = json_pack("{s:o}", "model", cli_json_string(m->name, strlen(m->name)));
    json_t *first = choice_json(&a->choices[0]), *all = a->n > 1 ? choices_json(a) : NULL;
    json_t *rest =
        json_pack("{s:o, s:o, s:{s:I, s:I, s:I}, s:i, s:s}", "usage", usage_json(&a->stats),
                  "timings", timings_json(a, r, load_ms, total_ms), "memory", "peak_rss_bytes",
                  (json_int_t)vlm_os_peak_rss(), "weights_bytes",
                  (json_int_t)a->stats.weights_bytes, "kv_bytes", (json_int_t)a->stats.kv_bytes,
                  "threads", vlm_engine_n_threads(m->engine), "isa", vlm_engine_isa(m->engine));
    bool bad = !j || !first || !rest || (a->n > 1 && !all) || json_object_update(j, first) != 0 ||
               (all && json_object_set(j, "choices", all) != 0) || json_object_update(j, rest) != 0;
    json_decref(first);
    json_decref(all);
    json_decref(rest);
    if (bad) {
        json_decref(j);
        return NULL;
    }
    return j;
}

void cli_answer_print_stats(const struct cli_answer *a)
{
    const vlm_stats *s = &a->stats;
    fprintf(stderr, "%s%zu tokens of prompt, %zu of them cached", cli_style(stderr, CLI_DIM),
            s->prompt_tokens, s->cached_tokens);
    if (s->vision_ms > 0)
        fprintf(stderr, "; looked %.2f s", s->vision_ms / 1000);
    fprintf(stderr, "; read %.2f s (%.0f tokens/s); said %zu in %.2f s (%.1f tokens/s)%s\n",
            s->prefill_ms / 1000, per_second(n_read(s), s->prefill_ms), s->completion_tokens,
            s->decode_ms / 1000, decode_rate(a), cli_style(stderr, CLI_PLAIN));
}
