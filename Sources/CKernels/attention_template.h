// Softmax attention of one head in single precision. Part of kernels_template.h.
//
// Keys and values are packed into panels; the scores of a few rows of queries are held at once.

// Rows of queries whose scores are held at once.
enum { score_rows = 4 * CK_ROWS };

typedef struct attention_layout {
  int64_t key_panels, value_panels;
  int64_t keys, values, scores, mixed; // places in the workspace
  int64_t total;
} attention_layout;

static attention_layout layout_of(ck_attention_shape shape) {
  attention_layout l;
  l.key_panels = ck_ceil(shape.tokens, panel);
  l.value_panels = ck_ceil(shape.head_width, panel);
  l.keys = 0;
  l.values = l.keys + l.key_panels * panel * shape.head_width;
  l.scores = l.values + l.value_panels * panel * shape.tokens;
  l.mixed = l.scores + score_rows * l.key_panels * panel;
  l.total = l.mixed + score_rows * l.value_panels * panel;
  return l;
}

static int64_t attention_floats(ck_attention_shape shape) { return layout_of(shape).total; }

CK_INLINE void plain_tile(const int rows, const float *x, int64_t ldx, const float *w,
                          int64_t depth, float *y, int64_t ldy) {
  tile t;
  tile_zero(&t, rows);
  tile_multiply(&t, x, ldx, w, depth, rows);
  tile_store(&t, y, ldy, rows);
}

// y = x · w for whole panels.
static void plain_product(const float *x, int64_t ldx, const float *w, int64_t depth, float *y,
                          int64_t ldy, int64_t rows, int64_t panels) {
  for (int64_t p = 0; p < panels; p++)
    for (int64_t row = 0; row < rows; row += tile_rows) {
      const int64_t count = ck_min(tile_rows, rows - row);
      CK_WITH_ROWS(count, plain_tile, x + row * ldx, ldx, w + p * depth * panel, depth,
                   y + row * ldy + p * panel, ldy)
    }
}

// Exponentials of a row of scores; returns their sum. What lies beyond `count` becomes 0.
static float soften(float *scores, int64_t count, int64_t padded, float scale) {
  for (int64_t i = count; i < padded; i++)
    scores[i] = -INFINITY;
  vector highest = load(scores);
  for (int64_t i = width; i < padded; i += width)
    highest = larger(highest, load(scores + i));
  float top = highest[0];
  for (int i = 1; i < width; i++)
    top = highest[i] > top ? highest[i] : top;
  vector sums = all(0);
  for (int64_t i = 0; i < padded; i += width) {
    const vector e = exponential((load(scores + i) - top) * scale);
    sums += e;
    store(scores + i, e);
  }
  // The padding gave exp(-87), which is not quite nothing.
  float extra = 0;
  for (int64_t i = count; i < padded; i++) {
    extra += scores[i];
    scores[i] = 0;
  }
  return sum_of(sums) - extra;
}

static void pack_keys_and_values(const ck_attention_part *part, attention_layout l) {
  const ck_attention_shape s = part->shape;
  const int64_t distance = 3 * s.heads * s.head_width;
  const float *keys =
      part->qkv + part->image * s.tokens * distance + (s.heads + part->head) * s.head_width;
  const float *values = keys + s.heads * s.head_width;
  float *packed_keys = part->workspace + l.keys, *packed_values = part->workspace + l.values;
  memset(packed_keys, 0, (size_t)(l.scores - l.keys) * sizeof(float));
  for (int64_t token = 0; token < s.tokens; token++) {
    const float *key = keys + token * distance, *value = values + token * distance;
    float *to = packed_keys + token / panel * panel * s.head_width + token % panel;
    for (int64_t i = 0; i < s.head_width; i++)
      to[i * panel] = key[i];
    for (int64_t p = 0; p < l.value_panels; p++)
      memcpy(packed_values + (p * s.tokens + token) * panel, value + p * panel,
             (size_t)ck_min(panel, s.head_width - p * panel) * sizeof(float));
  }
}

static void attention(const ck_attention_part *part) {
  const ck_attention_shape s = part->shape;
  const attention_layout l = layout_of(s);
  const int64_t distance = 3 * s.heads * s.head_width, padded = l.key_panels * panel;
  const int64_t mixed_width = l.value_panels * panel;
  const float scale = 1 / sqrtf((float)s.head_width);
  const float *queries = part->qkv + part->image * s.tokens * distance + part->head * s.head_width;
  float *keys = part->workspace + l.keys, *values = part->workspace + l.values;
  float *scores = part->workspace + l.scores, *mixed = part->workspace + l.mixed;
  pack_keys_and_values(part, l);
  for (int64_t row = part->row_begin; row < part->row_end; row += score_rows) {
    const int64_t rows = ck_min(score_rows, part->row_end - row);
    float sums[score_rows];
    plain_product(queries + row * distance, distance, keys, s.head_width, scores, padded, rows,
                  l.key_panels);
    for (int64_t r = 0; r < rows; r++)
      sums[r] = soften(scores + r * padded, s.tokens, padded, scale);
    plain_product(scores, padded, values, s.tokens, mixed, mixed_width, rows, l.value_panels);
    for (int64_t r = 0; r < rows; r++) {
      float *y =
          part->y + ((part->image * s.tokens + row + r) * s.heads + part->head) * s.head_width;
      const float share = 1 / sums[r];
      for (int64_t i = 0; i < s.head_width; i++)
        y[i] = mixed[r * mixed_width + i] * share;
    }
  }
}
