/* score.c MODEL PICTURE: scores against the log probabilities that the same tokens had when they
 * were generated; embeddings against themselves. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vlm.h>

#include "check.h"

enum { N = 40 };

static size_t generate(vlm_session *s, int32_t *ids, float *logprobs)
{
    vlm_token t;
    size_t n = 0;
    while (n < N && vlm_session_next(s, &t, &err) == VLM_OK) {
        ids[n] = t.id;
        logprobs[n++] = t.logprob;
    }
    return n;
}

static void scores(vlm_engine *e, const vlm_message *m, size_t chunk)
{
    int32_t ids[N], again[N];
    float logprobs[N], scored[N], other[N];
    vlm_session *s;
    vlm_session_options o;
    vlm_session_options_init(&o);
    o.n_logprobs = 1;
    o.max_tokens = N;
    o.chunk = chunk;
    MUST(vlm_session_open(&s, e, &o, &err));
    CHECK(vlm_session_score(s, ids, 0, scored, &err) == VLM_ERR_ARGUMENT);
    MUST(vlm_session_sync(s, m, 1, &err));
    size_t n = generate(s, ids, logprobs);
    CHECK(n > 3);
    MUST(vlm_session_score(s, ids, n, scored, &err));
    for (size_t i = 0; i < n; i++) /* one order of summation: the same bits */
        CHECK(scored[i] == logprobs[i]);
    /* another answer to the same prompt, then the first again */
    int32_t wrong[3] = {5, 6, 7};
    MUST(vlm_session_score(s, wrong, 3, other, &err));
    CHECK(other[0] <= 0 && other[0] < logprobs[0]);
    MUST(vlm_session_score(s, ids, n, other, &err));
    CHECK(!memcmp(other, scored, n * sizeof *other));
    /* the answer can still be generated */
    CHECK(generate(s, again, other) == n && !memcmp(ids, again, n * sizeof *ids));
    CHECK(!memcmp(other, logprobs, n * sizeof *other));
    wrong[1] = -1;
    CHECK(vlm_session_score(s, wrong, 3, other, &err) == VLM_ERR_ARGUMENT);
    vlm_session_close(s);
    /* a session that never generated */
    MUST(vlm_session_open(&s, e, &o, &err));
    MUST(vlm_session_sync(s, m, 1, &err));
    MUST(vlm_session_score(s, ids, n, other, &err));
    CHECK(!memcmp(other, scored, n * sizeof *other));
    vlm_session_close(s);
}

static void embeddings(vlm_engine *e, const vlm_message *m, const vlm_message *other)
{
    size_t n = vlm_engine_embedding_size(e);
    float *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b);
    vlm_session_options o;
    vlm_session_options_init(&o);
    for (vlm_pooling p = VLM_POOL_MEAN; p <= VLM_POOL_LAST; p++) {
        double length = 0, same = 0;
        o.chunk = 256;
        MUST(vlm_embed(e, m, 1, p, &o, a, &err));
        o.chunk = 3;
        MUST(vlm_embed(e, m, 1, p, &o, b, &err));
        CHECK(!memcmp(a, b, n * sizeof *a));
        MUST(vlm_embed(e, other, 1, p, &o, b, &err));
        for (size_t i = 0; i < n; i++) {
            length += (double)a[i] * a[i];
            same += (double)a[i] * b[i];
        }
        CHECK(fabs(length - 1) < 1e-5);
        CHECK(same < 0.99999);
    }
    CHECK(vlm_embed(e, m, 1, (vlm_pooling)7, NULL, a, &err) == VLM_ERR_ARGUMENT);
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    vlm_engine *e;
    vlm_image *image;
    if (argc != 3)
        return 2;
    MUST(vlm_engine_open(&e, argv[1], NULL, &err));
    MUST(vlm_image_open(&image, e, argv[2], &err));
    vlm_part parts[2] = {vlm_part_image(image), vlm_part_text("What is it?")};
    vlm_message page = {.role = "user", .parts = parts, .n_parts = 2};
    vlm_message text = {.role = "user", .parts = parts + 1, .n_parts = 1};
    scores(e, &text, 256);
    scores(e, &page, 256);
    scores(e, &page, 7);
    embeddings(e, &page, &text);
    vlm_image_close(image);
    vlm_engine_close(e);
    return bad != 0;
}
