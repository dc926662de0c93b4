/* docgen.h: synthetic documents (pictures of labels, receipts, forms ...) with their exact truth.
 *
 * The same (fonts, kind, seed, options) gives the same picture and the same questions, byte for
 * byte, for one version of FreeType.  Fonts are TrueType, OpenType or Type 1 files; their order
 * matters.
 *
 *     struct vlm_docgen *gen;
 *     vlm_docgen_open(&gen, NULL, paths, n_paths, &err);        // unreadable paths are an error
 *     struct vlm_docgen_doc *doc;
 *     vlm_docgen_make(&doc, gen, VLM_DOCGEN_LABEL, seed, 0, &err);
 *     write_png(doc->rgb, doc->width, doc->height);             // the caller's business
 *     for (size_t i = 0; i < doc->n_questions; i++) ... doc->questions[i].text, .answer
 *     vlm_docgen_truth(&buf, doc, "label-7.png");               // the lines of truth.jsonl
 *     vlm_docgen_doc_free(gen, doc);
 *     vlm_docgen_close(gen);
 *
 * A new kind of document is one function that fills rows, facts and items (content.h); questions
 * and shape follow from those. */
#ifndef VLM_DOCGEN_DOCGEN_H
#define VLM_DOCGEN_DOCGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum vlm_docgen_kind {
    VLM_DOCGEN_LABEL, /* "key value" lines */
    VLM_DOCGEN_TAG,   /* a name and a large price */
    VLM_DOCGEN_TEXT,  /* lines of words and numbers */
    VLM_DOCGEN_RECEIPT,
    VLM_DOCGEN_INVOICE,
    VLM_DOCGEN_FORM,      /* keys, and values in boxes or on lines */
    VLM_DOCGEN_CARD,      /* business card */
    VLM_DOCGEN_LIST,      /* keys and values: leaders, colons, columns */
    VLM_DOCGEN_TABLE,     /* a head and rows, with rules or without */
    VLM_DOCGEN_SHIPPING,  /* parcel label */
    VLM_DOCGEN_TICKET,    /* trains, flights, events */
    VLM_DOCGEN_PARAGRAPH, /* sentences, broken into lines */
    VLM_DOCGEN_BLANK,     /* nothing to read: paper, at most a rule or a shape */
    VLM_DOCGEN_N_KINDS
};

enum vlm_docgen_family {
    VLM_DOCGEN_VALUE,      /* what stands beside a key */
    VLM_DOCGEN_MEANING,    /* the same, asked by what it means: "How much does it cost?" */
    VLM_DOCGEN_LINE,       /* one line by its number */
    VLM_DOCGEN_READ,       /* everything */
    VLM_DOCGEN_ABSENT,     /* not on the page */
    VLM_DOCGEN_ITEM_PRICE, /* of an item: its price */
    VLM_DOCGEN_ITEM_COUNT, /* of an item: how many */
    VLM_DOCGEN_WHICH_ITEM, /* the item of a price */
    VLM_DOCGEN_RIGHT_OF,   /* text to the right of a text */
    VLM_DOCGEN_BELOW,      /* text below a text */
    VLM_DOCGEN_HOW_MANY,   /* items or rows; the answer need not be on the page */
    VLM_DOCGEN_EXTREME,    /* highest or lowest price, and whose it is */
    VLM_DOCGEN_CONTAINS,   /* yes or no: is a word on the page? */
    VLM_DOCGEN_COMPARE,    /* which of two is more */
    VLM_DOCGEN_CELL,       /* of a table: row and column */
    VLM_DOCGEN_N_FAMILIES
};

#define VLM_DOCGEN_MAX_LINES 24
#define VLM_DOCGEN_USUAL_LINES 22 /* what fits a tile of 384 pixels, */
#define VLM_DOCGEN_WIDEST_LINE 34 /* and characters of a line */
#define VLM_DOCGEN_MAX_GLYPHS 1600
#define VLM_DOCGEN_MAX_FIELDS 32
#define VLM_DOCGEN_MAX_QUESTIONS 48
#define VLM_DOCGEN_MAX_TEXT 1200 /* bytes of UTF-8, whole document, with the 0 */
#define VLM_DOCGEN_MAX_ANSWER 24 /* characters, in all families but READ */
#define VLM_DOCGEN_NOT_THERE "not on the page"

/* Boxes are in pixels of the picture, y downwards; x1 and y1 are exclusive. */
struct vlm_docgen_glyph {
    uint32_t code; /* Unicode; 0: a decoration (leader dot), not in the text */
    uint32_t line;
    float x0, y0, x1, y1; /* ink */
    float middle;         /* y half-way between baseline and x-height */
    float size;           /* pixels per em, before wear */
    uint32_t frame;       /* enum vlm_docgen_frame: what is drawn about its part of the line */
};

struct vlm_docgen_line {
    char text[164]; /* UTF-8; parts of a line are joined by one space */
    float x0, y0, x1, y1;
};

struct vlm_docgen_field {
    char key[32], value[40];
};

/* A line of a receipt or an invoice, a row of a table. */
struct vlm_docgen_item {
    char name[40], quantity[12], unit[24], amount[24]; /* as printed; "" where not */
    long cents;                                        /* of amount */
};

struct vlm_docgen_question {
    enum vlm_docgen_family family;
    bool unseen; /* a paraphrase kept out of training */
    char text[96];
    char answer[VLM_DOCGEN_MAX_TEXT];
    uint32_t paraphrase; /* which wording: the same number is the same pattern */
};

/* In hundredths; -1: not on the page. */
struct vlm_docgen_sums {
    int64_t items, subtotal, tax, discount, total, paid, change;
    bool tax_included; /* in the subtotal */
};

struct vlm_docgen_doc {
    enum vlm_docgen_kind kind;
    uint64_t seed;
    uint32_t width, height;
    uint8_t *rgb;  /* [height][width][3] */
    uint32_t font; /* index into the paths given at open, of the body text */
    uint32_t n_lines, n_glyphs, n_fields, n_questions;
    struct vlm_docgen_line lines[VLM_DOCGEN_MAX_LINES];    /* reading order */
    struct vlm_docgen_glyph glyphs[VLM_DOCGEN_MAX_GLYPHS]; /* reading order */
    struct vlm_docgen_field fields[VLM_DOCGEN_MAX_FIELDS];
    struct vlm_docgen_question questions[VLM_DOCGEN_MAX_QUESTIONS];
    char text[VLM_DOCGEN_MAX_TEXT]; /* the lines, joined by '\n' */
    uint32_t layout;                /* which of its kind's layouts */
    bool layout_held;               /* one of those kept for evaluation */
    bool inconsistent;              /* its sums are wrong on purpose */
    bool random_strings;            /* nothing but invented strings where words would stand */
    struct vlm_docgen_sums sums;    /* of receipts and invoices, as printed */
    struct vlm_docgen_item items[VLM_DOCGEN_MAX_LINES]; /* reading order */
    uint32_t n_items;
};

enum vlm_docgen_layouts { VLM_DOCGEN_SEEN, VLM_DOCGEN_HELD, VLM_DOCGEN_ANY };

struct vlm_docgen_options {
    uint32_t size;        /* sizeof, set by the init function */
    int32_t max_lines;    /* the most lines it may have (curricula), 0: no limit */
    int32_t layouts;      /* enum vlm_docgen_layouts; from which the seed chooses */
    float strength;       /* of wear and photography, 0 (clean print) to 1 */
    float inconsistent;   /* share of receipts and invoices with wrong sums */
    float random_strings; /* share of documents with invented strings only */
    float shuffle;        /* for training: share of price tags with their lines, of items with their
                             columns in any order but those of layouts held out; of some others
                             with values before their keys; labels as long as forms */
};

struct vlm_docgen;

const char *vlm_docgen_kind_name(enum vlm_docgen_kind kind);
const char *vlm_docgen_family_name(enum vlm_docgen_family family);
/* false when no kind has that name */
bool vlm_docgen_kind_find(enum vlm_docgen_kind *out, const char *name);

/* Opens n_paths >= 1 font files.  alloc may be NULL.  *out is NULL on failure. */
int vlm_docgen_open(struct vlm_docgen **out, const vlm_allocator *alloc, const char *const *paths,
                    size_t n_paths, vlm_error *err);
void vlm_docgen_close(struct vlm_docgen *gen); /* NULL allowed */

void vlm_docgen_options_init(
    struct vlm_docgen_options *o); /* clean print, layouts seen in training */
/* A new document, to be freed with vlm_docgen_doc_free.  One thread at a time per gen.  Options
 * are part of what a seed means; strength alone changes neither text nor questions. */
int vlm_docgen_draw(struct vlm_docgen_doc **out, struct vlm_docgen *gen, enum vlm_docgen_kind kind,
                    uint64_t seed, const struct vlm_docgen_options *o, vlm_error *err);
/* The same with max_lines alone. */
int vlm_docgen_make(struct vlm_docgen_doc **out, struct vlm_docgen *gen, enum vlm_docgen_kind kind,
                    uint64_t seed, int max_lines, vlm_error *err);
void vlm_docgen_doc_free(struct vlm_docgen *gen, struct vlm_docgen_doc *doc); /* NULL allowed */

/* Appends one JSON object a line for each question, in the form `vlm batch` reads, plus the truth:
 * {"id":"label-7/0","images":["label-7.png"],"prompt":"...","answer":"...","family":"value",
 *  "paraphrase":3} and "unseen":true for a held-out paraphrase */
bool vlm_docgen_truth(struct vlm_buf *out, const struct vlm_docgen_doc *doc, const char *image);
/* Appends the whole truth as one JSON object on one line: kind, layout, text, lines with boxes,
 * fields [name, value], items [name, quantity, unit price, amount], sums in hundredths, questions.
 */
bool vlm_docgen_json(struct vlm_buf *out, const struct vlm_docgen_doc *doc, const char *image);

#endif
