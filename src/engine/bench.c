/* bench.c: pieces of work that are done once and timed: prompts, tokens, pictures, through sessions
 * as everybody has them.  What is drawn differs each time, so that no cache answers. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "engine/bench.h"

#define MAX_WORDS 4096
#define LETTERS 12 /* of a word at most */

struct vlm_stopwatch vlm_engine_watch(void)
{
    return (struct vlm_stopwatch){vlm_os_now_ms(), clock()};
}

void vlm_engine_watched(vlm_bench_sample *out, const struct vlm_stopwatch *since, double times)
{
    out->ms = (vlm_os_now_ms() - since->ms) / times;
    out->cpu_ms = (double)(clock() - since->cpu) * 1000 / CLOCKS_PER_SEC / times;
}

/* ---- text of a given number of tokens ---- */

static bool is_word(const char *s, size_t n)
{
    if (n < 3 || n > LETTERS || s[0] != ' ')
        return false;
    for (size_t i = 1; i < n; i++)
        if (s[i] < 'a' || s[i] > 'z')
            return false;
    return true;
}

/* Tokens that are a word with its space: beside each other each stays the token that it is.  Taken
 * from the whole vocabulary, so that rows of the whole table are looked up. */
static int find_words(struct vlm_bench *b, vlm_error *err)
{
    const vlm_engine *e = b->e;
    size_t n_ids = vlm_token_plain(e->tok), step = n_ids / MAX_WORDS / 4 + 1;
    b->words = vlm_mem_alloc(&e->alloc, MAX_WORDS, sizeof *b->words);
    if (!b->words)
        return vlm_fail_memory(err, MAX_WORDS * sizeof *b->words, "measuring");
    for (size_t id = 0; id < n_ids && b->n_words < MAX_WORDS; id += step) {
        const char *s;
        size_t n;
        bool special;
        if (vlm_token_bytes(e->tok, (int32_t)id, &s, &n, &special) && !special && is_word(s, n))
            b->words[b->n_words++] = (int32_t)id;
    }
    return VLM_OK;
}

/* Vocabularies without such words get letters. */
static void add_word(struct vlm_bench *b, uint32_t which)
{
    const char *s = NULL;
    size_t n = 0;
    if (b->n_words >= 16) {
        vlm_token_bytes(b->e->tok, b->words[which % b->n_words], &s, &n, NULL);
        vlm_buf_append(&b->text, s, n);
    } else {
        vlm_buf_putc(&b->text, (char)('a' + which % 26));
    }
}

/* Appends n words of a stream of their own. */
static void add_words(struct vlm_bench *b, uint64_t stream, size_t n)
{
    struct vlm_rng rng = {.seed = 7, .stream = stream};
    add_word(b, (uint32_t)stream); /* streams differ from their first word on */
    for (size_t i = 1; i < n; i++)
        add_word(b, vlm_rng_u32(&rng));
}

/* ---- sessions ---- */

static void close_sessions(struct vlm_bench *b)
{
    for (size_t i = 0; i < b->n_sessions; i++)
        vlm_session_close(b->sessions[i]);
    b->n_sessions = 0;
}

/* n sessions for answers of max_tokens; those of the job before serve again if they can: what they
 * have read may be the beginning of what is read now. */
static int open_sessions(struct vlm_bench *b, size_t n, size_t max_tokens, vlm_detail detail,
                         vlm_error *err)
{
    vlm_session_options *o = &b->options;
    if (b->n_sessions == n && o->max_tokens >= max_tokens && o->detail == detail)
        return VLM_OK;
    close_sessions(b);
    b->fresh = true;
    o->max_tokens = max_tokens;
    o->detail = detail;
    for (size_t i = 0; i < n; i++) {
        int rc = vlm_session_open(&b->sessions[i], b->e, o, err);
        if (rc < 0)
            return rc;
        b->n_sessions++;
        b->streams[i] = b->next_stream++;
    }
    return VLM_OK;
}

static int sync_text(struct vlm_bench *b, vlm_session *s, vlm_error *err)
{
    vlm_part part = {.kind = VLM_PART_TEXT, .text = b->text.data, .n_text = b->text.n};
    const vlm_message message = {.role = "user", .parts = &part, .n_parts = 1};
    if (!b->text.ok)
        return vlm_fail_memory(err, b->text.n, "measuring");
    return vlm_session_sync(s, &message, 1, err);
}

/* n words of the session's own stream, then about more of another: so many that the prompt has
 * want tokens beyond those in the cache (whole: in all), if the tokenizer lets it. */
static int sync_words(struct vlm_bench *b, size_t i, size_t n, uint64_t stream, size_t more,
                      size_t want, bool whole, vlm_error *err)
{
    vlm_session *s = b->sessions[i];
    vlm_stats stats;
    for (int tries = 0; tries < 4; tries++) {
        vlm_buf_clear(&b->text);
        if (n)
            add_words(b, b->streams[i], n);
        if (more)
            add_words(b, stream, more);
        int rc = sync_text(b, s, err);
        if (rc < 0)
            return rc;
        vlm_session_stats(s, &stats);
        size_t got = stats.prompt_tokens - (whole ? 0 : stats.cached_tokens);
        if (want == 0 || got == want || more + want <= got)
            break;
        more = more + want - got;
    }
    return VLM_OK;
}

static int next_token(vlm_session *s, vlm_error *err)
{
    vlm_token token;
    int rc = vlm_session_next(s, &token, err);
    return rc == VLM_DONE ? vlm_fail(err, VLM_ERR_CONTEXT, "the answer ended early") : rc;
}

/* What the template puts before and behind a text, in tokens. */
static int measure_template(struct vlm_bench *b, vlm_error *err)
{
    vlm_rendered r[2];
    size_t n = 0;
    for (size_t k = 0; k < 2; k++) {
        vlm_buf_clear(&b->text);
        add_words(b, k, 1);
        vlm_part part = {.kind = VLM_PART_TEXT, .text = b->text.data, .n_text = b->text.n};
        const vlm_message message = {.role = "user", .parts = &part, .n_parts = 1};
        int rc = vlm_render(&r[k], b->e, &message, 1, 1, NULL, err);
        if (rc < 0) {
            if (k)
                vlm_rendered_free(&r[0]);
            return rc;
        }
    }
    while (n < r[0].n_ids && n < r[1].n_ids && r[0].ids[n] == r[1].ids[n])
        n++;
    b->n_before = n;
    b->n_behind = r[0].n_ids > n + 1 ? r[0].n_ids - n - 1 : 0;
    vlm_rendered_free(&r[0]);
    vlm_rendered_free(&r[1]);
    return VLM_OK;
}

/* ---- jobs ---- */

/* The sessions hold n positions each, in whole blocks. */
static void note_kv(struct vlm_bench *b, size_t n)
{
    double blocks = (double)((n + VLM_KV_BLOCK - 1) / VLM_KV_BLOCK * b->n_sessions);
    b->kv_most = fmax(b->kv_most, blocks * (double)vlm_kv_block_bytes(
                                               b->e->model, vlm_engine_kv_num(b->options.kv_type)));
}

static int run_prompt(struct vlm_bench *b, const vlm_bench_job *job, vlm_bench_sample *out,
                      vlm_error *err)
{
    vlm_stats stats;
    size_t words = job->depth > b->n_before ? job->depth - b->n_before : 0;
    if (job->n <= b->n_behind)
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "a prompt of %zu tokens, expected more than the %zu behind it in the "
                        "model's template",
                        job->n, b->n_behind);
    int rc = open_sessions(b, 1, 1, VLM_DETAIL_AUTO, err);
    if (rc == VLM_OK && (b->n_words_of_session != words || b->fresh)) {
        rc = sync_words(b, 0, words, b->next_stream++, 1, 0, false, err);
        if (rc == VLM_OK)
            rc = next_token(b->sessions[0], err);
        b->n_words_of_session = words;
        b->fresh = false;
    }
    if (rc == VLM_OK)
        rc = sync_words(b, 0, words, b->next_stream++, job->n - b->n_behind, job->n, false, err);
    if (rc < 0)
        return rc;
    struct vlm_stopwatch watch = vlm_engine_watch();
    rc = next_token(b->sessions[0], err);
    vlm_engine_watched(out, &watch, 1);
    vlm_session_stats(b->sessions[0], &stats);
    out->depth = stats.cached_tokens;
    out->n = out->tokens = stats.prompt_tokens - stats.cached_tokens;
    vlm_engine_work_rows(out, b->e, vlm_engine_kv_num(b->options.kv_type), out->n, out->depth, 1,
                         1);
    note_kv(b, stats.prompt_tokens);
    return rc;
}

/* Every session has read its prompt and given its first token. */
static int read_prompts(struct vlm_bench *b, size_t depth, vlm_error *err)
{
    size_t around = b->n_before + b->n_behind, words = depth > around ? depth - around : 1;
    for (size_t i = 0; i < b->n_sessions; i++) {
        int rc = sync_words(b, i, 0, b->streams[i], words, depth > around ? depth : 0, true, err);
        if (rc == VLM_OK)
            rc = next_token(b->sessions[i], err);
        if (rc < 0)
            return rc;
    }
    return VLM_OK;
}

static int run_generate(struct vlm_bench *b, const vlm_bench_job *job, vlm_bench_sample *out,
                        vlm_error *err)
{
    size_t n_sessions = vlm_max_size(job->n_sessions, 1);
    vlm_stats stats;
    vlm_token token;
    if (n_sessions > VLM_LIMIT_BATCH)
        return vlm_fail(err, VLM_ERR_LIMIT, "%zu sessions, expected at most %u", n_sessions,
                        (unsigned)VLM_LIMIT_BATCH);
    int rc = open_sessions(b, n_sessions, job->n + 1, VLM_DETAIL_AUTO, err);
    if (rc == VLM_OK)
        rc = read_prompts(b, job->depth, err);
    if (rc < 0)
        return rc;
    vlm_session_stats(b->sessions[0], &stats);
    out->depth = stats.prompt_tokens;
    struct vlm_stopwatch watch = vlm_engine_watch();
    for (size_t i = 0; i < job->n; i++) {
        rc = vlm_step(b->e, b->sessions, n_sessions, err);
        for (size_t k = 0; rc == VLM_OK && k < n_sessions; k++)
            rc = vlm_session_token(b->sessions[k], &token, err);
        if (rc != VLM_OK)
            return rc < 0 ? rc : vlm_fail(err, VLM_ERR_CONTEXT, "the answer ended early");
        vlm_engine_work_rows(out, b->e, vlm_engine_kv_num(b->options.kv_type), 1, out->depth + i, 1,
                             n_sessions);
    }
    vlm_engine_watched(out, &watch, 1);
    out->n = job->n;
    out->tokens = job->n * n_sessions;
    b->fresh = true; /* what "prompt" would go on behind is not there now */
    note_kv(b, out->depth + job->n);
    return VLM_OK;
}

/* Noise, so that no two tiles are alike. */
static int draw(vlm_image **out, struct vlm_bench *b, uint32_t width, uint32_t height,
                vlm_error *err)
{
    size_t n = (size_t)width * height * 3;
    uint8_t *rgb = vlm_mem_alloc(&b->e->alloc, n, 1);
    struct vlm_rng rng = {.seed = 8, .stream = b->next_stream++};
    if (!rgb)
        return vlm_fail_memory(err, n, "a picture");
    uint64_t x = vlm_rng_u32(&rng) | 1;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        rgb[i] = (uint8_t)(x >> 24);
    }
    int rc = vlm_image_from_rgb(out, b->e, rgb, width, height, err);
    vlm_mem_free(&b->e->alloc, rgb);
    return rc;
}

static int ask_about(struct vlm_bench *b, const vlm_image *image, vlm_bench_sample *out,
                     vlm_stats *stats, vlm_error *err)
{
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("What is this?")};
    const vlm_message message = {.role = "user", .parts = parts, .n_parts = 2};
    struct vlm_stopwatch watch = vlm_engine_watch();
    int rc = vlm_session_sync(b->sessions[0], &message, 1, err);
    if (rc == VLM_OK)
        rc = next_token(b->sessions[0], err);
    vlm_engine_watched(out, &watch, 1);
    vlm_session_stats(b->sessions[0], stats);
    return rc;
}

static int run_picture(struct vlm_bench *b, const vlm_bench_job *job, vlm_bench_sample *out,
                       vlm_error *err)
{
    bool tile = strcmp(job->test, "tile") == 0, page = strcmp(job->test, "page") == 0;
    uint32_t side = b->e->config.image.tile;
    vlm_image *image = NULL;
    vlm_stats stats;
    if (b->e->config.vision.layers == 0)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED, "the model has no vision tower");
    int rc = open_sessions(b, 1, 1, page ? VLM_DETAIL_HIGH : VLM_DETAIL_LOW, err);
    if (rc == VLM_OK)
        rc = draw(&image, b, page ? job->width : side, page ? job->height : side, err);
    if (rc == VLM_OK)
        rc = ask_about(b, image, out, &stats, err);
    vlm_image_close(image);
    b->fresh = true; /* the session holds another prompt now */
    if (rc < 0)
        return rc;
    out->n = stats.n_tiles;
    out->vision_ms = stats.vision_ms;
    if (tile) {
        double part = stats.vision_ms / (double)vlm_max_size(stats.n_tiles, 1) / out->ms;
        out->ms *= part;
        out->cpu_ms *= part;
    }
    note_kv(b, stats.prompt_tokens);
    vlm_engine_work_frames(out, b->e, tile ? 1 : stats.n_tiles);
    if (!tile)
        vlm_engine_work_rows(out, b->e, vlm_engine_kv_num(b->options.kv_type),
                             stats.prompt_tokens - stats.cached_tokens, stats.cached_tokens, 1, 1);
    return VLM_OK;
}

static int peak_memory(const struct vlm_bench *b, vlm_bench_sample *out)
{
    out->bytes = (double)(vlm_os_peak_rss() - vlm_engine_bench_roof_bytes(b));
    out->kv_bytes = b->kv_most;
    return VLM_OK;
}

int vlm_bench_run(vlm_bench *b, const vlm_bench_job *job, vlm_bench_sample *out, vlm_error *err)
{
    vlm_bench_sample sample = {.n = job->n, .depth = job->depth};
    const char *t = job->test;
    int rc;
    if (strcmp(t, "prompt") == 0)
        rc = run_prompt(b, job, &sample, err);
    else if (strcmp(t, "generate") == 0 || strcmp(t, "sessions") == 0)
        rc = run_generate(b, job, &sample, err);
    else if (strcmp(t, "tile") == 0 || strcmp(t, "picture") == 0 || strcmp(t, "page") == 0)
        rc = run_picture(b, job, &sample, err);
    else if (strcmp(t, "memory") == 0)
        rc = peak_memory(b, &sample);
    else
        rc = vlm_engine_bench_roof(b, job, &sample, err);
    if (rc == VLM_OK)
        *out = sample;
    return rc;
}

/* ---- open and close ---- */

/* A text model without a template is asked with the bare text: how it is asked does not matter
 * here. It is the engine's while it is measured. */
static int lend_template(struct vlm_bench *b, vlm_error *err)
{
    static const char bare[] = "{% for message in messages %}{{ message['content'] }}{% endfor %}";
    vlm_engine *e = b->e;
    b->lent_template = !e->tmpl;
    return e->tmpl ? VLM_OK
                   : vlm_template_open(&e->tmpl, &e->alloc, bare, sizeof bare - 1, "bench", err);
}

int vlm_bench_open(vlm_bench **out, vlm_engine *e, const vlm_session_options *options,
                   vlm_error *err)
{
    vlm_session_options o;
    int rc = vlm_engine_need_model(e, err);
    if (rc == VLM_OK)
        rc = vlm_engine_session_options(&o, options, err);
    if (rc < 0)
        return rc;
    struct vlm_bench *b = vlm_mem_zalloc(&e->alloc, 1, sizeof *b);
    if (!b)
        return vlm_fail_memory(err, sizeof *b, "measuring");
    b->e = e;
    b->options = o;
    for (size_t i = 0; i < e->config.n_eos; i++)
        b->no_end[i] = (vlm_logit_bias){e->config.eos[i], -INFINITY};
    b->options.logit_bias = b->no_end;
    b->options.n_logit_bias = e->config.n_eos;
    vlm_buf_init(&b->text, &e->alloc, VLM_LIMIT_TEXT_BYTES);
    rc = find_words(b, err);
    if (rc == VLM_OK)
        rc = lend_template(b, err);
    if (rc == VLM_OK)
        rc = measure_template(b, err);
    if (rc == VLM_OK && vlm_roof_init(&b->roof, vlm_engine_isa(e)) != 0)
        rc = vlm_fail(err, VLM_ERR_UNSUPPORTED, "no limits known for %s", vlm_engine_isa(e));
    if (rc < 0)
        vlm_bench_close(b);
    else
        *out = b;
    return rc;
}

void vlm_bench_close(vlm_bench *b)
{
    if (!b)
        return;
    vlm_engine *e = b->e;
    close_sessions(b);
    if (b->lent_template) {
        vlm_template_close(e->tmpl);
        e->tmpl = NULL;
    }
    vlm_buf_free(&b->text);
    vlm_mem_free(&e->alloc, b->words);
    vlm_mem_free(&e->alloc, b->read);
    vlm_mem_free(&e->alloc, b);
}
