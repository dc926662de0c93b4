/* os_store.h: a directory of files that may be lost at any time, such as results that can be
 * computed again.  A file is seen whole or not at all; nothing is waited for, so after a crash of
 * the machine it may be damaged, and whoever reads it must know by its content.  Only the user may
 * read them.  Takes no memory but to trim. */
#ifndef VLM_BASE_OS_STORE_H
#define VLM_BASE_OS_STORE_H

#include "base/os.h"

/* Makes the directory if it is missing.  names: the longest that will be used. */
int vlm_os_store_open(const char *dir, size_t names, vlm_error *err);
/* Writes head and body under that name, in place of what was there; false: nothing was written. */
bool vlm_os_store_write(const char *dir, const char *name, const void *head, size_t n_head,
                        const void *body, size_t n_body);
/* It was used now. */
void vlm_os_store_touch(const char *dir, const char *name);
/* Removes the files with names that end so, those not used for the longest time first, until the
 * others take at most max bytes, each counted as at least VLM_OS_STORE_LEAST; what was left half
 * written by somebody who died goes, too.  Returns the bytes left. */
#define VLM_OS_STORE_LEAST 4096
uint64_t vlm_os_store_trim(const char *dir, const char *ending, uint64_t max,
                           const vlm_allocator *alloc);

#endif
