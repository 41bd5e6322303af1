// The inner product of two rows, which Faiss's scans and graphs consist of.
//
// Debian compiles Faiss for any x86-64 processor, where it adds value by value. The linker puts
// this in the place of Faiss's function (`--wrap` in Package.swift); the loader takes the clone for
// the processor.

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#define CF_CLONES __attribute__((target_clones("arch=haswell", "default")))
#else
#define CF_CLONES
#endif

typedef float floats __attribute__((vector_size(32)));

enum { lanes = 8, stride = 4 * lanes };

// faiss::fvec_inner_product(const float *, const float *, size_t)
CF_CLONES float __wrap__ZN5faiss18fvec_inner_productEPKfS1_m(const float *a, const float *b,
                                                             size_t count) {
  floats sums[4] = {0};
  size_t i = 0;
  for (; i + stride <= count; i += stride)
    for (int part = 0; part < 4; part++) {
      floats x, y;
      memcpy(&x, a + i + part * lanes, sizeof x);
      memcpy(&y, b + i + part * lanes, sizeof y);
      sums[part] += x * y;
    }
  const floats all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float sum = 0;
  for (int lane = 0; lane < lanes; lane++)
    sum += all[lane];
  for (; i < count; i++)
    sum += a[i] * b[i];
  return sum;
}
