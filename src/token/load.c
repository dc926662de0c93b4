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
            rc = vlm_token_add_entry(l, id);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

/* ---- merges ---------------------------------------------------------------------------------- */

/* A merge "a b" or ["a", "b"] goes into scratch as "ab"; *n_left: bytes of a. */

static int read_merge_line(struct vlm_token_loader *l, const struct vlm_json *j, size_t *n_left)
{
    int rc = vlm_token_read_string(l, j, "a merge");
    return rc < 0 ? rc : vlm_token_split_merge(l, n_left);
}

static int read_merge_pair(struct vlm_token_loader *l, struct vlm_json *j, size_t *n_left)
{
    if (vlm_json_next(j) != VLM_JSON_STRING)
        return vlm_token_bad_merge(l);
    int rc = vlm_token_read_string(l, j, "a merge");
    if (rc < 0)
        return rc;
    *n_left = l->scratch.n;
    if (vlm_json_next(j) != VLM_JSON_STRING)
        return vlm_token_bad_merge(l);
    if (!vlm_json_string(&l->scratch, j))
        return vlm_token_out_of_memory(l);
    return vlm_json_next(j) == VLM_JSON_ARRAY_END ? VLM_OK : vlm_token_bad_merge(l);
}

static int read_merge(struct vlm_token_loader *l, struct vlm_json *j, enum vlm_json_kind kind,
                      size_t *n_left)
{
    if (kind == VLM_JSON_STRING)
        return read_merge_line(l, j, n_left);
    return kind == VLM_JSON_ARRAY ? read_merge_pair(l, j, n_left) : vlm_token_bad_merge(l);
}

static int load_merges(struct vlm_token_loader *l, const struct vlm_token_member *m)
{
    struct vlm_json j = m->at;
    enum vlm_json_kind kind;
    if (m->kind != VLM_JSON_ARRAY)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: model has no merges", l->file);
    while ((kind = vlm_json_next(&j)) != VLM_JSON_ARRAY_END) {
        size_t n_left = 0;
        if (kind == VLM_JSON_STRING && j.n_text >= 8 && memcmp(j.text, "#version", 8) == 0)
            continue; /* the first line of an old merges.txt */
        int rc = read_merge(l, &j, kind, &n_left);
        if (rc == VLM_OK)
            rc = vlm_token_add_merge(l, n_left);
        if (rc < 0)
            return rc;
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
    int rc = known >= 0 && !t->entries[id].added ? VLM_OK : vlm_token_add_entry(l, id);
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
    token.id = (int32_t)id;
    return vlm_token_add_added(l, &token, normalized);
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
        rc = vlm_token_index_words(l);
    if (rc == VLM_OK)
        vlm_token_find_bytes(l);
    if (rc == VLM_OK)
        rc = read_unk(l, &m[UNK]);
    if (rc == VLM_OK)
        rc = load_merges(l, &m[MERGES]);
    if (rc == VLM_OK)
        rc = load_added(l, added);
    if (rc == VLM_OK)
        rc = vlm_token_index_pairs(l);
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
        rc = vlm_token_turn_to_bytes(l);
    if (rc == VLM_OK)
        rc = vlm_token_link_sets(l);
    return rc;
}

int vlm_tokenizer_open(vlm_tokenizer **out, const vlm_allocator *alloc, const void *json, size_t n,
                       const char *file, vlm_error *err)
{
    if (n > VLM_LIMIT_TOKENIZER_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %zu bytes, at most %llu are allowed", file, n,
                        (unsigned long long)VLM_LIMIT_TOKENIZER_BYTES);
    struct vlm_token_loader l;
    int rc = vlm_token_begin(&l, alloc, file, err);
    return rc < 0 ? rc : vlm_token_end(out, &l, load(&l, json, n));
}
