#if Hub
/// The header `Content-Range`, `bytes start-end/total` or `bytes */total` (RFC 9110, 14.4).
struct ContentRange: Equatable {
  /// The first byte of the part; `nil` if there is no part.
  let start: Int?
  /// The size of the file, if the server says it.
  let total: Int?
}

extension ContentRange {
  /// Reads the header; `nil` if it is of another form.
  init?(_ text: String) {
    guard text.lowercased().hasPrefix("bytes ") else { return nil }
    let parts = text.dropFirst("bytes ".count).split(separator: "/")
    guard parts.count == 2 else { return nil }
    start = parts[0].split(separator: "-").first.flatMap { Int($0) }
    total = Int(parts[1])
  }
}
#endif
