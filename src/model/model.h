/* model.h: a checkpoint of the SmolVLM family as named, checked tensors, and its two forward
 * passes.
 *
 * Immutable after open.  A forward pass takes its memory from a workspace that was sized before, so
 * it allocates nothing and cannot fail, only be cancelled. */
#ifndef VLM_MODEL_MODEL_H
#define VLM_MODEL_MODEL_H

#include <stdatomic.h>

#include "backend/backend.h"
#include "format/weights.h"
#include "model/config.h"
#include "model/gguf.h"

struct vlm_vision_layer {
    const float *norm1_w, *norm1_b, *norm2_w, *norm2_b; /* [hidden] */
    struct vlm_linear q, k, v, out;                     /* [hidden, hidden] + bias */
    struct vlm_linear fc1, fc2;                         /* [ffn, hidden], [hidden, ffn] + bias */
};
struct vlm_text_layer {
    const float *norm1, *norm2;       /* [hidden] */
    struct vlm_linear q, k, v, out;   /* [heads*d, hidden], [kv*d, hidden] x 2, [hidden, heads*d] */
    struct vlm_linear gate, up, down; /* [ffn, hidden] x 2, [hidden, ffn] */
};

struct vlm_model {
    const vlm_allocator *alloc;
    struct vlm_config config;
    struct vlm_weights weights, tower; /* tower: of a GGUF model's mmproj, else empty */
    uint64_t weights_bytes;            /* of both */
    bool paired; /* rows of q and k lie in pairs (2i, 2i + 1), not in halves */
    /* vision tower and connector */
    struct vlm_linear patch;    /* [hidden, 3*patch*patch] + bias: the convolution as a matrix */
    struct vlm_linear position; /* [positions, hidden], a table */
    struct vlm_vision_layer *vision;
    const float *post_w, *post_b; /* [vision hidden] */
    struct vlm_linear connector;  /* [text hidden, vision hidden * scale^2] */
    int32_t *position_ids;        /* [grid * grid]: row of the position table for each patch */
    /* decoder */
    struct vlm_linear embed; /* [vocab, hidden], a table */
    struct vlm_text_layer *text;
    const float *norm;      /* [hidden] */
    struct vlm_linear head; /* [vocab, hidden] */
    float *inv_freq;        /* [head_dim / 2] */
    /* norms and biases as f32, owned */
    float **vectors;
    size_t n_vectors, cap_vectors;
    uint64_t parameters, parameters_vision, parameters_connector, parameters_text;
    /* which of the tower's matrices of floats are computed with in 8 bits (tower.c) */
    enum vlm_tower {
        VLM_TOWER_FILE, /* none */
        VLM_TOWER_REST, /* those of the layers, in a file that has others of them in Q8_0 */
        VLM_TOWER_Q8_0  /* all, patches and connector too */
    } rounded;
    struct vlm_buffer repacked; /* what the matrices' `repacked` point into (repack.c) */
};

int vlm_model_open(struct vlm_model **out, const vlm_allocator *alloc,
                   const struct vlm_files *files, vlm_error *err);
/* Takes the files over from g, if only to close them. */
int vlm_model_open_gguf(struct vlm_model **out, const vlm_allocator *alloc,
                        struct vlm_gguf_model *g, vlm_error *err);
void vlm_model_close(struct vlm_model *m); /* NULL allowed */
/* The longest row of the matrices that a backend has to unpack (vlm_backend_reserve_unpack), or 0.
 */
size_t vlm_model_widest_packed(const struct vlm_model *m);

/* Between open and the first workspace; REST stays only where there are such files. */
void vlm_model_set_tower(struct vlm_model *m, enum vlm_tower tower);
/* Once, between open and the first pass; before the backend closes, the other. */
int vlm_model_repack(struct vlm_model *m, struct vlm_backend *b, vlm_error *err);
void vlm_model_repack_close(struct vlm_model *m, struct vlm_backend *b);
/* A matrix of the tower as it is computed with; data is NULL when that is not how it lies. */
struct vlm_linear vlm_model_tower_linear(const struct vlm_model *m, const struct vlm_linear *w);
uint64_t vlm_model_rounded_bytes(const struct vlm_model *m); /* that the workspace has of them */

/* ---- the tap: one optional argument of both passes ---- */

/* Gets rows first_row.. of the named intermediate; rows of n values, contiguous.  layer: -1, or the
 * number in names such as "text.00". */
struct vlm_tap {
    void (*fn)(void *ctx, const char *name, int layer, const float *data, size_t first_row,
               size_t n_rows, size_t n);
    void *ctx;
    /* or NULL: gets the rows that are about to be multiplied by a matrix of the model */
    void (*input)(void *ctx, const struct vlm_linear *w, const struct vlm_tensor *x);
};

/* What a pass runs with. */
struct vlm_run {
    struct vlm_backend *backend;
    const struct vlm_tap *tap; /* or NULL */
    bool (*stop)(void *ctx);   /* or NULL; asked before each layer: true cancels the pass */
    void *stop_ctx;
};

/* vlm_op_linear, after the tap has seen x. */
void vlm_model_linear(const struct vlm_run *run, const struct vlm_tensor *y,
                      const struct vlm_tensor *x, const struct vlm_linear *w);

/* Adds a matrix of floats to a workspace of *total bytes; returns where it begins. */
static inline size_t vlm_space_place(size_t *total, size_t rows, size_t cols)
{
    size_t at = *total;
    *total += (rows * cols * sizeof(float) + 63) & ~(size_t)63;
    return at;
}

/* ---- vision: frames -> image features ---- */

struct vlm_vision_frame {
    const uint8_t *pixels; /* [tile][tile][3] */
    bool of_video;         /* normalised as the reference does those */
    float *features;       /* out: [image_seq_len][text hidden] */
    size_t index;          /* of the frame, for the tap */
};
/* Frames that are worth encoding together: one, unless they are so small that the matrices' rows
 * are few. */
size_t vlm_vision_batch(const struct vlm_model *m);
/* The tower's matrices as they are computed with: the model's, or a copy of some (tower.c). */
struct vlm_tower_matrices {
    struct vlm_linear patch, connector;
    struct vlm_vision_layer *layers, *own; /* own: what layers is, when it is not the model's */
    struct vlm_buffer buffer;
};
int vlm_tower_matrices_open(struct vlm_tower_matrices *t, const struct vlm_model *m,
                            struct vlm_backend *b, vlm_error *err);
void vlm_tower_matrices_close(struct vlm_tower_matrices *t, const vlm_allocator *alloc,
                              struct vlm_backend *b);
struct vlm_vision_space { /* memory for a batch of frames */
    struct vlm_buffer buffer, kv;
    struct vlm_tower_matrices matrices;
    uint8_t **kv_blocks;
    uint32_t *n_keys;
    float *frame; /* [3][tile][tile] */
    const vlm_allocator *alloc;
    size_t max_frames;
    uint64_t bytes;
};
uint64_t vlm_vision_space_bytes(const struct vlm_model *m);
int vlm_vision_space_open(struct vlm_vision_space *s, const struct vlm_model *m,
                          struct vlm_backend *b, vlm_error *err);
void vlm_vision_space_close(struct vlm_vision_space *s, struct vlm_backend *b);
/* n <= max_frames frames, of whatever pictures: each gets the bits that it would get alone.
 * VLM_OK or VLM_ERR_CANCELLED. */
int vlm_vision_forward(const struct vlm_model *m, const struct vlm_run *run,
                       struct vlm_vision_space *s, const struct vlm_vision_frame *frames, size_t n);

/* ---- key/value cache of one sequence ---- */

/* Positions in blocks of VLM_KV_BLOCK; a block holds all layers and is counted by its owners.
 * Forward passes write to blocks that they are given: that nobody else reads those is the business
 * of who fills the table. */
struct vlm_kv_block {
    atomic_uint owners;
    struct vlm_buffer buffer;
    /* what follows belongs to who shares blocks between sequences (engine/blocks.c) */
    bool shared;
    uint8_t key[32];
    struct vlm_kv_block *next; /* in the bucket */
    struct vlm_kv_block *newer, *older;
};
struct vlm_kv {
    enum vlm_num type;
    struct vlm_kv_block **blocks;
    uint8_t **data; /* the blocks' memory, for views */
    size_t n_blocks, cap_blocks;
};
static inline size_t vlm_kv_blocks(size_t n_positions)
{
    return n_positions / VLM_KV_BLOCK + (n_positions % VLM_KV_BLOCK != 0);
}
uint64_t vlm_kv_block_bytes(const struct vlm_model *m, enum vlm_num type);
/* A block of one owner; the last owner's release frees it (NULL allowed). */
int vlm_kv_block_make(struct vlm_kv_block **out, const struct vlm_model *m, struct vlm_backend *b,
                      enum vlm_num type, vlm_error *err);
void vlm_kv_block_release(struct vlm_kv_block *block, const struct vlm_model *m,
                          struct vlm_backend *b);
/* Makes the table, not the blocks, long enough for n of them; put sets one. */
int vlm_kv_reserve(struct vlm_kv *kv, const struct vlm_model *m, size_t n, vlm_error *err);
void vlm_kv_put(struct vlm_kv *kv, size_t i, struct vlm_kv_block *block);
/* Room for n_positions: blocks are added, never moved. On failure what was there stays. */
int vlm_kv_grow(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b,
                size_t n_positions, vlm_error *err);
/* Zeros at the positions from first to the end of its block, in all layers: no bytes that were
 * never computed leave the process.  The caller computes alone. */
int vlm_kv_blank(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b, size_t first,
                 vlm_error *err);
void vlm_kv_free(struct vlm_kv *kv, const struct vlm_model *m, struct vlm_backend *b);

/* ---- decoder: rows -> logits ---- */

/* One (sequence, position) pair.  Rows of one sequence stand together, in increasing position. */
struct vlm_row {
    struct vlm_kv *kv;
    uint32_t position;
    int32_t id;
    const float *feature; /* [hidden], instead of id's embedding; or NULL */
    bool logits;          /* wanted for this row */
};
struct vlm_text_space { /* memory for up to max_rows rows */
    struct vlm_buffer buffer;
    size_t max_rows;
    struct vlm_segment *segments;
    uint32_t *n_keys;
    const vlm_allocator *alloc;
    uint64_t bytes;
};
uint64_t vlm_text_space_bytes(const struct vlm_model *m, size_t max_rows);
int vlm_text_space_open(struct vlm_text_space *s, const struct vlm_model *m, struct vlm_backend *b,
                        size_t max_rows, vlm_error *err);
void vlm_text_space_close(struct vlm_text_space *s, struct vlm_backend *b);
/* Writes the logits [vocab] of each row that wants them, in order, to logits.  VLM_OK or
 * VLM_ERR_CANCELLED (the rows' positions in the cache are then undefined). */
int vlm_decoder_forward(const struct vlm_model *m, const struct vlm_run *run,
                        struct vlm_text_space *s, const struct vlm_row *rows, size_t n_rows,
                        float *logits);

#endif
