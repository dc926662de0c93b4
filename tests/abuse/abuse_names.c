/* abuse_names.c: clips that name other files, and names that look like options (reliability I15,
 * I16), with all walls around the children and with none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <netinet/in.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "media_case.h"

#include "base/os_child.h"

/* ---- I16: names ---- */

static void hostile_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "-i",          "-evil",      ";rm -rf evil", "a\nevil",        "%s%n%d",
        "concat:a|b",  "subfile,,:", "http:evil",    "pipe:0",         "evil.m3u8",
        "\xff\xfe",    "'evil\"",    "\033[31m",     "evil$(touch x)", "*",
        "evil%03d.png"};
    char old[1024];
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(dir), 0);
    bool real = have("/usr/bin/ffmpeg") && have("/usr/bin/ffprobe");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        vlm_error err;
        copy_file(VLM_TEST_DATA "/video/half.mkv", names[i]);
        begin(&err); /* no word of the name reaches argv */
        check(names[i], open_clip(names[i], program("ffprobe", "arguments"), NULL, 0, 0, &n, &err),
              VLM_ERR_FORMAT, "gave no reason", &err);
        if (real) {
            begin(&err);
            check(names[i], open_clip(names[i], NULL, NULL, 0, 0, &n, &err), VLM_OK, "", &err);
            assert_int_equal(n, 6);
        }
        unlink(names[i]);
    }
    assert_int_equal(chdir(old), 0);
}

/* ---- I15: files that name other files ---- */

static const char *const lists[][2] = {
    {"list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n%s\n#EXT-X-ENDLIST\n"},
    {"uri.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://%s\n#EXT-X-ENDLIST\n"},
    {"net.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:@PORT/%s\n"},
    {"list.ffconcat", "ffconcat version 1.0\nfile '%s'\n"},
    {"list.mpd", "<?xml version=\"1.0\"?><MPD type=\"static\"><Period><AdaptationSet "
                 "mimeType=\"video/mp4\"><Representation id=\"1\"><BaseURL>%s</BaseURL>"
                 "</Representation></AdaptationSet></Period></MPD>\n"},
    {"list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\n"
                 "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\na=x:%s\n"},
    {"list.avs", "DirectShowSource(\"%s\")\n"},
    {"list.txt", "file '%s'\n"},
};

/* What is watched while lists are opened: the file they name, and a port. */
struct watch {
    char other[1200];
    int opened, port_fd;
    unsigned port;
};

static void watch_begin(struct watch *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    snprintf(w->other, sizeof w->other, "%s/other.ts", dir);
    copy_file(VLM_TEST_DATA "/video/stream.ts", w->other);
    w->opened = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(inotify_add_watch(w->opened, w->other, IN_OPEN) >= 0);
    w->port_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->port_fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(w->port_fd, 4), 0);
    assert_int_equal(getsockname(w->port_fd, (struct sockaddr *)&a, &n), 0);
    w->port = ntohs(a.sin_port);
}

static void write_list(char path[1300], const struct watch *w, size_t i)
{
    char text[4096], number[8];
    snprintf(path, 1300, "%s/%s", dir, lists[i][0]);
    snprintf(text, sizeof text, lists[i][1], w->other);
    snprintf(number, sizeof number, "%05u", w->port % 100000);
    char *at = strstr(text, "@PORT");
    if (at)
        memcpy(at, number, 5);
    write_text(path, text);
}

static bool untouched(const struct watch *w)
{
    char event[256];
    return read(w->opened, event, sizeof event) < 0 && errno == EAGAIN &&
           accept(w->port_fd, NULL, NULL) < 0 && errno == EAGAIN;
}

static void playlists(void **state)
{
    (void)state;
    if (!have("/usr/bin/ffmpeg") || !have("/usr/bin/ffprobe"))
        skip();
    struct watch w;
    watch_begin(&w);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t n;
        vlm_error err;
        char path[1300];
        write_list(path, &w, i);
        begin(&err);
        check(lists[i][0], open_clip(path, NULL, NULL, 0, 0, &n, &err), VLM_ERR_FORMAT,
              "cannot read", &err);
        assert_true(untouched(&w));
    }
    int fd = open(w.other, O_RDONLY); /* the watch does see */
    close(fd);
    assert_false(untouched(&w));
    close(w.opened);
    close(w.port_fd);
}

/* A process whose kernel knows no Landlock and allows no namespaces and no filters of its own. */
static void lose_walls(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 444 /* landlock_create_ruleset */, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_unshare, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(77);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* With limits alone: good files open as before, and lists still lead nowhere. */
static void without_walls(void **state)
{
    (void)state;
    if (!have("/usr/bin/ffmpeg") || !have("/usr/bin/ffprobe"))
        skip();
    struct watch w;
    watch_begin(&w);
    pid_t pid = fork();
    if (pid == 0) {
        size_t n;
        vlm_error err;
        vlm_image *image;
        char path[1300];
        unsigned guards;
        struct vlm_child_end end;
        struct vlm_child_limits limits = {64 << 20, 5, 20};
        lose_walls();
        if (vlm_child_call(nothing, NULL, &limits, &guards, &end, &err) < 0 ||
            guards != VLM_GUARD_LIMITS) {
            fprintf(stderr, "guards %u, %s\n", guards, err.message);
            _exit(1);
        }
        if (open_clip(VLM_TEST_DATA "/video/half.mkv", NULL, NULL, 0, 0, &n, &err) < 0 || n != 6)
            _exit(2);
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
            write_list(path, &w, i);
            if (open_clip(path, NULL, NULL, 0, 0, &n, &err) != VLM_ERR_FORMAT)
                _exit(3);
        }
        if (vlm_image_open_sandboxed(&image, engine, VLM_TEST_DATA "/video/list/1.png", &err) < 0)
            _exit(4);
        _exit(0);
    }
    int status = 0;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        printf("skip: children without walls, no seccomp to take them away\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(untouched(&w));
    close(w.opened);
    close(w.port_fd);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(playlists),
        cmocka_unit_test(without_walls),
    };
    if (argc < 2 || !realpath(argv[1], fake)) {
        fprintf(stderr, "usage: abuse_names FAKE [TEST]\n");
        return 2;
    }
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
