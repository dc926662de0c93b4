/* hash.h: SHA-256 for contents (pictures, files), FNV-1a for tables. */
#ifndef VLM_BASE_HASH_H
#define VLM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct vlm_sha256 {
    uint32_t h[8];
    uint64_t n;
    uint8_t block[64];
};
void vlm_sha256_init(struct vlm_sha256 *s);
void vlm_sha256_add(struct vlm_sha256 *s, const void *data, size_t n);
void vlm_sha256_end(struct vlm_sha256 *s, uint8_t out[32]);
void vlm_sha256_of(uint8_t out[32], const void *data, size_t n);

/* For hash tables only.  seed: per table, so that a file cannot choose collisions for all. */
uint64_t vlm_hash64(const void *data, size_t n, uint64_t seed);

#endif
