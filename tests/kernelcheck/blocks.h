/* blocks.h: the 8-bit and quantised types: every level against the public definitions' values
 * (tests/data/blocks, by tools/golden/make_block_golden.py) and, on random bytes, bit for bit
 * against scalar.  Where the reference is a NaN (a scale may be one), any NaN will do. */
#ifndef KERNELCHECK_BLOCKS_H
#define KERNELCHECK_BLOCKS_H

#include "harness.h"

static int same_bits(const float *a, const float *b)
{
    return memcmp(a, b, 4) == 0 || (isnan(*a) && isnan(*b));
}

static size_t row_bytes(enum vlm_num t, size_t n)
{
    return n / vlm_num_info(t)->block_len * vlm_num_info(t)->block_bytes;
}

/* Unpacks n elements at p and compares them with want. */
static void check_unpacked(struct check *c, enum vlm_num t, const uint8_t *p, const float *want,
                           size_t n, size_t off)
{
    const char *name = vlm_num_info(t)->name;
    struct buffer out = buffer_new(n, off);
    c->k.to_f32[t](out.p, p, n);
    for (size_t i = 0; i < n; i++)
        if (!same_bits(out.p + i, want + i)) {
            fail(c, "to_f32 %s n %zu: [%zu] is %.9g, not %.9g", name, n, i, out.p[i], want[i]);
            break;
        }
    if (!guards_hold(&out))
        fail(c, "to_f32 %s n %zu: wrote outside", name, n);
    buffer_free(&out);
}

/* A file holds N blocks, then the floats that they stand for. */
static void check_block_file(struct check *c, enum vlm_num t)
{
    static uint8_t data[1 << 16];
    static float want[1 << 14];
    const struct vlm_num_info *info = vlm_num_info(t);
    char path[512];
    snprintf(path, sizeof path, "%s/blocks/%s.bin", VLM_TEST_DATA, info->name);
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(data, 1, sizeof data, f) : 0,
           blocks = size / (info->block_bytes + 4 * info->block_len), n = blocks * info->block_len;
    if (f)
        fclose(f);
    if (blocks < 5 || blocks * (info->block_bytes + 4 * info->block_len) != size) {
        fail(c, "%s: missing or of a wrong size", path);
        return;
    }
    memcpy(want, data + blocks * info->block_bytes, 4 * n);
    check_unpacked(c, t, data, want, n, 0);
}

/* 0 to 9 blocks of random bytes at any address; the bytes end where the memory ends, so that a
 * sanitizer sees a read past them. */
static void check_random_blocks(struct check *c, const struct vlm_kernels *scalar, enum vlm_num t)
{
    const struct vlm_num_info *info = vlm_num_info(t);
    for (size_t blocks = 0; blocks <= 9; blocks++)
        for (size_t off = 0; off < (info->block_len == 1 ? 16u : 4u); off++) {
            size_t n = (info->block_len == 1 ? 16 * blocks + off : blocks * info->block_len),
                   bytes = row_bytes(t, n);
            uint8_t *p = malloc(bytes + off + 1);
            float *want = malloc(4 * n + 1);
            if (!p || !want)
                exit(2);
            for (size_t i = 0; i < bytes; i++)
                p[1 + off + i] = (uint8_t)random_u32(c);
            scalar->to_f32[t](want, p + 1 + off, n);
            check_unpacked(c, t, p + 1 + off, want, n, off);
            free(p);
            free(want);
        }
}

static void check_blocks(struct check *c)
{
    struct vlm_kernels scalar;
    uint64_t before = c->random; /* the other checks' inputs stay as they were */
    if (vlm_kernels_init(&scalar, "scalar") != 0)
        exit(2);
    for (int t = VLM_N_FLOAT; t < VLM_N_NUM; t++) {
        check_block_file(c, (enum vlm_num)t);
        check_random_blocks(c, &scalar, (enum vlm_num)t);
    }
    c->random = before;
}

#endif
