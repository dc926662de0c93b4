/* cmd_inspect.c: vlm inspect, vlm plan: what a model is, and what it would take. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "base/status.h"
#include "bench.h"
#include "cmd.h"
#include "io.h"
#include "model.h"

static const char *hex(char out[65], const uint8_t hash[32])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    return out;
}

static json_t *text_or_null(const char *s)
{
    return s ? cli_json_string(s, strlen(s)) : json_null();
}

static json_t *tensors_json(const vlm_engine *engine)
{
    json_t *list = json_array();
    vlm_tensor_info t;
    for (size_t i = 0; vlm_inspect_tensor(engine, i, &t); i++) {
        json_t *shape = json_array();
        for (size_t k = 0; k < t.n_dims; k++)
            json_array_append_new(shape, json_integer((json_int_t)t.shape[k]));
        json_array_append_new(list,
                              json_pack("{s:o, s:s, s:o, s:I, s:o}", "name", text_or_null(t.name),
                                        "type", t.type, "shape", shape, "bytes",
                                        (json_int_t)t.bytes, "file", text_or_null(t.file)));
    }
    return list;
}

static void add_counts(json_t *j, const vlm_model_info *m)
{
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {{"parameters", m->parameters},
                  {"parameters_vision", m->parameters_vision},
                  {"parameters_connector", m->parameters_connector},
                  {"parameters_text", m->parameters_text},
                  {"weights_bytes", m->weights_bytes},
                  {"file_bytes", m->file_bytes},
                  {"n_tensors", m->n_tensors},
                  {"context_length", m->context_length},
                  {"vocab_size", m->vocab_size},
                  {"n_added_tokens", m->n_added_tokens},
                  {"text_hidden", m->text_hidden},
                  {"text_layers", m->text_layers},
                  {"text_heads", m->text_heads},
                  {"text_kv_heads", m->text_kv_heads},
                  {"text_head_dim", m->text_head_dim},
                  {"text_ffn", m->text_ffn},
                  {"vision_hidden", m->vision_hidden},
                  {"vision_layers", m->vision_layers},
                  {"vision_heads", m->vision_heads},
                  {"vision_ffn", m->vision_ffn},
                  {"patch_size", m->patch_size},
                  {"tile_size", m->tile_size},
                  {"scale_factor", m->scale_factor},
                  {"image_seq_len", m->image_seq_len},
                  {"longest_edge", m->longest_edge}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(j, counts[i].key, json_integer((json_int_t)counts[i].value));
}

static json_t *info_json(const vlm_engine *engine, const vlm_model_info *m)
{
    char config[65], tokenizer[65];
    json_t *eos = json_array();
    for (size_t i = 0; i < m->n_eos; i++)
        json_array_append_new(eos, json_integer(m->eos_ids[i]));
    json_t *j = json_pack(
        "{s:o, s:o, s:o, s:i, s:o, s:s, s:s, s:o}", "format", text_or_null(m->format), "family",
        text_or_null(m->family), "architecture", text_or_null(m->architecture), "image_token_id",
        (int)m->image_token_id, "eos_ids", eos, "config_sha256", hex(config, m->config_hash),
        "tokenizer_sha256", hex(tokenizer, m->tokenizer_hash), "chat_template",
        text_or_null(m->chat_template));
    if (!j)
        return NULL;
    add_counts(j, m);
    json_object_set_new(j, "tensors", tensors_json(engine));
    return j;
}

static void print_tensors(const vlm_engine *engine)
{
    vlm_tensor_info t;
    for (size_t i = 0; vlm_inspect_tensor(engine, i, &t); i++) {
        printf("%-4s %12llu ", t.type, (unsigned long long)t.bytes);
        cli_put_text(stdout, t.name, strlen(t.name));
        for (size_t k = 0; k < t.n_dims; k++)
            printf("%s%llu", k ? ", " : " [", (unsigned long long)t.shape[k]);
        puts(t.n_dims ? "]" : "");
    }
}

static void print_info(const struct cli_options *o, const vlm_engine *engine,
                       const vlm_model_info *m)
{
    char config[65], tokenizer[65];
    printf("format        %s\nfamily        %s\narchitecture  ", m->format, m->family);
    cli_put_text(stdout, m->architecture, strlen(m->architecture));
    printf("\nparameters    %llu: vision %llu, connector %llu, text %llu\n",
           (unsigned long long)m->parameters, (unsigned long long)m->parameters_vision,
           (unsigned long long)m->parameters_connector, (unsigned long long)m->parameters_text);
    printf("weights       %zu tensors, %llu bytes (files: %llu)\n", m->n_tensors,
           (unsigned long long)m->weights_bytes, (unsigned long long)m->file_bytes);
    printf("text          %zu layers of %zu, %zu heads and %zu of keys, of %zu; feed-forward %zu\n",
           m->text_layers, m->text_hidden, m->text_heads, m->text_kv_heads, m->text_head_dim,
           m->text_ffn);
    printf("vision        %zu layers of %zu, %zu heads; feed-forward %zu\n", m->vision_layers,
           m->vision_hidden, m->vision_heads, m->vision_ffn);
    printf("pictures      longest edge %zu, tiles of %zu, patches of %zu, shuffle %zu: %zu tokens "
           "a tile\n",
           m->longest_edge, m->tile_size, m->patch_size, m->scale_factor, m->image_seq_len);
    printf("vocabulary    %zu, of which %zu added; picture token %d; ends at", m->vocab_size,
           m->n_added_tokens, m->image_token_id);
    for (size_t i = 0; i < m->n_eos; i++)
        printf(" %d", m->eos_ids[i]);
    printf("\ncontext       %zu\nchat template %zu bytes\n", m->context_length,
           m->chat_template ? strlen(m->chat_template) : 0);
    printf("config        sha256 %s\ntokenizer     sha256 %s\n", hex(config, m->config_hash),
           hex(tokenizer, m->tokenizer_hash));
    if (o->tensors)
        print_tensors(engine);
}

int cli_cmd_inspect(const struct cli_options *o)
{
    struct cli_model m;
    vlm_model_info info;
    vlm_error err = {0};
    int status = cli_model_open(&m, o, o->args.v[0], false);
    if (status)
        return status;
    int rc = VLM_OK;
    vlm_inspect(m.engine, &info);
    if (o->json)
        rc = cli_json_print(stdout, info_json(m.engine, &info), &err);
    else
        print_info(o, m.engine, &info);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}

/* Pages of the program and its libraries that answering touches and planning does not: measured. */
#define CODE_LATER ((uint64_t)900000)

struct plan {
    vlm_estimate total;
    uint64_t process; /* the program itself */
    vlm_image_estimate images[VLM_LIMIT_IMAGES];
    size_t n_images;
};

int cli_image_size(vlm_image_estimate *out, const struct cli_options *o, const char *text)
{
    struct vlm_quoted q;
    unsigned width = 0, height = 0;
    int end = 0;
    if (strspn(text, "0123456789x") != strlen(text) ||
        sscanf(text, "%5ux%5u%n", &width, &height, &end) != 2 || text[end] || width == 0 ||
        height == 0 || width > VLM_LIMIT_IMAGE_SIDE || height > VLM_LIMIT_IMAGE_SIDE)
        return cli_usage(o->verb,
                         "--image: found '%s', expected a size like 1024x768, of sides up "
                         "to %u",
                         vlm_base_quote(&q, text, strlen(text)), (unsigned)VLM_LIMIT_IMAGE_SIDE);
    *out = (vlm_image_estimate){.width = width, .height = height};
    return CLI_OK;
}

static json_t *plan_json(const struct plan *p)
{
    const vlm_estimate *e = &p->total;
    json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "weights_bytes",
                          (json_int_t)e->weights_bytes, "process_bytes", (json_int_t)p->process,
                          "engine_bytes", (json_int_t)e->engine_bytes, "kv_bytes",
                          (json_int_t)e->kv_bytes, "vision_bytes", (json_int_t)e->vision_bytes,
                          "compute_bytes", (json_int_t)e->compute_bytes, "total_bytes",
                          (json_int_t)(e->total_bytes + p->process));
    json_t *list = json_array();
    for (size_t i = 0; i < p->n_images; i++) {
        const vlm_image_estimate *x = &p->images[i];
        json_array_append_new(list,
                              json_pack("{s:[I, I], s:I, s:I, s:I, s:I}", "size",
                                        (json_int_t)x->width, (json_int_t)x->height, "rows",
                                        (json_int_t)x->rows, "cols", (json_int_t)x->cols, "tiles",
                                        (json_int_t)x->n_tiles, "tokens", (json_int_t)x->n_tokens));
    }
    if (p->n_images)
        json_object_set(j, "images", list);
    json_decref(list);
    return j;
}

static int print_plan(const struct cli_options *o, const struct plan *p, vlm_error *err)
{
    const vlm_estimate *e = &p->total;
    if (o->json)
        return cli_json_print(stdout, plan_json(p), err);
    printf("weights %15llu bytes, mapped: the system may drop and reread them\n",
           (unsigned long long)e->weights_bytes);
    printf("program %15llu\nengine  %15llu, taken already\nkv      %15llu\n",
           (unsigned long long)p->process, (unsigned long long)e->engine_bytes,
           (unsigned long long)e->kv_bytes);
    printf("vision  %15llu%s\ncompute %15llu\ntotal   %15llu, of weights what is read\n",
           (unsigned long long)e->vision_bytes, p->n_images ? "" : ", no --image given",
           (unsigned long long)e->compute_bytes, (unsigned long long)(e->total_bytes + p->process));
    for (size_t i = 0; i < p->n_images; i++)
        printf("picture of %u x %u: %u x %u tiles, %zu with the overview, %zu tokens\n",
               p->images[i].width, p->images[i].height, p->images[i].cols, p->images[i].rows,
               p->images[i].n_tiles, p->images[i].n_tokens);
    return VLM_OK;
}

int cli_cmd_plan(const struct cli_options *o)
{
    struct cli_model m;
    vlm_session_options so;
    struct plan p = {.n_images = o->sizes.n};
    vlm_error err = {0};
    int status = CLI_OK;
    p.process = vlm_os_peak_rss() + CODE_LATER;
    for (size_t i = 0; i < p.n_images && status == CLI_OK; i++)
        status = cli_image_size(&p.images[i], o, o->sizes.v[i]);
    if (status == CLI_OK)
        status = cli_model_open(&m, o, o->args.v[0], false);
    if (status)
        return status;
    cli_session_options(&so, o);
    int rc = vlm_session_estimate_images(m.engine, &so, p.images, p.n_images, &p.total, &err);
    if (rc >= 0)
        rc = print_plan(o, &p, &err);
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
