/* grammar.c: nodes, byte sets, characters as bytes. */
#include "constrain/grammar.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"

int vlm_grammar_begin(struct vlm_grammar_builder *b, const vlm_allocator *alloc, vlm_error *err)
{
    *b = (struct vlm_grammar_builder){.err = err};
    b->g = vlm_mem_zalloc(alloc, 1, sizeof *b->g);
    if (!b->g)
        return b->rc = vlm_fail_memory(err, sizeof *b->g, "a grammar");
    b->g->alloc = alloc;
    vlm_build_node(b, VLM_NODE_DEAD, 0, 0); /* node 0: what a failed build returns */
    if (b->rc < 0)
        vlm_grammar_free(b->g);
    return b->rc;
}

/* ---- how deep calls must nest ---- */

struct needs {
    struct vlm_node *nodes;
    uint32_t *first, *from; /* who leads to node i: from[first[i]] up to from[first[i + 1]] */
    uint32_t *queue, n_queue;
    uint8_t level;
};

static void settle(struct needs *s, uint32_t i, uint8_t need)
{
    if (s->nodes[i].need <= need)
        return;
    s->nodes[i].need = need;
    if (need == s->level)
        s->queue[s->n_queue++] = i;
}

/* Node i is known: what does that say about x, which leads to it? */
static void follow_back(struct needs *s, uint32_t x)
{
    const struct vlm_node *n = &s->nodes[x];
    if (n->kind != VLM_NODE_CALL) {
        settle(s, x, s->level);
        return;
    }
    unsigned inside = s->nodes[n->a].need + 1u, behind = s->nodes[n->b].need;
    unsigned need = inside > behind ? inside : behind;
    if (inside <= VLM_NEED_NEVER && behind < VLM_NEED_NEVER && need <= VLM_LIMIT_GRAMMAR_DEPTH)
        settle(s, x, (uint8_t)need);
}

static bool leads(const struct vlm_node *n, int way)
{
    return n->kind == VLM_NODE_SPLIT || n->kind == VLM_NODE_CALL ||
           (way == 0 && n->kind == VLM_NODE_SET);
}

/* Level by level: a node settled at a level is settled for good, so that each is looked at once for
 * each edge. */
static void find_needs(struct needs *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->nodes[i].need = VLM_NEED_NEVER;
    for (unsigned level = 0; level <= VLM_LIMIT_GRAMMAR_DEPTH; level++) {
        s->level = (uint8_t)level;
        s->n_queue = 0;
        for (uint32_t i = 0; i < n; i++) {
            bool end = s->nodes[i].kind == VLM_NODE_ACCEPT || s->nodes[i].kind == VLM_NODE_RETURN;
            if (level == 0 && end)
                settle(s, i, 0);
            else if (s->nodes[i].need == level) /* a call, settled ahead by a lower level */
                s->queue[s->n_queue++] = i;
        }
        if (s->n_queue == 0 && level > 0)
            return; /* nothing needs this depth, so nothing needs more */
        for (uint32_t at = 0; at < s->n_queue; at++)
            for (uint32_t k = s->first[s->queue[at]]; k < s->first[s->queue[at] + 1]; k++)
                follow_back(s, s->from[k]);
    }
}

static bool set_needs(struct vlm_grammar_builder *b)
{
    struct vlm_grammar *g = b->g;
    size_t n = g->n_nodes;
    struct needs s = {.nodes = g->nodes};
    s.first = vlm_mem_zalloc(g->alloc, n + 2, sizeof *s.first);
    s.from = vlm_mem_alloc(g->alloc, 2 * n, sizeof *s.from);
    s.queue = vlm_mem_alloc(g->alloc, n, sizeof *s.queue);
    bool good = s.first && s.from && s.queue;
    for (size_t i = 0; good && i < n; i++)
        for (int way = 0; way < 2; way++)
            if (leads(&g->nodes[i], way))
                s.first[(way ? g->nodes[i].b : g->nodes[i].a) + 2]++;
    for (size_t i = 2; good && i < n + 2; i++)
        s.first[i] += s.first[i - 1];
    for (size_t i = 0; good && i < n;
         i++) /* first[i + 1] moves from where i's list begins to its end */
        for (int way = 0; way < 2; way++)
            if (leads(&g->nodes[i], way))
                s.from[s.first[(way ? g->nodes[i].b : g->nodes[i].a) + 1]++] = (uint32_t)i;
    if (good)
        find_needs(&s, n);
    vlm_mem_free(g->alloc, s.first);
    vlm_mem_free(g->alloc, s.from);
    vlm_mem_free(g->alloc, s.queue);
    return good;
}

int vlm_grammar_end(struct vlm_grammar **out, struct vlm_grammar_builder *b, uint32_t start)
{
    if (b->rc == 0 && !set_needs(b))
        b->rc = vlm_fail_memory(b->err, b->g->n_nodes * 16, "a grammar");
    if (b->rc == 0 && b->g->nodes[start].need > VLM_LIMIT_GRAMMAR_DEPTH)
        b->rc = vlm_fail(b->err, VLM_ERR_ARGUMENT, "constraint: found one that no text fulfils");
    vlm_mem_free(b->g->alloc, b->set_table);
    b->set_table = NULL;
    if (b->rc < 0) {
        vlm_grammar_free(b->g);
        return b->rc;
    }
    b->g->start = start;
    *out = b->g;
    return VLM_OK;
}

void vlm_grammar_free(struct vlm_grammar *g)
{
    if (!g)
        return;
    vlm_mem_free(g->alloc, g->nodes);
    vlm_mem_free(g->alloc, g->sets);
    vlm_mem_free(g->alloc, g);
}

uint32_t vlm_build_node(struct vlm_grammar_builder *b, enum vlm_node_kind kind, uint32_t a,
                        uint32_t to)
{
    struct vlm_grammar *g = b->g;
    if (b->rc < 0)
        return 0;
    if (g->n_nodes == VLM_LIMIT_GRAMMAR_NODES) {
        b->rc = vlm_fail(b->err, VLM_ERR_LIMIT,
                         "constraint: found more than %llu nodes, expected a smaller one",
                         (unsigned long long)VLM_LIMIT_GRAMMAR_NODES);
        return 0;
    }
    if (!vlm_grow(g->alloc, &g->nodes, &g->cap_nodes, g->n_nodes, sizeof *g->nodes)) {
        b->rc = vlm_fail_memory(b->err, g->n_nodes * sizeof *g->nodes, "a grammar");
        return 0;
    }
    g->nodes[g->n_nodes] = (struct vlm_node){.kind = (uint8_t)kind, .a = a, .b = to};
    return (uint32_t)g->n_nodes++;
}

enum { SET_TABLE = 1 << 17 };

static size_t hash_set(const struct vlm_byte_set *s)
{
    uint64_t x = 0;
    for (int i = 0; i < 4; i++)
        x = (x ^ s->bits[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ x >> 29;
    return x >> 40 & (SET_TABLE - 1);
}

static bool find_set(struct vlm_grammar_builder *b, const struct vlm_byte_set *s, uint16_t *out)
{
    struct vlm_grammar *g = b->g;
    size_t at = hash_set(s);
    if (!b->set_table)
        b->set_table = vlm_mem_zalloc(g->alloc, SET_TABLE, sizeof *b->set_table);
    for (; b->set_table && b->set_table[at]; at = (at + 1) % SET_TABLE)
        if (memcmp(&g->sets[b->set_table[at] - 1], s, sizeof *s) == 0) {
            *out = (uint16_t)(b->set_table[at] - 1);
            return true;
        }
    if (g->n_sets == UINT16_MAX) {
        b->rc = vlm_fail(b->err, VLM_ERR_LIMIT,
                         "constraint: found more than %u sets of bytes, expected a smaller one",
                         (unsigned)UINT16_MAX);
        return false;
    }
    if (!b->set_table || !vlm_grow(g->alloc, &g->sets, &g->cap_sets, g->n_sets, sizeof *g->sets)) {
        b->rc = vlm_fail_memory(b->err, SET_TABLE * sizeof *b->set_table, "the sets of a grammar");
        return false;
    }
    g->sets[g->n_sets++] = *s;
    b->set_table[at] = (uint16_t)g->n_sets;
    *out = (uint16_t)(g->n_sets - 1);
    return true;
}

uint32_t vlm_build_set(struct vlm_grammar_builder *b, const struct vlm_byte_set *s, uint32_t next)
{
    uint16_t set;
    if (b->rc < 0 || !find_set(b, s, &set))
        return 0;
    uint32_t node = vlm_build_node(b, VLM_NODE_SET, next, 0);
    if (b->rc == 0)
        b->g->nodes[node].set = set;
    return node;
}

uint32_t vlm_build_range(struct vlm_grammar_builder *b, uint8_t lo, uint8_t hi, uint32_t next)
{
    struct vlm_byte_set s = {{0}};
    for (unsigned c = lo; c <= hi; c++)
        s.bits[c / 64] |= UINT64_C(1) << c % 64;
    return vlm_build_set(b, &s, next);
}

uint32_t vlm_build_bytes(struct vlm_grammar_builder *b, const void *bytes, size_t n, uint32_t next)
{
    const uint8_t *p = bytes;
    for (size_t i = n; i-- > 0;)
        next = vlm_build_range(b, p[i], p[i], next);
    return next;
}

uint32_t vlm_build_either(struct vlm_grammar_builder *b, uint32_t x, uint32_t y)
{
    return vlm_build_node(b, VLM_NODE_SPLIT, x, y);
}

uint32_t vlm_build_repeat(struct vlm_grammar_builder *b, vlm_build_fn make, void *ctx, size_t min,
                          size_t max, uint32_t next)
{
    if (max == SIZE_MAX) {
        uint32_t loop = vlm_build_node(b, VLM_NODE_SPLIT, 0, next);
        uint32_t body = make(ctx, loop);
        if (b->rc == 0)
            b->g->nodes[loop].a = body;
        next = loop;
    } else {
        uint32_t end = next;
        for (size_t i = min; i < max && b->rc == 0; i++)
            next = vlm_build_either(b, make(ctx, next), end);
    }
    for (size_t i = 0; i < min && b->rc == 0; i++)
        next = make(ctx, next);
    return next;
}

size_t vlm_ranges_tidy(struct vlm_range *r, size_t n)
{
    for (size_t i = 1; i < n; i++) { /* few ranges: insertion */
        struct vlm_range x = r[i];
        size_t at = i;
        for (; at > 0 && r[at - 1].lo > x.lo; at--)
            r[at] = r[at - 1];
        r[at] = x;
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (r[i].lo > r[i].hi)
            continue;
        if (kept > 0 && r[i].lo <= r[kept - 1].hi + 1) {
            if (r[i].hi > r[kept - 1].hi)
                r[kept - 1].hi = r[i].hi;
        } else {
            r[kept++] = r[i];
        }
    }
    return kept;
}

/* ---- characters ---- */

/* lo..hi, all of one length in UTF-8 and no surrogates: split until every byte but the first that
 * differs runs over its whole range. At most three levels deep for each of the four bytes. */
static uint32_t one_length(struct vlm_grammar_builder *b, uint32_t lo, uint32_t hi, uint32_t next)
{
    for (unsigned bits = 6; bits <= 18; bits += 6) {
        uint32_t low = (UINT32_C(1) << bits) - 1;
        if ((lo & ~low) == (hi & ~low) || hi <= 0x7F)
            break;
        if (lo & low)
            return vlm_build_either(b, one_length(b, lo, lo | low, next),
                                    one_length(b, (lo | low) + 1, hi, next));
        if ((hi & low) != low)
            return vlm_build_either(b, one_length(b, lo, (hi & ~low) - 1, next),
                                    one_length(b, hi & ~low, hi, next));
    }
    char x[4], y[4];
    size_t n = vlm_utf8_encode(x, lo);
    vlm_utf8_encode(y, hi);
    for (size_t i = n; i-- > 0;)
        next = vlm_build_range(b, (uint8_t)x[i], (uint8_t)y[i], next);
    return next;
}

static const struct vlm_range lengths[] = {
    {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};

/* c inside a JSON string where it may not stand as it is: \" \\ \n ... or \u00XX */
static uint32_t escaped(struct vlm_grammar_builder *b, unsigned c, uint32_t next)
{
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    static const char hex[] = "0123456789abcdef";
    const char *at = c ? strchr(names, (int)c) : NULL;
    char text[6] = {'\\', 'u', '0', '0', hex[c / 16 % 16], hex[c % 16]};
    if (!at)
        return vlm_build_bytes(b, text, 6, next);
    text[1] = letters[at - names];
    return vlm_build_bytes(b, text, 2, next);
}

static bool must_escape(unsigned c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

uint32_t vlm_build_chars(struct vlm_grammar_builder *b, const struct vlm_range *r, size_t n,
                         bool as_json, uint32_t next)
{
    struct vlm_byte_set plain = {{0}};
    bool any_plain = false;
    uint32_t all = 0;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t c = r[i].lo; c <= r[i].hi && c < 0x80; c++) {
            if (as_json && must_escape(c)) {
                uint32_t x = escaped(b, c, next);
                all = all ? vlm_build_either(b, x, all) : x;
            } else {
                plain.bits[c / 64] |= UINT64_C(1) << c % 64;
                any_plain = true;
            }
        }
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            uint32_t lo = r[i].lo > lengths[k].lo ? r[i].lo : lengths[k].lo;
            uint32_t hi = r[i].hi < lengths[k].hi ? r[i].hi : lengths[k].hi;
            if (lo > hi)
                continue;
            uint32_t x = one_length(b, lo, hi, next);
            all = all ? vlm_build_either(b, x, all) : x;
        }
    }
    if (any_plain) {
        uint32_t x = vlm_build_set(b, &plain, next);
        all = all ? vlm_build_either(b, x, all) : x;
    }
    return all ? all : vlm_build_node(b, VLM_NODE_DEAD, 0, 0);
}

uint32_t vlm_build_json_text(struct vlm_grammar_builder *b, const char *s, size_t n, uint32_t next)
{
    for (size_t i = n; i-- > 0;) {
        uint8_t c = (uint8_t)s[i];
        next = must_escape(c) ? escaped(b, c, next) : vlm_build_range(b, c, c, next);
    }
    return next;
}
