/* bench.h: what the files of vlm bench share: the list of jobs, and figures made of samples. */
#ifndef VLM_CLI_BENCH_H
#define VLM_CLI_BENCH_H

#include <jansson.h>

#include "options.h"
#include "vlm_tools.h"

#define CLI_BENCH_JOBS 128
#define CLI_BENCH_REPS 1000

struct cli_bench_jobs {
    vlm_bench_job v[CLI_BENCH_JOBS];
    size_t n;
    bool usual; /* none were named: what takes too long is left out */
};
/* Those that the options name, or the usual ones.  Prints the error; returns the exit status. */
int cli_bench_jobs(struct cli_bench_jobs *out, const struct cli_options *o);

struct cli_spread {
    double median, min, max;
};
struct cli_spread cli_spread(const double *v, size_t n);
/* Of how many times as long the others took, pair by pair: the median, and an interval that holds
 * the true median with the probability given, whatever the distribution. */
struct cli_ratio {
    double median, low, high, probability;
};
struct cli_ratio cli_ratio(const double *ours, const double *others, size_t n);

/* bench_time.c: the usual jobs in bounded time, by what the first of them took. */
struct cli_bench_time {
    double began, prompt_rate, token_ms, tile_ms; /* measured so far; 0: not yet */
};
/* Seconds that a run of the job takes, what lies before it included; 0: not known yet. */
double cli_bench_expected(const struct cli_bench_time *t, const vlm_bench_job *job,
                          const vlm_engine *engine);
/* Why a usual job is left out, or NULL.  n_runs: how many times it would run at least. */
const char *cli_bench_left_out(char why[128], const struct cli_bench_time *t,
                               const vlm_bench_job *job, const vlm_engine *engine, size_t n_runs);
/* How often to repeat a job whose run took ms, with n_jobs still to do, itself included. */
size_t cli_bench_reps(const struct cli_bench_time *t, double ms, size_t n_jobs, size_t most);
void cli_bench_learn(struct cli_bench_time *t, const vlm_bench_job *job, double ms);

/* Facts of the machine and the run, for the last object of the list. */
json_t *cli_bench_machine(const struct cli_options *o, const vlm_engine *engine, const char *model);
const char *cli_commit(void); /* of this build (cmd_about.c) */
const char *cli_compiler(void);
/* Adds the ratio to the last object of list, or prints it. */
void cli_bench_tell_ratio(json_t *list, const char *what, struct cli_ratio x);
/* "1024x768" (cmd_inspect.c).  Prints the error; returns the exit status. */
int cli_image_size(vlm_image_estimate *out, const struct cli_options *o, const char *text);
/* --against-build: the same jobs by two programs in turn. */
int cli_bench_builds(const struct cli_options *o);

#endif
