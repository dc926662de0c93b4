/* fuzz_media.c: any bytes as the output of ffprobe, of pdfinfo and of a PPM writer, and any numbers
 * as a clip to sample.  What the readers give out keeps what media.h says of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "media/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)

static struct vlm_media_clip whole, pieces;

static bool read_in_steps(struct vlm_media_clip *c, const char *text, size_t n, size_t step)
{
    vlm_media_clip_begin(c);
    for (size_t at = 0; at < n; at += step)
        if (!vlm_media_clip_add(c, text + at, n - at < step ? n - at : step))
            return false;
    return vlm_media_clip_end(c);
}

static void sample(const struct vlm_media_stream *s, double fps, size_t max)
{
    uint64_t indices[VLM_LIMIT_VIDEO_FRAMES];
    double duration = ((double)s->end - (double)s->first) * (double)s->num / (double)s->den;
    size_t n = vlm_media_sample(indices, VLM_LIMIT_VIDEO_FRAMES, s->n_frames, duration,
                                (double)s->n_frames / duration, fps, max);
    CHECK(n <= max && n <= VLM_LIMIT_VIDEO_FRAMES);
    for (size_t i = 0; i < n; i++)
        CHECK(indices[i] < s->n_frames && (i == 0 || indices[i] > indices[i - 1]));
}

/* The same bytes in pieces of any size read the same. */
static void clip(const char *text, size_t n)
{
    bool ok = read_in_steps(&whole, text, n, n ? n : 1);
    CHECK(ok == read_in_steps(&pieces, text, n, 1 + n % 7));
    CHECK(ok == (whole.what == NULL) && whole.n_streams <= VLM_LIMIT_VIDEO_STREAMS);
    if (!ok)
        return;
    CHECK(memcmp(whole.streams, pieces.streams, sizeof whole.streams) == 0);
    CHECK(!whole.any_seconds || whole.first_seconds <= whole.last_seconds);
    const struct vlm_media_stream *s = vlm_media_clip_best(&whole);
    if (!s)
        return;
    CHECK(s->described && !s->attached);
    sample(s, 1, 64);
    sample(s, (double)n * 0.37, 1 + n % VLM_LIMIT_VIDEO_FRAMES);
}

static void numbers(const uint8_t *data, size_t n)
{
    uint64_t indices[VLM_LIMIT_VIDEO_FRAMES], total;
    double d[3];
    if (n < sizeof total + sizeof d + 1)
        return;
    memcpy(&total, data, sizeof total);
    memcpy(d, data + sizeof total, sizeof d);
    size_t max = data[sizeof total + sizeof d];
    size_t got = vlm_media_sample(indices, VLM_LIMIT_VIDEO_FRAMES, total, d[0], d[1], d[2], max);
    CHECK(got <= max);
    for (size_t i = 0; i < got; i++)
        CHECK(indices[i] < total && (i == 0 || indices[i] > indices[i - 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint32_t w = 0, h = 0;
    size_t used = 0;
    uint64_t pages;
    double a, b;
    const char *text = (const char *)data;
    clip(text, n);
    int is = vlm_media_ppm(data, n, &w, &h, &used);
    CHECK(is >= -1 && is <= 1);
    CHECK(is == 1 ? w > 0 && h > 0 && used <= n && used <= 128 : w == 0 && h == 0);
    for (size_t k = 0; is == 1 && k < used; k++) { /* a header is complete at its last byte */
        uint32_t w2, h2;
        size_t used2;
        CHECK(vlm_media_ppm(data, k, &w2, &h2, &used2) == 0);
    }
    vlm_media_pdf_pages(&pages, text, n);
    if (vlm_media_pdf_size(&a, &b, text, n, 1))
        CHECK(isfinite(a) && isfinite(b) && a >= 0 && b >= 0);
    numbers(data, n);
    return 0;
}
