/* prompt.h: messages <-> ids.  The model's own chat template (Jinja) is run by a bounded
 * interpreter; what users wrote is tracked byte by byte through it, so that it can never become a
 * control token or an image slot. */
#ifndef VLM_PROMPT_PROMPT_H
#define VLM_PROMPT_PROMPT_H

#include "token/token.h"

typedef struct vlm_template vlm_template;

/* source: borrowed during the call; file: its name for errors.  Refused: syntax errors, and
 * anything the interpreter does not know, with the line number. */
int vlm_template_open(vlm_template **out, const vlm_allocator *alloc, const char *source, size_t n,
                      const char *file, vlm_error *err);
void vlm_template_close(vlm_template *t); /* NULL allowed */
/* The template for conversations with a video, which the released ones do not write: the reference
 * processor's, for vocabularies that have its tokens; for others *out stays as it is. */
int vlm_prompt_video_template(vlm_template **out, const vlm_allocator *alloc,
                              const vlm_tokenizer *tok, vlm_error *err);

/* Text with the runs in it that came from users. */
struct vlm_prompt_text {
    struct vlm_buf text;
    struct vlm_span *plain; /* ascending, disjoint, not touching */
    size_t n_plain, cap_plain;
};
void vlm_prompt_text_init(struct vlm_prompt_text *p, const vlm_allocator *alloc);
void vlm_prompt_text_free(struct vlm_prompt_text *p);

/* Runs the template on the messages, as transformers' apply_chat_template: every content is a list
 * of
 * {"type": "image"} and {"type": "text", "text": ...}.  A last message with prefix set is
 * continued: its turn's closing text is cut off and no generation prompt is added.  Step, output
 * and depth limits of limits.h hold; stopping at one is an error, never a cut prompt. */
int vlm_prompt_render(struct vlm_prompt_text *out, const vlm_template *t,
                      const vlm_message *messages, size_t n_messages, bool add_generation_prompt,
                      vlm_error *err);

/* The same with data that only templates know.  Each is JSON text or NULL: tools, a list; messages,
 * a list of as many objects as there are messages, whose members but role, content and prefix are
 * handed on; where content is null there, the template sees none. */
struct vlm_prompt_data {
    const char *tools, *messages;
};
int vlm_prompt_render_data(struct vlm_prompt_text *out, const vlm_template *t,
                           const vlm_message *messages, size_t n_messages,
                           bool add_generation_prompt, const struct vlm_prompt_data *data,
                           vlm_error *err);

/* What stands in one slot of the prompt: a picture of rows x cols tiles and an overview, or of
 * (0, 0) one frame; or a video. */
struct vlm_prompt_video {
    const double *seconds; /* [n_frames], from 0 on */
    size_t n_frames;
    double duration;
};
struct vlm_prompt_image {
    size_t rows, cols;
    const struct vlm_prompt_video *video; /* NULL: a picture */
};
struct vlm_prompt_format {
    size_t image_seq_len; /* image tokens of a frame */
    int32_t image_token;  /* id of <image> */
};

/* Expands every <image>, and <video> when there is one among images, of the template's own text
 * (not of users') into the reference processor's string, then tokenises once.  The slots must be
 * those of images, in this order.  The positions of image tokens are those that hold
 * format->image_token AND came from an expansion, which plain text never gives. */
int vlm_prompt_ids(struct vlm_ids *out, const struct vlm_prompt_text *p, const vlm_tokenizer *tok,
                   const struct vlm_prompt_format *format, const struct vlm_prompt_image *images,
                   size_t n_images, vlm_error *err);

#endif
