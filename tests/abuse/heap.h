/* heap.h: an allocator for tests that counts what is out and fails where it is told to.
 * Thread-safe.  Sizes that the library gives back are checked against those it asked for. */
#ifndef TESTS_HEAP_H
#define TESTS_HEAP_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vlm.h"

struct heap {
    atomic_llong calls;   /* allocations asked for so far */
    atomic_llong blocks;  /* out now */
    atomic_llong bytes;   /* out now */
    atomic_llong peak;    /* most bytes out at once */
    atomic_llong errors;  /* frees with a wrong size */
    long long fail_at;    /* this call and ... */
    long long fail_count; /* ... so many from there on fail; 0: none */
};

/* The size lies in front of the block. */
static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct heap *h = ctx;
    size_t *old = ptr ? (size_t *)(void *)((char *)ptr - 16) : NULL;
    if (old && *old != old_size)
        atomic_fetch_add(&h->errors, 1);
    if (new_size == 0) {
        if (old) {
            atomic_fetch_sub(&h->blocks, 1);
            atomic_fetch_sub(&h->bytes, (long long)*old);
            memset(old, 0xDD, 16 + *old); /* whoever still uses it will notice */
            free(old);
        }
        return NULL;
    }
    long long call = atomic_fetch_add(&h->calls, 1) + 1;
    if (h->fail_count && call >= h->fail_at && call - h->fail_at < h->fail_count)
        return NULL;
    char *p = malloc(16 + new_size);
    if (!p)
        return NULL;
    memset(p + 16, 0xAA, new_size < 65536 ? new_size : 65536); /* fresh memory is not zero */
    memcpy(p, &new_size, sizeof new_size);
    if (old) {
        memcpy(p + 16, ptr, *old < new_size ? *old : new_size);
        heap_resize(ctx, ptr, old_size, 0);
    }
    atomic_fetch_add(&h->blocks, 1);
    long long now = atomic_fetch_add(&h->bytes, (long long)new_size) + (long long)new_size;
    long long peak = atomic_load(&h->peak);
    while (now > peak && !atomic_compare_exchange_weak(&h->peak, &peak, now))
        ;
    return p + 16;
}

static inline vlm_allocator heap_allocator(struct heap *h)
{
    vlm_allocator a = {heap_resize, h};
    return a;
}

#endif
