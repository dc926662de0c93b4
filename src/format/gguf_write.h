/* gguf_write.h: the header of a GGUF file (version 3): pairs, table of tensors, padding.
 *
 * Collected in memory, then asked for as one run of bytes; the data behind it are the caller's to
 * write: each tensor's bytes and zeros up to the next multiple of the alignment, in the order
 * added. Errors are sticky, as in base/buf.h: one check at the end. */
#ifndef VLM_FORMAT_GGUF_WRITE_H
#define VLM_FORMAT_GGUF_WRITE_H

#include "base/buf.h"
#include "format/gguf.h"

#define VLM_GGUF_ALIGNMENT 32

struct vlm_gguf_writer {
    struct vlm_buf pairs, tensors;
    uint64_t n_pairs, n_tensors;
    uint64_t n_data; /* bytes of all tensors and their padding so far */
};

void vlm_gguf_writer_init(struct vlm_gguf_writer *w, const vlm_allocator *alloc);
void vlm_gguf_writer_free(struct vlm_gguf_writer *w);

void vlm_gguf_put_u32(struct vlm_gguf_writer *w, const char *key, uint32_t v);
void vlm_gguf_put_f32(struct vlm_gguf_writer *w, const char *key, float v);
void vlm_gguf_put_bool(struct vlm_gguf_writer *w, const char *key, bool v);
void vlm_gguf_put_string(struct vlm_gguf_writer *w, const char *key, const char *s, size_t n);
void vlm_gguf_put_word(struct vlm_gguf_writer *w, const char *key, const char *s); /* terminated */
/* An array of n elements, which follow through put_item. */
void vlm_gguf_put_array(struct vlm_gguf_writer *w, const char *key, enum vlm_gguf_type type,
                        uint64_t n);
void vlm_gguf_put_item_i32(struct vlm_gguf_writer *w, int32_t v);
void vlm_gguf_put_item_f32(struct vlm_gguf_writer *w, float v);
void vlm_gguf_put_item_string(struct vlm_gguf_writer *w, const char *s, size_t n);
/* A pair of another file, as it lies there. */
void vlm_gguf_put_copy(struct vlm_gguf_writer *w, const struct vlm_gguf_pair *p);

/* shape: outermost first; a row is a whole number of blocks.  Returns the tensor's bytes without
 * padding. */
uint64_t vlm_gguf_put_tensor(struct vlm_gguf_writer *w, const char *name, enum vlm_num type,
                             size_t n_dims, const uint64_t *shape);
/* Zeros behind n bytes of data. */
static inline size_t vlm_gguf_padding(uint64_t n)
{
    return (size_t)((VLM_GGUF_ALIGNMENT - n % VLM_GGUF_ALIGNMENT) % VLM_GGUF_ALIGNMENT);
}
/* The header as it is written, its padding included; out is initialised.  VLM_ERR_LIMIT when a
 * reader with our limits would refuse it. */
int vlm_gguf_write_header(struct vlm_buf *out, const struct vlm_gguf_writer *w, const char *file,
                          vlm_error *err);
/* The format's number of a type that num.h names; -1 for those it does not have. */
int vlm_gguf_type_number(enum vlm_num type);

#endif
