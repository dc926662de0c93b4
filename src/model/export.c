/* export.c: see export.h.  The mirror of bind.c and config_gguf.c: what they read is what is listed
 * here. */
#include "model/export.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/bind.h"

struct lister {
    struct vlm_exports *out;
    const char *prefix; /* with the layer's number, or "" */
    size_t layer;
    bool vision;
    bool ok; /* memory was there */
};

static struct vlm_export *add(struct lister *l, const char *name, const char *suffix)
{
    struct vlm_exports *e = l->out;
    l->ok = l->ok && vlm_grow(e->alloc, &e->at, &e->cap, e->n, sizeof *e->at);
    if (!l->ok)
        return NULL;
    struct vlm_export *t = &e->at[e->n++];
    *t = (struct vlm_export){.layer = l->layer, .vision = l->vision, .shape = {1, 1, 1, 1}};
    int n = snprintf(t->name, sizeof t->name, l->prefix, l->layer);
    snprintf(t->name + n, sizeof t->name - (size_t)n, "%s%s", name, suffix);
    return t;
}

static void vector(struct lister *l, const char *name, const char *suffix, const float *v, size_t n)
{
    struct vlm_export *t = v ? add(l, name, suffix) : NULL;
    if (!t)
        return;
    t->n_dims = 1;
    t->shape[0] = n;
    t->vector = v;
}

static void matrix(struct lister *l, const char *name, enum vlm_export_role role,
                   const struct vlm_linear *w, size_t heads)
{
    struct vlm_export *t = add(l, name, ".weight");
    if (!t)
        return;
    t->role = role;
    t->n_dims = 2;
    t->shape[0] = w->n_out;
    t->shape[1] = w->n_in;
    t->matrix = w;
    t->heads = heads;
    vector(l, name, ".bias", w->bias, w->n_out);
}

static void vision_layer(struct lister *l, const struct vlm_vision_layer *v, size_t hidden)
{
    const struct vlm_tensor_names *n = &vlm_model_gguf_names;
    l->prefix = n->vision_layer;
    vector(l, n->vision.norm1, ".weight", v->norm1_w, hidden);
    vector(l, n->vision.norm1, ".bias", v->norm1_b, hidden);
    matrix(l, n->vision.q, VLM_EXPORT_TOWER, &v->q, 0);
    matrix(l, n->vision.k, VLM_EXPORT_TOWER, &v->k, 0);
    matrix(l, n->vision.v, VLM_EXPORT_TOWER, &v->v, 0);
    matrix(l, n->vision.out, VLM_EXPORT_TOWER, &v->out, 0);
    vector(l, n->vision.norm2, ".weight", v->norm2_w, hidden);
    vector(l, n->vision.norm2, ".bias", v->norm2_b, hidden);
    matrix(l, n->vision.fc1, VLM_EXPORT_TOWER, &v->fc1, 0);
    matrix(l, n->vision.fc2, VLM_EXPORT_TOWER, &v->fc2, 0);
    l->prefix = "";
}

static void vision(struct lister *l, const struct vlm_model *m)
{
    const struct vlm_tensor_names *n = &vlm_model_gguf_names;
    const struct vlm_vision_config *c = &m->config.vision;
    l->vision = true;
    matrix(l, n->connector, VLM_EXPORT_TOWER, &m->connector, 0);
    size_t patch = l->out->n;
    matrix(l, n->patch, VLM_EXPORT_PATCH, &m->patch, 0);
    if (l->ok) { /* a convolution: four dimensions of the same numbers */
        struct vlm_export *t = &l->out->at[patch];
        t->n_dims = 4;
        memcpy(t->shape, (uint64_t[4]){c->hidden, 3, c->patch, c->patch}, sizeof t->shape);
    }
    matrix(l, n->position, VLM_EXPORT_POSITION, &m->position, 0);
    for (l->layer = 0; l->layer < c->layers; l->layer++)
        vision_layer(l, &m->vision[l->layer], c->hidden);
    vector(l, n->post, ".weight", m->post_w, c->hidden);
    vector(l, n->post, ".bias", m->post_b, c->hidden);
    l->vision = false;
}

static void text_layer(struct lister *l, const struct vlm_model *m, const struct vlm_text_layer *t)
{
    const struct vlm_tensor_names *n = &vlm_model_gguf_names;
    const struct vlm_text_config *c = &m->config.text;
    l->prefix = n->text_layer;
    vector(l, n->text.norm1, ".weight", t->norm1, c->hidden);
    matrix(l, n->text.q, VLM_EXPORT_QK, &t->q, m->paired ? 0 : c->heads);
    matrix(l, n->text.k, VLM_EXPORT_QK, &t->k, m->paired ? 0 : c->kv_heads);
    matrix(l, n->text.v, VLM_EXPORT_V, &t->v, 0);
    matrix(l, n->text.out, VLM_EXPORT_OUT, &t->out, 0);
    vector(l, n->text.norm2, ".weight", t->norm2, c->hidden);
    matrix(l, n->text.gate, VLM_EXPORT_FFN, &t->gate, 0);
    matrix(l, n->text.up, VLM_EXPORT_FFN, &t->up, 0);
    matrix(l, n->text.down, VLM_EXPORT_DOWN, &t->down, 0);
    l->prefix = "";
}

int vlm_model_exports(struct vlm_exports *out, const struct vlm_model *m, vlm_error *err)
{
    const struct vlm_tensor_names *n = &vlm_model_gguf_names;
    *out = (struct vlm_exports){.alloc = m->alloc};
    struct lister l = {.out = out, .prefix = "", .ok = true};
    bool tied = m->config.text.tied;
    matrix(&l, n->embed, tied ? VLM_EXPORT_HEAD : VLM_EXPORT_EMBED, &m->embed, 0);
    for (l.layer = 0; l.layer < m->config.text.layers; l.layer++)
        text_layer(&l, m, &m->text[l.layer]);
    vector(&l, n->norm, ".weight", m->norm, m->config.text.hidden);
    if (!tied)
        matrix(&l, n->head, VLM_EXPORT_HEAD, &m->head, 0);
    if (m->config.vision.layers)
        vision(&l, m);
    if (l.ok)
        return VLM_OK;
    vlm_model_exports_free(out);
    return vlm_fail_memory(err, sizeof *out->at, "the list of tensors");
}

void vlm_model_exports_free(struct vlm_exports *e)
{
    if (e->alloc)
        vlm_mem_free(e->alloc, e->at);
    *e = (struct vlm_exports){.alloc = NULL};
}

/* ---- keys ---------------------------------------------------------------------------------- */

void vlm_model_export_text_keys(struct vlm_gguf_writer *w, const struct vlm_config *c)
{
    const struct vlm_text_config *t = &c->text;
    vlm_gguf_put_u32(w, "llama.block_count", t->layers);
    vlm_gguf_put_u32(w, "llama.context_length", t->context);
    vlm_gguf_put_u32(w, "llama.embedding_length", t->hidden);
    vlm_gguf_put_u32(w, "llama.feed_forward_length", t->ffn);
    vlm_gguf_put_u32(w, "llama.attention.head_count", t->heads);
    vlm_gguf_put_u32(w, "llama.attention.head_count_kv", t->kv_heads);
    vlm_gguf_put_u32(w, "llama.attention.key_length", t->head_dim);
    vlm_gguf_put_u32(w, "llama.attention.value_length", t->head_dim);
    vlm_gguf_put_u32(w, "llama.rope.dimension_count", t->head_dim);
    vlm_gguf_put_f32(w, "llama.rope.freq_base", (float)t->rope_theta);
    vlm_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", t->eps);
    vlm_gguf_put_u32(w, "llama.vocab_size", t->vocab);
}

static void put_floats3(struct vlm_gguf_writer *w, const char *key, const float x[3])
{
    vlm_gguf_put_array(w, key, VLM_GGUF_F32, 3);
    for (size_t i = 0; i < 3; i++)
        vlm_gguf_put_item_f32(w, x[i]);
}

void vlm_model_export_vision_keys(struct vlm_gguf_writer *w, const struct vlm_config *c)
{
    const struct vlm_vision_config *v = &c->vision;
    vlm_gguf_put_bool(w, "clip.has_vision_encoder", true);
    vlm_gguf_put_word(w, "clip.projector_type", "idefics3");
    vlm_gguf_put_bool(w, "clip.use_gelu", true);
    vlm_gguf_put_u32(w, "clip.vision.projection_dim", c->text.hidden);
    vlm_gguf_put_u32(w, "clip.vision.image_size", v->image_size);
    vlm_gguf_put_u32(w, "clip.vision.patch_size", v->patch);
    vlm_gguf_put_u32(w, "clip.vision.embedding_length", v->hidden);
    vlm_gguf_put_u32(w, "clip.vision.feed_forward_length", v->ffn);
    vlm_gguf_put_u32(w, "clip.vision.block_count", v->layers);
    vlm_gguf_put_u32(w, "clip.vision.attention.head_count", v->heads);
    vlm_gguf_put_f32(w, "clip.vision.attention.layer_norm_epsilon", v->eps);
    put_floats3(w, "clip.vision.image_mean", c->image.mean);
    put_floats3(w, "clip.vision.image_std", c->image.std);
    vlm_gguf_put_u32(w, "clip.vision.projector.scale_factor", c->scale);
    vlm_gguf_put_u32(w, "clip.vision.preproc_image_size", c->image.longest_edge);
}

const char *vlm_model_export_unsaid(const struct vlm_config *c)
{
    const struct vlm_image_config *i = &c->image;
    if (c->n_eos > 2)
        return "more than two tokens that end an answer";
    if ((float)c->text.rope_theta != c->text.rope_theta)
        return "a rope_theta of more than 24 bits";
    if (c->vision.layers == 0)
        return NULL;
    if (i->tile != c->vision.image_size)
        return "tiles of another size than the tower's table of positions";
    if (i->resample != VLM_RESAMPLE_LANCZOS)
        return "another resampling than Lanczos";
    if (!i->split)
        return "pictures that are not split";
    if (i->rescale != 1.0 / 255)
        return "another rescale_factor than 1/255";
    return NULL;
}
