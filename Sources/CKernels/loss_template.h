// Losses over many prototypes, for one instruction set. Included by kernels_template.h.

typedef double double_vector __attribute__((vector_size(CK_WIDTH * 8)));
typedef double unaligned_double_vector __attribute__((vector_size(CK_WIDTH * 8), aligned(8)));

CK_INLINE double_vector widened(vector value) {
  return __builtin_convertvector(value, double_vector);
}

CK_INLINE float largest_of(const float *x, int64_t columns) {
  const int64_t whole = columns / width * width;
  float most = -INFINITY;
  if (whole > 0) {
    vector found = load(x);
    for (int64_t i = width; i < whole; i += width)
      found = larger(found, load(x + i));
    CK_UNROLL for (int i = 0; i < width; i++) most = found[i] > most ? found[i] : most;
  }
  for (int64_t i = whole; i < columns; i++)
    most = x[i] > most ? x[i] : most;
  return most;
}

// y = exp(scale · (x - most)), summed. At most 2048 values are summed in single precision.
CK_INLINE double exponentials(const float *x, float scale, float most, float *y, int64_t columns) {
  const int64_t whole = columns / width * width;
  double total = 0;
  for (int64_t begin = 0; begin < whole; begin += 2048) {
    const int64_t end = ck_min(begin + 2048, whole);
    vector sum = all(0);
    for (int64_t i = begin; i < end; i += width) {
      const vector e = exponential((load(x + i) - most) * scale);
      store(y + i, e);
      sum += e;
    }
    total += sum_of(sum);
  }
  for (int64_t i = whole; i < columns; i++) {
    y[i] = expf(fmaxf((x[i] - most) * scale, -87.0f));
    total += y[i];
  }
  return total;
}

static void cross_entropy(const ck_cross_entropy_part *part) {
  const int64_t columns = part->columns, whole = columns / width * width;
  for (int64_t row = part->row_begin; row < part->row_end; row++) {
    const float *s = part->logits + row * columns;
    const float *t = part->targets + row % part->target_rows * columns;
    float *g = part->gradient + row * columns;
    const float most = largest_of(s, columns);
    const double sum = exponentials(s, part->scale, most, g, columns);
    double mass = 0, agreement = 0;
    for (int64_t begin = 0; begin < whole; begin += 2048) {
      const int64_t end = ck_min(begin + 2048, whole);
      vector masses = all(0), products = all(0);
      for (int64_t i = begin; i < end; i += width) {
        const vector target = load(t + i);
        masses += target;
        products += target * (load(s + i) - most);
      }
      mass += sum_of(masses);
      agreement += sum_of(products);
    }
    for (int64_t i = whole; i < columns; i++) {
      mass += t[i];
      agreement += (double)t[i] * (s[i] - most);
    }
    const float weight = part->weights == NULL ? 1 : part->weights[row];
    part->losses[row] = weight * (float)(mass * log(sum) - part->scale * agreement);
    const float share = weight * part->scale * (float)(mass / sum), factor = weight * part->scale;
    for (int64_t i = 0; i < whole; i += width)
      store(g + i, load(g + i) * share - load(t + i) * factor);
    for (int64_t i = whole; i < columns; i++)
      g[i] = g[i] * share - t[i] * factor;
  }
}

// Rows become exp(scale · (x - most)); the logarithm of the factor that is left out goes to
// `logarithms`. False if a value is too small for single precision.
static bool balance_begin(const ck_balance_part *part) {
  const int64_t columns = part->columns, whole = columns / width * width;
  for (int64_t row = part->begin; row < part->end; row++) {
    const float *x = part->logits + row * columns;
    const float most = largest_of(x, columns);
    vector least = all(most);
    for (int64_t i = 0; i < whole; i += width)
      least = smaller(least, load(x + i));
    float smallest = most;
    CK_UNROLL for (int i = 0; i < width; i++) smallest = least[i] < smallest ? least[i] : smallest;
    for (int64_t i = whole; i < columns; i++)
      smallest = x[i] < smallest ? x[i] : smallest;
    // Also false for a value that is no number.
    if (!((most - smallest) * part->scale < 80))
      return false;
    exponentials(x, part->scale, most, part->values + row * columns, columns);
    part->samples[row] = (double)most * part->scale;
  }
  return true;
}

// Columns begin..<end: prototypes[k] = 1 / Σ over rows of values[row, k] · samples[row].
static void balance_prototypes(const ck_balance_part *part) {
  const int64_t whole = part->begin + (part->end - part->begin) / width * width;
  for (int64_t i = part->begin; i < part->end; i++)
    part->prototypes[i] = 0;
  for (int64_t row = 0; row < part->rows; row++) {
    const float *x = part->values + row * part->columns;
    const double sample = part->samples[row];
    for (int64_t i = part->begin; i < whole; i += width)
      *(unaligned_double_vector *)(part->prototypes + i) += widened(load(x + i)) * sample;
    for (int64_t i = whole; i < part->end; i++)
      part->prototypes[i] += x[i] * sample;
  }
  for (int64_t i = part->begin; i < part->end; i++)
    part->prototypes[i] = 1 / part->prototypes[i];
}

// Rows begin..<end: samples[row] = 1 / Σ over k of values[row, k] · prototypes[k].
static void balance_samples(const ck_balance_part *part) {
  const int64_t columns = part->columns, whole = columns / width * width;
  for (int64_t row = part->begin; row < part->end; row++) {
    const float *x = part->values + row * columns;
    double_vector sums = {};
    for (int64_t i = 0; i < whole; i += width)
      sums += widened(load(x + i)) * *(const unaligned_double_vector *)(part->prototypes + i);
    double sum = 0;
    CK_UNROLL for (int i = 0; i < width; i++) sum += sums[i];
    for (int64_t i = whole; i < columns; i++)
      sum += x[i] * part->prototypes[i];
    part->samples[row] = 1 / sum;
  }
}

// Rows begin..<end: values[row, k] *= samples[row] · prototypes[k].
static void balance_end(const ck_balance_part *part) {
  for (int64_t row = part->begin; row < part->end; row++) {
    float *x = part->values + row * part->columns;
    const double sample = part->samples[row];
    for (int64_t i = 0; i < part->columns; i++)
      x[i] = (float)(x[i] * (part->prototypes[i] * sample));
  }
}
