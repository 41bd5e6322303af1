// Products of rows that are rounded to 16-bit integers: more of them a cycle than of 32-bit floats.
//
// Rows lie in groups of 16: two columns of each row, the next two columns, and so on. The same form
// serves both operands: four rows of one meet sixteen of the other.

#include "internal.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
  group = CK_INTEGER_GROUP,
  tile_rows = 4,
  // Rows of the first operand that stay in the L2 cache while all of the other are passed by.
  block_rows = 128,
};

static const double largest = 32767;

static int64_t pair_count(int64_t columns) { return ck_ceil(columns, 2); }

int64_t ck_integer_count(int64_t rows, int64_t columns) {
  return ck_ceil(rows, group) * group * pair_count(columns) * 2;
}

// What a row's values are multiplied by, and the scale that undoes it.
static double row_factor(double squared, bool is_unit, float *scale) {
  const double norm = sqrt(squared);
  *scale = norm > 0 ? (float)((is_unit ? 1 : norm) / largest) : 0;
  return norm > 0 ? largest / norm : 0;
}

static void portable_pack(const float *x, int64_t columns, bool is_unit, int16_t *y, float *scale) {
  double squared = 0;
  for (int64_t c = 0; c < columns; c++)
    squared += (double)x[c] * x[c];
  const double factor = row_factor(squared, is_unit, scale);
  for (int64_t c = 0; c < columns; c++) {
    // What a rounded factor lets exceed the range is brought back into it.
    const double value = fmin(fmax(x[c] * factor, -largest), largest);
    y[c / 2 * group * 2 + c % 2] = (int16_t)lrint(value);
  }
}

// Four rows from `a` with sixteen from `b`, in integers.
typedef struct integer_tile {
  int32_t values[tile_rows][group];
} integer_tile;

static void portable_tile(const int16_t *a, const int16_t *b, int64_t pairs, integer_tile *tile) {
  memset(tile, 0, sizeof *tile);
  for (int64_t k = 0; k < pairs; k++, a += 2 * group, b += 2 * group)
    for (int i = 0; i < tile_rows; i++)
      for (int j = 0; j < group; j++)
        tile->values[i][j] += a[2 * i] * b[2 * j] + a[2 * i + 1] * b[2 * j + 1];
}

static void portable_product(const int16_t *a, const float *a_scales, const int16_t *b,
                             const float *b_scales, int64_t pairs, float *y, int64_t ldy) {
  integer_tile tile;
  portable_tile(a, b, pairs, &tile);
  for (int i = 0; i < tile_rows; i++)
    for (int j = 0; j < group; j++)
      y[i * ldy + j] = (float)tile.values[i][j] * a_scales[i] * b_scales[j];
}

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static void avx2_pack(const float *x, int64_t columns, bool is_unit, int16_t *y, float *scale) {
  const int64_t whole = columns & ~(int64_t)7;
  __m256d sums = _mm256_setzero_pd();
  for (int64_t c = 0; c < whole; c += 4) {
    const __m256d values = _mm256_cvtps_pd(_mm_loadu_ps(x + c));
    sums = _mm256_fmadd_pd(values, values, sums);
  }
  double parts[4];
  _mm256_storeu_pd(parts, sums);
  double squared = parts[0] + parts[1] + parts[2] + parts[3];
  for (int64_t c = whole; c < columns; c++)
    squared += (double)x[c] * x[c];
  const double factor = row_factor(squared, is_unit, scale);
  const __m256d wide = _mm256_set1_pd(factor);
  for (int64_t c = 0; c < whole; c += 8) {
    const __m128i low =
        _mm256_cvtpd_epi32(_mm256_mul_pd(_mm256_cvtps_pd(_mm_loadu_ps(x + c)), wide));
    const __m128i high =
        _mm256_cvtpd_epi32(_mm256_mul_pd(_mm256_cvtps_pd(_mm_loadu_ps(x + c + 4)), wide));
    // Saturates at the ends of the range.
    int32_t pairs[4];
    _mm_storeu_si128((__m128i *)pairs, _mm_packs_epi32(low, high));
    for (int pair = 0; pair < 4; pair++)
      memcpy(y + (c / 2 + pair) * group * 2, &pairs[pair], sizeof pairs[pair]);
  }
  for (int64_t c = whole; c < columns; c++)
    y[c / 2 * group * 2 + c % 2] = (int16_t)lrint(fmin(fmax(x[c] * factor, -largest), largest));
}

static inline void store(float *y, __m256i sums, __m256 row_scale, const float *scales) {
  const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), row_scale);
  _mm256_storeu_ps(y, _mm256_mul_ps(scaled, _mm256_loadu_ps(scales)));
}

static void avx2_product(const int16_t *a, const float *a_scales, const int16_t *b,
                         const float *b_scales, int64_t pairs, float *y, int64_t ldy) {
  __m256i sums[tile_rows][2];
  for (int i = 0; i < tile_rows; i++)
    sums[i][0] = sums[i][1] = _mm256_setzero_si256();
  for (int64_t k = 0; k < pairs; k++, a += 2 * group, b += 2 * group) {
    const __m256i low = _mm256_load_si256((const __m256i *)b);
    const __m256i high = _mm256_load_si256((const __m256i *)(b + group));
    for (int i = 0; i < tile_rows; i++) {
      int32_t pair;
      memcpy(&pair, a + 2 * i, sizeof pair);
      const __m256i x = _mm256_set1_epi32(pair);
      sums[i][0] = _mm256_add_epi32(sums[i][0], _mm256_madd_epi16(x, low));
      sums[i][1] = _mm256_add_epi32(sums[i][1], _mm256_madd_epi16(x, high));
    }
  }
  for (int i = 0; i < tile_rows; i++) {
    const __m256 row_scale = _mm256_set1_ps(a_scales[i]);
    store(y + i * ldy, sums[i][0], row_scale, b_scales);
    store(y + i * ldy + 8, sums[i][1], row_scale, b_scales + 8);
  }
}

#pragma clang attribute pop
#endif

void ck_integer_pack(ck_level level, const float *rows, int64_t first, int64_t count,
                     int64_t columns, bool is_unit, int16_t *packed, float *scales) {
  const int64_t pairs = pair_count(columns);
  void (*pack)(const float *, int64_t, bool, int16_t *, float *) = portable_pack;
#if defined(__x86_64__)
  if (level != CK_PORTABLE)
    pack = avx2_pack;
#endif
  (void)level;
  for (int64_t row = first; row < first + count; row++)
    pack(rows + (row - first) * columns, columns, is_unit,
         packed + row / group * group * pairs * 2 + row % group * 2, scales + row);
}

void ck_integer_products(ck_level level, ck_integer_rows a, ck_integer_rows b, int64_t columns,
                         float *y, int64_t ldy) {
  const int64_t pairs = pair_count(columns);
  void (*product)(const int16_t *, const float *, const int16_t *, const float *, int64_t, float *,
                  int64_t) = portable_product;
#if defined(__x86_64__)
  if (level != CK_PORTABLE)
    product = avx2_product;
#endif
  (void)level;
  for (int64_t begin = 0; begin < a.rows; begin += block_rows) {
    const int64_t end = ck_min(begin + block_rows, a.rows);
    for (int64_t column = 0; column < b.rows; column += group)
      for (int64_t row = begin; row < end; row += tile_rows)
        product(a.packed + row / group * group * pairs * 2 + row % group * 2, a.scales + row,
                b.packed + column * pairs * 2, b.scales + column, pairs, y + row * ldy + column,
                ldy);
  }
}
