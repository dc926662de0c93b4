/* fingerprint.c: which model an engine holds, for files that only fit one: a hash over settings,
 * vocabulary, the table of tensors, the sizes of the files and a sample of every tensor's bytes.
 * It tells one set of weights from another; it is no check of their every byte. */
#include <string.h>

#include "base/hash.h"
#include "engine/engine.h"

enum { SAMPLE = 64 };

static void add_u64(struct vlm_sha256 *h, uint64_t v)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(v >> 8 * i);
    vlm_sha256_add(h, bytes, sizeof bytes);
}

/* Its beginning, middle and end. */
static void add_sample(struct vlm_sha256 *h, const uint8_t *data, uint64_t n)
{
    if (n <= 3 * SAMPLE) {
        vlm_sha256_add(h, data, (size_t)n);
        return;
    }
    vlm_sha256_add(h, data, SAMPLE);
    vlm_sha256_add(h, data + n / 2, SAMPLE);
    vlm_sha256_add(h, data + n - SAMPLE, SAMPLE);
}

static void add_weights(struct vlm_sha256 *h, const struct vlm_weights *w)
{
    add_u64(h, w->n_files);
    for (size_t i = 0; i < w->n_files; i++)
        add_u64(h, w->files[i].map.n);
    add_u64(h, w->n_tensors);
    for (size_t i = 0; i < w->n_tensors; i++) {
        const struct vlm_weight *t = &w->tensors[i];
        vlm_sha256_add(h, t->name, strlen(t->name) + 1);
        add_u64(h, t->dtype);
        for (size_t k = 0; k < 4; k++)
            add_u64(h, k < t->n_dims ? t->shape[k] : 0);
        add_u64(h, t->bytes);
        add_sample(h, t->data, t->bytes);
    }
}

void vlm_engine_fingerprint(vlm_engine *e, uint8_t out[32])
{
    pthread_mutex_lock(&e->features.lock); /* short, and only the first call waits for it */
    if (!e->have_fingerprint) {
        struct vlm_sha256 h;
        vlm_sha256_init(&h);
        vlm_sha256_add(&h, e->config_hash, sizeof e->config_hash);
        vlm_sha256_add(&h, e->tokenizer_hash, sizeof e->tokenizer_hash);
        add_weights(&h, &e->model->weights);
        add_weights(&h, &e->model->tower);
        if (e->model->rounded) /* other features of the same pictures */
            add_u64(&h, e->model->rounded);
        vlm_sha256_end(&h, e->fingerprint);
        e->have_fingerprint = true;
    }
    memcpy(out, e->fingerprint, sizeof e->fingerprint);
    pthread_mutex_unlock(&e->features.lock);
}
