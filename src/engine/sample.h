/* sample.h: from logits to a token.
 *
 * The order, as transformers has it: repeat penalty (Keskar et al. 2019, CTRL: a seen token's logit
 * is divided by the penalty if positive, multiplied if negative), temperature (logit / t), top-k,
 * top-p (the smallest set of likeliest tokens whose probability reaches p; Holtzman et al. 2020),
 * min-p (tokens at least p times as likely as the likeliest; Nguyen et al. 2024).  Ties go to the
 * lower id. */
#ifndef VLM_ENGINE_SAMPLE_H
#define VLM_ENGINE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vlm_candidate {
    float logit;
    int32_t id;
};
struct vlm_sample_options {
    float temperature, top_p, min_p, repeat_penalty;
    size_t top_k; /* 0: off */
    uint64_t seed;
};

/* seen: a bit for each id that stands in the sequence (may be NULL when the penalty is 1); position
 * numbers the draw, so that the same seed gives the same token whatever else is computed beside it.
 * scratch: [n].  (exp is the C library's: draws are the same wherever it rounds alike.)  logits are
 * not changed.  n > 0. */
int32_t vlm_engine_sample(const float *logits, size_t n, const struct vlm_sample_options *o,
                          const uint8_t *seen, uint64_t position, struct vlm_candidate *scratch);
/* The n_top best logits, best first. n_top <= n */
void vlm_engine_top(struct vlm_candidate *out, size_t n_top, const float *logits, size_t n);

#endif
