/* filters_seq.c: filters of sequences and mappings.  What is a generator in jinja2 is read here at
 * once but stays an iterator for the template: always true, no length, read once. */
#include <string.h>

#include "prompt/jinja.h"

#define FILTER(name)                                                                               \
    static bool filter_##name(struct vlm_run *r, const struct vlm_value *v,                        \
                              const struct vlm_args *args, struct vlm_value *out)

static bool truth_of(const struct vlm_value *v)
{
    return v->kind != VLM_V_MISSING && vlm_v_truth(v);
}
static bool given(const struct vlm_value *v)
{
    return v->kind != VLM_V_MISSING && v->kind != VLM_V_NONE;
}

/* item's attribute: a number, or names and numbers with dots between.  dflt: for undefined, or
 * MISSING. */
static bool get_path(struct vlm_run *r, const struct vlm_value *item, const struct vlm_value *path,
                     const struct vlm_value *dflt, struct vlm_value *out)
{
    struct vlm_value key;

    *out = *item;
    if (!given(path))
        return true;
    if (path->kind != VLM_V_STRING)
        return vlm_eval_item(r, item, path, out);
    for (size_t a = 0, b; a <= path->u.s->n; a = b + 1) {
        const struct vlm_str *s = path->u.s;
        int64_t number = 0;
        bool digits = true;
        for (b = a; b < s->n && s->p[b] != '.'; b++) {
            digits &= s->p[b] >= '0' && s->p[b] <= '9' && b - a < 17;
            number = digits ? number * 10 + (s->p[b] - '0') : 0;
        }
        if (digits && b > a)
            key = vlm_v_int(number);
        else if (!vlm_v_slice(r, &key, s, a, b))
            return false;
        if (!vlm_eval_item(r, out, &key, out))
            return false;
        if (dflt && given(dflt) && out->kind == VLM_V_UNDEFINED)
            *out = *dflt;
    }
    return true;
}

/* The key to order or compare by: the attribute, strings in lower case unless case matters. */
static bool get_key(struct vlm_run *r, const struct vlm_value *item, const struct vlm_value *path,
                    const struct vlm_value *dflt, bool fold, struct vlm_value *out)
{
    struct vlm_text t = {0};

    if (!get_path(r, item, path, dflt, out))
        return false;
    if (!fold || out->kind != VLM_V_STRING)
        return true;
    return vlm_text_recase(r, &t, out->u.s, VLM_TO_LOWER) && vlm_text_finish(r, &t, out);
}

FILTER(list)
{
    return vlm_args_bind(r, "list", args, "", 0, NULL) && vlm_v_to_list(r, out, v);
}

FILTER(join)
{
    struct vlm_value slot[2], d, x;
    struct vlm_text t = {0};
    struct vlm_iter it;
    size_t n = 0;
    int more;

    if (!vlm_args_bind(r, "join", args, "d attribute", 0, slot) || !vlm_iter_init(r, &it, v))
        return false;
    if (slot[0].kind == VLM_V_MISSING ? !vlm_v_string(r, &d, "", 0, false)
                                      : !vlm_v_to_string(r, &d, &slot[0]))
        return false;
    for (; (more = vlm_iter_next(r, &it, &x)) > 0; n++) {
        if (!get_path(r, &x, &slot[1], NULL, &x) || (n && !vlm_text_str(r, &t, d.u.s)) ||
            !vlm_print_str(r, &t, &x))
            return false;
    }
    return more == 0 && vlm_text_finish(r, &t, out);
}

FILTER(first)
{
    struct vlm_iter it;
    int more;

    if (!vlm_args_bind(r, "first", args, "", 0, NULL) || !vlm_iter_init(r, &it, v))
        return false;
    more = vlm_iter_next(r, &it, out);
    return more > 0 ||
           (more == 0 && vlm_v_undefined(r, out, NULL, "No first item, sequence was empty.", 0));
}

FILTER(last)
{
    struct vlm_value list;

    if (!vlm_args_bind(r, "last", args, "", 0, NULL))
        return false;
    if (v->kind == VLM_V_ITERATOR)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "'generator' object is not reversible");
    if (!vlm_v_to_list(r, &list, v))
        return false;
    if (list.u.seq->n == 0)
        return vlm_v_undefined(r, out, NULL, "No last item, sequence was empty.", 0);
    *out = list.u.seq->items[list.u.seq->n - 1];
    return true;
}

FILTER(reverse)
{
    struct vlm_value list, part[3];

    if (!vlm_args_bind(r, "reverse", args, "", 0, NULL))
        return false;
    if (v->kind == VLM_V_STRING) {
        part[0] = part[1] = vlm_v_none();
        part[2] = vlm_v_int(-1);
        return vlm_eval_slice(r, v, part, out);
    }
    if (!vlm_v_to_list(r, &list, v))
        return false;
    for (size_t i = 0, n = list.u.seq->n; i < n / 2; i++) {
        struct vlm_value swap = list.u.seq->items[i];
        list.u.seq->items[i] = list.u.seq->items[n - 1 - i];
        list.u.seq->items[n - 1 - i] = swap;
    }
    list.kind = v->kind == VLM_V_ITERATOR ? VLM_V_LIST : VLM_V_ITERATOR;
    *out = list;
    return true;
}

/* Each item with its key, sorted. */
static bool sorted(struct vlm_run *r, const struct vlm_value *v, const struct vlm_value *path,
                   const struct vlm_value *dflt, bool fold, bool reverse, struct vlm_value *out)
{
    struct vlm_value list;

    if (!vlm_v_to_list(r, &list, v) || !vlm_v_dict(r, out, VLM_V_DICT, list.u.seq->n))
        return false;
    for (size_t i = 0; i < list.u.seq->n; i++) {
        struct vlm_pair *p = &out->u.dict->pairs[out->u.dict->n++];
        if (!get_key(r, &list.u.seq->items[i], path, dflt, fold, &p->key))
            return false;
        p->value = list.u.seq->items[i];
    }
    return vlm_v_sort(r, out->u.dict->pairs, out->u.dict->n, reverse);
}

static bool values_of(struct vlm_run *r, const struct vlm_value *pairs, struct vlm_value *out)
{
    if (!vlm_v_list(r, out, VLM_V_LIST, pairs->u.dict->n))
        return false;
    for (size_t i = 0; i < pairs->u.dict->n; i++) {
        if (!vlm_v_push(r, out, pairs->u.dict->pairs[i].value))
            return false;
    }
    return true;
}

/* The attributes of sort: several with commas between, or the one. */
static bool sort_paths(struct vlm_run *r, struct vlm_value *attribute, struct vlm_value *out)
{
    struct vlm_value comma;
    struct vlm_args one = {&comma, 1, NULL, 0};

    if (attribute->kind == VLM_V_STRING)
        return vlm_v_string(r, &comma, ",", 1, false) &&
               vlm_builtin_find(vlm_str_seekers, "split", 5)->call(r, attribute, &one, out);
    return vlm_v_list(r, out, VLM_V_LIST, 1) && vlm_v_push(r, out, *attribute);
}

FILTER(sort)
{
    struct vlm_value slot[3], pairs, paths, list, key;

    if (!vlm_args_bind(r, "sort", args, "reverse case_sensitive attribute", 0, slot) ||
        !sort_paths(r, &slot[2], &paths) || !vlm_v_to_list(r, &list, v) ||
        !vlm_v_dict(r, &pairs, VLM_V_DICT, list.u.seq->n))
        return false;
    for (size_t i = 0; i < list.u.seq->n; i++) { /* keys are tuples: equal ones need no order */
        struct vlm_pair *p = &pairs.u.dict->pairs[pairs.u.dict->n++];
        if (!vlm_v_list(r, &p->key, VLM_V_TUPLE, paths.u.seq->n))
            return false;
        for (size_t k = 0; k < paths.u.seq->n; k++) {
            if (!get_key(r, &list.u.seq->items[i], &paths.u.seq->items[k], NULL,
                         !truth_of(&slot[1]), &key) ||
                !vlm_v_push(r, &p->key, key))
                return false;
        }
        p->value = list.u.seq->items[i];
    }
    return vlm_v_sort(r, pairs.u.dict->pairs, pairs.u.dict->n, truth_of(&slot[0])) &&
           values_of(r, &pairs, out);
}

FILTER(dictsort)
{
    struct vlm_value slot[3], items, at;

    if (!vlm_args_bind(r, "dictsort", args, "case_sensitive by reverse", 0, slot))
        return false;
    if (v->kind != VLM_V_DICT)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "dictsort needs a mapping, not '%s'", vlm_v_type(v));
    at = vlm_v_int(0);
    if (slot[1].kind == VLM_V_STRING && vlm_str_is(slot[1].u.s, "value"))
        at = vlm_v_int(1);
    else if (slot[1].kind != VLM_V_MISSING &&
             !(slot[1].kind == VLM_V_STRING && vlm_str_is(slot[1].u.s, "key")))
        return vlm_run_fail(r, VLM_ERR_FORMAT,
                            "dictsort: you can only sort by either \"key\" or \"value\"");
    return vlm_v_view(r, v, "dict_items", VLM_V_LIST, &items) &&
           sorted(r, &items, &at, NULL, !truth_of(&slot[0]), truth_of(&slot[2]), &items) &&
           values_of(r, &items, out);
}

FILTER(items)
{
    if (!vlm_args_bind(r, "items", args, "", 0, NULL))
        return false;
    if (v->kind == VLM_V_UNDEFINED)
        return vlm_v_list(r, out, VLM_V_ITERATOR, 0);
    if (v->kind != VLM_V_DICT)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "Can only get item pairs from a mapping.");
    return vlm_v_view(r, v, "dict_items", VLM_V_ITERATOR, out);
}

FILTER(unique)
{
    struct vlm_value slot[2], seen, x, key;
    struct vlm_iter it;
    int more;

    if (!vlm_args_bind(r, "unique", args, "case_sensitive attribute", 0, slot) ||
        !vlm_iter_init(r, &it, v) || !vlm_v_list(r, out, VLM_V_ITERATOR, 0) ||
        !vlm_v_dict(r, &seen, VLM_V_DICT, 0))
        return false;
    while ((more = vlm_iter_next(r, &it, &x)) > 0) {
        struct vlm_value *old;
        if (!get_key(r, &x, &slot[1], NULL, !truth_of(&slot[0]), &key) ||
            !vlm_v_find(r, &seen, &key, &old))
            return false;
        if (!old && (!vlm_v_put(r, &seen, key, vlm_v_none()) || !vlm_v_push(r, out, x)))
            return false;
    }
    return more == 0;
}

static bool extreme(struct vlm_run *r, const struct vlm_value *v, const struct vlm_args *args,
                    int sign, struct vlm_value *out)
{
    struct vlm_value slot[2], x, key, best;
    struct vlm_iter it;
    size_t n = 0;
    int more, c = 0;

    if (!vlm_args_bind(r, sign < 0 ? "min" : "max", args, "case_sensitive attribute", 0, slot) ||
        !vlm_iter_init(r, &it, v))
        return false;
    for (; (more = vlm_iter_next(r, &it, &x)) > 0; n++) {
        if (!get_key(r, &x, &slot[1], NULL, !truth_of(&slot[0]), &key))
            return false;
        if (n && !vlm_v_compare(r, &c, &key, &best))
            return false;
        if (n == 0 || c == sign) {
            best = key;
            *out = x;
        }
    }
    if (more == 0 && n == 0)
        return vlm_v_undefined(r, out, NULL, "No aggregated item, sequence was empty.", 0);
    return more == 0;
}

FILTER(min)
{
    return extreme(r, v, args, -1, out);
}
FILTER(max)
{
    return extreme(r, v, args, 1, out);
}

FILTER(sum)
{
    struct vlm_value slot[2], x, total;
    struct vlm_iter it;
    int more;

    if (!vlm_args_bind(r, "sum", args, "attribute start", 0, slot) || !vlm_iter_init(r, &it, v))
        return false;
    total = slot[1].kind == VLM_V_MISSING ? vlm_v_int(0) : slot[1];
    if (total.kind == VLM_V_STRING)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "sum() can't sum strings");
    while ((more = vlm_iter_next(r, &it, &x)) > 0) {
        if (!get_path(r, &x, &slot[0], NULL, &x) ||
            !vlm_eval_math(r, VLM_T_ADD, &total, &x, &total))
            return false;
    }
    *out = total;
    return more == 0;
}

FILTER(groupby)
{
    struct vlm_value slot[3], pairs, group, members = {.kind = VLM_V_NONE, .u = {.i = 0}}, key;
    bool fold;

    if (!vlm_args_bind(r, "groupby", args, "attribute default case_sensitive", 1, slot))
        return false;
    fold = !truth_of(&slot[2]);
    if (!sorted(r, v, &slot[0], &slot[1], fold, false, &pairs) ||
        !vlm_v_list(r, out, VLM_V_LIST, 0))
        return false;
    for (size_t i = 0; i < pairs.u.dict->n; i++) {
        const struct vlm_pair *p = &pairs.u.dict->pairs[i];
        bool same = false;
        if (i && !vlm_v_equal(r, &same, &p->key, &p[-1].key))
            return false;
        if (!same) {
            if (!vlm_v_list(r, &group, VLM_V_TUPLE, 2) || !vlm_v_list(r, &members, VLM_V_LIST, 0) ||
                !get_path(r, &p->value, &slot[0], &slot[1], &key) || !vlm_v_push(r, &group, key) ||
                !vlm_v_push(r, &group, members) || !vlm_v_push(r, out, group))
                return false;
        }
        if (!vlm_v_push(r, &members, p->value))
            return false;
    }
    return true;
}

FILTER(batch)
{
    struct vlm_value slot[2], x, part;
    struct vlm_iter it;
    int64_t size;
    int more;

    if (!vlm_args_bind(r, "batch", args, "linecount fill_with", 1, slot) ||
        !vlm_iter_init(r, &it, v))
        return false;
    if (!vlm_v_is_int(&slot[0]) || vlm_v_integer(&slot[0]) < 1)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "batch needs a positive integer");
    size = vlm_v_integer(&slot[0]);
    if (!vlm_v_list(r, out, VLM_V_ITERATOR, 0) || !vlm_v_list(r, &part, VLM_V_LIST, 0))
        return false;
    while ((more = vlm_iter_next(r, &it, &x)) > 0) {
        if ((int64_t)part.u.seq->n == size &&
            (!vlm_v_push(r, out, part) || !vlm_v_list(r, &part, VLM_V_LIST, 0)))
            return false;
        if (!vlm_v_push(r, &part, x))
            return false;
    }
    if (more < 0 || part.u.seq->n == 0)
        return more == 0;
    while (given(&slot[1]) && (int64_t)part.u.seq->n < size) {
        if (!vlm_v_push(r, &part, slot[1]))
            return false;
    }
    return vlm_v_push(r, out, part);
}

/* ---- map, select, reject and their attr forms
 * ---------------------------------------------------- */

static bool is_named(const struct vlm_args *args, const char *name, struct vlm_value *out)
{
    for (size_t i = 0; i < args->n_named; i++) {
        if (vlm_str_is(args->named[i].key.u.s, name)) {
            *out = args->named[i].value;
            return true;
        }
    }
    *out = vlm_v_of(VLM_V_MISSING);
    return false;
}

FILTER(map)
{
    struct vlm_value x, path, dflt, name;
    struct vlm_iter it;
    bool by_attr = args->n_pos == 0 && is_named(args, "attribute", &path);
    struct vlm_args rest = {args->n_pos ? args->pos + 1 : NULL, args->n_pos ? args->n_pos - 1 : 0,
                            args->named, args->n_named};
    int more;

    if (!vlm_v_list(r, out, VLM_V_ITERATOR, 0))
        return false;
    if (!vlm_v_truth(v))
        return true;
    if (by_attr && args->n_named > 1u + is_named(args, "default", &dflt))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "map: a keyword argument that is not known");
    if (!by_attr && (args->n_pos == 0 || args->pos[0].kind != VLM_V_STRING))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "map requires a filter argument");
    name = args->n_pos ? args->pos[0] : path;
    if (by_attr)
        is_named(args, "default", &dflt);
    if (!vlm_iter_init(r, &it, v))
        return false;
    while ((more = vlm_iter_next(r, &it, &x)) > 0) {
        if (!(by_attr ? get_path(r, &x, &path, &dflt, &x)
                      : vlm_filter_call(r, name.u.s->p, name.u.s->n, &x, &rest, &x)) ||
            !vlm_v_push(r, out, x))
            return false;
    }
    return more == 0;
}

static bool choose(struct vlm_run *r, const struct vlm_value *v, const struct vlm_args *args,
                   bool attr, bool keep, struct vlm_value *out)
{
    struct vlm_value x, tested;
    struct vlm_iter it;
    struct vlm_args rest = *args;
    const struct vlm_value *path = NULL, *name = NULL;
    int more;

    if (!vlm_v_list(r, out, VLM_V_ITERATOR, 0))
        return false;
    if (!vlm_v_truth(v))
        return true;
    if (attr) {
        if (rest.n_pos == 0)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "Missing parameter for attribute name");
        path = rest.pos++;
        rest.n_pos--;
    }
    if (rest.n_pos) {
        name = rest.pos++;
        rest.n_pos--;
        if (name->kind != VLM_V_STRING)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "the name of a test must be a string");
    }
    if (!vlm_iter_init(r, &it, v))
        return false;
    while ((more = vlm_iter_next(r, &it, &x)) > 0) {
        bool yes;
        tested = x;
        if (path && !get_path(r, &x, path, NULL, &tested))
            return false;
        yes = vlm_v_truth(&tested);
        if (name && !vlm_test_call(r, name->u.s->p, name->u.s->n, &tested, &rest, &yes))
            return false;
        if (yes == keep && !vlm_v_push(r, out, x))
            return false;
    }
    return more == 0;
}

FILTER(select)
{
    return choose(r, v, args, false, true, out);
}
FILTER(reject)
{
    return choose(r, v, args, false, false, out);
}
FILTER(selectattr)
{
    return choose(r, v, args, true, true, out);
}
FILTER(rejectattr)
{
    return choose(r, v, args, true, false, out);
}

const struct vlm_builtin vlm_filters_seq[] = {
    {"list", filter_list},
    {"join", filter_join},
    {"first", filter_first},
    {"last", filter_last},
    {"reverse", filter_reverse},
    {"sort", filter_sort},
    {"dictsort", filter_dictsort},
    {"items", filter_items},
    {"unique", filter_unique},
    {"min", filter_min},
    {"max", filter_max},
    {"sum", filter_sum},
    {"groupby", filter_groupby},
    {"batch", filter_batch},
    {"map", filter_map},
    {"select", filter_select},
    {"reject", filter_reject},
    {"selectattr", filter_selectattr},
    {"rejectattr", filter_rejectattr},
    {NULL, NULL},
};

bool vlm_filter_call(struct vlm_run *r, const char *name, size_t n, const struct vlm_value *on,
                     const struct vlm_args *args, struct vlm_value *out)
{
    const struct vlm_builtin *f = vlm_builtin_find(vlm_filters, name, n);
    struct vlm_value in = *on; /* out may be the same place */
    struct vlm_quoted q;
    bool done;

    if (!f)
        f = vlm_builtin_find(vlm_filters_seq, name, n);
    if (!f)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "no filter named '%s'", vlm_base_quote(&q, name, n));
    /* filters call filters (map), and are calls like others */
    if (r->depth >= VLM_RUN_DEPTH)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "calls nest more than %llu deep",
                            (unsigned long long)VLM_RUN_DEPTH);
    r->depth++;
    done = vlm_run_step(r) && f->call(r, &in, args, out);
    r->depth--;
    return done;
}
