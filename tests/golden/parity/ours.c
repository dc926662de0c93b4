/* ours.c: what parity.py asks of this library: the ids and logits of prompts, as peer.cpp writes
 * them.
 *
 *   parity_ours MODEL PROMPTS ROWS THREADS
 *
 * PROMPTS: texts between form feeds.  For each: n, n ids; rows, vocabulary, rows * vocabulary
 * floats; all numbers of 4 bytes, to standard output. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vlm_tools.h"

static void die(const char *what)
{
    fprintf(stderr, "parity_ours: %s\n", what);
    exit(1);
}

static void put(const void *p, size_t n)
{
    if (fwrite(p, 1, n, stdout) != n)
        die("cannot write");
}

static void put_number(size_t n)
{
    int32_t x = (int32_t)n;
    put(&x, 4);
}

static int take_logits(void *ctx, const vlm_traced *piece)
{
    const size_t *rows = ctx;
    if (strcmp(piece->name, "logits") != 0)
        return 0;
    if (piece->first_row == 0) {
        put_number(*rows);
        put_number(piece->shape[1]);
    }
    put(piece->data, piece->n_rows * piece->shape[1] * sizeof(float));
    return 0;
}

static void answer(vlm_engine *engine, const char *text, size_t n_text, size_t max_rows)
{
    vlm_error err;
    size_t n, rows;
    int32_t *ids;
    if (vlm_tokenize(engine, text, n_text, 1, NULL, 0, &n, &err) < 0)
        die(err.message);
    rows = n < max_rows ? n : max_rows;
    ids = malloc(n * sizeof *ids);
    if (!ids || vlm_tokenize(engine, text, n_text, 1, ids, n, &n, &err) < 0)
        die("cannot tokenize");
    put_number(n);
    put(ids, n * sizeof *ids);
    vlm_session_options o;
    vlm_session_options_init(&o);
    if (vlm_trace(engine, NULL, 0, ids, rows, &o, 0, take_logits, &rows, &err) < 0)
        die(err.message);
    free(ids);
}

static char *read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(1 << 20);
    if (!f || !data)
        die("cannot read the prompts");
    *n = fread(data, 1, 1 << 20, f);
    fclose(f);
    return data;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: parity_ours MODEL PROMPTS ROWS THREADS\n");
        return 2;
    }
    vlm_engine *engine;
    vlm_engine_options o;
    vlm_error err;
    size_t n, at = 0;
    char *all = read_all(argv[2], &n);
    vlm_engine_options_init(&o);
    o.n_threads = atoi(argv[4]);
    o.exact = 1;
    if (vlm_engine_open(&engine, argv[1], &o, &err) < 0)
        die(err.message);
    for (size_t i = 0; i < n; i++)
        if (all[i] == '\f') {
            answer(engine, all + at, i - at, (size_t)atoi(argv[3]));
            at = i + 1;
        }
    vlm_engine_close(engine);
    free(all);
    return fflush(stdout) != 0;
}
