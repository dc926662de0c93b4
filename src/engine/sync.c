/* sync.c: the whole conversation in, a timeline out: what of the cache can stay, which pictures
 * must be encoded.  Everything that can fail is prepared beside the session's state and committed
 * at once. */
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/session.h"

static int make_timeline(struct vlm_timeline *t, const vlm_engine *e, const struct vlm_prompt *p,
                         size_t room, vlm_error *err)
{
    size_t n = p->ids.n;
    t->positions = vlm_mem_alloc(&e->alloc, n + room, sizeof *t->positions);
    t->pictures = vlm_mem_zalloc(&e->alloc, p->n_pictures, sizeof *t->pictures);
    if (!t->positions || !t->pictures)
        return vlm_fail_memory(err, (n + room) * sizeof *t->positions, "the timeline");
    t->n = n;
    t->n_pictures = p->n_pictures;
    for (size_t i = 0; i < p->n_pictures; i++) {
        t->pictures[i].plan = p->pictures[i].plan;
        t->pictures[i].n_tokens = p->pictures[i].n_tokens;
        memcpy(t->pictures[i].hash, p->pictures[i].image->hash, sizeof t->pictures[i].hash);
    }
    uint32_t picture = 0, token = 0; /* the next image token's */
    for (size_t i = 0; i < n; i++) {
        t->positions[i] = (struct vlm_position){p->ids.data[i], 0, 0};
        if (p->ids.data[i] != e->config.image_token_id)
            continue;
        t->positions[i].picture = picture + 1;
        t->positions[i].token = token++;
        if (token == t->pictures[picture].n_tokens) {
            picture++;
            token = 0;
        }
    }
    return VLM_OK;
}

static bool same_picture(const struct vlm_session_picture *a, const struct vlm_session_picture *b)
{
    return memcmp(a->hash, b->hash, sizeof a->hash) == 0 && a->plan.rows == b->plan.rows &&
           a->plan.cols == b->plan.cols && a->plan.width == b->plan.width &&
           a->plan.height == b->plan.height && a->plan.step1_width == b->plan.step1_width &&
           a->plan.step1_height == b->plan.step1_height;
}

static bool same_position(const struct vlm_timeline *a, const struct vlm_timeline *b, size_t i)
{
    struct vlm_position p = a->positions[i], q = b->positions[i];
    if (p.id != q.id || (p.picture == 0) != (q.picture == 0) || p.token != q.token)
        return false;
    return p.picture == 0 || same_picture(&a->pictures[p.picture - 1], &b->pictures[q.picture - 1]);
}

/* Positions of the new timeline that the cache already holds.  At least the last one is computed
 * again: its logits are needed. */
static size_t common_beginning(const vlm_session *s, const struct vlm_timeline *t)
{
    size_t n = 0, most = vlm_min_size(s->n_done, t->n - 1);
    while (n < most && same_position(&s->time, t, n))
        n++;
    return n;
}

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

/* Moves features of pictures that both timelines have to the new one, or (back) to the old one. */
static void take_features(vlm_session *s, struct vlm_timeline *t)
{
    for (size_t i = 0; i < t->n_pictures; i++)
        for (size_t k = 0; !t->pictures[i].features && k < s->time.n_pictures; k++)
            if (s->time.pictures[k].features &&
                same_picture(&t->pictures[i], &s->time.pictures[k])) {
                t->pictures[i].features = s->time.pictures[k].features;
                t->pictures[i].taken_from = k + 1;
                s->time.pictures[k].features = NULL;
            }
}

static void give_features_back(vlm_session *s, struct vlm_timeline *t)
{
    for (size_t i = 0; i < t->n_pictures; i++)
        if (t->pictures[i].taken_from) {
            s->time.pictures[t->pictures[i].taken_from - 1].features = t->pictures[i].features;
            t->pictures[i].features = NULL;
        }
}

/* The picture's features from an equal one that this request has already encoded. */
static bool copy_features(struct vlm_timeline *t, size_t i, size_t bytes)
{
    for (size_t k = 0; k < i; k++)
        if (t->pictures[k].features && same_picture(&t->pictures[i], &t->pictures[k])) {
            memcpy(t->pictures[i].features, t->pictures[k].features, bytes);
            return true;
        }
    return false;
}

/* Frames still to be encoded: need[i] says whether picture i is.  A second copy of one counts once.
 */
static size_t count_frames(const struct vlm_timeline *t, size_t n_cached, bool need[])
{
    size_t total = 0;
    for (size_t i = n_cached; i < t->n; i++)
        if (t->positions[i].picture && !t->pictures[t->positions[i].picture - 1].features)
            need[t->positions[i].picture - 1] = true;
    for (size_t i = 0; i < t->n_pictures; i++) {
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again |= (need[k] || t->pictures[k].features) &&
                     same_picture(&t->pictures[i], &t->pictures[k]);
        total += need[i] && !again ? t->pictures[i].plan.n_frames : 0;
    }
    return total;
}

/* Encodes the pictures that positions from n_cached on need and that have no features yet. */
static int encode_pictures(vlm_session *s, struct vlm_timeline *t, const struct vlm_prompt *p,
                           size_t n_cached, vlm_stats *stats, vlm_error *err)
{
    vlm_engine *e = s->engine;
    bool need[VLM_LIMIT_IMAGES] = {false};
    struct vision_report report = {s, count_frames(t, n_cached, need)};
    struct vlm_encoding c = {
        .options = &s->options, .cancel = &s->cancel, .report = report_vision, .ctx = &report};
    int rc = VLM_OK;
    for (size_t i = 0; rc == VLM_OK && i < t->n_pictures; i++) {
        if (!need[i])
            continue;
        size_t bytes = t->pictures[i].n_tokens * e->config.text.hidden * sizeof(float);
        float *features = vlm_mem_alloc(&e->alloc, bytes, 1);
        if (!features)
            return vlm_fail_memory(err, bytes, "image features");
        t->pictures[i].features = features;
        if (!copy_features(t, i, bytes))
            rc = vlm_engine_encode(e, &c, features, &p->pictures[i], err);
    }
    if (rc == VLM_OK && report.total && report_vision(&report, report.total))
        rc = vlm_fail(err, VLM_ERR_CANCELLED, "cancelled");
    stats->n_tiles = report.total;
    stats->vision_ms = c.vision_ms;
    stats->preprocess_ms += c.resize_ms;
    return rc;
}

/* What the passes to come need from the engine. */
static int reserve(vlm_session *s, size_t n_positions, bool pictures, vlm_stats *stats,
                   vlm_error *err)
{
    vlm_engine *e = s->engine;
    int rc = vlm_kv_grow(&s->kv, e->model, e->backend, n_positions, err);
    vlm_engine_enter(e);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve(e->backend, e->config.text.head_dim, n_positions, err);
    if (rc == VLM_OK && pictures)
        rc = vlm_engine_reserve_vision(e, err);
    stats->compute_bytes = e->text.bytes + e->vision.bytes + vlm_backend_bytes(e->backend);
    vlm_engine_leave(e);
    return rc;
}

static int check_context(const vlm_session *s, size_t n_prompt, size_t *limit, vlm_error *err)
{
    *limit = s->options.context ? s->options.context : s->engine->config.text.context;
    if (n_prompt >= *limit)
        return vlm_fail(err, VLM_ERR_CONTEXT,
                        "the prompt has %zu tokens, expected less than the context of %zu",
                        n_prompt, *limit);
    return VLM_OK;
}

/* Everything of sync that can fail, building t beside the session's own state. */
static int prepare(vlm_session *s, struct vlm_timeline *t, const struct vlm_prompt *p,
                   int32_t **prompt, size_t *limit, size_t *n_cached, vlm_stats *stats,
                   vlm_error *err)
{
    vlm_engine *e = s->engine;
    size_t n = p->ids.n;
    int rc = vlm_engine_prompt_not_empty(p, err);
    if (rc == VLM_OK)
        rc = check_context(s, n, limit, err);
    if (rc < 0)
        return rc;
    size_t room = vlm_min_size(s->options.max_tokens, *limit - n);
    *prompt = vlm_mem_alloc(&e->alloc, n, sizeof **prompt);
    if (!*prompt)
        return vlm_fail_memory(err, n * sizeof **prompt, "the prompt");
    memcpy(*prompt, p->ids.data, n * sizeof **prompt);
    rc = make_timeline(t, e, p, room, err);
    if (rc < 0)
        return rc;
    *n_cached = common_beginning(s, t);
    rc = reserve(s, n + room, p->n_pictures > 0, stats, err);
    if (rc == VLM_OK) {
        take_features(s, t);
        rc = encode_pictures(s, t, p, *n_cached, stats, err);
        if (rc < 0)
            give_features_back(s, t);
    }
    return rc;
}

static void commit(vlm_session *s, struct vlm_timeline *t, int32_t *prompt, size_t limit,
                   size_t n_cached, const vlm_stats *stats)
{
    vlm_engine *e = s->engine;
    vlm_engine_timeline_free(&s->time, &e->alloc);
    vlm_mem_free(&e->alloc, s->prompt);
    for (size_t i = 0; i < t->n_pictures; i++)
        t->pictures[i].taken_from = 0;
    s->time = *t;
    s->prompt = prompt;
    s->n_prompt = t->n;
    s->n_done = n_cached;
    s->limit = limit;
    s->stats = *stats;
    s->outcome = VLM_MORE;
    s->finish = VLM_FINISH_NONE;
    vlm_buf_clear(&s->pending);
    vlm_buf_clear(&s->out);
    memset(s->seen, 0, e->config.text.vocab / 8 + 1);
    for (size_t i = 0; i < t->n; i++)
        s->seen[prompt[i] / 8] |= (uint8_t)(1 << prompt[i] % 8);
}

int vlm_session_sync(vlm_session *s, const vlm_message *messages, size_t n_messages, vlm_error *err)
{
    vlm_engine *e = s->engine;
    struct vlm_prompt p;
    struct vlm_timeline t = {.n = 0};
    int32_t *prompt = NULL;
    size_t limit = 0, n_cached = 0;
    vlm_stats stats = {.weights_bytes = e->model->weights_bytes};
    double start = vlm_os_now_ms();

    atomic_store(&s->cancel, false);
    vlm_engine_prompt_init(&p, e);
    int rc = vlm_engine_prompt_build(&p, e, messages, n_messages, true, &s->options, err);
    stats.preprocess_ms = vlm_os_now_ms() - start;
    if (rc == VLM_OK)
        rc = prepare(s, &t, &p, &prompt, &limit, &n_cached, &stats, err);
    if (rc == VLM_OK) {
        stats.prompt_tokens = p.ids.n;
        stats.image_tokens = p.n_image_tokens;
        stats.text_tokens = p.ids.n - p.n_image_tokens;
        stats.cached_tokens = n_cached;
        stats.kv_bytes = s->kv.n_blocks * vlm_kv_block_bytes(e->model, s->kv.type);
        commit(s, &t, prompt, limit, n_cached, &stats);
    } else {
        vlm_engine_timeline_free(&t, &e->alloc);
        vlm_mem_free(&e->alloc, prompt);
    }
    vlm_engine_prompt_free(&p, e);
    return vlm_engine_explain(e, rc, err);
}

const int32_t *vlm_session_prompt(const vlm_session *s, size_t *n)
{
    *n = s->n_prompt;
    return s->prompt;
}
