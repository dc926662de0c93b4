/* test_gguf_files.c: files by other writers (tools/golden/make_gguf_files.py) read back equal: what
 * another reader found in FILE.gguf stands in FILE.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/gguf.h"

#define DATA VLM_TEST_DATA "/gguf"

static char found[1 << 16];
static size_t n_found;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    n_found += (size_t)vsnprintf(found + n_found, sizeof found - n_found, fmt, args);
    va_end(args);
    assert_true(n_found < sizeof found);
}

static uint32_t crc32(const uint8_t *p, uint64_t n)
{
    uint32_t c = 0xffffffff;
    for (uint64_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    return ~c;
}

static void say_pair(const struct vlm_gguf_pair *p)
{
    static const char *const types[] = {"u8",   "i8",     "u16", "i16", "u32", "i32", "f32",
                                        "bool", "string", NULL,  "u64", "i64", "f64"};
    struct vlm_gguf_strings it = {0, 0};
    const char *s;
    size_t n;
    say("key %.*s %s", (int)p->n_key, p->key, types[p->type]);
    if (p->is_array)
        say("[%llu]", (unsigned long long)p->n);
    for (uint64_t i = 0; i < p->n; i++) {
        if (p->type != VLM_GGUF_STRING) {
            say(" %.17g", vlm_gguf_number(p, i));
            continue;
        }
        assert_true(vlm_gguf_next_string(&it, &s, &n, p));
        say(n ? " " : " -");
        for (size_t k = 0; k < n; k++)
            say("%02x", (unsigned char)s[k]);
    }
    say("\n");
}

static void say_tensor(const struct vlm_weight *t)
{
    say("tensor %s %s [", t->name, t->type);
    for (size_t i = 0; i < t->n_dims; i++)
        say("%s%llu", i ? " " : "", (unsigned long long)t->shape[i]);
    say("] %llu %08x\n", (unsigned long long)t->bytes, crc32(t->data, t->bytes));
}

static void compare(const char *name)
{
    static char expected[1 << 16];
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.txt", DATA, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    expected[fread(expected, 1, sizeof expected - 1, f)] = 0;
    fclose(f);
    if (strcmp(found, expected) == 0)
        return;
    size_t i = 0;
    while (found[i] == expected[i])
        i++;
    while (i > 0 && found[i - 1] != '\n')
        i--;
    fail_msg("%s: found %.*s, expected %.*s", name, (int)strcspn(found + i, "\n"), found + i,
             (int)strcspn(expected + i, "\n"), expected + i);
}

static void files(void **state)
{
    (void)state;
    static const char *const names[] = {"values",   "types", "align8",
                                        "align256", "peer",  "split-00001-of-00003"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct vlm_files source;
        struct vlm_weights w;
        struct vlm_gguf g;
        vlm_error err = {.status = 0};
        char file[64];
        snprintf(file, sizeof file, "%s.gguf", names[i]);
        assert_int_equal(vlm_files_init(&source, &vlm_mem_system, DATA, NULL, 0, i % 2, &err), 0);
        if (vlm_weights_open_gguf(&w, &g, &source, file, &err) < 0)
            fail_msg("%s", err.message);
        n_found = 0;
        for (size_t k = 0; k < g.n_pairs; k++)
            say_pair(&g.pairs[k]);
        for (size_t k = 0; k < w.n_tensors; k++)
            say_tensor(&w.tensors[k]);
        compare(names[i]);
        vlm_gguf_free(&g);
        vlm_weights_close(&w);
        vlm_files_free(&source);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
