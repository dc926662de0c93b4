/* cmd_batch.c: vlm batch: one request a line, one answer a line, in order.
 *
 * The model is opened once.  --parallel slots answer a line each, side by side in one step; a slot
 * keeps its session for its next line, so what the prompts share is read once.  Results wait until
 * those of the lines before are printed. */
#include <string.h>

#include "answer.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cmd.h"
#include "lines.h"
#include "signals.h"
#include "steer.h"

#define N_WAITING 1024 /* lines read ahead of the one to be printed next, at most */

struct slot {
    bool busy;
    size_t i;                     /* which of waiting */
    struct cli_line_options *own; /* NULL: as the command line says */
    struct cli_steer steer;       /* of own */
    struct cli_request r;
    struct cli_answer a;
    vlm_session *session;
    vlm_session_options so;
    double start;
};
struct batch {
    const struct cli_options *o;
    struct cli_model model;
    struct cli_lines lines;
    struct cli_steer steer;
    struct slot *slots;
    size_t n_slots;
    struct {
        json_t *object, *result;
    } waiting[N_WAITING]; /* a ring: line k at k % N_WAITING */
    size_t first, last;   /* lines [first, last) wait */
    double load_ms;       /* told in the first result */
};

/* ---- one slot ---- */

static void close_session(struct slot *s)
{
    cli_signals_sessions(NULL, 0);
    vlm_session_close(s->session);
    s->session = NULL;
}

static void end(struct slot *s, bool keep_session)
{
    cli_signals_sessions(NULL, 0);
    cli_answer_free(&s->a);
    if (!keep_session || s->own)
        close_session(s);
    cli_request_free(&s->r);
    cli_steer_close(&s->steer);
    cli_line_options_close(s->own);
    s->own = NULL;
    s->busy = false;
}

/* A line with options of its own gets a session of its own. */
static int open_session(struct batch *b, struct slot *s, vlm_error *err)
{
    if (s->own)
        close_session(s);
    if (s->session)
        return VLM_OK;
    int rc = s->own ? cli_steer_open(&s->steer, b->model.engine, &s->own->o, err) : VLM_OK;
    if (rc < 0)
        return rc;
    cli_session_options(&s->so, s->own ? &s->own->o : b->o);
    cli_steer_apply(s->own ? &s->steer : &b->steer, &s->so);
    return vlm_session_open(&s->session, b->model.engine, &s->so, err);
}

static int begin(struct batch *b, struct slot *s, json_t *object, vlm_error *err)
{
    char where[160];
    cli_lines_where(where, &b->lines);
    struct cli_source source = {where, b->lines.path, false};
    s->start = vlm_os_now_ms();
    int rc = cli_request_from_json(&s->r, b->model.engine, b->o, object, &source, err);
    if (rc >= 0)
        rc = cli_line_options_open(&s->own, b->o, object, &source, err);
    if (rc >= 0)
        rc = open_session(b, s, err);
    size_t n = s->own ? s->own->o.choices : b->o->choices;
    if (rc >= 0 && n * b->n_slots > VLM_LIMIT_BATCH)
        rc = vlm_fail(err, VLM_ERR_LIMIT, "%s: found %zu choices, expected at most %zu", where, n,
                      (size_t)VLM_LIMIT_BATCH / b->n_slots);
    if (rc >= 0)
        rc = cli_answer_begin(&s->a, b->model.engine, s->session, &s->r, &s->so, n, err);
    s->busy = rc >= 0;
    if (rc < 0)
        end(s, false);
    return rc;
}

/* ---- all lines ---- */

static int print_ready(struct batch *b, vlm_error *err)
{
    int rc = VLM_OK;
    while (rc == VLM_OK && b->first < b->last && b->waiting[b->first % N_WAITING].result) {
        size_t i = b->first++ % N_WAITING;
        rc = cli_lines_put(&b->lines, b->waiting[i].object, b->waiting[i].result, err);
        b->waiting[i].result = NULL;
        json_decref(b->waiting[i].object);
        b->waiting[i].object = NULL;
    }
    return rc;
}

static struct slot *free_slot(struct batch *b)
{
    for (size_t i = 0; i < b->n_slots; i++)
        if (!b->slots[i].busy)
            return &b->slots[i];
    return NULL;
}

/* Lines into free slots.  VLM_DONE: there are no more. */
static int fill(struct batch *b, vlm_error *err)
{
    struct slot *s;
    while ((s = free_slot(b)) && b->last - b->first < N_WAITING) {
        vlm_error e = {0};
        json_t *object;
        int rc = cli_lines_next(&b->lines, &object, &e, err);
        if (rc != VLM_OK)
            return rc;
        s->i = b->last++ % N_WAITING;
        b->waiting[s->i].object = object;
        if (!object || begin(b, s, object, &e) < 0) {
            if (cli_interrupted())
                return VLM_DONE; /* the line was not answered, nothing is said of it */
            b->waiting[s->i].result = cli_lines_failure(&b->lines, &e);
        }
        rc = print_ready(b, err);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

/* rc, e: how the slot's answer ended. */
static void conclude(struct batch *b, struct slot *s, int rc, vlm_error *e)
{
    json_t *result = NULL;
    if (rc >= 0) {
        result = cli_answer_json(&s->a, &b->model, &s->r, b->load_ms, vlm_os_now_ms() - s->start);
        b->load_ms = 0;
        rc = result ? VLM_OK : vlm_fail_memory(e, 0, "the result");
    }
    if (rc < 0 && !cli_interrupted())
        result = cli_lines_failure(&b->lines, e);
    b->waiting[s->i].result = result;
    end(s, rc >= 0);
}

/* One step for all that are busy; false when none is. */
static bool step(struct batch *b)
{
    vlm_session *running[VLM_LIMIT_BATCH];
    vlm_error e = {0};
    size_t n = 0;
    for (size_t i = 0; i < b->n_slots; i++)
        if (b->slots[i].busy)
            n += cli_answer_sessions(&b->slots[i].a, running + n);
    if (n == 0)
        return false;
    cli_signals_sessions(running, n);
    int rc = vlm_step(b->model.engine, running, n, &e);
    for (size_t i = 0; i < b->n_slots; i++) {
        struct slot *s = &b->slots[i];
        if (!s->busy)
            continue;
        int got = rc < 0 ? rc : cli_answer_collect(&s->a, NULL, &e);
        if (got != VLM_OK)
            conclude(b, s, got, &e);
    }
    return true;
}

static int all_lines(struct batch *b, vlm_error *err)
{
    int rc = VLM_OK, more = VLM_OK;
    bool busy = true;
    while (rc >= 0 && (busy || more == VLM_OK)) {
        if (more == VLM_OK && !cli_interrupted())
            more = fill(b, err);
        if (more < 0 || cli_interrupted())
            more = more < 0 ? more : VLM_DONE;
        busy = step(b);
        cli_progress_clear();
        rc = print_ready(b, err);
    }
    return rc < 0 ? rc : more < 0 ? more : VLM_OK;
}

static int run(struct batch *b, vlm_error *err)
{
    b->n_slots = b->o->parallel;
    b->slots = vlm_mem_zalloc(&vlm_mem_system, b->n_slots, sizeof *b->slots);
    if (!b->slots)
        return vlm_fail_memory(err, b->n_slots * sizeof *b->slots, "--parallel");
    int rc = cli_steer_open(&b->steer, b->model.engine, b->o, err);
    if (rc >= 0)
        rc = cli_lines_open(&b->lines, b->o, err);
    if (rc >= 0)
        rc = all_lines(b, err);
    for (size_t i = 0; i < b->n_slots; i++)
        end(&b->slots[i], false);
    for (; b->first < b->last; b->first++) {
        json_decref(b->waiting[b->first % N_WAITING].object);
        json_decref(b->waiting[b->first % N_WAITING].result);
    }
    cli_steer_close(&b->steer);
    vlm_mem_free(&vlm_mem_system, b->slots);
    return cli_lines_close(&b->lines, rc, err);
}

int cli_cmd_batch(const struct cli_options *o)
{
    static struct batch b; /* too large for a stack that someone made small */
    vlm_error err = {0};
    if (o->choices * o->parallel > VLM_LIMIT_BATCH)
        return cli_usage(o->verb, "found --choices times --parallel of %llu, expected at most %d",
                         (unsigned long long)(o->choices * o->parallel), (int)VLM_LIMIT_BATCH);
    b.o = o;
    int status = cli_model_open(&b.model, o, o->args.n == 2 ? o->args.v[0] : NULL, false);
    if (status)
        return status;
    b.load_ms = b.model.load_ms;
    cli_signals_patient(true);
    int rc = run(&b, &err);
    status = cli_lines_status(&b.lines, rc, &err);
    cli_model_close(&b.model);
    return status;
}
