/* export.h: an opened model as what GGUF files hold of it: tensors with their names there, in the
 * order in which they are written, and the keys that config_gguf.c reads. */
#ifndef VLM_MODEL_EXPORT_H
#define VLM_MODEL_EXPORT_H

#include "format/gguf_write.h"
#include "model/model.h"

/* What a tensor is for: how many bits it gets depends on it. */
enum vlm_export_role {
    VLM_EXPORT_VECTOR,   /* norms and biases */
    VLM_EXPORT_PATCH,    /* the tower's convolution */
    VLM_EXPORT_POSITION, /* and its table of positions */
    VLM_EXPORT_TOWER,    /* its other matrices, and the connector */
    VLM_EXPORT_EMBED,
    VLM_EXPORT_HEAD, /* the embedding too when it is the head */
    VLM_EXPORT_QK,
    VLM_EXPORT_V,
    VLM_EXPORT_OUT,
    VLM_EXPORT_FFN, /* gate and up */
    VLM_EXPORT_DOWN
};

struct vlm_export {
    char name[64];
    enum vlm_export_role role;
    bool vision; /* in the mmproj file */
    size_t layer;
    size_t n_dims;
    uint64_t shape[4];               /* outermost first */
    const struct vlm_linear *matrix; /* or NULL: */
    const float *vector;             /* [shape[0]] */
    /* rows lie in halves per head, and GGUF wants them in pairs (0: as they lie) */
    size_t heads;
};
struct vlm_exports {
    const vlm_allocator *alloc;
    struct vlm_export *at;
    size_t n, cap;
};
int vlm_model_exports(struct vlm_exports *out, const struct vlm_model *m, vlm_error *err);
void vlm_model_exports_free(struct vlm_exports *e);
/* Row i of the written tensor is this row of the model's. */
static inline size_t vlm_export_row(const struct vlm_export *t, size_t i)
{
    if (!t->heads)
        return i;
    size_t d = (size_t)t->shape[0] / t->heads, in_head = i % d;
    return i - in_head + in_head / 2 + in_head % 2 * (d / 2);
}

/* Hyper-parameters; what the reader does not need but llama.cpp does, too. */
void vlm_model_export_text_keys(struct vlm_gguf_writer *w, const struct vlm_config *c);
void vlm_model_export_vision_keys(struct vlm_gguf_writer *w, const struct vlm_config *c);
/* The first thing that the model does and no key can say, or NULL. */
const char *vlm_model_export_unsaid(const struct vlm_config *c);

#endif
