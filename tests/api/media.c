/* media.c MODEL: videos made from an app's own frames, and pictures that come back: in a later
 * question, as another object, in another place, after others.  Written from vlm.h alone, but for
 * the limits. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vlm.h>

#include "check.h"

#include "base/limits.h"

/* ---- memory that is counted ---- */

struct heap {
    size_t now, peak;
};
static void *resize(void *ctx, void *p, size_t old_size, size_t new_size)
{
    struct heap *h = ctx;
    void *q = NULL;
    if (new_size) {
        q = realloc(p, new_size);
        if (!q)
            return NULL;
    } else {
        free(p);
    }
    h->now = h->now + new_size - old_size;
    h->peak = h->now > h->peak ? h->now : h->peak;
    return q;
}

static vlm_engine *open_engine(const char *path, struct heap *h, uint64_t max_features)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    CHECK(o.max_features == (uint64_t)64 << 20);
    o.n_threads = 1;
    o.max_features = max_features;
    o.max_prompts = 0; /* what is kept here are features alone */
    if (h)
        o.allocator = (vlm_allocator){resize, h};
    MUST(vlm_engine_open(&e, path, &o, &err));
    return e;
}

/* ---- pictures and clips ---- */

enum { W = 40, H = 30 };
static const uint8_t *pixels(unsigned seed)
{
    static uint8_t rgb[W * H * 3];
    for (size_t i = 0; i < sizeof rgb; i++) {
        seed = seed * 1103515245u + 12345u;
        rgb[i] = (uint8_t)(seed >> 16);
    }
    return rgb;
}

static vlm_image *picture(const vlm_engine *e, unsigned seed)
{
    vlm_image *image;
    MUST(vlm_image_from_rgb(&image, e, pixels(seed), W, H, &err));
    return image;
}

static vlm_video *clip(const vlm_engine *e, unsigned first, unsigned n, double step)
{
    vlm_video *v;
    MUST(vlm_video_begin(&v, e, &err));
    for (unsigned i = 0; i < n; i++)
        MUST(vlm_video_add(v, pixels(first + i), W, H, i * step, &err));
    MUST(vlm_video_end(v, n * step, &err));
    return v;
}

static void videos(const vlm_engine *e)
{
    vlm_video *v, *w;
    uint32_t side;
    double fps;
    size_t max;
    vlm_engine_video_sampling(e, &fps, &max);
    CHECK(fps == 1 && max == 64);
    MUST(vlm_video_begin(&v, e, &err));
    CHECK(vlm_video_end(v, 1, &err) == VLM_ERR_ARGUMENT); /* no frame */
    CHECK(vlm_video_add(v, NULL, W, H, 0, &err) == VLM_ERR_ARGUMENT);
    CHECK(vlm_video_add(v, pixels(1), 0, H, 0, &err) < 0);
    CHECK(vlm_video_add(v, pixels(1), W, H, -1, &err) == VLM_ERR_ARGUMENT);
    CHECK(vlm_video_add(v, pixels(1), W, H, NAN, &err) == VLM_ERR_ARGUMENT);
    CHECK(vlm_video_n_frames(v) == 0);
    MUST(vlm_video_add(v, pixels(1), W, H, 0.5, &err));
    CHECK(vlm_video_add(v, pixels(2), W, H, 0.4, &err) == VLM_ERR_ARGUMENT); /* back in time */
    MUST(vlm_video_add(v, pixels(2), H, W, 0.5, &err));                      /* another shape */
    CHECK(vlm_video_end(v, -1, &err) == VLM_ERR_ARGUMENT);
    CHECK(vlm_video_end(v, NAN, &err) == VLM_ERR_ARGUMENT);
    MUST(vlm_video_end(v, 2, &err));
    CHECK(vlm_video_end(v, 2, &err) == VLM_ERR_ARGUMENT);
    CHECK(vlm_video_add(v, pixels(3), W, H, 1, &err) == VLM_ERR_ARGUMENT);
    CHECK(vlm_video_n_frames(v) == 2 && vlm_video_duration(v) == 2 &&
          vlm_video_frame_seconds(v, 1) == 0.5);
    CHECK(vlm_video_frame(v, 1, &side) && side > 0);
    vlm_video_close(v);
    vlm_video_close(NULL);
    /* the hash is of frames, times and length */
    v = clip(e, 5, 2, 1);
    w = clip(e, 5, 2, 1);
    CHECK(!memcmp(vlm_video_hash(v), vlm_video_hash(w), 32));
    vlm_video_close(w);
    w = clip(e, 5, 2, 1.5);
    CHECK(memcmp(vlm_video_hash(v), vlm_video_hash(w), 32));
    vlm_video_close(w);
    w = clip(e, 6, 2, 1);
    CHECK(memcmp(vlm_video_hash(v), vlm_video_hash(w), 32));
    vlm_video_close(w);
    vlm_video_close(v);
}

/* Frames and seconds at their limits and one above. */
static void video_limits(const vlm_engine *e)
{
    vlm_video *v;
    MUST(vlm_video_begin(&v, e, &err));
    CHECK(vlm_video_add(v, pixels(1), W, H, (double)VLM_LIMIT_VIDEO_SECONDS + 1, &err) ==
          VLM_ERR_LIMIT);
    for (uint64_t i = 0; i < VLM_LIMIT_VIDEO_FRAMES; i++)
        MUST(vlm_video_add(v, pixels(1), 1, 1, 0, &err));
    CHECK(vlm_video_add(v, pixels(1), W, H, 0, &err) == VLM_ERR_LIMIT);
    CHECK(vlm_video_end(v, (double)VLM_LIMIT_VIDEO_SECONDS + 1, &err) == VLM_ERR_LIMIT);
    MUST(vlm_video_end(v, (double)VLM_LIMIT_VIDEO_SECONDS, &err));
    vlm_video_close(v);
}

/* ---- conversations ---- */

static vlm_session *open_session(vlm_engine *e)
{
    vlm_session *s;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = 6;
    MUST(vlm_session_open(&s, e, &o, &err));
    return s;
}

struct said {
    int32_t ids[8];
    size_t n;
};

static vlm_stats ask(struct said *out, vlm_session *s, const vlm_message *m, size_t n)
{
    vlm_stats stats;
    vlm_token token;
    memset(out, 0, sizeof *out);
    MUST(vlm_session_sync(s, m, n, &err));
    while (vlm_session_next(s, &token, &err) == VLM_OK && out->n < 8)
        out->ids[out->n++] = token.id;
    vlm_session_stats(s, &stats);
    return stats;
}

/* What a fresh engine says; *e is as MODEL says. */
static void expect_fresh(const char *path, const struct said *said, const vlm_message *m, size_t n)
{
    vlm_engine *e = open_engine(path, NULL, 0);
    vlm_session *s = open_session(e);
    struct said fresh;
    vlm_stats stats = ask(&fresh, s, m, n);
    CHECK(stats.cached_tokens == 0 && stats.n_tiles > 0);
    CHECK(fresh.n == said->n && !memcmp(fresh.ids, said->ids, sizeof fresh.ids));
    vlm_session_close(s);
    vlm_engine_close(e);
}

/* A second question about a page: another object of the same content, the same and another place,
 * another session.  Nothing is encoded; answers are those of a fresh engine. */
static void again(const char *path)
{
    vlm_engine *e = open_engine(path, NULL, (uint64_t)64 << 20);
    vlm_session *s = open_session(e), *other = open_session(e);
    vlm_image *one = picture(e, 1), *same = picture(e, 1), *two = picture(e, 2);
    struct said said;
    vlm_part first[] = {vlm_part_image(one), vlm_part_text("What?")};
    vlm_part second[] = {vlm_part_image(same), vlm_part_text("Where?")};
    vlm_part moved[] = {vlm_part_text("Look:"), vlm_part_image(two), vlm_part_image(same)};
    vlm_part twice[] = {vlm_part_image(same), vlm_part_image(two), vlm_part_image(one)};
    vlm_message m = {"user", first, 2, 0};

    vlm_stats a = ask(&said, s, &m, 1);
    CHECK(a.n_tiles > 0 && a.cached_tokens == 0);
    m.parts = second;
    vlm_stats b = ask(&said, s, &m, 1);
    CHECK(b.n_tiles == 0 && b.vision_ms == 0 && b.cached_tokens > b.image_tokens);
    expect_fresh(path, &said, &m, 1);
    m.parts = moved;
    m.n_parts = 3;
    vlm_stats c = ask(&said, s, &m, 1);
    CHECK(c.n_tiles == a.n_tiles); /* only the new one */
    expect_fresh(path, &said, &m, 1);
    m.parts = twice;
    vlm_stats d = ask(&said, other, &m, 1);
    CHECK(d.n_tiles == 0 && d.cached_tokens == 0);
    expect_fresh(path, &said, &m, 1);
    m.parts = first; /* back to the first question, in the other session */
    m.n_parts = 2;
    CHECK(ask(&said, other, &m, 1).n_tiles == 0);
    vlm_session_close(s);
    vlm_session_close(other);
    vlm_image_close(one);
    vlm_image_close(same);
    vlm_image_close(two);
    vlm_engine_close(e);
}

/* Clips: each frame is known by its content; times are text. */
static void clips(const char *path)
{
    vlm_engine *e = open_engine(path, NULL, (uint64_t)64 << 20);
    vlm_session *s = open_session(e);
    vlm_video *v = clip(e, 10, 5, 1), *same = clip(e, 10, 5, 1), *longer = clip(e, 10, 7, 2);
    vlm_image *image = picture(e, 3);
    struct said said;
    vlm_part first[] = {vlm_part_video(v), vlm_part_text("What?")};
    vlm_part second[] = {vlm_part_video(same), vlm_part_text("Where?")};
    vlm_part mixed[] = {vlm_part_image(image), vlm_part_text("and"), vlm_part_video(longer),
                        vlm_part_image(image), vlm_part_video(v)};
    vlm_message m = {"user", first, 2, 0};

    vlm_stats a = ask(&said, s, &m, 1);
    CHECK(a.n_tiles == 5 && a.image_tokens % 5 == 0);
    expect_fresh(path, &said, &m, 1);
    m.parts = second;
    vlm_stats b = ask(&said, s, &m, 1);
    CHECK(b.n_tiles == 0 && b.cached_tokens > b.image_tokens);
    m.parts = mixed;
    m.n_parts = 5;
    vlm_stats c = ask(&said, s, &m, 1);
    CHECK(c.n_tiles > 2 && c.image_tokens > 12 * a.image_tokens / 5); /* two frames, one picture */
    expect_fresh(path, &said, &m, 1);
    vlm_session_close(s);
    vlm_image_close(image);
    vlm_video_close(v);
    vlm_video_close(same);
    vlm_video_close(longer);
    vlm_engine_close(e);
}

/* The rule of features.c: what a session reads, and max_features beside it. */
static void bounded(const char *path)
{
    struct heap h = {0, 0};
    enum { N = 24 };
    vlm_engine *e, *lender = open_engine(path, NULL, 0); /* outlives the pictures */
    vlm_session *s;
    vlm_image *images[N];
    struct said said;
    vlm_part parts[] = {{0}, vlm_part_text("What?")};
    vlm_message m = {"user", parts, 2, 0};
    for (unsigned i = 0; i < N; i++)
        images[i] = picture(lender, 100 + i);
    parts[0] = vlm_part_image(images[0]);

    /* how much one picture's features take: keep it or not */
    size_t kept[2];
    for (int keep = 0; keep < 2; keep++) {
        e = open_engine(path, &h, keep ? (uint64_t)64 << 20 : 0);
        s = open_session(e);
        ask(&said, s, &m, 1);
        kept[keep] = h.now;
        vlm_session_close(s);
        vlm_engine_close(e);
    }
    size_t one = kept[1] - kept[0];
    CHECK(kept[1] > kept[0] && one > 1000);

    e = open_engine(path, &h, 3 * one + one / 2);
    s = open_session(e);
    ask(&said, s, &m, 1);
    size_t least = h.now, tiles = 0, image_tokens = 0;
    for (unsigned i = 0; i < N; i++) {
        parts[0] = vlm_part_image(images[i]);
        vlm_stats stats = ask(&said, s, &m, 1);
        CHECK((stats.n_tiles == 0) == (i == 0));
        tiles = stats.n_tiles;
        image_tokens = stats.image_tokens;
        CHECK(h.now <= least + 3 * one); /* three more than one at most */
    }
    CHECK(tiles > 0 && image_tokens > 0);
    for (unsigned i = N; i-- > 0;) { /* the last three are still there, others are not */
        parts[0] = vlm_part_image(images[i]);
        size_t n = ask(&said, s, &m, 1).n_tiles;
        if (i >= N - 3)
            CHECK(n == 0);
        else if (i < N - 4)
            CHECK(n == tiles);
    }
    /* pictures that leave the conversation: nothing but the budget stays */
    vlm_part all[N];
    for (unsigned i = 0; i < 8; i++)
        all[i] = vlm_part_image(images[i]);
    m.parts = all;
    m.n_parts = 8;
    ask(&said, s, &m, 1);
    parts[0] = vlm_part_text("Hi.");
    m.parts = parts;
    m.n_parts = 2;
    size_t before = h.now;
    ask(&said, s, &m, 1);
    CHECK(h.now <= before);
    for (unsigned i = 0; i < N; i++)
        vlm_image_close(images[i]);
    vlm_session_close(s);
    vlm_engine_close(e);
    vlm_engine_close(lender);
    CHECK(h.now == 0);
}

/* A budget that is short gives up idle features before it refuses. */
static void short_of_memory(const char *path)
{
    struct heap h = {0, 0};
    vlm_engine *e = open_engine(path, &h, (uint64_t)64 << 20);
    vlm_session *s = open_session(e);
    struct said said;
    vlm_part part;
    vlm_message m = {"user", &part, 1, 0};
    size_t after_one = 0;
    for (unsigned i = 0; i < 20; i++) {
        vlm_image *image = picture(e, 200 + i);
        part = vlm_part_image(image);
        ask(&said, s, &m, 1);
        after_one = i ? after_one : h.peak;
        vlm_image_close(image);
    }
    size_t room = after_one + (h.peak - after_one) / 2;
    CHECK(h.peak > after_one);
    vlm_session_close(s);
    vlm_engine_close(e);

    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = 1;
    o.max_memory = room;
    MUST(vlm_engine_open(&e, path, &o, &err));
    s = open_session(e);
    for (unsigned i = 0; i < 20; i++) {
        vlm_image *image;
        int rc = vlm_image_from_rgb(&image, e, pixels(200 + i), W, H, &err);
        if (rc < 0) { /* a picture is the caller's: sync would have made room */
            CHECK(rc == VLM_ERR_MEMORY);
            continue;
        }
        part = vlm_part_image(image);
        CHECK(vlm_session_sync(s, &m, 1, &err) == VLM_OK);
        ask(&said, s, &m, 1);
        vlm_image_close(image);
    }
    vlm_session_close(s);
    vlm_engine_close(e);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    vlm_engine *e = open_engine(argv[1], NULL, (uint64_t)64 << 20);
    videos(e);
    video_limits(e);
    vlm_engine_close(e);
    again(argv[1]);
    clips(argv[1]);
    bounded(argv[1]);
    short_of_memory(argv[1]);
    printf(bad ? "%d checks failed\n" : "all as expected\n", bad);
    return bad != 0;
}
