/* sections.c: the sections of tokenizer.json beside the model and the added tokens.
 *
 * Pre-tokenizers become steps.  Normalizer, post-processor and decoder are accepted only when they
 * change nothing, or do what the room does anyway. */
#include "token/load.h"

int vlm_token_out_of_memory(const struct vlm_token_loader *l)
{
    return vlm_fail_memory(l->err, l->t->bytes.n, "a tokenizer");
}

/* ---- members of an object -------------------------------------------------------------------- */

bool vlm_token_read_members(struct vlm_json *j, struct vlm_token_member *members, size_t n)
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

int vlm_token_read_flag(const struct vlm_token_loader *l, const struct vlm_token_member *m,
                        bool *out)
{
    if (m->kind == VLM_JSON_TRUE || m->kind == VLM_JSON_FALSE)
        *out = m->kind == VLM_JSON_TRUE;
    else if (m->kind != VLM_JSON_NULL)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: %s is not true or false", l->file, m->name);
    return VLM_OK;
}

bool vlm_token_member_is(const struct vlm_token_member *m, const char *text)
{
    return m->kind == VLM_JSON_STRING && vlm_json_equals(&m->at, text);
}

int vlm_token_refuse(const struct vlm_token_loader *l, const char *section,
                     const struct vlm_token_member *type)
{
    struct vlm_quoted q;
    if (type->kind != VLM_JSON_STRING)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: %s has no type", l->file, section);
    return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: %s \"%s\" is not supported", l->file, section,
                    vlm_base_quote(&q, type->at.text, type->at.n_text));
}

int vlm_token_read_string(struct vlm_token_loader *l, const struct vlm_json *j, const char *what)
{
    vlm_buf_clear(&l->scratch);
    if (!vlm_json_string(&l->scratch, j))
        return vlm_token_out_of_memory(l);
    if (l->scratch.n > VLM_LIMIT_TOKEN_BYTES)
        return vlm_fail(l->err, VLM_ERR_LIMIT, "%s: %s of %zu bytes, at most %llu are allowed",
                        l->file, what, l->scratch.n, (unsigned long long)VLM_LIMIT_TOKEN_BYTES);
    return VLM_OK;
}

/* ---- pre-tokenizers -------------------------------------------------------------------------- */

enum {
    TYPE,
    PRETOKENIZERS,
    INDIVIDUAL,
    PREFIX_SPACE,
    USE_REGEX,
    PATTERN,
    BEHAVIOR,
    INVERT,
    N_STEP_MEMBERS
};

static int read_behavior(const struct vlm_token_loader *l, const struct vlm_token_member *m,
                         enum vlm_token_behavior *out)
{
    static const char *const names[] = {"Isolated", "Removed", "Contiguous", "MergedWithPrevious",
                                        "MergedWithNext"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (vlm_token_member_is(m, names[i])) {
            *out = (enum vlm_token_behavior)i;
            return VLM_OK;
        }
    return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: pre_tokenizer Split has an unknown behavior",
                    l->file);
}

/* {"Regex": "..."} or {"String": "..."} */
static int read_pattern(struct vlm_token_loader *l, const struct vlm_token_member *m,
                        struct vlm_token_step *step)
{
    struct vlm_token_member pattern[2] = {{.name = "Regex"}, {.name = "String"}};
    struct vlm_json j = m->at;
    if (m->kind == VLM_JSON_OBJECT)
        vlm_token_read_members(&j, pattern, 2);
    for (int i = 0; i < 2 && m->kind == VLM_JSON_OBJECT; i++) {
        if (pattern[i].kind != VLM_JSON_STRING)
            continue;
        int rc = vlm_token_read_string(l, &pattern[i].at, "a pattern");
        if (rc == VLM_OK && l->scratch.n == 0)
            break;
        return rc < 0 ? rc
                      : vlm_token_regex_open(&step->regex, l->t->alloc, l->scratch.data,
                                             l->scratch.n, i == 1, l->file, l->err);
    }
    return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: pre_tokenizer Split has no pattern", l->file);
}

static int add_step(struct vlm_token_loader *l, const struct vlm_token_member *m)
{
    struct vlm_tokenizer *t = l->t;
    if (t->n_steps == VLM_TOKEN_STEPS)
        return vlm_fail(l->err, VLM_ERR_UNSUPPORTED, "%s: more than %d pre_tokenizers", l->file,
                        VLM_TOKEN_STEPS);
    if (t->n_steps > 0 && t->steps[t->n_steps - 1].kind == VLM_TOKEN_BYTE_LEVEL)
        return vlm_fail(l->err, VLM_ERR_UNSUPPORTED,
                        "%s: a pre_tokenizer behind ByteLevel is not supported", l->file);
    struct vlm_token_step *step = &t->steps[t->n_steps++];
    int rc = VLM_OK;
    if (vlm_token_member_is(&m[TYPE], "Digits")) {
        bool individual = false;
        step->kind = VLM_TOKEN_DIGITS;
        rc = vlm_token_read_flag(l, &m[INDIVIDUAL], &individual);
        step->behavior = individual ? VLM_TOKEN_ISOLATED : VLM_TOKEN_CONTIGUOUS;
    } else if (vlm_token_member_is(&m[TYPE], "ByteLevel")) {
        step->kind = VLM_TOKEN_BYTE_LEVEL;
        step->prefix_space = step->gpt2 = true;
        rc = vlm_token_read_flag(l, &m[PREFIX_SPACE], &step->prefix_space);
        if (rc == VLM_OK)
            rc = vlm_token_read_flag(l, &m[USE_REGEX], &step->gpt2);
    } else if (vlm_token_member_is(&m[TYPE], "Split")) {
        step->kind = VLM_TOKEN_SPLIT;
        rc = read_behavior(l, &m[BEHAVIOR], &step->behavior);
        if (rc == VLM_OK)
            rc = vlm_token_read_flag(l, &m[INVERT], &step->invert);
        if (rc == VLM_OK)
            rc = read_pattern(l, &m[PATTERN], step);
    } else {
        rc = vlm_token_refuse(l, "pre_tokenizer", &m[TYPE]);
    }
    return rc;
}

/* j stands behind OBJECT.  A Sequence may hold Sequences; JSON's depth limit ends that. */
static int load_steps(struct vlm_token_loader *l, struct vlm_json *j)
{
    struct vlm_token_member m[N_STEP_MEMBERS] = {{.name = "type"},
                                                 {.name = "pretokenizers"},
                                                 {.name = "individual_digits"},
                                                 {.name = "add_prefix_space"},
                                                 {.name = "use_regex"},
                                                 {.name = "pattern"},
                                                 {.name = "behavior"},
                                                 {.name = "invert"}};
    vlm_token_read_members(j, m, N_STEP_MEMBERS);
    if (!vlm_token_member_is(&m[TYPE], "Sequence"))
        return add_step(l, m);
    if (m[PRETOKENIZERS].kind != VLM_JSON_ARRAY)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: pre_tokenizer Sequence has no pretokenizers",
                        l->file);
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

int vlm_token_load_pre_tokenizer(struct vlm_token_loader *l, struct vlm_token_member *m)
{
    struct vlm_tokenizer *t = l->t;
    int rc = m->kind == VLM_JSON_OBJECT ? load_steps(l, &m->at) : VLM_OK;
    if (rc == VLM_OK && (t->n_steps == 0 || t->steps[t->n_steps - 1].kind != VLM_TOKEN_BYTE_LEVEL))
        rc = vlm_fail(l->err, VLM_ERR_UNSUPPORTED,
                      "%s: a pre_tokenizer without ByteLevel is not supported", l->file);
    return rc;
}

/* ---- the other sections ---------------------------------------------------------------------- */

int vlm_token_load_normalizer(const struct vlm_token_loader *l, struct vlm_token_member *m)
{
    struct vlm_token_member type = {.name = "type"};
    if (m->kind == VLM_JSON_NULL)
        return VLM_OK;
    if (m->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: normalizer is not an object", l->file);
    vlm_token_read_members(&m->at, &type, 1);
    return vlm_token_refuse(l, "normalizer", &type);
}

int vlm_token_load_decoder(const struct vlm_token_loader *l, struct vlm_token_member *m)
{
    struct vlm_token_member type = {.name = "type"};
    if (m->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_UNSUPPORTED,
                        "%s: a tokenizer without decoder ByteLevel is not supported", l->file);
    vlm_token_read_members(&m->at, &type, 1);
    return vlm_token_member_is(&type, "ByteLevel") ? VLM_OK : vlm_token_refuse(l, "decoder", &type);
}

/* Accepted when it adds nothing to the ids: a template of sequences only, or ByteLevel. */
static int check_template(const struct vlm_token_loader *l, const struct vlm_token_member *single)
{
    struct vlm_json j = single->at;
    while (single->kind == VLM_JSON_ARRAY && vlm_json_next(&j) == VLM_JSON_OBJECT) {
        struct vlm_token_member special = {.name = "SpecialToken"};
        vlm_token_read_members(&j, &special, 1);
        if (special.kind != VLM_JSON_NULL)
            return vlm_fail(l->err, VLM_ERR_UNSUPPORTED,
                            "%s: post_processor TemplateProcessing adds special tokens: "
                            "not supported",
                            l->file);
    }
    return VLM_OK;
}

static int check_post_processor(const struct vlm_token_loader *l, struct vlm_json *j)
{
    struct vlm_token_member m[] = {{.name = "type"}, {.name = "single"}, {.name = "processors"}};
    vlm_token_read_members(j, m, 3);
    if (vlm_token_member_is(&m[0], "ByteLevel"))
        return VLM_OK;
    if (vlm_token_member_is(&m[0], "TemplateProcessing"))
        return check_template(l, &m[1]);
    if (!vlm_token_member_is(&m[0], "Sequence") || m[2].kind != VLM_JSON_ARRAY)
        return vlm_token_refuse(l, "post_processor", &m[0]);
    while (vlm_json_next(&m[2].at) == VLM_JSON_OBJECT) {
        int rc = check_post_processor(l, &m[2].at);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

int vlm_token_load_post_processor(const struct vlm_token_loader *l, struct vlm_token_member *m)
{
    if (m->kind == VLM_JSON_NULL)
        return VLM_OK;
    if (m->kind != VLM_JSON_OBJECT)
        return vlm_fail(l->err, VLM_ERR_FORMAT, "%s: post_processor is not an object", l->file);
    return check_post_processor(l, &m->at);
}
