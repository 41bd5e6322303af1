internal import Glibc

/// Reads checkpoints that an index splits over several files of one folder.
enum ShardIndex {
  /// The largest index, in bytes.
  private static let maximumBytes = 64 << 20

  /// Reads an index and all files that it names.
  static func read(
    _ file: FileBytes, options: CheckpointOptions
  ) throws(CheckpointError) -> Checkpoint {
    guard file.count <= maximumBytes else {
      throw .limit(
        path: file.path, place: "index",
        problem: "\(file.count) bytes; at most \(maximumBytes) are read")
    }
    let map = try weightMap(file)
    let folder = file.path.lastIndex(of: "/").map { String(file.path[...$0]) } ?? ""
    var shards: [String: NamedTensors] = [:]
    var metadata: [String: String] = [:]
    var notes: [String] = []
    for name in Set(map.map(\.shard)).sorted() {
      let shard = try Checkpoint.read(folder + name, options: options)
      guard shard.format != .sharded else {
        throw .structure(
          path: file.path, place: "index", problem: "\(name.quoted) is an index itself")
      }
      shards[name] = shard.tensors
      metadata.merge(shard.metadata) { first, _ in first }
      notes += shard.notes
    }
    var entries: [(name: String, tensor: StoredTensor)] = []
    for (name, shard) in map {
      guard let tensor = shards[shard]?[name] else {
        throw .structure(
          path: file.path, place: "tensor \(name.quoted)",
          problem: "the index says that it is in \(shard.quoted), but it is not there")
      }
      entries.append((name, tensor))
    }
    let stored = shards.values.reduce(0) { $0 + $1.count }
    guard stored == entries.count else {
      throw .structure(
        path: file.path, place: "index",
        problem: "it lists \(entries.count) tensors, but the files hold \(stored)")
    }
    return try Checkpoint(
      path: file.path, format: .sharded, metadata: metadata, notes: notes, flat: entries)
  }

  /// Reads the weights of a model folder as Hugging Face lays it out.
  static func readFolder(
    _ path: String, options: CheckpointOptions
  ) throws(CheckpointError) -> Checkpoint {
    let candidates = [
      "model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json",
      "pytorch_model.bin",
    ]
    let base = path.hasSuffix("/") ? path : path + "/"
    for name in candidates where unsafe access(base + name, F_OK) == 0 {
      do {
        return try Checkpoint.read(base + name, options: options)
      } catch {
        // An index whose shards were merged into one file and removed is common; then the file counts.
        let merged = base + "model.safetensors"
        if name == candidates[0], case .file = error, unsafe access(merged, F_OK) == 0 {
          return try Checkpoint.read(merged, options: options)
        }
        throw error
      }
    }
    throw .container(
      path: path, problem: "is a folder without a weight file",
      advice: "one of \(candidates.joined(separator: ", ")) is expected in it, or name a file")
  }

  private static func weightMap(
    _ file: FileBytes
  ) throws(CheckpointError) -> [(name: String, shard: String)] {
    var json = try StrictJSON(ByteRegion(file), what: "index")
    var map: [(name: String, shard: String)] = []
    var hasMap = false
    try StrictJSON.object(&json, limit: 64) { (key, json) throws(CheckpointError) in
      guard key == "weight_map" else { return try json.skipValue() }
      hasMap = true
      try StrictJSON.object(&json, limit: SafetensorsReader.maximumTensors) {
        (name, json) throws(CheckpointError) in
        let shard = try json.string(maximum: 255)
        guard !shard.isEmpty, !shard.utf8.contains(0x2F), !shard.utf8.contains(0x5C),
          shard != ".", shard != "..", !shard.utf8.contains(where: { $0 < 0x20 })
        else {
          throw json.error(
            "file \(shard.quoted) of tensor \(name.quoted) is not a plain name in the same folder")
        }
        map.append((name, shard))
      }
    }
    try json.expectEnd()
    guard hasMap else {
      throw .container(
        path: file.path, problem: "is JSON text without weight_map, not a weight file",
        advice: "name the .safetensors or .pth file")
    }
    return map
  }
}
