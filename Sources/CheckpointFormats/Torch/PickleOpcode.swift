/// An instruction of Python's pickle format that the restricted reader carries out.
///
/// The first group is what PyTorch's own restricted reader knows; the second is what protocol 4 adds.
enum PickleOpcode: UInt8 {
  case proto = 0x80
  case stop = 0x2E
  case mark = 0x28
  case global = 0x63
  case reduce = 0x52
  case build = 0x62
  case newobj = 0x81
  case binpersid = 0x51
  case emptyDict = 0x7D
  case emptyList = 0x5D
  case emptyTuple = 0x29
  case emptySet = 0x8F
  case tuple = 0x74
  case tuple1 = 0x85
  case tuple2 = 0x86
  case tuple3 = 0x87
  case append = 0x61
  case appends = 0x65
  case setitem = 0x73
  case setitems = 0x75
  case none = 0x4E
  case newtrue = 0x88
  case newfalse = 0x89
  case binint = 0x4A
  case binint1 = 0x4B
  case binint2 = 0x4D
  case long1 = 0x8A
  case binfloat = 0x47
  case binunicode = 0x58
  case shortBinstring = 0x55
  case binput = 0x71
  case longBinput = 0x72
  case binget = 0x68
  case longBinget = 0x6A

  case frame = 0x95
  case memoize = 0x94
  case shortBinunicode = 0x8C
  case binunicode8 = 0x8D
  case stackGlobal = 0x93
  case binbytes = 0x42
  case shortBinbytes = 0x43
  case long4 = 0x8B

  /// The name and value of any byte of a pickle, for messages: `REDUCE (0x52)`.
  static func label(_ byte: UInt8) -> String {
    let value = String(byte, radix: 16)
    return "\(names[byte] ?? "UNKNOWN") (0x\(value.count == 1 ? "0" + value : value))"
  }

  /// The name of any byte of a pickle.
  static func name(_ byte: UInt8) -> String { names[byte] ?? "UNKNOWN" }

  /// The mnemonics of Python's `pickletools`, of opcodes that are refused, too.
  private static let names: [UInt8: String] = [
    0x80: "PROTO", 0x2E: "STOP", 0x28: "MARK", 0x63: "GLOBAL", 0x52: "REDUCE", 0x62: "BUILD",
    0x81: "NEWOBJ", 0x51: "BINPERSID", 0x7D: "EMPTY_DICT", 0x5D: "EMPTY_LIST",
    0x29: "EMPTY_TUPLE", 0x8F: "EMPTY_SET", 0x74: "TUPLE", 0x85: "TUPLE1", 0x86: "TUPLE2",
    0x87: "TUPLE3", 0x61: "APPEND", 0x65: "APPENDS", 0x73: "SETITEM", 0x75: "SETITEMS",
    0x4E: "NONE", 0x88: "NEWTRUE", 0x89: "NEWFALSE", 0x4A: "BININT", 0x4B: "BININT1",
    0x4D: "BININT2", 0x8A: "LONG1", 0x47: "BINFLOAT", 0x58: "BINUNICODE",
    0x55: "SHORT_BINSTRING", 0x71: "BINPUT", 0x72: "LONG_BINPUT", 0x68: "BINGET",
    0x6A: "LONG_BINGET", 0x95: "FRAME", 0x94: "MEMOIZE", 0x8C: "SHORT_BINUNICODE",
    0x8D: "BINUNICODE8", 0x93: "STACK_GLOBAL", 0x42: "BINBYTES", 0x43: "SHORT_BINBYTES",
    0x8B: "LONG4", 0x69: "INST", 0x6F: "OBJ", 0x92: "NEWOBJ_EX", 0x82: "EXT1", 0x83: "EXT2",
    0x84: "EXT4", 0x50: "PERSID", 0x32: "DUP", 0x30: "POP", 0x31: "POP_MARK", 0x46: "FLOAT",
    0x49: "INT", 0x4C: "LONG", 0x53: "STRING", 0x54: "BINSTRING", 0x56: "UNICODE", 0x64: "DICT",
    0x6C: "LIST", 0x67: "GET", 0x70: "PUT", 0x8E: "BINBYTES8", 0x90: "ADDITEMS",
    0x91: "FROZENSET", 0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
  ]
}
