// The arithmetic of a vision transformer's forward pass on the processor, in single precision or
// with bfloat16 operands and single-precision sums.
//
// Matrices lie row by row. Weights are packed once into panels as wide as two vector registers; a
// product then streams them through registers without another copy. Work is shared by a pool of
// threads. Every instruction set runs the same source, compiled for it.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- instruction sets (dispatch.c) ---------------------------------------------------------------

typedef enum ck_level {
  CK_PORTABLE = 0,    // 4 values at a time, any processor
  CK_AVX2 = 1,        // 8 values
  CK_WIDE = 2,        // 16 values on AVX2: the arithmetic of CK_AVX512, for tests
  CK_AVX512 = 3,      // 16 values
  CK_AVX512_BF16 = 4, // the same, and products of bfloat16 pairs
} ck_level;

// The best level that this processor has.
ck_level ck_best_level(void);
bool ck_has_level(ck_level level);
const char *ck_level_name(ck_level level);
// Whether the processor multiplies bfloat16 tiles (AMX), which libtorch's oneDNN uses.
bool ck_has_amx(void);

// --- threads (pool.c) ----------------------------------------------------------------------------

typedef struct ck_pool ck_pool;

// Null if there is too little memory. The caller of an operation is one of the `threads`.
ck_pool *ck_pool_make(int64_t threads);
void ck_pool_free(ck_pool *pool);
int64_t ck_pool_threads(const ck_pool *pool);

// --- linear layers (linear.c) --------------------------------------------------------------------

typedef struct ck_linear ck_linear;

typedef enum ck_epilogue {
  CK_STORE = 0, // y = x Wᵀ + b
  CK_GELU = 1,  // y = gelu(x Wᵀ + b), exact to single precision
  CK_ADD = 2,   // y += x Wᵀ + b
  CK_GATE =
      3, // y = silu(u) v, where x Wᵀ + b = [u, v]; packed with `gated`, y has half the columns
} ck_epilogue;

// Packs `weight` [outputs, inputs] and `bias` [outputs] (or null). `scale` [outputs] (or null)
// multiplies both, row by row.
typedef struct ck_linear_source {
  const float *weight, *bias, *scale;
  int64_t outputs, inputs;
  // Rows of the two halves alternate by register, for CK_GATE.
  bool gated;
  // Weights are rounded to bfloat16; `inputs` must be even.
  bool half;
} ck_linear_source;
ck_linear *ck_linear_make(ck_linear_source source, ck_level level);
void ck_linear_free(ck_linear *linear);

// x [rows, inputs], row distance ldx; y [rows, outputs], row distance ldy.
void ck_linear_run(ck_pool *pool, const ck_linear *linear, const float *x, int64_t ldx,
                   int64_t rows, float *y, int64_t ldy, ck_epilogue epilogue);

// The same for a layer packed as half: x in bfloat16; y in bfloat16, or in float if it is added. A
// result that is not added takes at most 1536 inputs.
void ck_linear_run_half(ck_pool *pool, const ck_linear *linear, const uint16_t *x, int64_t ldx,
                        int64_t rows, void *y, int64_t ldy, ck_epilogue epilogue);

// --- the rest of a block (rest.c)
// ------------------------------------------------------------------

// y = (x - mean) / sqrt(variance + epsilon) · weight + bias, row by row; [rows, width].
void ck_layer_norm(ck_pool *pool, ck_level level, const float *x, const float *weight,
                   const float *bias, float epsilon, float *y, int64_t rows, int64_t width);
void ck_layer_norm_half(ck_pool *pool, ck_level level, const float *x, const float *weight,
                        const float *bias, float epsilon, uint16_t *y, int64_t rows, int64_t width);

typedef struct ck_attention_shape {
  int64_t batch, tokens, heads, head_width;
} ck_attention_shape;

// qkv [batch, tokens, 3, heads, head_width] to y [batch, tokens, heads, head_width]; scores are
// divided by the root of head_width. False if there is too little memory.
bool ck_attention(ck_pool *pool, ck_level level, const float *qkv, float *y,
                  ck_attention_shape shape);
// The same in bfloat16; head_width must be even.
bool ck_attention_half(ck_pool *pool, ck_level level, const uint16_t *qkv, uint16_t *y,
                       ck_attention_shape shape);

typedef struct ck_image_shape {
  int64_t channels, height, width, patch;
} ck_image_shape;

// One image [channels, height, width] to its patches [h·w, channels · patch · patch].
void ck_unfold(ck_pool *pool, const float *image, ck_image_shape shape, float *patches);

// --- losses over prototypes (losses.c)
// -------------------------------------------------------------

// Rows of logits [rows, columns] and soft targets [target_rows, columns]: row r meets target
// r % target_rows.
typedef struct ck_cross_entropy_source {
  const float *logits, *targets;
  // The weight of each row, or null.
  const float *weights;
  // One over the temperature.
  float scale;
  int64_t rows, columns, target_rows;
} ck_cross_entropy_source;

// losses[r] = weights[r] · -Σ targets · log softmax(scale · logits), and its gradient by the
// logits.
void ck_cross_entropy(ck_pool *pool, ck_level level, ck_cross_entropy_source source, float *losses,
                      float *gradient);

typedef struct ck_balance_source {
  const float *logits;
  // One over the temperature.
  float scale;
  int64_t rows, columns, iterations;
} ck_balance_source;

// Sinkhorn-Knopp: from exp(scale · logits), columns and rows are divided by their sums in turn.
// False if the logits of a row are too far apart for single precision, or if there is too little
// memory.
bool ck_balance(ck_pool *pool, ck_level level, ck_balance_source source, float *targets);

// --- products of rows in integers (integers.c) ---------------------------------------------------

// Rows are packed in groups of so many; the last group is filled up with zeros.
enum { CK_INTEGER_GROUP = 16 };

// The 16-bit integers that packed rows take.
int64_t ck_integer_count(int64_t rows, int64_t columns);

// Packs `count` rows, which become the rows from `first` on. Each is divided by its length and
// multiplied by 32767, then rounded; `scales` [rows] undoes that, but for the length if `is_unit`.
// `packed` must be zero before.
void ck_integer_pack(ck_level level, const float *rows, int64_t first, int64_t count,
                     int64_t columns, bool is_unit, int16_t *packed, float *scales);

// Packed rows from the beginning of a group on. Packed rows and scales reach to the group's end.
typedef struct ck_integer_rows {
  const int16_t *packed;
  const float *scales;
  int64_t rows;
} ck_integer_rows;

// y[i, j] = a_i · b_j, row distance ldy. y is written up to the end of the last four rows of a and
// of the last group of b. By the calling thread alone.
void ck_integer_products(ck_level level, ck_integer_rows a, ck_integer_rows b, int64_t columns,
                         float *y, int64_t ldy);

// --- exact sums and scans (exact.c) --------------------------------------------------------------

// Sums are kept in so many lanes: value i goes to lane i % 8. What is left after whole lanes is the
// caller's.
enum { CK_LANES = 8 };

// sums[lane] = Σ a · b.
void ck_dot(const float *a, const float *b, int64_t count, double *sums);
// sums[lane] = Σ (row - point)².
void ck_squared_distance(const float *row, const double *point, int64_t count, double *sums);
// sums[i] += row[i], for all of them.
void ck_accumulate(const float *row, int64_t count, double *sums);

// The largest scores[i] - less[i].
float ck_largest(const float *scores, const float *less, int64_t count);
// The first i from `first` on with scores[i] - less[i] >= threshold, or count.
int64_t ck_next_at_least(const float *scores, const float *less, int64_t first, int64_t count,
                         float threshold);

#ifdef __cplusplus
}
#endif

#endif
