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
        if (!isnan(d->max_abs) && !(diff <= d->max_abs))
            d->max_abs = diff;
        if (!(diff <= allowed) && d->first == b->n) {
            d->first = i;
            d->ours = x;
            d->theirs = y;
        }
    }
}

struct row {
    const char *name;
    struct cli_npy a, b; /* ours, theirs; open while the row is looked at */
    bool same_shape;
    struct difference d; /* when the shapes are the same */
    bool differs;
};

static void compare_row(struct row *r, double tolerance)
{
    const struct cli_npy *a = &r->a, *b = &r->b;
    r->same_shape = a->is_int32 == b->is_int32 && a->n_dims == b->n_dims &&
                    memcmp(a->shape, b->shape, a->n_dims * sizeof *a->shape) == 0;
    if (r->same_shape)
        measure(&r->d, a, b, tolerance);
    r->differs = !r->same_shape || r->d.first < b->n;
}

static double relative(const struct difference *d)
{
    return d->largest > 0 ? d->max_abs / d->largest : d->max_abs;
}

static void first_index(size_t at[CLI_NPY_DIMS], const struct row *r)
{
    size_t rest = r->d.first;
    for (size_t i = r->b.n_dims; i-- > 0;) {
        at[i] = rest % r->b.shape[i];
        rest /= r->b.shape[i];
    }
}

/* The row of the table; first gets where the difference begins, if it is still empty. */
static void print_row(const struct row *r, char first[256])
{
    struct cli_npy_text ours, theirs, where;
    size_t at[CLI_NPY_DIMS] = {0};
    cli_npy_shape(&ours, r->a.n_dims, r->a.shape);
    cli_npy_shape(&theirs, r->b.n_dims, r->b.shape);
    if (!r->same_shape) {
        printf("%-16s %-22s shape or type differs: expected %s %s\n", r->name, ours.text,
               r->b.is_int32 ? "int32" : "float32", theirs.text);
        if (!*first)
            snprintf(first, 256, "first difference: %s is %s, expected %s", r->name, ours.text,
                     theirs.text);
        return;
    }
    printf("%-16s %-22s %12.4g %12.4g%s\n", r->name, ours.text, r->d.max_abs, relative(&r->d),
           r->differs ? "  differs" : "");
    if (!r->differs || *first)
        return;
    first_index(at, r);
    snprintf(first, 256, "first difference: %s%s is %.9g, expected %.9g", r->name,
             cli_npy_shape(&where, r->b.n_dims, at), r->d.ours, r->d.theirs);
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *shape_json(size_t n_dims, const size_t *shape)
{
    json_t *j = json_array();
    for (size_t i = 0; i < n_dims; i++)
        json_array_append_new(j, json_integer((json_int_t)shape[i]));
    return j;
}

static json_t *row_json(const struct row *r)
{
    size_t at[CLI_NPY_DIMS] = {0};
    json_t *j = json_pack("{s:s, s:o, s:b}", "name", r->name, "shape",
                          shape_json(r->a.n_dims, r->a.shape), "differs", (int)r->differs);
    if (!r->same_shape) {
        json_object_set_new(j, "expected_shape", shape_json(r->b.n_dims, r->b.shape));
        return j;
    }
    json_object_set_new(j, "max_abs", number(r->d.max_abs));
    json_object_set_new(j, "max_rel", number(relative(&r->d)));
    if (r->differs) {
        first_index(at, r);
        json_object_set_new(j, "first", shape_json(r->b.n_dims, at));
    }
    return j;
}

/* VLM_OK and the row is shown, VLM_DONE: the reference does not have it. */
static int one_tensor(const char *dir, const char *ref, struct row *r, double tolerance,
                      json_t *list, char first[256], vlm_error *err)
{
    char file[256];
    snprintf(file, sizeof file, "%s.npy", r->name);
    if (!vlm_os_exists(ref, file)) {
        if (!list)
            printf("%-16s not in %s\n", r->name, ref);
        return VLM_DONE;
    }
    int rc = cli_npy_open(&r->b, ref, r->name, err);
    if (rc < 0)
        return rc;
    rc = cli_npy_open(&r->a, dir, r->name, err);
    if (rc == VLM_OK) {
        compare_row(r, tolerance);
        if (list)
            json_array_append_new(list, row_json(r));
        else
            print_row(r, first);
        cli_npy_close(&r->a);
    }
    cli_npy_close(&r->b);
    return rc;
}

int cli_npy_compare(const char *dir, const char *ref, const char *const *names, size_t n_names,
                    double tolerance, json_t *list, vlm_error *err)
{
    char first[256] = "";
    size_t n_compared = 0, n_differ = 0;
    if (!list)
        printf("%-16s %-22s %12s %12s\n", "name", "shape", "max abs", "max rel");
    for (size_t i = 0; i < n_names; i++) {
        struct row r = {.name = names[i]};
        int rc = one_tensor(dir, ref, &r, tolerance, list, first, err);
        if (rc < 0)
            return rc;
        n_compared += rc == VLM_OK;
        n_differ += r.differs;
    }
    if (n_compared == 0)
        return vlm_fail(err, VLM_ERR_IO,
                        "%s: found none of the tensors just written, expected some", ref);
    if (!list && n_differ)
        puts(first);
    else if (!list)
        printf("no difference above %g\n", tolerance);
    return n_differ ? VLM_DONE : VLM_OK;
}
