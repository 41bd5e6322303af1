// Linear layers: packing of the weights and division of a product among threads.

#include "internal.h"

#include <stdlib.h>
#include <string.h>

static int64_t panels_of(const struct ck_linear *linear, int64_t panel) {
  return linear->gated ? ck_ceil(linear->outputs / 2, panel / 2) : ck_ceil(linear->outputs, panel);
}

// The row of the weight that a column of a panel holds, or -1 beyond the last.
static int64_t row_of(const struct ck_linear *linear, int64_t panel, int64_t p, int64_t column) {
  if (!linear->gated) {
    const int64_t row = p * panel + column;
    return row < linear->outputs ? row : -1;
  }
  const int64_t half = linear->outputs / 2, width = panel / 2;
  const int64_t row = p * width + column % width;
  return row < half ? row + column / width * half : -1;
}

static uint16_t rounded(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

// Fills one column of a panel; `row` is null beyond the last row.
static void pack_column(struct ck_linear *linear, const float *row, float factor, int64_t panels,
                        int64_t panel, int64_t p, int64_t column) {
  for (int64_t begin = 0; begin < linear->inputs; begin += linear->depth) {
    const int64_t depth = ck_min(linear->depth, linear->inputs - begin);
    const int64_t place = begin * panels * panel + p * depth * panel;
    for (int64_t k = 0; k < depth; k++) {
      const float value = row == NULL ? 0 : row[begin + k] * factor;
      if (linear->half_weights != NULL)
        linear->half_weights[place + (k / 2 * panel + column) * 2 + k % 2] = rounded(value);
      else
        linear->weights[place + k * panel + column] = value;
    }
  }
}

ck_linear *ck_linear_make(ck_linear_source source, ck_level level) {
  ck_linear *linear = calloc(1, sizeof *linear);
  if (linear == NULL)
    return NULL;
  const int64_t inputs = source.inputs;
  *linear = (ck_linear){
      .level = level, .outputs = source.outputs, .inputs = inputs, .gated = source.gated};
  linear->depth = source.half    ? ck_min(inputs, ck_half_depth)
                  : source.gated ? inputs
                                 : ck_min(inputs, ck_depth);
  const int64_t panel = ck_kernels_of(level)->panel, panels = panels_of(linear, panel);
  if (source.half)
    linear->half_weights = (uint16_t *)ck_floats(ck_ceil(panels * panel * inputs, 2));
  else
    linear->weights = ck_floats(panels * panel * inputs);
  linear->bias = ck_floats(panels * panel);
  if ((linear->weights == NULL && linear->half_weights == NULL) || linear->bias == NULL) {
    ck_linear_free(linear);
    return NULL;
  }
  for (int64_t p = 0; p < panels; p++)
    for (int64_t column = 0; column < panel; column++) {
      const int64_t row = row_of(linear, panel, p, column);
      const float factor = row < 0 ? 0 : source.scale == NULL ? 1 : source.scale[row];
      linear->bias[p * panel + column] =
          row < 0 || source.bias == NULL ? 0 : source.bias[row] * factor;
      pack_column(linear, row < 0 ? NULL : source.weight + row * inputs, factor, panels, panel, p,
                  column);
    }
  return linear;
}

void ck_linear_free(ck_linear *linear) {
  if (linear == NULL)
    return;
  free(linear->weights);
  free(linear->half_weights);
  free(linear->bias);
  free(linear);
}

typedef struct job {
  ck_part whole;
  const ck_kernels *kernels;
  int64_t row_step, panel_step, panel_parts;
} job;

static void run_part(void *context, int64_t index) {
  const job *j = context;
  ck_part part = j->whole;
  part.row_begin = index / j->panel_parts * j->row_step;
  part.row_end = ck_min(part.row_begin + j->row_step, j->whole.row_end);
  part.panel_begin = index % j->panel_parts * j->panel_step;
  part.panel_end = ck_min(part.panel_begin + j->panel_step, j->whole.panel_end);
  if (part.half_x != NULL)
    j->kernels->half_product(&part);
  else
    j->kernels->product(&part);
}

static void run(ck_pool *pool, ck_part whole) {
  if (whole.row_end <= 0)
    return;
  const struct ck_linear *linear = whole.linear;
  const ck_kernels *kernels = ck_kernels_of(linear->level);
  const int64_t rows = whole.row_end, panels = panels_of(linear, kernels->panel);
  whole.panel_end = panels;
  job j = {.whole = whole, .kernels = kernels};
  // A block of rows stays in the L2 cache while panels pass by; blocks are of equal height.
  const int64_t most = ck_block_floats / ck_min(linear->inputs, linear->depth);
  const int64_t blocks = ck_ceil(rows, most < kernels->rows ? kernels->rows : most);
  j.row_step = ck_ceil(ck_ceil(rows, blocks), kernels->rows) * kernels->rows;
  const int64_t row_parts = ck_ceil(rows, j.row_step);
  // Enough parts that no thread waits long for the last one.
  const int64_t wanted = ck_ceil(8 * ck_pool_threads(pool), row_parts);
  j.panel_step = ck_ceil(panels, ck_min(panels, wanted));
  j.panel_parts = ck_ceil(panels, j.panel_step);
  ck_pool_run(pool, row_parts * j.panel_parts, run_part, &j);
}

void ck_linear_run(ck_pool *pool, const ck_linear *linear, const float *x, int64_t ldx,
                   int64_t rows, float *y, int64_t ldy, ck_epilogue epilogue) {
  run(pool, (ck_part){.linear = linear,
                      .x = x,
                      .y = y,
                      .ldx = ldx,
                      .ldy = ldy,
                      .row_end = rows,
                      .epilogue = epilogue});
}

void ck_linear_run_half(ck_pool *pool, const ck_linear *linear, const uint16_t *x, int64_t ldx,
                        int64_t rows, void *y, int64_t ldy, ck_epilogue epilogue) {
  run(pool, (ck_part){.linear = linear,
                      .half_x = x,
                      .y = epilogue == CK_ADD ? y : NULL,
                      .half_y = epilogue == CK_ADD ? NULL : y,
                      .ldx = ldx,
                      .ldy = ldy,
                      .row_end = rows,
                      .epilogue = epilogue});
}
