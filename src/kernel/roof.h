/* roof.h: loops that do nothing but run into one limit of a core.  The caller times them. */
#ifndef VLM_KERNEL_ROOF_H
#define VLM_KERNEL_ROOF_H

#include <stddef.h>

struct vlm_roof {
    double flops; /* of one iteration of fma; a multiply and an add are two */
    float (*fma)(size_t iterations);
    /* Reads every byte of p once; the value only keeps the compiler from dropping the loads. */
    float (*read)(const void *p, size_t bytes);
    double int8_ops; /* of one iteration of int8 */
    /* Products of 8-bit integers summed in 32 bits, with the best instructions of the level. */
    float (*int8)(size_t iterations);
};

/* Returns 0, or -1 for a level that is unknown or unusable here; NULL or "auto" is the best one. */
int vlm_roof_init(struct vlm_roof *r, const char *level);

#endif
