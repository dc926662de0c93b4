/* file.c: a file appears under its name only when it is complete: DIR/.NAME.partial-PID is written,
 * synced and renamed.  A crash or Ctrl-C leaves the old file or the new one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "signals.h"

static int fail(struct cli_file *file, const char *what, int e, vlm_error *err)
{
    int rc = vlm_fail_os(err, e, "%s: cannot %s", file->path, what);
    cli_file_abort(file);
    return rc;
}

int cli_file_open(struct cli_file *file, const char *dir, const char *name, vlm_error *err)
{
    *file = (struct cli_file){0};
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    int n = dir ? snprintf(file->path, sizeof file->path, "%s/%s", dir, name)
                : snprintf(file->path, sizeof file->path, "%s", name);
    int head = n - (int)strlen(base);
    struct stat st;
    if (n < 0 || (size_t)n + 32 > sizeof file->path || !*base)
        return vlm_fail(err, VLM_ERR_IO,
                        "%s: found no usable file name, expected one of 1 to %d bytes", name,
                        PATH_MAX - 32);
    if (stat(file->path, &st) == 0 && !S_ISREG(st.st_mode))
        return vlm_fail(err, VLM_ERR_IO, "%s: found no regular file, expected one or nothing",
                        file->path);
    if (snprintf(file->temp, sizeof file->temp, "%.*s.%s.partial-%ld", head, file->path, base,
                 (long)getpid()) >= (int)sizeof file->temp)
        return vlm_fail(err, VLM_ERR_IO, "%s: path too long", file->path);
    int fd = open(file->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return vlm_fail_os(err, errno, "%s: cannot create", file->path);
    cli_signals_partial(file->temp);
    file->f = fdopen(fd, "wb");
    if (!file->f) {
        close(fd);
        return fail(file, "create", ENOMEM, err);
    }
    return VLM_OK;
}

int cli_file_suspend(struct cli_file *file, vlm_error *err)
{
    FILE *f = file->f;
    bool bad = ferror(f);
    file->f = NULL;
    errno = EIO;
    if (fclose(f) != 0 || bad)
        return fail(file, "write", errno, err);
    return VLM_OK;
}

int cli_file_resume(struct cli_file *file, vlm_error *err)
{
    int fd = open(file->temp, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    file->f = fd < 0 ? NULL : fdopen(fd, "ab");
    if (file->f)
        return VLM_OK;
    int e = errno;
    if (fd >= 0)
        close(fd);
    return fail(file, "write", e, err);
}

static void sync_dir(const char *path)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); /* the content is safe already; some file systems refuse this */
        close(fd);
    }
}

int cli_file_commit(struct cli_file *file, vlm_error *err)
{
    errno = EIO;
    if (fflush(file->f) != 0 || ferror(file->f) || fsync(fileno(file->f)) != 0)
        return fail(file, "write", errno, err);
    int rc = cli_file_suspend(file, err);
    if (rc < 0)
        return rc;
    if (rename(file->temp, file->path) != 0)
        return fail(file, "rename", errno, err);
    cli_signals_partial(NULL);
    file->temp[0] = 0;
    sync_dir(file->path);
    return VLM_OK;
}

void cli_file_abort(struct cli_file *file)
{
    if (file->f)
        fclose(file->f);
    file->f = NULL;
    if (file->temp[0])
        unlink(file->temp);
    file->temp[0] = 0;
    cli_signals_partial(NULL);
}

int cli_make_dir(const char *path, vlm_error *err)
{
    struct stat st;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return VLM_OK;
    if (errno == EEXIST)
        return vlm_fail(err, VLM_ERR_IO, "%s: found no directory, expected one", path);
    return vlm_fail_os(err, errno, "%s: cannot create", path);
}
