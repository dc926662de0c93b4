/* buf.c: growable bytes with a sticky error. */
#include "base/buf.h"

#include <string.h>

#include "base/checked.h"
#include "base/utf8.h"

void vlm_buf_init(struct vlm_buf *b, const vlm_allocator *alloc, size_t limit)
{
    *b = (struct vlm_buf){.alloc = alloc, .limit = limit, .ok = true};
}

void vlm_buf_free(struct vlm_buf *b)
{
    vlm_mem_free(b->alloc, b->data);
    vlm_buf_init(b, b->alloc, b->limit);
}

void vlm_buf_clear(struct vlm_buf *b)
{
    b->n = 0;
    b->ok = true;
    if (b->data)
        b->data[0] = 0;
}

bool vlm_buf_reserve(struct vlm_buf *b, size_t more)
{
    size_t need;
    if (!b->ok || !vlm_add_size(&need, b->n, more) || need > b->limit ||
        !vlm_add_size(&need, need, 1))
        return b->ok = false;
    if (need <= b->cap)
        return true;
    size_t cap = vlm_max_size(need, b->cap + b->cap / 2 + 64);
    char *data = vlm_mem_realloc(b->alloc, b->data, cap, 1);
    if (!data)
        return b->ok = false;
    b->data = data;
    b->cap = cap;
    return true;
}

bool vlm_buf_append(struct vlm_buf *b, const void *data, size_t n)
{
    if (!vlm_buf_reserve(b, n))
        return false;
    if (n)
        memcpy(b->data + b->n, data, n);
    b->n += n;
    b->data[b->n] = 0;
    return true;
}

bool vlm_buf_putc(struct vlm_buf *b, char c)
{
    return vlm_buf_append(b, &c, 1);
}
bool vlm_buf_puts(struct vlm_buf *b, const char *s)
{
    return vlm_buf_append(b, s, strlen(s));
}

bool vlm_buf_utf8(struct vlm_buf *b, uint32_t code_point)
{
    char bytes[4];
    return vlm_buf_append(b, bytes, vlm_utf8_encode(bytes, code_point));
}

char *vlm_buf_take(struct vlm_buf *b, size_t *n)
{
    if (!vlm_buf_reserve(b, 0))
        return NULL;
    char *data = b->data;
    data[b->n] = 0;
    if (n)
        *n = b->n;
    b->data = NULL;
    vlm_buf_init(b, b->alloc, b->limit);
    return data;
}

bool vlm_grow(const vlm_allocator *alloc, void *array_pp, size_t *cap, size_t n,
              size_t element_size)
{
    if (n < *cap)
        return true;
    void *old;
    memcpy(&old, array_pp, sizeof old);
    size_t new_cap = *cap + *cap / 2 + 8;
    void *p = vlm_mem_realloc(alloc, old, new_cap, element_size);
    if (!p)
        return false;
    memcpy(array_pp, &p, sizeof p);
    *cap = new_cap;
    return true;
}
