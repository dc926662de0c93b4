/* neighbours.c: a request gets the same answer whatever runs beside it: several sessions that join
 * a step one after the other, so that some decode while some read and some wait for pictures;
 * frames alone or in batches of several sessions; encoded pictures from a directory or not. Nothing
 * is kept in memory between the sessions of an engine, so that each really is computed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"

enum { MOST = 8, SIDE = 90 };

static const size_t n_beside[] = {1, 2, 5, 8}, chunks[] = {1, 7, 64, 512};
static const int n_threads[] = {7, 3, 2, 1};

static vlm_engine *open_engine(const char *model, const char *isa, int threads, const char *dir)
{
    vlm_engine *engine;
    vlm_error err;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.isa = isa;
    o.n_threads = threads;
    o.max_features = 0;
    o.max_prompts = 0;
    o.feature_dir = dir;
    if (vlm_engine_open(&engine, model, &o, &err) < 0)
        golden_die("%s: %s", model, err.message);
    return engine;
}

/* The request; text alone; the others' own pictures. */
struct talk {
    vlm_image *image;
    vlm_part parts[2];
    vlm_message own;
    const vlm_message *messages;
    size_t n;
};

static void open_talk(struct talk *t, size_t i, const struct golden_case *c,
                      const vlm_engine *engine)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    vlm_error err;
    unsigned x = (unsigned)i;
    *t = (struct talk){.messages = c->messages, .n = c->n_messages};
    if (i == 0)
        return;
    t->parts[0] = vlm_part_text("What is the total of number");
    if (i != 1) {
        for (size_t k = 0; k < sizeof rgb; k++) {
            x = x * 1103515245u + 12345u;
            rgb[k] = (uint8_t)(x >> 16);
        }
        if (vlm_image_from_rgb(&t->image, engine, rgb, SIDE, SIDE - (uint32_t)i, &err) < 0)
            golden_die("%s: %s", c->folder, err.message);
        t->parts[0] = vlm_part_image(t->image);
    }
    t->parts[1] = vlm_part_text("three?");
    t->own = (vlm_message){.role = "user", .parts = t->parts, .n_parts = 2};
    t->messages = &t->own;
    t->n = 1;
}

static vlm_session *open_session(vlm_engine *engine, size_t chunk)
{
    vlm_session *s;
    vlm_error err;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = GOLDEN_N_GENERATE;
    o.n_logprobs = 5;
    o.max_tiles = 4;
    o.chunk = chunk;
    if (vlm_session_open(&s, engine, &o, &err) < 0)
        golden_die("session: %s", err.message);
    return s;
}

/* n sessions; the i-th joins at step i and has its own chunk. */
static void together(struct golden_answer *out, vlm_engine *engine, struct talk *talks, size_t n,
                     size_t shift)
{
    vlm_session *s[MOST], *active[MOST];
    bool open[MOST];
    vlm_error err;
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct golden_answer){.hash = GOLDEN_HASH};
        s[i] = open_session(engine, chunks[(i + shift) % 4]);
        if (vlm_session_sync(s[i], talks[i].messages, talks[i].n, &err) < 0)
            golden_die("sync: %s", err.message);
        open[i] = true;
    }
    for (size_t step = 0, left = n; left > 0; step++) {
        size_t n_active = 0;
        for (size_t i = 0; i < n && i <= step; i++)
            if (open[i])
                active[n_active++] = s[i];
        if (vlm_step(engine, active, n_active, &err) < 0)
            golden_die("vlm_step: %s", err.message);
        for (size_t i = 0; i < n && i <= step; i++) {
            vlm_token token;
            int rc = open[i] ? vlm_session_token(s[i], &token, &err) : VLM_MORE;
            if (rc < 0)
                golden_die("vlm_session_token: %s", err.message);
            if (rc == VLM_OK)
                golden_answer_add(&out[i], &token);
            left -= rc == VLM_DONE;
            open[i] = open[i] && rc != VLM_DONE;
        }
    }
    for (size_t i = 0; i < n; i++)
        vlm_session_close(s[i]);
}

static void remove_directory(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));) {
        char path[2048];
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

bool golden_neighbours(struct golden_case *c, const char *model, const char *isa)
{
    struct golden_answer alone[MOST], beside[MOST];
    struct talk talks[MOST];
    char dir[] = "/tmp/vlm-neighbours-XXXXXX", what[64];
    bool ok = true;
    if (!mkdtemp(dir))
        golden_die("%s: cannot be made", dir);
    for (size_t round = 0; round < 5; round++) {
        /* first each alone; in the last two rounds a directory, empty and then not */
        size_t n = round == 0 ? MOST : n_beside[round - 1];
        vlm_engine *engine =
            open_engine(model, isa, round == 0 ? 1 : n_threads[round - 1], round >= 3 ? dir : NULL);
        golden_case_bind(c, engine);
        for (size_t i = 0; i < n; i++)
            open_talk(&talks[i], i, c, engine);
        for (size_t i = 0; round == 0 && i < n; i++) { /* one by one, in a session of its own */
            vlm_session *s = open_session(engine, 64);
            alone[i] = golden_ask(s, talks[i].messages, talks[i].n);
            vlm_session_close(s);
        }
        if (round > 0)
            together(beside, engine, talks, n, round);
        for (size_t i = 0; round > 0 && i < n; i++) {
            snprintf(what, sizeof what, "%s, one of %zu, number %zu", isa, n, i);
            ok = golden_same(what, c->folder, &beside[i], &alone[i]) && ok;
        }
        for (size_t i = 0; i < n; i++)
            vlm_image_close(talks[i].image);
        golden_case_unbind(c);
        vlm_engine_close(engine);
    }
    remove_directory(dir);
    return ok;
}
