/* npy.h: NumPy .npy files, version 1.0, little-endian, C order, float32 or int32. */
#ifndef VLM_CLI_NPY_H
#define VLM_CLI_NPY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/os.h"

#define CLI_NPY_DIMS 4

struct cli_npy { /* a file being looked at */
    struct vlm_map map;
    bool is_int32;
    size_t n_dims, shape[CLI_NPY_DIMS], n; /* n: elements */
    const void *data;                      /* not aligned */
};

void cli_npy_header(FILE *f, bool is_int32, size_t n_dims, const size_t *shape);
int cli_npy_open(struct cli_npy *a, const char *dir, const char *name, vlm_error *err);
void cli_npy_close(struct cli_npy *a);

/* "[3, 12, 7]" */
struct cli_npy_text {
    char text[96];
};
const char *cli_npy_shape(struct cli_npy_text *t, size_t n_dims, const size_t *shape);

/* Compares NAME.npy of two directories for each name.  list NULL: prints the table, and where the
 * first difference above tolerance (of the largest value in ref) begins; else appends one object a
 * name. VLM_OK: no difference; VLM_DONE: some. */
int cli_npy_compare(const char *dir, const char *ref, const char *const *names, size_t n_names,
                    double tolerance, json_t *list, vlm_error *err);

#endif
