/* avx512_attention.c: attention in AVX-512, a file of its own for the same reason as avx512_int8.c. */
#include "kernel/x86/avx512.h"

#include "kernel/attention.h"

void vlm_kernel_avx512_attention(struct vlm_kernels *k)
{
    k->attention = attention;
}
