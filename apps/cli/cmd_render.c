/* cmd_render.c: vlm render: the prompt text of a conversation, and its ids. */
#include <errno.h>
#include <stdio.h>
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

static int render(const struct cli_options *o, const vlm_engine *engine,
                  const struct cli_request *r, bool as_json, vlm_error *err)
{
    vlm_rendered out;
    vlm_session_options so;
    cli_session_options(&so, o);
    int rc =
        vlm_render(&out, engine, r->messages, r->n_messages, !o->no_generation_prompt, &so, err);
    if (rc < 0)
        return rc;
    rc = print_rendered(&out, as_json, err);
    vlm_rendered_free(&out);
    return rc;
}

static int render_file(const struct cli_options *o, const vlm_engine *engine, vlm_error *err)
{
    struct cli_request r;
    int rc = cli_request_from_options(&r, engine, o, &o->media, NULL, err);
    if (rc < 0)
        return rc;
    rc = render(o, engine, &r, o->json, err);
    cli_request_free(&r);
    return rc;
}

static int render_line(const struct cli_options *o, const vlm_engine *engine,
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
    rc = render(o, engine, &r, true, err);
    cli_request_free(&r);
    return rc;
}

static int render_lines(const struct cli_options *o, const vlm_engine *engine, vlm_error *err)
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
        rc = render_line(o, engine, &line, where, err);
        if (rc < 0)
            break;
    }
    vlm_buf_free(&line);
    if (!standard)
        fclose(f);
    return rc < 0 ? rc : VLM_OK;
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
    int rc = o->jsonl ? render_lines(o, m.engine, &err) : render_file(o, m.engine, &err);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
