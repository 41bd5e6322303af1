private let addTensor = Operator("aten::add", "Tensor")
private let addScalar = Operator("aten::add", "Scalar")
private let subTensor = Operator("aten::sub", "Tensor")
private let mulTensor = Operator("aten::mul", "Tensor")
private let mulScalar = Operator("aten::mul", "Scalar")
private let divTensor = Operator("aten::div", "Tensor")
private let divScalar = Operator("aten::div", "Scalar")
private let powScalar = Operator("aten::pow", "Tensor_Scalar")
private let negOperator = Operator("aten::neg")
private let sqrtOperator = Operator("aten::sqrt")
private let expOperator = Operator("aten::exp")
private let logOperator = Operator("aten::log")
private let absOperator = Operator("aten::abs")
private let matmulOperator = Operator("aten::matmul")
private let clampOperator = Operator("aten::clamp")
private let minimumOperator = Operator("aten::minimum")
private let maximumOperator = Operator("aten::maximum")
private let greaterScalar = Operator("aten::gt", "Scalar")
private let lessScalar = Operator("aten::lt", "Scalar")
private let equalTensor = Operator("aten::eq", "Tensor")
private let whereOperator = Operator("aten::where", "self")
private let isFiniteOperator = Operator("aten::isfinite")
private let addInPlace = Operator("aten::add_", "Tensor")
private let mulInPlaceScalar = Operator("aten::mul_", "Scalar")
private let mulInPlace = Operator("aten::mul_", "Tensor")
private let addProductOperator = Operator("aten::addmm")
private let addProductInPlace = Operator("aten::addmm_")
private let addProductsInPlace = Operator("aten::addcmul_")
private let expInPlace = Operator("aten::exp_")
private let copyInPlace = Operator("aten::copy_")
private let fillInPlace = Operator("aten::fill_", "Scalar")
private let fillDiagonalInPlace = Operator("aten::fill_diagonal_")

extension Tensor {
  /// Adds element by element; sizes of 1 are stretched.
  public static func + (lhs: Tensor, rhs: Tensor) throws(TorchError) -> Tensor {
    try addTensor.tensor(.tensor(lhs), .tensor(rhs))
  }

  /// Adds a number to every element.
  public static func + (lhs: Tensor, rhs: Double) throws(TorchError) -> Tensor {
    try addScalar.tensor(.tensor(lhs), .double(rhs))
  }

  /// Subtracts element by element; sizes of 1 are stretched.
  public static func - (lhs: Tensor, rhs: Tensor) throws(TorchError) -> Tensor {
    try subTensor.tensor(.tensor(lhs), .tensor(rhs))
  }

  /// Subtracts a number from every element.
  public static func - (lhs: Tensor, rhs: Double) throws(TorchError) -> Tensor {
    try addScalar.tensor(.tensor(lhs), .double(-rhs))
  }

  /// Multiplies element by element; sizes of 1 are stretched.
  public static func * (lhs: Tensor, rhs: Tensor) throws(TorchError) -> Tensor {
    try mulTensor.tensor(.tensor(lhs), .tensor(rhs))
  }

  /// Multiplies every element by a number.
  public static func * (lhs: Tensor, rhs: Double) throws(TorchError) -> Tensor {
    try mulScalar.tensor(.tensor(lhs), .double(rhs))
  }

  /// Divides element by element; sizes of 1 are stretched.
  public static func / (lhs: Tensor, rhs: Tensor) throws(TorchError) -> Tensor {
    try divTensor.tensor(.tensor(lhs), .tensor(rhs))
  }

  /// Divides every element by a number.
  public static func / (lhs: Tensor, rhs: Double) throws(TorchError) -> Tensor {
    try divScalar.tensor(.tensor(lhs), .double(rhs))
  }

  /// Negates every element.
  public static prefix func - (operand: Tensor) throws(TorchError) -> Tensor {
    try negOperator.tensor(.tensor(operand))
  }

  /// Raises every element to a power.
  public func pow(_ exponent: Double) throws(TorchError) -> Tensor {
    try powScalar.tensor(.tensor(self), .double(exponent))
  }

  /// The square root of every element.
  public func sqrt() throws(TorchError) -> Tensor {
    try sqrtOperator.tensor(.tensor(self))
  }

  /// The exponential of every element.
  public func exp() throws(TorchError) -> Tensor {
    try expOperator.tensor(.tensor(self))
  }

  /// The natural logarithm of every element.
  public func log() throws(TorchError) -> Tensor {
    try logOperator.tensor(.tensor(self))
  }

  /// The absolute value of every element.
  public func abs() throws(TorchError) -> Tensor {
    try absOperator.tensor(.tensor(self))
  }

  /// Whether each element is neither infinite nor NaN, as bool.
  public func isFinite() throws(TorchError) -> Tensor {
    try isFiniteOperator.tensor(.tensor(self))
  }

  /// The matrix product over the last two dimensions; leading ones are batch dimensions.
  public func matmul(_ other: Tensor) throws(TorchError) -> Tensor {
    try matmulOperator.tensor(.tensor(self), .tensor(other))
  }

  /// The sum of this tensor and the product of two matrices.
  public func adding(productOf lhs: Tensor, _ rhs: Tensor) throws(TorchError) -> Tensor {
    try addProductOperator.tensor(.tensor(self), .tensor(lhs), .tensor(rhs))
  }

  /// Every element moved into `[lower, upper]`; a bound that is nil does not bind.
  public func clamped(
    from lower: Double? = nil, to upper: Double? = nil
  ) throws(TorchError) -> Tensor {
    try clampOperator.tensor(
      .tensor(self), lower.map(Argument.double) ?? .none, upper.map(Argument.double) ?? .none)
  }

  /// The smaller of both, element by element.
  public func minimum(_ other: Tensor) throws(TorchError) -> Tensor {
    try minimumOperator.tensor(.tensor(self), .tensor(other))
  }

  /// The larger of both, element by element.
  public func maximum(_ other: Tensor) throws(TorchError) -> Tensor {
    try maximumOperator.tensor(.tensor(self), .tensor(other))
  }

  /// Whether each element is above a number, as bool.
  public func isGreater(than other: Double) throws(TorchError) -> Tensor {
    try greaterScalar.tensor(.tensor(self), .double(other))
  }

  /// Whether each element is below a number, as bool.
  public func isLess(than other: Double) throws(TorchError) -> Tensor {
    try lessScalar.tensor(.tensor(self), .double(other))
  }

  /// Whether the elements are equal, one by one, as bool.
  public func isEqual(to other: Tensor) throws(TorchError) -> Tensor {
    try equalTensor.tensor(.tensor(self), .tensor(other))
  }

  /// Takes elements from this tensor where `condition` holds, else from `other`.
  public func selected(
    where condition: Tensor, else other: Tensor
  ) throws(TorchError) -> Tensor {
    try whereOperator.tensor(.tensor(condition), .tensor(self), .tensor(other))
  }

  /// Adds another tensor, times a factor, in place.
  public func add(inPlace other: Tensor, scale: Double = 1) throws(TorchError) {
    _ = try addInPlace([.tensor(self), .tensor(other), .double(scale)])
  }

  /// Multiplies by a number in place.
  public func multiply(inPlace factor: Double) throws(TorchError) {
    _ = try mulInPlaceScalar([.tensor(self), .double(factor)])
  }

  /// Multiplies by another tensor in place.
  public func multiply(inPlace factor: Tensor) throws(TorchError) {
    _ = try mulInPlace([.tensor(self), .tensor(factor)])
  }

  /// Multiplies by a number, then adds the product of two matrices, times a factor, in place.
  public func multiply(
    inPlace factor: Double, addingProductOf lhs: Tensor, _ rhs: Tensor, scale: Double = 1
  ) throws(TorchError) {
    _ = try addProductInPlace(
      [.tensor(self), .tensor(lhs), .tensor(rhs), .double(factor), .double(scale)])
  }

  /// Adds another tensor, times a third and times a factor, element by element, in place.
  public func add(
    inPlace other: Tensor, times factors: Tensor, scale: Double = 1
  ) throws(TorchError) {
    _ = try addProductsInPlace(
      [.tensor(self), .tensor(other), .tensor(factors), .double(scale)])
  }

  /// Raises e to every element in place.
  public func exponentiate() throws(TorchError) {
    _ = try expInPlace([.tensor(self)])
  }

  /// Overwrites the elements with those of another tensor, converting the dtype.
  public func copy(from source: Tensor) throws(TorchError) {
    _ = try copyInPlace([.tensor(self), .tensor(source)])
  }

  /// Overwrites every element with a number.
  public func fill(_ value: Double) throws(TorchError) {
    _ = try fillInPlace([.tensor(self), .double(value)])
  }

  /// Overwrites the diagonal of a matrix with a number.
  public func fillDiagonal(_ value: Double) throws(TorchError) {
    _ = try fillDiagonalInPlace([.tensor(self), .double(value)])
  }
}
