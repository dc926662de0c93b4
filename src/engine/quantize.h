/* quantize.h: what the files of vlm_quantize share: which type a tensor gets (quantize_types.c),
 * what files say beside tensors (quantize_keys.c), how much inputs matter (importance.c). */
#ifndef VLM_ENGINE_QUANTIZE_H
#define VLM_ENGINE_QUANTIZE_H

#include "engine/engine.h"
#include "model/export.h"
#include "vlm_quantize.h"

/* ---- types ---- */

struct vlm_recipe {
    const char *name;
    enum vlm_num base;
    enum vlm_recipe_mix { VLM_MIX_NONE, VLM_MIX_SMALL, VLM_MIX_MEDIUM } mix;
    uint32_t file_type; /* general.file_type, as llama.cpp numbers them */
};
const struct vlm_recipe *vlm_engine_recipe(const char *name); /* NULL: no such */
struct vlm_choice {
    const struct vlm_recipe *text, *vision;
    bool pure;
    uint32_t layers; /* of the decoder */
};
enum vlm_num vlm_engine_choose_type(const struct vlm_choice *c, const struct vlm_export *t);

/* ---- keys ---- */

/* All pairs of the text model's file, or of the mmproj file. */
int vlm_engine_put_keys(struct vlm_gguf_writer *w, const vlm_engine *e, bool vision,
                        const struct vlm_recipe *recipe, vlm_error *err);

/* ---- importance ---- */

struct vlm_importance {
    const vlm_allocator *alloc;
    struct vlm_map map;
    struct vlm_gguf meta;
    struct vlm_weight_list list; /* sorted by name */
    const char *file;            /* borrowed */
};
int vlm_engine_importance_open(struct vlm_importance *im, const vlm_allocator *alloc,
                               const char *path, vlm_error *err);
void vlm_engine_importance_close(struct vlm_importance *im);
/* Fills out [n] for the matrix of that name; VLM_DONE when the file does not know it. */
int vlm_engine_importance_get(float *out, const struct vlm_importance *im, const char *name,
                              uint64_t n, vlm_error *err);

#endif
