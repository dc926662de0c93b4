/* estimate.c: what a session will take, told before anything of it is taken.  Every figure comes
 * from the function of the room that later takes the memory. */
#include "base/limits.h"
#include "engine/session.h"
#include "vlm_tools.h"

size_t vlm_engine_chunk_rows(const vlm_engine *e, const vlm_session_options *o)
{
    return o->chunk < e->config.text.context ? o->chunk : e->config.text.context;
}

static uint64_t frame_bytes(const struct vlm_config *c)
{
    return (uint64_t)c->image.tile * c->image.tile * 3;
}

static uint64_t feature_bytes(const struct vlm_config *c)
{
    return (uint64_t)c->image_seq_len * c->text.hidden * sizeof(float);
}

int vlm_session_estimate_images(const vlm_engine *e, const vlm_session_options *options,
                                vlm_image_estimate *images, size_t n_images, vlm_estimate *out,
                                vlm_error *err)
{
    vlm_session_options o;
    vlm_estimate x;
    int rc = vlm_session_estimate(e, options, &x, err);
    if (rc == VLM_OK)
        rc = vlm_engine_session_options(&o, options, err);
    if (rc < 0)
        return rc;
    const struct vlm_config *c = &e->config;
    const struct vlm_image_config ic = vlm_engine_image_config(e, &o);
    uint64_t cut = 0, kept = 0; /* a picture's tiles while it is encoded; what stays */
    for (size_t i = 0; i < n_images; i++) {
        struct vlm_tile_plan p;
        rc = vlm_image_plan(&p, images[i].width, images[i].height, &ic, err);
        if (rc < 0)
            return rc;
        images[i].rows = p.rows;
        images[i].cols = p.cols;
        images[i].n_tiles = p.n_frames;
        images[i].n_tokens = (size_t)p.n_frames * c->image_seq_len;
        uint64_t now = p.n_frames * frame_bytes(c) + (uint64_t)p.width * p.height * 3;
        cut = now > cut ? now : cut;
        kept += p.n_frames * feature_bytes(c) + (uint64_t)images[i].width * images[i].height * 3;
    }
    x.total_bytes -= x.vision_bytes;
    x.vision_bytes = vlm_vision_space_bytes(e->model) + cut + kept;
    x.total_bytes += x.vision_bytes;
    *out = x;
    return VLM_OK;
}

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
    if (context > e->config.text.context)
        return vlm_fail(err, VLM_ERR_CONTEXT,
                        "context is %zu positions, expected at most the model's %u", context,
                        e->config.text.context);
    const struct vlm_config *c = &e->config;
    size_t blocks = (context + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK;
    vlm_estimate x = {.weights_bytes = e->model->weights_bytes};
    x.kv_bytes = blocks * vlm_kv_block_bytes(e->model, (enum vlm_num)o.kv_type);
    /* one picture of 17 frames, the most that the released processors make of a square one */
    x.vision_bytes = vlm_vision_space_bytes(e->model) + 17 * (frame_bytes(c) + feature_bytes(c));
    x.compute_bytes = vlm_text_space_bytes(e->model, vlm_engine_chunk_rows(e, &o)) +
                      c->text.vocab * (sizeof(float) + sizeof(struct vlm_candidate)) +
                      VLM_TEXT_ROOM * 4;
    x.total_bytes = x.weights_bytes + x.kv_bytes + x.vision_bytes + x.compute_bytes;
    *out = x;
    return VLM_OK;
}
