/* test_sample.c: the sampler's options one by one, and that a draw depends on (seed, position)
 * alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "engine/sample.h"

#define N 200

static const struct vlm_sample_options greedy = {.top_p = 1, .repeat_penalty = 1, .typical_p = 1};

static void random_logits(float *x, uint64_t seed)
{
    struct vlm_rng r = {.seed = seed};
    for (size_t i = 0; i < N; i++)
        x[i] = (float)(vlm_rng_unit(&r) * 12 - 6);
}

static void greedy_takes_the_best_and_the_lower_id(void **state)
{
    (void)state;
    float x[N];
    struct vlm_candidate c[N];
    random_logits(x, 1);
    x[50] = x[30] = 9;
    assert_int_equal(vlm_engine_sample(x, N, &greedy, NULL, 0, c), 30);
    x[7] = -INFINITY;
    x[50] = 9.5f;
    assert_int_equal(vlm_engine_sample(x, N, &greedy, NULL, 0, c), 50);
}

static void penalty_divides_positive_and_multiplies_negative(void **state)
{
    (void)state;
    float x[4] = {4, 3, -1, -1.5f};
    struct vlm_candidate c[4];
    const uint8_t seen[1] = {0x05}; /* 0 and 2 */
    struct vlm_sample_options o = greedy;
    o.repeat_penalty = 1.2f; /* 4 / 1.2 = 3.33 stays ahead of 3 */
    assert_int_equal(vlm_engine_sample(x, 4, &o, seen, 0, c), 0);
    o.repeat_penalty = 1.5f; /* 2.67 does not */
    assert_int_equal(vlm_engine_sample(x, 4, &o, seen, 0, c), 1);
    float y[2] = {-1, -1.2f}; /* -1 * 1.5 falls behind -1.2 */
    assert_int_equal(vlm_engine_sample(y, 2, &o, seen, 0, c), 1);
}

/* How often each id is drawn over many positions. */
static void count(unsigned *hits, const float *x, size_t n, const struct vlm_sample_options *o,
                  unsigned draws)
{
    struct vlm_candidate c[N];
    for (size_t i = 0; i < n; i++)
        hits[i] = 0;
    for (unsigned p = 0; p < draws; p++)
        hits[vlm_engine_sample(x, n, o, NULL, p, c)]++;
}

static void draws_follow_the_probabilities(void **state)
{
    (void)state;
    /* probabilities 1/2, 1/4, 1/8, 1/8; 20,000 draws: standard error under 71, so 300 is over 4
     * sigma */
    float x[4];
    unsigned hits[4];
    const double p[4] = {0.5, 0.25, 0.125, 0.125};
    for (int i = 0; i < 4; i++)
        x[i] = (float)log(p[i]);
    struct vlm_sample_options o = greedy;
    o.temperature = 1;
    o.seed = 7;
    count(hits, x, 4, &o, 20000);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(hits[i] - 20000 * p[i]) < 300);
    o.top_p = 1;
    o.top_k = 2; /* 2/3, 1/3 */
    count(hits, x, 4, &o, 20000);
    assert_true(fabs(hits[0] - 20000 * 2.0 / 3) < 300);
    assert_int_equal(hits[2] + hits[3], 0);
    o.temperature = 0.5f; /* squares: 4/5, 1/5 */
    count(hits, x, 4, &o, 20000);
    assert_true(fabs(hits[0] - 16000.0) < 300);
}

static void top_p_and_min_p_cut(void **state)
{
    (void)state;
    float x[4];
    unsigned hits[4];
    const double p[4] = {0.125, 0.5, 0.125, 0.25};
    for (int i = 0; i < 4; i++)
        x[i] = (float)log(p[i]);
    struct vlm_sample_options o = greedy;
    o.temperature = 1;
    o.top_p = 0.7f; /* 1 and 3 are needed to reach it */
    count(hits, x, 4, &o, 2000);
    assert_int_equal(hits[0] + hits[2], 0);
    assert_true(hits[1] > 0 && hits[3] > 0);
    o.top_p = 0; /* always at least one */
    count(hits, x, 4, &o, 100);
    assert_int_equal(hits[1], 100);
    o.top_p = 1;
    o.min_p = 0.4f; /* 0.25 >= 0.4 * 0.5, 0.125 is not */
    count(hits, x, 4, &o, 2000);
    assert_int_equal(hits[0] + hits[2], 0);
    assert_true(hits[3] > 0);
    o.top_k = 3; /* together: the order is top-k, top-p, min-p */
    o.top_p = 0.99f;
    count(hits, x, 4, &o, 2000);
    assert_int_equal(hits[0] + hits[2], 0);
}

static void biases_and_counts_change_logits(void **state)
{
    (void)state;
    const float x[4] = {1, 2, 3, -1};
    struct vlm_candidate c[4];
    const vlm_logit_bias bias[] = {{2, -5}, {0, 1.5f}};
    const uint16_t counts[4] = {1, 2, 0, 0};
    const uint8_t seen[1] = {1};
    struct vlm_sample_options o = greedy;
    assert_int_equal(vlm_engine_sample(x, 4, &o, NULL, 0, c), 2);
    o.bias = bias;
    o.n_bias = 2; /* 2.5, 2, -2, -1 */
    assert_int_equal(vlm_engine_sample(x, 4, &o, NULL, 0, c), 0);
    o.repeat_penalty = 2; /* 1.25: after the bias */
    assert_int_equal(vlm_engine_sample(x, 4, &o, seen, 0, c), 1);
    o.counts = counts;
    o.presence = 0.5f;
    o.frequency = 0.25f; /* 1.25 - 0.75, 2 - 1 */
    assert_int_equal(vlm_engine_sample(x, 4, &o, seen, 0, c), 1);
    o.frequency = 1; /* 1.25 - 1.5, 2 - 2.5 */
    assert_int_equal(vlm_engine_sample(x, 4, &o, seen, 0, c), 0);
}

static void what_may_not_be_is_never_drawn(void **state)
{
    (void)state;
    float x[4] = {5, 1, 2, 0};
    unsigned hits[4];
    struct vlm_candidate c[4];
    const uint64_t only[1] = {1u << 1 | 1u << 3}, none[1] = {0};
    const int32_t ends[] = {0};
    struct vlm_sample_options o = greedy;
    o.ends = ends;
    o.n_ends = 1;
    o.allowed = only;
    assert_int_equal(vlm_engine_sample(x, 4, &o, NULL, 0, c), 1);
    o.may_end = true;
    assert_int_equal(vlm_engine_sample(x, 4, &o, NULL, 0, c), 0);
    o.must_not_end = true;
    assert_int_equal(vlm_engine_sample(x, 4, &o, NULL, 0, c), 1);
    o.temperature = 10;
    for (int k = 0; k < 3; k++) {
        o.top_k = k == 1 ? 3 : 0;
        o.typical_p = k == 2 ? 0.9f : 1;
        count(hits, x, 4, &o, 500);
        assert_int_equal(hits[0] + hits[2], 0);
        assert_true(hits[1] > 0 && hits[3] > 0);
    }
    o.allowed = none; /* nothing but the end: then it may be */
    assert_int_equal(vlm_engine_sample(x, 4, &o, NULL, 0, c), 0);
    o.may_end = false;
    assert_int_equal(vlm_engine_sample(x, 4, &o, NULL, 0, c), -1);
}

/* p 0.5, 0.25, 0.125, 0.125: entropy 1.75 bits; surprise 1, 2, 3, 3: nearest 2, then 1 */
static void typical_p_takes_what_is_near_the_entropy(void **state)
{
    (void)state;
    float x[4];
    unsigned hits[4];
    const double p[4] = {0.125, 0.5, 0.125, 0.25};
    for (int i = 0; i < 4; i++)
        x[i] = (float)log(p[i]);
    struct vlm_sample_options o = greedy;
    o.temperature = 1;
    o.typical_p = 0.2f;
    count(hits, x, 4, &o, 500);
    assert_int_equal(hits[3], 500);
    o.typical_p = 0.5f;
    count(hits, x, 4, &o, 3000);
    assert_int_equal(hits[0] + hits[2], 0);
    assert_true(fabs(hits[1] - 2000.0) < 150); /* still in proportion */
}

static void a_draw_depends_on_seed_and_position_only(void **state)
{
    (void)state;
    float x[N];
    struct vlm_candidate c[N];
    int differ = 0;
    random_logits(x, 3);
    struct vlm_sample_options o = greedy, other;
    o.temperature = 2;
    other = o;
    other.seed = 1;
    for (uint64_t p = 0; p < 50; p++) {
        int32_t id = vlm_engine_sample(x, N, &o, NULL, p, c);
        assert_int_equal(id, vlm_engine_sample(x, N, &o, NULL, p, c));
        differ += id != vlm_engine_sample(x, N, &other, NULL, p, c);
    }
    assert_true(differ > 25);
}

/* the smallest temperatures are greedy, whatever the size of the logits */
static void tiny_temperatures_do_not_overflow(void **state)
{
    (void)state;
    float x[N];
    struct vlm_candidate c[N];
    static const float temperatures[] = {1e-6f, 1e-30f, 1e-38f, 1e-44f};
    random_logits(x, 9);
    x[2] = 3e4f;
    for (size_t t = 0; t < sizeof temperatures / sizeof *temperatures; t++)
        for (int k = 0; k < 3; k++) {
            struct vlm_sample_options o = greedy;
            o.temperature = temperatures[t];
            o.top_k = k == 1 ? 5 : 0;
            o.top_p = k == 2 ? 0.9f : 1;
            o.min_p = 0.1f;
            assert_int_equal(vlm_engine_sample(x, N, &o, NULL, 1, c), 2);
        }
}

static void top_lists_the_best_in_order(void **state)
{
    (void)state;
    float x[N];
    struct vlm_candidate top[20];
    random_logits(x, 5);
    x[150] = x[20] = 7;
    vlm_engine_top(top, 20, x, N);
    assert_int_equal(top[0].id, 20);
    assert_int_equal(top[1].id, 150);
    for (int i = 1; i < 20; i++)
        assert_true(top[i - 1].logit > top[i].logit ||
                    (top[i - 1].logit == top[i].logit && top[i - 1].id < top[i].id));
    size_t above = 0;
    for (size_t i = 0; i < N; i++)
        above += x[i] > top[19].logit;
    assert_true(above <= 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_best_and_the_lower_id),
        cmocka_unit_test(penalty_divides_positive_and_multiplies_negative),
        cmocka_unit_test(draws_follow_the_probabilities),
        cmocka_unit_test(top_p_and_min_p_cut),
        cmocka_unit_test(a_draw_depends_on_seed_and_position_only),
        cmocka_unit_test(biases_and_counts_change_logits),
        cmocka_unit_test(what_may_not_be_is_never_drawn),
        cmocka_unit_test(typical_p_takes_what_is_near_the_entropy),
        cmocka_unit_test(tiny_temperatures_do_not_overflow),
        cmocka_unit_test(top_lists_the_best_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
