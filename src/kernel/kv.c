/* kv.c: rounds keys and values to the type of a cache and puts them where kv.h says; reads them
 * back.  Plain C, one order of operations: every level and machine stores the same bytes. */
#include "kernel/kv.h"

#include <string.h>

#include "base/half.h"

#define PART 64 /* elements that are converted at a time; a multiple of the group */

/* ---- quantising ---- */

/* q of n <= VLM_KV_GROUP values, and d: the largest value over 127 (Q8_0), the value of largest size
 * over -8 (Q4_0), rounded to F16 first, so that q is the nearest to what was asked.  Infinities and
 * NaNs, and what overflows F16, give a d that is no number, and so values that are none. */
static uint16_t quantise(int8_t *q, const float *x, size_t n, enum vlm_num type)
{
    float largest = 0, most = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t u = vlm_f32_to_bits(x[i]) & 0x7fffffff;
        bits = u > bits ? u : bits;
    }
    largest = vlm_bits_to_f32(bits);
    for (size_t i = 0; i < n; i++)
        most = (vlm_f32_to_bits(x[i]) & 0x7fffffff) == bits ? x[i] : most;
    const float lo = type == VLM_NUM_Q8_0 ? -127.0f : -8.0f,
                hi = type == VLM_NUM_Q8_0 ? 127.0f : 7.0f, round = 0x1.8p23f;
    uint16_t h = vlm_f32_to_f16(type == VLM_NUM_Q8_0 ? largest / 127 : most / -8);
    float d = vlm_f16_to_f32(h);
    if (bits >= 0x7f800000)
        h = 0x7e00;
    if (d == 0 || d - d != 0 || bits >= 0x7f800000) {
        memset(q, 0, n);
        return h;
    }
    for (size_t i = 0; i < n; i++) {
        float y = x[i] / d;
        y = y < lo ? lo : y > hi ? hi : y;
        q[i] = (int8_t)((y + round) - round);
    }
    return h;
}

static void put_half(uint8_t *p, uint16_t h) { memcpy(p, &h, 2); }

/* Bytes of two halves: the low one clears the high one, which comes later. */
static void put_low(uint8_t *p, int8_t q) { *p = (uint8_t)q & 15; }
static void put_high(uint8_t *p, int8_t q)
{
    *p = (uint8_t)((*p & 15) | (unsigned)(uint8_t)q << 4);
}

static void store_keys(uint8_t *panel, const float *k, size_t i, enum vlm_num type, size_t head_dim)
{
    int8_t q[VLM_KV_GROUP];
    const size_t row = VLM_KV_PANEL * vlm_kv_half_bytes(type) / 2;
    for (size_t d = 0; d < head_dim; d += VLM_KV_GROUP) {
        size_t n = head_dim - d < VLM_KV_GROUP ? head_dim - d : VLM_KV_GROUP;
        put_half(panel + 2 * i, quantise(q, k + d, n, type));
        panel += vlm_kv_scales(type, VLM_KV_PANEL);
        for (size_t x = 0; x < n; x++, panel += row) {
            if (type == VLM_NUM_Q8_0)
                panel[i] = (uint8_t)q[x];
            else if (i < VLM_KV_PANEL / 2)
                put_low(panel + i, q[x]);
            else
                put_high(panel + i - VLM_KV_PANEL / 2, q[x]);
        }
    }
}

static void store_values(uint8_t *values, const float *v, size_t j, enum vlm_num type,
                         size_t head_dim)
{
    int8_t q[VLM_KV_GROUP] = {0};
    const size_t stride = vlm_kv_value_stride(type, head_dim);
    uint8_t *row = values + vlm_kv_groups(head_dim) * vlm_kv_scales(type, VLM_KV_BLOCK) +
                   stride * (type == VLM_NUM_Q8_0 ? j : j / 2);
    for (size_t d = 0; d < stride; d += VLM_KV_GROUP) {
        size_t n = head_dim - d < VLM_KV_GROUP ? head_dim - d : VLM_KV_GROUP,
               end = stride - d < VLM_KV_GROUP ? stride - d : VLM_KV_GROUP;
        memset(q + n, 0, sizeof q - n);
        put_half(values + 2 * j, quantise(q, v + d, n, type));
        values += vlm_kv_scales(type, VLM_KV_BLOCK);
        for (size_t x = 0; x < end; x++, row++) {
            if (type == VLM_NUM_Q8_0)
                *row = (uint8_t)q[x];
            else if (j % 2 == 0)
                put_low(row, q[x]);
            else
                put_high(row, q[x]);
        }
    }
}

/* ---- plain types ---- */

/* Elements of 4 or 2 bytes from to[] to every VLM_KV_PANEL-th place */
static void scatter(uint8_t *panel, const void *x, size_t n, size_t size)
{
    const uint8_t *from = x;
    if (size == 4)
        for (size_t d = 0; d < n; d++)
            memcpy(panel + d * VLM_KV_PANEL * 4, from + 4 * d, 4);
    else
        for (size_t d = 0; d < n; d++)
            memcpy(panel + d * VLM_KV_PANEL * 2, from + 2 * d, 2);
}

static void store_plain(const struct vlm_kernels *kernels, uint8_t *panel, size_t i, const float *k,
                        enum vlm_num type, size_t head_dim)
{
    const size_t size = vlm_kv_half_bytes(type) / 2;
    float part[PART];
    for (size_t d = 0; d < head_dim; d += PART) {
        size_t n = head_dim - d < PART ? head_dim - d : PART;
        kernels->from_f32[type](part, k + d, n);
        scatter(panel + (d * VLM_KV_PANEL + i) * size, part, n, size);
    }
}

void vlm_kv_store(const struct vlm_kernels *kernels, void *keys, void *values, enum vlm_num type,
                  size_t head_dim, const struct vlm_kv_rows *rows)
{
    const size_t size = vlm_kv_half_bytes(type) / 2;
    for (size_t r = 0; r < rows->n; r++) {
        const float *k = rows->k + r * rows->ld_k, *v = rows->v + r * rows->ld_v;
        size_t j = rows->at + r, i = j % VLM_KV_PANEL;
        uint8_t *panel = (uint8_t *)keys + j / VLM_KV_PANEL * vlm_kv_panel_bytes(type, head_dim);
        if (vlm_kv_quantised(type)) {
            store_keys(panel, k, i, type, head_dim);
            store_values(values, v, j, type, head_dim);
        } else {
            store_plain(kernels, panel, i, k, type, head_dim);
            kernels->from_f32[type]((uint8_t *)values + j * head_dim * size, v, head_dim);
        }
    }
}

/* ---- reading ---- */

static float get_half(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, 2);
    return vlm_f16_to_f32(h);
}

static float get_plain(const uint8_t *p, enum vlm_num type)
{
    float f;
    uint16_t h;
    if (type == VLM_NUM_F32) {
        memcpy(&f, p, 4);
        return f;
    }
    memcpy(&h, p, 2);
    return type == VLM_NUM_F16 ? vlm_f16_to_f32(h) : vlm_bf16_to_f32(h);
}

static float get_low(uint8_t b) { return (float)((b & 15) ^ 8) - 8; }
static float get_high(uint8_t b) { return (float)((b >> 4) ^ 8) - 8; }

void vlm_kv_read_panel(float *out, const void *keys, size_t panel, enum vlm_num type,
                       size_t head_dim)
{
    const uint8_t *p = (const uint8_t *)keys + panel * vlm_kv_panel_bytes(type, head_dim),
                  *scales = p;
    const size_t row = VLM_KV_PANEL * vlm_kv_half_bytes(type) / 2, half = VLM_KV_PANEL / 2;
    for (size_t d = 0; d < head_dim; d++, out += VLM_KV_PANEL, p += row) {
        if (d % VLM_KV_GROUP == 0) {
            scales = p;
            p += vlm_kv_scales(type, VLM_KV_PANEL);
        }
        for (size_t i = 0; i < VLM_KV_PANEL; i++)
            if (type == VLM_NUM_Q8_0)
                out[i] = get_half(scales + 2 * i) * (float)(int8_t)p[i];
            else if (type == VLM_NUM_Q4_0)
                out[i] = get_half(scales + 2 * i) * (i < half ? get_low(p[i]) : get_high(p[i - half]));
            else
                out[i] = get_plain(p + i * row / VLM_KV_PANEL, type);
    }
}

void vlm_kv_read_values(float *out, const void *values, size_t j, enum vlm_num type,
                        size_t head_dim)
{
    const uint8_t *v = values, *scales = v;
    const size_t size = vlm_kv_half_bytes(type) / 2, stride = vlm_kv_value_stride(type, head_dim);
    if (!vlm_kv_quantised(type)) {
        for (size_t d = 0; d < head_dim; d++)
            out[d] = get_plain(v + (j * head_dim + d) * size, type);
        return;
    }
    v += vlm_kv_groups(head_dim) * vlm_kv_scales(type, VLM_KV_BLOCK) +
         stride * (type == VLM_NUM_Q8_0 ? j : j / 2);
    for (size_t d = 0; d < head_dim; d++) {
        float s = get_half(scales + (d / VLM_KV_GROUP * VLM_KV_BLOCK + j) * 2);
        out[d] = s * (type == VLM_NUM_Q8_0 ? (float)(int8_t)v[d]
                      : j % 2 == 0         ? get_low(v[d])
                                           : get_high(v[d]));
    }
}
