/* attention.c: keys and values into the blocks of the cache, and attention over them: splits rows
 * and heads over the pool. */
#include <assert.h>

#include "backend/cpu.h"
#include "base/checked.h"
#include "kernel/kv.h"

size_t vlm_kv_layer_bytes(enum vlm_num type, size_t n_heads, size_t head_dim)
{
    return n_heads * (vlm_kv_keys_bytes(type, head_dim) + vlm_kv_values_bytes(type, head_dim));
}

static uint8_t *kv_head(const struct vlm_kv_view *v, size_t block, size_t head, bool values)
{
    size_t keys = vlm_kv_keys_bytes(v->type, v->head_dim);
    return v->blocks[block] + v->offset +
           head * (keys + vlm_kv_values_bytes(v->type, v->head_dim)) + (values ? keys : 0);
}

struct kv_op {
    struct vlm_backend *b;
    const struct vlm_tensor *k, *v;
    const struct vlm_segment *segments;
    size_t n_heads; /* of every segment */
};

/* Item i: head i % n_heads of segment i / n_heads. */
static void store_heads(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct kv_op *o = arg;
    for (size_t i = begin; i < end; i++) {
        const struct vlm_segment *g = &o->segments[i / o->n_heads];
        const struct vlm_kv_view *kv = &g->kv;
        size_t head = i % o->n_heads, d = kv->head_dim, n;
        for (size_t r = 0; r < g->n_rows; r += n) { /* what goes to one block */
            size_t pos = g->first_pos + r, block = pos / VLM_KV_BLOCK;
            n = vlm_min_size(g->n_rows - r, VLM_KV_BLOCK - pos % VLM_KV_BLOCK);
            assert(block < kv->n_blocks);
            const struct vlm_kv_rows rows = {vlm_tensor_f32(o->k, g->first_row + r) + head * d,
                                             vlm_tensor_f32(o->v, g->first_row + r) + head * d,
                                             o->k->stride,
                                             o->v->stride,
                                             n,
                                             pos % VLM_KV_BLOCK};
            vlm_kv_store(&o->b->k, kv_head(kv, block, head, false), kv_head(kv, block, head, true),
                         kv->type, d, &rows);
        }
    }
}

void vlm_op_kv_store(struct vlm_backend *b, const struct vlm_tensor *k, const struct vlm_tensor *v,
                     const struct vlm_segment *segments, size_t n_segments)
{
    struct kv_op o = {b, k, v, segments, segments[0].kv.n_heads};
    assert(k->cols == o.n_heads * segments[0].kv.head_dim && v->cols == k->cols);
    vlm_backend_split(b, store_heads, &o, n_segments * o.n_heads, 1, k->rows * k->cols);
}

/* Rows of one attention task of a long segment. */
#define ROWS 96

struct attention_op {
    struct vlm_backend *b;
    const struct vlm_tensor *out, *q;
    const struct vlm_segment *segments;
    const uint32_t *n_keys;
    size_t n_heads, n_row_blocks; /* row blocks of the longest segment */
    float scale;
};

/* Pointers to the blocks that hold the first n_keys positions of a head. */
static void list_blocks(struct vlm_attention *a, const void **list, const struct vlm_kv_view *kv,
                        size_t head, size_t n_keys)
{
    size_t n = (n_keys + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
    assert(n <= kv->n_blocks);
    for (size_t i = 0; i < n; i++) {
        list[i] = kv_head(kv, i, head, false);
        list[n + i] = kv_head(kv, i, head, true);
    }
    a->k = list;
    a->v = list + n;
}

/* Item i: row block, then query head, then segment (fastest first).  A segment of one row
 * (decoding) takes all query heads of a key/value head at once instead: they share its keys. */
static void attend(const void *arg, size_t begin, size_t end, int thread)
{
    const struct attention_op *o = arg;
    const struct scratch *s = &o->b->threads[thread];
    for (size_t i = begin; i < end; i++) {
        const struct vlm_segment *g = &o->segments[i / o->n_row_blocks / o->n_heads];
        size_t head = i / o->n_row_blocks % o->n_heads, first = i % o->n_row_blocks * ROWS;
        size_t group = o->n_heads / g->kv.n_heads, d = g->kv.head_dim;
        if (first >= g->n_rows)
            continue;
        size_t n = vlm_min_size(ROWS, g->n_rows - first), row = g->first_row + first;
        struct vlm_attention a = {.out = vlm_tensor_f32(o->out, row) + head * d,
                                  .q = vlm_tensor_f32(o->q, row) + head * d,
                                  .ld_out = o->out->stride,
                                  .ld_q = o->q->stride,
                                  .n_keys = o->n_keys + row,
                                  .n_rows = n,
                                  .kv = g->kv.type,
                                  .head_dim = d,
                                  .scale = o->scale,
                                  .scratch = s->attention};
        uint32_t same[64];
        if (g->n_rows == 1 && group > 1 && group <= 64) {
            if (head % group != 0)
                continue;
            for (size_t h = 0; h < group; h++)
                same[h] = o->n_keys[row];
            a.n_rows = group;
            a.n_keys = same;
            a.ld_out = a.ld_q = d;
        }
        list_blocks(&a, s->blocks, &g->kv, head / group, o->n_keys[row + n - 1]);
        o->b->k.attention(&a);
    }
}

void vlm_op_attention(struct vlm_backend *b, const struct vlm_tensor *out,
                      const struct vlm_tensor *q, const struct vlm_segment *segments,
                      size_t n_segments, const uint32_t *n_keys, size_t n_heads, float scale)
{
    struct attention_op o = {b, out, q, segments, n_keys, n_heads, 1, scale};
    size_t work = 0;
    for (size_t i = 0; i < n_segments; i++) {
        const struct vlm_segment *g = &segments[i];
        assert(q->cols == n_heads * g->kv.head_dim && g->kv.head_dim <= b->head_dim);
        o.n_row_blocks = vlm_max_size(o.n_row_blocks, (g->n_rows + ROWS - 1) / ROWS);
        work += g->n_rows * q->cols * n_keys[g->first_row + g->n_rows - 1];
    }
    vlm_backend_split(b, attend, &o, n_segments * n_heads * o.n_row_blocks, 1, work);
}
