/* calibrate.c: mean squares of what matrices are multiplied with, gathered by the tap of a trace
 * and written as a file of type "imatrix" (importance.c reads it).  Sums are taken row by row in
 * the order of the passes, so they do not depend on threads. */
#include <stdio.h>
#include <string.h>

#include "base/os_file.h"
#include "engine/quantize.h"
#include "vlm_tools.h"

struct sums {
    const struct vlm_linear *w;
    double *squares; /* [w->n_in] */
    uint64_t rows;
};

struct vlm_calibration {
    vlm_engine *e;
    struct vlm_exports tensors;
    struct sums *sums; /* of each tensor that is a matrix; squares NULL: it is none */
    size_t n_prompts;
    atomic_bool stop;
};

/* The head may be the embedding table: it is written once, under the table's name. */
static const struct vlm_linear *written(const vlm_calibration *c, const struct vlm_linear *w)
{
    const struct vlm_model *m = c->e->model;
    return w == &m->head && m->config.text.tied ? &m->embed : w;
}

static void add_rows(void *ctx, const struct vlm_linear *w, const struct vlm_tensor *x)
{
    vlm_calibration *c = ctx;
    size_t i = 0;
    w = written(c, w);
    while (i < c->tensors.n && c->sums[i].w != w)
        i++;
    if (i == c->tensors.n)
        return;
    struct sums *s = &c->sums[i];
    for (size_t r = 0; r < x->rows; r++) {
        const float *row = vlm_tensor_f32(x, r);
        for (size_t k = 0; k < w->n_in; k++)
            s->squares[k] += (double)row[k] * (double)row[k];
    }
    s->rows += x->rows;
}

static int look_at(void *ctx, const vlm_traced *piece)
{
    vlm_calibration *c = ctx;
    (void)piece;
    return atomic_load(&c->stop);
}

int vlm_calibration_open(vlm_calibration **out, vlm_engine *e, vlm_error *err)
{
    if (!out || !e)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "vlm_calibration_open: out or engine is NULL");
    int rc = vlm_engine_need_model(e, err);
    if (rc < 0)
        return rc;
    vlm_calibration *c = vlm_mem_zalloc(&e->alloc, 1, sizeof *c);
    if (!c)
        return vlm_engine_explain(e, vlm_fail_memory(err, sizeof *c, "a calibration"), err);
    c->e = e;
    rc = vlm_model_exports(&c->tensors, e->model, err);
    if (rc == VLM_OK) {
        c->sums = vlm_mem_zalloc(&e->alloc, c->tensors.n, sizeof *c->sums);
        if (!c->sums)
            rc = vlm_fail_memory(err, c->tensors.n * sizeof *c->sums, "a calibration");
    }
    for (size_t i = 0; i < c->tensors.n && rc == VLM_OK; i++) {
        const struct vlm_linear *w = c->tensors.at[i].matrix;
        if (!w || c->tensors.at[i].role == VLM_EXPORT_POSITION)
            continue;
        c->sums[i].w = w;
        c->sums[i].squares = vlm_mem_zalloc(&e->alloc, w->n_in, sizeof(double));
        if (!c->sums[i].squares)
            rc = vlm_fail_memory(err, w->n_in * sizeof(double), "a calibration");
    }
    if (rc < 0) {
        vlm_calibration_close(c);
        return vlm_engine_explain(e, rc, err);
    }
    *out = c;
    return VLM_OK;
}

int vlm_calibration_add(vlm_calibration *c, const vlm_message *messages, size_t n_messages,
                        const vlm_session_options *o, vlm_error *err)
{
    if (n_messages == 0)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "no messages, expected some to calibrate with");
    int rc = vlm_engine_trace(c->e, messages, n_messages, NULL, 0, o, 0, look_at, add_rows, c, err);
    if (rc == VLM_OK)
        c->n_prompts++;
    return rc;
}

void vlm_calibration_stop(vlm_calibration *c, int stop)
{
    atomic_store(&c->stop, stop != 0);
}

/* ---- the file ---- */

static void put_table(struct vlm_gguf_writer *w, const vlm_calibration *c)
{
    char name[96];
    vlm_gguf_put_word(w, "general.type", "imatrix");
    vlm_gguf_put_array(w, "imatrix.datasets", VLM_GGUF_STRING, 1);
    vlm_gguf_put_item_string(w, "prompts", 7);
    vlm_gguf_put_u32(w, "imatrix.chunk_count", (uint32_t)c->n_prompts);
    vlm_gguf_put_u32(w, "imatrix.chunk_size", 1);
    for (size_t i = 0; i < c->tensors.n; i++) {
        if (!c->sums[i].rows)
            continue;
        snprintf(name, sizeof name, "%s.in_sum2", c->tensors.at[i].name);
        vlm_gguf_put_tensor(w, name, VLM_NUM_F32, 2, (uint64_t[2]){1, c->sums[i].w->n_in});
        snprintf(name, sizeof name, "%s.counts", c->tensors.at[i].name);
        vlm_gguf_put_tensor(w, name, VLM_NUM_F32, 2, (uint64_t[2]){1, 1});
    }
}

static bool put_floats(struct vlm_buf *out, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float f = (float)x[i];
        vlm_buf_append(out, &f, sizeof f);
    }
    for (size_t k = vlm_gguf_padding(n * sizeof(float)); k-- > 0;)
        vlm_buf_putc(out, 0);
    return out->ok;
}

int vlm_calibration_write(const vlm_calibration *c, const char *path, int replace, vlm_error *err)
{
    struct vlm_gguf_writer w;
    struct vlm_buf bytes;
    struct vlm_os_file f = {.fd = -1};
    vlm_gguf_writer_init(&w, &c->e->alloc);
    vlm_buf_init(&bytes, &c->e->alloc, SIZE_MAX / 4);
    put_table(&w, c);
    int rc = vlm_gguf_write_header(&bytes, &w, path, err);
    for (size_t i = 0; i < c->tensors.n && rc == VLM_OK; i++) {
        const struct sums *s = &c->sums[i];
        double rows = (double)s->rows;
        if (s->rows &&
            (!put_floats(&bytes, s->squares, s->w->n_in) || !put_floats(&bytes, &rows, 1)))
            rc = vlm_fail_memory(err, bytes.n, "the file of a calibration");
    }
    if (rc == VLM_OK)
        rc = vlm_os_file_create(&f, &c->e->alloc, path, replace != 0, err);
    if (rc == VLM_OK)
        rc = vlm_os_file_write(&f, bytes.data, bytes.n, err);
    if (rc == VLM_OK)
        rc = vlm_os_file_sync(&f, err);
    if (rc == VLM_OK)
        rc = vlm_os_file_commit(&f, err);
    vlm_os_file_free(&f);
    vlm_buf_free(&bytes);
    vlm_gguf_writer_free(&w);
    return vlm_engine_explain(c->e, rc, err);
}

void vlm_calibration_close(vlm_calibration *c)
{
    if (!c)
        return;
    const vlm_allocator *alloc = &c->e->alloc;
    for (size_t i = 0; c->sums && i < c->tensors.n; i++)
        vlm_mem_free(alloc, c->sums[i].squares);
    vlm_mem_free(alloc, c->sums);
    vlm_model_exports_free(&c->tensors);
    vlm_mem_free(alloc, c);
}
