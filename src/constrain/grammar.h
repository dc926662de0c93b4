/* grammar.h: the automaton that both compilers build, and how they build it: from the end.  Every
 * function takes the node that follows and returns the one to begin with, so that nothing needs
 * patching but loops. */
#ifndef VLM_CONSTRAIN_GRAMMAR_H
#define VLM_CONSTRAIN_GRAMMAR_H

#include "constrain/constrain.h"

enum vlm_node_kind {
    VLM_NODE_ACCEPT, /* the word is complete */
    VLM_NODE_SET,    /* a byte of set, then a */
    VLM_NODE_SPLIT,  /* a or b */
    VLM_NODE_CALL,   /* rule at a, then b */
    VLM_NODE_RETURN, /* end of a rule */
    VLM_NODE_DEAD    /* nothing */
};
struct vlm_node {
    uint8_t kind;
    uint8_t
        need; /* how deep calls must nest to get to the end from here; VLM_NEED_NEVER: none does */
    uint16_t set;
    uint32_t a, b;
};
#define VLM_NEED_NEVER 255
struct vlm_byte_set {
    uint64_t bits[4];
};
struct vlm_grammar {
    const vlm_allocator *alloc;
    struct vlm_node *nodes;
    struct vlm_byte_set *sets;
    size_t n_nodes, cap_nodes, n_sets, cap_sets;
    uint32_t start;
};

/* Errors are sticky: after the first, functions return 0 and rc says why. */
struct vlm_grammar_builder {
    struct vlm_grammar *g;
    vlm_error *err;
    int rc;
    uint16_t *set_table; /* sets by hash: 1 + index, 0: none */
};
/* A code point range; lists of them are sorted and disjoint after vlm_ranges_tidy. */
struct vlm_range {
    uint32_t lo, hi;
};

int vlm_grammar_begin(struct vlm_grammar_builder *b, const vlm_allocator *alloc, vlm_error *err);
/* Hands the grammar out, or frees it when something failed. */
int vlm_grammar_end(struct vlm_grammar **out, struct vlm_grammar_builder *b, uint32_t start);

uint32_t vlm_build_node(struct vlm_grammar_builder *b, enum vlm_node_kind kind, uint32_t a,
                        uint32_t to);
uint32_t vlm_build_set(struct vlm_grammar_builder *b, const struct vlm_byte_set *s, uint32_t next);
uint32_t vlm_build_bytes(struct vlm_grammar_builder *b, const void *bytes, size_t n, uint32_t next);
uint32_t vlm_build_range(struct vlm_grammar_builder *b, uint8_t lo, uint8_t hi, uint32_t next);
uint32_t vlm_build_either(struct vlm_grammar_builder *b, uint32_t x, uint32_t y);
/* One character of the ranges as UTF-8; as_json: as it stands inside a JSON string. */
uint32_t vlm_build_chars(struct vlm_grammar_builder *b, const struct vlm_range *r, size_t n,
                         bool as_json, uint32_t next);
/* s as it stands inside a JSON string, without quotes. */
uint32_t vlm_build_json_text(struct vlm_grammar_builder *b, const char *s, size_t n, uint32_t next);

/* Between min and max (SIZE_MAX: any number) copies of what make builds. */
typedef uint32_t (*vlm_build_fn)(void *ctx, uint32_t next);
uint32_t vlm_build_repeat(struct vlm_grammar_builder *b, vlm_build_fn make, void *ctx, size_t min,
                          size_t max, uint32_t next);

/* Sorts and joins; returns the new count. */
size_t vlm_ranges_tidy(struct vlm_range *r, size_t n);

/* regex.c: pattern as a grammar in front of next. */
struct vlm_regex_use {
    bool search;     /* may begin and end anywhere inside (JSON Schema's pattern); else the whole */
    bool as_json;    /* characters as they stand inside a JSON string */
    size_t min, max; /* characters of the whole text; max SIZE_MAX: any number */
};
uint32_t vlm_build_regex(struct vlm_grammar_builder *b, const char *pattern, size_t n,
                         const struct vlm_regex_use *use, uint32_t next);

/* regex_count.c: chars is a pattern's automaton whose SET nodes are characters, numbered by set;
 * make builds one of them. */
typedef uint32_t (*vlm_build_char_fn)(void *ctx, uint32_t character, uint32_t next);
/* Have all its texts lengths that may be?  false also when memory ends, with rc. */
bool vlm_build_fits(struct vlm_grammar_builder *b, const struct vlm_grammar *chars, uint32_t begin,
                    const struct vlm_regex_use *use);
uint32_t vlm_build_counted(struct vlm_grammar_builder *b, const struct vlm_grammar *chars,
                           uint32_t begin, const struct vlm_regex_use *use, vlm_build_char_fn make,
                           void *ctx, uint32_t next);

/* number.c: decimal numbers lo <= x <= hi (either may be NULL: open; open ends have at most 15
 * digits), as JSON writes them without exponent.  Bounds are decimal text such as "-12.5";
 * excl_*: the bound itself is not meant. */
enum { VLM_NUMBER_DIGITS = 15 }; /* of an integer part and of a fraction; all exact in a double */
struct vlm_bounds {
    const char *lo, *hi;
    bool excl_lo, excl_hi;
    unsigned places; /* digits of a fraction at most; 0: whole numbers */
    unsigned step;   /* 1..1000: multiples of step * 10^-places; 1 with all places: any number */
};
uint32_t vlm_build_number(struct vlm_grammar_builder *b, const struct vlm_bounds *bounds,
                          uint32_t next);

#endif
