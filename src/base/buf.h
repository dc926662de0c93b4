/* buf.h: a growable run of bytes.  Errors are sticky: after a failed append ok is false and further
 * appends do nothing, so that a writer checks once at the end. */
#ifndef VLM_BASE_BUF_H
#define VLM_BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct vlm_buf {
    const vlm_allocator *alloc;
    char *data; /* n bytes and, unless NULL, a terminating 0 */
    size_t n, cap;
    size_t limit; /* most bytes it may hold; appending more fails */
    bool ok;
};

void vlm_buf_init(struct vlm_buf *b, const vlm_allocator *alloc,
                  size_t limit); /* takes no memory */
void vlm_buf_free(struct vlm_buf *b);
void vlm_buf_clear(struct vlm_buf *b); /* n = 0, ok = true; keeps the memory */
bool vlm_buf_reserve(struct vlm_buf *b, size_t more);
bool vlm_buf_append(struct vlm_buf *b, const void *data, size_t n);
bool vlm_buf_putc(struct vlm_buf *b, char c);
bool vlm_buf_puts(struct vlm_buf *b, const char *s);
bool vlm_buf_utf8(struct vlm_buf *b, uint32_t code_point);
/* Hands the bytes (terminated) to the caller, who frees them with vlm_mem_free; b is empty again.
 * NULL when not ok or out of memory. */
char *vlm_buf_take(struct vlm_buf *b, size_t *n);

/* Growing arrays of any type: makes room for one more element; false when out of memory. */
bool vlm_grow(const vlm_allocator *alloc, void *array_pp, size_t *cap, size_t n,
              size_t element_size);

#endif
