public import DINOModels
internal import Torch

/// A released model by one of its three names: Meta's, Hugging Face's or timm's.
public struct ModelName: Equatable, Sendable {
  /// Meta's name: `dinov2_vits14_reg`.
  public let meta: String
  /// Whose name was used; it decides how positions are resized.
  public let style: KeyStyle

  private static let sizes = [
    (letter: "s", word: "small"), (letter: "b", word: "base"), (letter: "l", word: "large"),
    (letter: "g", word: "giant"),
  ]

  /// Every name that is understood, with Meta's name and whose it is.
  static let all: [(name: String, model: ModelName)] = sizes.flatMap { size in
    [false, true].flatMap { hasRegisters in
      let meta = "dinov2_vit\(size.letter)14\(hasRegisters ? "_reg" : "")"
      return [
        (meta, ModelName(meta: meta, style: .meta)),
        (
          "facebook/dinov2-\(hasRegisters ? "with-registers-" : "")\(size.word)",
          ModelName(meta: meta, style: .huggingFace)
        ),
        (
          "vit_\(size.word)_patch14\(hasRegisters ? "_reg4" : "")_dinov2.lvd142m",
          ModelName(meta: meta, style: .timm)
        ),
      ]
    }
  }

  private init(meta: String, style: KeyStyle) {
    self.meta = meta
    self.style = style
  }

  /// Understands a name, also without `facebook/` or `.lvd142m` and with `timm/` or `hf-hub:`.
  ///
  /// `nil` if there is no such model.
  ///
  /// - Parameter text: The name.
  public init?(_ text: String) {
    var name = text
    for prefix in ["hf-hub:", "hf_hub:", "timm/", "facebook/"] where name.hasPrefix(prefix) {
      name.removeFirst(prefix.count)
    }
    let found = Self.all.first { entry in
      let short = entry.name.replacing("facebook/", with: "").replacing(".lvd142m", with: "")
      return [entry.name.replacing("facebook/", with: ""), short].contains(name)
    }
    guard let found else { return nil }
    self = found.model
  }

  /// The name that is nearest to a text, for messages.
  ///
  /// - Parameter text: What was written.
  /// - Returns: `nil` if none is near.
  public static func nearest(to text: String) -> String? {
    NearestName.find(text, among: all.map(\.name))
  }

  /// All names of a released model.
  ///
  /// - Parameter meta: Meta's name.
  /// - Returns: Meta's, Hugging Face's and timm's name.
  public static func spellings(of meta: String) -> [String] {
    all.filter { $0.model.meta == meta }.map(\.name)
  }

  /// The model's sizes; positions are resized as the owner of the name resizes them.
  public var config: VisionTransformerConfig {
    // Every name of `all` is that of a released model.
    var config = VisionTransformerConfig.released(named: meta) ?? .small()
    switch style {
    case .meta: break
    case .huggingFace:
      config.posEmbedInterpolation =
        config.numRegisterTokens > 0 ? .metaRegisters : .huggingFace
    case .timm: config.posEmbedInterpolation = .timm
    }
    return config
  }
}
