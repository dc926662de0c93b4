/* png.c: PNG through libpng, to the RGB that the reference makes of a file: alpha, gamma and
 * profiles ignored; 16 bits to the high byte, but grey ones clipped to 255; a colour that tRNS
 * makes transparent becomes white (see transparent_color); and writing RGB.
 *
 * Stricter than Pillow: a file is also refused for a wrong checksum of its pixel data, for missing
 * rows and for a missing end.  libpng takes its memory from our allocator and comes back by longjmp
 * on errors; ancillary chunks are skipped unread but for those that may tell the orientation. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#include "base/checked.h"
#include "base/limits.h"
#include "image/internal.h"

#define SIGNATURE_BYTES 8
#define IHDR_END 33            /* signature and the IHDR chunk */
#define MAX_TEXT_BYTES 1048576 /* of one compressed text chunk, unpacked; Pillow's limit too */

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int vlm_image_png_size(uint32_t *width, uint32_t *height, const uint8_t *data, size_t n,
                       const char *name, vlm_error *err)
{
    if (n < IHDR_END)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: PNG that ends within its header", name);
    if (get_u32(data + 8) != 13 || memcmp(data + 12, "IHDR", 4) != 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: PNG without a header (IHDR)", name);
    *width = get_u32(data + 16);
    *height = get_u32(data + 20);
    return VLM_OK;
}

/* ---- libpng ---- */

struct span {
    const uint8_t *data;
    size_t n;
};

/* What callbacks of libpng see.  Bytes come from up to two spans, or go into a buffer. */
struct stream {
    const vlm_allocator *alloc;
    struct span in[2];
    size_t at;
    struct vlm_buf *out;
    bool no_memory;
    char why[128];
};

static void *on_malloc(png_structp png, png_alloc_size_t n)
{
    struct stream *s = png_get_mem_ptr(png);
    void *p = vlm_mem_alloc(s->alloc, n, 1);
    s->no_memory = s->no_memory || p == NULL;
    return p;
}
static void on_free(png_structp png, void *p)
{
    struct stream *s = png_get_mem_ptr(png);
    vlm_mem_free(s->alloc, p);
}
static _Noreturn void on_error(png_structp png, const char *message)
{
    struct stream *s = png_get_error_ptr(png);
    snprintf(s->why, sizeof s->why, "%s", message);
    png_longjmp(png, 1);
}
static void on_warning(png_structp png, const char *message)
{
    (void)png;
    (void)message;
}
static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct stream *s = png_get_io_ptr(png);
    for (int i = 0; i < 2 && n != 0; i++) {
        size_t skip = i == 0 ? 0 : s->in[0].n;
        if (s->at < skip || s->at - skip >= s->in[i].n)
            continue;
        size_t m = vlm_min_size(n, s->in[i].n - (s->at - skip));
        memcpy(to, s->in[i].data + (s->at - skip), m);
        to += m;
        n -= m;
        s->at += m;
    }
    if (n != 0)
        png_error(png, "the file is cut off");
}
static void on_write(png_structp png, png_bytep from, size_t n)
{
    struct stream *s = png_get_io_ptr(png);
    if (!vlm_buf_append(s->out, from, n)) {
        s->no_memory = true;
        png_error(png, "out of memory");
    }
}
static void on_flush(png_structp png)
{
    (void)png;
}

/* A reader over s; NULL when there is no memory. */
static png_structp open_reader(struct stream *s, png_infop *info)
{
    png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, s, on_error, on_warning, s,
                                               on_malloc, on_free);
    if (png == NULL)
        return NULL;
    *info = png_create_info_struct(png);
    if (*info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        return NULL;
    }
    png_set_read_fn(png, s, on_read);
    return png;
}

static int fail(const struct stream *s, const char *name, vlm_error *err)
{
    if (s->no_memory)
        return vlm_fail(err, VLM_ERR_MEMORY, "%s: out of memory while decoding PNG", name);
    return vlm_fail(err, VLM_ERR_FORMAT, "%s: PNG: %s", name, s->why);
}

/* ---- pixels ---- */

/* What rows hold as libpng hands them over, before the last step to RGB here. */
enum row_kind { ROW_RGB, ROW_GREY16, ROW_INDEX };

struct picture {
    png_structp png;
    png_infop info;
    png_bytep *rows; /* [height]: each 3 * width bytes */
    enum row_kind kind;
    uint8_t palette[256][3];
    bool keyed; /* pixels of the colour key become white */
    uint8_t key[3];
};

static void set_limits(png_structp png)
{
    static const uint8_t skipped[] =
        "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0"
        "sPLT\0sRGB\0sTER\0tEXt\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, skipped, sizeof skipped / 5);
    png_set_user_limits(png, VLM_LIMIT_IMAGE_SIDE, VLM_LIMIT_IMAGE_SIDE);
    png_set_chunk_malloc_max(png, VLM_LIMIT_IMAGE_FILE_BYTES); /* bounds skipped chunks as well */
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON); /* headers state it too small */
}

static void set_key(struct picture *p, int r, int g, int b)
{
    p->keyed = true;
    memcpy(p->key, (uint8_t[3]){r & 255, g & 255, b & 255}, 3);
}

/* What Pillow's convert("RGB") leaves in info["transparency"]: the reference's processor then puts
 * the picture on white.  Levels are not scaled to 8 bits there, 1 and 16 bit grey become red, of a
 * palette only one fully transparent entry counts: odd, but what the model is compared with. */
static void transparent_color(struct picture *p)
{
    int depth = png_get_bit_depth(p->png, p->info), type = png_get_color_type(p->png, p->info);
    int n = 0, zeros = 0, at = 0;
    png_bytep alpha = NULL;
    png_color_16p color = NULL;
    if (png_get_tRNS(p->png, p->info, &alpha, &n, &color) == 0)
        return;
    int grey = type == PNG_COLOR_TYPE_GRAY && color->gray < 255 ? color->gray : 255;
    if (type == PNG_COLOR_TYPE_GRAY && (depth == 1 || depth == 16))
        set_key(p, color->gray, 0, 0);
    else if (type == PNG_COLOR_TYPE_GRAY)
        set_key(p, grey, grey, grey);
    else if (type == PNG_COLOR_TYPE_RGB)
        set_key(p, color->red, color->green, color->blue);
    if (type != PNG_COLOR_TYPE_PALETTE)
        return;
    for (int i = 0; i < n; i++) {
        if (alpha[i] == 0) {
            zeros++;
            at = i;
        } else if (alpha[i] != 255 && !(i == n - 1 && alpha[i] == '\n')) {
            return; /* Pillow asks a regular expression whose $ allows a last newline */
        }
    }
    if (zeros == 1)
        set_key(p, p->palette[at][0], p->palette[at][1], p->palette[at][2]);
}

static void set_transforms(struct picture *p)
{
    int depth = png_get_bit_depth(p->png, p->info), type = png_get_color_type(p->png, p->info);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_colorp colors = NULL;
        int n = 0;
        png_get_PLTE(p->png, p->info, &colors, &n);
        for (int i = 0; i < n && i < 256; i++)
            memcpy(p->palette[i], (uint8_t[3]){colors[i].red, colors[i].green, colors[i].blue}, 3);
        png_set_packing(p->png);
        p->kind = ROW_INDEX;
    } else if (type == PNG_COLOR_TYPE_GRAY && depth == 16) {
        p->kind = ROW_GREY16;
    } else {
        if (depth < 8)
            png_set_expand_gray_1_2_4_to_8(p->png);
        png_set_strip_16(p->png);
        png_set_strip_alpha(p->png);
        png_set_gray_to_rgb(p->png);
        p->kind = ROW_RGB;
    }
    transparent_color(p);
    png_set_interlace_handling(p->png);
    png_read_update_info(p->png, p->info);
}

/* In place, from the end: what is read is never behind what is written. */
static void row_to_rgb(uint8_t *row, uint32_t width, const struct picture *p)
{
    for (size_t x = width; x-- > 0;) {
        if (p->kind == ROW_GREY16)
            memset(row + 3 * x, row[2 * x] != 0 ? 255 : row[2 * x + 1], 3);
        else
            memcpy(row + 3 * x, p->palette[row[x]], 3);
    }
}

static void whiten(uint8_t *row, uint32_t width, const uint8_t key[3])
{
    for (uint32_t x = 0; x < width; x++, row += 3)
        if (row[0] == key[0] && row[1] == key[1] && row[2] == key[2])
            memset(row, 255, 3);
}

static void read_pixels(struct picture *p, const struct vlm_image_job *job)
{
    set_limits(p->png);
    png_read_info(p->png, p->info);
    if (png_get_image_width(p->png, p->info) != job->width ||
        png_get_image_height(p->png, p->info) != job->height)
        png_error(p->png, "two headers of different sizes");
    set_transforms(p);
    if (png_get_rowbytes(p->png, p->info) > (size_t)job->width * 3)
        png_error(p->png, "its headers contradict each other");
    png_read_image(p->png, p->rows);
    png_read_end(p->png, NULL);
}

int vlm_image_decode_png(struct vlm_image_job *job)
{
    struct stream s = {.alloc = job->alloc, .in = {{job->data, job->n}}};
    struct picture *p = vlm_mem_zalloc(job->alloc, 1, sizeof *p);
    png_bytep *rows = vlm_mem_alloc(job->alloc, job->height, sizeof *rows);
    png_structp png = p != NULL && rows != NULL ? open_reader(&s, &p->info) : NULL;
    int rc = VLM_OK;
    if (png == NULL) {
        rc = vlm_fail(job->err, VLM_ERR_MEMORY, "%s: out of memory while decoding PNG", job->name);
    } else {
        p->png = png;
        p->rows = rows;
        for (uint32_t y = 0; y < job->height; y++)
            rows[y] = job->rgb + (size_t)y * job->width * 3;
        if (setjmp(png_jmpbuf(png)) == 0)
            read_pixels(p, job);
        else
            rc = fail(&s, job->name, job->err);
        png_destroy_read_struct(&png, &p->info, NULL);
        for (uint32_t y = 0; rc == VLM_OK && y < job->height; y++) {
            if (p->kind != ROW_RGB)
                row_to_rgb(rows[y], job->width, p);
            if (p->keyed)
                whiten(rows[y], job->width, p->key);
        }
    }
    vlm_mem_free(job->alloc, rows);
    vlm_mem_free(job->alloc, p);
    return rc;
}

/* ---- orientation ---- */

/* The last chunk that says something, of each kind.  Chunks are whole, from length to checksum. */
struct sayings {
    struct span exif;        /* eXIf, or tEXt "exif": the data alone */
    struct span raw_profile; /* text "Raw profile type exif": the chunk */
    struct span xmp;         /* text "XML:com.adobe.xmp": the chunk */
};

static bool has_key(const uint8_t *data, size_t n, const char *key)
{
    size_t len = strlen(key) + 1;
    return n >= len && memcmp(data, key, len) == 0;
}

static void collect(struct sayings *found, const uint8_t *file, size_t n)
{
    for (size_t at = SIGNATURE_BYTES; n - at >= 12;) {
        size_t length = get_u32(file + at);
        const uint8_t *type = file + at + 4, *data = type + 4;
        if (length > n - at - 12 || memcmp(type, "IEND", 4) == 0)
            return;
        bool text = memcmp(type + 1, "EXt", 3) == 0 && type[0] == 't';
        if (memcmp(type, "eXIf", 4) == 0)
            found->exif = (struct span){data, length};
        else if (text && has_key(data, length, "exif"))
            found->exif = (struct span){data + 5, length - 5};
        else if (text || memcmp(type, "zTXt", 4) == 0 || memcmp(type, "iTXt", 4) == 0) {
            if (has_key(data, length, "Raw profile type exif"))
                found->raw_profile = (struct span){file + at, length + 12};
            else if (has_key(data, length, "XML:com.adobe.xmp"))
                found->xmp = (struct span){file + at, length + 12};
        }
        at += 12 + length;
    }
}

static void read_text(png_structp png, png_infop info)
{
    png_set_chunk_malloc_max(png, MAX_TEXT_BYTES);
    png_read_info(png, info); /* ends with an error after the text, since nothing follows */
}

/* The orientation in the text of one chunk, read by a libpng that sees no more than header and
 * chunk. */
static int text_orientation(bool *no_memory, const vlm_allocator *alloc, const uint8_t *file,
                            struct span chunk, int (*parse)(char *text, size_t n))
{
    struct stream s = {.alloc = alloc, .in = {{file, IHDR_END}, chunk}};
    png_infop info = NULL;
    png_structp png = open_reader(&s, &info);
    if (png == NULL) {
        *no_memory = true;
        return 0;
    }
    if (setjmp(png_jmpbuf(png)) == 0)
        read_text(png, info);
    png_textp text = NULL;
    int n = 0, found = 0;
    png_get_text(png, info, &text, &n);
    if (n > 0 && text[0].text != NULL)
        found = parse(text[0].text, text[0].compression >= PNG_ITXT_COMPRESSION_NONE
                                        ? text[0].itxt_length
                                        : text[0].text_length);
    png_destroy_read_struct(&png, &info, NULL);
    *no_memory = *no_memory || s.no_memory;
    return found;
}

static int parse_xmp(char *text, size_t n)
{
    return vlm_image_xmp_orientation((const uint8_t *)text, n);
}

static int hex_digit(int c)
{
    int letter = c | 32;
    return c >= '0' && c <= '9' ? c - '0' : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* ImageMagick's way: three lines of heading, then hexadecimal digits; decoded in place. */
static int parse_raw_profile(char *text, size_t n)
{
    uint8_t *exif = (uint8_t *)text;
    size_t n_digits = 0, lines = 0;
    for (size_t i = 0; i < n; i++) {
        int v = hex_digit(text[i]);
        if (text[i] == '\n')
            lines++;
        if (lines < 3 || v < 0)
            continue;
        exif[n_digits / 2] = (uint8_t)(n_digits % 2 == 0 ? v << 4 : exif[n_digits / 2] | v);
        n_digits++;
    }
    return vlm_image_exif_orientation(exif, n_digits / 2);
}

int vlm_image_png_orientation(int *orientation, const vlm_allocator *alloc, const uint8_t *data,
                              size_t n, vlm_error *err)
{
    struct sayings found = {0};
    bool no_memory = false;
    int o = 0;
    collect(&found, data, n);
    if (found.exif.data != NULL)
        o = vlm_image_exif_orientation(found.exif.data, found.exif.n);
    else if (found.raw_profile.data != NULL)
        o = text_orientation(&no_memory, alloc, data, found.raw_profile, parse_raw_profile);
    if (o == 0 && found.xmp.data != NULL && !no_memory)
        o = text_orientation(&no_memory, alloc, data, found.xmp, parse_xmp);
    if (no_memory)
        return vlm_fail(err, VLM_ERR_MEMORY, "out of memory while reading a PNG's text");
    *orientation = o >= 1 && o <= 8 ? o : 1;
    return VLM_OK;
}

/* ---- writing ---- */

static void write_picture(png_structp png, png_infop info, const uint8_t *rgb, uint32_t width,
                          uint32_t height)
{
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_write_info(png, info);
    for (uint32_t y = 0; y < height; y++)
        png_write_row(png, rgb + (size_t)y * width * 3);
    png_write_end(png, NULL);
}

int vlm_image_png(uint8_t **out, size_t *n, const uint8_t *rgb, uint32_t width, uint32_t height,
                  const vlm_allocator *alloc, vlm_error *err)
{
    struct vlm_buf buf;
    vlm_buf_init(&buf, alloc, SIZE_MAX);
    struct stream s = {.alloc = alloc, .out = &buf};
    png_structp png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning, &s,
                                                on_malloc, on_free);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    int rc = VLM_OK;
    if (info == NULL) {
        s.no_memory = true;
        rc = fail(&s, "PNG", err);
    } else {
        png_set_write_fn(png, &s, on_write, on_flush);
        if (setjmp(png_jmpbuf(png)) == 0)
            write_picture(png, info, rgb, width, height);
        else
            rc = s.no_memory ? vlm_fail_memory(err, buf.n, "a PNG")
                             : vlm_fail(err, VLM_ERR_ARGUMENT, "writing a PNG of %ux%u: %s", width,
                                        height, s.why);
    }
    png_destroy_write_struct(&png, &info);
    if (rc == VLM_OK) {
        *n = buf.n;
        *out = (uint8_t *)vlm_buf_take(&buf, n);
        if (*out == NULL)
            rc = vlm_fail_memory(err, *n, "a PNG");
    }
    vlm_buf_free(&buf);
    return rc;
}
