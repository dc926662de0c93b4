/* signals.h: Ctrl-C, a mapped file that shrinks, a reader that leaves.
 *
 * The first Ctrl-C cancels what can be cancelled (a session, or a verb that asks cli_interrupted)
 * and lets the verb end in order with status 130; the second leaves at once, as the first does
 * where nothing can be cancelled.  Owns the process's signal handlers. */
#ifndef VLM_CLI_SIGNALS_H
#define VLM_CLI_SIGNALS_H

#include <stdbool.h>

#include "vlm.h"

void cli_signals_init(void);
bool cli_interrupted(void);
void cli_signals_forget(void); /* an interrupt was dealt with: the next one is a first again */
/* What Ctrl-C cancels, at most VLM_LIMIT_BATCH; n 0: nothing.  Say so before one is closed. */
void cli_signals_sessions(vlm_session *const *sessions, size_t n);
void cli_signals_terminal(void);   /* as it is now, it is left to the shell */
void cli_signals_patient(bool on); /* the verb looks at cli_interrupted itself */
void cli_signals_reading(bool on); /* Ctrl-C ends a blocked read, which then fails with EINTR */
void cli_signals_model(const char *name);   /* what SIGBUS blames */
void cli_signals_partial(const char *path); /* borrowed; removed when leaving at once; NULL: none */

#endif
