internal import FoundationEssentials

/// An `http` or `https` address, checked once.
struct WebAddress: Sendable, Equatable {
  /// The complete address, with its query.
  let text: String
  let scheme: String
  let host: String
  let port: Int

  /// Reads an address; `nil` if it is not absolute or of another scheme.
  init?(_ text: String) { self.init(URL(string: text)) }

  private init?(_ url: URL?) {
    guard let url, let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
      let host = url.host(), !host.isEmpty
    else { return nil }
    text = url.absoluteString
    self.scheme = scheme
    self.host = host.lowercased()
    port = url.port ?? (scheme == "https" ? 443 : 80)
  }

  /// The address that a redirect leads to; `nil` if it is none.
  func following(_ location: String) -> WebAddress? {
    WebAddress(URL(string: location, relativeTo: URL(string: text))?.absoluteURL)
  }

  /// Whether a secret for one address may go to the other: the same scheme, host and port.
  func hasOrigin(of other: WebAddress) -> Bool {
    scheme == other.scheme && host == other.host && port == other.port
  }

  /// The address for messages: without a query, which can hold a signature, and without a password.
  var display: String {
    let end = text.firstIndex { $0 == "?" || $0 == "#" } ?? text.endIndex
    let plain = text[..<end].onOneLine
    guard let start = plain.firstRange(of: "://")?.upperBound,
      let at = plain[start...].prefix(while: { $0 != "/" }).lastIndex(of: "@")
    else { return plain }
    return String(plain[..<start] + plain[plain.index(after: at)...])
  }
}

extension Substring {
  fileprivate var onOneLine: String { String(self).onOneLine }
}
