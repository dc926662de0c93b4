/* Any bytes through the JSON reader: what it hands out lies within the bytes and is what it claims.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void look_at(struct vlm_json *j, enum vlm_json_kind kind, struct vlm_buf *text)
{
    uint64_t u;
    double d;
    check(j->depth <= VLM_LIMIT_JSON_DEPTH && j->at >= j->begin && j->at <= j->end);
    if (kind == VLM_JSON_KEY || kind == VLM_JSON_STRING) {
        vlm_buf_clear(text);
        check(vlm_json_string(text, j) && vlm_utf8_valid(text->data, text->n));
        if (!memchr(text->data, 0, text->n))
            check(vlm_json_equals(j, text->data));
    }
    if (kind == VLM_JSON_NUMBER && vlm_json_u64(&u, j) && u < (UINT64_C(1) << 53))
        check(vlm_json_double(&d, j) && d == (double)u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vlm_json j;
    struct vlm_buf text;
    vlm_error err;
    enum vlm_json_kind kind;
    int checked = vlm_json_check(data, size, "fuzz", &err);
    vlm_buf_init(&text, &vlm_mem_system, SIZE_MAX / 4);
    vlm_json_init(&j, data, size);
    do {
        kind = vlm_json_next(&j);
        look_at(&j, kind, &text);
    } while (kind != VLM_JSON_END && kind != VLM_JSON_ERROR);
    check(checked < 0 || kind == VLM_JSON_END);
    check(kind != VLM_JSON_ERROR || vlm_json_fail(&j, "fuzz", &err) < 0);
    /* skipping every second value comes to the same end */
    vlm_json_init(&j, data, size);
    for (size_t i = 0; (kind = vlm_json_next(&j)) != VLM_JSON_END && kind != VLM_JSON_ERROR; i++)
        if (i % 2)
            vlm_json_skip(&j);
    check((kind == VLM_JSON_ERROR) == (checked == VLM_ERR_FORMAT) || checked == VLM_ERR_LIMIT);
    vlm_buf_free(&text);
    return 0;
}
