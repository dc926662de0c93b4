/* engine.h: what the files of this room share.  The contract is vlm.h and vlm_tools.h. */
#ifndef VLM_ENGINE_ENGINE_H
#define VLM_ENGINE_ENGINE_H

#include <fenv.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/log.h"
#include "model/model.h"
#include "prompt/prompt.h"

/* All memory of an engine and its sessions goes through one account. */
struct vlm_account {
    vlm_allocator hook; /* the caller's, or malloc */
    uint64_t max;       /* 0: no limit */
    atomic_uint_fast64_t used, peak;
    atomic_bool refused; /* it was max that said no, not the system */
};
/* allocator.c: memory from hook, charged to the account. */
vlm_allocator vlm_engine_account_open(struct vlm_account *a, vlm_allocator hook, uint64_t max);

/* ---- features.c: what the tower made of pictures, kept by content ---- */

struct vlm_picture_key { /* equal keys: equal features */
    uint8_t hash[32];
    struct vlm_tile_plan plan;
};
struct vlm_feature {
    struct vlm_feature *newer, *older; /* by use */
    uint8_t tenant[32];                /* hash of the name; only its sessions find it */
    struct vlm_picture_key key;
    size_t bytes;
    unsigned users; /* timelines that hold it; 0: idle */
    float *data;    /* [tokens][hidden], of the frames encoded so far */
    bool of_video;
    uint8_t *frames;       /* what the tower will see; NULL: all are encoded */
    uint32_t *colours;     /* of each frame of one colour: 1 << 24 | red, green, blue; others: 0 */
    atomic_uint n_encoded; /* of key.plan.n_frames; written by who has entered the engine */
    uint32_t n_begun;      /* those of the batch in progress among them */
};
struct vlm_features {
    pthread_mutex_t lock;
    struct vlm_feature *newest, *oldest;
    uint64_t idle_bytes, budget;
};
bool vlm_engine_same_picture(const struct vlm_picture_key *a, const struct vlm_picture_key *b);
/* Find, make, add and hold give a reference, which release takes back.  What make gives is the
 * caller's alone: it is filled, then added (which may give an equal one instead) or discarded. */
struct vlm_feature *vlm_engine_feature_find(vlm_engine *e, const uint8_t tenant[32],
                                            const struct vlm_picture_key *key);
/* n_tokens rows; frame_bytes: of the cut frames, 0 when none are needed.  NULL: no memory. */
struct vlm_feature *vlm_engine_feature_make(vlm_engine *e, const uint8_t tenant[32],
                                            const struct vlm_picture_key *key, size_t n_tokens,
                                            size_t frame_bytes, vlm_error *err);
struct vlm_feature *vlm_engine_feature_add(vlm_engine *e, struct vlm_feature *f);
/* One more reference; NULL allowed. */
struct vlm_feature *vlm_engine_feature_hold(vlm_engine *e, struct vlm_feature *f);
void vlm_engine_feature_discard(vlm_engine *e, struct vlm_feature *f);
void vlm_engine_feature_release(vlm_engine *e, struct vlm_feature *f); /* NULL allowed */
/* Its frames were cut, each of so many bytes. */
void vlm_engine_feature_cut(struct vlm_feature *f, size_t frame_bytes);
/* Takes the next frame of f, of which none is in progress, from one with the same pixels: an
 * earlier one of its own, or one of the tenant's others if it is of one colour.  False: there is
 * none. */
bool vlm_engine_feature_copy(vlm_engine *e, struct vlm_feature *f, size_t frame_bytes);
bool vlm_engine_features_drop_idle(vlm_engine *e); /* were there any? */

/* ---- blocks.c: key/value blocks by what they hold ---- */

enum { VLM_BLOCK_BUCKETS = 512 };
struct vlm_blocks {
    pthread_mutex_t lock; /* guards these, and every block's owners and links */
    struct vlm_kv_block *buckets[VLM_BLOCK_BUCKETS]; /* those that are shared, by key */
    struct vlm_kv_block *newest, *oldest;            /* those that no table holds, by use */
    uint64_t idle_bytes, budget;
};
bool vlm_engine_blocks_drop_idle(vlm_engine *e); /* were there any? */
/* Everything that is kept for later questions alone goes, before something fails for lack of
 * memory. */
bool vlm_engine_drop_idle(vlm_engine *e);

/* ---- feature_files.c: the same on disk ---- */

struct vlm_feature_files {
    char *dir; /* NULL: none */
    int exact; /* the engine's option */
    bool have_tower;
    uint8_t tower[32];      /* hash of the tower and its settings */
    uint64_t budget, bytes; /* bytes: about; guarded by the features' lock */
};
int vlm_engine_feature_files_open(vlm_engine *e, const vlm_engine_options *o, vlm_error *err);
/* A whole feature as make gives it, or NULL when there is no good file. */
struct vlm_feature *vlm_engine_feature_load(vlm_engine *e, const uint8_t tenant[32],
                                            const struct vlm_picture_key *key, size_t n_tokens);
/* Makes room for what store will write; store takes no memory. */
void vlm_engine_feature_files_room(vlm_engine *e, const struct vlm_feature *f);
void vlm_engine_feature_store(vlm_engine *e, const struct vlm_feature *f);

struct vlm_engine {
    struct vlm_account account;
    vlm_allocator alloc; /* charges the account */
    vlm_log log;
    struct vlm_files files;
    struct vlm_files mmproj_files; /* where a GGUF model's tower lies when it was named */
    struct vlm_config config;
    struct vlm_model *model; /* NULL: vocabulary only */
    bool gguf;
    vlm_tokenizer *tok;
    vlm_template *tmpl;       /* NULL: none in the files */
    vlm_template *video_tmpl; /* for conversations with a video; NULL: tmpl */
    char *template_source;
    uint8_t config_hash[32], tokenizer_hash[32];
    uint8_t fingerprint[32]; /* vlm_engine_fingerprint: made when first asked for */
    bool have_fingerprint;
    struct vlm_pool *pool;
    struct vlm_backend *backend;

    /* whose turn it is to compute: guards what follows, the pool and the backend (vlm_engine_enter)
     */
    struct vlm_turn {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        uint64_t next, now; /* tickets: the next to hand out, the one that computes */
        fenv_t fenv;        /* the computing caller's floating-point mode */
    } turn;
    struct vlm_features features;
    struct vlm_blocks blocks;
    struct vlm_feature_files feature_files;
    struct vlm_text_space text;
    struct vlm_vision_space vision; /* opened with the first picture */
    atomic_uint_fast64_t looked;    /* sessions served with frames so far: whose turn is next */
    float *logits;                  /* [max_wanted][vocab] */
    struct vlm_row *rows;           /* [text.max_rows] */
    size_t max_wanted, n_sessions;
};

/* ---- a video: frames at the model's size ---- */

struct vlm_video_frame {
    uint8_t *rgb; /* [side][side][3] */
    uint8_t hash[32];
    double seconds;
    uint32_t width, height; /* of the source */
};
struct vlm_video {
    const vlm_engine *engine;
    struct vlm_video_frame *frames;
    size_t n, cap;
    uint32_t side;
    bool ended;
    double duration;
    uint8_t hash[32];
};

/* ---- a prompt: ids and the frames that stand behind its image tokens ---- */

/* A run of image tokens: of an image with its tiles, or of one frame of a video. */
struct vlm_prompt_picture {
    const struct vlm_image *image; /* or NULL: a video's frame, with these pixels */
    const uint8_t *frame;
    struct vlm_picture_key key;
    size_t n_tokens;    /* of all its frames */
    size_t first_token; /* index among the prompt's image tokens */
};
struct vlm_prompt {
    struct vlm_prompt_data data; /* for the template; none after init */
    struct vlm_prompt_text text;
    struct vlm_ids ids;
    struct vlm_prompt_picture *pictures;
    struct vlm_prompt_image *slots; /* what the template's slots stand for */
    struct vlm_prompt_video *videos;
    double *seconds; /* of all videos' frames */
    size_t n_pictures, n_slots, n_videos, n_image_tokens, n_frames;
};
void vlm_engine_prompt_init(struct vlm_prompt *p, const vlm_engine *e);
void vlm_engine_prompt_free(struct vlm_prompt *p, const vlm_engine *e);
int vlm_engine_prompt_build(struct vlm_prompt *p, const vlm_engine *e, const vlm_message *messages,
                            size_t n_messages, bool add_generation_prompt,
                            const vlm_session_options *o, vlm_error *err);
/* To compute, there must be something to compute; to render, there need not. */
int vlm_engine_prompt_not_empty(const struct vlm_prompt *p, vlm_error *err);
/* The processor's settings with a session's detail and max_tiles applied. */
struct vlm_image_config vlm_engine_image_config(const vlm_engine *e, const vlm_session_options *o);
/* First come, first served: one caller at a time computes, in the default floating-point mode (the
 * caller's own comes back with leave). Not recursive. */
void vlm_engine_enter(vlm_engine *e);
void vlm_engine_leave(vlm_engine *e);

/* All frames of a picture as the tower will see them: [n_frames][tile][tile][3]. */
int vlm_engine_cut(uint8_t *frames, const vlm_engine *e, const struct vlm_prompt_picture *p,
                   const vlm_session_options *o, vlm_error *err);
/* Makes the vision workspace, once; the caller has entered. */
int vlm_engine_reserve_vision(vlm_engine *e, vlm_error *err);
/* Copies known fields of a caller's options of any size over the defaults, and checks their ranges.
 */
/* The type of elements that a cache of this type has. */
static inline enum vlm_num vlm_engine_kv_num(vlm_kv_type t)
{
    static const enum vlm_num types[] = {VLM_NUM_F32, VLM_NUM_F16, VLM_NUM_BF16, VLM_NUM_Q8_0,
                                         VLM_NUM_Q4_0};
    return types[t];
}
int vlm_engine_session_options(vlm_session_options *out, const vlm_session_options *o,
                               vlm_error *err);
/* ---- trace.c ---- */

struct vlm_traced;
/* vlm_trace, and for each matrix of the model the rows that are multiplied by it. */
typedef void vlm_input_fn(void *ctx, const struct vlm_linear *w, const struct vlm_tensor *x);
int vlm_engine_trace(vlm_engine *e, const vlm_message *messages, size_t n_messages,
                     const int32_t *ids, size_t n_ids, const vlm_session_options *options,
                     size_t n_generate, int (*fn)(void *ctx, const struct vlm_traced *piece),
                     vlm_input_fn *input, void *ctx, vlm_error *err);

/* ---- open_gguf.c ---- */

bool vlm_engine_is_gguf(const char *path); /* by its name, or its first bytes */
/* The GGUF model among files in memory, or NULL: they are a model directory's. */
const char *vlm_engine_gguf_among(const vlm_file *files, size_t n);
/* DIR and NAME of a path; free dir. */
int vlm_engine_split_path(char **dir, const char **name, const vlm_allocator *alloc,
                          const char *path, vlm_error *err);
/* Opens the model NAME of e->files and its tower. */
int vlm_engine_open_gguf(vlm_engine *e, struct vlm_gguf_model *g, const char *name,
                         const vlm_engine_options *o, vlm_error *err);
void vlm_engine_hash_gguf(vlm_engine *e, const struct vlm_gguf_model *g);

/* ---- fingerprint.c ---- */

/* Which model this is, settings, vocabulary and weights; the engine has a model. */
void vlm_engine_fingerprint(vlm_engine *e, uint8_t out[32]);

/* Passes rc on; when memory was refused by the budget, the message says so. */
int vlm_engine_explain(const vlm_engine *e, int rc, vlm_error *err);
/* The model, or an error for an engine opened for its vocabulary. */
int vlm_engine_need_model(const vlm_engine *e, vlm_error *err);

#endif
