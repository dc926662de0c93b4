/* tests.c: what can stand behind "is". */
#include <string.h>

#include "base/utf8.h"
#include "prompt/jinja.h"

/* The one argument of tests that compare. */
static bool other(struct vlm_run *r, const struct vlm_args *args, struct vlm_value *out)
{
    return vlm_args_bind(r, "a test", args, "other", 1, out);
}

#define TEST(what)                                                                                 \
    static bool test_##what(struct vlm_run *r, const struct vlm_value *v,                          \
                            const struct vlm_args *args, struct vlm_value *out)
#define PLAIN_TEST(what, condition)                                                                \
    TEST(what)                                                                                     \
    {                                                                                              \
        if (args->n_pos || args->n_named)                                                          \
            return vlm_run_fail(r, VLM_ERR_FORMAT, "test " #what " takes no arguments");           \
        *out = vlm_v_bool(condition);                                                              \
        return true;                                                                               \
    }

PLAIN_TEST(defined, v->kind != VLM_V_UNDEFINED)
PLAIN_TEST(undefined, v->kind == VLM_V_UNDEFINED)
PLAIN_TEST(none, v->kind == VLM_V_NONE)
PLAIN_TEST(boolean, v->kind == VLM_V_BOOL)
PLAIN_TEST(no, v->kind == VLM_V_BOOL && !v->u.b)
PLAIN_TEST(yes, v->kind == VLM_V_BOOL && v->u.b)
PLAIN_TEST(integer, v->kind == VLM_V_INT)
PLAIN_TEST(float, v->kind == VLM_V_FLOAT)
PLAIN_TEST(string, v->kind == VLM_V_STRING)
PLAIN_TEST(mapping, v->kind == VLM_V_DICT)
PLAIN_TEST(number, vlm_v_is_number(v))
PLAIN_TEST(sequence, v->kind == VLM_V_UNDEFINED || v->kind == VLM_V_STRING || vlm_v_is_seq(v) ||
                         v->kind == VLM_V_DICT || v->kind == VLM_V_RANGE)
PLAIN_TEST(iterable, v->kind == VLM_V_UNDEFINED || v->kind == VLM_V_STRING || vlm_v_is_seq(v) ||
                         v->kind == VLM_V_DICT || v->kind == VLM_V_VIEW ||
                         v->kind == VLM_V_ITERATOR || v->kind == VLM_V_RANGE ||
                         v->kind == VLM_V_LOOP)
PLAIN_TEST(callable, v->kind == VLM_V_FUNCTION || v->kind == VLM_V_METHOD ||
                         v->kind == VLM_V_MACRO || v->kind == VLM_V_LOOP ||
                         v->kind == VLM_V_UNDEFINED)
PLAIN_TEST(escaped, v->kind == VLM_V_STRING && v->u.s->markup)

static bool divides(struct vlm_run *r, const struct vlm_value *v, const struct vlm_value *by,
                    int64_t rest, struct vlm_value *out)
{
    struct vlm_value m, want = vlm_v_int(rest);
    bool same;

    if (!vlm_eval_math(r, VLM_T_MOD, v, by, &m) || !vlm_v_equal(r, &same, &m, &want))
        return false;
    *out = vlm_v_bool(same);
    return true;
}

TEST(odd)
{
    struct vlm_value two = vlm_v_int(2);

    return vlm_args_bind(r, "test odd", args, "", 0, NULL) && divides(r, v, &two, 1, out);
}

TEST(even)
{
    struct vlm_value two = vlm_v_int(2);

    return vlm_args_bind(r, "test even", args, "", 0, NULL) && divides(r, v, &two, 0, out);
}

TEST(divisibleby)
{
    struct vlm_value by;

    return vlm_args_bind(r, "test divisibleby", args, "num", 1, &by) && divides(r, v, &by, 0, out);
}

/* islower and isupper: some letter of that case and none of the others */
static bool cased(struct vlm_run *r, const struct vlm_value *v, unsigned want, unsigned never,
                  struct vlm_value *out)
{
    struct vlm_value s;
    bool any = false, bad = false;

    if (!vlm_v_to_string(r, &s, v) || !vlm_run_work(r, 16 * s.u.s->n))
        return false;
    for (size_t i = 0; i < s.u.s->n;) {
        uint32_t c;
        unsigned f;
        i += vlm_utf8_decode(&c, s.u.s->p + i, s.u.s->n - i);
        f = vlm_char_class(c);
        any |= (f & want) != 0;
        bad |= (f & never) != 0;
    }
    *out = vlm_v_bool(any && !bad);
    return true;
}

TEST(lower)
{
    (void)args;
    return cased(r, v, VLM_C_LOWER, VLM_C_UPPER | VLM_C_TITLE, out);
}

TEST(upper)
{
    (void)args;
    return cased(r, v, VLM_C_UPPER, VLM_C_LOWER | VLM_C_TITLE, out);
}

TEST(eq)
{
    struct vlm_value b;
    bool same;

    if (!other(r, args, &b) || !vlm_v_equal(r, &same, v, &b))
        return false;
    *out = vlm_v_bool(same);
    return true;
}

TEST(ne)
{
    if (!test_eq(r, v, args, out))
        return false;
    out->u.b = !out->u.b;
    return true;
}

static bool ordered(struct vlm_run *r, const struct vlm_value *v, const struct vlm_args *args,
                    int low, int high, struct vlm_value *out)
{
    struct vlm_value b;
    int c;

    if (!other(r, args, &b) || !vlm_v_compare(r, &c, v, &b))
        return false;
    *out = vlm_v_bool(c >= low && c <= high);
    return true;
}

TEST(lt)
{
    return ordered(r, v, args, -1, -1, out);
}
TEST(le)
{
    return ordered(r, v, args, -1, 0, out);
}
TEST(gt)
{
    return ordered(r, v, args, 1, 1, out);
}
TEST(ge)
{
    return ordered(r, v, args, 0, 1, out);
}

TEST(in)
{
    struct vlm_value b;
    bool yes;

    if (!other(r, args, &b) || !vlm_v_contains(r, &yes, &b, v))
        return false;
    *out = vlm_v_bool(yes);
    return true;
}

/* Identity: constants and small values that are equal and of one kind, containers by place. */
TEST(sameas)
{
    struct vlm_value b;
    bool same = false;

    if (!other(r, args, &b))
        return false;
    if (v->kind == b.kind) {
        if (vlm_v_is_seq(v) || v->kind == VLM_V_DICT)
            same = v->u.seq == b.u.seq;
        else if (v->kind == VLM_V_UNDEFINED)
            same = v->u.undefined == b.u.undefined;
        else if (!vlm_v_equal(r, &same, v, &b))
            return false;
    }
    *out = vlm_v_bool(same);
    return true;
}

static bool known(struct vlm_run *r, const struct vlm_value *v, const struct vlm_builtin *a,
                  const struct vlm_builtin *b, struct vlm_value *out)
{
    (void)r;
    *out = vlm_v_bool(v->kind == VLM_V_STRING && (vlm_builtin_find(a, v->u.s->p, v->u.s->n) ||
                                                  vlm_builtin_find(b, v->u.s->p, v->u.s->n)));
    return true;
}

TEST(filter)
{
    (void)args;
    return known(r, v, vlm_filters, vlm_filters_seq, out);
}

TEST(test)
{
    (void)args;
    return known(r, v, vlm_tests, vlm_tests, out);
}

const struct vlm_builtin vlm_tests[] = {
    {"defined", test_defined},
    {"undefined", test_undefined},
    {"none", test_none},
    {"boolean", test_boolean},
    {"false", test_no},
    {"true", test_yes},
    {"integer", test_integer},
    {"float", test_float},
    {"string", test_string},
    {"mapping", test_mapping},
    {"number", test_number},
    {"sequence", test_sequence},
    {"iterable", test_iterable},
    {"callable", test_callable},
    {"escaped", test_escaped},
    {"odd", test_odd},
    {"even", test_even},
    {"divisibleby", test_divisibleby},
    {"lower", test_lower},
    {"upper", test_upper},
    {"eq", test_eq},
    {"equalto", test_eq},
    {"==", test_eq},
    {"ne", test_ne},
    {"!=", test_ne},
    {"lt", test_lt},
    {"lessthan", test_lt},
    {"<", test_lt},
    {"le", test_le},
    {"<=", test_le},
    {"gt", test_gt},
    {"greaterthan", test_gt},
    {">", test_gt},
    {"ge", test_ge},
    {">=", test_ge},
    {"in", test_in},
    {"sameas", test_sameas},
    {"filter", test_filter},
    {"test", test_test},
    {NULL, NULL},
};

bool vlm_test_call(struct vlm_run *r, const char *name, size_t n, const struct vlm_value *on,
                   const struct vlm_args *args, bool *out)
{
    const struct vlm_builtin *t = vlm_builtin_find(vlm_tests, name, n);
    struct vlm_value v;
    struct vlm_quoted q;

    if (!t)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "no test named '%s'", vlm_base_quote(&q, name, n));
    if (!t->call(r, on, args, &v))
        return false;
    *out = v.u.b;
    return true;
}
