// Threads that share the parts of one operation.
//
// Parts are handed out by a counter, so a thread that another process holds up takes fewer of them.
// Between operations the threads spin for some microseconds, since the next one follows at once,
// and then sleep.

#include "internal.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { spins_before_sleep = 4000 };

struct ck_pool {
  int64_t threads;
  pthread_t *workers;
  int64_t started;
  // One operation at a time.
  pthread_mutex_t turn;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  // Raised for each operation; odd values do not occur.
  _Atomic int64_t generation;
  _Atomic bool ends;
  // The operation.
  ck_task task;
  void *context;
  int64_t count;
  _Atomic int64_t next;
  // Workers that have not yet seen the operation through.
  _Atomic int64_t busy;
};

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void work(ck_pool *pool) {
  for (;;) {
    const int64_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (index >= pool->count)
      return;
    pool->task(pool->context, index);
  }
}

static void *worker(void *argument) {
  ck_pool *pool = argument;
  int64_t seen = 0;
  for (;;) {
    int64_t spins = 0;
    while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen) {
      if (++spins < spins_before_sleep) {
        relax();
        continue;
      }
      pthread_mutex_lock(&pool->lock);
      while (atomic_load(&pool->generation) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
      pthread_mutex_unlock(&pool->lock);
    }
    seen++;
    if (atomic_load(&pool->ends))
      return NULL;
    work(pool);
    atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
  }
}

static void announce(ck_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

ck_pool *ck_pool_make(int64_t threads) {
  ck_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL)
    return NULL;
  pool->threads = threads < 1 ? 1 : threads;
  pool->workers = calloc((size_t)pool->threads, sizeof *pool->workers);
  pthread_mutex_init(&pool->turn, NULL);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  if (pool->workers == NULL) {
    ck_pool_free(pool);
    return NULL;
  }
  // Fewer threads than wanted only make it slower.
  while (pool->started < pool->threads - 1 &&
         pthread_create(&pool->workers[pool->started], NULL, worker, pool) == 0)
    pool->started++;
  return pool;
}

void ck_pool_free(ck_pool *pool) {
  if (pool == NULL)
    return;
  atomic_store(&pool->ends, true);
  announce(pool);
  for (int64_t i = 0; i < pool->started; i++)
    pthread_join(pool->workers[i], NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  pthread_mutex_destroy(&pool->turn);
  free(pool->workers);
  free(pool);
}

int64_t ck_pool_threads(const ck_pool *pool) { return pool->threads; }

void ck_pool_run(ck_pool *pool, int64_t count, ck_task task, void *context) {
  if (count <= 1 || pool->started == 0) {
    for (int64_t i = 0; i < count; i++)
      task(context, i);
    return;
  }
  pthread_mutex_lock(&pool->turn);
  pool->task = task;
  pool->context = context;
  pool->count = count;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->busy, pool->started, memory_order_relaxed);
  announce(pool);
  work(pool);
  int64_t spins = 0;
  while (atomic_load_explicit(&pool->busy, memory_order_acquire) > 0) {
    // A worker may have been put aside by the system: let it run.
    if (++spins < spins_before_sleep)
      relax();
    else
      sched_yield();
  }
  pthread_mutex_unlock(&pool->turn);
}
