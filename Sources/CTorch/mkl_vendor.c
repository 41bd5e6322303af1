// Which processor path MKL takes.
//
// MKL inside libtorch asks `mkl_serv_intel_cpu_true` whether it runs on an Intel processor and
// otherwise takes slower kernels. libtorch exports that symbol, so the definition in the program
// wins. On AMD processors Intel's kernels are correct: about twice as fast with AVX-512, a tenth
// with AVX2.

#include "ctorch.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

static bool vendor_is(const char *name) {
  unsigned int eax, ebx, ecx, edx;
  char vendor[13] = {0};
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx))
    return false;
  memcpy(vendor, &ebx, 4);
  memcpy(vendor + 4, &edx, 4);
  memcpy(vendor + 8, &ecx, 4);
  return strcmp(vendor, name) == 0;
}

ct_mkl_path ct_mkl_path_taken(void) {
  if (vendor_is("GenuineIntel"))
    return CT_MKL_NATIVE;
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!vendor_is("AuthenticAMD") || !avx2)
    return CT_MKL_GENERIC;
  const char *choice = getenv("DINOV2_MKL_AMD");
  return choice != NULL && strcmp(choice, "0") == 0 ? CT_MKL_SWITCHED_OFF : CT_MKL_AMD;
}

#else

ct_mkl_path ct_mkl_path_taken(void) { return CT_MKL_GENERIC; }

#endif

// Called by MKL: 1 lets it use every instruction set that the processor has.
int mkl_serv_intel_cpu_true(void);
int mkl_serv_intel_cpu_true(void) {
  const ct_mkl_path path = ct_mkl_path_taken();
  return path == CT_MKL_NATIVE || path == CT_MKL_AMD;
}
