/* features.c: what the tower made of pictures, or will make, by the picture's content.
 *
 * The rule.  A session holds the features of its pictures from sync until its prompt is read; then
 * nobody needs them but a later question.  Features that no session holds are idle: they stay while
 * all idle ones together take no more than engine option max_features, the least recently used go
 * first, and all go before a sync fails for lack of memory.  So an engine's features never take
 * more than the prompts being read need, and that.  Those that are not encoded yet are found like
 * others, so that sessions with the same picture wait for one encoding; they are never idle: with
 * the last session that holds them they go.
 *
 * Frames with the same pixels have the same features, wherever they stand: the tower sees one of
 * them.  Pages have margins and gaps, so most such frames are of one colour, and those are known by
 * it after their pixels are gone. */
#include <string.h>

#include "engine/engine.h"

static void unlink_feature(struct vlm_features *c, struct vlm_feature *f)
{
    *(f->newer ? &f->newer->older : &c->newest) = f->older;
    *(f->older ? &f->older->newer : &c->oldest) = f->newer;
    f->newer = f->older = NULL;
}

static void link_newest(struct vlm_features *c, struct vlm_feature *f)
{
    f->older = c->newest;
    f->newer = NULL;
    *(c->newest ? &c->newest->newer : &c->oldest) = f;
    c->newest = f;
}

void vlm_engine_feature_discard(vlm_engine *e, struct vlm_feature *f)
{
    vlm_mem_free(&e->alloc, f->frames);
    vlm_mem_free(&e->alloc, f->colours);
    vlm_mem_free(&e->alloc, f->data);
    vlm_mem_free(&e->alloc, f);
}

static void drop_idle(vlm_engine *e, struct vlm_feature *f)
{
    unlink_feature(&e->features, f);
    e->features.idle_bytes -= f->bytes;
    vlm_engine_feature_discard(e, f);
}

/* Idle ones beyond the budget go, from the oldest on. */
static void shrink(vlm_engine *e, uint64_t budget)
{
    struct vlm_feature *next;
    for (struct vlm_feature *f = e->features.oldest; f && e->features.idle_bytes > budget;
         f = next) {
        next = f->newer;
        if (f->users == 0)
            drop_idle(e, f);
    }
}

static struct vlm_feature *find(struct vlm_features *c, const uint8_t tenant[32],
                                const struct vlm_picture_key *key)
{
    struct vlm_feature *f = c->newest;
    while (f && (memcmp(f->tenant, tenant, sizeof f->tenant) != 0 ||
                 !vlm_engine_same_picture(&f->key, key)))
        f = f->older;
    if (!f)
        return NULL;
    if (f->users++ == 0)
        c->idle_bytes -= f->bytes;
    unlink_feature(c, f);
    link_newest(c, f);
    return f;
}

bool vlm_engine_same_picture(const struct vlm_picture_key *a, const struct vlm_picture_key *b)
{
    return memcmp(a->hash, b->hash, sizeof a->hash) == 0 && a->plan.rows == b->plan.rows &&
           a->plan.cols == b->plan.cols && a->plan.width == b->plan.width &&
           a->plan.height == b->plan.height && a->plan.step1_width == b->plan.step1_width &&
           a->plan.step1_height == b->plan.step1_height;
}

struct vlm_feature *vlm_engine_feature_find(vlm_engine *e, const uint8_t tenant[32],
                                            const struct vlm_picture_key *key)
{
    pthread_mutex_lock(&e->features.lock);
    struct vlm_feature *f = find(&e->features, tenant, key);
    pthread_mutex_unlock(&e->features.lock);
    return f;
}

struct vlm_feature *vlm_engine_feature_make(vlm_engine *e, const uint8_t tenant[32],
                                            const struct vlm_picture_key *key, size_t n_tokens,
                                            size_t frame_bytes, vlm_error *err)
{
    size_t bytes = n_tokens * e->config.text.hidden * sizeof(float);
    struct vlm_feature *f = vlm_mem_zalloc(&e->alloc, 1, sizeof *f);
    if (!f) {
        vlm_fail_memory(err, sizeof *f, "image features");
        return NULL;
    }
    memcpy(f->tenant, tenant, sizeof f->tenant);
    f->key = *key;
    f->bytes = bytes;
    f->users = 1;
    f->data = vlm_mem_alloc(&e->alloc, bytes, 1);
    f->frames = frame_bytes ? vlm_mem_alloc(&e->alloc, frame_bytes, 1) : NULL;
    f->colours = vlm_mem_zalloc(&e->alloc, key->plan.n_frames, sizeof *f->colours);
    f->n_begun = frame_bytes ? 0 : key->plan.n_frames;
    atomic_init(&f->n_encoded, f->n_begun);
    if (f->data && f->colours && (f->frames || frame_bytes == 0))
        return f;
    vlm_fail_memory(err, bytes + frame_bytes, "image features and tiles");
    vlm_engine_feature_discard(e, f);
    return NULL;
}

void vlm_engine_feature_cut(struct vlm_feature *f, size_t frame_bytes)
{
    for (size_t i = 0; i < f->key.plan.n_frames; i++) {
        const uint8_t *p = f->frames + i * frame_bytes;
        if (memcmp(p, p + 3, frame_bytes - 3) == 0) /* each pixel is the one before */
            f->colours[i] = 1u << 24 | (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    }
}

/* The features of an encoded frame of this colour, or NULL. */
static const float *of_colour(const struct vlm_feature *f, uint32_t colour, size_t n_floats)
{
    size_t n = atomic_load(&f->n_encoded);
    for (size_t i = 0; i < n; i++)
        if (f->colours[i] == colour)
            return f->data + i * n_floats;
    return NULL;
}

bool vlm_engine_feature_copy(vlm_engine *e, struct vlm_feature *f, size_t frame_bytes)
{
    size_t i = f->n_begun, n_floats = (size_t)e->config.image_seq_len * e->config.text.hidden;
    float *to = f->data + i * n_floats;
    for (size_t k = 0; k < i; k++)
        if (memcmp(f->frames + k * frame_bytes, f->frames + i * frame_bytes, frame_bytes) == 0) {
            memcpy(to, f->data + k * n_floats, n_floats * sizeof *to);
            return true;
        }
    if (!f->colours[i])
        return false;
    const float *from = NULL;
    pthread_mutex_lock(&e->features.lock); /* none goes meanwhile */
    for (struct vlm_feature *o = e->features.newest; o && !from; o = o->older)
        if (memcmp(o->tenant, f->tenant, sizeof f->tenant) == 0 && o->of_video == f->of_video)
            from = of_colour(o, f->colours[i], n_floats);
    if (from)
        memcpy(to, from, n_floats * sizeof *to);
    pthread_mutex_unlock(&e->features.lock);
    return from != NULL;
}

/* Another session may have cut the same picture meanwhile: one of the two stays. */
struct vlm_feature *vlm_engine_feature_add(vlm_engine *e, struct vlm_feature *f)
{
    pthread_mutex_lock(&e->features.lock);
    struct vlm_feature *other = find(&e->features, f->tenant, &f->key);
    if (!other)
        link_newest(&e->features, f);
    pthread_mutex_unlock(&e->features.lock);
    if (!other)
        return f;
    vlm_engine_feature_discard(e, f);
    return other;
}

struct vlm_feature *vlm_engine_feature_hold(vlm_engine *e, struct vlm_feature *f)
{
    if (!f)
        return NULL;
    pthread_mutex_lock(&e->features.lock);
    f->users++;
    pthread_mutex_unlock(&e->features.lock);
    return f;
}

void vlm_engine_feature_release(vlm_engine *e, struct vlm_feature *f)
{
    if (!f)
        return;
    bool unfinished = false;
    pthread_mutex_lock(&e->features.lock);
    if (--f->users == 0) {
        unfinished = atomic_load(&f->n_encoded) < f->key.plan.n_frames;
        if (unfinished) {
            unlink_feature(&e->features, f);
        } else {
            e->features.idle_bytes += f->bytes;
            shrink(e, e->features.budget);
        }
    }
    pthread_mutex_unlock(&e->features.lock);
    if (unfinished)
        vlm_engine_feature_discard(e, f);
}

bool vlm_engine_features_drop_idle(vlm_engine *e)
{
    pthread_mutex_lock(&e->features.lock);
    bool any = e->features.idle_bytes > 0;
    shrink(e, 0);
    pthread_mutex_unlock(&e->features.lock);
    return any;
}
