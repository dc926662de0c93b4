/* export.c: a tokenizer as GGUF says it: the name of its pre-tokenizer, every token's text and
 * kind, every merge.  What that cannot say is refused by name. */
#include <string.h>

#include "token/export.h"
#include "token/internal.h"

int vlm_token_export_pre(const char **out, const vlm_tokenizer *t, vlm_error *err)
{
    const struct vlm_token_step *last = &t->steps[t->n_steps - 1], *first = &t->steps[0];
    const char *unsaid = NULL;
    bool gpt2 = last->kind == VLM_TOKEN_BYTE_LEVEL && last->gpt2 && !last->prefix_space;
    bool digits =
        t->n_steps == 2 && first->kind == VLM_TOKEN_DIGITS && first->behavior == VLM_TOKEN_ISOLATED;
    if (!gpt2 || (t->n_steps != 1 && !digits))
        unsaid = "a pre-tokenizer that is neither GPT-2's nor that with single digits";
    else if (t->ignore_merges)
        unsaid = "ignore_merges";
    for (int i = 0; i < 2 && !unsaid; i++)
        for (size_t k = 0; k < t->sets[i].n && !unsaid; k++)
            if (t->sets[i].tokens[k].single_word || t->sets[i].tokens[k].lstrip ||
                t->sets[i].tokens[k].rstrip)
                unsaid = "added tokens with single_word, lstrip or rstrip";
    if (unsaid)
        return vlm_fail(err, VLM_ERR_UNSUPPORTED, "the tokenizer has %s, which GGUF cannot say",
                        unsaid);
    *out = digits ? "smollm" : "gpt-2";
    return VLM_OK;
}

/* Bytes as the printable characters that stand for them in files. */
static bool append_text(struct vlm_buf *out, const struct vlm_tokenizer *t, uint32_t id)
{
    const struct vlm_token_entry *e = &t->entries[id];
    const char *s = t->bytes.data + e->at;
    if (e->literal)
        return vlm_buf_append(out, s, e->n);
    for (uint32_t i = 0; i < e->n; i++)
        if (!vlm_buf_utf8(out, vlm_token_char_of_byte((unsigned char)s[i])))
            return false;
    return true;
}

bool vlm_token_export_text(struct vlm_buf *out, const vlm_tokenizer *t, int32_t id,
                           enum vlm_token_kind *kind)
{
    if (id < 0 || (size_t)id >= t->n_entries || !t->entries[id].used) {
        *kind = VLM_TOKEN_KIND_NONE;
        return true;
    }
    const struct vlm_token_entry *e = &t->entries[id];
    *kind = e->special ? VLM_TOKEN_KIND_CONTROL
            : e->added ? VLM_TOKEN_KIND_USER
                       : VLM_TOKEN_KIND_NORMAL;
    return append_text(out, t, (uint32_t)id);
}

size_t vlm_token_export_merges(const vlm_tokenizer *t)
{
    return t->n_merges;
}

bool vlm_token_export_merge(struct vlm_buf *out, const vlm_tokenizer *t, size_t i)
{
    return append_text(out, t, t->merges[i].left) && vlm_buf_putc(out, ' ') &&
           append_text(out, t, t->merges[i].right);
}
