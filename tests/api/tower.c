/* tower.c MODEL DIRECTORY: engine option vision_type: what is rounded and what is not, how far
 * features then lie from the floats', the same bits for any number of threads, and who may use what
 * was computed so.  Rows of MODEL's tower (40, 64, 160, 768 long) divide into blocks or do not. */
#include <math.h>
#include <string.h>
#include <vlm_quantize.h>
#include <vlm_tools.h>

#include "check.h"

enum { W = 40, H = 30, MOST = 1 << 16 };

static char text[1024], tower[1024], saved[1024];

static vlm_engine *open_engine(const char *model, const char *mmproj, const char *type, int threads,
                               int exact)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = threads;
    o.vision_type = type;
    o.mmproj = mmproj;
    o.exact = exact;
    MUST(vlm_engine_open(&e, model, &o, &err));
    return e;
}

static vlm_image *noise(vlm_engine *e)
{
    static uint8_t rgb[W * H * 3];
    vlm_image *image;
    unsigned seed = 5;
    for (size_t i = 0; i < sizeof rgb; i++) {
        seed = seed * 1103515245u + 12345u;
        rgb[i] = (uint8_t)(seed >> 16);
    }
    MUST(vlm_image_from_rgb(&image, e, rgb, W, H, &err));
    return image;
}

struct features {
    float v[MOST];
    size_t n;
};

static int keep(void *ctx, const vlm_traced *piece)
{
    struct features *f = ctx;
    size_t n = piece->n_rows * piece->shape[1];
    if (strcmp(piece->name, "connector") == 0 && f->n + n <= MOST) {
        memcpy(f->v + f->n, piece->data, n * sizeof *f->v);
        f->n += n;
    }
    return 0;
}

static void look(struct features *f, const char *model, const char *mmproj, const char *type,
                 int threads, int exact)
{
    vlm_engine *e = open_engine(model, mmproj, type, threads, exact);
    vlm_image *image = noise(e);
    vlm_part part = vlm_part_image(image);
    vlm_message message = {.role = "user", .parts = &part, .n_parts = 1};
    vlm_session_options o;
    vlm_session_options_init(&o);
    f->n = 0;
    MUST(vlm_trace(e, &message, 1, NULL, 0, &o, 0, keep, f, &err));
    CHECK(f->n > 0);
    vlm_image_close(image);
    vlm_engine_close(e);
}

/* Root of squared differences over squares. */
static double distance(const struct features *a, const struct features *b)
{
    double d = 0, all = 0;
    CHECK(a->n == b->n);
    for (size_t i = 0; i < a->n; i++) {
        d += ((double)a->v[i] - b->v[i]) * ((double)a->v[i] - b->v[i]);
        all += (double)b->v[i] * b->v[i];
    }
    return sqrt(d / all);
}

static struct features as_file, now;

/* A directory of floats. */
static void check_floats(const char *model)
{
    look(&as_file, model, NULL, "file", 1, 0);
    look(&now, model, NULL, NULL, 1, 0);
    CHECK(distance(&now, &as_file) == 0); /* auto rounds nothing there */
    look(&now, model, NULL, "q8_0", 1, 0);
    double d = distance(&now, &as_file);
    printf("directory in q8_0: %.4f away\n", d);
    CHECK(d > 0.001 && d < 0.03); /* 0.0183 measured: weights and rows of two layers in 8 bits */
    static struct features other;
    look(&other, model, NULL, "q8_0", 3, 0);
    CHECK(distance(&other, &now) == 0);
    look(&other, model, NULL, "q8_0", 2, 1); /* rounded weights, but not rows */
    printf("its weights alone: %.4f\n", distance(&other, &as_file));
    CHECK(distance(&other, &as_file) > 0.001 && distance(&other, &as_file) < d);
}

/* A file in which one matrix of a layer could be in Q8_0. */
static void check_rest(const char *model)
{
    vlm_quantize_options q;
    vlm_quantize_result r;
    vlm_engine *e = open_engine(model, NULL, NULL, 1, 0);
    vlm_quantize_options_init(&q);
    q.type = "f32";
    q.vision_type = "q8_0";
    q.text_path = text;
    q.vision_path = tower;
    q.replace = 1;
    MUST(vlm_quantize(e, &q, &r, &err));
    vlm_engine_close(e);
    static struct features rest, all;
    look(&as_file, text, tower, "file", 1, 0);
    look(&rest, text, tower, "auto", 2, 0);
    look(&all, text, tower, "q8_0", 2, 0);
    printf("file in Q8_0 and F16: the rest rounded %.4f away, all %.4f\n",
           distance(&rest, &as_file), distance(&all, &as_file));
    CHECK(distance(&rest, &as_file) > 0.001 && distance(&rest, &as_file) < 0.03); /* 0.0172 */
    CHECK(distance(&all, &as_file) < 0.03 && distance(&all, &rest) > 0);
    look(&as_file, text, tower, "file", 1, 1);
    look(&now, text, tower, NULL, 1, 1);
    CHECK(distance(&now, &as_file) == 0); /* exact */
}

/* A session that saw with other numbers is not this one's. */
static void check_saved(const char *model)
{
    vlm_session *s;
    vlm_session_options o;
    vlm_part part = vlm_part_text("Hello");
    vlm_message message = {.role = "user", .parts = &part, .n_parts = 1};
    vlm_engine *e = open_engine(model, NULL, "q8_0", 1, 0);
    vlm_session_options_init(&o);
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &message, 1, &err));
    MUST(vlm_session_save(s, saved, &err));
    MUST(vlm_session_load(s, saved, &err));
    vlm_session_close(s);
    vlm_engine_close(e);
    e = open_engine(model, NULL, "file", 1, 0);
    MUST(vlm_session_open(&s, e, &o, &err));
    CHECK(vlm_session_load(s, saved, &err) == VLM_ERR_UNSUPPORTED &&
          strstr(err.message, "model is"));
    vlm_session_close(s);
    vlm_engine_close(e);
}

/* Told before, and charged with the first picture. */
static void check_memory(const char *model)
{
    static const char *const types[2] = {"file", "q8_0"};
    uint64_t told[2], used, peak;
    for (size_t i = 0; i < 2; i++) {
        vlm_image_estimate image = {.width = W, .height = H};
        vlm_session_options o;
        vlm_estimate x;
        vlm_engine *e = open_engine(model, NULL, types[i], 1, 0);
        vlm_session_options_init(&o);
        MUST(vlm_session_estimate_images(e, &o, &image, 1, &x, &err));
        told[i] = x.vision_bytes;
        vlm_engine_memory(e, &used, &peak);
        printf("%s: %llu for a picture, opened with %llu\n", types[i], (unsigned long long)told[i],
               (unsigned long long)used);
        vlm_engine_close(e);
    }
    CHECK(told[1] > told[0]);
}

int main(int argc, char **argv)
{
    vlm_engine *e;
    vlm_engine_options o;
    if (argc != 3)
        return 2;
    snprintf(text, sizeof text, "%s/tower-text.gguf", argv[2]);
    snprintf(tower, sizeof tower, "%s/mmproj-tower.gguf", argv[2]);
    snprintf(saved, sizeof saved, "%s/tower.session", argv[2]);
    check_floats(argv[1]);
    check_rest(argv[1]);
    check_saved(argv[1]);
    check_memory(argv[1]);
    vlm_engine_options_init(&o);
    o.vision_type = "q4_0";
    CHECK(vlm_engine_open(&e, argv[1], &o, &err) == VLM_ERR_ARGUMENT &&
          strstr(err.message, "q8_0"));
    remove(text);
    remove(tower);
    remove(saved);
    printf(bad ? "%d not so\n" : "all so\n", bad);
    return bad != 0;
}
