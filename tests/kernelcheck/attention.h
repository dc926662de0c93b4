/* attention.h: keys and values of every type of cache, and attention over them. */
#ifndef KERNELCHECK_ATTENTION_H
#define KERNELCHECK_ATTENTION_H

#include "harness.h"
#include "kernel/kv.h"

static const enum vlm_num kv_types[] = { VLM_NUM_F32, VLM_NUM_F16, VLM_NUM_BF16, VLM_NUM_Q8_0,
                                         VLM_NUM_Q4_0 };

static const char *kv_name(enum vlm_num t) { return vlm_num_info(t)->name; }

/* ---- storing ---- */

/* The half of a byte, as a number from -8 to 7 */
static int nibble(const uint8_t *p, int high)
{
    int x = high ? *p >> 4 : *p & 15;
    return x < 8 ? x : x - 16;
}

/* Value d of position j where kernel/kv.h says that it lies, keys or values; its scale to *scale. */
static float stored(const uint8_t *p, size_t j, size_t d, size_t head_dim, enum vlm_num type,
                    int values, float *scale)
{
    size_t group = d / 32, groups = (head_dim + 31) / 32, panel = j / 64, i = j % 64,
           stride = (head_dim + 15) / 16 * 16;
    *scale = 1;
    if (type != VLM_NUM_Q8_0 && type != VLM_NUM_Q4_0)
        return from_num(p, values ? j * head_dim + d : (panel * head_dim + d) * 64 + i, type);
    if (values) {
        *scale = from_num(p, group * 256 + j, VLM_NUM_F16);
        p += groups * 512;
        if (type == VLM_NUM_Q8_0)
            return *scale * (float)(int8_t)p[j * stride + d];
        return *scale * (float)nibble(p + j / 2 * stride + d, j % 2);
    }
    size_t line = type == VLM_NUM_Q8_0 ? 64 : 32;
    p += panel * (groups * 128 + head_dim * line) + group * (128 + 32 * line);
    *scale = from_num(p, i, VLM_NUM_F16);
    p += 128 + d % 32 * line;
    if (type == VLM_NUM_Q8_0)
        return *scale * (float)(int8_t)p[i];
    return *scale * (float)nibble(p + i % 32, i >= 32);
}

/* Q8_0: at most half a step of d = largest / 127 in F16, or a whole one where F16 has few digits.
 * Q4_0: half a step of largest / 8, a whole one at the end of the range that has no 8. */
static int stored_near(const float *x, size_t d, size_t head_dim, float got, float scale,
                       enum vlm_num type)
{
    double largest = 0, step = fabsf(scale), tiny = 0x1p-24; /* F16's smallest */
    if (type == VLM_NUM_F32)
        return got == x[d];
    if (type == VLM_NUM_F16)
        return fabs((double)got - x[d]) <= fabs((double)x[d]) * 0x1p-11 + 0x1p-25;
    if (type == VLM_NUM_BF16)
        return fabs((double)got - x[d]) <= fabs((double)x[d]) * 0x1p-8;
    for (size_t i = d / 32 * 32; i < head_dim && i < d / 32 * 32 + 32; i++)
        largest = fmax(largest, fabs((double)x[i]));
    double ideal = largest / (type == VLM_NUM_Q8_0 ? 127 : 8);
    if (fabs(step - ideal) > ideal * 0x1p-11 + tiny / 2)
        return 0;
    int at_end = step < ideal * (1 - 0x1p-10) || type == VLM_NUM_Q4_0;
    double bound = at_end && fabs((double)x[d]) > (type == VLM_NUM_Q8_0 ? 127 : 7.5) * step
                       ? fabs((double)x[d]) - (type == VLM_NUM_Q8_0 ? 127 : 7) * step
                       : step / 2;
    return fabs((double)got - x[d]) <= bound + largest * 0x1p-22;
}

/* Rows in two calls, then one by one: the same bytes; then what lies there */
static void check_store(struct check *c, size_t head_dim, enum vlm_num type, enum kind kind)
{
    size_t n_k = vlm_kv_keys_bytes(type, head_dim), n_v = vlm_kv_values_bytes(type, head_dim), ld = head_dim + 3,
           n = VLM_KV_BLOCK, cut = random_u32(c) % n;
    uint8_t *k = malloc(4 * (n_k + n_v)), *v = k + n_k, *k1 = v + n_v, *v1 = k1 + n_k;
    float *x = malloc(2 * n * ld * sizeof *x), *y = x + n * ld, *back = malloc(65 * head_dim * sizeof *back);
    float *line = back ? back + 64 * head_dim : NULL;
    if (!k || !x || !back)
        exit(2);
    memset(k, 0xa5, 2 * (n_k + n_v));
    fill(c, x, 2 * n * ld, kind);
    for (size_t i = 0; i < 2; i++) {
        const struct vlm_kv_rows part = { x + i * cut * ld, y + i * cut * ld, ld, ld, i ? n - cut : cut, i * cut };
        vlm_kv_store(&c->k, k, v, type, head_dim, &part);
    }
    for (size_t i = 0; i < n; i++) {
        const struct vlm_kv_rows one = { x + i * ld, y + i * ld, ld, ld, 1, i };
        vlm_kv_store(&c->k, k1, v1, type, head_dim, &one);
    }
    if (memcmp(k, k1, n_k + n_v) != 0)
        fail(c, "kv_store %s head_dim %zu: rows alone differ", kv_name(type), head_dim);
    for (size_t j = 0; j < n; j++) {
        if (j % 64 == 0)
            vlm_kv_read_panel(back, k, j / 64, type, head_dim);
        vlm_kv_read_values(line, v, j, type, head_dim);
        for (size_t d = 0; d < head_dim; d++) {
            float sk, sv, key = stored(k, j, d, head_dim, type, 0, &sk),
                          value = stored(v, j, d, head_dim, type, 1, &sv);
            int same = memcmp(&key, back + d * 64 + j % 64, 4) == 0 && memcmp(&value, line + d, 4) == 0;
            if (!same || !stored_near(x + j * ld, d, head_dim, key, sk, type) ||
                !stored_near(y + j * ld, d, head_dim, value, sv, type)) {
                fail(c, "kv_store %s head_dim %zu: position %zu [%zu] is %.9g, %.9g of %.9g, %.9g%s",
                     kv_name(type), head_dim, j, d, key, value, x[j * ld + d], y[j * ld + d], same ? "" : ", read otherwise");
                j = n;
                break;
            }
        }
        if (j < n)
            digest(c, line, head_dim);
    }
    free(k);
    free(x);
    free(back);
}

/* What is no number, or too large for a scale in F16, does not become one. */
static void check_store_special(struct check *c)
{
    static const float bad[] = { INFINITY, -INFINITY, NAN, 1e8f, -1e8f };
    for (size_t t = 3; t < COUNT(kv_types); t++)
        for (size_t i = 0; i < COUNT(bad); i++) {
            float x[40] = { 1, -1 }, out[40];
            uint8_t k[20000], v[20000];
            const struct vlm_kv_rows one = { x, x, 40, 40, 1, 0 };
            x[5] = bad[i];
            vlm_kv_store(&c->k, k, v, kv_types[t], 40, &one);
            vlm_kv_read_values(out, v, 0, kv_types[t], 40);
            if (out[5] == out[5] || out[0] == out[0] || out[33] != 0)
                fail(c, "kv_store %s: %g became %g", kv_name(kv_types[t]), bad[i], out[5]);
        }
}

/* ---- attention ---- */

struct blocks {
    struct vlm_attention a;
    struct buffer out, alone, q, scratch;
    uint32_t n_keys[128];
    void *k[8], *v[8];
    float *key, *value; /* of all positions, as stored */
    size_t n_blocks;
};

static void set_position(struct check *c, struct blocks *b, size_t j, int poison)
{
    size_t n = b->a.head_dim;
    float *k = b->key + j * n, *v = b->value + j * n;
    for (size_t d = 0; d < n; d++) {
        k[d] = poison ? NAN : random_unit(c);
        v[d] = poison ? NAN : random_unit(c);
    }
    const struct vlm_kv_rows one = { k, v, n, n, 1, j % VLM_KV_BLOCK };
    vlm_kv_store(&c->k, b->k[j / VLM_KV_BLOCK], b->v[j / VLM_KV_BLOCK], b->a.kv, n, &one);
}

static void read_back(struct blocks *b)
{
    size_t n = b->a.head_dim;
    float *panel = malloc(n * VLM_KV_PANEL * sizeof *panel);
    if (!panel)
        exit(2);
    for (size_t j = 0; j < b->n_blocks * VLM_KV_BLOCK; j++) {
        size_t at = j % VLM_KV_BLOCK;
        if (at % VLM_KV_PANEL == 0)
            vlm_kv_read_panel(panel, b->k[j / VLM_KV_BLOCK], at / VLM_KV_PANEL, b->a.kv, n);
        for (size_t d = 0; d < n; d++)
            b->key[j * n + d] = panel[d * VLM_KV_PANEL + at % VLM_KV_PANEL];
        vlm_kv_read_values(b->value + j * n, b->v[j / VLM_KV_BLOCK], at, b->a.kv, n);
    }
    free(panel);
}

/* A score's error is at most (head_dim + 5) EPS sum |q k| scale; it and 100 EPS more (2^x of an
 * argument down to -125, itself rounded) move each weight by that relative amount, the sums over
 * at most a block of 256 and then block by block add (256 + 5 blocks + 8) EPS; a weight counts
 * twice, above and below the fraction bar. */
static int attention_near(const struct blocks *b, size_t r)
{
    const struct vlm_attention *a = &b->a;
    size_t n = a->n_keys[r], dim = a->head_dim;
    double s[8 * VLM_KV_BLOCK], max = -INFINITY, worst = 0, total = 0;
    for (size_t j = 0; j < n; j++) {
        double size = 0;
        s[j] = 0;
        for (size_t d = 0; d < dim; d++) {
            double t = (double)a->q[r * a->ld_q + d] * b->key[j * dim + d] * a->scale;
            s[j] += t;
            size += fabs(t);
        }
        max = s[j] > max ? s[j] : max;
        worst = size > worst ? size : worst;
    }
    for (size_t j = 0; j < n; j++)
        total += s[j] = exp(s[j] - max);
    double relative = 2 * ((double)(dim + 5) * worst + 100) + 256 + 5 * (double)b->n_blocks + 8;
    for (size_t d = 0; d < dim; d++) {
        double sum = 0, size = 0;
        for (size_t j = 0; j < n; j++) {
            sum += s[j] * b->value[j * dim + d];
            size += s[j] * fabs((double)b->value[j * dim + d]);
        }
        if (!(fabs(a->out[r * a->ld_out + d] - sum / total) <= relative * EPS * size / total))
            return 0;
    }
    return 1;
}

static void blocks_new(struct check *c, struct blocks *b, size_t n_rows, size_t head_dim,
                       enum vlm_num kv)
{
    size_t off = random_u32(c) % 16, longest = 0;
    for (size_t r = 0; r < n_rows; r++)
        longest = b->n_keys[r] > longest ? b->n_keys[r] : longest;
    b->n_blocks = (longest + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
    b->q = buffer_new(n_rows * (head_dim + 1), off);
    b->out = buffer_new(n_rows * (head_dim + 2), off);
    b->alone = buffer_new(n_rows * (head_dim + 2), off);
    b->scratch = buffer_new(vlm_attention_scratch(head_dim), 0);
    b->a = (struct vlm_attention){ .out = b->out.p,
                                   .q = b->q.p,
                                   .ld_out = head_dim + 2,
                                   .ld_q = head_dim + 1,
                                   .n_keys = b->n_keys,
                                   .n_rows = n_rows,
                                   .k = (const void *const *)b->k,
                                   .v = (const void *const *)b->v,
                                   .kv = kv,
                                   .head_dim = head_dim,
                                   .scale = 1 / sqrtf((float)head_dim),
                                   .scratch = b->scratch.p };
    for (size_t r = 0; r < n_rows; r++) /* some rows attend to a few keys, some to all */
        for (size_t d = 0; d < head_dim; d++)
            b->q.p[r * b->a.ld_q + d] = random_unit(c) * (r % 3 == 0 ? 40.0f : 2.0f);
    b->key = malloc(2 * b->n_blocks * VLM_KV_BLOCK * head_dim * sizeof *b->key);
    if (!b->key)
        exit(2);
    b->value = b->key + b->n_blocks * VLM_KV_BLOCK * head_dim;
    for (size_t i = 0; i < b->n_blocks; i++) { /* to the byte: a sanitizer sees what lies beyond */
        b->k[i] = malloc(vlm_kv_keys_bytes(kv, head_dim));
        b->v[i] = malloc(vlm_kv_values_bytes(kv, head_dim));
        if (!b->k[i] || !b->v[i])
            exit(2);
    }
    for (size_t j = 0; j < b->n_blocks * VLM_KV_BLOCK; j++)
        set_position(c, b, j, j >= longest);
    read_back(b);
}

static void blocks_free(struct blocks *b)
{
    for (size_t i = 0; i < b->n_blocks; i++) {
        free(b->k[i]);
        free(b->v[i]);
    }
    free(b->key);
    buffer_free(&b->q);
    buffer_free(&b->out);
    buffer_free(&b->alone);
    buffer_free(&b->scratch);
}

/* Rows by few at a time, as a decoder's steps and chunks come, longest rows last: what follows a
 * row's keys is poisoned when its turn comes. */
static int rows_alone_agree(struct check *c, struct blocks *b, size_t few)
{
    size_t end = b->n_blocks * VLM_KV_BLOCK;
    for (size_t r = b->a.n_rows; r > 0;) {
        struct vlm_attention one = b->a;
        one.n_rows = r < few ? r : few;
        for (; end > b->n_keys[r - 1]; end--)
            set_position(c, b, end - 1, 1);
        r -= one.n_rows;
        one.n_keys += r;
        one.q += r * one.ld_q;
        one.out = b->alone.p + r * one.ld_out;
        c->k.attention(&one);
    }
    return memcmp(b->alone.p, b->out.p, b->out.n * sizeof(float)) == 0;
}

static void check_rows(struct check *c, size_t n_rows, size_t head_dim, size_t first, size_t step,
                       enum vlm_num kv, size_t few)
{
    struct blocks b;
    for (size_t r = 0; r < n_rows; r++)
        b.n_keys[r] = (uint32_t)(first + r * step);
    blocks_new(c, &b, n_rows, head_dim, kv);
    c->k.attention(&b.a);
    for (size_t r = 0; r < n_rows; r++) {
        if (!attention_near(&b, r))
            fail(c, "attention %s head_dim %zu row %zu of %zu with %u keys: outside the bound",
                 kv_name(kv), head_dim, r, n_rows, b.n_keys[r]);
        if (!untouched(b.out.p + r * b.a.ld_out + head_dim, 2))
            fail(c, "attention head_dim %zu: wrote past a row", head_dim);
        digest(c, b.out.p + r * b.a.ld_out, head_dim);
    }
    if (!rows_alone_agree(c, &b, few))
        fail(c, "attention %s head_dim %zu rows %zu keys %zu + %zu r: rows by %zu differ",
             kv_name(kv), head_dim, n_rows, first, step, few);
    if (!guards_hold(&b.out) || !guards_hold(&b.alone) || !guards_hold(&b.scratch))
        fail(c, "attention head_dim %zu: wrote outside", head_dim);
    blocks_free(&b);
}

static void check_attention(struct check *c)
{
    static const size_t dims[] = { 1, 2, 3, 5, 7, 8, 9, 16, 17, 33, 48, 64, 72, 80, 96, 128, 130 };
    static const size_t rows[] = { 1, 2, 3, 4, 5, 7, 12, 13, 25, 100 };
    static const size_t first[] = { 1, 2, 15, 63, 64, 200, 255, 256, 257, 600 };
    static const size_t step[] = { 0, 1, 7 };
    size_t n = 0, m = 0;
    for (size_t i = 0; i < COUNT(dims); i++)
        for (size_t j = 0; j < COUNT(rows); j++)
            for (size_t x = 0; x < COUNT(first); x++, n++)
                if (n % (c->quick ? 97 : 7) == 0) {
                    check_rows(c, rows[j], dims[i], first[x], step[n % 3],
                               kv_types[m % COUNT(kv_types)], 1 + m / 5 % 4);
                    m++;
                }
    for (size_t t = 0; t < COUNT(kv_types); t++) { /* a page of rows, as a chunk of a prompt */
        check_rows(c, 13, 64, 250, 1, kv_types[t], 1);
        check_rows(c, c->quick ? 7 : 97, 72, 500, 1, kv_types[t], 4);
        for (size_t i = 0; i < COUNT(dims); i += c->quick ? 3 : 1)
            for (int kind = 0; kind < N_KINDS; kind++)
                if (kind != LARGE || kv_types[t] == VLM_NUM_F32 || kv_types[t] == VLM_NUM_BF16)
                    check_store(c, dims[i], kv_types[t], (enum kind)kind);
    }
    check_store_special(c);
    if (!c->quick)
        check_rows(c, 3, 1024, 300, 1, VLM_NUM_F32, 1);
    struct vlm_attention none = { .head_dim = 64, .kv = VLM_NUM_F32 };
    c->k.attention(&none);
}

#endif
