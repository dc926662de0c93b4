/* test_docgen.c: documents and their truth.  Uses the fonts of fonts-dejavu-core, which
 * scripts/setup installs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../abuse/heap.h"
#include "base/buf.h"
#include "base/mem.h"
#include "docgen/docgen.h"

static const char *const fonts[] = {
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf",
};
#define N_FONTS (sizeof fonts / sizeof fonts[0])

static struct vlm_docgen *open_gen(const vlm_allocator *alloc)
{
    struct vlm_docgen *gen;
    vlm_error err;
    assert_int_equal(vlm_docgen_open(&gen, alloc, fonts, N_FONTS, &err), VLM_OK);
    return gen;
}

static struct vlm_docgen_doc *make(struct vlm_docgen *gen, int kind, uint64_t seed)
{
    struct vlm_docgen_doc *doc;
    vlm_error err;
    assert_int_equal(vlm_docgen_make(&doc, gen, (enum vlm_docgen_kind)kind, seed, 0, &err), VLM_OK);
    return doc;
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct vlm_docgen *one = open_gen(NULL), *two = open_gen(NULL);
    for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            vlm_docgen_doc_free(two,
                                make(two, kind, seed + 77)); /* what came before must not matter */
            struct vlm_docgen_doc *a = make(one, kind, seed), *b = make(two, kind, seed);
            assert_int_equal(a->width, b->width);
            assert_int_equal(a->height, b->height);
            assert_memory_equal(a->rgb, b->rgb, (size_t)a->width * a->height * 3);
            struct vlm_buf ja, jb;
            vlm_buf_init(&ja, &vlm_mem_system, 1 << 20);
            vlm_buf_init(&jb, &vlm_mem_system, 1 << 20);
            assert_true(vlm_docgen_json(&ja, a, "x.png") && vlm_docgen_json(&jb, b, "x.png"));
            assert_int_equal(ja.n, jb.n);
            assert_memory_equal(ja.data, jb.data, ja.n);
            vlm_buf_free(&ja);
            vlm_buf_free(&jb);
            vlm_docgen_doc_free(one, a);
            vlm_docgen_doc_free(two, b);
        }
    vlm_docgen_close(one);
    vlm_docgen_close(two);
}

static void other_seed_other_document(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_doc *before = make(gen, VLM_DOCGEN_LABEL, 0);
    for (uint64_t seed = 1; seed < 50; seed++) {
        struct vlm_docgen_doc *doc = make(gen, VLM_DOCGEN_LABEL, seed);
        assert_string_not_equal(doc->text, before->text);
        vlm_docgen_doc_free(gen, before);
        before = doc;
    }
    struct vlm_docgen_doc *tag = make(gen, VLM_DOCGEN_TAG, 49);
    assert_string_not_equal(tag->text, before->text);
    vlm_docgen_doc_free(gen, tag);
    vlm_docgen_doc_free(gen, before);
    vlm_docgen_close(gen);
}

static void check_glyphs(const struct vlm_docgen_doc *doc)
{
    size_t n_letters = 0, n_text = 0;
    for (uint32_t i = 0; i < doc->n_glyphs; i++) {
        const struct vlm_docgen_glyph *g = &doc->glyphs[i];
        assert_true(g->x0 >= 0 && g->x0 < g->x1 && g->x1 <= (float)doc->width);
        assert_true(g->y0 >= 0 && g->y0 < g->y1 && g->y1 <= (float)doc->height);
        assert_true(g->middle > 0 && g->middle < (float)doc->height);
        assert_true(g->line < doc->n_lines);
        n_letters += g->code != 0;
    }
    for (const char *s = doc->text; *s; s++)
        n_text += *s != ' ' && *s != '\n' && ((unsigned char)*s & 0xc0) != 0x80;
    assert_int_equal(n_letters, n_text); /* every letter of the text was drawn, once */
}

static void check_questions(const struct vlm_docgen_doc *doc)
{
    assert_true(doc->n_questions > 0);
    for (uint32_t i = 0; i < doc->n_questions; i++) {
        const struct vlm_docgen_question *q = &doc->questions[i];
        assert_true(q->text[0] != 0 && q->answer[0] != 0);
        switch (q->family) {
        case VLM_DOCGEN_ABSENT:
            assert_string_equal(q->answer, VLM_DOCGEN_NOT_THERE);
            break;
        case VLM_DOCGEN_HOW_MANY:
            assert_int_equal(strspn(q->answer, "0123456789"), strlen(q->answer));
            break;
        case VLM_DOCGEN_CONTAINS:
            assert_true(strcmp(q->answer, "yes") == 0 || strcmp(q->answer, "no") == 0);
            break;
        default:
            assert_non_null(strstr(doc->text, q->answer));
            break;
        }
    }
}

static void truth_agrees_with_picture(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++)
        for (uint64_t seed = 1000; seed < 1200; seed++) {
            struct vlm_docgen_doc *doc = make(gen, kind, seed);
            assert_true(doc->width >= 50 && doc->width <= 900 && doc->height >= 50 &&
                        doc->height <= 900);
            check_glyphs(doc);
            check_questions(doc);
            vlm_docgen_doc_free(gen, doc);
        }
    vlm_docgen_close(gen);
}

static void lines_are_limited(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++)
        for (int most = 1; most <= 6; most++)
            for (uint64_t seed = 0; seed < 10; seed++) {
                struct vlm_docgen_doc *doc;
                assert_int_equal(
                    vlm_docgen_make(&doc, gen, (enum vlm_docgen_kind)kind, seed, most, NULL),
                    VLM_OK);
                assert_true(doc->n_lines <= (uint32_t)most);
                assert_true(doc->n_lines >= 1 || kind == VLM_DOCGEN_BLANK);
                vlm_docgen_doc_free(gen, doc);
            }
    vlm_docgen_close(gen);
}

static void batch_lines(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_doc *doc = make(gen, VLM_DOCGEN_TAG, 5);
    struct vlm_buf b;
    vlm_buf_init(&b, &vlm_mem_system, 1 << 20);
    assert_true(vlm_docgen_truth(&b, doc, "a \"b\".png"));
    size_t n_lines = 0;
    for (size_t i = 0; i < b.n; i++)
        n_lines += b.data[i] == '\n';
    assert_int_equal(n_lines, doc->n_questions);
    static const char begin[] =
        "{\"id\":\"tag-5/0\",\"images\":[\"a \\\"b\\\".png\"],\"prompt\":\"";
    assert_memory_equal(b.data, begin, sizeof begin - 1);
    vlm_buf_free(&b);
    vlm_buf_init(&b, &vlm_mem_system, 40); /* too small: said so */
    assert_false(vlm_docgen_truth(&b, doc, "a.png"));
    vlm_buf_free(&b);
    vlm_docgen_doc_free(gen, doc);
    vlm_docgen_close(gen);
}

static void bad_fonts(void **state)
{
    (void)state;
    struct vlm_docgen *gen;
    vlm_error err;
    const char *const none[] = {"/nowhere/font.ttf"};
    assert_int_equal(vlm_docgen_open(&gen, NULL, none, 1, &err), VLM_ERR_IO);
    assert_null(gen);
    assert_string_equal(err.message, "/nowhere/font.ttf: no scalable font could be opened");
    const char *const second[] = {fonts[0], "/proc/self/exe"};
    assert_int_equal(vlm_docgen_open(&gen, NULL, second, 2, &err), VLM_ERR_IO);
    assert_int_equal(vlm_docgen_open(&gen, NULL, NULL, 0, &err), VLM_ERR_ARGUMENT);
    vlm_docgen_close(NULL);
}

static void names(void **state)
{
    (void)state;
    enum vlm_docgen_kind kind;
    for (int k = 0; k < VLM_DOCGEN_N_KINDS; k++) {
        assert_true(vlm_docgen_kind_find(&kind, vlm_docgen_kind_name((enum vlm_docgen_kind)k)));
        assert_int_equal(kind, k);
    }
    assert_false(vlm_docgen_kind_find(&kind, "novel"));
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool done = false;
    for (long long at = 1; !done; at++) {
        assert_true(at < 20);
        struct heap h = {.fail_at = at, .fail_count = 1};
        vlm_allocator alloc = heap_allocator(&h);
        struct vlm_docgen *gen = NULL;
        struct vlm_docgen_doc *doc = NULL;
        vlm_error err;
        int status = vlm_docgen_open(&gen, &alloc, fonts, N_FONTS, &err);
        if (status == VLM_OK)
            status = vlm_docgen_make(&doc, gen, VLM_DOCGEN_LABEL, 3, 0, &err);
        assert_true(status == VLM_OK || status == VLM_ERR_MEMORY);
        done = status == VLM_OK;
        if (gen != NULL)
            vlm_docgen_doc_free(gen, doc);
        vlm_docgen_close(gen);
        assert_int_equal(h.blocks, 0);
        assert_int_equal(h.errors, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(other_seed_other_document),
        cmocka_unit_test(truth_agrees_with_picture),
        cmocka_unit_test(lines_are_limited),
        cmocka_unit_test(batch_lines),
        cmocka_unit_test(bad_fonts),
        cmocka_unit_test(names),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
