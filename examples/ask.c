/* ask.c: ask a model about a picture; the answer appears as it is made.
 *
 *     cc ask.c $(pkg-config --cflags --libs vlm) -o ask
 *     ./ask MODEL receipt.jpg "What is the total?"
 *
 * MODEL is a directory in Hugging Face layout or a GGUF file. */
#include <stdio.h>

#include <vlm.h>

static int answer(vlm_engine *engine, const vlm_image *image, const char *question, vlm_error *err)
{
    vlm_session *session;
    vlm_session_options options;
    vlm_token token;
    vlm_part parts[2];
    vlm_message message = {"user", parts, 2, 0};
    int rc;

    parts[0] = vlm_part_image(image);
    parts[1] = vlm_part_text(question);
    vlm_session_options_init(&options);
    options.max_tokens = 200;
    rc = vlm_session_open(&session, engine, &options, err);
    if (rc < 0)
        return rc;
    rc = vlm_session_sync(session, &message, 1, err);
    while (rc == VLM_OK && (rc = vlm_session_next(session, &token, err)) == VLM_OK) {
        fwrite(token.text, 1, token.n_text, stdout);
        fflush(stdout);
    }
    vlm_session_close(session);
    return rc; /* VLM_DONE, or what failed */
}

int main(int argc, char **argv)
{
    vlm_error err = {0};
    vlm_engine *engine = NULL;
    vlm_image *image = NULL;
    int rc;

    if (argc != 4) {
        fprintf(stderr, "usage: %s MODEL PICTURE QUESTION\n", argv[0]);
        return 2;
    }
    rc = vlm_engine_open(&engine, argv[1], NULL, &err);
    if (rc == VLM_OK)
        rc = vlm_image_open(&image, engine, argv[2], &err);
    if (rc == VLM_OK)
        rc = answer(engine, image, argv[3], &err);
    putchar('\n');
    if (rc < 0)
        fprintf(stderr, "%s\n", err.message);
    vlm_image_close(image);
    vlm_engine_close(engine);
    return rc < 0;
}
