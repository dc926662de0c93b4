/* media.c: see media.h. */
#include "media.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/status.h"
#include "io.h"
#include "model.h"
#include "signals.h"

/* ---- what a file is ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n > k && strcasecmp(s + n - k, end) == 0;
}

static bool is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool kind_of_bytes(enum cli_media_kind *out, const unsigned char *head, size_t n)
{
    if (n < 12)
        return false;
    bool riff = memcmp(head, "RIFF", 4) == 0, boxes = memcmp(head + 4, "ftyp", 4) == 0;
    bool still = memcmp(head + 8, "heic", 4) == 0 || memcmp(head + 8, "avif", 4) == 0 ||
                 memcmp(head + 8, "mif1", 4) == 0;
    if (memcmp(head, "%PDF-", 5) == 0)
        *out = CLI_PDF;
    else if (memcmp(head, "\x1a\x45\xdf\xa3", 4) == 0 || (boxes && !still) ||
             (riff && memcmp(head + 8, "AVI ", 4) == 0))
        *out = CLI_VIDEO;
    else if (memcmp(head, "\x89PNG", 4) == 0 || memcmp(head, "\xff\xd8\xff", 3) == 0 ||
             memcmp(head, "GIF8", 4) == 0 || (riff && memcmp(head + 8, "WEBP", 4) == 0))
        *out = CLI_IMAGE;
    else
        return false;
    return true;
}

static bool kind_of_name(enum cli_media_kind *out, const char *s)
{
    static const struct {
        const char *end;
        enum cli_media_kind kind;
    } ends[] = {
        {".png", CLI_IMAGE}, {".jpg", CLI_IMAGE},  {".jpeg", CLI_IMAGE}, {".webp", CLI_IMAGE},
        {".gif", CLI_IMAGE}, {".bmp", CLI_IMAGE},  {".tif", CLI_IMAGE},  {".tiff", CLI_IMAGE},
        {".svg", CLI_IMAGE}, {".pdf", CLI_PDF},    {".mp4", CLI_VIDEO},  {".m4v", CLI_VIDEO},
        {".mov", CLI_VIDEO}, {".mkv", CLI_VIDEO},  {".webm", CLI_VIDEO}, {".avi", CLI_VIDEO},
        {".mpg", CLI_VIDEO}, {".mpeg", CLI_VIDEO}, {".ogv", CLI_VIDEO}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(s, ends[i].end)) {
            *out = ends[i].kind;
            return strpbrk(s, " \n\t") == NULL || is_regular(s);
        }
    return false;
}

bool cli_media_kind(enum cli_media_kind *out, const char *path)
{
    unsigned char head[12] = {0};
    FILE *f = is_regular(path) ? fopen(path, "rb") : NULL;
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return kind_of_bytes(out, head, n) || kind_of_name(out, path);
}

/* ---- pages ---- */

static const char *read_number(size_t *out, const char *s)
{
    const char *p = s;
    *out = 0;
    for (; *p >= '0' && *p <= '9' && *out < 1000000; p++)
        *out = *out * 10 + (size_t)(*p - '0');
    return p == s || *out == 0 ? NULL : p;
}

/* "N" or "N-M"; NULL when it is neither. */
static const char *read_range(size_t *first, size_t *last, const char *s)
{
    const char *p = read_number(first, s);
    *last = *first;
    if (p && *p == '-')
        p = read_number(last, p + 1);
    return p && *last >= *first && (*p == 0 || (*p == ',' && p[1])) ? p : NULL;
}

bool cli_pages_valid(const char *pages)
{
    size_t first, last;
    do {
        pages = read_range(&first, &last, pages);
        if (!pages)
            return false;
    } while (*pages++ == ',');
    return true;
}

void cli_pages_begin(struct cli_pages *p, const char *pages, size_t n_pages)
{
    *p = (struct cli_pages){pages, 1, pages ? 0 : n_pages};
}

size_t cli_pages_next(struct cli_pages *p)
{
    if (p->next > p->last) {
        if (!p->at || !*p->at)
            return 0;
        p->at = read_range(&p->next, &p->last, p->at);
        if (!p->at)
            return 0;
        p->at += *p->at == ',';
    }
    return p->next++;
}

void cli_pages_count(const char *pages, size_t n_pages, size_t *n, size_t *largest)
{
    struct cli_pages p;
    size_t page;
    *n = *largest = 0;
    cli_pages_begin(&p, pages, n_pages);
    while (*n <= VLM_LIMIT_PICTURES && (page = cli_pages_next(&p)) != 0) {
        *largest = page > *largest ? page : *largest;
        ++*n;
    }
}

/* ---- opening ---- */

int cli_image_open(vlm_image **out, const vlm_engine *engine, const struct cli_options *o,
                   const char *path, vlm_error *err)
{
    if (strcmp(path, "-") != 0)
        return o->sandbox ? vlm_image_open_sandboxed(out, engine, path, err)
                          : vlm_image_open(out, engine, path, err);
    struct vlm_buf b;
    int rc = cli_read(&b, path, VLM_LIMIT_IMAGE_FILE_BYTES, err);
    if (rc < 0)
        return rc;
    const char *data = b.data ? b.data : "";
    rc = o->sandbox ? vlm_image_decode_sandboxed(out, engine, data, b.n, cli_shown(path), err)
                    : vlm_image_decode(out, engine, data, b.n, cli_shown(path), err);
    vlm_buf_free(&b);
    return rc;
}

static int show_frames(void *ctx, size_t done, size_t total)
{
    (void)ctx;
    cli_progress("reading: frame", done, total);
    return cli_interrupted();
}

int cli_video_open(vlm_video **out, const vlm_engine *engine, const struct cli_media *media,
                   vlm_error *err)
{
    vlm_video_options vo;
    vlm_video_options_init(&vo);
    vo.fps = media->fps;
    vo.max_frames = media->max_frames;
    vo.progress = show_frames;
    int rc = vlm_video_open(out, engine, media->path, &vo, err);
    cli_progress_clear();
    return rc;
}

/* Before the first page is drawn: are there such pages, and can they fit into the context? */
static int check_pages(const vlm_engine *engine, const struct cli_media *media, size_t n_pages,
                       size_t *n, vlm_error *err)
{
    vlm_model_info info;
    size_t largest;
    cli_pages_count(media->pages, n_pages, n, &largest);
    if (largest > n_pages)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "%s: found %zu pages, expected page %zu as well",
                        media->path, n_pages, largest);
    vlm_inspect(engine, &info);
    if (*n > VLM_LIMIT_PICTURES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: found more than %d pages, expected at most that",
                        media->path, (int)VLM_LIMIT_PICTURES);
    if (!media->one_by_one && info.image_seq_len && info.context_length &&
        *n >= info.context_length / info.image_seq_len)
        return vlm_fail(err, VLM_ERR_CONTEXT,
                        "%s: found %zu pages of at least %zu tokens each, expected what fits into "
                        "the context of %zu (--pages takes fewer)",
                        media->path, *n, info.image_seq_len, info.context_length);
    return VLM_OK;
}

static int draw_pages(const vlm_pdf *pdf, const struct cli_media *media, size_t n_pages, size_t n,
                      cli_page_fn *fn, void *ctx, vlm_error *err)
{
    struct cli_pages p;
    size_t number, done = 0;
    cli_pages_begin(&p, media->pages, n_pages);
    while ((number = cli_pages_next(&p)) != 0) {
        vlm_image *image;
        cli_progress("drawing: page", done++, n);
        if (cli_interrupted())
            return vlm_fail(err, VLM_ERR_CANCELLED, "%s: interrupted", media->path);
        int rc = vlm_pdf_page(&image, pdf, number, err);
        if (rc >= 0) {
            if (media->one_by_one)
                cli_progress_clear();
            rc = fn(ctx, image, number, err);
        }
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

int cli_pdf_pages(const vlm_engine *engine, const struct cli_media *media, cli_page_fn *fn,
                  void *ctx, vlm_error *err)
{
    vlm_pdf *pdf;
    vlm_pdf_options po;
    size_t n;
    vlm_pdf_options_init(&po);
    if (media->dpi)
        po.dpi = (double)media->dpi;
    int rc = vlm_pdf_open(&pdf, engine, media->path, &po, err);
    if (rc < 0)
        return rc;
    size_t n_pages = vlm_pdf_n_pages(pdf);
    rc = check_pages(engine, media, n_pages, &n, err);
    if (rc == VLM_OK)
        rc = draw_pages(pdf, media, n_pages, n, fn, ctx, err);
    cli_progress_clear();
    vlm_pdf_close(pdf);
    return rc;
}
