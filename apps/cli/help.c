/* help.c: prints what options.c and verbs.c know. */
#include <stdio.h>
#include <string.h>

#include "options.h"

const struct cli_verb *cli_verb_find(const char *name)
{
    for (const struct cli_verb *v = cli_verbs; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

void cli_help_all(void)
{
    puts("vlm: ask a vision-language model about pictures, pages and clips, on this "
         "machine\n\nusage: vlm VERB "
         "[arguments] [options]\n");
    for (const struct cli_verb *v = cli_verbs; v->name; v++)
        printf("  %-11s %s\n", v->name, v->summary);
    puts("\nMODEL is a directory in Hugging Face layout or a GGUF file; where it is optional and\n"
         "omitted, or called `pocket`, it is the model inside this program.  `-` as a file name "
         "means standard input.\n"
         "Exit status: 0 done, 1 it could not be done, 2 wrong usage, 130 interrupted.\n\n"
         "Examples:\n"
         "  vlm run receipt.jpg \"What is the total?\"\n"
         "  vlm run SmolVLM2-500M-Video-Instruct --image a.png -p \"Describe this.\" --json\n"
         "  vlm run --help");
}

static void print_option(const struct cli_option *d)
{
    char left[40];
    snprintf(left, sizeof left, "%s%s%s%s%s", d->alias ? d->alias : "", d->alias ? ", " : "",
             d->name, d->meta ? " " : "", d->meta ? d->meta : "");
    printf("  %-24s %s", left, d->help);
    if (d->type == CLI_UINT && d->hi == UINT64_MAX)
        printf("; from %llu\n", (unsigned long long)d->lo);
    else if (d->type == CLI_UINT)
        printf("; %llu..%llu\n", (unsigned long long)d->lo, (unsigned long long)d->hi);
    else if (d->type == CLI_FLOAT)
        printf("; %g..%g\n", d->flo, d->fhi);
    else if (d->type == CLI_LIST || d->type == CLI_MEDIA)
        printf("; at most %llu\n", (unsigned long long)d->hi);
    else
        putchar('\n');
}

void cli_help_verb(const struct cli_verb *verb)
{
    printf("usage: vlm %s%s%s\n\n%s\n", verb->name, *verb->args ? " " : "", verb->args,
           verb->summary);
    if (verb->notes)
        printf("\n%s", verb->notes);
    puts("\nOptions:");
    for (const struct cli_option *d = cli_option_table; d->name; d++)
        if ((d->verbs & verb->bit) && d->type != CLI_LATER)
            print_option(d);
    printf("\nExamples:\n%s", verb->examples);
}
