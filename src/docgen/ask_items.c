/* ask_items.c: questions about items, cells of tables, and which of two amounts is more. */
#include <stdio.h>
#include <string.h>

#include "docgen/ask.h"

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance
#define put vlm_docgen_put_question

static bool several(const struct vlm_docgen_item *it)
{
    return it->quantity[0] && strcmp(it->quantity, "1") != 0;
}

/* Unit price and amount both printed, and different: "the price" would be either. */
static bool two_prices(const struct vlm_docgen_item *it)
{
    return it->unit[0] && it->amount[0] && strcmp(it->unit, it->amount) != 0;
}

static void ask_item(struct vlm_docgen_writer *w, const struct vlm_docgen_item *it)
{
    char name[40];
    if (vlm_docgen_times(w, it->name) != 1)
        return;
    vlm_docgen_spell(w, name, sizeof name, it->name);
    if (two_prices(it)) {
        put(w, VLM_DOCGEN_ITEM_PRICE, &vlm_docgen_ask_item_amount, name, "", it->amount);
        put(w, VLM_DOCGEN_ITEM_PRICE, &vlm_docgen_ask_item_unit, name, "", it->unit);
    } else if (it->amount[0]) {
        put(w, VLM_DOCGEN_ITEM_PRICE, &vlm_docgen_ask_item_price, name, "", it->amount);
    }
    if (it->quantity[0] && (several(it) || chance(w->r, 0.4)))
        put(w, VLM_DOCGEN_ITEM_COUNT, &vlm_docgen_ask_item_count, name, "", it->quantity);
    if (it->amount[0] && !two_prices(it) && vlm_docgen_times(w, it->amount) == 1)
        put(w, VLM_DOCGEN_WHICH_ITEM, &vlm_docgen_ask_which_item, it->amount, "", it->name);
}

/* Highest, lowest, and one pair, where every item has one price. */
static void ask_order(struct vlm_docgen_writer *w)
{
    const struct vlm_docgen_content *c = w->c;
    int n = c->n_items, high = 0, low = 0;
    for (int i = 0; i < n; i++) {
        if (!c->items[i].amount[0] || two_prices(&c->items[i]) || c->items[i].cents < 0)
            return;
        for (int j = 0; j < i; j++)
            if (c->items[i].cents == c->items[j].cents)
                return;
        high = c->items[i].cents > c->items[high].cents ? i : high;
        low = c->items[i].cents < c->items[low].cents ? i : low;
    }
    if (n < 2)
        return;
    if (chance(w->r, 0.5))
        put(w, VLM_DOCGEN_EXTREME, &vlm_docgen_ask_dearest, "", "", c->items[high].name);
    else
        put(w, VLM_DOCGEN_EXTREME, &vlm_docgen_ask_highest, "", "", c->items[high].amount);
    if (chance(w->r, 0.5))
        put(w, VLM_DOCGEN_EXTREME, &vlm_docgen_ask_cheapest, "", "", c->items[low].name);
    else
        put(w, VLM_DOCGEN_EXTREME, &vlm_docgen_ask_lowest, "", "", c->items[low].amount);
    int a = pick(w->r, n), b = (a + 1 + pick(w->r, n - 1)) % n;
    const struct vlm_docgen_item *x = &c->items[a], *y = &c->items[b];
    bool more = chance(w->r, 0.6);
    put(w, VLM_DOCGEN_COMPARE, more ? &vlm_docgen_ask_dearer : &vlm_docgen_ask_cheaper, x->name,
        y->name, (x->cents > y->cents) == more ? x->name : y->name);
}

/* The amount in hundredths of a value with two decimals; -1: it is none */
static long cents_of(const char *s)
{
    long v = 0;
    int digits = 0, behind = -1;
    for (; *s; s++) {
        if (*s >= '0' && *s <= '9') {
            v = v * 10 + (*s - '0');
            digits++;
            behind += behind >= 0;
        } else if ((*s == '.' || *s == ',') && digits && behind < 0) {
            behind = 0;
        }
        if (digits > 9)
            return -1;
    }
    return behind == 2 ? v : -1;
}

static bool is_amount(const struct vlm_docgen_fact *f)
{
    switch (f->cls) {
    case CLASS_PRICE:
    case CLASS_MONEY:
    case CLASS_TOTAL:
    case CLASS_SUBTOTAL:
    case CLASS_TAX:
    case CLASS_PAID:
    case CLASS_CHANGE:
        return f->shown && cents_of(f->value) >= 0;
    default:
        return false;
    }
}

static void ask_amounts(struct vlm_docgen_writer *w)
{
    const struct vlm_docgen_fact *two[2];
    int n = 0, from = w->c->n_facts ? pick(w->r, w->c->n_facts) : 0;
    for (int i = 0; i < w->c->n_facts && n < 2; i++) {
        const struct vlm_docgen_fact *f = &w->c->facts[(from + i) % w->c->n_facts];
        if (is_amount(f) && vlm_docgen_times(w, f->key) == 1)
            two[n++] = f;
    }
    if (n < 2)
        return;
    long a = cents_of(two[0]->value), b = cents_of(two[1]->value);
    bool more = chance(w->r, 0.6);
    if (a != b)
        put(w, VLM_DOCGEN_COMPARE, more ? &vlm_docgen_ask_more : &vlm_docgen_ask_less, two[0]->key,
            two[1]->key, (a > b) == more ? two[0]->key : two[1]->key);
}

static void ask_cells(struct vlm_docgen_writer *w, int tries, int most)
{
    const struct vlm_docgen_content *c = w->c;
    const struct vlm_docgen_row *head = NULL;
    for (int i = 0; i < c->n_rows && head == NULL; i++)
        if (c->rows[i].kind == ROW_TEXT && c->rows[i].grid == c->table)
            head = &c->rows[i];
    for (int k = 0; k < tries && head != NULL && most > 0; k++) {
        const struct vlm_docgen_row *row = &c->rows[pick(w->r, c->n_rows)];
        int names = -1, j = pick(w->r, head->n);
        if (row->kind != ROW_TEXT || row->grid != c->table || row == head)
            continue;
        for (int i = 0; i < row->n; i++)
            for (int n = 0; n < c->n_items; n++)
                if (strcmp(row->cell[i].text, c->items[n].name) == 0)
                    names = i;
        if (names < 0 || j == names || !head->cell[j].text[0] || !row->cell[j].text[0] ||
            vlm_docgen_times(w, row->cell[names].text) != 1 ||
            vlm_docgen_times(w, head->cell[j].text) != 1)
            continue;
        char column[40], name[40];
        vlm_docgen_spell(w, column, sizeof column, head->cell[j].text);
        vlm_docgen_spell(w, name, sizeof name, row->cell[names].text);
        most -= put(w, VLM_DOCGEN_CELL, &vlm_docgen_ask_cell, column, name, row->cell[j].text);
    }
}

void vlm_docgen_ask_items(struct vlm_docgen_writer *w)
{
    const struct vlm_docgen_content *c = w->c;
    bool table = w->doc->kind == VLM_DOCGEN_TABLE;
    int n = c->n_items, from = n ? pick(w->r, n) : 0;
    char count[16];
    for (int i = 0; i < n && i < 4; i++)
        ask_item(w, &c->items[(from + i) % n]);
    ask_amounts(w);
    if (c->table)
        ask_cells(w, 12, table ? 5 : 2);
    if (n == 0)
        return;
    ask_order(w);
    snprintf(count, sizeof count, "%d", n);
    put(w, VLM_DOCGEN_HOW_MANY, table ? &vlm_docgen_ask_rows : &vlm_docgen_ask_how_many, "", "",
        count);
}
