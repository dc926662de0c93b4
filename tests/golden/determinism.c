/* determinism.c: one hash of the logits over threads and chunks; one answer over cache states, to
 * the last bit of its log-probabilities (neighbours.c: over what runs beside it; kept.c: over what
 * is kept in memory and in files). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "golden.h"

/* How the work is split.  The first request of a checkpoint takes all, the others every third:
 * threads that outnumber the cores wait for each other more than they work. */
static const struct {
    int n_threads;
    size_t chunk;
} splits[] = {{1, 512}, {1, 1}, {1, 7}, {2, 64}, {3, 512}, {7, 512}};

static vlm_engine *open_engine(const char *model, const char *isa, int n_threads)
{
    vlm_engine *engine;
    vlm_error err;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.isa = isa;
    o.n_threads = n_threads;
    if (vlm_engine_open(&engine, model, &o, &err) < 0)
        golden_die("%s: %s", model, err.message);
    return engine;
}

static int hash_logits(void *ctx, const vlm_traced *piece)
{
    uint64_t *hash = ctx;
    if (strcmp(piece->name, "logits") == 0 || strcmp(piece->name, "generated_ids") == 0) {
        size_t n = piece->n_rows;
        for (size_t i = 1; i < piece->n_dims; i++)
            n *= piece->shape[i];
        *hash = golden_hash(*hash, piece->data, n);
    }
    return 0;
}

/* Of all logits of the prompt and the greedy ids. */
static uint64_t trace_hash(struct golden_case *c, vlm_engine *engine, size_t chunk, vlm_kv_type kv)
{
    vlm_error err;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.chunk = chunk;
    o.kv_type = kv;
    uint64_t hash = GOLDEN_HASH;
    if (vlm_trace(engine, c->messages, c->n_messages, NULL, 0, &o, GOLDEN_N_GENERATE, hash_logits,
                  &hash, &err) < 0)
        golden_die("%s: %s", c->folder, err.message);
    return hash;
}

void golden_answer_add(struct golden_answer *a, const vlm_token *t)
{
    a->hash = golden_hash(a->hash, &t->id, 1);
    a->hash = golden_hash(a->hash, &t->logprob, 1);
    for (size_t i = 0; i < t->n_top; i++) {
        a->hash = golden_hash(a->hash, &t->top[i].id, 1);
        a->hash = golden_hash(a->hash, &t->top[i].logprob, 1);
    }
    a->n_tokens++;
    if (a->n_text + t->n_text < sizeof a->text) {
        memcpy(a->text + a->n_text, t->text, t->n_text);
        a->n_text += t->n_text;
    }
}

static vlm_session *open_session(vlm_engine *engine, size_t chunk, vlm_kv_type kv)
{
    vlm_session *s;
    vlm_error err;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = GOLDEN_N_GENERATE;
    o.n_logprobs = 20;
    o.chunk = chunk;
    o.kv_type = kv;
    o.context = 2048;
    if (vlm_session_open(&s, engine, &o, &err) < 0)
        golden_die("session: %s", err.message);
    return s;
}

struct golden_answer golden_ask(vlm_session *s, const vlm_message *messages, size_t n)
{
    struct golden_answer a = {.hash = GOLDEN_HASH};
    vlm_error err;
    vlm_token token;
    int rc = vlm_session_sync(s, messages, n, &err);
    while (rc >= 0 && (rc = vlm_session_next(s, &token, &err)) == VLM_OK)
        golden_answer_add(&a, &token);
    if (rc < 0)
        golden_die("session: %s", err.message);
    vlm_stats stats;
    vlm_session_stats(s, &stats);
    a.cached = stats.cached_tokens;
    return a;
}

bool golden_same(const char *what, const char *folder, const struct golden_answer *a,
                 const struct golden_answer *b)
{
    if (a->hash == b->hash && a->n_tokens == b->n_tokens)
        return true;
    printf("FAILED %s: %s: %016" PRIx64 " after %zu tokens, expected %016" PRIx64 " after %zu\n",
           folder, what, a->hash, a->n_tokens, b->hash, b->n_tokens);
    return false;
}

/* The request, then the same with its answer and another question. */
struct talk {
    vlm_message messages[CASE_MAX_MESSAGES + 2];
    vlm_part more[2];
    size_t n_first, n_all;
};

static void make_talk(struct talk *t, const struct golden_case *c, char *answer)
{
    memcpy(t->messages, c->messages, c->n_messages * sizeof c->messages[0]);
    t->n_first = c->n_messages;
    t->n_all = c->n_messages + 2;
    t->more[0] = vlm_part_text(answer);
    t->more[1] = vlm_part_text("And how many on the second page?");
    t->messages[t->n_first] =
        (vlm_message){.role = "assistant", .parts = &t->more[0], .n_parts = 1};
    t->messages[t->n_first + 1] = (vlm_message){.role = "user", .parts = &t->more[1], .n_parts = 1};
}

static bool check_cache(struct golden_case *c, vlm_engine *engine, vlm_kv_type kv)
{
    struct talk t;
    vlm_session *fresh = open_session(engine, 64, kv), *kept = open_session(engine, 7, kv),
                *other = open_session(engine, 64, kv);
    struct golden_answer first = golden_ask(fresh, c->messages, c->n_messages);
    first.text[first.n_text] = 0;
    make_talk(&t, c, first.text);
    struct golden_answer all = golden_ask(other, t.messages, t.n_all);
    struct golden_answer miss = golden_ask(kept, t.messages, t.n_first);
    struct golden_answer again = golden_ask(kept, t.messages, t.n_first);
    struct golden_answer longer = golden_ask(kept, t.messages, t.n_all);
    struct golden_answer shorter = golden_ask(kept, t.messages, t.n_first);
    bool ok = golden_same("another session", c->folder, &miss, &first);
    ok = golden_same("asked again", c->folder, &again, &first) && ok;
    ok = golden_same("conversation extended", c->folder, &longer, &all) && ok;
    ok = golden_same("conversation cut back", c->folder, &shorter, &first) && ok;
    if (again.cached == 0 || longer.cached == 0 || shorter.cached == 0) {
        printf("FAILED %s: nothing was reused (%zu, %zu, %zu)\n", c->folder, again.cached,
               longer.cached, shorter.cached);
        ok = false;
    }
    vlm_session_close(fresh);
    vlm_session_close(kept);
    vlm_session_close(other);
    return ok;
}

static bool check_splits(struct golden_case *c, const char *model, const char *isa, size_t step,
                         vlm_kv_type kv, uint64_t *hash)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i += step) {
        vlm_engine *engine = open_engine(model, isa, splits[i].n_threads);
        golden_case_bind(c, engine);
        uint64_t h = trace_hash(c, engine, splits[i].chunk, kv);
        if (i > 0 && h != *hash) {
            printf("FAILED %s: %s, cache type %d, %d threads, chunk %zu: %016" PRIx64
                   ", expected %016" PRIx64 "\n",
                   c->folder, isa, (int)kv, splits[i].n_threads, splits[i].chunk, h, *hash);
            ok = false;
        }
        *hash = i == 0 ? h : *hash;
        if (i == 3) /* both paths come by, with 2 threads */
            ok = check_cache(c, engine, kv) && ok;
        golden_case_unbind(c);
        vlm_engine_close(engine);
    }
    return ok;
}

bool golden_determinism(const char *model, const char *isa, struct golden_case *const *cases,
                        size_t n_cases)
{
    bool ok = true, plain = strcmp(isa, "scalar") == 0; /* slow, and split the same way */
    for (size_t k = 0; k < (plain ? 1 : n_cases); k++) {
        struct golden_case *c = cases[k];
        uint64_t hash = 0;
        bool equal = check_splits(c, model, isa, plain || k > 0 ? 3 : 1, VLM_KV_F32, &hash);
        for (int kv = VLM_KV_F16; kv <= VLM_KV_Q4_0; kv++) { /* all with the first, then in turn */
            uint64_t other = 0;
            if (k == 0 || k % 4 == (size_t)(kv - VLM_KV_F16))
                equal = check_splits(c, model, isa, 3, (vlm_kv_type)kv, &other) && equal;
            if (other == hash)
                equal = printf("FAILED %s: cache type %d changes nothing\n", c->folder, kv) < 0;
        }
        if (k == 0 && !plain)
            equal = golden_neighbours(c, model, isa) && equal;
        if (k == 0 || !plain)
            equal = golden_kept(c, model, isa) && equal;
        printf("%-6s %-7s %s: logits %016" PRIx64 "\n", equal ? "ok" : "FAILED", isa, c->folder,
               hash);
        ok = ok && equal;
    }
    return ok;
}
