/* share.c MODEL PICTURE OTHER: key/value blocks that sessions share by what they hold: when, with
 * whom, for how long; and never a byte of an answer changes.  Pictures of one size. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vlm.h>

#include "../abuse/heap.h"
#include "check.h"

enum { MOST = 24, BLOCK = 256, TEXT = 1500 };

struct answer {
    size_t n;
    int32_t ids[MOST];
    float logprobs[MOST];
};

static const char *model;

static vlm_engine *open_engine(struct heap *h, uint64_t max_prompts, uint64_t max_memory)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    CHECK(o.max_prompts == (uint64_t)256 << 20);
    o.n_threads = 1;
    o.max_prompts = max_prompts;
    o.max_memory = max_memory;
    o.max_features = 0; /* only what this test is about is kept */
    if (h)
        o.allocator = heap_allocator(h);
    MUST(vlm_engine_open(&e, model, &o, &err));
    return e;
}

static void init(vlm_session_options *o)
{
    vlm_session_options_init(o);
    o->max_tokens = MOST;
    o->n_logprobs = 1;
    o->chunk = 100;
}

/* Noise of n characters that begins with the number which. */
static void write_text(char *text, size_t n, unsigned which)
{
    snprintf(text, TEXT, "%04u", which);
    for (size_t i = 4; i < n; i++)
        text[i] = (char)(i % 6 == 5 ? ' ' : '0' + (i * 7919 + i * i * which) % 10);
    text[n] = 0;
}

static vlm_stats listen(struct answer *a, vlm_session *s)
{
    vlm_token t;
    vlm_stats stats;
    int rc;
    memset(a, 0, sizeof *a);
    while ((rc = vlm_session_next(s, &t, &err)) == VLM_OK) {
        a->ids[a->n] = t.id;
        a->logprobs[a->n++] = t.logprob;
    }
    MUST(rc);
    CHECK(a->n > 0);
    vlm_session_stats(s, &stats);
    return stats;
}

static vlm_session *open_synced(vlm_engine *e, const vlm_session_options *options,
                                const vlm_message *m)
{
    vlm_session *s;
    vlm_session_options o;
    init(&o);
    MUST(vlm_session_open(&s, e, options ? options : &o, &err));
    MUST(vlm_session_sync(s, m, 1, &err));
    return s;
}

/* By a session of its own. */
static vlm_stats ask(struct answer *a, vlm_engine *e, const vlm_session_options *o,
                     const vlm_message *m)
{
    vlm_session *s = open_synced(e, o, m);
    vlm_stats stats = listen(a, s);
    vlm_session_close(s);
    return stats;
}

static int same(const struct answer *a, const struct answer *b)
{
    return a->n == b->n && !memcmp(a->ids, b->ids, sizeof a->ids) &&
           !memcmp(a->logprobs, b->logprobs, sizeof a->logprobs);
}

/* A second question about a page: no tower, no prefill of the page's full blocks. */
static void pages(const char *picture, const char *other)
{
    vlm_engine *plain = open_engine(NULL, 0, 0), *e = open_engine(NULL, (uint64_t)1 << 30, 0);
    vlm_image *images[2];
    MUST(vlm_image_open(&images[0], e, picture, &err));
    MUST(vlm_image_open(&images[1], e, other, &err));
    char text[TEXT];
    write_text(text, 760, 1);
    vlm_part parts[3] = {vlm_part_image(images[0]), vlm_part_text(text), vlm_part_text("Total?")};
    vlm_message m = {.role = "user", .parts = parts, .n_parts = 3};
    struct answer a, b, expected;
    vlm_stats first = ask(&a, e, NULL, &m), again = ask(&b, plain, NULL, &m);
    CHECK(same(&a, &b) && first.cached_tokens == 0 && first.n_tiles > 0);
    CHECK(first.prompt_tokens > 3 * BLOCK);
    CHECK(ask(&b, plain, NULL, &m).cached_tokens == 0 && same(&a, &b)); /* 0 keeps none */
    again = ask(&b, e, NULL, &m);
    CHECK(same(&a, &b) && again.n_tiles == 0 && again.vision_ms == 0);
    CHECK(again.cached_tokens == (first.prompt_tokens - 1) / BLOCK * BLOCK);
    parts[2] = vlm_part_text("And the date, please?");
    ask(&expected, plain, NULL, &m);
    again = ask(&b, e, NULL, &m);
    CHECK(same(&b, &expected) && again.n_tiles == 0 && again.cached_tokens >= 3 * BLOCK);

    /* another picture in the same place shares nothing from there on */
    parts[0] = vlm_part_image(images[1]);
    ask(&expected, plain, NULL, &m);
    again = ask(&b, e, NULL, &m);
    CHECK(same(&b, &expected) && again.n_tiles > 0 && again.cached_tokens == 0);
    parts[0] = vlm_part_image(images[0]);

    /* another tenant, another type: nothing; their own: everything */
    vlm_session_options o;
    static const vlm_kv_type types[] = {VLM_KV_F32, VLM_KV_F32, VLM_KV_BF16, VLM_KV_Q8_0,
                                        VLM_KV_Q4_0};
    for (int i = 0; i < 5; i++) {
        init(&o);
        o.tenant = i == 0 ? "a" : i == 1 ? "b" : NULL;
        o.kv_type = types[i];
        ask(&expected, plain, &o, &m);
        again = ask(&b, e, &o, &m);
        CHECK(same(&b, &expected) && again.cached_tokens == 0 && again.n_tiles > 0);
        again = ask(&b, e, &o, &m);
        CHECK(same(&b, &expected) && again.cached_tokens > 0 && again.n_tiles == 0);
    }
    vlm_image_close(images[0]);
    vlm_image_close(images[1]);
    vlm_engine_close(plain);
    vlm_engine_close(e);
}

/* Sessions that stand side by side share, whoever goes on, back or away. */
static void together(void)
{
    vlm_engine *plain = open_engine(NULL, 0, 0), *e = open_engine(NULL, 0, 0);
    char text[2][TEXT];
    struct answer expected[2], a;
    write_text(text[0], 900, 3);
    memcpy(text[1], text[0], sizeof text[0]);
    memcpy(text[1] + 600, "and now for", 11);
    vlm_part part[2] = {vlm_part_text(text[0]), vlm_part_text(text[1])};
    vlm_message m[2] = {{.role = "user", .parts = &part[0], .n_parts = 1},
                        {.role = "user", .parts = &part[1], .n_parts = 1}};
    ask(&expected[0], plain, NULL, &m[0]);
    ask(&expected[1], plain, NULL, &m[1]);
    vlm_session *s = open_synced(e, NULL, &m[0]), *t = open_synced(e, NULL, &m[0]);
    vlm_session *both[2] = {s, t};
    for (int i = 0; i < 12; i++) /* each reads the prompt; one copy stays */
        MUST(vlm_step(e, both, 2, &err));
    MUST(vlm_session_sync(t, &m[1], 1, &err)); /* goes back inside a block that both hold */
    CHECK(listen(&a, t).cached_tokens >= 2 * BLOCK && same(&a, &expected[1]));
    MUST(vlm_session_sync(s, &m[0], 1, &err));
    listen(&a, s);
    CHECK(same(&a, &expected[0]));
    vlm_session *u = open_synced(e, NULL, &m[0]); /* while the others still hold them */
    vlm_stats stats;
    vlm_session_stats(u, &stats);
    CHECK(stats.cached_tokens == (stats.prompt_tokens - 1) / BLOCK * BLOCK);
    vlm_session_close(s);
    CHECK(listen(&a, u).cached_tokens > 0 && same(&a, &expected[0]));
    MUST(vlm_session_sync(t, &m[0], 1, &err));
    listen(&a, t);
    CHECK(same(&a, &expected[0]));
    vlm_session_close(u);
    vlm_session_close(t);
    CHECK(ask(&a, e, NULL, &m[0]).cached_tokens == 0); /* max_prompts 0: gone with the last */
    vlm_engine_close(plain);
    vlm_engine_close(e);
}

/* The answer's blocks, too: a server that gets the whole conversation again. */
static void conversation(void)
{
    vlm_engine *e = open_engine(NULL, (uint64_t)1 << 30, 0);
    char text[TEXT];
    struct answer a;
    write_text(text, 480, 9);
    vlm_part part = vlm_part_text(text);
    vlm_message m = {.role = "user", .parts = &part, .n_parts = 1};
    size_t n = ask(&a, e, NULL, &m).prompt_tokens;
    vlm_part more = vlm_part_text(text);
    vlm_message talk[3] = {m, {.role = "assistant", .parts = &more, .n_parts = 1}, m};
    vlm_session *s = open_synced(e, NULL, &m);
    MUST(vlm_session_sync(s, talk, 3, &err));
    vlm_stats first = listen(&a, s), stats;
    vlm_session_close(s);
    s = open_synced(e, NULL, &m);
    MUST(vlm_session_sync(s, talk, 3, &err));
    vlm_session_stats(s, &stats);
    CHECK(first.prompt_tokens > 2 * n && stats.cached_tokens > first.prompt_tokens - BLOCK - 1);
    vlm_session_close(s);
    vlm_engine_close(e);
}

/* max_prompts bounds what no session holds; the least recently used goes. */
static void bounded(void)
{
    enum { N = 9 };
    struct heap h = {0};
    struct answer a, expected[N];
    char text[TEXT] = "";
    vlm_part part = vlm_part_text(text);
    vlm_message m = {.role = "user", .parts = &part, .n_parts = 1};
    long long least[2] = {0}, with = 0;
    for (int keep = 0; keep < 2; keep++) { /* what a prompt of three blocks leaves behind */
        vlm_engine *e = open_engine(&h, keep ? (uint64_t)1 << 30 : 0, 0);
        for (unsigned i = 0; i < (keep ? 1 : N); i++) {
            write_text(text, 800, i);
            part = vlm_part_text(text);
            CHECK(ask(keep ? &a : &expected[i], e, NULL, &m).prompt_tokens > 3 * BLOCK);
        }
        least[keep] = h.bytes;
        vlm_engine_close(e);
        CHECK(h.bytes == 0 && h.blocks == 0 && h.errors == 0);
    }
    long long one = least[1] - least[0];
    CHECK(one > 3 * BLOCK * 100);
    vlm_engine *e = open_engine(&h, (uint64_t)(2 * one + one / 2), 0);
    for (unsigned i = 0; i < N; i++) {
        write_text(text, 800, i);
        part = vlm_part_text(text);
        CHECK(ask(&a, e, NULL, &m).cached_tokens == 0 && same(&a, &expected[i]));
        CHECK(h.bytes <= least[0] + 2 * one + one / 2 + 4096); /* their headers */
    }
    for (unsigned i = N; i-- > 0;) { /* the last two are whole, of the third its beginning is */
        write_text(text, 800, i);
        part = vlm_part_text(text);
        size_t cached = ask(&a, e, NULL, &m).cached_tokens;
        CHECK(same(&a, &expected[i]));
        CHECK(i >= N - 2 ? cached == 3 * BLOCK : i < N - 3 ? cached == 0 : cached <= 2 * BLOCK);
    }
    /* one session that goes from prompt to prompt: never more than its own and the budget */
    vlm_session *s = open_synced(e, NULL, &m);
    listen(&a, s);
    with = h.bytes;
    h.peak = 0;
    for (unsigned i = 20; i < 40; i++) {
        write_text(text, 800, i);
        part = vlm_part_text(text);
        MUST(vlm_session_sync(s, &m, 1, &err));
        listen(&a, s);
    }
    CHECK(h.peak <= with + one + one / 2); /* a prompt's text while it is read is about one */
    vlm_session_close(s);
    vlm_engine_close(e);
    CHECK(h.bytes == 0 && h.errors == 0);

    /* a budget of memory that has room for one prompt at a time: idle ones make way */
    e = open_engine(&h, (uint64_t)1 << 30, 0);
    write_text(text, 800, 0);
    part = vlm_part_text(text);
    h.peak = 0;
    ask(&a, e, NULL, &m);
    uint64_t needed = (uint64_t)h.peak + 65536;
    vlm_engine_close(e);
    e = open_engine(&h, (uint64_t)1 << 30, needed);
    for (unsigned i = 0; i < N; i++) {
        write_text(text, 800, i);
        part = vlm_part_text(text);
        ask(&a, e, NULL, &m);
        CHECK(same(&a, &expected[i]) && h.bytes <= (long long)needed);
    }
    s = open_synced(e, NULL, &m); /* the same for one session whose own prompts are idle */
    for (unsigned i = 0; i < N; i++) {
        write_text(text, 800, i);
        part = vlm_part_text(text);
        MUST(vlm_session_sync(s, &m, 1, &err));
        listen(&a, s);
        CHECK(same(&a, &expected[i]) && h.bytes <= (long long)needed);
    }
    vlm_session_close(s);
    vlm_engine_close(e);
}

/* A mean over the prompt needs all its rows, shared blocks or not. */
static void embeddings(void)
{
    vlm_engine *plain = open_engine(NULL, 0, 0), *e = open_engine(NULL, (uint64_t)1 << 30, 0);
    size_t n = vlm_engine_embedding_size(e);
    float *x = calloc(n, sizeof *x), *y = calloc(n, sizeof *y);
    char text[TEXT];
    struct answer a;
    write_text(text, 700, 5);
    vlm_part part = vlm_part_text(text);
    vlm_message m = {.role = "user", .parts = &part, .n_parts = 1};
    ask(&a, e, NULL, &m);
    for (vlm_pooling p = VLM_POOL_MEAN; p <= VLM_POOL_LAST; p++) {
        MUST(vlm_embed(plain, &m, 1, p, NULL, x, &err));
        MUST(vlm_embed(e, &m, 1, p, NULL, y, &err));
        CHECK(!memcmp(x, y, n * sizeof *x));
    }
    free(x);
    free(y);
    vlm_engine_close(plain);
    vlm_engine_close(e);
}

/* ---- two threads on one engine ---- */

struct worker {
    vlm_engine *e;
    const vlm_message *messages;
    const struct answer *expected;
    unsigned seed;
    int bad;
};

static void *work(void *ctx)
{
    struct worker *w = ctx;
    vlm_session_options o;
    init(&o);
    for (unsigned i = 0; i < 12; i++) {
        unsigned which = (i * w->seed + i / 3) % 3;
        vlm_session *s = NULL, *t = NULL;
        vlm_token token;
        vlm_error e;
        struct answer a = {.n = 0};
        int rc = vlm_session_open(&s, w->e, &o, &e);
        if (rc == VLM_OK)
            rc = vlm_session_sync(s, &w->messages[which], 1, &e);
        for (unsigned k = 0; rc == VLM_OK && k < i % 5 && a.n < MOST; k++) {
            rc = vlm_session_next(s, &token, &e);
            if (rc == VLM_OK) {
                a.ids[a.n] = token.id;
                a.logprobs[a.n++] = token.logprob;
            }
        }
        if (rc >= 0)
            rc = vlm_session_fork(&t, s, NULL, &e);
        if (i % 2)
            vlm_session_close(s);
        while (rc >= 0 && (rc = vlm_session_next(t, &token, &e)) == VLM_OK && a.n < MOST) {
            a.ids[a.n] = token.id;
            a.logprobs[a.n++] = token.logprob;
        }
        if (rc < 0 || !same(&a, &w->expected[which]))
            w->bad++;
        if (i % 2 == 0)
            vlm_session_close(s);
        vlm_session_close(t);
    }
    return NULL;
}

static void threads(void)
{
    struct heap h = {0};
    vlm_engine *plain = open_engine(NULL, 0, 0), *e = open_engine(&h, 1 << 20, 0);
    char text[3][TEXT];
    vlm_part parts[3];
    vlm_message m[3];
    struct answer expected[3];
    for (unsigned i = 0; i < 3; i++) {
        write_text(text[i], 600 + 100 * i, i ? 7 : 8);
        parts[i] = vlm_part_text(text[i]);
        m[i] = (vlm_message){.role = "user", .parts = &parts[i], .n_parts = 1};
        ask(&expected[i], plain, NULL, &m[i]);
    }
    struct worker w[2] = {{e, m, expected, 1, 0}, {e, m, expected, 2, 0}};
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&thread[i], NULL, work, &w[i]) != 0)
            exit(1);
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        CHECK(w[i].bad == 0);
    }
    vlm_engine_close(plain);
    vlm_engine_close(e);
    CHECK(h.bytes == 0 && h.blocks == 0 && h.errors == 0);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    model = argv[1];
    pages(argv[2], argv[3]);
    together();
    conversation();
    bounded();
    embeddings();
    threads();
    return bad != 0;
}
