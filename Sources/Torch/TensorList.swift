private let mulScalar = Operator("aten::_foreach_mul_", "Scalar")
private let lerpScalar = Operator("aten::_foreach_lerp_", "Scalar")
private let normScalar = Operator("aten::_foreach_norm", "Scalar")
private let copyList = Operator("aten::_foreach_copy_")

/// Operations on many tensors at once, such as all parameters of a model.
public struct TensorList {
  /// The tensors.
  public let tensors: [Tensor]

  /// Creates a list.
  public init(_ tensors: [Tensor]) {
    self.tensors = tensors
  }

  /// Multiplies every tensor by a number, in place.
  ///
  /// - Parameter factor: The number.
  /// - Throws: ``TorchError`` if a tensor cannot be changed in place.
  public func multiply(inPlace factor: Double) throws(TorchError) {
    guard !tensors.isEmpty else { return }
    _ = try mulScalar([.tensors(tensors), .double(factor)])
  }

  /// Moves every tensor towards its partner, in place: `a + weight · (b − a)`.
  ///
  /// - Parameters:
  ///   - targets: One partner per tensor, of the same shape.
  ///   - weight: 0 changes nothing, 1 copies.
  /// - Throws: ``TorchError`` if the lists do not match.
  public func move(towards targets: TensorList, weight: Double) throws(TorchError) {
    guard !tensors.isEmpty else { return }
    _ = try lerpScalar([.tensors(tensors), .tensors(targets.tensors), .double(weight)])
  }

  /// Overwrites every tensor with its partner.
  ///
  /// - Parameter sources: One partner per tensor, of the same shape.
  /// - Throws: ``TorchError`` if the lists do not match.
  public func copy(from sources: TensorList) throws(TorchError) {
    guard !tensors.isEmpty else { return }
    _ = try copyList([.tensors(tensors), .tensors(sources.tensors)])
  }

  /// The Euclidean norm of each tensor.
  ///
  /// - Returns: One number per tensor, `[count]`.
  /// - Throws: ``TorchError`` if a tensor is not of a floating-point type.
  public func norms() throws(TorchError) -> Tensor {
    guard !tensors.isEmpty else { return try .zeros([0]) }
    let norms = try tensors.chunks(of: Operator.resultCapacity).map { chunk throws(TorchError) in
      let found = try normScalar([.tensors(Array(chunk)), .double(2)])
      return try Tensor.stack(found.compactMap(\.tensor))
    }
    return try .cat(norms)
  }
}

extension Array {
  /// Slices of at most `size` elements.
  fileprivate func chunks(of size: Int) -> [ArraySlice<Element>] {
    stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
  }
}

extension OperatorResult {
  /// The tensor, if the result is one.
  var tensor: Tensor? {
    if case .tensor(let tensor) = self { tensor } else { nil }
  }
}
