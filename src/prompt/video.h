/* video.h: the words around a video's frames, for ids.c and tests. */
#ifndef VLM_PROMPT_VIDEO_H
#define VLM_PROMPT_VIDEO_H

#include "prompt/prompt.h"

bool vlm_prompt_put_words(struct vlm_buf *b, unsigned n); /* "one hundred and one" */
bool vlm_prompt_put_video_intro(struct vlm_buf *b, const struct vlm_prompt_video *v);
bool vlm_prompt_put_frame_time(struct vlm_buf *b, double seconds); /* "\nFrame from 01:05:" */

#endif
