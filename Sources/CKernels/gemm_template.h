// Products of two matrices that change from call to call. Included by kernels_template.h.

// t += a · b, where a is one packed strip of `depth` columns and b one packed panel.
CK_INLINE void tile_multiply_packed(tile *t, const float *a, const float *b, int64_t depth,
                                    const int rows) {
  for (int64_t k = 0; k < depth; k++, a += tile_rows, b += panel) {
    const vector b0 = *(const vector *)b, b1 = *(const vector *)(b + width);
    CK_UNROLL for (int r = 0; r < rows; r++) {
      const vector value = all(a[r]);
      t->value[r][0] += value * b0;
      t->value[r][1] += value * b1;
    }
  }
}

typedef struct gemm_tile_part {
  const float *a, *b, *bias;
  int64_t lda, depth;
  float *c;
  int64_t ldc;
  bool adds, is_packed;
} gemm_tile_part;

CK_INLINE void gemm_tile(const int rows, const gemm_tile_part *s) {
  tile t;
  if (s->adds)
    tile_load(&t, s->c, s->ldc, rows);
  else
    tile_zero(&t, rows);
  if (s->is_packed)
    tile_multiply_packed(&t, s->a, s->b, s->depth, rows);
  else
    tile_multiply(&t, s->a, s->lda, s->b, s->depth, rows);
  if (s->bias != NULL)
    tile_add_bias(&t, s->bias, rows);
  tile_store(&t, s->c, s->ldc, rows);
}

static void run_gemm_tile(const gemm_tile_part *s, int64_t rows) {
  CK_WITH_ROWS(rows, gemm_tile, s)
}

// A panel at the edge: the tile is made in a buffer and its real columns are copied.
static void run_edge_gemm_tile(const gemm_tile_part *s, int64_t rows, int64_t columns) {
  float buffer[CK_ROWS * 2 * CK_WIDTH] __attribute__((aligned(64)));
  memset(buffer, 0, sizeof buffer);
  if (s->adds)
    for (int64_t r = 0; r < rows; r++)
      memcpy(buffer + r * panel, s->c + r * s->ldc, (size_t)columns * sizeof(float));
  gemm_tile_part inner = *s;
  inner.c = buffer;
  inner.ldc = panel;
  inner.bias = NULL;
  run_gemm_tile(&inner, rows);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < columns; i++)
      s->c[r * s->ldc + i] = buffer[r * panel + i] + (s->bias == NULL ? 0 : s->bias[i]);
}

// Rows and panels of one stretch of the depth.
static void gemm_product(const ck_gemm_part *part) {
  for (int64_t p = part->panel_begin; p < part->panel_end; p++) {
    const int64_t real = ck_min(panel, part->columns - p * panel);
    for (int64_t row = part->row_begin; row < part->row_end; row += tile_rows) {
      const gemm_tile_part s = {
          .a = part->is_packed ? part->a + row * part->depth : part->a + row * part->lda,
          .b = part->b + p * part->depth * panel,
          .bias = part->bias == NULL ? NULL : part->bias + p * panel,
          .lda = part->lda,
          .depth = part->depth,
          .c = part->c + row * part->ldc + p * panel,
          .ldc = part->ldc,
          .adds = part->adds,
          .is_packed = part->is_packed,
      };
      const int64_t rows = ck_min(tile_rows, part->row_end - row);
      if (real == panel)
        run_gemm_tile(&s, rows);
      else
        run_edge_gemm_tile(&s, rows, real);
    }
  }
}

// Packs vectors begin..<end of a matrix, `lanes` side by side: to[group][k][lane]. Vector i begins at
// from[i · distance], its elements are `step` apart; missing ones are 0.
static void gemm_pack(const ck_pack_part *part) {
  const int64_t lanes = part->lanes;
  for (int64_t group = part->begin; group < part->end; group++) {
    float *to = part->to + group * lanes * part->depth;
    const int64_t first = group * lanes, real = ck_min(lanes, part->count - first);
    const float *from = part->from + first * part->distance;
    if (part->distance == 1) {
      for (int64_t k = 0; k < part->depth; k++, to += lanes, from += part->step) {
        memcpy(to, from, (size_t)real * sizeof(float));
        for (int64_t lane = real; lane < lanes; lane++)
          to[lane] = 0;
      }
    } else {
      // Eight elements of each vector at a time, so that their cache lines are used at once.
      for (int64_t k = 0; k < part->depth; k += 8) {
        const int64_t stretch = ck_min(8, part->depth - k);
        for (int64_t lane = 0; lane < lanes; lane++)
          for (int64_t i = 0; i < stretch; i++)
            to[(k + i) * lanes + lane] =
                lane < real ? from[lane * part->distance + (k + i) * part->step] : 0;
      }
    }
  }
}
