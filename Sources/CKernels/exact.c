// Sums in double precision whose order is the same on every processor, and scans of scores.
//
// Each function is compiled for AVX2 and for any processor; the loader takes the better one. AVX2
// alone has no fused multiply-add, so that both give the same bits.

#include "CKernels.h"

#include <string.h>

#if defined(__x86_64__)
#define CK_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CK_CLONES
#endif

#pragma clang fp contract(off)

typedef double doubles __attribute__((vector_size(64)));
typedef float floats __attribute__((vector_size(32)));

enum { lanes = CK_LANES };

CK_CLONES void ck_dot(const float *a, const float *b, int64_t count, double *sums) {
  doubles sum = {0};
  for (int64_t i = 0; i + lanes <= count; i += lanes) {
    floats x, y;
    memcpy(&x, a + i, sizeof x);
    memcpy(&y, b + i, sizeof y);
    sum += __builtin_convertvector(x, doubles) * __builtin_convertvector(y, doubles);
  }
  memcpy(sums, &sum, sizeof sum);
}

CK_CLONES void ck_squared_distance(const float *row, const double *point, int64_t count,
                                   double *sums) {
  doubles sum = {0};
  for (int64_t i = 0; i + lanes <= count; i += lanes) {
    floats x;
    doubles y;
    memcpy(&x, row + i, sizeof x);
    memcpy(&y, point + i, sizeof y);
    const doubles difference = __builtin_convertvector(x, doubles) - y;
    sum += difference * difference;
  }
  memcpy(sums, &sum, sizeof sum);
}

CK_CLONES void ck_accumulate(const float *row, int64_t count, double *sums) {
  for (int64_t i = 0; i < count; i++)
    sums[i] += row[i];
}

CK_CLONES float ck_largest(const float *scores, const float *less, int64_t count) {
  floats best;
  for (int lane = 0; lane < lanes; lane++)
    best[lane] = -__builtin_inff();
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    floats score, bound;
    memcpy(&score, scores + i, sizeof score);
    memcpy(&bound, less + i, sizeof bound);
    best = __builtin_elementwise_max(best, score - bound);
  }
  float largest = best[0];
  for (int lane = 1; lane < lanes; lane++)
    largest = best[lane] > largest ? best[lane] : largest;
  for (; i < count; i++)
    largest = scores[i] - less[i] > largest ? scores[i] - less[i] : largest;
  return largest;
}

CK_CLONES int64_t ck_next_at_least(const float *scores, const float *less, int64_t first,
                                   int64_t count, float threshold) {
  int64_t i = first;
  for (; i + lanes <= count; i += lanes) {
    floats score, bound;
    memcpy(&score, scores + i, sizeof score);
    memcpy(&bound, less + i, sizeof bound);
    if (__builtin_reduce_or(score - bound >= threshold))
      break;
  }
  for (; i < count; i++)
    if (scores[i] - less[i] >= threshold)
      return i;
  return count;
}
