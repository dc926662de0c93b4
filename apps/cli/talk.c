/* talk.c: see talk.h. */
#include "talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "io.h"

static json_t *list_of(const struct cli_talk *t)
{
    return t->request.json;
}

static json_t *last_of(const struct cli_talk *t)
{
    return json_array_get(list_of(t), json_array_size(list_of(t)) - 1);
}

static int no_memory(vlm_error *err)
{
    return vlm_fail_memory(err, 0, "the conversation");
}

/* {"role":..., "content":...}, appended to the list; takes the reference of content. */
static int append(struct cli_talk *t, const char *role, json_t *content, vlm_error *err)
{
    json_t *message = content ? json_pack("{s:s, s:o}", "role", role, "content", content) : NULL;
    if (!message || json_array_append_new(list_of(t), message) != 0)
        return no_memory(err);
    int rc = cli_request_message(&t->request,
                                 json_string_value(json_object_get(last_of(t), "role")), err);
    if (rc < 0)
        json_array_remove(list_of(t), json_array_size(list_of(t)) - 1);
    return rc;
}

/* An empty conversation: the system's message alone, whose text may be empty. */
static int begin(struct cli_talk *t, const vlm_engine *engine, const struct cli_options *o,
                 vlm_error *err)
{
    *t = (struct cli_talk){.engine = engine, .o = o};
    cli_request_begin(&t->request);
    t->request.json = json_array();
    if (!t->request.json)
        return no_memory(err);
    int rc = append(t, "system", json_string(""), err);
    return rc < 0 ? rc : cli_request_text(&t->request, "", 0, err);
}

int cli_talk_system(struct cli_talk *t, const char *text, size_t n, vlm_error *err)
{
    json_t *first = json_array_get(list_of(t), 0), *content = cli_json_string(text, n);
    if (!content || json_object_set_new(first, "content", content) != 0)
        return no_memory(err);
    t->request.parts[0].text = json_string_value(content);
    t->request.parts[0].n_text = json_string_length(content);
    return VLM_OK;
}

int cli_talk_open(struct cli_talk *t, const vlm_engine *engine, const struct cli_options *o,
                  const struct cli_media_list *files, vlm_error *err)
{
    int rc = begin(t, engine, o, err);
    for (size_t i = 0; i < o->systems.n && rc >= 0; i++) {
        const char *text = o->systems.v[i];
        if (i == 0) {
            rc = cli_talk_system(t, text, strlen(text), err);
            continue;
        }
        json_t *content = json_string(text);
        rc = append(t, "system", content, err);
        if (rc >= 0)
            rc = cli_request_text(&t->request, json_string_value(content), strlen(text), err);
    }
    for (size_t i = 0; i < files->n && rc >= 0; i++)
        rc = cli_talk_file(t, &files->v[i], err);
    return rc;
}

void cli_talk_close(struct cli_talk *t)
{
    cli_request_free(&t->request);
}

int cli_talk_reset(struct cli_talk *t, vlm_error *err)
{
    struct cli_talk fresh;
    int rc = begin(&fresh, t->engine, t->o, err);
    if (rc >= 0)
        rc = cli_talk_system(&fresh, t->request.parts[0].text, t->request.parts[0].n_text, err);
    cli_talk_close(rc < 0 ? &fresh : t);
    if (rc >= 0)
        *t = fresh;
    return rc;
}

const vlm_message *cli_talk_messages(const struct cli_talk *t, size_t *n)
{
    size_t none = t->request.parts[0].n_text == 0;
    *n = t->request.n_messages - none;
    return t->request.messages + none;
}

/* ---- questions and answers ---- */

static int open_question(struct cli_talk *t, vlm_error *err)
{
    if (t->open)
        return VLM_OK;
    t->before = t->request;
    int rc = append(t, "user", json_array(), err);
    t->open = rc >= 0;
    return rc;
}

/* The question is not there any more. */
static void drop_question(struct cli_talk *t)
{
    size_t n = t->before.n_messages;
    json_array_remove(list_of(t), n);
    cli_request_back(&t->request, &t->before, t->request.messages[n - 1].n_parts);
    t->open = t->asked = false;
}

void cli_talk_take_back(struct cli_talk *t, bool keep_files)
{
    json_t *content = t->open ? json_object_get(last_of(t), "content") : NULL;
    if (!t->open)
        return;
    if (t->asked && keep_files && json_array_size(content) > 1) {
        size_t n = t->request.messages[t->request.n_messages - 1].n_parts;
        struct cli_request without = t->request;
        without.n_parts--;
        cli_request_back(&t->request, &without, n - 1);
        json_array_remove(content, json_array_size(content) - 1);
        t->asked = false;
    } else if (t->asked || !keep_files) {
        drop_question(t);
    }
}

/* What a messages file says of the file. */
static json_t *part_of(const struct cli_media *m)
{
    static const char *const types[] = {"image", "video", "pdf"};
    char *full = realpath(m->path, NULL);
    const char *path = full ? full : m->path; /* opening it says what is wrong */
    json_t *part = json_pack("{s:s, s:o}", "type", types[m->kind], "path",
                             cli_json_string(path, strlen(path)));
    free(full);
    if (part && m->pages)
        json_object_set_new(part, "pages", json_string(m->pages));
    if (part && m->dpi)
        json_object_set_new(part, "dpi", json_integer((json_int_t)m->dpi));
    if (part && m->fps > 0)
        json_object_set_new(part, "fps", json_real(m->fps));
    if (part && m->max_frames)
        json_object_set_new(part, "max_frames", json_integer((json_int_t)m->max_frames));
    return part;
}

int cli_talk_file(struct cli_talk *t, const struct cli_media *file, vlm_error *err)
{
    struct cli_source source = {"the conversation", NULL, false};
    struct cli_media m = *file;
    bool fresh = !t->open;
    bool pdf = m.kind == CLI_PDF, video = m.kind == CLI_VIDEO;
    /* what the command line says of all files is said in the file, too */
    m.pages = m.pages || !pdf ? m.pages : t->o->of_media.pages;
    m.dpi = m.dpi || !pdf ? m.dpi : t->o->of_media.dpi;
    m.fps = m.fps > 0 || !video ? m.fps : t->o->of_media.fps;
    m.max_frames = m.max_frames || !video ? m.max_frames : t->o->of_media.max_frames;
    json_t *part = part_of(&m);
    int rc = part ? open_question(t, err) : no_memory(err);
    if (rc >= 0)
        rc = cli_request_part(&t->request, t->engine, t->o, part, &source, err);
    if (rc >= 0)
        rc = json_array_append(json_object_get(last_of(t), "content"), part) == 0 ? VLM_OK
                                                                                  : no_memory(err);
    json_decref(part);
    if (rc < 0 && fresh && t->open)
        drop_question(t);
    return rc;
}

int cli_talk_ask(struct cli_talk *t, const char *text, size_t n, vlm_error *err)
{
    int rc = open_question(t, err);
    if (rc < 0)
        return rc;
    json_t *string = cli_json_string(text, n);
    json_t *part = string ? json_pack("{s:s, s:o}", "type", "text", "text", string) : NULL;
    if (!part || json_array_append_new(json_object_get(last_of(t), "content"), part) != 0)
        rc = no_memory(err);
    else
        rc = cli_request_text(&t->request, json_string_value(string), json_string_length(string),
                              err);
    t->asked = true;
    if (rc < 0)
        drop_question(t);
    return rc;
}

int cli_talk_answer(struct cli_talk *t, const char *text, size_t n, vlm_error *err)
{
    json_t *content = json_object_get(last_of(t), "content");
    if (t->open && json_array_size(content) == 1) /* a text alone is written as a string */
        json_object_set(last_of(t), "content", json_object_get(json_array_get(content, 0), "text"));
    t->open = t->asked = false;
    json_t *string = cli_json_string(text, n);
    int rc = append(t, "assistant", string, err);
    return rc < 0 ? rc
                  : cli_request_text(&t->request, json_string_value(string),
                                     json_string_length(string), err);
}

/* ---- files ---- */

/* fn for every path of the list's parts: takes the string as it is, returns what replaces it. */
typedef json_t *path_fn(const char *path, void *ctx);
static int each_path(json_t *list, path_fn *fn, void *ctx, vlm_error *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *content = json_object_get(json_array_get(list, i), "content");
        for (size_t k = 0; json_is_array(content) && k < json_array_size(content); k++) {
            json_t *part = json_array_get(content, k), *path = json_object_get(part, "path");
            if (path && json_object_set_new(part, "path", fn(json_string_value(path), ctx)) != 0)
                return no_memory(err);
        }
    }
    return VLM_OK;
}

static json_t *below(const char *path, void *ctx)
{
    const char *dir = ctx;
    size_t n = strlen(dir);
    bool inside = strncmp(path, dir, n) == 0 && path[n] == '/' && path[n + 1];
    return json_string(inside ? path + n + 1 : path);
}

static json_t *whole(const char *path, void *ctx)
{
    char resolved[PATH_MAX];
    const char *found = path;
    if (cli_source_path(resolved, path, ctx, NULL) == VLM_OK)
        found = resolved;
    char *full = realpath(found, NULL);
    json_t *j = json_string(full ? full : found);
    free(full);
    return j;
}

static int write_list(json_t *list, const char *path, vlm_error *err)
{
    struct cli_file file;
    char *text = json_dumps(list, JSON_INDENT(2));
    if (!text)
        return no_memory(err);
    int rc = cli_file_open(&file, NULL, path, err);
    if (rc >= 0) {
        fprintf(file.f, "%s\n", text);
        rc = cli_file_commit(&file, err);
    }
    free(text);
    return rc;
}

int cli_talk_save(const struct cli_talk *t, const char *path, vlm_error *err)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    char *full = realpath(slash ? dir : ".", NULL);
    if (!full)
        return vlm_fail_os(err, errno, "%s: cannot create", path);
    json_t *list = json_deep_copy(list_of(t));
    if (list && t->open)
        json_array_remove(list, json_array_size(list) - 1);
    if (list && t->request.parts[0].n_text == 0)
        json_array_remove(list, 0);
    int rc = list ? each_path(list, below, full, err) : no_memory(err);
    if (rc >= 0)
        rc = write_list(list, path, err);
    json_decref(list);
    free(full);
    return rc;
}

static bool is_role(const json_t *message, const char *role)
{
    const char *s = json_string_value(json_object_get(message, "role"));
    return s && strcmp(s, role) == 0;
}

/* The messages of the file, behind the empty system's message that t has. */
static int take_messages(struct cli_talk *t, json_t *messages, const struct cli_source *source,
                         vlm_error *err)
{
    int rc = VLM_OK;
    for (size_t i = 0; i < json_array_size(messages) && rc >= 0; i++) {
        json_t *message = json_array_get(messages, i),
               *content = json_object_get(message, "content");
        t->before = t->request; /* of the last message, in the end */
        if (i == 0 && is_role(message, "system") && json_is_string(content)) {
            rc = cli_talk_system(t, json_string_value(content), json_string_length(content), err);
            continue;
        }
        rc = cli_request_read(&t->request, t->engine, t->o, message, source, err);
        if (rc >= 0 && json_array_append(list_of(t), message) != 0)
            rc = no_memory(err);
        json_object_del(message, "prefix");
        if (rc >= 0)
            t->request.messages[t->request.n_messages - 1].prefix = 0;
    }
    t->open = t->asked = is_role(last_of(t), "user");
    return rc;
}

int cli_talk_load(struct cli_talk *t, const char *path, vlm_error *err)
{
    struct vlm_buf b;
    struct cli_talk fresh;
    json_t *messages = NULL;
    struct cli_source source = {path, path, true};
    int rc = cli_read(&b, path, VLM_LIMIT_TEXT_BYTES, err);
    if (rc < 0)
        return rc;
    rc = cli_json_parse(&messages, b.data, b.n, path, err);
    vlm_buf_free(&b);
    if (rc >= 0 && json_array_size(messages) == 0)
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: found %s, expected a list of messages", path,
                      json_is_array(messages) ? "an empty list" : cli_json_kind(messages));
    if (rc >= 0) {
        rc = begin(&fresh, t->engine, t->o, err);
        if (rc >= 0)
            rc = take_messages(&fresh, messages, &source, err);
        if (rc >= 0)
            rc = each_path(messages, whole, &source, err);
        cli_talk_close(rc < 0 ? &fresh : t);
        if (rc >= 0)
            *t = fresh;
    }
    json_decref(messages);
    return rc;
}
