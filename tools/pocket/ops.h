/* ops.h: what the files of ops.c share: the arguments of attention, vectors, e^x */
#ifndef POCKET_OPS_H
#define POCKET_OPS_H
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
enum { W = 16 };
#else
enum { W = 8 };
#endif
typedef float vec __attribute__((vector_size(4 * W), aligned(4)));
typedef int32_t ivec __attribute__((vector_size(4 * W)));

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

static inline __attribute__((always_inline)) vec load(const float *p)
{
    return *(const vec *)p;
}
static inline __attribute__((always_inline)) void store(float *p, vec x)
{
    *(vec *)p = x;
}
static inline __attribute__((always_inline)) vec all(float x)
{
    return (vec){0} + x;
}

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

/* one head of the groups from .. to, which see `keys` rows at most; memory: so many floats, 64
 * bytes aligned, as room says. plain: in fp32; amx: products of bf16 factors, for processors that
 * have them */
size_t plain_room(const struct job *j, int64_t keys);
void plain_head(const struct job *j, int64_t h, int64_t from, int64_t to, float *memory,
                int64_t keys);
int amx_ready(void);
size_t amx_room(const struct job *j, int64_t keys);
void amx_head(const struct job *j, int64_t h, int64_t from, int64_t to, float *memory,
              int64_t keys);
#endif
