/* allocator.c: the account that all memory of an engine and its sessions goes through, its budget,
 * and the allocator that rooms above the engine borrow. */
#include "base/checked.h"
#include "engine/engine.h"
#include "vlm_tools.h"

static void note_peak(struct vlm_account *a, uint64_t used)
{
    uint64_t peak = atomic_load(&a->peak);
    while (used > peak && !atomic_compare_exchange_weak(&a->peak, &peak, used))
        continue;
}

static void *account_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct vlm_account *a = ctx;
    if (new_size > old_size) {
        uint64_t more = new_size - old_size, used = atomic_fetch_add(&a->used, more) + more;
        bool fits = a->max == 0 || used <= a->max;
        if (!fits)
            atomic_store(&a->refused, true);
        void *p = fits ? a->hook.resize(a->hook.ctx, ptr, old_size, new_size) : NULL;
        if (p)
            note_peak(a, used);
        else
            atomic_fetch_sub(&a->used, more);
        return p;
    }
    void *p = a->hook.resize(a->hook.ctx, ptr, old_size, new_size);
    if (p || new_size == 0)
        atomic_fetch_sub(&a->used, old_size - new_size);
    return p;
}

vlm_allocator vlm_engine_account_open(struct vlm_account *a, vlm_allocator hook, uint64_t max)
{
    a->hook = hook;
    a->max = max;
    return (vlm_allocator){account_resize, a};
}

int vlm_engine_explain(const vlm_engine *e, int rc, vlm_error *err)
{
    atomic_bool *refused = &((vlm_engine *)(uintptr_t)e)->account.refused;
    if (rc != VLM_ERR_MEMORY || !atomic_exchange(refused, false) || !err)
        return rc;
    const vlm_error before = *err;
    return vlm_fail(err, VLM_ERR_MEMORY, "the memory budget of %llu bytes is used up: %.160s",
                    (unsigned long long)e->account.max, before.message);
}

const vlm_allocator *vlm_engine_allocator(const vlm_engine *engine)
{
    return &engine->alloc;
}

void vlm_engine_memory(const vlm_engine *engine, uint64_t *used, uint64_t *peak)
{
    *used = atomic_load(&engine->account.used);
    *peak = atomic_load(&engine->account.peak);
}
