/* roof.c: the loops of the level that is asked for. */
#include "kernel/level.h"

#include <string.h>

int vlm_roof_init(struct vlm_roof *r, const char *level)
{
    struct vlm_kernels k;
    if (vlm_kernels_init(&k, level))
        return -1;
    vlm_kernel_scalar_roof(r);
#if defined(__x86_64__)
    if (strcmp(k.name, "avx2") == 0)
        vlm_kernel_avx2_roof(r);
    if (strcmp(k.name, "avx512") == 0)
        vlm_kernel_avx512_roof(r);
#elif defined(__aarch64__)
    if (strcmp(k.name, "neon") == 0)
        vlm_kernel_neon_roof(r);
#endif
    return 0;
}
