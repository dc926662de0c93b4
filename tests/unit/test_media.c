/* test_media.c: sampling against transformers, the readers of other programs' output, children. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/os.h"
#include "media/media.h"

/* ---- sampling ---- */

static void sampling_as_transformers(void **state)
{
    (void)state;
    FILE *f = fopen(VLM_TEST_DATA "/video/sampling.txt", "r");
    assert_non_null(f);
    char line[1024];
    size_t n = 0;
    while (fgets(line, sizeof line, f)) {
        uint64_t total, got[VLM_LIMIT_VIDEO_FRAMES], most;
        double duration, video_fps, fps;
        int at;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%" SCNu64 " %la %la %la %" SCNu64 " :%n", &total, &duration,
                                &video_fps, &fps, &most, &at),
                         5);
        size_t n_got = vlm_media_sample(got, VLM_LIMIT_VIDEO_FRAMES, total, duration, video_fps,
                                        fps, (size_t)most);
        uint64_t hash = 0xCBF29CE484222325u, want;
        char text[1024] = "";
        for (size_t i = 0; i < n_got; i++) {
            hash = (hash ^ got[i]) * 0x100000001B3u;
            if (n_got <= 4)
                sprintf(text + strlen(text), " %" PRIu64, got[i]);
        }
        size_t n_want;
        if (sscanf(line + at, " n=%zu fnv=%" SCNx64, &n_want, &want) == 2) {
            if (n_got != n_want || hash != want)
                fail_msg("%zu indices, another hash: %s", n_got, line);
        } else {
            line[strcspn(line, "\n")] = 0;
            if (n_got > 4 || strcmp(text, line + at) != 0)
                fail_msg("%s: got%s", line, text);
        }
        n++;
    }
    fclose(f);
    assert_true(n > 3000);
}

static void sampling_refuses(void **state)
{
    (void)state;
    uint64_t out[VLM_LIMIT_VIDEO_FRAMES];
    static const struct {
        uint64_t total;
        double duration, video_fps, fps;
        size_t max;
    } bad[] = {{0, 1, 1, 1, 1},         {1, NAN, 1, 1, 1},      {1, INFINITY, 1, 1, 1},
               {1, -1, 1, 1, 1},        {1, 1, NAN, 1, 1},      {1, 1, INFINITY, 1, 1},
               {1, 1, 1, NAN, 1},       {1, 1, 1, INFINITY, 1}, {1, 1, 1, 1, 0},
               {UINT64_MAX, 1, 1, 1, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(vlm_media_sample(out, VLM_LIMIT_VIDEO_FRAMES, bad[i].total,
                                          bad[i].duration, bad[i].video_fps, bad[i].fps,
                                          bad[i].max),
                         0);
    /* the room is the limit: that many fit, one more does not */
    assert_int_equal(vlm_media_sample(out, 4, 100, 100, 1, 1, 4), 4);
    assert_int_equal(vlm_media_sample(out, 4, 100, 100, 1, 1, 5), 0);
    assert_int_equal(
        vlm_media_sample(out, VLM_LIMIT_VIDEO_FRAMES, 1 << 20, 600, 1747, 1e9, sizeof out / 8),
        VLM_LIMIT_VIDEO_FRAMES);
}

/* ---- readers ---- */

static bool read_clip(struct vlm_media_clip *c, const char *text, size_t step)
{
    vlm_media_clip_begin(c);
    for (size_t n = strlen(text), at = 0; at < n; at += step)
        if (!vlm_media_clip_add(c, text + at, n - at < step ? n - at : step))
            return false;
    return vlm_media_clip_end(c);
}

static void ffprobe_output(void **state)
{
    (void)state;
    static const char text[] =
        "packet|stream_index=0|pts=2048|pts_time=0.200000|dts=0|duration=1024|flags=K_\n"
        "packet|stream_index=2|pts=5|pts_time=N/A|duration=N/A|flags=K_\n"
        "packet|stream_index=0|pts=-1024|pts_time=-0.1|dts=N/A|duration=1024|flags=_D\n"
        "packet|stream_index=0|pts=N/A|dts=1024|duration=1024|flags=__\n"
        "\n"
        "packet|stream_index=0|pts=4096|dts=0|duration=2048|flags=__|side_data|x=1\n"
        "stream|index=0|width=64|height=48|time_base=1/10240|bit_rate=N/A|disposition:default=1\n"
        "stream|index=1|width=64|height=48|time_base=1/1|bit_rate=9999|disposition:default=1|"
        "disposition:attached_pic=1\n"
        "stream|index=2|width=6|height=4|time_base=1/0|bit_rate=9|disposition:default=0\n";
    for (size_t step = 1; step < 200; step += 11) {
        struct vlm_media_clip c;
        assert_true(read_clip(&c, text, step));
        assert_int_equal(c.n_streams, 3);
        const struct vlm_media_stream *s = vlm_media_clip_best(&c);
        assert_int_equal(s->index, 0);
        assert_int_equal(s->n_frames, 3); /* the discarded one is none */
        assert_int_equal(s->first, 1024);
        assert_int_equal(s->end, 6144);
        assert_true(s->timed && s->num == 1 && s->den == 10240 && s->width == 64);
        assert_true(c.first_seconds == -0.1 && c.last_seconds == 0.2);
    }
}

/* What must be refused, and what must not be taken for more than it is. */
static void ffprobe_lies(void **state)
{
    (void)state;
    struct vlm_media_clip c;
    assert_false(read_clip(&c, "packet|pts=1\n", 100));
    assert_false(read_clip(&c, "packet|stream_index=-1|pts=1\n", 100));
    assert_false(read_clip(&c, "stream|width=1\n", 100));
    assert_false(read_clip(&c, "packet|stream_index=0|pts=9223372036854775807|duration=1\n", 100));
    char *text = malloc(1 << 16), *p = text;
    memset(text, 'a', 2000);
    text[2000] = 0;
    assert_false(read_clip(&c, text, 100)); /* a line without end */
    for (unsigned over = 0; over < 2; over++) {
        p = text;
        for (unsigned i = 0; i < VLM_LIMIT_VIDEO_STREAMS + over; i++)
            p += sprintf(p, "stream|index=%u|width=2|height=2|time_base=1/10\n", i);
        assert_int_equal(read_clip(&c, text, 4096), over == 0);
    }
    free(text);
    assert_true(read_clip(&c, "", 1));
    assert_null(vlm_media_clip_best(&c));
    assert_true(read_clip(&c,
                          "packet|stream_index=0|pts=99999999999999999999\n"
                          "stream|index=0|width=2|height=2|time_base=1/99999999999999999999",
                          100));
    assert_false(vlm_media_clip_best(&c)->timed);
    assert_int_equal(vlm_media_clip_best(&c)->den, 0);
    /* only a cover, or packets whose stream is never described: nothing to show */
    assert_true(read_clip(&c,
                          "packet|stream_index=3|pts=1\n"
                          "stream|index=0|disposition:attached_pic=1\n",
                          100));
    assert_null(vlm_media_clip_best(&c));
}

static void ppm_headers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int is;
        uint32_t width, height;
    } cases[] = {
        {"P6\n64 48\n255\n", 1, 64, 48},
        {"P6 1 1 255 ", 1, 1, 1},
        {"P6\n\n\n7\t8 \n255\n", 1, 7, 8},
        {"P6\n64 48\n255", 0, 0, 0},
        {"P6", 0, 0, 0},
        {"P", 0, 0, 0},
        {"", 0, 0, 0},
        {"P5\n64 48\n255\n", -1, 0, 0},
        {"Q", -1, 0, 0},
        {"P6\n0 48\n255\n", -1, 0, 0},
        {"P6\n64 0\n255\n", -1, 0, 0},
        {"P6\n64 48\n256\n", -1, 0, 0},
        {"P6\n64 48\n65535\n", -1, 0, 0},
        {"P6\n64 -8\n255\n", -1, 0, 0},
        {"P6\n9999999999 1\n255\n", -1, 0, 0},
        {"P6\n99999999999999999999999999", -1, 0, 0},
        {"P6\n64 48\n255x", -1, 0, 0},
        {"P6\n# no comments\n", -1, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t w = 0, h = 0;
        size_t n = strlen(cases[i].text), used = 0;
        int is = vlm_media_ppm((const uint8_t *)cases[i].text, n, &w, &h, &used);
        if (is != cases[i].is || w != cases[i].width || h != cases[i].height ||
            (is == 1 && used != n))
            fail_msg("case %zu: %d, %ux%u", i, is, w, h);
    }
    char blanks[128] = "P6";
    memset(blanks + 2, ' ', 100);
    uint32_t w, h;
    size_t used;
    assert_int_equal(vlm_media_ppm((uint8_t *)blanks, 102, &w, &h, &used), -1);
}

static void pdfinfo_output(void **state)
{
    (void)state;
    uint64_t pages = 0;
    double w, h;
    static const char whole[] = "Title:          a\nPages:          99\nPages:          3\n"
                                "Encrypted:      no\nPage size:      612 x 792 pts (letter)\n";
    assert_true(vlm_media_pdf_pages(&pages, whole, sizeof whole - 1));
    assert_int_equal(pages, 3); /* the first was part of a title */
    static const char *const none[] = {"",
                                       "Pages:",
                                       "Pages: x\n",
                                       "Pages: -3\n",
                                       " Pages: 3\n",
                                       "Pages: 99999999999999999999\n",
                                       "pages: 3\n"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(vlm_media_pdf_pages(&pages, none[i], strlen(none[i])));
    static const char one[] = "Page    2 size:  1 x 1 pts\nPage    2 rot:   90\n"
                              "Page    2 MediaBox:     10.00   -5.50   622.00   786.50\n"
                              "Page    2 CropBox:     0 0 1 1\n"
                              "Page    3 MediaBox:     0 0 1 1\n";
    assert_true(vlm_media_pdf_size(&w, &h, one, sizeof one - 1, 2));
    assert_true(w == 792 && h == 612);
    assert_false(vlm_media_pdf_size(&w, &h, one, sizeof one - 1, 4));
    static const char bad[] = "Page    2 MediaBox:  0 0 nan 7\nPage    2 MediaBox: 0 0 1\n";
    assert_false(vlm_media_pdf_size(&w, &h, bad, sizeof bad - 1, 2));
}

/* ---- children ---- */

static const char *guards_text(unsigned g)
{
    static char text[128];
    snprintf(text, sizeof text, "limits%s%s%s", g & VLM_GUARD_SECCOMP ? ", seccomp" : "",
             g & VLM_GUARD_LANDLOCK ? ", Landlock" : "",
             g & VLM_GUARD_NAMESPACES ? ", namespaces" : "");
    return text;
}

static int *shared; /* [16], zero before each call */

static struct vlm_child_end call(void (*fn)(void *), unsigned *guards, uint64_t seconds, int want)
{
    struct vlm_child_limits limits = {64 << 20, 5, seconds};
    struct vlm_child_end end = {.code = -1};
    vlm_error err;
    memset(shared, 0, 64);
    double begin = vlm_os_now_ms();
    int rc = vlm_child_call(fn, NULL, &limits, guards, &end, &err);
    if (rc != want)
        fail_msg("%d, expected %d: %s", rc, want, err.message);
    assert_true(vlm_os_now_ms() - begin < 1e3 * (double)seconds + 5e3);
    assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* no zombie */
    return end;
}

static void computes(void *arg)
{
    (void)arg;
    char *p = malloc(1 << 20);
    if (!p)
        return;
    memset(p, 7, 1 << 20);
    shared[0] = p[1000];
    free(p);
}
static void crashes(void *arg)
{
    (void)arg;
    shared[0] = 1;
    raise(SIGSEGV);
}
static void hangs(void *arg)
{
    (void)arg;
    for (volatile unsigned i = 0;; i++) /* unsigned: a fast machine counts past INT_MAX */
        ;
}
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static char *volatile kept; /* a compiler may leave out memory that nobody reads */
static void grows(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1 << 12; i++) {
        char *p = malloc(1 << 20);
        if (!p) {
            shared[1] = 1;
            return;
        }
        memset(p, 1, 1 << 20);
        kept = p;
        shared[0] = i + 1;
    }
}
#endif
static void opens(void *arg)
{
    (void)arg;
    shared[0] = 1;
    shared[1] = open("/etc/passwd", O_RDONLY) >= 0;
}
static void connects(void *arg)
{
    (void)arg;
    shared[0] = 1;
    shared[1] = socket(AF_INET, SOCK_STREAM, 0) >= 0;
}
static void forks(void *arg)
{
    (void)arg;
    shared[0] = 1;
    shared[1] = fork() >= 0;
}
static void execs(void *arg)
{
    (void)arg;
    shared[0] = 1;
    execl("/bin/true", "true", (char *)NULL);
}
static void signals_parent(void *arg)
{
    (void)arg;
    shared[0] = 1;
    shared[1] = kill(getppid(), 0) == 0;
}

static void function_children(void **state)
{
    (void)state;
    unsigned guards;
    shared = vlm_child_share(64);
    assert_non_null(shared);
    struct vlm_child_end end = call(computes, &guards, 20, VLM_OK);
    printf("functions run behind: %s\n", guards_text(guards));
    assert_true(end.known && end.code == 0 && shared[0] == 7);
    end = call(crashes, &guards, 20, VLM_OK);
    assert_true(shared[0] == 1 && (end.signal || end.code != 0));
    end = call(hangs, &guards, 1, VLM_ERR_LIMIT);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    end = call(grows, &guards, 60, VLM_OK); /* limit: 64 MB */
    assert_true(shared[0] < 70 && (shared[1] == 1 || end.signal));
#endif
    if (!(guards & VLM_GUARD_SECCOMP)) {
        printf("skip: system calls of a child, no seccomp here\n");
        return;
    }
    static void (*const forbidden[])(void *) = {opens, connects, forks, execs, signals_parent};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        end = call(forbidden[i], &guards, 20, VLM_OK);
        if (shared[0] != 1 || shared[1] != 0 || end.signal != SIGSYS)
            fail_msg("call %zu: %d %d, signal %d", i, shared[0], shared[1], end.signal);
    }
    vlm_child_unshare(shared, 64);
}

/* fork while other threads are in malloc: the child's malloc must not wait for them. */
static atomic_bool stop_threads;
static void *allocates(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop_threads))
        free(malloc((size_t)(1 + rand() % 100000)));
    return NULL;
}

static void children_of_threads(void **state)
{
    (void)state;
    unsigned guards;
    pthread_t threads[4];
    shared = vlm_child_share(64);
    atomic_store(&stop_threads, false);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocates, NULL), 0);
    for (int i = 0; i < 40; i++) {
        call(computes, &guards, 30, VLM_OK);
        assert_int_equal(shared[0], 7);
    }
    atomic_store(&stop_threads, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    vlm_child_unshare(shared, 64);
}

struct said {
    char out[256];
    struct vlm_child_end end;
    unsigned guards;
    int rc;
    vlm_error err;
    char complaint[256];
};

static struct said run(const char *const *argv, int input, uint64_t seconds)
{
    struct said s = {.end = {.code = -1}};
    struct vlm_child c;
    struct vlm_child_spec spec = {
        .program = argv[0], .argv = argv, .input = input, .limits = {256 << 20, 5, seconds}};
    s.rc = vlm_child_start(&c, &spec, &s.err);
    if (s.rc < 0)
        return s;
    size_t n = 0, got;
    while ((s.rc = vlm_child_read(&c, s.out + n, sizeof s.out - 1 - n, &got, &s.err)) == VLM_OK &&
           got > 0)
        n += got;
    if (s.rc == VLM_OK)
        s.rc = vlm_child_wait(&c, &s.end, &s.err);
    s.guards = c.guards;
    snprintf(s.complaint, sizeof s.complaint, "%.*s", 255, c.said);
    vlm_child_close(&c);
    assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    return s;
}

static void program_children(void **state)
{
    (void)state;
    char path[] = "/tmp/vlm-media-XXXXXX";
    int made = mkstemp(path), input;
    vlm_error err;
    assert_true(made >= 0 && write(made, "hello", 5) == 5);
    close(made);
    assert_int_equal(vlm_child_input_open(&input, path, &err), VLM_OK);
    const char *cat[] = {"/bin/cat", VLM_CHILD_INPUT, NULL};
    struct said s = run(cat, input, 20);
    printf("programs run behind: %s\n", guards_text(s.guards));
    assert_true(s.rc == VLM_OK && s.end.code == 0);
    assert_string_equal(s.out, "hello");
    const char *env[] = {"/usr/bin/env", NULL};
    s = run(env, -1, 20);
    assert_string_equal(s.out, "LC_ALL=C\nMALLOC_ARENA_MAX=1\n");
    const char *ask[] = {"/bin/cat", NULL};
    s = run(ask, -1, 20); /* stdin is empty, not ours */
    assert_true(s.end.code == 0 && s.out[0] == 0);
    if (s.guards & VLM_GUARD_LANDLOCK) {
        const char *other[] = {"/bin/cat", path, NULL};
        s = run(other, -1, 20);
        assert_true(s.end.code == 1 && strstr(s.complaint, "Permission denied"));
    }
    if (s.guards & VLM_GUARD_SECCOMP) {
        const char *writes[] = {"/usr/bin/touch", "/tmp/vlm-media-never", NULL};
        s = run(writes, -1, 20);
        assert_true(s.end.code != 0 && access("/tmp/vlm-media-never", F_OK) != 0);
    }
    const char *sleeps[] = {"/bin/sleep", "1000", NULL};
    s = run(sleeps, -1, 1);
    assert_int_equal(s.rc, VLM_ERR_LIMIT);
    const char *missing[] = {"/nonexistent/ffmpeg", NULL};
    s = run(missing, -1, 20);
    assert_true(s.rc == VLM_ERR_IO && s.err.os_errno == ENOENT);
    const char *text[] = {path, NULL};
    s = run(text, -1, 20);
    assert_true(s.rc == VLM_ERR_IO && s.err.os_errno == EACCES);
    const char *relative[] = {"cat", NULL};
    s = run(relative, -1, 20);
    assert_int_equal(s.rc, VLM_ERR_ARGUMENT);
    vlm_child_input_close(input);
    unlink(path);
}

static void inputs_that_are_no_files(void **state)
{
    (void)state;
    int fd;
    vlm_error err;
    assert_int_equal(vlm_child_input_open(&fd, "/tmp", &err), VLM_ERR_IO);
    assert_int_equal(vlm_child_input_open(&fd, "/dev/zero", &err), VLM_ERR_IO);
    assert_int_equal(vlm_child_input_open(&fd, "/nonexistent", &err), VLM_ERR_IO);
    assert_int_equal(err.os_errno, ENOENT);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampling_as_transformers),
        cmocka_unit_test(sampling_refuses),
        cmocka_unit_test(ffprobe_output),
        cmocka_unit_test(ffprobe_lies),
        cmocka_unit_test(ppm_headers),
        cmocka_unit_test(pdfinfo_output),
        cmocka_unit_test(function_children),
        cmocka_unit_test(children_of_threads),
        cmocka_unit_test(program_children),
        cmocka_unit_test(inputs_that_are_no_files),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
