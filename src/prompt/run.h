/* run.h: a template with any variables, for callers that have more than messages (tools, tokens,
 * data), and for tests. */
#ifndef VLM_PROMPT_RUN_H
#define VLM_PROMPT_RUN_H

#include "prompt/prompt.h"
#include "prompt/value.h"

/* Begin, make a dict of variables in the run (vlm_v_*), run, use *out, then vlm_run_free.  On
 * failure run->status is the status and err is written. */
void vlm_template_begin(const vlm_template *t, struct vlm_run *run, const vlm_allocator *alloc,
                        vlm_error *err);
bool vlm_template_run(const vlm_template *t, struct vlm_run *run, const struct vlm_value *variables,
                      struct vlm_value *out);

/* The text that vlm_prompt_ids tokenises, with its plain runs. */
int vlm_prompt_expand(struct vlm_prompt_text *out, const struct vlm_prompt_text *p,
                      const struct vlm_prompt_format *format, const struct vlm_prompt_image *images,
                      size_t n_images, vlm_error *err);

#endif
