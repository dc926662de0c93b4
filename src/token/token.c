/* token.c: the functions of token.h.
 *
 * Owns what goes in and out: lists of ids, the repair of invalid UTF-8 on the way in and on the way
 * out.  The work between is done in added.c, split.c and bpe.c. */
#include "token/token.h"

#include <string.h>

#include "base/utf8.h"
#include "token/internal.h"

void vlm_ids_init(struct vlm_ids *ids, const vlm_allocator *alloc)
{
    *ids = (struct vlm_ids){.alloc = alloc};
}

void vlm_ids_free(struct vlm_ids *ids)
{
    vlm_mem_free(ids->alloc, ids->data);
    vlm_ids_init(ids, ids->alloc);
}

bool vlm_ids_push(struct vlm_ids *ids, int32_t id)
{
    if (!vlm_grow(ids->alloc, &ids->data, &ids->cap, ids->n, sizeof *ids->data))
        return false;
    ids->data[ids->n++] = id;
    return true;
}

/* ---- encode ---------------------------------------------------------------------------------- */

static const char replacement[] = "\xEF\xBF\xBD";

/* Appends s with U+FFFD for each maximal invalid part. */
static bool append_repaired(struct vlm_buf *out, const char *s, size_t n)
{
    size_t good = 0; /* s[good..at) is valid and not yet copied */
    for (size_t at = 0, used; at < n; at += used) {
        uint32_t cp;
        used = vlm_utf8_decode(&cp, s + at, n - at);
        if (cp != VLM_UTF8_BAD)
            continue;
        if (!vlm_buf_append(out, s + good, at - good) || !vlm_buf_append(out, replacement, 3))
            return false;
        good = at + used;
    }
    return vlm_buf_append(out, s + good, n - good);
}

/* Text and plain runs of a call whose text is not valid UTF-8: a character is plain if a byte of
 * what it stands for was. */
struct repaired {
    struct vlm_buf text;
    struct vlm_span *plain;
};

static bool repair(struct repaired *x, const vlm_allocator *alloc, const char *s, size_t n,
                   const struct vlm_span *plain, size_t n_plain)
{
    size_t next_begin = 0, next_end = 0;
    x->plain = vlm_mem_alloc(alloc, n_plain, sizeof *x->plain);
    if (!x->plain)
        return false;
    for (size_t at = 0, used; at < n; at += used) {
        uint32_t cp;
        used = vlm_utf8_decode(&cp, s + at, n - at);
        size_t from = x->text.n;
        if (!(cp == VLM_UTF8_BAD ? vlm_buf_append(&x->text, replacement, 3)
                                 : vlm_buf_append(&x->text, s + at, used)))
            return false;
        for (; next_begin < n_plain && plain[next_begin].begin < at + used; next_begin++)
            x->plain[next_begin].begin = from;
        for (; next_end < n_plain && plain[next_end].end <= at + used; next_end++)
            x->plain[next_end].end = x->text.n;
    }
    return true;
}

void vlm_token_run_free(struct vlm_token_run *r)
{
    vlm_buf_free(&r->prefixed);
    vlm_mem_free(r->t->alloc, r->symbols);
    vlm_mem_free(r->t->alloc, r->heap);
    vlm_token_matcher_close(r->matcher);
}

static int run_valid(struct vlm_ids *out, const struct vlm_tokenizer *t, const char *text, size_t n,
                     const struct vlm_span *plain, size_t n_plain, vlm_error *err)
{
    struct vlm_token_run r = {.t = t,
                              .out = out,
                              .err = err,
                              .text = text,
                              .n_text = n,
                              .plain = plain,
                              .n_plain = n_plain};
    vlm_buf_init(&r.prefixed, t->alloc, SIZE_MAX / 2);
    int rc = vlm_token_run_added(&r, 0, 0, n);
    vlm_token_run_free(&r);
    return rc;
}

/* Copies the runs that are not empty; false when they are not ascending or leave the text. */
static bool take_plain(struct vlm_span *to, size_t *n_to, const struct vlm_span *plain,
                       size_t n_plain, size_t n_text)
{
    size_t last = 0;
    *n_to = 0;
    for (size_t i = 0; i < n_plain; i++) {
        if (plain[i].begin < last || plain[i].end < plain[i].begin || plain[i].end > n_text)
            return false;
        last = plain[i].end;
        if (plain[i].begin < plain[i].end)
            to[(*n_to)++] = plain[i];
    }
    return true;
}

static int encode(struct vlm_ids *out, const struct vlm_tokenizer *t, const char *text,
                  size_t n_text, const struct vlm_span *plain, size_t n_plain, vlm_error *err)
{
    if (vlm_utf8_valid(text, n_text))
        return run_valid(out, t, text, n_text, plain, n_plain, err);
    struct repaired x = {.plain = NULL};
    vlm_buf_init(&x.text, t->alloc, 3 * (size_t)VLM_LIMIT_TEXT_BYTES);
    int rc = repair(&x, t->alloc, text, n_text, plain, n_plain)
                 ? run_valid(out, t, x.text.data, x.text.n, x.plain, n_plain, err)
                 : vlm_fail_memory(err, 3 * n_text, "text that is not UTF-8");
    vlm_buf_free(&x.text);
    vlm_mem_free(t->alloc, x.plain);
    return rc;
}

int vlm_token_encode(struct vlm_ids *out, const vlm_tokenizer *t, const char *text, size_t n_text,
                     const struct vlm_span *plain, size_t n_plain, vlm_error *err)
{
    if (n_text > VLM_LIMIT_TEXT_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "text of %zu bytes, at most %llu can be tokenised",
                        n_text, (unsigned long long)VLM_LIMIT_TEXT_BYTES);
    struct vlm_span *runs = vlm_mem_alloc(t->alloc, n_plain, sizeof *runs);
    size_t n_runs, n_before = out->n;
    if (!runs)
        return vlm_fail_memory(err, n_plain, "plain runs of a text");
    int rc =
        take_plain(runs, &n_runs, plain, n_plain, n_text)
            ? encode(out, t, n_text ? text : "", n_text, runs, n_runs, err)
            : vlm_fail(err, VLM_ERR_ARGUMENT, "plain runs must be ascending and within the text");
    vlm_mem_free(t->alloc, runs);
    if (rc < 0)
        out->n = n_before;
    return rc;
}

/* ---- decode ---------------------------------------------------------------------------------- */

bool vlm_token_bytes(const vlm_tokenizer *t, int32_t id, const char **bytes, size_t *n,
                     bool *special)
{
    if (id < 0 || (size_t)id >= t->n_entries || !t->entries[id].used)
        return false;
    *bytes = t->bytes.data + t->entries[id].at;
    *n = t->entries[id].n;
    if (special)
        *special = t->entries[id].special;
    return true;
}

int vlm_token_decode(struct vlm_buf *out, const vlm_tokenizer *t, const int32_t *ids, size_t n,
                     bool skip_special, vlm_error *err)
{
    struct vlm_buf raw;
    vlm_buf_init(&raw, t->alloc, SIZE_MAX / 2);
    size_t n_before = out->n;
    for (size_t i = 0; i < n && raw.ok; i++) {
        const char *bytes;
        size_t n_bytes;
        bool special;
        if (vlm_token_bytes(t, ids[i], &bytes, &n_bytes, &special) && !(special && skip_special))
            vlm_buf_append(&raw, bytes, n_bytes);
    }
    bool ok = raw.ok && append_repaired(out, raw.n ? raw.data : "", raw.n);
    int rc = ok ? VLM_OK : vlm_fail_memory(err, raw.n, "the text of token ids");
    if (!ok && out->data)
        out->data[out->n = n_before] = 0;
    vlm_buf_free(&raw);
    return rc;
}

int32_t vlm_token_find(const vlm_tokenizer *t, const char *text)
{
    for (int i = 0; i < 2; i++) {
        const struct vlm_token_added *token = vlm_token_set_find(&t->sets[i], text, strlen(text));
        if (token)
            return token->id;
    }
    return -1;
}

size_t vlm_token_count(const vlm_tokenizer *t)
{
    return t->n_entries;
}
size_t vlm_token_plain(const vlm_tokenizer *t)
{
    size_t n = t->n_entries;
    while (n > 0 && (!t->entries[n - 1].used || t->entries[n - 1].added))
        n--;
    return n;
}
size_t vlm_token_added(const vlm_tokenizer *t)
{
    return t->n_added;
}
