/* tools.c: looking inside without computing: limits, inspect, render, tiles. */
#include "vlm_tools.h"

#include <string.h>

#include "base/limits.h"
#include "engine/engine.h"

const char *vlm_isa_name(size_t i)
{
    return vlm_kernels_level(i);
}

int vlm_limit_get(size_t i, const char **name, uint64_t *value, const char **meaning)
{
    static const struct {
        const char *name;
        uint64_t value;
        const char *meaning;
    } limits[] = {
#define VLM_LIMIT_ROW(id, text) {#id, VLM_LIMIT_##id, text},
        VLM_LIMITS(VLM_LIMIT_ROW)
#undef VLM_LIMIT_ROW
    };
    if (i >= sizeof limits / sizeof *limits)
        return 0;
    *name = limits[i].name;
    *value = limits[i].value;
    *meaning = limits[i].meaning;
    return 1;
}

/* ---- inspect ---- */

void vlm_inspect(const vlm_engine *e, vlm_model_info *out)
{
    const struct vlm_config *c = &e->config;
    *out = (vlm_model_info){
        .format = e->gguf    ? "gguf"
                  : e->model ? "safetensors"
                             : "vocabulary",
        .family = c->family,
        .architecture = c->architecture,
        .chat_template = e->template_source,
        .context_length = c->text.context,
        .vocab_size = c->text.vocab,
        .n_added_tokens = vlm_token_added(e->tok),
        .text_hidden = c->text.hidden,
        .text_layers = c->text.layers,
        .text_heads = c->text.heads,
        .text_kv_heads = c->text.kv_heads,
        .text_head_dim = c->text.head_dim,
        .text_ffn = c->text.ffn,
        .vision_hidden = c->vision.hidden,
        .vision_layers = c->vision.layers,
        .vision_heads = c->vision.heads,
        .vision_ffn = c->vision.ffn,
        .patch_size = c->vision.patch,
        .tile_size = c->image.tile,
        .scale_factor = c->scale,
        .image_seq_len = c->image_seq_len,
        .longest_edge = c->image.longest_edge,
        .image_token_id = c->image_token_id,
        .eos_ids = c->eos,
        .n_eos = c->n_eos,
    };
    memcpy(out->config_hash, e->config_hash, sizeof out->config_hash);
    memcpy(out->tokenizer_hash, e->tokenizer_hash, sizeof out->tokenizer_hash);
    if (!e->model)
        return;
    out->parameters = e->model->parameters;
    out->parameters_vision = e->model->parameters_vision;
    out->parameters_connector = e->model->parameters_connector;
    out->parameters_text = e->model->parameters_text;
    out->weights_bytes = e->model->weights_bytes;
    const struct vlm_weights *both[2] = {&e->model->weights, &e->model->tower};
    for (size_t k = 0; k < 2; k++) {
        out->n_tensors += both[k]->n_tensors;
        for (size_t i = 0; i < both[k]->n_files; i++)
            out->file_bytes += both[k]->files[i].map.n;
    }
}

int vlm_inspect_tensor(const vlm_engine *e, size_t i, vlm_tensor_info *out)
{
    if (!e->model)
        return 0;
    const struct vlm_weights *w = &e->model->weights;
    if (i >= w->n_tensors) { /* behind them a GGUF model's tower */
        i -= w->n_tensors;
        w = &e->model->tower;
    }
    if (i >= w->n_tensors)
        return 0;
    const struct vlm_weight *t = &w->tensors[i];
    *out = (vlm_tensor_info){.name = t->name,
                             .type = t->type,
                             .file = w->files[t->file].name,
                             .n_dims = t->n_dims,
                             .bytes = t->bytes};
    memcpy(out->shape, t->shape, sizeof out->shape);
    return 1;
}

/* ---- render ---- */

int vlm_render(vlm_rendered *out, const vlm_engine *e, const vlm_message *messages,
               size_t n_messages, int add_generation_prompt, const vlm_session_options *options,
               vlm_error *err)
{
    return vlm_render_data(out, e, messages, n_messages, add_generation_prompt, options, NULL, NULL,
                           err);
}

int vlm_render_data(vlm_rendered *out, const vlm_engine *e, const vlm_message *messages,
                    size_t n_messages, int add_generation_prompt,
                    const vlm_session_options *options, const char *tools, const char *members,
                    vlm_error *err)
{
    vlm_session_options o;
    struct vlm_prompt p;
    int rc = vlm_engine_session_options(&o, options, err);
    if (rc < 0)
        return rc;
    vlm_engine_prompt_init(&p, e);
    p.data = (struct vlm_prompt_data){tools, members};
    rc = vlm_engine_prompt_build(&p, e, messages, n_messages, add_generation_prompt, &o, err);
    if (rc == VLM_OK) {
        vlm_rendered r = {.n_ids = p.ids.n, .n_image_tokens = p.n_image_tokens, .engine = e};
        r.text = vlm_buf_take(&p.text.text, &r.n_text);
        r.ids = p.ids.data;
        p.ids.data = NULL;
        p.ids.n = p.ids.cap = 0;
        if (r.text)
            *out = r;
        else {
            rc = vlm_fail_memory(err, r.n_text, "the prompt");
            vlm_mem_free(&e->alloc, r.ids);
        }
    }
    vlm_engine_prompt_free(&p, e);
    return vlm_engine_explain(e, rc, err);
}

void vlm_rendered_free(vlm_rendered *r)
{
    if (!r || !r->engine)
        return;
    vlm_mem_free(&r->engine->alloc, r->text);
    vlm_mem_free(&r->engine->alloc, r->ids);
    *r = (vlm_rendered){.text = NULL};
}

/* ---- tiles ---- */

struct vlm_tiles {
    const vlm_engine *engine;
    struct vlm_tile_plan plan;
    uint32_t width, height; /* of the source */
    uint8_t *pixels;
    uint32_t (*sizes)[2]; /* of each frame's source, of a video; else NULL */
};

static vlm_tiles *new_tiles(const vlm_engine *e, vlm_error *err)
{
    vlm_tiles *t = vlm_mem_zalloc(&e->alloc, 1, sizeof *t);
    if (t)
        t->engine = e;
    else
        vlm_fail_memory(err, sizeof *t, "tiles");
    return t;
}

/* Room for the plan's frames. */
static int reserve_tiles(vlm_tiles *t, vlm_error *err)
{
    size_t bytes = (size_t)t->plan.tile * t->plan.tile * 3;
    t->pixels = vlm_mem_alloc(&t->engine->alloc, t->plan.n_frames, bytes);
    return t->pixels ? VLM_OK : vlm_fail_memory(err, t->plan.n_frames * bytes, "tiles");
}

int vlm_tiles_make(vlm_tiles **out, const vlm_engine *e, const vlm_image *image,
                   const vlm_session_options *options, vlm_error *err)
{
    vlm_session_options o;
    int rc = vlm_engine_session_options(&o, options, err);
    if (rc < 0)
        return rc;
    const struct vlm_image_config c = vlm_engine_image_config(e, &o);
    vlm_tiles *t = new_tiles(e, err);
    if (!t)
        return vlm_engine_explain(e, VLM_ERR_MEMORY, err);
    t->width = image->width;
    t->height = image->height;
    rc = vlm_image_plan(&t->plan, t->width, t->height, &c, err);
    if (rc == VLM_OK)
        rc = reserve_tiles(t, err);
    if (rc == VLM_OK)
        rc = vlm_image_tiles(t->pixels, &t->plan, image, &c, &e->alloc, err);
    if (rc < 0) {
        vlm_tiles_free(t);
        return vlm_engine_explain(e, rc, err);
    }
    *out = t;
    return VLM_OK;
}

int vlm_tiles_make_video(vlm_tiles **out, const vlm_engine *e, const vlm_video *video,
                         vlm_error *err)
{
    vlm_tiles *t = new_tiles(e, err);
    if (!t)
        return vlm_engine_explain(e, VLM_ERR_MEMORY, err);
    t->plan = (struct vlm_tile_plan){.tile = video->side, .n_frames = (uint32_t)video->n};
    int rc = reserve_tiles(t, err);
    t->sizes = vlm_mem_alloc(&e->alloc, video->n, sizeof *t->sizes);
    if (rc == VLM_OK && !t->sizes)
        rc = vlm_fail_memory(err, video->n * sizeof *t->sizes, "tiles");
    if (rc < 0) {
        vlm_tiles_free(t);
        return vlm_engine_explain(e, rc, err);
    }
    size_t bytes = (size_t)video->side * video->side * 3;
    for (size_t i = 0; i < video->n; i++) {
        memcpy(t->pixels + i * bytes, video->frames[i].rgb, bytes);
        t->sizes[i][0] = video->frames[i].width;
        t->sizes[i][1] = video->frames[i].height;
    }
    *out = t;
    return VLM_OK;
}

size_t vlm_tiles_count(const vlm_tiles *t)
{
    return t->plan.n_frames;
}

void vlm_tiles_get(const vlm_tiles *t, size_t i, vlm_tile *out)
{
    uint32_t frame = (uint32_t)i, n_cut = t->plan.rows * t->plan.cols;
    *out = (vlm_tile){
        .width = t->plan.tile, .height = t->plan.tile, .n_tokens = t->engine->config.image_seq_len};
    if (frame < n_cut) {
        out->row = frame / t->plan.cols + 1;
        out->col = frame % t->plan.cols + 1;
    }
    vlm_image_frame_box(out->box, &t->plan, frame, t->sizes ? t->sizes[i][0] : t->width,
                        t->sizes ? t->sizes[i][1] : t->height);
    out->pixels = t->pixels + i * t->plan.tile * t->plan.tile * 3;
}

void vlm_tiles_free(vlm_tiles *t)
{
    if (!t)
        return;
    vlm_mem_free(&t->engine->alloc, t->sizes);
    vlm_mem_free(&t->engine->alloc, t->pixels);
    vlm_mem_free(&t->engine->alloc, t);
}

int vlm_png_encode(uint8_t **out, size_t *n, const vlm_engine *e, const uint8_t *pixels,
                   uint32_t width, uint32_t height, vlm_error *err)
{
    return vlm_image_png(out, n, pixels, width, height, e ? &e->alloc : &vlm_mem_system, err);
}

void vlm_bytes_free(const vlm_engine *e, void *bytes)
{
    vlm_mem_free(e ? &e->alloc : &vlm_mem_system, bytes);
}
