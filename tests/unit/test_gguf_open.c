/* test_gguf_open.c: a GGUF model, one file or parts, from a directory or memory; group M26. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../abuse/gguf_text.h"
#include "../abuse/heap.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/gguf.h"

#define HEAD GGUF_HEAD
#define U32 GGUF_U32
#define VECTOR GGUF_VECTOR

static uint8_t bytes[1 << 12];
static char dir[64];

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    size_t n = gguf_from_text(bytes, text);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/vlm-test-gguf.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static struct vlm_files files;
static struct vlm_gguf g;
static vlm_error err;
static struct vlm_weights w;

static int open_model(const char *name, bool no_mmap)
{
    memset(&err, 0, sizeof err);
    int rc = vlm_files_init(&files, &vlm_mem_system, dir, NULL, 0, no_mmap, &err);
    assert_int_equal(rc, VLM_OK);
    rc = vlm_weights_open_gguf(&w, &g, &files, name, &err);
    if (rc < 0)
        vlm_files_free(&files);
    return rc;
}

static void close_model(void)
{
    vlm_gguf_free(&g);
    vlm_weights_close(&w);
    vlm_files_free(&files);
}

#define PART(i, n) "m-0000" #i "-of-0000" #n ".gguf"

static void put_three(void)
{
    put(PART(1, 3), HEAD(1, 4) GGUF_STRING("general.architecture", "llama") GGUF_SPLIT(0, 3, 3)
                        VECTOR("c", 1, 0) "data:4");
    put(PART(2, 3), HEAD(2, 3) GGUF_SPLIT(1, 3, 3) VECTOR("d", 8, 0) VECTOR("a", 2, 32) "data:40");
    put(PART(3, 3), HEAD(0, 3) GGUF_SPLIT(2, 3, 3));
}

static void opens_models(void **state)
{
    (void)state;
    put("one.gguf", HEAD(2, 1) U32("k", 7) VECTOR("b", 8, 0) VECTOR("a", 2, 32) "data:40");
    for (int no_mmap = 0; no_mmap < 2; no_mmap++) {
        assert_int_equal(open_model("one.gguf", no_mmap), VLM_OK);
        assert_true(w.n_files == 1 && w.n_tensors == 2 && w.bytes == 40 && g.n_pairs == 1);
        assert_int_equal(w.files[0].map.mapped, !no_mmap);
        assert_string_equal(w.tensors[0].name, "a"); /* by name */
        assert_ptr_equal(vlm_weights_find(&w, "b"), &w.tensors[1]);
        assert_int_equal(vlm_weights_find(&w, "a")->data[0], 32);
        assert_null(vlm_weights_find(&w, "c"));
        uint64_t u;
        char expected[200];
        snprintf(expected, sizeof expected, "%s/one.gguf: no key none", dir);
        assert_int_equal(vlm_gguf_get_u64(&u, &g, "none", false, 0, 1, &err), VLM_ERR_FORMAT);
        assert_string_equal(err.message, expected);
        close_model();
    }
    put_three();
    static const char *const parts[] = {PART(1, 3), PART(2, 3), PART(3, 3)};
    for (size_t i = 0; i < 3; i++) { /* any part names the model */
        assert_int_equal(open_model(parts[i], false), VLM_OK);
        assert_true(w.n_files == 3 && w.n_tensors == 3 && w.bytes == 44);
        assert_non_null(vlm_gguf_find(&g, "general.architecture"));
        assert_int_equal(vlm_weights_find(&w, "a")->file, 1);
        assert_int_equal(vlm_weights_find(&w, "a")->data[0], 32);
        assert_int_equal(vlm_weights_find(&w, "c")->file, 0);
        assert_string_equal(w.files[1].name, parts[1]);
        close_model();
    }
    /* a part of one: its keys may be missing or say so; one file may say that it is all */
    put(PART(1, 1), HEAD(1, 0) VECTOR("c", 1, 0) "data:4");
    assert_int_equal(open_model(PART(1, 1), false), VLM_OK);
    close_model();
    put(PART(1, 1), HEAD(1, 3) GGUF_SPLIT(0, 1, 1) VECTOR("c", 1, 0) "data:4");
    assert_int_equal(open_model(PART(1, 1), false), VLM_OK);
    close_model();
    put("one.gguf", HEAD(1, 3) GGUF_SPLIT(0, 0, 1) VECTOR("c", 1, 0) "data:4");
    assert_int_equal(open_model("one.gguf", false), VLM_OK);
    close_model();
    /* digits elsewhere in a name are no part */
    put("m-00001-of-0000x.gguf", HEAD(1, 0) VECTOR("c", 1, 0) "data:4");
    assert_int_equal(open_model("m-00001-of-0000x.gguf", false), VLM_OK);
    close_model();
    put("m-0000+-of-00002.gguf", HEAD(1, 0) VECTOR("c", 1, 0) "data:4");
    assert_int_equal(open_model("m-0000+-of-00002.gguf", false), VLM_OK);
    close_model();
    /* from memory */
    size_t n = gguf_from_text(bytes, HEAD(1, 0) VECTOR("c", 1, 0) "data:4");
    vlm_file memory[] = {{"x.gguf", bytes, n}};
    assert_int_equal(vlm_files_init(&files, &vlm_mem_system, NULL, memory, 1, false, &err), VLM_OK);
    assert_int_equal(vlm_weights_open_gguf(&w, &g, &files, "x.gguf", &err), VLM_OK);
    assert_ptr_equal(w.tensors[0].data, bytes + n - 4);
    close_model();
}

static void assert_refused(const char *name, int status, const char *says)
{
    int rc = open_model(name, false);
    if (rc >= 0 || (status && rc != status) || !strstr(err.message, says) ||
        strchr(err.message, '\n'))
        fail_msg("%s gave %d: %s\nexpected %d: %s", name, rc, rc < 0 ? err.message : "(opened)",
                 status, says);
    assert_true(!w.source && !w.tensors && !g.pairs);
}

static void refuses_parts(void **state)
{
    (void)state;
    char path[128], other[128];
    put_three();
    snprintf(path, sizeof path, "%s/" PART(2, 3), dir);
    unlink(path);
    assert_refused(PART(1, 3), VLM_ERR_IO, PART(2, 3) ": part 2 of 3 is missing");
    snprintf(other, sizeof other, "%s/" PART(1, 3), dir);
    assert_int_equal(link(other, path), 0); /* part 1 twice */
    assert_refused(PART(1, 3), VLM_ERR_FORMAT,
                   PART(2, 3) ": says it is part 1 of 3, expected 2 of 3 as its name says");
    unlink(path);
    put(PART(2, 3), HEAD(2, 3) GGUF_SPLIT(1, 4, 3) VECTOR("d", 8, 0) VECTOR("a", 2, 32) "data:40");
    assert_refused(PART(3, 3), VLM_ERR_FORMAT, "says it is part 2 of 4, expected 2 of 3");
    put(PART(2, 3), HEAD(2, 3) GGUF_SPLIT(1, 3, 4) VECTOR("d", 8, 0) VECTOR("a", 2, 32) "data:40");
    assert_refused(PART(3, 3), VLM_ERR_FORMAT,
                   PART(2, 3) ": key split.tensors.count: 4, expected 3 as in the first part");
    put(PART(2, 3), HEAD(1, 3) GGUF_SPLIT(1, 3, 3) VECTOR("d", 8, 0) "data:32");
    assert_refused(PART(3, 3), VLM_ERR_FORMAT, "2 tensors in all parts, expected 3");
    put(PART(2, 3), HEAD(2, 3) GGUF_SPLIT(1, 3, 3) VECTOR("d", 8, 0) VECTOR("c", 2, 32) "data:40");
    assert_refused(PART(3, 3), VLM_ERR_FORMAT, "tensor c is in two parts");
    put(PART(2, 3), HEAD(2, 0) VECTOR("d", 8, 0) VECTOR("a", 2, 32) "data:40");
    assert_refused(PART(3, 3), VLM_ERR_FORMAT, PART(2, 3) ": no key split.count");
    put(PART(2, 3),
        HEAD(2, 1) GGUF_STRING("split.count", "3") VECTOR("d", 8, 0) VECTOR("a", 2, 32) "data:40");
    assert_refused(PART(3, 3), VLM_ERR_FORMAT, PART(2, 3) ": key split.count: a string");
    put(PART(2, 3), "r:GGUF");
    assert_refused(PART(3, 3), VLM_ERR_FORMAT, PART(2, 3) ": 4 bytes");
    put("lone.gguf", HEAD(1, 3) GGUF_SPLIT(1, 3, 3) VECTOR("d", 8, 0) "data:32");
    assert_refused("lone.gguf", VLM_ERR_FORMAT,
                   "lone.gguf: a part of a model of 3, expected a name "
                   "ending in -00002-of-00003.gguf");
    static const char *const names[] = {"m-00000-of-00003.gguf", "m-00004-of-00003.gguf",
                                        "m-00001-of-00000.gguf"};
    for (size_t i = 0; i < 3; i++)
        assert_refused(names[i], VLM_ERR_FORMAT, i == 1 ? "part 4 of 3" : "expected 1 to");
    /* the most parts: refused only because the first is missing */
    for (size_t over = 0; over < 2; over++) {
        snprintf(path, sizeof path, "x-00001-of-%05d.gguf", (int)(VLM_LIMIT_SHARDS + over));
        assert_refused(path, over ? VLM_ERR_LIMIT : VLM_ERR_IO,
                       over ? "1025 parts, the limit is 1024" : "part 1 of 1024 is missing");
    }
}

/* M26: what may lie where a file should; holes read as zeros, which are strings of no bytes. */
static void refuses_strange_files(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/s.gguf", dir);
    assert_refused("s.gguf", VLM_ERR_IO, "s.gguf");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused("s.gguf", VLM_ERR_IO, "s.gguf: is a FIFO");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused("s.gguf", VLM_ERR_IO, "is a directory");
    rmdir(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_refused("s.gguf", VLM_ERR_IO, "is a device");
    unlink(path);
    assert_int_equal(symlink("s.gguf", path), 0);
    assert_refused("s.gguf", VLM_ERR_IO, "s.gguf");
    unlink(path);
    static const char *const heads[] = {
        "", HEAD(0, 1) "s:a 4:9 4:8 8:0x1000000000", HEAD(0, 1) "s:a 4:9 4:8 8:8388608",
        HEAD(1, 0) "s:t 4:1 8:8 4:0 8:0", HEAD(1, 1) "s:a 4:9 4:0 8:0x8000000000"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        put("s.gguf", heads[i]);
        if (truncate(path, (off_t)1 << 43) != 0) {
            print_message("a sparse file of 8 TiB is refused here\n");
            return;
        }
        if (i == 2) { /* nothing wrong with it: 64 MB of strings of no bytes */
            assert_int_equal(open_model("s.gguf", false), VLM_OK);
            close_model();
        } else {
            assert_refused("s.gguf", 0, "s.gguf: ");
        }
    }
    unlink(path);
}

/* Every allocation fails once: an error each time, nothing leaked, and then the same tables. */
static void out_of_memory(void **state)
{
    (void)state;
    put_three();
    int failed = 0, ended = 0; /* mapped, then copied */
    for (long long at = 1; ended < 2; at++) {
        struct heap heap = {.fail_at = at, .fail_count = 1};
        vlm_allocator a = heap_allocator(&heap);
        assert_true(at < 1000);
        int rc = vlm_files_init(&files, &a, dir, NULL, 0, ended == 1, &err);
        if (rc == VLM_OK &&
            (rc = vlm_weights_open_gguf(&w, &g, &files, PART(2, 3), &err)) == VLM_OK) {
            assert_int_equal(w.n_tensors, 3);
            vlm_gguf_free(&g);
            vlm_weights_close(&w);
        }
        vlm_files_free(&files);
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

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens_models, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_parts, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_strange_files, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(out_of_memory, make_dir, remove_dir),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
