/* pictures.c: the pictures of a prompt through the tower: which must be encoded, and doing it,
 * frame by frame. */
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/session.h"

int vlm_engine_reserve_vision(vlm_engine *e, vlm_error *err)
{
    return e->vision.alloc ? VLM_OK : vlm_vision_space_open(&e->vision, e->model, e->backend, err);
}

static int encode_frames(vlm_engine *e, struct vlm_encoding *c, float *features,
                         const uint8_t *frames, size_t n, bool of_video)
{
    const struct vlm_run run = {e->backend, c->tap, c->cancel};
    size_t n_features = (size_t)e->config.image_seq_len * e->config.text.hidden;
    size_t frame_bytes = (size_t)e->config.image.tile * e->config.image.tile * 3;
    int rc = VLM_OK;
    for (size_t i = 0; rc == VLM_OK && i < n; i++) {
        if (c->report && c->report(c->ctx, c->n_done))
            return VLM_ERR_CANCELLED;
        vlm_engine_enter(e);
        double start = vlm_os_now_ms();
        rc = vlm_vision_forward(e->model, &run, &e->vision, features + i * n_features,
                                frames + i * frame_bytes, of_video, c->n_done);
        c->vision_ms += vlm_os_now_ms() - start;
        vlm_engine_leave(e);
        c->n_done++;
    }
    return rc;
}

static int encode_image(vlm_engine *e, struct vlm_encoding *c, float *features,
                        const struct vlm_prompt_picture *p, vlm_error *err)
{
    const struct vlm_image_config config = vlm_engine_image_config(e, c->options);
    size_t frame_bytes = (size_t)config.tile * config.tile * 3, n = p->key.plan.n_frames;
    uint8_t *frames = vlm_mem_alloc(&e->alloc, n, frame_bytes);
    if (!frames)
        return vlm_fail_memory(err, n * frame_bytes, "a picture's tiles");
    double start = vlm_os_now_ms();
    int rc = vlm_image_tiles(frames, &p->key.plan, p->image, &config, &e->alloc, err);
    c->resize_ms += vlm_os_now_ms() - start;
    if (rc == VLM_OK)
        rc = encode_frames(e, c, features, frames, n, false);
    vlm_mem_free(&e->alloc, frames);
    return rc;
}

int vlm_engine_encode(vlm_engine *e, struct vlm_encoding *c, float *features,
                      const struct vlm_prompt_picture *p, vlm_error *err)
{
    int rc = p->image ? encode_image(e, c, features, p, err)
                      : encode_frames(e, c, features, p->frame, 1, true);
    return rc == VLM_ERR_CANCELLED ? vlm_fail(err, rc, "cancelled") : rc;
}

/* ---- those of a session's prompt ---- */

struct vision_report {
    vlm_session *s;
    size_t total;
};

static int report_vision(void *ctx, size_t done)
{
    struct vision_report *r = ctx;
    const vlm_session_options *o = &r->s->options;
    return o->progress && o->progress(o->progress_ctx, VLM_PHASE_VISION, done, r->total);
}

/* Takes what is kept of the features that positions from n_cached on need; need[i] says whether
 * picture i must be encoded.  Returns how many frames that are; a second copy of one counts once.
 */
static size_t take_features(vlm_engine *e, struct vlm_timeline *t, size_t n_cached, bool need[])
{
    size_t total = 0;
    for (size_t i = n_cached; i < t->n; i++)
        if (t->positions[i].picture)
            need[t->positions[i].picture - 1] = true;
    for (size_t i = 0; i < t->n_pictures; i++) {
        struct vlm_session_picture *p = &t->pictures[i];
        bool again = false;
        if (!need[i])
            continue;
        p->features = vlm_engine_feature_find(e, &p->key);
        need[i] = !p->features;
        for (size_t k = 0; need[i] && !again && k < i; k++)
            again = need[k] && vlm_engine_same_picture(&p->key, &t->pictures[k].key);
        total += need[i] && !again ? p->key.plan.n_frames : 0;
    }
    return total;
}

static int encode_picture(vlm_engine *e, struct vlm_encoding *c, struct vlm_session_picture *to,
                          const struct vlm_prompt_picture *from, vlm_error *err)
{
    to->features = vlm_engine_feature_find(e, &to->key); /* the same picture stood further up */
    if (to->features)
        return VLM_OK;
    struct vlm_feature *f = vlm_engine_feature_make(
        e, &to->key, to->n_tokens * e->config.text.hidden * sizeof(float), err);
    if (!f)
        return VLM_ERR_MEMORY;
    int rc = vlm_engine_encode(e, c, f->data, from, err);
    if (rc < 0)
        vlm_engine_feature_discard(e, f);
    else
        to->features = vlm_engine_feature_add(e, f);
    return rc;
}

int vlm_engine_encode_pictures(vlm_session *s, struct vlm_timeline *t, const struct vlm_prompt *p,
                               size_t n_cached, vlm_stats *stats, vlm_error *err)
{
    vlm_engine *e = s->engine;
    bool need[VLM_LIMIT_PICTURES] = {false};
    struct vision_report report = {s, take_features(e, t, n_cached, need)};
    struct vlm_encoding c = {
        .options = &s->options, .cancel = &s->cancel, .report = report_vision, .ctx = &report};
    int rc = VLM_OK;
    for (size_t i = 0; rc == VLM_OK && i < t->n_pictures; i++)
        if (need[i])
            rc = encode_picture(e, &c, &t->pictures[i], &p->pictures[i], err);
    if (rc == VLM_OK && report.total && report_vision(&report, report.total))
        rc = vlm_fail(err, VLM_ERR_CANCELLED, "cancelled");
    stats->n_tiles = report.total;
    stats->vision_ms = c.vision_ms;
    stats->preprocess_ms += c.resize_ms;
    return rc;
}
