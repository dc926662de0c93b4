/* content.h: what a document says, before it has a shape.  Owned by the docgen room. */
#ifndef VLM_DOCGEN_CONTENT_H
#define VLM_DOCGEN_CONTENT_H

#include "base/rng.h"
#include "docgen/docgen.h"

/* How the runs of a line share its width. */
enum vlm_docgen_align {
    ALIGN_LEFT,
    ALIGN_CENTRE,
    ALIGN_RIGHT,
    ALIGN_SPLIT,  /* first run left, second right */
    ALIGN_LEADER, /* the same with dots between */
    ALIGN_TAB     /* second run at a column common to all such lines */
};

struct vlm_docgen_row {
    char run[2][80];
    int n_runs;
    enum vlm_docgen_align align;
    double scale; /* of the body size */
    bool other_face;
    bool inverse; /* light on a dark bar */
    bool rule;    /* a line below */
};

struct vlm_docgen_content {
    struct vlm_docgen_row rows[VLM_DOCGEN_MAX_LINES];
    int n_rows;
};

/* Fills rows (at most max_lines >= 1), and doc's fields, questions, lines[].text and text. */
void vlm_docgen_write(struct vlm_docgen_content *c, struct vlm_docgen_doc *doc, struct vlm_rng *r,
                      int max_lines);

/* Small helpers shared with the renderer. */
double vlm_docgen_between(struct vlm_rng *r, double lo, double hi);
bool vlm_docgen_chance(struct vlm_rng *r, double p);

#endif
