/* regex_count.c: a pattern together with lengths: its automaton over characters, once for every
 * count of them.  A node of kind SET of that automaton is one character, of the part that `set`
 * numbers. */
#include "base/limits.h"
#include "constrain/grammar.h"

struct counting {
    struct vlm_grammar_builder *b;
    vlm_build_char_fn make;
    void *ctx;
    const struct vlm_grammar *chars; /* a node of kind SET is a character of part `set` */
    const struct vlm_regex_use *use;
    size_t width;                /* counts 0 .. width - 1; the last stands for more without max */
    uint32_t *made, *work, next; /* made: [node][count], the node of ours, 0: none yet */
    size_t n_work;
};

/* Ours for (node, count): a split whose ways are filled in when its turn comes. */
static uint32_t ours(struct counting *k, uint32_t node, size_t count)
{
    size_t i = (size_t)node * k->width + count;
    if (!k->made[i] && k->b->rc == 0) {
        k->made[i] = vlm_build_node(k->b, VLM_NODE_SPLIT, 0, 0);
        if (k->b->rc == 0)
            k->work[k->n_work++] = (uint32_t)i;
    }
    return k->made[i];
}

static void fill_in(struct counting *k, size_t i)
{
    const struct vlm_node *n = &k->chars->nodes[i / k->width];
    size_t count = i % k->width, more = count + 1;
    uint32_t a = 0, b = 0;
    if (more == k->width)
        more = k->use->max == SIZE_MAX ? count : SIZE_MAX;
    if (n->kind == VLM_NODE_SPLIT) {
        a = ours(k, n->a, count);
        b = ours(k, n->b, count);
    } else if (n->kind == VLM_NODE_ACCEPT) {
        a = count >= k->use->min ? k->next : 0;
    } else if (n->kind == VLM_NODE_SET && more != SIZE_MAX) {
        a = k->make(k->ctx, n->set, ours(k, n->a, more));
    }
    if (k->b->rc == 0) {
        k->b->g->nodes[k->made[i]].a = a;
        k->b->g->nodes[k->made[i]].b = b;
    }
}

/* Nodes lead to lower ones, but for loops. */
bool vlm_build_fits(struct vlm_grammar_builder *b, const struct vlm_grammar *chars, uint32_t begin,
                    const struct vlm_regex_use *use)
{
    enum { ENDLESS = UINT32_MAX / 2 };
    const vlm_allocator *alloc = chars->alloc;
    uint32_t *least = vlm_mem_zalloc(alloc, chars->n_nodes, 2 * sizeof *least);
    uint32_t *most = least ? least + chars->n_nodes : NULL;
    bool fits = false;
    for (uint32_t i = 0; least && i < chars->n_nodes; i++) {
        const struct vlm_node *n = &chars->nodes[i];
        if (n->kind == VLM_NODE_SET) {
            least[i] = least[n->a] + 1;
            most[i] = most[n->a] == ENDLESS ? ENDLESS : most[n->a] + 1;
        } else if (n->kind == VLM_NODE_SPLIT && n->a >= i) {
            least[i] = least[n->b];
            most[i] = ENDLESS;
        } else if (n->kind == VLM_NODE_SPLIT) {
            least[i] = least[n->a] < least[n->b] ? least[n->a] : least[n->b];
            most[i] = most[n->a] > most[n->b] ? most[n->a] : most[n->b];
        }
    }
    if (!least)
        b->rc = vlm_fail_memory(b->err, chars->n_nodes * 2 * sizeof *least, "a regex");
    else
        fits = least[begin] >= use->min && most[begin] <= use->max;
    vlm_mem_free(alloc, least);
    return fits;
}

uint32_t vlm_build_counted(struct vlm_grammar_builder *b, const struct vlm_grammar *chars,
                           uint32_t begin, const struct vlm_regex_use *use, vlm_build_char_fn make,
                           void *ctx, uint32_t next)
{
    const vlm_allocator *alloc = b->g->alloc;
    size_t width = (use->max == SIZE_MAX ? use->min : use->max) + 1, n = chars->n_nodes * width;
    struct counting k = {b, make, ctx, chars, use, width, NULL, NULL, next, 0};
    if (chars->n_nodes > VLM_LIMIT_GRAMMAR_STEPS / width) {
        b->rc = vlm_fail(b->err, VLM_ERR_LIMIT,
                         "schema: found a pattern of %zu places beside lengths up to %zu, expected "
                         "a smaller product",
                         chars->n_nodes, width - 1);
        return 0;
    }
    k.made = vlm_mem_zalloc(alloc, n, sizeof *k.made);
    k.work = vlm_mem_alloc(alloc, n, sizeof *k.work);
    if (!k.made || !k.work)
        b->rc = vlm_fail_memory(b->err, 2 * n * sizeof *k.made, "a regex");
    begin = b->rc == 0 ? ours(&k, begin, 0) : 0;
    while (b->rc == 0 && k.n_work > 0)
        fill_in(&k, k.work[--k.n_work]);
    vlm_mem_free(alloc, k.made);
    vlm_mem_free(alloc, k.work);
    return begin;
}
