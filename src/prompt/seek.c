/* seek.c: the methods of strings that cut and search.  Slices share their bytes and marks. */
#include <string.h>

#include "base/utf8.h"
#include "prompt/jinja.h"

#define METHOD(name)                                                                               \
    static bool name(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args, \
                     struct vlm_value *out)

bool vlm_need_string(struct vlm_run *r, const char *what, const struct vlm_value *v)
{
    if (v->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, v);
    return v->kind == VLM_V_STRING ||
           vlm_run_fail(r, VLM_ERR_FORMAT, "%s needs a string, not '%s'", what, vlm_v_type(v));
}

bool vlm_need_int(struct vlm_run *r, const char *what, const struct vlm_value *v, int64_t missing,
                  int64_t *out)
{
    *out = missing;
    if (v->kind == VLM_V_MISSING)
        return true;
    if (!vlm_v_is_int(v))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "%s needs an integer, not '%s'", what,
                            vlm_v_type(v));
    *out = vlm_v_integer(v);
    return true;
}

static bool absent(const struct vlm_value *v)
{
    return v->kind == VLM_V_MISSING || v->kind == VLM_V_NONE;
}

/* ---- strip
 * --------------------------------------------------------------------------------------- */

static bool in_set(const struct vlm_str *set, const char *p, size_t n)
{
    uint32_t c;

    if (!set) {
        vlm_utf8_decode(&c, p, n);
        return vlm_char_space(c);
    }
    for (size_t i = 0; i < set->n;) {
        size_t k = vlm_utf8_decode(&c, set->p + i, set->n - i);
        if (k == n && memcmp(set->p + i, p, n) == 0)
            return true;
        i += k;
    }
    return false;
}

bool vlm_str_strip(struct vlm_run *r, const struct vlm_str *s, const struct vlm_str *set, bool left,
                   bool right, struct vlm_value *out)
{
    size_t a = 0, b = s->n;

    while (left && a < b) {
        uint32_t c;
        size_t k = vlm_utf8_decode(&c, s->p + a, b - a);
        if (!in_set(set, s->p + a, k))
            break;
        if (!vlm_run_work(r, 4 + (set ? 4 * set->n : 0)))
            return false;
        a += k;
    }
    while (right && b > a) {
        size_t q = b - 1;
        while (q > a && ((unsigned char)s->p[q] & 0xC0) == 0x80)
            q--;
        if (!in_set(set, s->p + q, b - q))
            break;
        if (!vlm_run_work(r, 4 + (set ? 4 * set->n : 0)))
            return false;
        b = q;
    }
    return vlm_v_slice(r, out, s, a, b);
}

static bool strip(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args,
                  bool left, bool right, struct vlm_value *out)
{
    struct vlm_value set;

    if (!vlm_args_bind(r, "strip", args, "chars", 0, &set) ||
        (!absent(&set) && !vlm_need_string(r, "strip", &set)))
        return false;
    return vlm_str_strip(r, self->u.s, absent(&set) ? NULL : set.u.s, left, right, out);
}

METHOD(str_strip)
{
    return strip(r, self, args, true, true, out);
}
METHOD(str_lstrip)
{
    return strip(r, self, args, true, false, out);
}
METHOD(str_rstrip)
{
    return strip(r, self, args, false, true, out);
}

/* ---- split
 * --------------------------------------------------------------------------------------- */

static bool push_slice(struct vlm_run *r, struct vlm_value *list, const struct vlm_str *s, size_t a,
                       size_t b)
{
    struct vlm_value part;

    return vlm_v_slice(r, &part, s, a, b) && vlm_v_push(r, list, part);
}

static size_t space_run(const struct vlm_str *s, size_t at, bool want)
{
    while (at < s->n) {
        uint32_t c;
        size_t k = vlm_utf8_decode(&c, s->p + at, s->n - at);
        if (vlm_char_space(c) != want)
            break;
        at += k;
    }
    return at;
}

static bool split_space(struct vlm_run *r, const struct vlm_str *s, int64_t most,
                        struct vlm_value *out)
{
    size_t at = space_run(s, 0, true);

    while (at < s->n) {
        size_t end = space_run(s, at, false);
        if (most >= 0 && (int64_t)out->u.seq->n == most)
            return push_slice(r, out, s, at, s->n); /* the rest, with the space at its end */
        if (!push_slice(r, out, s, at, end))
            return false;
        at = space_run(s, end, true);
    }
    return vlm_run_work(r, 4 * s->n);
}

static bool split_at(struct vlm_run *r, const struct vlm_str *s, const struct vlm_str *sep,
                     int64_t most, struct vlm_value *out)
{
    size_t at = 0, hit = 0;

    if (sep->n == 0)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "split: empty separator");
    while (most < 0 || (int64_t)out->u.seq->n < most) {
        if (!vlm_str_find(r, &hit, s, sep, at))
            return false;
        if (hit == SIZE_MAX)
            break;
        if (!push_slice(r, out, s, at, hit))
            return false;
        at = hit + sep->n;
    }
    return push_slice(r, out, s, at, s->n);
}

/* From the right: all pieces, of which the first ones are put together again. */
static bool rsplit(struct vlm_run *r, const struct vlm_str *s, const struct vlm_value *sep,
                   int64_t most, struct vlm_value *out)
{
    size_t b = s->n, n = 0;
    struct vlm_value v, reversed = *out;

    if (sep->kind == VLM_V_STRING && sep->u.s->n == 0)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "rsplit: empty separator");
    for (;;) {
        struct vlm_str left = {s->p, b, s->mask, s->user, s->markup};
        size_t a, cut = 0;
        bool hit = false;
        if (sep->kind != VLM_V_STRING) {
            if (!vlm_str_strip(r, &left, NULL, false, true, &v))
                return false;
            b = v.u.s->n;
            if (b == 0)
                break;
        }
        for (a = b; !hit && (int64_t)n < most; a--) {
            if (sep->kind == VLM_V_STRING) {
                hit = a >= sep->u.s->n &&
                      memcmp(s->p + a - sep->u.s->n, sep->u.s->p, sep->u.s->n) == 0;
                cut = hit ? a - sep->u.s->n : 0;
            } else if (a > 0) {
                size_t q = a - 1;
                while (q > 0 && ((unsigned char)s->p[q] & 0xC0) == 0x80)
                    q--;
                hit = in_set(NULL, s->p + q, a - q);
                cut = q;
            }
            if (!vlm_run_work(r, 8) || a == 0)
                break;
            if (hit)
                break;
        }
        if (r->status)
            return false;
        if (!hit)
            return push_slice(r, &reversed, s, 0, b);
        if (!push_slice(r, &reversed, s, a, b))
            return false;
        b = cut;
        n++;
    }
    return true;
}

static bool split(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args,
                  bool right, struct vlm_value *out)
{
    struct vlm_value slot[2], list;
    int64_t most;

    if (!vlm_args_bind(r, "split", args, "sep maxsplit", 0, slot) ||
        (!absent(&slot[0]) && !vlm_need_string(r, "split", &slot[0])) ||
        !vlm_need_int(r, "split", &slot[1], -1, &most) || !vlm_v_list(r, &list, VLM_V_LIST, 0))
        return false;
    if (right && most >= 0) {
        if (!rsplit(r, self->u.s, &slot[0], most, &list))
            return false;
        for (size_t i = 0, n = list.u.seq->n; i < n / 2; i++) {
            struct vlm_value swap = list.u.seq->items[i];
            list.u.seq->items[i] = list.u.seq->items[n - 1 - i];
            list.u.seq->items[n - 1 - i] = swap;
        }
    } else if (!(absent(&slot[0]) ? split_space(r, self->u.s, most, &list)
                                  : split_at(r, self->u.s, slot[0].u.s, most, &list))) {
        return false;
    }
    *out = list;
    return true;
}

METHOD(str_split)
{
    return split(r, self, args, false, out);
}
METHOD(str_rsplit)
{
    return split(r, self, args, true, out);
}

/* Bytes of the line break at p, or 0: Python's set. */
static size_t line_break(const char *p, size_t n)
{
    uint32_t c;
    size_t k = vlm_utf8_decode(&c, p, n);

    if (c == '\r' && n > 1 && p[1] == '\n')
        return 2;
    return (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029
               ? k
               : 0;
}

bool vlm_str_lines(struct vlm_run *r, const struct vlm_str *s, bool keep, struct vlm_value *out)
{
    size_t from = 0;

    if (!vlm_v_list(r, out, VLM_V_LIST, 0))
        return false;
    for (size_t i = 0; i < s->n;) {
        size_t k = line_break(s->p + i, s->n - i);
        if (k == 0) {
            i++;
            while (i < s->n && ((unsigned char)s->p[i] & 0xC0) == 0x80)
                i++;
            continue;
        }
        if (!push_slice(r, out, s, from, keep ? i + k : i))
            return false;
        i += k;
        from = i;
    }
    return vlm_run_work(r, 4 * s->n) && (from == s->n || push_slice(r, out, s, from, s->n));
}

METHOD(str_splitlines)
{
    struct vlm_value keep;

    return vlm_args_bind(r, "splitlines", args, "keepends", 0, &keep) &&
           vlm_str_lines(r, self->u.s, keep.kind != VLM_V_MISSING && vlm_v_truth(&keep), out);
}

static bool partition(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args,
                      bool right, struct vlm_value *out)
{
    const struct vlm_str *s = self->u.s;
    struct vlm_value sep, list;
    size_t hit, next = 0, at = SIZE_MAX;

    if (!vlm_args_bind(r, "partition", args, "sep", 1, &sep) ||
        !vlm_need_string(r, "partition", &sep) || !vlm_v_list(r, &list, VLM_V_TUPLE, 3))
        return false;
    if (sep.u.s->n == 0)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "partition: empty separator");
    do {
        if (!vlm_str_find(r, &hit, s, sep.u.s, next))
            return false;
        if (hit != SIZE_MAX) {
            at = hit;
            next = hit + 1;
        }
    } while (right && hit != SIZE_MAX);
    *out = list;
    if (at == SIZE_MAX)
        return right ? push_slice(r, out, s, 0, 0) && push_slice(r, out, s, 0, 0) &&
                           push_slice(r, out, s, 0, s->n)
                     : push_slice(r, out, s, 0, s->n) && push_slice(r, out, s, 0, 0) &&
                           push_slice(r, out, s, 0, 0);
    return push_slice(r, out, s, 0, at) && push_slice(r, out, s, at, at + sep.u.s->n) &&
           push_slice(r, out, s, at + sep.u.s->n, s->n);
}

METHOD(str_partition)
{
    return partition(r, self, args, false, out);
}
METHOD(str_rpartition)
{
    return partition(r, self, args, true, out);
}

/* ---- looking
 * ------------------------------------------------------------------------------------- */

/* self[start:end] as byte offsets; false in *some when start lies behind the end. */
static bool window(struct vlm_run *r, const struct vlm_str *s, const struct vlm_value *start,
                   const struct vlm_value *stop, size_t *a, size_t *b, bool *some)
{
    int64_t n, i, k;

    if (start->kind == VLM_V_MISSING && stop->kind == VLM_V_MISSING) {
        *a = 0;
        *b = s->n;
        *some = true;
        return true;
    }
    n = (int64_t)vlm_str_length(s);
    if (!vlm_need_int(r, "start",
                      absent(start) ? &(struct vlm_value){.kind = VLM_V_MISSING} : start, 0, &i) ||
        !vlm_need_int(r, "end", absent(stop) ? &(struct vlm_value){.kind = VLM_V_MISSING} : stop, n,
                      &k) ||
        !vlm_run_work(r, 3 * s->n))
        return false;
    i = i < 0 ? i + n < 0 ? 0 : i + n : i;
    k = k < 0 ? k + n < 0 ? 0 : k + n : k > n ? n : k;
    *some = i <= k;
    *a = vlm_str_offset(s, (size_t)(i < n ? i : n));
    *b = vlm_str_offset(s, (size_t)k);
    return true;
}

static bool affix(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args,
                  bool end, struct vlm_value *out)
{
    struct vlm_value slot[3];
    const struct vlm_value *each = slot;
    size_t a = 0, b = 0, n = 1;
    bool yes = false, some = false;

    if (!vlm_args_bind(r, end ? "endswith" : "startswith", args, "prefix start end", 1, slot) ||
        !window(r, self->u.s, &slot[1], &slot[2], &a, &b, &some))
        return false;
    if (slot[0].kind == VLM_V_TUPLE) {
        each = slot[0].u.seq->items;
        n = slot[0].u.seq->n;
    }
    for (size_t i = 0; i < n && !yes; i++) {
        if (!vlm_need_string(r, end ? "endswith" : "startswith", &each[i]) ||
            !vlm_run_work(r, each[i].u.s->n))
            return false;
        yes = some && each[i].u.s->n <= b - a &&
              memcmp(self->u.s->p + (end ? b - each[i].u.s->n : a), each[i].u.s->p,
                     each[i].u.s->n) == 0;
    }
    *out = vlm_v_bool(yes);
    return true;
}

METHOD(str_startswith)
{
    return affix(r, self, args, false, out);
}
METHOD(str_endswith)
{
    return affix(r, self, args, true, out);
}

enum seek { SEEK_FIND, SEEK_RFIND, SEEK_INDEX, SEEK_RINDEX, SEEK_COUNT };

static bool seek(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args,
                 enum seek what, struct vlm_value *out)
{
    struct vlm_value slot[3];
    struct vlm_str part;
    size_t a = 0, b = 0, hit = SIZE_MAX, last = SIZE_MAX, next;
    int64_t count = 0;
    bool some = false, all = what == SEEK_RFIND || what == SEEK_RINDEX || what == SEEK_COUNT;

    if (!vlm_args_bind(r, "find", args, "sub start end", 1, slot) ||
        !vlm_need_string(r, "find", &slot[0]) ||
        !window(r, self->u.s, &slot[1], &slot[2], &a, &b, &some))
        return false;
    part = (struct vlm_str){self->u.s->p, some ? b : 0, NULL, false, false};
    if (slot[0].u.s->n == 0 && some) { /* the empty string is everywhere */
        struct vlm_str between = {self->u.s->p + a, b - a, NULL, false, false};
        count = (int64_t)vlm_str_length(&between) + 1;
        last = what == SEEK_RFIND || what == SEEK_RINDEX ? b : a;
    } else {
        for (next = a; some; next = what == SEEK_COUNT ? hit + slot[0].u.s->n : hit + 1) {
            if (!vlm_str_find(r, &hit, &part, slot[0].u.s, next))
                return false;
            if (hit == SIZE_MAX)
                break;
            last = hit;
            count++;
            if (!all)
                break;
        }
    }
    if (what == SEEK_COUNT) {
        *out = vlm_v_int(count);
        return true;
    }
    if (last == SIZE_MAX && (what == SEEK_INDEX || what == SEEK_RINDEX))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "substring not found");
    part.n = last == SIZE_MAX ? 0 : last;
    *out = vlm_v_int(last == SIZE_MAX ? -1 : (int64_t)vlm_str_length(&part));
    return vlm_run_work(r, part.n);
}

METHOD(str_find)
{
    return seek(r, self, args, SEEK_FIND, out);
}
METHOD(str_rfind)
{
    return seek(r, self, args, SEEK_RFIND, out);
}
METHOD(str_index)
{
    return seek(r, self, args, SEEK_INDEX, out);
}
METHOD(str_rindex)
{
    return seek(r, self, args, SEEK_RINDEX, out);
}
METHOD(str_count)
{
    return seek(r, self, args, SEEK_COUNT, out);
}

/* All characters of a class, and at least one. */
static bool all_of(struct vlm_run *r, const struct vlm_value *self, const struct vlm_args *args,
                   unsigned flags, struct vlm_value *out)
{
    const struct vlm_str *s = self->u.s;
    bool yes = s->n > 0;

    if (args->n_pos || args->n_named)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "a method takes no arguments");
    for (size_t i = 0; i < s->n && yes;) {
        uint32_t c;
        i += vlm_utf8_decode(&c, s->p + i, s->n - i);
        yes = flags ? (vlm_char_class(c) & flags) != 0 : vlm_char_space(c);
    }
    *out = vlm_v_bool(yes);
    return vlm_run_work(r, 16 * s->n);
}

METHOD(str_isalpha)
{
    return all_of(r, self, args, VLM_C_ALPHA, out);
}
METHOD(str_isdecimal)
{
    return all_of(r, self, args, VLM_C_DECIMAL, out);
}
METHOD(str_isdigit)
{
    return all_of(r, self, args, VLM_C_DIGIT, out);
}
METHOD(str_isnumeric)
{
    return all_of(r, self, args, VLM_C_NUMERIC, out);
}
METHOD(str_isalnum)
{
    return all_of(r, self, args, VLM_C_ALPHA | VLM_C_DECIMAL | VLM_C_DIGIT | VLM_C_NUMERIC, out);
}
METHOD(str_isspace)
{
    return all_of(r, self, args, 0, out);
}

METHOD(str_islower)
{
    return vlm_args_bind(r, "islower", args, "", 0, NULL) &&
           vlm_builtin_find(vlm_tests, "lower", 5)->call(r, self, args, out);
}

METHOD(str_isupper)
{
    return vlm_args_bind(r, "isupper", args, "", 0, NULL) &&
           vlm_builtin_find(vlm_tests, "upper", 5)->call(r, self, args, out);
}

const struct vlm_builtin vlm_str_seekers[] = {
    {"strip", str_strip},
    {"lstrip", str_lstrip},
    {"rstrip", str_rstrip},
    {"split", str_split},
    {"rsplit", str_rsplit},
    {"splitlines", str_splitlines},
    {"partition", str_partition},
    {"rpartition", str_rpartition},
    {"startswith", str_startswith},
    {"endswith", str_endswith},
    {"find", str_find},
    {"rfind", str_rfind},
    {"index", str_index},
    {"rindex", str_rindex},
    {"count", str_count},
    {"isalpha", str_isalpha},
    {"isdecimal", str_isdecimal},
    {"isdigit", str_isdigit},
    {"isnumeric", str_isnumeric},
    {"isalnum", str_isalnum},
    {"isspace", str_isspace},
    {"islower", str_islower},
    {"isupper", str_isupper},
    {NULL, NULL},
};
