/* exec.c: statements, loops and macros.  Scopes as in Jinja: loops, macros and the like have their
 * own and what they set is gone behind them; if has none. */
#include <string.h>

#include "prompt/jinja.h"

struct vlm_loop {
    struct vlm_iter source;
    const struct vlm_node *node; /* FOR */
    struct vlm_scope *scope;     /* around the loop */
    struct vlm_value ahead;      /* list of items read but not yet used, from ahead_at on */
    size_t ahead_at;
    bool exhausted;
    int64_t index0;
    int64_t length; /* -1: not known */
    struct vlm_value before, current, changed;
};

static bool assign(struct vlm_run *r, const struct vlm_node *target, struct vlm_scope *s,
                   const struct vlm_value *v)
{
    struct vlm_value list, ns, key;
    const struct vlm_node *t;
    size_t i = 0;

    if (target->kind == VLM_N_NAME)
        return vlm_scope_set(r, s, target->name, *v);
    if (target->kind == VLM_N_NSREF) {
        if (!vlm_eval(r, target->a, s, &ns))
            return false;
        if (ns.kind != VLM_V_NAMESPACE)
            return vlm_run_fail(r, VLM_ERR_FORMAT,
                                "cannot assign attribute on non-namespace object");
        if (target->name->p[0] == '_')
            return vlm_run_fail(r, VLM_ERR_FORMAT,
                                "a namespace cannot hold a name that begins with _");
        return vlm_v_string(r, &key, target->name->p, target->name->n, false) &&
               vlm_v_put(r, &ns, key, *v);
    }
    if (!vlm_v_to_list(r, &list, v))
        return false;
    for (t = target->list; t && i < list.u.seq->n; t = t->next) {
        if (!assign(r, t, s, &list.u.seq->items[i++]))
            return false;
    }
    if (t || i != list.u.seq->n)
        return vlm_run_fail(r, VLM_ERR_FORMAT,
                            "%zu values do not fit the names they are unpacked to", list.u.seq->n);
    return true;
}

/* ---- loops
 * --------------------------------------------------------------------------------------- */

/* The next item that passes the loop's own if: 1, 0 at the end, -1. */
static int loop_read(struct vlm_run *r, struct vlm_loop *loop, struct vlm_value *out)
{
    int more;

    while ((more = vlm_iter_next(r, &loop->source, out)) > 0) {
        struct vlm_scope *s;
        struct vlm_value yes;
        if (!loop->node->c)
            return 1;
        s = vlm_scope_new(r, loop->scope);
        if (!s || !assign(r, loop->node->a, s, out) || !vlm_eval(r, loop->node->c, s, &yes))
            return -1;
        if (vlm_v_truth(&yes)) { /* jinja2 packs the names again */
            if (loop->node->a->kind != VLM_N_TUPLE)
                return 1;
            if (!vlm_v_to_list(r, out, out))
                return -1;
            out->kind = VLM_V_TUPLE;
            return 1;
        }
    }
    loop->exhausted = true;
    return more;
}

static bool loop_peek(struct vlm_run *r, struct vlm_loop *loop, struct vlm_value **out)
{
    struct vlm_value x;
    int more;

    *out = NULL;
    if (loop->ahead_at == loop->ahead.u.seq->n) {
        if (loop->exhausted)
            return true;
        more = loop_read(r, loop, &x);
        if (more <= 0)
            return more == 0;
        if (!vlm_v_push(r, &loop->ahead, x))
            return false;
    }
    *out = &loop->ahead.u.seq->items[loop->ahead_at];
    return true;
}

static int loop_next(struct vlm_run *r, struct vlm_loop *loop)
{
    struct vlm_value x, *ahead;

    if (!loop_peek(r, loop, &ahead))
        return -1;
    if (!ahead)
        return 0;
    x = *ahead;
    if (++loop->ahead_at == loop->ahead.u.seq->n)
        loop->ahead_at = loop->ahead.u.seq->n = 0;
    loop->index0++;
    loop->before = loop->current;
    loop->current = x;
    return 1;
}

static bool loop_length(struct vlm_run *r, struct vlm_loop *loop)
{
    struct vlm_value x;
    int more = 0;

    if (loop->length >= 0)
        return true;
    while (!loop->exhausted && (more = loop_read(r, loop, &x)) > 0) {
        if (!vlm_v_push(r, &loop->ahead, x))
            return false;
    }
    loop->length = loop->index0 + 1 + (int64_t)(loop->ahead.u.seq->n - loop->ahead_at);
    return more >= 0;
}

static bool loop_method(struct vlm_run *r, const struct vlm_value *self,
                        const struct vlm_args *args, struct vlm_value *out)
{
    return vlm_loop_call(r, self->u.loop, "", args, out);
}

static const struct vlm_builtin loop_methods[] = {
    {"cycle", loop_method}, {"changed", loop_method}, {NULL, NULL}};

bool vlm_loop_attr(struct vlm_run *r, struct vlm_loop *loop, const char *name, size_t n,
                   struct vlm_value *out, bool *found)
{
    const struct vlm_str s = {name, n, NULL, false, false};
    struct vlm_value *ahead;

    *found = true;
    if (vlm_str_is(&s, "index") || vlm_str_is(&s, "index0")) {
        *out = vlm_v_int(loop->index0 + (n == 5));
    } else if (vlm_str_is(&s, "first")) {
        *out = vlm_v_bool(loop->index0 == 0);
    } else if (vlm_str_is(&s, "last") || vlm_str_is(&s, "nextitem")) {
        if (!loop_peek(r, loop, &ahead))
            return false;
        if (n == 4)
            *out = vlm_v_bool(!ahead);
        else if (ahead)
            *out = *ahead;
        else
            return vlm_v_undefined(r, out, NULL, "there is no next item", 0);
    } else if (vlm_str_is(&s, "previtem")) {
        if (loop->index0 == 0)
            return vlm_v_undefined(r, out, NULL, "there is no previous item", 0);
        *out = loop->before;
    } else if (vlm_str_is(&s, "length") || vlm_str_is(&s, "revindex") ||
               vlm_str_is(&s, "revindex0")) {
        if (!loop_length(r, loop))
            return false;
        *out = vlm_v_int(n == 6 ? loop->length : loop->length - loop->index0 - (n == 9));
    } else if (vlm_str_is(&s, "depth") || vlm_str_is(&s, "depth0")) {
        *out = vlm_v_int(n == 5);
    } else {
        const struct vlm_builtin *f = vlm_builtin_find(loop_methods, name, n);
        struct vlm_method *m;
        *found = f != NULL;
        if (!f)
            return true;
        m = vlm_run_alloc(r, 1, sizeof *m);
        if (!m)
            return false;
        m->self = vlm_v_of(VLM_V_LOOP);
        m->self.u.loop = loop;
        m->function = f;
        *out = vlm_v_of(VLM_V_METHOD);
        out->u.method = m;
    }
    return true;
}

bool vlm_loop_call(struct vlm_run *r, struct vlm_loop *loop, const char *name,
                   const struct vlm_args *args, struct vlm_value *out)
{
    struct vlm_value now;
    bool same = false;

    if (args->n_named)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "loop.%s takes no keywords", name);
    if (strcmp(name, "cycle") == 0) {
        if (args->n_pos == 0)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "no items for cycling given");
        *out = args->pos[(uint64_t)loop->index0 % args->n_pos];
        return true;
    }
    if (!vlm_v_list(r, &now, VLM_V_TUPLE, 0))
        return false;
    now.u.seq->items = args->pos;
    now.u.seq->n = args->n_pos;
    if (!vlm_v_equal(r, &same, &loop->changed, &now))
        return false;
    loop->changed = now;
    *out = vlm_v_bool(!same);
    return true;
}

static struct vlm_loop *loop_open(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s)
{
    struct vlm_loop *loop = vlm_run_alloc(r, 1, sizeof *loop);
    struct vlm_value v;

    if (!loop || !vlm_eval(r, n->b, s, &v) || !vlm_iter_init(r, &loop->source, &v) ||
        !vlm_v_list(r, &loop->ahead, VLM_V_LIST, 0))
        return NULL;
    loop->node = n;
    loop->scope = s;
    loop->index0 = -1;
    if (n->c || !vlm_v_length(&v, &loop->length))
        loop->length = -1;
    return loop;
}

static enum vlm_flow exec_for(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                              const struct vlm_name *loop_name)
{
    struct vlm_loop *loop = loop_open(r, n, s);
    struct vlm_value self = vlm_v_of(VLM_V_LOOP);
    struct vlm_scope *inner;
    enum vlm_flow flow = VLM_FLOW_NEXT;
    bool any = false;
    int more;

    if (!loop)
        return VLM_FLOW_ERROR;
    self.u.loop = loop;
    while (flow != VLM_FLOW_BREAK && (more = loop_next(r, loop)) != 0) {
        inner = more > 0 ? vlm_scope_new(r, s) : NULL;
        if (!inner || !vlm_scope_set(r, inner, loop_name, self) ||
            !assign(r, n->a, inner, &loop->current))
            return VLM_FLOW_ERROR;
        flow = vlm_exec(r, n->list, inner);
        if (flow == VLM_FLOW_ERROR)
            return flow;
        /* break and continue leave no trace: for ... else asks whether a body ran to its end */
        any |= flow == VLM_FLOW_NEXT;
    }
    if (any || !n->list2)
        return VLM_FLOW_NEXT;
    inner = vlm_scope_new(r, s);
    return inner ? vlm_exec(r, n->list2, inner) : VLM_FLOW_ERROR;
}

/* ---- macros
 * -------------------------------------------------------------------------------------- */

/* Runs a list into text of its own. */
static bool exec_captured(struct vlm_run *r, const struct vlm_node *list, struct vlm_scope *s,
                          struct vlm_value *out)
{
    struct vlm_text t = {0}, *outer = r->out;
    enum vlm_flow flow;

    r->out = &t;
    flow = vlm_exec(r, list, s);
    r->out = outer;
    return flow != VLM_FLOW_ERROR && vlm_text_finish(r, &t, out);
}

static struct vlm_value *named_arg(const struct vlm_args *args, const char *name)
{
    for (size_t i = 0; i < args->n_named; i++) {
        if (vlm_str_is(args->named[i].key.u.s, name))
            return &args->named[i].value;
    }
    return NULL;
}

static bool set_special(struct vlm_run *r, const struct vlm_macro *m, struct vlm_scope *s,
                        const char *name, struct vlm_value v)
{
    const struct vlm_name *const *known = m->special;

    for (int i = 0; i < 3; i++) {
        if (known[i] && strcmp(known[i]->p, name) == 0)
            return vlm_scope_set(r, s, known[i], v);
    }
    return true;
}

/* Everything given that no parameter took: into kwargs, varargs and caller, or an error. */
static bool macro_rest(struct vlm_run *r, const struct vlm_macro *m, struct vlm_scope *s,
                       const struct vlm_args *args, size_t n_params)
{
    struct vlm_value kwargs, varargs, *caller = named_arg(args, "caller"), none;
    bool explicit_caller = false;

    if (!vlm_v_dict(r, &kwargs, VLM_V_DICT, 0) || !vlm_v_list(r, &varargs, VLM_V_TUPLE, 0))
        return false;
    for (size_t i = 0; i < args->n_named; i++) {
        const struct vlm_node *p = m->node->list2;
        size_t at = 0;
        while (p && !vlm_str_is(args->named[i].key.u.s, p->name->p)) {
            p = p->next;
            at++;
        }
        if (p && at >= args->n_pos) {
            explicit_caller |= &args->named[i].value == caller;
            continue;
        }
        if (&args->named[i].value == caller && (m->node->op & VLM_USES_CALLER))
            continue;
        if (!vlm_v_put(r, &kwargs, args->named[i].key, args->named[i].value))
            return false;
    }
    for (size_t i = n_params; i < args->n_pos; i++) {
        if (!vlm_v_push(r, &varargs, args->pos[i]))
            return false;
    }
    if (kwargs.u.dict->n && !(m->node->op & VLM_USES_KWARGS)) {
        struct vlm_quoted q;
        const struct vlm_str *k = kwargs.u.dict->pairs[0].key.u.s;
        return vlm_run_fail(r, VLM_ERR_FORMAT, "macro '%s' takes no keyword argument '%s'",
                            m->node->name->p, vlm_base_quote(&q, k->p, k->n));
    }
    if (varargs.u.seq->n && !(m->node->op & VLM_USES_VARARGS))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "macro '%s' takes not more than %zu argument(s)",
                            m->node->name->p, n_params);
    if (m->node->op & VLM_USES_CALLER) {
        if (!vlm_v_undefined(r, &none, NULL, "No caller defined", 0) ||
            !set_special(r, m, s, "caller", caller && !explicit_caller ? *caller : none))
            return false;
    }
    return (!(m->node->op & VLM_USES_KWARGS) || set_special(r, m, s, "kwargs", kwargs)) &&
           (!(m->node->op & VLM_USES_VARARGS) || set_special(r, m, s, "varargs", varargs));
}

static bool macro_params(struct vlm_run *r, const struct vlm_macro *m, struct vlm_scope *s,
                         const struct vlm_args *args, size_t *n_params)
{
    size_t i = 0;

    for (const struct vlm_node *p = m->node->list2; p; p = p->next, i++) {
        struct vlm_value v, *given = i < args->n_pos ? &args->pos[i] : named_arg(args, p->name->p);
        if (given)
            v = *given;
        else if (p->a ? !vlm_eval(r, p->a, s, &v)
                      : !vlm_v_undefined(r, &v, NULL, p->name->p, p->name->n))
            return false;
        if (!vlm_scope_set(r, s, p->name, v))
            return false;
    }
    *n_params = i;
    return true;
}

bool vlm_exec_macro(struct vlm_run *r, const struct vlm_macro *m, const struct vlm_args *args,
                    struct vlm_value *out)
{
    struct vlm_scope *s = vlm_scope_new(r, m->scope);
    size_t n = 0;
    bool done;

    if (r->macros >= VLM_LIMIT_TEMPLATE_DEPTH)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "calls of macros nest more than %llu deep",
                            (unsigned long long)VLM_LIMIT_TEMPLATE_DEPTH);
    if (!s || !macro_params(r, m, s, args, &n) || !macro_rest(r, m, s, args, n))
        return false;
    r->macros++;
    done = exec_captured(r, m->node->list, s, out);
    r->macros--;
    return done;
}

static bool make_macro(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s,
                       struct vlm_value *out)
{
    struct vlm_macro *m = vlm_run_alloc(r, 1, sizeof *m);

    if (!m)
        return false;
    m->node = n;
    m->scope = s;
    m->special = r->special;
    *out = vlm_v_of(VLM_V_MACRO);
    out->u.macro = m;
    return true;
}

/* {% call f(...) %}: the body becomes a macro that f can call as caller(). */
static bool exec_call_block(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s)
{
    struct vlm_value f, caller, out, named, key;
    struct vlm_args args;

    if (!make_macro(r, n->b, s, &caller) || !vlm_eval(r, n->a->a, s, &f) ||
        !vlm_eval_args(r, n->a->list, s, &args) ||
        !vlm_v_dict(r, &named, VLM_V_DICT, args.n_named + 1))
        return false;
    for (size_t i = 0; i < args.n_named; i++) {
        if (!vlm_v_put(r, &named, args.named[i].key, args.named[i].value))
            return false;
    }
    if (!vlm_v_string(r, &key, "caller", 6, false) || !vlm_v_put(r, &named, key, caller))
        return false;
    args.named = named.u.dict->pairs;
    args.n_named = named.u.dict->n;
    return vlm_eval_call(r, &f, &args, &out) && vlm_print_str(r, r->out, &out);
}

/* ---- statements
 * ---------------------------------------------------------------------------------- */

static enum vlm_flow exec_if(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s)
{
    struct vlm_value v;

    for (;;) {
        if (!vlm_eval(r, n->a, s, &v))
            return VLM_FLOW_ERROR;
        if (vlm_v_truth(&v))
            return vlm_exec(r, n->list, s);
        if (!n->list2 || n->list2->kind != VLM_N_IF || !n->list2->op)
            return vlm_exec(r, n->list2, s);
        n = n->list2;
    }
}

static bool exec_simple(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s)
{
    struct vlm_scope *inner;
    struct vlm_value v;

    switch ((enum vlm_node_kind)n->kind) {
    case VLM_N_DATA:
        return vlm_text_str(r, r->out, n->value.u.s);
    case VLM_N_OUTPUT:
        return vlm_eval(r, n->a, s, &v) && vlm_print_str(r, r->out, &v);
    case VLM_N_SET:
        return vlm_eval(r, n->b, s, &v) && (r->line = n->line, assign(r, n->a, s, &v));
    case VLM_N_MACRO:
        return make_macro(r, n, s, &v) && vlm_scope_set(r, s, n->name, v);
    case VLM_N_CALLBLOCK:
        return exec_call_block(r, n, s);
    case VLM_N_SETBLOCK:
    case VLM_N_FILTERBLOCK:
        inner = vlm_scope_new(r, s);
        if (!inner || !exec_captured(r, n->list, inner, &v))
            return false;
        if (n->kind == VLM_N_FILTERBLOCK)
            return vlm_eval_filter(r, n->a, inner, &v, &v) && vlm_print_str(r, r->out, &v);
        return (!n->b || vlm_eval_filter(r, n->b, inner, &v, &v)) && assign(r, n->a, s, &v);
    default:
        return vlm_run_fail(r, VLM_ERR_FORMAT,
                            "an expression stands where a statement is expected");
    }
}

static enum vlm_flow exec_with(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s)
{
    struct vlm_scope *inner = vlm_scope_new(r, s);
    struct vlm_value v;

    if (!inner)
        return VLM_FLOW_ERROR;
    for (const struct vlm_node *p = n->list2; p; p = p->next) { /* values see what is outside */
        if (!vlm_eval(r, p->b, s, &v) || !assign(r, p->a, inner, &v))
            return VLM_FLOW_ERROR;
    }
    return vlm_exec(r, n->list, inner);
}

static enum vlm_flow exec_one(struct vlm_run *r, const struct vlm_node *n, struct vlm_scope *s)
{
    struct vlm_value v;

    switch ((enum vlm_node_kind)n->kind) {
    case VLM_N_FOR:
        return exec_for(r, n, s, r->loop_name);
    case VLM_N_IF:
        return exec_if(r, n, s);
    case VLM_N_WITH:
        return exec_with(r, n, s);
    case VLM_N_GENERATION: { /* a call block of transformers: a scope, and break stays inside */
        struct vlm_scope *inner = vlm_scope_new(r, s);
        if (!inner || !exec_captured(r, n->list, inner, &v) || !vlm_print_str(r, r->out, &v))
            return VLM_FLOW_ERROR;
        return VLM_FLOW_NEXT;
    }
    case VLM_N_BREAK:
        return VLM_FLOW_BREAK;
    case VLM_N_CONTINUE:
        return VLM_FLOW_CONTINUE;
    default:
        return exec_simple(r, n, s) ? VLM_FLOW_NEXT : VLM_FLOW_ERROR;
    }
}

enum vlm_flow vlm_exec(struct vlm_run *r, const struct vlm_node *list, struct vlm_scope *s)
{
    enum vlm_flow flow = VLM_FLOW_NEXT;

    if (r->depth >= VLM_RUN_DEPTH) {
        vlm_run_fail(r, VLM_ERR_LIMIT, "calls and statements nest more than %llu deep",
                     (unsigned long long)VLM_RUN_DEPTH);
        return VLM_FLOW_ERROR;
    }
    r->depth++;
    for (const struct vlm_node *n = list; n && flow == VLM_FLOW_NEXT; n = n->next) {
        r->line = n->line;
        flow = vlm_run_step(r) ? exec_one(r, n, s) : VLM_FLOW_ERROR;
    }
    r->depth--;
    return flow;
}
