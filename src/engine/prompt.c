/* prompt.c: messages -> ids and frames, and frames -> features.  What sessions, render, tiles and
 * trace share, so that all of them see the same prompt. */
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/engine.h"

void vlm_engine_prompt_init(struct vlm_prompt *p, const vlm_engine *e)
{
    *p = (struct vlm_prompt){.n_pictures = 0};
    vlm_prompt_text_init(&p->text, &e->alloc);
    vlm_ids_init(&p->ids, &e->alloc);
}

void vlm_engine_prompt_free(struct vlm_prompt *p, const vlm_engine *e)
{
    vlm_prompt_text_free(&p->text);
    vlm_ids_free(&p->ids);
    vlm_mem_free(&e->alloc, p->pictures);
    p->pictures = NULL;
}

struct vlm_image_config vlm_engine_image_config(const vlm_engine *e, const vlm_session_options *o)
{
    struct vlm_image_config c = e->config.image;
    if (o->detail == VLM_DETAIL_LOW)
        c.split = false;
    c.max_tiles = (uint32_t)o->max_tiles;
    return c;
}

static int check_messages(const vlm_message *messages, size_t n_messages, size_t *n_images,
                          vlm_error *err)
{
    *n_images = 0;
    if (!messages)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "messages is NULL");
    if (n_messages == 0 || n_messages > VLM_LIMIT_MESSAGES)
        return vlm_fail(err, n_messages ? VLM_ERR_LIMIT : VLM_ERR_ARGUMENT,
                        "%zu messages, expected 1 to %u", n_messages, (unsigned)VLM_LIMIT_MESSAGES);
    for (size_t i = 0; i < n_messages; i++) {
        const vlm_message *m = &messages[i];
        if (!m->role || (!m->parts && m->n_parts))
            return vlm_fail(err, VLM_ERR_ARGUMENT, "message %zu has no %s", i,
                            m->role ? "parts" : "role");
        if (m->prefix && (i + 1 < n_messages || strcmp(m->role, "assistant") != 0))
            return vlm_fail(err, VLM_ERR_ARGUMENT,
                            "message %zu has prefix set, expected only on a last assistant message",
                            i);
        if (m->n_parts > VLM_LIMIT_PARTS)
            return vlm_fail(err, VLM_ERR_LIMIT, "message %zu has %zu parts, expected at most %u", i,
                            m->n_parts, (unsigned)VLM_LIMIT_PARTS);
        for (size_t k = 0; k < m->n_parts; k++) {
            const vlm_part *part = &m->parts[k];
            if (part->kind != VLM_PART_IMAGE && part->kind != VLM_PART_TEXT)
                return vlm_fail(err, VLM_ERR_ARGUMENT, "message %zu, part %zu: kind %d is unknown",
                                i, k, part->kind);
            if (part->kind == VLM_PART_IMAGE && !part->image)
                return vlm_fail(err, VLM_ERR_ARGUMENT, "message %zu, part %zu: no image", i, k);
            if (part->kind == VLM_PART_TEXT && !part->text && part->n_text)
                return vlm_fail(err, VLM_ERR_ARGUMENT, "message %zu, part %zu: no text", i, k);
            *n_images += part->kind == VLM_PART_IMAGE;
        }
    }
    if (*n_images > VLM_LIMIT_IMAGES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%zu images, expected at most %u", *n_images,
                        (unsigned)VLM_LIMIT_IMAGES);
    return VLM_OK;
}

static int plan_pictures(struct vlm_prompt *p, const vlm_engine *e, const vlm_message *messages,
                         size_t n_messages, const vlm_session_options *o, vlm_error *err)
{
    const struct vlm_image_config c = vlm_engine_image_config(e, o);
    for (size_t i = 0; i < n_messages; i++) {
        for (size_t k = 0; k < messages[i].n_parts; k++) {
            const vlm_part *part = &messages[i].parts[k];
            if (part->kind != VLM_PART_IMAGE)
                continue;
            struct vlm_prompt_picture *pic = &p->pictures[p->n_pictures];
            pic->image = part->image;
            int rc = vlm_image_plan(&pic->plan, pic->image->width, pic->image->height, &c, err);
            if (rc < 0)
                return rc;
            pic->n_tokens = (size_t)pic->plan.n_frames * e->config.image_seq_len;
            pic->first_token = p->n_image_tokens;
            p->n_image_tokens += pic->n_tokens;
            p->n_frames += pic->plan.n_frames;
            p->n_pictures++;
        }
    }
    return VLM_OK;
}

static int expand(struct vlm_prompt *p, const vlm_engine *e, vlm_error *err)
{
    struct vlm_prompt_image images[VLM_LIMIT_IMAGES];
    const struct vlm_prompt_format format = {e->config.image_seq_len, e->config.image_token_id};
    for (size_t i = 0; i < p->n_pictures; i++)
        images[i] = (struct vlm_prompt_image){p->pictures[i].plan.rows, p->pictures[i].plan.cols};
    int rc = vlm_prompt_ids(&p->ids, &p->text, e->tok, &format, images, p->n_pictures, err);
    if (rc < 0)
        return rc;
    size_t n = 0;
    for (size_t i = 0; i < p->ids.n; i++) {
        n += p->ids.data[i] == e->config.image_token_id;
        if ((uint32_t)p->ids.data[i] >= e->config.text.vocab)
            return vlm_fail(err, VLM_ERR_FORMAT,
                            "the prompt has token %d, expected less than vocab_size %u",
                            (int)p->ids.data[i], e->config.text.vocab);
    }
    if (n != p->n_image_tokens)
        return vlm_fail(err, VLM_ERR_FORMAT, "the prompt has %zu image tokens, expected %zu", n,
                        p->n_image_tokens);
    return VLM_OK;
}

int vlm_engine_prompt_build(struct vlm_prompt *p, const vlm_engine *e, const vlm_message *messages,
                            size_t n_messages, bool add_generation_prompt,
                            const vlm_session_options *o, vlm_error *err)
{
    size_t n_images;
    int rc = check_messages(messages, n_messages, &n_images, err);
    if (rc < 0)
        return rc;
    if (!e->tmpl)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "the model has no chat template, expected %s",
                        e->gguf ? "tokenizer.chat_template"
                                : "chat_template.json or chat_template.jinja");
    if (n_images > 0 && e->config.image_seq_len == 0 && e->gguf)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                        "the model has no vision tower: expected an mmproj file beside it, or named "
                        "with --mmproj");
    if (n_images > 0 && e->config.image_seq_len == 0)
        return vlm_fail(
            err, VLM_ERR_FORMAT,
            "how many tokens a picture takes is unknown, expected processor_config.json or "
            "config.json beside tokenizer.json");
    p->pictures = vlm_mem_zalloc(&e->alloc, n_images, sizeof *p->pictures);
    if (!p->pictures)
        return vlm_fail_memory(err, n_images * sizeof *p->pictures, "the prompt's pictures");
    rc = plan_pictures(p, e, messages, n_messages, o, err);
    if (rc == VLM_OK)
        rc = vlm_prompt_render(&p->text, e->tmpl, messages, n_messages, add_generation_prompt, err);
    return rc == VLM_OK ? expand(p, e, err) : rc;
}

int vlm_engine_reserve_vision(vlm_engine *e, vlm_error *err)
{
    return e->vision.alloc ? VLM_OK : vlm_vision_space_open(&e->vision, e->model, e->backend, err);
}

static int encode_frames(vlm_engine *e, struct vlm_encoding *c, float *features,
                         const uint8_t *frames, size_t n, size_t frame_bytes)
{
    const struct vlm_run run = {e->backend, c->tap, c->cancel};
    size_t n_features = (size_t)e->config.image_seq_len * e->config.text.hidden;
    int rc = VLM_OK;
    for (size_t i = 0; rc == VLM_OK && i < n; i++) {
        if (c->report && c->report(c->ctx, c->n_done))
            return VLM_ERR_CANCELLED;
        vlm_engine_enter(e);
        double start = vlm_os_now_ms();
        rc = vlm_vision_forward(e->model, &run, &e->vision, features + i * n_features,
                                frames + i * frame_bytes, c->n_done);
        c->vision_ms += vlm_os_now_ms() - start;
        vlm_engine_leave(e);
        c->n_done++;
    }
    return rc;
}

int vlm_engine_encode(vlm_engine *e, struct vlm_encoding *c, float *features,
                      const struct vlm_prompt_picture *p, vlm_error *err)
{
    const struct vlm_image_config config = vlm_engine_image_config(e, c->options);
    size_t frame_bytes = (size_t)config.tile * config.tile * 3;
    uint8_t *frames = vlm_mem_alloc(&e->alloc, p->plan.n_frames, frame_bytes);
    if (!frames)
        return vlm_fail_memory(err, p->plan.n_frames * frame_bytes, "a picture's tiles");
    double start = vlm_os_now_ms();
    int rc = vlm_image_tiles(frames, &p->plan, p->image, &config, &e->alloc, err);
    c->resize_ms += vlm_os_now_ms() - start;
    if (rc == VLM_OK)
        rc = encode_frames(e, c, features, frames, p->plan.n_frames, frame_bytes);
    vlm_mem_free(&e->alloc, frames);
    return rc == VLM_ERR_CANCELLED ? vlm_fail(err, rc, "cancelled") : rc;
}

int vlm_engine_prompt_not_empty(const struct vlm_prompt *p, vlm_error *err)
{
    if (p->ids.n > 0)
        return VLM_OK;
    return vlm_fail(err, VLM_ERR_FORMAT,
                    "the chat template writes an empty prompt, expected at least one token");
}
