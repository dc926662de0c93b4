/* sync.c: the whole conversation in, a timeline out: what of the cache can stay, which pictures
 * must be encoded and what the tower will see of them.  Everything that can fail is prepared beside
 * the session's state and committed at once. */
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
        t->pictures[i].key = p->pictures[i].key;
        t->pictures[i].n_tokens = p->pictures[i].n_tokens;
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

static bool same_position(const struct vlm_timeline *a, const struct vlm_timeline *b, size_t i)
{
    struct vlm_position p = a->positions[i], q = b->positions[i];
    if (p.id != q.id || (p.picture == 0) != (q.picture == 0) || p.token != q.token)
        return false;
    return p.picture == 0 || vlm_engine_same_picture(&a->pictures[p.picture - 1].key,
                                                     &b->pictures[q.picture - 1].key);
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
    /* a constraint finds its place again from the answer's bytes: a step takes no memory for them
     */
    if (s->options.constraint && !vlm_buf_reserve(&s->said, room * VLM_CONSTRAIN_TOKEN_BYTES + 1))
        return vlm_fail_memory(err, room * VLM_CONSTRAIN_TOKEN_BYTES, "an answer");
    *n_cached = common_beginning(s, t);
    rc = reserve(s, n + room, p->n_pictures > 0, stats, err);
    return rc == VLM_OK ? vlm_engine_prepare_pictures(s, t, p, *n_cached, stats, err) : rc;
}

static void commit(vlm_session *s, struct vlm_timeline *t, int32_t *prompt, size_t limit,
                   size_t n_cached, const vlm_stats *stats)
{
    vlm_engine *e = s->engine;
    vlm_engine_timeline_free(&s->time, e);
    vlm_mem_free(&e->alloc, s->prompt);
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
    if (s->counts)
        memset(s->counts, 0, e->config.text.vocab * sizeof *s->counts);
    if (s->options.constraint)
        vlm_engine_constraint_start(s);
    memset(s->seen, 0, e->config.text.vocab / 8 + 1);
    for (size_t i = 0; i < t->n; i++)
        s->seen[prompt[i] / 8] |= (uint8_t)(1 << prompt[i] % 8);
}

static int sync(vlm_session *s, const vlm_message *messages, size_t n_messages, vlm_error *err)
{
    vlm_engine *e = s->engine;
    struct vlm_prompt p;
    struct vlm_timeline t = {.n = 0};
    int32_t *prompt = NULL;
    size_t limit = 0, n_cached = 0;
    vlm_stats stats = {.weights_bytes = e->model->weights_bytes};
    double start = vlm_os_now_ms();

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
        vlm_engine_timeline_free(&t, e);
        vlm_mem_free(&e->alloc, prompt);
    }
    vlm_engine_prompt_free(&p, e);
    return rc;
}

int vlm_session_sync(vlm_session *s, const vlm_message *messages, size_t n_messages, vlm_error *err)
{
    atomic_store(&s->cancel, false);
    int rc = sync(s, messages, n_messages, err);
    /* features of other pictures are worth less than an answer */
    if (rc == VLM_ERR_MEMORY && vlm_engine_features_drop_idle(s->engine))
        rc = sync(s, messages, n_messages, err);
    return vlm_engine_explain(s->engine, rc, err);
}

const int32_t *vlm_session_prompt(const vlm_session *s, size_t *n)
{
    *n = s->n_prompt;
    return s->prompt;
}
