/* vocab.c: what tokenizers of every file format are made of: entries, merges, added tokens.
 *
 * A loader calls begin, then in this order: add_entry for the vocabulary, index_words, find_bytes,
 * add_merge for each merge, the added tokens, index_pairs, turn_to_bytes, link_sets; then end. */
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "token/load.h"

int vlm_token_begin(struct vlm_token_loader *l, const vlm_allocator *alloc, const char *file,
                    vlm_error *err)
{
    struct vlm_tokenizer *t = vlm_mem_zalloc(alloc, 1, sizeof *t);
    if (!t)
        return vlm_fail_memory(err, sizeof *t, "a tokenizer");
    t->alloc = alloc;
    t->unk = -1;
    vlm_buf_init(&t->bytes, alloc, UINT32_MAX - 1);
    *l = (struct vlm_token_loader){.t = t, .file = file, .err = err};
    vlm_buf_init(&l->scratch, alloc, 2 * (size_t)VLM_LIMIT_JSON_STRING_BYTES);
    return VLM_OK;
}

int vlm_token_end(vlm_tokenizer **out, struct vlm_token_loader *l, int rc)
{
    vlm_buf_free(&l->scratch);
    if (rc < 0)
        vlm_tokenizer_close(l->t);
    else
        *out = l->t;
    return rc;
}

/* ---- vocabulary ------------------------------------------------------------------------------ */

int vlm_token_add_entry(struct vlm_token_loader *l, uint64_t id)
{
    struct vlm_tokenizer *t = l->t;
    if (id >= t->cap_entries) {
        size_t cap = vlm_max_size(id + 1, t->cap_entries + t->cap_entries / 2);
        struct vlm_token_entry *entries =
            vlm_mem_realloc(t->alloc, t->entries, cap, sizeof *entries);
        if (!entries)
            return vlm_token_out_of_memory(l);
        memset(entries + t->cap_entries, 0, (cap - t->cap_entries) * sizeof *entries);
        t->entries = entries;
        t->cap_entries = cap;
    }
    struct vlm_quoted q;
    if (t->entries[id].used)
        return vlm_fail(l->err, VLM_ERR_FORMAT,
                        "%s: token \"%s\" has id %llu, which another token has", l->file,
                        vlm_base_quote(&q, l->scratch.data, l->scratch.n), (unsigned long long)id);
    t->entries[id] = (struct vlm_token_entry){
        .at = (uint32_t)t->bytes.n, .n = (uint32_t)l->scratch.n, .used = 1};
    t->n_entries = vlm_max_size(t->n_entries, id + 1);
    return vlm_buf_append(&t->bytes, l->scratch.data, l->scratch.n) ? VLM_OK
                                                                    : vlm_token_out_of_memory(l);
}

int vlm_token_index_words(struct vlm_token_loader *l)
{
    struct vlm_tokenizer *t = l->t;
    struct vlm_quoted q;
    if (!vlm_token_table_init(&t->words, t->alloc, t->n_entries))
        return vlm_token_out_of_memory(l);
    for (size_t id = 0; id < t->n_entries; id++) {
        const struct vlm_token_entry *e = &t->entries[id];
        if (!e->used)
            continue;
        const char *s = t->bytes.data + e->at;
        if (vlm_token_word(t, s, e->n) >= 0)
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: token \"%s\" is twice in the vocabulary",
                            l->file, vlm_base_quote(&q, s, e->n));
        if (!vlm_token_table_put(&t->words, vlm_hash64(s, e->n, 0), (uint32_t)id))
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: the vocabulary was made to collide",
                            l->file);
    }
    return VLM_OK;
}

/* ---- merges ---------------------------------------------------------------------------------- */

int vlm_token_bad_merge(const struct vlm_token_loader *l)
{
    return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: merge %zu is neither \"a b\" nor [\"a\", \"b\"]",
                    l->file, l->t->n_merges);
}

int vlm_token_split_merge(struct vlm_token_loader *l, size_t *n_left)
{
    char *s = l->scratch.data, *space = memchr(s, ' ', l->scratch.n);
    if (!space)
        return vlm_token_bad_merge(l);
    *n_left = (size_t)(space - s);
    size_t n_right = l->scratch.n - *n_left - 1;
    memmove(space, space + 1, n_right);
    l->scratch.n--;
    return memchr(space, ' ', n_right) ? vlm_token_bad_merge(l) : VLM_OK;
}

/* The ids of a merge in scratch. */
static int resolve_merge(struct vlm_token_loader *l, size_t n_left, struct vlm_token_merge *merge)
{
    const char *s = l->scratch.data;
    const size_t at[3] = {0, n_left, 0}, n[3] = {n_left, l->scratch.n - n_left, l->scratch.n};
    int32_t ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = vlm_token_word(l->t, s + at[i], n[i]);
        struct vlm_quoted q;
        if (ids[i] < 0)
            return vlm_fail(l->err, VLM_ERR_FORMAT,
                            "%s: merge %zu needs token \"%s\", which is not in the vocabulary",
                            l->file, l->t->n_merges, vlm_base_quote(&q, s + at[i], n[i]));
    }
    *merge = (struct vlm_token_merge){(uint32_t)ids[0], (uint32_t)ids[1], (uint32_t)ids[2]};
    return VLM_OK;
}

int vlm_token_add_merge(struct vlm_token_loader *l, size_t n_left)
{
    struct vlm_tokenizer *t = l->t;
    if (t->n_merges >= VLM_LIMIT_MERGES)
        return vlm_fail(l->err, VLM_ERR_LIMIT, "%s: more than %llu merges", l->file,
                        (unsigned long long)VLM_LIMIT_MERGES);
    if (!vlm_grow(t->alloc, &t->merges, &t->cap_merges, t->n_merges, sizeof *t->merges))
        return vlm_token_out_of_memory(l);
    int rc = resolve_merge(l, n_left, &t->merges[t->n_merges]);
    t->n_merges += rc == VLM_OK;
    return rc;
}

/* The table of pairs.  Of equal pairs the last one counts, as in the reference, so they go in from
 * the end.  A merge that would make a special token out of text is left out: only added.c makes
 * those. */
int vlm_token_index_pairs(struct vlm_token_loader *l)
{
    struct vlm_tokenizer *t = l->t;
    if (!vlm_token_table_init(&t->pairs, t->alloc, t->n_merges))
        return vlm_token_out_of_memory(l);
    for (size_t rank = t->n_merges; rank-- > 0;) {
        const struct vlm_token_merge *m = &t->merges[rank];
        if (t->entries[m->id].special || vlm_token_rank(t, m->left, m->right) >= 0)
            continue;
        if (!vlm_token_table_put(&t->pairs, vlm_token_pair_hash(m->left, m->right), (uint32_t)rank))
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: the merges were made to collide", l->file);
    }
    return VLM_OK;
}

/* ---- added tokens ---------------------------------------------------------------------------- */

int vlm_token_add_added(struct vlm_token_loader *l, const struct vlm_token_added *token,
                        bool normalized)
{
    struct vlm_tokenizer *t = l->t;
    struct vlm_token_set *set = &t->sets[normalized];
    if (!vlm_grow(t->alloc, &set->tokens, &set->cap, set->n, sizeof *set->tokens))
        return vlm_token_out_of_memory(l);
    set->tokens[set->n++] = *token;
    t->n_added++;
    return VLM_OK;
}

/* Once bytes no longer moves: the sets' pointers into it, and their order. */
int vlm_token_link_sets(struct vlm_token_loader *l)
{
    struct vlm_tokenizer *t = l->t;
    for (int i = 0; i < 2; i++) {
        const struct vlm_token_added *twice;
        struct vlm_quoted q;
        for (size_t k = 0; k < t->sets[i].n; k++) {
            struct vlm_token_added *token = &t->sets[i].tokens[k];
            token->s = t->bytes.data + t->entries[token->id].at;
            token->n = t->entries[token->id].n;
        }
        if (!vlm_token_set_link(&t->sets[i], &twice))
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added token \"%s\" is there twice",
                            l->file, vlm_base_quote(&q, twice->s, twice->n));
    }
    return VLM_OK;
}

/* ---- from byte characters to bytes ----------------------------------------------------------- */

void vlm_token_find_bytes(struct vlm_token_loader *l)
{
    for (int b = 0; b < 256; b++) {
        char s[4];
        size_t n = vlm_utf8_encode(s, vlm_token_char_of_byte((unsigned char)b));
        l->t->byte_id[b] = vlm_token_word(l->t, s, n);
    }
}

/* A token's text, in place, to the bytes it stands for; false when it is not made of byte
 * characters. */
static bool to_bytes(char *s, struct vlm_token_entry *e)
{
    for (int pass = 0; pass < 2; pass++) { /* first look, then write */
        size_t n = 0;
        for (size_t at = 0; at < e->n;) {
            uint32_t cp;
            at += vlm_utf8_decode(&cp, s + at, e->n - at);
            int byte = vlm_token_byte_of_char(cp);
            if (byte < 0)
                return false;
            if (pass == 1)
                s[n] = (char)byte;
            n++;
        }
        if (pass == 1)
            e->n = (uint32_t)n & 0xFFFFFF;
    }
    return true;
}

/* Added tokens stay as they are: their text is what decoding gives.  With ignore_merges a piece
 * that is a word is looked up by its bytes; special tokens are not among those words. */
int vlm_token_turn_to_bytes(struct vlm_token_loader *l)
{
    struct vlm_tokenizer *t = l->t;
    vlm_mem_free(t->alloc, t->words.slots);
    t->words.slots = NULL;
    if (t->ignore_merges && !vlm_token_table_init(&t->words, t->alloc, t->n_entries))
        return vlm_token_out_of_memory(l);
    for (size_t id = 0; id < t->n_entries; id++) {
        struct vlm_token_entry *e = &t->entries[id];
        char *s = t->bytes.data + e->at;
        if (!e->used)
            continue;
        e->literal = e->added || !to_bytes(s, e);
        if (!t->ignore_merges || e->literal)
            continue;
        if (!vlm_token_table_put(&t->words, vlm_hash64(s, e->n, 0), (uint32_t)id))
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: the vocabulary was made to collide",
                            l->file);
    }
    return VLM_OK;
}

void vlm_tokenizer_close(vlm_tokenizer *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_steps; i++)
        vlm_token_regex_close(t->steps[i].regex);
    for (int i = 0; i < 2; i++)
        vlm_mem_free(t->alloc, t->sets[i].tokens);
    vlm_mem_free(t->alloc, t->words.slots);
    vlm_mem_free(t->alloc, t->pairs.slots);
    vlm_mem_free(t->alloc, t->merges);
    vlm_mem_free(t->alloc, t->entries);
    vlm_buf_free(&t->bytes);
    vlm_mem_free(t->alloc, t);
}
