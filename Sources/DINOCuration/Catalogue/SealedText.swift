internal import CheckpointFormats

/// A file of lines whose last one holds a hash of all others: damage and a missing end are noticed.
///
/// The first line says what the file is. Fields of a line are separated by tabs.
struct SealedText {
  /// The file.
  let path: String
  /// The fields of the first line after the kind.
  let head: [String]
  /// The lines between the first and the last.
  let lines: [ArraySlice<UInt8>]
  /// The hash of the last line.
  let checksum: String

  private static let end = "#end\t"

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - kind: What its first line begins with.
  /// - Throws: ``StoreError/damaged(path:problem:)`` if it is not as it was written.
  init(_ path: String, kind: String) throws(StoreError) {
    let bytes = try StoreError.files { () throws(CheckpointError) in
      let file = try FileBytes(path: path)
      return unsafe file.withUnsafeBytes { unsafe Array($0) }
    }
    self.path = path
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    // The text after the last line feed.
    guard lines.popLast()?.isEmpty == true, let last = lines.popLast(), let first = lines.first
    else {
      throw .damaged(path: path, problem: "is cut off")
    }
    var hash = ContentHash()
    for line in lines { unsafe line.withUnsafeBytes { unsafe hash.add($0) } }
    let head = first.fields.map { String(decoding: $0, as: UTF8.self) }
    guard String(decoding: last, as: UTF8.self) == Self.end + hash.text, head.first == kind else {
      throw .damaged(path: path, problem: "is not as it was written (\(kind) was expected)")
    }
    self.head = Array(head.dropFirst())
    self.lines = Array(lines.dropFirst())
    checksum = hash.text
  }

  /// Writes lines.
  struct Writer {
    private let file: AtomicFile
    private var hash = ContentHash()

    /// Begins a file, which appears under its name when it is complete.
    init(_ path: String, kind: String, head: [String] = []) throws(StoreError) {
      file = try StoreError.files { () throws(CheckpointError) in try AtomicFile(path: path) }
      try add(([kind] + head).joined(separator: "\t"))
    }

    /// Adds a line without line feeds.
    mutating func add(_ line: String) throws(StoreError) { try add(Array(line.utf8)) }

    /// Adds a line without line feeds.
    mutating func add(_ line: [UInt8]) throws(StoreError) {
      hash.add(line)
      try write(line + [0x0A])
    }

    /// Makes the file appear, and tells its hash.
    func finish() throws(StoreError) -> String {
      try write(Array((SealedText.end + hash.text + "\n").utf8))
      try StoreError.files { () throws(CheckpointError) in try file.commit() }
      return hash.text
    }

    private func write(_ bytes: [UInt8]) throws(StoreError) {
      try StoreError.files { () throws(CheckpointError) in try file.write(bytes) }
    }
  }
}

extension ArraySlice<UInt8> {
  /// The parts between tabs.
  var fields: [ArraySlice<UInt8>] { split(separator: 0x09, omittingEmptySubsequences: false) }

  /// The bytes as text.
  var text: String { String(decoding: self, as: UTF8.self) }
}

extension String {
  /// The text without tabs and line feeds.
  var asField: String {
    utf8.allSatisfy { $0 >= 0x20 }
      ? self
      : String(
        String.UnicodeScalarView(unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
  }
}
