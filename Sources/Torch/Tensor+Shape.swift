private let reshapeOperator = Operator("aten::reshape")
private let permuteOperator = Operator("aten::permute")
private let transposeOperator = Operator("aten::transpose", "int")
private let squeezeOperator = Operator("aten::squeeze", "dim")
private let unsqueezeOperator = Operator("aten::unsqueeze")
private let expandOperator = Operator("aten::expand")
private let flattenOperator = Operator("aten::flatten", "using_ints")
private let narrowOperator = Operator("aten::narrow")
private let selectOperator = Operator("aten::select", "int")
private let indexSelectOperator = Operator("aten::index_select")
private let indexOperator = Operator("aten::index", "Tensor")
private let gatherOperator = Operator("aten::gather")
private let unbindOperator = Operator("aten::unbind", "int")
private let chunkOperator = Operator("aten::chunk")
private let splitOperator = Operator("aten::split_with_sizes")
private let catOperator = Operator("aten::cat")
private let stackOperator = Operator("aten::stack")
private let flipOperator = Operator("aten::flip")
private let padOperator = Operator("aten::constant_pad_nd")
private let indexAddOperator = Operator("aten::index_add")
private let indexAddInPlace = Operator("aten::index_add_")
private let scatterAddOperator = Operator("aten::scatter_add")

extension Tensor {
  /// The same elements in another shape; one size may be -1.
  public func reshape(_ shape: Int...) throws(TorchError) -> Tensor {
    try reshape(shape)
  }

  /// The same elements in another shape; one size may be -1.
  public func reshape(_ shape: [Int]) throws(TorchError) -> Tensor {
    try reshapeOperator.tensor(.tensor(self), .ints(shape))
  }

  /// The dimensions in another order.
  public func permute(_ order: Int...) throws(TorchError) -> Tensor {
    try permuteOperator.tensor(.tensor(self), .ints(order))
  }

  /// Two dimensions exchanged.
  public func transpose(_ first: Int, _ second: Int) throws(TorchError) -> Tensor {
    try transposeOperator.tensor(.tensor(self), .int(first), .int(second))
  }

  /// A dimension of size 1 taken out.
  public func squeeze(dim: Int) throws(TorchError) -> Tensor {
    try squeezeOperator.tensor(.tensor(self), .int(dim))
  }

  /// A dimension of size 1 put in.
  public func unsqueeze(dim: Int) throws(TorchError) -> Tensor {
    try unsqueezeOperator.tensor(.tensor(self), .int(dim))
  }

  /// Dimensions of size 1 stretched without a copy; -1 keeps a size.
  public func expand(_ shape: Int...) throws(TorchError) -> Tensor {
    try expandOperator.tensor(.tensor(self), .ints(shape))
  }

  /// The dimensions from `start` to `end` joined into one.
  public func flatten(from start: Int = 0, to end: Int = -1) throws(TorchError) -> Tensor {
    try flattenOperator.tensor(.tensor(self), .int(start), .int(end))
  }

  /// A range of one dimension, without a copy.
  public func narrow(dim: Int, _ range: Range<Int>) throws(TorchError) -> Tensor {
    try narrowOperator.tensor(
      .tensor(self), .int(dim), .int(range.lowerBound), .int(range.count))
  }

  /// One entry of a dimension, which disappears; without a copy.
  public func select(dim: Int, _ index: Int) throws(TorchError) -> Tensor {
    try selectOperator.tensor(.tensor(self), .int(dim), .int(index))
  }

  /// The entries of a dimension with the given indices, in their order.
  public func selecting(_ indices: [Int], dim: Int) throws(TorchError) -> Tensor {
    try selecting(Tensor(indices.map(Int64.init)).to(device: device), dim: dim)
  }

  /// The entries of a dimension with the given indices (int64, `[K]`), in their order.
  public func selecting(_ indices: Tensor, dim: Int) throws(TorchError) -> Tensor {
    try indexSelectOperator.tensor(.tensor(self), .int(dim), .tensor(indices))
  }

  /// The elements where a bool tensor of the leading dimensions holds.
  public func masked(by mask: Tensor) throws(TorchError) -> Tensor {
    try indexOperator.tensor(.tensor(self), .optionalTensors([mask]))
  }

  /// The element of each row at an index (int64), along a dimension.
  public func gather(dim: Int, _ indices: Tensor) throws(TorchError) -> Tensor {
    try gatherOperator.tensor(.tensor(self), .int(dim), .tensor(indices))
  }

  /// All entries of a dimension, which disappears; without a copy.
  public func unbind(dim: Int = 0) throws(TorchError) -> [Tensor] {
    try unbindOperator.tensors(.tensor(self), .int(dim))
  }

  /// The three entries of the first dimension, which disappears.
  public func unbind3() throws(TorchError) -> (Tensor, Tensor, Tensor) {
    let parts = try unbind()
    guard parts.count == 3 else {
      throw TorchError("unbind", "expected 3 entries", operands: [typeDescription])
    }
    return (parts[0], parts[1], parts[2])
  }

  /// Up to `count` parts of equal size along a dimension, without a copy.
  public func chunk(_ count: Int, dim: Int) throws(TorchError) -> [Tensor] {
    try chunkOperator.tensors(.tensor(self), .int(count), .int(dim))
  }

  /// Parts of given sizes along a dimension, without a copy.
  public func split(_ sizes: [Int], dim: Int) throws(TorchError) -> [Tensor] {
    try splitOperator.tensors(.tensor(self), .ints(sizes), .int(dim))
  }

  /// Tensors one after the other along an existing dimension.
  public static func cat(_ tensors: [Tensor], dim: Int = 0) throws(TorchError) -> Tensor {
    try catOperator.tensor(.tensors(tensors), .int(dim))
  }

  /// Tensors of one shape along a new dimension.
  public static func stack(_ tensors: [Tensor], dim: Int = 0) throws(TorchError) -> Tensor {
    try stackOperator.tensor(.tensors(tensors), .int(dim))
  }

  /// The order of the entries of some dimensions reversed.
  public func flip(dims: [Int]) throws(TorchError) -> Tensor {
    try flipOperator.tensor(.tensor(self), .ints(dims))
  }

  /// Constant borders; `widths` are pairs (before, after), the last dimension first.
  public func padded(_ widths: [Int], with value: Double = 0) throws(TorchError) -> Tensor {
    try padOperator.tensor(.tensor(self), .ints(widths), .double(value))
  }

  /// A copy with the entries of `source`, times a factor, added to those at `indices` (int64).
  public func indexAdding(
    _ source: Tensor, at indices: Tensor, dim: Int, scale: Double = 1
  ) throws(TorchError) -> Tensor {
    try indexAddOperator.tensor(
      .tensor(self), .int(dim), .tensor(indices), .tensor(source), .double(scale))
  }

  /// Adds the entries of `source`, times a factor, to those at `indices` (int64), in place.
  public func indexAdd(
    inPlace source: Tensor, at indices: Tensor, dim: Int, scale: Double = 1
  ) throws(TorchError) {
    _ = try indexAddInPlace([
      .tensor(self), .int(dim), .tensor(indices), .tensor(source), .double(scale),
    ])
  }

  /// A copy with each entry of `source` added at the place that `indices` (int64) names along `dim`.
  public func scatterAdding(
    _ source: Tensor, at indices: Tensor, dim: Int
  ) throws(TorchError) -> Tensor {
    try scatterAddOperator.tensor(
      .tensor(self), .int(dim), .tensor(indices), .tensor(source))
  }
}
