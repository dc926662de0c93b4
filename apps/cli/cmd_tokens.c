/* cmd_tokens.c: vlm tokenize, vlm detokenize.  One value, or with --jsonl one a line. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cmd.h"
#include "io.h"
#include "model.h"

/* The ids of text as one JSON array, on one line. */
static int print_ids(const vlm_engine *engine, const char *text, size_t n_text, bool special,
                     vlm_error *err)
{
    size_t n = 0, cap = n_text / 2 + 64; /* enough nearly always: then the text is read once */
    int32_t *ids = vlm_mem_alloc(&vlm_mem_system, cap, sizeof *ids);
    int rc = ids ? vlm_tokenize(engine, text, n_text, special, ids, cap, &n, err) : VLM_ERR_MEMORY;
    if (ids && rc >= 0 && n > cap) {
        vlm_mem_free(&vlm_mem_system, ids);
        ids = vlm_mem_alloc(&vlm_mem_system, n, sizeof *ids);
        rc = ids ? vlm_tokenize(engine, text, n_text, special, ids, n, &n, err) : VLM_ERR_MEMORY;
    }
    if (!ids)
        return vlm_fail_memory(err, (n > cap ? n : cap) * sizeof *ids, "token ids");
    for (size_t i = 0; i < n && rc >= 0; i++)
        printf("%s%d", i ? ", " : "[", ids[i]);
    if (rc >= 0)
        puts(n ? "]" : "[]");
    vlm_mem_free(&vlm_mem_system, ids);
    return rc;
}

static int read_ids(int32_t **ids, size_t *n, const vlm_engine *engine, const json_t *list,
                    const char *where, vlm_error *err)
{
    json_int_t vocab = (json_int_t)vlm_engine_vocab_size(engine);
    if (!json_is_array(list))
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: found no JSON array, expected an array of token ids", where);
    *n = json_array_size(list);
    *ids = vlm_mem_alloc(&vlm_mem_system, *n, sizeof **ids);
    if (!*ids)
        return vlm_fail_memory(err, *n * sizeof **ids, "token ids");
    for (size_t i = 0; i < *n; i++) {
        json_t *v = json_array_get(list, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= vocab) {
            vlm_mem_free(&vlm_mem_system, *ids);
            return vlm_fail(err, VLM_ERR_FORMAT,
                            "%s: found no token id at place %zu, expected whole numbers below %lld",
                            where, i, (long long)vocab);
        }
        (*ids)[i] = (int32_t)json_integer_value(v);
    }
    return VLM_OK;
}

static int print_bytes(const char *text, size_t n, bool as_json, vlm_error *err)
{
    if (as_json)
        return cli_json_print(stdout, cli_json_string(text, n), err);
    cli_put_text(stdout, text, n);
    return VLM_OK;
}

static int print_text(const vlm_engine *engine, const json_t *list, bool as_json, const char *where,
                      vlm_error *err)
{
    int32_t *ids = NULL;
    size_t n_ids = 0, n = 0;
    int rc = read_ids(&ids, &n_ids, engine, list, where, err);
    if (rc < 0)
        return rc;
    rc = vlm_detokenize(engine, ids, n_ids, 0, NULL, 0, &n, err);
    char *text = rc < 0 ? NULL : vlm_mem_alloc(&vlm_mem_system, n, 1);
    if (rc >= 0 && !text)
        rc = vlm_fail_memory(err, n, "text");
    if (rc >= 0)
        rc = vlm_detokenize(engine, ids, n_ids, 0, text, n, &n, err);
    if (rc >= 0)
        rc = print_bytes(text, n, as_json, err);
    vlm_mem_free(&vlm_mem_system, text);
    vlm_mem_free(&vlm_mem_system, ids);
    return rc;
}

/* One JSON value of the input, in either direction. */
static int convert_json(const struct cli_options *o, const vlm_engine *engine, const char *data,
                        size_t n, const char *where, vlm_error *err)
{
    json_t *value;
    int rc = cli_json_parse(&value, data, n, where, err);
    if (rc < 0)
        return rc;
    if (o->verb->bit == V_DETOKENIZE)
        rc = print_text(engine, value, o->lines || o->json, where, err);
    else if (!json_is_string(value))
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: found no JSON string, expected one", where);
    else
        rc =
            print_ids(engine, json_string_value(value), json_string_length(value), o->special, err);
    json_decref(value);
    return rc;
}

static int convert_lines(const struct cli_options *o, const vlm_engine *engine, vlm_error *err)
{
    struct vlm_buf line;
    char where[64] = "standard input";
    int rc;
    vlm_buf_init(&line, &vlm_mem_system, VLM_LIMIT_TEXT_BYTES);
    for (size_t i = 1; (rc = cli_read_line(&line, stdin, where, err)) == VLM_OK; i++) {
        snprintf(where, sizeof where, "standard input: line %zu", i);
        rc = convert_json(o, engine, line.data, line.n, where, err);
        if (rc < 0)
            break;
    }
    vlm_buf_free(&line);
    return rc < 0 ? rc : VLM_OK;
}

static int convert_whole(const struct cli_options *o, const vlm_engine *engine, vlm_error *err)
{
    struct vlm_buf all;
    int rc = cli_read(&all, "-", VLM_LIMIT_TEXT_BYTES, err);
    if (rc < 0)
        return rc;
    if (o->verb->bit == V_DETOKENIZE)
        rc = convert_json(o, engine, all.data, all.n, "standard input", err);
    else
        rc = print_ids(engine, all.data ? all.data : "", all.n, o->special, err);
    vlm_buf_free(&all);
    return rc;
}

int cli_cmd_tokenize(const struct cli_options *o)
{
    struct cli_model m;
    vlm_error err = {0};
    int status = cli_model_open(&m, o, o->args.v[0], true);
    if (status)
        return status;
    int rc = o->lines ? convert_lines(o, m.engine, &err) : convert_whole(o, m.engine, &err);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}

int cli_cmd_detokenize(const struct cli_options *o)
{
    return cli_cmd_tokenize(o);
}
