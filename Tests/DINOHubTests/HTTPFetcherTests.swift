#if Hub
import Testing

@testable import DINOHub

@Suite("HTTPFetcher", .timeLimit(.minutes(1)))
struct HTTPFetcherTests {
  private let test: HubTestFolder

  init() throws { test = try HubTestFolder() }

  /// Sends a request for `/file` and gives the answer's status, or the error.
  private func send(
    _ server: LocalServer, token: String? = nil, _ environment: [String: String] = [:]
  ) async throws -> Result<Int, HubError> {
    guard let address = WebAddress(server.url + "/file?signature=secret") else {
      throw TestFailure("no address")
    }
    do throws(HubError) {
      return try await HTTPFetcher.with(test.settings(server, environment)) {
        fetcher throws(HubError) in
        do throws(FetchFailure) {
          let request = FetchRequest(address: address, token: AccessToken(token))
          return .success(try await fetcher.send(request).status)
        } catch {
          throw error.error
        }
      }
    } catch {
      return .failure(error)
    }
  }

  private func error(of text: String, _ settings: HubSettings) async -> HubError? {
    guard let address = WebAddress(text) else { return nil }
    do throws(HubError) {
      return try await HTTPFetcher.with(settings) { fetcher throws(HubError) in
        do throws(FetchFailure) {
          _ = try await fetcher.send(FetchRequest(address: address))
          return nil
        } catch {
          throw error.error
        }
      }
    } catch {
      return error
    }
  }

  @Test("a token follows redirects on its own host only")
  func tokenStaysHome() async throws {
    try await LocalServer.run(.status(200)) { other in
      let away = other.url + "/end"
      let handler: LocalServer.Handler = { request in
        request.path.hasPrefix("/file") ? .redirect(to: "/moved") : .redirect(to: away)
      }
      try await LocalServer.run(handler) { home in
        let status = try await send(home, token: "hf_secret").get()

        #expect(status == 200)
        #expect(home.requests.map(\.path) == ["/file?signature=secret", "/moved"])
        #expect(home.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
        #expect(other.requests.map(\.path) == ["/end"])
        #expect(other.requests.first?.headers["authorization"] == nil)
      }
    }
  }

  @Test("redirects in a circle end")
  func circle() async throws {
    try await LocalServer.run(.redirect(to: "/file")) { server in
      let result = try await send(server)

      #expect(
        result
          == .failure(
            .answer(
              url: server.url + "/file",
              problem: "more than 10 redirects; download the file yourself and pass --weights FILE")
          ))
      #expect(server.requests.count == 11)
    }
  }

  @Test(
    "a redirect to something else than the web is not followed",
    arguments: ["file:///etc/passwd", "ftp://x/y"])
  func otherScheme(location: String) async throws {
    try await LocalServer.run(.redirect(to: location)) { server in
      let result = try await send(server)

      #expect(
        result
          == .failure(
            .answer(
              url: server.url + "/file",
              problem: "the server redirects to \"\(location)\", which is no address that is "
                + "followed")))
    }
  }

  @Test("messages do not show the signature of an address")
  func signature() async throws {
    try await LocalServer.run(.status(403)) { server in
      let result = try await send(server)

      #expect(throws: HubError.self) { try result.get() }
      #expect(!"\(result)".contains("secret"))
    }
  }

  @Test("a proxy is asked for a tunnel, except to hosts that are left out")
  func proxy() async throws {
    try await LocalServer.run(.status(403)) { proxy in
      let address = proxy.url.replacing("http://", with: "http://user:word@")
      let settings = test.settings(nil, ["http_proxy": address, "NO_PROXY": "other.invalid"])

      let refused = await error(of: "http://weights.invalid/file", settings)
      let direct = await error(of: "http://other.invalid/file", settings)

      let problem = "the proxy refused to connect"
      #expect(refused == .network(url: "http://weights.invalid/file", problem: problem))
      #expect(proxy.requests.map(\.method) == ["CONNECT"])
      #expect(proxy.requests.map(\.path) == ["weights.invalid:80"])
      let credentials = proxy.requests.first?.headers["proxy-authorization"]
      #expect(credentials == "Basic dXNlcjp3b3Jk")
      #expect(direct?.description.contains("other.invalid/file: ") == true)
    }
  }

  @Test("a proxy of an unknown kind is a mistake of the user")
  func badProxy() async throws {
    try await LocalServer.run(.status(200)) { server in
      let result = try await send(server, ["https_proxy": "socks5://user:word@127.0.0.1:1"])

      guard case .failure(let error) = result else { throw TestFailure("\(result)") }
      #expect(error.category == .usage)
      #expect(error.description.contains("word") == false)
    }
  }
}
#endif
