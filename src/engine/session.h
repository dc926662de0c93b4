/* session.h: one conversation timeline. */
#ifndef VLM_ENGINE_SESSION_H
#define VLM_ENGINE_SESSION_H

#include "constrain/constrain.h"
#include "engine/engine.h"
#include "engine/sample.h"

/* What stands at one position.  Two positions with the same beginning and equal keys have equal
 * keys and values in the cache, whatever request they came from. */
struct vlm_position {
    int32_t id;
    uint32_t picture; /* 0: text; else 1 + index into pictures */
    uint32_t token;   /* index among the picture's tokens */
};
struct vlm_session_picture {
    struct vlm_picture_key key;
    size_t n_tokens;
    struct vlm_feature
        *features; /* until the prompt is read, unless the cache holds all its rows */
    bool again;    /* an earlier picture of the timeline has the same features */
};
struct vlm_timeline {
    struct vlm_position *positions;
    size_t n;
    struct vlm_session_picture *pictures;
    size_t n_pictures;
    size_t n_frames;     /* that were to be encoded when it was made, for progress */
    uint8_t (*keys)[32]; /* of its full blocks (blocks.c); the first n_keys are known */
    size_t n_keys;
};

struct vlm_session {
    vlm_engine *engine;
    vlm_session_options options; /* stop strings, biases and tenant are owned */
    uint8_t tenant[32];          /* SHA-256 of its name */
    size_t *stop_lengths;
    size_t longest_stop;
    struct vlm_kv kv;
    struct vlm_timeline time;
    size_t n_prompt, n_done; /* positions of the prompt; positions in the cache */
    size_t limit;            /* positions that the context allows */
    size_t n_offered;        /* full blocks of the beginning that others may use */
    bool aside;              /* its blocks are neither offered nor taken from others */
    bool loaded;             /* they follow from a file: not offered */
    int32_t *prompt;         /* ids, for vlm_session_prompt */

    atomic_bool cancel;
    uint64_t looked; /* when it was served with frames: the longest ago is next */
    int outcome;     /* of the last step */
    vlm_error error;
    vlm_finish finish;
    vlm_token token;
    struct vlm_buf pending;           /* bytes not yet given out */
    struct vlm_buf out;               /* the last token's text */
    uint8_t *seen;                    /* a bit for each id of the timeline */
    struct vlm_candidate *candidates; /* [vocab] */
    vlm_logprob *top;
    uint16_t *counts;       /* [vocab] of the answer's tokens; only with a penalty that counts */
    struct vlm_buf said;    /* the answer's bytes, only with a constraint */
    struct vlm_place place; /* behind them, in the constraint */
    vlm_stats stats;
};

/* A token's bytes on top of a stop string begun; each byte may become U+FFFD, of three bytes. */
#define VLM_TEXT_ROOM (VLM_LIMIT_TOKEN_BYTES + VLM_LIMIT_STOP_BYTES + 4)

/* Rows of a pass that a session's chunk asks for (estimate.c). */
size_t vlm_engine_chunk_rows(const vlm_engine *e, const vlm_session_options *o);
/* Whether so many positions and a prompt's pictures (NULL: none) keep within o->max_memory. */
int vlm_engine_check_session_budget(const vlm_engine *e, const vlm_session_options *o,
                                    size_t n_positions, const struct vlm_prompt *p, vlm_error *err);
/* After the budget of the engine said no: what would have been needed. */
void vlm_engine_tell_need(const vlm_session *s, size_t n_positions, const struct vlm_prompt *p,
                          vlm_error *err);

/* A session without a key/value table: as vlm_session_open, but for a caller who makes one. */
int vlm_engine_session_bare(vlm_session **out, vlm_engine *e, const vlm_session_options *options,
                            vlm_error *err);
/* Memory for a timeline's positions and the keys of its blocks. */
int vlm_engine_timeline_reserve(struct vlm_timeline *t, const vlm_engine *e, size_t n_positions,
                                size_t n_pictures, vlm_error *err);
void vlm_engine_timeline_free(struct vlm_timeline *t, vlm_engine *e);
/* Gives back the features of its pictures. */
void vlm_engine_timeline_forget(struct vlm_timeline *t, vlm_engine *e);

/* ---- sync.c ---- */

/* Nothing is said yet behind the prompt. */
void vlm_engine_answer_begin(vlm_session *s);
/* Counts and marks the answer's tokens that the timeline holds. */
void vlm_engine_answer_recall(vlm_session *s);
/* An answer that another session began may be longer than this one's may become: it has ended. */
void vlm_engine_answer_limit(vlm_session *s);

/* ---- blocks.c: key/value blocks of sessions, shared by what they hold ---- */

/* What a session's table shall be. */
struct vlm_kv_wish {
    const struct vlm_kv *old; /* the session's own table, or that of the one it is forked from */
    bool own;                 /* old's other blocks may be written to */
    size_t n_kept;            /* positions of old that stay; their full blocks are shared with it */
    size_t n_positions;       /* that there must be room for */
    const uint8_t (*keys)[32]; /* of full blocks that may be taken from others */
    size_t n_keys;
};
/* Makes *out such a table beside old, which stays as it is.  *n_held: the positions it holds, at
 * least n_kept; nobody else holds the blocks behind those. */
int vlm_engine_blocks_table(vlm_engine *e, struct vlm_kv *out, size_t *n_held,
                            const struct vlm_kv_wish *wish, vlm_error *err);
/* The same in place for what is computed anew from position n_kept on. */
int vlm_engine_blocks_rewrite(vlm_session *s, size_t n_kept, size_t n_positions, vlm_error *err);
void vlm_engine_blocks_free(vlm_engine *e, struct vlm_kv *kv);
/* When memory is short: what is kept for later goes, and blocks that only this table holds are no
 * longer offered, so that they can be written to.  Was there anything? */
bool vlm_engine_make_room(vlm_engine *e, const struct vlm_kv *kv);
/* Key i of t, from those before it. */
void vlm_engine_block_key(const vlm_session *s, struct vlm_timeline *t, size_t i);
/* Full blocks that were computed since are offered to other sessions; takes no memory. */
void vlm_engine_blocks_offer(vlm_session *s);

/* ---- pictures.c ---- */

/* Finds the features that positions from n_cached on need; makes room for those that are not kept
 * and cuts their frames, for steps to encode. */
int vlm_engine_prepare_pictures(vlm_session *s, struct vlm_timeline *t, const struct vlm_prompt *p,
                                size_t n_cached, vlm_stats *stats, vlm_error *err);
/* How many of the positions first .. first + n stand before the first frame not yet encoded. */
size_t vlm_engine_positions_ready(const vlm_session *s, size_t first, size_t n);
/* Encodes a batch of the frames that these sessions wait for, in turn.  The caller has entered.
 * Those that were cancelled may be among them. */
void vlm_engine_look(vlm_engine *e, vlm_session *const *sessions, size_t n);

/* ---- score.c ---- */

/* Reads the prompt up to position end. */
int vlm_engine_read_prompt(vlm_session *s, size_t end, const struct vlm_tap *tap, vlm_error *err);

/* ---- constraint.c ---- */

const vlm_engine *vlm_engine_constraint_engine(const vlm_constraint *c);
/* Room for the bytes of so many more tokens, from which the constraint finds its place again: a
 * step takes no memory for them. */
bool vlm_engine_constraint_room(vlm_session *s, size_t n_tokens);
/* The answer begins. */
void vlm_engine_constraint_start(vlm_session *s);
/* The place behind a text; VLM_ERR_ARGUMENT when it does not fit. */
int vlm_engine_constraint_find(vlm_session *s, struct vlm_place *out, const char *text, size_t n,
                               vlm_error *err);
/* What may come next, and whether the end may; NULL with *rc set on failure. */
const uint64_t *vlm_engine_constraint_mask(vlm_session *s, bool *may_end, int *rc);
/* A token's bytes were added to the answer. */
int vlm_engine_constraint_add(vlm_session *s, const char *bytes, size_t n);

/* ---- text.c: bytes of tokens -> whole characters, stop strings held back ---- */

/* Adds the token's bytes; moves what may be shown to s->out.  Returns true when a stop string was
 * reached (the text before it is in s->out). last: nothing follows, so nothing is held back. */
bool vlm_engine_text_add(vlm_session *s, const char *bytes, size_t n, bool last);

#endif
