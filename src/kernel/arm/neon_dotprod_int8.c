/* neon_dotprod_int8.c: the integer kernels in NEON with the dot product instructions of ARMv8.2. */
#include "kernel/arm/neon.h"

#include "kernel/int8.h"

void vlm_kernel_neon_dotprod(struct vlm_kernels *k)
{
    vlm_kernel_neon(k);
    INT8_TABLE(k);
}
