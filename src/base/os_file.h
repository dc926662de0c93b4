/* os_file.h: a file that appears under its name only when it is complete.
 *
 * Written beside its place under a temporary name, synced, renamed: a crash leaves the old file or
 * the new one. */
#ifndef VLM_BASE_OS_FILE_H
#define VLM_BASE_OS_FILE_H

#include "base/os.h"

struct vlm_os_file {
    const vlm_allocator *alloc;
    char *path, *temp; /* temp NULL: nothing to remove */
    int fd;            /* -1: closed */
    bool replace;
};

/* Fails when something of that name is there, unless replace is set and it is a regular file. */
int vlm_os_file_create(struct vlm_os_file *f, const vlm_allocator *alloc, const char *path,
                       bool replace, vlm_error *err);
int vlm_os_file_write(struct vlm_os_file *f, const void *data, size_t n, vlm_error *err);
int vlm_os_file_sync(struct vlm_os_file *f, vlm_error *err); /* all of it is on the disk; closes */
int vlm_os_file_commit(struct vlm_os_file *f, vlm_error *err); /* after sync: it gets its name */
void vlm_os_file_free(struct vlm_os_file *f); /* a file that was not committed is removed */

/* A regular file read from its beginning. */
struct vlm_os_input {
    const char *path; /* borrowed */
    int fd;           /* -1: closed */
    uint64_t n;       /* bytes when it was opened */
};
int vlm_os_input_open(struct vlm_os_input *in, const char *path, uint64_t max_bytes,
                      vlm_error *err);
int vlm_os_input_read(struct vlm_os_input *in, void *data, size_t n, vlm_error *err); /* all of n */
void vlm_os_input_close(struct vlm_os_input *in);

/* Are these one file?  A name that does not exist is none. */
bool vlm_os_same_file(const char *dir_a, const char *a, const char *b);
/* Tells the system that these bytes of a mapping will not be needed soon: they no longer count as
 * memory of this process.  Nothing when m is no mapping. */
void vlm_map_forget(const struct vlm_map *m, const void *from, uint64_t n);

#endif
