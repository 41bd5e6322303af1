// The kernels for AVX-512 with products of bfloat16 pairs.

#if defined(__x86_64__)
#define CK_TARGET "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl,avx512bf16"
#define CK_WIDTH 16
#define CK_ROWS 12
#define CK_KERNELS ck_kernels_avx512bf16
#define CK_NATIVE_BF16
#include "kernels_template.h"
#endif
