/* cmd_render.c: vlm render: the prompt text of a conversation, and its ids. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cmd.h"
#include "io.h"
#include "model.h"
#include "request.h"

static int print_rendered(const vlm_rendered *r, bool as_json, vlm_error *err)
{
    if (!as_json) {
        cli_put_text(stdout, r->text, r->n_text);
        return VLM_OK;
    }
    json_t *ids = json_array();
    for (size_t i = 0; i < r->n_ids; i++)
        json_array_append_new(ids, json_integer(r->ids[i]));
    return cli_json_print(
        stdout, json_pack("{s:o, s:o}", "prompt", cli_json_string(r->text, r->n_text), "ids", ids),
        err);
}

/* What the template gets beside the messages: JSON values, or NULL. */
struct extra {
    const json_t *tools, *messages;
};

/* JSON text of a list that is not empty; NULL for none. */
static int dump(char **out, const json_t *list, const char *what, vlm_error *err)
{
    *out = NULL;
    if (!list || json_is_null(list) || (json_is_array(list) && json_array_size(list) == 0))
        return VLM_OK;
    if (!json_is_array(list))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: found no list, expected one", what);
    *out = json_dumps(list, JSON_COMPACT);
    return *out ? VLM_OK : vlm_fail_memory(err, 0, what);
}

static int render(const struct cli_options *o, const vlm_engine *engine,
                  const struct cli_request *r, const struct extra *x, bool as_json, vlm_error *err)
{
    vlm_rendered out;
    vlm_session_options so;
    char *tools = NULL, *members = NULL;
    cli_session_options(&so, o);
    int rc = dump(&tools, x->tools, "tools", err);
    if (rc == VLM_OK)
        rc = dump(&members, x->messages, "messages", err);
    if (rc == VLM_OK)
        rc = vlm_render_data(&out, engine, r->messages, r->n_messages, !o->no_generation_prompt,
                             &so, tools, members, err);
    free(tools);
    free(members);
    if (rc < 0)
        return rc;
    rc = print_rendered(&out, as_json, err);
    vlm_rendered_free(&out);
    return rc;
}

static int render_file(const struct cli_options *o, const vlm_engine *engine, const json_t *tools,
                       vlm_error *err)
{
    struct cli_request r;
    int rc = cli_request_from_options(&r, engine, o, &o->media, NULL, err);
    if (rc < 0)
        return rc;
    rc = render(o, engine, &r, &(struct extra){tools, r.json}, o->json, err);
    cli_request_free(&r);
    return rc;
}

/* A line's own tools come before those of --tools. */
static int render_line(const struct cli_options *o, const vlm_engine *engine, const json_t *tools,
                       const struct vlm_buf *line, const char *where, vlm_error *err)
{
    struct cli_source source = {where, o->jsonl, true};
    struct cli_request r;
    json_t *object;
    int rc = cli_json_parse(&object, line->data, line->n, where, err);
    if (rc < 0)
        return rc;
    rc = cli_request_from_json(&r, engine, o, object, &source, err);
    json_decref(object);
    if (rc < 0)
        return rc;
    const json_t *own = json_object_get(r.json, "tools");
    rc = render(o, engine, &r,
                &(struct extra){own ? own : tools, json_object_get(r.json, "messages")}, true, err);
    cli_request_free(&r);
    return rc;
}

static int render_lines(const struct cli_options *o, const vlm_engine *engine, const json_t *tools,
                        vlm_error *err)
{
    struct vlm_buf line;
    struct vlm_quoted q;
    char where[128] = "";
    bool standard = strcmp(o->jsonl, "-") == 0;
    FILE *f = standard ? stdin : fopen(o->jsonl, "rb");
    int rc;
    if (!f)
        return vlm_fail_os(err, errno, "%s: cannot open", o->jsonl);
    vlm_base_quote(&q, cli_shown(o->jsonl), strlen(cli_shown(o->jsonl)));
    vlm_buf_init(&line, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    for (size_t i = 1; (rc = cli_read_line(&line, f, q.text, err)) == VLM_OK; i++) {
        snprintf(where, sizeof where, "%s: line %zu", q.text, i);
        rc = render_line(o, engine, tools, &line, where, err);
        if (rc < 0)
            break;
    }
    vlm_buf_free(&line);
    if (!standard)
        fclose(f);
    return rc < 0 ? rc : VLM_OK;
}

static int read_tools(json_t **out, const char *path, vlm_error *err)
{
    struct vlm_buf b;
    int rc = cli_read(&b, path, VLM_LIMIT_TEXT_BYTES, err);
    if (rc < 0)
        return rc;
    rc = cli_json_parse(out, b.data, b.n, cli_shown(path), err);
    vlm_buf_free(&b);
    if (rc < 0 || json_is_array(*out))
        return rc;
    json_decref(*out);
    *out = NULL;
    return vlm_fail(err, VLM_ERR_FORMAT, "%s: found no list, expected a list of tools",
                    cli_shown(path));
}

int cli_cmd_render(const struct cli_options *o)
{
    struct cli_model m;
    vlm_error err = {0};
    if (!o->messages == !o->jsonl)
        return cli_usage(o->verb, "render: found %s, expected either --messages or --jsonl",
                         o->messages ? "both" : "no conversation");
    int status = cli_model_open(&m, o, o->args.v[0], true);
    if (status)
        return status;
    json_t *tools = NULL;
    int rc = o->tools ? read_tools(&tools, o->tools, &err) : VLM_OK;
    if (rc == VLM_OK)
        rc = o->jsonl ? render_lines(o, m.engine, tools, &err)
                      : render_file(o, m.engine, tools, &err);
    json_decref(tools);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
