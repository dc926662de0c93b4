/* answer.c: see answer.h. */
#include "answer.h"

#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "io.h"
#include "signals.h"

void cli_answer_free(struct cli_answer *a)
{
    vlm_buf_free(&a->text);
    json_decref(a->ids);
    json_decref(a->logprobs);
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

static int keep(struct cli_answer *a, const vlm_token *t, vlm_error *err)
{
    vlm_buf_append(&a->text, t->text, t->n_text);
    int rc = json_array_append_new(a->ids, json_integer(t->id));
    if (a->logprobs)
        rc |= json_array_append_new(a->logprobs, logprob_of(t));
    return rc == 0 && a->text.ok ? VLM_OK : vlm_fail_memory(err, a->text.n, "the answer");
}

static int generate(struct cli_answer *a, vlm_session *session, FILE *stream, vlm_error *err)
{
    vlm_token token;
    int rc;
    bool first = true;
    if (cli_interrupted()) /* sync forgets a cancel that came before it */
        vlm_session_cancel(session);
    while ((rc = vlm_session_next(session, &token, err)) == VLM_OK) {
        if (first)
            cli_progress_clear();
        first = false;
        if (stream) {
            cli_put_text(stream, token.text, token.n_text);
            rc = cli_flush(stream, "standard output", err);
        }
        if (rc == VLM_OK)
            rc = keep(a, &token, err);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? rc : VLM_OK;
}

int cli_answer_make(struct cli_answer *a, vlm_session *session, const struct cli_request *r,
                    FILE *stream, bool logprobs, vlm_error *err)
{
    *a = (struct cli_answer){.ids = json_array(), .logprobs = logprobs ? json_array() : NULL};
    vlm_buf_init(&a->text, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    if (!a->ids || (logprobs && !a->logprobs))
        return vlm_fail_memory(err, 0, "the answer");
    cli_signals_session(session);
    int rc = vlm_session_sync(session, r->messages, r->n_messages, err);
    if (rc >= 0)
        rc = generate(a, session, stream, err);
    cli_signals_session(NULL);
    cli_progress_clear();
    a->finish = vlm_session_finish(session);
    vlm_session_stats(session, &a->stats);
    return rc < 0 ? rc : VLM_OK;
}

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

static json_t *timings_json(const vlm_stats *s, const struct cli_request *r, double load_ms,
                            double total_ms)
{
    size_t read = s->prompt_tokens > s->cached_tokens ? s->prompt_tokens - s->cached_tokens : 0;
    size_t decoded =
        s->completion_tokens ? s->completion_tokens - 1 : 0; /* the prompt gives the first */
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "load_ms", cli_json_ms(load_ms),
                     "preprocess_ms", cli_json_ms(r->decode_ms + s->preprocess_ms), "vision_ms",
                     cli_json_ms(s->vision_ms), "prefill_ms", cli_json_ms(s->prefill_ms),
                     "decode_ms", cli_json_ms(s->decode_ms), "total_ms", cli_json_ms(total_ms),
                     "prefill_tokens_per_s", cli_json_ms(per_second(read, s->prefill_ms)),
                     "decode_tokens_per_s", cli_json_ms(per_second(decoded, s->decode_ms)));
}

json_t *cli_answer_json(const struct cli_answer *a, const struct cli_model *m,
                        const struct cli_request *r, double load_ms, double total_ms)
{
    json_t *j =
        json_pack("{s:o, s:o, s:O, s:s}", "model", cli_json_string(m->name, strlen(m->name)),
                  "text", cli_json_string(a->text.data, a->text.n), "tokens", a->ids,
                  "finish_reason", finish_name(a->finish));
    if (j && a->logprobs)
        json_object_set(j, "logprobs", a->logprobs);
    json_t *rest =
        json_pack("{s:o, s:o, s:{s:I, s:I, s:I}, s:i, s:s}", "usage", usage_json(&a->stats),
                  "timings", timings_json(&a->stats, r, load_ms, total_ms), "memory",
                  "peak_rss_bytes", (json_int_t)vlm_os_peak_rss(), "weights_bytes",
                  (json_int_t)a->stats.weights_bytes, "kv_bytes", (json_int_t)a->stats.kv_bytes,
                  "threads", vlm_engine_n_threads(m->engine), "isa", vlm_engine_isa(m->engine));
    if (!j || !rest || json_object_update(j, rest) != 0) {
        json_decref(j);
        j = NULL;
    }
    json_decref(rest);
    return j;
}
