/* ids.c: a rendered prompt to ids.  A slot is <image> or <video> written by the template itself;
 * each is replaced by the string the reference processor puts there (docs/MODEL-smolvlm2.md), and
 * the whole is tokenised once.  What users wrote is carried along as plain runs and never becomes a
 * slot. */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "prompt/prompt.h"
#include "prompt/run.h"
#include "prompt/video.h"

/* Both kinds of slots are of one length. */
static const char slot_text[] = "<image>", video_text[] = "<video>",
                  frame_begin[] = "<fake_token_around_image>", overview[] = "<global-img>";
_Static_assert(sizeof slot_text == sizeof video_text, "slots");
enum { SLOT = sizeof slot_text - 1 };

/* Image tokens of one picture or video. */
static bool image_tokens(size_t *out, const struct vlm_prompt_format *f,
                         const struct vlm_prompt_image *image)
{
    if (image->video)
        return vlm_mul_size(out, image->video->n_frames, f->image_seq_len);
    return vlm_mul_size(out, image->rows, image->cols) && vlm_add_size(out, *out, 1) &&
           vlm_mul_size(out, *out, f->image_seq_len);
}

static bool put_frame(struct vlm_buf *b, const char *name, size_t seq_len)
{
    bool ok = vlm_buf_puts(b, frame_begin) && vlm_buf_puts(b, name);

    for (size_t i = 0; ok && i < seq_len; i++)
        ok = vlm_buf_append(b, slot_text, SLOT);
    return ok;
}

/* transformers' get_image_prompt_string: tiles row by row with a newline behind each row, then,
 * after an empty line, the overview. */
static bool put_image(struct vlm_buf *b, const struct vlm_prompt_format *f,
                      const struct vlm_prompt_image *image)
{
    bool split = image->rows != 0 || image->cols != 0, ok = true;
    char name[64];

    for (size_t row = 1; ok && row <= image->rows; row++) {
        for (size_t col = 1; ok && col <= image->cols; col++) {
            snprintf(name, sizeof name, "<row_%zu_col_%zu>", row, col);
            ok = put_frame(b, name, f->image_seq_len);
        }
        ok = ok && vlm_buf_putc(b, '\n');
    }
    return ok && (!split || vlm_buf_putc(b, '\n')) && put_frame(b, overview, f->image_seq_len) &&
           vlm_buf_puts(b, frame_begin);
}

/* The processor's text for a video: each frame as one picture, with its time. */
static bool put_video(struct vlm_buf *b, const struct vlm_prompt_format *f,
                      const struct vlm_prompt_video *video)
{
    bool ok = vlm_prompt_put_video_intro(b, video);

    for (size_t i = 0; ok && i < video->n_frames; i++)
        ok = vlm_prompt_put_frame_time(b, video->seconds[i]) &&
             put_frame(b, overview, f->image_seq_len) && vlm_buf_puts(b, frame_begin);
    return ok && vlm_buf_puts(b, "\n\n");
}

static bool put_plain(struct vlm_prompt_text *out, size_t begin, size_t end)
{
    struct vlm_span *last = out->n_plain ? &out->plain[out->n_plain - 1] : NULL;

    if (last && last->end == begin) {
        last->end = end;
        return true;
    }
    if (!vlm_grow(out->text.alloc, &out->plain, &out->cap_plain, out->n_plain, sizeof *out->plain))
        return false;
    out->plain[out->n_plain].begin = begin;
    out->plain[out->n_plain++].end = end;
    return true;
}

struct slots {   /* where the search is */
    size_t at;   /* behind the last slot */
    size_t span; /* the first plain run that may end behind at */
    bool videos; /* <video> is one, too */
};

/* The next slot, or SIZE_MAX; s->at moves behind it. */
static size_t find_slot(struct slots *s, const struct vlm_prompt_text *p, bool *is_video)
{
    const size_t n = SLOT;
    size_t from = s->at;

    while (from <= p->text.n && p->text.n - from >= n) {
        const char *hit = memchr(p->text.data + from, '<', p->text.n - from - n + 1);
        if (!hit)
            break;
        from = (size_t)(hit - p->text.data);
        *is_video = s->videos && memcmp(hit, video_text, n) == 0;
        if (*is_video || memcmp(hit, slot_text, n) == 0) {
            while (s->span < p->n_plain && p->plain[s->span].end <= from)
                s->span++;
            if (s->span == p->n_plain || p->plain[s->span].begin >= from + n) {
                s->at = from + n;
                return from;
            }
        }
        from++;
    }
    return SIZE_MAX;
}

/* text[from, to) and the plain runs in it. */
static bool copy_part(struct vlm_prompt_text *out, const struct vlm_prompt_text *p, size_t from,
                      size_t to, size_t *span)
{
    size_t base = out->text.n;

    while (*span < p->n_plain && p->plain[*span].end <= from)
        (*span)++;
    for (size_t i = *span; i < p->n_plain && p->plain[i].begin < to; i++) {
        size_t a = vlm_max_size(p->plain[i].begin, from), b = vlm_min_size(p->plain[i].end, to);
        if (b > a && !put_plain(out, base + (a - from), base + (b - from)))
            return false;
    }
    return vlm_buf_append(&out->text, p->text.data + from, to - from);
}

static bool any_video(const struct vlm_prompt_image *images, size_t n_images)
{
    for (size_t i = 0; i < n_images; i++)
        if (images[i].video)
            return true;
    return false;
}

/* The slots that the template wrote must be those that are wanted. */
static int check_slots(const struct vlm_prompt_text *p, const struct vlm_prompt_image *images,
                       size_t n_images, vlm_error *err)
{
    struct slots s = {.videos = any_video(images, n_images)};
    size_t n = 0;
    bool is_video;

    for (; find_slot(&s, p, &is_video) != SIZE_MAX; n++)
        if (n < n_images && is_video != (images[n].video != NULL))
            return vlm_fail(
                err, VLM_ERR_FORMAT, "the chat template writes %s as slot %zu, expected %s",
                is_video ? video_text : slot_text, n, is_video ? slot_text : video_text);
    if (n != n_images)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "the chat template writes %zu image slots, expected %zu", n, n_images);
    return VLM_OK;
}

/* Pieces of a slot beside its image tokens; each has marks and words of less than 64 bytes. */
static int count_pieces(size_t *n, const struct vlm_prompt_image *image, vlm_error *err)
{
    if (image->video) {
        *n = image->video->n_frames + 4;
        return VLM_OK;
    }
    if (image->rows > VLM_LIMIT_TILES || image->cols > VLM_LIMIT_TILES ||
        image->rows * image->cols > VLM_LIMIT_TILES)
        return vlm_fail(err, VLM_ERR_LIMIT, "a picture of %zu x %zu tiles, expected at most %llu",
                        image->rows, image->cols, (unsigned long long)VLM_LIMIT_TILES);
    *n = image->rows * image->cols + image->rows + 1;
    return VLM_OK;
}

static int check_size(const struct vlm_prompt_text *p, const struct vlm_prompt_format *f,
                      const struct vlm_prompt_image *images, size_t n_images, vlm_error *err)
{
    size_t bytes = p->text.n, tokens, pieces = 0;

    for (size_t i = 0; i < n_images; i++) {
        int status = count_pieces(&pieces, &images[i], err);
        if (status != VLM_OK)
            return status;
        if (!image_tokens(&tokens, f, &images[i]) || !vlm_mul_size(&tokens, tokens, SLOT) ||
            !vlm_add_size(&bytes, bytes, tokens) || !vlm_mul_size(&pieces, pieces, 96) ||
            !vlm_add_size(&bytes, bytes, pieces) || bytes > VLM_LIMIT_TEXT_BYTES)
            return vlm_fail(err, VLM_ERR_LIMIT,
                            "the prompt with its pictures has more than %llu bytes",
                            (unsigned long long)VLM_LIMIT_TEXT_BYTES);
    }
    return VLM_OK;
}

int vlm_prompt_expand(struct vlm_prompt_text *out, const struct vlm_prompt_text *p,
                      const struct vlm_prompt_format *format, const struct vlm_prompt_image *images,
                      size_t n_images, vlm_error *err)
{
    struct slots s = {.videos = any_video(images, n_images)};
    size_t from = 0, copied = 0;
    int status = check_slots(p, images, n_images, err);
    bool ok = true, is_video;

    if (status == VLM_OK)
        status = check_size(p, format, images, n_images, err);
    if (status != VLM_OK)
        return status;
    out->text.limit = vlm_max_size(out->text.limit, VLM_LIMIT_TEXT_BYTES);
    for (size_t i = 0; ok && i < n_images; i++) {
        size_t slot = find_slot(&s, p, &is_video);
        ok = copy_part(out, p, from, slot, &copied) &&
             (is_video ? put_video(&out->text, format, images[i].video)
                       : put_image(&out->text, format, &images[i]));
        from = s.at;
    }
    if (!ok || !copy_part(out, p, from, p->text.n, &copied))
        return vlm_fail_memory(err, out->text.n, "a prompt");
    return VLM_OK;
}

int vlm_prompt_ids(struct vlm_ids *out, const struct vlm_prompt_text *p, const vlm_tokenizer *tok,
                   const struct vlm_prompt_format *format, const struct vlm_prompt_image *images,
                   size_t n_images, vlm_error *err)
{
    struct vlm_prompt_text expanded;
    size_t expected = 0, found = 0, tokens = 0, before = out->n;
    int status;

    vlm_prompt_text_init(&expanded, out->alloc);
    status = vlm_prompt_expand(&expanded, p, format, images, n_images, err);
    if (status == VLM_OK)
        status = vlm_token_encode(out, tok, expanded.text.data ? expanded.text.data : "",
                                  expanded.text.n, expanded.plain, expanded.n_plain, err);
    vlm_prompt_text_free(&expanded);
    if (status != VLM_OK)
        return status;
    for (size_t i = 0; i < n_images; i++) {
        image_tokens(&tokens, format, &images[i]);
        expected += tokens;
    }
    for (size_t i = before; i < out->n; i++)
        found += out->data[i] == format->image_token;
    if (found != expected)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "the tokenizer gives %zu image tokens (id %d), expected %zu", found,
                        (int)format->image_token, expected);
    return VLM_OK;
}
