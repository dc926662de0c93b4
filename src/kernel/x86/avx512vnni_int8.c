/* avx512vnni_int8.c: the integer kernels in AVX-512 with VNNI; what else this level has is AVX-512's. */
#include "kernel/x86/avx512.h"

#include "kernel/int8.h"

void vlm_kernel_avx512vnni(struct vlm_kernels *k)
{
    vlm_kernel_avx512(k);
    INT8_TABLE(k);
}
