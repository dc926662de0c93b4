/* kept.c: one answer, bit for bit, whether others have read the prompt before or nobody keeps
 * anything; forked in its midst; saved in its midst and loaded by another engine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "golden.h"

static vlm_engine *open_engine(const char *model, const char *isa, bool keep)
{
    vlm_engine *engine;
    vlm_error err;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.isa = isa;
    o.n_threads = 1;
    if (!keep)
        o.max_prompts = o.max_features = 0;
    if (vlm_engine_open(&engine, model, &o, &err) < 0)
        golden_die("%s: %s", model, err.message);
    return engine;
}

static vlm_session *open_session(vlm_engine *engine)
{
    vlm_session *s;
    vlm_error err;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = GOLDEN_N_GENERATE;
    o.n_logprobs = 20;
    if (vlm_session_open(&s, engine, &o, &err) < 0)
        golden_die("session: %s", err.message);
    return s;
}

static void take(struct golden_answer *a, vlm_session *s, size_t n)
{
    vlm_error err;
    vlm_token t;
    int rc = VLM_OK;
    for (size_t i = 0; i < n && (rc = vlm_session_next(s, &t, &err)) == VLM_OK; i++)
        golden_answer_add(a, &t);
    if (rc < 0)
        golden_die("next: %s", err.message);
}

static struct golden_answer ask(vlm_engine *engine, const vlm_message *messages, size_t n)
{
    vlm_session *s = open_session(engine);
    struct golden_answer a = golden_ask(s, messages, n);
    vlm_session_close(s);
    return a;
}

/* The first half here; the second by a fork, and by a session of the other engine. */
static bool halves(const char *folder, vlm_engine *engine, vlm_engine *other,
                   const vlm_message *messages, size_t n, const struct golden_answer *expected)
{
    char path[] = "/tmp/golden-kept-XXXXXX";
    vlm_error err;
    vlm_session *s = open_session(engine), *forked, *loaded = open_session(other);
    struct golden_answer a = {.hash = GOLDEN_HASH}, b, c;
    int fd = mkstemp(path);
    if (fd < 0)
        golden_die("%s: no temporary file", path);
    close(fd);
    if (vlm_session_sync(s, messages, n, &err) < 0)
        golden_die("sync: %s", err.message);
    take(&a, s, GOLDEN_N_GENERATE / 2);
    b = c = a;
    if (vlm_session_fork(&forked, s, NULL, &err) < 0 || vlm_session_save(s, path, &err) < 0 ||
        vlm_session_load(loaded, path, &err) < 0)
        golden_die("%s: %s", folder, err.message);
    unlink(path);
    take(&a, s, GOLDEN_N_GENERATE);
    take(&b, forked, GOLDEN_N_GENERATE);
    take(&c, loaded, GOLDEN_N_GENERATE);
    vlm_session_close(s);
    vlm_session_close(forked);
    vlm_session_close(loaded);
    bool ok = golden_same("forked from", folder, &a, expected);
    ok = golden_same("a fork", folder, &b, expected) && ok;
    return golden_same("saved and loaded", folder, &c, expected) && ok;
}

bool golden_kept(struct golden_case *c, const char *model, const char *isa)
{
    vlm_engine *plain = open_engine(model, isa, false), *keeps = open_engine(model, isa, true);
    vlm_message messages[CASE_MAX_MESSAGES + 2];
    char text[700];
    size_t n = c->n_messages + 2;
    for (size_t i = 0; i + 1 < sizeof text; i++) /* more than two blocks */
        text[i] = (char)(i % 7 == 6 ? ' ' : 'a' + i * i % 23);
    text[sizeof text - 1] = 0;
    vlm_part parts[2] = {vlm_part_text("Yes."), vlm_part_text(text)};
    golden_case_bind(c, plain); /* its pictures serve both */
    memcpy(messages, c->messages, c->n_messages * sizeof *messages);
    messages[n - 2] = (vlm_message){.role = "assistant", .parts = &parts[0], .n_parts = 1};
    messages[n - 1] = (vlm_message){.role = "user", .parts = &parts[1], .n_parts = 1};
    struct golden_answer expected = ask(plain, messages, n), cold = ask(keeps, messages, n),
                         warm = ask(keeps, messages, n), off = ask(plain, messages, n);
    bool ok = golden_same("read for the first time", c->folder, &cold, &expected);
    ok = golden_same("read by another session before", c->folder, &warm, &expected) && ok;
    ok = golden_same("nothing kept", c->folder, &off, &expected) && ok;
    if (cold.cached || off.cached || warm.cached < 512) {
        printf("FAILED %s: kept %zu, %zu and %zu positions, expected 0, 0 and 512\n", c->folder,
               cold.cached, off.cached, warm.cached);
        ok = false;
    }
    ok = halves(c->folder, plain, keeps, messages, n, &expected) && ok;
    ok = halves(c->folder, keeps, plain, messages, n, &expected) && ok;
    golden_case_unbind(c);
    vlm_engine_close(plain);
    vlm_engine_close(keeps);
    return ok;
}
