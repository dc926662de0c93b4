/* request.c: see request.h. */
#include "request.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "io.h"

_Static_assert(sizeof(((struct cli_request *)0)->images) / sizeof(vlm_image *) == VLM_LIMIT_IMAGES,
               "images");

void cli_request_free(struct cli_request *r)
{
    for (size_t i = 0; i < r->n_images; i++)
        vlm_image_close(r->images[i]);
    vlm_mem_free(&vlm_mem_system, r->messages);
    vlm_mem_free(&vlm_mem_system, r->parts);
    vlm_buf_free(&r->text);
    json_decref(r->json);
    *r = (struct cli_request){0};
}

static int reserve(struct cli_request *r, size_t n_messages, size_t n_parts, vlm_error *err)
{
    vlm_buf_init(&r->text, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    r->messages = vlm_mem_zalloc(&vlm_mem_system, n_messages, sizeof *r->messages);
    r->parts = vlm_mem_zalloc(&vlm_mem_system, n_parts, sizeof *r->parts);
    r->cap_parts = n_parts;
    if (!r->messages || !r->parts)
        return vlm_fail_memory(err, n_messages * sizeof *r->messages + n_parts * sizeof *r->parts,
                               "messages");
    return VLM_OK;
}

static vlm_message *begin_message(struct cli_request *r, const char *role)
{
    vlm_message *m = &r->messages[r->n_messages++];
    *m = (vlm_message){.role = role, .parts = r->parts + r->n_parts};
    return m;
}

static void add_text(struct cli_request *r, const char *text, size_t n)
{
    r->parts[r->n_parts++] = (vlm_part){.kind = VLM_PART_TEXT, .text = text, .n_text = n};
    r->messages[r->n_messages - 1].n_parts++;
}

int cli_image_open(vlm_image **out, const vlm_engine *engine, const char *path, vlm_error *err)
{
    if (strcmp(path, "-") != 0)
        return vlm_image_open(out, engine, path, err);
    struct vlm_buf b;
    int rc = cli_read(&b, path, VLM_LIMIT_IMAGE_FILE_BYTES, err);
    if (rc < 0)
        return rc;
    rc = vlm_image_decode(out, engine, b.data ? b.data : "", b.n, cli_shown(path), err);
    vlm_buf_free(&b);
    return rc;
}

static int add_image(struct cli_request *r, const vlm_engine *engine, const char *path,
                     vlm_error *err)
{
    if (r->n_images == VLM_LIMIT_IMAGES)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: found more than %d pictures in one conversation, expected at "
                        "most that many",
                        cli_shown(path), (int)VLM_LIMIT_IMAGES);
    double start = vlm_os_now_ms();
    vlm_image *image;
    int rc = cli_image_open(&image, engine, path, err);
    if (rc < 0)
        return rc;
    r->decode_ms += vlm_os_now_ms() - start;
    r->images[r->n_images++] = image;
    r->parts[r->n_parts++] = vlm_part_image(image);
    r->messages[r->n_messages - 1].n_parts++;
    return VLM_OK;
}

static void add_systems(struct cli_request *r, const struct cli_options *o)
{
    for (size_t i = 0; i < o->systems.n; i++) {
        begin_message(r, "system");
        add_text(r, o->systems.v[i], strlen(o->systems.v[i]));
    }
}

static int resolve(char out[PATH_MAX], const char *path, const struct cli_source *source,
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

static int add_image_path(struct cli_request *r, const vlm_engine *engine, const char *path,
                          const struct cli_source *source, vlm_error *err)
{
    char full[PATH_MAX];
    if (strcmp(path, "-") == 0)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: found '-' as the path of a picture, expected a file", source->shown);
    int rc = resolve(full, path, source, err);
    return rc < 0 ? rc : add_image(r, engine, full, err);
}

static int add_part(struct cli_request *r, const vlm_engine *engine, const json_t *part,
                    size_t i_message, const struct cli_source *source, vlm_error *err)
{
    struct vlm_quoted q;
    const char *type = get_string(part, "type");
    json_t *text = json_object_get(part, "text");
    const char *path = get_string(part, "path");
    if (!type)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: messages[%zu] has a part without a type, expected text or image",
                        source->shown, i_message);
    if (strcmp(type, "text") == 0 && json_is_string(text)) {
        add_text(r, json_string_value(text), json_string_length(text));
        return VLM_OK;
    }
    if (strcmp(type, "image") == 0 && path)
        return add_image_path(r, engine, path, source, err);
    if (strcmp(type, "text") == 0 || strcmp(type, "image") == 0)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: messages[%zu] has a part of type %s without the string '%s'",
                        source->shown, i_message, type, type[0] == 't' ? "text" : "path");
    return vlm_fail(
        err, VLM_ERR_UNSUPPORTED,
        "%s: messages[%zu] has a part of type '%s', expected text or image in this build",
        source->shown, i_message, vlm_base_quote(&q, type, strlen(type)));
}

static const char *kind_of(const json_t *v)
{
    return !v                  ? "nothing"
           : json_is_null(v)   ? "null"
           : json_is_array(v)  ? "a list"
           : json_is_object(v) ? "an object"
           : json_is_string(v) ? "a string"
           : json_is_number(v) ? "a number"
                               : "true or false";
}

static int add_message(struct cli_request *r, const vlm_engine *engine, const json_t *message,
                       size_t i, const struct cli_source *source, vlm_error *err)
{
    const char *role = get_string(message, "role");
    json_t *content = json_object_get(message, "content");
    if (!role)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: messages[%zu] has %s as role, expected a string",
                        source->shown, i, kind_of(json_object_get(message, "role")));
    vlm_message *m = begin_message(r, role);
    m->prefix = json_is_true(json_object_get(message, "prefix"));
    if (json_is_string(content)) {
        add_text(r, json_string_value(content), json_string_length(content));
        return VLM_OK;
    }
    if (!json_is_array(content))
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: messages[%zu] has %s as content, expected a string or a list of "
                        "parts",
                        source->shown, i, kind_of(content));
    int rc = VLM_OK;
    for (size_t k = 0; k < json_array_size(content) && rc == VLM_OK; k++)
        rc = add_part(r, engine, json_array_get(content, k), i, source, err);
    return rc;
}

static size_t count_parts(const json_t *messages)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(messages); i++) {
        size_t k = json_array_size(json_object_get(json_array_get(messages, i), "content"));
        n += k ? k : 1;
    }
    return n;
}

static int from_messages(struct cli_request *r, const vlm_engine *engine,
                         const struct cli_options *o, json_t *messages,
                         const struct cli_source *source, vlm_error *err)
{
    size_t n = json_array_size(messages), n_parts = count_parts(messages);
    if (!json_is_array(messages) || n == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: found %s, expected a list of messages",
                        source->shown,
                        n == 0 && json_is_array(messages) ? "an empty list" : kind_of(messages));
    if (n > VLM_LIMIT_MESSAGES || n_parts > VLM_LIMIT_MESSAGES * VLM_LIMIT_PARTS)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: found %zu messages, expected at most %d",
                        source->shown, n, (int)VLM_LIMIT_MESSAGES);
    int rc = reserve(r, n + o->systems.n, n_parts + o->systems.n, err);
    if (rc == VLM_OK)
        add_systems(r, o);
    for (size_t i = 0; i < n && rc == VLM_OK; i++)
        rc = add_message(r, engine, json_array_get(messages, i), i, source, err);
    return rc;
}

static int from_prompt(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                       const json_t *object, const struct cli_source *source, vlm_error *err)
{
    json_t *prompt = json_object_get(object, "prompt"), *images = json_object_get(object, "images");
    if (!json_is_string(prompt))
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: found %s as prompt, expected a string (or messages)", source->shown,
                        kind_of(prompt));
    if (images && !json_is_null(images) && !json_is_array(images))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: found %s as images, expected a list of paths",
                        source->shown, kind_of(images));
    size_t n = json_array_size(images);
    if (n > VLM_LIMIT_IMAGES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: found %zu images, expected at most %d",
                        source->shown, n, (int)VLM_LIMIT_IMAGES);
    int rc = reserve(r, 1 + o->systems.n, 1 + n + o->systems.n, err);
    if (rc < 0)
        return rc;
    add_systems(r, o);
    begin_message(r, "user");
    for (size_t i = 0; i < n && rc == VLM_OK; i++) {
        json_t *path = json_array_get(images, i);
        if (!json_is_string(path) || strlen(json_string_value(path)) != json_string_length(path))
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: found %s in images, expected a path",
                            source->shown, kind_of(path));
        rc = add_image_path(r, engine, json_string_value(path), source, err);
    }
    if (rc == VLM_OK)
        add_text(r, json_string_value(prompt), json_string_length(prompt));
    return rc;
}

int cli_request_from_json(struct cli_request *r, const vlm_engine *engine,
                          const struct cli_options *o, json_t *object,
                          const struct cli_source *source, vlm_error *err)
{
    *r = (struct cli_request){.json = json_incref(object)};
    json_t *messages = json_object_get(object, "messages");
    int rc;
    if (!json_is_object(object))
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: found %s, expected an object", source->shown,
                      kind_of(object));
    else if (json_array_size(json_object_get(object, "tools")))
        rc = vlm_fail(err, VLM_ERR_UNSUPPORTED, "%s: found tools, which this build cannot render",
                      source->shown);
    else if (messages)
        rc = from_messages(r, engine, o, messages, source, err);
    else
        rc = from_prompt(r, engine, o, object, source, err);
    if (rc < 0)
        cli_request_free(r);
    return rc;
}

static int from_file(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                     vlm_error *err)
{
    struct vlm_buf b;
    struct cli_source source = {cli_shown(o->messages), o->messages, true};
    int rc = cli_read(&b, o->messages, VLM_LIMIT_TEXT_BYTES, err);
    if (rc < 0)
        return rc;
    rc = cli_json_parse(&r->json, b.data, b.n, source.shown, err);
    vlm_buf_free(&b);
    return rc < 0 ? rc : from_messages(r, engine, o, r->json, &source, err);
}

static int from_texts(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                      const struct cli_list *images, const char *prompt, vlm_error *err)
{
    int rc = reserve(r, 1 + o->systems.n, 1 + images->n + o->systems.n, err);
    if (rc < 0)
        return rc;
    add_systems(r, o);
    begin_message(r, "user");
    for (size_t i = 0; i < images->n && rc == VLM_OK; i++)
        rc = add_image(r, engine, images->v[i], err);
    if (rc == VLM_OK && strcmp(prompt, "-") == 0) {
        rc = cli_read(&r->text, "-", VLM_LIMIT_TEXT_BYTES, err);
        if (rc == VLM_OK)
            add_text(r, r->text.data ? r->text.data : "", r->text.n);
    } else if (rc == VLM_OK) {
        add_text(r, prompt, strlen(prompt));
    }
    return rc;
}

int cli_request_from_options(struct cli_request *r, const vlm_engine *engine,
                             const struct cli_options *o, const struct cli_list *images,
                             const char *prompt, vlm_error *err)
{
    *r = (struct cli_request){0};
    int rc =
        o->messages ? from_file(r, engine, o, err) : from_texts(r, engine, o, images, prompt, err);
    if (rc < 0)
        cli_request_free(r);
    return rc;
}
