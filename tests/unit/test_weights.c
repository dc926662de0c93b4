/* test_weights.c: safetensors files, shards and their index; reliability groups M24 to M26. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../abuse/heap.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/weights.h"

/* ---- one file, from bytes ------------------------------------------------------------------ */

static uint8_t file[1 << 16];

/* Lays out a file with this header and n_data bytes behind it; returns its size. */
static size_t make(const char *header, size_t n_data)
{
    uint64_t n = strlen(header);
    assert_true(8 + n + n_data <= sizeof file);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)(n >> 8 * i);
    memcpy(file + 8, header, n);
    for (size_t i = 0; i < n_data; i++)
        file[8 + n + i] = (uint8_t)i;
    return 8 + n + n_data;
}

/* Reads from a block of exactly n bytes, so that a sanitizer sees every byte too far. */
static int read_bytes(struct vlm_weight_list *list, const uint8_t *data, size_t n, vlm_error *err)
{
    static uint8_t *block;
    free(block);
    block = malloc(n ? n : 1);
    assert_non_null(block);
    memcpy(block, data, n);
    memset(err, 0, sizeof *err);
    return vlm_safetensors_read(list, &vlm_mem_system, block, n, "w.safetensors", err);
}

static void accepts(void **state)
{
    (void)state;
    struct vlm_weight_list l;
    vlm_error err;
    /* names in any order, a scalar, an empty tensor, an unknown type, an escaped name, padding */
    size_t n =
        make("{\"__metadata__\":{\"format\":\"pt\"},"
             "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
             "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[16,16]},"
             "\"a\":{\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"F32\",\"later\":[{}]},"
             "\"\\u0063\\n\":{\"dtype\":\"F9_X\",\"shape\":[3],\"data_offsets\":[16,18]}}   ",
             18);
    assert_int_equal(read_bytes(&l, file, n, &err), VLM_OK);
    assert_int_equal(l.n, 4);
    const uint8_t *data = l.at[0].data; /* in the order of the data */
    assert_string_equal(l.at[0].name, "a");
    assert_string_equal(l.at[0].type, "F32");
    assert_int_equal(l.at[0].n_dims, 0);
    assert_true(l.at[0].shape[0] == 1 && l.at[0].shape[3] == 1);
    assert_int_equal(l.at[0].bytes, 4);
    assert_int_equal(data[0], 0);
    assert_string_equal(l.at[1].name, "b");
    assert_int_equal(l.at[1].dtype, VLM_NUM_BF16);
    assert_true(l.at[1].n_dims == 2 && l.at[1].shape[0] == 2 && l.at[1].shape[1] == 3);
    assert_ptr_equal(l.at[1].data, data + 4);
    assert_string_equal(l.at[2].name, "empty");
    assert_int_equal(l.at[2].bytes, 0);
    assert_string_equal(l.at[3].name, "c\n");
    assert_string_equal(l.at[3].type, "F9_X");
    assert_int_equal(l.at[3].dtype, VLM_NUM_OTHER);
    vlm_weight_list_free(&l);

    /* one of no bytes lies before the one that begins at the same place */
    n = make("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
             "\"b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
             4);
    assert_int_equal(read_bytes(&l, file, n, &err), VLM_OK);
    assert_string_equal(l.at[0].name, "b");
    vlm_weight_list_free(&l);

    assert_int_equal(read_bytes(&l, file, make("{}", 0), &err), VLM_OK);
    assert_int_equal(l.n, 0);
    vlm_weight_list_free(&l);

    static const struct {
        const char *type;
        size_t bits;
    } types[] = {{"BOOL", 8},    {"U8", 8},      {"I8", 8},     {"I16", 16},  {"U16", 16},
                 {"F16", 16},    {"I32", 32},    {"U32", 32},   {"I64", 64},  {"U64", 64},
                 {"F64", 64},    {"C64", 64},    {"F4", 4},     {"BF16", 16}, {"F8_E4M3", 8},
                 {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F6_E2M3", 6}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char header[128];
        for (size_t off = 0; off < 2; off++) {
            size_t bytes = 4 * types[i].bits / 8 + off;
            snprintf(header, sizeof header,
                     "{\"t\":{\"dtype\":\"%s\",\"shape\":[2,2],\"data_offsets\":[0,%zu]}}",
                     types[i].type, bytes);
            int rc = read_bytes(&l, file, make(header, bytes), &err);
            assert_int_equal(rc, off ? VLM_ERR_FORMAT : VLM_OK);
            if (rc < 0)
                continue;
            bool fp8 = !strcmp(types[i].type, "F8_E4M3"), i8 = !strcmp(types[i].type, "I8");
            if (fp8 || i8) /* usable, with a scale beside them */
                assert_int_equal(l.at[0].dtype, fp8 ? VLM_NUM_F8_E4M3 : VLM_NUM_I8);
            vlm_weight_list_free(&l);
        }
    }
    assert_string_equal(vlm_num_info(VLM_NUM_F16)->name, "F16");
    assert_int_equal(vlm_num_bytes(VLM_NUM_F32, 3), 12);
    assert_int_equal(vlm_num_bytes(VLM_NUM_BF16, 3), 6);
    assert_int_equal(vlm_num_bytes(VLM_NUM_Q4_K, 512), 288);
}

#define T(name, rest) "\"" name "\":{" rest "}"
#define F32(shape, range) "\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" range

static void refuses_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n_data;
        int status;
        const char *says; /* beside the file's name */
    } cases[] = {
        {"[]", 0, VLM_ERR_FORMAT, "does not begin with {"},
        {" {}", 0, VLM_ERR_FORMAT, "does not begin with {"},
        {"hello", 0, VLM_ERR_FORMAT, "does not begin with {"},
        {"{", 0, VLM_ERR_FORMAT, "byte 1"},
        {"{}x", 0, VLM_ERR_FORMAT, "behind the document"},
        {"{} {}", 0, VLM_ERR_FORMAT, "behind the document"},
        {"{\"a\":1}", 0, VLM_ERR_FORMAT, "tensor a: expected an object"},
        {"{\"a\":[]}", 0, VLM_ERR_FORMAT, "tensor a"},
        {"{\"a\":{}}", 0, VLM_ERR_FORMAT, "expected dtype, shape and data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, VLM_ERR_FORMAT,
         "expected dtype, shape and"},
        {"{" T("a", "\"dtype\":7") "}", 0, VLM_ERR_FORMAT, "dtype, a short string"},
        {"{" T("a", "\"dtype\":\"F32\",\"dtype\":\"F32\"") "}", 0, VLM_ERR_FORMAT, "one dtype"},
        {"{" T("a", "\"dtype\":\"F3333333333333333333333333333333333\"") "}", 0, VLM_ERR_FORMAT,
         "dtype"},
        {"{" T("a", F32("[1],\"shape\":[1]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "one shape"},
        {"{" T("a", F32("[1]", "[0,4],\"data_offsets\":[0,4]")) "}", 4, VLM_ERR_FORMAT,
         "one data_offsets"},
        {"{" T("a", F32("1", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "shape"},
        {"{" T("a", F32("[-1]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "shape"},
        {"{" T("a", F32("[1.0]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "shape"},
        {"{" T("a", F32("[1e0]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "shape"},
        {"{" T("a", F32("[\"1\"]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "shape"},
        {"{" T("a", F32("[null]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "shape"},
        {"{" T("a", F32("[[1]]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "shape"},
        {"{" T("a", F32("[18446744073709551617]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "shape"},
        {"{" T("a", F32("[2147483648]", "[0,4]")) "}", 4, VLM_ERR_LIMIT,
         "2147483648, the limit is 2147483647"},
        {"{" T("a", F32("[1,1,1,1,1]", "[0,4]")) "}", 4, VLM_ERR_LIMIT, "more than 4 dimensions"},
        {"{" T("a", F32("[2147483647,2147483647,5,1]", "[0,4]")) "}", 4, VLM_ERR_LIMIT, "elements"},
        {"{" T("a", F32("[2147483647,2147483647,2147483647,2147483647]", "[0,4]")) "}", 4,
         VLM_ERR_LIMIT, "elements"},
        {"{" T("a", F32("[16777216,16777216,1]", "[0,4]")) "}", 4, VLM_ERR_LIMIT,
         "elements"}, /* 2^48 */
        {"{" T("a", F32("[2147483647,131071,2147483647]", "[0,4]")) "}", 4, VLM_ERR_LIMIT,
         "elements"}, /* passes 2^64 at the third factor */
        {"{" T("a", "\"dtype\":\"F\\u0033 2\"") "}", 0, VLM_ERR_FORMAT, "one dtype"},
        {"{" T("a", F32("[1]", "[0,-4]")) "}", 4, VLM_ERR_FORMAT, "data_offsets"},
        {"{" T("a", F32("[1]", "[4,0]")) "}", 4, VLM_ERR_FORMAT, "data_offsets [4, 0]"},
        {"{" T("a", F32("[1]", "[0,5]")) "}", 4, VLM_ERR_FORMAT, "within 4 bytes"},
        {"{" T("a", F32("[1]", "[18446744073709551612,18446744073709551615]")) "}", 4,
         VLM_ERR_FORMAT, "within 4"},
        {"{" T("a", F32("[1]", "[-4,0]")) "}", 4, VLM_ERR_FORMAT, "data_offsets"},
        {"{" T("a", F32("[1]", "[0]")) "}", 4, VLM_ERR_FORMAT, "data_offsets"},
        {"{" T("a", F32("[1]", "[0,4,4]")) "}", 4, VLM_ERR_FORMAT, "data_offsets"},
        {"{" T("a", F32("[1]", "{}")) "}", 4, VLM_ERR_FORMAT, "data_offsets"},
        {"{" T("a", F32("[2]", "[0,4]")) "}", 4, VLM_ERR_FORMAT,
         "4 bytes, expected 8 for 2 elements of F32"},
        {"{" T("a", F32("[0]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "expected 0 for 0 elements"},
        {"{" T("a", "\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]") "}", 1, VLM_ERR_FORMAT,
         "F4"},
        {"{" T("a", F32("[1]", "[0,4]")) "}", 5, VLM_ERR_FORMAT,
         "5 bytes of data, expected 4"}, /* trailing */
        {"{}", 1, VLM_ERR_FORMAT, "1 bytes of data, expected 0"},
        {"{" T("a", F32("[1]", "[0,4]")) "," T("b", F32("[1]", "[5,9]")) "}", 9, VLM_ERR_FORMAT,
         "hole"},
        {"{" T("a", F32("[1]", "[4,8]")) "}", 8, VLM_ERR_FORMAT, "hole"},
        {"{" T("a", F32("[2]", "[0,8]")) "," T("b", F32("[1]", "[4,8]")) "}", 8, VLM_ERR_FORMAT,
         "overlap"},
        {"{" T("a", F32("[1]", "[0,4]")) "," T("b", F32("[1]", "[0,4]")) "}", 4, VLM_ERR_FORMAT,
         "overlap"},
        {"{" T("a", F32("[2]", "[0,8]")) "," T("b", F32("[0]", "[4,4]")) "}", 8, VLM_ERR_FORMAT,
         "overlap"},
        {"{" T("a", F32("[1]", "[0,4]")) "," T("a", F32("[1]", "[4,8]")) "}", 8, VLM_ERR_FORMAT,
         "a is there twice"},
        {"{" T("a", F32("[1]", "[0,4]")) "," T("\\u0061", F32("[1]", "[4,8]")) "}", 8,
         VLM_ERR_FORMAT, "twice"},
        {"{" T("a\\u0000b", F32("[1]", "[0,4]")) "}", 4, VLM_ERR_FORMAT, "zero byte"},
        {"{\"__metadata__\":{\"a\":1}}", 0, VLM_ERR_FORMAT, "object of strings"},
        {"{\"__metadata__\":[]}", 0, VLM_ERR_FORMAT, "object of strings"},
        {"{\"__metadata__\":null}", 0, VLM_ERR_FORMAT, "object of strings"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, VLM_ERR_FORMAT, "twice"},
        {"{\"a\xff\":{}}", 0, VLM_ERR_FORMAT, "UTF-8"},
        {"{\"evil\\u001b[31m%s%n\\n\":{}}", 0, VLM_ERR_FORMAT, "tensor evil\\x1b[31m%s%n\\x0a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vlm_weight_list l;
        vlm_error err;
        int rc = read_bytes(&l, file, make(cases[i].header, cases[i].n_data), &err);
        if (rc != cases[i].status || strncmp(err.message, "w.safetensors: ", 15) ||
            !strstr(err.message, cases[i].says))
            fail_msg("%s\ngave %d: %s\nexpected %d: %s", cases[i].header, rc, err.message,
                     cases[i].status, cases[i].says);
        assert_int_equal(err.status, rc);
        assert_int_equal(l.n, 0);
    }
}

static void refuses_lengths(void **state)
{
    (void)state;
    struct vlm_weight_list l;
    vlm_error err;
    size_t n = make("{}", 0);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(read_bytes(&l, file, cut, &err), VLM_ERR_FORMAT);
    static const struct {
        uint64_t n_header;
        int status;
    } cases[] = {{0, VLM_ERR_FORMAT},
                 {1, VLM_ERR_FORMAT},
                 {3, VLM_ERR_FORMAT}, /* more than there is */
                 {VLM_LIMIT_SAFETENSORS_HEADER_BYTES, VLM_ERR_FORMAT},
                 {VLM_LIMIT_SAFETENSORS_HEADER_BYTES + 1, VLM_ERR_LIMIT},
                 {UINT64_MAX - 7, VLM_ERR_LIMIT},
                 {UINT64_MAX, VLM_ERR_LIMIT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int b = 0; b < 8; b++)
            file[b] = (uint8_t)(cases[i].n_header >> 8 * b);
        assert_int_equal(read_bytes(&l, file, n, &err), cases[i].status);
    }
}

/* Every truncation, and every byte of the header changed, must end in an answer. */
static void survives_damage(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"}," T("model.a\\u00e9", F32("[2,1]", "[0,8]")) "," T(
            "b", "\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[8,16]") "}";
    size_t n = make(header, 16), accepted = 0;
    struct vlm_weight_list l;
    vlm_error err;
    for (size_t cut = 0; cut < n; cut++)
        assert_true(read_bytes(&l, file, cut, &err) < 0);
    for (size_t i = 0; i < 8 + sizeof header - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            file[i] ^= (uint8_t)(1 << bit);
            if (read_bytes(&l, file, n, &err) == VLM_OK) {
                accepted++; /* a letter of a name, say: then the sizes must still hold */
                for (size_t k = 0; k < l.n; k++)
                    assert_true(l.at[k].bytes <= 16);
                vlm_weight_list_free(&l);
            } else {
                assert_true(strlen(err.message) > 15);
            }
            file[i] ^= (uint8_t)(1 << bit);
        }
    assert_true(accepted > 10 && accepted < 400);
}

/* A header with n tensors of no bytes; or one whose name has n bytes. */
static char *many(size_t n, size_t *size)
{
    char *s = malloc(8 + n * 64 + 2), *at = s + 8;
    assert_non_null(s);
    *at++ = '{';
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s\"%zx\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                      i ? "," : "", i);
    *at++ = '}';
    *size = (size_t)(at - s);
    uint64_t n_header = *size - 8;
    for (int i = 0; i < 8; i++)
        s[i] = (char)(n_header >> 8 * i);
    return s;
}

static void limits(void **state)
{
    (void)state;
    struct vlm_weight_list l;
    vlm_error err;
    for (size_t over = 0; over < 2; over++) {
        size_t size;
        char *s = many(VLM_LIMIT_TENSORS + over, &size);
        int rc = read_bytes(&l, (uint8_t *)s, size, &err);
        assert_int_equal(rc, over ? VLM_ERR_LIMIT : VLM_OK);
        if (rc == VLM_OK)
            vlm_weight_list_free(&l);
        free(s);

        char header[2048], name[VLM_LIMIT_TENSOR_NAME_BYTES + 2];
        memset(name, 'n', sizeof name);
        name[VLM_LIMIT_TENSOR_NAME_BYTES + over] = 0;
        snprintf(header, sizeof header,
                 "{\"%s\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", name);
        rc = read_bytes(&l, file, make(header, 0), &err);
        assert_int_equal(rc, over ? VLM_ERR_LIMIT : VLM_OK);
        if (rc == VLM_OK)
            vlm_weight_list_free(&l);

        /* dimension limit, with no elements; elements limit, of no known size */
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,%llu],\"data_offsets\":[0,0]}}",
                 (unsigned long long)(VLM_LIMIT_TENSOR_DIM + over));
        rc = read_bytes(&l, file, make(header, 0), &err);
        assert_int_equal(rc, over ? VLM_ERR_LIMIT : VLM_OK);
        if (rc == VLM_OK)
            vlm_weight_list_free(&l);
        /* 2^48 - 1 = 65535 * 65537 * 65536 + 65535 is no product of few factors: 3 * 5 * 17 * ...
         * are */
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"?\",\"shape\":[%s],\"data_offsets\":[0,0]}}",
                 over ? "65536,65536,65536" : "16777215,16777217");
        rc = read_bytes(&l, file, make(header, 0), &err);
        assert_int_equal(rc, over ? VLM_ERR_LIMIT : VLM_OK);
        if (rc == VLM_OK)
            vlm_weight_list_free(&l);
        /* nesting, in a member that is passed over */
        strcpy(header, "{\"a\":{\"x\":");
        for (size_t i = 0; i < VLM_LIMIT_JSON_DEPTH - 2 + over; i++)
            strcat(header, "[");
        for (size_t i = 0; i < VLM_LIMIT_JSON_DEPTH - 2 + over; i++)
            strcat(header, "]");
        strcat(header, ",\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}");
        rc = read_bytes(&l, file, make(header, 0), &err);
        assert_int_equal(rc, over ? VLM_ERR_LIMIT : VLM_OK);
        if (rc == VLM_OK)
            vlm_weight_list_free(&l);
    }
    assert_int_equal(VLM_LIMIT_TENSOR_ELEMENTS, UINT64_C(16777215) * 16777217); /* as tried above */
    assert_int_equal(VLM_LIMIT_TENSOR_DIMS, 4); /* and in the table */
    /* far too deep */
    size_t n = 60000;
    static char deep[60011];
    memcpy(deep, "{\"a\":{\"x\":", 10);
    memset(deep + 10, '[', n);
    deep[10 + n] = 0;
    assert_int_equal(read_bytes(&l, file, make(deep, 0), &err), VLM_ERR_LIMIT);
}

/* ---- models -------------------------------------------------------------------------------- */

static char dir[64];

static void put(const char *name, const void *data, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void put_shard(const char *name, const char *header, size_t n_data)
{
    put(name, file, make(header, n_data));
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/vlm-test-weights.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static int open_dir(struct vlm_files *f, struct vlm_weights *w, vlm_error *err)
{
    memset(err, 0, sizeof *err);
    int rc = vlm_files_init(f, &vlm_mem_system, dir, NULL, 0, false, err);
    if (rc == VLM_OK && (rc = vlm_weights_open(w, f, err)) < 0)
        vlm_files_free(f);
    return rc;
}

static void close_dir(struct vlm_files *f, struct vlm_weights *w)
{
    vlm_weights_close(w);
    vlm_files_free(f);
}

static void assert_refused(int status, const char *says)
{
    struct vlm_files f;
    struct vlm_weights w;
    vlm_error err;
    int rc = open_dir(&f, &w, &err);
    if (rc >= 0 || (status && rc != status) || !strstr(err.message, says) ||
        strchr(err.message, '\n'))
        fail_msg("gave %d: %s\nexpected %d: %s", rc, rc < 0 ? err.message : "(opened)", status,
                 says);
}

#define SHARD1 "model-00001-of-00002.safetensors"
#define SHARD2 "model-00002-of-00002.safetensors"
#define INDEX "model.safetensors.index.json"

static void put_two_shards(void)
{
    put_shard(SHARD1, "{" T("b", F32("[1]", "[0,4]")) "," T("d", F32("[1]", "[4,8]")) "}", 8);
    put_shard(SHARD2, "{" T("a", F32("[3]", "[0,12]")) "}", 12);
    put_text(INDEX, "{\"metadata\":{\"total_size\":20},\"weight_map\":{\"a\":\"" SHARD2
                    "\",\"b\":\"" SHARD1 "\",\"d\":\"" SHARD1 "\"}}");
}

/* Notes the names it is given; the second one is enough. */
static bool note_name(void *ctx, const char *name)
{
    char *seen = ctx;
    strcat(strcat(seen, name), " ");
    return strlen(seen) < 12;
}

static void lists_files(void **state)
{
    (void)state;
    struct vlm_files f;
    vlm_error err;
    char seen[100] = "";
    vlm_file memory[] = {{"one", "1", 1}, {"others", "2", 1}, {"three", "3", 1}};
    assert_int_equal(vlm_files_init(&f, &vlm_mem_system, NULL, memory, 3, false, &err), VLM_OK);
    assert_int_equal(vlm_files_each(&f, note_name, seen, &err), VLM_OK);
    assert_string_equal(seen, "one others three ");
    seen[0] = 0;
    f.n_memory = 1;
    assert_int_equal(vlm_files_each(&f, note_name, seen, &err), VLM_OK);
    assert_string_equal(seen, "one ");
    vlm_files_free(&f);
    assert_int_equal(vlm_files_init(&f, &vlm_mem_system, NULL, memory, 0, false, &err),
                     VLM_ERR_ARGUMENT);
}

static void opens_models(void **state)
{
    (void)state;
    struct vlm_files f;
    struct vlm_weights w;
    vlm_error err;
    put_two_shards();
    assert_int_equal(open_dir(&f, &w, &err), VLM_OK);
    assert_true(w.n_files == 2 && w.n_tensors == 3 && w.bytes == 20);
    const struct vlm_weight *a = vlm_weights_find(&w, "a"), *d = vlm_weights_find(&w, "d");
    assert_true(a && d && a->shape[0] == 3 && a->file == 1 && d->file == 0);
    assert_true(w.files[0].map.mapped); /* never copied */
    assert_true(d->data >= w.files[0].map.data && d->data < w.files[0].map.data + w.files[0].map.n);
    assert_int_equal(d->data[0], 4);
    assert_null(vlm_weights_find(&w, "c"));
    assert_null(vlm_weights_find(&w, ""));
    assert_string_equal(w.tensors[0].name, "a");
    assert_string_equal(w.tensors[2].name, "d");
    close_dir(&f, &w);

    /* one file wins over an index */
    put_shard("model.safetensors", "{" T("x", F32("[1]", "[0,4]")) "}", 4);
    assert_int_equal(open_dir(&f, &w, &err), VLM_OK);
    assert_true(w.n_files == 1 && w.n_tensors == 1 && vlm_weights_find(&w, "x"));
    close_dir(&f, &w);

    /* no tensors at all */
    put("model.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
    assert_int_equal(open_dir(&f, &w, &err), VLM_OK);
    assert_true(w.n_tensors == 0 && !vlm_weights_find(&w, "x"));
    close_dir(&f, &w);

    /* the same from memory: views of the caller's bytes */
    size_t n = make("{" T("x", F32("[1]", "[0,4]")) "}", 4);
    vlm_file memory[] = {{"config.json", "{}", 2}, {"model.safetensors", file, n}};
    assert_int_equal(vlm_files_init(&f, &vlm_mem_system, NULL, memory, 2, false, &err), VLM_OK);
    assert_true(vlm_files_has(&f, "config.json") && !vlm_files_has(&f, "other"));
    assert_int_equal(vlm_weights_open(&w, &f, &err), VLM_OK);
    assert_ptr_equal(vlm_weights_find(&w, "x")->data, file + n - 4);
    close_dir(&f, &w);
    memory[1].name = "model.bin";
    assert_int_equal(vlm_files_init(&f, &vlm_mem_system, NULL, memory, 2, false, &err), VLM_OK);
    assert_true(vlm_weights_open(&w, &f, &err) < 0);
    assert_non_null(strstr(err.message, "no model.safetensors"));
    struct vlm_map m;
    assert_int_equal(vlm_files_open(&m, &f, "config.json", 1, &err), VLM_ERR_LIMIT);
    assert_int_equal(vlm_files_open(&m, &f, "config.json", 2, &err), VLM_OK);
    vlm_files_close(&m, &f);
    assert_int_equal(vlm_files_open(&m, &f, "nothing", 2, &err), VLM_ERR_IO);
    vlm_files_free(&f);
    memory[0].data = NULL;
    assert_int_equal(vlm_files_init(&f, &vlm_mem_system, NULL, memory, 2, false, &err),
                     VLM_ERR_ARGUMENT);
    memory[0] = (vlm_file){NULL, "", 0};
    assert_int_equal(vlm_files_init(&f, &vlm_mem_system, NULL, memory, 2, false, &err),
                     VLM_ERR_ARGUMENT);
    memory[0] = (vlm_file){"empty", NULL, 0}; /* no bytes need no address */
    assert_int_equal(vlm_files_init(&f, &vlm_mem_system, NULL, memory, 2, false, &err), VLM_OK);
    vlm_files_free(&f);
    assert_int_equal(vlm_files_init(&f, &vlm_mem_system, NULL, NULL, 0, false, &err),
                     VLM_ERR_ARGUMENT);
}

static void refuses_directories(void **state)
{
    (void)state;
    struct vlm_files f;
    vlm_error err;
    char path[128], expected[256];
    snprintf(expected, sizeof expected, "%s: no model.safetensors or " INDEX, dir);
    assert_refused(VLM_ERR_IO, expected);
    assert_true(vlm_files_init(&f, &vlm_mem_system, "/nonexistent/x", NULL, 0, false, &err) < 0);
    assert_string_equal(err.message,
                        "/nonexistent/x: nothing of that name, expected a model directory");
    put_text("m.gguf", "GGUF");
    snprintf(path, sizeof path, "%s/m.gguf", dir);
    assert_true(vlm_files_init(&f, &vlm_mem_system, path, NULL, 0, false, &err) < 0);
    assert_non_null(strstr(err.message, "not a directory"));
    assert_true(vlm_files_init(&f, &vlm_mem_system, "", NULL, 0, false, &err) < 0);
}

/* M25: what an index may lie about. */
static void refuses_indexes(void **state)
{
    (void)state;
    static const struct {
        const char *index, *says;
    } cases[] = {
        {"", "JSON"},
        {"[]", "weight_map"},
        {"{}", "weight_map"},
        {"{\"weight_map\":{}}", "weight_map"},
        {"{\"weight_map\":[]}", "weight_map"},
        {"{\"weight_map\":{\"a\":1}}", "weight_map"},
        {"{\"weight_map\":{\"a\":\"x\"},\"weight_map\":{\"b\":\"x\"}}", "weight_map"},
        {"{\"weight_map\":{\"a\":\"" SHARD2 "\"}} x", "behind the document"},
        {"{\"weight_map\":{\"a\":\"../../x\"}}", "shard \"../../x\""},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "shard \"/etc/passwd\""},
        {"{\"weight_map\":{\"a\":\"sub/x\"}}", "shard \"sub/x\""},
        {"{\"weight_map\":{\"a\":\"..\"}}", "shard \"..\""},
        {"{\"weight_map\":{\"a\":\".\"}}", "shard \".\""},
        {"{\"weight_map\":{\"a\":\"sub\\\\x\"}}", "shard \"sub\\x\""},
        {"{\"weight_map\":{\"a\":\"\"}}", "shard \"\""},
        {"{\"weight_map\":{\"a\":\"x\\u0000y\"}}", "zero byte"},
        {"{\"weight_map\":{\"a\\u0000\":\"x\"}}", "zero byte"},
        {"{\"weight_map\":{\"a\":\"missing.safetensors\"}}",
         "shard missing.safetensors is missing"},
        {"{\"weight_map\":{\"a\":\"" SHARD2 "\",\"a\":\"" SHARD2 "\"}}", "tensor a is there twice"},
        {"{\"weight_map\":{\"a\":\"" SHARD2 "\",\"z\":\"" SHARD2 "\"}}",
         "tensor z is not in shard " SHARD2},
        {"{\"weight_map\":{\"b\":\"" SHARD1 "\"}}", "tensor d in shard " SHARD1 " is not listed"},
        {"{\"weight_map\":{\"a\":\"" SHARD1 "\",\"b\":\"" SHARD1 "\",\"d\":\"" SHARD1 "\"}}",
         "tensor a is not in"},
        {"{\"weight_map\":{\"a\":\"" SHARD1 "\",\"b\":\"" SHARD1 "\",\"d\":\"" SHARD2 "\"}}",
         "tensor a in shard"},
        {"{\"weight_map\":{\"a\":\"" INDEX "\"}}", INDEX},
        {"{\"weight_map\":{\"e\":\"empty\"}}", "empty: 0 bytes"},
        {"{\"weight_map\":{\"a\":\"" SHARD2 "\",\"b\":\"copy\"}}", "tensor a in two"},
    };
    put_two_shards();
    put_text("empty", "");
    put_shard("copy", "{" T("a", F32("[1]", "[0,4]")) "," T("b", F32("[0]", "[4,4]")) "}", 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text(INDEX, cases[i].index);
        if (!strcmp(cases[i].says, "tensor a in two"))
            assert_refused(VLM_ERR_FORMAT, "tensor a is in two shards");
        else
            assert_refused(0, cases[i].says);
    }
    /* more shards than allowed; the limit itself fails only because they are missing */
    static char text[VLM_LIMIT_SHARDS * 20 + 100];
    for (size_t over = 0; over < 2; over++) {
        size_t n = (size_t)sprintf(text, "{\"weight_map\":{");
        for (size_t i = 0; i < VLM_LIMIT_SHARDS + over; i++)
            n += (size_t)sprintf(text + n, "%s\"%zu\":\"%zu\"", i ? "," : "", i, i);
        strcpy(text + n, "}}");
        put_text(INDEX, text);
        assert_refused(over ? VLM_ERR_LIMIT : VLM_ERR_IO,
                       over ? "more than 1024 shards" : "is missing");
    }
    static char name[3 * VLM_LIMIT_TENSOR_NAME_BYTES];
    memset(name, 'n', sizeof name - 1);
    snprintf(text, sizeof text, "{\"weight_map\":{\"%s\":\"x\"}}", name);
    put_text(INDEX, text);
    assert_refused(VLM_ERR_LIMIT, "longer than");
    /* more tensors than allowed, in the index and in all shards */
    char *large = malloc(VLM_LIMIT_TENSORS * 20 + 100), *big[2];
    size_t at = (size_t)sprintf(large, "{\"weight_map\":{\"x\":\"y\"");
    for (size_t i = 0; i < VLM_LIMIT_TENSORS; i++)
        at += (size_t)sprintf(large + at, ",\"%zu\":\"y\"", i);
    strcpy(large + at, "}}");
    put_text(INDEX, large);
    assert_refused(VLM_ERR_LIMIT, "more than 65536 tensors");
    free(large);
    for (size_t i = 0; i < 2; i++) {
        size_t size;
        big[i] = many(VLM_LIMIT_TENSORS / 2 + i, &size);
        put(i ? SHARD2 : SHARD1, big[i], size);
        free(big[i]);
    }
    put_text(INDEX, "{\"weight_map\":{\"0\":\"" SHARD1 "\",\"1\":\"" SHARD2 "\"}}");
    assert_refused(VLM_ERR_LIMIT, "more than 65536 tensors in all shards");
    /* no file that can be opened */
    char path[128];
    snprintf(path, sizeof path, "%s/" INDEX, dir);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(VLM_ERR_IO, INDEX ": is a FIFO");
    unlink(path);
    /* a shard cut by one byte */
    put_two_shards();
    put_shard(SHARD2, "{" T("a", F32("[3]", "[0,12]")) "}", 11);
    assert_refused(VLM_ERR_FORMAT, SHARD2 ": tensor a");
}

/* M26: what may lie where a file should. */
static void refuses_strange_files(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(VLM_ERR_IO, "model.safetensors: is a FIFO");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(VLM_ERR_IO, "is a directory");
    rmdir(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_refused(VLM_ERR_IO, "is a device");
    unlink(path);
    assert_int_equal(symlink("model.safetensors", path), 0);
    assert_refused(VLM_ERR_IO, "model.safetensors");
    unlink(path);
    put_text("model.safetensors", "");
    assert_refused(VLM_ERR_FORMAT, "0 bytes, expected a safetensors file");
    put_text("model.safetensors", "PK\x03\x04 this is a zip file, is it not?");
    assert_refused(VLM_ERR_LIMIT, "is it a safetensors file?");
    int fd = open(path, O_WRONLY);
    off_t huge = INT64_MAX;
    while (huge > 0 && ftruncate(fd, huge) != 0) /* the largest hole this file system allows */
        huge /= 2;
    close(fd);
    assert_refused(0, "model.safetensors");
    put("model.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
    fd = open(path, O_WRONLY);
    huge = INT64_MAX;
    while (huge > 0 && ftruncate(fd, huge) != 0)
        huge /= 2;
    close(fd);
    assert_refused(0, "model.safetensors");
}

/* Every allocation fails once: an error each time, nothing leaked, and then the same table. */
static void out_of_memory(void **state)
{
    (void)state;
    put_two_shards();
    int failed = 0, ended = 0; /* mapped, then copied */
    for (long long at = 1; ended < 2; at++) {
        struct heap heap = {.fail_at = at, .fail_count = 1};
        vlm_allocator a = heap_allocator(&heap);
        struct vlm_files f;
        struct vlm_weights w;
        vlm_error err;
        int rc = vlm_files_init(&f, &a, dir, NULL, 0, ended == 1, &err);
        if (rc == VLM_OK && (rc = vlm_weights_open(&w, &f, &err)) == VLM_OK) {
            assert_int_equal(w.n_tensors, 3);
            vlm_weights_close(&w);
        }
        vlm_files_free(&f);
        assert_int_equal(heap.blocks, 0);
        assert_int_equal(heap.errors, 0);
        if (rc == VLM_OK && heap.calls < at) {
            ended++;
            at = 0;
            continue;
        }
        assert_int_equal(rc, VLM_ERR_MEMORY);
        failed++;
    }
    assert_true(failed > 20);
}

static void labels(void **state)
{
    (void)state;
    struct vlm_label l;
    struct vlm_files f = {.dir = (char *)(uintptr_t) "models/x"};
    assert_string_equal(vlm_files_label(&l, &f, "a"), "models/x/a");
    assert_string_equal(vlm_files_label(&l, &f, ""), "models/x");
    f.dir = (char *)(uintptr_t) "models/x/";
    assert_string_equal(vlm_files_label(&l, &f, "a"), "models/x/a");
    f.dir = NULL;
    assert_string_equal(vlm_files_label(&l, &f, "a"), "a");
    char longer[300];
    for (size_t n = 90; n < 250; n++) {
        for (size_t i = 0; i < n; i++)
            longer[i] = "\xe2\x82\xac"[i % 3];
        longer[n] = 0;
        f.dir = longer;
        vlm_files_label(&l, &f, "config.json");
        size_t used = strlen(l.text);
        assert_true(used < sizeof l.text && !strcmp(l.text + used - 12, "/config.json"));
        if (n + 12 >= sizeof l.text)
            assert_true(!memcmp(l.text, "...", 3) && ((unsigned char)l.text[3] & 0xC0) != 0x80);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses_headers),
        cmocka_unit_test(refuses_lengths),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(limits),
        cmocka_unit_test(lists_files),
        cmocka_unit_test_setup_teardown(opens_models, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_directories, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_indexes, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_strange_files, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(out_of_memory, make_dir, remove_dir),
        cmocka_unit_test(labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
