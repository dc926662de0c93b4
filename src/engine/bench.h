/* bench.h: what the files of measuring share. */
#ifndef VLM_ENGINE_BENCH_H
#define VLM_ENGINE_BENCH_H

#include <time.h>

#include "base/limits.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "kernel/roof.h"
#include "vlm_tools.h"

struct vlm_bench {
    vlm_engine *e;
    vlm_session_options options;
    vlm_logit_bias no_end[VLM_MAX_EOS]; /* answers go on as long as they are asked to */
    int32_t *words;                     /* ids of tokens that are one word with its space */
    size_t n_words;
    struct vlm_buf text;
    size_t n_before, n_behind; /* tokens that the template puts around a text */
    vlm_session *sessions[VLM_LIMIT_BATCH];
    size_t n_sessions;
    uint64_t streams[VLM_LIMIT_BATCH], next_stream; /* of the words that each begins with */
    size_t n_words_of_session;                      /* that "prompt" has read before */
    bool fresh;                                     /* it has not */
    bool lent_template;                             /* to an engine that has none */
    double kv_most; /* bytes of keys and values that the sessions of a job held at most */
    struct vlm_roof roof;
    uint8_t *read; /* what roof.read reads; taken by the first */
};

struct vlm_stopwatch {
    double ms;
    clock_t cpu;
};
struct vlm_stopwatch vlm_engine_watch(void);
/* The time since, over how many times the work was done. */
void vlm_engine_watched(vlm_bench_sample *out, const struct vlm_stopwatch *since, double times);

/* bench_roof.c: roof.*; VLM_ERR_ARGUMENT when test is none of them. */
int vlm_engine_bench_roof(struct vlm_bench *b, const vlm_bench_job *job, vlm_bench_sample *out,
                          vlm_error *err);
/* What roof.read holds to read. */
size_t vlm_engine_bench_roof_bytes(const struct vlm_bench *b);
/* bench_work.c: adds to out what the work takes at least. */
void vlm_engine_work_rows(vlm_bench_sample *out, const vlm_engine *e, enum vlm_num kv,
                          size_t n_rows, size_t depth, size_t n_logits, size_t n_sequences);
void vlm_engine_work_frames(vlm_bench_sample *out, const vlm_engine *e, size_t n_frames);

#endif
