/* open_gguf.c: what opening a GGUF model needs beside engine.c: which file is the model, which one
 * its vision tower, and what stands for the hashes of files that it does not have. */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "engine/engine.h"

static bool ends_in_gguf(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".gguf") == 0;
}

bool vlm_engine_is_gguf(const char *path)
{
    struct vlm_map map;
    if (ends_in_gguf(path))
        return true;
    if (vlm_map_open(&map, &vlm_mem_system, NULL, path, false, UINT64_MAX, NULL) < 0)
        return false;
    bool is = map.n >= 4 && memcmp(map.data, "GGUF", 4) == 0;
    vlm_map_close(&map, &vlm_mem_system);
    return is;
}

const char *vlm_engine_gguf_among(const vlm_file *files, size_t n)
{
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = files[i].name;
        if (!name || strcmp(name, "config.json") == 0)
            return NULL;
        if (!found && ends_in_gguf(name) && strncmp(name, "mmproj", 6) != 0)
            found = name;
    }
    return found;
}

int vlm_engine_split_path(char **dir, const char **name, const vlm_allocator *alloc,
                          const char *path, vlm_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == path ? 1 : slash ? (size_t)(slash - path) : 1;
    *name = slash ? slash + 1 : path;
    *dir = vlm_mem_strndup(alloc, slash ? path : ".", n);
    return *dir ? VLM_OK : vlm_fail_memory(err, n, "a path");
}

/* The tower: named, looked for, or ("") not wanted. */
static int add_vision(vlm_engine *e, struct vlm_gguf_model *g, const char *mmproj, bool no_mmap,
                      vlm_error *err)
{
    char *dir;
    const char *name;
    if (!mmproj)
        return vlm_gguf_model_add_vision(g, &e->files, NULL, err);
    if (!*mmproj)
        return VLM_OK;
    if (e->files.memory)
        return vlm_gguf_model_add_vision(g, &e->files, mmproj, err);
    int rc = vlm_engine_split_path(&dir, &name, &e->alloc, mmproj, err);
    if (rc == VLM_OK)
        rc = vlm_files_init(&e->mmproj_files, &e->alloc, dir, NULL, 0, no_mmap, err);
    if (rc == VLM_OK)
        rc = vlm_gguf_model_add_vision(g, &e->mmproj_files, name, err);
    vlm_mem_free(&e->alloc, dir);
    return rc;
}

int vlm_engine_open_gguf(vlm_engine *e, struct vlm_gguf_model *g, const char *name,
                         const vlm_engine_options *o, vlm_error *err)
{
    int rc = vlm_gguf_model_open(g, &e->files, name, err);
    return rc < 0 ? rc : add_vision(e, g, o->mmproj, o->no_mmap, err);
}

/* There is no config.json and no tokenizer.json: the keys of each part stand for them, sorted. */
void vlm_engine_hash_gguf(vlm_engine *e, const struct vlm_gguf_model *g)
{
    const struct vlm_gguf_part *parts[2] = {&g->text, &g->vision};
    static const char tokenizer[] = "tokenizer.";
    struct vlm_sha256 config, vocabulary;
    vlm_sha256_init(&config);
    vlm_sha256_init(&vocabulary);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; parts[i]->weights.source && k < parts[i]->meta.n_pairs; k++) {
            const struct vlm_gguf_pair *p = &parts[i]->meta.pairs[k];
            bool of_tokenizer = p->n_key >= sizeof tokenizer - 1 &&
                                memcmp(p->key, tokenizer, sizeof tokenizer - 1) == 0;
            vlm_sha256_add(of_tokenizer ? &vocabulary : &config, p->key,
                           (size_t)((const char *)p->data + p->n_data - p->key));
        }
    vlm_sha256_end(&config, e->config_hash);
    vlm_sha256_end(&vocabulary, e->tokenizer_hash);
}
