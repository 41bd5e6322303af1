/// A part of a file's bytes with checked access; the only way in which parsers touch foreign bytes.
@safe struct ByteRegion: Sendable {
  /// The file that owns the bytes.
  let file: FileBytes
  /// The number of bytes.
  let count: Int
  /// Where the region begins in the file.
  let fileOffset: Int
  // Read-only memory of `file`, which is kept alive beside it.
  private nonisolated(unsafe) let base: UnsafeRawBufferPointer

  /// The whole file.
  init(_ file: FileBytes) {
    self.file = file
    count = file.count
    fileOffset = 0
    unsafe base = file.buffer
  }

  private init(file: FileBytes, fileOffset: Int, base: UnsafeRawBufferPointer) {
    self.file = file
    self.fileOffset = fileOffset
    count = base.count
    unsafe self.base = base
  }

  /// The bytes themselves, valid as long as `file` lives.
  var bytes: UnsafeRawBufferPointer { unsafe base }

  /// A part of the region, or nil if it does not lie inside.
  func slice(_ offset: Int, _ length: Int) -> ByteRegion? {
    guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return nil }
    return unsafe ByteRegion(
      file: file, fileOffset: fileOffset + offset,
      base: UnsafeRawBufferPointer(rebasing: base[offset..<(offset + length)]))
  }

  /// The byte at an offset, or nil past the end.
  @inline(__always)
  subscript(offset: Int) -> UInt8? {
    guard offset >= 0, offset < count else { return nil }
    return unsafe base[offset]
  }

  /// A little-endian number at an offset, or nil if it does not lie inside.
  @inline(__always)
  func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Value.Type)
    -> Value?
  {
    let size = MemoryLayout<Value>.size
    guard offset >= 0, count >= size, offset <= count - size else { return nil }
    return unsafe Value(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: type))
  }

  /// The text at an offset, or nil if it does not lie inside or is not valid UTF-8.
  func text(_ offset: Int, _ length: Int) -> String? {
    guard let part = slice(offset, length) else { return nil }
    return unsafe String(validating: part.base, as: UTF8.self)
  }

  /// Whether the bytes at an offset are these.
  func has(_ expected: [UInt8], at offset: Int = 0) -> Bool {
    guard let part = slice(offset, expected.count) else { return false }
    return unsafe part.base.elementsEqual(expected)
  }

  /// Whether the bytes at an offset are those of an ASCII text.
  func has(_ expected: StaticString, at offset: Int = 0) -> Bool {
    has(
      unsafe [UInt8](
        UnsafeBufferPointer(start: expected.utf8Start, count: expected.utf8CodeUnitCount)),
      at: offset)
  }

  /// The offset of the first byte, from another offset on, that is this one.
  func firstIndex(of byte: UInt8, from offset: Int, limit: Int) -> Int? {
    guard offset >= 0, offset < count, limit >= 0 else { return nil }
    let end = limit < count - offset ? offset + limit : count
    for index in offset..<end where unsafe base[index] == byte {
      return index
    }
    return nil
  }
}
