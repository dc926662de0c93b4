/* load.h: what the loaders of this room share: vocab.c, and for tokenizer.json load.c and
 * sections.c, for GGUF gguf.c.
 *
 * Members of a JSON object may come in any order, so a sweep keeps a reader for those it knows. */
#ifndef VLM_TOKEN_LOAD_H
#define VLM_TOKEN_LOAD_H

#include "format/json.h"
#include "token/internal.h"

struct vlm_token_loader {
    struct vlm_tokenizer *t;
    const char *file;
    vlm_error *err;
    struct vlm_buf scratch; /* a string of the file, decoded */
};

/* ---- vocab.c: the parts, in the order of their use ---- */

int vlm_token_begin(struct vlm_token_loader *l, const vlm_allocator *alloc, const char *file,
                    vlm_error *err);
/* A new token of the vocabulary: the text in scratch. */
int vlm_token_add_entry(struct vlm_token_loader *l, uint64_t id);
int vlm_token_index_words(struct vlm_token_loader *l); /* all tokens so far by their text */
void vlm_token_find_bytes(struct vlm_token_loader *l);
int vlm_token_bad_merge(const struct vlm_token_loader *l);
/* "a b" in scratch becomes "ab"; *n_left: bytes of a. */
int vlm_token_split_merge(struct vlm_token_loader *l, size_t *n_left);
int vlm_token_add_merge(struct vlm_token_loader *l, size_t n_left); /* "ab" in scratch */
/* The token's entry must be marked added; its text comes from there. */
int vlm_token_add_added(struct vlm_token_loader *l, const struct vlm_token_added *token,
                        bool normalized);
int vlm_token_index_pairs(struct vlm_token_loader *l);
int vlm_token_turn_to_bytes(struct vlm_token_loader *l);
int vlm_token_link_sets(struct vlm_token_loader *l);
int vlm_token_end(vlm_tokenizer **out, struct vlm_token_loader *l, int rc); /* passes rc on */

/* ---- tokenizer.json ---- */

struct vlm_token_member {
    const char *name;
    struct vlm_json at;      /* behind the value's first event: inside, or behind a scalar */
    enum vlm_json_kind kind; /* of the value; VLM_JSON_NULL when there is none */
};

/* j stands behind OBJECT and is moved to its end.  False: the document is damaged. */
bool vlm_token_read_members(struct vlm_json *j, struct vlm_token_member *members, size_t n);
/* null and absent leave *out as it is */
int vlm_token_read_flag(const struct vlm_token_loader *l, const struct vlm_token_member *m,
                        bool *out);
/* Decodes the string at j into scratch.  what: for the error when it is too long. */
int vlm_token_read_string(struct vlm_token_loader *l, const struct vlm_json *j, const char *what);
bool vlm_token_member_is(const struct vlm_token_member *m, const char *text);
int vlm_token_out_of_memory(const struct vlm_token_loader *l);
/* SECTION "TYPE" is not supported */
int vlm_token_refuse(const struct vlm_token_loader *l, const char *section,
                     const struct vlm_token_member *type);

int vlm_token_load_normalizer(const struct vlm_token_loader *l, struct vlm_token_member *m);
int vlm_token_load_pre_tokenizer(struct vlm_token_loader *l, struct vlm_token_member *m);
int vlm_token_load_post_processor(const struct vlm_token_loader *l, struct vlm_token_member *m);
int vlm_token_load_decoder(const struct vlm_token_loader *l, struct vlm_token_member *m);

#endif
