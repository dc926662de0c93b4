/* bench_time.c: vlm bench without options takes some minutes at most, whatever the model: each job
 * is weighed by what the jobs before it took, repeated as often as its share of the time allows,
 * and left out, with the reason, where even two runs would not fit. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "bench.h"

#define ALL_SECONDS 240.0            /* of all usual jobs, roughly */
#define KV_BYTES ((uint64_t)2 << 30) /* of one session at most */
#define SLOWER 1.5                   /* at depth than at the beginning, as a guess */

static bool is(const vlm_bench_job *job, const char *test)
{
    return strcmp(job->test, test) == 0;
}

static bool is_picture(const vlm_bench_job *job)
{
    return is(job, "tile") || is(job, "picture") || is(job, "page");
}

/* Tiles and tokens of a page with the model's own tiling. */
static void count_page(vlm_image_estimate *image, const vlm_bench_job *job,
                       const vlm_engine *engine)
{
    vlm_session_options o;
    vlm_estimate all;
    vlm_error err = {0};
    vlm_session_options_init(&o);
    *image = (vlm_image_estimate){.width = job->width, .height = job->height};
    vlm_session_estimate_images(engine, &o, image, 1, &all, &err);
}

double cli_bench_expected(const struct cli_bench_time *t, const vlm_bench_job *job,
                          const vlm_engine *engine)
{
    double rate = t->prompt_rate, slower = job->depth ? SLOWER : 1,
           fill = rate > 0 ? slower * (double)job->depth / rate : 0;
    if (is(job, "prompt"))
        return rate > 0 ? fill + slower * (double)job->n / rate : 0;
    if (is(job, "generate") || is(job, "sessions"))
        return fill + slower * (double)job->n * t->token_ms / 1000;
    if (is(job, "page") && rate > 0) {
        vlm_image_estimate image;
        count_page(&image, job, engine);
        return (double)image.n_tiles * t->tile_ms / 1000 + (double)image.n_tokens / rate;
    }
    return t->tile_ms / 1000;
}

/* Bytes of keys and values for so many positions. */
static uint64_t kv_bytes(const vlm_engine *engine, size_t positions)
{
    vlm_session_options o;
    vlm_estimate all = {0};
    vlm_error err = {0};
    vlm_session_options_init(&o);
    o.context = positions;
    return vlm_session_estimate_images(engine, &o, NULL, 0, &all, &err) < 0 ? 0 : all.kv_bytes;
}

const char *cli_bench_left_out(char why[128], const struct cli_bench_time *t,
                               const vlm_bench_job *job, const vlm_engine *engine, size_t n_runs)
{
    vlm_model_info info;
    vlm_inspect(engine, &info);
    size_t positions = job->depth + job->n;
    if (is_picture(job) && info.vision_layers == 0)
        return "the model has no vision tower";
    if (job->depth && positions > info.context_length) {
        snprintf(why, 128, "the model's context is %zu", info.context_length);
        return why;
    }
    if (job->depth && kv_bytes(engine, positions) > KV_BYTES) {
        snprintf(why, 128, "keys and values of %.1f GB: name --depth %zu to have it",
                 (double)kv_bytes(engine, positions) * 1e-9, job->depth);
        return why;
    }
    double left = ALL_SECONDS - (vlm_os_now_ms() - t->began) / 1000,
           run = cli_bench_expected(t, job, engine) * (double)n_runs;
    if (run > left && t->prompt_rate > 0) {
        snprintf(why, 128, "some %.0f seconds, %.0f are left: name it to have it", run,
                 left > 0 ? left : 0);
        return why;
    }
    return NULL;
}

size_t cli_bench_reps(const struct cli_bench_time *t, double ms, size_t n_jobs, size_t most)
{
    double left = ALL_SECONDS * 1000 - (vlm_os_now_ms() - t->began),
           fit = left > 0 ? left / (double)n_jobs / (ms + 1) : 0;
    return fit < 1 ? 1 : fit < (double)most ? (size_t)fit : most;
}

void cli_bench_learn(struct cli_bench_time *t, const vlm_bench_job *job, double ms)
{
    if (is(job, "prompt") && job->depth == 0 && ms > 0)
        t->prompt_rate = (double)job->n * 1000 / ms;
    if (is(job, "generate") && job->depth == 0)
        t->token_ms = ms / (double)job->n;
    if (is(job, "tile"))
        t->tile_ms = ms;
}
