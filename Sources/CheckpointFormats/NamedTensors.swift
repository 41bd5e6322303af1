/// Tensors by name, in the order of the file.
public struct NamedTensors: Sendable, Sequence {
  /// The names, in the order of the file.
  public let names: [String]
  private let tensors: [StoredTensor]
  private let positions: [String: Int]

  /// Collects tensors.
  ///
  /// - Parameters:
  ///   - entries: Names and tensors.
  ///   - path: The file, for messages.
  /// - Throws: ``CheckpointError/structure(path:place:problem:)`` if two names are equal.
  init(_ entries: [(name: String, tensor: StoredTensor)], path: String) throws(CheckpointError) {
    var positions: [String: Int] = [:]
    positions.reserveCapacity(entries.count)
    for (position, entry) in entries.enumerated() {
      guard positions.updateValue(position, forKey: entry.name) == nil else {
        throw .structure(
          path: path, place: "names",
          problem: "two tensors are called \(entry.name.quoted); names must differ")
      }
    }
    names = entries.map(\.name)
    tensors = entries.map(\.tensor)
    self.positions = positions
  }

  /// The number of tensors.
  public var count: Int { names.count }

  /// Whether there are no tensors.
  public var isEmpty: Bool { names.isEmpty }

  /// The tensor with a name.
  ///
  /// - Parameter name: The full name.
  /// - Returns: The tensor, or nil if there is none.
  public subscript(name: String) -> StoredTensor? {
    positions[name].map { tensors[$0] }
  }

  /// Visits the tensors in the order of the file.
  ///
  /// - Returns: An iterator over names and tensors.
  public func makeIterator() -> some IteratorProtocol<(name: String, tensor: StoredTensor)> {
    zip(names, tensors).lazy.map { (name: $0, tensor: $1) }.makeIterator()
  }
}
