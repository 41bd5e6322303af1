internal import CheckpointFormats
internal import DINOData
internal import DINOModels
internal import FoundationEssentials

/// The files of an embedding job: rows, names, and a journal from which a stopped run goes on.
///
/// The journal `<output>.journal` begins with the job's settings; each further line stands for one
/// image that is done: `+name`, or `-name<tab>reason`. Rows reach the disk before the journal names
/// them.
final class EmbeddingStore {
  /// What an image gives.
  struct Row {
    let embedding: [Float]
    let tokens: [Float]?
  }

  /// The number of values of an embedding.
  let columns: Int
  /// The number of images done.
  private(set) var done = 0
  /// The images that gave no row in earlier runs.
  private(set) var failures: [EmbeddingJob.Failure] = []
  /// The number of rows.
  var rows: Int { names.count }

  private let job: EmbeddingJob
  private let isSafetensors: Bool
  private var names: [String] = []
  private var pendingLines = ""
  private let embeddings: NpyRowWriter
  private var tokens: NpyRowWriter?
  private let tokenWidth: Int
  private var lastCheckpoint = ContinuousClock.now

  private var journal: String { job.output + ".journal" }
  private var embeddingsPath: String {
    isSafetensors ? job.output + ".embeddings" : job.output
  }
  private var tokensPath: String { job.output + ".tokens" }

  /// Opens the files of a job, going on with those of an earlier run if its settings were the same.
  init(_ job: EmbeddingJob, model: DINOv2) throws(InferenceError) {
    self.job = job
    isSafetensors = job.output.hasSuffix(".safetensors")
    guard isSafetensors || job.output.hasSuffix(".npy") else {
      throw .usage(
        problem: "the output \(job.output) must end in .npy or .safetensors")
    }
    guard !job.keepsTokens || isSafetensors else {
      throw .usage(problem: "patch tokens need an output that ends in .safetensors")
    }
    columns = job.pooling.columns(width: model.config.embedDim)
    tokenWidth = model.config.embedDim
    let settings = Self.settings(job, model)
    let earlier = Self.readJournal(job.output + ".journal", settings: settings, job: job)
    do throws(CheckpointError) {
      let path = isSafetensors ? job.output + ".embeddings" : job.output
      if let earlier,
        let resumed = try? NpyRowWriter.resume(
          path, columns: columns, rows: earlier.names.count)
      {
        embeddings = resumed
        (done, names, failures) = (earlier.done, earlier.names, earlier.failures)
        if job.keepsTokens, let width = earlier.tokenColumns {
          tokens = try NpyRowWriter.resume(tokensPath, columns: width, rows: names.count)
        }
      } else {
        embeddings = try NpyRowWriter.create(path, columns: columns)
        try write(settings + "\n", to: journal, appending: false)
      }
    } catch { throw .output(path: job.output, problem: "\(error)") }
  }

  /// Adds the row of an image.
  func append(_ row: Row, name: String) throws(InferenceError) {
    do throws(CheckpointError) {
      try embeddings.append(row.embedding)
      if let values = row.tokens { try append(tokens: values, name: name) }
    } catch { throw .output(path: job.output, problem: "\(error)") }
    names.append(name)
    done += 1
    pendingLines += "+\(name)\n"
  }

  /// Notes an image that gave no row.
  func skip(_ failure: EmbeddingJob.Failure) throws(InferenceError) {
    done += 1
    pendingLines += "-\(failure.name)\t\(failure.reason)\n"
  }

  private func append(tokens values: [Float], name: String) throws(CheckpointError) {
    if tokens == nil {
      tokens = try NpyRowWriter.create(tokensPath, columns: values.count)
      pendingLines = "=\(values.count)\n" + pendingLines
    }
    guard let tokens, tokens.columns == values.count else {
      throw .usage(
        problem: "\(name) has \(values.count / tokenWidth) patches, the images before it "
          + "\((tokens?.columns ?? 0) / tokenWidth): --tokens needs inputs of one size, set --crop")
    }
    try tokens.append(values)
  }

  /// Makes what was done so far last, at most every two seconds.
  func checkpoint() throws(InferenceError) {
    guard ContinuousClock.now - lastCheckpoint > .seconds(2) else { return }
    try flush()
    lastCheckpoint = ContinuousClock.now
  }

  private func flush() throws(InferenceError) {
    do throws(CheckpointError) {
      try embeddings.synchronize()
      try tokens?.synchronize()
      try write(pendingLines, to: journal, appending: true)
      pendingLines = ""
    } catch { throw .output(path: job.output, problem: "\(error)") }
  }

  /// Writes the final files and removes the journal.
  func finish() throws(InferenceError) {
    try flush()
    do throws(CheckpointError) {
      try embeddings.finish()
      try tokens?.finish()
      if isSafetensors { try joinIntoSafetensors() }
      try write(
        names.map { $0 + "\n" }.joined(), to: job.output + ".names.txt", appending: false)
    } catch { throw .output(path: job.output, problem: "\(error)") }
    try? FileManager.default.removeItem(atPath: journal)
  }

  /// Removes what was begun.
  func discard() {
    for path in [journal, embeddingsPath + ".partial", tokensPath + ".partial"] {
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  private func joinIntoSafetensors() throws(CheckpointError) {
    var tensors = [(name: "embeddings", tensor: try NpyArray.read(embeddingsPath).tensor())]
    if job.keepsTokens {
      let flat = try NpyArray.read(tokensPath).tensor()
      let shape = [flat.shape[0], flat.shape[1] / tokenWidth, tokenWidth]
      let shaped = unsafe try StoredTensor(
        copying: flat.bytes, as: flat.scalarType, shape: shape)
      tensors.append((name: "patch_tokens", tensor: shaped))
    }
    try Safetensors.write(tensors, to: job.output)
    try? FileManager.default.removeItem(atPath: embeddingsPath)
    try? FileManager.default.removeItem(atPath: tokensPath)
  }

  // MARK: - Journal

  /// One line that tells two jobs apart: the result would differ if it differs.
  private static func settings(_ job: EmbeddingJob, _ model: DINOv2) -> String {
    // FNV-1a over the names, so that other inputs start anew.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for reference in job.references {
      for byte in reference.name.bytes + [0] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
    let preprocessing = job.preprocessing
    return [
      "dinov2-embed 1", model.name, model.summary, job.pooling.rawValue, "\(job.keepsTokens)",
      "\(preprocessing)", "\(job.decoder)", "\(job.references.count)", "\(hash)",
    ].joined(separator: " | ").replacing("\n", with: " ")
  }

  private struct Journal {
    var done = 0
    var names: [String] = []
    var failures: [EmbeddingJob.Failure] = []
    var tokenColumns: Int?
  }

  /// What an earlier run had done; nil if there was none or its settings were others.
  private static func readJournal(
    _ path: String, settings: String, job: EmbeddingJob
  ) -> Journal? {
    guard let data = FileManager.default.contents(atPath: path),
      let text = String(data: data, encoding: .utf8)
    else { return nil }
    // A line that was cut off does not count.
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    guard lines.popFirst().map({ $0 == settings }) == true else { return nil }
    var journal = Journal()
    for line in lines {
      let rest = String(line.dropFirst())
      switch line.first {
      case "+": journal.names.append(rest)
      case "-":
        let parts = rest.split(separator: "\t", maxSplits: 1).map(String.init)
        journal.failures.append(
          .init(name: parts.first ?? "", reason: parts.count > 1 ? parts[1] : ""))
      case "=":
        journal.tokenColumns = Int(rest)
        continue
      default: return nil
      }
      journal.done += 1
    }
    guard journal.done > 0, journal.done <= job.references.count else { return nil }
    return journal
  }

  private func write(
    _ text: String, to path: String, appending: Bool
  ) throws(CheckpointError) {
    do {
      if appending, let file = JournalFile(appendingTo: path) {
        try file.append(text)
      } else {
        try Data(text.utf8).write(to: URL(filePath: path), options: appending ? [] : .atomic)
      }
    } catch {
      throw .file(path: path, problem: "cannot be written: \(error)")
    }
  }
}
