/* trace.c: the same forward passes as a session's, with a tap that hands every intermediate to the
 * caller under the names of the trace format. */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "engine/engine.h"
#include "vlm_tools.h"

struct trace {
    vlm_engine *e;
    vlm_session_options options;
    vlm_trace_fn fn;
    vlm_input_fn *input; /* or NULL */
    void *ctx;
    atomic_bool stopped;
    size_t n_frames, n_rows; /* of the whole run, for shapes */
    struct vlm_kv kv;
    struct vlm_text_space space;
    struct vlm_row *rows; /* [chunk] */
    uint8_t *frames;      /* of the largest picture */
    float *features;      /* [image tokens][hidden] */
    float *logits;        /* [chunk][vocab] */
    size_t chunk;
};

static void hand_input(void *ctx, const struct vlm_linear *w, const struct vlm_tensor *x)
{
    struct trace *t = ctx;
    t->input(t->ctx, w, x);
}

static void hand(struct trace *t, const vlm_traced *piece)
{
    if (!t->stopped && piece->n_rows)
        atomic_store(&t->stopped, t->fn(t->ctx, piece) != 0);
}

static void tap(void *ctx, const char *name, int layer, const float *data, size_t first,
                size_t n_rows, size_t n)
{
    struct trace *t = ctx;
    const struct vlm_config *c = &t->e->config;
    char numbered[32];
    vlm_traced piece = {.name = name, .data = data};
    if (layer >= 0) {
        snprintf(numbered, sizeof numbered, "%s.%02d", name, layer);
        piece.name = numbered;
    }
    if (strcmp(name, "pixels") == 0) {
        piece.n_dims = 4;
        memcpy(piece.shape, (size_t[4]){t->n_frames, 3, c->image.tile, c->image.tile},
               sizeof piece.shape);
        piece.first_row = first;
        piece.n_rows = 1;
    } else if (strncmp(name, "vision", 6) == 0) { /* rows are patches; the trace counts frames */
        piece.n_dims = 3;
        memcpy(piece.shape, (size_t[4]){t->n_frames, n_rows, n, 0}, sizeof piece.shape);
        piece.first_row = first / n_rows;
        piece.n_rows = 1;
    } else {
        bool connector = strcmp(name, "connector") == 0;
        piece.n_dims = 2;
        memcpy(piece.shape,
               (size_t[4]){connector ? t->n_frames * c->image_seq_len : t->n_rows, n, 0, 0},
               sizeof piece.shape);
        piece.first_row = first;
        piece.n_rows = n_rows;
    }
    hand(t, &piece);
}

static void hand_ids(struct trace *t, const char *name, const int32_t *ids, size_t n)
{
    hand(t, &(vlm_traced){
                .name = name, .is_int32 = 1, .n_dims = 1, .shape = {n}, .n_rows = n, .data = ids});
}

static bool stopped(void *ctx)
{
    return atomic_load(&((struct trace *)ctx)->stopped);
}

/* A frame a turn. */
static int encode_picture(struct trace *t, const struct vlm_prompt_picture *p, uint8_t *frames,
                          size_t first, vlm_error *err)
{
    vlm_engine *e = t->e;
    size_t side = e->config.image.tile, hidden = e->config.text.hidden,
           tokens = e->config.image_seq_len;
    const struct vlm_tap vision_tap = {tap, t, t->input ? hand_input : NULL};
    const struct vlm_run run = {e->backend, &vision_tap, stopped, t};
    int rc = vlm_engine_cut(frames, e, p, &t->options, err);
    for (size_t i = 0; rc == VLM_OK && i < p->key.plan.n_frames; i++) {
        struct vlm_vision_frame f = {.pixels = frames + i * side * side * 3,
                                     .of_video = !p->image,
                                     .features =
                                         t->features + (p->first_token + i * tokens) * hidden,
                                     .index = first + i};
        vlm_engine_enter(e);
        rc = vlm_vision_forward(e->model, &run, &e->vision, &f, 1);
        vlm_engine_leave(e);
    }
    return rc == VLM_ERR_CANCELLED ? vlm_fail(err, rc, "trace stopped") : rc;
}

static int encode(struct trace *t, const struct vlm_prompt *p, vlm_error *err)
{
    vlm_engine *e = t->e;
    size_t most = 0, side = e->config.image.tile, done = 0;
    t->n_frames = p->n_frames;
    if (p->n_frames == 0)
        return VLM_OK;
    for (size_t i = 0; i < p->n_pictures; i++)
        most = vlm_max_size(most, p->pictures[i].key.plan.n_frames);
    size_t bytes = p->n_image_tokens * e->config.text.hidden * sizeof(float);
    t->features = vlm_mem_alloc(&e->alloc, bytes, 1);
    t->frames = vlm_mem_alloc(&e->alloc, most, side * side * 3);
    if (!t->features || !t->frames)
        return vlm_fail_memory(err, bytes + most * side * side * 3, "image features and tiles");
    vlm_engine_enter(e);
    int rc = vlm_engine_reserve_vision(e, err);
    vlm_engine_leave(e);
    for (size_t i = 0; rc == VLM_OK && i < p->n_pictures; i++) {
        rc = encode_picture(t, &p->pictures[i], t->frames, done, err);
        done += p->pictures[i].key.plan.n_frames;
    }
    return rc;
}

static int reserve(struct trace *t, size_t n_ids, size_t n_generate, vlm_error *err)
{
    vlm_engine *e = t->e;
    size_t vocab = e->config.text.vocab, context = e->config.text.context;
    size_t n_positions = n_ids + n_generate;
    if (n_ids > context || n_generate > context - n_ids)
        return vlm_fail(err, VLM_ERR_CONTEXT,
                        "%zu ids and %zu to generate, expected at most %zu together", n_ids,
                        n_generate, context);
    t->chunk = vlm_min_size(t->options.chunk, n_positions);
    t->rows = vlm_mem_alloc(&e->alloc, t->chunk, sizeof *t->rows);
    t->logits = vlm_mem_alloc(&e->alloc, t->chunk, vocab * sizeof *t->logits);
    if (!t->rows || !t->logits)
        return vlm_fail_memory(err, t->chunk * vocab * sizeof *t->logits, "logits");
    t->kv.type = vlm_engine_kv_num(t->options.kv_type);
    int rc = vlm_text_space_open(&t->space, e->model, e->backend, t->chunk, err);
    if (rc == VLM_OK)
        rc = vlm_kv_grow(&t->kv, e->model, e->backend, n_positions, err);
    return rc == VLM_OK ? vlm_backend_reserve(e->backend, e->config.text.head_dim, n_positions, err)
                        : rc;
}

/* All rows of the prompt, in chunks, each with its logits; the last row's logits stay at *last. */
static void prefill(struct trace *t, const int32_t *ids, size_t n, const float **last)
{
    vlm_engine *e = t->e;
    size_t vocab = e->config.text.vocab, token = 0;
    const struct vlm_tap text_tap = {tap, t, t->input ? hand_input : NULL};
    const struct vlm_run run = {e->backend, &text_tap, stopped, t};
    t->n_rows = n;
    for (size_t first = 0; first < n && !atomic_load(&t->stopped); first += t->chunk) {
        size_t m = vlm_min_size(t->chunk, n - first);
        for (size_t i = 0; i < m; i++) {
            bool image = t->features && ids[first + i] == e->config.image_token_id;
            t->rows[i] = (struct vlm_row){
                .kv = &t->kv,
                .position = (uint32_t)(first + i),
                .id = ids[first + i],
                .logits = true,
                .feature = image ? t->features + token++ * e->config.text.hidden : NULL};
        }
        vlm_decoder_forward(e->model, &run, &t->space, t->rows, m, t->logits);
        hand(t, &(vlm_traced){.name = "logits",
                              .n_dims = 2,
                              .shape = {n, vocab},
                              .first_row = first,
                              .n_rows = m,
                              .data = t->logits});
        *last = t->logits + (m - 1) * vocab;
    }
}

/* Up to n greedy tokens after position first; the stop token, if reached, is the last one. */
static size_t generate(struct trace *t, int32_t *out, size_t n, size_t first, const float *logits)
{
    vlm_engine *e = t->e;
    const struct vlm_run run = {.backend = e->backend};
    for (size_t i = 0; i < n; i++) {
        out[i] = (int32_t)vlm_backend_kernels(e->backend)->argmax(logits, e->config.text.vocab);
        if (vlm_config_is_eos(&e->config, out[i]) || i + 1 == n)
            return i + 1;
        const struct vlm_row row = {
            .kv = &t->kv, .position = (uint32_t)(first + i), .id = out[i], .logits = true};
        vlm_decoder_forward(e->model, &run, &t->space, &row, 1, t->logits);
        logits = t->logits;
    }
    return n;
}

static int run_trace(struct trace *t, const int32_t *ids, size_t n_ids, size_t n_generate,
                     vlm_error *err)
{
    const float *last = NULL;
    int rc = reserve(t, n_ids, n_generate, err);
    if (rc < 0)
        return rc;
    prefill(t, ids, n_ids, &last);
    if (n_generate && !t->stopped) {
        int32_t *out = vlm_mem_alloc(&t->e->alloc, n_generate, sizeof *out);
        if (!out)
            return vlm_fail_memory(err, n_generate * sizeof *out, "generated ids");
        hand_ids(t, "generated_ids", out, generate(t, out, n_generate, n_ids, last));
        vlm_mem_free(&t->e->alloc, out);
    }
    return t->stopped ? vlm_fail(err, VLM_ERR_CANCELLED, "trace stopped") : VLM_OK;
}

static int check_ids(const vlm_engine *e, const int32_t *ids, size_t n_ids, vlm_error *err)
{
    if (n_ids == 0 || !ids)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "neither messages nor ids given");
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= e->config.text.vocab)
            return vlm_fail(err, VLM_ERR_ARGUMENT, "id %zu is %d, expected 0 to %u", i, ids[i],
                            e->config.text.vocab - 1);
    return VLM_OK;
}

int vlm_trace(vlm_engine *e, const vlm_message *messages, size_t n_messages, const int32_t *ids,
              size_t n_ids, const vlm_session_options *options, size_t n_generate, vlm_trace_fn fn,
              void *ctx, vlm_error *err)
{
    return vlm_engine_trace(e, messages, n_messages, ids, n_ids, options, n_generate, fn, NULL, ctx,
                            err);
}

int vlm_engine_trace(vlm_engine *e, const vlm_message *messages, size_t n_messages,
                     const int32_t *ids, size_t n_ids, const vlm_session_options *options,
                     size_t n_generate, vlm_trace_fn fn, vlm_input_fn *input, void *ctx,
                     vlm_error *err)
{
    struct trace t = {.e = e, .fn = fn, .input = input, .ctx = ctx};
    struct vlm_prompt p;
    int rc = vlm_engine_need_model(e, err);
    if (rc == VLM_OK)
        rc = vlm_engine_session_options(&t.options, options, err);
    if (rc < 0)
        return rc;
    vlm_engine_prompt_init(&p, e);
    if (n_messages) {
        rc = vlm_engine_prompt_build(&p, e, messages, n_messages, true, &t.options, err);
        if (rc == VLM_OK)
            rc = vlm_engine_prompt_not_empty(&p, err);
    } else {
        rc = check_ids(e, ids, n_ids, err);
    }
    if (rc == VLM_OK) {
        const int32_t *prompt = n_messages ? p.ids.data : ids;
        size_t n = n_messages ? p.ids.n : n_ids;
        hand_ids(&t, "prompt_ids", prompt, n);
        rc = encode(&t, &p, err);
        vlm_engine_enter(e);
        if (rc == VLM_OK)
            rc = run_trace(&t, prompt, n, n_generate, err);
        vlm_text_space_close(&t.space, e->backend);
        vlm_kv_free(&t.kv, e->model, e->backend);
        vlm_engine_leave(e);
    }
    vlm_mem_free(&e->alloc, t.rows);
    vlm_mem_free(&e->alloc, t.frames);
    vlm_mem_free(&e->alloc, t.features);
    vlm_mem_free(&e->alloc, t.logits);
    vlm_engine_prompt_free(&p, e);
    return vlm_engine_explain(e, rc, err);
}
