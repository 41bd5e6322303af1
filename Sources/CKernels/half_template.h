// The kernels on bfloat16 operands with sums in single precision. Part of kernels_template.h.
//
// Two neighbouring values of a row make one 32-bit lane; a panel holds, for each pair of inputs,
// the pairs of its columns. Where the processor multiplies and adds pairs, one instruction does;
// elsewhere the same sum is made of two products, so that every machine can test it.

typedef uint32_t uint_vector __attribute__((vector_size(CK_WIDTH * 4)));
typedef uint16_t half_vector __attribute__((vector_size(CK_WIDTH * 2), aligned(2)));

// sum + x[0] w[0] + x[1] w[1], lane by lane
CK_INLINE vector add_pairs(vector sum, uint_vector x, uint_vector w) {
#ifdef CK_NATIVE_BF16
  return (vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
#else
  const uint_vector high = (uint_vector){} + 0xFFFF0000u;
  sum += (vector)(x << 16) * (vector)(w << 16);
  return sum + (vector)(x & high) * (vector)(w & high);
#endif
}

// Rounded to the nearest bfloat16, halves to even.
CK_INLINE void store_half(uint16_t *to, vector value) {
  const uint_vector bits = (uint_vector)value;
  const uint_vector rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  *(half_vector *)to = __builtin_convertvector(rounded, half_vector);
}

CK_INLINE uint16_t to_half(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

// t += x · w, where w is one panel of `pairs` pairs of inputs.
CK_INLINE void tile_multiply_half(tile *t, const uint16_t *x, int64_t ldx, const uint16_t *w,
                                  int64_t pairs, const int rows) {
  for (int64_t k = 0; k < pairs; k++, w += 2 * panel) {
    const uint_vector w0 = *(const uint_vector *)w, w1 = *(const uint_vector *)(w + panel);
    CK_UNROLL for (int r = 0; r < rows; r++) {
      uint32_t pair;
      memcpy(&pair, x + r * ldx + 2 * k, sizeof pair);
      const uint_vector value = (uint_vector){} + pair;
      t->value[r][0] = add_pairs(t->value[r][0], value, w0);
      t->value[r][1] = add_pairs(t->value[r][1], value, w1);
    }
  }
}

// --- linear layers
// ---------------------------------------------------------------------------------

typedef struct half_stretch {
  const uint16_t *x, *weights;
  const float *bias;
  int64_t ldx, pairs;
  // The result: `sums` if it is added, else `y`.
  float *sums;
  uint16_t *y;
  int64_t ldy;
  ck_epilogue epilogue;
  bool is_last;
} half_stretch;

CK_INLINE void half_linear_tile(const int rows, const half_stretch *s) {
  tile t;
  if (s->epilogue == CK_ADD)
    tile_load(&t, s->sums, s->ldy, rows);
  else
    tile_zero(&t, rows);
  tile_multiply_half(&t, s->x, s->ldx, s->weights, s->pairs, rows);
  if (s->is_last)
    tile_add_bias(&t, s->bias, rows);
  switch (s->epilogue) {
  case CK_ADD:
    tile_store(&t, s->sums, s->ldy, rows);
    break;
  case CK_GATE:
    CK_UNROLL for (int r = 0; r < rows; r++)
        store_half(s->y + r * s->ldy, silu(t.value[r][0]) * t.value[r][1]);
    break;
  case CK_GELU:
    CK_UNROLL for (int r = 0; r < rows; r++) {
      store_half(s->y + r * s->ldy, gelu(t.value[r][0]));
      store_half(s->y + r * s->ldy + width, gelu(t.value[r][1]));
    }
    break;
  case CK_STORE:
    CK_UNROLL for (int r = 0; r < rows; r++) {
      store_half(s->y + r * s->ldy, t.value[r][0]);
      store_half(s->y + r * s->ldy + width, t.value[r][1]);
    }
    break;
  }
}

static void run_half_tile(const half_stretch *s, int64_t rows) {
  CK_WITH_ROWS(rows, half_linear_tile, s)
}

// A panel at the edge: the tile is made in a buffer and its real columns are copied.
static void run_half_edge_tile(const half_stretch *s, int64_t rows, int64_t columns) {
  float sums[CK_ROWS * 2 * CK_WIDTH] __attribute__((aligned(64)));
  uint16_t values[CK_ROWS * 2 * CK_WIDTH] __attribute__((aligned(64)));
  memset(sums, 0, sizeof sums);
  half_stretch inner = *s;
  inner.sums = sums;
  inner.y = values;
  inner.ldy = panel;
  if (s->epilogue == CK_ADD)
    for (int64_t r = 0; r < rows; r++)
      memcpy(sums + r * panel, s->sums + r * s->ldy, (size_t)columns * sizeof *sums);
  run_half_tile(&inner, rows);
  for (int64_t r = 0; r < rows; r++)
    if (s->epilogue == CK_ADD)
      memcpy(s->sums + r * s->ldy, sums + r * panel, (size_t)columns * sizeof *sums);
    else
      memcpy(s->y + r * s->ldy, values + r * panel, (size_t)columns * sizeof *values);
}

static void half_product(const ck_part *part) {
  const struct ck_linear *linear = part->linear;
  const int64_t columns = linear->gated ? width : panel;
  const int64_t total = linear->gated ? linear->outputs / 2 : linear->outputs;
  const int64_t count = ck_ceil(total, columns);
  for (int64_t begin = 0; begin < linear->inputs; begin += linear->depth) {
    const int64_t depth = ck_min(linear->depth, linear->inputs - begin);
    const uint16_t *weights = linear->half_weights + begin * count * panel;
    for (int64_t p = part->panel_begin; p < part->panel_end; p++) {
      const int64_t real = ck_min(columns, total - p * columns);
      for (int64_t row = part->row_begin; row < part->row_end; row += tile_rows) {
        const int64_t place = row * part->ldy + p * columns;
        const half_stretch s = {
            .x = part->half_x + row * part->ldx + begin,
            .weights = weights + p * depth * panel,
            .bias = linear->bias + p * panel,
            .ldx = part->ldx,
            .pairs = depth / 2,
            .sums = part->epilogue == CK_ADD ? part->y + place : NULL,
            .y = part->epilogue == CK_ADD ? NULL : part->half_y + place,
            .ldy = part->ldy,
            .epilogue = part->epilogue,
            .is_last = begin + depth == linear->inputs,
        };
        const int64_t rows = ck_min(tile_rows, part->row_end - row);
        if (real == columns)
          run_half_tile(&s, rows);
        else
          run_half_edge_tile(&s, rows, real);
      }
    }
  }
}

// --- norm
// ------------------------------------------------------------------------------------------

static void half_norm(const float *x, const float *weight, const float *bias, float epsilon,
                      uint16_t *y, int64_t rows, int64_t columns) {
  const int64_t whole = columns / width * width;
  for (int64_t row = 0; row < rows; row++, x += columns, y += columns) {
    const row_scale s = scale_of(x, columns, epsilon);
    for (int64_t i = 0; i < whole; i += width)
      store_half(y + i, (load(x + i) - s.mean) * s.scale * load(weight + i) + load(bias + i));
    for (int64_t i = whole; i < columns; i++)
      y[i] = to_half((x[i] - s.mean) * s.scale * weight[i] + bias[i]);
  }
}

// --- attention
// -------------------------------------------------------------------------------------

// Places in the workspace, in floats; two bfloat16 values take one.
typedef struct half_layout {
  int64_t key_panels, value_panels, token_pairs;
  int64_t keys, values, scores, shares, mixed, total;
} half_layout;

static half_layout half_layout_of(ck_attention_shape shape) {
  half_layout l;
  l.key_panels = ck_ceil(shape.tokens, panel);
  l.value_panels = ck_ceil(shape.head_width, panel);
  // Scores are padded to whole panels, whose width is even.
  l.token_pairs = ck_ceil(shape.tokens, 2);
  l.keys = 0;
  l.values = l.keys + l.key_panels * panel * shape.head_width / 2;
  l.scores = l.values + l.value_panels * panel * l.token_pairs;
  l.shares = l.scores + score_rows * l.key_panels * panel;
  l.mixed = l.shares + score_rows * l.key_panels * panel / 2;
  l.total = l.mixed + score_rows * l.value_panels * panel;
  return l;
}

static int64_t half_attention_floats(ck_attention_shape shape) {
  return half_layout_of(shape).total;
}

CK_INLINE void plain_half_tile(const int rows, const uint16_t *x, int64_t ldx, const uint16_t *w,
                               int64_t pairs, float *y, int64_t ldy) {
  tile t;
  tile_zero(&t, rows);
  tile_multiply_half(&t, x, ldx, w, pairs, rows);
  tile_store(&t, y, ldy, rows);
}

static void plain_half_product(const uint16_t *x, int64_t ldx, const uint16_t *w, int64_t pairs,
                               float *y, int64_t ldy, int64_t rows, int64_t panels) {
  for (int64_t p = 0; p < panels; p++)
    for (int64_t row = 0; row < rows; row += tile_rows) {
      const int64_t count = ck_min(tile_rows, rows - row);
      CK_WITH_ROWS(count, plain_half_tile, x + row * ldx, ldx, w + 2 * p * pairs * panel, pairs,
                   y + row * ldy + p * panel, ldy)
    }
}

static void pack_half_keys_and_values(const ck_attention_part *part, half_layout l) {
  const ck_attention_shape s = part->shape;
  const int64_t distance = 3 * s.heads * s.head_width;
  const uint16_t *keys =
      part->half_qkv + part->image * s.tokens * distance + (s.heads + part->head) * s.head_width;
  const uint16_t *values = keys + s.heads * s.head_width;
  uint16_t *packed_keys = (uint16_t *)(part->workspace + l.keys);
  uint16_t *packed_values = (uint16_t *)(part->workspace + l.values);
  memset(packed_keys, 0, (size_t)(l.scores - l.keys) * sizeof(float));
  for (int64_t token = 0; token < s.tokens; token++) {
    const uint16_t *key = keys + token * distance, *value = values + token * distance;
    uint16_t *to = packed_keys + token / panel * panel * s.head_width + token % panel * 2;
    for (int64_t i = 0; i < s.head_width; i += 2)
      memcpy(to + i * panel, key + i, 2 * sizeof *key);
    for (int64_t i = 0; i < s.head_width; i++)
      packed_values[((i / panel * l.token_pairs + token / 2) * panel + i % panel) * 2 + token % 2] =
          value[i];
  }
}

static void half_attention(const ck_attention_part *part) {
  const ck_attention_shape s = part->shape;
  const half_layout l = half_layout_of(s);
  const int64_t distance = 3 * s.heads * s.head_width, padded = l.key_panels * panel;
  const int64_t mixed_width = l.value_panels * panel;
  const float scale = 1 / sqrtf((float)s.head_width);
  const uint16_t *queries =
      part->half_qkv + part->image * s.tokens * distance + part->head * s.head_width;
  const uint16_t *keys = (const uint16_t *)(part->workspace + l.keys);
  const uint16_t *values = (const uint16_t *)(part->workspace + l.values);
  float *scores = part->workspace + l.scores, *mixed = part->workspace + l.mixed;
  uint16_t *shares = (uint16_t *)(part->workspace + l.shares);
  pack_half_keys_and_values(part, l);
  for (int64_t row = part->row_begin; row < part->row_end; row += score_rows) {
    const int64_t rows = ck_min(score_rows, part->row_end - row);
    float sums[score_rows];
    plain_half_product(queries + row * distance, distance, keys, s.head_width / 2, scores, padded,
                       rows, l.key_panels);
    for (int64_t r = 0; r < rows; r++) {
      sums[r] = soften(scores + r * padded, s.tokens, padded, scale);
      for (int64_t i = 0; i < padded; i += width)
        store_half(shares + r * padded + i, load(scores + r * padded + i));
    }
    plain_half_product(shares, padded, values, l.token_pairs, mixed, mixed_width, rows,
                       l.value_panels);
    for (int64_t r = 0; r < rows; r++) {
      uint16_t *y =
          part->half_y + ((part->image * s.tokens + row + r) * s.heads + part->head) * s.head_width;
      for (int64_t i = 0; i < s.head_width; i++)
        y[i] = to_half(mixed[r * mixed_width + i] / sums[r]);
    }
  }
}
