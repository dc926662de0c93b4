/* ask.h: sorts the bare arguments of run and trace into MODEL, files and prompt. */
#ifndef VLM_CLI_ASK_H
#define VLM_CLI_ASK_H

#include "options.h"

struct cli_ask {
    const char *model;           /* NULL: pocket */
    const char *prompt;          /* NULL with --messages or --ids */
    struct cli_media_list media; /* in the order of the command line */
};
/* Prints the error; returns the exit status. */
int cli_ask_sort(struct cli_ask *a, const struct cli_options *o);

#endif
