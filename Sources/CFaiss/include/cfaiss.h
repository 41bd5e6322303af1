// The C interface to Faiss. `CFaiss` is the only target that includes Faiss's headers.
//
// An index answers with the largest inner products of rows; row numbers are in the order of adding.
// Work is shared by as many threads as OpenMP is set to for the caller.
// Functions that can fail return a cf_status and, on failure, copy one line of text into the
// caller's buffer. An index that is handed out must be freed once.
#ifndef CFAISS_H
#define CFAISS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cf_index cf_index;

typedef enum cf_status { CF_OK = 0, CF_FAILED = 1, CF_OUT_OF_MEMORY = 2 } cf_status;

// Where a failing function writes its message.
typedef struct cf_message {
  char *text;
  size_t capacity;
} cf_message;

// What an index holds.
typedef struct cf_facts {
  int64_t rows;
  int64_t columns;
  int64_t lists;     // of an inverted file, else 0
  int64_t code_size; // bytes of a coded row, 0 for whole rows
  int64_t links;     // of a row in the lower layer of a graph, else 0
} cf_facts;

// Makes an empty index of one of three kinds.
//
// cf_inverted_file: rows in lists by the nearest of `lists` centroids, `[lists, columns]`; each row
// whole if `code_size` is 0, else coded in so many bytes, which divide `columns`.
// cf_graph: a hierarchical navigable small world with `links` neighbours a row (twice as many in
// the lowest layer); `breadth` candidates are kept while it is built.
cf_status cf_inverted_file(int64_t columns, int64_t lists, const float *centroids,
                           int64_t code_size, cf_index **made, cf_message message);
cf_status cf_graph(int64_t columns, int64_t links, int64_t breadth, cf_index **made,
                   cf_message message);
void cf_free(cf_index *index);

// Learns the codes of rows from examples; indexes without codes need none.
cf_status cf_train(cf_index *index, int64_t count, const float *rows, cf_message message);

// Adds rows. Several threads make another graph each time; one makes the same.
cf_status cf_add(cf_index *index, int64_t count, const float *rows, cf_message message);

// Finds the rows with the largest inner products, the largest first: `[queries, count]`.
//
// `effort` is the number of lists that are looked through, or of candidates that are kept on the
// way through a graph. Places that stay empty hold row -1.
cf_status cf_search(const cf_index *index, int64_t queries, const float *rows, int64_t count,
                    int64_t effort, float *products, int64_t *found, cf_message message);

cf_facts cf_index_facts(const cf_index *index);

// Passes the bytes of an index, as Faiss writes them, to `take`, which returns false to stop.
typedef bool (*cf_take)(void *context, const void *bytes, size_t count);
cf_status cf_write(const cf_index *index, cf_take take, void *context, cf_message message);

// Reads an index of one of the three kinds from bytes; anything else is refused.
cf_status cf_read(const void *bytes, size_t count, cf_index **made, cf_message message);

#ifdef __cplusplus
}
#endif

#endif
