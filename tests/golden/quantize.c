/* quantize.c DIR: vlm_quantize on small models.  To F32 the files give the same bits as their
 * source, a directory or blocks of any type; every type opens and answers; the same bytes for any
 * number of threads; what cannot be stored is refused by tensor and row, and leaves no file behind.
 * DIR: a golden model directory whose tokenizer and template are used. */
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "golden.h"
#include "made.h"
#include "vlm_quantize.h"

static const char *golden_model;
static char text_path[96], vision_path[96], dir[64];
static unsigned n_bad;

static void bad(const char *what, const char *why)
{
    printf("FAILED %s: %s\n", what, why);
    n_bad++;
}

/* ---- what a model says ---- */

static int take(void *ctx, const vlm_traced *piece)
{
    uint64_t *hash = ctx;
    size_t n = piece->n_rows;
    for (size_t d = 1; d < piece->n_dims; d++)
        n *= piece->shape[d];
    *hash = golden_hash(*hash, piece->data, n);
    return 0;
}

/* A hash of all that trace shows for a picture and a question. */
static int ask(uint64_t *hash, vlm_engine *e, vlm_error *err)
{
    static uint8_t pixels[100 * 50 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i / 97 + i / 300 * 5);
    vlm_image *image;
    vlm_session_options o;
    vlm_session_options_init(&o);
    *hash = GOLDEN_HASH;
    int rc = vlm_image_from_rgb(&image, e, pixels, 100, 50, err);
    if (rc < 0)
        return rc;
    vlm_part parts[] = {vlm_part_text("What is the total? 12,50 <image> \xc3\xa9"),
                        vlm_part_image(image)};
    vlm_message m = {.role = "user", .parts = parts, .n_parts = 2};
    rc = vlm_trace(e, &m, 1, NULL, 0, &o, 16, take, hash, err);
    vlm_image_close(image);
    return rc;
}

/* Multiplied as the numbers they stand for: blocks and floats must then agree to the bit. */
static void engine_options(vlm_engine_options *o, int n_threads)
{
    vlm_engine_options_init(o);
    o->n_threads = n_threads;
    o->exact = 1;
}

static int ask_files(uint64_t *hash, const vlm_file *files, size_t n, vlm_error *err)
{
    vlm_engine *e;
    vlm_engine_options o;
    engine_options(&o, 1);
    int rc = vlm_engine_open_files(&e, files, n, &o, err);
    if (rc < 0)
        return rc;
    rc = ask(hash, e, err);
    vlm_engine_close(e);
    return rc;
}

static int ask_path(uint64_t *hash, vlm_error *err)
{
    vlm_engine *e;
    vlm_engine_options o;
    engine_options(&o, 1);
    o.mmproj = vision_path;
    int rc = vlm_engine_open(&e, text_path, &o, err);
    if (rc < 0)
        return rc;
    rc = ask(hash, e, err);
    vlm_engine_close(e);
    return rc;
}

/* ---- quantising ---- */

static int quantize(const vlm_file *files, size_t n, const char *type, const char *vision_type,
                    int n_threads, vlm_quantize_result *out, vlm_error *err)
{
    vlm_engine *e;
    vlm_engine_options eo;
    vlm_quantize_options o;
    engine_options(&eo, n_threads);
    vlm_quantize_options_init(&o);
    o.type = type;
    o.vision_type = vision_type;
    o.text_path = text_path;
    o.vision_path = vision_path;
    int rc = vlm_engine_open_files(&e, files, n, &eo, err);
    if (rc < 0)
        return rc;
    rc = vlm_quantize(e, &o, out, err);
    vlm_engine_close(e);
    return rc;
}

static void clean(void)
{
    unlink(text_path);
    unlink(vision_path);
}

static uint64_t hash_of_file(const char *path)
{
    size_t n;
    char *data = test_read(path, &n);
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)data[i]) * 1099511628211u;
    free(data);
    return h;
}

static size_t made_files(vlm_file *files, const struct made *m)
{
    files[0] = (vlm_file){"m.gguf", m->text[0].data, m->text[0].n};
    files[1] = (vlm_file){"mmproj-m.gguf", m->vision[0].data, m->vision[0].n};
    return 2;
}

/* Source and its F32 files say the same, to the bit. */
static void same_bits(const char *what, const vlm_file *files, size_t n)
{
    vlm_error err = {0};
    vlm_quantize_result r;
    uint64_t before, after;
    if (quantize(files, n, "f32", NULL, 2, &r, &err) < 0 ||
        ask_files(&before, files, n, &err) < 0 || ask_path(&after, &err) < 0)
        bad(what, err.message);
    else if (before != after)
        bad(what, "other bits than the source's");
    else if (r.text_error != 0 || r.vision_error != 0)
        bad(what, "an error where there can be none");
    clean();
}

static void exact(void)
{
    char what[64];
    for (int tied = 0; tied < 2; tied++)
        for (enum vlm_num t = 0; t < VLM_N_NUM; t++) {
            struct made m;
            vlm_file files[2];
            if (t == VLM_NUM_F8_E4M3 || t == VLM_NUM_I8)
                continue;
            made_make(&m, golden_model, &(struct made_options){.type = t, .tied = tied});
            snprintf(what, sizeof what, "%s%s, blocks", vlm_num_info(t)->name,
                     tied ? ", tied" : "");
            same_bits(what, files, made_files(files, &m));
            snprintf(what, sizeof what, "%s%s, directory", vlm_num_info(t)->name,
                     tied ? ", tied" : "");
            same_bits(what, m.hf.files, m.hf.n);
            made_free(&m);
        }
}

/* Every type: files that open and answer, an error below what the type must reach, the same bytes
 * with three threads. */
static void each_type(void)
{
    static const struct {
        const char *type, *vision;
        double most; /* on evenly spread weights; measured 60 to 90 % of it */
    } types[] = {{"f16", NULL, 3e-4},        {"bf16", NULL, 2.5e-3},   {"q8_0", "q8_0", 5e-3},
                 {"q4_0", "q4_0", 0.08},     {"q4_1", "q4_1", 0.07},   {"q5_0", "q5_0", 0.04},
                 {"q5_1", "q5_1", 0.04},     {"q6_k", "q6_k", 0.02},   {"q5_k", "q5_k", 0.04},
                 {"q4_k", "q4_k", 0.07},     {"q3_k", "q3_k", 0.15},   {"q2_k", "q2_k", 0.27},
                 {"iq4_nl", "iq4_nl", 0.08}, {"q4_k_m", "q8_0", 0.07}, {"Q4_K_S", NULL, 0.07},
                 {"q5_k_m", "f32", 0.04},    {"q3_k_m", "bf16", 0.15}};
    struct made m;
    made_make(&m, golden_model, &(struct made_options){.type = VLM_NUM_F32});
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        vlm_error err = {0};
        vlm_quantize_result r;
        uint64_t hash, one[2];
        for (int pass = 0; pass < 2; pass++) {
            if (quantize(m.hf.files, m.hf.n, types[i].type, types[i].vision, pass ? 3 : 1, &r,
                         &err) < 0) {
                bad(types[i].type, err.message);
                break;
            }
            uint64_t now[2] = {hash_of_file(text_path), hash_of_file(vision_path)};
            if (pass && (now[0] != one[0] || now[1] != one[1]))
                bad(types[i].type, "other bytes with three threads");
            memcpy(one, now, sizeof one);
            if (!pass && ask_path(&hash, &err) < 0)
                bad(types[i].type, err.message);
            clean();
        }
        printf("%-7s text %8llu bytes, error %.5f; tower %8llu bytes, error %.5f\n", types[i].type,
               (unsigned long long)r.text_bytes, r.text_error, (unsigned long long)r.vision_bytes,
               r.vision_error);
        if (!(r.text_error < types[i].most) || !(r.text_error > 0))
            bad(types[i].type, "an error that this type does not have");
    }
    made_free(&m);
}

/* ---- refusals ---- */

static void expect_refusal(const char *what, const vlm_file *files, size_t n, const char *type,
                           const char *words)
{
    vlm_error err = {0};
    struct stat st;
    int rc = quantize(files, n, type, NULL, 2, NULL, &err);
    if (rc >= 0)
        bad(what, "was not refused");
    else if (!strstr(err.message, words))
        bad(what, err.message);
    if (stat(text_path, &st) == 0 || stat(vision_path, &st) == 0)
        bad(what, "left a file behind");
    clean();
}

/* One number of the last tensor that lies in the file of weights, changed. */
static void refusals(void)
{
    static const struct {
        float value;
        const char *type, *words;
    } cases[] = {{NAN, "q8_0", "found nan, expected finite numbers"},
                 {INFINITY, "f32", "found inf, expected finite numbers"},
                 {-INFINITY, "q4_k", "found -inf, expected finite numbers"},
                 {1e9f, "f16", "found 1e+09, expected at most 65520"},
                 {-3e38f, "q4_k_m", "found -3e+38, expected at most"}};
    struct made m;
    made_make(&m, golden_model, &(struct made_options){.type = VLM_NUM_F32});
    vlm_file *f = test_model_file(&m.hf, "model.safetensors");
    /* the decoder's first value matrix, by its name in the header */
    const char *name = "text_model.layers.0.self_attn.v_proj.weight";
    char *data = (char *)(uintptr_t)f->data, *at = strstr(data + 8, name);
    unsigned long long header = 0, begin = 0;
    memcpy(&header, data, 8);
    at = at ? strstr(at, "data_offsets\":[") : NULL;
    if (!at || sscanf(at + 15, "%llu", &begin) != 1)
        test_die(name, "not found");
    float *number = (float *)(void *)(data + 8 + header + begin) + 256 * 5 + 3; /* row 5 */
    float before;
    memcpy(&before, number, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(number, &cases[i].value, 4);
        expect_refusal(cases[i].words, m.hf.files, m.hf.n, cases[i].type, cases[i].words);
        expect_refusal("row", m.hf.files, m.hf.n, cases[i].type, "blk.0.attn_v.weight, row 5:");
    }
    memcpy(number, &before, 4);
    expect_refusal("type", m.hf.files, m.hf.n, "q9_z", "type 'q9_z'");
    made_free(&m);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    golden_model = argv[1];
    snprintf(dir, sizeof dir, "/tmp/vlm-quantize.XXXXXX");
    if (!mkdtemp(dir))
        test_die(dir, "cannot create");
    snprintf(text_path, sizeof text_path, "%s/m.gguf", dir);
    snprintf(vision_path, sizeof vision_path, "%s/mmproj-m.gguf", dir);
    exact();
    each_type();
    refusals();
    if (rmdir(dir) != 0)
        bad(dir, "something was left there");
    puts(n_bad ? "failed" : "all as expected");
    return n_bad != 0;
}
