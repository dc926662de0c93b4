/* pdf.c: pages of a PDF through pdfinfo and pdftoppm, one page at a time.  The size of a page is
 * asked first, so that a page of a kilometre is refused before anything draws it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "media/media.h"

#define MAX_DPI 4800.0
#define INFO_BYTES ((size_t)1 << 20)

struct vlm_pdf {
    const vlm_engine *engine;
    const vlm_allocator *alloc;
    char *shown, *pdftoppm, *pdfinfo;
    double dpi;
    int input;
    size_t n_pages;
};

void vlm_pdf_options_init(vlm_pdf_options *o)
{
    *o = (vlm_pdf_options){.size = sizeof *o,
                           .dpi = 150,
                           .pdftoppm = "/usr/bin/pdftoppm",
                           .pdfinfo = "/usr/bin/pdfinfo"};
}

static int read_options(vlm_pdf_options *out, const vlm_pdf_options *o, vlm_error *err)
{
    vlm_pdf_options_init(out);
    if (o && (o->size < sizeof *out || o->size > 4096))
        return vlm_fail(err, VLM_ERR_ARGUMENT, "PDF options: size %zu, was it initialised?",
                        o->size);
    if (o)
        *out = *o;
    if (!(out->dpi >= 1 && out->dpi <= MAX_DPI))
        return vlm_fail(err, VLM_ERR_ARGUMENT, "dots per inch: %g, expected 1 to %g", out->dpi,
                        MAX_DPI);
    if (!out->pdftoppm || !out->pdfinfo)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "PDF options: no path of pdftoppm or pdfinfo");
    return VLM_OK;
}

static struct vlm_media_task task_of(const vlm_pdf *pdf, const char *program,
                                     const char *const *argv)
{
    return (struct vlm_media_task){.shown = pdf->shown,
                                   .program = program,
                                   .package = "poppler-utils",
                                   .argv = argv,
                                   .input = pdf->input,
                                   .cpu_seconds = VLM_LIMIT_CHILD_CPU_SECONDS,
                                   .seconds = VLM_LIMIT_CHILD_SECONDS};
}

static bool says(const struct vlm_media_run *r, const char *word)
{
    return strstr(r->child.said, word) != NULL;
}

/* pdfinfo's output; page 0: of the file. */
static int ask(const vlm_pdf *pdf, size_t page, struct vlm_buf *text, vlm_error *err)
{
    char number[32];
    snprintf(number, sizeof number, "%zu", page);
    const char *const whole[] = {pdf->pdfinfo, VLM_CHILD_INPUT, NULL};
    const char *const one[] = {pdf->pdfinfo, "-box",          "-f", number, "-l",
                               number,       VLM_CHILD_INPUT, NULL};
    struct vlm_media_task task = task_of(pdf, pdf->pdfinfo, page ? one : whole);
    struct vlm_media_run run;
    int rc = vlm_media_start(&run, &task, err);
    if (rc < 0)
        return rc;
    rc = vlm_media_collect(&run, text, err);
    if (rc == VLM_ERR_FORMAT && says(&run, "Incorrect password"))
        rc = vlm_fail(err, VLM_ERR_UNSUPPORTED,
                      "%s: is encrypted; a PDF that needs a password "
                      "cannot be read",
                      pdf->shown);
    vlm_media_close(&run);
    return rc;
}

static int count_pages(vlm_pdf *pdf, vlm_error *err)
{
    struct vlm_buf text;
    uint64_t n;
    vlm_buf_init(&text, pdf->alloc, INFO_BYTES);
    int rc = ask(pdf, 0, &text, err);
    if (rc == VLM_OK && !vlm_media_pdf_pages(&n, text.n ? text.data : "", text.n))
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: %s does not say how many pages it has", pdf->shown,
                      pdf->pdfinfo);
    vlm_buf_free(&text);
    if (rc < 0)
        return rc;
    if (n == 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: a PDF without pages", pdf->shown);
    if (n > VLM_LIMIT_PDF_PAGES)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %llu pages, expected at most %llu", pdf->shown,
                        (unsigned long long)n, (unsigned long long)VLM_LIMIT_PDF_PAGES);
    pdf->n_pages = (size_t)n;
    return VLM_OK;
}

int vlm_pdf_open(vlm_pdf **out, const vlm_engine *engine, const char *path,
                 const vlm_pdf_options *o, vlm_error *err)
{
    struct vlm_quoted q;
    vlm_pdf_options options;
    const vlm_allocator *alloc = vlm_engine_allocator(engine);
    int rc = read_options(&options, o, err);
    if (rc < 0)
        return rc;
    vlm_pdf *pdf = vlm_mem_zalloc(alloc, 1, sizeof *pdf);
    if (!pdf)
        return vlm_fail_memory(err, sizeof *pdf, "a PDF");
    const char *shown = vlm_base_quote(&q, path, strlen(path));
    *pdf = (struct vlm_pdf){.engine = engine, .alloc = alloc, .dpi = options.dpi, .input = -1};
    pdf->shown = vlm_mem_strndup(alloc, shown, strlen(shown));
    pdf->pdftoppm = vlm_mem_strndup(alloc, options.pdftoppm, strlen(options.pdftoppm));
    pdf->pdfinfo = vlm_mem_strndup(alloc, options.pdfinfo, strlen(options.pdfinfo));
    rc = pdf->shown && pdf->pdftoppm && pdf->pdfinfo ? vlm_child_input_open(&pdf->input, path, err)
                                                     : vlm_fail_memory(err, 64, "a PDF");
    if (rc == VLM_OK)
        rc = count_pages(pdf, err);
    if (rc == VLM_OK)
        *out = pdf;
    else
        vlm_pdf_close(pdf);
    return rc;
}

size_t vlm_pdf_n_pages(const vlm_pdf *pdf)
{
    return pdf->n_pages;
}

void vlm_pdf_close(vlm_pdf *pdf)
{
    if (!pdf)
        return;
    vlm_child_input_close(pdf->input);
    vlm_mem_free(pdf->alloc, pdf->shown);
    vlm_mem_free(pdf->alloc, pdf->pdftoppm);
    vlm_mem_free(pdf->alloc, pdf->pdfinfo);
    vlm_mem_free(pdf->alloc, pdf);
}

/* As pdftoppm rounds. */
static double pixels_of(double points, double dpi)
{
    return ceil(points * dpi / 72);
}

static bool page_fits(double w, double h, double dpi)
{
    double a = pixels_of(w, dpi), b = pixels_of(h, dpi);
    return a * b <= (double)VLM_LIMIT_PDF_PIXELS && fmax(a, b) <= (double)VLM_LIMIT_IMAGE_SIDE;
}

/* Refuses a page that would be too large, with the resolution that would fit. */
static int check_page(const vlm_pdf *pdf, size_t number, vlm_error *err)
{
    struct vlm_buf text;
    double w = 0, h = 0;
    vlm_buf_init(&text, pdf->alloc, INFO_BYTES);
    int rc = ask(pdf, number, &text, err);
    if (rc == VLM_OK && !vlm_media_pdf_size(&w, &h, text.n ? text.data : "", text.n, number))
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: page %zu has no size", pdf->shown, number);
    vlm_buf_free(&text);
    if (rc < 0)
        return rc;
    if (!(w > 0 && h > 0))
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: page %zu is %gx%g points large", pdf->shown,
                        number, w, h);
    if (page_fits(w, h, pdf->dpi))
        return VLM_OK;
    double dpi = floor(fmin(72 * sqrt((double)VLM_LIMIT_PDF_PIXELS / (w * h)),
                            72 * (double)VLM_LIMIT_IMAGE_SIDE / fmax(w, h)));
    while (dpi >= 1 && !page_fits(w, h, dpi)) /* a step or two: sides are rounded up */
        dpi--;
    if (dpi < 1)
        return vlm_fail(err, VLM_ERR_LIMIT,
                        "%s: page %zu is %gx%g points, too large at any resolution", pdf->shown,
                        number, w, h);
    return vlm_fail(err, VLM_ERR_LIMIT,
                    "%s: page %zu at %g dots per inch has %.0fx%.0f pixels, expected at most %llu; "
                    "%.0f dots per inch would fit",
                    pdf->shown, number, pdf->dpi, pixels_of(w, pdf->dpi), pixels_of(h, pdf->dpi),
                    (unsigned long long)VLM_LIMIT_PDF_PIXELS, dpi);
}

static int draw(vlm_image **out, const vlm_pdf *pdf, size_t number, vlm_error *err)
{
    char page[32], dpi[32];
    uint64_t thousandths = (uint64_t)llrint(pdf->dpi * 1000); /* no locale's decimal comma */
    snprintf(page, sizeof page, "%zu", number);
    snprintf(dpi, sizeof dpi, "%llu.%03llu", (unsigned long long)(thousandths / 1000),
             (unsigned long long)(thousandths % 1000));
    const char *const argv[] = {pdf->pdftoppm,   "-q", "-r", dpi, "-f", page, "-l", page,
                                VLM_CHILD_INPUT, NULL};
    struct vlm_media_task task = task_of(pdf, pdf->pdftoppm, argv);
    struct vlm_media_run run;
    uint8_t *rgb = NULL;
    size_t n_rgb = 0;
    uint32_t w, h;
    int rc = vlm_media_start(&run, &task, err);
    if (rc < 0)
        return rc;
    rc = vlm_media_picture(&run, pdf->alloc, &rgb, &n_rgb, VLM_LIMIT_PDF_PIXELS, &w, &h, err);
    bool drawn = rc > 0;
    if (rc >= 0)
        rc = vlm_media_finish(&run, err);
    if (rc == VLM_OK && !drawn)
        rc = vlm_fail(err, VLM_ERR_FORMAT, "%s: page %zu cannot be drawn", pdf->shown, number);
    vlm_media_close(&run);
    if (rc == VLM_OK)
        rc = vlm_image_from_rgb(out, pdf->engine, rgb, w, h, err);
    vlm_mem_free(pdf->alloc, rgb);
    return rc;
}

int vlm_pdf_page(vlm_image **out, const vlm_pdf *pdf, size_t number, vlm_error *err)
{
    if (number < 1 || number > pdf->n_pages)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "%s: page %zu, expected 1 to %zu", pdf->shown,
                        number, pdf->n_pages);
    int rc = check_page(pdf, number, err);
    return rc < 0 ? rc : draw(out, pdf, number, err);
}
