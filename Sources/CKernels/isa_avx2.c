// The kernels for AVX2 and fused multiply-add: 16 registers of 8 values.

#if defined(__x86_64__)
#define CK_TARGET "avx2,fma"
#define CK_WIDTH 8
#define CK_ROWS 6
#define CK_KERNELS ck_kernels_avx2
#include "kernels_template.h"
#endif
