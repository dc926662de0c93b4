/* export.h: what a GGUF file says of a tokenizer. */
#ifndef VLM_TOKEN_EXPORT_H
#define VLM_TOKEN_EXPORT_H

#include "token/token.h"

enum vlm_token_kind {
    VLM_TOKEN_KIND_NORMAL,
    VLM_TOKEN_KIND_CONTROL,
    VLM_TOKEN_KIND_USER,
    VLM_TOKEN_KIND_NONE
}; /* an id that is not in use */

/* The format's name of the pre-tokenizer, or an error when the tokenizer does what no GGUF says. */
int vlm_token_export_pre(const char **out, const vlm_tokenizer *t, vlm_error *err);
/* Appends the text of a token as files have it; false: out of memory. */
bool vlm_token_export_text(struct vlm_buf *out, const vlm_tokenizer *t, int32_t id,
                           enum vlm_token_kind *kind);
size_t vlm_token_export_merges(const vlm_tokenizer *t);
bool vlm_token_export_merge(struct vlm_buf *out, const vlm_tokenizer *t, size_t i); /* "a b" */

#endif
