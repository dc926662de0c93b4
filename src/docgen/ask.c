/* ask.c: questions about a document: about its facts, its lines, and what is not on it.
 *
 * Nothing is asked whose answer could be argued about: a key must be on one line alone, a meaning
 * must have one candidate, and what is "not on the page" must have no relative there. */
#include "docgen/ask.h"

#include <stdio.h>
#include <string.h>

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance

/* pattern with its %s replaced by a and b in turn; false when it does not fit */
static bool fill(char *out, size_t cap, const char *pattern, const char *a, const char *b)
{
    size_t n = 0;
    for (const char *p = pattern; *p; p++) {
        if (p[0] != '%' || p[1] != 's') {
            if (n + 1 >= cap)
                return false;
            out[n++] = *p;
            continue;
        }
        size_t len = strlen(a);
        if (n + len >= cap)
            return false;
        memcpy(out + n, a, len);
        n += len;
        a = b;
        p++;
    }
    out[n] = 0;
    return true;
}

bool vlm_docgen_put_question(struct vlm_docgen_writer *w, enum vlm_docgen_family family,
                             const struct vlm_docgen_wordings *list, const char *a, const char *b,
                             const char *answer)
{
    struct vlm_docgen_doc *doc = w->doc;
    if (doc->n_questions == VLM_DOCGEN_MAX_QUESTIONS || list->n == 0 || answer[0] == 0)
        return false;
    if (family != VLM_DOCGEN_READ && vlm_docgen_chars(answer) > VLM_DOCGEN_MAX_ANSWER)
        return false;
    struct vlm_docgen_question *q = &doc->questions[doc->n_questions];
    bool unseen = chance(w->r, 0.15);
    uint32_t seen = (uint32_t)list->n - VLM_DOCGEN_UNSEEN;
    uint32_t i = unseen ? seen + vlm_rng_below(w->r, VLM_DOCGEN_UNSEEN) : vlm_rng_below(w->r, seen);
    if (!fill(q->text, sizeof q->text, list->items[i], a, b))
        return false;
    for (uint32_t k = 0; k < doc->n_questions; k++)
        if (strcmp(doc->questions[k].text, q->text) == 0)
            return false;
    if (list->items[i][0] == '%' && chance(w->r, 0.5) && q->text[0] >= 'a' && q->text[0] <= 'z')
        q->text[0] = (char)(q->text[0] - 32);
    q->family = family;
    q->unseen = unseen;
    q->paraphrase = list->first + i;
    snprintf(q->answer, sizeof q->answer, "%s", answer);
    doc->n_questions++;
    return true;
}

#define put vlm_docgen_put_question

static bool is_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c & 0x80);
}

/* How often b stands in a as whole words, whatever the case. */
static int times_in(const char *a, const char *b)
{
    size_t n = strlen(b);
    int times = 0;
    for (const char *p = a; *p; p++) {
        size_t i = 0;
        while (i < n && (p[i] | 32) == (b[i] | 32) &&
               (p[i] == b[i] || ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'z')))
            i++;
        if (i == n && (p == a || !is_letter(p[-1]) || !is_letter(b[0])) &&
            (!is_letter(p[n]) || !is_letter(b[n - 1])))
            times++;
    }
    return times;
}

int vlm_docgen_times(const struct vlm_docgen_writer *w, const char *text)
{
    return times_in(w->doc->text, text);
}

void vlm_docgen_spell(struct vlm_docgen_writer *w, char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text);
    if (chance(w->r, 0.45))
        vlm_docgen_case(out, 2);
}

/* ---- facts ---- */

static bool has_class(const struct vlm_docgen_writer *w, enum vlm_docgen_class cls)
{
    for (int i = 0; i < w->c->n_facts; i++)
        if (w->c->facts[i].cls == cls)
            return true;
    return false;
}

static int count_class(const struct vlm_docgen_writer *w, enum vlm_docgen_class cls)
{
    int n = 0;
    for (int i = 0; i < w->c->n_facts; i++)
        n += w->c->facts[i].cls == cls;
    return n;
}

static bool has_any(const struct vlm_docgen_writer *w, const enum vlm_docgen_class *list, int n)
{
    for (int i = 0; i < n; i++)
        if (has_class(w, list[i]))
            return true;
    return false;
}

#define HAS(...)                                                                                   \
    has_any(w, (const enum vlm_docgen_class[]){__VA_ARGS__},                                       \
            (int)(sizeof((const enum vlm_docgen_class[]){__VA_ARGS__}) /                           \
                  sizeof(enum vlm_docgen_class)))

/* May this fact, the only one of its class, be asked for by meaning? */
static bool meaning_is_clear(const struct vlm_docgen_writer *w, const struct vlm_docgen_fact *f)
{
    enum vlm_docgen_kind kind = w->doc->kind;
    switch (f->cls) {
    case CLASS_PRICE:
        return !HAS(CLASS_TOTAL, CLASS_SUBTOTAL) && w->c->n_items == 0;
    case CLASS_TOTAL:
        return !has_class(w, CLASS_PRICE);
    case CLASS_DATE:
        return !HAS(CLASS_EXPIRY, CLASS_DUE) || kind == VLM_DOCGEN_INVOICE;
    case CLASS_NUMBER:
        return !HAS(CLASS_PHONE, CLASS_CODE);
    case CLASS_PERSON:
        return !f->shown || vlm_docgen_holds(f->key, "name");
    case CLASS_MERCHANT:
        return !f->shown && !HAS(CLASS_SENDER);
    case CLASS_TOWN:
        return kind == VLM_DOCGEN_SHIPPING;
    case CLASS_COUNT:
    case CLASS_WEIGHT:
    case CLASS_SIZE:
        return w->c->n_items == 0;
    case CLASS_PRODUCT:
        return w->c->n_items == 0 && !has_class(w, CLASS_TITLE);
    case CLASS_TITLE:
        return w->c->rows[0].kind == ROW_TEXT;
    default:
        return true;
    }
}

static void ask_facts(struct vlm_docgen_writer *w)
{
    char asked[40];
    int n = w->c->n_facts, start = n ? pick(w->r, n) : 0;
    for (int k = 0; k < n && k < 14; k++) {
        const struct vlm_docgen_fact *f = &w->c->facts[(start + k) % n];
        vlm_docgen_spell(w, asked, sizeof asked, f->key);
        if (f->shown && vlm_docgen_times(w, f->key) == 1)
            put(w, VLM_DOCGEN_VALUE, &vlm_docgen_ask_value, asked, "", f->value);
        bool alone = count_class(w, f->cls) == 1 && f->cls != CLASS_RANDOM;
        if (!f->shown && alone && vlm_docgen_times(w, f->key) == 0 && chance(w->r, 0.5) &&
            meaning_is_clear(w, f))
            put(w, VLM_DOCGEN_MEANING, &vlm_docgen_ask_called, f->key, "", f->value);
        if (alone && meaning_is_clear(w, f) && (!f->shown || chance(w->r, 0.5)))
            put(w, VLM_DOCGEN_MEANING, &vlm_docgen_ask_meaning[f->cls], "", "", f->value);
    }
}

/* ---- lines and places ---- */

static void ask_lines(struct vlm_docgen_writer *w)
{
    static const char *const nth[] = {"first", "second", "third", "fourth", "fifth"};
    int n = (int)w->doc->n_lines;
    for (int k = 0; k < 2; k++) {
        int i = pick(w->r, n);
        const char *text = w->doc->lines[i].text;
        char number[16];
        snprintf(number, sizeof number, "%d", i + 1);
        if (i == n - 1 && n > 1 && chance(w->r, 0.4))
            put(w, VLM_DOCGEN_LINE, &vlm_docgen_ask_nth, "last", "", text);
        else if (i < 5 && chance(w->r, 0.4))
            put(w, VLM_DOCGEN_LINE, &vlm_docgen_ask_nth, nth[i], "", text);
        else
            put(w, VLM_DOCGEN_LINE, &vlm_docgen_ask_line, number, "", text);
    }
    put(w, VLM_DOCGEN_READ, &vlm_docgen_ask_read, "", "", w->doc->text);
}

static bool names_a_place(const struct vlm_docgen_writer *w, char *out, size_t cap,
                          const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || n >= cap || vlm_docgen_chars(text) > VLM_DOCGEN_MAX_ANSWER ||
        vlm_docgen_chars(text) < 2)
        return false;
    memcpy(out, text, n + 1);
    while (n > 1 && (strchr(":=-", out[n - 1]) || out[n - 1] == ' '))
        out[--n] = 0;
    return n > 1 && vlm_docgen_times(w, out) == 1;
}

static void ask_right(struct vlm_docgen_writer *w, int tries)
{
    const struct vlm_docgen_content *c = w->c;
    char key[40];
    for (int k = 0; k < tries; k++) {
        const struct vlm_docgen_row *row = &c->rows[pick(w->r, c->n_rows)];
        int i = row->n > 1 ? pick(w->r, row->n - 1) : 0;
        if (row->kind != ROW_TEXT || row->n < 2 || !row->cell[i + 1].text[0])
            continue;
        if (names_a_place(w, key, sizeof key, row->cell[i].text) &&
            put(w, VLM_DOCGEN_RIGHT_OF, &vlm_docgen_ask_right, key, "", row->cell[i + 1].text))
            return;
    }
    for (int k = 0; k < 4 && c->n_facts; k++) {
        const struct vlm_docgen_fact *f = &c->facts[pick(w->r, c->n_facts)];
        if (f->shown && f->beside && names_a_place(w, key, sizeof key, f->key) &&
            put(w, VLM_DOCGEN_RIGHT_OF, &vlm_docgen_ask_right, key, "", f->value))
            return;
    }
}

static void ask_below(struct vlm_docgen_writer *w, int tries)
{
    const struct vlm_docgen_content *c = w->c;
    char key[40];
    for (int k = 0; k < tries; k++) {
        int at = pick(w->r, c->n_rows);
        const struct vlm_docgen_row *row = &c->rows[at], *next = row + 1;
        if (at + 1 >= c->n_rows || row->kind != ROW_TEXT || next->kind != ROW_TEXT ||
            row->grid != next->grid || row->n != next->n || row->align != next->align)
            continue;
        if (!row->grid && row->n != 1)
            continue;
        int i = pick(w->r, row->n);
        if (next->cell[i].text[0] && names_a_place(w, key, sizeof key, row->cell[i].text) &&
            put(w, VLM_DOCGEN_BELOW, &vlm_docgen_ask_below, key, "", next->cell[i].text))
            return;
    }
}

/* A word of the page that is worth asking for. */
static bool word_of(struct vlm_docgen_writer *w, char *out, size_t cap)
{
    const struct vlm_docgen_line *line = &w->doc->lines[pick(w->r, (int)w->doc->n_lines)];
    size_t n = strlen(line->text), at = n ? vlm_rng_below(w->r, (uint32_t)n) : 0, len = 0;
    while (at > 0 && line->text[at - 1] != ' ')
        at--;
    while (line->text[at + len] && line->text[at + len] != ' ')
        len++;
    while (len > 0 && !is_letter(line->text[at + len - 1]))
        len--;
    while (len > 0 && !is_letter(line->text[at]))
        at++, len--;
    if (len < 3 || len >= cap)
        return false;
    memcpy(out, line->text + at, len);
    out[len] = 0;
    return true;
}

static void ask_contains(struct vlm_docgen_writer *w)
{
    char word[24];
    if (w->doc->n_lines && chance(w->r, 0.5)) {
        if (word_of(w, word, sizeof word))
            put(w, VLM_DOCGEN_CONTAINS, &vlm_docgen_ask_contains, word, "", "yes");
        return;
    }
    if (w->doc->n_lines && chance(w->r, 0.4)) { /* nearly a word of the page */
        if (!word_of(w, word, sizeof word))
            return;
        size_t i = vlm_rng_below(w->r, (uint32_t)strlen(word));
        if (word[i] >= '0' && word[i] <= '9')
            word[i] = (char)('0' + pick(w->r, 10));
        else if (!(word[i] & 0x80))
            word[i] = (char)('a' + pick(w->r, 26));
    } else if (chance(w->r, 0.5)) {
        snprintf(word, sizeof word, "%s", vlm_docgen_one_of(w->r, &vlm_docgen_nouns));
    } else {
        vlm_docgen_string(w->r, word, 8);
    }
    if (!vlm_docgen_holds(w->doc->text, word) && strlen(word) > 2)
        put(w, VLM_DOCGEN_CONTAINS, &vlm_docgen_ask_contains, word, "", "no");
}

/* ---- what is not there ---- */

/* A code without a key, or bars, could be any key's. */
static bool unnamed_code(const struct vlm_docgen_writer *w)
{
    for (int i = 0; i < w->c->n_facts; i++)
        if (w->c->facts[i].cls == CLASS_CODE && !w->c->facts[i].shown)
            return true;
    for (int i = 0; i < w->c->n_rows; i++)
        if (w->c->rows[i].kind == ROW_BARS)
            return true;
    return false;
}

/* Could something on this page be taken for a value of this class? */
static bool arguable(const struct vlm_docgen_writer *w, enum vlm_docgen_class cls)
{
    bool items = w->c->n_items > 0;
    switch (cls) {
    case CLASS_PRICE:
    case CLASS_TOTAL:
        return items || HAS(CLASS_PRICE, CLASS_TOTAL, CLASS_SUBTOTAL, CLASS_MONEY, CLASS_PAID);
    case CLASS_MONEY:
        return items ? HAS(CLASS_PAID) : HAS(CLASS_PRICE, CLASS_TOTAL);
    case CLASS_PAID:
    case CLASS_PAYMENT:
        return HAS(CLASS_PAID, CLASS_PAYMENT, CLASS_TOTAL, CLASS_MONEY);
    case CLASS_DATE:
    case CLASS_EXPIRY:
    case CLASS_DUE:
        return HAS(CLASS_DATE, CLASS_EXPIRY, CLASS_DUE) || (items && w->c->table);
    case CLASS_PERSON:
    case CLASS_MERCHANT:
    case CLASS_SENDER:
    case CLASS_RECIPIENT:
        return HAS(CLASS_PERSON, CLASS_MERCHANT, CLASS_SENDER, CLASS_RECIPIENT, CLASS_PRODUCT,
                   CLASS_EVENT) ||
               w->doc->kind == VLM_DOCGEN_TABLE;
    case CLASS_PRODUCT:
    case CLASS_TITLE:
    case CLASS_EVENT:
        return items || HAS(CLASS_PRODUCT, CLASS_TITLE, CLASS_EVENT) || w->doc->n_lines > 0;
    case CLASS_ORIGIN:
    case CLASS_TOWN:
    case CLASS_ADDRESS:
    case CLASS_FROM:
    case CLASS_TO:
    case CLASS_PLACE:
        return HAS(CLASS_ORIGIN, CLASS_TOWN, CLASS_ADDRESS, CLASS_FROM, CLASS_TO, CLASS_MERCHANT,
                   CLASS_RECIPIENT, CLASS_PRODUCT, CLASS_SEAT, CLASS_GATE, CLASS_PLACE,
                   CLASS_PERSON) ||
               w->doc->kind == VLM_DOCGEN_TABLE;
    case CLASS_CODE:
    case CLASS_NUMBER:
        return cls == CLASS_NUMBER ? HAS(CLASS_CODE, CLASS_NUMBER, CLASS_PHONE, CLASS_RANDOM)
                                   : HAS(CLASS_NUMBER) || unnamed_code(w);
    case CLASS_COUNT:
    case CLASS_SIZE:
    case CLASS_WEIGHT:
    case CLASS_COLOUR:
    case CLASS_TIME:
        return items || HAS(CLASS_MEASURE, CLASS_WORD, CLASS_PRODUCT) || has_class(w, cls);
    case CLASS_SEAT:
    case CLASS_GATE:
        return HAS(CLASS_PLACE) || has_class(w, cls);
    case CLASS_MEASURE:
    case CLASS_WORD:
    case CLASS_RANDOM:
        return false;
    default:
        return has_class(w, cls);
    }
}

static void ask_absent_meaning(struct vlm_docgen_writer *w)
{
    static const enum vlm_docgen_class classes[] = {
        CLASS_PRICE,  CLASS_TOTAL,  CLASS_SUBTOTAL, CLASS_TAX,       CLASS_CHANGE, CLASS_DATE,
        CLASS_TIME,   CLASS_DUE,    CLASS_PHONE,    CLASS_EMAIL,     CLASS_WEB,    CLASS_JOB,
        CLASS_SENDER, CLASS_WEIGHT, CLASS_SEAT,     CLASS_GATE,      CLASS_EXPIRY, CLASS_COUNT,
        CLASS_ORIGIN, CLASS_SIZE,   CLASS_COLOUR,   CLASS_RECIPIENT, CLASS_TO,     CLASS_MERCHANT};
    for (int tries = 0; tries < 5; tries++) {
        enum vlm_docgen_class cls = classes[pick(w->r, 24)];
        bool text = w->doc->kind == VLM_DOCGEN_TEXT || w->doc->kind == VLM_DOCGEN_PARAGRAPH;
        if (arguable(w, cls) || (text && cls != CLASS_EMAIL && cls != CLASS_GATE))
            continue;
        put(w, VLM_DOCGEN_ABSENT, &vlm_docgen_ask_meaning[cls], "", "", VLM_DOCGEN_NOT_THERE);
        return;
    }
}

static void ask_absent(struct vlm_docgen_writer *w)
{
    char key[40], asked[40];
    for (int k = 0; k < 2; k++)
        for (int tries = 0; tries < 10; tries++) {
            enum vlm_docgen_class cls = vlm_docgen_key(w, key, 32);
            vlm_docgen_case(key, w->key_case);
            if (arguable(w, cls) || strlen(key) < 2 || vlm_docgen_holds(w->doc->text, key))
                continue;
            vlm_docgen_spell(w, asked, sizeof asked, key);
            put(w, VLM_DOCGEN_ABSENT, &vlm_docgen_ask_value, asked, "", VLM_DOCGEN_NOT_THERE);
            break;
        }
    ask_absent_meaning(w);
    if (w->c->n_items == 0 && !chance(w->r, 0.3))
        return;
    vlm_docgen_product(w, key, 24);
    if (vlm_docgen_holds(w->doc->text, key) || strlen(key) < 2)
        return;
    for (int i = 0; i < w->c->n_items; i++) /* "Red Tea" is not "Tea", but who would say so? */
        if (vlm_docgen_holds(key, w->c->items[i].name))
            return;
    if (w->c->n_items == 0 && HAS(CLASS_PRICE, CLASS_PRODUCT))
        return;
    vlm_docgen_spell(w, asked, sizeof asked, key);
    put(w, VLM_DOCGEN_ABSENT,
        chance(w->r, 0.7) ? &vlm_docgen_ask_item_price : &vlm_docgen_ask_item_count, asked, "",
        VLM_DOCGEN_NOT_THERE);
}

void vlm_docgen_ask(struct vlm_docgen_writer *w)
{
    if (w->doc->n_lines) {
        ask_facts(w);
        vlm_docgen_ask_items(w);
        ask_right(w, 6);
        ask_below(w, 8);
        ask_lines(w);
    } else {
        put(w, VLM_DOCGEN_ABSENT, &vlm_docgen_ask_read, "", "", VLM_DOCGEN_NOT_THERE);
        ask_absent_meaning(w);
        ask_absent_meaning(w);
    }
    ask_contains(w);
    ask_contains(w);
    ask_absent(w);
}
