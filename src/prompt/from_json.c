/* from_json.c: data for templates from JSON text.  No recursion: open containers stand on a stack
 * that is as deep as the reader allows. */
#include "format/json.h"
#include "prompt/value.h"

struct level {
    struct vlm_value container, key;
};

static bool json_text(struct vlm_run *r, struct vlm_value *out, const struct vlm_json *j)
{
    struct vlm_buf buf;
    char *copy;
    bool ok;

    if (!j->escaped)
        return vlm_v_user_string(r, out, j->text, j->n_text);
    vlm_buf_init(&buf, r->alloc, VLM_LIMIT_JSON_STRING_BYTES);
    ok = vlm_json_string(&buf, j);
    if (!ok)
        r->status = vlm_fail_memory(r->err, j->n_text, "a JSON string");
    copy = ok ? vlm_run_alloc(r, buf.n + 1, 1) : NULL;
    if (copy) {
        for (size_t i = 0; i < buf.n; i++)
            copy[i] = buf.data[i];
    }
    ok = copy && vlm_v_user_string(r, out, copy, buf.n);
    vlm_buf_free(&buf);
    return ok;
}

/* An integer if it is written as one and fits, else a double; as Python's json. */
static bool json_number(struct vlm_run *r, struct vlm_value *out, const struct vlm_json *j)
{
    bool negative = j->text[0] == '-', whole = true;
    uint64_t u = 0;
    double f;

    for (size_t i = negative; i < j->n_text; i++) {
        char c = j->text[i];
        if (c < '0' || c > '9')
            whole = false;
        else if (whole && (__builtin_mul_overflow(u, 10u, &u) ||
                           __builtin_add_overflow(u, (unsigned)(c - '0'), &u)))
            u = UINT64_MAX;
    }
    if (whole) {
        if (u > (uint64_t)INT64_MAX)
            return vlm_run_fail(r, VLM_ERR_LIMIT, "an integer does not fit into 64 bits");
        *out = vlm_v_int(negative ? -(int64_t)u : (int64_t)u);
        return true;
    }
    if (!vlm_parse_float(j->text, j->n_text, &f))
        return vlm_run_fail(r, VLM_ERR_FORMAT, "a number is not understood");
    *out = vlm_v_float(f);
    return true;
}

static bool json_scalar(struct vlm_run *r, struct vlm_value *out, const struct vlm_json *j,
                        enum vlm_json_kind kind)
{
    switch (kind) {
    case VLM_JSON_KEY:
    case VLM_JSON_STRING:
        return json_text(r, out, j);
    case VLM_JSON_NUMBER:
        return json_number(r, out, j);
    case VLM_JSON_TRUE:
    case VLM_JSON_FALSE:
        *out = vlm_v_bool(kind == VLM_JSON_TRUE);
        return true;
    default:
        *out = vlm_v_none();
        return true;
    }
}

bool vlm_v_json(struct vlm_run *r, struct vlm_value *out, const void *json, size_t n,
                const char *file)
{
    struct level stack[VLM_LIMIT_JSON_DEPTH + 1];
    size_t depth = 0;
    struct vlm_json j;

    *out = vlm_v_none();
    vlm_json_init(&j, json, n);
    for (;;) {
        enum vlm_json_kind kind = vlm_json_next(&j);
        struct vlm_value v;
        if (kind == VLM_JSON_END)
            return true;
        if (kind == VLM_JSON_ERROR) {
            r->status = vlm_json_fail(&j, file, r->err);
            return false;
        }
        if (kind == VLM_JSON_OBJECT || kind == VLM_JSON_ARRAY) {
            bool ok = kind == VLM_JSON_OBJECT ? vlm_v_dict(r, &v, VLM_V_DICT, 0)
                                              : vlm_v_list(r, &v, VLM_V_LIST, 0);
            if (!ok)
                return false;
            stack[depth++].container = v;
            continue;
        }
        if (kind == VLM_JSON_OBJECT_END || kind == VLM_JSON_ARRAY_END)
            v = stack[--depth].container;
        else if (!json_scalar(r, &v, &j, kind))
            return false;
        if (kind == VLM_JSON_KEY) {
            stack[depth - 1].key = v;
            continue;
        }
        if (depth == 0) {
            *out = v;
        } else {
            struct level *top = &stack[depth - 1];
            bool ok = top->container.kind == VLM_V_DICT ? vlm_v_put(r, &top->container, top->key, v)
                                                        : vlm_v_push(r, &top->container, v);
            if (!ok)
                return false;
        }
    }
}
