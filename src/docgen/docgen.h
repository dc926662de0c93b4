/* docgen.h: synthetic documents (pictures of labels and price tags) with their exact truth.
 *
 * The same (fonts, kind, seed) gives the same picture and the same questions, byte for byte, for
 * one version of FreeType.  Fonts are TrueType, OpenType or Type 1 files; their order matters.
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
 * A new kind of document is one function in content.c that fills lines and questions. */
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
    VLM_DOCGEN_N_KINDS
};

enum vlm_docgen_family {
    VLM_DOCGEN_VALUE,   /* what stands beside a key */
    VLM_DOCGEN_MEANING, /* the same, asked by what it means: "How much does it cost?" */
    VLM_DOCGEN_LINE,    /* one line by its number */
    VLM_DOCGEN_READ,    /* everything */
    VLM_DOCGEN_ABSENT,  /* not on the label */
    VLM_DOCGEN_N_FAMILIES
};

#define VLM_DOCGEN_MAX_LINES 12
#define VLM_DOCGEN_MAX_GLYPHS 400
#define VLM_DOCGEN_MAX_FIELDS 8
#define VLM_DOCGEN_MAX_QUESTIONS 24
#define VLM_DOCGEN_MAX_TEXT 400 /* bytes of UTF-8, whole document, with the 0 */
#define VLM_DOCGEN_NOT_THERE "not on the label"

/* Boxes are in pixels of the picture, y downwards; x1 and y1 are exclusive. */
struct vlm_docgen_glyph {
    uint32_t code; /* Unicode; 0: a decoration (leader dot), not in the text */
    uint32_t line;
    float x0, y0, x1, y1; /* ink */
    float middle;         /* y half-way between baseline and x-height */
};

struct vlm_docgen_line {
    char text[164]; /* UTF-8; runs of a line are joined by one space */
    float x0, y0, x1, y1;
};

struct vlm_docgen_field {
    char key[32], value[40];
};

struct vlm_docgen_question {
    enum vlm_docgen_family family;
    bool unseen; /* a paraphrase kept out of training */
    char text[96];
    char answer[VLM_DOCGEN_MAX_TEXT];
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

/* A new document, to be freed with vlm_docgen_doc_free.  One thread at a time per gen.
 * max_lines: the most lines it may have (curricula; it is part of what a seed means), 0: no limit.
 */
int vlm_docgen_make(struct vlm_docgen_doc **out, struct vlm_docgen *gen, enum vlm_docgen_kind kind,
                    uint64_t seed, int max_lines, vlm_error *err);
void vlm_docgen_doc_free(struct vlm_docgen *gen, struct vlm_docgen_doc *doc); /* NULL allowed */

/* Appends one JSON object a line for each question, in the form `vlm batch` reads, plus the truth:
 * {"id":"label-7/0","images":["label-7.png"],"prompt":"...","answer":"...","family":"value"} */
bool vlm_docgen_truth(struct vlm_buf *out, const struct vlm_docgen_doc *doc, const char *image);
/* Appends the whole truth as one JSON object on one line: text, lines with boxes, fields,
 * questions. */
bool vlm_docgen_json(struct vlm_buf *out, const struct vlm_docgen_doc *doc, const char *image);

#endif
