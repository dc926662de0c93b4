/* estimate.c: what a session will take, told before anything of it is taken, and the budget of a
 * session.  Every figure comes from the function of the room that later takes the memory, or stands
 * beside the allocation that it foretells (session.c, sync.c, features.c, backend/cpu.c). */
#include <math.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/bench.h"
#include "engine/session.h"

size_t vlm_engine_chunk_rows(const vlm_engine *e, const vlm_session_options *o)
{
    return vlm_min_size(o->chunk, e->config.text.context);
}

static uint64_t kv_bytes(const vlm_engine *e, const vlm_session_options *o, size_t n_positions)
{
    return vlm_kv_blocks(n_positions) *
           (vlm_kv_block_bytes(e->model, vlm_engine_kv_num(o->kv_type)) +
            sizeof(struct vlm_kv_block));
}

/* The tables of a session, and its timeline. */
static uint64_t own_bytes(const vlm_engine *e, const vlm_session_options *o, size_t n_positions)
{
    uint64_t vocab = e->config.text.vocab;
    uint64_t counts = o->presence_penalty != 0 || o->frequency_penalty != 0 ? 2 : 0;
    return sizeof(struct vlm_session) + vocab / 8 +
           vocab * (sizeof(struct vlm_candidate) + counts) + 4 * VLM_TEXT_ROOM +
           n_positions * (sizeof(struct vlm_position) + sizeof(int32_t)) +
           n_positions / VLM_KV_BLOCK * 32;
}

/* Of n frames, from sync until their features are read. */
static uint64_t frames_bytes(const vlm_engine *e, size_t n)
{
    const struct vlm_config *c = &e->config;
    return n * ((uint64_t)c->image.tile * c->image.tile * 3 +
                (uint64_t)c->image_seq_len * c->text.hidden * sizeof(float));
}

/* What passes and threads share; grows with the largest session. */
static uint64_t compute_bytes(const vlm_engine *e, const vlm_session_options *o, size_t n_positions)
{
    const struct vlm_text_config *t = &e->config.text;
    const struct vlm_vision_config *v = &e->config.vision;
    size_t n_threads = (size_t)vlm_pool_size(e->pool), rows = vlm_engine_chunk_rows(e, o);
    size_t head_dim = vlm_max_size(t->head_dim, v->layers ? v->hidden / v->heads : 0);
    uint64_t scratch = n_threads * (vlm_attention_scratch(head_dim) * sizeof(float) +
                                    2 * (n_positions / VLM_KV_BLOCK + 1) * sizeof(void *));
    return vlm_text_space_bytes(e->model, rows) + rows * sizeof(struct vlm_row) +
           (uint64_t)t->vocab * sizeof(float) + scratch +
           vlm_backend_unpack_bytes(e->backend, vlm_model_widest_packed(e->model));
}

/* Pages that the system maps around one that is asked for, in bytes. */
#define AROUND (64.0 * 1024)

/* Of the mapped weights, what is read: every matrix of the decoder, those of the tower only for
 * pictures, and of a table that is only looked up what lies around the rows of so many tokens, as
 * if ids came at random (texts repeat themselves: then it is less). */
static uint64_t read_bytes(const vlm_engine *e, size_t n_tokens, bool pictures)
{
    const struct vlm_model *m = e->model;
    vlm_bench_sample work = {.ms = 0}; /* of no rows and frames: only bytes */
    double table = (double)m->embed.n_out * (double)vlm_num_bytes(m->embed.type, m->embed.n_in);
    vlm_engine_work_rows(&work, e, VLM_NUM_F32, 0, 0, 1, 1);
    const double text = work.bytes;
    if (e->config.vision.layers)
        vlm_engine_work_frames(&work, e, 0);
    if (pictures) /* what is rounded is read once, and in the tower's workspace then */
        work.bytes -= (double)vlm_model_rounded_bytes(m);
    if (!pictures) /* opening read the biases and norms of the tower: some eight places a layer */
        work.bytes = text + fmin(work.bytes - text, 8 * AROUND * e->config.vision.layers);
    if (m->embed.data != m->head.data)
        work.bytes += table * (1 - exp(-(double)n_tokens * AROUND / fmax(table, AROUND)));
    return (uint64_t)work.bytes;
}

static int estimate(const vlm_engine *e, const vlm_session_options *options, vlm_session_options *o,
                    vlm_estimate *x, size_t *context, vlm_error *err)
{
    int rc = vlm_engine_need_model(e, err);
    if (rc == VLM_OK)
        rc = vlm_engine_session_options(o, options, err);
    if (rc < 0)
        return rc;
    *context = o->context ? o->context : e->config.text.context;
    if (*context > e->config.text.context)
        return vlm_fail(err, VLM_ERR_CONTEXT,
                        "context is %zu positions, expected at most the model's %u", *context,
                        e->config.text.context);
    uint64_t used = atomic_load(&e->account.used),
             shared = e->text.bytes + e->vision.bytes + vlm_backend_bytes(e->backend);
    *x = (vlm_estimate){.weights_bytes = e->model->weights_bytes,
                        .kv_bytes = kv_bytes(e, o, *context),
                        .compute_bytes = compute_bytes(e, o, *context) + own_bytes(e, o, *context),
                        .engine_bytes = used > shared ? used - shared : used};
    return VLM_OK;
}

/* What is resident when the prompt was read: by then the frames of pictures are gone, unless they
 * outweigh what came since. */
static void sum(vlm_estimate *x, const vlm_engine *e, size_t n_tokens, size_t n_frames)
{
    const struct vlm_image_config *c = &e->config.image;
    vlm_model_info info;
    vlm_inspect(e, &info);
    uint64_t frames = (uint64_t)n_frames * c->tile * c->tile * 3,
             since = x->kv_bytes + read_bytes(e, n_tokens, false);
    x->total_bytes = x->kv_bytes + x->vision_bytes + x->compute_bytes + x->engine_bytes -
                     (frames < since ? frames : since);
    bool mapped = e->model->weights.n_files && e->model->weights.files[0].map.mapped;
    if (mapped || e->account.used < e->model->weights_bytes) /* else they were counted */
        x->total_bytes += read_bytes(e, n_tokens, n_frames > 0) + info.file_bytes -
                          info.weights_bytes; /* what opening reads */
}

int vlm_session_estimate_images(const vlm_engine *e, const vlm_session_options *options,
                                vlm_image_estimate *images, size_t n_images, vlm_estimate *out,
                                vlm_error *err)
{
    vlm_session_options o;
    vlm_estimate x;
    size_t context, n_tokens = 0, n_frames = 0; /* of pictures */
    int rc = estimate(e, options, &o, &x, &context, err);
    if (rc < 0)
        return rc;
    const struct vlm_image_config c = vlm_engine_image_config(e, &o);
    for (size_t i = 0; i < n_images; i++) {
        struct vlm_tile_plan p;
        rc = vlm_image_plan(&p, images[i].width, images[i].height, &c, err);
        if (rc < 0)
            return rc;
        images[i].rows = p.rows;
        images[i].cols = p.cols;
        images[i].n_tiles = p.n_frames;
        images[i].n_tokens = (size_t)p.n_frames * e->config.image_seq_len;
        n_tokens += images[i].n_tokens;
        n_frames += p.n_frames;
        x.vision_bytes +=
            frames_bytes(e, p.n_frames) + (uint64_t)images[i].width * images[i].height * 3;
    }
    if (n_images)
        x.vision_bytes += vlm_vision_space_bytes(e->model);
    sum(&x, e, context - vlm_min_size(n_tokens, context), n_frames);
    *out = x;
    return VLM_OK;
}

int vlm_session_estimate(const vlm_engine *e, const vlm_session_options *options, vlm_estimate *out,
                         vlm_error *err)
{
    vlm_session_options o;
    vlm_estimate x;
    size_t context;
    int rc = estimate(e, options, &o, &x, &context, err);
    if (rc < 0)
        return rc;
    /* 17 frames are the most that the released processors make of a square picture */
    if (e->config.vision.layers)
        x.vision_bytes = vlm_vision_space_bytes(e->model) + frames_bytes(e, 17);
    sum(&x, e, context, e->config.vision.layers ? 17 : 0);
    *out = x;
    return VLM_OK;
}

/* ---- budgets ---- */

static uint64_t picture_bytes(const vlm_engine *e, const struct vlm_prompt *p)
{
    uint64_t bytes = 0;
    for (size_t i = 0; p && i < p->n_pictures; i++)
        bytes += frames_bytes(e, p->pictures[i].key.plan.n_frames);
    return bytes;
}

int vlm_engine_check_session_budget(const vlm_engine *e, const vlm_session_options *o,
                                    size_t n_positions, const struct vlm_prompt *p, vlm_error *err)
{
    uint64_t kv = kv_bytes(e, o, n_positions), pictures = picture_bytes(e, p),
             all = kv + pictures + own_bytes(e, o, n_positions);
    if (o->max_memory == 0 || all <= o->max_memory)
        return VLM_OK;
    return vlm_fail(err, VLM_ERR_MEMORY,
                    "the session needs %llu bytes (%llu for %zu positions, %llu for pictures), "
                    "expected at most its max_memory of %llu",
                    (unsigned long long)all, (unsigned long long)kv, n_positions,
                    (unsigned long long)pictures, (unsigned long long)o->max_memory);
}

void vlm_engine_tell_need(const vlm_session *s, size_t n_positions, const struct vlm_prompt *p,
                          vlm_error *err)
{
    const vlm_engine *e = s->engine;
    uint64_t need = kv_bytes(e, &s->options, n_positions) + picture_bytes(e, p) +
                    own_bytes(e, &s->options, n_positions);
    if (p->n_pictures && !e->vision.alloc)
        need += vlm_vision_space_bytes(e->model);
    if (atomic_load(&e->account.refused))
        vlm_fail(err, VLM_ERR_MEMORY,
                 "%zu positions and %zu pictures need %llu bytes, beside %llu that are held",
                 n_positions, p->n_pictures, (unsigned long long)need,
                 (unsigned long long)atomic_load(&e->account.used));
}
