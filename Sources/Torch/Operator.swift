internal import CTorch

/// An operator of libtorch, found once and called through the boxed dispatcher.
struct Operator: Sendable {
  let name: String
  // An operator's entry is made once, never changed and never freed, so any thread may use it.
  private let found: Result<Handle, TorchError>

  private struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  /// Finds an operator; a missing one is reported by its first call.
  ///
  /// - Parameters:
  ///   - name: Name with name space, `aten::add`.
  ///   - overload: Overload name, `Tensor`, or empty.
  init(_ name: String, _ overload: String = "") {
    let shortName = String(name.drop { $0 != ":" }.drop { $0 == ":" })
    self.name = shortName
    found = Result { () throws(TorchError) in
      var pointer: OpaquePointer?
      try checked(shortName) { ct_operator_find(name, overload, &pointer, $0) }
      guard let pointer else { throw TorchError(shortName, "operator not found") }
      return Handle(pointer: pointer)
    }
  }

  /// Calls the operator.
  ///
  /// - Parameter arguments: In the order of the schema; left-out ones take their defaults.
  /// - Returns: The results, a tensor list flattened.
  /// - Throws: ``TorchError`` with the operands' shapes if libtorch refuses them.
  func callAsFunction(_ arguments: [Argument]) throws(TorchError) -> [OperatorResult] {
    let operation = try found.get().pointer
    var marshalled = Marshalled(arguments)
    var results = [ct_value](
      repeating: ct_value(tag: CT_NONE, integer: 0, number: 0, pointer: nil, count: 0),
      count: Self.resultCapacity)
    var count: Int64 = 0
    // Temporaries among the arguments must outlive the call.
    try withExtendedLifetime(arguments) { () throws(TorchError) in
      try checked(name, operands: arguments.flatMap(\.operandDescriptions)) { message in
        marshalled.withValues { values in
          ct_operator_call(
            operation, values.baseAddress, Int64(values.count), &results,
            Int64(Self.resultCapacity), &count, message)
        }
      }
    }
    return results[..<Int(count)].map(OperatorResult.init)
  }

  /// Calls an operator that returns one tensor.
  ///
  /// - Parameter arguments: In the order of the schema; left-out ones take their defaults.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` if libtorch refuses the operands.
  func tensor(_ arguments: Argument...) throws(TorchError) -> Tensor {
    guard case .tensor(let tensor)? = try self(arguments).first else {
      throw TorchError(name, "returned no tensor")
    }
    return tensor
  }

  /// Calls an operator that returns several tensors; undefined ones are left out.
  ///
  /// - Parameter arguments: In the order of the schema; left-out ones take their defaults.
  /// - Returns: The tensors.
  /// - Throws: ``TorchError`` if libtorch refuses the operands.
  func tensors(_ arguments: Argument...) throws(TorchError) -> [Tensor] {
    try self(arguments).compactMap { result in
      if case .tensor(let tensor) = result { tensor } else { nil }
    }
  }

  static let resultCapacity = 64
}

/// One result of an operator.
enum OperatorResult {
  case tensor(Tensor)
  case int(Int)
  case double(Double)
  case bool(Bool)
  case none

  init(_ value: ct_value) {
    switch value.tag {
    case CT_TENSOR:
      self = value.pointer.map { .tensor(Tensor(owning: OpaquePointer($0))) } ?? .none
    case CT_INT: self = .int(Int(value.integer))
    case CT_DOUBLE: self = .double(value.number)
    case CT_BOOL: self = .bool(value.integer != 0)
    default: self = .none
    }
  }
}
