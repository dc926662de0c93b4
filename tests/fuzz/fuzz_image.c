/* fuzz_image.c: any bytes as a picture file, on to tiles and floats. */
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

static const struct vlm_image_config configs[] = {
    {.longest_edge = 64, .tile = 16, .resample = VLM_RESAMPLE_LANCZOS, .split = true},
    {.longest_edge = 100,
     .tile = 27,
     .resample = VLM_RESAMPLE_BICUBIC,
     .split = true,
     .max_tiles = 3},
    {.longest_edge = 96, .tile = 32, .resample = VLM_RESAMPLE_LANCZOS, .split = false},
    {.longest_edge = 4096,
     .tile = 32,
     .resample = VLM_RESAMPLE_LANCZOS,
     .split = true,
     .max_tiles = 9},
};

static void tile(const struct vlm_image *image, struct vlm_image_config c)
{
    struct vlm_tile_plan p;
    vlm_error err;
    c.rescale = 1.0 / 255;
    for (int i = 0; i < 3; i++)
        c.mean[i] = c.std[i] = 0.5f;
    CHECK(vlm_image_plan(&p, image->width, image->height, &c, &err) == VLM_OK);
    CHECK(p.n_frames == p.rows * p.cols + 1 && p.n_frames <= VLM_LIMIT_TILES + 1);
    CHECK(c.max_tiles == 0 || p.rows * p.cols <= c.max_tiles);
    size_t bytes = (size_t)c.tile * c.tile * 3;
    uint8_t *frames = malloc(bytes * p.n_frames);
    float *x = malloc(bytes * sizeof *x);
    CHECK(vlm_image_tiles(frames, &p, image, &c, &vlm_mem_system, &err) == VLM_OK);
    for (uint32_t i = 0; i < p.n_frames; i++) {
        double box[4];
        vlm_image_frame_box(box, &p, i, image->width, image->height);
        CHECK(box[0] >= 0 && box[1] >= 0 && box[2] > 0 && box[3] > 0 &&
              box[0] + box[2] <= image->width + 0.001 && box[1] + box[3] <= image->height + 0.001);
    }
    vlm_image_normalise(x, frames + (p.n_frames - 1) * bytes, c.tile, &c);
    CHECK(x[0] >= -1 && x[bytes - 1] <= 1);
    free(frames);
    free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum vlm_image_kind kind;
    uint32_t w = 0, h = 0;
    vlm_error err = {0};
    struct vlm_image *image = NULL;
    if (vlm_image_probe(&kind, &w, &h, data, n, "fuzz", &err) != VLM_OK) {
        CHECK(err.message[0] != 0 && w == 0 && h == 0);
        return 0;
    }
    CHECK(w >= 1 && h >= 1 && w <= VLM_LIMIT_IMAGE_SIDE && h <= VLM_LIMIT_IMAGE_SIDE);
    if ((uint64_t)w * h > 1 << 15) /* allowed, but a fuzzer should not spend its time there */
        return 0;
    if (vlm_image_load(&image, &vlm_mem_system, data, n, "fuzz", &err) != VLM_OK) {
        CHECK(err.message[0] != 0 && strchr(err.message, '\n') == NULL && image == NULL);
        return 0;
    }
    CHECK((image->width == w && image->height == h) || (image->width == h && image->height == w));
    tile(image, configs[n % (sizeof configs / sizeof *configs)]);
    vlm_image_free(image);
    return 0;
}
