/// Interprets a pickle without executing anything: globals are inert tags, and applying one builds data
/// or is refused.
///
/// The machine never recurses; its values lie in a flat arena; every limit is checked before memory is
/// taken.
struct PickleMachine {
  /// What the machine does with globals outside its table.
  enum Policy {
    /// Refuse everything that is not needed for weights.
    case strict
    /// Keep objects of known foreign classes as inert records.
    case records
    /// Keep whatever is applied as an inert record; for listing a file, never for loading one.
    case inspect
  }

  /// The largest numbers of things, which bound memory and time.
  enum Limit {
    static let opcodes = 10_000_000
    static let stack = 100_000
    static let memo = 1_000_000
    static let text = 1 << 20
    static let nodes = 5_000_000
    static let depth = 100
    static let name = 512
    static let key = 4096
    static let copied = 64 << 20
  }

  /// A global that the pickle names.
  struct Global {
    let module: String
    let name: String
    let offset: Int
    let symbol: PickleSymbol

    var fullName: String { module + "." + name }
  }

  let region: ByteRegion
  /// What messages call the stream, for example `data.pkl`.
  let stream: String
  let policy: Policy
  /// The number of items that a persistent id has: 5 in zip files, 6 in legacy files, nil if none are
  /// allowed.
  let persistentItems: Int?

  var arena = ValueArena()
  var storages = TorchStorages()
  var globals: [Global] = []
  /// What was ignored, each kind once.
  private(set) var notes: [String] = []
  /// The bytes and elements that applied globals copied; a few opcodes can ask for many copies.
  private var copied = 0
  /// How often each opcode occurred.
  var counts = [Int](repeating: 0, count: 256)

  var stack: [Int32] = []
  private var marks: [Int] = []
  private var memo: [Int32] = []
  private var memoCount = 0
  var position = 0
  private var opcodeOffset = 0
  private var opcodeByte: UInt8 = 0
  /// The handles of small values that occur often.
  private let noneHandle: Int32
  private let trueHandle: Int32
  private let falseHandle: Int32
  let emptyTuple: Int32

  /// Prepares to read a pickle from the beginning of a region.
  init(_ region: ByteRegion, stream: String, policy: Policy, persistentItems: Int?) {
    self.region = region
    self.stream = stream
    self.policy = policy
    self.persistentItems = persistentItems
    noneHandle = arena.add(.none)
    trueHandle = arena.add(.bool(true))
    falseHandle = arena.add(.bool(false))
    emptyTuple = arena.add(.tuple(arena.addContainer()))
  }

  /// Runs to STOP and returns the handle of the result.
  mutating func run() throws(CheckpointError) -> Int32 {
    do throws(Problem) {
      var executed = 0
      while true {
        opcodeOffset = position
        guard let byte = region[position] else {
          opcodeByte = PickleOpcode.stop.rawValue
          throw Problem("is missing: the pickle ends without it; the file is cut off")
        }
        opcodeByte = byte
        counts[Int(byte)] += 1
        position += 1
        executed += 1
        guard executed <= Limit.opcodes else {
          throw Problem("is instruction \(executed); at most \(Limit.opcodes) are read")
        }
        guard let opcode = PickleOpcode(rawValue: byte) else {
          throw Problem("is not one of those that weight files need")
        }
        if opcode == .stop { return try finish() }
        try execute(opcode)
        guard stack.count <= Limit.stack, arena.nodes.count <= Limit.nodes else {
          throw Problem(
            "exceeds \(Limit.stack) values on the stack or \(Limit.nodes) in all")
        }
      }
    } catch {
      throw located(error)
    }
  }

  /// Adds the file, the opcode and its offset to what is wrong.
  func located(_ problem: Problem) -> CheckpointError {
    .pickle(
      path: region.file.path, opcode: PickleOpcode.label(opcodeByte),
      place: "\(stream)+\(opcodeOffset)", problem: problem.text)
  }

  private mutating func finish() throws(Problem) -> Int32 {
    guard stack.count == 1, marks.isEmpty, let result = stack.first else {
      throw Problem("finds \(stack.count) values and \(marks.count) marks; 1 and 0 are expected")
    }
    if policy != .inspect, let global = globals.first(where: { isRefused($0.symbol) }) {
      opcodeOffset = global.offset
      opcodeByte = region[global.offset] ?? 0
      throw Problem("names global \(global.fullName.escapedForMessage), which is not allowed")
    }
    return result
  }

  private func isRefused(_ symbol: PickleSymbol) -> Bool {
    symbol == .unknown || (symbol == .foreign && policy == .strict)
  }

  // MARK: - Instructions

  private mutating func execute(_ opcode: PickleOpcode) throws(Problem) {
    switch opcode {
    case .proto, .frame: try header(opcode)
    case .stop: break
    case .mark:
      guard marks.count < Limit.stack else { throw Problem("sets more than \(Limit.stack) marks") }
      marks.append(stack.count)
    case .none: stack.append(noneHandle)
    case .newtrue: stack.append(trueHandle)
    case .newfalse: stack.append(falseHandle)
    case .binint, .binint1, .binint2, .long1, .long4, .binfloat: try number(opcode)
    case .binunicode, .shortBinunicode, .binunicode8, .shortBinstring, .binbytes, .shortBinbytes:
      try text(opcode)
    case .emptyDict: push(.map(arena.addContainer()))
    case .emptyList: push(.list(arena.addContainer()))
    case .emptySet: push(.set(arena.addContainer()))
    case .emptyTuple: stack.append(emptyTuple)
    case .tuple: push(.tuple(arena.addContainer(try popToMark())))
    case .tuple1, .tuple2, .tuple3:
      let items = try pop(count: Int(opcode.rawValue - PickleOpcode.tuple1.rawValue) + 1)
      push(.tuple(arena.addContainer(items)))
    case .append: try append([try pop()])
    case .appends: try append(try popToMark())
    case .setitem: try setItems(try pop(count: 2))
    case .setitems: try setItems(try popToMark())
    case .binput, .longBinput, .memoize: try put(opcode)
    case .binget, .longBinget: try get(opcode)
    case .global, .stackGlobal: try global(opcode)
    case .reduce: try reduce()
    case .newobj: try newObject()
    case .build: try build()
    case .binpersid: try persistentID()
    }
  }

  private mutating func header(_ opcode: PickleOpcode) throws(Problem) {
    if opcode == .frame {
      // The frame only announces how many bytes follow; readers that do not prefetch ignore it.
      let length = try read(UInt64.self)
      guard length <= UInt64(region.count - position) else {
        throw Problem("announces \(length) bytes, more than are left")
      }
      return
    }
    let version = try read(UInt8.self)
    guard version <= 5, opcodeOffset == 0 else {
      throw Problem("states protocol \(version) at byte \(opcodeOffset); 2 at byte 0 is expected")
    }
    if version != 2 { note("\(stream) uses pickle protocol \(version) instead of 2") }
  }

  private mutating func global(_ opcode: PickleOpcode) throws(Problem) {
    let module: String
    let name: String
    if opcode == .global {
      module = try line()
      name = try line()
    } else {
      let parts = try pop(count: 2)
      guard case .string(let first) = arena.node(parts[0]),
        case .string(let second) = arena.node(parts[1]), first.utf8.count <= Limit.name,
        second.utf8.count <= Limit.name
      else { throw Problem("does not find two short texts on the stack") }
      (module, name) = (first, second)
    }
    guard globals.count < Limit.stack else {
      throw Problem("names more than \(Limit.stack) globals")
    }
    let symbol = PickleSymbol.named(module, name)
    globals.append(
      Global(
        module: PickleSymbol.modernModule(module), name: name, offset: opcodeOffset, symbol: symbol)
    )
    push(.symbol(globals.count - 1))
  }

  // MARK: - Stack and memo

  /// Notes something for the log, unless it was noted before.
  mutating func note(_ text: String) {
    if notes.count < 100, !notes.contains(text) { notes.append(text) }
  }

  /// Counts bytes or elements that are about to be copied.
  mutating func charge(_ count: Int) throws(Problem) {
    guard let sum = copied.checkedSum(count), sum <= Limit.copied else {
      throw Problem("makes copies of more than \(Limit.copied) bytes together")
    }
    copied = sum
  }

  /// Pushes a new value.
  mutating func push(_ node: ValueArena.Node) { stack.append(arena.add(node)) }

  /// Takes the topmost value above the last mark.
  mutating func pop() throws(Problem) -> Int32 {
    guard stack.count > (marks.last ?? 0), let value = stack.popLast() else {
      throw Problem("needs a value, but the stack is empty")
    }
    return value
  }

  /// Takes some topmost values, in the order in which they were pushed.
  mutating func pop(count: Int) throws(Problem) -> [Int32] {
    guard stack.count - (marks.last ?? 0) >= count else {
      throw Problem("needs \(count) values, but the stack has fewer")
    }
    let values = Array(stack.suffix(count))
    stack.removeLast(count)
    return values
  }

  private mutating func popToMark() throws(Problem) -> [Int32] {
    guard let mark = marks.popLast(), mark <= stack.count else {
      throw Problem("needs a mark, but there is none")
    }
    let values = Array(stack[mark...])
    stack.removeLast(stack.count - mark)
    return values
  }

  /// The topmost value, which stays.
  private func top() throws(Problem) -> Int32 {
    guard stack.count > (marks.last ?? 0), let value = stack.last else {
      throw Problem("needs a value to work on, but the stack is empty")
    }
    return value
  }

  private mutating func append(_ values: [Int32]) throws(Problem) {
    guard case .list(let index) = arena.node(try top()) else {
      throw Problem("appends to something that is not a list")
    }
    arena.containers[index].append(contentsOf: values)
  }

  private mutating func setItems(_ values: [Int32]) throws(Problem) {
    guard case .map(let index) = arena.node(try top()) else {
      throw Problem("sets a key of something that is not a dictionary")
    }
    guard values.count.isMultiple(of: 2) else { throw Problem("finds a key without a value") }
    for position in stride(from: 0, to: values.count, by: 2) {
      guard isKey(values[position]) else {
        throw Problem(
          "uses something as a key that is no short text, number, None or tuple of up to four")
      }
    }
    arena.containers[index].append(contentsOf: values)
  }

  private func isKey(_ handle: Int32) -> Bool {
    if case .tuple(let index) = arena.node(handle) {
      let items = arena.containers[index]
      return items.count <= 4 && items.allSatisfy { isSimpleKey($0) }
    }
    return isSimpleKey(handle)
  }

  private func isSimpleKey(_ handle: Int32) -> Bool {
    switch arena.node(handle) {
    case .none, .bool, .integer, .bigInteger: true
    case .string(let text): text.utf8.count <= Limit.key
    default: false
    }
  }

  private mutating func put(_ opcode: PickleOpcode) throws(Problem) {
    let index: Int
    switch opcode {
    case .binput: index = Int(try read(UInt8.self))
    case .longBinput: index = Int(try read(UInt32.self))
    default: index = memoCount
    }
    let value = try top()
    guard memoCount < Limit.memo, index <= memoCount + Limit.memo else {
      throw Problem("stores entry \(index) of \(memoCount); the memo holds at most \(Limit.memo)")
    }
    while memo.count <= index { memo.append(-1) }
    if memo[index] < 0 { memoCount += 1 }
    memo[index] = value
  }

  private mutating func get(_ opcode: PickleOpcode) throws(Problem) {
    let index = opcode == .binget ? Int(try read(UInt8.self)) : Int(try read(UInt32.self))
    guard memo.indices.contains(index), memo[index] >= 0 else {
      throw Problem("fetches memo entry \(index), which was never stored")
    }
    stack.append(memo[index])
  }
}
