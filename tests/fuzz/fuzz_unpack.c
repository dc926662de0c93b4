/* fuzz_unpack.c: any bytes are valid blocks: every type at every level, over memory of the exact
 * size, gives the floats of the scalar level (a NaN for a NaN). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct vlm_kernels *k, const struct vlm_kernels *scalar, enum vlm_num t,
                  const uint8_t *data, size_t n)
{
    const struct vlm_num_info *info = vlm_num_info(t);
    size_t blocks = n / info->block_bytes, len = blocks * info->block_len;
    uint8_t *in = malloc(blocks * info->block_bytes + 1);
    float *want = malloc(len * 4 + 1), *got = malloc(len * 4 + 1);
    if (!in || !want || !got)
        abort();
    memcpy(in + 1, data, blocks * info->block_bytes); /* at an odd address, up to the end */
    scalar->to_f32[t](want, in + 1, len);
    k->to_f32[t](got, in + 1, len);
    for (size_t i = 0; i < len; i++)
        if (memcmp(got + i, want + i, 4) != 0 && !(isnan(got[i]) && isnan(want[i])))
            abort();
    free(in);
    free(want);
    free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct vlm_kernels k, scalar;
    const char *name;
    if (n > 4096 || vlm_kernels_init(&scalar, "scalar") != 0)
        return 0;
    for (size_t i = 0; (name = vlm_kernels_level(i)); i++)
        for (int t = 0; t < VLM_N_NUM; t++)
            if (vlm_kernels_init(&k, name) == 0)
                check(&k, &scalar, (enum vlm_num)t, data, n);
    return 0;
}
