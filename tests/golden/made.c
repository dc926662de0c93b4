/* made.c: see made.h. */
#include "made.h"

#include <jansson.h>
#include <math.h>

#include "kernel/kernel.h"

enum { HIDDEN = 256, FFN = 256, HEADS = 8, KV = 4, HEAD = 32, LAYERS = 2, VOCAB = 386 };
enum { V_HIDDEN = 64, V_FFN = 256, V_HEADS = 2, V_LAYERS = 1, PATCH = 8, TILE = 64, SCALE = 2 };
enum { MAX_TENSORS = 80, LONGEST = 128 };

struct tensor {
    char hf[128], gguf[64];
    bool vision;
    size_t n_dims;
    uint64_t shape[4];
    size_t heads; /* of q and k of the decoder, else 0 */
    enum vlm_num type;
    float *values;   /* what it stands for */
    uint8_t *stored; /* in GGUF */
    size_t n_stored;
};
struct maker {
    const struct made_options *o;
    struct tensor t[MAX_TENSORS];
    size_t n;
    struct vlm_kernels k;
    uint64_t random;
};

static uint64_t next_random(struct maker *k)
{
    uint64_t z = k->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static double uniform(struct maker *k, double low, double high)
{
    return low + (high - low) * (double)(next_random(k) >> 11) * 0x1p-53;
}

/* ---- values ---- */

/* Factors of a block: where they lie, and the second as a multiple of the first, such that the mean
 * is about 0. */
static const struct {
    int first, second;
    double multiple;
} factors[VLM_N_NUM] = {
    [VLM_NUM_Q4_0] = {0, -1, 0},    [VLM_NUM_Q4_1] = {0, 2, -7.5}, [VLM_NUM_Q5_0] = {0, -1, 0},
    [VLM_NUM_Q5_1] = {0, 2, -15.5}, [VLM_NUM_Q8_0] = {0, -1, 0},   [VLM_NUM_Q2_K] = {80, 82, 1.5},
    [VLM_NUM_Q3_K] = {108, -1, 0},  [VLM_NUM_Q4_K] = {0, 2, 7.5},  [VLM_NUM_Q5_K] = {0, 2, 15.5},
    [VLM_NUM_Q6_K] = {208, -1, 0},  [VLM_NUM_IQ4_NL] = {0, -1, 0}, [VLM_NUM_IQ4_XS] = {0, -1, 0},
};

static void set_factors(struct maker *k, uint8_t *block, enum vlm_num type, float d)
{
    float second = (float)factors[type].multiple * d;
    k->k.from_f32[VLM_NUM_F16](block + factors[type].first, &d, 1);
    if (factors[type].second >= 0)
        k->k.from_f32[VLM_NUM_F16](block + factors[type].second, &second, 1);
}

static double deviation(const float *x, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    return sqrt(squares / (double)n - sum / (double)n * (sum / (double)n));
}

/* Random blocks whose values spread as wanted. */
static void random_blocks(struct maker *k, struct tensor *t, size_t n, double spread)
{
    const struct vlm_num_info *info = vlm_num_info(t->type);
    size_t n_blocks = n / info->block_len;
    for (size_t i = 0; i < t->n_stored; i++)
        t->stored[i] = (uint8_t)next_random(k);
    if (t->type == VLM_NUM_MXFP4) {
        for (size_t b = 0; b < n_blocks; b++)
            t->stored[b * info->block_bytes] =
                (uint8_t)(125 + (int)floor(log2(spread)) + (int)(next_random(k) % 3));
    } else {
        size_t some = n_blocks < 64 ? n_blocks : 64;
        for (size_t b = 0; b < some; b++)
            set_factors(k, t->stored + b * info->block_bytes, t->type, 1);
        k->k.to_f32[t->type](t->values, t->stored, some * info->block_len);
        double unit = deviation(t->values, some * info->block_len);
        for (size_t b = 0; b < n_blocks; b++)
            set_factors(k, t->stored + b * info->block_bytes, t->type,
                        (float)(spread / unit * uniform(k, 0.6, 1.4)));
    }
    k->k.to_f32[t->type](t->values, t->stored, n);
}

/* Rows of q and k: from halves to pairs. */
static void pair_rows(struct tensor *t, size_t row_bytes)
{
    size_t rows = (size_t)t->shape[0], d = rows / t->heads;
    uint8_t *paired = malloc(t->n_stored);
    for (size_t r = 0; r < rows; r++) {
        size_t head = r / d, i = r % d, to = i < d / 2 ? 2 * i : 2 * (i - d / 2) + 1;
        memcpy(paired + (head * d + to) * row_bytes, t->stored + r * row_bytes, row_bytes);
    }
    free(t->stored);
    t->stored = paired;
}

/* The last token ends an answer: its logit is (nearly) 0 and never the largest. */
static void silence_last_row(struct maker *k, struct tensor *t)
{
    const struct vlm_num_info *info = vlm_num_info(t->type);
    size_t row_bytes = t->n_stored / (size_t)t->shape[0], width = (size_t)t->shape[1];
    uint8_t *row = t->stored + t->n_stored - row_bytes;
    if (t->type < VLM_N_FLOAT)
        memset(row, 0, row_bytes);
    for (size_t at = 0; t->type >= VLM_N_FLOAT && at < row_bytes; at += info->block_bytes)
        if (t->type == VLM_NUM_MXFP4)
            row[at] = 0; /* 2^-128 */
        else
            set_factors(k, row + at, t->type, 0);
    k->k.to_f32[t->type](t->values + (VOCAB - 1) * width, row, width);
}

static void fill(struct maker *k, struct tensor *t)
{
    size_t n = 1, width = (size_t)t->shape[t->n_dims - 1];
    for (size_t i = 0; i < t->n_dims; i++)
        n *= (size_t)t->shape[i];
    bool matrix = t->n_dims == 2 && !strstr(t->gguf, "position");
    static const enum vlm_num next[] = {VLM_NUM_Q8_0, VLM_NUM_F16};
    t->type = matrix ? k->o->type : VLM_NUM_F32;
    for (size_t i = 0; width % vlm_num_info(t->type)->block_len != 0; i++)
        t->type = next[i];
    t->values = malloc(n * sizeof *t->values);
    t->n_stored = vlm_num_bytes(t->type, n);
    t->stored = malloc(t->n_stored);
    bool norm = t->n_dims == 1 && strstr(t->gguf, ".weight");
    /* a tied head only repeats what went in unless the layers outweigh the embedding */
    double spread = t->n_dims == 1            ? 0.2
                    : strstr(t->gguf, "embd") ? (k->o->tied ? 0.05 : 0.4)
                    : strstr(t->gguf, "attn_output") || strstr(t->gguf, "ffn_down")
                        ? 1.6 / sqrt((double)width)
                        : 1.0 / sqrt((double)width);
    if (t->type >= VLM_N_FLOAT) {
        random_blocks(k, t, n, spread);
    } else {
        for (size_t i = 0; i < n; i++)
            t->values[i] = (float)(norm + spread * uniform(k, -1.7, 1.7));
        k->k.from_f32[t->type](t->stored, t->values, n);
        k->k.to_f32[t->type](t->values, t->stored, n);
    }
    if (strcmp(t->gguf, "output.weight") == 0)
        silence_last_row(k, t);
    if (t->heads)
        pair_rows(t, t->n_stored / (size_t)t->shape[0]);
}

/* ---- names ---- */

static void add(struct maker *k, const char *hf, const char *gguf, size_t heads, size_t n_dims,
                uint64_t a, uint64_t b)
{
    struct tensor *t = &k->t[k->n++];
    *t = (struct tensor){.n_dims = n_dims, .shape = {a, b, 1, 1}, .heads = heads};
    t->vision = gguf[0] == 'v' || gguf[0] == 'm';
    snprintf(t->hf, sizeof t->hf, "%s", hf);
    snprintf(t->gguf, sizeof t->gguf, "%s", gguf);
    if (strstr(gguf, "patch_embd.weight"))
        memcpy(t->shape, (uint64_t[4]){V_HIDDEN, 3, PATCH, PATCH}, sizeof t->shape);
    fill(k, t);
}

static void add_text_layer(struct maker *k, int i)
{
    static const struct {
        const char *hf, *gguf;
        uint64_t out, in;
        size_t heads;
    } parts[] = {{"input_layernorm", "attn_norm", HIDDEN, 0, 0},
                 {"self_attn.q_proj", "attn_q", HEADS * HEAD, HIDDEN, HEADS},
                 {"self_attn.k_proj", "attn_k", KV * HEAD, HIDDEN, KV},
                 {"self_attn.v_proj", "attn_v", KV * HEAD, HIDDEN, 0},
                 {"self_attn.o_proj", "attn_output", HIDDEN, HEADS * HEAD, 0},
                 {"post_attention_layernorm", "ffn_norm", HIDDEN, 0, 0},
                 {"mlp.gate_proj", "ffn_gate", FFN, HIDDEN, 0},
                 {"mlp.up_proj", "ffn_up", FFN, HIDDEN, 0},
                 {"mlp.down_proj", "ffn_down", HIDDEN, FFN, 0}};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        char hf[128], gguf[64];
        snprintf(hf, sizeof hf, "model.text_model.layers.%d.%s.weight", i, parts[p].hf);
        snprintf(gguf, sizeof gguf, "blk.%d.%s.weight", i, parts[p].gguf);
        add(k, hf, gguf, parts[p].heads, parts[p].in ? 2 : 1, parts[p].out, parts[p].in);
    }
}

static void add_both(struct maker *k, const char *hf, const char *gguf, uint64_t out, uint64_t in,
                     size_t n_dims)
{
    char a[128], b[64];
    snprintf(a, sizeof a, "%s.weight", hf);
    snprintf(b, sizeof b, "%s.weight", gguf);
    add(k, a, b, 0, n_dims, out, in);
    snprintf(a, sizeof a, "%s.bias", hf);
    snprintf(b, sizeof b, "%s.bias", gguf);
    add(k, a, b, 0, 1, out, 0);
}

static void add_vision_layer(struct maker *k, int i)
{
    static const struct {
        const char *hf, *gguf, *swapped;
        uint64_t out, in;
    } parts[] = {{"layer_norm1", "ln1", "ln1", V_HIDDEN, 0},
                 {"self_attn.q_proj", "attn_q", "attn_q", V_HIDDEN, V_HIDDEN},
                 {"self_attn.k_proj", "attn_k", "attn_k", V_HIDDEN, V_HIDDEN},
                 {"self_attn.v_proj", "attn_v", "attn_v", V_HIDDEN, V_HIDDEN},
                 {"self_attn.out_proj", "attn_out", "attn_out", V_HIDDEN, V_HIDDEN},
                 {"layer_norm2", "ln2", "ln2", V_HIDDEN, 0},
                 {"mlp.fc1", "ffn_up", "ffn_down", V_FFN, V_HIDDEN},
                 {"mlp.fc2", "ffn_down", "ffn_up", V_HIDDEN, V_FFN}};
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        char hf[128], gguf[64];
        snprintf(hf, sizeof hf, "model.vision_model.encoder.layers.%d.%s", i, parts[p].hf);
        snprintf(gguf, sizeof gguf, "v.blk.%d.%s", i,
                 k->o->swapped ? parts[p].swapped : parts[p].gguf);
        add_both(k, hf, gguf, parts[p].out, parts[p].in, parts[p].in ? 2 : 1);
    }
}

static void add_all(struct maker *k)
{
    add(k, "model.text_model.embed_tokens.weight", "token_embd.weight", 0, 2, VOCAB, HIDDEN);
    for (int i = 0; i < LAYERS; i++)
        add_text_layer(k, i);
    add(k, "model.text_model.norm.weight", "output_norm.weight", 0, 1, HIDDEN, 0);
    if (!k->o->tied)
        add(k, "lm_head.weight", "output.weight", 0, 2, VOCAB, HIDDEN);
    add_both(k, "model.vision_model.embeddings.patch_embedding", "v.patch_embd", V_HIDDEN, 0, 4);
    add(k, "model.vision_model.embeddings.position_embedding.weight", "v.position_embd.weight", 0,
        2, (TILE / PATCH) * (TILE / PATCH), V_HIDDEN);
    for (int i = 0; i < V_LAYERS; i++)
        add_vision_layer(k, i);
    add_both(k, "model.vision_model.post_layernorm", "v.post_ln", V_HIDDEN, 0, 1);
    add(k, "model.connector.modality_projection.proj.weight", "mm.model.fc.weight", 0, 2, HIDDEN,
        V_HIDDEN * SCALE * SCALE);
}

/* ---- GGUF ---- */

static void put(struct vlm_buf *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        vlm_buf_putc(b, (char)(v >> 8 * i));
}

static void put_string(struct vlm_buf *b, const char *s)
{
    put(b, strlen(s), 8);
    vlm_buf_puts(b, s);
}

struct pairs {
    struct vlm_buf bytes;
    size_t n;
};

static struct vlm_buf *key(struct pairs *p, const char *name, unsigned type)
{
    p->n++;
    put_string(&p->bytes, name);
    put(&p->bytes, type, 4);
    return &p->bytes;
}
static void key_u32(struct pairs *p, const char *name, uint64_t v)
{
    put(key(p, name, 4), v, 4);
}
static void key_text(struct pairs *p, const char *name, const char *s)
{
    put_string(key(p, name, 8), s);
}
static void put_float(struct vlm_buf *b, float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    put(b, u, 4);
}
static void key_float(struct pairs *p, const char *name, double v)
{
    put_float(key(p, name, 6), (float)v);
}
static void key_array(struct pairs *p, const char *name, unsigned type, uint64_t n)
{
    put(key(p, name, 9), type, 4);
    put(&p->bytes, n, 8);
}

static void key_vocabulary(struct pairs *p, const vlm_file *tokenizer, const vlm_file *template)
{
    json_t *t = json_loadb(tokenizer->data, tokenizer->size, 0, NULL);
    json_t *model = json_object_get(t, "model"), *entry, *merges = json_object_get(model, "merges");
    const char *tokens[VOCAB] = {NULL}, *text;
    bool control[VOCAB] = {false};
    size_t i;
    json_object_foreach(json_object_get(model, "vocab"), text, entry)
        tokens[json_integer_value(entry)] = text;
    json_array_foreach(json_object_get(t, "added_tokens"), i, entry)
    {
        size_t id = (size_t)json_integer_value(json_object_get(entry, "id"));
        tokens[id] = json_string_value(json_object_get(entry, "content"));
        control[id] = true;
    }
    key_text(p, "tokenizer.ggml.model", "gpt2");
    key_text(p, "tokenizer.ggml.pre", "smollm");
    key_array(p, "tokenizer.ggml.tokens", 8, VOCAB);
    for (i = 0; i < VOCAB; i++)
        put_string(&p->bytes, tokens[i]);
    key_array(p, "tokenizer.ggml.token_type", 5, VOCAB);
    for (i = 0; i < VOCAB; i++)
        put(&p->bytes, control[i] ? 3 : 1, 4);
    key_array(p, "tokenizer.ggml.merges", 8, json_array_size(merges));
    json_array_foreach(merges, i, entry)
    {
        char line[256];
        snprintf(line, sizeof line, "%s %s", json_string_value(json_array_get(entry, 0)),
                 json_string_value(json_array_get(entry, 1)));
        put_string(&p->bytes, line);
    }
    json_decref(t);
    put(key(p, "tokenizer.chat_template", 8), template->size, 8);
    vlm_buf_append(&p->bytes, template->data, template->size);
}

static void key_text_model(struct pairs *p, const struct test_model *hf)
{
    key_text(p, "general.architecture", "llama");
    key_u32(p, "llama.context_length", 4096);
    key_u32(p, "llama.embedding_length", HIDDEN);
    key_u32(p, "llama.block_count", LAYERS);
    key_u32(p, "llama.feed_forward_length", FFN);
    key_u32(p, "llama.attention.head_count", HEADS);
    key_u32(p, "llama.attention.head_count_kv", KV);
    key_float(p, "llama.attention.layer_norm_rms_epsilon", 1e-5);
    key_float(p, "llama.rope.freq_base", 100000);
    key_u32(p, "tokenizer.ggml.eos_token_id", VOCAB - 1);
    struct test_model m = *hf;
    key_vocabulary(p, test_model_file(&m, "tokenizer.json"),
                   test_model_file(&m, "chat_template.jinja"));
}

static void key_vision_model(struct pairs *p, const struct made_options *o)
{
    static const char *const floats[] = {"clip.vision.image_mean", "clip.vision.image_std"};
    key_text(p, "general.architecture", "clip");
    key_text(p, o->vision_type ? "clip.vision.projector_type" : "clip.projector_type", "idefics3");
    put(key(p, "clip.has_vision_encoder", 7), 1, 1);
    key_u32(p, "clip.vision.projection_dim", o->width ? o->width : HIDDEN);
    key_u32(p, "clip.vision.image_size", TILE);
    key_u32(p, "clip.vision.patch_size", PATCH);
    key_u32(p, "clip.vision.embedding_length", V_HIDDEN);
    key_u32(p, "clip.vision.feed_forward_length", V_FFN);
    key_u32(p, "clip.vision.block_count", V_LAYERS);
    key_u32(p, "clip.vision.attention.head_count", V_HEADS);
    key_float(p, "clip.vision.attention.layer_norm_epsilon", 1e-6);
    key_u32(p, "clip.vision.projector.scale_factor", SCALE);
    key_u32(p, "clip.vision.preproc_image_size", LONGEST);
    for (size_t i = 0; i < 2; i++) {
        key_array(p, floats[i], 6, 3);
        for (int c = 0; c < 3; c++)
            put_float(&p->bytes, 0.5f);
    }
}

static unsigned type_number(enum vlm_num t)
{
    static const unsigned char numbers[VLM_N_NUM] = {
        [VLM_NUM_F32] = 0,   [VLM_NUM_F16] = 1,     [VLM_NUM_BF16] = 30,   [VLM_NUM_Q4_0] = 2,
        [VLM_NUM_Q4_1] = 3,  [VLM_NUM_Q5_0] = 6,    [VLM_NUM_Q5_1] = 7,    [VLM_NUM_Q8_0] = 8,
        [VLM_NUM_Q2_K] = 10, [VLM_NUM_Q3_K] = 11,   [VLM_NUM_Q4_K] = 12,   [VLM_NUM_Q5_K] = 13,
        [VLM_NUM_Q6_K] = 14, [VLM_NUM_IQ4_NL] = 20, [VLM_NUM_IQ4_XS] = 23, [VLM_NUM_MXFP4] = 39};
    return numbers[t];
}

static void write_gguf(struct vlm_buf *out, const struct pairs *p, const struct tensor *const *t,
                       size_t n)
{
    size_t offset = 0;
    vlm_buf_init(out, &vlm_mem_system, SIZE_MAX / 4);
    vlm_buf_puts(out, "GGUF");
    put(out, 3, 4);
    put(out, n, 8);
    put(out, p->n, 8);
    vlm_buf_append(out, p->bytes.data, p->bytes.n);
    for (size_t i = 0; i < n; i++) {
        put_string(out, t[i]->gguf);
        put(out, t[i]->n_dims, 4);
        for (size_t d = t[i]->n_dims; d-- > 0;)
            put(out, t[i]->shape[d], 8);
        put(out, type_number(t[i]->type), 4);
        put(out, offset, 8);
        offset += (t[i]->n_stored + 31) / 32 * 32;
    }
    for (size_t i = 0; i < n; i++) {
        while (out->n % 32)
            vlm_buf_putc(out, 0);
        vlm_buf_append(out, t[i]->stored, t[i]->n_stored);
    }
    if (!out->ok)
        test_die("gguf", "no memory");
}

/* One file or two parts of it. */
static void write_parts(struct vlm_buf *out, struct pairs *p, const struct maker *k, bool vision)
{
    const struct tensor *list[MAX_TENSORS];
    size_t n = 0, parts = k->o->parts ? k->o->parts : 1;
    for (size_t i = 0; i < k->n; i++)
        if (k->t[i].vision == vision)
            list[n++] = &k->t[i];
    for (size_t i = 0; i < parts; i++) {
        size_t begin = n * i / parts, end = n * (i + 1) / parts;
        if (parts > 1) {
            put(key(p, "split.no", 2), i, 2);
            put(key(p, "split.count", 2), parts, 2);
            put(key(p, "split.tensors.count", 5), n, 4);
        }
        write_gguf(&out[i], p, list + begin, end - begin);
        vlm_buf_clear(&p->bytes);
        p->n = 0;
    }
    vlm_buf_free(&p->bytes);
}

/* ---- the directory ---- */

static void write_config(struct test_model *hf, bool tied)
{
    vlm_file *f = test_model_file(hf, "config.json");
    json_t *c = json_loadb(f->data, f->size, 0, NULL), *text = json_object_get(c, "text_config"),
           *vision = json_object_get(c, "vision_config");
    json_object_update_new(text,
                           json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:i}", "hidden_size",
                                     HIDDEN, "intermediate_size", FFN, "num_hidden_layers", LAYERS,
                                     "num_attention_heads", HEADS, "num_key_value_heads", KV,
                                     "head_dim", HEAD, "vocab_size", VOCAB, "rms_norm_eps", 1e-5,
                                     "max_position_embeddings", 4096));
    json_object_update_new(vision, json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "hidden_size",
                                             V_HIDDEN, "intermediate_size", V_FFN,
                                             "num_hidden_layers", V_LAYERS, "num_attention_heads",
                                             V_HEADS, "patch_size", PATCH, "image_size", TILE));
    json_object_set_new(c, "tie_word_embeddings", json_boolean(tied));
    json_object_set_new(c, "scale_factor", json_integer(SCALE));
    free((void *)(uintptr_t)f->data);
    f->data = json_dumps(c, JSON_COMPACT);
    f->size = strlen(f->data);
    json_decref(c);
}

static void write_weights(struct test_model *hf, const struct maker *k)
{
    static struct test_tensor list[MAX_TENSORS];
    for (size_t i = 0; i < k->n; i++) {
        const struct tensor *t = &k->t[i];
        list[i] = (struct test_tensor){
            .type = "F32", .n_dims = t->n_dims, .data = (const uint8_t *)t->values, .bytes = 4};
        snprintf(list[i].name, sizeof list[i].name, "%s", t->hf);
        for (size_t d = 0; d < t->n_dims; d++)
            list[i].bytes *= list[i].shape[d] = t->shape[d];
    }
    vlm_file *f = test_model_file(hf, "model.safetensors");
    free((void *)(uintptr_t)f->data);
    *f = test_safetensors(list, k->n, SIZE_MAX);
}

void made_make(struct made *m, const char *golden_model, const struct made_options *o)
{
    static struct maker k;
    struct pairs text = {.n = 0}, vision = {.n = 0};
    k = (struct maker){.o = o, .random = 7 + (uint64_t)o->type};
    memset(m, 0, sizeof *m);
    vlm_kernels_init(&k.k, "scalar");
    add_all(&k);
    test_model_load(&m->hf, golden_model);
    vlm_buf_init(&text.bytes, &vlm_mem_system, SIZE_MAX / 4);
    vlm_buf_init(&vision.bytes, &vlm_mem_system, SIZE_MAX / 4);
    key_text_model(&text, &m->hf);
    key_vision_model(&vision, o);
    write_parts(m->text, &text, &k, false);
    write_parts(m->vision, &vision, &k, true);
    write_config(&m->hf, o->tied);
    write_weights(&m->hf, &k);
    for (size_t i = 0; i < k.n; i++) {
        free(k.t[i].values);
        free(k.t[i].stored);
    }
}

void made_free(struct made *m)
{
    test_model_free(&m->hf);
    for (size_t i = 0; i < MADE_PARTS; i++) {
        vlm_buf_free(&m->text[i]);
        vlm_buf_free(&m->vision[i]);
    }
}
