/// The folder of one training run, and where things lie in it.
///
///     let folder = RunFolder(path: output)
///     try folder.prepare(estimatedCheckpointBytes: plan.checkpointBytes)
///     let lock = try RunLock(path: folder.lock, runID: runID)
///     try folder.clear(holding: lock)
public struct RunFolder: Equatable, Sendable {
  /// The path of the folder, without a slash at the end.
  public let path: String

  /// Names a folder; nothing is created.
  ///
  /// - Parameter path: The path.
  public init(path: String) {
    var path = path.isEmpty ? "." : path
    while path.count > 1, path.last == "/" { path.removeLast() }
    self.path = path
  }

  /// The resolved configuration.
  public var configuration: String { file("config.yaml") }
  /// One JSON object per logged iteration.
  public var metrics: String { file("metrics.jsonl") }
  /// What was printed.
  public var log: String { file("log.txt") }
  /// The folder of the checkpoints.
  public var checkpoints: String { file("ckpt") }
  /// The folder of the exported model.
  public var model: String { file("model") }
  /// The teacher's weights as Meta's training writes them, on request.
  public var teacherCheckpoint: String { file("teacher_checkpoint.pth") }
  /// The folder of pictures of crops, masks and features.
  public var samples: String { file("samples") }
  /// The images that could not be read, one JSON object each.
  public var badImages: String { file("bad-images.jsonl") }
  /// The file of the lock.
  public var lock: String { file(".lock") }

  private func file(_ name: String) -> String { path == "/" ? "/" + name : path + "/" + name }
}
