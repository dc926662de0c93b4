/* extract.c: an answer that is JSON of a given form, whatever the model would rather say.
 *
 *     cc extract.c $(pkg-config --cflags --libs vlm) -o extract
 *     ./extract MODEL receipt.jpg receipt.schema.json
 *
 * Exit status 0 means that the text on standard output is complete and valid. */
#include <stdio.h>

#include <vlm.h>

static size_t read_file(char *out, size_t size, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(out, 1, size, f) : 0;
    if (f)
        fclose(f);
    return n;
}

int main(int argc, char **argv)
{
    static char schema[65536];
    vlm_error err = {0};
    vlm_engine *engine = NULL;
    vlm_image *image = NULL;
    vlm_constraint *constraint = NULL;
    vlm_session *session = NULL;
    vlm_session_options options;
    vlm_token token;
    vlm_part parts[2];
    vlm_message message = {"user", parts, 2, 0};
    int rc, complete = 0;

    if (argc != 4) {
        fprintf(stderr, "usage: %s MODEL PICTURE SCHEMA\n", argv[0]);
        return 2;
    }
    rc = vlm_engine_open(&engine, argv[1], NULL, &err);
    if (rc == VLM_OK)
        rc = vlm_image_open(&image, engine, argv[2], &err);
    if (rc == VLM_OK) /* compiled once, for any number of sessions */
        rc = vlm_constraint_from_json_schema(&constraint, engine, schema,
                                             read_file(schema, sizeof schema, argv[3]), &err);
    if (rc == VLM_OK) {
        vlm_session_options_init(&options);
        options.constraint = constraint;
        options.max_tokens = 1024;
        rc = vlm_session_open(&session, engine, &options, &err);
    }
    if (rc == VLM_OK) {
        parts[0] = vlm_part_image(image);
        parts[1] = vlm_part_text("Write what is on the page as JSON.");
        rc = vlm_session_sync(session, &message, 1, &err);
    }
    while (rc == VLM_OK && (rc = vlm_session_next(session, &token, &err)) == VLM_OK)
        fwrite(token.text, 1, token.n_text, stdout);
    if (rc == VLM_DONE) {
        putchar('\n');
        complete = vlm_session_finish(session) == VLM_FINISH_STOP;
        if (!complete)
            fprintf(stderr, "cut after %d tokens\n", (int)options.max_tokens);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    vlm_session_close(session);
    vlm_constraint_close(constraint);
    vlm_image_close(image);
    vlm_engine_close(engine);
    return !complete;
}
