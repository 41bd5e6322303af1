import DINOTestSupport
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// What a client asked for.
struct ServerRequest: Sendable {
  let method: String
  /// The path with its query.
  let path: String
  /// Names are in lower case.
  let headers: [String: String]
}

/// What the server does in return.
struct ServerReply: Sendable {
  enum Ending: Sendable {
    /// The connection stays open for the next request.
    case complete
    /// The connection is closed after the body.
    case cut
    /// Nothing more comes.
    case silence
  }

  var status = 200
  var headers: [(String, String)] = []
  var body: [UInt8] = []
  var ending = Ending.complete

  static func status(_ status: Int, _ headers: [(String, String)] = []) -> ServerReply {
    ServerReply(status: status, headers: headers + [("Content-Length", "0")])
  }

  static func redirect(to location: String, _ headers: [(String, String)] = []) -> ServerReply {
    .status(302, headers + [("Location", location)])
  }
}

/// A file that a server has, with the behaviour of a good server.
struct ServedFile: Sendable {
  var bytes: [UInt8]
  var tag: String? = "\"v1\""
  var headers: [(String, String)] = []
  var knowsRanges = true

  func reply(to request: ServerRequest) -> ServerReply {
    var reply = ServerReply(headers: headers)
    if let tag { reply.headers.append(("ETag", tag)) }
    var part = bytes[...]
    let isSame = request.headers["if-range"].map { $0 == tag } ?? true
    if knowsRanges, isSame, let range = request.headers["range"], let start = Self.start(of: range)
    {
      guard start < bytes.count else {
        return .status(416, [("Content-Range", "bytes */\(bytes.count)")])
      }
      part = bytes[start...]
      reply.status = 206
      let span = "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"
      reply.headers.append(("Content-Range", span))
    }
    reply.headers.append(("Content-Length", "\(part.count)"))
    if request.method != "HEAD" { reply.body = Array(part) }
    return reply
  }

  private static func start(of range: String) -> Int? {
    guard range.hasPrefix("bytes="), range.hasSuffix("-") else { return nil }
    return Int(range.dropFirst(6).dropLast())
  }
}

/// A server on 127.0.0.1 whose answers a test decides.
final class LocalServer: Sendable {
  typealias Handler = @Sendable (ServerRequest) -> ServerReply

  let url: String
  private let channel: any Channel
  private let log: RequestLog

  /// The requests so far.
  var requests: [ServerRequest] { log.all }

  /// Calls a closure with a server that stops afterwards.
  static func run<Result>(
    _ handler: @escaping Handler, _ body: (LocalServer) async throws -> Result
  ) async throws -> Result {
    let server = try await LocalServer(handler)
    do {
      let result = try await body(server)
      try await server.channel.close()
      return result
    } catch {
      try await server.channel.close()
      throw error
    }
  }

  /// Calls a closure with a server that has one file under every name.
  static func run<Result>(
    _ file: ServedFile, _ body: (LocalServer) async throws -> Result
  ) async throws -> Result {
    let handler: Handler = { file.reply(to: $0) }
    return try await run(handler, body)
  }

  /// Calls a closure with a server that always replies the same.
  static func run<Result>(
    _ reply: ServerReply, _ body: (LocalServer) async throws -> Result
  ) async throws -> Result {
    let handler: Handler = { _ in reply }
    return try await run(handler, body)
  }

  private init(_ handler: @escaping Handler) async throws {
    let log = RequestLog()
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
          try pipeline.addHandler(ReplyHandler(log: log, handler: handler))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.log = log
    url = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
  }
}

private final class RequestLog: Sendable {
  private let requests = Mutex<[ServerRequest]>([])

  var all: [ServerRequest] { requests.withLock(\.self) }
  func append(_ request: ServerRequest) { requests.withLock { $0.append(request) } }
}

private final class ReplyHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let log: RequestLog
  private let handler: LocalServer.Handler

  init(log: RequestLog, handler: @escaping LocalServer.Handler) {
    self.log = log
    self.handler = handler
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(let head) = unwrapInboundIn(data) else { return }
    let names = head.headers.map { ($0.name.lowercased(), $0.value) }
    let request = ServerRequest(
      method: head.method.rawValue, path: head.uri,
      headers: Dictionary(names, uniquingKeysWith: { first, _ in first }))
    log.append(request)
    send(handler(request), context)
  }

  private func send(_ reply: ServerReply, _ context: ChannelHandlerContext) {
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status),
      headers: HTTPHeaders(reply.headers))
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    let body = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: reply.body)))
    let isSent = context.writeAndFlush(wrapOutboundOut(body))
    switch reply.ending {
    case .silence: break
    case .complete: context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    case .cut:
      let channel = context.channel
      isSent.whenComplete { _ in channel.close(promise: nil) }
    }
  }
}

/// Collects what closures report from several threads.
final class Recorder<Value: Sendable>: Sendable {
  private let values = Mutex<[Value]>([])

  var all: [Value] { values.withLock(\.self) }
  func append(_ value: Value) { values.withLock { $0.append(value) } }
}
