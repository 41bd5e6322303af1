public import CheckpointFormats
internal import Crypto
internal import Foundation
internal import Telemetry

/// A checkpoint that was read and verified.
public struct LoadedCheckpoint: Sendable {
  /// The number of iterations that were done.
  public let iteration: Int
  /// The folder.
  public let path: String
  /// The run and the versions that wrote it.
  public let origin: CheckpointOrigin
  /// The tensors; they point into the mapped file.
  public let tensors: NamedTensors
  /// Everything else, as JSON.
  public let stateBytes: [UInt8]

  /// Decodes what is not a tensor.
  ///
  /// - Parameter type: The type that was saved.
  /// - Returns: The value.
  /// - Throws: ``RunError/incompatible(path:problem:)`` if the JSON is that of another type.
  public func state<State: Decodable>(as type: State.Type) throws(RunError) -> State {
    do {
      return try JSONDecoder().decode(type, from: Data(stateBytes))
    } catch {
      throw .incompatible(
        path: path, problem: "holds another kind of state than \(type): \(error)".onOneLine)
    }
  }
}

/// A checkpoint that cannot be trusted.
public struct RejectedCheckpoint: Equatable, Sendable {
  /// The iteration that its name says.
  public let iteration: Int
  /// The file or folder, and what is wrong with it.
  public let reason: String
}

/// Finds and verifies the checkpoints of a run; changes nothing and needs no lock.
public struct CheckpointReader: Sendable {
  /// The newest checkpoint that is whole.
  public struct Newest: Sendable {
    /// The checkpoint.
    public let checkpoint: LoadedCheckpoint
    /// Newer ones that are damaged, the newest first.
    public let rejected: [RejectedCheckpoint]
  }

  private let folder: String

  /// Looks into a run folder.
  ///
  /// - Parameter folder: The folder.
  public init(_ folder: RunFolder) { self.folder = folder.checkpoints }

  /// The iterations of the checkpoints that are there, ascending, verified or not.
  ///
  /// - Returns: The iterations; none if there is no folder of checkpoints.
  /// - Throws: ``RunError/system(path:problem:)`` if the folder cannot be read.
  public func iterations() throws(RunError) -> [Int] {
    guard FolderTree.isFolder(folder) else { return [] }
    return try FolderTree.names(in: folder).compactMap(CheckpointName.iteration(of:)).sorted()
  }

  /// Finds the newest checkpoint that is whole.
  ///
  /// - Parameter isStrict: Whether a damaged one is an error instead of being passed over.
  /// - Returns: The checkpoint; nil if there is none at all.
  /// - Throws: ``RunError/damaged(path:reasons:)`` if none is whole, or the newest is not and
  ///   `isStrict` is set; ``RunError/incompatible(path:problem:)`` if it is of another kind.
  public func newest(isStrict: Bool = false) throws(RunError) -> Newest? {
    var rejected: [RejectedCheckpoint] = []
    for iteration in try iterations().reversed() {
      do throws(RunError) {
        return Newest(checkpoint: try load(iteration: iteration), rejected: rejected)
      } catch {
        guard case .damaged(let path, let reasons) = error else { throw error }
        let reason = path.escapedForMessage + ": " + reasons.joined(separator: ", ")
        rejected.append(RejectedCheckpoint(iteration: iteration, reason: reason))
        if isStrict { break }
      }
    }
    guard rejected.isEmpty else { throw .damaged(path: folder, reasons: rejected.map(\.reason)) }
    return nil
  }

  /// Reads one checkpoint and verifies every byte of it.
  ///
  /// - Parameter iteration: The iteration.
  /// - Returns: The checkpoint.
  /// - Throws: ``RunError/damaged(path:reasons:)`` if a file is missing, has another size or hash than
  ///   the manifest says, or holds a value that is not finite;
  ///   ``RunError/incompatible(path:problem:)`` if several processes wrote it.
  public func load(iteration: Int) throws(RunError) -> LoadedCheckpoint {
    let path = folder + "/" + CheckpointName.folder(iteration)
    let manifest = try CheckpointManifest.read(folder: path, iteration: iteration)
    guard manifest.worldSize == 1 else {
      throw .incompatible(
        path: path,
        problem: "was written by \(manifest.worldSize) processes and can be resumed by as many only"
      )
    }
    let names = manifest.files.map(\.name)
    for name in [CheckpointName.shard, CheckpointName.state] where !names.contains(name) {
      throw .damaged(path: path, reasons: ["\(CheckpointManifest.fileName) does not name \(name)"])
    }
    do throws(CheckpointError) {
      for file in manifest.files {
        if let problem = try Self.problem(of: file, in: path) {
          throw .file(path: path + "/" + file.name, problem: problem)
        }
      }
      var options = CheckpointOptions()
      options.requiresFinite = true
      let shard = try Checkpoint.read(path + "/" + CheckpointName.shard, options: options)
      let state = try FileBytes(path: path + "/" + CheckpointName.state)
      return LoadedCheckpoint(
        iteration: iteration, path: path, origin: manifest.origin, tensors: shard.tensors,
        stateBytes: unsafe state.withUnsafeBytes { unsafe Array($0) })
    } catch {
      throw .damaged(path: path, reasons: ["\(error)"])
    }
  }

  /// What is wrong with a file, or nil if it is as the manifest says.
  private static func problem(
    of file: CheckpointManifest.File, in folder: String
  ) throws(CheckpointError) -> String? {
    let path = folder + "/" + file.name
    guard let size = FolderTree.fileSize(path) else { return "is missing" }
    guard size == file.size else { return "has \(size) bytes, expected \(file.size)" }
    let bytes = try FileBytes(path: path)
    var hash = SHA256()
    unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    try bytes.checkUnchanged()
    let found = hash.finalize().hexadecimal
    guard found != file.sha256 else { return nil }
    return "has the SHA-256 \(found.prefix(12))…, expected \(file.sha256.prefix(12))…"
  }
}

/// The names of a checkpoint's folder and files.
enum CheckpointName {
  /// The tensors of the only process.
  static let shard = "shard-00000-of-00001.safetensors"
  /// The rest of the state of the only process.
  static let state = "state-00000-of-00001.json"
  private static let prefix = "step-"
  /// Digits that an iteration has at least, so that names sort as numbers.
  private static let digits = 9

  /// The name of a checkpoint's folder, for example `step-000001234`.
  static func folder(_ iteration: Int) -> String {
    let text = String(iteration)
    return prefix + String(repeating: "0", count: max(digits - text.count, 0)) + text
  }

  /// The iteration of a name; nil for a name of something else.
  static func iteration(of name: String) -> Int? {
    guard name.hasPrefix(prefix), let iteration = Int(name.dropFirst(prefix.count)),
      folder(iteration) == name
    else { return nil }
    return iteration
  }
}
