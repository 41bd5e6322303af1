// Which instruction set is used.

#include "internal.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

bool ck_has_level(ck_level level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  switch (level) {
  case CK_PORTABLE:
    return true;
  case CK_AVX2:
  case CK_WIDE:
    return avx2;
  case CK_AVX512:
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  case CK_AVX512_BF16:
    return ck_has_level(CK_AVX512) && __builtin_cpu_supports("avx512bf16");
  }
  return false;
#else
  return level == CK_PORTABLE;
#endif
}

ck_level ck_best_level(void) {
  return ck_has_level(CK_AVX512_BF16) ? CK_AVX512_BF16
         : ck_has_level(CK_AVX512)    ? CK_AVX512
         : ck_has_level(CK_AVX2)      ? CK_AVX2
                                      : CK_PORTABLE;
}

const char *ck_level_name(ck_level level) {
  static const char *const names[] = {"portable", "AVX2", "AVX2, 16 wide", "AVX-512",
                                      "AVX-512 with bfloat16"};
  return names[level];
}

const ck_kernels *ck_kernels_of(ck_level level) {
#if defined(__x86_64__)
  switch (level) {
  case CK_AVX2:
    return &ck_kernels_avx2;
  case CK_WIDE:
    return &ck_kernels_wide;
  case CK_AVX512:
    return &ck_kernels_avx512;
  case CK_AVX512_BF16:
    return &ck_kernels_avx512bf16;
  default:
    break;
  }
#endif
  (void)level;
  return &ck_kernels_portable;
}

bool ck_has_amx(void) {
#if defined(__x86_64__)
  unsigned int eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx >> 22 & 1); // AMX-BF16
#else
  return false;
#endif
}

float *ck_floats(int64_t count) {
  // aligned_alloc wants a multiple of the alignment.
  return aligned_alloc(64, (size_t)ck_ceil(count < 1 ? 1 : count, 16) * 64);
}
