/* steer.h: what holds an answer to a form: --json-schema, --regex, --logit-bias. */
#ifndef VLM_CLI_STEER_H
#define VLM_CLI_STEER_H

#include "options.h"
#include "vlm.h"

struct cli_steer {
    vlm_constraint *constraint; /* NULL: none */
    vlm_logit_bias *biases;
    size_t n_biases;
};
bool cli_steer_bias(vlm_logit_bias *out, const char *text); /* "ID=X", X a number or -inf */
/* The biases of o were checked.  On failure *s is empty. */
int cli_steer_open(struct cli_steer *s, const vlm_engine *engine, const struct cli_options *o,
                   vlm_error *err);
/* What the session borrows from s until it is closed. */
void cli_steer_apply(const struct cli_steer *s, vlm_session_options *so);
void cli_steer_close(struct cli_steer *s); /* after the session */

#endif
