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

static int add_block(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b,
                     vlm_error *err)
{
    struct vlm_kv_block *block = vlm_mem_zalloc(m->alloc, 1, sizeof *block);
    if (!block)
        return vlm_fail_memory(err, sizeof *block, "the key/value cache");
    int rc = vlm_buffer_alloc(&block->buffer, b, vlm_kv_block_bytes(m, kv->type),
                              "the key/value cache", err);
    if (rc < 0) {
        vlm_mem_free(m->alloc, block);
        return rc;
    }
    atomic_init(&block->owners, 1);
    kv->blocks[kv->n_blocks] = block;
    kv->data[kv->n_blocks] = block->buffer.data;
    kv->n_blocks++;
    return VLM_OK;
}

int vlm_kv_grow(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b,
                size_t n_positions, vlm_error *err)
{
    size_t n = (n_positions + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
    if (n > kv->cap_blocks) {
        struct vlm_kv_block **blocks = vlm_mem_realloc(m->alloc, kv->blocks, n, sizeof *blocks);
        if (!blocks)
            return vlm_fail_memory(err, n * sizeof *blocks, "the key/value table");
        kv->blocks = blocks;
        uint8_t **data = vlm_mem_realloc(m->alloc, kv->data, n, sizeof *data);
        if (!data)
            return vlm_fail_memory(err, n * sizeof *data, "the key/value table");
        kv->data = data;
        kv->cap_blocks = n;
    }
    while (kv->n_blocks < n) {
        int rc = add_block(kv, m, b, err);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

void vlm_kv_free(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b)
{
    for (size_t i = 0; i < kv->n_blocks; i++) {
        struct vlm_kv_block *block = kv->blocks[i];
        if (atomic_fetch_sub(&block->owners, 1) == 1) {
            vlm_buffer_free(&block->buffer, b);
            vlm_mem_free(m->alloc, block);
        }
    }
    vlm_mem_free(m->alloc, kv->blocks);
    vlm_mem_free(m->alloc, kv->data);
    *kv = (struct vlm_kv){.type = kv->type};
}
