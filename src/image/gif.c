/* gif.c: the blocks of a GIF file and its LZW codes.  Bytes that begin no block are skipped before
 * the first frame, as Pillow does, and end the frames after it, as ffmpeg does; the pixel data of a
 * frame must be whole. */
#include "image/gif.h"

#include <string.h>

#include "base/checked.h"

#define MAX_CODES 4096
#define MAX_WIDTH 12

static uint32_t get_u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

/* ---- blocks ---- */

/* A palette of 2^(1 + low three bits of flags) colours at r->at. */
static bool read_palette(struct vlm_gif_reader *r, struct vlm_gif_palette *palette, uint8_t flags)
{
    uint32_t n = 2u << (flags & 7);
    if (r->n - r->at < 3 * (size_t)n)
        return false;
    *palette = (struct vlm_gif_palette){r->data + r->at, n};
    r->at += 3 * (size_t)n;
    return true;
}

int vlm_image_gif_open(struct vlm_gif_reader *r, const uint8_t *data, size_t n, const char *name,
                       vlm_error *err)
{
    *r = (struct vlm_gif_reader){.data = data, .n = n, .at = 13, .name = name};
    if (n < 13)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF that ends within its header", name);
    r->width = get_u16(data + 6);
    r->height = get_u16(data + 8);
    r->background = data[11];
    if ((data[10] & 0x80) != 0 && !read_palette(r, &r->palette, data[10]))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF that ends within its palette", name);
    return VLM_OK;
}

/* Over data blocks and their end; a file that ends there ends the frames, too. */
static void skip_data(struct vlm_gif_reader *r)
{
    while (r->at < r->n) {
        size_t length = r->data[r->at++];
        if (length == 0)
            return;
        r->at += vlm_min_size(length, r->n - r->at);
    }
}

static void read_extension(struct vlm_gif_reader *r, struct vlm_gif_frame *frame)
{
    const uint8_t *p = r->data + r->at;
    if (r->n - r->at >= 6 && p[0] == 0xF9 && p[1] >= 4) { /* graphic control */
        frame->disposal = p[2] >> 2 & 7;
        frame->delay = get_u16(p + 3);
        if ((p[2] & 1) != 0)
            frame->transparent = p[5];
    }
    r->at += r->at < r->n; /* the label */
    skip_data(r);
}

static int read_descriptor(struct vlm_gif_reader *r, struct vlm_gif_frame *frame, vlm_error *err)
{
    const uint8_t *p = r->data + r->at;
    if (r->n - r->at < 9)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF: the file is cut off", r->name);
    frame->x = get_u16(p);
    frame->y = get_u16(p + 2);
    frame->width = get_u16(p + 4);
    frame->height = get_u16(p + 6);
    frame->interlaced = (p[8] & 0x40) != 0;
    frame->palette = r->palette;
    r->at += 9;
    if (frame->width == 0 || frame->height == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF with a frame of %ux%u pixels", r->name,
                        frame->width, frame->height);
    if (((p[8] & 0x80) != 0 && !read_palette(r, &frame->palette, p[8])) || r->at == r->n)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF: the file is cut off", r->name);
    frame->code_bits = r->data[r->at++];
    if (frame->code_bits < 1 || frame->code_bits > 8)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF with pixels of %d bits, 1 to 8 are possible",
                        r->name, frame->code_bits);
    frame->at = r->at;
    r->any = true;
    skip_data(r);
    return VLM_OK;
}

int vlm_image_gif_frame(struct vlm_gif_reader *r, struct vlm_gif_frame *frame, vlm_error *err)
{
    *frame = (struct vlm_gif_frame){.transparent = -1};
    while (r->at < r->n)
        switch (r->data[r->at++]) {
        case '!':
            read_extension(r, frame);
            break;
        case ',':
            return read_descriptor(r, frame, err);
        case ';':
            r->at = r->n;
            break;
        default:
            r->at = r->any ? r->n : r->at;
            break;
        }
    return VLM_DONE;
}

/* ---- LZW ---- */

struct lzw {
    const uint8_t *data;
    size_t n, at;
    uint32_t block; /* bytes left of the current data block */
    uint32_t bits, n_bits;
    int clear;            /* code that starts over; the next one ends */
    int width, next;      /* bits of a code; the code that is made next */
    int before;           /* code before, -1: there is none */
    uint8_t before_first; /* its first value */
    /* a code above clear + 1 is the string of another code and one value more */
    uint16_t head[MAX_CODES];
    uint8_t tail[MAX_CODES];
    uint8_t string[MAX_CODES + 1]; /* values not yet taken: from top to the end */
    size_t top;
};

static void start_over(struct lzw *z, int code_bits)
{
    z->width = code_bits + 1;
    z->next = z->clear + 2;
    z->before = -1;
}

/* NULL, or what is wrong */
static const char *next_code(struct lzw *z, int *code)
{
    while (z->n_bits < (uint32_t)z->width) {
        if (z->block == 0) {
            if (z->at == z->n)
                return "the file is cut off";
            z->block = z->data[z->at++];
            if (z->block == 0)
                return "a frame has too few pixels";
            if (z->block > z->n - z->at)
                return "the file is cut off";
        }
        z->bits |= (uint32_t)z->data[z->at++] << z->n_bits;
        z->n_bits += 8;
        z->block--;
    }
    *code = (int)(z->bits & ((1u << z->width) - 1));
    z->bits >>= z->width;
    z->n_bits -= (uint32_t)z->width;
    return NULL;
}

/* The string of a code; heads are always smaller than the codes made of them, so this ends. */
static void unfold(struct lzw *z, int code)
{
    int c = code;
    z->top = sizeof z->string;
    if (code == z->next) { /* the string before and its own first value */
        z->string[--z->top] = z->before_first;
        c = z->before;
    }
    for (; c > z->clear; c = z->head[c])
        z->string[--z->top] = z->tail[c];
    z->string[--z->top] = (uint8_t)c;
}

static const char *next_string(struct lzw *z, int code_bits)
{
    int code;
    const char *why = next_code(z, &code);
    if (why != NULL)
        return why;
    if (code == z->clear) {
        start_over(z, code_bits);
        return NULL;
    }
    if (code == z->clear + 1)
        return "a frame has too few pixels";
    if (code > (z->before < 0 ? z->clear - 1 : z->next))
        return "a code that does not exist yet";
    unfold(z, code);
    if (z->before >= 0 && z->next < MAX_CODES) {
        z->head[z->next] = (uint16_t)z->before;
        z->tail[z->next] = z->string[z->top];
        z->next++;
        if (z->next == 1 << z->width && z->width < MAX_WIDTH)
            z->width++;
    }
    z->before = code;
    z->before_first = z->string[z->top];
    return NULL;
}

static const char *read_row(struct lzw *z, int code_bits, uint8_t *row, size_t n)
{
    while (n != 0) {
        if (z->top == sizeof z->string) {
            const char *why = next_string(z, code_bits);
            if (why != NULL)
                return why;
            continue;
        }
        size_t m = vlm_min_size(n, sizeof z->string - z->top);
        memcpy(row, z->string + z->top, m);
        z->top += m;
        row += m;
        n -= m;
    }
    return NULL;
}

static const char *read_rows(struct lzw *z, const struct vlm_gif_frame *f, uint8_t *row,
                             void (*draw)(void *ctx, uint32_t y, const uint8_t *indices), void *ctx)
{
    static const uint8_t first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    z->clear = 1 << f->code_bits;
    z->top = sizeof z->string;
    start_over(z, f->code_bits);
    for (int pass = 0; pass < (f->interlaced ? 4 : 1); pass++)
        for (uint32_t y = first[pass]; y < f->height; y += f->interlaced ? step[pass] : 1) {
            const char *why = read_row(z, f->code_bits, row, f->width);
            if (why != NULL)
                return why;
            draw(ctx, y, row);
        }
    return NULL;
}

int vlm_image_gif_rows(const struct vlm_gif_reader *r, const struct vlm_gif_frame *frame,
                       void (*draw)(void *ctx, uint32_t y, const uint8_t *indices), void *ctx,
                       const vlm_allocator *alloc, vlm_error *err)
{
    struct lzw *z = vlm_mem_zalloc(alloc, 1, sizeof *z);
    uint8_t *row = vlm_mem_alloc(alloc, frame->width, 1);
    int rc = VLM_OK;
    if (z == NULL || row == NULL) {
        rc = vlm_fail_memory(err, sizeof *z + frame->width, "a GIF decoder");
    } else {
        z->data = r->data;
        z->n = r->n;
        z->at = frame->at;
        const char *why = read_rows(z, frame, row, draw, ctx);
        if (why != NULL)
            rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: GIF: %s", r->name, why);
    }
    vlm_mem_free(alloc, z);
    vlm_mem_free(alloc, row);
    return rc;
}
