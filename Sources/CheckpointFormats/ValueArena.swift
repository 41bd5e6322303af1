/// The values of a checkpoint in flat arrays; handles are positions in `nodes`.
///
/// A tree of objects built from hostile input could be so deep that freeing it overflows the stack.
/// Arrays of numbers cannot.
struct ValueArena: Sendable {
  /// One value.
  ///
  /// Payloads other than plain values are positions in the other arrays.
  enum Node: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case bigInteger(Int)
    case float(Double)
    case string(String)
    case bytes(Int)
    case complex(Int)
    case list(Int)
    case tuple(Int)
    case set(Int)
    /// Position of a container that holds keys and values in turn.
    case map(Int)
    case tensor(Int)
    case record(Int)
    /// The name of a class, function, dtype or device.
    case name(String)
    /// A symbol of the restricted reader's table; only inside the interpreter.
    case symbol(Int)
    /// A reference to a storage; only inside the interpreter.
    case storage(Int)
  }

  /// An object of a foreign class, kept without meaning.
  struct Record: Sendable {
    var name: String
    var arguments: Int32
    var state: Int32?
  }

  var nodes: [Node] = []
  var containers: [[Int32]] = []
  var bigIntegers: [Int128] = []
  var byteStrings: [[UInt8]] = []
  var complexNumbers: [(real: Double, imaginary: Double)] = []
  var tensors: [StoredTensor] = []
  var records: [Record] = []

  /// Adds a node and returns its handle.
  mutating func add(_ node: Node) -> Int32 {
    nodes.append(node)
    return Int32(truncatingIfNeeded: nodes.count - 1)
  }

  /// Adds an empty container and returns its position.
  mutating func addContainer(_ elements: [Int32] = []) -> Int {
    containers.append(elements)
    return containers.count - 1
  }

  /// The node behind a handle; handles come from `add` only, so an unknown one reads as none.
  func node(_ handle: Int32) -> Node {
    nodes.indices.contains(Int(handle)) ? nodes[Int(handle)] : .none
  }

  /// The handles inside a value, in order: for a map keys and values in turn.
  func children(_ handle: Int32) -> [Int32] {
    switch node(handle) {
    case .list(let index), .tuple(let index), .set(let index), .map(let index):
      containers[index]
    case .record(let index):
      [records[index].arguments] + (records[index].state.map { [$0] } ?? [])
    default: []
    }
  }

  /// How a value reads as one component of a path: strings as they are, other keys as Python prints
  /// them.
  func pathComponent(_ handle: Int32) -> String {
    switch node(handle) {
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .integer(let value): String(value)
    case .bigInteger(let index): String(bigIntegers[index])
    case .string(let value): value
    case .tuple(let index):
      "(" + containers[index].map { simpleComponent($0) }.joined(separator: ", ") + ")"
    default: "?"
    }
  }

  private func simpleComponent(_ handle: Int32) -> String {
    if case .tuple = node(handle) { return "(…)" }
    return pathComponent(handle)
  }
}

/// An arena that no longer changes and is shared by all values read from it.
final class FrozenArena: Sendable {
  let values: ValueArena

  /// Takes over a finished arena.
  init(_ values: ValueArena) { self.values = values }
}
