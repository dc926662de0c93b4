/* cpu.c: the backend of the processor: splits each operation's OUTPUT over the pool (never a
 * reduction, so results do not depend on the number of threads) and calls kernels. */
#include <assert.h>
#include <string.h>

#include "backend/cpu.h"
#include "base/checked.h"
#include "base/limits.h"
#include "base/mem.h"

/* Work (in multiply-adds or so) below which waking other threads costs more than it gives. */
#define SMALL 20000

int vlm_backend_open(struct vlm_backend **out, const vlm_allocator *alloc, struct vlm_pool *pool,
                     const char *isa, vlm_error *err)
{
    struct vlm_backend *b = vlm_mem_zalloc(alloc, 1, sizeof *b);
    if (!b)
        return vlm_fail_memory(err, sizeof *b, "the backend");
    b->alloc = alloc;
    b->pool = pool;
    struct vlm_quoted q;
    if (vlm_kernels_init(&b->k, isa) != 0) {
        vlm_mem_free(alloc, b);
        return vlm_fail(err, VLM_ERR_ARGUMENT, "ISA level '%s' is not usable on this machine",
                        vlm_base_quote(&q, isa ? isa : "auto", isa ? strlen(isa) : 4));
    }
    b->threads = vlm_mem_zalloc(alloc, (size_t)vlm_pool_size(pool), sizeof *b->threads);
    if (!b->threads) {
        vlm_mem_free(alloc, b);
        return vlm_fail_memory(err, sizeof *b->threads, "the backend");
    }
    *out = b;
    return VLM_OK;
}

static void free_scratch(const struct vlm_backend *b, struct scratch *threads)
{
    for (int i = 0; threads && i < vlm_pool_size(b->pool); i++) {
        vlm_mem_free(b->alloc, threads[i].attention);
        vlm_mem_free(b->alloc, threads[i].blocks);
    }
    vlm_mem_free(b->alloc, threads);
}

void vlm_backend_close(struct vlm_backend *b)
{
    if (!b)
        return;
    free_scratch(b, b->threads);
    vlm_mem_free(b->alloc, b->panels);
    vlm_mem_free(b->alloc, b->rounded);
    vlm_mem_free(b->alloc, b);
}

void vlm_backend_set_exact(struct vlm_backend *b, bool exact)
{
    b->exact = exact;
}

const struct vlm_kernels *vlm_backend_kernels(const struct vlm_backend *b)
{
    return &b->k;
}
uint64_t vlm_backend_bytes(const struct vlm_backend *b)
{
    return b->bytes + vlm_backend_unpack_bytes(b, b->n_unpack);
}

int vlm_backend_reserve(struct vlm_backend *b, size_t head_dim, size_t n_positions, vlm_error *err)
{
    if (head_dim <= b->head_dim && n_positions <= b->n_positions)
        return VLM_OK;
    head_dim = vlm_max_size(head_dim, b->head_dim);
    n_positions = vlm_max_size(n_positions, b->n_positions);
    size_t n_threads = (size_t)vlm_pool_size(b->pool), n_floats = vlm_attention_scratch(head_dim);
    size_t n_blocks = 2 * (n_positions / VLM_KV_BLOCK + 1), bytes = 0;
    /* the new beside the old: a failure must leave what other sessions rely on */
    struct scratch *threads = vlm_mem_zalloc(b->alloc, n_threads, sizeof *threads);
    for (size_t i = 0; threads && i < n_threads; i++) {
        struct scratch *s = &threads[i];
        s->attention = vlm_mem_alloc(b->alloc, n_floats, sizeof *s->attention);
        s->blocks = vlm_mem_alloc(b->alloc, n_blocks, sizeof *s->blocks);
        bytes += n_floats * sizeof *s->attention + n_blocks * sizeof *s->blocks;
        if (!s->attention || !s->blocks) {
            free_scratch(b, threads);
            threads = NULL;
        }
    }
    if (!threads)
        return vlm_fail_memory(err, n_floats * sizeof(float), "attention");
    free_scratch(b, b->threads);
    b->threads = threads;
    b->bytes = bytes;
    b->head_dim = head_dim;
    b->n_positions = n_positions;
    return VLM_OK;
}

/* ---- buffers and views ---- */

int vlm_buffer_alloc(struct vlm_buffer *out, struct vlm_backend *b, size_t bytes, const char *what,
                     vlm_error *err)
{
    uint8_t *data = vlm_mem_alloc(b->alloc, bytes, 1);
    if (!data)
        return vlm_fail_memory(err, bytes, what);
    *out = (struct vlm_buffer){data, bytes, false};
    return VLM_OK;
}

void vlm_buffer_import(struct vlm_buffer *out, struct vlm_backend *b, const void *data,
                       size_t bytes)
{
    (void)b;
    *out = (struct vlm_buffer){(uint8_t *)(uintptr_t)data, bytes, true};
}

void vlm_buffer_free(struct vlm_buffer *buf, struct vlm_backend *b)
{
    if (!buf->imported)
        vlm_mem_free(b->alloc, buf->data);
    *buf = (struct vlm_buffer){NULL, 0, false};
}

void vlm_backend_sync(struct vlm_backend *b)
{
    (void)b;
}

float vlm_inv_sqrt(float x)
{
    return (float)(1.0 / __builtin_sqrt((double)x));
}

struct vlm_tensor vlm_tensor_at(const struct vlm_buffer *buf, size_t offset, size_t rows,
                                size_t cols)
{
    assert(offset + rows * cols * sizeof(float) <= buf->bytes);
    return (struct vlm_tensor){VLM_NUM_F32, rows, cols, cols, buf, offset};
}

struct vlm_tensor vlm_tensor_rows(const struct vlm_tensor *t, size_t first, size_t n)
{
    assert(first + n <= t->rows);
    struct vlm_tensor v = *t;
    v.offset += first * t->stride * sizeof(float);
    v.rows = n;
    return v;
}

float *vlm_tensor_f32(const struct vlm_tensor *t, size_t row)
{
    return (float *)(void *)(t->buffer->data + t->offset) + row * t->stride;
}

/* ---- splitting ---- */

/* Runs fn over parts of [0, n) in steps of grain; work decides whether that is worth more than one.
 */
struct split {
    void (*fn)(const void *op, size_t begin, size_t end, int thread);
    const void *op;
    size_t n, part;
};

static void run_part(void *ctx, size_t task, int thread)
{
    const struct split *s = ctx;
    size_t begin = task * s->part;
    s->fn(s->op, begin, vlm_min_size(begin + s->part, s->n), thread);
}

void vlm_backend_split(struct vlm_backend *b, void (*fn)(const void *, size_t, size_t, int),
                       const void *op, size_t n, size_t grain, size_t work)
{
    size_t n_threads = (size_t)vlm_pool_size(b->pool);
    if (n_threads == 1 || work < SMALL) {
        fn(op, 0, n, 0);
        return;
    }
    /* four parts a thread: enough to even out a busy neighbour, few enough to cost nothing */
    size_t part = (n + 4 * n_threads - 1) / (4 * n_threads);
    part = (part + grain - 1) / grain * grain;
    struct split s = {fn, op, n, part};
    vlm_pool_run(b->pool, run_part, &s, (n + part - 1) / part);
}

/* ---- row-wise operations ---- */

struct rows_op {
    const struct vlm_backend *b;
    float *y;
    const float *x, *w, *bias;
    size_t ld_y, ld_x, d;
    float eps;
};

static void layernorm_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct rows_op *o = arg;
    for (size_t r = begin; r < end; r++)
        o->b->k.layernorm(o->y + r * o->ld_y, o->x + r * o->ld_x, o->w, o->bias, o->eps, 1, o->d);
}

void vlm_op_layernorm(struct vlm_backend *b, const struct vlm_tensor *y, const struct vlm_tensor *x,
                      const float *w, const float *bias, float eps)
{
    assert(y->rows == x->rows && y->cols == x->cols);
    struct rows_op o = {
        b, vlm_tensor_f32(y, 0), vlm_tensor_f32(x, 0), w, bias, y->stride, x->stride, x->cols, eps};
    vlm_backend_split(b, layernorm_rows, &o, x->rows, 1, x->rows * x->cols);
}

static void rmsnorm_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct rows_op *o = arg;
    for (size_t r = begin; r < end; r++)
        o->b->k.rmsnorm(o->y + r * o->ld_y, o->x + r * o->ld_x, o->w, o->eps, 1, o->d);
}

void vlm_op_rmsnorm(struct vlm_backend *b, const struct vlm_tensor *y, const struct vlm_tensor *x,
                    const float *w, float eps)
{
    assert(y->rows == x->rows && y->cols == x->cols);
    struct rows_op o = {
        b, vlm_tensor_f32(y, 0), vlm_tensor_f32(x, 0), w, NULL, y->stride, x->stride, x->cols, eps};
    vlm_backend_split(b, rmsnorm_rows, &o, x->rows, 1, x->rows * x->cols);
}

static void add_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct rows_op *o = arg;
    for (size_t r = begin; r < end; r++)
        o->b->k.add(o->y + r * o->ld_y, o->x + r * o->ld_x, o->d);
}

void vlm_op_add(struct vlm_backend *b, const struct vlm_tensor *x, const struct vlm_tensor *y)
{
    assert(y->rows == x->rows && y->cols == x->cols);
    struct rows_op o = {.b = b,
                        .y = vlm_tensor_f32(x, 0),
                        .x = vlm_tensor_f32(y, 0),
                        .ld_y = x->stride,
                        .ld_x = y->stride,
                        .d = x->cols};
    vlm_backend_split(b, add_rows, &o, x->rows, 1, x->rows * x->cols);
}

static void gelu_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct rows_op *o = arg;
    for (size_t r = begin; r < end; r++)
        o->b->k.gelu_tanh(o->y + r * o->ld_y, o->d);
}

void vlm_op_gelu(struct vlm_backend *b, const struct vlm_tensor *x)
{
    struct rows_op o = {.b = b, .y = vlm_tensor_f32(x, 0), .ld_y = x->stride, .d = x->cols};
    vlm_backend_split(b, gelu_rows, &o, x->rows, 1, x->rows * x->cols * 16);
}

static void silu_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct rows_op *o = arg;
    for (size_t r = begin; r < end; r++)
        o->b->k.silu_mul(o->y + r * o->ld_y, o->y + r * o->ld_y, o->x + r * o->ld_x, o->d);
}

void vlm_op_silu_mul(struct vlm_backend *b, const struct vlm_tensor *gate,
                     const struct vlm_tensor *up)
{
    assert(gate->rows == up->rows && gate->cols == up->cols);
    struct rows_op o = {.b = b,
                        .y = vlm_tensor_f32(gate, 0),
                        .x = vlm_tensor_f32(up, 0),
                        .ld_y = gate->stride,
                        .ld_x = up->stride,
                        .d = gate->cols};
    vlm_backend_split(b, silu_rows, &o, gate->rows, 1, gate->rows * gate->cols * 16);
}

struct rope_op {
    const struct vlm_backend *b;
    const struct vlm_tensor *x, *c, *s;
    size_t n_heads, head_dim;
};

static void rope_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct rope_op *o = arg;
    for (size_t r = begin; r < end; r++)
        o->b->k.rope(vlm_tensor_f32(o->x, r), vlm_tensor_f32(o->c, r), vlm_tensor_f32(o->s, r),
                     o->n_heads, o->head_dim);
}

void vlm_op_rope(struct vlm_backend *b, const struct vlm_tensor *x, const struct vlm_tensor *cos,
                 const struct vlm_tensor *sin, size_t n_heads, size_t head_dim)
{
    assert(x->cols == n_heads * head_dim && cos->cols == head_dim / 2 && cos->rows == x->rows);
    struct rope_op o = {b, x, cos, sin, n_heads, head_dim};
    vlm_backend_split(b, rope_rows, &o, x->rows, 1, x->rows * x->cols);
}

struct unpair_op {
    const struct vlm_tensor *x;
    size_t n_heads, head_dim;
};

static void unpair_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct unpair_op *o = arg;
    size_t half = o->head_dim / 2;
    float odd[VLM_LIMIT_HEAD_DIM / 2];
    for (size_t r = begin; r < end; r++)
        for (size_t h = 0; h < o->n_heads; h++) {
            float *x = vlm_tensor_f32(o->x, r) + h * o->head_dim;
            for (size_t i = 0; i < half; i++) {
                odd[i] = x[2 * i + 1];
                x[i] = x[2 * i];
            }
            memcpy(x + half, odd, half * sizeof *odd);
        }
}

void vlm_op_unpair(struct vlm_backend *b, const struct vlm_tensor *x, size_t n_heads,
                   size_t head_dim)
{
    assert(x->cols == n_heads * head_dim && head_dim % 2 == 0 && head_dim <= VLM_LIMIT_HEAD_DIM);
    struct unpair_op o = {x, n_heads, head_dim};
    vlm_backend_split(b, unpair_rows, &o, x->rows, 1, x->rows * x->cols);
}

/* ---- image axes ---- */

void vlm_op_patches(struct vlm_backend *b, const struct vlm_tensor *y, const float *frame,
                    size_t side, size_t grid, size_t patch)
{
    (void)b;
    assert(y->rows == grid * grid && y->cols == 3 * patch * patch && grid * patch <= side);
    for (size_t p = 0; p < grid * grid; p++) {
        float *out = vlm_tensor_f32(y, p);
        const float *corner = frame + p / grid * patch * side + p % grid * patch;
        for (size_t c = 0; c < 3; c++)
            for (size_t i = 0; i < patch; i++, out += patch)
                memcpy(out, corner + (c * side + i) * side, patch * sizeof *out);
    }
}

void vlm_op_pixel_shuffle(struct vlm_backend *b, const struct vlm_tensor *y,
                          const struct vlm_tensor *x, size_t grid, size_t s)
{
    (void)b;
    size_t d = x->cols, side = grid / s;
    assert(x->rows == grid * grid && y->rows == side * side && y->cols == s * s * d);
    for (size_t t = 0; t < side * side; t++)
        for (size_t k = 0; k < s * s; k++)
            memcpy(vlm_tensor_f32(y, t) + k * d,
                   vlm_tensor_f32(x, (s * (t / side) + k / s) * grid + s * (t % side) + k % s),
                   d * sizeof(float));
}
