/* engine.c: opens a model and what is needed to run it: account, files, weights, tokenizer, pool
 * and backend, template, in this order; closes in reverse. */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/limits.h"

const char *vlm_version(void)
{
    return "0.1.0";
}

/* ---- turns ---- */

void vlm_engine_enter(vlm_engine *e)
{
    struct vlm_turn *t = &e->turn;
    pthread_mutex_lock(&t->lock);
    uint64_t mine = t->next++; /* a plain mutex would let one thread take it again and again */
    while (t->now != mine)
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
    fegetenv(&t->fenv);
    fesetenv(FE_DFL_ENV);
}

void vlm_engine_leave(vlm_engine *e)
{
    struct vlm_turn *t = &e->turn;
    fesetenv(&t->fenv);
    pthread_mutex_lock(&t->lock);
    t->now++;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* ---- options ---- */

void vlm_engine_options_init(vlm_engine_options *o)
{
    *o = (vlm_engine_options){.size = sizeof *o,
                              .max_features = (uint64_t)64 << 20,
                              .max_prompts = (uint64_t)256 << 20,
                              .max_feature_dir = (uint64_t)1 << 30};
}

static int read_options(vlm_engine_options *out, const vlm_engine_options *o, vlm_error *err)
{
    vlm_engine_options_init(out);
    if (!o)
        return VLM_OK;
    if (o->size < offsetof(vlm_engine_options, isa))
        return vlm_fail(err, VLM_ERR_ARGUMENT,
                        "engine options of %zu bytes: call vlm_engine_options_init first", o->size);
    memcpy(out, o, vlm_min_size(o->size, sizeof *out));
    if (out->n_threads < 0 || (uint64_t)out->n_threads > VLM_LIMIT_THREADS)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "%d threads, expected 0 to %u", out->n_threads,
                        (unsigned)VLM_LIMIT_THREADS);
    return VLM_OK;
}

/* ---- open ---- */

/* Throughout, g is NULL for a model directory. */

static int open_tokenizer(vlm_engine *e, const struct vlm_gguf_model *g, vlm_error *err)
{
    struct vlm_map map;
    if (g)
        return vlm_tokenizer_open_gguf(&e->tok, &e->alloc, &g->text.meta, err);
    int rc = vlm_files_open(&map, &e->files, "tokenizer.json", VLM_LIMIT_TOKENIZER_BYTES, err);
    if (rc < 0)
        return rc;
    struct vlm_label label;
    rc = vlm_tokenizer_open(&e->tok, &e->alloc, map.data, map.n,
                            vlm_files_label(&label, &e->files, "tokenizer.json"), err);
    vlm_sha256_of(e->tokenizer_hash, map.data, map.n);
    vlm_files_close(&map, &e->files);
    return rc;
}

static int open_template(vlm_engine *e, const struct vlm_gguf_model *g, vlm_error *err)
{
    char where[64] = "tokenizer.chat_template";
    size_t n;
    int rc = g ? vlm_config_template_gguf(&e->template_source, &n, &e->alloc, g, err)
               : vlm_config_template(&e->template_source, &n, where, &e->files, err);
    if (rc < 0 || !e->template_source)
        return rc;
    rc = vlm_template_open(&e->tmpl, &e->alloc, e->template_source, n, where, err);
    return rc < 0 ? rc : vlm_prompt_video_template(&e->video_tmpl, &e->alloc, e->tok, err);
}

static int hash_config(vlm_engine *e, vlm_error *err)
{
    struct vlm_map map;
    int rc = vlm_files_open(&map, &e->files, "config.json", VLM_LIMIT_CONFIG_BYTES, err);
    if (rc < 0)
        return rc;
    vlm_sha256_of(e->config_hash, map.data, map.n);
    vlm_files_close(&map, &e->files);
    return VLM_OK;
}

/* The tokenizer and the model must speak of the same ids.  Added tokens may lie beyond the table:
 * releases have some that no prompt uses (vlm_engine_prompt_build looks). */
static int check_ids(const vlm_engine *e, const struct vlm_gguf_model *g, vlm_error *err)
{
    const struct vlm_config *c = &e->config;
    int32_t image = vlm_token_find(e->tok, "<image>");
    const char *file = g ? g->text.meta.file : "tokenizer.json";
    if (vlm_token_plain(e->tok) > c->text.vocab)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: ids up to %zu, expected less than vocab_size %u",
                        file, vlm_token_plain(e->tok) - 1, c->text.vocab);
    if (image >= 0 && image != c->image_token_id)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: <image> is %d, expected %d as config.json says",
                        file, image, c->image_token_id);
    return VLM_OK;
}

static int default_threads(void)
{
    return (int)vlm_min_size((size_t)vlm_os_n_cores(), VLM_LIMIT_THREADS);
}

static int choose_tower(vlm_engine *e, const vlm_engine_options *o, vlm_error *err)
{
    const char *type = o->vision_type ? o->vision_type : "auto";
    struct vlm_quoted q;
    if (strcmp(type, "auto") == 0)
        vlm_model_set_tower(e->model, o->exact ? VLM_TOWER_FILE : VLM_TOWER_REST);
    else if (strcmp(type, "q8_0") == 0)
        vlm_model_set_tower(e->model, VLM_TOWER_Q8_0);
    else if (strcmp(type, "file") != 0)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "vision type %s, expected auto, q8_0 or file",
                        vlm_base_quote(&q, type, strlen(type)));
    return VLM_OK;
}

static int open_weights(vlm_engine *e, struct vlm_gguf_model *g, const vlm_engine_options *o,
                        vlm_error *err)
{
    int rc = g ? vlm_model_open_gguf(&e->model, &e->alloc, g, err)
               : vlm_model_open(&e->model, &e->alloc, &e->files, err);
    if (rc < 0)
        return rc;
    e->config = e->model->config;
    rc = choose_tower(e, o, err);
    if (rc == VLM_OK && !g)
        rc = hash_config(e, err);
    if (rc == VLM_OK)
        rc = open_tokenizer(e, g, err);
    if (rc == VLM_OK)
        rc = check_ids(e, g, err);
    if (rc == VLM_OK)
        rc = vlm_pool_open(&e->pool, &e->alloc, o->n_threads ? o->n_threads : default_threads(),
                           err);
    if (rc == VLM_OK)
        rc = vlm_backend_open(&e->backend, &e->alloc, e->pool, o->isa, err);
    if (rc == VLM_OK)
        vlm_backend_set_exact(e->backend, o->exact != 0);
    if (rc == VLM_OK && o->repack)
        rc = vlm_model_repack(e->model, e->backend, err);
    return rc;
}

/* Without weights: what config.json would say is taken from the tokenizer where it matters. */
static int open_vocabulary(vlm_engine *e, const struct vlm_gguf_model *g, vlm_error *err)
{
    int rc = open_tokenizer(e, g, err);
    if (rc == VLM_OK && g)
        rc = vlm_config_read_gguf(&e->config, g, err);
    else if (rc == VLM_OK && vlm_files_has(&e->files, "config.json"))
        rc = vlm_config_read(&e->config, &e->files, err);
    else if (rc == VLM_OK)
        rc = vlm_config_read_processor(&e->config, &e->files, err);
    if (rc == VLM_OK && e->config.text.vocab == 0) {
        e->config.image_token_id = vlm_token_find(e->tok, "<image>");
        e->config.text.vocab = (uint32_t)vlm_token_count(e->tok);
    }
    return rc;
}

static int open_parts(vlm_engine *e, const char *gguf, const vlm_engine_options *o, vlm_error *err)
{
    struct vlm_gguf_model files = {.text.weights.source = NULL}, *g = gguf ? &files : NULL;
    int rc = VLM_OK;
    if (g)
        rc = vlm_engine_open_gguf(e, g, gguf, o, err);
    else if (o->mmproj && *o->mmproj)
        rc = vlm_fail(
            err, VLM_ERR_ARGUMENT,
            "an mmproj file was named, but the model is a directory, expected a GGUF file");
    if (rc == VLM_OK && g)
        vlm_engine_hash_gguf(e, g);
    if (rc == VLM_OK)
        rc = o->vocab_only ? open_vocabulary(e, g, err) : open_weights(e, g, o, err);
    if (rc == VLM_OK)
        rc = open_template(e, g, err);
    e->gguf = g != NULL;
    vlm_gguf_model_close(&files);
    return rc;
}

/* gguf: the name of the model among these files, or NULL: they are a model directory's. */
static int open_engine(vlm_engine **out, const char *dir, const vlm_file *files, size_t n_files,
                       const char *gguf, const vlm_engine_options *options, vlm_error *err)
{
    vlm_engine_options o;
    struct vlm_quoted q;
    int rc = read_options(&o, options, err);
    if (rc < 0)
        return rc;
    vlm_allocator hook = o.allocator.resize ? o.allocator : vlm_mem_system;
    vlm_engine *e = vlm_mem_zalloc(&hook, 1, sizeof *e);
    if (!e)
        return vlm_fail_memory(err, sizeof *e, "the engine");
    e->alloc = vlm_engine_account_open(&e->account, hook, o.max_memory);
    e->log = o.log;
    pthread_mutex_init(&e->turn.lock, NULL);
    pthread_cond_init(&e->turn.changed, NULL);
    pthread_mutex_init(&e->features.lock, NULL);
    e->features.budget = o.max_features;
    pthread_mutex_init(&e->blocks.lock, NULL);
    e->blocks.budget = o.max_prompts;
    rc = vlm_files_init(&e->files, &e->alloc, dir, files, n_files, o.no_mmap, err);
    if (rc == VLM_OK)
        rc = open_parts(e, gguf, &o, err);
    if (rc == VLM_OK)
        rc = vlm_engine_feature_files_open(e, &o, err);
    if (rc < 0) {
        vlm_engine_explain(e, rc, err);
        vlm_engine_close(e);
        return rc;
    }
    vlm_log_line(&e->log, VLM_LOG_INFO, "opened %s: %llu parameters, isa %s, %d threads",
                 dir ? vlm_base_quote(&q, dir, strlen(dir)) : "model",
                 e->model ? (unsigned long long)e->model->parameters : 0, vlm_engine_isa(e),
                 vlm_engine_n_threads(e));
    *out = e;
    return VLM_OK;
}

int vlm_engine_open(vlm_engine **out, const char *path, const vlm_engine_options *o, vlm_error *err)
{
    struct vlm_quoted q;
    if (!out || !path)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "vlm_engine_open: out or path is NULL");
    if (vlm_os_is_directory(path))
        return open_engine(out, path, NULL, 0, NULL, o, err);
    if (!vlm_os_exists(NULL, path) || !vlm_engine_is_gguf(path)) {
        bool there = vlm_os_exists(NULL, path);
        vlm_fail(err, there ? VLM_ERR_FORMAT : VLM_ERR_IO,
                 "%s: %s, expected a model directory with config.json or a GGUF file",
                 vlm_base_quote(&q, path, strlen(path)), there ? "is no directory" : "not found");
        if (err && !there)
            err->os_errno = ENOENT;
        return there ? VLM_ERR_FORMAT : VLM_ERR_IO;
    }
    char *dir;
    const char *name;
    int rc = vlm_engine_split_path(&dir, &name, &vlm_mem_system, path, err);
    if (rc == VLM_OK)
        rc = open_engine(out, dir, NULL, 0, name, o, err);
    vlm_mem_free(&vlm_mem_system, dir);
    return rc;
}

int vlm_engine_open_files(vlm_engine **out, const vlm_file *files, size_t n_files,
                          const vlm_engine_options *o, vlm_error *err)
{
    if (!out || !files)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "vlm_engine_open_files: out or files is NULL");
    return open_engine(out, NULL, files, n_files, vlm_engine_gguf_among(files, n_files), o, err);
}

void vlm_engine_close(vlm_engine *e)
{
    if (!e)
        return;
    vlm_engine_features_drop_idle(e);
    vlm_engine_blocks_drop_idle(e);
    vlm_mem_free(&e->alloc, e->feature_files.dir);
    if (e->backend) {
        vlm_text_space_close(&e->text, e->backend);
        vlm_vision_space_close(&e->vision, e->backend);
        vlm_model_repack_close(e->model, e->backend);
    }
    vlm_mem_free(&e->alloc, e->logits);
    vlm_mem_free(&e->alloc, e->rows);
    vlm_backend_close(e->backend);
    vlm_pool_close(e->pool);
    vlm_model_close(e->model);
    vlm_template_close(e->tmpl);
    vlm_template_close(e->video_tmpl);
    vlm_mem_free(&e->alloc, e->template_source);
    vlm_tokenizer_close(e->tok);
    vlm_files_free(&e->files);
    vlm_files_free(&e->mmproj_files);
    pthread_mutex_destroy(&e->features.lock);
    pthread_mutex_destroy(&e->blocks.lock);
    pthread_cond_destroy(&e->turn.changed);
    pthread_mutex_destroy(&e->turn.lock);
    vlm_allocator hook = e->account.hook;
    vlm_mem_free(&hook, e);
}

const char *vlm_engine_isa(const vlm_engine *e)
{
    return e->backend ? vlm_backend_kernels(e->backend)->name : "none";
}
int vlm_engine_n_threads(const vlm_engine *e)
{
    return e->pool ? vlm_pool_size(e->pool) : 1;
}
size_t vlm_engine_context_length(const vlm_engine *e)
{
    return e->config.text.context;
}
size_t vlm_engine_vocab_size(const vlm_engine *e)
{
    return e->config.text.vocab;
}

int vlm_engine_need_model(const vlm_engine *e, vlm_error *err)
{
    return e->model
               ? VLM_OK
               : vlm_fail(err, VLM_ERR_ARGUMENT, "the engine was opened for its vocabulary only");
}

/* ---- text and images ---- */

int vlm_tokenize(const vlm_engine *e, const char *text, size_t n_text, int special, int32_t *ids,
                 size_t cap, size_t *n, vlm_error *err)
{
    struct vlm_ids list;
    const struct vlm_span all = {0, n_text};
    if (n_text > VLM_LIMIT_TEXT_BYTES)
        return vlm_fail(err, VLM_ERR_LIMIT, "text of %zu bytes, expected at most %u", n_text,
                        (unsigned)VLM_LIMIT_TEXT_BYTES);
    vlm_ids_init(&list, &e->alloc);
    int rc = vlm_token_encode(&list, e->tok, text, n_text, &all, special ? 0 : 1, err);
    if (rc == VLM_OK) {
        size_t k = vlm_min_size(cap, list.n);
        if (k)
            memcpy(ids, list.data, k * sizeof *ids);
        *n = list.n;
    }
    vlm_ids_free(&list);
    return rc;
}

int vlm_detokenize(const vlm_engine *e, const int32_t *ids, size_t n_ids, int skip_special,
                   char *text, size_t cap, size_t *n, vlm_error *err)
{
    struct vlm_buf buf;
    vlm_buf_init(&buf, &e->alloc, SIZE_MAX / 4);
    int rc = vlm_token_decode(&buf, e->tok, ids, n_ids, skip_special, err);
    if (rc == VLM_OK) {
        size_t k = vlm_min_size(cap, buf.n);
        if (k)
            memcpy(text, buf.data, k);
        *n = buf.n;
    }
    vlm_buf_free(&buf);
    return rc;
}

int vlm_image_decode(vlm_image **out, const vlm_engine *e, const void *data, size_t n,
                     const char *name, vlm_error *err)
{
    return vlm_engine_explain(e, vlm_image_load(out, &e->alloc, data, n, name, err), err);
}

int vlm_image_open(vlm_image **out, const vlm_engine *e, const char *path, vlm_error *err)
{
    struct vlm_map map;
    /* a copy, not a mapping: a picture may change under us, and it is small */
    int rc = vlm_map_open(&map, &e->alloc, NULL, path, true, VLM_LIMIT_IMAGE_FILE_BYTES, err);
    if (rc < 0)
        return rc;
    rc = vlm_image_load(out, &e->alloc, map.data, map.n, path, err);
    vlm_map_close(&map, &e->alloc);
    return vlm_engine_explain(e, rc, err);
}

int vlm_image_from_rgb(vlm_image **out, const vlm_engine *e, const uint8_t *pixels, uint32_t width,
                       uint32_t height, vlm_error *err)
{
    return vlm_engine_explain(e, vlm_image_make(out, &e->alloc, pixels, width, height, err), err);
}

void vlm_image_close(vlm_image *image)
{
    vlm_image_free(image);
}
uint32_t vlm_image_width(const vlm_image *image)
{
    return image->width;
}
uint32_t vlm_image_height(const vlm_image *image)
{
    return image->height;
}
const uint8_t *vlm_image_pixels(const vlm_image *image)
{
    return image->rgb;
}
const uint8_t *vlm_image_hash(const vlm_image *image)
{
    return image->hash;
}

vlm_part vlm_part_text(const char *text)
{
    return (vlm_part){VLM_PART_TEXT, text, strlen(text), NULL, NULL};
}
vlm_part vlm_part_image(const vlm_image *image)
{
    return (vlm_part){VLM_PART_IMAGE, NULL, 0, image, NULL};
}
vlm_part vlm_part_video(const vlm_video *video)
{
    return (vlm_part){VLM_PART_VIDEO, NULL, 0, NULL, video};
}
