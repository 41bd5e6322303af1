public import DINOModels
public import Torch

/// The sizes of a student or teacher.
public struct DINONetworkConfig: Equatable, Sendable {
  /// The backbone.
  public var backbone: VisionTransformerConfig
  /// The head of the class tokens.
  public var dinoHead: DINOHeadConfig
  /// The head of the patch tokens; nil if the other head serves both.
  public var ibotHead: DINOHeadConfig?

  /// Creates sizes.
  ///
  /// - Parameters:
  ///   - backbone: The backbone.
  ///   - dinoHead: The head of the class tokens.
  ///   - ibotHead: The head of the patch tokens; nil if the other head serves both.
  public init(
    backbone: VisionTransformerConfig, dinoHead: DINOHeadConfig, ibotHead: DINOHeadConfig? = nil
  ) {
    self.backbone = backbone
    self.dinoHead = dinoHead
    self.ibotHead = ibotHead
  }
}

/// A backbone with its projection heads: the student, or the teacher.
///
/// Parameter names are those of Meta's training checkpoints: `backbone.…`, `dino_head.…`,
/// `ibot_head.…`.
public final class DINONetwork {
  /// The sizes.
  public let config: DINONetworkConfig
  /// All parameters.
  public let parameters: ParameterStore
  /// The backbone.
  public let backbone: VisionTransformer
  /// The head of the class tokens.
  public let dinoHead: DINOHead
  /// The head of the patch tokens; the other one if the heads are tied.
  public let ibotHead: DINOHead

  /// The parts whose gradients are clipped on their own, as prefixes of parameter names.
  public let submodules: [String]

  /// Builds the network and registers its parameters.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scope: Where the parameters are registered.
  /// - Throws: ``TorchError`` if a configuration contradicts itself.
  public init(_ config: DINONetworkConfig, in scope: ParameterScope) throws(TorchError) {
    self.config = config
    parameters = scope.parameterStore
    backbone = try VisionTransformer(config.backbone, in: scope / "backbone")
    dinoHead = try DINOHead(config.dinoHead, in: scope / "dino_head")
    if let ibotHead = config.ibotHead {
      self.ibotHead = try DINOHead(ibotHead, in: scope / "ibot_head")
      submodules = ["backbone", "dino_head", "ibot_head"]
    } else {
      ibotHead = dinoHead
      submodules = ["backbone", "dino_head"]
    }
  }

  /// Whether one head serves class and patch tokens.
  public var isTied: Bool { config.ibotHead == nil }

  /// The trained parameters of a part.
  ///
  /// - Parameter submodule: One of ``submodules``.
  /// - Returns: The parameters, in the order of their registration.
  public func parameters(of submodule: String) -> [Parameter] {
    parameters.parameters.filter { !$0.isBuffer && $0.name.hasPrefix(submodule + ".") }
  }
}
