/* bench.h: times the kernels of a level beside the roofs of the same run; no verdict.
 *
 * One thread, its processor time: on a shared machine long calls are interrupted more often than
 * the short ones that measure the roof, and wall time would not compare. */
#ifndef KERNELCHECK_BENCH_H
#define KERNELCHECK_BENCH_H

#include "harness.h"
#include "kernel/kv.h"
#include "kernel/roof.h"

#include <time.h>

struct roofs {
    double flops, bytes, int8; /* per second */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *big(size_t bytes)
{
    char *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p)
        exit(2);
    memset(p, 0, bytes); /* committed; zeros are as fast as numbers */
    return p;
}

/* Best of many short runs: the machine may be shared. */
#define BEST(seconds, statement)                                                                   \
    do {                                                                                           \
        double best_start, best_end = now() + 0.5;                                                 \
        (seconds) = 1e9;                                                                           \
        do {                                                                                       \
            best_start = now();                                                                    \
            statement;                                                                             \
            if (now() - best_start < (seconds))                                                    \
                (seconds) = now() - best_start;                                                    \
        } while (now() < best_end);                                                                \
    } while (0)

static struct roofs measure_roofs(const char *level)
{
    struct vlm_roof r;
    struct roofs roofs;
    const size_t iterations = 20000, bytes = (size_t)256 << 20;
    char *p = big(bytes);
    volatile float sink;
    double t;
    vlm_roof_init(&r, level);
    BEST(t, sink = r.fma(iterations));
    roofs.flops = (double)iterations * r.flops / t;
    BEST(t, sink = r.read(p, bytes));
    roofs.bytes = (double)bytes / t;
    BEST(t, sink = r.int8(iterations));
    roofs.int8 = (double)iterations * r.int8_ops / t;
    (void)sink;
    free(p);
    return roofs;
}

static void bench_matmul(const struct vlm_kernels *k, const struct roofs *roofs, size_t m, size_t n,
                         size_t d, enum vlm_num type)
{
    size_t bytes = n * d * (type == VLM_NUM_F32 ? 4 : 2),
           copies = m == 1 ? ((size_t)256 << 20) / bytes + 1 : 1, i = 0;
    float *a = big(m * d * 4), *out = big(m * n * 4);
    char *w = big(bytes * copies); /* one row: a new matrix each time, as a decoder reads them */
    double t, flops = 2.0 * (double)m * (double)n * (double)d;
    BEST(t, (k->matmul[type](out, n, a, d, w + i++ % copies * bytes, d, m, n, d)));
    if (m == 1)
        printf("  matmul %-4s %4zu x %5zu x %4zu  %7.1f GB/s   %3.0f %% of read\n", num_name[type],
               m, n, d, (double)bytes / t * 1e-9, 100 * (double)bytes / t / roofs->bytes);
    else
        printf("  matmul %-4s %4zu x %5zu x %4zu  %7.1f GFLOP/s %3.0f %% of FMA\n", num_name[type],
               m, n, d, flops / t * 1e-9, 100 * flops / t / roofs->flops);
    free(a);
    free(out);
    free(w);
}

static void bench_attention(const struct vlm_kernels *k, const struct roofs *roofs, size_t rows,
                            size_t keys, size_t head_dim, enum vlm_num kv)
{
    size_t n = (keys + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK, n_k = vlm_kv_keys_bytes(kv, head_dim),
           bytes = n_k + vlm_kv_values_bytes(kv, head_dim),
           copies = rows <= 4 ? ((size_t)128 << 20) / (n * bytes) : 1, i = 0;
    char *cache = big(copies * n * bytes); /* a decoder's step: another layer each time */
    const void *kb[64], *vb[64];
    uint32_t *n_keys = big(rows * 4);
    float *q = big(rows * head_dim * 4), *out = big(rows * head_dim * 4),
          *scratch = big(vlm_attention_scratch(head_dim) * 4);
    for (size_t r = 0; r < rows; r++)
        n_keys[r] = (uint32_t)keys;
    struct vlm_attention a = { out, q,  head_dim, head_dim, n_keys, rows,
                               kb,  vb, kv,       head_dim, 0.1f,   scratch };
    double t, flops = 4.0 * (double)rows * (double)keys * (double)head_dim;
    BEST(t, {
        char *at = cache + i++ % copies * n * bytes;
        for (size_t b = 0; b < n; b++, at += bytes) {
            kb[b] = at;
            vb[b] = at + n_k;
        }
        k->attention(&a);
    });
    printf("  attention %-4s %4zu rows %4zu keys head %-3zu %7.1f GFLOP/s %3.0f %% of FMA, %6.1f "
           "GB/s %3.0f %% of read\n",
           vlm_num_info(kv)->name, rows, keys, head_dim, flops / t * 1e-9,
           100 * flops / t / roofs->flops, (double)(n * bytes) / t * 1e-9,
           100 * (double)(n * bytes) / t / roofs->bytes);
    free(cache);
    free(n_keys);
    free(q);
    free(out);
    free(scratch);
}

static void line(const char *what, double elements, double t)
{
    printf("  %-28s %7.2f G elements/s\n", what, elements / t * 1e-9);
}

static void bench_rows(const struct vlm_kernels *k)
{
    const size_t rows = 64, d = 1152, n = rows * d;
    float *x = big(n * 4), *y = big(n * 4), *out = big(n * 4);
    volatile float sink;
    double t;
    BEST(t, k->layernorm(out, x, y, y, 1e-6f, rows, d));
    line("layernorm 64 x 1152", (double)n, t);
    BEST(t, k->rmsnorm(out, x, y, 1e-6f, rows, d));
    line("rmsnorm 64 x 1152", (double)n, t);
    BEST(t, k->add(x, y, n));
    line("add", (double)n, t);
    BEST(t, k->gelu_tanh(x, n));
    line("gelu_tanh", (double)n, t);
    BEST(t, k->silu_mul(out, x, y, n));
    line("silu_mul", (double)n, t);
    BEST(t, k->rope(x, y, y, n / 64, 64));
    line("rope head 64", (double)n, t);
    BEST(t, k->to_f32[VLM_NUM_F16](out, x, n));
    line("f16 to f32", (double)n, t);
    BEST(t, k->from_f32[VLM_NUM_F16](out, x, n));
    line("f32 to f16", (double)n, t);
    BEST(t, sink = k->logsumexp(x, 49280));
    line("logsumexp 49280", 49280, t);
    BEST(t, sink = (float)k->argmax(x, 49280));
    line("argmax 49280", 49280, t);
    (void)sink;
    for (int type = VLM_N_FLOAT; type < VLM_N_NUM; type++) {
        char what[32];
        snprintf(what, sizeof what, "%s to f32", vlm_num_info((enum vlm_num)type)->name);
        BEST(t, k->to_f32[type](out, x, 8192)); /* the output stays in the second-level cache */
        line(what, 8192, t);
    }
    free(x);
    free(y);
    free(out);
}

static void bench_level(const struct vlm_kernels *k, const struct roofs *roofs)
{
    static const size_t shapes[][3] = {
        { 729, 1152, 1152 }, { 729, 4304, 1152 }, { 729, 1152, 4304 }, { 1024, 768, 768 },
        { 1024, 3072, 768 }, { 1024, 768, 3072 }, { 1, 8192, 2048 },   { 1, 2048, 8192 },
        { 1, 49280, 960 },   { 4, 8192, 2048 },   { 16, 8192, 2048 }
    };
    printf("%s, one thread: FMA roof %.1f GFLOP/s, read roof %.1f GB/s\n", k->name,
           roofs->flops * 1e-9, roofs->bytes * 1e-9);
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (int type = 0; type < VLM_N_FLOAT; type++)
            bench_matmul(k, roofs, shapes[i][0], shapes[i][1], shapes[i][2], (enum vlm_num)type);
    bench_attention(k, roofs, 729, 729, 72, VLM_NUM_F32);
    bench_attention(k, roofs, 1024, 1024, 64, VLM_NUM_F32);
    for (int type = 0; type < 4; type++) {
        static const enum vlm_num kv[] = { VLM_NUM_F32, VLM_NUM_F16, VLM_NUM_Q8_0, VLM_NUM_Q4_0 };
        bench_attention(k, roofs, 256, 4096, 64, kv[type]);
        bench_attention(k, roofs, 256, 4096, 128, kv[type]);
        bench_attention(k, roofs, 1, 4096, 64, kv[type]);
        bench_attention(k, roofs, 3, 4096, 64, kv[type]);
        bench_attention(k, roofs, 4, 4096, 128, kv[type]);
    }
    bench_rows(k);
}

#endif
