/* count.c: does one product of 8-bit rows with a quantised matrix N times, for a tool that counts
 * instructions; see count_arm.sh.
 *
 *   count LEVEL TYPE ROWS COLUMNS LENGTH N */
#include "kernel/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct vlm_kernels k;
    if (argc != 7 || vlm_kernels_init(&k, argv[1]) != 0)
        return 2;
    size_t m = strtoul(argv[3], NULL, 10), n = strtoul(argv[4], NULL, 10),
           d = strtoul(argv[5], NULL, 10), times = strtoul(argv[6], NULL, 10);
    for (int t = 0; t < VLM_N_NUM; t++) {
        const struct vlm_num_info *info = vlm_num_info((enum vlm_num)t);
        if (!k.matmul_q8[t] || strcmp(info->name, argv[2]) != 0)
            continue;
        /* zeros take as many instructions as numbers */
        struct vlm_q8 *a = calloc(m * d / VLM_Q8_LEN, sizeof *a);
        void *w = calloc(n * (d / info->block_len) + 1, info->block_bytes);
        float *out = calloc(m * n, sizeof *out);
        if (!a || !w || !out)
            return 2;
        for (size_t i = 0; i < times; i++)
            k.matmul_q8[t](out, n, a, d / VLM_Q8_LEN, w, m, n, d);
        free(a);
        free(w);
        free(out);
        return 0;
    }
    return 2;
}
