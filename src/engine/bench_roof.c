/* bench_roof.c: what this machine can do at most, with the engine's threads and kernels. */
#include <string.h>

#include "engine/bench.h"

#define READ_BYTES ((size_t)256 << 20) /* beyond any cache of a core */
#define ITERATIONS ((size_t)2000000)   /* of the loops that only compute: some 10 milliseconds */
#define FORKS 200

struct roof_run {
    struct vlm_bench *b;
    size_t n_parts;
    float (*loop)(size_t iterations);
    _Atomic float sink; /* keeps the loops alive */
};

static void loop_task(void *ctx, size_t task, int thread)
{
    struct roof_run *r = ctx;
    (void)task;
    (void)thread;
    r->sink = r->loop(ITERATIONS);
}

static void read_task(void *ctx, size_t task, int thread)
{
    struct roof_run *r = ctx;
    size_t part = READ_BYTES / r->n_parts;
    (void)thread;
    r->sink = r->b->roof.read(r->b->read + task * part, part);
}

static void no_task(void *ctx, size_t task, int thread)
{
    (void)ctx;
    (void)task;
    (void)thread;
}

size_t vlm_engine_bench_roof_bytes(const struct vlm_bench *b)
{
    return b->read ? READ_BYTES : 0;
}

static int reserve_read(struct vlm_bench *b, vlm_error *err)
{
    if (b->read)
        return VLM_OK;
    b->read = vlm_mem_alloc(&b->e->alloc, READ_BYTES, 1);
    if (!b->read)
        return vlm_fail_memory(err, READ_BYTES, "measuring");
    memset(b->read, 1, READ_BYTES); /* pages of their own, not one page of zeros many times */
    return VLM_OK;
}

/* The engine is entered. */
static int measure(struct vlm_bench *b, const char *what, size_t n_threads, vlm_bench_sample *out,
                   vlm_error *err)
{
    struct vlm_pool *pool = b->e->pool;
    struct roof_run r = {.b = b, .n_parts = n_threads};
    size_t forks = 1;
    void (*task)(void *, size_t, int) = loop_task;
    if (strcmp(what, "read") == 0) {
        int rc = reserve_read(b, err);
        if (rc < 0)
            return rc;
        task = read_task;
        out->bytes = (double)READ_BYTES;
        out->n = n_threads;
    } else if (strcmp(what, "fp32") == 0) {
        r.loop = b->roof.fma;
        out->fp32_ops = b->roof.flops * (double)ITERATIONS * (double)n_threads;
    } else if (strcmp(what, "int8") == 0) {
        r.loop = b->roof.int8;
        out->int8_ops = b->roof.int8_ops * (double)ITERATIONS * (double)n_threads;
    } else {
        task = no_task;
        forks = FORKS;
    }
    struct vlm_stopwatch watch = vlm_engine_watch();
    for (size_t i = 0; i < forks; i++)
        vlm_pool_run(pool, task, &r, n_threads);
    vlm_engine_watched(out, &watch, (double)forks);
    return VLM_OK;
}

int vlm_engine_bench_roof(struct vlm_bench *b, const vlm_bench_job *job, vlm_bench_sample *out,
                          vlm_error *err)
{
    static const char *const names[] = {"read", "fp32", "int8", "barrier"};
    size_t all = (size_t)vlm_pool_size(b->e->pool);
    for (size_t i = 0; strncmp(job->test, "roof.", 5) == 0 && i < sizeof names / sizeof *names; i++)
        if (strcmp(job->test + 5, names[i]) == 0) {
            vlm_engine_enter(b->e);
            int rc =
                measure(b, names[i], i == 0 && job->n && job->n < all ? job->n : all, out, err);
            vlm_engine_leave(b->e);
            return rc;
        }
    return vlm_fail(err, VLM_ERR_ARGUMENT, "measuring '%s' is unknown", job->test);
}
