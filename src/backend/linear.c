/* linear.c: weight matrices of every type.  F16, F32 and BF16 are multiplied as they lie; quantised
 * ones in integers, after the rows were rounded to 8 bits; the rest, and quantised ones on request
 * (vlm_backend_set_exact), are unpacked exactly, in panels. */
#include <assert.h>

#include "backend/cpu.h"
#include "base/checked.h"
#include "base/mem.h"

/* Floats of a panel of unpacked weights, if it has more than the fewest rows: half of a
 * second-level cache, and for narrow matrices so many rows that their unpacking is little beside
 * the products.  */
#define PANEL (64 * 1024)
#define PANEL_ROWS 16             /* the fewest: what the kernels of every level take at once */
#define ROUNDED (2 * 1024 * 1024) /* bytes of rows in 8 bits, beside the fewest */
#define ROUNDED_LEAST 16
#define ROUNDED_MOST 256 /* by then unpacking is little beside the products */

static size_t panel_rows(size_t n_in)
{
    return vlm_max_size(PANEL / vlm_max_size(n_in, 1) / PANEL_ROWS, 1) * PANEL_ROWS;
}

static size_t q8_blocks(size_t n_in)
{
    return (n_in + VLM_Q8_LEN - 1) / VLM_Q8_LEN;
}

static size_t rounded_rows(size_t n_in)
{
    size_t fit = ROUNDED / (q8_blocks(vlm_max_size(n_in, 1)) * sizeof(struct vlm_q8));
    return vlm_min_size(vlm_max_size(fit, ROUNDED_LEAST), ROUNDED_MOST);
}

static size_t panel_floats(size_t n_in)
{
    return n_in == 0 ? 0 : vlm_max_size(PANEL, PANEL_ROWS * n_in);
}

/* Enough for all shorter rows too, of which more go at a time. */
static size_t rounded_bytes(const struct vlm_backend *b, size_t n_in)
{
    size_t row = q8_blocks(n_in) * sizeof(struct vlm_q8);
    size_t bytes = vlm_min_size(ROUNDED_MOST * row, vlm_max_size(ROUNDED, ROUNDED_LEAST * row));
    return b->exact || n_in == 0 ? 0 : bytes + 64;
}

uint64_t vlm_backend_unpack_bytes(const struct vlm_backend *b, size_t n_in)
{
    return (uint64_t)panel_floats(n_in) * sizeof(float) * (uint64_t)vlm_pool_size(b->pool) +
           rounded_bytes(b, n_in);
}

int vlm_backend_reserve_unpack(struct vlm_backend *b, size_t n_in, vlm_error *err)
{
    size_t n = panel_floats(n_in), n_all;
    if (n_in <= b->n_unpack)
        return VLM_OK;
    if (!vlm_mul_size(&n_all, n, (size_t)vlm_pool_size(b->pool)))
        return vlm_fail_memory(err, SIZE_MAX, "unpacked weights");
    float *panels = vlm_mem_alloc(b->alloc, n_all, sizeof *panels);
    void *rounded = b->exact ? NULL : vlm_mem_alloc(b->alloc, rounded_bytes(b, n_in), 1);
    if (!panels || (!rounded && !b->exact)) {
        vlm_mem_free(b->alloc, panels);
        vlm_mem_free(b->alloc, rounded);
        return vlm_fail_memory(err, n_all * sizeof *panels, "unpacked weights");
    }
    vlm_mem_free(b->alloc, b->panels);
    vlm_mem_free(b->alloc, b->rounded);
    b->panels = panels;
    b->rounded = rounded;
    b->n_panel = n;
    b->n_unpack = n_in;
    return VLM_OK;
}

struct linear_op {
    const struct vlm_backend *b;
    float *y;
    const float *x;
    size_t ld_y, ld_x, m;
    const struct vlm_linear *w;
    struct vlm_q8 *rounded; /* the rows of x in 8 bits, or NULL */
    size_t ld_rounded;
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
    const struct vlm_repacked *as = &o->b->k.repacked[w->type];
    if (o->rounded && w->repacked && o->m > 1)
        as->matmul(o->y + begin, o->ld_y, o->rounded, o->ld_rounded,
                   (const uint8_t *)w->repacked + as->bytes(begin, w->n_in), o->m, end - begin,
                   w->n_in);
    else if (o->rounded)
        o->b->k.matmul_q8[w->type](o->y + begin, o->ld_y, o->rounded, o->ld_rounded,
                                   weight_row(w, begin), o->m, end - begin, w->n_in);
    else if (w->type < VLM_N_FLOAT)
        o->b->k.matmul[w->type](o->y + begin, o->ld_y, o->x, o->ld_x, weight_row(w, begin), w->n_in,
                                o->m, end - begin, w->n_in);
    else
        unpacked_columns(o, begin, end, thread);
    for (size_t r = 0; w->scale && r < o->m; r++)
        o->b->k.mul(o->y + r * o->ld_y + begin, w->scale + begin, end - begin);
    for (size_t r = 0; w->bias && r < o->m; r++)
        o->b->k.add(o->y + r * o->ld_y + begin, w->bias + begin, end - begin);
}

static void round_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct linear_op *o = arg;
    for (size_t r = begin; r < end; r++)
        o->b->k.to_q8(o->rounded + r * o->ld_rounded, o->x + r * o->ld_x, o->w->n_in);
}

/* A quantised matrix in integers: as many rows at a time as there is room for. */
static void rounded_linear(struct vlm_backend *b, struct linear_op o)
{
    size_t rows = o.m, step = rounded_rows(o.w->n_in);
    assert(o.w->n_in <= b->n_unpack);
    o.ld_rounded = q8_blocks(o.w->n_in);
    o.rounded = (struct vlm_q8 *)(((uintptr_t)b->rounded + 63) & ~(uintptr_t)63);
    for (size_t r = 0; r < rows; r += step, o.x += step * o.ld_x, o.y += step * o.ld_y) {
        o.m = vlm_min_size(step, rows - r);
        vlm_backend_split(b, round_rows, &o, o.m, 1, o.m * o.w->n_in);
        vlm_backend_split(b, linear_columns, &o, o.w->n_out, 32, o.m * o.w->n_out * o.w->n_in);
    }
}

void vlm_op_linear(struct vlm_backend *b, const struct vlm_tensor *y, const struct vlm_tensor *x,
                   const struct vlm_linear *w)
{
    assert(y->rows == x->rows && x->cols == w->n_in && y->cols == w->n_out);
    struct linear_op o = {.b = b,
                          .y = vlm_tensor_f32(y, 0),
                          .x = vlm_tensor_f32(x, 0),
                          .ld_y = y->stride,
                          .ld_x = x->stride,
                          .m = x->rows,
                          .w = w};
    if (!b->exact && b->k.matmul_q8[w->type]) {
        rounded_linear(b, o);
        return;
    }
    vlm_backend_split(b, linear_columns, &o, w->n_out, 16, x->rows * w->n_out * w->n_in);
}

/* ---- repacked ---- */

uint64_t vlm_backend_repacked_bytes(const struct vlm_backend *b, const struct vlm_linear *w)
{
    const struct vlm_repacked *as = &b->k.repacked[w->type];
    return b->exact || !as->bytes ? 0 : as->bytes(w->n_out, w->n_in);
}

struct repack_op {
    const struct vlm_repacked *as;
    const struct vlm_linear *w;
    uint8_t *out;
};

static void repack_columns(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct repack_op *o = arg;
    o->as->repack(o->out + o->as->bytes(begin, o->w->n_in), weight_row(o->w, begin), end - begin,
                  o->w->n_in);
}

void vlm_op_repack(struct vlm_backend *b, uint8_t *out, const struct vlm_linear *w)
{
    struct repack_op o = {&b->k.repacked[w->type], w, out};
    vlm_backend_split(b, repack_columns, &o, w->n_out, 32, w->n_out * w->n_in);
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
