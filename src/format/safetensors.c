/* safetensors.c: the bytes of one safetensors file to a list of named tensors.
 *
 * u64 N, N bytes of JSON, data.  The header is read once into a list, which is then checked twice:
 * sorted by name for duplicates, sorted by place for holes and overlaps.  The order of tensors in a
 * header means nothing (writers differ in it).  Nothing is copied but names. */
#include "format/weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "format/json.h"

static const struct type {
    const char *name;
    unsigned bits;
    enum vlm_num dtype;
} types[] = {
    {"F32", 32, VLM_NUM_F32},          {"F16", 16, VLM_NUM_F16},
    {"BF16", 16, VLM_NUM_BF16},        {"F64", 64, VLM_NUM_OTHER},
    {"I64", 64, VLM_NUM_OTHER},        {"I32", 32, VLM_NUM_OTHER},
    {"I16", 16, VLM_NUM_OTHER},        {"I8", 8, VLM_NUM_I8},
    {"U64", 64, VLM_NUM_OTHER},        {"U32", 32, VLM_NUM_OTHER},
    {"U16", 16, VLM_NUM_OTHER},        {"U8", 8, VLM_NUM_OTHER},
    {"BOOL", 8, VLM_NUM_OTHER},        {"C64", 64, VLM_NUM_OTHER},
    {"F8_E4M3", 8, VLM_NUM_F8_E4M3},   {"F8_E5M2", 8, VLM_NUM_OTHER},
    {"F8_E8M0", 8, VLM_NUM_OTHER},     {"F8_E4M3FNUZ", 8, VLM_NUM_OTHER},
    {"F8_E5M2FNUZ", 8, VLM_NUM_OTHER}, {"F6_E2M3", 6, VLM_NUM_OTHER},
    {"F6_E3M2", 6, VLM_NUM_OTHER},     {"F4", 4, VLM_NUM_OTHER},
};

void vlm_weight_list_free(struct vlm_weight_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        vlm_mem_free(l->alloc,
                     (char *)(uintptr_t)l->at[i].name); /* an unknown type's name lies behind it */
    vlm_mem_free(l->alloc, l->at);
    *l = (struct vlm_weight_list){.alloc = l->alloc};
}

int vlm_weight_by_name(const void *a, const void *b)
{
    return strcmp(((const struct vlm_weight *)a)->name, ((const struct vlm_weight *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const struct vlm_weight *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    if (x->bytes != y->bytes) /* empty ones first: they end where they begin */
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

struct header {
    const char *file;
    const uint8_t *data; /* the bytes behind the header */
    uint64_t n_data;
    struct vlm_json json;
    struct vlm_buf name; /* of the tensor being read */
    struct vlm_weight_list *list;
    vlm_error *err;
};

/* What was read of one tensor. */
struct entry {
    struct vlm_quoted name;
    char type[32];
    bool has_type, has_shape, has_offsets;
    size_t n_dims;
    uint64_t shape[4], begin, end;
};

static int expected(const struct header *h, const struct entry *e, const char *what)
{
    if (h->json.what)
        return vlm_json_fail(&h->json, h->file, h->err);
    return vlm_fail(h->err, VLM_ERR_FORMAT, "%s: tensor %s: expected %s", h->file, e->name.text,
                    what);
}

static int read_shape(struct header *h, struct entry *e)
{
    if (e->has_shape || vlm_json_next(&h->json) != VLM_JSON_ARRAY)
        return expected(h, e, "one shape, an array");
    enum vlm_json_kind k;
    uint64_t dim;
    while ((k = vlm_json_next(&h->json)) == VLM_JSON_NUMBER) {
        if (!vlm_json_u64(&dim, &h->json))
            return expected(h, e, "a shape of non-negative integers");
        if (dim > VLM_LIMIT_TENSOR_DIM)
            return vlm_fail(h->err, VLM_ERR_LIMIT,
                            "%s: tensor %s: dimension %zu is %llu, the limit is %llu", h->file,
                            e->name.text, e->n_dims, (unsigned long long)dim,
                            (unsigned long long)VLM_LIMIT_TENSOR_DIM);
        if (e->n_dims == VLM_LIMIT_TENSOR_DIMS)
            return vlm_fail(h->err, VLM_ERR_LIMIT, "%s: tensor %s: more than %d dimensions",
                            h->file, e->name.text, (int)VLM_LIMIT_TENSOR_DIMS);
        e->shape[e->n_dims++] = dim;
    }
    if (k != VLM_JSON_ARRAY_END)
        return expected(h, e, "a shape of non-negative integers");
    e->has_shape = true;
    return VLM_OK;
}

static int read_offsets(struct header *h, struct entry *e)
{
    struct vlm_json *j = &h->json;
    bool ok = !e->has_offsets && vlm_json_next(j) == VLM_JSON_ARRAY &&
              vlm_json_next(j) == VLM_JSON_NUMBER && vlm_json_u64(&e->begin, j) &&
              vlm_json_next(j) == VLM_JSON_NUMBER && vlm_json_u64(&e->end, j) &&
              vlm_json_next(j) == VLM_JSON_ARRAY_END;
    if (!ok)
        return expected(h, e, "one data_offsets, an array of two non-negative integers");
    if (e->begin > e->end || e->end > h->n_data)
        return vlm_fail(
            h->err, VLM_ERR_FORMAT,
            "%s: tensor %s: data_offsets [%llu, %llu], expected a range within %llu bytes", h->file,
            e->name.text, (unsigned long long)e->begin, (unsigned long long)e->end,
            (unsigned long long)h->n_data);
    e->has_offsets = true;
    return VLM_OK;
}

static int read_type(struct header *h, struct entry *e)
{
    struct vlm_json *j = &h->json;
    if (e->has_type || vlm_json_next(j) != VLM_JSON_STRING || j->escaped ||
        j->n_text >= sizeof e->type)
        return expected(h, e, "one dtype, a short string");
    memcpy(e->type, j->text, j->n_text);
    e->type[j->n_text] = 0;
    e->has_type = true;
    return VLM_OK;
}

static int read_members(struct header *h, struct entry *e)
{
    struct vlm_json *j = &h->json;
    if (vlm_json_next(j) != VLM_JSON_OBJECT)
        return expected(h, e, "an object");
    enum vlm_json_kind k;
    while ((k = vlm_json_next(j)) == VLM_JSON_KEY) {
        int rc = VLM_OK;
        if (vlm_json_equals(j, "dtype"))
            rc = read_type(h, e);
        else if (vlm_json_equals(j, "shape"))
            rc = read_shape(h, e);
        else if (vlm_json_equals(j, "data_offsets"))
            rc = read_offsets(h, e);
        else if (!vlm_json_skip(j))
            rc = expected(h, e, "a value");
        if (rc < 0)
            return rc;
    }
    if (k != VLM_JSON_OBJECT_END)
        return expected(h, e, "an object");
    if (!e->has_type || !e->has_shape || !e->has_offsets)
        return expected(h, e, "dtype, shape and data_offsets");
    return VLM_OK;
}

/* Does the range hold exactly the elements?  Only a type nobody knows is taken on trust. */
static int check_size(const struct header *h, const struct entry *e, const struct type *type)
{
    uint64_t n = 1, bits;
    for (size_t i = 0; i < e->n_dims; i++)
        if (!vlm_mul_u64(&n, n, e->shape[i]) || n > VLM_LIMIT_TENSOR_ELEMENTS)
            return vlm_fail(h->err, VLM_ERR_LIMIT, "%s: tensor %s: more than %llu elements",
                            h->file, e->name.text, (unsigned long long)VLM_LIMIT_TENSOR_ELEMENTS);
    if (!type)
        return VLM_OK;
    bits = n * type->bits; /* < 2^48 * 64 */
    if (bits % 8 == 0 && e->end - e->begin == bits / 8)
        return VLM_OK;
    return vlm_fail(h->err, VLM_ERR_FORMAT,
                    "%s: tensor %s: %llu bytes, expected %llu for %llu elements of %s", h->file,
                    e->name.text, (unsigned long long)(e->end - e->begin),
                    (unsigned long long)(bits / 8), (unsigned long long)n, type->name);
}

static int add(struct header *h, const struct entry *e)
{
    const struct type *type = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types && !type; i++)
        if (strcmp(types[i].name, e->type) == 0)
            type = &types[i];
    int rc = check_size(h, e, type);
    if (rc < 0)
        return rc;
    struct vlm_weight_list *l = h->list;
    if (l->n == VLM_LIMIT_TENSORS)
        return vlm_fail(h->err, VLM_ERR_LIMIT, "%s: more than %llu tensors", h->file,
                        (unsigned long long)VLM_LIMIT_TENSORS);
    size_t n_type = type ? 0 : strlen(e->type) + 1;
    char *name = vlm_mem_alloc(l->alloc, h->name.n + 1 + n_type, 1);
    if (!name || !vlm_grow(l->alloc, &l->at, &l->cap, l->n, sizeof *l->at)) {
        vlm_mem_free(l->alloc, name);
        return vlm_fail_memory(h->err, sizeof *l->at, "the table of tensors");
    }
    memcpy(name, h->name.data, h->name.n + 1);
    if (!type)
        memcpy(name + h->name.n + 1, e->type, n_type);
    struct vlm_weight *t = &l->at[l->n++];
    *t = (struct vlm_weight){.name = name,
                             .type = type ? type->name : name + h->name.n + 1,
                             .dtype = type ? type->dtype : VLM_NUM_OTHER,
                             .n_dims = e->n_dims,
                             .shape = {1, 1, 1, 1},
                             .data = h->data + e->begin,
                             .bytes = e->end - e->begin};
    memcpy(t->shape, e->shape, e->n_dims * sizeof *t->shape);
    return VLM_OK;
}

static int read_metadata(struct header *h)
{
    struct vlm_json *j = &h->json;
    enum vlm_json_kind k = vlm_json_next(j);
    if (k == VLM_JSON_OBJECT)
        while ((k = vlm_json_next(j)) == VLM_JSON_KEY)
            if (vlm_json_next(j) != VLM_JSON_STRING)
                break;
    if (k == VLM_JSON_OBJECT_END)
        return VLM_OK;
    if (j->what)
        return vlm_json_fail(j, h->file, h->err);
    return vlm_fail(h->err, VLM_ERR_FORMAT, "%s: __metadata__: expected an object of strings",
                    h->file);
}

/* The key just read, decoded into h->name, which has room for the longest that is allowed. */
static int read_name(struct header *h, struct entry *e)
{
    vlm_buf_clear(&h->name);
    if (!vlm_json_string(&h->name, &h->json))
        return vlm_fail(h->err, VLM_ERR_LIMIT, "%s: tensor %s: name longer than %d bytes", h->file,
                        vlm_base_quote(&e->name, h->json.text, h->json.n_text),
                        (int)VLM_LIMIT_TENSOR_NAME_BYTES);
    vlm_base_quote(&e->name, h->name.data, h->name.n);
    if (strlen(h->name.data) != h->name.n)
        return vlm_fail(h->err, VLM_ERR_FORMAT, "%s: tensor %s: zero byte in the name", h->file,
                        e->name.text);
    return VLM_OK;
}

static int read_header(struct header *h)
{
    struct vlm_json *j = &h->json;
    enum vlm_json_kind k;
    bool has_metadata = false;
    vlm_json_next(j); /* {, as read_file() saw */
    while ((k = vlm_json_next(j)) == VLM_JSON_KEY) {
        int rc;
        struct entry e = {.n_dims = 0};
        if (vlm_json_equals(j, "__metadata__")) {
            if (has_metadata)
                return vlm_fail(h->err, VLM_ERR_FORMAT, "%s: __metadata__ is there twice", h->file);
            has_metadata = true;
            rc = read_metadata(h);
        } else {
            rc = read_name(h, &e);
            if (rc == VLM_OK)
                rc = read_members(h, &e);
            if (rc == VLM_OK)
                rc = add(h, &e);
        }
        if (rc < 0)
            return rc;
    }
    if (k == VLM_JSON_OBJECT_END)
        k = vlm_json_next(j); /* nothing may follow */
    return k == VLM_JSON_END ? VLM_OK : vlm_json_fail(j, h->file, h->err);
}

/* No name twice; from the first byte to the last every byte belongs to exactly one tensor. */
static int check_list(const struct header *h)
{
    struct vlm_weight_list *l = h->list;
    struct vlm_quoted q;
    if (l->n)
        qsort(l->at, l->n, sizeof *l->at, vlm_weight_by_name);
    for (size_t i = 1; i < l->n; i++)
        if (strcmp(l->at[i - 1].name, l->at[i].name) == 0)
            return vlm_fail(h->err, VLM_ERR_FORMAT, "%s: tensor %s is there twice", h->file,
                            vlm_base_quote(&q, l->at[i].name, strlen(l->at[i].name)));
    if (l->n)
        qsort(l->at, l->n, sizeof *l->at, by_place);
    uint64_t end = 0;
    for (size_t i = 0; i < l->n; i++) {
        uint64_t begin = (uint64_t)(l->at[i].data - h->data);
        if (begin != end)
            return vlm_fail(h->err, VLM_ERR_FORMAT,
                            "%s: tensor %s begins at byte %llu of the data, expected %llu (%s)",
                            h->file, vlm_base_quote(&q, l->at[i].name, strlen(l->at[i].name)),
                            (unsigned long long)begin, (unsigned long long)end,
                            begin < end ? "overlap" : "hole");
        end += l->at[i].bytes; /* <= n_data, checked in read_offsets */
    }
    if (end != h->n_data)
        return vlm_fail(h->err, VLM_ERR_FORMAT, "%s: %llu bytes of data, expected %llu", h->file,
                        (unsigned long long)h->n_data, (unsigned long long)end);
    return VLM_OK;
}

static int read_file(struct vlm_weight_list *list, const uint8_t *data, size_t n, const char *file,
                     vlm_error *err)
{
    uint64_t n_header = 0;
    if (n < 8)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: %zu bytes, expected a safetensors file", file, n);
    for (int i = 0; i < 8; i++)
        n_header |= (uint64_t)data[i] << 8 * i;
    if (n_header > VLM_LIMIT_SAFETENSORS_HEADER_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: header of %llu bytes, the limit is %llu (is it a safetensors file?)",
                        file, (unsigned long long)n_header,
                        (unsigned long long)VLM_LIMIT_SAFETENSORS_HEADER_BYTES);
    if (n_header > n - 8)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: header of %llu bytes, but only %zu follow", file,
                        (unsigned long long)n_header, n - 8);
    if (n_header == 0 || data[8] != '{')
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: header does not begin with {, expected a safetensors file", file);
    struct header h = {.file = file, .list = list, .err = err};
    h.data = data + 8 + n_header;
    h.n_data = n - 8 - n_header;
    vlm_json_init(&h.json, data + 8, (size_t)n_header);
    vlm_buf_init(&h.name, list->alloc, VLM_LIMIT_TENSOR_NAME_BYTES);
    if (!vlm_buf_reserve(&h.name, VLM_LIMIT_TENSOR_NAME_BYTES))
        return vlm_fail_memory(err, VLM_LIMIT_TENSOR_NAME_BYTES, "the name of a tensor");
    int rc = read_header(&h);
    vlm_buf_free(&h.name);
    return rc < 0 ? rc : check_list(&h);
}

int vlm_safetensors_read(struct vlm_weight_list *out, const vlm_allocator *alloc,
                         const uint8_t *data, size_t n, const char *file, vlm_error *err)
{
    *out = (struct vlm_weight_list){.alloc = alloc};
    int rc = read_file(out, data, n, file, err);
    if (rc < 0)
        vlm_weight_list_free(out);
    return rc;
}
