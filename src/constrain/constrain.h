/* constrain.h: which tokens may come next so that an answer stays in a language: that of a JSON
 * schema or of a regular expression.
 *
 * Compiling gives a GRAMMAR: a nondeterministic automaton over bytes whose rules may call each
 * other (grammar.h).  A MATCHER determinises it while it is used and answers, for a state, which
 * ids of a vocabulary keep the text a beginning of a word of the language.  Everything has a
 * budget (limits.h); what cannot be expressed is refused by name, never left out: the language of a
 * compiled schema is a subset of what the schema allows.
 *
 * A grammar is immutable.  A matcher changes with use: one caller at a time. */
#ifndef VLM_CONSTRAIN_CONSTRAIN_H
#define VLM_CONSTRAIN_CONSTRAIN_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/status.h"

struct vlm_grammar;

/* JSON Schema (2020-12 and what draft 7 has in common with it).  Objects list their properties in
 * the schema's order; no white space but one optional space behind ':' and ',' and before the
 * value.  Annotations are ignored; a keyword that is not known is an error. */
int vlm_grammar_from_schema(struct vlm_grammar **out, const vlm_allocator *alloc, const char *json,
                            size_t n, vlm_error *err);
/* A regular expression that the whole answer matches: characters, classes, groups, alternatives,
 * repetition, \d \w \s and their capitals, anchors at the ends.  UTF-8. */
int vlm_grammar_from_regex(struct vlm_grammar **out, const vlm_allocator *alloc,
                           const char *pattern, size_t n, vlm_error *err);
void vlm_grammar_free(struct vlm_grammar *g); /* NULL allowed */

/* The bytes of ids 0..n-1: id i is bytes[begin[i]] up to begin[i+1]; ids without bytes are never
 * allowed (control tokens are given so). */
struct vlm_vocabulary {
    size_t n;
    const uint32_t *begin;
    const uint8_t *bytes;
};

#define VLM_CONSTRAIN_TOKEN_BYTES 256 /* longer tokens are never allowed */

struct vlm_matcher;
/* Borrows the grammar; copies the vocabulary's order only: its arrays must live as long. */
int vlm_matcher_open(struct vlm_matcher **out, const vlm_allocator *alloc,
                     const struct vlm_grammar *g, const struct vlm_vocabulary *v, vlm_error *err);
void vlm_matcher_close(struct vlm_matcher *m);           /* NULL allowed */
uint64_t vlm_matcher_bytes(const struct vlm_matcher *m); /* memory, all taken at open */

/* Where one text stands.  A matcher forgets its states when they become too many; a place then
 * finds itself again from the text, which its owner keeps. */
struct vlm_place {
    uint32_t state, generation;
};
struct vlm_place vlm_matcher_start(struct vlm_matcher *m);
/* The place behind text; VLM_ERR_ARGUMENT when text is no beginning of a word. */
int vlm_matcher_find(struct vlm_place *out, struct vlm_matcher *m, const void *text, size_t n,
                     vlm_error *err);
bool vlm_matcher_stale(const struct vlm_matcher *m, struct vlm_place p); /* call find again */
/* p moves behind n more bytes; false when they do not fit (p is unchanged) or p has become stale.
 */
bool vlm_matcher_advance(struct vlm_matcher *m, struct vlm_place *p, const void *bytes, size_t n);
/* One bit an id, (n + 63) / 64 words, until the next call; NULL: stale, or no room even after
 * forgetting (VLM_LIMIT_GRAMMAR_STATES).  *complete: the text is a word now; the end is allowed. */
const uint64_t *vlm_matcher_mask(struct vlm_matcher *m, struct vlm_place p, bool *complete);

#endif
