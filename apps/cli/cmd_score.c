/* cmd_score.c: vlm score, vlm embed: one request a line, one result a line, in order.  The model is
 * opened once and score's session serves every line, so what the prompts share is read once. */
#include "base/status.h"
#include "cmd.h"
#include "lines.h"
#include "score.h"
#include "signals.h"

struct work {
    const struct cli_options *o;
    struct cli_model model;
    struct cli_lines lines;
    vlm_session *session;
};

static int score(struct work *w, const json_t *object, const struct cli_request *r, json_t **result,
                 vlm_error *err)
{
    vlm_session_options so;
    cli_session_options(&so, w->o);
    so.max_tokens = 0;
    int rc = w->session ? VLM_OK : vlm_session_open(&w->session, w->model.engine, &so, err);
    return rc < 0 ? rc : cli_score_make(result, w->model.engine, w->session, r, object, err);
}

static int one_line(struct work *w, json_t *object, json_t **result, vlm_error *e)
{
    char where[160];
    struct cli_request r;
    cli_lines_where(where, &w->lines);
    struct cli_source source = {where, w->lines.path, false};
    int rc = cli_request_from_json(&r, w->model.engine, w->o, object, &source, e);
    if (rc < 0)
        return rc;
    rc = w->o->verb->bit == V_SCORE ? score(w, object, &r, result, e)
                                    : cli_embed_make(result, w->model.engine, &r, w->o, e);
    cli_request_free(&r);
    return rc;
}

static int all_lines(struct work *w, vlm_error *err)
{
    int rc = VLM_OK;
    while (rc == VLM_OK && !cli_interrupted()) {
        vlm_error e = {0};
        json_t *object, *result = NULL;
        rc = cli_lines_next(&w->lines, &object, &e, err);
        if (rc != VLM_OK)
            break;
        int said = object ? one_line(w, object, &result, &e) : VLM_ERR_FORMAT;
        if (said < 0 && cli_interrupted()) {
            *err = e;
            rc = said;
        } else {
            rc = cli_lines_put(&w->lines, object,
                               said < 0 ? cli_lines_failure(&w->lines, &e) : result, err);
        }
        json_decref(object);
    }
    return rc < 0 ? rc : VLM_OK;
}

int cli_cmd_score(const struct cli_options *o)
{
    struct work w = {.o = o};
    vlm_error err = {0};
    int status = cli_model_open(&w.model, o, o->args.n == 2 ? o->args.v[0] : NULL, false);
    if (status)
        return status;
    cli_signals_patient(true);
    int rc = cli_lines_open(&w.lines, o, &err);
    if (rc >= 0)
        rc = all_lines(&w, &err);
    vlm_session_close(w.session);
    rc = cli_lines_close(&w.lines, rc, &err);
    status = cli_lines_status(&w.lines, rc, &err);
    cli_model_close(&w.model);
    return status;
}
