/* vector.h: the words in which the kernels of every vector level are written.
 *
 * A level file defines VL (lanes), its tile shapes, this header, the type vf (VL floats), the
 * operations below as inline functions; then it includes the kernels (matmul.h, attention.h, rows.h,
 * unpack.h; int8.h in the same file or one of its own) and names them in its table.  The "_n" forms touch only the first n <= VL elements of
 * memory; loads fill with zeros.
 *
 *   v_zero v_set v_load v_load_n v_store v_store_n     f32
 *   v_load_f16 v_load_f16_n v_load_bf16 v_load_bf16_n v_store_f16_n v_store_bf16_n
 *   v_load_i8: VL signed bytes; v_load_i4(lo, hi, p): the signed halves of VL bytes
 *   v_add v_sub v_mul v_div; v_min, v_max: the second operand if either is NaN
 *   v_fma(a, b, c) = a b + c; v_nfma(a, b, c) = c - a b, one rounding each
 *   v_round: nearest even; v_ldexp(x, n) = x 2^n, n a whole number in [-150, 128];
 *   v_scale2: the same where x 2^n is a normal number
 *   v_zero_below(x, limit, y) = x < limit ? 0 : y
 *   v_first(n, x, rest): lanes below n from x, the others from rest
 *   v_any_equal(a, b): whether any lane is
 *   v_sum(x), v_maximum(x): of the 16 lanes of x[16 / VL], one tree at every level
 *
 * and for matrix products, where a vector is VL / 4 quads of lanes:
 *   v_spread(p): four floats in every quad
 *   v_load_columns(x[2], col, i, type): elements i .. i+7 of columns col[quad], four to a vector
 *   v_sum_quads(a, b, c, d): VL sums of quads, a's first, b's first, .. d's first, a's second ..
 *   v_sum_few(acc): the sums of FEW_VECS vectors, quad by quad likewise
 *
 * Every operation rounds as IEEE 754 says and no order depends on VL: all vector levels agree
 * bit for bit.  kernelcheck holds them to it. */
#ifndef VLM_KERNEL_VECTOR_H
#define VLM_KERNEL_VECTOR_H

#define ALWAYS inline __attribute__((always_inline))
/* for (i = 0; i < n; i++) for constants n, written out: its arrays of vectors must become
 * registers. */
#if defined(__clang__)
#define EACH(i, n) _Pragma("clang loop unroll(full)") for (size_t i = 0; i < (n); i++)
#else
#define EACH(i, n) _Pragma("GCC unroll 32") for (size_t i = 0; i < (n); i++)
#endif
#define PREFETCH(p) __builtin_prefetch(p)

/* Loads of weights and cached keys; type is a constant wherever this is inlined. */
#define v_load_num(p, type)                                                                        \
    ((type) == VLM_NUM_F32 ? v_load(p) : (type) == VLM_NUM_F16 ? v_load_f16(p) : v_load_bf16(p))
#define v_load_num_n(p, n, type)                                                                   \
    ((type) == VLM_NUM_F32   ? v_load_n(p, n)                                                      \
     : (type) == VLM_NUM_F16 ? v_load_f16_n(p, n)                                                  \
                             : v_load_bf16_n(p, n))

/* What a level overrides: everything but the copies of f32, which stay the reference's, and the
 * integer products (INT8_TABLE of int8.h). */
#define LEVEL_TABLE(t)                                                                             \
    do {                                                                                           \
        (t)->matmul[VLM_NUM_F32] = matmul_f32;                                                     \
        (t)->matmul[VLM_NUM_F16] = matmul_f16;                                                     \
        (t)->matmul[VLM_NUM_BF16] = matmul_bf16;                                                   \
        (t)->to_f32[VLM_NUM_F16] = f16_to_f32;                                                     \
        (t)->to_f32[VLM_NUM_BF16] = bf16_to_f32;                                                   \
        UNPACK_TABLE(t);                                                                           \
        (t)->from_f32[VLM_NUM_F16] = f16_from_f32;                                                 \
        (t)->from_f32[VLM_NUM_BF16] = bf16_from_f32;                                               \
        (t)->layernorm = layernorm;                                                                \
        (t)->rmsnorm = rmsnorm;                                                                    \
        (t)->add = add;                                                                            \
        (t)->mul = mul;                                                                            \
        (t)->add_bias = add_bias;                                                                  \
        (t)->gelu_tanh = gelu_tanh;                                                                \
        (t)->silu_mul = silu_mul;                                                                  \
        (t)->rope = rope;                                                                          \
        (t)->logsumexp = logsumexp;                                                                \
        (t)->argmax = argmax;                                                                      \
    } while (0)

#endif
