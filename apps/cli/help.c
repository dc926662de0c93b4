/* help.c: prints what options.c and verbs.c know. */
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "options.h"

const struct cli_verb *cli_verb_find(const char *name)
{
    for (const struct cli_verb *v = cli_verbs; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

const char cli_help_intro[] =
    "MODEL is a directory in Hugging Face layout or a GGUF file; where it is optional and\n"
    "omitted, or called `pocket`, it is the model inside this program.  `-` as a file name means\n"
    "standard input.\n";
const char cli_help_examples[] =
    "  vlm run receipt.jpg \"What is the total?\"\n"
    "  vlm run SmolVLM2-500M-Video-Instruct --image a.png -p \"Describe this.\" --json\n"
    "  vlm run --help\n";

static void print_heading(const char *text)
{
    printf("%s%s%s\n", cli_style(stdout, CLI_BOLD), text, cli_style(stdout, CLI_PLAIN));
}

static void print_title(void)
{
    puts("vlm: ask a vision-language model about pictures, pages and clips, on this machine\n");
}

void cli_help_short(void)
{
    print_title();
    puts("  vlm run receipt.jpg \"What is the total?\"     one question (no MODEL: the small one "
         "inside)\n"
         "  vlm chat MODEL receipt.jpg                   a conversation\n"
         "  vlm batch MODEL questions.jsonl -o out.jsonl many requests, one a line\n"
         "  vlm inspect MODEL                            what a model is made of\n\n"
         "`vlm help` lists all verbs, `vlm VERB --help` tells everything about one.\n");
    fflush(stdout);
}

void cli_help_all(void)
{
    print_title();
    print_heading("usage: vlm VERB [arguments] [options]\n");
    for (const struct cli_verb *v = cli_verbs; v->name; v++)
        printf("  %-11s %s\n", v->name, v->summary);
    printf("\n%sExit status: 0 done, 1 it could not be done, 2 wrong usage, 130 interrupted.\n\n",
           cli_help_intro);
    print_heading("Examples:");
    fputs(cli_help_examples, stdout);
}

void cli_option_describe(char out[256], const struct cli_option *d)
{
    char range[64] = "";
    if (d->type == CLI_UINT && d->hi == UINT64_MAX)
        snprintf(range, sizeof range, "; from %llu", (unsigned long long)d->lo);
    else if (d->type == CLI_UINT)
        snprintf(range, sizeof range, "; %llu..%llu", (unsigned long long)d->lo,
                 (unsigned long long)d->hi);
    else if (d->type == CLI_FLOAT)
        snprintf(range, sizeof range, "; %g..%g", d->flo, d->fhi);
    else if (d->type == CLI_LIST || d->type == CLI_MEDIA)
        snprintf(range, sizeof range, "; at most %llu", (unsigned long long)d->hi);
    snprintf(out, 256, "%s%s", d->help, range);
}

static void print_option(const struct cli_option *d)
{
    char left[40], help[256];
    snprintf(left, sizeof left, "%s%s%s%s%s", d->alias ? d->alias : "", d->alias ? ", " : "",
             d->name, d->meta ? " " : "", d->meta ? d->meta : "");
    cli_option_describe(help, d);
    printf("  %-24s %s\n", left, help);
}

void cli_help_verb(const struct cli_verb *verb)
{
    printf("%susage: vlm %s%s%s%s\n\n%s\n", cli_style(stdout, CLI_BOLD), verb->name,
           *verb->args ? " " : "", verb->args, cli_style(stdout, CLI_PLAIN), verb->summary);
    if (verb->notes)
        printf("\n%s", verb->notes);
    putchar('\n');
    print_heading("Options:");
    for (const struct cli_option *d = cli_option_table; d->name; d++)
        if ((d->verbs & verb->bit) && d->type != CLI_LATER)
            print_option(d);
    putchar('\n');
    print_heading("Examples:");
    fputs(verb->examples, stdout);
}
