/* kv.c: the key/value cache of a sequence: a table of counted blocks of VLM_KV_BLOCK positions. The
 * system gives a block's pages when they are first written, so room that is reserved costs nothing.
 */
#include "base/mem.h"
#include "model/model.h"

uint64_t vlm_kv_block_bytes(const struct vlm_model *m, enum vlm_num type)
{
    const struct vlm_text_config *t = &m->config.text;
    return (uint64_t)t->layers * vlm_kv_layer_bytes(type, t->kv_heads, t->head_dim);
}

int vlm_kv_block_make(struct vlm_kv_block **out, const struct vlm_model *m, struct vlm_backend *b,
                      enum vlm_num type, vlm_error *err)
{
    struct vlm_kv_block *block = vlm_mem_zalloc(m->alloc, 1, sizeof *block);
    if (!block)
        return vlm_fail_memory(err, sizeof *block, "the key/value cache");
    int rc = vlm_buffer_alloc(&block->buffer, b, vlm_kv_block_bytes(m, type), "the key/value cache",
                              err);
    if (rc < 0) {
        vlm_mem_free(m->alloc, block);
        return rc;
    }
    atomic_init(&block->owners, 1);
    *out = block;
    return VLM_OK;
}

void vlm_kv_block_release(struct vlm_kv_block *block, const struct vlm_model *m,
                          struct vlm_backend *b)
{
    if (!block || atomic_fetch_sub(&block->owners, 1) != 1)
        return;
    vlm_buffer_free(&block->buffer, b);
    vlm_mem_free(m->alloc, block);
}

int vlm_kv_reserve(struct vlm_kv *kv, const struct vlm_model *m, size_t n, vlm_error *err)
{
    if (n <= kv->cap_blocks)
        return VLM_OK;
    struct vlm_kv_block **blocks = vlm_mem_realloc(m->alloc, kv->blocks, n, sizeof *blocks);
    if (!blocks)
        return vlm_fail_memory(err, n * sizeof *blocks, "the key/value table");
    kv->blocks = blocks;
    uint8_t **data = vlm_mem_realloc(m->alloc, kv->data, n, sizeof *data);
    if (!data)
        return vlm_fail_memory(err, n * sizeof *data, "the key/value table");
    kv->data = data;
    kv->cap_blocks = n;
    return VLM_OK;
}

void vlm_kv_put(struct vlm_kv *kv, size_t i, struct vlm_kv_block *block)
{
    kv->blocks[i] = block;
    kv->data[i] = block->buffer.data;
}

int vlm_kv_grow(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b,
                size_t n_positions, vlm_error *err)
{
    size_t n = vlm_kv_blocks(n_positions);
    int rc = vlm_kv_reserve(kv, m, n, err);
    while (rc == VLM_OK && kv->n_blocks < n) {
        struct vlm_kv_block *block;
        rc = vlm_kv_block_make(&block, m, b, kv->type, err);
        if (rc == VLM_OK)
            vlm_kv_put(kv, kv->n_blocks++, block);
    }
    return rc;
}

/* The backend knows how a cache's type lies in memory: it stores rows of zeros. */
int vlm_kv_blank(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b, size_t first,
                 vlm_error *err)
{
    const struct vlm_text_config *t = &m->config.text;
    size_t n = VLM_KV_BLOCK - first % VLM_KV_BLOCK, cols = (size_t)t->kv_heads * t->head_dim;
    float *zeros = vlm_mem_zalloc(m->alloc, n, cols * sizeof *zeros);
    if (!zeros)
        return vlm_fail_memory(err, n * cols * sizeof *zeros, "an empty part of a block");
    struct vlm_buffer host;
    vlm_buffer_import(&host, b, zeros, n * cols * sizeof *zeros);
    const struct vlm_tensor rows = vlm_tensor_at(&host, 0, n, cols);
    for (size_t layer = 0; layer < t->layers; layer++) {
        const struct vlm_segment segment = {
            0,
            n,
            first,
            {kv->type, t->kv_heads, t->head_dim, kv->n_blocks, kv->data,
             layer * vlm_kv_layer_bytes(kv->type, t->kv_heads, t->head_dim)}};
        vlm_op_kv_store(b, &rows, &rows, &segment, 1);
    }
    vlm_backend_sync(b);
    vlm_mem_free(m->alloc, zeros);
    return VLM_OK;
}

void vlm_kv_free(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b)
{
    for (size_t i = 0; i < kv->n_blocks; i++)
        vlm_kv_block_release(kv->blocks[i], m, b);
    vlm_mem_free(m->alloc, kv->blocks);
    vlm_mem_free(m->alloc, kv->data);
    *kv = (struct vlm_kv){.type = kv->type};
}
