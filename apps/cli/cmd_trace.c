/* cmd_trace.c: vlm trace: every intermediate as a .npy file, and the comparison with another trace.
 *
 * Pieces of different tensors arrive interleaved (a prompt is read in chunks), so files are half
 * written side by side: each is closed between its pieces and gets its name when its last row came.
 */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "base/limits.h"
#include "cmd.h"
#include "io.h"
#include "model.h"
#include "npy.h"
#include "request.h"
#include "signals.h"

struct tensor {
    char name[64];
    size_t rows_left;
    struct cli_file file;
};

struct trace {
    const struct cli_options *o;
    struct tensor **tensors; /* in order of arrival */
    size_t n, cap;
    int32_t *ids; /* of --ids, or NULL */
    size_t n_ids;
    bool only_seen[CLI_LIST_MAX];
    int rc; /* of the callback */
    vlm_error *err;
};

/* --only takes "logits" and "logits.npy" */
static bool is_name(const char *only, const char *name)
{
    size_t n = strlen(name);
    return strncmp(only, name, n) == 0 && (only[n] == 0 || strcmp(only + n, ".npy") == 0);
}

static bool is_wanted(struct trace *t, const char *name)
{
    const struct cli_list *only = &t->o->only;
    bool wanted = only->n == 0;
    for (size_t i = 0; i < only->n; i++)
        if (is_name(only->v[i], name))
            wanted = t->only_seen[i] = true;
    return wanted;
}

static struct tensor *find(struct trace *t, const char *name)
{
    for (size_t i = t->n; i-- > 0;)
        if (strcmp(t->tensors[i]->name, name) == 0)
            return t->tensors[i];
    return NULL;
}

static int begin(struct trace *t, const vlm_traced *p, struct tensor **out)
{
    char file[80];
    struct tensor *x = NULL;
    if (vlm_grow(&vlm_mem_system, &t->tensors, &t->cap, t->n, sizeof *t->tensors))
        x = vlm_mem_zalloc(&vlm_mem_system, 1, sizeof *x);
    if (!x)
        return vlm_fail_memory(t->err, sizeof *x, "the trace");
    t->tensors[t->n++] = x;
    snprintf(x->name, sizeof x->name, "%s", p->name);
    snprintf(file, sizeof file, "%s.npy", p->name);
    x->rows_left = p->n_dims ? p->shape[0] : 1;
    int rc = cli_file_open(&x->file, t->o->out_dir, file, t->err);
    if (rc == VLM_OK)
        cli_npy_header(x->file.f, p->is_int32, p->n_dims, p->shape);
    *out = x;
    return rc;
}

static int write_piece(struct trace *t, const vlm_traced *p)
{
    struct tensor *x = find(t, p->name);
    size_t row = 4;
    int rc = x ? cli_file_resume(&x->file, t->err) : begin(t, p, &x);
    if (rc < 0)
        return rc;
    for (size_t i = 1; i < p->n_dims; i++)
        row *= p->shape[i];
    fwrite(p->data, row, p->n_rows, x->file.f);
    x->rows_left -= p->n_rows < x->rows_left ? p->n_rows : x->rows_left;
    return x->rows_left ? cli_file_suspend(&x->file, t->err) : cli_file_commit(&x->file, t->err);
}

static int on_piece(void *ctx, const vlm_traced *piece)
{
    struct trace *t = ctx;
    if (is_wanted(t, piece->name))
        t->rc = write_piece(t, piece);
    return t->rc < 0 || cli_interrupted();
}

static void free_trace(struct trace *t)
{
    for (size_t i = 0; i < t->n; i++) {
        cli_file_abort(&t->tensors[i]->file); /* nothing once committed */
        vlm_mem_free(&vlm_mem_system, t->tensors[i]);
    }
    vlm_mem_free(&vlm_mem_system, t->tensors);
    vlm_mem_free(&vlm_mem_system, t->ids);
}

/* "1,2,3".  Returns how many, 0 when it is no such list; ids has room for all. */
static size_t read_ids(int32_t *ids, const char *text)
{
    size_t n = 0;
    while (*text >= '0' && *text <= '9') {
        int64_t v = 0;
        for (; *text >= '0' && *text <= '9' && v <= INT32_MAX; text++)
            v = v * 10 + (*text - '0');
        if (v > INT32_MAX)
            return 0;
        ids[n++] = (int32_t)v;
        if (*text == ',' && text[1])
            text++;
    }
    return *text ? 0 : n;
}

/* Before the model is opened.  Prints the error; returns the exit status. */
static int take_ids(struct trace *t)
{
    const char *text = t->o->ids;
    if (!text)
        return CLI_OK;
    t->ids = vlm_mem_alloc(&vlm_mem_system, strlen(text) / 2 + 1, sizeof *t->ids);
    t->n_ids = t->ids ? read_ids(t->ids, text) : 0;
    struct vlm_quoted q;
    return t->n_ids ? CLI_OK
                    : cli_usage(t->o->verb, "--ids: found '%s', expected token ids like 1,2,3",
                                vlm_base_quote(&q, text, strlen(text)));
}

static int run_engine(struct trace *t, vlm_engine *engine, const struct cli_ask *q, vlm_error *err)
{
    struct cli_request r = {0};
    vlm_session_options so;
    cli_session_options(&so, t->o);
    int rc =
        t->ids ? VLM_OK : cli_request_from_options(&r, engine, t->o, &q->media, q->prompt, err);
    if (rc == VLM_OK)
        rc = cli_make_dir(t->o->out_dir, err);
    if (rc == VLM_OK) {
        vlm_error traced = {0};
        rc = vlm_trace(engine, r.messages, r.n_messages, t->ids, t->n_ids, &so, t->o->max_tokens,
                       on_piece, t, &traced);
        if (rc < 0 && t->rc == VLM_OK)
            *err = traced;
        if (t->rc < 0) /* the callback's error is in *err already, and is why it stopped */
            rc = t->rc;
    }
    cli_progress_clear();
    cli_request_free(&r);
    return rc;
}

static int check_only(const struct trace *t, vlm_error *err)
{
    struct vlm_quoted q;
    for (size_t i = 0; i < t->o->only.n; i++)
        if (!t->only_seen[i])
            return vlm_fail(err, VLM_ERR_ARGUMENT,
                            "--only: found '%s', which was not in this trace, expected a name "
                            "like text.00",
                            vlm_base_quote(&q, t->o->only.v[i], strlen(t->o->only.v[i])));
    return VLM_OK;
}

static int compare(const struct trace *t, vlm_error *err)
{
    const char **names = vlm_mem_alloc(&vlm_mem_system, t->n, sizeof *names);
    if (!names)
        return vlm_fail_memory(err, t->n * sizeof *names, "the names");
    for (size_t i = 0; i < t->n; i++)
        names[i] = t->tensors[i]->name;
    json_t *list = t->o->json ? json_array() : NULL;
    int rc = cli_npy_compare(t->o->out_dir, t->o->compare, names, t->n, t->o->tolerance, list, err);
    if (list && rc >= 0) {
        int printed = cli_json_print(stdout, list, err);
        rc = printed < 0 ? printed : rc;
    } else {
        json_decref(list);
    }
    vlm_mem_free(&vlm_mem_system, names);
    return rc;
}

/* What was written: the names, in order. */
static int list_files(const struct trace *t, vlm_error *err)
{
    json_t *list = t->o->json ? json_array() : NULL;
    for (size_t i = 0; i < t->n; i++)
        if (list)
            json_array_append_new(list, json_pack("{s:s, s:s}", "name", t->tensors[i]->name, "file",
                                                  t->tensors[i]->file.path));
        else
            printf("%s\n", t->tensors[i]->file.path);
    return list ? cli_json_print(stdout, list, err) : VLM_OK;
}

static int trace(struct trace *t, const struct cli_ask *q, vlm_engine *engine, vlm_error *err)
{
    int rc = run_engine(t, engine, q, err);
    if (rc == VLM_OK)
        rc = check_only(t, err);
    if (rc == VLM_OK)
        rc = t->o->compare ? compare(t, err) : list_files(t, err);
    vlm_error e;
    if (rc >= 0 && cli_flush(stdout, "standard output", &e) < 0) {
        *err = e;
        rc = e.status;
    }
    return rc;
}

int cli_cmd_trace(const struct cli_options *o)
{
    vlm_error err = {0};
    struct trace t = {.o = o, .err = &err};
    struct cli_ask q;
    struct cli_model m;
    int status = cli_ask_sort(&q, o);
    if (status)
        return status;
    if (!o->out_dir)
        return cli_usage(o->verb, "trace: found no --out, expected a directory for the files");
    if (!q.model)
        return cli_usage(o->verb,
                         "trace: found no MODEL, expected a directory (or " CLI_POCKET ")");
    status = take_ids(&t);
    if (status == CLI_OK)
        status = cli_model_open(&m, o, q.model, false);
    if (status) {
        free_trace(&t);
        return status;
    }
    cli_signals_patient(true);
    int rc = trace(&t, &q, m.engine, &err);
    free_trace(&t);
    cli_model_close(&m);
    if (rc < 0)
        return cli_failed(&err);
    return cli_interrupted() ? CLI_INTERRUPTED : rc == VLM_DONE ? CLI_FAILED : CLI_OK;
}
