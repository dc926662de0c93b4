/* vlm_quantize.h: an opened model as GGUF files of any type: the text model, and the vision tower
 * in an mmproj file beside it, as llama.cpp and this engine read them.  The conventions of vlm.h
 * hold.
 */
#ifndef VLM_QUANTIZE_H
#define VLM_QUANTIZE_H

#include "vlm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Names that quantize takes, NULL past the end.  f32, f16, bf16: as they are.  q8_0, q4_k, ...: all
 * matrices; the head, or the embedding that is the head too, keeps at least 6 bits.  q4_k_m and the
 * other mixtures: more bits for some, as llama.cpp chooses them.  Rows that do not divide into
 * blocks get the nearest type that fits.  mixture says which. */
VLM_API const char *vlm_quantize_type(size_t i, int *mixture);

typedef struct vlm_quantized { /* a tensor that was written */
    const char *name;          /* in the file; lives during the call */
    const char *type;          /* "Q4_K" */
    int vision;                /* in the mmproj file */
    int weighted;              /* by the importance file */
    size_t n_dims;
    uint64_t shape[4]; /* outermost first */
    uint64_t bytes;
    double error; /* root of: sum of squared differences over sum of squares */
} vlm_quantized;

typedef struct vlm_quantize_options {
    size_t size;             /* set by init */
    const char *type;        /* of the text model's matrices; required */
    const char *vision_type; /* of the tower's, no mixture; NULL: type when that is f32, f16 or
                                bf16, else f16 */
    const char *text_path;   /* required */
    const char *vision_path; /* required for a model with a tower */
    int replace;             /* files of these names may be there; never those that are read */
    int pure;                /* the head gets no more bits than the others */
    /* a GGUF file of kind imatrix (llama.cpp writes them, and vlm_calibration_write): mean squares
     * of each matrix's inputs, by which errors are weighed; NULL: all count alike */
    const char *importance;
    void (*report)(void *ctx, const vlm_quantized *tensor); /* or NULL */
    /* elements written; nonzero cancels */
    int (*progress)(void *ctx, uint64_t done, uint64_t total); /* or NULL */
    void *ctx;
} vlm_quantize_options;
VLM_API void vlm_quantize_options_init(vlm_quantize_options *o);

typedef struct vlm_quantize_result {
    uint64_t text_bytes, vision_bytes;     /* of the files; no tower: 0 */
    uint64_t text_weights, vision_weights; /* elements */
    double text_error, vision_error;       /* as vlm_quantized.error, of all tensors */
} vlm_quantize_result;

/* Writes the files.  Rows go through the engine's threads; the same bytes for any number of them.
 * Quantised sources are taken as the exact floats they stand for.  Memory: some megabytes beside
 * the opened model, whatever its size.  On failure neither file is there, or the old ones. */
VLM_API int vlm_quantize(vlm_engine *engine, const vlm_quantize_options *o,
                         vlm_quantize_result *out, vlm_error *err);

/* ---- which inputs matter --------------------------------------------------------------------- */

/* Mean squares of the inputs of every matrix over the prompts that are added, for
 * vlm_quantize_options.importance. */
typedef struct vlm_calibration vlm_calibration;
VLM_API int vlm_calibration_open(vlm_calibration **out, vlm_engine *engine, vlm_error *err);
/* Runs a conversation's prompt, pictures included, and counts it. */
VLM_API int vlm_calibration_add(vlm_calibration *c, const vlm_message *messages, size_t n_messages,
                                const vlm_session_options *o, vlm_error *err);
/* Nonzero: stop the add in work with VLM_ERR_CANCELLED.  May be called during one. */
VLM_API void vlm_calibration_stop(vlm_calibration *c, int stop);
/* A GGUF file of kind imatrix, as llama.cpp names its tensors. */
VLM_API int vlm_calibration_write(const vlm_calibration *c, const char *path, int replace,
                                  vlm_error *err);
VLM_API void vlm_calibration_close(vlm_calibration *c); /* before the engine; NULL allowed */

#ifdef __cplusplus
}
#endif
#endif
