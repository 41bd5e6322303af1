// Shared by the C files: the pool's call, packed layers, and the table of one instruction set.
#ifndef CKERNELS_INTERNAL_H
#define CKERNELS_INTERNAL_H

#include "CKernels.h"

#include <stddef.h>

// Runs `task(context, index)` for all indices below `count`, on the caller and the pool's threads.
typedef void (*ck_task)(void *context, int64_t index);
void ck_pool_run(ck_pool *pool, int64_t count, ck_task task, void *context);

// 64-byte aligned memory for `count` floats, or null.
float *ck_floats(int64_t count);

static inline int64_t ck_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ck_ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }

enum {
  // Columns of x that are worked through before the next: a panel of weights stays in the L1 cache.
  ck_depth = 320,
  // The most floats of x that a block of rows takes, half of a small L2 cache.
  ck_block_floats = 48 * 1024,
  // The same for bfloat16, whose results are rounded only once: layers with more inputs must add.
  ck_half_depth = 1536,
};

struct ck_linear {
  ck_level level;
  int64_t outputs, inputs;
  // Inputs of a stretch: all of them if gated, since y has no room for sums of both halves.
  int64_t depth;
  bool gated;
  // For each stretch of inputs the panels one after the other, [depth, panel] each.
  float *weights;
  // The same in bfloat16, [depth / 2, panel, 2] each; one of both is null.
  uint16_t *half_weights;
  // [panels · panel], in the order of the panels.
  float *bias;
};

// A part of a product: rows and panels.
typedef struct ck_part {
  const struct ck_linear *linear;
  const float *x;
  float *y;
  // In place of x and, unless it is added, y.
  const uint16_t *half_x;
  uint16_t *half_y;
  int64_t ldx, ldy;
  int64_t row_begin, row_end, panel_begin, panel_end;
  ck_epilogue epilogue;
} ck_part;

typedef struct ck_attention_part {
  const float *qkv;
  float *y;
  // In place of both.
  const uint16_t *half_qkv;
  uint16_t *half_y;
  ck_attention_shape shape;
  int64_t image, head, row_begin, row_end;
  // Packed keys and values, then scores.
  float *workspace;
} ck_attention_part;

typedef struct ck_cross_entropy_part {
  const float *logits, *targets, *weights;
  float scale;
  float *losses, *gradient;
  int64_t columns, target_rows, row_begin, row_end;
} ck_cross_entropy_part;

typedef struct ck_balance_part {
  const float *logits;
  // exp(scale · logits), row by row relative to the largest.
  float *values;
  // The factor of each row and of each column.
  double *samples, *prototypes;
  float scale;
  int64_t rows, columns;
  // Rows or columns of the part.
  int64_t begin, end;
} ck_balance_part;

// The functions that are compiled once per instruction set.
typedef struct ck_kernels {
  int64_t rows;  // rows of a tile
  int64_t panel; // columns of a tile
  void (*product)(const ck_part *part);
  void (*norm)(const float *x, const float *weight, const float *bias, float epsilon, float *y,
               int64_t rows, int64_t width);
  int64_t (*attention_floats)(ck_attention_shape shape);
  void (*attention)(const ck_attention_part *part);
  void (*half_product)(const ck_part *part);
  void (*half_norm)(const float *x, const float *weight, const float *bias, float epsilon,
                    uint16_t *y, int64_t rows, int64_t width);
  int64_t (*half_attention_floats)(ck_attention_shape shape);
  void (*half_attention)(const ck_attention_part *part);
  void (*cross_entropy)(const ck_cross_entropy_part *part);
  bool (*balance_begin)(const ck_balance_part *part);
  void (*balance_prototypes)(const ck_balance_part *part);
  void (*balance_samples)(const ck_balance_part *part);
  void (*balance_end)(const ck_balance_part *part);
} ck_kernels;

const ck_kernels *ck_kernels_of(ck_level level);
extern const ck_kernels ck_kernels_portable;
#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2;
extern const ck_kernels ck_kernels_wide;
extern const ck_kernels ck_kernels_avx512;
extern const ck_kernels ck_kernels_avx512bf16;
#endif

#endif
