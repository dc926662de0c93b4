/* mem.h: memory from the caller's allocator.  Blocks are aligned to 64 bytes and remember their
 * size, so that free needs only the pointer.  Sizes are checked; NULL means failure, never a
 * partial one. */
#ifndef VLM_BASE_MEM_H
#define VLM_BASE_MEM_H

#include "vlm.h"

/* malloc, for callers that gave no allocator */
extern const vlm_allocator vlm_mem_system;

/* n * size bytes, not cleared.  n * size == 0 gives a valid empty block. */
void *vlm_mem_alloc(const vlm_allocator *a, size_t n, size_t size);
void *vlm_mem_zalloc(const vlm_allocator *a, size_t n, size_t size);
/* Contents are kept up to the smaller size; on failure the old block stays valid. p NULL allocates.
 */
void *vlm_mem_realloc(const vlm_allocator *a, void *p, size_t n, size_t size);
void vlm_mem_free(const vlm_allocator *a, void *p); /* NULL allowed */
/* A terminated copy of n bytes. */
char *vlm_mem_strndup(const vlm_allocator *a, const char *s, size_t n);

#endif
