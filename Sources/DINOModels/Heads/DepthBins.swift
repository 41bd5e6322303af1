public import Torch

/// How logits of a linear depth head become metres.
///
/// Source: Bhat et al., 2021 (AdaBins), equation 3, with fixed bins; Li et al., 2022 (BinsFormer).
public struct DepthBins: Equatable, Sendable, Codable {
  /// Where the centres of the bins lie.
  public enum Spacing: String, Sendable, Codable {
    /// Evenly from the smallest to the largest depth.
    case uniform = "UD"
    /// Evenly in the exponent, `10^min` to `10^max`, as the released code computes it.
    case exponential = "SID"
  }

  /// How logits become weights that sum to 1.
  public enum Weighting: String, Sendable, Codable {
    /// The positive part plus 0.1, divided by the sum.
    case linear
    /// The softmax.
    case softmax
    /// Sigmoids, divided by their sum.
    case sigmoid
  }

  /// The number of bins.
  public var count: Int
  /// Where their centres lie.
  public var spacing: Spacing
  /// How logits become weights.
  public var weighting: Weighting

  /// Creates a choice; what is left out is that of the released heads.
  public init(count: Int = 256, spacing: Spacing = .uniform, weighting: Weighting = .linear) {
    self.count = count
    self.spacing = spacing
    self.weighting = weighting
  }

  /// The expected depth of each pixel.
  ///
  /// - Parameters:
  ///   - logits: `[B, bins, H, W]`.
  ///   - range: The smallest and the largest depth, metres.
  /// - Returns: Metres, `[B, 1, H, W]`.
  /// - Throws: `TorchError` if the number of channels is not ``count``.
  public func depth(
    of logits: Tensor, in range: ClosedRange<Double>
  ) throws(TorchError) -> Tensor {
    let weights: Tensor
    switch weighting {
    // 0.1 keeps every bin alive; source: `depth_pred` of the released decode head.
    case .linear: weights = try logits.relu() + 0.1
    case .softmax: weights = try logits.softmax(dim: 1)
    case .sigmoid: weights = try logits.sigmoid()
    }
    let dtype = logits.dtype ?? .float32
    let filters = try centres(in: range, dtype: dtype).to(device: logits.device)
      .reshape(1, count, 1, 1)
    let weighted = try weights.conv2d(weight: filters, bias: nil)  // [B, 1, H, W]
    guard weighting != .softmax else { return weighted }
    return try weighted / weights.sum(dim: 1, keepDim: true)
  }

  /// The centres of the bins, `[bins]`, metres.
  private func centres(
    in range: ClosedRange<Double>, dtype: DType
  ) throws(TorchError) -> Tensor {
    let even = try Tensor.linspace(
      range.lowerBound, range.upperBound, count: count, dtype: dtype)
    guard spacing == .exponential else { return even }
    let ln10 = 2.302_585_092_994_046
    return try (even * ln10).exp()
  }
}
