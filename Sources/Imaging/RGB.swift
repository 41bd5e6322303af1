/// A colour of 8 bits per channel.
public struct RGB: Hashable, Sendable, Codable {
  /// Red, 0 to 255.
  public var red: UInt8
  /// Green, 0 to 255.
  public var green: UInt8
  /// Blue, 0 to 255.
  public var blue: UInt8

  /// Creates a colour.
  ///
  /// - Parameters:
  ///   - red: Red, 0 to 255.
  ///   - green: Green, 0 to 255.
  ///   - blue: Blue, 0 to 255.
  public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// Black.
  public static let black = RGB(0, 0, 0)
  /// White.
  public static let white = RGB(255, 255, 255)
}
