/* session.c: a conversation timeline: sync decides what to reuse, step computes rows, sampling adds
 * positions.  Memory is taken by open and sync; a step takes none. */
#include "engine/session.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"

/* ---- options ---- */

void vlm_session_options_init(vlm_session_options *o)
{
    *o = (vlm_session_options){
        .size = sizeof *o, .max_tokens = 256, .chunk = 256, .top_p = 1, .repeat_penalty = 1};
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
                  {"kv_type", out->kv_type, VLM_KV_F32, VLM_KV_BF16},
                  {"detail", out->detail, VLM_DETAIL_AUTO, VLM_DETAIL_HIGH},
                  {"max_tiles", (double)out->max_tiles, 0, (double)VLM_LIMIT_TILES},
                  {"temperature", (double)out->temperature, 0, 1000},
                  {"top_k", out->top_k, 0, (double)VLM_LIMIT_VOCAB},
                  {"top_p", (double)out->top_p, 0, 1},
                  {"min_p", (double)out->min_p, 0, 1},
                  {"repeat_penalty", (double)out->repeat_penalty, 1e-3, 1e3},
                  {"n_logprobs", out->n_logprobs, 0, (double)VLM_LIMIT_LOGPROBS}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= ranges[i].min && ranges[i].value <= ranges[i].max))
            return vlm_fail(err, VLM_ERR_ARGUMENT, "%s is %g, expected %g to %g", ranges[i].name,
                            ranges[i].value, ranges[i].min, ranges[i].max);
    return check_stop(out, err);
}

/* ---- open and close ---- */

static int copy_stop(vlm_session *s, const vlm_session_options *o, vlm_error *err)
{
    const vlm_allocator *a = &s->engine->alloc;
    s->options.stop = NULL;
    s->options.n_stop = 0;
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
    s->top = vlm_mem_alloc(a, (size_t)s->options.n_logprobs, sizeof *s->top);
    /* a token's bytes on top of a stop string begun; each byte may become U+FFFD */
    size_t room = VLM_LIMIT_TOKEN_BYTES + VLM_LIMIT_STOP_BYTES + 4;
    vlm_buf_init(&s->pending, a, room);
    vlm_buf_init(&s->out, a, 3 * room);
    if (!s->seen || !s->candidates || !s->top || !vlm_buf_reserve(&s->pending, room) ||
        !vlm_buf_reserve(&s->out, 3 * room))
        return vlm_fail_memory(err, vocab * sizeof *s->candidates, "a session");
    s->kv.type = (enum vlm_num)s->options.kv_type; /* same numbers */
    if (s->options.context == 0)
        return VLM_OK;
    int rc = vlm_kv_grow(&s->kv, s->engine->model, s->engine->backend, s->options.context, err);
    return rc == VLM_OK ? vlm_backend_reserve(s->engine->backend, s->engine->config.text.head_dim,
                                              s->options.context, err)
                        : rc;
}

int vlm_session_open(vlm_session **out, vlm_engine *e, const vlm_session_options *options,
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
    s->outcome = VLM_DONE;
    atomic_init(&s->cancel, false);
    rc = copy_stop(s, &o, err);
    pthread_mutex_lock(&e->step);
    if (rc == VLM_OK)
        rc = take_memory(s, err);
    if (rc == VLM_OK)
        rc = reserve_engine(e, vlm_min_size(o.chunk, e->config.text.context), err);
    e->n_sessions++; /* close takes it back */
    pthread_mutex_unlock(&e->step);
    if (rc < 0) {
        vlm_session_close(s);
        return vlm_engine_explain(e, rc, err);
    }
    *out = s;
    return VLM_OK;
}

static void free_timeline(struct vlm_timeline *t, const vlm_allocator *a)
{
    for (size_t i = 0; i < t->n_pictures; i++)
        vlm_mem_free(a, t->pictures[i].features);
    vlm_mem_free(a, t->pictures);
    vlm_mem_free(a, t->positions);
    *t = (struct vlm_timeline){.n = 0};
}

void vlm_session_close(vlm_session *s)
{
    if (!s)
        return;
    vlm_engine *e = s->engine;
    const vlm_allocator *a = &e->alloc;
    pthread_mutex_lock(&e->step);
    e->n_sessions--;
    pthread_mutex_unlock(&e->step);
    for (size_t i = 0; i < s->options.n_stop; i++)
        vlm_mem_free(a, (char *)(uintptr_t)s->options.stop[i]);
    vlm_mem_free(a, (void *)(uintptr_t)s->options.stop);
    vlm_mem_free(a, s->stop_lengths);
    vlm_kv_free(&s->kv, e->model, e->backend);
    free_timeline(&s->time, a);
    vlm_mem_free(a, s->prompt);
    vlm_mem_free(a, s->seen);
    vlm_mem_free(a, s->candidates);
    vlm_mem_free(a, s->top);
    if (s->pending.alloc) {
        vlm_buf_free(&s->pending);
        vlm_buf_free(&s->out);
    }
    vlm_mem_free(a, s);
}

/* ---- sync ---- */

static int make_timeline(struct vlm_timeline *t, const vlm_engine *e, const struct vlm_prompt *p,
                         size_t room, vlm_error *err)
{
    size_t n = p->ids.n;
    t->positions = vlm_mem_alloc(&e->alloc, n + room, sizeof *t->positions);
    t->pictures = vlm_mem_zalloc(&e->alloc, p->n_pictures, sizeof *t->pictures);
    if (!t->positions || !t->pictures)
        return vlm_fail_memory(err, (n + room) * sizeof *t->positions, "the timeline");
    t->cap = n + room;
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

/* Encodes the pictures that positions from n_cached on need and that have no features yet.  The
 * step lock is held. */
static int encode_pictures(vlm_session *s, struct vlm_timeline *t, const struct vlm_prompt *p,
                           size_t n_cached, vlm_stats *stats, vlm_error *err)
{
    vlm_engine *e = s->engine;
    bool need[VLM_LIMIT_IMAGES] = {false};
    size_t total = 0, done = 0;
    for (size_t i = n_cached; i < t->n; i++)
        if (t->positions[i].picture && !t->pictures[t->positions[i].picture - 1].features)
            need[t->positions[i].picture - 1] = true;
    for (size_t i = 0; i < t->n_pictures; i++)
        total += need[i] ? t->pictures[i].plan.n_frames : 0;
    if (total == 0)
        return VLM_OK;
    int rc = vlm_engine_reserve_vision(e, err);
    const struct vlm_run run = {e->backend, NULL, &s->cancel};
    struct vision_report report = {s, total};
    for (size_t i = 0; rc == VLM_OK && i < t->n_pictures; i++) {
        if (!need[i])
            continue;
        size_t bytes = t->pictures[i].n_tokens * e->config.text.hidden * sizeof(float);
        t->pictures[i].features = vlm_mem_alloc(&e->alloc, bytes, 1);
        if (!t->pictures[i].features)
            return vlm_fail_memory(err, bytes, "image features");
        rc = vlm_engine_encode(e, t->pictures[i].features, &p->pictures[i], &run, &s->options, done,
                               report_vision, &report, err);
        done += t->pictures[i].plan.n_frames;
    }
    if (rc == VLM_OK && s->options.progress)
        s->options.progress(s->options.progress_ctx, VLM_PHASE_VISION, total, total);
    stats->n_tiles = total;
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
    int rc = check_context(s, n, limit, err);
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
    double start = vlm_os_now_ms();
    pthread_mutex_lock(&e->step);
    rc = vlm_kv_grow(&s->kv, e->model, e->backend, n + room, err);
    if (rc == VLM_OK)
        rc = vlm_backend_reserve(e->backend, e->config.text.head_dim, n + room, err);
    if (rc == VLM_OK) {
        take_features(s, t);
        rc = encode_pictures(s, t, p, *n_cached, stats, err);
        if (rc < 0)
            give_features_back(s, t);
    }
    stats->compute_bytes = e->text.bytes + e->vision.bytes + vlm_backend_bytes(e->backend);
    pthread_mutex_unlock(&e->step);
    stats->vision_ms = vlm_os_now_ms() - start;
    return rc;
}

static void commit(vlm_session *s, struct vlm_timeline *t, int32_t *prompt, size_t limit,
                   size_t n_cached, const vlm_stats *stats)
{
    vlm_engine *e = s->engine;
    free_timeline(&s->time, &e->alloc);
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
    vlm_stats stats = {.weights_bytes = e->model->weights.bytes};
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
        free_timeline(&t, &e->alloc);
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

/* ---- step ---- */

void vlm_session_cancel(vlm_session *s)
{
    atomic_store(&s->cancel, true);
}
vlm_finish vlm_session_finish(const vlm_session *s)
{
    return s->finish;
}
void vlm_session_stats(const vlm_session *s, vlm_stats *out)
{
    *out = s->stats;
}

static void finish(vlm_session *s, vlm_finish why)
{
    s->finish = why;
    s->outcome = VLM_DONE;
}

/* Nothing left to compute for this session?  Decides it before rows are made. */
static bool at_end(vlm_session *s)
{
    if (s->outcome < 0 || s->outcome == VLM_DONE)
        return true;
    if (s->finish != VLM_FINISH_NONE)
        s->outcome = VLM_DONE; /* the last token was given out by the step before */
    else if (atomic_load(&s->cancel))
        finish(s, VLM_FINISH_CANCELLED);
    else if (s->options.max_tokens == 0)
        finish(s, VLM_FINISH_LENGTH);
    return s->outcome == VLM_DONE;
}

/* Appends this session's rows: up to a chunk of prompt, or the one decoding row. */
static size_t add_rows(vlm_session *s, struct vlm_row *rows, size_t room)
{
    const vlm_engine *e = s->engine;
    size_t n = vlm_min_size(vlm_min_size(s->time.n - s->n_done, s->options.chunk), room);
    for (size_t i = 0; i < n; i++) {
        const struct vlm_position *p = &s->time.positions[s->n_done + i];
        const float *features = p->picture ? s->time.pictures[p->picture - 1].features : NULL;
        rows[i] = (struct vlm_row){.kv = &s->kv,
                                   .position = (uint32_t)(s->n_done + i),
                                   .id = p->id,
                                   .feature = features ? features + p->token * e->config.text.hidden
                                                       : NULL,
                                   .logits = s->n_done + i + 1 == s->time.n};
    }
    return n;
}

static bool is_eos(const vlm_engine *e, int32_t id)
{
    for (size_t i = 0; i < e->config.n_eos; i++)
        if (e->config.eos[i] == id)
            return true;
    return false;
}

static void add_logprobs(vlm_session *s, const float *logits, int32_t id)
{
    size_t vocab = s->engine->config.text.vocab,
           n = vlm_min_size((size_t)s->options.n_logprobs, vocab);
    float total = vlm_backend_kernels(s->engine->backend)->logsumexp(logits, vocab);
    vlm_engine_top(s->candidates, n, logits, vocab);
    for (size_t i = 0; i < n; i++)
        s->top[i] = (vlm_logprob){s->candidates[i].id, s->candidates[i].logit - total};
    s->token.logprob = logits[id] - total;
    s->token.top = s->top;
    s->token.n_top = n;
}

/* Samples the next token from the logits of the last position and gives it out. */
static void take_token(vlm_session *s, const float *logits)
{
    vlm_engine *e = s->engine;
    const vlm_session_options *o = &s->options;
    size_t vocab = e->config.text.vocab;
    const struct vlm_sample_options so = {o->temperature,    o->top_p,         o->min_p,
                                          o->repeat_penalty, (size_t)o->top_k, o->seed};
    float total = vlm_backend_kernels(e->backend)->logsumexp(logits, vocab);
    if (!isfinite(total)) {
        s->outcome = vlm_fail(&s->error, VLM_ERR_NUMERIC,
                              "the model's logits at position %zu are not finite", s->n_done - 1);
        return;
    }
    int32_t id = vlm_engine_sample(logits, vocab, &so, s->seen, s->n_done, s->candidates);
    s->token = (vlm_token){.id = id};
    if (o->n_logprobs > 0)
        add_logprobs(s, logits, id);
    s->seen[id / 8] |= (uint8_t)(1 << id % 8);
    s->stats.completion_tokens++;

    const char *bytes = "";
    size_t n = 0;
    bool special = false;
    if (!vlm_token_bytes(e->tok, id, &bytes, &n, &special) || special)
        n = 0; /* rows of the table without a token, and control tokens, have no text */
    bool eos = is_eos(e, id),
         full = s->stats.completion_tokens >= o->max_tokens || s->time.n >= s->limit;
    if (vlm_engine_text_add(s, bytes, n, eos || full) || eos)
        s->finish = VLM_FINISH_STOP;
    else if (full)
        s->finish = VLM_FINISH_LENGTH;
    else
        s->time.positions[s->time.n++] = (struct vlm_position){id, 0, 0};
    s->token.text = s->out.data;
    s->token.n_text = s->out.n;
    s->outcome = VLM_OK;
}

/* After a pass: where the session stands now. */
static void advance(vlm_session *s, size_t n_rows, const float *logits, double ms)
{
    bool prompt = s->n_done < s->n_prompt;
    s->n_done += n_rows;
    *(prompt ? &s->stats.prefill_ms : &s->stats.decode_ms) += ms;
    if (logits)
        take_token(s, logits);
    else
        s->outcome = VLM_MORE;
    if (prompt && s->options.progress &&
        s->options.progress(s->options.progress_ctx, VLM_PHASE_PREFILL,
                            s->n_done - s->stats.cached_tokens,
                            s->n_prompt - s->stats.cached_tokens) != 0)
        atomic_store(&s->cancel, true);
}

/* One pass over as many of sessions[0..n) as the workspace has rows for; returns how many were
 * served. Those already at their end count as served.  The step lock is held. */
static size_t pass(vlm_engine *e, vlm_session *const *sessions, size_t n, size_t *n_of)
{
    size_t n_rows = 0, served = 0;
    for (; served < n && (n_rows < e->text.max_rows || at_end(sessions[served])); served++) {
        vlm_session *s = sessions[served];
        n_of[served] = at_end(s) ? 0 : add_rows(s, e->rows + n_rows, e->text.max_rows - n_rows);
        n_rows += n_of[served];
    }
    if (n_rows == 0)
        return served;
    /* a pass of one session can be cancelled inside; with neighbours it is looked at between passes
     */
    const struct vlm_run run = {e->backend, NULL, n == 1 ? &sessions[0]->cancel : NULL};
    double start = vlm_os_now_ms();
    int rc = vlm_decoder_forward(e->model, &run, &e->text, e->rows, n_rows, e->logits);
    double ms = vlm_os_now_ms() - start;
    const float *logits = e->logits;
    for (size_t i = 0, row = 0; i < served; i++) {
        if (n_of[i] == 0)
            continue;
        row += n_of[i];
        bool wanted = e->rows[row - 1].logits;
        if (rc == VLM_ERR_CANCELLED)
            finish(sessions[i], VLM_FINISH_CANCELLED);
        else
            advance(sessions[i], n_of[i], wanted ? logits : NULL, ms);
        logits += wanted ? e->config.text.vocab : 0;
    }
    return served;
}

int vlm_step(vlm_engine *e, vlm_session *const *sessions, size_t n, vlm_error *err)
{
    size_t n_of[VLM_LIMIT_BATCH];
    if (n > VLM_LIMIT_BATCH)
        return vlm_fail(err, VLM_ERR_LIMIT, "a step of %zu sessions, expected at most %u", n,
                        (unsigned)VLM_LIMIT_BATCH);
    for (size_t i = 0; i < n; i++) {
        if (sessions[i]->engine != e)
            return vlm_fail(err, VLM_ERR_ARGUMENT, "session %zu belongs to another engine", i);
        for (size_t k = 0; k < i; k++)
            if (sessions[k] == sessions[i])
                return vlm_fail(err, VLM_ERR_ARGUMENT,
                                "sessions %zu and %zu of a step are the same", k, i);
    }
    pthread_mutex_lock(&e->step);
    for (size_t first = 0; first < n;)
        first += pass(e, sessions + first, n - first, n_of);
    pthread_mutex_unlock(&e->step);
    return VLM_OK;
}

int vlm_session_token(vlm_session *s, vlm_token *token, vlm_error *err)
{
    if (s->outcome < 0 && err)
        *err = s->error;
    if (s->outcome == VLM_OK)
        *token = s->token;
    return s->outcome;
}

int vlm_session_next(vlm_session *s, vlm_token *token, vlm_error *err)
{
    int rc;
    do {
        rc = vlm_step(s->engine, &s, 1, err);
        if (rc == VLM_OK)
            rc = vlm_session_token(s, token, err);
    } while (rc == VLM_MORE);
    return rc;
}

/* ---- estimate ---- */

int vlm_session_estimate(const vlm_engine *e, const vlm_session_options *options, vlm_estimate *out,
                         vlm_error *err)
{
    vlm_session_options o;
    int rc = vlm_engine_need_model(e, err);
    if (rc == VLM_OK)
        rc = vlm_engine_session_options(&o, options, err);
    if (rc < 0)
        return rc;
    size_t context = o.context ? o.context : e->config.text.context;
    size_t blocks = (context + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
    vlm_estimate x = {.weights_bytes = e->model->weights.bytes};
    x.kv_bytes = blocks * vlm_kv_block_bytes(e->model, (enum vlm_num)o.kv_type);
    x.vision_bytes = vlm_vision_space_bytes(e->model);
    x.compute_bytes = vlm_text_space_bytes(e->model, vlm_min_size(o.chunk, context)) +
                      e->config.text.vocab * (sizeof(float) + sizeof(struct vlm_candidate));
    x.total_bytes = x.weights_bytes + x.kv_bytes + x.vision_bytes + x.compute_bytes;
    *out = x;
    return VLM_OK;
}
