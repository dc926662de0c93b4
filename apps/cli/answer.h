/* answer.h: asks a session and collects what it says; the result object of `run --json` and
 * `batch`. */
#ifndef VLM_CLI_ANSWER_H
#define VLM_CLI_ANSWER_H

#include <jansson.h>
#include <stdio.h>

#include "model.h"
#include "request.h"

struct cli_answer {
    struct vlm_buf text;
    json_t *ids;      /* every token, a stop token included */
    json_t *logprobs; /* NULL unless asked for */
    vlm_finish finish;
    vlm_stats stats;
};

/* Syncs the request and generates.  stream: where text goes as it comes, or NULL.  On failure *a
 * holds what was said before; free it either way. */
int cli_answer_make(struct cli_answer *a, vlm_session *session, const struct cli_request *r,
                    FILE *stream, bool logprobs, vlm_error *err);
/* The object cli.md describes; NULL when out of memory. */
json_t *cli_answer_json(const struct cli_answer *a, const struct cli_model *m,
                        const struct cli_request *r, double load_ms, double total_ms);
void cli_answer_free(struct cli_answer *a);

#endif
