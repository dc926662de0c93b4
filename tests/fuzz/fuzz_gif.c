/* fuzz_gif.c: any bytes as an animated GIF, all frames of it; and as a picture. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)
#define MAX_PIXELS (1 << 15) /* more is allowed, but a fuzzer should not spend its time there */

static void still(const uint8_t *data, size_t n)
{
    enum vlm_image_kind kind;
    uint32_t w = 0, h = 0;
    vlm_error err = {0};
    struct vlm_image *image = NULL;
    if (vlm_image_probe(&kind, &w, &h, data, n, "fuzz", &err) != VLM_OK)
        return;
    CHECK(kind == VLM_IMAGE_GIF);
    if ((uint64_t)w * h > MAX_PIXELS)
        return;
    if (vlm_image_load(&image, &vlm_mem_system, data, n, "fuzz", &err) == VLM_OK)
        CHECK(image->width == w && image->height == h);
    else
        CHECK(err.message[0] != 0 && image == NULL);
    vlm_image_free(image);
}

static void play(const uint8_t *data, size_t n)
{
    vlm_error err = {0};
    struct vlm_gif *g = NULL;
    if (vlm_gif_open(&g, &vlm_mem_system, data, n, "fuzz", &err) != VLM_OK) {
        CHECK(err.message[0] != 0 && g == NULL);
        return;
    }
    struct vlm_gif_info info = vlm_gif_info(g);
    CHECK(info.width >= 1 && info.height >= 1 && info.n_frames >= 1);
    CHECK(info.n_frames <= VLM_LIMIT_GIF_FRAMES);
    size_t bytes = (size_t)info.width * info.height * 3;
    const uint8_t *rgb = NULL;
    double begin = 0, length = 0, end = 0;
    uint32_t frames = 0;
    int rc = VLM_DONE;
    while (bytes <= 3 * MAX_PIXELS && frames < 100 &&
           (rc = vlm_gif_next(g, &rgb, &begin, &length, &err)) == VLM_OK) {
        volatile uint8_t last = rgb[bytes - 1];
        (void)last;
        CHECK(begin >= end - 1e-6 && begin <= end + 1e-6 && length >= 0.02);
        end = begin + length;
        frames++;
    }
    CHECK(frames <= info.n_frames && end <= info.seconds + 1e-6);
    CHECK(rc >= 0 || err.message[0] != 0);
    if (rc == VLM_DONE && bytes <= 3 * MAX_PIXELS && frames < 100)
        CHECK(frames == info.n_frames);
    vlm_gif_close(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *file = malloc(n + 6);
    memcpy(file, "GIF89a", 6);
    if (n != 0)
        memcpy(file + 6, data, n);
    still(file, n + 6);
    play(file, n + 6);
    free(file);
    return 0;
}
