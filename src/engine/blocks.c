/* blocks.c: key/value blocks of sessions, shared by what they hold.
 *
 * The rule.  A block that more than one table holds, or that is offered to others, is never written
 * to: whoever must write behind its beginning takes a copy first, in sync, fork or score, so that a
 * step takes no memory.  What lies behind a session's computed positions is always its own.
 *
 * A full block's key is a hash over the block before it, what stands at its positions, the cache's
 * type and the tenant; equal keys, equal keys and values.  Blocks that are offered and that no
 * table holds are idle: they stay while all of them together take no more than engine option
 * max_prompts, the least recently used go first, and all go before a call fails for lack of memory.
 */
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "engine/session.h"

/* ---- the table of blocks that are offered; the lock is held ---- */

static struct vlm_kv_block **bucket(struct vlm_blocks *c, const uint8_t key[32])
{
    return &c->buckets[(key[0] | (size_t)key[1] << 8) % VLM_BLOCK_BUCKETS];
}

static void link_idle(struct vlm_blocks *c, struct vlm_kv_block *b)
{
    b->older = c->newest;
    b->newer = NULL;
    *(c->newest ? &c->newest->newer : &c->oldest) = b;
    c->newest = b;
    c->idle_bytes += b->buffer.bytes;
}

static void unlink_idle(struct vlm_blocks *c, struct vlm_kv_block *b)
{
    *(b->newer ? &b->newer->older : &c->newest) = b->older;
    *(b->older ? &b->older->newer : &c->oldest) = b->newer;
    b->newer = b->older = NULL;
    c->idle_bytes -= b->buffer.bytes;
}

static void forget(struct vlm_blocks *c, struct vlm_kv_block *b)
{
    struct vlm_kv_block **at = bucket(c, b->key);
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    b->next = NULL;
    b->shared = false;
}

/* Idle ones beyond the budget go, from the oldest on. */
static void shrink(vlm_engine *e, uint64_t budget)
{
    struct vlm_blocks *c = &e->blocks;
    while (c->oldest && c->idle_bytes > budget) {
        struct vlm_kv_block *b = c->oldest;
        unlink_idle(c, b);
        forget(c, b);
        vlm_kv_block_release(b, e->model, e->backend);
    }
}

/* One more table holds it. */
static struct vlm_kv_block *hold(struct vlm_blocks *c, struct vlm_kv_block *b)
{
    if (b->shared && atomic_load(&b->owners) == 1)
        unlink_idle(c, b);
    atomic_fetch_add(&b->owners, 1);
    return b;
}

static void let_go(vlm_engine *e, struct vlm_kv_block *b)
{
    if (b->shared && atomic_load(&b->owners) == 2)
        link_idle(&e->blocks, b);
    vlm_kv_block_release(b, e->model, e->backend);
}

static struct vlm_kv_block *find(struct vlm_blocks *c, const uint8_t key[32])
{
    struct vlm_kv_block *b = *bucket(c, key);
    while (b && memcmp(b->key, key, sizeof b->key) != 0)
        b = b->next;
    return b;
}

/* Only one table holds it, and it is offered. */
static bool lonely(const struct vlm_kv_block *b)
{
    return b->shared && atomic_load(&b->owners) == 2;
}

static void withdraw(struct vlm_blocks *c, struct vlm_kv_block *b)
{
    forget(c, b);
    atomic_fetch_sub(&b->owners, 1);
}

/* ---- tables ---- */

void vlm_engine_blocks_free(vlm_engine *e, struct vlm_kv *kv)
{
    pthread_mutex_lock(&e->blocks.lock);
    for (size_t i = kv->n_blocks; i-- > 0;) /* a beginning is worth more than what follows it */
        if (kv->blocks[i])
            let_go(e, kv->blocks[i]);
    shrink(e, e->blocks.budget);
    pthread_mutex_unlock(&e->blocks.lock);
    kv->n_blocks = 0;
    vlm_kv_free(kv, e->model, e->backend);
}

bool vlm_engine_make_room(vlm_engine *e, const struct vlm_kv *kv)
{
    bool any = vlm_engine_drop_idle(e);
    pthread_mutex_lock(&e->blocks.lock);
    for (size_t i = 0; i < kv->n_blocks; i++)
        if (lonely(kv->blocks[i])) {
            withdraw(&e->blocks, kv->blocks[i]);
            any = true;
        }
    pthread_mutex_unlock(&e->blocks.lock);
    return any;
}

bool vlm_engine_blocks_drop_idle(vlm_engine *e)
{
    pthread_mutex_lock(&e->blocks.lock);
    bool any = e->blocks.idle_bytes > 0;
    shrink(e, 0);
    pthread_mutex_unlock(&e->blocks.lock);
    return any;
}

/* The session's blocks from first on that will be idle once it has another table must fit into the
 * budget, beside the memory of that table: those that cannot become its own again, and for the
 * others older ones go now. */
static void make_way(vlm_engine *e, const struct vlm_kv *old, size_t first)
{
    struct vlm_blocks *c = &e->blocks;
    uint64_t bytes = 0;
    for (size_t i = first; i < old->n_blocks; i++) {
        struct vlm_kv_block *b = old->blocks[i];
        if (!lonely(b))
            continue;
        if (bytes + b->buffer.bytes > c->budget)
            withdraw(c, b);
        else
            bytes += b->buffer.bytes;
    }
    if (bytes > 0)
        shrink(e, c->budget - bytes);
}

/* Takes over what need not be made: blocks [0, *n_same) hold what they shall hold; then those of
 * old that may be written to. */
static void take_blocks(vlm_engine *e, struct vlm_kv *kv, size_t *n_same,
                        const struct vlm_kv_wish *w)
{
    const struct vlm_kv *old = w->old;
    size_t n = w->n_kept / VLM_KV_BLOCK, kept = n;
    struct vlm_kv_block *b;
    pthread_mutex_lock(&e->blocks.lock);
    for (size_t i = 0; i < n; i++)
        vlm_kv_put(kv, i, hold(&e->blocks, old->blocks[i]));
    for (; n < w->n_keys && n < kv->n_blocks && (b = find(&e->blocks, w->keys[n])); n++)
        vlm_kv_put(kv, n, hold(&e->blocks, b));
    *n_same = n;
    if (w->own) {
        make_way(e, old, kept);
        bool partial = n == kept && w->n_kept % VLM_KV_BLOCK != 0;
        for (size_t i = kept; i < old->n_blocks && n < kv->n_blocks; i++) {
            b = old->blocks[i];
            bool writable = !b->shared && atomic_load(&b->owners) == 1;
            if (partial && i == kept && !writable)
                n++; /* a copy's place */
            if (writable)
                vlm_kv_put(kv, n++, hold(&e->blocks, b));
        }
    }
    pthread_mutex_unlock(&e->blocks.lock);
}

int vlm_engine_blocks_table(vlm_engine *e, struct vlm_kv *out, size_t *n_held,
                            const struct vlm_kv_wish *w, vlm_error *err)
{
    size_t n = vlm_kv_blocks(w->n_positions), n_same = 0, kept = w->n_kept / VLM_KV_BLOCK;
    struct vlm_kv kv = {.type = w->old->type};
    int rc = vlm_kv_reserve(&kv, e->model, n, err);
    if (rc == VLM_OK && n > 0) {
        memset(kv.blocks, 0, n * sizeof *kv.blocks);
        kv.n_blocks = n;
        take_blocks(e, &kv, &n_same, w);
    }
    for (size_t i = n_same; rc == VLM_OK && i < n; i++) {
        struct vlm_kv_block *b;
        if (kv.blocks[i])
            continue;
        rc = vlm_kv_block_make(&b, e->model, e->backend, kv.type, err);
        if (rc < 0)
            break;
        if (i == kept && n_same == kept && w->n_kept % VLM_KV_BLOCK != 0)
            memcpy(b->buffer.data, w->old->blocks[i]->buffer.data, b->buffer.bytes);
        vlm_kv_put(&kv, i, b);
    }
    if (rc < 0) {
        vlm_engine_blocks_free(e, &kv);
        return rc;
    }
    *n_held = vlm_max_size(w->n_kept, n_same * VLM_KV_BLOCK);
    *out = kv;
    return VLM_OK;
}

int vlm_engine_blocks_rewrite(vlm_session *s, size_t n_kept, size_t n_positions, vlm_error *err)
{
    vlm_engine *e = s->engine;
    struct vlm_kv kv;
    struct vlm_kv_wish w = {.old = &s->kv,
                            .own = true,
                            .n_kept = n_kept,
                            .n_positions =
                                vlm_max_size(n_positions, s->kv.n_blocks * VLM_KV_BLOCK)};
    int rc = vlm_engine_blocks_table(e, &kv, &n_kept, &w, err);
    if (rc == VLM_ERR_MEMORY && vlm_engine_make_room(e, &s->kv))
        rc = vlm_engine_blocks_table(e, &kv, &n_kept, &w, err);
    if (rc < 0)
        return rc;
    vlm_engine_blocks_free(e, &s->kv);
    s->kv = kv;
    s->n_offered = vlm_min_size(s->n_offered, n_kept / VLM_KV_BLOCK);
    s->time.n_keys = vlm_min_size(s->time.n_keys, n_kept / VLM_KV_BLOCK);
    return VLM_OK;
}

/* ---- keys ---- */

static void add_u32(struct vlm_sha256 *h, uint32_t v)
{
    const uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
                              (uint8_t)(v >> 24)};
    vlm_sha256_add(h, bytes, sizeof bytes);
}

static void add_picture(struct vlm_sha256 *h, const struct vlm_picture_key *key)
{
    const struct vlm_tile_plan *p = &key->plan; /* what vlm_engine_same_picture compares */
    const uint32_t plan[] = {p->rows,   p->cols,        p->width,
                             p->height, p->step1_width, p->step1_height};
    vlm_sha256_add(h, key->hash, sizeof key->hash);
    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++)
        add_u32(h, plan[i]);
}

void vlm_engine_block_key(const vlm_session *s, struct vlm_timeline *t, size_t i)
{
    struct vlm_sha256 h;
    uint32_t picture = 0; /* the one that was spelt out last */
    vlm_sha256_init(&h);
    if (i == 0) {
        add_u32(&h, s->kv.type);
        vlm_sha256_add(&h, s->tenant, sizeof s->tenant);
    } else {
        vlm_sha256_add(&h, t->keys[i - 1], sizeof t->keys[i - 1]);
    }
    for (size_t k = i * VLM_KV_BLOCK; k < (i + 1) * VLM_KV_BLOCK; k++) {
        const struct vlm_position *p = &t->positions[k];
        add_u32(&h, (uint32_t)p->id);
        add_u32(&h, p->picture == 0 ? 0 : p->picture == picture ? 1 : 2);
        add_u32(&h, p->token);
        if (p->picture && p->picture != picture)
            add_picture(&h, &t->pictures[p->picture - 1].key);
        picture = p->picture;
    }
    vlm_sha256_end(&h, t->keys[i]);
}

/* Offers block i, or takes the equal one that another session was first with. */
static void offer(vlm_engine *e, struct vlm_kv *kv, size_t i, const uint8_t key[32])
{
    struct vlm_kv_block *b = kv->blocks[i];
    pthread_mutex_lock(&e->blocks.lock);
    struct vlm_kv_block *first = b->shared ? b : find(&e->blocks, key);
    if (!first) {
        struct vlm_kv_block **at = bucket(&e->blocks, key);
        memcpy(b->key, key, sizeof b->key);
        b->shared = true;
        b->next = *at;
        *at = b;
        atomic_fetch_add(&b->owners, 1);
    } else if (first != b) {
        vlm_kv_put(kv, i, hold(&e->blocks, first));
        let_go(e, b);
    }
    pthread_mutex_unlock(&e->blocks.lock);
}

void vlm_engine_blocks_offer(vlm_session *s)
{
    struct vlm_timeline *t = &s->time;
    if (s->aside || s->loaded)
        return;
    for (size_t n = s->n_done / VLM_KV_BLOCK; s->n_offered < n; s->n_offered++) {
        if (s->n_offered == t->n_keys)
            vlm_engine_block_key(s, t, t->n_keys++);
        offer(s->engine, &s->kv, s->n_offered, t->keys[s->n_offered]);
    }
}
