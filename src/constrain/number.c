/* number.c: decimal numbers between two bounds, digit by digit.  While the digits so far equal
 * those of a bound the path is tight to it; as soon as one differs, the rest is free. */
#include <string.h>

#include "constrain/grammar.h"

enum { DIGITS = 15 }; /* of an integer part and of a fraction; all exact in a double */

struct magnitude { /* a non-negative decimal without leading or trailing zeros */
    char whole[DIGITS + 1], part[DIGITS + 1];
    size_t n_whole, n_part;
};

struct between {
    struct vlm_grammar_builder *b;
    struct magnitude lo, hi;
    bool excl_lo, excl_hi, integer;
    uint32_t next;
    uint32_t
        rest_part[DIGITS + 2]; /* any end of a fraction of which k digits stand; 0: not built */
    uint32_t rest[DIGITS + 1]; /* k more digits of the whole, then any fraction */
};

static uint32_t alt(struct vlm_grammar_builder *b, uint32_t x, uint32_t y)
{
    return x == 0 ? y : y == 0 ? x : vlm_build_either(b, x, y);
}

static uint32_t digits(struct between *w, int from, int to, uint32_t next)
{
    return from > to || next == 0
               ? 0
               : vlm_build_range(w->b, (uint8_t)('0' + from), (uint8_t)('0' + to), next);
}

static uint32_t free_part(struct between *w, size_t k)
{
    if (!w->rest_part[k])
        w->rest_part[k] =
            k == DIGITS ? w->next : alt(w->b, w->next, digits(w, 0, 9, free_part(w, k + 1)));
    return w->rest_part[k];
}

/* k more digits of the whole, then nothing or a fraction */
static uint32_t free_whole(struct between *w, size_t k)
{
    if (!w->rest[k]) {
        if (k > 0)
            w->rest[k] = digits(w, 0, 9, free_whole(w, k - 1));
        else if (w->integer)
            w->rest[k] = w->next;
        else
            w->rest[k] = alt(w->b, w->next,
                             vlm_build_range(w->b, '.', '.', digits(w, 0, 9, free_part(w, 1))));
    }
    return w->rest[k];
}

static int part_digit(const struct magnitude *m, size_t k)
{
    return k < m->n_part ? m->part[k] - '0' : 0;
}

/* May the number end where k digits of the fraction equal the tight bounds'? */
static bool may_end(const struct between *w, size_t k, bool tight_lo, bool tight_hi)
{
    if (tight_lo && (k < w->lo.n_part || w->excl_lo))
        return false;
    return !(tight_hi && k >= w->hi.n_part && w->excl_hi);
}

/* The fraction from digit k on, tight to at least one bound. */
static uint32_t tight_part(struct between *w, size_t k, bool tight_lo, bool tight_hi)
{
    uint32_t all = k > 0 && may_end(w, k, tight_lo, tight_hi) ? w->next : 0;
    if (k == DIGITS || w->b->rc < 0)
        return all;
    int lo = tight_lo ? part_digit(&w->lo, k) : 0, hi = tight_hi ? part_digit(&w->hi, k) : 9;
    if (tight_lo && tight_hi && lo == hi)
        return alt(w->b, all, digits(w, lo, lo, tight_part(w, k + 1, true, true)));
    if (tight_lo)
        all = alt(w->b, all, digits(w, lo, lo, tight_part(w, k + 1, true, false)));
    if (tight_hi)
        all = alt(w->b, all, digits(w, hi, hi, tight_part(w, k + 1, false, true)));
    return alt(w->b, all, digits(w, lo + tight_lo, hi - tight_hi, free_part(w, k + 1)));
}

/* Digit i of a whole of n digits, tight to at least one bound. */
static uint32_t tight_whole(struct between *w, size_t n, size_t i, bool tight_lo, bool tight_hi)
{
    if (w->b->rc < 0)
        return 0;
    if (i == n) {
        uint32_t end = may_end(w, 0, tight_lo, tight_hi) ? w->next : 0;
        uint32_t part = w->integer ? 0 : tight_part(w, 0, tight_lo, tight_hi);
        return alt(w->b, end, part ? vlm_build_range(w->b, '.', '.', part) : 0);
    }
    int least = i == 0 && n > 1;
    int lo = tight_lo ? w->lo.whole[i] - '0' : least, hi = tight_hi ? w->hi.whole[i] - '0' : 9;
    if (tight_lo && tight_hi && lo == hi)
        return digits(w, lo, lo, tight_whole(w, n, i + 1, true, true));
    uint32_t all = 0;
    if (tight_lo)
        all = digits(w, lo, lo, tight_whole(w, n, i + 1, true, false));
    if (tight_hi)
        all = alt(w->b, all, digits(w, hi, hi, tight_whole(w, n, i + 1, false, true)));
    return alt(w->b, all, digits(w, lo + tight_lo, hi - tight_hi, free_whole(w, n - i - 1)));
}

static int compare(const struct magnitude *x, const struct magnitude *y)
{
    if (x->n_whole != y->n_whole)
        return x->n_whole < y->n_whole ? -1 : 1;
    int c = memcmp(x->whole, y->whole, x->n_whole);
    for (size_t k = 0; c == 0 && k < DIGITS; k++)
        c = part_digit(x, k) - part_digit(y, k);
    return c;
}

/* Magnitudes lo..hi, hi NULL: open. */
static uint32_t between(struct vlm_grammar_builder *b, const struct magnitude *lo, bool excl_lo,
                        const struct magnitude *hi, bool excl_hi, bool integer, uint32_t next)
{
    struct between w = {
        .b = b, .excl_lo = excl_lo, .excl_hi = excl_hi, .integer = integer, .next = next};
    uint32_t all = 0;
    w.lo = *lo;
    if (hi) {
        w.hi = *hi;
        int c = compare(lo, hi);
        if (c > 0 || (c == 0 && (excl_lo || excl_hi)))
            return 0;
    }
    for (size_t n = lo->n_whole; n <= (hi ? hi->n_whole : DIGITS); n++) {
        bool tight_lo = n == lo->n_whole, tight_hi = hi && n == hi->n_whole;
        uint32_t one = tight_lo || tight_hi ? tight_whole(&w, n, 0, tight_lo, tight_hi)
                                            : digits(&w, n > 1, 9, free_whole(&w, n - 1));
        all = alt(b, all, one);
    }
    return all;
}

static bool read_decimal(struct magnitude *m, bool *negative, const char *s)
{
    *m = (struct magnitude){.n_whole = 0};
    *negative = *s == '-';
    s += *negative;
    while (*s == '0')
        s++;
    for (; *s >= '0' && *s <= '9'; s++) {
        if (m->n_whole == DIGITS)
            return false;
        m->whole[m->n_whole++] = *s;
    }
    if (m->n_whole == 0)
        m->whole[m->n_whole++] = '0';
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++) {
            if (m->n_part == DIGITS)
                return false;
            m->part[m->n_part++] = *s;
        }
    while (m->n_part > 0 && m->part[m->n_part - 1] == '0')
        m->n_part--;
    if (m->n_whole == 1 && m->whole[0] == '0' && m->n_part == 0)
        *negative = false;
    return *s == 0;
}

uint32_t vlm_build_number(struct vlm_grammar_builder *b, const struct vlm_bounds *o, uint32_t next)
{
    static const struct magnitude zero = {"0", "", 1, 0};
    struct magnitude lo = zero, hi = zero;
    bool lo_negative = true, hi_negative = false;
    if ((o->lo && !read_decimal(&lo, &lo_negative, o->lo)) ||
        (o->hi && !read_decimal(&hi, &hi_negative, o->hi))) {
        if (b->rc == 0)
            b->rc = vlm_fail(b->err, VLM_ERR_UNSUPPORTED,
                             "schema: found the bound %s, expected a decimal number of at most %d "
                             "digits",
                             o->lo ? o->lo : o->hi, (int)DIGITS);
        return 0;
    }
    uint32_t above = 0, below = 0;
    if (!hi_negative)
        above = between(b, lo_negative ? &zero : &lo, lo_negative ? false : o->excl_lo,
                        o->hi ? &hi : NULL, o->excl_hi, o->integer, next);
    if (lo_negative) /* -0 is never written */
        below = between(b, hi_negative ? &hi : &zero, hi_negative ? o->excl_hi : true,
                        o->lo ? &lo : NULL, o->excl_lo, o->integer, next);
    if (below)
        below = vlm_build_range(b, '-', '-', below);
    return alt(b, above, below);
}

uint32_t vlm_build_multiple(struct vlm_grammar_builder *b, unsigned m, uint32_t next)
{
    uint32_t first = (uint32_t)b->g->n_nodes; /* first + r: a number whose rest is r stands */
    for (unsigned r = 0; r < m; r++)
        vlm_build_node(b, VLM_NODE_SPLIT, r == 0 ? next : 0, 0);
    for (unsigned r = 0; r < m && b->rc == 0; r++) {
        uint32_t all = 0;
        for (unsigned d = 0; d < 10; d++)
            all = alt(b, all,
                      vlm_build_range(b, (uint8_t)('0' + d), (uint8_t)('0' + d),
                                      first + (10 * r + d) % m));
        if (b->rc == 0)
            b->g->nodes[first + r].b = all;
    }
    uint32_t start = 0;
    for (unsigned d = 1; d < 10; d++)
        start = alt(b, start,
                    vlm_build_range(b, (uint8_t)('0' + d), (uint8_t)('0' + d), first + d % m));
    start = alt(b, start, vlm_build_range(b, '-', '-', start));
    return alt(b, start, vlm_build_range(b, '0', '0', next));
}
