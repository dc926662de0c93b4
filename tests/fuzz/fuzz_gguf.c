/* fuzz_gguf.c: a GGUF file of arbitrary bytes; or two parts, when the input begins with 'S', the
 * length of the first in two bytes, and both.  What is accepted is read to the end and held against
 * the promises of gguf.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "format/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool kept)
{
    if (!kept)
        abort();
}

static bool within(const struct vlm_weights *w, size_t file, const uint8_t *p, uint64_t n)
{
    const struct vlm_map *m = &w->files[file].map;
    return p >= m->data && p <= m->data + m->n && n <= (uint64_t)(m->data + m->n - p);
}

static void use_string(const char *s, size_t n)
{
    promise(vlm_utf8_valid(s, n) && !memchr(s, 0, n));
}

static void use_value(const struct vlm_gguf *g, const char *key, const struct vlm_gguf_pair *p)
{
    vlm_error err;
    uint64_t u = 0;
    double d = 0;
    bool b = false;
    const char *s = "";
    size_t n = 0;
    if (vlm_gguf_get_u64(&u, g, key, false, 1, 1000, &err) == VLM_OK)
        promise(u >= 1 && u <= 1000 && !p->is_array);
    if (vlm_gguf_get_double(&d, g, key, true, -1, 1e9, &err) == VLM_OK)
        promise(d >= -1 && d <= 1e9);
    if (vlm_gguf_get_bool(&b, g, key, false, &err) == VLM_OK)
        promise(p->type == VLM_GGUF_BOOL);
    if (vlm_gguf_get_string(&s, &n, g, key, false, &err) == VLM_OK)
        promise(p->type == VLM_GGUF_STRING && n + 8 == p->n_data);
    else
        promise(err.message[0] && !strchr(err.message, '\n'));
    use_string(s, n);
}

static void use_pair(const struct vlm_gguf *g, const struct vlm_gguf_pair *p)
{
    use_string(p->key, p->n_key);
    promise(p->n_key > 0 && p->type != VLM_GGUF_ARRAY && (p->is_array || p->n == 1));
    char *key = vlm_mem_strndup(&vlm_mem_system, p->key, p->n_key);
    promise(key && vlm_gguf_find(g, key) == p);
    use_value(g, key, p);
    vlm_mem_free(&vlm_mem_system, key);
    if (p->type == VLM_GGUF_STRING) {
        struct vlm_gguf_strings it = {0, 0};
        const char *s;
        size_t n, total = 0;
        uint64_t count = 0;
        for (; vlm_gguf_next_string(&it, &s, &n, p); count++) {
            use_string(s, n);
            total += 8 + n;
        }
        promise(count == p->n && total == p->n_data);
        return;
    }
    promise(p->n * vlm_format_gguf_size(p->type) == p->n_data);
    for (uint64_t i = 0; i < p->n; i += 1 + p->n / 64)
        (void)vlm_gguf_number(p, i);
    if (p->n)
        (void)vlm_gguf_number(p, p->n - 1);
    promise(isnan(vlm_gguf_number(p, p->n)));
}

static void use_tensors(const struct vlm_weights *w, const struct vlm_gguf *g)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < w->n_tensors; i++) {
        const struct vlm_weight *t = &w->tensors[i];
        uint64_t n = 1;
        promise(t->n_dims >= 1 && t->n_dims <= 4 && t->file < w->n_files);
        for (size_t k = 0; k < 4; k++) {
            promise(t->shape[k] >= 1 && (k < t->n_dims || t->shape[k] == 1));
            n *= t->shape[k];
        }
        promise(n <= VLM_LIMIT_TENSOR_ELEMENTS && within(w, t->file, t->data, t->bytes));
        if (t->dtype != VLM_NUM_OTHER) {
            promise(t->shape[t->n_dims - 1] % vlm_num_info(t->dtype)->block_len == 0);
            promise(vlm_num_bytes(t->dtype, n) == t->bytes);
        }
        if (t->file == 0) /* the alignment of other parts is not kept */
            promise((uint64_t)(t->data - w->files[0].map.data) % g->alignment == 0);
        volatile uint8_t sink = (uint8_t)(t->data[0] ^ t->data[t->bytes - 1]);
        (void)sink;
        promise(vlm_weights_find(w, t->name) == t);
        promise(i == 0 || strcmp(w->tensors[i - 1].name, t->name) < 0);
        bytes += t->bytes;
    }
    promise(bytes == w->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlm_file files[2] = {{"m-00001-of-00002.gguf", data, size}, {"m-00002-of-00002.gguf", "", 0}};
    bool parts = size >= 3 && data[0] == 'S';
    if (parts) {
        size_t n = (size_t)data[1] | (size_t)data[2] << 8;
        n = n < size - 3 ? n : size - 3;
        files[0] = (vlm_file){files[0].name, data + 3, n};
        files[1] = (vlm_file){files[1].name, data + 3 + n, size - 3 - n};
    } else {
        files[0].name = "m.gguf";
        files[0].data = size ? data : (const uint8_t *)"";
    }
    struct vlm_files source;
    struct vlm_weights w;
    struct vlm_gguf g;
    vlm_error err;
    promise(vlm_files_init(&source, &vlm_mem_system, NULL, files, 2, false, &err) == VLM_OK);
    if (vlm_weights_open_gguf(&w, &g, &source, files[parts].name, &err) >= 0) {
        promise((g.alignment & (g.alignment - 1)) == 0 && g.alignment >= 8);
        for (size_t i = 0; i < g.n_pairs; i++)
            use_pair(&g, &g.pairs[i]);
        use_tensors(&w, &g);
        vlm_gguf_free(&g);
        vlm_weights_close(&w);
    } else {
        promise(err.message[0] && !strchr(err.message, '\n'));
    }
    vlm_files_free(&source);
    return 0;
}
