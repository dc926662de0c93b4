/* repack.c MODEL DIRECTORY: engine option repack: the same bits as without, for any number of
 * threads and rows, and its memory counted. */
#include <string.h>
#include <vlm_quantize.h>
#include <vlm_tools.h>

#include "check.h"

enum { N = 60 };

static char text[1024], tower[1024];

static vlm_engine *open_engine(const char *model, int repack, int threads, const char *isa)
{
    vlm_engine *e;
    vlm_engine_options o;
    vlm_engine_options_init(&o);
    o.n_threads = threads;
    o.mmproj = "";
    o.repack = repack;
    o.isa = isa;
    MUST(vlm_engine_open(&e, model, &o, &err));
    return e;
}

static void score(float *out, int repack, int threads, size_t chunk)
{
    vlm_engine *e = open_engine(text, repack, threads, NULL);
    vlm_session *s;
    vlm_session_options o;
    vlm_part part = vlm_part_text("The quick brown fox jumps over the lazy dog.");
    vlm_message message = {.role = "user", .parts = &part, .n_parts = 1};
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = 5 + i * 3 % 40;
    vlm_session_options_init(&o);
    o.chunk = chunk;
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, &message, 1, &err));
    MUST(vlm_session_score(s, ids, N, out, &err));
    vlm_session_close(s);
    vlm_engine_close(e);
}

static uint64_t taken(const char *model, int repack, const char *isa, vlm_estimate *x)
{
    uint64_t used, peak;
    vlm_session_options o;
    vlm_engine *e = open_engine(model, repack, 1, isa);
    vlm_session_options_init(&o);
    o.context = 64;
    MUST(vlm_session_estimate(e, &o, x, &err));
    vlm_engine_memory(e, &used, &peak);
    vlm_engine_close(e);
    return used;
}

int main(int argc, char **argv)
{
    static const size_t chunks[] = {1, 2, 7, 64};
    if (argc != 3)
        return 2;
    snprintf(text, sizeof text, "%s/repack-text.gguf", argv[2]);
    snprintf(tower, sizeof tower, "%s/mmproj-repack.gguf", argv[2]);
    vlm_quantize_options q;
    vlm_quantize_result r;
    vlm_engine_options o;
    vlm_engine *e;
    vlm_engine_options_init(&o);
    MUST(vlm_engine_open(&e, argv[1], &o, &err));
    vlm_quantize_options_init(&q);
    q.type = "q8_0";
    q.text_path = text;
    q.vision_path = tower;
    q.replace = 1;
    MUST(vlm_quantize(e, &q, &r, &err));
    const char *isa = vlm_engine_isa(e);
    int scalar = strcmp(isa, "scalar") == 0;
    vlm_engine_close(e);

    float plain[N], now[N];
    score(plain, 0, 1, 64);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        for (int threads = 1; threads < 4; threads++) {
            score(now, 1, threads, chunks[i]);
            CHECK(memcmp(now, plain, sizeof now) == 0);
        }

    vlm_estimate without, with, unused;
    uint64_t before = taken(text, 0, NULL, &without), after = taken(text, 1, NULL, &with);
    printf("%llu bytes, repacked %llu\n", (unsigned long long)before, (unsigned long long)after);
    CHECK(scalar ? after == before : after > before);
    CHECK(with.engine_bytes - without.engine_bytes == after - before);
    CHECK(with.total_bytes - without.total_bytes == after - before);
    /* nothing to repack: a level without such kernels, a model of floats */
    CHECK(taken(text, 1, "scalar", &unused) == taken(text, 0, "scalar", &unused));
    CHECK(taken(argv[1], 1, NULL, &unused) == taken(argv[1], 0, NULL, &unused));
    /* a limit holds for it */
    if (!scalar) {
        vlm_engine_options_init(&o);
        o.mmproj = "";
        o.repack = 1;
        o.max_memory = before + (after - before) / 2;
        CHECK(vlm_engine_open(&e, text, &o, &err) == VLM_ERR_MEMORY);
    }
    remove(text);
    remove(tower);
    printf(bad ? "%d not so\n" : "all so\n", bad);
    return bad != 0;
}
