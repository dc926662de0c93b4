/* score.h: what `vlm score` and `vlm embed` say about one request. */
#ifndef VLM_CLI_SCORE_H
#define VLM_CLI_SCORE_H

#include "request.h"

/* object's "answers" (a list) or "answer":
 * {"scores":[{"answer","logprob","tokens","token_logprobs"}], "best":index of the likeliest}.  The
 * session has r as its conversation afterwards. */
int cli_score_make(json_t **result, const vlm_engine *engine, vlm_session *session,
                   const struct cli_request *r, const json_t *object, vlm_error *err);
/* {"embedding":[...]} of length 1. */
int cli_embed_make(json_t **result, vlm_engine *engine, const struct cli_request *r,
                   const struct cli_options *o, vlm_error *err);

#endif
