/* check.h: what the callers of this folder share: counting what does not hold, ending where nothing
 * can go on. */
#ifndef VLM_TESTS_API_CHECK_H
#define VLM_TESTS_API_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <vlm.h>

static int bad;
static vlm_error err;

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            printf("%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #what, err.message);            \
            bad++;                                                                                 \
        }                                                                                          \
    } while (0)
/* for what the rest cannot do without */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #call, err.message);                     \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
