/* pack.c: matrices of floats rounded to Q8_0 when they are loaded, for models whose files hold
 * floats or whose rows do not divide into blocks. */
#include <assert.h>
#include <string.h>

#include "backend/cpu.h"
#include "base/checked.h"
#include "base/half.h"

#define LEN 32 /* of a block: a scale in F16, then as many bytes */
#define BYTES 34
#define PIECE 256 /* floats of a row at a time */

/* The nearest multiples of a scale that F16 holds, the least that reaches the largest; a block with
 * an infinity or a NaN is all NaN.  Loops that any compiler turns into vectors. */
static void pack_block(uint8_t *out, const float *x)
{
    int32_t largest = 0, q[LEN];
    for (size_t i = 0; i < LEN; i++) {
        int32_t size = (int32_t)(vlm_f32_to_bits(x[i]) & 0x7fffffffu);
        largest = size > largest ? size : largest;
    }
    memset(out, 0, BYTES);
    uint16_t half = vlm_f32_to_f16(vlm_bits_to_f32((uint32_t)largest) / 127);
    if (largest >= 0x7f800000)
        half = 0x7e00;
    else if (vlm_f16_to_f32(half) * 127 < vlm_bits_to_f32((uint32_t)largest))
        half++;
    memcpy(out, &half, 2); /* every machine that this runs on has the file's byte order */
    float scale = vlm_f16_to_f32(half);
    if (!(scale > 0) || largest >= 0x7f800000)
        return;
    for (size_t i = 0; i < LEN; i++)
        q[i] = (int32_t)((x[i] * (1 / scale) + 0x1.8p23f) - 0x1.8p23f); /* ties to even */
    for (size_t i = 0; i < LEN; i++)
        out[2 + i] = (uint8_t)(int8_t)q[i];
}

struct pack_op {
    const struct vlm_backend *b;
    uint8_t *out;
    const struct vlm_linear *w;
};

static void pack_rows(const void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct pack_op *o = arg;
    const struct vlm_linear *w = o->w;
    const uint8_t *in = (const uint8_t *)w->data + begin * vlm_num_bytes(w->type, w->n_in);
    uint8_t *out = o->out + begin * vlm_backend_packed_bytes(w->n_in);
    float x[PIECE];
    for (size_t r = begin; r < end; r++)
        for (size_t at = 0; at < w->n_in; at += PIECE) {
            size_t n = vlm_min_size(PIECE, w->n_in - at), padded = (n + LEN - 1) / LEN * LEN;
            o->b->k.to_f32[w->type](x, in, n);
            memset(x + n, 0, (padded - n) * sizeof *x);
            in += vlm_num_bytes(w->type, n);
            for (size_t i = 0; i < padded; i += LEN, out += BYTES)
                pack_block(out, x + i);
        }
}

size_t vlm_backend_packed_length(size_t n_in)
{
    return (n_in + LEN - 1) / LEN * LEN;
}

size_t vlm_backend_packed_bytes(size_t n_in)
{
    return vlm_backend_packed_length(n_in) / LEN * BYTES;
}

void vlm_op_pack(struct vlm_backend *b, uint8_t *out, const struct vlm_linear *w)
{
    assert(w->type < VLM_N_FLOAT && !w->scale);
    struct pack_op o = {b, out, w};
    vlm_backend_split(b, pack_rows, &o, w->n_out, 1, w->n_out * w->n_in);
}
