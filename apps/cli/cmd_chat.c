/* cmd_chat.c: vlm chat: reads lines, does commands, asks the session and prints what it says.
 *
 * The session is given the whole conversation each time and keeps what it has read of it. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "ask.h"
#include "base/limits.h"
#include "base/os.h"
#include "cmd.h"
#include "edit.h"
#include "io.h"
#include "media.h"
#include "signals.h"
#include "steer.h"
#include "talk.h"

struct chat {
    struct cli_options o; /* /seed and /temp change it */
    struct cli_model model;
    struct cli_steer steer;
    struct cli_talk talk;
    struct cli_edit *edit;
    vlm_session *session; /* NULL: opened when needed */
    vlm_session_options so;
    struct cli_answer last; /* n 0: none */
    size_t n_failed;
    bool quit, fails; /* fails: what the exit status says */
};

enum command {
    C_IMAGE,
    C_VIDEO,
    C_PDF,
    C_SYSTEM,
    C_RESET,
    C_SAVE,
    C_LOAD,
    C_SEED,
    C_TEMP,
    C_STATS,
    C_HELP,
    C_QUIT,
    N_COMMANDS
};
static const char *const commands[N_COMMANDS + 1] = {
    [C_IMAGE] = "/image FILE",   [C_VIDEO] = "/video FILE", [C_PDF] = "/pdf FILE [PAGES]",
    [C_SYSTEM] = "/system TEXT", [C_RESET] = "/reset",      [C_SAVE] = "/save F.json",
    [C_LOAD] = "/load F.json",   [C_SEED] = "/seed S",      [C_TEMP] = "/temp T",
    [C_STATS] = "/stats",        [C_HELP] = "/help",        [C_QUIT] = "/quit"};

/* To people only. */
static void note(const struct chat *c, const char *text)
{
    if (cli_edit_is_terminal(c->edit))
        fprintf(stderr, "%s%s%s\n", cli_style(stderr, CLI_DIM), text, cli_style(stderr, CLI_PLAIN));
}

/* ---- asking ---- */

static void close_session(struct chat *c)
{
    cli_answer_free(&c->last);
    vlm_session_close(c->session);
    c->session = NULL;
}

static int open_session(struct chat *c, vlm_error *err)
{
    if (c->session)
        return VLM_OK;
    cli_session_options(&c->so, &c->o);
    cli_steer_apply(&c->steer, &c->so);
    return vlm_session_open(&c->session, c->model.engine, &c->so, err);
}

/* A session's options are fixed: another one stands where it stood. */
static int renew_session(struct chat *c, vlm_error *err)
{
    vlm_session *old = c->session;
    cli_session_options(&c->so, &c->o);
    cli_steer_apply(&c->steer, &c->so);
    int rc = vlm_session_fork(&c->session, old, &c->so, err);
    cli_answer_free(&c->last);
    vlm_session_close(old);
    if (rc < 0)
        c->session = NULL;
    return rc;
}

static int print_answer(struct chat *c, double start, vlm_error *err)
{
    const struct cli_choice *said = &c->last.choices[0];
    if (c->o.json) {
        json_t *j = cli_answer_json(&c->last, &c->model, &c->talk.request, c->model.load_ms,
                                    vlm_os_now_ms() - start);
        c->model.load_ms = 0;
        int rc = cli_json_print(stdout, j, err);
        return rc < 0 ? rc : cli_flush(stdout, "standard output", err);
    }
    if (said->text.n == 0 || said->text.data[said->text.n - 1] != '\n')
        putchar('\n');
    int rc = cli_flush(stdout, "standard output", err);
    if (said->finish == VLM_FINISH_CANCELLED)
        note(c, "(interrupted)");
    else if (said->finish == VLM_FINISH_LENGTH && c->last.stats.completion_tokens < c->o.max_tokens)
        note(c, "(the context is full: /reset forgets the conversation)");
    else if (said->finish == VLM_FINISH_LENGTH)
        note(c, "(cut: -n allows longer answers)");
    if (c->o.verbose)
        cli_answer_print_stats(&c->last);
    return rc;
}

/* The question stands in the conversation.  Fails only when nothing can be printed any more. */
static int answer(struct chat *c, vlm_error *e, vlm_error *err)
{
    struct cli_request all = c->talk.request; /* without an empty system message */
    double start = vlm_os_now_ms();
    all.messages = (vlm_message *)(uintptr_t)cli_talk_messages(&c->talk, &all.n_messages);
    cli_answer_free(&c->last);
    int rc = open_session(c, e);
    if (rc >= 0)
        rc = cli_answer_make(&c->last, c->model.engine, c->session, &all, &c->so, 1,
                             c->o.json ? NULL : stdout, e);
    bool said = c->last.n && c->last.choices[0].text.n > 0;
    if (rc < 0) {
        if (said && !c->o.json)
            putchar('\n');
        cli_answer_free(&c->last);
        cli_talk_take_back(&c->talk, cli_interrupted());
        if (cli_interrupted())
            note(c, "(interrupted)");
        return rc;
    }
    const struct vlm_buf *text = &c->last.choices[0].text;
    if (said || c->last.choices[0].finish != VLM_FINISH_CANCELLED)
        rc = cli_talk_answer(&c->talk, said ? text->data : "", text->n, e);
    else
        cli_talk_take_back(&c->talk, true); /* as if it had not been asked */
    if (rc >= 0)
        rc = print_answer(c, start, err);
    c->talk.request.decode_ms = 0; /* told with the answer to which it belongs */
    return rc;
}

static int ask(struct chat *c, const char *text, size_t n, vlm_error *e, vlm_error *err)
{
    int rc = cli_talk_ask(&c->talk, text, n, e);
    return rc < 0 ? rc : answer(c, e, err);
}

/* ---- commands ---- */

/* The name of a file as a terminal drops it: in quotes, with \ before blanks, ~/ for home. */
static void read_name(char out[PATH_MAX], const char *s)
{
    size_t n = strlen(s), k = 0;
    const char *home = getenv("HOME");
    bool quoted = n > 1 && (s[0] == '\'' || s[0] == '"') && s[n - 1] == s[0];
    if (!quoted && s[0] == '~' && s[1] == '/' && home) {
        k = (size_t)snprintf(out, PATH_MAX, "%s", home);
        s++;
        n--;
    }
    for (size_t i = quoted; i < n - quoted && k < PATH_MAX - 1; i++) {
        if (!quoted && s[i] == '\\' && s[i + 1])
            i++;
        out[k++] = s[i];
    }
    out[k < PATH_MAX ? k : PATH_MAX - 1] = 0;
}

static int add_file(struct chat *c, enum cli_media_kind kind, char *rest, vlm_error *e)
{
    char name[PATH_MAX];
    struct cli_media m = {.kind = kind, .path = name};
    char *blank = strrchr(rest, ' ');
    read_name(name, rest);
    if (kind == CLI_PDF && blank && !vlm_os_exists(NULL, name) && cli_pages_valid(blank + 1)) {
        m.pages = blank + 1;
        *blank = 0;
        read_name(name, rest);
    }
    int rc = cli_talk_file(&c->talk, &m, e);
    cli_progress_clear();
    if (rc >= 0)
        note(c, "(goes with the next message)");
    return rc;
}

static int set_option(struct chat *c, const char *name, const char *text, vlm_error *e)
{
    const struct cli_option *d = cli_option_find(c->o.verb, name, strlen(name));
    struct vlm_quoted q;
    char range[96];
    cli_option_range(range, d);
    if (!cli_option_number(&c->o, d, text))
        return vlm_fail(e, VLM_ERR_ARGUMENT, "/%s: found '%s', expected %s", name + 2,
                        vlm_base_quote(&q, text, strlen(text)), range);
    return renew_session(c, e);
}

static int load(struct chat *c, const char *rest, vlm_error *e, vlm_error *err)
{
    char name[PATH_MAX], line[64];
    size_t n;
    read_name(name, rest);
    int rc = cli_talk_load(&c->talk, name, e);
    cli_progress_clear();
    if (rc < 0)
        return rc;
    (void)cli_talk_messages(&c->talk, &n);
    snprintf(line, sizeof line, "(%zu messages)", n);
    note(c, line);
    return c->talk.asked ? answer(c, e, err) : rc;
}

static int save(struct chat *c, const char *rest, vlm_error *e)
{
    char name[PATH_MAX];
    read_name(name, rest);
    int rc = cli_talk_save(&c->talk, name, e);
    if (rc >= 0)
        note(c, "(saved)");
    return rc;
}

static void print_help(void)
{
    for (size_t i = 0; commands[i]; i++)
        fprintf(stderr, "  %s\n", commands[i]);
    fputs("  \"\"\" begins and ends a message of several lines; // one that begins with /\n"
          "  Ctrl-C ends an answer, Ctrl-D the program; `vlm chat --help` tells more\n",
          stderr);
}

static void print_stats(const struct chat *c)
{
    if (c->last.n)
        cli_answer_print_stats(&c->last);
    else
        fputs("no answer yet\n", stderr);
}

/* rest: what stands behind the name, without blanks around it. */
static int do_command(struct chat *c, enum command which, char *rest, vlm_error *e, vlm_error *err)
{
    switch (which) {
    case C_IMAGE:
        return add_file(c, CLI_IMAGE, rest, e);
    case C_VIDEO:
        return add_file(c, CLI_VIDEO, rest, e);
    case C_PDF:
        return add_file(c, CLI_PDF, rest, e);
    case C_SYSTEM:
        return cli_talk_system(&c->talk, rest, strlen(rest), e);
    case C_RESET:
        return cli_talk_reset(&c->talk, e);
    case C_SAVE:
        return save(c, rest, e);
    case C_LOAD:
        return load(c, rest, e, err);
    case C_SEED:
        return set_option(c, "--seed", rest, e);
    case C_TEMP:
        return set_option(c, "--temp", rest, e);
    case C_STATS:
        print_stats(c);
        return VLM_OK;
    case C_HELP:
        print_help();
        return VLM_OK;
    case C_QUIT:
    case N_COMMANDS:
        break;
    }
    c->quit = true;
    return VLM_OK;
}

static int command(struct chat *c, char *line, vlm_error *e, vlm_error *err)
{
    struct vlm_quoted q;
    size_t n = strcspn(line, " \t"), end = strlen(line);
    char *rest = line + n + strspn(line + n, " \t");
    while (end > n && (line[end - 1] == ' ' || line[end - 1] == '\t'))
        line[--end] = 0;
    for (size_t i = 0; commands[i]; i++) {
        size_t k = strcspn(commands[i], " ");
        if (k != n || memcmp(commands[i], line, n) != 0)
            continue;
        const char *expected = commands[i][k] ? commands[i] + k + 1 : NULL;
        if (!expected && *rest)
            return vlm_fail(e, VLM_ERR_ARGUMENT, "%.*s: found '%s' behind it, expected nothing",
                            (int)k, commands[i], vlm_base_quote(&q, rest, strlen(rest)));
        if (expected && !*rest && i != C_SYSTEM)
            return vlm_fail(e, VLM_ERR_ARGUMENT, "%.*s: found nothing, expected %s", (int)k,
                            commands[i], expected);
        return do_command(c, (enum command)i, rest, e, err);
    }
    return vlm_fail(e, VLM_ERR_ARGUMENT,
                    "found '%s', expected a command that /help lists (// begins a message)",
                    vlm_base_quote(&q, line, n));
}

/* ---- lines ---- */

/* More lines, up to one that ends with """. */
static int read_block(struct chat *c, struct vlm_buf *text, struct vlm_buf *line, vlm_error *e)
{
    vlm_buf_clear(text);
    vlm_buf_append(text, line->data + 3, line->n - 3);
    for (;;) {
        if (text->n >= 3 && memcmp(text->data + text->n - 3, "\"\"\"", 3) == 0) {
            text->n -= 3;
            return VLM_OK;
        }
        int rc = cli_edit_line(c->edit, line, "... ", e);
        if (rc == VLM_DONE)
            return vlm_fail(e, VLM_ERR_FORMAT,
                            "found the end of the input, expected \"\"\" before it");
        if (rc < 0)
            return rc;
        if (text->n)
            vlm_buf_putc(text, '\n');
        vlm_buf_append(text, line->data ? line->data : "", line->n);
        if (!text->ok)
            return vlm_fail(e, VLM_ERR_LIMIT,
                            "found a message over %zu bytes, expected at most that many",
                            text->limit);
    }
}

static int one_line(struct chat *c, struct vlm_buf *line, struct vlm_buf *text, vlm_error *e,
                    vlm_error *err)
{
    size_t blank = line->n ? strspn(line->data, " \t") : 0;
    if (line->n == 0 || !line->data[blank])
        return VLM_OK;
    if (line->n >= 3 && memcmp(line->data, "\"\"\"", 3) == 0) {
        int rc = read_block(c, text, line, e);
        return rc < 0 ? rc : ask(c, text->data, text->n, e, err);
    }
    if (line->data[0] == '/' && line->data[1] != '/')
        return command(c, line->data, e, err);
    size_t skip = line->data[0] == '/';
    return ask(c, line->data + skip, line->n - skip, e, err);
}

/* Says what went wrong with a line and goes on.  False: the program ends. */
static bool go_on(struct chat *c, int rc, const vlm_error *e)
{
    bool terminal = cli_edit_is_terminal(c->edit), interrupted = cli_interrupted();
    cli_progress_clear();
    if (interrupted && !terminal)
        return false;
    if (interrupted)
        cli_signals_forget();
    if (rc >= 0 || (interrupted && rc == VLM_ERR_CANCELLED))
        return true;
    c->n_failed++;
    fprintf(stderr, "vlm: %s%s\n", e->message,
            rc == VLM_ERR_CONTEXT ? "; /reset forgets the conversation, /save keeps it" : "");
    return true;
}

/* VLM_OK at the end; negative when standard output failed. */
static int talk(struct chat *c, vlm_error *err)
{
    struct vlm_buf line, text;
    vlm_buf_init(&line, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    vlm_buf_init(&text, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    while (!c->quit && err->status >= 0) {
        vlm_error e = {0};
        int rc = cli_edit_line(c->edit, &line, "> ", &e);
        if (rc == VLM_DONE || (rc == VLM_ERR_IO && !cli_interrupted()))
            break;
        if (rc == VLM_ERR_CANCELLED && cli_edit_is_terminal(c->edit))
            fputs("\n", stderr);
        else if (rc == VLM_OK)
            rc = one_line(c, &line, &text, &e, err);
        if (err->status >= 0 && !go_on(c, rc, &e))
            break;
    }
    if (!c->quit && cli_edit_is_terminal(c->edit))
        fputs("\n", stderr);
    vlm_buf_free(&line);
    vlm_buf_free(&text);
    return err->status;
}

static int run(struct chat *c, const struct cli_ask *q, vlm_error *err)
{
    int rc = cli_steer_open(&c->steer, c->model.engine, &c->o, err);
    if (rc >= 0)
        rc = cli_talk_open(&c->talk, c->model.engine, &c->o, &q->media, err);
    cli_progress_clear();
    if (rc >= 0)
        rc = open_session(c, err); /* options that are wrong end the program now */
    if (rc >= 0)
        rc = cli_edit_open(&c->edit, commands, c->o.history, err);
    if (rc >= 0 && cli_edit_is_terminal(c->edit)) {
        char line[PATH_MAX + 64];
        snprintf(line, sizeof line, "%s; /help lists commands, Ctrl-D ends", c->model.name);
        note(c, line);
    }
    if (rc >= 0)
        rc = talk(c, err);
    c->fails = c->edit && !cli_edit_is_terminal(c->edit) && c->n_failed > 0;
    cli_edit_close(c->edit);
    close_session(c);
    cli_talk_close(&c->talk);
    cli_steer_close(&c->steer);
    return rc;
}

int cli_cmd_chat(const struct cli_options *o)
{
    struct chat c = {.o = *o};
    struct cli_ask q;
    vlm_error err = {0};
    int status = cli_ask_sort(&q, o);
    if (status == CLI_OK)
        status = cli_model_open(&c.model, o, q.model, false);
    if (status)
        return status;
    cli_signals_patient(true);
    if (run(&c, &q, &err) < 0)
        status = cli_failed(&err);
    else if (cli_interrupted())
        status = CLI_INTERRUPTED;
    else if (c.fails)
        status = CLI_FAILED;
    cli_model_close(&c.model);
    return status;
}
