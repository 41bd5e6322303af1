private let sumAll = Operator("aten::sum")
private let sumDims = Operator("aten::sum", "dim_IntList")
private let meanAll = Operator("aten::mean")
private let meanDims = Operator("aten::mean", "dim")
private let maxAll = Operator("aten::max")
private let minAll = Operator("aten::min")
private let maxDim = Operator("aten::max", "dim")
private let argmaxOperator = Operator("aten::argmax")
private let varOperator = Operator("aten::var", "correction")
private let topkOperator = Operator("aten::topk")
private let sortOperator = Operator("aten::sort")
private let normOperator = Operator("aten::linalg_vector_norm")
private let softmaxOperator = Operator("aten::softmax", "int")
private let logSoftmaxOperator = Operator("aten::log_softmax", "int")
private let logsumexpOperator = Operator("aten::logsumexp")
private let eighOperator = Operator("aten::linalg_eigh")
private let choleskyOperator = Operator("aten::linalg_cholesky")
private let choleskyInverseOperator = Operator("aten::cholesky_inverse")

extension Tensor {
  /// The sum of all elements, a scalar.
  public func sum() throws(TorchError) -> Tensor { try sumAll.tensor(.tensor(self)) }

  /// The sum along a dimension.
  public func sum(dim: Int, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try sumDims.tensor(.tensor(self), .ints([dim]), .bool(keepDim))
  }

  /// The mean of all elements, a scalar.
  public func mean() throws(TorchError) -> Tensor { try meanAll.tensor(.tensor(self)) }

  /// The mean along a dimension.
  public func mean(dim: Int, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try meanDims.tensor(.tensor(self), .ints([dim]), .bool(keepDim))
  }

  /// The largest element, a scalar.
  public func max() throws(TorchError) -> Tensor { try maxAll.tensor(.tensor(self)) }

  /// The smallest element, a scalar.
  public func min() throws(TorchError) -> Tensor { try minAll.tensor(.tensor(self)) }

  /// The largest elements along a dimension and where they are (int64).
  public func max(
    dim: Int, keepDim: Bool = false
  ) throws(TorchError) -> (values: Tensor, indices: Tensor) {
    try pair(maxDim.tensors(.tensor(self), .int(dim), .bool(keepDim)), of: "max")
  }

  /// Where the largest element along a dimension is, int64.
  public func argmax(dim: Int) throws(TorchError) -> Tensor {
    try argmaxOperator.tensor(.tensor(self), .int(dim))
  }

  /// The variance along a dimension, divided by the count less `correction`.
  public func variance(
    dim: Int, correction: Int = 1, keepDim: Bool = false
  ) throws(TorchError) -> Tensor {
    try varOperator.tensor(.tensor(self), .ints([dim]), .int(correction), .bool(keepDim))
  }

  /// The k largest elements along a dimension, largest first, and where they are (int64).
  public func topK(
    _ k: Int, dim: Int = -1
  ) throws(TorchError) -> (values: Tensor, indices: Tensor) {
    try pair(topkOperator.tensors(.tensor(self), .int(k), .int(dim)), of: "topk")
  }

  /// The elements in order along a dimension, and where they were (int64).
  public func sorted(
    dim: Int = -1, descending: Bool = false
  ) throws(TorchError) -> (values: Tensor, indices: Tensor) {
    try pair(sortOperator.tensors(.tensor(self), .int(dim), .bool(descending)), of: "sort")
  }

  /// The Euclidean norm along a dimension.
  public func norm(dim: Int, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try normOperator.tensor(.tensor(self), .double(2), .ints([dim]), .bool(keepDim))
  }

  /// Divided by the Euclidean norm along a dimension, which is at least `epsilon`.
  public func normalized(dim: Int = -1, epsilon: Double = 1e-12) throws(TorchError) -> Tensor {
    try self / norm(dim: dim, keepDim: true).clamped(from: epsilon)
  }

  /// Exponentials along a dimension, divided by their sum.
  public func softmax(dim: Int) throws(TorchError) -> Tensor {
    try softmaxOperator.tensor(.tensor(self), .int(dim))
  }

  /// The logarithm of the softmax along a dimension.
  public func logSoftmax(dim: Int) throws(TorchError) -> Tensor {
    try logSoftmaxOperator.tensor(.tensor(self), .int(dim))
  }

  /// The logarithm of the sum of exponentials along a dimension.
  public func logSumExp(dim: Int, keepDim: Bool = false) throws(TorchError) -> Tensor {
    try logsumexpOperator.tensor(.tensor(self), .ints([dim]), .bool(keepDim))
  }

  /// Eigenvalues, ascending, and eigenvectors (columns) of a symmetric matrix.
  public func symmetricEigen() throws(TorchError) -> (values: Tensor, vectors: Tensor) {
    let found = try pair(eighOperator.tensors(.tensor(self)), of: "eigh")
    return (values: found.values, vectors: found.indices)
  }

  /// The inverse of symmetric positive definite matrices, the last two dimensions.
  public func symmetricInverse() throws(TorchError) -> Tensor {
    try choleskyInverseOperator.tensor(.tensor(choleskyOperator.tensor(.tensor(self))))
  }

  private func pair(
    _ results: [Tensor], of operation: String
  ) throws(TorchError) -> (values: Tensor, indices: Tensor) {
    guard results.count == 2 else { throw TorchError(operation, "returned no pair") }
    return (values: results[0], indices: results[1])
  }
}
