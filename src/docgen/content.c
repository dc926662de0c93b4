/* content.c: decides what a document says and what is asked about it.
 *
 * Two in five keys and one in four values are invented strings, so that a reader cannot guess from
 * the words it knows.  Answers are always the characters on the page. */
#include "docgen/content.h"

#include <stdio.h>
#include <string.h>

#include "docgen/words.h"

struct writer {
    struct vlm_docgen_content *c;
    struct vlm_docgen_doc *doc;
    struct vlm_rng *r;
    enum vlm_docgen_class cls[VLM_DOCGEN_MAX_FIELDS];
    bool shown[VLM_DOCGEN_MAX_FIELDS]; /* the key is on the page */
    int room;                          /* characters that a line may have */
    int currency;                      /* one way of writing money a document */
    int date;                          /* and dates */
    int key_case;                      /* 0 as is, 1 upper, 2 lower */
    bool value_upper;
};

double vlm_docgen_between(struct vlm_rng *r, double lo, double hi)
{
    return lo + (hi - lo) * vlm_rng_unit(r);
}

bool vlm_docgen_chance(struct vlm_rng *r, double p)
{
    return vlm_rng_unit(r) < p;
}

static int pick(struct vlm_rng *r, int n)
{
    return (int)vlm_rng_below(r, (uint32_t)n);
}

static const char *one_of(struct vlm_rng *r, const struct vlm_docgen_list *list)
{
    return list->items[vlm_rng_below(r, (uint32_t)list->n)];
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static void set_case(char *s, int how)
{
    for (; *s; s++)
        *s = how == 1 ? upper(*s) : how == 2 ? lower(*s) : *s;
}

static size_t n_chars(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Does a hold b, whatever the case? */
static bool holds(const char *a, const char *b)
{
    size_t n = strlen(b);
    for (; strlen(a) >= n; a++) {
        size_t i = 0;
        while (i < n && lower(a[i]) == lower(b[i]))
            i++;
        if (i == n)
            return true;
        if (*a == 0)
            break;
    }
    return false;
}

static void pseudo_word(struct vlm_rng *r, char *out, int max)
{
    static const char *const heads[] = {"b",  "c",  "d",  "f",  "g",  "h",  "j",  "k",  "l",
                                        "m",  "n",  "p",  "r",  "s",  "t",  "v",  "w",  "z",
                                        "br", "ch", "cl", "dr", "fl", "gr", "kn", "pl", "qu",
                                        "sh", "sk", "st", "th", "tr", "x",  "y",  ""};
    static const char *const tails[] = {"a",  "e",  "i",  "o",  "u",   "ai",  "ea",  "ou",
                                        "y",  "an", "el", "in", "or",  "um",  "ak",  "et",
                                        "is", "ol", "ub", "ax", "ert", "ing", "oss", "amp"};
    int want = 3 + pick(r, max - 2 > 7 ? 7 : max - 2);
    size_t n = 0;
    while ((int)n < want) {
        const char *h = heads[vlm_rng_below(r, sizeof heads / sizeof heads[0])];
        const char *t = tails[vlm_rng_below(r, sizeof tails / sizeof tails[0])];
        n += (size_t)snprintf(out + n, 8, "%s%s", h, t);
    }
    out[want] = 0;
    out[0] = upper(out[0]);
}

/* A string that nobody can guess, of at most max >= 4 characters. */
static void random_string(struct vlm_rng *r, char *out, int max)
{
    static const char alnum[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char mixed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char sep[] = "--/.-+#&*_=@!%,;:()<>[]?'\"$";
    int how = pick(r, 10);
    int n = 2 + pick(r, max - 1 > 8 ? 8 : max - 1);
    if (how >= 8) {
        pseudo_word(r, out, max);
        return;
    }
    for (int i = 0; i < n; i++)
        out[i] = how < 4   ? alnum[pick(r, 10)]
                 : how < 6 ? alnum[pick(r, 36)]
                 : how < 7 ? alnum[10 + pick(r, 26)]
                           : mixed[pick(r, 62)];
    if (n >= 4 && vlm_docgen_chance(r, 0.3)) {
        char s = vlm_docgen_chance(r, 0.6) ? '-' : sep[pick(r, (int)sizeof sep - 1)];
        out[1 + pick(r, n - 2)] = s;
        if (n >= 7 && vlm_docgen_chance(r, 0.3))
            out[n - 3] = s;
    }
    out[n] = 0;
}

static void write_money(struct writer *w, char *out, size_t cap)
{
    struct vlm_rng *r = w->r;
    double u = vlm_rng_unit(r);
    int whole = u < 0.4    ? pick(r, 10)
                : u < 0.8  ? 10 + pick(r, 90)
                : u < 0.95 ? pick(r, 1000)
                           : pick(r, 10000);
    int cents =
        vlm_docgen_chance(r, 0.35) ? (pick(r, 10) * 10 + (pick(r, 2) ? 9 : 5)) : pick(r, 100);
    switch (w->currency) {
    case 0:
    case 8:
        snprintf(out, cap, "$%d.%02d", whole, cents);
        break;
    case 1:
        snprintf(out, cap, "%d.%02d", whole, cents);
        break;
    case 2:
        snprintf(out, cap, "%d,%02d", whole, cents);
        break;
    case 3:
        snprintf(out, cap, "%d.%02d €", whole, cents);
        break;
    case 4:
        snprintf(out, cap, "%d,%02d €", whole, cents);
        break;
    case 5:
        snprintf(out, cap, "€%d.%02d", whole, cents);
        break;
    case 6:
        snprintf(out, cap, "£%d.%02d", whole, cents);
        break;
    case 7:
        snprintf(out, cap, "%d.%02d EUR", whole, cents);
        break;
    case 9:
        snprintf(out, cap, "€ %d,%02d", whole, cents);
        break;
    default:
        snprintf(out, cap, "%d.%02d USD", whole, cents);
        break;
    }
}

static void write_date(struct writer *w, char *out, size_t cap)
{
    struct vlm_rng *r = w->r;
    int d = 1 + pick(r, 28), m = pick(r, 12), y = 2018 + pick(r, 15);
    const char *mon = vlm_docgen_months.items[m];
    m++;
    switch (w->date) {
    case 0:
        snprintf(out, cap, "%d-%02d-%02d", y, m, d);
        break;
    case 1:
        snprintf(out, cap, "%02d.%02d.%d", d, m, y);
        break;
    case 2:
        snprintf(out, cap, "%02d/%02d/%02d", m, d, y % 100);
        break;
    case 3:
        snprintf(out, cap, "%d %s %d", d, mon, y);
        break;
    case 4:
        snprintf(out, cap, "%s %d", mon, y);
        break;
    case 5:
        snprintf(out, cap, "%s %d", mon, d);
        break;
    case 6:
        snprintf(out, cap, "%02d/%d", m, y);
        break;
    case 7:
        snprintf(out, cap, "%02d/%02d/%d", d, m, y);
        break;
    default:
        snprintf(out, cap, "%02d.%02d.%02d", d, m, y % 100);
        break;
    }
}

static void write_product(struct vlm_rng *r, char *out, size_t cap)
{
    char made[16];
    const char *noun = one_of(r, &vlm_docgen_nouns);
    if (vlm_docgen_chance(r, 0.3)) {
        pseudo_word(r, made, 9);
        noun = made;
    }
    if (vlm_docgen_chance(r, 0.45))
        snprintf(out, cap, "%s %s", one_of(r, &vlm_docgen_adjectives), noun);
    else
        snprintf(out, cap, "%s", noun);
}

static void write_measure(struct vlm_rng *r, char *out, size_t cap, bool weight)
{
    static const char *const weights[] = {"g", "kg", "g", "kg", "oz", "lb", "mg"};
    static const char *const units[] = {"ml",   "l",  "cl",  "cm",    "mm",    "m",
                                        "V",    "W",  "C",   "km/h",  "%",     "%",
                                        "kcal", "kJ", "bar", "fl oz", "years", "in"};
    const char *unit = weight ? weights[pick(r, 7)] : units[pick(r, 18)];
    const char *gap = vlm_docgen_chance(r, 0.7) ? " " : "";
    if (vlm_docgen_chance(r, 0.4))
        snprintf(out, cap, "%d.%d%s%s", pick(r, 30), pick(r, 10), gap, unit);
    else
        snprintf(out, cap, "%d%s%s",
                 vlm_docgen_chance(r, 0.5) ? 5 * (1 + pick(r, 199)) : 1 + pick(r, 999), gap, unit);
}

static void write_size(struct vlm_rng *r, char *out, size_t cap)
{
    static const char *const sizes[] = {"XS",  "S",     "M",      "L",    "XL",
                                        "XXL", "small", "medium", "large"};
    if (vlm_docgen_chance(r, 0.5))
        snprintf(out, cap, "%s", sizes[pick(r, 9)]);
    else if (vlm_docgen_chance(r, 0.5))
        snprintf(out, cap, "%d", 20 + pick(r, 40));
    else
        snprintf(out, cap, "%d x %d cm", 1 + pick(r, 99), 1 + pick(r, 99));
}

static void write_small(struct vlm_rng *r, char *out, size_t cap, enum vlm_docgen_class cls)
{
    if (cls == CLASS_PLACE && vlm_docgen_chance(r, 0.6))
        snprintf(out, cap, "%c%s%d", 'A' + pick(r, 26), vlm_docgen_chance(r, 0.3) ? "-" : "",
                 1 + pick(r, 99));
    else if (cls == CLASS_TIME && vlm_docgen_chance(r, 0.6))
        snprintf(out, cap, "%02d:%02d", pick(r, 24), pick(r, 60));
    else if (cls == CLASS_TIME)
        snprintf(out, cap, "%d %s", 1 + pick(r, 12), pick(r, 2) ? "am" : "pm");
    else if (cls == CLASS_COUNT && vlm_docgen_chance(r, 0.3))
        snprintf(out, cap, "%d %s", 1 + pick(r, 99), pick(r, 2) ? "pcs" : "x");
    else
        snprintf(out, cap, "%d", 1 + pick(r, vlm_docgen_chance(r, 0.8) ? 99 : 9999));
}

static void write_value(struct writer *w, char *out, size_t cap, enum vlm_docgen_class cls)
{
    struct vlm_rng *r = w->r;
    if (cls == CLASS_CODE || cls == CLASS_RANDOM || vlm_docgen_chance(r, 0.2)) {
        random_string(r, out, 10);
        return;
    }
    switch (cls) {
    case CLASS_PRICE:
    case CLASS_MONEY:
        write_money(w, out, cap);
        break;
    case CLASS_WEIGHT:
        write_measure(r, out, cap, true);
        break;
    case CLASS_MEASURE:
        write_measure(r, out, cap, false);
        break;
    case CLASS_EXPIRY:
    case CLASS_DATE:
        write_date(w, out, cap);
        break;
    case CLASS_SIZE:
        write_size(r, out, cap);
        break;
    case CLASS_ORIGIN:
        snprintf(out, cap, "%s", one_of(r, &vlm_docgen_countries));
        break;
    case CLASS_COLOUR:
        snprintf(out, cap, "%s", one_of(r, &vlm_docgen_colours));
        break;
    case CLASS_PERSON:
        snprintf(out, cap, "%s", one_of(r, &vlm_docgen_names));
        break;
    case CLASS_PRODUCT:
        write_product(r, out, cap);
        break;
    case CLASS_WORD:
        snprintf(out, cap, "%s", one_of(r, &vlm_docgen_others));
        break;
    default:
        write_small(r, out, cap, cls);
        break;
    }
    if ((cls == CLASS_COLOUR || cls == CLASS_WORD) && vlm_docgen_chance(r, 0.5))
        out[0] = upper(out[0]);
}

/* No key may stand inside another one or in a line of the page: the answer would not be one. */
static bool key_is_free(const struct writer *w, const char *key)
{
    for (uint32_t i = 0; i < w->doc->n_fields; i++)
        if (holds(w->doc->fields[i].key, key) || holds(key, w->doc->fields[i].key))
            return false;
    for (int i = 0; i < w->c->n_rows; i++)
        for (int j = 0; j < w->c->rows[i].n_runs; j++)
            if (holds(w->c->rows[i].run[j], key))
                return false;
    return true;
}

static enum vlm_docgen_class draw_key(struct writer *w, char *key, size_t cap)
{
    if (vlm_docgen_chance(w->r, 0.3)) {
        if (vlm_docgen_chance(w->r, 0.75))
            pseudo_word(w->r, key, 9);
        else
            random_string(w->r, key, 6);
        return CLASS_RANDOM;
    }
    const struct vlm_docgen_key *k =
        &vlm_docgen_keys[vlm_rng_below(w->r, (uint32_t)vlm_docgen_n_keys)];
    snprintf(key, cap, "%s", k->key);
    return k->cls;
}

/* A new field whose key and value have at most `room` characters; false after some tries. */
static bool add_field(struct writer *w, int room, bool shown)
{
    struct vlm_docgen_doc *doc = w->doc;
    if (doc->n_fields == VLM_DOCGEN_MAX_FIELDS)
        return false;
    struct vlm_docgen_field *f = &doc->fields[doc->n_fields];
    for (int tries = 0; tries < 20; tries++) {
        enum vlm_docgen_class cls = draw_key(w, f->key, sizeof f->key);
        write_value(w, f->value, sizeof f->value, cls);
        set_case(f->key, w->key_case);
        if (w->value_upper)
            set_case(f->value, 1);
        if ((int)(n_chars(f->key) + n_chars(f->value)) > room || n_chars(f->key) < 2 ||
            !key_is_free(w, f->key))
            continue;
        bool twice =
            false; /* one value in two fields would make line questions and errors ambiguous */
        for (uint32_t i = 0; i < doc->n_fields; i++)
            twice |= strcmp(doc->fields[i].value, f->value) == 0;
        if (twice)
            continue;
        w->cls[doc->n_fields] = cls;
        w->shown[doc->n_fields++] = shown;
        return true;
    }
    f->key[0] = f->value[0] = 0;
    return false;
}

static struct vlm_docgen_row *add_row(struct writer *w, const char *a, const char *b, double scale)
{
    struct vlm_docgen_row *row = &w->c->rows[w->c->n_rows++];
    memset(row, 0, sizeof *row);
    snprintf(row->run[0], sizeof row->run[0], "%s", a);
    row->n_runs = 1;
    if (b != NULL) {
        snprintf(row->run[1], sizeof row->run[1], "%s", b);
        row->n_runs = 2;
    }
    row->scale = scale;
    return row;
}

/* A row for the newest field, in the style of the document. */
static void add_field_row(struct writer *w, int style, const char *sep, double scale)
{
    const struct vlm_docgen_field *f = &w->doc->fields[w->doc->n_fields - 1];
    char key[40], both[80];
    snprintf(key, sizeof key, "%s%s", f->key, sep);
    if (style == ALIGN_SPLIT || style == ALIGN_LEADER || style == ALIGN_TAB) {
        add_row(w, key, f->value, scale)->align = (enum vlm_docgen_align)style;
        return;
    }
    snprintf(both, sizeof both, "%s %s", key, f->value);
    add_row(w, both, NULL, scale)->align = (enum vlm_docgen_align)style;
}

static void add_title(struct writer *w, bool product)
{
    struct vlm_docgen_doc *doc = w->doc;
    char text[40];
    bool named = product || vlm_docgen_chance(w->r, 0.5);
    if (named)
        write_product(w->r, text, sizeof text);
    else
        snprintf(text, sizeof text, "%s", one_of(w->r, &vlm_docgen_titles));
    if (w->value_upper || vlm_docgen_chance(w->r, 0.25))
        set_case(text, 1);
    if ((int)n_chars(text) > w->room)
        text[w->room] = 0; /* ASCII */
    if (named) {
        struct vlm_docgen_field *f = &doc->fields[doc->n_fields];
        snprintf(f->key, sizeof f->key, "product");
        snprintf(f->value, sizeof f->value, "%s", text);
        w->cls[doc->n_fields] = CLASS_PRODUCT;
        w->shown[doc->n_fields++] = false;
    }
    struct vlm_docgen_row *row = add_row(w, text, NULL, vlm_docgen_between(w->r, 0.95, 1.35));
    row->align = vlm_docgen_chance(w->r, 0.65) ? ALIGN_CENTRE : ALIGN_LEFT;
    row->other_face = vlm_docgen_chance(w->r, 0.4);
    row->inverse = vlm_docgen_chance(w->r, 0.2);
    row->rule = !row->inverse && vlm_docgen_chance(w->r, 0.25);
}

static void write_label(struct writer *w, int max_lines)
{
    struct vlm_rng *r = w->r;
    static const int styles[] = {ALIGN_LEFT, ALIGN_LEFT, ALIGN_LEFT,   ALIGN_SPLIT,  ALIGN_SPLIT,
                                 ALIGN_TAB,  ALIGN_TAB,  ALIGN_LEADER, ALIGN_CENTRE, ALIGN_RIGHT};
    static const char *const seps[] = {":", ":", ":", "", "", " :", " -", " ="};
    int style = styles[pick(r, 10)];
    const char *sep = seps[pick(r, style == ALIGN_LEADER || style == ALIGN_SPLIT ? 5 : 8)];
    bool stacked = vlm_docgen_chance(r, 0.1) && max_lines >= 2; /* the value below its key */
    int n = 1 + pick(r, max_lines < 5 ? max_lines : 5);
    bool rules = vlm_docgen_chance(r, 0.12);
    if (n > 1 && vlm_docgen_chance(r, 0.5)) {
        add_title(w, false);
        n--;
    }
    for (int i = 0; i < n; i++) {
        if (stacked) {
            if (i + 2 > n && i > 0)
                break;
            if (!add_field(w, w->room, true))
                break;
            const struct vlm_docgen_field *f = &w->doc->fields[w->doc->n_fields - 1];
            enum vlm_docgen_align a = style == ALIGN_CENTRE ? ALIGN_CENTRE : ALIGN_LEFT;
            add_row(w, f->key, NULL, 0.75)->align = a;
            add_row(w, f->value, NULL, 1.0)->align = a;
            i++;
            continue;
        }
        if (!add_field(w, w->room - (int)strlen(sep) - 1, true))
            break;
        add_field_row(w, style, sep, 1.0);
        w->c->rows[w->c->n_rows - 1].rule = rules;
    }
}

static void write_tag(struct writer *w, int max_lines)
{
    struct vlm_rng *r = w->r;
    struct vlm_docgen_doc *doc = w->doc;
    int left = 2 + pick(r, 4);
    left = left < max_lines ? left : max_lines;
    if (left >= 3 && vlm_docgen_chance(r, 0.3)) {
        add_row(w, one_of(r, &vlm_docgen_titles), NULL, vlm_docgen_between(r, 0.7, 1.0))->align =
            ALIGN_CENTRE;
        left--;
    }
    if (left >= 2) {
        add_title(w, true);
        left--;
    }
    struct vlm_docgen_field *f = &doc->fields[doc->n_fields];
    snprintf(f->key, sizeof f->key, "price");
    write_money(w, f->value, sizeof f->value);
    w->cls[doc->n_fields] = CLASS_PRICE;
    w->shown[doc->n_fields++] = false;
    struct vlm_docgen_row *row = add_row(w, f->value, NULL, vlm_docgen_between(r, 1.3, 2.6));
    row->align = vlm_docgen_chance(r, 0.7)   ? ALIGN_CENTRE
                 : vlm_docgen_chance(r, 0.5) ? ALIGN_RIGHT
                                             : ALIGN_LEFT;
    row->other_face = vlm_docgen_chance(r, 0.4);
    int style = vlm_docgen_chance(r, 0.5)   ? ALIGN_CENTRE
                : vlm_docgen_chance(r, 0.5) ? ALIGN_LEFT
                                            : ALIGN_SPLIT;
    for (left--; left > 0; left--) {
        if (!add_field(w, w->room - 2, true))
            break;
        add_field_row(w, style, style == ALIGN_SPLIT ? "" : ":", vlm_docgen_between(r, 0.75, 1.0));
    }
}

/* Lines of words and strings without keys: nothing but reading. */
static void write_text(struct writer *w, int max_lines)
{
    struct vlm_rng *r = w->r;
    int n = max_lines < 4 ? max_lines : 3 + pick(r, (max_lines < 9 ? max_lines : 9) - 2);
    bool centred = vlm_docgen_chance(r, 0.3);
    for (int i = 0; i < n; i++) {
        char line[80] = "", word[40];
        size_t at = 0;
        int want = vlm_docgen_chance(r, 0.3) ? 4 + pick(r, w->room - 3) : w->room - pick(r, 5);
        while ((int)at < want) {
            if (vlm_docgen_chance(r, 0.5))
                random_string(r, word, 8);
            else
                write_product(r, word, sizeof word);
            if (w->value_upper)
                set_case(word, 1);
            at += (size_t)snprintf(line + at, sizeof line - at, "%s%s", at ? " " : "", word);
        }
        line[want] = 0; /* ASCII */
        while (want > 1 && line[want - 1] == ' ')
            line[--want] = 0;
        add_row(w, line, NULL, 1.0)->align = centred ? ALIGN_CENTRE : ALIGN_LEFT;
    }
}

/* ---- questions ---- */

/* pattern with its one %s replaced; returns false when it does not fit */
static bool fill(char *out, size_t cap, const char *pattern, const char *arg)
{
    const char *at = strstr(pattern, "%s");
    int n = at == NULL ? snprintf(out, cap, "%s", pattern)
                       : snprintf(out, cap, "%.*s%s%s", (int)(at - pattern), pattern, arg, at + 2);
    return n > 0 && (size_t)n < cap;
}

static void ask(struct writer *w, enum vlm_docgen_family family, const struct vlm_docgen_list *list,
                const char *arg, const char *answer)
{
    struct vlm_docgen_doc *doc = w->doc;
    if (doc->n_questions == VLM_DOCGEN_MAX_QUESTIONS || list->n == 0)
        return;
    struct vlm_docgen_question *q = &doc->questions[doc->n_questions];
    bool unseen = vlm_docgen_chance(w->r, 0.15);
    uint32_t seen = (uint32_t)list->n - VLM_DOCGEN_UNSEEN;
    uint32_t i = unseen ? seen + vlm_rng_below(w->r, VLM_DOCGEN_UNSEEN) : vlm_rng_below(w->r, seen);
    if (!fill(q->text, sizeof q->text, list->items[i], arg))
        return;
    if (list->items[i][0] == '%' && vlm_docgen_chance(w->r, 0.5))
        q->text[0] = upper(q->text[0]);
    q->family = family;
    q->unseen = unseen;
    snprintf(q->answer, sizeof q->answer, "%s", answer);
    doc->n_questions++;
}

static void ask_value(struct writer *w, const char *key, const char *value,
                      enum vlm_docgen_family family)
{
    char asked[40];
    snprintf(asked, sizeof asked, "%s", key);
    if (vlm_docgen_chance(w->r, 0.55))
        set_case(asked, 2);
    ask(w, family, &vlm_docgen_ask_value, asked, value);
}

static void ask_fields(struct writer *w)
{
    for (uint32_t i = 0; i < w->doc->n_fields; i++) {
        const struct vlm_docgen_field *f = &w->doc->fields[i];
        int same = 0;
        for (uint32_t j = 0; j < w->doc->n_fields; j++)
            same += w->cls[j] == w->cls[i];
        if (w->shown[i] || w->cls[i] == CLASS_PRICE)
            ask_value(w, f->key, f->value, VLM_DOCGEN_VALUE);
        if (same == 1 && (!w->shown[i] || vlm_docgen_chance(w->r, 0.6)))
            ask(w, VLM_DOCGEN_MEANING, &vlm_docgen_ask_meaning[w->cls[i]], "", f->value);
    }
}

static void ask_lines(struct writer *w)
{
    static const char *const nth[] = {"first", "second", "third", "fourth"};
    int n = w->c->n_rows;
    for (int k = 0; k < 2; k++) {
        int i = pick(w->r, n);
        const char *text = w->doc->lines[i].text;
        char number[16];
        snprintf(number, sizeof number, "%d", i + 1);
        if (i == n - 1 && n > 1 && vlm_docgen_chance(w->r, 0.4))
            ask(w, VLM_DOCGEN_LINE, &vlm_docgen_ask_nth, "last", text);
        else if (i < 4 && vlm_docgen_chance(w->r, 0.4))
            ask(w, VLM_DOCGEN_LINE, &vlm_docgen_ask_nth, nth[i], text);
        else
            ask(w, VLM_DOCGEN_LINE, &vlm_docgen_ask_line, number, text);
    }
    ask(w, VLM_DOCGEN_READ, &vlm_docgen_ask_read, "", w->doc->text);
}

static bool has_class(const struct writer *w, enum vlm_docgen_class cls)
{
    for (uint32_t i = 0; i < w->doc->n_fields; i++)
        if (w->cls[i] == cls)
            return true;
    return false;
}

/* Things that are not there; what could be argued about is not asked. */
static void ask_absent(struct writer *w)
{
    static const enum vlm_docgen_class meaning[][3] = {
        {CLASS_PRICE, CLASS_MONEY, CLASS_PRICE},   {CLASS_WEIGHT, CLASS_MEASURE, CLASS_SIZE},
        {CLASS_EXPIRY, CLASS_DATE, CLASS_TIME},    {CLASS_COUNT, CLASS_MEASURE, CLASS_COUNT},
        {CLASS_ORIGIN, CLASS_PERSON, CLASS_PLACE}, {CLASS_SIZE, CLASS_MEASURE, CLASS_WEIGHT},
        {CLASS_COLOUR, CLASS_WORD, CLASS_COLOUR},
    };
    for (int k = 0; k < 2; k++) {
        char key[40];
        for (int tries = 0; tries < 10; tries++) {
            enum vlm_docgen_class cls = draw_key(w, key, sizeof key);
            bool priced = cls == CLASS_PRICE && has_class(w, CLASS_PRICE);
            bool named =
                cls == CLASS_PRODUCT || (cls == CLASS_PERSON && has_class(w, CLASS_PRODUCT));
            set_case(key, w->key_case);
            if (!priced && !named && n_chars(key) >= 2 && key_is_free(w, key)) {
                ask_value(w, key, VLM_DOCGEN_NOT_THERE, VLM_DOCGEN_ABSENT);
                break;
            }
        }
    }
    const enum vlm_docgen_class *m = meaning[pick(w->r, 7)];
    if (!has_class(w, m[0]) && !has_class(w, m[1]) && !has_class(w, m[2]))
        ask(w, VLM_DOCGEN_ABSENT, &vlm_docgen_ask_meaning[m[0]], "", VLM_DOCGEN_NOT_THERE);
}

static void join_text(struct writer *w)
{
    size_t at = 0;
    for (int i = 0; i < w->c->n_rows; i++) {
        const struct vlm_docgen_row *row = &w->c->rows[i];
        struct vlm_docgen_line *line = &w->doc->lines[i];
        snprintf(line->text, sizeof line->text, "%s%s%s", row->run[0], row->n_runs > 1 ? " " : "",
                 row->n_runs > 1 ? row->run[1] : "");
        at += (size_t)snprintf(w->doc->text + at, sizeof w->doc->text - at, "%s%s", i ? "\n" : "",
                               line->text);
    }
    w->doc->n_lines = (uint32_t)w->c->n_rows;
}

void vlm_docgen_write(struct vlm_docgen_content *c, struct vlm_docgen_doc *doc, struct vlm_rng *r,
                      int max_lines)
{
    struct writer w = {.c = c, .doc = doc, .r = r};
    c->n_rows = 0;
    doc->n_fields = doc->n_questions = 0;
    w.room = 10 + pick(r, 10);
    w.currency = pick(r, 11);
    w.date = pick(r, 9);
    double u = vlm_rng_unit(r);
    w.key_case = u < 0.68 ? 0 : u < 0.88 ? 1 : 2;
    w.value_upper = w.key_case == 1 && vlm_docgen_chance(r, 0.6);
    if (doc->kind == VLM_DOCGEN_TAG)
        write_tag(&w, max_lines);
    else if (doc->kind == VLM_DOCGEN_TEXT)
        write_text(&w, max_lines);
    else
        write_label(&w, max_lines);
    join_text(&w);
    if (c->n_rows ==
        0) /* no key and value were short enough for this line length: the caller draws again */
        return;
    ask_fields(&w);
    ask_lines(&w);
    if (doc->kind != VLM_DOCGEN_TEXT)
        ask_absent(&w);
}
