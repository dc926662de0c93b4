/* importance.c: files of mean squares of matrices' inputs, GGUF of type "imatrix": for the matrix
 * NAME a tensor NAME.in_sum2 of sums of squares, one for each input, and NAME.counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "engine/quantize.h"

int vlm_engine_importance_open(struct vlm_importance *im, const vlm_allocator *alloc,
                               const char *path, vlm_error *err)
{
    const char *type = "";
    size_t n = 0;
    *im = (struct vlm_importance){.alloc = alloc, .file = path};
    int rc = vlm_map_open(&im->map, alloc, NULL, path, false, UINT64_MAX, err);
    if (rc < 0)
        return rc;
    rc = vlm_gguf_read(&im->meta, &im->list, alloc, im->map.data, im->map.n, path, err);
    if (rc < 0) {
        vlm_map_close(&im->map, alloc);
        return rc;
    }
    rc = vlm_gguf_get_string(&type, &n, &im->meta, "general.type", false, err);
    if (rc == VLM_OK && (n != 7 || memcmp(type, "imatrix", 7) != 0)) {
        struct vlm_quoted q;
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: general.type is '%s', expected 'imatrix'", path,
                      vlm_base_quote(&q, type, n));
    }
    if (rc < 0)
        vlm_engine_importance_close(im);
    else if (im->list.n)
        qsort(im->list.at, im->list.n, sizeof *im->list.at, vlm_weight_by_name);
    return rc;
}

void vlm_engine_importance_close(struct vlm_importance *im)
{
    if (!im->alloc)
        return;
    vlm_weight_list_free(&im->list);
    vlm_gguf_free(&im->meta);
    vlm_map_close(&im->map, im->alloc);
    im->alloc = NULL;
}

int vlm_engine_importance_get(float *out, const struct vlm_importance *im, const char *name,
                              uint64_t n, vlm_error *err)
{
    char full[96];
    snprintf(full, sizeof full, "%s.in_sum2", name);
    const struct vlm_weight key = {.name = full};
    const struct vlm_weight *t =
        im->list.n ? bsearch(&key, im->list.at, im->list.n, sizeof key, vlm_weight_by_name) : NULL;
    if (!t)
        return VLM_DONE;
    if (t->dtype != VLM_NUM_F32 || t->bytes != n * 4)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: tensor %s: %llu bytes of %s, expected %llu F32 numbers", im->file,
                        t->name, (unsigned long long)t->bytes, t->type, (unsigned long long)n);
    memcpy(out, t->data, (size_t)t->bytes);
    for (uint64_t i = 0; i < n; i++)
        if (!(out[i] >= 0) || isinf(out[i]))
            return vlm_fail(err, VLM_ERR_FORMAT,
                            "%s: tensor %s: element %llu is %g, expected a finite number not "
                            "below 0",
                            im->file, t->name, (unsigned long long)i, (double)out[i]);
    return VLM_OK;
}
