/* text.c: the text side of a session.  Tokens end anywhere inside a character or a stop string:
 * what could still become part of one is held back until it is decided. */
#include <string.h>

#include "base/checked.h"
#include "base/utf8.h"
#include "engine/session.h"

/* The first stop string in the pending bytes, or SIZE_MAX. */
static size_t find_stop(const vlm_session *s)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < s->options.n_stop; i++) {
        const char *at =
            memmem(s->pending.data, s->pending.n, s->options.stop[i], s->stop_lengths[i]);
        if (at)
            first = vlm_min_size(first, (size_t)(at - s->pending.data));
    }
    return first;
}

/* Length of the longest end of the pending bytes that begins a stop string. */
static size_t begun_stop(const vlm_session *s)
{
    for (size_t n = vlm_min_size(s->pending.n, s->longest_stop); n > 0; n--)
        for (size_t i = 0; i < s->options.n_stop; i++)
            if (n < s->stop_lengths[i] &&
                memcmp(s->pending.data + s->pending.n - n, s->options.stop[i], n) == 0)
                return n;
    return 0;
}

/* Gives out the first n pending bytes as valid UTF-8. */
static void give(vlm_session *s, size_t n)
{
    const char *p = s->pending.data;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        i += vlm_utf8_decode(&cp, p + i, n - i);
        vlm_buf_utf8(&s->out, cp == VLM_UTF8_BAD ? 0xfffd : cp);
    }
    memmove(s->pending.data, p + n, s->pending.n - n);
    s->pending.n -= n;
}

bool vlm_engine_text_add(vlm_session *s, const char *bytes, size_t n, bool last)
{
    vlm_buf_clear(&s->out);
    vlm_buf_append(&s->pending, bytes, n); /* room was reserved at open */
    if (s->pending.n == 0)
        return false;
    size_t stop = find_stop(s);
    if (stop != SIZE_MAX) {
        give(s, stop);
        s->pending.n = 0;
        return true;
    }
    size_t hold =
        last ? 0 : vlm_max_size(begun_stop(s), vlm_utf8_incomplete(s->pending.data, s->pending.n));
    give(s, s->pending.n - hold);
    return false;
}
