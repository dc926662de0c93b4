/* kv.h: how the keys and values of one head lie in a block of VLM_KV_BLOCK positions, by the type
 * of the cache.
 *
 * Keys: panels of VLM_KV_PANEL positions, each [head_dim][VLM_KV_PANEL], so that a vector holds
 * positions and a panel is read from its first byte to its last.  Values: [VLM_KV_BLOCK][head_dim].
 * F32, F16, BF16 lie as they are.  In Q8_0 and Q4_0 the head_dim values of a position go in groups
 * of VLM_KV_GROUP (the last may be shorter), each with a scale d in F16; a value is d * q, exact in
 * f32.
 *
 *   keys    for each panel, for each group: d of the 64 positions, then for each value of the group
 *           the q of the 64 positions: Q8_0 a byte each; Q4_0 32 bytes, byte i holds position i in
 *           its low half and 32 + i in its high half
 *   values  for each group d of the 256 positions; then Q8_0: for each position its q, a byte each,
 *           zeros up to a multiple of 16 bytes; Q4_0: for each pair of positions the same, the even
 *           one in the low halves
 *
 * Halves of bytes are two's complement, -8 to 7.  Positions are written in increasing order: one
 * that shares bytes with a later one makes that one zero. */
#ifndef VLM_KERNEL_KV_H
#define VLM_KERNEL_KV_H

#include "kernel/kernel.h"

#define VLM_KV_PANEL 64
#define VLM_KV_GROUP 32

static inline int vlm_kv_quantised(enum vlm_num t) { return t == VLM_NUM_Q8_0 || t == VLM_NUM_Q4_0; }
/* Elements in a byte row, times two: 8 (F32), 4, 2 (Q8_0), 1 (Q4_0) half bytes each. */
static inline size_t vlm_kv_half_bytes(enum vlm_num t)
{
    return t == VLM_NUM_F32 ? 8 : t == VLM_NUM_Q8_0 ? 2 : t == VLM_NUM_Q4_0 ? 1 : 4;
}
static inline size_t vlm_kv_groups(size_t head_dim)
{
    return (head_dim + VLM_KV_GROUP - 1) / VLM_KV_GROUP;
}
/* Bytes of the scales of one group over n positions. */
static inline size_t vlm_kv_scales(enum vlm_num t, size_t n) { return vlm_kv_quantised(t) ? 2 * n : 0; }
static inline size_t vlm_kv_panel_bytes(enum vlm_num t, size_t head_dim)
{
    return vlm_kv_groups(head_dim) * vlm_kv_scales(t, VLM_KV_PANEL) +
           head_dim * VLM_KV_PANEL * vlm_kv_half_bytes(t) / 2;
}
/* Values of one position (Q4_0: of a pair), in elements that lie one after the other. */
static inline size_t vlm_kv_value_stride(enum vlm_num t, size_t head_dim)
{
    return vlm_kv_quantised(t) ? (head_dim + 15) / 16 * 16 : head_dim;
}
static inline size_t vlm_kv_keys_bytes(enum vlm_num t, size_t head_dim)
{
    return VLM_KV_BLOCK / VLM_KV_PANEL * vlm_kv_panel_bytes(t, head_dim);
}
static inline size_t vlm_kv_values_bytes(enum vlm_num t, size_t head_dim)
{
    return vlm_kv_groups(head_dim) * vlm_kv_scales(t, VLM_KV_BLOCK) +
           vlm_kv_value_stride(t, head_dim) * VLM_KV_BLOCK * vlm_kv_half_bytes(t) / 2;
}

/* Rounds n rows of keys and values (row r at k + r*ld, v + r*ld, in floats) to the type and stores
 * them at positions at .. at + n - 1 (< VLM_KV_BLOCK) of a head.  The same bytes at every level. */
struct vlm_kv_rows {
    const float *k, *v;
    size_t ld_k, ld_v, n, at;
};
void vlm_kv_store(const struct vlm_kernels *kernels, void *keys, void *values, enum vlm_num type,
                  size_t head_dim, const struct vlm_kv_rows *rows);

/* What is stored, exact.  Keys of one panel to out [head_dim][VLM_KV_PANEL]; values of position j to
 * out [head_dim]. */
void vlm_kv_read_panel(float *out, const void *keys, size_t panel, enum vlm_num type,
                       size_t head_dim);
void vlm_kv_read_values(float *out, const void *values, size_t j, enum vlm_num type,
                        size_t head_dim);

#endif
