/* jpeg.c: JPEG through libjpeg-turbo with its defaults (ISLOW, fancy upsampling), as in Pillow.
 *
 * Like Pillow it takes decoding warnings as they come and refuses a file that ends before the last
 * row is complete; a missing end marker after that is accepted.  libjpeg takes its own memory with
 * malloc.  Its errors come back here by longjmp: nothing is allocated between setjmp and the end
 * of decode(). */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/limits.h"
#include "image/internal.h"

enum {
    SOF0 = 0xC0,
    SOF15 = 0xCF,
    DHT = 0xC4,
    JPG = 0xC8,
    DAC = 0xCC,
    SOS = 0xDA,
    TEM = 0x01,
    RST0 = 0xD0,
    EOI = 0xD9,
    APP1 = 0xE1
};

/* ---- markers ---- */

struct markers {
    const uint8_t *data;
    size_t n, at;
    /* the current one */
    int marker;
    const uint8_t *body;
    size_t n_body;
};

/* Goes to the next marker with a body.  false: the file ends, or nothing sensible follows. */
static bool next_marker(struct markers *m)
{
    for (;;) {
        while (m->at < m->n && m->data[m->at] != 0xFF) /* stray bytes: skipped by libjpeg too */
            m->at++;
        while (m->at < m->n && m->data[m->at] == 0xFF)
            m->at++;
        if (m->at >= m->n)
            return false;
        m->marker = m->data[m->at++];
        if (m->marker == 0 || m->marker == TEM || (m->marker >= RST0 && m->marker <= EOI))
            continue;
        if (m->n - m->at < 2)
            return false;
        size_t length = (size_t)m->data[m->at] << 8 | m->data[m->at + 1];
        if (length < 2 || length > m->n - m->at)
            return false;
        m->body = m->data + m->at + 2;
        m->n_body = length - 2;
        m->at += length;
        return true;
    }
}

static bool is_frame(int marker)
{
    return marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC;
}

int vlm_image_jpeg_size(uint32_t *width, uint32_t *height, const uint8_t *data, size_t n,
                        const char *name, vlm_error *err)
{
    struct markers m = {.data = data, .n = n, .at = 2};
    while (next_marker(&m)) {
        if (m.marker == SOS)
            return vlm_fail(err, VLM_ERR_FORMAT, "%s: JPEG with a scan before its frame header",
                            name);
        if (!is_frame(m.marker))
            continue;
        if (m.n_body < 6)
            break;
        if (m.body[0] != 8)
            return vlm_fail(err, VLM_ERR_UNSUPPORTED, "%s: JPEG with %d bits a sample, 8 are read",
                            name, m.body[0]);
        if (m.body[5] != 1 && m.body[5] != 3 && m.body[5] != 4)
            return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                            "%s: JPEG with %d components, 1, 3 or 4 are read", name, m.body[5]);
        *height = (uint32_t)m.body[1] << 8 | m.body[2];
        *width = (uint32_t)m.body[3] << 8 | m.body[4];
        return VLM_OK;
    }
    return vlm_fail(err, VLM_ERR_FORMAT, "%s: JPEG that ends before its frame header", name);
}

/* EXIF data may be spread over several segments; of XMP packets the last one counts. */
int vlm_image_jpeg_orientation(int *orientation, const vlm_allocator *alloc, const uint8_t *data,
                               size_t n, vlm_error *err)
{
    static const char xmp_name[] = "http://ns.adobe.com/xap/1.0/";
    struct markers m = {.data = data, .n = n, .at = 2};
    const uint8_t *xmp = NULL;
    size_t n_xmp = 0;
    struct vlm_buf exif;
    vlm_buf_init(&exif, alloc, VLM_LIMIT_IMAGE_FILE_BYTES);
    while (next_marker(&m) && m.marker != SOS) {
        if (m.marker != APP1)
            continue;
        if (m.n_body >= 6 && memcmp(m.body, "Exif\0\0", 6) == 0)
            vlm_buf_append(&exif, m.body + 6, m.n_body - 6);
        else if (m.n_body >= sizeof xmp_name && memcmp(m.body, xmp_name, sizeof xmp_name) == 0) {
            xmp = m.body + sizeof xmp_name;
            n_xmp = m.n_body - sizeof xmp_name;
        }
    }
    bool ok = exif.ok;
    int found = ok ? vlm_image_exif_orientation((const uint8_t *)exif.data, exif.n) : 0;
    if (found == 0 && xmp != NULL)
        found = vlm_image_xmp_orientation(xmp, n_xmp);
    vlm_buf_free(&exif);
    if (!ok)
        return vlm_fail_memory(err, n, "EXIF data");
    *orientation = found >= 1 && found <= 8 ? found : 1;
    return VLM_OK;
}

/* ---- libjpeg ---- */

struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf fail;
    const struct vlm_image_job *job;
    char why[JMSG_LENGTH_MAX];
    vlm_status status;
};

static struct decoder *decoder_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static _Noreturn void give_up(struct decoder *d, vlm_status status, const char *why)
{
    d->status = status;
    snprintf(d->why, sizeof d->why, "%s", why);
    longjmp(d->fail, 1);
}

static void on_error(j_common_ptr jpeg)
{
    struct decoder *d = decoder_of(jpeg);
    d->errors.format_message(jpeg, d->why);
    d->status = d->errors.msg_code == JERR_OUT_OF_MEMORY ? VLM_ERR_MEMORY : VLM_ERR_FORMAT;
    longjmp(d->fail, 1);
}

static void on_message(j_common_ptr jpeg)
{
    (void)jpeg;
}
static void on_trace(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

static void on_progress(j_common_ptr jpeg)
{
    struct decoder *d = decoder_of(jpeg);
    uint64_t scans = (uint64_t)d->jpeg.input_scan_number;
    /* a file may have any number of scans, each as long to decode as the picture is large */
    if (scans > VLM_LIMIT_IMAGE_SCANS ||
        scans * d->job->width * d->job->height > VLM_LIMIT_IMAGE_SCAN_PIXELS)
        give_up(d, VLM_ERR_LIMIT, "too many scans");
}

static void source_nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}
static boolean source_fill(j_decompress_ptr jpeg)
{
    give_up(jpeg->client_data, VLM_ERR_FORMAT, "the file is cut off");
}
static void source_skip(j_decompress_ptr jpeg, long n)
{
    if (n <= 0)
        return;
    if ((unsigned long)n > jpeg->src->bytes_in_buffer)
        give_up(jpeg->client_data, VLM_ERR_FORMAT, "the file is cut off");
    jpeg->src->next_input_byte += n;
    jpeg->src->bytes_in_buffer -= (size_t)n;
}

static void open_decoder(struct decoder *d)
{
    d->jpeg.err = jpeg_std_error(&d->errors);
    d->errors.error_exit = on_error;
    d->errors.output_message = on_message;
    d->errors.emit_message = on_trace;
    d->jpeg.client_data = d;
    jpeg_create_decompress(&d->jpeg); /* keeps err and client_data */
    d->source = (struct jpeg_source_mgr){.next_input_byte = d->job->data,
                                         .bytes_in_buffer = d->job->n,
                                         .init_source = source_nothing,
                                         .fill_input_buffer = source_fill,
                                         .skip_input_data = source_skip,
                                         .resync_to_restart = jpeg_resync_to_restart,
                                         .term_source = source_nothing};
    d->jpeg.src = &d->source;
    d->progress.progress_monitor = on_progress;
    d->jpeg.progress = &d->progress;
}

/* A CMYK row as Pillow makes it RGB.  Files of this kind hold inverted values, Adobe marker or not:
 * v[3] here is 255 - K, and 255 - v[c] is C, M, Y. */
static void cmyk_to_rgb(uint8_t *rgb, const uint8_t *v, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, v += 4, rgb += 3)
        for (int c = 0; c < 3; c++) {
            uint32_t t = (255u - v[c]) * v[3] + 128;
            uint32_t ink = ((t >> 8) + t) >> 8;
            rgb[c] = (uint8_t)(v[3] > ink ? v[3] - ink : 0);
        }
}

/* row: a CMYK row, for those files */
static void decode(struct decoder *d, uint8_t *row)
{
    const struct vlm_image_job *job = d->job;
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    open_decoder(d);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->image_width != job->width || jpeg->image_height != job->height)
        give_up(d, VLM_ERR_FORMAT, "two frame headers of different sizes");
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    if (jpeg->output_width != job->width || jpeg->output_height != job->height ||
        jpeg->output_components != (row != NULL ? 4 : 3))
        give_up(d, VLM_ERR_FORMAT, "its headers contradict each other");
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *to = job->rgb + (size_t)jpeg->output_scanline * job->width * 3;
        JSAMPROW rows[1] = {row != NULL ? row : to};
        jpeg_read_scanlines(jpeg, rows, 1);
        if (row != NULL)
            cmyk_to_rgb(to, row, job->width);
    }
}

/* Components of the frame header, which vlm_image_jpeg_size has seen. */
static int components(const struct vlm_image_job *job)
{
    struct markers m = {.data = job->data, .n = job->n, .at = 2};
    while (next_marker(&m))
        if (is_frame(m.marker))
            return m.n_body >= 6 ? m.body[5] : 0;
    return 0;
}

static int decode_guarded(struct decoder *d, uint8_t *row)
{
    if (setjmp(d->fail) == 0)
        decode(d, row);
    jpeg_destroy_decompress(&d->jpeg);
    return d->status;
}

int vlm_image_decode_jpeg(struct vlm_image_job *job)
{
    bool cmyk = components(job) == 4;
    uint8_t *row = cmyk ? vlm_mem_alloc(job->alloc, job->width, 4) : NULL;
    struct decoder *d = vlm_mem_zalloc(job->alloc, 1, sizeof *d);
    int rc;
    if (d == NULL || (cmyk && row == NULL)) {
        rc = vlm_fail_memory(job->err, sizeof *d + (size_t)job->width * 4, "a JPEG decoder");
    } else {
        d->job = job;
        rc = decode_guarded(d, row);
        if (rc == VLM_ERR_MEMORY)
            vlm_fail(job->err, rc, "%s: out of memory while decoding JPEG", job->name);
        else if (rc != VLM_OK)
            vlm_fail(job->err, rc, "%s: JPEG: %s", job->name, d->why);
    }
    vlm_mem_free(job->alloc, d);
    vlm_mem_free(job->alloc, row);
    return rc;
}
