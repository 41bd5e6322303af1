internal import DINOData
internal import Imaging

extension EmbeddingJob {
  /// Embeds the images, going on where an earlier run with the same settings was stopped.
  ///
  /// Images are decoded ahead on threads of their own. Rows stand in the order of ``references``; an
  /// image that cannot be read gives none and is reported. The result appears under its name when it
  /// is complete, with the names of the rows beside it in `<output>.names.txt`.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - progress: Called after each step.
  /// - Returns: What became of the images.
  /// - Throws: ``InferenceError`` if the output cannot be written or no image could be read.
  public func run(
    with model: DINOv2, progress: @Sendable (Event) -> Void = { _ in }
  ) async throws(InferenceError) -> Report {
    guard batchSize > 0 else { throw .usage(problem: "the batch size is \(batchSize)") }
    let store = try EmbeddingStore(self, model: model)
    var report = Report()
    report.columns = store.columns
    report.resumed = store.done
    report.failures = store.failures
    if store.done > 0 { progress(.resumed(store.done)) }
    let pipeline = pipeline(from: store.done)
    var window: [Prepared] = []
    for await item in pipeline {
      window.append(
        Prepared(
          name: item.input.displayName,
          result: item.result.mapError { Failure(name: item.input.displayName, reason: "\($0)") }))
      guard window.count == batchSize else { continue }
      try await finish(&window, model, store, &report, progress)
    }
    if !window.isEmpty { try await finish(&window, model, store, &report, progress) }
    guard !Task.isCancelled else {
      throw .output(path: output, problem: "is incomplete: embedding was cancelled")
    }
    report.embedded = store.rows
    guard report.embedded > 0 else {
      store.discard()
      let first = report.failures.first.map { ": \($0.reason)" } ?? ""
      throw .data(
        .refused(
          path: output,
          problem: "not written: none of \(references.count) images could be used\(first)"))
    }
    try store.finish()
    return report
  }

  /// An image that is ready for the model, or why it is not.
  fileprivate struct Prepared {
    let name: String
    let result: Result<ImageBatch, Failure>
  }

  private func pipeline(from start: Int) -> OrderedPipeline<ImageReference, ImageBatch> {
    let (preprocessing, decoder) = (preprocessing, decoder)
    return OrderedPipeline(
      Array(references[start...]), threads: decoders, ahead: 2 * batchSize
    ) { reference in
      try preprocessing.batch([reference.decode(decoder)])
    }
  }

  /// Embeds a window of consecutive images and writes their rows in order.
  private func finish(
    _ window: inout [Prepared], _ model: DINOv2, _ store: EmbeddingStore, _ report: inout Report,
    _ progress: (Event) -> Void
  ) async throws(InferenceError) {
    var rows = [EmbeddingStore.Row?](repeating: nil, count: window.count)
    var places: [Size: [Int]] = [:]
    for (index, prepared) in window.enumerated() {
      switch prepared.result {
      case .success(let image): places[image.size, default: []].append(index)
      case .failure(let failure):
        report.failures.append(failure)
        progress(.failed(failure))
      }
    }
    for (size, indices) in places {
      var values: [Float] = []
      for index in indices {
        if case .success(let image) = window[index].result { values += image.values }
      }
      let batch = try await model.tokens(
        of: ImageBatch(values: values, count: indices.count, size: size))
      for (position, index) in indices.enumerated() {
        rows[index] = EmbeddingStore.Row(
          embedding: pooling(batch, image: position),
          tokens: keepsTokens ? Array(batch.patchTokens(position)) : nil)
      }
    }
    for (prepared, row) in zip(window, rows) {
      if let row {
        try store.append(row, name: prepared.name)
      } else if case .failure(let failure) = prepared.result {
        try store.skip(failure)
      }
    }
    try store.checkpoint()
    progress(.advanced(window.count))
    window = []
  }
}
