/* gguf_text.h: GGUF files for tests, spelled out in words.
 *
 * A text is a row of words with one space between them:
 *   1:V 2:V 4:V 8:V   the integer V (decimal, negative or 0x) in so many bytes
 *   f:V d:V           the number V as f32 or f64 (nan and inf as well)
 *   s:TEXT            length in 8 bytes, then TEXT
 *   r:TEXT            TEXT alone
 *   x:HEX             bytes
 *   z:N               N bytes of zero
 *   n:N               N bytes 'n'
 *   data:N            zeros up to a multiple of 32, then N bytes 0, 1, 2 ...
 *   pad:N             zeros up to a multiple of N
 */
#ifndef TESTS_GGUF_TEXT_H
#define TESTS_GGUF_TEXT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GGUF_HEAD(n_tensors, n_pairs) "r:GGUF 4:3 8:" #n_tensors " 8:" #n_pairs " "
#define GGUF_U16(key, v) "s:" key " 4:2 2:" #v " "
#define GGUF_U32(key, v) "s:" key " 4:4 4:" #v " "
#define GGUF_I32(key, v) "s:" key " 4:5 4:" #v " "
#define GGUF_STRING(key, v) "s:" key " 4:8 s:" v " "
/* A vector of F32. */
#define GGUF_VECTOR(name, n, offset) "s:" name " 4:1 8:" #n " 4:0 8:" #offset " "
#define GGUF_SPLIT(no, count, tensors)                                                             \
    GGUF_U16("split.no", no) GGUF_U16("split.count", count) GGUF_I32("split.tensors.count", tensors)

static inline void gguf_text_little(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static inline size_t gguf_text_hex(uint8_t *out, const char *s, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        char two[3] = {s[i], s[i + 1], 0};
        out[i / 2] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n / 2;
}

/* One word of n bytes to bytes; at: how many there are already.  Returns how many it makes. */
static inline size_t gguf_text_word(uint8_t *p, size_t at, const char *word, size_t n)
{
    const char *v = memchr(word, ':', n);
    if (!v) {
        fprintf(stderr, "test: no word of gguf_text.h: %.*s\n", (int)n, word);
        exit(99);
    }
    size_t n_v = n - (size_t)(++v - word), k = strtoull(v, NULL, 0), skip = 0;
    double d;
    float f;
    switch (word[0]) {
    case '1':
    case '2':
    case '4':
    case '8':
        gguf_text_little(p, strtoull(v, NULL, 0), (size_t)(word[0] - '0'));
        return (size_t)(word[0] - '0');
    case 'f':
        f = strtof(v, NULL);
        memcpy(p, &f, 4);
        return 4;
    case 's':
        gguf_text_little(p, n_v, 8);
        memcpy(p + 8, v, n_v);
        return 8 + n_v;
    case 'r':
        memcpy(p, v, n_v);
        return n_v;
    case 'x':
        return gguf_text_hex(p, v, n_v);
    case 'z':
    case 'n':
        memset(p, word[0] == 'z' ? 0 : 'n', k);
        return k;
    case 'p':
        skip = (k - at % k) % k;
        memset(p, 0, skip);
        return skip;
    default:
        if (word[1] == ':') {
            d = strtod(v, NULL);
            memcpy(p, &d, 8);
            return 8;
        }
        skip = (32 - at % 32) % 32;
        memset(p, 0, skip);
        for (size_t i = 0; i < k; i++)
            p[skip + i] = (uint8_t)i;
        return skip + k;
    }
}

/* The bytes of a text; out must be large enough. */
static inline size_t gguf_from_text(uint8_t *out, const char *text)
{
    size_t at = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        at += gguf_text_word(out + at, at, text, n);
        text += n + (text[n] == ' ');
    }
    return at;
}

#endif
