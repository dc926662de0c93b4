/* fuzz_chunks.c: pictures made of chunks whose outer form is right, so that what is in them is
 * reached: the first byte chooses.  Even: the rest follows the head of a WebP file.  Odd: the rest
 * is a list of PNG chunks (length, kind, data), which get their checksums here. */
#include <stdlib.h>
#include <string.h>

#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)

static void load(const uint8_t *data, size_t n)
{
    enum vlm_image_kind kind;
    uint32_t w = 0, h = 0;
    vlm_error err = {0};
    struct vlm_image *image = NULL;
    if (vlm_image_probe(&kind, &w, &h, data, n, "fuzz", &err) != VLM_OK) {
        CHECK(err.message[0] != 0 && w == 0 && h == 0);
        return;
    }
    if ((uint64_t)w * h > 1 << 15) /* allowed, but a fuzzer should not spend its time there */
        return;
    if (vlm_image_load(&image, &vlm_mem_system, data, n, "fuzz", &err) == VLM_OK)
        CHECK((image->width == w && image->height == h) ||
              (image->width == h && image->height == w));
    else
        CHECK(err.message[0] != 0 && strchr(err.message, '\n') == NULL && image == NULL);
    vlm_image_free(image);
}

static void webp(const uint8_t *data, size_t n)
{
    uint8_t *file = malloc(n + 12);
    memcpy(file, "RIFF\0\0\0\0WEBP", 12);
    for (int i = 0; i < 4; i++)
        file[4 + i] = (uint8_t)((n + 4) >> 8 * i);
    memcpy(file + 12, data, n);
    load(file, n + 12);
    free(file);
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;
    while (n-- != 0) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* A length that leads over the end is taken for the rest, as in the seeds' last chunks. */
static void png(const uint8_t *data, size_t n)
{
    uint8_t *file = malloc(n * 2 + 8);
    size_t to = 8;
    memcpy(file, "\x89PNG\r\n\x1a\n", 8);
    while (n >= 8) {
        size_t length =
            (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
        length = length > n - 8 ? n - 8 : length;
        for (int i = 0; i < 4; i++)
            file[to + (size_t)i] = (uint8_t)(length >> (24 - 8 * i));
        memcpy(file + to + 4, data + 4, length + 4);
        uint32_t crc = crc_of(data + 4, length + 4);
        to += length + 8;
        for (int i = 0; i < 4; i++)
            file[to++] = (uint8_t)(crc >> (24 - 8 * i));
        data += length + 8;
        n -= length + 8;
    }
    load(file, to);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    if ((data[0] & 1) == 0)
        webp(data + 1, n - 1);
    else
        png(data + 1, n - 1);
    return 0;
}
