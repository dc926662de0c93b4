/* gguf.c DIR: the same weights as a Hugging Face directory and as GGUF give the same bits, in every
 * block type, with and without a tied head, split, with the tower's matrices swapped by name; and
 * which mmproj file is taken.  DIR: a golden model directory whose tokenizer and template are used.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "golden.h"
#include "made.h"

enum { N_GENERATE = 64 };

static const char *golden_model;
static unsigned n_bad;

struct seen {
    uint64_t hash; /* of all that trace shows, names included */
    int32_t ids[N_GENERATE];
    size_t n_ids;
};

static int take(void *ctx, const vlm_traced *piece)
{
    struct seen *s = ctx;
    size_t n = piece->n_rows;
    for (size_t d = 1; d < piece->n_dims; d++)
        n *= piece->shape[d];
    uint32_t name[8] = {0};
    snprintf((char *)name, sizeof name, "%s", piece->name);
    s->hash = golden_hash(s->hash, name, 8);
    s->hash = golden_hash(s->hash, piece->data, n);
    if (strcmp(piece->name, "generated_ids") == 0 && s->n_ids + n <= N_GENERATE) {
        memcpy(s->ids + s->n_ids, piece->data, n * sizeof *s->ids);
        s->n_ids += n;
    }
    return 0;
}

static int ask(vlm_engine *e, struct seen *s, bool picture, vlm_error *err)
{
    static uint8_t pixels[100 * 50 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i / 97 + i / 300 * 5);
    vlm_image *image;
    vlm_session_options o;
    vlm_session_options_init(&o);
    *s = (struct seen){.hash = GOLDEN_HASH};
    int rc = vlm_image_from_rgb(&image, e, pixels, 100, 50, err);
    if (rc < 0)
        return rc;
    vlm_part parts[] = {vlm_part_text("What is the total? 12,50"), vlm_part_image(image)};
    vlm_message m = {.role = "user", .parts = parts, .n_parts = picture ? 2 : 1};
    rc = vlm_trace(e, &m, 1, NULL, 0, &o, N_GENERATE, take, s, err);
    vlm_image_close(image);
    return rc;
}

static int open_and_ask(struct seen *s, const vlm_file *files, size_t n, const char *isa,
                        const char *mmproj, bool picture, vlm_error *err)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.exact = 1;
    o.n_threads = 1;
    o.isa = isa;
    o.mmproj = mmproj;
    int rc = vlm_engine_open_files(&e, files, n, &o, err);
    if (rc < 0)
        return rc;
    rc = ask(e, s, picture, err);
    vlm_engine_close(e);
    return rc;
}

static size_t kinds(const struct seen *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_ids; i++) {
        size_t k = 0;
        while (s->ids[k] != s->ids[i])
            k++;
        n += k == i;
    }
    return n;
}

static void file_of(vlm_file *f, const char *name, const struct vlm_buf *b)
{
    *f = (vlm_file){name, b->data, b->n};
}

static size_t gguf_files(vlm_file *files, const struct made *m, size_t parts)
{
    static const char *const names[2][4] = {
        {"model.gguf", "mmproj-model.gguf"},
        {"model-00001-of-00002.gguf", "mmproj-model-00001-of-00002.gguf",
         "model-00002-of-00002.gguf", "mmproj-model-00002-of-00002.gguf"}};
    for (size_t i = 0; i < parts; i++) {
        file_of(&files[2 * i], names[parts - 1][2 * i], &m->text[i]);
        file_of(&files[2 * i + 1], names[parts - 1][2 * i + 1], &m->vision[i]);
    }
    return 2 * parts;
}

/* ---- the same bits ---- */

/* At the best level with a picture, at the others (every_level) a text. */
static void check_equal(const char *what, const struct made_options *o, bool every_level)
{
    struct made m;
    vlm_file files[4];
    vlm_error err = {0};
    made_make(&m, golden_model, o);
    size_t n = gguf_files(files, &m, o->parts ? o->parts : 1);
    const char *isa;
    for (size_t i = 0; (isa = vlm_isa_name(i)); i++) {
        struct seen a, b;
        const char *problem = NULL;
        bool best = !vlm_isa_name(i + 1);
        if (!best && !every_level)
            continue;
        if (open_and_ask(&a, m.hf.files, m.hf.n, isa, NULL, best, &err) < 0 ||
            open_and_ask(&b, files, n, isa, NULL, best, &err) < 0)
            problem = err.message;
        else if (a.n_ids != b.n_ids || memcmp(a.ids, b.ids, a.n_ids * sizeof *a.ids) != 0)
            problem = "other tokens";
        else if (a.hash != b.hash)
            problem = "the same tokens, other bits";
        else if (a.n_ids == 0 || kinds(&a) < 3)
            problem = "an answer that proves nothing";
        n_bad += problem != NULL;
        printf("%-6s %-7s %s: %zu tokens of %zu kinds%s%s\n", problem ? "FAILED" : "ok", isa, what,
               a.n_ids, kinds(&a), problem ? ": " : "", problem ? problem : "");
        fflush(stdout);
    }
    made_free(&m);
}

static void each_type(void)
{
    for (int t = 0; t < VLM_N_NUM; t++) {
        enum vlm_num type = (enum vlm_num)t;
        if (type != VLM_NUM_F8_E4M3 && type != VLM_NUM_I8) /* GGUF has none of them */
            check_equal(vlm_num_info(type)->name, &(struct made_options){.type = type},
                        type == VLM_NUM_F16 || type == VLM_NUM_Q8_0 || type == VLM_NUM_Q4_K);
    }
}

/* ---- which tower ---- */

/* says NULL: an answer to a question with (picture) or without one; else part of the error. */
static void expect(const char *what, const vlm_file *files, size_t n, const char *mmproj,
                   bool picture, const char *says)
{
    struct seen s;
    vlm_error err = {0};
    int rc = open_and_ask(&s, files, n, "auto", mmproj, picture, &err);
    bool ok = says ? rc < 0 && strstr(err.message, says) : rc >= 0;
    n_bad += !ok;
    printf("%-6s %s: %s\n", ok ? "ok" : "FAILED", what, rc < 0 ? err.message : "an answer");
}

static void which_tower(void)
{
    struct made m, other;
    vlm_file f[6];
    made_make(&m, golden_model, &(struct made_options){.type = VLM_NUM_F16});
    made_make(&other, golden_model, &(struct made_options){.type = VLM_NUM_F16, .width = 128});
    file_of(&f[0], "model.gguf", m.text);
    expect("no tower, a text", f, 1, NULL, false, NULL);
    expect("no tower, a picture", f, 1, NULL, true, "no vision tower");
    file_of(&f[1], "mmproj-a.gguf", m.vision);
    expect("one tower", f, 2, NULL, true, NULL);
    expect("one tower, not wanted", f, 2, "", true, "no vision tower");
    expect("a tower that is not there", f, 2, "mmproj-b.gguf", true, "mmproj-b.gguf");
    expect("the model as its own tower", f, 2, "model.gguf", true, "'llama', expected 'clip'");
    file_of(&f[2], "mmproj-b.gguf", other.vision);
    expect("the one of two that fits", f, 3, NULL, true, NULL);
    expect("the other one named", f, 3, "mmproj-b.gguf", true,
           "projection_dim is 128, expected 256");
    file_of(&f[3], "mmproj-c.gguf", m.vision);
    expect("two that fit", f, 4, NULL, true, "--mmproj");
    expect("two that fit, one named", f, 4, "mmproj-c.gguf", true, NULL);
    f[1] = f[2];
    expect("none that fits", f, 2, NULL, false, "not the mmproj of this model");
    file_of(&f[0], "model.gguf", m.vision);
    expect("a tower as the model", f, 1, NULL, false, "'clip', expected 'llama'");
    expect("a directory with an mmproj", m.hf.files, m.hf.n, "a.gguf", false, "GGUF");
    made_free(&m);
    made_free(&other);
}

/* ---- on disk ---- */

static void write_file(const char *dir, const char *name, const struct vlm_buf *b)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(b->data, 1, b->n, f) != b->n || fclose(f) != 0)
        test_die(path, "cannot write");
}

static void expect_path(const char *dir, const char *name, const char *mmproj, uint64_t hash)
{
    char path[300], tower[300];
    vlm_engine *e;
    vlm_engine_options o;
    vlm_error err = {0};
    struct seen s;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(tower, sizeof tower, "%s/%s", dir, mmproj ? mmproj : "");
    vlm_engine_options_init(&o);
    o.exact = 1;
    o.mmproj = mmproj ? tower : NULL;
    o.no_mmap = mmproj != NULL;
    int rc = vlm_engine_open(&e, path, &o, &err);
    if (rc == VLM_OK) {
        rc = ask(e, &s, true, &err);
        vlm_engine_close(e);
    }
    bool ok = rc == VLM_OK && s.hash == hash;
    n_bad += !ok;
    printf("%-6s %s%s%s: %s\n", ok ? "ok" : "FAILED", name, mmproj ? " with " : "",
           mmproj ? mmproj : "",
           rc < 0 ? err.message
           : ok   ? "the same bits"
                  : "other bits");
}

static void on_disk(void)
{
    struct made m;
    vlm_file f[4];
    struct seen s;
    vlm_error err = {0};
    char dir[] = "/tmp/vlm-gguf-XXXXXX", sub[100];
    made_make(&m, golden_model, &(struct made_options){.type = VLM_NUM_Q8_0, .parts = 2});
    if (!mkdtemp(dir) || open_and_ask(&s, f, gguf_files(f, &m, 2), NULL, NULL, true, &err) < 0)
        test_die("on disk", err.message);
    snprintf(sub, sizeof sub, "%s/other", dir);
    mkdir(sub, 0700);
    write_file(dir, "m-00001-of-00002.gguf", &m.text[0]);
    write_file(dir, "m-00002-of-00002.gguf", &m.text[1]);
    write_file(dir, "mmproj-m-00001-of-00002.gguf", &m.vision[0]);
    write_file(dir, "mmproj-m-00002-of-00002.gguf", &m.vision[1]);
    write_file(sub, "tower-00001-of-00002.gguf", &m.vision[0]);
    write_file(sub, "tower-00002-of-00002.gguf", &m.vision[1]);
    expect_path(dir, "m-00001-of-00002.gguf", NULL, s.hash);
    expect_path(dir, "m-00002-of-00002.gguf", NULL, s.hash); /* any part names the model */
    expect_path(dir, "m-00001-of-00002.gguf", "other/tower-00002-of-00002.gguf", s.hash);
    made_free(&m);
    made_make(&m, golden_model, &(struct made_options){.type = VLM_NUM_Q8_0});
    write_file(sub, "whole", &m.text[0]); /* known by its first bytes */
    write_file(sub, "mmproj.gguf", &m.vision[0]);
    expect_path(sub, "whole", NULL, s.hash);
    made_free(&m);
    char command[150];
    snprintf(command, sizeof command, "rm -r %s", dir);
    if (system(command) != 0)
        printf("%s is left\n", dir);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    golden_model = argv[1];
    each_type();
    check_equal("tied", &(struct made_options){.type = VLM_NUM_F16, .tied = true}, false);
    check_equal("swapped names",
                &(struct made_options){.type = VLM_NUM_Q8_0, .swapped = true, .vision_type = true},
                false);
    check_equal("in two parts", &(struct made_options){.type = VLM_NUM_Q4_K, .parts = 2}, false);
    which_tower();
    on_disk();
    printf("%u failed\n", n_bad);
    return n_bad > 0;
}
