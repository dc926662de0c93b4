/* The two forward passes as a step uses them: frames in a batch get the bits that they get alone,
 * and a pass that is told to stop does so before the next layer and leaves no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

enum { N_FRAMES = 4, N_ROWS = 3 };

static vlm_engine *engine;
static uint8_t *pixels;
static size_t n_features; /* of a frame */

static int setup(void **state)
{
    (void)state;
    vlm_error err;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = 2;
    if (vlm_engine_open(&engine, VLM_TEST_DATA "/golden/gqa-f32/model", &o, &err) < 0 ||
        vlm_engine_reserve_vision(engine, &err) < 0)
        fail_msg("%s", err.message);
    size_t frame = (size_t)engine->config.image.tile * engine->config.image.tile * 3;
    pixels = malloc(N_FRAMES * frame);
    for (size_t i = 0; i < N_FRAMES * frame; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    n_features = (size_t)engine->config.image_seq_len * engine->config.text.hidden;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(pixels);
    vlm_engine_close(engine);
    return 0;
}

struct stop {
    unsigned asked, at; /* the at-th question is answered with yes; 0: none */
};

static bool stop(void *ctx)
{
    struct stop *s = ctx;
    return ++s->asked == s->at;
}

/* Frames first .. first + n in one pass. */
static int encode(float *features, size_t first, size_t n, struct stop *s)
{
    struct vlm_vision_frame frames[N_FRAMES];
    size_t frame = (size_t)engine->config.image.tile * engine->config.image.tile * 3;
    const struct vlm_run run = {engine->backend, NULL, stop, s};
    for (size_t i = 0; i < n; i++)
        frames[i] = (struct vlm_vision_frame){.pixels = pixels + (first + i) * frame,
                                              .of_video = (first + i) % 2 == 1,
                                              .features = features + (first + i) * n_features};
    return vlm_vision_forward(engine->model, &run, &engine->vision, frames, n);
}

static void frames_in_batches(void **state)
{
    (void)state;
    struct stop never = {0, 0};
    float *alone = malloc(2 * N_FRAMES * n_features * sizeof *alone),
          *batch = alone + N_FRAMES * n_features;
    assert_int_equal(engine->vision.max_frames, N_FRAMES);
    for (size_t i = 0; i < N_FRAMES; i++)
        assert_int_equal(encode(alone, i, 1, &never), VLM_OK);
    assert_memory_not_equal(alone, alone + n_features, n_features * sizeof *alone);
    for (size_t n = 2; n <= N_FRAMES; n++) {
        memset(batch, 0xAA, N_FRAMES * n_features * sizeof *batch);
        for (size_t first = 0; first < N_FRAMES; first += n)
            assert_int_equal(
                encode(batch, first, first + n > N_FRAMES ? N_FRAMES - first : n, &never), VLM_OK);
        assert_memory_equal(batch, alone, N_FRAMES * n_features * sizeof *batch);
    }
    free(alone);
}

static void tower_stops(void **state)
{
    (void)state;
    unsigned layers = engine->config.vision.layers;
    float *features = calloc(N_FRAMES * n_features, sizeof *features);
    struct stop s = {0, 0};
    assert_int_equal(encode(features, 0, 1, &s), VLM_OK);
    assert_int_equal(s.asked, layers);
    for (unsigned at = 1; at <= layers; at++) {
        s = (struct stop){0, at};
        memset(features, 0, N_FRAMES * n_features * sizeof *features);
        assert_int_equal(encode(features, 0, N_FRAMES, &s), VLM_ERR_CANCELLED);
        assert_int_equal(s.asked, at);
        for (size_t i = 0; i < N_FRAMES * n_features; i++)
            assert_true(features[i] == 0); /* nothing was given out */
    }
    free(features);
}

static void decoder_stops(void **state)
{
    (void)state;
    vlm_error err;
    unsigned layers = engine->config.text.layers;
    size_t vocab = engine->config.text.vocab;
    struct vlm_text_space space;
    struct vlm_kv kv[2] = {{.type = VLM_NUM_F32}, {.type = VLM_NUM_F32}};
    struct vlm_row rows[N_ROWS] = {
        {&kv[0], 0, 1, NULL, false}, {&kv[0], 1, 2, NULL, true}, {&kv[1], 0, 3, NULL, true}};
    float *plain = malloc(4 * vocab * sizeof *plain), *again = plain + 2 * vocab;
    struct stop s = {0, 0};
    const struct vlm_run run = {engine->backend, NULL, stop, &s};
    assert_int_equal(vlm_text_space_open(&space, engine->model, engine->backend, N_ROWS, &err),
                     VLM_OK);
    assert_int_equal(vlm_backend_reserve(engine->backend, engine->config.text.head_dim, 16, &err),
                     VLM_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(vlm_kv_grow(&kv[i], engine->model, engine->backend, 16, &err), VLM_OK);
    assert_int_equal(vlm_decoder_forward(engine->model, &run, &space, rows, N_ROWS, plain), VLM_OK);
    assert_int_equal(s.asked, layers);
    for (unsigned at = 1; at <= layers; at++) {
        s = (struct stop){0, at};
        assert_int_equal(vlm_decoder_forward(engine->model, &run, &space, rows, N_ROWS, again),
                         VLM_ERR_CANCELLED);
        assert_int_equal(s.asked, at);
        s = (struct stop){0, 0}; /* done again, without the first sequence */
        assert_int_equal(vlm_decoder_forward(engine->model, &run, &space, rows + 2, 1, again),
                         VLM_OK);
        assert_memory_equal(again, plain + vocab, vocab * sizeof *plain);
    }
    for (int i = 0; i < 2; i++)
        vlm_kv_free(&kv[i], engine->model, engine->backend);
    vlm_text_space_close(&space, engine->backend);
    free(plain);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(frames_in_batches),
                                              cmocka_unit_test(tower_stops),
                                              cmocka_unit_test(decoder_stops)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
