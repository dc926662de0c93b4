/* state.c: a session in a file: its timeline, what is said and held back, the keys and values of
 * what was computed.  Sampling needs no state: random numbers are keyed by position, penalties
 * and constraints follow from the answer's tokens.
 *
 *   header | ids | pictures | text held back | blocks | SHA-256 of all before
 *
 * Numbers are in the machine's order, which the header tells.  A file is a stranger's: it is read
 * once, into memory of its own, every number is checked before it is used, and the session changes
 * when all is well.  Its hash says that it is whole, not who wrote it: blocks that follow from a
 * file are never offered to other sessions. */
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/os_file.h"
#include "engine/session.h"

enum { SLICE = 1024 }; /* ids moved at once */
enum { VERSION = 2, ORDER = 0x01020304, HASH = 32, ISA = 16, PENDING = VLM_LIMIT_STOP_BYTES + 4 };

static const char magic[8] = {'v', 'l', 'm', '.', 's', 'e', 's', 's'};

struct header {
    char magic[8];
    uint32_t version, order;
    uint64_t bytes; /* of the file */
    uint8_t fingerprint[32];
    char isa[ISA];
    uint32_t kv_type, exact; /* as the session's and the engine's options say */
    uint64_t block_bytes;
    uint64_t n_ids, n_prompt, n_done, n_pictures, n_said, finish, n_pending;
};
struct picture {
    uint8_t hash[32];
    uint32_t plan[8];
    uint64_t n_tokens;
};
_Static_assert(sizeof(struct header) == 144 && sizeof(struct picture) == 72, "no padding");

static void begin_header(struct header *h, vlm_session *s)
{
    vlm_engine *e = s->engine;
    const char *isa = vlm_engine_isa(e);
    *h = (struct header){.version = VERSION,
                         .order = ORDER,
                         .kv_type = s->options.kv_type,
                         .exact = e->feature_files.exact != 0,
                         .block_bytes = vlm_kv_block_bytes(e->model, s->kv.type)};
    memcpy(h->magic, magic, sizeof magic);
    memcpy(h->isa, isa, vlm_min_size(strlen(isa), ISA));
    vlm_engine_fingerprint(e, h->fingerprint);
}

/* The length of a file with these counts; false when there is none. */
static bool file_bytes(uint64_t *out, const struct header *h)
{
    uint64_t n = sizeof *h + HASH, part;
    return vlm_mul_u64(&part, h->n_ids, sizeof(int32_t)) && vlm_add_u64(&n, n, part) &&
           vlm_mul_u64(&part, h->n_pictures, sizeof(struct picture)) && vlm_add_u64(&n, n, part) &&
           vlm_add_u64(&n, n, h->n_pending) &&
           vlm_mul_u64(&part, vlm_kv_blocks((size_t)h->n_done), h->block_bytes) &&
           vlm_add_u64(out, n, part);
}

/* ---- save ---- */

struct writer {
    struct vlm_os_file file;
    struct vlm_sha256 hash;
};

static int put(struct writer *w, const void *data, size_t n, vlm_error *err)
{
    vlm_sha256_add(&w->hash, data, n);
    return vlm_os_file_write(&w->file, data, n, err);
}

static int put_pictures(struct writer *w, const struct vlm_timeline *t, vlm_error *err)
{
    int rc = VLM_OK;
    for (size_t i = 0; rc == VLM_OK && i < t->n_pictures; i++) {
        const struct vlm_tile_plan *p = &t->pictures[i].key.plan;
        struct picture x = {.plan = {p->step1_width, p->step1_height, p->width, p->height, p->rows,
                                     p->cols, p->tile, p->n_frames},
                            .n_tokens = t->pictures[i].n_tokens};
        memcpy(x.hash, t->pictures[i].key.hash, sizeof x.hash);
        rc = put(w, &x, sizeof x, err);
    }
    return rc;
}

static int put_all(struct writer *w, const vlm_session *s, const struct header *h, vlm_error *err)
{
    uint8_t hash[HASH];
    const struct vlm_timeline *t = &s->time;
    vlm_sha256_init(&w->hash);
    int rc = put(w, h, sizeof *h, err);
    for (size_t i = 0; rc == VLM_OK && i < t->n;) {
        int32_t ids[SLICE];
        size_t n = 0;
        for (; n < SLICE && i < t->n; i++)
            ids[n++] = t->positions[i].id;
        rc = put(w, ids, n * sizeof *ids, err);
    }
    if (rc == VLM_OK)
        rc = put_pictures(w, t, err);
    if (rc == VLM_OK)
        rc = put(w, s->pending.data, s->pending.n, err);
    for (size_t i = 0; rc == VLM_OK && i < vlm_kv_blocks(s->n_done); i++)
        rc = put(w, s->kv.data[i], (size_t)h->block_bytes, err);
    vlm_sha256_end(&w->hash, hash);
    if (rc == VLM_OK)
        rc = vlm_os_file_write(&w->file, hash, sizeof hash, err);
    if (rc == VLM_OK)
        rc = vlm_os_file_sync(&w->file, err);
    return rc == VLM_OK ? vlm_os_file_commit(&w->file, err) : rc;
}

/* Pictures are not in the file: what they become must be. */
static int read_pictures(vlm_session *s, vlm_error *err)
{
    size_t end = s->n_prompt;
    while (end > 0 && !s->time.positions[end - 1].picture)
        end--;
    if (s->n_done >= end)
        return VLM_OK;
    if (s->finish != VLM_FINISH_NONE || atomic_load(&s->cancel))
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "the session ended while it read its prompt, expected one that goes on");
    if (end == s->n_prompt)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                        "the prompt ends with a picture, expected text behind it to be saved");
    return vlm_engine_read_prompt(s, end, NULL, err);
}

static int save(vlm_session *s, const char *path, vlm_error *err)
{
    vlm_engine *e = s->engine;
    struct writer w;
    struct header h;
    int rc = read_pictures(s, err);
    if (rc < 0)
        return rc;
    if (s->n_done % VLM_KV_BLOCK != 0) { /* the rest of the block is nobody's business */
        vlm_engine_enter(e);
        rc = vlm_kv_blank(&s->kv, e->model, e->backend, s->n_done, err);
        vlm_engine_leave(e);
    }
    if (rc < 0)
        return rc;
    begin_header(&h, s);
    h.n_ids = s->time.n;
    h.n_prompt = s->n_prompt;
    h.n_done = s->n_done;
    h.n_pictures = s->time.n_pictures;
    h.n_said = s->stats.completion_tokens;
    h.finish = s->finish;
    h.n_pending = s->pending.n;
    if (!file_bytes(&h.bytes, &h) || h.bytes > VLM_LIMIT_SESSION_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "a session of %llu bytes, expected at most %llu",
                        (unsigned long long)h.bytes, (unsigned long long)VLM_LIMIT_SESSION_BYTES);
    rc = vlm_os_file_create(&w.file, &e->alloc, path, true, err);
    if (rc < 0)
        return rc;
    rc = put_all(&w, s, &h, err);
    vlm_os_file_free(&w.file);
    return rc;
}

int vlm_session_save(vlm_session *s, const char *path, vlm_error *err)
{
    if (!path)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "vlm_session_save: path is NULL");
    if (s->outcome < 0) {
        if (err)
            *err = s->error;
        return s->outcome;
    }
    return vlm_engine_explain(s->engine, save(s, path, err), err);
}

/* ---- load ---- */

struct loaded {
    struct vlm_os_input file;
    struct vlm_quoted name;
    struct vlm_sha256 hash;
    struct header h;
    struct vlm_timeline time;
    struct vlm_kv kv;
    int32_t *prompt;
    struct vlm_buf pending, said;
    size_t limit;
};

static int get(struct loaded *x, void *data, size_t n, vlm_error *err)
{
    int rc = vlm_os_input_read(&x->file, data, n, err);
    if (rc == VLM_OK)
        vlm_sha256_add(&x->hash, data, n);
    return rc;
}

static int refuse(const struct loaded *x, vlm_status status, const char *field, uint64_t found,
                  const char *expected, uint64_t bound, vlm_error *err)
{
    return vlm_fail(err, status, "%s: %s is %llu, expected %s%llu", x->name.text, field,
                    (unsigned long long)found, expected, (unsigned long long)bound);
}

/* Is it for this session, here? */
static int check_kind(struct loaded *x, vlm_session *s, vlm_error *err)
{
    const struct header *h = &x->h;
    struct header mine;
    struct vlm_quoted q;
    begin_header(&mine, s);
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: begins with '%s', expected a saved session",
                        x->name.text, vlm_base_quote(&q, h->magic, sizeof h->magic));
    if (h->order != ORDER)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                        "%s: byte order is %08x, expected %08x as on this machine", x->name.text,
                        (unsigned)h->order, (unsigned)ORDER);
    if (h->version != VERSION)
        return refuse(x, VLM_ERR_UNSUPPORTED, "version", h->version, "", VERSION, err);
    if (h->bytes != x->file.n)
        return refuse(x, VLM_ERR_FORMAT, "length", x->file.n, "the header's ", h->bytes, err);
    if (memcmp(h->fingerprint, mine.fingerprint, sizeof mine.fingerprint) != 0)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED,
                        "%s: model is %02x%02x%02x%02x, expected this one, %02x%02x%02x%02x",
                        x->name.text, h->fingerprint[0], h->fingerprint[1], h->fingerprint[2],
                        h->fingerprint[3], mine.fingerprint[0], mine.fingerprint[1],
                        mine.fingerprint[2], mine.fingerprint[3]);
    if (memcmp(h->isa, mine.isa, ISA) != 0)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED, "%s: ISA level is '%s', expected '%s'",
                        x->name.text, vlm_base_quote(&q, h->isa, strnlen(h->isa, ISA)),
                        vlm_engine_isa(s->engine));
    if (h->kv_type != mine.kv_type)
        return refuse(x, VLM_ERR_UNSUPPORTED, "kv_type", h->kv_type, "the session's, ",
                      mine.kv_type, err);
    if (h->exact != mine.exact)
        return refuse(x, VLM_ERR_UNSUPPORTED, "exact", h->exact, "the engine's, ", mine.exact, err);
    if (h->block_bytes != mine.block_bytes)
        return refuse(x, VLM_ERR_FORMAT, "size of a block", h->block_bytes, "", mine.block_bytes,
                      err);
    return VLM_OK;
}

/* The counts: each by itself, to each other and to the file's length. */
static int check_counts(struct loaded *x, const vlm_session *s, vlm_error *err)
{
    const struct header *h = &x->h;
    uint64_t bytes = 0, answer = h->n_ids - h->n_prompt;
    x->limit = s->options.context ? s->options.context : s->engine->config.text.context;
    if (h->n_ids > x->limit)
        return refuse(x, VLM_ERR_CONTEXT, "number of ids", h->n_ids, "at most the context of ",
                      x->limit, err);
    if (h->n_prompt == 0 || h->n_prompt > h->n_ids)
        return refuse(x, VLM_ERR_FORMAT, "length of the prompt", h->n_prompt, "1 to ", h->n_ids,
                      err);
    if (h->finish > VLM_FINISH_CANCELLED)
        return refuse(x, VLM_ERR_FORMAT, "finish", h->finish, "0 to ", VLM_FINISH_CANCELLED, err);
    bool open = h->finish == VLM_FINISH_NONE;
    uint64_t least = answer ? h->n_ids - 1 : 0, most = open ? h->n_ids - 1 : h->n_ids;
    if (h->n_done < least || h->n_done > most)
        return refuse(x, VLM_ERR_FORMAT, "number of computed positions", h->n_done,
                      h->n_done < least ? "at least " : "at most ",
                      h->n_done < least ? least : most, err);
    if (h->n_said != answer && (open || h->n_said != answer + 1))
        return refuse(x, VLM_ERR_FORMAT, "length of the answer", h->n_said, "as its ids, ", answer,
                      err);
    if (h->n_pictures > VLM_LIMIT_PICTURES)
        return refuse(x, VLM_ERR_LIMIT, "number of pictures", h->n_pictures, "at most ",
                      VLM_LIMIT_PICTURES, err);
    if (h->n_pending > PENDING)
        return refuse(x, VLM_ERR_LIMIT, "text held back", h->n_pending, "at most ", PENDING, err);
    if (!file_bytes(&bytes, h) || bytes != h->bytes)
        return refuse(x, VLM_ERR_FORMAT, "length", h->bytes, "what its counts need, ", bytes, err);
    return VLM_OK;
}

static int get_ids(struct loaded *x, const vlm_session *s, vlm_error *err)
{
    uint32_t vocab = s->engine->config.text.vocab;
    int32_t ids[SLICE];
    int rc = VLM_OK;
    for (x->time.n = 0; rc == VLM_OK && x->time.n < x->h.n_ids;) {
        size_t n = vlm_min_size((size_t)x->h.n_ids - x->time.n, SLICE);
        rc = get(x, ids, n * sizeof *ids, err);
        for (size_t i = 0; rc == VLM_OK && i < n; i++) {
            if (ids[i] < 0 || (uint32_t)ids[i] >= vocab)
                return vlm_fail(err, VLM_ERR_FORMAT, "%s: id %zu is %d, expected 0 to %u",
                                x->name.text, x->time.n, (int)ids[i], vocab - 1);
            if (x->time.n < x->h.n_prompt)
                x->prompt[x->time.n] = ids[i];
            x->time.positions[x->time.n++] = (struct vlm_position){ids[i], 0, 0};
        }
    }
    return rc;
}

static int get_pictures(struct loaded *x, vlm_error *err)
{
    int rc = VLM_OK;
    for (size_t i = 0; rc == VLM_OK && i < x->h.n_pictures; i++, x->time.n_pictures++) {
        struct vlm_session_picture *p = &x->time.pictures[i];
        struct picture from;
        rc = get(x, &from, sizeof from, err);
        if (rc < 0)
            break;
        if (from.n_tokens == 0 || from.n_tokens > x->h.n_prompt)
            return refuse(x, VLM_ERR_FORMAT, "a picture's number of tokens", from.n_tokens, "1 to ",
                          x->h.n_prompt, err);
        memcpy(p->key.hash, from.hash, sizeof from.hash);
        p->key.plan =
            (struct vlm_tile_plan){from.plan[0], from.plan[1], from.plan[2], from.plan[3],
                                   from.plan[4], from.plan[5], from.plan[6], from.plan[7]};
        p->n_tokens = (size_t)from.n_tokens;
    }
    return rc;
}

/* Which of the prompt's positions stand for which picture; all of those are computed. */
static int place_pictures(struct loaded *x, const vlm_session *s, vlm_error *err)
{
    struct vlm_timeline *t = &x->time;
    uint32_t picture = 0, token = 0;
    for (size_t i = 0; i < x->h.n_prompt; i++) {
        struct vlm_position *p = &t->positions[i];
        if (p->id != s->engine->config.image_token_id)
            continue;
        if (picture == t->n_pictures)
            return refuse(x, VLM_ERR_FORMAT, "position of an image token", i,
                          "pictures for it, found ", t->n_pictures, err);
        if (i >= x->h.n_done)
            return refuse(x, VLM_ERR_FORMAT, "position of an image token", i,
                          "less than the computed ", x->h.n_done, err);
        p->picture = picture + 1;
        p->token = token++;
        if (token == t->pictures[picture].n_tokens) {
            picture++;
            token = 0;
        }
    }
    if (picture != t->n_pictures || token != 0)
        return refuse(x, VLM_ERR_FORMAT, "number of pictures with all their tokens", picture, "",
                      t->n_pictures, err);
    return VLM_OK;
}

/* The answer's bytes again, and where they stand in the session's constraint. */
static int follow_answer(struct loaded *x, vlm_session *s, struct vlm_place *place, vlm_error *err)
{
    vlm_engine *e = s->engine;
    const char *bytes;
    size_t n;
    bool special;
    if (!s->options.constraint)
        return VLM_OK;
    for (size_t i = (size_t)x->h.n_prompt; i < x->time.n; i++)
        if (vlm_token_bytes(e->tok, x->time.positions[i].id, &bytes, &n, &special) && !special &&
            !vlm_buf_append(&x->said, bytes, n))
            return vlm_fail_memory(err, n, "an answer");
    int rc = vlm_engine_constraint_find(s, place, x->said.data, x->said.n, err);
    return rc == VLM_ERR_ARGUMENT
               ? vlm_fail(err, rc, "%s: its answer does not fit the constraint of this session",
                          x->name.text)
               : rc;
}

static int get_blocks(struct loaded *x, vlm_session *s, size_t n_positions, vlm_error *err)
{
    vlm_engine *e = s->engine;
    size_t held;
    const struct vlm_kv none = {.type = s->kv.type};
    const struct vlm_kv_wish wish = {.old = &none, .n_positions = n_positions};
    int rc = vlm_engine_blocks_table(e, &x->kv, &held, &wish, err);
    for (size_t i = 0; rc == VLM_OK && i < vlm_kv_blocks((size_t)x->h.n_done); i++)
        rc = get(x, x->kv.data[i], (size_t)x->h.block_bytes, err);
    if (rc < 0)
        return rc;
    uint8_t expected[HASH], found[HASH];
    vlm_sha256_end(&x->hash, expected);
    rc = vlm_os_input_read(&x->file, found, sizeof found, err);
    if (rc == VLM_OK && memcmp(expected, found, sizeof found) != 0)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: SHA-256 is %02x%02x%02x%02x, expected %02x%02x%02x%02x of what it "
                        "holds",
                        x->name.text, found[0], found[1], found[2], found[3], expected[0],
                        expected[1], expected[2], expected[3]);
    return rc;
}

/* Everything of load that can fail, beside the session's own state. */
static int prepare(struct loaded *x, vlm_session *s, struct vlm_place *place, vlm_error *err)
{
    vlm_engine *e = s->engine;
    if (x->file.n < sizeof x->h + HASH)
        return refuse(x, VLM_ERR_FORMAT, "length", x->file.n, "at least ", sizeof x->h + HASH, err);
    int rc = get(x, &x->h, sizeof x->h, err);
    if (rc == VLM_OK)
        rc = check_kind(x, s, err);
    if (rc == VLM_OK)
        rc = check_counts(x, s, err);
    if (rc < 0)
        return rc;
    size_t n_prompt = (size_t)x->h.n_prompt, n_pending = (size_t)x->h.n_pending;
    size_t room = vlm_min_size(s->options.max_tokens, x->limit - n_prompt),
           n = vlm_max_size(n_prompt + room, (size_t)x->h.n_ids);
    rc = vlm_engine_timeline_reserve(&x->time, e, n, (size_t)x->h.n_pictures, err);
    x->prompt = vlm_mem_alloc(&e->alloc, n_prompt, sizeof *x->prompt);
    if (rc == VLM_OK && (!x->prompt || !vlm_buf_reserve(&x->pending, n_pending) ||
                         (s->options.constraint &&
                          !vlm_buf_reserve(&x->said, room * VLM_CONSTRAIN_TOKEN_BYTES + 1))))
        rc = vlm_fail_memory(err, n_prompt * sizeof *x->prompt, "a saved session");
    if (rc == VLM_OK)
        rc = get_ids(x, s, err);
    if (rc == VLM_OK)
        rc = get_pictures(x, err);
    if (rc == VLM_OK)
        rc = get(x, x->pending.data, n_pending, err);
    if (rc == VLM_OK)
        rc = place_pictures(x, s, err);
    if (rc == VLM_OK)
        rc = get_blocks(x, s, vlm_max_size(n, s->options.context), err);
    if (rc == VLM_OK)
        rc = follow_answer(x, s, place, err);
    if (rc < 0)
        return rc;
    x->pending.n = n_pending;
    vlm_engine_enter(e);
    rc = vlm_backend_reserve(e->backend, e->config.text.head_dim, n, err);
    vlm_engine_leave(e);
    return rc;
}

static void commit(struct loaded *x, vlm_session *s, struct vlm_place place)
{
    vlm_engine *e = s->engine;
    struct vlm_timeline old_time = s->time;
    struct vlm_kv old_kv = s->kv;
    int32_t *old_prompt = s->prompt;
    s->time = x->time;
    s->kv = x->kv;
    s->prompt = x->prompt;
    s->n_prompt = (size_t)x->h.n_prompt;
    s->n_done = (size_t)x->h.n_done;
    s->n_offered = 0;
    s->loaded = true;
    s->limit = x->limit;
    vlm_engine_answer_begin(s);
    vlm_buf_append(&s->pending, x->pending.data, x->pending.n); /* room was reserved at open */
    vlm_engine_answer_recall(s);
    s->finish = (vlm_finish)x->h.finish;
    s->outcome = s->finish == VLM_FINISH_NONE ? VLM_MORE : VLM_DONE;
    if (s->options.constraint) { /* the buffers change places */
        struct vlm_buf said = s->said;
        s->said = x->said;
        x->said = said;
        s->place = place;
    }
    size_t image_tokens = 0;
    for (size_t i = 0; i < s->time.n_pictures; i++)
        image_tokens += s->time.pictures[i].n_tokens;
    s->stats = (vlm_stats){.prompt_tokens = s->n_prompt,
                           .image_tokens = image_tokens,
                           .text_tokens = s->n_prompt - image_tokens,
                           .cached_tokens = vlm_min_size(s->n_done, s->n_prompt),
                           .completion_tokens = (size_t)x->h.n_said,
                           .weights_bytes = e->model->weights_bytes,
                           .kv_bytes = s->kv.n_blocks * vlm_kv_block_bytes(e->model, s->kv.type)};
    vlm_engine_answer_limit(s);
    x->time = old_time; /* freed with the rest of x */
    x->kv = old_kv;
    x->prompt = old_prompt;
}

static int load(vlm_session *s, const char *path, vlm_error *err)
{
    vlm_engine *e = s->engine;
    struct loaded x = {.kv.type = s->kv.type};
    struct vlm_place place = {0, 0};
    vlm_base_quote(&x.name, path, strlen(path));
    vlm_sha256_init(&x.hash);
    vlm_buf_init(&x.pending, &e->alloc, PENDING);
    vlm_buf_init(&x.said, &e->alloc, SIZE_MAX / 2);
    int rc = vlm_os_input_open(&x.file, path, VLM_LIMIT_SESSION_BYTES, err);
    if (rc == VLM_OK)
        rc = prepare(&x, s, &place, err);
    if (rc == VLM_OK)
        commit(&x, s, place);
    vlm_os_input_close(&x.file);
    vlm_engine_timeline_free(&x.time, e);
    vlm_engine_blocks_free(e, &x.kv);
    vlm_mem_free(&e->alloc, x.prompt);
    vlm_buf_free(&x.pending);
    vlm_buf_free(&x.said);
    return rc;
}

int vlm_session_load(vlm_session *s, const char *path, vlm_error *err)
{
    if (!path)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "vlm_session_load: path is NULL");
    atomic_store(&s->cancel, false);
    int rc = load(s, path, err);
    if (rc == VLM_ERR_MEMORY && vlm_engine_make_room(s->engine, &s->kv))
        rc = load(s, path, err);
    return vlm_engine_explain(s->engine, rc, err);
}
