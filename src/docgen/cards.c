/* cards.c: business cards, parcel labels, tickets. */
#include <stdio.h>
#include <string.h>

#include "docgen/content.h"

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance

static struct vlm_docgen_row *put(struct vlm_docgen_writer *w, enum vlm_docgen_align align,
                                  const char *text)
{
    return vlm_docgen_row(w, align, text, NULL);
}

/* A line of its own that is a fact without a printed key. */
static struct vlm_docgen_row *put_fact(struct vlm_docgen_writer *w, enum vlm_docgen_align align,
                                       enum vlm_docgen_class cls, const char *called, char *text)
{
    vlm_docgen_cut(text, w->room < VLM_DOCGEN_MAX_ANSWER ? w->room : VLM_DOCGEN_MAX_ANSWER);
    vlm_docgen_fact(w, cls, called, text, false);
    return put(w, align, text);
}

static double scale_for(struct vlm_docgen_writer *w, const char *text, double lo, double hi)
{
    double most = w->room / (double)(vlm_docgen_chars(text) + 1);
    double s = vlm_docgen_between(w->r, lo, hi);
    return s < most ? s : most < 1 ? 1 : most;
}

/* ---- business cards ---- */

static void contact_row(struct vlm_docgen_writer *w, enum vlm_docgen_align align,
                        enum vlm_docgen_class cls, const char *called, int keyed, int grid)
{
    static const char *const keys[3][4] = {{"Tel", "Phone", "T", "Mobile"},
                                           {"Email", "E-mail", "E", "Mail"},
                                           {"Web", "Web", "W", "www"}};
    char value[40], both[80];
    int which = cls == CLASS_PHONE ? 0 : cls == CLASS_EMAIL ? 1 : 2;
    vlm_docgen_value(w, value, sizeof value, cls);
    vlm_docgen_cut(value, VLM_DOCGEN_MAX_ANSWER);
    const char *key = keys[which][keyed & 3];
    if (keyed < 0 || vlm_docgen_chars(value) + strlen(key) + 2 > (size_t)w->room) {
        put_fact(w, align, cls, called, value);
        return;
    }
    if (grid) {
        struct vlm_docgen_row *row = vlm_docgen_grid_row(w, grid);
        snprintf(row->cell[0].text, sizeof row->cell[0].text, "%s", key);
        snprintf(row->cell[1].text, sizeof row->cell[1].text, "%s", value);
    } else {
        snprintf(both, sizeof both, "%s%s %s", key, keyed & 4 ? ":" : "", value);
        put(w, align, both);
    }
    vlm_docgen_fact(w, cls, key, value, true);
}

/* layouts: left, centred, company first, columns; held out: right, strip at the side */
void vlm_docgen_write_card(struct vlm_docgen_writer *w)
{
    static const enum vlm_docgen_align aligns[] = {ALIGN_LEFT, ALIGN_CENTRE, ALIGN_LEFT,
                                                   ALIGN_LEFT, ALIGN_RIGHT,  ALIGN_LEFT};
    struct vlm_rng *r = w->r;
    int layout = vlm_docgen_layout(w, 4, 2);
    enum vlm_docgen_align align = aligns[layout];
    int n = w->most < 4 ? w->most : 4 + pick(r, 5);
    n = n < w->most ? n : w->most;
    w->room = 20 + pick(r, 12);
    char name[40], job[40], company[40], text[48];
    vlm_docgen_person(w, name, sizeof name);
    vlm_docgen_value(w, job, sizeof job, CLASS_JOB);
    vlm_docgen_company(w, company, sizeof company);
    if (chance(r, 0.25))
        vlm_docgen_case(name, 1);
    bool first = layout == 2 || chance(r, 0.2);
    if (chance(r, 0.15))
        vlm_docgen_decoration(w, ROW_LOGO);
    if (first && n >= 2)
        put_fact(w, align, CLASS_MERCHANT, "company", company)->scale =
            scale_for(w, company, 0.9, 1.5);
    struct vlm_docgen_row *row = put_fact(w, align, CLASS_PERSON, "name", name);
    row->scale = scale_for(w, name, 1.0, 1.7);
    row->other_face = chance(r, 0.5);
    row->gap = first ? 0.4 : 0;
    if (vlm_docgen_left(w) > 0 && w->n_lines < n)
        put_fact(w, align, CLASS_JOB, "job title", job)->scale =
            chance(r, 0.6) ? 1 : vlm_docgen_between(r, 0.8, 1.0);
    if (!first && w->n_lines < n) {
        row = put_fact(w, align, CLASS_MERCHANT, "company", company);
        row->rule = chance(r, 0.25) ? RULE_THIN : RULE_NONE;
    }
    int keyed = chance(r, 0.65) ? pick(r, 8) : -1, from = w->c->n_rows;
    int grid = layout == 3 && keyed >= 0 ? vlm_docgen_add_grid(w, 2) : 0;
    static const enum vlm_docgen_class contacts[] = {CLASS_PHONE, CLASS_EMAIL, CLASS_WEB};
    static const char *const called[] = {"phone", "email", "website"};
    for (int i = 0, k = pick(r, 3); i < 3 && w->n_lines < n; i++, k = (k + 1) % 3)
        contact_row(w, align, contacts[k], called[k], keyed, grid);
    if (w->n_lines < n) {
        vlm_docgen_street(w, text, sizeof text);
        put_fact(w, align, CLASS_ADDRESS, "address", text);
    }
    if (w->n_lines < n) {
        vlm_docgen_town(w, text, sizeof text);
        vlm_docgen_cut(text, w->room);
        put(w, align, text);
    }
    if (from < w->c->n_rows)
        w->c->rows[from].gap = vlm_docgen_between(r, 0.2, 1.2);
    w->c->strip = layout == 5      ? (chance(r, 0.5) ? -1 : 1) * vlm_docgen_between(r, 0.06, 0.18)
                  : chance(r, 0.1) ? -vlm_docgen_between(r, 0.02, 0.06)
                                   : 0;
    w->c->framed = chance(r, 0.2);
    w->c->aspect_low = 0.8;
    w->c->aspect_high = 1.6;
}

/* ---- parcels ---- */

static void address(struct vlm_docgen_writer *w, const char *key, enum vlm_docgen_class cls,
                    bool same_line, double scale)
{
    char name[40], text[96];
    enum vlm_docgen_class town = cls == CLASS_SENDER ? CLASS_RANDOM : CLASS_TOWN;
    if (chance(w->r, 0.6))
        vlm_docgen_person(w, name, sizeof name);
    else
        vlm_docgen_company(w, name, sizeof name);
    if (w->upper)
        vlm_docgen_case(name, 1);
    vlm_docgen_cut(name, w->room - 6 < VLM_DOCGEN_MAX_ANSWER ? w->room - 6 : VLM_DOCGEN_MAX_ANSWER);
    if (same_line || vlm_docgen_left(w) < 2) {
        snprintf(text, sizeof text, "%s: %s", key, name);
        put(w, ALIGN_LEFT, text)->scale = scale;
    } else {
        put(w, ALIGN_LEFT, key)->scale = 0.8;
        put(w, ALIGN_LEFT, name)->scale = scale;
    }
    vlm_docgen_fact(w, cls, key, name, true)->beside = same_line;
    if (vlm_docgen_left(w) < 3)
        return;
    vlm_docgen_street(w, text, sizeof text);
    if (w->upper)
        vlm_docgen_case(text, 1);
    vlm_docgen_cut(text, w->room);
    put(w, ALIGN_LEFT, text)->scale = scale;
    vlm_docgen_town(w, text, sizeof text);
    vlm_docgen_cut(text, w->room);
    if (town == CLASS_TOWN && strlen(text) <= VLM_DOCGEN_MAX_ANSWER)
        vlm_docgen_fact(w, town, "town", text, false);
    put(w, ALIGN_LEFT, text)->scale = scale;
}

/* A row of small keys and one of their values; turned: below it */
static void key_rows(struct vlm_docgen_writer *w, int grid, bool turned,
                     struct vlm_docgen_row **keys, struct vlm_docgen_row **values)
{
    struct vlm_docgen_row *above = vlm_docgen_grid_row(w, grid),
                          *below = vlm_docgen_grid_row(w, grid);
    *keys = turned ? below : above;
    *values = turned ? above : below;
    (*keys)->scale = 0.8;
}

static void parcel_rows(struct vlm_docgen_writer *w, int n, bool columns)
{
    static const struct {
        const char *key;
        enum vlm_docgen_class cls;
    } keys[] = {{"Weight", CLASS_WEIGHT}, {"Date", CLASS_DATE},    {"Ref", CLASS_CODE},
                {"Order", CLASS_CODE},    {"Service", CLASS_WORD}, {"Pieces", CLASS_COUNT},
                {"Zone", CLASS_PLACE},    {"Route", CLASS_PLACE},  {"Phone", CLASS_PHONE}};
    int at = pick(w->r, 9), grid = columns && n >= 2 ? vlm_docgen_add_grid(w, 3) : 0;
    struct vlm_docgen_row *heads = NULL, *values = NULL;
    if (grid) {
        key_rows(w, grid, vlm_docgen_shuffles(w, 0.8), &heads, &values);
        w->c->grids[grid - 1].full = true;
        w->c->grids[grid - 1].equal = true;
        w->c->grids[grid - 1].columns = chance(w->r, 0.5);
        n = 3;
    }
    for (int i = 0; i < n; i++, at = (at + 1) % 9) {
        char key[24], value[40], both[80];
        snprintf(key, sizeof key, "%s", keys[at].key);
        vlm_docgen_case(key, w->key_case == 1);
        vlm_docgen_value_in(w, value, sizeof value, keys[at].cls,
                            grid ? w->room / 3 - 1 : w->room - 9);
        vlm_docgen_fact(w, keys[at].cls, key, value, true)->beside = !grid;
        if (grid) {
            snprintf(heads->cell[i].text, sizeof heads->cell[i].text, "%s", key);
            snprintf(values->cell[i].text, sizeof values->cell[i].text, "%s", value);
            continue;
        }
        snprintf(both, sizeof both, "%s: %s", key, value);
        put(w, ALIGN_LEFT, both);
    }
}

/* layouts: from then to, to then from, to alone; held out: details first, keys above in columns */
void vlm_docgen_write_shipping(struct vlm_docgen_writer *w)
{
    static const char *const tos[] = {"To", "TO", "Ship to", "SHIP TO", "Deliver to"};
    static const char *const froms[] = {"From", "FROM", "Sender", "FROM", "Ship from"};
    static const char *const services[] = {"PRIORITY", "EXPRESS", "STANDARD", "AIR MAIL",
                                           "NEXT DAY", "ECONOMY", "FRAGILE",  "2-DAY"};
    struct vlm_rng *r = w->r;
    int layout = vlm_docgen_layout(w, 4, 2), style = pick(r, 5);
    int n = w->most < 5 ? w->most : 5 + pick(r, 10);
    w->most = n < w->most ? n : w->most;
    w->room = 18 + pick(r, 14);
    bool same = chance(r, 0.35);
    char text[48];
    double big = vlm_docgen_between(r, 1.0, 1.2);
    if (w->most >= 6 && chance(r, 0.6)) {
        snprintf(text, sizeof text, "%s", services[pick(r, 8)]);
        struct vlm_docgen_row *row =
            put_fact(w, chance(r, 0.5) ? ALIGN_CENTRE : ALIGN_LEFT, CLASS_WORD, "service", text);
        row->scale = scale_for(w, text, 1.1, 2.0);
        row->inverse = chance(r, 0.4);
    }
    if (layout == 4 && vlm_docgen_left(w) >= 4)
        parcel_rows(w, 2, false);
    if (layout == 0 && vlm_docgen_left(w) >= 7) {
        address(w, froms[style], CLASS_SENDER, same, 0.85);
        vlm_docgen_decoration(w, ROW_RULE)->rule = RULE_THIN;
    }
    address(w, tos[style], CLASS_RECIPIENT, same, big);
    if (layout == 1 && vlm_docgen_left(w) >= 5) {
        vlm_docgen_decoration(w, ROW_RULE)->rule = RULE_THIN;
        address(w, froms[style], CLASS_SENDER, same, 0.85);
    }
    int left = vlm_docgen_left(w);
    bool tracked = left >= 1 && chance(r, 0.75);
    if (left - tracked > 0 && layout != 4) {
        vlm_docgen_decoration(w, ROW_RULE)->rule = RULE_THIN;
        int k = left - tracked;
        parcel_rows(w, k > 4 ? 4 : k, k >= 2 && (layout == 5 || (layout == 3 && chance(r, 0.6))));
    }
    if (tracked && vlm_docgen_left(w) > 0) {
        vlm_docgen_digits(r, text, chance(r, 0.5) ? "@@ ### ### ###" : "#### #### ####");
        vlm_docgen_decoration(w, ROW_BARS)->align = ALIGN_CENTRE;
        put_fact(w, ALIGN_CENTRE, CLASS_CODE, "tracking number", text);
    }
    w->c->framed = chance(r, 0.5);
}

/* ---- tickets ---- */

static void places(struct vlm_docgen_writer *w, bool stacked, bool train)
{
    char from[24], to[24], both[80];
    struct vlm_rng *r = w->r;
    for (int i = 0; i < 2; i++) {
        char *t = i ? to : from;
        if (w->o->random_strings >= 1 || chance(r, w->invent))
            vlm_docgen_invent(r, t, 8);
        else
            snprintf(t, 24, "%s", vlm_docgen_one_of(r, &vlm_docgen_towns));
        if (w->upper || w->key_case == 1)
            vlm_docgen_case(t, 1);
        vlm_docgen_cut(t, w->room / 2 - 2);
    }
    if (strcmp(from, to) == 0)
        vlm_docgen_string(r, to, 8);
    vlm_docgen_fact(w, CLASS_FROM, "place of departure", from, !stacked && train);
    vlm_docgen_fact(w, CLASS_TO, "destination", to, !stacked && train);
    if (stacked) {
        snprintf(both, sizeof both, "%s %s %s", from, chance(r, 0.5) ? "-" : ">", to);
        put(w, ALIGN_LEFT, both)->scale = scale_for(w, both, 1.0, 1.5);
        return;
    }
    snprintf(both, sizeof both, "%s %s", "From", from);
    put(w, ALIGN_LEFT, both);
    snprintf(both, sizeof both, "%s %s", "To", to);
    put(w, ALIGN_LEFT, both);
    w->c->facts[w->c->n_facts - 2].shown = w->c->facts[w->c->n_facts - 1].shown = true;
    snprintf(w->c->facts[w->c->n_facts - 2].key, 8, "From");
    snprintf(w->c->facts[w->c->n_facts - 1].key, 8, "To");
}

static void ticket_keys(struct vlm_docgen_writer *w, int n, int columns, enum vlm_docgen_align how)
{
    static const struct {
        const char *key;
        enum vlm_docgen_class cls;
    } keys[] = {{"Date", CLASS_DATE},        {"Time", CLASS_TIME},     {"Seat", CLASS_SEAT},
                {"Gate", CLASS_GATE},        {"Row", CLASS_PLACE},     {"Price", CLASS_PRICE},
                {"Class", CLASS_WORD},       {"Name", CLASS_PERSON},   {"Coach", CLASS_PLACE},
                {"Ticket no", CLASS_NUMBER}, {"Section", CLASS_PLACE}, {"Door", CLASS_PLACE}};
    int at = pick(w->r, 12), step = chance(w->r, 0.5) ? 1 : 5, given = 0;
    int grid = columns ? vlm_docgen_add_grid(w, columns) : 0, column = 0;
    bool turned = vlm_docgen_shuffles(w, 0.8); /* keys below their values */
    struct vlm_docgen_row *heads = NULL, *values = NULL;
    if (grid) {
        w->c->grids[grid - 1].full = true;
        w->c->grids[grid - 1].columns = chance(w->r, 0.2);
    }
    for (; given < 12 && (n > 0 || column); given++, at = (at + step) % 12) {
        char key[24], value[40], both[80];
        snprintf(key, sizeof key, "%s", keys[at].key);
        vlm_docgen_case(key, w->key_case);
        vlm_docgen_value_in(w, value, sizeof value, keys[at].cls,
                            grid ? w->room / columns - 1 : w->room - 10);
        if (grid && column == 0) {
            if (n < 2 || vlm_docgen_left(w) < 2)
                return;
            key_rows(w, grid, turned, &heads, &values);
            heads->gap = turned ? 0 : 0.3;
            n -= 2;
        }
        vlm_docgen_fact(w, keys[at].cls, key, value, true)->beside = !grid;
        if (grid) {
            snprintf(heads->cell[column].text, sizeof heads->cell[0].text, "%s", key);
            snprintf(values->cell[column].text, sizeof values->cell[0].text, "%s", value);
            column = (column + 1) % columns;
            continue;
        }
        snprintf(both, sizeof both, "%s: %s", key, value);
        if (how == ALIGN_SPLIT)
            vlm_docgen_row(w, how, key, value);
        else
            put(w, how, both);
        n--;
    }
}

/* layouts: keys above in 2 or 3 columns, lines, split, centred; held out: 4 columns, strip left */
void vlm_docgen_write_ticket(struct vlm_docgen_writer *w)
{
    struct vlm_rng *r = w->r;
    int layout = vlm_docgen_layout(w, 5, 2);
    int n = w->most < 4 ? w->most : 4 + pick(r, 7);
    w->most = n < w->most ? n : w->most;
    w->room = 20 + pick(r, 12);
    char text[48];
    bool travel = chance(r, 0.55);
    if (w->most >= 3) {
        if (travel || chance(r, 0.5))
            vlm_docgen_company(w, text, sizeof text);
        else
            snprintf(text, sizeof text, "%s", vlm_docgen_one_of(r, &vlm_docgen_events));
        if (chance(r, 0.5))
            vlm_docgen_case(text, 1);
        struct vlm_docgen_row *row =
            put_fact(w, chance(r, 0.5) ? ALIGN_CENTRE : ALIGN_LEFT,
                     travel ? CLASS_MERCHANT : CLASS_EVENT, travel ? "company" : "event", text);
        row->scale = scale_for(w, text, 1.0, 1.6);
        row->inverse = chance(r, 0.25);
        row->other_face = chance(r, 0.4);
    }
    if (travel && vlm_docgen_left(w) >= 3)
        places(w, chance(r, 0.6), true);
    int left = vlm_docgen_left(w);
    static const int columns[] = {2, 3, 0, 0, 0, 4, 3};
    int c = columns[layout];
    if (c && left < 2)
        c = 0;
    if (left > 0)
        ticket_keys(w, left, c,
                    layout == 3   ? ALIGN_SPLIT
                    : layout == 4 ? ALIGN_CENTRE
                                  : ALIGN_LEFT);
    if (chance(r, 0.3))
        vlm_docgen_decoration(w, ROW_BARS);
    w->c->strip = layout == 6      ? -vlm_docgen_between(r, 0.1, 0.2)
                  : chance(r, 0.3) ? vlm_docgen_between(r, 0.08, 0.2)
                                   : 0;
    w->c->framed = chance(r, 0.35);
    w->c->aspect_low = 0.8;
    w->c->aspect_high = 1.8;
}
