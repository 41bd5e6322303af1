/// The size of an image, rows before columns.
public struct Size: Hashable, Sendable, Codable {
  /// The number of rows.
  public var height: Int
  /// The number of columns.
  public var width: Int

  /// Creates a size.
  ///
  /// - Parameters:
  ///   - height: The number of rows.
  ///   - width: The number of columns.
  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// The number of pixels, or nil if a side is negative or the product overflows.
  public var pixels: Int? {
    guard height >= 0, width >= 0 else { return nil }
    let (product, overflow) = height.multipliedReportingOverflow(by: width)
    return overflow ? nil : product
  }

  /// The shorter side.
  public var shorterSide: Int { min(height, width) }

  /// The size after its sides were divided by a factor and rounded up, as libjpeg does.
  ///
  /// - Parameter factor: A positive number.
  /// - Returns: The size.
  package func reduced(by factor: Int) -> Size {
    Size(height: (height + factor - 1) / factor, width: (width + factor - 1) / factor)
  }
}

extension Size: CustomStringConvertible {
  /// Height and width, as in `480x640`.
  public var description: String { "\(height)x\(width)" }
}

/// A rectangle of whole pixels.
public struct Region: Hashable, Sendable, Codable {
  /// The first row.
  public var top: Int
  /// The first column.
  public var left: Int
  /// The number of rows.
  public var height: Int
  /// The number of columns.
  public var width: Int

  /// Creates a rectangle.
  ///
  /// - Parameters:
  ///   - top: The first row.
  ///   - left: The first column.
  ///   - height: The number of rows.
  ///   - width: The number of columns.
  public init(top: Int, left: Int, height: Int, width: Int) {
    self.top = top
    self.left = left
    self.height = height
    self.width = width
  }

  /// The size of the rectangle.
  public var size: Size { Size(height: height, width: width) }

  /// Whether the rectangle is not empty and lies in an image of a size.
  ///
  /// - Parameter size: The image's size.
  /// - Returns: True if every pixel of the rectangle is a pixel of the image.
  public func lies(in size: Size) -> Bool {
    top >= 0 && left >= 0 && height > 0 && width > 0 && height <= size.height
      && width <= size.width && top <= size.height - height && left <= size.width - width
  }
}

extension Region: CustomStringConvertible {
  /// Position and size, as in `224x224 at row 16, column 98`.
  public var description: String { "\(size) at row \(top), column \(left)" }
}

/// A rectangle whose edges may lie between pixels.
public struct FractionalBox: Hashable, Sendable {
  /// The upper edge, in rows.
  public var top: Double
  /// The left edge, in columns.
  public var left: Double
  /// The lower edge, in rows.
  public var bottom: Double
  /// The right edge, in columns.
  public var right: Double

  /// Creates a rectangle.
  ///
  /// - Parameters:
  ///   - top: The upper edge, in rows.
  ///   - left: The left edge, in columns.
  ///   - bottom: The lower edge, in rows.
  ///   - right: The right edge, in columns.
  public init(top: Double, left: Double, bottom: Double, right: Double) {
    self.top = top
    self.left = left
    self.bottom = bottom
    self.right = right
  }
}
