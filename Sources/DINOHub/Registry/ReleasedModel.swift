/// One of the eight backbones that were released with DINOv2 and with the paper on registers.
///
/// Source: Oquab et al., 2023, table 1 of the repository's README; Darcet et al., 2023.
public struct ReleasedModel: Sendable, Hashable, CustomStringConvertible {
  /// The size of the vision transformer; the patch is 14 pixels in all of them.
  public enum Size: String, Sendable, CaseIterable {
    /// ViT-S/14.
    case small
    /// ViT-B/14.
    case base
    /// ViT-L/14.
    case large
    /// ViT-g/14, with SwiGLU layers.
    case giant
  }

  /// The size.
  public let size: Size
  /// Whether the model has four register tokens.
  public let hasRegisters: Bool

  /// Creates the entry of a model.
  ///
  /// - Parameters:
  ///   - size: The size.
  ///   - hasRegisters: Whether the model has four register tokens.
  public init(_ size: Size, hasRegisters: Bool = false) {
    self.size = size
    self.hasRegisters = hasRegisters
  }

  /// The name at `torch.hub`, for example `dinov2_vits14_reg`; also the name in messages.
  public var name: String { family + (hasRegisters ? "_reg" : "") }

  /// The name at Hugging Face, for example `facebook/dinov2-with-registers-small`.
  public var huggingFaceID: String {
    "facebook/dinov2-" + (hasRegisters ? "with-registers-" : "") + size.rawValue
  }

  /// The name in timm, for example `vit_small_patch14_reg4_dinov2.lvd142m`.
  public var timmName: String {
    "vit_\(size.rawValue)_patch14_" + (hasRegisters ? "reg4_" : "") + "dinov2.lvd142m"
  }

  /// The width of a token.
  public var embedDim: Int {
    switch size {
    case .small: 384
    case .base: 768
    case .large: 1_024
    case .giant: 1_536
    }
  }

  /// The number of blocks.
  public var depth: Int {
    switch size {
    case .small, .base: 12
    case .large: 24
    case .giant: 40
    }
  }

  /// The number of attention heads; each is 64 wide.
  public var numHeads: Int { embedDim / 64 }

  /// The number of register tokens.
  public var numRegisterTokens: Int { hasRegisters ? 4 : 0 }

  /// The number of values in the released file, the mask token included.
  public var parameterCount: Int {
    let withoutRegisters =
      switch size {
      case .small: 22_056_576
      case .base: 86_580_480
      case .large: 304_368_640
      case .giant: 1_136_480_768
      }
    return withoutRegisters + numRegisterTokens * embedDim
  }

  /// The name, for example `dinov2_vits14_reg`.
  public var description: String { name }

  /// The part of the name that both variants of a size share; also Meta's folder.
  private var family: String {
    switch size {
    case .small: "dinov2_vits14"
    case .base: "dinov2_vitb14"
    case .large: "dinov2_vitl14"
    case .giant: "dinov2_vitg14"
    }
  }
}

extension ReleasedModel {
  /// The file of the backbone.
  public var backbone: ReleasedFile { file("pretrain", sha256: backboneSHA256) }

  /// The file of a linear classifier for ImageNet-1k.
  ///
  /// - Parameter layers: How many of the last layers it looks at: 4, or 1 for any other value.
  /// - Returns: The file; no hash of it was published.
  public func imageNetHead(layers: Int) -> ReleasedFile {
    file(layers == 4 ? "linear4_head" : "linear_head")
  }

  private func file(_ part: String, sha256: String? = nil) -> ReleasedFile {
    ReleasedFile(
      path: "\(family)/\(family)_" + (hasRegisters ? "reg4_" : "") + part + ".pth", sha256: sha256)
  }

  /// SHA-256 of the backbone.
  ///
  /// Meta publishes none; these stand in several public projects that pin the files, independently of
  /// each other and without contradiction.
  private var backboneSHA256: String {
    switch (size, hasRegisters) {
    case (.small, false): "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"
    case (.small, true): "f433177089a681826f849f194ece3bb48f4d63fb38d32fc837e3dc7a4e5641fb"
    case (.base, false): "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"
    case (.base, true): "73182a088cf94833c94b1666d1c99e02fe87e2007bff57b564fb6206e25dba71"
    case (.large, false): "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428"
    case (.large, true): "36e4deffbaef061a2576705b0c36f93621e2ae20bf6274694821b0b492551b51"
    case (.giant, false): "baf8467e50af277596bbbafa06887c177ee899ab46033649c383577d7e9309d3"
    case (.giant, true): "746ecb8c6301c645c5c855be91687d274587d6e48fdaec4a729753160b34a283"
    }
  }
}
