/* utf8.h: UTF-8 as Python's errors="replace" reads it: one U+FFFD for each maximal invalid part. */
#ifndef VLM_BASE_UTF8_H
#define VLM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VLM_UTF8_BAD 0xFFFFFFFFu

/* Decodes one code point from s[0..n), n > 0.  Returns the number of bytes consumed (>= 1).  *cp is
 * VLM_UTF8_BAD for a maximal invalid part (surrogates, overlong forms, > U+10FFFF, cut sequences).
 */
size_t vlm_utf8_decode(uint32_t *cp, const char *s, size_t n);
/* Writes 1..4 bytes, returns how many. cp must be a scalar value. */
size_t vlm_utf8_encode(char out[4], uint32_t cp);
bool vlm_utf8_valid(const char *s, size_t n);
/* Bytes at the end of s that begin a sequence which more bytes could complete: 0..3. */
size_t vlm_utf8_incomplete(const char *s, size_t n);

#endif
