/* kernelcheck: every kernel of every level usable here, against double precision.
 *
 *   kernelcheck [--level NAME] [--quick] [--bench] [--bench-int8]
 *
 * A line for each failing case; the exit status is the verdict.  Tolerances are bounds on the
 * rounding errors of the order of summation that kernel.h states, written where they are
 * used.  Beyond them: results do not depend on how a call is split (bit for bit), nothing
 * outside an output is written, and all vector levels, on any machine, agree with each other bit
 * for bit (DIGEST). */
#include "harness.h"

#include "attention.h"
#include "bench.h"
#include "bench_int8.h"
#include "blocks.h"
#include "int8.h"

/* Of all outputs of a vector level, with --quick and without.  A change of any order of
 * summation, or of the cases below, changes it: then all vector levels, NEON under qemu too,
 * must print the new one. */
#define DIGEST_QUICK 0x0296d62538321ba2u
#define DIGEST_FULL 0xbb85d38719d24335u

/* ---- matrix products ---- */

struct product {
    struct buffer a, out, part;
    char *w;
    size_t m, n, k, ld_a, ld_w, ld_out;
    enum vlm_num type;
};

/* A lane of a block of VLM_K_BLOCK takes at most BLOCK/4 roundings (scalar: two for each of
 * BLOCK/8), the tree three, joining the blocks one each: so |error| <= (that many) EPS sum
 * |a||w|.  A product below the normal range may lose 2^-149 besides. */
static void product_near(struct check *c, const struct product *p)
{
    double steps = VLM_K_BLOCK / 4 + 3 + (double)(p->k / VLM_K_BLOCK) + 1;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            double sum = 0, size = 0, got = p->out.p[i * p->ld_out + j];
            for (size_t x = 0; x < p->k; x++) {
                double t =
                    (double)p->a.p[i * p->ld_a + x] * from_num(p->w, j * p->ld_w + x, p->type);
                sum += t;
                size += fabs(t);
            }
            if (!(fabs(got - sum) <= steps * EPS * size + (double)p->k * 0x1p-149)) {
                fail(c, "matmul %s m %zu n %zu k %zu: [%zu][%zu] is %.9g, not %.9g",
                     num_name[p->type], p->m, p->n, p->k, i, j, got, sum);
                return;
            }
        }
}

static void product_run(struct check *c, const struct product *p, float *out, size_t row,
                        size_t rows, size_t col, size_t cols)
{
    size_t size = p->type == VLM_NUM_F32 ? 4 : 2;
    c->k.matmul[p->type](out + row * p->ld_out + col, p->ld_out, p->a.p + row * p->ld_a, p->ld_a,
                         p->w + col * p->ld_w * size, p->ld_w, rows, cols, p->k);
}

static void product_splits(struct check *c, struct product *p)
{
    size_t row = random_u32(c) % (p->m + 1), col = random_u32(c) % (p->n + 1);
    size_t bytes = p->out.n * sizeof(float);
    product_run(c, p, p->part.p, 0, row, 0, col);
    product_run(c, p, p->part.p, row, p->m - row, 0, col);
    product_run(c, p, p->part.p, 0, p->m, col, p->n - col);
    if (memcmp(p->part.p, p->out.p, bytes) != 0)
        fail(c, "matmul %s m %zu n %zu k %zu: split at row %zu, column %zu differs",
             num_name[p->type], p->m, p->n, p->k, row, col);
    for (size_t i = 0; i < p->m; i++)
        product_run(c, p, p->part.p, i, 1, 0, p->n);
    if (memcmp(p->part.p, p->out.p, bytes) != 0)
        fail(c, "matmul %s m %zu n %zu k %zu: rows alone differ", num_name[p->type], p->m, p->n,
             p->k);
}

static void check_product(struct check *c, size_t m, size_t n, size_t k, enum vlm_num type)
{
    struct product p = { .m = m, .n = n, .k = k, .type = type };
    enum kind kind = (enum kind)(random_u32(c) % N_KINDS);
    size_t off = random_u32(c) % 16, bytes;
    p.ld_a = k + random_u32(c) % 3;
    p.ld_w = k + random_u32(c) % 3;
    p.ld_out = n + random_u32(c) % 3;
    p.a = buffer_new(m * p.ld_a + 1, off);
    p.out = buffer_new(m * p.ld_out, off);
    p.part = buffer_new(m * p.ld_out, off);
    for (size_t i = 0; i < m; i++) /* what lies between rows stays NaN */
        fill(c, p.a.p + i * p.ld_a, k, kind);
    bytes = (n * p.ld_w + 8) * 4;
    char *w = malloc(bytes);
    if (!w)
        exit(2);
    memset(w, 0xff, bytes); /* NaNs of all types */
    p.w = w + off % 4;      /* weights may lie at any byte */
    for (size_t j = 0; j < n; j++)
        for (size_t x = 0; x < k; x++)
            to_num(p.w, j * p.ld_w + x,
                   type == VLM_NUM_F16 ? random_unit(c) : random_value(c, kind), type);
    product_run(c, &p, p.out.p, 0, m, 0, n);
    product_near(c, &p);
    product_splits(c, &p);
    int clean = guards_hold(&p.out) && guards_hold(&p.part);
    for (size_t i = 0; i < m; i++)
        clean = clean && untouched(p.out.p + i * p.ld_out + n, p.ld_out - n);
    if (!clean)
        fail(c, "matmul %s m %zu n %zu k %zu: wrote outside", num_name[type], m, n, k);
    for (size_t i = 0; i < m; i++)
        digest(c, p.out.p + i * p.ld_out, n);
    buffer_free(&p.a);
    buffer_free(&p.out);
    buffer_free(&p.part);
    free(w);
}

static void check_matmul(struct check *c)
{
    static const size_t rows[] = { 0, 1, 2, 3, 5, 6, 7, 8, 13, 19 };
    static const size_t cols[] = { 0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 33 };
    static const size_t depth[] = { 0,  1,  2,   3,   4,   5,   7,   8,   9,   15,   16,   17,  31,
                                    33, 64, 100, 255, 256, 257, 259, 511, 513, 1023, 1025, 4304 };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t j = 0; j < COUNT(cols); j++)
            for (size_t x = 0; x < COUNT(depth); x++)
                if (!c->quick || (i + j + x) % 11 == 0)
                    check_product(c, rows[i], cols[j], depth[x],
                                  (enum vlm_num)((i + 2 * j + x) % VLM_N_FLOAT));
    if (!c->quick) /* more rows than one pass takes */
        check_product(c, 700, 35, 300, VLM_NUM_F32);
}

/* ---- rows of values ---- */

static const size_t lengths[] = {
    1,  2,  3,  4,   5,   7,   8,   9,   15,  16,   17,   31,   33,
    63, 64, 65, 100, 127, 255, 257, 576, 960, 1023, 1025, 1152, 4304
};

/* mean: |error| <= (d/16 + 6) EPS mean|x| = shift.  The variance's sum takes d/16 + 6 roundings,
 * its square root halves their effect, a few more follow; a wrong mean shifts the numerator, and
 * when the row is nearly constant it also enters the variance, by shift^2. */
static void norm_near(struct check *c, const char *what, const float *out, const float *x,
                      const float *w, const float *b, float eps, size_t d)
{
    double mean = 0, size = 0, square = 0, steps = (double)(d / 16) + 8;
    for (size_t i = 0; i < d; i++) {
        mean += x[i];
        size += fabs(x[i]);
    }
    mean = b ? mean / (double)d : 0;
    for (size_t i = 0; i < d; i++)
        square += (x[i] - mean) * (x[i] - mean);
    double shift = b ? steps * EPS * size / (double)d : 0, var = square / (double)d + eps,
           scale = 1 / sqrt(var);
    for (size_t i = 0; i < d; i++) {
        double y = (x[i] - mean) * scale * w[i], z = y + (b ? b[i] : 0);
        double bound = shift * scale * fabs(w[i]) + fabs(y) * (steps * EPS + shift * shift / var) +
                       2 * EPS * fabs(z);
        if (!(fabs(out[i] - z) <= bound + 0x1p-126)) {
            fail(c, "%s d %zu: [%zu] is %.9g, not %.9g +- %.2g", what, d, i, out[i], z, bound);
            return;
        }
    }
}

static void check_norm(struct check *c, size_t d, enum kind kind, float offset)
{
    const size_t rows = 3;
    size_t off = random_u32(c) % 16;
    struct buffer x = buffer_new(rows * d, off), out = buffer_new(rows * d, off),
                  w = buffer_new(d, off), b = buffer_new(d, off);
    fill(c, x.p, rows * d, kind);
    for (size_t i = 0; i < rows * d; i++)
        x.p[i] += offset;
    fill(c, w.p, d, PLAIN);
    fill(c, b.p, d, PLAIN);
    c->k.layernorm(out.p, x.p, w.p, b.p, 1e-6f, rows, d);
    digest(c, out.p, rows * d);
    for (size_t r = 0; r < rows; r++)
        norm_near(c, "layernorm", out.p + r * d, x.p + r * d, w.p, b.p, 1e-6f, d);
    c->k.rmsnorm(out.p, x.p, w.p, 1e-5f, rows, d);
    digest(c, out.p, rows * d);
    for (size_t r = 0; r < rows; r++)
        norm_near(c, "rmsnorm", out.p + r * d, x.p + r * d, w.p, NULL, 1e-5f, d);
    memcpy(out.p, x.p, rows * d * sizeof(float));
    c->k.add_bias(out.p, b.p, rows, d);
    for (size_t i = 0; i < rows * d; i++)
        if (out.p[i] != x.p[i] + b.p[i % d]) {
            fail(c, "add_bias d %zu: [%zu]", d, i);
            break;
        }
    memcpy(out.p, x.p, d * sizeof(float));
    c->k.add(out.p, w.p, d);
    for (size_t i = 0; i < d; i++)
        if (out.p[i] != x.p[i] + w.p[i]) {
            fail(c, "add n %zu: [%zu]", d, i);
            break;
        }
    c->k.mul(out.p, w.p, d);
    for (size_t i = 0; i < d; i++)
        if (out.p[i] != (x.p[i] + w.p[i]) * w.p[i]) {
            fail(c, "mul n %zu: [%zu]", d, i);
            break;
        }
    if (!guards_hold(&out))
        fail(c, "norm or add of d %zu: wrote outside", d);
    buffer_free(&x);
    buffer_free(&out);
    buffer_free(&w);
    buffer_free(&b);
}

/* x / (1 + e^-z): e^-z is off by at most 3 EPS (1 ulp and the rounding of its argument's
 * product) plus 3 EPS |z| (z's own rounding), which counts by 1 - sigmoid; then a sum, a
 * quotient, a product. Where e^-z leaves the range of normal floats, sigmoid is below 2^-126. */
static int sigmoid_near(double got, double x, double z, double up)
{
    double s = 1 / (1 + exp(-z)), y = x * s * up;
    return fabs(got - y) <= fabs(y) * EPS * (5 + (1 - s) * (3 + 3 * fabs(z))) +
                                0x1p-126 * (1 + fabs(x)) * (1 + fabs(up));
}

static double gelu_z(double x)
{
    return 1.5957691216057308 * (x + 0.044715 * x * x * x); /* 2 sqrt(2/pi) .. */
}

static void check_activation(struct check *c, size_t n, float range)
{
    size_t off = random_u32(c) % 16;
    struct buffer x = buffer_new(n, off), up = buffer_new(n, off), out = buffer_new(n, off);
    for (size_t i = 0; i < n; i++)
        x.p[i] = random_unit(c) * range * random_unit(c);
    fill(c, up.p, n, PLAIN);
    c->k.silu_mul(out.p, x.p, up.p, n);
    digest(c, out.p, n);
    for (size_t i = 0; i < n; i++)
        if (!sigmoid_near(out.p[i], x.p[i], x.p[i], up.p[i])) {
            fail(c, "silu_mul n %zu: of %.9g, %.9g is %.9g", n, x.p[i], up.p[i], out.p[i]);
            break;
        }
    memcpy(out.p, x.p, n * sizeof(float));
    c->k.gelu_tanh(out.p, n);
    digest(c, out.p, n);
    for (size_t i = 0; i < n; i++)
        if (!sigmoid_near(out.p[i], x.p[i], gelu_z(x.p[i]), 1)) {
            fail(c, "gelu_tanh n %zu: of %.9g is %.9g", n, x.p[i], out.p[i]);
            break;
        }
    if (!guards_hold(&out))
        fail(c, "activation of n %zu: wrote outside", n);
    buffer_free(&x);
    buffer_free(&up);
    buffer_free(&out);
}

/* Two products and a sum: three roundings. */
static void check_rope(struct check *c, size_t n_heads, size_t half)
{
    size_t d = 2 * half, off = random_u32(c) % 16;
    struct buffer x = buffer_new(n_heads * d, off), y = buffer_new(n_heads * d, off),
                  cs = buffer_new(d, off);
    fill(c, x.p, n_heads * d, PLAIN);
    fill(c, cs.p, d, PLAIN);
    memcpy(y.p, x.p, n_heads * d * sizeof(float));
    c->k.rope(y.p, cs.p, cs.p + half, n_heads, d);
    digest(c, y.p, n_heads * d);
    for (size_t h = 0; h < n_heads; h++)
        for (size_t i = 0; i < half; i++) {
            double x1 = x.p[h * d + i], x2 = x.p[h * d + half + i], co = cs.p[i],
                   si = cs.p[half + i];
            double bound = 2 * EPS * (fabs(x1 * co) + fabs(x2 * si)),
                   bound2 = 2 * EPS * (fabs(x2 * co) + fabs(x1 * si));
            if (!(fabs(y.p[h * d + i] - (x1 * co - x2 * si)) <= bound) ||
                !(fabs(y.p[h * d + half + i] - (x2 * co + x1 * si)) <= bound2)) {
                fail(c, "rope heads %zu head_dim %zu: head %zu, pair %zu", n_heads, d, h, i);
                h = n_heads;
                break;
            }
        }
    if (!guards_hold(&y))
        fail(c, "rope head_dim %zu: wrote outside", d);
    buffer_free(&x);
    buffer_free(&y);
    buffer_free(&cs);
}

/* e^(x - max) is off by 3 EPS and by the rounding of its argument, EPS |x - max| of a weight
 * e^(x - max): at most 0.4 EPS of the largest; a block's lanes take 16 + 4 roundings, the end is
 * one of the result. */
static void check_vocabulary(struct check *c, size_t n)
{
    struct buffer x = buffer_new(n, random_u32(c) % 16);
    double max = -INFINITY, sum = 0;
    size_t best = 0;
    for (size_t i = 0; i < n; i++)
        x.p[i] =
            i % 7 == 3 && n > 7 ? -INFINITY : random_unit(c) * 30; /* forbidden tokens are -inf */
    for (size_t i = 0; i < n; i++)
        if (x.p[i] > max) {
            max = x.p[i];
            best = i;
        }
    for (size_t i = 0; i < n; i++)
        sum += exp(x.p[i] - max);
    float got = c->k.logsumexp(x.p, n);
    digest(c, &got, 1);
    if (!(fabs(got - (max + log(sum))) <= EPS * (24 + fabs(max + log(sum)))))
        fail(c, "logsumexp n %zu: %.9g, not %.9g", n, got, max + log(sum));
    if (c->k.argmax(x.p, n) != best)
        fail(c, "argmax n %zu: %zu, not %zu", n, c->k.argmax(x.p, n), best);
    x.p[n - 1] = x.p[best]; /* a tie: the lower index */
    if (c->k.argmax(x.p, n) != best)
        fail(c, "argmax n %zu: a tie went to %zu, not %zu", n, c->k.argmax(x.p, n), best);
    x.p[0] = NAN;
    if (n > 1 && best > 0 && c->k.argmax(x.p, n) != best)
        fail(c, "argmax n %zu: a NaN won", n);
    for (size_t i = 0; i < n; i++)
        x.p[i] = -INFINITY;
    if (c->k.argmax(x.p, n) != 0 || c->k.logsumexp(x.p, n) != -INFINITY)
        fail(c, "argmax or logsumexp of n %zu times -inf", n);
    for (size_t i = 0; i < n; i++)
        x.p[i] = NAN;
    if (c->k.argmax(x.p, n) != 0)
        fail(c, "argmax of n %zu NaNs", n);
    buffer_free(&x);
}

/* ---- conversions: exact, every 16-bit pattern, and floats of every kind ---- */

static uint32_t odd_float(struct check *c,
                          size_t i) /* many land on a tie of one type, or beside it */
{
    uint32_t u = random_u32(c);
    return i % 3 == 0   ? u
           : i % 3 == 1 ? (u & 0xffffe000) + 0xfff + (u & 3)
                        : (u & 0xffff0000) + 0x7fff + (u & 3);
}

static void check_conversion(struct check *c, enum vlm_num type, size_t n)
{
    struct buffer x = buffer_new(n, 1), back = buffer_new(n, 3), half = buffer_new(n / 2 + 1, 0);
    char *h = (char *)half.p + 1; /* any byte */
    for (size_t i = 0; i < n; i++)
        x.p[i] = vlm_bits_to_f32(odd_float(c, i));
    c->k.from_f32[type](h, x.p, n);
    for (size_t i = 0; i < n; i++) {
        uint16_t got, want = type == VLM_NUM_F16 ? vlm_f32_to_f16(x.p[i]) : vlm_f32_to_bf16(x.p[i]);
        memcpy(&got, h + 2 * i, 2);
        if (got != want) {
            fail(c, "from_f32 %s n %zu: %08x is %04x, not %04x", num_name[type], n,
                 vlm_f32_to_bits(x.p[i]), got, want);
            break;
        }
        got = (uint16_t)(i + 65536 - n / 2);
        memcpy(h + 2 * i, &got, 2);
    }
    c->k.to_f32[type](back.p, h, n);
    for (size_t i = 0; i < n; i++) {
        float want = from_num(h, i, type);
        if (memcmp(back.p + i, &want, 4) != 0) {
            fail(c, "to_f32 %s n %zu: [%zu]", num_name[type], n, i);
            break;
        }
    }
    if (!guards_hold(&back) || !untouched(half.p + n / 2 + 1, 8))
        fail(c, "conversion %s n %zu: wrote outside", num_name[type], n);
    buffer_free(&x);
    buffer_free(&back);
    buffer_free(&half);
}

static void check_conversions(struct check *c)
{
    for (size_t i = 0; i < COUNT(lengths); i++) {
        check_conversion(c, VLM_NUM_F16, lengths[i]);
        check_conversion(c, VLM_NUM_BF16, lengths[i]);
    }
    check_conversion(c, VLM_NUM_F16, 65536);
    check_conversion(c, VLM_NUM_BF16, 65536);
    float x[5] = { 1, -0.0f, NAN, 3e38f, 1e-45f }, y[5], z[5];
    c->k.from_f32[VLM_NUM_F32](y, x, 5);
    c->k.to_f32[VLM_NUM_F32](z, y, 5);
    if (memcmp(x, z, sizeof x) != 0)
        fail(c, "f32 copies");
}

/* ---- RoPE tables, the same at every level ---- */

static int one_ulp(float got, double exact)
{
    float want = (float)exact;
    return got == want || nextafterf(want, got) == got;
}

static int check_rope_tables(void)
{
    static const double thetas[] = { 1e4, 1e5, 130000, 273768, 1e9 };
    float f[64], co[64], si[64];
    for (size_t t = 0; t < COUNT(thetas); t++) {
        vlm_rope_inv_freq(f, thetas[t], 128);
        for (size_t i = 0; i < 64; i++)
            if (!one_ulp(f[i], 1.0f / (float)pow(thetas[t], (double)i / 64)))
                return printf("FAIL rope_inv_freq %g [%zu]\n", thetas[t], i);
        for (uint32_t pos = 0; pos <= 1u << 20; pos = pos < 300 ? pos + 1 : pos * 2 - pos / 3) {
            vlm_rope_angles(co, si, f, 64, pos);
            for (size_t i = 0; i < 64; i++)
                if (!one_ulp(co[i], cos((float)pos * f[i])) ||
                    !one_ulp(si[i], sin((float)pos * f[i])))
                    return printf("FAIL rope_angles %g [%zu] at %u\n", thetas[t], i, pos);
        }
    }
    return 0;
}

/* ---- all of it ---- */

static void check_level(struct check *c)
{
    check_matmul(c);
    check_attention(c);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        check_norm(c, lengths[i], (enum kind)(i % N_KINDS == LARGE ? PLAIN : i % N_KINDS), 0);
        check_norm(c, lengths[i], PLAIN, 1000);
        check_activation(c, lengths[i], i % 2 ? 8 : 300);
        check_rope(c, 1 + i % 5, lengths[i] > 600 ? 40 : lengths[i]);
        check_vocabulary(c, lengths[i]);
    }
    check_activation(c, c->quick ? 2000 : 500000, 12);
    check_vocabulary(c, c->quick ? 3000 : 49280);
    check_conversions(c);
    check_blocks(c);
    check_int8(c);
    c->k.layernorm(NULL, NULL, NULL, NULL, 1e-6f, 0, 8);
    c->k.rmsnorm(NULL, NULL, NULL, 1e-6f, 0, 8);
    c->k.gelu_tanh(NULL, 0);
    c->k.silu_mul(NULL, NULL, NULL, 0);
}

int main(int argc, char **argv)
{
    const char *only = NULL, *name;
    int quick = 0, bench = 0, bench8 = 0, failures = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--level") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--quick") == 0)
            quick = 1;
        else if (strcmp(argv[i], "--bench") == 0)
            bench = bench8 = 1;
        else if (strcmp(argv[i], "--bench-int8") == 0)
            bench8 = 1;
        else
            return fprintf(stderr, "usage: kernelcheck [--level NAME] [--quick] [--bench] "
                                   "[--bench-int8]\n"),
                   2;
    }
    struct check c;
    if (vlm_kernels_init(&c.k, "no such level") != -1 ||
        (only && vlm_kernels_init(&c.k, only) != 0))
        return printf("FAIL level %s\n", only ? only : "that does not exist"), 1;
    if (!bench8)
        failures += check_rope_tables() != 0;
    for (size_t i = 0; (name = vlm_kernels_level(i)); i++) {
        if (only && strcmp(only, name) != 0)
            continue;
        c = (struct check){ .quick = quick, .random = 3 };
        failures += vlm_kernels_init(&c.k, name) != 0 || strcmp(c.k.name, name) != 0;
        if (bench8) {
            struct roofs roofs = measure_roofs(name);
            if (bench)
                bench_level(&c.k, &roofs);
            bench_int8(&c.k, &roofs);
            continue;
        }
        check_level(&c);
        if (strcmp(name, "scalar") != 0 && c.digest != (quick ? DIGEST_QUICK : DIGEST_FULL))
            fail(&c, "digest 0x%016llx: this level rounds or sums unlike the others",
                 (unsigned long long)c.digest);
        printf("%s %s\n", name, c.failures ? "FAILED" : "ok");
        failures += c.failures;
    }
    return failures != 0;
}
