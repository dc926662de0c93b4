/* pictures.c MODEL TMP: encoded pictures on disk (engine option feature_dir), and among tenants.
 * Whatever stands in the directory, answers are the same; only how often the tower works differs.
 * Written from vlm.h alone. */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

enum { W = 40, H = 30, MOST_TOKENS = 6 };

static const char *model;
static char dir[1024];

static const uint8_t *pixels(unsigned seed)
{
    static uint8_t rgb[W * H * 3];
    for (size_t i = 0; i < sizeof rgb; i++) {
        seed = seed * 1103515245u + 12345u;
        rgb[i] = (uint8_t)(seed >> 16);
    }
    return rgb;
}

struct said {
    int32_t ids[MOST_TOKENS + 1];
    float logprobs[MOST_TOKENS + 1];
    size_t n, n_tiles;
};

static void ask(struct said *out, vlm_engine *e, unsigned picture, const char *tenant)
{
    vlm_session *s;
    vlm_image *image;
    vlm_token token;
    vlm_stats stats;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.max_tokens = MOST_TOKENS;
    o.n_logprobs = 1;
    o.tenant = tenant;
    *out = (struct said){.n = 0};
    MUST(vlm_image_from_rgb(&image, e, pixels(picture), W, H, &err));
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("What?")};
    vlm_message m = {"user", parts, 2, 0};
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &m, 1, &err));
    vlm_image_close(image);
    while (vlm_session_next(s, &token, &err) == VLM_OK && out->n < MOST_TOKENS) {
        out->logprobs[out->n] = token.logprob;
        out->ids[out->n++] = token.id;
    }
    vlm_session_stats(s, &stats);
    out->n_tiles = stats.n_tiles;
    vlm_session_close(s);
}

static vlm_engine *open_engine(const char *features, uint64_t max_features, uint64_t max_dir)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    CHECK(o.max_feature_dir == (uint64_t)1 << 30);
    o.n_threads = 1;
    o.feature_dir = features;
    o.max_features = max_features;
    o.max_feature_dir = max_dir ? max_dir : o.max_feature_dir;
    MUST(vlm_engine_open(&e, model, &o, &err));
    return e;
}

/* In an engine of its own. */
static struct said fresh(const char *features, unsigned picture, const char *tenant)
{
    struct said said;
    vlm_engine *e = open_engine(features, 0, 0);
    ask(&said, e, picture, tenant);
    vlm_engine_close(e);
    return said;
}

static bool same(const struct said *a, const struct said *b)
{
    return a->n == b->n && !memcmp(a->ids, b->ids, sizeof a->ids) &&
           !memcmp(a->logprobs, b->logprobs, sizeof a->logprobs);
}

/* Calls fn for every name in the directory; returns how many there are. */
static size_t each(void (*fn)(const char *path))
{
    DIR *d = opendir(dir);
    size_t n = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        char path[2048];
        if (f->d_name[0] == '.' && (!f->d_name[1] || !strcmp(f->d_name, "..")))
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        n++;
        if (fn)
            fn(path);
    }
    if (d)
        closedir(d);
    return n;
}

static void erase(const char *path)
{
    if (unlink(path) != 0)
        rmdir(path);
}

static void flip(const char *path, long at, int whence)
{
    FILE *f = fopen(path, "r+b");
    int c = f && fseek(f, at, whence) == 0 ? fgetc(f) : EOF;
    CHECK(c != EOF && fseek(f, -1, SEEK_CUR) == 0 && fputc(c ^ 1, f) != EOF);
    if (f)
        fclose(f);
}
static void flip_first(const char *path)
{
    flip(path, 0, SEEK_SET);
}
static void flip_name(const char *path)
{
    flip(path, 12, SEEK_SET);
}
static void flip_last(const char *path)
{
    flip(path, -1, SEEK_END);
}
static void cut_short(const char *path)
{
    struct stat st;
    CHECK(stat(path, &st) == 0 && truncate(path, st.st_size - 1) == 0);
}
static void make_longer(const char *path)
{
    struct stat st;
    CHECK(stat(path, &st) == 0 && truncate(path, st.st_size + 1) == 0);
}
static void empty(const char *path)
{
    CHECK(truncate(path, 0) == 0);
}
static void make_directory(const char *path)
{
    CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
}
static void make_pipe(const char *path)
{
    CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0);
}
static void only_for_us(const char *path)
{
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
}
static void none(const char *path)
{
    (void)path;
}

static void damaged_files(const struct said *plain)
{
    static void (*const damages[])(const char *) = {flip_first, flip_name,   flip_last,
                                                    cut_short,  make_longer, empty,
                                                    make_pipe,  erase,       make_directory};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        CHECK(each(damages[i]) == 1);
        struct said after = fresh(dir, 1, NULL), again = fresh(dir, 1, NULL);
        CHECK(same(&after, plain) && after.n_tiles == plain->n_tiles);
        /* written anew, but where a directory stands */
        CHECK(same(&again, plain) && (again.n_tiles == 0) == (damages[i] != make_directory));
    }
    each(erase);
}

/* A directory of at most so many bytes: the newest stay. */
static void bounded(void)
{
    struct said said;
    vlm_engine *e = open_engine(dir, 0, 0);
    ask(&said, e, 100, NULL);
    vlm_engine_close(e);
    struct stat st;
    DIR *d = opendir(dir);
    char path[2048] = "";
    for (struct dirent *f; (f = readdir(d));)
        if (strlen(f->d_name) > 10)
            snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
    closedir(d);
    CHECK(stat(path, &st) == 0);
    uint64_t one = (uint64_t)(st.st_size < 4096 ? 4096 : st.st_size);
    size_t tiles = said.n_tiles;
    e = open_engine(dir, 0, 3 * one + one / 2);
    for (unsigned i = 101; i < 108; i++) {
        usleep(2000); /* the clock of a file system may be coarse */
        ask(&said, e, i, NULL);
        CHECK(said.n_tiles == tiles && each(none) <= 3);
    }
    vlm_engine_close(e);
    CHECK(each(none) == 3);
    CHECK(fresh(dir, 107, NULL).n_tiles == 0 && fresh(dir, 105, NULL).n_tiles == 0);
    e = open_engine(dir, 0, 1); /* smaller than a file: all go, none is written */
    ask(&said, e, 107, NULL);
    vlm_engine_close(e);
    CHECK(said.n_tiles == tiles && each(none) == 0);
}

/* What one tenant's picture cost, another's costs again. */
static void tenants(const struct said *plain)
{
    struct said said;
    vlm_engine *e = open_engine(NULL, (uint64_t)64 << 20, 0);
    ask(&said, e, 1, "a");
    CHECK(same(&said, plain) && said.n_tiles > 0);
    ask(&said, e, 1, "b");
    CHECK(same(&said, plain) && said.n_tiles > 0);
    ask(&said, e, 1, "a");
    CHECK(same(&said, plain) && said.n_tiles == 0);
    ask(&said, e, 1, NULL);
    CHECK(same(&said, plain) && said.n_tiles > 0);
    ask(&said, e, 1, "");
    CHECK(same(&said, plain) && said.n_tiles == 0);
    vlm_engine_close(e);
    CHECK(fresh(dir, 1, "a").n_tiles > 0 && fresh(dir, 1, "b").n_tiles > 0 &&
          fresh(dir, 1, "a").n_tiles == 0 && fresh(dir, 1, "b").n_tiles == 0 &&
          fresh(dir, 1, NULL).n_tiles > 0);
    CHECK(each(erase) == 3);
}

static void bad_places(const struct said *plain)
{
    char name[2000];
    struct said said;
    vlm_engine *e = NULL;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.feature_dir = model; /* fine: it is a directory */
    snprintf(name, sizeof name, "%s/config.json", model);
    o.feature_dir = name;
    CHECK(vlm_engine_open(&e, model, &o, &err) == VLM_ERR_IO && !e);
    snprintf(name, sizeof name, "%s/none/there", dir);
    CHECK(vlm_engine_open(&e, model, &o, &err) == VLM_ERR_IO && !e);
    char longest[5000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    o.feature_dir = longest;
    CHECK(vlm_engine_open(&e, model, &o, &err) == VLM_ERR_IO && !e);
    /* it goes away under us */
    e = open_engine(dir, 0, 0);
    CHECK(rmdir(dir) == 0);
    ask(&said, e, 1, NULL);
    CHECK(same(&said, plain) && said.n_tiles > 0);
    vlm_engine_close(e);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    model = argv[1];
    snprintf(dir, sizeof dir, "%s/features-%ld", argv[2], (long)getpid());
    const struct said plain = fresh(NULL, 1, NULL);
    struct said cold = fresh(dir, 1, NULL), warm = fresh(dir, 1, NULL), other = fresh(dir, 2, NULL);
    CHECK(plain.n_tiles > 0 && same(&cold, &plain) && cold.n_tiles == plain.n_tiles);
    CHECK(same(&warm, &plain) && warm.n_tiles == 0);
    CHECK(other.n_tiles > 0);
    CHECK(each(only_for_us) == 2);
    each(erase);
    fresh(dir, 1, NULL);
    damaged_files(&plain);
    tenants(&plain);
    bounded();
    bad_places(&plain);
    each(erase);
    rmdir(dir);
    printf(bad ? "%d checks failed\n" : "all as expected\n", bad);
    return bad != 0;
}
