/* eval.c: expressions.  C recursion follows the tree and calls of macros; r->depth bounds both. */
#include <stdio.h>
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
        return vlm_run_fail(r, VLM_ERR_FORMAT, "access to attribute '%s' of '%s' object is unsafe", q.text, u->owner);
    if (u->owner)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s object' has no attribute '%s'", u->owner, q.text);
    return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s' is undefined", q.text);
}

/* ---- names --------------------------------------------------------------------------------------- */

struct vlm_scope *vlm_scope_new(struct vlm_run *r, struct vlm_scope *parent)
{
    struct vlm_scope *s = vlm_run_alloc(r, 1, sizeof *s);

    if (s)
        s->parent = parent;
    return s;
}

bool vlm_scope_set(struct vlm_run *r, struct vlm_scope *s, const struct vlm_name *name, struct vlm_value v)
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

static bool eval_name(struct vlm_run *r, const struct vlm_name *name, const struct vlm_scope *s, struct vlm_value *out)
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

/* ---- attributes and items ------------------------------------------------------------------------ */

static const struct vlm_builtin *method_table(const struct vlm_value *v)
{
    return v->kind == VLM_V_STRING ? vlm_str_methods
         : v->kind == VLM_V_LIST || v->kind == VLM_V_TUPLE ? vlm_list_methods
         : v->kind == VLM_V_DICT ? vlm_dict_methods : NULL;
}

/* What the immutable sandbox hides: inner attributes and everything that changes a value. */
static bool hidden(const struct vlm_value *v, const char *name, size_t n)
{
    static const char *const list_names[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend",
                                             "remove", NULL},
                             *const dict_names[] = {"clear", "pop", "popitem", "setdefault", "update", NULL};
    const char *const *names = v->kind == VLM_V_LIST ? list_names : v->kind == VLM_V_DICT ? dict_names : NULL;

    if (n >= 4 && name[0] == '_' && name[1] == '_' && name[n - 1] == '_' && name[n - 2] == '_')
        return true;
    for (; names && *names; names++) {
        if (strlen(*names) == n && memcmp(*names, name, n) == 0)
            return true;
    }
    return false;
}

/* Python's getattr for what templates may see; *found false when there is none. */
static bool get_attr(struct vlm_run *r, const struct vlm_value *v, const char *name, size_t n, struct vlm_value *out,
                     bool *found)
{
    const struct vlm_builtin *table = method_table(v);

    *found = true;
    if (hidden(v, name, n)) {
        struct vlm_undefined *u = vlm_run_alloc(r, 1, sizeof *u);
        if (!u)
            return false;
        *u = (struct vlm_undefined){vlm_v_type(v), name, n, true};
        *out = vlm_v_of(VLM_V_UNDEFINED);
        out->u.undefined = u;
        return true;
    }
    if (v->kind == VLM_V_LOOP)
        return vlm_loop_attr(r, v->u.loop, name, n, out, found);
    if (v->kind == VLM_V_NAMESPACE) {
        struct vlm_value key, *value;
        if (!vlm_v_string(r, &key, name, n, false) || !vlm_v_find(r, v, &key, &value))
            return false;
        *found = value && name[0] != '_';
        if (*found)
            *out = *value;
        return true;
    }
    table = table ? vlm_builtin_find(table, name, n) : NULL;
    *found = table != NULL;
    if (table) {
        struct vlm_method *m = vlm_run_alloc(r, 1, sizeof *m);
        if (!m)
            return false;
        m->self = *v;
        m->function = table;
        *out = vlm_v_of(VLM_V_METHOD);
        out->u.method = m;
    }
    return true;
}

/* Python's v[key]; *found false for what raises TypeError or LookupError there. */
static bool get_item(struct vlm_run *r, const struct vlm_value *v, const struct vlm_value *key, struct vlm_value *out,
                     bool *found)
{
    struct vlm_value *value;
    int64_t n, i;

    *found = false;
    if (v->kind == VLM_V_DICT) {
        if (key->kind == VLM_V_LIST || key->kind == VLM_V_DICT)
            return true;
        if (!vlm_v_find(r, v, key, &value))
            return false;
        *found = value != NULL;
        if (value)
            *out = *value;
        return true;
    }
    if (!vlm_v_is_int(key) || !(vlm_v_is_seq(v) || v->kind == VLM_V_STRING || v->kind == VLM_V_RANGE))
        return true;
    if (v->kind == VLM_V_STRING && !vlm_run_work(r, v->u.s->n))
        return false;
    vlm_v_length(v, &n);
    i = vlm_v_integer(key);
    i += i < 0 ? n : 0;
    *found = i >= 0 && i < n;
    if (!*found)
        return true;
    if (v->kind == VLM_V_RANGE) {
        *out = vlm_v_int(v->u.range->start + i * v->u.range->step);
    } else if (v->kind == VLM_V_STRING) {
        size_t at = vlm_str_offset(v->u.s, (size_t)i);
        struct vlm_iter it = {*v, at};
        return vlm_iter_next(r, &it, out) > 0;
    } else {
        *out = v->u.seq->items[i];
    }
    return true;
}

static bool absent(struct vlm_run *r, const struct vlm_value *of, const struct vlm_value *key, struct vlm_value *out)
{
    if (key->kind == VLM_V_STRING && key->u.s->n)
        return vlm_v_undefined(r, out, vlm_v_type(of), key->u.s->p, key->u.s->n);
    return vlm_v_undefined(r, out, NULL, "an element that does not exist is used", 0);
}

bool vlm_eval_attr(struct vlm_run *r, const struct vlm_value *of, const char *name, size_t n, struct vlm_value *out)
{
    struct vlm_value key;
    bool found;

    if (of->kind == VLM_V_UNDEFINED && !(n == 9 && memcmp(name, "__class__", n) == 0))
        return vlm_eval_undefined(r, of);
    if (!get_attr(r, of, name, n, out, &found))
        return false;
    if (found)
        return true;
    if (!vlm_v_string(r, &key, name, n, false) || !get_item(r, of, &key, out, &found))
        return false;
    return found || absent(r, of, &key, out);
}

bool vlm_eval_item(struct vlm_run *r, const struct vlm_value *of, const struct vlm_value *key, struct vlm_value *out)
{
    bool found;

    if (of->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, of);
    if (!get_item(r, of, key, out, &found))
        return false;
    if (!found && key->kind == VLM_V_STRING && !get_attr(r, of, key->u.s->p, key->u.s->n, out, &found))
        return false;
    return found || absent(r, of, key, out);
}

/* Where a slice begins, how many items it takes and how far apart, for n items. */
static bool slice_bounds(struct vlm_run *r, const struct vlm_value part[3], int64_t n, int64_t *begin, int64_t *step,
                         int64_t *count)
{
    int64_t at[2];

    for (int i = 0; i < 3; i++) {
        if (part[i].kind != VLM_V_NONE && !vlm_v_is_int(&part[i]))
            return vlm_run_fail(r, VLM_ERR_FORMAT, "slice indices must be integers or None");
    }
    *step = part[2].kind == VLM_V_NONE ? 1 : vlm_v_integer(&part[2]);
    if (*step == 0)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "slice step cannot be zero");
    if (*step < -INT64_MAX)
        *step = -INT64_MAX;
    at[0] = *step > 0 ? 0 : n - 1;
    at[1] = *step > 0 ? n : -1;
    for (int i = 0; i < 2; i++) {
        int64_t v;
        if (part[i].kind == VLM_V_NONE)
            continue;
        v = vlm_v_integer(&part[i]);
        if (v < 0)
            v = v + n < 0 ? (*step < 0 ? -1 : 0) : v + n;
        else if (v >= n)
            v = *step < 0 ? n - 1 : n;
        at[i] = v;
    }
    *begin = at[0];
    *count = *step > 0 ? at[1] > at[0] ? (at[1] - at[0] - 1) / *step + 1 : 0
                       : at[0] > at[1] ? (at[0] - at[1] - 1) / -*step + 1 : 0;
    return true;
}

static bool slice_string(struct vlm_run *r, const struct vlm_str *s, int64_t begin, int64_t step, int64_t count,
                         struct vlm_value *out)
{
    struct vlm_text t = {.markup = s->markup};
    struct vlm_value part;
    size_t from = vlm_str_offset(s, (size_t)begin);

    if (count == 0)
        return vlm_v_slice(r, out, s, 0, 0);
    if (step == 1) {
        struct vlm_str rest = {s->p + from, s->n - from, NULL, false, false};
        return vlm_v_slice(r, out, s, from, from + vlm_str_offset(&rest, (size_t)count));
    }
    for (int64_t i = 0; i < count; i++) {
        size_t end = from + 1;
        while (end < s->n && ((unsigned char)s->p[end] & 0xC0) == 0x80)
            end++;
        if (!vlm_v_slice(r, &part, s, from, end) || !vlm_text_str(r, &t, part.u.s))
            return false;
        for (int64_t k = 0; i + 1 < count && k < (step > 0 ? step : -step); k++) {
            from += step > 0 ? 1 : (size_t)-1;
            while (((unsigned char)s->p[from] & 0xC0) == 0x80)
                from += step > 0 ? 1 : (size_t)-1;
        }
    }
    return vlm_text_finish(r, &t, out);
}

bool vlm_eval_slice(struct vlm_run *r, const struct vlm_value *of, const struct vlm_value part[3],
                    struct vlm_value *out)
{
    int64_t n = 0, begin = 0, step = 1, count = 0;

    if (of->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, of);
    if (!vlm_v_is_seq(of) && of->kind != VLM_V_STRING && of->kind != VLM_V_RANGE)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s' object has no slices", vlm_v_type(of));
    if (of->kind == VLM_V_STRING && !vlm_run_work(r, 3 * of->u.s->n))
        return false;
    vlm_v_length(of, &n);
    if (!slice_bounds(r, part, n, &begin, &step, &count))
        return false;
    if (of->kind == VLM_V_STRING)
        return slice_string(r, of->u.s, begin, step, count, out);
    if (!vlm_v_list(r, out, of->kind == VLM_V_TUPLE ? VLM_V_TUPLE : VLM_V_LIST, (size_t)count))
        return false;
    for (int64_t i = 0; i < count; i++) {
        struct vlm_value x;
        if (of->kind == VLM_V_RANGE)
            x = vlm_v_int(of->u.range->start + (begin + i * step) * of->u.range->step);
        else
            x = of->u.seq->items[begin + i * step];
        if (!vlm_v_push(r, out, x))
            return false;
    }
    return true;
}

/* ---- calls --------------------------------------------------------------------------------------- */

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
        return vlm_run_fail(r, VLM_ERR_FORMAT, "argument after ** must be a mapping, not %s", vlm_v_type(v));
    for (size_t i = 0; i < v->u.dict->n; i++) {
        if (v->u.dict->pairs[i].key.kind != VLM_V_STRING)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "keywords must be strings");
        if (!vlm_v_put(r, named, v->u.dict->pairs[i].key, v->u.dict->pairs[i].value))
            return false;
    }
    return true;
}

bool vlm_eval_args(struct vlm_run *r, const struct vlm_node *list, struct vlm_scope *s, struct vlm_args *out)
{
    struct vlm_value pos, named, v, key;

    if (!list) {
        *out = (struct vlm_args){NULL, 0, NULL, 0};
        return true;
    }
    if (!vlm_v_list(r, &pos, VLM_V_LIST, 0) || !vlm_v_dict(r, &named, VLM_V_DICT, 0))
        return false;
    for (const struct vlm_node *n = list; n; n = n->next) {
        bool part = n->kind == VLM_N_KEYWORD || n->kind == VLM_N_STAR || n->kind == VLM_N_STARSTAR, ok;
        if (!vlm_eval(r, part ? n->a : n, s, &v))
            return false;
        if (n->kind == VLM_N_KEYWORD)
            ok = vlm_v_string(r, &key, n->name->p, n->name->n, false) && vlm_v_put(r, &named, key, v);
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

bool vlm_eval_call(struct vlm_run *r, const struct vlm_value *f, const struct vlm_args *args, struct vlm_value *out)
{
    switch (f->kind) {
    case VLM_V_FUNCTION:
        return f->u.function->call(r, f, args, out);
    case VLM_V_METHOD:
        if (f->u.method->self.kind == VLM_V_LOOP)
            return vlm_loop_call(r, f->u.method->self.u.loop, f->u.method->function->name, args, out);
        return f->u.method->function->call(r, &f->u.method->self, args, out);
    case VLM_V_MACRO:
        return vlm_exec_macro(r, f->u.macro, args, out);
    case VLM_V_UNDEFINED:
        return vlm_eval_undefined(r, f);
    default:
        return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s' object is not callable", vlm_v_type(f));
    }
}

bool vlm_eval_filter(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, const struct vlm_value *on,
                     struct vlm_value *out)
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

/* ---- expressions --------------------------------------------------------------------------------- */

static bool eval_compare(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
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
            yes = c == 2 ? false : o->op == VLM_T_LT ? c < 0 : o->op == VLM_T_LE ? c <= 0
                                 : o->op == VLM_T_GT ? c > 0 : c >= 0;
        }
        *out = vlm_v_bool(yes);
        if (!yes)
            return true;
        a = b;
    }
    return true;
}

static bool eval_concat(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
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

static bool eval_logic(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
{
    for (const struct vlm_node *x = n->list; x; x = x->next) {
        if (!vlm_eval(r, x, s, out))
            return false;
        if (vlm_v_truth(out) == (n->kind == VLM_N_OR))
            break;
    }
    return true;
}

static bool eval_items(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
{
    struct vlm_value list, key, v;

    if (n->kind == VLM_N_DICT) {
        if (!vlm_v_dict(r, &list, VLM_V_DICT, 0))
            return false;
        for (const struct vlm_node *x = n->list; x; x = x->next) {
            if (!vlm_eval(r, x->a, s, &key) || !vlm_eval(r, x->b, s, &v) || !vlm_v_put(r, &list, key, v))
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

static bool eval_math(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
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

static bool eval_sign(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
{
    struct vlm_value v;

    if (!vlm_eval(r, n->a, s, &v))
        return false;
    if (v.kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, &v);
    if (!vlm_v_is_number(&v))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "bad operand type for unary %c: '%s'", n->kind == VLM_N_NEG ? '-' : '+',
                            vlm_v_type(&v));
    if (v.kind == VLM_V_FLOAT) {
        *out = vlm_v_float(n->kind == VLM_N_NEG ? -v.u.f : v.u.f);
        return true;
    }
    *out = vlm_v_int(vlm_v_integer(&v));
    if (n->kind == VLM_N_NEG && __builtin_sub_overflow(0, out->u.i, &out->u.i))
        return vlm_run_fail(r, VLM_ERR_LIMIT, "an integer does not fit into 64 bits");
    return true;
}

static bool eval_item(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
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

static bool eval_call(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
{
    struct vlm_value f;
    struct vlm_args args;

    if (!vlm_eval(r, n->a, s, &f) || !vlm_eval_args(r, n->list, s, &args))
        return false;
    r->line = n->line;
    return vlm_eval_call(r, &f, &args, out);
}

static bool eval_test(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
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

static bool eval_node(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
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

bool vlm_eval(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s, struct vlm_value *out)
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
