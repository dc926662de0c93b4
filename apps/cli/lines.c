/* lines.c: see lines.h. */
#include "lines.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "signals.h"

/* IN and OUT may not be one file: OUT would replace what is still being read. */
static int open_files(struct cli_lines *l, const struct cli_options *o, vlm_error *err)
{
    struct stat in, out;
    l->in = strcmp(l->path, "-") == 0 ? stdin : fopen(l->path, "rb");
    l->out = stdout;
    if (!l->in)
        return vlm_fail_os(err, errno, "%s: cannot open", l->path);
    if (fstat(fileno(l->in), &in) == 0 && S_ISDIR(in.st_mode))
        return vlm_fail(err, VLM_ERR_IO, "%s: found a directory, expected a file of JSON lines",
                        l->path);
    if (!o->output || strcmp(o->output, "-") == 0)
        return VLM_OK;
    if (fstat(fileno(l->in), &in) == 0 && stat(o->output, &out) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "%s: found the same file as input and output, expected two", l->path);
    int rc = cli_file_open(&l->file, NULL, o->output, err);
    l->out = l->file.f;
    return rc;
}

int cli_lines_open(struct cli_lines *l, const struct cli_options *o, vlm_error *err)
{
    *l = (struct cli_lines){.path = o->args.v[o->args.n - 1]};
    vlm_buf_init(&l->line, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    return open_files(l, o, err);
}

void cli_lines_where(char where[160], const struct cli_lines *l)
{
    struct vlm_quoted q;
    const char *shown = cli_shown(l->path);
    snprintf(where, 160, "%s: line %zu",
             strlen(shown) < 100 ? shown : vlm_base_quote(&q, shown, strlen(shown)), l->n_read);
}

static bool is_blank(const struct vlm_buf *line)
{
    return line->n == 0 || line->data[strspn(line->data, " \t")] == 0;
}

static void show_progress(const struct cli_lines *l)
{
    if (isatty(STDERR_FILENO) && !isatty(fileno(l->out)))
        fprintf(stderr, "\r\033[Kline %zu, %zu failed ", l->n_read, l->n_failed);
}

int cli_lines_next(struct cli_lines *l, json_t **object, vlm_error *e, vlm_error *err)
{
    char where[160];
    *object = NULL;
    for (;;) {
        cli_signals_reading(true);
        int got = cli_read_line(&l->line, l->in, cli_shown(l->path), e);
        cli_signals_reading(false);
        if (got == VLM_DONE || cli_interrupted())
            return VLM_DONE;
        l->n_read++;
        if (got == VLM_ERR_IO) {
            *err = *e;
            return got;
        }
        if (got < 0)
            return VLM_OK;
        if (is_blank(&l->line))
            continue;
        show_progress(l);
        cli_lines_where(where, l);
        (void)cli_json_parse(object, l->line.data, l->line.n, where, e);
        return VLM_OK;
    }
}

json_t *cli_lines_failure(struct cli_lines *l, const vlm_error *e)
{
    l->n_failed++;
    return json_pack("{s:o}", "error", cli_json_string(e->message, strlen(e->message)));
}

int cli_lines_put(struct cli_lines *l, const json_t *object, json_t *result, vlm_error *err)
{
    json_t *id = json_object_get(object, "id");
    json_t *j = json_pack("{s:o}", "id", id ? json_incref(id) : json_null());
    if (j && json_object_update(j, result) != 0) {
        json_decref(j);
        j = NULL;
    }
    json_decref(result);
    int rc = cli_json_print(l->out, j, err);
    return rc < 0 ? rc : cli_flush(l->out, l->file.f ? l->file.path : "standard output", err);
}

int cli_lines_close(struct cli_lines *l, int rc, vlm_error *err)
{
    if (l->out && isatty(STDERR_FILENO) && !isatty(fileno(l->out)))
        fputs("\r\033[K", stderr);
    vlm_buf_free(&l->line);
    if (l->in && l->in != stdin)
        fclose(l->in);
    if (!l->file.f)
        return rc;
    vlm_error e; /* answers that were complete when Ctrl-C came are kept */
    int saved = rc < 0 && !cli_interrupted() ? (cli_file_abort(&l->file), rc)
                                             : cli_file_commit(&l->file, &e);
    if (saved < 0 && rc >= 0)
        *err = e;
    return rc < 0 ? rc : saved;
}

int cli_lines_status(const struct cli_lines *l, int rc, vlm_error *err)
{
    if (rc < 0)
        return cli_failed(err);
    if (cli_interrupted())
        return CLI_INTERRUPTED;
    if (l->n_failed == 0)
        return CLI_OK;
    vlm_fail(err, VLM_ERR_FORMAT, "%s: found %zu of %zu lines that failed, expected none",
             cli_shown(l->path), l->n_failed, l->n_read);
    return cli_failed(err);
}
