// Losses over many prototypes: division among threads.

#include "internal.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct entropy_job {
  ck_cross_entropy_part whole;
  const ck_kernels *kernels;
} entropy_job;

static void run_entropy(void *context, int64_t index) {
  const entropy_job *j = context;
  ck_cross_entropy_part part = j->whole;
  part.row_begin = index;
  part.row_end = index + 1;
  j->kernels->cross_entropy(&part);
}

void ck_cross_entropy(ck_pool *pool, ck_level level, ck_cross_entropy_source source, float *losses,
                      float *gradient) {
  entropy_job j = {.kernels = ck_kernels_of(level),
                   .whole = {.logits = source.logits,
                             .targets = source.targets,
                             .weights = source.weights,
                             .scale = source.scale,
                             .losses = losses,
                             .gradient = gradient,
                             .columns = source.columns,
                             .target_rows = source.target_rows}};
  ck_pool_run(pool, source.rows, run_entropy, &j);
}

typedef struct balance_job {
  ck_balance_part whole;
  int64_t step, count;
  bool (*begin)(const ck_balance_part *part);
  void (*run)(const ck_balance_part *part);
  _Atomic bool fails;
} balance_job;

static void run_balance(void *context, int64_t index) {
  balance_job *j = context;
  ck_balance_part part = j->whole;
  part.begin = index * j->step;
  part.end = ck_min(part.begin + j->step, j->count);
  if (j->run != NULL)
    j->run(&part);
  else if (!j->begin(&part))
    atomic_store(&j->fails, true);
}

static void divide(ck_pool *pool, balance_job *j, int64_t count, int64_t step) {
  j->count = count;
  j->step = step;
  ck_pool_run(pool, ck_ceil(count, step), run_balance, j);
}

bool ck_balance(ck_pool *pool, ck_level level, ck_balance_source source, float *targets) {
  const ck_kernels *kernels = ck_kernels_of(level);
  double *factors = malloc((size_t)(source.rows + source.columns) * sizeof *factors);
  if (factors == NULL)
    return false;
  balance_job j = {.whole = {.logits = source.logits,
                             .values = targets,
                             .samples = factors,
                             .prototypes = factors + source.rows,
                             .scale = source.scale,
                             .rows = source.rows,
                             .columns = source.columns},
                   .begin = kernels->balance_begin};
  divide(pool, &j, source.rows, 1);
  const bool fits = !atomic_load(&j.fails);
  if (fits) {
    double most = -INFINITY;
    for (int64_t row = 0; row < source.rows; row++)
      most = factors[row] > most ? factors[row] : most;
    for (int64_t row = 0; row < source.rows; row++)
      factors[row] = exp(factors[row] - most);
    for (int64_t i = 0; i < source.iterations; i++) {
      j.run = kernels->balance_prototypes;
      divide(pool, &j, source.columns, 1024);
      j.run = kernels->balance_samples;
      divide(pool, &j, source.rows, 1);
    }
    j.run = kernels->balance_end;
    divide(pool, &j, source.rows, 1);
  }
  free(factors);
  return fits;
}
