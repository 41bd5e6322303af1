/// Writes a value as a pickle of protocol 2, with tensors as PyTorch refers to them.
struct PickleWriter {
  /// The bytes so far.
  private(set) var bytes: [UInt8] = [PickleOpcode.proto.rawValue, 2]
  /// The tensors whose elements make up the storages, by storage key.
  private(set) var storages: [StoredTensor] = []
  private var storageKeys: [StorageIdentity: Int] = [:]
  private var memo: [String: UInt8] = [:]
  private let path: String

  /// What makes two tensors views of the same bytes.
  private struct StorageIdentity: Hashable {
    let address: UInt
    let byteCount: Int
    let scalarType: ScalarType
  }

  /// Pickles a value.
  init(_ value: TorchValue, path: String) throws(CheckpointError) {
    self.path = path
    try write(value, depth: 0)
    add(.stop)
  }

  private mutating func add(_ opcode: PickleOpcode) { bytes.append(opcode.rawValue) }

  private mutating func addNumber<Value: FixedWidthInteger>(_ value: Value) {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
  }

  private mutating func write(_ value: TorchValue, depth: Int) throws(CheckpointError) {
    guard depth < PickleMachine.Limit.depth else {
      throw .usage(
        problem: "\(path.escapedForMessage): values nested more than "
          + "\(PickleMachine.Limit.depth) deep cannot be written")
    }
    switch value {
    case .none: add(.none)
    case .bool(let value): add(value ? .newtrue : .newfalse)
    case .integer(let value): integer(value)
    case .float(let value):
      add(.binfloat)
      addNumber(value.bitPattern.byteSwapped)
    case .string(let value): try text(value)
    case .tensor(let tensor): try self.tensor(tensor)
    case .list(let values):
      add(.emptyList)
      add(.mark)
      for value in values { try write(value, depth: depth + 1) }
      add(.appends)
    case .dictionary(let entries):
      try dictionary(entries, depth: depth)
    }
  }

  private mutating func dictionary(
    _ entries: [(key: TorchValue.Key, value: TorchValue)], depth: Int
  ) throws(CheckpointError) {
    var keys: Set<TorchValue.Key> = []
    // An OrderedDict, as state_dict() makes it: code that reads weights may set attributes on it.
    global("collections", "OrderedDict")
    add(.emptyTuple)
    add(.reduce)
    guard !entries.isEmpty else { return }
    add(.mark)
    for (key, value) in entries {
      guard keys.insert(key).inserted else {
        throw .usage(problem: "\(path.escapedForMessage): the key \(key) occurs twice")
      }
      switch key {
      case .string(let name): try text(name)
      case .integer(let number): integer(number)
      }
      try write(value, depth: depth + 1)
    }
    add(.setitems)
  }

  private mutating func integer(_ value: Int) {
    if let small = UInt8(exactly: value) {
      add(.binint1)
      addNumber(small)
    } else if let medium = Int32(exactly: value) {
      add(.binint)
      addNumber(medium)
    } else {
      add(.long1)
      addNumber(UInt8(8))
      addNumber(Int64(value))
    }
  }

  private mutating func text(_ value: String) throws(CheckpointError) {
    let utf8 = Array(value.utf8)
    guard utf8.count <= PickleMachine.Limit.text, let length = UInt32(exactly: utf8.count) else {
      throw .usage(
        problem: "\(path.escapedForMessage): a text of \(utf8.count) bytes cannot be written; the "
          + "limit is \(PickleMachine.Limit.text)")
    }
    add(.binunicode)
    addNumber(length)
    bytes += utf8
  }

  /// Writes something short once and refers to it afterwards.
  private mutating func once(_ name: String, _ body: (inout PickleWriter) -> Void) {
    if let index = memo[name] {
      add(.binget)
      addNumber(index)
      return
    }
    body(&self)
    if let index = UInt8(exactly: memo.count) {
      memo[name] = index
      add(.binput)
      addNumber(index)
    }
  }

  private mutating func global(_ module: String, _ name: String) {
    once("\(module)\n\(name)\n") { writer in
      writer.add(.global)
      writer.bytes += Array("\(module)\n\(name)\n".utf8)
    }
  }

  private mutating func shortText(_ value: String) {
    once(value) { writer in
      writer.add(.binunicode)
      writer.addNumber(UInt32(value.utf8.count))
      writer.bytes += Array(value.utf8)
    }
  }

  private mutating func tensor(_ tensor: StoredTensor) throws(CheckpointError) {
    let identity = StorageIdentity(
      address: unsafe UInt(bitPattern: tensor.bytes.baseAddress), byteCount: tensor.byteCount,
      scalarType: tensor.scalarType)
    let key: Int
    if tensor.isContiguous, tensor.count > 0, let known = storageKeys[identity] {
      key = known
    } else {
      key = storages.count
      storages.append(tensor)
      if tensor.isContiguous { storageKeys[identity] = key }
    }
    global("torch._utils", "_rebuild_tensor_v2")
    add(.mark)
    add(.mark)
    shortText("storage")
    global("torch", tensor.scalarType.torchStorageName)
    try text(String(key))
    shortText("cpu")
    integer(tensor.count)
    add(.tuple)
    add(.binpersid)
    integer(0)
    integers(tensor.shape)
    integers(StoredTensor.rowMajorStrides(of: tensor.shape))
    add(.newfalse)
    global("collections", "OrderedDict")
    add(.emptyTuple)
    add(.reduce)
    add(.tuple)
    add(.reduce)
  }

  private mutating func integers(_ values: [Int]) {
    add(.mark)
    for value in values { integer(value) }
    add(.tuple)
  }
}
