/* int8.h: rows of 8-bit blocks and their products with every quantised type, against the scalar
 * level bit for bit, and against exact arithmetic within what the rounding of rows explains. */
#ifndef KERNELCHECK_INT8_H
#define KERNELCHECK_INT8_H

#include "blocks.h"
#include "harness.h"

static void *take(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!p)
        exit(2);
    memset(p, 0xa5, (bytes + 127) / 64 * 64);
    return p;
}

static int same_q8(const struct vlm_q8 *a, const struct vlm_q8 *b)
{
    for (int i = 0; i < 3; i++)
        if (a->sum[i] != b->sum[i] || !same_bits(&a->total[i], &b->total[i]))
            return 0;
    return memcmp(a->q, b->q, sizeof a->q) == 0 && same_bits(&a->scale, &b->scale);
}

/* n values of one kind, some of them special; off: floats from alignment */
static void check_rounding(struct check *c, const struct vlm_kernels *scalar, size_t n, size_t off,
                           float special)
{
    size_t blocks = (n + VLM_Q8_LEN - 1) / VLM_Q8_LEN;
    struct buffer x = buffer_new(n, off);
    struct vlm_q8 *got = take((blocks + 1) * sizeof *got), *want = take((blocks + 1) * sizeof *got);
    fill(c, x.p, n, (enum kind)(random_u32(c) % N_KINDS));
    if (special != 0 && n)
        x.p[random_u32(c) % n] = special;
    c->k.to_q8(got, x.p, n);
    scalar->to_q8(want, x.p, n);
    for (size_t b = 0; b < blocks; b++) {
        if (!same_q8(got + b, want + b))
            fail(c, "to_q8 n %zu: block %zu is not the reference's", n, b);
        for (size_t j = 0; j < VLM_Q8_LEN && want[b].scale == want[b].scale; j++) {
            double v = b * VLM_Q8_LEN + j < n ? x.p[b * VLM_Q8_LEN + j] : 0, s = want[b].scale;
            if (abs(got[b].q[j]) > 127 || !(fabs(v - s * got[b].q[j]) <= s * 0.50001 + 0x1p-100)) {
                fail(c, "to_q8 n %zu: [%zu] is %g, of %g", n, b * VLM_Q8_LEN + j,
                     s * got[b].q[j], v);
                break;
            }
        }
    }
    if (memcmp(got + blocks, want + blocks, sizeof *got) != 0)
        fail(c, "to_q8 n %zu: wrote outside", n);
    buffer_free(&x);
    free(got);
    free(want);
}

struct int8_case {
    struct vlm_q8 *a;
    uint8_t *w;
    float *x; /* the floats that a stands for */
    size_t m, n, k, ld_a, row_bytes;
    enum vlm_num type;
};

/* Each group adds a product of a few roundings and one of the sum so far.  With minima, a weight is
 * a difference of larger numbers: with 32 levels between two values of a group, at most 64 times
 * larger than the group's largest weight. */
static void int8_near(struct check *c, const struct int8_case *p, const float *out, size_t ld_out)
{
    float *w = take(p->k * 4 + 4);
    double steps = (double)(p->k / 16) + 6;
    int mins = p->type == VLM_NUM_Q4_1 || p->type == VLM_NUM_Q5_1 || p->type == VLM_NUM_Q2_K ||
               p->type == VLM_NUM_Q4_K || p->type == VLM_NUM_Q5_K;
    for (size_t j = 0; j < p->n; j++) {
        c->k.to_f32[p->type](w, p->w + j * p->row_bytes, p->k);
        for (size_t i = 0; i < p->m; i++) {
            double sum = 0, size = 0, top = 0, got = out[i * ld_out + j];
            for (size_t x = 0; x < p->k; x++) {
                for (size_t y = x; mins && x % 16 == 0 && y < x + 16; y++)
                    top = 64 * fmax(y == x ? 0 : top / 64, fabs(w[y]));
                sum += (double)p->x[i * p->k + x] * w[x];
                size += fabs((double)p->x[i * p->k + x]) * (mins ? top : fabs(w[x]));
            }
            if (sum == sum && size < 1e30 &&
                !(fabs(got - sum) <= steps * EPS * size + 0x1p-100 * (double)p->k)) {
                fail(c, "matmul_q8 %s m %zu n %zu k %zu: [%zu][%zu] is %.9g, not %.9g",
                     vlm_num_info(p->type)->name, p->m, p->n, p->k, i, j, got, sum);
                free(w);
                return;
            }
        }
    }
    free(w);
}

/* Any bytes are a block; scales from bytes are often huge, so most blocks get a usual one. */
static void int8_case_new(struct check *c, struct int8_case *p, const struct vlm_kernels *scalar,
                          int extreme)
{
    const struct vlm_num_info *info = vlm_num_info(p->type);
    float one[256], row[8192];
    p->row_bytes = row_bytes(p->type, p->k);
    p->ld_a = p->k / VLM_Q8_LEN + random_u32(c) % 2;
    p->a = take(p->m * p->ld_a * sizeof *p->a + 64);
    p->w = take(p->n * p->row_bytes + 1);
    p->x = take(p->m * p->k * 4 + 4);
    for (size_t i = 0; i < p->n * p->row_bytes; i += info->block_bytes) {
        int tame = 0;
        while (!tame) {
            for (size_t j = 0; j < info->block_bytes; j++)
                p->w[i + j] = extreme == 1 ? 0xff : extreme == 2 ? 0x80 : (uint8_t)random_u32(c);
            if (extreme && p->type != VLM_NUM_MXFP4) { /* a scale of one wherever it lies */
                size_t at = p->type == VLM_NUM_Q6_K || p->type == VLM_NUM_Q3_K
                                ? info->block_bytes - 2
                            : p->type == VLM_NUM_Q2_K ? 80
                                                      : 0;
                p->w[i + at] = 0;
                p->w[i + at + 1] = 0x3c;
                if (p->type != VLM_NUM_Q4_0 && p->type != VLM_NUM_Q5_0 &&
                    p->type != VLM_NUM_Q8_0 && p->type != VLM_NUM_IQ4_NL &&
                    p->type != VLM_NUM_IQ4_XS && at != info->block_bytes - 2)
                    memset(p->w + i + at + 2, 0, 2);
            }
            scalar->to_f32[p->type](one, p->w + i, info->block_len);
            tame = 1;
            for (size_t j = 0; j < info->block_len; j++)
                tame = tame && fabsf(one[j]) < 1e6f;
            tame = tame || (extreme && p->type == VLM_NUM_MXFP4) || random_u32(c) % 1000 == 0;
        }
    }
    for (size_t i = 0; i < p->m; i++) {
        fill(c, row, p->k, (enum kind)(random_u32(c) % N_KINDS));
        for (size_t x = 0; x < p->k && extreme; x++) /* every sum at its largest */
            row[x] = x / 32 % 2 || extreme == 2 ? -1 : 1;
        scalar->to_q8(p->a + i * p->ld_a, row, p->k);
        for (size_t x = 0; x < p->k; x++)
            p->x[i * p->k + x] = p->a[i * p->ld_a + x / 32].scale *
                                 (float)p->a[i * p->ld_a + x / 32].q[x % 32];
    }
}

/* The same bits from repacked weights, also when rows of w from a multiple of 32 on go alone. */
static void check_repacked(struct check *c, const struct int8_case *p, const float *want,
                           size_t ld_out)
{
    const struct vlm_repacked *as = &c->k.repacked[p->type];
    size_t bytes = as->bytes ? as->bytes(p->n, p->k) : 0, col = p->n / 2 / 32 * 32;
    if (as->bytes && p->n % 16 == 0 && (bytes == 0) != (p->n * p->k == 0))
        fail(c, "repacked %s n %zu k %zu: %zu bytes", vlm_num_info(p->type)->name, p->n, p->k,
             bytes);
    if (bytes == 0)
        return;
    struct buffer out = buffer_new(p->m * ld_out, 0);
    uint8_t *w = take(bytes), *other = take(bytes);
    memset(w, 0x5a, bytes + 1);
    as->repack(w, p->w, p->n, p->k);
    if (w[bytes] != 0x5a)
        fail(c, "repack %s n %zu k %zu: wrote outside", vlm_num_info(p->type)->name, p->n, p->k);
    as->repack(other, p->w, col, p->k);
    as->repack(other + as->bytes(col, p->k), p->w + col * p->row_bytes, p->n - col, p->k);
    if (memcmp(w, other, bytes) != 0)
        fail(c, "repack %s n %zu k %zu: in two parts it is another", vlm_num_info(p->type)->name,
             p->n, p->k);
    as->matmul(out.p, ld_out, p->a, p->ld_a, w, p->m, col, p->k);
    as->matmul(out.p + col, ld_out, p->a, p->ld_a, w + as->bytes(col, p->k), p->m, p->n - col,
               p->k);
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++)
            if (!same_bits(out.p + i * ld_out + j, want + i * ld_out + j)) {
                fail(c, "repacked %s m %zu n %zu k %zu: [%zu][%zu] is %.9g, not %.9g",
                     vlm_num_info(p->type)->name, p->m, p->n, p->k, i, j, out.p[i * ld_out + j],
                     want[i * ld_out + j]);
                i = p->m - 1;
                break;
            }
    if (!guards_hold(&out))
        fail(c, "repacked %s m %zu n %zu k %zu: wrote outside", vlm_num_info(p->type)->name, p->m,
             p->n, p->k);
    buffer_free(&out);
    free(w);
    free(other);
}

static void check_int8_product(struct check *c, const struct vlm_kernels *scalar, size_t m,
                               size_t n, size_t k, enum vlm_num type, int extreme)
{
    struct int8_case p = { .m = m, .n = n, .k = k, .type = type };
    size_t ld_out = n + random_u32(c) % 3, row = random_u32(c) % (m + 1),
           col = random_u32(c) % (n + 1);
    struct buffer out = buffer_new(m * ld_out, 0), want = buffer_new(m * ld_out, 0),
                  part = buffer_new(m * ld_out, 0);
    int8_case_new(c, &p, scalar, extreme);
    scalar->matmul_q8[type](want.p, ld_out, p.a, p.ld_a, p.w, m, n, k);
    c->k.matmul_q8[type](out.p, ld_out, p.a, p.ld_a, p.w, m, n, k);
    c->k.matmul_q8[type](part.p, ld_out, p.a, p.ld_a, p.w, row, col, k);
    c->k.matmul_q8[type](part.p + row * ld_out, ld_out, p.a + row * p.ld_a, p.ld_a, p.w, m - row,
                         col, k);
    c->k.matmul_q8[type](part.p + col, ld_out, p.a, p.ld_a, p.w + col * p.row_bytes, m, n - col, k);
    for (size_t i = 0; i < m * ld_out; i++)
        if (!same_bits(out.p + i, want.p + i) || !same_bits(part.p + i, want.p + i)) {
            fail(c, "matmul_q8 %s m %zu n %zu k %zu: [%zu][%zu] is %.9g, split %.9g, scalar %.9g",
                 vlm_num_info(type)->name, m, n, k, i / ld_out, i % ld_out, out.p[i], part.p[i],
                 want.p[i]);
            break;
        }
    if (!guards_hold(&out) || !guards_hold(&part))
        fail(c, "matmul_q8 %s m %zu n %zu k %zu: wrote outside", vlm_num_info(type)->name, m, n, k);
    int8_near(c, &p, out.p, ld_out);
    check_repacked(c, &p, want.p, ld_out);
    buffer_free(&out);
    buffer_free(&want);
    buffer_free(&part);
    free(p.a);
    free(p.w);
    free(p.x);
}

static void check_int8(struct check *c)
{
    static const size_t rows[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 13 };
    static const size_t cols[] = { 0, 1, 5, 8, 15, 16, 17, 31, 33 };
    static const size_t depth[] = { 0, 32, 64, 256, 512, 960, 1024, 1056, 1280, 2304 };
    static const size_t lengths8[] = { 0, 1, 15, 16, 31, 32, 33, 64, 100, 576, 4304 };
    struct vlm_kernels scalar;
    uint64_t before = c->random;
    if (vlm_kernels_init(&scalar, "scalar") != 0)
        exit(2);
    for (size_t i = 0; i < COUNT(lengths8); i++)
        for (size_t off = 0; off < 8; off++)
            check_rounding(c, &scalar, lengths8[i], off,
                           off == 5 ? INFINITY : off == 6 ? -NAN : off == 7 ? -INFINITY : 0);
    for (int t = VLM_N_FLOAT; t < VLM_N_NUM; t++) {
        size_t len = vlm_num_info((enum vlm_num)t)->block_len;
        if ((c->k.matmul_q8[t] != NULL) != (len > 1))
            fail(c, "matmul_q8 %s: blocks of %zu", vlm_num_info((enum vlm_num)t)->name, len);
        if (!c->k.matmul_q8[t])
            continue;
        for (size_t i = 0; i < COUNT(rows); i++)
            for (size_t j = 0; j < COUNT(cols); j++)
                for (size_t x = 0; x < COUNT(depth); x++)
                    if (depth[x] % len == 0 && (i + j + x) % (c->quick ? 23 : 3) == 0)
                        check_int8_product(c, &scalar, rows[i], cols[j], depth[x], (enum vlm_num)t,
                                           0);
        check_int8_product(c, &scalar, 4, 17, 512, (enum vlm_num)t, 1);
        check_int8_product(c, &scalar, 4, 17, 512, (enum vlm_num)t, 2);
        check_int8_product(c, &scalar, 9, 80, 512, (enum vlm_num)t, 0);
        if (!c->quick) { /* more rows than one pass takes */
            check_int8_product(c, &scalar, 200, 19, 1280, (enum vlm_num)t, 0);
            check_int8_product(c, &scalar, 200, 48, 1280, (enum vlm_num)t, 0);
        }
    }
    c->random = before;
}

#endif
