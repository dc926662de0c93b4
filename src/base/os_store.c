/* os_store.c: see os_store.h. */
#include "base/os_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/mem.h"

#define PARTIAL ".partial-"
#define STALE_SECONDS 3600 /* a file that nobody has finished writing by then */

struct place {
    char path[PATH_MAX];
};

static bool join(struct place *p, const char *dir, const char *name, const char *more, long number)
{
    int n = more ? snprintf(p->path, sizeof p->path, "%s/.%s%s%ld", dir, name, more, number)
                 : snprintf(p->path, sizeof p->path, "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof p->path;
}

int vlm_os_store_open(const char *dir, size_t names, vlm_error *err)
{
    struct vlm_quoted q;
    struct stat st;
    size_t n = strlen(dir);
    const char *shown = vlm_base_quote(&q, dir, n);
    if (n + names + 40 > PATH_MAX)
        return vlm_fail(err, VLM_ERR_IO, "%s: %zu bytes, expected a shorter name", shown, n);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return vlm_fail_os(err, errno, "%s: cannot make the directory", shown);
    if (stat(dir, &st) != 0)
        return vlm_fail_os(err, errno, "%s: cannot stat", shown);
    if (!S_ISDIR(st.st_mode))
        return vlm_fail(err, VLM_ERR_IO, "%s: is no directory, expected one", shown);
    return VLM_OK;
}

static bool write_all(int fd, const void *data, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t done = write(fd, (const char *)data + at, vlm_min_size(n - at, 1u << 30));
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += (size_t)done;
    }
    return true;
}

bool vlm_os_store_write(const char *dir, const char *name, const void *head, size_t n_head,
                        const void *body, size_t n_body)
{
    struct place temp, path;
    if (!join(&path, dir, name, NULL, 0) || !join(&temp, dir, name, PARTIAL, (long)getpid()))
        return false;
    int fd = open(temp.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false; /* another engine writes the same, or the disk says no */
    bool ok = write_all(fd, head, n_head) && write_all(fd, body, n_body);
    ok = close(fd) == 0 && ok;
    ok = ok && rename(temp.path, path.path) == 0;
    if (!ok)
        unlink(temp.path);
    return ok;
}

void vlm_os_store_touch(const char *dir, const char *name)
{
    struct place p;
    if (join(&p, dir, name, NULL, 0))
        (void)utimensat(AT_FDCWD, p.path, NULL, AT_SYMLINK_NOFOLLOW);
}

struct entry {
    struct timespec used;
    uint64_t bytes;
    char name[104];
};

static bool ends_so(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n > m && n < sizeof((struct entry *)0)->name && strcmp(name + n - m, ending) == 0;
}

/* The file as it stands in the directory, no link followed. */
static bool regular(struct stat *st, const char *dir, const char *name)
{
    struct place p;
    return join(&p, dir, name, NULL, 0) && lstat(p.path, st) == 0 && S_ISREG(st->st_mode);
}

static void drop(const char *dir, const char *name)
{
    struct place p;
    if (join(&p, dir, name, NULL, 0))
        unlink(p.path);
}

/* Up to cap files into list (NULL: none); returns how many there are. */
static size_t list_files(struct entry *list, size_t cap, const char *dir, const char *ending)
{
    size_t n = 0;
    struct stat st;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strstr(e->d_name, PARTIAL) && regular(&st, dir, e->d_name) &&
            time(NULL) - st.st_mtime > STALE_SECONDS)
            drop(dir, e->d_name);
        if (!ends_so(e->d_name, ending) || !regular(&st, dir, e->d_name))
            continue;
        if (n < cap) {
            list[n].used = st.st_mtim;
            list[n].bytes = (uint64_t)st.st_size < VLM_OS_STORE_LEAST ? VLM_OS_STORE_LEAST
                                                                      : (uint64_t)st.st_size;
            snprintf(list[n].name, sizeof list[n].name, "%.*s", (int)sizeof list[n].name - 1,
                     e->d_name);
        }
        n++;
    }
    if (d)
        closedir(d);
    return n;
}

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec)
        return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

uint64_t vlm_os_store_trim(const char *dir, const char *ending, uint64_t max,
                           const vlm_allocator *alloc)
{
    size_t cap = list_files(NULL, 0, dir, ending);
    struct entry *list = vlm_mem_alloc(alloc, cap, sizeof *list);
    uint64_t bytes = 0;
    if (!list)
        return max; /* another time */
    size_t n = vlm_min_size(list_files(list, cap, dir, ending), cap);
    for (size_t i = 0; i < n; i++)
        bytes += list[i].bytes;
    if (n)
        qsort(list, n, sizeof *list, by_use);
    for (size_t i = 0; i < n && bytes > max; i++) {
        drop(dir, list[i].name);
        bytes -= list[i].bytes;
    }
    vlm_mem_free(alloc, list);
    return bytes;
}
