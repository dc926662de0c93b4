/* cmd_bench.c: vlm bench: work and the machine's limits, timed in turn inside every repetition so
 * that both see the same neighbours; with --against two models or two levels, A B A B. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "bench.h"
#include "cmd.h"
#include "io.h"
#include "model.h"
#include "signals.h"

#define ROOFS_MS 150 /* that measuring the limits takes, beside each run */
enum { READ, FP32, INT8, READ_ONE, BARRIER, N_ROOFS };
static const vlm_bench_job roof_jobs[N_ROOFS] = {{.test = "roof.read"},
                                                 {.test = "roof.fp32"},
                                                 {.test = "roof.int8"},
                                                 {.test = "roof.read", .n = 1},
                                                 {.test = "roof.barrier"}};

/* One of the one or two that are measured. */
struct side {
    struct cli_options options;
    const char *model;
    struct cli_model opened;
    vlm_bench *bench;
    double ms[CLI_BENCH_REPS], vision_ms[CLI_BENCH_REPS];
    double roof_ms[N_ROOFS][CLI_BENCH_REPS];
    vlm_bench_sample sample, roofs[N_ROOFS]; /* the last of each */
    double roof_best[N_ROOFS];               /* of all jobs: the median of the fastest job */
};

struct run {
    const struct cli_options *o;
    struct side sides[2];
    size_t n_sides, most_reps, reps, done; /* reps: of the job in work */
    struct cli_bench_time time;
    json_t *list;
};

static void close_side(struct side *s)
{
    vlm_bench_close(s->bench);
    s->bench = NULL;
    cli_model_close(&s->opened);
}

static int open_side(struct side *s, const struct cli_options *o, const char *model,
                     const char *isa, bool repack)
{
    vlm_session_options so;
    vlm_error err = {0};
    s->options = *o;
    s->options.isa = isa;
    s->options.repack = repack;
    s->model = model;
    int status = cli_model_open(&s->opened, &s->options, model, false);
    if (status)
        return status;
    cli_session_options(&so, o);
    so.progress = NULL;
    return vlm_bench_open(&s->bench, s->opened.engine, &so, &err) < 0 ? cli_failed(&err) : CLI_OK;
}

/* ---- measuring ---- */

static void name_job(char name[64], const vlm_bench_job *job, const vlm_bench_sample *s)
{
    size_t at = (size_t)snprintf(name, 64, "%s", job->test);
    if (job->n_sessions)
        at += (size_t)snprintf(name + at, 64 - at, " %zu of", job->n_sessions);
    if (job->n)
        at += (size_t)snprintf(name + at, 64 - at, " %zu", s->n);
    if (job->n && job->depth)
        at += (size_t)snprintf(name + at, 64 - at, " at %zu", s->depth);
    if (job->width)
        at += (size_t)snprintf(name + at, 64 - at, " %ux%u", job->width, job->height);
    if (!job->n && s->n > 1)
        snprintf(name + at, 64 - at, ", %zu tiles", s->n);
}

static int repeat(struct run *r, struct side *s, const vlm_bench_job *job, size_t i, vlm_error *err)
{
    int rc = VLM_OK;
    for (size_t k = 0; rc == VLM_OK && k < N_ROOFS; k++) {
        rc = vlm_bench_run(s->bench, &roof_jobs[k], &s->roofs[k], err);
        s->roof_ms[k][i] = r->o->cpu_time ? s->roofs[k].cpu_ms : s->roofs[k].ms;
    }
    if (rc == VLM_OK)
        rc = vlm_bench_run(s->bench, job, &s->sample, err);
    s->ms[i] = r->o->cpu_time ? s->sample.cpu_ms : s->sample.ms;
    s->vision_ms[i] = s->sample.vision_ms;
    char what[80] = "measuring ";
    name_job(what + strlen(what), job, &s->sample);
    cli_progress(what, ++r->done, r->reps * r->n_sides);
    if (rc == VLM_OK && cli_interrupted())
        rc = vlm_fail(err, VLM_ERR_CANCELLED, "interrupted");
    return rc;
}

/* n_left: jobs still to do, this one included; 0: no matter how long it takes. */
static int measure(struct run *r, const vlm_bench_job *job, size_t n_left, vlm_error *err)
{
    int rc = VLM_OK;
    vlm_bench_sample first = {.ms = 0};
    double took = 0;
    cli_progress("measuring: job", 1, n_left ? n_left : 1);
    for (size_t k = 0; rc == VLM_OK && k < r->n_sides; k++) { /* pages are mapped, caches warm */
        rc = vlm_bench_run(r->sides[k].bench, job, &first, err);
        took += first.ms + ROOFS_MS;
    }
    r->done = 0;
    r->reps = n_left ? cli_bench_reps(&r->time, took, n_left, r->most_reps) : r->most_reps;
    for (size_t i = 0; rc == VLM_OK && i < r->reps; i++)
        for (size_t k = 0; rc == VLM_OK && k < r->n_sides; k++)
            rc = repeat(r, &r->sides[k], job, i, err);
    for (size_t n = 0; rc == VLM_OK && n < r->n_sides; n++)
        for (size_t k = 0; k < N_ROOFS; k++) {
            double ms = cli_spread(r->sides[n].roof_ms[k], r->reps).median;
            double *best = &r->sides[n].roof_best[k];
            *best = *best == 0 || ms < *best ? ms : *best;
        }
    return rc;
}

/* The time that the work takes at the machine's limits, over the time that it took. */
static double fraction(const struct side *s, const vlm_bench_job *job, size_t reps, double ms)
{
    double rate[3];
    for (size_t k = READ; k <= INT8; k++) {
        const vlm_bench_sample *x = &s->roofs[k];
        rate[k] = (x->bytes + x->fp32_ops + x->int8_ops) / cli_spread(s->roof_ms[k], reps).median;
    }
    const vlm_bench_sample *w = &s->sample;
    double compute = w->fp32_ops / rate[FP32] + w->int8_ops / rate[INT8];
    if (strcmp(job->test, "generate") == 0)
        compute = 0; /* one row: bytes read alone are what counts */
    return ms > 0 ? fmax(compute, w->bytes / rate[READ]) / ms : 0;
}

/* ---- telling ---- */

static json_t *spread_json(const char *test, size_t n, size_t depth, const char *unit,
                           struct cli_spread x)
{
    return json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "test", test, "n", (json_int_t)n, "depth",
                     (json_int_t)depth, unit, x.median, "min", x.min, "max", x.max);
}

static void print_row(const char *name, struct cli_spread x, const char *unit, double part)
{
    printf("%-28s %10.2f  %10.2f ..%10.2f  %s", name, x.median, x.min, x.max, unit);
    if (part > 0)
        printf("  %.0f %% of its limit", 100 * part);
    putchar('\n');
    fflush(stdout);
}

static struct cli_spread rates(const vlm_bench_sample *s, struct cli_spread ms)
{
    double n = (double)s->tokens * 1000;
    return (struct cli_spread){n / ms.median, n / ms.max, n / ms.min};
}

static void tell_side(const struct run *r, const vlm_bench_job *job, size_t k)
{
    const struct side *s = &r->sides[k];
    struct cli_spread ms = cli_spread(s->ms, r->reps),
                      x = s->sample.tokens ? rates(&s->sample, ms) : ms;
    double part = fraction(s, job, r->reps, ms.median);
    if (!r->list) {
        char name[64];
        name_job(name, job, &s->sample);
        print_row(k ? "  against" : name, x, s->sample.tokens ? "tokens/s" : "ms", part);
        return;
    }
    json_t *j = spread_json(job->test, s->sample.n, s->sample.depth,
                            s->sample.tokens ? "median_tokens_per_s" : "median_ms", x);
    json_object_set_new(j, "fraction_of_roof", json_real(part));
    if (job->n_sessions)
        json_object_set_new(j, "sessions", json_integer((json_int_t)job->n_sessions));
    if (job->width) {
        json_object_set_new(j, "width", json_integer(job->width));
        json_object_set_new(j, "height", json_integer(job->height));
    }
    if (s->sample.vision_ms > 0)
        json_object_set_new(j, "vision_ms", json_real(cli_spread(s->vision_ms, r->reps).median));
    if (k)
        json_object_set_new(j, "against", json_true());
    json_array_append_new(r->list, j);
}

void cli_bench_tell_ratio(json_t *list, const char *what, struct cli_ratio x)
{
    if (list) {
        json_t *last = json_array_get(list, json_array_size(list) - 1);
        json_object_set_new(last, "ratio",
                            json_pack("{s:f, s:f, s:f, s:f}", "median", x.median, "low", x.low,
                                      "high", x.high, "probability", x.probability));
        return;
    }
    printf("  %s took %.3f times as long (%.3f .. %.3f, %.0f %%)\n", what, x.median, x.low, x.high,
           100 * x.probability);
}

static void tell(const struct run *r, const vlm_bench_job *job)
{
    for (size_t k = 0; k < r->n_sides; k++)
        tell_side(r, job, k);
    if (r->n_sides == 2)
        cli_bench_tell_ratio(r->list, "the other",
                             cli_ratio(r->sides[0].ms, r->sides[1].ms, r->reps));
}

static void tell_roofs(const struct run *r, const struct side *s)
{
    static const char *const names[N_ROOFS] = {"memory read", "fp32 multiply-add", "int8 products",
                                               "memory read, one thread", "fork and join"};
    for (size_t k = 0; k < N_ROOFS; k++) {
        const vlm_bench_sample *x = &s->roofs[k];
        double work = (x->bytes + x->fp32_ops + x->int8_ops) * 1e-6, ms = s->roof_best[k];
        double v = k == BARRIER ? ms * 1000 : work / ms;
        const char *unit = k == BARRIER ? "us" : k == READ || k == READ_ONE ? "GB/s" : "Gop/s";
        if (r->list)
            json_array_append_new(r->list,
                                  json_pack("{s:s, s:I, s:f, s:s}", "test", roof_jobs[k].test, "n",
                                            (json_int_t)x->n, "median", v, "unit", unit));
        else
            printf("%-28s %10.2f  %s\n", names[k], v, unit);
    }
}

static int tell_load(struct run *r)
{
    double ms[CLI_BENCH_REPS];
    struct cli_model m;
    for (size_t i = 0; i < r->most_reps; i++) {
        int status = cli_model_open(&m, &r->sides[0].options, r->sides[0].model, false);
        ms[i] = m.load_ms;
        cli_model_close(&m);
        if (status)
            return status;
    }
    struct cli_spread x = cli_spread(ms, r->most_reps);
    cli_progress_clear();
    if (r->list)
        json_array_append_new(r->list, spread_json("load", 0, 0, "median_ms", x));
    else
        print_row("load", x, "ms", 0);
    return CLI_OK;
}

static void tell_memory(const struct run *r)
{
    vlm_bench_sample x;
    if (r->n_sides == 2 ||
        vlm_bench_run(r->sides[0].bench, &(vlm_bench_job){.test = "memory"}, &x, NULL) < 0)
        return; /* of two models nobody knows whose it is */
    vlm_model_info info;
    vlm_inspect(r->sides[0].opened.engine, &info);
    double least = (double)info.file_bytes + x.kv_bytes;
    if (r->list)
        json_array_append_new(r->list, json_pack("{s:s, s:I, s:I, s:I, s:f}", "test", "memory",
                                                 "peak_bytes", (json_int_t)x.bytes, "file_bytes",
                                                 (json_int_t)info.file_bytes, "kv_bytes",
                                                 (json_int_t)x.kv_bytes, "ratio", x.bytes / least));
    else
        printf("%-28s %10.2f  MB at most: %.1f of the files, %.1f keys and values, %+.0f %%\n",
               "memory", x.bytes * 1e-6, (double)info.file_bytes * 1e-6, x.kv_bytes * 1e-6,
               100 * (x.bytes / least - 1));
}

static bool leave_out(const struct run *r, const vlm_bench_job *job)
{
    char room[128], name[64];
    const char *why =
        cli_bench_left_out(room, &r->time, job, r->sides[0].opened.engine, 2 * r->n_sides);
    if (!why)
        return false;
    cli_progress_clear();
    if (r->list) {
        json_array_append_new(r->list, json_pack("{s:s, s:I, s:I, s:s}", "test", job->test, "n",
                                                 (json_int_t)job->n, "depth",
                                                 (json_int_t)job->depth, "left_out", why));
        return true;
    }
    name_job(name, job, &(vlm_bench_sample){.n = job->n, .depth = job->depth});
    printf("%-28s left out: %s\n", name, why);
    return true;
}

static void tell_other(const struct run *r)
{
    const struct side *s = r->sides;
    uint64_t without, with, peak;
    vlm_engine_memory(s[0].opened.engine, &without, &peak);
    vlm_engine_memory(s[1].opened.engine, &with, &peak);
    printf("against %s: %s", s[1].opened.name, vlm_engine_isa(s[1].opened.engine));
    if (r->o->against_repack)
        printf(", repacked: %.1f MB more, opened in %.0f ms", (double)(with - without) * 1e-6,
               s[1].opened.load_ms);
    putchar('\n');
}

static int measure_all(struct run *r, const struct cli_bench_jobs *jobs)
{
    vlm_error err = {0};
    if (!r->list)
        printf("%s: %s, %d threads; median of up to %zu, least .. most%s\n",
               r->sides[0].opened.name, vlm_engine_isa(r->sides[0].opened.engine),
               vlm_engine_n_threads(r->sides[0].opened.engine), r->most_reps,
               r->o->cpu_time ? ", processor time" : "");
    if (!r->list && r->n_sides == 2)
        tell_other(r);
    int status = tell_load(r);
    r->time.began = vlm_os_now_ms();
    for (size_t i = 0; status == CLI_OK && i < jobs->n; i++) {
        if (jobs->usual && leave_out(r, &jobs->v[i]))
            continue;
        int rc = measure(r, &jobs->v[i], jobs->usual ? jobs->n - i : 0, &err);
        cli_progress_clear();
        if (rc == VLM_OK) {
            tell(r, &jobs->v[i]);
            cli_bench_learn(&r->time, &jobs->v[i], cli_spread(r->sides[0].ms, r->reps).median);
        } else {
            status = cli_failed(&err);
        }
    }
    if (status)
        return status;
    tell_memory(r);
    tell_roofs(r, &r->sides[0]);
    return CLI_OK;
}

int cli_cmd_bench(const struct cli_options *o)
{
    struct cli_bench_jobs jobs;
    const char *model = o->args.n ? o->args.v[0] : NULL;
    vlm_error err = {0};
    int status = cli_bench_jobs(&jobs, o);
    if (status == CLI_OK && (o->against != NULL) + (o->against_isa != NULL) +
                                    (o->against_build != NULL) + (int)o->against_repack >
                                1)
        status = cli_usage(o->verb, "found two options to compare against, expected one");
    if (status == CLI_OK && o->cpu_time && o->threads != 1)
        status = cli_usage(o->verb, "--cpu-time: found several threads, expected --threads 1");
    if (status)
        return status;
    if (o->against_build)
        return cli_bench_builds(o);
    static struct run r; /* a megabyte or so */
    r = (struct run){.o = o, .most_reps = o->reps, .list = o->json ? json_array() : NULL};
    r.n_sides = o->against || o->against_isa || o->against_repack ? 2 : 1;
    cli_signals_patient(true);
    status = open_side(&r.sides[0], o, model, o->isa, o->repack && !o->against_repack);
    if (status == CLI_OK && r.n_sides == 2)
        status =
            open_side(&r.sides[1], o, o->against ? o->against : model,
                      o->against_isa ? o->against_isa : o->isa, o->repack || o->against_repack);
    if (status == CLI_OK)
        status = measure_all(&r, &jobs);
    if (status == CLI_OK && r.list) {
        json_array_append_new(
            r.list, cli_bench_machine(o, r.sides[0].opened.engine, r.sides[0].opened.name));
        if (cli_json_print(stdout, json_incref(r.list), &err) < 0)
            status = cli_failed(&err);
    }
    if (status == CLI_OK && cli_flush(stdout, "standard output", &err) < 0)
        status = cli_failed(&err);
    json_decref(r.list);
    for (size_t k = 0; k < r.n_sides; k++)
        close_side(&r.sides[k]);
    return status;
}
