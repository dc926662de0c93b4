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

    switch (c) {
    case 'Y':
        snprintf(out, 64, "%d", year);
        break;
    case 'y':
        snprintf(out, 64, "%02d", year % 100);
        break;
    case 'm':
        snprintf(out, 64, "%02d", d->month);
        break;
    case 'd':
        snprintf(out, 64, "%02d", d->day);
        break;
    case 'e':
        snprintf(out, 64, "%2d", d->day);
        break;
    case 'H':
        snprintf(out, 64, "%02d", d->hour);
        break;
    case 'I':
        snprintf(out, 64, "%02d", hour12);
        break;
    case 'M':
        snprintf(out, 64, "%02d", d->minute);
        break;
    case 'S':
        snprintf(out, 64, "%02d", d->second);
        break;
    case 'j':
        snprintf(out, 64, "%03d", d->yearday);
        break;
    case 'f':
        snprintf(out, 64, "000000");
        break;
    case 'p':
        snprintf(out, 64, "%s", d->hour < 12 ? "AM" : "PM");
        break;
    case 'A':
        snprintf(out, 64, "%s", day);
        break;
    case 'a':
        snprintf(out, 64, "%.3s", day);
        break;
    case 'B':
        snprintf(out, 64, "%s", month);
        break;
    case 'b':
    case 'h':
        snprintf(out, 64, "%.3s", month);
        break;
    case 'F':
        snprintf(out, 64, "%d-%02d-%02d", year, d->month, d->day);
        break;
    case 'T':
    case 'X':
        snprintf(out, 64, "%02d:%02d:%02d", d->hour, d->minute, d->second);
        break;
    case 'R':
        snprintf(out, 64, "%02d:%02d", d->hour, d->minute);
        break;
    case 'D':
    case 'x':
        snprintf(out, 64, "%02d/%02d/%02d", d->month, d->day, year % 100);
        break;
    case 'c':
        snprintf(out, 64, "%.3s %.3s %2d %02d:%02d:%02d %d", day, month, d->day, d->hour, d->minute,
                 d->second, year);
        break;
    case 'w':
        snprintf(out, 64, "%d", d->weekday);
        break;
    case 'u':
        snprintf(out, 64, "%d", d->weekday ? d->weekday : 7);
        break;
    case 's':
        snprintf(out, 64, "%lld", (long long)now);
        break;
    case 'n':
        return "\n";
    case 't':
        return "\t";
    case '%':
        return "%";
    case 'Z':
    case 'z':
        return ""; /* a time without a zone */
    default:
        return NULL;
    }
    return out;
}

static bool global_strftime(struct vlm_run *r, const struct vlm_value *self,
                            const struct vlm_args *args, struct vlm_value *out)
{
    struct date d = civil(r->now);
    struct vlm_value slot[1];
    struct vlm_text t = {0};
    const struct vlm_str *s;
    char text[64];

    (void)self;
    if (!vlm_args_bind(r, "strftime_now", args, "format", 1, slot))
        return false;
    if (slot[0].kind != VLM_V_STRING)
        return vlm_run_fail(r, VLM_ERR_FORMAT, "strftime_now needs a string, not '%s'",
                            vlm_v_type(&slot[0]));
    s = slot[0].u.s;
    for (size_t i = 0; i < s->n; i++) {
        bool user = s->mask ? s->mask[i] : s->user;
        const char *part;
        size_t skip = 1;
        if (s->p[i] != '%' || i + 1 == s->n) {
            if (!vlm_text_append(r, &t, s->p + i, 1, user))
                return false;
            continue;
        }
        skip += s->p[i + 1] == '-' && i + 2 < s->n; /* glibc's "without padding" */
        part = date_part(text, &d, r->now, s->p[i + skip]);
        if (!part)
            return vlm_run_fail(r, VLM_ERR_UNSUPPORTED,
                                "strftime_now: a format that is not understood");
        while (skip == 2 && (*part == '0' || *part == ' ') && part[1])
            part++;
        if (!vlm_text_append(r, &t, part, strlen(part), user))
            return false;
        i += skip;
    }
    return vlm_text_finish(r, &t, out);
}

const struct vlm_builtin vlm_globals[] = {
    {"range", global_range},           {"dict", global_dict},
    {"namespace", global_namespace},   {"raise_exception", global_raise},
    {"strftime_now", global_strftime}, {NULL, NULL},
};
