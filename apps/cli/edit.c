/* edit.c: see edit.h. */
#include "edit.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>
#ifdef VLM_CLI_LIBEDIT
#include <histedit.h>
#endif

#include "base/limits.h"
#include "base/mem.h"
#include "io.h"
#include "signals.h"

struct cli_edit {
    bool terminal;
    const char *const *commands;
    const char *prompt;
#ifdef VLM_CLI_LIBEDIT
    EditLine *el; /* NULL: plain lines */
    History *history;
    char path[PATH_MAX]; /* of the history; empty: not kept */
#endif
};

#ifdef VLM_CLI_LIBEDIT

/* ---- completion ---- */

#define N_FOUND 64
struct found {
    char names[N_FOUND][NAME_MAX + 2];
    size_t n;       /* of names, at most N_FOUND */
    size_t n_same;  /* bytes that all begin with */
    size_t n_typed; /* bytes of them that stand there already */
};

static void add_found(struct found *f, const char *name, const char *end)
{
    char *to = f->names[f->n < N_FOUND ? f->n : N_FOUND - 1];
    snprintf(to, sizeof f->names[0], "%.*s%s", NAME_MAX, name, end);
    size_t same = 0;
    while (to[same] && to[same] == f->names[0][same])
        same++;
    f->n_same = f->n == 0 ? strlen(to) : same < f->n_same ? same : f->n_same;
    f->n += f->n < N_FOUND;
}

static void find_commands(struct found *f, const struct cli_edit *e, const char *typed)
{
    for (size_t i = 0; e->commands[i]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(e->commands[i], " "), e->commands[i]);
        if (strncmp(name, typed, f->n_typed) == 0)
            add_found(f, name, e->commands[i][strlen(name)] ? " " : "");
    }
}

static void find_files(struct found *f, const char *typed)
{
    char dir[PATH_MAX], path[2 * PATH_MAX];
    const char *slash = strrchr(typed, '/'), *home = getenv("HOME");
    const char *base = slash ? slash + 1 : typed;
    bool at_home = typed[0] == '~' && typed[1] == '/' && home;
    snprintf(dir, sizeof dir, "%s%.*s", at_home ? home : "",
             slash ? (int)(slash + 1 - typed) - at_home : 2, slash ? typed + at_home : "./");
    f->n_typed = strlen(base);
    DIR *d = opendir(dir);
    const struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL) {
        struct stat st;
        if (strncmp(entry->d_name, base, f->n_typed) != 0 ||
            (entry->d_name[0] == '.' && base[0] != '.'))
            continue;
        snprintf(path, sizeof path, "%s%s", dir, entry->d_name);
        add_found(f, entry->d_name, stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? "/" : "");
    }
    if (d)
        closedir(d);
}

static bool takes_file(const struct cli_edit *e, const char *line, size_t n)
{
    for (size_t i = 0; e->commands[i]; i++) {
        const char *c = e->commands[i];
        if (strncmp(c, line, n) == 0 && c[n] == ' ')
            return strstr(c, " FILE") || strstr(c, " F.json");
    }
    return false;
}

static void print_found(const struct found *f)
{
    fputc('\n', stderr);
    for (size_t i = 0; i < f->n; i++) {
        cli_put_text(stderr, f->names[i], strlen(f->names[i]));
        fputs(i + 1 == f->n ? "\n" : "  ", stderr);
    }
}

static unsigned char complete(EditLine *el, int key)
{
    const LineInfo *li = el_line(el);
    struct cli_edit *e;
    char typed[PATH_MAX];
    size_t n = (size_t)(li->cursor - li->buffer), n_word;
    (void)key;
    if (el_get(el, EL_CLIENTDATA, &e) != 0 || n == 0 || n >= sizeof typed || li->buffer[0] != '/')
        return CC_ERROR;
    memcpy(typed, li->buffer, n);
    typed[n] = 0;
    struct found *f = vlm_mem_zalloc(&vlm_mem_system, 1, sizeof *f);
    if (!f)
        return CC_ERROR;
    n_word = strcspn(typed, " ");
    f->n_typed = n;
    if (!typed[n_word])
        find_commands(f, e, typed);
    else if (takes_file(e, typed, n_word))
        find_files(f, typed + n_word + 1);
    unsigned char what = CC_ERROR;
    if (f->n_same > f->n_typed) {
        f->names[0][f->n_same] = 0;
        what = el_insertstr(el, f->names[0] + f->n_typed) == 0 ? CC_REFRESH : CC_ERROR;
    } else if (f->n > 1) {
        print_found(f);
        what = CC_REDISPLAY;
    }
    vlm_mem_free(&vlm_mem_system, f);
    return what;
}

/* ---- history ---- */

/* DIR/NAME, made if missing, for the owner alone; false when it cannot be had. */
static bool enter_dir(char path[PATH_MAX], const char *name)
{
    size_t n = strlen(path);
    int k = snprintf(path + n, PATH_MAX - n, "/%s", name);
    return k > 0 && (size_t)k < PATH_MAX - n && (mkdir(path, 0700) == 0 || errno == EEXIST);
}

static int find_history(struct cli_edit *e, vlm_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool own = state && state[0] == '/';
    errno = ENOENT;
    if (!own && !(home && home[0] == '/'))
        return vlm_fail(err, VLM_ERR_IO,
                        "--history: found neither XDG_STATE_HOME nor HOME, expected one of them");
    snprintf(e->path, sizeof e->path, "%s", own ? state : home);
    bool is_there = own ? mkdir(e->path, 0700) == 0 || errno == EEXIST
                        : enter_dir(e->path, ".local") && enter_dir(e->path, "state");
    size_t n;
    if (!is_there || !enter_dir(e->path, "vlm") || (n = strlen(e->path)) + 9 > sizeof e->path) {
        int rc = vlm_fail_os(err, errno, "%s: cannot create", e->path);
        e->path[0] = 0;
        return rc;
    }
    memcpy(e->path + n, "/history", 9);
    return VLM_OK;
}

static int open_history(struct cli_edit *e, bool keep, vlm_error *err)
{
    HistEvent ev;
    e->history = history_init();
    if (!e->history)
        return vlm_fail_memory(err, 0, "the history");
    history(e->history, &ev, H_SETSIZE, 1000);
    history(e->history, &ev, H_SETUNIQUE, 1);
    el_set(e->el, EL_HIST, history, e->history);
    int rc = keep ? find_history(e, err) : VLM_OK;
    if (rc == VLM_OK && keep)
        (void)history(e->history, &ev, H_LOAD, e->path); /* the first time there is none */
    return rc;
}

/* ---- lines ---- */

/* libedit would go on reading after Ctrl-C. */
static int read_char(EditLine *el, wchar_t *out)
{
    mbstate_t state;
    char c;
    (void)el;
    memset(&state, 0, sizeof state);
    for (;;) {
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR && !cli_interrupted())
            continue;
        if (n <= 0)
            return (int)n;
        size_t used = mbrtowc(out, &c, 1, &state);
        if (used == (size_t)-1)
            memset(&state, 0, sizeof state); /* no UTF-8: the byte is dropped */
        else if (used != (size_t)-2)
            return 1;
    }
}

static char *get_prompt(EditLine *el)
{
    struct cli_edit *e;
    static char none[] = "";
    return el_get(el, EL_CLIENTDATA, &e) == 0 ? (char *)(uintptr_t)e->prompt : none;
}

static int open_libedit(struct cli_edit *e, bool keep, vlm_error *err)
{
    const char *term = getenv("TERM");
    if (!term || !*term || strcmp(term, "dumb") == 0)
        return VLM_OK;
    setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8"); /* questions are UTF-8 whatever the locale */
    e->el = el_init("vlm", stdin, stderr, stderr);
    if (!e->el)
        return VLM_OK;
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_PROMPT, get_prompt);
    el_set(e->el, EL_GETCFN, read_char);
    /* the wide names are borrowed; copies of narrow ones would never be freed */
    el_wset(e->el, EL_ADDFN, L"vlm-complete", L"complete", complete);
    el_set(e->el, EL_BIND, "\t", "vlm-complete", NULL);
    el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(e->el, NULL); /* the user's ~/.editrc */
    return open_history(e, keep, err);
}

static int libedit_line(struct cli_edit *e, struct vlm_buf *line, vlm_error *err)
{
    HistEvent ev;
    int n = 0;
    const char *got = el_gets(e->el, &n);
    if (!got && cli_interrupted())
        return vlm_fail(err, VLM_ERR_CANCELLED, "interrupted");
    if (!got || n <= 0)
        return VLM_DONE;
    if (got[strspn(got, " \t\n")])
        history(e->history, &ev, H_ENTER, got);
    n -= got[n - 1] == '\n';
    vlm_buf_clear(line);
    if (!vlm_buf_append(line, got, (size_t)n))
        return vlm_fail_memory(err, (size_t)n, "a line");
    return VLM_OK;
}

#endif

int cli_edit_open(struct cli_edit **out, const char *const *commands, bool keep, vlm_error *err)
{
    struct cli_edit *e = vlm_mem_zalloc(&vlm_mem_system, 1, sizeof *e);
    if (!e)
        return vlm_fail_memory(err, sizeof *e, "line editing");
    e->terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    e->commands = commands;
    int rc = VLM_OK;
    if (e->terminal)
        cli_signals_terminal();
#ifdef VLM_CLI_LIBEDIT
    if (e->terminal)
        rc = open_libedit(e, keep, err);
#else
    (void)keep;
#endif
    if (rc < 0)
        cli_edit_close(e);
    else
        *out = e;
    return rc;
}

void cli_edit_close(struct cli_edit *e)
{
    if (!e)
        return;
#ifdef VLM_CLI_LIBEDIT
    HistEvent ev;
    if (e->history && e->path[0])
        (void)history(e->history, &ev, H_SAVE, e->path); /* for its owner alone */
    if (e->history)
        history_end(e->history);
    if (e->el)
        el_end(e->el);
#endif
    vlm_mem_free(&vlm_mem_system, e);
}

bool cli_edit_is_terminal(const struct cli_edit *e)
{
    return e->terminal;
}

int cli_edit_line(struct cli_edit *e, struct vlm_buf *line, const char *prompt, vlm_error *err)
{
    int rc;
    e->prompt = prompt;
    cli_signals_reading(true);
#ifdef VLM_CLI_LIBEDIT
    if (e->el) {
        rc = libedit_line(e, line, err);
        cli_signals_reading(false);
        return rc;
    }
#endif
    if (e->terminal)
        fputs(prompt, stderr);
    rc = cli_read_line(line, stdin, "standard input", err);
    cli_signals_reading(false);
    if (cli_interrupted()) {
        clearerr(stdin);
        return vlm_fail(err, VLM_ERR_CANCELLED, "interrupted");
    }
    return rc;
}
