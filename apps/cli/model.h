/* model.h: MODEL as the command line names it, and the options of engines and sessions. */
#ifndef VLM_CLI_MODEL_H
#define VLM_CLI_MODEL_H

#include "options.h"
#include "vlm_tools.h"

#define CLI_POCKET "pocket" /* how the model inside the program is called */

struct cli_model {
    vlm_engine *engine;
    const char *name; /* as given, or CLI_POCKET */
    double load_ms;
};
/* path NULL: the pocket model. Prints the error; returns the exit status. */
int cli_model_open(struct cli_model *m, const struct cli_options *o, const char *path,
                   bool vocab_only);
void cli_model_close(struct cli_model *m);

/* Includes progress on a terminal's stderr and Ctrl-C. */
void cli_session_options(vlm_session_options *so, const struct cli_options *o);
/* "WHAT done of total" on a terminal's stderr, in place of the line before. */
void cli_progress(const char *what, size_t done, size_t total);
/* Removes the progress line, if one is shown. */
void cli_progress_clear(void);

/* The files of models/pocket at build time (pocket.c, generated).  Returns how many; 0: none. */
#define CLI_POCKET_MAX 16
size_t cli_pocket_files(vlm_file files[CLI_POCKET_MAX]);

#endif
