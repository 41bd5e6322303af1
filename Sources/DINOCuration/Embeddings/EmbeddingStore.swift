internal import CheckpointFormats
internal import FoundationEssentials

/// A folder of embeddings in shards, each with the names of its rows, readable as one matrix.
///
/// `shard-00000.npy` holds `[n, D]` in float16 or float32, `shard-00000.names.txt` one name per row. A
/// shard exists when its rows do: names are written first, each file under another name until it is on
/// the disk. Whatever interrupts the writing, the store holds whole shards, and writing goes on after
/// them.
///
///     let writer = try EmbeddingStore.Writer(folder, columns: 384)
///     for image in images.dropFirst(writer.rowCount) { try writer.append(features, name: image) }
///     try writer.flush()
public struct EmbeddingStore: Sendable {
  /// How values are stored.
  public enum Precision: String, CaseIterable, Sendable {
    /// Two bytes per value, a relative error of at most 1/2048.
    case float16
    /// Four bytes per value, exact.
    case float32
  }

  /// The rows of all shards, in mapped files.
  public let matrix: EmbeddingMatrix
  /// The name of each row.
  public let names: [String]

  /// Opens a store.
  ///
  /// - Parameter folder: The folder.
  /// - Throws: ``CurationError`` if there is no shard, a shard is damaged, or its names are missing.
  public init(_ folder: String) throws(CurationError) {
    let shards = try Shard.all(in: folder)
    guard !shards.isEmpty else {
      throw .shape(source: folder, problem: "holds no shard of embeddings")
    }
    matrix = try EmbeddingMatrix(parts: shards.map(\.tensor), source: folder)
    names = shards.flatMap(\.names)
  }

  /// Rows that are on the disk.
  struct Shard {
    /// The values, `[n, D]`.
    let tensor: StoredTensor
    /// The name of each row.
    let names: [String]

    /// The files of a shard without their endings.
    static func path(_ folder: String, _ index: Int) -> String {
      let digits = String(index)
      return folder + "/shard-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    /// The shards of a folder up to the first gap.
    static func all(in folder: String) throws(CurationError) -> [Shard] {
      var shards: [Shard] = []
      while FileManager.default.fileExists(atPath: path(folder, shards.count) + ".npy") {
        shards.append(try read(path(folder, shards.count)))
      }
      return shards
    }

    private static func read(_ path: String) throws(CurationError) -> Shard {
      let tensor = try CurationError.files { () throws(CheckpointError) in
        try NpyArray.read(path + ".npy").tensor()
      }
      let names = try EmbeddingFile.names(path + ".names.txt") ?? []
      guard tensor.shape.count == 2, tensor.shape[0] == names.count else {
        throw .shape(
          source: path + ".npy",
          problem: "has shape \(tensor.shape), but \(names.count) names stand beside it; remove "
            + "this shard and those after it, and embed again")
      }
      return Shard(tensor: tensor, names: names)
    }
  }
}
