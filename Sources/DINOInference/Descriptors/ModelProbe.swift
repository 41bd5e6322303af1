internal import DINOModels
internal import Imaging

/// What a model makes of a fixed picture, to tell whether stored features came from the same model.
///
/// Other weights give other features. The same weights give nearly the same ones on every machine and in
/// every precision, which a hash of the bits would not.
public struct ModelProbe: Sendable, Equatable, Codable {
  /// The class token, then the mean patch token, `[2 · D]`.
  public let values: [Float]

  /// The largest relative distance of two probes of one model: what bfloat16 costs, several times over.
  public static let tolerance = 0.08

  /// Looks at the picture.
  ///
  /// - Parameter model: The model.
  /// - Throws: ``InferenceError`` if the model fails.
  public init(_ model: DINOv2) async throws(InferenceError) {
    let side = 4 * model.config.patchSize
    let channels = model.config.inChannels
    let pixels = (0..<channels * side * side).map { Float($0 * 37 % 101) / 50 - 1 }
    let tokens = try await model.tokens(
      of: ImageBatch(
        values: pixels, count: 1, channels: channels, size: Size(height: side, width: side)))
    values = Array(tokens.clsToken(0)) + tokens.patchMean(0)
  }

  /// Whether another probe is of the same model.
  ///
  /// - Parameter other: Another probe.
  /// - Returns: Whether both have one length and lie within ``tolerance`` of each other.
  public func agrees(with other: ModelProbe) -> Bool {
    guard values.count == other.values.count else { return false }
    var (difference, size) = (0.0, 0.0)
    for (one, two) in zip(values, other.values) {
      difference += Double(one - two) * Double(one - two)
      size += Double(one) * Double(one)
    }
    return difference <= Self.tolerance * Self.tolerance * size
  }
}
