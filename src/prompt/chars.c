/* chars.c: characters and case as Python's str methods see them, from the tables of char_tables.c.
 */
#include "base/utf8.h"
#include "prompt/value.h"

unsigned vlm_char_class(uint32_t c)
{
    size_t lo = 0, hi = vlm_n_class_ranges;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c > vlm_class_ranges[mid].last)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < vlm_n_class_ranges && c >= vlm_class_ranges[lo].first ? vlm_class_ranges[lo].flags
                                                                      : 0;
}

bool vlm_char_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

/* Up to three code points into to; returns how many. */
static size_t case_map(uint32_t to[3], uint32_t c, enum vlm_case which)
{
    size_t lo = 0, hi = vlm_n_case_ranges;

    to[0] = c;
    if (c < 128) {
        if (which == VLM_CASE_LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z')
            to[0] = c ^ 32;
        return 1;
    }
    if (!(vlm_char_class(c) & (VLM_C_UPPER | VLM_C_LOWER | VLM_C_TITLE | VLM_C_CASED)))
        return 1;
    while (lo < hi) { /* the runs lie in order of kind, then of character */
        size_t mid = lo + (hi - lo) / 2;
        const struct vlm_case_range *m = &vlm_case_ranges[mid];
        if (m->which < which || (m->which == which && m->last < c))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < vlm_n_case_ranges && vlm_case_ranges[lo].which == which &&
        c >= vlm_case_ranges[lo].first &&
        (c - vlm_case_ranges[lo].first) % vlm_case_ranges[lo].step == 0) {
        to[0] = (uint32_t)((int32_t)c + vlm_case_ranges[lo].delta);
        return 1;
    }
    for (size_t i = 0; i < vlm_n_case_specials; i++) {
        const struct vlm_case_special *s = &vlm_case_specials[i];
        if (s->from == c && s->which == which) {
            size_t n = 0;
            while (n < 3 && s->to[n]) {
                to[n] = s->to[n];
                n++;
            }
            return n;
        }
    }
    return 1;
}

/* Is the capital sigma at s->p[at] the last letter of a word?  Nothing before begin is looked at.
 */
static bool final_sigma(struct vlm_run *r, const struct vlm_str *s, size_t begin, size_t at,
                        bool *ok)
{
    size_t i = at;
    uint32_t c;
    unsigned f = 0;

    while (i > begin) {
        do
            i--;
        while (i > begin && ((unsigned char)s->p[i] & 0xC0) == 0x80);
        vlm_utf8_decode(&c, s->p + i, s->n - i);
        f = vlm_char_class(c);
        if (!(f & VLM_C_IGNORABLE))
            break;
        f = 0;
    }
    *ok = vlm_run_work(r, 16 * (at - i));
    if (!(f & VLM_C_CASED))
        return false;
    for (i = at + 2; i < s->n;) {
        i += vlm_utf8_decode(&c, s->p + i, s->n - i);
        f = vlm_char_class(c);
        if (!(f & VLM_C_IGNORABLE)) {
            *ok = *ok && vlm_run_work(r, 16 * (i - at));
            return !(f & VLM_C_CASED);
        }
    }
    *ok = *ok && vlm_run_work(r, 16 * (i - at));
    return true;
}

static enum vlm_case case_of(enum vlm_casing to, uint32_t c, bool first, bool start)
{
    switch (to) {
    case VLM_TO_UPPER:
        return VLM_CASE_UPPER;
    case VLM_TO_LOWER:
        return VLM_CASE_LOWER;
    case VLM_TO_TITLE:
        return start ? VLM_CASE_TITLE : VLM_CASE_LOWER;
    case VLM_TO_CAPITALIZED:
        return first ? VLM_CASE_TITLE : VLM_CASE_LOWER;
    case VLM_TO_FILTER_TITLE:
        return start ? VLM_CASE_UPPER : VLM_CASE_LOWER;
    case VLM_TO_SWAPPED:
        break;
    }
    return vlm_char_class(c) & VLM_C_UPPER ? VLM_CASE_LOWER : VLM_CASE_UPPER;
}

bool vlm_text_recase(struct vlm_run *r, struct vlm_text *t, const struct vlm_str *s,
                     enum vlm_casing to)
{
    bool start = true, ok = true;
    size_t word = 0; /* where what the filter lowers began */

    t->markup = s->markup;
    for (size_t i = 0; i < s->n;) {
        uint32_t c, mapped[3];
        size_t k = vlm_utf8_decode(&c, s->p + i, s->n - i), n = 1;
        enum vlm_case which = case_of(to, c, i == 0, start);
        /* a word of str.title() is a run of cased letters; of the filter, what stands between
         * "-([{<" or space */
        if (to == VLM_TO_TITLE)
            start =
                !(c < 128 ? (c | 32) >= 'a' && (c | 32) <= 'z' : vlm_char_class(c) & VLM_C_CASED);
        if (to == VLM_TO_FILTER_TITLE) {
            word = start ? i + k : word;
            start = vlm_char_space(c) || c == '-' || c == '(' || c == '[' || c == '{' || c == '<';
        }
        mapped[0] = c;
        if (which == VLM_CASE_LOWER && c == 0x3A3)
            mapped[0] = final_sigma(r, s, word, i, &ok) ? 0x3C2 : 0x3C3;
        else
            n = case_map(mapped, c, which);
        if (!ok || (c >= 128 && !vlm_run_work(r, 32)))
            return false;
        for (size_t j = 0; j < n; j++) {
            char bytes[4];
            size_t m = vlm_utf8_encode(bytes, mapped[j]);
            bool user = s->mask ? s->mask[i] : s->user;
            if (!vlm_text_append(r, t, bytes, m, user))
                return false;
        }
        i += k;
    }
    return true;
}
