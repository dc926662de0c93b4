/* half.h: the 16-bit floats, one value at a time, exact and correctly rounded (nearest even). */
#ifndef VLM_BASE_HALF_H
#define VLM_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float vlm_bits_to_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static inline uint32_t vlm_f32_to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline float vlm_bf16_to_f32(uint16_t h)
{
    return vlm_bits_to_f32((uint32_t)h << 16);
}
static inline uint16_t vlm_f32_to_bf16(float f)
{
    uint32_t u = vlm_f32_to_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((u >> 16) | 0x40); /* a NaN stays a NaN */
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

static inline float vlm_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = (h >> 10) & 31, man = h & 0x3ff;
    if (exp == 31)
        return vlm_bits_to_f32(sign | 0x7f800000u | man << 13 | (man ? 0x400000u : 0));
    if (exp != 0)
        return vlm_bits_to_f32(sign | (exp + 112) << 23 | man << 13);
    float f = (float)man * 0x1p-24f; /* subnormal or zero: exact */
    return sign ? -f : f;
}
static inline uint16_t vlm_f32_to_f16(float f)
{
    uint32_t u = vlm_f32_to_bits(f), sign = (u >> 16) & 0x8000, a = u & 0x7fffffffu;
    if (a > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00 | ((a >> 13) & 0x3ff));
    if (a >= 0x477ff000u) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000u) { /* below 2^-14: the sum's low bits are the rounded subnormal */
        float r = vlm_bits_to_f32(a) + 0.5f;
        return (uint16_t)(sign | (vlm_f32_to_bits(r) - 0x3f000000u));
    }
    return (uint16_t)(sign | ((a - 0x38000000u + 0xfffu + ((a >> 13) & 1)) >> 13));
}

#endif
