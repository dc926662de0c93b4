/* checked.h: arithmetic on sizes that come from files.  Each returns false on overflow. */
#ifndef VLM_BASE_CHECKED_H
#define VLM_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Workspaces are products of numbers that limits.h bounds; in 64 bits they cannot overflow. */
_Static_assert(sizeof(size_t) >= 8, "sizes of workspaces need 64 bits");

static inline bool vlm_add_size(size_t *out, size_t a, size_t b)
{
    return !__builtin_add_overflow(a, b, out);
}
static inline bool vlm_mul_size(size_t *out, size_t a, size_t b)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool vlm_mul3_size(size_t *out, size_t a, size_t b, size_t c)
{
    return vlm_mul_size(out, a, b) && vlm_mul_size(out, *out, c);
}
static inline bool vlm_add_u64(uint64_t *out, uint64_t a, uint64_t b)
{
    return !__builtin_add_overflow(a, b, out);
}
static inline bool vlm_mul_u64(uint64_t *out, uint64_t a, uint64_t b)
{
    return !__builtin_mul_overflow(a, b, out);
}
/* Up to a multiple of align, a power of two. */
static inline bool vlm_align_size(size_t *out, size_t a, size_t align)
{
    if (!vlm_add_size(out, a, align - 1))
        return false;
    *out &= ~(align - 1);
    return true;
}
static inline size_t vlm_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}
static inline size_t vlm_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
