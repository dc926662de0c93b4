/* pty.c: runs a program under a pseudo terminal, as a person would use it.
 *
 *   pty SCRIPT PROGRAM ARGUMENTS...
 *
 * Lines of SCRIPT: "< TEXT" waits until TEXT has been printed since the last match, "> TEXT" types
 * it and Enter, "= TEXT" types it alone; \t, \\ and ^C-like letters (\cC) are keys.  What was
 * printed goes to standard output.  The exit status is the program's; 124 when a wait took longer
 * than a minute, 125 when the script is wrong. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char seen[1 << 20];
static size_t n_seen, matched;
static int fd;
static pid_t child;

static void leave(int status, const char *why, const char *what)
{
    fwrite(seen, 1, n_seen, stdout);
    fprintf(stderr, "pty: %s '%s'\n", why, what);
    kill(child, SIGKILL);
    exit(status);
}

/* Reads what the program prints for at most ms; false at its end. */
static int take(int ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, ms) <= 0)
        return 1;
    ssize_t n = read(fd, seen + n_seen, sizeof seen - n_seen - 1);
    if (n <= 0)
        return 0;
    n_seen += (size_t)n;
    return 1;
}

static void wait_for(const char *text)
{
    time_t end = time(NULL) + 60;
    for (;;) {
        seen[n_seen] = 0;
        const char *at = memmem(seen + matched, n_seen - matched, text, strlen(text));
        if (at) {
            matched = (size_t)(at - seen) + strlen(text);
            return;
        }
        int more = take(200);
        if (!more && !memmem(seen + matched, n_seen - matched, text, strlen(text)))
            leave(124, "the program ended before", text);
        if (time(NULL) > end)
            leave(124, "waited in vain for", text);
    }
}

static void type(const char *text, int enter)
{
    char keys[4096];
    size_t n = 0;
    for (const char *p = text; *p && n < sizeof keys - 2; p++) {
        if (*p == '\\' && p[1] == 't') {
            keys[n++] = '\t';
            p++;
        } else if (*p == '\\' && p[1] == 'c' && p[2]) {
            keys[n++] = (char)(p[2] & 31);
            p += 2;
        } else {
            keys[n++] = *p;
        }
    }
    if (enter)
        keys[n++] = '\r';
    /* As a person does: not before the program reads keys one by one, if it is going to (what comes
     * while a terminal changes its ways may be lost), and not at once. */
    struct termios t;
    for (int i = 0; i < 50 && !memchr(keys, 3, n) && tcgetattr(fd, &t) == 0 && (t.c_lflag & ICANON);
         i++)
        take(20);
    nanosleep(&(struct timespec){0, 200000000}, NULL);
    if (write(fd, keys, n) != (ssize_t)n)
        leave(125, "cannot type", text);
}

int main(int argc, char **argv)
{
    char line[4096];
    FILE *script = argc > 2 ? fopen(argv[1], "r") : NULL;
    struct winsize size = {.ws_row = 40, .ws_col = 200};
    if (!script)
        return 125;
    child = forkpty(&fd, NULL, NULL, &size);
    if (child < 0)
        return 77; /* no terminals here */
    if (child == 0) {
        execv(argv[2], argv + 2);
        _exit(127);
    }
    while (fgets(line, sizeof line, script)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '<' && line[1] == ' ')
            wait_for(line + 2);
        else if (line[0] == '>' || line[0] == '=')
            type(line[1] ? line + 2 : "", line[0] == '>');
        else
            leave(125, "found no step:", line);
    }
    int status;
    time_t end = time(NULL) + 60;
    while (take(200))
        if (time(NULL) > end)
            leave(124, "waited in vain for", "the end");
    fwrite(seen, 1, n_seen, stdout);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
