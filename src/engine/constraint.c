/* constraint.c: constraints of the public header on this engine's vocabulary.  A constraint's
 * matcher changes with use; only the caller whose turn it is to compute uses it. */
#include <string.h>

#include "engine/session.h"

struct vlm_constraint {
    const vlm_engine *engine;
    struct vlm_grammar *grammar;
    struct vlm_matcher *matcher;
    uint32_t *begin; /* [vocab + 1] */
    uint8_t *bytes;
};

/* The bytes of every token that is text; control tokens have none. */
static int make_vocabulary(struct vlm_constraint *c, struct vlm_vocabulary *v, vlm_error *err)
{
    const vlm_engine *e = c->engine;
    size_t vocab = e->config.text.vocab, total = 0;
    c->begin = vlm_mem_alloc(&e->alloc, vocab + 1, sizeof *c->begin);
    for (int pass = 0; c->begin && pass < 2; pass++) {
        for (size_t id = 0, at = 0; id < vocab; id++) {
            const char *bytes;
            size_t n = 0;
            bool special = true;
            if (!vlm_token_bytes(e->tok, (int32_t)id, &bytes, &n, &special) || special ||
                n > VLM_CONSTRAIN_TOKEN_BYTES)
                n = 0;
            if (pass == 1 && n > 0)
                memcpy(c->bytes + at, bytes, n);
            c->begin[id] = (uint32_t)at;
            at += n;
            c->begin[id + 1] = (uint32_t)at;
            total = at;
        }
        if (pass == 0)
            c->bytes = vlm_mem_alloc(&e->alloc, total, 1);
        if (!c->bytes)
            break;
    }
    if (!c->begin || !c->bytes)
        return vlm_fail_memory(err, total + vocab * sizeof *c->begin, "a constraint");
    *v = (struct vlm_vocabulary){vocab, c->begin, c->bytes};
    return VLM_OK;
}

typedef int compile_fn(struct vlm_grammar **, const vlm_allocator *, const char *, size_t,
                       vlm_error *);

static int open_constraint(vlm_constraint **out, const vlm_engine *e, compile_fn *compile,
                           const char *source, size_t n, vlm_error *err)
{
    struct vlm_vocabulary v;
    int rc = vlm_engine_need_model(e, err);
    if (rc < 0)
        return rc;
    struct vlm_constraint *c = vlm_mem_zalloc(&e->alloc, 1, sizeof *c);
    if (!c)
        return vlm_engine_explain(e, vlm_fail_memory(err, sizeof *c, "a constraint"), err);
    c->engine = e;
    rc = compile(&c->grammar, &e->alloc, source, n, err);
    if (rc == VLM_OK)
        rc = make_vocabulary(c, &v, err);
    if (rc == VLM_OK)
        rc = vlm_matcher_open(&c->matcher, &e->alloc, c->grammar, &v, err);
    if (rc < 0) {
        vlm_constraint_close(c);
        return vlm_engine_explain(e, rc, err);
    }
    *out = c;
    return VLM_OK;
}

int vlm_constraint_from_json_schema(vlm_constraint **out, const vlm_engine *engine,
                                    const char *schema, size_t n, vlm_error *err)
{
    return open_constraint(out, engine, vlm_grammar_from_schema, schema, n, err);
}

int vlm_constraint_from_regex(vlm_constraint **out, const vlm_engine *engine, const char *pattern,
                              size_t n, vlm_error *err)
{
    return open_constraint(out, engine, vlm_grammar_from_regex, pattern, n, err);
}

void vlm_constraint_close(vlm_constraint *c)
{
    if (!c)
        return;
    const vlm_allocator *a = &c->engine->alloc;
    vlm_matcher_close(c->matcher);
    vlm_grammar_free(c->grammar);
    vlm_mem_free(a, c->begin);
    vlm_mem_free(a, c->bytes);
    vlm_mem_free(a, c);
}

const vlm_engine *vlm_engine_constraint_engine(const vlm_constraint *c)
{
    return c->engine;
}

bool vlm_engine_constraint_room(vlm_session *s, size_t n_tokens)
{
    return !s->options.constraint ||
           vlm_buf_reserve(&s->said, n_tokens * VLM_CONSTRAIN_TOKEN_BYTES + 1);
}

void vlm_engine_constraint_start(vlm_session *s)
{
    vlm_buf_clear(&s->said);
    vlm_engine_enter(s->engine); /* another session's step may be moving the matcher */
    s->place = vlm_matcher_start(s->options.constraint->matcher);
    vlm_engine_leave(s->engine);
}

int vlm_engine_constraint_find(vlm_session *s, struct vlm_place *out, const char *text, size_t n,
                               vlm_error *err)
{
    vlm_engine_enter(s->engine);
    int rc = vlm_matcher_find(out, s->options.constraint->matcher, text, n, err);
    vlm_engine_leave(s->engine);
    return rc;
}

const uint64_t *vlm_engine_constraint_mask(vlm_session *s, bool *may_end, int *rc)
{
    struct vlm_matcher *m = s->options.constraint->matcher;
    for (int attempt = 0; attempt < 2; attempt++) { /* the second with states forgotten */
        if (vlm_matcher_stale(m, s->place)) {
            *rc = vlm_matcher_find(&s->place, m, s->said.data, s->said.n, &s->error);
            if (*rc < 0)
                return NULL;
        }
        const uint64_t *mask = vlm_matcher_mask(m, s->place, may_end);
        if (mask)
            return mask;
    }
    *rc = vlm_fail(&s->error, VLM_ERR_LIMIT,
                   "the constraint has more states at one place than can be kept");
    return NULL;
}

int vlm_engine_constraint_add(vlm_session *s, const char *bytes, size_t n)
{
    struct vlm_matcher *m = s->options.constraint->matcher;
    if (!vlm_buf_append(&s->said, bytes, n))
        return vlm_fail_memory(&s->error, n, "an answer");
    if (vlm_matcher_advance(m, &s->place, bytes, n) || vlm_matcher_stale(m, s->place))
        return VLM_OK;
    return vlm_fail(&s->error, VLM_ERR_ARGUMENT, "a token that the constraint does not allow");
}
