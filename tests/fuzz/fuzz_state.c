/* fuzz_state.c: files of saved sessions.  A true file is made once; the input is laid over it, from
 * the counts of its header on (what stands before tells models and machines apart), and sealed
 * again, so that the hash does not keep everything out.  What loads is used: it goes on, is forked,
 * saved and asked again.
 *
 * The first byte: 1 seals, 2 makes the length what the counts say, 4 lays over from the beginning,
 * 8 keeps keys and values in Q8_0, 16 in Q4_0. */
#include <sys/mman.h>
#include <unistd.h>

#include "../abuse/model.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COUNTS = 88, HEADER = 144, HASH = 32, CAP = 1 << 19 };

static vlm_engine *engine;
static vlm_session *sessions[3];
static vlm_part part;
static vlm_message message;
static uint8_t bases[3][CAP], file[CAP];
static size_t n_bases[3];
static char path[64];
static int fd;

static void must(int rc, const vlm_error *err)
{
    if (rc < 0)
        test_die("fuzz_state", err->message);
}

/* A session with keys and values of a type, and the file that it is saved to. */
static void make_session(int i, vlm_kv_type type)
{
    vlm_error err;
    vlm_session_options so;
    vlm_token t;
    vlm_session_options_init(&so);
    so.max_tokens = 4;
    so.presence_penalty = 1;
    so.kv_type = type;
    must(vlm_session_open(&sessions[i], engine, &so, &err), &err);
    must(vlm_session_sync(sessions[i], &message, 1, &err), &err);
    must(vlm_session_next(sessions[i], &t, &err), &err);
    char real[] = "/tmp/fuzz-state-XXXXXX";
    int temp = mkstemp(real);
    must(vlm_session_save(sessions[i], real, &err), &err);
    char *saved = test_read(real, &n_bases[i]);
    if (n_bases[i] > CAP || n_bases[i] < HEADER + HASH)
        test_die(real, "not the size that was thought");
    memcpy(bases[i], saved, n_bases[i]);
    free(saved);
    unlink(real);
    close(temp);
}

static void set(void)
{
    vlm_error err;
    vlm_engine_options eo;
    static struct test_model model;
    test_model_load(&model, VLM_TEST_DATA "/golden/v1-tokens/model");
    vlm_engine_options_init(&eo);
    eo.n_threads = 1;
    must(vlm_engine_open_files(&engine, model.files, model.n, &eo, &err), &err);
    part = vlm_part_text("hi 1\n");
    message = (vlm_message){.role = "user", .parts = &part, .n_parts = 1};
    make_session(0, VLM_KV_F32);
    make_session(1, VLM_KV_Q8_0);
    make_session(2, VLM_KV_Q4_0);
    fd = memfd_create("state", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
}

static uint64_t count(size_t i)
{
    uint64_t v;
    memcpy(&v, file + COUNTS + 8 * i, sizeof v);
    return v;
}

/* Puts the blocks of the true file behind what the counts ask for, if that fits. */
static size_t fit(size_t n_base)
{
    uint64_t block, n_ids = count(0), n_done = count(2), n_pictures = count(3), pending = count(6);
    memcpy(&block, file + 80, sizeof block);
    if (n_ids > 4096 || n_done > 4096 || n_pictures > 64 || pending > 4096 || block > CAP)
        return n_base;
    uint64_t meta = HEADER + 4 * n_ids + 72 * n_pictures + pending,
             n = meta + (n_done + 255) / 256 * block + HASH;
    if (n > CAP)
        return n_base;
    memset(file + meta, 1, (size_t)(n - meta));
    memcpy(file + 16, &n, sizeof n);
    return (size_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlm_error err = {.status = 0};
    vlm_token t;
    vlm_session *other = NULL;
    if (!engine)
        set();
    int mode = size ? data[0] : 0, type = mode & 8 ? 1 : mode & 16 ? 2 : 0;
    vlm_session *session = sessions[type];
    const uint8_t *base = bases[type];
    const size_t n_base = n_bases[type];
    size_t at = mode & 4 ? 0 : COUNTS, n = n_base, over = size ? size - 1 : 0;
    memcpy(file, base, n_base);
    if (over > n_base - HASH - at)
        over = n_base - HASH - at;
    if (over)
        memcpy(file + at, data + 1, over);
    if (mode & 2)
        n = fit(n_base);
    if (mode & 1)
        vlm_sha256_of(file + n - HASH, file, n - HASH);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, file, n, 0) != (ssize_t)n)
        test_die(path, "cannot write");
    int rc = vlm_session_load(session, path, &err);
    if (rc == VLM_OK) {
        rc = vlm_session_fork(&other, session, NULL, &err);
        for (int i = 0; rc == VLM_OK && i < 6; i++)
            rc = vlm_session_next(other, &t, &err);
        if (rc >= 0)
            rc = vlm_session_sync(session, &message, 1, &err);
        if (rc >= 0)
            rc = vlm_session_next(session, &t, &err);
        vlm_session_close(other);
    }
    if (rc < 0 && (!err.message[0] || strchr(err.message, '\n')))
        abort();
    return 0;
}
