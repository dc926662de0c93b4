/* avx2_attention.c: attention in AVX2, a file of its own for the same reason as avx2_int8.c. */
#include "kernel/x86/avx2.h"

#include "kernel/attention.h"

void vlm_kernel_avx2_attention(struct vlm_kernels *k)
{
    k->attention = attention;
}
