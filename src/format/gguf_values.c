/* gguf_values.c: values of a GGUF file by key, with the type and range that the caller expects.
 *
 * The pairs were checked by gguf.c: every value lies inside the file. */
#include "format/gguf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"

static const struct {
    const char *name;
    size_t bytes; /* 0: none of its own */
} value_types[] = {
    [VLM_GGUF_U8] = {"u8", 1},       [VLM_GGUF_I8] = {"i8", 1},
    [VLM_GGUF_U16] = {"u16", 2},     [VLM_GGUF_I16] = {"i16", 2},
    [VLM_GGUF_U32] = {"u32", 4},     [VLM_GGUF_I32] = {"i32", 4},
    [VLM_GGUF_F32] = {"f32", 4},     [VLM_GGUF_BOOL] = {"bool", 1},
    [VLM_GGUF_U64] = {"u64", 8},     [VLM_GGUF_I64] = {"i64", 8},
    [VLM_GGUF_F64] = {"f64", 8},     [VLM_GGUF_STRING] = {"string", 0},
    [VLM_GGUF_ARRAY] = {"array", 0},
};

size_t vlm_format_gguf_size(enum vlm_gguf_type t)
{
    return value_types[t].bytes;
}

int vlm_format_gguf_compare(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int order = memcmp(a, b, n_a < n_b ? n_a : n_b);
    return order ? order : n_a < n_b ? -1 : n_a > n_b;
}

static uint64_t bits(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static bool is_signed(enum vlm_gguf_type t)
{
    return t == VLM_GGUF_I8 || t == VLM_GGUF_I16 || t == VLM_GGUF_I32 || t == VLM_GGUF_I64;
}

static bool is_integer(enum vlm_gguf_type t)
{
    return is_signed(t) || t == VLM_GGUF_U8 || t == VLM_GGUF_U16 || t == VLM_GGUF_U32 ||
           t == VLM_GGUF_U64;
}

/* The two's complement number of n bytes. */
static int64_t widen(uint64_t v, size_t n)
{
    uint64_t sign = UINT64_C(1) << (8 * n - 1);
    return v & sign ? -(int64_t)(sign - (v & (sign - 1)) - 1) - 1 : (int64_t)v;
}

double vlm_gguf_number(const struct vlm_gguf_pair *array, uint64_t i)
{
    size_t size = value_types[array->type].bytes;
    if (size == 0 || i >= array->n)
        return NAN;
    uint64_t v = bits(array->data + i * size, size);
    if (array->type == VLM_GGUF_F32)
        return vlm_bits_to_f32((uint32_t)v);
    if (array->type == VLM_GGUF_F64) {
        double d;
        memcpy(&d, &v, 8);
        return d;
    }
    if (is_signed(array->type))
        return (double)widen(v, size);
    return array->type == VLM_GGUF_BOOL ? v != 0 : (double)v;
}

bool vlm_gguf_next_string(struct vlm_gguf_strings *it, const char **out, size_t *n_out,
                          const struct vlm_gguf_pair *array)
{
    if (array->type != VLM_GGUF_STRING || it->i >= array->n)
        return false;
    *n_out = (size_t)bits(array->data + it->at, 8);
    *out = (const char *)array->data + it->at + 8;
    it->at += 8 + *n_out;
    it->i++;
    return true;
}

const struct vlm_gguf_pair *vlm_gguf_find(const struct vlm_gguf *g, const char *key)
{
    size_t low = 0, high = g->n_pairs, n = strlen(key);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct vlm_gguf_pair *p = &g->pairs[mid];
        int order = vlm_format_gguf_compare(p->key, p->n_key, key, n);
        if (order == 0)
            return p;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* What a pair holds, for messages. */
static void describe(char *out, size_t cap, const struct vlm_gguf_pair *p)
{
    const char *type = value_types[p->type].name;
    size_t size = value_types[p->type].bytes;
    if (p->is_array)
        snprintf(out, cap, "an array of %llu %s", (unsigned long long)p->n, type);
    else if (p->type == VLM_GGUF_STRING)
        snprintf(out, cap, "a string");
    else if (p->type == VLM_GGUF_BOOL)
        snprintf(out, cap, "%s", p->data[0] ? "true" : "false");
    else if (is_signed(p->type))
        snprintf(out, cap, "%lld", (long long)widen(bits(p->data, size), size));
    else if (is_integer(p->type))
        snprintf(out, cap, "%llu", (unsigned long long)bits(p->data, size));
    else
        snprintf(out, cap, "%.9g", vlm_gguf_number(p, 0));
}

static int refuse(const struct vlm_gguf *g, const char *key, const struct vlm_gguf_pair *p,
                  const char *expected, vlm_error *err)
{
    char found[96];
    describe(found, sizeof found, p);
    return vlm_fail(err, VLM_ERR_FORMAT, "%s: key %s: %s, expected %s", g->file, key, found,
                    expected);
}

/* VLM_OK with *p NULL for a key that may be absent, and is. */
static int find(const struct vlm_gguf_pair **p, const struct vlm_gguf *g, const char *key,
                bool optional, vlm_error *err)
{
    *p = vlm_gguf_find(g, key);
    if (*p || optional)
        return VLM_OK;
    return vlm_fail(err, VLM_ERR_FORMAT, "%s: no key %s", g->file, key);
}

int vlm_gguf_get_u64(uint64_t *out, const struct vlm_gguf *g, const char *key, bool optional,
                     uint64_t min, uint64_t max, vlm_error *err)
{
    const struct vlm_gguf_pair *p;
    int rc = find(&p, g, key, optional, err);
    if (rc < 0 || !p)
        return rc;
    char expected[80];
    snprintf(expected, sizeof expected, "an integer from %llu to %llu", (unsigned long long)min,
             (unsigned long long)max);
    if (p->is_array || !is_integer(p->type))
        return refuse(g, key, p, expected, err);
    size_t size = value_types[p->type].bytes;
    uint64_t v = bits(p->data, size);
    if ((is_signed(p->type) && widen(v, size) < 0) || v < min || v > max)
        return refuse(g, key, p, expected, err);
    *out = v;
    return VLM_OK;
}

int vlm_gguf_get_double(double *out, const struct vlm_gguf *g, const char *key, bool optional,
                        double min, double max, vlm_error *err)
{
    const struct vlm_gguf_pair *p;
    int rc = find(&p, g, key, optional, err);
    if (rc < 0 || !p)
        return rc;
    char expected[96];
    snprintf(expected, sizeof expected, "a number from %.9g to %.9g", min, max);
    bool is_number = p->type == VLM_GGUF_F32 || p->type == VLM_GGUF_F64 || is_integer(p->type);
    if (p->is_array || !is_number)
        return refuse(g, key, p, expected, err);
    double v = vlm_gguf_number(p, 0);
    if (!isfinite(v) || v < min || v > max)
        return refuse(g, key, p, expected, err);
    *out = v;
    return VLM_OK;
}

int vlm_gguf_get_bool(bool *out, const struct vlm_gguf *g, const char *key, bool optional,
                      vlm_error *err)
{
    const struct vlm_gguf_pair *p;
    int rc = find(&p, g, key, optional, err);
    if (rc < 0 || !p)
        return rc;
    if (p->is_array || p->type != VLM_GGUF_BOOL)
        return refuse(g, key, p, "a bool", err);
    *out = p->data[0] != 0;
    return VLM_OK;
}

int vlm_gguf_get_string(const char **out, size_t *n_out, const struct vlm_gguf *g, const char *key,
                        bool optional, vlm_error *err)
{
    const struct vlm_gguf_pair *p;
    int rc = find(&p, g, key, optional, err);
    if (rc < 0 || !p)
        return rc;
    if (p->is_array || p->type != VLM_GGUF_STRING)
        return refuse(g, key, p, "a string", err);
    struct vlm_gguf_strings it = {0, 0};
    vlm_gguf_next_string(&it, out, n_out, p);
    return VLM_OK;
}
