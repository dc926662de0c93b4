/* fork.c MODEL PICTURE: a fork says what a session of its own would say, wherever it was made, and
 * leaves the one it came from as it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vlm.h>

#include "check.h"

enum { MOST = 40, TEXT = 4096 };

struct answer {
    char text[TEXT];
    size_t n_text, n;
    int32_t ids[MOST + 1];
    float logprobs[MOST + 1];
};

static vlm_engine *engine;
static vlm_message page, longer; /* a picture with a question; more than two blocks of text */

static void add(struct answer *a, const vlm_token *t)
{
    CHECK(a->n < MOST && a->n_text + t->n_text < TEXT);
    memcpy(a->text + a->n_text, t->text, t->n_text);
    a->n_text += t->n_text;
    a->ids[a->n] = t->id;
    a->logprobs[a->n++] = t->logprob;
}

/* Up to n tokens more. */
static void listen(struct answer *a, vlm_session *s, size_t n)
{
    vlm_token t;
    int rc = VLM_OK;
    while (n-- > 0 && (rc = vlm_session_next(s, &t, &err)) == VLM_OK)
        add(a, &t);
    MUST(rc);
}

static int same(const struct answer *a, const struct answer *b)
{
    return a->n == b->n && a->n_text == b->n_text && !memcmp(a->text, b->text, a->n_text) &&
           !memcmp(a->ids, b->ids, a->n * sizeof *a->ids) &&
           !memcmp(a->logprobs, b->logprobs, a->n * sizeof *a->logprobs);
}

static void init(vlm_session_options *o)
{
    vlm_session_options_init(o);
    o->max_tokens = MOST;
    o->n_logprobs = 2;
    o->chunk = 32;
}

static vlm_session *open_synced(const vlm_session_options *o, const vlm_message *m)
{
    vlm_session *s;
    MUST(vlm_session_open(&s, engine, o, &err));
    MUST(vlm_session_sync(s, m, 1, &err));
    return s;
}

static vlm_session *fork_of(vlm_session *from, const vlm_session_options *o)
{
    vlm_session *s;
    MUST(vlm_session_fork(&s, from, o, &err));
    return s;
}

static void alone(struct answer *a, const vlm_session_options *o, const vlm_message *m)
{
    vlm_session *s = open_synced(o, m);
    memset(a, 0, sizeof *a);
    listen(a, s, MOST);
    CHECK(a->n > 0);
    vlm_session_close(s);
}

/* One prompt, six answers: each seed's own.  read: steps of the prompt before the forks. */
static void seeds(const vlm_session_options *options, const vlm_message *m, size_t read)
{
    enum { N = 6 };
    vlm_session_options o = *options;
    vlm_session *from = open_synced(&o, m), *s[N];
    struct answer expected, a[N];
    vlm_stats st;
    vlm_session_stats(from, &st);
    for (size_t i = 0; i < read && (i + 1) * o.chunk < st.prompt_tokens - st.cached_tokens; i++) {
        vlm_token t;
        MUST(vlm_step(engine, &from, 1, &err));
        CHECK(vlm_session_token(from, &t, &err) == VLM_MORE);
    }
    memset(a, 0, sizeof a);
    for (int i = 0; i < N; i++) {
        o.seed = (uint64_t)i * 77;
        o.temperature = i ? options->temperature + (float)i / 4 : 0;
        s[i] = fork_of(i == 3 ? s[2] : from, &o);
    }
    vlm_session_close(from);           /* forks live on without it */
    for (size_t left = N; left > 0;) { /* side by side */
        MUST(vlm_step(engine, s, N, &err));
        left = 0;
        for (int i = 0; i < N; i++) {
            vlm_token t;
            int rc = vlm_session_token(s[i], &t, &err);
            MUST(rc);
            if (rc == VLM_OK)
                add(&a[i], &t);
            left += rc != VLM_DONE;
        }
    }
    for (int i = 0; i < N; i++) {
        vlm_session_close(s[i]);
        o.seed = (uint64_t)i * 77;
        o.temperature = i ? options->temperature + (float)i / 4 : 0;
        alone(&expected, &o, m);
        CHECK(same(&a[i], &expected));
    }
}

/* In the midst of an answer: the fork goes on as the other does, and neither feels the other go
 * back to its question or on to a new one. */
static void midst(const vlm_session_options *options, const vlm_message *m, size_t n)
{
    struct answer expected, a = {.n = 0}, b, again = {.n = 0};
    vlm_session_options o = *options;
    o.repeat_penalty = 1.3f;
    o.frequency_penalty = 0.5f;
    alone(&expected, &o, m);
    vlm_session *from = open_synced(&o, m);
    listen(&a, from, n);
    b = a;
    vlm_session *s = fork_of(from, NULL), *t = fork_of(s, NULL);
    vlm_token last, copy;
    int rc = vlm_session_token(from, &last, &err);
    CHECK(rc == (n ? VLM_OK : VLM_MORE) && rc == vlm_session_token(s, &copy, &err));
    if (rc == VLM_OK) {
        CHECK(last.id == copy.id && last.n_text == copy.n_text && last.n_top == copy.n_top);
        CHECK(!memcmp(last.text, copy.text, last.n_text) && last.text != copy.text);
    }
    MUST(vlm_session_sync(from, m, 1, &err)); /* goes back, and writes where the fork reads */
    listen(&again, from, 3);
    listen(&b, s, MOST);
    CHECK(same(&b, &expected));
    listen(&a, t, 2);
    MUST(vlm_session_sync(t, m == &page ? &longer : &page, 1, &err));
    listen(&again, from, MOST);
    CHECK(same(&again, &expected));
    vlm_session_close(t);
    vlm_session_close(from);
    vlm_session_close(s);
}

/* What was scored behind the prompt is not seen by forks made before or after. */
static void scored(const vlm_session_options *options, const vlm_message *m)
{
    vlm_session_options with = *options, *o = &with;
    with.repeat_penalty = 1.5f; /* what was said before does not count */
    with.presence_penalty = 0.5f;
    struct answer expected, a = {.n = 0}, b = {.n = 0};
    float logprobs[MOST];
    alone(&expected, o, m);
    vlm_session *from = open_synced(o, m);
    listen(&a, from, 5);
    vlm_session *s = fork_of(from, NULL);
    int32_t wrong[20];
    for (int32_t i = 0; i < 20; i++)
        wrong[i] = 40 + i;
    MUST(vlm_session_score(from, wrong, 20, logprobs, &err));
    listen(&a, s, MOST);
    CHECK(same(&a, &expected));
    vlm_session *t = fork_of(from, NULL);
    MUST(vlm_session_score(from, expected.ids, expected.n, logprobs, &err));
    CHECK(!memcmp(logprobs, expected.logprobs, expected.n * sizeof *logprobs));
    listen(&b, t, MOST);
    CHECK(same(&b, &expected));
    vlm_session_close(from);
    vlm_session_close(s);
    vlm_session_close(t);
}

static int first_done(void *ctx, vlm_phase phase, size_t done, size_t total)
{
    size_t *left = ctx;
    if (phase == VLM_PHASE_PREFILL && *left == SIZE_MAX)
        *left = total - done;
    return 0;
}

/* What was read before the fork is not read again: its first row is the prompt's last. */
static void read_once(const vlm_message *m)
{
    vlm_session_options o;
    struct answer own, forked = {.n = 0};
    size_t left = SIZE_MAX;
    init(&o);
    o.chunk = 1;
    alone(&own, &o, m);
    vlm_session *s = open_synced(&o, m);
    MUST(vlm_session_score(s, NULL, 0, NULL, &err));
    o.progress = first_done;
    o.progress_ctx = &left;
    vlm_session *f = fork_of(s, &o);
    vlm_session_close(s);
    listen(&forked, f, MOST);
    CHECK(left == 0 && same(&own, &forked));
    vlm_session_close(f);
    vlm_error e;
    CHECK(vlm_engine_open(&(vlm_engine *){NULL}, "/nowhere", NULL, &e) == VLM_ERR_IO && e.os_errno);
}

static void options(void)
{
    vlm_session_options o;
    init(&o);
    o.tenant = "a";
    vlm_session *s, *t = NULL, *from;
    MUST(vlm_session_open(&from, engine, &o, &err));
    s = fork_of(from, &o); /* before any sync: nothing to say yet */
    vlm_token token;
    CHECK(vlm_session_next(s, &token, &err) == VLM_ERR_ARGUMENT);
    MUST(vlm_session_sync(s, &page, 1, &err));
    MUST(vlm_session_next(s, &token, &err));
    vlm_session_close(s);
    MUST(vlm_session_sync(from, &page, 1, &err));
    for (int i = 0; i < 6; i++) {
        vlm_session_options other = o;
        if (i == 0)
            other.context = 1000;
        else if (i == 1)
            other.kv_type = VLM_KV_F16;
        else if (i == 2)
            other.detail = VLM_DETAIL_LOW;
        else if (i == 3)
            other.max_tiles = 3;
        else
            other.tenant = i == 4 ? "b" : NULL;
        CHECK(vlm_session_fork(&t, from, &other, &err) == VLM_ERR_ARGUMENT && t == NULL);
        CHECK(strstr(err.message, "as before") || strstr(err.message, "tenant"));
    }
    /* one that may say less than was said */
    struct answer a = {.n = 0};
    listen(&a, from, 5);
    o.max_tokens = 3;
    s = fork_of(from, &o);
    vlm_step(engine, &s, 1, &err);
    CHECK(vlm_session_token(s, &token, &err) == VLM_DONE);
    CHECK(vlm_session_finish(s) == VLM_FINISH_LENGTH);
    /* one that has ended stays so */
    listen(&a, from, MOST);
    t = fork_of(from, NULL);
    CHECK(vlm_session_next(t, &token, &err) == VLM_DONE);
    CHECK(vlm_session_finish(t) == vlm_session_finish(from));
    vlm_session_close(s);
    vlm_session_close(t);
    vlm_session_close(from);
}

int main(int argc, char **argv)
{
    vlm_image *image;
    vlm_session_options o;
    vlm_constraint *c;
    static char text[800];
    if (argc != 3)
        return 2;
    vlm_engine_options eo;
    vlm_engine_options_init(&eo);
    eo.n_threads = 1;
    MUST(vlm_engine_open(&engine, argv[1], &eo, &err));
    MUST(vlm_image_open(&image, engine, argv[2], &err));
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = (char)(i % 8 == 7 ? ' ' : '0' + i * i * 7919 % 11);
    vlm_part parts[3] = {vlm_part_image(image), vlm_part_text("What is it?"), vlm_part_text(text)};
    page = (vlm_message){.role = "user", .parts = parts, .n_parts = 2};
    longer = (vlm_message){.role = "user", .parts = parts + 2, .n_parts = 1};
    init(&o);
    vlm_session *s = open_synced(&o, &longer);
    size_t n;
    vlm_session_prompt(s, &n);
    CHECK(n > 2 * 256 + 100);
    vlm_session_close(s);
    for (size_t read = 0; read <= 4; read += 2) {
        seeds(&o, &page, read);
        seeds(&o, &longer, 4 * read);
    }
    for (size_t i = 0; i < 8; i += 4) {
        midst(&o, &page, i);
        midst(&o, &longer, i);
    }
    scored(&o, &page);
    scored(&o, &longer);
    o.context = 1500; /* taken at open */
    o.kv_type = VLM_KV_F16;
    midst(&o, &longer, 7);
    read_once(&page);
    read_once(&longer);
    options();
    MUST(vlm_constraint_from_regex(&c, engine, "(ab|[0-9]{2,9}x|yes){3,9}", 25, &err));
    init(&o);
    o.constraint = c;
    o.temperature = 2;
    seeds(&o, &page, 3);
    midst(&o, &page, 4);
    vlm_constraint_close(c);
    vlm_image_close(image);
    vlm_engine_close(engine);
    return bad != 0;
}
