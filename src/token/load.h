/* load.h: what load.c and sections.c share while a tokenizer.json is read.
 *
 * Members of an object may come in any order, so a sweep keeps a reader for those it knows. */
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
