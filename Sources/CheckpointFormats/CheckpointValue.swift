/// One value of a checkpoint: a tensor, a container, or a plain value such as a number or a string.
///
/// PyTorch files hold trees of dictionaries and lists; a safetensors file is one map of tensors. The
/// tree was checked when it was read: it is at most 100 deep and has no cycles.
public struct CheckpointValue: Sendable {
  /// What a value is.
  public enum Kind: Sendable {
    /// Python's `None`.
    case none
    /// A truth value.
    case bool(Bool)
    /// An integer.
    case integer(Int)
    /// An integer beyond 64 bits, in decimal.
    case bigInteger(String)
    /// A floating-point number.
    case float(Double)
    /// A text.
    case string(String)
    /// A byte string.
    case bytes([UInt8])
    /// A complex number.
    case complex(real: Double, imaginary: Double)
    /// A tensor.
    case tensor(StoredTensor)
    /// A list.
    case list
    /// A tuple, also a `torch.Size`.
    case tuple
    /// A set.
    case set
    /// A dictionary, in the order of the file.
    case map
    /// An object of a foreign class, kept without meaning; its children are arguments and state.
    case record(String)
    /// The name of a dtype, device or class.
    case name(String)
  }

  private let arena: FrozenArena
  private let handle: Int32

  init(arena: FrozenArena, handle: Int32) {
    self.arena = arena
    self.handle = handle
  }

  /// What the value is.
  public var kind: Kind {
    let values = arena.values
    switch values.node(handle) {
    case .none, .symbol, .storage: return .none
    case .bool(let value): return .bool(value)
    case .integer(let value): return .integer(value)
    case .bigInteger(let index): return .bigInteger(String(values.bigIntegers[index]))
    case .float(let value): return .float(value)
    case .string(let value): return .string(value)
    case .bytes(let index): return .bytes(values.byteStrings[index])
    case .complex(let index):
      let number = values.complexNumbers[index]
      return .complex(real: number.real, imaginary: number.imaginary)
    case .tensor(let index): return .tensor(values.tensors[index])
    case .list: return .list
    case .tuple: return .tuple
    case .set: return .set
    case .map: return .map
    case .record(let index): return .record(values.records[index].name)
    case .name(let name): return .name(name)
    }
  }

  /// The elements of a list, tuple or set, the values of a map, the parts of a record.
  public var children: [CheckpointValue] {
    let handles = arena.values.children(handle)
    guard case .map = arena.values.node(handle) else {
      return handles.map { CheckpointValue(arena: arena, handle: $0) }
    }
    return stride(from: 1, to: handles.count, by: 2).map {
      CheckpointValue(arena: arena, handle: handles[$0])
    }
  }

  /// The keys and values of a map, in the order of the file; empty for anything else.
  public var entries: [(key: CheckpointValue, value: CheckpointValue)] {
    guard case .map = arena.values.node(handle) else { return [] }
    let handles = arena.values.children(handle)
    return stride(from: 0, to: handles.count - 1, by: 2).map {
      (
        CheckpointValue(arena: arena, handle: handles[$0]),
        CheckpointValue(arena: arena, handle: handles[$0 + 1])
      )
    }
  }

  /// The value under a text key of a map.
  ///
  /// - Parameter key: The key.
  /// - Returns: The value, or nil if this is no map or has no such key.
  public subscript(key: String) -> CheckpointValue? {
    entries.first { entry in
      if case .string(let text) = entry.key.kind { return text == key }
      return false
    }?.value
  }

  /// The element of a list or tuple at a position, or the value under an integer key of a map.
  ///
  /// - Parameter index: The position, from 0, or the key.
  /// - Returns: The value, or nil if there is none.
  public subscript(index: Int) -> CheckpointValue? {
    switch kind {
    case .list, .tuple:
      let elements = children
      return elements.indices.contains(index) ? elements[index] : nil
    case .map:
      return entries.first { entry in
        if case .integer(let key) = entry.key.kind { return key == index }
        return false
      }?.value
    default: return nil
    }
  }

  /// The tensor, if the value is one.
  public var tensor: StoredTensor? {
    if case .tensor(let tensor) = kind { return tensor }
    return nil
  }

  /// The integer, if the value is one.
  public var integer: Int? {
    if case .integer(let value) = kind { return value }
    return nil
  }

  /// The number, if the value is an integer or a floating-point number.
  public var number: Double? {
    switch kind {
    case .float(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  /// The text, if the value is one.
  public var text: String? {
    if case .string(let value) = kind { return value }
    return nil
  }

  /// The truth value, if the value is one.
  public var bool: Bool? {
    if case .bool(let value) = kind { return value }
    return nil
  }

  /// How the value reads as one component of a path.
  public var pathComponent: String { arena.values.pathComponent(handle) }

  /// Visits every leaf below this value with its path, in the order of the file.
  ///
  /// An empty container is a leaf, too. Path components are keys and positions.
  ///
  /// - Parameter body: Gets the path, empty for this value itself, and the leaf.
  /// - Throws: What the closure throws.
  public func forEachLeaf<Failure: Error>(
    _ body: (_ path: [String], _ leaf: CheckpointValue) throws(Failure) -> Void
  ) throws(Failure) {
    let values = arena.values
    var path: [String] = []
    var pending: [(handle: Int32, depth: Int, component: Int32)] = [(handle, 0, -1)]
    while let (handle, depth, component) = pending.popLast() {
      if depth > 0 {
        path.removeLast(path.count - (depth - 1))
        // A position in a list is stored as a negative number, a key of a map as its handle.
        path.append(component < 0 ? String(-Int(component) - 1) : values.pathComponent(component))
      }
      let inner = values.children(handle)
      if inner.isEmpty {
        try body(path, CheckpointValue(arena: arena, handle: handle))
      } else if case .map = values.node(handle) {
        for index in stride(from: inner.count - 2, through: 0, by: -2) {
          pending.append((inner[index + 1], depth + 1, inner[index]))
        }
      } else {
        for index in inner.indices.reversed() {
          pending.append((inner[index], depth + 1, Int32(truncatingIfNeeded: -index - 1)))
        }
      }
    }
  }

  /// Every leaf below this value with its path, in the order of the file.
  ///
  /// - Returns: Paths and values, as ``forEachLeaf(_:)`` visits them.
  public func leaves() -> [(path: [String], value: CheckpointValue)] {
    var result: [(path: [String], value: CheckpointValue)] = []
    forEachLeaf { result.append(($0, $1)) }
    return result
  }
}
