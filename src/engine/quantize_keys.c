/* quantize_keys.c: the pairs of the files that vlm_quantize writes.  A GGUF source's own pairs are
 * copied, so that names, licences and templates stay; for a model directory they are made from its
 * config, tokenizer and template. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "engine/quantize.h"
#include "format/json.h"
#include "token/export.h"

/* ---- from GGUF ---- */

static bool is_own(const struct vlm_gguf_pair *p)
{
    static const char *const ours[] = {"general.file_type", "general.quantization_version",
                                       "general.alignment", "split.no",
                                       "split.count",       "split.tensors.count"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (p->n_key == strlen(ours[i]) && memcmp(p->key, ours[i], p->n_key) == 0)
            return true;
    return false;
}

static int copy_pairs(struct vlm_gguf_writer *w, const vlm_engine *e,
                      const struct vlm_weights *from, vlm_error *err)
{
    struct vlm_gguf meta;
    struct vlm_weight_list tensors = {.alloc = NULL};
    const struct vlm_weights_file *f =
        &from->files[0]; /* of a split model the first has the pairs */
    int rc = vlm_gguf_read(&meta, &tensors, &e->alloc, f->map.data, f->map.n, f->name, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < meta.n_pairs; i++)
        if (!is_own(&meta.pairs[i]))
            vlm_gguf_put_copy(w, &meta.pairs[i]);
    vlm_weight_list_free(&tensors);
    vlm_gguf_free(&meta);
    return VLM_OK;
}

/* ---- from a directory ---- */

static void put_name(struct vlm_gguf_writer *w, const vlm_engine *e)
{
    const char *dir = e->files.dir ? e->files.dir : e->config.family;
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    size_t begin = n;
    while (begin > 0 && dir[begin - 1] != '/')
        begin--;
    if (vlm_utf8_valid(dir + begin, n - begin))
        vlm_gguf_put_string(w, "general.name", dir + begin, n - begin);
}

static int put_tokens(struct vlm_gguf_writer *w, const vlm_engine *e, vlm_error *err)
{
    static const int32_t types[] = {[VLM_TOKEN_KIND_NORMAL] = 1,
                                    [VLM_TOKEN_KIND_CONTROL] = 3,
                                    [VLM_TOKEN_KIND_USER] = 4,
                                    [VLM_TOKEN_KIND_NONE] = 5};
    const size_t n = e->config.text.vocab, n_merges = vlm_token_export_merges(e->tok);
    enum vlm_token_kind kind;
    struct vlm_buf text;
    bool ok = true;
    vlm_buf_init(&text, &e->alloc, SIZE_MAX / 4);
    for (int pass = 0; pass < 2; pass++) { /* texts, then kinds */
        vlm_gguf_put_array(w, pass ? "tokenizer.ggml.token_type" : "tokenizer.ggml.tokens",
                           pass ? VLM_GGUF_I32 : VLM_GGUF_STRING, n);
        for (size_t id = 0; id < n && ok; id++) {
            char unused[32];
            vlm_buf_clear(&text);
            ok = vlm_token_export_text(&text, e->tok, (int32_t)id, &kind);
            if (kind == VLM_TOKEN_KIND_NONE) {
                snprintf(unused, sizeof unused, "[PAD%zu]", id);
                ok = ok && vlm_buf_puts(&text, unused);
            }
            if (pass)
                vlm_gguf_put_item_i32(w, types[kind]);
            else
                vlm_gguf_put_item_string(w, text.data, text.n);
        }
    }
    vlm_gguf_put_array(w, "tokenizer.ggml.merges", VLM_GGUF_STRING, n_merges);
    for (size_t i = 0; i < n_merges && ok; i++) {
        vlm_buf_clear(&text);
        ok = vlm_token_export_merge(&text, e->tok, i);
        vlm_gguf_put_item_string(w, text.data, text.n);
    }
    vlm_buf_free(&text);
    return ok ? VLM_OK : vlm_fail_memory(err, text.n, "the vocabulary");
}

/* The text of a token that tokenizer_config.json names: "KEY": "text" or {"content": "text"}. */
static bool named_token(struct vlm_buf *out, const struct vlm_map *config, const char *key)
{
    struct vlm_json j;
    vlm_json_init(&j, config->data, config->n);
    if (vlm_json_next(&j) != VLM_JSON_OBJECT)
        return false;
    while (vlm_json_next(&j) == VLM_JSON_KEY) {
        if (!vlm_json_equals(&j, key)) {
            if (!vlm_json_skip(&j))
                return false;
            continue;
        }
        enum vlm_json_kind kind = vlm_json_next(&j);
        while (kind == VLM_JSON_OBJECT || kind == VLM_JSON_KEY) {
            bool wanted = kind == VLM_JSON_KEY && vlm_json_equals(&j, "content");
            if (kind == VLM_JSON_KEY && !wanted && !vlm_json_skip(&j))
                return false;
            kind = vlm_json_next(&j);
            if (wanted)
                break;
        }
        return kind == VLM_JSON_STRING && vlm_json_string(out, &j);
    }
    return false;
}

static int put_special(struct vlm_gguf_writer *w, const vlm_engine *e, vlm_error *err)
{
    static const char *const names[][2] = {{"bos_token", "tokenizer.ggml.bos_token_id"},
                                           {"unk_token", "tokenizer.ggml.unknown_token_id"},
                                           {"pad_token", "tokenizer.ggml.padding_token_id"}};
    static const char *const ends[] = {"tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.eot_token_id"};
    struct vlm_map config;
    struct vlm_buf text;
    for (size_t i = 0; i < e->config.n_eos && i < 2; i++)
        vlm_gguf_put_u32(w, ends[i], (uint32_t)e->config.eos[i]);
    /* files in memory are known by name during open only, and readers do without these */
    if (e->files.memory || !vlm_files_has(&e->files, "tokenizer_config.json"))
        return VLM_OK;
    int rc =
        vlm_files_open(&config, &e->files, "tokenizer_config.json", VLM_LIMIT_CONFIG_BYTES, err);
    if (rc < 0)
        return rc;
    vlm_buf_init(&text, &e->alloc, (size_t)VLM_LIMIT_TOKEN_BYTES);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        vlm_buf_clear(&text);
        int32_t id = named_token(&text, &config, names[i][0]) && vlm_buf_putc(&text, 0)
                         ? vlm_token_find(e->tok, text.data)
                         : -1;
        if (id >= 0 && (uint32_t)id < e->config.text.vocab)
            vlm_gguf_put_u32(w, names[i][1], (uint32_t)id);
    }
    vlm_buf_free(&text);
    vlm_files_close(&config, &e->files);
    return VLM_OK;
}

static int put_vocabulary(struct vlm_gguf_writer *w, const vlm_engine *e, vlm_error *err)
{
    const char *pre;
    int rc = vlm_token_export_pre(&pre, e->tok, err);
    if (rc < 0)
        return rc;
    vlm_gguf_put_word(w, "tokenizer.ggml.model", "gpt2");
    vlm_gguf_put_word(w, "tokenizer.ggml.pre", pre);
    rc = put_tokens(w, e, err);
    if (rc == VLM_OK)
        rc = put_special(w, e, err);
    vlm_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", false);
    if (e->template_source)
        vlm_gguf_put_word(w, "tokenizer.chat_template", e->template_source);
    return rc;
}

int vlm_engine_put_keys(struct vlm_gguf_writer *w, const vlm_engine *e, bool vision,
                        const struct vlm_recipe *recipe, vlm_error *err)
{
    const struct vlm_weights *from = vision ? &e->model->tower : &e->model->weights;
    int rc = VLM_OK;
    if (e->gguf) {
        rc = copy_pairs(w, e, from, err);
    } else {
        vlm_gguf_put_word(w, "general.architecture", vision ? "clip" : "llama");
        vlm_gguf_put_word(w, "general.type", vision ? "mmproj" : "model");
        put_name(w, e);
        if (vision)
            vlm_model_export_vision_keys(w, &e->config);
        else
            vlm_model_export_text_keys(w, &e->config);
        if (!vision)
            rc = put_vocabulary(w, e, err);
    }
    vlm_gguf_put_u32(w, "general.file_type", recipe->file_type);
    if (recipe->base >= VLM_N_FLOAT)
        vlm_gguf_put_u32(w, "general.quantization_version", 2);
    return rc;
}
