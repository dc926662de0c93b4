/* vision.c: the SigLIP tower and the connector, one frame at a time (frames are independent).
 *
 *   e = patches W_patch^T + b + position
 *   for each layer:  x += out(attention(q, k, v of LN1(x)));  x += fc2(gelu(fc1(LN2(x))))
 *   features = connector(pixel_shuffle(LN_post(x)))
 *
 * Shapes: N = grid^2 patches, V = hidden, F = ffn. */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "model/model.h"

/* Offsets of the tensors of one frame inside the workspace, in bytes. */
struct layout {
    size_t patches, x, h, q, k, v, ffn, shuffled, total;
};

/* All factors were bounded when the config was read: hidden, ffn <= 2^20, patches <= 2^16. */
static struct layout lay_out(const struct vlm_model *m)
{
    const struct vlm_vision_config *c = &m->config.vision;
    size_t n = (size_t)m->config.grid * m->config.grid;
    struct layout l = {0};
    l.x = vlm_space_place(&l.total, n, c->hidden);
    l.h = vlm_space_place(&l.total, n, c->hidden);
    l.q = vlm_space_place(&l.total, n, c->hidden);
    l.k = vlm_space_place(&l.total, n, c->hidden);
    l.v = vlm_space_place(&l.total, n, c->hidden);
    l.ffn = vlm_space_place(&l.total, n,
                            vlm_max_size(c->ffn, m->patch.n_in)); /* patches use it before */
    l.patches = l.ffn;
    l.shuffled = l.q; /* as large as x, when q is no longer needed */
    return l;
}

static size_t kv_blocks(const struct vlm_model *m)
{
    return ((size_t)m->config.grid * m->config.grid + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
}

static size_t kv_bytes(const struct vlm_model *m)
{
    const struct vlm_vision_config *c = &m->config.vision;
    return vlm_kv_layer_bytes(VLM_NUM_F32, c->heads, c->hidden / c->heads);
}

uint64_t vlm_vision_space_bytes(const struct vlm_model *m)
{
    uint64_t side = m->config.image.tile;
    if (m->config.vision.layers == 0)
        return 0; /* no tower */
    return lay_out(m).total + kv_blocks(m) * kv_bytes(m) + 3 * side * side * sizeof(float);
}

int vlm_vision_space_open(struct vlm_vision_space *s, const struct vlm_model *m,
                          struct vlm_backend *b, vlm_error *err)
{
    const struct vlm_vision_config *c = &m->config.vision;
    size_t n = (size_t)m->config.grid * m->config.grid, blocks = kv_blocks(m),
           side = m->config.image.tile;
    *s = (struct vlm_vision_space){.alloc = m->alloc, .bytes = vlm_vision_space_bytes(m)};
    int rc = vlm_buffer_alloc(&s->buffer, b, lay_out(m).total, "the vision tower", err);
    if (rc == VLM_OK)
        rc = vlm_buffer_alloc(&s->kv, b, blocks * kv_bytes(m), "the vision tower's attention", err);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve(b, c->hidden / c->heads, n, err);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve_unpack(b, vlm_model_widest_packed(m), err);
    s->kv_blocks = vlm_mem_alloc(m->alloc, blocks, sizeof *s->kv_blocks);
    s->n_keys = vlm_mem_alloc(m->alloc, n, sizeof *s->n_keys);
    s->frame = vlm_mem_alloc(m->alloc, 3 * side * side, sizeof *s->frame);
    if (rc == VLM_OK && (!s->kv_blocks || !s->n_keys || !s->frame))
        rc = vlm_fail_memory(err, 3 * side * side * sizeof *s->frame, "one frame");
    if (rc < 0) {
        vlm_vision_space_close(s, b);
        return rc;
    }
    for (size_t i = 0; i < blocks; i++)
        s->kv_blocks[i] = s->kv.data + i * kv_bytes(m);
    for (size_t i = 0; i < n; i++)
        s->n_keys[i] = (uint32_t)n; /* bidirectional: every patch sees all */
    return VLM_OK;
}

void vlm_vision_space_close(struct vlm_vision_space *s, struct vlm_backend *b)
{
    if (!s->alloc)
        return;
    vlm_buffer_free(&s->buffer, b);
    vlm_buffer_free(&s->kv, b);
    vlm_mem_free(s->alloc, s->kv_blocks);
    vlm_mem_free(s->alloc, s->n_keys);
    vlm_mem_free(s->alloc, s->frame);
    *s = (struct vlm_vision_space){.alloc = NULL};
}

static void show(const struct vlm_run *run, const char *name, int layer, const struct vlm_tensor *t,
                 size_t index)
{
    if (run->tap) {
        vlm_backend_sync(run->backend);
        run->tap->fn(run->tap->ctx, name, layer, vlm_tensor_f32(t, 0), index * t->rows, t->rows,
                     t->cols);
    }
}

/* x += out(attention(LN1(x))) */
static void attention_block(const struct vlm_model *m, const struct vlm_run *run,
                            const struct vlm_vision_space *s, const struct vlm_vision_layer *w,
                            const struct vlm_tensor *x)
{
    const struct vlm_vision_config *c = &m->config.vision;
    struct vlm_backend *b = run->backend;
    const struct layout l = lay_out(m);
    size_t n = x->rows, d = c->hidden / c->heads;
    struct vlm_tensor h = vlm_tensor_at(&s->buffer, l.h, n, c->hidden); /* [N, V] */
    struct vlm_tensor q = vlm_tensor_at(&s->buffer, l.q, n, c->hidden); /* [N, V] */
    struct vlm_tensor k = vlm_tensor_at(&s->buffer, l.k, n, c->hidden); /* [N, V] */
    struct vlm_tensor v = vlm_tensor_at(&s->buffer, l.v, n, c->hidden); /* [N, V] */
    struct vlm_segment all = {0, n, 0, {VLM_NUM_F32, c->heads, d, kv_blocks(m), s->kv_blocks, 0}};

    vlm_op_layernorm(b, &h, x, w->norm1_w, w->norm1_b, c->eps);
    vlm_op_linear(b, &q, &h, &w->q);
    vlm_op_linear(b, &k, &h, &w->k);
    vlm_op_linear(b, &v, &h, &w->v);
    vlm_op_kv_store(b, &k, &v, &all, 1);
    vlm_op_attention(b, &h, &q, &all, 1, s->n_keys, c->heads, vlm_inv_sqrt((float)d));
    vlm_op_linear(b, &q, &h, &w->out);
    vlm_op_add(b, x, &q);
}

/* x += fc2(gelu(fc1(LN2(x)))) */
static void mlp_block(const struct vlm_model *m, const struct vlm_run *run,
                      const struct vlm_vision_space *s, const struct vlm_vision_layer *w,
                      const struct vlm_tensor *x)
{
    const struct vlm_vision_config *c = &m->config.vision;
    struct vlm_backend *b = run->backend;
    const struct layout l = lay_out(m);
    struct vlm_tensor h = vlm_tensor_at(&s->buffer, l.h, x->rows, c->hidden); /* [N, V] */
    struct vlm_tensor f = vlm_tensor_at(&s->buffer, l.ffn, x->rows, c->ffn);  /* [N, F] */

    vlm_op_layernorm(b, &h, x, w->norm2_w, w->norm2_b, c->eps);
    vlm_op_linear(b, &f, &h, &w->fc1);
    vlm_op_gelu(b, &f);
    vlm_op_linear(b, &h, &f, &w->fc2);
    vlm_op_add(b, x, &h);
}

int vlm_vision_forward(const struct vlm_model *m, const struct vlm_run *run,
                       struct vlm_vision_space *s, float *features, const uint8_t *frame,
                       bool of_video, size_t index)
{
    const struct vlm_config *c = &m->config;
    const struct layout l = lay_out(m);
    struct vlm_backend *b = run->backend;
    size_t n = (size_t)c->grid * c->grid, hidden = c->vision.hidden, tokens = c->image_seq_len;
    struct vlm_tensor patches =
        vlm_tensor_at(&s->buffer, l.patches, n, m->patch.n_in);      /* [N, 3PP] */
    struct vlm_tensor x = vlm_tensor_at(&s->buffer, l.x, n, hidden); /* [N, V] */
    struct vlm_tensor h = vlm_tensor_at(&s->buffer, l.h, n, hidden); /* [N, V] */
    struct vlm_tensor shuffled = vlm_tensor_at(&s->buffer, l.shuffled, tokens, m->connector.n_in);

    if (of_video)
        vlm_image_normalise_video(s->frame, frame, c->image.tile, &c->image);
    else
        vlm_image_normalise(s->frame, frame, c->image.tile, &c->image);
    if (run->tap)
        run->tap->fn(run->tap->ctx, "pixels", -1, s->frame, index, 1,
                     (size_t)3 * c->image.tile * c->image.tile);
    vlm_op_patches(b, &patches, s->frame, c->image.tile, c->grid, c->vision.patch);
    vlm_op_linear(b, &x, &patches, &m->patch);
    vlm_op_gather(b, &h, &m->position, m->position_ids);
    vlm_op_add(b, &x, &h);
    show(run, "vision.embed", -1, &x, index);
    for (size_t i = 0; i < c->vision.layers; i++) {
        if (run->cancel && atomic_load_explicit(run->cancel, memory_order_relaxed))
            return VLM_ERR_CANCELLED;
        attention_block(m, run, s, &m->vision[i], &x);
        mlp_block(m, run, s, &m->vision[i], &x);
        show(run, "vision", (int)i, &x, index);
    }
    vlm_op_layernorm(b, &h, &x, m->post_w, m->post_b, c->vision.eps);
    show(run, "vision.out", -1, &h, index);
    vlm_op_pixel_shuffle(b, &shuffled, &h, c->grid, c->scale);

    struct vlm_buffer host;
    vlm_buffer_import(&host, b, features, tokens * c->text.hidden * sizeof *features);
    struct vlm_tensor out = vlm_tensor_at(&host, 0, tokens, c->text.hidden); /* [tokens, H] */
    vlm_op_linear(b, &out, &shuffled, &m->connector);
    show(run, "connector", -1, &out, index);
    vlm_backend_sync(b);
    return VLM_OK;
}
