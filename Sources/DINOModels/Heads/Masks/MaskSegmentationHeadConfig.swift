/// The sizes of a ``MaskSegmentationHead``.
public struct MaskSegmentationHeadConfig: Equatable, Sendable, Codable {
  /// Width of the backbone's tokens.
  public var embedDim: Int
  /// The number of blocks whose patch tokens are joined.
  public var taps: Int
  /// The number of classes.
  public var classes: Int
  /// Width of queries, tokens and pixel embeddings.
  public var channels = 128
  /// The number of queries, at least that of the classes.
  public var queries: Int
  /// The number of decoder layers.
  public var layers = 3
  /// The number of attention heads.
  public var numHeads = 4
  /// Pixel embeddings per patch and axis: 1, 2 or 4.
  public var upsampling = 2

  /// The number of queries where nothing else is said; more if there are more classes.
  public static let customaryQueries = 64

  /// Creates sizes.
  ///
  /// - Parameters:
  ///   - embedDim: Width of the backbone's tokens.
  ///   - taps: The number of blocks whose patch tokens are joined.
  ///   - classes: The number of classes.
  public init(embedDim: Int, taps: Int, classes: Int) {
    self.embedDim = embedDim
    self.taps = taps
    self.classes = classes
    queries = max(Self.customaryQueries, classes)
  }

  enum CodingKeys: String, CodingKey {
    case taps, classes, channels, queries, layers, upsampling
    case embedDim = "embed_dim"
    case numHeads = "num_heads"
  }

  /// What is wrong with the sizes; nil if nothing is.
  package var problem: String? {
    let plausible = VisionTransformerConfig.plausible
    guard [embedDim, taps, classes, channels, queries, numHeads].allSatisfy(plausible.contains)
    else { return "a size is not positive or absurdly large" }
    // A quarter each for the sine and cosine of rows and columns.
    guard channels % 4 == 0, channels % numHeads == 0 else {
      return
        "channels must be a multiple of 4 and of num_heads; they are \(channels) and \(numHeads)"
    }
    guard queries >= classes else {
      return "there must be a query for each of \(classes) classes; there are \(queries)"
    }
    guard (1...64).contains(layers), [1, 2, 4].contains(upsampling) else {
      return "layers must be 1 to 64, upsampling 1, 2 or 4"
    }
    return nil
  }
}
