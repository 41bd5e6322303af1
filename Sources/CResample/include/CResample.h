// Separable resampling of 8-bit RGB rows with 22-bit fixed-point weights, blur and colour
// operations.
//
// Every kernel gives the same bytes on every processor: the resampler's sums are exact integers,
// taken modulo 2^32; the others never fuse a multiplication with an addition.

#ifndef DINOV2_CRESAMPLE_H
#define DINOV2_CRESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Which instructions a kernel uses.
typedef enum {
  cr_scalar = 0,
  cr_avx2 = 1,
  cr_avx512 = 2,
} cr_level;

/// The weights of one axis: output `i` is the sum over `count[i]` inputs from `first[i]` on,
/// weighted with `weights[i * taps ...]`, whose entries beyond the count are zero.
typedef struct {
  int outputs;
  int taps;
  const int32_t *first;
  const int32_t *count;
  const int32_t *weights;
} cr_axis;

/// The best level that this processor runs.
cr_level cr_best_level(void);

/// Resamples `rows` rows along x.
///
/// `source_end` is the end of the readable memory after the last row; nothing at or after it is
/// read. Returns 0, or -1 if memory for the kernel's weights could not be had.
int cr_horizontal(const uint8_t *source, size_t source_stride, const uint8_t *source_end, int rows,
                  const cr_axis *axis, uint8_t *target, size_t target_stride, cr_level level);

/// Resamples along y: `row_bytes` bytes of each row, columns independently.
///
/// `first[i]` counts rows from `source`. Returns 0, or -1 if memory could not be had.
int cr_vertical(const uint8_t *source, size_t source_stride, size_t row_bytes, const cr_axis *axis,
                uint8_t *target, size_t target_stride, cr_level level);

/// Blurs an image: a weighted sum of rows, then of columns, in single precision, rounded to even.
///
/// `rows` holds for each of `height + taps - 1` places where the row of the source begins, in
/// bytes; `columns` for each of `width + taps - 1` places the column. Returns 0, or -1 if memory
/// could not be had.
int cr_blur(const uint8_t *source, int height, int width, const float *weights, int taps,
            const size_t *rows, const size_t *columns, uint8_t *target);

/// Turns the hues of `count` pixels by `turn` steps of 1/256 circle, as Pillow's mode HSV holds
/// them.
void cr_turn_hue(uint8_t *pixels, size_t count, uint8_t turn);

/// Blends `count` pixels with their grey form; `factor` 0 gives grey, 1 the pixels.
void cr_saturate(uint8_t *pixels, size_t count, float factor);

#ifdef __cplusplus
}
#endif

#endif
