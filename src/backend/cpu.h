/* cpu.h: what the files of the processor's backend share: cpu.c (memory, splitting, operations on
 * rows), linear.c (matrices), attention.c (keys, values). */
#ifndef VLM_BACKEND_CPU_H
#define VLM_BACKEND_CPU_H

#include "backend/backend.h"

struct vlm_backend {
    const vlm_allocator *alloc;
    struct vlm_pool *pool;
    struct vlm_kernels k;
    bool exact;                   /* no rounding of rows before quantised matrices */
    size_t head_dim, n_positions; /* reserved for */
    struct scratch {
        float *attention;    /* vlm_attention_scratch(head_dim) */
        const void **blocks; /* 2 * blocks of n_positions */
    } * threads;
    size_t n_unpack; /* longest row reserved for: */
    float *panels;   /* n_panel floats for each thread */
    size_t n_panel;
    void *rounded; /* rows of struct vlm_q8, from the next 64th byte on */
    size_t bytes;
};

/* Runs fn over parts of [0, n) in steps of grain; work (multiply-adds or so) decides whether that
 * is worth more than one thread. */
void vlm_backend_split(struct vlm_backend *b, void (*fn)(const void *, size_t, size_t, int),
                       const void *op, size_t n, size_t grain, size_t work);

#endif
