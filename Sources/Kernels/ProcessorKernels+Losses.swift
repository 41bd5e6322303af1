internal import CKernels

extension ProcessorKernels {
  /// Logits and soft targets of rows over many columns.
  public struct SoftTargets {
    /// `[M, K]`, row by row.
    public var logits: UnsafePointer<Float>
    /// `[R, K]`; row `r` of the logits meets row `r mod R`.
    public var targets: UnsafePointer<Float>
    /// The weight of each row, `[M]`; nil weighs all 1.
    public var weights: UnsafePointer<Float>?
    /// `M`.
    public var rows: Int
    /// `K`.
    public var columns: Int
    /// `R`.
    public var targetRows: Int

    /// Creates operands.
    public init(
      logits: UnsafePointer<Float>, targets: UnsafePointer<Float>,
      weights: UnsafePointer<Float>? = nil, rows: Int, columns: Int, targetRows: Int
    ) {
      self.logits = logits
      self.targets = targets
      self.weights = weights
      self.rows = rows
      self.columns = columns
      self.targetRows = targetRows
    }
  }

  /// Cross-entropy of soft targets, and its gradient, in one pass over each row.
  ///
  /// - Parameters:
  ///   - operands: Logits and targets.
  ///   - temperature: The logits are divided by it.
  ///   - losses: Takes `wᵣ · −Σ t · log softmax(s / τ)`, `[M]`.
  ///   - gradient: Takes the gradient of their sum by the logits, `[M, K]`.
  public func crossEntropy(
    _ operands: SoftTargets, temperature: Double, losses: UnsafeMutablePointer<Float>,
    gradient: UnsafeMutablePointer<Float>
  ) {
    precondition(operands.targetRows > 0 || operands.rows == 0, "rows without targets")
    ck_cross_entropy(
      pool, level.code,
      ck_cross_entropy_source(
        logits: operands.logits, targets: operands.targets, weights: operands.weights,
        scale: Float(1 / temperature), rows: Int64(operands.rows),
        columns: Int64(operands.columns), target_rows: Int64(operands.targetRows)),
      losses, gradient)
  }

  /// Sinkhorn-Knopp: columns and rows of `exp(z / T)` are divided by their sums, in turn.
  ///
  /// - Parameters:
  ///   - logits: `z`, `[M, K]`, row by row.
  ///   - shape: `M` and `K`.
  ///   - temperature: `T`.
  ///   - iterations: How often.
  ///   - targets: Takes the result, `[M, K]`.
  /// - Returns: False if the logits of a row are too far apart for single precision; the result is
  ///   then undefined.
  public func balance(
    _ logits: UnsafePointer<Float>, shape: (rows: Int, columns: Int), temperature: Double,
    iterations: Int, into targets: UnsafeMutablePointer<Float>
  ) -> Bool {
    ck_balance(
      pool, level.code,
      ck_balance_source(
        logits: logits, scale: Float(1 / temperature), rows: Int64(shape.rows),
        columns: Int64(shape.columns), iterations: Int64(iterations)), targets)
  }
}
