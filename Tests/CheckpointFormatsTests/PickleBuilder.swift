import CheckpointFormats

/// Assembles pickles instruction by instruction, also ones that no honest program writes.
struct PickleBuilder {
  private(set) var bytes: [UInt8] = [0x80, 2]

  /// Appends an opcode that has no operand, by the character that `pickletools` lists for it.
  mutating func op(_ character: Unicode.Scalar) { bytes.append(UInt8(character.value)) }

  /// Appends raw bytes.
  mutating func raw(_ raw: [UInt8]) { bytes += raw }

  mutating func global(_ module: String, _ name: String) {
    bytes += [0x63] + Array("\(module)\n\(name)\n".utf8)
  }

  mutating func text(_ text: String) {
    bytes.append(0x58)
    bytes += littleEndian(text.utf8.count, 4) + Array(text.utf8)
  }

  mutating func integer(_ value: Int) { bytes += [0x4A] + littleEndian(value, 4) }

  /// `LONG1`, for numbers beyond 32 bits.
  mutating func long(_ value: Int) { bytes += [0x8A, 8] + littleEndian(value, 8) }

  mutating func put(_ index: Int) { bytes += [0x72] + littleEndian(index, 4) }

  mutating func get(_ index: Int) { bytes += [0x6A] + littleEndian(index, 4) }

  /// A tensor over a storage, with every number free to lie.
  mutating func tensor(
    storage key: String = "0", type: String = "FloatStorage", numel: Int, offset: Int = 0,
    shape: [Int], strides: [Int]
  ) {
    global("torch._utils", "_rebuild_tensor_v2")
    op("(")
    op("(")
    text("storage")
    global("torch", type)
    text(key)
    text("cpu")
    long(numel)
    op("t")
    op("Q")
    long(offset)
    tuple(shape)
    tuple(strides)
    raw([0x89])
    global("collections", "OrderedDict")
    op(")")
    op("R")
    op("t")
    op("R")
  }

  mutating func tuple(_ values: [Int]) {
    op("(")
    for value in values { long(value) }
    op("t")
  }

  /// The bytes with STOP at the end.
  func finished() -> [UInt8] { bytes + [0x2E] }

  /// A pickle of one map with one key, whose value the closure writes.
  static func map(_ body: (inout PickleBuilder) -> Void) -> [UInt8] {
    var builder = PickleBuilder()
    builder.op("}")
    builder.op("(")
    builder.text("weight")
    body(&builder)
    builder.op("u")
    return builder.finished()
  }
}

/// The lowest bytes of a number, least significant first.
func littleEndian(_ value: Int, _ size: Int) -> [UInt8] {
  (0..<size).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
}

/// Assembles zip files, also contradictory ones.
struct ZipBuilder {
  struct Member {
    var name: String
    var data: [UInt8]
    var method = 0
    var flags = 0
    var checksum: Int?
    /// What the local header says, where that differs.
    var localName: String?
    var localSize: Int?
    var centralSize: Int?
    var centralOffset: Int?
  }

  var members: [Member] = []
  var prefix: [UInt8] = []
  var suffix: [UInt8] = []
  var comment: [UInt8] = []
  var countLie = 0

  /// An archive as `torch.save` lays it out.
  static func torch(_ pickle: [UInt8], storages: [[UInt8]] = []) -> ZipBuilder {
    var builder = ZipBuilder()
    builder.members.append(Member(name: "archive/data.pkl", data: pickle))
    builder.members.append(Member(name: "archive/byteorder", data: Array("little".utf8)))
    for (key, storage) in storages.enumerated() {
      builder.members.append(Member(name: "archive/data/\(key)", data: storage))
    }
    builder.members.append(Member(name: "archive/version", data: Array("3\n".utf8)))
    return builder
  }

  func finished() -> [UInt8] {
    var file = prefix
    var directory: [UInt8] = []
    for member in members {
      let offset = member.centralOffset ?? file.count
      let checksum = member.checksum ?? Int(plainCRC(member.data))
      func header(_ name: String, _ size: Int) -> [UInt8] {
        littleEndian(member.flags, 2) + littleEndian(member.method, 2) + littleEndian(0, 4)
          + littleEndian(checksum, 4) + littleEndian(size, 4) + littleEndian(size, 4)
          + littleEndian(name.utf8.count, 2)
      }
      let localName = member.localName ?? member.name
      file +=
        [0x50, 0x4B, 3, 4, 20, 0] + header(localName, member.localSize ?? member.data.count)
        + littleEndian(0, 2) + Array(localName.utf8) + member.data
      directory +=
        [0x50, 0x4B, 1, 2, 20, 0, 20, 0]
        + header(member.name, member.centralSize ?? member.data.count)
        + [UInt8](repeating: 0, count: 12) + littleEndian(offset, 4) + Array(member.name.utf8)
    }
    let offset = file.count
    let count = littleEndian(members.count + countLie, 2)
    file += directory
    file += [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + count + count
    file += littleEndian(directory.count, 4) + littleEndian(offset, 4)
    return file + littleEndian(comment.count, 2) + comment + suffix
  }
}

/// CRC-32 one bit at a time, straight from its definition.
func plainCRC(_ bytes: [UInt8]) -> UInt32 {
  var remainder: UInt32 = 0xFFFF_FFFF
  for byte in bytes {
    remainder ^= UInt32(byte)
    for _ in 0..<8 {
      remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1
    }
  }
  return ~remainder
}

/// A safetensors file with a header of one's own.
func safetensors(_ header: String, data: [UInt8], length: Int? = nil) -> [UInt8] {
  littleEndian(length ?? header.utf8.count, 8) + Array(header.utf8) + data
}

/// A small generator of pseudo-random numbers (SplitMix64), so that failures can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
