/* math.c: + - * / // % ** of Python, and s % args.  Integers have 64 bits; what does not fit is an
 * error, never a wrong number. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "prompt/jinja.h"

static bool too_large(struct vlm_run *r)
{
    return vlm_run_fail(r, VLM_ERR_LIMIT, "an integer does not fit into 64 bits");
}

static bool int_power(struct vlm_run *r, int64_t a, int64_t n, struct vlm_value *out)
{
    int64_t result = 1;

    if (n < 0) {
        if (a == 0)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "0 cannot be raised to a negative power");
        *out = vlm_v_float(pow((double)a, (double)n));
        return true;
    }
    while (n > 0) {
        if ((n & 1) && __builtin_mul_overflow(result, a, &result))
            return too_large(r);
        n >>= 1;
        if (n && __builtin_mul_overflow(a, a, &a))
            return too_large(r);
    }
    *out = vlm_v_int(result);
    return true;
}

static bool int_math(struct vlm_run *r, int op, int64_t a, int64_t b, struct vlm_value *out)
{
    int64_t q = 0;

    switch (op) {
    case VLM_T_ADD:
        if (__builtin_add_overflow(a, b, &q))
            return too_large(r);
        break;
    case VLM_T_SUB:
        if (__builtin_sub_overflow(a, b, &q))
            return too_large(r);
        break;
    case VLM_T_MUL:
        if (__builtin_mul_overflow(a, b, &q))
            return too_large(r);
        break;
    case VLM_T_POW:
        return int_power(r, a, b, out);
    default:
        if (b == 0)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "division by zero");
        if (op == VLM_T_DIV) {
            *out = vlm_v_float((double)a / (double)b);
            return true;
        }
        if (b == -1) {
            if (op == VLM_T_FLOORDIV && __builtin_sub_overflow(0, a, &q))
                return too_large(r);
            break;
        }
        q = op == VLM_T_FLOORDIV ? a / b : a % b;
        if (a % b != 0 && (a < 0) != (b < 0))
            q += op == VLM_T_FLOORDIV ? -1 : b;
        break;
    }
    *out = vlm_v_int(q);
    return true;
}

static bool float_math(struct vlm_run *r, int op, double a, double b, struct vlm_value *out)
{
    double q, m;

    switch (op) {
    case VLM_T_ADD:
        q = a + b;
        break;
    case VLM_T_SUB:
        q = a - b;
        break;
    case VLM_T_MUL:
        q = a * b;
        break;
    case VLM_T_POW:
        if (a == 0 && b < 0)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "0.0 cannot be raised to a negative power");
        if (a < 0 && b != floor(b) && !isinf(b))
            return vlm_run_fail(r, VLM_ERR_UNSUPPORTED, "complex numbers are not understood");
        q = pow(a, b);
        if (isinf(q) && !isinf(a) && !isinf(b))
            return vlm_run_fail(r, VLM_ERR_FORMAT, "a power is out of range");
        break;
    default:
        if (b == 0)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "float division by zero");
        if (op == VLM_T_DIV) {
            q = a / b;
            break;
        }
        /* as CPython's float_divmod */
        m = fmod(a, b);
        q = (a - m) / b;
        if (m != 0) {
            if ((b < 0) != (m < 0)) {
                m += b;
                q -= 1;
            }
        } else {
            m = copysign(0, b);
        }
        if (q != 0) {
            double whole = floor(q);
            q = q - whole > 0.5 ? whole + 1 : whole;
        } else {
            q = copysign(0, a / b);
        }
        q = op == VLM_T_MOD ? m : q;
        break;
    }
    *out = vlm_v_float(q);
    return true;
}

static bool add_seqs(struct vlm_run *r, const struct vlm_value *a, const struct vlm_value *b,
                     struct vlm_value *out)
{
    struct vlm_value v;

    if (!vlm_v_list(r, &v, a->kind, a->u.seq->n + b->u.seq->n))
        return false;
    for (size_t i = 0; i < a->u.seq->n + b->u.seq->n; i++) {
        const struct vlm_value *x =
            i < a->u.seq->n ? &a->u.seq->items[i] : &b->u.seq->items[i - a->u.seq->n];
        if (!vlm_v_push(r, &v, *x))
            return false;
    }
    *out = v;
    return true;
}

static bool add_strings(struct vlm_run *r, const struct vlm_value *a, const struct vlm_value *b,
                        struct vlm_value *out)
{
    struct vlm_text t = {.markup = a->u.s->markup || b->u.s->markup};
    struct vlm_value x = *a, y = *b;

    if (t.markup && !x.u.s->markup && !vlm_str_escape(r, x.u.s, &x))
        return false;
    if (t.markup && !y.u.s->markup && !vlm_str_escape(r, y.u.s, &y))
        return false;
    return vlm_text_str(r, &t, x.u.s) && vlm_text_str(r, &t, y.u.s) && vlm_text_finish(r, &t, out);
}

/* A string or list n times. */
static bool repeat(struct vlm_run *r, const struct vlm_value *v, int64_t n, struct vlm_value *out)
{
    struct vlm_text t = {0};
    struct vlm_value result;

    if (v->kind == VLM_V_STRING) {
        t.markup = v->u.s->markup;
        if (v->u.s->n && n > 0 && (uint64_t)n > VLM_LIMIT_TEMPLATE_OUTPUT_BYTES / v->u.s->n)
            return vlm_run_fail(r, VLM_ERR_LIMIT, "a string of more than %llu bytes is made",
                                (unsigned long long)VLM_LIMIT_TEMPLATE_OUTPUT_BYTES);
        for (int64_t i = 0; v->u.s->n && i < n; i++) {
            if (!vlm_text_str(r, &t, v->u.s))
                return false;
        }
        return vlm_text_finish(r, &t, out);
    }
    if (!vlm_v_list(r, &result, v->kind, 0))
        return false;
    for (int64_t i = 0; v->u.seq->n && i < n; i++) {
        for (size_t k = 0; k < v->u.seq->n; k++) {
            if (!vlm_v_push(r, &result, v->u.seq->items[k]))
                return false;
        }
    }
    *out = result;
    return true;
}

bool vlm_eval_math(struct vlm_run *r, int op, const struct vlm_value *a, const struct vlm_value *b,
                   struct vlm_value *out)
{
    static const char *const names[] = {"+", "-", "*", "/", "//", "%", "**"};

    if (vlm_v_is_int(a) && vlm_v_is_int(b))
        return int_math(r, op, vlm_v_integer(a), vlm_v_integer(b), out);
    if (vlm_v_is_number(a) && vlm_v_is_number(b))
        return float_math(r, op, vlm_v_number(a), vlm_v_number(b), out);
    if (op == VLM_T_MOD && a->kind == VLM_V_STRING)
        return vlm_str_percent(r, a->u.s, b, out);
    if (a->kind == VLM_V_UNDEFINED || b->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, a->kind == VLM_V_UNDEFINED ? a : b);
    if (op == VLM_T_ADD && a->kind == VLM_V_STRING && b->kind == VLM_V_STRING)
        return add_strings(r, a, b, out);
    if (op == VLM_T_ADD && vlm_v_is_seq(a) && a->kind == b->kind)
        return add_seqs(r, a, b, out);
    if (op == VLM_T_MUL && (a->kind == VLM_V_STRING || vlm_v_is_seq(a)) && vlm_v_is_int(b))
        return repeat(r, a, vlm_v_integer(b), out);
    if (op == VLM_T_MUL && (b->kind == VLM_V_STRING || vlm_v_is_seq(b)) && vlm_v_is_int(a))
        return repeat(r, b, vlm_v_integer(a), out);
    return vlm_run_fail(r, VLM_ERR_FORMAT, "unsupported operand types for %s: '%s' and '%s'",
                        names[op - VLM_T_ADD], vlm_v_type(a), vlm_v_type(b));
}

/* ---- s % args
 * ------------------------------------------------------------------------------------ */

struct percent {
    struct vlm_value args;
    size_t used;
    bool left, zero, plus;
    int width, precision;
};

static bool percent_next(struct vlm_run *r, struct percent *f, struct vlm_value *out)
{
    if (f->args.kind == VLM_V_TUPLE) {
        if (f->used == f->args.u.seq->n)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "not enough arguments for format string");
        *out = f->args.u.seq->items[f->used];
    } else {
        if (f->used)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "not enough arguments for format string");
        *out = f->args;
    }
    f->used++;
    return true;
}

static bool percent_pad(struct vlm_run *r, struct vlm_text *t, const struct percent *f,
                        const struct vlm_str *s)
{
    size_t n = vlm_str_length(s), width = f->width > 0 ? (size_t)f->width : 0;

    if (f->left && !vlm_text_str(r, t, s))
        return false;
    for (; n < width; n++) {
        if (!vlm_text_puts(r, t, " "))
            return false;
    }
    return f->left || vlm_text_str(r, t, s);
}

static bool percent_one(struct vlm_run *r, struct vlm_text *t, struct percent *f, char conversion)
{
    struct vlm_value v, s;
    struct vlm_text own = {0};
    char text[400];
    int n;

    if (!percent_next(r, f, &v))
        return false;
    if (conversion == 's' || conversion == 'r') {
        if (!(conversion == 's' ? vlm_print_str(r, &own, &v) : vlm_print_repr(r, &own, &v)) ||
            !vlm_text_finish(r, &own, &s))
            return false;
        if (f->precision >= 0 &&
            !vlm_v_slice(r, &s, s.u.s, 0, vlm_str_offset(s.u.s, (size_t)f->precision)))
            return false;
        return percent_pad(r, t, f, s.u.s);
    }
    if (!vlm_v_is_number(&v))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "%%%c format: a number is required, not %s",
                            conversion, vlm_v_type(&v));
    if (conversion == 'f') {
        double d = vlm_v_number(&v);
        n = snprintf(text, sizeof text, f->plus ? "%+.*f" : "%.*f",
                     f->precision < 0 ? 6 : f->precision, d);
        for (int i = 0; i < n; i++) { /* whatever the locale's mark, it is a point here */
            if (text[i] == ',')
                text[i] = '.';
        }
    } else {
        int64_t i = v.kind == VLM_V_FLOAT ? (int64_t)v.u.f : vlm_v_integer(&v);
        if (v.kind == VLM_V_FLOAT && !(fabs(v.u.f) < 9e18))
            return too_large(r);
        n = snprintf(text, sizeof text, f->plus ? "%+.*lld" : "%.*lld",
                     f->precision < 0 ? 1 : f->precision, (long long)i);
    }
    if (n < 0 || n >= (int)sizeof text)
        return vlm_run_fail(r, VLM_ERR_UNSUPPORTED, "a number is too long");
    if (f->zero && !f->left) {
        bool sign = text[0] == '-' || text[0] == '+';
        while (n < f->width) {
            memmove(text + sign + 1, text + sign, (size_t)n - sign + 1);
            text[sign ? 1 : 0] = '0';
            n++;
        }
    }
    return vlm_v_string(r, &s, text, (size_t)n, false) && percent_pad(r, t, f, s.u.s);
}

static int percent_number(const char **p, const char *end)
{
    int n = 0;

    while (*p < end && **p >= '0' && **p <= '9' && n < 300)
        n = n * 10 + (*(*p)++ - '0');
    return n;
}

bool vlm_str_percent(struct vlm_run *r, const struct vlm_str *s, const struct vlm_value *args,
                     struct vlm_value *out)
{
    struct vlm_text t = {.markup = s->markup};
    struct percent f = {.args = *args};
    struct vlm_value part;
    const char *p = s->p, *end = s->p + s->n;

    while (p < end) {
        const char *q = memchr(p, '%', (size_t)(end - p));
        size_t from = (size_t)(p - s->p), to = q ? (size_t)(q - s->p) : s->n;
        if (to > from && (!vlm_v_slice(r, &part, s, from, to) || !vlm_text_str(r, &t, part.u.s)))
            return false;
        if (!q)
            break;
        f.left = f.zero = f.plus = false;
        f.precision = -1;
        for (p = q + 1; p < end && (*p == '-' || *p == '0' || *p == '+'); p++) {
            f.left |= *p == '-';
            f.zero |= *p == '0';
            f.plus |= *p == '+';
        }
        f.width = percent_number(&p, end);
        if (p < end && *p == '.') {
            p++;
            f.precision = percent_number(&p, end);
        }
        if (f.width >= 300 || f.precision >= 60 || p == end || !strchr("srdif%", *p) || !*p)
            return vlm_run_fail(r, VLM_ERR_UNSUPPORTED, "a %% format that is not understood");
        if (*p == '%' ? !vlm_text_puts(r, &t, "%") : !percent_one(r, &t, &f, *p == 'i' ? 'd' : *p))
            return false;
        p++;
    }
    /* what has items may stay unused */
    if (f.args.kind == VLM_V_TUPLE
            ? f.used != f.args.u.seq->n
            : !f.used && f.args.kind != VLM_V_DICT && f.args.kind != VLM_V_LIST &&
                  f.args.kind != VLM_V_UNDEFINED && f.args.kind != VLM_V_RANGE)
        return vlm_run_fail(r, VLM_ERR_FORMAT,
                            "not all arguments converted during string formatting");
    return vlm_text_finish(r, &t, out);
}
