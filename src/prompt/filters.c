/* filters.c: filters of one value: text, numbers, defaults, JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "prompt/jinja.h"

#define FILTER(name)                                                                               \
    static bool filter_##name(struct vlm_run *r, const struct vlm_value *v,                        \
                              const struct vlm_args *args, struct vlm_value *out)

static bool given(const struct vlm_value *v)
{
    return v->kind != VLM_V_MISSING && v->kind != VLM_V_NONE;
}

static bool to_int(struct vlm_run *r, const char *what, const struct vlm_value *v, int64_t missing,
                   int64_t *out)
{
    *out = missing;
    if (!given(v))
        return true;
    if (!vlm_v_is_int(v))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "%s needs an integer, not '%s'", what,
                            vlm_v_type(v));
    *out = vlm_v_integer(v);
    return true;
}

/* ---- text
 * ---------------------------------------------------------------------------------------- */

FILTER(trim)
{
    struct vlm_value s, set;

    if (!vlm_args_bind(r, "trim", args, "chars", 0, &set) || !vlm_v_to_string(r, &s, v))
        return false;
    if (given(&set) && set.kind != VLM_V_STRING)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "trim needs a string, not '%s'", vlm_v_type(&set));
    return vlm_str_strip(r, s.u.s, given(&set) ? set.u.s : NULL, true, true, out);
}

static bool recase(struct vlm_run *r, const struct vlm_value *v, const struct vlm_args *args,
                   enum vlm_casing to, struct vlm_value *out)
{
    struct vlm_text t = {0};
    struct vlm_value s;

    return vlm_args_bind(r, "a filter", args, "", 0, NULL) && vlm_v_to_string(r, &s, v) &&
           vlm_text_recase(r, &t, s.u.s, to) && vlm_text_finish(r, &t, out);
}

FILTER(upper)
{
    return recase(r, v, args, VLM_TO_UPPER, out);
}
FILTER(lower)
{
    return recase(r, v, args, VLM_TO_LOWER, out);
}
FILTER(title)
{
    return recase(r, v, args, VLM_TO_FILTER_TITLE, out);
}
FILTER(capitalize)
{
    return recase(r, v, args, VLM_TO_CAPITALIZED, out);
}

FILTER(string)
{
    return vlm_args_bind(r, "string", args, "", 0, NULL) && vlm_v_to_string(r, out, v);
}

FILTER(replace)
{
    struct vlm_value slot[3], s;
    struct vlm_str plain;
    int64_t most;

    if (!vlm_args_bind(r, "replace", args, "old new count", 2, slot) ||
        !vlm_v_to_string(r, &s, v) || !vlm_v_to_string(r, &slot[0], &slot[0]) ||
        !vlm_v_to_string(r, &slot[1], &slot[1]) || !to_int(r, "replace", &slot[2], -1, &most))
        return false;
    plain = *s.u.s;
    return vlm_str_replace(r, &plain, slot[0].u.s, slot[1].u.s, most, out);
}

FILTER(center)
{
    static const struct vlm_str space = {" ", 1, NULL, false, false};
    struct vlm_value slot, s;
    int64_t width;

    return vlm_args_bind(r, "center", args, "width", 0, &slot) &&
           to_int(r, "center", &slot, 80, &width) && vlm_v_to_string(r, &s, v) &&
           vlm_str_pad(r, s.u.s, width, &space, 0, out);
}

FILTER(indent)
{
    struct vlm_value slot[3], lines, part;
    const struct vlm_str *step, newline = {"\n", 1, NULL, false, false};
    struct vlm_text t = {0}, own = {0};
    int64_t width = 4;

    if (!vlm_args_bind(r, "indent", args, "width first blank", 0, slot))
        return false;
    if (v->kind != VLM_V_STRING)
        return v->kind == VLM_V_UNDEFINED
                   ? vlm_eval_undefined(r, v)
                   : vlm_run_fail(r, VLM_ERR_FORMAT, "indent needs a string, not '%s'",
                                  vlm_v_type(v));
    if (slot[0].kind == VLM_V_STRING) {
        step = slot[0].u.s;
    } else {
        if (!to_int(r, "indent", &slot[0], 4, &width))
            return false;
        for (int64_t i = 0; i < width; i++) {
            if (!vlm_text_puts(r, &own, " "))
                return false;
        }
        if (!vlm_text_finish(r, &own, &part))
            return false;
        step = part.u.s;
    }
    /* a newline is put behind, so that a last empty line counts */
    if (!vlm_text_str(r, &t, v->u.s) || !vlm_text_str(r, &t, &newline) ||
        !vlm_text_finish(r, &t, &lines) || !vlm_str_lines(r, lines.u.s, false, &lines))
        return false;
    t = (struct vlm_text){.markup = v->u.s->markup};
    for (size_t i = 0; i < lines.u.seq->n; i++) {
        const struct vlm_str *line = lines.u.seq->items[i].u.s;
        bool blank = slot[2].kind != VLM_V_MISSING && vlm_v_truth(&slot[2]);
        bool wanted =
            i == 0 ? slot[1].kind != VLM_V_MISSING && vlm_v_truth(&slot[1]) : blank || line->n;
        if ((i && !vlm_text_str(r, &t, &newline)) || (wanted && !vlm_text_str(r, &t, step)) ||
            !vlm_text_str(r, &t, line))
            return false;
    }
    return vlm_text_finish(r, &t, out);
}

FILTER(truncate)
{
    struct vlm_value slot[4], s, part;
    struct vlm_str dots = {"...", 3, NULL, false, false}, *end = &dots;
    struct vlm_text t = {0};
    int64_t length, leeway, n, keep;
    size_t cut;

    if (!vlm_args_bind(r, "truncate", args, "length killwords end leeway", 0, slot) ||
        !vlm_v_to_string(r, &s, v) || !to_int(r, "truncate", &slot[0], 255, &length) ||
        !to_int(r, "truncate", &slot[3], 5, &leeway))
        return false;
    if (slot[2].kind == VLM_V_STRING)
        dots = *slot[2].u.s;
    n = (int64_t)vlm_str_length(s.u.s);
    keep = length - (int64_t)vlm_str_length(end);
    if (keep < 0 || leeway < 0)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "truncate: the length is less than its end's");
    if (n <= length + leeway) {
        *out = *v;
        return true;
    }
    cut = vlm_str_offset(s.u.s, (size_t)keep);
    if (!(slot[1].kind != VLM_V_MISSING && vlm_v_truth(&slot[1]))) {
        size_t space = cut;
        while (space > 0 && s.u.s->p[space - 1] != ' ')
            space--;
        cut = space ? space - 1 : cut;
    }
    return vlm_v_slice(r, &part, s.u.s, 0, cut) && vlm_text_str(r, &t, part.u.s) &&
           vlm_text_str(r, &t, end) && vlm_text_finish(r, &t, out);
}

FILTER(wordcount)
{
    struct vlm_value s;
    int64_t n = 0;
    bool inside = false;

    if (!vlm_args_bind(r, "wordcount", args, "", 0, NULL) || !vlm_v_to_string(r, &s, v))
        return false;
    for (size_t i = 0; i < s.u.s->n;) {
        uint32_t c;
        bool word;
        i += vlm_utf8_decode(&c, s.u.s->p + i, s.u.s->n - i);
        word = c == '_' ||
               (vlm_char_class(c) & (VLM_C_ALPHA | VLM_C_DECIMAL | VLM_C_DIGIT | VLM_C_NUMERIC));
        n += word && !inside;
        inside = word;
    }
    *out = vlm_v_int(n);
    return vlm_run_work(r, 16 * s.u.s->n);
}

bool vlm_str_escape(struct vlm_run *r, const struct vlm_str *s, struct vlm_value *out)
{
    static const char marks[] = "&<>'\"";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    struct vlm_text t = {.markup = true};
    struct vlm_value part;
    size_t from = 0;

    for (size_t i = 0; i <= s->n; i++) {
        const char *m = i < s->n && s->p[i] ? strchr(marks, s->p[i]) : NULL;
        if (!m && i < s->n)
            continue;
        if (i > from && (!vlm_v_slice(r, &part, s, from, i) || !vlm_text_str(r, &t, part.u.s)))
            return false;
        if (m && !vlm_text_append(r, &t, names[m - marks], strlen(names[m - marks]),
                                  s->mask ? s->mask[i] : s->user))
            return false;
        from = i + 1;
    }
    return vlm_text_finish(r, &t, out);
}

FILTER(forceescape)
{
    struct vlm_value s;

    return vlm_args_bind(r, "escape", args, "", 0, NULL) && vlm_v_to_string(r, &s, v) &&
           vlm_str_escape(r, s.u.s, out);
}

FILTER(escape)
{
    if (v->kind == VLM_V_STRING && v->u.s->markup) {
        *out = *v;
        return true;
    }
    return filter_forceescape(r, v, args, out);
}

FILTER(safe)
{
    struct vlm_value s;
    struct vlm_text t = {.markup = true};

    return vlm_args_bind(r, "safe", args, "", 0, NULL) && vlm_v_to_string(r, &s, v) &&
           vlm_text_str(r, &t, s.u.s) && vlm_text_finish(r, &t, out);
}

FILTER(format)
{
    struct vlm_value s, tuple;

    if (args->n_named)
        return vlm_run_fail(r, VLM_ERR_UNSUPPORTED, "format: keywords are not understood");
    if (!vlm_v_to_string(r, &s, v) || !vlm_v_list(r, &tuple, VLM_V_TUPLE, 0))
        return false;
    tuple.u.seq->items = args->pos;
    tuple.u.seq->n = args->n_pos;
    return vlm_str_percent(r, s.u.s, &tuple, out);
}

/* ---- numbers
 * ------------------------------------------------------------------------------------- */

FILTER(abs)
{
    if (!vlm_args_bind(r, "abs", args, "", 0, NULL))
        return false;
    if (v->kind == VLM_V_FLOAT) {
        *out = vlm_v_float(fabs(v->u.f));
        return true;
    }
    if (v->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, v);
    if (!vlm_v_is_int(v))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "bad operand type for abs(): '%s'", vlm_v_type(v));
    *out = vlm_v_int(vlm_v_integer(v));
    if (out->u.i < 0 && __builtin_sub_overflow(0, out->u.i, &out->u.i))
        return vlm_run_fail(r, VLM_ERR_LIMIT, "an integer does not fit into 64 bits");
    return true;
}

/* The nearest number with that many decimals; printf rounds the exact value half to even, as
 * Python. */
static double round_to(double f, int digits)
{
    char text[400], plain[400];
    size_t n = 0;
    double back;
    int k;

    if (isnan(f) || isinf(f) || digits > 300)
        return f;
    if (digits < 0) {
        double scale = pow(10, -digits);
        return nearbyint(f / scale) * scale;
    }
    k = snprintf(text, sizeof text, "%.*f", digits, f);
    for (int i = 0; i < k; i++) { /* whatever the locale's mark */
        bool part = (text[i] >= '0' && text[i] <= '9') || text[i] == '-';
        if (part)
            plain[n++] = text[i];
        else if (n && plain[n - 1] != '.')
            plain[n++] = '.';
    }
    return vlm_parse_float(plain, n, &back) ? back : f;
}

FILTER(round)
{
    struct vlm_value slot[2];
    int64_t digits;
    double f, scale;

    if (!vlm_args_bind(r, "round", args, "precision method", 0, slot) ||
        !to_int(r, "round", &slot[0], 0, &digits))
        return false;
    if (v->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, v);
    if (!vlm_v_is_number(v) || digits > 300 || digits < -300)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "round needs a number");
    if (slot[1].kind == VLM_V_MISSING ||
        (slot[1].kind == VLM_V_STRING && vlm_str_is(slot[1].u.s, "common"))) {
        if (v->kind == VLM_V_FLOAT || digits < 0) {
            f = round_to(vlm_v_number(v), (int)digits);
            *out = v->kind == VLM_V_FLOAT ? vlm_v_float(f) : vlm_v_int((int64_t)f);
        } else {
            *out = vlm_v_int(vlm_v_integer(v));
        }
        return true;
    }
    scale = pow(10, (double)digits);
    f = vlm_v_number(v) * scale;
    if (slot[1].kind == VLM_V_STRING && vlm_str_is(slot[1].u.s, "ceil"))
        f = ceil(f);
    else if (slot[1].kind == VLM_V_STRING && vlm_str_is(slot[1].u.s, "floor"))
        f = floor(f);
    else
        return vlm_run_fail(r, VLM_ERR_FORMAT, "method must be common, ceil or floor");
    *out = vlm_v_float(f / scale);
    return true;
}

bool vlm_str_integer(const struct vlm_str *s, int64_t base, int64_t *out)
{
    const char *p = s->p, *end = s->p + s->n;
    bool negative = false, digit = false;

    *out = 0;
    while (p < end && vlm_char_space((unsigned char)*p))
        p++;
    while (end > p && vlm_char_space((unsigned char)end[-1]))
        end--;
    if (p < end && (*p == '-' || *p == '+'))
        negative = *p++ == '-';
    if (end - p > 2 && p[0] == '0') {
        int64_t own = (p[1] | 32) == 'x' ? 16 : (p[1] | 32) == 'o' ? 8 : (p[1] | 32) == 'b' ? 2 : 0;
        if (own && (base == own || base == 0)) {
            base = own;
            p += 2;
            p += p < end && *p == '_';
        }
    }
    if (base == 0 && end - p > 1 && p[0] == '0')
        return false; /* leading zeros */
    base = base ? base : 10;
    for (; p < end; p++) {
        int64_t d = *p >= '0' && *p <= '9'                 ? *p - '0'
                    : (*p | 32) >= 'a' && (*p | 32) <= 'z' ? (*p | 32) - 'a' + 10
                                                           : 99;
        if (*p == '_' && digit && p + 1 < end && p[1] != '_')
            continue;
        if (d >= base || __builtin_mul_overflow(*out, base, out) ||
            __builtin_add_overflow(*out, negative ? -d : d, out))
            return false;
        digit = true;
    }
    return digit;
}

FILTER(int)
{
    struct vlm_value slot[2];
    int64_t base, i;
    double f = 0;

    if (!vlm_args_bind(r, "int", args, "default base", 0, slot) ||
        !to_int(r, "int", &slot[1], 10, &base))
        return false;
    if (v->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, v);
    if (vlm_v_is_int(v)) {
        *out = vlm_v_int(vlm_v_integer(v));
        return true;
    }
    if (v->kind == VLM_V_STRING && vlm_str_integer(v->u.s, base, &i)) {
        *out = vlm_v_int(i);
        return true;
    }
    if (v->kind == VLM_V_FLOAT
            ? (f = v->u.f, true)
            : v->kind == VLM_V_STRING && vlm_parse_float(v->u.s->p, v->u.s->n, &f)) {
        if (fabs(f) < 9.2e18) {
            *out = vlm_v_int((int64_t)f);
            return true;
        }
        if (isfinite(f))
            return vlm_run_fail(r, VLM_ERR_LIMIT, "an integer does not fit into 64 bits");
    }
    *out = slot[0].kind == VLM_V_MISSING ? vlm_v_int(0) : slot[0];
    return true;
}

FILTER(float)
{
    struct vlm_value slot;
    double f;

    if (!vlm_args_bind(r, "float", args, "default", 0, &slot))
        return false;
    if (v->kind == VLM_V_UNDEFINED)
        return vlm_eval_undefined(r, v);
    if (vlm_v_is_number(v))
        *out = vlm_v_float(vlm_v_number(v));
    else if (v->kind == VLM_V_STRING && vlm_parse_float(v->u.s->p, v->u.s->n, &f))
        *out = vlm_v_float(f);
    else
        *out = slot.kind == VLM_V_MISSING ? vlm_v_float(0) : slot;
    return true;
}

/* ---- any value
 * ----------------------------------------------------------------------------------- */

FILTER(default)
{
    struct vlm_value slot[2];
    bool use;

    if (!vlm_args_bind(r, "default", args, "default_value boolean", 0, slot))
        return false;
    use = v->kind == VLM_V_UNDEFINED ||
          (slot[1].kind != VLM_V_MISSING && vlm_v_truth(&slot[1]) && !vlm_v_truth(v));
    if (!use) {
        *out = *v;
        return true;
    }
    if (slot[0].kind == VLM_V_MISSING)
        return vlm_v_string(r, out, "", 0, false);
    *out = slot[0];
    return true;
}

FILTER(length)
{
    int64_t n;

    if (!vlm_args_bind(r, "length", args, "", 0, NULL))
        return false;
    if (!vlm_v_length(v, &n))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "object of type '%s' has no len()", vlm_v_type(v));
    *out = vlm_v_int(n);
    return vlm_run_work(r, v->kind == VLM_V_STRING ? v->u.s->n : 0);
}

/* transformers' own: json.dumps with ensure_ascii false and no HTML escapes. */
FILTER(tojson)
{
    static const struct vlm_str comma = {",", 1, NULL, false, false},
                                comma_space = {", ", 2, NULL, false, false},
                                colon = {": ", 2, NULL, false, false};
    struct vlm_value slot[4], spaces;
    struct vlm_json_style style = {.item = &comma_space, .key = &colon};
    struct vlm_text t = {0}, own = {0};

    if (!vlm_args_bind(r, "tojson", args, "ensure_ascii indent separators sort_keys", 0, slot))
        return false;
    style.ascii = slot[0].kind != VLM_V_MISSING && vlm_v_truth(&slot[0]);
    style.sort = slot[3].kind != VLM_V_MISSING && vlm_v_truth(&slot[3]);
    if (given(&slot[1])) {
        style.pretty = true;
        style.item = &comma;
        if (slot[1].kind == VLM_V_STRING) {
            style.indent = slot[1].u.s;
        } else {
            int64_t width;
            if (!to_int(r, "tojson", &slot[1], 0, &width))
                return false;
            for (int64_t i = 0; i < width; i++) {
                if (!vlm_text_puts(r, &own, " "))
                    return false;
            }
            if (!vlm_text_finish(r, &own, &spaces))
                return false;
            style.indent = spaces.u.s;
        }
    }
    if (given(&slot[2])) {
        if (!vlm_v_is_seq(&slot[2]) || slot[2].u.seq->n != 2 ||
            slot[2].u.seq->items[0].kind != VLM_V_STRING ||
            slot[2].u.seq->items[1].kind != VLM_V_STRING)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "tojson: separators must be two strings");
        style.item = slot[2].u.seq->items[0].u.s;
        style.key = slot[2].u.seq->items[1].u.s;
    }
    return vlm_print_json(r, &t, v, &style) && vlm_text_finish(r, &t, out);
}

FILTER(attr)
{
    struct vlm_value name;

    if (!vlm_args_bind(r, "attr", args, "name", 1, &name))
        return false;
    if (name.kind != VLM_V_STRING)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "attr needs a string, not '%s'", vlm_v_type(&name));
    if (v->kind == VLM_V_DICT) { /* attributes only, never keys */
        const struct vlm_builtin *m = vlm_builtin_find(vlm_dict_methods, name.u.s->p, name.u.s->n);
        if (!m)
            return vlm_v_undefined(r, out, "dict", name.u.s->p, name.u.s->n);
    }
    return vlm_eval_attr(r, v, name.u.s->p, name.u.s->n, out);
}

const struct vlm_builtin vlm_filters[] = {
    {"trim", filter_trim},
    {"upper", filter_upper},
    {"lower", filter_lower},
    {"title", filter_title},
    {"capitalize", filter_capitalize},
    {"string", filter_string},
    {"replace", filter_replace},
    {"center", filter_center},
    {"indent", filter_indent},
    {"truncate", filter_truncate},
    {"wordcount", filter_wordcount},
    {"escape", filter_escape},
    {"e", filter_escape},
    {"forceescape", filter_forceescape},
    {"safe", filter_safe},
    {"format", filter_format},
    {"abs", filter_abs},
    {"round", filter_round},
    {"int", filter_int},
    {"float", filter_float},
    {"default", filter_default},
    {"d", filter_default},
    {"length", filter_length},
    {"count", filter_length},
    {"tojson", filter_tojson},
    {"attr", filter_attr},
    {NULL, NULL},
};
