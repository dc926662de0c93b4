/* num.h: the element types of weights and caches, their names and their blocks.
 *
 * A row of n elements is n / len blocks of `bytes` bytes each; the plain types have blocks of one.
 * Layouts of the quantised blocks: kernel/blocks.h. */
#ifndef VLM_BASE_NUM_H
#define VLM_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

/* X(name, elements of a block, bytes of a block) */
#define VLM_NUMS(X)                                                                                \
    X(F32, 1, 4)                                                                                   \
    X(F16, 1, 2)                                                                                   \
    X(BF16, 1, 2)                                                                                  \
    X(F8_E4M3, 1, 1)                                                                               \
    X(I8, 1, 1)                                                                                    \
    X(Q4_0, 32, 18)                                                                                \
    X(Q4_1, 32, 20)                                                                                \
    X(Q5_0, 32, 22)                                                                                \
    X(Q5_1, 32, 24)                                                                                \
    X(Q8_0, 32, 34)                                                                                \
    X(Q2_K, 256, 84)                                                                               \
    X(Q3_K, 256, 110)                                                                              \
    X(Q4_K, 256, 144)                                                                              \
    X(Q5_K, 256, 176)                                                                              \
    X(Q6_K, 256, 210)                                                                              \
    X(IQ4_NL, 32, 18)                                                                              \
    X(IQ4_XS, 256, 136)                                                                            \
    X(MXFP4, 32, 17)

enum vlm_num {
#define VLM_NUM_ENUM(name, len, bytes) VLM_NUM_##name,
    VLM_NUMS(VLM_NUM_ENUM)
#undef VLM_NUM_ENUM
    VLM_N_NUM,
    VLM_NUM_OTHER = VLM_N_NUM /* known to a format, not usable as a weight: reported by name */
};
#define VLM_N_FLOAT 3 /* F32, F16, BF16: the types with kernels that multiply them as they lie */

struct vlm_num_info {
    const char *name;   /* "Q4_K" */
    size_t block_len;   /* elements */
    size_t block_bytes;
};
/* t < VLM_N_NUM */
const struct vlm_num_info *vlm_num_info(enum vlm_num t);
/* Bytes of n elements, n a multiple of the block's length; no overflow for n <= TENSOR_DIM. */
static inline size_t vlm_num_bytes(enum vlm_num t, size_t n)
{
    const struct vlm_num_info *i = vlm_num_info(t);
    return n / i->block_len * i->block_bytes;
}

#endif
