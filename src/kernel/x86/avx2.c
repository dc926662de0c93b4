/* avx2.c: placeholder: nothing overridden yet. */
#include "kernel/level.h"

void vlm_kernel_avx2(struct vlm_kernels *k)
{
    (void)k;
}

void vlm_kernel_avx2_roof(struct vlm_roof *r)
{
    vlm_kernel_scalar_roof(r);
}
