/* gguf.c: the bytes of one GGUF file to its pairs and tensors.
 *
 * Header, pairs, tensor table, padding, data.  Everything is read through take(), the only place
 * that moves on, and no count is believed before the file is long enough for it.  The table is
 * walked twice: its end is the place from which offsets count. */
#include "format/gguf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

#define MIN_PAIR 14   /* bytes: a key of one byte, type, a value of one byte */
#define MIN_TENSOR 33 /* a name of one byte, one dimension, type, offset */
#define DEFAULT_ALIGNMENT 32
#define MIN_ALIGNMENT 8

/* Types that the format numbers; those without a place in num.h are listed but cannot be bound. */
static const struct tensor_type {
    const char *name; /* NULL: no such type, or no longer */
    unsigned len, bytes;
    enum vlm_num dtype;
} tensor_types[] = {
#define USABLE(number, type) [number] = {#type, 0, 0, VLM_NUM_##type}
#define LISTED(number, type, len, bytes) [number] = {#type, len, bytes, VLM_NUM_OTHER}
    USABLE(0, F32),
    USABLE(1, F16),
    USABLE(2, Q4_0),
    USABLE(3, Q4_1),
    USABLE(6, Q5_0),
    USABLE(7, Q5_1),
    USABLE(8, Q8_0),
    LISTED(9, Q8_1, 32, 36),
    USABLE(10, Q2_K),
    USABLE(11, Q3_K),
    USABLE(12, Q4_K),
    USABLE(13, Q5_K),
    USABLE(14, Q6_K),
    LISTED(15, Q8_K, 256, 292),
    LISTED(16, IQ2_XXS, 256, 66),
    LISTED(17, IQ2_XS, 256, 74),
    LISTED(18, IQ3_XXS, 256, 98),
    LISTED(19, IQ1_S, 256, 50),
    USABLE(20, IQ4_NL),
    LISTED(21, IQ3_S, 256, 110),
    LISTED(22, IQ2_S, 256, 82),
    USABLE(23, IQ4_XS),
    LISTED(24, I8, 1, 1),
    LISTED(25, I16, 1, 2),
    LISTED(26, I32, 1, 4),
    LISTED(27, I64, 1, 8),
    LISTED(28, F64, 1, 8),
    LISTED(29, IQ1_M, 256, 56),
    USABLE(30, BF16),
    LISTED(34, TQ1_0, 256, 54),
    LISTED(35, TQ2_0, 256, 66),
    USABLE(39, MXFP4),
    LISTED(40, NVFP4, 64, 36),
    LISTED(41, Q1_0, 128, 18),
#undef USABLE
#undef LISTED
};

struct reader {
    const uint8_t *data;
    size_t n, at;
    const char *file;
    vlm_error *err;
    const char *kind; /* what is being read: "key" or "tensor", NULL for the header */
    uint64_t index;   /* which of them */
    const char *name; /* its name once known, else NULL */
    size_t n_name;
    uint64_t n_strings; /* in arrays so far */
};

static int bad(const struct reader *r, int status, const char *fmt, ...) VLM_PRINTF(3, 4);
static int bad(const struct reader *r, int status, const char *fmt, ...)
{
    char text[256];
    struct vlm_quoted q;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!r->kind)
        return vlm_fail(r->err, status, "%s: %s", r->file, text);
    if (r->name)
        return vlm_fail(r->err, status, "%s: %s %s: %s", r->file, r->kind,
                        vlm_base_quote(&q, r->name, r->n_name), text);
    return vlm_fail(r->err, status, "%s: %s %llu: %s", r->file, r->kind,
                    (unsigned long long)r->index, text);
}

static size_t left(const struct reader *r)
{
    return r->n - r->at;
}

/* The next n bytes, or NULL. */
static const uint8_t *take(struct reader *r, size_t n)
{
    if (n > left(r))
        return NULL;
    const uint8_t *p = r->data + r->at;
    r->at += n;
    return p;
}

static uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* An unsigned number of 4 or 8 bytes. */
static int number(struct reader *r, uint64_t *out, size_t n)
{
    const uint8_t *p = take(r, n);
    *out = 0;
    if (!p)
        return bad(r, VLM_ERR_FORMAT, "the file ends here, expected %zu more bytes", n - left(r));
    *out = little_endian(p, n);
    return VLM_OK;
}

static bool has_control(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i], next = i + 1 < n ? (unsigned char)s[i + 1] : 0;
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0)) /* U+0080 to U+009F as well */
            return true;
    }
    return false;
}

static int too_long(const struct reader *r)
{
    return bad(r, VLM_ERR_LIMIT, "header of more than %llu bytes",
               (unsigned long long)VLM_LIMIT_GGUF_HEADER_BYTES);
}

/* Length and bytes: UTF-8 without zero bytes. */
static int string(struct reader *r, const char **out, size_t *n_out, uint64_t limit)
{
    uint64_t n;
    int rc = number(r, &n, 8);
    if (rc < 0)
        return rc;
    if (n > limit)
        return bad(r, VLM_ERR_LIMIT, "string of %llu bytes, the limit is %llu",
                   (unsigned long long)n, (unsigned long long)limit);
    if (n > left(r))
        return bad(r, VLM_ERR_FORMAT, "string of %llu bytes, but only %zu follow",
                   (unsigned long long)n, left(r));
    const char *s = (const char *)take(r, (size_t)n);
    if (r->at > VLM_LIMIT_GGUF_HEADER_BYTES)
        return too_long(r);
    if (memchr(s, 0, (size_t)n))
        return bad(r, VLM_ERR_FORMAT, "zero byte in a string, expected UTF-8 text");
    if (!vlm_utf8_valid(s, (size_t)n))
        return bad(r, VLM_ERR_FORMAT, "string is not UTF-8");
    *out = s;
    *n_out = (size_t)n;
    return VLM_OK;
}

/* The name of a pair or tensor, which errors show from here on. */
static int name(struct reader *r, uint64_t limit)
{
    const char *s;
    size_t n;
    int rc = string(r, &s, &n, limit);
    if (rc < 0)
        return rc;
    r->name = s;
    r->n_name = n;
    if (n == 0)
        return bad(r, VLM_ERR_FORMAT, "name of no bytes");
    return has_control(s, n) ? bad(r, VLM_ERR_FORMAT, "control character in the name") : VLM_OK;
}

/* ---- pairs --------------------------------------------------------------------------------- */

static int value_type(struct reader *r, enum vlm_gguf_type *out)
{
    uint64_t type;
    int rc = number(r, &type, 4);
    if (rc < 0)
        return rc;
    if (type > VLM_GGUF_F64)
        return bad(r, VLM_ERR_FORMAT, "value of type %llu, expected 0 to %d",
                   (unsigned long long)type, VLM_GGUF_F64);
    *out = (enum vlm_gguf_type)type;
    return VLM_OK;
}

static int strings(struct reader *r, struct vlm_gguf_pair *p)
{
    const char *s;
    size_t n;
    if (p->n > VLM_LIMIT_GGUF_STRINGS - r->n_strings)
        return bad(r, VLM_ERR_LIMIT, "array of %llu strings, the limit of all is %llu",
                   (unsigned long long)p->n, (unsigned long long)VLM_LIMIT_GGUF_STRINGS);
    if (p->n > left(r) / 8)
        return bad(r, VLM_ERR_FORMAT, "array of %llu strings, but only %zu bytes follow",
                   (unsigned long long)p->n, left(r));
    r->n_strings += p->n;
    for (uint64_t i = 0; i < p->n; i++) {
        int rc = string(r, &s, &n, VLM_LIMIT_GGUF_STRING_BYTES);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

static int array(struct reader *r, struct vlm_gguf_pair *p)
{
    int rc = value_type(r, &p->type);
    if (rc == VLM_OK && p->type == VLM_GGUF_ARRAY)
        rc = bad(r, VLM_ERR_FORMAT, "array of arrays, expected numbers or strings");
    if (rc == VLM_OK)
        rc = number(r, &p->n, 8);
    if (rc < 0)
        return rc;
    p->is_array = true;
    p->data = r->data + r->at;
    if (p->type == VLM_GGUF_STRING)
        return strings(r, p);
    size_t size = vlm_format_gguf_size(p->type);
    if (p->n > left(r) / size)
        return bad(r, VLM_ERR_FORMAT, "array of %llu elements, but only %zu bytes follow",
                   (unsigned long long)p->n, left(r));
    r->at += (size_t)p->n * size;
    return VLM_OK;
}

static int single(struct reader *r, struct vlm_gguf_pair *p)
{
    const char *s;
    size_t n;
    p->n = 1;
    p->data = r->data + r->at;
    if (p->type == VLM_GGUF_STRING)
        return string(r, &s, &n, VLM_LIMIT_GGUF_STRING_BYTES);
    n = vlm_format_gguf_size(p->type);
    if (!take(r, n))
        return bad(r, VLM_ERR_FORMAT, "the file ends inside the value");
    if (p->type == VLM_GGUF_BOOL && p->data[0] > 1)
        return bad(r, VLM_ERR_FORMAT, "bool of value %d, expected 0 or 1", p->data[0]);
    return VLM_OK;
}

static int pair(struct reader *r, struct vlm_gguf_pair *p)
{
    *p = (struct vlm_gguf_pair){.is_array = false};
    int rc = name(r, VLM_LIMIT_GGUF_KEY_BYTES);
    if (rc == VLM_OK)
        rc = value_type(r, &p->type);
    if (rc < 0)
        return rc;
    p->key = r->name;
    p->n_key = r->n_name;
    rc = p->type == VLM_GGUF_ARRAY ? array(r, p) : single(r, p);
    p->n_data = (size_t)(r->data + r->at - p->data);
    return rc;
}

static int by_key(const void *a, const void *b)
{
    const struct vlm_gguf_pair *x = a, *y = b;
    return vlm_format_gguf_compare(x->key, x->n_key, y->key, y->n_key);
}

static int read_pairs(struct reader *r, struct vlm_gguf *g, uint64_t n)
{
    struct vlm_quoted q;
    g->pairs = vlm_mem_alloc(g->alloc, (size_t)n, sizeof *g->pairs);
    if (!g->pairs)
        return vlm_fail_memory(r->err, (size_t)n * sizeof *g->pairs, "the pairs of a GGUF file");
    r->kind = "key";
    for (; g->n_pairs < n; g->n_pairs++) {
        r->index = g->n_pairs;
        r->name = NULL;
        int rc = pair(r, &g->pairs[g->n_pairs]);
        if (rc < 0)
            return rc;
    }
    r->kind = NULL;
    if (n)
        qsort(g->pairs, (size_t)n, sizeof *g->pairs, by_key);
    for (size_t i = 1; i < n; i++)
        if (by_key(&g->pairs[i - 1], &g->pairs[i]) == 0)
            return bad(r, VLM_ERR_FORMAT, "key %s is there twice",
                       vlm_base_quote(&q, g->pairs[i].key, g->pairs[i].n_key));
    return VLM_OK;
}

/* ---- tensors ------------------------------------------------------------------------------- */

struct info {
    const struct tensor_type *type;
    uint64_t n_dims, ne[4]; /* innermost first, as in the file */
    uint64_t bytes, offset;
};

static int shape(struct reader *r, struct info *t)
{
    uint64_t n = 1;
    int rc = number(r, &t->n_dims, 4);
    if (rc < 0)
        return rc;
    if (t->n_dims < 1 || t->n_dims > VLM_LIMIT_TENSOR_DIMS)
        return bad(r, VLM_ERR_FORMAT, "%llu dimensions, expected 1 to %d",
                   (unsigned long long)t->n_dims, (int)VLM_LIMIT_TENSOR_DIMS);
    for (size_t i = 0; i < t->n_dims; i++) {
        rc = number(r, &t->ne[i], 8);
        if (rc < 0)
            return rc;
        if (t->ne[i] < 1 || t->ne[i] > VLM_LIMIT_TENSOR_DIM)
            return bad(r, t->ne[i] ? VLM_ERR_LIMIT : VLM_ERR_FORMAT,
                       "dimension %zu is %llu, expected 1 to %llu", i, (unsigned long long)t->ne[i],
                       (unsigned long long)VLM_LIMIT_TENSOR_DIM);
        if (!vlm_mul_u64(&n, n, t->ne[i]) || n > VLM_LIMIT_TENSOR_ELEMENTS)
            return bad(r, VLM_ERR_LIMIT, "more than %llu elements",
                       (unsigned long long)VLM_LIMIT_TENSOR_ELEMENTS);
    }
    t->bytes = n; /* elements: type() makes bytes of them */
    return VLM_OK;
}

static int type(struct reader *r, struct info *t)
{
    uint64_t k;
    int rc = number(r, &k, 4);
    if (rc < 0)
        return rc;
    if (k >= sizeof tensor_types / sizeof *tensor_types || !tensor_types[k].name)
        return bad(r, VLM_ERR_FORMAT, "type %llu, expected a type of the format",
                   (unsigned long long)k);
    t->type = &tensor_types[k];
    bool usable = t->type->dtype != VLM_NUM_OTHER;
    uint64_t len = usable ? vlm_num_info(t->type->dtype)->block_len : t->type->len;
    uint64_t bytes = usable ? vlm_num_info(t->type->dtype)->block_bytes : t->type->bytes;
    if (t->ne[0] % len)
        return bad(r, VLM_ERR_FORMAT, "rows of %llu elements, expected a multiple of %llu for %s",
                   (unsigned long long)t->ne[0], (unsigned long long)len, t->type->name);
    t->bytes = t->bytes / len * bytes; /* < 2^48 * 292 */
    return VLM_OK;
}

static int tensor(struct reader *r, struct info *t)
{
    *t = (struct info){.type = NULL};
    r->name = NULL;
    int rc = name(r, VLM_LIMIT_GGUF_NAME_BYTES);
    if (rc == VLM_OK)
        rc = shape(r, t);
    if (rc == VLM_OK)
        rc = type(r, t);
    return rc == VLM_OK ? number(r, &t->offset, 8) : rc;
}

static int add(struct reader *r, struct vlm_weight_list *l, const struct info *t, size_t data)
{
    size_t n_data = r->n - data;
    if (t->offset > n_data || t->bytes > n_data - t->offset)
        return bad(r, VLM_ERR_FORMAT, "%llu bytes at %llu, expected a range within %zu bytes",
                   (unsigned long long)t->bytes, (unsigned long long)t->offset, n_data);
    if (l->n == VLM_LIMIT_TENSORS)
        return bad(r, VLM_ERR_LIMIT, "more than %llu tensors in all files",
                   (unsigned long long)VLM_LIMIT_TENSORS);
    char *copy = vlm_mem_strndup(l->alloc, r->name, r->n_name);
    if (!copy || !vlm_grow(l->alloc, &l->at, &l->cap, l->n, sizeof *l->at)) {
        vlm_mem_free(l->alloc, copy);
        return vlm_fail_memory(r->err, sizeof *l->at, "the table of tensors");
    }
    struct vlm_weight *w = &l->at[l->n++];
    *w = (struct vlm_weight){.name = copy,
                             .type = t->type->name,
                             .dtype = t->type->dtype,
                             .n_dims = (size_t)t->n_dims,
                             .shape = {1, 1, 1, 1},
                             .data = r->data + data + t->offset,
                             .bytes = t->bytes};
    for (size_t i = 0; i < t->n_dims; i++)
        w->shape[i] = t->ne[t->n_dims - 1 - i];
    return VLM_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct vlm_weight *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Names once each; then one tensor behind the other up to the end, but for padding. */
static int check_tensors(struct reader *r, struct vlm_weight *w, size_t n, size_t data,
                         size_t alignment)
{
    struct vlm_quoted q;
    r->kind = NULL;
    qsort(w, n, sizeof *w, vlm_weight_by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(w[i - 1].name, w[i].name) == 0)
            return bad(r, VLM_ERR_FORMAT, "tensor %s is there twice",
                       vlm_base_quote(&q, w[i].name, strlen(w[i].name)));
    qsort(w, n, sizeof *w, by_place);
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        size_t begin = (size_t)(w[i].data - r->data) - data;
        size_t due = (end + alignment - 1) & ~(alignment - 1); /* a file in memory: no overflow */
        if (begin != due)
            return bad(r, VLM_ERR_FORMAT,
                       "tensor %s begins at byte %zu of the data, expected %zu (%s)",
                       vlm_base_quote(&q, w[i].name, strlen(w[i].name)), begin, due,
                       begin < due ? "overlap" : "hole");
        end = begin + (size_t)w[i].bytes; /* within the file, checked in add() */
    }
    if (r->n - data - end >= alignment)
        return bad(r, VLM_ERR_FORMAT,
                   "%zu bytes behind the last tensor, expected less than the alignment of %zu",
                   r->n - data - end, alignment);
    return VLM_OK;
}

static int read_tensors(struct reader *r, const struct vlm_gguf *g, struct vlm_weight_list *l,
                        uint64_t n)
{
    struct info t;
    size_t table = r->at, first = l->n, data;
    r->kind = "tensor";
    for (r->index = 0; r->index < n; r->index++) {
        int rc = tensor(r, &t);
        if (rc < 0)
            return rc;
        if (t.offset % g->alignment)
            return bad(r, VLM_ERR_FORMAT, "offset %llu, expected a multiple of %llu (alignment)",
                       (unsigned long long)t.offset, (unsigned long long)g->alignment);
    }
    r->kind = NULL;
    if (r->at > VLM_LIMIT_GGUF_HEADER_BYTES)
        return too_long(r);
    if (n == 0)
        return VLM_OK;
    data = (r->at + (size_t)g->alignment - 1) & ~((size_t)g->alignment - 1);
    if (data > r->n)
        return bad(r, VLM_ERR_FORMAT, "%zu bytes, expected the tensors' data behind byte %zu", r->n,
                   r->at);
    r->kind = "tensor";
    r->at = table;
    for (r->index = 0; r->index < n; r->index++) {
        (void)tensor(r, &t); /* as well as the first time */
        int rc = add(r, l, &t, data);
        if (rc < 0)
            return rc;
    }
    return check_tensors(r, l->at + first, l->n - first, data, (size_t)g->alignment);
}

/* ---- the file ------------------------------------------------------------------------------ */

static int count(const struct reader *r, uint64_t n, uint64_t limit, size_t min, const char *what)
{
    if (n > limit)
        return bad(r, VLM_ERR_LIMIT, "%llu %s, the limit is %llu", (unsigned long long)n, what,
                   (unsigned long long)limit);
    if (n > left(r) / min)
        return bad(r, VLM_ERR_FORMAT, "%llu %s, but only %zu bytes follow", (unsigned long long)n,
                   what, left(r));
    return VLM_OK;
}

static int read_header(struct reader *r, struct vlm_gguf *g, uint64_t *n_tensors, uint64_t *n_pairs)
{
    const uint8_t *p = take(r, 24);
    if (r->n < 4 || memcmp(r->data, "GGUF", 4) != 0)
        return bad(r, VLM_ERR_FORMAT, "does not begin with GGUF, expected a GGUF file");
    if (!p)
        return bad(r, VLM_ERR_FORMAT, "%zu bytes, expected a GGUF file of at least 24", r->n);
    g->version = (uint32_t)little_endian(p + 4, 4);
    if (g->version && (g->version & 0xffff) == 0)
        return bad(r, VLM_ERR_FORMAT, "a big-endian GGUF file, expected a little-endian one");
    if (g->version != 2 && g->version != 3)
        return bad(r, VLM_ERR_FORMAT, "GGUF version %lu, expected 2 or 3",
                   (unsigned long)g->version);
    *n_tensors = little_endian(p + 8, 8);
    *n_pairs = little_endian(p + 16, 8);
    int rc = count(r, *n_pairs, VLM_LIMIT_GGUF_PAIRS, MIN_PAIR, "key-value pairs");
    return rc < 0 ? rc : count(r, *n_tensors, VLM_LIMIT_TENSORS, MIN_TENSOR, "tensors");
}

static int read_alignment(struct vlm_gguf *g, vlm_error *err)
{
    g->alignment = DEFAULT_ALIGNMENT;
    int rc = vlm_gguf_get_u64(&g->alignment, g, "general.alignment", true, MIN_ALIGNMENT,
                              VLM_LIMIT_GGUF_ALIGNMENT, err);
    if (rc == VLM_OK && (g->alignment & (g->alignment - 1)))
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: key general.alignment: %llu, expected a power of two", g->file,
                        (unsigned long long)g->alignment);
    return rc;
}

static int read_file(struct vlm_gguf *g, struct vlm_weight_list *tensors, struct reader *r)
{
    uint64_t n_tensors = 0, n_pairs = 0;
    int rc = read_header(r, g, &n_tensors, &n_pairs);
    if (rc == VLM_OK)
        rc = read_pairs(r, g, n_pairs);
    if (rc == VLM_OK)
        rc = read_alignment(g, r->err);
    return rc == VLM_OK ? read_tensors(r, g, tensors, n_tensors) : rc;
}

int vlm_gguf_read(struct vlm_gguf *out, struct vlm_weight_list *tensors, const vlm_allocator *alloc,
                  const uint8_t *data, size_t n, const char *file, vlm_error *err)
{
    struct reader r = {.data = data, .n = n, .file = file, .err = err};
    size_t first = tensors->n;
    tensors->alloc = alloc;
    *out = (struct vlm_gguf){.alloc = alloc};
    out->file = vlm_mem_strndup(alloc, file, strlen(file));
    int rc = out->file ? read_file(out, tensors, &r)
                       : vlm_fail_memory(err, strlen(file) + 1, "the name of a file");
    if (rc < 0) {
        vlm_gguf_free(out);
        while (tensors->n > first)
            vlm_mem_free(alloc, (char *)(uintptr_t)tensors->at[--tensors->n].name);
        if (first == 0)
            vlm_weight_list_free(tensors);
    }
    return rc;
}

void vlm_gguf_free(struct vlm_gguf *g)
{
    if (g->alloc) {
        vlm_mem_free(g->alloc, g->pairs);
        vlm_mem_free(g->alloc, (char *)(uintptr_t)g->file);
    }
    memset(g, 0, sizeof *g);
}
