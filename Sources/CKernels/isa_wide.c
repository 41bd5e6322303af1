// The vectors and tiles of AVX-512, compiled for AVX2: tests its arithmetic where it is missing.

#if defined(__x86_64__)
#define CK_TARGET "avx2,fma"
#define CK_WIDTH 16
#define CK_ROWS 12
#define CK_KERNELS ck_kernels_wide
#include "kernels_template.h"
#endif
