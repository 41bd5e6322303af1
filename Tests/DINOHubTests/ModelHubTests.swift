import DINOTestSupport
import Foundation
import Testing

@testable import DINOHub

@Suite("ModelHub without a network")
struct ModelHubTests {
  private let test: HubTestFolder
  private let model = ReleasedModel(.small)
  private let commit = HubTestFolder.commit

  init() throws { test = try HubTestFolder() }

  /// Makes what `huggingface_hub` leaves after a download.
  private func writeRepository(_ id: String, _ files: [String]) throws {
    let root = "hub/models--" + id.replacing("/", with: "--")
    try test.folder.write(root + "/refs/main", Array(commit.utf8))
    for name in files {
      let bytes = Array(name.utf8)
      let tag = HubTestFolder.sha256(bytes)
      try test.folder.write("\(root)/blobs/\(tag)", bytes)
      let snapshot = test.folder.file("\(root)/snapshots/\(commit)")
      try FileManager.default.createDirectory(
        atPath: snapshot, withIntermediateDirectories: true)
      try FileSystem.link(snapshot + "/" + name, to: "../../blobs/" + tag)
    }
  }

  @Test("an empty cache has nothing")
  func nothing() {
    #expect(test.hub().locate(model) == nil)
    #expect(test.hub().locate(model.imageNetHead(layers: 4)) == nil)
  }

  @Test("a file of torch.hub is found; an empty one is none")
  func torchHub() throws {
    let path = try test.folder.write("torch/hub/checkpoints/dinov2_vits14_pretrain.pth", [1])
    try test.folder.write("torch/hub/checkpoints/dinov2_vitb14_pretrain.pth", [])

    let local = try #require(test.hub().locate(model))
    #expect(local.path == path)
    #expect(local.source == .meta)
    #expect(local.expectedSHA256 == model.backbone.sha256)
    #expect(test.hub().locate(ReleasedModel(.base)) == nil)
  }

  @Test(
    "what transformers and timm downloaded is found", arguments: [WeightSource.huggingFace, .timm])
  func python(source: WeightSource) throws {
    let id = try #require(model.repositoryID(at: source))
    try writeRepository(id, ["config.json", "model.safetensors"])

    let local = try #require(test.hub().locate(model))
    #expect(local.source == source)
    #expect(local.commit == commit)
    #expect(local.weightsPath == local.path + "/model.safetensors")
    #expect(local.expectedSHA256 == HubTestFolder.sha256(Array("model.safetensors".utf8)))
    #expect(try test.hub().verify(local))
  }

  @Test("the weights of older versions of transformers count")
  func pickle() throws {
    try writeRepository("facebook/dinov2-small", ["config.json", "pytorch_model.bin"])

    let local = try #require(test.hub().locate(model))
    #expect(local.weightsPath.hasSuffix("/pytorch_model.bin"))
  }

  @Test("half a repository is none", arguments: ["config.json", "model.safetensors"])
  func incomplete(file: String) throws {
    try writeRepository("facebook/dinov2-small", [file])

    #expect(test.hub().locate(model) == nil)
  }

  @Test("the order of the hosts decides, and one host can be asked for alone")
  func order() throws {
    try writeRepository("facebook/dinov2-small", ["config.json", "model.safetensors"])
    try test.folder.write("torch/hub/checkpoints/dinov2_vits14_pretrain.pth", [1])
    let hub = test.hub()

    #expect(hub.locate(model)?.source == .meta)
    #expect(hub.locate(model, from: [.huggingFace, .meta])?.source == .huggingFace)
    #expect(hub.locate(model, from: [.timm]) == nil)
  }

  @Test("another branch or commit can be asked for")
  func revision() throws {
    try writeRepository("facebook/dinov2-small", ["config.json", "model.safetensors"])
    var settings = test.settings()

    settings.huggingFaceRevision = commit
    #expect(ModelHub(settings: settings).locate(model) != nil)
    settings.huggingFaceRevision = "other"
    #expect(ModelHub(settings: settings).locate(model) == nil)
  }

  @Test("weights that changed on the disk do not pass")
  func damaged() throws {
    try test.folder.write("torch/hub/checkpoints/dinov2_vits14_pretrain.pth", [1])
    let hub = test.hub()
    let local = try #require(hub.locate(model))

    let error = #expect(throws: HubError.self) { try hub.verify(local) }
    #expect(error?.category == .inputOutput)
    #expect(
      error?.description == "\(local.path): the SHA-256 is 4bf5122f344554c5…, expected "
        + "b938bf1bc15cd2ec…; remove the file and pull the model again")
  }

  #if !Hub
  @Test("without the trait, the message says how to build with it")
  func builtWithout() async throws {
    for source in WeightSource.allCases {
      let error = await #expect(throws: HubError.self) {
        try await test.hub().pull(model, from: source)
      }

      #expect(error?.category == .usage)
      #expect(error?.description.contains("`swift build --traits Hub`") == true)
    }
  }
  #endif
}

@Suite("HuggingFaceRepository")
struct HuggingFaceRepositoryTests {
  @Test(
    "only names that stay in the folder are blobs",
    arguments: [
      ("abc123", true), ("abc-1_gzip.x", true), ("", false), ("..", false), (".x", false),
      ("a/b", false), ("a b", false), ("é", false), (String(repeating: "a", count: 201), false),
    ])
  func blobNames(name: String, expected: Bool) {
    #expect(HuggingFaceRepository.isBlobName(name) == expected)
  }

  @Test(
    "revisions are branches, tags and commits",
    arguments: [("main", true), ("refs/pr/1", true), ("../x", false), ("a//b", false), ("", false)])
  func revisions(name: String, expected: Bool) {
    #expect(HuggingFaceRepository.isRevision(name) == expected)
  }

  @Test("a reference is rewritten only if it changes")
  func references() throws {
    let folder = try TemporaryFolder()
    let repository = HuggingFaceRepository(id: "a/b", cache: folder.path)
    let commit = HubTestFolder.commit
    #expect(repository.commit(of: "main") == nil)

    try repository.setReference("main", to: commit)
    try repository.setReference(commit, to: commit)

    #expect(repository.commit(of: "main") == commit)
    #expect(repository.commit(of: commit) == commit)
    let references = try FileManager.default.contentsOfDirectory(
      atPath: folder.file("models--a--b/refs"))
    #expect(references == ["main"])
  }

  @Test("a reference that is not a commit is not followed")
  func damagedReference() throws {
    let folder = try TemporaryFolder()
    try folder.write("models--a--b/refs/main", Array("../../x".utf8))

    #expect(HuggingFaceRepository(id: "a/b", cache: folder.path).commit(of: "main") == nil)
  }
}
