/* ops_amx.c: attention as in ops.c, with products of bf16 factors and fp32 sums (AMX).
 *
 * The rows of A, filled up with zeros to a multiple of 32, are the first keys, those of B the
 * others. For a product C = X Y the unit wants X in rows, and Y in pairs of rows: a word is two
 * entries of one column.  Names: k_words is K turned (a word: two features of a key), k_pairs is K
 * as it is (a word: one feature of two keys); p are weights, e their gradients, and left are p
 * (forward) or e (backward) in rows. */
#include "ops.h"
#ifdef __AMX_BF16__
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

/* whether the system lets this process use it: ARCH_REQ_XCOMP_PERM of XTILEDATA */
int amx_ready(void)
{
    return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}

enum { ROWS = 32 };

static const struct {
    uint8_t palette, start, zero[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} SHAPE = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

static int64_t up(int64_t n)
{
    return (n + 31) / 32 * 32;
}

/* C[M x N] (+)= X[M x K] Y[K x N], all multiples of 32; lx in numbers, ly in words, lc in floats */
static void product(int add, int64_t M, int64_t N, int64_t K, const uint16_t *x, int64_t lx,
                    const uint32_t *y, int64_t ly, float *c, int64_t lc)
{
    for (int64_t n = 0; n < N; n += 32)
        for (int64_t m = 0; m < M; m += 32) {
            float *p = c + m * lc + n;
            if (add) {
                _tile_loadd(0, p, lc * 4);
                _tile_loadd(1, p + 16, lc * 4);
                _tile_loadd(2, p + 16 * lc, lc * 4);
                _tile_loadd(3, p + 16 * lc + 16, lc * 4);
            } else {
                _tile_zero(0);
                _tile_zero(1);
                _tile_zero(2);
                _tile_zero(3);
            }
            for (int64_t k = 0; k < K; k += 32) {
                _tile_loadd(4, x + m * lx + k, lx * 2);
                _tile_loadd(6, y + k / 2 * ly + n, ly * 4);
                _tile_loadd(7, y + k / 2 * ly + n + 16, ly * 4);
                _tile_loadd(5, x + (m + 16) * lx + k, lx * 2);
                _tile_dpbf16ps(0, 4, 6);
                _tile_dpbf16ps(1, 4, 7);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
            _tile_stored(0, p, lc * 4);
            _tile_stored(1, p + 16, lc * 4);
            _tile_stored(2, p + 16 * lc, lc * 4);
            _tile_stored(3, p + 16 * lc + 16, lc * 4);
        }
}

static inline __m256i narrow(vec x)
{
    return (__m256i)_mm512_cvtneps_pbh((__m512)x);
}

/* a word for each column: the number of row a below, of row b above */
static inline __m512i paired(vec a, vec b)
{
    return _mm512_or_si512(_mm512_cvtepu16_epi32(narrow(a)),
                           _mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow(b)), 16));
}

static inline __attribute__((always_inline)) void turn16(__m512i r[16])
{
    __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#pragma GCC unroll 4
    for (int s = 1; s < 16; s *= 2) {
        __mmask16 odd = _mm512_test_epi32_mask(lane, _mm512_set1_epi32(s));
        __m512i step = _mm512_set1_epi32(s),
                a = _mm512_mask_add_epi32(lane, odd, lane, _mm512_set1_epi32(16 - s)),
                b = _mm512_mask_add_epi32(_mm512_add_epi32(lane, step), odd, lane,
                                          _mm512_set1_epi32(16));
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            if (!(i & s)) {
                __m512i x = r[i], y = r[i + s];
                r[i] = _mm512_permutex2var_epi32(x, a, y);
                r[i + s] = _mm512_permutex2var_epi32(x, b, y);
            }
    }
}

/* n rows of hd floats, d apart, from x (zeros from n to N, a multiple of 32) times scale as rows of
 * bf16, as words of two rows, or turned as words of two columns, `apart` words apart; each may be
 * missing */
static void pack(const float *x, int64_t d, int64_t n, int64_t N, int64_t hd, float scale,
                 uint16_t *rows, uint32_t *pairs, uint32_t *words, int64_t apart)
{
    for (int64_t i = 0; i < N; i += 16)
        for (int64_t c = 0; c < hd; c += 32) {
            __m512i r[16];
            for (int64_t k = 0; k < 16; k += 2) {
                vec none = all(0), v[4] = {none, none, none, none};
                for (int64_t m = 0; m < 2 && i + k + m < n; m++) {
                    v[2 * m] = load(x + (i + k + m) * d + c) * scale;
                    v[2 * m + 1] = load(x + (i + k + m) * d + c + 16) * scale;
                }
                r[k] = (__m512i)_mm512_cvtne2ps_pbh((__m512)v[1], (__m512)v[0]);
                r[k + 1] = (__m512i)_mm512_cvtne2ps_pbh((__m512)v[3], (__m512)v[2]);
                if (rows) {
                    _mm512_storeu_si512(rows + (i + k) * hd + c, r[k]);
                    _mm512_storeu_si512(rows + (i + k + 1) * hd + c, r[k + 1]);
                }
                if (pairs) {
                    _mm512_storeu_si512(pairs + (i + k) / 2 * hd + c, paired(v[0], v[2]));
                    _mm512_storeu_si512(pairs + (i + k) / 2 * hd + c + 16, paired(v[1], v[3]));
                }
            }
            if (!words)
                continue;
            turn16(r);
            for (int64_t k = 0; k < 16; k++)
                _mm512_storeu_si512(words + (c / 2 + k) * apart + i, r[k]);
        }
}

/* 32 rows of hd floats, d apart, n of them there, turned: out [hd x 32] bf16 */
static void pack_turned(const float *x, int64_t d, int64_t n, int64_t hd, float scale,
                        uint16_t *out)
{
    for (int64_t c = 0; c < hd; c += 16) {
        __m512i r[16];
        for (int64_t k = 0; k < 16; k++) {
            vec a = 2 * k < n ? load(x + 2 * k * d + c) * scale : all(0);
            vec b = 2 * k + 1 < n ? load(x + (2 * k + 1) * d + c) * scale : all(0);
            r[k] = paired(a, b);
        }
        turn16(r);
        for (int64_t k = 0; k < 16; k++)
            _mm512_storeu_si512(out + (c + k) * 32, r[k]);
    }
}

/* the first n columns of x [hd x .], `apart` apart, added to rows of out, d apart, and set to zero
 */
static void give(float *x, int64_t apart, int64_t n, int64_t hd, float *out, int64_t d)
{
    for (int64_t i = 0; i < n; i += 16)
        for (int64_t c = 0; c < hd; c += 16) {
            __m512i r[16];
            for (int64_t k = 0; k < 16; k++) {
                r[k] = _mm512_loadu_si512(x + (c + k) * apart + i);
                _mm512_storeu_si512(x + (c + k) * apart + i, _mm512_setzero_si512());
            }
            turn16(r);
            for (int64_t k = 0; k < 16 && i + k < n; k++) {
                float *p = out + (i + k) * d + c;
                store(p, load(p) + (vec)r[k]);
            }
        }
}

static int64_t row_of(int64_t keys)
{
    return up(keys) + 32 + 16; /* A and B are filled up each; not a power of two apart */
}

size_t amx_room(const struct job *j, int64_t keys)
{
    return (size_t)(row_of(keys) * (4 * j->hd + 4 * ROWS) + 2 * ROWS * j->hd);
}

/* e^x for x at least -87 (below: as if it were), relative error under 3e-7: the polynomial of
 * vexp in ops.c with half of its instructions, as no e^x here needs to be 0 */
static inline __attribute__((always_inline)) __m512 power(__m512 x)
{
    x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_scalef_ps(p, n);
}

/* scores that are not to be seen: behind na of A's NA and behind sees of B's */
static void hide(float *p, int64_t na, int64_t NA, int64_t sees, int64_t N)
{
    for (int64_t c = na; c < NA; c++)
        p[c] = -1e30f;
    for (int64_t c = NA + sees; c < N; c++)
        p[c] = -1e30f;
}

/* where head h is asked what it gives, or -1 */
static int64_t place_of(const struct point *m, int64_t h, int64_t query)
{
    return m->head == h ? m->at[query] : -1;
}

void amx_head(const struct job *j, int64_t h, int64_t from, int64_t to, float *memory, int64_t keys)
{
    int64_t hd = j->hd, d = j->heads * hd, off = h * hd, ld = row_of(keys);
    float scale = 1.0f / sqrtf((float)hd);
    float *dk = memory, *dv = dk + hd * ld, *s = dv + hd * ld, *dp = s + ROWS * ld;
    uint32_t *k_words = (uint32_t *)(dp + ROWS * ld), *v_words = k_words + hd / 2 * ld,
             *k_pairs = v_words + hd / 2 * ld, *v_pairs = k_pairs + hd / 2 * ld,
             *p_pairs = v_pairs + hd / 2 * ld, *e_pairs = p_pairs + ROWS / 2 * ld;
    uint16_t *left = (uint16_t *)(e_pairs + ROWS / 2 * ld), *q_rows = left + ROWS * ld,
             *q_turned = q_rows + ROWS * hd, *o_rows = q_turned + ROWS * hd,
             *o_turned = o_rows + ROWS * hd;
    _tile_loadconfig(&SHAPE);
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040); /* what is next to nothing is nothing: denormal numbers take a
                                  hundred times as long */
    if (j->back)
        memset(dk, 0, (size_t)(2 * hd * ld) * sizeof *dk);
    int64_t have = -1;
    for (int64_t g = from; g < to; g++) {
        const struct group *u = &j->groups[g];
        int64_t na = u->na, NA = up(na), NB = up(u->nb);
        if (na && have != u->a_row) {
            pack(j->ka + u->a_row * d + off, d, na, NA, hd, 1, NULL, j->back ? k_pairs : NULL,
                 k_words, ld);
            pack(j->va + u->a_row * d + off, d, na, NA, hd, 1, NULL, j->back ? NULL : v_pairs,
                 j->back ? v_words : NULL, ld);
            have = u->a_row;
        }
        if (u->nb) {
            pack(j->kb + u->b_row * d + off, d, u->nb, NB, hd, 1, NULL,
                 j->back ? k_pairs + NA / 2 * hd : NULL, k_words + NA, ld);
            pack(j->vb + u->b_row * d + off, d, u->nb, NB, hd, 1, NULL,
                 j->back ? NULL : v_pairs + NA / 2 * hd, j->back ? v_words + NA : NULL, ld);
        }
        for (int64_t first = 0; first < u->nq; first += ROWS) {
            int64_t rows = u->nq - first < ROWS ? u->nq - first : ROWS, q0 = u->q_row + first;
            int64_t most = 0;
            for (int64_t i = 0; u->nb && i < rows; i++)
                most = j->sees[q0 + i] > most ? j->sees[q0 + i] : most;
            int64_t N = NA + up(most);
            const float *q = j->q + q0 * d + off, *dout = j->back ? j->dout + q0 * d + off : NULL;
            pack(q, d, rows, ROWS, hd, scale, q_rows, NULL, NULL, 0);
            product(0, ROWS, N, hd, q_rows, hd, k_words, ld, s, ld);
            if (!j->back) {
                float by[ROWS];
                for (int64_t i = 0; i < ROWS; i++) {
                    float *p = s + i * ld;
                    uint16_t *to = left + i * ld;
                    if (i >= rows) {
                        memset(to, 0, (size_t)N * sizeof *to);
                        continue;
                    }
                    hide(p, na, NA, u->nb ? j->sees[q0 + i] : 0, N);
                    __m512 top = _mm512_loadu_ps(p), sum = _mm512_setzero_ps();
                    for (int64_t c = 16; c < N; c += 16)
                        top = _mm512_max_ps(top, _mm512_loadu_ps(p + c));
                    float shift = _mm512_reduce_max_ps(top);
                    for (int64_t c = 0; c < N; c += 16) {
                        __m512 x =
                            power(_mm512_sub_ps(_mm512_loadu_ps(p + c), _mm512_set1_ps(shift)));
                        sum = _mm512_add_ps(sum, x);
                        _mm256_storeu_si256((__m256i *)(to + c), narrow((vec)x));
                    }
                    float z = _mm512_reduce_add_ps(sum);
                    by[i] = 1 / z;
                    j->lse[(q0 + i) * j->heads + h] = shift + logf(z);
                    for (int64_t m = 0; m < j->n_points; m++) {
                        int64_t at = place_of(&j->points[m], h, q0 + i);
                        if (at >= 0)
                            j->points[m].share[q0 + i] = expf(p[at] - shift) / z;
                    }
                }
                product(0, ROWS, hd, N, left, ld, v_pairs, hd, dp, hd);
                for (int64_t i = 0; i < rows; i++)
                    for (int64_t c = 0; c < hd; c += 16)
                        store(j->o + (q0 + i) * d + off + c, load(dp + i * hd + c) * by[i]);
                continue;
            }
            pack_turned(q, d, rows, hd, scale, q_turned);
            pack(dout, d, rows, ROWS, hd, 1, o_rows, NULL, NULL, 0);
            pack_turned(dout, d, rows, hd, 1, o_turned);
            product(0, ROWS, N, hd, o_rows, hd, v_words, ld, dp, ld);
            float shift[ROWS], delta[ROWS];
            for (int64_t i = 0; i < ROWS; i++) {
                float *p = s + i * ld, *e = dp + i * ld;
                if (i >= rows) { /* e^-87 of what is not there is nothing */
                    shift[i] = 1e30f, delta[i] = 0;
                    continue;
                }
                const float *o = j->o + (q0 + i) * d + off;
                hide(p, na, NA, u->nb ? j->sees[q0 + i] : 0, N);
                shift[i] = j->lse[(q0 + i) * j->heads + h];
                vec sum = all(0);
                for (int64_t c = 0; c < hd; c += 16)
                    sum += load(dout + i * d + c) * load(o + c);
                delta[i] = _mm512_reduce_add_ps((__m512)sum);
                for (int64_t m = 0; m < j->n_points; m++) {
                    int64_t at = place_of(&j->points[m], h, q0 + i);
                    if (at >= 0) {
                        e[at] += j->points[m].dshare[q0 + i];
                        delta[i] += expf(p[at] - shift[i]) * j->points[m].dshare[q0 + i];
                    }
                }
            }
            for (int64_t i = 0; i < ROWS; i += 2)
                for (int64_t c = 0; c < N; c += 16) {
                    vec p[2], e[2];
                    for (int k = 0; k < 2; k++) {
                        vec x = load(s + (i + k) * ld + c) - shift[i + k];
                        p[k] = (vec)power((__m512)x);
                        e[k] = (load(dp + (i + k) * ld + c) - delta[i + k]) * p[k];
                        _mm256_storeu_si256((__m256i *)(left + (i + k) * ld + c), narrow(e[k]));
                    }
                    _mm512_storeu_si512(p_pairs + i / 2 * ld + c, paired(p[0], p[1]));
                    _mm512_storeu_si512(e_pairs + i / 2 * ld + c, paired(e[0], e[1]));
                }
            product(1, hd, N, ROWS, q_turned, ROWS, e_pairs, ld, dk, ld);
            product(1, hd, N, ROWS, o_turned, ROWS, p_pairs, ld, dv, ld);
            product(0, ROWS, hd, N, left, ld, k_pairs, hd, s, hd);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t c = 0; c < hd; c += 16)
                    store(j->dq + (q0 + i) * d + off + c, load(s + i * hd + c) * scale);
        }
        if (!j->back)
            continue;
        if (u->nb) {
            give(dk + NA, ld, u->nb, hd, j->dkb + u->b_row * d + off, d);
            give(dv + NA, ld, u->nb, hd, j->dvb + u->b_row * d + off, d);
        }
        if (na && (g + 1 == to || j->groups[g + 1].a_row != u->a_row || !j->groups[g + 1].na)) {
            give(dk, ld, na, hd, j->dka + u->a_row * d + off, d);
            give(dv, ld, na, hd, j->dva + u->a_row * d + off, d);
        }
    }
    _mm_setcsr(mode);
    _tile_release();
}
#else
int amx_ready(void)
{
    return 0;
}
size_t amx_room(const struct job *j, int64_t keys)
{
    return plain_room(j, keys);
}
void amx_head(const struct job *j, int64_t h, int64_t from, int64_t to, float *memory, int64_t keys)
{
    plain_head(j, h, from, to, memory, keys);
}
#endif
