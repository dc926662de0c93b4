/* edit.h: lines that a person types, or that come through a pipe.
 *
 * On a terminal with libedit: editing, history, completion; without it, or with TERM=dumb, plain
 * lines.  Prompts go to standard error, and only on a terminal. */
#ifndef VLM_CLI_EDIT_H
#define VLM_CLI_EDIT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"

struct cli_edit;

/* commands: "/image FILE", ..., ends with NULL; the Tab key completes them and, where "FILE" or
 * "F.json" stands behind one, names of files.  keep: history is read from and written to
 * $XDG_STATE_HOME/vlm/history. */
int cli_edit_open(struct cli_edit **out, const char *const *commands, bool keep, vlm_error *err);
void cli_edit_close(struct cli_edit *e); /* NULL allowed */
bool cli_edit_is_terminal(const struct cli_edit *e);
/* The next line without its end.  VLM_DONE: the end; VLM_ERR_CANCELLED: Ctrl-C. */
int cli_edit_line(struct cli_edit *e, struct vlm_buf *line, const char *prompt, vlm_error *err);

#endif
