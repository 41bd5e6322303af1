#if Hub
import DINOTestSupport
import Foundation
import Testing

@testable import DINOHub

@Suite("Pulling Meta's files", .timeLimit(.minutes(1)))
struct MetaPullTests {
  private let test: HubTestFolder
  private let content = HubTestFolder.weights
  private let events = Recorder<PullEvent>()

  init() throws { test = try HubTestFolder() }

  private var file: ReleasedFile {
    ReleasedFile(
      path: "dinov2_vits14/dinov2_vits14_pretrain.pth", sha256: HubTestFolder.sha256(content))
  }
  private let partial = "torch/hub/checkpoints/dinov2_vits14_pretrain.pth.incomplete"

  @discardableResult
  private func pull(
    _ server: LocalServer?, _ file: ReleasedFile? = nil, _ environment: [String: String] = [:],
    _ change: (inout HubSettings) -> Void = { _ in }
  ) async throws(HubError) -> String {
    var settings = test.settings(server, environment)
    change(&settings)
    let events = events
    return try await ModelHub(settings: settings).pull(file ?? self.file) { events.append($0) }
  }

  private func pulledBytes(
    _ server: LocalServer, _ file: ReleasedFile? = nil
  ) async throws -> [UInt8] {
    try test.bytes(await pull(server, file))
  }

  /// The error of a pull that fails.
  private func failure(
    _ server: LocalServer?, _ file: ReleasedFile? = nil, _ environment: [String: String] = [:],
    _ change: (inout HubSettings) -> Void = { _ in }
  ) async -> HubError? {
    do throws(HubError) {
      try await pull(server, file, environment, change)
      return nil
    } catch {
      return error
    }
  }

  @Test("a file comes into the cache of torch.hub, whole and alone")
  func fresh() async throws {
    let served = ServedFile(bytes: content)
    try await LocalServer.run(served) { server in
      let path = try await pull(server)

      #expect(path == test.folder.file("torch/hub/checkpoints/dinov2_vits14_pretrain.pth"))
      #expect(try test.bytes(path) == content)
      #expect(try test.tree("torch") == ["hub/checkpoints/dinov2_vits14_pretrain.pth"])
      #expect(server.requests.map(\.path) == ["/dinov2_vits14/dinov2_vits14_pretrain.pth"])
      #expect(server.requests.first?.headers["authorization"] == nil)
    }
  }

  @Test("events tell the size, the bytes so far, the check and the end")
  func progress() async throws {
    let served = ServedFile(bytes: content)
    try await LocalServer.run(served) { server in
      let path = try await pull(server)

      let name = "dinov2_vits14_pretrain.pth"
      #expect(events.all.first == .started(file: name, bytes: 0, total: 700_001))
      #expect(
        events.all.suffix(3) == [
          .progress(file: name, bytes: 700_001, total: 700_001), .verifying(file: name),
          .finished(file: name, path: path),
        ])
    }
  }

  @Test("what is in the cache needs no network")
  func cached() async throws {
    let path = try test.folder.write(
      "torch/hub/checkpoints/dinov2_vits14_pretrain.pth", Array("from Python".utf8))

    #expect(try await pull(nil, nil, ["HF_HUB_OFFLINE": "1"]) == path)
    #expect(events.all.isEmpty)
  }

  @Test("a connection that is cut goes on where it stopped")
  func cutConnection() async throws {
    let served = ServedFile(bytes: content)
    let count = Recorder<Int>()
    let handler: LocalServer.Handler = { request in
      count.append(1)
      var reply = served.reply(to: request)
      if count.all.count <= 2 {
        reply.body = Array(reply.body.prefix(200_000))
        reply.ending = .cut
      }
      return reply
    }
    try await LocalServer.run(handler) { server in
      let path = try await pull(server)

      #expect(try test.bytes(path) == content)
      // The client may drop the last bytes before a cut, so the offsets are not the server's.
      let offsets = events.all.compactMap { event in
        if case .started(_, let bytes, 700_001) = event { bytes } else { nil }
      }
      #expect(offsets.count == 3 && offsets[0] == 0 && offsets[1] > 0 && offsets[2] > offsets[1])
      #expect(
        server.requests.map { $0.headers["range"] }
          == [nil] + offsets.dropFirst().map { "bytes=\($0)-" })
      #expect(server.requests.map { $0.headers["if-range"] } == [nil, "\"v1\"", "\"v1\""])
      #expect(
        events.all.contains { event in
          guard case .retrying(_, let reason, _) = event else { return false }
          return reason.contains("the server closed the connection")
        })
    }
  }

  @Test("another process goes on with what an earlier one left")
  func resumesLater() async throws {
    try test.folder.write(partial, Array(content.prefix(300_000)))
    try test.folder.write(partial + ".etag", Array("\"v1\"".utf8))
    let served = ServedFile(bytes: content)
    try await LocalServer.run(served) { server in
      let path = try await pull(server)

      #expect(try test.bytes(path) == content)
      #expect(server.requests.map { $0.headers["range"] } == ["bytes=300000-"])
      #expect(
        events.all.first
          == .started(file: "dinov2_vits14_pretrain.pth", bytes: 300_000, total: 700_001))
      #expect(try test.tree("torch") == ["hub/checkpoints/dinov2_vits14_pretrain.pth"])
    }
  }

  @Test("a file that changed on the server comes from its beginning")
  func changedFile() async throws {
    try test.folder.write(partial, HubTestFolder.content(300_000, seed: 9))
    try test.folder.write(partial + ".etag", Array("\"v0\"".utf8))
    let served = ServedFile(bytes: content)
    try await LocalServer.run(served) { server in
      let path = try await pull(server)

      #expect(try test.bytes(path) == content)
      #expect(server.requests.map { $0.headers["if-range"] } == ["\"v0\""])
      #expect(
        events.all.first
          == .restarted(
            file: "dinov2_vits14_pretrain.pth", reason: "the server sends the whole file"))
    }
  }

  @Test("a server that ignores ranges sends the file from its beginning")
  func ignoredRange() async throws {
    try test.folder.write(partial, Array(content.prefix(300_000)))
    try test.folder.write(partial + ".etag", Array("\"v1\"".utf8))
    let served = ServedFile(bytes: content, knowsRanges: false)
    try await LocalServer.run(served) { server in
      let bytes = try await pulledBytes(server)

      #expect(bytes == content)
      #expect(server.requests.count == 1)
    }
  }

  @Test("bytes of a version that nobody knows are not used")
  func unknownVersion() async throws {
    try test.folder.write(partial, Array(content.prefix(300_000)))
    let served = ServedFile(bytes: content)
    let file = ReleasedFile(path: file.path)
    try await LocalServer.run(served) { server in
      let bytes = try await pulledBytes(server, file)

      #expect(bytes == content)
      #expect(server.requests.map { $0.headers["range"] } == [nil])
    }
  }

  @Test("a part that is complete already is only checked")
  func completePart() async throws {
    try test.folder.write(partial, content)
    let served = ServedFile(bytes: content)
    try await LocalServer.run(served) { server in
      let bytes = try await pulledBytes(server)

      #expect(bytes == content)
      #expect(server.requests.map { $0.headers["range"] } == ["bytes=700001-"])
    }
  }

  @Test("damage in the old part costs one more download, not the file")
  func damagedPart() async throws {
    try test.folder.write(partial, HubTestFolder.content(300_000, seed: 9))
    let served = ServedFile(bytes: content)
    try await LocalServer.run(served) { server in
      let bytes = try await pulledBytes(server)

      #expect(bytes == content)
      #expect(server.requests.map { $0.headers["range"] } == ["bytes=300000-", nil])
    }
  }

  @Test("wrong contents are refused and not kept")
  func wrongHash() async throws {
    let served = ServedFile(bytes: HubTestFolder.content(5_000, seed: 4))
    try await LocalServer.run(served) { server in
      let error = await failure(server)
      let tree = try test.tree("torch")

      let path = test.folder.file("torch/hub/checkpoints/dinov2_vits14_pretrain.pth")
      let found = HubTestFolder.sha256(served.bytes).prefix(16)
      let expected = HubTestFolder.sha256(content).prefix(16)
      #expect(
        error?.description == "\(path): the SHA-256 is \(found)…, expected \(expected)…; the file "
          + "was not kept; \(server.url)/dinov2_vits14/dinov2_vits14_pretrain.pth or something on "
          + "the way changed it: try again, or download the file yourself and pass --weights FILE")
      #expect(error?.category == .inputOutput)
      #expect(tree.isEmpty)
      #expect(server.requests.count == 1)
    }
  }

  @Test("the first digits of a hash are enough")
  func hashPrefix() async throws {
    let served = ServedFile(bytes: content)
    let right = ReleasedFile(path: "a/x-\(HubTestFolder.sha256(content).prefix(8)).pth")
    let wrong = ReleasedFile(path: "a/y-00000000.pth")
    try await LocalServer.run(served) { server in
      let bytes = try await pulledBytes(server, right)

      #expect(bytes == content)
      #expect(await failure(server, wrong)?.description.contains("expected 00000000…") == true)
    }
  }

  @Test("a missing file is told at once")
  func notFound() async throws {
    try await LocalServer.run(.status(404)) { server in
      let error = await failure(server)

      #expect(
        error?.description == "\(server.url)/dinov2_vits14/dinov2_vits14_pretrain.pth: the server "
          + "answered 404 (not found); download the file yourself and pass --weights FILE")
      #expect(error?.category.rawValue == 5)
      #expect(server.requests.count == 1)
    }
  }

  @Test("a server that is busy is asked again")
  func busyServer() async throws {
    let served = ServedFile(bytes: content)
    let replies = Recorder<Int>()
    let handler: LocalServer.Handler = { request in
      replies.append(1)
      return replies.all.count < 4 ? .status(503) : served.reply(to: request)
    }
    try await LocalServer.run(handler) { server in
      let bytes = try await pulledBytes(server)

      #expect(bytes == content)
      #expect(server.requests.count == 4)
    }
  }

  @Test("a server that stays busy is given up", arguments: [429, 500, 503])
  func givesUp(status: Int) async throws {
    try await LocalServer.run(.status(status, [("Retry-After", "0")])) { server in
      let error = await failure(server)

      guard case .refused(_, status, _) = error else { throw TestFailure("\(error as Any)") }
      #expect(server.requests.count == 5)
    }
  }

  @Test("a connection without a byte counts as dead")
  func stall() async throws {
    let served = ServedFile(bytes: content)
    let handler: LocalServer.Handler = { request in
      var reply = served.reply(to: request)
      reply.body = Array(reply.body.prefix(1_000))
      reply.ending = .silence
      return reply
    }
    try await LocalServer.run(handler) { server in
      let error = await failure(server) { settings in
        settings.stallTimeout = .seconds(1)
        settings.retries.maxFailures = 2
      }

      #expect(error?.description.contains("no byte came for 1 s; check the network") == true)
      #expect(server.requests.map { $0.headers["range"] } == [nil, "bytes=1000-"])
      // What came is kept for the next time.
      #expect(FileSystem.size(test.folder.file(partial)) == 2_000)
    }
  }

  @Test("offline, the message says what to do")
  func offline() async throws {
    let error = await failure(nil, nil, ["HF_HUB_OFFLINE": "1"])

    #expect(
      error?.description == "dinov2_vits14_pretrain.pth is not in "
        + test.folder.file("torch/hub/checkpoints")
        + " and HF_HUB_OFFLINE forbids downloads: unset it, or download "
        + "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth yourself "
        + "and pass --weights FILE")
  }

  @Test("without a server the connection is refused after some tries")
  func unreachable() async throws {
    let address = try await LocalServer.run(.status(404)) { $0.url }

    let error = await failure(nil, nil, ["DINOV2_META_URL": address])

    #expect(
      error?.description.hasPrefix(
        "\(address)/dinov2_vits14/dinov2_vits14_pretrain.pth: the connection failed: Connection "
          + "refused; check the network") == true)
    #expect(events.all.count == 4)
  }

  @Test("an address of another kind is a mistake of the user")
  func badAddress() async throws {
    let error = await failure(nil, nil, ["DINOV2_META_URL": "ftp://example.org"])

    #expect(error?.category == .usage)
    #expect(error?.description.contains("correct DINOV2_META_URL or unset it") == true)
  }

  @Test("a login page of the network is not taken for weights")
  func webPage() async throws {
    let served = ServedFile(bytes: content, headers: [("Content-Type", "text/html")])
    try await LocalServer.run(served) { server in
      let error = await failure(server, ReleasedFile(path: "a/head.pth"))

      #expect(error?.description.contains("the answer is a web page, not the file") == true)
      #expect(test.hub().locate(ReleasedFile(path: "a/head.pth")) == nil)
    }
  }

  @Test("a disk that is too small is told before the download")
  func diskFull() async throws {
    let handler: LocalServer.Handler = { _ in
      ServerReply(headers: [("Content-Length", "1000000000000000")], ending: .silence)
    }
    try await LocalServer.run(handler) { server in
      let error = await failure(server)

      guard case .diskFull(_, 1_000_000_000_000_000, _) = error else {
        throw TestFailure("\(error as Any)")
      }
      #expect(error?.description.contains("1000000000000000 bytes are needed and") == true)
    }
  }

  @Test("two pulls at once download one file once")
  func concurrent() async throws {
    let served = ServedFile(bytes: content)
    let handler: LocalServer.Handler = { [events] request in
      // The file comes only when the other pull waits for it, or after ten seconds.
      let isWaiting = PullEvent.waiting(file: "dinov2_vits14_pretrain.pth")
      for _ in 0..<1_000 where !events.all.contains(isWaiting) {
        Thread.sleep(forTimeInterval: 0.01)
      }
      return served.reply(to: request)
    }
    try await LocalServer.run(handler) { server in
      async let first = pull(server)
      async let second = pull(server)
      let paths = try await [first, second]

      #expect(paths[0] == paths[1])
      #expect(try test.bytes(paths[0]) == content)
      #expect(server.requests.count == 1)
      #expect(events.all.contains(.waiting(file: "dinov2_vits14_pretrain.pth")))
      #expect(try test.tree("torch") == ["hub/checkpoints/dinov2_vits14_pretrain.pth"])
    }
  }

  @Test("cancelling stops at once, and the next pull goes on")
  func cancellation() async throws {
    let served = ServedFile(bytes: content)
    let isSilent = Recorder<Int>()
    let handler: LocalServer.Handler = { request in
      var reply = served.reply(to: request)
      if isSilent.all.isEmpty {
        isSilent.append(1)
        reply.body = Array(reply.body.prefix(300_000))
        reply.ending = .silence
      }
      return reply
    }
    try await LocalServer.run(handler) { server in
      let events = events
      let task = Task { await failure(server) }
      while !events.all.contains(where: { if case .progress = $0 { true } else { false } }) {
        try await Task.sleep(for: .milliseconds(5))
      }
      task.cancel()
      let error = await task.value
      let path = try await pull(server)

      #expect(error?.category == .stopped)
      #expect(error?.category.rawValue == 75)
      #expect(try test.bytes(path) == content)
      #expect(server.requests.last?.headers["range"] == "bytes=300000-")
    }
  }

  @Test("a backbone is pulled under its own name and checked against the known hash")
  func backbone() async throws {
    let served = ServedFile(bytes: content)
    let test = test
    try await LocalServer.run(served) { server in
      let error = await #expect(throws: HubError.self) {
        try await test.hub(server).pull(ReleasedModel(.small), from: .meta)
      }

      #expect(error?.description.contains("expected b938bf1bc15cd2ec…") == true)
      #expect(server.requests.map(\.path) == ["/dinov2_vits14/dinov2_vits14_pretrain.pth"])
    }
  }
}
#endif
