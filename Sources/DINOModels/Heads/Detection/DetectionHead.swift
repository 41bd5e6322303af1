internal import Foundation
public import Torch

/// What a ``DetectionHead`` predicts for images.
public struct DetectionOutput {
  /// Scores before the sigmoid, `[B, N, K]`.
  public let logits: Tensor
  /// Boxes in pixels of the padded image, left, top, right, bottom: `[B, N, 4]`.
  public let boxes: Tensor
  /// The places of the predictions.
  public let grid: DetectionGrid

  /// Joins predictions.
  ///
  /// - Parameters:
  ///   - logits: Scores before the sigmoid, `[B, N, K]`.
  ///   - boxes: Boxes, `[B, N, 4]`.
  ///   - grid: The `N` places.
  package init(logits: Tensor, boxes: Tensor, grid: DetectionGrid) {
    (self.logits, self.boxes, self.grid) = (logits, boxes, grid)
  }
}

/// Boxes with classes from the patch tokens of a plain ViT, without anchors.
///
/// The tokens of some blocks are joined and made narrower, a simple feature pyramid gives maps of several
/// sizes, and at each place two small towers that all levels share predict a score per class and the distances
/// to the four edges. There is no branch for centre-ness: the score itself learns how well the box fits
/// (see `QualityFocalLoss`), which saves a prediction and orders the boxes better.
///
/// Registers and class tokens take no part, so that a head fits backbones with and without them.
///
/// Source: Tian et al., 2019 (FCOS) for the predictions, Li et al., 2022 (ViTDet) for the pyramid.
///
/// Shapes: `B` images, an `h × w` grid of patches, `L · D` channels of all blocks side by side, `N` places,
/// `K` classes.
public final class DetectionHead {
  /// The sizes.
  public let config: DetectionHeadConfig
  /// All parameters by name.
  public let parameters: ParameterStore
  private let project: Linear
  private let norm: LayerNorm
  private let neck: [DetectionConvolution]
  private let pyramid: SimpleFeaturePyramid
  private let classTower: [DetectionConvolution]
  private let boxTower: [DetectionConvolution]
  private let classWeight: Parameter
  private let classBias: Parameter
  private let boxWeight: Parameter
  private let boxBias: Parameter
  private let levelScale: Parameter

  /// The score that each place starts from: most of them are background.
  ///
  /// Source: Lin et al., 2017 (focal loss), section 4.1.
  private static let prior = 0.01

  /// Distances are this many cells at first.
  private static let unit = 2.0

  /// Registers the parameters under a scope.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scope: Where the parameters are registered.
  /// - Throws: `TorchError` if a size is impossible or a name is taken.
  public init(_ config: DetectionHeadConfig, in scope: ParameterScope) throws(TorchError) {
    if let problem = config.problem { throw TorchError("detection_head", problem) }
    self.config = config
    parameters = scope.parameterStore
    let width = config.channels
    project = try Linear(config.taps * config.embedDim, width, in: scope / "project")
    norm = try LayerNorm(width, epsilon: 1e-6, in: scope / "norm")
    func tower(_ name: String, _ depth: Int) throws(TorchError) -> [DetectionConvolution] {
      try (0..<depth).map { index throws(TorchError) in
        try DetectionConvolution(width, in: scope / name / index)
      }
    }
    neck = try tower("neck", config.neckDepth)
    pyramid = try SimpleFeaturePyramid(config, in: scope / "pyramid")
    classTower = try tower("class_tower", config.towerDepth)
    boxTower = try tower("box_tower", config.towerDepth)
    classWeight = try (scope / "class").parameter(
      "weight", [config.classes, width, 3, 3], .normal(deviation: 0.01))
    classBias = try (scope / "class").parameter(
      "bias", [config.classes], .constant(-log((1 - Self.prior) / Self.prior)))
    boxWeight = try (scope / "box").parameter("weight", [4, width, 3, 3], .normal(deviation: 0.01))
    boxBias = try (scope / "box").parameter("bias", [4], .zeros)
    levelScale = try scope.parameter("level_scale", [config.finest + config.coarsest + 1], .ones)
  }

  /// The predictions for images.
  ///
  /// - Parameter patches: Patch tokens of all blocks side by side, `[B, h, w, L · D]`.
  /// - Returns: Scores and boxes of all places.
  /// - Throws: `TorchError` if the shape does not fit.
  public func callAsFunction(_ patches: Tensor) throws(TorchError) -> DetectionOutput {
    let (b, h, w, _) = try patches.shape4()
    var x = try norm(project(patches)).gelu()  // [B, h, w, C]
    for layer in neck { x = try x + layer(x) }
    let grid = DetectionGrid(height: h, width: w, config)
    var logits: [Tensor] = []
    var distances: [Tensor] = []
    for (index, map) in try pyramid(x).enumerated() {
      let level = grid.levels[index]
      let scores = try predict(map, classTower, classWeight, classBias)
      logits.append(try scores.reshape(b, level.count, config.classes))
      let raw = try predict(map, boxTower, boxWeight, boxBias).reshape(b, level.count, 4)
      let scaled = try raw * levelScale.value.narrow(dim: 0, index..<index + 1)
      distances.append(try scaled.softplus() * (Self.unit * level.stride))
    }
    return DetectionOutput(
      logits: try .cat(logits, dim: 1),
      boxes: try boxes(grid, .cat(distances, dim: 1)), grid: grid)
  }

  /// - Returns: Predictions, `[B, h, w, O]`.
  private func predict(
    _ map: Tensor, _ tower: [DetectionConvolution], _ weight: Parameter, _ bias: Parameter
  ) throws(TorchError) -> Tensor {
    var x = map
    for layer in tower { x = try layer(x) }
    return try x.permute(0, 3, 1, 2)
      .conv2d(weight: weight.value, bias: bias.value, padding: 1).permute(0, 2, 3, 1)
  }

  /// Boxes from the distances to left, top, right and bottom, `[B, N, 4]`.
  private func boxes(_ grid: DetectionGrid, _ distances: Tensor) throws(TorchError) -> Tensor {
    let points = try Tensor(grid.centers, [1, grid.count, 2])
      .to(dtype: distances.dtype ?? .float32).to(device: distances.device)
    let start = try points - distances.narrow(dim: 2, 0..<2)
    let end = try points + distances.narrow(dim: 2, 2..<4)
    return try .cat([start, end], dim: 2)
  }
}
