/// The proxies that the environment names, in the form that `curl` and Python understand.
public struct ProxySettings: Sendable, Equatable {
  /// Proxy of `https` addresses, for example `http://proxy.example:3128`.
  public var https: String?
  /// Proxy of `http` addresses.
  public var http: String?
  /// Hosts that are reached directly: names, domains, or `*` for all.
  public var exceptions: [String]

  /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; lower case goes before upper case.
  ///
  /// - Parameter environment: The environment variables.
  public init(environment: [String: String]) {
    func value(_ name: String) -> String? {
      let text = environment[name] ?? environment[name.uppercased()] ?? ""
      return text.isEmpty ? nil : text
    }
    https = value("https_proxy") ?? value("all_proxy")
    // Upper-case HTTP_PROXY can be set by a request header in CGI programs; curl ignores it for that
    // reason. This is no CGI program, and Python reads it.
    http = value("http_proxy") ?? value("all_proxy")
    exceptions = (value("no_proxy") ?? "").split { $0 == "," || $0.isWhitespace }
      .map { $0.lowercased() }
  }

  /// The proxy for an address; `nil` if the host is reached directly.
  func proxy(scheme: String, host: String) -> String? {
    let host = host.lowercased()
    // Nobody means a proxy for the machine itself.
    let isLocal = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host)
    let isException = exceptions.contains { entry in
      let name = entry.drop { $0 == "." || $0 == "*" }
      return entry == "*" || host == name || (!name.isEmpty && host.hasSuffix("." + name))
    }
    return isLocal || isException ? nil : scheme == "https" ? https : http
  }
}
