/* schema.h: what the files of the schema compiler share.
 *
 *   schema.c        the entry, rules, choices, which builder a schema is for
 *   schema_look.c   reading schemas: messages, references, types, what excludes what
 *   schema_join.c   several schemas that must hold together as one
 *   schema_value.c  strings and numbers
 *   schema_tree.c   arrays and objects
 *
 * A function that builds takes the node that follows and returns the one to begin with.  The first
 * failure stays in b.rc; whatever is built afterwards is not used. */
#ifndef VLM_CONSTRAIN_SCHEMA_H
#define VLM_CONSTRAIN_SCHEMA_H

#include <jansson.h>

#include "constrain/grammar.h"

struct vlm_schema_rule {
    const json_t *schema; /* json_true(): any JSON value */
    uint32_t entry;
};

struct vlm_schema {
    struct vlm_grammar_builder b;
    json_t *root;
    json_t *made; /* array: schemas put together here */
    struct vlm_schema_rule *rules;
    size_t n_rules, cap_rules;
    uint32_t char_rule; /* 0: not built yet */
    unsigned depth;
    uint64_t steps; /* what comparing and joining schemas took so far */
    char path[160]; /* where in the schema, for messages */
    size_t n_path;
};

enum vlm_schema_type {
    VLM_TYPE_NULL = 1,
    VLM_TYPE_BOOL = 2,
    VLM_TYPE_NUMBER = 4,
    VLM_TYPE_STRING = 8,
    VLM_TYPE_ARRAY = 16,
    VLM_TYPE_OBJECT = 32,
    VLM_TYPE_ALL = 63
};

/* ---- schema_look.c ---- */

size_t vlm_schema_enter(struct vlm_schema *c, const char *name); /* give the result to leave */
void vlm_schema_leave(struct vlm_schema *c, size_t before);
/* The error "schema: at 'PATH': WHAT 'NAME'"; returns 0. */
uint32_t vlm_schema_refuse(struct vlm_schema *c, const char *what, const char *name);
/* Counts work that the number of nodes does not bound; false when it was too much. */
bool vlm_schema_work(struct vlm_schema *c, size_t n);
bool vlm_schema_annotation(const char *key); /* a keyword without effect */
/* Every keyword of the schema is an annotation or in list (ends with NULL); refuses otherwise. */
bool vlm_schema_only(struct vlm_schema *c, json_t *schema, const char *const *list);
json_t *vlm_schema_resolve(struct vlm_schema *c, const char *ref); /* NULL: refused */
/* Something of ours that behaves like a schema of the document; takes the reference. */
json_t *vlm_schema_made(struct vlm_schema *c, json_t *schema);
unsigned vlm_schema_value_type(const json_t *v);
unsigned vlm_schema_types(json_t *schema); /* that its values can have, as bits */
bool vlm_schema_requires(json_t *schema, const char *key);
bool vlm_schema_disjoint(struct vlm_schema *c, json_t *x, json_t *y); /* no value fulfils both */
/* A count: otherwise when absent; above the limit it is refused, or cut to it with cut. */
size_t vlm_schema_count(struct vlm_schema *c, json_t *schema, const char *name, size_t otherwise,
                        bool cut);

/* ---- schema_join.c ---- */

/* Adds what from asks to into, an object of ours.  false: refused, or (*never) no value fulfils
 * both. */
bool vlm_schema_join(struct vlm_schema *c, json_t *into, json_t *from, bool *never);

/* ---- schema.c ---- */

uint32_t vlm_schema_build(struct vlm_schema *c, json_t *schema, uint32_t next);
/* A call of the schema's rule, which is built once and may call itself.  NULL: any value. */
uint32_t vlm_schema_call(struct vlm_schema *c, json_t *schema, uint32_t next);
uint32_t vlm_schema_text(struct vlm_schema *c, const char *s, uint32_t next);
uint32_t vlm_schema_space(struct vlm_schema *c, uint32_t next); /* one or none */

/* ---- schema_value.c, schema_tree.c ---- */

uint32_t vlm_schema_string(struct vlm_schema *c, json_t *schema, uint32_t next);
uint32_t vlm_schema_number(struct vlm_schema *c, json_t *schema, bool integer, uint32_t next);
uint32_t vlm_schema_array(struct vlm_schema *c, json_t *schema, uint32_t next);
uint32_t vlm_schema_object(struct vlm_schema *c, json_t *schema, uint32_t next);

#endif
