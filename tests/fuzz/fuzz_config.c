/* fuzz_config.c: config.json and the processor's files of arbitrary bytes.  A first byte that is a
 * letter chooses the file the rest is taken for; the others are good. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good_config[] =
    "{\"model_type\":\"smolvlm\",\"architectures\":[\"SmolVLMForConditionalGeneration\"],"
    "\"image_token_id\":49190,\"scale_factor\":2,\"tie_word_embeddings\":false,"
    "\"text_config\":{\"model_type\":\"llama\",\"hidden_size\":32,\"intermediate_size\":64,"
    "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":8,"
    "\"vocab_size\":49280,\"max_position_embeddings\":2048,\"rms_norm_eps\":1e-5,\"rope_theta\":"
    "100000},"
    "\"vision_config\":{\"model_type\":\"smolvlm_vision\",\"hidden_size\":32,\"intermediate_size\":"
    "64,"
    "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"patch_size\":8,\"image_size\":32,"
    "\"layer_norm_eps\":1e-6}}";

/* What was accepted must be safe to compute with. */
static void use(const struct vlm_config *c)
{
    const struct vlm_vision_config *v = &c->vision;
    const struct vlm_text_config *t = &c->text;
    bool ok = v->heads && v->hidden % v->heads == 0 && v->hidden <= VLM_LIMIT_HIDDEN && v->ffn &&
              v->layers <= VLM_LIMIT_LAYERS && v->patch && v->image_size >= v->patch && c->scale &&
              t->hidden && t->heads && t->kv_heads && t->heads % t->kv_heads == 0 && t->head_dim &&
              t->head_dim % 2 == 0 && t->vocab && t->vocab <= VLM_LIMIT_VOCAB && t->layers &&
              t->layers <= VLM_LIMIT_LAYERS && t->context && c->n_eos <= VLM_MAX_EOS &&
              isfinite(v->eps) && v->eps > 0 && isfinite(t->eps) && t->eps > 0 &&
              isfinite(t->rope_theta) && t->rope_theta > 0;
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"config.json", "preprocessor_config.json",
                                        "processor_config.json", "generation_config.json",
                                        "tokenizer_config.json"};
    size_t which = 0;
    if (size > 0 && data[0] >= 'a' && data[0] < 'a' + 5) {
        which = (size_t)(data[0] - 'a');
        data++;
        size--;
    }
    vlm_file files[] = {{names[which], size ? (const void *)data : "", size},
                        {"config.json", good_config, sizeof good_config - 1}};
    struct vlm_files source;
    struct vlm_config c;
    vlm_error err;
    if (vlm_files_init(&source, &vlm_mem_system, NULL, files, 2, false, &err) < 0)
        abort();
    memset(&c, 0x55, sizeof c);
    if (vlm_config_read(&c, &source, &err) >= 0)
        use(&c);
    else if (strchr(err.message, '\n') || err.message[0] == 0)
        abort();
    char *template = NULL;
    char where[64];
    size_t n;
    if (vlm_config_template(&template, &n, where, &source, &err) >= 0)
        vlm_mem_free(source.alloc, template);
    vlm_files_free(&source);
    return 0;
}
