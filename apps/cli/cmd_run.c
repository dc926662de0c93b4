/* cmd_run.c: vlm run: one question, one answer. */
#include <string.h>

#include "answer.h"
#include "ask.h"
#include "base/os.h"
#include "cmd.h"
#include "io.h"
#include "signals.h"
#include "steer.h"

static void end_line(const struct cli_choice *c)
{
    if (c->text.n == 0 || c->text.data[c->text.n - 1] != '\n')
        putchar('\n');
}

/* Each with its number before it; the first is 1 for people, 0 in JSON. */
static void print_choices(const struct cli_answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        printf("[%zu] ", i + 1);
        cli_put_text(stdout, a->choices[i].text.n ? a->choices[i].text.data : "",
                     a->choices[i].text.n);
        end_line(&a->choices[i]);
    }
}

/* The answer, streamed or as one object.  Text that came before a failure or Ctrl-C stays printed.
 */
static int print_answer(const struct cli_options *o, const struct cli_model *m,
                        vlm_session *session, const vlm_session_options *so,
                        const struct cli_request *r, double start, vlm_error *err)
{
    struct cli_answer a;
    bool stream = !o->json && o->choices == 1;
    int rc =
        cli_answer_make(&a, m->engine, session, r, so, o->choices, stream ? stdout : NULL, err);
    if (stream && a.n && (rc == VLM_OK || a.choices[0].text.n))
        end_line(&a.choices[0]);
    else if (!o->json && rc == VLM_OK)
        print_choices(&a);
    if (o->json && rc == VLM_OK)
        rc = cli_json_print(stdout, cli_answer_json(&a, m, r, m->load_ms, vlm_os_now_ms() - start),
                            err);
    if (rc == VLM_OK)
        rc = cli_flush(stdout, "standard output", err);
    if (o->verbose && rc == VLM_OK)
        cli_answer_print_stats(&a);
    cli_answer_free(&a);
    return rc;
}

static int ask(const struct cli_options *o, const struct cli_ask *q, const struct cli_model *m,
               double start, vlm_error *err)
{
    struct cli_request r;
    struct cli_steer steer;
    vlm_session *session = NULL;
    vlm_session_options so;
    int rc = cli_steer_open(&steer, m->engine, o, err);
    if (rc < 0)
        return rc;
    rc = cli_request_from_options(&r, m->engine, o, &q->media, q->prompt, err);
    if (rc >= 0) {
        cli_session_options(&so, o);
        cli_steer_apply(&steer, &so);
        rc = vlm_session_open(&session, m->engine, &so, err);
        if (rc == VLM_OK && o->session && vlm_os_exists(NULL, o->session))
            rc = vlm_session_load(session, o->session, err);
        if (rc == VLM_OK)
            rc = print_answer(o, m, session, &so, &r, start, err);
        if (rc >= 0 && o->session && !cli_interrupted())
            rc = vlm_session_save(session, o->session, err);
        vlm_session_close(session);
        cli_request_free(&r);
    }
    cli_steer_close(&steer);
    return rc;
}

int cli_cmd_run(const struct cli_options *o)
{
    struct cli_ask q;
    struct cli_model m;
    vlm_error err = {0};
    double start = vlm_os_now_ms();
    int status = cli_ask_sort(&q, o);
    if (status == CLI_OK)
        status = cli_model_open(&m, o, q.model, false);
    if (status)
        return status;
    if (ask(o, &q, &m, start, &err) < 0)
        status = cli_failed(&err);
    else if (cli_interrupted())
        status = CLI_INTERRUPTED;
    cli_model_close(&m);
    return status;
}
