/* model.c: opens a checkpoint: config, weights, tables; bind.c binds every tensor once to a named
 * field with its whole shape checked. */
#include "model/model.h"

#include <string.h>

#include "base/mem.h"
#include "model/bind.h"

/* Row of the position table for each patch: with as many patches as the table has, the identity;
 * with fewer, bucket(i) = floor(i * S / n) per axis, as the tower was trained. */
static int fill_tables(struct vlm_model *m, vlm_error *err)
{
    const struct vlm_config *c = &m->config;
    size_t n = c->grid, half = c->text.head_dim / 2;
    size_t side = n ? c->vision.image_size / c->vision.patch : 0; /* n is 0 without a tower */
    m->position_ids = vlm_mem_alloc(m->alloc, n * n, sizeof *m->position_ids);
    m->inv_freq = vlm_mem_alloc(m->alloc, half, sizeof *m->inv_freq);
    if (!m->position_ids || !m->inv_freq)
        return vlm_fail_memory(err, n * n * sizeof *m->position_ids, "position tables");
    for (size_t i = 0; i < n * n; i++)
        m->position_ids[i] = (int32_t)(i / n * side / n * side + i % n * side / n);
    vlm_rope_inv_freq(m->inv_freq, c->text.rope_theta, c->text.head_dim);
    return VLM_OK;
}

/* What both kinds of files need once m->config and the weights are there. */
static int finish(struct vlm_model *m, bool gguf, vlm_error *err)
{
    m->vision = vlm_mem_zalloc(m->alloc, m->config.vision.layers, sizeof *m->vision);
    m->text = vlm_mem_zalloc(m->alloc, m->config.text.layers, sizeof *m->text);
    if (!m->vision || !m->text)
        return vlm_fail_memory(err, m->config.text.layers * sizeof *m->text, "the layers");
    m->weights_bytes = m->weights.bytes + m->tower.bytes;
    int rc = vlm_model_bind(m, gguf, err);
    return rc < 0 ? rc : fill_tables(m, err);
}

int vlm_model_open(struct vlm_model **out, const vlm_allocator *alloc,
                   const struct vlm_files *files, vlm_error *err)
{
    struct vlm_model *m = vlm_mem_zalloc(alloc, 1, sizeof *m);
    if (!m)
        return vlm_fail_memory(err, sizeof *m, "the model");
    m->alloc = alloc;
    int rc = vlm_config_read(&m->config, files, err);
    if (rc == VLM_OK)
        rc = vlm_weights_open(&m->weights, files, err);
    if (rc == VLM_OK)
        rc = finish(m, false, err);
    if (rc < 0) {
        vlm_model_close(m);
        return rc;
    }
    *out = m;
    return VLM_OK;
}

int vlm_model_open_gguf(struct vlm_model **out, const vlm_allocator *alloc,
                        struct vlm_gguf_model *g, vlm_error *err)
{
    struct vlm_model *m = vlm_mem_zalloc(alloc, 1, sizeof *m);
    if (!m)
        return vlm_fail_memory(err, sizeof *m, "the model");
    m->alloc = alloc;
    int rc = vlm_config_read_gguf(&m->config, g, err);
    if (rc == VLM_OK) {
        m->weights = g->text.weights; /* taken over: the mappings stay with the model */
        m->tower = g->vision.weights;
        vlm_gguf_model_forget(g);
        rc = finish(m, true, err);
    }
    if (rc < 0) {
        vlm_model_close(m);
        return rc;
    }
    *out = m;
    return VLM_OK;
}

static size_t wider(size_t n, const struct vlm_linear *w)
{
    return w->type >= VLM_N_FLOAT && w->n_in > n ? w->n_in : n;
}

static size_t wider_of_tower(size_t n, const struct vlm_model *m, const struct vlm_linear *w)
{
    const struct vlm_linear as = vlm_model_tower_linear(m, w);
    return wider(n, &as);
}

size_t vlm_model_widest_packed(const struct vlm_model *m)
{
    size_t n = wider_of_tower(wider_of_tower(wider(0, &m->head), m, &m->patch), m, &m->connector);
    for (size_t i = 0; i < m->config.vision.layers; i++) {
        const struct vlm_vision_layer *l = &m->vision[i];
        const struct vlm_linear *const all[] = {&l->q, &l->k, &l->v, &l->out, &l->fc1, &l->fc2};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            n = wider_of_tower(n, m, all[k]);
    }
    for (size_t i = 0; i < m->config.text.layers; i++) {
        const struct vlm_text_layer *l = &m->text[i];
        n = wider(wider(wider(wider(n, &l->q), &l->k), &l->v), &l->out);
        n = wider(wider(wider(n, &l->gate), &l->up), &l->down);
    }
    return n;
}

void vlm_model_linear(const struct vlm_run *run, const struct vlm_tensor *y,
                      const struct vlm_tensor *x, const struct vlm_linear *w)
{
    if (run->tap && run->tap->input) {
        vlm_backend_sync(run->backend);
        run->tap->input(run->tap->ctx, w, x);
    }
    vlm_op_linear(run->backend, y, x, w);
}

void vlm_model_close(struct vlm_model *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_vectors; i++)
        vlm_mem_free(m->alloc, m->vectors[i]);
    vlm_mem_free(m->alloc, m->vectors);
    vlm_mem_free(m->alloc, m->vision);
    vlm_mem_free(m->alloc, m->text);
    vlm_mem_free(m->alloc, m->position_ids);
    vlm_mem_free(m->alloc, m->inv_freq);
    vlm_weights_close(&m->weights);
    vlm_weights_close(&m->tower);
    vlm_mem_free(m->alloc, m);
}
