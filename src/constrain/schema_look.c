/* schema_look.c: reading schemas: where we are, references, types, what excludes what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "constrain/schema.h"

/* ---- messages ---- */

size_t vlm_schema_enter(struct vlm_schema *c, const char *name)
{
    size_t before = c->n_path, room = sizeof c->path - c->n_path;
    struct vlm_quoted q;
    int n = snprintf(c->path + c->n_path, room, "/%s", vlm_base_quote(&q, name, strlen(name)));
    c->n_path += (size_t)n < room ? (size_t)n : room - 1;
    return before;
}

void vlm_schema_leave(struct vlm_schema *c, size_t before)
{
    c->n_path = before;
    c->path[before] = 0;
}

uint32_t vlm_schema_refuse(struct vlm_schema *c, const char *what, const char *name)
{
    struct vlm_quoted q;
    if (c->b.rc == 0)
        c->b.rc = vlm_fail(c->b.err, VLM_ERR_UNSUPPORTED, "schema: at '%s': %s '%s'",
                           c->n_path ? c->path : "/", what, vlm_base_quote(&q, name, strlen(name)));
    return 0;
}

bool vlm_schema_work(struct vlm_schema *c, size_t n)
{
    c->steps += n;
    if (c->steps > VLM_LIMIT_GRAMMAR_STEPS && c->b.rc == 0)
        c->b.rc = vlm_fail(c->b.err, VLM_ERR_LIMIT,
                           "schema: at '%s': found more than %llu comparisons, expected fewer "
                           "alternatives or values",
                           c->n_path ? c->path : "/", (unsigned long long)VLM_LIMIT_GRAMMAR_STEPS);
    return c->b.rc == 0;
}

json_t *vlm_schema_made(struct vlm_schema *c, json_t *schema)
{
    if (!schema || json_array_append_new(c->made, schema) != 0) {
        if (c->b.rc == 0)
            c->b.rc = vlm_fail_memory(c->b.err, sizeof(void *), "a schema");
        return json_null();
    }
    return schema;
}

/* ---- keywords ---- */

static bool listed(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* Of the standard, then OpenAPI's.  nullable would add null, which the standard does not know. */
bool vlm_schema_annotation(const char *key)
{
    static const char *const list[] = {"$schema",
                                       "$id",
                                       "$comment",
                                       "$defs",
                                       "definitions",
                                       "$anchor",
                                       "title",
                                       "description",
                                       "default",
                                       "examples",
                                       "example",
                                       "deprecated",
                                       "readOnly",
                                       "writeOnly",
                                       "nullable",
                                       "contentEncoding",
                                       "discriminator",
                                       "externalDocs",
                                       "xml",
                                       "contentMediaType",
                                       NULL};
    return listed(list, key) || strncmp(key, "x-", 2) == 0;
}

bool vlm_schema_only(struct vlm_schema *c, json_t *schema, const char *const *list)
{
    const char *key;
    json_t *value;
    json_object_foreach(schema, key, value) if (!vlm_schema_annotation(key) && !listed(list, key))
    {
        vlm_schema_refuse(c, "keyword not supported here", key);
        return false;
    }
    return true;
}

/* "#", "#/$defs/x", with ~0 ~1 unescaped; nothing outside the document. */
json_t *vlm_schema_resolve(struct vlm_schema *c, const char *ref)
{
    json_t *at = c->root;
    if (ref[0] != '#' || (ref[1] && ref[1] != '/')) {
        vlm_schema_refuse(c, "reference outside of the schema", ref);
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
            vlm_schema_refuse(c, "reference to nothing", ref);
            return NULL;
        }
    }
    return at;
}

size_t vlm_schema_count(struct vlm_schema *c, json_t *schema, const char *name, size_t otherwise,
                        bool cut)
{
    json_t *v = json_object_get(schema, name);
    if (!v)
        return otherwise;
    double x = json_is_number(v) ? json_number_value(v) : -1;
    if (cut && x > (double)VLM_LIMIT_GRAMMAR_REPEATS)
        return VLM_LIMIT_GRAMMAR_REPEATS;
    if (!(x >= 0 && x <= (double)VLM_LIMIT_GRAMMAR_REPEATS) || x != (double)(uint64_t)x) {
        vlm_schema_refuse(c, "expected a whole number within the limit for", name);
        return otherwise;
    }
    return (size_t)x;
}

/* ---- types ---- */

static unsigned type_bit(const char *name)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    for (unsigned i = 0; i < 6; i++)
        if (strcmp(name, names[i]) == 0)
            return 1u << i;
    return strcmp(name, "integer") == 0 ? VLM_TYPE_NUMBER : 0;
}

unsigned vlm_schema_value_type(const json_t *v)
{
    return json_is_null(v)      ? VLM_TYPE_NULL
           : json_is_boolean(v) ? VLM_TYPE_BOOL
           : json_is_number(v)  ? VLM_TYPE_NUMBER
           : json_is_string(v)  ? VLM_TYPE_STRING
           : json_is_array(v)   ? VLM_TYPE_ARRAY
                                : VLM_TYPE_OBJECT;
}

unsigned vlm_schema_types(json_t *schema)
{
    json_t *type = json_object_get(schema, "type"), *values = json_object_get(schema, "enum"), *v;
    unsigned bits = 0;
    size_t i;
    if (json_object_get(schema, "const"))
        return vlm_schema_value_type(json_object_get(schema, "const"));
    if (json_is_string(type))
        return type_bit(json_string_value(type));
    json_array_foreach(type, i, v) bits |= json_is_string(v) ? type_bit(json_string_value(v)) : 0;
    if (!bits)
        json_array_foreach(values, i, v) bits |= vlm_schema_value_type(v);
    return bits ? bits : VLM_TYPE_ALL;
}

/* ---- what excludes what ---- */

static json_t *follow(struct vlm_schema *c, json_t *schema)
{
    for (int i = 0; i < 16 && json_is_object(schema); i++) {
        json_t *ref = json_object_get(schema, "$ref");
        if (!json_is_string(ref))
            return schema;
        schema = vlm_schema_resolve(c, json_string_value(ref));
    }
    return schema;
}

/* No value is in both lists (const counts as a list of one). */
static bool lists_differ(struct vlm_schema *c, json_t *x, json_t *y)
{
    json_t *a = json_object_get(x, "enum"), *b = json_object_get(y, "enum");
    json_t *ca = json_object_get(x, "const"), *cb = json_object_get(y, "const");
    size_t na = ca ? 1 : json_array_size(a), nb = cb ? 1 : json_array_size(b);
    if (nb > 0 && !vlm_schema_work(c, na * nb))
        return false;
    for (size_t i = 0; i < na; i++)
        for (size_t k = 0; k < nb; k++) {
            json_t *u = ca ? ca : json_array_get(a, i), *v = cb ? cb : json_array_get(b, k);
            bool same = json_is_number(u) && json_is_number(v)
                            ? json_number_value(u) == json_number_value(v) /* 1 is 1.0 */
                            : json_equal(u, v);
            if (same || (json_is_object(u) && json_is_object(v)) ||
                (json_is_array(u) && json_is_array(v))) /* may hold such numbers */
                return false;
        }
    return na > 0 && nb > 0;
}

bool vlm_schema_requires(json_t *schema, const char *key)
{
    json_t *v;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i,
                       v) if (json_is_string(v) &&
                              strcmp(json_string_value(v), key) == 0) return true;
    return false;
}

/* x requires what y, which allows no other properties, does not know. */
static bool lacks(struct vlm_schema *c, json_t *x, json_t *y)
{
    json_t *known = json_object_get(y, "properties"), *v;
    size_t i;
    if (!json_is_false(json_object_get(y, "additionalProperties")) ||
        json_object_get(y, "patternProperties") ||
        !vlm_schema_work(c, json_array_size(json_object_get(x, "required"))))
        return false;
    json_array_foreach(json_object_get(x, "required"), i,
                       v) if (json_is_string(v) &&
                              !json_object_get(known, json_string_value(v))) return true;
    return false;
}

/* What the two say about objects decides: no value of another type is made from one of them that
 * the other allows.  (Without a type only objects are made of such a schema.) */
static bool about_objects(json_t *x, json_t *y)
{
    unsigned ax = vlm_schema_types(x), ay = vlm_schema_types(y),
             others = ~(unsigned)VLM_TYPE_OBJECT;
    unsigned px = ax == VLM_TYPE_ALL ? 0 : ax, py = ay == VLM_TYPE_ALL ? 0 : ay;
    return !(px & ay & others) && !(py & ax & others);
}

/* Plain numbers, and all of x below all of y. */
static bool below(json_t *x, json_t *y)
{
    json_t *hi = json_object_get(x, "maximum"), *lo = json_object_get(y, "minimum");
    json_t *xhi = json_object_get(x, "exclusiveMaximum");
    if (vlm_schema_types(x) != VLM_TYPE_NUMBER || vlm_schema_types(y) != VLM_TYPE_NUMBER ||
        !json_is_number(lo))
        return false;
    return (json_is_number(hi) && json_number_value(hi) < json_number_value(lo)) ||
           (json_is_number(xhi) && json_number_value(xhi) <= json_number_value(lo));
}

bool vlm_schema_disjoint(struct vlm_schema *c, json_t *x, json_t *y)
{
    x = follow(c, x);
    y = follow(c, y);
    if (!vlm_schema_work(c, 1) || !json_is_object(x) || !json_is_object(y))
        return false;
    if (!(vlm_schema_types(x) & vlm_schema_types(y)) || lists_differ(c, x, y) || below(x, y) ||
        below(y, x))
        return true;
    if (!about_objects(x, y))
        return false;
    if (lacks(c, x, y) || lacks(c, y, x))
        return true;
    const char *key;
    json_t *px, *properties = json_object_get(x, "properties");
    if (!vlm_schema_work(c, json_object_size(properties)))
        return false;
    json_object_foreach(properties, key, px)
    {
        json_t *py = json_object_get(json_object_get(y, "properties"), key);
        if (py && vlm_schema_requires(x, key) && vlm_schema_requires(y, key) &&
            lists_differ(c, follow(c, px), follow(c, py)))
            return true;
    }
    return false;
}
