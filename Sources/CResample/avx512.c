// AVX-512 with VNNI: a weight is split into three signed bytes; four taps of each go through one
// unsigned-by-signed byte dot product, which does not saturate. The three sums, shifted by 0, 8 and
// 16 bits, add up to the exact sum.

#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define FEATURES "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni"
#define AVX512 __attribute__((target(FEATURES)))
#define INLINE_AVX512 static inline __attribute__((always_inline, target(FEATURES)))

static void split_weight(int32_t weight, int8_t *low, int8_t *middle, int8_t *high) {
  *low = (int8_t)(weight & 0xff);
  int32_t rest = (weight - *low) >> 8;
  *middle = (int8_t)(rest & 0xff);
  *high = (int8_t)((rest - *middle) >> 8);
}

// Weights in groups of `width` taps: `width` low bytes, then the middle ones, then the high ones.
static int8_t *split_weights(const cr_axis *axis, int width, int groups) {
  size_t per_output = (size_t)groups * (size_t)width * 3;
  int8_t *split = calloc((size_t)axis->outputs * per_output + 64, 1);
  if (!split)
    return NULL;
  for (int i = 0; i < axis->outputs; i++)
    for (int t = 0; t < axis->count[i]; t++) {
      int8_t *group =
          split + (size_t)i * per_output + (size_t)(t / width) * (size_t)width * 3 + t % width;
      split_weight(axis->weights[(size_t)i * (size_t)axis->taps + (size_t)t], group, group + width,
                   group + 2 * width);
    }
  return split;
}

INLINE_AVX512 __m512i join(__m512i low, __m512i middle, __m512i high) {
  return _mm512_add_epi32(
      low, _mm512_add_epi32(_mm512_slli_epi32(middle, 8), _mm512_slli_epi32(high, 16)));
}

// One output pixel of `count` rows at once (a constant), 16 taps per step.
INLINE_AVX512 void pixel(const uint8_t *source, size_t stride, const int8_t *weights, int groups,
                         __m512i order, __m512i spread, uint8_t *target, size_t target_stride,
                         const int count) {
  __m512i low[4], middle[4], high[4];
  for (int r = 0; r < count; r++)
    low[r] = middle[r] = high[r] = _mm512_setzero_si512();
  for (int g = 0; g < groups; g++) {
    const int8_t *group = weights + 48 * (size_t)g;
    const __m512i w0 = _mm512_permutexvar_epi32(
        spread, _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)group)));
    const __m512i w1 = _mm512_permutexvar_epi32(
        spread, _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(group + 16))));
    const __m512i w2 = _mm512_permutexvar_epi32(
        spread, _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(group + 32))));
    for (int r = 0; r < count; r++) {
      const __m512i pixels = _mm512_permutexvar_epi8(
          order, _mm512_loadu_si512(source + (size_t)r * stride + 48 * (size_t)g));
      low[r] = _mm512_dpbusd_epi32(low[r], pixels, w0);
      middle[r] = _mm512_dpbusd_epi32(middle[r], pixels, w1);
      high[r] = _mm512_dpbusd_epi32(high[r], pixels, w2);
    }
  }
  for (int r = 0; r < count; r++) {
    const __m512i sum = join(low[r], middle[r], high[r]);
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    four = _mm_srai_epi32(_mm_add_epi32(four, _mm_set1_epi32(cr_half)), cr_fraction_bits);
    four = _mm_packus_epi16(_mm_packs_epi32(four, four), four);
    const uint32_t bytes = (uint32_t)_mm_cvtsi128_si32(four);
    uint8_t *out = target + (size_t)r * target_stride;
    const uint16_t two = (uint16_t)bytes;
    memcpy(out, &two, 2);
    out[2] = (uint8_t)(bytes >> 16);
  }
}

AVX512 int cr_horizontal_avx512(const uint8_t *source, size_t source_stride, int rows,
                                const cr_axis *axis, uint8_t *target, size_t target_stride) {
  const int groups = (axis->taps + 15) / 16;
  int8_t *split = split_weights(axis, 16, groups);
  if (!split)
    return -1;
  // Lane j holds taps 4j to 4j + 3: four reds, four greens, four blues, four bytes that do not
  // count.
  uint8_t order_bytes[64];
  for (int lane = 0; lane < 4; lane++)
    for (int channel = 0; channel < 4; channel++)
      for (int tap = 0; tap < 4; tap++)
        order_bytes[16 * lane + 4 * channel + tap] = (uint8_t)(3 * (4 * lane + tap) + channel % 3);
  const __m512i order = _mm512_loadu_si512(order_bytes);
  const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  for (int row = 0; row < rows;) {
    const int count = rows - row >= 4 ? 4 : 1;
    const uint8_t *in = source + (size_t)row * source_stride;
    uint8_t *out = target + (size_t)row * target_stride;
    for (int i = 0; i < axis->outputs; i++) {
      const int8_t *weights = split + (size_t)i * (size_t)groups * 48;
      const uint8_t *first = in + 3 * (size_t)axis->first[i];
      const int used = (axis->count[i] + 15) / 16;
      uint8_t *to = out + 3 * (size_t)i;
      if (count == 4)
        pixel(first, source_stride, weights, used, order, spread, to, target_stride, 4);
      else
        pixel(first, source_stride, weights, used, order, spread, to, target_stride, 1);
    }
    row += count;
  }
  free(split);
  return 0;
}

// Up to 64 columns of one output row.
INLINE_AVX512 void columns(const uint8_t *top, size_t stride, const int8_t *weights, int count,
                           __mmask64 mask, uint8_t *target) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i low[4], middle[4], high[4];
  for (int p = 0; p < 4; p++)
    low[p] = middle[p] = high[p] = zero;
  for (int t = 0; t < count; t += 4, weights += 12) {
    const uint8_t *in = top + (size_t)t * stride;
    const int left = count - t;
    const __m512i a = _mm512_maskz_loadu_epi8(mask, in);
    const __m512i b = left > 1 ? _mm512_maskz_loadu_epi8(mask, in + stride) : zero;
    const __m512i c = left > 2 ? _mm512_maskz_loadu_epi8(mask, in + 2 * stride) : zero;
    const __m512i d = left > 3 ? _mm512_maskz_loadu_epi8(mask, in + 3 * stride) : zero;
    const __m512i ab0 = _mm512_unpacklo_epi8(a, b), ab1 = _mm512_unpackhi_epi8(a, b);
    const __m512i cd0 = _mm512_unpacklo_epi8(c, d), cd1 = _mm512_unpackhi_epi8(c, d);
    const __m512i quads[4] = {_mm512_unpacklo_epi16(ab0, cd0), _mm512_unpackhi_epi16(ab0, cd0),
                              _mm512_unpacklo_epi16(ab1, cd1), _mm512_unpackhi_epi16(ab1, cd1)};
    int32_t w[3];
    memcpy(w, weights, 12);
    const __m512i w0 = _mm512_set1_epi32(w[0]), w1 = _mm512_set1_epi32(w[1]),
                  w2 = _mm512_set1_epi32(w[2]);
    for (int p = 0; p < 4; p++) {
      low[p] = _mm512_dpbusd_epi32(low[p], quads[p], w0);
      middle[p] = _mm512_dpbusd_epi32(middle[p], quads[p], w1);
      high[p] = _mm512_dpbusd_epi32(high[p], quads[p], w2);
    }
  }
  __m512i sums[4];
  for (int p = 0; p < 4; p++)
    sums[p] = _mm512_srai_epi32(
        _mm512_add_epi32(join(low[p], middle[p], high[p]), _mm512_set1_epi32(cr_half)),
        cr_fraction_bits);
  // Unpacking and packing both work within lanes, so that the columns are in order again.
  const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(sums[0], sums[1]),
                                            _mm512_packs_epi32(sums[2], sums[3]));
  _mm512_mask_storeu_epi8(target, mask, bytes);
}

AVX512 int cr_vertical_avx512(const uint8_t *source, size_t source_stride, size_t row_bytes,
                              const cr_axis *axis, uint8_t *target, size_t target_stride) {
  const int groups = (axis->taps + 3) / 4;
  int8_t *split = split_weights(axis, 4, groups);
  if (!split)
    return -1;
  for (int i = 0; i < axis->outputs; i++) {
    const int8_t *weights = split + (size_t)i * (size_t)groups * 12;
    const uint8_t *top = source + (size_t)axis->first[i] * source_stride;
    uint8_t *out = target + (size_t)i * target_stride;
    for (size_t column = 0; column < row_bytes; column += 64) {
      const size_t left = row_bytes - column;
      const __mmask64 mask = left >= 64 ? ~(__mmask64)0 : (((__mmask64)1 << left) - 1);
      columns(top + column, source_stride, weights, axis->count[i], mask, out + column);
    }
  }
  free(split);
  return 0;
}

#endif
