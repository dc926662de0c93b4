/* golden.c: runs the golden tests over directories of checkpoints (README.md).
 *
 *     golden [--determinism] [--isa LEVEL] DIR...
 *
 * DIR holds CHECKPOINT/model, or model.gguf and its mmproj, and CHECKPOINT/REQUEST/case.txt.  Every
 * ISA level usable here is tried. */
#include "golden.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_CASES 32

struct tally {
    size_t n_checkpoints, n_ok, n_failed;
};

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static bool exists(const char *folder, const char *name)
{
    char path[2000];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &st) == 0;
}

static size_t read_cases(struct golden_case **cases, const char *checkpoint)
{
    struct dirent **entries;
    size_t n_cases = 0;
    int n = scandir(checkpoint, &entries, visible, alphasort);
    for (int i = 0; i < n; i++) {
        char folder[1600];
        snprintf(folder, sizeof folder, "%s/%s", checkpoint, entries[i]->d_name);
        if (exists(folder, "case.txt") && n_cases < MAX_CASES)
            cases[n_cases++] = golden_case_read(folder);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (n_cases == 0)
        golden_die("%s: holds no request", checkpoint);
    return n_cases;
}

static void compare_all(const char *model, const char *isa, struct golden_case **cases, size_t n,
                        struct tally *tally)
{
    vlm_engine *engine;
    vlm_error err;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.isa = isa;
    o.exact = 1; /* the reference multiplies what quantised weights stand for */
    if (vlm_engine_open(&engine, model, &o, &err) < 0) {
        printf("FAILED %-7s %s: %s\n", isa, model, err.message);
        tally->n_failed++;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        bool ok = golden_compare(cases[i], engine);
        tally->n_ok += ok;
        tally->n_failed += !ok;
    }
    vlm_engine_close(engine);
}

static void run_checkpoint(const char *checkpoint, const char *only_isa, bool determinism,
                           struct tally *tally)
{
    struct golden_case *cases[MAX_CASES];
    size_t n = read_cases(cases, checkpoint);
    char model[1100];
    snprintf(model, sizeof model, "%s/model%s", checkpoint,
             exists(checkpoint, "model.gguf") ? ".gguf" : "");
    tally->n_checkpoints++;
    const char *isa;
    for (size_t i = 0; (isa = vlm_isa_name(i)); i++) {
        if (only_isa && strcmp(isa, only_isa) != 0)
            continue;
        if (determinism) {
            bool ok = golden_determinism(model, isa, cases, n);
            tally->n_ok += ok;
            tally->n_failed += !ok;
        } else {
            compare_all(model, isa, cases, n, tally);
        }
        fflush(stdout);
    }
    for (size_t i = 0; i < n; i++)
        golden_case_free(cases[i]);
}

static void run_directory(const char *dir, const char *isa, bool determinism, struct tally *tally)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, visible, alphasort);
    if (n < 0)
        golden_die("%s: no such directory", dir);
    for (int i = 0; i < n; i++) {
        char checkpoint[1024];
        snprintf(checkpoint, sizeof checkpoint, "%s/%s", dir, entries[i]->d_name);
        if (exists(checkpoint, "model") || exists(checkpoint, "model.gguf"))
            run_checkpoint(checkpoint, isa, determinism, tally);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    bool determinism = false;
    const char *isa = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--determinism") == 0)
            determinism = true;
        else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc)
            isa = argv[++i];
        else
            run_directory(argv[i], isa, determinism, &tally);
    }
    printf("%zu checkpoints: %zu ok, %zu failed\n", tally.n_checkpoints, tally.n_ok,
           tally.n_failed);
    return tally.n_ok == 0 || tally.n_failed > 0;
}
