/* bench_builds.c: vlm bench beyond one process: two programs that do the same jobs in turn, and the
 * facts of the machine that figures belong to. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "bench.h"
#include "io.h"
#include "model.h"
#include "signals.h"

extern char **environ;

/* ---- the machine ---- */

/* What stands behind NAME and a colon in a file of lines, or its whole first line (name NULL). */
static void fact(char *out, size_t size, const char *path, const char *name)
{
    char line[512];
    FILE *f = fopen(path, "r");
    snprintf(out, size, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        const char *value = line;
        if (name && strncmp(line, name, strlen(name)) != 0)
            continue;
        if (name)
            value = strchr(line, ':') ? strchr(line, ':') + 1 : line;
        value += strspn(value, " \t");
        snprintf(out, size, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    if (f)
        fclose(f);
}

/* Of config, tokenizer and the list of tensors with types and shapes: what decides the speed. The
 * values of the weights do not. */
static void hash_model(char out[65], const vlm_engine *engine)
{
    struct vlm_sha256 h;
    uint8_t hash[32];
    vlm_model_info info;
    vlm_tensor_info t;
    vlm_sha256_init(&h);
    vlm_inspect(engine, &info);
    vlm_sha256_add(&h, info.config_hash, sizeof info.config_hash);
    vlm_sha256_add(&h, info.tokenizer_hash, sizeof info.tokenizer_hash);
    for (size_t i = 0; vlm_inspect_tensor(engine, i, &t); i++) {
        vlm_sha256_add(&h, t.name, strlen(t.name));
        vlm_sha256_add(&h, t.type, strlen(t.type));
        vlm_sha256_add(&h, t.shape, t.n_dims * sizeof *t.shape);
    }
    vlm_sha256_end(&h, hash);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

json_t *cli_bench_machine(const struct cli_options *o, const vlm_engine *engine, const char *model)
{
    char cpu[256], load[64], hash[65] = "";
    const char *compiler;
    static const char *const kv[] = {"f32", "f16", "bf16", "q8_0", "q4_0"};
    fact(cpu, sizeof cpu, "/proc/cpuinfo", "model name");
    fact(load, sizeof load, "/proc/loadavg", NULL);
    if (engine)
        hash_model(hash, engine);
    compiler = cli_compiler();
    json_t *j = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "test",
                          "machine", "cpu", cpu, "cores", (int)sysconf(_SC_NPROCESSORS_ONLN),
                          "load_average", load, "version", vlm_version(), "commit", cli_commit(),
                          "compiler", compiler, "model", model, "kv", kv[o->kv_type], "reps",
                          (json_int_t)o->reps, "time", (json_int_t)time(NULL));
    if (j && engine) {
        json_object_set_new(j, "isa", json_string(vlm_engine_isa(engine)));
        json_object_set_new(j, "threads", json_integer(vlm_engine_n_threads(engine)));
        json_object_set_new(j, "model_sha256", json_string(hash));
        json_object_set_new(j, "cpu_time", json_boolean(o->cpu_time));
    }
    return j;
}

/* ---- two programs ---- */

#define MAX_ARGS (16 + 2 * 5 * CLI_LIST_MAX)

struct arguments {
    const char *v[MAX_ARGS + 1];
    size_t n;
};

static void put(struct arguments *a, const char *name, const char *value)
{
    if (value && a->n + 2 < MAX_ARGS) {
        a->v[a->n++] = name;
        a->v[a->n++] = value;
    }
}

static void put_list(struct arguments *a, const char *name, const struct cli_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        put(a, name, list->v[i]);
}

static void make_arguments(struct arguments *a, const struct cli_options *o, char threads[24],
                           char chunk[24])
{
    static const char *const kv[] = {"f32", "f16", "bf16", "q8_0", "q4_0"};
    *a = (struct arguments){.v = {"vlm", "bench"}, .n = 2};
    if (o->args.n)
        a->v[a->n++] = o->args.v[0];
    a->v[a->n++] = "--json";
    put(a, "--reps", "1");
    put(a, "--mmproj", o->mmproj);
    put(a, "--isa", o->isa);
    put(a, "--kv", o->kv_type ? kv[o->kv_type] : NULL);
    snprintf(threads, 24, "%llu", (unsigned long long)o->threads);
    put(a, "--threads", o->threads ? threads : NULL);
    snprintf(chunk, 24, "%llu", (unsigned long long)o->chunk);
    put(a, "--chunk", o->chunk ? chunk : NULL);
    if (o->cpu_time)
        a->v[a->n++] = "--cpu-time";
    put_list(a, "--prompt", &o->prompts);
    put_list(a, "--gen", &o->gens);
    put_list(a, "--depth", &o->depths);
    put_list(a, "--sessions", &o->sessions);
    put_list(a, "--image", &o->sizes);
}

/* What the program prints, at most VLM_LIMIT_JSON_BYTES of it. */
static int run_program(struct vlm_buf *out, const char *program, const struct arguments *a,
                       vlm_error *err)
{
    int ends[2], rc = VLM_OK, status = 0;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    char block[4096];
    ssize_t n;
    if (pipe(ends) != 0)
        return vlm_fail_os(err, errno, "%s: cannot start", program);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int failed =
        posix_spawn(&pid, program, &actions, NULL, (char *const *)(uintptr_t)a->v, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    while (!failed && ((n = read(ends[0], block, sizeof block)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            vlm_buf_append(out, block, (size_t)n);
    close(ends[0]);
    if (failed)
        return vlm_fail_os(err, failed, "%s: cannot start", program);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (cli_interrupted())
        rc = vlm_fail(err, VLM_ERR_CANCELLED, "interrupted");
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        rc = vlm_fail(err, VLM_ERR_IO, "%s: ended with status %d, expected figures", program,
                      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    else if (!out->ok)
        rc = vlm_fail_memory(err, out->n, "figures");
    return rc;
}

struct figures {
    json_t *first; /* the list of the first run: names of the jobs */
    double ms[CLI_BENCH_JOBS][CLI_BENCH_REPS];
};

/* Jobs that have a time stand in the same order in every list of one program. */
static int take_figures(struct figures *f, size_t rep, const struct vlm_buf *text,
                        const char *program, vlm_error *err)
{
    json_t *list, *x;
    size_t i, n = 0;
    int rc = cli_json_parse(&list, text->data, text->n, program, err);
    if (rc < 0)
        return rc;
    json_array_foreach(list, i, x)
    {
        double rate = json_number_value(json_object_get(x, "median_tokens_per_s")),
               ms = json_number_value(json_object_get(x, "median_ms"));
        if ((rate > 0 || ms > 0) && n < CLI_BENCH_JOBS)
            f->ms[n++][rep] = rate > 0 ? 1000 / rate : ms; /* of a token, or of all */
    }
    if (f->first)
        json_decref(list);
    else
        f->first = list;
    return VLM_OK;
}

static json_t *tell_job(const json_t *x, const struct figures *ours, const struct figures *theirs,
                        size_t at, size_t reps, bool json)
{
    struct cli_spread a = cli_spread(ours->ms[at], reps), b = cli_spread(theirs->ms[at], reps);
    struct cli_ratio ratio = cli_ratio(ours->ms[at], theirs->ms[at], reps);
    const char *test = json_string_value(json_object_get(x, "test"));
    long long n = (long long)json_integer_value(json_object_get(x, "n")),
              depth = (long long)json_integer_value(json_object_get(x, "depth"));
    const char *per = json_object_get(x, "median_ms") ? "ms" : "ms a token";
    if (!json) {
        printf("%-10s %6lld at %-6lld %10.3f %s, the other %10.3f\n", test, n, depth, a.median, per,
               b.median);
        cli_bench_tell_ratio(NULL, "the other", ratio);
        return NULL;
    }
    json_t *j = json_pack("{s:s, s:I, s:I, s:s, s:f, s:f, s:f}", "test", test, "n", (json_int_t)n,
                          "depth", (json_int_t)depth, "unit", per, "median_ms", a.median, "min",
                          a.min, "max", a.max);
    json_object_set_new(j, "against_median_ms", json_real(b.median));
    json_t *list = json_array();
    json_array_append(list, j);
    cli_bench_tell_ratio(list, "", ratio);
    json_decref(list);
    return j;
}

static int tell_builds(const struct cli_options *o, const struct figures f[2], vlm_error *err)
{
    json_t *list = o->json ? json_array() : NULL, *x;
    size_t i, at = 0;
    json_array_foreach(f[0].first, i, x)
    {
        if (!json_object_get(x, "median_tokens_per_s") && !json_object_get(x, "median_ms"))
            continue;
        json_t *told = tell_job(x, &f[0], &f[1], at++, o->reps, list != NULL);
        if (list)
            json_array_append_new(list, told);
    }
    if (!list)
        return cli_flush(stdout, "standard output", err);
    json_t *machine = cli_bench_machine(o, NULL, o->args.n ? o->args.v[0] : CLI_POCKET);
    json_object_set_new(machine, "against_build", json_string(o->against_build));
    json_array_append_new(list, machine);
    return cli_json_print(stdout, list, err);
}

int cli_bench_builds(const struct cli_options *o)
{
    static struct figures f[2]; /* two megabytes */
    char threads[24], chunk[24];
    struct arguments a;
    struct vlm_buf text;
    vlm_error err = {0};
    int rc = VLM_OK;
    make_arguments(&a, o, threads, chunk);
    cli_signals_patient(true);
    for (size_t rep = 0; rc == VLM_OK && rep < o->reps; rep++)
        for (size_t k = 0; rc == VLM_OK && k < 2; k++) {
            const char *program = k ? o->against_build : "/proc/self/exe";
            vlm_buf_init(&text, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
            cli_progress("comparing: run", 2 * rep + k + 1, 2 * o->reps);
            rc = run_program(&text, program, &a, &err);
            if (rc == VLM_OK)
                rc = take_figures(&f[k], rep, &text, program, &err);
            vlm_buf_free(&text);
        }
    cli_progress_clear();
    if (rc == VLM_OK)
        rc = tell_builds(o, f, &err);
    json_decref(f[0].first);
    json_decref(f[1].first);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
