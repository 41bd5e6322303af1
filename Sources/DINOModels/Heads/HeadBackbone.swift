internal import CheckpointFormats

/// The backbone that a head was made for, and what the head takes from it.
public struct HeadBackbone: Equatable, Sendable, Codable {
  /// The model's name, as it was loaded.
  public var name: String
  /// Width of the tokens.
  public var embedDim: Int
  /// The number of blocks.
  public var depth: Int
  /// The side of a patch, pixels.
  public var patchSize: Int
  /// The number of registers.
  public var numRegisterTokens: Int
  /// The blocks whose outputs the head takes, ascending from 0.
  public var blocks: [Int]
  /// Whether the final norm is applied to them.
  public var normalize: Bool
  /// What tells the backbone's weights from others, ``VisionTransformer/fingerprint()``.
  public var fingerprint: String

  enum CodingKeys: String, CodingKey {
    case name, depth, blocks, normalize, fingerprint
    case embedDim = "embed_dim"
    case patchSize = "patch_size"
    case numRegisterTokens = "num_register_tokens"
  }

  /// Describes a backbone.
  ///
  /// - Parameters:
  ///   - name: The model's name.
  ///   - config: Its sizes.
  ///   - fingerprint: What tells its weights from others.
  ///   - blocks: The blocks whose outputs the head takes.
  ///   - normalize: Whether the final norm is applied to them.
  public init(
    name: String, _ config: VisionTransformerConfig, fingerprint: String, blocks: [Int],
    normalize: Bool
  ) {
    self.name = name
    embedDim = config.embedDim
    depth = config.depth
    patchSize = config.patchSize
    numRegisterTokens = config.numRegisterTokens
    self.blocks = blocks.sorted()
    self.normalize = normalize
    self.fingerprint = fingerprint
  }

  /// The backbone in a few words, for messages.
  public var summary: String {
    "\(name.escapedForMessage) (width \(embedDim), \(depth) blocks, patch \(patchSize), "
      + (numRegisterTokens > 0 ? "\(numRegisterTokens) registers, " : "")
      + "weights \(fingerprint.prefix(8).description.escapedForMessage))"
  }

  /// Refuses a model that the head was not made for.
  ///
  /// - Parameters:
  ///   - model: The model at hand; its blocks do not count.
  ///   - path: The head folder, for the message.
  /// - Throws: ``ModelError/configuration(path:problem:)`` that names both backbones.
  public func check(_ model: HeadBackbone, path: String) throws(ModelError) {
    let isSame =
      (embedDim, depth, patchSize, numRegisterTokens)
      == (model.embedDim, model.depth, model.patchSize, model.numRegisterTokens)
      && fingerprint == model.fingerprint
    guard !isSame else { return }
    let remedy =
      name == model.name
      ? "the weights have changed since: train the head again, or pass the weights of then"
      : "pass --model \(name.escapedForMessage), or train a head for this model"
    throw .configuration(
      path: path, problem: "was made for \(summary), but the model is \(model.summary); \(remedy)")
  }

  func problems() -> [String] {
    let plausible = VisionTransformerConfig.plausible
    guard [embedDim, depth, patchSize].allSatisfy(plausible.contains),
      (0...plausible.upperBound).contains(numRegisterTokens)
    else {
      return ["backbone: a size is not positive or absurdly large"]
    }
    guard !blocks.isEmpty, blocks.allSatisfy((0..<depth).contains),
      zip(blocks, blocks.dropFirst()).allSatisfy(<)
    else {
      return ["backbone: blocks is \(blocks); expected ascending numbers of 0 to \(depth - 1)"]
    }
    return []
  }
}
