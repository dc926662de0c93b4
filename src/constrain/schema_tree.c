/* schema_tree.c: arrays and objects of a schema. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "constrain/schema.h"

/* ---- some of n things, in their order, counted ---- */

struct some {
    struct vlm_schema *c;
    size_t n, top; /* counts 0..top; more than top cannot stand, or with open are top */
    bool open;
    uint32_t
        *row; /* [top + 1]: what follows when all n were passed and so many stand; 0: nothing */
    uint32_t (*make)(struct some *s, size_t i, uint32_t next);
    bool (*must)(struct some *s, size_t i);
    json_t *schema, *list; /* for make and must */
    const char **keys;
};

static uint32_t comma(struct vlm_schema *c, uint32_t next)
{
    return vlm_schema_text(c, ",", vlm_schema_space(c, next));
}

static uint32_t either(struct vlm_schema *c, uint32_t x, uint32_t y)
{
    return x == 0 ? y : y == 0 ? x : vlm_build_either(&c->b, x, y);
}

/* From the last thing to the first, row becomes what may stand from there on. */
static uint32_t build_some(struct some *s)
{
    for (size_t i = s->n; i-- > 0 && s->c->b.rc == 0;) {
        bool must = s->must && s->must(s, i);
        uint32_t made_for = 0, made = 0;
        for (size_t k = 0; k <= s->top; k++) { /* ascending: row[k + 1] is still the one behind i */
            uint32_t without = s->row[k];
            uint32_t then = k < s->top ? s->row[k + 1] : s->open ? without : 0;
            if (then != made_for) {
                made_for = then;
                made = s->make(s, i, then);
            }
            uint32_t with = then == 0 ? 0 : k > 0 ? comma(s->c, made) : made;
            s->row[k] = must ? with : either(s->c, with, without);
        }
    }
    return s->c->b.rc == 0 ? s->row[0] : 0;
}

static bool take_row(struct some *s, size_t top)
{
    s->top = top;
    s->row = vlm_mem_zalloc(s->c->b.g->alloc, top + 1, sizeof *s->row);
    if (!s->row && s->c->b.rc == 0)
        s->c->b.rc = vlm_fail_memory(s->c->b.err, (top + 1) * sizeof *s->row, "a schema");
    return s->row != NULL;
}

/* ---- arrays ---- */

struct list {
    json_t *prefix, *items; /* items NULL: any value */
    size_t min, max;
};

static json_t *item_schema(const struct list *l, size_t i)
{
    return i < json_array_size(l->prefix) ? json_array_get(l->prefix, i) : l->items;
}

static uint32_t one_value(struct some *s, size_t i, uint32_t next)
{
    json_t *x = vlm_schema_made(s->c, json_copy(s->schema));
    json_object_del(x, "enum");
    if (json_object_set(x, "const", json_array_get(s->list, i)) != 0)
        vlm_schema_made(s->c, NULL); /* out of memory */
    return vlm_schema_build(s->c, x, next);
}

/* Values that are no lists or objects and all differ, 1 and 1.0 being the same. */
static bool all_differ(struct vlm_schema *c, json_t *list)
{
    size_t n = json_array_size(list);
    if (!vlm_schema_work(c, n * n))
        return false;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= i; k++) {
            json_t *x = json_array_get(list, i), *y = json_array_get(list, k);
            if (json_is_array(x) || json_is_object(x) || (i != k && json_equal(x, y)) ||
                (i != k && json_is_number(x) && json_is_number(y) &&
                 json_number_value(x) == json_number_value(y)))
                return false;
        }
    return true;
}

/* Items that differ: some of a list of values, in the list's order. */
static uint32_t build_unique(struct vlm_schema *c, const struct list *l, uint32_t next)
{
    static const char *const keys[] = {"enum", "type", NULL};
    json_t *items = l->items, *ref = json_object_get(items, "$ref");
    if (json_is_string(ref) && json_object_size(items) == 1)
        items = vlm_schema_resolve(c, json_string_value(ref));
    json_t *values = json_object_get(items, "enum");
    size_t n = json_array_size(values);
    if (n == 0 || n > VLM_LIMIT_GRAMMAR_REPEATS || json_array_size(l->prefix) > 0 ||
        !all_differ(c, values))
        return vlm_schema_refuse(c, "only of items with an enum of plain values:", "uniqueItems");
    if (!vlm_schema_only(c, items, keys))
        return 0;
    if (l->min > n)
        return vlm_schema_refuse(c, "nothing fulfils", "minItems");
    struct some s = {.c = c, .n = n, .make = one_value, .schema = items, .list = values};
    s.open = l->max >= n;
    if (!take_row(&s, !s.open ? l->max : l->min > 0 ? l->min : 1))
        return 0;
    uint32_t end = vlm_schema_text(c, "]", next);
    for (size_t k = l->min; k <= s.top; k++)
        s.row[k] = end;
    uint32_t node = build_some(&s);
    vlm_mem_free(c->b.g->alloc, s.row);
    return vlm_schema_text(c, "[", node);
}

static uint32_t build_items(struct vlm_schema *c, const struct list *l, uint32_t next)
{
    uint32_t end = vlm_schema_text(c, "]", next), rest = end;
    size_t n = json_array_size(l->prefix), last = l->max; /* behind `last` items */
    if (l->max == SIZE_MAX) {
        last = l->min > n ? l->min : n;
        last = last > 0 ? last : 1;
        rest = vlm_build_node(&c->b, VLM_NODE_SPLIT, end, 0);
        uint32_t again = comma(c, vlm_schema_call(c, l->items, rest));
        if (c->b.rc == 0)
            c->b.g->nodes[rest].b = again;
    }
    for (size_t i = last; i-- > 0 && c->b.rc == 0;) { /* item i and what follows it */
        size_t before = vlm_schema_enter(c, i < n ? "prefixItems" : "items");
        uint32_t one = vlm_schema_call(c, item_schema(l, i), rest);
        vlm_schema_leave(c, before);
        if (i > 0)
            one = comma(c, one);
        rest = i >= l->min ? vlm_build_either(&c->b, one, end) : one;
    }
    return vlm_schema_text(c, "[", rest);
}

uint32_t vlm_schema_array(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    static const char *const keys[] = {
        "type",     "items",           "prefixItems", "minItems",
        "maxItems", "additionalItems", "uniqueItems", "unevaluatedItems",
        NULL};
    if (!vlm_schema_only(c, schema, keys))
        return 0;
    struct list l = {json_object_get(schema, "prefixItems"), json_object_get(schema, "items"),
                     vlm_schema_count(c, schema, "minItems", 0, false),
                     vlm_schema_count(c, schema, "maxItems", SIZE_MAX, true)};
    json_t *others = json_object_get(schema, "unevaluatedItems");
    if (json_is_array(l.items)) { /* as drafts before 2020 wrote prefixItems */
        if (l.prefix)
            return vlm_schema_refuse(c, "a list of items beside", "prefixItems");
        l.prefix = l.items;
        l.items = json_object_get(schema, "additionalItems");
    }
    if (!l.items)
        l.items = others;
    size_t n = json_array_size(l.prefix);
    if (json_is_false(l.items) && l.max > n)
        l.max = n;
    if (l.max < l.min)
        return vlm_schema_refuse(c, "expected minItems at most", "maxItems");
    if (json_is_true(json_object_get(schema, "uniqueItems")) && l.max > 1)
        return build_unique(c, &l, next);
    return build_items(c, &l, next);
}

/* ---- keys that a schema does not name ---- */

static const char free_key[] = " -_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static void add_byte(struct vlm_byte_set *s, uint8_t x)
{
    s->bits[x / 64] |= UINT64_C(1) << x % 64;
}

/* The properties' names in byte order. */
struct names {
    const char **key;
    uint32_t tail, close; /* any more of a key, its end; what stands behind it */
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A key that is none of key[lo..hi), which all begin with the same `at` bytes: letters, digits, '_'
 * '-' and ' ', so that no spelling of another key is met. */
static uint32_t other_key(struct vlm_schema *c, const struct names *n, size_t lo, size_t hi,
                          size_t at)
{
    struct vlm_byte_set others = {{0}};
    bool is_key = lo < hi && n->key[lo][at] == 0, any = false;
    uint32_t all = 0;
    size_t i = lo + is_key;
    if (!vlm_schema_work(c, hi - lo))
        return 0;
    for (const char *p = free_key; *p; p++)
        add_byte(&others, (uint8_t)*p);
    while (i < hi) { /* those that go on with the same byte */
        uint8_t x = (uint8_t)n->key[i][at];
        size_t end = i;
        while (end < hi && (uint8_t)n->key[end][at] == x)
            end++;
        bool is_free = others.bits[x / 64] >> x % 64 & 1;
        others.bits[x / 64] &= ~(UINT64_C(1) << x % 64);
        if (is_free && at < VLM_LIMIT_GRAMMAR_DEPTH) /* deeper, no key begins so: a subset */
            all = either(c, all, vlm_build_range(&c->b, x, x, other_key(c, n, i, end, at + 1)));
        i = end;
    }
    for (int k = 0; k < 4; k++)
        any = any || others.bits[k];
    if (any)
        all = either(c, all, vlm_build_set(&c->b, &others, n->tail));
    return !is_key && at > 0 ? either(c, all, n->close) : all;
}

static uint32_t other_pair(struct vlm_schema *c, json_t *properties, json_t *value, uint32_t next)
{
    const char *keys[VLM_LIMIT_GRAMMAR_PROPERTIES], *key;
    struct names names = {.key = keys};
    struct vlm_byte_set set = {{0}};
    json_t *v;
    size_t n = 0;
    json_object_foreach(properties, key, v) if (n < VLM_LIMIT_GRAMMAR_PROPERTIES) keys[n++] = key;
    if (n > 0)
        qsort(keys, n, sizeof *keys, by_name);
    names.close = vlm_schema_text(c, "\":", vlm_schema_space(c, vlm_schema_call(c, value, next)));
    for (const char *p = free_key; *p; p++)
        add_byte(&set, (uint8_t)*p);
    names.tail = vlm_build_node(&c->b, VLM_NODE_SPLIT, names.close, 0);
    uint32_t more = vlm_build_set(&c->b, &set, names.tail);
    if (c->b.rc == 0)
        c->b.g->nodes[names.tail].b = more;
    return vlm_schema_text(c, "\"", other_key(c, &names, 0, n, 0));
}

/* ---- objects whose keys are all free ---- */

struct map {
    json_t *keys, *value; /* keys: the schema of a key; NULL: any */
    size_t min, max;
};

static uint32_t free_pair(struct vlm_schema *c, const struct map *m, uint32_t next)
{
    if (!m->keys)
        return other_pair(c, NULL, m->value, next);
    next = vlm_schema_text(c, ":", vlm_schema_space(c, vlm_schema_call(c, m->value, next)));
    return vlm_schema_string(c, m->keys, next);
}

/* Keys may come twice, which counts once: more than one can be demanded of no such object. */
static uint32_t build_map(struct vlm_schema *c, const struct map *m, uint32_t next)
{
    uint32_t end = vlm_schema_text(c, "}", next), rest = end;
    size_t last = m->max;
    if (m->min > 1)
        return vlm_schema_refuse(c, "more than 1 where no property is named:", "minProperties");
    if (m->max < m->min)
        return vlm_schema_refuse(c, "expected minProperties at most", "maxProperties");
    if (m->max == SIZE_MAX) {
        last = 1;
        rest = vlm_build_node(&c->b, VLM_NODE_SPLIT, end, 0);
        uint32_t again = comma(c, free_pair(c, m, rest));
        if (c->b.rc == 0)
            c->b.g->nodes[rest].b = again;
    }
    for (size_t i = last; i-- > 0 && c->b.rc == 0;) {
        uint32_t one = free_pair(c, m, rest);
        if (i > 0)
            one = comma(c, one);
        rest = i >= m->min ? vlm_build_either(&c->b, one, end) : one;
    }
    return vlm_schema_text(c, "{", rest);
}

/* ---- objects with properties ---- */

struct object {
    json_t *schema, *properties, *extra; /* extra NULL: no others */
    size_t min, max;
};

static uint32_t pair(struct some *s, size_t i, uint32_t next)
{
    struct vlm_schema *c = s->c;
    const char *key = s->keys[i];
    json_t *value = json_object_get(s->list, key);
    size_t before = vlm_schema_enter(c, key);
    /* built once for all counts where there are many */
    uint32_t node = s->top > 1 ? vlm_schema_call(c, value, next) : vlm_schema_build(c, value, next);
    node = vlm_schema_text(c, "\":", vlm_schema_space(c, node));
    node = vlm_schema_text(c, "\"", vlm_build_json_text(&c->b, key, strlen(key), node));
    vlm_schema_leave(c, before);
    return node;
}

static bool required(struct some *s, size_t i)
{
    return vlm_schema_requires(s->schema, s->keys[i]);
}

/* What follows the named properties: others, then the end.  Others do not count for the minimum,
 * because a key may come twice. */
static void fill_tail(struct some *s, const struct object *o, uint32_t end)
{
    struct vlm_schema *c = s->c;
    for (size_t k = s->top + 1; k-- > o->min && c->b.rc == 0;) {
        s->row[k] = end;
        if (!o->extra || (k == s->top && !s->open))
            continue;
        bool again = k == s->top; /* any number */
        uint32_t loop = again ? vlm_build_node(&c->b, VLM_NODE_SPLIT, end, 0) : 0;
        uint32_t one = other_pair(c, o->properties, o->extra, again ? loop : s->row[k + 1]);
        if (k > 0)
            one = comma(c, one);
        if (again && c->b.rc == 0)
            c->b.g->nodes[loop].b = one;
        s->row[k] = again ? loop : either(c, one, end);
    }
}

static uint32_t build_properties(struct vlm_schema *c, const struct object *o, uint32_t next)
{
    const char *keys[VLM_LIMIT_GRAMMAR_PROPERTIES], *key;
    struct some s = {.c = c, .make = pair, .must = required, .keys = keys};
    json_t *value;
    s.schema = o->schema;
    s.list = o->properties;
    json_object_foreach(o->properties, key, value)
    {
        if (s.n == VLM_LIMIT_GRAMMAR_PROPERTIES)
            return vlm_schema_refuse(c, "more properties than the limit, at", key);
        keys[s.n++] = key;
    }
    if (o->min > s.n)
        return vlm_schema_refuse(c, "more than the named properties:", "minProperties");
    if (o->max < o->min)
        return vlm_schema_refuse(c, "expected minProperties at most", "maxProperties");
    s.open = o->max == SIZE_MAX || (!o->extra && o->max >= s.n);
    if (!take_row(&s, !s.open ? o->max : o->min > 0 ? o->min : 1))
        return 0;
    fill_tail(&s, o, vlm_schema_text(c, "}", next));
    uint32_t node = build_some(&s);
    vlm_mem_free(c->b.g->alloc, s.row);
    return vlm_schema_text(c, "{", node);
}

/* The properties and those that are only required, as far as others are allowed at all. */
static json_t *all_properties(struct vlm_schema *c, json_t *schema, json_t *extra)
{
    json_t *properties = json_object_get(schema, "properties"), *v;
    json_t *all = vlm_schema_made(c, properties ? json_copy(properties) : json_object());
    bool closed = json_is_false(json_object_get(schema, "additionalProperties")) ||
                  json_is_false(json_object_get(schema, "unevaluatedProperties"));
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, v)
    {
        if (!json_is_string(v))
            vlm_schema_refuse(c, "expected names in", "required");
        else if (json_object_get(all, json_string_value(v)))
            continue;
        else if (closed)
            vlm_schema_refuse(c, "required, but not allowed:", json_string_value(v));
        else if (json_object_set(all, json_string_value(v), extra ? extra : json_true()) != 0)
            vlm_schema_made(c, NULL); /* out of memory */
    }
    return all;
}

/* Objects whose keys must fit a pattern or a schema. */
static uint32_t build_keyed(struct vlm_schema *c, struct object *o, uint32_t next)
{
    json_t *patterns = json_object_get(o->schema, "patternProperties"), *v, *value = o->extra;
    json_t *names = json_object_get(o->schema, "propertyNames");
    const char *pattern = NULL, *key;
    size_t i;
    if (json_object_size(o->properties) > 0 ||
        (patterns && (names || json_object_size(patterns) > 1)))
        return vlm_schema_refuse(c, "not supported beside other properties:",
                                 patterns ? "patternProperties" : "propertyNames");
    json_object_foreach(patterns, pattern, value) break;
    if (pattern)
        names = vlm_schema_made(c, json_pack("{ss}", "pattern", pattern));
    if (!value)
        return o->min ? vlm_schema_refuse(c, "nothing fulfils", "minProperties")
                      : vlm_schema_text(c, "{}", next);
    json_t *list = json_object_get(names, "enum");
    if (list && json_object_size(names) == 1u + ((json_object_get(names, "type") !=
                                                  NULL))) { /* then the keys are known after all */
        o->properties = vlm_schema_made(c, json_object());
        o->extra = NULL;
        json_array_foreach(list, i, v)
        {
            key = json_string_value(v);
            if (key && json_object_set(o->properties, key, value) != 0)
                vlm_schema_made(c, NULL);
        }
        return build_properties(c, o, next);
    }
    if (names && !json_is_object(names))
        return vlm_schema_refuse(c, "expected a schema for", "propertyNames");
    struct map m = {names, value, o->min, o->max};
    return build_map(c, &m, next);
}

uint32_t vlm_schema_object(struct vlm_schema *c, json_t *schema, uint32_t next)
{
    static const char *const keys[] = {"type",
                                       "properties",
                                       "required",
                                       "additionalProperties",
                                       "minProperties",
                                       "maxProperties",
                                       "patternProperties",
                                       "propertyNames",
                                       "unevaluatedProperties",
                                       NULL};
    if (!vlm_schema_only(c, schema, keys))
        return 0;
    json_t *extra = json_object_get(schema, "additionalProperties");
    json_t *others = json_object_get(schema, "unevaluatedProperties");
    bool named = json_object_size(json_object_get(schema, "properties")) > 0;
    if (!extra)
        extra = others ? others : named ? NULL : json_true();
    if (json_is_false(extra))
        extra = NULL;
    struct object o = {schema, all_properties(c, schema, extra), extra,
                       vlm_schema_count(c, schema, "minProperties", 0, false),
                       vlm_schema_count(c, schema, "maxProperties", SIZE_MAX, true)};
    if (c->b.rc < 0)
        return 0;
    if (json_object_get(schema, "patternProperties") || json_object_get(schema, "propertyNames"))
        return build_keyed(c, &o, next);
    if (json_object_size(o.properties) > 0)
        return build_properties(c, &o, next);
    struct map m = {NULL, extra, o.min, o.max};
    if (extra)
        return build_map(c, &m, next);
    return o.min ? vlm_schema_refuse(c, "nothing fulfils", "minProperties")
                 : vlm_schema_text(c, "{}", next);
}
