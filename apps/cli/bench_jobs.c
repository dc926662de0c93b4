/* bench_jobs.c: which jobs vlm bench does, and the arithmetic of their samples. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/status.h"
#include "bench.h"
#include "io.h"

/* ---- jobs ---- */

struct numbers {
    size_t v[CLI_LIST_MAX];
    size_t n;
};

static int read_numbers(struct numbers *out, const struct cli_options *o, const char *name,
                        const struct cli_list *list, size_t lo, size_t hi)
{
    struct vlm_quoted q;
    out->n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const char *s = list->v[i];
        size_t n = strlen(s), v = 0;
        for (size_t k = 0; k < n && n <= 9; k++)
            v = s[k] >= '0' && s[k] <= '9' ? v * 10 + (size_t)(s[k] - '0') : SIZE_MAX / 16;
        if (n == 0 || n > 9 || v < lo || v > hi)
            return cli_usage(o->verb, "%s: found '%s', expected a whole number from %zu to %zu",
                             name, vlm_base_quote(&q, s, n), lo, hi);
        out->v[out->n++] = v;
    }
    return CLI_OK;
}

static void add(struct cli_bench_jobs *jobs, vlm_bench_job job)
{
    if (jobs->n < CLI_BENCH_JOBS)
        jobs->v[jobs->n++] = job;
}

static int add_pages(struct cli_bench_jobs *jobs, const struct cli_options *o)
{
    for (size_t i = 0; i < o->sizes.n; i++) {
        vlm_image_estimate size;
        int status = cli_image_size(&size, o, o->sizes.v[i]);
        if (status)
            return status;
        if (i == 0) {
            add(jobs, (vlm_bench_job){.test = "tile"});
            add(jobs, (vlm_bench_job){.test = "picture"});
        }
        add(jobs, (vlm_bench_job){.test = "page", .width = size.width, .height = size.height});
    }
    return CLI_OK;
}

/* What tells how long others take comes first, depth last: each goes on behind the one before. */
static void add_usual(struct cli_bench_jobs *jobs)
{
    add(jobs, (vlm_bench_job){.test = "prompt", .n = 512});
    add(jobs, (vlm_bench_job){.test = "generate", .n = 64});
    add(jobs, (vlm_bench_job){.test = "sessions", .n = 32, .n_sessions = 4});
    add(jobs, (vlm_bench_job){.test = "tile"});
    add(jobs, (vlm_bench_job){.test = "picture"});
    add(jobs, (vlm_bench_job){.test = "page", .width = 1536, .height = 1152});
    add(jobs, (vlm_bench_job){.test = "generate", .n = 32, .depth = 1024});
    add(jobs, (vlm_bench_job){.test = "generate", .n = 32, .depth = 4096});
    add(jobs, (vlm_bench_job){.test = "prompt", .n = 512, .depth = 4096});
    add(jobs, (vlm_bench_job){.test = "generate", .n = 32, .depth = 16384});
    jobs->usual = true;
}

int cli_bench_jobs(struct cli_bench_jobs *out, const struct cli_options *o)
{
    struct numbers prompts, gens, depths, sessions;
    out->n = 0;
    out->usual = false;
    int status = read_numbers(&prompts, o, "--prompt", &o->prompts, 1, VLM_LIMIT_CONTEXT);
    if (status == CLI_OK)
        status = read_numbers(&gens, o, "--gen", &o->gens, 1, VLM_LIMIT_CONTEXT);
    if (status == CLI_OK)
        status = read_numbers(&depths, o, "--depth", &o->depths, 0, VLM_LIMIT_CONTEXT);
    if (status == CLI_OK)
        status = read_numbers(&sessions, o, "--sessions", &o->sessions, 1, VLM_LIMIT_BATCH);
    if (status)
        return status;
    if (depths.n == 0)
        depths.v[depths.n++] = 0;
    if (o->depths.n && !prompts.n && !gens.n && !sessions.n)
        gens.v[gens.n++] = 64;
    for (size_t d = 0; d < depths.n; d++) {
        for (size_t i = 0; i < prompts.n; i++)
            add(out, (vlm_bench_job){.test = "prompt", .n = prompts.v[i], .depth = depths.v[d]});
        for (size_t i = 0; i < gens.n; i++)
            add(out, (vlm_bench_job){.test = "generate", .n = gens.v[i], .depth = depths.v[d]});
        for (size_t i = 0; i < sessions.n; i++)
            add(out, (vlm_bench_job){.test = "sessions",
                                     .n = gens.n ? gens.v[0] : 32,
                                     .depth = depths.v[d],
                                     .n_sessions = sessions.v[i]});
    }
    status = add_pages(out, o);
    if (status == CLI_OK && out->n == 0)
        add_usual(out);
    return status;
}

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(const double *sorted, size_t n)
{
    return n == 0 ? 0 : (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

struct cli_spread cli_spread(const double *v, size_t n)
{
    double sorted[CLI_BENCH_REPS];
    if (n == 0 || n > CLI_BENCH_REPS)
        return (struct cli_spread){0};
    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, compare);
    return (struct cli_spread){middle(sorted, n), sorted[0], sorted[n - 1]};
}

struct cli_ratio cli_ratio(const double *ours, const double *others, size_t n)
{
    double sorted[CLI_BENCH_REPS];
    if (n == 0 || n > CLI_BENCH_REPS)
        return (struct cli_ratio){0};
    for (size_t i = 0; i < n; i++)
        sorted[i] = ours[i] > 0 ? others[i] / ours[i] : 0;
    qsort(sorted, n, sizeof *sorted, compare);
    /* The true median lies outside of [k-th smallest, k-th largest] when fewer than k of n fair
     * coins fall on one side. */
    double tail = ldexp(1, -(int)n), term = tail;
    size_t k = 1;
    for (; k < n / 2; k++) {
        term *= (double)(n - k + 1) / (double)k;
        if (2 * (tail + term) > 0.1)
            break;
        tail += term;
    }
    return (struct cli_ratio){middle(sorted, n), sorted[k - 1], sorted[n - k], 1 - 2 * tail};
}
