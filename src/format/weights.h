/* weights.h: named tensors inside mapped safetensors files (one file, or shards with an index).
 * Everything is checked at open: header, offsets in order without holes or overlap, sizes that
 * match shape and type, no duplicate names, index and shards that agree.  Nothing is copied. */
#ifndef VLM_FORMAT_WEIGHTS_H
#define VLM_FORMAT_WEIGHTS_H

#include "base/num.h"
#include "format/files.h"

struct vlm_weight {
    const char *name; /* terminated, owned by the table */
    const char *type; /* "F32", "BF16", "I64", ... as the file says */
    enum vlm_num dtype;
    size_t n_dims;
    uint64_t shape[4];   /* outermost first, as in the file; unused ones are 1 */
    const uint8_t *data; /* may be unaligned */
    uint64_t bytes;
    size_t file; /* index into files */
};

struct vlm_weights {
    const struct vlm_files *source;
    struct vlm_weight *tensors; /* sorted by name */
    size_t n_tensors;
    struct vlm_weights_file {
        char *name;
        struct vlm_map map;
    } * files;
    size_t n_files;
    uint64_t bytes; /* of all tensors */
};

/* model.safetensors, or model.safetensors.index.json and its shards. */
int vlm_weights_open(struct vlm_weights *w, const struct vlm_files *source, vlm_error *err);
void vlm_weights_close(struct vlm_weights *w);
const struct vlm_weight *vlm_weights_find(const struct vlm_weights *w,
                                          const char *name); /* or NULL */

/* One file's tensors, in the order of their data; names belong to the list. */
struct vlm_weight_list {
    const vlm_allocator *alloc;
    struct vlm_weight *at;
    size_t n, cap;
};
/* Checks and lists the n bytes of one safetensors file (safetensors.c).  file: its name in errors.
 * On failure the list is empty. */
int vlm_safetensors_read(struct vlm_weight_list *out, const vlm_allocator *alloc,
                         const uint8_t *data, size_t n, const char *file, vlm_error *err);
void vlm_weight_list_free(struct vlm_weight_list *l);
/* For qsort and bsearch. */
int vlm_weight_by_name(const void *a, const void *b);

#endif
