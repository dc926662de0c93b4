/* mem.c: checked sizes on top of the caller's allocator.  Each block is preceded by a header that
 * remembers what the allocator gave, because the hook may align to no more than malloc does. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define ALIGN 64

struct header {
    void *raw;    /* what the hook returned */
    size_t total; /* bytes asked of it */
    size_t n;     /* bytes the caller sees */
};

static void *system_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

const vlm_allocator vlm_mem_system = {system_resize, NULL};

static struct header *header_of(void *p)
{
    return (struct header *)(void *)((char *)p - sizeof(struct header));
}

void *vlm_mem_alloc(const vlm_allocator *a, size_t n, size_t size)
{
    size_t bytes, total;
    if (!vlm_mul_size(&bytes, n, size) ||
        !vlm_add_size(&total, bytes, sizeof(struct header) + ALIGN) || total > PTRDIFF_MAX)
        return NULL;
    char *raw = a->resize(a->ctx, NULL, 0, total);
    if (!raw)
        return NULL;
    uintptr_t at = ((uintptr_t)raw + sizeof(struct header) + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    char *p = raw + (at - (uintptr_t)raw);
    *header_of(p) = (struct header){raw, total, bytes};
    return p;
}

void *vlm_mem_zalloc(const vlm_allocator *a, size_t n, size_t size)
{
    void *p = vlm_mem_alloc(a, n, size);
    if (p)
        memset(p, 0, n * size);
    return p;
}

void *vlm_mem_realloc(const vlm_allocator *a, void *p, size_t n, size_t size)
{
    void *q = vlm_mem_alloc(a, n, size);
    if (q && p) {
        memcpy(q, p, vlm_min_size(header_of(p)->n, n * size));
        vlm_mem_free(a, p);
    }
    return q;
}

void vlm_mem_free(const vlm_allocator *a, void *p)
{
    if (!p)
        return;
    struct header h = *header_of(p);
    a->resize(a->ctx, h.raw, h.total, 0);
}

char *vlm_mem_strndup(const vlm_allocator *a, const char *s, size_t n)
{
    size_t bytes;
    char *p = vlm_add_size(&bytes, n, 1) ? vlm_mem_alloc(a, bytes, 1) : NULL;
    if (p) {
        if (n)
            memcpy(p, s, n);
        p[n] = 0;
    }
    return p;
}
