/* internal.h: what the files of this room share.
 *
 *   load.c   tokenizer.json -> struct vlm_tokenizer (sections.c: its smaller parts)
 *   gguf.c   the same from the pairs of a GGUF file
 *   vocab.c  what both make: entries, merges, added tokens
 *   added.c  text -> added tokens and what lies between
 *   split.c  what lies between -> pieces (regex.c: patterns from the file;
 *            chars.c: Unicode classes)
 *   bpe.c    a piece -> ids
 *   token.c  the functions of token.h
 *
 * All text inside the room is valid UTF-8: token.c replaces what is not before others see it. */
#ifndef VLM_TOKEN_INTERNAL_H
#define VLM_TOKEN_INTERNAL_H

#include "base/limits.h"
#include "token/token.h"

/* ---- the tokenizer: written by load.c, then constant ----------------------------------------- */

struct vlm_token_entry {
    uint32_t at;     /* its bytes begin at bytes.data + at */
    uint32_t n : 24; /* VLM_LIMIT_TOKEN_BYTES fits */
    uint32_t used : 1, added : 1, special : 1;
    uint32_t literal : 1; /* not made of byte characters: its bytes are its text */
};

/* merges[rank]: the pair of tokens that becomes token id */
struct vlm_token_merge {
    uint32_t left, right, id;
};

/* Open addressing over n numbers below 2^32 - 1, at most half full.  A chain longer than
 * VLM_TOKEN_CHAIN never occurs by accident: such a file is refused, so that no lookup is slow. */
#define VLM_TOKEN_CHAIN 256
struct vlm_token_table {
    uint32_t *slots; /* number + 1, 0 is free */
    uint32_t mask;
};

struct vlm_token_added {
    const char *s;
    uint32_t n;
    int32_t id;
    int32_t parent; /* index of the longest other token that begins this one, or -1 */
    bool single_word, lstrip, rstrip;
};

/* Added tokens sorted by their bytes. */
struct vlm_token_set {
    struct vlm_token_added *tokens;
    size_t n, cap;
    bool first[256]; /* bytes with which a token begins */
};

enum vlm_token_behavior {
    VLM_TOKEN_ISOLATED,
    VLM_TOKEN_REMOVED,
    VLM_TOKEN_CONTIGUOUS,
    VLM_TOKEN_WITH_PREVIOUS,
    VLM_TOKEN_WITH_NEXT
};

/* One pre-tokenizer.  The last one is BYTE_LEVEL, and only that. */
struct vlm_token_step {
    enum { VLM_TOKEN_DIGITS, VLM_TOKEN_SPLIT, VLM_TOKEN_BYTE_LEVEL } kind;
    enum vlm_token_behavior behavior; /* DIGITS, SPLIT */
    bool invert;                      /* SPLIT: pieces are what does not match */
    struct vlm_token_regex *regex;    /* SPLIT */
    bool prefix_space, gpt2;          /* BYTE_LEVEL */
};
#define VLM_TOKEN_STEPS 16

struct vlm_tokenizer {
    const vlm_allocator *alloc;
    struct vlm_buf bytes;
    struct vlm_token_entry *entries; /* by id */
    size_t n_entries, cap_entries;
    int32_t byte_id[256]; /* -1: not in the vocabulary */
    struct vlm_token_merge *merges;
    size_t n_merges, cap_merges;
    struct vlm_token_table pairs; /* (left, right) -> rank */
    struct vlm_token_table words; /* bytes -> id, kept only for ignore_merges */
    bool ignore_merges, fuse_unk;
    int32_t unk;                  /* -1: bytes without a token are dropped */
    struct vlm_token_set sets[2]; /* added tokens to match first, and those with normalized: true */
    size_t n_added;
    struct vlm_token_step steps[VLM_TOKEN_STEPS];
    size_t n_steps;
};

/* ---- one call of encode ---------------------------------------------------------------------- */

struct vlm_token_symbol; /* bpe.c */
struct vlm_token_event;

struct vlm_token_run {
    const struct vlm_tokenizer *t;
    struct vlm_ids *out;
    vlm_error *err;
    const char *text;
    size_t n_text;
    const struct vlm_span *plain; /* no empty ones */
    size_t n_plain;
    size_t next_plain[2];    /* added.c: how far each phase has come */
    struct vlm_buf prefixed; /* a piece behind the space of add_prefix_space */
    struct vlm_token_symbol *symbols;
    struct vlm_token_event *heap;
    size_t cap_symbols;
    struct vlm_token_matcher *matcher; /* regex.c, made when first needed */
};

int vlm_token_run_added(struct vlm_token_run *r, int phase, size_t begin, size_t end);
int vlm_token_run_split(struct vlm_token_run *r, size_t step, const char *s, size_t n);
int vlm_token_run_bpe(struct vlm_token_run *r, const char *s, size_t n);
void vlm_token_run_free(struct vlm_token_run *r); /* frees what the run owns */

/* ---- tables ---------------------------------------------------------------------------------- */

bool vlm_token_table_init(struct vlm_token_table *table, const vlm_allocator *alloc, size_t n);
/* Puts a number into the first free slot of a chain; false when the chain is too long. */
bool vlm_token_table_put(struct vlm_token_table *table, uint64_t hash, uint32_t number);

uint64_t vlm_token_pair_hash(uint32_t left, uint32_t right);
int64_t vlm_token_rank(const struct vlm_tokenizer *t, uint32_t left, uint32_t right); /* or -1 */
int32_t vlm_token_word(const struct vlm_tokenizer *t, const char *s, size_t n);       /* id or -1 */

/* Sorts and links a filled set; false when two tokens are the same (*twice). */
bool vlm_token_set_link(struct vlm_token_set *set, const struct vlm_token_added **twice);
const struct vlm_token_added *vlm_token_set_find(const struct vlm_token_set *set, const char *s,
                                                 size_t n);

/* ---- characters ------------------------------------------------------------------------------ */

enum vlm_token_class { VLM_TOKEN_OTHER, VLM_TOKEN_LETTER, VLM_TOKEN_NUMBER, VLM_TOKEN_SPACE };
enum vlm_token_class vlm_token_class_of(uint32_t cp); /* \p{L}, \p{N}, \s of the reference */
bool vlm_token_is_numeric(uint32_t cp);               /* Digits of the reference */
bool vlm_token_is_word(uint32_t cp);                  /* \w, for single_word */
uint32_t vlm_token_char_of_byte(unsigned char b);     /* GPT-2's printable form of a byte */
int vlm_token_byte_of_char(uint32_t cp);              /* and back, or -1 */

/* ---- patterns -------------------------------------------------------------------------------- */

/* literal: the pattern is the text itself.  Errors say why the pattern was refused. */
int vlm_token_regex_open(struct vlm_token_regex **out, const vlm_allocator *alloc,
                         const char *pattern, size_t n, bool literal, const char *file,
                         vlm_error *err);
void vlm_token_regex_close(struct vlm_token_regex *regex);
/* The first match in s[from..n): 1 and [*begin, *end), 0 for none, or a status. */
int vlm_token_regex_match(struct vlm_token_run *r, const struct vlm_token_regex *regex,
                          const char *s, size_t n, size_t from, size_t *begin, size_t *end);
void vlm_token_matcher_close(struct vlm_token_matcher *m);

#endif
