/* neon.c: placeholder: nothing overridden yet. */
#include "kernel/level.h"

void vlm_kernel_neon(struct vlm_kernels *k)
{
    (void)k;
}
