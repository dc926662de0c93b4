/* video.c: frames of a clip, each scaled to the model's size the moment it arrives, with its time.
 * Immutable after vlm_video_end; memory comes from the engine's allocator. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/limits.h"
#include "engine/engine.h"

void vlm_engine_video_sampling(const vlm_engine *e, double *fps, size_t *max_frames)
{
    const struct vlm_video_config *v = &e->config.video;
    *fps = v->fps > 0 ? v->fps : 1;
    *max_frames = vlm_min_size(v->max_frames ? v->max_frames : 64, VLM_LIMIT_VIDEO_FRAMES);
}

int vlm_video_begin(vlm_video **out, const vlm_engine *e, vlm_error *err)
{
    if (e->config.image.tile == 0)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "the size of frames is unknown, expected a processor's configuration "
                        "beside the model");
    vlm_video *v = vlm_mem_zalloc(&e->alloc, 1, sizeof *v);
    if (!v)
        return vlm_engine_explain(e, vlm_fail_memory(err, sizeof *v, "a video"), err);
    v->engine = e;
    v->side = e->config.image.tile;
    *out = v;
    return VLM_OK;
}

static void hash_frame(struct vlm_video_frame *f, uint32_t side)
{
    struct vlm_sha256 h;
    uint8_t size[4] = {(uint8_t)side, (uint8_t)(side >> 8), (uint8_t)(side >> 16),
                       (uint8_t)(side >> 24)};
    vlm_sha256_init(&h);
    vlm_sha256_add(&h, "vlm-frame", 9);
    vlm_sha256_add(&h, size, sizeof size);
    vlm_sha256_add(&h, f->rgb, (size_t)side * side * 3);
    vlm_sha256_end(&h, f->hash);
}

static int check_frame(const vlm_video *v, const uint8_t *rgb, double seconds, vlm_error *err)
{
    double before = v->n ? v->frames[v->n - 1].seconds : 0;
    if (v->ended || !rgb)
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        v->ended ? "the video has ended, expected no more frames"
                                 : "frame %zu has no pixels",
                        v->n);
    if (v->n == VLM_LIMIT_VIDEO_FRAMES)
        return vlm_fail(err, VLM_ERR_LIMIT, "a video of more than %u frames, expected at most that",
                        (unsigned)VLM_LIMIT_VIDEO_FRAMES);
    if (!(seconds <= (double)VLM_LIMIT_VIDEO_SECONDS))
        return vlm_fail(err, isnan(seconds) ? VLM_ERR_ARGUMENT : VLM_ERR_LIMIT,
                        "frame %zu is at %g seconds, expected at most %u", v->n, seconds,
                        (unsigned)VLM_LIMIT_VIDEO_SECONDS);
    if (seconds < before)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "frame %zu is at %g seconds, expected %g or later",
                        v->n, seconds, before);
    return VLM_OK;
}

int vlm_video_add(vlm_video *v, const uint8_t *rgb, uint32_t width, uint32_t height, double seconds,
                  vlm_error *err)
{
    const vlm_engine *e = v->engine;
    const struct vlm_config *c = &e->config;
    int rc = check_frame(v, rgb, seconds, err);
    if (rc < 0)
        return rc;
    struct vlm_video_frame f = {.seconds = seconds};
    size_t bytes = (size_t)v->side * v->side * 3;
    f.rgb = vlm_mem_alloc(&e->alloc, bytes, 1);
    if (!f.rgb || !vlm_grow(&e->alloc, &v->frames, &v->cap, v->n, sizeof *v->frames))
        rc = vlm_fail_memory(err, bytes, "a frame");
    if (rc == VLM_OK)
        rc = vlm_image_video_frame(
            f.rgb, rgb, width, height, &c->image,
            c->video.longest_edge ? c->video.longest_edge : c->image.longest_edge, &e->alloc, err);
    if (rc < 0) {
        vlm_mem_free(&e->alloc, f.rgb);
        return vlm_engine_explain(e, rc, err);
    }
    hash_frame(&f, v->side);
    f.width = width;
    f.height = height;
    v->frames[v->n++] = f;
    return VLM_OK;
}

int vlm_video_end(vlm_video *v, double duration, vlm_error *err)
{
    struct vlm_sha256 h;
    if (v->ended || v->n == 0)
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        v->ended ? "the video has ended already"
                                 : "a video without frames, expected at least one");
    if (!(duration >= 0 && duration <= (double)VLM_LIMIT_VIDEO_SECONDS))
        return vlm_fail(err, duration >= 0 ? VLM_ERR_LIMIT : VLM_ERR_ARGUMENT,
                        "a video of %g seconds, expected 0 to %u", duration,
                        (unsigned)VLM_LIMIT_VIDEO_SECONDS);
    duration += 0.0; /* -0 and 0 are one length */
    vlm_sha256_init(&h);
    vlm_sha256_add(&h, "vlm-video", 9);
    for (size_t i = 0; i < v->n; i++) {
        double seconds = v->frames[i].seconds + 0.0;
        vlm_sha256_add(&h, v->frames[i].hash, sizeof v->frames[i].hash);
        vlm_sha256_add(&h, &seconds, sizeof seconds);
    }
    vlm_sha256_add(&h, &duration, sizeof duration);
    vlm_sha256_end(&h, v->hash);
    v->duration = duration;
    v->ended = true;
    return VLM_OK;
}

void vlm_video_close(vlm_video *v)
{
    if (!v)
        return;
    const vlm_allocator *a = &v->engine->alloc;
    for (size_t i = 0; i < v->n; i++)
        vlm_mem_free(a, v->frames[i].rgb);
    vlm_mem_free(a, v->frames);
    vlm_mem_free(a, v);
}

size_t vlm_video_n_frames(const vlm_video *v)
{
    return v->n;
}
double vlm_video_frame_seconds(const vlm_video *v, size_t i)
{
    return v->frames[i].seconds;
}
const uint8_t *vlm_video_frame(const vlm_video *v, size_t i, uint32_t *side)
{
    *side = v->side;
    return v->frames[i].rgb;
}
double vlm_video_duration(const vlm_video *v)
{
    return v->duration;
}
const uint8_t *vlm_video_hash(const vlm_video *v)
{
    return v->hash;
}
