/* pictures.c: the pictures of a prompt: sync cuts those that must be encoded into frames, steps
 * bring the frames through the tower, a batch a step, in turn among the sessions that wait. */
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/session.h"

int vlm_engine_reserve_vision(vlm_engine *e, vlm_error *err)
{
    return e->vision.alloc ? VLM_OK : vlm_vision_space_open(&e->vision, e->model, e->backend, err);
}

static size_t frame_bytes(const vlm_engine *e)
{
    return (size_t)e->config.image.tile * e->config.image.tile * 3;
}

int vlm_engine_cut(uint8_t *frames, const vlm_engine *e, const struct vlm_prompt_picture *p,
                   const vlm_session_options *o, vlm_error *err)
{
    const struct vlm_image_config config = vlm_engine_image_config(e, o);
    if (p->image)
        return vlm_image_tiles(frames, &p->key.plan, p->image, &config, &e->alloc, err);
    memcpy(frames, p->frame, frame_bytes(e)); /* a video's: cut when it was added */
    return VLM_OK;
}

/* ---- sync: what must be encoded ---- */

static int prepare_picture(vlm_session *s, struct vlm_session_picture *to,
                           const struct vlm_prompt_picture *from, vlm_error *err)
{
    vlm_engine *e = s->engine;
    to->features = vlm_engine_feature_find(e, s->tenant, &to->key);
    if (to->features)
        return VLM_OK;
    struct vlm_feature *f = vlm_engine_feature_load(e, s->tenant, &to->key, to->n_tokens);
    if (f) {
        to->features = vlm_engine_feature_add(e, f);
        return VLM_OK;
    }
    f = vlm_engine_feature_make(e, s->tenant, &to->key, to->n_tokens,
                                to->key.plan.n_frames * frame_bytes(e), err);
    if (!f)
        return VLM_ERR_MEMORY;
    f->of_video = !from->image;
    vlm_engine_feature_files_room(e, f);
    int rc = vlm_engine_cut(f->frames, e, from, &s->options, err);
    if (rc < 0)
        vlm_engine_feature_discard(e, f);
    else {
        vlm_engine_feature_cut(f, frame_bytes(e));
        to->features = vlm_engine_feature_add(e, f);
    }
    return rc;
}

static size_t unfinished(const struct vlm_session_picture *p)
{
    return p->features && !p->again ? p->key.plan.n_frames - atomic_load(&p->features->n_encoded)
                                    : 0;
}

static size_t frames_left(const struct vlm_timeline *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_pictures; i++)
        n += unfinished(&t->pictures[i]);
    return n;
}

int vlm_engine_prepare_pictures(vlm_session *s, struct vlm_timeline *t, const struct vlm_prompt *p,
                                size_t n_cached, vlm_stats *stats, vlm_error *err)
{
    bool need[VLM_LIMIT_PICTURES] = {false};
    double start = vlm_os_now_ms();
    int rc = VLM_OK;
    for (size_t i = n_cached; i < t->n; i++)
        if (t->positions[i].picture)
            need[t->positions[i].picture - 1] = true;
    for (size_t i = 0; rc == VLM_OK && i < t->n_pictures; i++) {
        struct vlm_session_picture *to = &t->pictures[i];
        if (!need[i])
            continue;
        rc = atomic_load(&s->cancel) ? vlm_fail(err, VLM_ERR_CANCELLED, "cancelled")
                                     : prepare_picture(s, to, &p->pictures[i], err);
        for (size_t k = 0; k < i && !to->again; k++)
            to->again = to->features && t->pictures[k].features == to->features;
    }
    t->n_frames = frames_left(t);
    s->looked = atomic_fetch_add(&s->engine->looked, 1); /* behind those that wait already */
    stats->preprocess_ms += vlm_os_now_ms() - start;
    return rc;
}

/* ---- steps: frames through the tower ---- */

size_t vlm_engine_positions_ready(const vlm_session *s, size_t first, size_t n)
{
    size_t tokens = s->engine->config.image_seq_len;
    for (size_t i = 0; i < n; i++) {
        const struct vlm_position *p = &s->time.positions[first + i];
        const struct vlm_feature *f = p->picture ? s->time.pictures[p->picture - 1].features : NULL;
        if (f && p->token / tokens >= atomic_load_explicit(&f->n_encoded, memory_order_relaxed))
            return i;
    }
    return n;
}

enum { BATCH_MOST = 16 };

struct batch {
    struct vlm_vision_frame frames[BATCH_MOST];
    struct vlm_feature *features[BATCH_MOST];
    vlm_session *for_whom[BATCH_MOST];
    size_t n;
};

static bool any_cancelled(void *ctx)
{
    const struct batch *b = ctx;
    for (size_t i = 0; i < b->n; i++)
        if (atomic_load_explicit(&b->for_whom[i]->cancel, memory_order_relaxed))
            return true;
    return false;
}

/* The first picture of a timeline with a frame that no batch has. */
static struct vlm_feature *waiting(const vlm_session *s)
{
    for (size_t i = 0; i < s->time.n_pictures; i++) {
        struct vlm_feature *f = s->time.pictures[i].features;
        if (f && f->n_begun < f->key.plan.n_frames)
            return f;
    }
    return NULL;
}

/* A frame like one that the batch has already: the next step copies it. */
static bool again(const struct batch *b, const struct vlm_feature *f, size_t bytes)
{
    const uint8_t *frame = f->frames + f->n_begun * bytes;
    for (size_t i = 0; i < b->n; i++)
        if (b->features[i] == f && memcmp(b->frames[i].pixels, frame, bytes) == 0)
            return true;
    return false;
}

/* Adds a frame of the session that was served the longest ago; false when none waits. */
static bool add_frame(struct batch *b, vlm_engine *e, vlm_session *const *sessions, size_t n)
{
    struct vlm_feature *f = NULL;
    vlm_session *s = NULL;
    for (size_t i = 0; i < n; i++) {
        struct vlm_feature *w = NULL;
        if (!atomic_load(&sessions[i]->cancel) && (!s || sessions[i]->looked < s->looked))
            w = waiting(sessions[i]);
        f = w ? w : f;
        s = w ? sessions[i] : s;
    }
    if (!f || again(b, f, frame_bytes(e)))
        return false;
    size_t i = f->n_begun++;
    s->looked = atomic_fetch_add(&e->looked, 1);
    b->features[b->n] = f;
    b->for_whom[b->n] = s;
    b->frames[b->n++] = (struct vlm_vision_frame){
        .pixels = f->frames + i * frame_bytes(e),
        .of_video = f->of_video,
        .features = f->data + i * e->config.image_seq_len * e->config.text.hidden};
    return true;
}

/* Tells a session how many frames are done; it may cancel itself. */
static void report(vlm_session *s)
{
    const vlm_session_options *o = &s->options;
    size_t left = vlm_min_size(frames_left(&s->time), s->time.n_frames);
    if (o->progress && s->time.n_frames &&
        o->progress(o->progress_ctx, VLM_PHASE_VISION, s->time.n_frames - left, s->time.n_frames))
        atomic_store(&s->cancel, true);
}

/* For each session of the batch once. */
static bool first_of(const struct batch *b, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (b->for_whom[k] == b->for_whom[i])
            return false;
    return true;
}

static void take_frame(vlm_engine *e, struct vlm_feature *f)
{
    unsigned n = atomic_fetch_add(&f->n_encoded, 1) + 1;
    if (n == f->key.plan.n_frames) {
        vlm_mem_free(&e->alloc, f->frames);
        f->frames = NULL;
        vlm_engine_feature_store(e, f);
    }
}

/* Frames that need no tower, at the beginning of what is left of each picture. */
static void take_copies(vlm_engine *e, vlm_session *const *sessions, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sessions[i]->time.n_pictures; k++) {
            struct vlm_feature *f = sessions[i]->time.pictures[k].features;
            while (f && f->n_begun < f->key.plan.n_frames &&
                   vlm_engine_feature_copy(e, f, frame_bytes(e))) {
                f->n_begun++;
                take_frame(e, f);
                if (frames_left(&sessions[i]->time) == 0)
                    report(sessions[i]);
            }
        }
}

static void take_batch(vlm_engine *e, struct batch *b, double ms)
{
    for (size_t i = 0; i < b->n; i++) {
        take_frame(e, b->features[i]);
        b->for_whom[i]->stats.n_tiles++;
    }
    for (size_t i = 0; i < b->n; i++)
        if (first_of(b, i)) {
            b->for_whom[i]->stats.vision_ms += ms;
            if (frames_left(&b->for_whom[i]->time) == 0)
                report(b->for_whom[i]);
        }
}

void vlm_engine_look(vlm_engine *e, vlm_session *const *sessions, size_t n)
{
    struct batch b;
    for (;;) {
        take_copies(e, sessions, n);
        b.n = 0;
        while (b.n < vlm_min_size(e->vision.max_frames, BATCH_MOST) &&
               add_frame(&b, e, sessions, n))
            ;
        if (b.n == 0)
            return;
        for (size_t i = 0; i < b.n; i++)
            if (first_of(&b, i))
                report(b.for_whom[i]);
        const struct vlm_run run = {e->backend, NULL, any_cancelled, &b};
        double start = vlm_os_now_ms();
        int rc = vlm_vision_forward(e->model, &run, &e->vision, b.frames, b.n);
        if (rc == VLM_OK) {
            take_batch(e, &b, vlm_os_now_ms() - start);
            return;
        }
        /* a session of the batch was cancelled: the others' frames go again without its own */
        for (size_t i = 0; i < b.n; i++)
            b.features[i]->n_begun = atomic_load(&b.features[i]->n_encoded);
    }
}
