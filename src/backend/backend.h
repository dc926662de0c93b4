/* backend.h: operations on tensors, at the grain of "linear", "attention", "norm".  A backend owns
 * the memory it computes in and says how work is split; cpu.c splits it over the pool and calls
 * kernels. A second backend (a GPU) is a second file behind the same functions.
 *
 * Shapes are checked by assertion: a caller that passes wrong ones has a bug; files were checked
 * when they were opened.  Nothing here allocates after open and reserve.  Results are only readable
 * after vlm_backend_sync (on the CPU, at once).
 *
 * Tensors have two dimensions, because every operation of a transformer works on rows; what further
 * axes there are (heads, image axes) lie inside a row and are arguments of the operation. */
#ifndef VLM_BACKEND_BACKEND_H
#define VLM_BACKEND_BACKEND_H

#include <stdbool.h>

#include "base/pool.h"
#include "kernel/kernel.h"

struct vlm_backend;

struct vlm_buffer { /* memory of a backend: its own, or imported (a mapping) */
    uint8_t *data;
    size_t bytes;
    bool imported;
};

struct vlm_tensor {
    enum vlm_num type;
    size_t rows, cols, stride; /* stride: elements from one row to the next */
    const struct vlm_buffer *buffer;
    size_t offset; /* bytes */
};

/* A weight matrix and all that belongs to applying it: y = W x + b (+ adapters, in a later issue).
 */
struct vlm_linear {
    enum vlm_num type;
    size_t n_out, n_in;
    const void *data;   /* [n_out][n_in], as it lies in the file; any alignment */
    const float *bias;  /* [n_out], or NULL */
    const float *scale; /* [n_out]: W's row i is scale[i] times the stored one; or NULL */
    const void *repacked; /* data as vlm_op_repack makes it, 64-byte aligned; or NULL */
};

/* Where keys and values of one layer of one sequence lie.  Each block holds VLM_KV_BLOCK positions
 * of all layers; at offset: for each head, keys, then values, as kernel/kv.h says. */
struct vlm_kv_view {
    enum vlm_num type;
    size_t n_heads, head_dim, n_blocks;
    uint8_t *const *blocks;
    size_t offset;
};
size_t vlm_kv_layer_bytes(enum vlm_num type, size_t n_heads, size_t head_dim); /* of one block */

/* Consecutive rows of one sequence in a forward pass: rows first_row.. hold positions first_pos..
 */
struct vlm_segment {
    size_t first_row, n_rows, first_pos;
    struct vlm_kv_view kv;
};

int vlm_backend_open(struct vlm_backend **out, const vlm_allocator *alloc, struct vlm_pool *pool,
                     const char *isa, vlm_error *err);
void vlm_backend_close(struct vlm_backend *b);
/* Whether quantised matrices are multiplied as the numbers they stand for (false at first: rows are
 * rounded to 8 bits before).  Before any reserve. */
void vlm_backend_set_exact(struct vlm_backend *b, bool exact);
const struct vlm_kernels *vlm_backend_kernels(const struct vlm_backend *b);
/* Scratch for attention with heads up to head_dim over sequences up to n_positions. */
int vlm_backend_reserve(struct vlm_backend *b, size_t head_dim, size_t n_positions, vlm_error *err);
/* Scratch to apply matrices with rows of up to n_in that are of no plain float type. */
int vlm_backend_reserve_unpack(struct vlm_backend *b, size_t n_in, vlm_error *err);
uint64_t vlm_backend_unpack_bytes(const struct vlm_backend *b, size_t n_in); /* that it takes */
uint64_t vlm_backend_bytes(const struct vlm_backend *b);                     /* of scratch */

int vlm_buffer_alloc(struct vlm_buffer *out, struct vlm_backend *b, size_t bytes, const char *what,
                     vlm_error *err);
void vlm_buffer_import(struct vlm_buffer *out, struct vlm_backend *b, const void *data,
                       size_t bytes);
void vlm_buffer_free(struct vlm_buffer *buf, struct vlm_backend *b);
/* Waits for all work; then the tensor's memory may be read through vlm_tensor_f32. */
void vlm_backend_sync(struct vlm_backend *b);

/* 1 / sqrt(x), correctly rounded operations only: the same on every machine. */
float vlm_inv_sqrt(float x);

/* Views. */
struct vlm_tensor vlm_tensor_at(const struct vlm_buffer *buf, size_t offset, size_t rows,
                                size_t cols);
struct vlm_tensor vlm_tensor_rows(const struct vlm_tensor *t, size_t first, size_t n);
float *vlm_tensor_f32(const struct vlm_tensor *t,
                      size_t row); /* host address of a row; after sync */

/* y[m, n_out] = x[m, n_in] W^T * scale + b; W of any type, see vlm_backend_set_exact */
void vlm_op_linear(struct vlm_backend *b, const struct vlm_tensor *y, const struct vlm_tensor *x,
                   const struct vlm_linear *w);
/* Rounds a matrix of floats to Q8_0: n_out rows of vlm_backend_packed_bytes(n_in) at out, elements
 * beyond n_in zero.  What it stands for is a matrix with rows of vlm_backend_packed_length(n_in).
 */
void vlm_op_pack(struct vlm_backend *b, uint8_t *out, const struct vlm_linear *w);
size_t vlm_backend_packed_length(size_t n_in); /* the next multiple of a block's 32 */
size_t vlm_backend_packed_bytes(size_t n_in);
/* Brings w to the form in which kernels multiply it fastest with several rows, the results' bits
 * the same: vlm_backend_repacked_bytes(w) at out, 64-byte aligned.  0: there is no such form. */
uint64_t vlm_backend_repacked_bytes(const struct vlm_backend *b, const struct vlm_linear *w);
void vlm_op_repack(struct vlm_backend *b, uint8_t *out, const struct vlm_linear *w);
/* y = (x - mean) / sqrt(var + eps) * w + bias, per row */
void vlm_op_layernorm(struct vlm_backend *b, const struct vlm_tensor *y, const struct vlm_tensor *x,
                      const float *w, const float *bias, float eps);
/* y = x / sqrt(mean(x^2) + eps) * w, per row */
void vlm_op_rmsnorm(struct vlm_backend *b, const struct vlm_tensor *y, const struct vlm_tensor *x,
                    const float *w, float eps);
void vlm_op_add(struct vlm_backend *b, const struct vlm_tensor *x,
                const struct vlm_tensor *y);                         /* x += y */
void vlm_op_gelu(struct vlm_backend *b, const struct vlm_tensor *x); /* in place, tanh form */
/* gate = silu(gate) * up */
void vlm_op_silu_mul(struct vlm_backend *b, const struct vlm_tensor *gate,
                     const struct vlm_tensor *up);
/* Rotates the heads of x [rows, n_heads * head_dim]; row r by the angles cos, sin [rows, head_dim /
 * 2]. */
void vlm_op_rope(struct vlm_backend *b, const struct vlm_tensor *x, const struct vlm_tensor *cos,
                 const struct vlm_tensor *sin, size_t n_heads, size_t head_dim);
/* Brings each head of x [rows, n_heads * head_dim], in place, from the order of GGUF, in which
 * values that rotate together lie beside each other, to that of vlm_op_rope: 2i -> i, 2i + 1 -> i +
 * d/2. */
void vlm_op_unpair(struct vlm_backend *b, const struct vlm_tensor *x, size_t n_heads,
                   size_t head_dim);
/* y[i] = row ids[i] of a table [n_rows, cols] of any weight type, times its scale */
void vlm_op_gather(struct vlm_backend *b, const struct vlm_tensor *y,
                   const struct vlm_linear *table, const int32_t *ids);
/* One frame [3, side, side] -> y [grid * grid, 3 * patch * patch]: patches row by row, inside one
 * channel, then its rows (the order of the convolution's weights).  Pixels beyond grid * patch are
 * unused. */
void vlm_op_patches(struct vlm_backend *b, const struct vlm_tensor *y, const float *frame,
                    size_t side, size_t grid, size_t patch);
/* x [grid * grid, d] -> y [(grid/s)^2, s * s * d]:
 * y[ho * grid/s + wo][(dy * s + dx) * d + c] = x[(s ho + dy) * grid + s wo + dx][c] */
void vlm_op_pixel_shuffle(struct vlm_backend *b, const struct vlm_tensor *y,
                          const struct vlm_tensor *x, size_t grid, size_t s);
/* Stores rows of k and v [rows, n_heads * head_dim] at the segments' positions, rounded to the
 * cache's type. */
void vlm_op_kv_store(struct vlm_backend *b, const struct vlm_tensor *k, const struct vlm_tensor *v,
                     const struct vlm_segment *segments, size_t n_segments);
/* out[r] = softmax(q[r] K^T * scale) V per head over the row's sequence; q, out [rows, n_heads *
 * head_dim], head h reads the cache's head h / (n_heads / kv heads); row r sees its first n_keys[r]
 * positions. */
void vlm_op_attention(struct vlm_backend *b, const struct vlm_tensor *out,
                      const struct vlm_tensor *q, const struct vlm_segment *segments,
                      size_t n_segments, const uint32_t *n_keys, size_t n_heads, float scale);

#endif
