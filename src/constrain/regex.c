/* regex.c: regular expressions as grammars.  A pattern becomes a small tree first (parse), then
 * nodes from its end (emit).  Only what ECMA-262 and Python's re read alike is taken; \d \w \s and
 * their capitals mean ASCII, which is a subset in both. */
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "constrain/grammar.h"

enum kind { EMPTY, CLASS, SEQUENCE, CHOICE, REPEAT };
struct part {
    enum kind kind;
    uint32_t child;   /* SEQUENCE, CHOICE, REPEAT: first child; CLASS: first range */
    uint32_t n;       /* CLASS: ranges */
    uint32_t sibling; /* the next child of the same parent; 0: none */
    uint32_t min, max;
};

struct regex {
    struct vlm_grammar_builder *b;
    const char *p;
    size_t n, at;
    struct part *parts; /* 0 is EMPTY and means "no sibling" in links */
    size_t n_parts, cap_parts;
    struct vlm_range *ranges;
    size_t n_ranges, cap_ranges;
    unsigned depth;
    bool as_json;
    bool whole_chars; /* build for count_chars: a node a character, its set the part's number */
};
#define NO_MAX UINT32_MAX

static uint32_t fail(struct regex *r, const char *what)
{
    struct vlm_quoted q;
    if (r->b->rc == 0)
        r->b->rc = vlm_fail(r->b->err, VLM_ERR_UNSUPPORTED, "regex '%s': byte %zu: found %s",
                            vlm_base_quote(&q, r->p, r->n), r->at, what);
    return 0;
}

static uint32_t part(struct regex *r, enum kind kind)
{
    if (r->b->rc < 0)
        return 0;
    if (!vlm_grow(r->b->g->alloc, &r->parts, &r->cap_parts, r->n_parts, sizeof *r->parts)) {
        r->b->rc = vlm_fail_memory(r->b->err, r->n_parts * sizeof *r->parts, "a regex");
        return 0;
    }
    r->parts[r->n_parts] = (struct part){.kind = kind};
    return (uint32_t)r->n_parts++;
}

static void range(struct regex *r, uint32_t lo, uint32_t hi)
{
    if (r->b->rc == 0 &&
        !vlm_grow(r->b->g->alloc, &r->ranges, &r->cap_ranges, r->n_ranges, sizeof *r->ranges))
        r->b->rc = vlm_fail_memory(r->b->err, r->n_ranges * sizeof *r->ranges, "a regex");
    if (r->b->rc == 0)
        r->ranges[r->n_ranges++] = (struct vlm_range){lo, hi};
}

static bool more(const struct regex *r)
{
    return r->b->rc == 0 && r->at < r->n;
}
static bool is(const struct regex *r, char c)
{
    return more(r) && r->p[r->at] == c;
}

static uint32_t code_point(struct regex *r)
{
    uint32_t cp;
    if (!more(r))
        return fail(r, "an end too early");
    r->at += vlm_utf8_decode(&cp, r->p + r->at, r->n - r->at);
    if (cp == VLM_UTF8_BAD)
        return fail(r, "bytes that are no UTF-8");
    return cp;
}

/* ---- classes ---- */

/* An empty class may come before there is a list. */
static struct vlm_range *ranges_at(const struct regex *r, size_t i)
{
    return r->ranges ? r->ranges + i : NULL;
}

/* The ranges from first on become what they leave out, up to last. */
static void invert(struct regex *r, size_t first, uint32_t last)
{
    size_t n = vlm_ranges_tidy(ranges_at(r, first), r->n_ranges - first), end = first + n;
    uint32_t from = last == 0x7E ? 0x20 : 0;
    r->n_ranges = end;
    for (size_t i = first; i < end; i++) {
        if (r->ranges[i].lo > from)
            range(r, from, r->ranges[i].lo - 1 < last ? r->ranges[i].lo - 1 : last);
        if (r->ranges[i].hi + 1 > from)
            from = r->ranges[i].hi + 1;
    }
    if (from <= last)
        range(r, from, last);
    if (r->b->rc < 0)
        return;
    size_t added = r->n_ranges - end;
    if (added)
        memmove(r->ranges + first, r->ranges + end, added * sizeof *r->ranges);
    r->n_ranges = first + added;
}

static bool shorthand(struct regex *r, char c)
{
    size_t first = r->n_ranges;
    switch (c) {
    case 'd':
    case 'D':
        range(r, '0', '9');
        break;
    case 'w':
    case 'W':
        range(r, '0', '9');
        range(r, 'A', 'Z');
        range(r, '_', '_');
        range(r, 'a', 'z');
        break;
    case 's':
    case 'S':
        range(r, '\t', '\r');
        range(r, ' ', ' ');
        break;
    default:
        return false;
    }
    if (c < 'a')
        invert(r, first, 0x7E);
    return true;
}

static uint32_t hex(struct regex *r, int digits)
{
    uint32_t v = 0;
    for (int i = 0; i < digits; i++) {
        if (!more(r))
            return fail(r, "an escape that ends too early");
        char c = r->p[r->at++];
        uint32_t d = c >= '0' && c <= '9'                 ? (uint32_t)(c - '0')
                     : (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a' + 10)
                                                          : 16;
        if (d == 16)
            return fail(r, "an escape without hexadecimal digits");
        v = v * 16 + d;
    }
    return v >= 0xD800 && v <= 0xDFFF ? fail(r, "a surrogate") : v;
}

/* Behind a backslash, no shorthand: the character meant. */
static uint32_t escape(struct regex *r)
{
    char c = r->p[r->at];
    static const char names[] = "tnrfv0", values[] = "\t\n\r\f\v";
    const char *at = strchr(names, c);
    r->at++;
    if (at && c != 0)
        return c == '0' ? 0 : (uint32_t)(uint8_t)values[at - names];
    if (c == 'x')
        return hex(r, 2);
    if (c == 'u')
        return hex(r, 4);
    if ((uint8_t)c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')) {
        r->at--;
        return fail(r, "an escape that is not supported (\\b, \\p, \\1, look-around ...)");
    }
    return (uint8_t)c;
}

static uint32_t char_class(struct regex *r)
{
    uint32_t p = part(r, CLASS);
    size_t first = r->n_ranges;
    bool negated = is(r, '^'), shorthands = false;
    r->at += negated;
    while (more(r) && r->p[r->at] != ']') {
        uint32_t lo;
        if (r->p[r->at] == '\\') {
            if (++r->at == r->n)
                return fail(r, "a backslash at the end");
            if (shorthand(r, r->p[r->at])) {
                r->at++;
                shorthands = true;
                continue;
            }
            lo = r->p[r->at] == 'b' ? (r->at++, (uint32_t)'\b') : escape(r);
        } else {
            lo = code_point(r);
        }
        uint32_t hi = lo;
        if (r->at + 1 < r->n && r->p[r->at] == '-' && r->p[r->at + 1] != ']') {
            r->at++;
            hi = r->p[r->at] == '\\' ? (r->at++, r->at < r->n ? escape(r) : 0) : code_point(r);
            if (hi < lo)
                return fail(r, "a range that runs backwards");
        }
        range(r, lo, hi);
    }
    if (!is(r, ']'))
        return fail(r, "a class without its ]");
    r->at++;
    if (negated)
        invert(r, first, shorthands ? 0x7E : 0x10FFFF);
    if (r->b->rc < 0)
        return 0;
    r->n_ranges = first + vlm_ranges_tidy(ranges_at(r, first), r->n_ranges - first);
    r->parts[p].child = (uint32_t)first;
    r->parts[p].n = (uint32_t)(r->n_ranges - first);
    return p;
}

static uint32_t one_class(struct regex *r, uint32_t cp)
{
    uint32_t p = part(r, CLASS);
    if (r->b->rc == 0) {
        r->parts[p].child = (uint32_t)r->n_ranges;
        r->parts[p].n = 1;
        range(r, cp, cp);
    }
    return p;
}

/* . : anything but the line ends of either dialect */
static uint32_t any_char(struct regex *r)
{
    uint32_t p = part(r, CLASS);
    size_t first = r->n_ranges;
    range(r, 0, '\n' - 1);
    range(r, '\n' + 1, '\r' - 1);
    range(r, '\r' + 1, 0x84);
    range(r, 0x86, 0x2027);
    range(r, 0x202A, 0x10FFFF);
    if (r->b->rc == 0) {
        r->parts[p].child = (uint32_t)first;
        r->parts[p].n = (uint32_t)(r->n_ranges - first);
    }
    return p;
}

/* ---- the pattern ---- */

static uint32_t choice(struct regex *r);

static uint32_t group(struct regex *r)
{
    if (r->at + 1 < r->n && r->p[r->at] == '?') {
        if (r->p[r->at + 1] != ':')
            return fail(r, "a group of a kind that is not supported, expected ( or (?:");
        r->at += 2;
    }
    if (++r->depth > VLM_LIMIT_GRAMMAR_DEPTH)
        return fail(r, "groups nested too deep");
    uint32_t p = choice(r);
    r->depth--;
    if (!is(r, ')'))
        return fail(r, "a group without its )");
    r->at++;
    return p;
}

static uint32_t atom(struct regex *r)
{
    char c = r->p[r->at];
    if (c == '^' || c == '$')
        return fail(r, "an anchor that is not at the end of the pattern");
    if (c == '*' || c == '+' || c == '?')
        return fail(r, "a repetition of nothing");
    if (c == '.' || c == '[' || c == '(')
        r->at++;
    if (c == '.')
        return any_char(r);
    if (c == '[')
        return char_class(r);
    if (c == '(')
        return group(r);
    if (c != '\\')
        return one_class(r, code_point(r));
    if (++r->at == r->n)
        return fail(r, "a backslash at the end");
    size_t first = r->n_ranges;
    if (!shorthand(r, r->p[r->at]))
        return one_class(r, escape(r));
    r->at++;
    uint32_t p = part(r, CLASS);
    if (r->b->rc == 0) {
        r->parts[p].child = (uint32_t)first;
        r->parts[p].n = (uint32_t)(r->n_ranges - first);
    }
    return p;
}

static uint32_t number(struct regex *r)
{
    uint32_t v = 0;
    if (!more(r) || r->p[r->at] < '0' || r->p[r->at] > '9')
        return fail(r, "a repetition without a number");
    for (; more(r) && r->p[r->at] >= '0' && r->p[r->at] <= '9'; r->at++) {
        v = v * 10 + (uint32_t)(r->p[r->at] - '0');
        if (v > VLM_LIMIT_GRAMMAR_REPEATS)
            return fail(r, "a repetition above the limit");
    }
    return v;
}

static bool counts(struct regex *r, uint32_t *min, uint32_t *max)
{
    char c = more(r) ? r->p[r->at] : 0;
    *min = c == '+';
    *max = c == '?' ? 1 : NO_MAX;
    if (c == '*' || c == '+' || c == '?') {
        r->at++;
    } else if (c == '{') {
        r->at++;
        *min = *max = number(r);
        if (is(r, ',')) {
            r->at++;
            *max = is(r, '}') ? NO_MAX : number(r);
        }
        if (!is(r, '}') || *max < *min)
            return fail(r, "a repetition that is not {m}, {m,} or {m,n}");
        r->at++;
    } else {
        return false;
    }
    if (is(r, '?')) /* lazy: the same language */
        r->at++;
    else if (is(r, '+'))
        fail(r, "a possessive repetition");
    return true;
}

static uint32_t sequence(struct regex *r)
{
    uint32_t p = part(r, SEQUENCE), last = 0;
    while (more(r) && r->p[r->at] != '|' && r->p[r->at] != ')') {
        if (r->depth == 0 && r->p[r->at] == '$' && (r->at + 1 == r->n || r->p[r->at + 1] == '|'))
            break;
        uint32_t child = atom(r), min, max;
        if (more(r) && counts(r, &min, &max)) {
            uint32_t again = part(r, REPEAT);
            if (r->b->rc < 0)
                return 0;
            r->parts[again].child = child;
            r->parts[again].min = min;
            r->parts[again].max = max;
            child = again;
        }
        if (r->b->rc < 0)
            return 0;
        if (last)
            r->parts[last].sibling = child;
        else
            r->parts[p].child = child;
        last = child;
    }
    return p;
}

static uint32_t choice(struct regex *r)
{
    uint32_t p = part(r, CHOICE), last = 0;
    for (;;) {
        uint32_t child = sequence(r);
        if (r->b->rc < 0)
            return 0;
        if (last)
            r->parts[last].sibling = child;
        else
            r->parts[p].child = child;
        last = child;
        if (!is(r, '|'))
            return p;
        r->at++;
    }
}

/* ---- nodes ---- */

static uint32_t emit(struct regex *r, uint32_t p, uint32_t next);

static uint32_t whole_char(struct regex *r, uint32_t p, uint32_t next)
{
    uint32_t node = vlm_build_node(r->b, VLM_NODE_SET, next, 0);
    if (r->b->rc == 0)
        r->b->g->nodes[node].set =
            (uint16_t)p; /* parts are fewer than bytes: VLM_LIMIT_REGEX_BYTES */
    return node;
}

struct again {
    struct regex *r;
    uint32_t p;
};
static uint32_t emit_again(void *ctx, uint32_t next)
{
    struct again *a = ctx;
    return emit(a->r, a->p, next);
}

/* Children of a sequence are linked forwards and built backwards. */
static uint32_t emit_sequence(struct regex *r, uint32_t child, uint32_t next)
{
    size_t n = 0;
    for (uint32_t c = child; c; c = r->parts[c].sibling)
        n++;
    for (size_t k = n; k-- > 0;) {
        uint32_t c = child;
        for (size_t i = 0; i < k; i++)
            c = r->parts[c].sibling;
        next = emit(r, c, next);
    }
    return next;
}

static uint32_t emit(struct regex *r, uint32_t p, uint32_t next)
{
    if (r->b->rc < 0)
        return 0;
    struct part x = r->parts[p];
    struct again again = {r, x.child};
    uint32_t all = 0;
    switch (x.kind) {
    case EMPTY:
        return next;
    case CLASS:
        if (r->whole_chars)
            return whole_char(r, p, next);
        return vlm_build_chars(r->b, ranges_at(r, x.child), x.n, r->as_json, next);
    case SEQUENCE:
        return emit_sequence(r, x.child, next);
    case CHOICE:
        for (uint32_t c = x.child; c; c = r->parts[c].sibling) {
            uint32_t one = emit(r, c, next);
            all = all ? vlm_build_either(r->b, all, one) : one;
        }
        return all;
    case REPEAT:
        return vlm_build_repeat(r->b, emit_again, &again, x.min, x.max == NO_MAX ? SIZE_MAX : x.max,
                                next);
    }
    return 0;
}

/* Any number of characters in front of next. */
static uint32_t anything(struct regex *r, uint32_t next)
{
    uint32_t loop = vlm_build_node(r->b, VLM_NODE_SPLIT, 0, next), p = part(r, CLASS);
    if (r->b->rc < 0)
        return 0;
    r->parts[p].child = (uint32_t)r->n_ranges;
    r->parts[p].n = 1;
    range(r, 0, 0x10FFFF);
    uint32_t body = emit(r, p, loop);
    if (r->b->rc == 0)
        r->b->g->nodes[loop].a = body;
    return loop;
}

/* The whole pattern in front of next. */
static uint32_t pattern_nodes(struct regex *r, bool search, uint32_t next)
{
    uint32_t all = 0;
    do { /* one alternative of the outermost choice, with its anchors */
        bool from_start = is(r, '^');
        r->at += from_start;
        uint32_t p = sequence(r);
        bool to_end = is(r, '$');
        r->at += to_end;
        uint32_t one = emit(r, p, search && !to_end ? anything(r, next) : next);
        if (search && !from_start)
            one = anything(r, one);
        all = all ? vlm_build_either(r->b, all, one) : one;
    } while (is(r, '|') && ++r->at <= r->n);
    if (r->b->rc == 0 && r->at < r->n)
        fail(r, "a ) without its (");
    return all;
}

/* ---- lengths ---- */

static uint32_t char_of_part(void *ctx, uint32_t p, uint32_t next)
{
    struct regex *r = ctx;
    struct part x = r->parts[p];
    return vlm_build_chars(r->b, ranges_at(r, x.child), x.n, r->as_json, next);
}

static uint32_t count_chars(struct regex *r, const struct vlm_regex_use *use, uint32_t next)
{
    struct vlm_grammar_builder *b = r->b, chars;
    b->rc = vlm_grammar_begin(&chars, b->g->alloc, b->err);
    if (b->rc < 0)
        return 0;
    r->b = &chars;
    r->whole_chars = true;
    uint32_t begin = pattern_nodes(r, use->search, vlm_build_node(&chars, VLM_NODE_ACCEPT, 0, 0));
    r->b = b;
    r->whole_chars = false;
    b->rc = chars.rc;
    if (b->rc == 0 && vlm_build_fits(b, chars.g, begin, use)) {
        r->at = 0; /* the same again, as it is */
        r->n_parts = 1;
        r->n_ranges = 0;
        begin = pattern_nodes(r, use->search, next);
    } else if (b->rc == 0) {
        begin = vlm_build_counted(b, chars.g, begin, use, char_of_part, r, next);
    }
    vlm_grammar_free(chars.g);
    return begin;
}

uint32_t vlm_build_regex(struct vlm_grammar_builder *b, const char *pattern, size_t n,
                         const struct vlm_regex_use *use, uint32_t next)
{
    struct regex r = {.b = b, .p = pattern, .n = n, .as_json = use->as_json};
    if (b->rc < 0)
        return 0;
    if (n > VLM_LIMIT_REGEX_BYTES)
        return fail(&r, "more bytes than a pattern may have");
    part(&r, EMPTY); /* 0 */
    if (b->rc < 0)
        return 0;
    uint32_t all = use->min > 0 || use->max != SIZE_MAX ? count_chars(&r, use, next)
                                                        : pattern_nodes(&r, use->search, next);
    vlm_mem_free(b->g->alloc, r.parts);
    vlm_mem_free(b->g->alloc, r.ranges);
    return b->rc < 0 ? 0 : all;
}

int vlm_grammar_from_regex(struct vlm_grammar **out, const vlm_allocator *alloc,
                           const char *pattern, size_t n, vlm_error *err)
{
    struct vlm_grammar_builder b;
    int rc = vlm_grammar_begin(&b, alloc, err);
    if (rc < 0)
        return rc;
    static const struct vlm_regex_use whole = {.max = SIZE_MAX};
    uint32_t end = vlm_build_node(&b, VLM_NODE_ACCEPT, 0, 0);
    return vlm_grammar_end(out, &b, vlm_build_regex(&b, pattern, n, &whole, end));
}
