/* pool.h: the threads of one engine.  The caller is thread 0; the others spin briefly, then sleep.
 */
#ifndef VLM_BASE_POOL_H
#define VLM_BASE_POOL_H

#include "base/status.h"

struct vlm_pool;

/* n_threads >= 1.  Threads are created here; if one cannot be, the call fails and nothing stays. */
int vlm_pool_open(struct vlm_pool **out, const vlm_allocator *alloc, int n_threads, vlm_error *err);
void vlm_pool_close(struct vlm_pool *pool); /* NULL allowed */
int vlm_pool_size(const struct vlm_pool *pool);
/* Runs fn(ctx, task, thread) once for each task in [0, n_tasks), on any thread, and returns when
 * all are done.  Tasks are handed out one by one: results must not depend on who runs what.  One
 * run at a time; fn must not call run. */
void vlm_pool_run(struct vlm_pool *pool, void (*fn)(void *ctx, size_t task, int thread), void *ctx,
                  size_t n_tasks);

#endif
