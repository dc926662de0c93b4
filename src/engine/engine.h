/* engine.h: what the files of this room share.  The contract is vlm.h and vlm_tools.h. */
#ifndef VLM_ENGINE_ENGINE_H
#define VLM_ENGINE_ENGINE_H

#include <pthread.h>

#include "base/buf.h"
#include "base/log.h"
#include "model/model.h"
#include "prompt/prompt.h"

/* All memory of an engine and its sessions goes through one account. */
struct vlm_account {
    vlm_allocator hook; /* the caller's, or malloc */
    uint64_t max;       /* 0: no limit */
    atomic_uint_fast64_t used;
    atomic_bool refused; /* it was max that said no, not the system */
};

struct vlm_engine {
    struct vlm_account account;
    vlm_allocator alloc; /* charges the account */
    vlm_log log;
    struct vlm_files files;
    struct vlm_config config;
    struct vlm_model *model; /* NULL: vocabulary only */
    vlm_tokenizer *tok;
    vlm_template *tmpl; /* NULL: none in the files */
    char *template_source;
    uint8_t config_hash[32], tokenizer_hash[32];
    struct vlm_pool *pool;
    struct vlm_backend *backend;

    pthread_mutex_t step; /* held by whoever computes: guards everything below, pool and backend */
    struct vlm_text_space text;
    struct vlm_vision_space vision; /* opened with the first picture */
    float *logits;                  /* [max_wanted][vocab] */
    struct vlm_row *rows;           /* [text.max_rows] */
    size_t max_wanted, n_sessions;
};

/* ---- a prompt: ids and the frames that stand behind its image tokens ---- */

struct vlm_prompt_picture {
    const struct vlm_image *image;
    struct vlm_tile_plan plan;
    size_t n_tokens;    /* of all its frames */
    size_t first_token; /* index among the prompt's image tokens */
};
struct vlm_prompt {
    struct vlm_prompt_text text;
    struct vlm_ids ids;
    struct vlm_prompt_picture *pictures;
    size_t n_pictures, n_image_tokens, n_frames;
};
void vlm_engine_prompt_init(struct vlm_prompt *p, const vlm_engine *e);
void vlm_engine_prompt_free(struct vlm_prompt *p, const vlm_engine *e);
int vlm_engine_prompt_build(struct vlm_prompt *p, const vlm_engine *e, const vlm_message *messages,
                            size_t n_messages, bool add_generation_prompt,
                            const vlm_session_options *o, vlm_error *err);
/* The processor's settings with a session's detail and max_tiles applied. */
struct vlm_image_config vlm_engine_image_config(const vlm_engine *e, const vlm_session_options *o);
/* Features [n_tokens][hidden] of one picture; the step lock is held.  report (may be NULL) is
 * called before each frame with the number done and returns nonzero to stop. */
int vlm_engine_encode(vlm_engine *e, float *features, const struct vlm_prompt_picture *p,
                      const struct vlm_run *run, const vlm_session_options *o, size_t first_frame,
                      int (*report)(void *ctx, size_t frames_done), void *ctx, vlm_error *err);
/* Makes the vision workspace, once; the step lock is held. */
int vlm_engine_reserve_vision(vlm_engine *e, vlm_error *err);
/* Copies known fields of a caller's options of any size over the defaults, and checks their ranges.
 */
int vlm_engine_session_options(vlm_session_options *out, const vlm_session_options *o,
                               vlm_error *err);
/* Passes rc on; when memory was refused by the budget, the message says so. */
int vlm_engine_explain(vlm_engine *e, int rc, vlm_error *err);
/* The model, or an error for an engine opened for its vocabulary. */
int vlm_engine_need_model(const vlm_engine *e, vlm_error *err);

#endif
