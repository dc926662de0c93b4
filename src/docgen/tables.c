/* tables.c: tables with a head, and paragraphs of sentences. */
#include <stdio.h>
#include <string.h>

#include "docgen/content.h"

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance

/* What columns may hold; the first column names the row. */
static const struct {
    const char *head;
    enum vlm_docgen_class cls;
} columns[] = {{"Price", CLASS_PRICE},   {"Qty", CLASS_COUNT},     {"Date", CLASS_DATE},
               {"Code", CLASS_CODE},     {"Weight", CLASS_WEIGHT}, {"Time", CLASS_TIME},
               {"Colour", CLASS_COLOUR}, {"Size", CLASS_SIZE},     {"Bin", CLASS_PLACE},
               {"Cost", CLASS_PRICE},    {"Origin", CLASS_ORIGIN}, {"Score", CLASS_COUNT},
               {"ID", CLASS_CODE},       {"Status", CLASS_WORD},   {"Stock", CLASS_COUNT},
               {"Room", CLASS_PLACE},    {"Total", CLASS_PRICE},   {"Level", CLASS_COUNT}};
static const char *const firsts[] = {"Item", "Name", "Product", "Article", "Part", "Team", "Place"};

struct table {
    int grid, n, width[VLM_DOCGEN_CELLS], kind[VLM_DOCGEN_CELLS];
    bool people;
};

static void choose_columns(struct vlm_docgen_writer *w, struct table *t)
{
    struct vlm_rng *r = w->r;
    int room = w->room, first = 8 + pick(r, 4);
    t->width[0] = first;
    t->n = 1;
    room -= first + 1;
    for (int tries = 0; tries < 12 && t->n < 5 && room >= 4; tries++) {
        int k = pick(r, 18), need = 5 + pick(r, 3);
        bool twice = need > room;
        for (int i = 1; i < t->n; i++)
            twice |= columns[t->kind[i]].cls == columns[k].cls ||
                     vlm_docgen_holds(columns[t->kind[i]].head, columns[k].head);
        if (twice)
            continue;
        if (columns[k].cls == CLASS_DATE || columns[k].cls == CLASS_ORIGIN)
            need = 10;
        if (need > room)
            continue;
        t->kind[t->n] = k;
        t->width[t->n++] = need;
        room -= need + 1;
        if (t->n >= 3 && chance(r, 0.35))
            break;
    }
}

static bool row_name(struct vlm_docgen_writer *w, const struct table *t, char *out, size_t cap)
{
    for (int tries = 0; tries < 20; tries++) {
        if (t->people)
            snprintf(out, cap, "%s", vlm_docgen_one_of(w->r, &vlm_docgen_names));
        else
            vlm_docgen_product(w, out, cap);
        if (w->upper)
            vlm_docgen_case(out, 1);
        if (tries < 10 && (int)vlm_docgen_chars(out) > t->width[0])
            continue;
        vlm_docgen_cut(out, t->width[0]);
        bool twice = vlm_docgen_chars(out) < 2 || !vlm_docgen_key_is_free(w, out);
        for (int i = 0; i < w->c->n_items; i++)
            twice |= vlm_docgen_holds(w->c->items[i].name, out) ||
                     vlm_docgen_holds(out, w->c->items[i].name);
        if (!twice)
            return true;
    }
    return false;
}

static void table_row(struct vlm_docgen_writer *w, const struct table *t)
{
    char name[40], text[48];
    struct vlm_docgen_item *it = &w->c->items[w->c->n_items];
    if (w->c->n_items == VLM_DOCGEN_MAX_LINES || !row_name(w, t, name, sizeof name))
        return;
    memset(it, 0, sizeof *it);
    snprintf(it->name, sizeof it->name, "%s", name);
    struct vlm_docgen_row *row = vlm_docgen_grid_row(w, t->grid);
    vlm_docgen_set(row, 0, name, ALIGN_LEFT);
    for (int i = 1; i < t->n; i++) {
        enum vlm_docgen_class cls = columns[t->kind[i]].cls;
        long cents = vlm_docgen_cents(w->r) % 100000;
        if (cls == CLASS_PRICE)
            vlm_docgen_money(w, text, sizeof text, cents, false);
        else if (cls == CLASS_COUNT)
            snprintf(text, sizeof text, "%d", pick(w->r, chance(w->r, 0.7) ? 100 : 3000));
        else if (cls == CLASS_CODE)
            vlm_docgen_string(w->r, text, t->width[i]);
        else
            vlm_docgen_value_in(w, text, sizeof text, cls, t->width[i] < 7 ? 7 : t->width[i]);
        vlm_docgen_set(row, i, text,
                       cls == CLASS_PRICE || cls == CLASS_COUNT ? ALIGN_RIGHT : ALIGN_LEFT);
        if (t->people)
            continue;
        if (cls == CLASS_PRICE) {
            vlm_docgen_copy(it->amount, sizeof it->amount, text);
            it->cents = cents;
        } else if (cls == CLASS_COUNT && columns[t->kind[i]].head[0] != 'L' &&
                   columns[t->kind[i]].head[1] != 'c') {
            snprintf(it->quantity, sizeof it->quantity, "%.11s", text);
        }
    }
    w->c->n_items++;
}

/* layouts: full grid, rules between rows, head rule, no rules, frame; held out: columns only,
 * inverse head with rules below */
static void set_rules(struct vlm_docgen_writer *w, int layout, struct vlm_docgen_grid *g,
                      struct vlm_docgen_row *head)
{
    g->full = layout == 0 || chance(w->r, 0.5);
    g->columns = layout == 0 || layout == 5 || (layout == 4 && chance(w->r, 0.3));
    g->rows = layout == 0 || layout == 1 || layout == 6;
    g->frame = layout == 0 || layout == 4;
    head->rule = layout == 2   ? (chance(w->r, 0.5) ? RULE_THICK : RULE_THIN)
                 : layout == 4 ? RULE_THIN
                               : RULE_NONE;
    head->inverse = layout == 6 || (layout != 0 && layout != 5 && chance(w->r, 0.25));
    head->other_face = chance(w->r, 0.4);
}

void vlm_docgen_write_table(struct vlm_docgen_writer *w)
{
    struct vlm_rng *r = w->r;
    struct table t = {.people = chance(r, 0.25) && w->o->random_strings < 1};
    char text[40];
    int layout = vlm_docgen_layout(w, 5, 2);
    int n = w->most < 4 ? w->most : chance(r, 0.5) ? 3 + pick(r, 5) : 5 + pick(r, 15);
    n = n < w->most ? n : w->most;
    w->room = 20 + pick(r, 14);
    if (n >= 4 && chance(r, 0.35)) {
        snprintf(text, sizeof text, "%s", vlm_docgen_one_of(r, &vlm_docgen_titles));
        if (w->o->random_strings >= 1)
            vlm_docgen_string(r, text, 10);
        struct vlm_docgen_row *row =
            vlm_docgen_row(w, chance(r, 0.5) ? ALIGN_CENTRE : ALIGN_LEFT, text, NULL);
        row->scale = vlm_docgen_between(r, 1.0, 1.4);
        vlm_docgen_fact(w, CLASS_TITLE, "title", text, false);
        n--;
    }
    choose_columns(w, &t);
    t.grid = vlm_docgen_add_grid(w, t.n);
    w->c->grids[t.grid - 1].gap = vlm_docgen_between(r, 0.7, 1.1);
    if (n >= 2) {
        struct vlm_docgen_row *head = vlm_docgen_grid_row(w, t.grid);
        w->c->table = t.grid;
        for (int i = 0; i < t.n; i++) {
            snprintf(text, sizeof text, "%s",
                     i ? columns[t.kind[i]].head : firsts[t.people ? 1 : pick(r, 7)]);
            vlm_docgen_case(text, w->key_case);
            enum vlm_docgen_class cls = columns[t.kind[i]].cls;
            vlm_docgen_set(head, i, text,
                           i && (cls == CLASS_PRICE || cls == CLASS_COUNT) ? ALIGN_RIGHT
                                                                           : ALIGN_LEFT);
        }
        set_rules(w, layout, &w->c->grids[t.grid - 1], head);
        n--;
    }
    double gap = chance(r, 0.6) ? 0 : vlm_docgen_between(r, 0.05, 0.4);
    for (; n > 0 && vlm_docgen_left(w) > 0; n--) {
        table_row(w, &t);
        w->c->rows[w->c->n_rows - 1].gap = gap;
    }
    w->c->aspect_low = 0.7;
    w->c->aspect_high = 1.5;
}

/* ---- paragraphs ---- */

static void next_word(struct vlm_docgen_writer *w, char *word, size_t cap)
{
    struct vlm_rng *r = w->r;
    double u = vlm_rng_unit(r);
    if (w->o->random_strings >= 1 || u < 0.12)
        vlm_docgen_invent(r, word, 8);
    else if (u < 0.42)
        snprintf(word, cap, "%s", vlm_docgen_one_of(r, &vlm_docgen_small));
    else if (u < 0.60)
        snprintf(word, cap, "%s", vlm_docgen_one_of(r, &vlm_docgen_verbs));
    else if (u < 0.80)
        snprintf(word, cap, "%s", vlm_docgen_one_of(r, &vlm_docgen_nouns));
    else if (u < 0.90)
        snprintf(word, cap, "%s", vlm_docgen_one_of(r, &vlm_docgen_adjectives));
    else if (u < 0.95)
        snprintf(word, cap, "%s", vlm_docgen_one_of(r, &vlm_docgen_others));
    else
        snprintf(word, cap, "%d", pick(r, 2000));
    vlm_docgen_case(word, 2);
}

/* layouts: flush left, indented; held out: centred */
void vlm_docgen_write_paragraph(struct vlm_docgen_writer *w)
{
    static const char *const ends[] = {".", ".", ".", ".", "?", "!", ";", ":"};
    struct vlm_rng *r = w->r;
    int layout = vlm_docgen_layout(w, 2, 1);
    int n = w->most < 4 ? w->most : 3 + pick(r, chance(r, 0.5) ? 6 : 18), sentence = 0;
    n = n < w->most ? n : w->most;
    w->room = chance(r, 0.3) ? 16 + pick(r, 8) : 22 + pick(r, 12);
    if (n >= 4 && chance(r, 0.3)) {
        char title[40];
        vlm_docgen_product(w, title, sizeof title);
        vlm_docgen_cut(title, w->room < VLM_DOCGEN_MAX_ANSWER ? w->room : VLM_DOCGEN_MAX_ANSWER);
        vlm_docgen_fact(w, CLASS_TITLE, "title", title, false);
        vlm_docgen_row(w, chance(r, 0.5) ? ALIGN_LEFT : ALIGN_CENTRE, title, NULL)->scale = 1.2;
        n--;
    }
    char line[96] = "", word[48], both[64];
    int indent = layout == 1 ? 2 : 0, used = indent;
    while (n > 0 && vlm_docgen_left(w) > 0) {
        next_word(w, word, 40);
        if (sentence == 0)
            word[0] = (char)(word[0] >= 'a' && word[0] <= 'z' ? word[0] - 32 : word[0]);
        sentence++;
        bool stop = sentence > 4 && chance(r, 0.25);
        snprintf(both, sizeof both, "%s%s", word,
                 stop                              ? ends[pick(r, 8)]
                 : sentence > 2 && chance(r, 0.08) ? ","
                                                   : "");
        int len = (int)strlen(both);
        if (used + 1 + len > w->room && line[0]) {
            struct vlm_docgen_row *row =
                vlm_docgen_row(w, layout == 2 ? ALIGN_CENTRE : ALIGN_LEFT, line, NULL);
            row->indent = indent;
            n--;
            indent = used = 0;
            line[0] = 0;
        }
        size_t at = strlen(line);
        used += len + (at > 0);
        snprintf(line + at, sizeof line - at, "%s%s", at ? " " : "", both);
        if (stop)
            sentence = 0;
    }
}
