/* request.h: one conversation as the library wants it, built from options or from JSON.
 *
 * Owns its messages, parts, decoded pictures and the JSON or text they point into.  Keep it until
 * the session that synced it has synced another or is closed. */
#ifndef VLM_CLI_REQUEST_H
#define VLM_CLI_REQUEST_H

#include <jansson.h>
#include <limits.h>

#include "base/buf.h"
#include "model.h"

struct cli_request {
    vlm_message *messages;
    size_t n_messages, cap_messages;
    vlm_part *parts; /* of all messages, one after another */
    size_t n_parts, cap_parts;
    vlm_image **images;
    size_t n_images, cap_images;
    vlm_video **videos;
    size_t n_videos, cap_videos;
    size_t n_files;      /* named so far: at most VLM_LIMIT_IMAGES */
    json_t *json;        /* the texts' owner, or NULL */
    struct vlm_buf text; /* the prompt that came from standard input */
    double decode_ms;    /* reading and decoding files */
};

/* Where texts come from, for errors and for the paths of pictures. */
struct cli_source {
    const char *shown; /* "m.json", "in.jsonl: line 7" */
    const char *file;  /* paths are relative to its directory; NULL or "-": the current one */
    bool or_here;      /* and, when not found there, to the current directory */
};

/* --messages, or --system, files and prompt: files first, then the text, in one user message. */
int cli_request_from_options(struct cli_request *r, const vlm_engine *engine,
                             const struct cli_options *o, const struct cli_media_list *media,
                             const char *prompt, vlm_error *err);
/* {"messages": [...]} or {"prompt": "...", "images": [...]}.  object is borrowed. */
int cli_request_from_json(struct cli_request *r, const vlm_engine *engine,
                          const struct cli_options *o, json_t *object,
                          const struct cli_source *source, vlm_error *err);
void cli_request_free(struct cli_request *r);

/* A conversation that grows, for `vlm chat`.  Roles and texts are borrowed, files are opened. */
void cli_request_begin(struct cli_request *r);
int cli_request_message(struct cli_request *r, const char *role, vlm_error *err);
int cli_request_text(struct cli_request *r, const char *text, size_t n, vlm_error *err);
/* A part as messages files have it, behind the last message's others.  On failure as before. */
int cli_request_part(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                     const json_t *part, const struct cli_source *source, vlm_error *err);
/* A message as messages files have it.  On failure only fit to be freed. */
int cli_request_read(struct cli_request *r, const vlm_engine *engine, const struct cli_options *o,
                     const json_t *message, const struct cli_source *source, vlm_error *err);
/* Back to a copy made before, whose last message had n_last parts. */
void cli_request_back(struct cli_request *r, const struct cli_request *before, size_t n_last);

/* path as the source means it */
int cli_source_path(char out[PATH_MAX], const char *path, const struct cli_source *source,
                    vlm_error *err);

#endif
