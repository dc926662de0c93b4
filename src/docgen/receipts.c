/* receipts.c: receipts and invoices: head, items, sums.
 *
 * Sums are exact unless the document is marked inconsistent; then every printed sum is drawn anew,
 * so that who adds up instead of reading is wrong. */
#include <stdio.h>
#include <string.h>

#include "docgen/content.h"

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance

enum { WITH_HEAD = 1, TWO_LINES = 2 };
enum { DETAILS_BELOW, AMOUNT_ABOVE, DETAILS_ABOVE, UNIT_BELOW, N_STACKS }; /* of two lines */

static const char *term(const struct vlm_docgen_writer *w, enum vlm_docgen_term t, char *out,
                        size_t cap)
{
    snprintf(out, cap, "%s", vlm_docgen_one_of(w->r, &vlm_docgen_terms[w->language][t]));
    vlm_docgen_case(out, w->key_case == 2 ? 0 : w->key_case);
    return out;
}

/* ---- items ---- */

static bool item_is_free(const struct vlm_docgen_content *c, const char *name, long cents)
{
    for (int i = 0; i < c->n_items; i++)
        if (vlm_docgen_holds(c->items[i].name, name) || vlm_docgen_holds(name, c->items[i].name) ||
            c->items[i].cents == cents)
            return false;
    for (int i = 0; i < c->n_rows; i++)
        for (int j = 0; j < c->rows[i].n; j++)
            if (c->rows[i].kind == ROW_TEXT && vlm_docgen_holds(c->rows[i].cell[j].text, name))
                return false;
    return true;
}

/* A new item whose name has at most room characters. */
static struct vlm_docgen_item *new_item(struct vlm_docgen_writer *w, int room, bool sign)
{
    struct vlm_docgen_content *c = w->c;
    struct vlm_docgen_item *it = &c->items[c->n_items];
    struct vlm_rng *r = w->r;
    if (c->n_items == VLM_DOCGEN_MAX_LINES)
        return NULL;
    for (int tries = 0; tries < 30; tries++) {
        char name[40];
        int n = chance(r, 0.6) ? 1 : 2 + pick(r, chance(r, 0.8) ? 4 : 20);
        long unit = vlm_docgen_cents(r) + 1;
        while (unit * n > 999999)
            unit /= 10;
        vlm_docgen_product(w, name, sizeof name);
        if (w->upper)
            vlm_docgen_case(name, 1);
        vlm_docgen_cut(name, room < VLM_DOCGEN_MAX_ANSWER ? room : VLM_DOCGEN_MAX_ANSWER);
        if (vlm_docgen_chars(name) < 2 || !item_is_free(c, name, unit * n))
            continue;
        memset(it, 0, sizeof *it);
        snprintf(it->name, sizeof it->name, "%s", name);
        snprintf(it->quantity, sizeof it->quantity, "%d", n);
        vlm_docgen_money(w, it->unit, sizeof it->unit, unit, sign);
        it->cents = unit * n;
        vlm_docgen_money(w, it->amount, sizeof it->amount, it->cents, sign);
        c->n_items++;
        return it;
    }
    return NULL;
}

static void head_row(struct vlm_docgen_writer *w, int grid, const enum vlm_docgen_term *terms,
                     const enum vlm_docgen_align *aligns)
{
    char t[32];
    struct vlm_docgen_row *row = vlm_docgen_grid_row(w, grid);
    int how = pick(w->r, 4);
    for (int i = 0; i < row->n; i++)
        vlm_docgen_set(row, i, terms[i] == N_TERMS ? "" : term(w, terms[i], t, sizeof t),
                       aligns[i]);
    row->inverse = how == 0;
    row->rule = how == 1 ? RULE_THIN : how == 2 ? RULE_DASHED : RULE_NONE;
    row->other_face = chance(w->r, 0.3);
}

struct shape {
    int columns; /* 0: two cells, split; -1: leader */
    int flags;
    enum vlm_docgen_term heads[4];
    char what[5]; /* n name, q quantity, u unit price, a amount, t tax letter */
    int used;     /* characters beside the name */
    int stack;    /* of two lines: which, the first but in training */
};

static const struct shape shapes[] = {
    {0, 0, {0}, "na", 8, 0},
    {3, 0, {TERM_QUANTITY, TERM_ITEM, TERM_AMOUNT}, "qna", 11, 0},
    {0, TWO_LINES, {0}, "na", 0, 0},
    {4, WITH_HEAD, {TERM_ITEM, TERM_QUANTITY, TERM_PRICE, TERM_AMOUNT}, "nqua", 19, 0},
    {-1, 0, {0}, "xa", 13, 0},
    {3, 0, {TERM_ITEM, TERM_AMOUNT, N_TERMS}, "nat", 10, 0},
    {0, 0, {0}, "@a", 18, 0},
    {3, WITH_HEAD, {TERM_ITEM, TERM_QUANTITY, TERM_AMOUNT}, "nqa", 12, 0},
    {4, WITH_HEAD, {TERM_QUANTITY, TERM_ITEM, TERM_PRICE, TERM_AMOUNT}, "qnua", 19, 0},
    {2, WITH_HEAD, {TERM_ITEM, TERM_PRICE}, "na", 9, 0},
    /* held out */
    {2, 0, {TERM_AMOUNT, TERM_ITEM}, "an", 9, 0},
    {0, TWO_LINES, {0}, "pa", 0, 0},
    {4, WITH_HEAD, {TERM_ITEM, TERM_PRICE, TERM_QUANTITY, TERM_AMOUNT}, "nuqa", 19, 0},
};
enum { SEEN_SHAPES = 10, HELD_SHAPES = 3 };

static void item_cell(struct vlm_docgen_row *row, int i, char what, struct vlm_docgen_item *it,
                      const char *letter)
{
    char t[80];
    switch (what) {
    case 'n':
        vlm_docgen_set(row, i, it->name, ALIGN_LEFT);
        break;
    case 'q':
        vlm_docgen_set(row, i, it->quantity, ALIGN_CENTRE);
        break;
    case 'u':
        vlm_docgen_set(row, i, it->unit, ALIGN_RIGHT);
        break;
    case 'a':
        vlm_docgen_set(row, i, it->amount, ALIGN_RIGHT);
        break;
    case 'x':
        snprintf(t, sizeof t, "%s x %s", it->quantity, it->name);
        vlm_docgen_set(row, i, t, ALIGN_LEFT);
        break;
    case '@':
        snprintf(t, sizeof t, "%s %s @ %s", it->name, it->quantity, it->unit);
        vlm_docgen_set(row, i, t, ALIGN_LEFT);
        break;
    default:
        vlm_docgen_set(row, i, letter, ALIGN_LEFT);
        break;
    }
}

static void two_lines(struct vlm_docgen_writer *w, int stack, const struct vlm_docgen_item *it)
{
    char t[80];
    if (stack == UNIT_BELOW) {
        snprintf(t, sizeof t, "%s %s", it->quantity, it->name);
        vlm_docgen_row(w, ALIGN_LEFT, t, NULL);
        vlm_docgen_row(w, ALIGN_SPLIT, it->unit, it->amount);
        return;
    }
    snprintf(t, sizeof t, "%s x %s", it->quantity, it->unit);
    if (stack == AMOUNT_ABOVE) {
        vlm_docgen_row(w, ALIGN_SPLIT, it->name, it->amount);
        vlm_docgen_row(w, ALIGN_LEFT, t, NULL);
    } else {
        bool below = stack == DETAILS_BELOW;
        if (below)
            vlm_docgen_row(w, ALIGN_LEFT, it->name, NULL);
        vlm_docgen_row(w, ALIGN_SPLIT, t, it->amount);
        if (!below)
            vlm_docgen_row(w, ALIGN_LEFT, it->name, NULL);
    }
}

static void item_rows(struct vlm_docgen_writer *w, const struct shape *s, int grid,
                      struct vlm_docgen_item *it)
{
    char t[80], letter[2] = {(char)('A' + pick(w->r, 3)), 0};
    if (s->flags & TWO_LINES) {
        if (s->what[0] == 'p') {
            snprintf(t, sizeof t, "%s (x%s)", it->name, it->quantity);
            vlm_docgen_row(w, ALIGN_LEFT, t, NULL);
            vlm_docgen_row(w, ALIGN_RIGHT, it->amount, NULL);
            it->unit[0] = 0;
            return;
        }
        two_lines(w, s->stack, it);
        return;
    }
    struct vlm_docgen_row *row;
    if (s->columns <= 0) {
        row = vlm_docgen_row(w, s->columns ? ALIGN_LEADER : ALIGN_SPLIT, "", "");
    } else {
        row = vlm_docgen_grid_row(w, grid);
    }
    for (int i = 0; i < row->n; i++)
        item_cell(row, i, s->what[i], it, letter);
    if (!strchr(s->what, 'u') && !strchr(s->what, '@'))
        it->unit[0] = 0;
    if (!strchr(s->what, 'q') && !strchr(s->what, '@') && !strchr(s->what, 'x'))
        it->quantity[0] = 0;
}

/* s with its columns, or its two lines, in any order, but none that begins with the amount or has
 * the quantity behind the unit price, as layouts held out do. */
static struct shape shuffled(struct vlm_docgen_writer *w, const struct shape *s)
{
    struct shape out = *s;
    if ((s->flags & TWO_LINES) && s->what[0] != 'p') {
        out.stack = pick(w->r, N_STACKS);
        out.used = out.stack == AMOUNT_ABOVE ? 9 : out.stack == UNIT_BELOW ? 3 : 0;
    }
    if (s->columns < 3)
        return out;
    do {
        for (int i = s->columns - 1; i > 0; i--) {
            int j = pick(w->r, i + 1);
            char what = out.what[i];
            enum vlm_docgen_term head = out.heads[i];
            out.what[i] = out.what[j], out.heads[i] = out.heads[j];
            out.what[j] = what, out.heads[j] = head;
        }
    } while (out.what[0] == 'a' || strstr(out.what, "uq"));
    return out;
}

/* As many items as fit in n lines; returns their sum. */
static long write_items(struct vlm_docgen_writer *w, const struct shape *s, int n, bool ruled)
{
    struct shape own;
    if (vlm_docgen_shuffles(w, 1)) {
        own = shuffled(w, s);
        s = &own;
    }
    static const enum vlm_docgen_align numbers[4] = {ALIGN_RIGHT, ALIGN_RIGHT, ALIGN_RIGHT,
                                                     ALIGN_RIGHT};
    struct vlm_docgen_content *c = w->c;
    enum vlm_docgen_align aligns[4];
    int grid = s->columns > 0 ? vlm_docgen_add_grid(w, s->columns) : 0;
    bool sign = chance(w->r, 0.3);
    long sum = 0;
    memcpy(aligns, numbers, sizeof aligns);
    for (int i = 0; i < s->columns; i++)
        aligns[i] = s->what[i] == 'n' ? ALIGN_LEFT : s->what[i] == 'q' ? ALIGN_CENTRE : ALIGN_RIGHT;
    if (grid) {
        c->grids[grid - 1].full = true;
        c->grids[grid - 1].gap = 0.6;
        c->grids[grid - 1].columns = ruled && chance(w->r, 0.5);
        c->grids[grid - 1].rows = ruled && chance(w->r, 0.6);
        c->grids[grid - 1].frame = ruled && chance(w->r, 0.6);
    }
    if (grid && n >= 3 && ((s->flags & WITH_HEAD) || chance(w->r, 0.2))) {
        head_row(w, grid, s->heads, aligns);
        if (s->flags & WITH_HEAD)
            c->table = grid;
        n--;
    }
    int each = s->flags & TWO_LINES ? 2 : 1, room = w->room - s->used;
    for (; n >= each && vlm_docgen_left(w) >= each; n -= each) {
        struct vlm_docgen_item *it = new_item(w, room < 5 ? 5 : room, sign);
        if (it == NULL)
            break;
        sum += it->cents;
        item_rows(w, s, grid, it);
    }
    return sum;
}

/* ---- sums ---- */

struct sums {
    enum vlm_docgen_align align; /* SPLIT, LEADER or RIGHT */
    int grid;
    bool sign;
};

static void sum_row(struct vlm_docgen_writer *w, const struct sums *s, enum vlm_docgen_class cls,
                    const char *key, const char *value)
{
    char t[96];
    struct vlm_docgen_row *row;
    bool big = cls == CLASS_TOTAL && chance(w->r, 0.5);
    if (s->grid) {
        row = vlm_docgen_grid_row(w, s->grid);
        vlm_docgen_set(row, 0, key, ALIGN_LEFT);
        vlm_docgen_set(row, 1, value, ALIGN_RIGHT);
    } else if (s->align == ALIGN_RIGHT) {
        snprintf(t, sizeof t, "%s: %s", key, value);
        row = vlm_docgen_row(w, ALIGN_RIGHT, t, NULL);
    } else {
        row = vlm_docgen_row(w, s->align, key, value);
    }
    vlm_docgen_fact(w, cls, key, value, true);
    if (big) {
        double most = w->room / (double)(vlm_docgen_chars(key) + vlm_docgen_chars(value) + 2);
        double scale = vlm_docgen_between(w->r, 1.1, 1.6);
        row->scale = scale < most ? scale : most < 1 ? 1 : most;
        row->other_face = chance(w->r, 0.5);
        row->inverse = chance(w->r, 0.15);
    }
}

static void money_row(struct vlm_docgen_writer *w, const struct sums *s, enum vlm_docgen_class cls,
                      enum vlm_docgen_term t, int64_t *cents)
{
    char key[32], value[40];
    if (w->o->inconsistent >= 1) {
        int64_t right = *cents;
        do
            *cents = vlm_docgen_cents(w->r);
        while (*cents == right);
        w->doc->inconsistent = true;
    }
    vlm_docgen_money(w, value, sizeof value, (long)*cents, s->sign);
    sum_row(w, s, cls, term(w, t, key, sizeof key), value);
}

static void tax_row(struct vlm_docgen_writer *w, const struct sums *s, int rate, int64_t *cents)
{
    char key[48], name[32], value[40];
    term(w, TERM_TAX, name, sizeof name);
    if (chance(w->r, 0.5))
        snprintf(key, sizeof key, "%s %d%%", name, rate);
    else
        snprintf(key, sizeof key, "%s", name);
    if (w->o->inconsistent >= 1)
        *cents = vlm_docgen_cents(w->r);
    vlm_docgen_money(w, value, sizeof value, (long)*cents, s->sign);
    sum_row(w, s, CLASS_TAX, key, value);
}

static int64_t round_up(struct vlm_rng *r, int64_t cents)
{
    static const int notes[] = {100, 500, 1000, 2000, 5000, 10000};
    int64_t note = notes[pick(r, 6)];
    return (cents + note - 1) / note * note;
}

/* Subtotal, tax, discount, total, payment, change: as many as fit in n >= 1 lines. */
static void write_sums(struct vlm_docgen_writer *w, long items, int n, const struct sums *s,
                       bool paid)
{
    static const int rates[] = {5, 7, 8, 10, 19, 20, 21};
    struct vlm_rng *r = w->r;
    struct vlm_docgen_sums *d = &w->doc->sums;
    int rate = rates[pick(r, 7)];
    bool tax = n >= 2 && chance(r, 0.7), sub = n >= 2 + tax && chance(r, 0.7);
    bool cut = n >= 3 + tax + sub && chance(r, 0.15);
    d->items = items;
    d->tax_included = tax && chance(r, w->language ? 0.8 : 0.2);
    int64_t off = cut ? items / (5 + pick(r, 15)) : 0, base = items;
    int64_t added =
        d->tax_included ? (base - off) * rate / (100 + rate) : ((base - off) * rate + 50) / 100;
    int64_t total = base - off + (tax && !d->tax_included ? added : 0);
    if (sub) {
        d->subtotal = base;
        money_row(w, s, CLASS_SUBTOTAL, TERM_SUBTOTAL, &d->subtotal);
    }
    if (cut) {
        d->discount = off;
        money_row(w, s, CLASS_MONEY, TERM_DISCOUNT, &d->discount);
    }
    if (tax && !d->tax_included) {
        d->tax = added;
        tax_row(w, s, rate, &d->tax);
    }
    d->total = total;
    money_row(w, s, CLASS_TOTAL, TERM_TOTAL, &d->total);
    n -= 1 + sub + cut + tax;
    if (tax && d->tax_included) {
        d->tax = added;
        tax_row(w, s, rate, &d->tax);
    }
    if (!paid || n <= 0)
        return;
    if (n >= 2 && chance(r, 0.6)) {
        d->paid = round_up(r, total);
        d->change = d->paid - total;
        money_row(w, s, CLASS_PAID, TERM_CASH, &d->paid);
        money_row(w, s, CLASS_CHANGE, TERM_CHANGE, &d->change);
    } else if (chance(r, 0.6)) {
        d->paid = total;
        money_row(w, s, CLASS_PAID, TERM_CARD, &d->paid);
    }
}

/* ---- heads ---- */

static void add_rule(struct vlm_docgen_writer *w)
{
    static const char *const signs[] = {"-", "=", "*", "_", ".", "- "};
    if (!chance(w->r, 0.7))
        return;
    struct vlm_docgen_row *row = vlm_docgen_decoration(w, ROW_RULE);
    row->gap = 0.1;
    if (row->rule == RULE_SIGNS) {
        row->scale = 0.8;
        vlm_docgen_set(row, 0, signs[pick(w->r, 6)], ALIGN_LEFT);
    }
}

/* A line "key: value" or the value alone, or two of them in one line. */
static void info_row(struct vlm_docgen_writer *w, enum vlm_docgen_align align,
                     enum vlm_docgen_class cls, enum vlm_docgen_term t, const char *value,
                     bool keyed)
{
    char key[32], both[96];
    static const char *const names[] = {"date", "time", "number"};
    if (!keyed) {
        vlm_docgen_row(w, align == ALIGN_SPLIT ? ALIGN_LEFT : align, value, NULL);
        vlm_docgen_fact(w, cls,
                        names[cls == CLASS_TIME   ? 1
                              : cls == CLASS_DATE ? 0
                                                  : 2],
                        value, false);
        return;
    }
    term(w, t, key, sizeof key);
    snprintf(both, sizeof both, "%s: %s", key, value);
    if (align == ALIGN_SPLIT)
        vlm_docgen_row(w, align, key, value);
    else
        vlm_docgen_row(w, align, both, NULL);
    vlm_docgen_fact(w, cls, key, value, true);
}

static void date_and_time(struct vlm_docgen_writer *w, enum vlm_docgen_align align, int lines)
{
    char date[32], time[24];
    vlm_docgen_date(w, date, sizeof date);
    vlm_docgen_time(w, time, sizeof time);
    int how = pick(w->r, 4);
    if (how == 0 || lines < 2) {
        struct vlm_docgen_row *row =
            vlm_docgen_row(w, chance(w->r, 0.6) ? ALIGN_SPLIT : ALIGN_LEADER, date, time);
        if (row->align == ALIGN_LEADER)
            row->align = ALIGN_SPLIT;
        vlm_docgen_fact(w, CLASS_DATE, "date", date, false);
        vlm_docgen_fact(w, CLASS_TIME, "time", time, false);
        return;
    }
    info_row(w, align, CLASS_DATE, TERM_DATE, date, how != 1);
    info_row(w, align, CLASS_TIME, TERM_TIME, time, how != 1);
}

static void receipt_head(struct vlm_docgen_writer *w, int n)
{
    struct vlm_rng *r = w->r;
    char text[48];
    enum vlm_docgen_align align = chance(r, 0.75) ? ALIGN_CENTRE : ALIGN_LEFT;
    if (chance(r, 0.12))
        vlm_docgen_decoration(w, ROW_LOGO);
    vlm_docgen_company(w, text, sizeof text);
    if (chance(r, 0.4))
        vlm_docgen_case(text, 1);
    vlm_docgen_cut(text, w->room < VLM_DOCGEN_MAX_ANSWER ? w->room : VLM_DOCGEN_MAX_ANSWER);
    struct vlm_docgen_row *row = vlm_docgen_row(w, align, text, NULL);
    double most = w->room / (double)(vlm_docgen_chars(text) + 1);
    row->scale = vlm_docgen_between(r, 1.0, most < 1 ? 1 : most > 1.8 ? 1.8 : most);
    row->other_face = chance(r, 0.4);
    row->inverse = chance(r, 0.08);
    vlm_docgen_fact(w, CLASS_MERCHANT, "merchant", text, false);
    n--;
    if (n >= 2 && chance(r, 0.6)) {
        vlm_docgen_street(w, text, sizeof text);
        vlm_docgen_cut(text, w->room);
        vlm_docgen_row(w, align, text, NULL);
        if (--n >= 2) {
            vlm_docgen_town(w, text, sizeof text);
            vlm_docgen_cut(text, w->room);
            vlm_docgen_row(w, align, text, NULL);
            n--;
        }
    }
    if (n >= 2 && chance(r, 0.35)) {
        vlm_docgen_phone(w, text, sizeof text);
        info_row(w, align, CLASS_PHONE, TERM_PHONE, text, true);
        n--;
    }
    if (n >= 1 && chance(r, 0.85)) {
        enum vlm_docgen_align how = chance(r, 0.4)   ? align
                                    : chance(r, 0.5) ? ALIGN_SPLIT
                                                     : ALIGN_LEFT;
        date_and_time(w, how, n);
        n -= 2;
        if (n >= 1 && chance(r, 0.6)) {
            vlm_docgen_digits(r, text, chance(r, 0.5) ? "#####" : "@#-####");
            info_row(w, how, CLASS_NUMBER, TERM_NUMBER, text, true);
            n--;
        }
        if (n >= 1 && chance(r, 0.5)) {
            vlm_docgen_person(w, text, sizeof text);
            vlm_docgen_cut(text, w->room - 10);
            info_row(w, how, CLASS_PERSON, TERM_CASHIER, text, true);
        }
    }
}

static void choose_sums(struct vlm_docgen_writer *w, struct sums *s)
{
    double u = vlm_rng_unit(w->r);
    s->align = u < 0.75 ? ALIGN_SPLIT : u < 0.88 ? ALIGN_LEADER : ALIGN_RIGHT;
    s->sign = chance(w->r, 0.6);
    s->grid = 0;
}

void vlm_docgen_write_receipt(struct vlm_docgen_writer *w)
{
    struct vlm_rng *r = w->r;
    const struct shape *s = &shapes[vlm_docgen_layout(w, SEEN_SHAPES, HELD_SHAPES)];
    struct sums sums;
    int n = w->most < 5 ? w->most : chance(r, 0.4) ? 4 + pick(r, 7) : 8 + pick(r, 16);
    n = n < w->most ? n : w->most;
    w->room = chance(r, 0.3) ? 16 + pick(r, 8) : 22 + pick(r, 12);
    if (s->used > 14 && w->room < 28)
        w->room = 28 + pick(r, 6);
    choose_sums(w, &sums);
    int tail = n >= 3 ? 1 + pick(r, n / 3 + 1) : 1, head = n >= 3 ? 1 + pick(r, n / 3) : 0;
    int thanks = n >= 6 && chance(r, 0.5);
    if (head)
        receipt_head(w, head);
    if (head && n >= 5)
        add_rule(w);
    int each = s->flags & TWO_LINES ? 2 : 1, middle = n - w->n_lines - tail - thanks;
    long sum = write_items(w, s, middle < each ? each : middle, false);
    if (vlm_docgen_left(w) < 1)
        return;
    if (n >= 5)
        add_rule(w);
    tail = n - w->n_lines - thanks;
    write_sums(w, sum, tail < 1 ? 1 : tail, &sums, true);
    if (n >= 6 && chance(r, 0.3))
        add_rule(w);
    if (thanks && vlm_docgen_left(w) > 0) {
        char text[40];
        snprintf(text, sizeof text, "%s", vlm_docgen_one_of(r, &vlm_docgen_thanks));
        if (w->upper)
            vlm_docgen_case(text, 1);
        if ((int)strlen(text) <= w->room)
            vlm_docgen_row(w, ALIGN_CENTRE, text, NULL)->gap = 0.3;
    }
    if (chance(r, 0.15))
        vlm_docgen_decoration(w, ROW_BARS);
    w->c->aspect_low = 0.8;
    w->c->aspect_high = 1.35;
}

/* ---- invoices ---- */

static void invoice_head(struct vlm_docgen_writer *w, int n)
{
    struct vlm_rng *r = w->r;
    char company[40], title[32], text[48], key[32];
    vlm_docgen_company(w, company, sizeof company);
    vlm_docgen_cut(company,
                   VLM_DOCGEN_MAX_ANSWER < w->room - 10 ? VLM_DOCGEN_MAX_ANSWER : w->room - 10);
    term(w, TERM_INVOICE, title, sizeof title);
    struct vlm_docgen_row *row;
    int how = pick(r, 4);
    if (how == 0) {
        row = vlm_docgen_row(w, ALIGN_SPLIT, company, title);
    } else if (how == 1) {
        row = vlm_docgen_row(w, ALIGN_SPLIT, title, company);
    } else {
        row = vlm_docgen_row(w, how == 2 ? ALIGN_LEFT : ALIGN_CENTRE, company, NULL);
        if (n >= 2) {
            row = vlm_docgen_row(w, chance(r, 0.5) ? ALIGN_LEFT : ALIGN_CENTRE, title, NULL);
            row->scale = vlm_docgen_between(r, 1.0, 1.6);
            n--;
        }
    }
    row->other_face = chance(r, 0.5);
    row->inverse = chance(r, 0.2);
    row->rule = !row->inverse && chance(r, 0.3) ? RULE_THICK : RULE_NONE;
    vlm_docgen_fact(w, CLASS_MERCHANT, "seller", company, false);
    n--;
    int grid = chance(r, 0.5) ? vlm_docgen_add_grid(w, 2) : 0;
    static const enum vlm_docgen_term terms[] = {TERM_NUMBER, TERM_DATE, TERM_DUE, TERM_BILL_TO};
    static const enum vlm_docgen_class classes[] = {CLASS_NUMBER, CLASS_DATE, CLASS_DUE,
                                                    CLASS_RECIPIENT};
    for (int i = 0; i < 4 && n > 0; i++) {
        if (i > 0 && !chance(r, 0.7))
            continue;
        if (i == 0)
            vlm_docgen_digits(r, text, chance(r, 0.5) ? "@@-####" : "######");
        else
            vlm_docgen_value_in(w, text, sizeof text, classes[i], w->room - 10);
        if (!grid) {
            info_row(w, ALIGN_LEFT, classes[i], terms[i], text, true);
        } else {
            row = vlm_docgen_grid_row(w, grid);
            vlm_docgen_set(row, 0, term(w, terms[i], key, sizeof key), ALIGN_LEFT);
            vlm_docgen_set(row, 1, text, ALIGN_LEFT);
            vlm_docgen_fact(w, classes[i], key, text, true);
        }
        n--;
    }
}

void vlm_docgen_write_invoice(struct vlm_docgen_writer *w)
{
    static const int tables[] = {3, 7, 8, 9, 3, 8, 12, 10}; /* the last two are held out */
    struct vlm_rng *r = w->r;
    const struct shape *s = &shapes[tables[vlm_docgen_layout(w, 6, 2)]];
    struct sums sums;
    int n = w->most < 6 ? w->most : chance(r, 0.3) ? 6 + pick(r, 5) : 9 + pick(r, 15);
    n = n < w->most ? n : w->most;
    w->room = s->used > 14 ? 28 + pick(r, 6) : 22 + pick(r, 12);
    choose_sums(w, &sums);
    int tail = n >= 4 ? 1 + pick(r, 3) : 1, head = n >= 3 ? (n - tail) * 2 / 5 : 0;
    if (head)
        invoice_head(w, head);
    if (head && chance(r, 0.3))
        add_rule(w);
    int middle = n - w->n_lines - tail;
    long sum = write_items(w, s, middle < 1 ? 1 : middle, true);
    if (vlm_docgen_left(w) < 1)
        return;
    if (chance(r, 0.4))
        add_rule(w);
    tail = n - w->n_lines;
    write_sums(w, sum, tail < 1 ? 1 : tail > 4 ? 4 : tail, &sums, false);
    char text[40];
    if (vlm_docgen_left(w) > 0 && n - w->n_lines > 0 && chance(r, 0.6)) {
        vlm_docgen_digits(r, text, "@@## #### #### ####");
        char both[48];
        snprintf(both, sizeof both, "IBAN: %s", text);
        vlm_docgen_row(w, ALIGN_LEFT, both, NULL)->gap = 0.4;
        vlm_docgen_fact(w, CLASS_CODE, "IBAN", text, true);
    }
    w->c->aspect_low = 0.7;
    w->c->aspect_high = 1.3;
}
