/* ids.c: a rendered prompt to ids.  An image slot is <image> written by the template itself; each
 * is replaced by the string the reference processor puts there (docs/MODEL-smolvlm2.md), and the
 * whole is tokenised once.  What users wrote is carried along as plain runs and never becomes a
 * slot. */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "prompt/prompt.h"
#include "prompt/run.h"

static const char slot_text[] = "<image>", frame_begin[] = "<fake_token_around_image>",
                  overview[] = "<global-img>";

/* Image tokens of one picture. */
static bool image_tokens(size_t *out, const struct vlm_prompt_format *f,
                         const struct vlm_prompt_image *image)
{
    return vlm_mul_size(out, image->rows, image->cols) && vlm_add_size(out, *out, 1) &&
           vlm_mul_size(out, *out, f->image_seq_len);
}

static bool put_frame(struct vlm_buf *b, const char *name, size_t seq_len)
{
    bool ok = vlm_buf_puts(b, frame_begin) && vlm_buf_puts(b, name);

    for (size_t i = 0; ok && i < seq_len; i++)
        ok = vlm_buf_append(b, slot_text, sizeof slot_text - 1);
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

/* The next slot at or after from, or SIZE_MAX.  *span is the first plain run that ends behind from.
 */
static size_t find_slot(const struct vlm_prompt_text *p, size_t from, size_t *span)
{
    const size_t n = sizeof slot_text - 1;

    while (from <= p->text.n && p->text.n - from >= n) {
        const char *hit = memchr(p->text.data + from, '<', p->text.n - from - n + 1);
        if (!hit)
            break;
        from = (size_t)(hit - p->text.data);
        if (memcmp(hit, slot_text, n) == 0) {
            while (*span < p->n_plain && p->plain[*span].end <= from)
                (*span)++;
            if (*span == p->n_plain || p->plain[*span].begin >= from + n)
                return from;
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

static int check_counts(const struct vlm_prompt_text *p, const struct vlm_prompt_format *f,
                        const struct vlm_prompt_image *images, size_t n_images, vlm_error *err)
{
    size_t slots = 0, span = 0, bytes = p->text.n, tokens;

    for (size_t at = 0; (at = find_slot(p, at, &span)) != SIZE_MAX; at += sizeof slot_text - 1)
        slots++;
    if (slots != n_images)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "the chat template writes %zu image slots, expected %zu", slots, n_images);
    for (size_t i = 0; i < n_images; i++) {
        /* a frame's marks take less than 64 bytes */
        size_t frames = 0;
        if (images[i].rows > VLM_LIMIT_TILES || images[i].cols > VLM_LIMIT_TILES ||
            images[i].rows * images[i].cols > VLM_LIMIT_TILES)
            return vlm_fail(err, VLM_ERR_LIMIT,
                            "a picture of %zu x %zu tiles, expected at most %llu", images[i].rows,
                            images[i].cols, (unsigned long long)VLM_LIMIT_TILES);
        frames = images[i].rows * images[i].cols + images[i].rows + 1;
        if (!image_tokens(&tokens, f, &images[i]) ||
            !vlm_mul_size(&tokens, tokens, sizeof slot_text - 1) ||
            !vlm_add_size(&bytes, bytes, tokens) || !vlm_add_size(&bytes, bytes, 64 * frames) ||
            bytes > VLM_LIMIT_TEXT_BYTES)
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
    size_t at = 0, span = 0, copied = 0, slot;
    int status = check_counts(p, format, images, n_images, err);
    bool ok = true;

    if (status != VLM_OK)
        return status;
    out->text.limit = vlm_max_size(out->text.limit, VLM_LIMIT_TEXT_BYTES);
    for (size_t i = 0; ok && i < n_images; i++) {
        slot = find_slot(p, at, &span);
        ok = copy_part(out, p, at, slot, &copied) && put_image(&out->text, format, &images[i]);
        at = slot + sizeof slot_text - 1;
    }
    if (!ok || !copy_part(out, p, at, p->text.n, &copied))
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
