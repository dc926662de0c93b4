/* chat.c: a conversation on standard input, a line a turn.  "/image FILE" adds a picture to the
 * next line.  The session always gets the whole conversation and reads only what is new.
 *
 *     cc chat.c $(pkg-config --cflags --libs vlm) -o chat
 *     ./chat MODEL */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vlm.h>

enum { MAX_TURNS = 64, MAX_ANSWER = 65536 };

static char *copy(const char *text, size_t n)
{
    char *s = malloc(n + 1);
    if (!s)
        exit(1);
    memcpy(s, text, n);
    s[n] = 0;
    return s;
}

/* Answers the conversation so far; returns the answer, or NULL. */
static char *reply(vlm_session *session, const vlm_message *messages, size_t n, vlm_error *err)
{
    static char text[MAX_ANSWER];
    size_t used = 0;
    vlm_token token;
    int rc = vlm_session_sync(session, messages, n, err);
    while (rc == VLM_OK && (rc = vlm_session_next(session, &token, err)) == VLM_OK) {
        size_t some = token.n_text < sizeof text - used ? token.n_text : sizeof text - used;
        memcpy(text + used, token.text, some);
        used += some;
        fwrite(token.text, 1, token.n_text, stdout);
        fflush(stdout);
    }
    putchar('\n');
    return rc < 0 ? NULL : copy(text, used);
}

int main(int argc, char **argv)
{
    static vlm_message messages[2 * MAX_TURNS];
    static vlm_part parts[2 * MAX_TURNS][2];
    static vlm_image *images[MAX_TURNS];
    vlm_error err = {0};
    vlm_engine *engine;
    vlm_session *session;
    size_t n = 0, n_images = 0, n_parts = 0;
    char line[4096];

    if (argc != 2 || vlm_engine_open(&engine, argv[1], NULL, &err) < 0 ||
        vlm_session_open(&session, engine, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", argc == 2 ? err.message : "usage: chat MODEL");
        return 2;
    }
    while (n + 2 <= 2 * MAX_TURNS && fgets(line, sizeof line, stdin)) {
        char *answer;
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "/image ", 7) == 0 && n_parts == 0) {
            if (vlm_image_open(&images[n_images], engine, line + 7, &err) < 0)
                fprintf(stderr, "%s\n", err.message);
            else
                parts[n][n_parts++] = vlm_part_image(images[n_images++]);
            continue;
        }
        parts[n][n_parts++] = vlm_part_text(copy(line, strlen(line)));
        messages[n] = (vlm_message){"user", parts[n], n_parts, 0};
        answer = reply(session, messages, n + 1, &err);
        if (!answer) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        parts[n + 1][0] = vlm_part_text(answer);
        messages[n + 1] = (vlm_message){"assistant", parts[n + 1], 1, 0};
        n += 2;
        n_parts = 0;
    }
    vlm_session_close(session);
    while (n_images > 0)
        vlm_image_close(images[--n_images]);
    vlm_engine_close(engine); /* the texts live until the program ends */
    return 0;
}
