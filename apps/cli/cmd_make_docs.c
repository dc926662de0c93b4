/* cmd_make_docs.c: vlm make-docs: draws documents, and writes what they say.
 *
 * The one file of the command that looks into another room (docgen); without FreeType the build
 * leaves docgen out and this verb says so. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "cmd.h"

#ifdef VLM_CLI_DOCGEN

#include "docgen/docgen.h"
#include "io.h"
#include "model.h"

/* What fonts-dejavu-core brings; the order is part of what a seed means. */
static const char *const default_fonts[] = {
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf"};

struct job {
    const struct cli_options *o;
    const char *dir;
    enum vlm_docgen_kind kind;
    const vlm_engine *engine; /* encodes PNG */
    struct vlm_docgen *gen;
    struct cli_file truth, pages;
    struct vlm_buf lines;
};

static int write_picture(struct job *j, const struct vlm_docgen_doc *doc, const char *name,
                         vlm_error *err)
{
    uint8_t *png;
    size_t n;
    struct cli_file file;
    int rc = vlm_png_encode(&png, &n, j->engine, doc->rgb, doc->width, doc->height, err);
    if (rc < 0)
        return rc;
    rc = cli_file_open(&file, j->dir, name, err);
    if (rc == VLM_OK) {
        fwrite(png, 1, n, file.f);
        rc = cli_file_commit(&file, err);
    }
    vlm_bytes_free(j->engine, png);
    return rc;
}

static int one_document(struct job *j, uint64_t seed, vlm_error *err)
{
    char name[64];
    struct vlm_docgen_doc *doc;
    struct vlm_docgen_options how;
    vlm_docgen_options_init(&how);
    how.strength = (float)j->o->strength;
    int rc = vlm_docgen_draw(&doc, j->gen, j->kind, seed, &how, err);
    if (rc < 0)
        return rc;
    snprintf(name, sizeof name, "%s-%llu.png", vlm_docgen_kind_name(j->kind),
             (unsigned long long)seed);
    rc = write_picture(j, doc, name, err);
    vlm_buf_clear(&j->lines);
    if (rc >= 0 && !vlm_docgen_truth(&j->lines, doc, name))
        rc = vlm_fail_memory(err, j->lines.n, "truth.jsonl");
    if (rc >= 0)
        fwrite(j->lines.data, 1, j->lines.n, j->truth.f);
    vlm_buf_clear(&j->lines);
    if (rc >= 0 && !vlm_docgen_json(&j->lines, doc, name))
        rc = vlm_fail_memory(err, j->lines.n, "pages.jsonl");
    if (rc >= 0)
        fwrite(j->lines.data, 1, j->lines.n, j->pages.f);
    vlm_docgen_doc_free(j->gen, doc);
    return rc;
}

static int all_documents(struct job *j, vlm_error *err)
{
    const char *const *fonts = j->o->fonts.n ? j->o->fonts.v : default_fonts;
    size_t n_fonts = j->o->fonts.n ? j->o->fonts.n : sizeof default_fonts / sizeof *default_fonts;
    int rc = vlm_docgen_open(&j->gen, NULL, fonts, n_fonts, err);
    if (rc >= 0)
        rc = cli_make_dir(j->dir, err);
    if (rc >= 0)
        rc = cli_file_open(&j->truth, j->dir, "truth.jsonl", err);
    if (rc >= 0)
        rc = cli_file_open(&j->pages, j->dir, "pages.jsonl", err);
    for (uint64_t i = 0; rc >= 0 && i < j->o->count; i++)
        rc = one_document(j, j->o->seed + i, err);
    if (rc >= 0)
        rc = cli_file_commit(&j->truth, err);
    else
        cli_file_abort(&j->truth);
    if (rc >= 0)
        rc = cli_file_commit(&j->pages, err);
    else
        cli_file_abort(&j->pages);
    vlm_buf_free(&j->lines);
    vlm_docgen_close(j->gen);
    return rc;
}

int cli_cmd_make_docs(const struct cli_options *o)
{
    struct job j = {.o = o, .dir = o->args.v[0]};
    struct cli_model m;
    struct vlm_quoted q;
    vlm_error err = {0};
    if (!o->kind || !vlm_docgen_kind_find(&j.kind, o->kind))
        return cli_usage(
            o->verb,
            "--kind: found '%s', expected label, tag, text, receipt, invoice, form, card, list, "
            "table, shipping, ticket, paragraph or blank",
            o->kind ? vlm_base_quote(&q, o->kind, strlen(o->kind)) : "nothing");
    if (o->count && o->seed > UINT64_MAX - (o->count - 1))
        return cli_usage(o->verb, "--seed: found %llu, expected room for --count more",
                         (unsigned long long)o->seed);
    int status = cli_model_open(&m, o, NULL, true);
    if (status)
        return status;
    j.engine = m.engine;
    vlm_buf_init(&j.lines, &vlm_mem_system, 1 << 24);
    int rc = all_documents(&j, &err);
    cli_model_close(&m);
    return rc < 0 ? cli_failed(&err) : CLI_OK;
}

#else

#include <stdio.h>

int cli_cmd_make_docs(const struct cli_options *o)
{
    (void)o;
    fputs("vlm: make-docs: found a build without FreeType, expected one with it\n", stderr);
    return CLI_FAILED;
}

#endif
