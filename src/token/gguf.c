/* gguf.c: tokenizer.ggml.* of a GGUF file -> struct vlm_tokenizer: byte-level BPE, "gpt2" there.
 *
 * The file names its pre-tokenizer instead of spelling it out; names whose rule is not known
 * exactly are refused.  Token types: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6
 * byte. */
#include <string.h>

#include "token/load.h"

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

static int find_array(const struct vlm_gguf_pair **out, const struct vlm_token_loader *l,
                      const struct vlm_gguf *g, const char *key, bool strings)
{
    const struct vlm_gguf_pair *p = *out = vlm_gguf_find(g, key);
    if (!p)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: no key %s", l->file, key);
    bool fits = strings ? p->type == VLM_GGUF_STRING
                        : p->type != VLM_GGUF_STRING && p->type != VLM_GGUF_BOOL &&
                              p->type != VLM_GGUF_F32 && p->type != VLM_GGUF_F64;
    if (!p->is_array || !fits)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: key %s: expected an array of %s", l->file, key,
                        strings ? "strings" : "integers");
    return VLM_OK;
}

static bool is(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

static struct vlm_token_step *add_step(struct vlm_tokenizer *t)
{
    return &t->steps[t->n_steps++];
}

static int read_kind(struct vlm_token_loader *l, const struct vlm_gguf *g)
{
    static const char *const digits[] = {"smollm", "starcoder", "refact"};
    struct vlm_quoted q;
    const char *s;
    size_t n;
    int rc = vlm_gguf_get_string(&s, &n, g, "tokenizer.ggml.model", false, l->err);
    if (rc < 0)
        return rc;
    if (!is(s, n, "gpt2"))
        return vlm_fail(l->err, VLM_ERR_UNSUPPORTED,
                        "%s: tokenizer.ggml.model is '%s', expected 'gpt2'", l->file,
                        vlm_base_quote(&q, s, n));
    rc = vlm_gguf_get_string(&s, &n, g, "tokenizer.ggml.pre", false, l->err);
    if (rc < 0)
        return rc;
    bool by_digit = false;
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++)
        by_digit = by_digit || is(s, n, digits[i]);
    if (!by_digit && !is(s, n, "gpt-2"))
        return vlm_fail(l->err, VLM_ERR_UNSUPPORTED,
                        "%s: tokenizer.ggml.pre is '%s', expected smollm, starcoder, refact or "
                        "gpt-2",
                        l->file, vlm_base_quote(&q, s, n));
    if (by_digit)
        *add_step(l->t) =
            (struct vlm_token_step){.kind = VLM_TOKEN_DIGITS, .behavior = VLM_TOKEN_ISOLATED};
    *add_step(l->t) = (struct vlm_token_step){.kind = VLM_TOKEN_BYTE_LEVEL, .gpt2 = true};
    return VLM_OK;
}

/* What would put tokens or blanks beside a text. */
static int refuse_additions(struct vlm_token_loader *l, const struct vlm_gguf *g)
{
    static const char *const keys[] = {"tokenizer.ggml.add_bos_token",
                                       "tokenizer.ggml.add_eos_token",
                                       "tokenizer.ggml.add_space_prefix"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bool on = false;
        int rc = vlm_gguf_get_bool(&on, g, keys[i], true, l->err);
        if (rc == VLM_OK && on)
            rc = vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: %s is true, expected false", l->file,
                          keys[i]);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

static int set_text(struct vlm_token_loader *l, const char *s, size_t n, const char *what)
{
    if (n > VLM_LIMIT_TOKEN_BYTES)
        return vlm_fail(l->err, VLM_ERR_LIMIT, "%s: %s of %zu bytes, at most %llu are allowed",
                        l->file, what, n, (unsigned long long)VLM_LIMIT_TOKEN_BYTES);
    vlm_buf_clear(&l->scratch);
    return vlm_buf_append(&l->scratch, s, n) ? VLM_OK : vlm_token_out_of_memory(l);
}

/* Unused tokens and those without text stand for nothing: their ids stay free. */
static int load_tokens(struct vlm_token_loader *l, const struct vlm_gguf_pair *tokens,
                       const struct vlm_gguf_pair *types)
{
    struct vlm_gguf_strings it = {0, 0};
    const char *s;
    size_t n;
    if (tokens->n == 0 || tokens->n > VLM_LIMIT_VOCAB)
        return vlm_fail(l->err, tokens->n ? VLM_ERR_LIMIT : VLM_ERR_FORMAT,
                        "%s: %llu tokens, expected 1 to %llu", l->file,
                        (unsigned long long)tokens->n, (unsigned long long)VLM_LIMIT_VOCAB);
    if (types->n != tokens->n)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: %llu token types, expected %llu", l->file,
                        (unsigned long long)types->n, (unsigned long long)tokens->n);
    for (uint64_t id = 0; vlm_gguf_next_string(&it, &s, &n, tokens); id++) {
        double type = vlm_gguf_number(types, id);
        if (!(type >= NORMAL && type <= UNUSED))
            return vlm_fail(l->err, VLM_ERR_UNSUPPORTED,
                            "%s: token %llu is of type %g, expected %d to %d", l->file,
                            (unsigned long long)id, type, NORMAL, UNUSED);
        if (n == 0 || type == UNUSED)
            continue;
        int rc = set_text(l, s, n, "a token");
        if (rc == VLM_OK)
            rc = vlm_token_add_entry(l, id);
        if (rc < 0)
            return rc;
        l->t->entries[id].added = type != NORMAL;
        l->t->entries[id].special = type == CONTROL || type == UNKNOWN;
    }
    return VLM_OK;
}

static int load_added(struct vlm_token_loader *l)
{
    struct vlm_tokenizer *t = l->t;
    for (size_t id = 0; id < t->n_entries; id++) {
        if (!t->entries[id].used || !t->entries[id].added)
            continue;
        if (t->n_added >= VLM_LIMIT_ADDED_TOKENS)
            return vlm_fail(l->err, VLM_ERR_LIMIT, "%s: more than %llu added tokens", l->file,
                            (unsigned long long)VLM_LIMIT_ADDED_TOKENS);
        struct vlm_token_added token = {.id = (int32_t)id};
        int rc = vlm_token_add_added(l, &token, false);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

static int load_merges(struct vlm_token_loader *l, const struct vlm_gguf_pair *merges)
{
    struct vlm_gguf_strings it = {0, 0};
    const char *s;
    size_t n, n_left;
    while (vlm_gguf_next_string(&it, &s, &n, merges)) {
        int rc = set_text(l, s, n, "a merge");
        if (rc == VLM_OK)
            rc = vlm_token_split_merge(l, &n_left);
        if (rc == VLM_OK)
            rc = vlm_token_add_merge(l, n_left);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

static int load(struct vlm_token_loader *l, const struct vlm_gguf *g)
{
    const struct vlm_gguf_pair *tokens, *types, *merges;
    int rc = read_kind(l, g);
    if (rc == VLM_OK)
        rc = refuse_additions(l, g);
    if (rc == VLM_OK)
        rc = find_array(&tokens, l, g, "tokenizer.ggml.tokens", true);
    if (rc == VLM_OK)
        rc = find_array(&types, l, g, "tokenizer.ggml.token_type", false);
    if (rc == VLM_OK)
        rc = find_array(&merges, l, g, "tokenizer.ggml.merges", true);
    if (rc == VLM_OK)
        rc = load_tokens(l, tokens, types);
    if (rc == VLM_OK)
        rc = vlm_token_index_words(l);
    if (rc == VLM_OK)
        vlm_token_find_bytes(l);
    if (rc == VLM_OK)
        rc = load_merges(l, merges);
    if (rc == VLM_OK)
        rc = load_added(l);
    if (rc == VLM_OK)
        rc = vlm_token_index_pairs(l);
    if (rc == VLM_OK)
        rc = vlm_token_turn_to_bytes(l);
    if (rc == VLM_OK)
        rc = vlm_token_link_sets(l);
    return rc;
}

int vlm_tokenizer_open_gguf(vlm_tokenizer **out, const vlm_allocator *alloc,
                            const struct vlm_gguf *g, vlm_error *err)
{
    struct vlm_token_loader l;
    int rc = vlm_token_begin(&l, alloc, g->file, err);
    return rc < 0 ? rc : vlm_token_end(out, &l, load(&l, g));
}
