/* status.c: error text: one line, bounded, without control characters. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Cuts at a character boundary and removes what would break a line or a terminal. */
static void clean(char *s, size_t cap)
{
    size_t n = strnlen(s, cap - 1);
    n -= vlm_utf8_incomplete(s, n);
    s[n] = 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            s[i] = '?';
}

static void fill(vlm_error *err, int status, int os_errno, const char *fmt, va_list args)
{
    err->status = status;
    err->os_errno = os_errno;
    if (vsnprintf(err->message, sizeof err->message, fmt, args) < 0)
        err->message[0] = 0;
}

int vlm_fail(vlm_error *err, vlm_status status, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, status, 0, fmt, args);
        va_end(args);
        clean(err->message, sizeof err->message);
    }
    return status;
}

int vlm_fail_os(vlm_error *err, int os_errno, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, VLM_ERR_IO, os_errno, fmt, args);
        va_end(args);
        /* GNU strerror_r: thread-safe and never fails */
        char text[64];
        const char *reason = strerror_r(os_errno, text, sizeof text);
        size_t n = strlen(err->message);
        snprintf(err->message + n, sizeof err->message - n, ": %s", reason);
        clean(err->message, sizeof err->message);
    }
    return VLM_ERR_IO;
}

int vlm_fail_memory(vlm_error *err, size_t bytes, const char *what)
{
    return vlm_fail(err, VLM_ERR_MEMORY, "out of memory (%zu bytes for %s)", bytes, what);
}

const char *vlm_base_quote(struct vlm_quoted *q, const void *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const char *s = bytes;
    size_t out = 0, i = 0;
    while (i < n) {
        uint32_t cp;
        size_t used = vlm_utf8_decode(&cp, s + i, n - i);
        bool plain = cp != VLM_UTF8_BAD && cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0);
        size_t need = plain ? used : 4;
        if (out + need > sizeof q->text - 4)
            break;
        if (plain) {
            memcpy(q->text + out, s + i, used);
        } else {
            unsigned char c = (unsigned char)s[i];
            char esc[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            memcpy(q->text + out, esc, 4);
            used = 1;
        }
        out += need;
        i += used;
    }
    if (i < n) {
        memcpy(q->text + out, "...", 3);
        out += 3;
    }
    q->text[out] = 0;
    return q->text;
}
