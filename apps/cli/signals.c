/* signals.c: see signals.h.  Handlers use only what is async-signal-safe; vlm_session_cancel is one
 * atomic store. */
#include "signals.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/status.h"
#include "options.h"

static volatile sig_atomic_t interrupts;
static volatile sig_atomic_t patient;
static vlm_session *volatile sessions[VLM_LIMIT_BATCH];
static volatile sig_atomic_t n_sessions;
static struct termios terminal;
static volatile sig_atomic_t terminal_is_known;
static const char *volatile partial;
static char bus_line[256] =
    "vlm: a mapped file: changed while in use, expected it to stay as it was\n";

static void leave(int status)
{
    const char *path = partial;
    if (path)
        unlink(path);
    if (terminal_is_known) /* line editing may have changed it */
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
    _exit(status);
}

static void on_interrupt(int sig)
{
    (void)sig;
    interrupts++;
    int n = n_sessions;
    if (interrupts > 1 || (n == 0 && !patient))
        leave(CLI_INTERRUPTED);
    for (int i = 0; i < n; i++)
        vlm_session_cancel(sessions[i]);
}

static void on_terminate(int sig)
{
    leave(128 + sig);
}

static void on_bus(int sig)
{
    (void)sig;
    ssize_t n = write(STDERR_FILENO, bus_line, strlen(bus_line));
    (void)n;
    leave(CLI_FAILED);
}

static void handle(int sig, void (*fn)(int))
{
    struct sigaction a = {.sa_handler = fn, .sa_flags = SA_RESTART};
    sigemptyset(&a.sa_mask);
    sigaction(sig, &a, NULL);
}

void cli_signals_init(void)
{
    handle(SIGINT, on_interrupt);
    handle(SIGTERM, on_terminate);
    handle(SIGBUS, on_bus);
    handle(SIGPIPE, SIG_IGN); /* the write fails instead, and one line says so */
}

bool cli_interrupted(void)
{
    return interrupts > 0;
}

void cli_signals_forget(void)
{
    interrupts = 0;
}

void cli_signals_sessions(vlm_session *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) /* the handler may come between any two: all of both are open */
        sessions[i] = list[i];
    n_sessions = (sig_atomic_t)n;
    for (size_t i = 0; i < n && interrupts; i++) /* between the checks of two requests */
        vlm_session_cancel(list[i]);
}

void cli_signals_terminal(void)
{
    terminal_is_known = tcgetattr(STDIN_FILENO, &terminal) == 0;
}

void cli_signals_patient(bool on)
{
    patient = on;
}

void cli_signals_reading(bool on)
{
    struct sigaction a;
    sigaction(SIGINT, NULL, &a);
    a.sa_flags = on ? a.sa_flags & ~SA_RESTART : a.sa_flags | SA_RESTART;
    sigaction(SIGINT, &a, NULL);
}

void cli_signals_model(const char *name)
{
    struct vlm_quoted q;
    snprintf(bus_line, sizeof bus_line,
             "vlm: %s: changed while in use, expected it to stay as it was\n",
             vlm_base_quote(&q, name, strlen(name)));
}

void cli_signals_partial(const char *path)
{
    partial = path;
}
