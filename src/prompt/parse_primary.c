/* parse_primary.c: what parsing of expressions begins with: names, literals, brackets, tuples and
 * the targets of assignments; and the parser's helpers. */
#include <string.h>

#include "base/utf8.h"
#include "prompt/jinja.h"

struct vlm_node *vlm_parse_node(struct vlm_parser *p, enum vlm_node_kind kind, unsigned line)
{
    struct vlm_node *n = vlm_run_alloc(p->run, 1, sizeof *n);

    if (n) {
        n->kind = (uint8_t)kind;
        n->line = line;
    }
    return n;
}

struct vlm_node *vlm_parse_node1(struct vlm_parser *p, enum vlm_node_kind kind, unsigned line,
                                 struct vlm_node *a)
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
    return vlm_run_fail(p->run, VLM_ERR_FORMAT, "'%s' found, expected %s",
                        vlm_base_quote(&q, p->at->p, p->at->n), expected);
}

bool vlm_parse_enter(struct vlm_parser *p)
{
    if (p->depth >= VLM_LIMIT_TEMPLATE_DEPTH) {
        p->run->line = p->at->line;
        return vlm_run_fail(p->run, VLM_ERR_LIMIT,
                            "statements and expressions nest more than %llu deep",
                            (unsigned long long)VLM_LIMIT_TEMPLATE_DEPTH);
    }
    p->depth++;
    return true;
}

bool vlm_parse_is(const struct vlm_parser *p, const char *keyword)
{
    return p->at->kind == VLM_T_NAME && p->at->n == strlen(keyword) &&
           memcmp(p->at->p, keyword, p->at->n) == 0;
}

bool vlm_parse_skip_name(struct vlm_parser *p, const char *keyword)
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

const struct vlm_name *vlm_tree_name(const struct vlm_tree *t, const char *s, size_t n)
{
    return find_name(t, s, n);
}

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

/* ---- literals
 * ------------------------------------------------------------------------------------ */

static int hex_value(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
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

struct vlm_node *vlm_parse_number(struct vlm_parser *p)
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
static struct vlm_node *parse_items(struct vlm_parser *p, enum vlm_node_kind kind,
                                    enum vlm_token_kind close)
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
            item = vlm_parse_expect(p, VLM_T_COLON, "':'")
                       ? vlm_parse_node1(p, VLM_N_PAIR, p->at->line, item)
                       : NULL;
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

struct vlm_node *vlm_parse_primary(struct vlm_parser *p)
{
    struct vlm_node *n;

    switch (p->at->kind) {
    case VLM_T_NAME:
        return parse_name(p);
    case VLM_T_STRING:
        return parse_string(p);
    case VLM_T_INT:
    case VLM_T_FLOAT:
        return vlm_parse_number(p);
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

/* ---- lists without brackets ---------------------------------------------------------------------
 */

static bool tuple_end(const struct vlm_parser *p, const char *stop)
{
    return p->at->kind == VLM_T_VAR_END || p->at->kind == VLM_T_BLOCK_END ||
           p->at->kind == VLM_T_RPAREN || (stop && vlm_parse_is(p, stop));
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
        n = vlm_parse_node1(p, VLM_N_NSREF, n->line, n);
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
