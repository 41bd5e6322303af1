/// Writes PyTorch files (`.pth`, `.pt`, `.bin`) that `torch.load(…, weights_only=True)` reads.
public enum TorchFile {
  /// Writes a value into a zip container as `torch.save` makes it.
  ///
  /// The pickle has protocol 2, members are stored uncompressed with their checksums, and every
  /// storage begins at a multiple of 64 bytes. The file appears when it is complete.
  ///
  ///     try TorchFile.write(
  ///       .dictionary([(key: "teacher", value: .stateDictionary(tensors))]),
  ///       to: "teacher_checkpoint.pth")
  ///
  /// - Parameters:
  ///   - value: The value, usually a dictionary.
  ///   - path: The file; one that exists is replaced.
  /// - Throws: ``CheckpointError`` if the value cannot be pickled or the file cannot be written.
  public static func write(_ value: TorchValue, to path: String) throws(CheckpointError) {
    let pickle = try PickleWriter(value, path: path)
    let file = try AtomicFile(path: path)
    let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let zip = ZipWriter(file, folder: folderName(String(path[slash...])))
    try zip.add("data.pkl", pickle.bytes)
    try zip.add("byteorder", Array("little".utf8))
    for (key, tensor) in pickle.storages.enumerated() {
      unsafe try tensor.withContiguousBytes { (bytes) throws(CheckpointError) in
        unsafe try zip.add("data/\(key)", bytes)
      }
    }
    try zip.add("version", Array("3\n".utf8))
    try zip.finish()
    try file.commit()
  }

  /// The name of the folder inside the archive: the file's name without its ending, as PyTorch does.
  private static func folderName(_ name: String) -> String {
    let base = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    let isPlain =
      !base.isEmpty && base.utf8.count <= 200
      && base.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
          || (0x61...0x7A).contains(byte) || byte == 0x5F || byte == 0x2D
      }
    return isPlain ? base : "archive"
  }
}

/// Writes a zip file of stored members, with 64-bit fields only where they are needed.
final class ZipWriter {
  private let file: AtomicFile
  private let folder: String
  private var directory: [UInt8] = []
  private var count = 0

  /// Starts an archive at the beginning of a file.
  init(_ file: AtomicFile, folder: String) {
    self.file = file
    self.folder = folder
  }

  /// Adds a member.
  func add(_ name: String, _ bytes: [UInt8]) throws(CheckpointError) {
    let block = MemoryBlock(copying: bytes)
    defer { withExtendedLifetime(block) {} }
    unsafe try add(name, block.buffer)
  }

  /// Adds a member whose bytes begin at a multiple of 64 bytes of the file.
  func add(_ name: String, _ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    let offset = file.position
    let fullName = Array("\(folder)/\(name)".utf8)
    let checksum = unsafe CRC32.checksum(of: bytes)
    let isLarge = bytes.count >= 0xFFFF_FFFF
    let size = isLarge ? 0xFFFF_FFFF : bytes.count
    var sizes: [UInt8] = []
    if isLarge {
      sizes = number(1, 2) + number(16, 2) + number(bytes.count, 8) + number(bytes.count, 8)
    }

    let start = offset + 30 + fullName.count + sizes.count + 4
    let padding = (64 - start % 64) % 64
    let extra =
      sizes + Array("FB".utf8) + number(padding, 2) + [UInt8](repeating: 0x5A, count: padding)
    let common =
      number(0x800, 2) + number(0, 2) + number(0, 2) + number(0x21, 2) + number(Int(checksum), 4)
      + number(size, 4) + number(size, 4) + number(fullName.count, 2)
    let version = number(isLarge ? 45 : 20, 2)
    try file.write(
      number(0x0403_4B50, 4) + version + common + number(extra.count, 2) + fullName + extra)
    unsafe try file.write(bytes)

    let isFar = offset >= 0xFFFF_FFFF
    var wide: [UInt8] = []
    if isLarge || isFar {
      let fields =
        (isLarge ? number(bytes.count, 8) + number(bytes.count, 8) : [])
        + (isFar ? number(offset, 8) : [])
      wide = number(1, 2) + number(fields.count, 2) + fields
    }
    directory +=
      number(0x0201_4B50, 4) + version + version + common + number(wide.count, 2) + number(0, 2)
      + number(0, 2) + number(0, 2) + number(0, 4)
      + number(isFar ? 0xFFFF_FFFF : offset, 4) + fullName + wide
    count += 1
  }

  /// Writes the directory.
  func finish() throws(CheckpointError) {
    let offset = file.position
    let end = offset + directory.count
    try file.write(directory)
    if count >= 0xFFFF || offset >= 0xFFFF_FFFF || directory.count >= 0xFFFF_FFFF {
      try file.write(
        number(0x0606_4B50, 4) + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 4)
          + number(0, 4) + number(count, 8) + number(count, 8) + number(directory.count, 8)
          + number(offset, 8))
      try file.write(number(0x0706_4B50, 4) + number(0, 4) + number(end, 8) + number(1, 4))
    }
    let members = number(min(count, 0xFFFF), 2)
    try file.write(
      number(0x0605_4B50, 4) + number(0, 4) + members + members
        + number(min(directory.count, 0xFFFF_FFFF), 4) + number(min(offset, 0xFFFF_FFFF), 4)
        + number(0, 2))
  }

  private func number(_ value: Int, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
