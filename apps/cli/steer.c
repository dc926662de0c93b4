/* steer.c: see steer.h. */
#include "steer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "io.h"

bool cli_steer_bias(vlm_logit_bias *out, const char *text)
{
    char *end;
    long id = strtol(text, &end, 10);
    if (end != text && *end == '=') {
        const char *value = end + 1;
        double bias = strtod(value, &end);
        if (end != value && *end == 0 && id >= 0 && id <= INT32_MAX && !isnan(bias)) {
            *out = (vlm_logit_bias){(int32_t)id, (float)bias};
            return true;
        }
    }
    return false;
}

static int read_schema(struct cli_steer *s, const vlm_engine *engine, const struct cli_options *o,
                       vlm_error *err)
{
    struct vlm_buf text;
    vlm_error why;
    const char *path = o->json_schema;
    if (o->schema_text) {
        int rc = vlm_constraint_from_json_schema(&s->constraint, engine, o->schema_text,
                                                 strlen(o->schema_text), &why);
        return rc < 0 ? vlm_fail(err, (vlm_status)rc, "%s: json_schema: %s", path, why.message)
                      : VLM_OK;
    }
    vlm_buf_init(&text, &vlm_mem_system, VLM_LIMIT_SCHEMA_BYTES + 1);
    int rc = cli_read(&text, path, VLM_LIMIT_SCHEMA_BYTES, err);
    if (rc >= 0) {
        rc = vlm_constraint_from_json_schema(&s->constraint, engine, text.data, text.n, &why);
        if (rc < 0)
            rc = vlm_fail(err, (vlm_status)rc, "%s: %s", cli_shown(path), why.message);
    }
    vlm_buf_free(&text);
    return rc;
}

int cli_steer_open(struct cli_steer *s, const vlm_engine *engine, const struct cli_options *o,
                   vlm_error *err)
{
    int rc = VLM_OK;
    *s = (struct cli_steer){0};
    if (o->biases.n > 0) {
        s->biases = calloc(o->biases.n, sizeof *s->biases);
        if (!s->biases)
            return vlm_fail(err, VLM_ERR_MEMORY, "out of memory");
    }
    for (; s->n_biases < o->biases.n; s->n_biases++)
        (void)cli_steer_bias(&s->biases[s->n_biases], o->biases.v[s->n_biases]); /* was checked */
    if (o->json_schema && o->regex) /* of a line of batch */
        rc = vlm_fail(err, VLM_ERR_ARGUMENT,
                      "found a schema and a regular expression, expected one of them");
    if (rc == VLM_OK && o->json_schema)
        rc = read_schema(s, engine, o, err);
    if (rc == VLM_OK && o->regex)
        rc = vlm_constraint_from_regex(&s->constraint, engine, o->regex, strlen(o->regex), err);
    if (rc < 0)
        cli_steer_close(s);
    return rc;
}

void cli_steer_apply(const struct cli_steer *s, vlm_session_options *so)
{
    so->constraint = s->constraint;
    so->logit_bias = s->biases;
    so->n_logit_bias = s->n_biases;
}

void cli_steer_close(struct cli_steer *s)
{
    vlm_constraint_close(s->constraint);
    free(s->biases);
    *s = (struct cli_steer){0};
}
