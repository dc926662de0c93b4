/* model.c: opens the MODEL of a verb. */
#include "model.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "io.h"
#include "signals.h"

static void write_log(void *ctx, vlm_log_level level, const char *message)
{
    const struct cli_options *o = ctx;
    if ((int)level <= o->log)
        fprintf(stderr, "vlm: %s\n", message);
}

/* A level that exists but not here is the machine's fault (1); another word is wrong usage (2). */
static int check_isa(const struct cli_options *o)
{
    char usable[128] = "auto";
    if (!o->isa || strcmp(o->isa, "auto") == 0)
        return CLI_OK;
    for (size_t i = 0; vlm_isa_name(i); i++) {
        if (strcmp(vlm_isa_name(i), o->isa) == 0)
            return CLI_OK;
        size_t n = strlen(usable);
        snprintf(usable + n, sizeof usable - n, ", %s", vlm_isa_name(i));
    }
    for (size_t i = 0; cli_isa_names[i]; i++)
        if (strcmp(cli_isa_names[i], o->isa) == 0) {
            fprintf(stderr,
                    "vlm: --isa: found %s, which this machine or build lacks, expected one of %s\n",
                    o->isa, usable);
            return CLI_FAILED;
        }
    struct vlm_quoted q;
    return cli_usage(o->verb, "--isa: found '%s', expected one of %s",
                     vlm_base_quote(&q, o->isa, strlen(o->isa)), usable);
}

static int open_pocket(struct cli_model *m, const vlm_engine_options *eo, vlm_error *err)
{
    vlm_file files[CLI_POCKET_MAX];
    size_t n = cli_pocket_files(files);
    if (n == 0)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                        CLI_POCKET
                        ": found no model inside this program, expected MODEL, a directory");
    return vlm_engine_open_files(&m->engine, files, n, eo, err);
}

static bool progress_is_shown;

void cli_progress(const char *what, size_t done, size_t total)
{
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[K%s %zu of %zu", what, done, total);
    progress_is_shown = true;
}

static void show_loading(const char *name)
{
    struct vlm_quoted q;
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "loading %s", vlm_base_quote(&q, name, strlen(name)));
    progress_is_shown = true;
}

/* Only what was shown: the line may hold the answer by now. */
void cli_progress_clear(void)
{
    if (progress_is_shown)
        fputs("\r\033[K", stderr);
    progress_is_shown = false;
}

int cli_model_open(struct cli_model *m, const struct cli_options *o, const char *path,
                   bool vocab_only)
{
    vlm_engine_options eo;
    vlm_error err = {0};
    *m = (struct cli_model){0};
    int status = check_isa(o);
    if (status)
        return status;
    vlm_engine_options_init(&eo);
    eo.n_threads = (int)o->threads;
    eo.isa = o->isa;
    eo.vocab_only = vocab_only;
    eo.no_mmap = o->no_mmap;
    eo.exact = o->exact;
    eo.repack = o->repack;
    eo.max_memory = o->max_memory;
    eo.mmproj = o->mmproj;
    eo.vision_type = cli_vision_types[o->vision_as];
    eo.feature_dir = o->feature_dir;
    eo.log = (vlm_log){write_log, (void *)(uintptr_t)o};
    bool pocket = !path || (strcmp(path, CLI_POCKET) == 0 && !vlm_os_exists(NULL, path));
    m->name = pocket ? CLI_POCKET : path;
    cli_signals_model(m->name);
    double start = vlm_os_now_ms();
    if (!pocket && !vocab_only)
        show_loading(m->name);
    int rc = pocket ? open_pocket(m, &eo, &err) : vlm_engine_open(&m->engine, path, &eo, &err);
    m->load_ms = vlm_os_now_ms() - start;
    cli_progress_clear();
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}

void cli_model_close(struct cli_model *m)
{
    vlm_engine_close(m->engine);
    m->engine = NULL;
}

static int show_progress(void *ctx, vlm_phase phase, size_t done, size_t total)
{
    (void)ctx;
    cli_progress(phase == VLM_PHASE_VISION ? "looking: tile" : "reading: token", done, total);
    return cli_interrupted();
}

void cli_session_options(vlm_session_options *so, const struct cli_options *o)
{
    vlm_session_options_init(so);
    so->context = o->context;
    so->max_tokens = o->max_tokens;
    if (o->chunk)
        so->chunk = o->chunk;
    so->kv_type = (vlm_kv_type)o->kv_type;
    so->detail = (vlm_detail)o->detail;
    so->max_tiles = o->max_tiles;
    so->temperature = (float)o->temperature;
    so->top_k = (int)o->top_k;
    so->top_p = (float)o->top_p;
    so->min_p = (float)o->min_p;
    so->typical_p = (float)o->typical_p;
    so->repeat_penalty = (float)o->repeat_penalty;
    so->presence_penalty = (float)o->presence_penalty;
    so->frequency_penalty = (float)o->frequency_penalty;
    so->min_tokens = o->min_tokens;
    so->seed = o->seed;
    so->n_logprobs = (int)o->logprobs;
    so->stop = o->stops.v;
    so->n_stop = o->stops.n;
    so->progress = show_progress;
}
