/* score.c: which of several given answers is likeliest.  The prompt, picture included, is read
 * once.
 *
 *     cc score.c $(pkg-config --cflags --libs vlm) -o score
 *     ./score MODEL scan.png "Is it signed?" yes no
 *
 * Prints the natural logarithm of each answer's probability, then the best. */
#include <stdio.h>
#include <string.h>

#include <vlm.h>

enum { MAX_IDS = 256 };

static int score(double *sum, const vlm_engine *engine, vlm_session *session, const char *answer,
                 vlm_error *err)
{
    int32_t ids[MAX_IDS];
    float logprobs[MAX_IDS];
    size_t n, i;
    int rc = vlm_tokenize(engine, answer, strlen(answer), 0, ids, MAX_IDS, &n, err);
    if (rc == VLM_OK && n <= MAX_IDS)
        rc = vlm_session_score(session, ids, n, logprobs, err);
    *sum = 0;
    for (i = 0; rc == VLM_OK && i < n && n <= MAX_IDS; i++)
        *sum += logprobs[i];
    return rc;
}

int main(int argc, char **argv)
{
    vlm_error err = {0};
    vlm_engine *engine = NULL;
    vlm_image *image = NULL;
    vlm_session *session = NULL;
    vlm_part parts[2];
    vlm_message message = {"user", parts, 2, 0};
    double best_sum = 0;
    int rc, i, best = 0;

    if (argc < 5) {
        fprintf(stderr, "usage: %s MODEL PICTURE QUESTION ANSWER...\n", argv[0]);
        return 2;
    }
    rc = vlm_engine_open(&engine, argv[1], NULL, &err);
    if (rc == VLM_OK)
        rc = vlm_image_open(&image, engine, argv[2], &err);
    if (rc == VLM_OK)
        rc = vlm_session_open(&session, engine, NULL, &err);
    if (rc == VLM_OK) {
        parts[0] = vlm_part_image(image);
        parts[1] = vlm_part_text(argv[3]);
        rc = vlm_session_sync(session, &message, 1, &err);
    }
    for (i = 4; rc == VLM_OK && i < argc; i++) {
        double sum;
        rc = score(&sum, engine, session, argv[i], &err);
        if (rc == VLM_OK)
            printf("%.6f %s\n", sum, argv[i]);
        if (best == 0 || sum > best_sum) {
            best = i;
            best_sum = sum;
        }
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", err.message);
    else
        printf("best: %s\n", argv[best]);
    vlm_session_close(session);
    vlm_image_close(image);
    vlm_engine_close(engine);
    return rc < 0;
}
