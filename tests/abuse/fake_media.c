/* fake_media.c: stands for ffprobe, ffmpeg, pdfinfo and pdftoppm, and lies.  What it does is in its
 * name, because a child has no environment: the tests link it under the names below. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *name;

static int is(const char *what)
{
    return strcmp(name, what) == 0;
}

/* A stream of n frames of w x h, ten a second. */
static void clip(long n, long w, long h)
{
    for (long i = 0; i < n; i++)
        printf("packet|stream_index=0|pts=%ld|pts_time=%ld.%ld|duration=1|flags=K_\n", i, i / 10,
               i % 10);
    printf("stream|index=0|width=%ld|height=%ld|time_base=1/10|disposition:default=1\n", w, h);
}

static void frame(long w, long h)
{
    printf("P6\n%ld %ld\n255\n", w, h);
    for (long i = 0; i < w * h * 3; i++)
        putchar((int)(i & 255));
}

static void frames(long n, long w, long h)
{
    for (long i = 0; i < n; i++)
        frame(w, h);
}

static void tell_limits(void)
{
    static const struct {
        __rlimit_resource_t what;
        const char *shown;
    } all[] = {
        {RLIMIT_AS, "as"}, {RLIMIT_CPU, "cpu"}, {RLIMIT_FSIZE, "fsize"}, {RLIMIT_CORE, "core"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct rlimit r;
        getrlimit(all[i].what, &r);
        fprintf(stderr, "%s=%lld ", all[i].shown, (long long)r.rlim_cur);
    }
    exit(1);
}

static void tell_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(argv[i], "evil") || argv[i][0] == ';')
            fprintf(stderr, "argument %d is %s\n", i, argv[i]);
    exit(3);
}

static void anyone(int argc, char **argv)
{
    if (is("killed"))
        raise(SIGKILL);
    if (is("crashed"))
        raise(SIGSEGV);
    if (is("aborted"))
        abort();
    if (is("hangs"))
        for (;;)
            pause();
    if (is("spins"))
        for (volatile unsigned i = 0;; i++)
            ;
    if (is("silent"))
        exit(0);
    if (is("fails"))
        exit(1);
    if (is("complains")) {
        fputs("first\n[part @ 0x5555deadbeef] \033[31mno such\tthing\007\n", stderr);
        exit(1);
    }
    if (is("floods")) /* complaints only */
        for (int i = 0; i < 20000; i++)
            fputs(
                "a long complaint of a hundred bytes or so, again and again and again and again\n",
                stderr);
    if (is("garbage")) {
        puts("hello, world");
        exit(0);
    }
    if (is("endless"))
        for (;;)
            putchar('x');
    if (is("limits"))
        tell_limits();
    if (is("arguments"))
        tell_arguments(argc, argv);
    if (is("memory")) {
        size_t n = 0;
        for (; malloc(1 << 20); n++)
            ;
        fprintf(stderr, "got %zu MB", n);
        exit(1);
    }
}

static void ffprobe(void)
{
    if (is("good") || is("floods"))
        clip(10, 8, 6);
    else if (is("no-frames"))
        clip(0, 8, 6);
    else if (is("one-frame"))
        clip(1, 8, 6);
    else if (is("600-seconds"))
        clip(6000, 8, 6);
    else if (is("601-seconds"))
        clip(6010, 8, 6);
    else if (is("10-hours"))
        clip(360000, 8, 6);
    else if (is("no-size"))
        clip(10, 0, 0);
    else if (is("huge-side"))
        clip(10, 16385, 1);
    else if (is("huge-frame"))
        clip(10, 10000, 10000);
    else if (is("wide-frame"))
        clip(10, 16384, 1);
    else if (is("no-time"))
        puts("packet|stream_index=0|pts=N/A|dts=N/A|duration=1\n"
             "stream|index=0|width=8|height=6|time_base=1/10");
    else if (is("zero-rate"))
        puts("packet|stream_index=0|pts=0|duration=0\n"
             "stream|index=0|width=8|height=6|time_base=1/10");
    else if (is("bad-base"))
        puts("packet|stream_index=0|pts=0|duration=1\nstream|index=0|width=8|height=6|time_base=0/"
             "0");
    else if (is("back"))
        puts("packet|stream_index=0|pts=0|duration=-5\n"
             "stream|index=0|width=8|height=6|time_base=1/10");
    else if (is("overflow"))
        puts("packet|stream_index=0|pts=9223372036854775807|duration=9223372036854775807\n");
    else if (is("fast")) /* 10^9 frames a second */
        puts("packet|stream_index=0|pts=0|duration=1\npacket|stream_index=0|pts=1|duration=1\n"
             "stream|index=0|width=8|height=6|time_base=1/1000000000");
    else if (is("streams"))
        for (int i = 0; i < 1000; i++)
            printf("stream|index=%d|width=8|height=6|time_base=1/10\n", i);
    else
        exit(9);
}

static void ffmpeg(int argc, char **argv)
{
    long n = 0;
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "-frames:v") == 0)
            n = atol(argv[i + 1]);
        if (is("newer") && strcmp(argv[i], "-vsync") == 0) {
            fputs("Unrecognized option 'vsync'.\nError splitting the argument list\n", stderr);
            exit(8);
        }
    }
    if (is("unknown")) {
        fputs("Unrecognized option 'x'.\n", stderr);
        exit(8);
    }
    if (is("good") || is("floods") || is("newer"))
        frames(n, 8, 6);
    else if (is("turned"))
        frames(n, 6, 8);
    else if (is("few"))
        frames(n - 1, 8, 6);
    else if (is("more"))
        frames(n + 100000, 8, 6);
    else if (is("wide-frame"))
        frames(n, 16384, 1);
    else if (is("other-size"))
        frames(n, 9, 9);
    else if (is("huge"))
        puts("P6\n16384 16384\n255");
    else if (is("no-size"))
        puts("P6\n0 0\n255");
    else if (is("half")) {
        puts("P6\n8 6\n255\nabc");
    } else if (is("half-killed")) {
        puts("P6\n8 6\n255\nabc");
        fflush(stdout);
        raise(SIGKILL);
    } else if (is("half-hangs")) {
        puts("P6\n8 6\n255\nabc");
        fflush(stdout);
        for (;;)
            pause();
    } else {
        exit(9);
    }
}

static void pdf_info(int argc, char **argv)
{
    int one = argc > 2;
    const char *page = one ? argv[3] : "";
    if (!one)
        printf("Title:  Pages: 7\nPages:          %s\n", is("no-pages")         ? "0"
                                                         : is("2000-pages")     ? "2000"
                                                         : is("2001-pages")     ? "2001"
                                                         : is("100000-pages")   ? "100000"
                                                         : is("negative-pages") ? "-1"
                                                                                : "3");
    else if (is("no-box"))
        puts("Page size: 1 x 1");
    else
        printf("Page %s rot: 90\nPage %s MediaBox: 0.00 0.00 %s\n", page, page,
               is("kilometre")  ? "1000000.00 1000000.00"
               : is("long")     ? "72.00 7864.33"
               : is("25-mpx")   ? "360.00 360.00" /* 5000 x 5000 at 1000 dots */
               : is("more-mpx") ? "360.00 360.05"
               : is("flat")     ? "0.00 100.00"
                                : "72.00 36.00");
}

static void pdf_page(void)
{
    if (is("good") || is("floods"))
        frame(150, 75);
    else if (is("2000-pages"))
        frame(1, 1);
    else if (is("two"))
        frames(2, 8, 6);
    else if (is("25-mpx"))
        frame(5000, 5000);
    else if (is("huge"))
        frame(5001, 5000);
    else
        exit(9);
}

int main(int argc, char **argv)
{
    /* .../ffmpeg-few: the part it plays, then how */
    const char *slash = strrchr(argv[0], '/');
    const char *part = slash ? slash + 1 : argv[0];
    const char *dash = strchr(part, '-');
    name = dash ? dash + 1 : "";
    anyone(argc, argv);
    if (strncmp(part, "ffprobe-", 8) == 0)
        ffprobe();
    else if (strncmp(part, "ffmpeg-", 7) == 0)
        ffmpeg(argc, argv);
    else if (strncmp(part, "pdfinfo-", 8) == 0)
        pdf_info(argc, argv);
    else if (strncmp(part, "pdftoppm-", 9) == 0)
        pdf_page();
    return 0;
}
