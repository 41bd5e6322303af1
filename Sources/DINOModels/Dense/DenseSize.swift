/// The size of a map, rows before columns.
public struct DenseSize: Equatable, Sendable {
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
}
