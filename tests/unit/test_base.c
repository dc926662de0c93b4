/* test_base.c: the room every other room stands on. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../abuse/heap.h"
#include "base/buf.h"
#include "base/checked.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/utf8.h"

/* ---- checked arithmetic ------------------------------------------------------------------------
 */

static void checked_arithmetic(void **state)
{
    (void)state;
    size_t s;
    uint64_t u;
    assert_true(vlm_add_size(&s, SIZE_MAX - 1, 1) && s == SIZE_MAX);
    assert_false(vlm_add_size(&s, SIZE_MAX, 1));
    assert_true(vlm_mul_size(&s, SIZE_MAX / 3, 3) && s == SIZE_MAX);
    assert_false(vlm_mul_size(&s, SIZE_MAX / 2 + 1, 2));
    assert_true(vlm_mul_size(&s, SIZE_MAX, 0) && s == 0);
    assert_true(vlm_mul3_size(&s, 1u << 20, 1u << 20, 1u << 20) && s == (size_t)1 << 60);
    assert_false(vlm_mul3_size(&s, (size_t)1 << 32, (size_t)1 << 31, 2));
    assert_false(vlm_mul3_size(&s, (size_t)1 << 32, (size_t)1 << 32, 1));
    assert_true(vlm_add_u64(&u, UINT64_MAX, 0) && u == UINT64_MAX);
    assert_false(vlm_add_u64(&u, UINT64_MAX, UINT64_MAX));
    assert_false(vlm_mul_u64(&u, UINT64_C(1) << 63, 2));
    assert_true(vlm_align_size(&s, 65, 64) && s == 128);
    assert_true(vlm_align_size(&s, 0, 64) && s == 0);
    assert_false(vlm_align_size(&s, SIZE_MAX - 3, 64));
    assert_int_equal(vlm_min_size(2, 3), 2);
    assert_int_equal(vlm_max_size(2, 3), 3);
}

/* ---- memory ------------------------------------------------------------------------------------
 */

static void memory_blocks(void **state)
{
    (void)state;
    struct heap heap = {0};
    vlm_allocator a = heap_allocator(&heap);
    for (size_t n = 0; n < 300; n++) {
        uint8_t *p = vlm_mem_alloc(&a, n, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        memset(p, 7, n);
        p = vlm_mem_realloc(&a, p, n / 2, 1);
        assert_non_null(p);
        p = vlm_mem_realloc(&a, p, 2 * n, 1);
        for (size_t i = 0; i < n / 2; i++)
            assert_int_equal(p[i], 7);
        vlm_mem_free(&a, p);
    }
    assert_null(vlm_mem_alloc(&a, SIZE_MAX, 2));
    assert_null(vlm_mem_alloc(&a, SIZE_MAX, 1));
    assert_null(vlm_mem_alloc(&a, SIZE_MAX - 80, 1));
    assert_null(vlm_mem_zalloc(&a, (size_t)1 << 33, (size_t)1 << 33));
    assert_null(vlm_mem_strndup(&a, "", SIZE_MAX));
    uint8_t *z = vlm_mem_zalloc(&a, 100, 3);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(z[i], 0);
    assert_null(vlm_mem_realloc(&a, z, SIZE_MAX, 1));
    assert_int_equal(z[299], 0); /* still ours */
    vlm_mem_free(&a, z);
    vlm_mem_free(&a, NULL);
    char *s = vlm_mem_strndup(&a, "abcdef", 3);
    assert_string_equal(s, "abc");
    vlm_mem_free(&a, s);
    assert_int_equal(heap.blocks, 0);
    assert_int_equal(heap.bytes, 0);
    assert_int_equal(heap.errors, 0);

    void *p = vlm_mem_alloc(&vlm_mem_system, 10, 1);
    assert_non_null(p);
    vlm_mem_free(&vlm_mem_system, p);
}

static void growable_bytes(void **state)
{
    (void)state;
    struct heap heap = {0};
    vlm_allocator a = heap_allocator(&heap);
    struct vlm_buf b;
    vlm_buf_init(&b, &a, 10);
    assert_int_equal(heap.calls, 0);
    assert_true(vlm_buf_puts(&b, "12345"));
    assert_true(vlm_buf_append(&b, "67890", 5));
    assert_true(b.ok && b.n == 10);
    assert_false(vlm_buf_putc(&b, 'x')); /* the limit */
    assert_false(b.ok);
    assert_int_equal(b.n, 10);
    assert_false(vlm_buf_append(&b, "", 0)); /* sticky */
    assert_null(vlm_buf_take(&b, NULL));
    vlm_buf_clear(&b);
    assert_true(vlm_buf_utf8(&b, 0x20AC));
    assert_string_equal(b.data, "\xe2\x82\xac");
    assert_false(vlm_buf_append(&b, b.data, SIZE_MAX));
    vlm_buf_clear(&b);
    vlm_buf_puts(&b, "abc");
    size_t n;
    char *s = vlm_buf_take(&b, &n);
    assert_string_equal(s, "abc");
    assert_int_equal(n, 3);
    assert_true(b.n == 0 && b.data == NULL && b.ok);
    vlm_mem_free(&a, s);
    s = vlm_buf_take(&b, &n); /* an empty one is still a string */
    assert_string_equal(s, "");
    vlm_mem_free(&a, s);

    b.limit = SIZE_MAX;
    for (int i = 0; i < 100000; i++)
        vlm_buf_putc(&b, (char)('a' + i % 26));
    assert_true(b.ok && b.n == 100000 && b.data[99999] == 'a' + 99999 % 26);
    assert_true(heap.calls < 60); /* grows by a factor */
    heap.fail_at = heap.calls + 1;
    heap.fail_count = 1;
    while (vlm_buf_putc(&b, 'z'))
        ;
    assert_false(b.ok);
    assert_int_equal(b.data[50000], 'a' + 50000 % 26); /* the old bytes are still there */
    vlm_buf_free(&b);

    uint64_t *array = NULL;
    size_t cap = 0;
    heap.fail_count = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_true(vlm_grow(&a, &array, &cap, i, sizeof *array));
        array[i] = i * i;
    }
    heap.fail_at = heap.calls + 1;
    heap.fail_count = 1;
    size_t old = cap;
    assert_false(vlm_grow(&a, &array, &cap, cap, sizeof *array));
    assert_int_equal(cap, old);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(array[i], i * i);
    vlm_mem_free(&a, array);
    assert_int_equal(heap.blocks, 0);
    assert_int_equal(heap.errors, 0);
}

/* ---- errors ------------------------------------------------------------------------------------
 */

static void error_text(void **state)
{
    (void)state;
    vlm_error err;
    char longer[400];
    assert_int_equal(vlm_fail(NULL, VLM_ERR_IO, "x"), VLM_ERR_IO);
    assert_int_equal(vlm_fail(&err, VLM_ERR_FORMAT, "a\nb\x1b[1m\tc\x7f"), VLM_ERR_FORMAT);
    assert_int_equal(err.status, VLM_ERR_FORMAT);
    for (const char *p = err.message; *p; p++)
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    assert_int_equal(strlen(err.message), strlen("a?b?[1m?c?"));
    /* cut on a character boundary, whatever the phase */
    for (int k = 0; k < 4; k++) {
        memset(longer, 'x', (size_t)k);
        for (size_t i = (size_t)k; i + 4 < sizeof longer; i += 4)
            memcpy(longer + i, "\xf0\x9f\x98\x80\0", 5);
        vlm_fail(&err, VLM_ERR_FORMAT, "%s", longer);
        size_t n = strlen(err.message);
        assert_true(n < sizeof err.message && n >= sizeof err.message - 4);
        assert_true(vlm_utf8_valid(err.message, n));
    }
    assert_int_equal(vlm_fail_os(&err, ENOENT, "%s: cannot open", "f"), VLM_ERR_IO);
    assert_int_equal(err.os_errno, ENOENT);
    assert_string_equal(err.message, "f: cannot open: No such file or directory");
    assert_int_equal(vlm_fail_memory(&err, 77, "the cache"), VLM_ERR_MEMORY);
    assert_string_equal(err.message, "out of memory (77 bytes for the cache)");
    assert_int_equal(err.os_errno, 0);
}

static void quoting(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t n;
        const char *out;
    } cases[] = {
        {"plain", 5, "plain"},         {"", 0, ""},
        {"a\nb", 3, "a\\x0ab"},        {"\x1b]52;", 5, "\\x1b]52;"},
        {"\0x", 2, "\\x00x"},          {"\xff", 1, "\\xff"},
        {"\xc2\x9b", 2, "\\xc2\\x9b"}, /* U+009B, a C1 control: CSI to a terminal */
        {"\xc3\xa9", 2, "\xc3\xa9"},   {"\xe2\x82", 2, "\\xe2\\x82"},
        {"%s%n", 4, "%s%n"},
    };
    struct vlm_quoted q;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(vlm_base_quote(&q, cases[i].in, cases[i].n), cases[i].out);
    char s[300];
    for (int c = 0; c < 256; c++) {
        memset(s, c, sizeof s);
        for (size_t n = 0; n < sizeof s; n++) {
            vlm_base_quote(&q, s, n);
            size_t used = strlen(q.text);
            assert_true(used < sizeof q.text && vlm_utf8_valid(q.text, used));
        }
        assert_string_equal(q.text + strlen(q.text) - 3, "...");
    }
}

static void count_line(void *ctx, vlm_log_level level, const char *message)
{
    assert_int_equal(level, VLM_LOG_WARN);
    assert_string_equal(message, "7 tiles");
    ++*(int *)ctx;
}

static void log_lines(void **state)
{
    (void)state;
    int n = 0;
    vlm_log log = {count_line, &n};
    vlm_log_line(NULL, VLM_LOG_WARN, "%d tiles", 7);
    vlm_log_line(&(vlm_log){0}, VLM_LOG_WARN, "%d tiles", 7);
    vlm_log_line(&log, VLM_LOG_WARN, "%d tiles", 7);
    assert_int_equal(n, 1);
}

/* ---- UTF-8 -------------------------------------------------------------------------------------
 */

/* Replaces as a caller would. */
static size_t replaced(char *out, const char *s, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        i += vlm_utf8_decode(&cp, s + i, n - i);
        used += vlm_utf8_encode(out + used, cp == VLM_UTF8_BAD ? 0xFFFD : cp);
    }
    return used;
}

static void utf8_examples(void **state)
{
    (void)state;
#define R "\xef\xbf\xbd"
    static const char *const cases[][2] = {
        /* Python 3.11: bytes(in).decode("utf-8", "replace") */
        {"\x80", R},
        {"a\xff"
         "b",
         "a" R "b"},
        {"\xc0\xaf", R R},                        /* overlong '/' */
        {"\xe0\x80\xaf", R R R},                  /* overlong */
        {"\xf0\x80\x80\xaf", R R R R},            /* overlong */
        {"\xed\xa0\x80", R R R},                  /* surrogate */
        {"\xed\x9f\xbf", "\xed\x9f\xbf"},         /* the last below */
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"}, /* U+10FFFF */
        {"\xf4\x90\x80\x80", R R R R},            /* above */
        {"\xf8\x88\x80\x80\x80", R R R R R},      /* five bytes */
        {"\xf0\x9f\x98", R},                      /* cut: one for the maximal part */
        {"\xe2\x82", R},
        {"\xe2\x28\xa1", R "(" R},
        {"\xf0\x28\x8c\xbc", R "(" R R},
        {"\xf0\x9f\x41", R "A"},
    };
#undef R
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[32];
        size_t n = replaced(out, cases[i][0], strlen(cases[i][0]));
        assert_int_equal(n, strlen(cases[i][1]));
        assert_memory_equal(out, cases[i][1], n);
    }
}

/* All sequences of one to four of the bytes where the tables change.  The hash is Python 3.11's:
 *   h = sha256(); for k in 1..4: for t in itertools.product(B, repeat=k):
 *       h.update(bytes(t).decode('utf-8', errors='replace').encode() + b'\n') */
static void utf8_like_python(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                    0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                    0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
    enum { N = sizeof bytes };
    struct vlm_sha256 h;
    vlm_sha256_init(&h);
    for (int k = 1; k <= 4; k++) {
        long total = 1;
        for (int i = 0; i < k; i++)
            total *= N;
        for (long t = 0; t < total; t++) {
            char in[4], out[13];
            long rest = t;
            for (int i = k; i-- > 0; rest /= N)
                in[i] = (char)bytes[rest % N];
            size_t n = replaced(out, in, (size_t)k);
            assert_int_equal(vlm_utf8_valid(in, (size_t)k), n == (size_t)k && !memcmp(in, out, n));
            out[n] = '\n';
            vlm_sha256_add(&h, out, n + 1);
        }
    }
    uint8_t got[32];
    char hex[65];
    vlm_sha256_end(&h, got);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", got[i]);
    assert_string_equal(hex, "d2c3961dfca20cba7777100010e8c0aa0a09c3dd9ca60c92c2a8c2e1a6359696");
}

static void utf8_all_scalars(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char s[4];
        uint32_t back;
        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        size_t n = vlm_utf8_encode(s, cp);
        assert_true(n == vlm_utf8_decode(&back, s, n) && back == cp);
        for (size_t k = 1; k < n; k++) /* a cut one waits for more, a whole one does not */
            assert_int_equal(vlm_utf8_incomplete(s, k), k);
        assert_int_equal(vlm_utf8_incomplete(s, n), 0);
    }
    assert_int_equal(vlm_utf8_incomplete("", 0), 0);
    assert_int_equal(vlm_utf8_incomplete("a\xe2\x82", 3), 2);
    assert_int_equal(vlm_utf8_incomplete("a\xe2\x28", 3), 0);
    assert_int_equal(vlm_utf8_incomplete("\xed\xa0", 2),
                     0); /* becomes a surrogate: nothing saves it */
    assert_int_equal(vlm_utf8_incomplete("\xf5", 1), 0);
    assert_int_equal(vlm_utf8_incomplete("\x80\x80\x80", 3), 0);
}

/* ---- 16-bit floats -----------------------------------------------------------------------------
 */

static double f16_value(uint16_t h) /* finite: by the definition of IEEE 754 */
{
    int exp = h >> 10 & 31, man = h & 1023;
    double v = exp ? ldexp(1024 + man, exp - 25) : ldexp(man, -24);
    return h & 0x8000 ? -v : v;
}

static void half_exhaustive(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t h = (uint16_t)i;
        float f = vlm_f16_to_f32(h), b = vlm_bf16_to_f32(h);
        if ((h & 0x7c00) == 0x7c00) {
            assert_int_equal(isnan(f), (h & 0x3ff) != 0);
            assert_int_equal(signbit(f) != 0, h >> 15);
            assert_int_equal(isnan(vlm_f16_to_f32(vlm_f32_to_f16(f))), isnan(f));
        } else {
            assert_true((double)f == f16_value(h) && (signbit(f) != 0) == h >> 15);
        }
        if (!isnan(f))
            assert_int_equal(vlm_f32_to_f16(f), h);
        if (isnan(b))
            assert_true(isnan(vlm_bf16_to_f32(vlm_f32_to_bf16(b))));
        else
            assert_int_equal(vlm_f32_to_bf16(b), h);
    }
    /* a NaN whose payload is only in the low bits must not become infinite */
    assert_true(isnan(vlm_bf16_to_f32(vlm_f32_to_bf16(vlm_bits_to_f32(0x7f800001)))));
    assert_true(isnan(vlm_f16_to_f32(vlm_f32_to_f16(vlm_bits_to_f32(0xff800001)))));
}

/* Between each pair of neighbours: the middle goes to the even one, a hair beside it to the nearer.
 */
static void half_rounding(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7c00; i++) {
        uint16_t lo = (uint16_t)i, hi = (uint16_t)(i + 1), even = lo & 1 ? hi : lo;
        double above = hi == 0x7c00 ? 65536.0 : f16_value(hi); /* what infinity stands for here */
        float mid = (float)((f16_value(lo) + above) / 2);      /* exact: one more bit */
        assert_int_equal(vlm_f32_to_f16(mid), even);
        assert_int_equal(vlm_f32_to_f16(-mid), even | 0x8000);
        assert_int_equal(vlm_f32_to_f16(nextafterf(mid, 0)), lo);
        assert_int_equal(vlm_f32_to_f16(nextafterf(mid, INFINITY)), hi);
    }
    assert_int_equal(vlm_f32_to_f16(3.4e38f), 0x7c00);
    assert_int_equal(vlm_f32_to_f16(-INFINITY), 0xfc00);
    for (uint32_t i = 0; i < 0x7f80; i++) {
        uint16_t lo = (uint16_t)i, hi = (uint16_t)(i + 1), even = lo & 1 ? hi : lo;
        uint32_t mid = i << 16 | 0x8000;
        assert_int_equal(vlm_f32_to_bf16(vlm_bits_to_f32(mid)), even);
        assert_int_equal(vlm_f32_to_bf16(vlm_bits_to_f32(mid - 1)), lo);
        assert_int_equal(vlm_f32_to_bf16(vlm_bits_to_f32(mid + 1)), hi);
        assert_int_equal(vlm_f32_to_bf16(vlm_bits_to_f32(mid | 0x80000000u)), even | 0x8000);
    }
}

/* ---- hashes and random numbers -----------------------------------------------------------------
 */

static void assert_sha256(const uint8_t got[32], const char *want)
{
    char hex[65];
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", got[i]);
    assert_string_equal(hex, want);
}

static void sha256_vectors(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        /* FIPS 180-4 examples */
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    uint8_t got[32], one[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlm_sha256_of(got, cases[i][0], strlen(cases[i][0]));
        assert_sha256(got, cases[i][1]);
    }
    static char million[1000000];
    memset(million, 'a', sizeof million);
    vlm_sha256_of(got, million, sizeof million);
    assert_sha256(got, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    /* however it is cut, and at every length around the block */
    for (size_t n = 0; n < 200; n++) {
        struct vlm_sha256 s;
        vlm_sha256_of(one, million, n);
        for (size_t step = 1; step < 130; step += 9) {
            vlm_sha256_init(&s);
            for (size_t i = 0; i < n; i += step)
                vlm_sha256_add(&s, million + i, n - i < step ? n - i : step);
            vlm_sha256_end(&s, got);
            assert_memory_equal(got, one, 32);
        }
    }
}

static void hash64(void **state)
{
    (void)state;
    assert_true(vlm_hash64("a", 1, 0) != vlm_hash64("b", 1, 0));
    assert_true(vlm_hash64("a", 1, 0) != vlm_hash64("a", 1, 1));
    assert_true(vlm_hash64("a\0", 2, 0) != vlm_hash64("a", 1, 0));
    assert_true(vlm_hash64("", 0, 5) == vlm_hash64("", 0, 5));
}

static void philox_vectors(void **state)
{
    (void)state;
    static const uint32_t cases[][10] = {
        /* kat_vectors of Random123 1.14, philox4x32 10: counter, key, result */
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
         0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[4];
        vlm_philox(out, cases[i], cases[i] + 4);
        assert_memory_equal(out, cases[i] + 6, sizeof out);
    }
}

static void random_streams(void **state)
{
    (void)state;
    struct vlm_rng a = {.seed = 1, .stream = 2}, b = a, other = {.seed = 1, .stream = 3};
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t x = vlm_rng_u32(&a);
        assert_int_equal(x, vlm_rng_u32(&b));
        equal += x == vlm_rng_u32(&other);
    }
    assert_true(equal < 3);
    struct vlm_rng at = {.seed = 1, .stream = 2, .draws = 500}, from = {.seed = 1, .stream = 2};
    for (int i = 0; i < 500; i++)
        vlm_rng_u32(&from);
    assert_int_equal(vlm_rng_u32(&at), vlm_rng_u32(&from)); /* a draw is a place, not a history */
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double u = vlm_rng_unit(&a);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    /* six standard deviations of the mean of 1e5 uniform numbers: 6 * 0.2887 / sqrt(1e5) */
    assert_true(fabs(sum / 100000 - 0.5) < 0.0055);
    int count[7] = {0};
    for (int i = 0; i < 70000; i++)
        count[vlm_rng_below(&a, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_true(abs(count[i] - 10000) < 560); /* six times sqrt(70000 * 1/7 * 6/7) */
    assert_int_equal(vlm_rng_below(&a, 1), 0);
    for (int i = 0; i < 1000; i++) /* half of all draws are rejected here */
        assert_true(vlm_rng_below(&a, 0x80000001u) < 0x80000001u);
}

/* ---- threads -----------------------------------------------------------------------------------
 */

enum { TASKS = 1000 };
struct tally {
    atomic_int done[TASKS];
    atomic_int by[8];
    int n_threads;
    atomic_int bad;
};

static void tally_task(void *ctx, size_t task, int thread)
{
    struct tally *t = ctx;
    if (thread < 0 || thread >= t->n_threads || task >= TASKS)
        atomic_fetch_add(&t->bad, 1);
    else {
        atomic_fetch_add(&t->done[task], 1);
        atomic_fetch_add(&t->by[thread], 1);
    }
}

static void pool_runs_each_task_once(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, TASKS};
    for (int n = 1; n <= 7; n++) {
        struct vlm_pool *pool;
        vlm_error err;
        assert_int_equal(vlm_pool_open(&pool, &vlm_mem_system, n, &err), VLM_OK);
        assert_int_equal(vlm_pool_size(pool), n);
        for (int round = 0; round < 50; round++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                static struct tally t;
                memset(&t, 0, sizeof t);
                t.n_threads = n;
                vlm_pool_run(pool, tally_task, &t, sizes[s]);
                assert_int_equal(t.bad, 0);
                for (size_t i = 0; i < TASKS; i++)
                    assert_int_equal(t.done[i], i < sizes[s]);
            }
        usleep(3000); /* let the workers fall asleep, then wake them */
        static struct tally t;
        memset(&t, 0, sizeof t);
        t.n_threads = n;
        vlm_pool_run(pool, tally_task, &t, TASKS);
        for (size_t i = 0; i < TASKS; i++)
            assert_int_equal(t.done[i], 1);
        vlm_pool_close(pool);
    }
    vlm_pool_close(NULL);
}

struct meeting {
    atomic_int begun;
    int n;
};

/* Ends only when all tasks have begun: on threads of their own. */
static void meet(void *ctx, size_t task, int thread)
{
    struct meeting *m = ctx;
    (void)task;
    (void)thread;
    atomic_fetch_add(&m->begun, 1);
    while (atomic_load(&m->begun) < m->n)
        sched_yield();
}

/* Nobody sleeps through a run that needs him, whether he slept before, spun or fell asleep. */
static void pool_wakes_every_worker(void **state)
{
    (void)state;
    static const useconds_t gaps[] = {0, 20, 60, 200, 3000};
    for (int n = 2; n <= 5; n++) {
        struct vlm_pool *pool;
        vlm_error err;
        assert_int_equal(vlm_pool_open(&pool, &vlm_mem_system, n, &err), VLM_OK);
        for (int round = 0; round < 200; round++) {
            struct meeting m = {.n = n};
            vlm_pool_run(pool, meet, &m, (size_t)n);
            assert_int_equal(m.begun, n);
            usleep(gaps[round % 5]);
        }
        vlm_pool_close(pool);
    }
}

static void pool_out_of_memory(void **state)
{
    (void)state;
    struct heap heap = {.fail_at = 1, .fail_count = 1};
    vlm_allocator a = heap_allocator(&heap);
    struct vlm_pool *pool = NULL;
    vlm_error err;
    assert_int_equal(vlm_pool_open(&pool, &a, 3, &err), VLM_ERR_MEMORY);
    assert_null(pool);
    assert_int_equal(vlm_pool_open(&pool, &a, 3, &err), VLM_OK);
    vlm_pool_close(pool);
    assert_int_equal(heap.blocks, 0);
}

/* ---- files -------------------------------------------------------------------------------------
 */

static char dir[64];

static const char *at(const char *name)
{
    static char path[2][PATH_MAX];
    static int turn;
    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static void put(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(at(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/vlm-test-base.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void map_regular(void **state)
{
    (void)state;
    struct heap heap = {0};
    vlm_allocator a = heap_allocator(&heap);
    vlm_error err;
    struct vlm_map m;
    put("five", "12345", 5);
    put("empty", "", 0);
    for (int copy = 0; copy < 2; copy++) {
        assert_int_equal(vlm_map_open(&m, &a, dir, "five", copy, 5, &err), VLM_OK);
        assert_true(m.n == 5 && !memcmp(m.data, "12345", 5) && m.mapped == !copy);
        vlm_map_close(&m, &a);
        assert_int_equal(vlm_map_open(&m, &a, dir, "five", copy, 4, &err), VLM_ERR_LIMIT);
        assert_non_null(strstr(err.message, "five"));
        assert_int_equal(vlm_map_open(&m, &a, NULL, at("five"), copy, 5, &err), VLM_OK);
        vlm_map_close(&m, &a);
        assert_int_equal(vlm_map_open(&m, &a, dir, "empty", copy, 5, &err), VLM_OK);
        assert_int_equal(m.n, 0);
        vlm_map_close(&m, &a);
    }
    heap.fail_at = heap.calls + 1;
    heap.fail_count = 1;
    assert_int_equal(vlm_map_open(&m, &a, dir, "five", true, 5, &err), VLM_ERR_MEMORY);
    assert_int_equal(heap.blocks, 0);
    assert_true(vlm_os_exists(dir, "five") && !vlm_os_exists(dir, "six"));
    assert_true(vlm_os_is_directory(dir) && !vlm_os_is_directory(at("five")));
    /* a mapping outlives the name, and a file put in its place */
    assert_int_equal(vlm_map_open(&m, &a, dir, "five", false, 5, &err), VLM_OK);
    put("other", "abcde", 5);
    char *other = strdup(at("other"));
    assert_int_equal(rename(other, at("five")), 0);
    free(other);
    assert_memory_equal(m.data, "12345", 5);
    vlm_map_close(&m, &a);
}

/* Each must fail at once with one line that names the file. */
static void map_refused(void **state)
{
    (void)state;
    vlm_error err;
    struct vlm_map m;
    put("locked", "x", 1);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    assert_int_equal(mkdir(at("folder"), 0700), 0);
    assert_int_equal(symlink("loop", at("loop")), 0);
    assert_int_equal(symlink("/dev/zero", at("zero")), 0);
    assert_int_equal(symlink("nowhere", at("dangling")), 0);
    int fd = open(at("sparse"), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    off_t huge = INT64_MAX;
    while (huge > 0 && ftruncate(fd, huge) != 0) /* as large as this file system allows */
        huge /= 2;
    close(fd);
    static const char *const names[] = {"fifo",     "folder",  "loop",  "zero",
                                        "dangling", "missing", "sparse"};
    for (int copy = 0; copy < 2; copy++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            double t = vlm_os_now_ms();
            int rc = vlm_map_open(&m, &vlm_mem_system, dir, names[i], copy, 1 << 20, &err);
            assert_true(rc == VLM_ERR_IO || rc == VLM_ERR_LIMIT);
            assert_non_null(strstr(err.message, names[i]));
            assert_true(vlm_os_now_ms() - t < 1000);
        }
    /* a copy of more than there is memory fails, and takes nothing */
    if (huge >= (off_t)1 << 43)
        assert_true(vlm_map_open(&m, &vlm_mem_system, dir, "sparse", true, UINT64_MAX, &err) < 0);
    static const char *const unsafe[] = {"../x", "/etc/passwd", "a/../../x", "",
                                         "..",   "a//b",        "./../x"};
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        assert_int_equal(vlm_map_open(&m, &vlm_mem_system, dir, unsafe[i], false, 1 << 20, &err),
                         VLM_ERR_FORMAT);
    static char longer[2 * PATH_MAX];
    memset(longer, 'x', sizeof longer - 1);
    assert_true(vlm_map_open(&m, &vlm_mem_system, dir, longer, false, 1 << 20, &err) < 0);
    assert_true(vlm_map_open(&m, &vlm_mem_system, NULL, longer, false, 1 << 20, &err) < 0);
    assert_false(vlm_os_exists(dir, longer));
}

static void machine(void **state)
{
    (void)state;
    double t = vlm_os_now_ms();
    assert_true(vlm_os_now_ms() >= t);
    assert_true(vlm_os_n_cores() >= 1);
    assert_true(vlm_os_peak_rss() > 100000);
}

/* The table for printing has every limit once, none of them zero. */
static void limits(void **state)
{
    (void)state;
#define X(name, meaning) {#name, VLM_LIMIT_##name, meaning},
    static const struct {
        const char *name;
        uint64_t value;
        const char *meaning;
    } all[] = {VLM_LIMITS(X)};
#undef X
    size_t n = sizeof all / sizeof *all;
    assert_true(n > 40);
    for (size_t i = 0; i < n; i++) {
        assert_true(all[i].value > 0 && strlen(all[i].meaning) > 3);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(all[i].name, all[k].name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_arithmetic),
        cmocka_unit_test(memory_blocks),
        cmocka_unit_test(growable_bytes),
        cmocka_unit_test(error_text),
        cmocka_unit_test(quoting),
        cmocka_unit_test(log_lines),
        cmocka_unit_test(utf8_examples),
        cmocka_unit_test(utf8_like_python),
        cmocka_unit_test(utf8_all_scalars),
        cmocka_unit_test(half_exhaustive),
        cmocka_unit_test(half_rounding),
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(hash64),
        cmocka_unit_test(philox_vectors),
        cmocka_unit_test(random_streams),
        cmocka_unit_test(pool_runs_each_task_once),
        cmocka_unit_test(pool_wakes_every_worker),
        cmocka_unit_test(pool_out_of_memory),
        cmocka_unit_test_setup_teardown(map_regular, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(map_refused, make_dir, remove_dir),
        cmocka_unit_test(machine),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
