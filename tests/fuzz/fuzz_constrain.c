/* Any bytes as a schema or, behind a '/', as a regular expression: compiled or refused with a line.
 * What was compiled is walked: every place that was reached can be left or is complete, the mask
 * says what advance does, and a place is found again from its text. */
#include <stdlib.h>
#include <string.h>

#include "constrain/constrain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static struct vlm_vocabulary single_bytes(void)
{
    static uint32_t begin[257];
    static uint8_t bytes[256];
    for (uint32_t i = 0; i <= 256; i++)
        begin[i] = i;
    for (uint32_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    return (struct vlm_vocabulary){256, begin, bytes};
}

static void walk(struct vlm_matcher *m, uint64_t random)
{
    struct vlm_place p = vlm_matcher_start(m), q;
    uint8_t text[96];
    for (size_t n = 0; n < sizeof text; n++) {
        bool complete = false;
        const uint64_t *mask = vlm_matcher_mask(m, p, &complete);
        if (!mask) { /* states were forgotten, or are too many at one place */
            if (vlm_matcher_find(&p, m, text, n, NULL) < 0)
                return;
            mask = vlm_matcher_mask(m, p, &complete);
            if (!mask)
                return;
        }
        uint64_t kept[4];
        memcpy(kept, mask, sizeof kept);
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        unsigned byte = random >> 33 & 255;
        for (unsigned i = 0; i < 256 && !(kept[byte / 64] >> byte % 64 & 1); i++)
            byte = (byte + 1) % 256;
        bool any = kept[byte / 64] >> byte % 64 & 1;
        check(any || complete);
        if (!any)
            return;
        text[n] = (uint8_t)byte;
        if (!vlm_matcher_advance(m, &p, text + n, 1)) {
            check(vlm_matcher_stale(m, p));
            if (vlm_matcher_find(&p, m, text, n + 1, NULL) < 0)
                return;
        }
        if (n % 8 == 7 && vlm_matcher_find(&q, m, text, n + 1, NULL) >= 0 &&
            !vlm_matcher_stale(m, p))
            check(q.state == p.state);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vlm_grammar *g;
    struct vlm_matcher *m;
    struct vlm_vocabulary v = single_bytes();
    vlm_error err = {0};
    bool regex = size > 0 && data[0] == '/';
    const char *source = (const char *)data;
    int rc = regex ? vlm_grammar_from_regex(&g, &vlm_mem_system, source + 1, size - 1, &err)
                   : vlm_grammar_from_schema(&g, &vlm_mem_system, source, size, &err);
    check(rc >= 0 || (err.message[0] && err.status == rc));
    if (rc < 0)
        return 0;
    rc = vlm_matcher_open(&m, &vlm_mem_system, g, &v, &err);
    check(rc >= 0 || (err.message[0] && err.status == rc));
    if (rc >= 0) {
        for (uint64_t i = 0; i < 4; i++)
            walk(m, i + size);
        vlm_matcher_close(m);
    }
    vlm_grammar_free(g);
    return 0;
}
