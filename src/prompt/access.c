/* access.c: a.b, a[b] and a[b:c:d], as the immutable sandbox of jinja2 allows them. */
#include <string.h>

#include "prompt/jinja.h"

static const struct vlm_builtin *method_table(const struct vlm_value *v)
{
    return v->kind == VLM_V_STRING                           ? vlm_str_methods
           : v->kind == VLM_V_LIST || v->kind == VLM_V_TUPLE ? vlm_list_methods
           : v->kind == VLM_V_DICT                           ? vlm_dict_methods
                                                             : NULL;
}

/* What the immutable sandbox hides: inner attributes and everything that changes a value. */
static bool hidden(const struct vlm_value *v, const char *name, size_t n)
{
    static const char *const list_names[] = {"append", "clear",  "pop",    "reverse", "insert",
                                             "sort",   "extend", "remove", NULL},
                             *const dict_names[] = {"clear",      "pop",    "popitem",
                                                    "setdefault", "update", NULL};
    const char *const *names = v->kind == VLM_V_LIST   ? list_names
                               : v->kind == VLM_V_DICT ? dict_names
                                                       : NULL;

    if (n >= 4 && name[0] == '_' && name[1] == '_' && name[n - 1] == '_' && name[n - 2] == '_')
        return true;
    for (; names && *names; names++) {
        if (strlen(*names) == n && memcmp(*names, name, n) == 0)
            return true;
    }
    return false;
}

/* Python's getattr for what templates may see; *found false when there is none. */
static bool get_attr(struct vlm_run *r, const struct vlm_value *v, const char *name, size_t n,
                     struct vlm_value *out, bool *found)
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
    if (!table && v->kind == VLM_V_STRING)
        table = vlm_builtin_find(vlm_str_seekers, name, n);
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
static bool get_item(struct vlm_run *r, const struct vlm_value *v, const struct vlm_value *key,
                     struct vlm_value *out, bool *found)
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
    if (!vlm_v_is_int(key) ||
        !(vlm_v_is_seq(v) || v->kind == VLM_V_STRING || v->kind == VLM_V_RANGE))
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

static bool absent(struct vlm_run *r, const struct vlm_value *of, const struct vlm_value *key,
                   struct vlm_value *out)
{
    if (key->kind == VLM_V_STRING && key->u.s->n)
        return vlm_v_undefined(r, out, vlm_v_type(of), key->u.s->p, key->u.s->n);
    return vlm_v_undefined(r, out, NULL, "an element that does not exist is used", 0);
}

bool vlm_eval_attr(struct vlm_run *r, const struct vlm_value *of, const char *name, size_t n,
                   struct vlm_value *out)
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

bool vlm_eval_item(struct vlm_run *r, const struct vlm_value *of, const struct vlm_value *key,
                   struct vlm_value *out)
{
    bool found;

    if (of->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, of);
    if (!get_item(r, of, key, out, &found))
        return false;
    if (!found && key->kind == VLM_V_STRING &&
        !get_attr(r, of, key->u.s->p, key->u.s->n, out, &found))
        return false;
    return found || absent(r, of, key, out);
}

/* Where a slice begins, how many items it takes and how far apart, for n items. */
static bool slice_bounds(struct vlm_run *r, const struct vlm_value part[3], int64_t n,
                         int64_t *begin, int64_t *step, int64_t *count)
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
    *count = *step > 0       ? at[1] > at[0] ? (at[1] - at[0] - 1) / *step + 1 : 0
             : at[0] > at[1] ? (at[0] - at[1] - 1) / -*step + 1
                             : 0;
    return true;
}

static bool slice_string(struct vlm_run *r, const struct vlm_str *s, int64_t begin, int64_t step,
                         int64_t count, struct vlm_value *out)
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
