/* abuse_media.c: clips that must fail with one line (reliability I14 to I16, I18, I19): lying
 * programs, missing programs, playlists, file names that look like options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "media_case.h"

/* ---- I14, I18, I19: programs that lie ---- */

static void lying_ffprobe(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        int rc;
        const char *says;
    } cases[] = {
        {"good", VLM_OK, ""},
        {"floods", VLM_OK, ""},
        {"one-frame", VLM_OK, ""},
        {"fast", VLM_OK, ""},
        {"600-seconds", VLM_OK, ""},
        {"601-seconds", VLM_ERR_LIMIT, "601 seconds, expected at most 600"},
        {"10-hours", VLM_ERR_LIMIT, "expected at most 600"},
        {"no-frames", VLM_ERR_FORMAT, "no moving picture"},
        {"silent", VLM_ERR_FORMAT, "no moving picture"},
        {"no-size", VLM_ERR_FORMAT, "0x0 pixels"},
        {"huge-side", VLM_ERR_LIMIT, "16385x1 pixels"},
        {"huge-frame", VLM_ERR_LIMIT, "10000x10000 pixels"},
        {"no-time", VLM_ERR_UNSUPPORTED, "no times"},
        {"bad-base", VLM_ERR_UNSUPPORTED, "no times"},
        {"zero-rate", VLM_ERR_FORMAT, "without length"},
        {"back", VLM_ERR_FORMAT, "without length"},
        {"overflow", VLM_ERR_FORMAT, "out of range"},
        {"streams", VLM_ERR_FORMAT, "too many streams"},
        {"garbage", VLM_ERR_FORMAT, "no moving picture"},
        {"endless", VLM_ERR_FORMAT, "without end"},
        {"killed", VLM_ERR_FORMAT, "signal 9"},
        {"crashed", VLM_ERR_FORMAT, "signal 11"},
        {"aborted", VLM_ERR_FORMAT, "signal 6"},
        {"fails", VLM_ERR_FORMAT, "gave no reason"},
        {"complains", VLM_ERR_FORMAT, "no such"},
        {"arguments", VLM_ERR_FORMAT, "gave no reason"}, /* no argument tells the file's name */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        vlm_error err;
        const char *probe = program("ffprobe", cases[i].how), *decode = program("ffmpeg", "good");
        begin(&err);
        int rc = open_clip(clip, probe, decode, 0, 0, &n, &err);
        check(cases[i].how, rc, cases[i].rc, cases[i].says, &err);
        assert_true((rc == VLM_OK) == (n > 0));
    }
}

static void lying_ffmpeg(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        int rc;
        const char *says;
    } cases[] = {
        {"good", VLM_OK, ""},
        {"turned", VLM_OK, ""},
        {"floods", VLM_OK, ""},
        {"more", VLM_OK, ""},
        {"newer", VLM_OK, ""}, /* without -vsync */
        {"unknown", VLM_ERR_FORMAT, "Unrecognized option"},
        {"few", VLM_ERR_FORMAT, "only 0 of 1 frames"},
        {"silent", VLM_ERR_FORMAT, "only 0 of 1 frames"},
        {"other-size", VLM_ERR_LIMIT, "9x9 pixels, expected at most 48"},
        {"huge", VLM_ERR_LIMIT, "16384x16384 pixels"},
        {"no-size", VLM_ERR_FORMAT, "no PPM picture"},
        {"half", VLM_ERR_FORMAT, "half a picture"},
        {"half-killed", VLM_ERR_FORMAT, "half a picture"},
        {"garbage", VLM_ERR_FORMAT, "no PPM picture"},
        {"endless", VLM_ERR_FORMAT, "no PPM picture"},
        {"killed", VLM_ERR_FORMAT, "signal 9"},
        {"crashed", VLM_ERR_FORMAT, "signal 11"},
        {"fails", VLM_ERR_FORMAT, "gave no reason"},
        {"complains", VLM_ERR_FORMAT, "no such"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        vlm_error err;
        const char *probe = program("ffprobe", "good"), *decode = program("ffmpeg", cases[i].how);
        begin(&err);
        int rc = open_clip(clip, probe, decode, 0, 0, &n, &err);
        check(cases[i].how, rc, cases[i].rc, cases[i].says, &err);
    }
    size_t n;
    vlm_error err;
    const char *probe = program("ffprobe", "wide-frame"), *decode = program("ffmpeg", "wide-frame");
    begin(&err); /* a side at its limit */
    check("wide", open_clip(clip, probe, decode, 0, 0, &n, &err), VLM_OK, "", &err);
}

/* ---- options ---- */

static void numbers_of_options(void **state)
{
    (void)state;
    static const struct {
        double fps;
        size_t max;
        int rc;
        size_t n;
    } cases[] = {
        {NAN, 0, VLM_ERR_ARGUMENT, 0},
        {-1, 0, VLM_ERR_ARGUMENT, 0},
        {INFINITY, 0, VLM_ERR_ARGUMENT, 0},
        {1e9, 0, VLM_OK, 10},
        {1e308, 3, VLM_OK, 3},
        {1e-300, 3, VLM_OK, 1},
        {5, VLM_LIMIT_VIDEO_FRAMES, VLM_OK, 5},
        {5, VLM_LIMIT_VIDEO_FRAMES + 1, VLM_ERR_LIMIT, 0},
        {5, SIZE_MAX, VLM_ERR_LIMIT, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        vlm_error err;
        const char *probe = program("ffprobe", "good"), *decode = program("ffmpeg", "good");
        begin(&err);
        int rc = open_clip(clip, probe, decode, cases[i].fps, cases[i].max, &n, &err);
        check("numbers", rc, cases[i].rc, "", &err);
        if (n != cases[i].n)
            fail_msg("%g frames a second: %zu frames, expected %zu", cases[i].fps, n, cases[i].n);
    }
    size_t n;
    vlm_error err;
    const char *probe = program("ffprobe", "600-seconds"), *decode = program("ffmpeg", "good");
    begin(&err);
    check("most frames", open_clip(clip, probe, decode, 10, VLM_LIMIT_VIDEO_FRAMES, &n, &err),
          VLM_OK, "", &err);
    assert_int_equal(n, VLM_LIMIT_VIDEO_FRAMES);
    vlm_video_options o;
    vlm_video *v;
    vlm_video_options_init(&o);
    o.size = 3;
    begin(&err);
    check("size", vlm_video_open(&v, engine, clip, &o, &err), VLM_ERR_ARGUMENT, "size", &err);
}

static void missing_programs(void **state)
{
    (void)state;
    size_t n;
    vlm_error err;
    begin(&err);
    check("no ffprobe", open_clip(clip, "/nonexistent/ffprobe", NULL, 0, 0, &n, &err), VLM_ERR_IO,
          "Debian package: ffmpeg", &err);
    const char *probe = program("ffprobe", "good");
    begin(&err);
    check("no ffmpeg", open_clip(clip, probe, "/nonexistent/ffmpeg", 0, 0, &n, &err), VLM_ERR_IO,
          "Debian package: ffmpeg", &err);
    begin(&err);
    check("no path", open_clip(clip, "ffprobe", NULL, 0, 0, &n, &err), VLM_ERR_ARGUMENT,
          "absolute path", &err);
    begin(&err);
    check("directory", open_clip(clip, "/tmp", NULL, 0, 0, &n, &err), VLM_ERR_IO, "cannot run",
          &err);
    begin(&err);
    check("no program", open_clip(clip, clip, NULL, 0, 0, &n, &err), VLM_ERR_IO, "cannot run",
          &err);
    begin(&err); /* a program, but not this one */
    check("wrong program", open_clip(clip, "/bin/true", NULL, 0, 0, &n, &err), VLM_ERR_FORMAT,
          "no moving picture", &err);
    vlm_pdf *pdf;
    vlm_pdf_options o;
    vlm_pdf_options_init(&o);
    o.pdfinfo = "/nonexistent/pdfinfo";
    begin(&err);
    check("no pdfinfo", vlm_pdf_open(&pdf, engine, clip, &o, &err), VLM_ERR_IO,
          "Debian package: poppler-utils", &err);
}

/* ---- limits of children ---- */

static void child_limits(void **state)
{
    (void)state;
    size_t n;
    vlm_error err;
    char want[256];
    const char *probe = program("ffprobe", "limits"), *decode = program("ffmpeg", "limits");
    snprintf(want, sizeof want, "cpu=%llu fsize=0 core=0",
             (unsigned long long)VLM_LIMIT_CHILD_CPU_SECONDS);
    begin(&err);
    check("limits", open_clip(clip, probe, NULL, 0, 0, &n, &err), VLM_ERR_FORMAT, want, &err);
    snprintf(want, sizeof want, "as=%llu cpu=%llu", (unsigned long long)VLM_LIMIT_CHILD_BYTES,
             (unsigned long long)VLM_LIMIT_VIDEO_CHILD_SECONDS);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    printf("skip: memory of children, a sanitizer takes all addresses\n");
#else
    begin(&err);
    check("limits", open_clip(clip, program("ffprobe", "good"), decode, 0, 0, &n, &err),
          VLM_ERR_FORMAT, want, &err);
    begin(&err);
    check("memory", open_clip(clip, program("ffprobe", "memory"), NULL, 0, 0, &n, &err),
          VLM_ERR_FORMAT, "got ", &err);
    unsigned long mb = strtoul(strstr(err.message, "got ") + 4, NULL, 10);
    if (mb < VLM_LIMIT_CHILD_BYTES * 9 / 10 >> 20 || mb >= VLM_LIMIT_CHILD_BYTES >> 20)
        fail_msg("a child got %lu MB", mb);
#endif
    (void)decode;
}

/* A child that computes for ever, and one that sleeps: both at once, because it takes a while. */
static void children_without_end(void **state)
{
    (void)state;
    if (!getenv("VLM_TEST_SLOW")) {
        printf("skip: children that never end take CHILD_SECONDS (%llu), set VLM_TEST_SLOW\n",
               (unsigned long long)VLM_LIMIT_CHILD_SECONDS);
        skip();
    }
    size_t n;
    vlm_error err;
    memset(&err, 0, sizeof err);
    double at = vlm_os_now_ms();
    assert_int_equal(open_clip(clip, program("ffprobe", "hangs"), NULL, 0, 0, &n, &err),
                     VLM_ERR_LIMIT);
    assert_true(fabs((vlm_os_now_ms() - at) / 1e3 - (double)VLM_LIMIT_CHILD_SECONDS) < 5);
    int rc = open_clip(clip, program("ffprobe", "spins"), NULL, 0, 0, &n, &err);
    assert_true(rc == VLM_ERR_FORMAT ||
                rc == VLM_ERR_LIMIT); /* killed, or late on a busy machine */
}

struct patience {
    double until;
    int calls;
};
static int lose_patience(void *ctx, size_t done, size_t total)
{
    struct patience *p = ctx;
    (void)done;
    (void)total;
    p->calls++;
    return p->calls > 1 &&
           vlm_os_now_ms() > p->until; /* on a busy machine the first call may be late */
}

static void cancelled_children(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"hangs", "good"},
                                           {"spins", "good"},
                                           {"good", "hangs"},
                                           {"good", "spins"},
                                           {"good", "half-hangs"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct patience p = {vlm_os_now_ms() + 300, 0};
        vlm_error err;
        vlm_video *v;
        vlm_video_options o;
        vlm_video_options_init(&o);
        o.ffprobe = program("ffprobe", cases[i][0]);
        o.ffmpeg = program("ffmpeg", cases[i][1]);
        o.progress = lose_patience;
        o.progress_ctx = &p;
        begin(&err);
        int rc = vlm_video_open(&v, engine, clip, &o, &err);
        check(cases[i][0], rc, VLM_ERR_CANCELLED, "cancelled", &err);
        assert_true(p.calls > 1);
    }
}

/* ---- I14: damaged clips, with the real programs ---- */

static void damaged_clips(void **state)
{
    (void)state;
    if (!have("/usr/bin/ffmpeg") || !have("/usr/bin/ffprobe"))
        skip();
    static const char *const files[] = {"h264.mp4", "rgb.mkv", "two.webm", "old.avi", "stream.ts"};
    char path[1300];
    snprintf(path, sizeof path, "%s/damaged", dir);
    unsigned seed = 1, opened = 0, refused = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char from[1024];
        size_t size;
        snprintf(from, sizeof from, "%s/video/%s", VLM_TEST_DATA, files[i]);
        char *data = test_read(from, &size);
        for (int k = 0; k < 6; k++) {
            size_t n, cut = k < 3 ? size * (size_t)(k + 1) / 4 : size;
            for (int b = 0; k >= 3 && b < 20; b++) {
                seed = seed * 1103515245u + 12345u;
                data[(seed >> 8) % size] = (char)(seed >> 24);
            }
            FILE *f = fopen(path, "wb");
            fwrite(data, 1, cut, f);
            fclose(f);
            vlm_error err;
            begin(&err);
            int rc = open_clip(path, NULL, NULL, 0, 0, &n, &err);
            check(files[i], rc, rc, "", &err); /* either is right, cleanly */
            rc < 0 ? refused++ : opened++;
        }
        free(data);
    }
    printf("damaged clips: %u opened, %u refused\n", opened, refused);
    assert_true(refused > 0);
}

static void odd_paths(void **state)
{
    (void)state;
    size_t n;
    vlm_error err;
    char path[1300], loop[1300];
    static const char *const paths[][2] = {{"/nonexistent/x.mp4", "cannot open"},
                                           {"/dev/zero", "regular file"},
                                           {"/dev/null", "regular file"},
                                           {"", "cannot open"}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        begin(&err);
        check(paths[i][0], open_clip(paths[i][0], NULL, NULL, 0, 0, &n, &err), VLM_ERR_IO,
              paths[i][1], &err);
        vlm_pdf *pdf;
        begin(&err);
        check(paths[i][0], vlm_pdf_open(&pdf, engine, paths[i][0], NULL, &err), VLM_ERR_IO,
              paths[i][1], &err);
    }
    snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    begin(&err);
    check("FIFO", open_clip(path, NULL, NULL, 0, 0, &n, &err), VLM_ERR_IO, "regular file", &err);
    snprintf(loop, sizeof loop, "%s/loop", dir);
    assert_int_equal(symlink(loop, loop), 0);
    begin(&err);
    check("loop", open_clip(loop, NULL, NULL, 0, 0, &n, &err), VLM_ERR_IO, "cannot open", &err);
    snprintf(path, sizeof path, "%s/empty", dir);
    write_text(path, "");
    if (have("/usr/bin/ffprobe")) {
        begin(&err);
        check("empty", open_clip(path, NULL, NULL, 0, 0, &n, &err), VLM_ERR_FORMAT, "cannot read",
              &err);
    }
}

static void directories(void **state)
{
    (void)state;
    size_t n;
    vlm_error err;
    char path[1200], file[1300];
    snprintf(path, sizeof path, "%s/frames", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    begin(&err);
    check("no pictures", open_clip(path, NULL, NULL, 0, 0, &n, &err), VLM_ERR_FORMAT,
          "without pictures", &err);
    for (uint64_t i = 0; i <= VLM_LIMIT_VIDEO_FRAMES; i++) {
        if (i == VLM_LIMIT_VIDEO_FRAMES) { /* at the limit */
            begin(&err);
            check("most", open_clip(path, NULL, NULL, 0, 0, &n, &err), VLM_OK, "", &err);
            assert_int_equal(n, VLM_LIMIT_VIDEO_FRAMES);
        }
        snprintf(file, sizeof file, "%s/%04u.png", path, (unsigned)i);
        if (symlink(VLM_TEST_DATA "/video/list/1.png", file) != 0)
            fail_msg("%s", file);
    }
    begin(&err);
    check("one more", open_clip(path, NULL, NULL, 0, 0, &n, &err), VLM_ERR_LIMIT,
          "more than 256 pictures", &err);
    for (unsigned i = 2; i <= VLM_LIMIT_VIDEO_FRAMES; i++) {
        snprintf(file, sizeof file, "%s/%04u.png", path, i);
        unlink(file);
    }
    snprintf(file, sizeof file, "%s/zzz.txt", path);
    write_text(file, "no picture");
    begin(&err);
    check("no picture", open_clip(path, NULL, NULL, 0, 0, &n, &err), VLM_ERR_FORMAT, "zzz.txt",
          &err);
    unlink(file);
    snprintf(file, sizeof file, "%s/other.png", path);
    copy_file(VLM_TEST_DATA "/golden/page_1536x1152.png", file);
    begin(&err);
    check("other size", open_clip(path, NULL, NULL, 0, 0, &n, &err), VLM_ERR_FORMAT,
          "expected 50x40 as the first", &err);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(lying_ffprobe),      cmocka_unit_test(lying_ffmpeg),
        cmocka_unit_test(numbers_of_options), cmocka_unit_test(missing_programs),
        cmocka_unit_test(child_limits),       cmocka_unit_test(children_without_end),
        cmocka_unit_test(cancelled_children), cmocka_unit_test(damaged_clips),
        cmocka_unit_test(odd_paths),          cmocka_unit_test(directories),
    };
    if (argc < 2 || !realpath(argv[1], fake)) {
        fprintf(stderr, "usage: abuse_media FAKE [TEST]\n");
        return 2;
    }
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
