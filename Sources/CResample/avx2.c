// AVX2: a 22-bit weight is split into 15 low bits and the signed rest; two taps of each go through
// one 16-bit multiply-add. 2^15 * (sum of high products) + (sum of low products) is the exact sum.

#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))
#define INLINE_AVX2 static inline __attribute__((always_inline, target("avx2")))

enum { low_bits = 15, low_mask = (1 << low_bits) - 1 };

// Weights in groups of four taps: four low halves, four high halves.
static int16_t *split_weights(const cr_axis *axis, int groups) {
  size_t per_output = (size_t)groups * 8;
  int16_t *split = calloc((size_t)axis->outputs * per_output, sizeof(int16_t));
  if (!split)
    return NULL;
  for (int i = 0; i < axis->outputs; i++)
    for (int t = 0; t < axis->count[i]; t++) {
      int32_t weight = axis->weights[(size_t)i * (size_t)axis->taps + (size_t)t];
      int16_t *group = split + (size_t)i * per_output + (size_t)(t / 4) * 8;
      group[t % 4] = (int16_t)(weight & low_mask);
      group[4 + t % 4] = (int16_t)(weight >> low_bits);
    }
  return split;
}

INLINE_AVX2 __m256i join(__m256i low, __m256i high) {
  return _mm256_add_epi32(low, _mm256_slli_epi32(high, low_bits));
}

// One output pixel of `count` rows at once (a constant), so that each weight is loaded once.
INLINE_AVX2 void pixel(const uint8_t *source, size_t stride, const int16_t *weights, int groups,
                       uint8_t *target, size_t target_stride, const int count) {
  const __m256i spread_pixels =
      _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                       -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i spread_low = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5,
                                              6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  const __m256i spread_high = _mm256_add_epi8(spread_low, _mm256_set1_epi8(8));
  __m256i low[4], high[4];
  for (int r = 0; r < count; r++)
    low[r] = high[r] = _mm256_setzero_si256();
  for (int g = 0; g < groups; g++) {
    __m256i both =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(weights + 8 * (size_t)g)));
    __m256i weight_low = _mm256_shuffle_epi8(both, spread_low);
    __m256i weight_high = _mm256_shuffle_epi8(both, spread_high);
    for (int r = 0; r < count; r++) {
      const uint8_t *in = source + (size_t)r * stride + 12 * (size_t)g;
      __m256i pixels = _mm256_shuffle_epi8(
          _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)in)), spread_pixels);
      low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(pixels, weight_low));
      high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(pixels, weight_high));
    }
  }
  for (int r = 0; r < count; r++) {
    __m256i sum = join(low[r], high[r]);
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    four = _mm_srai_epi32(_mm_add_epi32(four, _mm_set1_epi32(cr_half)), cr_fraction_bits);
    four = _mm_packus_epi16(_mm_packs_epi32(four, four), four);
    uint32_t bytes = (uint32_t)_mm_cvtsi128_si32(four);
    uint8_t *out = target + (size_t)r * target_stride;
    out[0] = (uint8_t)bytes;
    out[1] = (uint8_t)(bytes >> 8);
    out[2] = (uint8_t)(bytes >> 16);
  }
}

AVX2 int cr_horizontal_avx2(const uint8_t *source, size_t source_stride, int rows,
                            const cr_axis *axis, uint8_t *target, size_t target_stride) {
  const int groups = (axis->taps + 3) / 4;
  int16_t *split = split_weights(axis, groups);
  if (!split)
    return -1;
  for (int row = 0; row < rows;) {
    const int count = rows - row >= 4 ? 4 : 1;
    const uint8_t *in = source + (size_t)row * source_stride;
    uint8_t *out = target + (size_t)row * target_stride;
    for (int i = 0; i < axis->outputs; i++) {
      const int16_t *weights = split + (size_t)i * (size_t)groups * 8;
      const uint8_t *first = in + 3 * (size_t)axis->first[i];
      const int used = (axis->count[i] + 3) / 4;
      uint8_t *to = out + 3 * (size_t)i;
      if (count == 4)
        pixel(first, source_stride, weights, used, to, target_stride, 4);
      else
        pixel(first, source_stride, weights, used, to, target_stride, 1);
    }
    row += count;
  }
  free(split);
  return 0;
}

// 32 columns of one output row.
INLINE_AVX2 void columns(const uint8_t *top, size_t stride, const int32_t *weights, int count,
                         uint8_t *target) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i low[4] = {zero, zero, zero, zero}, high[4] = {zero, zero, zero, zero};
  for (int t = 0; t < count; t += 2) {
    const int paired = t + 1 < count;
    const int32_t a = weights[t], b = paired ? weights[t + 1] : 0;
    const __m256i weight_low = _mm256_set1_epi32((a & low_mask) | ((b & low_mask) << 16));
    const __m256i weight_high = _mm256_set1_epi32(
        (int32_t)(((uint32_t)(a >> low_bits) & 0xffff) | ((uint32_t)(b >> low_bits) << 16)));
    const uint8_t *in = top + (size_t)t * stride;
    const __m256i one = _mm256_loadu_si256((const __m256i *)in);
    const __m256i two = paired ? _mm256_loadu_si256((const __m256i *)(in + stride)) : zero;
    const __m256i near = _mm256_unpacklo_epi8(one, two), far = _mm256_unpackhi_epi8(one, two);
    const __m256i pairs[4] = {_mm256_unpacklo_epi8(near, zero), _mm256_unpackhi_epi8(near, zero),
                              _mm256_unpacklo_epi8(far, zero), _mm256_unpackhi_epi8(far, zero)};
    for (int p = 0; p < 4; p++) {
      low[p] = _mm256_add_epi32(low[p], _mm256_madd_epi16(pairs[p], weight_low));
      high[p] = _mm256_add_epi32(high[p], _mm256_madd_epi16(pairs[p], weight_high));
    }
  }
  __m256i sums[4];
  for (int p = 0; p < 4; p++)
    sums[p] = _mm256_srai_epi32(_mm256_add_epi32(join(low[p], high[p]), _mm256_set1_epi32(cr_half)),
                                cr_fraction_bits);
  // Unpacking and packing both work within halves, so that the columns are in order again.
  const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]),
                                            _mm256_packs_epi32(sums[2], sums[3]));
  _mm256_storeu_si256((__m256i *)target, bytes);
}

AVX2 int cr_vertical_avx2(const uint8_t *source, size_t source_stride, size_t row_bytes,
                          const cr_axis *axis, uint8_t *target, size_t target_stride) {
  for (int i = 0; i < axis->outputs; i++) {
    const int32_t *weights = axis->weights + (size_t)i * (size_t)axis->taps;
    const uint8_t *top = source + (size_t)axis->first[i] * source_stride;
    uint8_t *out = target + (size_t)i * target_stride;
    size_t column = 0;
    for (; column + 32 <= row_bytes; column += 32)
      columns(top + column, source_stride, weights, axis->count[i], out + column);
    if (column < row_bytes && row_bytes >= 32) {
      column = row_bytes - 32;
      columns(top + column, source_stride, weights, axis->count[i], out + column);
    } else {
      cr_vertical_scalar(source, source_stride, column, row_bytes, axis, i, out);
    }
  }
  return 0;
}

#endif
