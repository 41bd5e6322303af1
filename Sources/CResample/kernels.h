// What the kernels share: fixed-point constants and the entry points per instruction set.

#ifndef DINOV2_RESAMPLE_KERNELS_H
#define DINOV2_RESAMPLE_KERNELS_H

#include "CResample.h"

enum {
  cr_fraction_bits = 22,
  cr_half = 1 << (cr_fraction_bits - 1),
  // The widest read of a kernel, in bytes.
  cr_widest_read = 64,
};

static inline uint8_t cr_clip(uint32_t sum) {
  int32_t value = (int32_t)sum >> cr_fraction_bits;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

void cr_horizontal_scalar(const uint8_t *source, size_t source_stride, int rows,
                          const cr_axis *axis, uint8_t *target, size_t target_stride);
void cr_vertical_scalar(const uint8_t *source, size_t source_stride, size_t from, size_t to,
                        const cr_axis *axis, int output, uint8_t *target);

#if defined(__x86_64__)
int cr_horizontal_avx2(const uint8_t *source, size_t source_stride, int rows, const cr_axis *axis,
                       uint8_t *target, size_t target_stride);
int cr_vertical_avx2(const uint8_t *source, size_t source_stride, size_t row_bytes,
                     const cr_axis *axis, uint8_t *target, size_t target_stride);
int cr_horizontal_avx512(const uint8_t *source, size_t source_stride, int rows, const cr_axis *axis,
                         uint8_t *target, size_t target_stride);
int cr_vertical_avx512(const uint8_t *source, size_t source_stride, size_t row_bytes,
                       const cr_axis *axis, uint8_t *target, size_t target_stride);
#endif

#endif
