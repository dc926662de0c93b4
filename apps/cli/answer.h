/* answer.h: asks a session and collects what it says, once or several times side by side; the
 * result object of `run --json`, `batch` and `chat`.
 *
 * Choice 0 is said by the caller's session, the others by sessions of the answer's own.  Several
 * answers may be under way: cli_answer_sessions of each, one vlm_step, cli_answer_collect of each.
 */
#ifndef VLM_CLI_ANSWER_H
#define VLM_CLI_ANSWER_H

#include <jansson.h>
#include <stdio.h>

#include "model.h"
#include "request.h"

struct cli_choice {
    vlm_session *session;
    struct vlm_buf text;
    json_t *ids;      /* every token, a stop token included */
    json_t *logprobs; /* NULL unless asked for */
    vlm_finish finish;
    bool done;
};
struct cli_answer {
    struct cli_choice *choices;
    size_t n;
    vlm_stats stats; /* completion_tokens: of all choices */
};

/* Syncs the request; n_choices 1..VLM_LIMIT_BATCH.  so is what session was opened with: choice i
 * draws with seed + i.  *a can be freed whatever is returned.  Leaves
 * the session as what Ctrl-C cancels. */
int cli_answer_begin(struct cli_answer *a, vlm_engine *engine, vlm_session *session,
                     const struct cli_request *r, const vlm_session_options *so, size_t n_choices,
                     vlm_error *err);
/* Those that have more to say; returns how many. */
size_t cli_answer_sessions(const struct cli_answer *a, vlm_session **out);
/* What the last step gave.  stream: where choice 0's text goes as it comes, or NULL.  VLM_DONE when
 * every choice is complete. */
int cli_answer_collect(struct cli_answer *a, FILE *stream, vlm_error *err);
/* begin, then step and collect to the end.  On failure *a holds what was said before. */
int cli_answer_make(struct cli_answer *a, vlm_engine *engine, vlm_session *session,
                    const struct cli_request *r, const vlm_session_options *so, size_t n_choices,
                    FILE *stream, vlm_error *err);
/* The object cli.md describes; NULL when out of memory. */
json_t *cli_answer_json(const struct cli_answer *a, const struct cli_model *m,
                        const struct cli_request *r, double load_ms, double total_ms);
/* "412 tokens read ..." on stderr. */
void cli_answer_print_stats(const struct cli_answer *a);
void cli_answer_free(struct cli_answer *a);

#endif
