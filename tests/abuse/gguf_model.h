/* gguf_model.h: a small GGUF model and its mmproj file, whole or changed.
 *
 * Two layers of 32, a tower of one layer of 16 for tiles of 16 pixels, byte-level tokens.  Every
 * pair and tensor is a line below, in the words of gguf_text.h. */
#ifndef TESTS_GGUF_MODEL_H
#define TESTS_GGUF_MODEL_H

#include "gguf_text.h"
#include "model.h"

struct gguf_pair {
    const char *key, *value; /* type and value in words */
};

struct gguf_tensor {
    const char *name;
    unsigned n_dims;
    uint64_t ne[4]; /* innermost first */
    unsigned type;
};

/* A change: of the pair or tensor of this name, or one that is added. */
struct gguf_edit {
    const char *name;
    const char *value;                /* of a pair; "" leaves it out; NULL: a tensor */
    const struct gguf_tensor *tensor; /* NULL leaves it out */
    int fill;                         /* 0: as always; else every byte of this tensor's data */
};

enum { GGUF_VOCAB = 256 + 8 };

static const struct gguf_pair gguf_text_pairs[] = {
    {"general.architecture", "4:8 s:llama"},
    {"general.type", "4:8 s:model"},
    {"general.name", "4:8 s:tiny"},
    {"llama.vocab_size", "4:4 4:264"},
    {"llama.context_length", "4:4 4:256"},
    {"llama.embedding_length", "4:4 4:32"},
    {"llama.block_count", "4:4 4:2"},
    {"llama.feed_forward_length", "4:4 4:64"},
    {"llama.attention.head_count", "4:4 4:4"},
    {"llama.attention.head_count_kv", "4:4 4:2"},
    {"llama.attention.layer_norm_rms_epsilon", "4:6 f:1e-5"},
    {"llama.rope.dimension_count", "4:4 4:8"},
    {"llama.rope.freq_base", "4:6 f:100000"},
    {"tokenizer.ggml.model", "4:8 s:gpt2"},
    {"tokenizer.ggml.pre", "4:8 s:smollm"},
    {"tokenizer.ggml.tokens", "tokens:264"},
    {"tokenizer.ggml.token_type", "types:264"},
    {"tokenizer.ggml.merges", "4:9 4:8 8:0"},
    {"tokenizer.ggml.bos_token_id", "4:4 4:256"},
    {"tokenizer.ggml.eos_token_id", "4:4 4:257"},
    {"tokenizer.ggml.padding_token_id", "4:4 4:0"},
    {"tokenizer.ggml.add_bos_token", "4:7 1:0"},
    {"tokenizer.chat_template",
     "4:8 s:{%for\tm\tin\tmessages%}{%for\tc\tin\tm.content%}{%if\tc.type=='image'%}<image>{%else%}"
     "{{c.text}}{%endif%}{%endfor%}{%endfor%}"},
};

static const struct gguf_pair gguf_vision_pairs[] = {
    {"general.architecture", "4:8 s:clip"},
    {"general.type", "4:8 s:mmproj"},
    {"clip.has_vision_encoder", "4:7 1:1"},
    {"clip.projector_type", "4:8 s:idefics3"},
    {"clip.vision.image_size", "4:4 4:16"},
    {"clip.vision.patch_size", "4:4 4:4"},
    {"clip.vision.embedding_length", "4:4 4:16"},
    {"clip.vision.feed_forward_length", "4:4 4:32"},
    {"clip.vision.block_count", "4:4 4:1"},
    {"clip.vision.attention.head_count", "4:4 4:2"},
    {"clip.vision.attention.layer_norm_epsilon", "4:6 f:1e-6"},
    {"clip.vision.projection_dim", "4:4 4:32"},
    {"clip.vision.projector.scale_factor", "4:4 4:2"},
    {"clip.vision.preproc_image_size", "4:4 4:64"},
    {"clip.vision.image_mean", "4:9 4:6 8:3 f:0.5 f:0.5 f:0.5"},
    {"clip.vision.image_std", "4:9 4:6 8:3 f:0.5 f:0.5 f:0.5"},
    {"clip.use_gelu", "4:7 1:1"},
};

#define GGUF_TEXT_LAYER(i)                                                                         \
    {"blk." #i ".attn_norm.weight", 1, {32}, 0}, {"blk." #i ".attn_q.weight", 2, {32, 32}, 0},     \
        {"blk." #i ".attn_k.weight", 2, {32, 16}, 0},                                              \
        {"blk." #i ".attn_v.weight", 2, {32, 16}, 0},                                              \
        {"blk." #i ".attn_output.weight", 2, {32, 32}, 0},                                         \
        {"blk." #i ".ffn_norm.weight", 1, {32}, 0},                                                \
        {"blk." #i ".ffn_gate.weight", 2, {32, 64}, 0},                                            \
        {"blk." #i ".ffn_up.weight", 2, {32, 64}, 0},                                              \
    {                                                                                              \
        "blk." #i ".ffn_down.weight", 2, {64, 32}, 0                                               \
    }

static const struct gguf_tensor gguf_text_tensors[] = {
    {"token_embd.weight", 2, {32, GGUF_VOCAB}, 0},
    GGUF_TEXT_LAYER(0),
    GGUF_TEXT_LAYER(1),
    {"output_norm.weight", 1, {32}, 0},
    {"output.weight", 2, {32, GGUF_VOCAB}, 0},
};

#define GGUF_BOTH(name, n_in, n_out)                                                               \
    {name ".weight", 2, {n_in, n_out}, 0},                                                         \
    {                                                                                              \
        name ".bias", 1, {n_out}, 0                                                                \
    }
#define GGUF_NORM(name, n)                                                                         \
    {name ".weight", 1, {n}, 0},                                                                   \
    {                                                                                              \
        name ".bias", 1, {n}, 0                                                                    \
    }

static const struct gguf_tensor gguf_vision_tensors[] = {
    {"v.patch_embd.weight", 4, {4, 4, 3, 16}, 0},
    {"v.patch_embd.bias", 1, {16}, 0},
    {"v.position_embd.weight", 2, {16, 16}, 0},
    GGUF_NORM("v.blk.0.ln1", 16),
    GGUF_BOTH("v.blk.0.attn_q", 16, 16),
    GGUF_BOTH("v.blk.0.attn_k", 16, 16),
    GGUF_BOTH("v.blk.0.attn_v", 16, 16),
    GGUF_BOTH("v.blk.0.attn_out", 16, 16),
    GGUF_NORM("v.blk.0.ln2", 16),
    GGUF_BOTH("v.blk.0.ffn_up", 16, 32),
    GGUF_BOTH("v.blk.0.ffn_down", 32, 16),
    GGUF_NORM("v.post_ln", 16),
    {"mm.model.fc.weight", 2, {64, 32}, 0},
};

#define GGUF_COUNT(a) (sizeof(a) / sizeof *(a))

/* The text of token id, as byte-level BPE writes it; returns its length. */
static inline size_t gguf_token(char out[32], unsigned id)
{
    static const char *const control[] = {
        "<|im_start|>", "<end_of_utterance>", "<image>",       "<fake_token_around_image>",
        "<global-img>", "<row_1_col_1>",      "<row_1_col_2>", "<row_2_col_1>"};
    unsigned other = 256;
    if (id >= 256)
        return (size_t)sprintf(out, "%s", control[id - 256]);
    for (unsigned b = 0; b <= id; b++) {
        bool same = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        unsigned cp = same ? b : other++;
        out[0] = (char)(cp < 128 ? cp : 0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 63));
        out[2] = (char)(cp < 128);
    }
    return out[2] ? 1 : 2;
}

/* "tokens:N I=TEXT": N tokens, number I of them TEXT, or with "I=*K" of K letters. */
static inline size_t gguf_tokens(uint8_t *p, const char *words, unsigned n)
{
    char token[32];
    unsigned other = UINT32_MAX, letters;
    int skip = 0;
    uint8_t *begin = p;
    sscanf(words, "tokens:%*u %u=%n", &other, &skip);
    p += gguf_from_text(p, "4:9 4:8");
    gguf_text_little(p, n, 8);
    p += 8;
    for (unsigned id = 0; id < n; id++) {
        const char *text = words + skip;
        size_t len = gguf_token(token, id < GGUF_VOCAB ? id : 255);
        if (id != other) {
            memcpy(p + 8, token, len);
        } else if (sscanf(text, "*%u", &letters) == 1) {
            memset(p + 8, 'n', len = letters);
        } else {
            memcpy(p + 8, text, len = strlen(text));
        }
        gguf_text_little(p, len, 8);
        p += 8 + len;
    }
    return (size_t)(p - begin);
}

static inline size_t gguf_value(uint8_t *p, const char *words)
{
    uint8_t *begin = p;
    unsigned n;
    if (sscanf(words, "tokens:%u", &n) == 1) {
        p += gguf_tokens(p, words, n);
    } else if (sscanf(words, "types:%u", &n) == 1) { /* "types:N I=V": number I is of type V */
        unsigned other = UINT32_MAX, type = 1;
        sscanf(words, "types:%*u %u=%u", &other, &type);
        p += gguf_from_text(p, "4:9 4:5");
        gguf_text_little(p, n, 8);
        p += 8;
        for (unsigned id = 0; id < n; id++, p += 4)
            gguf_text_little(p, id == other ? type : id < 256 ? 1 : 3, 4);
    } else {
        p += gguf_from_text(p, words);
        for (uint8_t *c = begin + 12; c < p && words[2] == '8'; c++)
            if (*c == '\t') /* in a template it stands for a blank */
                *c = ' ';
    }
    return (size_t)(p - begin);
}

/* Elements and bytes of a block of the types that tests use. */
static inline uint64_t gguf_bytes(const struct gguf_tensor *t)
{
    static const unsigned sizes[][3] = {{0, 1, 4},      {1, 1, 2},     {2, 32, 18}, {8, 32, 34},
                                        {12, 256, 144}, {16, 256, 66}, {24, 1, 1},  {28, 1, 8},
                                        {30, 1, 2},     {20, 32, 18}};
    uint64_t n = 1;
    for (unsigned i = 0; i < t->n_dims; i++)
        n *= t->ne[i];
    for (size_t i = 0; i < GGUF_COUNT(sizes); i++)
        if (sizes[i][0] == t->type)
            return n / sizes[i][1] * sizes[i][2];
    return n;
}

struct gguf_out {
    uint8_t *p, *data; /* header so far; data, joined at the end */
    size_t n, n_data;
    uint32_t seed;
};

static inline void gguf_put_tensor(struct gguf_out *o, const struct gguf_tensor *t, int fill)
{
    uint64_t bytes = gguf_bytes(t);
    size_t n_name = strlen(t->name);
    gguf_text_little(o->p + o->n, n_name, 8);
    memcpy(o->p + o->n + 8, t->name, n_name);
    o->n += 8 + n_name;
    gguf_text_little(o->p + o->n, t->n_dims, 4);
    o->n += 4;
    for (unsigned i = 0; i < t->n_dims; i++, o->n += 8)
        gguf_text_little(o->p + o->n, t->ne[i], 8);
    gguf_text_little(o->p + o->n, t->type, 4);
    gguf_text_little(o->p + o->n + 4, o->n_data, 8);
    o->n += 12;
    for (uint64_t i = 0; i < bytes; i++)
        o->data[o->n_data + i] = (uint8_t)fill;
    for (uint64_t i = 0; !fill && t->type == 0 && i < bytes / 4; i++) {
        o->seed = o->seed * 1664525 + 1013904223;
        float x = (float)(o->seed >> 8) * 0x1p-25f - 0.25f;
        if (strstr(t->name, "norm") || strstr(t->name, "ln"))
            x += 1;
        memcpy(o->data + o->n_data + 4 * i, &x, 4);
    }
    o->n_data += (bytes + 31) / 32 * 32;
}

static inline void gguf_put_pair(struct gguf_out *o, const char *key, const char *words)
{
    size_t n = strlen(key);
    gguf_text_little(o->p + o->n, n, 8);
    memcpy(o->p + o->n + 8, key, n);
    o->n += 8 + n;
    o->n += gguf_value(o->p + o->n, words);
}

/* The pair or tensor of this name among n changes, or NULL. */
static inline const struct gguf_edit *gguf_find_edit(const struct gguf_edit *e, size_t n,
                                                     const char *name, bool pair)
{
    for (size_t i = 0; i < n; i++)
        if ((e[i].value != NULL) == pair && strcmp(e[i].name, name) == 0)
            return &e[i];
    return NULL;
}

/* Tensors and pairs of the file, those that n changes add among them. */
static inline void gguf_put_all(struct gguf_out *o, bool vision, const struct gguf_edit *e,
                                size_t n, uint64_t made[2])
{
    const struct gguf_pair *pairs = vision ? gguf_vision_pairs : gguf_text_pairs;
    const struct gguf_tensor *tensors = vision ? gguf_vision_tensors : gguf_text_tensors;
    size_t n_pairs = vision ? GGUF_COUNT(gguf_vision_pairs) : GGUF_COUNT(gguf_text_pairs);
    size_t n_tensors = vision ? GGUF_COUNT(gguf_vision_tensors) : GGUF_COUNT(gguf_text_tensors);
    bool known;
    for (size_t i = 0; i < n_pairs + n; i++) {
        const char *name = i < n_pairs ? pairs[i].key : e[i - n_pairs].name;
        const struct gguf_edit *x = gguf_find_edit(e, n, name, true);
        known = false;
        for (size_t k = 0; k < n_pairs && i >= n_pairs; k++)
            known |= strcmp(pairs[k].key, name) == 0;
        if (known || (i >= n_pairs && !x) || (x && !*x->value))
            continue;
        gguf_put_pair(o, name, x ? x->value : pairs[i].value);
        made[1]++;
    }
    for (size_t i = 0; i < n_tensors + n; i++) {
        const char *name = i < n_tensors ? tensors[i].name : e[i - n_tensors].name;
        const struct gguf_edit *x = gguf_find_edit(e, n, name, false);
        known = false;
        for (size_t k = 0; k < n_tensors && i >= n_tensors; k++)
            known |= strcmp(tensors[k].name, name) == 0;
        if (known || (i >= n_tensors && !x) || (x && !x->tensor && !x->fill))
            continue;
        gguf_put_tensor(o, x && x->tensor ? x->tensor : &tensors[i], x ? x->fill : 0);
        made[0]++;
    }
}

/* The file with n changes in out, which has room for cap bytes; returns its size. */
static inline size_t gguf_model(uint8_t *out, size_t cap, bool vision, const struct gguf_edit *e,
                                size_t n)
{
    struct gguf_out o = {.p = out, .n = 24, .data = calloc(1, cap), .seed = 1};
    uint64_t made[2] = {0, 0};
    if (!o.data)
        test_die("gguf", "no memory");
    gguf_put_all(&o, vision, e, n, made);
    memcpy(out, "GGUF\3\0\0\0", 8);
    gguf_text_little(out + 8, made[0], 8);
    gguf_text_little(out + 16, made[1], 8);
    while (o.n % 32)
        out[o.n++] = 0;
    if (o.n + o.n_data > cap)
        test_die("gguf", "no room");
    memcpy(out + o.n, o.data, o.n_data);
    free(o.data);
    return o.n + o.n_data;
}

#endif
