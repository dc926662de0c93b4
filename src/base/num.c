#include "base/num.h"

const struct vlm_num_info *vlm_num_info(enum vlm_num t)
{
    static const struct vlm_num_info table[VLM_N_NUM] = {
#define VLM_NUM_ROW(name, len, bytes) {#name, len, bytes},
        VLM_NUMS(VLM_NUM_ROW)
#undef VLM_NUM_ROW
    };
    return &table[t];
}
