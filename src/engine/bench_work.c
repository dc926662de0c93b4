/* bench_work.c: the operations and bytes that a piece of work takes at least, counted from the
 * matrices that the model bound. */
#include "engine/bench.h"

static void add_linear(vlm_bench_sample *w, const vlm_engine *e, const struct vlm_linear *l,
                       size_t n_rows)
{
    bool floats = l->type < VLM_N_FLOAT || e->feature_files.exact;
    double ops = 2.0 * (double)n_rows * (double)l->n_out * (double)l->n_in;
    *(floats ? &w->fp32_ops : &w->int8_ops) += ops;
    w->bytes += (double)l->n_out * (double)vlm_num_bytes(l->type, l->n_in);
}

/* A matrix of the tower, which may be computed with in 8 bits where the file has floats. */
static void add_tower(vlm_bench_sample *w, const vlm_engine *e, const struct vlm_linear *l,
                      size_t n_rows)
{
    const struct vlm_linear as = vlm_model_tower_linear(e->model, l);
    add_linear(w, e, &as, n_rows);
}

void vlm_engine_work_rows(vlm_bench_sample *out, const vlm_engine *e, enum vlm_num kv,
                          size_t n_rows, size_t depth, size_t n_logits, size_t n_sequences)
{
    const struct vlm_text_config *c = &e->config.text;
    size_t all = n_rows * n_sequences;
    for (size_t i = 0; i < c->layers; i++) {
        const struct vlm_text_layer *l = &e->model->text[i];
        const struct vlm_linear *const matrices[] = {&l->q,    &l->k,  &l->v,   &l->out,
                                                     &l->gate, &l->up, &l->down};
        for (size_t k = 0; k < sizeof matrices / sizeof *matrices; k++)
            add_linear(out, e, matrices[k], all);
    }
    if (n_logits)
        add_linear(out, e, &e->model->head, n_logits * n_sequences);
    /* row i of a sequence meets depth + i + 1 keys and as many values */
    double keys = (double)all * ((double)depth + ((double)n_rows + 1) / 2);
    out->fp32_ops += 4 * keys * c->head_dim * c->heads * c->layers;
    out->bytes += (double)n_sequences * (double)(depth + n_rows) *
                  (double)vlm_kv_block_bytes(e->model, kv) / VLM_KV_BLOCK;
}

void vlm_engine_work_frames(vlm_bench_sample *out, const vlm_engine *e, size_t n_frames)
{
    const struct vlm_config *c = &e->config;
    size_t n = (size_t)c->grid * c->grid;
    add_tower(out, e, &e->model->patch, n * n_frames);
    for (size_t i = 0; i < c->vision.layers; i++) {
        const struct vlm_vision_layer *l = &e->model->vision[i];
        const struct vlm_linear *const matrices[] = {&l->q,   &l->k,   &l->v,
                                                     &l->out, &l->fc1, &l->fc2};
        for (size_t k = 0; k < sizeof matrices / sizeof *matrices; k++)
            add_tower(out, e, matrices[k], n * n_frames);
        out->fp32_ops += 4.0 * (double)n_frames * (double)n * (double)n * c->vision.hidden;
    }
    add_tower(out, e, &e->model->connector, c->image_seq_len * n_frames);
}
