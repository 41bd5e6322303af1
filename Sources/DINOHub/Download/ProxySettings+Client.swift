#if Hub
internal import AsyncHTTPClient
internal import FoundationEssentials

extension ProxySettings {
  /// The proxies in the form that the client takes, by the text of the environment.
  ///
  /// The client opens a tunnel (`CONNECT`) for `http` addresses too.
  ///
  /// - Returns: One entry per address.
  /// - Throws: ``HubError/settings(problem:)`` for an address that is not of the form
  ///   `http://user:password@host:port`.
  func clientProxies() throws(HubError) -> [String: HTTPClient.Configuration.Proxy] {
    var proxies: [String: HTTPClient.Configuration.Proxy] = [:]
    for text in Set([http, https].compactMap(\.self)) {
      // "proxy.example:3128" is usual; without a scheme it means http.
      let full = text.contains("://") ? text : "http://" + text
      guard let address = WebAddress(full), address.scheme == "http" else {
        // The address is left off, because it may hold a password.
        throw .settings(
          problem: "the proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not of the form "
            + "http://host:port; correct or unset it")
      }
      let url = URL(string: full)
      var authorization: HTTPClient.Authorization?
      if let user = url?.user(percentEncoded: false) {
        let password = url?.password(percentEncoded: false) ?? ""
        authorization = .basic(username: user, password: password)
      }
      proxies[text] = .server(
        host: address.host, port: address.port, authorization: authorization)
    }
    return proxies
  }
}
#endif
