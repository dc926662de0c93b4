/* sample.h: from logits to a token.
 *
 * The order, as transformers has it where it has them: logit bias (added), repeat penalty (Keskar
 * et al. 2019, CTRL: a seen token's logit is divided by the penalty if positive, multiplied if
 * negative), presence and frequency penalty (as the OpenAI API defines them: logit - presence *
 * [count > 0] - frequency * count, over the answer so far), tokens that may not be (the end before
 * min_tokens, what a constraint forbids), temperature (logit / t), top-k, top-p (the smallest set
 * of likeliest tokens whose probability reaches p; Holtzman et al. 2020), min-p (tokens at least p
 * times as likely as the likeliest; Nguyen et al. 2024), typical-p (the smallest set of tokens
 * whose surprise is nearest to the entropy and whose probability reaches p; Meister et al. 2022).
 * Ties go to the lower id. */
#ifndef VLM_ENGINE_SAMPLE_H
#define VLM_ENGINE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vlm.h"

struct vlm_candidate {
    float logit;
    int32_t id;
};
struct vlm_sample_options {
    float temperature, top_p, min_p, repeat_penalty;
    size_t top_k; /* 0: off */
    uint64_t seed;
    float typical_p;            /* 1: off */
    float presence, frequency;  /* 0: off */
    const uint16_t *counts;     /* [n], of the answer so far; NULL when both are 0 */
    const vlm_logit_bias *bias; /* ids < n */
    size_t n_bias;
    const uint64_t *allowed; /* a bit for each id that may be; NULL: all */
    const int32_t *ends;     /* ids that end the answer, < n */
    size_t n_ends;
    bool may_end, must_not_end; /* may_end: with allowed, ends are allowed; must_not_end: they are
                                   not, if anything else is */
};

/* Returns the token, or -1 when none may be.  seen: a bit for each id that stands in the sequence
 * (may be NULL when the penalty is 1); position numbers the draw, so that the same seed gives the
 * same token whatever else is computed beside it. scratch: [n].  (exp is the C library's: draws are
 * the same wherever it rounds alike.)  logits are not changed.  n > 0. */
int32_t vlm_engine_sample(const float *logits, size_t n, const struct vlm_sample_options *o,
                          const uint8_t *seen, uint64_t position, struct vlm_candidate *scratch);
/* The n_top best logits, best first. n_top <= n */
void vlm_engine_top(struct vlm_candidate *out, size_t n_top, const float *logits, size_t n);

#endif
