/* determinism.c: one hash of the logits over threads and chunks; one answer over cache states and
 * batch neighbours, to the last bit of its log-probabilities. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

#define N_GENERATE 24
#define ANSWER_BYTES 4096

static const int thread_counts[] = {1, 2, 3, 7};
static const size_t chunks[] = {1, 7, 64, 512};

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
static uint64_t trace_hash(struct golden_case *c, vlm_engine *engine, size_t chunk)
{
    vlm_error err;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.chunk = chunk;
    uint64_t hash = GOLDEN_HASH;
    if (vlm_trace(engine, c->messages, c->n_messages, NULL, 0, &o, N_GENERATE, hash_logits, &hash,
                  &err) < 0)
        golden_die("%s: %s", c->folder, err.message);
    return hash;
}

/* An answer, hashed: ids, log-probabilities and the alternatives, bit for bit. */
struct answer {
    uint64_t hash;
    size_t n_tokens, n_text, cached;
    char text[ANSWER_BYTES];
};

static void add_token(struct answer *a, const vlm_token *t)
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

static vlm_session *open_session(vlm_engine *engine, size_t chunk)
{
    vlm_session *s;
    vlm_error err;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = N_GENERATE;
    o.n_logprobs = 20;
    o.chunk = chunk;
    o.context = 2048;
    if (vlm_session_open(&s, engine, &o, &err) < 0)
        golden_die("session: %s", err.message);
    return s;
}

static struct answer ask(vlm_session *s, const vlm_message *messages, size_t n)
{
    struct answer a = {.hash = GOLDEN_HASH};
    vlm_error err;
    vlm_token token;
    int rc = vlm_session_sync(s, messages, n, &err);
    while (rc >= 0 && (rc = vlm_session_next(s, &token, &err)) == VLM_OK)
        add_token(&a, &token);
    if (rc < 0)
        golden_die("session: %s", err.message);
    vlm_stats stats;
    vlm_session_stats(s, &stats);
    a.cached = stats.cached_tokens;
    return a;
}

static bool same(const char *what, const struct golden_case *c, const struct answer *a,
                 const struct answer *b)
{
    if (a->hash == b->hash && a->n_tokens == b->n_tokens)
        return true;
    printf("FAILED %s: %s: %016" PRIx64 " after %zu tokens, expected %016" PRIx64 " after %zu\n",
           c->folder, what, a->hash, a->n_tokens, b->hash, b->n_tokens);
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

static bool check_cache(struct golden_case *c, vlm_engine *engine)
{
    struct talk t;
    vlm_session *fresh = open_session(engine, 64), *kept = open_session(engine, 7),
                *other = open_session(engine, 64);
    struct answer first = ask(fresh, c->messages, c->n_messages);
    first.text[first.n_text] = 0;
    make_talk(&t, c, first.text);
    struct answer all = ask(other, t.messages, t.n_all);
    struct answer miss = ask(kept, t.messages, t.n_first);
    struct answer again = ask(kept, t.messages, t.n_first);
    struct answer longer = ask(kept, t.messages, t.n_all);
    struct answer shorter = ask(kept, t.messages, t.n_first);
    bool ok = same("another session", c, &miss, &first);
    ok = same("asked again", c, &again, &first) && ok;
    ok = same("conversation extended", c, &longer, &all) && ok;
    ok = same("conversation cut back", c, &shorter, &first) && ok;
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

/* Three conversations in one batch: the short one decodes while the others still read. */
static bool check_batch(struct golden_case *c, vlm_engine *engine)
{
    vlm_part part = vlm_part_text("What is the total?");
    vlm_message small = {.role = "user", .parts = &part, .n_parts = 1};
    char text[] = " Three items.";
    struct talk t;
    make_talk(&t, c, text);
    const vlm_message *messages[3] = {c->messages, &small, t.messages};
    size_t n[3] = {c->n_messages, 1, t.n_all};
    struct answer alone[3],
        together[3] = {{.hash = GOLDEN_HASH}, {.hash = GOLDEN_HASH}, {.hash = GOLDEN_HASH}};
    vlm_session *s[3];
    bool open[3] = {true, true, true};
    vlm_error err;
    for (int i = 0; i < 3; i++) {
        s[i] = open_session(engine, 32);
        alone[i] = ask(s[i], messages[i], n[i]);
        vlm_session_close(s[i]);
        s[i] = open_session(engine, i == 1 ? 64 : 5);
        if (vlm_session_sync(s[i], messages[i], n[i], &err) < 0)
            golden_die("%s: %s", c->folder, err.message);
    }
    for (size_t left = 3; left > 0;) {
        vlm_session *active[3];
        size_t n_active = 0;
        for (int i = 0; i < 3; i++)
            if (open[i])
                active[n_active++] = s[i];
        if (vlm_step(engine, active, n_active, &err) < 0)
            golden_die("%s: vlm_step: %s", c->folder, err.message);
        for (int i = 0; i < 3; i++) {
            vlm_token token;
            int rc = open[i] ? vlm_session_token(s[i], &token, &err) : VLM_MORE;
            if (rc < 0)
                golden_die("%s: vlm_session_token: %s", c->folder, err.message);
            if (rc == VLM_OK)
                add_token(&together[i], &token);
            if (rc == VLM_DONE) {
                open[i] = false;
                left--;
            }
        }
    }
    bool ok = true;
    for (int i = 0; i < 3; i++) {
        ok = same("beside other sessions", c, &together[i], &alone[i]) && ok;
        vlm_session_close(s[i]);
    }
    return ok;
}

bool golden_determinism(const char *model, const char *isa, struct golden_case *const *cases,
                        size_t n_cases)
{
    bool ok = true;
    for (size_t k = 0; k < n_cases; k++) {
        struct golden_case *c = cases[k];
        uint64_t hash = 0;
        bool have = false, equal = true;
        for (size_t i = 0; i < sizeof thread_counts / sizeof thread_counts[0]; i++) {
            vlm_engine *engine = open_engine(model, isa, thread_counts[i]);
            golden_case_bind(c, engine);
            for (size_t j = 0; j < sizeof chunks / sizeof chunks[0]; j++) {
                if (k > 0 && i != j)
                    continue; /* the first request: all pairs; the others: the diagonal */
                uint64_t h = trace_hash(c, engine, chunks[j]);
                if (have && h != hash) {
                    printf("FAILED %s: %s, %d threads, chunk %zu: %016" PRIx64
                           ", expected %016" PRIx64 "\n",
                           c->folder, isa, thread_counts[i], chunks[j], h, hash);
                    equal = false;
                }
                hash = have ? hash : h;
                have = true;
            }
            if (thread_counts[i] == 2)
                equal = check_cache(c, engine) && check_batch(c, engine) && equal;
            golden_case_unbind(c);
            vlm_engine_close(engine);
        }
        printf("%-6s %-7s %s: logits %016" PRIx64 "\n", equal ? "ok" : "FAILED", isa, c->folder,
               hash);
        ok = ok && equal;
    }
    return ok;
}
