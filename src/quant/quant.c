/* quant.c: which types there are, and the floats among them. */
#include "quant/quant.h"

#include "quant/fit.h"

static void to_f32(uint8_t *out, const float *x, const float *importance, size_t n)
{
    (void)importance;
    memcpy(out, x, n * sizeof *x);
}

static void to_f16(uint8_t *out, const float *x, const float *importance, size_t n)
{
    (void)importance;
    for (size_t i = 0; i < n; i++)
        put_half(out + 2 * i, vlm_f32_to_f16(x[i]));
}

static void to_bf16(uint8_t *out, const float *x, const float *importance, size_t n)
{
    (void)importance;
    for (size_t i = 0; i < n; i++)
        put_half(out + 2 * i, vlm_f32_to_bf16(x[i]));
}

/* F16: what is nearer to 65504 than to 65536; BF16: likewise. */
static const struct {
    vlm_quant_rows *rows;
    float max;
} types[VLM_N_NUM] = {
    [VLM_NUM_F32] = {to_f32, 0x1.fffffep127f},
    [VLM_NUM_F16] = {to_f16, 65519.996f},
    [VLM_NUM_BF16] = {to_bf16, 0x1.fefffep127f},
    [VLM_NUM_Q4_0] = {vlm_quant_q4_0, 65504 * 7.0f},
    [VLM_NUM_Q4_1] = {vlm_quant_q4_1, 65504},
    [VLM_NUM_Q5_0] = {vlm_quant_q5_0, 65504 * 15.0f},
    [VLM_NUM_Q5_1] = {vlm_quant_q5_1, 65504},
    [VLM_NUM_Q8_0] = {vlm_quant_q8_0, 65504 * 127.0f},
    [VLM_NUM_Q2_K] = {vlm_quant_q2_k, 65504 * 15.0f},
    [VLM_NUM_Q3_K] = {vlm_quant_q3_k, 65504 * 3.0f * 31},
    [VLM_NUM_Q4_K] = {vlm_quant_q4_k, 65504 * 63.0f},
    [VLM_NUM_Q5_K] = {vlm_quant_q5_k, 65504 * 63.0f},
    [VLM_NUM_Q6_K] = {vlm_quant_q6_k, 65504 * 31.0f * 127},
    [VLM_NUM_IQ4_NL] = {vlm_quant_iq4_nl, 65504 * 113.0f},
};

bool vlm_quant_has(enum vlm_num type)
{
    return type < VLM_N_NUM && types[type].rows;
}

float vlm_quant_max(enum vlm_num type)
{
    return types[type].max;
}

void vlm_quant_row(enum vlm_num type, void *out, const float *x, const float *importance, size_t n)
{
    types[type].rows(out, x, importance, n);
}
