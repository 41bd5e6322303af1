internal import Torch

/// Orthonormal coordinates of tokens in which ``WhitenedStart`` keeps its parts apart.
///
/// All directions are random but for one, that of equal values, which normalisation takes away and which
/// is left empty.
struct ResidualSpace {
  /// Row, column and squared distance from the middle, `[D, 3]`.
  let position: Tensor
  /// What only class tokens and registers have, `[D, 1]`.
  let classFlag: Tensor
  /// What only patches have, `[D, 1]`.
  let patchFlag: Tensor
  /// Components of patches; what the class token collects, `[D, C]`.
  let content: Tensor
  /// Recoded patches, `[D, R]`.
  let recoded: Tensor

  /// Draws coordinates.
  ///
  /// - Parameters:
  ///   - width: D, 32 at least.
  ///   - patchValues: Values of a patch: there cannot be more components.
  ///   - generator: Random numbers.
  /// - Throws: `TorchError` if memory is short.
  init(width: Int, patchValues: Int, _ generator: Generator) throws(TorchError) {
    let random = try Tensor.randn([width, width], generator: generator, dtype: .float64)
    let symmetric = try random + random.transpose(0, 1)
    // The direction of equal values becomes an eigenvector, that of the largest value: the last.
    let equal = try Tensor.full([width, width], 1 / Double(width), dtype: .float64)
    let one = try Tensor.zeros([width, width], dtype: .float64)
    try one.fillDiagonal(1)
    let rest = try one - equal
    let matrix = try rest.matmul(symmetric).matmul(rest) + equal * (100 * Double(width))
    let basis = try matrix.symmetricEigen().vectors.to(dtype: .float32)
    let components = min((width - 6) / 2, patchValues)
    let codes = min(width - 6 - components, 2 * components)
    position = try basis.narrow(dim: 1, 0..<3)
    classFlag = try basis.narrow(dim: 1, 3..<4)
    patchFlag = try basis.narrow(dim: 1, 4..<5)
    content = try basis.narrow(dim: 1, 5..<(5 + components))
    recoded = try basis.narrow(dim: 1, (5 + components)..<(5 + components + codes))
  }

  /// The number of components of patches.
  var components: Int { content.shape[1] }
  /// The number of codes of patches.
  var codes: Int { recoded.shape[1] }
}

/// The directions of greatest variance of rows.
struct PrincipalComponents {
  /// The rows' mean, `[1, P]`.
  let mean: Tensor
  /// Unit directions, the greatest variance first, `[P, k]`.
  let directions: Tensor
  /// Variances, `[1, k]`.
  let variances: Tensor

  /// Computes them in float64.
  ///
  /// - Parameters:
  ///   - rows: `[M, P]`.
  ///   - count: How many are kept, P at most.
  /// - Throws: `TorchError` if memory is short.
  init(of rows: Tensor, count: Int) throws(TorchError) {
    let rows = try rows.to(dtype: .float64)
    let mean = try rows.mean(dim: 0, keepDim: true)
    let centred = try rows - mean
    let covariance = try centred.transpose(0, 1).matmul(centred) / Double(rows.shape[0])
    let (values, vectors) = try covariance.symmetricEigen()  // ascending
    let kept = (values.shape[0] - count)..<values.shape[0]
    self.mean = try mean.to(dtype: .float32)
    directions = try vectors.narrow(dim: 1, kept).flip(dims: [1]).to(dtype: .float32)
    variances = try values.narrow(dim: 0, kept).flip(dims: [0]).clamped(from: 0)
      .to(dtype: .float32).unsqueeze(dim: 0)
  }

  /// Directions divided by powers of their variances, so that the mean square of a coordinate is 1.
  ///
  /// Half the smallest variance is added to all, so that what is mostly noise is not blown up.
  ///
  /// - Parameter power: 1/2 makes all variances alike, 0 leaves them.
  /// - Returns: `[P, k]`.
  /// - Throws: `TorchError` if memory is short.
  func scaled(power: Double) throws(TorchError) -> Tensor {
    let largest = try variances.max().item()
    guard largest > 0 else { return directions }
    let raised = try variances + max(0.5 * variances.min().item(), 1e-5 * largest)
    let factors = try raised.pow(-power)
    let size = try (variances * factors * factors).mean().item().squareRoot()
    return try directions * factors / size
  }
}
