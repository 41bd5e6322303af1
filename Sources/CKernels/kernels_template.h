// The kernels of one instruction set. Included once per set, which defines:
//   CK_TARGET   what the compiler may use (absent for the portable set)
//   CK_WIDTH    values of a vector
//   CK_ROWS     rows of a tile; tile and operands must fit into the registers
//   CK_KERNELS  the name of the table
//   CK_NATIVE_BF16  if the processor multiplies pairs of bfloat16 values
//
// Vectors are the compiler's, so that every set runs the same arithmetic.

#include "internal.h"

#ifdef CK_NATIVE_BF16
#include <immintrin.h>
#endif
#include <math.h>
#include <string.h>

// Vectors never cross a call: every function that takes one is inlined.
#pragma clang diagnostic ignored "-Wpsabi"
#pragma clang fp contract(fast)
#ifdef CK_TARGET
#pragma clang attribute push(__attribute__((target(CK_TARGET))), apply_to = function)
#endif

#define CK_INLINE static inline __attribute__((always_inline))
#define CK_UNROLL _Pragma("clang loop unroll(full)")

enum { width = CK_WIDTH, tile_rows = CK_ROWS, panel = 2 * CK_WIDTH };

typedef float vector __attribute__((vector_size(CK_WIDTH * 4)));
typedef float unaligned_vector __attribute__((vector_size(CK_WIDTH * 4), aligned(4)));
typedef int32_t int_vector __attribute__((vector_size(CK_WIDTH * 4)));

CK_INLINE vector load(const float *from) { return *(const unaligned_vector *)from; }
CK_INLINE void store(float *to, vector value) { *(unaligned_vector *)to = value; }
CK_INLINE vector all(float value) { return value - (vector){}; }
CK_INLINE vector larger(vector a, vector b) { return __builtin_elementwise_max(a, b); }
CK_INLINE vector smaller(vector a, vector b) { return __builtin_elementwise_min(a, b); }

CK_INLINE float sum_of(vector value) {
  float sum = 0;
  CK_UNROLL for (int i = 0; i < width; i++) sum += value[i];
  return sum;
}

// --- functions of one value
// ------------------------------------------------------------------------

// exp(x) for x <= 88: 2^n times the Taylor polynomial of the rest, at most ln(2)/2 from 0.
CK_INLINE vector exponential(vector x) {
  x = larger(x, all(-87.0f));
  const vector round = all(12582912.0f); // 1.5 · 2^23: adding it leaves no fraction
  const vector n = (x * 1.44269504f + round) - round;
  const vector r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  vector p = all(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const int_vector power = (__builtin_convertvector(n, int_vector) + 127) << 23;
  return p * (vector)power;
}

// x · Φ(x). The error function is a quotient of polynomials, fitted to 2e-8 on [-3.92, 3.92].
CK_INLINE vector gelu(vector x) {
  const vector z = smaller(larger(x * 0.707106781f, all(-3.92f)), all(3.92f));
  const vector u = z * z;
  vector p = all(2.050112574288633e-06f);
  p = p * u + 0.0002848792621855764f;
  p = p * u + 0.0037654693211452107f;
  p = p * u + 0.05274827223164465f;
  p = p * u + 0.19040305035313687f;
  p = p * u + 1.128379146257075f;
  vector q = all(3.809179389732857e-05f);
  q = q * u + 0.001162499327610831f;
  q = q * u + 0.01496892298271367f;
  q = q * u + 0.11410769973958841f;
  q = q * u + 0.5020730519440341f;
  q = q * u + 1.0f;
  return 0.5f * x * (1.0f + smaller(larger(z * p / q, all(-1)), all(1)));
}

// x · sigmoid(x)
CK_INLINE vector silu(vector x) { return x / (1.0f + exponential(smaller(-x, all(87)))); }

// --- a tile of a product
// ---------------------------------------------------------------------------

typedef struct tile {
  vector value[CK_ROWS][2];
} tile;

CK_INLINE void tile_zero(tile *t, const int rows) {
  CK_UNROLL for (int r = 0; r < rows; r++) t->value[r][0] = t->value[r][1] = all(0);
}

CK_INLINE void tile_load(tile *t, const float *from, int64_t distance, const int rows) {
  CK_UNROLL for (int r = 0; r < rows; r++) {
    t->value[r][0] = load(from + r * distance);
    t->value[r][1] = load(from + r * distance + width);
  }
}

CK_INLINE void tile_store(const tile *t, float *to, int64_t distance, const int rows) {
  CK_UNROLL for (int r = 0; r < rows; r++) {
    store(to + r * distance, t->value[r][0]);
    store(to + r * distance + width, t->value[r][1]);
  }
}

// t += x · w, where w is one panel of `depth` rows.
CK_INLINE void tile_multiply(tile *t, const float *x, int64_t ldx, const float *w, int64_t depth,
                             const int rows) {
  for (int64_t k = 0; k < depth; k++, w += panel) {
    const vector w0 = *(const vector *)w, w1 = *(const vector *)(w + width);
    CK_UNROLL for (int r = 0; r < rows; r++) {
      const vector value = all(x[r * ldx + k]);
      t->value[r][0] += value * w0;
      t->value[r][1] += value * w1;
    }
  }
}

CK_INLINE void tile_add_bias(tile *t, const float *bias, const int rows) {
  const vector b0 = load(bias), b1 = load(bias + width);
  CK_UNROLL for (int r = 0; r < rows; r++) {
    t->value[r][0] += b0;
    t->value[r][1] += b1;
  }
}

// Calls `function(rows, …)` with a constant number of rows, so that its loops vanish.
#if CK_ROWS == 6
#define CK_MORE_ROWS(function, ...)
#else
#define CK_MORE_ROWS(function, ...)                                                                \
  case 7:                                                                                          \
    function(7, __VA_ARGS__);                                                                      \
    break;                                                                                         \
  case 8:                                                                                          \
    function(8, __VA_ARGS__);                                                                      \
    break;                                                                                         \
  case 9:                                                                                          \
    function(9, __VA_ARGS__);                                                                      \
    break;                                                                                         \
  case 10:                                                                                         \
    function(10, __VA_ARGS__);                                                                     \
    break;                                                                                         \
  case 11:                                                                                         \
    function(11, __VA_ARGS__);                                                                     \
    break;                                                                                         \
  case 12:                                                                                         \
    function(12, __VA_ARGS__);                                                                     \
    break;
#endif
#define CK_WITH_ROWS(count, function, ...)                                                         \
  switch (count) {                                                                                 \
  case 1:                                                                                          \
    function(1, __VA_ARGS__);                                                                      \
    break;                                                                                         \
  case 2:                                                                                          \
    function(2, __VA_ARGS__);                                                                      \
    break;                                                                                         \
  case 3:                                                                                          \
    function(3, __VA_ARGS__);                                                                      \
    break;                                                                                         \
  case 4:                                                                                          \
    function(4, __VA_ARGS__);                                                                      \
    break;                                                                                         \
  case 5:                                                                                          \
    function(5, __VA_ARGS__);                                                                      \
    break;                                                                                         \
  case 6:                                                                                          \
    function(6, __VA_ARGS__);                                                                      \
    break;                                                                                         \
    CK_MORE_ROWS(function, __VA_ARGS__)                                                            \
  }

// --- linear layers
// ---------------------------------------------------------------------------------

typedef struct stretch {
  const float *x, *weights, *bias;
  int64_t ldx, depth;
  float *y;
  int64_t ldy;
  ck_epilogue epilogue;
  bool is_first, is_last;
} stretch;

CK_INLINE void linear_tile(const int rows, const stretch *s) {
  tile t;
  if (s->is_first && s->epilogue != CK_ADD)
    tile_zero(&t, rows);
  else
    tile_load(&t, s->y, s->ldy, rows);
  tile_multiply(&t, s->x, s->ldx, s->weights, s->depth, rows);
  if (s->is_last) {
    tile_add_bias(&t, s->bias, rows);
    if (s->epilogue == CK_GELU) {
      CK_UNROLL for (int r = 0; r < rows; r++) {
        t.value[r][0] = gelu(t.value[r][0]);
        t.value[r][1] = gelu(t.value[r][1]);
      }
    }
    if (s->epilogue == CK_GATE) {
      CK_UNROLL for (int r = 0; r < rows; r++)
          store(s->y + r * s->ldy, silu(t.value[r][0]) * t.value[r][1]);
      return;
    }
  }
  tile_store(&t, s->y, s->ldy, rows);
}

static void run_tile(const stretch *s, int64_t rows) { CK_WITH_ROWS(rows, linear_tile, s) }

// A panel at the edge: the tile is made in a buffer and its real columns are copied.
static void run_edge_tile(const stretch *s, int64_t rows, int64_t columns) {
  float buffer[CK_ROWS * 2 * CK_WIDTH] __attribute__((aligned(64)));
  memset(buffer, 0, sizeof buffer);
  for (int64_t r = 0; r < rows; r++)
    memcpy(buffer + r * panel, s->y + r * s->ldy, (size_t)columns * sizeof(float));
  stretch inner = *s;
  inner.y = buffer;
  inner.ldy = panel;
  run_tile(&inner, rows);
  for (int64_t r = 0; r < rows; r++)
    memcpy(s->y + r * s->ldy, buffer + r * panel, (size_t)columns * sizeof(float));
}

static void product(const ck_part *part) {
  const struct ck_linear *linear = part->linear;
  const int64_t columns = linear->gated ? width : panel;
  const int64_t total = linear->gated ? linear->outputs / 2 : linear->outputs;
  const int64_t count = ck_ceil(total, columns);
  for (int64_t begin = 0; begin < linear->inputs; begin += linear->depth) {
    const int64_t depth = ck_min(linear->depth, linear->inputs - begin);
    const float *weights = linear->weights + begin * count * panel;
    for (int64_t p = part->panel_begin; p < part->panel_end; p++) {
      const int64_t real = ck_min(columns, total - p * columns);
      for (int64_t row = part->row_begin; row < part->row_end; row += tile_rows) {
        const stretch s = {
            .x = part->x + row * part->ldx + begin,
            .weights = weights + p * depth * panel,
            .bias = linear->bias + p * panel,
            .ldx = part->ldx,
            .depth = depth,
            .y = part->y + row * part->ldy + p * columns,
            .ldy = part->ldy,
            .epilogue = part->epilogue,
            .is_first = begin == 0,
            .is_last = begin + depth == linear->inputs,
        };
        const int64_t rows = ck_min(tile_rows, part->row_end - row);
        if (real == columns)
          run_tile(&s, rows);
        else
          run_edge_tile(&s, rows, real);
      }
    }
  }
}

// --- norm
// ------------------------------------------------------------------------------------------

typedef struct row_scale {
  float mean, scale;
} row_scale;

CK_INLINE row_scale scale_of(const float *x, int64_t columns, float epsilon) {
  const int64_t whole = columns / width * width;
  vector sums = all(0);
  float rest = 0;
  for (int64_t i = 0; i < whole; i += width)
    sums += load(x + i);
  for (int64_t i = whole; i < columns; i++)
    rest += x[i];
  const float mean = (sum_of(sums) + rest) / (float)columns;
  vector squares = all(0);
  rest = 0;
  for (int64_t i = 0; i < whole; i += width) {
    const vector d = load(x + i) - mean;
    squares += d * d;
  }
  for (int64_t i = whole; i < columns; i++)
    rest += (x[i] - mean) * (x[i] - mean);
  const float variance = (sum_of(squares) + rest) / (float)columns;
  return (row_scale){mean, 1 / sqrtf(variance + epsilon)};
}

static void norm(const float *x, const float *weight, const float *bias, float epsilon, float *y,
                 int64_t rows, int64_t columns) {
  const int64_t whole = columns / width * width;
  for (int64_t row = 0; row < rows; row++, x += columns, y += columns) {
    const row_scale s = scale_of(x, columns, epsilon);
    for (int64_t i = 0; i < whole; i += width)
      store(y + i, (load(x + i) - s.mean) * s.scale * load(weight + i) + load(bias + i));
    for (int64_t i = whole; i < columns; i++)
      y[i] = (x[i] - s.mean) * s.scale * weight[i] + bias[i];
  }
}

#include "attention_template.h"
#include "half_template.h"
#include "loss_template.h"

const ck_kernels CK_KERNELS = {
    .rows = CK_ROWS,
    .panel = 2 * CK_WIDTH,
    .product = product,
    .norm = norm,
    .attention_floats = attention_floats,
    .attention = attention,
    .half_product = half_product,
    .half_norm = half_norm,
    .half_attention_floats = half_attention_floats,
    .half_attention = half_attention,
    .cross_entropy = cross_entropy,
    .balance_begin = balance_begin,
    .balance_prototypes = balance_prototypes,
    .balance_samples = balance_samples,
    .balance_end = balance_end,
};

#ifdef CK_TARGET
#pragma clang attribute pop
#endif
