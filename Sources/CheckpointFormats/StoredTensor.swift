internal import Glibc

/// A tensor as it lies in a file or in memory: a typed, strided view of bytes that something else owns.
///
/// No element is copied when a checkpoint is read. The view keeps its ``owner`` alive; whoever passes
/// ``bytes`` on to a tensor engine keeps ``owner`` for as long as the engine uses the pointer.
@safe public struct StoredTensor: Sendable {
  /// The type of the elements.
  public let scalarType: ScalarType
  /// The sizes, outermost first; empty for a scalar.
  public let shape: [Int]
  /// The distance between neighbours along each dimension, in elements.
  public let strides: [Int]
  /// The object that owns the bytes: a mapped file or a block of memory.
  public let owner: any AnyObject & Sendable
  // Points into memory that `owner` holds and that nobody writes after construction, so views may be
  // shared between threads.
  private nonisolated(unsafe) let region: UnsafeRawBufferPointer

  /// The number of elements.
  public let count: Int

  /// Wraps bytes that were checked by a reader.
  ///
  /// - Precondition: `region` lies in memory of `owner` and spans the view exactly: every element
  ///   that `shape` and `strides` reach lies in it, the first at its beginning.
  init(
    scalarType: ScalarType, shape: [Int], strides: [Int], count: Int,
    owner: any AnyObject & Sendable, region: UnsafeRawBufferPointer
  ) {
    self.scalarType = scalarType
    self.shape = shape
    self.strides = strides
    self.count = count
    self.owner = owner
    unsafe self.region = region
  }

  /// The bytes from the first element of the view to the last, in the owner's memory.
  ///
  /// For a contiguous tensor these are its elements and nothing else. The pointer is valid while
  /// ``owner`` lives. See ``isAligned`` before loading typed elements.
  public var bytes: UnsafeRawBufferPointer { unsafe region }

  /// The bytes of all elements when stored contiguously.
  public var byteCount: Int { count * scalarType.byteCount }

  /// Whether the elements lie in row-major order without gaps.
  public var isContiguous: Bool {
    if count == 0 { return true }
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      if stride != expected { return false }
      expected *= size
    }
    return true
  }

  /// Whether the first byte is aligned for the element type.
  ///
  /// Files that `torch.save` and this package write are aligned; old safetensors files and PyTorch's
  /// legacy format may not be.
  public var isAligned: Bool {
    guard let start = unsafe region.baseAddress else { return true }
    return UInt(bitPattern: start) % UInt(scalarType.byteCount) == 0
  }

  /// Calls a closure with the elements in row-major order.
  ///
  /// A contiguous tensor is passed as it lies in the file, without a copy, and may then be unaligned
  /// (see ``isAligned``); any other is gathered into memory aligned to 64 bytes first.
  ///
  /// - Parameter body: A closure; the buffer is valid only during the call.
  /// - Returns: The value of the closure.
  /// - Throws: What the closure throws.
  public func withContiguousBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if isContiguous {
      defer { withExtendedLifetime(owner) {} }
      return unsafe try body(region)
    }
    let copy = gathered()
    defer { withExtendedLifetime(copy.owner) {} }
    return unsafe try body(copy.region)
  }

  /// The tensor itself if it is contiguous and aligned, otherwise a copy in memory of its own.
  ///
  /// - Returns: A contiguous tensor whose bytes are aligned for its element type.
  public func contiguous() -> StoredTensor {
    isContiguous && isAligned ? self : gathered()
  }

  /// Copies the elements in row-major order into memory of their own, aligned to 64 bytes.
  private func gathered() -> StoredTensor {
    let block = MemoryBlock(byteCount: byteCount)
    let size = scalarType.byteCount
    if count > 0, let target = unsafe block.pointer, let source = unsafe region.baseAddress {
      if isContiguous {
        unsafe memcpy(target, source, byteCount)
      } else {
        var written = 0
        forEachRow { offset, rowCount, stride in
          for index in 0..<rowCount {
            unsafe memcpy(target + written, source + (offset + index * stride) * size, size)
            written += size
          }
        }
      }
    }
    return unsafe StoredTensor(
      scalarType: scalarType, shape: shape, strides: StoredTensor.rowMajorStrides(of: shape),
      count: count, owner: block, region: block.buffer)
  }

  /// Visits the innermost rows in row-major order: the offset of a row's first element, the number of
  /// its elements and the stride between them, in elements.
  func forEachRow(_ body: (_ offset: Int, _ count: Int, _ stride: Int) -> Void) {
    guard count > 0 else { return }
    guard let rowCount = shape.last, let rowStride = strides.last else {
      body(0, 1, 1)
      return
    }
    let outerRank = shape.count - 1
    var position = [Int](repeating: 0, count: outerRank)
    var offset = 0
    while true {
      body(offset, rowCount, rowStride)
      var dimension = outerRank - 1
      while dimension >= 0 {
        position[dimension] += 1
        offset += strides[dimension]
        if position[dimension] < shape[dimension] { break }
        offset -= strides[dimension] * shape[dimension]
        position[dimension] = 0
        dimension -= 1
      }
      if dimension < 0 { return }
    }
  }

  /// The strides of a contiguous tensor, in elements.
  ///
  /// - Parameter shape: Sizes whose product does not overflow.
  /// - Returns: One stride per dimension.
  static func rowMajorStrides(of shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    var stride = 1
    for dimension in shape.indices.reversed() {
      strides[dimension] = stride
      stride = stride.multipliedReportingOverflow(by: max(shape[dimension], 1)).partialValue
    }
    return strides
  }
}

/// A block of memory, aligned to 64 bytes, that is written before it is shared and never after.
@safe final class MemoryBlock: Sendable {
  nonisolated(unsafe) let pointer: UnsafeMutableRawPointer?
  let byteCount: Int

  /// Allocates a block; its contents are undefined until the maker has written them.
  init(byteCount: Int) {
    self.byteCount = byteCount
    unsafe pointer =
      byteCount == 0 ? nil : UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
  }

  /// Allocates a block with a copy of some bytes.
  convenience init(copying bytes: [UInt8]) {
    self.init(byteCount: bytes.count)
    if let target = unsafe pointer {
      unsafe bytes.withUnsafeBytes { source in
        if let start = source.baseAddress { unsafe memcpy(target, start, source.count) }
      }
    }
  }

  deinit { unsafe pointer?.deallocate() }

  var buffer: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: pointer.map { UnsafeRawPointer($0) }, count: byteCount)
  }
}
