// What Faiss's headers take from OpenMP's, which clang does not bring along.
#pragma once

// As large and as aligned as that of GCC's runtime; only Faiss's library makes one.
typedef struct omp_lock_t {
  int state;
} omp_lock_t;
