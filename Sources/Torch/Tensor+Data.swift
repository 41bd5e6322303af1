internal import CTorch

/// Keeps the owner of foreign memory alive while libtorch uses it.
private final class MemoryOwner {
  let owner: AnyObject
  init(_ owner: AnyObject) { self.owner = owner }
}

extension Tensor {
  /// A tensor that holds a copy of an array.
  ///
  /// - Parameters:
  ///   - elements: The elements, row by row.
  ///   - shape: The sizes; one dimension of all elements if left out.
  /// - Throws: ``TorchError`` if the shape does not hold as many elements.
  public convenience init<Element: TensorElement>(
    _ elements: [Element], _ shape: [Int]? = nil
  ) throws(TorchError) {
    let shape = shape ?? [elements.count]
    guard Self.elementCount(of: shape) == elements.count else {
      throw TorchError("tensor", "\(elements.count) elements do not fill the shape \(shape)")
    }
    let made = try Tensor.empty(shape, dtype: Element.dtype)
    elements.withUnsafeBytes { source in
      guard let from = source.baseAddress, let to = ct_tensor_data(made.handle) else { return }
      to.copyMemory(from: from, byteCount: source.count)
    }
    self.init(owning: ct_tensor_retain(made.handle))
  }

  /// A tensor over memory that somebody else owns, without a copy.
  ///
  /// - Parameters:
  ///   - bytes: The elements, row by row, aligned for `dtype`.
  ///   - shape: The sizes.
  ///   - dtype: The type of the elements.
  ///   - owner: Kept alive as long as libtorch uses the memory.
  /// - Throws: ``TorchError`` if the memory has another size or is not aligned.
  public convenience init(
    borrowing bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType, owner: AnyObject
  ) throws(TorchError) {
    let count = Self.elementCount(of: shape)
    guard let count, count * dtype.byteCount == bytes.count else {
      throw TorchError("tensor", "\(bytes.count) bytes do not fill \(dtype)\(shape)")
    }
    guard let start = bytes.baseAddress else {
      let made = try Tensor.empty(shape, dtype: dtype)
      self.init(owning: ct_tensor_retain(made.handle))
      return
    }
    guard Int(bitPattern: start) % dtype.byteCount == 0 else {
      throw TorchError("tensor", "memory at \(start) is not aligned for \(dtype)")
    }
    let context = Unmanaged.passRetained(MemoryOwner(owner)).toOpaque()
    var made: OpaquePointer?
    try checked("from_memory") { message in
      ct_tensor_from_memory(
        UnsafeMutableRawPointer(mutating: start), shape.map(Int64.init), Int64(shape.count),
        dtype.rawValue,
        { context in
          if let context { Unmanaged<MemoryOwner>.fromOpaque(context).release() }
        }, context, &made, message)
    }
    guard let made else { throw TorchError("from_memory", "returned no tensor") }
    self.init(owning: made)
  }

  private static func elementCount(of shape: [Int]) -> Int? {
    var product = 1
    for size in shape {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      if overflow || size < 0 { return nil }
      product = next
    }
    return product
  }

  /// The elements as Swift values, row by row; converts the dtype and copies from the device.
  ///
  /// - Parameter type: The type to read.
  /// - Returns: All elements.
  /// - Throws: ``TorchError`` if the copy fails.
  public func array<Element: TensorElement>(
    of type: Element.Type = Element.self
  ) throws(TorchError) -> [Element] {
    let host = try to(dtype: Element.dtype).to(device: .cpu).contiguous()
    let count = host.elementCount
    return try host.withHostBytes { bytes throws(TorchError) in
      [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
        if let start = bytes.baseAddress, let to = buffer.baseAddress {
          UnsafeMutableRawPointer(to).copyMemory(from: start, byteCount: bytes.count)
        }
        initialized = count
      }
    }
  }

  /// The elements as 32-bit floats, row by row.
  ///
  /// - Returns: All elements.
  /// - Throws: ``TorchError`` if the copy fails.
  public func floats() throws(TorchError) -> [Float] { try array(of: Float.self) }

  /// The one element of a scalar or one-element tensor.
  ///
  /// - Returns: Its value.
  /// - Throws: ``TorchError`` if there is not exactly one element.
  public func item() throws(TorchError) -> Double {
    guard elementCount == 1 else {
      throw TorchError("item", "expected one element", operands: [typeDescription])
    }
    return try array(of: Double.self)[0]
  }

  /// Runs a closure over the memory of a contiguous tensor on the host.
  ///
  /// - Parameter body: Gets the elements, row by row; the memory is valid only during the call.
  /// - Returns: What the closure returns.
  /// - Throws: ``TorchError`` if the tensor is not contiguous or not on the host; what `body` throws.
  public func withHostBytes<Result>(
    _ body: (UnsafeMutableRawBufferPointer) throws(TorchError) -> Result
  ) throws(TorchError) -> Result {
    guard isContiguous, device == .cpu, let dtype else {
      throw TorchError(
        "data", "needs a contiguous tensor on the host", operands: [typeDescription])
    }
    let bytes = UnsafeMutableRawBufferPointer(
      start: ct_tensor_data(handle), count: elementCount * dtype.byteCount)
    defer { withExtendedLifetime(self) {} }
    return try body(bytes)
  }
}
