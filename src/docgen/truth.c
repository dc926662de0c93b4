/* truth.c: what is on a document, as JSON lines. */
#include <stdio.h>

#include "docgen/docgen.h"

static void put_string(struct vlm_buf *b, const char *s)
{
    vlm_buf_putc(b, '"');
    for (; *s; s++) {
        char esc[8];
        if (*s == '"' || *s == '\\') {
            vlm_buf_putc(b, '\\');
            vlm_buf_putc(b, *s);
        } else if ((unsigned char)*s < 0x20) {
            snprintf(esc, sizeof esc, "\\u%04x", (unsigned)*s);
            vlm_buf_puts(b, esc);
        } else {
            vlm_buf_putc(b, *s);
        }
    }
    vlm_buf_putc(b, '"');
}

static void put_member(struct vlm_buf *b, const char *name, const char *value)
{
    vlm_buf_puts(b, ",\"");
    vlm_buf_puts(b, name);
    vlm_buf_puts(b, "\":");
    put_string(b, value);
}

static void put_id(struct vlm_buf *b, const struct vlm_docgen_doc *doc)
{
    char id[48];
    snprintf(id, sizeof id, "%s-%llu", vlm_docgen_kind_name(doc->kind),
             (unsigned long long)doc->seed);
    vlm_buf_puts(b, id);
}

static void put_flags(struct vlm_buf *b, const struct vlm_docgen_doc *doc)
{
    char t[128];
    snprintf(t, sizeof t,
             ",\"layout\":%u,\"layout_held_out\":%s,\"inconsistent\":%s,\"random_strings\":%s",
             (unsigned)doc->layout, doc->layout_held ? "true" : "false",
             doc->inconsistent ? "true" : "false", doc->random_strings ? "true" : "false");
    vlm_buf_puts(b, t);
}

static void put_sums(struct vlm_buf *b, const struct vlm_docgen_sums *s)
{
    const struct {
        const char *name;
        int64_t cents;
    } all[] = {{"items", s->items},       {"subtotal", s->subtotal}, {"tax", s->tax},
               {"discount", s->discount}, {"total", s->total},       {"paid", s->paid},
               {"change", s->change}};
    char t[48];
    if (s->total < 0)
        return;
    vlm_buf_puts(b, ",\"sums\":{\"tax_included\":");
    vlm_buf_puts(b, s->tax_included ? "true" : "false");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].cents >= 0) {
            snprintf(t, sizeof t, ",\"%s\":%lld", all[i].name, (long long)all[i].cents);
            vlm_buf_puts(b, t);
        }
    vlm_buf_putc(b, '}');
}

bool vlm_docgen_truth(struct vlm_buf *out, const struct vlm_docgen_doc *doc, const char *image)
{
    for (uint32_t i = 0; i < doc->n_questions; i++) {
        const struct vlm_docgen_question *q = &doc->questions[i];
        char n[16];
        snprintf(n, sizeof n, "/%u\"", (unsigned)i);
        vlm_buf_puts(out, "{\"id\":\"");
        put_id(out, doc);
        vlm_buf_puts(out, n);
        vlm_buf_puts(out, ",\"images\":[");
        put_string(out, image);
        vlm_buf_putc(out, ']');
        put_member(out, "prompt", q->text);
        put_member(out, "answer", q->answer);
        put_member(out, "family", vlm_docgen_family_name(q->family));
        snprintf(n, sizeof n, "%u", (unsigned)q->paraphrase);
        vlm_buf_puts(out, ",\"paraphrase\":");
        vlm_buf_puts(out, n);
        vlm_buf_puts(out, q->unseen ? ",\"unseen\":true}\n" : "}\n");
    }
    return out->ok;
}

bool vlm_docgen_json(struct vlm_buf *out, const struct vlm_docgen_doc *doc, const char *image)
{
    char t[160];
    vlm_buf_puts(out, "{\"id\":\"");
    put_id(out, doc);
    vlm_buf_putc(out, '"');
    put_member(out, "image", image);
    snprintf(t, sizeof t, ",\"width\":%u,\"height\":%u,\"font\":%u", (unsigned)doc->width,
             (unsigned)doc->height, (unsigned)doc->font);
    vlm_buf_puts(out, t);
    put_member(out, "kind", vlm_docgen_kind_name(doc->kind));
    put_flags(out, doc);
    put_sums(out, &doc->sums);
    put_member(out, "text", doc->text);
    vlm_buf_puts(out, ",\"lines\":[");
    for (uint32_t i = 0; i < doc->n_lines; i++) {
        const struct vlm_docgen_line *l = &doc->lines[i];
        snprintf(t, sizeof t, "%s\"box\":[%d,%d,%d,%d]", i ? ",{" : "{", (int)l->x0, (int)l->y0,
                 (int)l->x1, (int)l->y1);
        vlm_buf_puts(out, t);
        put_member(out, "text", l->text);
        vlm_buf_putc(out, '}');
    }
    vlm_buf_puts(out, "],\"fields\":[");
    for (uint32_t i = 0; i < doc->n_fields; i++) {
        vlm_buf_puts(out, i ? ",[" : "[");
        put_string(out, doc->fields[i].key);
        vlm_buf_putc(out, ',');
        put_string(out, doc->fields[i].value);
        vlm_buf_putc(out, ']');
    }
    vlm_buf_puts(out, "],\"items\":[");
    for (uint32_t i = 0; i < doc->n_items; i++) {
        const struct vlm_docgen_item *it = &doc->items[i];
        const char *const parts[] = {it->name, it->quantity, it->unit, it->amount};
        for (int k = 0; k < 4; k++) {
            vlm_buf_puts(out, k ? "," : i ? ",[" : "[");
            put_string(out, parts[k]);
        }
        vlm_buf_putc(out, ']');
    }
    vlm_buf_puts(out, "],\"questions\":[");
    for (uint32_t i = 0; i < doc->n_questions; i++) {
        const struct vlm_docgen_question *q = &doc->questions[i];
        vlm_buf_puts(out, i ? ",{\"family\":" : "{\"family\":");
        put_string(out, vlm_docgen_family_name(q->family));
        put_member(out, "prompt", q->text);
        put_member(out, "answer", q->answer);
        snprintf(t, sizeof t, ",\"paraphrase\":%u,\"unseen\":%s}", (unsigned)q->paraphrase,
                 q->unseen ? "true" : "false");
        vlm_buf_puts(out, t);
    }
    vlm_buf_puts(out, "]}\n");
    return out->ok;
}
