/* gguf_write.c: see gguf_write.h.  Everything little end first, whatever the machine. */
#include "format/gguf_write.h"

#include <string.h>

#include "base/half.h"
#include "base/limits.h"

static void put(struct vlm_buf *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        vlm_buf_putc(b, (char)(v >> 8 * i & 0xff));
}

static void put_text(struct vlm_buf *b, const char *s, size_t n)
{
    put(b, n, 8);
    vlm_buf_append(b, s, n);
}

static struct vlm_buf *begin(struct vlm_gguf_writer *w, const char *key, enum vlm_gguf_type type)
{
    w->n_pairs++;
    put_text(&w->pairs, key, strlen(key));
    put(&w->pairs, type, 4);
    return &w->pairs;
}

void vlm_gguf_writer_init(struct vlm_gguf_writer *w, const vlm_allocator *alloc)
{
    *w = (struct vlm_gguf_writer){.n_pairs = 0};
    vlm_buf_init(&w->pairs, alloc, (size_t)VLM_LIMIT_GGUF_HEADER_BYTES);
    vlm_buf_init(&w->tensors, alloc, (size_t)VLM_LIMIT_GGUF_HEADER_BYTES);
}

void vlm_gguf_writer_free(struct vlm_gguf_writer *w)
{
    vlm_buf_free(&w->pairs);
    vlm_buf_free(&w->tensors);
}

void vlm_gguf_put_u32(struct vlm_gguf_writer *w, const char *key, uint32_t v)
{
    put(begin(w, key, VLM_GGUF_U32), v, 4);
}

void vlm_gguf_put_f32(struct vlm_gguf_writer *w, const char *key, float v)
{
    put(begin(w, key, VLM_GGUF_F32), vlm_f32_to_bits(v), 4);
}

void vlm_gguf_put_bool(struct vlm_gguf_writer *w, const char *key, bool v)
{
    put(begin(w, key, VLM_GGUF_BOOL), v, 1);
}

void vlm_gguf_put_string(struct vlm_gguf_writer *w, const char *key, const char *s, size_t n)
{
    put_text(begin(w, key, VLM_GGUF_STRING), s, n);
}

void vlm_gguf_put_word(struct vlm_gguf_writer *w, const char *key, const char *s)
{
    vlm_gguf_put_string(w, key, s, strlen(s));
}

void vlm_gguf_put_array(struct vlm_gguf_writer *w, const char *key, enum vlm_gguf_type type,
                        uint64_t n)
{
    struct vlm_buf *b = begin(w, key, VLM_GGUF_ARRAY);
    put(b, type, 4);
    put(b, n, 8);
}

void vlm_gguf_put_item_i32(struct vlm_gguf_writer *w, int32_t v)
{
    put(&w->pairs, (uint32_t)v, 4);
}

void vlm_gguf_put_item_f32(struct vlm_gguf_writer *w, float v)
{
    put(&w->pairs, vlm_f32_to_bits(v), 4);
}

void vlm_gguf_put_item_string(struct vlm_gguf_writer *w, const char *s, size_t n)
{
    put_text(&w->pairs, s, n);
}

void vlm_gguf_put_copy(struct vlm_gguf_writer *w, const struct vlm_gguf_pair *p)
{
    w->n_pairs++;
    put_text(&w->pairs, p->key, p->n_key);
    if (p->is_array) {
        put(&w->pairs, VLM_GGUF_ARRAY, 4);
        put(&w->pairs, p->type, 4);
        put(&w->pairs, p->n, 8);
    } else {
        put(&w->pairs, p->type, 4);
    }
    vlm_buf_append(&w->pairs, p->data, p->n_data);
}

int vlm_gguf_type_number(enum vlm_num type)
{
    static const signed char numbers[VLM_N_NUM] = {
        [VLM_NUM_F32] = 0,     [VLM_NUM_F16] = 1,   [VLM_NUM_BF16] = 30, [VLM_NUM_F8_E4M3] = -1,
        [VLM_NUM_I8] = -1,     [VLM_NUM_Q4_0] = 2,  [VLM_NUM_Q4_1] = 3,  [VLM_NUM_Q5_0] = 6,
        [VLM_NUM_Q5_1] = 7,    [VLM_NUM_Q8_0] = 8,  [VLM_NUM_Q2_K] = 10, [VLM_NUM_Q3_K] = 11,
        [VLM_NUM_Q4_K] = 12,   [VLM_NUM_Q5_K] = 13, [VLM_NUM_Q6_K] = 14, [VLM_NUM_IQ4_NL] = 20,
        [VLM_NUM_IQ4_XS] = 23, [VLM_NUM_MXFP4] = 39};
    return numbers[type];
}

uint64_t vlm_gguf_put_tensor(struct vlm_gguf_writer *w, const char *name, enum vlm_num type,
                             size_t n_dims, const uint64_t *shape)
{
    const struct vlm_num_info *info = vlm_num_info(type);
    uint64_t n = 1;
    w->n_tensors++;
    put_text(&w->tensors, name, strlen(name));
    put(&w->tensors, n_dims, 4);
    for (size_t i = n_dims; i-- > 0;) {
        put(&w->tensors, shape[i], 8);
        n *= shape[i];
    }
    put(&w->tensors, (uint64_t)vlm_gguf_type_number(type), 4);
    put(&w->tensors, w->n_data, 8);
    uint64_t bytes = n / info->block_len * info->block_bytes;
    w->n_data += bytes + vlm_gguf_padding(bytes);
    return bytes;
}

int vlm_gguf_write_header(struct vlm_buf *out, const struct vlm_gguf_writer *w, const char *file,
                          vlm_error *err)
{
    uint64_t n = 24 + (uint64_t)w->pairs.n + w->tensors.n;
    vlm_buf_puts(out, "GGUF");
    put(out, 3, 4);
    put(out, w->n_tensors, 8);
    put(out, w->n_pairs, 8);
    vlm_buf_append(out, w->pairs.data, w->pairs.n);
    vlm_buf_append(out, w->tensors.data, w->tensors.n);
    for (size_t i = vlm_gguf_padding(n); i-- > 0;)
        vlm_buf_putc(out, 0);
    if (n > VLM_LIMIT_GGUF_HEADER_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: header of more than %llu bytes", file,
                        (unsigned long long)VLM_LIMIT_GGUF_HEADER_BYTES);
    if (!w->pairs.ok || !w->tensors.ok || !out->ok)
        return vlm_fail_memory(err, (size_t)n, "the header of a GGUF file");
    return VLM_OK;
}
