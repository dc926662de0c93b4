/* session.c: a session's options, opening and closing.  sync.c decides what its cache keeps, step.c
 * computes rows and takes tokens.  Memory is taken by open and sync; a step takes none. */
#include "engine/session.h"

#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/limits.h"

/* ---- options ---- */

void vlm_session_options_init(vlm_session_options *o)
{
    *o = (vlm_session_options){.size = sizeof *o,
                               .max_tokens = 256,
                               .chunk = 256,
                               .top_p = 1,
                               .repeat_penalty = 1,
                               .typical_p = 1};
}

static int check_stop(const vlm_session_options *o, vlm_error *err)
{
    if (o->n_stop > VLM_LIMIT_STOP_STRINGS)
        return vlm_fail(err, VLM_ERR_LIMIT, "%zu stop strings, expected at most %u", o->n_stop,
                        (unsigned)VLM_LIMIT_STOP_STRINGS);
    for (size_t i = 0; i < o->n_stop; i++) {
        size_t n = o->stop && o->stop[i] ? strlen(o->stop[i]) : 0;
        if (n == 0 || n > VLM_LIMIT_STOP_BYTES)
            return vlm_fail(err, VLM_ERR_ARGUMENT,
                            "stop string %zu has %zu bytes, expected 1 to %u", i, n,
                            (unsigned)VLM_LIMIT_STOP_BYTES);
    }
    return VLM_OK;
}

int vlm_engine_session_options(vlm_session_options *out, const vlm_session_options *o,
                               vlm_error *err)
{
    vlm_session_options_init(out);
    if (!o)
        return VLM_OK;
    if (o->size < offsetof(vlm_session_options, kv_type))
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "session options of %zu bytes: call vlm_session_options_init first",
                        o->size);
    memcpy(out, o, vlm_min_size(o->size, sizeof *out));
    const struct {
        const char *name;
        double value, min, max;
    } ranges[] = {{"context", (double)out->context, 0, (double)VLM_LIMIT_CONTEXT},
                  {"chunk", (double)out->chunk, 1, (double)VLM_LIMIT_CONTEXT},
                  {"kv_type", out->kv_type, VLM_KV_F32, VLM_KV_Q4_0},
                  {"detail", out->detail, VLM_DETAIL_AUTO, VLM_DETAIL_HIGH},
                  {"max_tiles", (double)out->max_tiles, 0, (double)VLM_LIMIT_TILES},
                  {"temperature", (double)out->temperature, 0, 1000},
                  {"top_k", out->top_k, 0, (double)VLM_LIMIT_VOCAB},
                  {"top_p", (double)out->top_p, 0, 1},
                  {"min_p", (double)out->min_p, 0, 1},
                  {"repeat_penalty", (double)out->repeat_penalty, 1e-3, 1e3},
                  {"typical_p", (double)out->typical_p, 0, 1},
                  {"presence_penalty", (double)out->presence_penalty, -100, 100},
                  {"frequency_penalty", (double)out->frequency_penalty, -100, 100},
                  {"n_logprobs", out->n_logprobs, 0, (double)VLM_LIMIT_LOGPROBS}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= ranges[i].min && ranges[i].value <= ranges[i].max))
            return vlm_fail(err, VLM_ERR_ARGUMENT, "%s is %g, expected %g to %g", ranges[i].name,
                            ranges[i].value, ranges[i].min, ranges[i].max);
    return check_stop(out, err);
}

/* ---- open and close ---- */

static int copy_bias(vlm_session *s, const vlm_session_options *o, vlm_error *err)
{
    size_t vocab = s->engine->config.text.vocab;
    if (o->n_logit_bias > VLM_LIMIT_LOGIT_BIAS)
        return vlm_fail(err, VLM_ERR_LIMIT, "%zu logit biases, expected at most %u",
                        o->n_logit_bias, (unsigned)VLM_LIMIT_LOGIT_BIAS);
    for (size_t i = 0; i < o->n_logit_bias; i++) {
        vlm_logit_bias b = o->logit_bias[i];
        if (b.id < 0 || (size_t)b.id >= vocab)
            return vlm_fail(err, VLM_ERR_ARGUMENT, "logit_bias of token %d, expected 0 to %zu",
                            (int)b.id, vocab - 1);
        if (!(b.bias <= 1000))
            return vlm_fail(err, VLM_ERR_ARGUMENT,
                            "logit_bias %g, expected at most 1000 (or -infinity)", (double)b.bias);
    }
    if (o->n_logit_bias == 0)
        return VLM_OK;
    size_t bytes = o->n_logit_bias * sizeof *o->logit_bias;
    vlm_logit_bias *copy = vlm_mem_alloc(&s->engine->alloc, 1, bytes);
    if (!copy)
        return vlm_fail_memory(err, bytes, "logit biases");
    memcpy(copy, o->logit_bias, bytes);
    s->options.logit_bias = copy;
    s->options.n_logit_bias = o->n_logit_bias;
    return VLM_OK;
}

static int copy_stop(vlm_session *s, const vlm_session_options *o, vlm_error *err)
{
    const vlm_allocator *a = &s->engine->alloc;
    if (o->n_stop == 0)
        return VLM_OK;
    char **copies = vlm_mem_zalloc(a, o->n_stop, sizeof *copies);
    s->stop_lengths = vlm_mem_zalloc(a, o->n_stop, sizeof *s->stop_lengths);
    s->options.stop = (const char *const *)copies;
    if (!copies || !s->stop_lengths)
        return vlm_fail_memory(err, o->n_stop * sizeof *copies, "stop strings");
    for (size_t i = 0; i < o->n_stop; i++) {
        s->stop_lengths[i] = strlen(o->stop[i]);
        s->longest_stop = vlm_max_size(s->longest_stop, s->stop_lengths[i]);
        copies[i] = vlm_mem_strndup(a, o->stop[i], s->stop_lengths[i]);
        if (!copies[i])
            return vlm_fail_memory(err, s->stop_lengths[i], "a stop string");
        s->options.n_stop++;
    }
    return VLM_OK;
}

/* The engine's shared workspace must hold a chunk of this session, and a row of every session. */
static int reserve_engine(vlm_engine *e, size_t chunk, vlm_error *err)
{
    size_t n = e->n_sessions + 1, rows = vlm_max_size(vlm_max_size(chunk, n), e->text.max_rows);
    int rc = VLM_OK;
    if (rows > e->text.max_rows) {
        struct vlm_text_space space;
        struct vlm_row *list = vlm_mem_alloc(&e->alloc, rows, sizeof *list);
        if (!list)
            return vlm_fail_memory(err, rows * sizeof *list, "rows");
        rc = vlm_text_space_open(&space, e->model, e->backend, rows, err);
        if (rc < 0) {
            vlm_mem_free(&e->alloc, list);
            return rc;
        }
        vlm_text_space_close(&e->text, e->backend);
        vlm_mem_free(&e->alloc, e->rows);
        e->text = space;
        e->rows = list;
    }
    if (n > e->max_wanted) {
        float *logits = vlm_mem_alloc(&e->alloc, n, e->config.text.vocab * sizeof *logits);
        if (!logits)
            return vlm_fail_memory(err, n * e->config.text.vocab * sizeof *logits, "logits");
        vlm_mem_free(&e->alloc, e->logits);
        e->logits = logits;
        e->max_wanted = n;
    }
    return VLM_OK;
}

static int take_memory(vlm_session *s, vlm_error *err)
{
    const vlm_allocator *a = &s->engine->alloc;
    size_t vocab = s->engine->config.text.vocab;
    s->seen = vlm_mem_zalloc(a, vocab / 8 + 1, 1);
    s->candidates = vlm_mem_alloc(a, vocab, sizeof *s->candidates);
    if (s->options.presence_penalty != 0 || s->options.frequency_penalty != 0) {
        s->counts = vlm_mem_zalloc(a, vocab, sizeof *s->counts);
        if (!s->counts)
            return vlm_fail_memory(err, vocab * sizeof *s->counts, "a session");
    }
    s->top = vlm_mem_alloc(a, (size_t)s->options.n_logprobs, sizeof *s->top);
    vlm_buf_init(&s->said, a, SIZE_MAX / 2);
    vlm_buf_init(&s->pending, a, VLM_TEXT_ROOM);
    vlm_buf_init(&s->out, a, 3 * VLM_TEXT_ROOM);
    if (!s->seen || !s->candidates || !s->top || !vlm_buf_reserve(&s->pending, VLM_TEXT_ROOM) ||
        !vlm_buf_reserve(&s->out, 3 * VLM_TEXT_ROOM))
        return vlm_fail_memory(err, vocab * sizeof *s->candidates, "a session");
    s->kv.type = vlm_engine_kv_num(s->options.kv_type);
    return VLM_OK;
}

/* What the engine shares with a session that can be opened. */
static int join_engine(vlm_session *s, const vlm_session_options *o, vlm_error *err)
{
    vlm_engine *e = s->engine;
    int rc = copy_stop(s, o, err);
    if (rc == VLM_OK)
        rc = copy_bias(s, o, err);
    if (rc == VLM_OK && o->tenant) {
        s->options.tenant = vlm_mem_strndup(&e->alloc, o->tenant, strlen(o->tenant));
        if (!s->options.tenant)
            rc = vlm_fail_memory(err, strlen(o->tenant), "a tenant's name");
    }
    if (rc == VLM_OK && o->constraint && vlm_engine_constraint_engine(o->constraint) != e)
        rc = vlm_fail(err, VLM_ERR_ARGUMENT, "the constraint was compiled for another engine");
    if (rc == VLM_OK)
        rc = take_memory(s, err);
    vlm_engine_enter(e);
    if (rc == VLM_OK)
        rc = reserve_engine(e, vlm_engine_chunk_rows(e, o), err);
    e->n_sessions++; /* close takes it back */
    vlm_engine_leave(e);
    return rc;
}

int vlm_engine_session_bare(vlm_session **out, vlm_engine *e, const vlm_session_options *options,
                            vlm_error *err)
{
    vlm_session_options o;
    int rc = vlm_engine_need_model(e, err);
    if (rc == VLM_OK)
        rc = vlm_engine_session_options(&o, options, err);
    if (rc < 0)
        return rc;
    if (o.context > e->config.text.context)
        return vlm_fail(err, VLM_ERR_CONTEXT,
                        "context is %zu positions, expected at most the model's %u", o.context,
                        e->config.text.context);
    vlm_session *s = vlm_mem_zalloc(&e->alloc, 1, sizeof *s);
    if (!s)
        return vlm_fail_memory(err, sizeof *s, "a session");
    s->engine = e;
    s->options = o;
    s->options.stop = NULL; /* what is owned is copied */
    s->options.n_stop = 0;
    s->options.logit_bias = NULL;
    s->options.n_logit_bias = 0;
    s->options.tenant = NULL;
    vlm_sha256_of(s->tenant, o.tenant ? o.tenant : "", o.tenant ? strlen(o.tenant) : 0);
    s->outcome = vlm_fail(&s->error, VLM_ERR_ARGUMENT, "vlm_session_sync was not called");
    atomic_init(&s->cancel, false);
    rc = join_engine(s, &o, err);
    if (rc < 0) {
        vlm_session_close(s);
        return rc;
    }
    *out = s;
    return VLM_OK;
}

static int open_session(vlm_session **out, vlm_engine *e, const vlm_session_options *options,
                        vlm_error *err)
{
    vlm_session *s;
    int rc = vlm_engine_session_bare(&s, e, options, err);
    if (rc < 0)
        return rc;
    size_t context = s->options.context;
    rc = vlm_engine_check_session_budget(e, &s->options, context, NULL, err);
    if (rc == VLM_OK)
        rc = vlm_kv_grow(&s->kv, e->model, e->backend, context, err);
    if (rc == VLM_OK && context > 0) {
        vlm_engine_enter(e);
        rc = vlm_backend_reserve(e->backend, e->config.text.head_dim, context, err);
        vlm_engine_leave(e);
    }
    if (rc < 0)
        vlm_session_close(s);
    else
        *out = s;
    return rc;
}

int vlm_session_open(vlm_session **out, vlm_engine *e, const vlm_session_options *options,
                     vlm_error *err)
{
    int rc = open_session(out, e, options, err);
    if (rc == VLM_ERR_MEMORY && vlm_engine_drop_idle(e))
        rc = open_session(out, e, options, err);
    return vlm_engine_explain(e, rc, err);
}

bool vlm_engine_drop_idle(vlm_engine *e)
{
    bool features = vlm_engine_features_drop_idle(e);
    return vlm_engine_blocks_drop_idle(e) || features;
}

int vlm_engine_timeline_reserve(struct vlm_timeline *t, const vlm_engine *e, size_t n_positions,
                                size_t n_pictures, vlm_error *err)
{
    size_t bytes = n_positions * sizeof *t->positions;
    t->positions = vlm_mem_alloc(&e->alloc, n_positions, sizeof *t->positions);
    t->pictures = vlm_mem_zalloc(&e->alloc, n_pictures, sizeof *t->pictures);
    t->keys = vlm_mem_alloc(&e->alloc, n_positions / VLM_KV_BLOCK, sizeof *t->keys);
    if (!t->positions || !t->pictures || !t->keys)
        return vlm_fail_memory(err, bytes, "the timeline");
    return VLM_OK;
}

void vlm_engine_timeline_forget(struct vlm_timeline *t, vlm_engine *e)
{
    for (size_t i = 0; i < t->n_pictures; i++) {
        vlm_engine_feature_release(e, t->pictures[i].features);
        t->pictures[i].features = NULL;
    }
}

void vlm_engine_timeline_free(struct vlm_timeline *t, vlm_engine *e)
{
    vlm_engine_timeline_forget(t, e);
    vlm_mem_free(&e->alloc, t->pictures);
    vlm_mem_free(&e->alloc, t->positions);
    vlm_mem_free(&e->alloc, t->keys);
    *t = (struct vlm_timeline){.n = 0};
}

void vlm_session_close(vlm_session *s)
{
    if (!s)
        return;
    vlm_engine *e = s->engine;
    const vlm_allocator *a = &e->alloc;
    vlm_engine_enter(e); /* not while a step of others reads it */
    e->n_sessions--;
    vlm_engine_leave(e);
    for (size_t i = 0; i < s->options.n_stop; i++)
        vlm_mem_free(a, (char *)(uintptr_t)s->options.stop[i]);
    vlm_mem_free(a, (void *)(uintptr_t)s->options.stop);
    vlm_mem_free(a, s->stop_lengths);
    vlm_mem_free(a, (char *)(uintptr_t)s->options.tenant);
    vlm_engine_blocks_free(e, &s->kv);
    vlm_engine_timeline_free(&s->time, e);
    vlm_mem_free(a, s->prompt);
    vlm_mem_free(a, s->seen);
    vlm_mem_free(a, s->candidates);
    vlm_mem_free(a, s->top);
    vlm_mem_free(a, s->counts);
    vlm_mem_free(a, (void *)(uintptr_t)s->options.logit_bias);
    if (s->pending.alloc) {
        vlm_buf_free(&s->said);
        vlm_buf_free(&s->pending);
        vlm_buf_free(&s->out);
    }
    vlm_mem_free(a, s);
}
