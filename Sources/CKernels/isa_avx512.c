// The kernels for AVX-512: 32 registers of 16 values.

#if defined(__x86_64__)
#define CK_TARGET "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"
#define CK_WIDTH 16
#define CK_ROWS 12
#define CK_KERNELS ck_kernels_avx512
#include "kernels_template.h"
#endif
