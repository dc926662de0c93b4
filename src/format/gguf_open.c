/* gguf_open.c: a GGUF model as named tensors: one file, or the parts of a split one.
 *
 * The parts of a split model are known by their names; what each says of itself (split.no,
 * split.count, split.tensors.count) must agree with its name and with the tensors found. */
#include "format/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define SUFFIX "-00001-of-00001.gguf"
#define N_SUFFIX (sizeof SUFFIX - 1)

struct parts {
    const char *name; /* as given */
    size_t n_prefix;  /* bytes of it before the suffix */
    bool split;       /* the name has the suffix of a part */
    unsigned count;
    uint64_t n_tensors; /* of all parts, as the first one says */
};

/* A name is that of a part when it differs from SUFFIX in digits only. */
static int read_name(struct parts *p, const char *name, vlm_error *err)
{
    struct vlm_quoted q;
    size_t n = strlen(name);
    unsigned numbers[2] = {0, 0};
    *p = (struct parts){.name = name, .n_prefix = n, .count = 1};
    if (n < N_SUFFIX)
        return VLM_OK;
    const char *s = name + n - N_SUFFIX;
    for (size_t i = 0; i < N_SUFFIX; i++) {
        bool digit = SUFFIX[i] >= '0' && SUFFIX[i] <= '9';
        if (digit ? s[i] < '0' || s[i] > '9' : s[i] != SUFFIX[i])
            return VLM_OK;
        if (digit)
            numbers[i > 6] = 10 * numbers[i > 6] + (unsigned)(s[i] - '0');
    }
    if (numbers[0] < 1 || numbers[0] > numbers[1])
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: part %u of %u, expected 1 to %u",
                        vlm_base_quote(&q, name, n), numbers[0], numbers[1], numbers[1]);
    if (numbers[1] > VLM_LIMIT_SHARDS)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %u parts, the limit is %d",
                        vlm_base_quote(&q, name, n), numbers[1], (int)VLM_LIMIT_SHARDS);
    *p = (struct parts){.name = name, .n_prefix = n - N_SUFFIX, .split = true, .count = numbers[1]};
    return VLM_OK;
}

/* The names of all parts, which must be there. */
static int list_parts(struct vlm_weights *w, const struct parts *p, vlm_error *err)
{
    const vlm_allocator *alloc = w->source->alloc;
    struct vlm_label label;
    size_t n_name = strlen(p->name);
    w->files = vlm_mem_zalloc(alloc, p->count, sizeof *w->files);
    if (!w->files)
        return vlm_fail_memory(err, p->count * sizeof *w->files, "the list of parts");
    for (; w->n_files < p->count; w->n_files++) {
        char *name = vlm_mem_strndup(alloc, p->name, n_name);
        if (!name)
            return vlm_fail_memory(err, n_name + 1, "the name of a part");
        if (p->split)
            snprintf(name + p->n_prefix, N_SUFFIX + 1, "-%05zu-of-%05u.gguf", w->n_files + 1,
                     p->count);
        w->files[w->n_files].name = name;
        if (p->split && !vlm_files_has(w->source, name)) {
            w->n_files++; /* its name is freed with the others */
            return vlm_fail(err, VLM_ERR_IO, "%s: part %zu of %u is missing",
                            vlm_files_label(&label, w->source, name), w->n_files, p->count);
        }
    }
    return VLM_OK;
}

/* Does part i say of itself what its name says? */
static int check_part(const struct vlm_gguf *g, struct parts *p, size_t i, vlm_error *err)
{
    bool optional = p->count == 1;
    uint64_t no = i, count = p->count, n_tensors = p->n_tensors;
    int rc = vlm_gguf_get_u64(&count, g, "split.count", optional, 0, UINT64_MAX, err);
    if (rc == VLM_OK)
        rc = vlm_gguf_get_u64(&no, g, "split.no", optional, 0, UINT64_MAX, err);
    if (rc == VLM_OK)
        rc = vlm_gguf_get_u64(&n_tensors, g, "split.tensors.count", optional, 0, VLM_LIMIT_TENSORS,
                              err);
    if (rc < 0)
        return rc;
    if (optional && count <= 1)
        count = 1, no = 0;
    if (!p->split && count != 1)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: a part of a model of %llu, expected a name ending in "
                        "-%05llu-of-%05llu.gguf",
                        g->file, (unsigned long long)count, (unsigned long long)no + 1,
                        (unsigned long long)count);
    if (count != p->count || no != i)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: says it is part %llu of %llu, expected %zu of %u as its name says",
                        g->file, (unsigned long long)no + 1, (unsigned long long)count, i + 1,
                        p->count);
    if (i == 0)
        p->n_tensors = n_tensors;
    if (n_tensors != p->n_tensors)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: key split.tensors.count: %llu, expected %llu as in the first part",
                        g->file, (unsigned long long)n_tensors, (unsigned long long)p->n_tensors);
    return VLM_OK;
}

/* Maps and checks part i and appends its tensors. */
static int load_part(struct vlm_weights *w, struct vlm_weight_list *all, struct vlm_gguf *meta,
                     struct parts *p, size_t i, vlm_error *err)
{
    struct vlm_weights_file *f = &w->files[i];
    struct vlm_gguf other, *g = i == 0 ? meta : &other;
    struct vlm_label label;
    size_t first = all->n;
    int rc = vlm_files_open(&f->map, w->source, f->name, UINT64_MAX, err);
    if (rc < 0)
        return rc;
    rc = vlm_gguf_read(g, all, w->source->alloc, f->map.data, f->map.n,
                       vlm_files_label(&label, w->source, f->name), err);
    if (rc < 0)
        return rc;
    for (size_t k = first; k < all->n; k++) {
        all->at[k].file = i;
        w->bytes += all->at[k].bytes; /* all of them are mapped at once: no overflow */
    }
    rc = check_part(g, p, i, err);
    if (i > 0)
        vlm_gguf_free(&other);
    return rc;
}

static int load_all(struct vlm_weights *w, struct vlm_gguf *meta, struct parts *p, vlm_error *err)
{
    struct vlm_weight_list all = {.alloc = w->source->alloc};
    struct vlm_quoted q;
    int rc = list_parts(w, p, err);
    for (size_t i = 0; i < w->n_files && rc == VLM_OK; i++)
        rc = load_part(w, &all, meta, p, i, err);
    w->tensors = all.at;
    w->n_tensors = all.n;
    if (rc < 0)
        return rc;
    if (p->count > 1 && all.n != p->n_tensors)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: %zu tensors in all parts, expected %llu",
                        meta->file, all.n, (unsigned long long)p->n_tensors);
    if (all.n)
        qsort(all.at, all.n, sizeof *all.at, vlm_weight_by_name);
    for (size_t i = 1; i < all.n; i++)
        if (strcmp(all.at[i - 1].name, all.at[i].name) == 0)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: tensor %s is in two parts", meta->file,
                            vlm_base_quote(&q, all.at[i].name, strlen(all.at[i].name)));
    return VLM_OK;
}

int vlm_weights_open_gguf(struct vlm_weights *w, struct vlm_gguf *meta,
                          const struct vlm_files *source, const char *name, vlm_error *err)
{
    struct parts parts;
    *w = (struct vlm_weights){.source = source};
    *meta = (struct vlm_gguf){.alloc = NULL};
    int rc = read_name(&parts, name, err);
    if (rc == VLM_OK)
        rc = load_all(w, meta, &parts, err);
    if (rc < 0) {
        vlm_gguf_free(meta);
        vlm_weights_close(w);
    }
    return rc;
}
