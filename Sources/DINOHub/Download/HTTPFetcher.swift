#if Hub
internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// A failure of one try, and whether another one may help.
struct FetchFailure: Error {
  let error: HubError
  var isTransient = false
  /// What the server asked for in `Retry-After`.
  var retryAfter: Duration?
}

/// One request for a file.
struct FetchRequest: Sendable {
  var address: WebAddress
  /// Whether only the headers are wanted.
  var isHead = false
  /// Sent to the origin of `address` only, never along a redirect to another one.
  var token: AccessToken?
  /// Headers beyond the usual ones.
  var headers: [(name: String, value: String)] = []
  /// What to do if the server refuses, for the message.
  var advice: @Sendable (_ status: Int) -> String = { _ in HTTPFetcher.usualAdvice }
}

/// The answer to a request.
struct FetchResponse: Sendable {
  let address: WebAddress
  let status: Int
  let headers: [[(name: String, value: String)]]
  let body: HTTPClientResponse.Body

  /// A header of the last answer, or of the first one in a chain of redirects that has it.
  func header(_ name: String, inRedirects: Bool = false) -> String? {
    let answers = inRedirects ? headers[...] : headers.suffix(1)
    for answer in answers {
      let found = answer.first { $0.name.lowercased() == name.lowercased() }
      if let found { return found.value }
    }
    return nil
  }
}

/// Sends requests: redirects, proxies, time limits, and errors in words.
final class HTTPFetcher: Sendable {
  static let usualAdvice = "download the file yourself and pass --weights FILE"
  /// Browsers stop after 20; two hosts of weights need two.
  private static let maxRedirects = 10

  private let settings: HubSettings
  private let direct: HTTPClient
  private let proxied: [String: HTTPClient]

  /// Calls a closure with a fetcher whose connections are closed afterwards.
  static func with<Result>(
    _ settings: HubSettings, _ body: (HTTPFetcher) async throws(HubError) -> Result
  ) async throws(HubError) -> Result {
    let fetcher = try HTTPFetcher(settings)
    do throws(HubError) {
      let result = try await body(fetcher)
      await fetcher.close()
      return result
    } catch {
      await fetcher.close()
      throw error
    }
  }

  private init(_ settings: HubSettings) throws(HubError) {
    let proxies = try settings.proxies.clientProxies()
    self.settings = settings
    direct = HTTPFetcher.client(settings, proxy: nil)
    proxied = proxies.mapValues { HTTPFetcher.client(settings, proxy: $0) }
  }

  private static func client(
    _ settings: HubSettings, proxy: HTTPClient.Configuration.Proxy?
  ) -> HTTPClient {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(
        connect: TimeAmount(settings.connectTimeout), read: TimeAmount(settings.stallTimeout)),
      proxy: proxy, decompression: .disabled)
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  private func close() async {
    for client in [direct] + proxied.values {
      // Nothing is in flight any more, and there is nobody who could act on a failure.
      try? await client.shutdown()
    }
  }

  /// Sends a request and follows redirects.
  ///
  /// - Parameter request: The request.
  /// - Returns: An answer with a status below 300, or 416.
  /// - Throws: ``FetchFailure`` for every other answer and if there is none.
  func send(_ request: FetchRequest) async throws(FetchFailure) -> FetchResponse {
    var address = request.address
    var answers: [[(name: String, value: String)]] = []
    for _ in 0...HTTPFetcher.maxRedirects {
      let response = try await answer(to: request, at: address)
      answers.append(response.headers.map { ($0.name, $0.value) })
      let status = Int(response.status.code)
      if status < 300 || status == 416 {
        return FetchResponse(
          address: address, status: status, headers: answers, body: response.body)
      }
      guard [301, 302, 303, 307, 308].contains(status),
        let location = response.headers.first(name: "location")
      else { throw refusal(request, address, response) }
      guard let next = address.following(location),
        next.scheme == "https" || address.scheme == "http"
      else {
        throw FetchFailure(
          error: .answer(
            url: address.display,
            problem: "the server redirects to \"\(location)\", which is no address that is followed"
          ))
      }
      address = next
      // Whether a file is at another host is known once its own host names the hash.
      if request.isHead, !next.hasOrigin(of: request.address), response.namesHash {
        return FetchResponse(
          address: address, status: 200, headers: answers, body: response.body)
      }
    }
    throw FetchFailure(
      error: .answer(
        url: request.address.display,
        problem: "more than \(HTTPFetcher.maxRedirects) redirects; " + HTTPFetcher.usualAdvice))
  }

  private func answer(
    to request: FetchRequest, at address: WebAddress
  ) async throws(FetchFailure) -> HTTPClientResponse {
    var message = HTTPClientRequest(url: address.text)
    message.method = request.isHead ? .HEAD : .GET
    message.headers.add(name: "user-agent", value: "swift-dinov2")
    // Sizes and ranges count bytes of the file, not of a compressed form.
    message.headers.add(name: "accept-encoding", value: "identity")
    for header in request.headers { message.headers.add(name: header.name, value: header.value) }
    if let token = request.token, address.hasOrigin(of: request.address) {
      message.headers.add(name: "authorization", value: "Bearer " + token.value)
    }
    let proxy = settings.proxies.proxy(scheme: address.scheme, host: address.host)
    let client = proxy.flatMap { proxied[$0] } ?? direct
    do {
      return try await client.execute(message, deadline: .distantFuture)
    } catch {
      throw failure(error, at: address)
    }
  }

  private func refusal(
    _ request: FetchRequest, _ address: WebAddress, _ response: HTTPClientResponse
  ) -> FetchFailure {
    let status = Int(response.status.code)
    let seconds = response.headers.first(name: "retry-after").flatMap { Int($0) }
    return FetchFailure(
      error: .refused(url: address.display, status: status, advice: request.advice(status)),
      isTransient: [408, 425, 429, 500, 502, 503, 504].contains(status),
      retryAfter: seconds.map { .seconds(min(max($0, 0), 86_400)) })
  }

  /// Puts a failure of the client into words.
  func failure(_ error: any Error, at address: WebAddress) -> FetchFailure {
    if let failure = error as? FetchFailure { return failure }
    if error is CancellationError || Task.isCancelled {
      return FetchFailure(error: .stopped(what: address.display))
    }
    let problem =
      switch error as? HTTPClientError {
      case .readTimeout: "no byte came for \(settings.stallTimeout.inSeconds)"
      case .connectTimeout, .getConnectionFromPoolTimeout:
        "no connection within \(settings.connectTimeout.inSeconds)"
      case .remoteConnectionClosed: "the server closed the connection"
      case .invalidProxyResponse: "the proxy refused to connect"
      case .proxyAuthenticationRequired: "the proxy asks for a name and a password"
      default: HTTPFetcher.words(for: error)
      }
    return FetchFailure(
      error: .network(url: address.display, problem: problem), isTransient: true)
  }

  private static func words(for error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      guard let attempt = error.connectionErrors.last else {
        return "the name of the host cannot be found"
      }
      return words(for: attempt.error)
    case let error as IOError:
      return "the connection failed: " + FileSystem.reason(error.errnoCode)
    case let error as HTTPParserError:
      return error == .invalidEOFState
        ? "the server closed the connection" : "the answer is not HTTP (\(error))"
    default: return "the connection failed (\(error))"
    }
  }
}

extension HTTPClientResponse {
  fileprivate var namesHash: Bool { headers.contains(name: "x-linked-etag") }
}

extension Duration {
  fileprivate var inSeconds: String {
    let milliseconds = (self / .milliseconds(1)).rounded()
    let seconds = milliseconds / 1_000
    return seconds == seconds.rounded() ? "\(Int(seconds)) s" : "\(seconds) s"
  }
}
#endif
