/* test_quant.c: each type against its exact meaning (kernel/unpack.h): errors at most those that
 * other quantisers left on the same rows (tests/data/quant), and rows that are no ordinary ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "kernel/kernel.h"
#include "quant/quant.h"

enum { ROWS = 4, N = 512, KINDS = 10 };
static const char *const kinds[KINDS] = {"normal", "laplace",  "uniform",  "heavy", "outliers",
                                         "groups", "positive", "negative", "flat",  "tiny"};
static float rows[KINDS][ROWS][N], weights[N];
static struct vlm_kernels kernels;

static int setup(void **state)
{
    (void)state;
    FILE *f = fopen(VLM_TEST_DATA "/quant/rows.f32", "rb");
    if (!f)
        return -1;
    size_t n = fread(rows, sizeof rows, 1, f) + fread(weights, sizeof weights, 1, f);
    fclose(f);
    return n == 2 ? vlm_kernels_init(&kernels, "scalar") : -1;
}

static enum vlm_num type_of(const char *name)
{
    enum vlm_num t = 0;
    while (t < VLM_N_NUM && strcmp(vlm_num_info(t)->name, name) != 0)
        t++;
    return t;
}

/* What becomes of n floats. */
static void there_and_back(float *out, enum vlm_num type, const float *x, const float *w, size_t n)
{
    uint8_t blocks[4 * N + 1];
    size_t bytes = vlm_num_bytes(type, n);
    memset(blocks, 0x5a, sizeof blocks);
    vlm_quant_row(type, blocks, x, w, n);
    assert_int_equal(blocks[bytes], 0x5a); /* nothing behind the row */
    kernels.to_f32[type](out, blocks, n);
}

static double error_of(enum vlm_num type, float x[ROWS][N], const float *w)
{
    float back[N];
    double sum = 0;
    for (size_t r = 0; r < ROWS; r++) {
        there_and_back(back, type, x[r], w, N);
        for (size_t i = 0; i < N; i++) {
            double d = (double)back[i] - (double)x[r][i];
            sum += d * d * (w ? (double)w[i] : 1);
        }
    }
    return sum;
}

/* Rows of almost one value: all levels are as good but for how near an F16 scale comes, which is
 * luck; everywhere else no error may be larger. */
static double tolerance(const char *kind)
{
    return strcmp(kind, "flat") == 0 ? 1.03 : 1 + 1e-6;
}

static void test_errors(void **state)
{
    (void)state;
    char name[16], kind[16], who[16];
    int weighted, n = 0;
    double theirs;
    FILE *f = fopen(VLM_TEST_DATA "/quant/errors.txt", "r");
    assert_non_null(f);
    while (fscanf(f, "%15s %15s %d %lf %15s", name, kind, &weighted, &theirs, who) == 5) {
        size_t k = 0;
        while (k < KINDS && strcmp(kinds[k], kind) != 0)
            k++;
        assert_true(k < KINDS);
        assert_true(vlm_quant_has(type_of(name)));
        double ours = error_of(type_of(name), rows[k], weighted ? weights : NULL);
        if (!(ours <= theirs * tolerance(kind)))
            fail_msg("%s of %s rows%s: error %.9g, %s leaves %.9g", name, kind,
                     weighted ? ", weighed" : "", ours, who, theirs);
        n++;
    }
    fclose(f);
    assert_int_equal(n, 11 * KINDS * 2);
}

static void all_close(enum vlm_num type, const float *x, double relative, const char *what)
{
    float back[N];
    there_and_back(back, type, x, NULL, N);
    for (size_t i = 0; i < N; i++)
        if (!(fabs((double)back[i] - (double)x[i]) <= relative * fabs((double)x[i])))
            fail_msg("%s, %s: %zu is %.9g, expected %.9g", vlm_num_info(type)->name, what, i,
                     (double)back[i], (double)x[i]);
}

static void each_type(void (*fn)(enum vlm_num type))
{
    for (enum vlm_num t = 0; t < VLM_N_NUM; t++)
        if (vlm_quant_has(t))
            fn(t);
}

/* A constant row keeps its value but for the F16 scale, and its integer in the K types. */
static void constant(enum vlm_num type)
{
    static const float values[] = {1, -1, 0.037f, -0.25f, 1000, -3e4f, 6e4f};
    float x[N];
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        for (size_t i = 0; i < N; i++)
            x[i] = values[v];
        all_close(type, x, 0x1p-8, "constant");
    }
    memset(x, 0, sizeof x);
    all_close(type, x, 0, "zeros");
}

/* One that stands alone is kept, and so are the zeros beside it. */
static void lonely(enum vlm_num type)
{
    float x[N] = {0}, back[N];
    x[77] = -2.5f;
    there_and_back(back, type, x, NULL, N);
    assert_true(fabsf(back[77] + 2.5f) <= 0.02f);
    assert_true(fabsf(back[78]) <= 0.02f);
}

/* The largest number that fits is near what comes back; beyond it, and NaN, are pinned. */
static void huge(enum vlm_num type)
{
    float most = vlm_quant_max(type), x[N], back[N];
    for (size_t i = 0; i < N; i++)
        x[i] = i % 7 ? most * 0.9f : -most;
    there_and_back(back, type, x, NULL, N);
    for (size_t i = 0; i < N; i++)
        assert_true(isfinite(back[i]));
    if (type < VLM_N_FLOAT)
        return; /* floats keep infinity and NaN */
    x[3] = INFINITY;
    x[40] = -INFINITY;
    x[300] = NAN;
    there_and_back(back, type, x, NULL, N);
    for (size_t i = 0; i < N; i++)
        assert_true(isfinite(back[i]));
}

static void denormal(enum vlm_num type)
{
    float x[N], back[N];
    for (size_t i = 0; i < N; i++)
        x[i] = (float)((int)(i % 5) - 2) * 0x1p-140f;
    there_and_back(back, type, x, NULL, N);
    for (size_t i = 0; i < N; i++)
        assert_true(fabsf(back[i]) <= 0x1p-130f);
}

/* Weights that say nothing, or nonsense, change nothing. */
static void odd_weights(enum vlm_num type)
{
    float w[N], plain[N], back[N];
    there_and_back(plain, type, rows[0][0], NULL, N);
    static const float values[] = {0, -1, NAN, INFINITY};
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        for (size_t i = 0; i < N; i++)
            w[i] = values[v];
        there_and_back(back, type, rows[0][0], w, N);
        for (size_t i = 0; i < N; i++)
            assert_true(isfinite(back[i]));
    }
}

static void test_constant(void **state)
{
    (void)state;
    each_type(constant);
}
static void test_lonely(void **state)
{
    (void)state;
    each_type(lonely);
}
static void test_huge(void **state)
{
    (void)state;
    each_type(huge);
}
static void test_denormal(void **state)
{
    (void)state;
    each_type(denormal);
}
static void test_weights(void **state)
{
    (void)state;
    each_type(odd_weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_constant),
        cmocka_unit_test(test_lonely),   cmocka_unit_test(test_huge),
        cmocka_unit_test(test_denormal), cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests_name("quant", tests, setup, NULL);
}
