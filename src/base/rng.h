/* rng.h: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a
 * pure function of key and counter, so that what is drawn never depends on what was drawn
 * elsewhere. */
#ifndef VLM_BASE_RNG_H
#define VLM_BASE_RNG_H

#include <stdint.h>

void vlm_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* A stream on top of it: (seed, stream) name it, draws number its values. */
struct vlm_rng {
    uint64_t seed, stream, draws;
};
uint32_t vlm_rng_u32(struct vlm_rng *r);
double vlm_rng_unit(struct vlm_rng *r);                /* [0, 1), 53 bits, two draws */
uint32_t vlm_rng_below(struct vlm_rng *r, uint32_t n); /* 0..n-1, n > 0, unbiased */

#endif
