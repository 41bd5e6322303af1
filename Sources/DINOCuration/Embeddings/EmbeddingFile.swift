internal import CheckpointFormats
internal import Glibc

/// Embeddings as `dinov2 embed` writes them: a matrix, and beside it one name per row.
///
/// `x.npy` holds float32 `[N, D]`; `x.safetensors` holds it under `embeddings`. `x.npy.names.txt` or
/// `x.safetensors.names.txt` has one line per row, in the order of the rows.
public struct EmbeddingFile: Sendable {
  /// The rows, still in the mapped file.
  public let matrix: EmbeddingMatrix
  /// The name of each row; nil if there is no file of names.
  public let names: [String]?

  /// Maps a file of embeddings and reads the names beside it.
  ///
  /// - Parameter path: A `.npy` or `.safetensors` file.
  /// - Throws: ``CurationError`` if the file is damaged or holds no matrix, if a row is not finite, or
  ///   if the number of names is not that of the rows.
  public init(path: String) throws(CurationError) {
    let tensor = try CurationError.files { () throws(CheckpointError) in
      guard path.hasSuffix(".safetensors") else { return try NpyArray.read(path).tensor() }
      guard let tensor = try Checkpoint.read(path).tensors["embeddings"] else {
        throw .missing(path: path, problem: "has no tensor \"embeddings\"")
      }
      return tensor
    }
    matrix = try EmbeddingMatrix(tensor, source: path)
    names = try Self.names(path + ".names.txt")
    if let names, names.count != matrix.rowCount {
      throw .shape(
        source: path,
        problem: "has \(matrix.rowCount) rows, but \(names.count) names stand in "
          + "\(path.escapedForMessage).names.txt; embed again")
    }
  }

  /// The lines of a file; nil if there is none.
  static func names(_ path: String) throws(CurationError) -> [String]? {
    guard unsafe access(path, F_OK) == 0 else { return nil }
    let file = try CurationError.files { () throws(CheckpointError) in try FileBytes(path: path) }
    let text = unsafe file.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }
}
