/* load.c: tokenizer.json -> struct vlm_tokenizer.
 *
 * The file is read in three sweeps of the pull reader: one over its top level, one over the model, one
 * over vocabulary and merges.  Members may come in any order; a sweep keeps a reader for each member it
 * knows.  What would change ids and is not supported is refused by name, never ignored. */
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "format/json.h"
#include "token/internal.h"

struct loader {
    struct vlm_tokenizer *t;
    const char *file;
    vlm_error *err;
    struct vlm_buf scratch; /* a string of the file, decoded */
};

static int out_of_memory(const struct loader *l) { return vlm_fail_memory(l->err, l->t->bytes.n, "a tokenizer"); }

/* ---- members of an object ------------------------------------------------------------------------- */

struct member {
    const char *name;
    struct vlm_json at;      /* behind the value's first event: inside, or behind a scalar */
    enum vlm_json_kind kind; /* of the value; VLM_JSON_NULL when there is none */
};

/* j stands behind OBJECT and is moved to its end. False: the document is damaged. */
static bool read_members(struct vlm_json *j, struct member *members, size_t n)
{
    for (size_t i = 0; i < n; i++)
        members[i].kind = VLM_JSON_NULL;
    enum vlm_json_kind kind;
    while ((kind = vlm_json_next(j)) == VLM_JSON_KEY) {
        size_t i = 0;
        while (i < n && !vlm_json_equals(j, members[i].name))
            i++;
        if (i < n) {
            members[i].at = *j;
            members[i].kind = vlm_json_next(&members[i].at);
        }
        if (!vlm_json_skip(j))
            return false;
    }
    return kind == VLM_JSON_OBJECT_END;
}

/* null and absent leave *out as it is */
static int read_flag(const struct loader *l, const struct member *m, bool *out)
{
    if (m->kind == VLM_JSON_TRUE || m->kind == VLM_JSON_FALSE)
        *out = m->kind == VLM_JSON_TRUE;
    else if (m->kind != VLM_JSON_NULL)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: %s is not true or false", l->file, m->name);
    return VLM_OK;
}

static bool is(const struct member *m, const char *text)
{
    return m->kind == VLM_JSON_STRING && vlm_json_equals(&m->at, text);
}

/* "%s: %s TYPE is not supported" */
static int refuse(const struct loader *l, const char *section, const struct member *type)
{
    struct vlm_quoted q;
    if (type->kind != VLM_JSON_STRING)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: %s has no type", l->file, section);
    return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: %s \"%s\" is not supported", l->file, section,
                    vlm_base_quote(&q, type->at.text, type->at.n_text));
}

/* Decodes the string at j into scratch. */
static int read_string(struct loader *l, const struct vlm_json *j, const char *what)
{
    vlm_buf_clear(&l->scratch);
    if (!vlm_json_string(&l->scratch, j))
        return out_of_memory(l);
    if (l->scratch.n > VLM_LIMIT_TOKEN_BYTES)
        return vlm_fail(l->err, VLM_ERR_LIMIT, "%s: %s of %zu bytes, at most %llu are allowed", l->file, what,
                        l->scratch.n, (unsigned long long)VLM_LIMIT_TOKEN_BYTES);
    return VLM_OK;
}

/* ---- vocabulary ----------------------------------------------------------------------------------- */

static int read_id(const struct loader *l, const struct vlm_json *j, enum vlm_json_kind kind, uint64_t *id)
{
    struct vlm_quoted q;
    if (kind != VLM_JSON_NUMBER || !vlm_json_u64(id, j) || *id >= VLM_LIMIT_VOCAB)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: token \"%s\" has no id in 0..%llu", l->file,
                        vlm_base_quote(&q, l->scratch.data, l->scratch.n), (unsigned long long)VLM_LIMIT_VOCAB - 1);
    return VLM_OK;
}

/* A new token: the text in scratch. */
static int add_entry(struct loader *l, uint64_t id)
{
    struct vlm_tokenizer *t = l->t;
    if (id >= t->cap_entries) {
        size_t cap = vlm_max_size(id + 1, t->cap_entries + t->cap_entries / 2);
        struct vlm_token_entry *entries = vlm_mem_realloc(t->alloc, t->entries, cap, sizeof *entries);
        if (!entries)
            return out_of_memory(l);
        memset(entries + t->cap_entries, 0, (cap - t->cap_entries) * sizeof *entries);
        t->entries = entries;
        t->cap_entries = cap;
    }
    struct vlm_quoted q;
    if (t->entries[id].used)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: token \"%s\" has id %llu, which another token has", l->file,
                        vlm_base_quote(&q, l->scratch.data, l->scratch.n), (unsigned long long)id);
    t->entries[id] = (struct vlm_token_entry){.at = (uint32_t)t->bytes.n, .n = (uint32_t)l->scratch.n, .used = 1};
    t->n_entries = vlm_max_size(t->n_entries, id + 1);
    return vlm_buf_append(&t->bytes, l->scratch.data, l->scratch.n) ? VLM_OK : out_of_memory(l);
}

static int load_vocab(struct loader *l, const struct member *m)
{
    struct vlm_json j = m->at;
    uint64_t id;
    if (m->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: model has no vocab", l->file);
    while (vlm_json_next(&j) == VLM_JSON_KEY) {
        int rc = read_string(l, &j, "a token");
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
static int index_words(struct loader *l)
{
    struct vlm_tokenizer *t = l->t;
    struct vlm_quoted q;
    if (!vlm_token_table_init(&t->words, t->alloc, t->n_entries))
        return out_of_memory(l);
    for (size_t id = 0; id < t->n_entries; id++) {
        const struct vlm_token_entry *e = &t->entries[id];
        if (!e->used)
            continue;
        const char *s = t->bytes.data + e->at;
        if (vlm_token_word(t, s, e->n) >= 0)
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: token \"%s\" is twice in the vocabulary", l->file,
                            vlm_base_quote(&q, s, e->n));
        if (!vlm_token_table_put(&t->words, vlm_hash64(s, e->n, 0), (uint32_t)id))
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: the vocabulary was made to collide", l->file);
    }
    return VLM_OK;
}

/* ---- merges --------------------------------------------------------------------------------------- */

/* "a b" or ["a", "b"], into scratch without what separates them; *n_left: bytes of a. */
static int read_merge(struct loader *l, struct vlm_json *j, enum vlm_json_kind kind, size_t *n_left)
{
    int rc = VLM_OK;
    if (kind == VLM_JSON_STRING) {
        rc = read_string(l, j, "a merge");
        char *s = l->scratch.data, *space = rc == VLM_OK && s ? memchr(s, ' ', l->scratch.n) : NULL;
        if (rc == VLM_OK && space) {
            size_t n_right = (size_t)(s + l->scratch.n - (space + 1));
            *n_left = (size_t)(space - s);
            memmove(space, space + 1, n_right);
            l->scratch.n--;
            if (!memchr(space, ' ', n_right))
                return VLM_OK;
        }
    } else if (kind == VLM_JSON_ARRAY && vlm_json_next(j) == VLM_JSON_STRING) {
        rc = read_string(l, j, "a merge");
        *n_left = l->scratch.n;
        if (rc == VLM_OK && vlm_json_next(j) == VLM_JSON_STRING) {
            if (!vlm_json_string(&l->scratch, j))
                return out_of_memory(l);
            if (vlm_json_next(j) == VLM_JSON_ARRAY_END)
                return VLM_OK;
        }
    }
    return rc < 0 ? rc
                  : vlm_fail(l->err, VLM_ERR_FORMAT, "%s: merge %zu is neither \"a b\" nor [\"a\", \"b\"]", l->file,
                             l->t->n_merges);
}

/* The ids of a merge in scratch. */
static int resolve_merge(struct loader *l, size_t n_left, struct vlm_token_merge *merge)
{
    const char *s = l->scratch.data ? l->scratch.data : "";
    const size_t at[3] = {0, n_left, 0}, n[3] = {n_left, l->scratch.n - n_left, l->scratch.n};
    int32_t ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = vlm_token_word(l->t, s + at[i], n[i]);
        struct vlm_quoted q;
        if (ids[i] < 0)
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: merge %zu needs token \"%s\", which is not in the vocabulary",
                            l->file, l->t->n_merges, vlm_base_quote(&q, s + at[i], n[i]));
    }
    *merge = (struct vlm_token_merge){(uint32_t)ids[0], (uint32_t)ids[1], (uint32_t)ids[2]};
    return VLM_OK;
}

static int load_merges(struct loader *l, const struct member *m)
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
        if (rc == VLM_OK && !vlm_grow(t->alloc, &t->merges, &t->cap_merges, t->n_merges, sizeof *t->merges))
            rc = out_of_memory(l);
        if (rc == VLM_OK)
            rc = resolve_merge(l, n_left, &t->merges[t->n_merges]);
        if (rc < 0)
            return rc;
        t->n_merges++;
    }
    return VLM_OK;
}

/* The table of pairs.  Of equal pairs the last one counts, as in the reference, so they go in from the
 * end.  A merge that would make a special token out of text is left out: only added.c makes those. */
static int index_pairs(struct loader *l)
{
    struct vlm_tokenizer *t = l->t;
    if (!vlm_token_table_init(&t->pairs, t->alloc, t->n_merges))
        return out_of_memory(l);
    for (size_t rank = t->n_merges; rank-- > 0;) {
        const struct vlm_token_merge *m = &t->merges[rank];
        if (t->entries[m->id].special || vlm_token_rank(t, m->left, m->right) >= 0)
            continue;
        if (!vlm_token_table_put(&t->pairs, vlm_token_pair_hash(m->left, m->right), (uint32_t)rank))
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: the merges were made to collide", l->file);
    }
    return VLM_OK;
}

/* ---- added tokens --------------------------------------------------------------------------------- */

enum { ID, CONTENT, SINGLE_WORD, LSTRIP, RSTRIP, NORMALIZED, SPECIAL, N_ADDED_MEMBERS };

/* The token's entry: that of the vocabulary, when it is there under the same id, or a new one. */
static int add_added_entry(struct loader *l, uint64_t id, bool special)
{
    struct vlm_tokenizer *t = l->t;
    int32_t known = vlm_token_word(t, l->scratch.data, l->scratch.n);
    struct vlm_quoted q;
    if (known >= 0 && (uint64_t)known != id)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added token \"%s\" has id %llu, in the vocabulary it has %d",
                        l->file, vlm_base_quote(&q, l->scratch.data, l->scratch.n), (unsigned long long)id, known);
    int rc = known >= 0 && !t->entries[id].added ? VLM_OK : add_entry(l, id);
    if (rc == VLM_OK) {
        t->entries[id].added = 1;
        t->entries[id].special = special;
    }
    return rc;
}

static int load_added_token(struct loader *l, struct vlm_json *j)
{
    struct member m[N_ADDED_MEMBERS] = {{.name = "id"},     {.name = "content"},    {.name = "single_word"},
                                        {.name = "lstrip"}, {.name = "rstrip"},     {.name = "normalized"},
                                        {.name = "special"}};
    struct vlm_tokenizer *t = l->t;
    bool normalized = false, special = false;
    struct vlm_token_added token = {0};
    read_members(j, m, N_ADDED_MEMBERS);
    if (m[CONTENT].kind != VLM_JSON_STRING)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added token %zu has no content", l->file, t->n_added);
    uint64_t id;
    int rc = read_string(l, &m[CONTENT].at, "an added token");
    if (rc == VLM_OK && l->scratch.n == 0)
        return VLM_OK; /* matches nothing; the reference passes over it, too */
    const struct { struct member *m; bool *to; } flags[] = {
        {&m[SINGLE_WORD], &token.single_word}, {&m[LSTRIP], &token.lstrip}, {&m[RSTRIP], &token.rstrip},
        {&m[NORMALIZED], &normalized}, {&m[SPECIAL], &special},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && rc == VLM_OK; i++)
        rc = read_flag(l, flags[i].m, flags[i].to);
    if (rc == VLM_OK)
        rc = read_id(l, &m[ID].at, m[ID].kind, &id);
    if (rc == VLM_OK)
        rc = add_added_entry(l, id, special);
    if (rc < 0)
        return rc;
    struct vlm_token_set *set = &t->sets[normalized];
    if (!vlm_grow(t->alloc, &set->tokens, &set->cap, set->n, sizeof *set->tokens))
        return out_of_memory(l);
    token.id = (int32_t)id;
    set->tokens[set->n++] = token;
    t->n_added++;
    return VLM_OK;
}

static int load_added(struct loader *l, const struct member *m)
{
    struct vlm_json j = m->at;
    enum vlm_json_kind kind;
    if (m->kind == VLM_JSON_NULL)
        return VLM_OK;
    if (m->kind != VLM_JSON_ARRAY)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added_tokens is not an array", l->file);
    while ((kind = vlm_json_next(&j)) != VLM_JSON_ARRAY_END) {
        if (kind != VLM_JSON_OBJECT)
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added token %zu is not an object", l->file, l->t->n_added);
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
static int link_sets(struct loader *l)
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
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: added token \"%s\" is there twice", l->file,
                            vlm_base_quote(&q, twice->s, twice->n));
    }
    return VLM_OK;
}

/* ---- from byte characters to bytes ---------------------------------------------------------------- */

static void find_byte_ids(struct loader *l)
{
    for (int b = 0; b < 256; b++) {
        char s[4];
        size_t n = vlm_utf8_encode(s, vlm_token_char_of_byte((unsigned char)b));
        l->t->byte_id[b] = vlm_token_word(l->t, s, n);
    }
}

/* A token's text, in place, to the bytes it stands for; false when it is not made of byte characters. */
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

/* Added tokens stay as they are: their text is what decoding gives.  With ignore_merges a piece that is
 * a word is looked up by its bytes; special tokens are not among those words. */
static int turn_to_bytes(struct loader *l)
{
    struct vlm_tokenizer *t = l->t;
    vlm_mem_free(t->alloc, t->words.slots);
    t->words.slots = NULL;
    if (t->ignore_merges && !vlm_token_table_init(&t->words, t->alloc, t->n_entries))
        return out_of_memory(l);
    for (size_t id = 0; id < t->n_entries; id++) {
        struct vlm_token_entry *e = &t->entries[id];
        char *s = t->bytes.data + e->at;
        if (!e->used)
            continue;
        e->literal = e->added || !to_bytes(s, e);
        if (!t->ignore_merges || e->literal)
            continue;
        if (!vlm_token_table_put(&t->words, vlm_hash64(s, e->n, 0), (uint32_t)id))
            return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: the vocabulary was made to collide", l->file);
    }
    return VLM_OK;
}

/* ---- pre-tokenizers ------------------------------------------------------------------------------- */

enum { TYPE, PRETOKENIZERS, INDIVIDUAL, PREFIX_SPACE, USE_REGEX, PATTERN, BEHAVIOR, INVERT, N_STEP_MEMBERS };

static int read_behavior(const struct loader *l, const struct member *m, enum vlm_token_behavior *out)
{
    static const char *const names[] = {"Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is(m, names[i])) {
            *out = (enum vlm_token_behavior)i;
            return VLM_OK;
        }
    return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: pre_tokenizer Split has an unknown behavior", l->file);
}

/* {"Regex": "..."} or {"String": "..."} */
static int read_pattern(struct loader *l, const struct member *m, struct vlm_token_step *step)
{
    struct member pattern[2] = {{.name = "Regex"}, {.name = "String"}};
    struct vlm_json j = m->at;
    if (m->kind == VLM_JSON_OBJECT)
        read_members(&j, pattern, 2);
    for (int i = 0; i < 2 && m->kind == VLM_JSON_OBJECT; i++) {
        if (pattern[i].kind != VLM_JSON_STRING)
            continue;
        int rc = read_string(l, &pattern[i].at, "a pattern");
        if (rc == VLM_OK && l->scratch.n == 0)
            break;
        return rc < 0 ? rc : vlm_token_regex_open(&step->regex, l->t->alloc, l->scratch.data, l->scratch.n, i == 1,
                                                  l->file, l->err);
    }
    return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: pre_tokenizer Split has no pattern", l->file);
}

static int add_step(struct loader *l, const struct member *m)
{
    struct vlm_tokenizer *t = l->t;
    if (t->n_steps == VLM_TOKEN_STEPS)
        return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: more than %d pre_tokenizers", l->file, VLM_TOKEN_STEPS);
    if (t->n_steps > 0 && t->steps[t->n_steps - 1].kind == VLM_TOKEN_BYTE_LEVEL)
        return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: a pre_tokenizer behind ByteLevel is not supported", l->file);
    struct vlm_token_step *step = &t->steps[t->n_steps++];
    int rc = VLM_OK;
    if (is(&m[TYPE], "Digits")) {
        bool individual = false;
        step->kind = VLM_TOKEN_DIGITS;
        rc = read_flag(l, &m[INDIVIDUAL], &individual);
        step->behavior = individual ? VLM_TOKEN_ISOLATED : VLM_TOKEN_CONTIGUOUS;
    } else if (is(&m[TYPE], "ByteLevel")) {
        step->kind = VLM_TOKEN_BYTE_LEVEL;
        step->prefix_space = step->gpt2 = true;
        rc = read_flag(l, &m[PREFIX_SPACE], &step->prefix_space);
        if (rc == VLM_OK)
            rc = read_flag(l, &m[USE_REGEX], &step->gpt2);
    } else if (is(&m[TYPE], "Split")) {
        step->kind = VLM_TOKEN_SPLIT;
        rc = read_behavior(l, &m[BEHAVIOR], &step->behavior);
        if (rc == VLM_OK)
            rc = read_flag(l, &m[INVERT], &step->invert);
        if (rc == VLM_OK)
            rc = read_pattern(l, &m[PATTERN], step);
    } else {
        rc = refuse(l, "pre_tokenizer", &m[TYPE]);
    }
    return rc;
}

/* j stands behind OBJECT.  A Sequence may hold Sequences; JSON's depth limit ends that. */
static int load_steps(struct loader *l, struct vlm_json *j)
{
    struct member m[N_STEP_MEMBERS] = {
        {.name = "type"},      {.name = "pretokenizers"}, {.name = "individual_digits"}, {.name = "add_prefix_space"},
        {.name = "use_regex"}, {.name = "pattern"},       {.name = "behavior"},          {.name = "invert"}};
    read_members(j, m, N_STEP_MEMBERS);
    if (!is(&m[TYPE], "Sequence"))
        return add_step(l, m);
    if (m[PRETOKENIZERS].kind != VLM_JSON_ARRAY)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: pre_tokenizer Sequence has no pretokenizers", l->file);
    struct vlm_json inside = m[PRETOKENIZERS].at;
    enum vlm_json_kind kind;
    while ((kind = vlm_json_next(&inside)) == VLM_JSON_OBJECT) {
        int rc = load_steps(l, &inside);
        if (rc < 0)
            return rc;
    }
    return kind == VLM_JSON_ARRAY_END
               ? VLM_OK
               : vlm_fail(l->err, VLM_ERR_FORMAT, "%s: a pre_tokenizer is not an object", l->file);
}

static int load_pre_tokenizer(struct loader *l, struct member *m)
{
    struct vlm_tokenizer *t = l->t;
    int rc = m->kind == VLM_JSON_OBJECT ? load_steps(l, &m->at) : VLM_OK;
    if (rc == VLM_OK && (t->n_steps == 0 || t->steps[t->n_steps - 1].kind != VLM_TOKEN_BYTE_LEVEL))
        rc = vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: a pre_tokenizer without ByteLevel is not supported", l->file);
    return rc;
}

/* ---- the other sections --------------------------------------------------------------------------- */

static int check_normalizer(const struct loader *l, struct member *m)
{
    struct member type = {.name = "type"};
    if (m->kind == VLM_JSON_NULL)
        return VLM_OK;
    if (m->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: normalizer is not an object", l->file);
    read_members(&m->at, &type, 1);
    return refuse(l, "normalizer", &type);
}

static int check_decoder(const struct loader *l, struct member *m)
{
    struct member type = {.name = "type"};
    if (m->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: a tokenizer without decoder ByteLevel is not supported",
                        l->file);
    read_members(&m->at, &type, 1);
    return is(&type, "ByteLevel") ? VLM_OK : refuse(l, "decoder", &type);
}

/* Accepted when it adds nothing to the ids: a template of sequences only, or ByteLevel. */
static int check_template(const struct loader *l, const struct member *single)
{
    struct vlm_json j = single->at;
    while (single->kind == VLM_JSON_ARRAY && vlm_json_next(&j) == VLM_JSON_OBJECT) {
        struct member special = {.name = "SpecialToken"};
        read_members(&j, &special, 1);
        if (special.kind != VLM_JSON_NULL)
            return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: post_processor TemplateProcessing adds special tokens: "
                            "not supported", l->file);
    }
    return VLM_OK;
}

static int check_post_processor(const struct loader *l, struct vlm_json *j)
{
    struct member m[] = {{.name = "type"}, {.name = "single"}, {.name = "processors"}};
    read_members(j, m, 3);
    if (is(&m[0], "ByteLevel"))
        return VLM_OK;
    if (is(&m[0], "TemplateProcessing"))
        return check_template(l, &m[1]);
    if (!is(&m[0], "Sequence") || m[2].kind != VLM_JSON_ARRAY)
        return refuse(l, "post_processor", &m[0]);
    while (vlm_json_next(&m[2].at) == VLM_JSON_OBJECT) {
        int rc = check_post_processor(l, &m[2].at);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

/* Options of BPE that only other kinds of BPE use. */
static int refuse_option(const struct loader *l, const struct member *m)
{
    double number = 0;
    if (m->kind == VLM_JSON_NULL || m->kind == VLM_JSON_FALSE || is(m, "") ||
        (m->kind == VLM_JSON_NUMBER && vlm_json_double(&number, &m->at) && number == 0))
        return VLM_OK;
    return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: BPE with %s is not supported", l->file, m->name);
}

static int read_unk(struct loader *l, const struct member *m)
{
    struct vlm_quoted q;
    l->t->unk = -1;
    if (m->kind == VLM_JSON_NULL)
        return VLM_OK;
    if (m->kind != VLM_JSON_STRING)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: unk_token is not a string", l->file);
    int rc = read_string(l, &m->at, "unk_token");
    if (rc < 0)
        return rc;
    l->t->unk = vlm_token_word(l->t, l->scratch.data, l->scratch.n);
    if (l->t->unk < 0)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: unk_token \"%s\" is not in the vocabulary", l->file,
                        vlm_base_quote(&q, l->scratch.data, l->scratch.n));
    return VLM_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------ */

enum {
    MODEL_TYPE, VOCAB, MERGES, UNK, FUSE_UNK, IGNORE_MERGES,
    /* refused when they are set */
    DROPOUT, BYTE_FALLBACK, PREFIX, SUFFIX, N_MODEL_MEMBERS
};

static int load_model(struct loader *l, struct member *model, const struct member *added)
{
    struct member m[N_MODEL_MEMBERS] = {
        {.name = "type"},           {.name = "vocab"},         {.name = "merges"},
        {.name = "unk_token"},      {.name = "fuse_unk"},      {.name = "ignore_merges"},
        {.name = "dropout"},        {.name = "byte_fallback"}, {.name = "continuing_subword_prefix"},
        {.name = "end_of_word_suffix"}};
    if (model->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: has no model", l->file);
    read_members(&model->at, m, N_MODEL_MEMBERS);
    int rc = m[MODEL_TYPE].kind == VLM_JSON_NULL || is(&m[MODEL_TYPE], "BPE") ? VLM_OK
                                                                            : refuse(l, "model", &m[MODEL_TYPE]);
    for (int i = DROPOUT; i < N_MODEL_MEMBERS && rc == VLM_OK; i++)
        rc = refuse_option(l, &m[i]);
    if (rc == VLM_OK)
        rc = read_flag(l, &m[FUSE_UNK], &l->t->fuse_unk);
    if (rc == VLM_OK)
        rc = read_flag(l, &m[IGNORE_MERGES], &l->t->ignore_merges);
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

enum { MODEL, ADDED_TOKENS, NORMALIZER, PRE_TOKENIZER, POST_PROCESSOR, DECODER, N_TOP_MEMBERS };

static int load(struct loader *l, const void *json, size_t n)
{
    struct member m[N_TOP_MEMBERS] = {{.name = "model"},         {.name = "added_tokens"},   {.name = "normalizer"},
                                      {.name = "pre_tokenizer"}, {.name = "post_processor"}, {.name = "decoder"}};
    struct vlm_json j;
    vlm_json_init(&j, json, n);
    enum vlm_json_kind kind = vlm_json_next(&j);
    if (kind != VLM_JSON_ERROR && kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: is not a JSON object", l->file);
    if (kind == VLM_JSON_ERROR || !read_members(&j, m, N_TOP_MEMBERS) || vlm_json_next(&j) != VLM_JSON_END)
        return vlm_json_fail(&j, l->file, l->err);
    /* Every byte is known to be well-formed JSON now; from here on only meaning can be wrong. */
    int rc = check_normalizer(l, &m[NORMALIZER]);
    if (rc == VLM_OK && m[POST_PROCESSOR].kind != VLM_JSON_NULL)
        rc = m[POST_PROCESSOR].kind == VLM_JSON_OBJECT
                 ? check_post_processor(l, &m[POST_PROCESSOR].at)
                 : vlm_fail(l->err, VLM_ERR_FORMAT, "%s: post_processor is not an object", l->file);
    if (rc == VLM_OK)
        rc = check_decoder(l, &m[DECODER]);
    if (rc == VLM_OK)
        rc = load_pre_tokenizer(l, &m[PRE_TOKENIZER]);
    if (rc == VLM_OK)
        rc = load_model(l, &m[MODEL], &m[ADDED_TOKENS]);
    if (rc == VLM_OK)
        rc = turn_to_bytes(l);
    if (rc == VLM_OK)
        rc = link_sets(l);
    return rc;
}

int vlm_tokenizer_open(vlm_tokenizer **out, const vlm_allocator *alloc, const void *json, size_t n, const char *file,
                       vlm_error *err)
{
    if (n > VLM_LIMIT_TOKENIZER_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %zu bytes, at most %llu are allowed", file, n,
                        (unsigned long long)VLM_LIMIT_TOKENIZER_BYTES);
    struct vlm_tokenizer *t = vlm_mem_zalloc(alloc, 1, sizeof *t);
    if (!t)
        return vlm_fail_memory(err, sizeof *t, "a tokenizer");
    t->alloc = alloc;
    vlm_buf_init(&t->bytes, alloc, UINT32_MAX - 1);
    struct loader l = {.t = t, .file = file, .err = err};
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
