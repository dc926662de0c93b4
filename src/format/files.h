/* files.h: the files of one model, from a directory (opened on demand) or from memory. */
#ifndef VLM_FORMAT_FILES_H
#define VLM_FORMAT_FILES_H

#include "base/os.h"

struct vlm_files {
    const vlm_allocator *alloc;
    char *dir;              /* directory, or NULL */
    const vlm_file *memory; /* borrowed, or NULL */
    size_t n_memory;
    bool no_mmap;
};
/* Either dir, which is copied and must be a directory, or n_memory > 0 files. */
int vlm_files_init(struct vlm_files *f, const vlm_allocator *alloc, const char *dir,
                   const vlm_file *memory, size_t n_memory, bool no_mmap, vlm_error *err);
void vlm_files_free(struct vlm_files *f);
bool vlm_files_has(const struct vlm_files *f, const char *name);
/* Calls fn for every name, in no order, until fn returns false. */
int vlm_files_each(const struct vlm_files *f, bool (*fn)(void *ctx, const char *name), void *ctx,
                   vlm_error *err);
/* A view of one file; names in errors read DIR/NAME.  Free with vlm_files_close. */
int vlm_files_open(struct vlm_map *out, const struct vlm_files *f, const char *name,
                   uint64_t max_bytes, vlm_error *err);
void vlm_files_close(struct vlm_map *m, const struct vlm_files *f);

/* DIR/NAME (NAME alone in memory; DIR for "") for messages; a long one keeps its end, where the
 * names differ. */
struct vlm_label {
    char text[112];
};
const char *vlm_files_label(struct vlm_label *out, const struct vlm_files *f, const char *name);

#endif
