/// What a progress display counts.
public struct ProgressUnit: Sendable, Hashable {
  /// Images.
  public static let images = ProgressUnit(singular: "image", plural: "images")
  /// Frames of a video.
  public static let frames = ProgressUnit(singular: "frame", plural: "frames")
  /// Steps of training.
  public static let steps = ProgressUnit(singular: "step", plural: "steps")
  /// Files.
  public static let files = ProgressUnit(singular: "file", plural: "files")
  /// Bytes, shown in kB, MB and so on.
  public static let bytes = ProgressUnit(singular: "byte", plural: "bytes")

  /// The word for one.
  public let singular: String
  /// The word for several, also the one of a rate.
  public let plural: String

  /// Creates a unit.
  ///
  /// - Parameters:
  ///   - singular: The word for one, such as `query`.
  ///   - plural: The word for several, such as `queries`.
  public init(singular: String, plural: String) {
    self.singular = singular
    self.plural = plural
  }

  /// A bare count, for "done/total".
  func count(_ value: Int) -> String {
    self == .bytes ? ByteCount(value).description : NumberFormat.grouped(value)
  }

  /// A count with its word.
  func amount(_ value: Int) -> String {
    self == .bytes ? count(value) : count(value) + " " + (value == 1 ? singular : plural)
  }

  /// A rate with its unit.
  func rate(_ perSecond: Double) -> String {
    guard self == .bytes else { return NumberFormat.threeDigits(perSecond) + " \(plural)/s" }
    let bytes = Int(exactly: min(max(perSecond, 0), 0x1p62).rounded()) ?? 0
    return ByteCount(bytes).description + "/s"
  }
}
