/* value.h: the values of a template run.  They are Python's as far as templates can tell: text by
 * code points, True == 1, dicts in order.  Everything lies in the arena of a struct vlm_run and
 * lives as long as it; values never change once made, except namespaces.
 *
 * Every byte of a string knows whether it came from a user (a message, a tool, any data) or from
 * the template's own source; slices share bytes and marks, concatenation carries them along.
 *
 * Functions that return bool return false after recording the error in the run; the caller just
 * returns.  Work that grows with data is paid for in steps, so that no template runs long. */
#ifndef VLM_PROMPT_VALUE_H
#define VLM_PROMPT_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/status.h"

/* Most bytes of values one run may make, and levels of nested values or of evaluation. */
#define VLM_RUN_BYTES (16 * VLM_LIMIT_TEMPLATE_OUTPUT_BYTES)
#define VLM_RUN_DEPTH (8 * VLM_LIMIT_TEMPLATE_DEPTH)

enum vlm_value_kind {
    VLM_V_MISSING, /* an argument that was not given; no template ever sees it */
    VLM_V_UNDEFINED,
    VLM_V_NONE,
    VLM_V_BOOL,
    VLM_V_INT,
    VLM_V_FLOAT,
    VLM_V_STRING,
    VLM_V_LIST,
    VLM_V_TUPLE,
    VLM_V_DICT,
    VLM_V_VIEW,     /* d.keys(), d.values(), d.items(): a list that prints differently */
    VLM_V_ITERATOR, /* what map, select, reverse ... give: always true, no length, read once */
    VLM_V_RANGE,
    VLM_V_NAMESPACE,
    VLM_V_FUNCTION,
    VLM_V_METHOD,
    VLM_V_MACRO,
    VLM_V_LOOP
};

struct vlm_str {
    const char *p;
    size_t n;
    const uint8_t *mask; /* one byte each, 1: a user's; NULL: all are as user says */
    bool user;
    bool markup; /* made by |escape or |safe: what is joined to it gets escaped */
};

struct vlm_undefined {
    const char *owner; /* type of the value that lacks it, or NULL */
    const char *name;  /* or, with n == 0, the whole sentence */
    size_t n;
    bool hidden; /* the sandbox forbids it */
};

struct vlm_value {
    enum vlm_value_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        const struct vlm_str *s;
        const struct vlm_undefined *undefined;
        struct vlm_seq *seq;   /* list, tuple, view, iterator */
        struct vlm_dict *dict; /* dict, namespace */
        const struct vlm_range *range;
        const struct vlm_builtin *function;
        const struct vlm_method *method;
        const struct vlm_macro *macro;
        struct vlm_loop *loop;
    } u;
};

struct vlm_seq {
    struct vlm_value *items;
    size_t n, cap;
    size_t at;        /* an iterator's next item */
    const char *view; /* a view's name in Python */
};
struct vlm_pair {
    struct vlm_value key, value;
};
struct vlm_dict {
    struct vlm_pair *pairs;
    size_t n, cap;
};
struct vlm_range {
    int64_t start, stop, step, n;
};
struct vlm_method {
    struct vlm_value self;
    const struct vlm_builtin *function;
};

/* One parse or one run: its memory, its budgets and its error. */
struct vlm_run {
    const vlm_allocator *alloc;
    struct vlm_chunk *chunks;
    size_t bytes;    /* taken from the allocator so far */
    uint64_t steps;  /* that are left */
    size_t owed;     /* bytes looked at and not yet paid for */
    unsigned depth;  /* of evaluation */
    unsigned macros; /* calls in progress */
    const char *file;
    unsigned line; /* being evaluated, for errors; 0: none */
    int64_t now;   /* seconds of local time for strftime_now */
    vlm_error *err;
    int status;                            /* the first error's, else 0 */
    struct vlm_text *out;                  /* where output goes */
    const struct vlm_name *loop_name;      /* "loop" of the template that runs */
    const struct vlm_name *const *special; /* its "caller", "kwargs", "varargs" */
};
void vlm_run_init(struct vlm_run *r, const vlm_allocator *alloc, const char *file, vlm_error *err);
void vlm_run_free(struct vlm_run *r);
void *vlm_run_alloc(struct vlm_run *r, size_t n, size_t size); /* zeroed */
bool vlm_run_fail(struct vlm_run *r, vlm_status status, const char *fmt, ...) VLM_PRINTF(3, 4);
/* Both pay and are false when the budget is spent: one step, and one for each 256 bytes looked at.
 */
bool vlm_run_step(struct vlm_run *r);
bool vlm_run_work(struct vlm_run *r, size_t n);

/* Text being written, with its marks. */
struct vlm_text {
    char *p;
    uint8_t *mask; /* NULL while all are as user says */
    size_t n, cap, mask_cap;
    bool user, markup;
};
bool vlm_text_append(struct vlm_run *r, struct vlm_text *t, const char *p, size_t n, bool user);
bool vlm_text_puts(struct vlm_run *r, struct vlm_text *t, const char *s); /* the template's */
bool vlm_text_str(struct vlm_run *r, struct vlm_text *t, const struct vlm_str *s);
bool vlm_text_finish(struct vlm_run *r, struct vlm_text *t, struct vlm_value *out);

/* ---- making ---- */
static inline struct vlm_value vlm_v_of(enum vlm_value_kind kind)
{
    struct vlm_value v = {.kind = kind, .u = {.i = 0}};
    return v;
}
static inline struct vlm_value vlm_v_none(void)
{
    return vlm_v_of(VLM_V_NONE);
}
static inline struct vlm_value vlm_v_bool(bool b)
{
    struct vlm_value v = {.kind = VLM_V_BOOL, .u = {.i = 0}};
    v.u.b = b;
    return v;
}
static inline struct vlm_value vlm_v_int(int64_t i)
{
    struct vlm_value v = {.kind = VLM_V_INT, .u = {.i = i}};
    return v;
}
static inline struct vlm_value vlm_v_float(double f)
{
    struct vlm_value v = {.kind = VLM_V_FLOAT, .u = {.f = f}};
    return v;
}
/* Borrows the bytes. */
bool vlm_v_string(struct vlm_run *r, struct vlm_value *out, const char *p, size_t n, bool user);
/* A copy when needed: bytes that are no UTF-8 become U+FFFD. Marked as a user's. */
bool vlm_v_user_string(struct vlm_run *r, struct vlm_value *out, const char *p, size_t n);
bool vlm_v_slice(struct vlm_run *r, struct vlm_value *out, const struct vlm_str *s, size_t begin,
                 size_t end);
bool vlm_v_undefined(struct vlm_run *r, struct vlm_value *out, const char *owner, const char *name,
                     size_t n);
/* A list (or tuple, iterator, view) with room for cap items. */
bool vlm_v_list(struct vlm_run *r, struct vlm_value *out, enum vlm_value_kind kind, size_t cap);
bool vlm_v_push(struct vlm_run *r, struct vlm_value *list, struct vlm_value item);
bool vlm_v_dict(struct vlm_run *r, struct vlm_value *out, enum vlm_value_kind kind, size_t cap);
bool vlm_v_put(struct vlm_run *r, struct vlm_value *dict, struct vlm_value key,
               struct vlm_value value);
bool vlm_v_puts(struct vlm_run *r, struct vlm_value *dict, const char *key, struct vlm_value value);
/* From JSON text; every string in it is a user's. */
bool vlm_v_json(struct vlm_run *r, struct vlm_value *out, const void *json, size_t n,
                const char *file);

/* ---- asking ---- */
bool vlm_v_is_seq(const struct vlm_value *v);    /* list or tuple */
bool vlm_v_is_number(const struct vlm_value *v); /* int, float or bool */
bool vlm_v_is_int(const struct vlm_value *v);    /* int or bool */
bool vlm_v_truth(const struct vlm_value *v);
double vlm_v_number(const struct vlm_value *v);
int64_t vlm_v_integer(const struct vlm_value *v);
const char *vlm_v_type(const struct vlm_value *v); /* Python's name of the type */
bool vlm_v_equal(struct vlm_run *r, bool *out, const struct vlm_value *a,
                 const struct vlm_value *b);
/* *out < 0, 0, > 0; TypeError for what has no order */
bool vlm_v_compare(struct vlm_run *r, int *out, const struct vlm_value *a,
                   const struct vlm_value *b);
bool vlm_v_contains(struct vlm_run *r, bool *out, const struct vlm_value *in,
                    const struct vlm_value *item);
/* Items, code points or pairs; false for what has no len() in Python. */
bool vlm_v_length(const struct vlm_value *v, int64_t *out);
bool vlm_v_find(struct vlm_run *r, const struct vlm_value *dict, const struct vlm_value *key,
                struct vlm_value **out); /* *out NULL when absent */
bool vlm_str_is(const struct vlm_str *s, const char *text);
size_t vlm_str_length(const struct vlm_str *s);           /* code points */
size_t vlm_str_offset(const struct vlm_str *s, size_t i); /* byte offset of code point i */
/* The first place of needle at or after from, or SIZE_MAX. */
bool vlm_str_find(struct vlm_run *r, size_t *out, const struct vlm_str *s,
                  const struct vlm_str *needle, size_t from);

/* Reading one after the other whatever can be iterated. */
struct vlm_iter {
    struct vlm_value of;
    size_t at;
};
bool vlm_iter_init(struct vlm_run *r, struct vlm_iter *it, const struct vlm_value *v);
int vlm_iter_next(struct vlm_run *r, struct vlm_iter *it,
                  struct vlm_value *out); /* 1, 0 at the end, -1 */
/* Merge sort by keys, stable; items move with their keys. */
bool vlm_v_sort(struct vlm_run *r, struct vlm_pair *pairs, size_t n, bool reverse);
bool vlm_v_sorted_pairs(struct vlm_run *r, struct vlm_value *out, const struct vlm_value *dict);
bool vlm_v_to_list(struct vlm_run *r, struct vlm_value *out, const struct vlm_value *v);

/* ---- printing ---- */
struct vlm_json_style {
    bool ascii, sort, pretty;
    const struct vlm_str *indent;     /* of one level, when pretty */
    const struct vlm_str *item, *key; /* separators */
};
bool vlm_print_str(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v);
bool vlm_print_repr(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v);
bool vlm_print_json(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v,
                    const struct vlm_json_style *style);
bool vlm_v_to_string(struct vlm_run *r, struct vlm_value *out,
                     const struct vlm_value *v); /* str(v) */
void vlm_print_float(char out[40], double f);    /* Python's repr */
bool vlm_parse_float(const char *p, size_t n,
                     double *out); /* Python's float(str), trimmed, "_" between digits */

/* ---- characters, as Python 3.11 (Unicode 14) knows them ---- */
enum {
    VLM_C_PRINT = 1,
    VLM_C_ALPHA = 2,
    VLM_C_DECIMAL = 4,
    VLM_C_DIGIT = 8,
    VLM_C_NUMERIC = 16,
    VLM_C_UPPER = 32,
    VLM_C_LOWER = 64,
    VLM_C_TITLE = 128,
    VLM_C_CASED = 256,
    VLM_C_IGNORABLE = 512
};
enum vlm_case { VLM_CASE_UPPER, VLM_CASE_LOWER, VLM_CASE_TITLE };
struct vlm_class_range {
    uint32_t first, last;
    uint16_t flags;
};
struct vlm_case_range { /* first, first + step, ... last move by delta */
    uint32_t first, last;
    int32_t delta;
    uint8_t step, which;
};
struct vlm_case_special {
    uint32_t from;
    uint8_t which;
    uint16_t to[3]; /* ends with 0 */
};
extern const struct vlm_class_range vlm_class_ranges[];
extern const size_t vlm_n_class_ranges;
extern const struct vlm_case_range vlm_case_ranges[];
extern const size_t vlm_n_case_ranges;
extern const struct vlm_case_special vlm_case_specials[];
extern const size_t vlm_n_case_specials;

unsigned vlm_char_class(uint32_t c);
bool vlm_char_space(uint32_t c);
enum vlm_casing {
    VLM_TO_UPPER,
    VLM_TO_LOWER,
    VLM_TO_TITLE,
    VLM_TO_CAPITALIZED,
    VLM_TO_SWAPPED,
    VLM_TO_FILTER_TITLE
};
bool vlm_text_recase(struct vlm_run *r, struct vlm_text *t, const struct vlm_str *s,
                     enum vlm_casing to);

#endif
