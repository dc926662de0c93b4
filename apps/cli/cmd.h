/* cmd.h: one function a verb, each in its cmd_VERB.c.  Each returns the exit status. */
#ifndef VLM_CLI_CMD_H
#define VLM_CLI_CMD_H

#include "options.h"

int cli_cmd_run(const struct cli_options *o);
int cli_cmd_chat(const struct cli_options *o);
int cli_cmd_batch(const struct cli_options *o);
int cli_cmd_score(const struct cli_options *o); /* embed, too */
int cli_cmd_tokenize(const struct cli_options *o);
int cli_cmd_detokenize(const struct cli_options *o);
int cli_cmd_render(const struct cli_options *o);
int cli_cmd_trace(const struct cli_options *o);
int cli_cmd_tiles(const struct cli_options *o);
int cli_cmd_inspect(const struct cli_options *o);
int cli_cmd_limits(const struct cli_options *o);
int cli_cmd_version(const struct cli_options *o);
int cli_cmd_make_docs(const struct cli_options *o);
int cli_cmd_bench(const struct cli_options *o);
int cli_cmd_quantize(const struct cli_options *o);
int cli_cmd_plan(const struct cli_options *o);
int cli_cmd_show(const struct cli_options *o);
int cli_cmd_completion(const struct cli_options *o);
int cli_cmd_man(const struct cli_options *o);
int cli_cmd_help(const struct cli_options *o);

#endif
