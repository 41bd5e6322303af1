/// Predictions and truths that cannot be compared, or annotations that cannot be read.
public struct EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One line: what, where, found, expected, what to do.
  public let description: String

  /// Creates an error.
  ///
  /// - Parameter description: The message, one line.
  public init(_ description: String) {
    self.description = description
  }
}
