/* score.c: see score.h. */
#include "score.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/status.h"
#include "io.h"

/* The ids of an answer as it stands: no space added, no end token. */
static int tokens_of(int32_t **ids, size_t *n, const vlm_engine *e, const char *text, size_t n_text,
                     vlm_error *err)
{
    *ids = NULL;
    int rc = vlm_tokenize(e, text, n_text, 0, NULL, 0, n, err);
    if (rc < 0)
        return rc;
    *ids = calloc(*n ? *n : 1, sizeof **ids);
    if (!*ids)
        return vlm_fail(err, VLM_ERR_MEMORY, "out of memory");
    return vlm_tokenize(e, text, n_text, 0, *ids, *n, n, err);
}

static int score_one(json_t *list, double *total, const vlm_engine *e, vlm_session *s,
                     const json_t *answer, vlm_error *err)
{
    int32_t *ids;
    size_t n;
    float *logprobs = NULL;
    *total = 0;
    int rc = tokens_of(&ids, &n, e, json_string_value(answer), json_string_length(answer), err);
    if (rc == VLM_OK) {
        logprobs = calloc(n ? n : 1, sizeof *logprobs);
        rc = logprobs ? vlm_session_score(s, ids, n, logprobs, err)
                      : vlm_fail(err, VLM_ERR_MEMORY, "out of memory");
    }
    if (rc == VLM_OK) {
        json_t *each = json_array(), *tokens = json_array();
        for (size_t i = 0; i < n; i++) {
            *total += (double)logprobs[i];
            json_array_append_new(each, json_real((double)logprobs[i]));
            json_array_append_new(tokens, json_integer(ids[i]));
        }
        json_t *one = json_pack("{sOsfsoso}", "answer", answer, "logprob", *total, "tokens", tokens,
                                "token_logprobs", each);
        if (!one || json_array_append_new(list, one) != 0)
            rc = vlm_fail(err, VLM_ERR_MEMORY, "out of memory");
    }
    free(logprobs);
    free(ids);
    return rc;
}

int cli_score_make(json_t **result, const vlm_engine *engine, vlm_session *session,
                   const struct cli_request *r, const json_t *object, vlm_error *err)
{
    const json_t *answers = json_object_get(object, "answers");
    const json_t *one = json_object_get(object, "answer");
    size_t n = one ? 1 : json_array_size(answers), best = 0;
    if (n == 0 || (one && answers))
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "found %s, expected \"answer\" or a list of \"answers\"",
                        one ? "both" : "no answer");
    for (size_t i = 0; i < n; i++)
        if (!json_is_string(one ? one : json_array_get(answers, i)))
            return vlm_fail(err, VLM_ERR_FORMAT, "answer %zu: found no text, expected one", i);
    int rc = vlm_session_sync(session, r->messages, r->n_messages, err);
    json_t *list = json_array();
    double highest = 0;
    for (size_t i = 0; rc == VLM_OK && i < n; i++) {
        double total;
        rc = score_one(list, &total, engine, session, one ? one : json_array_get(answers, i), err);
        if (i == 0 || total > highest) {
            highest = total;
            best = i;
        }
    }
    cli_progress_clear();
    if (rc < 0)
        json_decref(list);
    else
        *result = json_pack("{sosI}", "scores", list, "best", (json_int_t)best);
    return rc < 0 || *result ? rc : vlm_fail(err, VLM_ERR_MEMORY, "out of memory");
}

int cli_embed_make(json_t **result, vlm_engine *engine, const struct cli_request *r,
                   const struct cli_options *o, vlm_error *err)
{
    size_t n = vlm_engine_embedding_size(engine);
    float *x = calloc(n, sizeof *x);
    vlm_session_options so;
    cli_session_options(&so, o);
    so.max_tokens = 0;
    int rc = x ? vlm_embed(engine, r->messages, r->n_messages, (vlm_pooling)o->pooling, &so, x, err)
               : vlm_fail(err, VLM_ERR_MEMORY, "out of memory");
    cli_progress_clear();
    if (rc == VLM_OK) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, json_real((double)x[i]));
        *result = json_pack("{so}", "embedding", list);
        if (!*result)
            rc = vlm_fail(err, VLM_ERR_MEMORY, "out of memory");
    }
    free(x);
    return rc;
}
