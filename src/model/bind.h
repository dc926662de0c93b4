/* bind.h: from named tensors to the fields of struct vlm_model, every shape checked. */
#ifndef VLM_MODEL_BIND_H
#define VLM_MODEL_BIND_H

#include "model/model.h"

/* What tensors are called; a layer's begin with vision_layer or text_layer, which take its number.
 */
struct vlm_tensor_names {
    const char *patch, *position, *post, *connector, *embed, *norm, *head;
    const char *vision_layer, *text_layer;
    struct {
        const char *norm1, *q, *k, *v, *out, *norm2, *fc1, *fc2;
    } vision;
    struct {
        const char *norm1, *q, *k, *v, *out, *norm2, *gate, *up, *down;
    } text;
};
extern const struct vlm_tensor_names vlm_model_gguf_names;

/* m->config, m->weights and, for GGUF, m->tower are set, m->vision and m->text allocated. gguf: the
 * names are those of GGUF, and q and k lie in pairs. */
int vlm_model_bind(struct vlm_model *m, bool gguf, vlm_error *err);

#endif
