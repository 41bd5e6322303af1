import CheckpointFormats
import DINOTestSupport
import DINOTraining
import Foundation
import Testing

/// A state as a run might save it.
struct SampleState: Codable, Equatable {
  var iteration: Int
  var generator: [UInt64]
  var learningRate: Double
  var order: String
}

/// A prepared run folder with its lock.
struct RunFixture {
  let temporary: TemporaryFolder
  let folder: RunFolder
  let lock: RunLock

  static let origin = CheckpointOrigin(
    runID: "test", configurationHash: "c0ffee", codeVersion: "0", libtorchVersion: "2")

  init() throws {
    temporary = try TemporaryFolder()
    folder = RunFolder(path: temporary.file("run"))
    try folder.prepare(estimatedCheckpointBytes: 1000)
    lock = try RunLock(path: folder.lock, runID: "test")
  }

  func store(
    newest: Int = 3, every: Int = 0, files: any FileOperations = SystemFiles()
  ) throws -> CheckpointStore {
    var retention = CheckpointStore.Retention()
    retention.newest = newest
    retention.every = every
    return try CheckpointStore(
      folder: folder, lock: lock, origin: Self.origin, retention: retention, files: files)
  }

  var reader: CheckpointReader { CheckpointReader(folder) }

  /// The names in the folder of checkpoints, sorted.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.checkpoints).sorted()
  }
}

/// Contents that follow from an iteration and a variant, so that a mix of two cannot go unseen.
enum Sample {
  static func tensors(_ iteration: Int, variant: Int = 0) throws -> [(
    name: String, tensor: StoredTensor
  )] {
    let base = Float(iteration) + Float(variant) / 8
    let floats = (0..<600).map { base + Float($0) / 1024 }
    let halves = (0..<7).map { UInt16(iteration + variant + $0) }
    let bfloat = try unsafe halves.withUnsafeBytes {
      try unsafe StoredTensor(copying: $0, as: .bfloat16, shape: [7])
    }
    return [
      ("student.blocks.0.weight", try StoredTensor(floats: floats, shape: [20, 30])),
      ("teacher.norm.bias", bfloat),
      ("moments.empty", try StoredTensor(floats: [], shape: [0, 4])),
      ("counts", try StoredTensor(integers: [iteration, variant], shape: [2])),
      ("scale", try StoredTensor(doubles: [Double(iteration) / 3], shape: [])),
    ]
  }

  static func state(_ iteration: Int, variant: Int = 0) -> SampleState {
    SampleState(
      iteration: iteration, generator: [.max, UInt64(variant)],
      learningRate: 0.1 + Double(iteration) / 7, order: "a/b \"é\" \(variant)")
  }

  static func snapshot(_ iteration: Int, variant: Int = 0) throws -> CheckpointSnapshot {
    try CheckpointSnapshot(
      iteration: iteration, tensors: tensors(iteration, variant: variant),
      state: state(iteration, variant: variant))
  }

  /// Whether a checkpoint holds what was saved, to the last bit.
  static func matches(_ loaded: LoadedCheckpoint, variant: Int = 0) throws -> Bool {
    let expected = try tensors(loaded.iteration, variant: variant)
    guard Set(loaded.tensors.names) == Set(expected.map(\.name)) else { return false }
    for (name, tensor) in expected {
      guard let found = loaded.tensors[name], found.shape == tensor.shape,
        found.scalarType == tensor.scalarType, unsafe found.bytes.elementsEqual(tensor.bytes)
      else { return false }
    }
    return try loaded.state(as: SampleState.self) == state(loaded.iteration, variant: variant)
  }
}

/// Repeatable random numbers (SplitMix64, Steele et al., 2014).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
