internal import CheckpointFormats
internal import FoundationEssentials

/// The files of descriptors of a gallery: `.npy`, float32 `[rows, D]`, never changed once written.
struct GallerySegments {
  /// The gallery's folder.
  let folder: String
  /// The number of values of a row.
  let columns: Int

  /// The most rows of a file.
  static let most = 65_536

  /// The path of a file.
  func path(_ id: Int) -> String {
    let digits = String(id)
    return folder + "/segment-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
      + ".npy"
  }

  /// Writes a file.
  func write(_ values: [Float], id: Int) throws(GalleryError) -> GalleryCatalogue.Segment {
    let rows = values.count / columns
    do throws(CheckpointError) {
      try Npy.write(StoredTensor(floats: values, shape: [rows, columns]), to: path(id))
      return .init(id: id, rows: rows, checksum: try Self.checksum(FileBytes(path: path(id))))
    } catch { throw .system(path: path(id), problem: "\(error)") }
  }

  /// Maps a file that is as it was written.
  ///
  /// - Throws: ``GalleryError/damaged(path:problem:)`` if it is missing or changed.
  func open(_ segment: GalleryCatalogue.Segment) throws(GalleryError) -> StoredTensor {
    let path = path(segment.id)
    let tensor: StoredTensor
    do throws(CheckpointError) {
      let file = try FileBytes(path: path)
      guard Self.checksum(file) == segment.checksum else {
        throw .structure(path: path, place: "file", problem: "its checksum is another one")
      }
      tensor = try NpyArray.read(path).tensor()
    } catch {
      throw .damaged(
        path: path,
        problem: "is missing or damaged; describe its images anew with 'dinov2 search "
          + "build INPUT...' as before")
    }
    guard tensor.scalarType == .float32, tensor.shape == [segment.rows, columns] else {
      throw .damaged(
        path: path,
        problem: "holds \(tensor.shape) where [\(segment.rows), \(columns)] was expected")
    }
    return tensor
  }

  /// Removes files that the catalogue does not name.
  func removeAll(except ids: Set<Int>) {
    let files = FileManager.default
    guard let names = try? files.contentsOfDirectory(atPath: folder) else { return }
    let kept = Set(ids.map { path($0) })
    for name in names where name.hasPrefix("segment-") || name.hasPrefix(".segment-") {
      let path = folder + "/" + name
      if !kept.contains(path) { try? files.removeItem(atPath: path) }
    }
  }

  /// The hash of a file.
  static func checksum(_ file: FileBytes) -> String {
    var hash = ContentHash()
    unsafe hash.add(file.buffer)
    return hash.text
  }

  /// The rows at places, as one matrix; runs of neighbouring rows stay in their files.
  ///
  /// - Parameters:
  ///   - places: The places, rising.
  ///   - tensors: The files by number.
  /// - Returns: The matrix.
  /// - Throws: ``GalleryError`` if a place lies outside its file.
  func matrix(
    _ places: [GalleryRecord.Place], in tensors: [Int: StoredTensor]
  ) throws(GalleryError) -> EmbeddingMatrix {
    var parts: [StoredTensor] = []
    var start = 0
    while start < places.count {
      let first = places[start]
      var end = start + 1
      while end < places.count, places[end].segment == first.segment,
        places[end].row == first.row + end - start
      { end += 1 }
      guard let tensor = tensors[first.segment], first.row >= 0,
        first.row + end - start <= tensor.shape[0]
      else {
        throw .damaged(
          path: path(first.segment),
          problem: "the catalogue names row \(places[end - 1].row), which it does not have; build "
            + "anew with --rebuild")
      }
      parts.append(try Self.rows(first.row..<(first.row + end - start), of: tensor, columns))
      start = end
    }
    return try GalleryError.curation { () throws(CurationError) in
      parts.isEmpty
        ? try EmbeddingMatrix([], columns: columns, source: folder)
        : try EmbeddingMatrix(parts: parts, source: folder)
    }
  }

  /// The values of a row.
  func values(of row: Int, in tensor: StoredTensor) throws(GalleryError) -> [Float] {
    let part = try Self.rows(row..<(row + 1), of: tensor, columns)
    do throws(CheckpointError) { return try part.floats() } catch { throw .curation(.file(error)) }
  }

  private static func rows(
    _ rows: Range<Int>, of tensor: StoredTensor, _ columns: Int
  ) throws(GalleryError) -> StoredTensor {
    let rowBytes = columns * MemoryLayout<Float>.size
    guard rows.lowerBound >= 0, rows.upperBound <= tensor.shape[0] else {
      throw .usage(problem: "rows \(rows) were asked for; there are \(tensor.shape[0])")
    }
    do throws(CheckpointError) {
      let bytes = unsafe UnsafeRawBufferPointer(
        rebasing: tensor.bytes[(rows.lowerBound * rowBytes)..<(rows.upperBound * rowBytes)])
      return unsafe try StoredTensor(
        borrowing: bytes, as: .float32, shape: [rows.count, columns], owner: tensor.owner)
    } catch { throw .curation(.file(error)) }
  }
}
