/* sync.c: the whole conversation in, a timeline out: what of the cache can stay, which pictures
 * must be encoded and what the tower will see of them.  Everything that can fail is prepared beside
 * the session's state and committed at once. */
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/session.h"

/* What a sync builds beside the session's own state. */
struct sync {
    bool loaded;
    struct vlm_timeline time;
    struct vlm_kv kv;
    int32_t *prompt;
    size_t room, limit, n_cached; /* room: for the answer */
    vlm_stats stats;
};

static int make_timeline(struct vlm_timeline *t, const vlm_engine *e, const struct vlm_prompt *p,
                         size_t room, vlm_error *err)
{
    size_t n = p->ids.n;
    int rc = vlm_engine_timeline_reserve(t, e, n + room, p->n_pictures, err);
    if (rc < 0)
        return rc;
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

/* The table that the passes to come need: what this session holds of t, then what others do. */
static int make_table(vlm_session *s, struct sync *x, vlm_error *err)
{
    size_t n = x->time.n, context = s->options.context;
    size_t kept = common_beginning(s, &x->time);
    if (s->loaded && kept < VLM_KV_BLOCK / 8)
        kept = 0; /* not worth being unable to share */
    x->loaded = s->loaded && kept > 0;
    for (size_t i = 0; i < n / VLM_KV_BLOCK && !s->aside; i++)
        vlm_engine_block_key(s, &x->time, x->time.n_keys++);
    const struct vlm_kv_wish wish = {.old = &s->kv,
                                     .own = true,
                                     .n_kept = kept,
                                     .n_positions = vlm_max_size(n + x->room, context),
                                     .keys = (const uint8_t(*)[32])x->time.keys,
                                     .n_keys =
                                         s->aside ? 0 : (n - 1) / VLM_KV_BLOCK}; /* its last row's
                                                                                    logits! */
    return vlm_engine_blocks_table(s->engine, &x->kv, &x->n_cached, &wish, err);
}

/* What they need from the engine. */
static int reserve(vlm_engine *e, size_t n_positions, bool pictures, vlm_stats *stats,
                   vlm_error *err)
{
    vlm_engine_enter(e);
    int rc = vlm_backend_reserve(e->backend, e->config.text.head_dim, n_positions, err);
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

/* Everything of sync that can fail. */
static int prepare(vlm_session *s, struct sync *x, const struct vlm_prompt *p, vlm_error *err)
{
    vlm_engine *e = s->engine;
    size_t n = p->ids.n;
    int rc = vlm_engine_prompt_not_empty(p, err);
    if (rc == VLM_OK)
        rc = check_context(s, n, &x->limit, err);
    if (rc < 0)
        return rc;
    x->room = vlm_min_size(s->options.max_tokens, x->limit - n);
    rc = vlm_engine_check_session_budget(e, &s->options,
                                         vlm_max_size(n + x->room, s->options.context), p, err);
    if (rc < 0)
        return rc;
    x->prompt = vlm_mem_alloc(&e->alloc, n, sizeof *x->prompt);
    if (!x->prompt)
        return vlm_fail_memory(err, n * sizeof *x->prompt, "the prompt");
    memcpy(x->prompt, p->ids.data, n * sizeof *x->prompt);
    rc = make_timeline(&x->time, e, p, x->room, err);
    if (rc < 0)
        return rc;
    if (!vlm_engine_constraint_room(s, x->room))
        return vlm_fail_memory(err, x->room * VLM_CONSTRAIN_TOKEN_BYTES, "an answer");
    rc = make_table(s, x, err);
    if (rc == VLM_OK)
        rc = reserve(e, n + x->room, p->n_pictures > 0, &x->stats, err);
    return rc == VLM_OK ? vlm_engine_prepare_pictures(s, &x->time, p, x->n_cached, &x->stats, err)
                        : rc;
}

void vlm_engine_answer_begin(vlm_session *s)
{
    size_t vocab = s->engine->config.text.vocab;
    s->outcome = VLM_MORE;
    s->finish = VLM_FINISH_NONE;
    vlm_buf_clear(&s->pending);
    vlm_buf_clear(&s->out);
    if (s->counts)
        memset(s->counts, 0, vocab * sizeof *s->counts);
    if (s->options.constraint)
        vlm_engine_constraint_start(s);
    memset(s->seen, 0, vocab / 8 + 1);
    for (size_t i = 0; i < s->n_prompt; i++)
        s->seen[s->prompt[i] / 8] |= (uint8_t)(1 << s->prompt[i] % 8);
}

void vlm_engine_answer_recall(vlm_session *s)
{
    for (size_t i = s->n_prompt; i < s->time.n; i++) {
        int32_t id = s->time.positions[i].id;
        s->seen[id / 8] |= (uint8_t)(1 << id % 8);
        if (s->counts && s->counts[id] < UINT16_MAX)
            s->counts[id]++;
    }
}

void vlm_engine_answer_limit(vlm_session *s)
{
    size_t n = s->stats.completion_tokens;
    if (s->finish == VLM_FINISH_NONE && n > 0 && n >= s->options.max_tokens)
        s->finish = VLM_FINISH_LENGTH;
}

static void commit(vlm_session *s, const struct sync *x)
{
    vlm_engine *e = s->engine;
    vlm_engine_timeline_free(&s->time, e);
    vlm_engine_blocks_free(e, &s->kv);
    vlm_mem_free(&e->alloc, s->prompt);
    s->time = x->time;
    s->kv = x->kv;
    s->prompt = x->prompt;
    s->n_prompt = x->time.n;
    s->n_done = x->n_cached;
    s->n_offered = vlm_min_size(s->n_offered, x->n_cached / VLM_KV_BLOCK);
    s->loaded = x->loaded;
    s->limit = x->limit;
    s->stats = x->stats;
    s->stats.cached_tokens = x->n_cached;
    s->stats.kv_bytes = s->kv.n_blocks * vlm_kv_block_bytes(e->model, s->kv.type);
    vlm_engine_answer_begin(s);
}

static int sync(vlm_session *s, const vlm_message *messages, size_t n_messages, vlm_error *err)
{
    vlm_engine *e = s->engine;
    struct vlm_prompt p;
    struct sync x = {.stats.weights_bytes = e->model->weights_bytes};
    double start = vlm_os_now_ms();

    vlm_engine_prompt_init(&p, e);
    int rc = vlm_engine_prompt_build(&p, e, messages, n_messages, true, &s->options, err);
    x.stats.preprocess_ms = vlm_os_now_ms() - start;
    if (rc == VLM_OK)
        rc = prepare(s, &x, &p, err);
    if (rc == VLM_OK) {
        x.stats.prompt_tokens = p.ids.n;
        x.stats.image_tokens = p.n_image_tokens;
        x.stats.text_tokens = p.ids.n - p.n_image_tokens;
        commit(s, &x);
    } else {
        if (rc == VLM_ERR_MEMORY)
            vlm_engine_tell_need(s, vlm_max_size(p.ids.n + x.room, s->options.context), &p, err);
        vlm_engine_timeline_free(&x.time, e);
        vlm_engine_blocks_free(e, &x.kv);
        vlm_mem_free(&e->alloc, x.prompt);
    }
    vlm_engine_prompt_free(&p, e);
    return rc;
}

int vlm_session_sync(vlm_session *s, const vlm_message *messages, size_t n_messages, vlm_error *err)
{
    atomic_store(&s->cancel, false);
    int rc = sync(s, messages, n_messages, err);
    /* other questions are worth less than this answer */
    if (rc == VLM_ERR_MEMORY && vlm_engine_make_room(s->engine, &s->kv))
        rc = sync(s, messages, n_messages, err);
    return vlm_engine_explain(s->engine, rc, err);
}

const int32_t *vlm_session_prompt(const vlm_session *s, size_t *n)
{
    *n = s->n_prompt;
    return s->prompt;
}
