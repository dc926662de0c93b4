/* command.h: runs the vlm command and looks at how it ends.  For tests.
 *
 * For every case: the exit status of cli.md, never a signal; on failure nothing on stdout and
 * exactly one line "vlm: ..." on stderr (with status 2 a second one, the hint); under a second of
 * CPU time and 256 MB. In the commands below @M is a golden model, @I a picture, @D the folder of
 * bad files, and words are split at spaces. */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEASURE 0
#endif
#endif
#ifndef MEASURE
#define MEASURE 1
#endif

#define GOLDEN VLM_TEST_DATA "/golden"
static const char *vlm, *model = GOLDEN "/v1-tokens/model";
static char dir[64];
static int n_bad, n_run;

/* ---- running --------------------------------------------------------------------------------- */

struct result {
    int status; /* exit status, or -signal */
    char out[1 << 16], err[1 << 14];
    size_t n_out, n_err;
    double seconds;
    long rss_kb;
};

static inline void expand(char *out, size_t cap, const char *word)
{
    size_t n = 0;
    for (const char *p = word; *p && n + 300 < cap; p++) {
        const char *with = p[0] != '@'   ? NULL
                           : p[1] == 'M' ? model
                           : p[1] == 'D' ? dir
                           : p[1] == 'I' ? GOLDEN "/v1-tokens/split/a.jpg"
                                         : NULL;
        if (with) {
            n += (size_t)snprintf(out + n, cap - n, "%s", with);
            p++;
        } else {
            out[n++] = *p;
        }
    }
    out[n] = 0;
}

static inline size_t make_argv(char **argv, size_t cap, const char *command)
{
    static char words[64][1200];
    static char copy[8192];
    size_t n = 0;
    argv[n++] = (char *)(uintptr_t)vlm;
    snprintf(copy, sizeof copy, "%s", command);
    for (char *w = strtok(copy, " "); w && n + 1 < cap; w = strtok(NULL, " ")) {
        expand(words[n], sizeof words[n], strcmp(w, "''") ? w : "");
        argv[n] = words[n];
        n++;
    }
    argv[n] = NULL;
    return n;
}

static inline void drain(int fd, char *to, size_t cap, size_t *n, bool *open)
{
    char spare[4096];
    ssize_t got = *n + 1 < cap ? read(fd, to + *n, cap - 1 - *n) : read(fd, spare, sizeof spare);
    if (got <= 0)
        *open = false;
    else if (*n + 1 < cap)
        *n += (size_t)got;
    to[*n] = 0;
}

/* Called when the first byte of an answer has arrived, the process stopped. */
static void (*on_first_byte)(void);

static inline void run(struct result *r, const char *command, const char *input, size_t n_input)
{
    char *argv[64];
    int in[2], out[2], err[2];
    memset(r, 0, sizeof *r);
    make_argv(argv, 64, command);
    if (pipe(in) || pipe(out) || pipe(err))
        test_die("pipe", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        for (int fd = 3; fd < 20; fd++)
            close(fd);
        signal(SIGPIPE, SIG_DFL);
        alarm(60); /* a hang ends as a signal */
        execv(argv[0], argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    bool open_out = true, open_err = true, open_in = true;
    size_t sent = 0;
    while (open_out || open_err) {
        struct pollfd p[3] = {{open_out ? out[0] : -1, POLLIN, 0},
                              {open_err ? err[0] : -1, POLLIN, 0},
                              {open_in ? in[1] : -1, POLLOUT, 0}};
        poll(p, 3, 1000);
        if (p[2].revents) {
            ssize_t k = sent < n_input ? write(in[1], input + sent, n_input - sent) : -1;
            sent += k > 0 ? (size_t)k : 0;
            if (k <= 0 && errno != EAGAIN) {
                close(in[1]);
                open_in = false;
            }
            if (open_in && sent == n_input) {
                close(in[1]);
                open_in = false;
            }
        }
        if (p[0].revents)
            drain(out[0], r->out, sizeof r->out, &r->n_out, &open_out);
        if (p[1].revents)
            drain(err[0], r->err, sizeof r->err, &r->n_err, &open_err);
        if (on_first_byte && r->n_out > 0) {
            kill(pid, SIGSTOP);
            on_first_byte();
            on_first_byte = NULL;
            kill(pid, SIGCONT);
        }
    }
    if (open_in)
        close(in[1]);
    close(out[0]);
    close(err[0]);
    int status;
    struct rusage u;
    wait4(pid, &status, 0, &u);
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    r->seconds = (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
                 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    r->rss_kb = u.ru_maxrss;
    n_run++;
}

static inline int lines(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static inline void complain(const char *command, const struct result *r, const char *why)
{
    printf("FAILED: vlm %s\n  %s; exit %d, %.2f s, %ld MB\n  stdout: %.300s\n  stderr: %.600s\n",
           command, why, r->status, r->seconds, r->rss_kb >> 10, r->out, r->err);
    n_bad++;
}

/* expected: 0, 1 or 2; 10 means 0 or 1.  says: part of the error's line, or of stdout with 0; or
 * NULL. */
static inline void check_input(int expected, const char *command, const char *says,
                               const char *input, size_t n_input)
{
    static struct result r;
    run(&r, command, input, n_input);
    const char *why = NULL;
    bool control = false;
    for (size_t i = 0; i < r.n_err; i++)
        control |= (unsigned char)r.err[i] < 0x20 && r.err[i] != '\n';
    if (r.status != expected && !(expected == 10 && (r.status == 0 || r.status == 1)))
        why = "another exit status";
    else if (r.status == 1 && (lines(r.err) != 1 || strncmp(r.err, "vlm: ", 5)))
        why = "not one line 'vlm: ...'";
    else if (r.status == 2 &&
             (lines(r.err) != 2 || strncmp(r.err, "vlm: ", 5) || !strstr(r.err, "\nsee 'vlm ")))
        why = "not one line 'vlm: ...' and a hint";
    else if (r.status == 1 && r.n_out > 0 && strncmp(command, "batch", 5))
        why = "something on stdout";
    else if (control)
        why = "control characters on stderr";
    else if (says && !strstr(r.status ? r.err : r.out, says))
        why = says;
    else if (MEASURE && (r.seconds > 1.0 || r.rss_kb > 256 << 10))
        why = "too slow or too large";
    else if (strstr(r.err, "0x7f") || strstr(r.err, "(nil)"))
        why = "an address in the message";
    if (why)
        complain(command, &r, why);
}

static inline void check(int expected, const char *command, const char *says)
{
    check_input(expected, command, says, "", 0);
}

/* ---- bad files ------------------------------------------------------------------------------- */

static inline const char *path_of(const char *name)
{
    static char path[4][1024];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static inline void put(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(path_of(name), "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f))
        test_die(name, "cannot write");
}

static inline void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

/* A copy of a golden model in @D/NAME, with links to its files. */
static inline void put_model(const char *name, const char *from)
{
    static const char *const files[] = {"config.json",
                                        "generation_config.json",
                                        "processor_config.json",
                                        "tokenizer_config.json",
                                        "tokenizer.json",
                                        "chat_template.jinja",
                                        "model.safetensors",
                                        "model.safetensors.index.json",
                                        "model-00001-of-00003.safetensors",
                                        "model-00002-of-00003.safetensors",
                                        "model-00003-of-00003.safetensors"};
    char target[1024], link[1024];
    mkdir(path_of(name), 0700);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(target, sizeof target, GOLDEN "/%s/model/%s", from, files[i]);
        snprintf(link, sizeof link, "%s/%s/%s", dir, name, files[i]);
        if (access(target, R_OK) == 0 && symlink(target, link) != 0)
            test_die(link, strerror(errno));
    }
}

/* The same with one file replaced by these bytes; NULL removes it. */
static inline void put_model_with(const char *name, const char *file, const void *data, size_t n)
{
    char inner[512];
    put_model(name, "v1-tokens");
    snprintf(inner, sizeof inner, "%s/%s", name, file);
    unlink(path_of(inner));
    if (data)
        put(inner, data, n);
}

/* Makes the folder of bad files. */
static inline void command_begin(const char *path)
{
    vlm = path;
    strcpy(dir, "/tmp/vlm-abuse.XXXXXX");
    if (!mkdtemp(dir))
        test_die(dir, strerror(errno));
    signal(SIGPIPE, SIG_IGN);
}

/* Removes it; the program's exit status. */
static inline int command_end(void)
{
    char remove[128];
    snprintf(remove, sizeof remove, "rm -rf '%s'", dir);
    if (system(remove) != 0)
        n_bad++;
    printf("%d commands, %d bad\n", n_run, n_bad);
    return n_bad ? 1 : 0;
}

#endif
