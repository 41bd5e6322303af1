import CheckpointFormats
import DINOTestSupport
import Testing

/// A hostile file and what its refusal must say.
struct HostileFile: Sendable, CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  let says: [String]

  var testDescription: String { name }

  init(_ name: String, _ bytes: [UInt8], says: String...) {
    self.name = name
    self.bytes = bytes
    self.says = says
  }

  /// Reads the file and expects a refusal of one line.
  func expectRefusal(
    options: CheckpointOptions = CheckpointOptions(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("hostile.pth", bytes)

    let error = #expect(throws: CheckpointError.self, sourceLocation: sourceLocation) {
      _ = try Checkpoint.read(path, options: options)
    }

    let message = String(describing: error)
    #expect(!message.contains("\n") && message.contains("hostile.pth"), "\(message)")
    for text in says {
      #expect(message.contains(text), "\(message)", sourceLocation: sourceLocation)
    }
  }
}

@Suite("Hostile pickles")
struct HostilePickleTests {
  static let floats4 = [UInt8](repeating: 0, count: 16)

  /// Wraps a pickle into an archive with one storage of four floats.
  static func file(_ name: String, _ pickle: [UInt8], says: String...) -> HostileFile {
    var file = HostileFile(name, ZipBuilder.torch(pickle, storages: [floats4]).finished())
    file = HostileFile(copying: file, says: says)
    return file
  }

  /// `module.name(argument)` through GLOBAL and REDUCE.
  static func call(_ module: String, _ name: String) -> [UInt8] {
    PickleBuilder.map { pickle in
      pickle.global(module, name)
      pickle.text("echo owned")
      pickle.raw([0x85])
      pickle.op("R")
    }
  }

  /// The same through STACK_GLOBAL.
  static func stackCall(_ module: String, _ name: String) -> [UInt8] {
    PickleBuilder.map { pickle in
      pickle.text(module)
      pickle.text(name)
      pickle.raw([0x93])
      pickle.text("echo owned")
      pickle.raw([0x85])
      pickle.op("R")
    }
  }

  static let functions = [
    ("posix", "system"), ("os", "system"), ("nt", "system"), ("builtins", "eval"),
    ("builtins", "exec"), ("__builtin__", "eval"), ("subprocess", "Popen"), ("sys", "exit"),
    ("builtins", "getattr"), ("importlib", "import_module"), ("torch", "load"),
    ("torch.storage", "_load_from_bytes"), ("torch.hub", "load"), ("pickle", "loads"),
    ("shutil", "rmtree"), ("socket", "create_connection"), ("runpy", "run_path"),
    ("torch._utils", "_rebuild_sparse_tensor"), ("torch._utils", "_rebuild_qtensor"),
    ("numpy", "load"), ("functools", "partial"), ("operator", "attrgetter"),
  ]

  @Test("functions are never applied, and the message names them", arguments: functions)
  func functionsAreRefused(module: String, name: String) throws {
    let modern = module == "__builtin__" ? "builtins" : module
    for pickle in [Self.call(module, name), Self.stackCall(module, name)] {
      for accepts in [false, true] {
        var options = CheckpointOptions()
        options.acceptsForeignRecords = accepts
        try Self.file(
          "call", pickle, says: "opcode REDUCE (0x52) at data.pkl+", "\(modern).\(name)",
          "which is not allowed", "nothing was executed"
        ).expectRefusal(options: options)
      }
    }
  }

  static let forbiddenOpcodes: [(String, [UInt8])] = [
    ("INST", Array("(iposix\nsystem\n".utf8)), ("OBJ", Array("(o".utf8)),
    ("PERSID", Array("P0\n".utf8)),
    ("DUP", Array("N2".utf8)), ("POP", Array("N0".utf8)), ("POP_MARK", Array("(1".utf8)),
    ("INT", Array("I1\n".utf8)), ("FLOAT", Array("F1\n".utf8)), ("GET", Array("g0\n".utf8)),
    ("NEWOBJ_EX", [0x92]), ("EXT1", [0x82, 1]), ("EXT2", [0x83, 1, 0]),
    ("EXT4", [0x84, 1, 0, 0, 0]),
    ("ADDITEMS", [0x90]), ("FROZENSET", [0x91]), ("BYTEARRAY8", [0x96]), ("NEXT_BUFFER", [0x97]),
    ("READONLY_BUFFER", [0x98]), ("UNKNOWN", [0xFF]),
  ]

  @Test("opcodes that weights do not need are refused by name", arguments: forbiddenOpcodes)
  func opcodesAreRefused(name: String, instruction: [UInt8]) throws {
    try Self.file(name, PickleBuilder.map { $0.raw(instruction) }, says: "opcode \(name) (0x")
      .expectRefusal()
  }

  static let structures: [HostileFile] = [
    file("sets a key of a list", PickleBuilder.map { $0.raw(Array("]NNs".utf8)) }, says: "SETITEM"),
    file("appends to a map", PickleBuilder.map { $0.raw(Array("}Na".utf8)) }, says: "APPEND"),
    file("applies a value", PickleBuilder.map { $0.raw(Array("N)R".utf8)) }, says: "not a global"),
    file(
      "attaches state to a number", PickleBuilder.map { $0.raw(Array("K\u{1}}b".utf8)) },
      says: "BUILD"),
    file(
      "an unused forbidden global", PickleBuilder.map { $0.global("os", "system") },
      says: "GLOBAL (0x63)", "os.system"),
    file("an empty stack", [0x80, 2, 0x52, 0x2E], says: "REDUCE"),
    file("no STOP", [0x80, 2, 0x4E], says: "STOP"),
    file("two values at STOP", [0x80, 2, 0x4E, 0x4E, 0x2E], says: "STOP"),
    file("a mark at STOP", [0x80, 2, 0x4E, 0x28, 0x2E], says: "STOP"),
    file("bytes after STOP", [0x80, 2, 0x7D, 0x2E, 0x00], says: "bytes follow"),
    file("an unknown memo entry", PickleBuilder.map { $0.get(7) }, says: "LONG_BINGET"),
    file(
      "a far memo entry",
      PickleBuilder.map { pickle in
        pickle.op("N")
        pickle.put(0x7FFF_FFFF)
      }, says: "LONG_BINPUT"),
    file(
      "a text longer than the file", PickleBuilder.map { $0.raw([0x58, 0xFF, 0xFF, 0xFF, 0xFF]) },
      says: "BINUNICODE"),
    file(
      "text that is not UTF-8", PickleBuilder.map { $0.raw([0x58, 1, 0, 0, 0, 0xFF]) },
      says: "UTF-8"),
    file(
      "a huge integer",
      PickleBuilder.map { $0.raw([0x8A, 200] + [UInt8](repeating: 1, count: 200)) }, says: "LONG1"),
    file("a map as a key", PickleBuilder.map { $0.raw(Array("}}Ns".utf8)) }, says: "key"),
    file(
      "a key twice",
      PickleBuilder.map { pickle in
        pickle.op("N")
        pickle.text("weight")
        pickle.op("N")
      }, says: "occurs twice"),
    file(
      "a list that contains itself",
      PickleBuilder.map { pickle in
        pickle.op("]")
        pickle.put(0)
        pickle.get(0)
        pickle.op("a")
      }, says: "nested"),
    file(
      "90,000 nested lists",
      PickleBuilder.map { pickle in
        pickle.raw(
          [UInt8](repeating: 0x5D, count: 90_000) + [UInt8](repeating: 0x61, count: 89_999))
      }, says: "nested"),
    file(
      "a tower of tuples",
      PickleBuilder.map { pickle in
        pickle.raw([0x4E] + [UInt8](repeating: 0x85, count: 200_000))
      }, says: "nested"),
    file(
      "a stack without end", PickleBuilder.map { $0.raw([UInt8](repeating: 0x4E, count: 200_000)) },
      says: "stack"),
    file(
      "marks without end", PickleBuilder.map { $0.raw([UInt8](repeating: 0x28, count: 200_000)) },
      says: "marks"),
  ]

  @Test("wrong structure is refused", arguments: structures)
  func structureIsRefused(file: HostileFile) throws { try file.expectRefusal() }

  @Test("a tree that unfolds to billions of leaves is refused at once")
  func memoBomb() throws {
    let bomb = PickleBuilder.map { pickle in
      pickle.op("]")
      pickle.op("(")
      pickle.text("x")
      pickle.put(0)
      for level in 1...40 {
        pickle.op("]")
        pickle.op("(")
        for _ in 0..<10 { pickle.get(level - 1) }
        pickle.op("e")
        pickle.put(level)
      }
      pickle.op("e")
    }

    let duration = try ContinuousClock().measure {
      try Self.file("bomb", bomb, says: "unfolds to more than").expectRefusal()
    }

    #expect(duration < .seconds(1))
  }

  @Test("a tensor counts each time that it is referred to")
  func tensorBomb() throws {
    let bomb = PickleBuilder.map { pickle in
      pickle.op("]")
      pickle.op("(")
      pickle.tensor(numel: 4, shape: [4], strides: [1])
      pickle.put(0)
      pickle.get(0)
      pickle.get(0)
      pickle.op("e")
    }
    let file = Self.file("tensors", bomb, says: "the tensors need more than 47 bytes together")
    var options = CheckpointOptions()
    options.maximumTensorBytes = 47

    try file.expectRefusal(options: options)
  }

  /// Pairs of one shared value, then tuples around them.
  private static func tower(of height: Int) -> [UInt8] {
    PickleBuilder.map { pickle in
      pickle.op("N")
      for level in 0..<10 {
        pickle.put(level)
        pickle.get(level)
        pickle.raw([0x86])
      }
      pickle.raw([UInt8](repeating: 0x85, count: height - 10))
    }
  }

  @Test("values may be shared and nested as deep as is allowed, no deeper")
  func depthLimit() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("deep.pth", ZipBuilder.torch(Self.tower(of: 99)).finished())

    #expect(try Checkpoint.read(path).tensors.isEmpty)
    try Self.file("deeper", Self.tower(of: 100), says: "nested more than 100").expectRefusal()
  }

  @Test("copies without end are refused")
  func copyBomb() throws {
    let bomb = PickleBuilder.map { pickle in
      pickle.op("]")
      pickle.op("(")
      pickle.text(String(repeating: "x", count: 1_000_000))
      pickle.put(0)
      pickle.text("latin1")
      pickle.put(1)
      for _ in 0..<100 {
        pickle.global("_codecs", "encode")
        pickle.get(0)
        pickle.get(1)
        pickle.raw([0x86])
        pickle.op("R")
      }
      pickle.op("e")
    }
    try Self.file("copies", bomb, says: "copies").expectRefusal()
  }
}

extension HostileFile {
  init(copying file: HostileFile, says: [String]) {
    name = file.name
    bytes = file.bytes
    self.says = says
  }
}
