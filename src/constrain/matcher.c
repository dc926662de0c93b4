/* matcher.c: a grammar determinised while it is used.
 *
 * A configuration is (node that wants a byte, stack of nodes to return to); a state is a sorted set
 * of them.  States, stacks and configurations live in arrays of fixed size taken at open; when one
 * is full the matcher forgets all states and begins a new generation.  Masks are kept for the
 * states used last, because most tokens of an answer stand in the same few states (inside a
 * string).  A mask walks the vocabulary in byte order, so that shared beginnings are walked once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "constrain/grammar.h"

enum {
    MAX_STATES = 16384,
    MAX_CONFIGS = 1 << 19,
    MAX_STACKS = 1 << 16,
    MAX_SET = 8192,                        /* configurations of one state */
    MAX_TOKEN = VLM_CONSTRAIN_TOKEN_BYTES, /* longer tokens are never allowed */
    TABLE = 1 << 15,                       /* of states by hash */
    STACK_TABLE = 1 << 17
};
#define UNKNOWN UINT32_MAX
#define DEAD 0u

struct config {
    uint32_t node, stack;
};
struct stack {
    uint32_t parent, node, depth;
};
struct state {
    uint32_t first, n; /* configurations */
    uint32_t hash;
    int32_t mask; /* slot, or -1 */
    bool complete;
};

struct visited {
    uint32_t mark;
    struct config c;
};

struct vlm_matcher {
    const vlm_allocator *alloc;
    const struct vlm_grammar *g;
    struct vlm_vocabulary v;
    uint32_t *order;  /* ids with bytes, in byte order */
    uint16_t *common; /* bytes shared with the one before in that order */
    size_t n_order;
    uint8_t class_of[256];
    size_t n_classes;
    struct state *states; /* 0 is DEAD */
    uint32_t *next;       /* [state][class] */
    size_t n_states, n_configs, n_stacks;
    struct config *configs;
    struct stack *stacks; /* 0 is the empty one */
    uint32_t *table, *stack_table;
    uint64_t *masks; /* [slot][words] */
    uint32_t *mask_state;
    size_t n_masks, next_mask, words;
    uint32_t generation, start;
    bool full;
    struct config *set, *work; /* of the state being made; nodes still to expand */
    size_t n_set;
    uint32_t seen_mark;
    struct visited *visited; /* [MAX_SET * 4], by hash: what this closure has been to */
    bool set_complete;
    uint64_t bytes;
};

/* ---- making states ---- */

static uint32_t mix(uint32_t a, uint32_t b)
{
    uint64_t x = (uint64_t)a * UINT64_C(0x9E3779B97F4A7C15) ^ b * UINT64_C(0xC2B2AE3D27D4EB4F);
    return (uint32_t)(x >> 32 ^ x);
}

static uint32_t push(struct vlm_matcher *m, uint32_t parent, uint32_t node)
{
    uint32_t at = mix(parent, node) % STACK_TABLE;
    for (; m->stack_table[at]; at = (at + 1) % STACK_TABLE) {
        const struct stack *s = &m->stacks[m->stack_table[at]];
        if (s->parent == parent && s->node == node)
            return m->stack_table[at];
    }
    if (m->n_stacks == MAX_STACKS) {
        m->full = true;
        return 0;
    }
    m->stacks[m->n_stacks] = (struct stack){parent, node, m->stacks[parent].depth + 1};
    m->stack_table[at] = (uint32_t)m->n_stacks;
    return (uint32_t)m->n_stacks++;
}

/* true when (node, stack) was not in this closure yet */
static bool visit(struct vlm_matcher *m, struct config c)
{
    uint32_t at = mix(c.node, c.stack) % (MAX_SET * 4);
    for (; m->visited[at].mark == m->seen_mark; at = (at + 1) % (MAX_SET * 4))
        if (m->visited[at].c.node == c.node && m->visited[at].c.stack == c.stack)
            return false;
    m->visited[at].mark = m->seen_mark;
    m->visited[at].c = c;
    return true;
}

static void begin_set(struct vlm_matcher *m)
{
    m->n_set = 0;
    m->set_complete = false;
    m->seen_mark++; /* wraps after 4 billion states; then an old mark could hide one: cleared */
    if (m->seen_mark == 0) {
        memset(m->visited, 0, sizeof *m->visited * MAX_SET * 4);
        m->seen_mark = 1;
    }
}

/* Adds everything that c reaches without a byte.  What cannot get to its end within the limit of
 * nested calls is not entered, so that every text that fits can be completed. */
static void add(struct vlm_matcher *m, struct config c)
{
    size_t n_work = 0, steps = 0;
    m->work[n_work++] = c;
    while (n_work > 0 && !m->full) {
        c = m->work[--n_work];
        if (!visit(m, c))
            continue;
        if (++steps > MAX_SET * 2 || n_work + 2 > MAX_SET) {
            m->full = true;
            return;
        }
        const struct vlm_node *n = &m->g->nodes[c.node];
        if (m->stacks[c.stack].depth + n->need > VLM_LIMIT_GRAMMAR_DEPTH)
            continue;
        switch ((enum vlm_node_kind)n->kind) {
        case VLM_NODE_SET:
            if (m->n_set == MAX_SET)
                m->full = true;
            else
                m->set[m->n_set++] = c;
            break;
        case VLM_NODE_SPLIT:
            m->work[n_work++] = (struct config){n->b, c.stack};
            m->work[n_work++] = (struct config){n->a, c.stack};
            break;
        case VLM_NODE_CALL:
            m->work[n_work++] = (struct config){n->a, push(m, c.stack, n->b)};
            break;
        case VLM_NODE_RETURN:
            if (c.stack)
                m->work[n_work++] =
                    (struct config){m->stacks[c.stack].node, m->stacks[c.stack].parent};
            break;
        case VLM_NODE_ACCEPT:
            m->set_complete = true;
            break;
        case VLM_NODE_DEAD:
            break;
        }
    }
}

static bool comes_first(struct config x, struct config y)
{
    return x.node < y.node || (x.node == y.node && x.stack < y.stack);
}

/* Shell's, because qsort may take memory; nearly all sets have a few members. */
static void sort_set(struct config *c, size_t n)
{
    static const uint16_t gaps[] = {3548, 1577, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (size_t i = gaps[g]; i < n; i++) {
            struct config x = c[i];
            size_t at = i;
            for (; at >= gaps[g] && comes_first(x, c[at - gaps[g]]); at -= gaps[g])
                c[at] = c[at - gaps[g]];
            c[at] = x;
        }
}

/* The state of the set just made; DEAD with full set when there is no room. */
static uint32_t intern(struct vlm_matcher *m)
{
    if (m->full || (m->n_set == 0 && !m->set_complete))
        return DEAD;
    sort_set(m->set, m->n_set);
    uint32_t hash = m->set_complete;
    for (size_t i = 0; i < m->n_set; i++)
        hash = mix(hash, mix(m->set[i].node, m->set[i].stack));
    uint32_t at = hash % TABLE;
    for (; m->table[at]; at = (at + 1) % TABLE) {
        const struct state *s = &m->states[m->table[at]];
        if (s->hash == hash && s->n == m->n_set && s->complete == m->set_complete &&
            (s->n == 0 || memcmp(m->configs + s->first, m->set, s->n * sizeof *m->set) == 0))
            return m->table[at];
    }
    if (m->n_states == MAX_STATES || m->n_configs + m->n_set > MAX_CONFIGS) {
        m->full = true;
        return DEAD;
    }
    uint32_t id = (uint32_t)m->n_states++;
    m->states[id] = (struct state){.first = (uint32_t)m->n_configs,
                                   .n = (uint32_t)m->n_set,
                                   .hash = hash,
                                   .mask = -1,
                                   .complete = m->set_complete};
    if (m->n_set)
        memcpy(m->configs + m->n_configs, m->set, m->n_set * sizeof *m->set);
    m->n_configs += m->n_set;
    for (size_t c = 0; c < m->n_classes; c++)
        m->next[id * m->n_classes + c] = UNKNOWN;
    m->table[at] = id;
    return id;
}

static void forget(struct vlm_matcher *m)
{
    memset(m->table, 0, TABLE * sizeof *m->table);
    memset(m->stack_table, 0, STACK_TABLE * sizeof *m->stack_table);
    for (size_t i = 0; i < m->n_masks; i++)
        m->mask_state[i] = DEAD;
    m->n_states = 1;
    m->n_stacks = 1;
    m->n_configs = 0;
    m->full = false;
    m->generation++;
    begin_set(m);
    add(m, (struct config){m->g->start, 0});
    m->start = intern(m);
}

static bool in_set(const struct vlm_byte_set *s, uint8_t byte)
{
    return s->bits[byte / 64] >> byte % 64 & 1;
}

/* The set behind byte from the configurations c[0..n), which may not be m->set. */
static void follow(struct vlm_matcher *m, const struct config *c, size_t n, uint8_t byte)
{
    begin_set(m);
    for (size_t i = 0; i < n && !m->full; i++) {
        const struct vlm_node *node = &m->g->nodes[c[i].node];
        if (in_set(&m->g->sets[node->set], byte))
            add(m, (struct config){node->a, c[i].stack});
    }
}

static uint32_t step(struct vlm_matcher *m, uint32_t state, uint8_t byte)
{
    uint32_t *to = &m->next[state * m->n_classes + m->class_of[byte]];
    if (*to == UNKNOWN) {
        follow(m, m->configs + m->states[state].first, m->states[state].n, byte);
        uint32_t id = intern(m);
        if (m->full)
            return DEAD;
        *to = id;
    }
    return *to;
}

/* ---- opening ---- */

/* Bytes that every set of the grammar holds or lacks together are one class. */
static void make_classes(struct vlm_matcher *m)
{
    memset(m->class_of, 0, sizeof m->class_of);
    m->n_classes = 1;
    for (size_t s = 0; s < m->g->n_sets && m->n_classes < 256; s++) {
        int16_t split[256];
        uint8_t first_in[256];
        memset(split, -1, sizeof split);
        memset(first_in, 2, sizeof first_in);
        size_t n = m->n_classes;
        for (unsigned c = 0; c < 256; c++) {
            uint8_t k = m->class_of[c], in = in_set(&m->g->sets[s], (uint8_t)c);
            if (first_in[k] == 2)
                first_in[k] = in;
            if (first_in[k] != in) {
                if (split[k] < 0)
                    split[k] = (int16_t)n++;
                m->class_of[c] = (uint8_t)split[k];
            }
        }
        m->n_classes = n;
    }
}

static int by_bytes(const void *a, const void *b, void *ctx)
{
    const struct vlm_vocabulary *v = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    size_t nx = v->begin[x + 1] - v->begin[x], ny = v->begin[y + 1] - v->begin[y];
    int c = memcmp(v->bytes + v->begin[x], v->bytes + v->begin[y], nx < ny ? nx : ny);
    if (c == 0)
        c = (nx > ny) - (nx < ny);
    return c ? c : (x > y) - (x < y);
}

static void sort_vocabulary(struct vlm_matcher *m)
{
    const struct vlm_vocabulary *v = &m->v;
    for (size_t i = 0; i < v->n; i++) {
        size_t n = v->begin[i + 1] - v->begin[i];
        if (n > 0 && n <= MAX_TOKEN)
            m->order[m->n_order++] = (uint32_t)i;
    }
    qsort_r(m->order, m->n_order, sizeof *m->order, by_bytes, (void *)(uintptr_t)v);
    for (size_t i = 0; i < m->n_order; i++) {
        size_t k = 0;
        if (i > 0) {
            const uint8_t *x = v->bytes + v->begin[m->order[i - 1]];
            const uint8_t *y = v->bytes + v->begin[m->order[i]];
            size_t nx = v->begin[m->order[i - 1] + 1] - v->begin[m->order[i - 1]];
            size_t ny = v->begin[m->order[i] + 1] - v->begin[m->order[i]];
            while (k < nx && k < ny && x[k] == y[k])
                k++;
        }
        m->common[i] = (uint16_t)k;
    }
}

static void *take(struct vlm_matcher *m, size_t n, size_t size)
{
    m->bytes += n * size;
    return vlm_mem_zalloc(m->alloc, n, size);
}

int vlm_matcher_open(struct vlm_matcher **out, const vlm_allocator *alloc,
                     const struct vlm_grammar *g, const struct vlm_vocabulary *v, vlm_error *err)
{
    struct vlm_matcher *m = vlm_mem_zalloc(alloc, 1, sizeof *m);
    if (!m)
        return vlm_fail_memory(err, sizeof *m, "a constraint");
    m->alloc = alloc;
    m->g = g;
    m->v = *v;
    m->bytes = sizeof *m;
    m->words = (v->n + 63) / 64;
    m->n_masks = 256;
    make_classes(m);
    m->order = take(m, v->n, sizeof *m->order);
    m->common = take(m, v->n, sizeof *m->common);
    m->states = take(m, MAX_STATES, sizeof *m->states);
    m->next = take(m, MAX_STATES * m->n_classes, sizeof *m->next);
    m->configs = take(m, MAX_CONFIGS, sizeof *m->configs);
    m->stacks = take(m, MAX_STACKS, sizeof *m->stacks);
    m->table = take(m, TABLE, sizeof *m->table);
    m->stack_table = take(m, STACK_TABLE, sizeof *m->stack_table);
    m->masks = take(m, m->n_masks * m->words, sizeof *m->masks);
    m->mask_state = take(m, m->n_masks, sizeof *m->mask_state);
    m->set = take(m, MAX_SET, sizeof *m->set);
    m->work = take(m, MAX_SET, sizeof *m->work);
    m->visited = take(m, (size_t)MAX_SET * 4, sizeof *m->visited);
    if (!m->order || !m->common || !m->states || !m->next || !m->configs || !m->stacks ||
        !m->table || !m->stack_table || !m->masks || !m->mask_state || !m->set || !m->work ||
        !m->visited) {
        uint64_t bytes = m->bytes;
        vlm_matcher_close(m);
        return vlm_fail_memory(err, bytes, "a constraint");
    }
    sort_vocabulary(m);
    forget(m);
    if (m->full || m->start == DEAD) {
        bool full = m->full;
        vlm_matcher_close(m);
        return vlm_fail(err, full ? VLM_ERR_LIMIT : VLM_ERR_ARGUMENT,
                        full ? "constraint: found too many ways to begin"
                             : "constraint: found one that no text fulfils");
    }
    *out = m;
    return VLM_OK;
}

void vlm_matcher_close(struct vlm_matcher *m)
{
    if (!m)
        return;
    void *all[] = {m->order,  m->common, m->states,      m->next,  m->configs,
                   m->stacks, m->table,  m->stack_table, m->masks, m->mask_state,
                   m->set,    m->work,   m->visited};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        vlm_mem_free(m->alloc, all[i]);
    vlm_mem_free(m->alloc, m);
}

uint64_t vlm_matcher_bytes(const struct vlm_matcher *m)
{
    return m->bytes;
}

/* ---- using ---- */

struct vlm_place vlm_matcher_start(struct vlm_matcher *m)
{
    return (struct vlm_place){m->start, m->generation};
}

bool vlm_matcher_stale(const struct vlm_matcher *m, struct vlm_place p)
{
    return p.generation != m->generation;
}

static bool advance(struct vlm_matcher *m, struct vlm_place *p, const uint8_t *bytes, size_t n)
{
    uint32_t s = p->state;
    for (size_t i = 0; i < n && s != DEAD; i++)
        s = step(m, s, bytes[i]);
    if (s == DEAD)
        return false;
    p->state = s;
    return true;
}

bool vlm_matcher_advance(struct vlm_matcher *m, struct vlm_place *p, const void *bytes, size_t n)
{
    if (vlm_matcher_stale(m, *p))
        return false;
    bool fits = advance(m, p, bytes, n);
    if (m->full)
        forget(m); /* p is stale now */
    return fits;
}

int vlm_matcher_find(struct vlm_place *out, struct vlm_matcher *m, const void *text, size_t n,
                     vlm_error *err)
{
    const uint8_t *bytes = text;
    for (int attempt = 0; attempt < 2; attempt++) {
        struct vlm_place p = vlm_matcher_start(m);
        size_t i = 0;
        while (i < n && advance(m, &p, bytes + i, 1))
            i++;
        if (i == n) {
            *out = p;
            return VLM_OK;
        }
        if (!m->full)
            return vlm_fail(err, VLM_ERR_ARGUMENT, "constraint: byte %llu of the text does not fit",
                            (unsigned long long)i);
        forget(m);
    }
    return vlm_fail(err, VLM_ERR_LIMIT, "constraint: found a text that needs more than %d states",
                    (int)MAX_STATES);
}

/* The ids that keep the text going from state, as bits. */
static bool fill(struct vlm_matcher *m, uint64_t *mask, uint32_t state)
{
    uint32_t at[MAX_TOKEN + 1]; /* states behind 0, 1, ... bytes of the current token */
    size_t known = 0;           /* how many bytes of it at holds */
    at[0] = state;
    memset(mask, 0, m->words * sizeof *mask);
    for (size_t i = 0; i < m->n_order; i++) {
        uint32_t id = m->order[i];
        const uint8_t *b = m->v.bytes + m->v.begin[id];
        size_t n = m->v.begin[id + 1] - m->v.begin[id];
        if (m->common[i] < known)
            known = m->common[i];
        else if (m->common[i] > known)
            continue; /* the beginning it shares with the one before is dead already */
        while (known < n) {
            uint32_t s = step(m, at[known], b[known]);
            if (m->full)
                return false;
            if (s == DEAD)
                break;
            at[++known] = s;
        }
        if (known == n)
            mask[id / 64] |= UINT64_C(1) << id % 64;
    }
    return true;
}

const uint64_t *vlm_matcher_mask(struct vlm_matcher *m, struct vlm_place p, bool *complete)
{
    if (vlm_matcher_stale(m, p))
        return NULL;
    struct state *s = &m->states[p.state];
    *complete = s->complete;
    if (s->mask >= 0)
        return m->masks + (size_t)s->mask * m->words;
    /* room for what one mask may need, or the text finds its place again in an empty table */
    if (m->n_states > MAX_STATES / 2 || m->n_configs > MAX_CONFIGS / 2 ||
        m->n_stacks > MAX_STACKS / 2) {
        forget(m);
        return NULL;
    }
    size_t slot = m->next_mask++ % m->n_masks;
    uint64_t *mask = m->masks + slot * m->words;
    if (m->mask_state[slot] != DEAD)
        m->states[m->mask_state[slot]].mask = -1;
    m->mask_state[slot] = DEAD;
    if (!fill(m, mask, p.state)) {
        forget(m);
        return NULL;
    }
    s->mask = (int32_t)slot;
    m->mask_state[slot] = p.state;
    return mask;
}
