/* cmd_bench.c: vlm bench: the machine's limits, and the model's matrix products as fractions of
 * them. */
#include <stdio.h>

#include "cmd.h"
#include "io.h"
#include "model.h"

static void print_result(void *ctx, const vlm_bench_result *r)
{
    json_t *list = ctx;
    if (list) {
        json_array_append_new(list,
                              json_pack("{s:s, s:f, s:f, s:f, s:s, s:f}", "test", r->name, "median",
                                        r->median, "min", r->min, "max", r->max, "unit", r->unit,
                                        "fraction_of_roof", r->fraction_of_roof));
        return;
    }
    printf("%-26s %10.2f  %10.2f..%-10.2f %s", r->name, r->median, r->min, r->max, r->unit);
    if (r->fraction_of_roof > 0)
        printf("  %.0f %% of roof", 100 * r->fraction_of_roof);
    putchar('\n');
    fflush(stdout);
}

int cli_cmd_bench(const struct cli_options *o)
{
    struct cli_model m;
    vlm_error err = {0};
    int status = cli_model_open(&m, o, o->args.n ? o->args.v[0] : NULL, false);
    if (status)
        return status;
    json_t *list = o->json ? json_array() : NULL;
    if (!list)
        printf("%s, %d threads, median of %d\n", vlm_engine_isa(m.engine),
               vlm_engine_n_threads(m.engine), (int)o->reps);
    int rc = vlm_bench_kernels(m.engine, (int)o->reps, print_result, list, &err);
    if (rc >= 0 && list)
        rc = cli_json_print(stdout, list, &err);
    else
        json_decref(list);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
