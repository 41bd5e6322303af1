// Blur, hue and saturation of 8-bit RGB pixels.
//
// The loops are plain C, compiled once for each set of instructions. No multiplication is fused
// with an addition, so that all of them give the same bytes.

#include "CResample.h"

#include <stdlib.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__) && defined(__linux__)
#define CR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CR_CLONES
#endif

#define CR_INLINE static inline __attribute__((always_inline))

CR_CLONES static void blur_down(const uint8_t *source, const size_t *rows, const float *weights,
                                int taps, size_t count, float *line) {
  memset(line, 0, count * sizeof(float));
  for (int tap = 0; tap < taps; tap++) {
    const uint8_t *row = source + rows[tap];
    float weight = weights[tap];
    for (size_t i = 0; i < count; i++)
      line[i] += weight * (float)row[i];
  }
}

CR_CLONES static void blur_across(const float *line, const float *weights, int taps, size_t count,
                                  float *sums, uint8_t *target) {
  memset(sums, 0, count * sizeof(float));
  for (int tap = 0; tap < taps; tap++) {
    float weight = weights[tap];
    const float *from = line + 3 * (size_t)tap;
    for (size_t i = 0; i < count; i++)
      sums[i] += weight * from[i];
  }
  for (size_t i = 0; i < count; i++) {
    // Adding and taking away 1.5 * 2^23 rounds to even.
    float rounded = (sums[i] + 12582912.0f) - 12582912.0f;
    rounded = rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
    target[i] = (uint8_t)(int32_t)rounded;
  }
}

int cr_blur(const uint8_t *source, int height, int width, const float *weights, int taps,
            const size_t *rows, const size_t *columns, uint8_t *target) {
  size_t count = 3 * (size_t)width, radius = (size_t)taps / 2;
  float *line = malloc((2 * count + 6 * radius) * sizeof(float));
  if (!line)
    return -1;
  float *middle = line + 3 * radius, *sums = line + count + 6 * radius;
  for (int row = 0; row < height; row++) {
    blur_down(source, rows + row, weights, taps, count, middle);
    for (size_t side = 0; side < radius; side++) {
      size_t right = (size_t)width + radius + side;
      memcpy(line + 3 * side, middle + 3 * columns[side], 3 * sizeof(float));
      memcpy(line + 3 * right, middle + 3 * columns[right], 3 * sizeof(float));
    }
    blur_across(line, weights, taps, count, sums, target + (size_t)row * count);
  }
  free(line);
  return 0;
}

CR_INLINE int32_t clip(int32_t value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

// A share of a value, rounded half up.
CR_INLINE int32_t level(double value, double share) {
  return clip((int32_t)(value * (1 - share) + 0.5));
}

enum { block = 256 };

typedef struct {
  int32_t red[block], green[block], blue[block];
} planes;

CR_INLINE void split(const uint8_t *pixels, int count, planes *p) {
  for (int i = 0; i < count; i++) {
    p->red[i] = pixels[3 * i];
    p->green[i] = pixels[3 * i + 1];
    p->blue[i] = pixels[3 * i + 2];
  }
}

CR_INLINE void join(const planes *p, int count, uint8_t *pixels) {
  for (int i = 0; i < count; i++) {
    pixels[3 * i] = (uint8_t)p->red[i];
    pixels[3 * i + 1] = (uint8_t)p->green[i];
    pixels[3 * i + 2] = (uint8_t)p->blue[i];
  }
}

// To hue, saturation and value in 8 bits each, as in Pillow's mode HSV; turned; and back.
CR_INLINE void turn_hue(planes *p, int i, int32_t turn) {
  int32_t red = p->red[i], green = p->green[i], blue = p->blue[i];
  int32_t high = red > green ? red : green, low = red < green ? red : green;
  high = high > blue ? high : blue;
  low = low < blue ? low : blue;
  int is_gray = high == low;
  float range = (float)(is_gray ? 1 : high - low);
  float r = (float)(high - red) / range, g = (float)(high - green) / range;
  float b = (float)(high - blue) / range;
  float third = (float)(4.0 + (double)g - (double)r);
  float second = (float)(2.0 + (double)r - (double)b);
  float sector = red == high ? b - g : green == high ? second : third;
  // Sixths of the circle; a negative one is a turn later.
  double wound = (double)sector / 6 + 1;
  float circle = (float)(wound >= 1 ? wound - 1 : wound);
  int32_t hue = is_gray ? 0 : clip((int32_t)((double)circle * 255));
  int32_t saturation = clip((int32_t)((double)(range / (float)(high > 1 ? high : 1)) * 255));
  hue = (hue + turn) & 255;

  double position = (double)hue * 6 / 255;
  int32_t which = (int32_t)position;
  float fraction = (float)(position - (double)which);
  float strength = (float)((double)saturation / 255);
  which = which == 6 ? 0 : which;
  double value = (double)high;
  int32_t lowest = level(value, (double)strength);
  int32_t falling = level(value, (double)(strength * fraction));
  int32_t rising = level(value, (double)strength * (1 - (double)fraction));
  int is_plain = is_gray | (saturation == 0);
  // The order of the six sectors: red to yellow, to green, to cyan, to blue, to magenta, to red.
  int32_t r_new = which == 1 ? falling : which == 4 ? rising : lowest;
  int32_t g_new = which == 3 ? falling : which == 0 ? rising : lowest;
  int32_t b_new = which == 5 ? falling : which == 2 ? rising : lowest;
  r_new = which == 0 || which == 5 ? high : r_new;
  g_new = which == 1 || which == 2 ? high : g_new;
  b_new = which == 3 || which == 4 ? high : b_new;
  p->red[i] = is_plain ? high : r_new;
  p->green[i] = is_plain ? high : g_new;
  p->blue[i] = is_plain ? high : b_new;
}

CR_CLONES void cr_turn_hue(uint8_t *pixels, size_t count, uint8_t turn) {
  planes p;
  for (size_t start = 0; start < count; start += block) {
    int part = (int)(count - start < block ? count - start : block);
    split(pixels + 3 * start, part, &p);
    for (int i = 0; i < part; i++)
      turn_hue(&p, i, turn);
    join(&p, part, pixels + 3 * start);
  }
}

// A blend in single precision, rounded down and clipped; a sum that is no number gives 0.
CR_INLINE int32_t mixed(int32_t from, int32_t to, float factor) {
  float value = (float)from + factor * ((float)to - (float)from);
  value = value > 0 ? value : 0;
  return (int32_t)(value < 255 ? value : 255);
}

CR_CLONES void cr_saturate(uint8_t *pixels, size_t count, float factor) {
  planes p;
  for (size_t start = 0; start < count; start += block) {
    int part = (int)(count - start < block ? count - start : block);
    split(pixels + 3 * start, part, &p);
    for (int i = 0; i < part; i++) {
      int32_t gray = (p.red[i] * 19595 + p.green[i] * 38470 + p.blue[i] * 7471 + 0x8000) >> 16;
      p.red[i] = mixed(gray, p.red[i], factor);
      p.green[i] = mixed(gray, p.green[i], factor);
      p.blue[i] = mixed(gray, p.blue[i], factor);
    }
    join(&p, part, pixels + 3 * start);
  }
}
