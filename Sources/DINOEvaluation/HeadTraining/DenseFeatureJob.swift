internal import CheckpointFormats
package import DINOData
package import DINOInference
internal import DINOModels
internal import Foundation
package import Imaging
internal import Torch

/// Computes the tokens of whole images after chosen blocks, once.
///
/// Rows are written as they come, and a run that was stopped goes on from them. Complete sets move into
/// the ``FeatureCache``, where they are found again as long as model, preprocessing and images are the
/// same; without a cache they stay in the folder of the run.
package struct DenseFeatureJob: Sendable {
  /// The images.
  package var images: [ImageReference]
  /// How an image is resized and normalised.
  package var preprocessing: Preprocessing
  /// How images are decoded.
  package var decoder = ImageDecoder()
  /// The blocks, ascending.
  package var blocks: [Int]
  /// Whether the final norm is applied to them.
  package var normalize: Bool
  /// Images per forward pass.
  package var batch = 16
  /// Threads that decode.
  package var decoders = 2
  /// The folder of kept features; nil keeps none beyond the run.
  package var cache: FeatureCache?
  /// A folder of this run alone, which exists.
  package var workFolder: String

  /// Describes a job.
  package init(
    _ images: [ImageReference], _ preprocessing: Preprocessing, blocks: [Int], normalize: Bool,
    workFolder: String
  ) {
    self.images = images
    self.preprocessing = preprocessing
    self.blocks = blocks.sorted()
    self.normalize = normalize
    self.workFolder = workFolder
  }

  private var workPath: String { workFolder + "/features.npy" }
  private var journalPath: String { workFolder + "/features.txt" }

  /// Computes the tokens, or finds them.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - shouldStop: Asked after each pass; true keeps what there is and ends the job.
  ///   - progress: Called with the number of images that are done.
  /// - Returns: The tokens; nil if the job was stopped.
  /// - Throws: `InferenceError` if no image could be used, or files cannot be written.
  package func callAsFunction(
    with model: DINOv2, shouldStop: @Sendable () -> Bool = { false },
    progress: @Sendable (Int) -> Void = { _ in }
  ) async throws(InferenceError) -> DenseFeatures? {
    let columns = blocks.count * model.config.embedDim
    let key = FeatureCache.key([
      "dinov2-dense-features 1", "blocks \(blocks)", "norm \(normalize)", model.summary,
      try await FeatureCache.fingerprint(of: model), "\(preprocessing)", "\(decoder)",
      "\(images.count) images", FeatureCache.contents(of: images),
    ])
    let kept = cache.map { ($0.path(key, "npy"), $0.path(key, "txt")) }
    for (rows, journal) in [kept, (workPath, journalPath)].compactMap({ $0 }) {
      if let found = open(rows, journal, key: key.text, columns: columns, isCached: true) {
        progress(images.count)
        return found
      }
    }
    guard try await compute(key.text, columns, model, shouldStop, progress) else { return nil }
    var (rows, journal) = (workPath, journalPath)
    if let cache, let kept {
      try Self.attempt(cache.folder) {
        let files = FileManager.default
        try files.createDirectory(atPath: cache.folder, withIntermediateDirectories: true)
        for (from, to) in [(rows, kept.0), (journal, kept.1)] {
          try? files.removeItem(atPath: to)
          try files.moveItem(atPath: from, toPath: to)
        }
      }
      (rows, journal) = kept
    }
    guard let made = open(rows, journal, key: key.text, columns: columns, isCached: false) else {
      throw .output(path: rows, problem: "cannot be read again after it was written")
    }
    return made
  }

  /// Maps complete rows; nil if there are none or they are damaged.
  private func open(
    _ rows: String, _ journal: String, key: String, columns: Int, isCached: Bool
  ) -> DenseFeatures? {
    guard let data = FileManager.default.contents(atPath: journal),
      let text = String(data: data, encoding: .utf8),
      let read = DenseJournal(text, key: key), read.lines.count == images.count,
      let found = read.places(), let stored = try? NpyArray.read(rows).tensor(),
      stored.scalarType == .float32, stored.shape == [found.rows, columns],
      let tensor = try? Tensor(stored)
    else { return nil }
    return DenseFeatures(
      rows: tensor, blocks: blocks.count, places: found.places, failures: found.failures,
      isCached: isCached)
  }

  /// Computes all rows that are not there yet; false if it was stopped.
  private func compute(
    _ key: String, _ columns: Int, _ model: DINOv2, _ shouldStop: @Sendable () -> Bool,
    _ progress: @Sendable (Int) -> Void
  ) async throws(InferenceError) -> Bool {
    let begun = try begin(key, columns)
    var journal = begun.journal
    let writer = begun.writer
    progress(journal.lines.count)
    let rest = Array(images[journal.lines.count...])
    let (preprocessing, decoder, patch) = (preprocessing, decoder, model.config.patchSize)
    let pipeline = OrderedPipeline(rest, threads: decoders, ahead: 2 * batch) { reference in
      let image = try reference.decode(decoder)
      let view = try DenseView(of: image.size, preprocessing, patchSize: patch)
      return try view.input(image, preprocessing)
    }
    var window: [Result<ImageBatch, any Error>] = []
    var lastNote = ContinuousClock.now
    for await item in pipeline {
      window.append(item.result)
      guard window.count == batch || journal.lines.count + window.count == images.count else {
        continue
      }
      let (rows, lines) = try await finish(window, model)
      try Self.attempt(workPath) { for row in rows { try writer.append(row) } }
      journal.lines += lines
      window = []
      progress(journal.lines.count)
      let stops = shouldStop()
      guard stops || ContinuousClock.now - lastNote > .seconds(5) else { continue }
      try note(journal, writer)
      lastNote = ContinuousClock.now
      if stops { return false }
    }
    guard journal.lines.count == images.count else {
      throw .output(path: workPath, problem: "is incomplete: the task was cancelled")
    }
    guard writer.rowCount > 0 else {
      throw .data(
        .unusable(
          place: images.first?.displayName ?? "images",
          problem: "none of \(images.count) images could be used; "
            + (journal.places()?.failures.first ?? "")))
    }
    try Self.attempt(workPath) { try writer.finish() }
    try Self.attempt(journalPath) { try write(journal) }
    return true
  }

  /// The rows of an earlier run of the same job, or none.
  private func begin(
    _ key: String, _ columns: Int
  ) throws(InferenceError) -> (journal: DenseJournal, writer: NpyRowWriter) {
    if let data = FileManager.default.contents(atPath: journalPath),
      let text = String(data: data, encoding: .utf8),
      let journal = DenseJournal(text, key: key), journal.lines.count <= images.count,
      let found = journal.places(),
      let writer = try? NpyRowWriter.resume(workPath, columns: columns, rows: found.rows)
    {
      return (journal, writer)
    }
    return try Self.attempt(workPath) {
      (DenseJournal(key: key), try NpyRowWriter.create(workPath, columns: columns))
    }
  }

  /// Rows reach the disk before the journal names them.
  private func note(_ journal: DenseJournal, _ writer: NpyRowWriter) throws(InferenceError) {
    try Self.attempt(workPath) {
      try writer.synchronize()
      try write(journal)
    }
  }

  private func write(_ journal: DenseJournal) throws {
    try Data(journal.text.utf8).write(to: URL(fileURLWithPath: journalPath), options: .atomic)
  }

  /// The rows of consecutive images and their lines of the journal.
  private func finish(
    _ window: [Result<ImageBatch, any Error>], _ model: DINOv2
  ) async throws(InferenceError) -> (rows: [[Float]], lines: [String]) {
    var rows = [[Float]](repeating: [], count: window.count)
    var journal = DenseJournal(key: "")
    var places: [Size: [Int]] = [:]
    let patch = model.config.patchSize
    for (position, item) in window.enumerated() {
      switch item {
      case .success(let image):
        places[image.size, default: []].append(position)
        journal.add(PatchGrid(height: image.size.height / patch, width: image.size.width / patch))
      case .failure(let error): journal.add(failure: "\(error)")
      }
    }
    for (size, positions) in places {
      var pixels: [Float] = []
      for position in positions {
        if case .success(let image) = window[position] { pixels += image.values }
      }
      let tokens = try await model.tokens(
        of: ImageBatch(values: pixels, count: positions.count, size: size), after: blocks,
        normalize: normalize)
      for (index, position) in positions.enumerated() {
        rows[position] = Self.rows(of: index, in: tokens)
      }
    }
    return (rows, journal.lines)
  }

  /// The class token and the patches of an image, blocks side by side.
  static func rows(of image: Int, in tokens: [TokenBatch]) -> [Float] {
    guard let first = tokens.first else { return [] }
    let width = first.width
    let parts = tokens.map {
      (cls: Array($0.clsToken(image)), patches: Array($0.patchTokens(image)))
    }
    var rows: [Float] = []
    rows.reserveCapacity((1 + first.grid.count) * width * tokens.count)
    for part in parts { rows += part.cls }
    for patch in 0..<first.grid.count {
      for part in parts { rows += part.patches[patch * width..<(patch + 1) * width] }
    }
    return rows
  }

  /// Runs something that writes, and names the place if it fails.
  private static func attempt<Result>(
    _ path: String, _ body: () throws -> Result
  ) throws(InferenceError) -> Result {
    do { return try body() } catch { throw .output(path: path, problem: "\(error)") }
  }
}
