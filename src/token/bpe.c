/* bpe.c: a piece of text -> ids, by merging neighbours in the order of the merges.
 *
 * Short pieces are scanned again for each merge; long ones keep their pairs in a heap over a linked
 * list, n log n.  Both merge the pair of lowest rank, the leftmost of equals. */
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "token/internal.h"

enum { SHORT = 32 };
#define NONE UINT32_MAX

struct vlm_token_symbol {
    uint32_t id;         /* NONE: merged into the symbol before it */
    uint32_t prev, next; /* NONE at the ends */
};

/* The pair at symbols[pos] and its next may merge. Stale once either has changed. */
struct vlm_token_event {
    uint32_t rank, pos;
};

bool vlm_token_table_init(struct vlm_token_table *table, const vlm_allocator *alloc, size_t n)
{
    size_t n_slots = 16;
    while (n_slots < 2 * n)
        n_slots *= 2;
    table->slots = vlm_mem_zalloc(alloc, n_slots, sizeof *table->slots);
    table->mask = (uint32_t)(n_slots - 1);
    return table->slots;
}

bool vlm_token_table_put(struct vlm_token_table *table, uint64_t hash, uint32_t number)
{
    for (uint32_t i = 0; i < VLM_TOKEN_CHAIN; i++) {
        uint32_t *slot = &table->slots[(hash + i) & table->mask];
        if (*slot == 0) {
            *slot = number + 1;
            return true;
        }
    }
    return false;
}

uint64_t vlm_token_pair_hash(uint32_t left, uint32_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u;
    return (h ^ h >> 32) * 0xD6E8FEB86659FD93u >> 32;
}

int64_t vlm_token_rank(const struct vlm_tokenizer *t, uint32_t left, uint32_t right)
{
    uint64_t hash = vlm_token_pair_hash(left, right);
    for (uint32_t i = 0; i < VLM_TOKEN_CHAIN; i++) {
        uint32_t slot = t->pairs.slots[(hash + i) & t->pairs.mask];
        if (slot == 0)
            return -1;
        const struct vlm_token_merge *m = &t->merges[slot - 1];
        if (m->left == left && m->right == right)
            return slot - 1;
    }
    return -1;
}

int32_t vlm_token_word(const struct vlm_tokenizer *t, const char *s, size_t n)
{
    uint64_t hash = vlm_hash64(s, n, 0);
    for (uint32_t i = 0; i < VLM_TOKEN_CHAIN; i++) {
        uint32_t slot = t->words.slots[(hash + i) & t->words.mask];
        if (slot == 0)
            return -1;
        const struct vlm_token_entry *e = &t->entries[slot - 1];
        if (e->n == n && memcmp(t->bytes.data + e->at, s, n) == 0)
            return (int32_t)(slot - 1);
    }
    return -1;
}

static int push(struct vlm_token_run *r, uint32_t id)
{
    if (vlm_ids_push(r->out, (int32_t)id))
        return VLM_OK;
    return vlm_fail_memory(r->err, r->out->n * sizeof *r->out->data, "token ids");
}

/* The byte's token, or what stands for a byte without one; false when it gives nothing.  Where
 * users' text is involved a special token (an unk_token often is one) gives nothing either. */
static bool first_symbol(const struct vlm_token_run *r, unsigned char byte, bool *was_unknown,
                         uint32_t *id)
{
    const struct vlm_tokenizer *t = r->t;
    int32_t token = t->byte_id[byte];
    bool unknown = token < 0;
    if (unknown)
        token = *was_unknown && t->fuse_unk ? -1 : t->unk;
    *was_unknown = unknown;
    if (token < 0 || (r->n_plain > 0 && t->entries[token].special))
        return false;
    *id = (uint32_t)token;
    return true;
}

static int merge_short(struct vlm_token_run *r, const char *s, size_t n)
{
    uint32_t ids[SHORT];
    int64_t ranks[SHORT]; /* ranks[i]: of the pair ids[i], ids[i + 1] */
    size_t m = 0;
    bool unknown = false;
    for (size_t i = 0; i < n; i++)
        if (first_symbol(r, (unsigned char)s[i], &unknown, &ids[m]))
            m++;
    for (size_t i = 0; i + 1 < m; i++)
        ranks[i] = vlm_token_rank(r->t, ids[i], ids[i + 1]);
    for (;;) {
        size_t best = m;
        for (size_t i = 0; i + 1 < m; i++)
            if (ranks[i] >= 0 && (best == m || ranks[i] < ranks[best]))
                best = i;
        if (best == m)
            break;
        ids[best] = r->t->merges[ranks[best]].id;
        m--;
        for (size_t i = best + 1; i < m; i++) {
            ids[i] = ids[i + 1];
            ranks[i] = i + 1 < m ? ranks[i + 1] : -1;
        }
        if (best > 0)
            ranks[best - 1] = vlm_token_rank(r->t, ids[best - 1], ids[best]);
        if (best + 1 < m)
            ranks[best] = vlm_token_rank(r->t, ids[best], ids[best + 1]);
    }
    int rc = VLM_OK;
    for (size_t i = 0; i < m && rc == VLM_OK; i++)
        rc = push(r, ids[i]);
    return rc;
}

static bool before(const struct vlm_token_event *a, const struct vlm_token_event *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->pos < b->pos;
}

static void heap_add(struct vlm_token_event *heap, size_t *n, struct vlm_token_event e)
{
    size_t i = (*n)++;
    for (; i > 0 && before(&e, &heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = e;
}

static struct vlm_token_event heap_take(struct vlm_token_event *heap, size_t *n)
{
    struct vlm_token_event top = heap[0], last = heap[--*n];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < *n) {
        if (child + 1 < *n && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

static void consider(struct vlm_token_run *r, size_t *n_heap, uint32_t pos)
{
    uint32_t next = r->symbols[pos].next;
    if (next == NONE)
        return;
    int64_t rank = vlm_token_rank(r->t, r->symbols[pos].id, r->symbols[next].id);
    if (rank >= 0)
        heap_add(r->heap, n_heap, (struct vlm_token_event){(uint32_t)rank, pos});
}

/* Room for n symbols.  The heap holds at most 2n events: n - 1 at first, and each of up to n - 1
 * merges takes one and adds at most two. */
static int reserve(struct vlm_token_run *r, size_t n)
{
    const vlm_allocator *alloc = r->t->alloc;
    if (n <= r->cap_symbols)
        return VLM_OK;
    size_t cap = vlm_max_size(n, 2 * r->cap_symbols);
    vlm_mem_free(alloc, r->symbols);
    vlm_mem_free(alloc, r->heap);
    r->cap_symbols = 0;
    r->symbols = vlm_mem_alloc(alloc, cap, sizeof *r->symbols);
    r->heap = vlm_mem_alloc(alloc, cap, 2 * sizeof *r->heap);
    if (!r->symbols || !r->heap)
        return vlm_fail_memory(r->err, cap * (sizeof *r->symbols + 2 * sizeof *r->heap),
                               "merging a long word");
    r->cap_symbols = cap;
    return VLM_OK;
}

/* Fills the list of symbols; returns how many. */
static uint32_t list_symbols(struct vlm_token_run *r, const char *s, size_t n)
{
    uint32_t m = 0, id;
    bool unknown = false;
    for (size_t i = 0; i < n; i++)
        if (first_symbol(r, (unsigned char)s[i], &unknown, &id)) {
            r->symbols[m] = (struct vlm_token_symbol){id, m ? m - 1 : NONE, m + 1};
            m++;
        }
    if (m)
        r->symbols[m - 1].next = NONE;
    return m;
}

static int merge_long(struct vlm_token_run *r, const char *s, size_t n)
{
    int rc = reserve(r, n);
    if (rc < 0)
        return rc;
    struct vlm_token_symbol *symbols = r->symbols;
    uint32_t m = list_symbols(r, s, n);
    size_t n_heap = 0;
    for (uint32_t i = 0; i < m; i++)
        consider(r, &n_heap, i);
    while (n_heap > 0) {
        struct vlm_token_event e = heap_take(r->heap, &n_heap);
        struct vlm_token_symbol *left = &symbols[e.pos];
        if (left->id == NONE || left->next == NONE)
            continue;
        struct vlm_token_symbol *right = &symbols[left->next];
        int64_t rank = vlm_token_rank(r->t, left->id, right->id);
        if (rank != e.rank) /* stale */
            continue;
        left->id = r->t->merges[rank].id;
        left->next = right->next;
        right->id = NONE;
        if (right->next != NONE)
            symbols[right->next].prev = e.pos;
        if (left->prev != NONE)
            consider(r, &n_heap, left->prev);
        consider(r, &n_heap, e.pos);
    }
    for (uint32_t i = m ? 0 : NONE; i != NONE && rc == VLM_OK; i = symbols[i].next)
        rc = push(r, symbols[i].id);
    return rc;
}

int vlm_token_run_bpe(struct vlm_token_run *r, const char *s, size_t n)
{
    if (r->t->ignore_merges) {
        int32_t id = vlm_token_word(r->t, s, n);
        if (id >= 0)
            return push(r, (uint32_t)id);
    }
    return n <= SHORT ? merge_short(r, s, n) : merge_long(r, s, n);
}
