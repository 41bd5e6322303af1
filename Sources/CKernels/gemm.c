// Products of two matrices that change from call to call: packing and division among threads.

#include "internal.h"

#include <stdlib.h>

typedef struct pack_job {
  ck_pack_part whole;
  const ck_kernels *kernels;
  int64_t groups, step;
} pack_job;

static void run_pack(void *context, int64_t index) {
  const pack_job *j = context;
  ck_pack_part part = j->whole;
  part.begin = index * j->step;
  part.end = ck_min(part.begin + j->step, j->groups);
  j->kernels->gemm_pack(&part);
}

static void pack(ck_pool *pool, const ck_kernels *kernels, ck_pack_part whole) {
  pack_job j = {.whole = whole, .kernels = kernels, .groups = ck_ceil(whole.count, whole.lanes)};
  j.step = ck_ceil(j.groups, 4 * ck_pool_threads(pool));
  ck_pool_run(pool, ck_ceil(j.groups, j.step), run_pack, &j);
}

typedef struct gemm_job {
  ck_gemm_part whole;
  const ck_kernels *kernels;
  int64_t rows, panels, row_step, panel_step, panel_parts;
} gemm_job;

static void run_product(void *context, int64_t index) {
  const gemm_job *j = context;
  ck_gemm_part part = j->whole;
  part.row_begin = index / j->panel_parts * j->row_step;
  part.row_end = ck_min(part.row_begin + j->row_step, j->rows);
  part.panel_begin = index % j->panel_parts * j->panel_step;
  part.panel_end = ck_min(part.panel_begin + j->panel_step, j->panels);
  j->kernels->gemm_product(&part);
}

static void multiply(ck_pool *pool, const ck_kernels *kernels, ck_gemm_part whole, int64_t rows) {
  gemm_job j = {.whole = whole, .kernels = kernels, .rows = rows,
                .panels = ck_ceil(whole.columns, kernels->panel)};
  // As in linear.c: a block of rows stays in the L2 cache while panels pass by.
  const int64_t most = ck_block_floats / whole.depth;
  const int64_t blocks = ck_ceil(rows, most < kernels->rows ? kernels->rows : most);
  j.row_step = ck_ceil(ck_ceil(rows, blocks), kernels->rows) * kernels->rows;
  const int64_t row_parts = ck_ceil(rows, j.row_step);
  const int64_t wanted = ck_ceil(8 * ck_pool_threads(pool), row_parts);
  j.panel_step = ck_ceil(j.panels, ck_min(j.panels, wanted));
  j.panel_parts = ck_ceil(j.panels, j.panel_step);
  ck_pool_run(pool, row_parts * j.panel_parts, run_product, &j);
}

bool ck_gemm(ck_pool *pool, ck_level level, ck_gemm_source source, float *c, int64_t ldc) {
  const ck_kernels *kernels = ck_kernels_of(level);
  const int64_t depth = ck_min(source.depth, ck_depth);
  const bool packs_a = source.a_column != 1;
  if (source.rows <= 0 || source.columns <= 0)
    return true;
  float *b = ck_floats(ck_ceil(source.columns, kernels->panel) * kernels->panel * depth);
  float *a = packs_a ? ck_floats(ck_ceil(source.rows, kernels->rows) * kernels->rows * depth) : NULL;
  const bool has_memory = b != NULL && (a != NULL || !packs_a);
  for (int64_t begin = 0; has_memory && begin < source.depth; begin += depth) {
    const int64_t length = ck_min(depth, source.depth - begin);
    const float *stretch = source.a + begin * source.a_column;
    pack(pool, kernels,
         (ck_pack_part){.from = source.b + begin * source.b_row, .distance = source.b_column,
                        .step = source.b_row, .to = b, .lanes = kernels->panel,
                        .count = source.columns, .depth = length});
    if (packs_a)
      pack(pool, kernels,
           (ck_pack_part){.from = stretch, .distance = source.a_row, .step = source.a_column,
                          .to = a, .lanes = kernels->rows, .count = source.rows,
                          .depth = length});
    multiply(pool, kernels,
             (ck_gemm_part){.a = packs_a ? a : stretch, .lda = source.a_row, .is_packed = packs_a,
                            .b = b, .c = c, .ldc = ldc, .depth = length,
                            .columns = source.columns, .adds = source.adds || begin > 0,
                            .bias = begin + length == source.depth ? source.bias : NULL},
             source.rows);
  }
  free(a);
  free(b);
  return has_memory;
}
