/* vector.h: the words in which the kernels of every vector level are written.
 *
 * A level file defines VL (lanes), its tile shapes, this header, then the types vf (VL floats) and v4
 * (four floats), then the operations below as inline functions, and then includes the kernels
 * (matmul.h, attention.h, rows.h) and names them in its table.  All "_n" forms touch only the first n
 * elements of memory, n <= VL (n <= 4 for v4); loads fill the rest with zeros.
 *
 *   v_zero v_set v_load v_load_n v_store v_store_n     f32, any alignment
 *   v_load_f16 v_load_f16_n v_load_bf16 v_load_bf16_n v_store_f16_n v_store_bf16_n
 *   v_add v_sub v_mul v_div v_min v_max                v_min, v_max: the second operand if one is NaN
 *   v_fma(a, b, c) = a b + c; v_nfma(a, b, c) = c - a b, one rounding each
 *   v_round, v_ldexp(x, n) = x 2^n, n a whole number in [-127, 128]
 *   v_zero_below(x, limit, y) = x < limit ? 0 : y; v_first(n, x, rest): lanes < n of x, others of rest
 *   v_sum4(a, b, c, d): the four sums over lanes, each by the one tree of the level
 *   v4_add v4_load_n v4_store_n; v_sum(x), v_maximum(x): one float; v_any_equal(a, b) */
#ifndef VLM_KERNEL_VECTOR_H
#define VLM_KERNEL_VECTOR_H

#define ALWAYS inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define PREFETCH(p) __builtin_prefetch(p)

/* Loads of weights and cached keys; type is a constant wherever this is inlined. */
#define v_load_num(p, type)                                                                                  \
    ((type) == VLM_NUM_F32 ? v_load(p) : (type) == VLM_NUM_F16 ? v_load_f16(p) : v_load_bf16(p))
#define v_load_num_n(p, n, type)                                                                             \
    ((type) == VLM_NUM_F32 ? v_load_n(p, n) : (type) == VLM_NUM_F16 ? v_load_f16_n(p, n) : v_load_bf16_n(p, n))

#endif
