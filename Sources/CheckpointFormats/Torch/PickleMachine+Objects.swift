extension PickleMachine {
  // MARK: - Reading operands

  /// The items of a tuple.
  private func tuple(_ handle: Int32) -> [Int32]? {
    if case .tuple(let index) = arena.node(handle) { return arena.containers[index] }
    return nil
  }

  private func integer(_ handle: Int32) -> Int? {
    if case .integer(let value) = arena.node(handle) { return value }
    return nil
  }

  private func text(of handle: Int32) -> String? {
    if case .string(let value) = arena.node(handle) { return value }
    return nil
  }

  private func global(of handle: Int32) -> Global? {
    if case .symbol(let index) = arena.node(handle) { return globals[index] }
    return nil
  }

  private func integers(_ handle: Int32) -> [Int]? {
    let items: [Int32]
    switch arena.node(handle) {
    case .tuple(let index), .list(let index): items = arena.containers[index]
    default: return nil
    }
    guard items.count <= 64 else { return nil }
    let values = items.compactMap { integer($0) }
    return values.count == items.count ? values : nil
  }

  private func arguments(_ handle: Int32, of global: Global, _ allowed: ClosedRange<Int>)
    throws(Problem) -> [Int32]
  {
    guard let items = tuple(handle) else {
      throw Problem("applies global \(global.fullName.escapedForMessage) to something not a tuple")
    }
    guard allowed.contains(items.count) else {
      throw Problem(
        "applies global \(global.fullName) to \(items.count) arguments; \(allowed.lowerBound) to "
          + "\(allowed.upperBound) are expected")
    }
    return items
  }

  private func wrong(_ global: Global, _ what: String) -> Problem {
    Problem("applies global \(global.fullName) \(what)")
  }

  // MARK: - REDUCE, NEWOBJ, BUILD

  /// Applies a symbol to a tuple of arguments: builds data, calls nothing.
  mutating func reduce() throws(Problem) {
    let operands = try pop(count: 2)
    guard let global = global(of: operands[0]) else {
      throw Problem("applies a value that is not a global")
    }
    stack.append(try apply(global, to: operands[1]))
  }

  private mutating func apply(_ global: Global, to handle: Int32) throws(Problem) -> Int32 {
    switch global.symbol {
    case .rebuildTensor, .rebuildTensorV2, .rebuildTensorV3:
      return try rebuildTensor(global, handle)
    case .rebuildParameter, .rebuildParameterWithState, .rebuildFromType:
      return try unwrapTensor(global, handle)
    case .orderedDict:
      return try orderedDict(global, handle)
    case .size, .device, .layout, .encode, .set, .bytearray, .complex:
      return try plainValue(global, handle)
    case .foreign, .unknown:
      return try record(global, handle)
    case .parameterClass, .tensorClass, .storage, .untypedStorage, .dtype:
      throw wrong(global, "as a function, which it is not here")
    }
  }

  private mutating func record(_ global: Global, _ arguments: Int32) throws(Problem) -> Int32 {
    switch (policy, global.symbol) {
    case (.inspect, _), (.records, .foreign): break
    case (.strict, .foreign):
      throw Problem(
        "applies global \(global.fullName), which is not allowed unless foreign records are accepted"
      )
    case _ where global.module.hasPrefix("torch.nn.modules."):
      throw Problem(
        "applies global \(global.fullName.escapedForMessage), which is not allowed: the file holds a "
          + "module, a program; save its state_dict() instead")
    default:
      throw Problem(
        "applies global \(global.fullName.escapedForMessage), which is not allowed")
    }
    arena.records.append(
      ValueArena.Record(name: global.fullName, arguments: arguments, state: nil))
    return arena.add(.record(arena.records.count - 1))
  }

  private mutating func rebuildTensor(
    _ global: Global, _ handle: Int32
  ) throws(Problem) -> Int32 {
    let range: ClosedRange<Int>
    switch global.symbol {
    case .rebuildTensor: range = 4...4
    case .rebuildTensorV2: range = 6...7
    default: range = 7...8
    }
    let items = try arguments(handle, of: global, range)
    var dtype: ScalarType?
    if global.symbol == .rebuildTensorV3 {
      guard let type = self.global(of: items[6]), case .dtype(let scalar) = type.symbol else {
        throw wrong(global, "to an unsupported dtype")
      }
      dtype = scalar
    }
    guard case .storage(let storage) = arena.node(items[0]), let offset = integer(items[1]),
      let shape = integers(items[2]), let strides = integers(items[3])
    else {
      throw wrong(global, "to something else than storage, offset, size and stride")
    }
    if items.count >= 6, arena.children(items[5]).isEmpty == false {
      note("a backward hook was ignored")
    }
    let view = try storages.addTensor(
      storage, offset: offset, shape: shape, strides: strides, as: dtype)
    return arena.add(.tensor(view))
  }

  /// Takes the tensor out of a parameter or of a subclass wrapper.
  private mutating func unwrapTensor(
    _ global: Global, _ handle: Int32
  ) throws(Problem) -> Int32 {
    if global.symbol == .rebuildFromType {
      let items = try arguments(handle, of: global, 4...4)
      guard let function = self.global(of: items[0]), let type = self.global(of: items[1]),
        type.symbol == .tensorClass || type.symbol == .parameterClass
      else { throw wrong(global, "to a type that is not a plain tensor") }
      switch function.symbol {
      case .rebuildTensor, .rebuildTensorV2, .rebuildTensorV3:
        if !arena.children(items[3]).isEmpty { note("the state of a tensor was ignored") }
        return try rebuildTensor(function, items[2])
      default:
        throw wrong(
          global, "with the function \(function.fullName.escapedForMessage), which is not allowed")
      }
    }
    let items = try arguments(
      handle, of: global, global.symbol == .rebuildParameter ? 3...3 : 4...4)
    guard case .tensor = arena.node(items[0]) else {
      throw wrong(global, "to something that is not a tensor")
    }
    if items.count == 4, !arena.children(items[3]).isEmpty {
      note("the state of a parameter was ignored")
    }
    return items[0]
  }

  private mutating func orderedDict(
    _ global: Global, _ handle: Int32
  ) throws(Problem) -> Int32 {
    let items = try arguments(handle, of: global, 0...1)
    var members: [Int32] = []
    if let first = items.first {
      guard case .list(let index) = arena.node(first) else {
        throw wrong(global, "to something that is not a list of pairs")
      }
      try charge(arena.containers[index].count)
      for element in arena.containers[index] {
        let pair = arena.children(element)
        guard pair.count == 2, case .string(let key) = arena.node(pair[0]),
          key.utf8.count <= Limit.key
        else {
          throw wrong(global, "to a list with an element that is not a pair with a text key")
        }
        members.append(contentsOf: pair)
      }
    }
    return arena.add(.map(arena.addContainer(members)))
  }

  private mutating func plainValue(
    _ global: Global, _ handle: Int32
  ) throws(Problem) -> Int32 {
    let items = try arguments(handle, of: global, 0...3)
    switch global.symbol {
    case .size:
      guard items.count == 1, let sizes = integers(items[0]) else { break }
      return arena.add(.tuple(arena.addContainer(sizes.map { arena.add(.integer($0)) })))
    case .device:
      guard let kind = items.first.flatMap({ text(of: $0) }), kind.utf8.count <= 64 else { break }
      let index = items.count > 1 ? integer(items[1]).map { ":\($0)" } ?? "" : ""
      return arena.add(.name("torch.device " + kind + index))
    case .layout:
      guard items.count == 1, text(of: items[0]) == "torch.strided" else {
        throw wrong(global, "to a layout that is not strided")
      }
      return arena.add(.name("torch.strided"))
    case .encode:
      guard items.count == 2, let value = text(of: items[0]), text(of: items[1]) == "latin1" else {
        break
      }
      try charge(value.utf8.count)
      guard let bytes = latin1(value) else { break }
      return addBytes(bytes)
    case .set:
      guard items.count <= 1 else { break }
      if let first = items.first {
        guard case .list(let index) = arena.node(first) else { break }
        try charge(arena.containers[index].count)
        return arena.add(.set(arena.addContainer(arena.containers[index])))
      }
      return arena.add(.set(arena.addContainer()))
    case .bytearray:
      guard let first = items.first else { return addBytes([]) }
      guard items.count == 1, case .bytes(let index) = arena.node(first) else { break }
      try charge(arena.byteStrings[index].count)
      return addBytes(arena.byteStrings[index])
    case .complex:
      guard items.count == 2, case .float(let real) = arena.node(items[0]),
        case .float(let imaginary) = arena.node(items[1])
      else { break }
      arena.complexNumbers.append((real, imaginary))
      return arena.add(.complex(arena.complexNumbers.count - 1))
    default: break
    }
    throw wrong(global, "to arguments that it does not take")
  }

  /// A text as one byte per character, or nil if a character has none.
  private func latin1(_ text: String) -> [UInt8]? {
    let utf8 = Array(text.utf8)
    if utf8.allSatisfy({ $0 < 0x80 }) { return utf8 }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count)
    for scalar in text.unicodeScalars {
      guard let byte = UInt8(exactly: scalar.value) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  private mutating func addBytes(_ bytes: [UInt8]) -> Int32 {
    arena.byteStrings.append(bytes)
    return arena.add(.bytes(arena.byteStrings.count - 1))
  }

  /// Makes an object of a class: only of those that stand for data.
  mutating func newObject() throws(Problem) {
    let operands = try pop(count: 2)
    guard let global = global(of: operands[0]) else {
      throw Problem("makes an object of a value that is not a global")
    }
    switch global.symbol {
    case .parameterClass:
      let items = try arguments(operands[1], of: global, 1...2)
      guard case .tensor = arena.node(items[0]) else {
        throw wrong(global, "to something that is not a tensor")
      }
      stack.append(items[0])
    case .orderedDict, .set, .size, .foreign, .unknown:
      stack.append(try apply(global, to: operands[1]))
    default:
      throw Problem("makes an object of global \(global.fullName), which is not a class of data")
    }
  }

  /// Attaches state to an object; it is kept for records and dropped otherwise.
  mutating func build() throws(Problem) {
    let state = try pop()
    let target = try pop()
    switch arena.node(target) {
    case .map:
      // `_metadata` of a state dictionary: versions of modules, of no use here.
      break
    case .tensor:
      note("the state of a tensor was ignored")
    case .record(let index):
      arena.records[index].state = state
    default:
      throw Problem("attaches state to a value that takes none")
    }
    stack.append(target)
  }

  // MARK: - Storages

  /// Notes a storage that tensors will view.
  mutating func persistentID() throws(Problem) {
    let handle = try pop()
    guard let expected = persistentItems else {
      throw Problem("refers to a storage where only plain values are expected")
    }
    guard let items = tuple(handle), items.count == expected, text(of: items[0]) == "storage",
      let type = global(of: items[1]), let key = text(of: items[2]),
      let location = text(of: items[3]), let count = integer(items[4]), count >= 0
    else {
      throw Problem(
        "does not find (\"storage\", type, key, location, size\(expected == 6 ? ", view" : ""))")
    }
    let scalarType: ScalarType?
    switch type.symbol {
    case .storage(let known): scalarType = known
    case .untypedStorage: scalarType = nil
    default:
      throw Problem(
        "refers to a storage of type \(type.fullName.escapedForMessage), which is not supported")
    }
    let digits = expected == 6 ? 20 : 9
    guard !key.isEmpty, key.utf8.count <= digits, key.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else {
      throw Problem("refers to storage \(key.quoted); 1 to \(digits) digits are expected")
    }
    let storage = TorchStorages.Storage(
      key: key, scalarType: scalarType, isUntyped: scalarType == nil, count: count,
      location: location)
    guard storage.byteCount != nil else {
      throw Problem("refers to storage \(key.quoted) whose size, \(count) elements, overflows")
    }
    let view = expected == 6 ? try storageView(items[5]) : nil
    push(.storage(try storages.refer(to: storage, view: view)))
  }

  private func storageView(_ handle: Int32) throws(Problem) -> (offset: Int, count: Int)? {
    if case .none = arena.node(handle) { return nil }
    guard let items = tuple(handle), items.count == 3, let offset = integer(items[1]),
      let count = integer(items[2]), text(of: items[0]) != nil
    else { throw Problem("describes the view of a storage by something not (key, offset, size)") }
    return (offset, count)
  }
}
