/* ask.c: questions to values: truth, length, order, membership, and reading them one by one.  All
 * as Python answers; nesting is bounded, comparing is paid for. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf8.h"
#include "prompt/value.h"

bool vlm_v_is_seq(const struct vlm_value *v)
{
    return v->kind == VLM_V_LIST || v->kind == VLM_V_TUPLE;
}
bool vlm_v_is_int(const struct vlm_value *v)
{
    return v->kind == VLM_V_INT || v->kind == VLM_V_BOOL;
}
bool vlm_v_is_number(const struct vlm_value *v)
{
    return vlm_v_is_int(v) || v->kind == VLM_V_FLOAT;
}
int64_t vlm_v_integer(const struct vlm_value *v)
{
    return v->kind == VLM_V_BOOL ? v->u.b : v->u.i;
}
double vlm_v_number(const struct vlm_value *v)
{
    return v->kind == VLM_V_FLOAT ? v->u.f : (double)vlm_v_integer(v);
}

bool vlm_v_truth(const struct vlm_value *v)
{
    switch (v->kind) {
    case VLM_V_MISSING:
    case VLM_V_UNDEFINED:
    case VLM_V_NONE:
        return false;
    case VLM_V_BOOL:
        return v->u.b;
    case VLM_V_INT:
        return v->u.i != 0;
    case VLM_V_FLOAT:
        return v->u.f != 0;
    case VLM_V_STRING:
        return v->u.s->n != 0;
    case VLM_V_LIST:
    case VLM_V_TUPLE:
    case VLM_V_VIEW:
        return v->u.seq->n != 0;
    case VLM_V_DICT:
        return v->u.dict->n != 0;
    case VLM_V_RANGE:
        return v->u.range->n != 0;
    default:
        return true;
    }
}

const char *vlm_v_type(const struct vlm_value *v)
{
    switch (v->kind) {
    case VLM_V_MISSING:
    case VLM_V_UNDEFINED:
        return "Undefined";
    case VLM_V_NONE:
        return "NoneType";
    case VLM_V_BOOL:
        return "bool";
    case VLM_V_INT:
        return "int";
    case VLM_V_FLOAT:
        return "float";
    case VLM_V_STRING:
        return "str";
    case VLM_V_LIST:
        return "list";
    case VLM_V_TUPLE:
        return "tuple";
    case VLM_V_DICT:
        return "dict";
    case VLM_V_VIEW:
        return v->u.seq->view;
    case VLM_V_ITERATOR:
        return "generator";
    case VLM_V_RANGE:
        return "range";
    case VLM_V_NAMESPACE:
        return "namespace";
    case VLM_V_MACRO:
        return "Macro";
    case VLM_V_LOOP:
        return "LoopContext";
    case VLM_V_FUNCTION:
    case VLM_V_METHOD:
        break;
    }
    return "function";
}

bool vlm_str_is(const struct vlm_str *s, const char *text)
{
    size_t n = strlen(text);

    return s->n == n && memcmp(s->p, text, n) == 0;
}

size_t vlm_str_length(const struct vlm_str *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += ((unsigned char)s->p[i] & 0xC0) != 0x80;
    return n;
}

size_t vlm_str_offset(const struct vlm_str *s, size_t i)
{
    size_t at = 0;

    while (at < s->n && i > 0) {
        at++;
        while (at < s->n && ((unsigned char)s->p[at] & 0xC0) == 0x80)
            at++;
        i--;
    }
    return at;
}

bool vlm_str_find(struct vlm_run *r, size_t *out, const struct vlm_str *s,
                  const struct vlm_str *needle, size_t from)
{
    size_t at = from, paid = from;

    *out = SIZE_MAX;
    if (needle->n == 0) {
        *out = from <= s->n ? from : SIZE_MAX;
        return true;
    }
    while (at <= s->n && s->n - at >= needle->n) {
        const char *hit = memchr(s->p + at, needle->p[0], s->n - at - needle->n + 1);
        size_t same = 0;
        if (!hit)
            break;
        at = (size_t)(hit - s->p);
        while (same < needle->n && s->p[at + same] == needle->p[same])
            same++;
        if (same == needle->n) {
            *out = at;
            break;
        }
        /* paying for what was compared keeps hostile needles from costing n * m */
        if (!vlm_run_work(r, same + (at - paid)))
            return false;
        paid = at++;
    }
    return vlm_run_work(r, (*out == SIZE_MAX ? s->n : *out + needle->n) - vlm_min_size(paid, s->n));
}

bool vlm_v_length(const struct vlm_value *v, int64_t *out)
{
    switch (v->kind) {
    case VLM_V_UNDEFINED:
        *out = 0;
        return true;
    case VLM_V_STRING:
        *out = (int64_t)vlm_str_length(v->u.s);
        return true;
    case VLM_V_LIST:
    case VLM_V_TUPLE:
    case VLM_V_VIEW:
        *out = (int64_t)v->u.seq->n;
        return true;
    case VLM_V_DICT:
        *out = (int64_t)v->u.dict->n;
        return true;
    case VLM_V_RANGE:
        *out = v->u.range->n;
        return true;
    default:
        return false;
    }
}

/* ---- equality and order
 * -------------------------------------------------------------------------- */

static bool deeper(struct vlm_run *r)
{
    if (r->depth >= VLM_RUN_DEPTH)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "values or calls nest more than %llu deep",
                            (unsigned long long)VLM_RUN_DEPTH);
    r->depth++;
    return true;
}

static bool seqs_equal(struct vlm_run *r, bool *out, const struct vlm_seq *a,
                       const struct vlm_seq *b)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++) {
        if (!vlm_v_equal(r, out, &a->items[i], &b->items[i]))
            return false;
    }
    return true;
}

static bool dicts_equal(struct vlm_run *r, bool *out, const struct vlm_value *a,
                        const struct vlm_value *b)
{
    *out = a->u.dict->n == b->u.dict->n;
    for (size_t i = 0; *out && i < a->u.dict->n; i++) {
        struct vlm_value *other;
        if (!vlm_v_find(r, b, &a->u.dict->pairs[i].key, &other))
            return false;
        if (!other)
            *out = false;
        else if (!vlm_v_equal(r, out, &a->u.dict->pairs[i].value, other))
            return false;
    }
    return true;
}

bool vlm_v_equal(struct vlm_run *r, bool *out, const struct vlm_value *a, const struct vlm_value *b)
{
    bool done = true;

    *out = false;
    if (vlm_v_is_number(a) && vlm_v_is_number(b)) {
        *out = vlm_v_is_int(a) && vlm_v_is_int(b) ? vlm_v_integer(a) == vlm_v_integer(b)
                                                  : vlm_v_number(a) == vlm_v_number(b);
        return vlm_run_step(r);
    }
    if (a->kind != b->kind)
        return vlm_run_step(r);
    switch (a->kind) {
    case VLM_V_MISSING:
    case VLM_V_UNDEFINED:
    case VLM_V_NONE:
        *out = true;
        break;
    case VLM_V_STRING:
        *out = a->u.s->n == b->u.s->n && memcmp(a->u.s->p, b->u.s->p, a->u.s->n) == 0;
        return vlm_run_step(r) && vlm_run_work(r, a->u.s->n == b->u.s->n ? a->u.s->n : 0);
    case VLM_V_LIST:
    case VLM_V_TUPLE:
    case VLM_V_DICT:
        if (!deeper(r) || !vlm_run_step(r))
            return false;
        done = a->kind == VLM_V_DICT ? dicts_equal(r, out, a, b)
                                     : seqs_equal(r, out, a->u.seq, b->u.seq);
        r->depth--;
        break;
    case VLM_V_RANGE:
        *out = a->u.range->n == b->u.range->n &&
               (a->u.range->n == 0 || a->u.range->start == b->u.range->start) &&
               (a->u.range->n < 2 || a->u.range->step == b->u.range->step);
        break;
    default:
        *out = a->u.seq == b->u.seq; /* identity, whatever the pointer's type */
        break;
    }
    return done;
}

static bool compare_seqs(struct vlm_run *r, int *out, const struct vlm_seq *a,
                         const struct vlm_seq *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        bool same;
        if (!vlm_v_equal(r, &same, &a->items[i], &b->items[i]))
            return false;
        if (!same)
            return vlm_v_compare(r, out, &a->items[i], &b->items[i]);
    }
    *out = (a->n > b->n) - (a->n < b->n);
    return true;
}

bool vlm_v_compare(struct vlm_run *r, int *out, const struct vlm_value *a,
                   const struct vlm_value *b)
{
    *out = 0;
    if (vlm_v_is_int(a) && vlm_v_is_int(b)) {
        int64_t x = vlm_v_integer(a), y = vlm_v_integer(b);
        *out = (x > y) - (x < y);
        return vlm_run_step(r);
    }
    if (vlm_v_is_number(a) && vlm_v_is_number(b)) {
        double x = vlm_v_number(a), y = vlm_v_number(b);
        *out = isnan(x) || isnan(y) ? 2 : (x > y) - (x < y); /* 2: no comparison holds */
        return vlm_run_step(r);
    }
    if (a->kind == VLM_V_STRING && b->kind == VLM_V_STRING) {
        size_t n = vlm_min_size(a->u.s->n, b->u.s->n);
        int c = memcmp(a->u.s->p, b->u.s->p, n); /* UTF-8 sorts as its code points */
        *out = c ? (c > 0) - (c < 0) : (a->u.s->n > b->u.s->n) - (a->u.s->n < b->u.s->n);
        return vlm_run_step(r) && vlm_run_work(r, n);
    }
    if (vlm_v_is_seq(a) && a->kind == b->kind) {
        bool done;
        if (!deeper(r))
            return false;
        done = compare_seqs(r, out, a->u.seq, b->u.seq);
        r->depth--;
        return done;
    }
    if (a->kind == VLM_V_UNDEFINED || b->kind == VLM_V_UNDEFINED)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "an undefined value is compared");
    return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s' and '%s' have no order", vlm_v_type(a),
                        vlm_v_type(b));
}

bool vlm_v_contains(struct vlm_run *r, bool *out, const struct vlm_value *in,
                    const struct vlm_value *item)
{
    struct vlm_iter it;
    struct vlm_value x, *found;
    int more;

    *out = false;
    if (in->kind == VLM_V_STRING) {
        size_t at;
        if (item->kind != VLM_V_STRING)
            return vlm_run_fail(r, VLM_ERR_FORMAT,
                                "'in' a string needs a string on its left, not '%s'",
                                vlm_v_type(item));
        if (!vlm_str_find(r, &at, in->u.s, item->u.s, 0))
            return false;
        *out = at != SIZE_MAX;
        return true;
    }
    if (in->kind == VLM_V_DICT) {
        if (!vlm_v_find(r, in, item, &found))
            return false;
        *out = found != NULL;
        return true;
    }
    if (!vlm_iter_init(r, &it, in))
        return false;
    while ((more = vlm_iter_next(r, &it, &x)) > 0) {
        if (!vlm_v_equal(r, out, &x, item))
            return false;
        if (*out)
            return true;
    }
    return more == 0;
}

/* ---- one by one
 * ---------------------------------------------------------------------------------- */

bool vlm_iter_init(struct vlm_run *r, struct vlm_iter *it, const struct vlm_value *v)
{
    switch (v->kind) {
    case VLM_V_UNDEFINED:
    case VLM_V_STRING:
    case VLM_V_LIST:
    case VLM_V_TUPLE:
    case VLM_V_DICT:
    case VLM_V_VIEW:
    case VLM_V_ITERATOR:
    case VLM_V_RANGE:
        it->of = *v;
        it->at = 0;
        return true;
    default:
        return vlm_run_fail(r, VLM_ERR_FORMAT, "'%s' object is not iterable", vlm_v_type(v));
    }
}

static int iter_char(struct vlm_run *r, struct vlm_iter *it, struct vlm_value *out)
{
    const struct vlm_str *s = it->of.u.s;
    size_t begin = it->at;

    if (begin == s->n)
        return 0;
    it->at++;
    while (it->at < s->n && ((unsigned char)s->p[it->at] & 0xC0) == 0x80)
        it->at++;
    return vlm_v_slice(r, out, s, begin, it->at) ? 1 : -1;
}

int vlm_iter_next(struct vlm_run *r, struct vlm_iter *it, struct vlm_value *out)
{
    const struct vlm_value *v = &it->of;

    if (!vlm_run_step(r))
        return -1;
    switch (v->kind) {
    case VLM_V_STRING:
        return iter_char(r, it, out);
    case VLM_V_DICT:
        if (it->at == v->u.dict->n)
            return 0;
        *out = v->u.dict->pairs[it->at++].key;
        return 1;
    case VLM_V_ITERATOR:
        if (v->u.seq->at == v->u.seq->n)
            return 0;
        *out = v->u.seq->items[v->u.seq->at++];
        return 1;
    case VLM_V_RANGE:
        if ((int64_t)it->at == v->u.range->n)
            return 0;
        *out = vlm_v_int(v->u.range->start + (int64_t)it->at++ * v->u.range->step);
        return 1;
    case VLM_V_UNDEFINED:
        return 0;
    default:
        if (it->at == v->u.seq->n)
            return 0;
        *out = v->u.seq->items[it->at++];
        return 1;
    }
}

bool vlm_v_to_list(struct vlm_run *r, struct vlm_value *out, const struct vlm_value *v)
{
    struct vlm_iter it;
    struct vlm_value x;
    int more;

    if (!vlm_iter_init(r, &it, v) || !vlm_v_list(r, out, VLM_V_LIST, 0))
        return false;
    while ((more = vlm_iter_next(r, &it, &x)) > 0) {
        if (!vlm_v_push(r, out, x))
            return false;
    }
    return more == 0;
}

/* ---- sorting
 * ------------------------------------------------------------------------------------- */

static bool merge(struct vlm_run *r, struct vlm_pair *to, const struct vlm_pair *from, size_t mid,
                  size_t n, bool reverse)
{
    size_t a = 0, b = mid;

    for (size_t i = 0; i < n; i++) {
        int c = -1;
        if (a < mid && b < n && !vlm_v_compare(r, &c, &from[b].key, &from[a].key))
            return false;
        /* the later one goes first only if it must: equal ones keep their order, in both directions
         */
        if (b < n && (a == mid || (reverse ? c == 1 : c == -1)))
            to[i] = from[b++];
        else
            to[i] = from[a++];
    }
    return true;
}

bool vlm_v_sort(struct vlm_run *r, struct vlm_pair *pairs, size_t n, bool reverse)
{
    struct vlm_pair *other, *from = pairs, *to;

    if (n < 2)
        return true;
    other = vlm_run_alloc(r, n, sizeof *other);
    if (!other)
        return false;
    to = other;
    for (size_t width = 1; width < n; width *= 2) {
        struct vlm_pair *swap = from;
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t m = vlm_min_size(2 * width, n - i);
            if (!merge(r, to + i, from + i, vlm_min_size(width, m), m, reverse))
                return false;
        }
        from = to;
        to = swap;
    }
    if (from != pairs)
        memcpy(pairs, from, n * sizeof *pairs);
    return true;
}

bool vlm_v_sorted_pairs(struct vlm_run *r, struct vlm_value *out, const struct vlm_value *dict)
{
    const struct vlm_dict *d = dict->u.dict;

    if (!vlm_v_dict(r, out, VLM_V_DICT, d->n))
        return false;
    if (d->n)
        memcpy(out->u.dict->pairs, d->pairs, d->n * sizeof *d->pairs);
    out->u.dict->n = d->n;
    return vlm_v_sort(r, out->u.dict->pairs, d->n, false);
}
