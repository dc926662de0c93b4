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
    vlm_mem_free(&e->alloc, p->slots);
    vlm_mem_free(&e->alloc, p->videos);
    vlm_mem_free(&e->alloc, p->seconds);
    p->pictures = NULL;
    p->slots = NULL;
    p->videos = NULL;
    p->seconds = NULL;
}

struct vlm_image_config vlm_engine_image_config(const vlm_engine *e, const vlm_session_options *o)
{
    struct vlm_image_config c = e->config.image;
    if (o->detail == VLM_DETAIL_LOW)
        c.split = false;
    c.max_tiles = (uint32_t)o->max_tiles;
    return c;
}

/* What a conversation has, before memory is taken for it. */
struct counts {
    size_t slots, videos, video_frames;
};

static int check_video(const vlm_engine *e, const vlm_video *v, size_t message, size_t part,
                       vlm_error *err)
{
    if (!v || !v->ended)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "message %zu, part %zu: %s", message, part,
                        v ? "the video has not ended (vlm_video_end)" : "no video");
    if (v->side != e->config.image.tile)
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "message %zu, part %zu: a video for frames of %u pixels, expected %u",
                        message, part, v->side, e->config.image.tile);
    return VLM_OK;
}

static int check_part(struct counts *n, const vlm_engine *e, const vlm_part *part, size_t message,
                      size_t k, vlm_error *err)
{
    int rc = VLM_OK;
    switch (part->kind) {
    case VLM_PART_TEXT:
        if (!part->text && part->n_text)
            rc = vlm_fail(err, VLM_ERR_ARGUMENT, "message %zu, part %zu: no text", message, k);
        break;
    case VLM_PART_IMAGE:
        if (!part->image)
            rc = vlm_fail(err, VLM_ERR_ARGUMENT, "message %zu, part %zu: no image", message, k);
        n->slots++;
        break;
    case VLM_PART_VIDEO:
        rc = check_video(e, part->video, message, k, err);
        n->slots++;
        n->videos++;
        n->video_frames += rc == VLM_OK ? part->video->n : 0;
        break;
    default:
        rc = vlm_fail(err, VLM_ERR_ARGUMENT, "message %zu, part %zu: kind %d is unknown", message,
                      k, part->kind);
    }
    size_t pictures = n->slots - n->videos + n->video_frames;
    if (rc == VLM_OK && pictures > VLM_LIMIT_PICTURES)
        rc = vlm_fail(err, VLM_ERR_LIMIT, "more than %u pictures, expected at most that many",
                      (unsigned)VLM_LIMIT_PICTURES);
    return rc;
}

static int check_messages(struct counts *n, const vlm_engine *e, const vlm_message *messages,
                          size_t n_messages, vlm_error *err)
{
    int rc = VLM_OK;
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
        for (size_t k = 0; k < m->n_parts && rc == VLM_OK; k++)
            rc = check_part(n, e, &m->parts[k], i, k, err);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

static void add_picture(struct vlm_prompt *p, const vlm_engine *e, struct vlm_prompt_picture pic)
{
    pic.n_tokens = (size_t)pic.key.plan.n_frames * e->config.image_seq_len;
    pic.first_token = p->n_image_tokens;
    p->n_image_tokens += pic.n_tokens;
    p->n_frames += pic.key.plan.n_frames;
    p->pictures[p->n_pictures++] = pic;
}

static int add_image(struct vlm_prompt *p, const vlm_engine *e, const vlm_image *image,
                     const struct vlm_image_config *c, vlm_error *err)
{
    struct vlm_prompt_picture pic = {.image = image};
    int rc = vlm_image_plan(&pic.key.plan, image->width, image->height, c, err);
    if (rc < 0)
        return rc;
    memcpy(pic.key.hash, image->hash, sizeof pic.key.hash);
    p->slots[p->n_slots++] = (struct vlm_prompt_image){pic.key.plan.rows, pic.key.plan.cols, NULL};
    add_picture(p, e, pic);
    return VLM_OK;
}

/* Each frame is a picture of its own: what two clips share is encoded once. */
static void add_video(struct vlm_prompt *p, const vlm_engine *e, const vlm_video *video,
                      double *seconds)
{
    struct vlm_prompt_video *v = &p->videos[p->n_videos++];
    *v = (struct vlm_prompt_video){seconds, video->n, video->duration};
    for (size_t i = 0; i < video->n; i++) {
        struct vlm_prompt_picture pic = {.frame = video->frames[i].rgb};
        memcpy(pic.key.hash, video->frames[i].hash, sizeof pic.key.hash);
        pic.key.plan.tile = video->side;
        pic.key.plan.n_frames = 1;
        seconds[i] = video->frames[i].seconds;
        add_picture(p, e, pic);
    }
    p->slots[p->n_slots++] = (struct vlm_prompt_image){0, 0, v};
}

static int plan_pictures(struct vlm_prompt *p, const vlm_engine *e, const vlm_message *messages,
                         size_t n_messages, const vlm_session_options *o, vlm_error *err)
{
    const struct vlm_image_config c = vlm_engine_image_config(e, o);
    double *seconds = p->seconds;
    int rc = VLM_OK;
    for (size_t i = 0; i < n_messages; i++)
        for (size_t k = 0; k < messages[i].n_parts && rc == VLM_OK; k++) {
            const vlm_part *part = &messages[i].parts[k];
            if (part->kind == VLM_PART_IMAGE) {
                rc = add_image(p, e, part->image, &c, err);
            } else if (part->kind == VLM_PART_VIDEO) {
                add_video(p, e, part->video, seconds);
                seconds += part->video->n;
            }
        }
    return rc;
}

static int reserve_lists(struct vlm_prompt *p, const vlm_engine *e, const struct counts *n,
                         vlm_error *err)
{
    size_t pictures = n->slots - n->videos + n->video_frames;
    p->pictures = vlm_mem_zalloc(&e->alloc, pictures, sizeof *p->pictures);
    p->slots = vlm_mem_zalloc(&e->alloc, n->slots, sizeof *p->slots);
    p->videos = vlm_mem_zalloc(&e->alloc, n->videos, sizeof *p->videos);
    p->seconds = vlm_mem_zalloc(&e->alloc, n->video_frames, sizeof *p->seconds);
    if (!p->pictures || !p->slots || !p->videos || !p->seconds)
        return vlm_fail_memory(err, pictures * sizeof *p->pictures, "the prompt's pictures");
    return VLM_OK;
}

static int expand(struct vlm_prompt *p, const vlm_engine *e, vlm_error *err)
{
    const struct vlm_prompt_format format = {e->config.image_seq_len, e->config.image_token_id};
    int rc = vlm_prompt_ids(&p->ids, &p->text, e->tok, &format, p->slots, p->n_slots, err);
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
    struct counts n = {0};
    int rc = check_messages(&n, e, messages, n_messages, err);
    if (rc < 0)
        return rc;
    if (!e->tmpl)
        return vlm_fail(err, VLM_ERR_FORMAT, "the model has no chat template, expected %s",
                        e->gguf ? "tokenizer.chat_template"
                                : "chat_template.json or chat_template.jinja");
    if (n.slots > 0 && e->config.image_seq_len == 0 && e->gguf)
        return vlm_fail(
            err, VLM_ERR_UNSUPPORTED,
            "the model has no vision tower: expected an mmproj file beside it, or named "
            "with --mmproj");
    if (n.slots > 0 && e->config.image_seq_len == 0)
        return vlm_fail(
            err, VLM_ERR_FORMAT,
            "how many tokens a picture takes is unknown, expected processor_config.json or "
            "config.json beside tokenizer.json");
    rc = reserve_lists(p, e, &n, err);
    if (rc == VLM_OK)
        rc = plan_pictures(p, e, messages, n_messages, o, err);
    const vlm_template *tmpl = n.videos && e->video_tmpl ? e->video_tmpl : e->tmpl;
    if (rc == VLM_OK)
        rc = vlm_prompt_render_data(&p->text, tmpl, messages, n_messages, add_generation_prompt,
                                    &p->data, err);
    return rc == VLM_OK ? expand(p, e, err) : rc;
}

int vlm_engine_prompt_not_empty(const struct vlm_prompt *p, vlm_error *err)
{
    if (p->ids.n > 0)
        return VLM_OK;
    return vlm_fail(err, VLM_ERR_FORMAT,
                    "the chat template writes an empty prompt, expected at least one token");
}
