#include "cfaiss.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

namespace {

faiss::Index *borrow(cf_index *index) { return reinterpret_cast<faiss::Index *>(index); }

const faiss::Index *borrow(const cf_index *index) {
  return reinterpret_cast<const faiss::Index *>(index);
}

cf_index *hand_over(std::unique_ptr<faiss::Index> index) {
  return reinterpret_cast<cf_index *>(index.release());
}

// Copies the first line of `text` into the caller's buffer.
void write_message(cf_message message, const char *text) noexcept {
  if (message.text == nullptr || message.capacity == 0)
    return;
  size_t length = std::min(std::strcspn(text, "\n"), message.capacity - 1);
  std::memcpy(message.text, text, length);
  message.text[length] = '\0';
}

// Runs `body` and turns what it throws into a status and a message.
template <typename Body> cf_status guarded(cf_message message, Body body) noexcept {
  try {
    body();
    return CF_OK;
  } catch (const std::bad_alloc &) {
    write_message(message, "out of memory");
    return CF_OUT_OF_MEMORY;
  } catch (const std::exception &error) {
    write_message(message, error.what());
    return CF_FAILED;
  } catch (...) {
    write_message(message, "an exception of unknown type in Faiss");
    return CF_FAILED;
  }
}

[[noreturn]] void fail(const std::string &text) { throw std::runtime_error(text); }

// Reads from memory, never beyond its end.
class SpanReader final : public faiss::IOReader {
public:
  SpanReader(const void *bytes, size_t count)
      : next(static_cast<const char *>(bytes)), left(count) {}

  size_t operator()(void *target, size_t size, size_t count) override {
    if (size == 0)
      return 0;
    size_t whole = std::min(count, left / size);
    if (whole == 0)
      return 0;
    std::memcpy(target, next, whole * size);
    next += whole * size;
    left -= whole * size;
    return whole;
  }

  size_t remaining() const { return left; }

private:
  const char *next;
  size_t left;
};

// Passes what is written on.
class CallingWriter final : public faiss::IOWriter {
public:
  CallingWriter(cf_take take, void *context) : take(take), context(context) {}

  size_t operator()(const void *source, size_t size, size_t count) override {
    return take(context, source, size * count) ? count : 0;
  }

private:
  cf_take take;
  void *context;
};

// Checks that what was read is an index that this interface makes.
void check(const faiss::Index &index) {
  if (index.metric_type != faiss::METRIC_INNER_PRODUCT || !index.is_trained || index.ntotal < 0 ||
      index.d <= 0)
    fail("it is no trained index of inner products");
  if (auto *file = dynamic_cast<const faiss::IndexIVF *>(&index)) {
    auto *quantizer = dynamic_cast<const faiss::IndexFlat *>(file->quantizer);
    if (quantizer == nullptr || quantizer->d != index.d ||
        quantizer->ntotal != static_cast<faiss::Index::idx_t>(file->nlist) ||
        file->invlists == nullptr || file->invlists->nlist != file->nlist ||
        file->invlists->code_size != file->code_size)
      fail("its lists and centroids do not fit each other");
    return;
  }
  auto *graph = dynamic_cast<const faiss::IndexHNSWFlat *>(&index);
  if (graph == nullptr || graph->storage == nullptr || graph->storage->d != index.d ||
      graph->storage->ntotal != index.ntotal ||
      graph->hnsw.levels.size() != static_cast<size_t>(index.ntotal))
    fail("it is neither an inverted file nor a graph over whole rows");
}

} // namespace

cf_status cf_inverted_file(int64_t columns, int64_t lists, const float *centroids,
                           int64_t code_size, cf_index **made, cf_message message) {
  return guarded(message, [&] {
    auto quantizer = std::make_unique<faiss::IndexFlatIP>(columns);
    quantizer->add(lists, centroids);
    std::unique_ptr<faiss::IndexIVF> index;
    if (code_size == 0) {
      index = std::make_unique<faiss::IndexIVFFlat>(quantizer.get(), columns, lists,
                                                    faiss::METRIC_INNER_PRODUCT);
    } else {
      index = std::make_unique<faiss::IndexIVFPQ>(quantizer.get(), columns, lists, code_size, 8,
                                                  faiss::METRIC_INNER_PRODUCT);
    }
    quantizer.release();
    index->own_fields = true;
    *made = hand_over(std::move(index));
  });
}

cf_status cf_graph(int64_t columns, int64_t links, int64_t breadth, cf_index **made,
                   cf_message message) {
  return guarded(message, [&] {
    auto index = std::make_unique<faiss::IndexHNSWFlat>(
        static_cast<int>(columns), static_cast<int>(links), faiss::METRIC_INNER_PRODUCT);
    index->hnsw.efConstruction = static_cast<int>(breadth);
    *made = hand_over(std::move(index));
  });
}

void cf_free(cf_index *index) { delete borrow(index); }

cf_status cf_train(cf_index *index, int64_t count, const float *rows, cf_message message) {
  return guarded(message, [&] { borrow(index)->train(count, rows); });
}

cf_status cf_add(cf_index *index, int64_t count, const float *rows, cf_message message) {
  return guarded(message, [&] { borrow(index)->add(count, rows); });
}

cf_status cf_search(const cf_index *index, int64_t queries, const float *rows, int64_t count,
                    int64_t effort, float *products, int64_t *found, cf_message message) {
  return guarded(message, [&] {
    if (auto *file = dynamic_cast<const faiss::IndexIVF *>(borrow(index))) {
      faiss::SearchParametersIVF parameters;
      parameters.nprobe = static_cast<size_t>(effort);
      file->search(queries, rows, count, products, found, &parameters);
    } else {
      faiss::SearchParametersHNSW parameters;
      parameters.efSearch = static_cast<int>(effort);
      borrow(index)->search(queries, rows, count, products, found, &parameters);
    }
  });
}

cf_facts cf_index_facts(const cf_index *index) {
  const faiss::Index *base = borrow(index);
  cf_facts facts{base->ntotal, base->d, 0, 0, 0};
  if (auto *file = dynamic_cast<const faiss::IndexIVF *>(base))
    facts.lists = static_cast<int64_t>(file->nlist);
  if (auto *coded = dynamic_cast<const faiss::IndexIVFPQ *>(base))
    facts.code_size = static_cast<int64_t>(coded->code_size);
  if (auto *graph = dynamic_cast<const faiss::IndexHNSW *>(base))
    facts.links = graph->hnsw.nb_neighbors(1);
  return facts;
}

cf_status cf_write(const cf_index *index, cf_take take, void *context, cf_message message) {
  return guarded(message, [&] {
    CallingWriter writer(take, context);
    faiss::write_index(borrow(index), &writer);
  });
}

cf_status cf_read(const void *bytes, size_t count, cf_index **made, cf_message message) {
  return guarded(message, [&] {
    SpanReader reader(bytes, count);
    std::unique_ptr<faiss::Index> index(faiss::read_index(&reader));
    check(*index);
    if (reader.remaining() != 0)
      fail("bytes follow its end");
    *made = hand_over(std::move(index));
  });
}
