/* avxvnni_int8.c: the integer kernels in AVX2 with AVX-VNNI; what else this level has is AVX2's. */
#include "kernel/x86/avx2.h"

#include "kernel/int8.h"

void vlm_kernel_avxvnni(struct vlm_kernels *k)
{
    vlm_kernel_avx2(k);
    INT8_TABLE(k);
}
