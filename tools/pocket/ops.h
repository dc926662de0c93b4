/* ops.h: what the files of ops.c share: the arguments of attention, vectors */
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
