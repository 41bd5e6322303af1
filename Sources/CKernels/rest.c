// Norms, attention and patches: division among threads.

#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct norm_job {
  const ck_kernels *kernels;
  const float *x, *weight, *bias;
  float epsilon;
  // One of both takes the result.
  float *y;
  uint16_t *half_y;
  int64_t rows, width, step;
} norm_job;

static void run_norm(void *context, int64_t index) {
  const norm_job *j = context;
  const int64_t begin = index * j->step, rows = ck_min(j->step, j->rows - begin);
  const float *x = j->x + begin * j->width;
  if (j->half_y != NULL)
    j->kernels->half_norm(x, j->weight, j->bias, j->epsilon, j->half_y + begin * j->width, rows,
                          j->width);
  else
    j->kernels->norm(x, j->weight, j->bias, j->epsilon, j->y + begin * j->width, rows, j->width);
}

static void run_norms(ck_pool *pool, norm_job j) {
  j.step = ck_ceil(j.rows, 4 * ck_pool_threads(pool));
  if (j.rows > 0)
    ck_pool_run(pool, ck_ceil(j.rows, j.step), run_norm, &j);
}

void ck_layer_norm(ck_pool *pool, ck_level level, const float *x, const float *weight,
                   const float *bias, float epsilon, float *y, int64_t rows, int64_t width) {
  run_norms(pool, (norm_job){.kernels = ck_kernels_of(level),
                             .x = x,
                             .weight = weight,
                             .bias = bias,
                             .epsilon = epsilon,
                             .y = y,
                             .rows = rows,
                             .width = width});
}

void ck_layer_norm_half(ck_pool *pool, ck_level level, const float *x, const float *weight,
                        const float *bias, float epsilon, uint16_t *y, int64_t rows,
                        int64_t width) {
  run_norms(pool, (norm_job){.kernels = ck_kernels_of(level),
                             .x = x,
                             .weight = weight,
                             .bias = bias,
                             .epsilon = epsilon,
                             .half_y = y,
                             .rows = rows,
                             .width = width});
}

typedef struct attention_job {
  const ck_kernels *kernels;
  const float *qkv;
  float *y;
  // In place of both.
  const uint16_t *half_qkv;
  uint16_t *half_y;
  ck_attention_shape shape;
  int64_t row_step, row_parts, workspace_floats;
  float *workspaces;
  // Which workspaces are free, one flag each.
  _Atomic bool *taken;
  int64_t workspace_count;
} attention_job;

static void run_attention(void *context, int64_t index) {
  attention_job *j = context;
  // There are as many workspaces as threads, so one is free.
  int64_t place = 0;
  while (atomic_exchange(&j->taken[place], true))
    place = (place + 1) % j->workspace_count;
  const int64_t pair = index / j->row_parts, begin = index % j->row_parts * j->row_step;
  const ck_attention_part part = {
      .qkv = j->qkv,
      .y = j->y,
      .half_qkv = j->half_qkv,
      .half_y = j->half_y,
      .shape = j->shape,
      .image = pair / j->shape.heads,
      .head = pair % j->shape.heads,
      .row_begin = begin,
      .row_end = ck_min(begin + j->row_step, j->shape.tokens),
      .workspace = j->workspaces + place * j->workspace_floats,
  };
  if (j->half_qkv != NULL)
    j->kernels->half_attention(&part);
  else
    j->kernels->attention(&part);
  atomic_store(&j->taken[place], false);
}

static bool mix(ck_pool *pool, attention_job j) {
  const ck_attention_shape shape = j.shape;
  const int64_t threads = ck_pool_threads(pool), pairs = shape.batch * shape.heads;
  if (pairs <= 0 || shape.tokens <= 0)
    return true;
  j.workspace_count = threads;
  // Heads go whole where they divide evenly; else each is divided until there are enough.
  j.row_parts = pairs % threads == 0 || pairs >= 8 * threads ? 1 : ck_ceil(4 * threads, pairs);
  j.row_step = ck_ceil(ck_ceil(shape.tokens, j.row_parts), j.kernels->rows) * j.kernels->rows;
  j.row_parts = ck_ceil(shape.tokens, j.row_step);
  const int64_t floats = j.half_qkv != NULL ? j.kernels->half_attention_floats(shape)
                                            : j.kernels->attention_floats(shape);
  j.workspace_floats = ck_ceil(floats, 16) * 16;
  j.workspaces = ck_floats(j.workspace_floats * threads);
  j.taken = calloc((size_t)threads, sizeof *j.taken);
  const bool has_memory = j.workspaces != NULL && j.taken != NULL;
  if (has_memory)
    ck_pool_run(pool, pairs * j.row_parts, run_attention, &j);
  free(j.workspaces);
  free((void *)j.taken);
  return has_memory;
}

bool ck_attention(ck_pool *pool, ck_level level, const float *qkv, float *y,
                  ck_attention_shape shape) {
  return mix(pool,
             (attention_job){.kernels = ck_kernels_of(level), .qkv = qkv, .y = y, .shape = shape});
}

bool ck_attention_half(ck_pool *pool, ck_level level, const uint16_t *qkv, uint16_t *y,
                       ck_attention_shape shape) {
  return mix(pool,
             (attention_job){
                 .kernels = ck_kernels_of(level), .half_qkv = qkv, .half_y = y, .shape = shape});
}

typedef struct unfold_job {
  const float *image;
  ck_image_shape shape;
  float *patches;
} unfold_job;

// One row of patches.
static void run_unfold(void *context, int64_t index) {
  const unfold_job *j = context;
  const ck_image_shape s = j->shape;
  const int64_t across = s.width / s.patch, length = s.channels * s.patch * s.patch;
  for (int64_t column = 0; column < across; column++) {
    float *to = j->patches + (index * across + column) * length;
    for (int64_t channel = 0; channel < s.channels; channel++)
      for (int64_t row = 0; row < s.patch; row++, to += s.patch)
        memcpy(to,
               j->image + (channel * s.height + index * s.patch + row) * s.width + column * s.patch,
               (size_t)s.patch * sizeof(float));
  }
}

void ck_unfold(ck_pool *pool, const float *image, ck_image_shape shape, float *patches) {
  unfold_job j = {image, shape, patches};
  ck_pool_run(pool, shape.height / shape.patch, run_unfold, &j);
}
