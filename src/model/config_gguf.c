/* config_gguf.c: the keys of a GGUF model -> struct vlm_config.  Owns which keys there are, their
 * ranges, and which of them mean an architecture that this engine does not compute. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/gguf.h"

/* One file being read; the first error wins. */
struct keys {
    const struct vlm_gguf *g;
    vlm_error *err;
    int rc;
};

static void read_u32(uint32_t *out, struct keys *k, const char *key, bool optional, uint64_t min,
                     uint64_t max)
{
    uint64_t v = *out;
    if (k->rc == VLM_OK)
        k->rc = vlm_gguf_get_u64(&v, k->g, key, optional, min, max, k->err);
    if (k->rc == VLM_OK)
        *out = (uint32_t)v;
}

static void read_double(double *out, struct keys *k, const char *key, bool optional, double min,
                        double max)
{
    if (k->rc == VLM_OK)
        k->rc = vlm_gguf_get_double(out, k->g, key, optional, min, max, k->err);
}

/* The value must be this word; an optional key may be absent. */
static void expect_word(struct keys *k, const char *key, const char *word, bool optional)
{
    const char *s = word;
    size_t n = strlen(word);
    struct vlm_quoted q;
    if (k->rc == VLM_OK)
        k->rc = vlm_gguf_get_string(&s, &n, k->g, key, optional, k->err);
    if (k->rc == VLM_OK && (n != strlen(word) || memcmp(s, word, n) != 0))
        k->rc = vlm_fail(k->err, VLM_ERR_UNSUPPORTED, "%s: %s is '%s', expected '%s'", k->g->file,
                         key, vlm_base_quote(&q, s, n), word);
}

static void expect_bool(struct keys *k, const char *key, bool wanted, bool optional)
{
    bool v = wanted;
    if (k->rc == VLM_OK)
        k->rc = vlm_gguf_get_bool(&v, k->g, key, optional, k->err);
    if (k->rc == VLM_OK && v != wanted)
        k->rc = vlm_fail(k->err, VLM_ERR_UNSUPPORTED, "%s: %s is %s, expected %s", k->g->file, key,
                         v ? "true" : "false", wanted ? "true" : "false");
}

/* Keys of relatives of the Llama decoder: with another value than these (NaN: with any) the
 * arithmetic is another one. */
static void refuse_variants(struct keys *k)
{
    static const struct {
        const char *key;
        double fine[2];
    } variants[] = {{"llama.rope.scaling.factor", {0, 1}},
                    {"llama.rope.scale_linear", {0, 1}},
                    {"llama.attention.sliding_window", {0, 0}},
                    {"llama.attention.temperature_scale", {0, 0}},
                    {"llama.attention.scale", {0, 0}},
                    {"llama.attention.clamp_kqv", {0, 0}},
                    {"llama.attention.max_alibi_bias", {0, 0}},
                    {"llama.embedding_scale", {0, 1}},
                    {"llama.residual_scale", {0, 1}},
                    {"llama.logit_scale", {0, 1}},
                    {"llama.attn_logit_softcapping", {0, 0}},
                    {"llama.final_logit_softcapping", {0, 0}},
                    {"llama.expert_count", {0, 0}}};
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        double v = variants[i].fine[0];
        read_double(&v, k, variants[i].key, true, -1e30, 1e30);
        if (k->rc == VLM_OK && v != variants[i].fine[0] && v != variants[i].fine[1])
            k->rc = vlm_fail(k->err, VLM_ERR_UNSUPPORTED, "%s: %s is %g, expected %g or none",
                             k->g->file, variants[i].key, v, variants[i].fine[1]);
    }
    expect_word(k, "llama.rope.scaling.type", "none", true);
    expect_bool(k, "llama.attention.causal", true, true);
    expect_bool(k, "llama.use_parallel_residual", false, true);
}

static void read_text(struct vlm_text_config *t, struct keys *k)
{
    static const char *const widths[] = {"llama.attention.value_length",
                                         "llama.rope.dimension_count"};
    double eps = 0;
    read_u32(&t->hidden, k, "llama.embedding_length", false, 1, VLM_LIMIT_HIDDEN);
    read_u32(&t->ffn, k, "llama.feed_forward_length", false, 1, VLM_LIMIT_FFN);
    read_u32(&t->layers, k, "llama.block_count", false, 1, VLM_LIMIT_LAYERS);
    read_u32(&t->heads, k, "llama.attention.head_count", false, 1, VLM_LIMIT_HEADS);
    t->kv_heads = t->heads;
    read_u32(&t->kv_heads, k, "llama.attention.head_count_kv", true, 1, VLM_LIMIT_HEADS);
    read_u32(&t->context, k, "llama.context_length", false, 1, VLM_LIMIT_CONTEXT);
    read_double(&eps, k, "llama.attention.layer_norm_rms_epsilon", false, 1e-12, 1);
    t->eps = (float)eps;
    t->rope_theta = 10000;
    read_double(&t->rope_theta, k, "llama.rope.freq_base", true, 1, 1e12);
    refuse_variants(k);
    if (k->rc < 0)
        return;
    if (!vlm_gguf_find(k->g, "llama.attention.key_length") && t->hidden % t->heads != 0) {
        k->rc = vlm_fail(k->err, VLM_ERR_FORMAT,
                         "%s: llama.embedding_length %u does not divide into %u heads", k->g->file,
                         t->hidden, t->heads);
        return;
    }
    t->head_dim = t->hidden / t->heads;
    read_u32(&t->head_dim, k, "llama.attention.key_length", true, 2, VLM_LIMIT_HEAD_DIM);
    if (k->rc == VLM_OK && (t->head_dim < 2 || t->head_dim > VLM_LIMIT_HEAD_DIM || t->head_dim % 2))
        k->rc =
            vlm_fail(k->err, VLM_ERR_FORMAT, "%s: heads of %u, expected an even size from 2 to %u",
                     k->g->file, t->head_dim, (unsigned)VLM_LIMIT_HEAD_DIM);
    if (k->rc == VLM_OK && t->heads % t->kv_heads != 0)
        k->rc = vlm_fail(k->err, VLM_ERR_FORMAT,
                         "%s: %u attention heads do not divide over %u key/value heads", k->g->file,
                         t->heads, t->kv_heads);
    for (size_t i = 0; i < 2; i++) {
        uint32_t width = t->head_dim;
        read_u32(&width, k, widths[i], true, t->head_dim, t->head_dim);
    }
}

/* ---- vocabulary: what the model needs to know of it ---- */

/* The id of a control token, by its text; -1 if there is none. */
static int32_t find_control(const struct vlm_gguf *g, const char *text)
{
    const struct vlm_gguf_pair *tokens = vlm_gguf_find(g, "tokenizer.ggml.tokens");
    const struct vlm_gguf_pair *types = vlm_gguf_find(g, "tokenizer.ggml.token_type");
    struct vlm_gguf_strings it = {0, 0};
    const char *s;
    size_t n, n_text = strlen(text);
    if (!tokens || !types || !tokens->is_array || !types->is_array)
        return -1;
    for (int32_t id = 0; it.i < VLM_LIMIT_VOCAB && vlm_gguf_next_string(&it, &s, &n, tokens); id++)
        if (n == n_text && memcmp(s, text, n) == 0 &&
            vlm_gguf_number(types, (uint64_t)id) != 1 /* a normal one */)
            return id;
    return -1;
}

static void add_eos(struct vlm_config *c, int32_t id)
{
    if (id >= 0 && !vlm_config_is_eos(c, id))
        c->eos[c->n_eos++] = id;
}

/* Generation ends with the tokens that the file names, or, when it names none, with the one that
 * ends a turn of this family. */
static void read_vocabulary(struct vlm_config *c, struct keys *k)
{
    static const char *const ends[] = {"tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.eot_token_id"};
    const struct vlm_gguf_pair *tokens = vlm_gguf_find(k->g, "tokenizer.ggml.tokens");
    if (tokens && tokens->is_array && tokens->n <= VLM_LIMIT_VOCAB)
        c->text.vocab = (uint32_t)tokens->n;
    bool known = c->text.vocab > 0;
    read_u32(&c->text.vocab, k, "llama.vocab_size", known, 1, VLM_LIMIT_VOCAB);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        uint32_t id = UINT32_MAX;
        read_u32(&id, k, ends[i], true, 0, c->text.vocab ? c->text.vocab - 1 : 0);
        if (k->rc == VLM_OK && id != UINT32_MAX)
            add_eos(c, (int32_t)id);
    }
    if (c->n_eos == 0)
        add_eos(c, find_control(k->g, "<end_of_utterance>"));
    c->image_token_id = find_control(k->g, "<image>");
}

/* ---- the tower ---- */

static void read_floats3(float out[3], struct keys *k, const char *key, double min)
{
    const struct vlm_gguf_pair *p = vlm_gguf_find(k->g, key);
    if (k->rc < 0)
        return;
    if (!p || !p->is_array || p->n != 3 || p->type == VLM_GGUF_STRING) {
        k->rc = vlm_fail(k->err, VLM_ERR_FORMAT, "%s: key %s: expected an array of 3 numbers",
                         k->g->file, key);
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        double x = vlm_gguf_number(p, i);
        if (!(x >= min && x <= 1000)) {
            k->rc = vlm_fail(k->err, VLM_ERR_FORMAT,
                             "%s: key %s: element %zu is %g, expected %g to 1000", k->g->file, key,
                             i, x, min);
            return;
        }
        out[i] = (float)x;
    }
}

static void read_vision(struct vlm_config *c, struct keys *k)
{
    struct vlm_vision_config *v = &c->vision;
    double eps = 0;
    read_u32(&v->hidden, k, "clip.vision.embedding_length", false, 1, VLM_LIMIT_HIDDEN);
    read_u32(&v->ffn, k, "clip.vision.feed_forward_length", false, 1, VLM_LIMIT_FFN);
    read_u32(&v->layers, k, "clip.vision.block_count", false, 1, VLM_LIMIT_LAYERS);
    read_u32(&v->heads, k, "clip.vision.attention.head_count", false, 1, VLM_LIMIT_HEADS);
    read_u32(&v->patch, k, "clip.vision.patch_size", false, 1, VLM_LIMIT_TILE_SIDE);
    read_u32(&v->image_size, k, "clip.vision.image_size", false, 1, VLM_LIMIT_TILE_SIDE);
    read_double(&eps, k, "clip.vision.attention.layer_norm_epsilon", false, 1e-12, 1);
    v->eps = (float)eps;
    read_u32(&c->scale, k, "clip.vision.projector.scale_factor", false, 1, 64);
    expect_bool(k, "clip.use_gelu", true, true);
    expect_bool(k, "clip.use_silu", false, true);
    if (k->rc < 0)
        return;
    if (v->hidden % v->heads != 0 || v->hidden / v->heads > VLM_LIMIT_HEAD_DIM)
        k->rc = vlm_fail(k->err, VLM_ERR_FORMAT,
                         "%s: clip.vision.embedding_length %u does not divide into %u heads of at "
                         "most %u",
                         k->g->file, v->hidden, v->heads, (unsigned)VLM_LIMIT_HEAD_DIM);
    /* every release scales the long side to four tiles; older files do not say it */
    c->image = (struct vlm_image_config){.longest_edge = 4 * v->image_size,
                                         .tile = v->image_size,
                                         .resample = VLM_RESAMPLE_LANCZOS,
                                         .split = true,
                                         .rescale = 1.0 / 255};
    read_u32(&c->image.longest_edge, k, "clip.vision.preproc_image_size", true, 1,
             VLM_LIMIT_IMAGE_SIDE);
    read_floats3(c->image.mean, k, "clip.vision.image_mean", -1000);
    read_floats3(c->image.std, k, "clip.vision.image_std", 1e-6);
    if (k->rc == VLM_OK)
        k->rc = vlm_config_check_geometry(c, k->g->file, k->err);
}

/* ---- the whole ---- */

int vlm_config_check_pair(const struct vlm_gguf *text, const struct vlm_gguf *vision,
                          vlm_error *err)
{
    struct keys k = {vision, err, VLM_OK}, t = {text, err, VLM_OK};
    const char *type = vlm_gguf_find(vision, "clip.projector_type") ? "clip.projector_type"
                                                                    : "clip.vision.projector_type";
    uint32_t width = 0, hidden = 0;
    expect_word(&k, "general.architecture", "clip", false);
    expect_bool(&k, "clip.has_vision_encoder", true, false);
    expect_word(&k, type, "idefics3", false);
    read_u32(&width, &k, "clip.vision.projection_dim", false, 1, VLM_LIMIT_HIDDEN);
    read_u32(&hidden, &t, "llama.embedding_length", false, 1, VLM_LIMIT_HIDDEN);
    if (k.rc == VLM_OK && t.rc == VLM_OK && width != hidden)
        k.rc = vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: clip.vision.projection_dim is %u, expected %u as in %s: not the "
                        "mmproj of this model",
                        vision->file, width, hidden, text->file);
    return k.rc < 0 ? k.rc : t.rc;
}

int vlm_config_check_text(const struct vlm_gguf *text, vlm_error *err)
{
    struct keys k = {text, err, VLM_OK};
    expect_word(&k, "general.architecture", "llama", false);
    expect_word(&k, "general.type", "model", true);
    return k.rc;
}

int vlm_config_read_gguf(struct vlm_config *c, const struct vlm_gguf_model *g, vlm_error *err)
{
    struct keys text = {&g->text.meta, err, VLM_OK}, vision = {&g->vision.meta, err, VLM_OK};
    bool sees = g->vision.weights.source != NULL;
    *c = (struct vlm_config){.scale = 1};
    strcpy(c->family, sees ? "smolvlm" : "llama");
    strcpy(c->architecture, sees ? "llama with idefics3" : "llama");
    read_text(&c->text, &text);
    read_vocabulary(c, &text);
    if (text.rc < 0 || !sees)
        return text.rc;
    if (c->image_token_id < 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: no control token <image>, expected one",
                        g->text.meta.file);
    read_vision(c, &vision);
    return vision.rc;
}

/* ---- the template: here, and the copy for any other file ---- */

int vlm_config_take_template(char **source, size_t *n, const vlm_allocator *alloc, const char *text,
                             size_t n_text, vlm_error *err)
{
    if (n_text > VLM_LIMIT_TEMPLATE_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "chat template: %zu bytes, expected at most %u", n_text,
                        (unsigned)VLM_LIMIT_TEMPLATE_BYTES);
    char *copy = vlm_mem_strndup(alloc, text, n_text);
    if (!copy)
        return vlm_fail_memory(err, n_text, "the chat template");
    *source = copy;
    *n = n_text;
    return VLM_OK;
}

int vlm_config_template_gguf(char **source, size_t *n, const vlm_allocator *alloc,
                             const struct vlm_gguf_model *g, vlm_error *err)
{
    const char *text = NULL;
    size_t n_text = 0;
    *source = NULL;
    *n = 0;
    int rc =
        vlm_gguf_get_string(&text, &n_text, &g->text.meta, "tokenizer.chat_template", true, err);
    return rc < 0 || !text ? rc : vlm_config_take_template(source, n, alloc, text, n_text, err);
}
