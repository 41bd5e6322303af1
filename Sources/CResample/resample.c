#include "kernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

cr_level cr_best_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni"))
    return cr_avx512;
  if (__builtin_cpu_supports("avx2"))
    return cr_avx2;
#endif
  return cr_scalar;
}

void cr_horizontal_scalar(const uint8_t *source, size_t source_stride, int rows,
                          const cr_axis *axis, uint8_t *target, size_t target_stride) {
  for (int row = 0; row < rows; row++) {
    const uint8_t *line = source + (size_t)row * source_stride;
    uint8_t *out = target + (size_t)row * target_stride;
    for (int i = 0; i < axis->outputs; i++) {
      const int32_t *weights = axis->weights + (size_t)i * (size_t)axis->taps;
      const uint8_t *in = line + 3 * (size_t)axis->first[i];
      uint32_t red = cr_half, green = cr_half, blue = cr_half;
      for (int t = 0; t < axis->count[i]; t++, in += 3) {
        uint32_t weight = (uint32_t)weights[t];
        red += weight * in[0];
        green += weight * in[1];
        blue += weight * in[2];
      }
      out[3 * (size_t)i] = cr_clip(red);
      out[3 * (size_t)i + 1] = cr_clip(green);
      out[3 * (size_t)i + 2] = cr_clip(blue);
    }
  }
}

void cr_vertical_scalar(const uint8_t *source, size_t source_stride, size_t from, size_t to,
                        const cr_axis *axis, int output, uint8_t *target) {
  const int32_t *weights = axis->weights + (size_t)output * (size_t)axis->taps;
  const uint8_t *top = source + (size_t)axis->first[output] * source_stride;
  for (size_t column = from; column < to; column++) {
    uint32_t sum = cr_half;
    for (int t = 0; t < axis->count[output]; t++)
      sum += (uint32_t)weights[t] * top[(size_t)t * source_stride + column];
    target[column] = cr_clip(sum);
  }
}

// The vector kernels split a weight into signed bytes, which holds up to about 1.98 in 22-bit fixed
// point.
static int weights_fit(const cr_axis *axis) {
  const int32_t limit = 127 * 65536;
  size_t total = (size_t)axis->outputs * (size_t)axis->taps;
  for (size_t i = 0; i < total; i++)
    if (axis->weights[i] > limit || axis->weights[i] < -limit)
      return 0;
  return 1;
}

#if defined(__x86_64__)
static int horizontal_rows(const uint8_t *source, size_t source_stride, int rows,
                           const cr_axis *axis, uint8_t *target, size_t target_stride,
                           cr_level level) {
  if (rows == 0)
    return 0;
  if (level >= cr_avx512)
    return cr_horizontal_avx512(source, source_stride, rows, axis, target, target_stride);
  return cr_horizontal_avx2(source, source_stride, rows, axis, target, target_stride);
}
#endif

int cr_horizontal(const uint8_t *source, size_t source_stride, const uint8_t *source_end, int rows,
                  const cr_axis *axis, uint8_t *target, size_t target_stride, cr_level level) {
#if defined(__x86_64__)
  if (level > cr_scalar && rows > 0 && axis->outputs > 0 && weights_fit(axis)) {
    // Bytes of a row that are needed, and those that a vector load may touch beyond them.
    size_t needed = 0, touched = 0;
    for (int i = 0; i < axis->outputs; i++) {
      size_t end = 3 * ((size_t)axis->first[i] + (size_t)axis->count[i]);
      size_t reach = 3 * ((size_t)axis->first[i] + (size_t)axis->taps + 16) + cr_widest_read;
      if (end > needed)
        needed = end;
      if (reach > touched)
        touched = reach;
    }
    size_t readable = (size_t)(source_end - source);
    int direct = 0;
    if (readable >= touched) {
      size_t fitting = (readable - touched) / source_stride + 1;
      direct = fitting >= (size_t)rows ? rows : (int)fitting;
    }
    if (horizontal_rows(source, source_stride, direct, axis, target, target_stride, level))
      return -1;
    if (direct == rows)
      return 0;
    // The last rows end too close to the end of memory: they are read from a padded copy.
    uint8_t *padded = calloc(touched, 1);
    if (!padded)
      return -1;
    int status = 0;
    for (int row = direct; row < rows && !status; row++) {
      memcpy(padded, source + (size_t)row * source_stride, needed);
      status = horizontal_rows(padded, touched, 1, axis, target + (size_t)row * target_stride,
                               target_stride, level);
    }
    free(padded);
    return status;
  }
#else
  (void)source_end;
  (void)level;
#endif
  cr_horizontal_scalar(source, source_stride, rows, axis, target, target_stride);
  return 0;
}

int cr_vertical(const uint8_t *source, size_t source_stride, size_t row_bytes, const cr_axis *axis,
                uint8_t *target, size_t target_stride, cr_level level) {
#if defined(__x86_64__)
  if (level > cr_scalar && weights_fit(axis)) {
    if (level >= cr_avx512)
      return cr_vertical_avx512(source, source_stride, row_bytes, axis, target, target_stride);
    return cr_vertical_avx2(source, source_stride, row_bytes, axis, target, target_stride);
  }
#else
  (void)level;
  (void)weights_fit;
#endif
  for (int i = 0; i < axis->outputs; i++)
    cr_vertical_scalar(source, source_stride, 0, row_bytes, axis, i,
                       target + (size_t)i * target_stride);
  return 0;
}
