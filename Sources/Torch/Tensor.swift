internal import CTorch

/// A tensor of libtorch: a typed array of any rank, on a device, with optional gradients.
///
/// A value of this class is one handle; libtorch counts the references. Operators are methods and
/// throw ``TorchError`` with the shapes that they were given. Not `Sendable`: pass host values
/// between threads, or send the tensor away for good.
public final class Tensor {
  let handle: OpaquePointer

  /// Takes over a reference that the caller owns.
  init(owning handle: OpaquePointer) {
    self.handle = handle
  }

  deinit {
    ct_tensor_release(handle)
  }

  var pointer: UnsafeRawPointer { UnsafeRawPointer(handle) }

  /// The number of dimensions; 0 for a scalar.
  public var rank: Int { Int(ct_tensor_rank(handle)) }

  /// The sizes of all dimensions, outermost first.
  public var shape: [Int] { (0..<rank).map { Int(ct_tensor_size(handle, Int64($0))) } }

  /// The distance between neighbours along each dimension, in elements.
  public var strides: [Int] { (0..<rank).map { Int(ct_tensor_stride(handle, Int64($0))) } }

  /// The number of elements.
  public var elementCount: Int { Int(ct_tensor_element_count(handle)) }

  /// The type of the elements; `nil` for a type that this package does not use.
  public var dtype: DType? { DType(rawValue: ct_tensor_dtype(handle)) }

  /// The device that holds the elements.
  public var device: Device {
    Device(type: ct_tensor_device_type(handle), index: ct_tensor_device_index(handle))
  }

  /// Whether the elements lie row by row without gaps.
  public var isContiguous: Bool { ct_tensor_is_contiguous(handle) }

  /// Dtype and shape in one word, `float32[2, 5, 8]`, as errors print them.
  public var typeDescription: String {
    let name = dtype.map { "\($0)" } ?? "dtype \(ct_tensor_dtype(handle))"
    return "\(name)\(shape)"
  }

  /// The size of a dimension.
  ///
  /// - Parameter dim: Counted from 0, or from the end with -1.
  /// - Returns: The size.
  /// - Throws: ``TorchError`` if there is no such dimension.
  public func size(_ dim: Int) throws(TorchError) -> Int {
    let index = dim < 0 ? dim + rank : dim
    guard index >= 0, index < rank else {
      throw TorchError("size", "no dimension \(dim)", operands: [typeDescription])
    }
    return Int(ct_tensor_size(handle, Int64(index)))
  }

  /// The sizes of a tensor that must have two dimensions.
  ///
  /// - Returns: Both sizes.
  /// - Throws: ``TorchError`` for another rank.
  public func shape2() throws(TorchError) -> (Int, Int) {
    let sizes = try shape(ofRank: 2)
    return (sizes[0], sizes[1])
  }

  /// The sizes of a tensor that must have three dimensions.
  ///
  /// - Returns: The three sizes.
  /// - Throws: ``TorchError`` for another rank.
  public func shape3() throws(TorchError) -> (Int, Int, Int) {
    let sizes = try shape(ofRank: 3)
    return (sizes[0], sizes[1], sizes[2])
  }

  /// The sizes of a tensor that must have four dimensions.
  ///
  /// - Returns: The four sizes.
  /// - Throws: ``TorchError`` for another rank.
  public func shape4() throws(TorchError) -> (Int, Int, Int, Int) {
    let sizes = try shape(ofRank: 4)
    return (sizes[0], sizes[1], sizes[2], sizes[3])
  }

  private func shape(ofRank expected: Int) throws(TorchError) -> [Int] {
    let sizes = shape
    guard sizes.count == expected else {
      throw TorchError("shape", "expected rank \(expected)", operands: [typeDescription])
    }
    return sizes
  }
}
