/* test_token_gguf.c [VOCABULARY.gguf]: a tokenizer from GGUF gives the ids that tokenizer.json
 * gives, on every golden string.  With an argument: a vocabulary file of llama.cpp, compared with
 * what its .inp and .out beside it say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/os.h"
#include "format/json.h"
#include "token/token.h"

#define DIR VLM_TEST_DATA "/tokenizer/smolvlm2"
static const vlm_allocator *const mem = &vlm_mem_system;
static vlm_tokenizer *json_tok, *gguf_tok;
static const char *vocabulary;

static struct vlm_map map_file(const char *dir, const char *name)
{
    struct vlm_map m;
    vlm_error err;
    if (vlm_map_open(&m, mem, dir, name, false, 1 << 26, &err) < 0)
        fail_msg("%s", err.message);
    return m;
}

/* ---- tokenizer.json -> GGUF ---- */

static void put(struct vlm_buf *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        vlm_buf_putc(b, i < 8 ? (char)(v >> 8 * i) : 0);
}
static void put_bytes(struct vlm_buf *b, const char *s, size_t n)
{
    put(b, n, 8);
    vlm_buf_append(b, s, n);
}
static void put_key(struct vlm_buf *b, const char *key, unsigned type)
{
    put_bytes(b, key, strlen(key));
    put(b, type, 4);
}
static void put_array(struct vlm_buf *b, const char *key, unsigned type, uint64_t n)
{
    put_key(b, key, 9);
    put(b, type, 4);
    put(b, n, 8);
}

struct vocabulary {
    struct vlm_buf text[60000];
    bool added[60000];
    size_t n;
    struct vlm_buf merges; /* as GGUF strings */
    size_t n_merges;
};

static void set_token(struct vocabulary *v, const struct vlm_buf *text, uint64_t id, bool added)
{
    assert_true(id < 60000);
    vlm_buf_clear(&v->text[id]);
    vlm_buf_append(&v->text[id], text->data, text->n);
    v->added[id] |= added; /* the special ones of the vocabulary are listed twice */
    v->n = id >= v->n ? (size_t)id + 1 : v->n;
}

/* The values of one object: {"vocab": {...}, ...}, {"id": 1, "content": "..."}, ... */
static void read_object(struct vocabulary *v, struct vlm_json *j, int depth);

static void read_merges(struct vocabulary *v, struct vlm_json *j)
{
    struct vlm_buf line;
    vlm_buf_init(&line, mem, 1 << 20);
    while (vlm_json_next(j) == VLM_JSON_ARRAY) {
        vlm_buf_clear(&line);
        vlm_json_next(j);
        vlm_json_string(&line, j);
        vlm_buf_putc(&line, ' ');
        vlm_json_next(j);
        vlm_json_string(&line, j);
        vlm_json_next(j);
        put_bytes(&v->merges, line.data, line.n);
        v->n_merges++;
    }
    vlm_buf_free(&line);
}

static void read_vocab(struct vocabulary *v, struct vlm_json *j)
{
    struct vlm_buf text;
    uint64_t id;
    vlm_buf_init(&text, mem, 1 << 20);
    while (vlm_json_next(j) == VLM_JSON_KEY) {
        vlm_buf_clear(&text);
        vlm_json_string(&text, j);
        vlm_json_next(j);
        assert_true(vlm_json_u64(&id, j));
        set_token(v, &text, id, false);
    }
    vlm_buf_free(&text);
}

static void read_added(struct vocabulary *v, struct vlm_json *j)
{
    struct vlm_buf text;
    uint64_t id = 0;
    vlm_buf_init(&text, mem, 1 << 20);
    while (vlm_json_next(j) == VLM_JSON_OBJECT) {
        while (vlm_json_next(j) == VLM_JSON_KEY) {
            bool is_id = vlm_json_equals(j, "id"), is_text = vlm_json_equals(j, "content");
            vlm_json_next(j);
            if (is_id)
                vlm_json_u64(&id, j);
            if (is_text) {
                vlm_buf_clear(&text);
                vlm_json_string(&text, j);
            }
        }
        set_token(v, &text, id, true);
    }
    vlm_buf_free(&text);
}

static void read_object(struct vocabulary *v, struct vlm_json *j, int depth)
{
    while (vlm_json_next(j) == VLM_JSON_KEY) {
        bool model = vlm_json_equals(j, "model"), added = vlm_json_equals(j, "added_tokens");
        bool vocab = vlm_json_equals(j, "vocab"), merges = vlm_json_equals(j, "merges");
        if (!(depth == 0 ? model || added : vocab || merges)) {
            vlm_json_skip(j);
            continue;
        }
        vlm_json_next(j);
        if (model)
            read_object(v, j, 1);
        else if (added)
            read_added(v, j);
        else if (vocab)
            read_vocab(v, j);
        else
            read_merges(v, j);
    }
}

static void write_gguf(struct vlm_buf *b, const struct vocabulary *v)
{
    vlm_buf_puts(b, "GGUF");
    put(b, 3, 4);
    put(b, 0, 8);
    put(b, 5, 8);
    put_key(b, "tokenizer.ggml.model", 8);
    put_bytes(b, "gpt2", 4);
    put_key(b, "tokenizer.ggml.pre", 8);
    put_bytes(b, "smollm", 6);
    put_array(b, "tokenizer.ggml.tokens", 8, v->n);
    for (size_t i = 0; i < v->n; i++)
        put_bytes(b, v->text[i].data, v->text[i].n);
    put_array(b, "tokenizer.ggml.token_type", 5, v->n);
    for (size_t i = 0; i < v->n; i++)
        put(b, v->added[i] ? 3 : 1, 4);
    put_array(b, "tokenizer.ggml.merges", 8, v->n_merges);
    vlm_buf_append(b, v->merges.data, v->merges.n);
    put(b, 0, b->n % 32 ? 32 - b->n % 32 : 0);
    assert_true(b->ok);
}

static int open_gguf(vlm_tokenizer **out, const void *data, size_t n, vlm_error *err)
{
    struct vlm_gguf g;
    struct vlm_weight_list none = {.alloc = mem};
    int rc = vlm_gguf_read(&g, &none, mem, data, n, "t.gguf", err);
    if (rc == VLM_OK) {
        rc = vlm_tokenizer_open_gguf(out, mem, &g, err);
        vlm_gguf_free(&g);
    }
    vlm_weight_list_free(&none);
    return rc;
}

static int setup(void **state)
{
    (void)state;
    static struct vocabulary v;
    struct vlm_map m = map_file(DIR, "tokenizer.json");
    struct vlm_json j;
    struct vlm_buf file;
    vlm_error err;
    for (size_t i = 0; i < 60000; i++)
        vlm_buf_init(&v.text[i], mem, 1 << 20);
    vlm_buf_init(&v.merges, mem, 1 << 24);
    vlm_buf_init(&file, mem, 1 << 26);
    vlm_json_init(&j, m.data, m.n);
    assert_int_equal(vlm_json_next(&j), VLM_JSON_OBJECT);
    read_object(&v, &j, 0);
    assert_int_equal(v.n, 49280);
    assert_int_equal(v.n_merges, 48900);
    write_gguf(&file, &v);
    if (vlm_tokenizer_open(&json_tok, mem, m.data, m.n, "tokenizer.json", &err) < 0 ||
        open_gguf(&gguf_tok, file.data, file.n, &err) < 0)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < 60000; i++)
        vlm_buf_free(&v.text[i]);
    vlm_buf_free(&v.merges);
    vlm_buf_free(&file);
    vlm_map_close(&m, mem);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vlm_tokenizer_close(json_tok);
    vlm_tokenizer_close(gguf_tok);
    return 0;
}

/* ---- the same ids ---- */

static void check_text(const char *s, size_t n, const struct vlm_span *plain, size_t n_plain)
{
    struct vlm_ids a, b;
    struct vlm_buf x, y;
    vlm_error err;
    vlm_ids_init(&a, mem);
    vlm_ids_init(&b, mem);
    vlm_buf_init(&x, mem, SIZE_MAX / 4);
    vlm_buf_init(&y, mem, SIZE_MAX / 4);
    assert_int_equal(vlm_token_encode(&a, json_tok, s, n, plain, n_plain, &err), VLM_OK);
    assert_int_equal(vlm_token_encode(&b, gguf_tok, s, n, plain, n_plain, &err), VLM_OK);
    if (a.n != b.n || (a.n && memcmp(a.data, b.data, a.n * sizeof *a.data) != 0))
        fail_msg("other ids for \"%.*s\"", (int)n, s);
    for (int skip = 0; skip < 2; skip++) {
        vlm_buf_clear(&x);
        vlm_buf_clear(&y);
        vlm_token_decode(&x, json_tok, a.data, a.n, skip, &err);
        vlm_token_decode(&y, gguf_tok, a.data, a.n, skip, &err);
        assert_int_equal(x.n, y.n);
        if (x.n)
            assert_memory_equal(x.data, y.data, x.n);
    }
    vlm_ids_free(&a);
    vlm_ids_free(&b);
    vlm_buf_free(&x);
    vlm_buf_free(&y);
}

static size_t each_text(const char *name)
{
    struct vlm_map m = map_file(DIR, name);
    const char *at = (const char *)m.data, *end = at + m.n;
    size_t n = 0;
    struct vlm_buf text;
    vlm_buf_init(&text, mem, SIZE_MAX / 4);
    for (; at < end; n++) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        struct vlm_json j;
        vlm_json_init(&j, at, (size_t)(eol - at));
        vlm_buf_clear(&text);
        vlm_json_next(&j);
        if (vlm_json_next(&j) == VLM_JSON_STRING)
            vlm_json_string(&text, &j);
        const struct vlm_span all = {0, text.n};
        check_text(text.n ? text.data : "", text.n, NULL, 0);
        check_text(text.n ? text.data : "", text.n, &all, text.n ? 1 : 0);
        at = eol + 1;
    }
    vlm_buf_free(&text);
    vlm_map_close(&m, mem);
    return n;
}

static void same_ids(void **state)
{
    (void)state;
    assert_int_equal(each_text("golden.jsonl"), 10000);
    assert_int_equal(each_text("invalid.jsonl"), 400);
    assert_true(each_text("spans.jsonl") > 100);
}

static void same_facts(void **state)
{
    (void)state;
    assert_int_equal(vlm_token_count(gguf_tok), vlm_token_count(json_tok));
    assert_int_equal(vlm_token_plain(gguf_tok), vlm_token_plain(json_tok));
    assert_int_equal(vlm_token_added(gguf_tok), vlm_token_added(json_tok));
    assert_int_equal(vlm_token_find(gguf_tok, "<image>"), 49190);
    assert_int_equal(vlm_token_find(gguf_tok, "the"), -1);
    for (int32_t id = 0; id < 49280; id++) {
        const char *a, *b;
        size_t n_a, n_b;
        bool special_a, special_b;
        assert_true(vlm_token_bytes(json_tok, id, &a, &n_a, &special_a));
        assert_true(vlm_token_bytes(gguf_tok, id, &b, &n_b, &special_b));
        assert_true(n_a == n_b && special_a == special_b && memcmp(a, b, n_a) == 0);
    }
}

/* ---- a file of llama.cpp ---- */

/* Cases of the .inp stand between lines "__ggml_vocab_test__", those of the .out are lines of ids.
 */
static void given_vocabulary(void **state)
{
    (void)state;
    static const char mark[] = "\n__ggml_vocab_test__\n";
    char path[500];
    vlm_tokenizer *t;
    vlm_error err;
    size_t n = 0;
    if (!vocabulary)
        skip();
    struct vlm_map m = map_file(NULL, vocabulary);
    snprintf(path, sizeof path, "%s.inp", vocabulary);
    struct vlm_map in = map_file(NULL, path);
    snprintf(path, sizeof path, "%s.out", vocabulary);
    struct vlm_map out = map_file(NULL, path);
    if (open_gguf(&t, m.data, m.n, &err) < 0)
        fail_msg("%s", err.message);
    const char *at = (const char *)in.data, *end = at + in.n, *line = (const char *)out.data,
               *lines_end = line + out.n;
    while (at < end && line < lines_end) {
        const char *stop = memmem(at, (size_t)(end - at), mark, sizeof mark - 1);
        const char *eol = memchr(line, '\n', (size_t)(lines_end - line));
        if (!stop || !eol)
            break;
        struct vlm_ids ids;
        vlm_ids_init(&ids, mem);
        const struct vlm_span all = {0, (size_t)(stop - at)};
        assert_int_equal(vlm_token_encode(&ids, t, at, all.end, &all, all.end ? 1 : 0, &err),
                         VLM_OK);
        char *p = (char *)(uintptr_t)line;
        for (size_t i = 0; i < ids.n; i++)
            if (strtol(p, &p, 10) != ids.data[i])
                fail_msg("case %zu, id %zu is %d", n, i, (int)ids.data[i]);
        while (p < eol && *p == ' ')
            p++;
        assert_true(p == eol);
        vlm_ids_free(&ids);
        at = stop + sizeof mark - 1;
        line = eol + 1;
        n++;
    }
    print_message("%zu cases\n", n);
    assert_true(n > 10);
    vlm_tokenizer_close(t);
    vlm_map_close(&m, mem);
    vlm_map_close(&in, mem);
    vlm_map_close(&out, mem);
}

int main(int argc, char **argv)
{
    vocabulary = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_ids), cmocka_unit_test(same_facts),
                                       cmocka_unit_test(given_vocabulary)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
