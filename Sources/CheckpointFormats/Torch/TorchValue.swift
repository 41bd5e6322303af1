/// A value that can be written into a PyTorch file.
public enum TorchValue: Sendable {
  /// A tensor; it is written contiguously. Views of the same bytes share one storage.
  case tensor(StoredTensor)
  /// An integer.
  case integer(Int)
  /// A floating-point number.
  case float(Double)
  /// A text.
  case string(String)
  /// A truth value.
  case bool(Bool)
  /// Python's `None`.
  case none
  /// A list.
  case list([TorchValue])
  /// A dictionary in the order given.
  case dictionary([(key: Key, value: TorchValue)])

  /// A key of a dictionary.
  public enum Key: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    /// A text, as in state dictionaries.
    case string(String)
    /// An integer, as in the states of optimisers.
    case integer(Int)

    /// Makes a text key.
    ///
    /// - Parameter value: The text.
    public init(stringLiteral value: String) { self = .string(value) }

    /// Makes an integer key.
    ///
    /// - Parameter value: The integer.
    public init(integerLiteral value: Int) { self = .integer(value) }
  }

  /// Makes the dictionary that PyTorch calls a state dictionary.
  ///
  /// - Parameter tensors: Names and tensors, in the order in which they are to be listed.
  /// - Returns: A dictionary.
  public static func stateDictionary(
    _ tensors: some Sequence<(name: String, tensor: StoredTensor)>
  ) -> TorchValue {
    .dictionary(tensors.map { (key: .string($0.name), value: .tensor($0.tensor)) })
  }
}
