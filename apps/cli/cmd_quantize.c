/* cmd_quantize.c: vlm quantize: a model as GGUF files of another type, and how much that changed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cmd.h"
#include "io.h"
#include "model.h"
#include "request.h"
#include "signals.h"
#include "vlm_quantize.h"

struct written {
    char name[VLM_LIMIT_GGUF_NAME_BYTES];
    vlm_quantized q; /* its name: the copy above */
};

struct job {
    const struct cli_options *o;
    struct written *tensors;
    size_t n, cap;
    bool memory; /* ran out of it */
    int percent;
    char vision_path[PATH_MAX], importance_path[PATH_MAX];
    const char *importance;
};

static void collect(void *ctx, const vlm_quantized *q)
{
    struct job *j = ctx;
    if (!vlm_grow(&vlm_mem_system, &j->tensors, &j->cap, j->n, sizeof *j->tensors)) {
        j->memory = true;
        return;
    }
    struct written *w = &j->tensors[j->n++];
    w->q = *q;
    snprintf(w->name, sizeof w->name, "%s", q->name);
}

static int show(void *ctx, uint64_t done, uint64_t total)
{
    struct job *j = ctx;
    int percent = (int)(100.0 * (double)done / (double)total);
    if (percent != j->percent && isatty(STDERR_FILENO)) {
        static const char bar[] = "########################################";
        fprintf(stderr, "\r\033[K[%-40.*s] %d %%", percent * 2 / 5, bar, percent);
    }
    j->percent = percent;
    return cli_interrupted() || j->memory;
}

/* given, or PREFIX-NAME beside OUT: "gguf/model.gguf" -> "gguf/mmproj-model.gguf" */
static bool name_beside(char path[PATH_MAX], const char *out, const char *prefix, const char *given)
{
    const char *slash = strrchr(out, '/'), *name = slash ? slash + 1 : out;
    int n = given ? snprintf(path, PATH_MAX, "%s", given)
                  : snprintf(path, PATH_MAX, "%.*s%s-%s", (int)(name - out), out, prefix, name);
    return n >= 0 && n < PATH_MAX;
}

static bool is_type(const char *name, bool mixtures)
{
    char lower[16];
    size_t n = strlen(name);
    for (size_t i = 0; i <= n && n < sizeof lower; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    const char *known;
    int mixture;
    for (size_t i = 0; n < sizeof lower && (known = vlm_quantize_type(i, &mixture)); i++)
        if (strcmp(known, lower) == 0 && (mixtures || !mixture))
            return true;
    return false;
}

/* Prints the error; returns the exit status. */
static int check_type(const struct cli_options *o, const char *option, const char *name,
                      bool mixtures)
{
    char expected[160] = "";
    const char *known;
    int mixture;
    struct vlm_quoted q;
    if (name && is_type(name, mixtures))
        return CLI_OK;
    for (size_t i = 0; (known = vlm_quantize_type(i, &mixture)); i++)
        if (mixtures || !mixture) {
            size_t n = strlen(expected);
            snprintf(expected + n, sizeof expected - n, "%s%s", n ? ", " : "", known);
        }
    return cli_usage(o->verb, "%s: found '%s', expected one of %s", option,
                     name ? vlm_base_quote(&q, name, strlen(name)) : "nothing", expected);
}

static json_t *tensor_json(const struct written *w)
{
    json_t *shape = json_array();
    for (size_t i = 0; i < w->q.n_dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)w->q.shape[i]));
    return json_pack("{s:s, s:s, s:s, s:o, s:I, s:f, s:b}", "name", w->name, "file",
                     w->q.vision ? "vision" : "text", "type", w->q.type, "shape", shape, "bytes",
                     (json_int_t)w->q.bytes, "error", w->q.error, "weighted", w->q.weighted);
}

static json_t *part_json(const char *path, uint64_t bytes, uint64_t weights, double error)
{
    return json_pack("{s:s, s:I, s:I, s:f}", "path", path, "bytes", (json_int_t)bytes, "weights",
                     (json_int_t)weights, "error", error);
}

static json_t *result_json(const struct job *j, const vlm_quantize_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < j->n; i++)
        json_array_append_new(list, tensor_json(&j->tensors[i]));
    json_t *result = json_pack(
        "{s:o, s:o}", "text",
        part_json(j->o->args.v[1], r->text_bytes, r->text_weights, r->text_error), "tensors", list);
    if (result && r->vision_bytes)
        json_object_set_new(
            result, "vision",
            part_json(j->vision_path, r->vision_bytes, r->vision_weights, r->vision_error));
    return result;
}

static void print_part(const char *path, uint64_t bytes, uint64_t weights, double error)
{
    cli_put_text(stdout, path, strlen(path));
    printf(": %llu bytes, %.2f bits a weight, error %.3g\n", (unsigned long long)bytes,
           weights ? 8.0 * (double)bytes / (double)weights : 0, error);
}

static int print_result(const struct job *j, const vlm_quantize_result *r, vlm_error *err)
{
    if (j->o->json)
        return cli_json_print(stdout, result_json(j, r), err);
    for (size_t i = 0; i < j->n; i++) {
        const vlm_quantized *q = &j->tensors[i].q;
        printf("%-6s %12llu %-10.3g %s", q->type, (unsigned long long)q->bytes, q->error,
               j->tensors[i].name);
        for (size_t k = 0; k < q->n_dims; k++)
            printf("%s%llu", k ? ", " : " [", (unsigned long long)q->shape[k]);
        puts("]");
    }
    print_part(j->o->args.v[1], r->text_bytes, r->text_weights, r->text_error);
    if (r->vision_bytes)
        print_part(j->vision_path, r->vision_bytes, r->vision_weights, r->vision_error);
    return VLM_OK;
}

/* ---- --calibrate ---- */

static int add_line(vlm_calibration *c, const struct job *j, vlm_engine *engine,
                    const struct vlm_buf *line, const struct cli_source *source, vlm_error *err)
{
    struct cli_request r;
    vlm_session_options so;
    json_t *object;
    cli_session_options(&so, j->o);
    so.progress = NULL;
    int rc = cli_json_parse(&object, line->data, line->n, source->shown, err);
    if (rc < 0)
        return rc;
    rc = cli_request_from_json(&r, engine, j->o, object, source, err);
    if (rc >= 0) {
        rc = vlm_calibration_add(c, r.messages, r.n_messages, &so, err);
        cli_request_free(&r);
    }
    json_decref(object);
    return rc;
}

static int add_lines(vlm_calibration *c, const struct job *j, vlm_engine *engine, FILE *in,
                     vlm_error *err)
{
    char where[160];
    struct vlm_buf line;
    int rc = VLM_OK;
    vlm_buf_init(&line, &vlm_mem_system, (size_t)VLM_LIMIT_TEXT_BYTES);
    for (size_t i = 1; rc >= 0; i++) {
        struct vlm_quoted q;
        snprintf(where, sizeof where, "%.112s: line %zu",
                 vlm_base_quote(&q, j->o->calibrate, strlen(j->o->calibrate)), i);
        rc = cli_read_line(&line, in, where, err);
        if (rc != VLM_OK)
            break;
        struct cli_source source = {where, j->o->calibrate, false};
        cli_progress("calibrating: request", i, i);
        if (cli_interrupted())
            rc = vlm_fail(err, VLM_ERR_CANCELLED, "%s: interrupted", where);
        else if (line.n)
            rc = add_line(c, j, engine, &line, &source, err);
    }
    cli_progress_clear();
    vlm_buf_free(&line);
    return rc < 0 ? rc : VLM_OK;
}

static int calibrate(struct job *j, vlm_engine *engine, vlm_error *err)
{
    vlm_calibration *c;
    FILE *in = fopen(j->o->calibrate, "rb");
    if (!in)
        return vlm_fail_os(err, errno, "%s: cannot open", j->o->calibrate);
    int rc = vlm_calibration_open(&c, engine, err);
    if (rc >= 0) {
        rc = add_lines(c, j, engine, in, err);
        if (rc >= 0)
            rc = vlm_calibration_write(c, j->importance_path, j->o->force, err);
        vlm_calibration_close(c);
    }
    fclose(in);
    j->importance = j->importance_path;
    return rc;
}

static int quantize(struct job *j, vlm_engine *engine, vlm_error *err)
{
    const struct cli_options *o = j->o;
    vlm_quantize_options q;
    vlm_quantize_result result;
    vlm_quantize_options_init(&q);
    q.type = o->type;
    q.vision_type = o->vision_type;
    q.text_path = o->args.v[1];
    q.vision_path = j->vision_path;
    q.replace = o->force;
    q.pure = o->pure;
    q.report = collect;
    q.progress = show;
    q.ctx = j;
    cli_signals_patient(true);
    int rc = o->calibrate ? calibrate(j, engine, err) : VLM_OK;
    q.importance = j->importance;
    if (rc >= 0)
        rc = vlm_quantize(engine, &q, &result, err);
    cli_signals_patient(false);
    if (j->percent >= 0 && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (j->memory)
        rc = vlm_fail_memory(err, j->n * sizeof *j->tensors, "the list of tensors");
    if (rc >= 0)
        rc = print_result(j, &result, err);
    return rc >= 0 ? cli_flush(stdout, "standard output", err) : rc;
}

static int check(struct job *j)
{
    const struct cli_options *o = j->o;
    const char *out = o->args.v[1];
    int status = check_type(o, "--type", o->type, true);
    if (status == CLI_OK && o->vision_type)
        status = check_type(o, "--vision-type", o->vision_type, false);
    if (status == CLI_OK && o->importance && o->calibrate)
        status = cli_usage(o->verb, "found --importance and --calibrate, expected one of them");
    if (status == CLI_OK && (!name_beside(j->vision_path, out, "mmproj", o->mmproj_out) ||
                             !name_beside(j->importance_path, out, "imatrix", o->importance_out)))
        status = cli_usage(o->verb, "OUT: found a name of %zu bytes, expected at most %d",
                           strlen(out), PATH_MAX - 40);
    return status;
}

int cli_cmd_quantize(const struct cli_options *o)
{
    struct job j = {.o = o, .percent = -1, .importance = o->importance};
    struct cli_model m;
    vlm_error err = {0};
    int status = check(&j);
    if (status == CLI_OK)
        status = cli_model_open(&m, o, o->args.v[0], false);
    if (status)
        return status;
    int rc = quantize(&j, m.engine, &err);
    vlm_mem_free(&vlm_mem_system, j.tensors);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
