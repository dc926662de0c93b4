/* media_case.h: an engine, a folder, fake programs, and what every failure must look like. Included
 * after cmocka.h; each test program has its own copy. */
#ifndef TESTS_MEDIA_CASE_H
#define TESTS_MEDIA_CASE_H

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/os.h"
#include "heap.h"
#include "model.h"
#include "vlm_media.h"

static vlm_engine *engine;
static struct heap heap;
static char dir[] = "/tmp/vlm-abuse-media-XXXXXX";
static char fake[1024]; /* the built fake_media */
static char clip[1024]; /* a good file to hand to fakes */

/* The fake under a name; in a static buffer of its own for each of four uses. */
static inline const char *program(const char *part, const char *how)
{
    static char paths[4][1200];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s-%s", dir, part, how);
    if (access(path, F_OK) != 0 && symlink(fake, path) != 0)
        fail_msg("%s: %s", path, strerror(errno));
    return path;
}

static inline int n_descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static struct {
    double begin;
    int descriptors;
    long long blocks;
} before;

static inline void begin(vlm_error *err)
{
    memset(err, 0, sizeof *err);
    before.begin = vlm_os_now_ms();
    before.descriptors = n_descriptors();
    before.blocks = atomic_load(&heap.blocks);
}

/* One line, no addresses, no child left, nothing leaked, in time. */
static inline void check(const char *what, int rc, int want, const char *says, const vlm_error *err)
{
    double ms = vlm_os_now_ms() - before.begin;
    if (rc != want || (rc < 0 && (!err->message[0] || !strstr(err->message, says))))
        fail_msg("%s: %d, expected %d with '%s': %s", what, rc, want, says, err->message);
    const char *hex = strstr(err->message, "0x");
    bool address = hex && strspn(hex + 2, "0123456789abcdef") > 5;
    if (strchr(err->message, '\n') || strchr(err->message, '\033') || address)
        fail_msg("%s: not one clean line: %s", what, err->message);
    if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD)
        fail_msg("%s: a child is left", what);
    if (n_descriptors() != before.descriptors)
        fail_msg("%s: %d descriptors, before %d", what, n_descriptors(), before.descriptors);
    if (atomic_load(&heap.blocks) != before.blocks || atomic_load(&heap.errors))
        fail_msg("%s: memory leaks", what);
    if (ms > 1e3 * (double)(VLM_LIMIT_CHILD_SECONDS + 10))
        fail_msg("%s: took %.0f ms", what, ms);
}

static inline int setup(void **state)
{
    (void)state;
    struct test_model m;
    vlm_error err;
    vlm_engine_options o;
    test_model_load(&m, VLM_TEST_DATA "/golden/gqa-f32/model");
    vlm_engine_options_init(&o);
    o.n_threads = 1;
    o.vocab_only = 1;
    o.allocator = heap_allocator(&heap);
    if (vlm_engine_open(&engine, VLM_TEST_DATA "/golden/gqa-f32/model", &o, &err) < 0)
        fail_msg("%s", err.message);
    test_model_free(&m);
    assert_non_null(mkdtemp(dir));
    snprintf(clip, sizeof clip, "%s/clip", dir);
    FILE *f = fopen(clip, "w");
    fputs("not looked at by fakes", f);
    fclose(f);
    return 0;
}

static inline void remove_all(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char below[4096];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (snprintf(below, sizeof below, "%s/%s", path, e->d_name) >= (int)sizeof below)
            continue;
        struct stat st;
        if (lstat(below, &st) == 0 && S_ISDIR(st.st_mode))
            remove_all(below);
        else
            unlink(below);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static inline int teardown(void **state)
{
    (void)state;
    vlm_engine_close(engine);
    remove_all(dir);
    return 0;
}

static inline bool have(const char *what)
{
    if (access(what, X_OK) == 0)
        return true;
    printf("skip: %s is not here\n", what);
    return false;
}

static inline void write_text(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static inline void copy_file(const char *from, const char *to)
{
    size_t n;
    char *data = test_read(from, &n);
    FILE *f = fopen(to, "wb");
    if (!f || fwrite(data, 1, n, f) != n)
        fail_msg("%s: %s", to, strerror(errno));
    fclose(f);
    free(data);
}

static inline int open_clip(const char *path, const char *probe, const char *decode, double fps,
                            size_t max, size_t *n, vlm_error *err)
{
    vlm_video *v = NULL;
    vlm_video_options o;
    vlm_video_options_init(&o);
    if (probe)
        o.ffprobe = probe;
    if (decode)
        o.ffmpeg = decode;
    o.fps = fps;
    o.max_frames = max;
    int rc = vlm_video_open(&v, engine, path, &o, err);
    *n = rc == VLM_OK ? vlm_video_n_frames(v) : 0;
    vlm_video_close(v);
    return rc;
}

#endif
