/* jinja.h: a chat template from source to text: tokens, syntax tree, evaluation.  The language is
 * Jinja2's as transformers sets it up (immutable sandbox, trim_blocks, lstrip_blocks, loop
 * controls, the generation tag); templates that need other files are refused.
 *
 * A tree belongs to the run that parsed it and is read by any number of runs after it. */
#ifndef VLM_PROMPT_JINJA_H
#define VLM_PROMPT_JINJA_H

#include "prompt/value.h"

/* ---- tokens ---- */
enum vlm_token_kind {
    VLM_T_EOF,
    VLM_T_DATA,
    VLM_T_VAR_BEGIN,
    VLM_T_VAR_END,
    VLM_T_BLOCK_BEGIN,
    VLM_T_BLOCK_END,
    VLM_T_NAME,
    VLM_T_STRING,
    VLM_T_INT,
    VLM_T_FLOAT,
    VLM_T_ADD,
    VLM_T_SUB,
    VLM_T_MUL,
    VLM_T_DIV,
    VLM_T_FLOORDIV,
    VLM_T_MOD,
    VLM_T_POW,
    VLM_T_TILDE,
    VLM_T_LBRACKET,
    VLM_T_RBRACKET,
    VLM_T_LPAREN,
    VLM_T_RPAREN,
    VLM_T_LBRACE,
    VLM_T_RBRACE,
    VLM_T_EQ,
    VLM_T_NE,
    VLM_T_GT,
    VLM_T_GE,
    VLM_T_LT,
    VLM_T_LE,
    VLM_T_ASSIGN,
    VLM_T_DOT,
    VLM_T_COLON,
    VLM_T_PIPE,
    VLM_T_COMMA,
    VLM_T_SEMICOLON
};
struct vlm_lexeme {
    uint8_t kind;
    unsigned line;
    const char *p; /* DATA, NAME, numbers: in the source; STRING: between its quotes */
    size_t n;
};
struct vlm_lexemes {
    struct vlm_lexeme *data; /* ends with EOF; freed with vlm_mem_free */
    size_t n, cap;
};
/* source must outlive the tokens; its newlines are \n already. */
bool vlm_jinja_lex(struct vlm_run *r, struct vlm_lexemes *out, const char *source, size_t n);

/* ---- tree ---- */
enum vlm_node_kind {
    /* expressions */
    VLM_N_CONST,
    VLM_N_NAME,
    VLM_N_TUPLE,
    VLM_N_LIST,
    VLM_N_DICT,
    VLM_N_COND,
    VLM_N_OR,
    VLM_N_AND,
    VLM_N_NOT,
    VLM_N_COMPARE,
    VLM_N_MATH,
    VLM_N_CONCAT,
    VLM_N_NEG,
    VLM_N_POS,
    VLM_N_ATTR,
    VLM_N_ITEM,
    VLM_N_SLICE,
    VLM_N_CALL,
    VLM_N_FILTER,
    VLM_N_TEST,
    /* parts of expressions */
    VLM_N_OPERAND,
    VLM_N_PAIR,
    VLM_N_KEYWORD,
    VLM_N_STAR,
    VLM_N_STARSTAR,
    VLM_N_NSREF,
    VLM_N_PARAM,
    /* statements */
    VLM_N_DATA,
    VLM_N_OUTPUT,
    VLM_N_FOR,
    VLM_N_IF,
    VLM_N_SET,
    VLM_N_SETBLOCK,
    VLM_N_MACRO,
    VLM_N_CALLBLOCK,
    VLM_N_FILTERBLOCK,
    VLM_N_WITH,
    VLM_N_BREAK,
    VLM_N_CONTINUE,
    VLM_N_GENERATION
};
enum { VLM_OP_IN = 100, VLM_OP_NOTIN }; /* beside token kinds, in OPERAND's op */
enum { VLM_USES_CALLER = 1, VLM_USES_KWARGS = 2, VLM_USES_VARARGS = 4 }; /* in MACRO's op */

struct vlm_name { /* one for each spelling: names are equal when their pointers are */
    struct vlm_name *next;
    const char *p; /* terminated */
    size_t n;
};

/* What stands where:
 *   COND a if b else c      OR, AND, CONCAT, TUPLE, LIST: list       DICT: list of PAIR a: b
 *   COMPARE, MATH: a, then list of OPERAND op a                      NOT, NEG, POS: a
 *   ATTR a.name   ITEM a[b]  SLICE a:b:c   CALL a(list)  FILTER a|name(list)  TEST a is name(list)
 *   FOR a in b if c: list, else list2; IF a: list, else list2 (elif: one IF in list2, op 1)
 *   SET a = b   SETBLOCK a, filter b: list   MACRO name(list2 of PARAM name = a): list
 *   CALLBLOCK a: macro b   FILTERBLOCK filter a: list   WITH list2 of PAIR a = b: list   OUTPUT a
 */
struct vlm_node {
    uint8_t kind, op;
    unsigned line;
    struct vlm_name *name;
    struct vlm_node *a, *b, *c;
    struct vlm_node *list, *list2, *next;
    struct vlm_value value; /* CONST, DATA */
};

struct vlm_tree {
    struct vlm_node *body;
    struct vlm_name *names[256];              /* a hash table */
    const struct vlm_name *loop, *special[3]; /* "loop"; "caller", "kwargs", "varargs" */
};
bool vlm_jinja_parse(struct vlm_run *r, struct vlm_tree *out, const char *source, size_t n);
/* The name of that spelling, or NULL when the template has none. */
const struct vlm_name *vlm_tree_name(const struct vlm_tree *t, const char *s, size_t n);

struct vlm_parser {
    struct vlm_run *run;
    struct vlm_lexeme *at; /* the token to be read */
    struct vlm_tree *tree;
    unsigned depth; /* of nested constructs */
    unsigned loops; /* open in this macro */
    uint8_t uses;   /* VLM_USES_* seen since the macro began */
};
struct vlm_name *vlm_parse_intern(struct vlm_parser *p, const char *s, size_t n);
struct vlm_node *vlm_parse_node(struct vlm_parser *p, enum vlm_node_kind kind, unsigned line);
/* The same around a; NULL when a is. */
struct vlm_node *vlm_parse_node1(struct vlm_parser *p, enum vlm_node_kind kind, unsigned line,
                                 struct vlm_node *a);
bool vlm_parse_fail(struct vlm_parser *p, const char *expected);
bool vlm_parse_is(const struct vlm_parser *p,
                  const char *keyword); /* the next token is this name */
bool vlm_parse_skip(struct vlm_parser *p, enum vlm_token_kind kind); /* reads it if it is there */
bool vlm_parse_skip_name(struct vlm_parser *p, const char *keyword);
bool vlm_parse_expect(struct vlm_parser *p, enum vlm_token_kind kind, const char *what);
bool vlm_parse_enter(struct vlm_parser *p); /* one level deeper, or an error; leave with depth-- */
struct vlm_node *vlm_parse_primary(struct vlm_parser *p);
struct vlm_node *vlm_parse_number(struct vlm_parser *p);
struct vlm_node *vlm_parse_expression(struct vlm_parser *p);
struct vlm_node *vlm_parse_or(struct vlm_parser *p);
/* Expressions with commas between; without commas just the one. stop: a name that ends it, or NULL.
 */
struct vlm_node *vlm_parse_tuple(struct vlm_parser *p, bool conditional, const char *stop);
struct vlm_node *vlm_parse_target(struct vlm_parser *p, bool with_namespace, const char *stop);
struct vlm_node *vlm_parse_filters(struct vlm_parser *p, struct vlm_node *on, bool inline_start);

/* ---- evaluation ---- */
struct vlm_binding {
    struct vlm_binding *next;
    const struct vlm_name *name;
    struct vlm_value value;
};
struct vlm_scope {
    struct vlm_scope *parent;
    struct vlm_binding *first;
};
struct vlm_macro {
    const struct vlm_node *node; /* MACRO */
    struct vlm_scope *scope;     /* where it was defined */
    const struct vlm_name *const *special;
};
struct vlm_args {
    struct vlm_value *pos;
    size_t n_pos;
    struct vlm_pair *named; /* keys are strings */
    size_t n_named;
};
typedef bool vlm_call_fn(struct vlm_run *r, const struct vlm_value *self,
                         const struct vlm_args *args, struct vlm_value *out);
struct vlm_builtin {
    const char *name;
    vlm_call_fn *call;
};

bool vlm_eval(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
              struct vlm_value *out);
bool vlm_eval_args(struct vlm_run *r, const struct vlm_node *list, struct vlm_scope *s,
                   struct vlm_args *out);
/* on NULL: the value of n->a is filtered. */
bool vlm_eval_filter(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                     const struct vlm_value *on, struct vlm_value *out);
bool vlm_eval_math(struct vlm_run *r, int op, const struct vlm_value *a, const struct vlm_value *b,
                   struct vlm_value *out);
bool vlm_eval_attr(struct vlm_run *r, const struct vlm_value *of, const char *name, size_t n,
                   struct vlm_value *out);
bool vlm_eval_item(struct vlm_run *r, const struct vlm_value *of, const struct vlm_value *key,
                   struct vlm_value *out);
bool vlm_eval_slice(struct vlm_run *r, const struct vlm_value *of, const struct vlm_value part[3],
                    struct vlm_value *out);
bool vlm_eval_call(struct vlm_run *r, const struct vlm_value *f, const struct vlm_args *args,
                   struct vlm_value *out);
/* The text of an undefined value's error. */
bool vlm_eval_undefined(struct vlm_run *r, const struct vlm_value *v);
bool vlm_scope_set(struct vlm_run *r, struct vlm_scope *s, const struct vlm_name *name,
                   struct vlm_value v);
struct vlm_scope *vlm_scope_new(struct vlm_run *r, struct vlm_scope *parent);

enum vlm_flow { VLM_FLOW_ERROR, VLM_FLOW_NEXT, VLM_FLOW_BREAK, VLM_FLOW_CONTINUE };
enum vlm_flow vlm_exec(struct vlm_run *r, const struct vlm_node *list, struct vlm_scope *s);
bool vlm_exec_macro(struct vlm_run *r, const struct vlm_macro *m, const struct vlm_args *args,
                    struct vlm_value *out);
bool vlm_loop_attr(struct vlm_run *r, struct vlm_loop *loop, const char *name, size_t n,
                   struct vlm_value *out, bool *found);
bool vlm_loop_call(struct vlm_run *r, struct vlm_loop *loop, const char *name,
                   const struct vlm_args *args, struct vlm_value *out);

/* Sorts arguments into slots by the names of the parameters ("chars count"); what is missing has
 * kind MISSING.  Errors name what. */
bool vlm_args_bind(struct vlm_run *r, const char *what, const struct vlm_args *args,
                   const char *names, size_t n_required, struct vlm_value *slots);
const struct vlm_builtin *vlm_builtin_find(const struct vlm_builtin *table, const char *name,
                                           size_t n);
extern const struct vlm_builtin vlm_globals[];     /* range, dict, namespace, ... */
extern const struct vlm_builtin vlm_filters[];     /* of one value */
extern const struct vlm_builtin vlm_filters_seq[]; /* of sequences */
extern const struct vlm_builtin vlm_tests[];
extern const struct vlm_builtin vlm_str_methods[]; /* that make strings */
extern const struct vlm_builtin vlm_str_seekers[]; /* that cut and search */
extern const struct vlm_builtin vlm_list_methods[];
extern const struct vlm_builtin vlm_dict_methods[];
bool vlm_filter_call(struct vlm_run *r, const char *name, size_t n, const struct vlm_value *on,
                     const struct vlm_args *args, struct vlm_value *out);
bool vlm_test_call(struct vlm_run *r, const char *name, size_t n, const struct vlm_value *on,
                   const struct vlm_args *args, bool *out);
/* TypeErrors of Python; what names the caller. */
bool vlm_need_string(struct vlm_run *r, const char *what, const struct vlm_value *v);
bool vlm_need_int(struct vlm_run *r, const char *what, const struct vlm_value *v, int64_t missing,
                  int64_t *out);
/* Python's int(str, base): sign, prefix of the base (0: any), digits with single "_" between. */
bool vlm_str_integer(const struct vlm_str *s, int64_t base, int64_t *out);
/* Helpers that methods and filters share. set NULL: white space. most < 0: all. */
bool vlm_str_strip(struct vlm_run *r, const struct vlm_str *s, const struct vlm_str *set, bool left,
                   bool right, struct vlm_value *out);
bool vlm_str_lines(struct vlm_run *r, const struct vlm_str *s, bool keep, struct vlm_value *out);
bool vlm_str_replace(struct vlm_run *r, const struct vlm_str *s, const struct vlm_str *old,
                     const struct vlm_str *new, int64_t most, struct vlm_value *out);
bool vlm_str_pad(struct vlm_run *r, const struct vlm_str *s, int64_t width,
                 const struct vlm_str *fill, int side, struct vlm_value *out);
/* name "dict_keys", "dict_values" or "dict_items" */
bool vlm_v_view(struct vlm_run *r, const struct vlm_value *dict, const char *name,
                enum vlm_value_kind kind, struct vlm_value *out);
/* s % args of Python */
bool vlm_str_percent(struct vlm_run *r, const struct vlm_str *s, const struct vlm_value *args,
                     struct vlm_value *out);
/* & < > ' " as entities; markup stays */
bool vlm_str_escape(struct vlm_run *r, const struct vlm_str *s, struct vlm_value *out);

#endif
