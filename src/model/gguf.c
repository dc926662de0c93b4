/* gguf.c: opens the files of a GGUF model and finds the mmproj file that belongs to it. */
#include "model/gguf.h"

#include <string.h>

static int open_part(struct vlm_gguf_part *p, const struct vlm_files *files, const char *name,
                     vlm_error *err)
{
    int rc = vlm_weights_open_gguf(&p->weights, &p->meta, files, name, err);
    if (rc < 0)
        p->weights.source = NULL;
    return rc;
}

static void close_part(struct vlm_gguf_part *p)
{
    if (!p->weights.source)
        return;
    vlm_gguf_free(&p->meta);
    vlm_weights_close(&p->weights);
    p->weights.source = NULL;
}

int vlm_gguf_model_open(struct vlm_gguf_model *g, const struct vlm_files *files, const char *name,
                        vlm_error *err)
{
    g->vision.weights.source = NULL;
    int rc = open_part(&g->text, files, name, err);
    return rc < 0 ? rc : vlm_config_check_text(&g->text.meta, err);
}

void vlm_gguf_model_forget(struct vlm_gguf_model *g)
{
    struct vlm_gguf_part *parts[2] = {&g->text, &g->vision};
    for (size_t i = 0; i < 2; i++)
        if (parts[i]->weights.source)
            parts[i]->weights = (struct vlm_weights){.source = parts[i]->weights.source};
}

void vlm_gguf_model_close(struct vlm_gguf_model *g)
{
    close_part(&g->text);
    close_part(&g->vision);
}

static int open_vision(struct vlm_gguf_part *p, const struct vlm_gguf *text,
                       const struct vlm_files *files, const char *name, vlm_error *err)
{
    int rc = open_part(p, files, name, err);
    if (rc == VLM_OK)
        rc = vlm_config_check_pair(text, &p->meta, err);
    if (rc < 0)
        close_part(p);
    return rc;
}

/* ---- the file beside the model ---- */

struct search {
    struct vlm_gguf_model *g;
    const struct vlm_files *files;
    vlm_error *err, last; /* last: why a file did not fit */
    size_t n_seen, n_fit;
    int rc; /* VLM_OK, or out of memory */
};

/* mmproj*.gguf; of a split file only the first part. */
static bool is_candidate(const char *name)
{
    size_t n = strlen(name);
    if (n < 11 || memcmp(name, "mmproj", 6) != 0 || memcmp(name + n - 5, ".gguf", 5) != 0)
        return false;
    const char *part = n >= 20 ? name + n - 20 : NULL; /* -00001-of-00002.gguf */
    bool split = part && part[0] == '-' && memcmp(part + 6, "-of-", 4) == 0;
    return !split || memcmp(part, "-00001", 6) == 0;
}

static bool try_candidate(void *ctx, const char *name)
{
    struct search *s = ctx;
    struct vlm_gguf_part found;
    if (!is_candidate(name))
        return true;
    s->n_seen++;
    int rc = open_vision(&found, &s->g->text.meta, s->files, name, &s->last);
    if (rc == VLM_ERR_MEMORY) {
        s->rc = rc;
        return false;
    }
    if (rc < 0)
        return true;
    if (s->n_fit++ == 0) {
        s->g->vision = found;
        return true;
    }
    s->rc = vlm_fail(s->err, VLM_ERR_ARGUMENT,
                     "%.90s and %.90s both fit the model: name one with --mmproj",
                     s->g->vision.weights.files[0].name, found.weights.files[0].name);
    close_part(&found);
    return false;
}

int vlm_gguf_model_add_vision(struct vlm_gguf_model *g, const struct vlm_files *files,
                              const char *name, vlm_error *err)
{
    if (name)
        return open_vision(&g->vision, &g->text.meta, files, name, err);
    struct search s = {.g = g, .files = files, .err = err};
    int rc = vlm_files_each(files, try_candidate, &s, err);
    if (rc == VLM_OK)
        rc = s.rc;
    if (rc == VLM_ERR_MEMORY && err)
        *err = s.last;
    if (rc == VLM_OK && s.n_seen > 0 && s.n_fit == 0) {
        if (err)
            *err = s.last;
        return s.last.status;
    }
    return rc;
}
