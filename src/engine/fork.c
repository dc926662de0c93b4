/* fork.c: a second session that stands where another stands.  Full blocks of keys and values are
 * shared, the last one, which both will write to, is copied here: a step takes no memory. */
#include <string.h>

#include "base/checked.h"
#include "engine/session.h"

/* What the common past depends on must be the same. */
static int check_options(const vlm_session *from, const vlm_session_options *o, vlm_error *err)
{
    const vlm_session_options *f = &from->options;
    const char *tenant = o->tenant ? o->tenant : "", *theirs = f->tenant ? f->tenant : "";
    const struct {
        const char *name;
        size_t value, expected;
    } numbers[] = {{"context", o->context, f->context},
                   {"kv_type", o->kv_type, f->kv_type},
                   {"detail", o->detail, f->detail},
                   {"max_tiles", o->max_tiles, f->max_tiles}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].value != numbers[i].expected)
            return vlm_fail(err, VLM_ERR_ARGUMENT, "fork: %s is %zu, expected %zu as before",
                            numbers[i].name, numbers[i].value, numbers[i].expected);
    if (strcmp(tenant, theirs) != 0 || o->constraint != f->constraint)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "fork: another %s, expected the same as before",
                        o->constraint != f->constraint ? "constraint" : "tenant");
    return VLM_OK;
}

static int copy_timeline(vlm_session *s, const vlm_session *from, size_t n_positions,
                         vlm_error *err)
{
    const struct vlm_timeline *f = &from->time;
    struct vlm_timeline *t = &s->time;
    vlm_engine *e = s->engine;
    int rc = vlm_engine_timeline_reserve(t, e, n_positions, f->n_pictures, err);
    if (rc < 0)
        return rc;
    s->prompt = vlm_mem_alloc(&e->alloc, from->n_prompt, sizeof *s->prompt);
    if (!s->prompt)
        return vlm_fail_memory(err, from->n_prompt * sizeof *s->prompt, "the prompt");
    if (f->n == 0)
        return VLM_OK;
    memcpy(s->prompt, from->prompt, from->n_prompt * sizeof *s->prompt);
    memcpy(t->positions, f->positions, f->n * sizeof *t->positions);
    memcpy(t->keys, f->keys, f->n_keys * sizeof *t->keys);
    t->n = f->n;
    t->n_keys = f->n_keys;
    t->n_frames = f->n_frames;
    for (; t->n_pictures < f->n_pictures; t->n_pictures++) {
        struct vlm_session_picture *p = &t->pictures[t->n_pictures];
        *p = f->pictures[t->n_pictures];
        p->features = vlm_engine_feature_hold(e, p->features);
    }
    return VLM_OK;
}

static int copy_cache(vlm_session *s, const vlm_session *from, size_t n_positions, vlm_error *err)
{
    vlm_engine *e = s->engine;
    size_t n_held;
    const struct vlm_kv_wish wish = {
        .old = &from->kv, .n_kept = from->n_done, .n_positions = n_positions};
    int rc = vlm_engine_blocks_table(e, &s->kv, &n_held, &wish, err);
    if (rc < 0)
        return rc;
    vlm_engine_enter(e);
    rc = vlm_backend_reserve(e->backend, e->config.text.head_dim, n_positions, err);
    vlm_engine_leave(e);
    return rc;
}

/* The answer so far: what is said, held back and counted, and the last token. */
static int copy_answer(vlm_session *s, const vlm_session *from, size_t room, vlm_error *err)
{
    size_t vocab = s->engine->config.text.vocab;
    memcpy(s->seen, from->seen, vocab / 8 + 1);
    if (!vlm_engine_constraint_room(s, room) ||
        !vlm_buf_append(&s->said, from->said.data, from->said.n) ||
        !vlm_buf_append(&s->pending, from->pending.data, from->pending.n) ||
        !vlm_buf_append(&s->out, from->out.data, from->out.n))
        return vlm_fail_memory(err, from->said.n + room, "an answer");
    s->place = from->place;
    s->token = from->token;
    s->token.text = s->out.data;
    s->token.top = s->top;
    s->token.n_top = vlm_min_size(from->token.n_top, (size_t)s->options.n_logprobs);
    if (s->token.n_top)
        memcpy(s->top, from->top, s->token.n_top * sizeof *s->top);
    return VLM_OK;
}

static int fork_session(vlm_session **out, const vlm_session *from, const vlm_session_options *o,
                        vlm_error *err)
{
    vlm_session *s;
    int rc = vlm_engine_session_bare(&s, from->engine, o, err);
    if (rc < 0)
        return rc;
    size_t room = vlm_min_size(s->options.max_tokens, from->limit - from->n_prompt),
           n = vlm_max_size(from->n_prompt + room, from->time.n);
    s->aside = from->aside;
    s->loaded = from->loaded;
    rc = copy_timeline(s, from, n, err);
    if (rc == VLM_OK)
        rc = copy_cache(s, from, vlm_max_size(n, s->options.context), err);
    if (rc == VLM_OK)
        rc = copy_answer(s, from, room, err);
    if (rc < 0) {
        vlm_session_close(s);
        return rc;
    }
    s->n_prompt = from->n_prompt;
    vlm_engine_answer_recall(s);
    s->n_done = from->n_done;
    s->n_offered = from->n_offered;
    s->limit = from->limit;
    s->outcome = from->outcome;
    s->error = from->error;
    s->finish = from->finish;
    s->stats = from->stats;
    vlm_engine_answer_limit(s);
    *out = s;
    return VLM_OK;
}

int vlm_session_fork(vlm_session **out, vlm_session *from, const vlm_session_options *options,
                     vlm_error *err)
{
    vlm_engine *e = from->engine;
    vlm_session_options o = from->options;
    int rc = VLM_OK;
    if (options) {
        rc = vlm_engine_session_options(&o, options, err);
        if (rc == VLM_OK)
            rc = check_options(from, &o, err);
    }
    if (rc == VLM_OK)
        rc = fork_session(out, from, &o, err);
    if (rc == VLM_ERR_MEMORY && vlm_engine_drop_idle(e))
        rc = fork_session(out, from, &o, err);
    return vlm_engine_explain(e, rc, err);
}
