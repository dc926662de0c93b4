/* cmd_man.c: vlm man: the manual pages, in man(7) macros, made of the tables of verbs and options.
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "io.h"
#include "vlm.h"

/* Text for roff: what it would take for itself is escaped. */
static void put(FILE *f, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        switch (s[i]) {
        case '\\':
            fputs("\\e", f);
            break;
        case '-':
            fputs("\\-", f);
            break;
        case '\'':
            fputs("\\(aq", f);
            break;
        case '`':
            fputs("\\(ga", f);
            break;
        case '^':
            fputs("\\(ha", f);
            break;
        case '~':
            fputs("\\(ti", f);
            break;
        case '"':
            fputs("\\(dq", f);
            break;
        case '.':
            fputs(i == 0 ? "\\&." : ".", f);
            break;
        default:
            putc(s[i], f);
        }
}

static void put_text(FILE *f, const char *s)
{
    put(f, s, strlen(s));
}

/* Lines that begin with blanks stay lines. */
static void put_notes(FILE *f, const char *s)
{
    while (*s) {
        size_t n = strcspn(s, "\n"), blank = strspn(s, " ");
        if (blank) {
            fputs(".br\n", f);
            for (size_t i = 0; i < blank; i++)
                fputs("\\ ", f);
        }
        put(f, s + blank, n - blank);
        putc('\n', f);
        s += n + (s[n] == '\n');
        if (blank && *s && *s != ' ')
            fputs(".br\n", f);
    }
}

static void put_lines(FILE *f, const char *s)
{
    fputs(".nf\n", f);
    while (*s) {
        size_t n = strcspn(s, "\n"), blank = strspn(s, " ");
        put(f, s + blank, n - blank);
        putc('\n', f);
        s += n + (s[n] == '\n');
    }
    fputs(".fi\n", f);
}

/* name: "vlm" or "vlm-run" */
static void put_head(FILE *f, const char *name, const char *summary)
{
    fprintf(f, ".\\\" made by `vlm man`\n.TH %s 1 \"%s\" \"vlm %s\" \"User Commands\"\n", name,
            VLM_CLI_DATE, vlm_version());
    fputs(".ad l\n.SH NAME\n", f);
    put_text(f, name);
    fputs(" \\- ", f);
    put_text(f, summary);
    fputs("\n.SH SYNOPSIS\n", f);
}

static void put_option(FILE *f, const struct cli_option *d)
{
    char help[256];
    fputs(".TP\n", f);
    if (d->alias) {
        fputs("\\fB", f);
        put_text(f, d->alias);
        fputs("\\fR, ", f);
    }
    fputs("\\fB", f);
    put_text(f, d->name);
    fputs("\\fR", f);
    if (d->meta) {
        fputs(" \\fI", f);
        put_text(f, d->meta);
        fputs("\\fR", f);
    }
    putc('\n', f);
    cli_option_describe(help, d);
    put_text(f, help);
    putc('\n', f);
    if (!d->choices)
        return;
    fputs(".br\nOne of:", f);
    for (size_t i = 0; d->choices[i]; i++) {
        fputs(i ? ", " : " ", f);
        put_text(f, d->choices[i]);
    }
    fputs(".\n", f);
}

static const char exit_status[] =
    "0: done\n1: the input, the model or the machine would not allow it\n"
    "2: wrong usage\n130: interrupted; what was answered stays printed\n";

static void put_verb(FILE *f, const struct cli_verb *v)
{
    char name[64];
    snprintf(name, sizeof name, "vlm-%s", v->name);
    put_head(f, name, v->summary);
    fprintf(f, "\\fBvlm %s\\fR ", v->name);
    put_text(f, v->args);
    putc('\n', f);
    if (v->notes) {
        fputs(".SH DESCRIPTION\n", f);
        put_notes(f, v->notes);
    }
    fputs(".SH OPTIONS\n", f);
    for (const struct cli_option *d = cli_option_table; d->name; d++)
        if ((d->verbs & v->bit) && d->type != CLI_LATER)
            put_option(f, d);
    fputs(".SH EXIT STATUS\n", f);
    put_lines(f, exit_status);
    fputs(".SH EXAMPLES\n", f);
    put_lines(f, v->examples);
    fputs(".SH SEE ALSO\n\\fBvlm\\fR(1)\n", f);
}

static void put_program(FILE *f)
{
    put_head(f, "vlm", "ask a vision-language model about pictures, pages and clips");
    fputs("\\fBvlm\\fR \\fIVERB\\fR [arguments] [options]\n.SH DESCRIPTION\n", f);
    put_notes(f, cli_help_intro);
    fputs(".SH VERBS\n", f);
    for (const struct cli_verb *v = cli_verbs; v->name; v++) {
        fprintf(f, ".TP\n\\fB%s\\fR\n", v->name);
        put_text(f, v->summary);
        putc('\n', f);
    }
    fputs(".SH EXIT STATUS\n", f);
    put_lines(f, exit_status);
    fputs(".SH EXAMPLES\n", f);
    put_lines(f, cli_help_examples);
    fputs(".SH SEE ALSO\n", f);
    for (const struct cli_verb *v = cli_verbs; v->name; v++)
        fprintf(f, "\\fBvlm-%s\\fR(1)%s\n", v->name, v[1].name ? "," : "");
}

static int write_page(const char *dir, const struct cli_verb *v, vlm_error *err)
{
    char name[64];
    struct cli_file file;
    snprintf(name, sizeof name, "vlm%s%s.1", v ? "-" : "", v ? v->name : "");
    int rc = cli_file_open(&file, dir, name, err);
    if (rc < 0)
        return rc;
    if (v)
        put_verb(file.f, v);
    else
        put_program(file.f);
    return cli_file_commit(&file, err);
}

static int write_pages(const char *dir, vlm_error *err)
{
    int rc = cli_make_dir(dir, err);
    if (rc >= 0)
        rc = write_page(dir, NULL, err);
    for (const struct cli_verb *v = cli_verbs; v->name && rc >= 0; v++)
        rc = write_page(dir, v, err);
    return rc;
}

int cli_cmd_man(const struct cli_options *o)
{
    const struct cli_verb *v = o->args.n ? cli_verb_find(o->args.v[0]) : NULL;
    vlm_error err = {0};
    struct vlm_quoted q;
    int rc = VLM_OK;
    if (o->args.n && !v)
        return cli_usage(o->verb, "man: found '%s', expected a verb of this build",
                         vlm_base_quote(&q, o->args.v[0], strlen(o->args.v[0])));
    if (o->out_dir)
        rc = write_pages(o->out_dir, &err);
    else if (v)
        put_verb(stdout, v);
    else
        put_program(stdout);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
