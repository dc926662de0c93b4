/* run.c: one run of another program on one file: start, what it prints, how it ended. */
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "media/media.h"

int vlm_media_start(struct vlm_media_run *r, const struct vlm_media_task *t, vlm_error *err)
{
    struct vlm_quoted q;
    r->shown = t->shown;
    r->program = t->program;
    r->package = t->package;
    r->n_kept = 0;
    if (t->program[0] != '/')
        return vlm_fail(err, VLM_ERR_ARGUMENT, "program '%s': expected an absolute path",
                        vlm_base_quote(&q, t->program, strlen(t->program)));
    if (!vlm_os_exists(NULL, t->program))
        return vlm_fail(err, VLM_ERR_IO, "%s: needs %s, which is not there (Debian package: %s)",
                        t->shown, t->program, t->package);
    struct vlm_child_spec spec = {
        .program = t->program,
        .argv = t->argv,
        .input = t->input,
        .limits = {VLM_LIMIT_CHILD_BYTES, t->cpu_seconds, t->seconds},
        .cancelled = t->cancelled,
        .ctx = t->ctx,
    };
    return vlm_child_start(&r->child, &spec, err);
}

void vlm_media_close(struct vlm_media_run *r)
{
    vlm_child_close(&r->child);
}

/* Passes over the beginning of *s when it is word. */
static void skip(const char **s, size_t *n, const char *word)
{
    size_t len = strlen(word);
    if (*n >= len && memcmp(*s, word, len) == 0) {
        *s += len;
        *n -= len;
    }
}

/* The last line of what it complained, which sums up the others, without our name of the file and
 * without ffmpeg's "[part @ address]". */
static const char *complaint(const struct vlm_media_run *r, struct vlm_quoted *q)
{
    const char *s = r->child.said, *end = s + r->child.n_said;
    while (end > s && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
        end--;
    const char *line = end > s ? memrchr(s, '\n', (size_t)(end - s)) : NULL;
    line = line ? line + 1 : s;
    size_t n = (size_t)(end - line);
    const char *bracket = n && line[0] == '[' ? memchr(line, ']', n) : NULL;
    if (bracket && bracket + 2 < end) {
        line = bracket + 2;
        n = (size_t)(end - line);
    }
    skip(&line, &n, "file:");
    skip(&line, &n, VLM_CHILD_INPUT ": ");
    return n ? vlm_base_quote(q, line, n) : "it gave no reason";
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int vlm_media_finish(struct vlm_media_run *r, vlm_error *err)
{
    struct vlm_child_end end;
    struct vlm_quoted q;
    const char *name = base_name(r->program);
    int rc = vlm_child_wait(&r->child, &end, err);
    if (rc < 0)
        return rc;
    if (end.signal)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: %s was ended by signal %d (%s)", r->shown, name,
                        end.signal, complaint(r, &q));
    if (end.known && end.code != 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: %s cannot read it: %s", r->shown, name,
                        complaint(r, &q));
    return VLM_OK;
}

int vlm_media_collect(struct vlm_media_run *r, struct vlm_buf *text, vlm_error *err)
{
    char piece[4096];
    size_t n;
    int rc;
    while ((rc = vlm_child_read(&r->child, piece, sizeof piece, &n, err)) == VLM_OK && n > 0)
        if (!vlm_buf_append(text, piece, n))
            return text->n + n < text->limit
                       ? vlm_fail_memory(err, n, "a program's output")
                       : vlm_fail(err, VLM_ERR_LIMIT, "%s: %s printed more than %zu bytes",
                                  r->shown, base_name(r->program), text->limit);
    return rc < 0 ? rc : vlm_media_finish(r, err);
}

/* Reads until a header is complete.  1: it is; 0: there was nothing at all. */
static int read_header(struct vlm_media_run *r, uint32_t *width, uint32_t *height, vlm_error *err)
{
    size_t used, got;
    for (;;) {
        int is = vlm_media_ppm(r->kept, r->n_kept, width, height, &used);
        if (is > 0) {
            memmove(r->kept, r->kept + used, r->n_kept - used);
            r->n_kept -= used;
            return 1;
        }
        if (is < 0 || r->n_kept == sizeof r->kept)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: %s printed no PPM picture", r->shown,
                            base_name(r->program));
        int rc =
            vlm_child_read(&r->child, r->kept + r->n_kept, sizeof r->kept - r->n_kept, &got, err);
        if (rc < 0)
            return rc;
        if (got == 0) {
            if (r->n_kept == 0)
                return 0;
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: %s printed half a picture", r->shown,
                            base_name(r->program));
        }
        r->n_kept += got;
    }
}

int vlm_media_picture(struct vlm_media_run *r, const vlm_allocator *alloc, uint8_t **rgb,
                      size_t *n_rgb, uint64_t max_pixels, uint32_t *width, uint32_t *height,
                      vlm_error *err)
{
    int rc = read_header(r, width, height, err);
    if (rc <= 0)
        return rc;
    uint64_t pixels = (uint64_t)*width * *height;
    if (pixels > max_pixels || *width > VLM_LIMIT_IMAGE_SIDE || *height > VLM_LIMIT_IMAGE_SIDE)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %s gave %ux%u pixels, expected at most %llu",
                        r->shown, base_name(r->program), *width, *height,
                        (unsigned long long)max_pixels);
    size_t n = (size_t)pixels * 3;
    if (n > *n_rgb) {
        uint8_t *more = vlm_mem_realloc(alloc, *rgb, n, 1);
        if (!more)
            return vlm_fail_memory(err, n, "a picture");
        *rgb = more;
        *n_rgb = n;
    }
    size_t at = r->n_kept < n ? r->n_kept : n, got;
    memcpy(*rgb, r->kept, at);
    memmove(r->kept, r->kept + at, r->n_kept - at);
    r->n_kept -= at;
    for (; at < n; at += got) {
        rc = vlm_child_read(&r->child, *rgb + at, n - at, &got, err);
        if (rc < 0)
            return rc;
        if (got == 0)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: %s printed half a picture", r->shown,
                            base_name(r->program));
    }
    return 1;
}
