/* npy.c: the file format.  https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
#include "npy.h"

#include <ctype.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "files are written as they lie in memory");

static const char magic[8] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};

const char *cli_npy_shape(struct cli_npy_text *t, size_t n_dims, const size_t *shape)
{
    int n = snprintf(t->text, sizeof t->text, "[");
    for (size_t i = 0; i < n_dims; i++)
        n += snprintf(t->text + n, sizeof t->text - (size_t)n, "%s%zu", i ? ", " : "", shape[i]);
    snprintf(t->text + n, sizeof t->text - (size_t)n, "]");
    return t->text;
}

/* The header is padded with spaces so that the data begin at a multiple of 64. */
void cli_npy_header(FILE *f, bool is_int32, size_t n_dims, const size_t *shape)
{
    char text[192];
    int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                     is_int32 ? "<i4" : "<f4");
    for (size_t i = 0; i < n_dims; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%zu%s", shape[i],
                      n_dims == 1      ? ","
                      : i + 1 < n_dims ? ", "
                                       : "");
    n += snprintf(text + n, sizeof text - (size_t)n, "), }");
    int total = (10 + n + 1 + 63) / 64 * 64 - 10;
    fwrite(magic, 1, sizeof magic, f);
    putc(total & 255, f);
    putc(total >> 8, f);
    fprintf(f, "%s%*s\n", text, total - n - 1, "");
}

/* The value of 'key' in the header's dictionary, or NULL. */
static const char *find(const char *header, const char *key)
{
    const char *p = strstr(header, key);
    if (!p)
        return NULL;
    p += strlen(key);
    p += strspn(p, " ");
    if (*p++ != ':')
        return NULL;
    return p + strspn(p, " ");
}

static bool read_shape(struct cli_npy *a, const char *p)
{
    a->n = 1;
    if (!p || *p++ != '(')
        return false;
    for (a->n_dims = 0; p += strspn(p, " "), isdigit((unsigned char)*p); a->n_dims++) {
        size_t d = 0;
        if (a->n_dims == CLI_NPY_DIMS)
            return false;
        for (; isdigit((unsigned char)*p); p++)
            if (!vlm_mul_size(&d, d, 10) || !vlm_add_size(&d, d, (size_t)(*p - '0')))
                return false;
        a->shape[a->n_dims] = d;
        if (!vlm_mul_size(&a->n, a->n, d))
            return false;
        p += strspn(p, " ");
        if (*p == ',')
            p++;
    }
    return *p == ')';
}

static bool parse(struct cli_npy *a)
{
    char header[4096];
    const uint8_t *d = a->map.data;
    if (a->map.n < 10 || memcmp(d, magic, sizeof magic) != 0)
        return false;
    size_t n = (size_t)d[8] | (size_t)d[9] << 8, bytes;
    if (n >= sizeof header || n > a->map.n - 10)
        return false;
    memcpy(header, d + 10, n);
    header[n] = 0;
    const char *descr = find(header, "'descr'"), *order = find(header, "'fortran_order'");
    if (!descr || !order || strncmp(order, "False", 5) != 0)
        return false;
    a->is_int32 = strncmp(descr, "'<i4'", 5) == 0;
    if (!a->is_int32 && strncmp(descr, "'<f4'", 5) != 0)
        return false;
    a->data = d + 10 + n;
    return read_shape(a, find(header, "'shape'")) && vlm_mul_size(&bytes, a->n, 4) &&
           bytes == a->map.n - 10 - n;
}

int cli_npy_open(struct cli_npy *a, const char *dir, const char *name, vlm_error *err)
{
    char file[256];
    *a = (struct cli_npy){0};
    snprintf(file, sizeof file, "%s.npy", name);
    int rc = vlm_map_open(&a->map, &vlm_mem_system, dir, file, false, INT64_MAX, err);
    if (rc < 0)
        return rc;
    if (parse(a))
        return VLM_OK;
    cli_npy_close(a);
    return vlm_fail(
        err, VLM_ERR_FORMAT,
        "%s/%s: found no .npy of version 1.0, expected float32 or int32, little-endian, C order",
        dir, file);
}

void cli_npy_close(struct cli_npy *a)
{
    vlm_map_close(&a->map, &vlm_mem_system);
}
