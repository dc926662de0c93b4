/* schema.c: a JSON schema as a grammar of the JSON texts that it allows.
 *
 * The grammar never allows more than the schema.  It may allow less: properties stand in the
 * schema's order, none is added unless additionalProperties says so, white space is one optional
 * space, numbers have at most 15 digits on either side and no exponent.  A keyword that is not in
 * the table is an error that names it. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/limits.h"
#include "constrain/grammar.h"
#include "format/json.h"

struct rule {
    const json_t *schema; /* json_true(): any JSON value */
    uint32_t entry;
};

struct compiler {
    struct vlm_grammar_builder b;
    json_t *root;
    json_t *made; /* array: schemas put together here */
    struct rule *rules;
    size_t n_rules, cap_rules;
    uint32_t char_rule; /* 0: not built yet */
    unsigned depth;
    char path[160]; /* where in the schema, for messages */
    size_t n_path;
};

static uint32_t build(struct compiler *c, json_t *schema, uint32_t next);
static uint32_t build_any(struct compiler *c, uint32_t next);

/* ---- messages ---- */

static size_t enter(struct compiler *c, const char *name)
{
    size_t before = c->n_path;
    struct vlm_quoted q;
    int n = snprintf(c->path + c->n_path, sizeof c->path - c->n_path, "/%s",
                     vlm_base_quote(&q, name, strlen(name)));
    c->n_path +=
        (size_t)n < sizeof c->path - c->n_path ? (size_t)n : sizeof c->path - c->n_path - 1;
    return before;
}

static void leave(struct compiler *c, size_t before)
{
    c->n_path = before;
    c->path[before] = 0;
}

static uint32_t refuse(struct compiler *c, const char *what, const char *name)
{
    struct vlm_quoted q;
    if (c->b.rc == 0)
        c->b.rc = vlm_fail(c->b.err, VLM_ERR_UNSUPPORTED, "schema: at '%s': %s '%s'",
                           c->n_path ? c->path : "/", what, vlm_base_quote(&q, name, strlen(name)));
    return 0;
}

/* ---- looking at schemas ---- */

static const char *const annotations[] = {"$schema",     "$id",       "$comment", "$defs",
                                          "definitions", "$anchor",   "title",    "description",
                                          "default",     "examples",  "example",  "deprecated",
                                          "readOnly",    "writeOnly", NULL};

static bool listed(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* Every keyword of the schema is an annotation or in list. */
static bool only(struct compiler *c, json_t *schema, const char *const *list)
{
    const char *key;
    json_t *value;
    json_object_foreach(schema, key, value) if (!listed(annotations, key) && !listed(list, key))
    {
        refuse(c, "keyword not supported here", key);
        return false;
    }
    return true;
}

/* "#", "#/$defs/x", with ~0 ~1 unescaped; nothing outside the document. */
static json_t *resolve(struct compiler *c, const char *ref)
{
    json_t *at = c->root;
    if (ref[0] != '#' || (ref[1] && ref[1] != '/')) {
        refuse(c, "reference outside of the schema", ref);
        return NULL;
    }
    for (const char *p = ref + 1; *p == '/';) {
        char name[256];
        size_t n = 0;
        for (p++; *p && *p != '/' && n < sizeof name - 1; p++) {
            char x = *p;
            if (x == '~' && (p[1] == '0' || p[1] == '1'))
                x = *++p == '0' ? '~' : '/';
            name[n++] = x;
        }
        name[n] = 0;
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                               : json_object_get(at, name);
        if (!at || (*p && *p != '/')) {
            refuse(c, "reference to nothing", ref);
            return NULL;
        }
    }
    return at;
}

enum {
    T_NULL = 1,
    T_BOOL = 2,
    T_NUMBER = 4,
    T_STRING = 8,
    T_ARRAY = 16,
    T_OBJECT = 32,
    T_ALL = 63
};

static unsigned type_bit(const char *name)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    for (unsigned i = 0; i < 6; i++)
        if (strcmp(name, names[i]) == 0)
            return 1u << i;
    return strcmp(name, "integer") == 0 ? T_NUMBER : 0;
}

static unsigned value_bit(const json_t *v)
{
    return json_is_null(v)      ? T_NULL
           : json_is_boolean(v) ? T_BOOL
           : json_is_number(v)  ? T_NUMBER
           : json_is_string(v)  ? T_STRING
           : json_is_array(v)   ? T_ARRAY
                                : T_OBJECT;
}

static json_t *follow_refs(struct compiler *c, json_t *schema)
{
    for (int i = 0; i < 16 && json_is_object(schema); i++) {
        json_t *ref = json_object_get(schema, "$ref");
        if (!json_is_string(ref))
            return schema;
        schema = resolve(c, json_string_value(ref));
    }
    return schema;
}

/* The types that values of a schema can have, as bits. */
static unsigned types_of(json_t *schema)
{
    json_t *type = json_object_get(schema, "type"), *values = json_object_get(schema, "enum"), *v;
    unsigned bits = 0;
    size_t i;
    if (json_object_get(schema, "const"))
        return value_bit(json_object_get(schema, "const"));
    if (json_is_string(type))
        return type_bit(json_string_value(type));
    json_array_foreach(type, i, v) bits |= json_is_string(v) ? type_bit(json_string_value(v)) : 0;
    if (!bits)
        json_array_foreach(values, i, v) bits |= value_bit(v);
    return bits ? bits : T_ALL;
}

/* No value is in both lists (const counts as a list of one). */
static bool lists_differ(json_t *x, json_t *y)
{
    json_t *a = json_object_get(x, "enum"), *b = json_object_get(y, "enum");
    json_t *ca = json_object_get(x, "const"), *cb = json_object_get(y, "const");
    size_t na = ca ? 1 : json_array_size(a), nb = cb ? 1 : json_array_size(b);
    for (size_t i = 0; i < na; i++)
        for (size_t k = 0; k < nb; k++)
            if (json_equal(ca ? ca : json_array_get(a, i), cb ? cb : json_array_get(b, k)))
                return false;
    return na > 0 && nb > 0;
}

static bool requires_key(json_t *schema, const char *key)
{
    json_t *v;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i,
                       v) if (json_is_string(v) &&
                              strcmp(json_string_value(v), key) == 0) return true;
    return false;
}

/* No value fulfils both: then oneOf means anyOf. */
static bool disjoint(struct compiler *c, json_t *x, json_t *y)
{
    x = follow_refs(c, x);
    y = follow_refs(c, y);
    if (!json_is_object(x) || !json_is_object(y))
        return false;
    if (!(types_of(x) & types_of(y)) || lists_differ(x, y))
        return true;
    const char *key;
    json_t *px, *properties = json_object_get(x, "properties");
    json_object_foreach(properties, key, px)
    {
        json_t *py = json_object_get(json_object_get(y, "properties"), key);
        if (py && requires_key(x, key) && requires_key(y, key) &&
            lists_differ(follow_refs(c, px), follow_refs(c, py)))
            return true;
    }
    return false;
}

/* ---- small pieces ---- */

static uint32_t text(struct compiler *c, const char *s, uint32_t next)
{
    return vlm_build_bytes(&c->b, s, strlen(s), next);
}

static uint32_t space(struct compiler *c, uint32_t next)
{
    return vlm_build_either(&c->b, next, vlm_build_range(&c->b, ' ', ' ', next));
}

/* A count from the schema, or otherwise when it is absent. */
static size_t count(struct compiler *c, json_t *schema, const char *name, size_t otherwise)
{
    json_t *v = json_object_get(schema, name);
    if (!v)
        return otherwise;
    double x = json_is_number(v) ? json_number_value(v) : -1;
    if (x < 0 || x != (double)(uint64_t)x || x > (double)VLM_LIMIT_GRAMMAR_REPEATS) {
        refuse(c, "expected a whole number within the limit for", name);
        return otherwise;
    }
    return (size_t)x;
}

static const char *string_of(json_t *schema, const char *name)
{
    return json_string_value(json_object_get(schema, name));
}

/* ---- strings ---- */

static const struct vlm_range json_plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};

/* One character of a string, in any of its spellings. */
static uint32_t build_char(struct compiler *c, uint32_t next)
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
    u = vlm_build_either(b, vlm_build_set(b, &names, next), text(c, "u", u));
    return vlm_build_either(b, vlm_build_chars(b, json_plain, 3, false, next), text(c, "\\", u));
}

/* The same as a rule, so that a length of a thousand is a thousand calls. */
static uint32_t call_char(void *ctx, uint32_t next)
{
    struct compiler *c = ctx;
    if (!c->char_rule)
        c->char_rule = build_char(c, vlm_build_node(&c->b, VLM_NODE_RETURN, 0, 0));
    return vlm_build_node(&c->b, VLM_NODE_CALL, c->char_rule, next);
}

static const char *format_pattern(const char *format)
{
#define DATE "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
#define TIME                                                                                       \
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]" \
    ")"
#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    static const char *const table[][2] = {
        {"date", DATE},
        {"time", TIME},
        {"date-time", DATE "T" TIME},
        {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
        {"ipv4", OCTET "\\." OCTET "\\." OCTET "\\." OCTET},
        {"email", "[A-Za-z0-9_]([A-Za-z0-9._-]{0,30}[A-Za-z0-9_])?@[A-Za-z0-9]{1,30}(\\.[A-Za-z0-9]"
                  "{2,20}){1,3}"},
        {"uri",
         "https?://[A-Za-z0-9]{1,30}(\\.[A-Za-z0-9]{1,30}){1,4}(/[A-Za-z0-9._~-]{0,60}){0,8}"},
        {"hostname", "[A-Za-z0-9]{1,30}(\\.[A-Za-z0-9]{1,30}){0,4}"}};
    for (size_t i = 0; format && i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i][0], format) == 0)
            return table[i][1];
    return NULL;
}

static uint32_t build_string(struct compiler *c, json_t *schema, uint32_t next)
{
    static const char *const keys[] = {"type", "minLength", "maxLength", "pattern", "format", NULL};
    if (!only(c, schema, keys))
        return 0;
    const char *pattern = string_of(schema, "pattern"), *format = string_of(schema, "format");
    size_t min = count(c, schema, "minLength", 0), max = count(c, schema, "maxLength", SIZE_MAX);
    bool lengths = min > 0 || max != SIZE_MAX;
    if (pattern && format)
        return refuse(c, "pattern beside", "format");
    if ((pattern || format) && lengths)
        return refuse(c, "lengths beside", pattern ? "pattern" : "format");
    if (json_object_get(schema, "format") && !format_pattern(format))
        return refuse(c, "format not supported", format ? format : "(no string)");
    if (max < min)
        return refuse(c, "expected minLength at most", "maxLength");
    next = text(c, "\"", next);
    if (pattern)
        next = vlm_build_regex(&c->b, pattern, strlen(pattern), true, true, next);
    else if (format)
        next = vlm_build_regex(&c->b, format_pattern(format), strlen(format_pattern(format)), false,
                               true, next);
    else
        next = vlm_build_repeat(&c->b, call_char, c, min, max, next);
    return text(c, "\"", next);
}

/* ---- numbers ---- */

/* The bound as decimal text, or NULL when absent. */
static const char *bound(struct compiler *c, char out[48], json_t *v)
{
    if (!v)
        return NULL;
    if (json_is_integer(v)) {
        snprintf(out, 48, "%lld", (long long)json_integer_value(v));
        return out;
    }
    double x = json_number_value(v);
    snprintf(out, 48, "%.15g", x);
    if (!json_is_real(v) || strtod(out, NULL) != x || strpbrk(out, "einEIN"))
        refuse(c, "bound is not a decimal number of 15 digits:", out);
    return out;
}

static uint32_t build_number(struct compiler *c, json_t *schema, bool integer, uint32_t next)
{
    static const char *const keys[] = {
        "type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", NULL};
    char lo[48], hi[48], xlo[48], xhi[48];
    if (!only(c, schema, keys))
        return 0;
    json_t *multiple = json_object_get(schema, "multipleOf");
    const char *min = bound(c, lo, json_object_get(schema, "minimum"));
    const char *max = bound(c, hi, json_object_get(schema, "maximum"));
    const char *above = bound(c, xlo, json_object_get(schema, "exclusiveMinimum"));
    const char *below = bound(c, xhi, json_object_get(schema, "exclusiveMaximum"));
    if (c->b.rc < 0)
        return 0;
    if (multiple) {
        json_int_t m = json_integer_value(multiple);
        if (min || max || above || below)
            return refuse(c, "multipleOf beside", "a bound");
        if (!json_is_integer(multiple) || m < 1 || m > 1000)
            return refuse(c, "expected a whole number from 1 to 1000 for", "multipleOf");
        if (m > 1)
            return vlm_build_multiple(&c->b, (unsigned)m, next);
        integer = true;
    }
    /* both kinds of a bound: the tighter one counts */
    bool excl_lo = above && (!min || strtod(above, NULL) >= strtod(min, NULL));
    bool excl_hi = below && (!max || strtod(below, NULL) <= strtod(max, NULL));
    struct vlm_bounds bounds = {.lo = excl_lo ? above : min,
                                .hi = excl_hi ? below : max,
                                .excl_lo = excl_lo,
                                .excl_hi = excl_hi,
                                .integer = integer};
    uint32_t node = vlm_build_number(&c->b, &bounds, next);
    return c->b.rc == 0 && node == 0 ? refuse(c, "no number fulfils", "minimum, maximum") : node;
}

/* ---- rules ---- */

/* Calls the rule of a schema, which is built once and may call itself. */
static uint32_t call(struct compiler *c, json_t *schema, uint32_t next)
{
    size_t i = 0;
    if (!schema)
        schema = json_true(); /* one value in all of jansson */
    while (i < c->n_rules && c->rules[i].schema != schema)
        i++;
    if (i == c->n_rules) {
        if (c->n_rules == VLM_LIMIT_GRAMMAR_RULES)
            return refuse(c, "more rules than the limit, from", "$ref, items");
        if (c->b.rc < 0 ||
            !vlm_grow(c->b.g->alloc, &c->rules, &c->cap_rules, c->n_rules, sizeof *c->rules)) {
            if (c->b.rc == 0)
                c->b.rc = vlm_fail_memory(c->b.err, c->n_rules * sizeof *c->rules, "a schema");
            return 0;
        }
        uint32_t entry = vlm_build_node(&c->b, VLM_NODE_SPLIT, 0, 0);
        c->rules[c->n_rules++] = (struct rule){schema, entry};
        uint32_t end = vlm_build_node(&c->b, VLM_NODE_RETURN, 0, 0);
        uint32_t body = json_is_true(schema) ? build_any(c, end) : build(c, schema, end);
        if (c->b.rc == 0)
            c->b.g->nodes[entry].a = body;
    }
    return vlm_build_node(&c->b, VLM_NODE_CALL, c->rules[i].entry, next);
}

/* Something of ours that behaves like a schema of the document. */
static json_t *made(struct compiler *c, json_t *schema)
{
    if (!schema || json_array_append_new(c->made, schema) != 0) {
        if (c->b.rc == 0)
            c->b.rc = vlm_fail_memory(c->b.err, sizeof(void *), "a schema");
        return json_null();
    }
    return schema;
}

/* ---- arrays ---- */

struct list {
    struct compiler *c;
    json_t *prefix, *items; /* items NULL: any value */
    size_t min, max;
};

static json_t *item_schema(const struct list *l, size_t i)
{
    return i < json_array_size(l->prefix) ? json_array_get(l->prefix, i) : l->items;
}

static uint32_t build_array(struct compiler *c, json_t *schema, uint32_t next)
{
    static const char *const keys[] = {"type",     "items",    "prefixItems", "additionalItems",
                                       "minItems", "maxItems", "uniqueItems", NULL};
    if (!only(c, schema, keys))
        return 0;
    if (json_is_true(json_object_get(schema, "uniqueItems")))
        return refuse(c, "keyword not supported:", "uniqueItems");
    struct list l = {c, json_object_get(schema, "prefixItems"), json_object_get(schema, "items"),
                     count(c, schema, "minItems", 0), count(c, schema, "maxItems", SIZE_MAX)};
    if (json_is_array(l.items)) { /* as drafts before 2020 wrote prefixItems */
        l.prefix = l.items;
        l.items = json_object_get(schema, "additionalItems");
    }
    size_t n = json_array_size(l.prefix);
    if (json_is_false(l.items) && l.max > n)
        l.max = n;
    if (l.max < l.min)
        return refuse(c, "expected minItems at most", "maxItems");
    uint32_t end = text(c, "]", next), rest;
    size_t last = l.max; /* behind `last` items */
    if (l.max == SIZE_MAX) {
        last = l.min > n ? l.min : n;
        last = last > 0 ? last : 1;
        rest = vlm_build_node(&c->b, VLM_NODE_SPLIT, end, 0);
        uint32_t again = text(c, ",", space(c, call(c, l.items, rest)));
        if (c->b.rc == 0)
            c->b.g->nodes[rest].b = again;
    } else {
        rest = end;
    }
    for (size_t i = last; i-- > 0 && c->b.rc == 0;) { /* item i and what follows it */
        size_t before = enter(c, i < n ? "prefixItems" : "items");
        uint32_t one = call(c, item_schema(&l, i), rest);
        leave(c, before);
        if (i > 0)
            one = text(c, ",", space(c, one));
        rest = i >= l.min ? vlm_build_either(&c->b, one, end) : one;
    }
    return text(c, "[", rest);
}

/* ---- objects ---- */

/* A key that is none of the properties: letters, digits, '_' '-' and ' ', so that no spelling of
 * another key is met.  at: position in all keys with the first `at` bytes equal to prefix. */
static uint32_t other_key(struct compiler *c, json_t *properties, const char *prefix, size_t at,
                          uint32_t tail, uint32_t close)
{
    uint32_t all = 0;
    bool is_key = false, any = false;
    struct vlm_byte_set others = {{0}};
    for (unsigned x = 0x20; x < 0x7F; x++)
        if (x == ' ' || x == '-' || x == '_' || (x >= '0' && x <= '9') ||
            ((x | 32) >= 'a' && (x | 32) <= 'z'))
            others.bits[x / 64] |= UINT64_C(1) << x % 64;
    const char *key;
    json_t *value;
    for (unsigned x = 0x20; x < 0x7F && at < 64; x++) {
        if (!(others.bits[x / 64] >> x % 64 & 1))
            continue;
        const char *with = NULL;
        json_object_foreach(properties, key, value) if (strlen(key) > at &&
                                                        memcmp(key, prefix, at) == 0 &&
                                                        key[at] == (char)x) with = key;
        if (!with)
            continue;
        others.bits[x / 64] &= ~(UINT64_C(1) << x % 64);
        uint32_t deeper = vlm_build_range(&c->b, (uint8_t)x, (uint8_t)x,
                                          other_key(c, properties, with, at + 1, tail, close));
        all = all ? vlm_build_either(&c->b, all, deeper) : deeper;
    }
    json_object_foreach(properties, key,
                        value) if (strlen(key) == at && memcmp(key, prefix, at) == 0) is_key = true;
    for (int i = 0; i < 4; i++)
        any = any || others.bits[i];
    if (any) {
        uint32_t x = vlm_build_set(&c->b, &others, tail);
        all = all ? vlm_build_either(&c->b, all, x) : x;
    }
    if (!is_key && at > 0)
        all = all ? vlm_build_either(&c->b, all, close) : close;
    return all;
}

static uint32_t other_pair(struct compiler *c, json_t *properties, json_t *value, uint32_t next)
{
    uint32_t close = text(c, "\":", space(c, call(c, value, next)));
    struct vlm_byte_set set = {{0}};
    for (const char *p = " -_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"; *p;
         p++)
        set.bits[*p / 64] |= UINT64_C(1) << *p % 64;
    uint32_t tail = vlm_build_node(&c->b, VLM_NODE_SPLIT, close, 0);
    uint32_t more = vlm_build_set(&c->b, &set, tail);
    if (c->b.rc == 0)
        c->b.g->nodes[tail].b = more;
    return text(c, "\"", other_key(c, properties, "", 0, tail, close));
}

static uint32_t pair(struct compiler *c, const char *key, json_t *value, uint32_t next)
{
    size_t before = enter(c, key);
    uint32_t node = text(c, "\":", space(c, build(c, value, next)));
    node = text(c, "\"", vlm_build_json_text(&c->b, key, strlen(key), node));
    leave(c, before);
    return node;
}

/* min..max pairs with any key, none of the named ones standing before them. */
static uint32_t build_map(struct compiler *c, json_t *value, size_t min, size_t max, uint32_t next)
{
    uint32_t end = text(c, "}", next), rest = end;
    size_t last = max;
    if (max == SIZE_MAX) {
        last = min > 0 ? min : 1;
        rest = vlm_build_node(&c->b, VLM_NODE_SPLIT, end, 0);
        uint32_t again = text(c, ",", space(c, other_pair(c, NULL, value, rest)));
        if (c->b.rc == 0)
            c->b.g->nodes[rest].b = again;
    }
    for (size_t i = last; i-- > 0 && c->b.rc == 0;) {
        uint32_t one = other_pair(c, NULL, value, rest);
        if (i > 0)
            one = text(c, ",", space(c, one));
        rest = i >= min ? vlm_build_either(&c->b, one, end) : one;
    }
    return text(c, "{", rest);
}

/* Properties in order.  first: what may stand when nothing stands yet; later: behind a value. */
static uint32_t build_properties(struct compiler *c, json_t *schema, json_t *properties,
                                 json_t *extra, uint32_t next)
{
    uint32_t end = text(c, "}", next), first = end, later = end;
    const char *keys[VLM_LIMIT_GRAMMAR_PROPERTIES], *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach(properties, key, value)
    {
        if (n == VLM_LIMIT_GRAMMAR_PROPERTIES)
            return refuse(c, "more properties than the limit, at", key);
        keys[n++] = key;
    }
    if (extra) {
        later = vlm_build_node(&c->b, VLM_NODE_SPLIT, end, 0);
        uint32_t one = other_pair(c, properties, extra, later);
        uint32_t again = text(c, ",", space(c, one));
        if (c->b.rc == 0)
            c->b.g->nodes[later].b = again;
        first = vlm_build_either(&c->b, end, one);
    }
    while (n-- > 0 && c->b.rc == 0) {
        uint32_t one = pair(c, keys[n], json_object_get(properties, keys[n]), later);
        uint32_t behind = text(c, ",", space(c, one));
        bool must = requires_key(schema, keys[n]);
        first = must ? one : vlm_build_either(&c->b, one, first);
        later = must ? behind : vlm_build_either(&c->b, behind, later);
    }
    return text(c, "{", first);
}

static uint32_t build_object(struct compiler *c, json_t *schema, uint32_t next)
{
    static const char *const keys[] = {
        "type",          "properties",    "required", "additionalProperties",
        "minProperties", "maxProperties", NULL};
    if (!only(c, schema, keys))
        return 0;
    json_t *properties = json_object_get(schema, "properties"), *v;
    json_t *extra = json_object_get(schema, "additionalProperties");
    json_t *required = json_object_get(schema, "required");
    size_t n = json_object_size(properties), i;
    size_t min = count(c, schema, "minProperties", 0);
    size_t max = count(c, schema, "maxProperties", SIZE_MAX);
    if (json_is_false(extra))
        extra = NULL;
    else if (!extra && n == 0)
        extra = json_true();
    if (n == 0 && json_array_size(required) == 0)
        return extra ? build_map(c, extra, min, max, next)
               : min ? refuse(c, "nothing fulfils", "minProperties")
                     : text(c, "{}", next);
    json_t *all = made(c, properties ? json_copy(properties) : json_object());
    json_array_foreach(required, i, v)
    {
        if (!json_is_string(v))
            return refuse(c, "expected names in", "required");
        if (!json_object_get(all, json_string_value(v))) {
            if (json_is_false(json_object_get(schema, "additionalProperties")))
                return refuse(c, "required, but not allowed:", json_string_value(v));
            json_object_set(all, json_string_value(v), extra ? extra : json_true());
        }
    }
    if (min > json_array_size(required) || max < json_object_size(all) ||
        (max != SIZE_MAX && extra))
        return refuse(c, "keyword not supported beside properties:",
                      max != SIZE_MAX ? "maxProperties" : "minProperties");
    return build_properties(c, schema, all, extra, next);
}

/* ---- schemas ---- */

static uint32_t build_any(struct compiler *c, uint32_t next)
{
    struct vlm_grammar_builder *b = &c->b;
    json_t *empty = made(c, json_object());
    uint32_t all = build_string(c, empty, next);
    all = vlm_build_either(b, all, build_number(c, empty, false, next));
    all = vlm_build_either(b, all, build_array(c, empty, next));
    all = vlm_build_either(b, all, build_map(c, json_true(), 0, SIZE_MAX, next));
    all = vlm_build_either(b, all, text(c, "true", next));
    all = vlm_build_either(b, all, text(c, "false", next));
    return vlm_build_either(b, all, text(c, "null", next));
}

static uint32_t literal(struct compiler *c, const json_t *v, uint32_t next)
{
    char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    uint32_t node = 0;
    if (s)
        node = text(c, s, next);
    else if (c->b.rc == 0)
        c->b.rc = vlm_fail_memory(c->b.err, 0, "a schema");
    free(s);
    return node;
}

static uint32_t build_values(struct compiler *c, json_t *schema, uint32_t next)
{
    static const char *const keys[] = {"enum", "const", "type", NULL};
    json_t *values = json_object_get(schema, "enum"), *one = json_object_get(schema, "const"), *v;
    size_t i;
    uint32_t all = 0;
    json_t *untyped = json_object_get(schema, "type");
    unsigned types = T_ALL;
    if (!only(c, schema, keys))
        return 0;
    if (untyped) {
        json_t *t = made(c, json_pack("{sO}", "type", untyped));
        types = types_of(t);
    }
    if (one)
        return value_bit(one) & types ? literal(c, one, next)
                                      : refuse(c, "of another type:", "const");
    json_array_foreach(values, i, v)
    {
        bool whole = !json_is_string(untyped) ||
                     strcmp(json_string_value(untyped), "integer") != 0 || !json_is_real(v);
        if (!(value_bit(v) & types) || !whole)
            continue;
        uint32_t x = literal(c, v, next);
        all = all ? vlm_build_either(&c->b, all, x) : x;
    }
    return all ? all : refuse(c, "no value fulfils", "enum");
}

static uint32_t build_choice(struct compiler *c, json_t *schema, const char *name, uint32_t next)
{
    const char *const keys[] = {name, "type", NULL};
    json_t *list = json_object_get(schema, name), *type = json_object_get(schema, "type"), *v;
    size_t i;
    uint32_t all = 0;
    if (!only(c, schema, keys))
        return 0;
    if (json_array_size(list) == 0)
        return refuse(c, "expected a list of schemas for", name);
    for (size_t x = 0; strcmp(name, "oneOf") == 0 && x < json_array_size(list); x++)
        for (size_t y = 0; y < x; y++)
            if (!disjoint(c, json_array_get(list, x), json_array_get(list, y)))
                return refuse(c, "alternatives that may hold together in", name);
    json_array_foreach(list, i, v)
    {
        size_t before = enter(c, name);
        if (type && json_is_object(v) && !json_object_get(v, "type")) {
            v = made(c, json_copy(v)); /* the type beside the list holds for each */
            json_object_set(v, "type", type);
        } else if (type && (types_of(v) & ~types_of(schema))) {
            refuse(c, "an alternative of another type than the", "type");
        }
        uint32_t x = build(c, v, next);
        all = all ? vlm_build_either(&c->b, all, x) : x;
        leave(c, before);
    }
    return all;
}

/* Adds the keywords of from to into; a keyword in both is an error but for properties and
 * required, which join. */
static bool merge(struct compiler *c, json_t *into, json_t *from)
{
    const char *key, *name;
    json_t *value, *v;
    json_object_foreach(from, key, value)
    {
        json_t *have = json_object_get(into, key);
        if (listed(annotations, key) || strcmp(key, "allOf") == 0 ||
            (have && json_equal(have, value)))
            continue;
        if (!have) {
            json_object_set_new(into, key, json_copy(value));
        } else if (strcmp(key, "required") == 0 && json_is_array(have) && json_is_array(value)) {
            json_array_extend(have, value);
        } else if (strcmp(key, "properties") == 0 && json_is_object(have)) {
            json_object_foreach(value, name, v)
            {
                if (json_object_get(have, name) && !json_equal(json_object_get(have, name), v)) {
                    refuse(c, "a property that two schemas of allOf describe:", name);
                    return false;
                }
                json_object_set(have, name, v);
            }
        } else {
            refuse(c, "a keyword that two schemas of allOf have:", key);
            return false;
        }
    }
    return true;
}

static uint32_t build_all(struct compiler *c, json_t *schema, uint32_t next)
{
    json_t *list = json_object_get(schema, "allOf"), *v, *all = made(c, json_object());
    size_t i;
    if (!merge(c, all, schema))
        return 0;
    json_array_foreach(list, i, v)
    {
        v = follow_refs(c, v);
        if (!json_is_object(v) || json_object_get(v, "allOf"))
            return refuse(c, "a schema that cannot be joined in", "allOf");
        if (!merge(c, all, v))
            return 0;
    }
    return build(c, all, next);
}

static uint32_t build_typed(struct compiler *c, json_t *schema, const char *type, uint32_t next)
{
    static const char *const none[] = {"type", NULL};
    if (strcmp(type, "object") == 0)
        return build_object(c, schema, next);
    if (strcmp(type, "array") == 0)
        return build_array(c, schema, next);
    if (strcmp(type, "string") == 0)
        return build_string(c, schema, next);
    if (strcmp(type, "number") == 0 || strcmp(type, "integer") == 0)
        return build_number(c, schema, type[0] == 'i', next);
    if (!only(c, schema, none))
        return 0;
    if (strcmp(type, "boolean") == 0)
        return vlm_build_either(&c->b, text(c, "true", next), text(c, "false", next));
    if (strcmp(type, "null") == 0)
        return text(c, "null", next);
    return refuse(c, "no such type:", type);
}

/* The part of a schema with several types that concerns one of them. */
static json_t *for_type(struct compiler *c, json_t *schema, const char *type)
{
    static const struct {
        const char *type, *keys[10];
    } table[] = {
        {"object",
         {"properties", "required", "additionalProperties", "minProperties", "maxProperties",
          NULL}},
        {"array",
         {"items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", NULL}},
        {"string", {"minLength", "maxLength", "pattern", "format", NULL}},
        {"number",
         {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", NULL}},
        {"integer",
         {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", NULL}}};
    json_t *part = made(c, json_copy(schema));
    for (size_t t = 0; t < sizeof table / sizeof *table; t++)
        for (size_t k = 0; table[t].keys[k]; k++)
            if (strcmp(table[t].type, type) != 0 &&
                !(strcmp(type, "integer") == 0 && strcmp(table[t].type, "number") == 0) &&
                !(strcmp(type, "number") == 0 && strcmp(table[t].type, "integer") == 0))
                json_object_del(part, table[t].keys[k]);
    return part;
}

/* What a schema without a type is about, from its keywords; NULL: anything. */
static const char *implied_type(json_t *schema)
{
    static const char *const table[][2] = {{"properties", "object"},
                                           {"required", "object"},
                                           {"additionalProperties", "object"},
                                           {"minProperties", "object"},
                                           {"maxProperties", "object"},
                                           {"items", "array"},
                                           {"prefixItems", "array"},
                                           {"minItems", "array"},
                                           {"maxItems", "array"},
                                           {"pattern", "string"},
                                           {"minLength", "string"},
                                           {"maxLength", "string"},
                                           {"format", "string"},
                                           {"minimum", "number"},
                                           {"maximum", "number"},
                                           {"exclusiveMinimum", "number"},
                                           {"exclusiveMaximum", "number"},
                                           {"multipleOf", "number"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (json_object_get(schema, table[i][0]))
            return table[i][1];
    return NULL;
}

static uint32_t build_object_schema(struct compiler *c, json_t *schema, uint32_t next)
{
    static const char *const ref_only[] = {"$ref", NULL}, *const nothing[] = {NULL};
    json_t *ref = json_object_get(schema, "$ref"), *type = json_object_get(schema, "type"), *v;
    if (ref) {
        if (!json_is_string(ref) || !only(c, schema, ref_only))
            return refuse(c, "expected nothing beside", "$ref");
        json_t *target = resolve(c, json_string_value(ref));
        return target ? call(c, target, next) : 0;
    }
    if (json_object_get(schema, "allOf"))
        return build_all(c, schema, next);
    if (json_object_get(schema, "anyOf"))
        return build_choice(c, schema, "anyOf", next);
    if (json_object_get(schema, "oneOf"))
        return build_choice(c, schema, "oneOf", next);
    if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
        return build_values(c, schema, next);
    if (json_is_array(type)) {
        uint32_t all = 0;
        size_t i;
        json_array_foreach(type, i, v)
        {
            const char *name = json_is_string(v) ? json_string_value(v) : "(no string)";
            uint32_t x = build_typed(c, for_type(c, schema, name), name, next);
            all = all ? vlm_build_either(&c->b, all, x) : x;
        }
        return all ? all : refuse(c, "expected types for", "type");
    }
    if (type)
        return build_typed(c, schema,
                           json_is_string(type) ? json_string_value(type) : "(no string)", next);
    if (implied_type(schema))
        return build_typed(c, schema, implied_type(schema), next);
    return only(c, schema, nothing) ? call(c, json_true(), next) : 0;
}

static uint32_t build(struct compiler *c, json_t *schema, uint32_t next)
{
    uint32_t node = 0;
    if (c->b.rc < 0)
        return 0;
    if (++c->depth > VLM_LIMIT_GRAMMAR_DEPTH)
        return refuse(c, "nested deeper than the limit:", "schema");
    if (json_is_object(schema))
        node = build_object_schema(c, schema, next);
    else if (!schema || json_is_true(schema))
        node = call(c, schema, next);
    else
        refuse(c, "nothing fulfils the schema", json_is_false(schema) ? "false" : "(no schema)");
    c->depth--;
    return node;
}

int vlm_grammar_from_schema(struct vlm_grammar **out, const vlm_allocator *alloc, const char *json,
                            size_t n, vlm_error *err)
{
    struct compiler c = {.depth = 0};
    json_error_t why;
    if (n > VLM_LIMIT_SCHEMA_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "schema: found %zu bytes, expected at most %llu", n,
                        (unsigned long long)VLM_LIMIT_SCHEMA_BYTES);
    int rc = vlm_json_check(json, n, "schema", err);
    if (rc < 0)
        return rc;
    rc = vlm_grammar_begin(&c.b, alloc, err);
    if (rc < 0)
        return rc;
    c.root = json_loadb(json, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    c.made = json_array();
    uint32_t start = 0;
    if (!c.root || !c.made)
        c.b.rc = vlm_fail(err, VLM_ERR_FORMAT, "schema: line %d: %s", why.line, why.text);
    else
        start = space(&c, build(&c, c.root, vlm_build_node(&c.b, VLM_NODE_ACCEPT, 0, 0)));
    json_decref(c.made);
    json_decref(c.root);
    vlm_mem_free(alloc, c.rules);
    return vlm_grammar_end(out, &c.b, start);
}
