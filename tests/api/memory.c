/* memory.c: the account of an engine, what an estimate says of it, and budgets: of a session, of
 * all. */
#include <string.h>
#include <vlm_tools.h>

#include "check.h"

static vlm_engine *open_engine(const char *path, uint64_t max_memory)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = 2;
    o.max_memory = max_memory;
    MUST(vlm_engine_open(&e, path, &o, &err));
    return e;
}

static int ask(vlm_engine *e, const vlm_session_options *o, const char *text)
{
    vlm_session *s;
    vlm_token token;
    vlm_part part = vlm_part_text(text);
    vlm_message message = {.role = "user", .parts = &part, .n_parts = 1};
    int rc = vlm_session_open(&s, e, o, &err);
    if (rc < 0)
        return rc;
    rc = vlm_session_sync(s, &message, 1, &err);
    while (rc == VLM_OK)
        rc = vlm_session_next(s, &token, &err);
    vlm_session_close(s);
    return rc;
}

/* What is told before is what is taken, to a twentieth.  Without pictures: beside so small a tower
 * decoding them takes more than looking at them; golden.plan has them. */
static void check_estimate(const char *path, vlm_kv_type kv)
{
    vlm_engine *e = open_engine(path, 0);
    vlm_session_options o;
    vlm_estimate x;
    uint64_t used, peak, told;
    vlm_session_options_init(&o);
    o.context = 1024;
    o.max_tokens = 1;
    o.kv_type = kv;
    MUST(vlm_session_estimate_images(e, &o, NULL, 0, &x, &err));
    told = x.engine_bytes + x.kv_bytes + x.compute_bytes;
    CHECK(x.vision_bytes == 0);
    CHECK(ask(e, &o, "What is this?") == VLM_DONE);
    vlm_engine_memory(e, &used, &peak);
    printf("told %llu, taken at most %llu, held now %llu\n", (unsigned long long)told,
           (unsigned long long)peak, (unsigned long long)used);
    CHECK(used <= peak);
    CHECK(told >= peak - peak / 20 && told <= peak + peak / 20);
    vlm_engine_close(e);
}

static void check_session_budget(const char *path)
{
    vlm_engine *e = open_engine(path, 0);
    vlm_session_options o;
    vlm_session *s;
    vlm_estimate x;
    vlm_session_options_init(&o);
    o.max_tokens = 4;
    o.context = 1024;
    MUST(vlm_session_estimate(e, &o, &x, &err));
    o.max_memory = x.kv_bytes / 2;
    CHECK(vlm_session_open(&s, e, &o, &err) == VLM_ERR_MEMORY);
    CHECK(strstr(err.message, "max_memory") && strstr(err.message, "1024 positions"));
    o.max_memory = x.kv_bytes + x.compute_bytes;
    CHECK(ask(e, &o, "Hello") == VLM_DONE);
    o.context = 0; /* what each sync needs */
    o.max_memory = x.kv_bytes / 16;
    CHECK(ask(e, &o, "Hello") == VLM_ERR_MEMORY && strstr(err.message, "max_memory"));
    vlm_engine_close(e);
}

/* The engine's budget: refused by sync, with what is needed and what there is; nothing is left. */
static void check_engine_budget(const char *path)
{
    vlm_engine *e = open_engine(path, 0);
    vlm_session_options o;
    vlm_estimate x;
    uint64_t opened, before, after, peak;
    vlm_session_options_init(&o);
    o.context = 1024;
    o.max_tokens = 4;
    MUST(vlm_session_estimate_images(e, &o, NULL, 0, &x, &err));
    vlm_engine_memory(e, &opened, &peak);
    vlm_engine_close(e);
    uint64_t budget = opened + x.compute_bytes + x.kv_bytes / 2;
    e = open_engine(path, budget);
    vlm_engine_memory(e, &before, &peak);
    CHECK(ask(e, &o, "Hello") == VLM_ERR_MEMORY && strstr(err.message, "budget"));
    vlm_engine_memory(e, &after, &peak);
    CHECK(peak <= budget);
    o.context = 0;
    o.max_tokens = 900;
    CHECK(ask(e, &o, "Hello") == VLM_ERR_MEMORY && strstr(err.message, "budget") &&
          strstr(err.message, "need"));
    o.max_tokens = 4;
    CHECK(ask(e, &o, "Hello") == VLM_DONE);
    vlm_engine_close(e);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    for (int kv = VLM_KV_F32; kv <= VLM_KV_Q4_0; kv++)
        check_estimate(argv[1], (vlm_kv_type)kv);
    check_session_budget(argv[1]);
    check_engine_budget(argv[1]);
    printf(bad ? "%d not so\n" : "all so\n", bad);
    return bad != 0;
}
