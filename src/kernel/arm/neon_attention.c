/* neon_attention.c: attention in NEON, a file of its own for the same reason as neon_int8.c. */
#include "kernel/arm/neon.h"

#include "kernel/attention.h"

void vlm_kernel_neon_attention(struct vlm_kernels *k)
{
    k->attention = attention;
}
