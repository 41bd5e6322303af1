internal import Glibc

/// Writes `.npy` files of format version 1.0.
public enum Npy {
  /// Writes a tensor.
  ///
  /// - Parameters:
  ///   - tensor: The tensor, of any type but bfloat16, which numpy does not know.
  ///   - path: The file; one that exists is replaced when the new one is complete.
  /// - Throws: ``CheckpointError`` if the type has no numpy name, or the file cannot be written.
  public static func write(_ tensor: StoredTensor, to path: String) throws(CheckpointError) {
    guard let code = code(of: tensor.scalarType) else {
      throw .usage(
        problem: "\(path.escapedForMessage): numpy has no \(tensor.scalarType); convert to float32")
    }
    let file = try AtomicFile(path: path)
    try file.write(header(code, shape: tensor.shape))
    try file.write(tensor)
    try file.commit()
  }

  /// Writes unsigned 16-bit integers, such as the label of each pixel.
  ///
  /// - Parameters:
  ///   - values: The elements in row-major order.
  ///   - shape: The sizes, outermost first.
  ///   - path: The file; one that exists is replaced when the new one is complete.
  /// - Throws: ``CheckpointError`` if the shape does not fit, or the file cannot be written.
  public static func write(
    _ values: [UInt16], shape: [Int], to path: String
  ) throws(CheckpointError) {
    guard StoredTensor.elementCount(of: shape) == values.count else {
      throw .usage(
        problem: "\(path.escapedForMessage): \(values.count) values do not fit shape \(shape)")
    }
    let file = try AtomicFile(path: path)
    try file.write(header("<u2", shape: shape))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2 * values.count)
    for value in values {
      bytes.append(UInt8(truncatingIfNeeded: value))
      bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    }
    try file.write(bytes)
    try file.commit()
  }

  private static func code(of type: ScalarType) -> String? {
    switch type {
    case .float64: "<f8"
    case .float32: "<f4"
    case .float16: "<f2"
    case .int64: "<i8"
    case .int32: "<i4"
    case .int16: "<i2"
    case .int8: "|i1"
    case .uint8: "|u1"
    case .bool: "|b1"
    case .bfloat16: nil
    }
  }

  /// The header, padded to a multiple of 64 bytes and at least to `minimum` bytes.
  static func header(_ code: String, shape: [Int], minimum: Int = 0) -> [UInt8] {
    let sizes =
      shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
    let text = "{'descr': '\(code)', 'fortran_order': False, 'shape': (\(sizes)), }"
    let used = 10 + text.utf8.count + 1
    let total = max((used + 63) / 64 * 64, minimum)
    let length = total - 10
    return [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]
      + [UInt8(truncatingIfNeeded: length), UInt8(truncatingIfNeeded: length >> 8)]
      + Array(text.utf8) + [UInt8](repeating: 0x20, count: total - used) + [0x0A]
  }
}

/// Writes a float32 or float16 `.npy` file `[N, D]` row by row when `N` is known only at the end.
///
/// Rows go to `<path>.partial`; ``finish()`` writes the final shape and renames the file. After a crash,
/// ``resume(_:columns:rows:type:)`` goes on from the rows that the caller knows to be complete:
///
///     try writer.append(features)
///     try writer.synchronize()   // rows are on the disk: now note writer.rowCount somewhere
public final class NpyRowWriter {
  private static let headerSize = 128

  /// The number of values of a row.
  public let columns: Int
  /// The number of rows written so far, including those of an earlier run.
  public private(set) var rowCount: Int
  private let path: String
  private let descriptor: Int32
  private let isHalf: Bool

  private var partialPath: String { path + ".partial" }
  private var rowBytes: Int { (isHalf ? 2 : 4) * columns }

  private init(path: String, columns: Int, isHalf: Bool, rowCount: Int, descriptor: Int32) {
    self.path = path
    self.columns = columns
    self.isHalf = isHalf
    self.rowCount = rowCount
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Starts a new file; a partial one is discarded.
  ///
  /// - Parameters:
  ///   - path: The final name.
  ///   - columns: The number of values of a row, at least 1.
  ///   - type: How values are stored: float32 or float16.
  /// - Returns: A writer without rows.
  /// - Throws: ``CheckpointError`` if the file cannot be created or the type is another one.
  public static func create(
    _ path: String, columns: Int, type: ScalarType = .float32
  ) throws(CheckpointError) -> NpyRowWriter {
    try open(path, columns: columns, type: type, rows: 0, flags: O_TRUNC)
  }

  /// Goes on with a partial file, keeping its first rows.
  ///
  /// - Parameters:
  ///   - path: The final name; the partial file is beside it.
  ///   - columns: The number of values of a row, as in the run before.
  ///   - rows: The number of rows that are known to be complete; any after them are dropped.
  ///   - type: How values are stored, as in the run before.
  /// - Returns: A writer that appends after those rows.
  /// - Throws: ``CheckpointError`` if there is no partial file, its rows have another length, or it has
  ///   fewer rows.
  public static func resume(
    _ path: String, columns: Int, rows: Int, type: ScalarType = .float32
  ) throws(CheckpointError) -> NpyRowWriter {
    try open(path, columns: columns, type: type, rows: rows, flags: nil)
  }

  private static func open(
    _ path: String, columns: Int, type: ScalarType, rows: Int, flags: Int32?
  ) throws(CheckpointError) -> NpyRowWriter {
    guard type == .float32 || type == .float16 else {
      throw .usage(
        problem: "\(path.escapedForMessage): rows are written as float32 or float16, not \(type)")
    }
    guard columns > 0, rows >= 0, let rowBytes = columns.checkedProduct(type.byteCount),
      let size = rows.checkedProduct(rowBytes)?.checkedSum(headerSize)
    else {
      throw .usage(problem: "\(path.escapedForMessage): \(rows) rows of \(columns) values")
    }
    let partial = path + ".partial"
    let creation = flags.map { $0 | O_CREAT } ?? 0
    let descriptor = unsafe Glibc.open(partial, O_RDWR | O_CLOEXEC | creation, 0o666)
    guard descriptor >= 0 else { throw .system(partial, "cannot be opened for writing") }
    let writer = NpyRowWriter(
      path: path, columns: columns, isHalf: type == .float16, rowCount: rows,
      descriptor: descriptor)
    if flags == nil {
      try writer.checkPartial(size: size)
    }
    guard ftruncate(descriptor, off_t(size)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
      throw .system(partial, "cannot be cut to \(rows) rows")
    }
    try writer.writeHeader(rows: 0)
    return writer
  }

  private func checkPartial(size: Int) throws(CheckpointError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw .system(partialPath, "cannot be examined")
    }
    guard Int(status.st_size) >= size else {
      throw .structure(
        path: partialPath, place: "end of file",
        problem: "\(rowCount) rows of \(columns) values need \(size) bytes, the file has "
          + "\(status.st_size); remove it to start again")
    }
    // A run that was stopped while finishing has left the header with the final number of rows.
    let finished = (Int(status.st_size) - NpyRowWriter.headerSize) / rowBytes
    let allowed = [0, finished].map(header)
    var found = [UInt8](repeating: 0, count: NpyRowWriter.headerSize)
    let count = unsafe found.withUnsafeMutableBytes { buffer in
      unsafe pread(descriptor, buffer.baseAddress, buffer.count, 0)
    }
    guard count == found.count, allowed.contains(found) else {
      throw .structure(
        path: partialPath, place: "header",
        problem: "it was not written for rows of \(columns) values; remove it to start again")
    }
  }

  private func header(rows: Int) -> [UInt8] {
    Npy.header(
      isHalf ? "<f2" : "<f4", shape: [rows, columns], minimum: NpyRowWriter.headerSize)
  }

  private func writeHeader(rows: Int) throws(CheckpointError) {
    let header = header(rows: rows)
    let count = unsafe header.withUnsafeBytes { bytes in
      unsafe pwrite(descriptor, bytes.baseAddress, bytes.count, 0)
    }
    guard count == header.count else { throw .system(partialPath, "cannot be written") }
  }

  /// Appends rows.
  ///
  /// - Parameter values: One or more whole rows; rounded to nearest for float16.
  /// - Throws: ``CheckpointError`` if the number of values is no multiple of ``columns``, or the file
  ///   cannot be written.
  public func append(_ values: [Float]) throws(CheckpointError) {
    guard values.count.isMultiple(of: columns) else {
      throw .usage(
        problem: "\(path.escapedForMessage): \(values.count) values are no whole rows of \(columns)"
      )
    }
    if isHalf {
      try write(values.map { Float16($0).bitPattern })
    } else {
      try write(values)
    }
    rowCount += values.count / columns
  }

  private func write(_ values: [some BitwiseCopyable]) throws(CheckpointError) {
    let result = unsafe values.withUnsafeBytes { buffer -> Result<Void, CheckpointError> in
      do throws(CheckpointError) {
        return .success(
          unsafe try AtomicFile.writeAll(buffer, to: descriptor, path: partialPath))
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// The rows so far, in the mapped file.
  ///
  /// - Returns: `[rowCount, D]`; valid until more rows are appended.
  /// - Throws: ``CheckpointError`` if the file cannot be written or read.
  public func written() throws(CheckpointError) -> StoredTensor {
    try writeHeader(rows: rowCount)
    return try NpyArray.read(partialPath).tensor()
  }

  /// Returns when all rows are on the disk.
  ///
  /// - Throws: ``CheckpointError`` if the disk refuses.
  public func synchronize() throws(CheckpointError) {
    guard fdatasync(descriptor) == 0 else {
      throw .system(partialPath, "cannot be flushed to the disk")
    }
  }

  /// Writes the final shape and gives the file its name.
  ///
  /// - Throws: ``CheckpointError`` if the file cannot be written or renamed.
  public func finish() throws(CheckpointError) {
    try writeHeader(rows: rowCount)
    guard fsync(descriptor) == 0 else {
      throw .system(partialPath, "cannot be flushed to the disk")
    }
    guard unsafe rename(partialPath, path) == 0 else {
      throw .system(path, "cannot be put in place")
    }
    AtomicFile.flushFolder(of: path)
  }
}
