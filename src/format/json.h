/* json.h: a pull reader over bytes in memory: no tree, no recursion, no allocation.  Strict RFC 8259:
 * one value, nothing behind it but white space, valid UTF-8 in strings.  Errors are sticky: after the
 * first one every call returns VLM_JSON_ERROR and vlm_json_fail() says where and what.
 *
 * For large files (tokenizer.json, safetensors headers).  Small documents go through jansson after
 * vlm_json_check() has bounded their depth and members. */
#ifndef VLM_FORMAT_JSON_H
#define VLM_FORMAT_JSON_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/status.h"

enum vlm_json_kind {
    VLM_JSON_END, /* the document is complete */
    VLM_JSON_OBJECT, VLM_JSON_OBJECT_END,
    VLM_JSON_ARRAY, VLM_JSON_ARRAY_END,
    VLM_JSON_KEY, VLM_JSON_STRING, VLM_JSON_NUMBER,
    VLM_JSON_TRUE, VLM_JSON_FALSE, VLM_JSON_NULL,
    VLM_JSON_ERROR
};

struct vlm_json {
    const char *begin, *at, *end;
    const char *text; /* raw bytes of the last key, string (between the quotes) or number */
    size_t n_text;
    bool escaped;     /* text holds backslashes: use vlm_json_string */
    const char *what; /* the error, NULL while there is none */
    unsigned depth;
    unsigned char stack[VLM_LIMIT_JSON_DEPTH + 1];
    unsigned char state;
};

void vlm_json_init(struct vlm_json *j, const void *data, size_t n);
enum vlm_json_kind vlm_json_next(struct vlm_json *j);
/* Behind a KEY: passes over its value, however large. Behind OBJECT or ARRAY: to its end. */
bool vlm_json_skip(struct vlm_json *j);
/* The last key or string decoded (escapes, surrogate pairs; a lone surrogate becomes U+FFFD) and appended. */
bool vlm_json_string(struct vlm_buf *out, const struct vlm_json *j);
bool vlm_json_equals(const struct vlm_json *j, const char *s); /* last key or string, decoded, is s */
/* The last number as an integer without fraction or exponent, in range. */
bool vlm_json_u64(uint64_t *out, const struct vlm_json *j);
bool vlm_json_double(double *out, const struct vlm_json *j); /* independent of the locale */
/* "FILE: byte N: unexpected character ..." */
int vlm_json_fail(const struct vlm_json *j, const char *file, vlm_error *err);

/* Whole document well-formed, depth and members within limits.h? */
int vlm_json_check(const void *data, size_t n, const char *file, vlm_error *err);

#endif
