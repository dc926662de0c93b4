/* avx512.c: the float kernels in AVX-512; they are in the headers. */
#include "kernel/x86/avx512.h"

#include "kernel/matmul.h"
#include "kernel/roof_loops.h"
#include "kernel/rows.h"
#include "kernel/unpack.h"

void vlm_kernel_avx512(struct vlm_kernels *k)
{
    LEVEL_TABLE(k);
    vlm_kernel_avx512_attention(k);
    vlm_kernel_avx512_int8(k);
}

void vlm_kernel_avx512_roof(struct vlm_roof *r) { *r = (struct vlm_roof)ROOF; }
