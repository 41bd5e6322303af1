internal import CheckpointFormats
internal import DINOData
internal import DINOInference
internal import DINOModels
internal import Foundation
internal import Imaging
internal import Torch

/// A folder of features that earlier runs computed: `<key>.npy`, mapped when it is read, and
/// `<key>.txt` with what it stands for.
///
/// The key is a hash of what decides the values: the model (by what it makes of a fixed image), the
/// preprocessing, and the bytes of all images in their order.
public struct FeatureCache: Sendable {
  /// The folder; made when something is stored.
  public let folder: String

  /// Uses a folder.
  ///
  /// - Parameter folder: Its path.
  public init(folder: String) { self.folder = folder }

  /// The folder of the user: `$XDG_CACHE_HOME/dinov2/features`, or below `~/.cache`.
  ///
  /// - Parameter environment: The environment variables.
  /// - Returns: The cache; nil if the environment names no folder.
  public static func standard(_ environment: [String: String]) -> FeatureCache? {
    if let caches = environment["XDG_CACHE_HOME"], caches.hasPrefix("/") {
      return FeatureCache(folder: caches + "/dinov2/features")
    }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return FeatureCache(folder: home + "/.cache/dinov2/features")
  }

  /// A view that gave no row.
  struct Failure: Equatable {
    let row: Int
    let reason: String
  }

  /// What decides the features, one line.
  struct Key: Equatable {
    let text: String
    let name: String
  }

  /// The key of a job.
  func key(of job: FeatureJob, by model: DINOv2) async throws(InferenceError) -> Key {
    let views = job.augmentation.map { "\($0.views) views, seed \($0.seed)" } ?? "centre"
    return Self.key([
      "dinov2-features 1", "\(job.layers) blocks", model.summary,
      try await Self.fingerprint(of: model), views, "\(job.preprocessing)", "\(job.decoder)",
      "\(job.images.references.count) images", Self.contents(of: job.images.references),
    ])
  }

  /// The key of what decides some features.
  static func key(_ parts: [String]) -> Key {
    let text = parts.joined(separator: " | ").replacingOccurrences(of: "\n", with: " ")
    var hash = ContentHash()
    hash.add(text)
    return Key(text: text, name: hash.text)
  }

  /// Features of an earlier run; nil if there are none or they are damaged.
  func find(_ key: Key, columns: Int) -> (tensor: Tensor, failures: [Failure])? {
    guard let data = FileManager.default.contents(atPath: path(key, "txt")),
      let text = String(data: data, encoding: .utf8),
      let stored = try? NpyArray.read(path(key, "npy")).tensor(),
      stored.scalarType == .float32, stored.shape.count == 2, stored.shape[1] == columns,
      let tensor = try? Tensor(stored)
    else { return nil }
    var lines = text.split(separator: "\n").map(String.init)
    guard !lines.isEmpty, lines.removeFirst() == key.text else { return nil }
    var failures: [Failure] = []
    for line in lines {
      let parts = line.split(separator: "\t", maxSplits: 1).map(String.init)
      guard parts.count == 2, let row = Int(parts[0]) else { return nil }
      failures.append(Failure(row: row, reason: parts[1]))
    }
    return (tensor, failures)
  }

  /// Keeps features; the text comes last, so that a run that was stopped leaves nothing to be found.
  func store(
    _ values: [Float], columns: Int, failures: [Failure], key: Key
  ) throws(InferenceError) {
    let lines = [key.text] + failures.map { "\($0.row)\t\($0.reason.onOneLine)" }
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      try Npy.write(
        StoredTensor(floats: values, shape: [values.count / columns, columns]),
        to: path(key, "npy"))
      try Data(lines.map { $0 + "\n" }.joined().utf8)
        .write(to: URL(fileURLWithPath: path(key, "txt")), options: .atomic)
    } catch {
      throw .output(path: path(key, "npy"), problem: "\(error)")
    }
  }

  /// A file of an entry: `npy` or `txt`.
  func path(_ key: Key, _ ending: String) -> String { "\(folder)/\(key.name).\(ending)" }

  /// What the model makes of a fixed picture: other weights, other bits.
  static func fingerprint(of model: DINOv2) async throws(InferenceError) -> String {
    let side = 2 * model.config.patchSize
    let values = (0..<3 * side * side).map { Float($0 * 37 % 101) / 50 - 1 }
    let tokens = try await model.tokens(
      of: ImageBatch(values: values, count: 1, size: Size(height: side, width: side)))
    var hash = ContentHash()
    for value in tokens.values { hash.add(UInt64(value.bitPattern)) }
    return hash.text
  }

  /// A hash of the bytes of all images; one that cannot be read counts by its name.
  static func contents(of references: [ImageReference]) -> String {
    var hash = ContentHash()
    for reference in references { hash.add((try? reference.bytes()) ?? reference.name.bytes) }
    return hash.text
  }
}
