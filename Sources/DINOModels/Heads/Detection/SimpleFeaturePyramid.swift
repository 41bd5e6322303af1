internal import Torch

/// A 3×3 convolution, a norm over the channels of each place, and GELU.
///
/// Maps are `[B, h, w, C]`: norms and linear layers take them as they are, and the convolution sees the same
/// memory as a channels-last image.
final class DetectionConvolution {
  private let conv: Conv2d
  private let norm: LayerNorm

  init(_ channels: Int, stride: Int = 1, in scope: ParameterScope) throws(TorchError) {
    conv = try Conv2d(
      ConvolutionShape(
        inputs: channels, outputs: channels, kernel: 3, stride: stride, padding: 1),
      bias: false, in: scope / "conv")
    norm = try LayerNorm(channels, epsilon: 1e-6, in: scope / "norm")
  }

  /// - Returns: `[B, h', w', C]`.
  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try norm(conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)).gelu()
  }
}

/// Twice the rows and columns: each place becomes four, by a transposed convolution of kernel and step 2, a
/// norm and GELU.
final class DetectionUpsampling {
  private let linear: Linear
  private let norm: LayerNorm
  private let channels: Int

  init(_ channels: Int, in scope: ParameterScope) throws(TorchError) {
    self.channels = channels
    linear = try Linear(channels, 4 * channels, in: scope / "linear")
    norm = try LayerNorm(channels, epsilon: 1e-6, in: scope / "norm")
  }

  /// - Returns: `[B, 2h, 2w, C]`.
  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    let (b, h, w, _) = try x.shape4()
    let spread = try linear(x).reshape(b, h, w, 2, 2, channels)
      .permute(0, 1, 3, 2, 4, 5).reshape(b, 2 * h, 2 * w, channels)  // [B, 2h, 2w, C]
    return try norm(spread).gelu()
  }
}

/// Maps of several sizes from the one map that a plain ViT has.
///
/// Each finer level comes from the one below it by doubling, each coarser one by a convolution of step 2; there
/// is no top-down path, since all levels come from the last block already.
///
/// Source: Li et al., 2022 (ViTDet), section 3, "simple feature pyramid"; here the levels are chained, which
/// costs less than making each from the patch grid anew.
final class SimpleFeaturePyramid {
  private let up: [DetectionUpsampling]
  private let down: [DetectionConvolution]

  init(_ config: DetectionHeadConfig, in scope: ParameterScope) throws(TorchError) {
    up = try (0..<config.finest).map { index throws(TorchError) in
      try DetectionUpsampling(config.channels, in: scope / "up" / index)
    }
    down = try (0..<config.coarsest).map { index throws(TorchError) in
      try DetectionConvolution(config.channels, stride: 2, in: scope / "down" / index)
    }
  }

  /// - Parameter x: The patch grid, `[B, h, w, C]`.
  /// - Returns: Maps, the finest first.
  /// - Throws: `TorchError` if the rank is not 4.
  func callAsFunction(_ x: Tensor) throws(TorchError) -> [Tensor] {
    var levels = [x]
    for layer in up { levels.insert(try layer(levels[0]), at: 0) }
    var last = x
    for layer in down {
      last = try layer(last)
      levels.append(last)
    }
    return levels
  }
}
