internal import Foundation
internal import Imaging
internal import Telemetry
internal import Torch

/// What a trainer writes: metrics, TensorBoard events, checkpoints, the list of bad images.
///
/// Holds the folder's lock as long as it lives.
public final class RunFiles {
  /// The folder.
  public let folder: RunFolder
  private let lock: RunLock
  private let store: CheckpointStore
  private let writer: CheckpointWriter
  private var metrics: MetricsLog?
  private var events: EventFileWriter?
  private var failuresInARow = 0

  /// How many saves in a row may fail.
  private static let failureLimit = 5

  /// Makes and locks a run folder.
  ///
  /// - Parameters:
  ///   - path: The folder.
  ///   - config: The configuration, for the size of checkpoints and which of them are kept.
  /// - Throws: ``RunError`` if the folder cannot be written, is too full, or is another process's.
  public init(path: String, config: TrainingConfig) throws {
    folder = RunFolder(path: path)
    try folder.prepare(estimatedCheckpointBytes: MemoryEstimate(config).checkpoint)
    let runID = UUID().uuidString.lowercased()
    lock = try RunLock(path: folder.lock, runID: runID)
    try folder.clear(holding: lock)
    var retention = CheckpointStore.Retention()
    retention.newest = config.train.keepCheckpoints
    retention.every = config.train.keepEvery
    store = try CheckpointStore(
      folder: folder, lock: lock,
      origin: CheckpointOrigin(
        runID: runID, configurationHash: config.mathematicalHash, codeVersion: "0.2.0",
        libtorchVersion: TorchRuntime.version), retention: retention)
    writer = CheckpointWriter(store)
  }

  func newestCheckpoint() throws(RunError) -> CheckpointReader.Newest? { try store.resume() }

  /// Starts the files of a new run.
  func begin(_ config: TrainingConfig) throws {
    try write(Data(config.yaml.utf8), to: folder.configuration)
    try openLogs(at: nil)
  }

  /// Takes the files back to an iteration and opens them again.
  func resume(_ config: TrainingConfig, at iteration: Int) throws {
    try write(Data(config.yaml.utf8), to: folder.configuration)
    try openLogs(at: iteration)
  }

  private func openLogs(at iteration: Int?) throws {
    for log in [folder.metrics, folder.badImages] {
      try MetricsLog.cut(path: log, toIteration: iteration ?? -1)
    }
    metrics = try MetricsLog(path: folder.metrics)
    events = try EventFileWriter(folder: folder.path, resumingAt: iteration)
  }

  /// Writes one line of metrics and the same scalars for TensorBoard.
  func record(_ fields: [(key: String, value: JSONField)], iteration: Int) throws {
    try metrics?.append(iteration: iteration, fields)
    var scalars: [String: Double] = [:]
    for case (let key, .number(let value)) in fields { scalars[key] = value }
    try events?.add(scalars, step: iteration)
  }

  /// Writes measures of an evaluation.
  func record(_ measures: [Measure], iteration: Int) throws {
    try record(measures.map { ($0.name, .number($0.value)) }, iteration: iteration)
  }

  /// Keeps a picture in `samples/` and for TensorBoard.
  func record(_ picture: PixelBuffer, named name: String, iteration: Int) throws {
    let png = try ImageEncoder().encode(picture, as: .png)
    let number = String(iteration)
    let padded = String(repeating: "0", count: max(0, 7 - number.count)) + number
    try write(Data(png), to: "\(folder.samples)/\(name)-\(padded).png")
    try events?.add(png: png, tag: "samples/\(name)", step: iteration)
  }

  /// Adds images that could not be used to `bad-images.jsonl`.
  func record(badImages: [(path: String, reason: String)], iteration: Int) throws {
    guard !badImages.isEmpty else { return }
    let log = try MetricsLog(path: folder.badImages)
    for image in badImages {
      try log.append(
        iteration: iteration, [("path", .string(image.path)), ("reason", .string(image.reason))])
    }
  }

  /// Hands a snapshot to the writer and tells what became of the ones before.
  func save(
    _ snapshot: CheckpointSnapshot, waits: Bool, tell: (TrainingEvent) -> Void
  ) throws {
    writer.begin(snapshot)
    if !waits { return }
    try settle(writer.wait(), tell: tell)
  }

  /// Tells what became of snapshots that are done by now.
  func settle(tell: (TrainingEvent) -> Void) throws {
    guard let outcomes = writer.wait(atMost: .zero) else { return }
    try settle(outcomes, tell: tell)
  }

  private func settle(
    _ outcomes: [CheckpointWriter.Outcome], tell: (TrainingEvent) -> Void
  ) throws {
    for outcome in outcomes {
      switch outcome {
      case .success(let saved):
        failuresInARow = 0
        for warning in saved.warnings { tell(.warning(warning)) }
        tell(.saved(iteration: saved.iteration, path: saved.path))
      case .failure(let error):
        failuresInARow += 1
        guard failuresInARow < Self.failureLimit else { throw error }
        tell(.warning("the checkpoint could not be saved, training goes on: \(error)"))
      }
    }
  }

  private func write(_ data: Data, to path: String) throws(RunError) {
    do {
      try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .system(path: path, problem: "cannot be written: \(error.localizedDescription)")
    }
  }
}
