internal import Foundation

/// How one parameter takes part in the schedules.
public struct ParameterSetting: Codable, Equatable, Sendable {
  /// The parameter's name.
  public let name: String
  /// Factor on the learning rate.
  public let learningRateFactor: Double
  /// Factor on the weight decay: 0 or 1.
  public let weightDecayFactor: Double
  /// Whether it follows the learning rate of the last layer: the prototypes.
  public let isLastLayer: Bool

  enum CodingKeys: String, CodingKey {
    case name
    case learningRateFactor = "lr_multiplier"
    case weightDecayFactor = "wd_multiplier"
    case isLastLayer = "is_last_layer"
  }
}

/// Parameters with equal factors.
public struct FusedParameters: Codable, Equatable, Sendable {
  /// The parameters' names.
  public var names: [String]
  /// Factor on the learning rate.
  public let learningRateFactor: Double
  /// Factor on the weight decay: 0 or 1.
  public let weightDecayFactor: Double
  /// Whether they follow the learning rate of the last layer.
  public let isLastLayer: Bool

  enum CodingKeys: String, CodingKey {
    case names
    case learningRateFactor = "lr_multiplier"
    case weightDecayFactor = "wd_multiplier"
    case isLastLayer = "is_last_layer"
  }

  /// The learning rate of an iteration.
  ///
  /// - Parameter values: The iteration's values.
  /// - Returns: The rate.
  public func learningRate(_ values: TrainingSchedules.Values) -> Double {
    (isLastLayer ? values.lastLayerLearningRate : values.learningRate) * learningRateFactor
  }

  /// The weight decay of an iteration.
  ///
  /// - Parameter values: The iteration's values.
  /// - Returns: The decay.
  public func weightDecay(_ values: TrainingSchedules.Values) -> Double {
    values.weightDecay * weightDecayFactor
  }
}

/// The factors of all parameters of a network, and the groups that they form.
///
/// A block's learning rate is `decay^(L + 1 − id)` with `id` 0 for what stands before the blocks,
/// `i + 1` for block `i` of `L`; the final norm and the heads have factor 1. The patch projection
/// has another factor besides. Biases, norms and LayerScale are not decayed; positions, the class,
/// mask and register tokens and the prototypes' lengths are.
///
/// Source: `get_params_groups_with_decay` and `fuse_params_groups` in `dinov2/utils/param_groups.py`.
public struct ParameterGroups: Equatable, Sendable {
  /// One setting per parameter, in the order of the names.
  public let settings: [ParameterSetting]

  /// Finds the factors of the parameters of a backbone or a head.
  ///
  /// - Parameters:
  ///   - names: The names within the backbone or the head.
  ///   - depth: The number of blocks of a backbone; nil for a head.
  ///   - layerwiseDecay: The factor from block to block.
  ///   - patchEmbedFactor: The factor of the patch projection.
  public init(
    names: [String], depth: Int?, layerwiseDecay: Double = 1, patchEmbedFactor: Double = 1
  ) {
    settings = names.map { name in
      var factor = 1.0
      if let depth {
        factor = pow(layerwiseDecay, Double(depth + 1 - Self.layer(of: name, depth: depth)))
        if name.contains("patch_embed") { factor *= patchEmbedFactor }
      }
      let isFree = name.hasSuffix(".bias") || name.contains("norm") || name.contains("gamma")
      return ParameterSetting(
        name: name, learningRateFactor: factor, weightDecayFactor: isFree ? 0 : 1,
        isLastLayer: name.contains("last_layer"))
    }
  }

  /// The parameters gathered by their factors, in the order of first appearance.
  public var fused: [FusedParameters] {
    var groups: [FusedParameters] = []
    var positions: [Factors: Int] = [:]
    for setting in settings {
      let factors = Factors(setting)
      if let position = positions[factors] {
        groups[position].names.append(setting.name)
      } else {
        positions[factors] = groups.count
        groups.append(
          FusedParameters(
            names: [setting.name], learningRateFactor: setting.learningRateFactor,
            weightDecayFactor: setting.weightDecayFactor, isLastLayer: setting.isLastLayer))
      }
    }
    return groups
  }

  private struct Factors: Hashable {
    let learningRate: Double
    let weightDecay: Double
    let isLastLayer: Bool

    init(_ setting: ParameterSetting) {
      learningRate = setting.learningRateFactor
      weightDecay = setting.weightDecayFactor
      isLastLayer = setting.isLastLayer
    }
  }

  /// The place of a backbone's parameter on the way from the pixels: 0 before the blocks, `i + 1` in
  /// block `i`, `depth + 1` behind them.
  private static func layer(of name: String, depth: Int) -> Int {
    let parts = name.split(separator: ".")
    guard let first = parts.first else { return depth + 1 }
    switch first {
    case "pos_embed", "patch_embed", "mask_token", "cls_token", "register_tokens": return 0
    case "blocks":
      // `blocks.{i}.…`, or `blocks.{chunk}.{i}.…` with `i` counted over all chunks.
      let numbers = parts.dropFirst().prefix { Int($0) != nil }
      return numbers.last.flatMap { Int($0) }.map { $0 + 1 } ?? depth + 1
    default: return depth + 1
    }
  }
}
