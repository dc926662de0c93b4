/* vlm.h: run a vision-language model on this device.
 *
 * The mental model.  An ENGINE owns an opened model (files mapped read-only, every tensor checked),
 * a thread pool and a table of kernels; after open it never changes and any thread may use it.  A
 * SESSION is one conversation timeline with its key/value cache; one thread at a time uses it.  You
 * always hand a session the WHOLE conversation: vlm_session_sync() works out what can be reused,
 * what must be extended and what must be rebuilt.  Then vlm_session_next() gives one token at a
 * time. vlm_step() advances several sessions in one forward pass; vlm_session_next() is a step of
 * one. An IMAGE is decoded pixels with a content hash; it is immutable and may be used by many
 * sessions.
 *
 *     vlm_error err;
 *     vlm_engine *engine = NULL; vlm_session *session = NULL; vlm_image *image = NULL;
 *     vlm_token token;
 *     vlm_engine_options eo; vlm_engine_options_init(&eo);
 *     vlm_session_options so; vlm_session_options_init(&so);
 *     if (vlm_engine_open(&engine, "SmolVLM2-500M-Video-Instruct", &eo, &err) < 0) goto fail;
 *     if (vlm_image_open(&image, engine, "receipt.jpg", &err) < 0) goto fail;
 *     vlm_part parts[2] = { vlm_part_image(image), vlm_part_text("What is the total?") };
 *     vlm_message message = { .role = "user", .parts = parts, .n_parts = 2 };
 *     if (vlm_session_open(&session, engine, &so, &err) < 0) goto fail;
 *     if (vlm_session_sync(session, &message, 1, &err) < 0) goto fail;
 *     int rc;
 *     while ((rc = vlm_session_next(session, &token, &err)) == VLM_OK)
 *         fwrite(token.text, 1, token.n_text, stdout);
 *     if (rc < 0) goto fail;                                          // else rc == VLM_DONE
 *     vlm_session_close(session); vlm_image_close(image); vlm_engine_close(engine);
 *
 * Status.  Every function that can fail returns 0 (VLM_OK), a positive value (done, with something
 * to know) or a negative one (failed, nothing changed unless said).  The last argument is a
 * caller-owned vlm_error or NULL; it is written only on failure and its message names the file,
 * tensor or field, what was found and what was expected.  Out-parameters are written only on
 * success.
 *
 * The library never exits, prints, reads the environment, installs signal handlers, touches the
 * locale or the caller's floating-point mode, and has no mutable globals.
 *
 * Determinism.  The same model, request and ISA level give the same bytes, whatever the thread
 * count, prefill chunk, batch neighbours or cache hits.  (Drawing tokens at a temperature uses the
 * C library's exp: there it must be the same library, too.)
 *
 * Text is UTF-8.  Lengths are in bytes unless a name says otherwise.
 */
#ifndef VLM_H
#define VLM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VLM_API __attribute__((visibility("default")))
#else
#define VLM_API
#endif

#define VLM_VERSION_MAJOR 0
#define VLM_VERSION_MINOR 1
#define VLM_VERSION_PATCH 0

/* ---- status and errors --------------------------------------------------------------------- */

typedef enum vlm_status {
    VLM_OK = 0,
    VLM_DONE = 1,             /* the session has nothing more to say: see vlm_session_finish */
    VLM_MORE = 2,             /* vlm_step: this session is still reading its prompt, no token yet */
    VLM_ERR_ARGUMENT = -1,    /* the call itself is wrong */
    VLM_ERR_MEMORY = -2,      /* an allocation failed or the memory budget would be exceeded */
    VLM_ERR_IO = -3,          /* the operating system refused; see os_errno */
    VLM_ERR_FORMAT = -4,      /* a file is not what it should be */
    VLM_ERR_UNSUPPORTED = -5, /* a valid file that this build cannot run */
    VLM_ERR_LIMIT = -6,       /* a limit of limits.h was exceeded */
    VLM_ERR_CONTEXT = -7,     /* the conversation does not fit into the session's context */
    VLM_ERR_CANCELLED = -8,   /* vlm_session_cancel was called */
    VLM_ERR_NUMERIC = -9      /* the model produced NaN or infinity */
} vlm_status;

typedef struct vlm_error {
    int status;        /* the vlm_status that was returned */
    int os_errno;      /* errno of a failed system call, else 0 */
    char message[256]; /* one line, no newline, always terminated */
} vlm_error;

/* ---- hooks --------------------------------------------------------------------------------- */

/* One function does it all, as in Lua: ptr NULL allocates; new_size 0 frees; otherwise resizes and
 * keeps the contents.  Returns NULL on failure (the old block is then untouched).  Must be
 * thread-safe. Blocks need the alignment of malloc. */
typedef struct vlm_allocator {
    void *(*resize)(void *ctx, void *ptr, size_t old_size, size_t new_size);
    void *ctx;
} vlm_allocator;

typedef enum vlm_log_level {
    VLM_LOG_ERROR,
    VLM_LOG_WARN,
    VLM_LOG_INFO,
    VLM_LOG_DEBUG
} vlm_log_level;
typedef struct vlm_log {
    void (*write)(void *ctx, vlm_log_level level, const char *message); /* one line, no newline */
    void *ctx;
} vlm_log;

/* ---- engine -------------------------------------------------------------------------------- */

typedef struct vlm_engine vlm_engine;
typedef struct vlm_session vlm_session;
typedef struct vlm_image vlm_image;
typedef struct vlm_video vlm_video;

typedef struct vlm_engine_options {
    size_t size;     /* set by init; lets this struct grow */
    int n_threads;   /* 0: one per core this process may use */
    const char *isa; /* NULL or "auto": the best level usable here; else its name */
    int vocab_only;  /* 1: tokenizer, template and processor only, no weights needed */
    int no_mmap;     /* 1: read weight files into memory instead of mapping them */
    /* bytes this engine, its sessions and pictures may take beside mapped weights; 0: no limit.
     * What would go beyond is refused with VLM_ERR_MEMORY by open or sync, before anything is
     * computed. */
    uint64_t max_memory;
    vlm_allocator allocator; /* resize NULL: malloc */
    vlm_log log;             /* write NULL: silent */
    /* bytes of encoded pictures kept for later questions about them, beside those of prompts that
     * are being read; the least recently used go first; default 64 MiB, 0 keeps none */
    uint64_t max_features;
    /* GGUF: the file with the vision tower (open_files: its name among them); NULL: the one mmproj*
     * file beside the model that fits it; "": none, text only */
    const char *mmproj;
    /* bytes of key/value blocks kept for later prompts that begin alike, beside those that sessions
     * hold; the least recently used go first; default 256 MiB, 0 keeps none */
    uint64_t max_prompts;
    /* directory for encoded pictures, or NULL; files of other models or damaged ones are ignored */
    const char *feature_dir;
    /* 1: quantised matrices are multiplied as the numbers they stand for.  0, the default: the
     * other factor is rounded to 8 bits first, which is several times faster. F32, F16 and BF16
     * matrices are exact either way. */
    int exact;
    uint64_t max_feature_dir; /* bytes of its files, the longest unused go first; default 1 GiB */
    /* What the vision tower's matrices of floats are multiplied as.  NULL or "auto": as they are;
     * but where the file holds others of the tower in Q8_0, what could not be (rows that do not
     * divide into blocks) is rounded to Q8_0 too, unless exact is set.  "q8_0": all in 8 bits,
     * faster and less exact.  "file": as they are.  Rounded ones take memory from the first picture
     * on (34 bytes for 32 numbers); those of a mapped file no longer do. */
    const char *vision_type;
    /* 1: the text model's matrices in Q8_0 and Q6_K are also kept as they are multiplied, 1.1 and
     * 1.5 times their size, which open makes: batches and prompts take less time, single tokens the
     * same. The same bits. */
    int repack;
} vlm_engine_options;

/* One file of a model that lies in memory (embedded in a program, an asset of an app). */
typedef struct vlm_file {
    const char *name; /* "config.json", "model.safetensors", ... */
    const void *data;
    size_t size;
} vlm_file;

VLM_API void vlm_engine_options_init(vlm_engine_options *o);
/* path: a model directory in Hugging Face layout, or a GGUF file; not kept.  o NULL: defaults. */
VLM_API int vlm_engine_open(vlm_engine **out, const char *path, const vlm_engine_options *o,
                            vlm_error *err);
/* The same from memory; the bytes are borrowed until close, names are not.  Without config.json,
 * the model is the file whose name ends in ".gguf" and does not begin with "mmproj". */
VLM_API int vlm_engine_open_files(vlm_engine **out, const vlm_file *files, size_t n_files,
                                  const vlm_engine_options *o, vlm_error *err);
/* All sessions, images, videos and constraints must be closed before; NULL is allowed. */
VLM_API void vlm_engine_close(vlm_engine *engine);
VLM_API const char *vlm_engine_isa(const vlm_engine *engine); /* "avx512"; the engine's */
VLM_API int vlm_engine_n_threads(const vlm_engine *engine);
VLM_API size_t vlm_engine_context_length(const vlm_engine *engine);
VLM_API size_t vlm_engine_vocab_size(const vlm_engine *engine); /* rows of the logits */
/* How the model was trained to sample clips (SmolVLM2: 1 frame a second, at most 64). */
VLM_API void vlm_engine_video_sampling(const vlm_engine *engine, double *fps, size_t *max_frames);

/* ---- text <-> ids -------------------------------------------------------------------------- */

/* Writes up to cap ids and sets *n to the number needed, which may be more: VLM_OK all the same
 * (cap 0 asks).  No bos is added.  special 0: text that looks like a control token stays text.
 * Invalid UTF-8 reads as U+FFFD. */
VLM_API int vlm_tokenize(const vlm_engine *engine, const char *text, size_t n_text, int special,
                         int32_t *ids, size_t cap, size_t *n, vlm_error *err);
/* Writes up to cap bytes (no terminator) and sets *n to the number needed.  skip_special 1: control
 * tokens give nothing.  The result is valid UTF-8 (U+FFFD for incomplete sequences). */
VLM_API int vlm_detokenize(const vlm_engine *engine, const int32_t *ids, size_t n_ids,
                           int skip_special, char *text, size_t cap, size_t *n, vlm_error *err);

/* ---- images and messages ------------------------------------------------------------------- */

/* JPEG, PNG, WebP or GIF (the first picture of those that move), turned as its EXIF data say, to
 * RGB as the reference library loads a file.  The engine lends its allocator and must outlive the
 * image. Limits are checked before memory is taken. */
VLM_API int vlm_image_open(vlm_image **out, const vlm_engine *engine, const char *path,
                           vlm_error *err);
/* name: how errors call these bytes. */
VLM_API int vlm_image_decode(vlm_image **out, const vlm_engine *engine, const void *data, size_t n,
                             const char *name, vlm_error *err);
/* pixels: RGB, 8 bits each, rows of 3*width bytes without padding; copied. */
VLM_API int vlm_image_from_rgb(vlm_image **out, const vlm_engine *engine, const uint8_t *pixels,
                               uint32_t width, uint32_t height, vlm_error *err);
VLM_API void vlm_image_close(vlm_image *image); /* NULL allowed; not needed after sync */
VLM_API uint32_t vlm_image_width(const vlm_image *image);
VLM_API uint32_t vlm_image_height(const vlm_image *image);
VLM_API const uint8_t *vlm_image_pixels(const vlm_image *image); /* [height][width][3] */
/* 32 bytes: SHA-256 of size and pixels */
VLM_API const uint8_t *vlm_image_hash(const vlm_image *image);

/* A VIDEO is frames with their times, already brought to the size the model sees (so that a clip of
 * any size takes little memory), and the clip's length.  vlm_media.h makes them from files; these
 * make them from frames that the app has.  Sampling is the caller's (vlm_media.h does it as the
 * reference): every frame added is shown to the model. */
VLM_API int vlm_video_begin(vlm_video **out, const vlm_engine *engine, vlm_error *err);
/* rgb: [height][width][3]; seconds from the beginning, shown to the model in whole seconds. */
VLM_API int vlm_video_add(vlm_video *video, const uint8_t *rgb, uint32_t width, uint32_t height,
                          double seconds, vlm_error *err);
/* Says how long the clip is; afterwards the video is immutable and may be used by many sessions. */
VLM_API int vlm_video_end(vlm_video *video, double duration_seconds, vlm_error *err);
VLM_API void vlm_video_close(vlm_video *video); /* NULL allowed */
VLM_API size_t vlm_video_n_frames(const vlm_video *video);
VLM_API double vlm_video_frame_seconds(const vlm_video *video, size_t i); /* i < n_frames */
VLM_API const uint8_t *vlm_video_frame(const vlm_video *video, size_t i,
                                       uint32_t *side); /* [side][side][3] */
VLM_API double vlm_video_duration(const vlm_video *video);
VLM_API const uint8_t *vlm_video_hash(const vlm_video *video); /* 32 bytes: frames and times */

typedef enum vlm_part_kind { VLM_PART_TEXT, VLM_PART_IMAGE, VLM_PART_VIDEO } vlm_part_kind;
typedef struct vlm_part {
    vlm_part_kind kind;
    const char *text; /* kind text: n_text bytes */
    size_t n_text;
    const vlm_image *image; /* kind image */
    const vlm_video *video; /* kind video */
} vlm_part;

typedef struct vlm_message {
    const char *role; /* "system", "user", "assistant": handed to the template as it is */
    const vlm_part *parts;
    size_t n_parts;
    int prefix; /* only on a last assistant message: continue it instead of beginning a new turn */
} vlm_message;

/* Borrows the terminated string, not NULL; messages and parts need live only during the call. */
VLM_API vlm_part vlm_part_text(const char *text);
VLM_API vlm_part vlm_part_image(const vlm_image *image);
VLM_API vlm_part vlm_part_video(const vlm_video *video);

/* ---- sessions ------------------------------------------------------------------------------ */

/* How keys and values are kept.  Q8_0 and Q4_0: for each position and head groups of 32 values,
 * each with a scale in F16 and integers of 8 or 4 bits; attention uses them as they lie. */
enum vlm_kv_type { VLM_KV_F32, VLM_KV_F16, VLM_KV_BF16, VLM_KV_Q8_0, VLM_KV_Q4_0 };
typedef enum vlm_kv_type vlm_kv_type;
typedef enum vlm_detail { VLM_DETAIL_AUTO, VLM_DETAIL_LOW, VLM_DETAIL_HIGH } vlm_detail;
typedef enum vlm_phase { VLM_PHASE_VISION, VLM_PHASE_PREFILL } vlm_phase;

typedef struct vlm_logit_bias {
    int32_t id;
    float bias; /* added to the logit; -INFINITY forbids the token */
} vlm_logit_bias;

/* A language that answers must stay in: token for token only what keeps the text a beginning of one
 * of its words, the end only where a word is complete.  Compiled for this engine's vocabulary; any
 * number of its sessions may use one.  What a schema or pattern asks beyond what can be enforced is
 * refused by name (VLM_ERR_UNSUPPORTED), never ignored. */
typedef struct vlm_constraint vlm_constraint;
/* JSON that the schema allows (JSON Schema 2020-12; docs/CONSTRAINTS.md lists the keywords). */
VLM_API int vlm_constraint_from_json_schema(vlm_constraint **out, const vlm_engine *engine,
                                            const char *schema, size_t n, vlm_error *err);
/* Text that the regular expression matches as a whole. */
VLM_API int vlm_constraint_from_regex(vlm_constraint **out, const vlm_engine *engine,
                                      const char *pattern, size_t n, vlm_error *err);
/* After the sessions that use it; NULL allowed. */
VLM_API void vlm_constraint_close(vlm_constraint *constraint);

/* How a token is chosen, in this order: logit_bias, repeat_penalty, presence and frequency penalty,
 * min_tokens, constraint, temperature, top_k, top_p, min_p, typical_p (src/engine/sample.h has the
 * formulas and their sources). */
typedef struct vlm_session_options {
    size_t size; /* set by init */
    /* positions of prompt and answer; 0: each sync takes what its prompt and max_tokens need */
    size_t context;
    size_t max_tokens;   /* to generate at most per sync, and what the context has room for; default
                            256; 0 is 0 */
    size_t chunk;        /* rows of prompt per forward pass; default 256; changes no result */
    vlm_kv_type kv_type; /* default F32: faithful; F16, BF16 take 1/2, Q8_0 1/3.8, Q4_0 1/7.1 */
    vlm_detail detail;   /* LOW: one frame per picture; HIGH and AUTO: the model's own tiling */
    size_t max_tiles;    /* of a picture, its overview not counted; 0: no cap */
    float temperature;   /* default 0: greedy */
    int top_k;           /* 0: off */
    float top_p;         /* 1: off */
    float min_p;         /* 0: off */
    float repeat_penalty;    /* 1: off */
    uint64_t seed;           /* of the counter-based generator; 0 is a seed like any other */
    int n_logprobs;          /* 0: none; 1..20: that many alternatives beside each token's own */
    const char *const *stop; /* strings that end the answer before them; copied at open */
    size_t n_stop;
    /* Progress of the long phases, done of total tiles or prompt tokens; return nonzero to cancel.
     * It may call no function of this engine but vlm_session_cancel. */
    int (*progress)(void *ctx, vlm_phase phase, size_t done, size_t total);
    void *progress_ctx;
    float typical_p;                  /* 1: off */
    float presence_penalty;           /* 0: off; taken from the logit of what the answer holds */
    float frequency_penalty;          /* 0: off; the same, for each time */
    const vlm_logit_bias *logit_bias; /* copied at open */
    size_t n_logit_bias;
    size_t min_tokens;          /* the answer does not end before so many */
    vlm_constraint *constraint; /* NULL: none; must live as long as the session */
    /* Key/value blocks and encoded pictures are shared among the sessions of one tenant only;
     * copied at open; NULL is the tenant "". */
    const char *tenant;
    /* bytes that this session may hold: its key/value blocks (shared ones count in full), pictures
     * until their features are read, features, tables; beyond that sync, or open with a context, is
     * refused with VLM_ERR_MEMORY.  0: only the engine's max_memory counts. */
    uint64_t max_memory;
} vlm_session_options;

typedef struct vlm_logprob {
    int32_t id;
    float logprob; /* natural logarithm, of the model's distribution before sampling options and
                      constraint: a token that was forced may be very unlikely */
} vlm_logprob;

typedef struct vlm_token {
    int32_t id;
    const char *text; /* what it completes: whole UTF-8, or empty; until the session's next call */
    size_t n_text;
    float logprob;          /* of id, as vlm_logprob says; 0 unless n_logprobs */
    const vlm_logprob *top; /* n_top best, best first */
    size_t n_top;
} vlm_token;

typedef enum vlm_finish {
    VLM_FINISH_NONE,
    VLM_FINISH_STOP,
    VLM_FINISH_LENGTH,
    VLM_FINISH_CANCELLED
} vlm_finish;

typedef struct vlm_stats { /* of the last sync and what followed it; a fork's begin as its origin's
                            */
    size_t prompt_tokens, image_tokens, text_tokens, cached_tokens, completion_tokens;
    /* cached: of the prompt's, those that sync found read; in a new session whole blocks of 256 */
    size_t n_tiles; /* encoded since this sync; none for what the cache held, nor for equal ones */
    double preprocess_ms, vision_ms, prefill_ms, decode_ms;
    uint64_t weights_bytes, kv_bytes, compute_bytes;
} vlm_stats;

VLM_API void vlm_session_options_init(vlm_session_options *o);
/* options NULL: defaults */
VLM_API int vlm_session_open(vlm_session **out, vlm_engine *engine, const vlm_session_options *o,
                             vlm_error *err);
VLM_API void vlm_session_close(vlm_session *session); /* NULL allowed */
/* The whole conversation, up to and including the message to answer.  Renders the template, decides
 * what of the cache can stay, cuts new pictures into tiles.  The tower and the prompt are run by
 * next or step.  On failure the session keeps its previous state. */
VLM_API int vlm_session_sync(vlm_session *session, const vlm_message *messages, size_t n_messages,
                             vlm_error *err);
/* A second session that stands where this one stands, in the midst of an answer or before it: the
 * same conversation, tokens so far and constraint; key/value blocks are shared until one of the two
 * writes to them.  options NULL: those of from; else context, kv_type, detail, max_tiles, tenant
 * and constraint must be the same.  Several answers to one question: sync, vlm_session_score of no
 * ids (it reads the prompt; what is not read yet, each fork reads itself), fork, give each its
 * seed.  Where more was said than its max_tokens, the fork has ended. */
VLM_API int vlm_session_fork(vlm_session **out, vlm_session *from,
                             const vlm_session_options *options, vlm_error *err);
/* Writes the timeline and its keys and values to a file: a temporary name, synced, renamed.  What
 * is not yet read of a prompt with pictures is read first.  Not for a session that failed, or was
 * cancelled before its pictures were read. */
VLM_API int vlm_session_save(vlm_session *session, const char *path, vlm_error *err);
/* Takes over what save wrote: the session then stands where the saved one stood; next goes on, sync
 * reuses.  The file is checked in full (version, hash, model, kv_type, exact, ISA level, ranges)
 * before the session changes; whatever does not fit is refused by name.  Options are the session's
 * own.  The hash tells that a file is whole, not who made it: its blocks are never shared. */
VLM_API int vlm_session_load(vlm_session *session, const char *path, vlm_error *err);
/* VLM_OK: *token is the next token.  VLM_DONE: the answer is complete. */
VLM_API int vlm_session_next(vlm_session *session, vlm_token *token, vlm_error *err);
/* A forward pass for n sessions of this engine: a chunk of prompt or one decoding row each (several
 * passes when that is more rows than the largest chunk of any session), and, for those whose next
 * rows stand for pictures not yet encoded, a batch of tiles, in turn.  One caller computes at a
 * time, first come, first served.  Fails only when the call itself is wrong; afterwards
 * vlm_session_token tells each session's outcome.  Those at their end may be given again and stay
 * there: step until every session is VLM_DONE or has failed. */
VLM_API int vlm_step(vlm_engine *engine, vlm_session *const *sessions, size_t n, vlm_error *err);
/* The outcome of the last step: VLM_OK with a token, VLM_MORE, VLM_DONE, or the session's own
 * error. */
VLM_API int vlm_session_token(vlm_session *session, vlm_token *token, vlm_error *err);
/* The one call any thread may make at any time: the session's next, or the step it takes part in,
 * leaves it within a layer or tile, with VLM_DONE and finish CANCELLED; the other sessions of the
 * step go on; a sync that is cutting pictures fails with VLM_ERR_CANCELLED.  Text held back for a
 * stop string is not given out.  The next sync clears it. */
VLM_API void vlm_session_cancel(vlm_session *session);
VLM_API vlm_finish vlm_session_finish(const vlm_session *session);
VLM_API void vlm_session_stats(const vlm_session *session, vlm_stats *out);
/* The ids of the prompt that the last sync built, image placeholders expanded; lives until the next
 * sync. */
VLM_API const int32_t *vlm_session_prompt(const vlm_session *session, size_t *n);

/* ---- scores and embeddings ------------------------------------------------------------------ */

/* How likely ids are as the answer to what the last sync was given: logprobs[i] is the natural
 * logarithm of id i's probability behind the prompt and the ids before it, before any sampling
 * option.  The prompt is read once for any number of answers; an answer that was begun is
 * forgotten, vlm_session_next begins it again.  n 0: the prompt is read, nothing else changes.
 * Logits are never kept for more than a few rows. */
VLM_API int vlm_session_score(vlm_session *session, const int32_t *ids, size_t n,
                              float *logprobs /* [n] */, vlm_error *err);

typedef enum vlm_pooling { VLM_POOL_MEAN, VLM_POOL_LAST } vlm_pooling;
VLM_API size_t vlm_engine_embedding_size(const vlm_engine *engine);
/* The decoder's output behind its last norm over the prompt as sync renders it, its mean or its
 * last position, scaled to length 1. */
VLM_API int vlm_embed(vlm_engine *engine, const vlm_message *messages, size_t n_messages,
                      vlm_pooling pooling, const vlm_session_options *options,
                      float *out /* [embedding_size] */, vlm_error *err);

typedef struct vlm_estimate {
    uint64_t weights_bytes; /* all of the files' tensors */
    uint64_t kv_bytes;      /* of context positions */
    uint64_t vision_bytes;  /* the tower's workspace; pictures from sync to their features */
    uint64_t compute_bytes; /* the decoder's workspace, logits, scratch of threads */
    /* what is resident when the context is full, beside the program itself: all of these, but of
     * the weights, which are mapped, only those that are read: the tower's only with pictures, and
     * of a table that is only looked up what lies around so many tokens */
    uint64_t total_bytes;
    uint64_t engine_bytes; /* that the engine holds already: tokenizer, tables, other sessions */
} vlm_estimate;
/* Will it fit?  For a session with these options (context given, or the model's when 0) and a
 * square page; takes nothing.  max_memory covers all but the weights. */
VLM_API int vlm_session_estimate(const vlm_engine *engine, const vlm_session_options *o,
                                 vlm_estimate *out, vlm_error *err);

VLM_API const char *vlm_version(void); /* "0.1.0" */

#ifdef __cplusplus
}
#endif
#endif
