/* replay.c: a main() for fuzz targets where there is no libFuzzer.
 *
 *   fuzz_NAME [-mutate=N] FILE|DIRECTORY...
 *
 * runs the target once over every file and over N mutations of each (the same ones every time), so
 * that a crash found anywhere is a test everywhere.  What it runs lies in a block of its exact
 * size. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long n_mutations, n_runs;

static void run(const uint8_t *data, size_t n)
{
    uint8_t *block = malloc(n ? n : 1);
    if (!block)
        abort();
    if (n)
        memcpy(block, data, n);
    LLVMFuzzerTestOneInput(block, n);
    free(block);
    n_runs++;
}

/* Changes data[0..n) in place, with room for cap; returns the new length. */
static size_t mutate(struct vlm_rng *r, uint8_t *data, size_t n, size_t cap)
{
    static const char *const words[] = {"[",     "{",          "\"",   "-1", "0",
                                        "1e999", "4294967296", "\xff", "\n"};
    uint32_t steps = 1 + vlm_rng_below(r, 4);
    while (steps-- > 0 && n > 0) {
        size_t at = vlm_rng_below(r, (uint32_t)n), len;
        switch (vlm_rng_below(r, 6)) {
        case 0: /* a bit */
            data[at] ^= (uint8_t)(1u << vlm_rng_below(r, 8));
            break;
        case 1: /* a byte */
            data[at] = (uint8_t)vlm_rng_u32(r);
            break;
        case 2: /* cut short */
            n = at;
            break;
        case 3: /* remove some */
            len = 1 + vlm_rng_below(r, 16);
            len = len < n - at ? len : n - at;
            memmove(data + at, data + at + len, n - at - len);
            n -= len;
            break;
        case 4: { /* put a word over */
            const char *w = words[vlm_rng_below(r, sizeof words / sizeof *words)];
            len = strlen(w) < n - at ? strlen(w) : n - at;
            memcpy(data + at, w, len);
            break;
        }
        default: /* repeat some */
            len = 1 + vlm_rng_below(r, 32);
            len = len < n - at ? len : n - at;
            if (n + len <= cap) {
                memmove(data + at + len, data + at, n - at);
                n += len;
            }
        }
    }
    return n;
}

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        exit(1);
    }
    size_t n = (size_t)st.st_size, cap = n + 256;
    uint8_t *data = malloc(cap), *work = malloc(cap);
    if (!data || !work || fread(data, 1, n, f) != n)
        abort();
    fclose(f);
    run(data, n);
    struct vlm_rng r = {.seed = n};
    for (long i = 0; i < n_mutations; i++) {
        memcpy(work, data, n);
        run(work, mutate(&r, work, n, cap));
    }
    free(data);
    free(work);
}

static void run_path(const char *path)
{
    DIR *d = opendir(path);
    if (!d) {
        run_file(path);
        return;
    }
    struct dirent *e;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.') {
            char inner[4096];
            snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
            run_file(inner);
        }
    closedir(d);
}

int main(int argc, char **argv)
{
    run(NULL, 0);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "-mutate=", 8) == 0)
            n_mutations = atol(argv[i] + 8);
        else
            run_path(argv[i]);
    printf("%ld inputs\n", n_runs);
    return n_runs > 1 ? 0 : 1;
}
