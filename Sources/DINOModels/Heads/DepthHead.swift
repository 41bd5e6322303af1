public import Torch

/// A head that makes depth maps from features of several blocks.
public protocol DepthHead: AnyObject {
  /// All parameters by the names of the released files.
  var parameters: ParameterStore { get }
  /// The smallest and the largest depth, metres.
  var range: ClosedRange<Double> { get }
  /// The number of blocks that features are taken from.
  var taps: Int { get }

  /// The depth of a batch of images.
  ///
  /// - Parameter taps: The outputs of the blocks without the final norm, in their order.
  /// - Returns: Metres, `[B, 1, H, W]`, at a size that the head chooses, not clamped.
  /// - Throws: `TorchError` if the taps do not fit.
  func callAsFunction(_ taps: [FeatureTap]) throws(TorchError) -> Tensor
}
