/* docgen.c: opens fonts; makes a document: content, faces, sizes, drawing, wear.
 *
 * All choices come from Philox streams named by (seed, kind): one for the content, one for the
 * shape, one for wear, so that strength changes neither text nor shape.  Sums are in double and in
 * a fixed order. */
#include <string.h>

#include "docgen/page.h"

const char *vlm_docgen_kind_name(enum vlm_docgen_kind kind)
{
    static const char *const names[] = {"label",  "tag",       "text", "receipt", "invoice",
                                        "form",   "card",      "list", "table",   "shipping",
                                        "ticket", "paragraph", "blank"};
    return (unsigned)kind < VLM_DOCGEN_N_KINDS ? names[kind] : "?";
}

const char *vlm_docgen_family_name(enum vlm_docgen_family family)
{
    static const char *const names[] = {"value",    "meaning",    "line",       "read",
                                        "absent",   "item_price", "item_count", "which_item",
                                        "right",    "below",      "how_many",   "extreme",
                                        "contains", "compare",    "cell"};
    return (unsigned)family < VLM_DOCGEN_N_FAMILIES ? names[family] : "?";
}

bool vlm_docgen_kind_find(enum vlm_docgen_kind *out, const char *name)
{
    for (int k = 0; k < VLM_DOCGEN_N_KINDS; k++)
        if (strcmp(name, vlm_docgen_kind_name((enum vlm_docgen_kind)k)) == 0) {
            *out = (enum vlm_docgen_kind)k;
            return true;
        }
    return false;
}

int vlm_docgen_open(struct vlm_docgen **out, const vlm_allocator *alloc, const char *const *paths,
                    size_t n_paths, vlm_error *err)
{
    *out = NULL;
    if (alloc == NULL)
        alloc = &vlm_mem_system;
    if (n_paths == 0)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "docgen: no fonts given, expected at least one");
    struct vlm_docgen *gen = vlm_mem_zalloc(alloc, 1, sizeof *gen);
    if (gen == NULL)
        return vlm_fail_memory(err, sizeof *gen, "docgen");
    gen->alloc = alloc;
    gen->faces = vlm_mem_zalloc(alloc, n_paths, sizeof *gen->faces);
    gen->widths = vlm_mem_zalloc(alloc, n_paths, VLM_DOCGEN_WIDTHS * sizeof *gen->widths);
    gen->cache = vlm_mem_zalloc(alloc, VLM_DOCGEN_CACHE, sizeof *gen->cache);
    gen->arena = vlm_mem_alloc(alloc, VLM_DOCGEN_ARENA, 1);
    if (gen->faces == NULL || gen->widths == NULL || gen->cache == NULL || gen->arena == NULL ||
        FT_Init_FreeType(&gen->ft) != 0) {
        vlm_docgen_close(gen);
        return vlm_fail_memory(err, n_paths * sizeof *gen->faces, "fonts");
    }
    for (size_t i = 0; i < n_paths; i++, gen->n_faces++)
        if (FT_New_Face(gen->ft, paths[i], 0, &gen->faces[i]) != 0 ||
            !FT_IS_SCALABLE(gen->faces[i])) {
            struct vlm_quoted q;
            gen->n_faces += gen->faces[i] != NULL;
            vlm_docgen_close(gen);
            return vlm_fail(err, VLM_ERR_IO, "%s: no scalable font could be opened",
                            vlm_base_quote(&q, paths[i], strlen(paths[i])));
        }
    *out = gen;
    return VLM_OK;
}

void vlm_docgen_close(struct vlm_docgen *gen)
{
    if (gen == NULL)
        return;
    const vlm_allocator *alloc = gen->alloc;
    for (size_t i = 0; i < gen->n_faces; i++)
        FT_Done_Face(gen->faces[i]);
    if (gen->ft != NULL)
        FT_Done_FreeType(gen->ft);
    vlm_mem_free(alloc, gen->arena);
    vlm_mem_free(alloc, gen->cache);
    vlm_mem_free(alloc, gen->widths);
    vlm_mem_free(alloc, gen->faces);
    vlm_mem_free(alloc, gen);
}

void vlm_docgen_doc_free(struct vlm_docgen *gen, struct vlm_docgen_doc *doc)
{
    if (doc == NULL)
        return;
    vlm_mem_free(gen->alloc, doc->rgb);
    vlm_mem_free(gen->alloc, doc);
}

/* ---- choices ---- */

static void choose_colours(struct vlm_docgen_page *p)
{
    struct vlm_rng *r = p->r;
    int paper = 200 + vlm_docgen_pick(r, 56), ink = vlm_docgen_pick(r, 90);
    p->channels = 1;
    for (int k = 0; k < 3; k++) {
        p->paper[k] = (uint8_t)paper;
        p->ink[k] = (uint8_t)ink;
        p->accent[k] = (uint8_t)(paper - 25 - vlm_docgen_pick(r, 30) / 3 * 3);
    }
    p->accent[1] = p->accent[2] = p->accent[0];
    if (vlm_docgen_chance(r, 0.18)) { /* coloured paper */
        p->channels = 3;
        p->paper[vlm_docgen_pick(r, 3)] = (uint8_t)(150 + vlm_docgen_pick(r, 106));
        p->accent[vlm_docgen_pick(r, 3)] = (uint8_t)(120 + vlm_docgen_pick(r, 106));
    }
    if (vlm_docgen_chance(r, 0.12)) { /* coloured ink */
        p->channels = 3;
        p->ink[vlm_docgen_pick(r, 3)] = (uint8_t)vlm_docgen_pick(r, 200);
    }
    bool dark = p->doc->kind != VLM_DOCGEN_RECEIPT && p->doc->kind != VLM_DOCGEN_INVOICE &&
                vlm_docgen_chance(r, 0.1);
    for (int k = 0; k < 3 && dark; k++) {
        uint8_t t = p->paper[k];
        p->paper[k] = p->ink[k];
        p->ink[k] = t;
        p->accent[k] = (uint8_t)(p->paper[k] + 30);
    }
}

static bool choose_faces(struct vlm_docgen_page *p)
{
    struct vlm_docgen *gen = p->gen;
    for (int tries = 0; tries < 30; tries++) {
        uint32_t i = vlm_rng_below(p->r, (uint32_t)gen->n_faces);
        if (!vlm_docgen_face_has(gen, i, p->doc->text) || !vlm_docgen_face_has(gen, i, "x.-=*_"))
            continue;
        p->body = p->doc->font = i;
        p->other = vlm_rng_below(p->r, (uint32_t)gen->n_faces);
        if (!vlm_docgen_face_has(gen, p->other, p->doc->text) ||
            !vlm_docgen_face_has(gen, p->other, "x"))
            p->other = i;
        return true;
    }
    return false;
}

static bool choose_all(struct vlm_docgen_page *p)
{
    static const int flags[] = {FT_LOAD_NO_HINTING, FT_LOAD_NO_HINTING, FT_LOAD_TARGET_LIGHT,
                                FT_LOAD_DEFAULT};
    for (int tries = 0; tries < 6; tries++) {
        if (!choose_faces(p))
            return false;
        p->load_flags = flags[vlm_docgen_pick(p->r, 4)];
        p->spacing = vlm_docgen_chance(p->r, 0.7) ? 0 : vlm_docgen_between(p->r, -0.01, 0.08);
        p->space = vlm_docgen_between(p->r, 0.26, 0.45);
        p->pitch = vlm_docgen_between(p->r, 1.12, 1.6);
        choose_colours(p);
        if (vlm_docgen_choose_sizes(p))
            return true;
    }
    return false;
}

void vlm_docgen_options_init(struct vlm_docgen_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    o->layouts = VLM_DOCGEN_SEEN;
}

static bool take_picture(struct vlm_docgen_page *p)
{
    struct vlm_docgen_doc *doc = p->doc;
    size_t pixels = (size_t)p->width * (size_t)p->height;
    doc->rgb = vlm_mem_alloc(p->gen->alloc, pixels, 3);
    if (doc->rgb == NULL)
        return false;
    doc->width = (uint32_t)p->width;
    doc->height = (uint32_t)p->height;
    if (p->channels == 3) {
        memcpy(doc->rgb, p->px, pixels * 3);
        return true;
    }
    for (size_t i = 0; i < pixels; i++)
        doc->rgb[3 * i] = doc->rgb[3 * i + 1] = doc->rgb[3 * i + 2] = p->px[i];
    return true;
}

static int draw(struct vlm_docgen_page *p, double strength, vlm_error *err)
{
    const vlm_allocator *alloc = p->gen->alloc;
    size_t bytes = (size_t)p->width * (size_t)p->height * (size_t)p->channels;
    p->px = vlm_mem_alloc(alloc, bytes, 1);
    if (p->px == NULL)
        return vlm_fail_memory(err, bytes, "a picture");
    vlm_docgen_forget(p->gen);
    vlm_docgen_lay_out(p);
    struct vlm_rng wear = {.seed = p->r->seed, .stream = p->r->stream + 1000};
    p->r = &wear;
    bool done = vlm_docgen_wear(p, strength) && take_picture(p);
    vlm_mem_free(alloc, p->px);
    return done ? VLM_OK : vlm_fail_memory(err, bytes, "a picture");
}

int vlm_docgen_draw(struct vlm_docgen_doc **out, struct vlm_docgen *gen, enum vlm_docgen_kind kind,
                    uint64_t seed, const struct vlm_docgen_options *o, vlm_error *err)
{
    *out = NULL;
    struct vlm_docgen_options own = *o;
    if (own.max_lines <= 0 || own.max_lines > VLM_DOCGEN_USUAL_LINES)
        own.max_lines = VLM_DOCGEN_USUAL_LINES;
    struct vlm_docgen_doc *doc = vlm_mem_zalloc(gen->alloc, 1, sizeof *doc);
    struct vlm_docgen_content *content = vlm_mem_zalloc(gen->alloc, 1, sizeof *content);
    if (doc == NULL || content == NULL) {
        vlm_mem_free(gen->alloc, content);
        vlm_docgen_doc_free(gen, doc);
        return vlm_fail_memory(err, sizeof *doc + sizeof *content, "a document");
    }
    struct vlm_rng words = {.seed = seed, .stream = (uint64_t)kind + 1};
    struct vlm_rng shape = {.seed = seed, .stream = (uint64_t)kind + 1001};
    struct vlm_docgen_page p = {.gen = gen, .doc = doc, .r = &shape, .c = content};
    doc->kind = kind;
    doc->seed = seed;
    bool fits = false;
    for (int tries = 0; tries < 200 && !fits; tries++) {
        vlm_docgen_write(content, doc, &words, &own);
        fits = doc->n_lines != UINT32_MAX && choose_all(&p);
    }
    int rc = fits ? draw(&p, own.strength, err)
                  : vlm_fail(err, VLM_ERR_ARGUMENT,
                             "docgen: none of the %zu fonts has the letters of a %s", gen->n_faces,
                             vlm_docgen_kind_name(kind));
    vlm_mem_free(gen->alloc, content);
    if (rc < 0) {
        vlm_docgen_doc_free(gen, doc);
        return rc;
    }
    *out = doc;
    return VLM_OK;
}

int vlm_docgen_make(struct vlm_docgen_doc **out, struct vlm_docgen *gen, enum vlm_docgen_kind kind,
                    uint64_t seed, int max_lines, vlm_error *err)
{
    struct vlm_docgen_options o;
    vlm_docgen_options_init(&o);
    o.max_lines = max_lines;
    return vlm_docgen_draw(out, gen, kind, seed, &o, err);
}
