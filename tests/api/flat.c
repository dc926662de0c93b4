/* flat.c MODEL TMP: frames of one colour, and other equal frames, go through the tower once: fewer
 * tiles are encoded, and what is kept of each picture (a file of feature_dir behind its header) is
 * to the last bit what the tower says of every frame by itself (vlm_trace). */
#include <dirent.h>
#include <string.h>
#include <unistd.h>
#include <vlm_tools.h>

#include "check.h"

enum { W = 192, H = 256, SQUARE = 24, HEADER = 80, MOST = 1 << 18 };

static char dir[1000];
static float want[MOST], got[MOST];
static size_t n_want;

/* White; with noise in the first so many rows, and in a square at the lower end. */
static vlm_image *page(vlm_engine *e, size_t noise, unsigned seed)
{
    static uint8_t rgb[W * H * 3];
    vlm_image *image;
    memset(rgb, 255, sizeof rgb);
    for (size_t i = 0; i < (size_t)W * H; i++)
        if (i / W < noise || (seed && i / W > H - SQUARE && i % W > W - SQUARE)) {
            seed = seed * 1103515245u + 12345u;
            memset(rgb + 3 * i, (int)(seed >> 24), 3);
        }
    MUST(vlm_image_from_rgb(&image, e, rgb, W, H, &err));
    return image;
}

static int keep(void *ctx, const vlm_traced *piece)
{
    size_t n = piece->n_rows * piece->shape[1];
    (void)ctx;
    if (strcmp(piece->name, "connector") == 0 && n_want + n <= MOST) {
        memcpy(want + n_want, piece->data, n * sizeof *want);
        n_want += n;
    }
    return 0;
}

/* The one file of the directory holds the traced features; it is removed. */
static void check_file(void)
{
    DIR *d = opendir(dir);
    size_t files = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        char path[2000];
        if (f->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        FILE *in = fopen(path, "rb");
        files++;
        CHECK(in && fseek(in, HEADER, SEEK_SET) == 0 &&
              fread(got, sizeof *got, MOST, in) == n_want && n_want > 0 &&
              memcmp(got, want, n_want * sizeof *got) == 0);
        if (in)
            fclose(in);
        unlink(path);
    }
    if (d)
        closedir(d);
    CHECK(files == 1);
}

/* Asks about a page; returns how many tiles the tower saw. */
static size_t ask(vlm_engine *e, const char *tenant, size_t noise, unsigned seed)
{
    vlm_session *s;
    vlm_token token;
    vlm_stats stats;
    vlm_session_options o;
    vlm_image *image = page(e, noise, seed);
    vlm_part part = vlm_part_image(image);
    vlm_message m = {"user", &part, 1, 0};
    vlm_session_options_init(&o);
    o.max_tokens = 1;
    o.tenant = tenant;
    n_want = 0;
    MUST(vlm_trace(e, &m, 1, NULL, 0, &o, 0, keep, NULL, &err));
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &m, 1, &err));
    CHECK(vlm_session_next(s, &token, &err) == VLM_OK);
    vlm_session_stats(s, &stats);
    vlm_session_close(s);
    vlm_image_close(image);
    check_file();
    return stats.n_tiles;
}

int main(int argc, char **argv)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_image_estimate size = {.width = W, .height = H};
    vlm_estimate x;
    if (argc != 3)
        return 2;
    snprintf(dir, sizeof dir, "%s/flat-%ld", argv[2], (long)getpid());
    vlm_engine_options_init(&o);
    o.n_threads = 2;
    o.feature_dir = dir;
    MUST(vlm_engine_open(&e, argv[1], &o, &err));
    MUST(vlm_session_estimate_images(e, NULL, &size, 1, &x, &err));
    size_t all = size.n_tiles;
    printf("%zu tiles\n", all);
    CHECK(all > 6);
    CHECK(ask(e, NULL, H, 1) == all); /* noise: no two are alike */
    size_t part = ask(e, NULL, H / 3, 7);
    printf("white below a third: %zu\n", part);
    CHECK(part > 1 && part < all);
    size_t white = ask(e, NULL, 0, 0); /* all tiles like those of the page before */
    CHECK(white == 0);
    CHECK(ask(e, "other", 0, 0) == 1); /* but not another tenant's */
    vlm_engine_close(e);
    rmdir(dir);
    printf(bad ? "%d not so\n" : "all so\n", bad);
    return bad != 0;
}
