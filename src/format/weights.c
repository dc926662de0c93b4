/* weights.c: a model's tensors: model.safetensors, or an index and its shards, which must agree.
 *
 * Owns the table, its names and the mappings; the data stay where they are in the files. */
#include "format/weights.h"

#include <stdlib.h>
#include <string.h>

#include "format/json.h"

#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"

struct index_entry { /* both are copies, terminated */
    char *tensor;
    const char *file; /* behind tensor, in the same block */
};

struct index {
    const vlm_allocator *alloc;
    struct vlm_label label;
    struct index_entry *at;
    size_t n, cap;
};

static void index_free(struct index *x)
{
    for (size_t i = 0; i < x->n; i++)
        vlm_mem_free(x->alloc, x->at[i].tensor);
    vlm_mem_free(x->alloc, x->at);
}

static int by_tensor(const void *a, const void *b)
{
    return strcmp(((const struct index_entry *)a)->tensor, ((const struct index_entry *)b)->tensor);
}

/* Takes one "tensor": "file".  text holds both, one behind the other, terminated. */
static int index_add(struct index *x, const struct vlm_buf *text, size_t n_tensor, vlm_error *err)
{
    struct vlm_quoted q;
    const char *tensor = text->data, *file = tensor + n_tensor + 1;
    size_t n_file = text->n - n_tensor - 2;
    if (strlen(tensor) != n_tensor || strlen(file) != n_file)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: tensor %s: zero byte in a name", x->label.text,
                        vlm_base_quote(&q, tensor, n_tensor));
    if (n_file == 0 || strchr(file, '/') || strchr(file, '\\') || strcmp(file, ".") == 0 ||
        strcmp(file, "..") == 0)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: shard \"%s\": expected the name of a file beside the index",
                        x->label.text, vlm_base_quote(&q, file, n_file));
    if (x->n == VLM_LIMIT_TENSORS)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: more than %llu tensors", x->label.text,
                        (unsigned long long)VLM_LIMIT_TENSORS);
    char *copy = vlm_mem_alloc(x->alloc, text->n, 1);
    if (!copy || !vlm_grow(x->alloc, &x->at, &x->cap, x->n, sizeof *x->at)) {
        vlm_mem_free(x->alloc, copy);
        return vlm_fail_memory(err, text->n, "the index of shards");
    }
    memcpy(copy, text->data, text->n);
    x->at[x->n++] = (struct index_entry){copy, copy + n_tensor + 1};
    return VLM_OK;
}

static int malformed(const struct index *x, const struct vlm_json *j, const char *what,
                     vlm_error *err)
{
    if (j->what)
        return vlm_json_fail(j, x->label.text, err);
    return vlm_fail(err, VLM_ERR_FORMAT, "%s: %s", x->label.text, what);
}

static int read_weight_map(struct index *x, struct vlm_json *j, struct vlm_buf *text,
                           vlm_error *err)
{
    static const char what[] = "weight_map: expected one object, from tensors to file names";
    if (x->n || vlm_json_next(j) != VLM_JSON_OBJECT)
        return malformed(x, j, what, err);
    enum vlm_json_kind k;
    while ((k = vlm_json_next(j)) == VLM_JSON_KEY) {
        vlm_buf_clear(text);
        vlm_json_string(text, j);
        vlm_buf_putc(text, 0);
        size_t n_tensor = text->n - 1;
        if (vlm_json_next(j) != VLM_JSON_STRING)
            break;
        vlm_json_string(text, j);
        if (!vlm_buf_putc(text, 0))
            return vlm_fail(err, VLM_ERR_LIMIT, "%s: names longer than %d bytes", x->label.text,
                            (int)VLM_LIMIT_TENSOR_NAME_BYTES);
        int rc = index_add(x, text, n_tensor, err);
        if (rc < 0)
            return rc;
    }
    return k == VLM_JSON_OBJECT_END ? VLM_OK : malformed(x, j, what, err);
}

static int read_index_json(struct index *x, const struct vlm_map *map, struct vlm_buf *text,
                           vlm_error *err)
{
    struct vlm_json j;
    vlm_json_init(&j, map->data, map->n);
    enum vlm_json_kind k = vlm_json_next(&j);
    if (k == VLM_JSON_OBJECT)
        while ((k = vlm_json_next(&j)) == VLM_JSON_KEY) {
            if (vlm_json_equals(&j, "weight_map")) {
                int rc = read_weight_map(x, &j, text, err);
                if (rc < 0)
                    return rc;
            } else {
                vlm_json_skip(&j);
            }
        }
    if (k == VLM_JSON_OBJECT_END)
        k = vlm_json_next(&j);
    if (k != VLM_JSON_END || x->n == 0)
        return malformed(x, &j, "expected an object with a weight_map that is not empty", err);
    struct vlm_quoted q;
    qsort(x->at, x->n, sizeof *x->at, by_tensor);
    for (size_t i = 1; i < x->n; i++)
        if (strcmp(x->at[i - 1].tensor, x->at[i].tensor) == 0)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: tensor %s is there twice", x->label.text,
                            vlm_base_quote(&q, x->at[i].tensor, strlen(x->at[i].tensor)));
    return VLM_OK;
}

static int read_index(struct index *x, const struct vlm_files *source, vlm_error *err)
{
    struct vlm_map map;
    vlm_files_label(&x->label, source, INDEX);
    int rc = vlm_files_open(&map, source, INDEX, VLM_LIMIT_SAFETENSORS_HEADER_BYTES, err);
    if (rc < 0)
        return rc;
    struct vlm_buf text;
    vlm_buf_init(&text, x->alloc, 2 * VLM_LIMIT_TENSOR_NAME_BYTES + 2);
    if (vlm_buf_reserve(&text, text.limit))
        rc = read_index_json(x, &map, &text, err);
    else
        rc = vlm_fail_memory(err, text.limit, "the index of shards");
    vlm_buf_free(&text);
    vlm_files_close(&map, source);
    return rc;
}

/* Adds a file that is not there yet to the sorted list of files. */
static int add_file(struct vlm_weights *w, size_t *cap, const char *name, vlm_error *err)
{
    size_t low = 0, high = w->n_files;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(w->files[mid].name, name);
        if (order == 0)
            return VLM_OK;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (w->n_files == VLM_LIMIT_SHARDS)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: more than %d shards", INDEX,
                        (int)VLM_LIMIT_SHARDS);
    const vlm_allocator *alloc = w->source->alloc;
    char *copy = vlm_mem_strndup(alloc, name, strlen(name));
    if (!copy || !vlm_grow(alloc, &w->files, cap, w->n_files, sizeof *w->files)) {
        vlm_mem_free(alloc, copy);
        return vlm_fail_memory(err, strlen(name) + 1, "the list of shards");
    }
    memmove(w->files + low + 1, w->files + low, (w->n_files - low) * sizeof *w->files);
    w->files[low] = (struct vlm_weights_file){.name = copy};
    w->n_files++;
    return VLM_OK;
}

static int list_files(struct vlm_weights *w, struct index *x, vlm_error *err)
{
    size_t cap = 0;
    struct vlm_label label;
    if (vlm_files_has(w->source, SINGLE))
        return add_file(w, &cap, SINGLE, err);
    if (!vlm_files_has(w->source, INDEX))
        return vlm_fail(err, VLM_ERR_IO, "%s: no %s or %s",
                        w->source->dir ? vlm_files_label(&label, w->source, "") : "the files given",
                        SINGLE, INDEX);
    int rc = read_index(x, w->source, err);
    for (size_t i = 0; i < x->n && rc == VLM_OK; i++)
        rc = add_file(w, &cap, x->at[i].file, err);
    for (size_t i = 0; i < w->n_files && rc == VLM_OK; i++) {
        struct vlm_quoted q;
        const char *name = w->files[i].name;
        if (!vlm_files_has(w->source, name))
            rc = vlm_fail(err, VLM_ERR_IO, "%s: shard %s is missing", x->label.text,
                          vlm_base_quote(&q, name, strlen(name)));
    }
    return rc;
}

/* Maps and checks file i and appends its tensors. */
static int load_file(struct vlm_weights *w, struct vlm_weight_list *all, size_t i, vlm_error *err)
{
    struct vlm_weights_file *f = &w->files[i];
    struct vlm_weight_list one = {.alloc = all->alloc};
    struct vlm_label label;
    int rc = vlm_files_open(&f->map, w->source, f->name, UINT64_MAX, err);
    if (rc == VLM_OK)
        rc = vlm_safetensors_read(&one, all->alloc, f->map.data, f->map.n,
                                  vlm_files_label(&label, w->source, f->name), err);
    for (size_t k = 0; k < one.n && rc == VLM_OK; k++) {
        if (all->n == VLM_LIMIT_TENSORS)
            rc = vlm_fail(err, VLM_ERR_LIMIT, "%s: more than %llu tensors in all shards",
                          label.text, (unsigned long long)VLM_LIMIT_TENSORS);
        else if (!vlm_grow(all->alloc, &all->at, &all->cap, all->n, sizeof *all->at))
            rc = vlm_fail_memory(err, sizeof *all->at, "the table of tensors");
        else {
            one.at[k].file = i;
            w->bytes += one.at[k].bytes; /* all of them are mapped at once: no overflow */
            all->at[all->n++] = one.at[k];
            one.at[k].name = NULL; /* moved */
        }
    }
    vlm_weight_list_free(&one);
    return rc;
}

/* The index and the shards must name the same tensors in the same places. */
static int check_index(const struct vlm_weights *w, const struct index *x, vlm_error *err)
{
    struct vlm_quoted q, shard;
    for (size_t i = 0; i < x->n || i < w->n_tensors; i++) {
        const struct vlm_weight *t = i < w->n_tensors ? &w->tensors[i] : NULL;
        const struct index_entry *e = i < x->n ? &x->at[i] : NULL;
        int order = !t ? -1 : !e ? 1 : strcmp(e->tensor, t->name);
        if (order < 0)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: tensor %s is not in shard %s", x->label.text,
                            vlm_base_quote(&q, e->tensor, strlen(e->tensor)),
                            vlm_base_quote(&shard, e->file, strlen(e->file)));
        if (order > 0 || strcmp(e->file, w->files[t->file].name) != 0)
            return vlm_fail(
                err, VLM_ERR_FORMAT, "%s: tensor %s in shard %s is not listed there", x->label.text,
                vlm_base_quote(&q, t->name, strlen(t->name)),
                vlm_base_quote(&shard, w->files[t->file].name, strlen(w->files[t->file].name)));
    }
    return VLM_OK;
}

static int load_all(struct vlm_weights *w, struct index *x, vlm_error *err)
{
    struct vlm_weight_list all = {.alloc = w->source->alloc};
    int rc = list_files(w, x, err);
    for (size_t i = 0; i < w->n_files && rc == VLM_OK; i++)
        rc = load_file(w, &all, i, err);
    w->tensors = all.at;
    w->n_tensors = all.n;
    if (rc < 0)
        return rc;
    if (all.n)
        qsort(all.at, all.n, sizeof *all.at, vlm_weight_by_name);
    struct vlm_quoted q;
    for (size_t i = 1; i < all.n; i++)
        if (strcmp(all.at[i - 1].name, all.at[i].name) == 0)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: tensor %s is in two shards", x->label.text,
                            vlm_base_quote(&q, all.at[i].name, strlen(all.at[i].name)));
    return x->n ? check_index(w, x, err) : VLM_OK;
}

int vlm_weights_open(struct vlm_weights *w, const struct vlm_files *source, vlm_error *err)
{
    struct index index = {.alloc = source->alloc};
    *w = (struct vlm_weights){.source = source};
    int rc = load_all(w, &index, err);
    index_free(&index);
    if (rc < 0)
        vlm_weights_close(w);
    return rc;
}

void vlm_weights_close(struct vlm_weights *w)
{
    if (!w->source)
        return;
    const vlm_allocator *alloc = w->source->alloc;
    for (size_t i = 0; i < w->n_files; i++) {
        vlm_files_close(&w->files[i].map, w->source);
        vlm_mem_free(alloc, w->files[i].name);
    }
    vlm_mem_free(alloc, w->files);
    vlm_weight_list_free(
        &(struct vlm_weight_list){.alloc = alloc, .at = w->tensors, .n = w->n_tensors});
    memset(w, 0, sizeof *w);
}

const struct vlm_weight *vlm_weights_find(const struct vlm_weights *w, const char *name)
{
    struct vlm_weight key = {.name = name};
    return w->n_tensors ? bsearch(&key, w->tensors, w->n_tensors, sizeof key, vlm_weight_by_name)
                        : NULL;
}
