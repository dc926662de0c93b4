/* vlm_tools.h: looking inside.  For those who work on models: inspect, render, tiles, trace,
 * limits. The conventions of vlm.h hold: status codes, vlm_error last, out-parameters written on
 * success. */
#ifndef VLM_TOOLS_H
#define VLM_TOOLS_H

#include "vlm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what this build can do ---------------------------------------------------------------- */

/* Names of the ISA levels usable on this machine, worst first; NULL when i is past the end. */
VLM_API const char *vlm_isa_name(size_t i);
/* The i-th limit of limits.h; returns 0 when i is past the end. */
VLM_API int vlm_limit_get(size_t i, const char **name, uint64_t *value, const char **meaning);

/* ---- inspect ------------------------------------------------------------------------------- */

typedef struct vlm_model_info {
    const char *format;        /* "safetensors", "gguf" */
    const char *family;        /* "smolvlm", "idefics3"; "llama": a GGUF file without tower */
    const char *architecture;  /* "SmolVLMForConditionalGeneration" */
    const char *chat_template; /* source, or NULL */
    uint64_t parameters, parameters_vision, parameters_connector, parameters_text;
    uint64_t weights_bytes, file_bytes;
    size_t n_tensors, context_length, vocab_size, n_added_tokens;
    size_t text_hidden, text_layers, text_heads, text_kv_heads, text_head_dim, text_ffn;
    size_t vision_hidden, vision_layers, vision_heads, vision_ffn, patch_size, tile_size,
        scale_factor;
    size_t image_seq_len, longest_edge;
    int32_t image_token_id;
    const int32_t *eos_ids;
    size_t n_eos;
    uint8_t config_hash[32], tokenizer_hash[32]; /* SHA-256 of the files, or of GGUF's keys */
} vlm_model_info;

typedef struct vlm_tensor_info {
    const char *name;
    const char *type; /* "F32", "BF16", "Q4_K", ... as the file says */
    const char *file;
    size_t n_dims;
    uint64_t shape[4];
    uint64_t bytes;
} vlm_tensor_info;

VLM_API void vlm_inspect(const vlm_engine *engine,
                         vlm_model_info *out); /* strings live with the engine */
VLM_API int vlm_inspect_tensor(const vlm_engine *engine, size_t i,
                               vlm_tensor_info *out); /* 0 past the end */

/* ---- render -------------------------------------------------------------------------------- */

/* The prompt text (template output, before image expansion, as the reference's apply_chat_template
 * gives it) and the ids after expansion.  Both are owned by the caller: vlm_rendered_free. */
typedef struct vlm_rendered {
    char *text;
    size_t n_text;
    int32_t *ids;
    size_t n_ids;
    size_t n_image_tokens;
    const vlm_engine *engine;
} vlm_rendered;
VLM_API int vlm_render(vlm_rendered *out, const vlm_engine *engine, const vlm_message *messages,
                       size_t n_messages, int add_generation_prompt, const vlm_session_options *o,
                       vlm_error *err);
/* The same with what only templates know, as JSON text: tools, a list; members, a list of as many
 * objects as messages, whose members but role, content and prefix ("tool_calls", "name") are handed
 * on.  Each may be NULL. */
VLM_API int vlm_render_data(vlm_rendered *out, const vlm_engine *engine,
                            const vlm_message *messages, size_t n_messages,
                            int add_generation_prompt, const vlm_session_options *o,
                            const char *tools, const char *members, vlm_error *err);
VLM_API void vlm_rendered_free(vlm_rendered *r);

/* ---- tiles --------------------------------------------------------------------------------- */

typedef struct vlm_tile {
    uint32_t row, col;      /* from 1; 0, 0: the whole picture (overview or only frame) */
    double box[4];          /* x, y, width, height in the source picture */
    uint32_t width, height; /* of the tile, in pixels */
    size_t n_tokens;
    const uint8_t
        *pixels; /* [height][width][3], before normalisation; lives until vlm_tiles_free */
} vlm_tile;
typedef struct vlm_tiles vlm_tiles;
VLM_API int vlm_tiles_make(vlm_tiles **out, const vlm_engine *engine, const vlm_image *image,
                           const vlm_session_options *o, vlm_error *err);
/* The frames of a video, each a tile of its own. */
VLM_API int vlm_tiles_make_video(vlm_tiles **out, const vlm_engine *engine, const vlm_video *video,
                                 vlm_error *err);
VLM_API size_t vlm_tiles_count(const vlm_tiles *tiles);
VLM_API void vlm_tiles_get(const vlm_tiles *tiles, size_t i, vlm_tile *out); /* i < count */
VLM_API void vlm_tiles_free(vlm_tiles *tiles);
/* PNG, 8-bit RGB, into memory from the engine's allocator (engine NULL: malloc); free with
 * vlm_bytes_free and the same engine. */
VLM_API int vlm_png_encode(uint8_t **out, size_t *n, const vlm_engine *engine,
                           const uint8_t *pixels, uint32_t width, uint32_t height, vlm_error *err);
VLM_API void vlm_bytes_free(const vlm_engine *engine, void *bytes);
/* What is taken from it counts in the engine's max_memory; lives as long as the engine. */
VLM_API const vlm_allocator *vlm_engine_allocator(const vlm_engine *engine);

/* Bytes that the engine and its sessions hold now, and the most they ever held, mapped weights not
 * counted. */
VLM_API void vlm_engine_memory(const vlm_engine *engine, uint64_t *used, uint64_t *peak);

/* ---- plan ---------------------------------------------------------------------------------- */

typedef struct vlm_image_estimate {
    uint32_t width, height; /* in: of the picture */
    uint32_t rows, cols;    /* of its tiles; 0, 0: one frame */
    size_t n_tiles, n_tokens;
} vlm_image_estimate;
/* vlm_session_estimate for one conversation with these pictures (n_images 0: with none), instead of
 * one square page. */
VLM_API int vlm_session_estimate_images(const vlm_engine *engine, const vlm_session_options *o,
                                        vlm_image_estimate *images, size_t n_images,
                                        vlm_estimate *out, vlm_error *err);

/* ---- trace --------------------------------------------------------------------------------- */

/* One piece of a traced tensor.  Pieces of one name arrive in row order and together fill shape. */
typedef struct vlm_traced {
    const char *name; /* "vision.00", "text.embed", "logits", ... as cli.md lists them */
    int is_int32;     /* else float32 */
    size_t n_dims;
    size_t shape[4];          /* of the whole tensor */
    size_t first_row, n_rows; /* this piece, along dimension 0 */
    const void *data;         /* contiguous */
} vlm_traced;
/* Return nonzero to stop the trace with VLM_ERR_CANCELLED.  Calls no function of this engine. */
typedef int (*vlm_trace_fn)(void *ctx, const vlm_traced *piece);

/* Runs messages (or, when n_messages is 0, the given ids) through the model and hands out every
 * intermediate; then generates up to n_generate tokens greedily ("generated_ids", only if > 0). */
VLM_API int vlm_trace(vlm_engine *engine, const vlm_message *messages, size_t n_messages,
                      const int32_t *ids, size_t n_ids, const vlm_session_options *o,
                      size_t n_generate, vlm_trace_fn fn, void *ctx, vlm_error *err);

/* ---- measuring ----------------------------------------------------------------------------- */

/* Work that is done once and timed, so that the caller decides what is repeated, interleaved and
 * compared.  Limits of the machine, with the engine's kernels:
 *   "roof.read"     memory read by n threads (0: all)            bytes
 *   "roof.fp32"     multiply-adds of floats, all threads         fp32_ops
 *   "roof.int8"     products of 8-bit integers, all threads      int8_ops
 *   "roof.barrier"  the pool's fork and join; ms is of one
 * Work of the model, through sessions as everybody has them:
 *   "prompt"    reading n tokens behind depth others
 *   "generate"  n tokens behind a prompt of depth (at least what the template needs)
 *   "sessions"  the same by n_sessions in each step: tokens are those of all
 *   "tile"      one frame through the tower
 *   "picture"   a picture of one frame, to the first token
 *   "page"      a picture of width x height with the model's own tiling, to the first token
 *   "memory"    most that the process held until now in bytes, without what roof.read reads
 *               (kv_bytes: of it keys and values)
 * Pictures and prompts are drawn anew each time, so that no cache of the engine answers. */
typedef struct vlm_bench_job {
    const char *test;
    size_t n, depth, n_sessions;
    uint32_t width, height;
} vlm_bench_job;
typedef struct vlm_bench_sample {
    double ms;
    double cpu_ms;    /* of all threads of the process: what ms would be for one, were it alone */
    size_t n, depth;  /* as they were: templates and tokenizers may miss a number by a few */
    size_t tokens;    /* whose rate matters; 0: the time matters */
    double vision_ms; /* of ms, in the tower */
    /* what the work takes at least: operations (a multiply and an add are two), those on weights in
     * blocks as int8; bytes of weights and cache that must be read */
    double fp32_ops, int8_ops, bytes;
    double kv_bytes; /* of bytes, keys and values */
} vlm_bench_sample;
typedef struct vlm_bench vlm_bench;
/* options: kv_type, chunk and the like for the sessions; NULL: the defaults. */
VLM_API int vlm_bench_open(vlm_bench **out, vlm_engine *engine, const vlm_session_options *options,
                           vlm_error *err);
/* A job's first time also does what lies before it (a session, a prompt of depth): repeat it. */
VLM_API int vlm_bench_run(vlm_bench *bench, const vlm_bench_job *job, vlm_bench_sample *out,
                          vlm_error *err);
VLM_API void vlm_bench_close(vlm_bench *bench); /* before its engine; NULL allowed */

#ifdef __cplusplus
}
#endif
#endif
