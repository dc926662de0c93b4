/* os_child.c: forks, pipes and deadlines (os_child.h).  os_guard.c builds the walls. */
#include "base/os_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"

enum { TICK_MS = 100, FIRST_FREE_FD = 10 };

#ifndef SYS_pidfd_open
#define SYS_pidfd_send_signal 424
#define SYS_pidfd_open 434
#define SYS_close_range 436
#endif

/* ---- files and memory ---- */

int vlm_child_input_open(int *out, const char *path, vlm_error *err)
{
    struct vlm_quoted q;
    struct stat st;
    const char *shown = vlm_base_quote(&q, path, strlen(path));
    int fd;
    do /* O_NONBLOCK: opening a FIFO must not wait for a writer */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return vlm_fail_os(err, errno, "%s: cannot open", shown);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return vlm_fail(err, VLM_ERR_IO, "%s: is no regular file", shown);
    }
    *out = fd;
    return VLM_OK;
}

size_t vlm_child_input_peek(int fd, void *to, size_t n)
{
    ssize_t got = pread(fd, to, n, 0);
    return got > 0 ? (size_t)got : 0;
}

void vlm_child_input_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

void *vlm_child_share(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void vlm_child_unshare(void *shared, size_t n)
{
    if (shared)
        munmap(shared, n);
}

/* ---- both kinds of child ---- */

static void close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0)
        return;
    long n = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < (n > 0 && n < 65536 ? n : 65536); fd++)
        close(fd);
}

static _Noreturn void leave(int status)
{
    for (;;)
        syscall(SYS_exit_group, status);
}

/* fork with all signals blocked, so that no handler of the application runs in the child. In the
 * child: every signal as a new program has it, and death with the parent. */
static int fork_clean(int parent)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int pid = fork();
    if (pid == 0) {
        struct sigaction none = {.sa_handler = SIG_DFL};
        for (int s = 1; s < NSIG; s++)
            sigaction(s, &none, NULL);
        sigemptyset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            leave(127);
        return 0;
    }
    int e = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = e;
    return pid;
}

static void kill_child(int pid, int pid_fd)
{
    /* by descriptor: where the application reaps our children, the number may be another's by now
     */
    if (pid_fd < 0 || syscall(SYS_pidfd_send_signal, pid_fd, SIGKILL, NULL, 0) != 0)
        if (pid_fd < 0)
            kill(pid, SIGKILL);
}

static struct vlm_child_end end_of(int status)
{
    struct vlm_child_end end = {.known = true, .code = -1};
    if (WIFEXITED(status))
        end.code = WEXITSTATUS(status);
    else if (WIFSIGNALED(status))
        end.signal = WTERMSIG(status);
    return end;
}

/* Returns whether it is gone. */
static bool reap(int pid, int flags, struct vlm_child_end *end)
{
    int status = 0, got;
    do
        got = waitpid(pid, &status, flags);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return false;
    *end = got == pid ? end_of(status) : (struct vlm_child_end){.code = -1};
    return true;
}

static int tick(double deadline_ms)
{
    double left = deadline_ms - vlm_os_now_ms();
    return left <= 0 ? 0 : left < TICK_MS ? (int)left + 1 : TICK_MS;
}

static int fail_late(vlm_error *err, const char *what, const struct vlm_child_limits *limits)
{
    return vlm_fail(err, VLM_ERR_LIMIT, "%s: did not end within %llu seconds", what,
                    (unsigned long long)limits->seconds);
}

/* ---- programs ---- */

struct launch { /* what the child needs between fork and exec */
    const struct vlm_child_spec *spec;
    int out, said, report;
    int input;
};

static const char *const environment[] = {"LC_ALL=C", "MALLOC_ARENA_MAX=1", NULL};

/* Places 0..3 and the report; all others closed. */
static bool place_descriptors(struct launch *l)
{
    int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int *const fds[] = {&empty, &l->out, &l->said, &l->input, &l->report};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) /* out of the way of 0..4 */
        if (*fds[i] >= 0 && (*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD)) < 0)
            return false;
    for (int i = 0; i < 4; i++) {
        if (*fds[i] >= 0 ? dup2(*fds[i], i) < 0 : i < 3)
            return false;
    }
    if (dup3(l->report, 4, O_CLOEXEC) < 0)
        return false;
    l->report = 4;
    if (l->input < 0)
        close(3);
    else
        l->input = 3;
    close_from(5);
    return true;
}

static void report(int fd, uint32_t value)
{
    ssize_t n = write(fd, &value, sizeof value);
    (void)n; /* who does not read it will not wait for it either */
}

static _Noreturn void run_program(struct launch l)
{
    const struct vlm_child_spec *s = l.spec;
    if (!place_descriptors(&l))
        leave(127);
    vlm_guard_limits(&s->limits, 0);
    report(l.report, vlm_guard_program(s->program, l.input));
    execve(s->program, (char *const *)(uintptr_t)s->argv, (char *const *)(uintptr_t)environment);
    report(l.report, (uint32_t)errno);
    leave(127);
}

/* Reads the child's report: its walls, and why it could not become the program. */
static int read_report(struct vlm_child *c, int fd, vlm_error *err)
{
    uint32_t said[2] = {0, 0};
    size_t n = 0;
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        int ms = tick(c->deadline_ms);
        if (ms == 0)
            return fail_late(err, c->spec.program, &c->spec.limits);
        if (poll(&p, 1, ms) <= 0)
            continue;
        ssize_t got = read(fd, (char *)said + n, sizeof said - n);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        n += got > 0 ? (size_t)got : 0;
        if (got <= 0 || n == sizeof said)
            break;
    }
    c->guards = said[0];
    if (n == sizeof said)
        return vlm_fail_os(err, (int)said[1], "%s: cannot run", c->spec.program);
    if (n != sizeof *said)
        return vlm_fail(err, VLM_ERR_IO, "%s: a child ended before it could run", c->spec.program);
    return VLM_OK;
}

static void close_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            vlm_child_input_close(pipes[i][k]);
}

static bool open_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++)
        pipes[i][0] = pipes[i][1] = -1;
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC) != 0)
            return false;
    for (int i = 0; i < 3; i++)
        fcntl(pipes[i][0], F_SETFL, O_NONBLOCK);
    return true;
}

int vlm_child_start(struct vlm_child *c, const struct vlm_child_spec *spec, vlm_error *err)
{
    int pipes[3][2];
    *c = (struct vlm_child){.pid_fd = -1, .out = -1, .said_fd = -1, .spec = *spec};
    if (spec->program[0] != '/')
        return vlm_fail(err, VLM_ERR_ARGUMENT, "%s: expected the program's absolute path",
                        spec->program);
    if (!open_pipes(pipes)) {
        int e = errno;
        close_pipes(pipes);
        return vlm_fail_os(err, e, "%s: cannot make pipes", spec->program);
    }
    c->deadline_ms = vlm_os_now_ms() + 1e3 * (double)spec->limits.seconds;
    int pid = fork_clean(getpid());
    if (pid == 0)
        run_program((struct launch){spec, pipes[0][1], pipes[1][1], pipes[2][1], spec->input});
    if (pid < 0) {
        int e = errno;
        close_pipes(pipes);
        return vlm_fail_os(err, e, "%s: cannot fork", spec->program);
    }
    c->pid = pid;
    c->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    c->out = pipes[0][0];
    c->said_fd = pipes[1][0];
    pipes[0][0] = pipes[1][0] = -1;
    for (int i = 0; i < 3; i++) {
        vlm_child_input_close(pipes[i][1]);
        pipes[i][1] = -1;
    }
    int rc = read_report(c, pipes[2][0], err);
    close_pipes(pipes);
    if (rc < 0)
        vlm_child_close(c);
    return rc;
}

/* Takes what the child complains; of a long complaint the end is kept. */
static void hear(struct vlm_child *c)
{
    for (;;) {
        const size_t room = sizeof c->said - 1, half = room / 2;
        if (c->n_said == room) {
            memmove(c->said, c->said + half, room - half);
            c->n_said -= half;
        }
        ssize_t got = read(c->said_fd, c->said + c->n_said, room - c->n_said);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close(c->said_fd);
            c->said_fd = -1;
            return;
        }
        c->n_said += (size_t)got;
        c->said[c->n_said] = 0;
    }
}

/* One bounded wait for output, complaints or the end; fails when cancelled or late. */
static int wait_a_little(struct vlm_child *c, vlm_error *err)
{
    struct pollfd p[2] = {{c->out, POLLIN, 0}, {c->said_fd, POLLIN, 0}};
    int ms = tick(c->deadline_ms);
    if (c->spec.cancelled && c->spec.cancelled(c->spec.ctx))
        return vlm_fail(err, VLM_ERR_CANCELLED, "cancelled");
    if (ms == 0)
        return fail_late(err, c->spec.program, &c->spec.limits);
    poll(p, 2, c->out < 0 && c->said_fd < 0 ? 5 : ms); /* negative descriptors are not looked at */
    if (c->said_fd >= 0 && p[1].revents)
        hear(c);
    return VLM_OK;
}

int vlm_child_read(struct vlm_child *c, void *to, size_t cap, size_t *got, vlm_error *err)
{
    *got = 0;
    while (c->out >= 0) {
        ssize_t n = read(c->out, to, cap);
        if (n > 0) {
            *got = (size_t)n;
            return VLM_OK;
        }
        if (n == 0) {
            close(c->out);
            c->out = -1;
        } else if (errno != EINTR && errno != EAGAIN) {
            return vlm_fail_os(err, errno, "%s: cannot read its output", c->spec.program);
        } else {
            int rc = wait_a_little(c, err);
            if (rc < 0)
                return rc;
        }
    }
    return VLM_OK;
}

int vlm_child_wait(struct vlm_child *c, struct vlm_child_end *end, vlm_error *err)
{
    char rest[4096];
    size_t got;
    int rc;
    do
        rc = vlm_child_read(c, rest, sizeof rest, &got, err);
    while (rc == VLM_OK && got > 0);
    while (rc == VLM_OK && !reap(c->pid, WNOHANG, end))
        rc = wait_a_little(c, err);
    if (rc < 0)
        return rc;
    c->pid = 0;
    if (c->said_fd >= 0)
        hear(c);
    return VLM_OK;
}

void vlm_child_close(struct vlm_child *c)
{
    struct vlm_child_end end;
    if (c->pid) {
        kill_child(c->pid, c->pid_fd);
        reap(c->pid, 0, &end);
    }
    vlm_child_input_close(c->out);
    vlm_child_input_close(c->said_fd);
    vlm_child_input_close(c->pid_fd);
    c->pid = 0;
    c->out = c->said_fd = c->pid_fd = -1;
}

/* ---- functions ---- */

/* Bytes of address space that this process has, or 0 when the system does not say. */
static uint64_t address_space(void)
{
    char text[32] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    uint64_t pages = 0;
    for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
        pages = pages * 10 + (uint64_t)(text[i] - '0');
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static _Noreturn void run_function(void (*fn)(void *arg), void *arg,
                                   const struct vlm_child_limits *limits, int alive,
                                   uint64_t begins_with)
{
    dup2(alive, 0); /* its end tells the parent that we are gone */
    close_from(1);
    vlm_guard_limits(limits, begins_with);
    uint32_t guards = vlm_guard_function();
    report(0, guards);
    fn(arg);
    leave(0);
}

/* What the child reported of its walls, if it has; false at the end of the pipe. */
static bool read_guards(int alive, unsigned *guards, int ms)
{
    uint32_t said;
    struct pollfd p = {alive, POLLIN, 0};
    if (poll(&p, 1, ms) <= 0)
        return true;
    ssize_t n = read(alive, &said, sizeof said);
    if (n == (ssize_t)sizeof said && *guards == 0)
        *guards = said;
    return n != 0;
}

/* Until the child is gone or time is up.  The end of the pipe only says when to look: a child that
 * closed it is not believed. */
static int watch(int pid, int alive, double deadline_ms, unsigned *guards,
                 const struct vlm_child_limits *limits, struct vlm_child_end *end, vlm_error *err)
{
    bool open = true;
    while (!reap(pid, WNOHANG, end)) {
        int ms = tick(deadline_ms);
        if (ms == 0)
            return fail_late(err, "decoder", limits);
        if (open)
            open = read_guards(alive, guards, ms);
        else
            poll(NULL, 0, 1);
    }
    read_guards(alive, guards, 0); /* it may have been faster than we */
    return VLM_OK;
}

int vlm_child_call(void (*fn)(void *arg), void *arg, const struct vlm_child_limits *limits,
                   unsigned *guards, struct vlm_child_end *end, vlm_error *err)
{
    int alive[2];
    double deadline_ms = vlm_os_now_ms() + 1e3 * (double)limits->seconds;
    uint64_t begins_with = address_space();
    if (begins_with == 0)
        begins_with = UINT64_C(1) << 46; /* no /proc: no limit of addresses */
    if (pipe2(alive, O_CLOEXEC) != 0)
        return vlm_fail_os(err, errno, "decoder: cannot make a pipe");
    int pid = fork_clean(getpid());
    if (pid == 0)
        run_function(fn, arg, limits, alive[1], begins_with);
    int e = errno;
    close(alive[1]);
    if (pid < 0) {
        close(alive[0]);
        return vlm_fail_os(err, e, "decoder: cannot fork");
    }
    int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    *guards = 0;
    int rc = watch(pid, alive[0], deadline_ms, guards, limits, end, err);
    if (rc < 0) {
        kill_child(pid, pid_fd);
        reap(pid, 0, end);
    }
    close(alive[0]);
    vlm_child_input_close(pid_fd);
    return rc;
}
