/* test_docgen.c: documents and their truth.  Uses the fonts of fonts-dejavu-core, which
 * scripts/setup installs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../abuse/heap.h"
#include "base/buf.h"
#include "base/mem.h"
#include "docgen/content.h"
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
        assert_true(g->size > 0 && g->y1 - g->y0 < 2 * g->size && g->frame <= FRAME_GREY);
        assert_true(g->line < doc->n_lines);
        n_letters += g->code != 0;
    }
    for (const char *s = doc->text; *s; s++)
        n_text += *s != ' ' && *s != '\n' && ((unsigned char)*s & 0xc0) != 0x80;
    assert_int_equal(n_letters, n_text); /* every letter of the text was drawn, once */
}

static void check_questions(const struct vlm_docgen_doc *doc)
{
    for (uint32_t i = 0; i < doc->n_fields; i++)
        assert_non_null(strstr(doc->text, doc->fields[i].value));
    for (uint32_t i = 0; i < doc->n_items; i++) {
        const struct vlm_docgen_item *it = &doc->items[i];
        const char *const parts[] = {it->name, it->quantity, it->unit, it->amount};
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
            assert_non_null(strstr(doc->text, parts[k]));
    }
    assert_true(doc->n_questions > 0);
    for (uint32_t i = 0; i < doc->n_questions; i++) {
        const struct vlm_docgen_question *q = &doc->questions[i];
        size_t n_chars = 0;
        for (const char *c = q->answer; *c; c++)
            n_chars += ((unsigned char)*c & 0xc0) != 0x80;
        assert_true(q->text[0] != 0 && n_chars > 0);
        assert_true(q->family == VLM_DOCGEN_READ || n_chars <= VLM_DOCGEN_MAX_ANSWER);
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
        for (uint64_t seed = 1000; seed < 1080; seed++) {
            struct vlm_docgen_doc *doc = make(gen, kind, seed);
            assert_true(doc->width >= 50 && doc->width <= 900 && doc->height >= 50 &&
                        doc->height <= 900);
            check_glyphs(doc);
            check_questions(doc);
            vlm_docgen_doc_free(gen, doc);
        }
    vlm_docgen_close(gen);
}

static struct vlm_docgen_doc *draw(struct vlm_docgen *gen, int kind, uint64_t seed,
                                   const struct vlm_docgen_options *o)
{
    struct vlm_docgen_doc *doc;
    vlm_error err;
    assert_int_equal(vlm_docgen_draw(&doc, gen, (enum vlm_docgen_kind)kind, seed, o, &err), VLM_OK);
    return doc;
}

static void strength_changes_the_picture_alone(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    assert_int_equal(o.size, sizeof o);
    size_t differ = 0;
    for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++)
        for (uint64_t seed = 0; seed < 10; seed++) {
            o.strength = 0;
            struct vlm_docgen_doc *clean = draw(gen, kind, seed, &o);
            o.strength = 1;
            struct vlm_docgen_doc *worn = draw(gen, kind, seed, &o),
                                  *again = draw(gen, kind, seed, &o);
            size_t bytes = (size_t)worn->width * worn->height * 3;
            assert_string_equal(clean->text, worn->text);
            assert_int_equal(clean->width, worn->width);
            assert_int_equal(clean->n_glyphs, worn->n_glyphs);
            assert_memory_equal(clean->questions, worn->questions, sizeof clean->questions);
            assert_memory_equal(worn->rgb, again->rgb, bytes);
            assert_memory_equal(worn->glyphs, again->glyphs, sizeof worn->glyphs);
            differ += memcmp(clean->rgb, worn->rgb, bytes) != 0;
            vlm_docgen_doc_free(gen, clean);
            vlm_docgen_doc_free(gen, worn);
            vlm_docgen_doc_free(gen, again);
        }
    /* each effect has its own chance: a few in a hundred stay clean even at strength 1 */
    assert_true(differ > VLM_DOCGEN_N_KINDS * 10 * 9 / 10);
    vlm_docgen_close(gen);
}

/* Spread of brightness inside a glyph's box. */
static int contrast(const struct vlm_docgen_doc *doc, const struct vlm_docgen_glyph *g)
{
    int low = 255 * 3, high = 0;
    for (uint32_t y = (uint32_t)g->y0; y < (uint32_t)(g->y1 + 0.999f) && y < doc->height; y++)
        for (uint32_t x = (uint32_t)g->x0; x < (uint32_t)(g->x1 + 0.999f) && x < doc->width; x++) {
            const uint8_t *p = doc->rgb + ((size_t)y * doc->width + x) * 3;
            int v = p[0] + p[1] + p[2];
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
    return high - low;
}

static void boxes_lie_on_ink(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    for (int worn = 0; worn < 2; worn++) {
        size_t n = 0, faint = 0;
        o.strength = (float)worn;
        for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++)
            for (uint64_t seed = 0; seed < 20; seed++) {
                struct vlm_docgen_doc *doc = draw(gen, kind, seed, &o);
                for (uint32_t i = 0; i < doc->n_glyphs; i++) {
                    faint += contrast(doc, &doc->glyphs[i]) < 60;
                    n++;
                }
                vlm_docgen_doc_free(gen, doc);
            }
        /* A bar or a box may be filled by its stroke alone, so that there is no paper in it; a box
         * that missed its letter would look so, too.  Measured 0.05 % clean, 0.02 % worn. */
        print_message("%zu of %zu boxes without contrast, strength %d\n", faint, n, worn);
        assert_true(faint * 1000 < n * 3);
    }
    vlm_docgen_close(gen);
}

/* Is this amount on the page, with a point or a comma? */
static bool has_amount(const struct vlm_docgen_doc *doc, int64_t cents)
{
    char t[32];
    for (int comma = 0; comma < 2; comma++) {
        snprintf(t, sizeof t, "%lld%c%02d", (long long)cents / 100, comma ? ',' : '.',
                 (int)(cents % 100));
        if (strstr(doc->text, t) != NULL)
            return true;
    }
    return false;
}

static void check_sums(const struct vlm_docgen_doc *doc)
{
    const struct vlm_docgen_sums *s = &doc->sums;
    const int64_t printed[] = {s->subtotal, s->tax, s->discount, s->total, s->paid, s->change};
    for (size_t i = 0; i < sizeof printed / sizeof *printed; i++)
        if (printed[i] >= 0)
            assert_true(has_amount(doc, printed[i]));
    if (s->total < 0)
        return;
    int64_t base = s->items - (s->discount > 0 ? s->discount : 0);
    int64_t right = base + (s->tax >= 0 && !s->tax_included ? s->tax : 0);
    if (doc->inconsistent) {
        assert_true(s->total != right || (s->subtotal >= 0 && s->subtotal != s->items));
        return;
    }
    assert_int_equal(s->total, right);
    if (s->subtotal >= 0)
        assert_int_equal(s->subtotal, s->items);
    if (s->change >= 0)
        assert_int_equal(s->change, s->paid - s->total);
}

static void sums_agree_unless_marked(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    size_t with_total[2] = {0, 0};
    for (int marked = 0; marked < 2; marked++) {
        o.inconsistent = (float)marked;
        for (int kind = VLM_DOCGEN_RECEIPT; kind <= VLM_DOCGEN_INVOICE; kind++)
            for (uint64_t seed = 0; seed < 120; seed++) {
                struct vlm_docgen_doc *doc = draw(gen, kind, seed, &o);
                assert_int_equal(doc->inconsistent, marked && doc->sums.total >= 0);
                with_total[marked] += doc->sums.total >= 0;
                check_sums(doc);
                vlm_docgen_doc_free(gen, doc);
            }
    }
    assert_true(with_total[0] > 200 && with_total[1] > 200);
    vlm_docgen_close(gen);
}

static void held_out_layouts(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++) {
        uint32_t most_seen = 0;
        for (uint64_t seed = 0; seed < 40; seed++) {
            o.layouts = VLM_DOCGEN_SEEN;
            struct vlm_docgen_doc *doc = draw(gen, kind, seed, &o);
            assert_false(doc->layout_held);
            most_seen = doc->layout > most_seen ? doc->layout : most_seen;
            vlm_docgen_doc_free(gen, doc);
        }
        for (uint64_t seed = 0; seed < 20; seed++) {
            o.layouts = VLM_DOCGEN_HELD;
            struct vlm_docgen_doc *doc = draw(gen, kind, seed, &o);
            assert_true(doc->layout_held && doc->layout > most_seen);
            vlm_docgen_doc_free(gen, doc);
        }
    }
    vlm_docgen_close(gen);
}

/* Wordings: a number is always the same pattern, seen or unseen; every family has eight and more.
 */
static void wordings_are_numbered(void **state)
{
    (void)state;
    enum { NUMBERS = 10000 };
    static uint8_t known[VLM_DOCGEN_N_FAMILIES][NUMBERS]; /* 1 seen, 2 unseen */
    struct vlm_docgen *gen = open_gen(NULL);
    memset(known, 0, sizeof known);
    for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++)
        for (uint64_t seed = 0; seed < 60; seed++) {
            struct vlm_docgen_doc *doc = make(gen, kind, seed);
            for (uint32_t i = 0; i < doc->n_questions; i++) {
                const struct vlm_docgen_question *q = &doc->questions[i];
                assert_true(q->paraphrase < NUMBERS);
                uint8_t *k = &known[q->family][q->paraphrase];
                assert_true(*k == 0 || *k == 1 + q->unseen);
                *k = (uint8_t)(1 + q->unseen);
            }
            vlm_docgen_doc_free(gen, doc);
        }
    for (int f = 0; f < VLM_DOCGEN_N_FAMILIES; f++) {
        int seen = 0, unseen = 0;
        for (int i = 0; i < NUMBERS; i++) {
            seen += known[f][i] == 1;
            unseen += known[f][i] == 2;
        }
        assert_true(seen >= 6 && unseen >= 2);
    }
    vlm_docgen_close(gen);
}

static void random_strings_only(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    o.random_strings = 1;
    for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct vlm_docgen_doc *doc = draw(gen, kind, seed, &o);
            assert_true(doc->random_strings);
            check_glyphs(doc);
            check_questions(doc);
            vlm_docgen_doc_free(gen, doc);
        }
    vlm_docgen_close(gen);
}

/* A tag's lines change places, truth follows, and the price does not come first: that is held out.
 */
static void shuffled_tags(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    int moved = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        o.shuffle = 0;
        struct vlm_docgen_doc *plain = draw(gen, VLM_DOCGEN_TAG, seed, &o);
        o.shuffle = 1;
        struct vlm_docgen_doc *doc = draw(gen, VLM_DOCGEN_TAG, seed, &o);
        check_glyphs(doc);
        check_questions(doc);
        moved += strcmp(plain->lines[0].text, doc->lines[0].text) != 0;
        for (uint32_t i = 0; doc->n_lines > 1 && i < doc->n_fields; i++)
            if (strcmp(doc->fields[i].key, "price") == 0)
                assert_string_not_equal(doc->lines[0].text, doc->fields[i].value);
        vlm_docgen_doc_free(gen, plain);
        vlm_docgen_doc_free(gen, doc);
    }
    assert_true(moved >= 8); /* most have two lines, the price below */
    vlm_docgen_close(gen);
}

/* Where part begins in text; SIZE_MAX: nowhere.  (Of strstr's pointer GCC 12 warns that it
 * dangles.) */
static size_t place(const char *text, const char *part)
{
    for (size_t i = 0; text[i]; i++)
        if (strncmp(text + i, part, strlen(part)) == 0)
            return i;
    return SIZE_MAX;
}

/* Items whose amount stands before their name, in its line; no line begins with one */
static int amounts_first(const struct vlm_docgen_doc *doc)
{
    int n = 0;
    for (uint32_t i = 0; i < doc->n_items; i++)
        for (uint32_t k = 0; k < doc->n_lines; k++) {
            const struct vlm_docgen_item *it = &doc->items[i];
            size_t name = place(doc->lines[k].text, it->name),
                   amount = place(doc->lines[k].text, it->amount);
            if (name == SIZE_MAX || amount == SIZE_MAX)
                continue;
            n += amount < name;
            assert_true(amount != 0 || it->amount[0] == 0 || strcmp(it->amount, it->unit) == 0);
        }
    return n;
}

static int values_first(const struct vlm_docgen_doc *doc)
{
    int n = 0;
    for (uint32_t i = 0; i < doc->n_fields; i++) {
        size_t key = place(doc->text, doc->fields[i].key);
        n += key != SIZE_MAX && place(doc->text, doc->fields[i].value) < key;
    }
    return n;
}

/* Items change their columns, truth follows, and no line begins with the amount, which is held out;
 * with a unit price it may, and that may be the same. */
static void shuffled_items(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    o.shuffle = 1;
    int before = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct vlm_docgen_doc *doc = draw(gen, VLM_DOCGEN_RECEIPT, seed, &o);
        check_glyphs(doc);
        check_questions(doc);
        before += amounts_first(doc);
        vlm_docgen_doc_free(gen, doc);
    }
    assert_true(before >= 8);
    vlm_docgen_close(gen);
}

/* Values come before their keys in some documents, and the truth is true. */
static void turned_facts(void **state)
{
    (void)state;
    static const int kinds[] = {VLM_DOCGEN_LABEL, VLM_DOCGEN_FORM, VLM_DOCGEN_TICKET};
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    o.shuffle = 1;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        int before = 0;
        for (uint64_t seed = 0; seed < 60; seed++) {
            struct vlm_docgen_doc *doc = draw(gen, kinds[k], seed, &o);
            check_glyphs(doc);
            check_questions(doc);
            before += values_first(doc);
            vlm_docgen_doc_free(gen, doc);
        }
        assert_true(before >= 8);
    }
    vlm_docgen_close(gen);
}

/* Whether all letters of part, where it stands once in the text, are framed, or none (-1: some, or
 * it does not). */
static int framed(const struct vlm_docgen_doc *doc, const char *part)
{
    size_t at = place(doc->text, part), letter = 0, n = 0, yes = 0;
    if (at == SIZE_MAX || place(doc->text + at + 1, part) != SIZE_MAX)
        return -1;
    for (uint32_t i = 0; i < doc->n_glyphs; i++) {
        if (doc->glyphs[i].code == 0)
            continue;
        while (doc->text[letter] == ' ' || doc->text[letter] == '\n')
            letter++;
        if (letter >= at && letter < at + strlen(part)) {
            n++;
            yes += doc->glyphs[i].frame != FRAME_NONE;
        }
        for (letter++; ((unsigned char)doc->text[letter] & 0xc0) == 0x80;)
            letter++;
    }
    return n == 0 || (yes && yes < n) ? -1 : yes > 0;
}

/* On forms values are framed and keys are not, and with o.shuffle on some labels. */
static void frames_are_of_values(void **state)
{
    (void)state;
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    int asked = 0, labels = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        o.shuffle = 0;
        struct vlm_docgen_doc *doc = draw(gen, VLM_DOCGEN_FORM, seed, &o);
        for (uint32_t i = 0; i < doc->n_fields && doc->n_lines > 1; i++) {
            int key = framed(doc, doc->fields[i].key), value = framed(doc, doc->fields[i].value);
            if (key >= 0 && value >= 0) {
                assert_int_equal(key, 0);
                assert_int_equal(value, 1);
                asked++;
            }
        }
        vlm_docgen_doc_free(gen, doc);
        o.shuffle = 1;
        doc = draw(gen, VLM_DOCGEN_LABEL, seed, &o);
        labels += doc->n_fields > 0 && framed(doc, doc->fields[0].value) == 1;
        vlm_docgen_doc_free(gen, doc);
    }
    assert_true(asked >= 60);
    assert_true(labels >= 8);
    vlm_docgen_close(gen);
}

/* Printed, not asserted: the machine may be busy. */
static void speed(void **state)
{
    (void)state;
    enum { N = 10 };
    struct vlm_docgen *gen = open_gen(NULL);
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    for (int worn = 0; worn < 2; worn++) {
        struct timespec a, b;
        o.strength = worn ? 0.7f : 0;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        for (int kind = 0; kind < VLM_DOCGEN_N_KINDS; kind++)
            for (uint64_t seed = 0; seed < N; seed++)
                vlm_docgen_doc_free(gen, draw(gen, kind, seed, &o));
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) * 1e-6;
        print_message("%.2f ms a page at strength %.1f\n", ms / (N * VLM_DOCGEN_N_KINDS),
                      (double)o.strength);
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
        cmocka_unit_test(strength_changes_the_picture_alone),
        cmocka_unit_test(boxes_lie_on_ink),
        cmocka_unit_test(sums_agree_unless_marked),
        cmocka_unit_test(held_out_layouts),
        cmocka_unit_test(wordings_are_numbered),
        cmocka_unit_test(random_strings_only),
        cmocka_unit_test(shuffled_tags),
        cmocka_unit_test(shuffled_items),
        cmocka_unit_test(turned_facts),
        cmocka_unit_test(frames_are_of_values),
        cmocka_unit_test(speed),
        cmocka_unit_test(lines_are_limited),
        cmocka_unit_test(batch_lines),
        cmocka_unit_test(bad_fonts),
        cmocka_unit_test(names),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
