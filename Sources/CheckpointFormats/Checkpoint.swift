/// A weight file that was read: its tensors, still in the mapped file, and what else it says.
///
///     let checkpoint = try Checkpoint.read("dinov2_vits14_pretrain.pth")
///     let weight = checkpoint.tensors["patch_embed.proj.weight"]
///
/// The container is recognised by content, never by the file's name. Nothing in a file is executed.
public struct Checkpoint: Sendable {
  /// The container that a file turned out to be.
  public enum Format: String, Sendable {
    /// One safetensors file.
    case safetensors
    /// Several files that an index names.
    case sharded
    /// PyTorch's zip container, since version 1.6.
    case torchZip
    /// PyTorch's older sequence of pickles.
    case torchLegacy
  }

  /// The path that was read.
  public let path: String
  /// The container.
  public let format: Format
  /// The texts of `__metadata__` of a safetensors file; empty otherwise.
  public let metadata: [String: String]
  /// What was ignored or is unusual, one line each, for a log.
  public let notes: [String]
  /// The whole tree.
  public let root: CheckpointValue
  /// All tensors.
  ///
  /// A flat state dictionary keeps its keys; tensors in nested containers have the keys and positions
  /// on the way to them joined with `/`.
  public let tensors: NamedTensors

  init(
    path: String, format: Format, metadata: [String: String] = [:], notes: [String] = [],
    root: CheckpointValue
  ) throws(CheckpointError) {
    self.path = path
    self.format = format
    self.metadata = metadata
    self.notes = notes
    self.root = root
    tensors = try Checkpoint.flatten(root, path: path)
  }

  /// A checkpoint that is one map of tensors.
  init(
    path: String, format: Format, metadata: [String: String], notes: [String],
    flat entries: [(name: String, tensor: StoredTensor)]
  ) throws(CheckpointError) {
    var arena = ValueArena()
    var handles: [Int32] = []
    handles.reserveCapacity(2 * entries.count)
    for entry in entries {
      handles.append(arena.add(.string(entry.name)))
      arena.tensors.append(entry.tensor)
      handles.append(arena.add(.tensor(arena.tensors.count - 1)))
    }
    let root = arena.add(.map(arena.addContainer(handles)))
    self.path = path
    self.format = format
    self.metadata = metadata
    self.notes = notes
    self.root = CheckpointValue(arena: FrozenArena(arena), handle: root)
    tensors = try NamedTensors(entries, path: path)
  }

  /// The tensors below a path of keys, named relative to it.
  ///
  ///     let teacher = try checkpoint.tensors(under: ["teacher"])
  ///
  /// - Parameter keys: Keys of maps or positions in lists, from the root.
  /// - Returns: The tensors; names are joined with `/` where containers nest further.
  /// - Throws: ``CheckpointError/missing(path:problem:)`` if a key is not there.
  public func tensors(under keys: [String]) throws(CheckpointError) -> NamedTensors {
    try Checkpoint.flatten(try value(at: keys), path: path)
  }

  /// The value at a path of keys.
  ///
  /// - Parameter keys: Keys of maps or positions in lists, from the root.
  /// - Returns: The value.
  /// - Throws: ``CheckpointError/missing(path:problem:)`` if a key is not there.
  public func value(at keys: [String]) throws(CheckpointError) -> CheckpointValue {
    var value = root
    for (depth, key) in keys.enumerated() {
      guard let next = value[key] ?? Int(key).flatMap({ value[$0] }) else {
        let place = depth == 0 ? "the file" : keys[..<depth].joined(separator: "/").quoted
        let present = value.entries.prefix(12).map(\.key.pathComponent.quoted)
        throw .missing(
          path: path,
          problem: "\(place) has no key \(key.quoted); "
            + (present.isEmpty ? "it is no map" : "it has " + present.joined(separator: ", "))
            + (value.entries.count > 12 ? ", …" : ""))
      }
      value = next
    }
    return value
  }

  private static func flatten(
    _ root: CheckpointValue, path: String
  ) throws(CheckpointError) -> NamedTensors {
    var entries: [(name: String, tensor: StoredTensor)] = []
    var nameBytes = 0
    try root.forEachLeaf { (keys, leaf) throws(CheckpointError) in
      guard let tensor = leaf.tensor else { return }
      let name = keys.joined(separator: "/")
      nameBytes += name.utf8.count
      guard entries.count < SafetensorsReader.maximumTensors, nameBytes <= 1 << 28 else {
        throw .limit(
          path: path, place: "names",
          problem: "more than \(SafetensorsReader.maximumTensors) tensors or 256 MiB of names")
      }
      entries.append((name, tensor))
    }
    return try NamedTensors(entries, path: path)
  }
}
