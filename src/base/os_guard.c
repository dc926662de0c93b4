/* os_guard.c: the walls around a decoding child: limits, namespaces, Landlock, seccomp.  Runs in a
 * forked child, so it makes system calls only: no memory is taken, no lock, no stdio.
 * A wall that the kernel or its owner do not allow is left out; the caller learns which stood. */
#include "base/os_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define GUARD_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define GUARD_ARCH AUDIT_ARCH_AARCH64
#endif

/* A sanitizer's shadow takes terabytes of addresses. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESSES_FREE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ADDRESSES_FREE 1
#endif
#endif

/* ---- limits ---- */

static void limit(int what, uint64_t soft, uint64_t hard)
{
    struct rlimit now, r = {soft, hard};
    if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_max != RLIM_INFINITY) {
        r.rlim_max = r.rlim_max < now.rlim_max ? r.rlim_max : now.rlim_max;
        r.rlim_cur = r.rlim_cur < r.rlim_max ? r.rlim_cur : r.rlim_max;
    }
    setrlimit((__rlimit_resource_t)what, &r);
}

void vlm_guard_limits(const struct vlm_child_limits *limits, uint64_t begins_with)
{
#ifdef ADDRESSES_FREE
    (void)begins_with;
#else
    limit(RLIMIT_AS, begins_with + limits->bytes, begins_with + limits->bytes);
#endif
    limit(RLIMIT_CPU, limits->cpu_seconds, limits->cpu_seconds + 1);
    limit(RLIMIT_FSIZE, 0, 0);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_NOFILE, 64, 64);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) { /* when memory ends, this one first */
        ssize_t n = write(fd, "1000", 4);
        (void)n;
        close(fd);
    }
}

/* ---- namespaces ---- */

static unsigned namespaces(void)
{
#if defined(SYS_unshare)
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) == 0)
        return VLM_GUARD_NAMESPACES;
#endif
    return 0;
}

/* ---- Landlock (numbers of the kernel's interface; headers of 2022 know only the first 14) ---- */

enum {
    FS_EXECUTE = 1 << 0,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_ABI_1 = (1 << 13) - 1,
    FS_ABI_2 = (1 << 14) - 1, /* and moving files between directories */
    FS_ABI_3 = (1 << 15) - 1, /* and truncation */
    FS_ABI_5 = (1 << 16) - 1, /* and ioctl of devices */
    NET_TCP = 3,              /* ABI 4: bind, connect */
    SCOPED = 3,               /* ABI 6: abstract sockets, signals to others */
    RULE_PATH_BENEATH = 1,
    ASK_VERSION = 1
};
struct landlock_attr {
    uint64_t fs, net, scoped;
};
struct landlock_path {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

static int landlock_new(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
    if (abi < 1)
        return -1;
    struct landlock_attr a = {
        .fs = abi >= 5   ? FS_ABI_5
              : abi >= 3 ? FS_ABI_3
              : abi == 2 ? FS_ABI_2
                         : FS_ABI_1,
        .net = abi >= 4 ? NET_TCP : 0,
        .scoped = abi >= 6 ? SCOPED : 0,
    };
    size_t n = abi >= 6 ? sizeof a : abi >= 4 ? 2 * sizeof a.fs : sizeof a.fs;
    return (int)syscall(SYS_landlock_create_ruleset, &a, n, 0);
}

static void allow_fd(int rules, int fd, uint64_t allowed)
{
    struct landlock_path p = {allowed, fd};
    syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &p, 0);
}

static void allow_path(int rules, const char *path, uint64_t allowed)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return; /* not on this system */
    allow_fd(rules, fd, allowed);
    close(fd);
}

/* What a dynamically linked program reads to begin, and the data that decoders come with. */
static const char *const system_dirs[] = {
    "/lib",       "/lib64",           "/usr/lib",   "/usr/lib64",           "/usr/local/lib",
    "/usr/share", "/usr/local/share", "/etc/fonts", "/var/cache/fontconfig"};
static const char *const system_files[] = {"/etc/ld.so.cache", "/dev/null", "/dev/urandom"};

static unsigned landlock_program(const char *program, int input)
{
    int rules = landlock_new();
    if (rules < 0)
        return 0;
    for (size_t i = 0; i < sizeof system_dirs / sizeof *system_dirs; i++)
        allow_path(rules, system_dirs[i], FS_EXECUTE | FS_READ_FILE | FS_READ_DIR);
    for (size_t i = 0; i < sizeof system_files / sizeof *system_files; i++)
        allow_path(rules, system_files[i], FS_READ_FILE);
    allow_path(rules, program, FS_EXECUTE | FS_READ_FILE);
    if (input >= 0)
        allow_fd(rules, input, FS_READ_FILE);
    long rc = syscall(SYS_landlock_restrict_self, rules, 0);
    close(rules);
    return rc == 0 ? VLM_GUARD_LANDLOCK : 0;
}

static unsigned landlock_function(void)
{
    int rules = landlock_new();
    if (rules < 0)
        return 0;
    long rc = syscall(SYS_landlock_restrict_self, rules, 0);
    close(rules);
    return rc == 0 ? VLM_GUARD_LANDLOCK : 0;
}

/* ---- seccomp: a filter in the kernel's little machine ---- */

#if defined(GUARD_ARCH)

struct filter {
    struct sock_filter code[512];
    unsigned n;
};

static void emit(struct filter *f, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    if (f->n < sizeof f->code / sizeof *f->code)
        f->code[f->n++] = (struct sock_filter){code, yes, no, k};
}

static void give(struct filter *f, uint32_t verdict)
{
    emit(f, BPF_RET | BPF_K, 0, 0, verdict);
}

static void load(struct filter *f, size_t offset)
{
    emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* The lower half of argument i: all that are looked at here are ints. */
static void load_arg(struct filter *f, int i)
{
    load(f, offsetof(struct seccomp_data, args) + 8 * (size_t)i);
}

static void begin(struct filter *f)
{
    f->n = 0;
    load(f, offsetof(struct seccomp_data, arch));
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, GUARD_ARCH);
    give(f, SECCOMP_RET_KILL_PROCESS);
    load(f, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    emit(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000); /* the x32 calls */
    give(f, SECCOMP_RET_KILL_PROCESS);
#endif
}

static void allow_all(struct filter *f, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)calls[i]);
        give(f, SECCOMP_RET_ALLOW);
    }
}

/* Call nr is allowed when (argument & mask) == value, else refused. */
static void allow_masked(struct filter *f, int nr, int arg, uint32_t mask, uint32_t value,
                         uint32_t refusal)
{
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, (uint32_t)nr);
    load_arg(f, arg);
    emit(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
    emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
    give(f, SECCOMP_RET_ALLOW);
    give(f, refusal);
}

static unsigned install(struct filter *f, uint32_t otherwise)
{
    give(f, otherwise);
    struct sock_fprog program = {(unsigned short)f->n, f->code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? VLM_GUARD_SECCOMP : 0;
}

#define REFUSE(e) (SECCOMP_RET_ERRNO | (e))

/* Both kinds of child. */
static const int compute_calls[] = {
    __NR_read,    __NR_write,        __NR_munmap,         __NR_mremap,
    __NR_brk,     __NR_futex,        __NR_exit,           __NR_exit_group,
    __NR_madvise, __NR_rt_sigreturn, __NR_rt_sigprocmask, __NR_clock_gettime,
    __NR_getpid,  __NR_gettid,       __NR_sched_yield,    __NR_getrandom,
};

/* A decoder program: its libraries, its threads, its input, its pipes. */
static const int program_calls[] = {
    __NR_readv,
    __NR_writev,
    __NR_pread64,
    __NR_close,
    __NR_fstat,
    __NR_lseek,
    __NR_ppoll,
    __NR_pselect6,
    __NR_mmap,
    __NR_mprotect,
    __NR_rt_sigaction,
    __NR_sigaltstack,
    __NR_faccessat,
    __NR_readlinkat,
    __NR_getcwd,
    __NR_dup,
    __NR_dup3,
    __NR_pipe2,
    __NR_fcntl,
    __NR_getdents64,
    __NR_getrusage,
    __NR_times,
    __NR_uname,
    __NR_sysinfo,
    __NR_getppid,
    __NR_getuid,
    __NR_geteuid,
    __NR_getgid,
    __NR_getegid,
    __NR_set_tid_address,
    __NR_set_robust_list,
    __NR_get_robust_list,
    __NR_sched_getaffinity,
    __NR_nanosleep,
    __NR_clock_nanosleep,
    __NR_clock_getres,
    __NR_gettimeofday,
    __NR_execve,
    __NR_fadvise64,
    __NR_statfs,
    __NR_fstatfs,
    __NR_getpriority,
    __NR_sched_getparam,
    __NR_sched_getscheduler,
    __NR_umask,
    __NR_restart_syscall,
    __NR_membarrier,
    __NR_mlock,
    __NR_munlock,
#ifdef __NR_newfstatat
    __NR_newfstatat,
#endif
#ifdef __NR_statx
    __NR_statx,
#endif
#ifdef __NR_faccessat2
    __NR_faccessat2,
#endif
#ifdef __NR_rseq
    __NR_rseq,
#endif
#ifdef __NR_arch_prctl
    __NR_arch_prctl,
#endif
#ifdef __NR_stat /* calls that newer machines never had */
    __NR_stat,
    __NR_lstat,
    __NR_access,
    __NR_readlink,
    __NR_dup2,
    __NR_pipe,
    __NR_poll,
    __NR_select,
    __NR_getrlimit,
    __NR_time,
#endif
};

static unsigned seccomp_program(void)
{
    struct filter f;
    const uint32_t write_access = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    const uint32_t all_of_thread = CLONE_VM | CLONE_THREAD | CLONE_NEWUSER | CLONE_NEWNET |
                                   CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    begin(&f);
    allow_all(&f, compute_calls, sizeof compute_calls / sizeof *compute_calls);
    allow_all(&f, program_calls, sizeof program_calls / sizeof *program_calls);
    allow_masked(&f, __NR_openat, 2, write_access, 0, REFUSE(EACCES));
#ifdef __NR_open
    allow_masked(&f, __NR_open, 1, write_access, 0, REFUSE(EACCES));
#endif
    allow_masked(&f, __NR_clone, 0, all_of_thread, CLONE_VM | CLONE_THREAD, REFUSE(EPERM));
    allow_masked(&f, __NR_tgkill, 0, ~0u, (uint32_t)getpid(), REFUSE(EPERM)); /* abort() */
    allow_masked(&f, __NR_prlimit64, 0, ~0u, 0, REFUSE(EPERM));               /* of itself */
    allow_masked(&f, __NR_sched_setaffinity, 0, ~0u, 0, REFUSE(EPERM));
    allow_masked(&f, __NR_prctl, 0, ~0u, PR_SET_NAME, REFUSE(EPERM));
    allow_masked(&f, __NR_ioctl, 1, ~0u, 0x5401 /* TCGETS */, REFUSE(ENOTTY));
    return install(&f, REFUSE(ENOSYS));
}

static unsigned seccomp_function(void)
{
    struct filter f;
    begin(&f);
    allow_all(&f, compute_calls, sizeof compute_calls / sizeof *compute_calls);
#ifdef ADDRESSES_FREE
    static const int sanitizers[] = {__NR_sigaltstack}; /* at every longjmp */
    allow_all(&f, sanitizers, 1);
#endif
    allow_masked(&f, __NR_mmap, 2, PROT_EXEC, 0, SECCOMP_RET_KILL_PROCESS);
    allow_masked(&f, __NR_mprotect, 2, PROT_EXEC, 0, SECCOMP_RET_KILL_PROCESS);
    allow_masked(&f, __NR_tgkill, 0, ~0u, (uint32_t)getpid(), SECCOMP_RET_KILL_PROCESS);
    return install(&f, SECCOMP_RET_KILL_PROCESS);
}

#else /* a machine whose calls this file does not know */
static unsigned seccomp_program(void)
{
    return 0;
}
static unsigned seccomp_function(void)
{
    return 0;
}
#endif

unsigned vlm_guard_program(const char *program, int input)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    unsigned stood = VLM_GUARD_LIMITS | namespaces();
    stood |= landlock_program(program, input);
    return stood | seccomp_program();
}

unsigned vlm_guard_function(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    unsigned stood = VLM_GUARD_LIMITS | namespaces();
    stood |= landlock_function();
    return stood | seccomp_function();
}
