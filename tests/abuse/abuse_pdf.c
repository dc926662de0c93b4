/* abuse_pdf.c: PDF files and pictures in a child that must fail with one line (reliability I17 to
 * I19). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "media_case.h"

/* ---- I17, I18, I19: PDF ---- */

static int open_page(const char *info, const char *draw, double dpi, size_t page, vlm_error *err)
{
    vlm_pdf *pdf;
    vlm_pdf_options o;
    vlm_image *image;
    vlm_pdf_options_init(&o);
    o.pdfinfo = program("pdfinfo", info);
    o.pdftoppm = program("pdftoppm", draw);
    o.dpi = dpi;
    int rc = vlm_pdf_open(&pdf, engine, clip, &o, err);
    if (rc < 0)
        return rc;
    rc = vlm_pdf_page(&image, pdf, page, err);
    if (rc == VLM_OK)
        vlm_image_close(image);
    vlm_pdf_close(pdf);
    return rc;
}

static void lying_pdf_programs(void **state)
{
    (void)state;
    static const struct {
        const char *info, *draw;
        double dpi;
        size_t page;
        int rc;
        const char *says;
    } cases[] = {
        {"good", "good", 150, 1, VLM_OK, ""},
        {"good", "good", 150, 3, VLM_OK, ""},
        {"floods", "floods", 150, 3, VLM_OK, ""},
        {"good", "good", 150, 0, VLM_ERR_ARGUMENT, "expected 1 to 3"},
        {"good", "good", 150, 4, VLM_ERR_ARGUMENT, "expected 1 to 3"},
        {"good", "good", NAN, 1, VLM_ERR_ARGUMENT, "dots per inch"},
        {"good", "good", 0, 1, VLM_ERR_ARGUMENT, "dots per inch"},
        {"good", "good", -150, 1, VLM_ERR_ARGUMENT, "dots per inch"},
        {"good", "good", 1e9, 1, VLM_ERR_ARGUMENT, "dots per inch"},
        {"2000-pages", "2000-pages", 150, VLM_LIMIT_PDF_PAGES, VLM_OK, ""},
        {"2001-pages", "good", 150, 1, VLM_ERR_LIMIT, "2001 pages, expected at most 2000"},
        {"100000-pages", "good", 150, 1, VLM_ERR_LIMIT, "100000 pages"},
        {"no-pages", "good", 150, 1, VLM_ERR_FORMAT, "without pages"},
        {"negative-pages", "good", 150, 1, VLM_ERR_FORMAT, "how many pages"},
        {"silent", "good", 150, 1, VLM_ERR_FORMAT, "how many pages"},
        {"garbage", "good", 150, 1, VLM_ERR_FORMAT, "how many pages"},
        {"endless", "good", 150, 1, VLM_ERR_LIMIT, "printed more than"},
        {"killed", "good", 150, 1, VLM_ERR_FORMAT, "signal 9"},
        {"complains", "good", 150, 1, VLM_ERR_FORMAT, "no such"},
        {"no-box", "good", 150, 1, VLM_ERR_FORMAT, "has no size"},
        {"flat", "good", 150, 1, VLM_ERR_FORMAT, "100x0 points"},
        {"kilometre", "good", 150, 1, VLM_ERR_LIMIT, "too large at any"},
        {"25-mpx", "25-mpx", 1000, 1, VLM_OK, ""},
        {"more-mpx", "good", 1000, 1, VLM_ERR_LIMIT, "999 dots per inch would fit"},
        {"long", "good", 150.001, 1, VLM_ERR_LIMIT, "149 dots per inch would fit"},
        {"good", "huge", 150, 1, VLM_ERR_LIMIT, "5001x5000 pixels"},
        {"good", "two", 150, 1, VLM_OK, ""},
        {"good", "silent", 150, 1, VLM_ERR_FORMAT, "cannot be drawn"},
        {"good", "garbage", 150, 1, VLM_ERR_FORMAT, "no PPM picture"},
        {"good", "endless", 150, 1, VLM_ERR_FORMAT, "no PPM picture"},
        {"good", "crashed", 150, 1, VLM_ERR_FORMAT, "signal 11"},
        {"good", "fails", 150, 1, VLM_ERR_FORMAT, "gave no reason"},
        {"arguments", "good", 150, 1, VLM_ERR_FORMAT, "gave no reason"},
    };
    assert_int_equal(VLM_LIMIT_PDF_PIXELS, 25000000); /* what the fakes try */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlm_error err;
        char what[128];
        snprintf(what, sizeof what, "pdfinfo-%s, pdftoppm-%s", cases[i].info, cases[i].draw);
        begin(&err);
        int rc = open_page(cases[i].info, cases[i].draw, cases[i].dpi, cases[i].page, &err);
        check(what, rc, cases[i].rc, cases[i].says, &err);
    }
}

/* A PDF of one page (or what the pieces make of it) without a table of contents of its objects. */
static void write_pdf(const char *path, const char *pages, const char *page, const char *content)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fprintf(f,
            "%%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
            "2 0 obj\n<< /Type /Pages /Kids [3 0 R] %s >>\nendobj\n"
            "3 0 obj\n<< /Type /Page /Parent 2 0 R %s /Contents 4 0 R >>\nendobj\n"
            "4 0 obj\n%s\nendobj\ntrailer\n<< /Root 1 0 R /Size 6 >>\n%%%%EOF\n",
            pages, page, content);
    fclose(f);
}

static int draw_real(const char *path, vlm_error *err)
{
    vlm_pdf *pdf;
    vlm_image *image;
    int rc = vlm_pdf_open(&pdf, engine, path, NULL, err);
    if (rc < 0)
        return rc;
    rc = vlm_pdf_page(&image, pdf, 1, err);
    if (rc == VLM_OK)
        vlm_image_close(image);
    vlm_pdf_close(pdf);
    return rc;
}

static void damaged_pdfs(void **state)
{
    (void)state;
    if (!have("/usr/bin/pdfinfo") || !have("/usr/bin/pdftoppm"))
        skip();
    static const struct {
        const char *what, *pages, *page, *content;
        int rc; /* 1: either, cleanly */
        const char *says;
    } cases[] = {
        {"good", "/Count 1", "/MediaBox [0 0 72 72]",
         "<< /Length 20 >>\nstream\n0 0 36 36 re f      \nendstream", VLM_OK, ""},
        {"a page of 10^6 points", "/Count 1", "/MediaBox [0 0 1000000 1000000]",
         "<< /Length 0 >>\nstream\n\nendstream", VLM_ERR_LIMIT, "too large"},
        {"10^5 pages", "/Count 100000", "/MediaBox [0 0 72 72]",
         "<< /Length 0 >>\nstream\n\nendstream", 1, ""},
        {"no page", "/Count 0", "", "null", 1, ""},
        {"negative count", "/Count -5", "/MediaBox [0 0 72 72]", "null", 1, ""},
        {"recursive form", "/Count 1",
         "/MediaBox [0 0 72 72] /Resources << /XObject << /X 4 0 R >> >>",
         "<< /Type /XObject /Subtype /Form /BBox [0 0 72 72] /Resources << /XObject << /X 4 0 R >> "
         ">> /Length 40 >>\nstream\n/X Do /X Do /X Do /X Do /X Do          \nendstream",
         1, ""},
        {"a page that is its own parent", "/Count 1 /Parent 3 0 R", "/Kids [2 0 R]",
         "<< /Length 0 >>\nstream\n\nendstream", 1, ""},
        {"script", "/Count 1",
         "/MediaBox [0 0 72 72] /AA << /O << /S /JavaScript /JS (app.alert(1)) >> >>",
         "<< /Length 0 >>\nstream\n\nendstream", VLM_OK, ""},
        {"broken codecs", "/Count 1",
         "/MediaBox [0 0 72 72] /Resources << /XObject << /X 5 0 R >> >>",
         "<< /Length 6 >>\nstream\n/X Do \nendstream\nendobj\n5 0 obj\n<< /Type /XObject /Subtype "
         "/Image /Width 6000 /Height 6000 /ColorSpace /DeviceGray /BitsPerComponent 1 /Filter "
         "/JBIG2Decode /Length 9 >>\nstream\nnot jbig2\nendstream",
         1, ""},
    };
    char path[1300];
    snprintf(path, sizeof path, "%s/x.pdf", dir);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlm_error err;
        write_pdf(path, cases[i].pages, cases[i].page, cases[i].content);
        begin(&err);
        int rc = draw_real(path, &err);
        check(cases[i].what, rc, cases[i].rc == 1 ? rc : cases[i].rc, cases[i].says, &err);
    }
    vlm_error err;
    write_text(path, "%PDF-1.4\nnothing behind it");
    begin(&err);
    check("nothing", draw_real(path, &err), VLM_ERR_FORMAT, "cannot read", &err);
    begin(&err);
    check("encrypted", draw_real(VLM_TEST_DATA "/pdf/encrypted.pdf", &err), VLM_ERR_UNSUPPORTED,
          "password", &err);
    begin(&err);
    check("a clip", draw_real(VLM_TEST_DATA "/video/h264.mp4", &err), VLM_ERR_FORMAT, "cannot read",
          &err);
}

/* Pages are what pdftoppm's own PNG shows. */
static void pages_as_pdftoppm(void **state)
{
    (void)state;
    if (!have("/usr/bin/pdfinfo") || !have("/usr/bin/pdftoppm"))
        skip();
    static const struct {
        const char *page;
        double dpi;
    } cases[] = {{"/MediaBox [0 0 200 100]", 150},
                 {"/MediaBox [0 0 200 100] /Rotate 90", 97.5},
                 {"/MediaBox [-10 5 111.7 99.3] /CropBox [0 10 50 60]", 72},
                 {"/MediaBox [0 0 20 10]", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[1200], png[1200], command[4096];
        vlm_error err;
        vlm_pdf *pdf;
        vlm_image *a, *b = NULL;
        vlm_pdf_options o;
        vlm_pdf_options_init(&o);
        o.dpi = cases[i].dpi;
        snprintf(path, sizeof path, "%s/page.pdf", dir);
        snprintf(png, sizeof png, "%s/page.png", dir);
        write_pdf(path, "/Count 1", cases[i].page,
                  "<< /Length 72 >>\nstream\n1 0 0 rg 10 10 m 90 33 l 50 80 l f  0 0 1 RG 3 w "
                  "5 5 m 99 71 150 3 188 88 c S  \nendstream");
        snprintf(command, sizeof command, "/usr/bin/pdftoppm -q -r %g -png %s > %s", o.dpi, path,
                 png);
        assert_int_equal(system(command), 0);
        assert_int_equal(vlm_image_open(&a, engine, png, &err), VLM_OK);
        if (vlm_pdf_open(&pdf, engine, path, &o, &err) < 0 || vlm_pdf_page(&b, pdf, 1, &err) < 0)
            fail_msg("%s", err.message);
        if (memcmp(vlm_image_hash(a), vlm_image_hash(b), 32) != 0)
            fail_msg("%s at %g: other pixels", cases[i].page, o.dpi);
        vlm_image_close(a);
        vlm_image_close(b);
        vlm_pdf_close(pdf);
    }
}

/* ---- pictures in a child ---- */

/* Every seed of the picture fuzzer: the child says what the decoder here says. */
static void sandboxed_pictures(void **state)
{
    (void)state;
    DIR *d = opendir(VLM_TEST_DATA "/../fuzz/seeds/image");
    assert_non_null(d);
    unsigned same = 0, refused = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[1300];
        vlm_image *a = NULL, *b = NULL;
        vlm_error err_a, err_b;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/../fuzz/seeds/image/%s", VLM_TEST_DATA, e->d_name);
        int rc_a = vlm_image_open(&a, engine, path, &err_a);
        int rc_b = vlm_image_open_sandboxed(&b, engine, path, &err_b);
        if (rc_a != rc_b || (rc_a < 0 && strcmp(err_a.message, err_b.message) != 0))
            fail_msg("%s: %d %s; in a child %d %s", path, rc_a, err_a.message, rc_b, err_b.message);
        if (rc_a == VLM_OK && memcmp(vlm_image_hash(a), vlm_image_hash(b), 32) != 0)
            fail_msg("%s: other pixels in a child", path);
        rc_a < 0 ? refused++ : same++;
        vlm_image_close(a);
        vlm_image_close(b);
    }
    closedir(d);
    printf("pictures in a child: %u the same, %u refused the same\n", same, refused);
    assert_true(same > 10);
}

/* ---- memory that ends, at every call in turn ---- */

static int open_one(int kind, vlm_error *err)
{
    vlm_video *v;
    vlm_video_options o;
    vlm_image *image;
    if (kind == 0)
        return open_page("good", "good", 150, 1, err);
    if (kind == 1) {
        int rc = vlm_image_open_sandboxed(&image, engine, VLM_TEST_DATA "/video/list/1.png", err);
        if (rc == VLM_OK)
            vlm_image_close(image);
        return rc;
    }
    vlm_video_options_init(&o);
    o.ffprobe = program("ffprobe", "good");
    o.ffmpeg = program("ffmpeg", "good");
    o.fps = 3;
    int rc = vlm_video_open(&v, engine,
                            kind == 2   ? clip
                            : kind == 3 ? VLM_TEST_DATA "/video/list"
                                        : VLM_TEST_DATA "/video/palette.gif",
                            &o, err);
    if (rc == VLM_OK)
        vlm_video_close(v);
    return rc;
}

static void failing_memory(void **state)
{
    (void)state;
    static const char *const kinds[] = {"a page", "a picture", "a clip", "a directory", "a GIF"};
    for (int kind = 0; kind < 5; kind++) {
        long long n = 0;
        for (int rc = -1; rc < 0; n++) {
            vlm_error err;
            heap.fail_at = atomic_load(&heap.calls) + 1 + n;
            heap.fail_count = 1;
            begin(&err);
            rc = open_one(kind, &err);
            heap.fail_count = 0;
            check(kinds[kind], rc, rc < 0 ? VLM_ERR_MEMORY : VLM_OK, "memory", &err);
        }
        printf("%s: %lld failing allocations\n", kinds[kind], n - 1);
        assert_true(n > 2);
    }
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(lying_pdf_programs), cmocka_unit_test(damaged_pdfs),
        cmocka_unit_test(pages_as_pdftoppm),  cmocka_unit_test(sandboxed_pictures),
        cmocka_unit_test(failing_memory),
    };
    if (argc < 2 || !realpath(argv[1], fake)) {
        fprintf(stderr, "usage: abuse_pdf FAKE [TEST]\n");
        return 2;
    }
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
