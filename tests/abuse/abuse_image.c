/* abuse_image.c: pictures that must fail, or must not (reliability group I): every file of
 * tests/data/image/refused.txt ends in one line, within a second of processor time and within
 * 256 MB; every beginning of a small file; limits at and above; every small size; bombs; long
 * tails; memory that ends.  All formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <webp/encode.h>

#include "../image_pack.h"
#include "base/hash.h"
#include "base/limits.h"
#include "heap.h"
#include "image/image.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifdef SANITIZED
#define SECOND 10.0 /* instrumented code is slower */
#else
#define SECOND 1.0
#endif
#define MOST_MEMORY 256000000

/* libjpeg and libwebp take their memory with malloc and calloc: these fail at a chosen call, and
 * refuse what is larger than a picture can need (not under sanitizers, which have their own). */
static long malloc_calls, malloc_fail_at; /* 0: never */
static size_t malloc_most;                /* the largest block since it was set to 0 */
#if defined(__GLIBC__) && !defined(SANITIZED)
#define MALLOC_FAILS 1
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
static bool may_have(size_t n)
{
    malloc_most = n > malloc_most ? n : malloc_most;
    return malloc_fail_at == 0 || ++malloc_calls != malloc_fail_at;
}
__attribute__((visibility("default"))) void *malloc(size_t n)
{
    return may_have(n) ? __libc_malloc(n) : NULL;
}
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    return may_have(n * size) ? __libc_calloc(n, size) : NULL;
}
#else
#define MALLOC_FAILS 0
#endif

/* ---- helpers ---- */

/* A file of either pack of good pictures. */
static uint8_t *file_named(const char *name, size_t *n)
{
    static const char *const also[] = {".webp", ".gif", "apng"};
    for (size_t i = 0; i < sizeof also / sizeof *also; i++)
        if (strstr(name, also[i]) != NULL)
            return image_pack_named("formats", name, n);
    return image_pack_named("golden", name, n);
}

static bool one_clean_line(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return false;
    for (const char *p = s; (p = strstr(p, "0x")) != NULL; p += 2)
        if (strspn(p + 2, "0123456789abcdef") >= 8) /* an address */
            return false;
    return s[0] != 0;
}

static int load(struct vlm_image **image, const uint8_t *file, size_t n, const char *name,
                vlm_error *err)
{
    *image = NULL;
    return vlm_image_load(image, &vlm_mem_system, file, n, name, err);
}

/* ---- what must be refused ---- */

static bool refused_as_it_should(const char *name, const uint8_t *file, size_t n, int expected,
                                 const char *message)
{
    struct heap heap = {0};
    vlm_allocator a = heap_allocator(&heap);
    struct vlm_image *image = NULL;
    vlm_error err = {0};
    malloc_most = 0;
    clock_t begin = clock();
    int rc = vlm_image_load(&image, &a, file, n, name, &err);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    bool ok = rc == expected && (int)err.status == expected && image == NULL &&
              strstr(err.message, message) != NULL && strstr(err.message, name) != NULL &&
              one_clean_line(err.message) && heap.blocks == 0 && heap.errors == 0 &&
              seconds < SECOND && heap.peak < MOST_MEMORY && malloc_most < MOST_MEMORY;
    if (!ok)
        print_error("%s: status %d, \"%s\", %.2f s, %lld bytes; expected %d, \"%s\"\n", name, rc,
                    err.message, seconds, (long long)heap.peak, expected, message);
    vlm_image_free(image);
    return ok;
}

static void refused_in_one_line(void **state)
{
    (void)state;
    struct image_pack pack = image_pack_open("refused");
    char line[600], name[100], status[20], message[300];
    int n_files = 0, wrong = 0;
    while (fgets(line, sizeof line, pack.lines) != NULL) {
        size_t at, n;
        if (sscanf(line, "refused %99s %zu %zu %19s %299[^\n]", name, &at, &n, status, message) !=
            5)
            continue;
        int expected = strcmp(status, "unsupported") == 0 ? VLM_ERR_UNSUPPORTED
                       : strcmp(status, "limit") == 0     ? VLM_ERR_LIMIT
                                                          : VLM_ERR_FORMAT;
        uint8_t *file = image_pack_file(&pack, at, n);
        wrong += !refused_as_it_should(name, file, n, expected, message);
        free(file);
        n_files++;
    }
    image_pack_close(&pack);
    assert_int_equal(wrong, 0);
    assert_true(n_files >= 95);
}

/* Every beginning of a file: refused cleanly, or (when only an end marker or what is not shown is
 * missing) the same picture. */
static void check_cuts(const char *name, size_t may_lack)
{
    size_t n;
    uint8_t *whole = file_named(name, &n);
    struct vlm_image *full, *image;
    vlm_error err;
    assert_int_equal(load(&full, whole, n, name, &err), VLM_OK);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *part = malloc(cut + 1); /* + 1: a pointer also when empty */
        memcpy(part, whole, cut);
        if (load(&image, part, cut, name, &err) == VLM_OK) {
            assert_memory_equal(image->hash, full->hash, sizeof full->hash);
            assert_true(n - cut <= may_lack);
            vlm_image_free(image);
        } else {
            assert_true(one_clean_line(err.message));
        }
        free(part);
    }
    vlm_image_free(full);
    free(whole);
}

static void every_cut(void **state)
{
    (void)state;
    static const char *const names[] = {
        "exif-6.jpg",           "jpeg-420-p-30.jpg",  "jpeg-cmyk-1.jpg",
        "png-2-8-adam7.png",    "png-0-16.png",       "png-3-4-trns.png",
        "exif-raw-profile.png", "xmp-packed.png",     "lossy-17x5.webp",
        "lossless-17x5.webp",   "alpha-0.webp",       "exif-6.webp",
        "xmp-5.webp",           "moving-part-1.webp", "lossless-few-colors.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_cuts(names[i], 4);
    check_cuts("still-comments.gif", 8); /* end code, end of data, end of file */
    check_cuts("still-rows-9.gif", 8);
    check_cuts("still-3.gif", 20000); /* of two frames */
    check_cuts("apng-default-apart.png", 0);
}

/* ---- limits ---- */

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* The head of a file that claims w x h pixels; its length. */
static size_t png_head(uint8_t *p, uint32_t w, uint32_t h)
{
    memcpy(p, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    put_u32(p + 16, w);
    put_u32(p + 20, h);
    memset(p + 24, 0, 9);
    return 33;
}
static size_t jpeg_head(uint8_t *p, uint32_t w, uint32_t h)
{
    memcpy(p, "\xFF\xD8\xFF\xC0\0\x0B\x08", 7);
    put_u32(p + 7, h << 16 | w);
    memcpy(p + 11, "\1\1\x11\0", 4);
    return 15;
}
static size_t gif_head(uint8_t *p, uint32_t w, uint32_t h)
{
    const uint8_t head[] = {'G', 'I', 'F', '8', '9', 'a', (uint8_t)w, (uint8_t)(w >> 8), (uint8_t)h,
                            (uint8_t)(h >> 8), 0, 0, 0,
                            /* a frame of one pixel */
                            ',', 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0};
    memcpy(p, head, sizeof head);
    return sizeof head;
}
/* The canvas of an animation whose frame is 1 x 1; VP8L's own sizes end at 16384. */
static size_t webp_head(uint8_t *p, uint32_t w, uint32_t h)
{
    uint8_t head[70] = "RIFF\x3E\0\0\0WEBPVP8X\x0A\0\0\0\2";
    const uint8_t sides[] = {(uint8_t)(w - 1), (uint8_t)((w - 1) >> 8), 0,
                             (uint8_t)(h - 1), (uint8_t)((h - 1) >> 8), 0};
    memcpy(head + 24, sides, sizeof sides);
    memcpy(head + 30, "ANMF\x20", 5);
    memcpy(head + 54, "VP8L\x08\0\0\0\x2F", 9);
    memcpy(p, head, sizeof head);
    return sizeof head;
}

static int probe(size_t (*head)(uint8_t *p, uint32_t w, uint32_t h), uint32_t w, uint32_t h)
{
    uint8_t file[100] = {0};
    enum vlm_image_kind kind;
    vlm_error err = {0};
    uint32_t got_w = 0, got_h = 0;
    size_t n = head(file, w, h);
    int rc = vlm_image_probe(&kind, &got_w, &got_h, file, n, "head", &err);
    if (rc == VLM_OK)
        assert_true(got_w == w && got_h == h);
    else
        assert_true(one_clean_line(err.message) && got_w == 0);
    return rc;
}

static void limits_of_sizes(void **state)
{
    (void)state;
    size_t (*const heads[])(uint8_t *, uint32_t, uint32_t) = {png_head, jpeg_head, gif_head,
                                                              webp_head};
    const uint32_t side = VLM_LIMIT_IMAGE_SIDE, other = VLM_LIMIT_IMAGE_PIXELS / side;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        assert_int_equal(probe(heads[i], side, 1), VLM_OK);
        assert_int_equal(probe(heads[i], side + 1, 1), VLM_ERR_LIMIT);
        assert_int_equal(probe(heads[i], 1, side), VLM_OK);
        assert_int_equal(probe(heads[i], 1, side + 1), VLM_ERR_LIMIT);
        assert_int_equal(probe(heads[i], side, other), VLM_OK);
        assert_int_equal(probe(heads[i], side, other + 1), VLM_ERR_LIMIT);
        assert_int_equal(probe(heads[i], 65535, 65535), VLM_ERR_LIMIT);
    }
    assert_int_equal(probe(png_head, 0, 1), VLM_ERR_FORMAT);
    assert_int_equal(probe(png_head, 1, 0), VLM_ERR_FORMAT);
    assert_int_equal(probe(png_head, UINT32_MAX, UINT32_MAX), VLM_ERR_LIMIT);
    assert_int_equal(probe(jpeg_head, 0, 1), VLM_ERR_FORMAT);
    assert_int_equal(probe(jpeg_head, 1, 0), VLM_ERR_FORMAT); /* lines stated at the end (DNL) */

    struct vlm_image *image = NULL;
    uint8_t px[3] = {1, 2, 3};
    assert_int_equal(vlm_image_make(&image, &vlm_mem_system, px, side + 1, 1, NULL), VLM_ERR_LIMIT);
    assert_int_equal(vlm_image_make(&image, &vlm_mem_system, px, 0, 1, NULL), VLM_ERR_FORMAT);
}

/* I6: 32 MiB of something else behind the picture; one byte more is too long a file. */
static void long_tails(void **state)
{
    (void)state;
    static const char *const names[] = {"exif-6.jpg", "png-2-8.png", "lossy-17x5.webp",
                                        "still-87a.gif"};
    const size_t limit = VLM_LIMIT_IMAGE_FILE_BYTES;
    uint8_t *file = malloc(limit + 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        uint8_t *small = file_named(names[i], &n);
        struct vlm_image *image, *plain;
        vlm_error err;
        for (size_t at = n; at <= limit; at++)
            file[at] = (uint8_t) "<script>alert(1)</script>\n"[at % 26];
        memcpy(file, small, n);
        clock_t begin = clock();
        assert_int_equal(load(&image, file, limit, names[i], &err), VLM_OK);
        assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < SECOND);
        assert_int_equal(load(&plain, small, n, names[i], &err), VLM_OK);
        assert_memory_equal(image->hash, plain->hash, sizeof plain->hash);
        vlm_image_free(image);
        vlm_image_free(plain);
        assert_int_equal(load(&image, file, limit + 1, names[i], &err), VLM_ERR_LIMIT);
        assert_non_null(strstr(err.message, "33554433 bytes"));
        free(small);
    }
    free(file);
}

/* 300-scans.jpg (16 x 16) cut behind its n-th scan. */
static int load_scans(size_t n_scans)
{
    size_t n, seen = 0, end = 0;
    uint8_t *file = image_pack_named("refused", "300-scans.jpg", &n);
    for (size_t i = 0; i + 1 < n && end == 0; i++)
        if (file[i] == 0xff && file[i + 1] == 0xda && ++seen == n_scans + 1)
            end = i;
    assert_true(end > 0);
    file[end] = 0xff;
    file[end + 1] = 0xd9;
    struct vlm_image *image;
    int rc = load(&image, file, end + 2, "scans.jpg", NULL);
    vlm_image_free(image);
    free(file);
    return rc;
}

/* Pixels times scans can only be reached by pictures of VLM_LIMIT_IMAGE_SCAN_PIXELS / 256 and more.
 */
static void limits_of_scans(void **state)
{
    (void)state;
    assert_true(VLM_LIMIT_IMAGE_SCAN_PIXELS / VLM_LIMIT_IMAGE_SCANS > 16 * 16);
    assert_int_equal(load_scans(VLM_LIMIT_IMAGE_SCANS), VLM_OK);
    assert_int_equal(load_scans(VLM_LIMIT_IMAGE_SCANS + 1), VLM_ERR_LIMIT);
}

/* ---- many of something ---- */

/* I3: a PNG of a million empty chunks is read, and fast: one pass over them.  The same for blocks
 * of a GIF and chunks of a WebP. */
static void check_many(const char *name, size_t at, const void *piece, size_t n_piece,
                       size_t size_at)
{
    const size_t count = 1000000;
    size_t n;
    uint8_t *base = file_named(name, &n), *file = malloc(n + count * n_piece);
    struct vlm_image *image, *plain;
    vlm_error err = {0};
    memcpy(file, base, at);
    for (size_t i = 0; i < count; i++)
        memcpy(file + at + i * n_piece, piece, n_piece);
    memcpy(file + at + count * n_piece, base + at, n - at);
    if (size_at != 0) { /* little-endian, of everything behind it */
        size_t size = n + count * n_piece - size_at - 4;
        for (int i = 0; i < 4; i++)
            file[size_at + (size_t)i] = (uint8_t)(size >> 8 * i);
    }
    clock_t begin = clock();
    int rc = load(&image, file, n + count * n_piece, name, &err);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (rc != VLM_OK || seconds >= SECOND)
        print_error("%s: %s, %.2f s\n", name, err.message, seconds);
    assert_int_equal(rc, VLM_OK);
    assert_true(seconds < SECOND);
    assert_int_equal(load(&plain, base, n, name, NULL), VLM_OK);
    assert_memory_equal(image->hash, plain->hash, sizeof plain->hash);
    vlm_image_free(image);
    vlm_image_free(plain);
    free(base);
    free(file);
}

static void many_pieces(void **state)
{
    (void)state;
    check_many("png-2-8.png", 33, "\0\0\0\0vlMc\xBF\xB1\x13\xB2", 12, 0);
    check_many("still-87a.gif", 13 + 24, "!\xFE\1a\0", 5, 0);
    check_many("exif-no-flag.webp", 30, "junk\0\0\0\0", 8, 4);
    check_many("jpeg-444-b-30.jpg", 2, "\xFF\xFE\0\4ab", 6, 0);
}

/* I3: as many pixels as may be, of one colour, in a file of a few bytes: read, not refused. */
static void full_size_of_one_color(void **state)
{
    (void)state;
    static const uint8_t color[3] = {10, 20, 30};
    const uint32_t side = 8192;
    WebPConfig config;
    WebPPicture picture;
    WebPMemoryWriter out;
    assert_true(side * side == VLM_LIMIT_IMAGE_PIXELS);
    assert_true(WebPConfigInit(&config) && WebPPictureInit(&picture));
    config.lossless = 1;
    config.method = 0;
    config.quality = 0;
    picture.use_argb = 1;
    picture.width = picture.height = 1024;
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &out;
    WebPMemoryWriterInit(&out);
    assert_true(WebPPictureAlloc(&picture));
    for (int i = 0; i < picture.argb_stride * picture.height; i++)
        picture.argb[i] = 0xFF000000u | (uint32_t)color[0] << 16 | color[1] << 8 | color[2];
    assert_true(WebPEncode(&config, &picture));
    WebPPictureFree(&picture);
    /* 14 bits each of width - 1 and height - 1, behind the signature; no block sizes follow that
     * depend on them */
    uint32_t bits = (side - 1) | (side - 1) << 14;
    for (int i = 0; i < 4; i++)
        out.mem[21 + i] = (uint8_t)((out.mem[21 + i] & (i == 3 ? 0xF0 : 0)) | bits >> 8 * i);
    struct vlm_image *image;
    vlm_error err = {0};
    clock_t begin = clock();
    int rc = load(&image, out.mem, out.size, "one-color.webp", &err);
    print_message("%zu bytes, %u x %u pixels: status %d, %.2f s\n", out.size, side, side, rc,
                  (double)(clock() - begin) / CLOCKS_PER_SEC);
    if (rc == VLM_OK)
        assert_memory_equal(image->rgb + 3 * ((size_t)side * side - 1), color, 3);
    else
        assert_true(one_clean_line(err.message));
    vlm_image_free(image);
    WebPMemoryWriterClear(&out);
}

/* ---- every small size (I1) ---- */

static void jpeg_of(uint8_t **out, unsigned long *n, const uint8_t *rgb, uint32_t w, uint32_t h)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    *out = NULL;
    jpeg_mem_dest(&c, out, n);
    c.image_width = w;
    c.image_height = h;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < h) {
        JSAMPROW row = (JSAMPROW)(rgb + (size_t)c.next_scanline * w * 3);
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
}

/* Grey levels, a clear code before every one: no codes are ever made. */
static size_t gif_of(uint8_t *out, const uint8_t *rgb, uint32_t w, uint32_t h)
{
    uint32_t acc = 0, n_bits = 0;
    const uint8_t head[] = {'G', 'I', 'F', '8', '9', 'a', (uint8_t)w, 0, (uint8_t)h, 0, 0, 0,
                            0,   ',', 0,   0,   0,   0,   (uint8_t)w, 0, (uint8_t)h, 0, 0, 8};
    size_t at = sizeof head, block = 0;
    memcpy(out, head, sizeof head);
    for (uint32_t i = 0; i <= 2 * w * h; i++) {
        acc |= (i == 2 * w * h ? 257u : i % 2 == 0 ? 256u : rgb[i / 2 * 3]) << n_bits;
        for (n_bits += 9; n_bits >= 8 || (i == 2 * w * h && n_bits > 0); acc >>= 8) {
            if (block == 0 || out[block] == 255) {
                block = at++;
                out[block] = 0;
            }
            out[at++] = (uint8_t)acc;
            out[block]++;
            n_bits -= n_bits < 8 ? n_bits : 8;
        }
    }
    out[at++] = 0;
    return at;
}

static void check_equal(const uint8_t *file, size_t n, const uint8_t *rgb, uint32_t w, uint32_t h,
                        const char *name)
{
    struct vlm_image *image;
    vlm_error err = {0};
    if (load(&image, file, n, name, &err) != VLM_OK)
        print_error("%ux%u: %s\n", w, h, err.message);
    assert_non_null(image);
    assert_true(image->width == w && image->height == h);
    if (rgb != NULL)
        assert_memory_equal(image->rgb, rgb, (size_t)w * h * 3);
    vlm_image_free(image);
}

static void every_small_size(void **state)
{
    (void)state;
    uint8_t rgb[64 * 64 * 3], grey[64 * 64 * 3], gif[64 * 64 * 4 + 500];
    for (size_t i = 0; i < sizeof rgb; i++) {
        rgb[i] = (uint8_t)(i * 37 + i / 64);
        grey[i] = (uint8_t)(i / 3 * 7);
    }
    for (uint32_t w = 1; w <= 64; w++)
        for (uint32_t h = 1; h <= 64; h++) {
            uint8_t *file = NULL;
            size_t n = 0;
            unsigned long n_jpeg = 0;
            assert_int_equal(vlm_image_png(&file, &n, rgb, w, h, &vlm_mem_system, NULL), VLM_OK);
            check_equal(file, n, rgb, w, h, "small.png");
            vlm_mem_free(&vlm_mem_system, file);
            check_equal(gif, gif_of(gif, grey, w, h), grey, w, h, "small.gif");
            jpeg_of(&file, &n_jpeg, rgb, w, h);
            check_equal(file, n_jpeg, NULL, w, h, "small.jpg");
            free(file);
            if ((w * 64 + h) % 7 != 0 && w > 3 && h > 3)
                continue; /* libwebp's encoder is slow */
            n = WebPEncodeLosslessRGB(rgb, (int)w, (int)h, (int)w * 3, &file);
            check_equal(file, n, rgb, w, h, "small.webp");
            WebPFree(file);
            n = WebPEncodeRGB(rgb, (int)w, (int)h, (int)w * 3, 50, &file);
            check_equal(file, n, NULL, w, h, "small-lossy.webp");
            WebPFree(file);
        }
}

/* I11: the same bytes in another shape are another picture. */
static void hash_has_the_size(void **state)
{
    (void)state;
    uint8_t px[36] = {0};
    struct vlm_image *a = NULL, *b = NULL, *c = NULL;
    vlm_image_make(&a, &vlm_mem_system, px, 3, 4, NULL);
    vlm_image_make(&b, &vlm_mem_system, px, 4, 3, NULL);
    vlm_image_make(&c, &vlm_mem_system, px, 3, 4, NULL);
    assert_memory_not_equal(a->hash, b->hash, 32);
    assert_memory_equal(a->hash, c->hash, 32);
    vlm_image_free(a);
    vlm_image_free(b);
    vlm_image_free(c);
    vlm_image_free(NULL);
}

/* ---- failing memory ---- */

/* Loads, tiles and writes a picture. */
static int whole_way(const uint8_t *file, size_t n, struct heap *heap, uint8_t sum[32],
                     vlm_error *err)
{
    static const struct vlm_image_config c = {
        .longest_edge = 64, .tile = 16, .resample = VLM_RESAMPLE_LANCZOS, .split = true};
    vlm_allocator a = heap_allocator(heap);
    struct vlm_image *image = NULL;
    struct vlm_tile_plan p;
    uint8_t *png = NULL, frames[17 * 16 * 16 * 3];
    size_t n_png = 0;
    int rc = vlm_image_load(&image, &a, file, n, "memory", err);
    if (rc != VLM_OK)
        return rc;
    assert_int_equal(vlm_image_plan(&p, image->width, image->height, &c, err), VLM_OK);
    rc = vlm_image_tiles(frames, &p, image, &c, &a, err);
    if (rc == VLM_OK)
        rc = vlm_image_png(&png, &n_png, image->rgb, image->width, image->height, &a, err);
    if (rc == VLM_OK)
        vlm_sha256_of(sum, png, n_png);
    vlm_mem_free(&a, png);
    vlm_image_free(image);
    return rc;
}

/* With the allocator failing at every call, or malloc; how often that was met. */
static long fail_everywhere(const uint8_t *file, size_t n, bool of_malloc, const uint8_t good[32])
{
    long failures = 0;
    for (long at = 1;; at++) {
        vlm_error err = {0};
        uint8_t sum[32];
        struct heap heap = {.fail_at = at, .fail_count = of_malloc ? 0 : 1};
        malloc_calls = 0;
        malloc_fail_at = of_malloc ? at : 0;
        int rc = whole_way(file, n, &heap, sum, &err);
        bool reached = of_malloc ? malloc_calls >= at : heap.calls >= at;
        malloc_fail_at = 0;
        assert_int_equal(heap.blocks, 0);
        assert_int_equal(heap.bytes, 0);
        assert_int_equal(heap.errors, 0);
        if (rc != VLM_OK) {
            /* libwebp reports some of its failed allocations as damage */
            assert_true(rc == VLM_ERR_MEMORY || (of_malloc && rc == VLM_ERR_FORMAT &&
                                                 strstr(err.message, "WebP: damaged") != NULL));
            assert_true(one_clean_line(err.message));
            failures++;
        } else {
            assert_memory_equal(sum, good, 32);
        }
        if (!reached)
            return failures;
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {
        "exif-6.jpg",         "jpeg-cmyk-1.jpg",    "jpeg-2x2-11.jpg",         "png-2-8-adam7.png",
        "png-0-16.png",       "png-3-4-trns.png",   "exif-raw-profile.png",    "xmp-packed.png",
        "apng-first.png",     "exif-6.webp",        "lossless-40x31.webp",     "alpha-2.webp",
        "moving-part-0.webp", "still-comments.gif", "lossless-few-colors.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        uint8_t *file = file_named(names[i], &n), good[32];
        struct heap heap = {0};
        assert_int_equal(whole_way(file, n, &heap, good, NULL), VLM_OK);
        long ours = fail_everywhere(file, n, false, good);
        /* where libwebp 1.2.4 cannot take a small block for a lossless picture, it crashes */
        bool lossless =
            strstr(names[i], "lossless") != NULL || strcmp(names[i], "alpha-2.webp") == 0;
        bool malloc_too = MALLOC_FAILS && !lossless;
        long theirs = malloc_too ? fail_everywhere(file, n, true, good) : 0;
        bool by_malloc = strstr(names[i], ".jpg") != NULL || strstr(names[i], ".webp") != NULL;
        print_message("%s: %ld and %ld calls that failed\n", names[i], ours, theirs);
        assert_true(ours >= 15);
        assert_true(!malloc_too || !by_malloc || theirs >= 2);
        free(file);
    }
    if (!MALLOC_FAILS)
        print_message("skipped: failing malloc within libjpeg and libwebp (sanitizers bring their "
                      "own malloc)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_in_one_line),    cmocka_unit_test(every_cut),
        cmocka_unit_test(limits_of_sizes),        cmocka_unit_test(long_tails),
        cmocka_unit_test(limits_of_scans),        cmocka_unit_test(many_pieces),
        cmocka_unit_test(full_size_of_one_color), cmocka_unit_test(every_small_size),
        cmocka_unit_test(hash_has_the_size),      cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
