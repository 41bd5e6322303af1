extension RawPath {
  /// The path that an argument of the command line stands for, byte for byte.
  ///
  /// Swift hands out arguments as text, in which bytes that are not UTF-8 have become replacement
  /// characters. Where that may have happened, the argument is looked up among the original bytes.
  ///
  /// - Parameter text: An argument as Swift hands it out, or any other path.
  public init(argument text: String) {
    self.init(argument: text, of: text.contains("\u{FFFD}") ? RawPath.originalArguments : [])
  }

  /// The path that a text stands for, among arguments in bytes.
  package init(argument text: String, of originals: [[UInt8]]) {
    let original = originals.first { bytes in
      String(validating: bytes, as: UTF8.self) == nil
        && String(decoding: bytes, as: UTF8.self) == text
    }
    self.init(bytes: original ?? Array(text.utf8))
  }

  /// The arguments of this process in bytes.
  private static var originalArguments: [[UInt8]] {
    (0..<Int(CommandLine.argc)).compactMap { index in
      // The C runtime keeps `argc` strings, each ending with NUL, for the life of the process.
      guard let argument = unsafe CommandLine.unsafeArgv[index] else { return nil }
      var bytes: [UInt8] = []
      var position = 0
      while unsafe argument[position] != 0 {
        bytes.append(UInt8(bitPattern: unsafe argument[position]))
        position += 1
      }
      return bytes
    }
  }
}
