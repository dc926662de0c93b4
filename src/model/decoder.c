/* decoder.c: the Llama decoder on rows.  Prefill, decoding and batches of either are all "some
 * rows".
 *
 *   x = embedding (or image feature)
 *   for each layer:  x += out(attention(rope(q), rope(k), v of RMS1(x)))
 *                    x += down(silu(gate(RMS2(x))) * up(RMS2(x)))
 *   logits = head(RMS(x)), only for the rows that want them
 *
 * Keys and values are stored first and attention reads them back after rounding, the rows of this
 * pass included, so that results do not depend on how a prompt was cut into passes. Shapes: R rows,
 * H = hidden, D = head_dim, Q = heads*D, K = kv_heads*D, F = ffn. */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "model/model.h"

struct layout {
    size_t x, h, q, k, v, gate, up, cos, sin, total;
};

static struct layout lay_out(const struct vlm_model *m, size_t rows)
{
    const struct vlm_text_config *t = &m->config.text;
    size_t n_q = (size_t)t->heads * t->head_dim, n_kv = (size_t)t->kv_heads * t->head_dim;
    struct layout l = {0};
    l.x = vlm_space_place(&l.total, rows, t->hidden);
    l.h =
        vlm_space_place(&l.total, rows, vlm_max_size(t->hidden, n_q)); /* also attention's output */
    l.q = vlm_space_place(&l.total, rows, vlm_max_size(t->hidden, n_q)); /* also a block's output */
    l.k = vlm_space_place(&l.total, rows, n_kv);
    l.v = vlm_space_place(&l.total, rows, n_kv);
    l.gate = vlm_space_place(&l.total, rows, t->ffn);
    l.up = vlm_space_place(&l.total, rows, t->ffn);
    l.cos = vlm_space_place(&l.total, rows, t->head_dim / 2);
    l.sin = vlm_space_place(&l.total, rows, t->head_dim / 2);
    return l;
}

uint64_t vlm_text_space_bytes(const struct vlm_model *m, size_t max_rows)
{
    return lay_out(m, max_rows).total + max_rows * (sizeof(struct vlm_segment) + sizeof(uint32_t));
}

int vlm_text_space_open(struct vlm_text_space *s, const struct vlm_model *m, struct vlm_backend *b,
                        size_t max_rows, vlm_error *err)
{
    *s = (struct vlm_text_space){
        .alloc = m->alloc, .max_rows = max_rows, .bytes = vlm_text_space_bytes(m, max_rows)};
    int rc = vlm_buffer_alloc(&s->buffer, b, lay_out(m, max_rows).total, "the decoder", err);
    s->segments = vlm_mem_alloc(m->alloc, max_rows, sizeof *s->segments);
    s->n_keys = vlm_mem_alloc(m->alloc, max_rows, sizeof *s->n_keys);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve_unpack(b, vlm_model_widest_packed(m), err);
    if (rc == VLM_OK && (!s->segments || !s->n_keys))
        rc = vlm_fail_memory(err, max_rows * sizeof *s->segments, "the decoder");
    if (rc < 0)
        vlm_text_space_close(s, b);
    return rc;
}

void vlm_text_space_close(struct vlm_text_space *s, struct vlm_backend *b)
{
    if (!s->alloc)
        return;
    vlm_buffer_free(&s->buffer, b);
    vlm_mem_free(s->alloc, s->segments);
    vlm_mem_free(s->alloc, s->n_keys);
    *s = (struct vlm_text_space){.alloc = NULL};
}

/* What the layers of one pass share. */
struct pass {
    const struct vlm_model *m;
    const struct vlm_run *run;
    struct vlm_backend *b; /* run's */
    struct vlm_tensor x, h, attended, q, block, k, v, gate, up, cos, sin;
    struct vlm_segment *segments;
    size_t n_segments;
    const uint32_t *n_keys;
};

static void begin_pass(struct pass *p, const struct vlm_model *m, const struct vlm_run *run,
                       struct vlm_text_space *s, const struct vlm_row *rows, size_t n)
{
    const struct vlm_text_config *t = &m->config.text;
    const struct layout l = lay_out(m, s->max_rows);
    size_t n_q = (size_t)t->heads * t->head_dim, n_kv = (size_t)t->kv_heads * t->head_dim;
    const struct vlm_buffer *f = &s->buffer;
    *p = (struct pass){.m = m,
                       .run = run,
                       .b = run->backend,
                       .segments = s->segments,
                       .n_keys = s->n_keys,
                       .x = vlm_tensor_at(f, l.x, n, t->hidden),
                       .h = vlm_tensor_at(f, l.h, n, t->hidden),
                       .attended = vlm_tensor_at(f, l.h, n, n_q),
                       .q = vlm_tensor_at(f, l.q, n, n_q),
                       .block = vlm_tensor_at(f, l.q, n, t->hidden),
                       .k = vlm_tensor_at(f, l.k, n, n_kv),
                       .v = vlm_tensor_at(f, l.v, n, n_kv),
                       .gate = vlm_tensor_at(f, l.gate, n, t->ffn),
                       .up = vlm_tensor_at(f, l.up, n, t->ffn),
                       .cos = vlm_tensor_at(f, l.cos, n, t->head_dim / 2),
                       .sin = vlm_tensor_at(f, l.sin, n, t->head_dim / 2)};
    for (size_t i = 0; i < n; i++) {
        const struct vlm_row *r = &rows[i];
        struct vlm_tensor row = vlm_tensor_rows(&p->x, i, 1);
        s->n_keys[i] = r->position + 1; /* causal */
        vlm_rope_angles(vlm_tensor_f32(&p->cos, i), vlm_tensor_f32(&p->sin, i), m->inv_freq,
                        t->head_dim / 2, r->position);
        if (r->feature)
            memcpy(vlm_tensor_f32(&row, 0), r->feature, t->hidden * sizeof(float));
        else
            vlm_op_gather(p->b, &row, &m->embed, &r->id);
        if (i == 0 || r->kv != rows[i - 1].kv) {
            const struct vlm_kv *kv = r->kv;
            s->segments[p->n_segments++] = (struct vlm_segment){
                i, 0, r->position, {kv->type, t->kv_heads, t->head_dim, kv->n_blocks, kv->data, 0}};
        }
        assert(r->position ==
               p->segments[p->n_segments - 1].first_pos + p->segments[p->n_segments - 1].n_rows);
        s->segments[p->n_segments - 1].n_rows++;
    }
}

/* x += out(attention(RMS1(x))) */
static void attention_block(struct pass *p, const struct vlm_text_layer *w, size_t layer)
{
    const struct vlm_text_config *t = &p->m->config.text;
    for (size_t i = 0; i < p->n_segments; i++) {
        struct vlm_kv_view *kv = &p->segments[i].kv;
        kv->offset = layer * vlm_kv_layer_bytes(kv->type, kv->n_heads, kv->head_dim);
    }
    vlm_op_rmsnorm(p->b, &p->h, &p->x, w->norm1, t->eps); /* [R, H] */
    vlm_model_linear(p->run, &p->q, &p->h, &w->q);        /* [R, Q] */
    vlm_model_linear(p->run, &p->k, &p->h, &w->k);        /* [R, K] */
    vlm_model_linear(p->run, &p->v, &p->h, &w->v);        /* [R, K] */
    if (p->m->paired) {                                   /* a GGUF file's rows */
        vlm_op_unpair(p->b, &p->q, t->heads, t->head_dim);
        vlm_op_unpair(p->b, &p->k, t->kv_heads, t->head_dim);
    }
    vlm_op_rope(p->b, &p->q, &p->cos, &p->sin, t->heads, t->head_dim);
    vlm_op_rope(p->b, &p->k, &p->cos, &p->sin, t->kv_heads, t->head_dim);
    vlm_op_kv_store(p->b, &p->k, &p->v, p->segments, p->n_segments);
    vlm_op_attention(p->b, &p->attended, &p->q, p->segments, p->n_segments, p->n_keys, t->heads,
                     vlm_inv_sqrt((float)t->head_dim));         /* [R, Q] */
    vlm_model_linear(p->run, &p->block, &p->attended, &w->out); /* [R, H] */
    vlm_op_add(p->b, &p->x, &p->block);
}

/* x += down(silu(gate(h)) * up(h)), h = RMS2(x) */
static void mlp_block(struct pass *p, const struct vlm_text_layer *w)
{
    vlm_op_rmsnorm(p->b, &p->h, &p->x, w->norm2, p->m->config.text.eps); /* [R, H] */
    vlm_model_linear(p->run, &p->gate, &p->h, &w->gate);                 /* [R, F] */
    vlm_model_linear(p->run, &p->up, &p->h, &w->up);                     /* [R, F] */
    vlm_op_silu_mul(p->b, &p->gate, &p->up);
    vlm_model_linear(p->run, &p->block, &p->gate, &w->down); /* [R, H] */
    vlm_op_add(p->b, &p->x, &p->block);
}

static void show(const struct vlm_run *run, const char *name, int layer, const struct vlm_tensor *t,
                 size_t first)
{
    if (run->tap) {
        vlm_backend_sync(run->backend);
        run->tap->fn(run->tap->ctx, name, layer, vlm_tensor_f32(t, 0), first, t->rows, t->cols);
    }
}

/* logits = head(h) for each run of rows that want them. */
static void head(struct pass *p, const struct vlm_row *rows, float *logits)
{
    const struct vlm_linear *w = &p->m->head;
    for (size_t i = 0, n; i < p->h.rows; i += n) {
        for (n = 1; i + n < p->h.rows && rows[i + n].logits == rows[i].logits;)
            n++;
        if (!rows[i].logits)
            continue;
        struct vlm_buffer host;
        vlm_buffer_import(&host, p->b, logits, n * w->n_out * sizeof *logits);
        struct vlm_tensor out = vlm_tensor_at(&host, 0, n, w->n_out),
                          h = vlm_tensor_rows(&p->h, i, n);
        vlm_model_linear(p->run, &out, &h, w); /* [n, vocab] */
        vlm_backend_sync(p->b);                /* host goes out of scope */
        logits += n * w->n_out;
    }
}

int vlm_decoder_forward(const struct vlm_model *m, const struct vlm_run *run,
                        struct vlm_text_space *s, const struct vlm_row *rows, size_t n_rows,
                        float *logits)
{
    struct pass p;
    assert(n_rows > 0 && n_rows <= s->max_rows);
    begin_pass(&p, m, run, s, rows, n_rows);
    size_t first = rows[0].position; /* of the tap, which follows one sequence */
    show(run, "text.embed", -1, &p.x, first);
    for (size_t i = 0; i < m->config.text.layers; i++) {
        if (run->stop && run->stop(run->stop_ctx))
            return VLM_ERR_CANCELLED;
        attention_block(&p, &m->text[i], i);
        mlp_block(&p, &m->text[i]);
        show(run, "text", (int)i, &p.x, first);
    }
    vlm_op_rmsnorm(p.b, &p.h, &p.x, m->norm, m->config.text.eps);
    show(run, "text.norm", -1, &p.h, first);
    head(&p, rows, logits);
    return VLM_OK;
}
