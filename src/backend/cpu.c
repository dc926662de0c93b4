/* cpu.c: the backend of the processor: splits each operation's OUTPUT over the pool (never a
 * reduction, so results do not depend on the number of threads) and calls kernels. */
#include <assert.h>
#include <string.h>

#include "backend/backend.h"
#include "base/checked.h"
#include "base/limits.h"
#include "base/mem.h"

/* Work (in multiply-adds or so) below which waking other threads costs more than it gives. */
#define SMALL 20000
/* Floats of a panel of unpacked weights, if it has more than the fewest rows: half of a
 * second-level cache, and for narrow matrices so many rows that their unpacking is little beside
 * the products.  */
#define PANEL (64 * 1024)
#define PANEL_ROWS 16 /* the fewest: what the kernels of every level take at once */

struct vlm_backend {
    const vlm_allocator *alloc;
    struct vlm_pool *pool;
    struct vlm_kernels k;
    size_t head_dim, n_positions; /* reserved for */
    struct scratch {
        float *attention;    /* vlm_attention_scratch(head_dim) */
        const void **blocks; /* 2 * blocks of n_positions */
    } * threads;
    float *panels; /* n_panel floats for each thread */
    size_t n_panel;
    size_t bytes;
};

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
    vlm_mem_free(b->alloc, b);
}

const struct vlm_kernels *vlm_backend_kernels(const struct vlm_backend *b)
{
    return &b->k;
}
uint64_t vlm_backend_bytes(const struct vlm_backend *b)
{
    return b->bytes + b->n_panel * (size_t)vlm_pool_size(b->pool) * sizeof(float);
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

static size_t panel_rows(size_t n_in)
{
    return vlm_max_size(PANEL / vlm_max_size(n_in, 1) / PANEL_ROWS, 1) * PANEL_ROWS;
}

uint64_t vlm_backend_unpack_bytes(const struct vlm_backend *b, size_t n_in)
{
    uint64_t n = n_in == 0 ? 0 : vlm_max_size(PANEL, PANEL_ROWS * n_in);
    return n * sizeof(float) * (uint64_t)vlm_pool_size(b->pool);
}

int vlm_backend_reserve_unpack(struct vlm_backend *b, size_t n_in, vlm_error *err)
{
    size_t n = n_in == 0 ? 0 : vlm_max_size(PANEL, PANEL_ROWS * n_in), n_all;
    if (n <= b->n_panel)
        return VLM_OK;
    if (!vlm_mul_size(&n_all, n, (size_t)vlm_pool_size(b->pool)))
        return vlm_fail_memory(err, SIZE_MAX, "unpacked weights");
    float *panels = vlm_mem_alloc(b->alloc, n_all, sizeof *panels);
    if (!panels)
        return vlm_fail_memory(err, n_all * sizeof *panels, "unpacked weights");
    vlm_mem_free(b->alloc, b->panels);
    b->panels = panels;
    b->n_panel = n;
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

static void split_over(struct vlm_backend *b, void (*fn)(const void *, size_t, size_t, int),
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

/* ---- linear ---- */

struct linear_op {
    const struct vlm_backend *b;
    float *y;
    const float *x;
    size_t ld_y, ld_x, m;
    const struct vlm_linear *w;
};

static const uint8_t *weight_row(const struct vlm_linear *w, size_t row)
{
    return (const uint8_t *)w->data + row * vlm_num_bytes(w->type, w->n_in);
}

/* Types without a matrix product of their own: panels of rows are unpacked and multiplied as F32.
 */
static void unpacked_columns(const struct linear_op *o, size_t begin, size_t end, int thread)
{
    const struct vlm_linear *w = o->w;
    const struct vlm_kernels *k = &o->b->k;
    float *panel = o->b->panels + (size_t)thread * o->b->n_panel;
    /* a single row meets each panel once: the smallest stays nearest */
    size_t step = o->m == 1 ? PANEL_ROWS : panel_rows(w->n_in);
    assert(step * w->n_in <= o->b->n_panel);
    for (size_t j = begin; j < end; j += step) {
        size_t n = vlm_min_size(step, end - j);
        k->to_f32[w->type](panel, weight_row(w, j), n * w->n_in);
        k->matmul[VLM_NUM_F32](o->y + j, o->ld_y, o->x, o->ld_x, panel, w->n_in, o->m, n, w->n_in);
    }
}

static void linear_columns(const void *arg, size_t begin, size_t end, int thread)
{
    const struct linear_op *o = arg;
    const struct vlm_linear *w = o->w;
    if (w->type < VLM_N_FLOAT)
        o->b->k.matmul[w->type](o->y + begin, o->ld_y, o->x, o->ld_x, weight_row(w, begin), w->n_in,
                                o->m, end - begin, w->n_in);
    else
        unpacked_columns(o, begin, end, thread);
    for (size_t r = 0; w->scale && r < o->m; r++)
        o->b->k.mul(o->y + r * o->ld_y + begin, w->scale + begin, end - begin);
    for (size_t r = 0; w->bias && r < o->m; r++)
        o->b->k.add(o->y + r * o->ld_y + begin, w->bias + begin, end - begin);
}

void vlm_op_linear(struct vlm_backend *b, const struct vlm_tensor *y, const struct vlm_tensor *x,
                   const struct vlm_linear *w)
{
    assert(y->rows == x->rows && x->cols == w->n_in && y->cols == w->n_out);
    struct linear_op o = {
        b, vlm_tensor_f32(y, 0), vlm_tensor_f32(x, 0), y->stride, x->stride, x->rows, w};
    split_over(b, linear_columns, &o, w->n_out, 16, x->rows * w->n_out * w->n_in);
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
    split_over(b, layernorm_rows, &o, x->rows, 1, x->rows * x->cols);
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
    split_over(b, rmsnorm_rows, &o, x->rows, 1, x->rows * x->cols);
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
    split_over(b, add_rows, &o, x->rows, 1, x->rows * x->cols);
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
    split_over(b, gelu_rows, &o, x->rows, 1, x->rows * x->cols * 16);
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
    split_over(b, silu_rows, &o, gate->rows, 1, gate->rows * gate->cols * 16);
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
    split_over(b, rope_rows, &o, x->rows, 1, x->rows * x->cols);
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
    split_over(b, unpair_rows, &o, x->rows, 1, x->rows * x->cols);
}

void vlm_op_gather(struct vlm_backend *b, const struct vlm_tensor *y,
                   const struct vlm_linear *table, const int32_t *ids)
{
    assert(y->cols == table->n_in);
    for (size_t r = 0; r < y->rows; r++) {
        assert(ids[r] >= 0 && (size_t)ids[r] < table->n_out);
        float *out = vlm_tensor_f32(y, r);
        b->k.to_f32[table->type](out, weight_row(table, (size_t)ids[r]), table->n_in);
        for (size_t i = 0; table->scale && i < table->n_in; i++)
            out[i] *= table->scale[ids[r]];
    }
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

/* ---- keys, values, attention ---- */

size_t vlm_kv_layer_bytes(enum vlm_num type, size_t n_heads, size_t head_dim)
{
    return vlm_num_bytes(type, n_heads * 2 * head_dim * VLM_KV_BLOCK);
}

static uint8_t *kv_head(const struct vlm_kv_view *v, size_t block, size_t head, bool values)
{
    size_t half = vlm_num_bytes(v->type, v->head_dim * VLM_KV_BLOCK);
    return v->blocks[block] + v->offset + (2 * head + values) * half;
}

struct kv_op {
    struct vlm_backend *b;
    const struct vlm_tensor *k, *v;
    const struct vlm_segment *segments;
    size_t n_heads; /* of every segment */
};

/* Item i: head i % n_heads of segment i / n_heads. */
static void store_heads(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct kv_op *o = arg;
    for (size_t i = begin; i < end; i++) {
        const struct vlm_segment *g = &o->segments[i / o->n_heads];
        const struct vlm_kv_view *kv = &g->kv;
        size_t head = i % o->n_heads, d = kv->head_dim, size = vlm_num_bytes(kv->type, 1);
        for (size_t r = 0; r < g->n_rows; r++) {
            size_t pos = g->first_pos + r, at = pos % VLM_KV_BLOCK;
            assert(pos / VLM_KV_BLOCK < kv->n_blocks);
            uint8_t *keys = kv_head(kv, pos / VLM_KV_BLOCK, head, false);
            uint8_t *values = kv_head(kv, pos / VLM_KV_BLOCK, head, true);
            const float *k = vlm_tensor_f32(o->k, g->first_row + r) + head * d;
            for (size_t j = 0; j < d; j++) /* transposed: one column of [head_dim][positions] */
                o->b->k.from_f32[kv->type](keys + (j * VLM_KV_BLOCK + at) * size, k + j, 1);
            o->b->k.from_f32[kv->type](values + at * d * size,
                                       vlm_tensor_f32(o->v, g->first_row + r) + head * d, d);
        }
    }
}

void vlm_op_kv_store(struct vlm_backend *b, const struct vlm_tensor *k, const struct vlm_tensor *v,
                     const struct vlm_segment *segments, size_t n_segments)
{
    struct kv_op o = {b, k, v, segments, segments[0].kv.n_heads};
    assert(k->cols == o.n_heads * segments[0].kv.head_dim && v->cols == k->cols);
    split_over(b, store_heads, &o, n_segments * o.n_heads, 1, k->rows * k->cols);
}

/* Rows of one attention task of a long segment. */
#define ROWS 64

struct attention_op {
    struct vlm_backend *b;
    const struct vlm_tensor *out, *q;
    const struct vlm_segment *segments;
    const uint32_t *n_keys;
    size_t n_heads, n_row_blocks; /* row blocks of the longest segment */
    float scale;
};

/* Pointers to the blocks that hold the first n_keys positions of a head. */
static void list_blocks(struct vlm_attention *a, const void **list, const struct vlm_kv_view *kv,
                        size_t head, size_t n_keys)
{
    size_t n = (n_keys + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
    assert(n <= kv->n_blocks);
    for (size_t i = 0; i < n; i++) {
        list[i] = kv_head(kv, i, head, false);
        list[n + i] = kv_head(kv, i, head, true);
    }
    a->k = list;
    a->v = list + n;
}

/* Item i: row block, then query head, then segment (fastest first).  A segment of one row
 * (decoding) takes all query heads of a key/value head at once instead: they share its keys. */
static void attend(const void *arg, size_t begin, size_t end, int thread)
{
    const struct attention_op *o = arg;
    const struct scratch *s = &o->b->threads[thread];
    for (size_t i = begin; i < end; i++) {
        const struct vlm_segment *g = &o->segments[i / o->n_row_blocks / o->n_heads];
        size_t head = i / o->n_row_blocks % o->n_heads, first = i % o->n_row_blocks * ROWS;
        size_t group = o->n_heads / g->kv.n_heads, d = g->kv.head_dim;
        if (first >= g->n_rows)
            continue;
        size_t n = vlm_min_size(ROWS, g->n_rows - first), row = g->first_row + first;
        struct vlm_attention a = {.out = vlm_tensor_f32(o->out, row) + head * d,
                                  .q = vlm_tensor_f32(o->q, row) + head * d,
                                  .ld_out = o->out->stride,
                                  .ld_q = o->q->stride,
                                  .n_keys = o->n_keys + row,
                                  .n_rows = n,
                                  .kv = g->kv.type,
                                  .head_dim = d,
                                  .scale = o->scale,
                                  .scratch = s->attention};
        uint32_t same[64];
        if (g->n_rows == 1 && group > 1 && group <= 64) {
            if (head % group != 0)
                continue;
            for (size_t h = 0; h < group; h++)
                same[h] = o->n_keys[row];
            a.n_rows = group;
            a.n_keys = same;
            a.ld_out = a.ld_q = d;
        }
        list_blocks(&a, s->blocks, &g->kv, head / group, o->n_keys[row + n - 1]);
        o->b->k.attention(&a);
    }
}

void vlm_op_attention(struct vlm_backend *b, const struct vlm_tensor *out,
                      const struct vlm_tensor *q, const struct vlm_segment *segments,
                      size_t n_segments, const uint32_t *n_keys, size_t n_heads, float scale)
{
    struct attention_op o = {b, out, q, segments, n_keys, n_heads, 1, scale};
    size_t work = 0;
    for (size_t i = 0; i < n_segments; i++) {
        const struct vlm_segment *g = &segments[i];
        assert(q->cols == n_heads * g->kv.head_dim && g->kv.head_dim <= b->head_dim);
        o.n_row_blocks = vlm_max_size(o.n_row_blocks, (g->n_rows + ROWS - 1) / ROWS);
        work += g->n_rows * q->cols * n_keys[g->first_row + g->n_rows - 1];
    }
    split_over(b, attend, &o, n_segments * n_heads * o.n_row_blocks, 1, work);
}
