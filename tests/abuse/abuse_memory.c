/* abuse_memory.c: every allocation of open, image, session, sync and next fails once.  The call
 * that meets it says so, leaks nothing and can be made again; the tokens are then those of an
 * undisturbed run.  Also: decoding takes no memory at all, and a sync that fails leaves the
 * conversation as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf_model.h"
#include "heap.h"
#include "model.h"

#define MODEL VLM_TEST_DATA "/golden/v1-tokens/model"
#define PICTURE VLM_TEST_DATA "/golden/v1-tokens/split/a.jpg"
#define PICTURE2 VLM_TEST_DATA "/golden/v1-tokens/wide/wide.png"

enum { N_TOKENS = 6 };

static struct test_model model;
static char *jpeg, *png;
static size_t n_jpeg, n_png;

static int setup(void **state)
{
    (void)state;
    test_model_load(&model, MODEL);
    jpeg = test_read(PICTURE, &n_jpeg);
    png = test_read(PICTURE2, &n_png);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_model_free(&model);
    free(jpeg);
    free(png);
    return 0;
}

struct run {
    struct heap heap;
    int32_t ids[3 * N_TOKENS];
    size_t n_ids;
    int failures;        /* calls that reported the failure and were made again */
    long long second[2]; /* allocations before and after the second sync */
};

/* Makes a call again while it reports what the heap was told to do; anything else is wrong. */
#define AGAIN(r, err, call)                                                                        \
    do {                                                                                           \
        int rc_;                                                                                   \
        while ((rc_ = (call)) == VLM_ERR_MEMORY) {                                                 \
            (r)->failures++;                                                                       \
            if ((r)->heap.calls < (r)->heap.fail_at || (r)->failures > 3)                          \
                fail_msg("%s: %s, but nothing failed", #call, (err)->message);                     \
        }                                                                                          \
        if (rc_ < 0)                                                                               \
            fail_msg("%s: %d %s", #call, rc_, (err)->message);                                     \
    } while (0)

static void take(struct run *r, vlm_session *s)
{
    vlm_error err;
    vlm_token token = {0};
    for (int i = 0; i < N_TOKENS; i++) {
        int rc = vlm_session_next(s, &token, &err);
        if (rc == VLM_DONE)
            return;
        if (rc < 0)
            fail_msg("next: %d %s", rc, err.message);
        r->ids[r->n_ids++] = token.id;
    }
}

/* Open, two pictures, a question, some tokens, a second question in the same conversation. */
static void converse(struct run *r)
{
    vlm_engine *engine = NULL;
    vlm_session *session = NULL;
    vlm_image *one = NULL, *two = NULL;
    vlm_error err;
    vlm_engine_options eo;
    vlm_session_options so;
    vlm_engine_options_init(&eo);
    eo.n_threads = 2;
    eo.allocator = heap_allocator(&r->heap);
    AGAIN(r, &err, vlm_engine_open_files(&engine, model.files, model.n, &eo, &err));
    AGAIN(r, &err, vlm_image_decode(&one, engine, jpeg, n_jpeg, "a.jpg", &err));
    AGAIN(r, &err, vlm_image_decode(&two, engine, png, n_png, "wide.png", &err));
    const char *stop[] = {"never said"};
    vlm_session_options_init(&so);
    so.max_tokens = N_TOKENS;
    so.stop = stop;
    so.n_stop = 1;
    so.n_logprobs = 2;
    AGAIN(r, &err, vlm_session_open(&session, engine, &so, &err));
    vlm_part first[2] = {vlm_part_image(one), vlm_part_text("What is this?")};
    vlm_part answer = vlm_part_text("A label."),
             second[2] = {vlm_part_image(two), vlm_part_text("And this?")};
    vlm_message messages[3] = {{.role = "user", .parts = first, .n_parts = 2},
                               {.role = "assistant", .parts = &answer, .n_parts = 1},
                               {.role = "user", .parts = second, .n_parts = 2}};
    AGAIN(r, &err, vlm_session_sync(session, messages, 1, &err));
    take(r, session);
    r->second[0] = r->heap.calls;
    AGAIN(r, &err, vlm_session_sync(session, messages, 3, &err));
    r->second[1] = r->heap.calls;
    take(r, session);
    vlm_session_close(session);
    vlm_image_close(one);
    vlm_image_close(two);
    vlm_engine_close(engine);
    assert_int_equal(r->heap.blocks, 0);
    assert_int_equal(r->heap.bytes, 0);
    assert_int_equal(r->heap.errors, 0);
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    struct run calm = {.heap = {0}};
    converse(&calm);
    assert_true(calm.n_ids > 2);
    long long reached = 0;
    for (long long at = 1; at <= calm.heap.calls; at++) {
        struct run r = {.heap = {.fail_at = at, .fail_count = 1}};
        converse(&r);
        reached += r.failures;
        if (r.n_ids != calm.n_ids || memcmp(r.ids, calm.ids, sizeof *r.ids * r.n_ids) != 0)
            fail_msg("allocation %lld of %lld failed: other tokens afterwards", at,
                     (long long)calm.heap.calls);
        /* a failure must not go unnoticed, but the second sync may give up the first picture's
         * features, which are idle then, and succeed */
        bool may_mend = at > calm.second[0] && at <= calm.second[1];
        if (r.failures != 1 && !(may_mend && r.failures == 0))
            fail_msg("allocation %lld of %lld failed: reported %d times", at,
                     (long long)calm.heap.calls, r.failures);
    }
    printf("%lld allocations, %lld failures reported\n", (long long)calm.heap.calls, reached);
}

/* Everything from some allocation on fails: open gives up cleanly. */
static void memory_ends(void **state)
{
    (void)state;
    for (long long at = 1;; at++) {
        struct heap heap = {.fail_at = at, .fail_count = 1LL << 40};
        vlm_engine_options eo;
        vlm_engine_options_init(&eo);
        eo.n_threads = 1;
        eo.allocator = heap_allocator(&heap);
        vlm_engine *engine = NULL;
        vlm_error err;
        int rc = vlm_engine_open_files(&engine, model.files, model.n, &eo, &err);
        vlm_engine_close(engine);
        assert_int_equal(heap.blocks, 0);
        if (rc == VLM_OK)
            break;
        assert_int_equal(rc, VLM_ERR_MEMORY);
    }
}

/* Opening a GGUF model and its tower: one allocation fails, or all from one on. */
static void gguf_memory(void **state)
{
    static uint8_t text[1 << 20], tower[1 << 20];
    const struct test_model whole = model;
    long long at = 0;
    model.files[0] = (vlm_file){"m.gguf", text, gguf_model(text, sizeof text, false, NULL, 0)};
    model.files[1] =
        (vlm_file){"mmproj-m.gguf", tower, gguf_model(tower, sizeof tower, true, NULL, 0)};
    model.n = 2;
    memory_ends(state);
    for (int rc = VLM_ERR_MEMORY; rc != VLM_OK;) {
        struct heap heap = {.fail_at = ++at, .fail_count = 1};
        vlm_engine_options eo;
        vlm_engine_options_init(&eo);
        eo.n_threads = 1;
        eo.allocator = heap_allocator(&heap);
        vlm_engine *engine = NULL;
        vlm_error err;
        rc = vlm_engine_open_files(&engine, model.files, model.n, &eo, &err);
        vlm_engine_close(engine);
        assert_int_equal(heap.blocks, 0);
        if (rc != VLM_ERR_MEMORY && heap.calls >= at)
            fail_msg("allocation %lld failed: %d", at, rc);
    }
    assert_true(at > 50);
    model = whole;
}

/* The same with a budget instead of a failing allocator. */
static void budget(void **state)
{
    (void)state;
    for (uint64_t mem = 1 << 10; mem < (uint64_t)1 << 26; mem += mem / 3) {
        struct heap heap = {0};
        vlm_engine_options eo;
        vlm_session_options so;
        vlm_engine_options_init(&eo);
        vlm_session_options_init(&so);
        eo.n_threads = 1;
        eo.max_memory = mem;
        eo.allocator = heap_allocator(&heap);
        vlm_engine *engine = NULL;
        vlm_session *session = NULL;
        vlm_image *image = NULL;
        vlm_error err;
        vlm_token token;
        int rc = vlm_engine_open_files(&engine, model.files, model.n, &eo, &err);
        if (rc == VLM_OK)
            rc = vlm_image_decode(&image, engine, jpeg, n_jpeg, "a.jpg", &err);
        if (rc == VLM_OK)
            rc = vlm_session_open(&session, engine, &so, &err);
        vlm_part part = vlm_part_image(image);
        vlm_message message = {.role = "user", .parts = &part, .n_parts = 1};
        if (rc == VLM_OK)
            rc = vlm_session_sync(session, &message, 1, &err);
        if (rc == VLM_OK)
            rc = vlm_session_next(session, &token, &err);
        vlm_session_close(session);
        vlm_image_close(image);
        vlm_engine_close(engine);
        assert_true(rc == VLM_OK || rc == VLM_DONE || rc == VLM_ERR_MEMORY);
        assert_true((uint64_t)heap.peak <= mem + 65536); /* what the engine itself is made of */
        assert_int_equal(heap.blocks, 0);
    }
}

/* A sync that fails must not disturb what the session was about to say. */
static void failed_sync_changes_nothing(void **state)
{
    (void)state;
    struct run calm = {.heap = {0}};
    vlm_error err;
    for (long long after = 0;; after++) { /* allocations of the second sync that succeed */
        struct run r = {.heap = {0}};
        vlm_engine *engine = NULL;
        vlm_session *session = NULL;
        vlm_image *one = NULL, *two = NULL;
        vlm_engine_options eo;
        vlm_session_options so;
        vlm_engine_options_init(&eo);
        vlm_session_options_init(&so);
        eo.n_threads = 1;
        eo.allocator = heap_allocator(&r.heap);
        so.max_tokens = N_TOKENS;
        so.chunk = 7;
        if (vlm_engine_open_files(&engine, model.files, model.n, &eo, &err) < 0 ||
            vlm_image_decode(&one, engine, jpeg, n_jpeg, "a.jpg", &err) < 0 ||
            vlm_image_decode(&two, engine, png, n_png, "wide.png", &err) < 0 ||
            vlm_session_open(&session, engine, &so, &err) < 0)
            fail_msg("%s", err.message);
        vlm_part parts[4] = {vlm_part_image(one), vlm_part_text("What is this?"),
                             vlm_part_image(two), vlm_part_text("And that?")};
        vlm_message first = {.role = "user", .parts = parts, .n_parts = 2};
        /* the same picture is in both: its features are what could be lost between them */
        vlm_message other[2] = {{.role = "system", .parts = parts + 3, .n_parts = 1},
                                {.role = "user", .parts = parts, .n_parts = 4}};
        assert_int_equal(vlm_session_sync(session, &first, 1, &err), VLM_OK);
        int rc = VLM_ERR_MEMORY;
        if (after > 0) { /* the first time round is the undisturbed one */
            r.heap.fail_at = r.heap.calls + after;
            r.heap.fail_count = 1;
            rc = vlm_session_sync(session, other, 2, &err);
            r.heap.fail_count = 0;
        }
        if (rc == VLM_ERR_MEMORY)
            take(&r, session);
        else if (rc < 0)
            fail_msg("%s", err.message);
        vlm_session_close(session);
        vlm_image_close(one);
        vlm_image_close(two);
        vlm_engine_close(engine);
        assert_int_equal(r.heap.blocks, 0);
        if (after == 0)
            calm = r;
        if (rc == VLM_OK)
            break;
        if (r.n_ids != calm.n_ids || memcmp(r.ids, calm.ids, sizeof *r.ids * r.n_ids) != 0)
            fail_msg("after allocation %lld of a failed sync the session says something else",
                     after);
    }
}

/* Between sync and the end of the answer, the tower's work included, the allocator is not asked
 * once; cut frames go back to it. */
static void decoding_takes_no_memory(void **state)
{
    (void)state;
    struct run r = {.heap = {0}};
    vlm_engine *engine = NULL;
    vlm_session *session = NULL;
    vlm_image *image = NULL;
    vlm_error err;
    vlm_engine_options eo;
    vlm_session_options so;
    vlm_engine_options_init(&eo);
    vlm_session_options_init(&so);
    eo.n_threads = 2;
    eo.allocator = heap_allocator(&r.heap);
    so.max_tokens = 200;
    so.n_logprobs = 5;
    so.temperature = 1;
    so.top_p = 0.9f;
    if (vlm_engine_open_files(&engine, model.files, model.n, &eo, &err) < 0 ||
        vlm_image_decode(&image, engine, jpeg, n_jpeg, "a.jpg", &err) < 0 ||
        vlm_session_open(&session, engine, &so, &err) < 0)
        fail_msg("%s", err.message);
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("What is this?")};
    vlm_message message = {.role = "user", .parts = parts, .n_parts = 2};
    if (vlm_session_sync(session, &message, 1, &err) < 0)
        fail_msg("%s", err.message);
    long long calls = r.heap.calls, bytes = r.heap.bytes;
    vlm_token token;
    int rc, n = 0;
    while ((rc = vlm_session_next(session, &token, &err)) == VLM_OK)
        n++;
    assert_int_equal(rc, VLM_DONE);
    vlm_stats stats;
    vlm_session_stats(session, &stats);
    assert_true(n > 0 && stats.n_tiles > 0 && stats.vision_ms > 0);
    assert_int_equal(r.heap.calls, calls);
    assert_true(r.heap.bytes < bytes);
    vlm_session_close(session);
    vlm_image_close(image);
    vlm_engine_close(engine);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(memory_ends),
        cmocka_unit_test(gguf_memory),
        cmocka_unit_test(budget),
        cmocka_unit_test(failed_sync_changes_nothing),
        cmocka_unit_test(decoding_takes_no_memory),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
