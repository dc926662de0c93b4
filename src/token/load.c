/* load.c: tokenizer.json -> struct vlm_tokenizer.
 *
 * The file is read in three sweeps of the pull reader: one over its top level, one over the model,
 * one over vocabulary and merges.  What would change ids and is not supported is refused by name,
 * never ignored.  The small sections are read in sections.c. */
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "format/json.h"
#include "token/load.h"

/* ---- vocabulary ------------------------------------------------------------------------------ */

static int read_id(const struct vlm_token_loader *l, const struct vlm_json *j,
                   enum vlm_json_kind kind, uint64_t *id)
{
    struct vlm_quoted q;
    if (kind != VLM_JSON_NUMBER || !vlm_json_u64(id, j) || *id >= VLM_LIMIT_VOCAB)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: token \"%s\" has no id in 0..%llu", l->file,
                        vlm_base_quote(&q, l->scratch.data, l->scratch.n),
                        (unsigned long long)VLM_LIMIT_VOCAB - 1);
    return VLM_OK;
}

/* A new token: the text in scratch. */
static int add_entry(struct vlm_token_loader *l, uint64_t id)
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

static int load_vocab(struct vlm_token_loader *l, const struct vlm_token_member *m)
{
    struct vlm_json j = m->at;
    uint64_t id;
    if (m->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: model has no vocab", l->file);
    while (vlm_json_next(&j) == VLM_JSON_KEY) {
        int rc = vlm_token_read_string(l, &j, "a token");
        if (rc == VLM_OK)
            rc = read_id(l, &j, vlm_json_next(&j), &id);
        if (rc == VLM_OK)
            rc = add_entry(l, id);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

/* The table of words: all tokens of the vocabulary by their text. */
static int index_words(struct vlm_token_loader *l)
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

/* A merge "a b" or ["a", "b"] goes into scratch as "ab"; *n_left: bytes of a. */

static int bad_merge(const struct vlm_token_loader *l)
{
    return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: merge %zu is neither \"a b\" nor [\"a\", \"b\"]",
                    l->file, l->t->n_merges);
}

static int read_merge_line(struct vlm_token_loader *l, const struct vlm_json *j, size_t *n_left)
{
    int rc = vlm_token_read_string(l, j, "a merge");
    if (rc < 0)
        return rc;
    char *s = l->scratch.data, *space = memchr(s, ' ', l->scratch.n);
    if (!space)
        return bad_merge(l);
    *n_left = (size_t)(space - s);
    size_t n_right = l->scratch.n - *n_left - 1;
    memmove(space, space + 1, n_right);
    l->scratch.n--;
    return memchr(space, ' ', n_right) ? bad_merge(l) : VLM_OK;
}

static int read_merge_pair(struct vlm_token_loader *l, struct vlm_json *j, size_t *n_left)
{
    if (vlm_json_next(j) != VLM_JSON_STRING)
        return bad_merge(l);
    int rc = vlm_token_read_string(l, j, "a merge");
    if (rc < 0)
        return rc;
    *n_left = l->scratch.n;
    if (vlm_json_next(j) != VLM_JSON_STRING)
        return bad_merge(l);
    if (!vlm_json_string(&l->scratch, j))
        return vlm_token_out_of_memory(l);
    return vlm_json_next(j) == VLM_JSON_ARRAY_END ? VLM_OK : bad_merge(l);
}

static int read_merge(struct vlm_token_loader *l, struct vlm_json *j, enum vlm_json_kind kind,
                      size_t *n_left)
{
    if (kind == VLM_JSON_STRING)
        return read_merge_line(l, j, n_left);
    return kind == VLM_JSON_ARRAY ? read_merge_pair(l, j, n_left) : bad_merge(l);
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

static int load_merges(struct vlm_token_loader *l, const struct vlm_token_member *m)
{
    struct vlm_tokenizer *t = l->t;
    struct vlm_json j = m->at;
    enum vlm_json_kind kind;
    if (m->kind != VLM_JSON_ARRAY)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: model has no merges", l->file);
    while ((kind = vlm_json_next(&j)) != VLM_JSON_ARRAY_END) {
        size_t n_left = 0;
        if (kind == VLM_JSON_STRING && j.n_text >= 8 && memcmp(j.text, "#version", 8) == 0)
            continue; /* the first line of an old merges.txt */
        if (t->n_merges >= VLM_LIMIT_MERGES)
            return vlm_fail(l->err, VLM_ERR_LIMIT, "%s: more than %llu merges", l->file,
                            (unsigned long long)VLM_LIMIT_MERGES);
        int rc = read_merge(l, &j, kind, &n_left);
        if (rc == VLM_OK &&
            !vlm_grow(t->alloc, &t->merges, &t->cap_merges, t->n_merges, sizeof *t->merges))
            rc = vlm_token_out_of_memory(l);
        if (rc == VLM_OK)
            rc = resolve_merge(l, n_left, &t->merges[t->n_merges]);
        if (rc < 0)
            return rc;
        t->n_merges++;
    }
    return VLM_OK;
}

/* The table of pairs.  Of equal pairs the last one counts, as in the reference, so they go in from
 * the end.  A merge that would make a special token out of text is left out: only added.c makes
 * those. */
static int index_pairs(struct vlm_token_loader *l)
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

enum { ID, CONTENT, SINGLE_WORD, LSTRIP, RSTRIP, NORMALIZED, SPECIAL, N_ADDED_MEMBERS };

/* The token's entry: that of the vocabulary, when it is there under the same id, or a new one. */
static int add_added_entry(struct vlm_token_loader *l, uint64_t id, bool special)
{
    struct vlm_tokenizer *t = l->t;
    int32_t known = vlm_token_word(t, l->scratch.data, l->scratch.n);
    struct vlm_quoted q;
    if (known >= 0 && (uint64_t)known != id)
        return vlm_fail(l->err, VLM_ERR_FORMAT,
                        "%s: added token \"%s\" has id %llu, in the vocabulary it has %d", l->file,
                        vlm_base_quote(&q, l->scratch.data, l->scratch.n), (unsigned long long)id,
                        known);
    int rc = known >= 0 && !t->entries[id].added ? VLM_OK : add_entry(l, id);
    if (rc == VLM_OK) {
        t->entries[id].added = 1;
        t->entries[id].special = special;
    }
    return rc;
}

static int load_added_token(struct vlm_token_loader *l, struct vlm_json *j)
{
    struct vlm_token_member m[N_ADDED_MEMBERS] = {
        {.name = "id"},     {.name = "content"},    {.name = "single_word"}, {.name = "lstrip"},
        {.name = "rstrip"}, {.name = "normalized"}, {.name = "special"}};
    struct vlm_tokenizer *t = l->t;
    bool normalized = false, special = false;
    struct vlm_token_added token = {0};
    vlm_token_read_members(j, m, N_ADDED_MEMBERS);
    if (m[CONTENT].kind != VLM_JSON_STRING)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added token %zu has no content", l->file,
                        t->n_added);
    uint64_t id;
    int rc = vlm_token_read_string(l, &m[CONTENT].at, "an added token");
    if (rc == VLM_OK && l->scratch.n == 0)
        return VLM_OK; /* matches nothing; the reference passes over it, too */
    const struct {
        struct vlm_token_member *m;
        bool *to;
    } flags[] = {
        {&m[SINGLE_WORD], &token.single_word},
        {&m[LSTRIP], &token.lstrip},
        {&m[RSTRIP], &token.rstrip},
        {&m[NORMALIZED], &normalized},
        {&m[SPECIAL], &special},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && rc == VLM_OK; i++)
        rc = vlm_token_read_flag(l, flags[i].m, flags[i].to);
    if (rc == VLM_OK)
        rc = read_id(l, &m[ID].at, m[ID].kind, &id);
    if (rc == VLM_OK)
        rc = add_added_entry(l, id, special);
    if (rc < 0)
        return rc;
    struct vlm_token_set *set = &t->sets[normalized];
    if (!vlm_grow(t->alloc, &set->tokens, &set->cap, set->n, sizeof *set->tokens))
        return vlm_token_out_of_memory(l);
    token.id = (int32_t)id;
    set->tokens[set->n++] = token;
    t->n_added++;
    return VLM_OK;
}

static int load_added(struct vlm_token_loader *l, const struct vlm_token_member *m)
{
    struct vlm_json j = m->at;
    enum vlm_json_kind kind;
    if (m->kind == VLM_JSON_NULL)
        return VLM_OK;
    if (m->kind != VLM_JSON_ARRAY)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added_tokens is not an array", l->file);
    while ((kind = vlm_json_next(&j)) != VLM_JSON_ARRAY_END) {
        if (kind != VLM_JSON_OBJECT)
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added token %zu is not an object", l->file,
                            l->t->n_added);
        if (l->t->n_added >= VLM_LIMIT_ADDED_TOKENS)
            return vlm_fail(l->err, VLM_ERR_LIMIT, "%s: more than %llu added tokens", l->file,
                            (unsigned long long)VLM_LIMIT_ADDED_TOKENS);
        int rc = load_added_token(l, &j);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

/* Once bytes no longer moves: the sets' pointers into it, and their order. */
static int link_sets(struct vlm_token_loader *l)
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

static void find_byte_ids(struct vlm_token_loader *l)
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
static int turn_to_bytes(struct vlm_token_loader *l)
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

/* ---- the model ------------------------------------------------------------------------------- */

/* Options of BPE that only other kinds of BPE use. */
static int refuse_option(const struct vlm_token_loader *l, const struct vlm_token_member *m)
{
    double number = 0;
    if (m->kind == VLM_JSON_NULL || m->kind == VLM_JSON_FALSE || vlm_token_member_is(m, "") ||
        (m->kind == VLM_JSON_NUMBER && vlm_json_double(&number, &m->at) && number == 0))
        return VLM_OK;
    return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: BPE with %s is not supported", l->file,
                    m->name);
}

static int read_unk(struct vlm_token_loader *l, const struct vlm_token_member *m)
{
    struct vlm_quoted q;
    l->t->unk = -1;
    if (m->kind == VLM_JSON_NULL)
        return VLM_OK;
    if (m->kind != VLM_JSON_STRING)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: unk_token is not a string", l->file);
    int rc = vlm_token_read_string(l, &m->at, "unk_token");
    if (rc < 0)
        return rc;
    l->t->unk = vlm_token_word(l->t, l->scratch.data, l->scratch.n);
    if (l->t->unk < 0)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: unk_token \"%s\" is not in the vocabulary",
                        l->file, vlm_base_quote(&q, l->scratch.data, l->scratch.n));
    return VLM_OK;
}

enum {
    MODEL_TYPE,
    VOCAB,
    MERGES,
    UNK,
    FUSE_UNK,
    IGNORE_MERGES,
    /* refused when they are set */
    DROPOUT,
    BYTE_FALLBACK,
    PREFIX,
    SUFFIX,
    N_MODEL_MEMBERS
};

static int load_model(struct vlm_token_loader *l, struct vlm_token_member *model,
                      const struct vlm_token_member *added)
{
    struct vlm_token_member m[N_MODEL_MEMBERS] = {{.name = "type"},
                                                  {.name = "vocab"},
                                                  {.name = "merges"},
                                                  {.name = "unk_token"},
                                                  {.name = "fuse_unk"},
                                                  {.name = "ignore_merges"},
                                                  {.name = "dropout"},
                                                  {.name = "byte_fallback"},
                                                  {.name = "continuing_subword_prefix"},
                                                  {.name = "end_of_word_suffix"}};
    if (model->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: has no model", l->file);
    vlm_token_read_members(&model->at, m, N_MODEL_MEMBERS);
    int rc = m[MODEL_TYPE].kind == VLM_JSON_NULL || vlm_token_member_is(&m[MODEL_TYPE], "BPE")
                 ? VLM_OK
                 : vlm_token_refuse(l, "model", &m[MODEL_TYPE]);
    for (int i = DROPOUT; i < N_MODEL_MEMBERS && rc == VLM_OK; i++)
        rc = refuse_option(l, &m[i]);
    if (rc == VLM_OK)
        rc = vlm_token_read_flag(l, &m[FUSE_UNK], &l->t->fuse_unk);
    if (rc == VLM_OK)
        rc = vlm_token_read_flag(l, &m[IGNORE_MERGES], &l->t->ignore_merges);
    if (rc == VLM_OK)
        rc = load_vocab(l, &m[VOCAB]);
    if (rc == VLM_OK)
        rc = index_words(l);
    if (rc == VLM_OK)
        find_byte_ids(l);
    if (rc == VLM_OK)
        rc = read_unk(l, &m[UNK]);
    if (rc == VLM_OK)
        rc = load_merges(l, &m[MERGES]);
    if (rc == VLM_OK)
        rc = load_added(l, added);
    if (rc == VLM_OK)
        rc = index_pairs(l);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

enum { MODEL, ADDED_TOKENS, NORMALIZER, PRE_TOKENIZER, POST_PROCESSOR, DECODER, N_TOP_MEMBERS };

static int load(struct vlm_token_loader *l, const void *json, size_t n)
{
    struct vlm_token_member m[N_TOP_MEMBERS] = {
        {.name = "model"},         {.name = "added_tokens"},   {.name = "normalizer"},
        {.name = "pre_tokenizer"}, {.name = "post_processor"}, {.name = "decoder"}};
    struct vlm_json j;
    vlm_json_init(&j, json, n);
    enum vlm_json_kind kind = vlm_json_next(&j);
    if (kind != VLM_JSON_ERROR && kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: is not a JSON object", l->file);
    if (kind == VLM_JSON_ERROR || !vlm_token_read_members(&j, m, N_TOP_MEMBERS) ||
        vlm_json_next(&j) != VLM_JSON_END)
        return vlm_json_fail(&j, l->file, l->err);
    /* Every byte is known to be well-formed JSON now; from here on only meaning can be wrong. */
    int rc = vlm_token_load_normalizer(l, &m[NORMALIZER]);
    if (rc == VLM_OK)
        rc = vlm_token_load_post_processor(l, &m[POST_PROCESSOR]);
    if (rc == VLM_OK)
        rc = vlm_token_load_decoder(l, &m[DECODER]);
    if (rc == VLM_OK)
        rc = vlm_token_load_pre_tokenizer(l, &m[PRE_TOKENIZER]);
    if (rc == VLM_OK)
        rc = load_model(l, &m[MODEL], &m[ADDED_TOKENS]);
    if (rc == VLM_OK)
        rc = turn_to_bytes(l);
    if (rc == VLM_OK)
        rc = link_sets(l);
    return rc;
}

int vlm_tokenizer_open(vlm_tokenizer **out, const vlm_allocator *alloc, const void *json, size_t n,
                       const char *file, vlm_error *err)
{
    if (n > VLM_LIMIT_TOKENIZER_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %zu bytes, at most %llu are allowed", file, n,
                        (unsigned long long)VLM_LIMIT_TOKENIZER_BYTES);
    struct vlm_tokenizer *t = vlm_mem_zalloc(alloc, 1, sizeof *t);
    if (!t)
        return vlm_fail_memory(err, sizeof *t, "a tokenizer");
    t->alloc = alloc;
    vlm_buf_init(&t->bytes, alloc, UINT32_MAX - 1);
    struct vlm_token_loader l = {.t = t, .file = file, .err = err};
    vlm_buf_init(&l.scratch, alloc, 2 * (size_t)VLM_LIMIT_JSON_STRING_BYTES);
    int rc = load(&l, json, n);
    vlm_buf_free(&l.scratch);
    if (rc < 0)
        vlm_tokenizer_close(t);
    else
        *out = t;
    return rc;
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
