public import Imaging

/// A rectangle around an object, in pixels of the image; the first pixel covers 0 to 1 of both axes.
///
/// COCO's order: left, top, width, height.
public struct BoundingBox: Hashable, Sendable {
  /// The left edge.
  public var left: Double
  /// The upper edge.
  public var top: Double
  /// The extent to the right.
  public var width: Double
  /// The extent downwards.
  public var height: Double

  /// Creates a rectangle.
  ///
  /// - Parameters:
  ///   - left: The left edge.
  ///   - top: The upper edge.
  ///   - width: The extent to the right.
  ///   - height: The extent downwards.
  public init(left: Double, top: Double, width: Double, height: Double) {
    (self.left, self.top, self.width, self.height) = (left, top, width, height)
  }

  /// The right edge.
  public var right: Double { left + width }
  /// The lower edge.
  public var bottom: Double { top + height }
  /// Width times height.
  public var area: Double { width * height }

  /// Whether all numbers are finite, and both sides above 0.
  public var isProper: Bool {
    [left, top, width, height, right, bottom, area].allSatisfy(\.isFinite) && width > 0
      && height > 0
  }

  /// The part that lies in an image.
  ///
  /// - Parameter size: The image's size.
  /// - Returns: The part; nil if nothing is left.
  public func clipped(to size: Size) -> BoundingBox? {
    let (x0, y0) = (max(left, 0), max(top, 0))
    let (x1, y1) = (min(right, Double(size.width)), min(bottom, Double(size.height)))
    guard x1 > x0, y1 > y0 else { return nil }
    return BoundingBox(left: x0, top: y0, width: x1 - x0, height: y1 - y0)
  }

  /// How far the rectangle reaches beyond an image, in pixels; 0 if it lies inside.
  ///
  /// - Parameter size: The image's size.
  /// - Returns: The largest excess over the four edges.
  public func excess(over size: Size) -> Double {
    max(0, -left, -top, right - Double(size.width), bottom - Double(size.height))
  }
}
