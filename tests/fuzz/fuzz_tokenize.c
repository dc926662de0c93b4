/* Any text, any plain runs, through a tokenizer that knows all bytes: decoding gives the text back,
 * and plain bytes never become part of a special token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "token/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* 256 bytes, a few merges, three added tokens. */
static vlm_tokenizer *make(void)
{
    static const char *const merges[] = {"a b", "ab ab", "\xc4\xa0 a", "\xc4\xa0 \xc4\xa0",
                                         "< i", "<i m",  "a a",        "aa aa"};
    struct vlm_buf b;
    vlm_tokenizer *t;
    vlm_error err;
    char line[128];
    vlm_buf_init(&b, &vlm_mem_system, 100000);
    vlm_buf_puts(&b, "{\"decoder\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":{\"type\":"
                     "\"Sequence\",\"pretokenizers\":["
                     "{\"type\":\"Digits\",\"individual_digits\":true},{\"type\":\"ByteLevel\","
                     "\"add_prefix_space\":false}]},"
                     "\"added_tokens\":[{\"id\":300,\"content\":\"<im>\",\"special\":true},{\"id\":"
                     "301,\"content\":\"<image>\","
                     "\"special\":true},{\"id\":302,\"content\":\"</"
                     "\",\"normalized\":true,\"special\":true}],\"model\":{\"vocab\":{");
    for (unsigned i = 0, extra = 0; i < 256;
         i++) { /* the printable form of byte i; " and \ escaped */
        bool self = (i > 32 && i < 127) || (i > 160 && i != 173);
        snprintf(line, sizeof line, "\"\\u%04x\":%u,", self ? i : 256 + extra++, i);
        vlm_buf_puts(&b, line);
    }
    for (unsigned i = 0; i < sizeof merges / sizeof merges[0]; i++) {
        const char *space = strchr(merges[i], ' ');
        snprintf(line, sizeof line, "%s\"%.*s%s\":%u", i ? "," : "", (int)(space - merges[i]),
                 merges[i], space + 1, 256 + i);
        vlm_buf_puts(&b, line);
    }
    vlm_buf_puts(&b, "},\"merges\":[");
    for (unsigned i = 0; i < sizeof merges / sizeof merges[0]; i++) {
        snprintf(line, sizeof line, "%s\"%s\"", i ? "," : "", merges[i]);
        vlm_buf_puts(&b, line);
    }
    vlm_buf_puts(&b, "]}}");
    int rc = vlm_tokenizer_open(&t, &vlm_mem_system, b.data, b.n, "fuzz", &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.message);
    check(rc == VLM_OK);
    vlm_buf_free(&b);
    return t;
}

static void repaired(struct vlm_buf *out, const char *s, size_t n)
{
    for (size_t at = 0, used; at < n; at += used) {
        uint32_t cp;
        used = vlm_utf8_decode(&cp, s + at, n - at);
        vlm_buf_utf8(out, cp == VLM_UTF8_BAD ? 0xFFFD : cp);
    }
}

/* The first byte: how many pairs of lengths (not plain, plain) follow; then the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vlm_span plain[8];
    size_t n_plain = size ? data[0] % 8 : 0, at = 0;
    if (size < 1 + 2 * n_plain)
        return 0;
    const char *text = (const char *)data + 1 + 2 * n_plain;
    size_t n = size - 1 - 2 * n_plain;
    for (size_t i = 0; i < n_plain; i++) {
        plain[i].begin = at = at + data[1 + 2 * i] < n ? at + data[1 + 2 * i] : n;
        plain[i].end = at = at + data[2 + 2 * i] < n ? at + data[2 + 2 * i] : n;
    }
    static vlm_tokenizer *t; /* kept for all inputs */
    if (!t)
        t = make();
    struct vlm_ids ids;
    struct vlm_buf want, got;
    vlm_error err;
    vlm_ids_init(&ids, &vlm_mem_system);
    vlm_buf_init(&want, &vlm_mem_system, SIZE_MAX / 4);
    vlm_buf_init(&got, &vlm_mem_system, SIZE_MAX / 4);
    check(vlm_token_encode(&ids, t, text, n, plain, n_plain, &err) == VLM_OK);
    check(vlm_token_decode(&got, t, ids.data, ids.n, false, &err) == VLM_OK);
    repaired(&want, text, n);
    check(got.n == want.n && (got.n == 0 || memcmp(got.data, want.data, got.n) == 0));
    struct vlm_span all = {0, n};
    ids.n = 0;
    check(vlm_token_encode(&ids, t, text, n, &all, 1, &err) == VLM_OK);
    for (size_t i = 0; i < ids.n; i++)
        check(ids.data[i] < 300);
    vlm_buf_free(&got);
    vlm_buf_free(&want);
    vlm_ids_free(&ids);
    return 0;
}
