/* cmd_batch.c: vlm batch: one request a line, one answer a line, in order.
 *
 * The model is opened once and one session serves every line, so what the prompts share is read
 * once. A session keeps pointing at the pictures of its last sync: the previous request lives until
 * the next one has been synced. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "base/limits.h"
#include "base/os.h"
#include "cmd.h"
#include "io.h"
#include "score.h"
#include "signals.h"
#include "steer.h"

struct batch {
    const struct cli_options *o;
    struct cli_model model;
    const char *path; /* IN.jsonl */
    FILE *in, *out;
    struct cli_file file; /* with -o */
    struct cli_steer steer;
    vlm_session *session;
    struct cli_request previous;
    size_t line, n_failed;
    double load_ms; /* told in the first result */
};

static void close_session(struct batch *b)
{
    vlm_session_close(b->session);
    b->session = NULL;
    cli_request_free(&b->previous);
}

static int answer_in(struct batch *b, struct cli_answer *a, const struct cli_request *r,
                     vlm_error *err)
{
    vlm_session_options so;
    cli_session_options(&so, b->o);
    cli_steer_apply(&b->steer, &so);
    int rc = b->session ? VLM_OK : vlm_session_open(&b->session, b->model.engine, &so, err);
    return rc < 0 ? rc : cli_answer_make(a, b->session, r, NULL, b->o->logprobs > 0, err);
}

/* Without --ctx a session is as large as its first request needs; a larger one gets a new session.
 */
static int answer(struct batch *b, struct cli_answer *a, struct cli_request *r, vlm_error *err)
{
    bool fresh = !b->session;
    int rc = answer_in(b, a, r, err);
    if (rc == VLM_ERR_CONTEXT && !fresh && !b->o->context) {
        cli_answer_free(a);
        close_session(b);
        rc = answer_in(b, a, r, err);
    }
    if (rc < 0) { /* which request the session points at now is not known */
        close_session(b);
        cli_request_free(r);
        return rc;
    }
    cli_request_free(&b->previous);
    b->previous = *r;
    return rc;
}

/* The same for score: the session keeps what lines share; it points at r until the next one. */
static int score(struct batch *b, const json_t *object, struct cli_request *r, json_t **result,
                 vlm_error *err)
{
    vlm_session_options so;
    cli_session_options(&so, b->o);
    so.max_tokens = 0;
    int rc = b->session ? VLM_OK : vlm_session_open(&b->session, b->model.engine, &so, err);
    if (rc == VLM_OK)
        rc = cli_score_make(result, b->model.engine, b->session, r, object, err);
    if (rc < 0) {
        close_session(b);
        cli_request_free(r);
        return rc;
    }
    cli_request_free(&b->previous);
    b->previous = *r;
    return rc;
}

static int one_request(struct batch *b, json_t *object, const struct cli_source *source,
                       json_t **result, vlm_error *err)
{
    struct cli_request r;
    struct cli_answer a = {0};
    double start = vlm_os_now_ms();
    int rc = cli_request_from_json(&r, b->model.engine, b->o, object, source, err);
    if (rc < 0)
        return rc;
    if (b->o->verb->bit == V_SCORE)
        return score(b, object, &r, result, err);
    if (b->o->verb->bit == V_EMBED) {
        rc = cli_embed_make(result, b->model.engine, &r, b->o, err);
        cli_request_free(&r);
        return rc;
    }
    rc = answer(b, &a, &r, err);
    if (rc >= 0) {
        *result = cli_answer_json(&a, &b->model, &b->previous, b->load_ms, vlm_os_now_ms() - start);
        b->load_ms = 0;
        rc = *result ? VLM_OK : vlm_fail_memory(err, 0, "the result");
    }
    cli_answer_free(&a);
    return rc;
}

/* {"id": ..., and the members of result} with the id first */
static json_t *with_id(json_t *id, json_t *result)
{
    json_t *j = json_pack("{s:o}", "id", id ? json_incref(id) : json_null());
    if (j && json_object_update(j, result) != 0) {
        json_decref(j);
        j = NULL;
    }
    json_decref(result);
    return j;
}

static void name_line(char where[160], const struct batch *b)
{
    struct vlm_quoted q;
    const char *shown = cli_shown(b->path);
    snprintf(where, 160, "%s: line %zu",
             strlen(shown) < 100 ? shown : vlm_base_quote(&q, shown, strlen(shown)), b->line);
}

/* Reads no further than the line: e says why it failed, the id is what could be found of it. */
static int read_line(struct batch *b, const struct vlm_buf *line, json_t **object, json_t **result,
                     vlm_error *e)
{
    char where[160];
    name_line(where, b);
    struct cli_source source = {where, b->path, false};
    int rc = cli_json_parse(object, line->data, line->n, where, e);
    return rc < 0 ? rc : one_request(b, *object, &source, result, e);
}

/* rc and *e: how reading the line went.  Fails only when nothing more can be done. */
static int one_line(struct batch *b, const struct vlm_buf *line, int rc, vlm_error *e,
                    vlm_error *err)
{
    json_t *object = NULL, *result = NULL;
    if (rc == VLM_OK)
        rc = read_line(b, line, &object, &result, e);
    if (rc < 0 && cli_interrupted()) {
        json_decref(object);
        *err = *e;
        return rc;
    }
    if (rc < 0) {
        b->n_failed++;
        result = json_pack("{s:o}", "error", cli_json_string(e->message, strlen(e->message)));
    }
    rc = cli_json_print(b->out, with_id(json_object_get(object, "id"), result), err);
    json_decref(object);
    return rc < 0 ? rc : cli_flush(b->out, b->file.f ? b->file.path : "standard output", err);
}

static void show_progress(const struct batch *b)
{
    if (isatty(STDERR_FILENO) && !isatty(fileno(b->out)))
        fprintf(stderr, "\r\033[Kline %zu, %zu failed ", b->line, b->n_failed);
}

static bool is_blank(const struct vlm_buf *line)
{
    return line->n == 0 || line->data[strspn(line->data, " \t")] == 0;
}

static int all_lines(struct batch *b, vlm_error *err)
{
    struct vlm_buf line;
    int rc = VLM_OK;
    vlm_buf_init(&line, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    while (rc == VLM_OK && !cli_interrupted()) {
        vlm_error e = {0};
        cli_signals_reading(true);
        int got = cli_read_line(&line, b->in, cli_shown(b->path), &e);
        cli_signals_reading(false);
        if (got == VLM_DONE || cli_interrupted())
            break;
        b->line++;
        if (got == VLM_ERR_IO) {
            *err = e;
            rc = got;
        } else if (got < 0 || !is_blank(&line)) {
            rc = one_line(b, &line, got, &e, err);
            show_progress(b);
        }
    }
    if (isatty(STDERR_FILENO) && !isatty(fileno(b->out)))
        fputs("\r\033[K", stderr);
    vlm_buf_free(&line);
    return rc;
}

/* IN and OUT may not be one file: OUT would replace what is still being read. */
static int open_files(struct batch *b, vlm_error *err)
{
    struct stat in, out;
    b->in = strcmp(b->path, "-") == 0 ? stdin : fopen(b->path, "rb");
    b->out = stdout;
    if (!b->in)
        return vlm_fail_os(err, errno, "%s: cannot open", b->path);
    if (fstat(fileno(b->in), &in) == 0 && S_ISDIR(in.st_mode))
        return vlm_fail(err, VLM_ERR_IO, "%s: found a directory, expected a file of JSON lines",
                        b->path);
    if (!b->o->output || strcmp(b->o->output, "-") == 0)
        return VLM_OK;
    if (fstat(fileno(b->in), &in) == 0 && stat(b->o->output, &out) == 0 &&
        in.st_dev == out.st_dev && in.st_ino == out.st_ino)
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "%s: found the same file as input and output, expected two", b->path);
    int rc = cli_file_open(&b->file, NULL, b->o->output, err);
    b->out = b->file.f;
    return rc;
}

static int run(struct batch *b, vlm_error *err)
{
    int rc = cli_steer_open(&b->steer, b->model.engine, b->o, err);
    if (rc == VLM_OK)
        rc = open_files(b, err);
    if (rc >= 0)
        rc = all_lines(b, err);
    close_session(b);
    cli_steer_close(&b->steer);
    if (!b->file.f)
        return rc;
    vlm_error e; /* answers that were complete when Ctrl-C came are kept */
    int saved = rc < 0 && !cli_interrupted() ? (cli_file_abort(&b->file), rc)
                                             : cli_file_commit(&b->file, &e);
    if (saved < 0 && rc >= 0)
        *err = e;
    return rc < 0 ? rc : saved;
}

int cli_cmd_batch(const struct cli_options *o)
{
    struct batch b = {.o = o, .path = o->args.v[o->args.n - 1]};
    vlm_error err = {0};
    int status = cli_model_open(&b.model, o, o->args.n == 2 ? o->args.v[0] : NULL, false);
    if (status)
        return status;
    b.load_ms = b.model.load_ms;
    cli_signals_patient(true);
    int rc = run(&b, &err);
    if (b.in && b.in != stdin)
        fclose(b.in);
    if (rc < 0)
        status = cli_failed(&err);
    else if (cli_interrupted())
        status = CLI_INTERRUPTED;
    else if (b.n_failed) {
        vlm_fail(&err, VLM_ERR_FORMAT, "%s: found %zu of %zu lines that failed, expected none",
                 cli_shown(b.path), b.n_failed, b.line);
        status = cli_failed(&err);
    }
    cli_model_close(&b.model);
    return status;
}
