/* number.c: decimal numbers between two bounds, digit by digit.  While the digits so far equal
 * those of a bound the path is tight to it; as soon as one differs, the rest is free. */
#include <string.h>

#include "constrain/grammar.h"

enum { DIGITS = VLM_NUMBER_DIGITS };

struct magnitude { /* a non-negative decimal without leading or trailing zeros */
    char whole[DIGITS + 1], part[DIGITS + 1];
    size_t n_whole, n_part;
};

struct between {
    struct vlm_grammar_builder *b;
    struct magnitude lo, hi;
    bool excl_lo, excl_hi;
    unsigned places, step;
    uint32_t next;
    /* [digits][rest], 1 + node, 0: not built: any end of a fraction of which k digits stand; k more
     * digits of the whole, then any fraction.  rest: what stands, without its point, modulo step */
    uint32_t *rest_part, *rest_whole;
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

/* Is the number whole when k digits of its fraction stand and leave this rest? */
static bool divides(const struct between *w, size_t k, unsigned rest)
{
    for (; k < w->places && rest != 0; k++)
        rest = rest * 10 % w->step;
    return rest == 0;
}

static uint32_t free_part(struct between *w, size_t k, unsigned rest);
static uint32_t free_whole(struct between *w, size_t k, unsigned rest);

/* One digit from..to, then what then builds with k and the new rest. */
static uint32_t any_digit(struct between *w, int from, int to,
                          uint32_t (*then)(struct between *, size_t, unsigned), size_t k,
                          unsigned rest)
{
    uint32_t all = 0;
    if (w->step == 1)
        return from > to ? 0 : digits(w, from, to, then(w, k, 0));
    for (int d = from; d <= to; d++)
        all = alt(w->b, all, digits(w, d, d, then(w, k, (rest * 10 + (unsigned)d) % w->step)));
    return all;
}

static uint32_t free_part(struct between *w, size_t k, unsigned rest)
{
    uint32_t *kept = &w->rest_part[k * w->step + rest];
    if (!*kept) {
        uint32_t end = divides(w, k, rest) ? w->next : 0;
        *kept =
            1 + (k == w->places ? end : alt(w->b, end, any_digit(w, 0, 9, free_part, k + 1, rest)));
    }
    return *kept - 1;
}

/* k more digits of the whole, then nothing or a fraction */
static uint32_t free_whole(struct between *w, size_t k, unsigned rest)
{
    uint32_t *kept = &w->rest_whole[k * w->step + rest], all;
    if (*kept)
        return *kept - 1;
    if (k > 0) {
        all = any_digit(w, 0, 9, free_whole, k - 1, rest);
    } else {
        uint32_t part = w->places == 0 ? 0 : any_digit(w, 0, 9, free_part, 1, rest);
        all = alt(w->b, divides(w, 0, rest) ? w->next : 0,
                  part ? vlm_build_range(w->b, '.', '.', part) : 0);
    }
    *kept = 1 + all;
    return all;
}

static int part_digit(const struct magnitude *m, size_t k)
{
    return k < m->n_part ? m->part[k] - '0' : 0;
}

/* Which bounds the digits so far are equal to, and what they leave. */
struct tight {
    bool lo, hi;
    unsigned rest;
};

static struct tight behind(const struct between *w, struct tight t, bool lo, bool hi, int digit)
{
    return (struct tight){lo, hi, (t.rest * 10 + (unsigned)digit) % w->step};
}

/* May the number end where k digits of the fraction stand? */
static bool may_end(const struct between *w, size_t k, struct tight t)
{
    if (t.lo && (k < w->lo.n_part || w->excl_lo))
        return false;
    return divides(w, k, t.rest) && !(t.hi && k >= w->hi.n_part && w->excl_hi);
}

/* The fraction from digit k on, tight to at least one bound. */
static uint32_t tight_part(struct between *w, size_t k, struct tight t)
{
    uint32_t all = k > 0 && may_end(w, k, t) ? w->next : 0;
    if (k == w->places || w->b->rc < 0)
        return all;
    int lo = t.lo ? part_digit(&w->lo, k) : 0, hi = t.hi ? part_digit(&w->hi, k) : 9;
    if (t.lo && t.hi && lo == hi)
        return alt(w->b, all,
                   digits(w, lo, lo, tight_part(w, k + 1, behind(w, t, true, true, lo))));
    if (t.lo)
        all =
            alt(w->b, all, digits(w, lo, lo, tight_part(w, k + 1, behind(w, t, true, false, lo))));
    if (t.hi)
        all =
            alt(w->b, all, digits(w, hi, hi, tight_part(w, k + 1, behind(w, t, false, true, hi))));
    return alt(w->b, all, any_digit(w, lo + t.lo, hi - t.hi, free_part, k + 1, t.rest));
}

/* Digit i of a whole of n digits, tight to at least one bound. */
static uint32_t tight_whole(struct between *w, size_t n, size_t i, struct tight t)
{
    if (w->b->rc < 0)
        return 0;
    if (i == n) {
        uint32_t part = w->places == 0 ? 0 : tight_part(w, 0, t);
        return alt(w->b, may_end(w, 0, t) ? w->next : 0,
                   part ? vlm_build_range(w->b, '.', '.', part) : 0);
    }
    int least = i == 0 && n > 1;
    int lo = t.lo ? w->lo.whole[i] - '0' : least, hi = t.hi ? w->hi.whole[i] - '0' : 9;
    if (t.lo && t.hi && lo == hi)
        return digits(w, lo, lo, tight_whole(w, n, i + 1, behind(w, t, true, true, lo)));
    uint32_t all = 0;
    if (t.lo)
        all = digits(w, lo, lo, tight_whole(w, n, i + 1, behind(w, t, true, false, lo)));
    if (t.hi)
        all = alt(w->b, all,
                  digits(w, hi, hi, tight_whole(w, n, i + 1, behind(w, t, false, true, hi))));
    return alt(w->b, all, any_digit(w, lo + t.lo, hi - t.hi, free_whole, n - i - 1, t.rest));
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

static uint32_t all_lengths(struct between *w, bool has_hi)
{
    uint32_t all = 0;
    for (size_t n = w->lo.n_whole; n <= (has_hi ? w->hi.n_whole : DIGITS) && w->b->rc == 0; n++) {
        struct tight t = {n == w->lo.n_whole, has_hi && n == w->hi.n_whole, 0};
        all = alt(w->b, all,
                  t.lo || t.hi ? tight_whole(w, n, 0, t)
                               : any_digit(w, n > 1, 9, free_whole, n - 1, 0));
    }
    return all;
}

/* Magnitudes lo..hi, hi NULL: open. */
static uint32_t between(struct vlm_grammar_builder *b, const struct magnitude *lo, bool excl_lo,
                        const struct magnitude *hi, bool excl_hi, const struct vlm_bounds *o,
                        uint32_t next)
{
    struct between w = {.b = b,
                        .lo = *lo,
                        .excl_lo = excl_lo,
                        .excl_hi = excl_hi,
                        .places = o->places,
                        .step = o->step,
                        .next = next};
    if (hi) {
        w.hi = *hi;
        int c = compare(lo, hi);
        if (c > 0 || (c == 0 && (excl_lo || excl_hi)))
            return 0;
    }
    size_t n = (size_t)(DIGITS + 2) * w.step;
    uint32_t all = 0;
    w.rest_part = vlm_mem_zalloc(b->g->alloc, 2 * n, sizeof *w.rest_part);
    if (w.rest_part) {
        w.rest_whole = w.rest_part + n;
        all = all_lengths(&w, hi != NULL);
    } else if (b->rc == 0) {
        b->rc = vlm_fail_memory(b->err, 2 * n * sizeof *w.rest_part, "a number's range");
    }
    vlm_mem_free(b->g->alloc, w.rest_part);
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

/* Multiples of the step from zero up, or both ways: those of the step without its zeros, then as
 * many zeros. */
static uint32_t multiples(struct vlm_grammar_builder *b, const struct vlm_bounds *o, uint32_t next)
{
    static const struct magnitude zero = {"0", "", 1, 0};
    struct vlm_bounds x = {.step = o->step};
    uint32_t then = next, all;
    for (; x.step % 10 == 0; x.step /= 10)
        then = vlm_build_range(b, '0', '0', then);
    all = between(b, &zero, true, NULL, false, &x, then);
    if (!o->lo)
        all = alt(b, all, vlm_build_range(b, '-', '-', all));
    return alt(b, all, vlm_build_range(b, '0', '0', next));
}

/* A reader that takes numbers as doubles must not see the excluded bound itself: of two decimals of
 * 15 digits it sees which is larger. */
static struct vlm_bounds fewer_places(const struct vlm_bounds *o, const struct magnitude *lo,
                                      const struct magnitude *hi)
{
    struct vlm_bounds x = *o;
    if (o->step == 1 && o->lo && o->excl_lo && x.places > DIGITS - lo->n_whole)
        x.places = (unsigned)(DIGITS - lo->n_whole);
    if (o->step == 1 && o->hi && o->excl_hi && x.places > DIGITS - hi->n_whole)
        x.places = (unsigned)(DIGITS - hi->n_whole);
    return x;
}

uint32_t vlm_build_number(struct vlm_grammar_builder *b, const struct vlm_bounds *bounds,
                          uint32_t next)
{
    static const struct magnitude zero = {"0", "", 1, 0};
    struct magnitude lo = zero, hi = zero;
    const struct vlm_bounds *o = bounds;
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
    bool from_zero = o->lo && !o->excl_lo && compare(&lo, &zero) == 0;
    if (o->step > 1 && o->places == 0 && !o->hi && (!o->lo || from_zero))
        return multiples(b, o, next);
    const struct vlm_bounds cut = fewer_places(bounds, &lo, &hi);
    uint32_t above = 0, below = 0;
    o = &cut;
    if (!hi_negative)
        above = between(b, lo_negative ? &zero : &lo, lo_negative ? false : o->excl_lo,
                        o->hi ? &hi : NULL, o->excl_hi, o, next);
    if (lo_negative) /* -0 is never written */
        below = between(b, hi_negative ? &hi : &zero, hi_negative ? o->excl_hi : true,
                        o->lo ? &lo : NULL, o->excl_lo, o, next);
    if (below)
        below = vlm_build_range(b, '-', '-', below);
    return alt(b, above, below);
}
