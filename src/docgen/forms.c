/* forms.c: forms (values in boxes or on lines) and lists of keys and values. */
#include <stdio.h>
#include <string.h>

#include "docgen/content.h"

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance

static void add_heading(struct vlm_docgen_writer *w, const struct vlm_docgen_list *list)
{
    char text[40];
    struct vlm_rng *r = w->r;
    if (w->o->random_strings >= 1 || chance(r, 0.25))
        vlm_docgen_string(r, text, 12);
    else
        snprintf(text, sizeof text, "%s", vlm_docgen_one_of(r, list));
    if (w->upper || chance(r, 0.4))
        vlm_docgen_case(text, 1);
    vlm_docgen_cut(text, w->room < VLM_DOCGEN_MAX_ANSWER ? w->room : VLM_DOCGEN_MAX_ANSWER);
    struct vlm_docgen_row *row =
        vlm_docgen_row(w, chance(r, 0.5) ? ALIGN_CENTRE : ALIGN_LEFT, text, NULL);
    double most = w->room / (double)(vlm_docgen_chars(text) + 1);
    row->scale = vlm_docgen_between(r, 1.0, most < 1 ? 1 : most > 1.6 ? 1.6 : most);
    row->other_face = chance(r, 0.5);
    row->inverse = chance(r, 0.2);
    row->rule = !row->inverse && chance(r, 0.35) ? RULE_THICK : RULE_NONE;
    vlm_docgen_fact(w, CLASS_TITLE, "title", text, false);
}

/* A new fact, or NULL when no more should be written. */
static struct vlm_docgen_fact *next(struct vlm_docgen_writer *w, int room, int lines)
{
    return vlm_docgen_left(w) >= lines ? vlm_docgen_new_fact(w, room) : NULL;
}

/* key | framed value, once or twice a row; with o->shuffle in some documents framed value | key */
static void framed_rows(struct vlm_docgen_writer *w, int n, int pairs, enum vlm_docgen_frame frame,
                        enum vlm_docgen_align keys, const char *sep)
{
    int grid = vlm_docgen_add_grid(w, 2 * pairs), room = w->room / pairs - 2;
    double gap = vlm_docgen_between(w->r, 0.15, 0.5);
    bool turned = vlm_docgen_shuffles(w, 0.4);
    char key[48];
    w->c->grids[grid - 1].full = true;
    for (; n > 0 && vlm_docgen_left(w) > 0; n--) {
        struct vlm_docgen_row *row = NULL;
        for (int k = 0; k < pairs; k++) {
            struct vlm_docgen_fact *f = vlm_docgen_new_fact(w, room);
            if (f == NULL)
                return;
            if (row == NULL) {
                row = vlm_docgen_grid_row(w, grid);
                row->gap = gap;
            }
            f->beside = !turned;
            snprintf(key, sizeof key, "%s%s", f->key, turned ? "" : sep);
            vlm_docgen_set(row, 2 * k + turned, key, keys);
            vlm_docgen_set(row, 2 * k + !turned, f->value, ALIGN_LEFT)->frame = frame;
        }
    }
}

void vlm_docgen_stacked_rows(struct vlm_docgen_writer *w, int n, int columns,
                             enum vlm_docgen_frame frame, bool below)
{
    int grid = vlm_docgen_add_grid(w, columns), room = w->room / columns - 1;
    double scale = vlm_docgen_between(w->r, 0.72, 1.0);
    struct vlm_docgen_grid *g = &w->c->grids[grid - 1];
    g->full = true;
    g->equal = chance(w->r, 0.5);
    for (; n >= 2 && vlm_docgen_left(w) >= 2; n -= 2) {
        char keys[3][32], values[3][40];
        int k = 0;
        for (; k < columns; k++) {
            struct vlm_docgen_fact *f = next(w, 2 * room, 2);
            if (f == NULL || (int)vlm_docgen_chars(f->key) > room ||
                (int)vlm_docgen_chars(f->value) > room) {
                w->c->n_facts -= f != NULL;
                break;
            }
            f->beside = false;
            memcpy(keys[k], f->key, sizeof keys[k]);
            memcpy(values[k], f->value, sizeof values[k]);
        }
        if (k == 0)
            return;
        for (int part = 0; part < 2; part++) {
            struct vlm_docgen_row *row = vlm_docgen_grid_row(w, grid);
            bool is_key = (part == 0) != below;
            row->scale = is_key ? scale : 1;
            row->gap = part == 0 ? 0.3 : 0.05;
            for (int i = 0; i < k; i++)
                vlm_docgen_set(row, i, is_key ? keys[i] : values[i], ALIGN_LEFT)->frame =
                    is_key ? FRAME_NONE : frame;
        }
    }
}

void vlm_docgen_write_form(struct vlm_docgen_writer *w)
{
    static const char *const seps[] = {"", "", ":", ":", " :"};
    struct vlm_rng *r = w->r;
    const char *sep = seps[pick(r, 5)];
    int layout = vlm_docgen_layout(w, 6, 2);
    int n = w->most < 4 ? w->most : chance(r, 0.5) ? 3 + pick(r, 5) : 5 + pick(r, 12);
    n = n < w->most ? n : w->most;
    enum vlm_docgen_frame frame = chance(r, 0.6) ? FRAME_BOX : FRAME_UNDERLINE;
    if (layout >= 3 && layout <= 4)
        w->room = 24 + pick(r, 10);
    if (n >= 3 && chance(r, 0.8)) {
        add_heading(w, &vlm_docgen_forms);
        n--;
    }
    if (layout == 0)
        framed_rows(w, n, 1, FRAME_BOX, ALIGN_LEFT, sep);
    else if (layout == 1)
        framed_rows(w, n, 1, FRAME_UNDERLINE, ALIGN_LEFT, sep);
    else if (layout == 2)
        vlm_docgen_stacked_rows(w, n, 1, frame, false);
    else if (layout == 3)
        framed_rows(w, n, 2, frame, ALIGN_LEFT, sep);
    else if (layout == 4)
        vlm_docgen_stacked_rows(w, n, 2, frame, false);
    else if (layout == 5)
        framed_rows(w, n, 1, FRAME_GREY, ALIGN_LEFT, sep);
    else if (layout == 6)
        framed_rows(w, n, 1, frame, ALIGN_RIGHT, sep);
    else
        vlm_docgen_stacked_rows(w, n, 1 + pick(r, 2), FRAME_UNDERLINE, true);
    w->c->framed = chance(r, 0.3);
    w->c->aspect_low = 0.7;
    w->c->aspect_high = 1.6;
    if (w->n_lines == 0) { /* one line allowed, and a stack needs two */
        const struct vlm_docgen_fact *f = vlm_docgen_new_fact(w, w->room);
        if (f != NULL)
            vlm_docgen_row(w, ALIGN_SPLIT, f->key, f->value);
    }
}

/* ---- lists ---- */

static void list_row(struct vlm_docgen_writer *w, int layout, const char *sep, int number,
                     const struct vlm_docgen_fact *f)
{
    char key[64], both[128];
    snprintf(key, sizeof key, "%s%s", f->key, sep);
    snprintf(both, sizeof both, "%s %s", key, f->value);
    switch (layout) {
    case 0:
        vlm_docgen_row(w, ALIGN_LEFT, both, NULL);
        break;
    case 1:
        vlm_docgen_row(w, ALIGN_SPLIT, key, f->value);
        break;
    case 2:
        vlm_docgen_row(w, ALIGN_LEADER, key, f->value);
        break;
    case 5:
        vlm_docgen_row(w, ALIGN_SPLIT, key, f->value)->rule = RULE_THIN;
        break;
    case 6:
        snprintf(both, sizeof both, "- %s: %s", f->key, f->value);
        vlm_docgen_row(w, ALIGN_LEFT, both, NULL);
        break;
    default:
        snprintf(both, sizeof both, "%d. %s: %s", number, f->key, f->value);
        vlm_docgen_row(w, ALIGN_LEFT, both, NULL);
        break;
    }
}

/* layouts: colon, split, leader, column, two columns, ruled, dashes; held out: numbered, keys right
 */
void vlm_docgen_write_list(struct vlm_docgen_writer *w)
{
    static const char *const seps[] = {":", ":", "", " -", " =", ":"};
    struct vlm_rng *r = w->r;
    int layout = vlm_docgen_layout(w, 7, 2);
    const char *sep = seps[pick(r, 6)];
    int n = w->most < 4 ? w->most : chance(r, 0.5) ? 3 + pick(r, 6) : 6 + pick(r, 16);
    n = n < w->most ? n : w->most;
    if (layout == 0 && sep[0] == 0)
        sep = ":";
    if (layout == 4)
        w->room = 26 + pick(r, 8);
    if (n >= 3 && chance(r, 0.55)) {
        add_heading(w, &vlm_docgen_titles);
        n--;
    }
    w->c->framed = chance(r, 0.15);
    if (layout == 3 || layout == 8) {
        framed_rows(w, n, 1, FRAME_NONE, layout == 8 ? ALIGN_RIGHT : ALIGN_LEFT, sep);
        w->c->grids[w->c->n_grids - 1].full = chance(r, 0.3);
        return;
    }
    if (layout == 4) {
        framed_rows(w, n, 2, FRAME_NONE, ALIGN_LEFT, sep);
        return;
    }
    double gap = chance(r, 0.7) ? 0 : vlm_docgen_between(r, 0.1, 0.6);
    for (int i = 1; i <= n; i++) {
        const struct vlm_docgen_fact *f = next(w, w->room - 3, 1);
        if (f == NULL)
            break;
        list_row(w, layout, sep, i, f);
        w->c->rows[w->c->n_rows - 1].gap = gap;
    }
}
