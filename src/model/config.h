/* config.h: the hyper-parameters of a checkpoint, read from its JSON files (gguf.h: from the keys
 * of a GGUF file).  They are input like any other: each has a declared range and is checked before
 * anything is computed from it. */
#ifndef VLM_MODEL_CONFIG_H
#define VLM_MODEL_CONFIG_H

#include "format/files.h"
#include "image/image.h"

#define VLM_MAX_EOS 16

struct vlm_vision_config {
    uint32_t hidden, ffn, layers, heads; /* head size is hidden / heads */
    uint32_t patch, image_size; /* pixels; the position table has (image_size / patch)^2 rows */
    float eps;
};
struct vlm_text_config {
    uint32_t hidden, ffn, layers, heads, kv_heads, head_dim, vocab, context;
    double rope_theta;
    float eps;
    bool tied; /* the head is the embedding table */
};
struct vlm_video_config {  /* how the model was trained to see clips; 0: as the default says */
    double fps;            /* frames a second to sample; 1 */
    uint32_t max_frames;   /* 64 */
    uint32_t longest_edge; /* a frame's, before it becomes a square tile; that of pictures */
};
struct vlm_config {
    char
        family[16]; /* model_type: "smolvlm" or "idefics3"; "llama" for a GGUF file without tower */
    char architecture[64];
    struct vlm_vision_config vision;
    struct vlm_text_config text;
    uint32_t scale;         /* pixel shuffle */
    uint32_t grid;          /* patches along one side of a tile = image.tile / vision.patch */
    uint32_t image_seq_len; /* image tokens of a tile = (grid / scale)^2 */
    int32_t image_token_id; /* -1: none */
    int32_t eos[VLM_MAX_EOS];
    uint32_t n_eos;
    struct vlm_image_config image;
    struct vlm_video_config video;
};

/* config.json, generation_config.json, preprocessor_config.json or processor_config.json. */
int vlm_config_read(struct vlm_config *c, const struct vlm_files *files, vlm_error *err);
/* The processor's part alone, for work without weights (config.json may be missing then: the fields
 * it would give stay 0). */
int vlm_config_read_processor(struct vlm_config *c, const struct vlm_files *files, vlm_error *err);
/* For tests and fuzzing: config.json from memory, without the processor's files. */
int vlm_config_parse(struct vlm_config *c, const void *json, size_t n, const char *file,
                     vlm_error *err);
/* What only makes sense once tower and processor are known.  file: for errors. */
int vlm_config_check_geometry(struct vlm_config *c, const char *file, vlm_error *err);
bool vlm_config_is_eos(const struct vlm_config *c, int32_t id); /* does generation end with it? */
/* The chat template's source: chat_template.jinja, chat_template.json, processor_config.json or
 * tokenizer_config.json.  *source is taken from files->alloc; NULL when there is none. */
int vlm_config_template(char **source, size_t *n, char where[64], const struct vlm_files *files,
                        vlm_error *err);

/* A copy of a template's source, its length checked. */
int vlm_config_take_template(char **source, size_t *n, const vlm_allocator *alloc, const char *text,
                             size_t n_text, vlm_error *err);

#endif
