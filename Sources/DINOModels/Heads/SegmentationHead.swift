public import Torch

/// A head that gives patches, or parts of them, a class.
public protocol SegmentationHead: AnyObject {
  /// All parameters by name.
  var parameters: ParameterStore { get }
  /// The number of blocks that features are taken from.
  var taps: Int { get }
  /// The number of classes.
  var classes: Int { get }

  /// Scores of maps.
  ///
  /// - Parameter maps: The patch tokens of the blocks after the final norm, each `[B, D, h, w]`.
  /// - Returns: Numbers whose softmax over the classes are probabilities, `[B, K, H, W]`, at a size that
  ///   the head chooses.
  /// - Throws: `TorchError` if the maps do not fit.
  func callAsFunction(_ maps: [Tensor]) throws(TorchError) -> Tensor
}
