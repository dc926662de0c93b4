/* globals.c: the functions every template has, and the binding of arguments to parameters. */
#include <stdio.h>
#include <string.h>

#include "prompt/jinja.h"

const struct vlm_builtin *vlm_builtin_find(const struct vlm_builtin *table, const char *name,
                                           size_t n)
{
    for (; table->name; table++) {
        if (strlen(table->name) == n && memcmp(table->name, name, n) == 0)
            return table;
    }
    return NULL;
}

bool vlm_args_bind(struct vlm_run *r, const char *what, const struct vlm_args *args,
                   const char *names, size_t n_required, struct vlm_value *slots)
{
    size_t n = 0, used = 0;

    for (const char *p = names; *p; n++) {
        size_t len = strcspn(p, " ");
        struct vlm_value v = vlm_v_of(VLM_V_MISSING);
        if (n < args->n_pos)
            v = args->pos[n];
        for (size_t i = 0; i < args->n_named; i++) {
            const struct vlm_str *k = args->named[i].key.u.s;
            if (k->n != len || memcmp(k->p, p, len) != 0)
                continue;
            if (v.kind != VLM_V_MISSING)
                return vlm_run_fail(r, VLM_ERR_FORMAT, "%s: argument '%.*s' is given twice", what,
                                    (int)len, p);
            v = args->named[i].value;
            used++;
        }
        if (v.kind == VLM_V_MISSING && n < n_required)
            return vlm_run_fail(r, VLM_ERR_FORMAT, "%s: argument '%.*s' is missing", what, (int)len,
                                p);
        slots[n] = v;
        p += len;
        p += *p == ' ';
    }
    if (args->n_pos > n)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "%s takes at most %zu arguments, %zu are given",
                            what, n, args->n_pos);
    if (used != args->n_named)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "%s: a keyword argument that is not known", what);
    return true;
}

static bool global_range(struct vlm_run *r, const struct vlm_value *self,
                         const struct vlm_args *args, struct vlm_value *out)
{
    int64_t v[3] = {0, 0, 1}, span;
    struct vlm_range *g;

    (void)self;
    if (args->n_pos < 1 || args->n_pos > 3 || args->n_named)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "range takes 1 to 3 arguments");
    for (size_t i = 0; i < args->n_pos; i++) {
        if (args->pos[i].kind == VLM_V_UNDEFINED)
            return vlm_eval_undefined(r, &args->pos[i]);
        if (!vlm_v_is_int(&args->pos[i]))
            return vlm_run_fail(r, VLM_ERR_FORMAT, "range: '%s' is no integer",
                                vlm_v_type(&args->pos[i]));
        v[args->n_pos == 1 ? 1 : i] = vlm_v_integer(&args->pos[i]);
    }
    if (v[2] == 0)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "range: the step is zero");
    if (__builtin_sub_overflow(v[1], v[0], &span) || v[2] == INT64_MIN)
        return vlm_run_fail(r, VLM_ERR_LIMIT, "the range is too big");
    g = vlm_run_alloc(r, 1, sizeof *g);
    if (!g)
        return false;
    g->start = v[0];
    g->stop = v[1];
    g->step = v[2];
    if (v[2] > 0)
        g->n = span > 0 ? (span - 1) / v[2] + 1 : 0;
    else
        g->n = span < 0 ? (-(span + 1)) / -v[2] + 1 : 0;
    if (g->n > 100000) /* jinja2's MAX_RANGE */
        return vlm_run_fail(r, VLM_ERR_LIMIT, "a range of more than 100000 items is made");
    *out = vlm_v_of(VLM_V_RANGE);
    out->u.range = g;
    return true;
}

/* dict(...) and namespace(...): one mapping or list of pairs, then keywords. */
static bool make_dict(struct vlm_run *r, const struct vlm_args *args, enum vlm_value_kind kind,
                      struct vlm_value *out)
{
    struct vlm_iter it;
    struct vlm_value d, pair, list;
    int more = 0;

    if (args->n_pos > 1)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "dict takes at most one argument");
    if (!vlm_v_dict(r, &d, kind, 0))
        return false;
    if (args->n_pos && args->pos[0].kind == VLM_V_DICT) {
        const struct vlm_dict *from = args->pos[0].u.dict;
        for (size_t i = 0; i < from->n; i++) {
            if (!vlm_v_put(r, &d, from->pairs[i].key, from->pairs[i].value))
                return false;
        }
    } else if (args->n_pos) {
        if (!vlm_iter_init(r, &it, &args->pos[0]))
            return false;
        while ((more = vlm_iter_next(r, &it, &pair)) > 0) {
            if (!vlm_v_to_list(r, &list, &pair))
                return false;
            if (list.u.seq->n != 2)
                return vlm_run_fail(r, VLM_ERR_FORMAT, "dict: an item is no pair");
            if (!vlm_v_put(r, &d, list.u.seq->items[0], list.u.seq->items[1]))
                return false;
        }
    }
    for (size_t i = 0; more >= 0 && i < args->n_named; i++) {
        if (!vlm_v_put(r, &d, args->named[i].key, args->named[i].value))
            return false;
    }
    *out = d;
    return more >= 0;
}

static bool global_dict(struct vlm_run *r, const struct vlm_value *self,
                        const struct vlm_args *args, struct vlm_value *out)
{
    (void)self;
    return make_dict(r, args, VLM_V_DICT, out);
}

static bool global_namespace(struct vlm_run *r, const struct vlm_value *self,
                             const struct vlm_args *args, struct vlm_value *out)
{
    (void)self;
    if (!make_dict(r, args, VLM_V_NAMESPACE, out))
        return false;
    for (size_t i = 0; i < out->u.dict->n; i++) {
        const struct vlm_value *k = &out->u.dict->pairs[i].key;
        if (k->kind == VLM_V_STRING && k->u.s->n && k->u.s->p[0] == '_')
            return vlm_run_fail(r, VLM_ERR_FORMAT,
                                "a namespace cannot hold a name that begins with _");
    }
    return true;
}

static bool global_raise(struct vlm_run *r, const struct vlm_value *self,
                         const struct vlm_args *args, struct vlm_value *out)
{
    struct vlm_value slot[1], text;
    struct vlm_quoted q;
    char line[200];
    size_t at = 0;

    (void)self;
    (void)out;
    if (!vlm_args_bind(r, "raise_exception", args, "message", 1, slot) ||
        !vlm_v_to_string(r, &text, &slot[0]))
        return false;
    /* quoted in pieces, so that more than the first 60 bytes can be read */
    for (size_t i = 0; i < text.u.s->n && at < sizeof line - 1;) {
        size_t n = text.u.s->n - i < 12 ? text.u.s->n - i : 12;
        while (n > 1 && i + n < text.u.s->n && ((unsigned char)text.u.s->p[i + n] & 0xC0) == 0x80)
            n--;
        int k = snprintf(line + at, sizeof line - at, "%s", vlm_base_quote(&q, text.u.s->p + i, n));
        at += k > 0 ? (size_t)k : 0;
        i += n;
    }
    return vlm_run_fail(r, VLM_ERR_FORMAT, "the template refuses: %s", at ? line : "(no reason)");
}

/* ---- strftime_now
 * -------------------------------------------------------------------------------- */

struct date {
    int64_t year;
    int month, day, hour, minute, second, weekday,
        yearday; /* month from 1, weekday from Sunday 0 */
};

/* The civil date of seconds since 1970, proleptic Gregorian (H. Hinnant, "chrono-compatible
 * low-level date algorithms"). */
static struct date civil(int64_t seconds)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    struct date d;
    int64_t days = (seconds - ((seconds % 86400) + 86400) % 86400) / 86400,
            rest = seconds - days * 86400;
    int64_t z = days + 719468, era = (z - (z < 0 ? 146096 : 0)) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
            doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (int)((5 * doy + 2) / 153);
    bool leap;

    d.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    d.month = mp < 10 ? mp + 3 : mp - 9;
    d.year = yoe + era * 400 + (d.month <= 2);
    d.hour = (int)(rest / 3600);
    d.minute = (int)(rest / 60 % 60);
    d.second = (int)(rest % 60);
    d.weekday = (int)(((days + 4) % 7 + 7) % 7);
    leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;
    d.yearday = before[d.month - 1] + d.day + (leap && d.month > 2);
    return d;
}

/* One conversion as in the C locale; NULL when it is not known. */
static const char *date_part(char out[64], const struct date *d, int64_t now, char c)
{
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    int hour12 = d->hour % 12 ? d->hour % 12 : 12, year = (int)(d->year % 10000);
    const char *day = days[d->weekday], *month = months[d->month - 1];
    const struct {
        char c, format[6];
        int value;
    } numbers[] = {
        {'Y', "%d", year},
        {'y', "%02d", year % 100},
        {'m', "%02d", d->month},
        {'d', "%02d", d->day},
        {'e', "%2d", d->day},
        {'H', "%02d", d->hour},
        {'I', "%02d", hour12},
        {'M', "%02d", d->minute},
        {'S', "%02d", d->second},
        {'j', "%03d", d->yearday},
        {'f', "%06d", 0},
        {'w', "%d", d->weekday},
        {'u', "%d", d->weekday ? d->weekday : 7},
    };
    const struct {
        char c;
        const char *text;
        int length;
    } names[] = {
        {'A', day, 9},   {'a', day, 3},   {'B', month, 9},
        {'b', month, 3}, {'h', month, 3}, {'p', d->hour < 12 ? "AM" : "PM", 2},
        {'n', "\n", 1},  {'t', "\t", 1},  {'%', "%", 1},
        {'Z', "", 0},    {'z', "", 0}, /* a time without a zone */
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].c == c) {
            snprintf(out, 64, numbers[i].format, numbers[i].value);
            return out;
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].c == c) {
            snprintf(out, 64, "%.*s", names[i].length, names[i].text);
            return out;
        }
    }
    if (c != 's')
        return NULL;
    snprintf(out, 64, "%lld", (long long)now);
    return out;
}

/* Conversions that stand for several. */
static const char *date_composite(char c)
{
    static const struct {
        char c;
        const char *format;
    } table[] = {
        {'F', "%Y-%m-%d"},
        {'T', "%H:%M:%S"},
        {'X', "%H:%M:%S"},
        {'R', "%H:%M"},
        {'D', "%m/%d/%y"},
        {'x', "%m/%d/%y"},
        {'c', "%a %b %e %H:%M:%S %Y"},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].c == c)
            return table[i].format;
    }
    return NULL;
}

static bool put_date(struct vlm_run *r, struct vlm_text *t, const struct date *d,
                     const struct vlm_str *s)
{
    char text[64];

    for (size_t i = 0; i < s->n; i++) {
        bool user = s->mask ? s->mask[i] : s->user;
        const char *part;
        size_t skip = 1;
        if (s->p[i] != '%' || i + 1 == s->n) {
            if (!vlm_text_append(r, t, s->p + i, 1, user))
                return false;
            continue;
        }
        skip += s->p[i + 1] == '-' && i + 2 < s->n; /* glibc's "without padding" */
        part = date_composite(s->p[i + skip]);
        if (part) { /* one level: none of these holds another */
            struct vlm_str inner = {part, strlen(part), NULL, user, false};
            if (!put_date(r, t, d, &inner))
                return false;
            i += skip;
            continue;
        }
        part = date_part(text, d, r->now, s->p[i + skip]);
        if (!part)
            return vlm_run_fail(r, VLM_ERR_UNSUPPORTED,
                                "strftime_now: a format that is not understood");
        while (skip == 2 && (*part == '0' || *part == ' ') && part[1])
            part++;
        if (!vlm_text_append(r, t, part, strlen(part), user))
            return false;
        i += skip;
    }
    return true;
}

static bool global_strftime(struct vlm_run *r, const struct vlm_value *self,
                            const struct vlm_args *args, struct vlm_value *out)
{
    struct date d = civil(r->now);
    struct vlm_value slot[1];
    struct vlm_text t = {0};

    (void)self;
    if (!vlm_args_bind(r, "strftime_now", args, "format", 1, slot))
        return false;
    if (slot[0].kind != VLM_V_STRING)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "strftime_now needs a string, not '%s'",
                            vlm_v_type(&slot[0]));
    return put_date(r, &t, &d, slot[0].u.s) && vlm_text_finish(r, &t, out);
}

const struct vlm_builtin vlm_globals[] = {
    {"range", global_range},           {"dict", global_dict},
    {"namespace", global_namespace},   {"raise_exception", global_raise},
    {"strftime_now", global_strftime}, {NULL, NULL},
};
