/* ops.c: what training on a CPU takes from C instead of PyTorch: attention, GELU, SwiGLU, RMS norm
 * and rotary positions on fp32, with their backward passes.  PyTorch's own take a third of a step
 * for a tenth of its arithmetic: they copy heads apart, fill whole matrices with zeros, compute
 * padding. tools/pocket/check_ops.py compares each with PyTorch's.
 *
 * Rows of q, o, k, v are d = heads * hd floats apart.  A group is a run of queries that see `na`
 * rows of the keys A, shared by neighbouring groups (a picture), and of the rows of B from b_row on
 * as many as sees[query] says (what was said before).  hd is a multiple of 16. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef float v8 __attribute__((vector_size(32), aligned(4)));
typedef int32_t i8 __attribute__((vector_size(32)));

enum { ROWS = 48, MR = 6, NR = 16 };

struct group {
    int64_t q_row, nq, a_row, na, b_row, nb;
};

struct point { /* what head `head` gives place at[query] of A (-1: not asked) */
    int64_t head;
    const int32_t *at;
    float *share;        /* forward, written: [queries] */
    const float *dshare; /* backward */
};

struct job {
    int64_t heads, hd, n_groups, n_points, threads;
    const struct group *groups;
    const struct point *points;
    const int32_t *sees;
    const float *q, *ka, *va, *kb, *vb;
    float *o, *lse;                    /* lse [queries, heads] */
    const float *dout;                 /* backward from here */
    float *dq, *dka, *dva, *dkb, *dvb; /* dka .. dvb are added to */
    int64_t back;
};

static inline __attribute__((always_inline)) v8 load(const float *p)
{
    return *(const v8 *)p;
}
static inline __attribute__((always_inline)) void store(float *p, v8 x)
{
    *(v8 *)p = x;
}
static inline __attribute__((always_inline)) v8 all(float x)
{
    return (v8){x, x, x, x, x, x, x, x};
}

/* e^x, 0 below -87, e^87 above 87; relative error under 2e-7 (the polynomial of Cephes' expf) */
static inline __attribute__((always_inline)) v8 exp8(v8 x)
{
    v8 low = all(-87.0f), high = all(87.0f), t;
    i8 under = x<low, over = x> high;
    x = (v8)(((i8)x & ~(under | over)) | ((i8)low & under) | ((i8)high & over));
    t = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to an integer */
    i8 n = (i8)t - (i8)all(12582912.0f);
    v8 f = t - 12582912.0f, r = x - f * 0.693359375f + f * 2.12194440e-4f;
    v8 p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    p = (v8)((i8)p + (n << 23));
    return (v8)((i8)p & ~under);
}

/* C[m x 16] (+)= A[m x K] B[K x 16] with a(i, k) = a[i * rs + k * cs] */
static inline __attribute__((always_inline)) void tile(int m, int add, int64_t K, const float *a,
                                                       int64_t rs, int64_t cs, const float *b,
                                                       int64_t ldb, float *c, int64_t ldc)
{
    v8 s[MR][2];
#pragma GCC unroll 6
    for (int i = 0; i < m; i++) {
        s[i][0] = add ? load(c + i * ldc) : all(0);
        s[i][1] = add ? load(c + i * ldc + 8) : all(0);
    }
    for (int64_t k = 0; k < K; k++) {
        v8 x = load(b + k * ldb), y = load(b + k * ldb + 8);
#pragma GCC unroll 6
        for (int i = 0; i < m; i++) {
            v8 w = all(a[i * rs + k * cs]);
            s[i][0] += w * x;
            s[i][1] += w * y;
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < m; i++) {
        store(c + i * ldc, s[i][0]);
        store(c + i * ldc + 8, s[i][1]);
    }
}

/* N a multiple of 16 */
static inline __attribute__((always_inline)) void product(int add, int64_t M, int64_t N, int64_t K,
                                                          const float *a, int64_t rs, int64_t cs,
                                                          const float *b, int64_t ldb, float *c,
                                                          int64_t ldc)
{
    for (int64_t j = 0; j < N; j += NR) {
        int64_t i = 0;
        for (; i + MR <= M; i += MR)
            tile(6, add, K, a + i * rs, rs, cs, b + j, ldb, c + i * ldc + j, ldc);
        switch (M - i) {
        case 5:
            tile(5, add, K, a + i * rs, rs, cs, b + j, ldb, c + i * ldc + j, ldc);
            break;
        case 4:
            tile(4, add, K, a + i * rs, rs, cs, b + j, ldb, c + i * ldc + j, ldc);
            break;
        case 3:
            tile(3, add, K, a + i * rs, rs, cs, b + j, ldb, c + i * ldc + j, ldc);
            break;
        case 2:
            tile(2, add, K, a + i * rs, rs, cs, b + j, ldb, c + i * ldc + j, ldc);
            break;
        case 1:
            tile(1, add, K, a + i * rs, rs, cs, b + j, ldb, c + i * ldc + j, ldc);
            break;
        }
    }
}

/* n rows of x, d apart, as rows of hd (out) and as columns (turned, ld apart); either may be
 * missing */
static void pack(const float *x, int64_t d, int64_t n, int64_t hd, float *out, float *turned,
                 int64_t ld)
{
    for (int64_t i = 0; i < n; i++) {
        if (out)
            memcpy(out + i * hd, x + i * d, (size_t)hd * sizeof *x);
        if (turned)
            for (int64_t k = 0; k < hd; k++)
                turned[k * ld + i] = x[i * d + k];
    }
}

static float dot(const float *a, const float *b, int64_t n)
{
    v8 s = all(0);
    for (int64_t i = 0; i < n; i += 8)
        s += load(a + i) * load(b + i);
    float t = 0;
    for (int i = 0; i < 8; i++)
        t += s[i];
    return t;
}

static void one_head(const struct job *j, int64_t h, int64_t from, int64_t to, float *memory,
                     int64_t ld)
{
    int64_t hd = j->hd, d = j->heads * hd, off = h * hd;
    float scale = 1.0f / sqrtf((float)hd);
    float *kt = memory, *k = kt + hd * ld, *vt = k + hd * ld, *v = vt + hd * ld, *dk = v + hd * ld,
          *dv = dk + hd * ld, *s = dv + hd * ld, *dp = s + ROWS * ld, *qs = dp + ROWS * ld;
    int64_t have = -1;
    for (int64_t g = from; g < to; g++) {
        const struct group *u = &j->groups[g];
        int64_t na = u->na, n = na + u->nb, N = (n + NR - 1) / NR * NR;
        if (na && have != u->a_row) {
            pack(j->ka + u->a_row * d + off, d, na, hd, k, kt, ld);
            pack(j->va + u->a_row * d + off, d, na, hd, v, vt, ld);
            have = u->a_row;
        }
        if (u->nb) {
            pack(j->kb + u->b_row * d + off, d, u->nb, hd, k + na * hd, kt + na, ld);
            pack(j->vb + u->b_row * d + off, d, u->nb, hd, v + na * hd, vt + na, ld);
        }
        for (int64_t r = 0; r < hd; r++) /* what is behind the last key was another group's */
            for (int64_t c = n; c < N; c++)
                kt[r * ld + c] = vt[r * ld + c] = 0;
        memset(v + n * hd, 0, (size_t)((N - n) * hd) * sizeof *v);
        memset(k + n * hd, 0, (size_t)((N - n) * hd) * sizeof *k);
        if (j->back) {
            memset(dk, 0, (size_t)(N * hd) * sizeof *dk);
            memset(dv, 0, (size_t)(N * hd) * sizeof *dv);
        }
        for (int64_t first = 0; first < u->nq; first += ROWS) {
            int64_t rows = u->nq - first < ROWS ? u->nq - first : ROWS, q0 = u->q_row + first;
            const float *q = j->q + q0 * d + off;
            for (int64_t i = 0; i < rows; i++)
                for (int64_t c = 0; c < hd; c += 8)
                    store(qs + i * hd + c, load(q + i * d + c) * scale);
            product(0, rows, N, hd, qs, hd, 1, kt, ld, s, ld);
            if (j->back)
                product(0, rows, N, hd, j->dout + q0 * d + off, d, 1, vt, ld, dp, ld);
            for (int64_t i = 0; i < rows; i++) {
                float *p = s + i * ld, *lse = j->lse + (q0 + i) * j->heads + h;
                int64_t seen = na + (u->nb ? j->sees[q0 + i] : 0);
                for (int64_t c = seen; c < N; c++)
                    p[c] = -1e30f;
                float shift;
                if (j->back) {
                    shift = *lse;
                } else {
                    v8 top = load(p);
                    for (int64_t c = 8; c < N; c += 8) {
                        v8 x = load(p + c);
                        i8 more = x > top;
                        top = (v8)(((i8)x & more) | ((i8)top & ~more));
                    }
                    shift = top[0];
                    for (int c = 1; c < 8; c++)
                        shift = top[c] > shift ? top[c] : shift;
                }
                v8 sum = all(0);
                for (int64_t c = 0; c < N; c += 8) {
                    v8 x = exp8(load(p + c) - shift);
                    sum += x;
                    store(p + c, x);
                }
                if (!j->back) {
                    float z = 0;
                    for (int c = 0; c < 8; c++)
                        z += sum[c];
                    *lse = shift + logf(z);
                    for (int64_t c = 0; c < N; c += 8)
                        store(p + c, load(p + c) * (1 / z));
                    for (int64_t m = 0; m < j->n_points; m++)
                        if (j->points[m].head == h && j->points[m].at[q0 + i] >= 0)
                            j->points[m].share[q0 + i] = p[j->points[m].at[q0 + i]];
                    continue;
                }
                float *e = dp + i * ld,
                      delta = dot(j->dout + (q0 + i) * d + off, j->o + (q0 + i) * d + off, hd);
                for (int64_t m = 0; m < j->n_points; m++)
                    if (j->points[m].head == h && j->points[m].at[q0 + i] >= 0) {
                        int64_t at = j->points[m].at[q0 + i];
                        e[at] += j->points[m].dshare[q0 + i];
                        delta += p[at] * j->points[m].dshare[q0 + i];
                    }
                for (int64_t c = 0; c < N; c += 8)
                    store(e + c, (load(e + c) - delta) * load(p + c));
            }
            if (!j->back) {
                product(0, rows, hd, N, s, ld, 1, v, hd, j->o + q0 * d + off, d);
                continue;
            }
            product(1, N, hd, rows, dp, 1, ld, qs, hd, dk, hd);
            product(1, N, hd, rows, s, 1, ld, j->dout + q0 * d + off, d, dv, hd);
            float *dq = j->dq + q0 * d + off;
            product(0, rows, hd, N, dp, ld, 1, k, hd, dq, d);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t c = 0; c < hd; c += 8)
                    store(dq + i * d + c, load(dq + i * d + c) * scale);
        }
        for (int64_t i = 0; j->back && i < n; i++) {
            float *to_k =
                i < na ? j->dka + (u->a_row + i) * d + off : j->dkb + (u->b_row + i - na) * d + off;
            float *to_v =
                i < na ? j->dva + (u->a_row + i) * d + off : j->dvb + (u->b_row + i - na) * d + off;
            for (int64_t c = 0; c < hd; c += 8) {
                store(to_k + c, load(to_k + c) + load(dk + i * hd + c));
                store(to_v + c, load(to_v + c) + load(dv + i * hd + c));
            }
        }
    }
}

struct part {
    const struct job *job;
    int64_t from, to;
    int failed;
};

static void *some_groups(void *arg)
{
    struct part *p = arg;
    const struct job *j = p->job;
    int64_t ld = 0;
    for (int64_t g = p->from; g < p->to; g++) {
        int64_t n = j->groups[g].na + j->groups[g].nb;
        ld = n > ld ? n : ld;
    }
    ld = (ld + NR - 1) / NR * NR + NR; /* not a power of two apart */
    float *memory =
        malloc((size_t)(6 * j->hd * ld + 2 * ROWS * ld + ROWS * j->hd) * sizeof *memory);
    if (!memory) {
        p->failed = 1;
        return NULL;
    }
    for (int64_t h = 0; h < j->heads; h++)
        one_head(j, h, p->from, p->to, memory, ld);
    free(memory);
    return NULL;
}

/* 0, or 1 when memory or threads are missing */
int attend(const struct job *j)
{
    enum { MOST = 16 };
    struct part parts[MOST];
    pthread_t threads[MOST];
    int64_t n = j->threads < 1 ? 1 : j->threads > MOST ? MOST : j->threads, from = 0, made = 0;
    for (int64_t t = 0; t < n; t++) {
        int64_t to = t + 1 == n ? j->n_groups : j->n_groups * (t + 1) / n;
        while (to > from && to < j->n_groups && j->groups[to].a_row == j->groups[to - 1].a_row)
            to++; /* groups that add to the same rows stay together */
        to = to < from ? from : to;
        parts[t] = (struct part){j, from, to, 0};
        from = to;
    }
    for (; made + 1 < n; made++)
        if (pthread_create(&threads[made], NULL, some_groups, &parts[made + 1]))
            return 1;
    some_groups(&parts[0]);
    int failed = parts[0].failed;
    for (int64_t t = 0; t < made; t++) {
        pthread_join(threads[t], NULL);
        failed |= parts[t + 1].failed;
    }
    return failed;
}

/* x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3): GELU's tanh form.  n a multiple of 8 */
void gelu(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += 8) {
        v8 a = load(x + i), u = a * (1.595769122f + 0.0713548163f * a * a);
        store(y + i, a / (1.0f + exp8(-u)));
    }
}

void gelu_back(const float *x, const float *dy, float *dx, int64_t n)
{
    for (int64_t i = 0; i < n; i += 8) {
        v8 a = load(x + i), u = a * (1.595769122f + 0.0713548163f * a * a),
           s = 1.0f / (1.0f + exp8(-u));
        v8 du = 1.595769122f + 0.2140644488f * a * a;
        store(dx + i, load(dy + i) * (s + a * s * (1.0f - s) * du));
    }
}

/* rotary positions: row r of x [n, heads, hd] turned by the angles of table row at[r]; cosine, sine
 * [*, hd / 2]; sign -1 turns back, which is the backward pass */
void turn(const float *x, float *y, const int32_t *at, const float *cosine, const float *sine,
          int64_t n, int64_t heads, int64_t hd, float sign)
{
    for (int64_t r = 0; r < n; r++) {
        const float *c = cosine + at[r] * (hd / 2), *s = sine + at[r] * (hd / 2);
        for (int64_t h = 0; h < heads; h++) {
            const float *a = x + (r * heads + h) * hd, *b = a + hd / 2;
            float *ya = y + (r * heads + h) * hd, *yb = ya + hd / 2;
            for (int64_t k = 0; k < hd / 2; k += 8) {
                v8 u = load(a + k), v = load(b + k), co = load(c + k), si = load(s + k) * sign;
                store(ya + k, u * co - v * si);
                store(yb + k, v * co + u * si);
            }
        }
    }
}

/* silu(g) u */
void swiglu(const float *g, const float *u, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += 8) {
        v8 a = load(g + i);
        store(y + i, a / (1.0f + exp8(-a)) * load(u + i));
    }
}

void swiglu_back(const float *g, const float *u, const float *dy, float *dg, float *du, int64_t n)
{
    for (int64_t i = 0; i < n; i += 8) {
        v8 a = load(g + i), s = 1.0f / (1.0f + exp8(-a)), d = load(dy + i);
        store(du + i, d * a * s);
        store(dg + i, d * load(u + i) * (s + a * s * (1.0f - s)));
    }
}

/* rows of d: y = x / sqrt(mean(x^2) + eps) w; inverse [n] is kept for the way back */
void rms_norm(const float *x, const float *w, float *y, float *inverse, int64_t n, int64_t d,
              float eps)
{
    for (int64_t r = 0; r < n; r++, x += d, y += d) {
        float z = 1.0f / sqrtf(dot(x, x, d) / (float)d + eps);
        inverse[r] = z;
        for (int64_t i = 0; i < d; i += 8)
            store(y + i, load(x + i) * z * load(w + i));
    }
}

/* dw is added to */
void rms_norm_back(const float *x, const float *w, const float *inverse, const float *dy, float *dx,
                   float *dw, int64_t n, int64_t d)
{
    for (int64_t r = 0; r < n; r++, x += d, dy += d, dx += d) {
        float z = inverse[r], t = 0;
        v8 sum = all(0);
        for (int64_t i = 0; i < d; i += 8)
            sum += load(x + i) * load(w + i) * load(dy + i);
        for (int i = 0; i < 8; i++)
            t += sum[i];
        t *= z * z / (float)d;
        for (int64_t i = 0; i < d; i += 8) {
            v8 a = load(x + i), g = load(dy + i);
            store(dx + i, z * (load(w + i) * g - a * t));
            store(dw + i, load(dw + i) + g * a * z);
        }
    }
}

/* MKL, which PyTorch's products come from, takes slower kernels on processors that are not Intel's
 * unless this says so: 54 to 84 and 75 to 93 GFLOP/s here.  Counts when the library is loaded
 * before PyTorch. */
int mkl_serv_intel_cpu_true(void)
{
    return 1;
}
