/* avx512_int8.c: the integer kernels in AVX-512 without VNNI. */
#include "kernel/x86/avx512.h"

#include "kernel/int8.h"

void vlm_kernel_avx512_int8(struct vlm_kernels *k) { INT8_TABLE(k); }
