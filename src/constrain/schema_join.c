/* schema_join.c: schemas that must hold together (allOf, a $ref or a choice with keywords beside
 * it) as one.  A keyword of one that the other lacks is taken over; of one that both have, the
 * tighter wins where that can be said, else the keyword is refused. */
#include <string.h>

#include "base/limits.h"
#include "constrain/schema.h"

struct join {
    struct vlm_schema *c;
    json_t *into;
    bool never; /* no value fulfils both */
};

static json_t *both(struct vlm_schema *c, json_t *x, json_t *y)
{
    return vlm_schema_made(c, json_pack("{s[OO]}", "allOf", x, y));
}

/* A keyword that got lost would loosen the schema. */
static void put(struct vlm_schema *c, json_t *object, const char *key, json_t *value)
{
    if (json_object_set(object, key, value) != 0 && c->b.rc == 0)
        c->b.rc = vlm_fail_memory(c->b.err, sizeof(void *), "a schema");
}

/* ---- properties ---- */

/* What `rest` (an additionalProperties) says holds for those of properties that known lacks. */
static bool restrict_to(struct join *j, json_t *properties, json_t *known, json_t *rest)
{
    const char *name;
    json_t *v;
    void *next;
    if (!rest || json_is_true(rest) || !vlm_schema_work(j->c, json_object_size(properties)))
        return j->c->b.rc == 0;
    json_object_foreach_safe(properties, next, name, v)
    {
        if (json_object_get(known, name))
            continue;
        if (json_is_false(rest))
            json_object_del(properties, name);
        else
            put(j->c, properties, name, both(j->c, v, rest));
    }
    return j->c->b.rc == 0;
}

/* properties and additionalProperties of both */
static bool join_properties(struct join *j, json_t *from)
{
    struct vlm_schema *c = j->c;
    json_t *have = json_object_get(j->into, "properties"),
           *add = json_object_get(from, "properties");
    json_t *rest = json_object_get(j->into, "additionalProperties");
    json_t *rest2 = json_object_get(from, "additionalProperties");
    const char *name;
    json_t *v;
    if (!have && !add && !rest && !rest2)
        return true;
    if ((rest || rest2) && (json_object_get(j->into, "patternProperties") ||
                            json_object_get(from, "patternProperties"))) {
        vlm_schema_refuse(c, "cannot be joined with other schemas:", "patternProperties");
        return false;
    }
    json_t *own = vlm_schema_made(c, have ? json_copy(have) : json_object());
    json_t *new = vlm_schema_made(c, add ? json_copy(add) : json_object());
    if (!vlm_schema_work(c, json_object_size(own) + json_object_size(new)) ||
        !restrict_to(j, own, add, rest2) || !restrict_to(j, new, have, rest))
        return false;
    json_object_foreach(new, name, v)
    {
        json_t *old = json_object_get(own, name);
        put(c, own, name, old && !json_equal(old, v) ? both(c, old, v) : v);
    }
    if (have || add)
        put(j->c, j->into, "properties", own);
    if (json_is_false(rest) || json_is_false(rest2))
        put(j->c, j->into, "additionalProperties", json_false());
    else if (rest && rest2 && !json_equal(rest, rest2))
        put(j->c, j->into, "additionalProperties", both(c, rest, rest2));
    else if (rest2)
        put(j->c, j->into, "additionalProperties", rest2);
    return c->b.rc == 0;
}

/* ---- items ---- */

/* What a schema asks of item i; NULL: nothing. */
static json_t *item_at(json_t *schema, size_t i)
{
    json_t *prefix = json_object_get(schema, "prefixItems");
    return i < json_array_size(prefix) ? json_array_get(prefix, i)
                                       : json_object_get(schema, "items");
}

static json_t *both_or_one(struct vlm_schema *c, json_t *x, json_t *y)
{
    return x && y && !json_equal(x, y) ? both(c, x, y) : x ? x : y;
}

/* prefixItems and items of both: items of one are also about what stands in the other's prefix. */
static bool join_items(struct join *j, json_t *from)
{
    struct vlm_schema *c = j->c;
    size_t n = json_array_size(json_object_get(j->into, "prefixItems"));
    size_t n2 = json_array_size(json_object_get(from, "prefixItems"));
    json_t *items = json_object_get(j->into, "items"), *items2 = json_object_get(from, "items");
    if (json_is_array(items) || json_is_array(items2)) { /* as drafts before 2020 wrote them */
        if ((items || n > 0) && (items2 || n2 > 0))
            vlm_schema_refuse(c, "a keyword of two schemas that hold together:", "items");
        else if (items2)
            put(c, j->into, "items", items2);
        return c->b.rc == 0;
    }
    n = n > n2 ? n : n2;
    json_t *prefix = vlm_schema_made(c, json_array());
    if (!vlm_schema_work(c, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        json_t *one = both_or_one(c, item_at(j->into, i), item_at(from, i));
        if (json_array_append(prefix, one ? one : json_true()) != 0)
            vlm_schema_made(c, NULL); /* out of memory */
    }
    if (n > 0)
        put(c, j->into, "prefixItems", prefix);
    if (items || items2)
        put(c, j->into, "items", both_or_one(c, items, items2));
    return c->b.rc == 0;
}

/* ---- one keyword that both have ---- */

static bool holds(json_t *list, json_t *v)
{
    size_t i;
    json_t *x;
    json_array_foreach(list, i, x) if (json_equal(x, v)) return true;
    return false;
}

static void join_required(struct join *j, json_t *have, json_t *value)
{
    json_t *all = vlm_schema_made(j->c, json_copy(have)), *v;
    size_t i;
    if (!vlm_schema_work(j->c, json_array_size(have) * json_array_size(value)))
        return;
    json_array_foreach(value, i, v) if (!holds(have, v)) json_array_append(all, v);
    put(j->c, j->into, "required", all);
}

static json_t *as_list(struct vlm_schema *c, json_t *type)
{
    return json_is_array(type) ? type : vlm_schema_made(c, json_pack("[O]", type));
}

/* The types in both lists; an integer is a number. */
static void join_types(struct join *j, json_t *x, json_t *y)
{
    json_t *a = as_list(j->c, x), *b = as_list(j->c, y), *v;
    json_t *all = vlm_schema_made(j->c, json_array()), *integer = json_string("integer");
    json_t *number = json_string("number");
    size_t i;
    json_array_foreach(a, i, v)
    {
        if (holds(b, v))
            json_array_append(all, v);
        else if ((json_equal(v, integer) && holds(b, number)) ||
                 (json_equal(v, number) && holds(b, integer)))
            json_array_append(all, integer);
    }
    json_decref(integer);
    json_decref(number);
    if (json_array_size(all) == 0)
        j->never = true;
    else
        put(j->c, j->into, "type", json_array_size(all) == 1 ? json_array_get(all, 0) : all);
}

static void join_values(struct join *j, json_t *x, json_t *y)
{
    json_t *all = vlm_schema_made(j->c, json_array()), *v;
    size_t i;
    if (!vlm_schema_work(j->c, json_array_size(x) * json_array_size(y)))
        return;
    json_array_foreach(x, i, v) if (holds(y, v)) json_array_append(all, v);
    if (json_array_size(all) == 0)
        j->never = true;
    else
        put(j->c, j->into, "enum", all);
}

static int tighter(const char *key)
{
    static const struct {
        const char *key;
        int sign;
    } table[] = {{"minimum", 1},           {"exclusiveMinimum", 1}, {"minLength", 1},
                 {"minItems", 1},          {"minProperties", 1},    {"maximum", -1},
                 {"exclusiveMaximum", -1}, {"maxLength", -1},       {"maxItems", -1},
                 {"maxProperties", -1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(key, table[i].key) == 0)
            return table[i].sign;
    return 0;
}

static bool join_keyword(struct join *j, const char *key, json_t *have, json_t *value)
{
    int sign = tighter(key);
    if (json_equal(have, value))
        return true;
    if (sign && json_is_number(have) && json_is_number(value)) {
        if ((json_number_value(value) - json_number_value(have)) * sign > 0)
            put(j->c, j->into, key, value);
    } else if (strcmp(key, "required") == 0 && json_is_array(have) && json_is_array(value)) {
        join_required(j, have, value);
    } else if (strcmp(key, "type") == 0) {
        join_types(j, have, value);
    } else if (strcmp(key, "enum") == 0 && json_is_array(have) && json_is_array(value)) {
        join_values(j, have, value);
    } else if (strcmp(key, "const") == 0) {
        j->never = true;
    } else if (strcmp(key, "uniqueItems") == 0) {
        put(j->c, j->into, key, json_true());
    } else {
        vlm_schema_refuse(j->c, "a keyword of two schemas that hold together:", key);
    }
    return j->c->b.rc == 0 && !j->never;
}

/* ---- schemas ---- */

static bool join_one(struct join *j, json_t *from)
{
    struct vlm_schema *c = j->c;
    const char *key;
    json_t *value;
    if (json_object_get(from, "unevaluatedProperties") ||
        json_object_get(from, "unevaluatedItems")) {
        vlm_schema_refuse(c, "cannot be joined with other schemas:", "unevaluated...");
        return false;
    }
    if (!vlm_schema_work(c, json_object_size(from)) || !join_properties(j, from) ||
        !join_items(j, from))
        return false;
    json_object_foreach(from, key, value)
    {
        json_t *have = json_object_get(j->into, key);
        if (vlm_schema_annotation(key) || strcmp(key, "allOf") == 0 || strcmp(key, "$ref") == 0 ||
            strcmp(key, "properties") == 0 || strcmp(key, "additionalProperties") == 0 ||
            strcmp(key, "items") == 0 || strcmp(key, "prefixItems") == 0)
            continue;
        if (!have)
            put(j->c, j->into, key, value);
        else if (!join_keyword(j, key, have, value))
            return false;
    }
    return true;
}

/* from itself, what it refers to, what its allOf lists. */
static bool join_all(struct join *j, json_t *from)
{
    struct vlm_schema *c = j->c;
    json_t *ref, *list, *v;
    size_t i;
    if (++c->depth > VLM_LIMIT_GRAMMAR_DEPTH) {
        vlm_schema_refuse(c, "nested deeper than the limit:", "allOf, $ref");
        return false;
    }
    bool good = true;
    j->never = j->never || json_is_false(from);
    if (json_is_object(from)) {
        ref = json_object_get(from, "$ref");
        list = json_object_get(from, "allOf");
        good = join_one(j, from);
        if (good && ref) {
            json_t *to = json_is_string(ref) ? vlm_schema_resolve(c, json_string_value(ref)) : NULL;
            good = to && join_all(j, to);
            if (!to)
                vlm_schema_refuse(c, "expected a reference in", "$ref");
        }
        if (good && list && json_array_size(list) == 0)
            good = vlm_schema_refuse(c, "expected a list of schemas for", "allOf");
        for (i = 0; good && i < json_array_size(list); i++) {
            v = json_array_get(list, i);
            good = join_all(j, v);
        }
    } else if (!json_is_boolean(from)) {
        good = vlm_schema_refuse(c, "expected schemas in", "allOf");
    }
    c->depth--;
    return good && !j->never;
}

bool vlm_schema_join(struct vlm_schema *c, json_t *into, json_t *from, bool *never)
{
    struct join j = {c, into, false};
    bool good = join_all(&j, from);
    *never = j.never && c->b.rc == 0;
    return good;
}
