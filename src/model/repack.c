/* repack.c: copies of the decoder's matrices as the kernels bring them before they multiply, for
 * those types of which that costs more than reading the larger copy (kernel.h).  Results keep their
 * bits.  The copies belong to the model; single rows go on reading the file's blocks. */
#include <string.h>

#include "model/model.h"

enum { MATRICES = 7 };

static void list(struct vlm_linear *out[MATRICES], struct vlm_text_layer *l)
{
    struct vlm_linear *const all[MATRICES] = {&l->q,    &l->k,  &l->v,   &l->out,
                                              &l->gate, &l->up, &l->down};
    memcpy(out, all, sizeof all);
}

static uint64_t room(const struct vlm_backend *b, const struct vlm_linear *w)
{
    return (vlm_backend_repacked_bytes(b, w) + 63) & ~(uint64_t)63;
}

static void repack(struct vlm_backend *b, struct vlm_linear *w, uint8_t **next)
{
    uint64_t n = room(b, w);
    if (n == 0)
        return;
    vlm_op_repack(b, *next, w);
    w->repacked = *next;
    *next += n;
}

int vlm_model_repack(struct vlm_model *m, struct vlm_backend *b, vlm_error *err)
{
    struct vlm_linear *all[MATRICES];
    uint64_t n = room(b, &m->head);
    for (size_t i = 0; i < m->config.text.layers; i++) {
        list(all, &m->text[i]);
        for (size_t k = 0; k < MATRICES; k++)
            n += room(b, all[k]);
    }
    if (n == 0)
        return VLM_OK;
    if (n > SIZE_MAX)
        return vlm_fail_memory(err, SIZE_MAX, "repacked weights");
    int rc = vlm_buffer_alloc(&m->repacked, b, (size_t)n, "repacked weights", err);
    if (rc < 0)
        return rc;
    uint8_t *next = m->repacked.data;
    for (size_t i = 0; i < m->config.text.layers; i++) {
        list(all, &m->text[i]);
        for (size_t k = 0; k < MATRICES; k++)
            repack(b, all[k], &next);
    }
    repack(b, &m->head, &next);
    vlm_backend_sync(b);
    return VLM_OK;
}

void vlm_model_repack_close(struct vlm_model *m, struct vlm_backend *b)
{
    vlm_buffer_free(&m->repacked, b);
}
