/* state.c MODEL PICTURE FOLDER: sessions in files.  What goes on after load says what the saved one
 * would have said; what does not fit is refused by name and changes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vlm.h>

#include "check.h"

enum { MOST = 40, TEXT = 4096 };

struct answer {
    char text[TEXT];
    size_t n_text, n;
    int32_t ids[MOST + 1];
    float logprobs[MOST + 1];
};

static vlm_message page, longer;
static const char *model;
static char path[1024];

static vlm_engine *open_engine(const char *dir, const char *isa)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = 1;
    o.isa = isa;
    MUST(vlm_engine_open(&e, dir, &o, &err));
    return e;
}

static void listen(struct answer *a, vlm_session *s, size_t n)
{
    vlm_token t;
    int rc = VLM_OK;
    while (n-- > 0 && (rc = vlm_session_next(s, &t, &err)) == VLM_OK) {
        CHECK(a->n < MOST && a->n_text + t.n_text < TEXT);
        memcpy(a->text + a->n_text, t.text, t.n_text);
        a->n_text += t.n_text;
        a->ids[a->n] = t.id;
        a->logprobs[a->n++] = t.logprob;
    }
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
    o->chunk = 50;
}

static vlm_session *open_session(vlm_engine *e, const vlm_session_options *o)
{
    vlm_session *s;
    MUST(vlm_session_open(&s, e, o, &err));
    return s;
}

/* n tokens, into a file, the rest by another engine; -1: saved before the prompt is read. */
static void go_on(const vlm_session_options *o, const vlm_message *m, int n)
{
    struct answer expected = {.n = 0}, a = {.n = 0}, b = {.n = 0};
    vlm_engine *e = open_engine(model, NULL);
    vlm_session *s = open_session(e, o);
    vlm_token t;
    MUST(vlm_session_sync(s, m, 1, &err));
    if (n >= 0)
        listen(&a, s, (size_t)n);
    MUST(vlm_session_save(s, path, &err));
    b = a;
    listen(&a, s, MOST); /* saving has changed nothing */
    vlm_session_close(s);
    vlm_engine_close(e);

    e = open_engine(model, NULL);
    s = open_session(e, o);
    if (n % 2) /* one that has said something else before */
        MUST(vlm_session_sync(s, &longer, 1, &err));
    MUST(vlm_session_load(s, path, &err));
    vlm_stats stats;
    vlm_session_stats(s, &stats);
    CHECK(stats.completion_tokens == (n < 0 ? 0 : b.n) && stats.n_tiles == 0);
    int rc = vlm_session_token(s, &t, &err);
    CHECK(rc == VLM_MORE || rc == VLM_DONE);
    listen(&b, s, MOST);
    CHECK(same(&a, &b));
    MUST(vlm_session_sync(s, m, 1, &err)); /* its keys and values are worth as much as others */
    vlm_session_stats(s, &stats);
    CHECK(n < 0 || stats.cached_tokens == stats.prompt_tokens - 1);
    CHECK(stats.image_tokens == 0 || stats.cached_tokens >= stats.image_tokens);
    listen(&expected, s, MOST);
    vlm_session_stats(s, &stats);
    CHECK(stats.n_tiles == 0 && same(&a, &expected));
    vlm_session_close(s);
    vlm_engine_close(e);
}

/* A file's blocks are nobody's but the session's that loaded them. */
static void not_offered(const vlm_session_options *o)
{
    struct answer a = {.n = 0}, b = {.n = 0};
    vlm_engine *e = open_engine(model, NULL);
    vlm_session *s = open_session(e, o), *t;
    vlm_stats stats;
    MUST(vlm_session_sync(s, &longer, 1, &err));
    listen(&a, s, MOST);
    MUST(vlm_session_save(s, path, &err));
    vlm_session_close(s);
    vlm_engine_close(e);
    e = open_engine(model, NULL);
    s = open_session(e, o);
    t = open_session(e, o);
    MUST(vlm_session_load(s, path, &err));
    MUST(vlm_session_sync(s, &longer, 1, &err));
    listen(&b, s, MOST);
    CHECK(same(&a, &b));
    MUST(vlm_session_sync(t, &longer, 1, &err));
    vlm_session_stats(t, &stats);
    CHECK(stats.cached_tokens == 0);
    /* what it reads itself is offered again, once nothing of the file is left */
    MUST(vlm_session_load(s, path, &err));
    MUST(vlm_session_sync(s, &page, 1, &err));
    MUST(vlm_session_sync(s, &longer, 1, &err));
    b.n = b.n_text = 0;
    listen(&b, s, MOST);
    CHECK(same(&a, &b));
    MUST(vlm_session_sync(t, &page, 1, &err));
    MUST(vlm_session_sync(t, &longer, 1, &err));
    vlm_session_stats(t, &stats);
    CHECK(stats.cached_tokens >= 2 * 256);
    vlm_session_close(t);
    vlm_session_close(s);
    vlm_engine_close(e);
}

static void refuse(vlm_session *s, const char *file, int status, const char *words)
{
    int rc = vlm_session_load(s, file, &err);
    if (rc != status || !strstr(err.message, words) || strchr(err.message, '\n')) {
        printf("%d %s, expected %d '%s'\n", rc, err.message, status, words);
        bad++;
    }
}

static void refused(const char *other)
{
    struct answer a = {.n = 0}, b = {.n = 0};
    vlm_session_options o;
    init(&o);
    vlm_engine *e = open_engine(model, NULL);
    vlm_session *s = open_session(e, &o);
    CHECK(vlm_session_save(s, path, &err) == VLM_ERR_ARGUMENT && strstr(err.message, "sync"));
    refuse(s, "/nowhere/at/all", VLM_ERR_IO, "cannot open");
    refuse(s, "/dev/null", VLM_ERR_IO, "regular file");
    MUST(vlm_session_sync(s, &page, 1, &err));
    listen(&a, s, 6);
    CHECK(vlm_session_save(s, "/nowhere/at/all", &err) == VLM_ERR_IO);
    MUST(vlm_session_save(s, path, &err));
    listen(&a, s, MOST);
    MUST(vlm_session_sync(s, &page, 1, &err)); /* a state that refusals must leave alone */
    listen(&b, s, 9);

    o.kv_type = VLM_KV_F16;
    vlm_session *t = open_session(e, &o);
    refuse(t, path, VLM_ERR_UNSUPPORTED, "kv_type");
    vlm_token token;
    CHECK(vlm_session_next(t, &token, &err) == VLM_ERR_ARGUMENT); /* still nothing to say */
    vlm_session_close(t);
    init(&o);
    o.context = 20;
    t = open_session(e, &o);
    refuse(t, path, VLM_ERR_CONTEXT, "context");
    vlm_session_close(t);
    vlm_constraint *c;
    MUST(vlm_constraint_from_regex(&c, e, "[qQ]{7}never", 12, &err));
    init(&o);
    o.constraint = c;
    t = open_session(e, &o);
    refuse(t, path, VLM_ERR_ARGUMENT, "constraint");
    vlm_session_close(t);
    vlm_constraint_close(c);
    vlm_engine *f = open_engine(other, NULL);
    init(&o);
    t = open_session(f, &o);
    refuse(t, path, VLM_ERR_UNSUPPORTED, "model is");
    vlm_session_close(t);
    vlm_engine_close(f);
    if (strcmp(vlm_engine_isa(e), "scalar") != 0) {
        f = open_engine(model, "scalar");
        t = open_session(f, &o);
        refuse(t, path, VLM_ERR_UNSUPPORTED, "ISA level");
        vlm_session_close(t);
        vlm_engine_close(f);
    } else {
        puts("skip: another ISA level, there is only this one");
    }
    vlm_engine_options eo;
    vlm_engine_options_init(&eo);
    eo.n_threads = 1;
    eo.exact = 1; /* other roundings than those of the saved keys */
    MUST(vlm_engine_open(&f, model, &eo, &err));
    t = open_session(f, &o);
    refuse(t, path, VLM_ERR_UNSUPPORTED, "exact");
    vlm_session_close(t);
    vlm_engine_close(f);
    listen(&b, s, MOST);
    CHECK(same(&a, &b));

    vlm_session_cancel(s); /* in the midst of its prompt there is nothing to go on with */
    MUST(vlm_session_sync(s, &longer, 1, &err));
    vlm_session_cancel(s);
    CHECK(vlm_session_next(s, &token, &err) == VLM_DONE);
    MUST(vlm_session_save(s, path, &err)); /* text alone can be read again */
    t = open_session(e, &o);
    MUST(vlm_session_load(t, path, &err));
    CHECK(vlm_session_next(t, &token, &err) == VLM_DONE);
    CHECK(vlm_session_finish(t) == VLM_FINISH_CANCELLED);
    MUST(vlm_session_sync(t, &longer, 1, &err));
    MUST(vlm_session_next(t, &token, &err));
    vlm_session_close(t);
    vlm_session_close(s);
    vlm_engine_close(e);
}

/* The same state, the same bytes: nothing that was never computed is in the file. */
static void same_file(const vlm_session_options *o)
{
    char *data[2];
    size_t size[2];
    for (int i = 0; i < 2; i++) {
        struct answer a = {.n = 0};
        vlm_engine *e = open_engine(model, NULL);
        vlm_session *s = open_session(e, o);
        if (i == 1) { /* leaves other keys behind what the next question needs */
            MUST(vlm_session_sync(s, &longer, 1, &err));
            listen(&a, s, 20);
            a.n = a.n_text = 0;
        }
        MUST(vlm_session_sync(s, &page, 1, &err));
        listen(&a, s, 3);
        MUST(vlm_session_save(s, path, &err));
        vlm_session_close(s);
        vlm_engine_close(e);
        FILE *f = fopen(path, "rb");
        data[i] = malloc(1 << 24);
        size[i] = f ? fread(data[i], 1, 1 << 24, f) : 0;
        if (f)
            fclose(f);
    }
    CHECK(size[0] > 1000 && size[0] == size[1] && !memcmp(data[0], data[1], size[0]));
    free(data[0]);
    free(data[1]);
}

int main(int argc, char **argv)
{
    static char text[800];
    vlm_image *image;
    vlm_session_options o;
    if (argc != 5)
        return 2;
    model = argv[1];
    snprintf(path, sizeof path, "%s/state-%ld.vlm", argv[4], (long)getpid());
    vlm_engine *lender = open_engine(model, NULL);
    MUST(vlm_image_open(&image, lender, argv[2], &err));
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = (char)(i % 8 == 7 ? ' ' : '0' + i * i * 7919 % 11);
    vlm_part parts[3] = {vlm_part_image(image), vlm_part_text("What is it?"), vlm_part_text(text)};
    page = (vlm_message){.role = "user", .parts = parts, .n_parts = 2};
    longer = (vlm_message){.role = "user", .parts = parts + 2, .n_parts = 1};
    init(&o);
    for (int n = -1; n <= MOST; n = n < 1 ? n + 1 : n * 7) {
        go_on(&o, &page, n);
        go_on(&o, &longer, n);
    }
    o.temperature = 1.5f;
    o.seed = 99;
    o.repeat_penalty = 1.3f;
    o.frequency_penalty = 0.4f;
    o.top_k = 50;
    const char *stop[] = {"never said at all", "e"};
    o.stop = stop;
    o.n_stop = 1;
    go_on(&o, &page, 5);
    go_on(&o, &longer, 8);
    o.kv_type = VLM_KV_BF16;
    o.context = 1500;
    go_on(&o, &longer, 4);
    o.kv_type = VLM_KV_Q8_0;
    go_on(&o, &longer, 4);
    o.kv_type = VLM_KV_Q4_0;
    go_on(&o, &page, 7);
    not_offered(&o);
    init(&o);
    same_file(&o);
    refused(argv[3]);
    unlink(path);
    vlm_image_close(image);
    vlm_engine_close(lender);
    return bad != 0;
}
