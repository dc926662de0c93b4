/* harness.h: inputs, guarded buffers and verdicts of kernelcheck. */
#ifndef KERNELCHECK_HARNESS_H
#define KERNELCHECK_HARNESS_H

#include "base/half.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define EPS 0x1p-24 /* largest relative error of one float rounding */
#define GUARD 24    /* floats before and after every buffer */
#define MAX_FAILURES 40
#define COUNT(a) (sizeof(a) / sizeof *(a))

struct check {
    struct vlm_kernels k;
    int quick; /* fewer shapes: for an emulator */
    int failures;
    uint64_t random, digest;
};

__attribute__((format(printf, 2, 3))) static void fail(struct check *c, const char *format, ...)
{
    va_list args;
    if (c->failures++ >= MAX_FAILURES)
        return;
    va_start(args, format);
    printf("FAIL %s ", c->k.name);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static uint32_t random_u32(struct check *c) /* splitmix64 */
{
    uint64_t z = c->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

static float random_unit(struct check *c) /* [-1, 1), a multiple of 2^-23 */
{
    return (float)((int32_t)random_u32(c) >> 8) * 0x1p-23f;
}

/* The worst of what a model may hold; all but zeros keep products of any two kinds finite. */
enum kind { PLAIN, LARGE, OUTLIERS, ZEROS, TINY, N_KINDS };
static float random_value(struct check *c, enum kind kind)
{
    float x = random_unit(c);
    switch (kind) {
    case LARGE:
        return x * 1e15f;
    case OUTLIERS:
        return random_u32(c) % 61 == 0 ? x * 3e3f : x * 1e-3f;
    case ZEROS:
        return 0;
    case TINY:
        return x * 1e-30f;
    default:
        return x;
    }
}

/* n floats between guards, all NaNs of one pattern, off elements past a 64-byte boundary */
struct buffer {
    float *memory, *p;
    size_t n;
};
static const uint32_t pattern = 0x7fc5a5a5;

static struct buffer buffer_new(size_t n, size_t off)
{
    struct buffer b = { .n = n };
    size_t total = (n + off + 2 * GUARD + 31) / 16 * 16;
    b.memory = aligned_alloc(64, total * sizeof(float));
    if (!b.memory)
        exit(2);
    for (size_t i = 0; i < total; i++)
        memcpy(b.memory + i, &pattern, 4);
    b.p = b.memory + GUARD + 8 + off; /* GUARD + 8 = 32 */
    return b;
}

static int untouched(const float *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(p + i, &pattern, 4) != 0)
            return 0;
    return 1;
}

static int guards_hold(const struct buffer *b)
{
    return untouched(b->p - GUARD, GUARD) && untouched(b->p + b->n, 8);
}

static void buffer_free(struct buffer *b) { free(b->memory); }

static void fill(struct check *c, float *p, size_t n, enum kind kind)
{
    for (size_t i = 0; i < n; i++)
        p[i] = random_value(c, kind);
}

/* Every vector level on every machine must arrive at one digest of all its outputs. */
static void digest(struct check *c, const float *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        c->digest = (c->digest ^ vlm_f32_to_bits(p[i])) * 0x100000001b3u;
}

static float from_num(const void *p, size_t i, enum vlm_num type)
{
    uint16_t h;
    float f;
    if (type == VLM_NUM_F32) {
        memcpy(&f, (const char *)p + 4 * i, 4);
        return f;
    }
    memcpy(&h, (const char *)p + 2 * i, 2);
    return type == VLM_NUM_F16 ? vlm_f16_to_f32(h) : vlm_bf16_to_f32(h);
}

static void to_num(void *p, size_t i, float x, enum vlm_num type)
{
    uint16_t h = type == VLM_NUM_F16 ? vlm_f32_to_f16(x) : vlm_f32_to_bf16(x);
    if (type == VLM_NUM_F32)
        memcpy((char *)p + 4 * i, &x, 4);
    else
        memcpy((char *)p + 2 * i, &h, 2);
}

static const char *const num_name[] = { "f32", "f16", "bf16" };

#endif
