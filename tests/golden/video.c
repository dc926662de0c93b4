/* video.c: clips of tests/data/video against what the reference processor made of them: sampled
 * frames, their times and pixels, and the ids of a prompt that shows them.  Public headers, and our
 * SHA-256. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "vlm_media.h"
#include "vlm_tools.h"

static int failures;

static void wrong(const char *file, const char *what)
{
    printf("%s: %s\n", file, what);
    failures++;
}

static void hex(char out[65], struct vlm_sha256 *h)
{
    uint8_t digest[32];
    vlm_sha256_end(h, digest);
    for (int i = 0; i < 32; i++)
        sprintf(out + 2 * i, "%02x", digest[i]);
}

static void check_frames(const vlm_video *v, json_t *c, const char *file)
{
    struct vlm_sha256 h;
    char got[65];
    size_t n = vlm_video_n_frames(v);
    json_t *indices = json_object_get(c, "indices");
    double fps = strtod(json_string_value(json_object_get(c, "video_fps")), NULL);
    double duration = strtod(json_string_value(json_object_get(c, "duration")), NULL);
    if (n != json_array_size(indices)) {
        printf("%s: %zu frames, expected %zu\n", file, n, json_array_size(indices));
        failures++;
        return;
    }
    if (vlm_video_duration(v) != duration)
        wrong(file, "another duration");
    vlm_sha256_init(&h);
    for (size_t i = 0; i < n; i++) {
        uint32_t side;
        const uint8_t *rgb = vlm_video_frame(v, i, &side);
        double index = (double)json_integer_value(json_array_get(indices, i));
        if (side != json_integer_value(json_object_get(c, "side")))
            wrong(file, "another size of frames");
        if (vlm_video_frame_seconds(v, i) != index / fps)
            wrong(file, "another time of a frame");
        vlm_sha256_add(&h, rgb, (size_t)side * side * 3);
    }
    hex(got, &h);
    if (strcmp(got, json_string_value(json_object_get(c, "frames"))) != 0)
        wrong(file, "other pixels");
}

static void check_prompt(const vlm_engine *e, const vlm_video *v, json_t *c, const char *file)
{
    vlm_error err;
    vlm_rendered r;
    vlm_part parts[2] = {vlm_part_video(v), vlm_part_text("What?")};
    vlm_message message = {.role = "user", .parts = parts, .n_parts = 2};
    if (vlm_render(&r, e, &message, 1, 1, NULL, &err) < 0) {
        wrong(file, err.message);
        return;
    }
    struct vlm_sha256 h;
    char got[65];
    vlm_sha256_init(&h);
    vlm_sha256_add(&h, r.ids, r.n_ids * sizeof *r.ids); /* little-endian, as this test's machines */
    hex(got, &h);
    if (strcmp(got, json_string_value(json_object_get(c, "ids"))) != 0) {
        printf("%s: %zu ids, expected %lld of: %s\n", file, r.n_ids,
               (long long)json_integer_value(json_object_get(c, "n_ids")),
               json_string_value(json_object_get(c, "text")));
        failures++;
    }
    vlm_rendered_free(&r);
}

static void check(const vlm_engine *e, const char *dir, json_t *c)
{
    char path[1024];
    const char *file = json_string_value(json_object_get(c, "file"));
    vlm_error err;
    vlm_video *v;
    vlm_video_options o;
    vlm_video_options_init(&o);
    o.fps = json_number_value(json_object_get(c, "fps"));
    o.max_frames = (size_t)json_integer_value(json_object_get(c, "max_frames"));
    snprintf(path, sizeof path, "%s/%s", dir, file);
    if (vlm_video_open(&v, e, path, &o, &err) < 0) {
        wrong(file, err.message);
        return;
    }
    check_frames(v, c, file);
    check_prompt(e, v, c, file);
    vlm_video_close(v);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: golden_video MODEL DIR\n");
        return 2;
    }
    char path[1024];
    vlm_error err;
    vlm_engine *e;
    vlm_engine_options eo;
    vlm_engine_options_init(&eo);
    eo.n_threads = 1;
    eo.vocab_only = 1;
    if (vlm_engine_open(&e, argv[1], &eo, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    snprintf(path, sizeof path, "%s/golden.json", argv[2]);
    json_error_t where;
    json_t *cases = json_load_file(path, 0, &where), *c;
    if (!json_is_array(cases) || json_array_size(cases) < 20) {
        fprintf(stderr, "%s: %s\n", path, where.text);
        return 2;
    }
    bool programs = access("/usr/bin/ffmpeg", X_OK) == 0 && access("/usr/bin/ffprobe", X_OK) == 0;
    size_t i, n = 0;
    if (!programs)
        printf("skip: clips, no ffmpeg here\n");
    json_array_foreach(cases, i, c)
    {
        const char *file = json_string_value(json_object_get(c, "file"));
        if (!programs && strcmp(file, "list") != 0)
            continue;
        check(e, argv[2], c);
        n++;
    }
    printf("%zu clips, %d differences\n", n, failures);
    json_decref(cases);
    vlm_engine_close(e);
    return failures != 0;
}
