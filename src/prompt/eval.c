/* eval.c: expressions.  C recursion follows the tree and calls of macros; r->depth bounds both. */
#include <string.h>

#include "base/checked.h"
#include "prompt/jinja.h"

bool vlm_eval_undefined(struct vlm_run *r, const struct vlm_value *v)
{
    const struct vlm_undefined *u = v->u.undefined;
    struct vlm_quoted q;

    if (u->n == 0)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "%s", u->name);
    vlm_base_quote(&q, u->name, u->n);
    if (u->hidden)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "access to attribute '%s' of '%s' object is unsafe",
                            q.text, u->owner);
    if (u->owner)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s object' has no attribute '%s'", u->owner,
                            q.text);
    return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s' is undefined", q.text);
}

/* ---- names
 * --------------------------------------------------------------------------------------- */

struct vlm_scope *vlm_scope_new(struct vlm_run *r, struct vlm_scope *parent)
{
    struct vlm_scope *s = vlm_run_alloc(r, 1, sizeof *s);

    if (s)
        s->parent = parent;
    return s;
}

bool vlm_scope_set(struct vlm_run *r, struct vlm_scope *s, const struct vlm_name *name,
                   struct vlm_value v)
{
    struct vlm_binding *b;
    size_t seen = 0;

    for (b = s->first; b && b->name != name; b = b->next)
        seen += 8;
    if (!vlm_run_work(r, seen))
        return false;
    if (!b) {
        b = vlm_run_alloc(r, 1, sizeof *b);
        if (!b)
            return false;
        b->name = name;
        b->next = s->first;
        s->first = b;
    }
    b->value = v;
    return true;
}

static bool eval_name(struct vlm_run *r, const struct vlm_name *name, const struct vlm_scope *s,
                      struct vlm_value *out)
{
    const struct vlm_builtin *f;
    size_t seen = 0;

    for (; s; s = s->parent) {
        for (const struct vlm_binding *b = s->first; b; b = b->next) {
            if (b->name == name) {
                *out = b->value;
                return vlm_run_work(r, seen);
            }
            seen += 8;
        }
        seen += 8;
    }
    f = vlm_builtin_find(vlm_globals, name->p, name->n);
    if (f) {
        *out = vlm_v_of(VLM_V_FUNCTION);
        out->u.function = f;
        return vlm_run_work(r, seen);
    }
    return vlm_run_work(r, seen) && vlm_v_undefined(r, out, NULL, name->p, name->n);
}

/* ---- calls
 * --------------------------------------------------------------------------------------- */

static bool star_args(struct vlm_run *r, struct vlm_value *list, const struct vlm_value *v)
{
    struct vlm_iter it;
    struct vlm_value x;
    int more;

    if (!vlm_iter_init(r, &it, v))
        return false;
    while ((more = vlm_iter_next(r, &it, &x)) > 0) {
        if (!vlm_v_push(r, list, x))
            return false;
    }
    return more == 0;
}

static bool star_star_args(struct vlm_run *r, struct vlm_value *named, const struct vlm_value *v)
{
    if (v->kind != VLM_V_DICT)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "argument after ** must be a mapping, not %s",
                            vlm_v_type(v));
    for (size_t i = 0; i < v->u.dict->n; i++) {
        if (v->u.dict->pairs[i].key.kind != VLM_V_STRING)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "keywords must be strings");
        if (!vlm_v_put(r, named, v->u.dict->pairs[i].key, v->u.dict->pairs[i].value))
            return false;
    }
    return true;
}

bool vlm_eval_args(struct vlm_run *r, const struct vlm_node *list, struct vlm_scope *s,
                   struct vlm_args *out)
{
    struct vlm_value pos, named, v, key;

    if (!list) {
        *out = (struct vlm_args){NULL, 0, NULL, 0};
        return true;
    }
    if (!vlm_v_list(r, &pos, VLM_V_LIST, 0) || !vlm_v_dict(r, &named, VLM_V_DICT, 0))
        return false;
    for (const struct vlm_node *n = list; n; n = n->next) {
        bool part = n->kind == VLM_N_KEYWORD || n->kind == VLM_N_STAR || n->kind == VLM_N_STARSTAR,
             ok;
        if (!vlm_eval(r, part ? n->a : n, s, &v))
            return false;
        if (n->kind == VLM_N_KEYWORD)
            ok = vlm_v_string(r, &key, n->name->p, n->name->n, false) &&
                 vlm_v_put(r, &named, key, v);
        else if (n->kind == VLM_N_STAR)
            ok = star_args(r, &pos, &v);
        else if (n->kind == VLM_N_STARSTAR)
            ok = star_star_args(r, &named, &v);
        else
            ok = vlm_v_push(r, &pos, v);
        if (!ok)
            return false;
    }
    *out = (struct vlm_args){pos.u.seq->items, pos.u.seq->n, named.u.dict->pairs, named.u.dict->n};
    return true;
}

bool vlm_eval_call(struct vlm_run *r, const struct vlm_value *f, const struct vlm_args *args,
                   struct vlm_value *out)
{
    switch (f->kind) {
    case VLM_V_FUNCTION:
        return f->u.function->call(r, f, args, out);
    case VLM_V_METHOD:
        if (f->u.method->self.kind == VLM_V_LOOP)
            return vlm_loop_call(r, f->u.method->self.u.loop, f->u.method->function->name, args,
                                 out);
        return f->u.method->function->call(r, &f->u.method->self, args, out);
    case VLM_V_MACRO:
        return vlm_exec_macro(r, f->u.macro, args, out);
    case VLM_V_UNDEFINED:
        return vlm_eval_undefined(r, f);
    default:
        return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s' object is not callable", vlm_v_type(f));
    }
}

bool vlm_eval_filter(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                     const struct vlm_value *on, struct vlm_value *out)
{
    struct vlm_value v;
    struct vlm_args args;

    if (on && !n->a)
        v = *on;
    else if (on && n->a) {
        if (!vlm_eval_filter(r, n->a, s, on, &v)) /* a chain inside {% filter %} or {% set %} */
            return false;
    } else if (!vlm_eval(r, n->a, s, &v)) {
        return false;
    }
    if (!vlm_eval_args(r, n->list, s, &args))
        return false;
    r->line = n->line;
    return vlm_filter_call(r, n->name->p, n->name->n, &v, &args, out);
}

/* ---- expressions
 * --------------------------------------------------------------------------------- */

static bool eval_compare(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                         struct vlm_value *out)
{
    struct vlm_value a, b;

    if (!vlm_eval(r, n->a, s, &a))
        return false;
    for (const struct vlm_node *o = n->list; o; o = o->next) {
        bool yes;
        int c = 0;
        if (!vlm_eval(r, o->a, s, &b))
            return false;
        if (o->op == VLM_OP_IN || o->op == VLM_OP_NOTIN) {
            if (!vlm_v_contains(r, &yes, &b, &a))
                return false;
            yes = yes == (o->op == VLM_OP_IN);
        } else if (o->op == VLM_T_EQ || o->op == VLM_T_NE) {
            if (!vlm_v_equal(r, &yes, &a, &b))
                return false;
            yes = yes == (o->op == VLM_T_EQ);
        } else {
            if (!vlm_v_compare(r, &c, &a, &b))
                return false;
            yes = c == 2              ? false
                  : o->op == VLM_T_LT ? c < 0
                  : o->op == VLM_T_LE ? c <= 0
                  : o->op == VLM_T_GT ? c > 0
                                      : c >= 0;
        }
        *out = vlm_v_bool(yes);
        if (!yes)
            return true;
        a = b;
    }
    return true;
}

static bool eval_concat(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                        struct vlm_value *out)
{
    struct vlm_text t = {0};
    struct vlm_value list, v;
    bool markup = false;

    if (!vlm_v_list(r, &list, VLM_V_LIST, 0))
        return false;
    for (const struct vlm_node *x = n->list; x; x = x->next) {
        if (!vlm_eval(r, x, s, &v) || !vlm_v_to_string(r, &v, &v) || !vlm_v_push(r, &list, v))
            return false;
    }
    /* without autoescape, markup is a string like others here */
    for (size_t i = 0; i < list.u.seq->n; i++) {
        if (!vlm_text_str(r, &t, list.u.seq->items[i].u.s))
            return false;
    }
    t.markup = markup;
    return vlm_text_finish(r, &t, out);
}

static bool eval_logic(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                       struct vlm_value *out)
{
    for (const struct vlm_node *x = n->list; x; x = x->next) {
        if (!vlm_eval(r, x, s, out))
            return false;
        if (vlm_v_truth(out) == (n->kind == VLM_N_OR))
            break;
    }
    return true;
}

static bool eval_items(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                       struct vlm_value *out)
{
    struct vlm_value list, key, v;

    if (n->kind == VLM_N_DICT) {
        if (!vlm_v_dict(r, &list, VLM_V_DICT, 0))
            return false;
        for (const struct vlm_node *x = n->list; x; x = x->next) {
            if (!vlm_eval(r, x->a, s, &key) || !vlm_eval(r, x->b, s, &v) ||
                !vlm_v_put(r, &list, key, v))
                return false;
        }
    } else {
        if (!vlm_v_list(r, &list, n->kind == VLM_N_LIST ? VLM_V_LIST : VLM_V_TUPLE, 0))
            return false;
        for (const struct vlm_node *x = n->list; x; x = x->next) {
            if (!vlm_eval(r, x, s, &v) || !vlm_v_push(r, &list, v))
                return false;
        }
    }
    *out = list;
    return true;
}

static bool eval_math(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                      struct vlm_value *out)
{
    struct vlm_value a, b;

    if (!vlm_eval(r, n->a, s, &a))
        return false;
    for (const struct vlm_node *o = n->list; o; o = o->next) {
        if (!vlm_eval(r, o->a, s, &b))
            return false;
        r->line = o->line;
        if (!vlm_eval_math(r, o->op, &a, &b, &a))
            return false;
    }
    *out = a;
    return true;
}

static bool eval_sign(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                      struct vlm_value *out)
{
    struct vlm_value v;

    if (!vlm_eval(r, n->a, s, &v))
        return false;
    if (v.kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, &v);
    if (!vlm_v_is_number(&v))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "bad operand type for unary %c: '%s'",
                            n->kind == VLM_N_NEG ? '-' : '+', vlm_v_type(&v));
    if (v.kind == VLM_V_FLOAT) {
        *out = vlm_v_float(n->kind == VLM_N_NEG ? -v.u.f : v.u.f);
        return true;
    }
    *out = vlm_v_int(vlm_v_integer(&v));
    if (n->kind == VLM_N_NEG && __builtin_sub_overflow(0, out->u.i, &out->u.i))
        return vlm_run_fail(r, VLM_ERR_LIMIT, "an integer does not fit into 64 bits");
    return true;
}

static bool eval_item(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                      struct vlm_value *out)
{
    struct vlm_value of, key, part[3];
    const struct vlm_node *ends[3];

    if (!vlm_eval(r, n->a, s, &of))
        return false;
    if (n->b->kind != VLM_N_SLICE)
        return vlm_eval(r, n->b, s, &key) && (r->line = n->line, vlm_eval_item(r, &of, &key, out));
    ends[0] = n->b->a;
    ends[1] = n->b->b;
    ends[2] = n->b->c;
    for (int i = 0; i < 3; i++) {
        part[i] = vlm_v_none();
        if (ends[i] && !vlm_eval(r, ends[i], s, &part[i]))
            return false;
    }
    return vlm_eval_slice(r, &of, part, out);
}

static bool eval_call(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                      struct vlm_value *out)
{
    struct vlm_value f;
    struct vlm_args args;

    if (!vlm_eval(r, n->a, s, &f) || !vlm_eval_args(r, n->list, s, &args))
        return false;
    r->line = n->line;
    return vlm_eval_call(r, &f, &args, out);
}

static bool eval_test(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                      struct vlm_value *out)
{
    struct vlm_value v;
    struct vlm_args args;
    bool yes;

    if (!vlm_eval(r, n->a, s, &v) || !vlm_eval_args(r, n->list, s, &args))
        return false;
    r->line = n->line;
    if (!vlm_test_call(r, n->name->p, n->name->n, &v, &args, &yes))
        return false;
    *out = vlm_v_bool(yes);
    return true;
}

static bool eval_node(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                      struct vlm_value *out)
{
    struct vlm_value v;

    switch ((enum vlm_node_kind)n->kind) {
    case VLM_N_CONST:
        *out = n->value;
        return true;
    case VLM_N_NAME:
        return eval_name(r, n->name, s, out);
    case VLM_N_TUPLE:
    case VLM_N_LIST:
    case VLM_N_DICT:
        return eval_items(r, n, s, out);
    case VLM_N_COND:
        if (!vlm_eval(r, n->b, s, &v))
            return false;
        if (vlm_v_truth(&v))
            return vlm_eval(r, n->a, s, out);
        if (n->c)
            return vlm_eval(r, n->c, s, out);
        return vlm_v_undefined(r, out, NULL, "an inline if was false and has no else", 0);
    case VLM_N_OR:
    case VLM_N_AND:
        return eval_logic(r, n, s, out);
    case VLM_N_NOT:
        if (!vlm_eval(r, n->a, s, &v))
            return false;
        *out = vlm_v_bool(!vlm_v_truth(&v));
        return true;
    case VLM_N_COMPARE:
        return eval_compare(r, n, s, out);
    case VLM_N_MATH:
        return eval_math(r, n, s, out);
    case VLM_N_CONCAT:
        return eval_concat(r, n, s, out);
    case VLM_N_NEG:
    case VLM_N_POS:
        return eval_sign(r, n, s, out);
    case VLM_N_ATTR:
        if (!vlm_eval(r, n->a, s, &v))
            return false;
        r->line = n->line;
        return vlm_eval_attr(r, &v, n->name->p, n->name->n, out);
    case VLM_N_ITEM:
        return eval_item(r, n, s, out);
    case VLM_N_CALL:
        return eval_call(r, n, s, out);
    case VLM_N_FILTER:
        return vlm_eval_filter(r, n, s, NULL, out);
    case VLM_N_TEST:
        return eval_test(r, n, s, out);
    default:
        return vlm_run_fail(r, VLM_ERR_FORMAT, "a slice stands where a value is expected");
    }
}

bool vlm_eval(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
              struct vlm_value *out)
{
    bool done;

    if (r->depth >= VLM_RUN_DEPTH)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "calls and expressions nest more than %llu deep",
                            (unsigned long long)VLM_RUN_DEPTH);
    if (!vlm_run_step(r))
        return false;
    r->depth++;
    r->line = n->line;
    done = eval_node(r, n, s, out);
    r->depth--;
    return done;
}
