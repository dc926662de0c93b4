/* quantize_types.c: which type each tensor gets.  The mixtures are llama.cpp's, by its rules for
 * models of this architecture; so are the fallbacks for rows that do not divide into blocks. */
#include <string.h>

#include "engine/quantize.h"

static const struct vlm_recipe recipes[] = {
    {"f32", VLM_NUM_F32, VLM_MIX_NONE, 0},        {"f16", VLM_NUM_F16, VLM_MIX_NONE, 1},
    {"bf16", VLM_NUM_BF16, VLM_MIX_NONE, 32},     {"q8_0", VLM_NUM_Q8_0, VLM_MIX_NONE, 7},
    {"q6_k", VLM_NUM_Q6_K, VLM_MIX_NONE, 18},     {"q5_k_m", VLM_NUM_Q5_K, VLM_MIX_MEDIUM, 17},
    {"q5_k", VLM_NUM_Q5_K, VLM_MIX_NONE, 16},     {"q5_1", VLM_NUM_Q5_1, VLM_MIX_NONE, 9},
    {"q5_0", VLM_NUM_Q5_0, VLM_MIX_NONE, 8},      {"q4_k_m", VLM_NUM_Q4_K, VLM_MIX_MEDIUM, 15},
    {"q4_k_s", VLM_NUM_Q4_K, VLM_MIX_SMALL, 14},  {"q4_k", VLM_NUM_Q4_K, VLM_MIX_NONE, 14},
    {"q4_1", VLM_NUM_Q4_1, VLM_MIX_NONE, 3},      {"q4_0", VLM_NUM_Q4_0, VLM_MIX_NONE, 2},
    {"iq4_nl", VLM_NUM_IQ4_NL, VLM_MIX_NONE, 25}, {"q3_k_m", VLM_NUM_Q3_K, VLM_MIX_MEDIUM, 12},
    {"q3_k", VLM_NUM_Q3_K, VLM_MIX_NONE, 11},     {"q2_k", VLM_NUM_Q2_K, VLM_MIX_NONE, 21},
};
#define N_RECIPES (sizeof recipes / sizeof *recipes)

const char *vlm_quantize_type(size_t i, int *mixture)
{
    if (i >= N_RECIPES)
        return NULL;
    if (mixture)
        *mixture = recipes[i].mix != VLM_MIX_NONE;
    return recipes[i].name;
}

/* Letters of either case. */
static bool same(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a >= 'A' && *a <= 'Z' ? *a + 32 : *a) != *b)
            return false;
    return *a == *b;
}

const struct vlm_recipe *vlm_engine_recipe(const char *name)
{
    for (size_t i = 0; i < N_RECIPES; i++)
        if (same(name, recipes[i].name))
            return &recipes[i];
    return NULL;
}

/* The type, or the nearest that rows of n elements divide into. */
static enum vlm_num fit(enum vlm_num type, uint64_t n)
{
    if (n % vlm_num_info(type)->block_len == 0)
        return type;
    switch (type) {
    case VLM_NUM_Q2_K:
    case VLM_NUM_Q3_K:
        return fit(VLM_NUM_IQ4_NL, n);
    case VLM_NUM_Q4_K:
        return fit(VLM_NUM_Q5_0, n);
    case VLM_NUM_Q5_K:
        return fit(VLM_NUM_Q5_1, n);
    case VLM_NUM_Q6_K:
        return fit(VLM_NUM_Q8_0, n);
    default:
        return VLM_NUM_F16;
    }
}

/* The first and last eighth of the layers, and every third between. */
static bool sensitive(size_t i, size_t n)
{
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

static enum vlm_num mix_medium(enum vlm_num base, const struct vlm_export *t, size_t n)
{
    if (base != VLM_NUM_Q3_K)
        return (t->role == VLM_EXPORT_V || t->role == VLM_EXPORT_DOWN) && sensitive(t->layer, n)
                   ? VLM_NUM_Q6_K
                   : base;
    if (t->role == VLM_EXPORT_V)
        return t->layer < 2 ? VLM_NUM_Q5_K : VLM_NUM_Q4_K;
    if (t->role == VLM_EXPORT_DOWN)
        return t->layer < n / 16 ? VLM_NUM_Q5_K : VLM_NUM_Q4_K;
    return t->role == VLM_EXPORT_OUT ? VLM_NUM_Q4_K : base;
}

static enum vlm_num mix_small(enum vlm_num base, const struct vlm_export *t, size_t n)
{
    bool early = (t->role == VLM_EXPORT_V && t->layer < 4) ||
                 (t->role == VLM_EXPORT_DOWN && t->layer < n / 8);
    return early ? VLM_NUM_Q5_K : base;
}

static enum vlm_num choose_text(const struct vlm_choice *c, const struct vlm_export *t)
{
    enum vlm_num base = c->text->base;
    if (base < VLM_N_FLOAT || c->pure)
        return base;
    if (t->role == VLM_EXPORT_HEAD)
        return base == VLM_NUM_Q8_0 || t->matrix->n_in % 256 ? VLM_NUM_Q8_0 : VLM_NUM_Q6_K;
    if (c->text->mix == VLM_MIX_MEDIUM)
        return mix_medium(base, t, c->layers);
    return c->text->mix == VLM_MIX_SMALL ? mix_small(base, t, c->layers) : base;
}

enum vlm_num vlm_engine_choose_type(const struct vlm_choice *c, const struct vlm_export *t)
{
    switch (t->role) {
    case VLM_EXPORT_VECTOR:
    case VLM_EXPORT_POSITION:
        return VLM_NUM_F32;
    case VLM_EXPORT_PATCH: /* readers convolve with floats only */
        return c->vision->base == VLM_NUM_F16 ? VLM_NUM_F16 : VLM_NUM_F32;
    case VLM_EXPORT_TOWER:
        return fit(c->vision->base, t->matrix->n_in);
    default:
        return fit(choose_text(c, t), t->matrix->n_in);
    }
}
