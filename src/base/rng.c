/* rng.c: Philox4x32-10; constants of the paper named in rng.h. */
#include "base/rng.h"

#include <string.h>

void vlm_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c[4], k0 = key[0], k1 = key[1];
    memcpy(c, counter, sizeof c);
    for (int i = 0; i < 10; i++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

uint32_t vlm_rng_u32(struct vlm_rng *r)
{
    uint64_t block = r->draws / 4;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)r->stream,
                           (uint32_t)(r->stream >> 32)};
    uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)}, out[4];
    vlm_philox(out, counter, key);
    return out[r->draws++ % 4];
}

double vlm_rng_unit(struct vlm_rng *r)
{
    uint64_t hi = vlm_rng_u32(r), lo = vlm_rng_u32(r);
    return (double)((hi << 32 | lo) >> 11) * 0x1p-53;
}

uint32_t vlm_rng_below(struct vlm_rng *r, uint32_t n)
{
    uint32_t reject = -n % n; /* 2^32 mod n: the first values would be drawn once too often */
    for (;;) {
        uint32_t x = vlm_rng_u32(r);
        if (x >= reject)
            return x % n;
    }
}
