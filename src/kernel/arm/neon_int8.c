/* neon_int8.c: the integer kernels in NEON as every 64-bit ARM has it. */
#include "kernel/arm/neon.h"

#include "kernel/int8.h"

void vlm_kernel_neon_int8(struct vlm_kernels *k)
{
    INT8_TABLE(k);
}
