/* tower.c: the vision tower in 8 bits.  Matrices of floats are rounded to Q8_0 when the workspace
 * of the tower is opened, into memory of the workspace; the model stays as its file says.
 *
 * A file's rows need not divide into blocks (an FFN of 4304, patches of 588 values), ours have
 * zeros at their end.  That is why a tower that its file holds in blocks still has matrices of
 * floats. */
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/os_file.h"
#include "model/model.h"

enum { MATRICES = 6 };

static void list(struct vlm_linear *out[MATRICES], struct vlm_vision_layer *l)
{
    struct vlm_linear *const all[MATRICES] = {&l->q, &l->k, &l->v, &l->out, &l->fc1, &l->fc2};
    memcpy(out, all, sizeof all);
}

void vlm_model_set_tower(struct vlm_model *m, enum vlm_tower tower)
{
    struct vlm_linear *all[MATRICES];
    bool blocks = false;
    for (size_t i = 0; tower == VLM_TOWER_REST && i < m->config.vision.layers; i++) {
        list(all, &m->vision[i]);
        for (size_t k = 0; k < MATRICES; k++)
            blocks = blocks || all[k]->type == VLM_NUM_Q8_0;
    }
    m->rounded = tower == VLM_TOWER_REST && !blocks ? VLM_TOWER_FILE : tower;
    if (m->config.vision.layers == 0)
        m->rounded = VLM_TOWER_FILE;
}

struct vlm_linear vlm_model_tower_linear(const struct vlm_model *m, const struct vlm_linear *w)
{
    struct vlm_linear as = *w;
    bool rounded = m->rounded == VLM_TOWER_Q8_0 ||
                   (m->rounded == VLM_TOWER_REST && w != &m->patch && w != &m->connector);
    if (rounded && w->type < VLM_N_FLOAT) {
        as.type = VLM_NUM_Q8_0;
        as.n_in = vlm_backend_packed_length(w->n_in);
        as.data = NULL; /* the workspace has it */
    }
    return as;
}

/* Calls fn for each matrix of the tower that is rounded: where it is in the model, and in to (the
 * same places of a copy). */
static void each_rounded(const struct vlm_model *m, struct vlm_tower_matrices *to,
                         void (*fn)(void *ctx, const struct vlm_linear *from,
                                    const struct vlm_linear *as, struct vlm_linear *at),
                         void *ctx)
{
    struct vlm_linear *of_file[MATRICES], *of_copy[MATRICES];
    for (size_t i = 0; i < m->config.vision.layers; i++) {
        list(of_file, &m->vision[i]);
        if (to)
            list(of_copy, &to->layers[i]);
        for (size_t k = 0; k < MATRICES; k++) {
            struct vlm_linear as = vlm_model_tower_linear(m, of_file[k]);
            if (!as.data)
                fn(ctx, of_file[k], &as, to ? of_copy[k] : NULL);
        }
    }
    const struct vlm_linear *ends[2] = {&m->patch, &m->connector};
    for (size_t k = 0; k < 2 && m->config.vision.layers; k++) {
        struct vlm_linear as = vlm_model_tower_linear(m, ends[k]);
        if (!as.data)
            fn(ctx, ends[k], &as, !to ? NULL : k == 0 ? &to->patch : &to->connector);
    }
}

static void count(void *ctx, const struct vlm_linear *from, const struct vlm_linear *as,
                  struct vlm_linear *at)
{
    (void)from;
    (void)at;
    *(uint64_t *)ctx += (as->n_out * vlm_num_bytes(as->type, as->n_in) + 63) & ~(uint64_t)63;
}

uint64_t vlm_model_rounded_bytes(const struct vlm_model *m)
{
    uint64_t n = 0;
    each_rounded(m, NULL, count, &n);
    return n;
}

struct rounding {
    const struct vlm_model *m;
    struct vlm_backend *b;
    uint8_t *next;
};

/* What was read of a mapped file is not needed again. */
static void forget(const struct vlm_weights *w, const struct vlm_linear *l)
{
    const uint8_t *data = l->data;
    for (size_t i = 0; i < w->n_files; i++) {
        const struct vlm_map *map = &w->files[i].map;
        if (map->data && data >= map->data && (size_t)(data - map->data) < map->n)
            vlm_map_forget(map, data, (uint64_t)l->n_out * vlm_num_bytes(l->type, l->n_in));
    }
}

static void round_one(void *ctx, const struct vlm_linear *from, const struct vlm_linear *as,
                      struct vlm_linear *at)
{
    struct rounding *r = ctx;
    uint64_t n = 0;
    vlm_op_pack(r->b, r->next, from);
    vlm_backend_sync(r->b);
    forget(&r->m->weights, from);
    forget(&r->m->tower, from);
    *at = *as;
    at->data = r->next;
    count(&n, from, as, at);
    r->next += n;
}

int vlm_tower_matrices_open(struct vlm_tower_matrices *t, const struct vlm_model *m,
                            struct vlm_backend *b, vlm_error *err)
{
    uint64_t n = vlm_model_rounded_bytes(m);
    size_t layers = m->config.vision.layers;
    *t = (struct vlm_tower_matrices){
        .patch = m->patch, .connector = m->connector, .layers = m->vision};
    if (n == 0)
        return VLM_OK;
    t->layers = t->own = vlm_mem_alloc(m->alloc, layers, sizeof *t->own);
    if (!t->own)
        return vlm_fail_memory(err, layers * sizeof *t->own, "the tower's layers");
    memcpy(t->own, m->vision, layers * sizeof *t->own);
    int rc = vlm_buffer_alloc(&t->buffer, b, (size_t)n, "the tower's matrices in 8 bits", err);
    if (rc < 0)
        return rc;
    struct rounding r = {m, b, t->buffer.data};
    each_rounded(m, t, round_one, &r);
    return VLM_OK;
}

void vlm_tower_matrices_close(struct vlm_tower_matrices *t, const vlm_allocator *alloc,
                              struct vlm_backend *b)
{
    vlm_buffer_free(&t->buffer, b);
    vlm_mem_free(alloc, t->own);
    *t = (struct vlm_tower_matrices){.own = NULL};
}
