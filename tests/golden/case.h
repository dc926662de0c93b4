/* case.h: a golden request as it lies on disk (README.md): its conversation and the reference's
 * tensors.
 *
 * A test program's own reader: on a damaged fixture it says so and exits. */
#ifndef GOLDEN_CASE_H
#define GOLDEN_CASE_H

#include <stdbool.h>

#include "vlm.h"

#define CASE_MAX_MESSAGES 16
#define CASE_MAX_PARTS 48
#define CASE_MAX_TENSORS 64

struct golden_tensor {
    char name[32];
    bool is_int32;
    size_t n_dims, shape[4];
    size_t rows, cols;     /* of the whole tensor, seen as rows of its last dimension */
    size_t stride, n_kept; /* data holds the last row and every stride-th before it */
    double largest;        /* magnitude in the whole tensor */
    uint64_t hash;         /* of the whole tensor */
    void *data;            /* [n_kept][cols] float or int32_t */
};

struct golden_case {
    char folder[1600];
    char *text;     /* case.txt, taken apart */
    char *rendered; /* expected output of the chat template */
    vlm_message messages[CASE_MAX_MESSAGES];
    size_t n_messages;
    vlm_part parts[CASE_MAX_PARTS];
    const char *files[CASE_MAX_PARTS]; /* picture of a part, or a video's line, or NULL */
    vlm_image *images[CASE_MAX_PARTS]; /* open while bound to an engine */
    vlm_video *videos[CASE_MAX_PARTS]; /* likewise */
    size_t n_parts;
    struct golden_tensor tensors[CASE_MAX_TENSORS];
    size_t n_tensors;
};

struct golden_case *golden_case_read(const char *folder);
void golden_case_free(struct golden_case *c);
/* Opens the pictures with this engine, and closes them again. */
void golden_case_bind(struct golden_case *c, const vlm_engine *engine);
void golden_case_unbind(struct golden_case *c);
struct golden_tensor *golden_case_tensor(struct golden_case *c, const char *name); /* or NULL */

/* FNV-1a over 32-bit words; begin with GOLDEN_HASH. */
#define GOLDEN_HASH UINT64_C(0xcbf29ce484222325)
uint64_t golden_hash(uint64_t hash, const void *words, size_t n_words);

#if defined(__GNUC__)
__attribute__((noreturn, format(printf, 1, 2)))
#endif
void golden_die(const char *format, ...);

#endif
