/// Expands braces and wildcards as a shell does, byte by byte.
package enum PathPattern {
  /// The most paths that braces in one argument may stand for.
  static let mostPaths = 1_000_000

  /// Whether the text holds a wildcard: `*`, `?` or `[`.
  static func hasWildcard(_ pattern: RawPath) -> Bool {
    pattern.bytes.contains {
      [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "[")].contains($0)
    }
  }

  /// Expands `{a,b}` and `{000..012}`, leftmost first; numbers keep their leading zeros.
  ///
  /// - Parameter pattern: Text that may hold braces, nested or not.
  /// - Returns: The paths in order; the text itself if it holds no complete brace.
  /// - Throws: ``DataError/usage(problem:)`` if more than a million paths result.
  package static func expandBraces(_ pattern: RawPath) throws(DataError) -> [RawPath] {
    var done: [RawPath] = []
    var waiting: [[UInt8]] = [pattern.bytes]
    while let text = waiting.popLast() {
      guard let brace = Brace(in: text) else {
        done.append(RawPath(bytes: text))
        continue
      }
      guard let alternatives = brace.alternatives(limit: mostPaths),
        alternatives.count <= mostPaths - done.count - waiting.count
      else {
        throw .usage(
          problem: "\(pattern.displayName): the braces stand for more than \(mostPaths) paths")
      }
      for alternative in alternatives.reversed() {
        waiting.append(text[..<brace.start] + alternative + text[(brace.end + 1)...])
      }
    }
    return done
  }

  /// The leftmost brace of a text that has alternatives.
  private struct Brace {
    let start: Int
    let end: Int
    private let parts: [[UInt8]]

    init?(in text: [UInt8]) {
      var opening: [(start: Int, commas: [Int])] = []
      var found: (start: Int, end: Int, commas: [Int])?
      for (index, byte) in text.enumerated() {
        switch byte {
        case UInt8(ascii: "{"): opening.append((index, []))
        case UInt8(ascii: ",") where !opening.isEmpty:
          opening[opening.count - 1].commas.append(index)
        case UInt8(ascii: "}"):
          guard let brace = opening.popLast() else { continue }
          let hasChoice =
            !brace.commas.isEmpty || Brace.range(Array(text[(brace.start + 1)..<index])) != nil
          guard hasChoice else { continue }
          if found.map({ brace.start < $0.start }) ?? true {
            found = (brace.start, index, brace.commas)
          }
        default: break
        }
      }
      guard let found else { return nil }
      start = found.start
      end = found.end
      let edges = [found.start] + found.commas + [found.end]
      parts = zip(edges, edges.dropFirst()).map { Array(text[($0 + 1)..<$1]) }
    }

    /// The texts that the brace stands for, or nil if they are more than `limit`.
    func alternatives(limit: Int) -> [[UInt8]]? {
      guard parts.count == 1, let range = Brace.range(parts[0]) else { return parts }
      let (span, overflow) = range.last.subtractingReportingOverflow(range.first)
      guard !overflow, span.magnitude < limit else { return nil }
      let step = range.first <= range.last ? 1 : -1
      return stride(from: range.first, through: range.last, by: step).map { number in
        let digits = String(number)
        let zeros = max(0, range.width - digits.utf8.count)
        return Array((String(repeating: "0", count: zeros) + digits).utf8)
      }
    }

    /// Reads `first..last`; the width is that of the longer number if one of them has leading
    /// zeros.
    private static func range(_ text: [UInt8]) -> (first: Int, last: Int, width: Int)? {
      let dot = UInt8(ascii: ".")
      guard
        let dots = text.indices.dropLast().first(where: { text[$0] == dot && text[$0 + 1] == dot })
      else { return nil }
      let left = text[..<dots]
      let right = text[(dots + 2)...]
      let isNumber: (ArraySlice<UInt8>) -> Bool = { digits in
        !digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) }
      }
      guard isNumber(left), isNumber(right), let first = Int(String(decoding: left, as: UTF8.self)),
        let last = Int(String(decoding: right, as: UTF8.self))
      else { return nil }
      let isPadded = [left, right].contains { $0.count > 1 && $0.first == 0x30 }
      return (first, last, isPadded ? max(left.count, right.count) : 0)
    }
  }
}
