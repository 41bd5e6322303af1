internal import DINOModels
internal import Imaging
internal import Torch

/// How the tokens of an image become its descriptor, a vector of unit length that stands for the image
/// in retrieval.
///
/// Source: the descriptors of DINO's retrieval and copy-detection protocols (Caron et al., 2021,
/// section 4.2): class token, generalised mean of the patch tokens, or both, at one or three sizes; and
/// ``PatchVocabulary``.
public struct DescriptorRecipe: Sendable, Hashable, Codable {
  /// Which tokens count.
  public enum Pooling: String, CaseIterable, Sendable, Codable {
    /// The class token, `[D]`.
    case cls
    /// The mean of the patch tokens, `[D]`.
    case mean
    /// The generalised mean of the patch tokens, `[D]`.
    case gem
    /// Class token and mean, each of unit length, `[2 · D]`.
    case clsAndMean = "cls+mean"
    /// Class token and generalised mean, each of unit length, `[2 · D]`.
    case clsAndGeM = "cls+gem"
    /// The sums of the patch tokens around the centres of a vocabulary, `[K · d]`.
    case vlad
  }

  /// Which tokens count.
  public var pooling: Pooling
  /// The exponent of the generalised mean.
  public var exponent = GeMPooling().exponent
  /// The centres of the patch tokens, which ``Pooling/vlad`` needs.
  public var vocabulary: PatchVocabulary?
  /// The block after which tokens are taken, from 0; nil for the last one.
  public var block: Int?
  /// The sizes at which an image is seen, as factors of the preprocessing's; descriptors are averaged.
  public var scales = [1.0]

  /// The three sizes of the original's multi-scale descriptors.
  public static let threeScales = [1, 0.5.squareRoot(), 0.5]

  /// Creates a recipe for one size and the last block.
  ///
  /// - Parameter pooling: Which tokens count.
  public init(_ pooling: Pooling = .cls) { self.pooling = pooling }

  /// Whether the model's final norm is applied to the tokens.
  ///
  /// Sums around centres take tokens as blocks leave them: with the small model that comes along, after its last
  /// block and on photographs of products, that gives an mAP of 0.19 instead of 0.17.
  public var appliesFinalNorm: Bool { pooling != .vlad }

  /// The length of a descriptor.
  ///
  /// - Parameter embedDim: The width of a token.
  /// - Returns: The number of values.
  public func columns(embedDim: Int) -> Int {
    switch pooling {
    case .cls, .mean, .gem: embedDim
    case .clsAndMean, .clsAndGeM: 2 * embedDim
    case .vlad: vocabulary?.centres.count ?? 0
    }
  }

  /// In one line, for a protocol: `cls+gem (p = 3), block 4, mean of scales 1 0.707 0.5`.
  public var text: String {
    var parts = [pooling.rawValue]
    if pooling == .gem || pooling == .clsAndGeM { parts[0] += " (p = \(exponent))" }
    if pooling == .vlad, let vocabulary {
      parts[0] +=
        " (\(vocabulary.centreCount) centres, \(vocabulary.directionCount) directions, "
        + "\(vocabulary.fingerprint))"
    }
    if let block { parts.append("block \(block)") }
    if scales != [1] {
      let factors = scales.map { "\(($0 * 1000).rounded() / 1000)" }
      parts.append("mean of scales " + factors.joined(separator: " "))
    }
    return parts.joined(separator: ", ")
  }

  /// How an image is prepared for each scale.
  ///
  /// - Parameter standard: The preprocessing at scale 1.
  /// - Returns: One preprocessing a scale; crops are rounded to whole patches.
  /// - Throws: ``InferenceError/usage(problem:)`` if a scale is not above 0 and at most 8, or another
  ///   one than 1 is asked for where images keep their size, or a vocabulary is missing.
  func preprocessings(_ standard: Preprocessing) throws(InferenceError) -> [Preprocessing] {
    guard !scales.isEmpty, exponent > 0, exponent.isFinite else {
      throw .usage(problem: "\(scales.count) scales and exponent \(exponent); both must be above 0")
    }
    guard pooling != .vlad || vocabulary != nil else {
      throw .usage(problem: "vlad needs a vocabulary of patch tokens; learn one")
    }
    var result: [Preprocessing] = []
    for scale in scales {
      guard scale > 0, scale <= 8 else {
        throw .usage(problem: "scale \(scale); expected above 0 and at most 8")
      }
      guard scale != 1 else {
        result.append(standard)
        continue
      }
      guard let resize = standard.resize else {
        throw .usage(problem: "several scales need a size to start from: set --resize")
      }
      var scaled = standard
      let patch = max(standard.patchSize, 1)
      scaled.resize = max(Int((Double(resize) * scale).rounded()), patch)
      scaled.crop = standard.crop.map { crop in
        func side(_ length: Int) -> Int {
          max(Int((Double(length) * scale / Double(patch)).rounded()), 1) * patch
        }
        return Size(height: side(crop.height), width: side(crop.width))
      }
      result.append(scaled)
    }
    return result
  }

  /// The descriptor of an image at one scale.
  func descriptor(_ batch: TokenBatch, image: Int) throws(InferenceError) -> [Float] {
    switch pooling {
    case .cls: Self.unit(Array(batch.clsToken(image)))
    case .mean: Self.unit(batch.patchMean(image))
    case .gem: try generalizedMean(batch, image: image)
    case .clsAndMean:
      Self.unit(Self.unit(Array(batch.clsToken(image))) + Self.unit(batch.patchMean(image)))
    case .clsAndGeM:
      Self.unit(
        Self.unit(Array(batch.clsToken(image))) + (try generalizedMean(batch, image: image)))
    case .vlad: try vocabulary?.descriptor(batch.patchTokens(image), width: batch.width) ?? []
    }
  }

  private func generalizedMean(_ batch: TokenBatch, image: Int) throws(InferenceError) -> [Float] {
    var gem = GeMPooling()
    gem.exponent = exponent
    do throws(TorchError) {
      let tokens = try Tensor(
        Array(batch.patchTokens(image)), [1, batch.grid.count, batch.width])
      return try gem(tokens).floats()
    } catch { throw .torch(error) }
  }

  /// The mean of descriptors of one image at several scales, of unit length.
  static func mean(_ descriptors: [[Float]]) -> [Float] {
    guard descriptors.count > 1, let first = descriptors.first else {
      return descriptors.first ?? []
    }
    var sum = first
    for other in descriptors.dropFirst() {
      for (index, value) in other.enumerated() { sum[index] += value }
    }
    return unit(sum)
  }

  /// A vector scaled to length 1; one of zeros stays.
  static func unit(_ values: [Float]) -> [Float] {
    let square = values.reduce(0.0) { $0 + Double($1) * Double($1) }
    guard square > 0, square.isFinite else { return values }
    let factor = 1 / square.squareRoot()
    return values.map { Float(Double($0) * factor) }
  }
}
