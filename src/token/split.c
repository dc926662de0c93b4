/* split.c: text between added tokens -> the pieces that BPE sees.
 *
 * The pre-tokenizers of the file run one inside the other: each hands every piece to the next as
 * soon as it is found, so that nothing is stored.  The depth is that of steps[], at most
 * VLM_TOKEN_STEPS. */
#include "base/utf8.h"
#include "token/internal.h"

static size_t decode(uint32_t *cp, const char *s, size_t n)
{
    if ((unsigned char)*s < 0x80) {
        *cp = (unsigned char)*s;
        return 1;
    }
    return vlm_utf8_decode(cp, s, n);
}

/* ---- the behaviours: what becomes of the matches and of what lies between -------------------- */

struct joiner {
    struct vlm_token_run *r;
    size_t next_step;
    const char *s;
    enum vlm_token_behavior behavior;
    bool pending, pending_match; /* a piece that may still grow, and whether it ended in a match */
    size_t begin, end;
};

static int emit(struct joiner *j, size_t begin, size_t end)
{
    return begin == end ? VLM_OK
                        : vlm_token_run_split(j->r, j->next_step, j->s + begin, end - begin);
}

static int flush(struct joiner *j)
{
    bool pending = j->pending;
    j->pending = false;
    return pending ? emit(j, j->begin, j->end) : VLM_OK;
}

/* The next run of the text, all of it in order; match: it is a match (or, inverted, is none). */
static int join(struct joiner *j, size_t begin, size_t end, bool match)
{
    bool grows = false;
    switch (j->behavior) {
    case VLM_TOKEN_REMOVED:
        if (match)
            return VLM_OK;
        break;
    case VLM_TOKEN_ISOLATED:
        break;
    case VLM_TOKEN_CONTIGUOUS:
        grows = match == j->pending_match;
        break;
    case VLM_TOKEN_WITH_PREVIOUS:
        grows = match && !j->pending_match;
        break;
    case VLM_TOKEN_WITH_NEXT:
        grows = !match && j->pending_match;
        break;
    }
    j->pending_match = match;
    if (grows && j->pending) {
        j->end = end;
        return VLM_OK;
    }
    int rc = flush(j);
    j->pending = true;
    j->begin = begin;
    j->end = end;
    return rc;
}

static int split_digits(struct joiner *j, const char *s, size_t n)
{
    size_t from = 0;
    int rc = VLM_OK;
    for (size_t at = 0, used; at < n && rc == VLM_OK; at += used) {
        uint32_t cp;
        used = decode(&cp, s + at, n - at);
        if (!vlm_token_is_numeric(cp))
            continue;
        if (from < at)
            rc = join(j, from, at, false);
        if (rc == VLM_OK)
            rc = join(j, at, at + used, true);
        from = at + used;
    }
    if (rc == VLM_OK && from < n)
        rc = join(j, from, n, false);
    return rc == VLM_OK ? flush(j) : rc;
}

/* As the reference iterates: an empty match right behind a match does not count. */
static int split_regex(struct joiner *j, const struct vlm_token_step *step, const char *s, size_t n)
{
    size_t from = 0, search = 0, begin, end;
    bool any = false;
    int rc = VLM_OK;
    while (search <= n &&
           (rc = vlm_token_regex_match(j->r, step->regex, s, n, search, &begin, &end)) > 0) {
        rc = VLM_OK;
        if (begin == end && any && end == from) {
            uint32_t cp;
            search += search < n ? decode(&cp, s + search, n - search) : 1;
            continue;
        }
        if (from < begin)
            rc = join(j, from, begin, step->invert);
        if (rc == VLM_OK)
            rc = join(j, begin, end, !step->invert);
        if (rc < 0)
            return rc;
        from = search = end;
        any = true;
    }
    if (rc == VLM_OK && from < n)
        rc = join(j, from, n, step->invert);
    return rc == VLM_OK ? flush(j) : rc;
}

/* ---- GPT-2's pattern, by hand -------------------------------------------------------------------
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * Every character begins some match, and each match is found by looking at most one character
 * beyond it, so the whole is linear. */

static size_t contraction(const char *s, size_t n)
{
    if (n < 2 || s[0] != '\'')
        return 0;
    if (s[1] == 's' || s[1] == 't' || s[1] == 'm' || s[1] == 'd')
        return 2;
    if (n < 3)
        return 0;
    return (s[1] == 'r' && s[2] == 'e') || (s[1] == 'v' && s[2] == 'e') ||
                   (s[1] == 'l' && s[2] == 'l')
               ? 3
               : 0;
}

static size_t gpt2_match(const char *s, size_t n)
{
    size_t at = contraction(s, n), used, last;
    uint32_t cp;
    if (at > 0)
        return at;
    used = decode(&cp, s, n);
    enum vlm_token_class class = vlm_token_class_of(cp);
    if (cp == ' ' && n > 1) {
        size_t more = decode(&cp, s + 1, n - 1);
        enum vlm_token_class behind = vlm_token_class_of(cp);
        if (behind != VLM_TOKEN_SPACE) { /* the space goes with what follows */
            class = behind;
            used += more;
        }
    }
    for (at = used, last = 0; at < n; at += used) {
        used = decode(&cp, s + at, n - at);
        if (vlm_token_class_of(cp) != class)
            break;
        last = at;
    }
    /* A run of white space leaves its last character to what follows, unless that is all there is.
     */
    return class == VLM_TOKEN_SPACE && at < n && last > 0 ? last : at;
}

static int split_bytes(struct vlm_token_run *r, const struct vlm_token_step *step, const char *s,
                       size_t n)
{
    if (step->prefix_space && *s != ' ') {
        vlm_buf_clear(&r->prefixed);
        if (!vlm_buf_putc(&r->prefixed, ' ') || !vlm_buf_append(&r->prefixed, s, n))
            return vlm_fail_memory(r->err, n + 1, "a piece of text");
        s = r->prefixed.data;
        n = r->prefixed.n;
    }
    int rc = VLM_OK;
    for (size_t used; n > 0 && rc == VLM_OK; s += used, n -= used) {
        used = step->gpt2 ? gpt2_match(s, n) : n;
        rc = vlm_token_run_bpe(r, s, used);
    }
    return rc;
}

int vlm_token_run_split(struct vlm_token_run *r, size_t step, const char *s, size_t n)
{
    const struct vlm_token_step *p = &r->t->steps[step];
    struct joiner j = {.r = r, .next_step = step + 1, .s = s, .behavior = p->behavior};
    switch (p->kind) {
    case VLM_TOKEN_DIGITS:
        return split_digits(&j, s, n);
    case VLM_TOKEN_SPLIT:
        return split_regex(&j, p, s, n);
    case VLM_TOKEN_BYTE_LEVEL:
        break;
    }
    return split_bytes(r, p, s, n);
}
