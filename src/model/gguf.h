/* gguf.h: a GGUF model: the text model's file and, when there is one, the mmproj file that holds
 * its vision tower; each may be split.  What their keys say becomes a struct vlm_config like any
 * other. */
#ifndef VLM_MODEL_GGUF_H
#define VLM_MODEL_GGUF_H

#include "format/gguf.h"
#include "model/config.h"

struct vlm_gguf_part {
    struct vlm_weights weights; /* source NULL: there is no such file */
    struct vlm_gguf meta;
};
struct vlm_gguf_model {
    struct vlm_gguf_part text, vision;
};

/* Opens the text model NAME of files. */
int vlm_gguf_model_open(struct vlm_gguf_model *g, const struct vlm_files *files, const char *name,
                        vlm_error *err);
/* Adds the tower: NAME of files, or with name NULL the mmproj*.gguf among files that fits; none
 * there is no error, several that fit are one. */
int vlm_gguf_model_add_vision(struct vlm_gguf_model *g, const struct vlm_files *files,
                              const char *name, vlm_error *err);
void vlm_gguf_model_forget(struct vlm_gguf_model *g); /* the tensors have another owner now */
void vlm_gguf_model_close(struct vlm_gguf_model *g);

/* Every hyper-parameter, with the same ranges as those of config.json. */
int vlm_config_read_gguf(struct vlm_config *c, const struct vlm_gguf_model *g, vlm_error *err);
/* *source is taken from alloc; NULL when there is none. */
int vlm_config_template_gguf(char **source, size_t *n, const vlm_allocator *alloc,
                             const struct vlm_gguf_model *g, vlm_error *err);
/* Is it a text model of a kind that this engine computes?  Else an error. */
int vlm_config_check_text(const struct vlm_gguf *text, vlm_error *err);
/* May this mmproj file be the tower of that text model?  Else an error that says why not. */
int vlm_config_check_pair(const struct vlm_gguf *text, const struct vlm_gguf *vision,
                          vlm_error *err);

#endif
