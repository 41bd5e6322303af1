import Foundation
import Glibc

/// Where commands print.
enum Console {
  /// Prints a result to standard output.
  static func print(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

  /// Prints a remark to standard error.
  static func note(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

  /// Prints a value as JSON with sorted keys to standard output.
  static func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(
          descriptor, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written)
      }
      if count < 0, errno == EINTR { continue }
      // Nobody reads any more: there is no one to tell.
      guard count > 0 else { return }
      written += count
    }
  }
}
