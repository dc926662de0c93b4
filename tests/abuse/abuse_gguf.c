/* abuse_gguf.c VLM: GGUF models that are broken, hostile or unusual (groups M1 to M23, M26, M27,
 * M30), given to the command: one line and status 1, within a second and 256 MB. */
#include "base/limits.h"
#include "command.h"
#include "gguf_cases.h"
#include "gguf_model.h"

static uint8_t file[1 << 22];

/* ---- the file ------------------------------------------------------------------------------ */

static void bad_files(void)
{
    for (size_t i = 0; i < sizeof gguf_cases / sizeof *gguf_cases; i++) {
        put("bad.gguf", file, gguf_from_text(file, gguf_cases[i].text));
        check(1, i % 2 ? "run @D/bad.gguf -n 1 -p a" : "inspect @D/bad.gguf", gguf_cases[i].says);
    }
}

/* A text in words, then a hole up to 8 TiB (or what the file system gives). */
static void put_sparse(const char *name, const char *text)
{
    put(name, file, gguf_from_text(file, text));
    int shift = 62;
    while (shift > 40 && truncate(path_of(name), (off_t)1 << shift) != 0)
        shift--;
}

static void strange_files(void)
{
    mkfifo(path_of("fifo.gguf"), 0600);
    mkdir(path_of("folder.gguf"), 0700);
    mkdir(path_of("empty"), 0700);
    if (symlink("loop.gguf", path_of("loop.gguf")) || symlink("/dev/zero", path_of("zero.gguf")) ||
        symlink("/dev/random", path_of("random.gguf")))
        test_die("symlink", strerror(errno));
    check(1, "inspect @D/fifo.gguf", "FIFO");
    check(1, "inspect @D/folder.gguf", "folder.gguf");
    check(1, "inspect @D/loop.gguf", "loop.gguf");
    check(1, "inspect @D/zero.gguf", "a device");
    check(1, "inspect @D/random.gguf", "a device");
    check(1, "inspect @D/nowhere.gguf", "nowhere.gguf");
    static const char part[] = GGUF_HEAD(1, 3) GGUF_SPLIT(0, 2, 2) GGUF_VECTOR("a", 1, 0) "data:4";
    put("p-00001-of-00002.gguf", file, gguf_from_text(file, part));
    check(1, "inspect @D/p-00001-of-00002.gguf", "p-00002-of-00002.gguf: part 2 of 2 is missing");
    put("p-00002-of-00002.gguf", file, gguf_from_text(file, part)); /* the first part again */
    check(1, "inspect @D/p-00002-of-00002.gguf", "says it is part 1 of 2, expected 2 of 2");
    put("p-00003-of-00002.gguf", file, gguf_from_text(file, part));
    check(1, "inspect @D/p-00003-of-00002.gguf", "part 3 of 2, expected 1 to 2");
    put("alone.gguf", file, gguf_from_text(file, part));
    check(1, "inspect @D/alone.gguf", "expected a name ending in -00001-of-00002.gguf");
    static const char *const heads[] = {
        "",
        GGUF_HEAD(0, 0),
        GGUF_HEAD(0, 65536),
        GGUF_HEAD(65536, 0),
        GGUF_HEAD(0, 1) "s:a 4:9 4:8 8:0x1000000000",
        GGUF_HEAD(0, 1) "s:a 4:9 4:8 8:8388608", /* strings of no bytes */
        GGUF_HEAD(0, 1) "s:a 4:9 4:0 8:0x8000000000",
        GGUF_HEAD(1, 0) "s:t 4:3 8:32768 8:32768 8:1024 4:0 8:0"}; /* 4 TiB of zeros */
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        put_sparse("sparse.gguf", heads[i]);
        check(1, "inspect @D/sparse.gguf", "sparse.gguf");
#ifndef __SANITIZE_ADDRESS__ /* which adds a line of its own when malloc says no */
        check(1, "run @D/sparse.gguf --no-mmap -p a", "sparse.gguf");
#endif
    }
    unlink(path_of("sparse.gguf"));
    /* M27: a ZIP archive in front of a model, or behind one */
    size_t n = gguf_model(file, sizeof file, false, NULL, 0);
    memcpy(file + n, "PK\3\4 and so on, with a central directory", 40);
    put("zip.gguf", file, n + 40);
    check(1, "inspect @D/zip.gguf", "behind the last tensor");
    memmove(file + 40, file, n);
    memcpy(file, "PK\3\4 and so on, with a central directory", 40);
    put("zip.gguf", file, n + 40);
    check(1, "inspect @D/zip.gguf", "does not begin with GGUF");
}

/* M5, M30: a hundred thousand arrays in each other; a million pairs, and as many as may be. */
static void large_files(void)
{
    static uint8_t large[24000100];
    size_t n = gguf_from_text(large, GGUF_HEAD(0, 1) "s:a 4:9");
    for (int i = 0; i < 100000; i++)
        n += gguf_from_text(large + n, "4:9 8:1");
    put("deep.gguf", large, n);
    check(1, "inspect @D/deep.gguf", "array of arrays");
    static const unsigned counts[] = {1000000, (unsigned)VLM_LIMIT_GGUF_PAIRS};
    for (size_t k = 0; k < 2; k++) {
        char text[64];
        snprintf(text, sizeof text, "r:GGUF 4:3 8:0 8:%u", counts[k]);
        n = gguf_from_text(large, text);
        for (unsigned i = 0; i < counts[k]; i++) {
            snprintf(text, sizeof text, "s:%x 4:0 1:1", i);
            n += gguf_from_text(large + n, text);
        }
        put("pairs.gguf", large, n);
        check(1, "inspect @D/pairs.gguf",
              k ? "no key general.architecture" : "1000000 key-value pairs, the limit is 65536");
        check(1, "run @D/pairs.gguf --no-mmap -p a", NULL);
    }
    unlink(path_of("pairs.gguf"));
}

/* ---- what the model says of itself --------------------------------------------------------- */

/* Writes the model with one change, in the text file or in the tower's, and gives it a picture. */
static void try_edit(int expected, bool vision, const struct gguf_edit *e, const char *says)
{
    char what[300];
    put("m.gguf", file, gguf_model(file, sizeof file, false, e, vision || !e ? 0 : 1));
    put("mmproj-m.gguf", file, gguf_model(file, sizeof file, true, e, vision ? 1 : 0));
    int before = n_bad;
    check(expected, "run @D/m.gguf -n 2 --temp 0 --image @I -p a", says);
    if (n_bad > before) {
        snprintf(what, sizeof what, "%s %.200s", e ? e->name : "whole",
                 !e         ? ""
                 : e->value ? e->value
                            : "(tensor)");
        printf("  with %s\n", what);
    }
}

/* M14: each pair is missing, of each wrong type and of each hostile value in turn. */
static void each_pair(void)
{
    static const char *const optional[] = {
        "general.type",
        "general.name",
        "llama.vocab_size",
        "llama.attention.head_count_kv",
        "llama.rope.dimension_count",
        "llama.rope.freq_base",
        "tokenizer.ggml.bos_token_id",
        "tokenizer.ggml.eos_token_id",
        "tokenizer.ggml.padding_token_id",
        "tokenizer.ggml.add_bos_token",
        "tokenizer.chat_template",
        "clip.vision.preproc_image_size",
        "clip.use_gelu",
    };
    static const char *const values[] = {
        "4:8 s:x",         "4:8 s:",      "4:9 4:4 8:1 4:1",
        "4:9 4:8 8:1 s:x", "4:9 4:8 8:0", "4:9 4:6 8:3 f:nan f:inf f:-1",
        "4:5 4:-1",        "4:4 4:0",     "4:4 4:1",
        "4:4 4:3",         "4:4 4:513",   "4:4 4:0x80000000",
        "4:4 4:-1",        "4:10 8:-1",   "4:6 f:nan",
        "4:6 f:inf",       "4:6 f:0",     "4:6 f:-1",
        "4:12 d:1e300",    "4:7 1:1",     "4:7 1:0"};
    for (int vision = 0; vision < 2; vision++) {
        const struct gguf_pair *pairs = vision ? gguf_vision_pairs : gguf_text_pairs;
        size_t n = vision ? GGUF_COUNT(gguf_vision_pairs) : GGUF_COUNT(gguf_text_pairs);
        for (size_t i = 0; i < n; i++) {
            bool may = false;
            for (size_t k = 0; k < sizeof optional / sizeof *optional; k++)
                may |= strcmp(optional[k], pairs[i].key) == 0;
            struct gguf_edit e = {.name = pairs[i].key, .value = ""};
            bool other = strstr(pairs[i].key, "tokens") || strstr(pairs[i].key, "_type");
            try_edit(may ? 10 : 1, vision, &e, may || other ? NULL : pairs[i].key);
            for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
                e.value = values[k];
                try_edit(10, vision, &e, NULL);
            }
        }
    }
}

/* M15 to M17, M20, M21: what each of these must be told. */
static void some_pairs(void)
{
    static const struct {
        bool vision;
        const char *key, *value, *says;
    } cases[] = {
        {false, "general.architecture", "4:8 s:bert", "'bert', expected 'llama'"},
        {false, "general.type", "4:8 s:adapter", "'adapter', expected 'model'"},
        {false, "llama.block_count", "4:4 4:0", "llama.block_count: 0, expected"},
        {false, "llama.block_count", "4:4 4:513", "513, expected an integer from 1 to 512"},
        {false, "llama.block_count", "4:4 4:0x80000000", "llama.block_count: 2147483648"},
        {false, "llama.block_count", "4:4 4:3", "tensor blk.2.attn_norm.weight is missing"},
        {false, "llama.block_count", "4:4 4:1", "tensor blk.1."},
        {false, "llama.block_count", "4:8 s:2", "llama.block_count: a string"},
        {false, "llama.attention.head_count", "4:4 4:0", "head_count: 0, expected"},
        {false, "llama.attention.head_count", "4:4 4:1025", "head_count: 1025, expected"},
        {false, "llama.attention.head_count", "4:4 4:5", "5 heads"},
        {false, "llama.attention.head_count", "4:9 4:4 8:2 4:4 4:4", "an array of 2 u32"},
        {false, "llama.attention.head_count_kv", "4:4 4:3", "3 key/value heads"},
        {false, "llama.attention.head_count_kv", "4:4 4:0", "head_count_kv: 0, expected"},
        {false, "llama.attention.key_length", "4:4 4:7", "even size"},
        {false, "llama.attention.key_length", "4:4 4:0", "key_length: 0, expected"},
        {false, "llama.embedding_length", "4:4 4:0", "embedding_length: 0, expected"},
        {false, "llama.embedding_length", "4:4 4:64", "64"},
        {false, "llama.attention.layer_norm_rms_epsilon", "4:6 f:nan", "nan, expected a number"},
        {false, "llama.attention.layer_norm_rms_epsilon", "4:6 f:inf", "inf, expected a number"},
        {false, "llama.attention.layer_norm_rms_epsilon", "4:6 f:0", "0, expected a number"},
        {false, "llama.rope.freq_base", "4:6 f:0", "freq_base: 0, expected a number from 1"},
        {false, "llama.rope.freq_base", "4:6 f:nan", "freq_base: nan, expected a number"},
        {false, "llama.rope.dimension_count", "4:4 4:6", "dimension_count: 6, expected"},
        {false, "llama.context_length", "4:4 4:0", "context_length: 0, expected"},
        {false, "llama.expert_count", "4:4 4:8", "llama.expert_count"},
        {false, "llama.vocab_size", "4:4 4:1048577", "vocab_size: 1048577, expected"},
        {true, "clip.vision.patch_size", "4:4 4:0", "patch_size: 0, expected"},
        {true, "clip.vision.patch_size", "4:4 4:17", "patch"},
        {true, "clip.vision.patch_size", "4:4 4:1", "v.patch_embd.weight is"},
        {true, "clip.vision.image_size", "4:4 4:0", "image_size: 0, expected"},
        {true, "clip.vision.image_size", "4:4 4:0x80000000", "image_size: 2147483648, expected"},
        {true, "clip.vision.image_size", "4:4 4:4096", "1024 x 1024 patches"},
        {true, "clip.vision.projector.scale_factor", "4:4 4:0", "scale_factor: 0, expected"},
        {true, "clip.vision.projector.scale_factor", "4:4 4:3", "3"},
        {true, "clip.vision.block_count", "4:4 4:513", "block_count: 513, expected"},
        {true, "clip.vision.attention.head_count", "4:4 4:0", "head_count: 0, expected"},
        {true, "clip.vision.attention.head_count", "4:4 4:3", "3 heads"},
        {true, "clip.vision.image_mean", "4:9 4:6 8:2 f:0 f:0", "image_mean"},
        {true, "clip.vision.image_mean", "4:9 4:6 8:4 f:0 f:0 f:0 f:0", "image_mean"},
        {true, "clip.vision.image_std", "4:9 4:6 8:3 f:0.5 f:0 f:0.5", "image_std: element 1 is 0"},
        {true, "clip.vision.image_std", "4:9 4:6 8:3 f:0.5 f:nan f:0.5", "element 1 is nan"},
        {true, "clip.vision.preproc_image_size", "4:4 4:46341", "46341, expected"},
        {true, "clip.vision.preproc_image_size", "4:4 4:0", "preproc_image_size: 0, expected"},
        {true, "clip.vision.projection_dim", "4:4 4:48", "not the mmproj of this model"},
        {true, "clip.projector_type", "4:8 s:pixtral", "'pixtral', expected 'idefics3'"},
        {true, "clip.has_vision_encoder", "4:7 1:0", "has_vision_encoder is false"},
        {false, "tokenizer.ggml.tokens", "tokens:263", "264 token types, expected 263"},
        {false, "tokenizer.ggml.tokens", "4:9 4:8 8:0", "<image>"},
        {false, "tokenizer.ggml.tokens", "4:9 4:4 8:1 4:1", "<image>"},
        {false, "tokenizer.ggml.tokens", "tokens:264 5=", NULL},
        {false, "tokenizer.ggml.tokens", "tokens:264 5=<0x-1>", NULL},
        {false, "tokenizer.ggml.tokens", "tokens:264 5=<0xG0>", NULL},
        {false, "tokenizer.ggml.tokens", "tokens:264 5=b", "twice"},
        {false, "tokenizer.ggml.tokens", "tokens:264 5=*1048576", "1048576 bytes"},
        {false, "tokenizer.ggml.tokens", "tokens:264 258=nothing", "<image>"},
        {false, "tokenizer.ggml.token_type", "types:265", "265 token types, expected 264"},
        {false, "tokenizer.ggml.token_type", "4:9 4:0 8:1 1:1", "1 token types, expected 264"},
        {false, "tokenizer.ggml.token_type", "4:9 4:6 8:1 f:1", "array of integers"},
        {false, "tokenizer.ggml.merges", "4:9 4:8 8:1 s:ab", "merge"},
        {false, "tokenizer.ggml.merges", "4:9 4:8 8:1 8:3 x:782079", "merge"}, /* "x y" */
        {false, "tokenizer.ggml.eos_token_id", "4:4 4:264", "eos_token_id: 264, expected"},
        {false, "tokenizer.ggml.eos_token_id", "4:5 4:-1", "eos_token_id: -1, expected"},
        {false, "tokenizer.ggml.model", "4:8 s:llama", "'llama', expected 'gpt2'"},
        {false, "tokenizer.ggml.pre", "4:8 s:nobody", "'nobody', expected"},
        {false, "tokenizer.ggml.add_bos_token", "4:7 1:1", "add_bos_token is true"},
        {false, "general.architecture", "4:8 s:lllma", "'lllma', expected 'llama'"},
        {false, "llama.rope.scaling.factor", "4:6 f:2", "rope.scaling.factor is 2, expected 1"},
        {false, "llama.use_parallel_residual", "4:7 1:1", "is true, expected false"},
        {false, "llama.attention.key_length", "4:4 4:1026", "1026, expected"},
        {true, "clip.use_silu", "4:7 1:1", "clip.use_silu is true, expected false"},
        {true, "clip.use_gelu", "4:7 1:0", "clip.use_gelu is false, expected true"},
        {true, "clip.vision.image_mean", "4:9 4:8 8:3 s:0 s:0 s:0", "image_mean"},
        {true, "clip.vision.image_mean", "4:9 4:6 8:3 f:0 f:-2000 f:0", "element 1 is -2000"},
        {true, "clip.vision.image_std", "4:9 4:6 8:3 f:1 f:1 f:2000", "element 2 is 2000"},
        {false, "tokenizer.ggml.token_type", "types:264 5=0",
         "token 5 is of type 0, expected 1 to"},
        {false, "tokenizer.ggml.token_type", "types:264 5=6",
         "token 5 is of type 6, expected 1 to"},
        {false, "tokenizer.ggml.token_type", "types:264 5=2", NULL}, /* unknown */
        {false, "tokenizer.ggml.token_type", "types:264 5=5", NULL}, /* unused */
        {false, "tokenizer.ggml.token_type", "types:264 258=1", "<image>"},
        {false, "tokenizer.ggml.token_type", "4:9 4:7 8:1 1:1", "array of integers"},
        {false, "tokenizer.ggml.token_type", "4:9 4:12 8:1 d:1", "array of integers"},
        {false, "tokenizer.ggml.pre", "4:8 s:gpt-2", NULL},
        {false, "tokenizer.ggml.pre", "4:8 s:refact", NULL},
        {false, "tokenizer.ggml.merges", "4:9 4:8 8:1 8:3 x:612062", "merge"}, /* no token "ab" */
        {false, "tokenizer.ggml.eot_token_id", "4:4 4:258", NULL},
        {false, "tokenizer.chat_template", "4:8 s:{%if", "chat_template"},
        {false, "tokenizer.chat_template", "4:8 s:{{raise_exception('\x1b[31m')}}", "\\x1b[31m"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_edit e = {.name = cases[i].key, .value = cases[i].value};
        try_edit(cases[i].says ? 1 : 10, cases[i].vision, &e, cases[i].says);
    }
}

/* Two towers that fit, a tower that is named, none at all, and one in parts. */
static void towers(void)
{
    char two[200];
    size_t n = gguf_model(file, sizeof file, true, NULL, 0);
    try_edit(0, false, NULL, NULL);
    put("mmproj-n.gguf", file, n);
    check(1, "run @D/m.gguf -n 2 -p a", "both fit the model: name one with --mmproj");
    check(0, "run @D/m.gguf -n 2 --mmproj @D/mmproj-n.gguf --image @I -p a", NULL);
    check(1, "run @D/m.gguf -n 2 --mmproj @D/m.gguf -p a", "'llama', expected 'clip'");
    unlink(path_of("mmproj-n.gguf"));
    unlink(path_of("mmproj-m.gguf"));
    check(0, "run @D/m.gguf -n 2 -p a", NULL);
    check(1, "run @D/m.gguf -n 2 --image @I -p a", NULL);
    put("mmproj-m-00002-of-00002.gguf", file, n); /* not a first part: no tower by itself */
    check(0, "run @D/m.gguf -n 2 -p a", NULL);
    snprintf(two, sizeof two, "%s", path_of("mmproj-m-00001-of-00001.gguf"));
    put("mmproj-m-00001-of-00001.gguf", file, n);
    check(0, "run @D/m.gguf -n 2 --image @I -p a", NULL);
    unlink(two);
    unlink(path_of("mmproj-m-00002-of-00002.gguf"));
}

/* Early files name the matrices of the tower's MLP the other way round. */
static void swapped(void)
{
    static const struct gguf_tensor t[] = {{"v.blk.0.ffn_up.weight", 2, {32, 16}, 0},
                                           {"v.blk.0.ffn_up.bias", 1, {16}, 0},
                                           {"v.blk.0.ffn_down.weight", 2, {16, 32}, 0},
                                           {"v.blk.0.ffn_down.bias", 1, {32}, 0}};
    struct gguf_edit e[4];
    for (size_t i = 0; i < 4; i++)
        e[i] = (struct gguf_edit){.name = t[i].name, .tensor = &t[i]};
    put("m.gguf", file, gguf_model(file, sizeof file, false, NULL, 0));
    put("mmproj-m.gguf", file, gguf_model(file, sizeof file, true, e, 4));
    check(0, "run @D/m.gguf -n 2 --image @I -p a", NULL);
    put("mmproj-m.gguf", file, gguf_model(file, sizeof file, true, e, 3));
    check(1, "run @D/m.gguf -n 2 --image @I -p a", "v.blk.0.ffn_");
}

/* M18, M19: each tensor is missing, too long, too short, turned, of another type or of NaN. */
static void each_tensor(void)
{
    static const unsigned types[] = {1, 8, 12, 16, 24, 28};
    for (int vision = 0; vision < 2; vision++) {
        const struct gguf_tensor *all = vision ? gguf_vision_tensors : gguf_text_tensors;
        size_t n = vision ? GGUF_COUNT(gguf_vision_tensors) : GGUF_COUNT(gguf_text_tensors);
        for (size_t i = 0; i < n; i++) {
            struct gguf_tensor t = all[i];
            struct gguf_edit e = {.name = t.name};
            bool tied = strcmp(t.name, "output.weight") == 0; /* without it the embedding serves */
            try_edit(tied ? 10 : 1, vision, &e, tied ? NULL : t.name);
            e.tensor = &t;
            for (unsigned d = 0; d < t.n_dims; d++) {
                t.ne[d] = all[i].ne[d] + 1;
                try_edit(1, vision, &e, t.name);
                t.ne[d] = all[i].ne[d] - 1;
                try_edit(1, vision, &e, t.name);
                t.ne[d] = all[i].ne[d];
            }
            if (t.n_dims < 4)
                t.ne[t.n_dims] = 2;
            t.n_dims = t.n_dims % 4 + 1;
            try_edit(1, vision, &e, t.name);
            t = all[i];
            for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
                t.type = types[k];
                try_edit(10, vision, &e, NULL);
            }
            t = all[i];
            e.fill = 0xff;
            try_edit(1, vision, &e, NULL);
        }
    }
    static const struct gguf_tensor more = {"rope_freqs.weight", 1, {4}, 0};
    try_edit(1, false, &(struct gguf_edit){.name = more.name, .tensor = &more}, more.name);
}

/* M23: scales of blocks that are no numbers; generation ends with an error. */
static void no_numbers(void)
{
    static const unsigned types[] = {1, 2, 8, 20, 30};
    static const int fills[] = {0xff, 0x7c}; /* F16: NaN; and 0x7c7c, NaN as well */
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        for (size_t f = 0; f < 2; f++) {
            struct gguf_tensor t = {"output.weight", 2, {32, GGUF_VOCAB}, types[k]};
            struct gguf_edit e = {.name = t.name, .tensor = &t, .fill = fills[f]};
            try_edit(types[k] == 30 && f ? 10 : 1, false, &e, NULL); /* BF16 0x7c7c is finite */
        }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    command_begin(argv[1]);
    bad_files();
    strange_files();
    large_files();
    try_edit(0, false, NULL, NULL);
    each_pair();
    some_pairs();
    towers();
    swapped();
    each_tensor();
    no_numbers();
    return command_end();
}
