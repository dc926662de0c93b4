/* files.c: one way to reach a model's files, whether they lie in a directory or in memory.
 * The operating system is reached through base/os.h only. */
#include "format/files.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

int vlm_files_init(struct vlm_files *f, const vlm_allocator *alloc, const char *dir,
                   const vlm_file *memory, size_t n_memory, bool no_mmap, vlm_error *err)
{
    memset(f, 0, sizeof *f);
    f->alloc = alloc;
    f->no_mmap = no_mmap;
    if (!dir) {
        if (!memory || n_memory == 0)
            return vlm_fail(err, VLM_ERR_ARGUMENT, "no model: neither a directory nor files given");
        for (size_t i = 0; i < n_memory; i++)
            if (!memory[i].name || (!memory[i].data && memory[i].size))
                return vlm_fail(err, VLM_ERR_ARGUMENT, "file %zu of %zu has no name or no data", i,
                                n_memory);
        f->memory = memory;
        f->n_memory = n_memory;
        return VLM_OK;
    }
    if (!*dir)
        return vlm_fail(err, VLM_ERR_ARGUMENT, "the model's path is empty");
    struct vlm_label label;
    vlm_files_label(&label, f, dir);
    if (!vlm_os_is_directory(dir)) {
        bool there = vlm_os_exists(NULL, dir);
        return vlm_fail(err, there ? VLM_ERR_FORMAT : VLM_ERR_IO,
                        "%s: %s, expected a model directory", label.text,
                        there ? "not a directory" : "nothing of that name");
    }
    f->dir = vlm_mem_strndup(alloc, dir, strlen(dir));
    return f->dir ? VLM_OK : vlm_fail_memory(err, strlen(dir) + 1, "a path");
}

void vlm_files_free(struct vlm_files *f)
{
    if (f->alloc)
        vlm_mem_free(f->alloc, f->dir);
    memset(f, 0, sizeof *f);
}

static const vlm_file *find_memory(const struct vlm_files *f, const char *name)
{
    for (size_t i = 0; i < f->n_memory; i++)
        if (strcmp(f->memory[i].name, name) == 0)
            return &f->memory[i];
    return NULL;
}

bool vlm_files_has(const struct vlm_files *f, const char *name)
{
    return f->memory ? find_memory(f, name) != NULL : vlm_os_exists(f->dir, name);
}

int vlm_files_each(const struct vlm_files *f, bool (*fn)(void *ctx, const char *name), void *ctx,
                   vlm_error *err)
{
    if (!f->memory)
        return vlm_os_list(f->dir, fn, ctx, err);
    for (size_t i = 0; i < f->n_memory && fn(ctx, f->memory[i].name); i++)
        ;
    return VLM_OK;
}

int vlm_files_open(struct vlm_map *out, const struct vlm_files *f, const char *name,
                   uint64_t max_bytes, vlm_error *err)
{
    if (!f->memory)
        return vlm_map_open(out, f->alloc, f->dir, name, f->no_mmap, max_bytes, err);
    struct vlm_label label;
    const vlm_file *m = find_memory(f, name);
    if (!m)
        return vlm_fail(err, VLM_ERR_IO, "%s: not among the files given",
                        vlm_files_label(&label, f, name));
    if (m->size > max_bytes)
        return vlm_fail(err, VLM_ERR_LIMIT, "%s: %zu bytes, the limit is %llu",
                        vlm_files_label(&label, f, name), m->size, (unsigned long long)max_bytes);
    *out = (struct vlm_map){.data = m->size ? m->data : NULL, .n = m->size, .mapped = false};
    return VLM_OK;
}

void vlm_files_close(struct vlm_map *m, const struct vlm_files *f)
{
    if (f->memory)
        memset(m, 0, sizeof *m);
    else
        vlm_map_close(m, f->alloc);
}

const char *vlm_files_label(struct vlm_label *out, const struct vlm_files *f, const char *name)
{
    size_t n_name = strlen(name), n_dir = f->dir ? strlen(f->dir) : 0;
    bool slash = n_dir > 0 && n_name > 0 && f->dir[n_dir - 1] != '/';
    size_t n = n_dir + slash + n_name;
    if (n < sizeof out->text) {
        snprintf(out->text, sizeof out->text, "%s%s%s", n_dir ? f->dir : "", slash ? "/" : "",
                 name);
        return out->text;
    }
    size_t skip = n - (sizeof out->text - 4), i = 3; /* "..." and what is left of DIR/NAME */
    memcpy(out->text, "...", 3);
    for (size_t at = skip; at < n; at++) {
        char c = at < n_dir ? f->dir[at] : at < n_dir + slash ? '/' : name[at - n_dir - slash];
        if (i > 3 || ((unsigned char)c & 0xC0) != 0x80) /* do not begin inside a UTF-8 sequence */
            out->text[i++] = c;
    }
    out->text[i] = 0;
    return out->text;
}
