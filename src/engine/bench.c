/* bench.c: what this machine can do, and how much of it the model's work reaches.  Limits and work
 * are measured in turn inside every repetition, so that both see the same neighbours; medians
 * compare. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "kernel/roof.h"
#include "vlm_tools.h"

#define MAX_REPS 101
#define READ_BYTES ((size_t)256 << 20) /* beyond any second-level cache */
#define PROMPT_ROWS 256

enum {
    ROOF_FP32,
    ROOF_READ,
    TOWER_QKV,
    TOWER_FC1,
    TOWER_FC2,
    TOWER_ATTENTION,
    TOWER_FRAME,
    PREFILL,
    DECODE,
    N_TESTS
};

struct bench {
    vlm_engine *e;
    struct vlm_roof roof;
    uint8_t *read; /* READ_BYTES */
    size_t iterations;
    struct vlm_kv kv;
    float *features, *logits;
    uint8_t *frame;
    double ms[N_TESTS][MAX_REPS];
    _Atomic float sink; /* keeps the loops alive */
};

static void fma_task(void *ctx, size_t task, int thread)
{
    struct bench *b = ctx;
    (void)task;
    (void)thread;
    b->sink = b->roof.fma(b->iterations);
}

static void read_task(void *ctx, size_t task, int thread)
{
    struct bench *b = ctx;
    size_t part = READ_BYTES / (size_t)vlm_pool_size(b->e->pool);
    (void)thread;
    b->sink = b->roof.read(b->read + task * part, part);
}

/* Operations of each test (multiply and add count as two), or bytes for those bound by reading. */
static double work_of(const struct bench *b, int test)
{
    const struct vlm_config *c = &b->e->config;
    double n = (double)c->grid * c->grid, v = c->vision.hidden, f = c->vision.ffn;
    double attention = 4 * n * n * v, layer = 8 * n * v * v + 4 * n * v * f + attention;
    double h = c->text.hidden, d = c->text.head_dim, rows = PROMPT_ROWS;
    double text = 2 * h * d * c->text.heads + 2 * h * d * c->text.kv_heads + 3 * h * c->text.ffn;
    switch (test) {
    case ROOF_FP32:
        return b->roof.flops * (double)b->iterations * vlm_pool_size(b->e->pool);
    case ROOF_READ:
        return (double)READ_BYTES;
    case TOWER_QKV:
        return 6 * n * v * v;
    case TOWER_FC1:
        return 2 * n * v * f;
    case TOWER_FC2:
        return 2 * n * v * f;
    case TOWER_ATTENTION:
        return attention;
    case TOWER_FRAME:
        return c->vision.layers * layer + 2 * n * v * (double)b->e->model->patch.n_in +
               2.0 * c->image_seq_len * (double)b->e->model->connector.n_in * h;
    case PREFILL:
        return 2 * rows * c->text.layers * text + 2 * h * c->text.vocab +
               2 * rows * rows * d * c->text.heads;
    default: { /* DECODE: the bytes of the weights it must read */
        size_t size = b->e->model->head.type == VLM_NUM_F32 ? 4 : 2;
        return (double)size * (c->text.layers * text + h * c->text.vocab);
    }
    }
}

static void tower_part(struct bench *b, int test)
{
    vlm_engine *e = b->e;
    const struct vlm_model *m = e->model;
    const struct vlm_vision_config *c = &m->config.vision;
    size_t n = (size_t)m->config.grid * m->config.grid, at = n * c->hidden * sizeof(float);
    const struct vlm_buffer *s = &e->vision.buffer;
    struct vlm_tensor x = vlm_tensor_at(s, 0, n, c->hidden), y = vlm_tensor_at(s, at, n, c->hidden);
    struct vlm_tensor f = vlm_tensor_at(s, s->bytes - n * c->ffn * sizeof(float), n, c->ffn);
    const struct vlm_vision_layer *l = &m->vision[0];
    struct vlm_segment all = {0,
                              n,
                              0,
                              {VLM_NUM_F32, c->heads, c->hidden / c->heads,
                               (n + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK, e->vision.kv_blocks, 0}};
    if (test == TOWER_QKV) {
        vlm_op_linear(e->backend, &y, &x, &l->q);
        vlm_op_linear(e->backend, &y, &x, &l->k);
        vlm_op_linear(e->backend, &y, &x, &l->v);
    } else if (test == TOWER_FC1) {
        vlm_op_linear(e->backend, &f, &x, &l->fc1);
    } else if (test == TOWER_FC2) {
        vlm_op_linear(e->backend, &y, &f, &l->fc2);
    } else {
        vlm_op_attention(e->backend, &y, &x, &all, 1, e->vision.n_keys, c->heads, 0.125f);
    }
    vlm_backend_sync(e->backend);
}

static void decoder_rows(struct bench *b, size_t n, size_t first)
{
    vlm_engine *e = b->e;
    const struct vlm_run run = {.backend = e->backend};
    for (size_t i = 0; i < n; i++)
        e->rows[i] = (struct vlm_row){
            .kv = &b->kv, .position = (uint32_t)(first + i), .id = 0, .logits = i + 1 == n};
    vlm_decoder_forward(e->model, &run, &e->text, e->rows, n, b->logits);
}

static void run_test(struct bench *b, int test)
{
    vlm_engine *e = b->e;
    const struct vlm_run run = {.backend = e->backend};
    size_t n_threads = (size_t)vlm_pool_size(e->pool);
    switch (test) {
    case ROOF_FP32:
        vlm_pool_run(e->pool, fma_task, b, n_threads);
        break;
    case ROOF_READ:
        vlm_pool_run(e->pool, read_task, b, n_threads);
        break;
    case TOWER_FRAME:
        vlm_vision_forward(e->model, &run, &e->vision,
                           &(struct vlm_vision_frame){.pixels = b->frame, .features = b->features},
                           1);
        break;
    case PREFILL:
        decoder_rows(b, PROMPT_ROWS, 0);
        break;
    case DECODE:
        decoder_rows(b, 1, PROMPT_ROWS);
        break;
    default:
        tower_part(b, test);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct bench *b, int reps, void (*fn)(void *ctx, const vlm_bench_result *r),
                   void *ctx)
{
    static const char *const names[N_TESTS] = {"roof.fp32",   "roof.read",   "tower.qkv",
                                               "tower.fc1",   "tower.fc2",   "tower.attention",
                                               "tower.frame", "prefill.256", "decode"};
    double roof[2] = {0, 0};
    for (int t = 0; t < N_TESTS; t++) {
        double work = work_of(b, t) * 1e-6; /* per millisecond: giga a second */
        qsort(b->ms[t], (size_t)reps, sizeof(double), compare);
        vlm_bench_result r = {names[t],
                              work / b->ms[t][reps / 2],
                              work / b->ms[t][reps - 1],
                              work / b->ms[t][0],
                              t == ROOF_READ || t == DECODE ? "GB/s" : "GFLOP/s",
                              0};
        if (t <= ROOF_READ)
            roof[t] = r.median;
        else
            r.fraction_of_roof = r.median / roof[t == DECODE ? ROOF_READ : ROOF_FP32];
        fn(ctx, &r);
        if (t == TOWER_FRAME || t == PREFILL || t == DECODE)
            fn(ctx, &(vlm_bench_result){names[t], b->ms[t][reps / 2], b->ms[t][0],
                                        b->ms[t][reps - 1], "ms", 0});
    }
}

static int reserve(struct bench *b, vlm_error *err)
{
    vlm_engine *e = b->e;
    const struct vlm_config *c = &e->config;
    size_t frame = (size_t)c->image.tile * c->image.tile * 3;
    if (PROMPT_ROWS + 1 > c->text.context)
        return vlm_fail(err, VLM_ERR_CONTEXT,
                        "a context of %u is too short to measure, expected more than %d",
                        c->text.context, PROMPT_ROWS);
    b->read = vlm_mem_zalloc(&e->alloc, READ_BYTES, 1);
    b->features = vlm_mem_alloc(&e->alloc, c->image_seq_len, c->text.hidden * sizeof(float));
    b->logits = vlm_mem_alloc(&e->alloc, c->text.vocab, sizeof(float));
    b->frame = vlm_mem_alloc(&e->alloc, frame, 1);
    if (!b->read || !b->features || !b->logits || !b->frame)
        return vlm_fail_memory(err, READ_BYTES, "measuring");
    struct vlm_rng rng = {.seed = 1};
    for (size_t i = 0; i < frame; i++)
        b->frame[i] = (uint8_t)vlm_rng_u32(&rng);
    int rc = vlm_engine_reserve_vision(e, err);
    if (rc == VLM_OK)
        rc = vlm_kv_grow(&b->kv, e->model, e->backend, PROMPT_ROWS + 1, err);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve(e->backend, c->text.head_dim, PROMPT_ROWS + 1, err);
    return rc;
}

int vlm_bench_kernels(vlm_engine *e, int reps, void (*fn)(void *ctx, const vlm_bench_result *r),
                      void *ctx, vlm_error *err)
{
    vlm_session *s; /* its options make the engine reserve the rows that prefill needs */
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.chunk = PROMPT_ROWS;
    if (reps < 1 || reps > MAX_REPS)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "%d repetitions, expected 1 to %d", reps, MAX_REPS);
    int rc = vlm_session_open(&s, e, &o, err);
    if (rc < 0)
        return rc;
    struct bench *b = vlm_mem_zalloc(&e->alloc, 1, sizeof *b);
    if (!b) {
        vlm_session_close(s);
        return vlm_fail_memory(err, sizeof *b, "measuring");
    }
    b->e = e;
    b->iterations = 2000000;
    vlm_engine_enter(e);
    rc = reserve(b, err);
    if (rc == VLM_OK && vlm_roof_init(&b->roof, vlm_engine_isa(e)) != 0)
        rc = vlm_fail(err, VLM_ERR_UNSUPPORTED, "no roof loops for %s", vlm_engine_isa(e));
    if (rc == VLM_OK)
        for (int t = TOWER_FRAME; t <= PREFILL; t++)
            run_test(b, t); /* once before, so that memory is written and caches are warm */
    for (int i = 0; rc == VLM_OK && i < reps; i++)
        for (int t = 0; t < N_TESTS; t++) {
            double start = vlm_os_now_ms();
            run_test(b, t);
            b->ms[t][i] = vlm_os_now_ms() - start;
        }
    vlm_kv_free(&b->kv, e->model, e->backend);
    vlm_engine_leave(e);
    if (rc == VLM_OK)
        report(b, reps, fn, ctx);
    vlm_mem_free(&e->alloc, b->read);
    vlm_mem_free(&e->alloc, b->features);
    vlm_mem_free(&e->alloc, b->logits);
    vlm_mem_free(&e->alloc, b->frame);
    vlm_mem_free(&e->alloc, b);
    vlm_session_close(s);
    return rc;
}
