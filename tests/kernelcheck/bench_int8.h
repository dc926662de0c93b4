/* bench_int8.h: times the products of 8-bit rows with every quantised type; no verdict.
 *
 * Up to 8 rows the weights are new each time, as a decoder reads them: bytes a second.  More rows
 * take the same matrix again and again: operations a second beside the loop of int8 instructions.
 * Then as much with the weights repacked, as parts of the time without. */
#ifndef KERNELCHECK_BENCH_INT8_H
#define KERNELCHECK_BENCH_INT8_H

#include "bench.h"
#include "blocks.h"

/* Blocks of random numbers whose scales are usual ones: products of infinities, NaNs and numbers
 * that are not normal may take another time. */
static void usual_weights(uint8_t *w, enum vlm_num type, size_t n)
{
    struct check c = {.random = 7};
    struct vlm_kernels scalar;
    const struct vlm_num_info *info = vlm_num_info(type);
    float block[256];
    vlm_kernels_init(&scalar, "scalar");
    for (size_t i = 0; i < n; i++) {
        int usual = 0;
        while (!usual) {
            for (size_t j = 0; j < info->block_bytes; j++)
                w[i * info->block_bytes + j] = (uint8_t)random_u32(&c);
            scalar.to_f32[type](block, w + i * info->block_bytes, info->block_len);
            usual = 1;
            for (size_t j = 0; j < info->block_len; j++)
                usual = usual && fabsf(block[j]) < 1e6f && !(fabsf(block[j]) < 1e-6f && block[j]);
        }
    }
}

static void bench_int8_type(const struct vlm_kernels *k, const struct roofs *roofs,
                            enum vlm_num type)
{
    static const size_t rows[] = {1, 2, 4, 8, 64, 512};
    const size_t n = 2048, d = 2048, bytes = n * row_bytes(type, d),
                 copies = ((size_t)256 << 20) / bytes + 1;
    const struct vlm_repacked *as = &k->repacked[type];
    const size_t packed = as->bytes ? as->bytes(n, d) : 0;
    double took[COUNT(rows)];
    char *w = big(bytes * copies);
    float *x = big(512 * d * 4), *out = big(512 * n * 4);
    struct vlm_q8 *a = big(512 * (d / VLM_Q8_LEN) * sizeof *a);
    struct check c = {.random = 5};
    fill(&c, x, 512 * d, PLAIN);
    k->to_q8(a, x, 512 * d);
    usual_weights((uint8_t *)w, type, bytes / vlm_num_info(type)->block_bytes);
    for (size_t i = 1; i < copies; i++)
        memcpy(w + i * bytes, w, bytes);
    printf("  %-7s", vlm_num_info(type)->name);
    for (size_t r = 0; r < COUNT(rows); r++) {
        size_t m = rows[r], i = 0;
        double t, ops = 2.0 * (double)m * (double)n * (double)d;
        BEST(t, (k->matmul_q8[type](out, n, a, d / VLM_Q8_LEN,
                                    w + (m <= 8 ? i++ % copies * bytes : 0), m, n, d)));
        if (m <= 8)
            printf(" %6.1f GB/s %3.0f %%", (double)bytes / t * 1e-9,
                   100 * (double)bytes / t / roofs->bytes);
        else
            printf(" %7.1f Gop/s %3.0f %%", ops / t * 1e-9, 100 * ops / t / roofs->int8);
        fflush(stdout);
        took[r] = t;
    }
    char *p = big(packed * 32 + 1);
    for (size_t i = 0; i < 32 && packed; i++)
        as->repack(p + i * packed, w, n, d);
    if (packed)
        printf("  repacked, %.1f times the bytes:", (double)packed / (double)bytes);
    for (size_t r = 0; r < COUNT(rows) && packed; r++) {
        size_t m = rows[r], i = 0;
        double t;
        BEST(t, (as->matmul(out, n, a, d / VLM_Q8_LEN, p + (m <= 8 ? i++ % 32 * packed : 0), m, n,
                            d)));
        printf(" %.2f", t / took[r]);
    }
    free(p);
    printf("\n");
    free(w);
    free(x);
    free(out);
    free(a);
}

static void bench_int8(const struct vlm_kernels *k, const struct roofs *roofs)
{
    printf("%s, one thread: int8 roof %.1f Gop/s, read roof %.1f GB/s\n", k->name,
           roofs->int8 * 1e-9, roofs->bytes * 1e-9);
    printf("  2048 x 2048, rows: 1, 2, 4, 8 (new weights each time), 64, 512\n");
    for (int type = VLM_N_FLOAT; type < VLM_N_NUM; type++)
        if (k->matmul_q8[type])
            bench_int8_type(k, roofs, (enum vlm_num)type);
}

#endif
