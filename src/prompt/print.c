/* print.c: values as text: str(), repr() and json.dumps() as Python writes them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "format/json.h"
#include "prompt/value.h"

static bool deeper(struct vlm_run *r)
{
    if (r->depth >= VLM_RUN_DEPTH)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "values nest more than %llu deep",
                            (unsigned long long)VLM_RUN_DEPTH);
    r->depth++;
    return vlm_run_step(r);
}

/* ---- numbers
 * ------------------------------------------------------------------------------------- */

/* Digits of f's shortest form that reads back as f, and its decimal exponent.  The digits are taken
 * out of printf's text one by one, so that a locale's decimal mark does not matter. */
static int shortest(char digits[20], int *exponent, double f)
{
    char text[48], plain[48];

    for (int n = 1;; n++) {
        int k = 0;
        double back;
        const char *e;
        size_t at = 0;
        snprintf(text, sizeof text, "%.*e", n - 1, f);
        e = strrchr(text, 'e');
        for (const char *p = text; p < e; p++) {
            if (*p >= '0' && *p <= '9')
                digits[k++] = *p;
        }
        *exponent = 0;
        for (const char *p = e + 2; *p; p++)
            *exponent = *exponent * 10 + (*p - '0');
        if (e[1] == '-')
            *exponent = -*exponent;
        plain[at++] = digits[0];
        plain[at++] = '.';
        plain[at++] = k > 1 ? digits[1] : '0';
        for (int i = 2; i < k; i++)
            plain[at++] = digits[i];
        at += (size_t)snprintf(plain + at, sizeof plain - at, "e%d", *exponent);
        if (n == 17 || (vlm_parse_float(plain, at, &back) && back == f))
            return k;
    }
}

void vlm_print_float(char out[40], double f)
{
    char digits[20];
    int n, e, at = 0;

    if (isnan(f) || isinf(f)) {
        memcpy(out, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf", isinf(f) && f < 0 ? 5 : 4);
        return;
    }
    if (signbit(f))
        out[at++] = '-';
    n = shortest(digits, &e, fabs(f));
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (e < -4 || e >= 16) {
        out[at++] = digits[0];
        if (n > 1) {
            out[at++] = '.';
            memcpy(out + at, digits + 1, (size_t)n - 1);
            at += n - 1;
        }
        snprintf(out + at, 40 - (size_t)at, "e%c%02d", e < 0 ? '-' : '+', e < 0 ? -e : e);
        return;
    }
    if (e < 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int i = -1; i > e; i--)
            out[at++] = '0';
    }
    for (int i = 0; i < n || i <= e; i++) {
        out[at++] = i < n ? digits[i] : '0';
        if (i == e)
            out[at++] = '.';
    }
    if (out[at - 1] == '.')
        out[at++] = '0';
    out[at] = 0;
}

static bool same_word(const char *p, size_t n, const char *word)
{
    size_t i = 0;

    while (i < n && word[i] && (p[i] | 32) == word[i])
        i++;
    return i == n && !word[i];
}

bool vlm_parse_float(const char *p, size_t n, double *out)
{
    char text[512];
    size_t k = 0, i = 0;
    bool negative = false, seen_dot = false, seen_e = false, digits = false;
    struct vlm_json j;

    while (n && vlm_char_space((unsigned char)p[0]))
        p++, n--;
    while (n && vlm_char_space((unsigned char)p[n - 1]))
        n--;
    if (n && (p[0] == '-' || p[0] == '+')) {
        negative = p[0] == '-';
        i++;
    }
    if (same_word(p + i, n - i, "inf") || same_word(p + i, n - i, "infinity") ||
        same_word(p + i, n - i, "nan")) {
        *out = (p[i] | 32) == 'n' ? NAN : negative ? -INFINITY : INFINITY;
        return true;
    }
    /* rewritten as JSON has it: no leading zeros, digits on both sides of the point */
    while (i < n && p[i] == '0' && i + 1 < n && p[i + 1] >= '0' && p[i + 1] <= '9')
        i++;
    for (; i < n && k < sizeof text - 4; i++) {
        char c = p[i];
        bool digit = c >= '0' && c <= '9';
        if (digit) {
            digits = true;
        } else if (c == '_') {
            if (i == 0 || i + 1 == n || p[i - 1] < '0' || p[i - 1] > '9' || p[i + 1] < '0' ||
                p[i + 1] > '9')
                return false;
            continue;
        } else if (c == '.' && !seen_dot && !seen_e) {
            seen_dot = true;
            if (!digits)
                text[k++] = '0';
            text[k++] = c;
            if (i + 1 == n || p[i + 1] < '0' || p[i + 1] > '9') {
                if (!digits)
                    return false;
                text[k++] = '0';
            }
            continue;
        } else if ((c == 'e' || c == 'E') && digits && !seen_e) {
            seen_e = true;
        } else if (!((c == '-' || c == '+') && i && (p[i - 1] | 32) == 'e')) {
            return false;
        }
        text[k++] = c;
    }
    if (i < n || !digits)
        return false;
    vlm_json_init(&j, text, k);
    if (vlm_json_next(&j) != VLM_JSON_NUMBER || j.n_text != k || vlm_json_next(&j) != VLM_JSON_END)
        return false;
    if (!vlm_json_double(out, &j))
        *out = INFINITY;
    if (negative)
        *out = -*out;
    return true;
}

/* ---- repr
 * ---------------------------------------------------------------------------------------- */

static bool repr_string(struct vlm_run *r, struct vlm_text *t, const struct vlm_str *s)
{
    bool single = memchr(s->p, '\'', s->n) && !memchr(s->p, '"', s->n);
    char quote = single ? '"' : '\'';
    size_t from = 0;
    struct vlm_value part;

    if (!vlm_text_append(r, t, &quote, 1, false))
        return false;
    for (size_t i = 0; i <= s->n;) {
        uint32_t c = 0;
        size_t k = i < s->n ? vlm_utf8_decode(&c, s->p + i, s->n - i) : 1;
        char text[16] = "";
        if (i < s->n && (c == '\\' || c == (uint32_t)quote))
            snprintf(text, sizeof text, "\\%c", (char)c);
        else if (c == '\n' || c == '\r' || c == '\t')
            snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (i < s->n && c != ' ' && !(vlm_char_class(c) & VLM_C_PRINT))
            snprintf(text, sizeof text,
                     c < 256     ? "\\x%02x"
                     : c < 65536 ? "\\u%04x"
                                 : "\\U%08x",
                     (unsigned)c);
        if (text[0] || i == s->n) { /* what needed no escape, then the escape */
            bool user = i < s->n && (s->mask ? s->mask[i] : s->user);
            if (i > from && (!vlm_v_slice(r, &part, s, from, i) || !vlm_text_str(r, t, part.u.s)))
                return false;
            if (!vlm_text_append(r, t, text, strlen(text), user))
                return false;
            from = i + k;
        }
        i += k;
    }
    return vlm_run_work(r, 8 * s->n) && vlm_text_append(r, t, &quote, 1, false);
}

static bool repr_seq(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v)
{
    const struct vlm_seq *seq = v->u.seq;
    bool tuple = v->kind == VLM_V_TUPLE;

    if (v->kind == VLM_V_VIEW && (!vlm_text_puts(r, t, seq->view) || !vlm_text_puts(r, t, "(")))
        return false;
    if (!vlm_text_puts(r, t, tuple ? "(" : "["))
        return false;
    for (size_t i = 0; i < seq->n; i++) {
        if ((i && !vlm_text_puts(r, t, ", ")) || !vlm_print_repr(r, t, &seq->items[i]))
            return false;
    }
    return vlm_text_puts(r, t,
                         tuple                   ? seq->n == 1 ? ",)" : ")"
                         : v->kind == VLM_V_VIEW ? "])"
                                                 : "]");
}

static bool repr_dict(struct vlm_run *r, struct vlm_text *t, const struct vlm_dict *d)
{
    if (!vlm_text_puts(r, t, "{"))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        if ((i && !vlm_text_puts(r, t, ", ")) || !vlm_print_repr(r, t, &d->pairs[i].key) ||
            !vlm_text_puts(r, t, ": ") || !vlm_print_repr(r, t, &d->pairs[i].value))
            return false;
    }
    return vlm_text_puts(r, t, "}");
}

static bool repr_range(struct vlm_run *r, struct vlm_text *t, const struct vlm_range *g)
{
    char text[96];

    if (g->step == 1)
        snprintf(text, sizeof text, "range(%lld, %lld)", (long long)g->start, (long long)g->stop);
    else
        snprintf(text, sizeof text, "range(%lld, %lld, %lld)", (long long)g->start,
                 (long long)g->stop, (long long)g->step);
    return vlm_text_puts(r, t, text);
}

static bool repr_inner(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v)
{
    char text[40];

    switch (v->kind) {
    case VLM_V_MISSING:
    case VLM_V_UNDEFINED:
        return vlm_text_puts(r, t, "Undefined");
    case VLM_V_NONE:
        return vlm_text_puts(r, t, "None");
    case VLM_V_BOOL:
        return vlm_text_puts(r, t, v->u.b ? "True" : "False");
    case VLM_V_INT:
        snprintf(text, sizeof text, "%lld", (long long)v->u.i);
        return vlm_text_puts(r, t, text);
    case VLM_V_FLOAT:
        vlm_print_float(text, v->u.f);
        return vlm_text_puts(r, t, text);
    case VLM_V_STRING:
        if (!v->u.s->markup)
            return repr_string(r, t, v->u.s);
        return vlm_text_puts(r, t, "Markup(") && repr_string(r, t, v->u.s) &&
               vlm_text_puts(r, t, ")");
    case VLM_V_LIST:
    case VLM_V_TUPLE:
    case VLM_V_VIEW:
        return repr_seq(r, t, v);
    case VLM_V_DICT:
        return repr_dict(r, t, v->u.dict);
    case VLM_V_NAMESPACE:
        return vlm_text_puts(r, t, "<Namespace ") && repr_dict(r, t, v->u.dict) &&
               vlm_text_puts(r, t, ">");
    case VLM_V_RANGE:
        return repr_range(r, t, v->u.range);
    default:
        /* Python would print an address here */
        return vlm_run_fail(r, VLM_ERR_FORMAT, "a value of type %s is printed", vlm_v_type(v));
    }
}

bool vlm_print_repr(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v)
{
    bool done;

    if (!deeper(r))
        return false;
    done = repr_inner(r, t, v);
    r->depth--;
    return done;
}

bool vlm_print_str(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v)
{
    if (v->kind == VLM_V_STRING)
        return vlm_text_str(r, t, v->u.s);
    if (v->kind == VLM_V_UNDEFINED)
        return true;
    return vlm_print_repr(r, t, v);
}

bool vlm_v_to_string(struct vlm_run *r, struct vlm_value *out, const struct vlm_value *v)
{
    struct vlm_text t = {0};

    if (v->kind == VLM_V_STRING) {
        *out = *v;
        return true;
    }
    return vlm_print_str(r, &t, v) && vlm_text_finish(r, &t, out);
}

/* ---- JSON
 * ---------------------------------------------------------------------------------------- */

static bool json_string(struct vlm_run *r, struct vlm_text *t, const struct vlm_str *s, bool ascii)
{
    static const char names[] = "\"\\\n\r\t\f\b", letters[] = "\"\\nrtfb";
    size_t from = 0;
    struct vlm_value part;

    if (!vlm_text_puts(r, t, "\""))
        return false;
    for (size_t i = 0; i <= s->n;) {
        uint32_t c = 'x';
        size_t k = i < s->n ? vlm_utf8_decode(&c, s->p + i, s->n - i) : 1;
        const char *name = c && c < 128 ? strchr(names, (int)c) : NULL;
        char text[16] = "";
        if (name)
            snprintf(text, sizeof text, "\\%c", letters[name - names]);
        else if (c < 32 || (ascii && c >= 127 && c < 65536 && c != 127))
            snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
        else if (ascii && c >= 65536)
            snprintf(text, sizeof text, "\\u%04x\\u%04x",
                     (unsigned)(0xD800 + ((c - 0x10000) >> 10)),
                     (unsigned)(0xDC00 + ((c - 0x10000) & 0x3FF)));
        if (text[0] || i == s->n) {
            bool user = i < s->n && (s->mask ? s->mask[i] : s->user);
            if (i > from && (!vlm_v_slice(r, &part, s, from, i) || !vlm_text_str(r, t, part.u.s)))
                return false;
            if (!vlm_text_append(r, t, text, strlen(text), user))
                return false;
            from = i + k;
        }
        i += k;
    }
    return vlm_run_work(r, 4 * s->n) && vlm_text_puts(r, t, "\"");
}

static bool json_number(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v)
{
    if (v->kind == VLM_V_BOOL)
        return vlm_text_puts(r, t, v->u.b ? "true" : "false");
    if (v->kind == VLM_V_FLOAT && (isnan(v->u.f) || isinf(v->u.f)))
        return vlm_text_puts(r, t, isnan(v->u.f) ? "NaN" : v->u.f < 0 ? "-Infinity" : "Infinity");
    return repr_inner(r, t, v);
}

static bool json_key(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *k, bool ascii)
{
    if (k->kind == VLM_V_STRING)
        return json_string(r, t, k->u.s, ascii);
    if (k->kind != VLM_V_NONE && !vlm_v_is_number(k))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "tojson: a key is of type %s", vlm_v_type(k));
    return vlm_text_puts(r, t, "\"") &&
           (k->kind == VLM_V_NONE ? vlm_text_puts(r, t, "null") : json_number(r, t, k)) &&
           vlm_text_puts(r, t, "\"");
}

struct json_out {
    const struct vlm_json_style *style;
    unsigned level;
};
static bool json_value(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v,
                       struct json_out o);

static bool json_break(struct vlm_run *r, struct vlm_text *t, struct json_out o)
{
    if (!o.style->pretty)
        return true;
    if (!vlm_text_puts(r, t, "\n"))
        return false;
    for (unsigned i = 0; i < o.level; i++) {
        if (!vlm_text_str(r, t, o.style->indent))
            return false;
    }
    return true;
}

static bool json_seq(struct vlm_run *r, struct vlm_text *t, const struct vlm_seq *seq,
                     struct json_out o)
{
    struct json_out in = {o.style, o.level + 1};

    if (seq->n == 0)
        return vlm_text_puts(r, t, "[]");
    if (!vlm_text_puts(r, t, "["))
        return false;
    for (size_t i = 0; i < seq->n; i++) {
        if ((i && !vlm_text_str(r, t, o.style->item)) || !json_break(r, t, in) ||
            !json_value(r, t, &seq->items[i], in))
            return false;
    }
    return json_break(r, t, o) && vlm_text_puts(r, t, "]");
}

static bool json_dict(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v,
                      struct json_out o)
{
    const struct vlm_dict *d = v->u.dict;
    struct json_out in = {o.style, o.level + 1};
    struct vlm_value sorted;

    if (d->n == 0)
        return vlm_text_puts(r, t, "{}");
    if (o.style->sort) {
        if (!vlm_v_sorted_pairs(r, &sorted, v))
            return false;
        d = sorted.u.dict;
    }
    if (!vlm_text_puts(r, t, "{"))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        if ((i && !vlm_text_str(r, t, o.style->item)) || !json_break(r, t, in) ||
            !json_key(r, t, &d->pairs[i].key, o.style->ascii) ||
            !vlm_text_str(r, t, o.style->key) || !json_value(r, t, &d->pairs[i].value, in))
            return false;
    }
    return json_break(r, t, o) && vlm_text_puts(r, t, "}");
}

static bool json_value(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v,
                       struct json_out o)
{
    bool done;

    switch (v->kind) {
    case VLM_V_NONE:
        return vlm_text_puts(r, t, "null");
    case VLM_V_BOOL:
    case VLM_V_INT:
    case VLM_V_FLOAT:
        return json_number(r, t, v);
    case VLM_V_STRING:
        return json_string(r, t, v->u.s, o.style->ascii);
    case VLM_V_LIST:
    case VLM_V_TUPLE:
    case VLM_V_DICT:
        if (!deeper(r))
            return false;
        done = v->kind == VLM_V_DICT ? json_dict(r, t, v, o) : json_seq(r, t, v->u.seq, o);
        r->depth--;
        return done;
    default:
        return vlm_run_fail(r, VLM_ERR_FORMAT, "tojson: a value of type %s has no JSON",
                            vlm_v_type(v));
    }
}

bool vlm_print_json(struct vlm_run *r, struct vlm_text *t, const struct vlm_value *v,
                    const struct vlm_json_style *style)
{
    struct json_out o = {style, 0};

    return json_value(r, t, v, o);
}
