/* signals.c: see signals.h.  Handlers use only what is async-signal-safe; vlm_session_cancel is one
 * atomic store. */
#include "signals.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "options.h"

static volatile sig_atomic_t interrupts;
static volatile sig_atomic_t patient;
static vlm_session *volatile session;
static const char *volatile partial;
static char bus_line[256] =
    "vlm: a mapped file: changed while in use, expected it to stay as it was\n";

static void leave(int status)
{
    const char *path = partial;
    if (path)
        unlink(path);
    _exit(status);
}

static void on_interrupt(int sig)
{
    (void)sig;
    interrupts++;
    vlm_session *s = session;
    if (interrupts > 1 || (!s && !patient))
        leave(CLI_INTERRUPTED);
    if (s)
        vlm_session_cancel(s);
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

void cli_signals_session(vlm_session *s)
{
    session = s;
    if (s && interrupts) /* between the checks of two requests */
        vlm_session_cancel(s);
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
