/* content.h: what a document says, before it has a shape.  Owned by the docgen room.
 *
 * A document is rows from top to bottom.  A row is text (up to six cells, the reading order is from
 * left to right) or a decoration.  Cells of a row that names a grid stand in the grid's columns. */
#ifndef VLM_DOCGEN_CONTENT_H
#define VLM_DOCGEN_CONTENT_H

#include "base/rng.h"
#include "docgen/docgen.h"
#include "docgen/words.h"

enum vlm_docgen_align {
    ALIGN_LEFT,
    ALIGN_CENTRE,
    ALIGN_RIGHT,
    ALIGN_SPLIT,  /* rows: first cell left, last right */
    ALIGN_LEADER, /* the same with dots between */
};

enum vlm_docgen_row_kind { ROW_TEXT, ROW_RULE, ROW_BARS, ROW_LOGO };

enum vlm_docgen_rule {
    RULE_NONE,
    RULE_THIN,
    RULE_THICK,
    RULE_DOUBLE,
    RULE_DASHED, /* drawn */
    RULE_SIGNS,  /* a row of the character in cell 0, as tills print it */
};

enum vlm_docgen_frame { FRAME_NONE, FRAME_BOX, FRAME_UNDERLINE, FRAME_INVERSE, FRAME_GREY };

#define VLM_DOCGEN_CELLS 6
#define VLM_DOCGEN_ROWS 40
#define VLM_DOCGEN_GRIDS 3

struct vlm_docgen_cell {
    char text[80];
    enum vlm_docgen_align align; /* in its column */
    enum vlm_docgen_frame frame; /* in a grid: as wide as the column */
};

struct vlm_docgen_row {
    enum vlm_docgen_row_kind kind;
    struct vlm_docgen_cell cell[VLM_DOCGEN_CELLS];
    int n;                       /* cells; empty ones only in a grid */
    int grid;                    /* 0: none; else number + 1 */
    enum vlm_docgen_align align; /* of a row without grid */
    enum vlm_docgen_rule rule;   /* below a text row; of a rule row */
    double scale;                /* of the body size */
    double gap;                  /* above, in em of the body */
    double indent;               /* of its first cell, in em */
    bool other_face;
    bool inverse; /* light on a dark bar */
    int line;     /* number among the text rows */
};

struct vlm_docgen_grid {
    int n_columns;
    bool full;                 /* as wide as the page allows, else as its cells need */
    bool columns, rows, frame; /* rules between columns, between rows, around */
    bool equal;                /* all columns the same width */
    double gap;                /* between columns, in em */
};

/* Something a question can be asked about.  Rows and cells say where it stands. */
struct vlm_docgen_fact {
    enum vlm_docgen_class cls;
    char key[32];   /* as printed, without colon; or what it is called when nothing is printed */
    char value[40]; /* as printed */
    bool shown;     /* the key is on the page */
    bool beside;    /* key and value are parts of one line */
};

struct vlm_docgen_content {
    struct vlm_docgen_row rows[VLM_DOCGEN_ROWS], spare; /* spare: written when the page is full */
    int n_rows;
    struct vlm_docgen_grid grids[VLM_DOCGEN_GRIDS];
    int n_grids;
    struct vlm_docgen_fact facts[VLM_DOCGEN_MAX_FIELDS];
    int n_facts;
    struct vlm_docgen_fact spare_fact;
    struct vlm_docgen_item items[VLM_DOCGEN_MAX_LINES];
    int n_items;
    int table, head_row;            /* grid + 1 of a table with a head and its row; 0: none */
    double strip;                   /* at the left (< 0) or right: share of the width */
    double aspect_low, aspect_high; /* width : height of the page against that of the text */
    bool framed;                    /* a border round the page is likely */
};

/* The hand that writes: choices that hold for the whole document. */
struct vlm_docgen_writer {
    struct vlm_docgen_content *c;
    struct vlm_docgen_doc *doc;
    struct vlm_rng *r;
    const struct vlm_docgen_options *o;
    int room;      /* characters that a line may have */
    int most;      /* lines */
    int n_lines;   /* so far */
    int currency;  /* one way of writing money a document */
    bool comma;    /* decimal comma */
    int date;      /* one way of writing dates */
    int language;  /* 0 en, 1 fr, 2 de, 3 es */
    int key_case;  /* 0 as is, 1 upper, 2 lower */
    bool upper;    /* values in capitals */
    double invent; /* share of invented strings among words */
};

/* ---- content.c: a document of rows, facts and questions ---- */
void vlm_docgen_write(struct vlm_docgen_content *c, struct vlm_docgen_doc *doc, struct vlm_rng *r,
                      const struct vlm_docgen_options *o);
/* The next row; when the page is full, one that is never drawn. */
struct vlm_docgen_row *vlm_docgen_row(struct vlm_docgen_writer *w, enum vlm_docgen_align align,
                                      const char *a, const char *b);
struct vlm_docgen_row *vlm_docgen_grid_row(struct vlm_docgen_writer *w, int grid);
struct vlm_docgen_row *vlm_docgen_decoration(struct vlm_docgen_writer *w,
                                             enum vlm_docgen_row_kind kind);
/* Text and place of cell i of a row in a grid. */
struct vlm_docgen_cell *vlm_docgen_set(struct vlm_docgen_row *row, int i, const char *text,
                                       enum vlm_docgen_align align);
int vlm_docgen_add_grid(struct vlm_docgen_writer *w, int n_columns);
int vlm_docgen_left(const struct vlm_docgen_writer *w); /* lines that may still be written */
struct vlm_docgen_fact *vlm_docgen_fact(struct vlm_docgen_writer *w, enum vlm_docgen_class cls,
                                        const char *key, const char *value, bool shown);
/* A fact with a key that is nowhere else, both of at most room characters; NULL after some tries.
 */
struct vlm_docgen_fact *vlm_docgen_new_fact(struct vlm_docgen_writer *w, int room);
bool vlm_docgen_key_is_free(const struct vlm_docgen_writer *w, const char *key);
/* Chooses a layout: 0..seen-1, or seen..seen+held-1 for held-out documents. */
int vlm_docgen_layout(struct vlm_docgen_writer *w, int seen, int held);
/* Whether to arrange things as no layout does: in that share of what o->shuffle says; without it
 * nothing is drawn from the generator, so that documents stay what they were. */
bool vlm_docgen_shuffles(struct vlm_docgen_writer *w, double share);
/* Cuts text after n characters, without a blank at the end. */
void vlm_docgen_cut(char *text, int n);

/* ---- values.c: what stands on paper ---- */
double vlm_docgen_between(struct vlm_rng *r, double lo, double hi);
bool vlm_docgen_chance(struct vlm_rng *r, double p);
int vlm_docgen_pick(struct vlm_rng *r, int n);
const char *vlm_docgen_one_of(struct vlm_rng *r, const struct vlm_docgen_list *list);
void vlm_docgen_copy(char *out, size_t cap, const char *s); /* cut when too long; ASCII */
void vlm_docgen_case(char *s, int how);                     /* 1 upper, 2 lower; ASCII */
size_t vlm_docgen_chars(const char *s);
bool vlm_docgen_holds(const char *a, const char *b);           /* b in a, whatever the case */
void vlm_docgen_invent(struct vlm_rng *r, char *out, int max); /* a word nobody knows */
void vlm_docgen_string(struct vlm_rng *r, char *out, int max); /* a string nobody guesses */
void vlm_docgen_digits(struct vlm_rng *r, char *out, const char *pattern); /* # digit, @ letter */
void vlm_docgen_money(const struct vlm_docgen_writer *w, char *out, size_t cap, long cents,
                      bool sign);
long vlm_docgen_cents(struct vlm_rng *r);
void vlm_docgen_date(const struct vlm_docgen_writer *w, char *out, size_t cap);
void vlm_docgen_time(const struct vlm_docgen_writer *w, char *out, size_t cap);
void vlm_docgen_product(const struct vlm_docgen_writer *w, char *out, size_t cap);
void vlm_docgen_company(const struct vlm_docgen_writer *w, char *out, size_t cap);
void vlm_docgen_person(const struct vlm_docgen_writer *w, char *out, size_t cap);
void vlm_docgen_street(const struct vlm_docgen_writer *w, char *out, size_t cap);
void vlm_docgen_town(const struct vlm_docgen_writer *w, char *out, size_t cap);
void vlm_docgen_phone(const struct vlm_docgen_writer *w, char *out, size_t cap);
void vlm_docgen_value(const struct vlm_docgen_writer *w, char *out, size_t cap,
                      enum vlm_docgen_class cls);
/* the same in at most room characters; may change the hand's way of writing dates */
void vlm_docgen_value_in(struct vlm_docgen_writer *w, char *out, size_t cap,
                         enum vlm_docgen_class cls, int room);
enum vlm_docgen_class vlm_docgen_key(const struct vlm_docgen_writer *w, char *key, size_t cap);

/* ---- one function a kind ---- */
void vlm_docgen_write_label(struct vlm_docgen_writer *w);
void vlm_docgen_write_tag(struct vlm_docgen_writer *w);
void vlm_docgen_write_text(struct vlm_docgen_writer *w);
void vlm_docgen_write_paragraph(struct vlm_docgen_writer *w);
void vlm_docgen_write_receipt(struct vlm_docgen_writer *w);
void vlm_docgen_write_invoice(struct vlm_docgen_writer *w);
void vlm_docgen_write_form(struct vlm_docgen_writer *w);
/* Up to n lines: small keys above their values, or below them, in so many columns (up to 3). */
void vlm_docgen_stacked_rows(struct vlm_docgen_writer *w, int n, int columns,
                             enum vlm_docgen_frame frame, bool below);
void vlm_docgen_write_card(struct vlm_docgen_writer *w);
void vlm_docgen_write_list(struct vlm_docgen_writer *w);
void vlm_docgen_write_table(struct vlm_docgen_writer *w);
void vlm_docgen_write_shipping(struct vlm_docgen_writer *w);
void vlm_docgen_write_ticket(struct vlm_docgen_writer *w);

/* ---- ask.c: questions about rows, facts and items ---- */
void vlm_docgen_ask(struct vlm_docgen_writer *w);

#endif
