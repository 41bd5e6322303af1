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

ck_linear *ck_linear_make(const float *weight, const float *bias, const float *scale,
                          int64_t outputs, int64_t inputs, bool gated, ck_level level) {
  ck_linear *linear = calloc(1, sizeof *linear);
  if (linear == NULL)
    return NULL;
  *linear = (ck_linear){.level = level, .outputs = outputs, .inputs = inputs, .gated = gated};
  linear->depth = gated ? inputs : ck_min(inputs, ck_depth);
  const int64_t panel = ck_kernels_of(level)->panel, panels = panels_of(linear, panel);
  linear->weights = ck_floats(panels * panel * inputs);
  linear->bias = ck_floats(panels * panel);
  if (linear->weights == NULL || linear->bias == NULL) {
    ck_linear_free(linear);
    return NULL;
  }
  for (int64_t p = 0; p < panels; p++)
    for (int64_t column = 0; column < panel; column++) {
      const int64_t row = row_of(linear, panel, p, column);
      const float factor = row < 0 ? 0 : scale == NULL ? 1 : scale[row];
      linear->bias[p * panel + column] = row < 0 || bias == NULL ? 0 : bias[row] * factor;
      for (int64_t begin = 0; begin < inputs; begin += linear->depth) {
        const int64_t depth = ck_min(linear->depth, inputs - begin);
        float *to = linear->weights + begin * panels * panel + p * depth * panel + column;
        if (row < 0) {
          for (int64_t k = 0; k < depth; k++)
            to[k * panel] = 0;
        } else {
          const float *from = weight + row * inputs + begin;
          for (int64_t k = 0; k < depth; k++)
            to[k * panel] = from[k] * factor;
        }
      }
    }
  return linear;
}

void ck_linear_free(ck_linear *linear) {
  if (linear == NULL)
    return;
  free(linear->weights);
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
  j->kernels->product(&part);
}

void ck_linear_run(ck_pool *pool, const ck_linear *linear, const float *x, int64_t ldx,
                   int64_t rows, float *y, int64_t ldy, ck_epilogue epilogue) {
  if (rows <= 0)
    return;
  const ck_kernels *kernels = ck_kernels_of(linear->level);
  const int64_t panels = panels_of(linear, kernels->panel);
  job j = {
      .whole = {.linear = linear, .x = x, .y = y, .ldx = ldx, .ldy = ldy, .row_end = rows,
                .panel_end = panels, .epilogue = epilogue},
      .kernels = kernels,
  };
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
