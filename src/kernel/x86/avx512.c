/* avx512.c: placeholder: nothing overridden yet. */
#include "kernel/level.h"

void vlm_kernel_avx512(struct vlm_kernels *k)
{
    (void)k;
}
