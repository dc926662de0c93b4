/* abuse_state.c FOLDER: files of saved sessions that are cut, changed or made up, places that
 * cannot be written, and memory that ends at every call of fork, save and load.  Every refusal is
 * one line and leaves the session as it was. */
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "heap.h"
#include "model.h"

#define MODEL VLM_TEST_DATA "/golden/v1-tokens/model"
#define PICTURE VLM_TEST_DATA "/golden/v1-tokens/wide/wide.png"

enum { HEADER = 144, HASH = 32, N_TOKENS = 8, SAID = 3 };

static int bad;
static char path[1024], temporary[1024];
static struct test_model model;
static char *picture;
static size_t n_picture;

static void wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    puts("");
    if (++bad > 20)
        exit(1);
}

static void write_file(const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0)
        test_die(path, "cannot write");
}

/* ---- one session, that every file is tried on ---- */

struct stage {
    vlm_engine *engine;
    vlm_image *image;
    vlm_part parts[2];
    vlm_message message;
    vlm_session *session;
    char *file; /* what it saved after SAID tokens */
    size_t n;
    int32_t expected[N_TOKENS];
    size_t n_expected;
};

static size_t take(int32_t *ids, vlm_session *s, size_t most)
{
    vlm_token t;
    vlm_error err;
    size_t n = 0;
    int rc = VLM_OK;
    while (n < most && (rc = vlm_session_next(s, &t, &err)) == VLM_OK)
        ids[n++] = t.id;
    if (rc < 0)
        wrong("next: %s", err.message);
    return n;
}

static void must(int rc, const vlm_error *err, const char *what)
{
    if (rc < 0)
        test_die(what, err->message);
}

static void set(struct stage *x)
{
    vlm_error err;
    vlm_engine_options eo;
    vlm_session_options so;
    vlm_engine_options_init(&eo);
    eo.n_threads = 1;
    must(vlm_engine_open_files(&x->engine, model.files, model.n, &eo, &err), &err, "open");
    must(vlm_image_decode(&x->image, x->engine, picture, n_picture, "wide.png", &err), &err, "png");
    vlm_session_options_init(&so);
    so.max_tokens = N_TOKENS;
    x->parts[0] = vlm_part_image(x->image);
    x->parts[1] = vlm_part_text("What is this?");
    x->message = (vlm_message){.role = "user", .parts = x->parts, .n_parts = 2};
    must(vlm_session_open(&x->session, x->engine, &so, &err), &err, "session");
    must(vlm_session_sync(x->session, &x->message, 1, &err), &err, "sync");
    x->n_expected = take(x->expected, x->session, SAID);
    must(vlm_session_save(x->session, path, &err), &err, "save");
    x->file = test_read(path, &x->n);
    if (x->n < HEADER + HASH || x->n_expected != SAID)
        test_die(path, "not what is needed");
    x->n_expected += take(x->expected + SAID, x->session, N_TOKENS);
}

static void strike(struct stage *x)
{
    vlm_session_close(x->session);
    vlm_image_close(x->image);
    vlm_engine_close(x->engine);
    free(x->file);
}

/* The session is still at the end of its answer. */
static void refused(struct stage *x, const char *what, size_t at, int status)
{
    vlm_error err = {.status = 0};
    vlm_token t;
    int rc = vlm_session_load(x->session, path, &err);
    if (rc >= 0)
        wrong("%s %zu: was loaded", what, at);
    else if ((status && rc != status) || !err.message[0] || strchr(err.message, '\n') ||
             rc == VLM_ERR_MEMORY)
        wrong("%s %zu: status %d, %s", what, at, rc, err.message);
    if (vlm_session_next(x->session, &t, &err) != VLM_DONE)
        wrong("%s %zu: the session changed", what, at);
}

/* ---- what is refused ---- */

static void cut(struct stage *x)
{
    for (size_t n = 0; n < x->n; n += n < HEADER + 600 || n + 2 * HASH > x->n ? 1 : 1009) {
        write_file(x->file, n);
        refused(x, "cut at", n, n < HEADER ? VLM_ERR_FORMAT : 0);
    }
    char *more = malloc(x->n + 1);
    memcpy(more, x->file, x->n);
    more[x->n] = 0;
    write_file(more, x->n + 1);
    refused(x, "longer by", 1, VLM_ERR_FORMAT);
    free(more);
}

static void flipped(struct stage *x)
{
    for (size_t i = 0; i < x->n; i += i < HEADER + 600 || i + 2 * HASH > x->n ? 1 : 509) {
        x->file[i] ^= (char)(1 << i % 8);
        write_file(x->file, x->n);
        refused(x, "a bit of byte", i, 0);
        x->file[i] ^= (char)(1 << i % 8);
    }
}

static void seal(char *file, size_t n)
{
    vlm_sha256_of((uint8_t *)file + n - HASH, file, n - HASH);
}

/* Numbers that do not fit, under a hash that does.  Fields of the header, from byte 88 on: ids,
 * prompt, done, pictures, said, finish, held back. */
static void made_up(struct stage *x)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      255,
                                      256,
                                      257,
                                      4097,
                                      VLM_LIMIT_PICTURES + 1,
                                      VLM_LIMIT_CONTEXT + 1,
                                      UINT32_MAX,
                                      UINT64_C(1) << 62,
                                      INT64_MAX,
                                      UINT64_MAX - 255,
                                      UINT64_MAX};
    char *file = malloc(x->n);
    for (size_t at = 8; at + 8 <= HEADER; at += 8)
        for (size_t i = 0; i < sizeof values / sizeof *values + 2; i++) {
            uint64_t old, value;
            memcpy(file, x->file, x->n);
            memcpy(&old, file + at, sizeof old);
            value = i < sizeof values / sizeof *values ? values[i] : old + (i % 2 ? 1 : UINT64_MAX);
            if (value == old || (at == 128 && value <= VLM_FINISH_CANCELLED))
                continue; /* it may have ended there */
            memcpy(file + at, &value, sizeof value);
            seal(file, x->n);
            write_file(file, x->n);
            refused(x, "made up byte", at, 0);
        }
    /* ids: none of the vocabulary, an image token more, one less */
    for (size_t i = 0; i < 60; i++) {
        const int32_t ids[3] = {-1, INT32_MAX, 1 << 20};
        memcpy(file, x->file, x->n);
        memcpy(file + HEADER + 4 * i, &ids[i % 3], 4);
        seal(file, x->n);
        write_file(file, x->n);
        refused(x, "id", i, VLM_ERR_FORMAT);
    }
    int32_t image = -1; /* the id that stands most often is the picture's */
    uint64_t n_ids;
    memcpy(&n_ids, x->file + 88, sizeof n_ids);
    for (size_t i = 0; i + 1 < n_ids && image < 0; i++)
        if (!memcmp(x->file + HEADER + 4 * i, x->file + HEADER + 4 * (i + 1), 4))
            memcpy(&image, x->file + HEADER + 4 * i, 4);
    for (size_t i = 0; i + SAID < n_ids; i++) {
        int32_t id;
        memcpy(file, x->file, x->n);
        memcpy(&id, file + HEADER + 4 * i, 4);
        id = id == image ? 5 : image;
        memcpy(file + HEADER + 4 * i, &id, 4);
        seal(file, x->n);
        write_file(file, x->n);
        refused(x, "image token at", i, VLM_ERR_FORMAT);
    }
    /* keys and values may be anything: what comes of them is an answer or an error */
    memcpy(file, x->file, x->n);
    memset(file + x->n - HASH - 40000, 0xff, 40000);
    seal(file, x->n);
    write_file(file, x->n);
    vlm_error err;
    vlm_token t;
    if (vlm_session_load(x->session, path, &err) < 0)
        wrong("odd numbers: %s", err.message);
    int rc;
    while ((rc = vlm_session_next(x->session, &t, &err)) == VLM_OK)
        ;
    if (rc < 0 && rc != VLM_ERR_NUMERIC)
        wrong("odd numbers: %d %s", rc, err.message);
    int32_t ids[N_TOKENS];
    write_file(x->file, x->n); /* the true one makes all well again */
    must(vlm_session_load(x->session, path, &err), &err, "load");
    size_t n = take(ids, x->session, N_TOKENS);
    if (n != x->n_expected - SAID || memcmp(ids, x->expected + SAID, n * sizeof *ids) != 0)
        wrong("%zu other tokens after the true file", n);
    free(file);
}

static void limits(struct stage *x)
{
    for (int over = 0; over < 2; over++) {
        write_file("vlm", 3);
        if (truncate(path, (off_t)VLM_LIMIT_SESSION_BYTES + over) != 0) {
            puts("skip: this file system has no files of 64 GiB");
            break;
        }
        refused(x, "bytes over the limit", (size_t)over, over ? VLM_ERR_LIMIT : VLM_ERR_FORMAT);
    }
    unlink(path);
    if (mkfifo(path, 0600) == 0)
        refused(x, "a FIFO", 0, VLM_ERR_IO);
    unlink(path);
    if (mkdir(path, 0700) == 0)
        refused(x, "a directory", 0, VLM_ERR_IO);
    rmdir(path);
}

/* ---- places ---- */

static void unwritable(struct stage *x)
{
    vlm_error err = {.status = 0};
    struct rlimit old, small;
    write_file("what was there", 14);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = vlm_session_save(x->session, path, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    if (rc != VLM_ERR_IO || !strstr(err.message, "cannot write"))
        wrong("a disk that is full: %d %s", rc, err.message);
    size_t n;
    char *data = test_read(path, &n);
    if (n != 14 || memcmp(data, "what was there", 14) != 0)
        wrong("a disk that is full: the old file is gone");
    free(data);
    if (access(temporary, F_OK) == 0)
        wrong("a disk that is full: the temporary file stays");
    must(vlm_session_save(x->session, path, &err), &err, "save");
}

/* ---- memory ---- */

struct run {
    struct heap heap;
    int32_t ids[4 * N_TOKENS];
    size_t n;
    int failures;
};

#define AGAIN(r, err, call)                                                                        \
    do {                                                                                           \
        int rc_;                                                                                   \
        while ((rc_ = (call)) == VLM_ERR_MEMORY && (r)->failures++ < 3)                            \
            ;                                                                                      \
        if (rc_ < 0)                                                                               \
            test_die(#call, (err)->message);                                                       \
    } while (0)

/* What is said by a session, its fork, and the two taken from files. */
static void converse(struct run *r)
{
    vlm_engine *e = NULL;
    vlm_session *s = NULL, *t = NULL, *u = NULL;
    vlm_image *image = NULL;
    vlm_error err;
    vlm_engine_options eo;
    vlm_session_options so;
    vlm_constraint *c = NULL;
    vlm_engine_options_init(&eo);
    eo.n_threads = 1;
    eo.max_features = 0; /* nothing idle that could be given up instead */
    eo.max_prompts = 0;
    eo.allocator = heap_allocator(&r->heap);
    must(vlm_engine_open_files(&e, model.files, model.n, &eo, &err), &err, "open");
    must(vlm_image_decode(&image, e, picture, n_picture, "wide.png", &err), &err, "png");
    vlm_session_options_init(&so);
    so.max_tokens = N_TOKENS;
    so.presence_penalty = 0.5f;
    so.tenant = "one of two";
    must(vlm_constraint_from_regex(&c, e, "[a-z0-9 ]{0,99}", 15, &err), &err, "regex");
    so.constraint = c;
    must(vlm_session_open(&s, e, &so, &err), &err, "session");
    must(vlm_session_open(&u, e, &so, &err), &err, "session");
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("What is this?")};
    vlm_message m = {.role = "user", .parts = parts, .n_parts = 2};
    must(vlm_session_sync(s, &m, 1, &err), &err, "sync");
    r->heap.calls = 0; /* counted from here */
    r->heap.fail_count = r->heap.fail_at != 0;
    AGAIN(r, &err, vlm_session_save(s, path, &err)); /* reads the picture */
    AGAIN(r, &err, vlm_session_load(u, path, &err));
    r->n += take(r->ids + r->n, s, SAID);
    AGAIN(r, &err, vlm_session_fork(&t, s, NULL, &err));
    AGAIN(r, &err, vlm_session_save(t, path, &err));
    r->n += take(r->ids + r->n, t, N_TOKENS);
    r->n += take(r->ids + r->n, u, SAID);
    AGAIN(r, &err, vlm_session_load(u, path, &err));
    r->n += take(r->ids + r->n, u, N_TOKENS);
    r->n += take(r->ids + r->n, s, N_TOKENS);
    r->heap.fail_count = 0;
    vlm_session_close(s);
    vlm_session_close(t);
    vlm_session_close(u);
    vlm_constraint_close(c);
    vlm_image_close(image);
    vlm_engine_close(e);
    if (r->heap.blocks || r->heap.bytes || r->heap.errors)
        wrong("allocation %lld fails: %lld blocks stay", r->heap.fail_at,
              (long long)r->heap.blocks);
    if (access(temporary, F_OK) == 0)
        wrong("allocation %lld fails: the temporary file stays", r->heap.fail_at);
}

static void memory(void)
{
    struct run calm = {.n = 0};
    converse(&calm);
    if (calm.n < 2 * N_TOKENS)
        wrong("only %zu tokens", calm.n);
    long long reported = 0;
    for (long long at = 1; at <= calm.heap.calls && bad == 0; at++) {
        struct run r = {.heap = {.fail_at = at}};
        converse(&r);
        reported += r.failures;
        if (r.failures > 1)
            wrong("allocation %lld fails: reported %d times", at, r.failures);
        if (r.n != calm.n || memcmp(r.ids, calm.ids, r.n * sizeof *r.ids) != 0)
            wrong("allocation %lld fails: other tokens afterwards", at);
    }
    /* syncing the directory, once a save, is done without a word when it cannot be */
    if (reported < calm.heap.calls - 2)
        wrong("some failures went unnoticed");
    printf("%lld allocations, %lld failures reported\n", (long long)calm.heap.calls, reported);
}

int main(int argc, char **argv)
{
    struct stage x = {0};
    if (argc != 2)
        return 2;
    snprintf(path, sizeof path, "%s/abuse-%ld.state", argv[1], (long)getpid());
    snprintf(temporary, sizeof temporary, "%s/.abuse-%ld.state.partial-%ld", argv[1],
             (long)getpid(), (long)getpid());
    test_model_load(&model, MODEL);
    picture = test_read(PICTURE, &n_picture);
    set(&x);
    cut(&x);
    flipped(&x);
    made_up(&x);
    limits(&x);
    unwritable(&x);
    strike(&x);
    memory();
    unlink(path);
    test_model_free(&model);
    free(picture);
    return bad != 0;
}
