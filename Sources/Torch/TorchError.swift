/// A tensor operation that failed, with what it was given.
public struct TorchError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of failure this is; callers react to running out of memory.
  public enum Kind: Equatable, Sendable {
    /// libtorch refused the operands.
    case refused
    /// The host or the device has no memory left.
    case outOfMemory
    /// A checkpoint does not fit the parameters that it is to be loaded into.
    case mismatchedParameters
  }

  /// The kind of failure.
  public let kind: Kind
  /// The operation, as libtorch names it without its name space: `linear`, `add`.
  public let operation: String
  /// Shapes and dtypes of the tensor operands, for example `float32[2, 5, 8]`.
  public let operands: [String]
  /// One line that says what is wrong.
  public let message: String

  /// Creates an error.
  ///
  /// - Parameters:
  ///   - operation: The operation that failed.
  ///   - message: One line that says what is wrong.
  ///   - operands: Shapes and dtypes of the operands.
  ///   - kind: The kind of failure.
  public init(
    _ operation: String, _ message: String, operands: [String] = [], kind: Kind = .refused
  ) {
    self.kind = kind
    self.operation = operation
    self.operands = operands
    self.message = message
  }

  /// The message, one line.
  public var description: String {
    let given = operands.isEmpty ? "" : " of \(operands.joined(separator: ", "))"
    return "\(operation)\(given): \(message)"
  }
}
