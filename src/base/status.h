/* status.h: how a function says what went wrong.  See vlm.h for the codes. */
#ifndef VLM_BASE_STATUS_H
#define VLM_BASE_STATUS_H

#include "vlm.h"

#if defined(__GNUC__)
#define VLM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define VLM_PRINTF(fmt, args)
#endif

/* Fills *err (may be NULL) and returns status.  The message is cut to fit, on a UTF-8 boundary, and
 * has no control characters. */
int vlm_fail(vlm_error *err, vlm_status status, const char *fmt, ...) VLM_PRINTF(3, 4);
/* The same, remembering errno and appending its text. */
int vlm_fail_os(vlm_error *err, int os_errno, const char *fmt, ...) VLM_PRINTF(3, 4);
/* "out of memory (N bytes for WHAT)" */
int vlm_fail_memory(vlm_error *err, size_t bytes, const char *what);

/* n bytes of untrusted text made fit for a message: control characters and invalid UTF-8 as \xNN,
 * cut after about 100 bytes with "...".  Writes into the caller's buffer and returns it. */
struct vlm_quoted {
    char text[112];
};
const char *vlm_base_quote(struct vlm_quoted *q, const void *bytes, size_t n);

#endif
