/// A deviation of the released code from the paper or from its own intent.
public enum Quirk: String, CaseIterable, Codable, Sendable {
  /// The probabilities of blurring are inverted: 0, 0.9 and 0.5 instead of 1, 0.1 and 0.5.
  ///
  /// Source: `dinov2/data/transforms.py`; the released models were trained so.
  case invertedBlur = "inverted_blur"
}

/// Which deviations of the released code are kept.
public enum QuirkSelection: Equatable, Sendable {
  /// None: everything as it was meant.
  case corrected
  /// All, as the released models were trained.
  case original
  /// The listed ones.
  case only([Quirk])

  /// Whether a deviation is kept.
  ///
  /// - Parameter quirk: The deviation.
  /// - Returns: Whether it is selected.
  public func contains(_ quirk: Quirk) -> Bool {
    switch self {
    case .corrected: false
    case .original: true
    case .only(let quirks): quirks.contains(quirk)
    }
  }

  static let names = ["corrected", "original"]
}

extension QuirkSelection: Codable {
  /// Decodes `corrected`, `original`, or a list of names.
  ///
  /// - Parameter decoder: The decoder.
  /// - Throws: The decoder's error, also for another word.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let name = try? container.decode(String.self) else {
      self = .only(try container.decode([Quirk].self))
      return
    }
    switch name {
    case "corrected": self = .corrected
    case "original": self = .original
    default:
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "expected corrected, original or a list")
    }
  }

  /// Encodes the word or the list.
  ///
  /// - Parameter encoder: The encoder.
  /// - Throws: The encoder's error.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .corrected: try container.encode("corrected")
    case .original: try container.encode("original")
    case .only(let quirks): try container.encode(quirks.map(\.rawValue))
    }
  }
}
