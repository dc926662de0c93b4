/* os_posix.c: files, mapping, time, cores.  Nothing else in the library calls the system. */
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/mem.h"

struct path {
    char text[PATH_MAX];
};

/* Below a model's directory only plain relative names: an index file must not lead outside. */
static bool name_is_safe(const char *name)
{
    if (name[0] == 0 || name[0] == '/')
        return false;
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += n + (p[n] == '/');
    }
    return true;
}

static int join(struct path *out, const char *dir, const char *name, vlm_error *err)
{
    struct vlm_quoted q;
    if (dir && !name_is_safe(name))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: file name '%s' leads outside the directory", dir,
                        vlm_base_quote(&q, name, strlen(name)));
    int n = dir ? snprintf(out->text, sizeof out->text, "%s/%s", dir, name)
                : snprintf(out->text, sizeof out->text, "%s", name);
    if (n < 0 || (size_t)n >= sizeof out->text)
        return vlm_fail(err, VLM_ERR_IO, "%s: path is longer than %d bytes",
                        vlm_base_quote(&q, name, strlen(name)), PATH_MAX);
    return VLM_OK;
}

static int read_all(struct vlm_map *out, const vlm_allocator *alloc, int fd, size_t n,
                    const char *name, vlm_error *err)
{
    uint8_t *data = vlm_mem_alloc(alloc, n, 1);
    if (!data)
        return vlm_fail_memory(err, n, name);
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, data + at, vlm_min_size(n - at, 1u << 30));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            int e = errno;
            vlm_mem_free(alloc, data);
            if (got < 0)
                return vlm_fail_os(err, e, "%s: cannot read", name);
            return vlm_fail(err, VLM_ERR_IO, "%s: ended after %zu bytes, expected %zu", name, at,
                            n);
        }
        at += (size_t)got;
    }
    *out = (struct vlm_map){data, n, false};
    return VLM_OK;
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)                    ? "a directory"
           : S_ISFIFO(mode)                 ? "a FIFO"
           : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
           : S_ISSOCK(mode)                 ? "a socket"
                                            : "no regular file";
}

static int map_fd(struct vlm_map *out, const vlm_allocator *alloc, int fd, const char *shown,
                  bool copy, uint64_t max_bytes, vlm_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return vlm_fail_os(err, errno, "%s: cannot stat", shown);
    if (!S_ISREG(st.st_mode))
        return vlm_fail(err, VLM_ERR_IO, "%s: is %s, expected a regular file", shown,
                        kind_of(st.st_mode));
    if ((uint64_t)st.st_size > max_bytes || (uint64_t)st.st_size > PTRDIFF_MAX)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %lld bytes, expected at most %llu", shown,
                        (long long)st.st_size, (unsigned long long)max_bytes);
    size_t n = (size_t)st.st_size;
    if (n == 0) {
        *out = (struct vlm_map){NULL, 0, false};
        return VLM_OK;
    }
    if (copy)
        return read_all(out, alloc, fd, n, shown, err);
    void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return vlm_fail_os(err, errno, "%s: cannot map %zu bytes", shown, n);
    *out = (struct vlm_map){p, n, true};
    return VLM_OK;
}

int vlm_map_open(struct vlm_map *out, const vlm_allocator *alloc, const char *dir, const char *name,
                 bool copy, uint64_t max_bytes, vlm_error *err)
{
    struct path path;
    int rc = join(&path, dir, name, err);
    if (rc < 0)
        return rc;
    struct vlm_quoted q;
    const char *shown =
        strlen(path.text) < 120 ? path.text : vlm_base_quote(&q, path.text, strlen(path.text));
    int fd;
    do /* O_NONBLOCK: opening a FIFO must not wait for a writer */
        fd = open(path.text, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return vlm_fail_os(err, errno, "%s: cannot open", shown);
    rc = map_fd(out, alloc, fd, shown, copy, max_bytes, err);
    close(fd);
    return rc;
}

void vlm_map_close(struct vlm_map *m, const vlm_allocator *alloc)
{
    if (m->mapped)
        munmap((void *)(uintptr_t)m->data, m->n);
    else
        vlm_mem_free(alloc, (void *)(uintptr_t)m->data);
    *m = (struct vlm_map){NULL, 0, false};
}

bool vlm_os_exists(const char *dir, const char *name)
{
    struct path path;
    struct stat st;
    return join(&path, dir, name, NULL) == VLM_OK && stat(path.text, &st) == 0;
}

bool vlm_os_is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int vlm_os_list(const char *dir, bool (*fn)(void *ctx, const char *name), void *ctx, vlm_error *err)
{
    struct vlm_quoted q;
    DIR *d = opendir(dir);
    if (!d)
        return vlm_fail_os(err, errno, "%s: cannot read the directory",
                           vlm_base_quote(&q, dir, strlen(dir)));
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !fn(ctx, e->d_name))
            break;
    closedir(d);
    return VLM_OK;
}

double vlm_os_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

int vlm_os_n_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

uint64_t vlm_os_peak_rss(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (uint64_t)u.ru_maxrss * 1024 : 0;
}
