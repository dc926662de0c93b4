/* parse_expr.c: expressions, with Jinja's own precedence and oddities.  Recursion is bounded by
 * vlm_parse_enter; chains (a + b + c, a.b.c|d|e) are loops here and do not nest. */
#include <string.h>

#include "base/utf8.h"
#include "prompt/jinja.h"

static struct vlm_node *parse_unary(struct vlm_parser *p, bool with_filter);

struct vlm_node *vlm_parse_node(struct vlm_parser *p, enum vlm_node_kind kind, unsigned line)
{
    struct vlm_node *n = vlm_run_alloc(p->run, 1, sizeof *n);

    if (n) {
        n->kind = (uint8_t)kind;
        n->line = line;
    }
    return n;
}

static struct vlm_node *node1(struct vlm_parser *p, enum vlm_node_kind kind, unsigned line, struct vlm_node *a)
{
    struct vlm_node *n = a ? vlm_parse_node(p, kind, line) : NULL;

    if (n)
        n->a = a;
    return n;
}

bool vlm_parse_fail(struct vlm_parser *p, const char *expected)
{
    struct vlm_quoted q;

    p->run->line = p->at->line;
    if (p->at->kind == VLM_T_EOF)
        return vlm_run_fail(p->run, VLM_ERR_FORMAT, "the template ends, expected %s", expected);
    return vlm_run_fail(p->run, VLM_ERR_FORMAT, "'%s' found, expected %s", vlm_base_quote(&q, p->at->p, p->at->n),
                        expected);
}

bool vlm_parse_enter(struct vlm_parser *p)
{
    if (p->depth >= VLM_LIMIT_TEMPLATE_DEPTH) {
        p->run->line = p->at->line;
        return vlm_run_fail(p->run, VLM_ERR_LIMIT, "statements and expressions nest more than %llu deep",
                            (unsigned long long)VLM_LIMIT_TEMPLATE_DEPTH);
    }
    p->depth++;
    return true;
}

bool vlm_parse_is(const struct vlm_parser *p, const char *keyword)
{
    return p->at->kind == VLM_T_NAME && p->at->n == strlen(keyword) && memcmp(p->at->p, keyword, p->at->n) == 0;
}

static bool skip_name(struct vlm_parser *p, const char *keyword)
{
    bool is = vlm_parse_is(p, keyword);

    p->at += is;
    return is;
}

bool vlm_parse_skip(struct vlm_parser *p, enum vlm_token_kind kind)
{
    bool is = p->at->kind == kind;

    p->at += is;
    return is;
}

bool vlm_parse_expect(struct vlm_parser *p, enum vlm_token_kind kind, const char *what)
{
    return vlm_parse_skip(p, kind) || vlm_parse_fail(p, what);
}

static unsigned name_hash(const char *s, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return (h ^ h >> 16) & 255;
}

static struct vlm_name *find_name(const struct vlm_tree *t, const char *s, size_t n)
{
    struct vlm_name *name = t->names[name_hash(s, n)];

    while (name && (name->n != n || memcmp(name->p, s, n) != 0))
        name = name->next;
    return name;
}

const struct vlm_name *vlm_tree_name(const struct vlm_tree *t, const char *s, size_t n) { return find_name(t, s, n); }

struct vlm_name *vlm_parse_intern(struct vlm_parser *p, const char *s, size_t n)
{
    struct vlm_name *name = find_name(p->tree, s, n), **slot = &p->tree->names[name_hash(s, n)];
    char *copy;

    if (name)
        return name;
    name = vlm_run_alloc(p->run, 1, sizeof *name);
    copy = vlm_run_alloc(p->run, n + 1, 1);
    if (!name || !copy)
        return NULL;
    memcpy(copy, s, n);
    name->p = copy;
    name->n = n;
    name->next = *slot;
    *slot = name;
    return name;
}

/* ---- literals ------------------------------------------------------------------------------------ */

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* The escape at s[0] == '\\'; returns bytes read, 0 when it is wrong. */
static size_t unescape(const char *s, size_t n, char out[4], size_t *n_out)
{
    static const char letters[] = "\n\\'\"abfnrtv", values[] = "\0\\'\"\a\b\f\n\r\t\v";
    const char *known = s[1] ? strchr(letters, s[1]) : NULL;
    size_t want = s[1] == 'x' ? 2 : s[1] == 'u' ? 4 : s[1] == 'U' ? 8 : 0, k = 2;
    uint32_t c = 0;

    *n_out = 1;
    if (known) {
        out[0] = values[known - letters];
        *n_out = s[1] != '\n';
        return 2;
    }
    if (s[1] >= '0' && s[1] <= '7') {
        for (k = 1; k < n && k < 4 && s[k] >= '0' && s[k] <= '7'; k++)
            c = c * 8 + (uint32_t)(s[k] - '0');
    } else if (want) {
        for (; k < 2 + want; k++) {
            if (k >= n || hex_value(s[k]) < 0)
                return 0;
            c = c << 4 | (uint32_t)hex_value(s[k]);
        }
    } else { /* Python keeps what it does not know; \N{...} needs a table of names */
        out[0] = '\\';
        return s[1] == 'N' ? 0 : 1;
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return 0;
    *n_out = vlm_utf8_encode(out, c);
    return k;
}

/* Adjacent strings are one. */
static struct vlm_node *parse_string(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_CONST, p->at->line);
    size_t most = 0, at = 0;
    char *bytes;

    for (const struct vlm_lexeme *t = p->at; t->kind == VLM_T_STRING; t++)
        most += t->n;
    bytes = vlm_run_alloc(p->run, most + 4, 1);
    if (!n || !bytes)
        return NULL;
    for (; p->at->kind == VLM_T_STRING; p->at++) {
        const char *s = p->at->p;
        for (size_t i = 0; i < p->at->n;) {
            size_t k = 1, m = 1;
            if (s[i] == '\\' && i + 1 < p->at->n)
                k = unescape(s + i, p->at->n - i, bytes + at, &m);
            else
                bytes[at] = s[i];
            if (k == 0) {
                vlm_parse_fail(p, "a string with escapes that are understood");
                return NULL;
            }
            i += k;
            at += m;
        }
    }
    return vlm_v_string(p->run, &n->value, bytes, at, false) ? n : NULL;
}

static struct vlm_node *parse_number(struct vlm_parser *p)
{
    struct vlm_node *n = vlm_parse_node(p, VLM_N_CONST, p->at->line);
    int64_t i = 0;
    double f;

    if (!n)
        return NULL;
    if (p->at->kind == VLM_T_FLOAT) {
        if (!vlm_parse_float(p->at->p, p->at->n, &f))
            return vlm_parse_fail(p, "a number"), NULL;
        n->value = vlm_v_float(f);
    } else {
        const struct vlm_str text = {p->at->p, p->at->n, NULL, false, false};
        bool zero = text.n > 1 && text.p[0] == '0' && text.p[1] <= '9';
        for (size_t k = 0; k < text.n; k++)
            zero &= text.p[k] == '0' || text.p[k] == '_';
        if (!vlm_str_integer(&text, 0, &i) && !zero)
            return vlm_parse_fail(p, "an integer of 64 bits"), NULL;
        n->value = vlm_v_int(i);
    }
    p->at++;
    return n;
}

static struct vlm_node *parse_name(struct vlm_parser *p)
{
    static const char *const constants[] = {"true", "True", "false", "False", "none", "None"};
    struct vlm_node *n;

    for (unsigned i = 0; i < 6; i++) {
        if (vlm_parse_is(p, constants[i])) {
            n = vlm_parse_node(p, VLM_N_CONST, p->at->line);
            if (n)
                n->value = i < 4 ? vlm_v_bool(i < 2) : vlm_v_none();
            p->at++;
            return n;
        }
    }
    p->uses |= vlm_parse_is(p, "caller") ? VLM_USES_CALLER : 0;
    p->uses |= vlm_parse_is(p, "kwargs") ? VLM_USES_KWARGS : 0;
    p->uses |= vlm_parse_is(p, "varargs") ? VLM_USES_VARARGS : 0;
    n = vlm_parse_node(p, VLM_N_NAME, p->at->line);
    if (n)
        n->name = vlm_parse_intern(p, p->at->p, p->at->n);
    p->at++;
    return n && n->name ? n : NULL;
}

/* Items up to a closing bracket, with commas between and one allowed behind the last. */
static struct vlm_node *parse_items(struct vlm_parser *p, enum vlm_node_kind kind, enum vlm_token_kind close)
{
    struct vlm_node *n = vlm_parse_node(p, kind, p->at->line), **tail;

    p->at++;
    if (!n)
        return NULL;
    tail = &n->list;
    while (p->at->kind != close) {
        struct vlm_node *item;
        if (n->list && !vlm_parse_expect(p, VLM_T_COMMA, "a comma"))
            return NULL;
        if (p->at->kind == close)
            break;
        item = vlm_parse_expression(p);
        if (item && kind == VLM_N_DICT) {
            item = vlm_parse_expect(p, VLM_T_COLON, "':'") ? node1(p, VLM_N_PAIR, p->at->line, item) : NULL;
            if (item)
                item->b = vlm_parse_expression(p);
            if (item && !item->b)
                return NULL;
        }
        if (!item)
            return NULL;
        *tail = item;
        tail = &item->next;
    }
    p->at++;
    return n;
}

static struct vlm_node *parse_primary(struct vlm_parser *p)
{
    struct vlm_node *n;

    switch (p->at->kind) {
    case VLM_T_NAME:
        return parse_name(p);
    case VLM_T_STRING:
        return parse_string(p);
    case VLM_T_INT:
    case VLM_T_FLOAT:
        return parse_number(p);
    case VLM_T_LBRACKET:
        return parse_items(p, VLM_N_LIST, VLM_T_RBRACKET);
    case VLM_T_LBRACE:
        return parse_items(p, VLM_N_DICT, VLM_T_RBRACE);
    case VLM_T_LPAREN:
        p->at++;
        if (vlm_parse_skip(p, VLM_T_RPAREN))
            return vlm_parse_node(p, VLM_N_TUPLE, p->at->line);
        n = vlm_parse_tuple(p, true, NULL);
        return n && vlm_parse_expect(p, VLM_T_RPAREN, "')'") ? n : NULL;
    default:
        vlm_parse_fail(p, "an expression");
        return NULL;
    }
}

/* ---- behind an expression: .name [index] (call) |filter is test ---------------------------------- */

static struct vlm_node *parse_argument(struct vlm_parser *p)
{
    struct vlm_node *n;
    unsigned line = p->at->line;
    enum vlm_node_kind star = p->at->kind == VLM_T_MUL ? VLM_N_STAR : VLM_N_STARSTAR;

    if (p->at->kind == VLM_T_MUL || p->at->kind == VLM_T_POW) {
        p->at++;
        return node1(p, star, line, vlm_parse_expression(p));
    }
    if (p->at->kind != VLM_T_NAME || p->at[1].kind != VLM_T_ASSIGN)
        return vlm_parse_expression(p);
    n = vlm_parse_node(p, VLM_N_KEYWORD, line);
    if (!n)
        return NULL;
    n->name = vlm_parse_intern(p, p->at->p, p->at->n);
    p->at += 2;
    n->a = vlm_parse_expression(p);
    return n->name && n->a ? n : NULL;
}

/* At "(": arguments into n->list. */
static bool parse_arguments(struct vlm_parser *p, struct vlm_node *n)
{
    struct vlm_node **tail = &n->list;
    enum vlm_node_kind highest = VLM_N_CONST;

    p->at++;
    while (p->at->kind != VLM_T_RPAREN) {
        struct vlm_node *arg;
        enum vlm_node_kind kind;
        if (n->list && !vlm_parse_expect(p, VLM_T_COMMA, "a comma"))
            return false;
        if (p->at->kind == VLM_T_RPAREN)
            break;
        arg = parse_argument(p);
        if (!arg)
            return false;
        /* positional, then keywords and at most one *, then at most one ** */
        kind = arg->kind < VLM_N_KEYWORD ? VLM_N_CONST : arg->kind;
        if (kind < highest ? !(kind == VLM_N_KEYWORD && highest == VLM_N_STAR) : kind == highest && kind >= VLM_N_STAR)
            return vlm_parse_fail(p, "arguments in order");
        highest = kind > highest ? kind : highest;
        *tail = arg;
        tail = &arg->next;
    }
    p->at++;
    return true;
}

static struct vlm_node *parse_subscribed(struct vlm_parser *p)
{
    struct vlm_node *first = NULL, *n;
    unsigned line = p->at->line;

    if (p->at->kind != VLM_T_COLON) {
        first = vlm_parse_expression(p);
        if (!first || p->at->kind != VLM_T_COLON)
            return first;
    }
    n = vlm_parse_node(p, VLM_N_SLICE, line);
    if (!n)
        return NULL;
    n->a = first;
    for (int i = 0; i < 2 && vlm_parse_skip(p, VLM_T_COLON); i++) {
        struct vlm_node *part;
        if (p->at->kind == VLM_T_COLON || p->at->kind == VLM_T_RBRACKET || p->at->kind == VLM_T_COMMA)
            continue;
        part = vlm_parse_expression(p);
        if (!part)
            return NULL;
        *(i ? &n->c : &n->b) = part;
    }
    return n;
}

static struct vlm_node *parse_subscript(struct vlm_parser *p, struct vlm_node *of)
{
    unsigned line = p->at->line;
    struct vlm_node *n;

    if (vlm_parse_skip(p, VLM_T_LBRACKET)) {
        n = node1(p, VLM_N_ITEM, line, of);
        if (n)
            n->b = parse_subscribed(p);
        return n && n->b && vlm_parse_expect(p, VLM_T_RBRACKET, "']'") ? n : NULL;
    }
    p->at++;
    if (p->at->kind == VLM_T_INT) {
        n = node1(p, VLM_N_ITEM, line, of);
        if (n)
            n->b = parse_number(p);
        return n && n->b ? n : NULL;
    }
    if (p->at->kind != VLM_T_NAME)
        return vlm_parse_fail(p, "a name or number"), NULL;
    n = node1(p, VLM_N_ATTR, line, of);
    if (n)
        n->name = vlm_parse_intern(p, p->at->p, p->at->n);
    p->at++;
    return n && n->name ? n : NULL;
}

static struct vlm_node *parse_call(struct vlm_parser *p, struct vlm_node *f)
{
    struct vlm_node *n = node1(p, VLM_N_CALL, p->at->line, f);

    return n && parse_arguments(p, n) ? n : NULL;
}

static struct vlm_node *parse_postfix(struct vlm_parser *p, struct vlm_node *n)
{
    while (n) {
        if (p->at->kind == VLM_T_DOT || p->at->kind == VLM_T_LBRACKET)
            n = parse_subscript(p, n);
        else if (p->at->kind == VLM_T_LPAREN)
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

struct vlm_node *vlm_parse_filters(struct vlm_parser *p, struct vlm_node *on, bool inline_start)
{
    while (p->at->kind == VLM_T_PIPE || inline_start) {
        struct vlm_node *n;
        if (!inline_start)
            p->at++;
        inline_start = false;
        if (p->at->kind != VLM_T_NAME)
            return vlm_parse_fail(p, "the name of a filter"), NULL;
        n = vlm_parse_node(p, VLM_N_FILTER, p->at->line);
        if (!n)
            return NULL;
        n->a = on;
        n->name = vlm_parse_intern(p, p->at->p, p->at->n);
        if (!n->name)
            return NULL;
        if (!vlm_builtin_find(vlm_filters, n->name->p, n->name->n) &&
            !vlm_builtin_find(vlm_filters_seq, n->name->p, n->name->n))
            return vlm_parse_fail(p, "the name of a filter"), NULL;
        p->at++;
        if (p->at->kind == VLM_T_LPAREN && !parse_arguments(p, n))
            return NULL;
        on = n;
    }
    return on;
}

static struct vlm_node *parse_test(struct vlm_parser *p, struct vlm_node *of)
{
    struct vlm_node *n;
    bool negated;
    int k;

    p->at++;
    negated = skip_name(p, "not");
    if (p->at->kind != VLM_T_NAME || !vlm_builtin_find(vlm_tests, p->at->p, p->at->n))
        return vlm_parse_fail(p, "the name of a test"), NULL;
    n = node1(p, VLM_N_TEST, p->at->line, of);
    if (!n)
        return NULL;
    n->name = vlm_parse_intern(p, p->at->p, p->at->n);
    p->at++;
    k = p->at->kind;
    if (k == VLM_T_LPAREN) {
        if (!parse_arguments(p, n))
            return NULL;
    } else if ((k == VLM_T_NAME || k == VLM_T_STRING || k == VLM_T_INT || k == VLM_T_FLOAT || k == VLM_T_LBRACKET ||
                k == VLM_T_LBRACE) &&
               !vlm_parse_is(p, "else") && !vlm_parse_is(p, "or") && !vlm_parse_is(p, "and")) {
        if (vlm_parse_is(p, "is"))
            return vlm_parse_fail(p, "no second 'is'"), NULL;
        n->list = parse_postfix(p, parse_primary(p));
        if (!n->list)
            return NULL;
    }
    if (!n->name)
        return NULL;
    return negated ? node1(p, VLM_N_NOT, n->line, n) : n;
}

static struct vlm_node *parse_filter_expr(struct vlm_parser *p, struct vlm_node *n)
{
    while (n) {
        if (p->at->kind == VLM_T_PIPE)
            n = vlm_parse_filters(p, n, false);
        else if (vlm_parse_is(p, "is"))
            n = parse_test(p, n);
        else if (p->at->kind == VLM_T_LPAREN)
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

/* ---- operators ----------------------------------------------------------------------------------- */

static struct vlm_node *parse_unary(struct vlm_parser *p, bool with_filter)
{
    struct vlm_node *n;
    unsigned line = p->at->line;

    if (!vlm_parse_enter(p))
        return NULL;
    if (vlm_parse_skip(p, VLM_T_SUB))
        n = node1(p, VLM_N_NEG, line, parse_unary(p, false));
    else if (vlm_parse_skip(p, VLM_T_ADD))
        n = node1(p, VLM_N_POS, line, parse_unary(p, false));
    else
        n = parse_primary(p);
    n = parse_postfix(p, n);
    if (with_filter)
        n = parse_filter_expr(p, n);
    p->depth--;
    return n;
}

/* Levels of MATH, loosest first; CONCAT stands between them. */
static struct vlm_node *parse_math(struct vlm_parser *p, int level);

static bool math_operator(int kind, int level)
{
    if (level == 0)
        return kind == VLM_T_ADD || kind == VLM_T_SUB;
    if (level == 2)
        return kind == VLM_T_MUL || kind == VLM_T_DIV || kind == VLM_T_FLOORDIV || kind == VLM_T_MOD;
    return kind == VLM_T_POW;
}

static struct vlm_node *parse_concat(struct vlm_parser *p)
{
    struct vlm_node *n, *first = parse_math(p, 2), *last;

    if (!first || p->at->kind != VLM_T_TILDE)
        return first;
    n = vlm_parse_node(p, VLM_N_CONCAT, p->at->line);
    if (!n)
        return NULL;
    n->list = last = first;
    while (vlm_parse_skip(p, VLM_T_TILDE)) {
        last->next = parse_math(p, 2);
        last = last->next;
        if (!last)
            return NULL;
    }
    return n;
}

static struct vlm_node *parse_math_next(struct vlm_parser *p, int level)
{
    return level == 0 ? parse_concat(p) : level == 2 ? parse_math(p, 3) : parse_unary(p, true);
}

static struct vlm_node *parse_operand(struct vlm_parser *p, int op, int level)
{
    struct vlm_node *n = node1(p, VLM_N_OPERAND, p->at->line, parse_math_next(p, level));

    if (n)
        n->op = (uint8_t)op;
    return n;
}

static struct vlm_node *parse_math(struct vlm_parser *p, int level)
{
    struct vlm_node *n = parse_math_next(p, level), **tail;

    if (!n || !math_operator(p->at->kind, level))
        return n;
    n = node1(p, VLM_N_MATH, p->at->line, n);
    if (!n)
        return NULL;
    for (tail = &n->list; math_operator(p->at->kind, level); tail = &(*tail)->next) {
        int op = p->at->kind;
        p->at++;
        *tail = parse_operand(p, op, level);
        if (!*tail)
            return NULL;
    }
    return n;
}

static int compare_operator(struct vlm_parser *p)
{
    int k = p->at->kind;

    if (k >= VLM_T_EQ && k <= VLM_T_LE) {
        p->at++;
        return k;
    }
    if (skip_name(p, "in"))
        return VLM_OP_IN;
    if (vlm_parse_is(p, "not") && p->at[1].kind == VLM_T_NAME && p->at[1].n == 2 && memcmp(p->at[1].p, "in", 2) == 0) {
        p->at += 2;
        return VLM_OP_NOTIN;
    }
    return 0;
}

static struct vlm_node *parse_compare(struct vlm_parser *p)
{
    struct vlm_node *n = parse_math(p, 0), *cmp = NULL, **tail = NULL;
    unsigned line = p->at->line;
    int op;

    while (n && (op = compare_operator(p)) != 0) {
        struct vlm_node *operand = node1(p, VLM_N_OPERAND, line, parse_math(p, 0));
        if (!operand)
            return NULL;
        operand->op = (uint8_t)op;
        if (!cmp) {
            cmp = node1(p, VLM_N_COMPARE, line, n);
            if (!cmp)
                return NULL;
            tail = &cmp->list;
        }
        *tail = operand;
        tail = &operand->next;
    }
    return cmp ? cmp : n;
}

static struct vlm_node *parse_not(struct vlm_parser *p)
{
    unsigned line = p->at->line, count = 0;
    struct vlm_node *n;

    while (skip_name(p, "not"))
        count++;
    n = parse_compare(p);
    /* two of them give truth, whatever their number */
    for (count = count > 2 ? 2 - count % 2 : count; n && count > 0; count--)
        n = node1(p, VLM_N_NOT, line, n);
    return n;
}

static struct vlm_node *parse_logic(struct vlm_parser *p, bool or)
{
    struct vlm_node *first = or ? parse_logic(p, false) : parse_not(p), *n, *last;

    if (!first || !vlm_parse_is(p, or ? "or" : "and"))
        return first;
    n = vlm_parse_node(p, or ? VLM_N_OR : VLM_N_AND, p->at->line);
    if (!n)
        return NULL;
    n->list = last = first;
    while (skip_name(p, or ? "or" : "and")) {
        last->next = or ? parse_logic(p, false) : parse_not(p);
        last = last->next;
        if (!last)
            return NULL;
    }
    return n;
}

struct vlm_node *vlm_parse_or(struct vlm_parser *p) { return parse_logic(p, true); }

struct vlm_node *vlm_parse_expression(struct vlm_parser *p)
{
    struct vlm_node *n;

    if (!vlm_parse_enter(p))
        return NULL;
    n = vlm_parse_or(p);
    while (n && vlm_parse_is(p, "if")) {
        struct vlm_node *cond = node1(p, VLM_N_COND, p->at->line, n);
        p->at++;
        if (!cond)
            return NULL;
        cond->b = vlm_parse_or(p);
        if (!cond->b)
            return NULL;
        if (skip_name(p, "else")) {
            cond->c = vlm_parse_expression(p);
            if (!cond->c)
                return NULL;
        }
        n = cond;
    }
    p->depth--;
    return n;
}

static bool tuple_end(const struct vlm_parser *p, const char *stop)
{
    return p->at->kind == VLM_T_VAR_END || p->at->kind == VLM_T_BLOCK_END || p->at->kind == VLM_T_RPAREN ||
           (stop && vlm_parse_is(p, stop));
}

struct vlm_node *vlm_parse_tuple(struct vlm_parser *p, bool conditional, const char *stop)
{
    unsigned line = p->at->line;
    struct vlm_node *first = conditional ? vlm_parse_expression(p) : vlm_parse_or(p), *n, *last;

    if (!first || p->at->kind != VLM_T_COMMA)
        return first;
    n = vlm_parse_node(p, VLM_N_TUPLE, line);
    if (!n)
        return NULL;
    n->list = last = first;
    while (vlm_parse_skip(p, VLM_T_COMMA) && !tuple_end(p, stop)) {
        last->next = conditional ? vlm_parse_expression(p) : vlm_parse_or(p);
        last = last->next;
        if (!last)
            return NULL;
    }
    return n;
}

static struct vlm_node *parse_target_item(struct vlm_parser *p, bool with_namespace)
{
    struct vlm_node *n;

    if (p->at->kind == VLM_T_LPAREN) {
        if (!vlm_parse_enter(p))
            return NULL;
        p->at++;
        n = vlm_parse_target(p, with_namespace, NULL);
        p->depth--;
        return n && vlm_parse_expect(p, VLM_T_RPAREN, "')'") ? n : NULL;
    }
    if (p->at->kind != VLM_T_NAME)
        return vlm_parse_fail(p, "a name to set"), NULL;
    n = parse_name(p);
    if (n && n->kind != VLM_N_NAME) {
        p->at--;
        return vlm_parse_fail(p, "a name that can be set"), NULL;
    }
    if (n && with_namespace && vlm_parse_skip(p, VLM_T_DOT)) {
        if (p->at->kind != VLM_T_NAME)
            return vlm_parse_fail(p, "a name"), NULL;
        n = node1(p, VLM_N_NSREF, n->line, n);
        if (n)
            n->name = vlm_parse_intern(p, p->at->p, p->at->n);
        p->at++;
        if (n && !n->name)
            return NULL;
    }
    return n;
}

struct vlm_node *vlm_parse_target(struct vlm_parser *p, bool with_namespace, const char *stop)
{
    unsigned line = p->at->line;
    struct vlm_node *first = parse_target_item(p, with_namespace), *n, *last;

    if (!first || p->at->kind != VLM_T_COMMA)
        return first;
    n = vlm_parse_node(p, VLM_N_TUPLE, line);
    if (!n)
        return NULL;
    n->list = last = first;
    while (vlm_parse_skip(p, VLM_T_COMMA) && p->at->kind != VLM_T_ASSIGN && !tuple_end(p, stop)) {
        last->next = parse_target_item(p, with_namespace);
        last = last->next;
        if (!last)
            return NULL;
    }
    return n;
}
