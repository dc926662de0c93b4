/* lines.h: what the verbs with one request a line share: reading the lines of IN.jsonl, printing
 * one result each with the line's id, -o, and what a line may say of its own options. */
#ifndef VLM_CLI_LINES_H
#define VLM_CLI_LINES_H

#include "io.h"
#include "options.h"
#include "request.h"

struct cli_lines {
    const char *path; /* IN.jsonl */
    FILE *in, *out;
    struct cli_file file; /* with -o */
    struct vlm_buf line;
    size_t n_read, n_failed; /* blank lines are read, too */
};
int cli_lines_open(struct cli_lines *l, const struct cli_options *o, vlm_error *err);
/* VLM_OK: the next line that is not blank; *object is NULL when it is no JSON, which *e then says.
 * VLM_DONE: no more, or Ctrl-C.  Negative: nothing more can be read. */
int cli_lines_next(struct cli_lines *l, json_t **object, vlm_error *e, vlm_error *err);
/* "in.jsonl: line 7" */
void cli_lines_where(char where[160], const struct cli_lines *l);
json_t *cli_lines_failure(struct cli_lines *l, const vlm_error *e); /* {"error":...}, counted */
/* {"id": that of object, and the members of result}.  Takes the reference of result. */
int cli_lines_put(struct cli_lines *l, const json_t *object, json_t *result, vlm_error *err);
/* Ends the file of -o, complete or, after a failure, not at all.  rc: how it went so far. */
int cli_lines_close(struct cli_lines *l, int rc, vlm_error *err);
/* Of rc and of lines that failed; prints what is to be said. */
int cli_lines_status(const struct cli_lines *l, int rc, vlm_error *err);

/* Options that a line changes for itself. */
struct cli_line_options {
    struct cli_options o;
    char *schema; /* the text of an inline "json_schema" or its path */
};
/* *out is NULL when the line says nothing of the kind. */
int cli_line_options_open(struct cli_line_options **out, const struct cli_options *o,
                          const json_t *object, const struct cli_source *source, vlm_error *err);
void cli_line_options_close(struct cli_line_options *lo); /* NULL allowed */

#endif
