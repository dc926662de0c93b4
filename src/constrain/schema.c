/* schema.c: a JSON schema as a grammar of the JSON texts that it allows.
 *
 * The grammar never allows more than the schema.  It may allow less: properties stand in the
 * schema's order, none is added unless additionalProperties says so, white space is one optional
 * space, numbers have at most 15 digits on either side and no exponent.  A keyword that is not
 * known is an error that names it. */
#include "constrain/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "format/json.h"

uint32_t vlm_schema_text(struct vlm_schema *c, const char *s, uint32_t next)
{
    return vlm_build_bytes(&c->b, s, strlen(s), next);
}

uint32_t vlm_schema_space(struct vlm_schema *c, uint32_t next)
{
    return vlm_build_either(&c->b, next, vlm_build_range(&c->b, ' ', ' ', next));
}

/* ---- values ---- */

static uint32_t build_any(struct vlm_schema *c, uint32_t next)
{
    struct vlm_grammar_builder *b = &c->b;
    json_t *empty = vlm_schema_made(c, json_object());
    uint32_t all = vlm_schema_string(c, empty, next);
    all = vlm_build_either(b, all, vlm_schema_number(c, empty, false, next));
    all = vlm_build_either(b, all, vlm_schema_array(c, empty, next));
    all = vlm_build_either(b, all, vlm_schema_object(c, empty, next));
    all = vlm_build_either(b, all, vlm_schema_text(c, "true", next));
    all = vlm_build_either(b, all, vlm_schema_text(c, "false", next));
    return vlm_build_either(b, all, vlm_schema_text(c, "null", next));
}

/* v as text: reals with 15 digits where these are enough, 0.1 rather than 0.10000000000000001. */
static char *literal_text(const json_t *v)
{
    char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_t *back = s ? json_loads(s, JSON_DECODE_ANY, NULL) : NULL;
    bool same = back && json_equal(back, v);
    json_decref(back);
    if (same)
        return s;
    free(s);
    return json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
}

static uint32_t literal(struct vlm_schema *c, const json_t *v, uint32_t next)
{
    char *s = literal_text(v);
    uint32_t node = 0;
    if (s)
        node = vlm_schema_text(c, s, next);
    else if (c->b.rc == 0)
        c->b.rc = vlm_fail_memory(c->b.err, 0, "a schema");
    free(s);
    return node;
}

/* May v stand where type (a name, a list, or absent) is asked for? */
static bool of_type(const json_t *type, const json_t *v)
{
    size_t i;
    json_t *t;
    if (!type)
        return true;
    if (json_is_array(type)) {
        json_array_foreach(type, i, t) if (json_is_string(t) && of_type(t, v)) return true;
        return false;
    }
    const char *name = json_string_value(type);
    if (strcmp(name ? name : "", "integer") == 0)
        return json_is_integer(v);
    json_t *schema = json_pack("{ss}", "type", name ? name : "");
    bool is = schema && (vlm_schema_types(schema) & vlm_schema_value_type(v)) != 0;
    json_decref(schema);
    return is;
}

static uint32_t build_values(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    static const char *const keys[] = {"enum", "const", "type", NULL};
    json_t *values = json_object_get(schema, "enum"), *one = json_object_get(schema, "const"), *v;
    json_t *type = json_object_get(schema, "type");
    size_t i;
    uint32_t all = 0;
    if (!vlm_schema_only(c, schema, keys))
        return 0;
    if (one && !values)
        return of_type(type, one) ? literal(c, one, next)
                                  : vlm_schema_refuse(c, "of another type:", "const");
    json_array_foreach(values, i, v)
    {
        if (!of_type(type, v) || (one && !json_equal(one, v)))
            continue;
        uint32_t x = literal(c, v, next);
        all = all ? vlm_build_either(&c->b, all, x) : x;
    }
    return all ? all : vlm_schema_refuse(c, "no value fulfils", "enum");
}

/* ---- one type ---- */

static const struct {
    const char *type, *keys[12];
} keywords[] = {
    {"object",
     {"properties", "required", "additionalProperties", "minProperties", "maxProperties",
      "patternProperties", "propertyNames", "unevaluatedProperties", NULL}},
    {"array",
     {"items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems",
      "unevaluatedItems", NULL}},
    {"string", {"minLength", "maxLength", "pattern", NULL}},
    {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", NULL}}};
enum { N_KEYWORDS = sizeof keywords / sizeof *keywords };

/* What concerns values of this type: keywords about others have no effect on it. */
static json_t *for_type(struct vlm_schema *c, json_t *schema, const char *type)
{
    json_t *part = vlm_schema_made(c, json_copy(schema));
    bool number = strcmp(type, "number") == 0 || strcmp(type, "integer") == 0;
    for (size_t t = 0; t < N_KEYWORDS; t++)
        for (size_t k = 0; keywords[t].keys[k]; k++)
            if (strcmp(keywords[t].type, number ? "number" : type) != 0)
                json_object_del(part, keywords[t].keys[k]);
    if (!number && strcmp(type, "string") != 0)
        json_object_del(part, "format");
    return part;
}

/* What a schema without a type is about, from its keywords; NULL: anything. */
static const char *implied_type(json_t *schema)
{
    for (size_t t = 0; t < N_KEYWORDS; t++)
        for (size_t k = 0; keywords[t].keys[k]; k++)
            if (json_object_get(schema, keywords[t].keys[k]))
                return keywords[t].type;
    return json_object_get(schema, "format") ? "string" : NULL;
}

static uint32_t build_typed(struct vlm_schema *c, json_t *schema, const char *type, uint32_t next)
{
    static const char *const none[] = {"type", NULL};
    schema = for_type(c, schema, type);
    if (strcmp(type, "object") == 0)
        return vlm_schema_object(c, schema, next);
    if (strcmp(type, "array") == 0)
        return vlm_schema_array(c, schema, next);
    if (strcmp(type, "string") == 0)
        return vlm_schema_string(c, schema, next);
    if (strcmp(type, "number") == 0 || strcmp(type, "integer") == 0)
        return vlm_schema_number(c, schema, type[0] == 'i', next);
    if (!vlm_schema_only(c, schema, none))
        return 0;
    if (strcmp(type, "boolean") == 0)
        return vlm_build_either(&c->b, vlm_schema_text(c, "true", next),
                                vlm_schema_text(c, "false", next));
    if (strcmp(type, "null") == 0)
        return vlm_schema_text(c, "null", next);
    return vlm_schema_refuse(c, "no such type:", type);
}

static uint32_t build_types(struct vlm_schema *c, json_t *schema, json_t *types, uint32_t next)
{
    uint32_t all = 0;
    size_t i;
    json_t *v;
    json_array_foreach(types, i, v)
    {
        const char *name = json_is_string(v) ? json_string_value(v) : "(no string)";
        uint32_t x = build_typed(c, schema, name, next);
        all = all ? vlm_build_either(&c->b, all, x) : x;
    }
    return all ? all : vlm_schema_refuse(c, "expected types for", "type");
}

/* ---- schemas that hold together, choices ---- */

/* One of the alternatives, each together with what stands beside the list. */
static uint32_t build_choice(struct vlm_schema *c, json_t *schema, const char *name, uint32_t next)
{
    json_t *list = json_object_get(schema, name), *v;
    json_t *rest = vlm_schema_made(c, json_copy(schema));
    const char *key;
    size_t i, n_beside = 0;
    uint32_t all = 0;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return vlm_schema_refuse(c, "expected a list of schemas for", name);
    for (size_t x = 0; strcmp(name, "oneOf") == 0 && x < json_array_size(list); x++)
        for (size_t y = 0; y < x; y++)
            if (!vlm_schema_disjoint(c, json_array_get(list, x), json_array_get(list, y)))
                return vlm_schema_refuse(c, "alternatives that may hold together in", name);
    json_object_del(rest, name);
    json_object_foreach(rest, key, v) n_beside += !vlm_schema_annotation(key);
    json_array_foreach(list, i, v)
    {
        size_t before = vlm_schema_enter(c, name);
        bool never = json_is_false(v);
        if (n_beside > 0) {
            json_t *both = vlm_schema_made(c, json_object());
            if (vlm_schema_join(c, both, rest, &never))
                vlm_schema_join(c, both, v, &never);
            if (c->b.rc < 0)
                return 0;
            v = both;
        }
        uint32_t x = never || !vlm_schema_work(c, 1) ? 0 : vlm_schema_build(c, v, next);
        if (x)
            all = all ? vlm_build_either(&c->b, all, x) : x;
        vlm_schema_leave(c, before);
    }
    return all ? all : vlm_schema_refuse(c, "no alternative can be fulfilled in", name);
}

/* allOf, or a reference with keywords beside it, as one schema. */
static uint32_t build_joined(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    static const char *const own[] = {"unevaluatedProperties", "unevaluatedItems"};
    json_t *self = vlm_schema_made(c, json_copy(schema)), *all = vlm_schema_made(c, json_object());
    bool never;
    for (int i = 0; i < 2; i++) /* these look through allOf: they belong to the whole */
        json_object_del(self, own[i]);
    if (!vlm_schema_join(c, all, self, &never))
        return never ? vlm_schema_refuse(c, "nothing fulfils all of", "allOf") : 0;
    for (int i = 0; i < 2; i++)
        if (json_object_get(schema, own[i]) &&
            json_object_set(all, own[i], json_object_get(schema, own[i])) != 0)
            vlm_schema_made(c, NULL); /* out of memory */
    return vlm_schema_build(c, all, next);
}

static bool joins(json_t *schema)
{
    const char *key;
    json_t *v;
    if (json_object_get(schema, "allOf"))
        return true;
    if (!json_object_get(schema, "$ref"))
        return false;
    json_object_foreach(schema, key,
                        v) if (!vlm_schema_annotation(key) && strcmp(key, "$ref") != 0) return true;
    return false;
}

/* ---- schemas ---- */

static uint32_t build_object_schema(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    static const char *const nothing[] = {NULL};
    json_t *ref = json_object_get(schema, "$ref"), *type = json_object_get(schema, "type");
    if (joins(schema))
        return build_joined(c, schema, next);
    if (ref) {
        if (!json_is_string(ref))
            return vlm_schema_refuse(c, "expected a reference in", "$ref");
        json_t *target = vlm_schema_resolve(c, json_string_value(ref));
        return target ? vlm_schema_call(c, target, next) : 0;
    }
    if (json_object_get(schema, "anyOf"))
        return build_choice(c, schema, "anyOf", next);
    if (json_object_get(schema, "oneOf"))
        return build_choice(c, schema, "oneOf", next);
    if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
        return build_values(c, schema, next);
    if (json_is_array(type))
        return build_types(c, schema, type, next);
    if (type)
        return build_typed(c, schema,
                           json_is_string(type) ? json_string_value(type) : "(no string)", next);
    if (implied_type(schema))
        return build_typed(c, schema, implied_type(schema), next);
    return vlm_schema_only(c, schema, nothing) ? vlm_schema_call(c, json_true(), next) : 0;
}

static uint32_t build_here(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    uint32_t node = 0;
    if (c->b.rc < 0)
        return 0;
    if (++c->depth > VLM_LIMIT_GRAMMAR_DEPTH)
        return vlm_schema_refuse(c, "nested deeper than the limit:", "schema");
    if (json_is_object(schema))
        node = build_object_schema(c, schema, next);
    else if (!schema || json_is_true(schema))
        node = vlm_schema_call(c, schema, next);
    else
        vlm_schema_refuse(c, "nothing fulfils the schema",
                          json_is_false(schema) ? "false" : "(no schema)");
    c->depth--;
    return node;
}

/* What is joined may hold itself: it is a rule, so that it is built once. */
uint32_t vlm_schema_build(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    return json_is_object(schema) && joins(schema) ? vlm_schema_call(c, schema, next)
                                                   : build_here(c, schema, next);
}

uint32_t vlm_schema_call(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    size_t i = 0;
    if (!schema)
        schema = json_true(); /* one value in all of jansson */
    while (i < c->n_rules && c->rules[i].schema != schema)
        i++;
    if (i == c->n_rules) {
        if (c->n_rules == VLM_LIMIT_GRAMMAR_RULES)
            return vlm_schema_refuse(c, "more rules than the limit, from", "$ref, items");
        if (c->b.rc < 0 ||
            !vlm_grow(c->b.g->alloc, &c->rules, &c->cap_rules, c->n_rules, sizeof *c->rules)) {
            if (c->b.rc == 0)
                c->b.rc = vlm_fail_memory(c->b.err, c->n_rules * sizeof *c->rules, "a schema");
            return 0;
        }
        uint32_t entry = vlm_build_node(&c->b, VLM_NODE_SPLIT, 0, 0);
        c->rules[c->n_rules++] = (struct vlm_schema_rule){schema, entry};
        uint32_t end = vlm_build_node(&c->b, VLM_NODE_RETURN, 0, 0);
        uint32_t body = json_is_true(schema) ? build_any(c, end) : build_here(c, schema, end);
        if (c->b.rc == 0)
            c->b.g->nodes[entry].a = body;
    }
    return vlm_build_node(&c->b, VLM_NODE_CALL, c->rules[i].entry, next);
}

int vlm_grammar_from_schema(struct vlm_grammar **out, const vlm_allocator *alloc, const char *json,
                            size_t n, vlm_error *err)
{
    struct vlm_schema c = {.depth = 0};
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
        start = vlm_schema_space(
            &c, vlm_schema_build(&c, c.root, vlm_build_node(&c.b, VLM_NODE_ACCEPT, 0, 0)));
    json_decref(c.made);
    json_decref(c.root);
    vlm_mem_free(alloc, c.rules);
    return vlm_grammar_end(out, &c.b, start);
}
