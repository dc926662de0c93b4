/* video.c: how a video is written into a prompt, as transformers' SmolVLM processor writes it, and
 * the chat template it uses for conversations that have one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "prompt/prompt.h"
#include "prompt/video.h"

/* ---- numbers in English words, as the num2words package spells them ---- */

static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",
                                    "five",    "six",     "seven",     "eight",    "nine",
                                    "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};

static bool put_below_hundred(struct vlm_buf *b, unsigned n)
{
    if (n < 20)
        return vlm_buf_puts(b, small[n]);
    return vlm_buf_puts(b, tens[n / 10]) &&
           (n % 10 == 0 || (vlm_buf_putc(b, '-') && vlm_buf_puts(b, small[n % 10])));
}

static bool put_below_thousand(struct vlm_buf *b, unsigned n)
{
    if (n < 100)
        return put_below_hundred(b, n);
    return vlm_buf_puts(b, small[n / 100]) && vlm_buf_puts(b, " hundred") &&
           (n % 100 == 0 || (vlm_buf_puts(b, " and ") && put_below_hundred(b, n % 100)));
}

bool vlm_prompt_put_words(struct vlm_buf *b, unsigned n)
{
    if (n >= 1000000) { /* beyond every limit */
        char digits[16];
        snprintf(digits, sizeof digits, "%u", n);
        return vlm_buf_puts(b, digits);
    }
    if (n < 1000)
        return put_below_thousand(b, n);
    if (!put_below_thousand(b, n / 1000) || !vlm_buf_puts(b, " thousand"))
        return false;
    n %= 1000;
    return n == 0 || (vlm_buf_puts(b, n < 100 ? " and " : ", ") && put_below_thousand(b, n));
}

/* ---- the text around the frames ---- */

bool vlm_prompt_put_video_intro(struct vlm_buf *b, const struct vlm_prompt_video *v)
{
    unsigned seconds = (unsigned)v->duration, days = seconds / 86400;
    char text[64];

    if (!vlm_buf_puts(b, "You are provided the following series of ") ||
        !vlm_prompt_put_words(b, (unsigned)v->n_frames) || !vlm_buf_puts(b, " frames from a "))
        return false;
    snprintf(text, sizeof text, "%u day%s, ", days, days == 1 ? "" : "s");
    if (days && !vlm_buf_puts(b, text))
        return false;
    snprintf(text, sizeof text, "%u:%02u:%02u [H:MM:SS] video.\n", seconds / 3600 % 24,
             seconds / 60 % 60, seconds % 60);
    return vlm_buf_puts(b, text);
}

bool vlm_prompt_put_frame_time(struct vlm_buf *b, double seconds)
{
    unsigned whole = (unsigned)floor(seconds);
    char text[48];

    snprintf(text, sizeof text, "\nFrame from %02u:%02u:", whole / 60, whole % 60);
    return vlm_buf_puts(b, text);
}

/* ---- the template ---- */

/* What the processor puts in place of the released template when a conversation has a video: the
 * same turns, and a slot for it. */
static const char source[] = "<|im_start|>"
                             "{% for turn in messages %}{{ turn.role | capitalize }}:"
                             "{% if turn.content[0].type != 'image' %} {% endif %}"
                             "{% for part in turn.content %}"
                             "{% if part.type == 'text' %}{{ part.text }}"
                             "{% elif part.type == 'image' %}<image>"
                             "{% elif part.type == 'video' %}<video>{% endif %}"
                             "{% endfor %}<end_of_utterance>{{ '\\n' }}{% endfor %}"
                             "{% if add_generation_prompt %}Assistant:{% endif %}";

int vlm_prompt_video_template(vlm_template **out, const vlm_allocator *alloc,
                              const vlm_tokenizer *tok, vlm_error *err)
{
    if (vlm_token_find(tok, "<|im_start|>") < 0 || vlm_token_find(tok, "<end_of_utterance>") < 0)
        return VLM_OK;
    return vlm_template_open(out, alloc, source, sizeof source - 1, "the template for videos", err);
}
