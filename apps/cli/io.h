/* io.h: what the command reads and writes: whole files, lines, JSON, results, files that appear
 * only when they are complete.
 *
 * Errors go into a vlm_error whose line names the file; cli_failed prints it.  Memory comes from
 * malloc (vlm_mem_system). */
#ifndef VLM_CLI_IO_H
#define VLM_CLI_IO_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/status.h"

/* "vlm: MESSAGE" on stderr.  Returns CLI_FAILED, or CLI_INTERRUPTED after Ctrl-C. */
int cli_failed(const vlm_error *err);

/* The whole of a file, or of standard input for "-".  shown gets what errors should call it. */
int cli_read(struct vlm_buf *out, const char *path, size_t limit, vlm_error *err);
const char *cli_shown(const char *path); /* "-" reads better as "standard input" */
/* The next line without its end.  VLM_DONE at the end of the file; a line over the limit is skipped
 * and reported as VLM_ERR_LIMIT, and the next call goes on behind it. */
int cli_read_line(struct vlm_buf *out, FILE *f, const char *where, vlm_error *err);

/* Strict JSON of any kind, nested at most VLM_LIMIT_JSON_DEPTH deep. */
int cli_json_parse(json_t **out, const char *data, size_t n, const char *where, vlm_error *err);
json_t *cli_json_string(const void *bytes, size_t n); /* invalid UTF-8 becomes U+FFFD */
const char *cli_json_kind(const json_t *v); /* "a list", "nothing" for NULL */
json_t *cli_json_ms(double ms);                       /* rounded to microseconds */
/* One line.  Takes the reference. */
int cli_json_print(FILE *f, json_t *value, vlm_error *err);

/* Text of the model or a file.  On a terminal control characters are shown as \xNN; elsewhere raw.
 */
void cli_put_text(FILE *f, const char *text, size_t n);
/* Starts or ends a style; "" where f is no terminal or NO_COLOR is set. */
enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM };
const char *cli_style(FILE *f, enum cli_style style);
/* Flushes and says whether everything arrived. */
int cli_flush(FILE *f, const char *path, vlm_error *err);

/* A file under a temporary name until commit; abort removes it. */
struct cli_file {
    FILE *f; /* NULL while suspended */
    char path[PATH_MAX], temp[PATH_MAX];
};
int cli_file_open(struct cli_file *file, const char *dir, const char *name, vlm_error *err);
int cli_file_commit(struct cli_file *file, vlm_error *err); /* on failure as abort */
void cli_file_abort(struct cli_file *file);
/* Close for now (many may be half written), and open again to append. */
int cli_file_suspend(struct cli_file *file, vlm_error *err);
int cli_file_resume(struct cli_file *file, vlm_error *err);
int cli_make_dir(const char *path, vlm_error *err); /* one that exists is fine */

#endif
