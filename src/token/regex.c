/* regex.c: patterns of Split pre-tokenizers, run by PCRE2 within limits.
 *
 * The pattern is untrusted.  PCRE2 bounds the memory of a match; the steps of a whole call of
 * encode are counted here, in a callout before every item of the pattern.  The reference runs
 * Oniguruma, where lines end at \n and ^ $ match at each.  What differs: PCRE2 counts U+180E as \s,
 * has the Unicode version of its build, and look-behind must have a fixed length.  \h and && (set
 * intersection) mean something else there, so open refuses them. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "token/internal.h"

enum { HEAP_KIB = 64 * 1024, STEPS_PER_BYTE = 64 };

struct vlm_token_regex {
    const vlm_allocator *alloc;
    pcre2_general_context *context;
    pcre2_code *code;
};

struct vlm_token_matcher {
    const vlm_allocator *alloc;
    pcre2_match_context *context;
    pcre2_match_data *data;
    uint64_t steps_left;
    size_t seen; /* where the last step stood */
};

static void *lend(PCRE2_SIZE n, void *alloc)
{
    return vlm_mem_alloc(alloc, n, 1);
}
static void take_back(void *p, void *alloc)
{
    vlm_mem_free(alloc, p);
}

/* A step costs one and the characters it passed over, so that a greedy item is not free. */
static int count_step(pcre2_callout_block *block, void *matcher)
{
    struct vlm_token_matcher *m = matcher;
    uint64_t cost = 1;
    if (block->current_position > m->seen)
        cost += block->current_position - m->seen;
    m->seen = block->current_position;
    if (m->steps_left < cost)
        return PCRE2_ERROR_CALLOUT;
    m->steps_left -= cost;
    return 0;
}

static int compile(struct vlm_token_regex *x, const char *pattern, size_t n, bool literal,
                   const char *file, vlm_error *err)
{
    uint32_t options =
        PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
    int code;
    PCRE2_SIZE at;
    if (literal)
        options = PCRE2_UTF | PCRE2_LITERAL | PCRE2_AUTO_CALLOUT;
    pcre2_compile_context *context = pcre2_compile_context_create(x->context);
    if (!context)
        return vlm_fail_memory(err, n, "a pattern");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    x->code = pcre2_compile((PCRE2_SPTR)pattern, n, options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (x->code)
        return VLM_OK;
    if (code == PCRE2_ERROR_HEAP_FAILED || code == PCRE2_ERROR_NOMEMORY)
        return vlm_fail_memory(err, n, "a pattern");
    struct vlm_quoted q;
    PCRE2_UCHAR why[120];
    pcre2_get_error_message(code, why, sizeof why);
    return vlm_fail(err, VLM_ERR_UNSUPPORTED, "%s: pre_tokenizer pattern \"%s\" at byte %zu: %s",
                    file, vlm_base_quote(&q, pattern, n), (size_t)at, (const char *)why);
}

/* What the reference reads otherwise, and counts so large that one step would not be cheap. */
static const char *unlike_reference(const char *pattern, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        char c = pattern[i];
        if (c == '&' && pattern[i + 1] == '&')
            return "&&";
        if (c == '\\') {
            c = pattern[++i];
            if (c == 'h' || c == 'H')
                return "\\h";
            if (i + 1 < n && pattern[i + 1] == '{') /* \p{L}, \x{300}: no count */
                while (i + 1 < n && pattern[i] != '}')
                    i++;
        } else if (c == '{' || c == ',') {
            size_t digits = 0;
            while (i + 1 + digits < n && pattern[i + 1 + digits] >= '0' &&
                   pattern[i + 1 + digits] <= '9')
                digits++;
            if (digits > 3)
                return "a repeat count above 999";
        }
    }
    return NULL;
}

int vlm_token_regex_open(struct vlm_token_regex **out, const vlm_allocator *alloc,
                         const char *pattern, size_t n, bool literal, const char *file,
                         vlm_error *err)
{
    if (n > VLM_LIMIT_REGEX_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: pre_tokenizer pattern of %zu bytes, at most %llu are allowed", file, n,
                        (unsigned long long)VLM_LIMIT_REGEX_BYTES);
    const char *unlike = literal ? NULL : unlike_reference(pattern, n);
    if (unlike)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                        "%s: pre_tokenizer pattern with %s is not supported", file, unlike);
    struct vlm_token_regex *x = vlm_mem_zalloc(alloc, 1, sizeof *x);
    if (!x)
        return vlm_fail_memory(err, sizeof *x, "a pattern");
    x->alloc = alloc;
    x->context = pcre2_general_context_create(lend, take_back, (void *)(uintptr_t)alloc);
    int rc = x->context ? compile(x, pattern, n, literal, file, err)
                        : vlm_fail_memory(err, n, "a pattern");
    if (rc < 0)
        vlm_token_regex_close(x);
    else
        *out = x;
    return rc;
}

void vlm_token_regex_close(struct vlm_token_regex *x)
{
    if (!x)
        return;
    pcre2_code_free(x->code);
    pcre2_general_context_free(x->context);
    vlm_mem_free(x->alloc, x);
}

static int open_matcher(struct vlm_token_run *r, const struct vlm_token_regex *x)
{
    struct vlm_token_matcher *m = vlm_mem_zalloc(x->alloc, 1, sizeof *m);
    if (!m)
        return vlm_fail_memory(r->err, sizeof *m, "matching a pattern");
    r->matcher = m;
    m->alloc = x->alloc;
    m->context = pcre2_match_context_create(x->context);
    m->data = pcre2_match_data_create(1, x->context);
    if (!m->context || !m->data)
        return vlm_fail_memory(r->err, sizeof *m, "matching a pattern");
    m->steps_left = VLM_LIMIT_REGEX_MATCHES + STEPS_PER_BYTE * (uint64_t)r->n_text;
    pcre2_set_callout(m->context, count_step, m);
    pcre2_set_heap_limit(m->context, HEAP_KIB);
    pcre2_set_match_limit(m->context, UINT32_MAX); /* the steps are counted */
    pcre2_set_depth_limit(m->context, UINT32_MAX); /* bounded by the heap */
    return VLM_OK;
}

void vlm_token_matcher_close(struct vlm_token_matcher *m)
{
    if (!m)
        return;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    vlm_mem_free(m->alloc, m);
}

int vlm_token_regex_match(struct vlm_token_run *r, const struct vlm_token_regex *x, const char *s,
                          size_t n, size_t from, size_t *begin, size_t *end)
{
    if (!r->matcher) {
        int rc = open_matcher(r, x);
        if (rc < 0)
            return rc;
    }
    r->matcher->seen = from;
    int rc = pcre2_match(x->code, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK, r->matcher->data,
                         r->matcher->context);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc == PCRE2_ERROR_CALLOUT)
        return vlm_fail(
            r->err, VLM_ERR_LIMIT, "tokenizer: pre_tokenizer pattern needs more than %llu steps",
            (unsigned long long)(VLM_LIMIT_REGEX_MATCHES + STEPS_PER_BYTE * (uint64_t)r->n_text));
    if (rc == PCRE2_ERROR_NOMEMORY)
        return vlm_fail_memory(r->err, n, "matching a pattern");
    if (rc < 0) { /* the heap limit, or a recursion without end */
        PCRE2_UCHAR why[120];
        pcre2_get_error_message(rc, why, sizeof why);
        return vlm_fail(r->err, VLM_ERR_LIMIT, "tokenizer: pre_tokenizer pattern: %s",
                        (const char *)why);
    }
    PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(r->matcher->data);
    if (bounds[0] < from ||
        bounds[1] < bounds[0]) /* \K inside a look-around, where PCRE2 still allows it */
        return vlm_fail(r->err, VLM_ERR_UNSUPPORTED,
                        "tokenizer: pre_tokenizer pattern matches backwards");
    *begin = bounds[0];
    *end = bounds[1];
    return 1;
}
