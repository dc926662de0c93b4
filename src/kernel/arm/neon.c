/* neon.c: the float kernels in NEON; they are in the headers. */
#include "kernel/arm/neon.h"

#include "kernel/matmul.h"
#include "kernel/roof_loops.h"
#include "kernel/rows.h"
#include "kernel/unpack.h"

void vlm_kernel_neon(struct vlm_kernels *k)
{
    LEVEL_TABLE(k);
    vlm_kernel_neon_attention(k);
    vlm_kernel_neon_int8(k);
}

void vlm_kernel_neon_roof(struct vlm_roof *r) { *r = (struct vlm_roof)ROOF; }
