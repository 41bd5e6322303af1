internal import Glibc

/// Reads standard input to its end.
enum StandardInput {
  static func read() throws(DataError) -> [UInt8] {
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .errno("standard input", "cannot be read") }
      guard count > 0 else { return result }
      result += chunk[..<count]
    }
  }
}
