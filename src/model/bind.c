/* bind.c: binds every tensor once to a named field with its whole shape checked.
 *
 * Matrices stay where they lie in the file; norms, biases and scales are copied to f32.  The names
 * are those of the Hugging Face releases or of GGUF.  In a GGUF file every tensor must be one of
 * these: another one would mean another architecture. */
#include "model/bind.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

static const struct vlm_tensor_names hf_names = {
    "model.vision_model.embeddings.patch_embedding",
    "model.vision_model.embeddings.position_embedding",
    "model.vision_model.post_layernorm",
    "model.connector.modality_projection.proj",
    "model.text_model.embed_tokens",
    "model.text_model.norm",
    "lm_head",
    "model.vision_model.encoder.layers.%zu.",
    "model.text_model.layers.%zu.",
    {"layer_norm1", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
     "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2"},
    {"input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
     "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj",
     "mlp.down_proj"},
};
const struct vlm_tensor_names vlm_model_gguf_names = {
    "v.patch_embd",
    "v.position_embd",
    "v.post_ln",
    "mm.model.fc",
    "token_embd",
    "output_norm",
    "output",
    "v.blk.%zu.",
    "blk.%zu.",
    {"ln1", "attn_q", "attn_k", "attn_v", "attn_out", "ln2", "ffn_up", "ffn_down"},
    {"attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up",
     "ffn_down"},
};

/* Where binding stands: the first error wins, later calls do nothing. */
struct binder {
    struct vlm_model *m;
    const struct vlm_tensor_names *names;
    struct vlm_weights *w; /* where tensors are looked up */
    bool *bound;           /* [w->n_tensors] */
    char prefix[96];       /* of the layer being bound, else empty */
    vlm_error *err;
    int rc;
    uint64_t n; /* elements bound since it was last reset */
};

struct full_name {
    char text[192];
};

static const char *name_of(struct full_name *f, const struct binder *b, const char *name,
                           const char *suffix)
{
    snprintf(f->text, sizeof f->text, "%s%s%s", b->prefix, name, suffix);
    return f->text;
}

static void shape_text(char out[96], const uint64_t *shape, size_t n_dims)
{
    size_t at = 0;
    at += (size_t)snprintf(out, 96, "[");
    for (size_t i = 0; i < n_dims; i++)
        at += (size_t)snprintf(out + at, 96 - at, i ? ", %llu" : "%llu",
                               (unsigned long long)shape[i]);
    snprintf(out + at, 96 - at, "]");
}

static const struct vlm_weight *find(struct binder *b, const char *name)
{
    const struct vlm_weight *t = b->rc < 0 ? NULL : vlm_weights_find(b->w, name);
    if (t)
        b->bound[t - b->w->tensors] = true;
    return t;
}

static int wrong_shape(struct binder *b, const struct vlm_weight *t, const char *wanted)
{
    char found[96];
    shape_text(found, t->shape, t->n_dims);
    return b->rc = vlm_fail(b->err, VLM_ERR_FORMAT, "%s: tensor %s is %s, expected %s",
                            b->w->files[t->file].name, t->name, found, wanted);
}

/* The tensor of that name with exactly this shape and a type we compute with, or NULL and an error.
 */
static const struct vlm_weight *expect(struct binder *b, const char *name, const uint64_t *shape,
                                       size_t n_dims)
{
    const struct vlm_weight *t = find(b, name);
    char wanted[96];
    if (b->rc < 0)
        return NULL;
    shape_text(wanted, shape, n_dims);
    if (!t) {
        const char *file = b->w->n_files == 1 ? b->w->files[0].name
                           : b->m->paired     ? "all parts"
                                              : "model.safetensors.index.json";
        b->rc = vlm_fail(b->err, VLM_ERR_FORMAT, "%s: tensor %s is missing, expected %s", file,
                         name, wanted);
        return NULL;
    }
    if (t->n_dims != n_dims || memcmp(t->shape, shape, n_dims * sizeof *shape) != 0) {
        wrong_shape(b, t, wanted);
        return NULL;
    }
    if (t->dtype == VLM_NUM_OTHER || (n_dims == 1 && t->dtype >= VLM_N_FLOAT)) {
        b->rc = vlm_fail(b->err, VLM_ERR_UNSUPPORTED, "%s: tensor %s is of type %s, expected %s",
                         b->w->files[t->file].name, name, t->type,
                         n_dims == 1 ? "F32, F16 or BF16" : "a type that is computed with");
        return NULL;
    }
    uint64_t elements = 1;
    for (size_t i = 0; i < n_dims; i++)
        elements *= shape[i];
    b->n += elements;
    return t;
}

/* Room for n floats that the model owns, or NULL. */
static float *add_vector(struct binder *b, uint64_t n, const char *name)
{
    struct vlm_model *m = b->m;
    float *v = vlm_mem_alloc(m->alloc, n, sizeof *v);
    if (!v || !vlm_grow(m->alloc, &m->vectors, &m->cap_vectors, m->n_vectors, sizeof *m->vectors)) {
        vlm_mem_free(m->alloc, v);
        b->rc = vlm_fail_memory(b->err, n * sizeof *v, name);
        return NULL;
    }
    return m->vectors[m->n_vectors++] = v;
}

static void to_floats(float *out, const struct vlm_weight *t, size_t n)
{
    struct vlm_kernels k;
    vlm_kernels_init(&k, "scalar"); /* exact at every level */
    k.to_f32[t->dtype](out, t->data, n);
}

/* A vector, copied to f32. */
static const float *bind_vector(struct binder *b, uint64_t n, const char *name, const char *suffix)
{
    struct full_name full;
    const struct vlm_weight *t = expect(b, name_of(&full, b, name, suffix), &n, 1);
    float *v = t ? add_vector(b, n, t->name) : NULL;
    if (v)
        to_floats(v, t, n);
    return v;
}

/* The scales of a matrix of numbers that are no floats of their own: one for all rows, or one for
 * each, under NAME_scale or NAME_scale_inv (both are multiplied by).  None: the values themselves.
 */
static const float *bind_scale(struct binder *b, const struct vlm_weight *w)
{
    static const char *const suffixes[] = {"_scale", "_scale_inv", "_zero_point"};
    const struct vlm_weight *found[3];
    struct full_name full;
    for (size_t i = 0; i < 3; i++) {
        snprintf(full.text, sizeof full.text, "%s%s", w->name, suffixes[i]);
        found[i] = find(b, full.text);
    }
    const struct vlm_weight *t = found[0] ? found[0] : found[1];
    if (found[2] || (found[0] && found[1])) {
        b->rc = vlm_fail(b->err, VLM_ERR_UNSUPPORTED, "%s: tensor %s is not supported beside %s",
                         b->w->files[w->file].name, found[2] ? found[2]->name : found[1]->name,
                         w->name);
        return NULL;
    }
    if (!t)
        return NULL;
    uint64_t n = w->shape[0], elements = 1;
    for (size_t i = 0; i < t->n_dims; i++)
        elements *= t->shape[i];
    if (elements != 1 && (elements != n || t->shape[0] != n)) {
        char wanted[96];
        snprintf(wanted, sizeof wanted, "one number or one for each of %llu rows",
                 (unsigned long long)n);
        wrong_shape(b, t, wanted);
        return NULL;
    }
    if (t->dtype >= VLM_N_FLOAT) {
        b->rc = vlm_fail(b->err, VLM_ERR_UNSUPPORTED,
                         "%s: tensor %s is of type %s, expected F32, F16 or BF16",
                         b->w->files[t->file].name, t->name, t->type);
        return NULL;
    }
    float *v = add_vector(b, n, t->name);
    if (v)
        to_floats(v, t, elements);
    for (uint64_t i = 1; v && elements == 1 && i < n; i++)
        v[i] = v[0];
    return v;
}

/* A tensor as the matrix [n_out][n_in], left in place. */
static void place(struct binder *b, struct vlm_linear *w, const struct vlm_weight *t,
                  uint64_t n_out, uint64_t n_in)
{
    if (!t)
        return;
    *w = (struct vlm_linear){.type = t->dtype, .n_out = n_out, .n_in = n_in, .data = t->data};
    if (t->dtype == VLM_NUM_F8_E4M3 || t->dtype == VLM_NUM_I8)
        w->scale = bind_scale(b, t);
}

static void bind_matrix(struct binder *b, struct vlm_linear *w, uint64_t n_out, uint64_t n_in,
                        const char *name)
{
    const uint64_t shape[2] = {n_out, n_in};
    struct full_name full;
    place(b, w, expect(b, name_of(&full, b, name, ".weight"), shape, 2), n_out, n_in);
}

/* Matrix and bias. */
static void bind_linear(struct binder *b, struct vlm_linear *w, uint64_t n_out, uint64_t n_in,
                        const char *name)
{
    bind_matrix(b, w, n_out, n_in, name);
    w->bias = bind_vector(b, n_out, name, ".bias");
}

/* The patch convolution [hidden, 3, patch, patch] is a matrix [hidden, 3*patch*patch] as it lies.
 */
static void bind_patch(struct binder *b)
{
    const struct vlm_vision_config *v = &b->m->config.vision;
    const uint64_t shape[4] = {v->hidden, 3, v->patch, v->patch};
    struct full_name full;
    const struct vlm_weight *t = expect(b, name_of(&full, b, b->names->patch, ".weight"), shape, 4);
    if (t && t->dtype >= VLM_N_FLOAT)
        b->rc = vlm_fail(b->err, VLM_ERR_UNSUPPORTED,
                         "%s: tensor %s is of type %s, expected F32, F16 or BF16",
                         b->w->files[t->file].name, t->name, t->type);
    place(b, &b->m->patch, t, v->hidden, (uint64_t)3 * v->patch * v->patch);
    b->m->patch.bias = bind_vector(b, v->hidden, b->names->patch, ".bias");
    uint64_t side = v->image_size / v->patch;
    bind_matrix(b, &b->m->position, side * side, v->hidden, b->names->position);
}

/* Early GGUF files name the two matrices of a tower's MLP the other way round: shapes tell. */
static bool mlp_swapped(struct binder *b)
{
    const struct vlm_vision_config *v = &b->m->config.vision;
    struct full_name full;
    const struct vlm_weight *t =
        vlm_weights_find(b->w, name_of(&full, b, b->names->vision.fc1, ".weight"));
    return b->m->paired && v->hidden != v->ffn && t && t->n_dims == 2 && t->shape[0] == v->hidden &&
           t->shape[1] == v->ffn;
}

static void bind_vision_layer(struct binder *b, struct vlm_vision_layer *l, size_t i)
{
    const struct vlm_vision_config *v = &b->m->config.vision;
    const struct vlm_tensor_names *n = b->names;
    snprintf(b->prefix, sizeof b->prefix, n->vision_layer, i);
    bool swapped = mlp_swapped(b);
    l->norm1_w = bind_vector(b, v->hidden, n->vision.norm1, ".weight");
    l->norm1_b = bind_vector(b, v->hidden, n->vision.norm1, ".bias");
    bind_linear(b, &l->q, v->hidden, v->hidden, n->vision.q);
    bind_linear(b, &l->k, v->hidden, v->hidden, n->vision.k);
    bind_linear(b, &l->v, v->hidden, v->hidden, n->vision.v);
    bind_linear(b, &l->out, v->hidden, v->hidden, n->vision.out);
    l->norm2_w = bind_vector(b, v->hidden, n->vision.norm2, ".weight");
    l->norm2_b = bind_vector(b, v->hidden, n->vision.norm2, ".bias");
    bind_linear(b, &l->fc1, v->ffn, v->hidden, swapped ? n->vision.fc2 : n->vision.fc1);
    bind_linear(b, &l->fc2, v->hidden, v->ffn, swapped ? n->vision.fc1 : n->vision.fc2);
    b->prefix[0] = 0;
}

static void bind_text_layer(struct binder *b, struct vlm_text_layer *l, size_t i)
{
    const struct vlm_text_config *t = &b->m->config.text;
    const struct vlm_tensor_names *n = b->names;
    uint64_t q = (uint64_t)t->heads * t->head_dim, kv = (uint64_t)t->kv_heads * t->head_dim;
    snprintf(b->prefix, sizeof b->prefix, n->text_layer, i);
    l->norm1 = bind_vector(b, t->hidden, n->text.norm1, ".weight");
    bind_matrix(b, &l->q, q, t->hidden, n->text.q);
    bind_matrix(b, &l->k, kv, t->hidden, n->text.k);
    bind_matrix(b, &l->v, kv, t->hidden, n->text.v);
    bind_matrix(b, &l->out, t->hidden, q, n->text.out);
    l->norm2 = bind_vector(b, t->hidden, n->text.norm2, ".weight");
    bind_matrix(b, &l->gate, t->ffn, t->hidden, n->text.gate);
    bind_matrix(b, &l->up, t->ffn, t->hidden, n->text.up);
    bind_matrix(b, &l->down, t->hidden, t->ffn, n->text.down);
    b->prefix[0] = 0;
}

static uint64_t take_count(struct binder *b)
{
    uint64_t n = b->n;
    b->n = 0;
    return n;
}

static void bind_vision(struct binder *b)
{
    struct vlm_model *m = b->m;
    const struct vlm_config *c = &m->config;
    bind_patch(b);
    for (size_t i = 0; i < c->vision.layers; i++)
        bind_vision_layer(b, &m->vision[i], i);
    m->post_w = bind_vector(b, c->vision.hidden, b->names->post, ".weight");
    m->post_b = bind_vector(b, c->vision.hidden, b->names->post, ".bias");
    m->parameters_vision = take_count(b);
    bind_matrix(b, &m->connector, c->text.hidden, (uint64_t)c->vision.hidden * c->scale * c->scale,
                b->names->connector);
    m->parameters_connector = take_count(b);
}

static void bind_text(struct binder *b)
{
    struct vlm_model *m = b->m;
    const struct vlm_text_config *t = &m->config.text;
    struct full_name full;
    bind_matrix(b, &m->embed, t->vocab, t->hidden, b->names->embed);
    for (size_t i = 0; i < t->layers; i++)
        bind_text_layer(b, &m->text[i], i);
    m->norm = bind_vector(b, t->hidden, b->names->norm, ".weight");
    if (m->paired) /* GGUF says it by leaving the head out */
        m->config.text.tied = !vlm_weights_find(b->w, name_of(&full, b, b->names->head, ".weight"));
    if (t->tied)
        m->head = m->embed;
    else
        bind_matrix(b, &m->head, t->vocab, t->hidden, b->names->head);
    m->parameters_text = take_count(b);
}

/* Binds with fn what lies in w.  strict: all of it must have been bound. */
static void bind_file(struct binder *b, struct vlm_weights *w, bool strict,
                      void (*const fn[])(struct binder *), size_t n_fn)
{
    const vlm_allocator *alloc = b->m->alloc;
    if (b->rc < 0)
        return;
    b->w = w;
    b->bound = vlm_mem_zalloc(alloc, w->n_tensors, sizeof *b->bound);
    if (!b->bound)
        b->rc = vlm_fail_memory(b->err, w->n_tensors, "the table of tensors");
    for (size_t i = 0; i < n_fn && b->rc == VLM_OK; i++)
        fn[i](b);
    for (size_t i = 0; strict && i < w->n_tensors && b->rc == VLM_OK; i++)
        if (!b->bound[i])
            b->rc = vlm_fail(b->err, VLM_ERR_UNSUPPORTED,
                             "%s: tensor %s belongs to no model that this engine computes",
                             w->files[w->tensors[i].file].name, w->tensors[i].name);
    vlm_mem_free(alloc, b->bound);
}

int vlm_model_bind(struct vlm_model *m, bool gguf, vlm_error *err)
{
    static void (*const all[])(struct binder *) = {bind_vision, bind_text};
    struct binder b = {.m = m, .names = gguf ? &vlm_model_gguf_names : &hf_names, .err = err};
    m->paired = gguf;
    if (!gguf)
        bind_file(&b, &m->weights, false, all, 2);
    if (gguf && m->tower.source)
        bind_file(&b, &m->tower, true, all, 1);
    if (gguf)
        bind_file(&b, &m->weights, true, all + 1, 1);
    m->parameters = m->parameters_vision + m->parameters_connector + m->parameters_text;
    return b.rc;
}
