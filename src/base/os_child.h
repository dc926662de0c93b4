/* os_child.h: children of this process: other programs, and functions of ours behind walls. Nothing
 * else in the library forks.  A child never outlives the call that owns it, is never left as a
 * zombie and cannot block its parent beyond its time: every wait has a deadline.
 *
 * Forking from a process with threads.  Between fork and exec a program's child makes system calls
 * only.  A function's child goes on with what the one copied thread has; it may call malloc,
 * because glibc makes its own locks free again in the child, but nothing that takes another lock of
 * the parent: no allocator of the caller, no pool, no log.
 *
 * Where the application reaps all children itself or ignores SIGCHLD, how a child ended is unknown;
 * then only its results count. */
#ifndef VLM_BASE_OS_CHILD_H
#define VLM_BASE_OS_CHILD_H

#include <stdbool.h>

#include "base/status.h"

/* The walls that stood around a child; fewer where the kernel or its owner do not allow them. */
enum {
    VLM_GUARD_LIMITS = 1,    /* memory, processor time, no file written: always */
    VLM_GUARD_SECCOMP = 2,   /* a list of system calls: no socket, no child, no write access */
    VLM_GUARD_LANDLOCK = 4,  /* no file but its input and, for programs, the system's libraries */
    VLM_GUARD_NAMESPACES = 8 /* own user, network and IPC namespaces */
};

struct vlm_child_limits {
    uint64_t bytes;       /* memory beyond what a forked child begins with */
    uint64_t cpu_seconds; /* processor time of all its threads */
    uint64_t seconds;     /* from start to end */
};

struct vlm_child_spec {
    const char *program;     /* absolute path */
    const char *const *argv; /* argv[0] too; NULL at the end */
    int input;               /* the child sees this file as VLM_CHILD_INPUT; -1: none */
    struct vlm_child_limits limits;
    bool (*cancelled)(void *ctx); /* or NULL; asked ten times a second while waiting */
    void *ctx;
};
#define VLM_CHILD_INPUT "/dev/fd/3"

struct vlm_child {
    int pid, pid_fd; /* pid 0: none */
    int out, said_fd;
    unsigned guards;
    double deadline_ms;
    struct vlm_child_spec spec;
    size_t n_said;
    char said[1024]; /* the end of what it wrote to stderr, terminated */
};

struct vlm_child_end {
    bool known; /* else the application took the status away */
    int code;   /* exit status, or -1 */
    int signal; /* that killed it, or 0 */
};

/* Opens a regular file for a child.  Close with vlm_child_input_close. */
int vlm_child_input_open(int *fd, const char *path, vlm_error *err);
size_t vlm_child_input_peek(int fd, void *to, size_t n); /* its first bytes; returns how many */
void vlm_child_input_close(int fd);                      /* -1 allowed */

/* The environment holds LC_ALL=C and MALLOC_ARENA_MAX=1, stdin is empty. */
int vlm_child_start(struct vlm_child *c, const struct vlm_child_spec *spec, vlm_error *err);
/* Waits for output: 1..cap bytes, or 0 when there is no more. */
int vlm_child_read(struct vlm_child *c, void *to, size_t cap, size_t *got, vlm_error *err);
/* Waits for the end; the rest of the output is thrown away. */
int vlm_child_wait(struct vlm_child *c, struct vlm_child_end *end, vlm_error *err);
/* Ends and reaps it, whatever it does; call it after every start that succeeded. */
void vlm_child_close(struct vlm_child *c);

/* Memory that a function's child shares with its parent; NULL on failure. */
void *vlm_child_share(size_t n);
void vlm_child_unshare(void *shared, size_t n); /* NULL allowed */
/* Runs fn(arg) in a child that can only compute: results go through shared memory.  VLM_OK: it
 * ended by itself or was killed by the kernel, see *end; its results are still to be checked. */
int vlm_child_call(void (*fn)(void *arg), void *arg, const struct vlm_child_limits *limits,
                   unsigned *guards, struct vlm_child_end *end, vlm_error *err);

/* ---- os_guard.c: the walls, called in the child.  Each says which stood. ---- */
void vlm_guard_limits(const struct vlm_child_limits *limits, uint64_t begins_with);
unsigned vlm_guard_program(const char *program, int input); /* before exec */
unsigned vlm_guard_function(void);                          /* before untrusted work */

#endif
