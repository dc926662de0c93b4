/* abuse_malloc.c: the C library's malloc fails at its n-th call, for every n of a whole run, so
 * that the third-party libraries (jansson, pcre2, libjpeg, libpng), which know no allocator of
 * ours, are met too. Every failure must end in an error and leave nothing behind.  glibc, and no
 * sanitizer. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CANNOT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CANNOT
#endif
#endif

#ifdef CANNOT
int main(void)
{
    puts("skip: abuse.malloc, this build has a malloc of its own");
    return 77;
}
#else

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static long long calls, fail_at, blocks;
static int counting;

static int refuse(void)
{
    if (!counting || ++calls != fail_at)
        return 0;
    errno = ENOMEM;
    return 1;
}

/* What is taken before counting begins (stdio, the test's own files) is not counted when it is
 * freed: only one thread runs, and the run frees only what it took. */
void *malloc(size_t n)
{
    void *p = refuse() ? NULL : __libc_malloc(n);
    blocks += counting && p;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = refuse() ? NULL : __libc_calloc(n, size);
    blocks += counting && p;
    return p;
}

void *realloc(void *old, size_t n)
{
    if (n == 0) {
        free(old);
        return NULL;
    }
    void *p = refuse() ? NULL : __libc_realloc(old, n);
    blocks += counting && p && !old;
    return p;
}

void free(void *p)
{
    blocks -= counting && p;
    __libc_free(p);
}

static struct test_model model;
static char *pictures[2];
static size_t n_picture[2];

/* Returns the first failure, or 0; *at says where. */
static int run(const char **at, vlm_error *err)
{
    static int32_t ids[64];
    vlm_engine *engine = NULL;
    vlm_session *session = NULL;
    vlm_image *image[2] = {NULL, NULL};
    vlm_engine_options eo;
    vlm_session_options so;
    vlm_token token;
    size_t n;
    vlm_engine_options_init(&eo);
    vlm_session_options_init(&so);
    eo.n_threads = 1;
    so.max_tokens = 3;
    *at = "open";
    int rc = vlm_engine_open_files(&engine, model.files, model.n, &eo, err);
    if (rc == VLM_OK) {
        *at = "tokenize";
        rc = vlm_tokenize(engine, "Hello  w\xc3\xb6rld 123", 18, 0, ids, 64, &n, err);
    }
    for (int i = 0; i < 2 && rc == VLM_OK; i++) {
        *at = i ? "png" : "jpeg";
        rc = vlm_image_decode(&image[i], engine, pictures[i], n_picture[i], *at, err);
    }
    if (rc == VLM_OK) {
        *at = "session";
        rc = vlm_session_open(&session, engine, &so, err);
    }
    if (rc == VLM_OK) {
        vlm_part parts[2] = {vlm_part_image(image[0]), vlm_part_text("What is the total?")};
        vlm_message message = {.role = "user", .parts = parts, .n_parts = 2};
        *at = "sync";
        rc = vlm_session_sync(session, &message, 1, err);
    }
    if (rc == VLM_OK)
        *at = "next";
    while (rc == VLM_OK && (rc = vlm_session_next(session, &token, err)) == VLM_OK)
        ;
    vlm_session_close(session);
    vlm_image_close(image[0]);
    vlm_image_close(image[1]);
    vlm_engine_close(engine);
    return rc < 0 ? rc : 0;
}

int main(void)
{
    test_model_load(&model, VLM_TEST_DATA "/golden/v1-tokens/model");
    pictures[0] = test_read(VLM_TEST_DATA "/golden/v1-tokens/split/a.jpg", &n_picture[0]);
    pictures[1] = test_read(VLM_TEST_DATA "/golden/v1-tokens/wide/wide.png", &n_picture[1]);
    const char *at;
    vlm_error err;
    if (run(&at, &err) < 0) {
        printf("undisturbed, %s: %s\n", at, err.message);
        return 1;
    }
    long long n_failed = 0;
    int bad = 0;
    for (fail_at = 1;; fail_at++) {
        calls = blocks = 0;
        memset(&err, 0, sizeof err);
        counting = 1;
        int rc = run(&at, &err);
        counting = 0;
        if (blocks != 0) {
            printf("malloc %lld fails in %s: %lld blocks not freed (%s)\n", fail_at, at, blocks,
                   err.message);
            bad++;
        }
        if (rc == 0 && calls < fail_at)
            break;
        n_failed += rc < 0;
        if (rc == 0) { /* some libraries do without: then the run must still have ended well */
            continue;
        }
        if (rc != VLM_ERR_MEMORY || !err.message[0] || strchr(err.message, '\n')) {
            printf("malloc %lld fails in %s: status %d, %s\n", fail_at, at, rc, err.message);
            bad++;
        }
        if (bad > 20)
            break;
    }
    printf("%lld calls of malloc, %lld reported failures, %d bad\n", calls, n_failed, bad);
    return bad || n_failed < 20 ? 1 : 0;
}
#endif
