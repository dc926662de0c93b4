/* line_options.c: members of a batch's line that are options of the table: "max_tokens" is
 * --max-tokens, with the same range.  "temperature" is --temp; "json_schema" is the schema itself
 * or the name of its file. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "lines.h"

struct reader {
    struct cli_line_options *lo;
    const struct cli_option *d;
    const char *key;
    const struct cli_source *source;
    vlm_error *err;
};

static int bad(const struct reader *in, const json_t *v, const char *expected)
{
    return vlm_fail(in->err, VLM_ERR_FORMAT, "%s: found %s as %s, expected %s", in->source->shown,
                    cli_json_kind(v), in->key, expected);
}

static bool is_c_string(const json_t *v)
{
    return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v);
}

static int set_number(struct reader *in, const json_t *v, void *field)
{
    const struct cli_option *d = in->d;
    char expected[96];
    double f = json_number_value(v);
    if (d->type == CLI_FLOAT && json_is_number(v) && f >= d->flo && f <= d->fhi) {
        *(double *)field = f;
        return VLM_OK;
    }
    json_int_t i = json_integer_value(v);
    if (d->type == CLI_UINT && json_is_integer(v) && i >= 0 && (uint64_t)i >= d->lo &&
        (uint64_t)i <= d->hi) {
        *(uint64_t *)field = (uint64_t)i;
        return VLM_OK;
    }
    cli_option_range(expected, d);
    return bad(in, v, expected);
}

/* Stop strings: one, or a list. */
static int set_stops(struct reader *in, const json_t *v, struct cli_list *list)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    list->n = 0;
    if (n > in->d->hi)
        return bad(in, v, "a shorter list");
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_is_array(v) ? json_array_get(v, i) : v;
        if (!is_c_string(s) || json_string_length(s) == 0 ||
            json_string_length(s) > VLM_LIMIT_STOP_BYTES)
            return bad(in, v, "a text of 1 to 256 bytes, or a list of such");
        list->v[list->n++] = json_string_value(s);
    }
    return VLM_OK;
}

static int set_schema(struct reader *in, const json_t *v)
{
    struct cli_line_options *lo = in->lo;
    if (is_c_string(v)) {
        lo->schema = malloc(PATH_MAX);
        if (!lo->schema)
            return vlm_fail_memory(in->err, PATH_MAX, "a path");
        lo->o.json_schema = lo->schema;
        return cli_source_path(lo->schema, json_string_value(v), in->source, in->err);
    }
    if (!json_is_object(v) && !json_is_boolean(v))
        return bad(in, v, "a schema or the name of its file");
    lo->schema = json_dumps(v, JSON_ENCODE_ANY);
    if (!lo->schema)
        return vlm_fail_memory(in->err, 0, "a schema");
    lo->o.json_schema = in->source->shown;
    lo->o.schema_text = lo->schema;
    return VLM_OK;
}

static int set(struct reader *in, const json_t *v)
{
    void *field = (char *)&in->lo->o + in->d->offset;
    if (in->d->type == CLI_UINT || in->d->type == CLI_FLOAT)
        return set_number(in, v, field);
    if (in->d->type == CLI_LIST)
        return set_stops(in, v, field);
    if (strcmp(in->key, "json_schema") == 0)
        return set_schema(in, v);
    if (!is_c_string(v))
        return bad(in, v, "a text");
    *(const char **)field = json_string_value(v);
    return VLM_OK;
}

/* --max-tokens is max_tokens. */
static const json_t *member(char key[64], const json_t *object, const struct cli_option *d)
{
    snprintf(key, 64, "%s", strcmp(d->name, "--temp") == 0 ? "temperature" : d->name + 2);
    for (char *p = key; *p; p++)
        *p = *p == '-' ? '_' : *p;
    const json_t *v = json_object_get(object, key);
    return json_is_null(v) ? NULL : v;
}

int cli_line_options_open(struct cli_line_options **out, const struct cli_options *o,
                          const json_t *object, const struct cli_source *source, vlm_error *err)
{
    struct reader in = {.source = source, .err = err};
    char key[64];
    int rc = VLM_OK;
    *out = NULL;
    for (const struct cli_option *d = cli_option_table; d->name && rc == VLM_OK; d++) {
        const json_t *v = d->verbs & V_LINE ? member(key, object, d) : NULL;
        if (!v)
            continue;
        if (!in.lo) {
            in.lo = vlm_mem_zalloc(&vlm_mem_system, 1, sizeof *in.lo);
            if (!in.lo)
                return vlm_fail_memory(err, sizeof *in.lo, "a line's options");
            in.lo->o = *o;
        }
        in.d = d;
        in.key = key;
        rc = set(&in, v);
    }
    if (rc < 0)
        cli_line_options_close(in.lo);
    else
        *out = in.lo;
    return rc;
}

void cli_line_options_close(struct cli_line_options *lo)
{
    if (lo)
        free(lo->schema);
    vlm_mem_free(&vlm_mem_system, lo);
}
