/* bind.h: from named tensors to the fields of struct vlm_model, every shape checked. */
#ifndef VLM_MODEL_BIND_H
#define VLM_MODEL_BIND_H

#include "model/model.h"

/* m->config, m->weights and, for GGUF, m->tower are set, m->vision and m->text allocated. gguf: the
 * names are those of GGUF, and q and k lie in pairs. */
int vlm_model_bind(struct vlm_model *m, bool gguf, vlm_error *err);

#endif
