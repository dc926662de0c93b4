/* talk.h: the conversation of vlm chat: what is asked, what was answered, and its file.
 *
 * It is kept twice: as messages with decoded pictures for the session, and as the JSON of a
 * messages file, whose texts the messages point into.  The question that is being written is the
 * last message; it is open until it has its text. */
#ifndef VLM_CLI_TALK_H
#define VLM_CLI_TALK_H

#include "request.h"

struct cli_talk {
    const vlm_engine *engine;
    const struct cli_options *o;
    struct cli_request request; /* its json: the list; message 0: the system's, maybe empty */
    bool open, asked;           /* a question with its files; and its text */
    struct cli_request before;  /* the question */
};

/* o: --system and the files at the start; errors of those fail. */
int cli_talk_open(struct cli_talk *t, const vlm_engine *engine, const struct cli_options *o,
                  const struct cli_media_list *files, vlm_error *err);
void cli_talk_close(struct cli_talk *t);
/* A file of the next question.  On failure as before. */
int cli_talk_file(struct cli_talk *t, const struct cli_media *file, vlm_error *err);
/* The question's text.  On failure the question is taken back. */
int cli_talk_ask(struct cli_talk *t, const char *text, size_t n, vlm_error *err);
/* What answers the question. */
int cli_talk_answer(struct cli_talk *t, const char *text, size_t n, vlm_error *err);
/* Forgets the question; its files stay with the next one, or not. */
void cli_talk_take_back(struct cli_talk *t, bool keep_files);
/* Replaces the system's text; empty: none. */
int cli_talk_system(struct cli_talk *t, const char *text, size_t n, vlm_error *err);
/* Everything but the system's text is forgotten. */
int cli_talk_reset(struct cli_talk *t, vlm_error *err);
/* A messages file; an open question is not part of it.  Paths below its directory are relative. */
int cli_talk_save(const struct cli_talk *t, const char *path, vlm_error *err);
/* On failure as before.  A last message of the user is a question that was asked. */
int cli_talk_load(struct cli_talk *t, const char *path, vlm_error *err);
const vlm_message *cli_talk_messages(const struct cli_talk *t, size_t *n);

#endif
