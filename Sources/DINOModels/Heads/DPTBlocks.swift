internal import Torch

/// One level of DPT's reassembly: tokens of one block to a map of the level's width and size.
///
/// Source: Ranftl et al., 2021, equations 1–5. Keys: `readout_projects.{level}.0`,
/// `projects.{level}.conv`, `resize_layers.{level}`.
final class DPTReassembly {
  private let readout: DPTDepthHeadConfig.Readout
  private let readoutProject: Linear?
  private let project: Conv2d
  private let resize: Resize

  /// From ×4 on the finest level to ×½ on the coarsest.
  private enum Resize {
    case enlarge(ConvTranspose2d)
    case keep
    case shrink(Conv2d)
  }

  init(
    _ config: DPTDepthHeadConfig, level: Int, in scope: ParameterScope
  ) throws(TorchError) {
    let width = config.reassembledChannels[level]
    readout = config.readout
    readoutProject =
      config.readout == .project
      ? try Linear(
        2 * config.embedDim, config.embedDim, in: scope / "readout_projects" / level / 0) : nil
    project = try Conv2d(
      ConvolutionShape(inputs: config.embedDim, outputs: width, kernel: 1),
      in: scope / "projects" / level / "conv")
    let resizeScope = scope / "resize_layers" / level
    switch level {
    case 0, 1:
      let factor = level == 0 ? 4 : 2
      resize = .enlarge(
        try ConvTranspose2d(
          ConvolutionShape(inputs: width, outputs: width, kernel: factor, stride: factor),
          in: resizeScope))
    case 2: resize = .keep
    default:
      resize = .shrink(
        try Conv2d(
          ConvolutionShape(inputs: width, outputs: width, kernel: 3, stride: 2, padding: 1),
          in: resizeScope))
    }
  }

  /// - Returns: A map, `[B, width, h', w']`.
  func callAsFunction(_ tap: FeatureTap) throws(TorchError) -> Tensor {
    let x = try project(read(tap))
    switch resize {
    case .enlarge(let layer): return try layer(x)
    case .keep: return x
    case .shrink(let layer): return try layer(x)
    }
  }

  /// Patch maps into which the class token has been read, `[B, D, h, w]`.
  private func read(_ tap: FeatureTap) throws(TorchError) -> Tensor {
    switch readout {
    case .ignore: return tap.maps
    case .add: return try tap.maps + tap.clsToken.unsqueeze(dim: -1).unsqueeze(dim: -1)
    case .project:
      guard let readoutProject else { return tap.maps }
      let tokens = try tap.joinedMaps.permute(0, 2, 3, 1)  // [B, h, w, 2D]
      return try readoutProject(tokens).gelu().permute(0, 3, 1, 2)  // [B, D, h, w]
    }
  }
}

/// One step of DPT's fusion: adds the next finer map and doubles the size.
///
/// The original doubles the size before it projects; the projection is pointwise and the weights of an
/// interpolation sum to 1, so the order is free, and this one costs a quarter.
///
/// Source: Ranftl et al., 2021, figure 1, right. Keys: `res_conv_unit1`, `res_conv_unit2`,
/// `project.conv`.
final class DPTFusion {
  private let skipUnit: DPTResidualUnit?
  private let unit: DPTResidualUnit
  private let project: Conv2d

  init(_ width: Int, hasSkip: Bool, in scope: ParameterScope) throws(TorchError) {
    project = try Conv2d(
      ConvolutionShape(inputs: width, outputs: width, kernel: 1), in: scope / "project" / "conv")
    skipUnit = hasSkip ? try DPTResidualUnit(width, in: scope / "res_conv_unit1") : nil
    unit = try DPTResidualUnit(width, in: scope / "res_conv_unit2")
  }

  /// - Parameters:
  ///   - x: What was fused so far, `[B, C, h, w]`.
  ///   - skip: The map of this level, brought to the size of `x` if it has another.
  /// - Returns: `[B, C, 2h, 2w]`.
  /// - Throws: `TorchError` if the widths differ.
  func callAsFunction(_ x: Tensor, skip: Tensor?) throws(TorchError) -> Tensor {
    var x = x
    if let skip, let skipUnit {
      let (_, _, h, w) = try x.shape4()
      let (_, _, rows, columns) = try skip.shape4()
      let fits = (rows, columns) == (h, w)
      x = try x + skipUnit(fits ? skip : skip.resizedBilinear(height: h, width: w))
    }
    return try project(unit(x)).doubled()
  }
}

/// Two 3×3 convolutions, each after a ReLU, around a shortcut.
///
/// Source: He et al., 2016 (identity mappings), without norms. Keys: `conv1.conv`, `conv2.conv`.
final class DPTResidualUnit {
  private let first: Conv2d
  private let second: Conv2d

  init(_ width: Int, in scope: ParameterScope) throws(TorchError) {
    let shape = ConvolutionShape(inputs: width, outputs: width, kernel: 3, padding: 1)
    first = try Conv2d(shape, bias: false, in: scope / "conv1" / "conv")
    second = try Conv2d(shape, bias: false, in: scope / "conv2" / "conv")
  }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try second(first(x.relu()).relu()) + x
  }
}
