/* model.h: a small checkpoint in memory, to be opened whole or damaged.  For tests: any failure of
 * the helper itself ends the program. */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/weights.h"
#include "vlm.h"

enum { MODEL_FILES = 12 };

struct test_model {
    vlm_file files[MODEL_FILES];
    size_t n;
};

static inline void test_die(const char *what, const char *why)
{
    fprintf(stderr, "test: %s: %s\n", what, why);
    exit(99);
}

/* The bytes of a file, from malloc, terminated. */
static inline char *test_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        test_die(path, "cannot open");
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(*n + 1);
    if (!data || fread(data, 1, *n, f) != *n)
        test_die(path, "cannot read");
    fclose(f);
    data[*n] = 0;
    return data;
}

/* All files of a model directory that the library may ask for. */
static inline void test_model_load(struct test_model *m, const char *dir)
{
    static const char *const names[] = {
        "config.json",           "generation_config.json", "preprocessor_config.json",
        "processor_config.json", "tokenizer_config.json",  "tokenizer.json",
        "chat_template.jinja",   "chat_template.json",     "model.safetensors"};
    m->n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        FILE *f = fopen(path, "rb");
        if (!f)
            continue;
        fclose(f);
        size_t n;
        char *data = test_read(path, &n);
        m->files[m->n++] = (vlm_file){names[i], data, n};
    }
    if (m->n < 4)
        test_die(dir, "not a model");
}

static inline void test_model_free(struct test_model *m)
{
    for (size_t i = 0; i < m->n; i++)
        free((void *)(uintptr_t)m->files[i].data);
}

static inline vlm_file *test_model_file(struct test_model *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->files[i].name, name) == 0)
            return &m->files[i];
    return NULL;
}

/* ---- weights, to be written again with changes ---- */

struct test_tensor {
    char name[256];
    char type[32];
    size_t n_dims;
    uint64_t shape[8];
    const uint8_t *data; /* NULL: bytes of zero */
    uint64_t bytes;
};

/* Borrows the data. Returns the number of tensors. */
static inline size_t test_tensors(struct test_tensor *out, size_t cap, const vlm_file *file)
{
    struct vlm_weight_list l;
    vlm_error err;
    if (vlm_safetensors_read(&l, &vlm_mem_system, file->data, file->size, file->name, &err) < 0)
        test_die(file->name, err.message);
    if (l.n > cap)
        test_die(file->name, "too many tensors");
    for (size_t i = 0; i < l.n; i++) {
        struct test_tensor *t = &out[i];
        *t = (struct test_tensor){
            .n_dims = l.at[i].n_dims, .data = l.at[i].data, .bytes = l.at[i].bytes};
        snprintf(t->name, sizeof t->name, "%s", l.at[i].name);
        snprintf(t->type, sizeof t->type, "%s", l.at[i].type);
        memcpy(t->shape, l.at[i].shape, sizeof l.at[i].shape);
    }
    size_t n = l.n;
    vlm_weight_list_free(&l);
    return n;
}

/* A safetensors file with these tensors, except number leave_out; data from malloc. */
static inline vlm_file test_safetensors(const struct test_tensor *t, size_t n, size_t leave_out)
{
    size_t cap = 64, at = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        cap += 512;
        total += t[i].bytes;
    }
    char *file = calloc(1, 8 + cap + total);
    char *head = file + 8;
    if (!file)
        test_die("safetensors", "no memory");
    at += (size_t)sprintf(head + at, "{\"__metadata__\":{\"format\":\"pt\"}");
    uint64_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == leave_out)
            continue;
        at += (size_t)sprintf(head + at, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t[i].name,
                              t[i].type);
        for (size_t k = 0; k < t[i].n_dims; k++)
            at += (size_t)sprintf(head + at, "%s%llu", k ? "," : "",
                                  (unsigned long long)t[i].shape[k]);
        at +=
            (size_t)sprintf(head + at, "],\"data_offsets\":[%llu,%llu]}",
                            (unsigned long long)offset, (unsigned long long)(offset + t[i].bytes));
        offset += t[i].bytes;
    }
    at += (size_t)sprintf(head + at, "}");
    while (at % 8)
        head[at++] = ' ';
    for (int i = 0; i < 8; i++)
        file[i] = (char)(at >> 8 * i);
    char *data = head + at;
    for (size_t i = 0; i < n; i++)
        if (i != leave_out) {
            if (t[i].data)
                memcpy(data, t[i].data, t[i].bytes);
            data += t[i].bytes;
        }
    return (vlm_file){"model.safetensors", file, (size_t)(data - file)};
}

#endif
