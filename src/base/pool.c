/* pool.c: a fork-join pool.  One word says which run there is, whether it is open, and how many
 * workers are in it; one counter hands out tasks.  A worker enters a run only while it is open, and
 * the caller closes it when the tasks have been handed out: it waits for those who entered, never
 * for one that is still asleep or has no core.  Workers spin for a while before they sleep, because
 * a forward pass starts a run every few microseconds; they never spin while the engine is idle for
 * long. */
#include "base/pool.h"

#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

#define SPINS 4000 /* about 50 microseconds */
#define OPEN (UINT64_C(1) << 31)
#define IN (OPEN - 1)
#define RUN(state) ((uint32_t)((state) >> 32))

struct worker {
    struct vlm_pool *pool;
    pthread_t thread;
    int index;
};

struct vlm_pool {
    const vlm_allocator *alloc;
    int n_threads;
    int n_started; /* workers that exist: n_threads - 1 once open */
    void (*fn)(void *, size_t, int);
    void *ctx;
    size_t n_tasks;
    _Alignas(64) atomic_size_t next_task;
    _Alignas(64) atomic_uint_fast64_t state; /* run << 32 | OPEN | workers in it */
    _Alignas(64) atomic_bool stop;
    atomic_int n_sleeping;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct worker workers[];
};

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(struct vlm_pool *p, int thread)
{
    for (;;) {
        size_t task = atomic_fetch_add_explicit(&p->next_task, 1, memory_order_relaxed);
        if (task >= p->n_tasks)
            return;
        p->fn(p->ctx, task, thread);
    }
}

/* There is a run to enter, or none will come any more. */
static bool awaited(struct vlm_pool *p, uint32_t seen)
{
    uint64_t state = atomic_load(&p->state);
    return ((state & OPEN) && RUN(state) != seen) || atomic_load(&p->stop);
}

/* Who was woken spins again before it sleeps: the run it was woken for may be over, the next is
 * near. */
static void wait_for_run(struct vlm_pool *p, uint32_t seen)
{
    for (;;) {
        for (int i = 0; i < SPINS; i++) {
            if (awaited(p, seen))
                return;
            pause_cpu();
        }
        pthread_mutex_lock(&p->lock);
        atomic_fetch_add(&p->n_sleeping, 1);
        if (!awaited(p, seen))
            pthread_cond_wait(&p->wake, &p->lock);
        atomic_fetch_sub(&p->n_sleeping, 1);
        pthread_mutex_unlock(&p->lock);
    }
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct vlm_pool *p = w->pool;
    uint32_t seen = 0;
    fesetenv(FE_DFL_ENV); /* not the mode of whoever opened the pool */
    for (;;) {
        wait_for_run(p, seen);
        if (atomic_load(&p->stop))
            return NULL;
        uint64_t state = atomic_load(&p->state);
        /* fails when the run was closed, or another began, since it was looked at */
        if (!(state & OPEN) || !atomic_compare_exchange_strong(&p->state, &state, state + 1))
            continue;
        seen = RUN(state);
        work(p, w->index);
        atomic_fetch_sub(&p->state, 1);
    }
}

int vlm_pool_open(struct vlm_pool **out, const vlm_allocator *alloc, int n_threads, vlm_error *err)
{
    size_t bytes = sizeof(struct vlm_pool) + (size_t)(n_threads - 1) * sizeof(struct worker);
    struct vlm_pool *p = vlm_mem_zalloc(alloc, 1, bytes);
    if (!p)
        return vlm_fail_memory(err, bytes, "the thread pool");
    p->alloc = alloc;
    p->n_threads = n_threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (int i = 0; i < n_threads - 1; i++) {
        p->workers[i] = (struct worker){.pool = p, .index = i + 1};
        int rc = pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]);
        if (rc != 0) {
            vlm_pool_close(p);
            return vlm_fail_os(err, rc, "cannot start thread %d of %d", i + 2, n_threads);
        }
        p->n_started++;
    }
    *out = p;
    return VLM_OK;
}

void vlm_pool_close(struct vlm_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_started; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    vlm_mem_free(p->alloc, p);
}

int vlm_pool_size(const struct vlm_pool *p)
{
    return p->n_threads;
}

void vlm_pool_run(struct vlm_pool *p, void (*fn)(void *, size_t, int), void *ctx, size_t n_tasks)
{
    if (n_tasks == 0)
        return;
    if (p->n_threads == 1 || n_tasks == 1) {
        for (size_t i = 0; i < n_tasks; i++)
            fn(ctx, i, 0);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    p->n_tasks = n_tasks;
    atomic_store(&p->next_task, 0);
    uint64_t run = (uint64_t)(RUN(atomic_load(&p->state)) + 1u) << 32;
    atomic_store(&p->state, run | OPEN);
    if (atomic_load(&p->n_sleeping) > 0) {
        pthread_mutex_lock(&p->lock); /* a sleeper looks under the lock: no lost wake-up */
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
    work(p, 0);
    atomic_fetch_and(&p->state, ~OPEN);
    for (int i = 0; (atomic_load(&p->state) & IN) != 0; i++) {
        if (i < SPINS * 16)
            pause_cpu();
        else
            sched_yield(); /* more threads than cores: let them finish */
    }
}
