/* request.c: see request.h. */
#include "request.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "io.h"
#include "media.h"

void cli_request_free(struct cli_request *r)
{
    for (size_t i = 0; i < r->n_images; i++)
        vlm_image_close(r->images[i]);
    for (size_t i = 0; i < r->n_videos; i++)
        vlm_video_close(r->videos[i]);
    vlm_mem_free(&vlm_mem_system, r->images);
    vlm_mem_free(&vlm_mem_system, r->videos);
    vlm_mem_free(&vlm_mem_system, r->messages);
    vlm_mem_free(&vlm_mem_system, r->parts);
    vlm_buf_free(&r->text);
    json_decref(r->json);
    *r = (struct cli_request){0};
}

static void begin(struct cli_request *r)
{
    *r = (struct cli_request){0};
    vlm_buf_init(&r->text, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
}

/* role is borrowed. */
static int begin_message(struct cli_request *r, const char *role, bool prefix, vlm_error *err)
{
    if (r->n_messages == VLM_LIMIT_MESSAGES)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "found more than %d messages, expected at most that many",
                        (int)VLM_LIMIT_MESSAGES);
    if (!vlm_grow(&vlm_mem_system, &r->messages, &r->cap_messages, r->n_messages,
                  sizeof *r->messages))
        return vlm_fail_memory(err, sizeof *r->messages, "a message");
    r->messages[r->n_messages++] = (vlm_message){.role = role, .prefix = prefix};
    return VLM_OK;
}

/* Messages point at their parts once the list grows no more. */
static void end_messages(struct cli_request *r)
{
    const vlm_part *parts = r->parts;
    for (size_t i = 0; i < r->n_messages; i++) {
        r->messages[i].parts = parts;
        parts += r->messages[i].n_parts;
    }
}

static int add_part(struct cli_request *r, vlm_part part, vlm_error *err)
{
    if (!vlm_grow(&vlm_mem_system, &r->parts, &r->cap_parts, r->n_parts, sizeof *r->parts))
        return vlm_fail_memory(err, sizeof *r->parts, "a part");
    r->parts[r->n_parts++] = part;
    r->messages[r->n_messages - 1].n_parts++;
    return VLM_OK;
}

static int add_text(struct cli_request *r, const char *text, size_t n, vlm_error *err)
{
    return add_part(r, (vlm_part){.kind = VLM_PART_TEXT, .text = text, .n_text = n}, err);
}

/* ---- files ---- */

static int keep_image(void *ctx, vlm_image *image, size_t number, vlm_error *err)
{
    struct cli_request *r = ctx;
    (void)number;
    if (!vlm_grow(&vlm_mem_system, &r->images, &r->cap_images, r->n_images, sizeof *r->images)) {
        vlm_image_close(image);
        return vlm_fail_memory(err, sizeof *r->images, "a picture");
    }
    r->images[r->n_images++] = image;
    return add_part(r, vlm_part_image(image), err);
}

static int keep_video(struct cli_request *r, vlm_video *video, vlm_error *err)
{
    if (!vlm_grow(&vlm_mem_system, &r->videos, &r->cap_videos, r->n_videos, sizeof *r->videos)) {
        vlm_video_close(video);
        return vlm_fail_memory(err, sizeof *r->videos, "a video");
    }
    r->videos[r->n_videos++] = video;
    return add_part(r, vlm_part_video(video), err);
}

/* Opens what the file holds as parts of the last message.  What it does not say of itself, the
 * options of the command say. */
static int add_file(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                    struct cli_media media, vlm_error *err)
{
    vlm_image *image;
    vlm_video *video;
    if (r->n_files++ == VLM_LIMIT_IMAGES)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: found more than %d files in one conversation, expected at most that "
                        "many",
                        cli_shown(media.path), (int)VLM_LIMIT_IMAGES);
    media.pages = media.pages ? media.pages : o->of_media.pages;
    media.dpi = media.dpi ? media.dpi : o->of_media.dpi;
    media.fps = media.fps > 0 ? media.fps : o->of_media.fps;
    media.max_frames = media.max_frames ? media.max_frames : o->of_media.max_frames;
    double start = vlm_os_now_ms();
    int rc;
    if (media.kind == CLI_PDF) {
        rc = cli_pdf_pages(engine, &media, keep_image, r, err);
    } else if (media.kind == CLI_VIDEO) {
        rc = cli_video_open(&video, engine, &media, err);
        rc = rc < 0 ? rc : keep_video(r, video, err);
    } else {
        rc = cli_image_open(&image, engine, o, media.path, err);
        rc = rc < 0 ? rc : keep_image(r, image, 0, err);
    }
    r->decode_ms += vlm_os_now_ms() - start;
    return rc;
}

static int add_systems(struct cli_request *r, const struct cli_options *o, vlm_error *err)
{
    int rc = VLM_OK;
    for (size_t i = 0; i < o->systems.n && rc == VLM_OK; i++) {
        rc = begin_message(r, "system", false, err);
        if (rc == VLM_OK)
            rc = add_text(r, o->systems.v[i], strlen(o->systems.v[i]), err);
    }
    return rc;
}

/* ---- JSON ---- */

/* What reads a conversation: the request, and where things come from. */
struct reader {
    struct cli_request *r;
    const vlm_engine *engine;
    const struct cli_options *o;
    const struct cli_source *source;
    vlm_error *err;
};

int cli_source_path(char out[PATH_MAX], const char *path, const struct cli_source *source,
                    vlm_error *err)
{
    const char *slash = source->file && path[0] != '/' ? strrchr(source->file, '/') : NULL;
    int n_dir = slash ? (int)(slash + 1 - source->file) : 0;
    int n = snprintf(out, PATH_MAX, "%.*s%s", n_dir, n_dir ? source->file : "", path);
    if (n < 0 || n >= PATH_MAX)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: found a path over %d bytes, expected a shorter one", source->shown,
                        PATH_MAX - 1);
    if (source->or_here && !vlm_os_exists(NULL, out) && vlm_os_exists(NULL, path))
        snprintf(out, PATH_MAX, "%s", path);
    return VLM_OK;
}

/* The string member of an object; a NUL inside is refused where a C string is needed. */
static const char *get_string(const json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);
    return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v)
               ? json_string_value(v)
               : NULL;
}

/* path as the source means it; kind CLI_IMAGE with any_kind: whatever the file is. */
static int add_path(struct reader *in, struct cli_media media, bool any_kind)
{
    char full[PATH_MAX];
    if (strcmp(media.path, "-") == 0)
        return vlm_fail(in->err, VLM_ERR_FORMAT,
                        "%s: found '-' as the path of a picture, expected a file",
                        in->source->shown);
    int rc = cli_source_path(full, media.path, in->source, in->err);
    if (rc < 0)
        return rc;
    media.path = full;
    if (any_kind)
        (void)cli_media_kind(&media.kind, full); /* else a picture, which opening judges */
    return add_file(in->r, in->engine, in->o, media, in->err);
}

static int bad_member(struct reader *in, const char *key, const json_t *v, const char *expected)
{
    return vlm_fail(in->err, VLM_ERR_FORMAT, "%s: found %s as %s, expected %s", in->source->shown,
                    cli_json_kind(v), key, expected);
}

/* A whole number from 1 on, or absent. */
static int read_count(uint64_t *out, struct reader *in, const json_t *object, const char *key,
                      uint64_t most)
{
    const json_t *v = json_object_get(object, key);
    char expected[64];
    if (!v)
        return VLM_OK;
    snprintf(expected, sizeof expected, "a whole number from 1 to %llu", (unsigned long long)most);
    if (!json_is_integer(v) || json_integer_value(v) < 1 || (uint64_t)json_integer_value(v) > most)
        return bad_member(in, key, v, expected);
    *out = (uint64_t)json_integer_value(v);
    return VLM_OK;
}

/* "pages", "dpi", "fps", "max_frames" beside a path. */
static int read_media(struct cli_media *m, struct reader *in, const json_t *object)
{
    const json_t *pages = json_object_get(object, "pages"), *fps = json_object_get(object, "fps");
    if (pages) {
        m->pages = get_string(object, "pages");
        if (!m->pages || !cli_pages_valid(m->pages))
            return bad_member(in, "pages", pages, "a list like \"1-3,7\"");
    }
    if (fps) {
        m->fps = json_number_value(fps);
        if (!json_is_number(fps) || !(m->fps >= 0.001 && m->fps <= 1000))
            return bad_member(in, "fps", fps, "a number from 0.001 to 1000");
    }
    int rc = read_count(&m->dpi, in, object, "dpi", 2400);
    return rc < 0 ? rc
                  : read_count(&m->max_frames, in, object, "max_frames", VLM_LIMIT_VIDEO_FRAMES);
}

static bool kind_of_type(enum cli_media_kind *out, const char *type)
{
    static const char *const types[] = {"image", "video", "pdf"};
    for (int i = 0; i < 3; i++)
        if (strcmp(type, types[i]) == 0) {
            *out = (enum cli_media_kind)i;
            return true;
        }
    return false;
}

static int read_part(struct reader *in, const json_t *part, size_t i_message)
{
    struct vlm_quoted q;
    struct cli_media media = {.path = get_string(part, "path")};
    const char *type = get_string(part, "type");
    json_t *text = json_object_get(part, "text");
    if (!type)
        return vlm_fail(in->err, VLM_ERR_FORMAT,
                        "%s: messages[%zu] has a part without a type, expected text, image, video "
                        "or pdf",
                        in->source->shown, i_message);
    bool is_file = kind_of_type(&media.kind, type), is_text = strcmp(type, "text") == 0;
    if (is_text && json_is_string(text))
        return add_text(in->r, json_string_value(text), json_string_length(text), in->err);
    if (is_file && media.path) {
        int rc = read_media(&media, in, part);
        return rc < 0 ? rc : add_path(in, media, false);
    }
    if (is_text || is_file)
        return vlm_fail(in->err, VLM_ERR_FORMAT,
                        "%s: messages[%zu] has a part of type %s without the string '%s'",
                        in->source->shown, i_message, type, is_text ? "text" : "path");
    return vlm_fail(in->err, VLM_ERR_UNSUPPORTED,
                    "%s: messages[%zu] has a part of type '%s', expected text, image, video or pdf",
                    in->source->shown, i_message, vlm_base_quote(&q, type, strlen(type)));
}

static int read_message(struct reader *in, const json_t *message, size_t i)
{
    const char *role = get_string(message, "role");
    json_t *content = json_object_get(message, "content");
    if (!role)
        return vlm_fail(in->err, VLM_ERR_FORMAT,
                        "%s: messages[%zu] has %s as role, expected a string", in->source->shown, i,
                        cli_json_kind(json_object_get(message, "role")));
    int rc = begin_message(in->r, role, json_is_true(json_object_get(message, "prefix")), in->err);
    if (rc < 0)
        return rc;
    if (json_is_string(content))
        return add_text(in->r, json_string_value(content), json_string_length(content), in->err);
    /* an assistant that only calls tools says nothing */
    if ((!content || json_is_null(content)) &&
        json_is_array(json_object_get(message, "tool_calls")))
        return VLM_OK;
    if (!json_is_array(content))
        return vlm_fail(in->err, VLM_ERR_FORMAT,
                        "%s: messages[%zu] has %s as content, expected a string or a list of "
                        "parts",
                        in->source->shown, i, cli_json_kind(content));
    if (json_array_size(content) > VLM_LIMIT_PARTS)
        return vlm_fail(in->err, VLM_ERR_LIMIT,
                        "%s: messages[%zu] has %zu parts, expected at most %d", in->source->shown,
                        i, json_array_size(content), (int)VLM_LIMIT_PARTS);
    for (size_t k = 0; k < json_array_size(content) && rc == VLM_OK; k++)
        rc = read_part(in, json_array_get(content, k), i);
    return rc;
}

static int from_messages(struct reader *in, json_t *messages)
{
    size_t n = json_array_size(messages);
    if (!json_is_array(messages) || n == 0)
        return vlm_fail(
            in->err, VLM_ERR_FORMAT, "%s: found %s, expected a list of messages", in->source->shown,
            n == 0 && json_is_array(messages) ? "an empty list" : cli_json_kind(messages));
    if (n > VLM_LIMIT_MESSAGES)
        return vlm_fail(in->err, VLM_ERR_LIMIT, "%s: found %zu messages, expected at most %d",
                        in->source->shown, n, (int)VLM_LIMIT_MESSAGES);
    int rc = add_systems(in->r, in->o, in->err);
    for (size_t i = 0; i < n && rc == VLM_OK; i++)
        rc = read_message(in, json_array_get(messages, i), i);
    end_messages(in->r);
    return rc;
}

/* An entry of "images": a path, of a picture, a clip or a PDF; or a part with its path. */
static int read_file(struct reader *in, const json_t *entry, const json_t *line)
{
    const json_t *object = json_is_object(entry) ? entry : line;
    struct cli_media media = {.kind = CLI_IMAGE};
    const char *type = json_is_object(entry) ? get_string(entry, "type") : NULL;
    if (json_is_object(entry))
        media.path = get_string(entry, "path");
    else if (json_is_string(entry) && strlen(json_string_value(entry)) == json_string_length(entry))
        media.path = json_string_value(entry);
    if (!media.path || (type && !kind_of_type(&media.kind, type)))
        return vlm_fail(in->err, VLM_ERR_FORMAT, "%s: found %s in images, expected a path",
                        in->source->shown, cli_json_kind(entry));
    int rc = read_media(&media, in, object);
    return rc < 0 ? rc : add_path(in, media, !type);
}

static int from_prompt(struct reader *in, const json_t *line)
{
    json_t *prompt = json_object_get(line, "prompt"), *images = json_object_get(line, "images");
    if (json_object_get(line, "suffix"))
        return vlm_fail(in->err, VLM_ERR_UNSUPPORTED,
                        "%s: found suffix, which no model of this build can fill before",
                        in->source->shown);
    if (!json_is_string(prompt))
        return vlm_fail(in->err, VLM_ERR_FORMAT,
                        "%s: found %s as prompt, expected a string (or messages)",
                        in->source->shown, cli_json_kind(prompt));
    if (images && !json_is_null(images) && !json_is_array(images))
        return vlm_fail(in->err, VLM_ERR_FORMAT, "%s: found %s as images, expected a list of paths",
                        in->source->shown, cli_json_kind(images));
    int rc = add_systems(in->r, in->o, in->err);
    if (rc == VLM_OK)
        rc = begin_message(in->r, "user", false, in->err);
    for (size_t i = 0; i < json_array_size(images) && rc == VLM_OK; i++)
        rc = read_file(in, json_array_get(images, i), line);
    if (rc == VLM_OK)
        rc = add_text(in->r, json_string_value(prompt), json_string_length(prompt), in->err);
    end_messages(in->r);
    return rc;
}

int cli_request_from_json(struct cli_request *r, const vlm_engine *engine,
                          const struct cli_options *o, json_t *object,
                          const struct cli_source *source, vlm_error *err)
{
    struct reader in = {r, engine, o, source, err};
    begin(r);
    r->json = json_incref(object);
    json_t *messages = json_object_get(object, "messages");
    int rc;
    if (!json_is_object(object))
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: found %s, expected an object", source->shown,
                      cli_json_kind(object));
    else if (json_array_size(json_object_get(object, "tools")) && o->verb->bit != V_RENDER)
        rc = vlm_fail(err, VLM_ERR_UNSUPPORTED, "%s: found tools, which this build only renders",
                      source->shown);
    else
        rc = messages ? from_messages(&in, messages) : from_prompt(&in, object);
    if (rc < 0)
        cli_request_free(r);
    return rc;
}

static int from_file(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                     vlm_error *err)
{
    struct vlm_buf b;
    struct cli_source source = {cli_shown(o->messages), o->messages, true};
    struct reader in = {r, engine, o, &source, err};
    int rc = cli_read(&b, o->messages, VLM_LIMIT_TEXT_BYTES, err);
    if (rc < 0)
        return rc;
    rc = cli_json_parse(&r->json, b.data, b.n, source.shown, err);
    vlm_buf_free(&b);
    return rc < 0 ? rc : from_messages(&in, r->json);
}

static int from_texts(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                      const struct cli_media_list *media, const char *prompt, vlm_error *err)
{
    int rc = add_systems(r, o, err);
    if (rc == VLM_OK)
        rc = begin_message(r, "user", false, err);
    for (size_t i = 0; i < media->n && rc == VLM_OK; i++)
        rc = add_file(r, engine, o, media->v[i], err);
    if (rc == VLM_OK && strcmp(prompt, "-") == 0) {
        rc = cli_read(&r->text, "-", VLM_LIMIT_TEXT_BYTES, err);
        if (rc == VLM_OK)
            rc = add_text(r, r->text.data ? r->text.data : "", r->text.n, err);
    } else if (rc == VLM_OK) {
        rc = add_text(r, prompt, strlen(prompt), err);
    }
    end_messages(r);
    return rc;
}

int cli_request_from_options(struct cli_request *r, const vlm_engine *engine,
                             const struct cli_options *o, const struct cli_media_list *media,
                             const char *prompt, vlm_error *err)
{
    begin(r);
    int rc =
        o->messages ? from_file(r, engine, o, err) : from_texts(r, engine, o, media, prompt, err);
    if (rc < 0)
        cli_request_free(r);
    return rc;
}

/* ---- a conversation that grows ---- */

void cli_request_begin(struct cli_request *r)
{
    begin(r);
}

int cli_request_message(struct cli_request *r, const char *role, vlm_error *err)
{
    int rc = begin_message(r, role, false, err);
    end_messages(r);
    return rc;
}

int cli_request_text(struct cli_request *r, const char *text, size_t n, vlm_error *err)
{
    int rc = add_text(r, text, n, err);
    end_messages(r);
    return rc;
}

int cli_request_part(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                     const json_t *part, const struct cli_source *source, vlm_error *err)
{
    struct reader in = {r, engine, o, source, err};
    struct cli_request before = *r;
    size_t n_parts = r->messages[r->n_messages - 1].n_parts;
    int rc = read_part(&in, part, r->n_messages - 1);
    if (rc < 0)
        cli_request_back(r, &before, n_parts);
    end_messages(r);
    return rc;
}

int cli_request_read(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                     const json_t *message, const struct cli_source *source, vlm_error *err)
{
    struct reader in = {r, engine, o, source, err};
    int rc = read_message(&in, message, r->n_messages);
    end_messages(r);
    return rc;
}

void cli_request_back(struct cli_request *r, const struct cli_request *before, size_t n_last)
{
    while (r->n_images > before->n_images)
        vlm_image_close(r->images[--r->n_images]);
    while (r->n_videos > before->n_videos)
        vlm_video_close(r->videos[--r->n_videos]);
    r->n_parts = before->n_parts;
    r->n_files = before->n_files;
    r->n_messages = before->n_messages;
    if (r->n_messages)
        r->messages[r->n_messages - 1].n_parts = n_last;
    end_messages(r);
}
