/* token.h: text <-> ids, from tokenizer.json or a GGUF file (byte-level BPE).  Immutable after
 * open, no locks. */
#ifndef VLM_TOKEN_TOKEN_H
#define VLM_TOKEN_TOKEN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"
#include "format/gguf.h"

typedef struct vlm_tokenizer vlm_tokenizer;

/* A run of bytes. */
struct vlm_span {
    size_t begin, end;
};
struct vlm_ids { /* a growing array; free with vlm_ids_free */
    const vlm_allocator *alloc;
    int32_t *data;
    size_t n, cap;
};
void vlm_ids_init(struct vlm_ids *ids, const vlm_allocator *alloc);
void vlm_ids_free(struct vlm_ids *ids);
bool vlm_ids_push(struct vlm_ids *ids, int32_t id);

/* json: the whole file, borrowed only during the call.  file: its name for errors. */
int vlm_tokenizer_open(vlm_tokenizer **out, const vlm_allocator *alloc, const void *json, size_t n,
                       const char *file, vlm_error *err);
/* From tokenizer.ggml.* of a GGUF file, of which nothing is kept. */
int vlm_tokenizer_open_gguf(vlm_tokenizer **out, const vlm_allocator *alloc,
                            const struct vlm_gguf *g, vlm_error *err);
void vlm_tokenizer_close(vlm_tokenizer *t); /* NULL allowed */

/* Appends the ids of text.  plain: n_plain ascending, disjoint runs that came from users: an added
 * (control) token is never matched where it touches one of them, so those bytes stay ordinary text.
 * The rest behaves as the reference on the whole string.  Linear time. */
int vlm_token_encode(struct vlm_ids *out, const vlm_tokenizer *t, const char *text, size_t n_text,
                     const struct vlm_span *plain, size_t n_plain, vlm_error *err);
/* The raw bytes of one id, borrowed from the tokenizer (added tokens: their literal text). *special
 * (may be NULL) says whether it is a special added token.  false for an id that is not in use. */
bool vlm_token_bytes(const vlm_tokenizer *t, int32_t id, const char **bytes, size_t *n,
                     bool *special);
/* Appends the text of ids as valid UTF-8 (U+FFFD for what is not). */
int vlm_token_decode(struct vlm_buf *out, const vlm_tokenizer *t, const int32_t *ids, size_t n,
                     bool skip_special, vlm_error *err);
int32_t vlm_token_find(const vlm_tokenizer *t, const char *text); /* id of an added token, or -1 */
size_t vlm_token_count(const vlm_tokenizer *t);                   /* highest id in use + 1 */
size_t vlm_token_plain(const vlm_tokenizer *t);                   /* the same without added ones */
size_t vlm_token_added(const vlm_tokenizer *t);                   /* number of added tokens */

#endif
