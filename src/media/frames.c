/* frames.c: clips that need no other program: a directory of pictures, an animated GIF. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "image/image.h"
#include "media/media.h"

/* The reference gives a list of ready frames this rate, and shows all of them. */
#define LIST_FPS 24.0

struct names {
    const vlm_allocator *alloc;
    char **name;
    size_t n, cap;
    bool no_memory, too_many;
};

static bool add_name(void *ctx, const char *name)
{
    struct names *l = ctx;
    if (name[0] == '.') /* hidden, by custom */
        return true;
    l->too_many = l->n == VLM_LIMIT_VIDEO_FRAMES;
    if (l->too_many)
        return false;
    l->no_memory = !vlm_grow(l->alloc, &l->name, &l->cap, l->n, sizeof *l->name) ||
                   !(l->name[l->n] = vlm_mem_strndup(l->alloc, name, strlen(name)));
    l->n += !l->no_memory;
    return !l->no_memory;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(struct names *l, const char *path, const char *shown, vlm_error *err)
{
    int rc = vlm_os_list(path, add_name, l, err);
    if (rc < 0)
        return rc;
    if (l->no_memory)
        return vlm_fail_memory(err, sizeof *l->name, "names of pictures");
    if (l->too_many)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: more than %llu pictures", shown,
                        (unsigned long long)VLM_LIMIT_VIDEO_FRAMES);
    if (l->n == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: a directory without pictures", shown);
    qsort(l->name, l->n, sizeof *l->name, by_bytes);
    return VLM_OK;
}

static int add_picture(vlm_video *video, const vlm_engine *engine, const char *path, size_t i,
                       uint32_t size[2], vlm_error *err)
{
    struct vlm_quoted q;
    vlm_image *image;
    int rc = vlm_image_open(&image, engine, path, err);
    if (rc < 0)
        return rc;
    uint32_t w = vlm_image_width(image), h = vlm_image_height(image);
    if (i == 0) {
        size[0] = w;
        size[1] = h;
    }
    if (w != size[0] || h != size[1])
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: %ux%u pixels, expected %ux%u as the first picture",
                      vlm_base_quote(&q, path, strlen(path)), w, h, size[0], size[1]);
    else
        rc = vlm_video_add(video, vlm_image_pixels(image), w, h, (double)i / LIST_FPS, err);
    vlm_image_close(image);
    return rc;
}

static int add_all(vlm_video *video, const vlm_engine *engine, const char *path,
                   const struct names *l, const struct vlm_media_sampling *s, vlm_error *err)
{
    uint32_t size[2] = {0, 0};
    for (size_t i = 0; i < l->n; i++) {
        char file[4096];
        if (s->progress && s->progress(s->ctx, i, l->n) != 0)
            return vlm_fail(err, VLM_ERR_CANCELLED, "cancelled");
        int n = snprintf(file, sizeof file, "%s/%s", path, l->name[i]);
        if (n < 0 || (size_t)n >= sizeof file)
            return vlm_fail(err, VLM_ERR_IO, "the path of picture %zu is too long", i + 1);
        int rc = add_picture(video, engine, file, i, size, err);
        if (rc < 0)
            return rc;
    }
    return vlm_video_end(video, (double)(l->n - 1) / LIST_FPS, err);
}

int vlm_media_directory(vlm_video **out, const vlm_engine *engine, const char *path,
                        const struct vlm_media_sampling *s, vlm_error *err)
{
    struct vlm_quoted q;
    struct names l = {.alloc = vlm_engine_allocator(engine)};
    int rc = list(&l, path, vlm_base_quote(&q, path, strlen(path)), err);
    vlm_video *video = NULL;
    if (rc == VLM_OK)
        rc = vlm_video_begin(&video, engine, err);
    if (rc == VLM_OK)
        rc = add_all(video, engine, path, &l, s, err);
    for (size_t i = 0; i < l.n; i++)
        vlm_mem_free(l.alloc, l.name[i]);
    vlm_mem_free(l.alloc, l.name);
    if (rc == VLM_OK)
        *out = video;
    else
        vlm_video_close(video);
    return rc;
}

/* ---- GIF: sampled like any clip ---- */

static int sample_gif(uint64_t *indices, size_t *n, const struct vlm_gif_info *info,
                      const struct vlm_media_sampling *s, const char *shown, vlm_error *err)
{
    if (info->seconds > (double)VLM_LIMIT_VIDEO_SECONDS)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: a clip of %.0f seconds, expected at most %llu",
                        shown, info->seconds, (unsigned long long)VLM_LIMIT_VIDEO_SECONDS);
    *n = info->seconds > 0
             ? vlm_media_sample(indices, VLM_LIMIT_VIDEO_FRAMES, info->n_frames, info->seconds,
                                (double)info->n_frames / info->seconds, s->fps, s->max)
             : 0;
    if (*n == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: %u frames in %g seconds cannot be sampled", shown,
                        info->n_frames, info->seconds);
    return VLM_OK;
}

static int add_frames(vlm_video *video, struct vlm_gif *g, const struct vlm_media_sampling *s,
                      const char *shown, vlm_error *err)
{
    struct vlm_gif_info info = vlm_gif_info(g);
    uint64_t indices[VLM_LIMIT_VIDEO_FRAMES];
    size_t n = 0, done = 0;
    int rc = sample_gif(indices, &n, &info, s, shown, err);
    for (uint64_t i = 0; rc == VLM_OK && done < n; i++) {
        const uint8_t *rgb;
        double begins, stays;
        if (s->progress && s->progress(s->ctx, done, n) != 0)
            return vlm_fail(err, VLM_ERR_CANCELLED, "%s: cancelled", shown);
        rc = vlm_gif_next(g, &rgb, &begins, &stays, err);
        if (rc == VLM_DONE)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: only %llu of %u frames can be decoded", shown,
                            (unsigned long long)i, info.n_frames);
        if (rc == VLM_OK && i == indices[done]) {
            double rate = (double)info.n_frames / info.seconds;
            rc = vlm_video_add(video, rgb, info.width, info.height, (double)i / rate, err);
            done++;
        }
    }
    return rc < 0 ? rc : vlm_video_end(video, info.seconds, err);
}

int vlm_media_gif(vlm_video **out, const vlm_engine *engine, const char *path,
                  const struct vlm_media_sampling *s, vlm_error *err)
{
    struct vlm_quoted q;
    struct vlm_map map;
    struct vlm_gif *g = NULL;
    vlm_video *video = NULL;
    const vlm_allocator *alloc = vlm_engine_allocator(engine);
    const char *shown = vlm_base_quote(&q, path, strlen(path));
    int rc = vlm_map_open(&map, alloc, NULL, path, true, VLM_LIMIT_IMAGE_FILE_BYTES, err);
    if (rc < 0)
        return rc;
    rc = vlm_gif_open(&g, alloc, map.data, map.n, shown, err);
    if (rc == VLM_OK)
        rc = vlm_video_begin(&video, engine, err);
    if (rc == VLM_OK)
        rc = add_frames(video, g, s, shown, err);
    vlm_gif_close(g);
    vlm_map_close(&map, alloc);
    if (rc == VLM_OK)
        *out = video;
    else
        vlm_video_close(video);
    return rc;
}
