/* npy_compare.c: two traces side by side. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "npy.h"

struct difference {
    double max_abs, largest; /* largest: |value| in the reference */
    size_t first;            /* element, or n when none is above the tolerance */
    double ours, theirs;     /* there */
};

static double value_at(const struct cli_npy *a, size_t i)
{
    const char *p = (const char *)a->data + i * 4;
    int32_t k;
    float x;
    if (a->is_int32) {
        memcpy(&k, p, 4);
        return k;
    }
    memcpy(&x, p, 4);
    return x;
}

/* Integers (ids) must be equal.  A NaN differs from everything. */
static void measure(struct difference *d, const struct cli_npy *a, const struct cli_npy *b,
                    double tolerance)
{
    *d = (struct difference){.first = b->n};
    for (size_t i = 0; i < b->n; i++)
        d->largest = fmax(d->largest, fabs(value_at(b, i)));
    double allowed = b->is_int32 ? 0 : tolerance * d->largest;
    for (size_t i = 0; i < b->n; i++) {
        double x = value_at(a, i), y = value_at(b, i), diff = x == y ? 0 : fabs(x - y);
        if (!(diff <= d->max_abs))
            d->max_abs = diff;
        if (!(diff <= allowed) && d->first == b->n) {
            d->first = i;
            d->ours = x;
            d->theirs = y;
        }
    }
}

static void describe(char *out, size_t cap, const char *name, const struct cli_npy *b,
                     const struct difference *d)
{
    size_t at[CLI_NPY_DIMS] = {0}, rest = d->first;
    struct cli_npy_text t;
    for (size_t i = b->n_dims; i-- > 0;) {
        at[i] = rest % b->shape[i];
        rest /= b->shape[i];
    }
    snprintf(out, cap, "first difference: %s%s is %.9g, expected %.9g", name,
             cli_npy_shape(&t, b->n_dims, at), d->ours, d->theirs);
}

static bool same_shape(const struct cli_npy *a, const struct cli_npy *b)
{
    return a->is_int32 == b->is_int32 && a->n_dims == b->n_dims &&
           memcmp(a->shape, b->shape, a->n_dims * sizeof *a->shape) == 0;
}

/* One line of the table.  Returns whether it differs; first gets the words, if it is still empty.
 */
static bool compare_one(const char *name, const struct cli_npy *a, const struct cli_npy *b,
                        double tolerance, char first[256])
{
    struct cli_npy_text s, t;
    struct difference d;
    char words[256];
    cli_npy_shape(&s, a->n_dims, a->shape);
    if (!same_shape(a, b)) {
        cli_npy_shape(&t, b->n_dims, b->shape);
        printf("%-16s %-22s shape or type differs: expected %s %s\n", name, s.text,
               b->is_int32 ? "int32" : "float32", t.text);
        snprintf(words, sizeof words, "first difference: %s is %s, expected %s", name, s.text,
                 t.text);
    } else {
        measure(&d, a, b, tolerance);
        printf("%-16s %-22s %12.4g %12.4g%s\n", name, s.text, d.max_abs,
               d.largest > 0 ? d.max_abs / d.largest : d.max_abs,
               d.first < b->n ? "  differs" : "");
        if (d.first == b->n)
            return false;
        describe(words, sizeof words, name, b, &d);
    }
    if (!*first)
        snprintf(first, 256, "%s", words);
    return true;
}

int cli_npy_compare(const char *dir, const char *ref, const char *const *names, size_t n_names,
                    double tolerance, vlm_error *err)
{
    char first[256] = "", file[256];
    size_t n_compared = 0;
    printf("%-16s %-22s %12s %12s\n", "name", "shape", "max abs", "max rel");
    for (size_t i = 0; i < n_names; i++) {
        struct cli_npy a, b;
        snprintf(file, sizeof file, "%s.npy", names[i]);
        if (!vlm_os_exists(ref, file)) {
            printf("%-16s not in %s\n", names[i], ref);
            continue;
        }
        int rc = cli_npy_open(&b, ref, names[i], err);
        if (rc < 0)
            return rc;
        rc = cli_npy_open(&a, dir, names[i], err);
        if (rc == VLM_OK) {
            compare_one(names[i], &a, &b, tolerance, first);
            cli_npy_close(&a);
            n_compared++;
        }
        cli_npy_close(&b);
        if (rc < 0)
            return rc;
    }
    if (n_compared == 0)
        return vlm_fail(err, VLM_ERR_IO,
                        "%s: found none of the tensors just written, expected some", ref);
    if (!*first)
        printf("no difference above %g\n", tolerance);
    else
        puts(first);
    return *first ? VLM_DONE : VLM_OK;
}
