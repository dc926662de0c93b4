/* feature_files.c: encoded pictures on disk (engine option feature_dir), for the next process.
 *
 * A file is named by the hash of all that its numbers depend on: tower and connector, weights and
 * settings; the arithmetic (ISA level, version); the picture with its tiling; and the tenant who
 * may have it.  It holds that hash again, its size and the hash of its content.  Whatever is wrong
 * with a file, it is passed over and written anew; whatever is wrong with the directory later on,
 * nothing is written: no answer depends on either. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/os_store.h"
#include "engine/engine.h"

#define MAGIC "vlmfeat1" /* changes with the format, and with what the tower computes */
#define ENDING ".vlmfeat"

struct name {
    char text[80];
};
struct head {
    char magic[8];
    uint8_t name[32], content[32];
    uint64_t bytes;
};

int vlm_engine_feature_files_open(vlm_engine *e, const vlm_engine_options *o, vlm_error *err)
{
    struct vlm_feature_files *d = &e->feature_files;
    d->exact = o->exact; /* asked for without a directory, too */
    if (!o->feature_dir || !*o->feature_dir || !e->model)
        return VLM_OK;
    int rc = vlm_os_store_open(o->feature_dir, sizeof(struct name), err);
    if (rc < 0)
        return rc;
    d->dir = vlm_mem_strndup(&e->alloc, o->feature_dir, strlen(o->feature_dir));
    if (!d->dir)
        return vlm_fail_memory(err, strlen(o->feature_dir), "the name of a directory");
    d->budget = o->max_feature_dir;
    d->bytes = vlm_os_store_trim(d->dir, ENDING, d->budget, &e->alloc);
    return VLM_OK;
}

/* ---- what a file depends on ---- */

/* Every word of a tensor moves one of four sums, and no step forgets a difference: 10 GB/s, where a
 * cryptographic hash would take longer than the tower. */
static void add_bytes(struct vlm_sha256 *to, const void *data, size_t n)
{
    uint64_t h[5] = {1, 2, 3, 4, n}, w[4];
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i += sizeof w) {
        memset(w, 0, sizeof w);
        memcpy(w, p + i, n - i < sizeof w ? n - i : sizeof w);
        for (int k = 0; k < 4; k++) {
            h[k] ^= w[k];
            h[k] = (h[k] << 29 | h[k] >> 35) * UINT64_C(0x9E3779B97F4A7C15);
        }
    }
    vlm_sha256_add(to, h, sizeof h);
}

static void add_linear(struct vlm_sha256 *to, const struct vlm_linear *w)
{
    uint64_t shape[3] = {(uint64_t)w->type, w->n_out, w->n_in};
    vlm_sha256_add(to, shape, sizeof shape);
    add_bytes(to, w->data, w->n_out * vlm_num_bytes(w->type, w->n_in));
    if (w->bias)
        add_bytes(to, w->bias, w->n_out * sizeof *w->bias);
    if (w->scale)
        add_bytes(to, w->scale, w->n_out * sizeof *w->scale);
}

static void hash_tower(uint8_t out[32], const vlm_engine *e)
{
    const struct vlm_model *m = e->model;
    const struct vlm_vision_config *v = &m->config.vision;
    const struct vlm_image_config *c = &m->config.image;
    size_t norm = v->hidden * sizeof(float);
    struct vlm_sha256 h;
    char text[400];
    int n =
        snprintf(text, sizeof text, "%s %s %d %d tower %u %u %u %u %u %u %a %u %u %u tile %u %a",
                 vlm_version(), vlm_engine_isa(e), e->feature_files.exact, (int)m->rounded,
                 v->hidden, v->ffn, v->layers, v->heads, v->patch, v->image_size, (double)v->eps,
                 m->config.scale, m->config.grid, m->config.text.hidden, c->tile, c->rescale);
    vlm_sha256_init(&h);
    vlm_sha256_add(&h, text, (size_t)n + 1);
    vlm_sha256_add(&h, c->mean, sizeof c->mean);
    vlm_sha256_add(&h, c->std, sizeof c->std);
    vlm_sha256_add(&h, &(int){(int)c->resample}, sizeof(int));
    add_linear(&h, &m->patch);
    add_linear(&h, &m->position);
    for (size_t i = 0; i < v->layers; i++) {
        const struct vlm_vision_layer *l = &m->vision[i];
        const struct vlm_linear *all[] = {&l->q, &l->k, &l->v, &l->out, &l->fc1, &l->fc2};
        const float *norms[] = {l->norm1_w, l->norm1_b, l->norm2_w, l->norm2_b};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            add_linear(&h, all[k]);
        for (size_t k = 0; k < sizeof norms / sizeof *norms; k++)
            add_bytes(&h, norms[k], norm);
    }
    add_bytes(&h, m->post_w, norm);
    add_bytes(&h, m->post_b, norm);
    add_linear(&h, &m->connector);
    vlm_sha256_end(&h, out);
}

/* The tower is read once, when the first picture asks. */
static void hash_name(uint8_t out[32], vlm_engine *e, const uint8_t tenant[32],
                      const struct vlm_picture_key *key)
{
    struct vlm_feature_files *d = &e->feature_files;
    const struct vlm_tile_plan *p = &key->plan;
    const uint32_t plan[8] = {p->rows,        p->cols,         p->width, p->height,
                              p->step1_width, p->step1_height, p->tile,  p->n_frames};
    struct vlm_sha256 h;
    pthread_mutex_lock(&e->features.lock);
    if (!d->have_tower)
        hash_tower(d->tower, e);
    d->have_tower = true;
    pthread_mutex_unlock(&e->features.lock);
    vlm_sha256_init(&h);
    vlm_sha256_add(&h, MAGIC, sizeof MAGIC);
    vlm_sha256_add(&h, d->tower, sizeof d->tower);
    vlm_sha256_add(&h, tenant, 32);
    vlm_sha256_add(&h, key->hash, sizeof key->hash);
    vlm_sha256_add(&h, plan, sizeof plan);
    vlm_sha256_end(&h, out);
}

static void write_name(struct name *out, const uint8_t hash[32])
{
    for (int i = 0; i < 32; i++)
        snprintf(out->text + (size_t)2 * i, 3, "%02x", hash[i]);
    memcpy(out->text + 64, ENDING, sizeof ENDING);
}

/* ---- reading and writing ---- */

/* What of a file is as it must be, into f. */
static bool take(struct vlm_feature *f, const struct vlm_map *map, const uint8_t name[32])
{
    struct head head;
    uint8_t content[32];
    if (map->n != sizeof head + f->bytes)
        return false;
    memcpy(&head, map->data, sizeof head);
    if (memcmp(head.magic, MAGIC, sizeof head.magic) != 0 || head.bytes != f->bytes ||
        memcmp(head.name, name, sizeof head.name) != 0)
        return false;
    vlm_sha256_of(content, map->data + sizeof head, f->bytes);
    if (memcmp(head.content, content, sizeof content) != 0)
        return false;
    memcpy(f->data, map->data + sizeof head, f->bytes);
    return true;
}

struct vlm_feature *vlm_engine_feature_load(vlm_engine *e, const uint8_t tenant[32],
                                            const struct vlm_picture_key *key, size_t n_tokens)
{
    const char *dir = e->feature_files.dir;
    struct vlm_map map;
    struct name name;
    uint8_t hash[32];
    if (!dir)
        return NULL;
    hash_name(hash, e, tenant, key);
    write_name(&name, hash);
    uint64_t most = sizeof(struct head) + n_tokens * e->config.text.hidden * sizeof(float);
    if (!vlm_os_exists(dir, name.text) ||
        vlm_map_open(&map, &e->alloc, dir, name.text, true, most, NULL) < 0)
        return NULL;
    struct vlm_feature *f = vlm_engine_feature_make(e, tenant, key, n_tokens, 0, NULL);
    bool good = f && take(f, &map, hash);
    vlm_map_close(&map, &e->alloc);
    if (good) {
        vlm_os_store_touch(dir, name.text);
        return f;
    }
    if (f)
        vlm_engine_feature_discard(e, f);
    return NULL;
}

static uint64_t file_bytes(const struct vlm_feature *f)
{
    uint64_t n = sizeof(struct head) + f->bytes;
    return n < VLM_OS_STORE_LEAST ? VLM_OS_STORE_LEAST : n;
}

void vlm_engine_feature_files_room(vlm_engine *e, const struct vlm_feature *f)
{
    struct vlm_feature_files *d = &e->feature_files;
    uint64_t n = file_bytes(f);
    if (!d->dir || n > d->budget)
        return;
    pthread_mutex_lock(&e->features.lock);
    d->bytes += n; /* as if it were written */
    if (d->bytes > d->budget)
        d->bytes = n + vlm_os_store_trim(d->dir, ENDING, d->budget - n, &e->alloc);
    pthread_mutex_unlock(&e->features.lock);
}

void vlm_engine_feature_store(vlm_engine *e, const struct vlm_feature *f)
{
    struct head head = {.magic = MAGIC, .bytes = f->bytes};
    struct name name;
    if (!e->feature_files.dir || file_bytes(f) > e->feature_files.budget)
        return;
    hash_name(head.name, e, f->tenant, &f->key);
    vlm_sha256_of(head.content, f->data, f->bytes);
    write_name(&name, head.name);
    (void)vlm_os_store_write(e->feature_files.dir, name.text, &head, sizeof head, f->data,
                             f->bytes);
}
