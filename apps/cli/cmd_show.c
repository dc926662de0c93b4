/* cmd_show.c: vlm show: a picture in Braille dots, for looking at documents in a terminal.  Each
 * character is 2 x 4 dots; what is rarer, dark or bright (by Otsu's threshold), is ink: a dot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cmd.h"
#include "io.h"
#include "media.h"
#include "model.h"

struct dots {
    size_t width, height; /* multiples of 2 and 4 */
    uint8_t *grey;        /* [height][width] */
};

/* Box average of the pixels under each dot. */
static uint8_t average(const vlm_image *image, size_t x, size_t y, const struct dots *d)
{
    size_t w = vlm_image_width(image), h = vlm_image_height(image), n = 0;
    size_t x0 = x * w / d->width, x1 = (x + 1) * w / d->width, y0 = y * h / d->height,
           y1 = (y + 1) * h / d->height;
    uint64_t sum = 0;
    for (size_t i = y0; i < (y1 > y0 ? y1 : y0 + 1); i++)
        for (size_t k = x0; k < (x1 > x0 ? x1 : x0 + 1); k++, n++) {
            const uint8_t *p = vlm_image_pixels(image) + (i * w + k) * 3;
            sum += (77u * p[0] + 150u * p[1] + 29u * p[2]) >> 8;
        }
    return (uint8_t)(sum / n);
}

/* The threshold that separates the two classes best (Otsu 1979). */
static int threshold(const struct dots *d)
{
    size_t count[256] = {0}, n = d->width * d->height, n_dark = 0;
    double sum = 0, sum_dark = 0, best = -1;
    int at = 127;
    for (size_t i = 0; i < n; i++) {
        count[d->grey[i]]++;
        sum += d->grey[i];
    }
    for (int t = 0; t < 255; t++) {
        n_dark += count[t];
        sum_dark += (double)t * (double)count[t];
        if (n_dark == 0 || n_dark == n)
            continue;
        double gap = sum_dark / (double)n_dark - (sum - sum_dark) / (double)(n - n_dark);
        double between = (double)n_dark * (double)(n - n_dark) * gap * gap;
        if (between > best) {
            best = between;
            at = t;
        }
    }
    return at;
}

static void print_dots(const struct dots *d)
{
    static const uint8_t bit[4][2] = {{0, 3}, {1, 4}, {2, 5}, {6, 7}};
    size_t n_dark = 0, n = d->width * d->height;
    int t = threshold(d);
    for (size_t i = 0; i < n; i++)
        n_dark += d->grey[i] <= t;
    bool dark_is_ink = n_dark <= n / 2;
    for (size_t y = 0; y < d->height; y += 4) {
        for (size_t x = 0; x < d->width; x += 2) {
            uint32_t cell = 0x2800;
            char utf8[4];
            for (size_t i = 0; i < 8; i++)
                if ((d->grey[(y + i / 2) * d->width + x + i % 2] <= t) == dark_is_ink)
                    cell |= 1u << bit[i / 2][i % 2];
            fwrite(utf8, 1, vlm_utf8_encode(utf8, cell), stdout);
        }
        putchar('\n');
    }
}

static size_t columns(const struct cli_options *o)
{
    struct winsize size;
    if (o->width)
        return o->width;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 4 ? size.ws_col : 80;
}

static int draw(const struct cli_options *o, const vlm_image *image, vlm_error *err)
{
    struct dots d = {.width = 2 * columns(o)};
    size_t w = vlm_image_width(image);
    if (d.width > w)
        d.width = (w + 1) / 2 * 2;
    d.height = (vlm_image_height(image) * d.width / w + 3) / 4 * 4;
    if (d.height > 4000)
        d.height = 4000;
    d.height = d.height ? d.height : 4;
    d.grey = vlm_mem_alloc(&vlm_mem_system, d.width, d.height);
    if (!d.grey)
        return vlm_fail_memory(err, d.width * d.height, "the dots");
    for (size_t y = 0; y < d.height; y++)
        for (size_t x = 0; x < d.width; x++)
            d.grey[y * d.width + x] = average(image, x, y, &d);
    print_dots(&d);
    vlm_mem_free(&vlm_mem_system, d.grey);
    return VLM_OK;
}

int cli_cmd_show(const struct cli_options *o)
{
    struct cli_model m;
    vlm_image *image;
    vlm_error err = {0};
    int status = cli_model_open(&m, o, NULL, true);
    if (status)
        return status;
    int rc = cli_image_open(&image, m.engine, o, o->args.v[0], &err);
    if (rc >= 0) {
        rc = draw(o, image, &err);
        vlm_image_close(image);
    }
    if (rc >= 0)
        rc = cli_flush(stdout, "standard output", &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}
