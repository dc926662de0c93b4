/* content.c: decides what a document says: rows from top to bottom, facts, then questions.
 *
 * Labels, price tags and plain text are written here; the other kinds have their own files.  Every
 * writer asks vlm_docgen_left before it begins a part, so that any number of lines can be had. */
#include "docgen/content.h"

#include <stdio.h>
#include <string.h>

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance

int vlm_docgen_left(const struct vlm_docgen_writer *w)
{
    int rows = VLM_DOCGEN_ROWS - 2 - w->c->n_rows, lines = w->most - w->n_lines;
    return rows < lines ? rows : lines;
}

static struct vlm_docgen_row *new_row(struct vlm_docgen_writer *w, enum vlm_docgen_row_kind kind)
{
    bool full = w->c->n_rows == VLM_DOCGEN_ROWS || (kind == ROW_TEXT && w->n_lines >= w->most);
    struct vlm_docgen_row *row = full ? &w->c->spare : &w->c->rows[w->c->n_rows++];
    memset(row, 0, sizeof *row);
    row->kind = kind;
    row->scale = 1;
    row->line = w->n_lines;
    w->n_lines += kind == ROW_TEXT && !full;
    return row;
}

struct vlm_docgen_row *vlm_docgen_row(struct vlm_docgen_writer *w, enum vlm_docgen_align align,
                                      const char *a, const char *b)
{
    struct vlm_docgen_row *row = new_row(w, ROW_TEXT);
    vlm_docgen_copy(row->cell[0].text, sizeof row->cell[0].text, a);
    row->n = 1;
    if (b != NULL) {
        vlm_docgen_copy(row->cell[1].text, sizeof row->cell[1].text, b);
        row->n = 2;
    }
    row->align = align;
    return row;
}

struct vlm_docgen_row *vlm_docgen_grid_row(struct vlm_docgen_writer *w, int grid)
{
    struct vlm_docgen_row *row = new_row(w, ROW_TEXT);
    row->grid = grid;
    row->n = w->c->grids[grid - 1].n_columns;
    return row;
}

struct vlm_docgen_cell *vlm_docgen_set(struct vlm_docgen_row *row, int i, const char *text,
                                       enum vlm_docgen_align align)
{
    struct vlm_docgen_cell *cell = &row->cell[i];
    vlm_docgen_copy(cell->text, sizeof cell->text, text);
    cell->align = align;
    return cell;
}

struct vlm_docgen_row *vlm_docgen_decoration(struct vlm_docgen_writer *w,
                                             enum vlm_docgen_row_kind kind)
{
    struct vlm_docgen_row *row = new_row(w, kind);
    row->gap = vlm_docgen_between(w->r, 0.1, 0.5);
    row->scale = kind == ROW_RULE   ? 0.25
                 : kind == ROW_BARS ? vlm_docgen_between(w->r, 1.2, 3.0)
                                    : vlm_docgen_between(w->r, 1.5, 3.5);
    row->align = chance(w->r, 0.75) ? ALIGN_CENTRE : chance(w->r, 0.6) ? ALIGN_LEFT : ALIGN_RIGHT;
    row->rule = (enum vlm_docgen_rule)(RULE_THIN + pick(w->r, 5));
    return row;
}

int vlm_docgen_add_grid(struct vlm_docgen_writer *w, int n_columns)
{
    struct vlm_docgen_grid *g = &w->c->grids[w->c->n_grids++];
    memset(g, 0, sizeof *g);
    g->n_columns = n_columns;
    g->gap = vlm_docgen_between(w->r, 0.7, 1.3);
    return w->c->n_grids;
}

struct vlm_docgen_fact *vlm_docgen_fact(struct vlm_docgen_writer *w, enum vlm_docgen_class cls,
                                        const char *key, const char *value, bool shown)
{
    bool full = w->c->n_facts == VLM_DOCGEN_MAX_FIELDS;
    struct vlm_docgen_fact *f = full ? &w->c->spare_fact : &w->c->facts[w->c->n_facts++];
    memset(f, 0, sizeof *f);
    f->cls = cls;
    snprintf(f->key, sizeof f->key, "%s", key);
    snprintf(f->value, sizeof f->value, "%s", value);
    f->shown = shown;
    f->beside = true;
    return f;
}

int vlm_docgen_layout(struct vlm_docgen_writer *w, int seen, int held)
{
    int from = 0, n = seen;
    if (w->o->layouts == VLM_DOCGEN_HELD)
        from = seen, n = held;
    else if (w->o->layouts == VLM_DOCGEN_ANY)
        n = seen + held;
    int layout = from + pick(w->r, n);
    w->doc->layout = (uint32_t)layout;
    w->doc->layout_held = layout >= seen;
    return layout;
}

bool vlm_docgen_shuffles(struct vlm_docgen_writer *w, double share)
{
    return w->o->shuffle > 0 && chance(w->r, w->o->shuffle * share);
}

void vlm_docgen_cut(char *text, int n)
{
    char *end = text;
    for (int i = 0; i < n && *end; i++)
        do
            end++;
        while (((unsigned char)*end & 0xc0) == 0x80);
    while (end > text && end[-1] == ' ')
        end--;
    *end = 0;
}

/* No key may stand inside another one or in a line of the page: the answer would not be one. */
bool vlm_docgen_key_is_free(const struct vlm_docgen_writer *w, const char *key)
{
    const struct vlm_docgen_content *c = w->c;
    for (int i = 0; i < c->n_facts; i++)
        if (vlm_docgen_holds(c->facts[i].key, key) || vlm_docgen_holds(key, c->facts[i].key))
            return false;
    for (int i = 0; i < c->n_rows; i++)
        for (int j = 0; j < c->rows[i].n; j++)
            if (c->rows[i].kind == ROW_TEXT && vlm_docgen_holds(c->rows[i].cell[j].text, key))
                return false;
    return true;
}

struct vlm_docgen_fact *vlm_docgen_new_fact(struct vlm_docgen_writer *w, int room)
{
    char key[32], value[40];
    for (int tries = 0; tries < 20; tries++) {
        enum vlm_docgen_class cls = vlm_docgen_key(w, key, sizeof key);
        if (chance(w->r, w->invent * 0.6))
            vlm_docgen_string(w->r, value, 10);
        else
            vlm_docgen_value(w, value, sizeof value, cls);
        vlm_docgen_case(key, w->key_case);
        if (w->upper)
            vlm_docgen_case(value, 1);
        size_t nk = vlm_docgen_chars(key), nv = vlm_docgen_chars(value);
        if ((int)(nk + nv) > room || nk < 2 || nv > VLM_DOCGEN_MAX_ANSWER ||
            !vlm_docgen_key_is_free(w, key))
            continue;
        bool twice = false; /* one value in two fields would make "right of" ambiguous */
        for (int i = 0; i < w->c->n_facts; i++)
            twice |= strcmp(w->c->facts[i].value, value) == 0;
        if (!twice)
            return vlm_docgen_fact(w, cls, key, value, true);
    }
    return NULL;
}

/* what names the page: a product, or one of titles (NULL: always a product) */
static void add_title(struct vlm_docgen_writer *w, const struct vlm_docgen_list *titles)
{
    char text[40];
    bool named = titles == NULL || chance(w->r, 0.5);
    if (named)
        vlm_docgen_product(w, text, sizeof text);
    else
        snprintf(text, sizeof text, "%s", vlm_docgen_one_of(w->r, titles));
    if (w->upper || chance(w->r, 0.25))
        vlm_docgen_case(text, 1);
    vlm_docgen_cut(text, w->room < VLM_DOCGEN_MAX_ANSWER ? w->room : VLM_DOCGEN_MAX_ANSWER);
    if (named)
        vlm_docgen_fact(w, CLASS_PRODUCT, "product", text, false);
    struct vlm_docgen_row *row =
        vlm_docgen_row(w, chance(w->r, 0.65) ? ALIGN_CENTRE : ALIGN_LEFT, text, NULL);
    row->scale = vlm_docgen_between(w->r, 0.95, 1.35);
    row->other_face = chance(w->r, 0.4);
    row->inverse = chance(w->r, 0.2);
    row->rule = !row->inverse && chance(w->r, 0.25) ? RULE_THIN : RULE_NONE;
}

/* Rows for one more fact in the style of the document; false when none was found. */
static bool add_fact_row(struct vlm_docgen_writer *w, int style, int tab, const char *sep,
                         double scale)
{
    char key[48], both[96];
    struct vlm_docgen_fact *f = vlm_docgen_new_fact(w, w->room - (int)strlen(sep) - 1);
    if (f == NULL)
        return false;
    if (style == ALIGN_SPLIT && !tab && vlm_docgen_shuffles(w, 0.4)) {
        f->beside = false;
        vlm_docgen_row(w, ALIGN_SPLIT, f->value, f->key)->scale = scale;
        return true;
    }
    snprintf(key, sizeof key, "%s%s", f->key, sep);
    if (tab) {
        struct vlm_docgen_row *row = vlm_docgen_grid_row(w, tab);
        snprintf(row->cell[0].text, sizeof row->cell[0].text, "%s", key);
        snprintf(row->cell[1].text, sizeof row->cell[1].text, "%s", f->value);
        row->scale = scale;
        return true;
    }
    snprintf(both, sizeof both, "%s %s", key, f->value);
    if (style == ALIGN_SPLIT || style == ALIGN_LEADER)
        vlm_docgen_row(w, (enum vlm_docgen_align)style, key, f->value)->scale = scale;
    else
        vlm_docgen_row(w, (enum vlm_docgen_align)style, both, NULL)->scale = scale;
    return true;
}

void vlm_docgen_write_label(struct vlm_docgen_writer *w)
{
    /* layouts: left x3, split x2, tab x2, leader, stacked; held out: centred, right */
    static const int styles[] = {ALIGN_LEFT, ALIGN_LEFT,   ALIGN_LEFT, ALIGN_SPLIT,  ALIGN_SPLIT,
                                 ALIGN_LEFT, ALIGN_LEADER, ALIGN_LEFT, ALIGN_CENTRE, ALIGN_RIGHT};
    static const char *const seps[] = {":", ":", ":", "", "", " :", " -", " ="};
    struct vlm_rng *r = w->r;
    int layout = vlm_docgen_layout(w, 8, 2), style = styles[layout];
    /* as long as a form, and with its headings, so that neither tells where keys stand */
    bool longer = vlm_docgen_shuffles(w, 1);
    if (longer && chance(r, 0.8))
        layout = 7;
    int tab = layout == 5 ? vlm_docgen_add_grid(w, 2) : 0;
    bool turned = vlm_docgen_shuffles(w, 0.5); /* the key below its value */
    if (longer)
        turned = layout == 7 && chance(r, 0.6);
    bool stacked = (layout == 7 || turned) && w->most >= 2;
    const char *sep = seps[pick(r, style == ALIGN_LEADER || style == ALIGN_SPLIT ? 5 : 8)];
    int n = 1 + pick(r, w->most < 5 || chance(r, 0.6) ? (w->most < 5 ? w->most : 5)
                                                      : (w->most < 10 ? w->most : 10));
    bool rules = chance(r, 0.12);
    if (longer)
        n = 1 + pick(r, w->most < 17 ? w->most : 17);
    if (n > 1 && chance(r, longer ? 0.8 : 0.5))
        add_title(w, longer ? &vlm_docgen_forms : &vlm_docgen_titles);
    /* what is framed is a value, wherever its key is */
    if (longer && stacked && n - w->n_lines >= 2) {
        static const enum vlm_docgen_frame frames[] = {FRAME_NONE, FRAME_NONE, FRAME_BOX,
                                                       FRAME_GREY};
        enum vlm_docgen_frame frame = frames[pick(r, 4)];
        vlm_docgen_stacked_rows(w, n - w->n_lines, 1 + pick(r, 2), frame, turned);
        n = w->n_lines > 0 ? 0 : n; /* a page needs a line; else no more */
    }
    while (vlm_docgen_left(w) > 0 && w->n_lines < n) {
        if (!stacked) {
            if (!add_fact_row(w, style, tab, sep, 1.0))
                break;
            w->c->rows[w->c->n_rows - 1].rule = rules ? RULE_THIN : RULE_NONE;
            continue;
        }
        struct vlm_docgen_fact *f =
            vlm_docgen_left(w) >= 2 ? vlm_docgen_new_fact(w, w->room) : NULL;
        if (f == NULL)
            break;
        f->beside = false;
        for (int part = 0; part < 2; part++) {
            bool key_row = part == turned;
            struct vlm_docgen_row *row =
                vlm_docgen_row(w, (enum vlm_docgen_align)style, key_row ? f->key : f->value, NULL);
            row->scale = key_row ? 0.8 : 1;
            row->gap = part == 0 ? 0.2 : 0;
        }
    }
    w->c->framed = chance(r, 0.3);
    if (w->n_lines > 0 && chance(r, 0.08))
        vlm_docgen_decoration(w, ROW_BARS);
}

static void swap_rows(struct vlm_docgen_row *a, struct vlm_docgen_row *b)
{
    struct vlm_docgen_row row = *a;
    *a = *b;
    *b = row;
}

/* Rows in any order, but `price` not first. */
static void shuffle_rows(struct vlm_docgen_writer *w, const char *price)
{
    struct vlm_docgen_content *c = w->c;
    for (int i = c->n_rows - 1; i > 0; i--)
        swap_rows(&c->rows[i], &c->rows[pick(w->r, i + 1)]);
    if (c->n_rows > 1 && strcmp(c->rows[0].cell[0].text, price) == 0)
        swap_rows(&c->rows[0], &c->rows[1]);
    for (int i = 0; i < c->n_rows; i++)
        c->rows[i].line = i;
}

void vlm_docgen_write_tag(struct vlm_docgen_writer *w)
{
    struct vlm_rng *r = w->r;
    int layout = vlm_docgen_layout(
        w, 4, 2); /* details: centred, left, split, none; held: right, price first */
    int lines = 2 + pick(r, 4);
    char text[40];
    w->most = lines < w->most ? lines : w->most;
    if (w->most >= 3 && chance(r, 0.3)) {
        snprintf(text, sizeof text, "%s", vlm_docgen_one_of(r, &vlm_docgen_titles));
        vlm_docgen_row(w, ALIGN_CENTRE, text, NULL)->scale = vlm_docgen_between(r, 0.7, 1.0);
    }
    if (layout != 5 && vlm_docgen_left(w) >= 2)
        add_title(w, NULL);
    vlm_docgen_money(w, text, sizeof text, vlm_docgen_cents(r), true);
    const char *price = vlm_docgen_fact(w, CLASS_PRICE, "price", text, false)->value;
    struct vlm_docgen_row *row = vlm_docgen_row(w,
                                                chance(r, 0.7)   ? ALIGN_CENTRE
                                                : chance(r, 0.5) ? ALIGN_RIGHT
                                                                 : ALIGN_LEFT,
                                                text, NULL);
    row->scale = vlm_docgen_between(r, 1.3, 2.6);
    row->other_face = chance(r, 0.4);
    if (layout == 5 && vlm_docgen_left(w) >= 1)
        add_title(w, NULL);
    static const int styles[] = {ALIGN_CENTRE, ALIGN_LEFT,  ALIGN_SPLIT,
                                 ALIGN_CENTRE, ALIGN_RIGHT, ALIGN_LEFT};
    int style = styles[layout];
    while (layout != 3 && vlm_docgen_left(w) > 0)
        if (!add_fact_row(w, style, 0, style == ALIGN_SPLIT ? "" : ":",
                          vlm_docgen_between(r, 0.75, 1.0)))
            break;
    if (vlm_docgen_shuffles(w, 1))
        shuffle_rows(w, price);
    if (chance(r, 0.15))
        vlm_docgen_decoration(w, ROW_BARS);
    w->c->framed = chance(r, 0.3);
}

/* Lines of words and strings without keys: nothing but reading. */
void vlm_docgen_write_text(struct vlm_docgen_writer *w)
{
    struct vlm_rng *r = w->r;
    int layout = vlm_docgen_layout(w, 2, 1);
    int n = w->most < 4 ? w->most : 3 + pick(r, w->most - 2);
    for (int i = 0; i < n; i++) {
        char line[96] = "", word[40];
        size_t at = 0;
        int want = chance(r, 0.3) ? 4 + pick(r, w->room - 3) : w->room - pick(r, 5);
        while ((int)at < want) {
            if (chance(r, 0.5) || w->o->random_strings >= 1)
                vlm_docgen_string(r, word, 8);
            else
                vlm_docgen_product(w, word, sizeof word);
            if (w->upper)
                vlm_docgen_case(word, 1);
            at += (size_t)snprintf(line + at, sizeof line - at, "%s%s", at ? " " : "", word);
        }
        vlm_docgen_cut(line, want); /* ASCII */
        vlm_docgen_row(w,
                       layout == 0   ? ALIGN_LEFT
                       : layout == 1 ? ALIGN_CENTRE
                                     : ALIGN_RIGHT,
                       line, NULL);
    }
}

/* ---- the whole ---- */

static void write_blank(struct vlm_docgen_writer *w)
{
    vlm_docgen_layout(w, 2, 1);
    for (int i = pick(w->r, 4); i > 0; i--)
        vlm_docgen_decoration(w, chance(w->r, 0.7) ? ROW_RULE : ROW_LOGO)->gap =
            vlm_docgen_between(w->r, 0.2, 3.0);
    for (int i = 0; i < w->c->n_rows; i++)
        if (w->c->rows[i].rule == RULE_SIGNS)
            w->c->rows[i].rule = RULE_THIN;
    w->c->framed = chance(w->r, 0.4);
}

static void join_text(struct vlm_docgen_writer *w)
{
    struct vlm_docgen_doc *doc = w->doc;
    size_t at = 0;
    doc->n_lines = 0;
    for (int i = 0; i < w->c->n_rows; i++) {
        const struct vlm_docgen_row *row = &w->c->rows[i];
        if (row->kind != ROW_TEXT)
            continue;
        struct vlm_docgen_line *line = &doc->lines[doc->n_lines];
        size_t n = 0;
        line->text[0] = 0;
        for (int j = 0; j < row->n; j++)
            if (row->cell[j].text[0] && n < sizeof line->text)
                n += (size_t)snprintf(line->text + n, sizeof line->text - n, "%s%s", n ? " " : "",
                                      row->cell[j].text);
        if (vlm_docgen_chars(line->text) > VLM_DOCGEN_WIDEST_LINE)
            at = sizeof doc->text;
        if (at < sizeof doc->text)
            at += (size_t)snprintf(doc->text + at, sizeof doc->text - at, "%s%s",
                                   doc->n_lines ? "\n" : "", line->text);
        doc->n_lines++;
    }
    if (at >= sizeof doc->text)
        doc->n_lines = UINT32_MAX; /* too much for the tile: draw again */
}

static void choose_hand(struct vlm_docgen_writer *w)
{
    struct vlm_rng *r = w->r;
    double u = vlm_rng_unit(r);
    w->most = w->o->max_lines;
    w->room = u < 0.45 ? 10 + pick(r, 10) : 18 + pick(r, 16);
    w->currency = pick(r, 12);
    w->comma =
        w->currency == 3 || w->currency == 7 || w->currency == 9 ? chance(r, 0.8) : chance(r, 0.12);
    w->date = pick(r, 13);
    u = vlm_rng_unit(r);
    w->language = u < 0.76 ? 0 : 1 + pick(r, 3);
    u = vlm_rng_unit(r);
    w->key_case = u < 0.68 ? 0 : u < 0.88 ? 1 : 2;
    w->upper = w->key_case == 1 && chance(r, 0.6);
    w->invent = 0.3;
}

void vlm_docgen_write(struct vlm_docgen_content *c, struct vlm_docgen_doc *doc, struct vlm_rng *r,
                      const struct vlm_docgen_options *o)
{
    static void (*const writers[VLM_DOCGEN_N_KINDS])(struct vlm_docgen_writer *) = {
        vlm_docgen_write_label,
        vlm_docgen_write_tag,
        vlm_docgen_write_text,
        vlm_docgen_write_receipt,
        vlm_docgen_write_invoice,
        vlm_docgen_write_form,
        vlm_docgen_write_card,
        vlm_docgen_write_list,
        vlm_docgen_write_table,
        vlm_docgen_write_shipping,
        vlm_docgen_write_ticket,
        vlm_docgen_write_paragraph,
        write_blank};
    struct vlm_docgen_options own = *o;
    struct vlm_docgen_writer w = {.c = c, .doc = doc, .r = r, .o = &own};
    c->n_rows = c->n_grids = c->n_facts = c->n_items = c->table = 0;
    c->strip = 0;
    c->framed = false;
    c->aspect_low = 0.75;
    c->aspect_high = 1.5;
    own.random_strings = chance(r, o->random_strings) ? 1 : 0;
    own.inconsistent = chance(r, o->inconsistent) ? 1 : 0;
    doc->random_strings = own.random_strings >= 1;
    doc->inconsistent = false;
    doc->n_fields = doc->n_questions = 0;
    doc->sums = (struct vlm_docgen_sums){-1, -1, -1, -1, -1, -1, -1, false};
    choose_hand(&w);
    writers[doc->kind](&w);
    join_text(&w);
    if (doc->n_lines == UINT32_MAX || (c->n_rows == 0 && doc->kind != VLM_DOCGEN_BLANK)) {
        doc->n_lines = UINT32_MAX;
        return;
    }
    for (int i = 0; i < c->n_facts; i++) {
        struct vlm_docgen_field *f = &doc->fields[doc->n_fields++];
        memcpy(f->key, c->facts[i].key, sizeof f->key);
        memcpy(f->value, c->facts[i].value, sizeof f->value);
    }
    doc->n_items = (uint32_t)c->n_items;
    memcpy(doc->items, c->items, (size_t)c->n_items * sizeof *doc->items);
    vlm_docgen_ask(&w);
}
