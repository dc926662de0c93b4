/* avx2_int8.c: the integer kernels in AVX2, a file of their own because they take the compiler longest:
 * a sanitizer would make minutes of it (CMakeLists.txt leaves it out here, scalar_int8.c has it). */
#include "kernel/x86/avx2.h"

#include "kernel/int8.h"

void vlm_kernel_avx2_int8(struct vlm_kernels *k) { INT8_TABLE(k); }
