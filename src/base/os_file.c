/* os_file.c: see os_file.h. */
#include "base/os_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/mem.h"

static int fail(const struct vlm_os_file *f, int e, const char *what, vlm_error *err)
{
    struct vlm_quoted q;
    const char *shown =
        strlen(f->path) < 120 ? f->path : vlm_base_quote(&q, f->path, strlen(f->path));
    return vlm_fail_os(err, e, "%s: cannot %s", shown, what);
}

/* DIR/.NAME.partial-PID for DIR/NAME. */
static char *temporary(const vlm_allocator *alloc, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(path) + 40;
    char *temp = vlm_mem_alloc(alloc, n, 1);
    if (temp)
        snprintf(temp, n, "%.*s.%s.partial-%ld", (int)(name - path), path, name, (long)getpid());
    return temp;
}

static int check_place(const struct vlm_os_file *f, vlm_error *err)
{
    struct vlm_quoted q;
    struct stat st;
    size_t n = strlen(f->path);
    if (n == 0 || n > PATH_MAX - 40 || f->path[n - 1] == '/')
        return vlm_fail(err, VLM_ERR_IO, "%s: found no usable name of a file, expected one",
                        vlm_base_quote(&q, f->path, n));
    if (stat(f->path, &st) != 0)
        return VLM_OK; /* what else is wrong, creating will say */
    if (!S_ISREG(st.st_mode))
        return vlm_fail(err, VLM_ERR_IO, "%s: found no regular file, expected one or nothing",
                        vlm_base_quote(&q, f->path, n));
    if (!f->replace)
        return vlm_fail(err, VLM_ERR_IO, "%s: found a file, expected nothing of that name",
                        vlm_base_quote(&q, f->path, n));
    return VLM_OK;
}

int vlm_os_file_create(struct vlm_os_file *f, const vlm_allocator *alloc, const char *path,
                       bool replace, vlm_error *err)
{
    *f = (struct vlm_os_file){.alloc = alloc, .fd = -1, .replace = replace};
    f->path = vlm_mem_strndup(alloc, path, strlen(path));
    char *temp = temporary(alloc, path);
    int rc = f->path && temp ? check_place(f, err)
                             : vlm_fail_memory(err, strlen(path) + 40, "the name of a file");
    if (rc == VLM_OK) {
        f->fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (f->fd < 0)
            rc = fail(f, errno, "create", err);
    }
    if (rc == VLM_OK) {
        f->temp = temp;
        return rc;
    }
    vlm_mem_free(alloc, temp);
    vlm_os_file_free(f);
    return rc;
}

int vlm_os_file_write(struct vlm_os_file *f, const void *data, size_t n, vlm_error *err)
{
    for (size_t at = 0; at < n;) {
        ssize_t done = write(f->fd, (const char *)data + at, vlm_min_size(n - at, 1u << 30));
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return fail(f, done < 0 ? errno : EIO, "write", err);
        at += (size_t)done;
    }
    return VLM_OK;
}

int vlm_os_file_sync(struct vlm_os_file *f, vlm_error *err)
{
    int fd = f->fd, e = fsync(fd) == 0 ? 0 : errno;
    f->fd = -1;
    if (close(fd) != 0 && e == 0)
        e = errno;
    return e ? fail(f, e, "write", err) : VLM_OK;
}

static void sync_directory(const struct vlm_os_file *f)
{
    const char *slash = strrchr(f->path, '/');
    char *dir = vlm_mem_strndup(f->alloc, slash ? f->path : ".",
                                slash && slash > f->path ? (size_t)(slash - f->path) : 1);
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd); /* the content is safe already; some file systems refuse this */
        close(fd);
    }
    vlm_mem_free(f->alloc, dir);
}

int vlm_os_file_commit(struct vlm_os_file *f, vlm_error *err)
{
    int e = 0;
    if (f->replace || (link(f->temp, f->path) != 0 && errno != EEXIST)) {
        e = rename(f->temp, f->path) == 0 ? 0 : errno; /* also where links are not known */
    } else {
        struct stat a, b; /* linked, or somebody was faster */
        if (stat(f->temp, &a) != 0 || stat(f->path, &b) != 0)
            e = errno;
        else if (a.st_ino != b.st_ino || a.st_dev != b.st_dev)
            e = EEXIST;
        else
            unlink(f->temp);
    }
    if (e)
        return fail(f, e, "rename", err);
    vlm_mem_free(f->alloc, f->temp);
    f->temp = NULL;
    sync_directory(f);
    return VLM_OK;
}

void vlm_os_file_free(struct vlm_os_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->temp)
        unlink(f->temp);
    if (f->alloc) {
        vlm_mem_free(f->alloc, f->temp);
        vlm_mem_free(f->alloc, f->path);
    }
    *f = (struct vlm_os_file){.fd = -1};
}

/* ---- reading ---- */

static int input_fail(const struct vlm_os_input *in, int e, const char *what, vlm_error *err)
{
    struct vlm_quoted q;
    return vlm_fail_os(err, e, "%s: cannot %s", vlm_base_quote(&q, in->path, strlen(in->path)),
                       what);
}

int vlm_os_input_open(struct vlm_os_input *in, const char *path, uint64_t max_bytes, vlm_error *err)
{
    struct vlm_quoted q;
    struct stat st;
    *in = (struct vlm_os_input){.path = path};
    do /* O_NONBLOCK: opening a FIFO must not wait for a writer */
        in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (in->fd < 0 && errno == EINTR);
    if (in->fd < 0)
        return input_fail(in, errno, "open", err);
    int rc = VLM_OK;
    if (fstat(in->fd, &st) != 0)
        rc = input_fail(in, errno, "stat", err);
    else if (!S_ISREG(st.st_mode))
        rc = vlm_fail(err, VLM_ERR_IO, "%s: found no regular file, expected one",
                      vlm_base_quote(&q, path, strlen(path)));
    else if ((uint64_t)st.st_size > max_bytes)
        rc = vlm_fail(err, VLM_ERR_LIMIT, "%s: %lld bytes, expected at most %llu",
                      vlm_base_quote(&q, path, strlen(path)), (long long)st.st_size,
                      (unsigned long long)max_bytes);
    if (rc < 0)
        vlm_os_input_close(in);
    else
        in->n = (uint64_t)st.st_size;
    return rc;
}

int vlm_os_input_read(struct vlm_os_input *in, void *data, size_t n, vlm_error *err)
{
    struct vlm_quoted q;
    for (size_t at = 0; at < n;) {
        ssize_t got = read(in->fd, (char *)data + at, vlm_min_size(n - at, 1u << 30));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return input_fail(in, errno, "read", err);
        if (got == 0)
            return vlm_fail(err, VLM_ERR_IO, "%s: ended while it was read, expected %zu bytes more",
                            vlm_base_quote(&q, in->path, strlen(in->path)), n - at);
        at += (size_t)got;
    }
    return VLM_OK;
}

void vlm_os_input_close(struct vlm_os_input *in)
{
    if (in->fd >= 0)
        close(in->fd);
    in->fd = -1;
}

bool vlm_os_same_file(const char *dir_a, const char *a, const char *b)
{
    char path[PATH_MAX];
    struct stat x, y;
    int n = dir_a ? snprintf(path, sizeof path, "%s/%s", dir_a, a)
                  : snprintf(path, sizeof path, "%s", a);
    return n > 0 && (size_t)n < sizeof path && stat(path, &x) == 0 && stat(b, &y) == 0 &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void vlm_map_forget(const struct vlm_map *m, const void *from, uint64_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)from,
              end = begin + (uintptr_t)n;
    begin = (begin + page - 1) & ~(page - 1); /* pages that hold nothing else */
    end &= ~(page - 1);
    if (m->mapped && end > begin)
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}
