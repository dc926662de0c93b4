/* stress.c MODEL PICTURE DIR [ROUNDS] [SEED]: eight sessions of one engine on two threads, which
 * sync, step some of theirs together, fork, save, load, close and open at random, while a third
 * thread cancels.  Whatever was said must be the beginning of what a session alone says.  Made for
 * ThreadSanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vlm.h>

#include "check.h"

enum { REQUESTS = 6, MAX = 24, SLOTS = 4, THREADS = 2 };

struct request {
    vlm_part parts[2];
    vlm_message message;
    vlm_session_options options;
    int32_t ids[MAX];
    size_t n;
};
struct slot {
    pthread_mutex_t lock; /* a session is not closed while another thread cancels it */
    vlm_session *s;
    int request;          /* what it was asked, or -1 */
    size_t n;             /* tokens it has said */
    atomic_int cancelled; /* since it was asked */
};
struct worker {
    pthread_t thread;
    vlm_engine *engine;
    struct request *requests;
    const char *dir;
    struct slot slots[SLOTS];
    uint64_t random;
    int index, rounds;
    size_t n_tokens, n_cut, n_forked, n_loaded;
    int bad;
};

/* Of all threads: cancels come by them, whatever the machine's load. */
static atomic_size_t all_steps;

static uint32_t draw(uint64_t *state, uint32_t n) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 33) % n;
}

static void wrong(struct worker *w, const char *what, const vlm_error *e)
{
    printf("thread %d: %s (%s)\n", w->index, what, e->message);
    w->bad++;
}

static void set_session(struct slot *slot, vlm_session *s)
{
    pthread_mutex_lock(&slot->lock);
    vlm_session_close(slot->s);
    slot->s = s;
    pthread_mutex_unlock(&slot->lock);
}

static void open_slot(struct worker *w, struct slot *slot)
{
    vlm_session *s = NULL;
    vlm_error e;
    int request = (int)draw(&w->random, REQUESTS);
    if (vlm_session_open(&s, w->engine, &w->requests[request].options, &e) < 0)
        wrong(w, "open", &e);
    set_session(slot, s);
    slot->request = -1 - request; /* opened for it, not asked */
}

/* One session asks what it was opened for. */
static void ask(struct worker *w, struct slot *slot)
{
    vlm_error e;
    int request = slot->request < 0 ? -1 - slot->request : slot->request;
    atomic_store(&slot->cancelled, 0);
    int rc = vlm_session_sync(slot->s, &w->requests[request].message, 1, &e);
    if (rc < 0 && rc != VLM_ERR_CANCELLED)
        wrong(w, "sync", &e);
    slot->request = rc < 0 ? -1 - request : request;
    slot->n = 0;
}

static void take(struct worker *w, struct slot *slot)
{
    const struct request *r = &w->requests[slot->request];
    vlm_token t;
    vlm_error e;
    int rc = vlm_session_token(slot->s, &t, &e);
    if (rc == VLM_OK) {
        if (slot->n >= r->n || t.id != r->ids[slot->n])
            wrong(w, "a token differs from what a session alone says", &(vlm_error){0});
        slot->n++;
        w->n_tokens++;
    } else if (rc == VLM_DONE) {
        vlm_finish f = vlm_session_finish(slot->s);
        if (f == VLM_FINISH_CANCELLED && !atomic_load(&slot->cancelled))
            wrong(w, "cancelled, but nobody did", &(vlm_error){0});
        if (f != VLM_FINISH_CANCELLED && slot->n != r->n)
            wrong(w, "an answer ended early", &(vlm_error){0});
        w->n_cut += f == VLM_FINISH_CANCELLED;
        slot->request = -1 - slot->request;
    } else if (rc < 0) {
        wrong(w, "step", &e);
    }
}

/* A few steps of those that are asked, each in or out at random. */
static void step(struct worker *w)
{
    vlm_session *s[SLOTS];
    struct slot *of[SLOTS];
    vlm_error e;
    uint32_t n_steps = 1 + draw(&w->random, 12), chosen = draw(&w->random, 1 << SLOTS);
    for (uint32_t k = 0; k < n_steps; k++) {
        size_t n = 0;
        for (size_t i = 0; i < SLOTS; i++)
            if (w->slots[i].s && w->slots[i].request >= 0 && (chosen >> i & 1)) {
                of[n] = &w->slots[i];
                s[n++] = w->slots[i].s;
            }
        if (n == 0)
            return;
        if (vlm_step(w->engine, s, n, &e) < 0)
            wrong(w, "step", &e);
        atomic_fetch_add(&all_steps, 1);
        for (size_t i = 0; i < n; i++)
            take(w, of[i]);
    }
}

/* Slot `to` becomes a copy of slot `from`, in memory or through a file. */
static void copy(struct worker *w, struct slot *to, struct slot *from, bool through_file)
{
    vlm_session *s = NULL;
    vlm_error e;
    char path[512];
    int rc;
    if (atomic_load(&from->cancelled))
        return; /* it may end at any time: what the copy would say is open */
    if (through_file) {
        snprintf(path, sizeof path, "%s/stress-%ld-%d.session", w->dir, (long)getpid(), w->index);
        rc = vlm_session_open(&s, w->engine, &w->requests[from->request].options, &e);
        if (rc == VLM_OK)
            rc = vlm_session_save(from->s, path, &e);
        if (rc == VLM_OK)
            rc = vlm_session_load(s, path, &e);
        unlink(path);
    } else {
        rc = vlm_session_fork(&s, from->s, NULL, &e);
    }
    if (rc < 0 && atomic_load(&from->cancelled)) { /* in the midst of it */
        vlm_session_close(s);
        return;
    }
    if (rc < 0)
        wrong(w, through_file ? "save and load" : "fork", &e);
    *(through_file ? &w->n_loaded : &w->n_forked) += 1;
    atomic_store(&to->cancelled, atomic_load(&from->cancelled)); /* before another may set it */
    set_session(to, s);
    to->request = from->request;
    to->n = from->n;
}

static void *work(void *worker)
{
    struct worker *w = worker;
    for (int i = 0; i < w->rounds && !w->bad; i++) {
        struct slot *slot = &w->slots[draw(&w->random, SLOTS)],
                    *other = &w->slots[draw(&w->random, SLOTS)];
        uint32_t what = draw(&w->random, 16);
        if (!slot->s || what == 0)
            open_slot(w, slot);
        else if (slot->request < 0 || what == 1)
            ask(w, slot);
        else if (what <= 3 && slot != other)
            copy(w, other, slot, what == 2);
        else
            step(w);
    }
    return NULL;
}

/* Cancels now and then until told to stop. */
struct canceller {
    struct worker *workers;
    atomic_bool stop;
};

static void *cancel(void *canceller)
{
    struct canceller *c = canceller;
    uint64_t random = 7;
    size_t next = 0;
    while (!atomic_load(&c->stop)) {
        struct slot *slot = &c->workers[draw(&random, THREADS)].slots[draw(&random, SLOTS)];
        while (!atomic_load(&c->stop) && atomic_load(&all_steps) < next)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
        next = atomic_load(&all_steps) + 5 + draw(&random, 40);
        pthread_mutex_lock(&slot->lock);
        if (slot->s) {
            atomic_store(&slot->cancelled, 1);
            vlm_session_cancel(slot->s);
        }
        pthread_mutex_unlock(&slot->lock);
    }
    return NULL;
}

/* What each request is answered when nothing else runs. */
static void answer_alone(vlm_engine *e, struct request *r)
{
    vlm_session *s;
    vlm_token t;
    int rc;
    MUST(vlm_session_open(&s, e, &r->options, &err));
    MUST(vlm_session_sync(s, &r->message, 1, &err));
    while (r->n < MAX && (rc = vlm_session_next(s, &t, &err)) == VLM_OK)
        r->ids[r->n++] = t.id;
    CHECK(r->n > 0);
    vlm_session_close(s);
}

static vlm_engine *open_engine(const char *path)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = 2;
    o.max_features = 1 << 16; /* small: kept things come and go */
    o.max_prompts = 1 << 20;
    MUST(vlm_engine_open(&e, path, &o, &err));
    return e;
}

int main(int argc, char **argv)
{
    static const char *const questions[REQUESTS] = {"What is the total?",
                                                    "Tell me a story.",
                                                    "What is the total?",
                                                    "And the date?",
                                                    "Why?",
                                                    "Read it."};
    static struct request requests[REQUESTS];
    static struct worker workers[THREADS];
    static struct canceller canceller;
    pthread_t thread;
    vlm_image *image;
    if (argc < 4)
        return 2;
    int rounds = argc > 4 ? atoi(argv[4]) : 200;
    uint64_t seed = argc > 5 ? strtoull(argv[5], NULL, 10) : 1;

    vlm_engine *alone = open_engine(argv[1]);
    MUST(vlm_image_open(&image, alone, argv[2], &err));
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *r = &requests[i];
        vlm_session_options_init(&r->options);
        r->options.max_tokens = MAX;
        r->options.chunk = 3 + 20 * i;
        r->options.temperature = i % 3 ? 0.9f : 0;
        r->options.seed = i;
        r->parts[0] = i % 2 ? vlm_part_text("Look: ") : vlm_part_image(image);
        r->parts[1] = vlm_part_text(questions[i]);
        r->message = (vlm_message){"user", r->parts, 2, 0};
        answer_alone(alone, r);
    }

    vlm_engine *e = open_engine(argv[1]);
    for (int i = 0; i < THREADS; i++) {
        struct worker *w = &workers[i];
        *w = (struct worker){
            .engine = e, .requests = requests, .dir = argv[3], .index = i, .rounds = rounds};
        w->random = seed * 1000 + (uint64_t)i;
        for (size_t k = 0; k < SLOTS; k++)
            pthread_mutex_init(&w->slots[k].lock, NULL);
    }
    canceller.workers = workers;
    CHECK(pthread_create(&thread, NULL, cancel, &canceller) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    atomic_store(&canceller.stop, true);
    pthread_join(thread, NULL);
    size_t n_tokens = 0, n_forked = 0, n_loaded = 0, n_cut = 0;
    for (int i = 0; i < THREADS; i++) {
        struct worker *w = &workers[i];
        bad += w->bad;
        n_tokens += w->n_tokens;
        n_forked += w->n_forked;
        n_loaded += w->n_loaded;
        n_cut += w->n_cut;
        printf("thread %d: %zu tokens, %zu answers cancelled, %zu forks, %zu through a file\n", i,
               w->n_tokens, w->n_cut, w->n_forked, w->n_loaded);
        for (size_t k = 0; k < SLOTS; k++) {
            set_session(&w->slots[k], NULL);
            pthread_mutex_destroy(&w->slots[k].lock);
        }
    }
    CHECK(n_tokens > 100 && n_forked > 3 && n_loaded > 3 && n_cut > 3);
    vlm_image_close(image);
    vlm_engine_close(e);
    vlm_engine_close(alone);
    return bad ? 1 : 0;
}
