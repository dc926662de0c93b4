/* os.h: the only door to the operating system (os_posix.c). */
#ifndef VLM_BASE_OS_H
#define VLM_BASE_OS_H

#include <stdbool.h>

#include "base/status.h"

/* A read-only view of a regular file.  Mapped, or (copy) read into memory. */
struct vlm_map {
    const uint8_t *data; /* NULL only when n is 0 */
    size_t n;
    bool mapped;
};
/* dir may be NULL; else name is taken below it and may not contain "..", or begin with "/".
 * Anything that is no regular file (FIFO, device, directory) is refused without blocking. */
int vlm_map_open(struct vlm_map *out, const vlm_allocator *alloc, const char *dir, const char *name,
                 bool copy, uint64_t max_bytes, vlm_error *err);
void vlm_map_close(struct vlm_map *m, const vlm_allocator *alloc);

bool vlm_os_exists(const char *dir, const char *name); /* something of that name is there */
bool vlm_os_is_directory(const char *path);
/* Calls fn for every name in a directory, in no order, until fn returns false. */
int vlm_os_list(const char *dir, bool (*fn)(void *ctx, const char *name), void *ctx,
                vlm_error *err);
double vlm_os_now_ms(void);     /* monotonic */
int vlm_os_n_cores(void);       /* that this process may use, >= 1 */
uint64_t vlm_os_peak_rss(void); /* bytes */

#endif
