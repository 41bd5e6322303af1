public import Imaging

/// Places that belong to an object, and places that do not.
public struct Clicks: Sendable, Hashable {
  /// Places on the object, in pixels of the image.
  public var positive: [Point]
  /// Places beside it, in pixels of the image.
  public var negative: [Point]

  /// Puts clicks together.
  ///
  /// - Parameters:
  ///   - positive: Places on the object, in pixels of the image.
  ///   - negative: Places beside it, in pixels of the image.
  public init(positive: [Point], negative: [Point] = []) {
    self.positive = positive
    self.negative = negative
  }
}
