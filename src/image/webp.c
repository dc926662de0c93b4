/* webp.c: WebP through libwebp, its first picture on its canvas, as Pillow gives it: alpha is
 * dropped unread, around a first frame that is smaller than the canvas is black.
 *
 * The container is read here (chunks of a RIFF file, all of which must be whole); libwebp sees one
 * "VP8 " or "VP8L" chunk.  It starts no threads as it is called here, and takes its memory with
 * malloc; as 1.2.4 reports some failures of that as damage and does not survive others, what a
 * picture commonly needs is asked for before. */
#include <string.h>

#include <webp/decode.h>

#include "base/limits.h"
#include "image/internal.h"

/* Prefix codes and rows, beside 4 bytes a pixel. */
#define SMALL_PARTS (4u << 20)

enum { FLAG_ANIMATION = 0x02, FLAG_XMP = 0x04, FLAG_EXIF = 0x08 };

struct span {
    const uint8_t *data;
    size_t n;
};

struct container {
    const char *name;
    vlm_error *err;
    bool extended;
    uint8_t flags;
    uint32_t width, height; /* canvas */
    uint32_t x, y, frame_width, frame_height;
    struct span picture; /* the chunk of the first picture, with its head */
    struct span exif, xmp;
};

static uint32_t get_u24(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}
static uint32_t get_u32(const uint8_t *p)
{
    return get_u24(p) | (uint32_t)p[3] << 24;
}

static int bad(const struct container *c, const char *why)
{
    return vlm_fail(c->err, VLM_ERR_FORMAT, "%s: WebP: %s", c->name, why);
}

/* Takes the next chunk, head included, from rest.  false: it is not whole. */
static bool next_chunk(struct span *chunk, struct span *rest)
{
    if (rest->n < 8)
        return false;
    size_t n = get_u32(rest->data + 4), padded = n + (n & 1);
    if (n > rest->n - 8)
        return false;
    *chunk = (struct span){rest->data, n + 8};
    padded = padded > rest->n - 8 ? n : padded; /* the last one may lack its padding */
    rest->data += padded + 8;
    rest->n -= padded + 8;
    return true;
}

static bool is_kind(struct span chunk, const char kind[4])
{
    return memcmp(chunk.data, kind, 4) == 0;
}
static bool is_picture(struct span chunk)
{
    return is_kind(chunk, "VP8 ") || is_kind(chunk, "VP8L");
}

/* The size that the bytes of the picture state. */
static int picture_size(struct container *c, uint32_t *width, uint32_t *height)
{
    WebPBitstreamFeatures f;
    VP8StatusCode rc = WebPGetFeatures(c->picture.data, c->picture.n, &f);
    if (rc != VP8_STATUS_OK)
        return bad(c, rc == VP8_STATUS_NOT_ENOUGH_DATA ? "the file is cut off"
                                                       : "a picture without a proper header");
    *width = (uint32_t)f.width;
    *height = (uint32_t)f.height;
    return VLM_OK;
}

/* chunk: the first ANMF, a place on the canvas and then chunks of its own. */
static int read_animated(struct container *c, struct span chunk)
{
    struct span inner, rest;
    uint32_t w = 0, h = 0;
    if (chunk.n < 24)
        return bad(c, "a frame without its place");
    rest = (struct span){chunk.data + 24, chunk.n - 24};
    c->x = 2 * get_u24(chunk.data + 8);
    c->y = 2 * get_u24(chunk.data + 11);
    c->frame_width = 1 + get_u24(chunk.data + 14);
    c->frame_height = 1 + get_u24(chunk.data + 17);
    while (c->picture.data == NULL && rest.n != 0) {
        if (!next_chunk(&inner, &rest))
            return bad(c, "the file is cut off");
        if (is_picture(inner))
            c->picture = inner;
    }
    if (c->picture.data == NULL)
        return bad(c, "a frame without a picture");
    int rc = picture_size(c, &w, &h);
    if (rc != VLM_OK)
        return rc;
    if (w != c->frame_width || h != c->frame_height)
        return bad(c, "a frame and its picture are of different sizes");
    if (c->x + w > c->width || c->y + h > c->height)
        return bad(c, "a frame outside of its canvas");
    return VLM_OK;
}

static int read_extended_head(struct container *c, struct span chunk)
{
    if (chunk.n < 18)
        return bad(c, "a header (VP8X) that is too short");
    c->extended = true;
    c->flags = chunk.data[8];
    c->width = 1 + get_u24(chunk.data + 12);
    c->height = 1 + get_u24(chunk.data + 15);
    return VLM_OK;
}

static int read_chunk(struct container *c, struct span chunk)
{
    bool animated = (c->flags & FLAG_ANIMATION) != 0;
    if ((c->flags & FLAG_EXIF) != 0 && is_kind(chunk, "EXIF") && c->exif.data == NULL)
        c->exif = (struct span){chunk.data + 8, chunk.n - 8};
    else if ((c->flags & FLAG_XMP) != 0 && is_kind(chunk, "XMP ") && c->xmp.data == NULL)
        c->xmp = (struct span){chunk.data + 8, chunk.n - 8};
    else if (animated && is_kind(chunk, "ANMF") && c->picture.data == NULL)
        return read_animated(c, chunk);
    else if (is_picture(chunk) && animated)
        return bad(c, "an animation with a picture outside of its frames");
    else if (is_picture(chunk) && c->picture.data == NULL)
        c->picture = chunk;
    return VLM_OK;
}

/* Of a still picture: it fills the canvas. */
static int place_still(struct container *c)
{
    int rc = picture_size(c, &c->frame_width, &c->frame_height);
    if (rc != VLM_OK)
        return rc;
    if (!c->extended) {
        c->width = c->frame_width;
        c->height = c->frame_height;
    } else if (c->frame_width != c->width || c->frame_height != c->height) {
        return vlm_fail(c->err, VLM_ERR_FORMAT,
                        "%s: WebP: a picture of %ux%u pixels on a canvas of %ux%u", c->name,
                        c->frame_width, c->frame_height, c->width, c->height);
    }
    return VLM_OK;
}

static int read_container(struct container *c, const uint8_t *data, size_t n, const char *name,
                          vlm_error *err)
{
    struct span rest, chunk;
    int rc = VLM_OK;
    *c = (struct container){.name = name, .err = err};
    if (n < 12 || get_u32(data + 4) < 12)
        return bad(c, "a file that ends within its header");
    size_t stated = get_u32(data + 4);
    if (stated > n - 8)
        return bad(c, "the file is cut off");
    rest = (struct span){data + 12, stated - 4};
    for (bool first = true; rc == VLM_OK && rest.n != 0; first = false) {
        if (!next_chunk(&chunk, &rest))
            return bad(c, "the file is cut off");
        if (first && !is_picture(chunk) && !is_kind(chunk, "VP8X"))
            return bad(c, "the first chunk is neither VP8, VP8L nor VP8X");
        if (first && is_kind(chunk, "VP8X"))
            rc = read_extended_head(c, chunk);
        else
            rc = read_chunk(c, chunk);
        if (!c->extended)
            break; /* what follows a simple picture has no meaning */
    }
    if (rc == VLM_OK && c->picture.data == NULL)
        rc = bad(c, "a file without a picture");
    if (rc == VLM_OK && (c->flags & FLAG_ANIMATION) == 0)
        rc = place_still(c);
    return rc;
}

int vlm_image_webp_size(uint32_t *width, uint32_t *height, const uint8_t *data, size_t n,
                        const char *name, vlm_error *err)
{
    struct container c;
    int rc = read_container(&c, data, n, name, err);
    if (rc == VLM_OK) {
        *width = c.width;
        *height = c.height;
    }
    return rc;
}

int vlm_image_webp_orientation(const uint8_t *data, size_t n)
{
    struct container c;
    int found = 0;
    if (read_container(&c, data, n, "", NULL) != VLM_OK)
        return 1;
    if (c.exif.data != NULL)
        found = vlm_image_exif_orientation(c.exif.data, c.exif.n);
    if (found == 0 && c.xmp.data != NULL)
        found = vlm_image_xmp_orientation(c.xmp.data, c.xmp.n);
    return found >= 1 && found <= 8 ? found : 1;
}

int vlm_image_decode_webp(struct vlm_image_job *job)
{
    struct container c;
    WebPDecoderConfig config;
    size_t stride = (size_t)job->width * 3, all = stride * job->height;
    int rc = read_container(&c, job->data, job->n, job->name, job->err);
    if (rc != VLM_OK)
        return rc;
    if (c.frame_width != job->width || c.frame_height != job->height)
        memset(job->rgb, 0, all);
    size_t at = c.y * stride + 3 * (size_t)c.x;
    if (!WebPInitDecoderConfig(&config))
        return vlm_fail(job->err, VLM_ERR_UNSUPPORTED, "%s: libwebp of another version", job->name);
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = job->rgb + at;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = all - at;
    size_t need = (size_t)c.frame_width * c.frame_height * 4 + SMALL_PARTS;
    void *enough = vlm_mem_alloc(&vlm_mem_system, need, 1);
    if (enough == NULL)
        return vlm_fail_memory(job->err, need, "a WebP decoder");
    vlm_mem_free(&vlm_mem_system, enough);
    VP8StatusCode status = WebPDecode(c.picture.data, c.picture.n, &config);
    if (status == VP8_STATUS_OUT_OF_MEMORY)
        return vlm_fail(job->err, VLM_ERR_MEMORY, "%s: out of memory while decoding WebP",
                        job->name);
    if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED)
        return bad(&c, "a picture that ends before its last row");
    return status == VP8_STATUS_OK ? VLM_OK : bad(&c, "damaged picture data");
}
