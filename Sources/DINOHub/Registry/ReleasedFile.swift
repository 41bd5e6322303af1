/// A file below Meta's address of the release.
public struct ReleasedFile: Sendable, Hashable {
  /// The path below the base address, for example `dinov2_vits14/dinov2_vits14_pretrain.pth`.
  public let path: String
  /// SHA-256 in lower-case hexadecimal digits, or its first digits; `nil` if no hash is known.
  public let sha256: String?

  /// Creates an entry.
  ///
  /// Without a hash, one in the name counts: `torch.hub` reads `name-<digits>.pth` that way.
  init(path: String, sha256: String? = nil) {
    self.path = path
    self.sha256 = sha256 ?? ReleasedFile.hash(inName: path)
  }

  /// The name of the file, also in the cache.
  public var name: String { path.split(separator: "/").last.map { String($0) } ?? path }

  private static func hash(inName path: String) -> String? {
    guard let dash = path.lastIndex(of: "-"), let dot = path[dash...].firstIndex(of: ".")
    else { return nil }
    let digits = path[path.index(after: dash)..<dot]
    // Fewer digits than `torch.hub` writes, 8, are more likely a version or a date.
    return digits.count >= 8 && digits.isHexadecimal ? String(digits) : nil
  }
}

extension StringProtocol {
  /// Whether the text is not empty and holds lower-case hexadecimal digits only.
  var isHexadecimal: Bool {
    !isEmpty && utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}
