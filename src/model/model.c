/* model.c: opens a checkpoint: config, weights, and every tensor bound once to a named field with
 * its whole shape checked.  Matrices stay where they lie in the file; norms and biases are copied
 * to f32. */
#include "model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/limits.h"

/* Where binding stands: the first error wins, later calls do nothing. */
struct binder {
    struct vlm_model *m;
    vlm_error *err;
    int rc;
    uint64_t n; /* elements bound since it was last reset */
};

static void shape_text(char out[96], const uint64_t *shape, size_t n_dims)
{
    size_t at = 0;
    at += (size_t)snprintf(out, 96, "[");
    for (size_t i = 0; i < n_dims; i++)
        at += (size_t)snprintf(out + at, 96 - at, i ? ", %llu" : "%llu",
                               (unsigned long long)shape[i]);
    snprintf(out + at, 96 - at, "]");
}

/* The tensor of that name with exactly this shape and a type we compute with, or NULL and an error.
 */
static const struct vlm_weight *expect(struct binder *b, const char *name, const uint64_t *shape,
                                       size_t n_dims)
{
    if (b->rc < 0)
        return NULL;
    const struct vlm_weight *t = vlm_weights_find(&b->m->weights, name);
    char found[96], wanted[96];
    shape_text(wanted, shape, n_dims);
    if (!t) {
        const char *file = b->m->weights.n_files == 1 ? b->m->weights.files[0].name
                                                      : "model.safetensors.index.json";
        b->rc = vlm_fail(b->err, VLM_ERR_FORMAT, "%s: tensor %s is missing, expected %s", file,
                         name, wanted);
        return NULL;
    }
    const char *file = b->m->weights.files[t->file].name;
    if (t->n_dims != n_dims || memcmp(t->shape, shape, n_dims * sizeof *shape) != 0) {
        shape_text(found, t->shape, t->n_dims);
        b->rc = vlm_fail(b->err, VLM_ERR_FORMAT, "%s: tensor %s is %s, expected %s", file, name,
                         found, wanted);
        return NULL;
    }
    if (t->dtype >= VLM_N_FLOAT) {
        b->rc =
            vlm_fail(b->err, VLM_ERR_UNSUPPORTED,
                     "%s: tensor %s is of type %s, expected F32, F16 or BF16", file, name, t->type);
        return NULL;
    }
    uint64_t elements = 1;
    for (size_t i = 0; i < n_dims; i++)
        elements *= shape[i];
    b->n += elements;
    return t;
}

/* A vector, copied to f32. */
static const float *bind_vector(struct binder *b, uint64_t n, const char *name)
{
    const struct vlm_weight *t = expect(b, name, &n, 1);
    struct vlm_model *m = b->m;
    if (!t)
        return NULL;
    float *v = vlm_mem_alloc(m->alloc, n, sizeof *v);
    if (!v || !vlm_grow(m->alloc, &m->vectors, &m->cap_vectors, m->n_vectors, sizeof *m->vectors)) {
        vlm_mem_free(m->alloc, v);
        b->rc = vlm_fail_memory(b->err, n * sizeof *v, name);
        return NULL;
    }
    m->vectors[m->n_vectors++] = v;
    struct vlm_kernels k;
    vlm_kernels_init(&k, "scalar"); /* exact at every level */
    k.to_f32[t->dtype](v, t->data, n);
    return v;
}

/* A matrix, left in place. */
static void bind_matrix(struct binder *b, struct vlm_linear *w, uint64_t n_out, uint64_t n_in,
                        const char *name)
{
    const uint64_t shape[2] = {n_out, n_in};
    const struct vlm_weight *t = expect(b, name, shape, 2);
    if (t)
        *w = (struct vlm_linear){t->dtype, n_out, n_in, t->data, NULL, NULL};
}

/* PREFIX + "fc1" -> matrix PREFIXfc1.weight and, with bias, vector PREFIXfc1.bias. */
static void bind_linear(struct binder *b, struct vlm_linear *w, uint64_t n_out, uint64_t n_in,
                        bool bias, const char *prefix, const char *name)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s.weight", prefix, name);
    bind_matrix(b, w, n_out, n_in, full);
    if (bias) {
        snprintf(full, sizeof full, "%s%s.bias", prefix, name);
        w->bias = bind_vector(b, n_out, full);
    }
}

static const float *bind_norm(struct binder *b, uint64_t n, const char *prefix, const char *name)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return bind_vector(b, n, full);
}

/* The patch convolution [hidden, 3, patch, patch] is a matrix [hidden, 3*patch*patch] as it lies.
 */
static void bind_patch(struct binder *b)
{
    const struct vlm_vision_config *v = &b->m->config.vision;
    const uint64_t shape[4] = {v->hidden, 3, v->patch, v->patch};
    const char *prefix = "model.vision_model.embeddings.";
    char name[160];
    snprintf(name, sizeof name, "%spatch_embedding.weight", prefix);
    const struct vlm_weight *t = expect(b, name, shape, 4);
    if (t)
        b->m->patch = (struct vlm_linear){t->dtype, v->hidden,
                                          (size_t)3 * v->patch * v->patch, t->data, NULL, NULL};
    b->m->patch.bias = bind_norm(b, v->hidden, prefix, "patch_embedding.bias");
    uint64_t side = v->image_size / v->patch;
    snprintf(name, sizeof name, "%sposition_embedding.weight", prefix);
    bind_matrix(b, &b->m->position, side * side, v->hidden, name);
}

static void bind_vision_layer(struct binder *b, struct vlm_vision_layer *l, size_t i)
{
    const struct vlm_vision_config *v = &b->m->config.vision;
    char prefix[96];
    snprintf(prefix, sizeof prefix, "model.vision_model.encoder.layers.%zu.", i);
    l->norm1_w = bind_norm(b, v->hidden, prefix, "layer_norm1.weight");
    l->norm1_b = bind_norm(b, v->hidden, prefix, "layer_norm1.bias");
    bind_linear(b, &l->q, v->hidden, v->hidden, true, prefix, "self_attn.q_proj");
    bind_linear(b, &l->k, v->hidden, v->hidden, true, prefix, "self_attn.k_proj");
    bind_linear(b, &l->v, v->hidden, v->hidden, true, prefix, "self_attn.v_proj");
    bind_linear(b, &l->out, v->hidden, v->hidden, true, prefix, "self_attn.out_proj");
    l->norm2_w = bind_norm(b, v->hidden, prefix, "layer_norm2.weight");
    l->norm2_b = bind_norm(b, v->hidden, prefix, "layer_norm2.bias");
    bind_linear(b, &l->fc1, v->ffn, v->hidden, true, prefix, "mlp.fc1");
    bind_linear(b, &l->fc2, v->hidden, v->ffn, true, prefix, "mlp.fc2");
}

static void bind_text_layer(struct binder *b, struct vlm_text_layer *l, size_t i)
{
    const struct vlm_text_config *t = &b->m->config.text;
    uint64_t q = (uint64_t)t->heads * t->head_dim, kv = (uint64_t)t->kv_heads * t->head_dim;
    char prefix[96];
    snprintf(prefix, sizeof prefix, "model.text_model.layers.%zu.", i);
    l->norm1 = bind_norm(b, t->hidden, prefix, "input_layernorm.weight");
    bind_linear(b, &l->q, q, t->hidden, false, prefix, "self_attn.q_proj");
    bind_linear(b, &l->k, kv, t->hidden, false, prefix, "self_attn.k_proj");
    bind_linear(b, &l->v, kv, t->hidden, false, prefix, "self_attn.v_proj");
    bind_linear(b, &l->out, t->hidden, q, false, prefix, "self_attn.o_proj");
    l->norm2 = bind_norm(b, t->hidden, prefix, "post_attention_layernorm.weight");
    bind_linear(b, &l->gate, t->ffn, t->hidden, false, prefix, "mlp.gate_proj");
    bind_linear(b, &l->up, t->ffn, t->hidden, false, prefix, "mlp.up_proj");
    bind_linear(b, &l->down, t->hidden, t->ffn, false, prefix, "mlp.down_proj");
}

/* Every part in turn, counting its parameters. */
static void bind_all(struct binder *b)
{
    struct vlm_model *m = b->m;
    const struct vlm_config *c = &m->config;
    bind_patch(b);
    for (size_t i = 0; i < c->vision.layers; i++)
        bind_vision_layer(b, &m->vision[i], i);
    m->post_w = bind_norm(b, c->vision.hidden, "model.vision_model.", "post_layernorm.weight");
    m->post_b = bind_norm(b, c->vision.hidden, "model.vision_model.", "post_layernorm.bias");
    m->parameters_vision = b->n;
    b->n = 0;
    bind_linear(b, &m->connector, c->text.hidden, (uint64_t)c->vision.hidden * c->scale * c->scale,
                false, "model.connector.modality_projection.", "proj");
    m->parameters_connector = b->n;
    b->n = 0;
    bind_matrix(b, &m->embed, c->text.vocab, c->text.hidden,
                "model.text_model.embed_tokens.weight");
    for (size_t i = 0; i < c->text.layers; i++)
        bind_text_layer(b, &m->text[i], i);
    m->norm = bind_norm(b, c->text.hidden, "model.text_model.", "norm.weight");
    if (c->text.tied)
        m->head = m->embed;
    else
        bind_matrix(b, &m->head, c->text.vocab, c->text.hidden, "lm_head.weight");
    m->parameters_text = b->n;
    m->parameters = m->parameters_vision + m->parameters_connector + m->parameters_text;
}

/* Row of the position table for each patch: with as many patches as the table has, the identity;
 * with fewer, bucket(i) = floor(i * S / n) per axis, as the tower was trained. */
static int fill_tables(struct vlm_model *m, vlm_error *err)
{
    const struct vlm_config *c = &m->config;
    size_t n = c->grid, side = c->vision.image_size / c->vision.patch, half = c->text.head_dim / 2;
    m->position_ids = vlm_mem_alloc(m->alloc, n * n, sizeof *m->position_ids);
    m->inv_freq = vlm_mem_alloc(m->alloc, half, sizeof *m->inv_freq);
    if (!m->position_ids || !m->inv_freq)
        return vlm_fail_memory(err, n * n * sizeof *m->position_ids, "position tables");
    for (size_t i = 0; i < n * n; i++)
        m->position_ids[i] = (int32_t)(i / n * side / n * side + i % n * side / n);
    vlm_rope_inv_freq(m->inv_freq, c->text.rope_theta, c->text.head_dim);
    return VLM_OK;
}

int vlm_model_open(struct vlm_model **out, const vlm_allocator *alloc,
                   const struct vlm_files *files, vlm_error *err)
{
    struct vlm_model *m = vlm_mem_zalloc(alloc, 1, sizeof *m);
    if (!m)
        return vlm_fail_memory(err, sizeof *m, "the model");
    m->alloc = alloc;
    int rc = vlm_config_read(&m->config, files, err);
    if (rc == VLM_OK)
        rc = vlm_weights_open(&m->weights, files, err);
    if (rc == VLM_OK) {
        m->vision = vlm_mem_zalloc(alloc, m->config.vision.layers, sizeof *m->vision);
        m->text = vlm_mem_zalloc(alloc, m->config.text.layers, sizeof *m->text);
        if (!m->vision || !m->text)
            rc = vlm_fail_memory(err, m->config.text.layers * sizeof *m->text, "the layers");
    }
    if (rc == VLM_OK) {
        struct binder b = {m, err, VLM_OK, 0};
        bind_all(&b);
        rc = b.rc;
    }
    if (rc == VLM_OK)
        rc = fill_tables(m, err);
    if (rc < 0) {
        vlm_model_close(m);
        return rc;
    }
    *out = m;
    return VLM_OK;
}

static size_t wider(size_t n, const struct vlm_linear *w)
{
    return w->type >= VLM_N_FLOAT && w->n_in > n ? w->n_in : n;
}

size_t vlm_model_widest_packed(const struct vlm_model *m)
{
    size_t n = wider(wider(wider(0, &m->patch), &m->connector), &m->head);
    for (size_t i = 0; i < m->config.vision.layers; i++) {
        const struct vlm_vision_layer *l = &m->vision[i];
        n = wider(wider(wider(wider(n, &l->q), &l->k), &l->v), &l->out);
        n = wider(wider(n, &l->fc1), &l->fc2);
    }
    for (size_t i = 0; i < m->config.text.layers; i++) {
        const struct vlm_text_layer *l = &m->text[i];
        n = wider(wider(wider(wider(n, &l->q), &l->k), &l->v), &l->out);
        n = wider(wider(wider(n, &l->gate), &l->up), &l->down);
    }
    return n;
}

void vlm_model_close(struct vlm_model *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_vectors; i++)
        vlm_mem_free(m->alloc, m->vectors[i]);
    vlm_mem_free(m->alloc, m->vectors);
    vlm_mem_free(m->alloc, m->vision);
    vlm_mem_free(m->alloc, m->text);
    vlm_mem_free(m->alloc, m->position_ids);
    vlm_mem_free(m->alloc, m->inv_freq);
    if (m->weights.source)
        vlm_weights_close(&m->weights);
    vlm_mem_free(m->alloc, m);
}
