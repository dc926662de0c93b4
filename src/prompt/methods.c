/* methods.c: the methods of strings that make new ones, and those of lists and dicts: all that
 * read, none that change.  Results keep their bytes' marks. */
#include <string.h>

#include "base/utf8.h"
#include "prompt/jinja.h"

#define METHOD(name)                                                                               \
    static bool name(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args, \
                     struct vlm_value *out)

/* ---- making
 * -------------------------------------------------------------------------------------- */

static bool recase(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args,
                   enum vlm_casing to, struct vlm_value *out)
{
    struct vlm_text t = {0};

    return vlm_args_bind(r, "a method", args, "", 0, NULL) &&
           vlm_text_recase(r, &t, self->u.s, to) && vlm_text_finish(r, &t, out);
}

METHOD(str_upper)
{
    return recase(r, self, args, VLM_TO_UPPER, out);
}
METHOD(str_lower)
{
    return recase(r, self, args, VLM_TO_LOWER, out);
}
METHOD(str_title)
{
    return recase(r, self, args, VLM_TO_TITLE, out);
}
METHOD(str_capitalize)
{
    return recase(r, self, args, VLM_TO_CAPITALIZED, out);
}
METHOD(str_swapcase)
{
    return recase(r, self, args, VLM_TO_SWAPPED, out);
}

bool vlm_str_replace(struct vlm_run *r, const struct vlm_str *s, const struct vlm_str *old,
                     const struct vlm_str *new, int64_t most, struct vlm_value *out)
{
    struct vlm_text t = {.markup = s->markup};
    struct vlm_value part;
    size_t at = 0, hit;

    for (int64_t n = 0; most < 0 || n < most; n++) {
        if (old->n) {
            if (!vlm_str_find(r, &hit, s, old, at))
                return false;
            if (hit == SIZE_MAX)
                break;
        } else { /* between all characters */
            hit = at;
            if (n > 0) {
                if (at == s->n)
                    break;
                hit++;
                while (hit < s->n && ((unsigned char)s->p[hit] & 0xC0) == 0x80)
                    hit++;
            }
        }
        if (!vlm_v_slice(r, &part, s, at, hit) || !vlm_text_str(r, &t, part.u.s) ||
            !vlm_text_str(r, &t, new))
            return false;
        at = hit + old->n;
    }
    return vlm_v_slice(r, &part, s, at, s->n) && vlm_text_str(r, &t, part.u.s) &&
           vlm_text_finish(r, &t, out);
}

METHOD(str_replace)
{
    struct vlm_value slot[3];
    int64_t most;

    return vlm_args_bind(r, "replace", args, "old new count", 2, slot) &&
           vlm_need_string(r, "replace", &slot[0]) && vlm_need_string(r, "replace", &slot[1]) &&
           vlm_need_int(r, "replace", &slot[2], -1, &most) &&
           vlm_str_replace(r, self->u.s, slot[0].u.s, slot[1].u.s, most, out);
}

METHOD(str_join)
{
    struct vlm_value of, x;
    struct vlm_iter it;
    struct vlm_text t = {.markup = self->u.s->markup};
    size_t n = 0;
    int more;

    if (!vlm_args_bind(r, "join", args, "iterable", 1, &of) || !vlm_iter_init(r, &it, &of))
        return false;
    for (; (more = vlm_iter_next(r, &it, &x)) > 0; n++) {
        if (!vlm_need_string(r, "join", &x) || (n && !vlm_text_str(r, &t, self->u.s)) ||
            !vlm_text_str(r, &t, x.u.s))
            return false;
    }
    return more == 0 && vlm_text_finish(r, &t, out);
}

static bool remove_affix(struct vlm_run *r, const struct vlm_value *self,
                         const struct vlm_args *args, bool end, struct vlm_value *out)
{
    const struct vlm_str *s = self->u.s;
    struct vlm_value x;
    size_t n;

    if (!vlm_args_bind(r, "removeprefix", args, "affix", 1, &x) ||
        !vlm_need_string(r, "removeprefix", &x))
        return false;
    n = x.u.s->n;
    if (n == 0 || n > s->n || memcmp(s->p + (end ? s->n - n : 0), x.u.s->p, n) != 0)
        return vlm_v_slice(r, out, s, 0, s->n);
    return vlm_run_work(r, n) && vlm_v_slice(r, out, s, end ? 0 : n, end ? s->n - n : s->n);
}

METHOD(str_removeprefix)
{
    return remove_affix(r, self, args, false, out);
}
METHOD(str_removesuffix)
{
    return remove_affix(r, self, args, true, out);
}

/* side < 0: text on the left, 0: in the middle, 1: on the right */
bool vlm_str_pad(struct vlm_run *r, const struct vlm_str *s, int64_t width,
                 const struct vlm_str *fill, int side, struct vlm_value *out)
{
    int64_t n = (int64_t)vlm_str_length(s), more = width - n, left;
    struct vlm_text t = {.markup = s->markup};

    if (more <= 0)
        return vlm_v_slice(r, out, s, 0, s->n);
    left = side < 0 ? 0 : side > 0 ? more : more / 2 + (more & width & 1);
    for (int64_t i = 0; i <= more; i++) {
        if (i == left && !vlm_text_str(r, &t, s))
            return false;
        if (i < more && !vlm_text_str(r, &t, fill))
            return false;
    }
    return vlm_text_finish(r, &t, out);
}

static bool pad(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args,
                int side, struct vlm_value *out)
{
    static const struct vlm_str space = {" ", 1, NULL, false, false};
    struct vlm_value slot[2];
    int64_t width;

    if (!vlm_args_bind(r, "ljust", args, "width fillchar", 1, slot) ||
        !vlm_need_int(r, "ljust", &slot[0], 0, &width))
        return false;
    if (slot[1].kind != VLM_V_MISSING &&
        (slot[1].kind != VLM_V_STRING || vlm_str_length(slot[1].u.s) != 1))
        return vlm_run_fail(r, VLM_ERR_FORMAT,
                            "the fill character must be exactly one character long");
    return vlm_str_pad(r, self->u.s, width, slot[1].kind == VLM_V_MISSING ? &space : slot[1].u.s,
                       side, out);
}

METHOD(str_ljust)
{
    return pad(r, self, args, -1, out);
}
METHOD(str_rjust)
{
    return pad(r, self, args, 1, out);
}
METHOD(str_center)
{
    return pad(r, self, args, 0, out);
}

METHOD(str_zfill)
{
    static const struct vlm_str zero = {"0", 1, NULL, false, false};
    const struct vlm_str *s = self->u.s;
    struct vlm_value width, rest, tail;
    struct vlm_text t = {0};
    size_t sign = s->n && (s->p[0] == '-' || s->p[0] == '+');
    int64_t w;

    if (!vlm_args_bind(r, "zfill", args, "width", 1, &width) ||
        !vlm_need_int(r, "zfill", &width, 0, &w) || !vlm_v_slice(r, &rest, s, 0, sign) ||
        !vlm_v_slice(r, &tail, s, sign, s->n) || !vlm_text_str(r, &t, rest.u.s))
        return false;
    return vlm_str_pad(r, tail.u.s, w - (int64_t)sign, &zero, 1, &tail) &&
           vlm_text_str(r, &t, tail.u.s) && vlm_text_finish(r, &t, out);
}

/* ---- '{} {0} {name}'.format(...)
 * ----------------------------------------------------------------- */

static bool format_field(struct vlm_run *r, const struct vlm_str *s, size_t a, size_t b,
                         const struct vlm_args *args, size_t *next, struct vlm_value *out)
{
    size_t number = 0, i = a;

    while (i < b && s->p[i] >= '0' && s->p[i] <= '9' && number < 100000)
        number = number * 10 + (size_t)(s->p[i++] - '0');
    if (i == b) {
        if (a == b)
            number = (*next)++;
        if (number >= args->n_pos)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "format: argument %zu is missing", number);
        *out = args->pos[number];
        return true;
    }
    for (i = 0; i < args->n_named; i++) {
        const struct vlm_str *k = args->named[i].key.u.s;
        if (k->n == b - a && memcmp(k->p, s->p + a, k->n) == 0) {
            *out = args->named[i].value;
            return true;
        }
    }
    return vlm_run_fail(r, VLM_ERR_UNSUPPORTED, "format: a field that is not understood");
}

METHOD(str_format)
{
    const struct vlm_str *s = self->u.s;
    struct vlm_text t = {0};
    struct vlm_value v;
    size_t next = 0;

    for (size_t i = 0; i < s->n;) {
        bool twice = i + 1 < s->n && s->p[i + 1] == s->p[i];
        const char *close;
        size_t b;
        if (s->p[i] != '{' && s->p[i] != '}') {
            for (b = i; b < s->n && s->p[b] != '{' && s->p[b] != '}'; b++)
                ;
        } else if (twice) {
            b = i + 1;
        } else {
            close = memchr(s->p + i, '}', s->n - i);
            if (s->p[i] == '}' || !close)
                return vlm_run_fail(r, VLM_ERR_FORMAT, "format: a single brace");
            b = (size_t)(close - s->p);
            if (!format_field(r, s, i + 1, b, args, &next, &v) || !vlm_print_str(r, &t, &v))
                return false;
            i = b + 1;
            continue;
        }
        if (!vlm_v_slice(r, &v, s, i, b) || !vlm_text_str(r, &t, v.u.s))
            return false;
        i = b + twice * (s->p[i] == '{' || s->p[i] == '}');
    }
    return vlm_text_finish(r, &t, out);
}

/* ---- lists and dicts
 * ----------------------------------------------------------------------------- */

METHOD(list_index)
{
    struct vlm_value slot[3];
    int64_t n = (int64_t)self->u.seq->n, a, b;
    bool same;

    if (!vlm_args_bind(r, "index", args, "value start stop", 1, slot) ||
        !vlm_need_int(r, "index", &slot[1], 0, &a) || !vlm_need_int(r, "index", &slot[2], n, &b))
        return false;
    a = a < 0 ? a + n < 0 ? 0 : a + n : a;
    b = b < 0 ? b + n : b > n ? n : b;
    for (int64_t i = a; i < b; i++) {
        if (!vlm_v_equal(r, &same, &self->u.seq->items[i], &slot[0]))
            return false;
        if (same) {
            *out = vlm_v_int(i);
            return true;
        }
    }
    return vlm_run_fail(r, VLM_ERR_FORMAT, "a value is not in the list");
}

METHOD(list_count)
{
    struct vlm_value x;
    int64_t n = 0;
    bool same;

    if (!vlm_args_bind(r, "count", args, "value", 1, &x))
        return false;
    for (size_t i = 0; i < self->u.seq->n; i++) {
        if (!vlm_v_equal(r, &same, &self->u.seq->items[i], &x))
            return false;
        n += same;
    }
    *out = vlm_v_int(n);
    return true;
}

METHOD(list_copy)
{
    return vlm_args_bind(r, "copy", args, "", 0, NULL) && vlm_v_to_list(r, out, self);
}

METHOD(dict_get)
{
    struct vlm_value slot[2], *found;

    if (!vlm_args_bind(r, "get", args, "key default", 1, slot) ||
        !vlm_v_find(r, self, &slot[0], &found))
        return false;
    *out = found ? *found : slot[1].kind == VLM_V_MISSING ? vlm_v_none() : slot[1];
    return true;
}

bool vlm_v_view(struct vlm_run *r, const struct vlm_value *dict, const char *name,
                enum vlm_value_kind kind, struct vlm_value *out)
{
    const struct vlm_dict *d = dict->u.dict;
    bool keys = name[5] == 'k', items = name[5] == 'i';
    struct vlm_value list;

    if (!vlm_v_list(r, &list, kind, d->n))
        return false;
    list.u.seq->view = name;
    for (size_t i = 0; i < d->n; i++) {
        struct vlm_value x = keys ? d->pairs[i].key : d->pairs[i].value;
        if (items && (!vlm_v_list(r, &x, VLM_V_TUPLE, 2) || !vlm_v_push(r, &x, d->pairs[i].key) ||
                      !vlm_v_push(r, &x, d->pairs[i].value)))
            return false;
        if (!vlm_v_push(r, &list, x))
            return false;
    }
    *out = list;
    return true;
}

METHOD(dict_keys)
{
    return vlm_args_bind(r, "keys", args, "", 0, NULL) &&
           vlm_v_view(r, self, "dict_keys", VLM_V_VIEW, out);
}

METHOD(dict_values)
{
    return vlm_args_bind(r, "values", args, "", 0, NULL) &&
           vlm_v_view(r, self, "dict_values", VLM_V_VIEW, out);
}

METHOD(dict_items)
{
    return vlm_args_bind(r, "items", args, "", 0, NULL) &&
           vlm_v_view(r, self, "dict_items", VLM_V_VIEW, out);
}

METHOD(dict_copy)
{
    struct vlm_args one = {(struct vlm_value *)(uintptr_t)self, 1, NULL, 0};

    return vlm_args_bind(r, "copy", args, "", 0, NULL) &&
           vlm_builtin_find(vlm_globals, "dict", 4)->call(r, self, &one, out);
}

const struct vlm_builtin vlm_str_methods[] = {
    {"upper", str_upper},
    {"lower", str_lower},
    {"title", str_title},
    {"capitalize", str_capitalize},
    {"swapcase", str_swapcase},
    {"replace", str_replace},
    {"join", str_join},
    {"removeprefix", str_removeprefix},
    {"removesuffix", str_removesuffix},
    {"ljust", str_ljust},
    {"rjust", str_rjust},
    {"center", str_center},
    {"zfill", str_zfill},
    {"format", str_format},
    {NULL, NULL},
};
const struct vlm_builtin vlm_list_methods[] = {
    {"index", list_index},
    {"count", list_count},
    {"copy", list_copy},
    {NULL, NULL},
};
const struct vlm_builtin vlm_dict_methods[] = {
    {"get", dict_get},       {"items", dict_items}, {"keys", dict_keys},
    {"values", dict_values}, {"copy", dict_copy},   {NULL, NULL},
};
