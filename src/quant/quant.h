/* quant.h: rows of floats -> rows of the types of base/num.h, the opposite of kernel/unpack.h.
 *
 * Pure functions without memory of their own: the same row gives the same bytes on every machine
 * and thread.  For each block the scale (and minimum) is searched that gives the least sum of
 * importance[i] * (x[i] - stored[i])^2; llama.cpp and the gguf package take it from the largest
 * element or search fewer candidates, so the error here is at most theirs. */
#ifndef VLM_QUANT_QUANT_H
#define VLM_QUANT_QUANT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/num.h"

bool vlm_quant_has(enum vlm_num type); /* can rows of this type be made? */
/* No element of a larger magnitude can be stored. */
float vlm_quant_max(enum vlm_num type);
/* n is a multiple of the type's block.  importance: [n], none negative, or NULL: all alike.
 * Elements beyond vlm_quant_max are taken as that, NaN as 0: whoever does not want that looks
 * before. */
void vlm_quant_row(enum vlm_num type, void *out, const float *x, const float *importance, size_t n);

#endif
