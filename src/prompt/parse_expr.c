/* parse_expr.c: expressions, with Jinja's own precedence and oddities.  Recursion is bounded by
 * vlm_parse_enter; chains (a + b + c, a.b.c|d|e) are loops here and do not nest. */
#include <string.h>

#include "prompt/jinja.h"

static struct vlm_node *parse_unary(struct vlm_parser *p, bool with_filter);

/* ---- behind an expression: .name [index] (call) |filter is test
 * ---------------------------------- */

static struct vlm_node *parse_argument(struct vlm_parser *p)
{
    struct vlm_node *n;
    unsigned line = p->at->line;
    enum vlm_node_kind star = p->at->kind == VLM_T_MUL ? VLM_N_STAR : VLM_N_STARSTAR;

    if (p->at->kind == VLM_T_MUL || p->at->kind == VLM_T_POW) {
        p->at++;
        return vlm_parse_node1(p, star, line, vlm_parse_expression(p));
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
        if (kind < highest ? !(kind == VLM_N_KEYWORD && highest == VLM_N_STAR)
                           : kind == highest && kind >= VLM_N_STAR)
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
        if (p->at->kind == VLM_T_COLON || p->at->kind == VLM_T_RBRACKET ||
            p->at->kind == VLM_T_COMMA)
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
        n = vlm_parse_node1(p, VLM_N_ITEM, line, of);
        if (n)
            n->b = parse_subscribed(p);
        return n && n->b && vlm_parse_expect(p, VLM_T_RBRACKET, "']'") ? n : NULL;
    }
    p->at++;
    if (p->at->kind == VLM_T_INT) {
        n = vlm_parse_node1(p, VLM_N_ITEM, line, of);
        if (n)
            n->b = vlm_parse_number(p);
        return n && n->b ? n : NULL;
    }
    if (p->at->kind != VLM_T_NAME)
        return vlm_parse_fail(p, "a name or number"), NULL;
    n = vlm_parse_node1(p, VLM_N_ATTR, line, of);
    if (n)
        n->name = vlm_parse_intern(p, p->at->p, p->at->n);
    p->at++;
    return n && n->name ? n : NULL;
}

static struct vlm_node *parse_call(struct vlm_parser *p, struct vlm_node *f)
{
    struct vlm_node *n = vlm_parse_node1(p, VLM_N_CALL, p->at->line, f);

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
    negated = vlm_parse_skip_name(p, "not");
    if (p->at->kind != VLM_T_NAME || !vlm_builtin_find(vlm_tests, p->at->p, p->at->n))
        return vlm_parse_fail(p, "the name of a test"), NULL;
    n = vlm_parse_node1(p, VLM_N_TEST, p->at->line, of);
    if (!n)
        return NULL;
    n->name = vlm_parse_intern(p, p->at->p, p->at->n);
    p->at++;
    k = p->at->kind;
    if (k == VLM_T_LPAREN) {
        if (!parse_arguments(p, n))
            return NULL;
    } else if ((k == VLM_T_NAME || k == VLM_T_STRING || k == VLM_T_INT || k == VLM_T_FLOAT ||
                k == VLM_T_LBRACKET || k == VLM_T_LBRACE) &&
               !vlm_parse_is(p, "else") && !vlm_parse_is(p, "or") && !vlm_parse_is(p, "and")) {
        if (vlm_parse_is(p, "is"))
            return vlm_parse_fail(p, "no second 'is'"), NULL;
        n->list = parse_postfix(p, vlm_parse_primary(p));
        if (!n->list)
            return NULL;
    }
    if (!n->name)
        return NULL;
    return negated ? vlm_parse_node1(p, VLM_N_NOT, n->line, n) : n;
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

/* ---- operators
 * ----------------------------------------------------------------------------------- */

static struct vlm_node *parse_unary(struct vlm_parser *p, bool with_filter)
{
    struct vlm_node *n;
    unsigned line = p->at->line;

    if (!vlm_parse_enter(p))
        return NULL;
    if (vlm_parse_skip(p, VLM_T_SUB))
        n = vlm_parse_node1(p, VLM_N_NEG, line, parse_unary(p, false));
    else if (vlm_parse_skip(p, VLM_T_ADD))
        n = vlm_parse_node1(p, VLM_N_POS, line, parse_unary(p, false));
    else
        n = vlm_parse_primary(p);
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
        return kind == VLM_T_MUL || kind == VLM_T_DIV || kind == VLM_T_FLOORDIV ||
               kind == VLM_T_MOD;
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
    struct vlm_node *n = vlm_parse_node1(p, VLM_N_OPERAND, p->at->line, parse_math_next(p, level));

    if (n)
        n->op = (uint8_t)op;
    return n;
}

static struct vlm_node *parse_math(struct vlm_parser *p, int level)
{
    struct vlm_node *n = parse_math_next(p, level), **tail;

    if (!n || !math_operator(p->at->kind, level))
        return n;
    n = vlm_parse_node1(p, VLM_N_MATH, p->at->line, n);
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
    if (vlm_parse_skip_name(p, "in"))
        return VLM_OP_IN;
    if (vlm_parse_is(p, "not") && p->at[1].kind == VLM_T_NAME && p->at[1].n == 2 &&
        memcmp(p->at[1].p, "in", 2) == 0) {
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
        struct vlm_node *operand = vlm_parse_node1(p, VLM_N_OPERAND, line, parse_math(p, 0));
        if (!operand)
            return NULL;
        operand->op = (uint8_t)op;
        if (!cmp) {
            cmp = vlm_parse_node1(p, VLM_N_COMPARE, line, n);
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

    while (vlm_parse_skip_name(p, "not"))
        count++;
    n = parse_compare(p);
    /* two of them give truth, whatever their number */
    for (count = count > 2 ? 2 - count % 2 : count; n && count > 0; count--)
        n = vlm_parse_node1(p, VLM_N_NOT, line, n);
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
    while (vlm_parse_skip_name(p, or ? "or" : "and")) {
        last->next = or ? parse_logic(p, false) : parse_not(p);
        last = last->next;
        if (!last)
            return NULL;
    }
    return n;
}

struct vlm_node *vlm_parse_or(struct vlm_parser *p)
{
    return parse_logic(p, true);
}

struct vlm_node *vlm_parse_expression(struct vlm_parser *p)
{
    struct vlm_node *n;

    if (!vlm_parse_enter(p))
        return NULL;
    n = vlm_parse_or(p);
    while (n && vlm_parse_is(p, "if")) {
        struct vlm_node *cond = vlm_parse_node1(p, VLM_N_COND, p->at->line, n);
        p->at++;
        if (!cond)
            return NULL;
        cond->b = vlm_parse_or(p);
        if (!cond->b)
            return NULL;
        if (vlm_parse_skip_name(p, "else")) {
            cond->c = vlm_parse_expression(p);
            if (!cond->c)
                return NULL;
        }
        n = cond;
    }
    p->depth--;
    return n;
}
