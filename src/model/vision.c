/* vision.c: the SigLIP tower and the connector.  The frames of a batch share the matrix products;
 * attention stays inside a frame, so that none sees another and each gets the bits that it would
 * get alone.
 *
 *   e = patches W_patch^T + b + position
 *   for each layer:  x += out(attention(q, k, v of LN1(x)));  x += fc2(gelu(fc1(LN2(x))))
 *   features = connector(pixel_shuffle(LN_post(x)))
 *
 * Shapes: B frames of N = grid^2 patches, V = hidden, F = ffn, T = image tokens, H = text hidden.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "model/model.h"

/* Rows up to which a larger batch makes the products faster (docs/PERF.md), and the most frames. */
#define BATCH_ROWS 1024
#define BATCH_MOST 4

/* Offsets of the tensors of a batch inside the workspace, in bytes.  Tensors that matrices are
 * applied to have rows of whole blocks, so that a matrix in blocks (tower.c) fits as well as one in
 * floats. */
struct layout {
    size_t patches, x, h, q, k, v, ffn, shuffled, out, total;
};

static size_t patches(const struct vlm_model *m)
{
    return (size_t)m->config.grid * m->config.grid;
}

size_t vlm_vision_batch(const struct vlm_model *m)
{
    size_t n = BATCH_ROWS / vlm_max_size(patches(m), 1);
    return n < 1 ? 1 : vlm_min_size(n, BATCH_MOST);
}

static size_t whole(size_t n)
{
    return vlm_backend_packed_length(n);
}

static size_t place_bytes(size_t rows, size_t cols)
{
    size_t total = 0;
    vlm_space_place(&total, rows, whole(cols));
    return total;
}

/* All factors were bounded when the config was read: hidden, ffn <= 2^20, patches <= 2^16. */
static struct layout lay_out(const struct vlm_model *m)
{
    const struct vlm_vision_config *c = &m->config.vision;
    size_t batch = vlm_vision_batch(m), n = batch * patches(m),
           tokens = batch * m->config.image_seq_len;
    struct layout l = {0};
    l.x = vlm_space_place(&l.total, n, c->hidden);
    l.h = vlm_space_place(&l.total, n, whole(c->hidden));
    l.q = vlm_space_place(&l.total, n, c->hidden);
    l.k = vlm_space_place(&l.total, n, c->hidden);
    l.v = vlm_space_place(&l.total, n, c->hidden);
    l.out = vlm_space_place(&l.total, tokens, m->config.text.hidden);
    /* patches use it before, shuffled rows after */
    l.ffn = l.total;
    l.total += vlm_max_size(place_bytes(n, vlm_max_size(c->ffn, m->patch.n_in)),
                            place_bytes(tokens, m->connector.n_in));
    l.patches = l.shuffled = l.ffn;
    return l;
}

static size_t kv_blocks(const struct vlm_model *m)
{
    return (patches(m) + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
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
    return lay_out(m).total + kv_blocks(m) * kv_bytes(m) + 3 * side * side * sizeof(float) +
           vlm_model_rounded_bytes(m);
}

int vlm_vision_space_open(struct vlm_vision_space *s, const struct vlm_model *m,
                          struct vlm_backend *b, vlm_error *err)
{
    const struct vlm_vision_config *c = &m->config.vision;
    size_t n = patches(m), blocks = kv_blocks(m), side = m->config.image.tile;
    *s = (struct vlm_vision_space){
        .alloc = m->alloc, .max_frames = vlm_vision_batch(m), .bytes = vlm_vision_space_bytes(m)};
    int rc = vlm_buffer_alloc(&s->buffer, b, lay_out(m).total, "the vision tower", err);
    if (rc == VLM_OK)
        rc = vlm_buffer_alloc(&s->kv, b, blocks * kv_bytes(m), "the vision tower's attention", err);
    if (rc == VLM_OK)
        rc = vlm_tower_matrices_open(&s->matrices, m, b, err);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve(b, c->hidden / c->heads, n, err);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve_unpack(b, vlm_model_widest_packed(m), err);
    s->kv_blocks = vlm_mem_alloc(m->alloc, blocks, sizeof *s->kv_blocks);
    s->n_keys = vlm_mem_alloc(m->alloc, s->max_frames * n, sizeof *s->n_keys);
    s->frame = vlm_mem_alloc(m->alloc, 3 * side * side, sizeof *s->frame);
    if (rc == VLM_OK && (!s->kv_blocks || !s->n_keys || !s->frame))
        rc = vlm_fail_memory(err, 3 * side * side * sizeof *s->frame, "one frame");
    if (rc < 0) {
        vlm_vision_space_close(s, b);
        return rc;
    }
    for (size_t i = 0; i < blocks; i++)
        s->kv_blocks[i] = s->kv.data + i * kv_bytes(m);
    for (size_t i = 0; i < s->max_frames * n; i++)
        s->n_keys[i] = (uint32_t)n; /* bidirectional: every patch sees all of its frame */
    return VLM_OK;
}

void vlm_vision_space_close(struct vlm_vision_space *s, struct vlm_backend *b)
{
    if (!s->alloc)
        return;
    vlm_buffer_free(&s->buffer, b);
    vlm_buffer_free(&s->kv, b);
    vlm_tower_matrices_close(&s->matrices, s->alloc, b);
    vlm_mem_free(s->alloc, s->kv_blocks);
    vlm_mem_free(s->alloc, s->n_keys);
    vlm_mem_free(s->alloc, s->frame);
    *s = (struct vlm_vision_space){.alloc = NULL};
}

/* What the layers of one pass share. */
struct pass {
    const struct vlm_model *m;
    const struct vlm_run *run;
    struct vlm_vision_space *s;
    const struct vlm_vision_frame *frames;
    size_t n;
    const struct vlm_linear *patch, *connector;
    const struct vlm_vision_layer *layers;
    struct vlm_tensor patches, x, h, q, k, v, ffn, shuffled, out;
};

/* Rows of n values, with room for those of the last block. */
static struct vlm_tensor input_at(const struct vlm_buffer *f, size_t offset, size_t rows, size_t n)
{
    struct vlm_tensor t = vlm_tensor_at(f, offset, rows, whole(n));
    t.cols = n;
    return t;
}

static void begin_pass(struct pass *p)
{
    const struct vlm_model *m = p->m;
    const struct vlm_vision_config *c = &m->config.vision;
    const struct vlm_buffer *f = &p->s->buffer;
    const struct layout l = lay_out(m);
    size_t n = p->n * patches(m), tokens = p->n * m->config.image_seq_len;
    /* who looks at what matrices are applied to knows those of the model */
    bool as_file = p->run->tap && p->run->tap->input;
    p->patch = as_file ? &m->patch : &p->s->matrices.patch;
    p->connector = as_file ? &m->connector : &p->s->matrices.connector;
    p->layers = as_file ? m->vision : p->s->matrices.layers;
    p->patches = input_at(f, l.patches, n, m->patch.n_in);            /* [BN, 3PP] */
    p->x = vlm_tensor_at(f, l.x, n, c->hidden);                       /* [BN, V] */
    p->h = input_at(f, l.h, n, c->hidden);                            /* [BN, V] */
    p->q = vlm_tensor_at(f, l.q, n, c->hidden);                       /* [BN, V] */
    p->k = vlm_tensor_at(f, l.k, n, c->hidden);                       /* [BN, V] */
    p->v = vlm_tensor_at(f, l.v, n, c->hidden);                       /* [BN, V] */
    p->ffn = input_at(f, l.ffn, n, c->ffn);                           /* [BN, F] */
    p->shuffled = input_at(f, l.shuffled, tokens, m->connector.n_in); /* [BT, V s^2] */
    p->out = vlm_tensor_at(f, l.out, tokens, m->config.text.hidden);  /* [BT, H] */
}

/* Zeros behind the rows of t, whose memory had another use before. */
static void clear_ends(const struct vlm_tensor *t)
{
    for (size_t r = 0; r < t->rows; r++)
        memset(vlm_tensor_f32(t, r) + t->cols, 0, (t->stride - t->cols) * sizeof(float));
}

/* y = W x + b; a matrix in blocks reads rows to the end of their last block. */
static void apply(struct pass *p, const struct vlm_tensor *y, const struct vlm_tensor *x,
                  const struct vlm_linear *w)
{
    struct vlm_tensor in = *x;
    in.cols = w->n_in;
    vlm_model_linear(p->run, y, &in, w);
}

/* The rows of frame i among those of all. */
static struct vlm_tensor of_frame(const struct pass *p, const struct vlm_tensor *t, size_t i)
{
    size_t rows = t->rows / p->n;
    return vlm_tensor_rows(t, i * rows, rows);
}

static void show(const struct pass *p, const char *name, int layer, const struct vlm_tensor *t)
{
    const struct vlm_tap *tap = p->run->tap;
    if (!tap)
        return;
    vlm_backend_sync(p->run->backend);
    for (size_t i = 0; i < p->n; i++) {
        struct vlm_tensor f = of_frame(p, t, i);
        tap->fn(tap->ctx, name, layer, vlm_tensor_f32(&f, 0), p->frames[i].index * f.rows, f.rows,
                f.cols);
    }
}

/* x = patches W^T + b + position */
static void embed(struct pass *p)
{
    const struct vlm_config *c = &p->m->config;
    const struct vlm_tap *tap = p->run->tap;
    struct vlm_backend *b = p->run->backend;
    clear_ends(&p->patches);
    for (size_t i = 0; i < p->n; i++) {
        const struct vlm_vision_frame *f = &p->frames[i];
        struct vlm_tensor rows = of_frame(p, &p->patches, i), at = of_frame(p, &p->h, i);
        (f->of_video ? vlm_image_normalise_video : vlm_image_normalise)(p->s->frame, f->pixels,
                                                                        c->image.tile, &c->image);
        if (tap)
            tap->fn(tap->ctx, "pixels", -1, p->s->frame, f->index, 1,
                    (size_t)3 * c->image.tile * c->image.tile);
        vlm_op_patches(b, &rows, p->s->frame, c->image.tile, c->grid, c->vision.patch);
        vlm_backend_sync(b); /* the next frame takes its place */
        vlm_op_gather(b, &at, &p->m->position, p->m->position_ids);
    }
    apply(p, &p->x, &p->patches, p->patch);
    clear_ends(&p->h);
    clear_ends(&p->ffn);
    vlm_op_add(b, &p->x, &p->h);
    show(p, "vision.embed", -1, &p->x);
}

/* x += out(attention(LN1(x))) */
static void attention_block(struct pass *p, const struct vlm_vision_layer *w)
{
    const struct vlm_vision_config *c = &p->m->config.vision;
    struct vlm_backend *b = p->run->backend;
    size_t n = patches(p->m), d = c->hidden / c->heads;
    struct vlm_segment frame = {
        0, n, 0, {VLM_NUM_F32, c->heads, d, kv_blocks(p->m), p->s->kv_blocks, 0}};

    vlm_op_layernorm(b, &p->h, &p->x, w->norm1_w, w->norm1_b, c->eps);
    apply(p, &p->q, &p->h, &w->q);
    apply(p, &p->k, &p->h, &w->k);
    apply(p, &p->v, &p->h, &w->v);
    for (; frame.first_row < p->n * n; frame.first_row += n) {
        vlm_op_kv_store(b, &p->k, &p->v, &frame, 1);
        vlm_op_attention(b, &p->h, &p->q, &frame, 1, p->s->n_keys, c->heads,
                         vlm_inv_sqrt((float)d));
    }
    apply(p, &p->q, &p->h, &w->out);
    vlm_op_add(b, &p->x, &p->q);
}

/* x += fc2(gelu(fc1(LN2(x)))) */
static void mlp_block(struct pass *p, const struct vlm_vision_layer *w)
{
    struct vlm_backend *b = p->run->backend;
    vlm_op_layernorm(b, &p->h, &p->x, w->norm2_w, w->norm2_b, p->m->config.vision.eps);
    apply(p, &p->ffn, &p->h, &w->fc1);
    vlm_op_gelu(b, &p->ffn);
    apply(p, &p->h, &p->ffn, &w->fc2);
    vlm_op_add(b, &p->x, &p->h);
}

/* features = connector(pixel_shuffle(LN_post(x))) */
static void connect(struct pass *p)
{
    const struct vlm_config *c = &p->m->config;
    struct vlm_backend *b = p->run->backend;
    vlm_op_layernorm(b, &p->q, &p->x, p->m->post_w, p->m->post_b, c->vision.eps);
    show(p, "vision.out", -1, &p->q);
    clear_ends(&p->shuffled);
    for (size_t i = 0; i < p->n; i++) {
        struct vlm_tensor to = of_frame(p, &p->shuffled, i), from = of_frame(p, &p->q, i);
        vlm_op_pixel_shuffle(b, &to, &from, c->grid, c->scale);
    }
    apply(p, &p->out, &p->shuffled, p->connector);
    show(p, "connector", -1, &p->out);
    vlm_backend_sync(b);
    for (size_t i = 0; i < p->n; i++) {
        struct vlm_tensor out = of_frame(p, &p->out, i);
        memcpy(p->frames[i].features, vlm_tensor_f32(&out, 0), out.rows * out.cols * sizeof(float));
    }
}

int vlm_vision_forward(const struct vlm_model *m, const struct vlm_run *run,
                       struct vlm_vision_space *s, const struct vlm_vision_frame *frames, size_t n)
{
    struct pass p = {.m = m, .run = run, .s = s, .frames = frames, .n = n};
    assert(n > 0 && n <= s->max_frames);
    begin_pass(&p);
    embed(&p);
    for (size_t i = 0; i < m->config.vision.layers; i++) {
        if (run->stop && run->stop(run->stop_ctx))
            return VLM_ERR_CANCELLED;
        attention_block(&p, &p.layers[i]);
        mlp_block(&p, &p.layers[i]);
        show(&p, "vision", (int)i, &p.x);
    }
    connect(&p);
    return VLM_OK;
}
