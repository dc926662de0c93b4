/* steps.c MODEL: what a step owes to each of its sessions: pictures do not stall those that answer,
 * those that wait for pictures take turns, who is cancelled leaves and the others go on, each with
 * the bytes that it has alone.  Written from vlm.h alone. */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "check.h"

enum { W = 200, H = 150, N_TOKENS = 20, MOST = 8, A_STEP = 4 /* frames, at most */ };

static vlm_engine *engine;

static vlm_image *picture(unsigned seed, uint32_t w, uint32_t h)
{
    static uint8_t rgb[W * H * 3];
    vlm_image *image;
    for (size_t i = 0; i < sizeof rgb; i++) {
        seed = seed * 1103515245u + 12345u;
        rgb[i] = (uint8_t)(seed >> 16);
    }
    MUST(vlm_image_from_rgb(&image, engine, rgb, w, h, &err));
    return image;
}

struct talker {
    vlm_session *s;
    int32_t ids[N_TOKENS + 1];
    float logprobs[N_TOKENS + 1];
    size_t n;
    int rc;
    size_t done[64], total[64], n_reports; /* of vision */
    size_t cancel_at;                      /* the report that cancels; 0: none */
};

static int progress(void *ctx, vlm_phase phase, size_t done, size_t total)
{
    struct talker *t = ctx;
    if (phase != VLM_PHASE_VISION)
        return 0;
    if (t->n_reports < 64) {
        t->done[t->n_reports] = done;
        t->total[t->n_reports] = total;
    }
    return ++t->n_reports == t->cancel_at;
}

/* A question with so many pictures, the first of them number first; 0: text alone. */
static void begin(struct talker *t, unsigned first, unsigned n_pictures, size_t chunk)
{
    vlm_session_options o;
    vlm_image *images[4];
    vlm_part parts[5];
    vlm_message m = {"user", parts, n_pictures + 1, 0};
    vlm_session_options_init(&o);
    o.max_tokens = N_TOKENS;
    o.min_tokens = N_TOKENS;
    o.n_logprobs = 1;
    o.chunk = chunk;
    o.progress = progress;
    o.progress_ctx = t;
    t->n = t->n_reports = 0;
    t->rc = VLM_MORE;
    MUST(vlm_session_open(&t->s, engine, &o, &err));
    for (unsigned i = 0; i < n_pictures; i++) {
        images[i] = picture(first + i, W, H);
        parts[i] = vlm_part_image(images[i]);
    }
    parts[n_pictures] = vlm_part_text("What is this?");
    MUST(vlm_session_sync(t->s, &m, 1, &err));
    for (unsigned i = 0; i < n_pictures; i++)
        vlm_image_close(images[i]);
}

static void step(struct talker *t, size_t n)
{
    vlm_session *s[MOST] = {NULL};
    for (size_t i = 0; i < n; i++)
        s[i] = t[i].s;
    MUST(vlm_step(engine, s, n, &err));
    for (size_t i = 0; i < n; i++) {
        vlm_token token;
        t[i].rc = vlm_session_token(t[i].s, &token, &err);
        CHECK(t[i].rc >= 0);
        if (t[i].rc == VLM_OK && t[i].n < N_TOKENS) {
            t[i].logprobs[t[i].n] = token.logprob;
            t[i].ids[t[i].n++] = token.id;
        }
    }
}

static void finish(struct talker *t, size_t n)
{
    for (size_t i = 0, left = n, steps = 0; left > 0 && steps < 1000; steps++) {
        step(t, n);
        for (left = i = 0; i < n; i++)
            left += t[i].rc != VLM_DONE;
    }
}

static vlm_stats stats(const struct talker *t)
{
    vlm_stats x;
    vlm_session_stats(t->s, &x);
    return x;
}

static bool same(const struct talker *a, const struct talker *b)
{
    return a->n == b->n && !memcmp(a->ids, b->ids, a->n * sizeof *a->ids) &&
           !memcmp(a->logprobs, b->logprobs, a->n * sizeof *a->logprobs);
}

static void alone(struct talker *t, unsigned first, unsigned n_pictures)
{
    begin(t, first, n_pictures, 64);
    finish(t, 1);
    vlm_session_close(t->s);
}

/* One answers, two wait for pages: the answer gets a token every step, the pages take turns. */
static void no_stall(void)
{
    struct talker t[3] = {{.n = 0}}, ref[3] = {{.n = 0}};
    begin(&t[0], 0, 0, 64);
    do
        step(t, 1);
    while (t[0].n == 0);
    for (unsigned i = 1; i < 3; i++) {
        begin(&t[i], 10 * i, 2, 64);
        CHECK(stats(&t[i]).n_tiles == 0 && stats(&t[i]).vision_ms == 0); /* sync only cuts */
    }
    size_t before[3] = {0}, steps = 0;
    while (t[1].n == 0 && t[2].n == 0 && steps < 200) {
        size_t said = t[0].n, sum = 0;
        step(t, 3);
        steps++;
        CHECK(t[0].n == said + 1 || t[0].rc == VLM_DONE);
        for (int i = 1; i < 3; i++) {
            size_t n = stats(&t[i]).n_tiles;
            sum += n - before[i];
            before[i] = n;
        }
        CHECK(sum <= A_STEP);
        CHECK(before[1] <= before[2] + 1 && before[2] <= before[1] + 1);
    }
    CHECK(before[1] == before[2] && before[1] >= 4 && steps > 3);
    CHECK(stats(&t[1]).vision_ms > 0 && stats(&t[2]).vision_ms > 0 && stats(&t[0]).n_tiles == 0);
    finish(t, 3);
    for (int i = 1; i < 3; i++) {
        CHECK(t[i].n_reports >= 2 && t[i].done[0] == 0 && t[i].total[0] == before[i]);
        for (size_t k = 1; k < t[i].n_reports && k < 64; k++)
            CHECK(t[i].done[k] > t[i].done[k - 1] && t[i].total[k] == before[i]);
        CHECK(t[i].done[t[i].n_reports - 1] == before[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        vlm_session_close(t[i].s);
        alone(&ref[i], 10 * i, i ? 2 : 0);
        CHECK(same(&t[i], &ref[i]) && t[i].n == N_TOKENS);
    }
}

/* Two sessions with the same new page: one encoding, whoever goes on with it. */
static void one_page(void)
{
    struct talker t[2] = {{.n = 0}}, ref = {.n = 0};
    begin(&t[0], 500, 1, 64);
    begin(&t[1], 500, 1, 7);
    step(t, 1);
    vlm_session_cancel(t[0].s); /* half-way: the other one takes over what is there */
    size_t first = stats(&t[0]).n_tiles;
    finish(t, 2);
    CHECK(t[0].n == 0 && vlm_session_finish(t[0].s) == VLM_FINISH_CANCELLED);
    vlm_session_close(t[0].s);
    alone(&ref, 500, 1);
    CHECK(same(&t[1], &ref) && first > 0 && ref.n_reports == 0); /* kept, so not encoded again */
    size_t rest = stats(&t[1]).n_tiles;
    vlm_session_close(t[1].s);
    alone(&ref, 501, 1); /* a new one of that size */
    CHECK(first + rest == ref.total[0]);
}

/* The progress callback of one cancels it while the frames of both are about to be encoded. */
static void cancelled_by_itself(void)
{
    for (size_t at = 1; at <= 2; at++) {
        struct talker t[3] = {{.n = 0}}, ref[2] = {{.n = 0}};
        unsigned base = 600 + 10 * (unsigned)at;
        t[0].cancel_at = at;
        begin(&t[0], base, 1, 64);
        begin(&t[1], base + 1, 1, 64);
        begin(&t[2], 0, 0, 64);
        finish(t, 3);
        CHECK(t[0].n == 0 && t[0].n_reports == at &&
              vlm_session_finish(t[0].s) == VLM_FINISH_CANCELLED);
        for (int i = 0; i < 3; i++)
            vlm_session_close(t[i].s);
        alone(&ref[0], base + 1, 1);
        alone(&ref[1], 0, 0);
        CHECK(same(&t[1], &ref[0]) && same(&t[2], &ref[1]));
    }
}

struct canceller {
    vlm_session *s;
    long nanoseconds;
};
static void *cancel_later(void *ctx)
{
    const struct canceller *c = ctx;
    const struct timespec t = {0, c->nanoseconds};
    nanosleep(&t, NULL);
    vlm_session_cancel(c->s);
    return NULL;
}

/* A second thread cancels one of three at any moment: it leaves, the others say what they say. */
static void cancelled_by_others(void)
{
    struct talker ref[3] = {{.n = 0}};
    size_t in_time = 0;
    alone(&ref[0], 700, 1);
    alone(&ref[1], 701, 1);
    alone(&ref[2], 0, 0);
    for (int i = 0; i < 12; i++) {
        struct talker t[3] = {{.n = 0}};
        pthread_t thread;
        begin(&t[0], 700, 1, 3);
        begin(&t[1], i % 2 ? 701 : 800 + (unsigned)i, 1, 5); /* kept, or new */
        begin(&t[2], 0, 0, 64);
        struct canceller c = {t[0].s, 150000 * (long)i};
        if (pthread_create(&thread, NULL, cancel_later, &c) != 0)
            exit(1);
        finish(t, 3);
        pthread_join(thread, NULL);
        bool left = vlm_session_finish(t[0].s) == VLM_FINISH_CANCELLED;
        in_time += left;
        CHECK(left ? t[0].n < N_TOKENS : same(&t[0], &ref[0]));
        CHECK(!memcmp(t[0].ids, ref[0].ids, t[0].n * sizeof *t[0].ids));
        CHECK(same(&t[2], &ref[2]) && (i % 2 == 0 || same(&t[1], &ref[1])) && t[1].n == N_TOKENS);
        for (int k = 0; k < 3; k++)
            vlm_session_close(t[k].s);
    }
    printf("cancelled %zu of 12 in time\n", in_time);
    CHECK(in_time > 0);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = 2;
    MUST(vlm_engine_open(&engine, argv[1], &o, &err));
    no_stall();
    one_page();
    cancelled_by_itself();
    cancelled_by_others();
    vlm_engine_close(engine);
    printf(bad ? "%d checks failed\n" : "all as expected\n", bad);
    return bad != 0;
}
