#if Hub
import DINOTestSupport
import Foundation
import Testing

@testable import DINOHub

/// Two hosts that together answer as Hugging Face does: the one of the repositories, and the one that
/// large files are redirected to.
struct HuggingFaceHost: Sendable {
  static let commit = HubTestFolder.commit
  static let config = Array(#"{"model_type": "dinov2"}"#.utf8)
  static let preprocessor = Array(#"{"size": 256}"#.utf8)
  static let weights = HubTestFolder.weights

  /// The address of the host of large files.
  var largeFiles = ""
  var hasPreprocessor = true
  var token: String?
  var weightsHash = HubTestFolder.sha256(weights)

  func reply(to request: ServerRequest) -> ServerReply {
    let commit = ("X-Repo-Commit", Self.commit)
    if let token, request.headers["authorization"] != "Bearer " + token { return .status(401) }
    let path = request.path.split(separator: "/").map { String($0) }
    guard path.count == 5, path[2] == "resolve", ["main", Self.commit].contains(path[3])
    else { return .status(404) }
    switch path[4] {
    case "config.json": return small(Self.config).reply(to: request)
    case "preprocessor_config.json" where hasPreprocessor:
      return small(Self.preprocessor).reply(to: request)
    case "model.safetensors":
      return .redirect(
        to: largeFiles + "/blob?signature=secret",
        [
          commit, ("X-Linked-Size", "\(Self.weights.count)"),
          ("X-Linked-Etag", "\"\(weightsHash)\""),
        ])
    default: return .status(404, [commit])
    }
  }

  private func small(_ bytes: [UInt8]) -> ServedFile {
    ServedFile(
      bytes: bytes, tag: "\"\(HubTestFolder.gitHash(bytes))\"",
      headers: [("X-Repo-Commit", Self.commit)])
  }

  /// Calls a closure with both servers.
  static func run<Result>(
    _ host: HuggingFaceHost = HuggingFaceHost(),
    largeFile: ServedFile = ServedFile(bytes: weights, tag: "\"cdn\""),
    _ body: (_ host: LocalServer, _ largeFiles: LocalServer) async throws -> Result
  ) async throws -> Result {
    var host = host
    return try await LocalServer.run(largeFile) { largeFiles in
      host.largeFiles = largeFiles.url
      let handler: LocalServer.Handler = { [host] in host.reply(to: $0) }
      return try await LocalServer.run(handler) { server in
        try await body(server, largeFiles)
      }
    }
  }
}

@Suite("Pulling from Hugging Face", .timeLimit(.minutes(1)))
struct HuggingFacePullTests {
  private let test: HubTestFolder
  private let model = ReleasedModel(.small)
  private let root = "models--facebook--dinov2-small"
  private var snapshot: String { root + "/snapshots/" + HuggingFaceHost.commit }

  init() throws { test = try HubTestFolder() }

  private func failure(
    _ server: LocalServer, _ environment: [String: String] = [:]
  ) async -> HubError? {
    do throws(HubError) {
      _ = try await test.hub(server, environment).pull(model, from: .huggingFace)
      return nil
    } catch {
      return error
    }
  }

  @Test("the tree is the one that huggingface_hub 2.4 makes")
  func tree() async throws {
    try await HuggingFaceHost.run { server, _ in
      let local = try await test.hub(server).pull(model, from: .huggingFace)

      let config = HubTestFolder.gitHash(HuggingFaceHost.config)
      let preprocessor = HubTestFolder.gitHash(HuggingFaceHost.preprocessor)
      let weights = HubTestFolder.sha256(HuggingFaceHost.weights)
      let expected =
        [config, preprocessor, weights].flatMap {
          ["\(root)/blobs/\($0)", ".locks/\(root)/\($0).lock"]
        }
        + [
          "CACHEDIR.TAG", "\(root)/refs/main",
          "\(snapshot)/config.json -> ../../blobs/\(config)",
          "\(snapshot)/model.safetensors -> ../../blobs/\(weights)",
          "\(snapshot)/preprocessor_config.json -> ../../blobs/\(preprocessor)",
        ]
      #expect(try test.tree("hub") == expected.sorted())
      #expect(
        FileSystem.readText(test.folder.file("hub/\(root)/refs/main")) == HuggingFaceHost.commit)
      #expect(local.path == test.folder.file("hub/" + snapshot))
      #expect(try test.bytes(local.weightsPath) == HuggingFaceHost.weights)
      #expect(try test.bytes(local.path + "/config.json") == HuggingFaceHost.config)
      #expect(local.commit == HuggingFaceHost.commit)
    }
  }

  @Test("what was pulled is found again without the network, and its hash is known")
  func locate() async throws {
    try await HuggingFaceHost.run { server, _ in
      let hub = test.hub(server)
      let pulled = try await hub.pull(model, from: .huggingFace)
      let count = server.requests.count

      #expect(hub.locate(model) == pulled)
      #expect(try await hub.pull(model, from: .huggingFace) == pulled)
      #expect(server.requests.count == count)
      #expect(pulled.expectedSHA256 == HubTestFolder.sha256(HuggingFaceHost.weights))
      #expect(try hub.verify(pulled))
    }
  }

  @Test("the token goes to the repository and never to the host of large files")
  func token() async throws {
    try await HuggingFaceHost.run(HuggingFaceHost(token: "hf_secret")) { server, largeFiles in
      _ = try await test.hub(server, ["HF_TOKEN": "hf_secret"]).pull(model, from: .huggingFace)

      #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
      #expect(largeFiles.requests.count == 1)
      #expect(largeFiles.requests.allSatisfy { $0.headers["authorization"] == nil })
    }
  }

  @Test("all files come from the commit of the first one")
  func oneCommit() async throws {
    try await HuggingFaceHost.run { server, _ in
      _ = try await test.hub(server).pull(model, from: .huggingFace)

      let heads = server.requests.filter { $0.method == "HEAD" }.map(\.path)
      let base = "/facebook/dinov2-small/resolve/"
      #expect(
        heads == [
          base + "main/config.json", base + HuggingFaceHost.commit + "/preprocessor_config.json",
          base + HuggingFaceHost.commit + "/model.safetensors",
        ])
    }
  }

  @Test("a repository without the optional file is complete, and that is remembered")
  func optionalFile() async throws {
    try await HuggingFaceHost.run(HuggingFaceHost(hasPreprocessor: false)) { server, _ in
      let local = try await test.hub(server).pull(model, from: .huggingFace)

      let mark = "\(root)/.no_exist/\(HuggingFaceHost.commit)/preprocessor_config.json"
      #expect(try test.tree("hub").contains(mark))
      #expect(test.hub().locate(model) == local)
    }
  }

  @Test("a download that was interrupted goes on at the host of large files")
  func resumes() async throws {
    let tag = HubTestFolder.sha256(HuggingFaceHost.weights)
    let part = Array(HuggingFaceHost.weights.prefix(400_000))
    try test.folder.write("hub/\(root)/blobs/\(tag).incomplete", part)
    try await HuggingFaceHost.run { server, largeFiles in
      let local = try await test.hub(server).pull(model, from: .huggingFace)

      #expect(try test.bytes(local.weightsPath) == HuggingFaceHost.weights)
      #expect(largeFiles.requests.map { $0.headers["range"] } == ["bytes=400000-"])
    }
  }

  @Test("contents that are not those of the hash are refused, and the branch stays unknown")
  func wrongHash() async throws {
    try await HuggingFaceHost.run(HuggingFaceHost(weightsHash: String(repeating: "a", count: 64))) {
      server, _ in
      let error = await failure(server)
      let tree = try test.tree("hub")

      #expect(error?.description.contains("expected aaaaaaaaaaaaaaaa…") == true)
      #expect(error?.description.contains("secret") == false)
      #expect(
        !tree.contains { $0.contains("refs") || $0.contains("aaaa") && !$0.hasSuffix(".lock") })
      #expect(test.hub().locate(model) == nil)
    }
  }

  @Test("a size other than the announced one is refused")
  func wrongSize() async throws {
    let short = ServedFile(bytes: Array(HuggingFaceHost.weights.dropLast()))
    try await HuggingFaceHost.run(largeFile: short) { server, largeFiles in
      let error = await failure(server)

      #expect(
        error?.description.contains("\(largeFiles.url)/blob offers 700000 bytes, 700001 were")
          == true)
      #expect(test.hub().locate(model) == nil)
    }
  }

  @Test("a token that is not accepted is named")
  func refusedToken() async throws {
    try await HuggingFaceHost.run(HuggingFaceHost(token: "hf_right")) { server, _ in
      let wrong = await failure(server, ["HF_TOKEN": "hf_wrong"])
      let missing = await failure(server)

      let url = "\(server.url)/facebook/dinov2-small/resolve/main/config.json"
      #expect(
        wrong?.description == url + ": the server answered 401 (not authorised); the token "
          + "(HF_TOKEN, or the file that `hf auth login` wrote) was not accepted: correct or remove "
          + "it, or download the file yourself and pass --weights FILE")
      #expect(
        missing?.description == url + ": the server answered 401 (not authorised); set HF_TOKEN to "
          + "a token that may read the repository, or download the file yourself and pass "
          + "--weights FILE")
    }
  }

  @Test("a server that is no Hugging Face is told apart")
  func otherServer() async throws {
    try await LocalServer.run(ServedFile(bytes: [1])) { server in
      let error = await failure(server)

      #expect(error?.description.contains("has no commit in X-Repo-Commit") == true)
      #expect(error?.description.contains("check HF_ENDPOINT") == true)
    }
  }

  @Test("a tag cannot lead out of the cache", arguments: ["\"../../x\"", "\"a/b\"", "\".x\"", ""])
  func hostileTag(tag: String) async throws {
    let headers = [("X-Repo-Commit", HuggingFaceHost.commit), ("ETag", tag)]
    try await LocalServer.run(.status(200, headers)) { server in
      let error = await failure(server)

      #expect(error?.description.contains("no usable ETag") == true)
    }
  }

  @Test("offline, the message names repository, folder and address")
  func offline() async throws {
    try await HuggingFaceHost.run { server, _ in
      let error = await failure(server, ["HF_HUB_OFFLINE": "1"])

      #expect(
        error?.description == "facebook/dinov2-small is not in \(test.folder.file("hub")) and "
          + "HF_HUB_OFFLINE forbids downloads: unset it, or download "
          + "\(server.url)/facebook/dinov2-small/resolve/main/model.safetensors yourself and pass "
          + "--weights FILE")
      #expect(server.requests.isEmpty)
    }
  }

  @Test("refreshing follows the branch to a newer commit and keeps the old one")
  func refresh() async throws {
    let old = String(repeating: "b", count: 40)
    try test.folder.write("hub/\(root)/refs/main", Array(old.utf8))
    try test.folder.write("hub/\(root)/snapshots/\(old)/config.json", [1])
    try test.folder.write("hub/\(root)/snapshots/\(old)/model.safetensors", [2])
    try await HuggingFaceHost.run { server, _ in
      let hub = test.hub(server)
      let before = try await hub.pull(model, from: .huggingFace)
      let after = try await hub.pull(model, from: .huggingFace, refresh: true)

      #expect(before.commit == old)
      #expect(after.commit == HuggingFaceHost.commit)
      #expect(hub.locate(model) == after)
      #expect(FileSystem.isFile(before.weightsPath))
    }
  }

  @Test("timm's repositories are pulled in the same way")
  func timm() async throws {
    try await HuggingFaceHost.run { server, _ in
      let local = try await test.hub(server).pull(model, from: .timm)

      let folder = "hub/models--timm--vit_small_patch14_dinov2.lvd142m/snapshots/"
      #expect(local.path == test.folder.file(folder + HuggingFaceHost.commit))
      #expect(
        server.requests.first?.path
          == "/timm/vit_small_patch14_dinov2.lvd142m/resolve/main/config.json")
    }
  }

  @Test("pulls that run at once share the downloads")
  func concurrent() async throws {
    try await HuggingFaceHost.run { server, largeFiles in
      let hub = test.hub(server)
      async let first = hub.pull(model, from: .huggingFace)
      async let second = hub.pull(model, from: .huggingFace)
      let models = try await [first, second]

      #expect(models[0] == models[1])
      #expect(largeFiles.requests.filter { $0.method == "GET" }.count == 1)
    }
  }
}
#endif
