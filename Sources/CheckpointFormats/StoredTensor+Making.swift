internal import Glibc

extension StoredTensor {
  /// Makes a contiguous float32 tensor from values.
  ///
  /// - Parameters:
  ///   - floats: The elements in row-major order.
  ///   - shape: The sizes, outermost first.
  /// - Throws: ``CheckpointError/usage(problem:)`` if the number of elements does not fit the shape.
  public init(floats: [Float], shape: [Int]) throws(CheckpointError) {
    try self.init(elements: floats, as: .float32, shape: shape)
  }

  /// Makes a contiguous float64 tensor from values.
  ///
  /// - Parameters:
  ///   - doubles: The elements in row-major order.
  ///   - shape: The sizes, outermost first.
  /// - Throws: ``CheckpointError/usage(problem:)`` if the number of elements does not fit the shape.
  public init(doubles: [Double], shape: [Int]) throws(CheckpointError) {
    try self.init(elements: doubles, as: .float64, shape: shape)
  }

  /// Makes a contiguous int64 tensor from values.
  ///
  /// - Parameters:
  ///   - integers: The elements in row-major order.
  ///   - shape: The sizes, outermost first.
  /// - Throws: ``CheckpointError/usage(problem:)`` if the number of elements does not fit the shape.
  public init(integers: [Int], shape: [Int]) throws(CheckpointError) {
    try self.init(elements: integers, as: .int64, shape: shape)
  }

  /// Makes a contiguous tensor from the bytes of its elements, which are copied.
  ///
  /// - Parameters:
  ///   - bytes: The elements in row-major order, little-endian.
  ///   - scalarType: The type of the elements.
  ///   - shape: The sizes, outermost first.
  /// - Throws: ``CheckpointError/usage(problem:)`` if the number of bytes does not fit the shape.
  public init(
    copying bytes: UnsafeRawBufferPointer, as scalarType: ScalarType, shape: [Int]
  ) throws(CheckpointError) {
    unsafe try self.init(as: scalarType, shape: shape, byteCount: bytes.count) { target in
      if let source = bytes.baseAddress { unsafe memcpy(target, source, bytes.count) }
    }
  }

  /// Wraps contiguous elements in memory that another object owns, without a copy.
  ///
  /// - Parameters:
  ///   - bytes: The elements in row-major order; nobody may write there while the tensor is in use.
  ///   - scalarType: The type of the elements.
  ///   - shape: The sizes, outermost first.
  ///   - owner: Keeps the memory alive.
  /// - Throws: ``CheckpointError/usage(problem:)`` if the number of bytes does not fit the shape.
  package init(
    borrowing bytes: UnsafeRawBufferPointer, as scalarType: ScalarType, shape: [Int],
    owner: any AnyObject & Sendable
  ) throws(CheckpointError) {
    let count = StoredTensor.elementCount(of: shape)
    guard let count, count.checkedProduct(scalarType.byteCount) == bytes.count else {
      throw .usage(
        problem: "\(bytes.count) bytes do not make a \(scalarType) tensor of shape \(shape)")
    }
    unsafe self.init(
      scalarType: scalarType, shape: shape, strides: StoredTensor.rowMajorStrides(of: shape),
      count: count, owner: owner, region: bytes)
  }

  private init<Element: BitwiseCopyable>(
    elements: [Element], as scalarType: ScalarType, shape: [Int]
  ) throws(CheckpointError) {
    let size = elements.count * MemoryLayout<Element>.stride
    unsafe try self.init(as: scalarType, shape: shape, byteCount: size) { target in
      unsafe elements.withUnsafeBytes { bytes in
        if let source = bytes.baseAddress { unsafe memcpy(target, source, size) }
      }
    }
  }

  /// Makes a contiguous tensor in memory of its own that a closure fills.
  init(
    as scalarType: ScalarType, shape: [Int], byteCount: Int,
    fill: (UnsafeMutableRawPointer) -> Void
  ) throws(CheckpointError) {
    guard let count = StoredTensor.elementCount(of: shape),
      let size = count.checkedProduct(scalarType.byteCount), size == byteCount
    else {
      throw .usage(
        problem: "\(byteCount) bytes do not make a \(scalarType) tensor of shape \(shape)")
    }
    let block = MemoryBlock(byteCount: size)
    if let target = unsafe block.pointer { unsafe fill(target) }
    unsafe self.init(
      scalarType: scalarType, shape: shape, strides: StoredTensor.rowMajorStrides(of: shape),
      count: count, owner: block, region: block.buffer)
  }

  /// The number of elements of a shape, or nil if a size is negative or the product overflows.
  ///
  /// - Parameter shape: Sizes from an untrusted source.
  /// - Returns: The product of the sizes; 1 for a scalar.
  static func elementCount(of shape: [Int]) -> Int? {
    if shape.contains(where: { $0 < 0 }) { return nil }
    if shape.contains(0) { return 0 }
    var count = 1
    for size in shape {
      guard let product = count.checkedProduct(size) else { return nil }
      count = product
    }
    return count
  }
}

extension FixedWidthInteger {
  /// The sum, or nil if it overflows.
  func checkedSum(_ other: Self) -> Self? {
    let (value, overflows) = addingReportingOverflow(other)
    return overflows ? nil : value
  }

  /// The product, or nil if it overflows.
  func checkedProduct(_ other: Self) -> Self? {
    let (value, overflows) = multipliedReportingOverflow(by: other)
    return overflows ? nil : value
  }
}
