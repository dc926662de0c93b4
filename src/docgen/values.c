/* values.c: single values as they stand on paper: amounts, dates, names, codes, strings.
 *
 * A share of all words is invented, so that a reader cannot guess from the words it knows. */
#include <stdio.h>
#include <string.h>

#include "docgen/content.h"

double vlm_docgen_between(struct vlm_rng *r, double lo, double hi)
{
    return lo + (hi - lo) * vlm_rng_unit(r);
}

bool vlm_docgen_chance(struct vlm_rng *r, double p)
{
    return vlm_rng_unit(r) < p;
}

int vlm_docgen_pick(struct vlm_rng *r, int n)
{
    return (int)vlm_rng_below(r, (uint32_t)n);
}

#define pick vlm_docgen_pick
#define chance vlm_docgen_chance

const char *vlm_docgen_one_of(struct vlm_rng *r, const struct vlm_docgen_list *list)
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

void vlm_docgen_case(char *s, int how)
{
    for (; *s; s++)
        *s = how == 1 ? upper(*s) : how == 2 ? lower(*s) : *s;
}

void vlm_docgen_copy(char *out, size_t cap, const char *s)
{
    size_t n = strlen(s);
    n = n < cap ? n : cap - 1;
    memcpy(out, s, n);
    out[n] = 0;
}

size_t vlm_docgen_chars(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

bool vlm_docgen_holds(const char *a, const char *b)
{
    char first = lower(*b);
    for (; *a; a++) {
        if (lower(*a) != first)
            continue;
        size_t i = 1;
        while (b[i] && lower(a[i]) == lower(b[i]))
            i++;
        if (!b[i])
            return true;
    }
    return *b == 0;
}

void vlm_docgen_invent(struct vlm_rng *r, char *out, int max)
{
    static const char *const heads[] = {"b",  "c",  "d",  "f",  "g",  "h",  "j",  "k",  "l",
                                        "m",  "n",  "p",  "r",  "s",  "t",  "v",  "w",  "z",
                                        "br", "ch", "cl", "dr", "fl", "gr", "kn", "pl", "qu",
                                        "sh", "sk", "st", "th", "tr", "x",  "y",  ""};
    static const char *const tails[] = {"a",  "e",  "i",  "o",  "u",   "ai",  "ea",  "ou",
                                        "y",  "an", "el", "in", "or",  "um",  "ak",  "et",
                                        "is", "ol", "ub", "ax", "ert", "ing", "oss", "amp"};
    int want = 3 + pick(r, max < 3 ? 1 : max - 2 > 7 ? 7 : max - 2);
    size_t n = 0;
    while ((int)n < want) {
        const char *h = heads[vlm_rng_below(r, sizeof heads / sizeof heads[0])];
        const char *t = tails[vlm_rng_below(r, sizeof tails / sizeof tails[0])];
        n += (size_t)snprintf(out + n, 8, "%s%s", h, t);
    }
    out[want] = 0;
    out[0] = upper(out[0]);
}

void vlm_docgen_string(struct vlm_rng *r, char *out, int max)
{
    static const char alnum[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char mixed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char sep[] = "--/.-+#&*_=@!%,;:()<>[]?'\"$";
    int how = pick(r, 10);
    int n = 2 + pick(r, max - 1 > 8 ? 8 : max - 1);
    if (how >= 8) {
        vlm_docgen_invent(r, out, max);
        return;
    }
    for (int i = 0; i < n; i++)
        out[i] = how < 4   ? alnum[pick(r, 10)]
                 : how < 6 ? alnum[pick(r, 36)]
                 : how < 7 ? alnum[10 + pick(r, 26)]
                           : mixed[pick(r, 62)];
    if (n >= 4 && chance(r, 0.3)) {
        char s = chance(r, 0.6) ? '-' : sep[pick(r, (int)sizeof sep - 1)];
        out[1 + pick(r, n - 2)] = s;
        if (n >= 7 && chance(r, 0.3))
            out[n - 3] = s;
    }
    out[n] = 0;
}

void vlm_docgen_digits(struct vlm_rng *r, char *out, const char *pattern)
{
    for (; *pattern; pattern++)
        *out++ = *pattern == '#'   ? (char)('0' + pick(r, 10))
                 : *pattern == '@' ? (char)('A' + pick(r, 26))
                                   : *pattern;
    *out = 0;
}

long vlm_docgen_cents(struct vlm_rng *r)
{
    double u = vlm_rng_unit(r);
    long whole = u < 0.4    ? pick(r, 10)
                 : u < 0.8  ? 10 + pick(r, 90)
                 : u < 0.95 ? pick(r, 1000)
                            : pick(r, 10000);
    int cents = chance(r, 0.35) ? (pick(r, 10) * 10 + (pick(r, 2) ? 9 : 5)) : pick(r, 100);
    return whole * 100 + cents;
}

void vlm_docgen_money(const struct vlm_docgen_writer *w, char *out, size_t cap, long cents,
                      bool sign)
{
    static const struct {
        const char *before, *behind;
    } signs[] = {{"$", ""}, {"", ""},   {"", " €"},   {"€", ""}, {"£", ""},    {"", " EUR"},
                 {"$", ""}, {"€ ", ""}, {"", " USD"}, {"", "€"}, {"EUR ", ""}, {"$ ", ""}};
    long whole = cents / 100;
    const char *minus = "";
    if (cents < 0) {
        minus = "-";
        cents = -cents;
        whole = cents / 100;
    }
    snprintf(out, cap, "%s%s%ld%c%02ld%s", minus, sign ? signs[w->currency].before : "", whole,
             w->comma ? ',' : '.', cents % 100, sign ? signs[w->currency].behind : "");
}

void vlm_docgen_date(const struct vlm_docgen_writer *w, char *out, size_t cap)
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
        snprintf(out, cap, "%s %d, %d", mon, d, y);
        break;
    case 5:
        snprintf(out, cap, "%s %d", mon, d);
        break;
    case 6:
        snprintf(out, cap, "%02d/%02d/%d", m, d, y);
        break;
    case 7:
        snprintf(out, cap, "%02d/%02d/%d", d, m, y);
        break;
    case 8:
        snprintf(out, cap, "%d/%02d/%02d", y, m, d);
        break;
    case 9:
        snprintf(out, cap, "%02d-%s-%02d", d, mon, y % 100);
        break;
    case 10:
        snprintf(out, cap, "%d.%d.%d", d, m, y);
        break;
    case 11:
        snprintf(out, cap, "%s %d", mon, y);
        break;
    default:
        snprintf(out, cap, "%02d.%02d.%02d", d, m, y % 100);
        break;
    }
}

void vlm_docgen_time(const struct vlm_docgen_writer *w, char *out, size_t cap)
{
    int h = pick(w->r, 24), m = pick(w->r, 60);
    switch (w->date % 5) {
    case 0:
    case 1:
        snprintf(out, cap, "%02d:%02d", h, m);
        break;
    case 2:
        snprintf(out, cap, "%d:%02d %s", 1 + h % 12, m, h < 12 ? "AM" : "PM");
        break;
    case 3:
        snprintf(out, cap, "%02d:%02d:%02d", h, m, pick(w->r, 60));
        break;
    default:
        snprintf(out, cap, "%d.%02d%s", 1 + h % 12, m, h < 12 ? "am" : "pm");
        break;
    }
}

void vlm_docgen_product(const struct vlm_docgen_writer *w, char *out, size_t cap)
{
    struct vlm_rng *r = w->r;
    char made[16];
    if (w->o->random_strings >= 1 || chance(r, w->invent * 0.25)) {
        vlm_docgen_string(r, out, (int)(cap < 13 ? cap - 1 : 12));
        return;
    }
    const char *noun = vlm_docgen_one_of(r, &vlm_docgen_nouns);
    if (chance(r, w->invent)) {
        vlm_docgen_invent(r, made, 9);
        noun = made;
    }
    if (chance(r, 0.45))
        snprintf(out, cap, "%s %s", vlm_docgen_one_of(r, &vlm_docgen_adjectives), noun);
    else
        snprintf(out, cap, "%s", noun);
}

void vlm_docgen_person(const struct vlm_docgen_writer *w, char *out, size_t cap)
{
    struct vlm_rng *r = w->r;
    char a[16], b[16];
    snprintf(a, sizeof a, "%s", vlm_docgen_one_of(r, &vlm_docgen_names));
    snprintf(b, sizeof b, "%s", vlm_docgen_one_of(r, &vlm_docgen_surnames));
    if (chance(r, w->invent))
        vlm_docgen_invent(r, b, 9);
    if (w->o->random_strings >= 1)
        vlm_docgen_invent(r, a, 8);
    switch (pick(r, 6)) {
    case 0:
        snprintf(out, cap, "%c. %s", a[0], b);
        break;
    case 1:
        snprintf(out, cap, "%s %c. %s", a, 'A' + pick(r, 26), b);
        break;
    default:
        snprintf(out, cap, "%s %s", a, b);
        break;
    }
}

void vlm_docgen_company(const struct vlm_docgen_writer *w, char *out, size_t cap)
{
    struct vlm_rng *r = w->r;
    char a[16];
    if (w->o->random_strings >= 1) {
        vlm_docgen_string(r, out, (int)(cap < 13 ? cap - 1 : 12));
        return;
    }
    if (chance(r, w->invent + 0.15))
        vlm_docgen_invent(r, a, 9);
    else
        snprintf(
            a, sizeof a, "%s",
            vlm_docgen_one_of(r, chance(r, 0.5) ? &vlm_docgen_surnames : &vlm_docgen_adjectives));
    switch (pick(r, 7)) {
    case 0:
        snprintf(out, cap, "%s & %s", a, vlm_docgen_one_of(r, &vlm_docgen_surnames));
        break;
    case 1:
        snprintf(out, cap, "%s", a);
        break;
    case 2:
        snprintf(out, cap, "The %s %s", a, vlm_docgen_one_of(r, &vlm_docgen_shops));
        break;
    case 3:
        snprintf(out, cap, "%s %s", vlm_docgen_one_of(r, &vlm_docgen_shops), a);
        break;
    default:
        snprintf(out, cap, "%s %s", a, vlm_docgen_one_of(r, &vlm_docgen_shops));
        break;
    }
}

void vlm_docgen_street(const struct vlm_docgen_writer *w, char *out, size_t cap)
{
    static const char *const ways[] = {"Street", "St",  "Road",   "Rd",   "Ave",
                                       "Lane",   "Way", "Square", "Blvd", "Drive"};
    struct vlm_rng *r = w->r;
    char a[16];
    int n = 1 + pick(r, chance(r, 0.7) ? 99 : 999);
    if (chance(r, w->invent))
        vlm_docgen_invent(r, a, 9);
    else
        snprintf(a, sizeof a, "%s",
                 vlm_docgen_one_of(r, chance(r, 0.5) ? &vlm_docgen_surnames : &vlm_docgen_nouns));
    if (w->language == 1)
        snprintf(out, cap, "%d rue %s", n, a);
    else if (w->language == 2)
        snprintf(out, cap, "%s%s %d", a, chance(r, 0.5) ? "weg" : "str.", n);
    else if (w->language == 3)
        snprintf(out, cap, "Calle %s %d", a, n);
    else
        snprintf(out, cap, "%d %s %s", n, a, ways[pick(r, 10)]);
}

void vlm_docgen_town(const struct vlm_docgen_writer *w, char *out, size_t cap)
{
    struct vlm_rng *r = w->r;
    char a[16], code[12];
    if (chance(r, w->invent))
        vlm_docgen_invent(r, a, 9);
    else
        snprintf(a, sizeof a, "%s", vlm_docgen_one_of(r, &vlm_docgen_towns));
    if (w->language != 0 || chance(r, 0.3)) {
        vlm_docgen_digits(r, code, "#####");
        snprintf(out, cap, "%s %s", code, a);
    } else if (chance(r, 0.5)) {
        vlm_docgen_digits(r, code, "@@ #####");
        snprintf(out, cap, "%s, %s", a, code);
    } else {
        vlm_docgen_digits(r, code, chance(r, 0.5) ? "@@# #@@" : "@## #@@");
        snprintf(out, cap, "%s %s", a, code);
    }
}

void vlm_docgen_phone(const struct vlm_docgen_writer *w, char *out, size_t cap)
{
    static const char *const shapes[] = {"###-####",       "(###) ###-####", "### ### ####",
                                         "+## ### ######", "0## #### ####",  "+1 ### ### ####",
                                         "0####/######",   "###.###.####"};
    char t[24];
    vlm_docgen_digits(w->r, t, shapes[pick(w->r, 8)]);
    snprintf(out, cap, "%s", t);
}

static void write_measure(struct vlm_rng *r, char *out, size_t cap, bool weight)
{
    static const char *const weights[] = {"g", "kg", "g", "kg", "oz", "lb", "mg"};
    static const char *const units[] = {"ml",   "l",  "cl",  "cm",    "mm",    "m",
                                        "V",    "W",  "C",   "km/h",  "%",     "%",
                                        "kcal", "kJ", "bar", "fl oz", "years", "in"};
    const char *unit = weight ? weights[pick(r, 7)] : units[pick(r, 18)];
    const char *gap = chance(r, 0.7) ? " " : "";
    if (chance(r, 0.4))
        snprintf(out, cap, "%d.%d%s%s", pick(r, 30), pick(r, 10), gap, unit);
    else
        snprintf(out, cap, "%d%s%s", chance(r, 0.5) ? 5 * (1 + pick(r, 199)) : 1 + pick(r, 999),
                 gap, unit);
}

static void write_size(struct vlm_rng *r, char *out, size_t cap)
{
    static const char *const sizes[] = {"XS",  "S",     "M",      "L",    "XL",
                                        "XXL", "small", "medium", "large"};
    if (chance(r, 0.5))
        snprintf(out, cap, "%s", sizes[pick(r, 9)]);
    else if (chance(r, 0.5))
        snprintf(out, cap, "%d", 20 + pick(r, 40));
    else
        snprintf(out, cap, "%d x %d cm", 1 + pick(r, 99), 1 + pick(r, 99));
}

static void write_small(const struct vlm_docgen_writer *w, char *out, size_t cap,
                        enum vlm_docgen_class cls)
{
    struct vlm_rng *r = w->r;
    if ((cls == CLASS_PLACE || cls == CLASS_SEAT || cls == CLASS_GATE) && chance(r, 0.7))
        snprintf(out, cap, "%c%s%d", 'A' + pick(r, 26), chance(r, 0.3) ? "-" : "", 1 + pick(r, 99));
    else if (cls == CLASS_TIME)
        vlm_docgen_time(w, out, cap);
    else if (cls == CLASS_COUNT && chance(r, 0.3))
        snprintf(out, cap, "%d %s", 1 + pick(r, 99), pick(r, 2) ? "pcs" : "x");
    else
        snprintf(out, cap, "%d", 1 + pick(r, chance(r, 0.8) ? 99 : 9999));
}

static void write_contact(const struct vlm_docgen_writer *w, char *out, size_t cap,
                          enum vlm_docgen_class cls)
{
    static const char *const ends[] = {"com", "org", "net", "de", "fr", "es", "co.uk", "io"};
    struct vlm_rng *r = w->r;
    char a[16], b[16];
    vlm_docgen_invent(r, b, 7);
    if (chance(r, 0.5))
        vlm_docgen_invent(r, a, 6);
    else
        snprintf(a, sizeof a, "%s", vlm_docgen_one_of(r, &vlm_docgen_names));
    vlm_docgen_case(a, 2);
    vlm_docgen_case(b, 2);
    if (cls == CLASS_EMAIL)
        snprintf(out, cap, "%s@%s.%s", a, b, ends[pick(r, 8)]);
    else
        snprintf(out, cap, "%s%s.%s", chance(r, 0.6) ? "www." : "", b, ends[pick(r, 8)]);
}

static void write_words(const struct vlm_docgen_writer *w, char *out, size_t cap,
                        enum vlm_docgen_class cls)
{
    struct vlm_rng *r = w->r;
    const struct vlm_docgen_list *list = cls == CLASS_ORIGIN    ? &vlm_docgen_countries
                                         : cls == CLASS_COLOUR  ? &vlm_docgen_colours
                                         : cls == CLASS_TOWN    ? &vlm_docgen_towns
                                         : cls == CLASS_JOB     ? &vlm_docgen_jobs
                                         : cls == CLASS_PAYMENT ? &vlm_docgen_payments
                                                                : &vlm_docgen_others;
    if (w->o->random_strings >= 1 || (cls == CLASS_TOWN && chance(r, w->invent)))
        vlm_docgen_invent(r, out, 9);
    else
        snprintf(out, cap, "%s", vlm_docgen_one_of(r, list));
    if ((cls == CLASS_COLOUR || cls == CLASS_WORD) && chance(r, 0.5))
        out[0] = upper(out[0]);
}

void vlm_docgen_value(const struct vlm_docgen_writer *w, char *out, size_t cap,
                      enum vlm_docgen_class cls)
{
    struct vlm_rng *r = w->r;
    switch (cls) {
    case CLASS_PRICE:
    case CLASS_MONEY:
    case CLASS_TOTAL:
    case CLASS_SUBTOTAL:
    case CLASS_TAX:
    case CLASS_PAID:
    case CLASS_CHANGE:
        vlm_docgen_money(w, out, cap, vlm_docgen_cents(r), true);
        return;
    case CLASS_WEIGHT:
    case CLASS_MEASURE:
        write_measure(r, out, cap, cls == CLASS_WEIGHT);
        return;
    case CLASS_EXPIRY:
    case CLASS_DATE:
    case CLASS_DUE:
        vlm_docgen_date(w, out, cap);
        return;
    case CLASS_SIZE:
        write_size(r, out, cap);
        return;
    case CLASS_PERSON:
    case CLASS_SENDER:
    case CLASS_RECIPIENT:
        vlm_docgen_person(w, out, cap);
        return;
    case CLASS_MERCHANT:
        vlm_docgen_company(w, out, cap);
        return;
    case CLASS_PRODUCT:
        vlm_docgen_product(w, out, cap);
        return;
    case CLASS_EMAIL:
    case CLASS_WEB:
        write_contact(w, out, cap, cls);
        return;
    case CLASS_PHONE:
        vlm_docgen_phone(w, out, cap);
        return;
    case CLASS_ADDRESS:
        vlm_docgen_street(w, out, cap);
        return;
    case CLASS_CODE:
    case CLASS_NUMBER:
    case CLASS_RANDOM:
        vlm_docgen_string(r, out, 10);
        return;
    case CLASS_ORIGIN:
    case CLASS_COLOUR:
    case CLASS_TOWN:
    case CLASS_JOB:
    case CLASS_PAYMENT:
    case CLASS_WORD:
        write_words(w, out, cap, cls);
        return;
    default:
        write_small(w, out, cap, cls);
        return;
    }
}

void vlm_docgen_value_in(struct vlm_docgen_writer *w, char *out, size_t cap,
                         enum vlm_docgen_class cls, int room)
{
    for (int tries = 0; tries < 8; tries++) {
        vlm_docgen_value(w, out, cap, cls);
        if ((int)vlm_docgen_chars(out) <= room)
            return;
        if (w->date == 3 || w->date == 4) /* the long ways of writing dates */
            w->date = pick(w->r, 3);
    }
    vlm_docgen_string(w->r, out, room < 4 ? 4 : room);
    vlm_docgen_cut(out, room);
}

enum vlm_docgen_class vlm_docgen_key(const struct vlm_docgen_writer *w, char *key, size_t cap)
{
    if (w->o->random_strings >= 1 || chance(w->r, w->invent)) {
        if (chance(w->r, 0.75))
            vlm_docgen_invent(w->r, key, 9);
        else
            vlm_docgen_string(w->r, key, 6);
        return CLASS_RANDOM;
    }
    const struct vlm_docgen_key *k =
        &vlm_docgen_keys[vlm_rng_below(w->r, (uint32_t)vlm_docgen_n_keys)];
    snprintf(key, cap, "%s", k->key);
    return k->cls;
}
