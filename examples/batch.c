/* batch.c: one question about many documents, several at a time: each vlm_step is one forward pass
 * for all sessions, which is several times faster than one after another.
 *
 *     cc batch.c $(pkg-config --cflags --libs vlm) -o batch
 *     ./batch MODEL "What is the total?" page1.png page2.png ... */
#include <stdio.h>
#include <string.h>

#include <vlm.h>

enum { SIDE_BY_SIDE = 4, MAX_ANSWER = 4096 };

struct job {
    vlm_session *session;
    const char *file; /* NULL: none in work */
    char answer[MAX_ANSWER];
    size_t n;
};

static int begin(struct job *j, vlm_engine *engine, const char *file, const char *question,
                 vlm_error *err)
{
    vlm_image *image;
    vlm_part parts[2];
    vlm_message message = {"user", parts, 2, 0};
    int rc = vlm_image_open(&image, engine, file, err);
    if (rc < 0)
        return rc;
    parts[0] = vlm_part_image(image);
    parts[1] = vlm_part_text(question);
    rc = vlm_session_sync(j->session, &message, 1, err);
    vlm_image_close(image); /* the session took what it needs */
    j->file = rc < 0 ? NULL : file;
    j->n = 0;
    return rc;
}

int main(int argc, char **argv)
{
    static struct job jobs[SIDE_BY_SIDE];
    vlm_session *busy[SIDE_BY_SIDE];
    vlm_error err = {0};
    vlm_engine *engine;
    int next = 3, failed = 0, i;

    if (argc < 4 || vlm_engine_open(&engine, argv[1], NULL, &err) < 0) {
        fprintf(stderr, "%s\n", argc < 4 ? "usage: batch MODEL QUESTION PICTURE..." : err.message);
        return 2;
    }
    for (i = 0; i < SIDE_BY_SIDE; i++)
        if (vlm_session_open(&jobs[i].session, engine, NULL, &err) < 0)
            return 1;
    for (;;) {
        size_t n = 0;
        for (i = 0; i < SIDE_BY_SIDE; i++) {
            while (!jobs[i].file && next < argc) /* free: the next document that can be read */
                if (begin(&jobs[i], engine, argv[next++], argv[2], &err) < 0)
                    failed += fprintf(stderr, "%s\n", err.message) > 0;
            if (jobs[i].file)
                busy[n++] = jobs[i].session;
        }
        if (n == 0 || vlm_step(engine, busy, n, &err) < 0)
            break;
        for (i = 0; i < SIDE_BY_SIDE; i++) {
            vlm_token token;
            int rc = jobs[i].file ? vlm_session_token(jobs[i].session, &token, &err) : VLM_MORE;
            if (rc == VLM_OK && token.n_text < sizeof jobs[i].answer - jobs[i].n) {
                memcpy(jobs[i].answer + jobs[i].n, token.text, token.n_text);
                jobs[i].n += token.n_text;
            } else if (rc == VLM_DONE || rc < 0) { /* VLM_MORE: still reading its prompt */
                printf("%s: %.*s\n", jobs[i].file, (int)jobs[i].n,
                       rc < 0 ? err.message : jobs[i].answer);
                jobs[i].file = NULL;
                failed += rc < 0;
            }
        }
    }
    for (i = 0; i < SIDE_BY_SIDE; i++)
        vlm_session_close(jobs[i].session);
    vlm_engine_close(engine);
    return failed != 0;
}
