/* scalar.c: the reference.  Plain C for every kernel, written to be read; it runs on any
 * machine.
 *
 * Eight lanes, multiply then add (no FMA), in the order that kernel.h states.  Norms and
 * logsumexp sum in double. */
#include "kernel/level.h"

#include "base/half.h"
#include "kernel/kv.h"
#include "kernel/unpack.h"

#include <math.h> /* INFINITY, sqrt: an instruction */

#define LANES 8

/* ---- conversions ---- */

static void f32_to_f32(float *out, const void *x, size_t n)
{
    if (n)
        memmove(out, x, n * sizeof *out);
}

static void f32_from_f32(void *out, const float *x, size_t n)
{
    if (n)
        memmove(out, x, n * sizeof *x);
}

/* 16-bit elements may lie at odd addresses, so they are read and written by memcpy. */
static void f16_to_f32(float *out, const void *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)x + 2 * i, 2);
        out[i] = vlm_f16_to_f32(h);
    }
}

static void f16_from_f32(void *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h = vlm_f32_to_f16(x[i]);
        memcpy((char *)out + 2 * i, &h, 2);
    }
}

static void bf16_to_f32(float *out, const void *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)x + 2 * i, 2);
        out[i] = vlm_bf16_to_f32(h);
    }
}

static void bf16_from_f32(void *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h = vlm_f32_to_bf16(x[i]);
        memcpy((char *)out + 2 * i, &h, 2);
    }
}

typedef void to_f32(float *out, const void *x, size_t n);
static to_f32 *const convert[VLM_N_FLOAT] = { f32_to_f32, f16_to_f32, bf16_to_f32 };
static const size_t size_of[VLM_N_FLOAT] = { 4, 2, 2 };

/* ---- matrix product ---- */

static float dot_block(const float *a, const float *w, size_t k)
{
    float lane[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= k; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += a[i + l] * w[i + l];
    for (int l = 0; i < k; i++, l++)
        lane[l] += a[i] * w[i];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void matmul(float *out, size_t ld_out, const float *a, size_t ld_a, const void *w,
                   size_t ld_w, size_t m, size_t n, size_t k, enum vlm_num type)
{
    float column[VLM_K_BLOCK];
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < m && k == 0; i++)
            out[i * ld_out + j] = 0;
        for (size_t b = 0; b < k; b += VLM_K_BLOCK) {
            size_t len = k - b < VLM_K_BLOCK ? k - b : VLM_K_BLOCK;
            convert[type](column, (const char *)w + (j * ld_w + b) * size_of[type], len);
            for (size_t i = 0; i < m; i++) {
                float sum = dot_block(a + i * ld_a + b, column, len), *o = out + i * ld_out + j;
                *o = b == 0 ? sum : *o + sum;
            }
        }
    }
}

#define MATMUL(name, type)                                                                         \
    static void name(float *out, size_t ld_out, const float *a, size_t ld_a, const void *w,        \
                     size_t ld_w, size_t m, size_t n, size_t k)                                    \
    {                                                                                              \
        matmul(out, ld_out, a, ld_a, w, ld_w, m, n, k, type);                                      \
    }
MATMUL(matmul_f32, VLM_NUM_F32)
MATMUL(matmul_f16, VLM_NUM_F16)
MATMUL(matmul_bf16, VLM_NUM_BF16)

/* ---- e^x, see level.h ---- */

static float exp_one(float x)
{
    const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the low bits */
    x = x < VLM_EXP_LO ? VLM_EXP_LO : x > VLM_EXP_HI ? VLM_EXP_HI : x;
    float t = x * VLM_EXP_LOG2E + round, n = t - round;
    float r = (x - n * VLM_EXP_LN2_HI) - n * VLM_EXP_LN2_LO;
    float q = (((VLM_EXP_C6 * r + VLM_EXP_C5) * r + VLM_EXP_C4) * r + VLM_EXP_C3) * r + VLM_EXP_C2;
    float p = (q * r * r + r) + 1.0f;
    int32_t e = (int32_t)(vlm_f32_to_bits(t) - vlm_f32_to_bits(round)), half = e >> 1;
    /* 2^e in two steps: e runs from -150 to 128 */
    return p * vlm_bits_to_f32((uint32_t)(half + 127) << 23) *
           vlm_bits_to_f32((uint32_t)(e - half + 127) << 23);
}

/* ---- attention ---- */

/* One row against the first n positions of a block: the scores, in p. */
static void scores(float *p, const float *q, const struct vlm_attention *a, size_t b, size_t n,
                   float *panel)
{
    for (size_t start = 0; start < n; start += VLM_KV_PANEL) {
        size_t len = n - start < VLM_KV_PANEL ? n - start : VLM_KV_PANEL;
        vlm_kv_read_panel(panel, a->k[b], start / VLM_KV_PANEL, a->kv, a->head_dim);
        for (size_t j = 0; j < len; j++)
            p[start + j] = 0;
        for (size_t d = 0; d < a->head_dim; d++)
            for (size_t j = 0; j < len; j++)
                p[start + j] += q[d] * panel[d * VLM_KV_PANEL + j];
        for (size_t j = 0; j < len; j++)
            p[start + j] *= a->scale;
    }
}

/* acc = acc * keep + (sum of p[j] * v[j]) * scale */
static void weigh(float *acc, const float *p, const struct vlm_attention *a, size_t b, size_t n,
                  float keep, float scale, float *sum)
{
    float *line = sum + a->head_dim;
    memset(sum, 0, a->head_dim * sizeof *sum);
    for (size_t j = 0; j < n; j++) {
        vlm_kv_read_values(line, a->v[b], j, a->kv, a->head_dim);
        for (size_t d = 0; d < a->head_dim; d++)
            sum[d] += p[j] * line[d];
    }
    for (size_t d = 0; d < a->head_dim; d++)
        acc[d] = acc[d] * keep + sum[d] * scale;
}

static void attention_row(const struct vlm_attention *a, size_t row)
{
    float *p = a->scratch, *acc = p + VLM_KV_BLOCK, *part = acc + a->head_dim, max = -INFINITY,
          total = 0;
    memset(acc, 0, a->head_dim * sizeof *acc);
    for (size_t start = 0, b = 0; start < a->n_keys[row]; start += VLM_KV_BLOCK, b++) {
        size_t n = a->n_keys[row] - start < VLM_KV_BLOCK ? a->n_keys[row] - start : VLM_KV_BLOCK;
        scores(p, a->q + row * a->ld_q, a, b, n, part);
        float before = max, here = -INFINITY, sum = 0;
        for (size_t j = 0; j < n; j++)
            here = p[j] > here ? p[j] : here;
        max = before > here ? before : here;
        float keep = exp_one(before - max), scale = exp_one(here - max);
        for (size_t j = 0; j < n; j++) {
            p[j] = exp_one(p[j] - here);
            sum += p[j];
        }
        total = total * keep + sum * scale;
        weigh(acc, p, a, b, n, keep, scale, part);
    }
    for (size_t d = 0; d < a->head_dim; d++)
        a->out[row * a->ld_out + d] = acc[d] / total;
}

static void attention(const struct vlm_attention *a)
{
    for (size_t row = 0; row < a->n_rows; row++)
        attention_row(a, row);
}

/* ---- norms and elementwise ---- */

static void layernorm(float *out, const float *x, const float *w, const float *b, float eps,
                      size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++, x += d, out += d) {
        double sum = 0, square = 0;
        for (size_t i = 0; i < d; i++)
            sum += x[i];
        double mean = sum / (double)d;
        for (size_t i = 0; i < d; i++)
            square += (x[i] - mean) * (x[i] - mean);
        double scale = 1 / sqrt(square / (double)d + eps);
        for (size_t i = 0; i < d; i++)
            out[i] = (float)((x[i] - mean) * scale) * w[i] + b[i];
    }
}

static void rmsnorm(float *out, const float *x, const float *w, float eps, size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++, x += d, out += d) {
        double square = 0;
        for (size_t i = 0; i < d; i++)
            square += (double)x[i] * x[i];
        double scale = 1 / sqrt(square / (double)d + eps);
        for (size_t i = 0; i < d; i++)
            out[i] = (float)(x[i] * scale) * w[i];
    }
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

static void mul(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= y[i];
}

static void add_bias(float *x, const float *b, size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++)
        add(x + r * d, b, d);
}

static void gelu_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] / (1.0f + exp_one(x[i] * (VLM_GELU_G1 + VLM_GELU_G3 * (x[i] * x[i]))));
}

static void silu_mul(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gate[i] / (1.0f + exp_one(-gate[i])) * up[i];
}

static void rope(float *x, const float *c, const float *s, size_t n_heads, size_t head_dim)
{
    size_t half = head_dim / 2;
    for (size_t h = 0; h < n_heads; h++, x += head_dim)
        for (size_t i = 0; i < half; i++) {
            float x1 = x[i], x2 = x[i + half];
            x[i] = x1 * c[i] - x2 * s[i];
            x[i + half] = x2 * c[i] + x1 * s[i];
        }
}

static float logsumexp(const float *x, size_t n)
{
    float max = x[0];
    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    if (max - max != 0) /* infinite, or NaN at the front */
        return max;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp_one(x[i] - max);
    return (float)(max + vlm_kernel_log(sum));
}

static size_t argmax(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best] || (x[best] != x[best] && x[i] == x[i])) /* a NaN loses to any number */
            best = i;
    return best;
}

void vlm_kernel_scalar(struct vlm_kernels *k)
{
    k->matmul[VLM_NUM_F32] = matmul_f32;
    k->matmul[VLM_NUM_F16] = matmul_f16;
    k->matmul[VLM_NUM_BF16] = matmul_bf16;
    k->to_f32[VLM_NUM_F32] = f32_to_f32;
    k->to_f32[VLM_NUM_F16] = f16_to_f32;
    k->to_f32[VLM_NUM_BF16] = bf16_to_f32;
    UNPACK_TABLE(k);
    vlm_kernel_scalar_int8(k);
    k->from_f32[VLM_NUM_F32] = f32_from_f32;
    k->from_f32[VLM_NUM_F16] = f16_from_f32;
    k->from_f32[VLM_NUM_BF16] = bf16_from_f32;
    k->attention = attention;
    k->layernorm = layernorm;
    k->rmsnorm = rmsnorm;
    k->add = add;
    k->mul = mul;
    k->add_bias = add_bias;
    k->gelu_tanh = gelu_tanh;
    k->silu_mul = silu_mul;
    k->rope = rope;
    k->logsumexp = logsumexp;
    k->argmax = argmax;
}

/* ---- roof.h ---- */

static float roof_fma(size_t iterations)
{
    float acc[LANES] = { 0 };
    for (size_t i = 0; i < iterations; i++)
        for (int l = 0; l < LANES; l++)
            acc[l] = acc[l] * 0.5f + 0.25f;
    return acc[0] + acc[1] + acc[2] + acc[3] + acc[4] + acc[5] + acc[6] + acc[7];
}

static float roof_read(const void *p, size_t bytes)
{
    const unsigned char *x = p;
    uint64_t sum = 0, u;
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        memcpy(&u, x + i, 8);
        sum += u;
    }
    return (float)sum;
}

void vlm_kernel_scalar_roof(struct vlm_roof *r)
{
    *r = (struct vlm_roof){ .flops = 2.0 * LANES, .fma = roof_fma, .read = roof_read };
}
