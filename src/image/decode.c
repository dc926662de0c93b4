/* decode.c: what a file is, a picture's life, and how it lies. */
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/limits.h"
#include "image/internal.h"

/* ---- what a file is ---- */

#define READ "JPEG, PNG, WebP and GIF are read"

struct signature {
    uint8_t at, n;
    const char *bytes, *kind;
};

static const struct signature signatures[] = {
    {0, 2, "BM", "a BMP"},
    {0, 4, "II*\0", "a TIFF"},
    {0, 4, "MM\0*", "a TIFF"},
    {0, 4, "II+\0", "a TIFF"},
    {0, 4, "MM\0+", "a TIFF"},
    {4, 8, "ftypavif", "an AVIF picture"},
    {4, 8, "ftypavis", "an AVIF picture"},
    {4, 7, "ftyphei", "a HEIC picture"},
    {4, 7, "ftyphev", "a HEIC picture"},
    {4, 8, "ftypmif1", "a HEIC picture"},
    {4, 8, "ftypmsf1", "a HEIC picture"},
    {4, 4, "ftyp", "a video"},
    {0, 4, "\x1A\x45\xDF\xA3", "a video"},
    {0, 5, "%PDF-", "a PDF"},
    {0, 4, "\0\0\1\0", "an ICO"},
    {0, 4, "\0\0\2\0", "a CUR"},
    {0, 8, "\0\0\0\x0CjP  ", "a JPEG 2000 picture"},
    {0, 4, "\xFF\x4F\xFF\x51", "a JPEG 2000 picture"},
    {0, 8, "\0\0\0\x0CJXL ", "a JPEG XL picture"},
    {0, 2, "\xFF\x0A", "a JPEG XL picture"},
    {0, 4, "8BPS", "a PSD"},
    {0, 4, "PK\3\4", "a ZIP archive"},
    {0, 2, "\x1F\x8B", "gzip data"},
    {0, 4, "\177ELF", "a program"},
    {0, 2, "MZ", "a program"},
    {0, 4, "GGUF", "a GGUF model"},
};

static bool starts_nocase(const uint8_t *p, size_t n, const char *word)
{
    size_t len = strlen(word);
    if (n < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]) != word[i])
            return false;
    return true;
}

/* Whether the first bytes hold no control character but white space. */
static bool looks_like_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && i < 256; i++)
        if (p[i] == 0x7F ||
            (p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t' && p[i] != '\f'))
            return false;
    return true;
}

static const char *text_kind(const uint8_t *p, size_t n)
{
    const uint8_t *end = p + n;
    if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
        p += 3;
    while (p != end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    n = (size_t)(end - p);
    if (starts_nocase(p, n, "<!doctype html") || starts_nocase(p, n, "<html"))
        return "an HTML page";
    if (starts_nocase(p, n, "<svg") ||
        (starts_nocase(p, n, "<?xml") && memmem(p, n < 4096 ? n : 4096, "<svg", 4) != NULL))
        return "an SVG drawing";
    return "text";
}

static int refuse_kind(const uint8_t *data, size_t n, const char *name, vlm_error *err)
{
    if (n == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: an empty file; " READ, name);
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const struct signature *s = &signatures[i];
        if (n < (size_t)s->at + s->n || memcmp(data + s->at, s->bytes, s->n) != 0)
            continue;
        if (s->n > 2 || !looks_like_text(data, n)) /* two letters may begin any text */
            return vlm_fail(err, VLM_ERR_UNSUPPORTED, "%s: this is %s; " READ, name, s->kind);
    }
    if (looks_like_text(data, n))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: this is %s; " READ, name, text_kind(data, n));
    struct vlm_quoted q;
    return vlm_fail(err, VLM_ERR_FORMAT,
                    "%s: no picture that is known here (it starts with \"%s\"); " READ, name,
                    vlm_base_quote(&q, data, n < 8 ? n : 8));
}

int vlm_image_check_size(uint32_t width, uint32_t height, const char *name, vlm_error *err)
{
    if (width == 0 || height == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: a picture of %ux%u pixels", name, width, height);
    if (width > VLM_LIMIT_IMAGE_SIDE || height > VLM_LIMIT_IMAGE_SIDE)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %ux%u pixels; a side may have at most %u", name,
                        width, height, (unsigned)VLM_LIMIT_IMAGE_SIDE);
    if ((uint64_t)width * height > VLM_LIMIT_IMAGE_PIXELS)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %ux%u pixels; at most %u in all are read", name,
                        width, height, (unsigned)VLM_LIMIT_IMAGE_PIXELS);
    return VLM_OK;
}

static bool find_kind(enum vlm_image_kind *kind, const uint8_t *data, size_t n)
{
    if (n >= 3 && memcmp(data, "\xFF\xD8\xFF", 3) == 0)
        *kind = VLM_IMAGE_JPEG;
    else if (n >= 8 && memcmp(data, "\x89PNG\r\n\x1A\n", 8) == 0)
        *kind = VLM_IMAGE_PNG;
    else if (n >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0)
        *kind = VLM_IMAGE_WEBP;
    else if (n >= 6 && (memcmp(data, "GIF87a", 6) == 0 || memcmp(data, "GIF89a", 6) == 0))
        *kind = VLM_IMAGE_GIF;
    else
        return false;
    return true;
}

int vlm_image_probe(enum vlm_image_kind *kind, uint32_t *width, uint32_t *height,
                    const uint8_t *data, size_t n, const char *name, vlm_error *err)
{
    enum vlm_image_kind k = VLM_IMAGE_JPEG;
    uint32_t w = 0, h = 0;
    int rc;
    if (n > VLM_LIMIT_IMAGE_FILE_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %zu bytes; a picture file may have at most %u",
                        name, n, (unsigned)VLM_LIMIT_IMAGE_FILE_BYTES);
    if (!find_kind(&k, data, n))
        return refuse_kind(data, n, name, err);
    switch (k) {
    case VLM_IMAGE_JPEG:
        rc = vlm_image_jpeg_size(&w, &h, data, n, name, err);
        break;
    case VLM_IMAGE_PNG:
        rc = vlm_image_png_size(&w, &h, data, n, name, err);
        break;
    case VLM_IMAGE_WEBP:
        rc = vlm_image_webp_size(&w, &h, data, n, name, err);
        break;
    default:
        rc = vlm_image_gif_size(&w, &h, data, n, name, err);
    }
    if (rc == VLM_OK)
        rc = vlm_image_check_size(w, h, name, err);
    if (rc != VLM_OK)
        return rc;
    *kind = k;
    *width = w;
    *height = h;
    return VLM_OK;
}

/* ---- a picture's life ---- */

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Takes over rgb, also when it fails. */
static int wrap(struct vlm_image **out, const vlm_allocator *alloc, uint8_t *rgb, uint32_t width,
                uint32_t height, vlm_error *err)
{
    struct vlm_image *image = vlm_mem_zalloc(alloc, 1, sizeof *image);
    if (image == NULL) {
        vlm_mem_free(alloc, rgb);
        return vlm_fail_memory(err, sizeof *image, "a picture");
    }
    *image = (struct vlm_image){.alloc = alloc, .width = width, .height = height, .rgb = rgb};
    uint8_t size[8];
    struct vlm_sha256 sha;
    put_u32(size, width);
    put_u32(size + 4, height);
    vlm_sha256_init(&sha);
    vlm_sha256_add(&sha, "vlm-rgb", 7);
    vlm_sha256_add(&sha, size, sizeof size);
    vlm_sha256_add(&sha, rgb, (size_t)width * height * 3);
    vlm_sha256_end(&sha, image->hash);
    *out = image;
    return VLM_OK;
}

int vlm_image_make(struct vlm_image **out, const vlm_allocator *alloc, const uint8_t *rgb,
                   uint32_t width, uint32_t height, vlm_error *err)
{
    int rc = vlm_image_check_size(width, height, "picture", err);
    if (rc != VLM_OK)
        return rc;
    uint8_t *copy = vlm_mem_alloc(alloc, (size_t)width * height, 3);
    if (copy == NULL)
        return vlm_fail_memory(err, (size_t)width * height * 3, "a picture");
    memcpy(copy, rgb, (size_t)width * height * 3);
    return wrap(out, alloc, copy, width, height, err);
}

void vlm_image_free(struct vlm_image *image)
{
    if (image == NULL)
        return;
    vlm_mem_free(image->alloc, image->rgb);
    vlm_mem_free(image->alloc, image);
}

/* ---- how it lies ---- */

/* The picture as seen, from one stored with EXIF orientation 2..8: to[y][x] = from[a][b],
 * where 5..8 swap the axes and some run backwards. */
static void turn(uint8_t *to, const uint8_t *from, uint32_t width, uint32_t height, int orientation)
{
    bool swap = orientation >= 5, right_to_left, bottom_up;
    right_to_left = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bottom_up = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    uint32_t out_w = swap ? height : width, out_h = swap ? width : height;
    for (uint32_t y = 0; y < out_h; y++)
        for (uint32_t x = 0; x < out_w; x++, to += 3) {
            uint32_t sx = swap ? y : x, sy = swap ? x : y;
            sx = right_to_left ? width - 1 - sx : sx;
            sy = bottom_up ? height - 1 - sy : sy;
            memcpy(to, from + ((size_t)sy * width + sx) * 3, 3);
        }
}

/* Replaces job->rgb and swaps its sides where needed. */
static int upright(struct vlm_image_job *job, int orientation)
{
    if (orientation == 1)
        return VLM_OK;
    uint8_t *to = vlm_mem_alloc(job->alloc, (size_t)job->width * job->height, 3);
    if (to == NULL)
        return vlm_fail_memory(job->err, (size_t)job->width * job->height * 3, "a turned picture");
    turn(to, job->rgb, job->width, job->height, orientation);
    vlm_mem_free(job->alloc, job->rgb);
    job->rgb = to;
    if (orientation >= 5) {
        uint32_t w = job->width;
        job->width = job->height;
        job->height = w;
    }
    return VLM_OK;
}

static int find_orientation(int *orientation, const struct vlm_image_job *job,
                            enum vlm_image_kind kind)
{
    *orientation = 1;
    switch (kind) {
    case VLM_IMAGE_JPEG:
        return vlm_image_jpeg_orientation(orientation, job->alloc, job->data, job->n, job->err);
    case VLM_IMAGE_PNG:
        return vlm_image_png_orientation(orientation, job->alloc, job->data, job->n, job->err);
    case VLM_IMAGE_WEBP:
        *orientation = vlm_image_webp_orientation(job->data, job->n);
        break;
    case VLM_IMAGE_GIF:
        break;
    }
    return VLM_OK;
}

static int decode(struct vlm_image_job *job, enum vlm_image_kind kind)
{
    switch (kind) {
    case VLM_IMAGE_JPEG:
        return vlm_image_decode_jpeg(job);
    case VLM_IMAGE_PNG:
        return vlm_image_decode_png(job);
    case VLM_IMAGE_WEBP:
        return vlm_image_decode_webp(job);
    default:
        return vlm_image_decode_gif(job);
    }
}

int vlm_image_load(struct vlm_image **out, const vlm_allocator *alloc, const uint8_t *data,
                   size_t n, const char *name, vlm_error *err)
{
    struct vlm_image_job job = {.alloc = alloc, .data = data, .n = n, .name = name, .err = err};
    enum vlm_image_kind kind;
    int orientation;
    int rc = vlm_image_probe(&kind, &job.width, &job.height, data, n, name, err);
    if (rc != VLM_OK)
        return rc;
    rc = find_orientation(&orientation, &job, kind);
    if (rc != VLM_OK)
        return rc;
    job.rgb = vlm_mem_alloc(alloc, (size_t)job.width * job.height, 3);
    if (job.rgb == NULL)
        return vlm_fail_memory(err, (size_t)job.width * job.height * 3, "a picture");
    rc = decode(&job, kind);
    if (rc == VLM_OK)
        rc = upright(&job, orientation);
    if (rc != VLM_OK) {
        vlm_mem_free(alloc, job.rgb);
        return rc;
    }
    return wrap(out, alloc, job.rgb, job.width, job.height, err);
}
