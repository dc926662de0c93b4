/* added.c: finds added tokens in text; what lies between goes to the pre-tokenizers.
 *
 * At each place the longest token wins and the search goes on behind it, as in the reference.  A
 * plain run (text of a user) is never part of a match: the search sees only what lies between such
 * runs. A place costs a binary search, so no set of tokens makes the whole slower than linear. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "token/internal.h"

/* ---- the sorted set -------------------------------------------------------------------------- */

static int compare(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int order = memcmp(a, b, n_a < n_b ? n_a : n_b);
    return order ? order : (n_a > n_b) - (n_a < n_b);
}

static int compare_tokens(const void *a, const void *b)
{
    const struct vlm_token_added *x = a, *y = b;
    return compare(x->s, x->n, y->s, y->n);
}

static bool begins(const struct vlm_token_added *token, const char *s, size_t n)
{
    return token->n <= n && memcmp(token->s, s, token->n) == 0;
}

bool vlm_token_set_link(struct vlm_token_set *set, const struct vlm_token_added **twice)
{
    if (set->n > 0)
        qsort(set->tokens, set->n, sizeof *set->tokens, compare_tokens);
    for (size_t i = 0; i < set->n; i++) {
        struct vlm_token_added *token = &set->tokens[i];
        int32_t p = (int32_t)i - 1;
        while (p >= 0 && !begins(&set->tokens[p], token->s, token->n))
            p = set->tokens[p].parent;
        if (p >= 0 && set->tokens[p].n == token->n) {
            *twice = token;
            return false;
        }
        token->parent = p;
        set->first[(unsigned char)token->s[0]] = true;
    }
    return true;
}

/* The last token that sorts before s or is s; -1 if there is none. */
static int32_t predecessor(const struct vlm_token_set *set, const char *s, size_t n)
{
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (compare(set->tokens[mid].s, set->tokens[mid].n, s, n) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return (int32_t)low - 1;
}

const struct vlm_token_added *vlm_token_set_find(const struct vlm_token_set *set, const char *s,
                                                 size_t n)
{
    int32_t i = predecessor(set, s, n);
    return i >= 0 && compare(set->tokens[i].s, set->tokens[i].n, s, n) == 0 ? &set->tokens[i]
                                                                            : NULL;
}

/* The longest token that begins s[0..n).  All that sorts between it and s begins with it, so it is
 * the predecessor of s or one of that token's parents. */
static const struct vlm_token_added *longest(const struct vlm_token_set *set, const char *s,
                                             size_t n)
{
    int32_t i = predecessor(set, s, n);
    if (i < 0)
        return NULL;
    size_t common = 0, most = set->tokens[i].n < n ? set->tokens[i].n : n;
    while (common < most && set->tokens[i].s[common] == s[common])
        common++;
    while (i >= 0 && set->tokens[i].n > common)
        i = set->tokens[i].parent;
    return i < 0 ? NULL : &set->tokens[i];
}

/* ---- the search ------------------------------------------------------------------------------ */

struct scan {
    const struct vlm_token_run *r;
    const struct vlm_token_set *set;
    size_t at, end;
    size_t *next_plain; /* the first plain run that may end behind at */
};

static const struct vlm_token_added *next_match(struct scan *c)
{
    const struct vlm_token_run *r = c->r;
    while (c->at < c->end) {
        while (*c->next_plain < r->n_plain && r->plain[*c->next_plain].end <= c->at)
            ++*c->next_plain;
        size_t end = c->end;
        if (*c->next_plain < r->n_plain) {
            struct vlm_span plain = r->plain[*c->next_plain];
            if (plain.begin <= c->at) {
                c->at = plain.end;
                continue;
            }
            end = plain.begin < end ? plain.begin : end;
        }
        for (; c->at < end; c->at++) {
            if (!c->set->first[(unsigned char)r->text[c->at]])
                continue;
            const struct vlm_token_added *match = longest(c->set, r->text + c->at, end - c->at);
            if (match) {
                c->at += match->n;
                return match;
            }
        }
    }
    return NULL;
}

/* The character that ends at text[at]; at is moved to where it begins. */
static uint32_t char_before(const char *text, size_t *at)
{
    size_t end = *at, begin = end - 1;
    uint32_t cp;
    while (begin > 0 && ((unsigned char)text[begin] & 0xC0) == 0x80)
        begin--;
    vlm_utf8_decode(&cp, text + begin, end - begin);
    *at = begin;
    return cp;
}

/* No word character touches text[start..stop) within [begin, end). */
static bool stands_alone(const char *text, size_t begin, size_t end, size_t start, size_t stop)
{
    uint32_t cp;
    size_t at = start;
    if (start > begin && vlm_token_is_word(char_before(text, &at)))
        return false;
    if (stop == end)
        return true;
    vlm_utf8_decode(&cp, text + stop, end - stop);
    return !vlm_token_is_word(cp);
}

static size_t strip_left(const char *text, size_t begin, size_t at)
{
    while (at > begin) {
        size_t before = at;
        if (vlm_token_class_of(char_before(text, &before)) != VLM_TOKEN_SPACE)
            break;
        at = before;
    }
    return at;
}

static size_t strip_right(const char *text, size_t end, size_t at)
{
    while (at < end) {
        uint32_t cp;
        size_t used = vlm_utf8_decode(&cp, text + at, end - at);
        if (vlm_token_class_of(cp) != VLM_TOKEN_SPACE)
            break;
        at += used;
    }
    return at;
}

static int between(struct vlm_token_run *r, int phase, size_t begin, size_t end)
{
    if (begin >= end)
        return VLM_OK;
    return phase == 0 ? vlm_token_run_added(r, 1, begin, end)
                      : vlm_token_run_split(r, 0, r->text + begin, end - begin);
}

/* Phase 0 looks for the tokens of sets[0] in the text, phase 1 for those of sets[1] in what is
 * left. */
int vlm_token_run_added(struct vlm_token_run *r, int phase, size_t begin, size_t end)
{
    struct scan c = {.r = r,
                     .set = &r->t->sets[phase],
                     .at = begin,
                     .end = end,
                     .next_plain = &r->next_plain[phase]};
    size_t done = begin; /* what lies before has been turned into ids */
    const struct vlm_token_added *match;
    int rc = VLM_OK;
    if (c.set->n == 0)
        return between(r, phase, begin, end);
    while (rc == VLM_OK && (match = next_match(&c))) {
        size_t stop = c.at, start = stop - match->n;
        if (match->single_word && !stands_alone(r->text, begin, end, start, stop))
            continue;
        if (match->lstrip)
            start = strip_left(r->text, done, start);
        if (match->rstrip)
            stop = strip_right(r->text, end, stop);
        rc = between(r, phase, done, start);
        if (rc == VLM_OK && !vlm_ids_push(r->out, match->id))
            rc = vlm_fail_memory(r->err, r->out->n * sizeof *r->out->data, "token ids");
        done = stop > done ? stop : done;
    }
    return rc == VLM_OK ? between(r, phase, done, end) : rc;
}
