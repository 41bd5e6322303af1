/// What a file is, judged by its content.
enum ContainerKind: Equatable {
  case safetensors
  case torchZip
  case torchLegacy
  case shardIndex
  case refused(problem: String, advice: String)

  private static let fetchAgain = "fetch the weight file again"

  /// Looks at the beginning of a file.
  static func of(_ region: ByteRegion) -> ContainerKind {
    if region.count == 0 { return .refused(problem: "is empty", advice: fetchAgain) }
    if region.has([0x50, 0x4B, 0x03, 0x04]) { return .torchZip }
    if let refusal = foreignFormat(region) ?? textFile(region) { return refusal }
    if let length = region.integer(0, as: UInt64.self), length <= 1 << 40,
      let byte = region[8], byte == 0x7B || isSpace(byte)
    {
      return .safetensors
    }
    if region[0] == 0x80, let version = region[1], version >= 1, version <= 5 {
      return .torchLegacy
    }
    if let first = firstNonSpace(region), region[first] == 0x7B { return .shardIndex }
    if let text = beginningOfText(region) {
      return .refused(
        problem: "is a text, not a weight file: it begins with \(text.quoted)", advice: expected)
    }
    let start = (0..<min(8, region.count)).map { index -> String in
      let text = String(region[index] ?? 0, radix: 16)
      return text.count == 1 ? "0" + text : text
    }
    return .refused(
      problem: "is no weight file: it begins with the bytes " + start.joined(separator: " "),
      advice: expected)
  }

  private static let expected = "a safetensors file or one of torch.save is expected"

  /// The first characters of a file if all are printable.
  private static func beginningOfText(_ region: ByteRegion) -> String? {
    let bytes = (0..<min(32, region.count)).compactMap { region[$0] }
    let isPrintable = bytes.allSatisfy { isSpace($0) || (0x20..<0x7F).contains($0) }
    return isPrintable ? String(decoding: bytes, as: UTF8.self) : nil
  }

  private static func foreignFormat(_ region: ByteRegion) -> ContainerKind? {
    if region.has("ustar", at: 257) {
      return .refused(
        problem: "is a tar archive, as PyTorch wrote before version 0.1.10",
        advice: "load it with that PyTorch and save it with a current one")
    }
    if region.has("PYTORCH1") {
      return .refused(
        problem: "is in PyTorch's abandoned PYTORCH1 format",
        advice: "load it with an old PyTorch and save it with a current one")
    }
    if region.has([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]) {
      return .refused(problem: "is a 7z archive", advice: "unpack it first")
    }
    if region.has([0x1F, 0x8B]) {
      return .refused(problem: "is compressed with gzip", advice: "unpack it first (gunzip)")
    }
    if region.has([0x28, 0xB5, 0x2F, 0xFD]) {
      return .refused(problem: "is compressed with zstd", advice: "unpack it first (unzstd)")
    }
    if region.has([0x50, 0x4B, 0x05, 0x06]) {
      return .refused(problem: "is an empty zip file", advice: fetchAgain)
    }
    if region.has([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) {
      return .refused(
        problem: "is a numpy array, not a weight file",
        advice: "save the weights as safetensors or with torch.save")
    }
    if region.has("GGUF") || region.has([0x89, 0x48, 0x44, 0x46]) {
      return .refused(
        problem: "is a GGUF or HDF5 file",
        advice: "save the weights as safetensors or with torch.save")
    }
    return nil
  }

  private static func textFile(_ region: ByteRegion) -> ContainerKind? {
    guard let start = firstNonSpace(region) else {
      return .refused(problem: "holds only white space", advice: fetchAgain)
    }
    let beginning = (start..<min(start + 64, region.count)).compactMap { region[$0] }
    let text = String(decoding: beginning, as: UTF8.self).lowercased()
    if text.hasPrefix("version https://git-lfs.github.com/spec/") {
      return .refused(
        problem: "is a Git-LFS pointer, not the weights themselves",
        advice: "run `git lfs pull` in the repository, or download the file directly")
    }
    if text.hasPrefix("<!") || text.hasPrefix("<html") || text.hasPrefix("<?xml") {
      return .refused(
        problem: "is a web page, not a weight file; the download probably failed",
        advice: "open the address in a browser and fetch the file itself")
    }
    return nil
  }

  private static func firstNonSpace(_ region: ByteRegion) -> Int? {
    (0..<min(region.count, 1024)).first { index in region[index].map { !isSpace($0) } ?? false }
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }
}
