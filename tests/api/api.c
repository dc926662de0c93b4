/* api.c MODEL PICTURE: a caller written from vlm.h alone.  Asks about a picture, follows up in the
 * same conversation, runs two conversations in one step, cancels from another thread. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vlm.h>

#include "check.h"

enum { MAX = 400 };
struct answer {
    int32_t ids[MAX];
    float logprobs[MAX];
    size_t n;
    char text[8192];
    size_t n_text;
};

static void add(struct answer *a, const vlm_token *t)
{
    if (a->n < MAX) {
        a->ids[a->n] = t->id;
        a->logprobs[a->n++] = t->logprob;
    }
    if (a->n_text + t->n_text < sizeof a->text) {
        memcpy(a->text + a->n_text, t->text, t->n_text);
        a->n_text += t->n_text;
    }
    a->text[a->n_text] = 0;
}

static int same(const struct answer *a, const struct answer *b)
{
    return a->n == b->n && !memcmp(a->ids, b->ids, a->n * sizeof *a->ids) &&
           !memcmp(a->logprobs, b->logprobs, a->n * sizeof *a->logprobs) &&
           !strcmp(a->text, b->text);
}

/* To the end of the answer. */
static void listen(struct answer *a, vlm_session *s)
{
    vlm_token token;
    int rc;
    memset(a, 0, sizeof *a);
    while ((rc = vlm_session_next(s, &token, &err)) == VLM_OK)
        add(a, &token);
    CHECK(rc == VLM_DONE);
    CHECK(vlm_session_next(s, &token, &err) == VLM_DONE); /* stays so */
}

static vlm_session *open_session(vlm_engine *engine, size_t max_tokens, size_t chunk)
{
    vlm_session *s;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = max_tokens;
    o.chunk = chunk;
    o.n_logprobs = 3;
    MUST(vlm_session_open(&s, engine, &o, &err));
    return s;
}

static vlm_engine *open_engine(const char *path, int n_threads)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = n_threads;
    MUST(vlm_engine_open(&e, path, &o, &err));
    CHECK(vlm_engine_n_threads(e) == n_threads);
    return e;
}

/* One question about one picture; the same bytes whatever the threads and the chunk. */
static void ask(struct answer *a, const char *path, const char *picture, int n_threads,
                size_t chunk)
{
    vlm_engine *e = open_engine(path, n_threads);
    vlm_image *image;
    MUST(vlm_image_open(&image, e, picture, &err));
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("What is the total?")};
    vlm_message message = {"user", parts, 2, 0};
    vlm_session *s = open_session(e, 40, chunk);
    MUST(vlm_session_sync(s, &message, 1, &err));
    listen(a, s);
    vlm_stats stats;
    size_t n;
    vlm_session_stats(s, &stats);
    vlm_session_prompt(s, &n);
    CHECK(stats.prompt_tokens == n && stats.image_tokens > 0 && stats.cached_tokens == 0);
    CHECK(stats.image_tokens + stats.text_tokens == stats.prompt_tokens);
    CHECK(stats.completion_tokens == a->n && a->n > 0 && a->n <= 40);
    CHECK(vlm_session_finish(s) == (a->n == 40 ? VLM_FINISH_LENGTH : VLM_FINISH_STOP));
    vlm_estimate estimate;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.context = n + 40;
    o.chunk = chunk;
    MUST(vlm_session_estimate(e, &o, &estimate, &err));
    CHECK(estimate.kv_bytes >= stats.kv_bytes && estimate.weights_bytes == stats.weights_bytes);
    vlm_session_close(s);
    vlm_image_close(image);
    vlm_engine_close(e);
}

/* A follow-up reuses what is cached and says what a fresh session says. */
static void chat(vlm_engine *e, const vlm_image *image)
{
    vlm_part first[2] = {vlm_part_image(image), vlm_part_text("What is this?")};
    vlm_part second = vlm_part_text("And the date?");
    struct answer one, two, fresh;
    vlm_session *s = open_session(e, 24, 16), *other = open_session(e, 24, 64);
    vlm_message m[3] = {{"user", first, 2, 0}, {"assistant", NULL, 0, 0}, {"user", &second, 1, 0}};
    MUST(vlm_session_sync(s, m, 1, &err));
    listen(&one, s);
    vlm_part said = vlm_part_text(one.text);
    m[1].parts = &said;
    m[1].n_parts = 1;
    MUST(vlm_session_sync(s, m, 3, &err));
    vlm_stats stats;
    vlm_session_stats(s, &stats);
    CHECK(stats.cached_tokens > stats.image_tokens &&
          stats.n_tiles == 0); /* the picture is not looked at again */
    listen(&two, s);
    MUST(vlm_session_sync(other, m, 3, &err));
    listen(&fresh, other);
    CHECK(same(&two, &fresh));
    /* back to the first question: the same answer again */
    MUST(vlm_session_sync(s, m, 1, &err));
    listen(&fresh, s);
    CHECK(same(&one, &fresh));
    vlm_session_close(s);
    vlm_session_close(other);
}

/* Two conversations advance together, each as if it were alone. */
static void together(vlm_engine *e, const vlm_image *image)
{
    vlm_part a_parts[2] = {vlm_part_image(image), vlm_part_text("Total?")},
             b_part = vlm_part_text("Tell me a story.");
    vlm_message a = {"user", a_parts, 2, 0}, b = {"user", &b_part, 1, 0};
    struct answer alone[2], joint[2];
    vlm_session *s[2];
    for (int i = 0; i < 2; i++) {
        s[i] = open_session(e, i ? 30 : 12, i ? 5 : 64);
        MUST(vlm_session_sync(s[i], i ? &b : &a, 1, &err));
        listen(&alone[i], s[i]);
        vlm_session_close(s[i]);
        s[i] = open_session(e, i ? 30 : 12, i ? 5 : 64);
        MUST(vlm_session_sync(s[i], i ? &b : &a, 1, &err));
    }
    memset(joint, 0, sizeof joint);
    int running = 3;
    for (int steps = 0; running && steps < 1000; steps++) {
        MUST(vlm_step(e, s, 2, &err));
        for (int i = 0; i < 2; i++) {
            vlm_token token;
            int rc = vlm_session_token(s[i], &token, &err);
            if (rc == VLM_OK)
                add(&joint[i], &token);
            else if (rc == VLM_DONE)
                running &= ~(1 << i);
            else
                CHECK(rc == VLM_MORE);
        }
    }
    CHECK(running == 0 && same(&alone[0], &joint[0]) && same(&alone[1], &joint[1]));
    vlm_session_close(s[0]);
    vlm_session_close(s[1]);
}

static void *cancel_soon(void *session)
{
    struct timespec t = {0, 5000000};
    nanosleep(&t, NULL);
    vlm_session_cancel(session);
    return NULL;
}

static int stop_progress(void *ctx, vlm_phase phase, size_t done, size_t total)
{
    ++*(int *)ctx;
    return phase == VLM_PHASE_PREFILL && done <= total;
}

static void cancelled(vlm_engine *e, const vlm_image *image)
{
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("Read it all, again and again.")};
    vlm_message m = {"user", parts, 2, 0};
    struct answer whole, cut, again;
    vlm_session *s = open_session(e, 300, 32);
    MUST(vlm_session_sync(s, &m, 1, &err));
    listen(&whole, s);
    int n_cancelled = 0;
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        MUST(vlm_session_sync(s, &m, 1, &err));
        if (pthread_create(&thread, NULL, cancel_soon, s) != 0)
            exit(1);
        listen(&cut, s);
        pthread_join(thread, NULL);
        n_cancelled += vlm_session_finish(s) == VLM_FINISH_CANCELLED;
        CHECK(cut.n <= whole.n && !memcmp(cut.ids, whole.ids, cut.n * sizeof *cut.ids));
    }
    printf("cancelled %d of 10 in time\n", n_cancelled);
    MUST(vlm_session_sync(s, &m, 1, &err)); /* clears it */
    listen(&again, s);
    CHECK(same(&whole, &again));
    vlm_session_close(s);
    /* by the progress callback */
    int calls = 0;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.chunk = 4;
    o.progress = stop_progress;
    o.progress_ctx = &calls;
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &m, 1, &err));
    listen(&cut, s);
    CHECK(calls > 0 && cut.n == 0 && vlm_session_finish(s) == VLM_FINISH_CANCELLED);
    vlm_session_close(s);
    /* between sync and next */
    s = open_session(e, 5, 32);
    MUST(vlm_session_sync(s, &m, 1, &err));
    vlm_session_cancel(s);
    listen(&cut, s);
    CHECK(cut.n == 0 && vlm_session_finish(s) == VLM_FINISH_CANCELLED);
    vlm_session_close(s);
}

/* Many threads share an engine, each with its own session. */
struct guest {
    vlm_engine *engine;
    const vlm_image *image;
    struct answer answer;
};
static void *visit(void *ctx)
{
    struct guest *g = ctx;
    vlm_error mine;
    vlm_session *s;
    vlm_session_options o;
    vlm_token token;
    vlm_session_options_init(&o);
    o.max_tokens = 10;
    o.n_logprobs = 3;
    vlm_part parts[2] = {vlm_part_image(g->image), vlm_part_text("Who?")};
    vlm_message m = {"user", parts, 2, 0};
    if (vlm_session_open(&s, g->engine, &o, &mine) < 0)
        return NULL;
    if (vlm_session_sync(s, &m, 1, &mine) == VLM_OK)
        while (vlm_session_next(s, &token, &mine) == VLM_OK)
            add(&g->answer, &token);
    vlm_session_close(s);
    return NULL;
}

static void shared(vlm_engine *e, const vlm_image *image)
{
    pthread_t thread[4];
    static struct guest guest[4];
    for (int i = 0; i < 4; i++) {
        guest[i] = (struct guest){.engine = e, .image = image};
        if (pthread_create(&thread[i], NULL, visit, &guest[i]) != 0)
            exit(1);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 4; i++)
        CHECK(guest[i].answer.n > 0 && same(&guest[i].answer, &guest[0].answer));
}

/* The answer ends before the stop string, wherever the tokens cut it. */
static void stop_strings(vlm_engine *e)
{
    vlm_part part = vlm_part_text("Tell me a story.");
    vlm_message m = {"user", &part, 1, 0};
    struct answer whole, cut;
    vlm_session *s = open_session(e, 40, 64);
    MUST(vlm_session_sync(s, &m, 1, &err));
    listen(&whole, s);
    vlm_session_close(s);
    for (size_t from = 0; from + 3 < whole.n_text; from += 5) {
        char text[4] = {whole.text[from], whole.text[from + 1], whole.text[from + 2], 0};
        if ((text[0] | text[1] | text[2]) & 0x80)
            continue; /* only whole characters */
        const char *stop[1] = {text};
        vlm_session_options o;
        vlm_session_options_init(&o);
        o.max_tokens = 40;
        o.stop = stop;
        o.n_stop = 1;
        MUST(vlm_session_open(&s, e, &o, &err));
        memset(text, 0, sizeof text); /* it was copied */
        MUST(vlm_session_sync(s, &m, 1, &err));
        listen(&cut, s);
        vlm_session_close(s);
        char wanted[4] = {whole.text[from], whole.text[from + 1], whole.text[from + 2], 0};
        size_t end = (size_t)(strstr(whole.text, wanted) - whole.text);
        CHECK(cut.n_text == end && !memcmp(cut.text, whole.text, end));
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    static struct answer first, a;
    ask(&first, argv[1], argv[2], 1, 256);
    static const int threads[] = {1, 2, 3, 7};
    static const size_t chunks[] = {1, 7, 64, 512};
    for (int t = 0; t < 4; t++)
        for (int c = 0; c < 4; c++) {
            ask(&a, argv[1], argv[2], threads[t], chunks[c]);
            CHECK(same(&first, &a));
        }
    vlm_engine *e = open_engine(argv[1], 2);
    vlm_image *image;
    MUST(vlm_image_open(&image, e, argv[2], &err));
    CHECK(vlm_image_width(image) > 0 && vlm_image_height(image) > 0);
    chat(e, image);
    together(e, image);
    cancelled(e, image);
    shared(e, image);
    stop_strings(e);
    vlm_image_close(image);
    vlm_engine_close(e);
    printf("%s, %d bad\n", vlm_version(), bad);
    return bad ? 1 : 0;
}
