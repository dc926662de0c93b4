/* quantize.c: an engine's model to GGUF files.
 *
 * A tensor at a time, some rows of it at a time: rows to floats, to blocks and back (for the error)
 * on all threads, then to the file in order.  What a thread does depends on its row alone, and sums
 * are added in the order of rows. */
#include "engine/quantize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/os_file.h"
#include "quant/quant.h"

#define CHUNK_BYTES ((uint64_t)8 << 20) /* of output at a time, or one row */
#define TASK_ELEMENTS 16384

struct row_result {
    double squares, error; /* sums of x^2 and of (stored - x)^2 */
    double bad;            /* what cannot be stored, if is_bad */
    bool is_bad;
};

struct job {
    vlm_engine *e;
    const vlm_quantize_options *o;
    struct vlm_choice choice;
    struct vlm_exports tensors;
    struct vlm_importance importance;
    struct vlm_os_file files[2]; /* text, vision */
    vlm_error *err;
    uint64_t done, total;
    double squares[2], errors[2];
    vlm_quantize_result result;
    /* of the tensor in work */
    const struct vlm_export *t;
    enum vlm_num type;
    const float *weights; /* or NULL */
    size_t n_in, row_bytes, first, n_rows, rows_per_task;
    /* memory for all of it */
    float *importance_row;
    float *scratch; /* two rows a thread */
    uint8_t *out;
    struct row_result *rows;
    size_t n_scratch;
};

/* ---- rows ---------------------------------------------------------------------------------- */

static void read_row(const struct job *j, float *x, size_t row)
{
    const struct vlm_linear *w = j->t->matrix;
    row = vlm_export_row(j->t, row);
    if (!w) {
        memcpy(x, j->t->vector, j->n_in * sizeof *x);
        return;
    }
    const uint8_t *data = w->data;
    vlm_backend_kernels(j->e->backend)
        ->to_f32[w->type](x, data + row * vlm_num_bytes(w->type, w->n_in), w->n_in);
    for (size_t i = 0; w->scale && i < w->n_in; i++)
        x[i] *= w->scale[row];
}

static void one_row(const struct job *j, size_t row, int thread)
{
    float *x = j->scratch + (size_t)thread * 2 * j->n_scratch, *back = x + j->n_scratch;
    const float most = vlm_quant_max(j->type);
    uint8_t *out = j->out + row * j->row_bytes;
    struct row_result *r = &j->rows[row];
    *r = (struct row_result){.squares = 0};
    read_row(j, x, j->first + row);
    for (size_t i = 0; i < j->n_in; i++)
        if (!(fabsf(x[i]) <= most)) {
            *r = (struct row_result){.bad = (double)x[i], .is_bad = true};
            return;
        }
    vlm_quant_row(j->type, out, x, j->weights, j->n_in);
    vlm_backend_kernels(j->e->backend)->to_f32[j->type](back, out, j->n_in);
    for (size_t i = 0; i < j->n_in; i++) {
        double d = (double)back[i] - (double)x[i];
        r->squares += (double)x[i] * (double)x[i];
        r->error += d * d;
    }
}

static void task(void *ctx, size_t index, int thread)
{
    const struct job *j = ctx;
    size_t end = vlm_min_size((index + 1) * j->rows_per_task, j->n_rows);
    for (size_t row = index * j->rows_per_task; row < end; row++)
        one_row(j, row, thread);
}

static int refuse_row(const struct job *j, size_t row)
{
    if (!isfinite(j->rows[row].bad))
        return vlm_fail(j->err, VLM_ERR_NUMERIC,
                        "tensor %s, row %zu: found %g, expected finite numbers", j->t->name,
                        j->first + row, j->rows[row].bad);
    return vlm_fail(j->err, VLM_ERR_NUMERIC,
                    "tensor %s, row %zu: found %g, expected at most %g, the largest number of %s",
                    j->t->name, j->first + row, j->rows[row].bad, (double)vlm_quant_max(j->type),
                    vlm_num_info(j->type)->name);
}

/* ---- tensors ------------------------------------------------------------------------------- */

/* The system may take back the pages of the tensor's source. */
static void forget(const struct job *j)
{
    const struct vlm_weights *both[2] = {&j->e->model->weights, &j->e->model->tower};
    const struct vlm_linear *w = j->t->matrix;
    for (size_t k = 0; w && k < 2; k++)
        for (size_t i = 0; i < both[k]->n_files; i++) {
            const struct vlm_map *m = &both[k]->files[i].map;
            uintptr_t from = (uintptr_t)w->data, begin = (uintptr_t)m->data;
            if (from >= begin && from - begin < m->n)
                vlm_map_forget(m, w->data, w->n_out * (uint64_t)vlm_num_bytes(w->type, w->n_in));
        }
}

static int write_rows(struct job *j, double *squares, double *error)
{
    size_t n_tasks = (j->n_rows + j->rows_per_task - 1) / j->rows_per_task;
    vlm_engine_enter(j->e);
    vlm_pool_run(j->e->pool, task, j, n_tasks);
    vlm_engine_leave(j->e);
    for (size_t row = 0; row < j->n_rows; row++) {
        if (j->rows[row].is_bad)
            return refuse_row(j, row);
        *squares += j->rows[row].squares;
        *error += j->rows[row].error;
    }
    int rc = vlm_os_file_write(&j->files[j->t->vision], j->out, j->n_rows * j->row_bytes, j->err);
    j->done += (uint64_t)j->n_rows * j->n_in;
    if (rc == VLM_OK && j->o->progress && j->o->progress(j->o->ctx, j->done, j->total))
        rc = vlm_fail(j->err, VLM_ERR_CANCELLED, "%s: cancelled", j->files[j->t->vision].path);
    return rc;
}

static double ratio(double error, double squares)
{
    return squares > 0 ? sqrt(error / squares) : 0;
}

static void report(const struct job *j, uint64_t bytes, double squares, double error)
{
    vlm_quantized q = {.name = j->t->name,
                       .type = vlm_num_info(j->type)->name,
                       .vision = j->t->vision,
                       .weighted = j->weights != NULL,
                       .n_dims = j->t->n_dims,
                       .bytes = bytes,
                       .error = ratio(error, squares)};
    memcpy(q.shape, j->t->shape, sizeof q.shape);
    if (j->o->report)
        j->o->report(j->o->ctx, &q);
}

static int find_weights(struct job *j)
{
    j->weights = NULL;
    if (!j->importance.alloc || !j->t->matrix || j->type < VLM_N_FLOAT)
        return VLM_OK;
    int rc =
        vlm_engine_importance_get(j->importance_row, &j->importance, j->t->name, j->n_in, j->err);
    if (rc == VLM_OK)
        j->weights = j->importance_row;
    return rc < 0 ? rc : VLM_OK;
}

static size_t row_length(const struct vlm_export *t)
{
    return t->matrix ? t->matrix->n_in : (size_t)t->shape[0];
}

static int write_tensor(struct job *j, const struct vlm_export *t)
{
    static const uint8_t zeros[VLM_GGUF_ALIGNMENT];
    double squares = 0, error = 0;
    size_t n_rows = t->matrix ? t->matrix->n_out : 1;
    j->t = t;
    j->type = vlm_engine_choose_type(&j->choice, t);
    j->n_in = row_length(t);
    j->row_bytes = vlm_num_bytes(j->type, j->n_in);
    j->rows_per_task = vlm_max_size(1, TASK_ELEMENTS / j->n_in);
    size_t chunk = vlm_max_size(1, CHUNK_BYTES / j->row_bytes);
    int rc = find_weights(j);
    for (j->first = 0; j->first < n_rows && rc == VLM_OK; j->first += chunk) {
        j->n_rows = vlm_min_size(chunk, n_rows - j->first);
        rc = write_rows(j, &squares, &error);
        if (!t->heads) /* what was read lies before what comes; else wait for the end */
            forget(j);
    }
    forget(j);
    uint64_t bytes = (uint64_t)n_rows * j->row_bytes;
    if (rc == VLM_OK)
        rc = vlm_os_file_write(&j->files[t->vision], zeros, vlm_gguf_padding(bytes), j->err);
    if (rc < 0)
        return rc;
    j->squares[t->vision] += squares;
    j->errors[t->vision] += error;
    report(j, bytes, squares, error);
    return VLM_OK;
}

/* ---- files --------------------------------------------------------------------------------- */

static int write_header(struct job *j, bool vision)
{
    struct vlm_gguf_writer w;
    struct vlm_buf header;
    vlm_gguf_writer_init(&w, &j->e->alloc);
    vlm_buf_init(&header, &j->e->alloc, SIZE_MAX / 4);
    int rc =
        vlm_engine_put_keys(&w, j->e, vision, vision ? j->choice.vision : j->choice.text, j->err);
    for (size_t i = 0; i < j->tensors.n; i++) {
        const struct vlm_export *t = &j->tensors.at[i];
        if (t->vision == vision)
            vlm_gguf_put_tensor(&w, t->name, vlm_engine_choose_type(&j->choice, t), t->n_dims,
                                t->shape);
    }
    if (rc == VLM_OK)
        rc = vlm_gguf_write_header(&header, &w, j->files[vision].path, j->err);
    if (rc == VLM_OK)
        rc = vlm_os_file_write(&j->files[vision], header.data, header.n, j->err);
    uint64_t bytes = (uint64_t)header.n + w.n_data;
    if (vision)
        j->result.vision_bytes = bytes;
    else
        j->result.text_bytes = bytes;
    vlm_buf_free(&header);
    vlm_gguf_writer_free(&w);
    return rc;
}

static bool has_tower(const struct job *j)
{
    return j->e->config.vision.layers > 0;
}

/* Is it a file that the model was opened from?  Of a model directory that is every file but GGUF.
 */
static bool is_source(const vlm_engine *e, const char *path)
{
    const struct vlm_weights *from[2] = {&e->model->weights, &e->model->tower};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    for (size_t k = 0; k < 2; k++)
        for (size_t f = 0; f < from[k]->n_files; f++)
            if (from[k]->source->dir &&
                vlm_os_same_file(from[k]->source->dir, from[k]->files[f].name, path))
                return true;
    return !e->gguf && e->files.dir && (n < 5 || strcmp(name + n - 5, ".gguf") != 0) &&
           vlm_os_same_file(e->files.dir, name, path);
}

static int check_paths(const struct job *j)
{
    const char *out[2] = {j->o->text_path, has_tower(j) ? j->o->vision_path : NULL};
    struct vlm_quoted q;
    for (size_t i = 0; i < 2; i++)
        if (out[i] && is_source(j->e, out[i]))
            return vlm_fail(j->err, VLM_ERR_ARGUMENT,
                            "%s: found the model that is read, expected another name",
                            vlm_base_quote(&q, out[i], strlen(out[i])));
    if (out[1] && (strcmp(out[0], out[1]) == 0 || vlm_os_same_file(NULL, out[0], out[1])))
        return vlm_fail(j->err, VLM_ERR_ARGUMENT,
                        "%s: found one name for text model and tower, expected two",
                        vlm_base_quote(&q, out[0], strlen(out[0])));
    return VLM_OK;
}

/* Both get their names, or neither. */
static int commit(struct job *j)
{
    int rc = vlm_os_file_sync(&j->files[0], j->err);
    if (rc == VLM_OK && has_tower(j))
        rc = vlm_os_file_sync(&j->files[1], j->err);
    if (rc == VLM_OK && has_tower(j))
        rc = vlm_os_file_commit(&j->files[1], j->err);
    return rc == VLM_OK ? vlm_os_file_commit(&j->files[0], j->err) : rc;
}

static int write_all(struct job *j)
{
    int rc = check_paths(j);
    if (rc == VLM_OK)
        rc = vlm_os_file_create(&j->files[0], &j->e->alloc, j->o->text_path, j->o->replace, j->err);
    if (rc == VLM_OK && has_tower(j))
        rc = vlm_os_file_create(&j->files[1], &j->e->alloc, j->o->vision_path, j->o->replace,
                                j->err);
    if (rc == VLM_OK)
        rc = write_header(j, false);
    if (rc == VLM_OK && has_tower(j))
        rc = write_header(j, true);
    for (size_t i = 0; i < j->tensors.n && rc == VLM_OK; i++)
        rc = write_tensor(j, &j->tensors.at[i]);
    return rc == VLM_OK ? commit(j) : rc;
}

/* ---- the call ------------------------------------------------------------------------------ */

static int choose(struct job *j)
{
    const vlm_quantize_options *o = j->o;
    struct vlm_quoted q;
    const char *vision = o->vision_type;
    j->choice = (struct vlm_choice){.text = o->type ? vlm_engine_recipe(o->type) : NULL,
                                    .pure = o->pure,
                                    .layers = j->e->config.text.layers};
    const char *wrong = j->choice.text ? NULL : o->type ? o->type : "";
    if (!wrong && !vision)
        vision = j->choice.text->base < VLM_N_FLOAT ? o->type : "f16";
    if (!wrong) {
        j->choice.vision = vlm_engine_recipe(vision);
        wrong = j->choice.vision && j->choice.vision->mix == VLM_MIX_NONE ? NULL : vision;
    }
    if (wrong)
        return vlm_fail(j->err, VLM_ERR_ARGUMENT, "type '%s', expected one of vlm_quantize_type",
                        vlm_base_quote(&q, wrong, strlen(wrong)));
    if (!o->text_path || (has_tower(j) && !o->vision_path))
        return vlm_fail(j->err, VLM_ERR_ARGUMENT, "no name for the %s, expected one",
                        o->text_path ? "mmproj file" : "text model");
    if (!has_tower(j) && o->vision_type)
        return vlm_fail(j->err, VLM_ERR_ARGUMENT, "a type for the tower, but the model has none");
    return VLM_OK;
}

static int reserve(struct job *j)
{
    const vlm_allocator *alloc = &j->e->alloc;
    size_t longest = 0, bytes = 0, rows = 1, n_threads = (size_t)vlm_pool_size(j->e->pool);
    for (size_t i = 0; i < j->tensors.n; i++) {
        const struct vlm_export *t = &j->tensors.at[i];
        size_t n = row_length(t), row = vlm_num_bytes(vlm_engine_choose_type(&j->choice, t), n);
        longest = vlm_max_size(longest, n);
        bytes = vlm_max_size(bytes, vlm_max_size(row, CHUNK_BYTES));
        rows = vlm_max_size(rows, CHUNK_BYTES / row);
        j->total += (uint64_t)n * (t->matrix ? t->matrix->n_out : 1);
        if (t->vision)
            j->result.vision_weights += (uint64_t)n * (t->matrix ? t->matrix->n_out : 1);
    }
    j->result.text_weights = j->total - j->result.vision_weights;
    j->n_scratch = longest;
    j->scratch = vlm_mem_alloc(alloc, n_threads * 2, longest * sizeof *j->scratch);
    j->importance_row = vlm_mem_alloc(alloc, longest, sizeof *j->importance_row);
    j->out = vlm_mem_alloc(alloc, bytes, 1);
    j->rows = vlm_mem_alloc(alloc, rows, sizeof *j->rows);
    if (!j->scratch || !j->importance_row || !j->out || !j->rows)
        return vlm_fail_memory(j->err, bytes + longest * 2 * n_threads * sizeof *j->scratch,
                               "rows to quantise");
    return VLM_OK;
}

static int run(struct job *j)
{
    const char *unsaid = vlm_model_export_unsaid(&j->e->config);
    char line[200];
    int rc = choose(j);
    if (rc == VLM_OK && unsaid && !j->e->gguf) {
        snprintf(line, sizeof line,
                 "%s: the model has %s, which GGUF cannot say: readers do without", j->o->text_path,
                 unsaid);
        vlm_log_line(&j->e->log, VLM_LOG_WARN, "%s", line);
    }
    if (rc == VLM_OK)
        rc = vlm_model_exports(&j->tensors, j->e->model, j->err);
    if (rc == VLM_OK)
        rc = reserve(j);
    if (rc == VLM_OK && j->o->importance)
        rc = vlm_engine_importance_open(&j->importance, &j->e->alloc, j->o->importance, j->err);
    return rc == VLM_OK ? write_all(j) : rc;
}

void vlm_quantize_options_init(vlm_quantize_options *o)
{
    *o = (vlm_quantize_options){.size = sizeof *o};
}

int vlm_quantize(vlm_engine *e, const vlm_quantize_options *options, vlm_quantize_result *out,
                 vlm_error *err)
{
    vlm_quantize_options o;
    vlm_quantize_options_init(&o);
    if (!e || !options || options->size < offsetof(vlm_quantize_options, type))
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "vlm_quantize: engine or options missing: call vlm_quantize_options_init");
    memcpy(&o, options, vlm_min_size(options->size, sizeof o));
    o.size = sizeof o;
    int rc = vlm_engine_need_model(e, err);
    if (rc < 0)
        return rc;
    struct job j = {.e = e, .o = &o, .err = err, .files = {{.fd = -1}, {.fd = -1}}};
    rc = run(&j);
    for (int i = 0; i < 2; i++)
        vlm_os_file_free(&j.files[i]);
    vlm_engine_importance_close(&j.importance);
    vlm_model_exports_free(&j.tensors);
    vlm_mem_free(&e->alloc, j.scratch);
    vlm_mem_free(&e->alloc, j.importance_row);
    vlm_mem_free(&e->alloc, j.out);
    vlm_mem_free(&e->alloc, j.rows);
    j.result.text_error = ratio(j.errors[0], j.squares[0]);
    j.result.vision_error = ratio(j.errors[1], j.squares[1]);
    if (rc == VLM_OK && out)
        *out = j.result;
    return vlm_engine_explain(e, rc, err);
}
