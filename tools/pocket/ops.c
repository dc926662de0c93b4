/* ops.c: what training on a CPU takes from C instead of PyTorch: attention, GELU, SwiGLU, RMS norm
 * and rotary positions on fp32, with their backward passes.  PyTorch's own take a third of a step
 * for a tenth of its arithmetic: they copy heads apart, fill whole matrices with zeros, compute
 * padding. tools/pocket/check_ops.py compares each with PyTorch's.
 *
 * Rows of q, o, k, v are d = heads * hd floats apart.  A group is a run of queries that see `na`
 * rows of the keys A, shared by neighbouring groups (a picture), and of the rows of B from b_row on
 * as many as sees[query] says (what was said before).  hd is a multiple of 32. */
#include "ops.h"
#include <pthread.h>

enum { ROWS = 48, MR = 6, NR = 2 * W };

/* e^x, 0 below -87, e^87 above 87; relative error under 2e-7 (the polynomial of Cephes' expf) */
static inline __attribute__((always_inline)) vec vexp(vec x)
{
    vec low = all(-87.0f), high = all(87.0f), t;
    ivec under = x<low, over = x> high;
    x = (vec)(((ivec)x & ~(under | over)) | ((ivec)low & under) | ((ivec)high & over));
    t = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to an integer */
    ivec n = (ivec)t - (ivec)all(12582912.0f);
    vec f = t - 12582912.0f, r = x - f * 0.693359375f + f * 2.12194440e-4f;
    vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    p = (vec)((ivec)p + (n << 23));
    return (vec)((ivec)p & ~under);
}

/* C[m x NR] (+)= A[m x K] B[K x NR] with a(i, k) = a[i * rs + k * cs] */
static inline __attribute__((always_inline)) void tile(int m, int add, int64_t K, const float *a,
                                                       int64_t rs, int64_t cs, const float *b,
                                                       int64_t ldb, float *c, int64_t ldc)
{
    vec s[MR][2];
#pragma GCC unroll 6
    for (int i = 0; i < m; i++) {
        s[i][0] = add ? load(c + i * ldc) : all(0);
        s[i][1] = add ? load(c + i * ldc + W) : all(0);
    }
    for (int64_t k = 0; k < K; k++) {
        vec x = load(b + k * ldb), y = load(b + k * ldb + W);
#pragma GCC unroll 6
        for (int i = 0; i < m; i++) {
            vec w = all(a[i * rs + k * cs]);
            s[i][0] += w * x;
            s[i][1] += w * y;
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < m; i++) {
        store(c + i * ldc, s[i][0]);
        store(c + i * ldc + W, s[i][1]);
    }
}

/* N a multiple of NR */
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
    vec s = all(0);
    for (int64_t i = 0; i < n; i += W)
        s += load(a + i) * load(b + i);
    float t = 0;
    for (int i = 0; i < W; i++)
        t += s[i];
    return t;
}

static int64_t row_of(int64_t keys)
{
    return (keys + NR - 1) / NR * NR + NR; /* not a power of two apart */
}

size_t plain_room(const struct job *j, int64_t keys)
{
    return (size_t)(6 * j->hd * row_of(keys) + 2 * ROWS * row_of(keys) + ROWS * j->hd);
}

void plain_head(const struct job *j, int64_t h, int64_t from, int64_t to, float *memory,
                int64_t keys)
{
    int64_t hd = j->hd, d = j->heads * hd, off = h * hd, ld = row_of(keys);
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
                for (int64_t c = 0; c < hd; c += W)
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
                    vec top = load(p);
                    for (int64_t c = W; c < N; c += W) {
                        vec x = load(p + c);
                        ivec more = x > top;
                        top = (vec)(((ivec)x & more) | ((ivec)top & ~more));
                    }
                    shift = top[0];
                    for (int c = 1; c < W; c++)
                        shift = top[c] > shift ? top[c] : shift;
                }
                vec sum = all(0);
                for (int64_t c = 0; c < N; c += W) {
                    vec x = vexp(load(p + c) - shift);
                    sum += x;
                    store(p + c, x);
                }
                if (!j->back) {
                    float z = 0;
                    for (int c = 0; c < W; c++)
                        z += sum[c];
                    *lse = shift + logf(z);
                    for (int64_t c = 0; c < N; c += W)
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
                for (int64_t c = 0; c < N; c += W)
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
                for (int64_t c = 0; c < hd; c += W)
                    store(dq + i * d + c, load(dq + i * d + c) * scale);
        }
        for (int64_t i = 0; j->back && i < n; i++) {
            float *to_k =
                i < na ? j->dka + (u->a_row + i) * d + off : j->dkb + (u->b_row + i - na) * d + off;
            float *to_v =
                i < na ? j->dva + (u->a_row + i) * d + off : j->dvb + (u->b_row + i - na) * d + off;
            for (int64_t c = 0; c < hd; c += W) {
                store(to_k + c, load(to_k + c) + load(dk + i * hd + c));
                store(to_v + c, load(to_v + c) + load(dv + i * hd + c));
            }
        }
    }
}

struct part {
    const struct job *job;
    int64_t from, to;
    int amx, failed;
};

static void *some_groups(void *arg)
{
    struct part *p = arg;
    const struct job *j = p->job;
    int64_t keys = 0;
    for (int64_t g = p->from; g < p->to; g++) {
        int64_t n = j->groups[g].na + j->groups[g].nb;
        keys = n > keys ? n : keys;
    }
    size_t room = p->amx ? amx_room(j, keys) : plain_room(j, keys);
    float *memory = aligned_alloc(64, (room * sizeof *memory + 63) / 64 * 64);
    if (!memory) {
        p->failed = 1;
        return NULL;
    }
    for (int64_t h = 0; h < j->heads; h++)
        (p->amx ? amx_head : plain_head)(j, h, p->from, p->to, memory, keys);
    free(memory);
    return NULL;
}

/* 0, or 1 when memory or threads are missing */
int attend(const struct job *j)
{
    enum { MOST = 16 };
    struct part parts[MOST];
    pthread_t threads[MOST];
    int amx = amx_ready();
    int64_t n = j->threads < 1 ? 1 : j->threads > MOST ? MOST : j->threads, from = 0, made = 0;
    for (int64_t t = 0; t < n; t++) {
        int64_t to = t + 1 == n ? j->n_groups : j->n_groups * (t + 1) / n;
        while (to > from && to < j->n_groups && j->groups[to].a_row == j->groups[to - 1].a_row)
            to++; /* groups that add to the same rows stay together */
        to = to < from ? from : to;
        parts[t] = (struct part){j, from, to, amx, 0};
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

/* x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3): GELU's tanh form.  n a multiple of 16 */
void gelu(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        vec a = load(x + i), u = a * (1.595769122f + 0.0713548163f * a * a);
        store(y + i, a / (1.0f + vexp(-u)));
    }
}

void gelu_back(const float *x, const float *dy, float *dx, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        vec a = load(x + i), u = a * (1.595769122f + 0.0713548163f * a * a),
            s = 1.0f / (1.0f + vexp(-u));
        vec du = 1.595769122f + 0.2140644488f * a * a;
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
            for (int64_t k = 0; k < hd / 2; k += W) {
                vec u = load(a + k), v = load(b + k), co = load(c + k), si = load(s + k) * sign;
                store(ya + k, u * co - v * si);
                store(yb + k, v * co + u * si);
            }
        }
    }
}

/* silu(g) u */
void swiglu(const float *g, const float *u, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        vec a = load(g + i);
        store(y + i, a / (1.0f + vexp(-a)) * load(u + i));
    }
}

void swiglu_back(const float *g, const float *u, const float *dy, float *dg, float *du, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        vec a = load(g + i), s = 1.0f / (1.0f + vexp(-a)), d = load(dy + i);
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
        for (int64_t i = 0; i < d; i += W)
            store(y + i, load(x + i) * z * load(w + i));
    }
}

/* dw is added to */
void rms_norm_back(const float *x, const float *w, const float *inverse, const float *dy, float *dx,
                   float *dw, int64_t n, int64_t d)
{
    for (int64_t r = 0; r < n; r++, x += d, dy += d, dx += d) {
        float z = inverse[r], t = 0;
        vec sum = all(0);
        for (int64_t i = 0; i < d; i += W)
            sum += load(x + i) * load(w + i) * load(dy + i);
        for (int i = 0; i < W; i++)
            t += sum[i];
        t *= z * z / (float)d;
        for (int64_t i = 0; i < d; i += W) {
            vec a = load(x + i), g = load(dy + i);
            store(dx + i, z * (load(w + i) * g - a * t));
            store(dw + i, load(dw + i) + g * a * z);
        }
    }
}

/* Which cells the letters of a line stand in, when their middles lie near borders: what the tower
 * says decides.  said [K, 2, classes]: log-probabilities of the first and second letter of each
 * cell, 0: none; letter [K, 2]: classes; options [n, 6] as data.options_of has them, those of a
 * line together, in reading order; at [K]: the cells' places in the grid.  who [K, 2] gets the
 * letter (2 cell + slot as it came) that stands there, or -1, stands [K, 2] the cell of each
 * letter. The likeliest way (Viterbi) in which a line goes on from left to right, with two letters
 * a cell at most; going to another row without need costs ROW. */
enum { CHOICES = 8, LINE = 256 };

static void settle_line(const float *said, const int64_t *letter, const int64_t *options,
                        const int64_t *at, int64_t classes, int64_t grid, int64_t n, int64_t *who,
                        int64_t *stands)
{
    static const float ROW = 12.0f, NEVER = -1e30f;
    float best[LINE][CHOICES];
    int from[LINE][CHOICES];
    for (int64_t j = 0; j < n; j++) {
        const int64_t *o = options + 6 * j, *was = o - 6;
        int64_t c = letter[o[0]];
        for (int k = 0; k < CHOICES; k++) {
            int64_t cell = o[2 + k / 2], slot = k % 2;
            best[j][k] = NEVER;
            from[j][k] = 0;
            if (cell < 0 || c <= 0 || o[0] < 0)
                continue;
            const float *first = said + cell * 2 * classes, *second = first + classes;
            float gain = slot ? second[c] - second[0] : first[c] - first[0] + second[0],
                  top = NEVER;
            for (int p = 0; j && p < CHOICES; p++) {
                int64_t before = was[2 + p / 2];
                if (before < 0 || best[j - 1][p] <= NEVER)
                    continue;
                float x = best[j - 1][p];
                int64_t right = at[cell] % grid - at[before] % grid;
                if (cell == before ? !slot || p % 2 : slot || right < 0)
                    continue;
                if (cell != before && at[cell] / grid != at[before] / grid)
                    x -= ROW;
                else if (cell != before && right <= 0)
                    continue;
                if (x > top) {
                    top = x;
                    from[j][k] = p;
                }
            }
            if (j ? top > NEVER : !slot)
                best[j][k] = gain + (j ? top : 0);
        }
    }
    int end = 0;
    for (int k = 1; k < CHOICES; k++)
        end = best[n - 1][k] > best[n - 1][end] ? k : end;
    int found = best[n - 1][end] > NEVER && options[3] != -2;
    for (int64_t j = n - 1; j >= 0; j--) {
        const int64_t *o = options + 6 * j;
        if (o[0] < 0)
            continue;
        int64_t to = found ? 2 * o[2 + end / 2] + end % 2 : o[0];
        who[to] = o[0];
        stands[o[0]] = to / 2;
        end = from[j][end];
    }
}

void settle(const float *said, const int64_t *letter, const int64_t *options, const int64_t *at,
            int64_t classes, int64_t grid, int64_t n, int64_t *who, int64_t *stands)
{
    for (int64_t i = 0, k; i < n; i = k) {
        const int64_t *o = options + 6 * i;
        int fixed = o[3] == -2;
        for (k = i + 1; k < n && k < i + LINE && options[6 * k + 1] == o[1] &&
                        (options[6 * k + 3] == -2) == fixed;
             k++)
            ;
        settle_line(said, letter, o, at, classes, grid, k - i, who, stands);
    }
}

/* MKL, which PyTorch's products come from, takes slower kernels on processors that are not Intel's
 * unless this says so: 54 to 84 and 75 to 93 GFLOP/s here.  Counts when the library is loaded
 * before PyTorch. */
int mkl_serv_intel_cpu_true(void)
{
    return 1;
}
