/* schema_value.c: strings and numbers of a schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "constrain/schema.h"

/* ---- strings ---- */

static const struct vlm_range json_plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};

/* One character of a string, in any of its spellings. */
static uint32_t build_char(struct vlm_schema *c, uint32_t next)
{
    struct vlm_grammar_builder *b = &c->b;
    struct vlm_byte_set hex = {{0}}, low = {{0}}, names = {{0}}, no_d = {{0}}, d = {{0}};
    for (const char *p = "0123456789abcdefABCDEF"; *p; p++) {
        hex.bits[*p / 64] |= UINT64_C(1) << *p % 64;
        struct vlm_byte_set *s = (*p | 32) == 'd' ? &d : &no_d;
        s->bits[*p / 64] |= UINT64_C(1) << *p % 64;
        if (*p <= '7')
            low.bits[*p / 64] |= UINT64_C(1) << *p % 64;
    }
    for (const char *p = "\"\\/bfnrt"; *p; p++)
        names.bits[*p / 64] |= UINT64_C(1) << *p % 64;
    uint32_t h1 = vlm_build_set(b, &hex, next), h2 = vlm_build_set(b, &hex, h1);
    uint32_t u = vlm_build_either(b, vlm_build_set(b, &no_d, vlm_build_set(b, &hex, h2)),
                                  vlm_build_set(b, &d, vlm_build_set(b, &low, h2)));
    u = vlm_build_either(b, vlm_build_set(b, &names, next), vlm_schema_text(c, "u", u));
    return vlm_build_either(b, vlm_build_chars(b, json_plain, 3, false, next),
                            vlm_schema_text(c, "\\", u));
}

/* The same as a rule, so that a length of a thousand is a thousand calls. */
static uint32_t call_char(void *ctx, uint32_t next)
{
    struct vlm_schema *c = ctx;
    if (!c->char_rule)
        c->char_rule = build_char(c, vlm_build_node(&c->b, VLM_NODE_RETURN, 0, 0));
    return vlm_build_node(&c->b, VLM_NODE_CALL, c->char_rule, next);
}

/* A subset of each; NULL: not known.  The empty pattern of password is no restriction. */
static const char *format_pattern(const char *format)
{
#define YEAR "[1-9][0-9]{3}"
#define DATE                                                                                       \
    YEAR "-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
#define TIME                                                                                       \
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]" \
    ")"
#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?"
#define HOST LABEL "(\\." LABEL "){0,4}"
#define EMAIL "[A-Za-z0-9_+-]{1,30}(\\.[A-Za-z0-9_+-]{1,20}){0,3}@" LABEL "(\\." LABEL "){1,3}"
#define PATH "(/[A-Za-z0-9._~-]{0,60}){0,8}"
#define URI "https?://" LABEL "(\\." LABEL "){1,4}" PATH
#define BASE64 "[A-Za-z0-9+/]"
    static const char *const table[][2] = {
        {"date", DATE},
        {"time", TIME},
        {"date-time", DATE "T" TIME},
        {"duration", "P([1-9][0-9]{0,3}[YMWD]|T[1-9][0-9]{0,3}[HMS])"},
        {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
        {"ipv4", OCTET "\\." OCTET "\\." OCTET "\\." OCTET},
        {"ipv6", "[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}"},
        {"email", EMAIL},
        {"idn-email", EMAIL},
        {"hostname", HOST},
        {"idn-hostname", HOST},
        {"uri", URI},
        {"iri", URI},
        {"uri-reference", URI "|" PATH},
        {"iri-reference", URI "|" PATH},
        {"json-pointer", "(/[A-Za-z0-9_-]{1,20}){0,8}"},
        {"byte", "(" BASE64 "{4})*(" BASE64 "[AQgw]==|" BASE64 "{2}[AEIMQUYcgkosw048]=)?"},
        {"password", ""}};
    for (size_t i = 0; format && i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i][0], format) == 0)
            return table[i][1];
    return NULL;
}

static const char *string_of(json_t *schema, const char *name)
{
    return json_string_value(json_object_get(schema, name));
}

uint32_t vlm_schema_string(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    static const char *const keys[] = {"type", "minLength", "maxLength", "pattern", "format", NULL};
    if (!vlm_schema_only(c, schema, keys))
        return 0;
    const char *pattern = string_of(schema, "pattern"), *format = string_of(schema, "format");
    struct vlm_regex_use use = {.as_json = true,
                                .search = pattern != NULL,
                                .min = vlm_schema_count(c, schema, "minLength", 0, false),
                                .max = vlm_schema_count(c, schema, "maxLength", SIZE_MAX, true)};
    if (json_object_get(schema, "format") && !format_pattern(format))
        return vlm_schema_refuse(c, "format not supported", format ? format : "(no string)");
    if (json_object_get(schema, "pattern") && !pattern)
        return vlm_schema_refuse(c, "expected a regular expression for", "pattern");
    if (format && format_pattern(format)[0] == 0)
        format = NULL;
    if (pattern && format)
        return vlm_schema_refuse(c, "pattern beside", "format");
    if (use.max < use.min)
        return vlm_schema_refuse(c, "expected minLength at most", "maxLength");
    next = vlm_schema_text(c, "\"", next);
    if (format)
        pattern = format_pattern(format);
    next = pattern ? vlm_build_regex(&c->b, pattern, strlen(pattern), &use, next)
                   : vlm_build_repeat(&c->b, call_char, c, use.min, use.max, next);
    return vlm_schema_text(c, "\"", next);
}

/* ---- numbers ---- */

enum { TEXT = 48 };

/* x as a decimal without exponent, of at most 15 digits; false when it is none. */
static bool decimal(char out[TEXT], const json_t *v)
{
    if (json_is_integer(v)) {
        snprintf(out, TEXT, "%lld", (long long)json_integer_value(v));
        return true;
    }
    double x = json_number_value(v);
    snprintf(out, TEXT, "%.15g", x);
    if (strpbrk(out, "eE")) /* small: 1e-06 */
        snprintf(out, TEXT, "%.15f", x);
    if (!json_is_real(v) || strtod(out, NULL) != x || strpbrk(out, "einEIN"))
        return false;
    for (char *p = out; *p; p++)
        if (*p != '-' && (*p < '0' || *p > '9'))
            *p = '.'; /* whatever the locale writes */
    return true;
}

/* A bound as decimal text; NULL when absent, or when it lies beyond all numbers that are written.
 */
static const char *bound(struct vlm_schema *c, char out[TEXT], json_t *schema, const char *key,
                         bool upper)
{
    json_t *v = json_object_get(schema, key);
    if (!v)
        return NULL;
    double x = json_number_value(v);
    if (json_is_number(v) && (upper ? x >= 1e15 : x <= -1e15))
        return NULL;
    if (!json_is_number(v) || x >= 1e15 || x <= -1e15 || !decimal(out, v)) {
        vlm_schema_refuse(c, "expected a decimal number of at most 15 digits for", key);
        return NULL;
    }
    return out;
}

static unsigned long common_divisor(unsigned long x, unsigned long y)
{
    while (y) {
        unsigned long z = x % y;
        x = y;
        y = z;
    }
    return x;
}

/* multipleOf as bounds->step * 10^-places. */
static bool read_multiple(struct vlm_schema *c, struct vlm_bounds *bounds, const json_t *v,
                          bool integer)
{
    char text[TEXT];
    unsigned long step = 0, whole = 1;
    unsigned places = 0;
    bool good = json_is_number(v) && json_number_value(v) > 0 && decimal(text, v);
    if (good) {
        char *point = strchr(text, '.');
        if (point) {
            size_t n = strlen(text);
            while (text[n - 1] == '0')
                text[--n] = 0;
            places = (unsigned)strlen(point + 1);
            memmove(point, point + 1, strlen(point + 1) + 1);
        }
        step = strlen(text) < 16 ? strtoul(text, NULL, 10) : 0;
        for (; integer && places > 0; places--)
            whole *= 10; /* whole multiples of step / whole are those of step / their divisor */
        step /= step ? common_divisor(step, whole) : 1;
    }
    if (!good || step < 1 || step > 1000)
        return vlm_schema_refuse(c, "expected 0.00... to 1000 with at most 3 digits for",
                                 "multipleOf");
    bounds->step = (unsigned)step;
    bounds->places = places;
    return true;
}

/* OpenAPI's: int64 and double hold every number that is written. */
static void number_format(struct vlm_schema *c, json_t *schema, const char **lo, const char **hi)
{
    json_t *format = json_object_get(schema, "format");
    const char *name = json_string_value(format);
    if (!format ||
        (name && (!strcmp(name, "int64") || !strcmp(name, "double") || !strcmp(name, "float"))))
        return;
    if (!name || strcmp(name, "int32") != 0) {
        vlm_schema_refuse(c, "format not supported", name ? name : "(no string)");
        return;
    }
    *lo = "-2147483648";
    *hi = "2147483647";
}

uint32_t vlm_schema_number(struct vlm_schema *c, json_t *schema, bool integer, uint32_t next)
{
    static const char *const keys[] = {
        "type",       "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "format",  NULL};
    static const char *const limits[] = {"minimum", "exclusiveMinimum", "maximum",
                                         "exclusiveMaximum"};
    struct vlm_bounds bounds = {.places = integer ? 0 : VLM_NUMBER_DIGITS, .step = 1};
    char text[4][TEXT];
    const char *at[4], *lo = NULL, *hi = NULL;
    if (!vlm_schema_only(c, schema, keys))
        return 0;
    number_format(c, schema, &lo, &hi);
    for (int i = 0; i < 4; i++)
        at[i] = bound(c, text[i], schema, limits[i], i >= 2);
    json_t *multiple = json_object_get(schema, "multipleOf");
    if (multiple && !read_multiple(c, &bounds, multiple, integer))
        return 0;
    if (c->b.rc < 0)
        return 0;
    /* both kinds of a bound: the tighter one counts */
    double x[4];
    for (int i = 0; i < 4; i++)
        x[i] = json_number_value(json_object_get(schema, limits[i]));
    bounds.excl_lo = at[1] && (!at[0] || x[1] >= x[0]);
    bounds.excl_hi = at[3] && (!at[2] || x[3] <= x[2]);
    bounds.lo = bounds.excl_lo ? at[1] : at[0];
    bounds.hi = bounds.excl_hi ? at[3] : at[2];
    if (lo && (!bounds.lo || x[bounds.excl_lo] < -2147483648.0)) {
        bounds.lo = lo;
        bounds.excl_lo = false;
    }
    if (hi && (!bounds.hi || x[2 + bounds.excl_hi] > 2147483647.0)) {
        bounds.hi = hi;
        bounds.excl_hi = false;
    }
    uint32_t node = vlm_build_number(&c->b, &bounds, next);
    return c->b.rc == 0 && node == 0
               ? vlm_schema_refuse(c, "no number fulfils", "minimum, maximum, multipleOf")
               : node;
}
