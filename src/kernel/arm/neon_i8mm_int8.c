/* neon_i8mm_int8.c: the integer kernels in NEON with the matrix product instructions of ARMv8.6. */
#include "kernel/arm/neon.h"

#include "kernel/int8.h"

void vlm_kernel_neon_i8mm(struct vlm_kernels *k)
{
    vlm_kernel_neon(k);
    INT8_TABLE(k);
}
